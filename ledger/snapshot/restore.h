/* A snapshot becomes the content of a store. With what is written here a node goes on at height h + 1: the state (which
 * holds validator sets, parameters, priorities, marks of evidence and replay protection), header and commit of h, and
 * the roots that header h + 1 must carry. Blocks, events and transactions of h and below are not in a snapshot. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_RESTORE_H
#define WAYSIDE_LEDGER_SNAPSHOT_RESTORE_H

#include "ledger/snapshot/file.h"
#include "ledger/store/store.h"

struct snapshot_restore {
    struct snapshot *from;
    struct store *into; /* new, or left by a restore that did not come to its end */
    bool (*go_on)(void *ctx, uint64_t octets); /* after each chunk; may be NULL. False: WS_EBUSY */
    /* Everything is in the store, and the store is still marked as unfinished; may be NULL. An error ends the restore there. */
    int (*before_end)(void *ctx, struct ws_err *err);
    void *ctx;
    uint64_t
        floor; /* nothing is signed at heights up to it: in the store from the first batch on; 0: as the store has it */
};
/* The manifest is trusted already (manifest_check_*). Checks each chunk before any of it is used. WS_EEXIST: the store
 * holds blocks; nothing changed. After any other failure the store is marked as unfinished and a node does not start on
 * it; calling this again begins anew. */
WARN_UNUSED int snapshot_restore(const struct snapshot_restore *how, struct ws_err *err);

#endif
