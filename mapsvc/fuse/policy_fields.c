#include "mapsvc/fuse/policy_fields.h"

#include <assert.h>

/* A rate is never 0 or 1: no number of looks proves anything for certain. */
#define RATES(kind, name, id, class)                                                               \
    {"map." name ".tpr_ppm." class, "ppm", 1, 999999,                                              \
        "looks of class " class " out of a million that report a changed " name " as it is"},      \
        {"map." name ".fpr_ppm." class, "ppm", 1, 999999,                                          \
            "looks of class " class " out of a million that report that change of a " name         \
                                    " where there is none"},

const struct policy_field map_policy_fields[] = {
#define X(id, name, unit, min, max, help) {"map." name, unit, min, max, help},
    MAP_POLICY_GENERAL(X)
#undef X
#define X(kind, name) MAP_RATE_CLASSES(RATES, kind, name)
        MAP_RATE_KINDS(X)
#undef X
};

static_assert(ARRAY_LEN(map_policy_fields) == MAP_POLICY_COUNT, "one entry for each field");
static_assert(
    MAP_POLICY_SIGMA_MIN_ROADSIDE - MAP_POLICY_SIGMA_MIN_UNKNOWN + 1 == SENSOR_CLASS_COUNT,
    "one field for each class, in their order");
