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

void sparse_root(struct sparse_node *t, hash32 ret_root) {
    if (t == NULL) {
        memset(ret_root, 0, 32);
        return;
    }
    if (!t->hashed) {
        if (t->leaf) {
            sparse_leaf(exec_sha256, t->key, t->value, t->hash);
        } else {
            hash32 l;
            hash32 r;
            sparse_root(t->child[0], l);
            sparse_root(t->child[1], r);
            sparse_inner(exec_sha256, l, r, t->hash);
        }
        t->hashed = true;
    }
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
