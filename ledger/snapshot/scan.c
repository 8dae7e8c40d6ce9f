#include "ledger/snapshot/scan.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

enum { PREFIXES = 1 << TREE_BITS_MAX, ASK_EVERY = 1 << 20 };
/* What a chunk takes beside its entries. */
#define CHUNK_FRAME (16U + 32U * TREE_BITS_MAX + 64U)

static bool may_go_on(const struct scan *s, uint64_t octets) {
    return s->go_on == NULL || s->go_on(s->ctx, octets);
}

static int stopped(struct ws_err *err) {
    return ws_fail(err, WS_EBUSY, "stopped");
}

/* ---- sizes ---- */

struct sizing {
    const struct scan *scan;
    uint64_t *octets; /* by prefix */
    uint64_t entries, all, since;
    bool stopped;
};

static bool add_size(void *ctx, struct span stored, struct span value) {
    struct sizing *z = ctx;
    if (stored.n <= ENTRY_HEAD_OCTETS)
        return true; /* named when the chunks are made */
    struct span key = span_of(stored.p + ENTRY_HEAD_OCTETS, stored.n - ENTRY_HEAD_OCTETS);
    size_t n = chunk_entry_octets(key, value);
    z->octets[be16(stored.p + 1)] += n;
    z->entries++;
    z->all += n;
    z->since += n;
    if (z->since >= ASK_EVERY) {
        z->stopped = !may_go_on(z->scan, z->since);
        z->since = 0;
    }
    return !z->stopped;
}

static uint64_t largest(const uint64_t *octets, unsigned bits) {
    size_t group = (size_t)PREFIXES >> bits;
    uint64_t most = 0;
    for (size_t i = 0; i < PREFIXES; i += group) {
        uint64_t sum = 0;
        for (size_t k = 0; k < group; k++)
            sum += octets[i + k];
        most = sum > most ? sum : most;
    }
    return most;
}

int scan_size(
    const struct scan *s, uint8_t contract, struct scan_size *ret_size, struct ws_err *err) {
    struct sizing z = {.scan = s, .octets = ws_calloc(PREFIXES, sizeof(uint64_t))};
    int rc = entries_each(s->store, s->past, span_of(&contract, 1), add_size, &z, err);
    if (rc == WS_OK && z.stopped)
        rc = stopped(err);
    *ret_size = (struct scan_size){z.entries, z.all, 0};
    while (rc == WS_OK && ret_size->bits < TREE_BITS_MAX &&
           largest(z.octets, ret_size->bits) > CHUNK_OCTETS - CHUNK_FRAME)
        ret_size->bits++;
    if (rc == WS_OK && largest(z.octets, ret_size->bits) > CHUNK_OCTETS_MAX - CHUNK_FRAME)
        rc = ws_fail(err, WS_ELIMIT,
            "state of contract %u: %llu octets do not fit into chunks of at most %u", contract,
            (unsigned long long)z.all, (unsigned)CHUNK_OCTETS_MAX);
    free(z.octets);
    return rc;
}

/* ---- chunks ---- */

struct place {
    size_t at, key_octets, value_octets; /* in `octets` */
    hash32 key_hash;
};

struct gather {
    const struct scan *scan;
    unsigned bits;
    uint32_t prefix;
    struct buf octets;
    size_t n, cap;
    struct place *place;
    struct chunk_entries entries;
    scan_fn fn;
    void *ctx;
    int rc;
    struct ws_err *err;
};

static int flush(struct gather *g) {
    if (g->n == 0)
        return WS_OK;
    chunk_entries_clear(&g->entries);
    for (size_t i = 0; i < g->n; i++) {
        const struct place *p = &g->place[i];
        const uint8_t *at = g->octets.p + p->at;
        chunk_entries_add(&g->entries, p->key_hash, span_of(at, p->key_octets),
            span_of(at + p->key_octets, p->value_octets));
    }
    chunk_entries_sort(&g->entries);
    int rc = g->fn(g->ctx, g->prefix, &g->entries, g->err);
    uint64_t octets = g->octets.n;
    buf_clear(&g->octets);
    g->n = 0;
    if (rc == WS_OK && !may_go_on(g->scan, octets))
        rc = stopped(g->err);
    return rc;
}

