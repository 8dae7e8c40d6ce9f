/* The store on disk. Every write is one synced batch through RocksDB's log, so a torn record at the end of
 * that log is a batch nobody was told about; any other defect in it refuses to open. */
#include "ledger/store/store_rocks.h"

#include "base/assert.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

struct rocks_batch {
    struct store_batch b;
    rocksdb_writebatch_t *w;
};

int rocks_failed(const char *dir, const char *doing, char *text, struct ws_err *err) {
    int rc;
    if (strstr(text, "/LOCK: ") != NULL)
        rc = ws_fail(err, WS_EBUSY, "%s: in use by another process (%.300s)", dir, text);
    else if (strncmp(text, "Corruption", 10) == 0)
        rc = ws_fail(err, WS_EINPUT,
            "%s: %s: the store is damaged: %.250s. Keys, consensus logs and snapshots are not "
            "touched",
            dir, doing, text);
    else
        rc = ws_fail(err, WS_EIO, "%s: %s: %.300s", dir, doing, text);
    rocksdb_free(text);
    return rc;
}

static const char *chars(struct span s) {
    return s.n == 0 ? "" : (const char *)s.p;
}

void rocks_close(struct store *s) {
    struct rocks *r = (struct rocks *)s;
    if (r->of != NULL) {
        rocksdb_release_snapshot(r->db, r->moment);
        rocksdb_readoptions_destroy(r->read);
        free(r);
        return;
    }
    if (r->db != NULL) {
        rocksdb_cancel_all_background_work(r->db, 1);
        for (size_t i = 0; i < ROCKS_SPACES; i++)
            rocksdb_column_family_handle_destroy(r->space[i]);
        rocksdb_close(r->db);
    }
    if (r->options != NULL)
        rocksdb_options_destroy(r->options);
    if (r->synced != NULL)
        rocksdb_writeoptions_destroy(r->synced);
    if (r->later != NULL)
        rocksdb_writeoptions_destroy(r->later);
    if (r->read != NULL)
        rocksdb_readoptions_destroy(r->read);
    free(r->dir);
    free(r);
}

static int rocks_get(struct store *s, enum store_space space, struct span key,
    struct buf *ret_value, struct ws_err *err) {
    struct rocks *r = (struct rocks *)s;
    char *text = NULL;
    rocksdb_pinnableslice_t *v =
        rocksdb_get_pinned_cf(r->db, r->read, r->space[space], chars(key), key.n, &text);
    if (text != NULL)
        return rocks_failed(r->dir, "reading", text, err);
    if (v == NULL)
        return WS_ENOTFOUND;
    size_t n = 0;
    const char *p = rocksdb_pinnableslice_value(v, &n);
    buf_put(ret_value, p, n);
    rocksdb_pinnableslice_destroy(v);
    return WS_OK;
}

/* An iterator over the keys with a prefix; `above` must outlive it. */
struct walk {
    rocksdb_readoptions_t *read;
    rocksdb_iterator_t *it;
    struct buf above;
};

static void walk_open(struct walk *w, struct rocks *r, enum store_space space, struct span prefix) {
    *w = (struct walk){0};
    w->read = rocksdb_readoptions_create();
    if (r->of != NULL)
        rocksdb_readoptions_set_snapshot(w->read, r->moment);
    if (store_prefix_above(prefix, &w->above))
        rocksdb_readoptions_set_iterate_upper_bound(
            w->read, chars(buf_span(&w->above)), w->above.n);
    w->it = rocksdb_create_iterator_cf(r->db, w->read, r->space[space]);
}

static int walk_close(struct walk *w, struct rocks *r, struct ws_err *err) {
    char *text = NULL;
    rocksdb_iter_get_error(w->it, &text);
    rocksdb_iter_destroy(w->it);
    rocksdb_readoptions_destroy(w->read);
    buf_free(&w->above);
    return text == NULL ? WS_OK : rocks_failed(r->dir, "reading", text, err);
}

static struct span walk_key(const struct walk *w) {
    size_t n = 0;
    const char *p = rocksdb_iter_key(w->it, &n);
    return span_of(p, n);
}

static struct span walk_value(const struct walk *w) {
    size_t n = 0;
    const char *p = rocksdb_iter_value(w->it, &n);
    return span_of(p, n);
}

static bool walk_within(const struct walk *w, struct span prefix) {
    if (!rocksdb_iter_valid(w->it))
        return false;
    struct span key = walk_key(w);
    return key.n >= prefix.n && span_equal(span_of(key.p, prefix.n), prefix);
}

static int rocks_each(struct store *s, enum store_space space, struct span prefix, struct span from,
    store_each_fn fn, void *ctx, struct ws_err *err) {
    struct rocks *r = (struct rocks *)s;
    struct span start = span_compare(from, prefix) > 0 ? from : prefix;
    struct walk w;
    walk_open(&w, r, space, prefix);
    for (rocksdb_iter_seek(w.it, chars(start), start.n); walk_within(&w, prefix);
         rocksdb_iter_next(w.it)) {
        if (!fn(ctx, walk_key(&w), walk_value(&w)))
            break;
    }
    return walk_close(&w, r, err);
}

