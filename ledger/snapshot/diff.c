#include "ledger/snapshot/diff.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/meta.h"
#include "ledger/snapshot/scan.h"

#include <stdlib.h>

enum diff_kind { DIFF_STORE, DIFF_SNAPSHOT, DIFF_BUNDLE };

struct diff_side {
    enum diff_kind kind;
    uint64_t height;
    struct store *store;
    struct entries_past past;
    struct snapshot *snapshot;
    const struct bundle *bundle;
};

int diff_of_store(struct store *s, struct diff_side **ret_side, struct ws_err *err) {
    struct meta_node at;
    int rc = meta_read_node(s, &at, err);
    if (rc == WS_ENOTFOUND || (rc == WS_OK && at.height == 0))
        return ws_fail(err, WS_ENOTFOUND, "the store holds no block");
    if (rc != WS_OK)
        return rc;
    struct diff_side *d = ws_alloc(sizeof(*d));
    d->kind = DIFF_STORE;
    d->store = s;
    d->height = at.height;
    *ret_side = d;
    return WS_OK;
}

struct diff_side *diff_of_snapshot(struct snapshot *s) {
    struct diff_side *d = ws_alloc(sizeof(*d));
    d->kind = DIFF_SNAPSHOT;
    d->snapshot = s;
    d->height = snapshot_manifest(s)->last.height;
    return d;
}

struct diff_side *diff_of_bundle(const struct bundle *b) {
    struct diff_side *d = ws_alloc(sizeof(*d));
    d->kind = DIFF_BUNDLE;
    d->bundle = b;
    d->height = b->height;
    return d;
}

void diff_side_free(struct diff_side *d) {
    if (d == NULL)
        return;
    entries_past_free(&d->past);
    free(d);
}

uint64_t diff_height(const struct diff_side *d) {
    return d->height;
}

/* ---- what a side can tell ---- */

/* bits: of the side's own chunks. */
static int contract_root(struct diff_side *d, uint8_t contract, bool *ret_known, hash32 ret_root,
    unsigned *ret_bits, struct ws_err *err) {
    *ret_bits = 0;
    memset(ret_root, 0, 32);
    if (d->kind == DIFF_BUNDLE) {
        *ret_known = contract < d->bundle->n;
        if (*ret_known)
            memcpy(ret_root, d->bundle->contract[contract], 32);
        return WS_OK;
    }
    *ret_known = true;
    if (d->kind == DIFF_SNAPSHOT) {
        const struct manifest *m = snapshot_manifest(d->snapshot);
        if (contract < m->n) {
            memcpy(ret_root, m->contract[contract].root, 32);
            *ret_bits = m->contract[contract].bits;
        }
        return WS_OK;
    }
    struct scan scan = {.store = d->store, .past = &d->past};
    struct scan_size size;
    struct tree_top top;
    int rc = scan_size(&scan, contract, &size, err);
    if (rc == WS_OK)
        rc = scan_top(&scan, contract, size.bits, &top, err);
    if (rc != WS_OK)
        return rc;
    memcpy(ret_root, tree_top_root(&top), 32);
    *ret_bits = size.bits;
    tree_top_free(&top);
    return WS_OK;
}

static void set_runs(struct tree_top *top, const struct chunk_entries *entries) {
    struct tree_entry *e = ws_calloc(entries->n, sizeof(*e));
    for (size_t i = 0; i < entries->n; i++) {
        memcpy(e[i].key, entries->e[i].key_hash, 32);
        exec_sha256_one(entries->e[i].value, e[i].value);
    }
    for (size_t i = 0, from = 0; i < entries->n; i++) {
        uint32_t prefix = tree_prefix(e[i].key, top->bits);
        if (i + 1 == entries->n || tree_prefix(e[i + 1].key, top->bits) != prefix) {
            tree_top_set(top, prefix, e + from, i + 1 - from);
            from = i + 1;
        }
    }
    free(e);
}

