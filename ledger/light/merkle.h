/* Hash trees of the cell (design, section 5). Pure; hashing comes in as a callback. Any thread.
 *
 * List: RFC 6962, section 2.1: leaf H(0x00 || data), inner H(0x01 || left || right), empty H(""), split at
 * the largest power of two smaller than n. Proofs follow RFC 6962, section 2.1.1; a proof names total and
 * index, and its length must be exact.
 *
 * Sparse tree (one per contract), keyed by k = SHA-256(key), most significant bit first:
 *   empty subtree            32 zero octets
 *   subtree with one entry   H(0x00 || k || SHA-256(value))
 *   any other                H(0x01 || left || right)
 * The shape depends on the set of keys alone. A proof is the list of siblings from the root down to where
 * the key ends: at its own leaf (presence), at another key's leaf or at an empty subtree (absence). */
#ifndef WAYSIDE_LEDGER_LIGHT_MERKLE_H
#define WAYSIDE_LEDGER_LIGHT_MERKLE_H

#include "base/span.h"

/* SHA-256 of the concatenation of n parts. */
typedef void (*light_hash_fn)(const struct span *parts, size_t n, uint8_t ret_hash[static 32]);

typedef uint8_t hash32[32];

void list_leaf(light_hash_fn h, struct span data, hash32 ret_leaf);
/* Root over leaf hashes (as list_leaf makes them). scratch holds n hashes and is overwritten; may be leaves. */
void list_root(light_hash_fn h, const hash32 *leaves, size_t n, hash32 *scratch, hash32 ret_root);

#define LIST_PROOF_MAX 40
struct list_proof {
    uint64_t total, index;
    size_t n;
    hash32 aunts[LIST_PROOF_MAX]; /* from the leaf up */
};
/* index < n. scratch as above. */
void list_prove(light_hash_fn h, const hash32 *leaves, size_t n, size_t index, hash32 *scratch,
    struct list_proof *ret_proof);
/* The root does not commit to the total, and one path can be read as several places of lists of several lengths:
 * whoever relies on the index must know the total from elsewhere, or find the index inside the leaf. */
bool list_verify(light_hash_fn h, const struct list_proof *p, const hash32 leaf, const hash32 root);

#define SPARSE_PROOF_MAX 256
enum sparse_end { SPARSE_EMPTY = 0, SPARSE_LEAF = 1 };
struct sparse_proof {
    enum sparse_end end;
    hash32 leaf_key, leaf_value; /* SPARSE_LEAF: hashed key and value found there; else zero */
    size_t n;
    hash32 siblings[SPARSE_PROOF_MAX]; /* from the root down */
};
/* Leaf of the state root: list leaf of the contract's index (1 octet) and its root. The index is inside, so that
 * no contract's entries can be shown as another's. */
void contract_leaf(light_hash_fn h, uint8_t contract, const hash32 root, hash32 ret_leaf);
void sparse_leaf(light_hash_fn h, const hash32 key_hash, const hash32 value_hash, hash32 ret_leaf);
void sparse_inner(light_hash_fn h, const hash32 left, const hash32 right, hash32 ret_inner);
/* value_hash NULL: proves that key_hash is absent. */
bool sparse_verify(light_hash_fn h, const struct sparse_proof *p, const hash32 key_hash,
    const uint8_t *value_hash, const hash32 root);

#endif
