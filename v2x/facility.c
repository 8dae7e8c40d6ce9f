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

void its_read_position(struct uper *r, struct its_pdu *pdu) {
    pdu->lat = (int32_t)uper_int(r, -900000000, LAT_UNAVAILABLE);
    pdu->lon = (int32_t)uper_int(r, -1800000000, LON_UNAVAILABLE);
    pdu->has_position = pdu->lat != LAT_UNAVAILABLE && pdu->lon != LON_UNAVAILABLE;
    (void)uper_int(r, 0, AXIS_UNAVAILABLE);
    (void)uper_int(r, 0, AXIS_UNAVAILABLE);
    (void)uper_int(r, 0, ORIENTATION_UNAVAILABLE);
    (void)uper_int(r, ALTITUDE_MIN, ALTITUDE_UNAVAILABLE);
    (void)uper_bits(r, 4);
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
