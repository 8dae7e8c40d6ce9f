/* CAM (EN 302 637-2 v1.3.2 and v1.4.1) and DENM (EN 302 637-3 v1.2.2 and v1.3.1), unaligned PER, ITS PDU
 * versions 1 and 2: read as far as a road ledger uses them. Any thread; the reader allocates nothing. */
#ifndef WAYSIDE_V2X_FACILITY_H
#define WAYSIDE_V2X_FACILITY_H

#include "base/bytes.h"

enum its_pdu_kind { ITS_CAM, ITS_DENM, ITS_OTHER };
enum its_pdu_fail {
    ITS_PDU_OK = 0,
    ITS_PDU_TRUNCATED,
    ITS_PDU_VERSION, /* neither 1 nor 2 */
    ITS_PDU_VALUE, /* a field outside its range, or an extension in a form that is not read */
};

struct its_pdu {
    enum its_pdu_kind kind;
    uint8_t protocol_version;
    uint8_t message_id;
    uint32_t station_id;
    /* CAM and DENM */
    uint8_t station_type;
    bool has_position; /* both coordinates are available */
    int32_t lat, lon; /* 0.1 microdegree */
    /* CAM */
    uint16_t generation_delta_ms;
    bool has_dynamics; /* the vehicle's high-frequency container, not that of a roadside unit */
    uint16_t heading; /* 0.1 degree, 3601 unavailable */
    uint16_t speed; /* cm/s, 16383 unavailable */
    /* DENM */
    uint32_t action_station;
    uint16_t action_sequence;
    uint64_t detection_time_ms, reference_time_ms; /* ITS milliseconds */
    bool terminated; /* cancelled or negated */
    uint32_t validity_s; /* 0 to 86400; 600 when the message names none */
    bool has_event; /* situation container */
    uint8_t cause, sub_cause;
};

/* Of ITS_OTHER only the header is read. Octets behind what is read are not looked at. *ret_pdu is set
 * only on ITS_PDU_OK. */
WARN_UNUSED enum its_pdu_fail its_pdu_read(struct span payload, struct its_pdu *ret_pdu);

/* A CAM with basic and high-frequency container (what obusim's vehicles send), ITS PDU version 2; what
 * is not named here is "unavailable". lat to 900000001, lon to 1800000001, heading to 3601, speed to
 * 16383 (asserted); each upper bound means unavailable. */
struct cam_fields {
    uint32_t station_id;
    uint16_t generation_delta_ms;
    uint8_t station_type;
    int32_t lat, lon;
    uint16_t heading, speed;
};
void cam_put(struct buf *b, const struct cam_fields *f);

/* A DENM with management and situation container, ITS PDU version 2; a termination has the first only
 * (cancellation if the event is the sender's own, else negation). Ranges as above (asserted). */
struct denm_fields {
    uint32_t station_id; /* sender */
    uint32_t action_station; /* originator of the event */
    uint16_t action_sequence;
    uint64_t detection_time_ms, reference_time_ms; /* ITS milliseconds, 42 bits */
    bool terminate;
    int32_t lat, lon;
    uint32_t validity_s; /* 0 to 86400 */
    uint8_t station_type;
    uint8_t quality; /* 0 unavailable, 1 lowest to 7 highest */
    uint8_t cause, sub_cause;
};
void denm_put(struct buf *b, const struct denm_fields *f);

#endif
