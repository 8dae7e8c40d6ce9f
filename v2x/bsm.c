#include "v2x/bsm.h"

#include "v2x/uper.h"

enum {
    ELEVATION_UNKNOWN = -4096,
    AXIS_MORE = 254,
    AXIS_UNAVAILABLE = 255,
    ORIENTATION_UNAVAILABLE = 65535,
    SPEED_UNAVAILABLE = 8191,
    HEADING_UNAVAILABLE = 28800,
    ACCELERATION_UNAVAILABLE = 2001,
    VERTICAL_UNAVAILABLE = -127,
    OFFSET_UNAVAILABLE = -131072,
    ELEVATION_OFFSET_UNAVAILABLE = -2048,
    TIME_OFFSET_UNAVAILABLE = 65535,
    PART_SAFETY = 0,
};

/* Presence bits of VehicleSafetyExtensions. */
enum { HAS_EVENTS = 0x8, HAS_PATH = 0x4, HAS_PREDICTION = 0x2 };

enum bsm_fail j2735_read(struct span payload, struct j2735_frame *ret_frame) {
    struct uper r = uper_of(payload);
    (void)uper_flag(&r); /* additions would stand behind the message */
    uint16_t id = (uint16_t)uper_bits(&r, 15);
    size_t n = uper_open_type(&r);
    size_t at = r.at / 8;
    uper_skip(&r, n * 8);
    if (r.fail == UPER_FORM)
        return BSM_VALUE;
    if (r.fail != UPER_OK)
        return BSM_TRUNCATED;
    *ret_frame = (struct j2735_frame){id, span_of(payload.p + at, n)};
    return BSM_OK;
}

static uint16_t axis_cm(uint64_t v) {
    if (v == AXIS_UNAVAILABLE)
        return STATION_AXIS_UNAVAILABLE;
    return v == AXIS_MORE ? STATION_AXIS_UNAVAILABLE - 1 : (uint16_t)(v * 5);
}

static void read_place(struct uper *r, struct station_state *s) {
    s->lat = (int32_t)uper_int(r, -900000000, STATION_LAT_UNAVAILABLE);
    s->lon = (int32_t)uper_int(r, -1799999999, STATION_LON_UNAVAILABLE);
    s->has_position = s->lat != STATION_LAT_UNAVAILABLE && s->lon != STATION_LON_UNAVAILABLE;
    int32_t elevation = (int32_t)uper_int(r, ELEVATION_UNKNOWN, 61439);
    if (elevation != ELEVATION_UNKNOWN)
        s->altitude_cm = elevation * 10;
    s->semi_major_cm = axis_cm(uper_bits(r, 8));
    s->semi_minor_cm = axis_cm(uper_bits(r, 8));
    uint32_t orientation = (uint32_t)uper_bits(r, 16);
    if (orientation != ORIENTATION_UNAVAILABLE)
        s->semi_major_orientation = (uint16_t)(orientation * 3600 / ORIENTATION_UNAVAILABLE);
}

/* Right is positive in J2735, left in ETSI's dictionary and in ours. */
static void read_motion(struct uper *r, struct bsm *b) {
    struct station_state *s = &b->state;
    s->has_dynamics = true;
    b->transmission = (uint8_t)uper_bits(r, 3);
    s->direction = b->transmission == 2 ? 0 : b->transmission == 3 ? 1 : 2;
    unsigned speed = (unsigned)uper_bits(r, 13); /* 0.02 m/s */
    s->speed = speed == SPEED_UNAVAILABLE ? STATION_SPEED_UNAVAILABLE : (uint16_t)(speed * 2);
    unsigned heading = (unsigned)uper_int(r, 0, HEADING_UNAVAILABLE); /* 0.0125 degree */
    if (heading != HEADING_UNAVAILABLE)
        s->heading = (uint16_t)((heading + 4) / 8 % 3600);
    b->steering_angle = (int16_t)uper_int(r, -126, 127);
    int along = (int)uper_int(r, -2000, ACCELERATION_UNAVAILABLE);
    if (along != ACCELERATION_UNAVAILABLE)
        s->accel_long = (int16_t)along;
    int across = (int)uper_int(r, -2000, ACCELERATION_UNAVAILABLE);
    if (across != ACCELERATION_UNAVAILABLE)
        s->accel_lat = (int16_t)-across;
    int up = (int)uper_int(r, -127, 127); /* 0.02 of standard gravity */
    if (up != VERTICAL_UNAVAILABLE)
        s->accel_vert = (int16_t)(up * 196133 / 10000);
    s->yaw_rate = (int16_t)-uper_int(r, -32767, 32767);
    b->brakes = (uint16_t)uper_bits(r, 15);
    s->width_cm = (uint16_t)uper_bits(r, 10);
    s->length_cm = (uint16_t)uper_bits(r, 12);
}

