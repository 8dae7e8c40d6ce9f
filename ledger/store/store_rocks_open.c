/* Opening the store on disk: options, what is in the folder, and what is refused. */
#include "ledger/store/store_rocks.h"

#include "base/fileio.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPEN_FILES_MAX = 128,
    BLOCK_OCTETS = 8192,
    BLOOM_BITS = 10,
};
/* Below this RocksDB flushes after every few blocks of the chain. */
#define CACHE_MIN ((size_t)4 << 20)

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
            "%s: the store is damaged: it has data files, but the file CURRENT is missing. "
            "Keys, consensus logs and snapshots are not touched",
            dir);
    *ret_exists = current;
    return WS_OK;
}

/* A store written by a later version may have spaces this one does not know. */
static int check_spaces(const struct rocks *r, struct ws_err *err) {
    char *text = NULL;
    size_t n = 0;
    char **names = rocksdb_list_column_families(r->options, r->dir, &n, &text);
    if (text != NULL) {
        rocksdb_list_column_families_destroy(names, n); /* an empty list is one, too */
        return rocks_failed(r->dir, "opening", text, err);
    }
    int rc = WS_OK;
    for (size_t i = 0; i < n && rc == WS_OK; i++) {
        bool known = false;
        for (size_t k = 0; k < ROCKS_SPACES; k++)
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

static int open_db(struct rocks *r, bool to_read, struct ws_err *err) {
    const char *names[ROCKS_SPACES];
    const rocksdb_options_t *options[ROCKS_SPACES];
    for (size_t i = 0; i < ROCKS_SPACES; i++) {
        names[i] = name_of(i);
        options[i] = r->options;
    }
    char *text = NULL;
    if (to_read)
        r->db = rocksdb_open_for_read_only_column_families(
            r->options, r->dir, ROCKS_SPACES, names, options, r->space, 0, &text);
    else
        r->db = rocksdb_open_column_families(
            r->options, r->dir, ROCKS_SPACES, names, options, r->space, &text);
    return text == NULL ? WS_OK : rocks_failed(r->dir, "opening", text, err);
}

static struct rocks *rocks_new(const char *dir, size_t cache_octets) {
    struct rocks *r = ws_alloc(sizeof(*r));
    r->s.ops = &rocks_ops;
    r->dir = ws_strdup(dir);
    r->options = options_new(cache_octets);
    r->synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(r->synced, 1);
    r->later = rocksdb_writeoptions_create();
    r->read = rocksdb_readoptions_create();
    return r;
}

int store_open_rocks(
    const char *dir, size_t cache_octets, struct store **ret_store, struct ws_err *err) {
    int rc = dir_make(dir, err);
    /* Bodies hold vehicles' messages, and RocksDB writes files that everybody may read: the folder keeps others out. */
    if (rc == WS_OK && chmod(dir, 0700) != 0)
        rc = ws_fail(err, WS_EIO, "%s: %s", dir, strerror(errno));
    if (rc != WS_OK)
        return rc;
    struct rocks *r = rocks_new(dir, cache_octets);
    bool exists = false;
    rc = look(dir, &exists, err);
    if (rc == WS_OK && exists)
        rc = check_spaces(r, err);
    if (rc == WS_OK)
        rc = open_db(r, false, err);
    if (rc != WS_OK) {
        rocks_close(&r->s);
        return rc;
    }
    *ret_store = &r->s;
    return WS_OK;
}

int store_open_rocks_read(
    const char *dir, size_t cache_octets, struct store **ret_store, struct ws_err *err) {
    bool exists = false;
    int rc = look(dir, &exists, err);
    if (rc == WS_OK && !exists)
        rc = ws_fail(err, WS_ENOTFOUND, "%s: no store is here", dir);
    if (rc != WS_OK)
        return rc;
    struct rocks *r = rocks_new(dir, cache_octets);
    r->s.read_only = true;
    rc = check_spaces(r, err);
    if (rc == WS_OK)
        rc = open_db(r, true, err);
    if (rc != WS_OK) {
        rocks_close(&r->s);
        return rc;
    }
    *ret_store = &r->s;
    return WS_OK;
}
