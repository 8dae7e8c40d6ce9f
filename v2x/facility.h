/* CAM (EN 302 637-2 v1.3.2 and v1.4.1) and DENM (EN 302 637-3 v1.2.2 and v1.3.1), unaligned PER, ITS PDU
 * versions 1 and 2, which the roots of release 2 (TS 103 900, TS 103 831)
 * equal bit by bit: read as far as a road ledger uses them, additions passed over. Any thread; the reader allocates nothing. */
#ifndef WAYSIDE_V2X_FACILITY_H
#define WAYSIDE_V2X_FACILITY_H

#include "base/bytes.h"
#include "v2x/station_state.h"

enum its_pdu_kind { ITS_CAM, ITS_DENM, ITS_OTHER };
enum its_pdu_fail {
    ITS_PDU_OK = 0,
    ITS_PDU_TRUNCATED,
    ITS_PDU_VERSION, /* neither 1 nor 2 */
    ITS_PDU_VALUE, /* a field outside its range, or an extension in a form that is not read */
};

/* The special vehicle container. Which of the fields below are there follows from the kind. */
enum cam_special_kind {
    SPECIAL_PUBLIC_TRANSPORT,
    SPECIAL_TRANSPORT,
    SPECIAL_DANGEROUS_GOODS,
    SPECIAL_ROADWORKS,
    SPECIAL_RESCUE,
    SPECIAL_EMERGENCY,
    SPECIAL_SAFETY_CAR,
    SPECIAL_UNKNOWN, /* of a later edition */
};
struct cam_special {
    enum cam_special_kind kind;
    bool light_bar, siren; /* transport, roadworks, rescue, emergency, safety car */
    bool embarkation; /* public transport: passengers get in or out */
    uint8_t goods; /* dangerous goods: class code, 0 to 19 */
    uint8_t transport; /* transport: heavy, wide, long, high, from the top of four bits */
    uint8_t roadworks_sub_cause; /* roadworks; 0 unavailable */
    uint8_t cause, sub_cause; /* emergency, safety car: incident; 0 none */
    uint8_t priority; /* emergency: right of way, free crossing, from the top of two bits */
    uint8_t speed_limit_kmh; /* safety car; 0 none */
};

#define ITS_HISTORY_MAX 23

struct its_pdu {
    enum its_pdu_kind kind;
    uint8_t protocol_version;
    uint8_t message_id;
    uint32_t station_id;
    /* CAM: the station's. DENM: the event's position; its speed, heading and first trace if there is a location
     * container; the station type of who reports it. */
    struct station_state state;
    /* CAM */
    uint16_t generation_delta_ms;
    bool is_rsu; /* the roadside unit's high-frequency container */
    uint8_t protected_zones; /* how many it names */
    bool has_low_frequency; /* role, lights and path are in the message */
    bool has_special;
    struct cam_special special;
    /* DENM */
    uint32_t action_station;
    uint16_t action_sequence;
    uint64_t detection_time_ms, reference_time_ms; /* ITS milliseconds */
    bool terminated; /* cancelled or negated */
    uint32_t validity_s; /* 0 to 86400; 600 when the message names none */
    bool has_event; /* situation container */
    uint8_t quality; /* 0 unavailable, 1 lowest to 7 highest */
    uint8_t cause, sub_cause;
    uint8_t linked_cause, linked_sub_cause; /* 0: none */
    uint8_t n_history; /* points of the event's own history, 0 to 23, chained from its position */
    struct station_path_point history[ITS_HISTORY_MAX];
    bool has_relevance_distance, has_relevance_direction;
    uint8_t relevance_distance; /* 0 below 50 m, 100, 200, 500 m, 1, 5, 10 km, 7 more */
    uint8_t relevance_direction; /* 0 all, 1 upstream, 2 downstream, 3 opposite traffic */
    bool has_location;
    uint8_t n_traces; /* 1 to 7; the first is state.path */
    bool has_alacarte;
    bool has_lane;
    int8_t lane; /* -1 off the road, 0 hard shoulder, 1 outermost driving lane, ... */
    bool has_roadworks;
    uint8_t speed_limit_kmh; /* roadworks; 0 none */
    bool has_stationary;
    uint8_t stationary_since; /* 0 below one minute, 1 two, 2 fifteen, 3 longer; 255 not said */
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
    bool rsu; /* a roadside unit's container instead: heading and speed are not sent */
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
    bool has_relevance; /* distance and direction, codes as in struct its_pdu */
    uint8_t relevance_distance, relevance_direction;
    bool has_location; /* not in a termination: heading and speed of the event, one empty trace */
    uint16_t heading, speed; /* 3601, 16383 unavailable */
};
void denm_put(struct buf *b, const struct denm_fields *f);

#endif
