/* Consensus log: one append-only file that holds every input to consensus and every own signature of the
 * height in progress (consensus facts, section 11), so that a killed validator repeats itself instead of
 * contradicting itself. Record: length u32, type u8, CRC32C u32 over type and payload, payload.
 *
 * A torn tail is cut off at open and reported; damage before the tail is refused with file, offset and what
 * is still safe. fsync errors stop the log for good. One thread. */
#ifndef WAYSIDE_LEDGER_STORE_WAL_H
#define WAYSIDE_LEDGER_STORE_WAL_H

#include "base/bytes.h"
#include "base/error.h"

struct wal;

#define WAL_RECORD_MAX (64U << 20)

/* Opens or creates `path`. *ret_cut (may be NULL): octets of a torn tail that were cut off. */
WARN_UNUSED int wal_open_file(
    const char *path, struct wal **ret_wal, uint64_t *ret_cut, struct ws_err *err);
struct wal *wal_open_memory(void);
void wal_close(struct wal *w);

/* Calls fn for each record from the oldest kept; before the first append. fn returns 0 or an error that ends it. */
typedef int (*wal_each_fn)(void *ctx, uint8_t type, struct span payload, struct ws_err *err);
WARN_UNUSED int wal_replay(struct wal *w, wal_each_fn fn, void *ctx, struct ws_err *err);

/* Appends to the file (buffered in the kernel at most). */
WARN_UNUSED int wal_append(struct wal *w, uint8_t type, struct span payload, struct ws_err *err);
/* Everything appended is on the disk when this returns. Free when nothing was appended since. */
WARN_UNUSED int wal_sync(struct wal *w, struct ws_err *err);
/* Starts over with an empty log (the height is durable in the store): the file is cut to nothing, which the next sync makes durable. */
WARN_UNUSED int wal_restart(struct wal *w, struct ws_err *err);
uint64_t wal_octets(const struct wal *w);

#endif
