/* The policy fields of the map contract: what a region's script has to decide (hd-map facts, 5). The
 * order of this list is the index that exec_policy takes. A new field is appended within its group;
 * nothing outside this process depends on the index, only on the name. */
#ifndef WAYSIDE_MAPSVC_FUSE_POLICY_FIELDS_H
#define WAYSIDE_MAPSVC_FUSE_POLICY_FIELDS_H

#include "ledger/exec/contract.h"
#include "mapsvc/fuse/observation.h"

/* X(id, name, unit, min, max, help) */
#define MAP_POLICY_GENERAL(X)                                                                      \
    X(CONFIRM_BITS, "confirm_bits", "bit", 4, 62,                                                  \
        "evidence a permanent change needs; one false change per 2^bits passes is the bound")      \
    X(MARGIN_BITS, "margin_bits", "bit", 0, 62,                                                    \
        "lead a permanent change needs over the next hypothesis about the same element")           \
    X(ADVISORY_BITS, "advisory_bits", "bit", 2, 62, "evidence an advisory needs")                  \
    X(GROUP_CAP_BITS, "group_cap_bits", "bit", 1, 62,                                              \
        "most that one group (family, direction, time bucket) may add or take away")               \
    X(MIN_GROUPS, "min_groups", "1", 1, 32, "groups in favour that a permanent change needs")      \
    X(MIN_FAMILIES, "min_families", "1", 1, 16,                                                    \
        "perception software families in favour that a permanent change needs")                    \
    X(MIN_ISSUERS, "min_issuers", "1", 1, 16,                                                      \
        "certificate issuers in favour that a permanent change needs")                             \
    X(REST_BITS, "rest_bits", "bit", 0, 62,                                                        \
        "evidence that must remain of a permanent change without what any one issuer says, and "   \
        "without any one software family; asked where more than one is")                           \
    X(LIARS_PPM, "liars_ppm", "ppm", 1, 999999,                                                    \
        "share of the vehicles that may all tell the same lie")                                    \
    X(LIARS_BITS, "liars_bits", "bit", 0, 62,                                                      \
        "evidence that a permanent change needs over such a lie; 0: it is not asked")              \
    X(MIN_VEHICLES, "min_vehicles", "1", 1, 1000,                                                  \
        "vehicles in favour within one window that a permanent change needs (anonymity of what "   \
        "is published)")                                                                           \
    X(MIN_VIEWS, "min_views", "1", 1, 16,                                                          \
        "lines of sight, in steps of 1/64 turn, that a new or removed element needs")              \
    X(ADVISORY_VEHICLES, "advisory_vehicles", "1", 1, 1000,                                        \
        "vehicles in favour that an advisory needs")                                               \
    X(GROUP_MS, "group_ms", "ms", 1000, 86400000, "length of a group's time bucket")               \
    X(WINDOW_MS, "window_ms", "ms", 1000, 86400000,                                                \
        "a vehicle counts once per element in this time, and what it was counted for is kept no "  \
        "longer")                                                                                  \
    X(ADVISORY_MS, "advisory_ms", "ms", 1000, 86400000, "an advisory ends after this time")        \
    X(VERSION_CHANGES, "version_changes", "1", 1, 256,                                             \
        "confirmed changes that make a new map version at once")                                   \
    X(VERSION_AGE_MS, "version_age_ms", "ms", 0, 86400000,                                         \
        "longest time a confirmed change waits for its map version")                               \
    X(IMMEDIATE_KINDS, "immediate_kinds", "1", 0, 511,                                             \
        "sum of 2^kind of the element kinds whose changes do not wait (4: speed limit, 8: "        \
        "hazard)")                                                                                 \
    X(EPOCH_MS, "epoch_ms", "ms", 60000, 86400000, "evidence is aged at multiples of this time")   \
    X(MAP_SIGMA_MM, "map_sigma_mm", "mm", 0, 5000,                                                 \
        "standard deviation of the map's own positions, per axis")                                 \
    X(MOVE_MIN_MM, "move_min_mm", "mm", 200, 20000,                                                \
        "nearer to its place in the map than this nothing has moved")                              \
    X(MOVE_REACH_MM, "move_reach_mm", "mm", 0, 100000,                                             \
        "further away than this it is another thing; 0: nothing is ever taken for moved")          \
    X(PLACE_SIGMA_MM, "place_sigma_mm", "mm", 20, 5000,                                            \
        "standard deviation per axis below which the place of a new or moved element is "          \
        "published, or once 32 sightings are there; see place_sightings")                          \
    X(EVIDENCE_HOURS, "evidence_hours", "h", 0, 87600,                                             \
        "how long it is kept which messages spoke for a change, so that each can be shown")        \
    X(REPUTATION_PRIOR, "reputation_prior", "1", 10, 1000000,                                      \
        "reports that the record of an issuer's sensors of one class has to outweigh")             \
    X(REPUTATION_MAX_PPM, "reputation_max_ppm", "ppm", 1, 999999,                                  \
        "a bad record is never taken for more false reports than this")                            \
    X(MAX_AGE_MS, "max_age_ms", "ms", 1000, 600000,                                                \
        "oldest observation a message may carry, before its generation time")                      \
    X(HALF_LIFE_SIGN, "half_life_min.sign", "min", 1, 5256000, "half-life of evidence on signs")   \
    X(HALF_LIFE_LIMIT, "half_life_min.speed_limit", "min", 1, 5256000,                             \
        "half-life of evidence on speed limits")                                                   \
    X(HALF_LIFE_MARKING, "half_life_min.marking", "min", 1, 5256000,                               \
        "half-life of evidence on stop lines, crosswalks and other markings")                      \
    X(HALF_LIFE_HAZARD, "half_life_min.hazard", "min", 1, 5256000,                                 \
        "half-life of evidence on hazards")                                                        \
    X(PLACE_SIGHTINGS, "place_sightings", "1", 1, 32,                                              \
        "sightings from which the place of a new or moved element is published; in a window each " \
        "is of another vehicle")                                                                   \
    X(PLACE_FAMILIES, "place_families", "1", 1, 16,                                                \
        "perception software families that these are of")                                          \
    X(SIGMA_MIN_UNKNOWN, "sigma_min_mm.unknown", "mm", 1, 2000,                                    \
        "no sighting of class unknown is taken for more exact than this, per axis")                \
    X(SIGMA_MIN_CAMERA_GOOD, "sigma_min_mm.camera_good", "mm", 1, 2000,                            \
        "no sighting of class camera_good is taken for more exact than this, per axis")            \
    X(SIGMA_MIN_CAMERA_BASIC, "sigma_min_mm.camera_basic", "mm", 1, 2000,                          \
        "no sighting of class camera_basic is taken for more exact than this, per axis")           \
    X(SIGMA_MIN_LIDAR, "sigma_min_mm.lidar", "mm", 1, 2000,                                        \
        "no sighting of class lidar is taken for more exact than this, per axis")                  \
    X(SIGMA_MIN_ROADSIDE, "sigma_min_mm.roadside", "mm", 1, 2000,                                  \
        "no sighting of class roadside is taken for more exact than this, per axis")               \
    X(SUSPICIONS_PER_VEHICLE, "suspicions_per_vehicle", "1", 1, 4096,                              \
        "suspicions of a change that one vehicle may open in a window")                            \
    X(PLACES_PER_CELL, "places_per_cell", "1", 1, 256,                                             \
        "places where something new may stand, in a square of 131 m")                              \
    X(ALONE_MS, "alone_ms", "ms", 60000, 604800000,                                                \
        "what one voice alone (a group, and where more are asked for an issuer or a family) has "  \
        "said for so long is forgotten")                                                           \
    /* In the order of enum sensor_class. */                                                       \
    X(SILENCE_UNKNOWN, "silence_m.unknown", "m", 0, 300,                                           \
        "how far off the silence of a sensor of unknown class counts, however far its message "    \
        "says it looked")                                                                          \
    X(SILENCE_CAMERA_GOOD, "silence_m.camera_good", "m", 0, 300, "the same of a good camera")      \
    X(SILENCE_CAMERA_BASIC, "silence_m.camera_basic", "m", 0, 300, "the same of a basic camera")   \
    X(SILENCE_LIDAR, "silence_m.lidar", "m", 0, 300, "the same of a lidar")                        \
    X(SILENCE_ROADSIDE, "silence_m.roadside", "m", 0, 300, "the same of a roadside sensor")        \
    X(PSEUDONYM_GAP_MS, "pseudonym_gap_ms", "ms", 0, 300000,                                       \
        "a certificate that is heard first so long after another, where its vehicle can be by "    \
        "then, is the same vehicle's; 0: each certificate is a vehicle")                           \
    X(PSEUDONYM_OVERLAP_MM, "pseudonym_overlap_mm", "mm", 0, 10000,                                \
        "certificates that are heard nearer to each other than this at one time are one "          \
        "vehicle's")                                                                               \
    X(VEHICLE_SPEED_MM_S, "vehicle_speed_mm_s", "mm/s", 1000, 100000, "no vehicle is faster")

