/* What a policy makes of a course of blocks: every change that it announced or confirmed, when, and on what evidence. Two of
 * these on the same blocks are what `rsuctl policy try` compares.
 *
 * A trial holds a whole contract host. It is started on a genesis, whose policy another may take the place of: the cell id and
 * everything else stay, so the policy is the only thing in which two trials differ. Same blocks, same answers. One thread per
 * object. */
#ifndef WAYSIDE_RSU_REPLAY_TRIAL_H
#define WAYSIDE_RSU_REPLAY_TRIAL_H

#include "mapsvc/fuse/diff.h"
#include "mapsvc/fuse/suspicion.h"
#include "rsu/cell/cell.h"

/* What a change is about; with kind, place or element and value, what makes two of them the same. */
enum trial_class { TRIAL_NEW, TRIAL_REMOVED, TRIAL_VALUE, TRIAL_MOVED, TRIAL_COVERED };

struct trial_change {
    enum trial_class cls;
    /* As confirmed, or as first announced where it never was; owned. */
    struct change_record record;
    /* The first advisory, and how the last one ended. */
    uint32_t advisories;
    struct change_record advisory; /* owned; with advisories > 0 */
    uint64_t advised_at, advisory_until; /* Time64, us */
    bool advisory_over;
    uint8_t advisory_id[32]; /* of the last one */
    uint64_t advisory_over_at;
    enum advisory_end advisory_why;
    /* The permanent change: confirmed in a block, published in that one or a later one. */
    bool confirmed, published;
    uint64_t confirmed_at, published_at;
    uint64_t version;
};

#define TRIAL_CODES_MAX 256
struct trial {
    struct cell cell;
    uint64_t results[STATE_CONTRACTS_MAX][TRIAL_CODES_MAX]; /* transactions by contract and code */
    struct trial_change *changes; /* in the order in which they were first heard of */
    size_t n, cap;
    uint64_t blocks;
};

/* Observations may name any version of the map, for with another policy there are other versions.
 * map: the base map; borrowed for the call. policy_body NULL: the genesis' own; else policy_make_body's octets, borrowed for
 * the call. */
WARN_UNUSED int trial_open(struct trial *t, struct span genesis, const struct mapset *map,
    const struct buf *policy_body, struct ws_err *err);
void trial_close(struct trial *t);
/* The next block, as the cell decided it. */
void trial_block(struct trial *t, const struct block *b);

const int64_t *trial_policy(const struct trial *t); /* enum map_policy_field */
/* Whether two changes, of one trial or of two, say the same of the same thing on the road. */
bool trial_same_thing(const struct trial_change *a, const struct trial_change *b);
/* What speaks for a change that is not confirmed, now; false: nothing does any more, or something else more. */
bool trial_standing(const struct trial *t, const struct trial_change *c, struct map_suspicion *ret);

/* ---- two of them ---- */

enum trial_verdict {
    TRIAL_NEITHER,
    TRIAL_SAME, /* in the same block */
    TRIAL_EARLIER, /* in the second */
    TRIAL_LATER,
    TRIAL_ONLY_FIRST,
    TRIAL_ONLY_SECOND,
    TRIAL_VERDICTS
};
/* "neither", "same", "earlier", "later", "only_in_force", "only_tried" */
const char *trial_verdict_name(enum trial_verdict v);

struct trial_row {
    const struct trial_change *first, *second; /* borrowed; one may be NULL */
    enum trial_verdict permanent, advisory;
    /* Second less first; 0 unless both are there. */
    int64_t permanent_us, advisory_us;
    int64_t permanent_vehicles, advisory_vehicles;
};
/* One row for each change of either, by the instant at which it was first heard of. The caller frees the list. */
struct trial_row *trial_compare(
    const struct trial *first, const struct trial *second, size_t *ret_n);

#endif
