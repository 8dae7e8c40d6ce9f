#include "fedlearn/vehicle/bundle_tree.h"

#include "ledger/exec/hash.h"

static void inner(const uint8_t l[static 32], const uint8_t r[static 32], uint8_t ret[static 32]) {
    static const uint8_t one = 1;
    const struct span parts[] = {span_of(&one, 1), span_of(l, 32), span_of(r, 32)};
    exec_sha256(parts, 3, ret);
}

/* Several at once, which is cheaper than one by one even with a copy. */
enum { TOGETHER = 16 };

void fl_leaves(struct span data, uint8_t (*ret_leaves)[32]) {
    uint8_t prefixed[TOGETHER][1 + FL_LEAF_OCTETS];
    struct span parts[TOGETHER];
    for (size_t at = 0; at < data.n;) {
        size_t k = 0;
        for (; k < TOGETHER && at < data.n; k++) {
            const size_t n = data.n - at < FL_LEAF_OCTETS ? data.n - at : FL_LEAF_OCTETS;
            prefixed[k][0] = 0;
            memcpy(prefixed[k] + 1, data.p + at, n);
            parts[k] = span_of(prefixed[k], 1 + n);
            at += n;
        }
        exec_sha256_many(parts, k, ret_leaves);
        ret_leaves += k;
    }
}

/* A counter in binary: two subtrees of one size become one of the next. */
void fl_tree_add(struct fl_tree *t, const uint8_t leaf[static 32]) {
    uint8_t node[32];
    size_t k = 0;
    memcpy(node, leaf, 32);
    for (; (t->leaves >> k & 1U) != 0; k++)
        inner(t->left[k], node, node);
    memcpy(t->left[k], node, 32);
    t->leaves++;
}

void fl_tree_root(const struct fl_tree *t, uint8_t ret_root[static 32]) {
    bool some = false;
    if (t->leaves == 0)
        exec_sha256(NULL, 0, ret_root);
    for (size_t k = 0; k < 64; k++) {
        if ((t->leaves >> k & 1U) == 0)
            continue;
        if (some)
            inner(t->left[k], ret_root, ret_root);
        else
            memcpy(ret_root, t->left[k], 32);
        some = true;
    }
}

void fl_data_root(struct span data, uint8_t ret_root[static 32]) {
    struct fl_tree t;
    uint8_t leaves[TOGETHER][32];
    fl_tree_begin(&t);
    for (size_t at = 0; at < data.n;) {
        const size_t left = data.n - at, most = (size_t)TOGETHER * FL_LEAF_OCTETS;
        const size_t n = left < most ? left : most;
        fl_leaves(span_of(data.p + at, n), leaves);
        for (size_t k = 0; k < fl_leaf_count(n); k++)
            fl_tree_add(&t, leaves[k]);
        at += n;
    }
    fl_tree_root(&t, ret_root);
}
