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

/* Bundle (encoding) for one event, with all handovers since the genesis; WS_EBUSY while header height + 1 is not decided
 * yet. */
WARN_UNUSED int query_event_bundle(struct store *s, uint64_t height, uint32_t sequence,
    struct buf *ret_bundle, struct ws_err *err);
/* The same with the handovers behind a header that the client trusts. */
WARN_UNUSED int query_event_bundle_from(struct store *s, uint64_t trusted, uint64_t height,
    uint32_t sequence, struct buf *ret_bundle, struct ws_err *err);
/* Bundle for a key of a contract under the last header, with the handovers behind a trusted height (0: the genesis);
 * owner thread. WS_EBUSY: the last block changed the entry, or the
 * node has just started; ask again after the next block. */
WARN_UNUSED int query_state_bundle(struct executor *ex, uint64_t trusted,
    const struct header *header, const struct commit *commit, size_t contract, struct span key,
    struct buf *ret_bundle, struct ws_err *err);

/* ---- for light clients (query_light.c) ---- */

/* The set that signed a height. WS_ENOTFOUND: forgotten, or not told yet. */
WARN_UNUSED int query_set(
    struct store *store, uint64_t height, struct validator_set *ret_set, struct ws_err *err);
/* Header, commit and set of a height; WS_EBUSY: the set is not told yet. */
WARN_UNUSED int query_light_block(
    struct store *s, uint64_t height, struct light_block *ret_block, struct ws_err *err);
struct query_handovers {
    size_t n;
    struct buf octets; /* a var each, as in struct handovers */
    uint64_t last; /* height of the last one */
    bool more; /* there are more below the bound */
    bool forgotten; /* between `after` and the first of these there may have been others */
};
/* Handovers of heights above `after` and under `below`, at most max. Free also after a failure. */
WARN_UNUSED int query_handovers(struct store *s, uint64_t after, uint64_t below, size_t max,
    struct query_handovers *ret, struct ws_err *err);
/* The same out of the state as it is now, which may be a block ahead of the disk; owner thread. */
WARN_UNUSED int query_handovers_now(struct executor *ex, uint64_t after, uint64_t below, size_t max,
    struct query_handovers *ret, struct ws_err *err);
void query_handovers_free(struct query_handovers *q);

#endif
