#include "ledger/snapshot/rollback.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/light/types.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/meta.h"

#include <stdlib.h>

static struct span height_key(uint8_t dst[static 8], uint64_t height) {
    put_be64(dst, height);
    return span_of(dst, 8);
}

/* ---- what goes ---- */

static bool drop_index(void *ctx, struct span key, struct span value) {
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

struct places {
    struct store_batch *batch;
    uint64_t above;
};

static bool drop_place(void *ctx, struct span key, struct span value) {
    const struct places *p = ctx;
    if (value.n >= 8 && be64(value.p) > p->above)
        store_batch_del(p->batch, STORE_TX, key);
    return true;
}

static int drop_height(
    struct store *s, struct store_batch *batch, uint64_t height, struct ws_err *err) {
    uint8_t key[8];
    store_batch_del(batch, STORE_HEADER, height_key(key, height));
    store_batch_del(batch, STORE_UNDO, height_key(key, height));
    return store_each(
        s, STORE_EVENT, height_key(key, height), span_of("", 0), drop_index, batch, err);
}

/* ---- what comes back ---- */

static bool known_root(const hash32 *leaves, size_t n, const hash32 want) {
    hash32 scratch[STATE_CONTRACTS_MAX];
    hash32 root;
    list_root(exec_sha256, leaves, n, scratch, root);
    return memcmp(root, want, 32) == 0;
}

/* The number of contracts is not in the store; the root shows it. */
static int check_root(struct store *s, const struct entries_past *past, const struct header *next,
    struct ws_err *err) {
    struct scan scan = {.store = s, .past = past};
    hash32 roots[STATE_CONTRACTS_MAX];
    hash32 leaves[STATE_CONTRACTS_MAX];
    hash32 all;
    int rc = scan_state_root(&scan, STATE_CONTRACTS_MAX, roots, all, err);
    if (rc != WS_OK)
        return rc;
    for (size_t i = 0; i < STATE_CONTRACTS_MAX; i++)
        contract_leaf(exec_sha256, (uint8_t)i, roots[i], leaves[i]);
    for (size_t n = 1; n <= STATE_CONTRACTS_MAX; n++) {
        if (known_root(leaves, n, next->state_root))
            return WS_OK;
    }
    return ws_fail(err, WS_EINPUT,
        "the state after height %llu would not be what header %llu commits to: go further back, or "
        "restore a snapshot; nothing was changed",
        (unsigned long long)next->height - 1, (unsigned long long)next->height);
}

static int read_header(
    struct store *s, uint64_t height, struct header *ret_header, struct ws_err *err) {
    struct buf b = {0};
    uint8_t key[8];
    int rc = store_get(s, STORE_HEADER, height_key(key, height), &b, err);
    struct rd r = rd_of(buf_span(&b));
    if (rc == WS_ENOTFOUND || (rc == WS_OK && (!header_read(&r, ret_header) || !rd_done(&r))))
        rc = ws_fail(
            err, WS_EINPUT, "store: header %llu is missing or damaged", (unsigned long long)height);
    buf_free(&b);
    return rc;
}

static void put_node(struct store_batch *batch, const struct header *next) {
    hash32 no_events;
    exec_sha256(NULL, 0, no_events);
    struct meta_node at = {.height = next->height - 1};
    memcpy(at.cell_id, next->cell_id, 32);
    memcpy(at.state_root, next->state_root, 32);
    memcpy(at.result_root, next->result_root, 32);
    memcpy(at.event_root, next->event_root, 32);
    at.events_pending = memcmp(no_events, next->event_root, 32) != 0;
    meta_put_node(batch, &at);
}

static int fill(struct store *s, struct store_batch *batch, const struct entries_past *past,
    const struct header *next, uint64_t from, struct ws_err *err) {
    for (size_t i = 0; i < past->n_old; i++) {
        const struct undo_entry *e = past->old[i];
        if (e->had)
            store_batch_put(batch, STORE_STATE, e->key, e->value);
        else
            store_batch_del(batch, STORE_STATE, e->key);
    }
    int rc = WS_OK;
    for (uint64_t h = next->height; h <= from && rc == WS_OK; h++)
        rc = drop_height(s, batch, h, err);
    struct places places = {batch, next->height - 1};
    if (rc == WS_OK)
        rc = store_each(s, STORE_TX, span_of("", 0), span_of("", 0), drop_place, &places, err);
    put_node(batch, next);
    return rc;
}

/* How far back the undo records reach. */
static int too_far(struct store *s, uint64_t newest, struct ws_err *err) {
    uint64_t n = 0;
    struct undo u;
    while (n < newest && undo_read(s, newest - n, &u, NULL) == WS_OK) {
        undo_free(&u);
        n++;
    }
    return ws_fail(err, WS_ENOTFOUND,
        "the store keeps the undo records of %llu blocks: only so many can be taken back. Restore "
        "a snapshot, or move the folder \"store\" away and let the unit fetch everything",
        (unsigned long long)n);
}

int rollback(struct store *s, uint64_t to, struct rollback_done *ret_done, struct ws_err *err) {
    struct meta_node at;
    int rc = meta_read_node(s, &at, err);
    if (rc == WS_ENOTFOUND)
        return ws_fail(err, rc, "the store holds no block");
    if (rc != WS_OK)
        return rc;
    if (to >= at.height || to == 0)
        return ws_fail(err, WS_EINPUT, "the store is at height %llu: it goes back to 1..%llu only",
            (unsigned long long)at.height, (unsigned long long)(at.height > 0 ? at.height - 1 : 0));
    struct header next = {0};
    struct entries_past past = {0};
    rc = entries_past_read(s, at.height, to + 1, &past, err);
    if (rc == WS_OK)
        rc = read_header(s, to + 1, &next, err);
    else if (rc == WS_ENOTFOUND)
        rc = too_far(s, at.height, err);
    if (rc == WS_OK)
        rc = check_root(s, &past, &next, err);
    uint64_t floor = 0;
    if (rc == WS_OK)
        rc = meta_read_floor(s, &floor, err);
    if (rc == WS_OK) {
        struct store_batch *batch = store_batch_new(s);
        rc = fill(s, batch, &past, &next, at.height, err);
        meta_put_floor(batch, floor > at.height ? floor : at.height);
        if (rc == WS_OK)
            rc = store_batch_write(batch, err);
        else
            store_batch_free(batch);
    }
    entries_past_free(&past);
    if (rc == WS_OK)
        *ret_done = (struct rollback_done){at.height, to};
    return rc;
}
