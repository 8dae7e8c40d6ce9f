/* Looks at each vehicle that is heard: when the next one is due, what the last ones were, who is near. A vehicle is a
 * certificate: with the next pseudonym it is another one, and its window begins anew.
 *
 * All memory is allocated at the start. What finds no place is said and not watched. One thread. */
#ifndef WAYSIDE_RSU_DECIDE_LOOKS_H
#define WAYSIDE_RSU_DECIDE_LOOKS_H

#include "rsu/decide/inputs.h"

/* What was heard; numbers that say "unavailable" as in v2x/station_state.h. */
struct decide_heard {
    uint8_t vehicle[16]; /* of the hash of its certificate */
    uint64_t its_us; /* of its position */
    int32_t lat, lon; /* 0.1 microdegree */
    uint16_t speed, heading; /* cm/s, 0.1 degree clockwise from north */
    int16_t accel_long, accel_lat, yaw_rate; /* cm/s2, 0.01 degree/s */
};

struct looks_config {
    size_t vehicles; /* 8 or more */
    unsigned window; /* rows kept of each, 1 to DECIDE_WINDOW_MAX */
    uint64_t look_us; /* between two looks at one vehicle */
    int32_t reach_mm; /* around a vehicle, for density; 1 or more */
    uint64_t
        salt; /* random, so that nobody can crowd out a vehicle; 0 where runs must be the same */
};

enum looks_heard {
    LOOKS_DUE, /* a look is due: looks_take next */
    LOOKS_TOO_SOON, /* its place was noted */
    LOOKS_LATE, /* older than what was heard of it before */
    LOOKS_FULL, /* no place in the table */
};

struct looks;
struct looks *looks_new(const struct looks_config *cfg);
void looks_free(struct looks *w); /* NULL is fine */
/* x, y: where it is, mm in the cell frame. ret_vehicle: its place in the table until the next call; set unless LOOKS_FULL. */
enum looks_heard looks_hear(
    struct looks *w, const struct decide_heard *h, int32_t x, int32_t y, size_t *ret_vehicle);
/* Vehicles heard within reach of it in the last three seconds, itself among them. Cost: those in the nine squares around. */
size_t looks_around(const struct looks *w, size_t vehicle);
/* What the message itself says, and what follows from the look before. */
void looks_read(const struct looks *w, size_t vehicle, const struct decide_heard *h,
    struct decide_row *ret_row);
/* Notes the look. `needs` as in a binding: without all of it, or after a gap, the window begins anew. Returns how many rows
 * the window has now, the newest last in ret_rows (window of them at most). */
size_t looks_take(struct looks *w, size_t vehicle, const struct decide_heard *h,
    const struct decide_row *row, uint32_t needs, struct decide_row *ret_rows);
/* All windows begin anew, for another model. */
void looks_begin_anew(struct looks *w);
size_t looks_used(const struct looks *w);

#endif
