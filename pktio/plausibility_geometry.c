#include "pktio/plausibility_parts.h"

/* Cosine of whole degrees, in 1/32768. */
enum { ONE = 32768, HALF_TURN = 1800000000 };
static const uint16_t cosine[91] = {32768, 32763, 32748, 32723, 32688, 32643, 32588, 32524, 32449,
    32365, 32270, 32166, 32052, 31928, 31795, 31651, 31499, 31336, 31164, 30983, 30792, 30592,
    30382, 30163, 29935, 29698, 29452, 29197, 28932, 28660, 28378, 28088, 27789, 27482, 27166,
    26842, 26510, 26170, 25822, 25466, 25102, 24730, 24351, 23965, 23571, 23170, 22763, 22348,
    21926, 21498, 21063, 20622, 20174, 19720, 19261, 18795, 18324, 17847, 17364, 16877, 16384,
    15886, 15384, 14876, 14365, 13848, 13328, 12803, 12275, 11743, 11207, 10668, 10126, 9580, 9032,
    8481, 7927, 7371, 6813, 6252, 5690, 5126, 4560, 3993, 3425, 2856, 2286, 1715, 1144, 572, 0};

/* Of an angle from 0 to 90 degrees in units of which `degree` make one. */
static int64_t cosine_of(uint32_t angle, uint32_t degree) {
    uint32_t whole = angle / degree;
    if (whole >= 90)
        return 0;
    int64_t part = angle % degree;
    return cosine[whole] - (cosine[whole] - cosine[whole + 1]) * part / degree;
}

/* 0.1 microdegree of a meridian is 1.11319 cm. */
static int64_t to_cm(int64_t tenths) {
    return tenths * 111319 / 100000;
}

struct offset_cm place_offset(int32_t lat0, int32_t lon0, int32_t lat1, int32_t lon1) {
    int64_t middle = ((int64_t)lat0 + lat1) / 2;
    int64_t dlon = (int64_t)lon1 - lon0;
    if (dlon > HALF_TURN)
        dlon -= 2 * (int64_t)HALF_TURN;
    if (dlon < -(int64_t)HALF_TURN)
        dlon += 2 * (int64_t)HALF_TURN;
    int64_t shrink = cosine_of((uint32_t)(middle < 0 ? -middle : middle), 10000000);
    return (struct offset_cm){to_cm(dlon * shrink / ONE), to_cm((int64_t)lat1 - lat0)};
}

uint64_t offset_length(struct offset_cm o) {
    uint64_t square = (uint64_t)(o.east * o.east) + (uint64_t)(o.north * o.north);
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit != 0; bit >>= 1) {
        uint64_t next = root | bit;
        if (next * next <= square)
            root = next;
    }
    return root;
}

int64_t offset_along(struct offset_cm o, uint16_t heading) {
    uint32_t h = heading % 3600;
    uint32_t quarter = h / 900;
    uint32_t in = h % 900;
    int64_t near = cosine_of(in, 10);
    int64_t far = cosine_of(900 - in, 10);
    const int64_t north[] = {near, -far, -near, far};
    const int64_t east[] = {far, near, -far, -near};
    return (o.north * north[quarter] + o.east * east[quarter]) / ONE;
}
