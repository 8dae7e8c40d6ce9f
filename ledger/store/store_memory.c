/* The twin in memory: same calls, same answers, and a way to fail on purpose. */
#include "ledger/store/fault.h"
#include "ledger/store/store_internal.h"

#include "base/mem.h"
#include "base/omap.h"

#include <pthread.h>
#include <stdlib.h>

struct memory_store {
    struct store base;
    pthread_rwlock_t lock; /* readers of other threads against the writer's batch */
    struct omap space[STORE_SPACE_COUNT];
    bool failing;
    uint64_t batches_left;
};

struct put {
    enum store_space space;
    bool del;
    struct span key, value; /* owned */
};
struct memory_batch {
    struct store_batch base;
    size_t n, cap;
    struct put *puts;
};

static struct memory_store *self(struct store *s) {
    return (struct memory_store *)s;
}

static void memory_close(struct store *s) {
    for (size_t i = 0; i < STORE_SPACE_COUNT; i++)
        omap_free(&self(s)->space[i]);
    (void)pthread_rwlock_destroy(&self(s)->lock);
    free(s);
}

static int memory_get(struct store *s, enum store_space space, struct span key,
    struct buf *ret_value, struct ws_err *err) {
    (void)err;
    struct span v;
    (void)pthread_rwlock_rdlock(&self(s)->lock);
    bool found = omap_get(&self(s)->space[space], key, &v);
    if (found)
        buf_put(ret_value, v.p, v.n);
    (void)pthread_rwlock_unlock(&self(s)->lock);
    return found ? WS_OK : WS_ENOTFOUND;
}

static int memory_each(struct store *s, enum store_space space, struct span prefix,
    struct span from, store_each_fn fn, void *ctx, struct ws_err *err) {
    (void)err;
    struct buf at = {0};
    buf_put(&at, from.p, from.n);
    struct buf value = {0};
    bool more = true;
    for (bool first = true; more; first = false) {
        struct span k;
        struct span v;
        (void)pthread_rwlock_rdlock(&self(s)->lock);
        more = omap_next(&self(s)->space[space], prefix, buf_span(&at), first, &k, &v);
        if (more) {
            struct span copy = k;
            buf_clear(&value);
            buf_put(&value, v.p, v.n);
            buf_clear(&at);
            buf_put(&at, copy.p, copy.n);
        }
        (void)pthread_rwlock_unlock(&self(s)->lock);
        more = more &&
               fn(ctx, buf_span(&at), buf_span(&value)); /* without the lock: fn may read too */
    }
    buf_free(&at);
    buf_free(&value);
    return WS_OK;
}

static int memory_last(struct store *s, enum store_space space, struct span prefix,
    struct buf *ret_key, struct buf *ret_value, struct ws_err *err) {
    (void)err;
    struct span k;
    struct span v;
    (void)pthread_rwlock_rdlock(&self(s)->lock);
    bool found = omap_last(&self(s)->space[space], prefix, &k, &v);
    if (found) {
        buf_put(ret_key, k.p, k.n);
        buf_put(ret_value, v.p, v.n);
    }
    (void)pthread_rwlock_unlock(&self(s)->lock);
    return found ? WS_OK : WS_ENOTFOUND;
}

static struct store_batch *memory_batch_new(struct store *s) {
    struct memory_batch *b = ws_alloc(sizeof(*b));
    b->base.store = s;
    return &b->base;
}

static void note(struct store_batch *base, enum store_space space, bool del, struct span key,
    struct span value) {
    struct memory_batch *b = (struct memory_batch *)base;
    if (b->n == b->cap) {
        b->cap = b->cap == 0 ? 64 : b->cap * 2;
        b->puts = ws_realloc(b->puts, b->cap * sizeof(*b->puts));
    }
    b->puts[b->n++] = (struct put){space, del, span_of(ws_memdup(key.p, key.n), key.n),
        span_of(ws_memdup(value.p, value.n), value.n)};
}

static void memory_batch_put(
    struct store_batch *b, enum store_space space, struct span key, struct span value) {
    note(b, space, false, key, value);
}

static void memory_batch_del(struct store_batch *b, enum store_space space, struct span key) {
    note(b, space, true, key, span_of("", 0));
}

static int memory_batch_write(struct store_batch *base, struct ws_err *err) {
    struct memory_batch *b = (struct memory_batch *)base;
    struct memory_store *m = self(base->store);
    bool fail = m->failing && m->batches_left == 0;
    if (m->failing && m->batches_left > 0)
        m->batches_left--;
    (void)pthread_rwlock_wrlock(&m->lock);
    for (size_t i = 0; i < b->n; i++) {
        if (!fail && b->puts[i].del)
            (void)omap_del(&m->space[b->puts[i].space], b->puts[i].key);
        else if (!fail)
            (void)omap_put(&m->space[b->puts[i].space], b->puts[i].key, b->puts[i].value);
        free((void *)b->puts[i].key.p);
        free((void *)b->puts[i].value.p);
    }
    (void)pthread_rwlock_unlock(&m->lock);
    free(b->puts);
    free(b);
    return fail ? ws_fail(err, WS_EIO, "store: write failed (injected)") : WS_OK;
}

static uint64_t memory_disk_octets(struct store *s) {
    (void)s;
    return 0;
}

static const struct store_ops ops = {
    .close = memory_close,
    .get = memory_get,
    .each = memory_each,
    .last = memory_last,
    .batch_new = memory_batch_new,
    .batch_put = memory_batch_put,
    .batch_del = memory_batch_del,
    .batch_write = memory_batch_write,
    .disk_octets = memory_disk_octets,
};

struct store *store_open_memory(void) {
    struct memory_store *m = ws_alloc(sizeof(*m));
    m->base.ops = &ops;
    (void)pthread_rwlock_init(&m->lock, NULL);
    return &m->base;
}

void store_memory_fail_after(struct store *s, uint64_t batches) {
    self(s)->failing = true;
    self(s)->batches_left = batches;
}
