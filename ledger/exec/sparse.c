#include "ledger/exec/sparse.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

struct sparse_node {
    uint32_t refs;
    bool leaf;
    bool hashed;
    hash32 hash;
    union {
        struct {
            hash32 key, value;
        };
        struct sparse_node *child[2];
    };
};

static unsigned bit_of(const uint8_t *k, size_t i) {
    return (unsigned)k[i / 8] >> (7 - i % 8) & 1U;
}

struct sparse_node *sparse_ref(struct sparse_node *t) {
    if (t != NULL)
        t->refs++;
    return t;
}

void sparse_unref(struct sparse_node *t) {
    if (t == NULL || --t->refs > 0)
        return;
    if (!t->leaf) {
        sparse_unref(t->child[0]);
        sparse_unref(t->child[1]);
    }
    free(t);
}

static struct sparse_node *new_leaf(const uint8_t *key, const uint8_t *value) {
    struct sparse_node *n = ws_alloc(sizeof(*n));
    n->refs = 1;
    n->leaf = true;
    memcpy(n->key, key, 32);
    memcpy(n->value, value, 32);
    return n;
}

static struct sparse_node *new_inner(void) {
    struct sparse_node *n = ws_alloc(sizeof(*n));
    n->refs = 1;
    return n;
}

/* A node that nobody else sees: itself, or a copy that shares the children. */
static struct sparse_node *own(struct sparse_node *t) {
    if (t->refs == 1) {
        t->hashed = false;
        return t;
    }
    struct sparse_node *n = ws_memdup(t, sizeof(*t)); /* the others keep theirs, and its hash */
    n->refs = 1;
    n->hashed = false;
    if (!n->leaf) {
        (void)sparse_ref(n->child[0]);
        (void)sparse_ref(n->child[1]);
    }
    t->refs--;
    return n;
}

static struct sparse_node *put_at(
    struct sparse_node *t, const uint8_t *key, const uint8_t *value, size_t depth) {
    WS_ASSERT(depth <= SPARSE_PROOF_MAX);
    if (t == NULL)
        return new_leaf(key, value);
    if (t->leaf && memcmp(t->key, key, 32) == 0) {
        if (memcmp(t->value, value, 32) == 0)
            return t;
        t = own(t);
        memcpy(t->value, value, 32);
        return t;
    }
    if (t->leaf) {
        /* Two keys share this place: the old leaf moves one level down, and further while they agree. */
        struct sparse_node *in = new_inner();
        in->child[bit_of(t->key, depth)] = t;
        t = in;
    } else {
        t = own(t);
    }
    unsigned side = bit_of(key, depth);
    t->child[side] = put_at(t->child[side], key, value, depth + 1);
    return t;
}

struct sparse_node *sparse_put(struct sparse_node *t, const hash32 key, const hash32 value) {
    return put_at(t, key, value, 0);
}

static bool holds(const struct sparse_node *t, const uint8_t *key) {
    for (size_t depth = 0; t != NULL && !t->leaf; depth++)
        t = t->child[bit_of(key, depth)];
    return t != NULL && memcmp(t->key, key, 32) == 0;
}

static struct sparse_node *del_at(struct sparse_node *t, const uint8_t *key, size_t depth) {
    if (t->leaf) {
        sparse_unref(t);
        return NULL;
    }
    t = own(t);
    unsigned side = bit_of(key, depth);
    t->child[side] = del_at(t->child[side], key, depth + 1);
    /* The shape depends on the set of keys alone: an inner node over a single leaf does not exist. */
    struct sparse_node *l = t->child[0];
    struct sparse_node *r = t->child[1];
    struct sparse_node *only = l == NULL ? r : r == NULL ? l : NULL;
    if (only != NULL && only->leaf) {
        free(t);
        return only;
    }
    WS_ASSERT(l != NULL || r != NULL);
    return t;
}

struct sparse_node *sparse_del(struct sparse_node *t, const hash32 key) {
    return holds(t, key) ? del_at(t, key, 0) : t;
}

/* ---- hashing: all nodes of one depth together, from the bottom up ---- */

