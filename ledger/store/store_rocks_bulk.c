/* Filling a space with sorted pairs: written as finished table files, which the store takes over. Each octet goes to
 * the disk once, instead of to the log, to a file, and through its rewritings. */
#include "ledger/store/store_rocks.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Of one file. */
#define FILE_OCTETS (64U << 20)

struct rocks_bulk {
    struct store_bulk b;
    rocksdb_envoptions_t *env;
    rocksdb_sstfilewriter_t *w;
    char path[4096];
    bool open;
    size_t octets;
};

/* Not the name of a table file: RocksDB leaves it alone, and what a crash left is written over. */
static const char file_name[] = "filling.bulk";

static const char *chars(struct span s) {
    return s.n == 0 ? "" : (const char *)s.p;
}

struct store_bulk *rocks_bulk_new(struct store *s) {
    struct rocks *r = (struct rocks *)s;
    struct rocks_bulk *b = ws_alloc(sizeof(*b));
    b->env = rocksdb_envoptions_create();
    b->w = rocksdb_sstfilewriter_create(b->env, r->options);
    (void)snprintf(b->path, sizeof(b->path), "%s/%s", r->dir, file_name);
    return &b->b;
}

/* The store takes the file over and has it on the disk when this returns. */
static int hand_over(struct rocks_bulk *b, struct ws_err *err) {
    struct rocks *r = (struct rocks *)b->b.store;
    char *text = NULL;
    rocksdb_sstfilewriter_finish(b->w, &text);
    b->open = false;
    b->octets = 0;
    if (text == NULL) {
        const char *files[] = {b->path};
        rocksdb_ingestexternalfileoptions_t *o = rocksdb_ingestexternalfileoptions_create();
        rocksdb_ingestexternalfileoptions_set_move_files(o, 1);
        rocksdb_ingest_external_file_cf(r->db, r->space[b->b.space], files, 1, o, &text);
        rocksdb_ingestexternalfileoptions_destroy(o);
    }
    return text == NULL ? WS_OK : rocks_failed(r->dir, "taking a file over", text, err);
}

int rocks_bulk_put(
    struct store_bulk *bulk, struct span key, struct span value, struct ws_err *err) {
    struct rocks_bulk *b = (struct rocks_bulk *)bulk;
    struct rocks *r = (struct rocks *)bulk->store;
    char *text = NULL;
    if (!b->open) {
        (void)unlink(b->path);
        rocksdb_sstfilewriter_open(b->w, b->path, &text);
        b->open = text == NULL;
    }
    if (text == NULL)
        rocksdb_sstfilewriter_put(b->w, chars(key), key.n, chars(value), value.n, &text);
    if (text != NULL)
        return rocks_failed(r->dir, "filling", text, err);
    b->octets += key.n + value.n;
    return b->octets < FILE_OCTETS ? WS_OK : hand_over(b, err);
}

int rocks_bulk_end(struct store_bulk *bulk, struct ws_err *err) {
    struct rocks_bulk *b = (struct rocks_bulk *)bulk;
    return b->open ? hand_over(b, err) : WS_OK;
}

void rocks_bulk_free(struct store_bulk *bulk) {
    struct rocks_bulk *b = (struct rocks_bulk *)bulk;
    rocksdb_sstfilewriter_destroy(b->w);
    rocksdb_envoptions_destroy(b->env);
    (void)unlink(b->path);
    free(b);
}
