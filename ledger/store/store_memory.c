/* The twin of the RocksDB store in memory: one ordered map per space. Readers share a lock that a batch holds
 * alone; a reader's callback may read again, which glibc's reader-preferring lock allows. */
#include "ledger/store/fault.h"
#include "ledger/store/store_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/omap.h"

#include <pthread.h>
#include <stdlib.h>

struct memory {
    struct store s;
    pthread_rwlock_t lock;
    struct omap space[STORE_SPACE_COUNT];
    bool fail_armed, fail_applied;
    uint64_t fail_after;
};

struct memory_batch {
    struct store_batch b;
    struct buf ops; /* kind (1) || space (1) || key (var) [|| value or end of the range (var)] */
};

static void memory_close(struct store *s) {
    struct memory *m = (struct memory *)s;
    for (size_t i = 0; i < STORE_SPACE_COUNT; i++)
        omap_free(&m->space[i]);
    (void)pthread_rwlock_destroy(&m->lock);
    free(m);
}

static void read_lock(struct memory *m) {
    int rc = pthread_rwlock_rdlock(&m->lock);
    WS_ASSERT(rc == 0);
}

static void write_lock(struct memory *m) {
    int rc = pthread_rwlock_wrlock(&m->lock);
    WS_ASSERT(rc == 0);
}

static void unlock(struct memory *m) {
    int rc = pthread_rwlock_unlock(&m->lock);
    WS_ASSERT(rc == 0);
}

static int memory_get(struct store *s, enum store_space space, struct span key,
    struct buf *ret_value, struct ws_err *err) {
    (void)err;
    struct memory *m = (struct memory *)s;
    struct span value;
    read_lock(m);
    bool found = omap_get(&m->space[space], key, &value);
    if (found)
        buf_put(ret_value, value.p, value.n);
    unlock(m);
    return found ? WS_OK : WS_ENOTFOUND;
}

static int memory_each(struct store *s, enum store_space space, struct span prefix,
    struct span from, store_each_fn fn, void *ctx, struct ws_err *err) {
    (void)err;
    struct memory *m = (struct memory *)s;
    struct span key;
    struct span value;
    struct buf next = {0};
    buf_put(&next, from.p, from.n);
    read_lock(m);
    while (omap_next(&m->space[space], prefix, buf_span(&next), true, &key, &value)) {
        if (!fn(ctx, key, value))
            break;
        /* The smallest octets above the key; the key itself may be empty, which omap takes for no bound. */
        buf_clear(&next);
        buf_put(&next, key.p, key.n);
        buf_u8(&next, 0);
    }
    unlock(m);
    buf_free(&next);
    return WS_OK;
}

static int memory_last(struct store *s, enum store_space space, struct span prefix,
    struct buf *ret_key, struct buf *ret_value, struct ws_err *err) {
    (void)err;
    struct memory *m = (struct memory *)s;
    struct span key;
    struct span value;
    read_lock(m);
    bool found = omap_last(&m->space[space], prefix, &key, &value);
    if (found) {
        buf_put(ret_key, key.p, key.n);
        buf_put(ret_value, value.p, value.n);
    }
    unlock(m);
    return found ? WS_OK : WS_ENOTFOUND;
}

static struct store_batch *memory_batch_new(struct store *s) {
    (void)s;
    struct memory_batch *b = ws_alloc(sizeof(*b));
    return &b->b;
}

static void memory_put(
    struct store_batch *batch, enum store_space space, struct span key, struct span value) {
    struct memory_batch *b = (struct memory_batch *)batch;
    buf_u8(&b->ops, 'p');
    buf_u8(&b->ops, (uint8_t)space);
    buf_var(&b->ops, key);
    buf_var(&b->ops, value);
}

static void memory_del(struct store_batch *batch, enum store_space space, struct span key) {
    struct memory_batch *b = (struct memory_batch *)batch;
    buf_u8(&b->ops, 'd');
    buf_u8(&b->ops, (uint8_t)space);
    buf_var(&b->ops, key);
}

static void memory_del_range(
    struct store_batch *batch, enum store_space space, struct span from, struct span to) {
    struct memory_batch *b = (struct memory_batch *)batch;
    buf_u8(&b->ops, 'r');
    buf_u8(&b->ops, (uint8_t)space);
    buf_var(&b->ops, from);
    buf_var(&b->ops, to);
}

static void del_range(struct omap *space, struct span from, struct span to) {
    struct span key;
    struct span value;
    struct buf at = {0};
    buf_put(&at, from.p, from.n);
    while (omap_next(space, span_of("", 0), buf_span(&at), true, &key, &value) &&
           span_compare(key, to) < 0) {
        buf_clear(&at);
        buf_put(&at, key.p, key.n);
        (void)omap_del(space, buf_span(&at));
    }
    buf_free(&at);
}

