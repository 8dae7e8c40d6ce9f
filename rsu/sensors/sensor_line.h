/* One line from a sensor of the unit's own (camera, lidar), as its software writes it into the sensor's socket: a JSON object
 * that says what was in view at one moment (docs/formats/sensors.md). It becomes the payload of an observation; place, class
 * and software family are not in it but come from the configuration and the sensor's certificate. Pure; any thread. */
#ifndef WAYSIDE_RSU_SENSORS_SENSOR_LINE_H
#define WAYSIDE_RSU_SENSORS_SENSOR_LINE_H

#include "mapsvc/fuse/observation.h"
#include "mapsvc/model/frame.h"

/* What became of a line. */
#define SENSOR_OUTCOMES(X)                                                                         \
    X(SENSOR_TAKEN, "taken", "became a transaction")                                               \
    X(SENSOR_KNOWN, "known", "the cell has this very message")                                     \
    X(SENSOR_NOT_JSON, "not_json", "no JSON object")                                               \
    X(SENSOR_MALFORMED, "malformed",                                                               \
        "a field is missing, unknown, of another type or out of its range")                        \
    X(SENSOR_IMPOSSIBLE_PLACE, "impossible_place",                                                 \
        "a detection outside the map's frame, or beyond the range that the look states")           \
    X(SENSOR_TOO_LONG, "too_long", "longer than line_octets")                                      \
    X(SENSOR_CUT_OFF, "cut_off", "the connection ended before the line did")                       \
    X(SENSOR_TOO_OFTEN, "too_often", "more lines than rate and burst allow")                       \
    X(SENSOR_BEHIND, "behind", "the unit is catching up with the cell")                            \
    X(SENSOR_REFUSED, "refused", "breaks a rule of the ledger; see the transaction counters")      \
    X(SENSOR_FULL, "full", "the mempool has no room")
enum sensor_outcome {
#define X(id, name, text) id,
    SENSOR_OUTCOMES(X)
#undef X
        SENSOR_OUTCOME_COUNT
};
const char *sensor_outcome_name(enum sensor_outcome o);

#define SENSOR_AGE_MS_MAX 600000

/* Where and how the sensor is mounted: what a line that does not say it means. */
struct sensor_mount {
    int32_t lat, lon; /* 1e-7 degree */
    uint16_t heading; /* of the middle of its view; 1/65536 turn counter-clockwise from east */
    uint16_t half_angle; /* half opening of the view, the same unit; at most 32768 */
    uint32_t range_mm; /* 1..1000000 */
};

/* its_us: the cell's time now. map_version: in force. SENSOR_TAKEN: *ret_obs is set, and observation_put of it is what
 * observation_read takes; else err says what is wrong with which field. */
enum sensor_outcome sensor_line_read(struct span line, const struct sensor_mount *mount,
    const struct cell_frame *frame, uint64_t its_us, uint64_t map_version,
    struct observation *ret_obs, struct ws_err *err);

/* Degrees clockwise from north (0 <= d < 360) as a heading of ours. */
uint16_t sensor_heading(double degrees);

#endif
