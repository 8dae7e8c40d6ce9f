/* Consensus log: one append-only file that holds every input to consensus and every own signature of the
 * height in progress (consensus facts, section 11), so that a killed validator repeats itself instead of
 * contradicting itself. Record: length u32, type u8, CRC32C u32 over length, type and payload, payload. The
 * file begins with 20 octets: magic and version (8), a random number (8), CRC32C over both (4).
 *
 * Type 0 belongs to the log: a mark says "everything before me was on the disk when I was written" and is
 * written before the first record after a sync. A record that does not check is damage when a mark follows
 * it (synced octets were lost: refused with file, offset and what is still safe) and a torn tail otherwise
 * (cut off at open and reported). The random number is in every mark, so that no payload can hold a mark.
 * The file is locked; a second opener gets WS_EBUSY. An error of a write or sync stops the log for good:
 * everything later fails with the same text. One thread. */
#ifndef WAYSIDE_LEDGER_STORE_WAL_H
#define WAYSIDE_LEDGER_STORE_WAL_H

#include "base/bytes.h"
#include "base/error.h"

struct wal;

#define WAL_RECORD_MAX (64U << 20)

/* Opens or creates `path`. *ret_cut (may be NULL): octets of a torn tail that were cut off. What is left is on
 * the disk when this returns. WS_EINPUT: damaged; WS_EBUSY: somebody else has it open; WS_EIO. */
WARN_UNUSED int wal_open_file(
    const char *path, struct wal **ret_wal, uint64_t *ret_cut, struct ws_err *err);
/* Whether wal_open_file would take it; nothing is made or changed. WS_OK also when there is none; WS_EBUSY: somebody else has it
 * open, so it was not looked at. */
WARN_UNUSED int wal_check_file(const char *path, struct ws_err *err);
struct wal *wal_open_memory(void);
void wal_close(struct wal *w); /* NULL is allowed; does not sync */

/* Calls fn for each record from the oldest kept; before the first append. fn returns 0 or an error that ends
 * it; the payload is borrowed for the call. */
typedef int (*wal_each_fn)(void *ctx, uint8_t type, struct span payload, struct ws_err *err);
WARN_UNUSED int wal_replay(struct wal *w, wal_each_fn fn, void *ctx, struct ws_err *err);

/* Appends to the file (buffered in the kernel at most). type: 1..255. A payload above WAL_RECORD_MAX is
 * WS_ELIMIT and changes nothing. */
WARN_UNUSED int wal_append(struct wal *w, uint8_t type, struct span payload, struct ws_err *err);
/* Everything appended is on the disk when this returns. Free when nothing was appended since. */
WARN_UNUSED int wal_sync(struct wal *w, struct ws_err *err);
/* Starts over with an empty log (the height is durable in the store): the file is cut to nothing, which the next sync makes durable. */
WARN_UNUSED int wal_restart(struct wal *w, struct ws_err *err);
/* Octets of records and marks; 0 when the log is empty. */
uint64_t wal_octets(const struct wal *w);

#endif