/* bits: not less than the side's own. */
static int side_top(struct diff_side *d, uint8_t contract, unsigned bits, struct tree_top *ret_top,
    struct ws_err *err) {
    if (d->kind == DIFF_STORE) {
        struct scan scan = {.store = d->store, .past = &d->past};
        return scan_top(&scan, contract, bits, ret_top, err);
    }
    const struct manifest *m = snapshot_manifest(d->snapshot);
    struct tree_top top = tree_top_new(bits);
    struct buf b = {0};
    size_t chunks = contract < m->n ? (size_t)1 << m->contract[contract].bits : 0;
    int rc = WS_OK;
    for (size_t i = 0; i < chunks && rc == WS_OK; i++) {
        struct chunk c;
        buf_clear(&b);
        rc = snapshot_read(d->snapshot, manifest_chunk_of(m, contract, (uint32_t)i), &b, &c, err);
        if (rc == WS_OK)
            set_runs(&top, &c.entries);
        chunk_entries_free(&c.entries);
    }
    buf_free(&b);
    if (rc != WS_OK) {
        tree_top_free(&top);
        return rc;
    }
    tree_top_fold(&top);
    *ret_top = top;
    return WS_OK;
}

struct kept {
    struct buf octets; /* key var, value var for each */
    unsigned bits;
    uint32_t prefix;
};

static int keep(
    void *ctx, uint32_t prefix, const struct chunk_entries *entries, struct ws_err *err) {
    (void)err;
    struct kept *k = ctx;
    (void)prefix;
    for (size_t i = 0; i < entries->n; i++) {
        if (tree_prefix(entries->e[i].key_hash, k->bits) != k->prefix)
            continue;
        buf_var(&k->octets, entries->e[i].key);
        buf_var(&k->octets, entries->e[i].value);
    }
    return WS_OK;
}

static int side_entries(struct diff_side *d, uint8_t contract, struct kept *k, struct ws_err *err) {
    if (d->kind == DIFF_STORE) {
        struct scan scan = {.store = d->store, .past = &d->past};
        return scan_chunk(&scan, contract, k->bits, k->prefix, keep, k, err);
    }
    const struct manifest *m = snapshot_manifest(d->snapshot);
    if (contract >= m->n)
        return WS_OK;
    uint32_t own = k->prefix >> (k->bits - m->contract[contract].bits);
    struct buf b = {0};
    struct chunk c;
    int rc = snapshot_read(d->snapshot, manifest_chunk_of(m, contract, own), &b, &c, err);
    if (rc == WS_OK)
        rc = keep(k, k->prefix, &c.entries, err);
    chunk_entries_free(&c.entries);
    buf_free(&b);
    return rc;
}

/* ---- one key ---- */

static void set_value(struct diff_value *v, bool there, struct span octets) {
    v->there = there;
    buf_clear(&v->octets);
    if (there)
        buf_put(&v->octets, octets.p, octets.n);
}

static void found(
    struct diff_contract *c, struct span key, const struct span *a, const struct span *b) {
    c->found = true;
    c->differs = true;
    buf_clear(&c->key);
    buf_put(&c->key, key.p, key.n);
    set_value(&c->value[0], a != NULL, a == NULL ? span_of("", 0) : *a);
    set_value(&c->value[1], b != NULL, b == NULL ? span_of("", 0) : *b);
}

struct pair {
    hash32 hash;
    struct span key, value;
};

static bool next_pair(struct rd *r, struct pair *ret) {
    if (rd_left(r) == 0)
        return false;
    ret->key = rd_var(r, SIZE_MAX);
    ret->value = rd_var(r, SIZE_MAX);
    exec_sha256_one(ret->key, ret->hash);
    return true;
}

/* Both in the order of hashed keys. */
static void first_difference(const struct kept *a, const struct kept *b, struct diff_contract *c) {
    struct rd ra = rd_of(buf_span(&a->octets));
    struct rd rb = rd_of(buf_span(&b->octets));
    struct pair pa;
    struct pair pb;
    for (;;) {
        bool more_a = next_pair(&ra, &pa);
        bool more_b = next_pair(&rb, &pb);
        if (!more_a && !more_b)
            return;
        int order = !more_a ? 1 : !more_b ? -1 : memcmp(pa.hash, pb.hash, 32);
        if (order < 0)
            found(c, pa.key, &pa.value, NULL);
        else if (order > 0)
            found(c, pb.key, NULL, &pb.value);
        else if (!span_equal(pa.value, pb.value))
            found(c, pa.key, &pa.value, &pb.value);
        if (c->found)
            return;
    }
}

