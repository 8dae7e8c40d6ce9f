#include "ledger/node/query.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/meta.h"

#include <stdlib.h>

static struct span height_key(uint8_t dst[static 8], uint64_t height) {
    put_be64(dst, height);
    return span_of(dst, 8);
}

static int get_at(
    struct store *s, enum store_space space, uint64_t height, struct buf *b, struct ws_err *err) {
    uint8_t key[8];
    struct meta_pruned pruned = {1, 1};
    int rc = store_get(s, space, height_key(key, height), b, err);
    if (rc != WS_ENOTFOUND || meta_read_pruned(s, &pruned, err) != WS_OK)
        return rc;
    unsigned long long h = height;
    if (height > 0 && height < pruned.headers_from)
        return ws_fail(err, rc,
            "height %llu is pruned: the retention windows have passed; headers begin with %llu", h,
            (unsigned long long)pruned.headers_from);
    if (height > 0 && height < pruned.bodies_from)
        return ws_fail(err, rc,
            "block %llu is pruned: its body went at the retention horizon, its commitments remain "
            "in "
            "its header; bodies begin with %llu",
            h, (unsigned long long)pruned.bodies_from);
    return ws_fail(err, rc, "height %llu is not here", h);
}

static int damaged(struct ws_err *err, const char *what, uint64_t height) {
    return ws_fail(
        err, WS_EIO, "store: %s of height %llu is damaged", what, (unsigned long long)height);
}

int query_header(struct store *s, uint64_t height, struct header *ret_header, struct ws_err *err) {
    struct buf b = {0};
    int rc = get_at(s, STORE_HEADER, height, &b, err);
    if (rc == WS_OK) {
        struct rd r = rd_of(buf_span(&b));
        if (!header_read(&r, ret_header) || !rd_done(&r))
            rc = damaged(err, "header", height);
    }
    buf_free(&b);
    return rc;
}

int query_commit(struct store *s, uint64_t height, struct commit *ret_commit, struct ws_err *err) {
    struct buf b = {0};
    int rc = get_at(s, STORE_COMMIT, height, &b, err);
    if (rc == WS_OK) {
        struct rd r = rd_of(buf_span(&b));
        if (!commit_read(&r, ret_commit) || !rd_done(&r))
            rc = damaged(err, "commit", height);
    }
    buf_free(&b);
    return rc;
}

int query_block(struct store *s, const struct cell_params *limits, uint64_t height,
    struct block **ret_block, struct ws_err *err) {
    struct buf b = {0};
    int rc = get_at(s, STORE_BLOCK, height, &b, err);
    if (rc == WS_OK)
        rc = block_decode(buf_span(&b), limits, ret_block, err);
    buf_free(&b);
    return rc;
}

struct each_event {
    struct store *store;
    query_event_fn fn;
    void *ctx;
    int rc;
    struct ws_err *err;
};

static bool visit_index(void *ctx, struct span key, struct span value) {
    (void)value;
    struct each_event *e = ctx;
    if (key.n != 15) {
        e->rc = ws_fail(e->err, WS_EIO, "store: damaged index entry");
        return false;
    }
    struct buf b = {0};
    bool more = false;
    e->rc = store_get(e->store, STORE_EVENT, span_of(key.p + 3, 12), &b, e->err);
    if (e->rc == WS_OK) {
        struct rd r = rd_of(buf_span(&b));
        struct event ev;
        if (event_read(&r, &ev) && rd_done(&r))
            more = e->fn(e->ctx, &ev);
        else
            e->rc = damaged(e->err, "event", be64(key.p + 3));
    }
    buf_free(&b);
    return more;
}

int query_events(struct store *s, uint8_t contract, uint16_t type, uint64_t from, query_event_fn fn,
    void *ctx, struct ws_err *err) {
    uint8_t start[15] = {contract};
    put_be16(start + 1, type);
    put_be64(start + 3, from);
    struct each_event e = {s, fn, ctx, WS_OK, err};
    int rc =
        store_each(s, STORE_INDEX, span_of(start, 3), span_of(start, 11), visit_index, &e, err);
    return rc != WS_OK ? rc : e.rc;
}

struct leaves {
    hash32 *leaf;
    size_t n, cap;
    uint32_t wanted;
    struct buf event;
    bool found;
};

static bool gather_leaf(void *ctx, struct span key, struct span value) {
    struct leaves *l = ctx;
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 16 : l->cap * 2;
        l->leaf = ws_realloc(l->leaf, l->cap * sizeof(hash32));
    }
    list_leaf(exec_sha256, value, l->leaf[l->n]);
    if (key.n == 12 && be32(key.p + 8) == l->wanted && l->n == l->wanted) {
        buf_put(&l->event, value.p, value.n);
        l->found = true;
    }
    l->n++;
    return true;
}

