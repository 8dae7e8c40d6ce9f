#include "ledger/exec/state.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/exec/sparse.h"

#include <stdlib.h>

/* Ordered map: a treap whose priorities come from the key's hash, so its shape is a function of its keys. */
struct entry {
    struct entry *left, *right;
    uint64_t priority;
    struct span key, value; /* key in the same allocation, value in its own */
    hash32 key_hash;
};

struct part {
    struct entry *entries;
    size_t n;
    struct sparse_node *tree, *marked;
};

struct change {
    size_t contract;
    struct span key, value;
};

struct state {
    size_t n;
    struct part part[STATE_CONTRACTS_MAX];
    struct change *changes;
    size_t n_changes, cap_changes;
};

struct state *state_new(size_t n_contracts) {
    WS_ASSERT(n_contracts <= STATE_CONTRACTS_MAX);
    struct state *s = ws_alloc(sizeof(*s));
    s->n = n_contracts;
    return s;
}

static void free_entries(struct entry *e) {
    if (e == NULL)
        return;
    free_entries(e->left);
    free_entries(e->right);
    free((void *)e->value.p);
    free(e);
}

void state_free(struct state *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++) {
        free_entries(s->part[i].entries);
        sparse_unref(s->part[i].tree);
        sparse_unref(s->part[i].marked);
    }
    state_changes_clear(s);
    free(s->changes);
    free(s);
}

static struct span copy_span(struct span s) {
    return span_of(ws_memdup(s.p, s.n), s.n);
}

static struct entry *find(struct entry *e, struct span key) {
    while (e != NULL) {
        int c = span_compare(key, e->key);
        if (c == 0)
            return e;
        e = c < 0 ? e->left : e->right;
    }
    return NULL;
}

/* Splits into keys below and above `key`, which is not in the tree. */
static void split(
    struct entry *e, struct span key, struct entry **ret_below, struct entry **ret_above) {
    while (e != NULL) {
        if (span_compare(e->key, key) < 0) {
            *ret_below = e;
            ret_below = &e->right;
            e = e->right;
        } else {
            *ret_above = e;
            ret_above = &e->left;
            e = e->left;
        }
    }
    *ret_below = NULL;
    *ret_above = NULL;
}

static struct entry *merge(struct entry *a, struct entry *b) {
    if (a == NULL)
        return b;
    if (b == NULL)
        return a;
    if (a->priority >= b->priority) {
        a->right = merge(a->right, b);
        return a;
    }
    b->left = merge(a, b->left);
    return b;
}

static void insert(struct part *p, struct entry *n) {
    struct entry **at = &p->entries;
    while (*at != NULL && (*at)->priority >= n->priority)
        at = span_compare(n->key, (*at)->key) < 0 ? &(*at)->left : &(*at)->right;
    split(*at, n->key, &n->left, &n->right);
    *at = n;
    p->n++;
}

static void note_change(struct state *s, size_t contract, struct span key, struct span value) {
    if (s->n_changes == s->cap_changes) {
        s->cap_changes = s->cap_changes == 0 ? 256 : s->cap_changes * 2;
        s->changes = ws_realloc(s->changes, s->cap_changes * sizeof(*s->changes));
    }
    struct change *c = &s->changes[s->n_changes++];
    c->contract = contract;
    c->key = copy_span(key);
    c->value = value.p == NULL ? value : copy_span(value);
}

bool state_get(const struct state *s, size_t contract, struct span key, struct span *ret_value) {
    WS_ASSERT(contract < s->n);
    const struct entry *e = find(s->part[contract].entries, key);
    if (e == NULL)
        return false;
    *ret_value = e->value;
    return true;
}

void state_put(struct state *s, size_t contract, struct span key, struct span value) {
    WS_ASSERT(contract < s->n);
    struct part *p = &s->part[contract];
    struct entry *e = find(p->entries, key);
    if (e == NULL) {
        e = ws_alloc(sizeof(*e) + key.n);
        uint8_t *k = (uint8_t *)(e + 1);
        memcpy(k, key.p, key.n);
        e->key = span_of(k, key.n);
        exec_sha256_one(key, e->key_hash);
        e->priority = be64(e->key_hash);
        insert(p, e);
    } else {
        if (span_equal(e->value, value))
            return;
    }
    struct span old = e->value;
    e->value = copy_span(value); /* before the old one goes: value may point into it */
    free((void *)old.p);
    hash32 value_hash;
    exec_sha256_one(e->value, value_hash);
    p->tree = sparse_put(p->tree, e->key_hash, value_hash);
    note_change(s, contract, e->key, e->value);
}

