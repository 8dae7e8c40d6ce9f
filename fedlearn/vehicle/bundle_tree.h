/* Hash of a ciphertext: the root of a list of leaves of 1024 octets (the last one shorter), RFC 6962 shape. Cores share the
 * leaves, and a piece of an upload is checked by the leaves it covers. Allocates nothing; any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_BUNDLE_TREE_H
#define WAYSIDE_FEDLEARN_VEHICLE_BUNDLE_TREE_H

#include "base/span.h"

#define FL_LEAF_OCTETS 1024

static inline size_t fl_leaf_count(size_t octets) {
    return octets / FL_LEAF_OCTETS + (octets % FL_LEAF_OCTETS != 0);
}
/* Leaf hashes of `data`, fl_leaf_count(data.n) of them. data is a whole ciphertext, or a run of it that starts at a multiple
 * of the leaf size and ends at one or at the end. */
void fl_leaves(struct span data, uint8_t (*ret_leaves)[32]);

/* Root of leaf hashes added in order; the same as exec_list_root of all of them, in constant memory. */
struct fl_tree {
    uint64_t leaves;
    uint8_t
        left[64]
            [32]; /* left[k]: root of a full subtree of 2^k leaves, where bit k of leaves is set */
};
static inline void fl_tree_begin(struct fl_tree *t) {
    t->leaves = 0;
}
void fl_tree_add(struct fl_tree *t, const uint8_t leaf[static 32]);
void fl_tree_root(const struct fl_tree *t, uint8_t ret_root[static 32]);

/* All in one. */
void fl_data_root(struct span data, uint8_t ret_root[static 32]);

#endif
