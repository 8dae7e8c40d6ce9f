/* Cooperative awareness message: basic, high-frequency, low-frequency and special vehicle container. */
#include "v2x/its_pdu.h"

/* Values that mean "unavailable", and bounds, of TS 102 894-2. */
enum {
    HEADING_UNAVAILABLE = 3601,
    CONFIDENCE_UNAVAILABLE = 127,
    SPEED_UNAVAILABLE = 16383,
    DIRECTION_UNAVAILABLE = 2,
    LENGTH_UNAVAILABLE = 1023,
    LENGTH_CONFIDENCE_UNAVAILABLE = 4,
    WIDTH_UNAVAILABLE = 62,
    ACCELERATION_MIN = -160,
    ACCELERATION_UNAVAILABLE = 161,
    ACCELERATION_CONFIDENCE_UNAVAILABLE = 102,
    CURVATURE_MIN = -1023,
    CURVATURE_UNAVAILABLE = 1023,
    CURVATURE_MIN_V1 = -30000,
    CURVATURE_UNAVAILABLE_V1 = 30001,
    CURVATURE_CONFIDENCE_UNAVAILABLE = 7,
    CURVATURE_MODE_UNAVAILABLE = 2,
    YAW_MIN = -32766,
    YAW_UNAVAILABLE = 32767,
    YAW_CONFIDENCE_UNAVAILABLE = 8,
    WHEEL_MIN = -511,
    WHEEL_UNAVAILABLE = 512
};

/* Presence bits of BasicVehicleContainerHighFrequency, first optional member on top. */
enum {
    HAS_ACCELERATION_CONTROL = 0x40,
    HAS_LANE = 0x20,
    HAS_WHEEL = 0x10,
    HAS_LATERAL = 0x08,
    HAS_VERTICAL = 0x04,
    HAS_PERFORMANCE = 0x02,
    HAS_TOLLING = 0x01
};

/* 0.1 m/s2, given in cm/s2. */
static int16_t read_acceleration(struct uper *r) {
    int v = (int)uper_int(r, ACCELERATION_MIN, ACCELERATION_UNAVAILABLE);
    (void)uper_int(r, 0, ACCELERATION_CONFIDENCE_UNAVAILABLE);
    return v == ACCELERATION_UNAVAILABLE ? STATION_UNAVAILABLE : (int16_t)(v * 10);
}

static int16_t read_curvature(struct uper *r, uint8_t protocol_version) {
    bool first = protocol_version == ITS_VERSION_1;
    int v = (int)uper_int(r, first ? CURVATURE_MIN_V1 : CURVATURE_MIN,
        first ? CURVATURE_UNAVAILABLE_V1 : CURVATURE_UNAVAILABLE);
    (void)uper_bits(r, 3);
    if (uper_flag(r)) /* calculation mode behind the extension marker: normally small number */
        uper_skip(r, 7);
    else
        (void)uper_int(r, 0, CURVATURE_MODE_UNAVAILABLE);
    bool unavailable = v == (first ? CURVATURE_UNAVAILABLE_V1 : CURVATURE_UNAVAILABLE);
    return unavailable ? STATION_UNAVAILABLE : (int16_t)v;
}

/* CenDsrcTollingZone: latitude, longitude, optional id of 27 bits; extensible since the second dictionary. */
static void read_tolling_zone(struct uper *r, uint8_t protocol_version) {
    bool extended = protocol_version != ITS_VERSION_1 && uper_flag(r);
    bool has_id = uper_flag(r);
    (void)uper_int(r, -900000000, 900000001);
    (void)uper_int(r, -1800000000, 1800000001);
    if (has_id)
        (void)uper_int(r, 0, 134217727);
    if (extended)
        uper_skip_additions(r);
}

