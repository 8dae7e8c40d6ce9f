/* A block: header, the commit of its predecessor, transactions. Two encodings: the whole block (store,
 * sync) and the compact one of a proposal, which names each transaction by identity and leaf.
 * Owns references to its transactions. One thread. */
#ifndef WAYSIDE_LEDGER_EXEC_BLOCK_H
#define WAYSIDE_LEDGER_EXEC_BLOCK_H

#include "base/table.h"
#include "ledger/exec/tx.h"

struct block {
    struct header header;
    hash32 id; /* of the header */
    struct commit last_commit; /* n = 0 at height 1 */
    size_t n_txs;
    struct tx **txs; /* NULL entries: named by a proposal, not here yet */
    hash32 *tx_ids,
        *tx_leaves; /* of a compact block: the leaves are bound by the header, the ids are hints */
    /* of a compact block: what is not here yet */
    size_t n_missing;
    bool looked; /* what the mempool held was put in: from then on block_fill brings the rest */
    struct table missing; /* leaf -> place + 1; empty until block_fill is asked */
    bool has_missing, twice; /* it is made; a leaf stands in more than one place */
};

void block_free(struct block *b);
void block_clear(struct block *b); /* frees what it owns, not itself */
/* Root over tx_leaves. */
void block_tx_root(const struct block *b, hash32 ret_root);
/* Computes header.tx_root, tx_count and id from the rest. */
void block_seal(struct block *b);

void block_encode(const struct block *b, struct buf *out); /* all transactions present (asserted) */
/* Parses every transaction; checks root, count and carried commit against the header. */
WARN_UNUSED int block_decode(
    struct span s, const struct cell_params *limits, struct block **ret_block, struct ws_err *err);
void block_encode_compact(const struct block *b, struct buf *out);
WARN_UNUSED int block_decode_compact(
    struct span s, const struct cell_params *limits, struct block **ret_block, struct ws_err *err);
/* Fills place i of a compact block with the transaction of that leaf (asserted); corrects the id beside it, which no
 * signature covers. Takes its own reference. */
void block_put_tx(struct block *b, size_t i, struct tx *t);
bool block_complete(const struct block *b);
/* Puts the transaction wherever the block lacks it; false: nowhere. Found by a table, not by a walk. */
bool block_fill(struct block *b, struct tx *t);

#endif
