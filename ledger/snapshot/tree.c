#include "ledger/snapshot/tree.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

static unsigned bit_of(const uint8_t *k, size_t i) {
    return (unsigned)k[i / 8] >> (7 - i % 8) & 1U;
}

void tree_root(const struct tree_entry *e, size_t n, size_t depth, hash32 ret_root) {
    if (n == 0) {
        memset(ret_root, 0, 32);
        return;
    }
    if (n == 1) {
        sparse_leaf(exec_sha256, e->key, e->value, ret_root);
        return;
    }
    WS_ASSERT(depth < SPARSE_PROOF_MAX); /* two different keys part before their end */
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (bit_of(e[mid].key, depth) == 0)
            low = mid + 1;
        else
            high = mid;
    }
    hash32 left;
    hash32 right;
    tree_root(e, low, depth + 1, left);
    tree_root(e + low, n - low, depth + 1, right);
    sparse_inner(exec_sha256, left, right, ret_root);
}

uint32_t tree_prefix(const uint8_t *key_hash, unsigned bits) {
    WS_ASSERT(bits <= TREE_BITS_MAX);
    uint32_t first = (uint32_t)key_hash[0] << 8 | key_hash[1];
    return first >> (TREE_BITS_MAX - bits);
}

/* ---- the upper part ---- */

struct tree_top tree_top_new(unsigned bits) {
    WS_ASSERT(bits <= TREE_BITS_MAX);
    return (struct tree_top){bits, ws_calloc((size_t)2 << bits, sizeof(struct tree_node))};
}

void tree_top_free(struct tree_top *t) {
    free(t->node);
    t->node = NULL;
}

void tree_top_set(struct tree_top *t, uint32_t prefix, const struct tree_entry *e, size_t n) {
    WS_ASSERT(prefix < 1U << t->bits);
    struct tree_node *node = &t->node[((size_t)1 << t->bits) + prefix];
    node->kind = n == 0 ? TREE_EMPTY : n == 1 ? TREE_LEAF : TREE_INNER;
    if (n == 1)
        node->leaf = *e;
    tree_root(e, n, t->bits, node->hash);
}

void tree_top_fold(struct tree_top *t) {
    for (size_t i = (size_t)1 << t->bits; i-- > 1;) {
        const struct tree_node *l = &t->node[2 * i];
        const struct tree_node *r = &t->node[2 * i + 1];
        /* A key that is alone stands as high as it can. */
        if (l->kind == TREE_EMPTY && r->kind != TREE_INNER) {
            t->node[i] = *r;
        } else if (r->kind == TREE_EMPTY && l->kind != TREE_INNER) {
            t->node[i] = *l;
        } else {
            t->node[i].kind = TREE_INNER;
            sparse_inner(exec_sha256, l->hash, r->hash, t->node[i].hash);
        }
    }
}

const uint8_t *tree_top_root(const struct tree_top *t) {
    return t->node[1].hash;
}

void tree_top_way(const struct tree_top *t, uint32_t prefix, struct tree_way *ret_way) {
    memset(ret_way, 0, sizeof(*ret_way));
    size_t at = 1;
    size_t depth = 0;
    while (depth < t->bits && t->node[at].kind == TREE_INNER) {
        unsigned side = prefix >> (t->bits - 1 - depth) & 1U;
        memcpy(ret_way->siblings[depth], t->node[2 * at + 1 - side].hash, 32);
        at = 2 * at + side;
        depth++;
    }
    ret_way->n = depth;
    const struct tree_node *end = &t->node[at];
    if (end->kind == TREE_LEAF && tree_prefix(end->leaf.key, t->bits) != prefix) {
        ret_way->other = true;
        ret_way->leaf = end->leaf;
    }
}

/* What stands at the end of the way; false when the way cannot belong to this subtree. */
static bool end_of(const struct tree_way *w, unsigned bits, uint32_t prefix,
    const struct tree_entry *e, size_t n, hash32 ret_end) {
    if (w->n > bits || (n > 1 && w->n != bits) || (w->other && n > 0))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (tree_prefix(e[i].key, bits) != prefix ||
            (i > 0 && memcmp(e[i - 1].key, e[i].key, 32) >= 0))
            return false;
    }
    if (!w->other) {
        tree_root(e, n, bits, ret_end);
        return true;
    }
    /* Another key's leaf shows that ours are absent only where that key shares the way, and leaves it before our
     * subtree begins. */
    unsigned depth = (unsigned)w->n;
    uint32_t theirs = tree_prefix(w->leaf.key, bits);
    if (theirs == prefix || theirs >> (bits - depth) != prefix >> (bits - depth))
        return false;
    sparse_leaf(exec_sha256, w->leaf.key, w->leaf.value, ret_end);
    return true;
}

bool tree_way_verify(const struct tree_way *w, unsigned bits, uint32_t prefix,
    const struct tree_entry *e, size_t n, const hash32 root) {
    hash32 node;
    if (bits > TREE_BITS_MAX || prefix >> bits != 0 || !end_of(w, bits, prefix, e, n, node))
        return false;
    for (size_t i = w->n; i-- > 0;) {
        if ((prefix >> (bits - 1 - i) & 1U) == 0)
            sparse_inner(exec_sha256, node, w->siblings[i], node);
        else
            sparse_inner(exec_sha256, w->siblings[i], node, node);
    }
    return memcmp(node, root, 32) == 0;
}
