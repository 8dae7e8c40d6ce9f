/* Looks at each vehicle that is heard: when the next one is due, what the last ones were, who is near. A vehicle is a
 * certificate: with the next pseudonym it is another one, and its window begins anew.
 *
 * All memory is allocated at the start. What finds no place is said and not watched. One thread. */
#ifndef WAYSIDE_RSU_DECIDE_WATCH_H
#define WAYSIDE_RSU_DECIDE_WATCH_H

#include "rsu/decide/inputs.h"

/* What was heard; numbers that say "unavailable" as in v2x/station_state.h. */
struct decide_heard {
    uint8_t vehicle[16]; /* of the hash of its certificate */
    uint64_t its_us; /* of its position */
    int32_t lat, lon; /* 0.1 microdegree */
    uint16_t speed, heading; /* cm/s, 0.1 degree clockwise from north */
    int16_t accel_long, accel_lat, yaw_rate; /* cm/s2, 0.01 degree/s */
};

struct watch_config {
    size_t vehicles; /* 8 or more */
    unsigned window; /* rows kept of each, 1 to DECIDE_WINDOW_MAX */
    uint64_t look_us; /* between two looks at one vehicle */
    int32_t reach_mm; /* around a vehicle, for density; 1 or more */
    uint64_t
        salt; /* random, so that nobody can crowd out a vehicle; 0 where runs must be the same */
};

enum watch_heard {
    WATCH_DUE, /* a look is due: watch_look next */
    WATCH_TOO_SOON, /* its place was noted */
    WATCH_LATE, /* older than what was heard of it before */
    WATCH_FULL, /* no place in the table */
};

struct watch;
struct watch *watch_new(const struct watch_config *cfg);
void watch_free(struct watch *w); /* NULL is fine */
/* x, y: where it is, mm in the cell frame. ret_vehicle: its place in the table until the next call; set unless WATCH_FULL. */
enum watch_heard watch_hear(
    struct watch *w, const struct decide_heard *h, int32_t x, int32_t y, size_t *ret_vehicle);
/* Vehicles heard within reach of it in the last three seconds, itself among them. Cost: those in the nine squares around. */
size_t watch_around(const struct watch *w, size_t vehicle);
/* What the message itself says, and what follows from the look before. */
void watch_read(const struct watch *w, size_t vehicle, const struct decide_heard *h,
    struct decide_row *ret_row);
/* Notes the look. `needs` as in a binding: without all of it, or after a gap, the window begins anew. Returns how many rows
 * the window has now, the newest last in ret_rows (window of them at most). */
size_t watch_look(struct watch *w, size_t vehicle, const struct decide_heard *h,
    const struct decide_row *row, uint32_t needs, struct decide_row *ret_rows);
/* All windows begin anew, for another model. */
void watch_begin_anew(struct watch *w);
size_t watch_used(const struct watch *w);

#endif
