/* Where two states of one height differ: contract by contract, from the roots down to the first differing key. Sides are
 * stores, taken back to the height if their undo records reach so far, snapshots, and bundles (which know only what
 * their block changed). Reads no contract whose roots agree, and of the others no subtree that agrees. One thread. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_DIFF_H
#define WAYSIDE_LEDGER_SNAPSHOT_DIFF_H

#include "ledger/snapshot/bundle.h"
#include "ledger/snapshot/file.h"

struct diff_side;
/* Each borrows what it is made of. */
WARN_UNUSED int diff_of_store(struct store *s, struct diff_side **ret_side, struct ws_err *err);
struct diff_side *diff_of_snapshot(struct snapshot *s);
struct diff_side *diff_of_bundle(const struct bundle *b);
void diff_side_free(struct diff_side *d); /* NULL is allowed */
uint64_t diff_height(const struct diff_side *d); /* the newest it can show */

struct diff_value {
    bool there;
    struct buf octets;
};
struct diff_contract {
    bool known[2]; /* roots; a bundle of few contracts may not know */
    hash32 root[2];
    bool differs;
    bool found; /* a key; a bundle knows only what its block changed */
    struct buf key;
    struct diff_value value[2];
};
struct diff {
    uint64_t height;
    size_t n;
    struct diff_contract contract[STATE_CONTRACTS_MAX];
};
/* WS_ENOTFOUND: they have no height in common, with both in the text. Free with diff_free, also after a failure. */
WARN_UNUSED int diff_states(
    struct diff_side *a, struct diff_side *b, struct diff *ret_diff, struct ws_err *err);
void diff_free(struct diff *d);

#endif
