/* RocksDB behind the store's calls (consensus facts, section 17): one synced batch over all column families, WAL
 * recovery that accepts a torn tail, small background load. A write error latches. */
#include "ledger/store/store_internal.h"

#include "base/mem.h"

#include <rocksdb/c.h>
#include <stdlib.h>
#include <string.h>

struct rocks_store {
    struct store base;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *table;
    rocksdb_cache_t *cache;
    rocksdb_column_family_handle_t *space[STORE_SPACE_COUNT];
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write;
    bool
        broken; /* a write failed: its outcome is unknown, nothing more is accepted. Writer's thread only */
    char why[256];
};
struct rocks_batch {
    struct store_batch base;
    rocksdb_writebatch_t *batch;
};

static struct rocks_store *self(struct store *s) {
    return (struct rocks_store *)s;
}

static int failed(struct ws_err *err, const char *what, char *text) {
    int rc = ws_fail(err, WS_EIO, "store: %s: %s", what, text);
    rocksdb_free(text);
    return rc;
}

static void rocks_close(struct store *s) {
    struct rocks_store *r = self(s);
    for (size_t i = 0; i < STORE_SPACE_COUNT; i++) {
        if (r->space[i] != NULL)
            rocksdb_column_family_handle_destroy(r->space[i]);
    }
    if (r->db != NULL)
        rocksdb_close(r->db);
    if (r->read != NULL)
        rocksdb_readoptions_destroy(r->read);
    if (r->write != NULL)
        rocksdb_writeoptions_destroy(r->write);
    if (r->options != NULL)
        rocksdb_options_destroy(r->options);
    if (r->table != NULL)
        rocksdb_block_based_options_destroy(r->table);
    if (r->cache != NULL)
        rocksdb_cache_destroy(r->cache);
    free(r);
}

static int rocks_get(struct store *s, enum store_space space, struct span key,
    struct buf *ret_value, struct ws_err *err) {
    struct rocks_store *r = self(s);
    char *text = NULL;
    rocksdb_pinnableslice_t *v =
        rocksdb_get_pinned_cf(r->db, r->read, r->space[space], (const char *)key.p, key.n, &text);
    if (text != NULL)
        return failed(err, "read", text);
    if (v == NULL)
        return WS_ENOTFOUND;
    size_t n = 0;
    const char *p = rocksdb_pinnableslice_value(v, &n);
    buf_put(ret_value, p, n);
    rocksdb_pinnableslice_destroy(v);
    return WS_OK;
}

static bool has_prefix(const char *k, size_t n, struct span prefix) {
    return n >= prefix.n && (prefix.n == 0 || memcmp(k, prefix.p, prefix.n) == 0);
}

static int iterator_error(rocksdb_iterator_t *it, struct ws_err *err) {
    char *text = NULL;
    rocksdb_iter_get_error(it, &text);
    return text == NULL ? WS_OK : failed(err, "read", text);
}

static int rocks_each(struct store *s, enum store_space space, struct span prefix, struct span from,
    store_each_fn fn, void *ctx, struct ws_err *err) {
    struct rocks_store *r = self(s);
    rocksdb_iterator_t *it = rocksdb_create_iterator_cf(r->db, r->read, r->space[space]);
    struct span start = span_compare(from, prefix) > 0 ? from : prefix;
    if (start.n == 0)
        rocksdb_iter_seek_to_first(it);
    else
        rocksdb_iter_seek(it, (const char *)start.p, start.n);
    for (; rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        size_t kn = 0;
        size_t vn = 0;
        const char *k = rocksdb_iter_key(it, &kn);
        const char *v = rocksdb_iter_value(it, &vn);
        if (!has_prefix(k, kn, prefix) || !fn(ctx, span_of(k, kn), span_of(v, vn)))
            break;
    }
    int rc = iterator_error(it, err);
    rocksdb_iter_destroy(it);
    return rc;
}

static int rocks_last(struct store *s, enum store_space space, struct span prefix,
    struct buf *ret_key, struct buf *ret_value, struct ws_err *err) {
    struct rocks_store *r = self(s);
    rocksdb_iterator_t *it = rocksdb_create_iterator_cf(r->db, r->read, r->space[space]);
    /* The smallest octet string above all keys with the prefix: its last octet that is not ff, plus one. */
    struct buf above = {0};
    buf_put(&above, prefix.p, prefix.n);
    while (above.n > 0 && above.p[above.n - 1] == 0xff)
        above.n--;
    if (above.n > 0)
        above.p[above.n - 1]++;
    if (above.n == 0) {
        rocksdb_iter_seek_to_last(it);
    } else {
        rocksdb_iter_seek_for_prev(it, (const char *)above.p, above.n);
        size_t kn = 0;
        const char *k = rocksdb_iter_valid(it) ? rocksdb_iter_key(it, &kn) : NULL;
        if (k != NULL && kn == above.n && memcmp(k, above.p, kn) == 0)
            rocksdb_iter_prev(it);
    }
    buf_free(&above);
    int rc = WS_ENOTFOUND;
    if (rocksdb_iter_valid(it)) {
        size_t kn = 0;
        size_t vn = 0;
        const char *k = rocksdb_iter_key(it, &kn);
        const char *v = rocksdb_iter_value(it, &vn);
        if (has_prefix(k, kn, prefix)) {
            buf_put(ret_key, k, kn);
            buf_put(ret_value, v, vn);
            rc = WS_OK;
        }
    }
    int bad = iterator_error(it, err);
    rocksdb_iter_destroy(it);
    return bad != WS_OK ? bad : rc;
}

