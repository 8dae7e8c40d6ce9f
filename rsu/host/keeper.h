/* What looks after the disk of a running unit, in a thread of its own: snapshots at fixed heights (the same on all units, so
 * that chunks come from any of them), the newest kept, space of pruned heights given back, the disk budget, the wear of
 * the flash, and the word to stop while a write can still end whole. */
#ifndef WAYSIDE_RSU_HOST_KEEPER_H
#define WAYSIDE_RSU_HOST_KEEPER_H

#include "base/error.h"
#include "ledger/store/store.h"

struct keeper_config {
    const char *data; /* the unit's data folder; copied */
    uint64_t snapshot_blocks; /* a snapshot at each multiple of so many heights; 0: none */
    unsigned snapshots; /* newest that are kept */
    uint64_t snapshot_octets_s; /* state read and written per second at most */
    uint64_t
        join_us; /* not the keeper's: how long a new unit looks for a snapshot; 0: not at all */
    uint64_t budget_octets; /* store, logs and snapshots together; 0: no bound */
    uint64_t reserve_octets; /* less than this free on the disk: the unit must stop */
    uint64_t wear_octets_day; /* written by the process in 24 hours; 0: no bound */
    uint64_t check_us; /* how often disk and wear are looked at */
    uint64_t compact_heights; /* pruned heights after which their space is given back */
};

#define KEEPER_STATES(X)                                                                           \
    X(KEEPER_GOOD, "good")                                                                         \
    X(KEEPER_WEAR, "wear_budget_exceeded")                                                         \
    X(KEEPER_BUDGET, "disk_budget_exceeded")                                                       \
    X(KEEPER_FULL, "disk_full")
enum keeper_state {
#define X(id, text) id,
    KEEPER_STATES(X)
#undef X
};
const char *keeper_state_name(enum keeper_state s);

struct keeper_counters {
    enum keeper_state state;
    uint64_t snapshot_height; /* newest that is whole; 0: none */
    uint64_t snapshots_made, snapshots_failed, snapshots_skipped; /* skipped: busy, or worn */
    uint64_t snapshot_octets, snapshot_us; /* of the last one made */
    uint64_t data_octets, free_octets; /* of the data folder, of its disk */
    uint64_t written_octets, written_day_octets; /* by the process: ever, in the last 24 hours */
    uint64_t compactions;
};

struct keeper;
/* Finds the snapshots that are there. The store stays open until keeper_close. */
WARN_UNUSED int keeper_open(const struct keeper_config *cfg, struct store *s,
    struct keeper **ret_keeper, struct ws_err *err);
/* Ends what it is at, which the next start takes up. NULL is allowed. */
void keeper_close(struct keeper *k);
/* Block `height` is durable and no batch is on its way: the thread that writes batches. Cheap. */
void keeper_committed(struct keeper *k, uint64_t height);
uint64_t keeper_newest(const struct keeper *k); /* any thread: snapshot_height */
struct keeper_counters keeper_look(struct keeper *k); /* any thread */
/* Any thread. True: the unit must stop now; *ret_why says why and what to do. */
bool keeper_must_stop(struct keeper *k, const char **ret_why);

#endif
