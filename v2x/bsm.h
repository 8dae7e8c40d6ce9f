/* SAE J2735 MessageFrame (unaligned PER) and the Basic Safety Message in it: core data, and of part II the vehicle
 * safety extensions. Other messages are recognised by their id and carried untouched. Any thread; allocates nothing. */
#ifndef WAYSIDE_V2X_BSM_H
#define WAYSIDE_V2X_BSM_H

#include "base/bytes.h"
#include "v2x/station_state.h"

enum j2735_id {
    J2735_MAP = 18,
    J2735_SPAT = 19,
    J2735_BSM = 20,
    J2735_RTCM = 28,
    J2735_SRM = 29,
    J2735_SSM = 30,
    J2735_TIM = 31,
    J2735_PSM = 32,
};

enum bsm_fail {
    BSM_OK = 0,
    BSM_TRUNCATED, /* a field, or the length of the frame, runs past the octets */
    BSM_VALUE, /* a field outside its range, or a length in a form that is not read */
    BSM_OTHER, /* a message frame around something else */
};

struct j2735_frame {
    uint16_t id; /* enum j2735_id or another */
    struct span body; /* of the length the frame names */
};
/* Octets behind the frame are ignored. *ret_frame is set only on BSM_OK. */
WARN_UNUSED enum bsm_fail j2735_read(struct span payload, struct j2735_frame *ret_frame);

struct bsm {
    uint8_t count; /* 0 to 127 */
    uint32_t temporary_id;
    uint16_t second_ms; /* milliseconds in the minute; 65535 unavailable */
    struct station_state state;
    uint8_t transmission; /* 0 neutral, 1 park, 2 forward, 3 reverse, 7 unavailable */
    int16_t steering_angle; /* 1.5 degree, right is positive, 127 unavailable */
    uint16_t brakes; /* BrakeSystemStatus as sent, 15 bits */
    bool has_events;
    uint16_t events; /* VehicleEventFlags, 13 bits, hazard lights (first flag) on top */
    bool has_prediction;
    int16_t radius_10cm; /* of the curve ahead; 32767 straight on */
    uint8_t prediction_confidence; /* 0.5 %, 0 to 200 */
    uint8_t
        n_other_parts; /* parts that were passed over, or whose path begins with a position of its own */
};

/* *ret_bsm is set only on BSM_OK. */
WARN_UNUSED enum bsm_fail bsm_read(struct span payload, struct bsm *ret_bsm);

#endif
