#include "ledger/store/store_internal.h"

#include "base/assert.h"

const char *store_space_name(enum store_space s) {
    switch (s) {
    case STORE_META:
        return "meta";
    case STORE_BLOCK:
        return "block";
    case STORE_COMMIT:
        return "commit";
    case STORE_STATE:
        return "state";
    case STORE_EVENT:
        return "event";
    case STORE_INDEX:
        return "index";
    case STORE_TX:
        return "tx";
    case STORE_HEADER:
        return "header";
    case STORE_UNDO:
        return "undo";
    case STORE_SPACE_COUNT:
        break;
    }
    WS_ASSERT(s < STORE_SPACE_COUNT);
    return "";
}

bool store_prefix_above(struct span prefix, struct buf *ret_above) {
    size_t n = prefix.n;
    while (n > 0 && prefix.p[n - 1] == 0xff)
        n--;
    if (n == 0)
        return false;
    buf_put(ret_above, prefix.p, n);
    ret_above->p[ret_above->n - 1]++;
    return true;
}

static int refuse_if_failed(struct store *s, struct ws_err *err) {
    if (!atomic_load_explicit(&s->failed, memory_order_acquire))
        return WS_OK;
    return ws_fail(err, WS_EIO, "store stopped by an earlier failure: %.400s", s->why.text);
}

void store_close(struct store *s) {
    if (s != NULL)
        s->ops->close(s);
}

int store_get(struct store *s, enum store_space space, struct span key, struct buf *ret_value,
    struct ws_err *err) {
    WS_ASSERT(space < STORE_SPACE_COUNT);
    int rc = refuse_if_failed(s, err);
    return rc != WS_OK ? rc : s->ops->get(s, space, key, ret_value, err);
}

int store_each(struct store *s, enum store_space space, struct span prefix, struct span from,
    store_each_fn fn, void *ctx, struct ws_err *err) {
    WS_ASSERT(space < STORE_SPACE_COUNT);
    int rc = refuse_if_failed(s, err);
    return rc != WS_OK ? rc : s->ops->each(s, space, prefix, from, fn, ctx, err);
}

int store_last(struct store *s, enum store_space space, struct span prefix, struct buf *ret_key,
    struct buf *ret_value, struct ws_err *err) {
    WS_ASSERT(space < STORE_SPACE_COUNT);
    int rc = refuse_if_failed(s, err);
    return rc != WS_OK ? rc : s->ops->last(s, space, prefix, ret_key, ret_value, err);
}

struct store *store_view(struct store *s) {
    struct store *v = s->ops->view(s);
    v->read_only = true;
    return v;
}

void store_on_point(struct store *s, store_point_fn fn, void *ctx) {
    s->point = fn;
    s->point_ctx = ctx;
}

struct store_batch *store_batch_new(struct store *s) {
    WS_ASSERT(!s->read_only);
    struct store_batch *b = s->ops->batch_new(s);
    b->store = s;
    return b;
}

static void note_key(struct store_batch *b, enum store_space space, struct span key) {
    WS_ASSERT(space < STORE_SPACE_COUNT);
    if (space == STORE_STATE)
        buf_var(&b->state_keys, key);
}

void store_batch_put(
    struct store_batch *b, enum store_space space, struct span key, struct span value) {
    note_key(b, space, key);
    b->store->ops->put(b, space, key, value);
}

void store_batch_del(struct store_batch *b, enum store_space space, struct span key) {
    note_key(b, space, key);
    b->store->ops->del(b, space, key);
}

void store_batch_del_range(
    struct store_batch *b, enum store_space space, struct span from, struct span to) {
    WS_ASSERT(space < STORE_SPACE_COUNT);
    b->store->ops->del_range(b, space, from, to);
}

static int at_point(struct store *s, enum store_point at, struct ws_err *err) {
    if (s->point == NULL || s->point(s->point_ctx, at))
        return WS_OK;
    return ws_fail(err, WS_EIO, "store: failure ordered by a test");
}

static int write_batch(struct store *s, struct store_batch *b, bool synced, struct ws_err *err) {
    int rc = at_point(s, STORE_POINT_WRITE, err);
    if (rc == WS_OK)
        rc = s->ops->write(s, b, synced, err);
    return rc == WS_OK ? at_point(s, STORE_POINT_WRITTEN, err) : rc;
}

static int write_and_free(struct store_batch *b, bool synced, struct ws_err *err) {
    struct store *s = b->store;
    int rc = refuse_if_failed(s, err);
    if (rc == WS_OK) {
        rc = write_batch(s, b, synced, &s->why);
        if (rc != WS_OK) {
            atomic_store_explicit(&s->failed, true, memory_order_release);
            if (err != NULL)
                *err = s->why;
        }
    }
    store_batch_free(b);
    return rc;
}

int store_batch_write(struct store_batch *b, struct ws_err *err) {
    return write_and_free(b, true, err);
}

int store_batch_write_later(struct store_batch *b, struct ws_err *err) {
    return write_and_free(b, false, err);
}

void store_batch_free(struct store_batch *b) {
    if (b == NULL)
        return;
    buf_free(&b->state_keys);
    b->store->ops->batch_free(b);
}

struct store_bulk *store_bulk_new(struct store *s, enum store_space space) {
    WS_ASSERT(!s->read_only);
    WS_ASSERT(space < STORE_SPACE_COUNT);
    struct store_bulk *b = s->ops->bulk_new(s);
    b->store = s;
    b->space = space;
    return b;
}

static int stop_if(struct store *s, int rc, struct ws_err *err) {
    if (rc == WS_OK)
        return WS_OK;
    atomic_store_explicit(&s->failed, true, memory_order_release);
    if (err != NULL)
        *err = s->why;
    return rc;
}

int store_bulk_put(struct store_bulk *b, struct span key, struct span value, struct ws_err *err) {
    int rc = refuse_if_failed(b->store, err);
    if (rc != WS_OK)
        return rc;
    return stop_if(b->store, b->store->ops->bulk_put(b, key, value, &b->store->why), err);
}

int store_bulk_end(struct store_bulk *b, struct ws_err *err) {
    struct store *s = b->store;
    int rc = refuse_if_failed(s, err);
    if (rc == WS_OK)
        rc = stop_if(s, s->ops->bulk_end(b, &s->why), err);
    s->ops->bulk_free(b);
    return rc;
}

void store_bulk_free(struct store_bulk *b) {
    if (b != NULL)
        b->store->ops->bulk_free(b);
}

int store_compact(
    struct store *s, enum store_space space, struct span from, struct span to, struct ws_err *err) {
    WS_ASSERT(space < STORE_SPACE_COUNT);
    int rc = refuse_if_failed(s, err);
    return rc != WS_OK ? rc : s->ops->compact(s, space, from, to, err);
}

uint64_t store_disk_octets(struct store *s) {
    return s->ops->disk_octets(s);
}