void state_del(struct state *s, size_t contract, struct span key) {
    WS_ASSERT(contract < s->n);
    struct part *p = &s->part[contract];
    struct entry **at = &p->entries;
    while (*at != NULL) {
        int c = span_compare(key, (*at)->key);
        if (c == 0)
            break;
        at = c < 0 ? &(*at)->left : &(*at)->right;
    }
    struct entry *e = *at;
    if (e == NULL)
        return;
    note_change(s, contract, e->key, (struct span){NULL, 0});
    p->tree = sparse_del(p->tree, e->key_hash);
    *at = merge(e->left, e->right);
    p->n--;
    free((void *)e->value.p);
    free(e);
}

bool state_next(const struct state *s, size_t contract, struct span prefix, struct span after,
    struct span *ret_key, struct span *ret_value) {
    WS_ASSERT(contract < s->n);
    /* Smallest key that is > after, or >= prefix when that is further. */
    bool inclusive = after.n == 0 || span_compare(after, prefix) < 0;
    struct span bound = inclusive ? prefix : after;
    const struct entry *best = NULL;
    for (const struct entry *e = s->part[contract].entries; e != NULL;) {
        int c = span_compare(e->key, bound);
        if (c > 0 || (inclusive && c == 0)) {
            best = e;
            e = e->left;
        } else {
            e = e->right;
        }
    }
    if (best == NULL || best->key.n < prefix.n ||
        (prefix.n > 0 && memcmp(best->key.p, prefix.p, prefix.n) != 0))
        return false;
    *ret_key = best->key;
    *ret_value = best->value;
    return true;
}

size_t state_entries(const struct state *s, size_t contract) {
    return s->part[contract].n;
}

void state_contract_root(struct state *s, size_t contract, hash32 ret_root) {
    sparse_root(s->part[contract].tree, ret_root);
}

static void leaf_of_root(
    size_t contract, struct sparse_node *tree, hash32 ret_root, hash32 ret_leaf) {
    sparse_root(tree, ret_root);
    contract_leaf(exec_sha256, (uint8_t)contract, ret_root, ret_leaf);
}

void state_root(struct state *s, hash32 ret_root) {
    hash32 leaves[STATE_CONTRACTS_MAX];
    for (size_t i = 0; i < s->n; i++) {
        hash32 root;
        leaf_of_root(i, s->part[i].tree, root, leaves[i]);
    }
    list_root(exec_sha256, leaves, s->n, leaves, ret_root);
}

void state_mark(struct state *s) {
    for (size_t i = 0; i < s->n; i++) {
        sparse_unref(s->part[i].marked);
        s->part[i].marked = sparse_ref(s->part[i].tree);
    }
}

void state_prove(struct state *s, size_t contract, const hash32 key_hash, hash32 ret_contract_root,
    struct list_proof *ret_contract, struct sparse_proof *ret_proof) {
    WS_ASSERT(contract < s->n);
    hash32 leaves[STATE_CONTRACTS_MAX];
    for (size_t i = 0; i < s->n; i++) {
        hash32 root;
        leaf_of_root(i, s->part[i].marked, root, leaves[i]);
        if (i == contract)
            memcpy(ret_contract_root, root, 32);
    }
    list_prove(exec_sha256, leaves, s->n, contract, leaves, ret_contract);
    sparse_prove(s->part[contract].marked, key_hash, ret_proof);
}

void state_changes(const struct state *s, state_change_fn fn, void *ctx) {
    for (size_t i = 0; i < s->n_changes; i++)
        fn(ctx, s->changes[i].contract, s->changes[i].key, s->changes[i].value);
}

void state_changes_clear(struct state *s) {
    for (size_t i = 0; i < s->n_changes; i++) {
        free((void *)s->changes[i].key.p);
        free((void *)s->changes[i].value.p);
    }
    s->n_changes = 0;
}