static struct store_batch *rocks_batch_new(struct store *s) {
    struct rocks_batch *b = ws_alloc(sizeof(*b));
    b->base.store = s;
    b->batch = rocksdb_writebatch_create();
    return &b->base;
}

static void rocks_batch_put(
    struct store_batch *b, enum store_space space, struct span key, struct span value) {
    rocksdb_writebatch_put_cf(((struct rocks_batch *)b)->batch, self(b->store)->space[space],
        (const char *)key.p, key.n, (const char *)value.p, value.n);
}

static void rocks_batch_del(struct store_batch *b, enum store_space space, struct span key) {
    rocksdb_writebatch_delete_cf(
        ((struct rocks_batch *)b)->batch, self(b->store)->space[space], (const char *)key.p, key.n);
}

static int rocks_batch_write(struct store_batch *base, struct ws_err *err) {
    struct rocks_store *r = self(base->store);
    struct rocks_batch *b = (struct rocks_batch *)base;
    char *text = NULL;
    if (!r->broken)
        rocksdb_write(r->db, r->write, b->batch, &text);
    rocksdb_writebatch_destroy(b->batch);
    free(b);
    if (text != NULL) {
        r->broken = true;
        (void)strncpy(r->why, text, sizeof(r->why) - 1);
        rocksdb_free(text);
    }
    return r->broken ? ws_fail(err, WS_EIO, "store: write: %s", r->why) : WS_OK;
}

static uint64_t rocks_disk_octets(struct store *s) {
    uint64_t sum = 0;
    for (size_t i = 0; i < STORE_SPACE_COUNT; i++) {
        uint64_t n = 0;
        if (rocksdb_property_int_cf(
                self(s)->db, self(s)->space[i], "rocksdb.total-sst-files-size", &n) == 0)
            sum += n;
    }
    return sum;
}

static const struct store_ops ops = {
    .close = rocks_close,
    .get = rocks_get,
    .each = rocks_each,
    .last = rocks_last,
    .batch_new = rocks_batch_new,
    .batch_put = rocks_batch_put,
    .batch_del = rocks_batch_del,
    .batch_write = rocks_batch_write,
    .disk_octets = rocks_disk_octets,
};

enum { RECOVER_POINT_IN_TIME = 2, BACKGROUND_JOBS = 2, OPEN_FILES = 256 };

/* Several nodes share a small machine: bounded memory, few threads, few descriptors. */
static void set_options(struct rocks_store *r, size_t cache_octets) {
    r->options = rocksdb_options_create();
    r->table = rocksdb_block_based_options_create();
    r->cache = rocksdb_cache_create_lru(cache_octets / 2);
    rocksdb_block_based_options_set_block_cache(r->table, r->cache);
    rocksdb_options_set_block_based_table_factory(r->options, r->table);
    rocksdb_options_set_create_if_missing(r->options, 1);
    rocksdb_options_set_create_missing_column_families(r->options, 1);
    rocksdb_options_set_paranoid_checks(r->options, 1);
    rocksdb_options_set_wal_recovery_mode(r->options, RECOVER_POINT_IN_TIME);
    rocksdb_options_set_max_background_jobs(r->options, BACKGROUND_JOBS);
    rocksdb_options_set_max_open_files(r->options, OPEN_FILES);
    rocksdb_options_set_db_write_buffer_size(r->options, cache_octets / 2);
    rocksdb_options_set_max_total_wal_size(r->options, cache_octets);
    rocksdb_options_set_keep_log_file_num(r->options, 2);
    rocksdb_options_set_max_log_file_size(r->options, 1U << 20);
    rocksdb_options_set_stats_dump_period_sec(r->options, 0);
    r->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(r->read, 1);
    r->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(r->write, 1);
}

int store_open_rocks(
    const char *dir, size_t cache_octets, struct store **ret_store, struct ws_err *err) {
    struct rocks_store *r = ws_alloc(sizeof(*r));
    r->base.ops = &ops;
    set_options(r, cache_octets);
    /* RocksDB insists on a family called "default"; it takes the place of "meta". */
    const char *names[STORE_SPACE_COUNT];
    const rocksdb_options_t *each[STORE_SPACE_COUNT];
    for (size_t i = 0; i < STORE_SPACE_COUNT; i++) {
        names[i] = i == STORE_META ? "default" : store_space_name((enum store_space)i);
        each[i] = r->options;
    }
    char *text = NULL;
    r->db = rocksdb_open_column_families(
        r->options, dir, STORE_SPACE_COUNT, names, each, r->space, &text);
    if (text != NULL) {
        int rc = strstr(text, "lock") != NULL || strstr(text, "LOCK") != NULL
                     ? ws_fail(err, WS_EBUSY, "store %s: another process uses it (%s)", dir, text)
                     : ws_fail(err, WS_EIO, "store %s: %s", dir, text);
        rocksdb_free(text);
        rocks_close(&r->base);
        return rc;
    }
    *ret_store = &r->base;
    return WS_OK;
}
