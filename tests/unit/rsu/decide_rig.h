/* Models and messages for tests of the decision service. */
#ifndef WAYSIDE_TESTS_UNIT_RSU_DECIDE_RIG_H
#define WAYSIDE_TESTS_UNIT_RSU_DECIDE_RIG_H

#include "rsu/decide/decide.h"

enum { RIG_LAT = 487600000, RIG_LON = 114200000 };
#define RIG_ITS_US UINT64_C(707313605000000) /* 2026-05-31T12:00:00Z */

/* A model of the schema's text: two classes, the upper one where `weights`, in 2^-20 for each input as it is in the table, exceed
 * `threshold` (likewise). To be freed with fl_model_free, and free. */
struct fl_model *rig_model(const char *schema, const int32_t *weights, double threshold);
struct decide_config rig_config(void);
/* Vehicle `who`, so far east and north of the middle, heading in degrees clockwise from north. */
struct decide_heard rig_heard(
    unsigned who, double s, int east_m, int north_m, unsigned speed_kmh, unsigned heading_deg);

#endif