/* A bundle carries all there were, or cannot be checked. */
static int check_handovers(const struct query_handovers *q, uint64_t trusted, struct ws_err *err) {
    if (!q->more && !q->forgotten)
        return WS_OK;
    return ws_fail(err, WS_ELIMIT,
        "too many committees since height %llu: begin with a newer trusted header",
        (unsigned long long)trusted);
}

int query_event_bundle(struct store *s, uint64_t height, uint32_t sequence, struct buf *ret_bundle,
    struct ws_err *err) {
    return query_event_bundle_from(s, 0, height, sequence, ret_bundle, err);
}

int query_event_bundle_from(struct store *s, uint64_t trusted, uint64_t height, uint32_t sequence,
    struct buf *ret_bundle, struct ws_err *err) {
    struct event_bundle p = {0};
    struct query_handovers q;
    int rc = query_header(s, height + 1, &p.header, NULL);
    if (rc == WS_OK)
        rc = query_commit(s, height + 1, &p.commit, NULL);
    if (rc == WS_ENOTFOUND)
        return ws_fail(err, WS_EBUSY,
            "header %llu, which commits to this event, is not decided yet",
            (unsigned long long)height + 1);
    if (rc != WS_OK)
        return damaged(err, "header or commit", height + 1);
    rc = query_handovers(s, trusted, height + 1, HANDOVERS_MAX, &q, err);
    if (rc == WS_OK)
        rc = check_handovers(&q, trusted, err);
    if (rc != WS_OK) {
        query_handovers_free(&q);
        return rc;
    }
    p.handovers = (struct handovers){q.n, buf_span(&q.octets)};
    uint8_t key[8];
    struct leaves l = {.wanted = sequence};
    rc = store_each(s, STORE_EVENT, height_key(key, height), span_of("", 0), gather_leaf, &l, err);
    if (rc == WS_OK && !l.found)
        rc = ws_fail(
            err, WS_ENOTFOUND, "no event %u at height %llu", sequence, (unsigned long long)height);
    if (rc == WS_OK) {
        list_prove(exec_sha256, l.leaf, l.n, sequence, l.leaf, &p.proof);
        p.event = buf_span(&l.event);
        event_bundle_encode(&p, ret_bundle);
    }
    free(l.leaf);
    buf_free(&l.event);
    query_handovers_free(&q);
    return rc;
}

int query_state_bundle(struct executor *ex, uint64_t trusted, const struct header *header,
    const struct commit *commit, size_t contract, struct span key, struct buf *ret_bundle,
    struct ws_err *err) {
    struct state_bundle *p = ws_alloc(sizeof(*p));
    p->header = *header;
    p->commit = *commit;
    p->key = key;
    hash32 key_hash;
    exec_sha256_one(key, key_hash);
    state_prove(executor_state(ex), contract, key_hash, p->contract_root, &p->contract, &p->proof);
    /* After a restart the state before the last block is not in memory any more; the next block brings one back. */
    hash32 leaf;
    contract_leaf(exec_sha256, (uint8_t)contract, p->contract_root, leaf);
    if (!list_verify(exec_sha256, &p->contract, leaf, header->state_root)) {
        free(p);
        return ws_fail(err, WS_EBUSY, "no proof until the next block is decided");
    }
    p->present = p->proof.end == SPARSE_LEAF && memcmp(p->proof.leaf_key, key_hash, 32) == 0;
    int rc = WS_OK;
    if (p->present) {
        hash32 value_hash;
        bool here = state_get(executor_state(ex), contract, key, &p->value);
        if (here)
            exec_sha256_one(p->value, value_hash);
        /* The last block changed it: its new value is provable with the next header. */
        if (!here || memcmp(value_hash, p->proof.leaf_value, 32) != 0)
            rc = ws_fail(err, WS_EBUSY, "the entry is changing; ask again after the next block");
    }
    struct query_handovers q = {0};
    if (rc == WS_OK)
        rc = query_handovers_now(ex, trusted, header->height, HANDOVERS_MAX, &q, err);
    if (rc == WS_OK)
        rc = check_handovers(&q, trusted, err);
    p->handovers = (struct handovers){q.n, buf_span(&q.octets)};
    if (rc == WS_OK)
        state_bundle_encode(p, ret_bundle);
    query_handovers_free(&q);
    free(p);
    return rc;
}
