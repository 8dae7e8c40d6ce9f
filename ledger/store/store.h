/* Durable key-value spaces of the ledger: RocksDB, and a twin in memory for replay and simulation.
 *
 * One batch is one atomic, synced write over all spaces (consensus facts, section 17). A write error has
 * an unknown outcome: the store refuses everything afterwards, with the text of that error, and the node
 * stops (decision 8). Errors: WS_EINPUT damaged, WS_EBUSY open in another process, WS_ENOTSUP written by a
 * later version, WS_EIO the disk.
 * Reading is allowed from any thread; batches belong to one thread. */
#ifndef WAYSIDE_LEDGER_STORE_STORE_H
#define WAYSIDE_LEDGER_STORE_STORE_H

#include "base/bytes.h"
#include "base/error.h"

/* Append only: the order is on disk (column family names are store_space_name). */
enum store_space {
    STORE_META, /* name -> value: format, last applied height, proposer priorities */
    STORE_BLOCK, /* height (8) -> block octets */
    STORE_COMMIT, /* height (8) -> commit that decided it */
    STORE_STATE, /* contract (1) || first 8 octets of SHA-256(key) || key -> value (ledger/snapshot/entry.h) */
    STORE_EVENT, /* height (8) || sequence (4) -> event octets */
    STORE_INDEX, /* contract (1) || type (2) || height (8) || sequence (4) -> empty: events by kind */
    STORE_TX, /* transaction identity (32) -> height (8) || index (4) || result code (2) || contract (1) */
    STORE_HEADER, /* height (8) -> header octets: stay when bodies are pruned (decision 9) */
    STORE_UNDO, /* height (8) -> what the state was before that block, for the newest blocks (undo.h) */
    STORE_SPACE_COUNT
};
const char *store_space_name(enum store_space s);

struct store;

/* Opens or creates. WAL recovery tolerates a torn tail; damage elsewhere is refused with a text that says what
 * is damaged. cache_octets bounds block cache and write buffers; less than 4 MiB counts as 4 MiB. */
WARN_UNUSED int store_open_rocks(
    const char *dir, size_t cache_octets, struct store **ret_store, struct ws_err *err);
/* The same folder to read from only: nothing in it changes, no lock is taken, what the log holds counts. A store
 * that another process writes to meanwhile may fail to open or to read. WS_ENOTFOUND: no store is there. */
WARN_UNUSED int store_open_rocks_read(
    const char *dir, size_t cache_octets, struct store **ret_store, struct ws_err *err);
struct store *store_open_memory(void);
/* Everything as of now, while batches go on: a store to read from, in any one thread; no batches on it (asserted). Close
 * it before the store. It keeps what it sees on the disk. */
struct store *store_view(struct store *s);
void store_close(struct store *s); /* NULL is allowed; no batch may be left */

/* Appends the value to ret_value. WS_ENOTFOUND without text when absent. */
WARN_UNUSED int store_get(struct store *s, enum store_space space, struct span key,
    struct buf *ret_value, struct ws_err *err);

/* Calls fn for each pair whose key starts with prefix and is >= from (empty: all), ascending; fn returning false stops.
 * All pairs are of one moment. fn may read the store, but not write to it; key and value are borrowed. */
typedef bool (*store_each_fn)(void *ctx, struct span key, struct span value);
WARN_UNUSED int store_each(struct store *s, enum store_space space, struct span prefix,
    struct span from, store_each_fn fn, void *ctx, struct ws_err *err);
/* The last pair whose key starts with prefix; WS_ENOTFOUND without text when there is none. */
WARN_UNUSED int store_last(struct store *s, enum store_space space, struct span prefix,
    struct buf *ret_key, struct buf *ret_value, struct ws_err *err);

struct store_batch;
struct store_batch *store_batch_new(struct store *s);
void store_batch_put(
    struct store_batch *b, enum store_space space, struct span key, struct span value);
void store_batch_del(struct store_batch *b, enum store_space space, struct span key);
/* All keys with from <= key < to. */
void store_batch_del_range(
    struct store_batch *b, enum store_space space, struct span from, struct span to);
/* Writes all or nothing, synced, and frees the batch in every case. */
WARN_UNUSED int store_batch_write(struct store_batch *b, struct ws_err *err);
/* The same, but what is written is on the disk only after the next store_batch_write. */
WARN_UNUSED int store_batch_write_later(struct store_batch *b, struct ws_err *err);
void store_batch_free(struct store_batch *b); /* without writing; NULL is allowed */

/* Filling an empty space with pairs in ascending order of keys, each key once: no atomicity, each octet written once. What
 * was put is durable when store_bulk_end returns WS_OK; before, any part of it may be there. One thread, no batch
 * meanwhile. An error stops the store, as a batch's does. */
struct store_bulk;
struct store_bulk *store_bulk_new(struct store *s, enum store_space space);
WARN_UNUSED int store_bulk_put(
    struct store_bulk *b, struct span key, struct span value, struct ws_err *err);
WARN_UNUSED int store_bulk_end(struct store_bulk *b, struct ws_err *err); /* frees in every case */
void store_bulk_free(struct store_bulk *b); /* gives up; NULL is allowed */

/* Gives the disk back that deleted keys with from <= key < to still take. Blocks for as long as it rewrites files; any
 * thread, beside batches. */
WARN_UNUSED int store_compact(
    struct store *s, enum store_space space, struct span from, struct span to, struct ws_err *err);

/* Octets on disk (approximate), for the disk budget's metric; 0 for the twin. */
uint64_t store_disk_octets(struct store *s);

#endif
