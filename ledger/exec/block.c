#include "ledger/exec/block.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

void block_clear(struct block *b) {
    for (size_t i = 0; i < b->n_txs; i++)
        tx_unref(b->txs[i]);
    free((void *)b->txs);
    free(b->tx_ids);
    free(b->tx_leaves);
    table_free(&b->missing);
    memset(b, 0, sizeof(*b));
}

void block_free(struct block *b) {
    if (b == NULL)
        return;
    block_clear(b);
    free(b);
}

void block_tx_root(const struct block *b, hash32 ret_root) {
    exec_list_root((const uint8_t(*)[32])b->tx_leaves, b->n_txs, ret_root);
}

void block_seal(struct block *b) {
    b->header.tx_count = (uint32_t)b->n_txs;
    block_tx_root(b, b->header.tx_root);
    header_id(exec_sha256, &b->header, b->id);
}

void block_put_tx(struct block *b, size_t i, struct tx *t) {
    WS_ASSERT(memcmp(b->tx_leaves[i], t->leaf, 32) == 0 && b->txs[i] == NULL);
    memcpy(b->tx_ids[i], t->id, 32);
    b->txs[i] = tx_ref(t);
    if (b->n_missing > 0)
        b->n_missing--;
}

bool block_complete(const struct block *b) {
    return b->n_missing == 0;
}

static void find_missing(struct block *b) {
    b->has_missing = true;
    for (size_t i = 0; i < b->n_txs; i++) {
        if (b->txs[i] == NULL)
            b->twice |= table_put(&b->missing, b->tx_leaves[i], b->tx_leaves[i]) != NULL;
    }
}

bool block_fill(struct block *b, struct tx *t) {
    if (b->n_missing == 0)
        return false;
    if (!b->has_missing)
        find_missing(b);
    const hash32 *leaf = table_take(&b->missing, t->leaf);
    if (leaf == NULL)
        return false;
    size_t at = (size_t)(leaf - (const hash32 *)b->tx_leaves);
    if (b->txs[at] == NULL)
        block_put_tx(b, at, t);
    /* Such a block is not valid, and whoever judges it has to see it whole. */
    for (size_t i = 0; b->twice && i < b->n_txs; i++) {
        if (b->txs[i] == NULL && memcmp(b->tx_leaves[i], t->leaf, 32) == 0)
            block_put_tx(b, i, t);
    }
    return true;
}

static void put_front(const struct block *b, struct buf *out) {
    buf_u8(out, LEDGER_VERSION);
    header_encode(&b->header, out);
    commit_encode(&b->last_commit, out);
    buf_u32(out, (uint32_t)b->n_txs);
}

void block_encode(const struct block *b, struct buf *out) {
    put_front(b, out);
    for (size_t i = 0; i < b->n_txs; i++) {
        WS_ASSERT(b->txs[i] != NULL);
        buf_var(out, b->txs[i]->octets);
    }
}

void block_encode_compact(const struct block *b, struct buf *out) {
    put_front(b, out);
    for (size_t i = 0; i < b->n_txs; i++) {
        buf_put(out, b->tx_ids[i], 32);
        buf_put(out, b->tx_leaves[i], 32);
    }
}

static int read_front(
    struct rd *r, const struct cell_params *limits, struct block *b, struct ws_err *err) {
    if (rd_u8(r) != LEDGER_VERSION)
        return ws_fail(err, WS_EINPUT, "block: version octet is not %d", LEDGER_VERSION);
    if (!header_read(r, &b->header))
        return ws_fail(err, WS_EINPUT, "block: malformed header near octet %zu", r->at);
    if (!commit_read(r, &b->last_commit))
        return ws_fail(err, WS_EINPUT, "block: malformed commit near octet %zu", r->at);
    uint32_t n = rd_u32(r);
    /* Before anything is allocated: count within the cell's limit and within what is left to read. */
    if (r->bad || n > limits->block_txs_max || n != b->header.tx_count || n > rd_left(r))
        return ws_fail(err, WS_EINPUT, "block: %u transactions", n);
    b->n_txs = n;
    b->txs = (struct tx **)ws_calloc(n, sizeof(struct tx *));
    b->tx_ids = ws_calloc(n, sizeof(hash32));
    b->tx_leaves = ws_calloc(n, sizeof(hash32));
    return WS_OK;
}

