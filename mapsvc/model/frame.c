#include "mapsvc/model/frame.h"

#include "mapsvc/model/ieee.h"
#include "mapsvc/model/ints.h"

enum { LAT_MAX = 900000000, LON_MAX = 1800000000, SHIFT = 30, FINE = 1000 };

/* WGS 84: semi-major axis in metres, flattening 1/298.257223563, e2 = f (2 - f). */
static const double wgs_a = 6378137.0;
static const double wgs_e2 = 0.0066943799901413165;

/* Radii of curvature: meridian M = a (1 - e2) / w^3, prime vertical N = a / w, w = sqrt(1 - e2 sin^2). */
struct cell_frame frame_at(int32_t lat0, int32_t lon0) {
    double s = 0.0;
    double c = 0.0;
    ieee_sincos((double)lat0 * (IEEE_PI / 180.0 / 1e7), &s, &c);
    double w2 = 1.0 - wgs_e2 * s * s;
    double w = ieee_sqrt(w2);
    double m = wgs_a * (1.0 - wgs_e2) / (w2 * w);
    double n = wgs_a / w * c;
    /* radians of 1e-7 degree, metres to millimetres, and the fixed-point factor */
    double unit = IEEE_PI / 180.0 / 1e7 * 1000.0 * 1073741824.0;
    struct cell_frame f = {lat0, lon0, FRAME_SCALE_MIN, FRAME_SCALE_MIN};
    (void)ieee_round(m * unit, &f.north);
    (void)ieee_round(n * unit, &f.east);
    if (f.east < FRAME_SCALE_MIN) /* at a pole */
        f.east = FRAME_SCALE_MIN;
    return f;
}

/* One axis: millimetres of a difference in 1e-7 degree. |diff| < 2^32 and scale < 2^40, so 72 bits. */
static int64_t forward(int64_t diff, int64_t scale) {
    return floor_div((__int128)diff * scale, (int64_t)1 << SHIFT);
}

static int64_t lon_wrap(int64_t lon) {
    if (lon > LON_MAX)
        return lon - 2 * (int64_t)LON_MAX;
    if (lon < -LON_MAX)
        return lon + 2 * (int64_t)LON_MAX;
    return lon;
}

bool frame_from_wgs(
    const struct cell_frame *f, int32_t lat, int32_t lon, int32_t *ret_x, int32_t *ret_y) {
    if (lat < -LAT_MAX || lat > LAT_MAX || lon < -LON_MAX || lon > LON_MAX)
        return false;
    int64_t x = forward(lon_wrap((int64_t)lon - f->lon0), f->east);
    int64_t y = forward((int64_t)lat - f->lat0, f->north);
    if (x < INT32_MIN || x > INT32_MAX || y < INT32_MIN || y > INT32_MAX)
        return false;
    *ret_x = (int32_t)x;
    *ret_y = (int32_t)y;
    return true;
}

/* The forward map floors, so the nearest image may belong to a neighbour of the quotient. */
static int64_t backward(int32_t mm, int64_t scale) {
    int64_t guess = floor_div((__int128)mm * ((int64_t)1 << SHIFT), scale);
    int64_t best = guess;
    int64_t best_dist = INT64_MAX;
    for (int64_t k = guess - 1; k <= guess + 2; k++) {
        int64_t d = forward(k, scale) - mm;
        int64_t dist = d < 0 ? -d : d;
        if (dist <= best_dist) {
            best_dist = dist;
            best = k;
        }
    }
    return best;
}

void frame_to_wgs(
    const struct cell_frame *f, int32_t x, int32_t y, int32_t *ret_lat, int32_t *ret_lon) {
    int64_t lat = f->lat0 + backward(y, f->north);
    /* One turn more or less at most: the plane ends at 2147 km, which is a full turn only near a pole,
     * where the remainder keeps the result in range. */
    int64_t lon = (f->lon0 + backward(x, f->east)) % (2 * (int64_t)LON_MAX);
    lon = lon_wrap(lon);
    *ret_lat = (int32_t)(lat > LAT_MAX ? LAT_MAX : lat < -LAT_MAX ? -LAT_MAX : lat);
    *ret_lon = (int32_t)lon;
}

bool frame_from_wgs10(
    const struct cell_frame *f, int64_t lat, int64_t lon, int32_t *ret_x, int32_t *ret_y) {
    const int64_t lat_max = (int64_t)LAT_MAX * FINE;
    const int64_t lon_max = (int64_t)LON_MAX * FINE;
    if (lat < -lat_max || lat > lat_max || lon < -lon_max || lon > lon_max)
        return false;
    int64_t dlon = lon - (int64_t)f->lon0 * FINE;
    if (dlon > lon_max)
        dlon -= 2 * lon_max;
    if (dlon < -lon_max)
        dlon += 2 * lon_max;
    const int64_t one = (int64_t)FINE << SHIFT;
    int64_t x = floor_div((__int128)dlon * f->east, one);
    int64_t y = floor_div((__int128)(lat - (int64_t)f->lat0 * FINE) * f->north, one);
    if (x < INT32_MIN || x > INT32_MAX || y < INT32_MIN || y > INT32_MAX)
        return false;
    *ret_x = (int32_t)x;
    *ret_y = (int32_t)y;
    return true;
}

/* The middle of the millimetre, so that rounding to 1e-10 degree does not leave it. */
static int64_t backward10(int32_t mm, int64_t scale) {
    const __int128 half = (__int128)FINE << (SHIFT - 1);
    return floor_div((__int128)mm * 2 * half + half, scale);
}

void frame_to_wgs10(
    const struct cell_frame *f, int32_t x, int32_t y, int64_t *ret_lat, int64_t *ret_lon) {
    const int64_t lat_max = (int64_t)LAT_MAX * FINE;
    const int64_t lon_max = (int64_t)LON_MAX * FINE;
    int64_t lat = (int64_t)f->lat0 * FINE + backward10(y, f->north);
    int64_t lon = ((int64_t)f->lon0 * FINE + backward10(x, f->east)) % (2 * lon_max);
    if (lon > lon_max)
        lon -= 2 * lon_max;
    if (lon < -lon_max)
        lon += 2 * lon_max;
    *ret_lat = lat > lat_max ? lat_max : lat < -lat_max ? -lat_max : lat;
    *ret_lon = lon;
}

bool frame_convert(const struct cell_frame *from, const struct cell_frame *to, int32_t x, int32_t y,
    int32_t *ret_x, int32_t *ret_y) {
    if (from->lat0 == to->lat0 && from->lon0 == to->lon0 && from->north == to->north &&
        from->east == to->east) {
        *ret_x = x;
        *ret_y = y;
        return true;
    }
    int64_t lat = 0;
    int64_t lon = 0;
    frame_to_wgs10(from, x, y, &lat, &lon);
    return frame_from_wgs10(to, lat, lon, ret_x, ret_y);
}