static void read_vehicle(struct uper *r, uint8_t protocol_version, struct station_state *s) {
    unsigned present = (unsigned)uper_bits(r, 7);
    s->has_dynamics = true;
    s->heading = (uint16_t)uper_int(r, 0, HEADING_UNAVAILABLE);
    s->heading_confidence = (uint8_t)uper_int(r, 1, CONFIDENCE_UNAVAILABLE);
    s->speed = (uint16_t)uper_int(r, 0, SPEED_UNAVAILABLE);
    s->speed_confidence = (uint8_t)uper_int(r, 1, CONFIDENCE_UNAVAILABLE);
    s->direction = (uint8_t)uper_int(r, 0, DIRECTION_UNAVAILABLE);
    unsigned length = (unsigned)uper_int(r, 1, LENGTH_UNAVAILABLE);
    s->length_cm = length == LENGTH_UNAVAILABLE ? 0 : (uint16_t)(length * 10);
    (void)uper_int(r, 0, LENGTH_CONFIDENCE_UNAVAILABLE);
    unsigned breadth = (unsigned)uper_int(r, 1, WIDTH_UNAVAILABLE);
    s->width_cm = breadth == WIDTH_UNAVAILABLE ? 0 : (uint16_t)(breadth * 10);
    s->accel_long = read_acceleration(r);
    s->curvature = read_curvature(r, protocol_version);
    s->yaw_rate = (int16_t)uper_int(r, YAW_MIN, YAW_UNAVAILABLE);
    (void)uper_int(r, 0, YAW_CONFIDENCE_UNAVAILABLE);
    if ((present & HAS_ACCELERATION_CONTROL) != 0)
        (void)uper_bits(r, 7);
    if ((present & HAS_LANE) != 0)
        (void)uper_int(r, -1, 14);
    if ((present & HAS_WHEEL) != 0) {
        (void)uper_int(r, WHEEL_MIN, WHEEL_UNAVAILABLE);
        (void)uper_int(r, 1, CONFIDENCE_UNAVAILABLE);
    }
    if ((present & HAS_LATERAL) != 0)
        s->accel_lat = read_acceleration(r);
    if ((present & HAS_VERTICAL) != 0)
        s->accel_vert = read_acceleration(r);
    if ((present & HAS_PERFORMANCE) != 0)
        (void)uper_bits(r, 3);
    if ((present & HAS_TOLLING) != 0)
        read_tolling_zone(r, protocol_version);
}

static void read_light_bar(struct uper *r, struct cam_special *s) {
    s->light_bar = uper_flag(r);
    s->siren = uper_flag(r);
}

/* The last root member: of each kind what matters, in front; the rest behind it is not looked at. */
static void read_special(struct uper *r, uint8_t version, struct cam_special *s) {
    if (uper_flag(r)) {
        s->kind = SPECIAL_UNKNOWN;
        return;
    }
    s->kind = (enum cam_special_kind)uper_int(r, SPECIAL_PUBLIC_TRANSPORT, SPECIAL_SAFETY_CAR);
    unsigned present;
    switch (s->kind) {
    case SPECIAL_PUBLIC_TRANSPORT:
        (void)uper_flag(r);
        s->embarkation = uper_flag(r);
        break;
    case SPECIAL_TRANSPORT:
        s->transport = (uint8_t)uper_bits(r, 4);
        read_light_bar(r, s);
        break;
    case SPECIAL_DANGEROUS_GOODS:
        s->goods = (uint8_t)uper_int(r, 0, 19);
        break;
    case SPECIAL_ROADWORKS:
        present = (unsigned)uper_bits(r, 2);
        if ((present & 2) != 0)
            s->roadworks_sub_cause = (uint8_t)uper_bits(r, 8);
        read_light_bar(r, s);
        break;
    case SPECIAL_RESCUE:
        read_light_bar(r, s);
        break;
    case SPECIAL_EMERGENCY:
        present = (unsigned)uper_bits(r, 2);
        read_light_bar(r, s);
        if ((present & 2) != 0)
            its_read_cause(r, version, &s->cause, &s->sub_cause);
        if ((present & 1) != 0)
            s->priority = (uint8_t)uper_bits(r, 2);
        break;
    case SPECIAL_SAFETY_CAR:
        present = (unsigned)uper_bits(r, 3);
        read_light_bar(r, s);
        if ((present & 4) != 0)
            its_read_cause(r, version, &s->cause, &s->sub_cause);
        if ((present & 2) != 0) /* traffic rule: two bits, or a small number behind its marker */
            uper_skip(r, uper_flag(r) ? 7 : 2);
        if ((present & 1) != 0)
            s->speed_limit_kmh = (uint8_t)uper_int(r, 1, 255);
        break;
    case SPECIAL_UNKNOWN:
        break;
    }
}

/* False: the alternative is of a later edition. */
static bool read_low_frequency(struct uper *r, struct station_state *s) {
    if (uper_flag(r)) {
        (void)uper_bits(r, 7); /* its number; then an open type */
        uper_skip(r, uper_open_type(r) * 8);
        return false;
    }
    s->role = (uint8_t)uper_bits(r, 4);
    s->lights = (uint8_t)uper_bits(r, 8);
    its_read_path(r, s);
    return true;
}

