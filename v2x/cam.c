/* Cooperative awareness message: generation time, basic container, high-frequency container. What
 * follows (low-frequency and special vehicle containers) is not looked at. */
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

static void read_acceleration(struct uper *r) {
    (void)uper_int(r, ACCELERATION_MIN, ACCELERATION_UNAVAILABLE);
    (void)uper_int(r, 0, ACCELERATION_CONFIDENCE_UNAVAILABLE);
}

static void read_curvature(struct uper *r, uint8_t protocol_version) {
    if (protocol_version == ITS_VERSION_1)
        (void)uper_int(r, CURVATURE_MIN_V1, CURVATURE_UNAVAILABLE_V1);
    else
        (void)uper_int(r, CURVATURE_MIN, CURVATURE_UNAVAILABLE);
    (void)uper_bits(r, 3);
    if (uper_flag(r)) /* calculation mode behind the extension marker: normally small number */
        uper_skip(r, 7);
    else
        (void)uper_int(r, 0, CURVATURE_MODE_UNAVAILABLE);
}

/* CenDsrcTollingZone: latitude, longitude, optional id of 27 bits, extensible. */
static void read_tolling_zone(struct uper *r) {
    bool extended = uper_flag(r);
    bool has_id = uper_flag(r);
    (void)uper_int(r, -900000000, 900000001);
    (void)uper_int(r, -1800000000, 1800000001);
    if (has_id)
        (void)uper_int(r, 0, 134217727);
    if (extended)
        uper_skip_additions(r);
}

static void read_vehicle(struct uper *r, struct its_pdu *pdu) {
    unsigned present = (unsigned)uper_bits(r, 7);
    pdu->has_dynamics = true;
    pdu->heading = (uint16_t)uper_int(r, 0, HEADING_UNAVAILABLE);
    (void)uper_int(r, 1, CONFIDENCE_UNAVAILABLE);
    pdu->speed = (uint16_t)uper_int(r, 0, SPEED_UNAVAILABLE);
    (void)uper_int(r, 1, CONFIDENCE_UNAVAILABLE);
    (void)uper_int(r, 0, DIRECTION_UNAVAILABLE);
    (void)uper_int(r, 1, LENGTH_UNAVAILABLE);
    (void)uper_int(r, 0, LENGTH_CONFIDENCE_UNAVAILABLE);
    (void)uper_int(r, 1, WIDTH_UNAVAILABLE);
    read_acceleration(r);
    read_curvature(r, pdu->protocol_version);
    (void)uper_int(r, YAW_MIN, YAW_UNAVAILABLE);
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
        read_acceleration(r);
    if ((present & HAS_VERTICAL) != 0)
        read_acceleration(r);
    if ((present & HAS_PERFORMANCE) != 0)
        (void)uper_bits(r, 3);
    if ((present & HAS_TOLLING) != 0)
        read_tolling_zone(r);
}

void cam_read(struct uper *r, struct its_pdu *pdu) {
    pdu->kind = ITS_CAM;
    pdu->generation_delta_ms = (uint16_t)uper_bits(r, 16);
    (void)uper_bits(r, 3); /* extension, low-frequency and special vehicle container: all behind */
    bool extended = uper_flag(r);
    pdu->station_type = (uint8_t)uper_bits(r, 8);
    its_read_position(r, pdu);
    if (extended)
        uper_skip_additions(r);
    bool unknown_alternative = uper_flag(r);
    if (!unknown_alternative && !uper_flag(r)) /* the other one, of roadside units, has no motion */
        read_vehicle(r, pdu);
}

void cam_put(struct buf *b, const struct cam_fields *f) {
    struct uper_out w = {.b = b};
    its_put_header(&w, ITS_MESSAGE_CAM, f->station_id);
    uper_put_bits(&w, 16, f->generation_delta_ms);
    uper_put_bits(&w, 3, 0); /* no extension, no further container */
    uper_put_bits(&w, 1, 0);
    uper_put_bits(&w, 8, f->station_type);
    its_put_position(&w, f->lat, f->lon);
    uper_put_bits(&w, 2, 0); /* the vehicle's alternative of the high-frequency container */
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