/* Rates of one look, for each kind of thing and class of sensor: how often what is there is reported,
 * and how often something is reported that is not there. */
#define MAP_RATE_KINDS(X) X(SIGN, "sign") X(LIMIT, "speed_limit") X(OTHER, "other")
#define MAP_RATE_CLASSES(X, kind, name)                                                            \
    X(kind, name, UNKNOWN, "unknown")                                                              \
    X(kind, name, CAMERA_GOOD, "camera_good")                                                      \
    X(kind, name, CAMERA_BASIC, "camera_basic")                                                    \
    X(kind, name, LIDAR, "lidar")                                                                  \
    X(kind, name, ROADSIDE, "roadside")

enum map_rate_kind {
#define X(kind, name) RATE_##kind,
    MAP_RATE_KINDS(X)
#undef X
        RATE_KIND_COUNT
};

enum map_policy_field {
#define X(id, name, unit, min, max, help) MAP_POLICY_##id,
    MAP_POLICY_GENERAL(X)
#undef X
        MAP_POLICY_GENERAL_COUNT,
    MAP_POLICY_COUNT = MAP_POLICY_GENERAL_COUNT + 2 * RATE_KIND_COUNT * SENSOR_CLASS_COUNT
};

/* Index of the least standard deviation that a sighting of this class is taken for. */
static inline size_t map_policy_sigma_min(enum sensor_class c) {
    return (size_t)MAP_POLICY_SIGMA_MIN_UNKNOWN + (size_t)c;
}

/* MAP_POLICY_COUNT fields. Static. */
extern const struct policy_field map_policy_fields[];

/* Index of a rate: true positive (what is there is reported) and false positive. */
static inline size_t map_policy_tpr(enum map_rate_kind k, enum sensor_class c) {
    return (size_t)MAP_POLICY_GENERAL_COUNT + 2 * ((size_t)k * SENSOR_CLASS_COUNT + (size_t)c);
}
static inline size_t map_policy_fpr(enum map_rate_kind k, enum sensor_class c) {
    return map_policy_tpr(k, c) + 1;
}

#endif
