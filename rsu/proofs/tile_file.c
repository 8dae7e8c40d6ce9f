#include "rsu/proofs/tile_file.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/fuse/diff.h"

#include <stdlib.h>

static const uint8_t magic[8] = {'W', 'S', 'T', 'I', 'L', 0x0d, 0x0a, 0x1a};
enum { FILE_VERSION = 1, ELEMENT_OCTETS_MIN = 32, AHEAD = 16, ID_AT = 1 };

static void put_element(const struct element *e, struct buf *b) {
    size_t from = b->n;
    buf_u32(b, 0);
    element_encode(e, b);
    put_be32(b->p + from, (uint32_t)(b->n - from - 4));
}

/* An element's parts lie about in memory, in no order that its id has: fetched while others are written. */
static void fetch_parts(const struct element *e) {
    __builtin_prefetch(e->points);
    __builtin_prefetch(e->attrs);
    __builtin_prefetch(e->aliases);
}

static void fetch_texts(const struct element *e) {
    for (size_t i = 0; i < e->n_attrs; i++) {
        __builtin_prefetch(e->attrs[i].key);
        __builtin_prefetch(e->attrs[i].value);
    }
    for (size_t i = 0; i < e->n_aliases; i++)
        __builtin_prefetch(e->aliases[i]);
}

void tile_file_elements(
    const struct tiles *tiles, size_t index, const struct mapset *m, struct buf *b) {
    const struct tile *t = &tiles->v[index];
    const struct element **list = ws_calloc(t->n, sizeof(const struct element *));
    for (size_t i = 0; i < t->n; i++)
        list[i] = tiles_element(tiles, m, &t->members[i]);
    for (size_t i = 0; i < t->n; i++) {
        if (i + AHEAD < t->n)
            fetch_parts(list[i + AHEAD]);
        if (i + AHEAD / 2 < t->n)
            fetch_texts(list[i + AHEAD / 2]);
        put_element(list[i], b);
    }
    free((void *)list);
}

/* Our own octets: lengths are in bounds, ids ascending. */
void tile_file_patch(struct span before, const struct tile_edit *edits, size_t n, struct buf *b) {
    struct rd r = rd_of(before);
    size_t kept = 0; /* octets of `before` from here to r.at are to be copied */
    size_t next = 0;
    while (rd_left(&r) > 0 && next < n) {
        size_t at = r.at;
        struct span one = rd_var(&r, CHANGE_MAX_OCTETS);
        WS_ASSERT(!r.bad && one.n > ID_AT + 16);
        int order = memcmp(edits[next].id, one.p + ID_AT, 16);
        if (order > 0)
            continue;
        buf_put(b, before.p + kept, at - kept);
        kept = order == 0 ? r.at : at;
        if (edits[next].after != NULL)
            put_element(edits[next].after, b);
        next++;
        if (order < 0)
            r.at = at; /* others may come before the same one */
    }
    buf_put(b, before.p + kept, before.n - kept);
    for (; next < n; next++)
        if (edits[next].after != NULL)
            put_element(edits[next].after, b);
}

void tile_file_encode(const uint8_t cell_id[static 32], uint64_t version, struct tiles *tiles,
    size_t index, const struct mapset *m, struct buf *b) {
    tile_file_head(cell_id, version, tiles, index, b);
    tile_file_elements(tiles, index, m, b);
}

void tile_file_head(const uint8_t cell_id[static 32], uint64_t version, struct tiles *tiles,
    size_t index, struct buf *b) {
    uint8_t root[32];
    tiles_root(tiles, root);
    const struct tile *t = &tiles->v[index];
    uint8_t(*leaves)[32] = tiles_leaves(tiles);
    uint8_t(*scratch)[32] = ws_calloc(tiles->n, 32);
    struct list_proof proof;
    list_prove(exec_sha256, (const hash32 *)leaves, tiles->n, index, scratch, &proof);
    free(scratch);
    free(leaves);
    buf_put(b, magic, sizeof(magic));
    buf_u8(b, FILE_VERSION);
    buf_put(b, cell_id, 32);
    buf_u64(b, version);
    buf_u32(b, t->id);
    buf_put(b, root, sizeof(root));
    buf_u64(b, proof.total);
    buf_u64(b, proof.index);
    buf_u8(b, (uint8_t)proof.n);
    for (size_t i = 0; i < proof.n; i++)
        buf_put(b, proof.aunts[i], 32);
    buf_u32(b, (uint32_t)t->n);
}