/* From the root to the first subtree that differs. */
static uint32_t first_prefix(const struct tree_top *a, const struct tree_top *b) {
    size_t at = 1;
    for (unsigned depth = 0; depth < a->bits; depth++)
        at = 2 * at + (memcmp(a->node[2 * at].hash, b->node[2 * at].hash, 32) == 0 ? 1 : 0);
    return (uint32_t)(at - ((size_t)1 << a->bits));
}

static int find_key(struct diff_side *a, struct diff_side *b, uint8_t contract, unsigned bits,
    struct diff_contract *c, struct ws_err *err) {
    struct tree_top ta = {0};
    struct tree_top tb = {0};
    struct kept ka = {.bits = bits};
    struct kept kb = {.bits = bits};
    int rc = side_top(a, contract, bits, &ta, err);
    if (rc == WS_OK)
        rc = side_top(b, contract, bits, &tb, err);
    if (rc == WS_OK) {
        ka.prefix = kb.prefix = first_prefix(&ta, &tb);
        rc = side_entries(a, contract, &ka, err);
    }
    if (rc == WS_OK)
        rc = side_entries(b, contract, &kb, err);
    if (rc == WS_OK)
        first_difference(&ka, &kb, c);
    tree_top_free(&ta);
    tree_top_free(&tb);
    buf_free(&ka.octets);
    buf_free(&kb.octets);
    return rc;
}

/* ---- bundles ---- */

static const struct bundle_change *change_of(const struct bundle *b, struct span stored) {
    for (size_t i = 0; i < b->n_changes; i++) {
        if (span_equal(b->change[i].key, stored))
            return &b->change[i];
    }
    return NULL;
}

/* What the other side has under a key that a bundle's block changed. A bundle whose block did not touch it still has
 * what was there before. */
static int value_of(struct diff_side *d, struct span stored, const struct bundle_change *c,
    struct diff_value *ret, struct ws_err *err) {
    if (d->kind == DIFF_BUNDLE) {
        const struct bundle_change *own = change_of(d->bundle, stored);
        if (own != NULL)
            set_value(ret, own->after_there, own->after);
        else
            set_value(ret, c->before_there, c->before);
        return WS_OK;
    }
    buf_clear(&ret->octets);
    if (d->kind == DIFF_STORE) {
        int rc = entries_get(d->store, &d->past, stored, &ret->octets, err);
        ret->there = rc == WS_OK;
        return rc == WS_ENOTFOUND ? WS_OK : rc;
    }
    uint8_t contract = 0;
    struct span key;
    if (!entry_key_read(stored, &contract, &key))
        return ws_fail(err, WS_EINPUT, "bundle: a key is damaged");
    hash32 hash;
    exec_sha256_one(key, hash);
    struct kept k = {.bits = TREE_BITS_MAX, .prefix = tree_prefix(hash, TREE_BITS_MAX)};
    int rc = side_entries(d, contract, &k, err);
    struct rd r = rd_of(buf_span(&k.octets));
    struct pair p;
    ret->there = false;
    while (rc == WS_OK && !ret->there && next_pair(&r, &p)) {
        if (span_equal(p.key, key))
            set_value(ret, true, p.value);
    }
    buf_free(&k.octets);
    return rc;
}

