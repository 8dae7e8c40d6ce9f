#include "ledger/snapshot/restore.h"

#include "ledger/exec/hash.h"
#include "ledger/snapshot/entry.h"
#include "ledger/snapshot/meta.h"

#define BATCH_OCTETS (4U << 20)

/* ---- one chunk into the store ---- */

struct filling {
    struct store *s;
    struct store_batch *batch;
    size_t octets;
};

/* Not synced: the last batch is, and with it everything before it. */
static int write_full(struct filling *f, bool all, struct ws_err *err) {
    if (f->octets < BATCH_OCTETS && !(all && f->octets > 0))
        return WS_OK;
    struct store_batch *b = f->batch;
    f->batch = store_batch_new(f->s);
    f->octets = 0;
    return store_batch_write_later(b, err);
}

static int put_chunk(struct filling *f, const struct chunk *c, struct ws_err *err) {
    struct buf key = {0};
    int rc = WS_OK;
    for (size_t i = 0; i < c->entries.n && rc == WS_OK; i++) {
        const struct chunk_entry *e = &c->entries.e[i];
        buf_clear(&key);
        buf_u8(&key, c->contract);
        buf_put(&key, e->key_hash, ENTRY_HASH_OCTETS);
        buf_put(&key, e->key.p, e->key.n);
        store_batch_put(f->batch, STORE_STATE, buf_span(&key), e->value);
        f->octets += key.n + e->value.n;
        rc = write_full(f, false, err);
    }
    buf_free(&key);
    return rc;
}

static int put_chunks(
    const struct snapshot_restore *how, const struct manifest *m, struct ws_err *err) {
    struct filling f = {.s = how->into, .batch = store_batch_new(how->into)};
    struct buf octets = {0};
    int rc = WS_OK;
    for (size_t i = 0; i < manifest_chunks(m) && rc == WS_OK; i++) {
        struct chunk c;
        buf_clear(&octets);
        rc = snapshot_read(how->from, i, &octets, &c, err);
        if (rc == WS_OK)
            rc = put_chunk(&f, &c, err);
        chunk_entries_free(&c.entries);
        if (rc == WS_OK && how->go_on != NULL && !how->go_on(how->ctx, octets.n))
            rc = ws_fail(err, WS_EBUSY, "stopped");
    }
    if (rc == WS_OK)
        rc = write_full(&f, true, err);
    buf_free(&octets);
    store_batch_free(f.batch);
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

static int begin(struct store *s, uint64_t height, struct ws_err *err) {
    struct store_batch *b = store_batch_new(s);
    static const uint8_t above[] = {STATE_CONTRACTS_MAX};
    meta_put_restoring(b, height);
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
        rc = begin(how->into, m->last.height, err);
    if (rc == WS_OK)
        rc = put_chunks(how, m, err);
    return rc == WS_OK ? end(how->into, m, err) : rc;
}
