/* Failing on purpose, for tests and the simulator; only the twins in memory can. */
#ifndef WAYSIDE_LEDGER_STORE_FAULT_H
#define WAYSIDE_LEDGER_STORE_FAULT_H

#include "ledger/store/store.h"
#include "ledger/store/wal.h"

/* The next `batches` writes succeed, all later ones fail and change nothing. */
void store_memory_fail_after(struct store *s, uint64_t batches);
/* What was appended since the last wal_sync is lost, as when the power goes. */
void wal_memory_lose_unsynced(struct wal *w);
/* The next `syncs` wal_sync succeed, all later ones fail. */
void wal_memory_fail_after(struct wal *w, uint64_t syncs);

#endif
