#include "tests/unit/rsu/decide_rig.h"

#include "base/assert.h"
#include "base/mem.h"
#include "v2x/station_state.h"

#include <math.h>
#include <string.h>

struct fl_model *rig_model(const char *schema, const int32_t *weights, double threshold) {
    struct fl_schema s;
    struct fl_norm norm[FL_MAX_INPUTS];
    struct fl_model *m = ws_alloc(sizeof(*m));
    int rc = fl_schema_read(span_of(schema, strlen(schema)), &s, NULL);
    WS_ASSERT(rc == WS_OK && s.classes == 2);
    const size_t n = fl_schema_inputs(&s);
    int32_t params[2 * FL_MAX_INPUTS + 2] = {0};
    /* Inputs as hundredths of what the table has: nothing is cut below 1600. */
    for (size_t i = 0; i < n; i++) {
        norm[i] = (struct fl_norm){0, llrint(0x1p32 / 100)};
        params[n + i] = weights[i];
    }
    params[2 * n + 1] = (int32_t)lrint(-threshold / 100 * 0x1p20);
    rc = fl_model_new(&s, 0, norm, params, m, NULL);
    WS_ASSERT(rc == WS_OK);
    return m;
}

struct decide_config rig_config(void) {
    return (struct decide_config){.frame = frame_at(RIG_LAT, RIG_LON),
        .lat = RIG_LAT,
        .lon = RIG_LON,
        .range_mm = 1000000,
        .looks = {.vehicles = 64, .look_us = 1000000, .reach_mm = 500000},
        .risk = {.square_mm = 100000,
            .vehicles = 3,
            .share_percent = 50,
            .within_us = 60000000,
            .quiet_us = 120000000,
            .places = 16},
        .repeat_us = 600000000};
}

struct decide_heard rig_heard(
    unsigned who, double s, int east_m, int north_m, unsigned speed_kmh, unsigned heading_deg) {
    const struct cell_frame frame = frame_at(RIG_LAT, RIG_LON);
    struct decide_heard h = {.its_us = RIG_ITS_US + (uint64_t)llround(s * 1e6),
        .speed = (uint16_t)lround(speed_kmh / 0.036),
        .heading = (uint16_t)(heading_deg * 10),
        .accel_long = STATION_UNAVAILABLE,
        .accel_lat = STATION_UNAVAILABLE,
        .yaw_rate = STATION_UNAVAILABLE};
    put_be32(h.vehicle, who * 2654435761U + 1);
    frame_to_wgs(&frame, east_m * 1000, north_m * 1000, &h.lat, &h.lon);
    return h;
}