static int take_elements(
    struct rd *r, size_t n, struct tile_file *f, hash32 ret_tile_root, struct ws_err *err) {
    uint8_t(*leaves)[32] = ws_calloc(n, 32);
    f->elements = ws_calloc(n, sizeof(f->elements[0]));
    int rc = WS_OK;
    for (size_t i = 0; i < n && rc == WS_OK; i++) {
        struct ws_err why = {0};
        uint8_t hash[32];
        struct span s = rd_var(r, CHANGE_MAX_OCTETS);
        if (r->bad || element_decode(s, &f->elements[i], &why) != WS_OK) {
            rc = ws_fail(err, WS_EINPUT, "tile: octet %zu of %zu: element %zu: %.200s", r->at, r->n,
                i + 1, r->bad ? "cut off" : why.text);
            break;
        }
        f->n = i + 1;
        if (i > 0 && memcmp(f->elements[i - 1].id, f->elements[i].id, 16) >= 0)
            rc = ws_fail(err, WS_EINPUT, "tile: element %zu: not in the order of ids", i + 1);
        exec_sha256_one(
            s, hash); /* the decoder takes one encoding only: it is the element's hash */
        exec_list_leaf(span_of(hash, sizeof(hash)), leaves[i]);
    }
    if (rc == WS_OK)
        exec_list_root((const uint8_t(*)[32])leaves, n, ret_tile_root);
    free(leaves);
    return rc;
}

int tile_file_decode(struct span s, struct tile_file *ret_file, struct ws_err *err) {
    struct rd r = rd_of(s);
    struct tile_file f = {0};
    struct list_proof proof = {0};
    hash32 tile_root;
    hash32 leaf;
    struct span head = rd_take(&r, sizeof(magic));
    if (r.bad || memcmp(head.p, magic, sizeof(magic)) != 0)
        return ws_fail(err, WS_EINPUT, "tile: this is none");
    unsigned version = rd_u8(&r);
    if (!r.bad && version != FILE_VERSION)
        return ws_fail(err, WS_ENOTSUP, "tile: encoding version %u is not 1", version);
    rd_copy(&r, f.cell_id, sizeof(f.cell_id));
    f.version = rd_u64(&r);
    f.tile = rd_u32(&r);
    rd_copy(&r, f.root, sizeof(f.root));
    proof.total = rd_u64(&r);
    proof.index = rd_u64(&r);
    proof.n = rd_u8(&r);
    for (size_t i = 0; i < proof.n && i < LIST_PROOF_MAX; i++)
        rd_copy(&r, proof.aunts[i], 32);
    size_t n = rd_u32(&r);
    if (r.bad || f.version == 0 || proof.n > LIST_PROOF_MAX || n == 0 ||
        n > rd_left(&r) / ELEMENT_OCTETS_MIN)
        return ws_fail(err, WS_EINPUT, "tile: octet %zu of %zu: malformed head", r.at, r.n);
    int rc = take_elements(&r, n, &f, tile_root, err);
    if (rc == WS_OK && !rd_done(&r))
        rc = ws_fail(err, WS_EINPUT, "tile: octet %zu of %zu: something follows", r.at, r.n);
    if (rc == WS_OK) {
        tile_leaf(f.tile, tile_root, leaf);
        if (!list_verify(exec_sha256, &proof, leaf, f.root))
            rc = ws_fail(err, WS_EINPUT, "tile: its elements do not lead to the map's root");
    }
    if (rc == WS_OK)
        *ret_file = f;
    else
        tile_file_free(&f);
    return rc;
}

int tile_file_places(
    const struct tile_file *f, const struct cell_frame *frame, struct ws_err *err) {
    for (size_t i = 0; i < f->n; i++)
        if (tile_of(frame, &f->elements[i]) != f->tile)
            return ws_fail(err, WS_EINPUT, "tile: element %zu lies in another tile", i + 1);
    return WS_OK;
}

void tile_file_free(struct tile_file *f) {
    for (size_t i = 0; i < f->n; i++)
        element_free(&f->elements[i]);
    free(f->elements);
    *f = (struct tile_file){0};
}
