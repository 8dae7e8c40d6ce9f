#include "ledger/exec/state.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/omap.h"
#include "ledger/exec/hash.h"
#include "ledger/exec/sparse.h"

#include <stdlib.h>

/* A key that was put or deleted since the last clear. */
struct changed {
    uint64_t mix;
    struct span key; /* owned */
    bool in_tree; /* and not touched since */
};

struct part {
    struct omap entries;
    struct sparse_node *tree,
        *marked; /* the tree lags behind the entries until somebody asks for a root */
    struct changed *changed;
    size_t n_changed, cap_changed;
    uint32_t *slot; /* open addressing: index in changed + 1; 0: free */
    size_t n_slots; /* 0 or a power of two */
    size_t n_late; /* of changed: not in the tree yet */
};

struct state {
    size_t n;
    struct part part[STATE_CONTRACTS_MAX];
};

struct state *state_new(size_t n_contracts) {
    WS_ASSERT(n_contracts <= STATE_CONTRACTS_MAX);
    struct state *s = ws_alloc(sizeof(*s));
    s->n = n_contracts;
    return s;
}

enum { SLOTS_KEPT = 1 << 16 };

static void forget_changes(struct part *p) {
    for (size_t i = 0; i < p->n_changed; i++)
        free((void *)p->changed[i].key.p);
    p->n_changed = 0;
    if (p->n_slots > SLOTS_KEPT) { /* a whole state was read in; a block changes less */
        free(p->slot);
        free(p->changed);
        p->slot = NULL;
        p->changed = NULL;
        p->n_slots = 0;
        p->cap_changed = 0;
    } else if (p->n_slots > 0) {
        memset(p->slot, 0, p->n_slots * sizeof(*p->slot));
    }
}

void state_free(struct state *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++) {
        struct part *p = &s->part[i];
        omap_free(&p->entries);
        sparse_unref(p->tree);
        sparse_unref(p->marked);
        forget_changes(p);
        free(p->changed);
        free(p->slot);
    }
    free(s);
}

/* ---- which keys have changed ---- */

static uint64_t mix(struct span key) {
    uint64_t h = key.n * 0x9e3779b97f4a7c15U;
    size_t i = 0;
    for (; i + 8 <= key.n; i += 8) {
        uint64_t v;
        memcpy(&v, key.p + i, 8);
        h = (h ^ v) * 0xbf58476d1ce4e5b9U;
        h ^= h >> 29;
    }
    for (; i < key.n; i++)
        h = (h ^ key.p[i]) * 0x100000001b3U;
    h = (h ^ h >> 30) * 0x94d049bb133111ebU;
    return h ^ h >> 31;
}

static void grow_slots(struct part *p) {
    size_t n = p->n_slots == 0 ? 256 : p->n_slots * 2;
    free(p->slot);
    p->slot = ws_calloc(n, sizeof(*p->slot));
    p->n_slots = n;
    for (size_t i = 0; i < p->n_changed; i++) {
        size_t at = p->changed[i].mix & (n - 1);
        while (p->slot[at] != 0)
            at = (at + 1) & (n - 1);
        p->slot[at] = (uint32_t)(i + 1);
    }
}

static void note_change(struct part *p, struct span key) {
    uint64_t m = mix(key);
    if (2 * (p->n_changed + 1) > p->n_slots)
        grow_slots(p);
    size_t at = m & (p->n_slots - 1);
    for (; p->slot[at] != 0; at = (at + 1) & (p->n_slots - 1)) {
        struct changed *c = &p->changed[p->slot[at] - 1];
        if (c->mix == m && span_equal(c->key, key)) {
            p->n_late += c->in_tree;
            c->in_tree = false;
            return;
        }
    }
    if (p->n_changed == p->cap_changed) {
        p->cap_changed = p->cap_changed == 0 ? 256 : p->cap_changed * 2;
        p->changed = ws_realloc(p->changed, p->cap_changed * sizeof(*p->changed));
    }
    p->changed[p->n_changed++] =
        (struct changed){.mix = m, .key = span_of(ws_memdup(key.p, key.n), key.n)};
    p->slot[at] = (uint32_t)p->n_changed;
    p->n_late++;
}

/* ---- entries ---- */

bool state_get(const struct state *s, size_t contract, struct span key, struct span *ret_value) {
    WS_ASSERT(contract < s->n);
    return omap_get(&s->part[contract].entries, key, ret_value);
}

