/* Writing a snapshot out of a store. The store is at height H; the snapshot is of the state after H - 1, because header
 * H is the one that commits to it: the last block is taken back with its undo record. So it can be written the moment
 * block H is durable, and also from the folder of a unit that stands still. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_MAKE_H
#define WAYSIDE_LEDGER_SNAPSHOT_MAKE_H

#include "ledger/snapshot/file.h"
#include "ledger/snapshot/scan.h"

struct snapshot_make {
    struct store *store; /* a view (store_view), or one that nobody writes to */
    const char *folder; /* the file is HEIGHT.wsnap in it (20 digits); made when it is missing */
    bool (*go_on)(void *ctx, uint64_t octets); /* as in struct scan */
    void *ctx;
    snapshot_point_fn point; /* tests only */
    void *point_ctx;
};
enum { SNAPSHOT_NAME = 32 };
void snapshot_name(char dst[static SNAPSHOT_NAME], uint64_t height);

/* Height of the last block that the store has executed. WS_ENOTFOUND: none. */
WARN_UNUSED int snapshot_tip(struct store *s, uint64_t *ret_height, struct ws_err *err);
/* What a manifest says of a store at height `tip`, except the contracts. */
WARN_UNUSED int snapshot_headers(
    struct store *s, uint64_t tip, struct manifest *ret_manifest, struct ws_err *err);
/* Reads the state three times and holds one chunk of it at a time. The file is there whole and durable, or not at all
 * (then a .part may be left, which the next call takes up). WS_EINPUT: the state in the store is not what the last
 * header commits to; nothing is written. WS_EEXIST: a file of that height is there. */
WARN_UNUSED int snapshot_make(
    const struct snapshot_make *how, struct manifest *ret_manifest, struct ws_err *err);

/* Removes the oldest snapshots of a folder so that `keep` (not 0) stay, and parts that are overtaken. ret_newest (may be
 * NULL): height of the newest that is whole, 0: none. */
WARN_UNUSED int snapshot_keep(
    const char *folder, unsigned keep, uint64_t *ret_newest, struct ws_err *err);

#endif
