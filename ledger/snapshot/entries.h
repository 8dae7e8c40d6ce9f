/* The entries of the state before block `without`, in the order of the tree, out of a store that has executed it: what
 * the store holds, with that block taken back (ledger/store/undo.h). Any thread that may read the store. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_ENTRIES_H
#define WAYSIDE_LEDGER_SNAPSHOT_ENTRIES_H

#include "ledger/snapshot/entry.h"
#include "ledger/store/undo.h"

/* One or more blocks taken back. Zero-initialised: none. */
struct entries_past {
    size_t n, cap;
    struct undo *undo; /* newest first */
    size_t n_old;
    const struct undo_entry **old; /* ascending by key, each once: the oldest value wins */
};
/* Takes back the blocks from `newest` down to `oldest`. */
WARN_UNUSED int entries_past_read(struct store *s, uint64_t newest, uint64_t oldest,
    struct entries_past *ret_past, struct ws_err *err);
void entries_past_free(struct entries_past *p);

/* stored: contract || hash || key. Returns false to stop. */
typedef bool (*entries_fn)(void *ctx, struct span stored, struct span value);
/* All entries whose stored key starts with `prefix`, ascending. past may be NULL. */
WARN_UNUSED int entries_each(struct store *s, const struct entries_past *past, struct span prefix,
    entries_fn fn, void *ctx, struct ws_err *err);
/* One value, by its stored key. WS_ENOTFOUND without text. */
WARN_UNUSED int entries_get(struct store *s, const struct entries_past *past, struct span stored,
    struct buf *ret_value, struct ws_err *err);

#endif