static int rocks_last(struct store *s, enum store_space space, struct span prefix,
    struct buf *ret_key, struct buf *ret_value, struct ws_err *err) {
    struct rocks *r = (struct rocks *)s;
    struct walk w;
    walk_open(&w, r, space, prefix);
    rocksdb_iter_seek_to_last(w.it);
    bool found = walk_within(&w, prefix);
    if (found) {
        struct span key = walk_key(&w);
        struct span value = walk_value(&w);
        buf_put(ret_key, key.p, key.n);
        buf_put(ret_value, value.p, value.n);
    }
    int rc = walk_close(&w, r, err);
    return rc != WS_OK || found ? rc : WS_ENOTFOUND;
}

static struct store_batch *rocks_batch_new(struct store *s) {
    (void)s;
    struct rocks_batch *b = ws_alloc(sizeof(*b));
    b->w = rocksdb_writebatch_create();
    return &b->b;
}

static void rocks_put(
    struct store_batch *batch, enum store_space space, struct span key, struct span value) {
    struct rocks_batch *b = (struct rocks_batch *)batch;
    struct rocks *r = (struct rocks *)batch->store;
    rocksdb_writebatch_put_cf(b->w, r->space[space], chars(key), key.n, chars(value), value.n);
}

static void rocks_del(struct store_batch *batch, enum store_space space, struct span key) {
    struct rocks_batch *b = (struct rocks_batch *)batch;
    struct rocks *r = (struct rocks *)batch->store;
    rocksdb_writebatch_delete_cf(b->w, r->space[space], chars(key), key.n);
}

static void rocks_del_range(
    struct store_batch *batch, enum store_space space, struct span from, struct span to) {
    struct rocks_batch *b = (struct rocks_batch *)batch;
    struct rocks *r = (struct rocks *)batch->store;
    rocksdb_writebatch_delete_range_cf(b->w, r->space[space], chars(from), from.n, chars(to), to.n);
}

static int rocks_write(
    struct store *s, struct store_batch *batch, bool synced, struct ws_err *err) {
    struct rocks *r = (struct rocks *)s;
    struct rocks_batch *b = (struct rocks_batch *)batch;
    char *text = NULL;
    rocksdb_write(r->db, synced ? r->synced : r->later, b->w, &text);
    return text == NULL ? WS_OK : rocks_failed(r->dir, "writing", text, err);
}

static void rocks_batch_free(struct store_batch *batch) {
    struct rocks_batch *b = (struct rocks_batch *)batch;
    rocksdb_writebatch_destroy(b->w);
    free(b);
}

static uint64_t rocks_disk_octets(struct store *s) {
    struct rocks *r = (struct rocks *)s;
    DIR *dir = opendir(r->dir);
    if (dir == NULL)
        return 0;
    uint64_t sum = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        struct stat st;
        /* Files come and go under a running store: one that is gone counts nothing. */
        if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            sum += (uint64_t)st.st_blocks * 512;
    }
    (void)closedir(dir);
    return sum;
}

static struct store *rocks_view(struct store *s) {
    struct rocks *r = (struct rocks *)s;
    WS_ASSERT(r->of == NULL);
    struct rocks *v = ws_memdup(r, sizeof(*r));
    v->s = (struct store){.ops = &rocks_ops};
    v->of = r;
    v->moment = rocksdb_create_snapshot(r->db);
    v->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_snapshot(v->read, v->moment);
    return &v->s;
}

/* What is in memory goes to files first: only there can a deletion meet what it deletes. */
static int rocks_compact(
    struct store *s, enum store_space space, struct span from, struct span to, struct ws_err *err) {
    struct rocks *r = (struct rocks *)s;
    char *text = NULL;
    rocksdb_flushoptions_t *wait = rocksdb_flushoptions_create();
    rocksdb_flush_cf(r->db, wait, r->space[space], &text);
    rocksdb_flushoptions_destroy(wait);
    if (text != NULL)
        return rocks_failed(r->dir, "flushing", text, err);
    rocksdb_compactoptions_t *all = rocksdb_compactoptions_create();
    rocksdb_compactoptions_set_exclusive_manual_compaction(all, 0); /* beside the usual ones */
    rocksdb_compact_range_cf_opt(r->db, r->space[space], all, chars(from), from.n, chars(to), to.n);
    rocksdb_compactoptions_destroy(all);
    return WS_OK;
}

const struct store_ops rocks_ops = {.close = rocks_close,
    .get = rocks_get,
    .each = rocks_each,
    .last = rocks_last,
    .batch_new = rocks_batch_new,
    .put = rocks_put,
    .del = rocks_del,
    .del_range = rocks_del_range,
    .write = rocks_write,
    .batch_free = rocks_batch_free,
    .disk_octets = rocks_disk_octets,
    .view = rocks_view,
    .bulk_new = rocks_bulk_new,
    .bulk_put = rocks_bulk_put,
    .bulk_end = rocks_bulk_end,
    .bulk_free = rocks_bulk_free,
    .compact = rocks_compact};
