/* Faults on order, for tests and the simulator; nothing in production calls this. A point is a place where a
 * process can die or a disk can say no; the functions below let a test stand there. */
#ifndef WAYSIDE_LEDGER_STORE_FAULT_H
#define WAYSIDE_LEDGER_STORE_FAULT_H

#include "ledger/store/store.h"
#include "ledger/store/wal.h"

enum wal_point {
    WAL_POINT_APPEND, /* nothing of the record is written */
    WAL_POINT_APPEND_HALF, /* the first half of it is */
    WAL_POINT_SYNC, /* before the sync */
    WAL_POINT_SYNCED, /* after it */
    WAL_POINT_RESTART, /* nothing is done */
    WAL_POINT_RESTART_WRITTEN, /* the new file is written, not synced */
    WAL_POINT_RESTART_SYNCED, /* synced, not renamed */
    WAL_POINT_RESTART_RENAMED, /* renamed; the folder is synced with the next sync */
    WAL_POINT_SYNC_FOLDER, /* the first sync after a restart: the file is synced, the folder is not */
    WAL_POINT_COUNT
};
/* False: the operation fails there as if the disk had. fn may also end the process. */
typedef bool (*wal_point_fn)(void *ctx, enum wal_point at);
void wal_on_point(struct wal *w, wal_point_fn fn, void *ctx);

/* The next `syncs` wal_sync of a log in memory that have something to sync succeed, the one after them fails. */
void wal_memory_fail_after(struct wal *w, uint64_t syncs);
/* The machine of a log in memory loses power and comes back: of what was not synced only the first `keep`
 * octets are left; with keep 0 a restart that no sync followed is undone, too. The log is then as just opened: no failure is remembered or armed, a function at points
 * stays. Returns what was cut off as a torn tail. */
uint64_t wal_memory_crash(struct wal *w, uint64_t keep);
/* The same with nothing kept. */
void wal_memory_lose_unsynced(struct wal *w);

enum store_point {
    STORE_POINT_WRITE, /* nothing of the batch is written */
    STORE_POINT_WRITTEN, /* it is written and synced, nobody was told */
    STORE_POINT_COUNT
};
/* False: the batch fails there as if the disk had, and the store stops. fn may also end the process. */
typedef bool (*store_point_fn)(void *ctx, enum store_point at);
void store_on_point(struct store *s, store_point_fn fn, void *ctx);

/* The next `batches` batches of a store in memory succeed, the one after them fails and stops the store. */
void store_memory_fail_after(struct store *s, uint64_t batches);
/* The same, but the failed batch takes effect: the outcome of a failed write is unknown. */
void store_memory_fail_after_applying(struct store *s, uint64_t batches);
/* The process of a store in memory starts again: no failure is remembered or armed, what was written is
 * there. */
void store_memory_reopen(struct store *s);

#endif
