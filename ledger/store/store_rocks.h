/* What the two files of the store on disk share. Private to ledger/store. */
#ifndef WAYSIDE_LEDGER_STORE_STORE_ROCKS_H
#define WAYSIDE_LEDGER_STORE_STORE_ROCKS_H

#include "ledger/store/store_internal.h"

#include <rocksdb/c.h>

/* RocksDB insists on a space named "default"; it stays empty. */
enum { ROCKS_SPACES = STORE_SPACE_COUNT + 1 };

struct rocks {
    struct store s;
    char *dir;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *synced, *later;
    rocksdb_readoptions_t *read;
    rocksdb_column_family_handle_t *space[ROCKS_SPACES];
    /* A view borrows everything above but `s` and `read`. */
    struct rocks *of; /* NULL: no view */
    const rocksdb_snapshot_t *moment;
};

extern const struct store_ops rocks_ops;
void rocks_close(struct store *s);
/* Turns RocksDB's text into ours and frees it. */
int rocks_failed(const char *dir, const char *doing, char *text, struct ws_err *err);

/* store_rocks_bulk.c */
struct store_bulk *rocks_bulk_new(struct store *s);
int rocks_bulk_put(struct store_bulk *b, struct span key, struct span value, struct ws_err *err);
int rocks_bulk_end(struct store_bulk *b, struct ws_err *err);
void rocks_bulk_free(struct store_bulk *b);

#endif