struct unhashed {
    size_t n, cap;
    struct sparse_node **node;
    uint16_t *depth;
    size_t at_depth[SPARSE_PROOF_MAX + 2];
};

static void gather(struct unhashed *u, struct sparse_node *t, size_t depth) {
    if (t == NULL || t->hashed)
        return;
    if (u->n == u->cap) {
        u->cap = u->cap == 0 ? 256 : u->cap * 2;
        u->node = (struct sparse_node **)ws_realloc(
            (void *)u->node, u->cap * sizeof(struct sparse_node *));
        u->depth = ws_realloc(u->depth, u->cap * sizeof(*u->depth));
    }
    u->node[u->n] = t;
    u->depth[u->n++] = (uint16_t)depth;
    u->at_depth[depth]++;
    if (!t->leaf) {
        gather(u, t->child[0], depth + 1);
        gather(u, t->child[1], depth + 1);
    }
}

static void put_hash(const struct sparse_node *t, uint8_t *dst) {
    if (t == NULL)
        memset(dst, 0, 32);
    else
        memcpy(dst, t->hash, 32);
}

enum { TOGETHER = 64, NODE_OCTETS = 65 };

/* Of one depth: what they are made of is hashed already. */
static void hash_nodes(struct sparse_node **node, size_t n) {
    uint8_t octets[TOGETHER][NODE_OCTETS];
    struct span data[TOGETHER];
    hash32 hash[TOGETHER];
    for (size_t done = 0; done < n;) {
        size_t k = 0;
        for (; k < TOGETHER && done + k < n; k++) {
            const struct sparse_node *t = node[done + k];
            octets[k][0] = t->leaf ? 0 : 1;
            if (t->leaf) {
                memcpy(octets[k] + 1, t->key, 32);
                memcpy(octets[k] + 33, t->value, 32);
            } else {
                put_hash(t->child[0], octets[k] + 1);
                put_hash(t->child[1], octets[k] + 33);
            }
            data[k] = span_of(octets[k], NODE_OCTETS);
        }
        exec_sha256_many(data, k, hash);
        for (size_t i = 0; i < k; i++) {
            memcpy(node[done + i]->hash, hash[i], 32);
            node[done + i]->hashed = true;
        }
        done += k;
    }
}

static void hash_all(struct sparse_node *t) {
    struct unhashed *u = ws_alloc(sizeof(*u));
    gather(u, t, 0);
    struct sparse_node **sorted =
        (struct sparse_node **)ws_calloc(u->n, sizeof(struct sparse_node *));
    size_t start[SPARSE_PROOF_MAX + 2] = {0};
    for (size_t d = 1; d < ARRAY_LEN(start); d++)
        start[d] = start[d - 1] + u->at_depth[d - 1];
    size_t next[SPARSE_PROOF_MAX + 2];
    memcpy(next, start, sizeof(next));
    for (size_t i = 0; i < u->n; i++)
        sorted[next[u->depth[i]]++] = u->node[i];
    for (size_t d = ARRAY_LEN(start); d-- > 0;)
        hash_nodes(sorted + start[d], u->at_depth[d]);
    free((void *)sorted);
    free((void *)u->node);
    free(u->depth);
    free(u);
}

void sparse_root(struct sparse_node *t, hash32 ret_root) {
    if (t == NULL) {
        memset(ret_root, 0, 32);
        return;
    }
    if (!t->hashed)
        hash_all(t);
    memcpy(ret_root, t->hash, 32);
}

void sparse_prove(struct sparse_node *t, const hash32 key, struct sparse_proof *ret_proof) {
    memset(ret_proof, 0, sizeof(*ret_proof));
    size_t depth = 0;
    while (t != NULL && !t->leaf) {
        unsigned side = bit_of(key, depth);
        sparse_root(t->child[1 - side], ret_proof->siblings[depth]);
        t = t->child[side];
        depth++;
    }
    ret_proof->n = depth;
    if (t != NULL) {
        ret_proof->end = SPARSE_LEAF;
        memcpy(ret_proof->leaf_key, t->key, 32);
        memcpy(ret_proof->leaf_value, t->value, 32);
    }
}
