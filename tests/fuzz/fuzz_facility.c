/* Any octets through its_pdu_read. What our own writers can say of the message is written, read back
 * and compared. */
#include "base/assert.h"
#include "v2x/facility.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_cam(const struct its_pdu *a) {
    struct cam_fields f = {a->station_id, a->generation_delta_ms, a->state.station_type,
        a->state.lat, a->state.lon, a->state.heading, a->state.speed, false};
    struct buf b = {0};
    struct its_pdu again;
    cam_put(&b, &f);
    WS_ASSERT(its_pdu_read(buf_span(&b), &again) == ITS_PDU_OK);
    WS_ASSERT(again.kind == ITS_CAM);
    WS_ASSERT(again.station_id == a->station_id);
    WS_ASSERT(again.generation_delta_ms == a->generation_delta_ms);
    WS_ASSERT(again.state.station_type == a->state.station_type);
    WS_ASSERT(again.state.has_position == a->state.has_position);
    WS_ASSERT(again.state.lat == a->state.lat);
    WS_ASSERT(again.state.lon == a->state.lon);
    WS_ASSERT(again.state.has_dynamics);
    WS_ASSERT(again.state.heading == a->state.heading);
    WS_ASSERT(again.state.speed == a->state.speed);
    buf_free(&b);
}

static void check_denm(const struct its_pdu *a) {
    struct denm_fields f = {
        .station_id = a->station_id,
        .action_station = a->action_station,
        .action_sequence = a->action_sequence,
        .detection_time_ms = a->detection_time_ms,
        .reference_time_ms = a->reference_time_ms,
        .terminate = a->terminated,
        .lat = a->state.lat,
        .lon = a->state.lon,
        .validity_s = a->validity_s,
        .station_type = a->state.station_type,
        .cause = a->cause,
        .sub_cause = a->sub_cause,
    };
    struct buf b = {0};
    struct its_pdu again;
    denm_put(&b, &f);
    WS_ASSERT(its_pdu_read(buf_span(&b), &again) == ITS_PDU_OK);
    WS_ASSERT(again.kind == ITS_DENM);
    WS_ASSERT(again.station_id == a->station_id);
    WS_ASSERT(again.action_station == a->action_station);
    WS_ASSERT(again.action_sequence == a->action_sequence);
    WS_ASSERT(again.detection_time_ms == a->detection_time_ms);
    WS_ASSERT(again.reference_time_ms == a->reference_time_ms);
    WS_ASSERT(again.terminated == a->terminated);
    WS_ASSERT(again.state.lat == a->state.lat);
    WS_ASSERT(again.state.lon == a->state.lon);
    WS_ASSERT(again.validity_s == a->validity_s);
    WS_ASSERT(again.state.station_type == a->state.station_type);
    WS_ASSERT(again.has_event != again.terminated);
    if (again.has_event && a->has_event)
        WS_ASSERT(again.cause == a->cause && again.sub_cause == a->sub_cause);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct its_pdu pdu;
    if (its_pdu_read(span_of(data, size), &pdu) != ITS_PDU_OK)
        return 0;
    if (pdu.kind == ITS_CAM && pdu.state.has_dynamics)
        check_cam(&pdu);
    if (pdu.kind == ITS_DENM)
        check_denm(&pdu);
    return 0;
}