static int32_t offset(struct uper *r, int32_t unavailable, int32_t unit) {
    int32_t v = (int32_t)uper_int(r, unavailable, -unavailable - 1);
    return v == unavailable ? STATION_OFFSET_UNAVAILABLE : v * unit;
}

static void read_path(struct uper *r, struct station_state *s) {
    unsigned n = (unsigned)uper_int(r, 1, 23);
    for (unsigned i = 0; i < n && r->fail == UPER_OK; i++) {
        bool extended = uper_flag(r);
        unsigned present = (unsigned)uper_bits(r, 3);
        struct station_path_point *p = &s->path[i];
        p->lat = offset(r, OFFSET_UNAVAILABLE, 1);
        p->lon = offset(r, OFFSET_UNAVAILABLE, 1);
        p->altitude_cm = offset(r, ELEVATION_OFFSET_UNAVAILABLE, 10);
        uint16_t when = (uint16_t)uper_int(r, 1, TIME_OFFSET_UNAVAILABLE);
        p->delta_10ms = when == TIME_OFFSET_UNAVAILABLE ? 0 : when;
        uper_skip(r, (present & 4) != 0 ? 13 : 0); /* speed */
        uper_skip(r, (present & 2) != 0 ? 32 : 0); /* accuracy */
        uper_skip(r, (present & 1) != 0 ? 8 : 0); /* heading */
        if (extended)
            uper_skip_additions(r);
        s->n_path = (uint8_t)(i + 1);
    }
}

/* False: a member is there whose length is not known to us, so what follows it is not read. */
static bool read_safety(struct uper *r, struct bsm *b) {
    (void)uper_flag(r); /* additions would stand behind */
    unsigned present = (unsigned)uper_bits(r, 4);
    if ((present & HAS_EVENTS) != 0) {
        if (uper_flag(r)) /* more flags than the 13 of the root */
            return false;
        b->has_events = true;
        b->events = (uint16_t)uper_bits(r, 13);
    }
    if ((present & HAS_PATH) != 0) {
        bool extended = uper_flag(r);
        unsigned members = (unsigned)uper_bits(r, 2);
        if ((members & 2) != 0) /* FullPositionVector */
            return false;
        uper_skip(r, (members & 1) != 0 ? 8 : 0);
        read_path(r, &b->state);
        if (extended)
            uper_skip_additions(r);
    }
    if ((present & HAS_PREDICTION) != 0) {
        (void)uper_flag(r);
        b->has_prediction = true;
        b->radius_10cm = (int16_t)uper_int(r, -32767, 32767);
        b->prediction_confidence = (uint8_t)uper_int(r, 0, 200);
    }
    return true;
}

static void read_parts(struct uper *r, struct bsm *b) {
    unsigned n = (unsigned)uper_int(r, 1, 8);
    for (; n > 0 && r->fail == UPER_OK; n--) {
        unsigned id = (unsigned)uper_bits(r, 6);
        size_t octets = uper_open_type(r);
        struct uper part = *r;
        uper_skip(r, octets * 8);
        if (r->fail != UPER_OK)
            return;
        part.bits = r->at;
        if (id != PART_SAFETY || !read_safety(&part, b))
            b->n_other_parts++;
        if (part.fail != UPER_OK)
            r->fail = part.fail;
    }
}

enum bsm_fail bsm_read(struct span payload, struct bsm *ret_bsm) {
    struct j2735_frame frame;
    enum bsm_fail fail = j2735_read(payload, &frame);
    if (fail != BSM_OK)
        return fail;
    if (frame.id != J2735_BSM)
        return BSM_OTHER;
    struct uper r = uper_of(frame.body);
    struct bsm b = {0};
    station_state_clear(&b.state);
    (void)uper_flag(&r); /* additions would stand behind */
    bool has_parts = uper_flag(&r);
    (void)uper_flag(&r); /* regional parts: behind */
    b.count = (uint8_t)uper_bits(&r, 7);
    b.temporary_id = (uint32_t)uper_bits(&r, 32);
    b.second_ms = (uint16_t)uper_bits(&r, 16);
    read_place(&r, &b.state);
    read_motion(&r, &b);
    if (has_parts)
        read_parts(&r, &b);
    if (r.fail != UPER_OK)
        return r.fail == UPER_TRUNCATED ? BSM_TRUNCATED : BSM_VALUE;
    *ret_bsm = b;
    return BSM_OK;
}
