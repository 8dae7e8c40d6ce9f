/* What a node writes down when its state is not what a quorum committed to (.wsdiverge, docs/formats/snapshot.md): enough to
 * find the first differing key against another node's store, snapshot or bundle of the same height, and to execute the
 * block again elsewhere. Any thread that may read the store. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_BUNDLE_H
#define WAYSIDE_LEDGER_SNAPSHOT_BUNDLE_H

#include "ledger/exec/state.h"
#include "ledger/light/types.h"
#include "ledger/store/store.h"

#define BUNDLE_SUFFIX ".wsdiverge"
#define BUNDLE_RECENT 16
#define BUNDLE_OCTETS_MAX (512U << 20)

struct bundle_change {
    struct span key; /* as in STORE_STATE */
    bool before_there, after_there;
    struct span before, after;
};

struct bundle {
    uint64_t height; /* of the block whose outcome differs */
    char software[32], why[256];
    hash32 cell_id, policy_hash;
    hash32 state_root, result_root, event_root; /* ours after that block */
    size_t n;
    hash32 contract[STATE_CONTRACTS_MAX]; /* ours */
    bool has_next; /* what the quorum committed to instead */
    struct header next;
    struct commit next_commit;
    struct span block; /* octets; empty: not in the store any more */
    size_t n_recent;
    struct {
        uint64_t height;
        hash32 id, state_root; /* what its header commits to */
    } recent[BUNDLE_RECENT]; /* newest first */
    size_t n_changes;
    struct bundle_change *change; /* what the block changed, ascending by key */
    struct buf octets; /* what spans point into */
};

/* What the caller knows beyond the store. */
struct bundle_about {
    const char *software, *why;
    const uint8_t *policy_hash; /* NULL: zero */
    const struct header *next; /* NULL: not known */
    const struct commit *next_commit;
    size_t contracts; /* 0: not known; then those with entries are listed */
};
/* Of the newest block of the store, whose undo record must be there. Reads the whole state once. */
WARN_UNUSED int bundle_make(
    struct store *s, const struct bundle_about *about, struct buf *ret_octets, struct ws_err *err);
WARN_UNUSED int bundle_read(struct span octets, struct bundle *ret_bundle, struct ws_err *err);
void bundle_free(struct bundle *b);

#endif
