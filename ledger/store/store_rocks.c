/* The store on disk. Every write is one synced batch through RocksDB's log, so a torn record at the end of
 * that log is a batch nobody was told about; any other defect in it refuses to open. */
#include "ledger/store/store_internal.h"

#include "base/assert.h"
#include "base/fileio.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SPACES = STORE_SPACE_COUNT + 1, /* RocksDB insists on one named "default"; it stays empty */
    OPEN_FILES_MAX = 128,
    BLOCK_OCTETS = 8192,
    BLOOM_BITS = 10,
};
/* Below this RocksDB flushes after every few blocks of the chain. */
#define CACHE_MIN ((size_t)4 << 20)

struct rocks {
    struct store s;
    char *dir;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *synced;
    rocksdb_readoptions_t *read;
    rocksdb_column_family_handle_t *space[SPACES];
};

struct rocks_batch {
    struct store_batch b;
    rocksdb_writebatch_t *w;
};

/* Turns RocksDB's text into ours and frees it. */
static int failed(const char *dir, const char *doing, char *text, struct ws_err *err) {
    int rc;
    if (strstr(text, "/LOCK: ") != NULL)
        rc = ws_fail(err, WS_EBUSY, "%s: in use by another process (%.300s)", dir, text);
    else if (strncmp(text, "Corruption", 10) == 0)
        rc = ws_fail(err, WS_EINPUT, "%s: %s: the store is damaged: %.300s", dir, doing, text);
    else
        rc = ws_fail(err, WS_EIO, "%s: %s: %.300s", dir, doing, text);
    rocksdb_free(text);
    return rc;
}

static const char *chars(struct span s) {
    return s.n == 0 ? "" : (const char *)s.p;
}

static void rocks_close(struct store *s) {
    struct rocks *r = (struct rocks *)s;
    if (r->db != NULL) {
        rocksdb_cancel_all_background_work(r->db, 1);
        for (size_t i = 0; i < SPACES; i++)
            rocksdb_column_family_handle_destroy(r->space[i]);
        rocksdb_close(r->db);
    }
    if (r->options != NULL)
        rocksdb_options_destroy(r->options);
    if (r->synced != NULL)
        rocksdb_writeoptions_destroy(r->synced);
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
        return failed(r->dir, "reading", text, err);
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
    return text == NULL ? WS_OK : failed(r->dir, "reading", text, err);
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

static int rocks_write(struct store *s, struct store_batch *batch, struct ws_err *err) {
    struct rocks *r = (struct rocks *)s;
    struct rocks_batch *b = (struct rocks_batch *)batch;
    char *text = NULL;
    rocksdb_write(r->db, r->synced, b->w, &text);
    return text == NULL ? WS_OK : failed(r->dir, "writing", text, err);
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

static const struct store_ops rocks_ops = {rocks_close, rocks_get, rocks_each, rocks_last,
    rocks_batch_new, rocks_put, rocks_del, rocks_write, rocks_batch_free, rocks_disk_octets};

static rocksdb_options_t *options_new(size_t cache_octets) {
    size_t all = cache_octets < CACHE_MIN ? CACHE_MIN : cache_octets;
    size_t write_buffers = all / 4;
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_create_missing_column_families(o, 1);
    rocksdb_options_set_paranoid_checks(o, 1);
    rocksdb_options_set_wal_recovery_mode(o, rocksdb_tolerate_corrupted_tail_records_recovery);

    rocksdb_options_set_db_write_buffer_size(o, write_buffers);
    rocksdb_options_set_write_buffer_size(o, write_buffers / 2);
    /* Spaces that change little would otherwise keep old log files alive for ever. */
    rocksdb_options_set_max_total_wal_size(o, 2 * (uint64_t)write_buffers);
    rocksdb_options_set_max_open_files(o, OPEN_FILES_MAX);
    rocksdb_options_set_max_background_jobs(o, 2); /* one flush, one compaction */
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    rocksdb_options_set_bytes_per_sync(o, 1U << 20); /* no burst of writes at the end of a file */
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);

    rocksdb_options_set_info_log_level(o, 2); /* warnings and worse */
    rocksdb_options_set_max_log_file_size(o, 1U << 20);
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);

    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(all - write_buffers);
    rocksdb_block_based_options_set_block_cache(t, cache);
    rocksdb_block_based_options_set_block_size(t, BLOCK_OCTETS);
    rocksdb_block_based_options_set_format_version(t, 5);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(t, 1);
    /* Most look-ups in STATE and TX ask for what is not there. The options own the filter. */
    rocksdb_block_based_options_set_filter_policy(
        t, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
    rocksdb_options_set_block_based_table_factory(o, t);
    rocksdb_cache_destroy(cache);
    rocksdb_block_based_options_destroy(t);
    return o;
}

static const char *name_of(size_t space) {
    return space == STORE_SPACE_COUNT ? "default" : store_space_name((enum store_space)space);
}

/* Whether a store is there. Data files without the file that names the current set are a damaged store, not
 * an empty folder: RocksDB would begin a new one and delete them. */
static int look(const char *dir, bool *ret_exists, struct ws_err *err) {
    DIR *d = opendir(dir);
    if (d == NULL)
        return ws_fail(err, WS_EIO, "%s: %s", dir, strerror(errno));
    bool current = false;
    bool data = false;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        const char *dot = strrchr(e->d_name, '.');
        current = current || strcmp(e->d_name, "CURRENT") == 0;
        data = data || (dot != NULL && (strcmp(dot, ".sst") == 0 || strcmp(dot, ".log") == 0));
    }
    (void)closedir(d);
    if (data && !current)
        return ws_fail(err, WS_EINPUT,
            "%s: the store is damaged: it has data files, but the file CURRENT is missing", dir);
    *ret_exists = current;
    return WS_OK;
}

