/* What the files of the plausibility checks share. Private to pktio/plausibility*.c. */
#ifndef WAYSIDE_PKTIO_PLAUSIBILITY_PARTS_H
#define WAYSIDE_PKTIO_PLAUSIBILITY_PARTS_H

#include "pktio/plausibility.h"

/* A claim of where somebody was. */
struct track_point {
    uint64_t time_us; /* 0: none yet */
    int32_t lat, lon;
    uint32_t radius_cm; /* 95 % confidence, or what is assumed for it */
    uint16_t speed, heading; /* unavailable as in station_state.h */
    uint16_t speed_error; /* cm/s */
    uint16_t heading_error; /* 0.1 degree */
    bool forward;
};

struct motion {
    struct track_point last; /* the latest by its own time */
    struct track_point anchor; /* some seconds earlier */
    uint64_t path_cm; /* what the claimed speeds add up to since the anchor */
};

/* ---- plausibility_geometry.c: integers only ---- */
struct offset_cm {
    int64_t east, north;
};
/* On a sphere, flat around the two: within a thousandth below 100 km. */
struct offset_cm place_offset(int32_t lat0, int32_t lon0, int32_t lat1, int32_t lon1);
uint64_t offset_length(struct offset_cm o);
/* How far along a heading (0.1 degree clockwise from north) the offset goes; negative: against it. */
int64_t offset_along(struct offset_cm o, uint16_t heading);

/* ---- plausibility_motion.c ---- */
/* A judgement of one kind: `claimed` against what is `allowed`. */
void plausibility_hold(
    struct plausibility *p, enum plausibility_flag f, uint64_t claimed, uint64_t allowed);
struct track_point motion_point(const struct plausibility_sample *s);
/* The sample has a position. */
void motion_judge(
    struct motion *m, const struct plausibility_sample *s, struct plausibility *ret_plausibility);

#endif
