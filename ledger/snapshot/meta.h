/* Small records in STORE_META that say where a store stands. Any thread that may read or write it. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_META_H
#define WAYSIDE_LEDGER_SNAPSHOT_META_H

#include "ledger/light/merkle.h"
#include "ledger/store/store.h"

/* "node": the last executed height and what the next header builds on; in the batch of that height. */
struct meta_node {
    hash32 cell_id;
    uint64_t height; /* 0: genesis only */
    hash32 state_root, result_root, event_root;
    bool events_pending;
};
void meta_put_node(struct store_batch *b, const struct meta_node *m);
/* WS_ENOTFOUND: a new store. WS_EINPUT: damaged, or of another version. */
WARN_UNUSED int meta_read_node(struct store *s, struct meta_node *ret_meta, struct ws_err *err);

/* "pruned": what is not kept any more. Absent: everything is. */
struct meta_pruned {
    uint64_t
        bodies_from; /* lowest height with its body and its index of transactions; at least 1 */
    uint64_t headers_from; /* lowest height with header, commit and events; <= bodies_from */
};
void meta_put_pruned(struct store_batch *b, const struct meta_pruned *m);
WARN_UNUSED int meta_read_pruned(struct store *s, struct meta_pruned *ret_meta, struct ws_err *err);

/* "restoring": a snapshot of this height is on its way in; the store is no state of anything until it is whole. */
void meta_put_restoring(struct store_batch *b, uint64_t height);
void meta_end_restoring(struct store_batch *b);
/* 0: none is. */
WARN_UNUSED int meta_read_restoring(struct store *s, uint64_t *ret_height, struct ws_err *err);

/* "sign_floor": this validator signs nothing at heights up to it, because it may have signed there before the store was
 * taken back. 0: none. */
void meta_put_floor(struct store_batch *b, uint64_t height);
WARN_UNUSED int meta_read_floor(struct store *s, uint64_t *ret_height, struct ws_err *err);

#endif