/* Zero stands for the commit that the first block has none of. */
static bool commit_fits(const struct block *b) {
    static const struct commit none = {0};
    const struct commit *c = &b->last_commit;
    hash32 want = {0};
    if (b->header.height == 1) {
        if (c->n != 0 || c->height != 0 || c->round != 0 || memcmp(c->id, none.id, 32) != 0)
            return false;
    } else {
        commit_hash(exec_sha256, c, want);
    }
    return memcmp(want, b->header.last_commit, 32) == 0;
}

/* Both before anybody judges the block: a verdict is for the id, and a spoiled copy has the id of the good one. */
static int check_bound(struct block *b, struct ws_err *err) {
    if (!commit_fits(b))
        return ws_fail(err, WS_EINPUT, "block: the carried commit does not fit the header");
    hash32 root;
    block_tx_root(b, root);
    if (memcmp(root, b->header.tx_root, 32) != 0)
        return ws_fail(err, WS_EINPUT, "block: transactions do not fit the header");
    header_id(exec_sha256, &b->header, b->id);
    return WS_OK;
}

enum { TOGETHER = 64 };

static int decode_full(
    struct rd *r, const struct cell_params *limits, struct block *b, struct ws_err *err) {
    int rc = read_front(r, limits, b, err);
    size_t octets = 0;
    struct span part[TOGETHER];
    for (size_t done = 0; rc == WS_OK && done < b->n_txs;) {
        size_t n = 0;
        for (; n < TOGETHER && done + n < b->n_txs; n++) {
            part[n] = rd_var(r, limits->tx_octets_max);
            octets += part[n].n;
            if (r->bad || octets > limits->block_octets_max)
                return ws_fail(
                    err, WS_EINPUT, "block: transaction %zu: malformed or too large", done + n);
        }
        tx_parse_many(part, n, b->txs + done);
        for (size_t i = done; i < done + n && rc == WS_OK; i++) {
            if (b->txs[i] == NULL) { /* again, for the text */
                rc = tx_parse(part[i - done], &b->txs[i], err);
                return rc == WS_OK ? WS_EINPUT : ws_fail_in(err, "block: transaction %zu", i);
            }
            memcpy(b->tx_ids[i], b->txs[i]->id, 32);
            memcpy(b->tx_leaves[i], b->txs[i]->leaf, 32);
        }
        done += n;
    }
    if (rc == WS_OK && !rd_done(r))
        return ws_fail(err, WS_EINPUT, "block: trailing octets at %zu", r->at);
    return rc == WS_OK ? check_bound(b, err) : rc;
}

static int decode_compact(
    struct rd *r, const struct cell_params *limits, struct block *b, struct ws_err *err) {
    int rc = read_front(r, limits, b, err);
    if (rc != WS_OK)
        return rc;
    b->n_missing = b->n_txs;
    for (size_t i = 0; i < b->n_txs; i++) {
        rd_copy(r, b->tx_ids[i], 32);
        rd_copy(r, b->tx_leaves[i], 32);
    }
    if (!rd_done(r))
        return ws_fail(err, WS_EINPUT, "proposal: malformed near octet %zu", r->at);
    return check_bound(b, err);
}

static int decode(struct span s, const struct cell_params *limits, struct block **ret_block,
    int (*body)(struct rd *, const struct cell_params *, struct block *, struct ws_err *),
    struct ws_err *err) {
    struct block *b = ws_alloc(sizeof(*b));
    struct rd r = rd_of(s);
    int rc = body(&r, limits, b, err);
    if (rc != WS_OK) {
        block_free(b);
        return rc;
    }
    *ret_block = b;
    return WS_OK;
}

int block_decode(
    struct span s, const struct cell_params *limits, struct block **ret_block, struct ws_err *err) {
    return decode(s, limits, ret_block, decode_full, err);
}

int block_decode_compact(
    struct span s, const struct cell_params *limits, struct block **ret_block, struct ws_err *err) {
    return decode(s, limits, ret_block, decode_compact, err);
}