static int memory_write(
    struct store *s, struct store_batch *batch, bool synced, struct ws_err *err) {
    (void)synced;
    struct memory *m = (struct memory *)s;
    struct memory_batch *b = (struct memory_batch *)batch;
    bool fail = m->fail_armed && m->fail_after == 0;
    if (m->fail_armed && m->fail_after > 0)
        m->fail_after--;
    if (!fail || m->fail_applied) {
        write_lock(m);
        for (struct rd r = rd_of(buf_span(&b->ops)); rd_left(&r) > 0;) {
            uint8_t what = rd_u8(&r);
            struct omap *space = &m->space[rd_u8(&r)];
            struct span key = rd_var(&r, SIZE_MAX);
            if (what == 'p')
                (void)omap_put(space, key, rd_var(&r, SIZE_MAX));
            else if (what == 'r')
                del_range(space, key, rd_var(&r, SIZE_MAX));
            else
                (void)omap_del(space, key);
            WS_ASSERT(!r.bad);
        }
        unlock(m);
    }
    if (!fail)
        return WS_OK;
    return ws_fail(err, WS_EIO, "store in memory: failure ordered by a test");
}

static void memory_batch_free(struct store_batch *batch) {
    struct memory_batch *b = (struct memory_batch *)batch;
    buf_free(&b->ops);
    free(b);
}

static uint64_t memory_disk_octets(struct store *s) {
    (void)s;
    return 0;
}

static struct memory *memory_new(void);

static bool put_copy(void *ctx, struct span key, struct span value) {
    (void)omap_put(ctx, key, value);
    return true;
}

/* A copy: the twin is for tests and replay, whose state is small. */
static struct store *memory_view(struct store *s) {
    struct memory *v = memory_new();
    for (size_t i = 0; i < STORE_SPACE_COUNT; i++) {
        int rc = memory_each(
            s, (enum store_space)i, span_of("", 0), span_of("", 0), put_copy, &v->space[i], NULL);
        WS_ASSERT(rc == WS_OK);
    }
    return &v->s;
}

static struct store_bulk *memory_bulk_new(struct store *s) {
    (void)s;
    return ws_alloc(sizeof(struct store_bulk));
}

static int memory_bulk_put(
    struct store_bulk *b, struct span key, struct span value, struct ws_err *err) {
    (void)err;
    struct memory *m = (struct memory *)b->store;
    write_lock(m);
    (void)omap_put(&m->space[b->space], key, value);
    unlock(m);
    return WS_OK;
}

static int memory_bulk_end(struct store_bulk *b, struct ws_err *err) {
    (void)b;
    (void)err;
    return WS_OK;
}

static void memory_bulk_free(struct store_bulk *b) {
    free(b);
}

static int memory_compact(
    struct store *s, enum store_space space, struct span from, struct span to, struct ws_err *err) {
    (void)s;
    (void)space;
    (void)from;
    (void)to;
    (void)err;
    return WS_OK;
}

static const struct store_ops memory_ops = {.close = memory_close,
    .get = memory_get,
    .each = memory_each,
    .last = memory_last,
    .batch_new = memory_batch_new,
    .put = memory_put,
    .del = memory_del,
    .del_range = memory_del_range,
    .write = memory_write,
    .batch_free = memory_batch_free,
    .disk_octets = memory_disk_octets,
    .view = memory_view,
    .bulk_new = memory_bulk_new,
    .bulk_put = memory_bulk_put,
    .bulk_end = memory_bulk_end,
    .bulk_free = memory_bulk_free,
    .compact = memory_compact};

static struct memory *memory_new(void) {
    struct memory *m = ws_alloc(sizeof(*m));
    m->s.ops = &memory_ops;
    int rc = pthread_rwlock_init(&m->lock, NULL);
    WS_ASSERT(rc == 0);
    return m;
}

struct store *store_open_memory(void) {
    struct memory *m = memory_new();
    return &m->s;
}

static void fail_after(struct store *s, uint64_t batches, bool applied) {
    WS_ASSERT(s->ops == &memory_ops);
    struct memory *m = (struct memory *)s;
    m->fail_armed = true;
    m->fail_after = batches;
    m->fail_applied = applied;
}

void store_memory_fail_after(struct store *s, uint64_t batches) {
    fail_after(s, batches, false);
}

void store_memory_fail_after_applying(struct store *s, uint64_t batches) {
    fail_after(s, batches, true);
}

void store_memory_reopen(struct store *s) {
    WS_ASSERT(s->ops == &memory_ops);
    struct memory *m = (struct memory *)s;
    m->fail_armed = false;
    atomic_store_explicit(&s->failed, false, memory_order_release);
}
