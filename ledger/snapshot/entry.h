/* How an entry of the state is kept in STORE_STATE: contract (1) || first 8 octets of SHA-256(key) || key -> value.
 *
 * The hash in front puts a contract's entries in the order of its sparse tree, so that a subtree is a run of
 * neighbours: snapshots and comparisons read the store from one end to the other, without sorting. Keys that
 * share 8 octets of hash stand in the order of the keys; readers of a run sort it once more. Any thread. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_ENTRY_H
#define WAYSIDE_LEDGER_SNAPSHOT_ENTRY_H

#include "base/bytes.h"
#include "ledger/light/merkle.h"

#define ENTRY_HASH_OCTETS 8
#define ENTRY_HEAD_OCTETS (1 + ENTRY_HASH_OCTETS)

/* Appends. */
void entry_key_put(struct buf *out, uint8_t contract, struct span key);
/* False when the octets are too short for any entry. ret_key borrows. */
WARN_UNUSED bool entry_key_read(struct span stored, uint8_t *ret_contract, struct span *ret_key);

#endif
