#include "ledger/exec/state.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/omap.h"
#include "ledger/exec/hash.h"
#include "ledger/exec/sparse.h"

#include <stdlib.h>

struct part {
    struct omap entries;
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

void state_free(struct state *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++) {
        omap_free(&s->part[i].entries);
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

/* Takes key and value; value.p NULL: deleted. */
static void note_change(struct state *s, size_t contract, struct span key, struct span value) {
    if (s->n_changes == s->cap_changes) {
        s->cap_changes = s->cap_changes == 0 ? 256 : s->cap_changes * 2;
        s->changes = ws_realloc(s->changes, s->cap_changes * sizeof(*s->changes));
    }
    struct change *c = &s->changes[s->n_changes++];
    c->contract = contract;
    c->key = key;
    c->value = value;
}

bool state_get(const struct state *s, size_t contract, struct span key, struct span *ret_value) {
    WS_ASSERT(contract < s->n);
    return omap_get(&s->part[contract].entries, key, ret_value);
}

void state_put(struct state *s, size_t contract, struct span key, struct span value) {
    WS_ASSERT(contract < s->n);
    struct part *p = &s->part[contract];
    hash32 key_hash;
    hash32 value_hash;
    exec_sha256_one(key, key_hash);
    exec_sha256_one(value, value_hash);
    struct span k = copy_span(key); /* key and value may point into the entry that goes */
    struct span v = copy_span(value);
    if (omap_put(&p->entries, k, v)) {
        p->tree = sparse_put(p->tree, key_hash, value_hash);
        note_change(s, contract, k, v);
        return;
    }
    free((void *)k.p);
    free((void *)v.p);
}

void state_del(struct state *s, size_t contract, struct span key) {
    WS_ASSERT(contract < s->n);
    struct part *p = &s->part[contract];
    hash32 key_hash;
    exec_sha256_one(key, key_hash);
    struct span k = copy_span(key);
    if (omap_del(&p->entries, k)) {
        p->tree = sparse_del(p->tree, key_hash);
        note_change(s, contract, k, (struct span){NULL, 0});
        return;
    }
    free((void *)k.p);
}

bool state_next(const struct state *s, size_t contract, struct span prefix, struct span after,
    struct span *ret_key, struct span *ret_value) {
    WS_ASSERT(contract < s->n);
    return omap_next(&s->part[contract].entries, prefix, after, false, ret_key, ret_value);
}

size_t state_entries(const struct state *s, size_t contract) {
    return s->part[contract].entries.n;
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