void state_put(struct state *s, size_t contract, struct span key, struct span value) {
    WS_ASSERT(contract < s->n);
    struct part *p = &s->part[contract];
    struct span held;
    if (omap_get(&p->entries, key, &held) && span_equal(held, value))
        return;
    note_change(p, key); /* before: key and value may point into the entry that goes */
    (void)omap_put(&p->entries, key, value);
}

void state_del(struct state *s, size_t contract, struct span key) {
    WS_ASSERT(contract < s->n);
    struct part *p = &s->part[contract];
    struct span held;
    if (!omap_get(&p->entries, key, &held))
        return;
    note_change(p, key);
    (void)omap_del(&p->entries, key);
}

bool state_next(const struct state *s, size_t contract, struct span prefix, struct span after,
    struct span *ret_key, struct span *ret_value) {
    WS_ASSERT(contract < s->n);
    return omap_next(&s->part[contract].entries, prefix, after, false, ret_key, ret_value);
}

size_t state_entries(const struct state *s, size_t contract) {
    return s->part[contract].entries.n;
}

/* ---- the tree ---- */

enum { TOGETHER = 64 };

/* Keys first, then the values of those that are there, hashed many at a time. */
static void put_in_tree(struct part *p, struct changed *const *changed, size_t n) {
    struct span data[TOGETHER] = {0};
    hash32 key_hash[TOGETHER];
    hash32 value_hash[TOGETHER];
    bool there[TOGETHER];
    size_t values = 0;
    for (size_t i = 0; i < n; i++)
        data[i] = changed[i]->key;
    exec_sha256_many(data, n, key_hash);
    for (size_t i = 0; i < n; i++) {
        there[i] = omap_get(&p->entries, changed[i]->key, &data[values]);
        values += there[i];
    }
    exec_sha256_many(data, values, value_hash);
    values = 0;
    for (size_t i = 0; i < n; i++) {
        if (there[i])
            p->tree = sparse_put(p->tree, key_hash[i], value_hash[values++]);
        else
            p->tree = sparse_del(p->tree, key_hash[i]);
        changed[i]->in_tree = true;
    }
}

void state_restore(struct state *s, size_t contract, struct span key, struct span value) {
    WS_ASSERT(contract < s->n);
    struct part *p = &s->part[contract];
    WS_ASSERT(p->n_changed == 0);
    const struct span data[2] = {key, value};
    hash32 hash[2];
    exec_sha256_many(data, 2, hash);
    (void)omap_put(&p->entries, key, value);
    p->tree = sparse_put(p->tree, hash[0], hash[1]);
}

static struct sparse_node *tree_of(struct part *p) {
    struct changed *late[TOGETHER];
    size_t n = 0;
    for (size_t i = 0; i < p->n_changed && p->n_late > 0; i++) {
        if (p->changed[i].in_tree)
            continue;
        late[n++] = &p->changed[i];
        p->n_late--;
        if (n == TOGETHER || p->n_late == 0) {
            put_in_tree(p, late, n);
            n = 0;
        }
    }
    return p->tree;
}

void state_contract_root(struct state *s, size_t contract, hash32 ret_root) {
    sparse_root(tree_of(&s->part[contract]), ret_root);
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
        leaf_of_root(i, tree_of(&s->part[i]), root, leaves[i]);
    }
    list_root(exec_sha256, leaves, s->n, leaves, ret_root);
}

void state_mark(struct state *s) {
    for (size_t i = 0; i < s->n; i++) {
        struct sparse_node *now = sparse_ref(tree_of(&s->part[i]));
        sparse_unref(s->part[i].marked);
        s->part[i].marked = now;
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
    for (size_t i = 0; i < s->n; i++) {
        const struct part *p = &s->part[i];
        for (size_t k = 0; k < p->n_changed; k++) {
            struct span value = {NULL, 0};
            if (omap_get(&p->entries, p->changed[k].key, &value) && value.p == NULL)
                value.p = (const uint8_t *)""; /* empty is not deleted */
            fn(ctx, i, p->changed[k].key, value);
        }
    }
}

void state_changes_clear(struct state *s) {
    for (size_t i = 0; i < s->n; i++) {
        (void)tree_of(&s->part[i]);
        forget_changes(&s->part[i]);
    }
}
