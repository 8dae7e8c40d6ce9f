#include "ledger/snapshot/prune.h"

#include "ledger/exec/block.h"

static struct span height_key(uint8_t dst[static 8], uint64_t height) {
    put_be64(dst, height);
    return span_of(dst, 8);
}

static int read_header(
    struct store *s, uint64_t height, struct header *ret_header, struct ws_err *err) {
    struct buf b = {0};
    uint8_t key[8];
    int rc = store_get(s, STORE_HEADER, height_key(key, height), &b, err);
    struct rd r = rd_of(buf_span(&b));
    if (rc == WS_OK && (!header_read(&r, ret_header) || !rd_done(&r)))
        rc = ws_fail(err, WS_EINPUT, "store: header %llu is damaged", (unsigned long long)height);
    buf_free(&b);
    return rc;
}

static bool old_enough(const struct header *hd, uint64_t keep_us, uint64_t now_us) {
    return now_us >= keep_us && hd->time <= now_us - keep_us;
}

/* Parameters may have changed since the block was made: the widest that there can be read any block. */
static const struct cell_params widest = {
#define X(name, lo, hi, help) .name = (hi),
    CELL_PARAMS(X)
#undef X
};

static int drop_body(
    struct store *s, struct store_batch *batch, uint64_t height, struct ws_err *err) {
    uint8_t key[8];
    struct buf octets = {0};
    struct block *b = NULL;
    int rc = store_get(s, STORE_BLOCK, height_key(key, height), &octets, err);
    if (rc == WS_OK)
        rc = block_decode(buf_span(&octets), &widest, &b, err);
    for (size_t i = 0; rc == WS_OK && i < b->n_txs; i++)
        store_batch_del(batch, STORE_TX, span_of(b->txs[i]->id, 32));
    if (rc == WS_OK)
        store_batch_del(batch, STORE_BLOCK, height_key(key, height));
    block_free(b);
    buf_free(&octets);
    return rc == WS_ENOTFOUND ? WS_OK : rc;
}

static bool drop_event(void *ctx, struct span key, struct span value) {
    struct store_batch *batch = ctx;
    struct rd r = rd_of(value);
    struct event e;
    if (event_read(&r, &e) && key.n == 12) {
        uint8_t at[15] = {e.contract};
        put_be16(at + 1, e.type);
        memcpy(at + 3, key.p, 12);
        store_batch_del(batch, STORE_INDEX, span_of(at, sizeof(at)));
    }
    store_batch_del(batch, STORE_EVENT, key);
    return true;
}

static int drop_header(
    struct store *s, struct store_batch *batch, const struct header *hd, struct ws_err *err) {
    uint8_t key[8];
    if (memcmp(hd->validators, hd->next_validators, 32) == 0) {
        store_batch_del(batch, STORE_HEADER, height_key(key, hd->height));
        store_batch_del(batch, STORE_COMMIT, height_key(key, hd->height));
    }
    return store_each(
        s, STORE_EVENT, height_key(key, hd->height), span_of("", 0), drop_event, batch, err);
}

static int prune_bodies(struct store *s, struct store_batch *batch,
    const struct prune_limits *limits, struct meta_pruned *p, struct ws_err *err) {
    int rc = WS_OK;
    for (unsigned i = 0; i < limits->blocks && p->bodies_from < limits->below; i++) {
        struct header hd;
        rc = read_header(s, p->bodies_from, &hd, err);
        if (rc != WS_OK || !old_enough(&hd, limits->bodies_us, limits->now_us))
            break;
        rc = drop_body(s, batch, p->bodies_from, err);
        if (rc != WS_OK)
            break;
        p->bodies_from++;
    }
    return rc == WS_ENOTFOUND ? WS_OK : rc;
}

static int prune_headers(struct store *s, struct store_batch *batch,
    const struct prune_limits *limits, struct meta_pruned *p, struct ws_err *err) {
    int rc = WS_OK;
    /* The last header before the first body stays: that block names it. */
    uint64_t below = p->bodies_from - 1;
    below = limits->headers_below < below ? limits->headers_below : below;
    for (unsigned i = 0; i < limits->blocks && p->headers_from < below; i++) {
        struct header hd;
        rc = read_header(s, p->headers_from, &hd, err);
        if (rc != WS_OK || !old_enough(&hd, limits->headers_us, limits->now_us))
            break;
        rc = drop_header(s, batch, &hd, err);
        if (rc != WS_OK)
            break;
        p->headers_from++;
    }
    return rc == WS_ENOTFOUND ? WS_OK : rc;
}

int prune_step(struct store *s, struct store_batch *b, const struct prune_limits *limits,
    struct meta_pruned *ret_pruned, struct ws_err *err) {
    struct meta_pruned before;
    int rc = meta_read_pruned(s, &before, err);
    if (rc != WS_OK)
        return rc;
    struct meta_pruned after = before;
    rc = prune_bodies(s, b, limits, &after, err);
    if (rc == WS_OK)
        rc = prune_headers(s, b, limits, &after, err);
    if (rc == WS_OK &&
        (after.bodies_from != before.bodies_from || after.headers_from != before.headers_from))
        meta_put_pruned(b, &after);
    if (rc == WS_OK)
        *ret_pruned = after;
    return rc;
}

int prune_compact(struct store *s, const struct meta_pruned *pruned, struct ws_err *err) {
    static const uint8_t low[8] = {0};
    uint8_t bodies[8];
    uint8_t headers[8];
    uint8_t all[32];
    memset(all, 0xff, sizeof(all));
    struct span from = span_of(low, 8);
    int rc = store_compact(s, STORE_BLOCK, from, height_key(bodies, pruned->bodies_from), err);
    /* Identities are hashes: what goes is spread over all of them. */
    if (rc == WS_OK)
        rc = store_compact(s, STORE_TX, span_of("", 0), span_of(all, sizeof(all)), err);
    static const enum store_space by_height[] = {STORE_HEADER, STORE_COMMIT, STORE_EVENT};
    for (size_t i = 0; i < 3 && rc == WS_OK; i++)
        rc = store_compact(s, by_height[i], from, height_key(headers, pruned->headers_from), err);
    return rc;
}
