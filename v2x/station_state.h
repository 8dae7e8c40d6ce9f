/* What a station says about itself or about an event, in one shape for CAM, DENM and BSM, so that plausibility and
 * admission read one thing. Plain values; "unavailable" has a number of its own in each field. */
#ifndef WAYSIDE_V2X_STATION_STATE_H
#define WAYSIDE_V2X_STATION_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define STATION_PATH_MAX 40
#define STATION_LAT_UNAVAILABLE 900000001
#define STATION_LON_UNAVAILABLE 1800000001
#define STATION_ALTITUDE_UNAVAILABLE 800001
#define STATION_AXIS_UNAVAILABLE 4095
#define STATION_HEADING_UNAVAILABLE 3601
#define STATION_SPEED_UNAVAILABLE 16383
#define STATION_CONFIDENCE_UNAVAILABLE 127
#define STATION_UNAVAILABLE INT16_MAX /* accelerations, yaw rate, curvature */
#define STATION_OFFSET_UNAVAILABLE INT32_MAX

/* One point of a path, newest first, as sent: CAM and DENM chain the points, a BSM measures all from its own
 * position. */
struct station_path_point {
    int32_t lat, lon; /* offset, 0.1 microdegree; STATION_OFFSET_UNAVAILABLE */
    int32_t altitude_cm; /* offset; STATION_OFFSET_UNAVAILABLE */
    uint16_t delta_10ms; /* 0: not said */
};

struct station_state {
    uint8_t
        station_type; /* TS 102 894-2: 5 car, 6 bus, 8 heavy truck, 15 roadside unit; 0 unknown, as in a BSM */
    bool has_position; /* both coordinates are available */
    int32_t lat, lon; /* 0.1 microdegree */
    uint16_t semi_major_cm,
        semi_minor_cm; /* 95 % ellipse (BSM: one sigma); 4094 more, 4095 unavailable */
    uint16_t semi_major_orientation; /* 0.1 degree, 3601 unavailable */
    int32_t altitude_cm; /* 800001 unavailable */
    uint8_t altitude_confidence; /* code of TS 102 894-2, 15 unavailable */

    bool has_dynamics; /* the motion below was in the message; else every field says unavailable */
    uint16_t heading; /* 0.1 degree, 3601 unavailable */
    uint8_t heading_confidence; /* 0.1 degree, 126 more, 127 unavailable */
    uint16_t speed; /* cm/s, 16383 unavailable */
    uint8_t speed_confidence; /* cm/s, 126 more, 127 unavailable */
    uint8_t direction; /* 0 forward, 1 backward, 2 unavailable */
    uint16_t length_cm, width_cm; /* 0 unavailable */
    int16_t accel_long, accel_lat, accel_vert; /* cm/s2; forward, left and up are positive */
    int16_t yaw_rate; /* 0.01 degree/s, left is positive */
    int16_t curvature; /* 1/10000 m (CAM version 1: 1/30000 m), left is positive */

    uint8_t
        role; /* CAM low-frequency container: 0 default, 1 public transport, ... 6 emergency; else 0 */
    uint8_t lights; /* CAM: ExteriorLights, low beam on top */
    uint8_t n_path;
    struct station_path_point path[STATION_PATH_MAX]; /* the first n_path are set */
};

/* Everything unavailable; the path's points are not touched. */
static inline void station_state_clear(struct station_state *s) {
    s->station_type = 0;
    s->has_position = false;
    s->lat = STATION_LAT_UNAVAILABLE;
    s->lon = STATION_LON_UNAVAILABLE;
    s->semi_major_cm = s->semi_minor_cm = STATION_AXIS_UNAVAILABLE;
    s->semi_major_orientation = STATION_HEADING_UNAVAILABLE;
    s->altitude_cm = STATION_ALTITUDE_UNAVAILABLE;
    s->altitude_confidence = 15;
    s->has_dynamics = false;
    s->heading = STATION_HEADING_UNAVAILABLE;
    s->speed = STATION_SPEED_UNAVAILABLE;
    s->heading_confidence = s->speed_confidence = STATION_CONFIDENCE_UNAVAILABLE;
    s->direction = 2;
    s->length_cm = s->width_cm = 0;
    s->accel_long = s->accel_lat = s->accel_vert = STATION_UNAVAILABLE;
    s->yaw_rate = s->curvature = STATION_UNAVAILABLE;
    s->role = s->lights = s->n_path = 0;
}

#endif