static int compare_changes(const struct bundle *from, struct diff_side *other, bool swapped,
    struct diff *d, struct ws_err *err) {
    int rc = WS_OK;
    struct diff_value theirs = {0};
    for (size_t i = 0; i < from->n_changes && rc == WS_OK; i++) {
        const struct bundle_change *c = &from->change[i];
        uint8_t contract = 0;
        struct span key;
        if (!entry_key_read(c->key, &contract, &key) || contract >= STATE_CONTRACTS_MAX) {
            rc = ws_fail(err, WS_EINPUT, "bundle: a key is damaged");
            break;
        }
        struct diff_contract *dc = &d->contract[contract];
        if (dc->found)
            continue;
        rc = value_of(other, c->key, c, &theirs, err);
        struct span there = buf_span(&theirs.octets);
        if (rc != WS_OK ||
            (theirs.there == c->after_there && (!theirs.there || span_equal(there, c->after))))
            continue;
        const struct span *a = c->after_there ? &c->after : NULL;
        const struct span *b = theirs.there ? &there : NULL;
        found(dc, key, swapped ? b : a, swapped ? a : b);
    }
    buf_free(&theirs.octets);
    return rc;
}

/* ---- all of it ---- */

static int bring_to(struct diff_side *d, uint64_t height, struct ws_err *err) {
    if (d->height == height)
        return WS_OK;
    entries_past_free(&d->past);
    int rc = entries_past_read(d->store, d->height, height + 1, &d->past, err);
    return rc == WS_OK
               ? rc
               : ws_fail(err, WS_ENOTFOUND,
                     "no height in common: the store is at %llu and cannot be taken back to %llu",
                     (unsigned long long)d->height, (unsigned long long)height);
}

static int meet(
    struct diff_side *a, struct diff_side *b, uint64_t *ret_height, struct ws_err *err) {
    uint64_t h = a->height < b->height ? a->height : b->height;
    if ((a->kind != DIFF_STORE && a->height != h) || (b->kind != DIFF_STORE && b->height != h))
        return ws_fail(err, WS_ENOTFOUND, "no height in common: %llu and %llu",
            (unsigned long long)a->height, (unsigned long long)b->height);
    *ret_height = h;
    int rc = bring_to(a, h, err);
    return rc == WS_OK ? bring_to(b, h, err) : rc;
}

static int compare(struct diff_side *a, struct diff_side *b, struct diff *d, struct ws_err *err) {
    bool bundles = a->kind == DIFF_BUNDLE || b->kind == DIFF_BUNDLE;
    for (uint8_t i = 0; i < STATE_CONTRACTS_MAX; i++) {
        struct diff_contract *c = &d->contract[i];
        unsigned bits[2];
        int rc = contract_root(a, i, &c->known[0], c->root[0], &bits[0], err);
        if (rc == WS_OK)
            rc = contract_root(b, i, &c->known[1], c->root[1], &bits[1], err);
        if (rc != WS_OK)
            return rc;
        static const hash32 empty = {0};
        if (memcmp(c->root[0], empty, 32) != 0 || memcmp(c->root[1], empty, 32) != 0)
            d->n = (size_t)i + 1;
        c->differs = c->known[0] && c->known[1] && memcmp(c->root[0], c->root[1], 32) != 0;
        if (c->differs && !bundles)
            rc = find_key(a, b, i, bits[0] > bits[1] ? bits[0] : bits[1], c, err);
        if (rc != WS_OK)
            return rc;
    }
    int rc = WS_OK;
    if (a->kind == DIFF_BUNDLE)
        rc = compare_changes(a->bundle, b, false, d, err);
    if (rc == WS_OK && b->kind == DIFF_BUNDLE)
        rc = compare_changes(b->bundle, a, true, d, err);
    return rc;
}

int diff_states(
    struct diff_side *a, struct diff_side *b, struct diff *ret_diff, struct ws_err *err) {
    memset(ret_diff, 0, sizeof(*ret_diff));
    int rc = meet(a, b, &ret_diff->height, err);
    return rc == WS_OK ? compare(a, b, ret_diff, err) : rc;
}

void diff_free(struct diff *d) {
    for (size_t i = 0; i < STATE_CONTRACTS_MAX; i++) {
        buf_free(&d->contract[i].key);
        buf_free(&d->contract[i].value[0].octets);
        buf_free(&d->contract[i].value[1].octets);
    }
}
