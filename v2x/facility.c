#include "v2x/facility.h"

#include "v2x/its_pdu.h"

enum {
    LAT_UNAVAILABLE = 900000001,
    LON_UNAVAILABLE = 1800000001,
    ALTITUDE_MIN = -100000,
    ALTITUDE_UNAVAILABLE = 800001,
    ALTITUDE_CONFIDENCE_UNAVAILABLE = 15,
    AXIS_UNAVAILABLE = 4095,
    ORIENTATION_UNAVAILABLE = 3601
};

void its_read_position(struct uper *r, struct station_state *s) {
    s->lat = (int32_t)uper_int(r, -900000000, LAT_UNAVAILABLE);
    s->lon = (int32_t)uper_int(r, -1800000000, LON_UNAVAILABLE);
    s->has_position = s->lat != LAT_UNAVAILABLE && s->lon != LON_UNAVAILABLE;
    s->semi_major_cm = (uint16_t)uper_int(r, 0, AXIS_UNAVAILABLE);
    s->semi_minor_cm = (uint16_t)uper_int(r, 0, AXIS_UNAVAILABLE);
    s->semi_major_orientation = (uint16_t)uper_int(r, 0, ORIENTATION_UNAVAILABLE);
    s->altitude_cm = (int32_t)uper_int(r, ALTITUDE_MIN, ALTITUDE_UNAVAILABLE);
    s->altitude_confidence = (uint8_t)uper_bits(r, 4);
}

static int32_t read_offset(struct uper *r, int32_t lo, int32_t unavailable) {
    int32_t v = (int32_t)uper_int(r, lo, unavailable);
    return v == unavailable ? STATION_OFFSET_UNAVAILABLE : v;
}

struct station_path_point its_read_path_point(struct uper *r) {
    struct station_path_point p = {0};
    bool has_time = uper_flag(r);
    p.lat = read_offset(r, -131071, 131072);
    p.lon = read_offset(r, -131071, 131072);
    p.altitude_cm = read_offset(r, -12700, 12800);
    if (!has_time)
        return p;
    if (uper_flag(r)) /* above the bound: an integer of any length */
        uper_skip(r, uper_open_type(r) * 8);
    else
        p.delta_10ms = (uint16_t)uper_int(r, 1, 65535);
    return p;
}

void its_read_path(struct uper *r, struct station_state *s) {
    unsigned n = (unsigned)uper_int(r, 0, STATION_PATH_MAX);
    for (unsigned i = 0; i < n && r->fail == UPER_OK; i++) {
        struct station_path_point p = its_read_path_point(r);
        if (s != NULL)
            s->path[i] = p;
    }
    if (s != NULL)
        s->n_path = (uint8_t)n;
}

void its_read_cause(
    struct uper *r, uint8_t protocol_version, uint8_t *ret_cause, uint8_t *ret_sub_cause) {
    /* CauseCode got its extension marker with the second dictionary. */
    bool extended = protocol_version != ITS_VERSION_1 && uper_flag(r);
    *ret_cause = (uint8_t)uper_bits(r, 8);
    *ret_sub_cause = (uint8_t)uper_bits(r, 8);
    if (extended)
        uper_skip_additions(r);
}

void its_put_position(struct uper_out *w, int32_t lat, int32_t lon) {
    uper_put_int(w, -900000000, LAT_UNAVAILABLE, lat);
    uper_put_int(w, -1800000000, LON_UNAVAILABLE, lon);
    uper_put_int(w, 0, AXIS_UNAVAILABLE, AXIS_UNAVAILABLE);
    uper_put_int(w, 0, AXIS_UNAVAILABLE, AXIS_UNAVAILABLE);
    uper_put_int(w, 0, ORIENTATION_UNAVAILABLE, ORIENTATION_UNAVAILABLE);
    uper_put_int(w, ALTITUDE_MIN, ALTITUDE_UNAVAILABLE, ALTITUDE_UNAVAILABLE);
    uper_put_bits(w, 4, ALTITUDE_CONFIDENCE_UNAVAILABLE);
}

void its_put_header(struct uper_out *w, uint8_t message_id, uint32_t station_id) {
    uper_put_bits(w, 8, ITS_VERSION_2);
    uper_put_bits(w, 8, message_id);
    uper_put_bits(w, 32, station_id);
}

enum its_pdu_fail its_pdu_read(struct span payload, struct its_pdu *ret_pdu) {
    struct uper r = uper_of(payload);
    struct its_pdu pdu = {.kind = ITS_OTHER};
    station_state_clear(&pdu.state);
    pdu.protocol_version = (uint8_t)uper_bits(&r, 8);
    pdu.message_id = (uint8_t)uper_bits(&r, 8);
    pdu.station_id = (uint32_t)uper_bits(&r, 32);
    if (r.fail != UPER_OK)
        return ITS_PDU_TRUNCATED;
    if (pdu.protocol_version != ITS_VERSION_1 && pdu.protocol_version != ITS_VERSION_2)
        return ITS_PDU_VERSION;
    if (pdu.message_id == ITS_MESSAGE_CAM)
        cam_read(&r, &pdu);
    else if (pdu.message_id == ITS_MESSAGE_DENM)
        denm_read(&r, &pdu);
    switch (r.fail) {
    case UPER_OK:
        break;
    case UPER_TRUNCATED:
        return ITS_PDU_TRUNCATED;
    case UPER_VALUE:
    case UPER_FORM:
        return ITS_PDU_VALUE;
    }
    *ret_pdu = pdu;
    return ITS_PDU_OK;
}