/* A store written by a later version may have spaces this one does not know. */
static int check_spaces(const struct rocks *r, struct ws_err *err) {
    char *text = NULL;
    size_t n = 0;
    char **names = rocksdb_list_column_families(r->options, r->dir, &n, &text);
    if (text != NULL)
        return failed(r->dir, "opening", text, err);
    int rc = WS_OK;
    for (size_t i = 0; i < n && rc == WS_OK; i++) {
        bool known = false;
        for (size_t k = 0; k < SPACES; k++)
            known = known || strcmp(names[i], name_of(k)) == 0;
        if (!known)
            rc = ws_fail(err, WS_ENOTSUP,
                "%s: has a space \"%.100s\" that this program does not know (written by a later "
                "version?)",
                r->dir, names[i]);
    }
    rocksdb_list_column_families_destroy(names, n);
    return rc;
}

static int open_db(struct rocks *r, struct ws_err *err) {
    const char *names[SPACES];
    const rocksdb_options_t *options[SPACES];
    for (size_t i = 0; i < SPACES; i++) {
        names[i] = name_of(i);
        options[i] = r->options;
    }
    char *text = NULL;
    r->db =
        rocksdb_open_column_families(r->options, r->dir, SPACES, names, options, r->space, &text);
    return text == NULL ? WS_OK : failed(r->dir, "opening", text, err);
}

int store_open_rocks(
    const char *dir, size_t cache_octets, struct store **ret_store, struct ws_err *err) {
    int rc = dir_make(dir, err);
    /* Bodies hold vehicles' messages, and RocksDB writes files that everybody may read: the folder keeps others out. */
    if (rc == WS_OK && chmod(dir, 0700) != 0)
        rc = ws_fail(err, WS_EIO, "%s: %s", dir, strerror(errno));
    if (rc != WS_OK)
        return rc;
    struct rocks *r = ws_alloc(sizeof(*r));
    r->s.ops = &rocks_ops;
    r->dir = ws_strdup(dir);
    r->options = options_new(cache_octets);
    r->synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(r->synced, 1);
    r->read = rocksdb_readoptions_create();
    bool exists = false;
    rc = look(dir, &exists, err);
    if (rc == WS_OK && exists)
        rc = check_spaces(r, err);
    if (rc == WS_OK)
        rc = open_db(r, err);
    if (rc != WS_OK) {
        rocks_close(&r->s);
        return rc;
    }
    *ret_store = &r->s;
    return WS_OK;
}
