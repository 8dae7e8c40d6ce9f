#include "ledger/snapshot/restore.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/entry.h"
#include "ledger/snapshot/meta.h"

#include <stdlib.h>

/* ---- chunks into the store ---- */

struct pair {
    struct span key, value;
};

static int by_key(const void *a, const void *b) {
    return span_compare(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* In the order of stored keys, which is that of the hashed ones but for keys that share eight octets of hash. */
static struct pair *stored_pairs(const struct chunk *c, struct buf *keys) {
    struct pair *p = ws_calloc(c->entries.n, sizeof(*p));
    size_t octets = 0;
    for (size_t i = 0; i < c->entries.n; i++)
        octets += ENTRY_HEAD_OCTETS + c->entries.e[i].key.n;
    buf_clear(keys);
    (void)buf_grow(keys, octets); /* so that it does not move below */
    keys->n = 0;
    bool sorted = true;
    for (size_t i = 0; i < c->entries.n; i++) {
        const struct chunk_entry *e = &c->entries.e[i];
        size_t at = keys->n;
        buf_u8(keys, c->contract);
        buf_put(keys, e->key_hash, ENTRY_HASH_OCTETS);
        buf_put(keys, e->key.p, e->key.n);
        p[i] = (struct pair){span_of(keys->p + at, keys->n - at), e->value};
        sorted = sorted && (i == 0 || span_compare(p[i - 1].key, p[i].key) < 0);
    }
    if (!sorted)
        qsort(p, c->entries.n, sizeof(*p), by_key);
    return p;
}

static int put_chunk(
    struct store_bulk *bulk, const struct chunk *c, struct buf *keys, struct ws_err *err) {
    struct pair *p = stored_pairs(c, keys);
    int rc = WS_OK;
    for (size_t i = 0; i < c->entries.n && rc == WS_OK; i++)
        rc = store_bulk_put(bulk, p[i].key, p[i].value, err);
    free(p);
    return rc;
}

/* Chunk by chunk the keys ascend. */
static int put_chunks(
    const struct snapshot_restore *how, const struct manifest *m, struct ws_err *err) {
    struct store_bulk *bulk = store_bulk_new(how->into, STORE_STATE);
    struct buf octets = {0};
    struct buf keys = {0};
    int rc = WS_OK;
    for (size_t i = 0; i < manifest_chunks(m) && rc == WS_OK; i++) {
        struct chunk c;
        buf_clear(&octets);
        rc = snapshot_read(how->from, i, &octets, &c, err);
        if (rc == WS_OK)
            rc = put_chunk(bulk, &c, &keys, err);
        chunk_entries_free(&c.entries);
        if (rc == WS_OK && how->go_on != NULL && !how->go_on(how->ctx, octets.n))
            rc = ws_fail(err, WS_EBUSY, "stopped");
    }
    buf_free(&octets);
    buf_free(&keys);
    if (rc == WS_OK)
        return store_bulk_end(bulk, err);
    store_bulk_free(bulk);
    return rc;
}

/* ---- before and after ---- */

static int refuse_blocks(struct store *s, struct ws_err *err) {
    struct meta_node at;
    int rc = meta_read_node(s, &at, err);
    if (rc == WS_ENOTFOUND)
        return WS_OK;
    if (rc == WS_OK && at.height > 0)
        return ws_fail(err, WS_EEXIST,
            "the store holds blocks up to height %llu; a snapshot goes into a new one only",
            (unsigned long long)at.height);
    return rc;
}

/* Mark and floor first: what was said at the heights up to it must not be forgotten by a restore that is begun again. */
static int begin(struct store *s, uint64_t height, uint64_t floor, struct ws_err *err) {
    static const uint8_t above[] = {STATE_CONTRACTS_MAX};
    uint64_t before = 0;
    int rc = meta_read_floor(s, &before, err);
    if (rc != WS_OK)
        return rc;
    struct store_batch *b = store_batch_new(s);
    meta_put_restoring(b, height);
    if (floor > before)
        meta_put_floor(b, floor);
    store_batch_del_range(b, STORE_STATE, span_of("", 0), span_of(above, 1));
    return store_batch_write(b, err);
}

static int end(struct store *s, const struct manifest *m, struct ws_err *err) {
    struct store_batch *batch = store_batch_new(s);
    hash32 no_events;
    exec_sha256(NULL, 0, no_events);
    struct meta_node at = {.height = m->last.height};
    memcpy(at.cell_id, m->last.cell_id, 32);
    memcpy(at.state_root, m->next.state_root, 32);
    memcpy(at.result_root, m->next.result_root, 32);
    memcpy(at.event_root, m->next.event_root, 32);
    at.events_pending = memcmp(no_events, m->next.event_root, 32) != 0;
    meta_put_node(batch, &at);
    struct meta_pruned pruned = {m->next.height, m->last.height};
    meta_put_pruned(batch, &pruned);
    meta_end_restoring(batch);
    uint8_t key[8];
    put_be64(key, m->last.height);
    struct buf octets = {0};
    header_encode(&m->last, &octets);
    store_batch_put(batch, STORE_HEADER, span_of(key, 8), buf_span(&octets));
    buf_clear(&octets);
    commit_encode(&m->last_commit, &octets);
    store_batch_put(batch, STORE_COMMIT, span_of(key, 8), buf_span(&octets));
    buf_free(&octets);
    return store_batch_write(batch, err);
}

int snapshot_restore(const struct snapshot_restore *how, struct ws_err *err) {
    const struct manifest *m = snapshot_manifest(how->from);
    int rc = refuse_blocks(how->into, err);
    if (rc == WS_OK)
        rc = begin(how->into, m->last.height, how->floor, err);
    if (rc == WS_OK)
        rc = put_chunks(how, m, err);
    if (rc == WS_OK && how->before_end != NULL)
        rc = how->before_end(how->ctx, err);
    return rc == WS_OK ? end(how->into, m, err) : rc;
}
