/* What reads snapshots: manifests, chunks, files of either, bundles, undo records. The first octet chooses. Most of it is
 * structure-aware: the input becomes a small state, a snapshot of which is made, and then what is left of the input bends one
 * chunk whose frame is kept whole; a bent chunk must not pass for another content of the tree. */
#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/bundle.h"
#include "ledger/snapshot/chunk.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRIES_MAX = 64 };

static void as_manifest(struct span s) {
    struct manifest *m = ws_alloc(sizeof(*m));
    struct ws_err err = {0};
    struct buf again = {0};
    if (manifest_decode(s, m, &err) == WS_OK) {
        manifest_encode(m, &again);
        WS_ASSERT(span_equal(s, buf_span(&again))); /* one encoding for each value */
        WS_ASSERT(manifest_chunks(m) <= (size_t)STATE_CONTRACTS_MAX << TREE_BITS_MAX);
    } else {
        WS_ASSERT(err.text[0] != '\0');
    }
    buf_free(&again);
    free(m);
}

static void as_bundle(struct span s) {
    struct bundle b;
    struct ws_err err = {0};
    if (bundle_read(s, &b, &err) == WS_OK)
        bundle_free(&b);
    else
        WS_ASSERT(err.text[0] != '\0');
}

/* ---- a state out of the input ---- */

struct made {
    struct manifest m;
    struct buf octets; /* keys and values */
    size_t n;
    struct {
        size_t at, key, value;
    } entry[ENTRIES_MAX];
    struct chunk_entries all; /* sorted */
};

static void add_entry(struct made *d, struct rd *r) {
    uint8_t shape = rd_u8(r);
    size_t key = 1 + shape % 4;
    size_t value = shape / 4 % 16;
    d->entry[d->n].at = d->octets.n;
    d->entry[d->n].key = key;
    d->entry[d->n].value = value;
    for (size_t i = 0; i < key + value; i++)
        buf_u8(&d->octets, rd_u8(r));
    d->n++;
}

static void sort_entries(struct made *d) {
    for (size_t i = 0; i < d->n; i++) {
        struct span key = span_of(d->octets.p + d->entry[i].at, d->entry[i].key);
        struct span value =
            span_of(d->octets.p + d->entry[i].at + d->entry[i].key, d->entry[i].value);
        hash32 hash;
        bool twice = false;
        exec_sha256_one(key, hash);
        for (size_t k = 0; k < d->all.n; k++)
            twice = twice || memcmp(d->all.e[k].key_hash, hash, 32) == 0;
        if (!twice)
            chunk_entries_add(&d->all, hash, key, value);
    }
    chunk_entries_sort(&d->all);
}

static size_t run_of(const struct made *d, unsigned bits, uint32_t prefix, size_t *ret_from) {
    size_t from = 0;
    while (from < d->all.n && tree_prefix(d->all.e[from].key_hash, bits) < prefix)
        from++;
    size_t to = from;
    while (to < d->all.n && tree_prefix(d->all.e[to].key_hash, bits) == prefix)
        to++;
    *ret_from = from;
    return to - from;
}

static struct tree_top top_of(struct made *d, unsigned bits) {
    struct tree_entry e[ENTRIES_MAX];
    for (size_t i = 0; i < d->all.n; i++) {
        memcpy(e[i].key, d->all.e[i].key_hash, 32);
        exec_sha256_one(d->all.e[i].value, e[i].value);
    }
    struct tree_top top = tree_top_new(bits);
    for (uint32_t prefix = 0; prefix < 1U << bits; prefix++) {
        size_t from;
        size_t n = run_of(d, bits, prefix, &from);
        tree_top_set(&top, prefix, e + from, n);
    }
    tree_top_fold(&top);
    hash32 whole;
    tree_root(e, d->all.n, 0, whole);
    WS_ASSERT(memcmp(whole, tree_top_root(&top), 32) == 0);
    return top;
}

/* What passes is what the tree holds under that prefix, whatever was done to the octets. */
static void must_be_true(const struct made *d, const struct chunk *c) {
    size_t from;
    WS_ASSERT(c->contract == 0);
    size_t n = run_of(d, c->bits, c->prefix, &from);
    WS_ASSERT(n == c->entries.n);
    for (size_t i = 0; i < n && d->all.e != NULL; i++) {
        WS_ASSERT(span_equal(c->entries.e[i].key, d->all.e[from + i].key));
        WS_ASSERT(span_equal(c->entries.e[i].value, d->all.e[from + i].value));
    }
}

static void bend(struct buf *b, struct rd *r) {
    for (unsigned i = rd_u8(r) % 8; i > 0; i--) {
        uint8_t how = rd_u8(r);
        if (b->n == 0)
            return;
        size_t room = b->n;
        size_t at = room == 0 ? 0 : rd_u16(r) % room;
        if (how % 4 == 0)
            b->p[at] = rd_u8(r);
        else if (how % 4 == 1)
            b->p[at] ^= (uint8_t)(1U << (how / 4 % 8));
        else if (how % 4 == 2)
            b->n = at;
        else
            buf_u8(b, rd_u8(r));
    }
}

static void as_state(struct rd r) {
    struct made *d = ws_alloc(sizeof(*d));
    unsigned bits = rd_u8(&r) % 7;
    size_t n = rd_u8(&r) % ENTRIES_MAX;
    while (d->n < n && rd_left(&r) > 0)
        add_entry(d, &r);
    sort_entries(d);
    struct tree_top top = top_of(d, bits);
    d->m.n = 1;
    d->m.contract[0].bits = bits;
    memcpy(d->m.contract[0].root, tree_top_root(&top), 32);
    uint32_t prefix = rd_u16(&r) & ((1U << bits) - 1);
    size_t from;
    size_t run = run_of(d, bits, prefix, &from);
    struct chunk_entries part = {.n = run, .e = d->all.e == NULL ? NULL : d->all.e + from};
    struct tree_way way;
    tree_top_way(&top, prefix, &way);
    struct buf octets = {0};
    chunk_encode(0, bits, prefix, &way, &part, &octets);
    struct chunk c;
    struct ws_err err = {0};
    int rc = chunk_open(&d->m, buf_span(&octets), &c, &err);
    WS_ASSERT(rc == WS_OK);
    must_be_true(d, &c);
    chunk_entries_free(&c.entries);
    bend(&octets, &r);
    if (chunk_open(&d->m, buf_span(&octets), &c, &err) == WS_OK)
        must_be_true(d, &c);
    else
        WS_ASSERT(err.text[0] != '\0');
    chunk_entries_free(&c.entries);
    tree_top_free(&top);
    chunk_entries_free(&d->all);
    buf_free(&d->octets);
    buf_free(&octets);
    free(d);
}

static void as_chunk(struct span s) {
    struct manifest *m = ws_alloc(sizeof(*m));
    m->n = 2;
    m->contract[1].bits = 3;
    struct chunk c;
    if (chunk_open(m, s, &c, NULL) == WS_OK)
        WS_ASSERT(c.entries.n == 0); /* both trees are empty */
    chunk_entries_free(&c.entries);
    free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    struct span rest = span_of(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        as_manifest(rest);
        break;
    case 1:
        as_bundle(rest);
        break;
    case 2:
        as_chunk(rest);
        break;
    default:
        as_state(rd_of(rest));
        break;
    }
    return 0;
}