static bool gather_entry(void *ctx, struct span stored, struct span value) {
    struct gather *g = ctx;
    uint8_t contract = 0;
    struct span key;
    struct place p = {.at = g->octets.n};
    bool good = entry_key_read(stored, &contract, &key);
    if (good)
        exec_sha256_one(key, p.key_hash);
    if (!good || memcmp(p.key_hash, stored.p + 1, ENTRY_HASH_OCTETS) != 0) {
        g->rc = ws_fail(
            g->err, WS_EINPUT, "store: a key in the state of contract %u is damaged", contract);
        return false;
    }
    uint32_t prefix = tree_prefix(p.key_hash, g->bits);
    if (prefix != g->prefix) {
        g->rc = flush(g);
        if (g->rc != WS_OK)
            return false;
        p.at = 0;
        g->prefix = prefix;
    }
    if (g->n == g->cap) {
        g->cap = g->cap == 0 ? 256 : g->cap * 2;
        g->place = ws_realloc(g->place, g->cap * sizeof(*g->place));
    }
    p.key_octets = key.n;
    p.value_octets = value.n;
    buf_put(&g->octets, key.p, key.n);
    buf_put(&g->octets, value.p, value.n);
    g->place[g->n++] = p;
    return true;
}

static int gather_all(struct gather *g, struct span prefix) {
    int rc = entries_each(g->scan->store, g->scan->past, prefix, gather_entry, g, g->err);
    if (rc == WS_OK)
        rc = g->rc;
    if (rc == WS_OK)
        rc = flush(g);
    buf_free(&g->octets);
    free(g->place);
    chunk_entries_free(&g->entries);
    return rc;
}

int scan_chunks(const struct scan *s, uint8_t contract, unsigned bits, scan_fn fn, void *ctx,
    struct ws_err *err) {
    struct gather g = {.scan = s, .bits = bits, .fn = fn, .ctx = ctx, .err = err};
    return gather_all(&g, span_of(&contract, 1));
}

struct only {
    uint32_t prefix;
    scan_fn fn;
    void *ctx;
};

static int pass_one(
    void *ctx, uint32_t prefix, const struct chunk_entries *entries, struct ws_err *err) {
    const struct only *o = ctx;
    return prefix == o->prefix ? o->fn(o->ctx, prefix, entries, err) : WS_OK;
}

int scan_chunk(const struct scan *s, uint8_t contract, unsigned bits, uint32_t prefix, scan_fn fn,
    void *ctx, struct ws_err *err) {
    struct only o = {prefix, fn, ctx};
    struct gather g = {.scan = s, .bits = bits, .fn = pass_one, .ctx = &o, .err = err};
    /* Whole octets of the prefix bound what is read. */
    uint8_t from[3] = {contract};
    put_be16(from + 1, (uint16_t)(prefix << (TREE_BITS_MAX - bits)));
    return gather_all(&g, span_of(from, 1 + bits / 8));
}

/* ---- roots ---- */

static int set_top(
    void *ctx, uint32_t prefix, const struct chunk_entries *entries, struct ws_err *err) {
    (void)err;
    struct tree_top *top = ctx;
    struct tree_entry *e = ws_calloc(entries->n, sizeof(*e));
    for (size_t i = 0; i < entries->n; i++) {
        memcpy(e[i].key, entries->e[i].key_hash, 32);
        exec_sha256_one(entries->e[i].value, e[i].value);
    }
    tree_top_set(top, prefix, e, entries->n);
    free(e);
    return WS_OK;
}

int scan_top(const struct scan *s, uint8_t contract, unsigned bits, struct tree_top *ret_top,
    struct ws_err *err) {
    struct tree_top top = tree_top_new(bits);
    int rc = scan_chunks(s, contract, bits, set_top, &top, err);
    if (rc != WS_OK) {
        tree_top_free(&top);
        return rc;
    }
    tree_top_fold(&top);
    *ret_top = top;
    return WS_OK;
}

int scan_state_root(
    const struct scan *s, size_t n, hash32 *ret_roots, hash32 ret_state_root, struct ws_err *err) {
    hash32 leaves[STATE_CONTRACTS_MAX];
    for (size_t i = 0; i < n; i++) {
        struct scan_size size;
        struct tree_top top;
        int rc = scan_size(s, (uint8_t)i, &size, err);
        if (rc == WS_OK)
            rc = scan_top(s, (uint8_t)i, size.bits, &top, err);
        if (rc != WS_OK)
            return rc;
        memcpy(ret_roots[i], tree_top_root(&top), 32);
        tree_top_free(&top);
        contract_leaf(exec_sha256, (uint8_t)i, ret_roots[i], leaves[i]);
    }
    list_root(exec_sha256, leaves, n, leaves, ret_state_root);
    return WS_OK;
}
