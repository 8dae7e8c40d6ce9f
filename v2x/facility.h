/* CAM (EN 302 637-2 v1.4.1) and DENM (EN 302 637-3 v1.3.1), unaligned PER, ITS PDU versions 1 and 2:
 * read as far as a road ledger uses them. Any thread; allocates nothing. */
#ifndef WAYSIDE_V2X_FACILITY_H
#define WAYSIDE_V2X_FACILITY_H

#include "base/bytes.h"

enum its_pdu_kind { ITS_CAM, ITS_DENM, ITS_OTHER };
enum its_pdu_fail { ITS_PDU_OK = 0, ITS_PDU_TRUNCATED, ITS_PDU_VERSION, ITS_PDU_VALUE };

struct its_pdu {
    enum its_pdu_kind kind;
    uint8_t protocol_version;
    uint8_t message_id;
    uint32_t station_id;
    /* CAM and DENM */
    uint8_t station_type;
    bool has_position;
    int32_t lat, lon; /* 0.1 microdegree */
    /* CAM */
    uint16_t generation_delta_ms;
    bool has_dynamics;
    uint16_t heading; /* 0.1 degree, 3601 unavailable */
    uint16_t speed; /* cm/s, 16383 unavailable */
    /* DENM */
    uint32_t action_station;
    uint16_t action_sequence;
    uint64_t detection_time_ms, reference_time_ms; /* ITS milliseconds */
    bool terminated;
    uint32_t validity_s;
    bool has_event;
    uint8_t cause, sub_cause;
};

enum its_pdu_fail its_pdu_read(struct span payload, struct its_pdu *ret_pdu);

/* A CAM with basic and high-frequency container (what obusim's vehicles send). */
struct cam_fields {
    uint32_t station_id;
    uint16_t generation_delta_ms;
    uint8_t station_type;
    int32_t lat, lon;
    uint16_t heading, speed;
};
void cam_put(struct buf *b, const struct cam_fields *f);

#endif
