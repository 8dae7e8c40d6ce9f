#include "ledger/snapshot/chunk.h"

#include "base/mem.h"
#include "ledger/exec/contract.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

enum { CHUNK_VERSION = 1, END_ENTRIES = 0, END_OTHER = 1 };

/* ---- entries ---- */

void chunk_entries_free(struct chunk_entries *c) {
    free(c->e);
    *c = (struct chunk_entries){0};
}

void chunk_entries_clear(struct chunk_entries *c) {
    c->n = 0;
}

void chunk_entries_add(
    struct chunk_entries *c, const hash32 key_hash, struct span key, struct span value) {
    if (c->n == c->cap) {
        c->cap = c->cap == 0 ? 256 : c->cap * 2;
        c->e = ws_realloc(c->e, c->cap * sizeof(*c->e));
    }
    struct chunk_entry *e = &c->e[c->n++];
    memcpy(e->key_hash, key_hash, 32);
    e->key = key;
    e->value = value;
}

static int by_hash(const void *a, const void *b) {
    return memcmp(
        ((const struct chunk_entry *)a)->key_hash, ((const struct chunk_entry *)b)->key_hash, 32);
}

void chunk_entries_sort(struct chunk_entries *c) {
    bool sorted = true;
    for (size_t i = 1; i < c->n && sorted; i++)
        sorted = by_hash(&c->e[i - 1], &c->e[i]) < 0;
    if (!sorted)
        qsort(c->e, c->n, sizeof(*c->e), by_hash);
}

/* ---- octets ---- */

size_t chunk_entry_octets(struct span key, struct span value) {
    return 1 + key.n + 4 + value.n;
}

void chunk_encode(uint8_t contract, unsigned bits, uint32_t prefix, const struct tree_way *way,
    const struct chunk_entries *entries, struct buf *out) {
    buf_u8(out, CHUNK_VERSION);
    buf_u8(out, contract);
    buf_u8(out, (uint8_t)bits);
    buf_u32(out, prefix);
    buf_u8(out, (uint8_t)way->n);
    buf_put(out, way->siblings, way->n * 32);
    buf_u8(out, way->other ? END_OTHER : END_ENTRIES);
    if (way->other) {
        buf_put(out, way->leaf.key, 32);
        buf_put(out, way->leaf.value, 32);
    }
    buf_u32(out, (uint32_t)entries->n);
    for (size_t i = 0; i < entries->n; i++) {
        buf_u8(out, (uint8_t)entries->e[i].key.n);
        buf_put(out, entries->e[i].key.p, entries->e[i].key.n);
        buf_var(out, entries->e[i].value);
    }
}

bool chunk_place(struct span octets, uint8_t *ret_contract, uint32_t *ret_prefix) {
    struct rd r = rd_of(octets);
    bool good = rd_u8(&r) == CHUNK_VERSION;
    *ret_contract = rd_u8(&r);
    (void)rd_u8(&r);
    *ret_prefix = rd_u32(&r);
    return good && !r.bad;
}

static bool read_way(struct rd *r, struct tree_way *w) {
    w->n = rd_u8(r);
    if (w->n > TREE_BITS_MAX)
        return false;
    for (size_t i = 0; i < w->n; i++)
        rd_copy(r, w->siblings[i], 32);
    uint8_t end = rd_u8(r);
    w->other = end == END_OTHER;
    if (w->other) {
        rd_copy(r, w->leaf.key, 32);
        rd_copy(r, w->leaf.value, 32);
    }
    return !r->bad && end <= END_OTHER;
}

static bool read_entries(struct rd *r, struct chunk_entries *c) {
    uint32_t n = rd_u32(r);
    /* An entry takes 6 octets or more. */
    if (r->bad || n > rd_left(r) / 6)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        size_t octets = rd_u8(r);
        struct span key = rd_take(r, octets);
        struct span value = rd_var(r, EXEC_VALUE_MAX);
        if (r->bad || octets == 0 || octets > EXEC_KEY_MAX)
            return false;
        hash32 hash;
        exec_sha256_one(key, hash);
        chunk_entries_add(c, hash, key, value);
    }
    return rd_done(r);
}

static bool verify(const struct manifest *m, const struct chunk *c) {
    struct tree_entry *e = ws_calloc(c->entries.n, sizeof(*e));
    for (size_t i = 0; i < c->entries.n; i++) {
        memcpy(e[i].key, c->entries.e[i].key_hash, 32);
        exec_sha256_one(c->entries.e[i].value, e[i].value);
    }
    bool good = tree_way_verify(
        &c->way, c->bits, c->prefix, e, c->entries.n, m->contract[c->contract].root);
    free(e);
    return good;
}

int chunk_open(
    const struct manifest *m, struct span octets, struct chunk *ret_chunk, struct ws_err *err) {
    struct chunk *c = ret_chunk;
    memset(c, 0, sizeof(*c));
    if (octets.n > CHUNK_OCTETS_MAX)
        return ws_fail(err, WS_ELIMIT, "chunk: %zu octets, more than %u", octets.n,
            (unsigned)CHUNK_OCTETS_MAX);
    struct rd r = rd_of(octets);
    if (rd_u8(&r) != CHUNK_VERSION)
        return ws_fail(err, WS_EINPUT, "chunk: version octet is not %d", (int)CHUNK_VERSION);
    c->contract = rd_u8(&r);
    c->bits = rd_u8(&r);
    c->prefix = rd_u32(&r);
    if (r.bad || c->contract >= m->n || c->bits != m->contract[c->contract].bits ||
        c->prefix >> c->bits != 0)
        return ws_fail(err, WS_EINPUT, "chunk: the manifest has none of contract %u, prefix %u/%u",
            c->contract, c->prefix, c->bits);
    if (!read_way(&r, &c->way) || !read_entries(&r, &c->entries))
        return ws_fail(err, WS_EINPUT, "chunk: contract %u, prefix %u/%u: malformed near octet %zu",
            c->contract, c->prefix, c->bits, r.at);
    if (!verify(m, c))
        return ws_fail(err, WS_EINPUT,
            "chunk: contract %u, prefix %u/%u: its %zu entries are not what the state root commits "
            "to",
            c->contract, c->prefix, c->bits, c->entries.n);
    return WS_OK;
}
