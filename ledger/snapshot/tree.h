/* Roots of runs of a sparse tree (docs/formats/ledger.md, decision 4), without building the tree: from entries in the
 * order of their hashed keys, and from the roots of all subtrees below one depth. Any thread. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_TREE_H
#define WAYSIDE_LEDGER_SNAPSHOT_TREE_H

#include "base/compiler.h"
#include "ledger/light/merkle.h"

#define TREE_BITS_MAX 16

struct tree_entry {
    hash32 key, value; /* SHA-256 of each */
};
/* Hash of the subtree that holds exactly these entries: ascending by key, no key twice, all with the same first
 * `depth` bits. */
void tree_root(const struct tree_entry *e, size_t n, size_t depth, hash32 ret_root);

/* The first `bits` bits of a hashed key, as a number. bits <= TREE_BITS_MAX. */
uint32_t tree_prefix(const uint8_t *key_hash, unsigned bits);

enum tree_kind { TREE_EMPTY, TREE_LEAF, TREE_INNER };
struct tree_node {
    enum tree_kind kind;
    hash32 hash;
    struct tree_entry leaf; /* TREE_LEAF */
};

/* The upper part of one contract's tree: 2^bits subtrees and what is above them. */
struct tree_top {
    unsigned bits;
    struct tree_node *node; /* a heap: 1 is the root, the subtree of prefix i is at 2^bits + i */
};
struct tree_top tree_top_new(unsigned bits);
void tree_top_free(struct tree_top *t);
void tree_top_set(struct tree_top *t, uint32_t prefix, const struct tree_entry *e,
    size_t n); /* as for tree_root */
/* When all are set; those that are not are empty. */
void tree_top_fold(struct tree_top *t);
const uint8_t *tree_top_root(const struct tree_top *t);

/* The way from the root to a subtree: it ends above it where the tree does. */
struct tree_way {
    size_t n; /* siblings; <= bits */
    hash32 siblings[TREE_BITS_MAX]; /* from the root down */
    bool other; /* it ends at the leaf of a key outside the subtree */
    struct tree_entry leaf; /* of that key */
};
void tree_top_way(const struct tree_top *t, uint32_t prefix, struct tree_way *ret_way);
/* Whether the subtree of this prefix holds exactly these entries, under this root. */
bool tree_way_verify(const struct tree_way *w, unsigned bits, uint32_t prefix,
    const struct tree_entry *e, size_t n, const hash32 root);

#endif
