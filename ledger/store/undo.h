/* What the state was before the newest blocks: for each block the keys of STORE_STATE that it changed and their values
 * before it. Written in the block's own batch, so that it can neither be missing nor too much. It takes a
 * block back (rsuctl ledger rollback), and it gives the state before the last block while the store already
 * has the one after it (snapshots, whose header is the next one).
 *
 * Value in STORE_UNDO under the height: version (1), count (4), then for each key, ascending: key var, 0 or 1: was there,
 * and then value var. */
#ifndef WAYSIDE_LEDGER_STORE_UNDO_H
#define WAYSIDE_LEDGER_STORE_UNDO_H

#include "ledger/store/store.h"

/* Adds to a batch that is complete otherwise: the undo record of `height` from what the batch changes in STORE_STATE,
 * and the end of the one `keep` heights before it. keep 0: none is written. The writing thread. */
WARN_UNUSED int undo_put(struct store_batch *b, uint64_t height, unsigned keep, struct ws_err *err);

struct undo_entry {
    struct span key; /* as in STORE_STATE */
    bool had;
    struct span value; /* when had */
};
struct undo {
    struct buf octets; /* what the entries point into */
    size_t n;
    struct undo_entry *entry; /* ascending by key */
};
/* WS_ENOTFOUND: none is kept for this height. WS_EINPUT: damaged. */
WARN_UNUSED int undo_read(
    struct store *s, uint64_t height, struct undo *ret_undo, struct ws_err *err);
void undo_free(struct undo *u);

#endif
