/* What a snapshot of the state at height h says about itself (docs/formats/snapshot.md). Nothing in it is believed
 * because it is there: the contracts' roots must be the list whose root header h + 1 commits to, header h must be the one
 * before it, and header h + 1 is checked by whoever uses the snapshot, as any header is. Any thread. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_MANIFEST_H
#define WAYSIDE_LEDGER_SNAPSHOT_MANIFEST_H

#include "base/bytes.h"
#include "base/error.h"
#include "ledger/exec/state.h"
#include "ledger/light/types.h"
#include "ledger/snapshot/tree.h"

#define MANIFEST_OCTETS_MAX 65536

struct manifest_contract {
    hash32 root;
    unsigned
        bits; /* its chunks are the subtrees of all prefixes of so many bits; 0..TREE_BITS_MAX */
    uint64_t entries, octets; /* told by the writer, for progress; not proven */
};

struct manifest {
    struct header last; /* height h: what the next block follows */
    struct commit last_commit; /* of height h, as block h + 1 carries it */
    struct header next; /* height h + 1: commits to the state after h */
    struct commit next_commit;
    size_t n; /* contracts */
    struct manifest_contract contract[STATE_CONTRACTS_MAX];
};

void manifest_encode(const struct manifest *m, struct buf *out);
/* WS_EINPUT with the place; also when its parts do not fit each other. */
WARN_UNUSED int manifest_decode(struct span s, struct manifest *ret_manifest, struct ws_err *err);

/* Under a header that is trusted already: `next` must be the block with this id. */
WARN_UNUSED int manifest_check_id(
    const struct manifest *m, const hash32 trusted_next_id, struct ws_err *err);
/* Under the validators that sign height h + 1. WS_EINPUT: another cell, another set, no quorum. */
WARN_UNUSED int manifest_check_set(const struct manifest *m, light_verify_fn verify,
    const hash32 cell_id, const struct validator_set *set, struct ws_err *err);

size_t manifest_chunks(const struct manifest *m);
/* Chunks are numbered through all contracts. chunk < manifest_chunks. */
void manifest_place(
    const struct manifest *m, size_t chunk, uint8_t *ret_contract, uint32_t *ret_prefix);
/* SIZE_MAX when there is no such chunk. */
size_t manifest_chunk_of(const struct manifest *m, uint8_t contract, uint32_t prefix);
/* What all nodes of the cell compute alike for this height: everything but the commit of h + 1, of which each holds its
 * own signatures. */
void manifest_id(const struct manifest *m, hash32 ret_id);

#endif
