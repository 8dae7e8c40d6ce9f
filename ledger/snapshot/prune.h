/* Letting go of what is old enough, a few heights with each block, in the block's own batch: bodies and the places of their
 * transactions below the retention horizon, headers, commits and events below the longest of the windows in which
 * somebody may ask for them (decision 21). Blocks at which validators change keep header and commit for ever: a
 * proof from the genesis goes over them.
 *
 * Time is block time, so all nodes of a cell prune alike. The thread that fills the batch. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_PRUNE_H
#define WAYSIDE_LEDGER_SNAPSHOT_PRUNE_H

#include "ledger/snapshot/meta.h"

struct prune_limits {
    uint64_t now_us; /* block time */
    uint64_t bodies_us, headers_us; /* how long they stay */
    uint64_t
        below; /* only lower bodies go: who joins by the newest snapshot needs this one and what follows */
    uint64_t headers_below; /* only lower headers go: the windows that count heights */
    unsigned blocks; /* heights at once, of each kind; 0: nothing goes */
};
/* *ret_pruned: where it stands after this batch. WS_EINPUT: a stored block is damaged. */
WARN_UNUSED int prune_step(struct store *s, struct store_batch *b,
    const struct prune_limits *limits, struct meta_pruned *ret_pruned, struct ws_err *err);

/* Gives the disk of what was pruned back; blocks while it rewrites files. Any thread. */
WARN_UNUSED int prune_compact(
    struct store *s, const struct meta_pruned *pruned, struct ws_err *err);

#endif
