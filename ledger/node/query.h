/* Reading what is final: blocks, events by kind, proofs. Works on the store alone (any thread), except state
 * proofs, which need the owner thread. */
#ifndef WAYSIDE_LEDGER_NODE_QUERY_H
#define WAYSIDE_LEDGER_NODE_QUERY_H

#include "ledger/exec/block.h"
#include "ledger/exec/executor.h"
#include "ledger/light/proof.h"
#include "ledger/store/store.h"

WARN_UNUSED int query_header(
    struct store *s, uint64_t height, struct header *ret_header, struct ws_err *err);
WARN_UNUSED int query_commit(
    struct store *s, uint64_t height, struct commit *ret_commit, struct ws_err *err);
/* Whole block; WS_ENOTFOUND when absent: the text says whether it is pruned (decision 21). Free with block_free. */
WARN_UNUSED int query_block(struct store *s, const struct cell_params *limits, uint64_t height,
    struct block **ret_block, struct ws_err *err);

/* Calls fn for each event of (contract, type) with height >= from, ascending; the event's body is borrowed. */
typedef bool (*query_event_fn)(void *ctx, const struct event *e);
WARN_UNUSED int query_events(struct store *s, uint8_t contract, uint16_t type, uint64_t from,
    query_event_fn fn, void *ctx, struct ws_err *err);

/* Bundle (encoding) for one event; WS_EBUSY while header height + 1 is not decided yet. */
WARN_UNUSED int query_event_bundle(struct store *s, uint64_t height, uint32_t sequence,
    struct buf *ret_bundle, struct ws_err *err);
/* Bundle for a key of a contract under the last header; owner thread. WS_EBUSY: the last block changed the entry, or the
 * node has just started; ask again after the next block. */
WARN_UNUSED int query_state_bundle(struct executor *ex, const struct header *header,
    const struct commit *commit, size_t contract, struct span key, struct buf *ret_bundle,
    struct ws_err *err);

#endif