void cam_read(struct uper *r, struct its_pdu *pdu) {
    pdu->kind = ITS_CAM;
    pdu->generation_delta_ms = (uint16_t)uper_bits(r, 16);
    (void)uper_flag(r); /* additions stand behind */
    bool has_low = uper_flag(r);
    bool has_special = uper_flag(r);
    bool extended = uper_flag(r);
    pdu->state.station_type = (uint8_t)uper_bits(r, 8);
    its_read_position(r, &pdu->state);
    if (extended)
        uper_skip_additions(r);
    if (uper_flag(r)) { /* an alternative of a later edition */
        (void)uper_bits(r, 7);
        uper_skip(r, uper_open_type(r) * 8);
    } else if (uper_flag(r)) {
        pdu->is_rsu = true;
        (void)uper_flag(r);
        if (uper_flag(
                r)) { /* the zones are a vehicle's business; nothing of ours stands behind them */
            pdu->protected_zones = (uint8_t)uper_int(r, 1, 16);
            return;
        }
    } else {
        read_vehicle(r, pdu->protocol_version, &pdu->state);
    }
    if (has_low)
        pdu->has_low_frequency = read_low_frequency(r, &pdu->state);
    if (has_special) {
        pdu->has_special = true;
        read_special(r, pdu->protocol_version, &pdu->special);
    }
}

void cam_put(struct buf *b, const struct cam_fields *f) {
    struct uper_out w = {.b = b};
    its_put_header(&w, ITS_MESSAGE_CAM, f->station_id);
    uper_put_bits(&w, 16, f->generation_delta_ms);
    uper_put_bits(&w, 3, 0); /* no extension, no further container */
    uper_put_bits(&w, 1, 0);
    uper_put_bits(&w, 8, f->station_type);
    its_put_position(&w, f->lat, f->lon);
    uper_put_bits(&w, 1, 0);
    uper_put_bits(&w, 1, f->rsu ? 1 : 0); /* alternative of the high-frequency container */
    if (f->rsu) {
        uper_put_bits(&w, 2, 0); /* no protected zones */
        uper_put_end(&w);
        return;
    }
    uper_put_bits(&w, 7, 0);
    uper_put_int(&w, 0, HEADING_UNAVAILABLE, f->heading);
    uper_put_int(&w, 1, CONFIDENCE_UNAVAILABLE, CONFIDENCE_UNAVAILABLE);
    uper_put_int(&w, 0, SPEED_UNAVAILABLE, f->speed);
    uper_put_int(&w, 1, CONFIDENCE_UNAVAILABLE, CONFIDENCE_UNAVAILABLE);
    uper_put_int(&w, 0, DIRECTION_UNAVAILABLE, DIRECTION_UNAVAILABLE);
    uper_put_int(&w, 1, LENGTH_UNAVAILABLE, LENGTH_UNAVAILABLE);
    uper_put_int(&w, 0, LENGTH_CONFIDENCE_UNAVAILABLE, LENGTH_CONFIDENCE_UNAVAILABLE);
    uper_put_int(&w, 1, WIDTH_UNAVAILABLE, WIDTH_UNAVAILABLE);
    uper_put_int(&w, ACCELERATION_MIN, ACCELERATION_UNAVAILABLE, ACCELERATION_UNAVAILABLE);
    uper_put_int(&w, 0, ACCELERATION_CONFIDENCE_UNAVAILABLE, ACCELERATION_CONFIDENCE_UNAVAILABLE);
    uper_put_int(&w, CURVATURE_MIN, CURVATURE_UNAVAILABLE, CURVATURE_UNAVAILABLE);
    uper_put_bits(&w, 3, CURVATURE_CONFIDENCE_UNAVAILABLE);
    uper_put_bits(&w, 1, 0);
    uper_put_int(&w, 0, CURVATURE_MODE_UNAVAILABLE, CURVATURE_MODE_UNAVAILABLE);
    uper_put_int(&w, YAW_MIN, YAW_UNAVAILABLE, YAW_UNAVAILABLE);
    uper_put_int(&w, 0, YAW_CONFIDENCE_UNAVAILABLE, YAW_CONFIDENCE_UNAVAILABLE);
    uper_put_end(&w);
}
