/* What each vehicle was counted for in the window that runs: one that said a thing before says nothing new by saying it
 * again. Part of the map contract: a cache of its state (contract_internal.h, key "t"), owner thread. */
#ifndef WAYSIDE_MAPSVC_FUSE_VEHICLES_H
#define WAYSIDE_MAPSVC_FUSE_VEHICLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VEHICLE_OCTETS                                                                             \
    16 /* of a vehicle's id, which is a hash over its window and its first certificate */
#define VEHICLE_THINGS_MAX 4096 /* things one vehicle counts for in a window */
#define VEHICLES_MAX (1U << 16) /* vehicles that count for anything in a window */

/* What a vehicle was counted for. */
enum {
    COUNTED_EXISTENCE = 1,
    COUNTED_VALUE = 2,
    COUNTED_SILENCE = 4,
    COUNTED_PLACE = 8,
    COUNTED_GONE = 16, /* and it said that the thing is not there */
    COUNTED_OPENED = 32, /* it was the one with whom the suspicion began */
};
struct vehicle_thing {
    uint8_t subject[8]; /* first octets of the subject's id */
    uint8_t counted;
};
struct vehicle {
    uint8_t id[VEHICLE_OCTETS];
    uint64_t window_end;
    struct vehicle_thing *things; /* ascending */
    size_t n;
    size_t opened; /* of them: what it was the first to suspect */
    bool touched;
};
struct vehicles {
    struct vehicle **slots; /* hash table by id */
    size_t n, cap;
    uint64_t until; /* end of the earliest window of any of them */
    struct vehicle **touched; /* in this block */
    size_t n_touched, cap_touched;
};

struct vehicle *vehicles_find(
    const struct vehicles *t, const uint8_t id[static VEHICLE_OCTETS]); /* or NULL */
/* The one that is there, or a new one that was counted for nothing. */
struct vehicle *vehicles_add(
    struct vehicles *t, const uint8_t id[static VEHICLE_OCTETS], uint64_t window_end);
/* Notes that it changed in this block. */
void vehicles_touch(struct vehicles *t, struct vehicle *v);
/* Drops those whose window ended by `now`; false when there were none. */
bool vehicles_forget(struct vehicles *t, uint64_t now);
void vehicles_free(struct vehicles *t);

/* Of `subject`, of which 8 octets count; 0: nothing. */
uint8_t vehicle_counted(const struct vehicle *v, const uint8_t *subject);
/* Whether what a vehicle (NULL: one that is not in the table yet) says of `subject` (NULL: of a thing that is new) can be
 * remembered. What cannot be must not be counted: it would be counted again. */
bool vehicles_remember(const struct vehicles *t, const struct vehicle *v, const uint8_t *subject);
/* Adds to what it was counted for; vehicles_remember must hold. */
void vehicle_count(struct vehicle *v, const uint8_t *subject, uint8_t counted);
/* Adds what `from` was counted for, lowest subject first, as far as a vehicle may be. */
void vehicle_join(struct vehicle *into, const struct vehicle *from);

#endif
