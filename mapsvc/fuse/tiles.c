#include "mapsvc/fuse/tiles.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/fuse/associate.h"
#include "mapsvc/fuse/fusion.h"
#include "mapsvc/model/ints.h"

#include <stdlib.h>

enum { LEVEL = 13, MORTON_BITS = 63, NUMBER_BITS = 2 * LEVEL + 1 };
#define FULL_TURN INT64_C(3600000000) /* 1e-7 degree */
#define UNITS (INT64_C(1) << 32) /* of a full turn */
#define TILE_FIRST (UINT32_C(1) << (16 + LEVEL))

/* ---- ids ---- */

uint32_t tile_at(int32_t lat, int32_t lon) {
    /* Longitude has 32 bits of them, latitude 31. */
    uint32_t x = (uint32_t)floor_div((__int128)lon * UNITS, FULL_TURN);
    uint32_t y = (uint32_t)floor_div((__int128)lat * UNITS, FULL_TURN) & 0x7fffffff;
    uint64_t morton = morton_of(x, y);
    return (uint32_t)(morton >> (MORTON_BITS - NUMBER_BITS)) + TILE_FIRST;
}

uint32_t tile_of(const struct cell_frame *f, const struct element *e) {
    if (e->n_points == 0 || f->north < FRAME_SCALE_MIN || f->east < FRAME_SCALE_MIN)
        return 0; /* nowhere on Earth */
    int32_t x = 0;
    int32_t y = 0;
    int32_t lat = 0;
    int32_t lon = 0;
    element_anchor(e, &x, &y);
    frame_to_wgs(f, x, y, &lat, &lon);
    return tile_at(lat, lon);
}

/* Bits 2 i of v to bit i. */
static uint32_t gather(uint64_t v) {
    uint32_t r = 0;
    for (unsigned i = 0; i < 32; i++)
        r |= (uint32_t)(v >> 2 * i & 1) << i;
    return r;
}

bool tile_bounds(uint32_t id, int32_t *ret_lat, int32_t *ret_lon, int32_t *ret_edge) {
    if (id < TILE_FIRST || id - TILE_FIRST >= UINT32_C(1) << NUMBER_BITS)
        return false;
    uint64_t morton = (uint64_t)(id - TILE_FIRST) << (MORTON_BITS - NUMBER_BITS);
    int64_t x = (int32_t)gather(morton);
    /* 31 bits with a sign of their own. */
    uint32_t y31 = gather(morton >> 1);
    int64_t y = (y31 & 0x40000000) != 0 ? (int64_t)y31 - (INT64_C(1) << 31) : (int64_t)y31;
    *ret_lat = (int32_t)floor_div((__int128)y * FULL_TURN, UNITS);
    *ret_lon = (int32_t)floor_div((__int128)x * FULL_TURN, UNITS);
    *ret_edge = (int32_t)(FULL_TURN >> (LEVEL + 1));
    return true;
}

void tile_leaf(uint32_t id, const uint8_t root[static 32], uint8_t ret_leaf[static 32]) {
    uint8_t data[4 + 32];
    put_be32(data, id);
    memcpy(data + 4, root, 32);
    exec_list_leaf(span_of(data, sizeof(data)), ret_leaf);
}

/* ---- the list ---- */

static void member_of(const struct element *e, struct tile_member *ret) {
    uint8_t hash[32];
    element_hash(e, hash);
    memcpy(ret->id, e->id, sizeof(ret->id));
    exec_list_leaf(span_of(hash, sizeof(hash)), ret->leaf);
}

static size_t slot(const struct tiles *t, uint32_t id) {
    size_t lo = 0;
    size_t hi = t->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->v[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

size_t tiles_find(const struct tiles *t, uint32_t id) {
    size_t at = slot(t, id);
    return at < t->n && t->v[at].id == id ? at : t->n;
}

static struct tile *tile_for(struct tiles *t, uint32_t id) {
    size_t at = slot(t, id);
    if (at < t->n && t->v[at].id == id)
        return &t->v[at];
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 16 : 2 * t->cap;
        t->v = ws_realloc(t->v, t->cap * sizeof(t->v[0]));
    }
    memmove(&t->v[at + 1], &t->v[at], (t->n - at) * sizeof(t->v[0]));
    t->v[at] = (struct tile){.id = id};
    t->n++;
    return &t->v[at];
}

static size_t member_slot(const struct tile *t, const uint8_t *id) {
    size_t lo = 0;
    size_t hi = t->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (memcmp(t->members[mid].id, id, 16) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void insert(struct tile *t, const struct element *e, uint32_t in_map) {
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 16 : 2 * t->cap;
        t->members = ws_realloc(t->members, t->cap * sizeof(t->members[0]));
    }
    size_t at = member_slot(t, e->id);
    memmove(&t->members[at + 1], &t->members[at], (t->n - at) * sizeof(t->members[0]));
    member_of(e, &t->members[at]);
    t->members[at].at = in_map;
    t->n++;
    t->stale = true;
}

/* Where it was in the map. */
static uint32_t take_out(struct tiles *t, uint32_t id, const uint8_t *element) {
    size_t at = tiles_find(t, id);
    WS_ASSERT(at < t->n); /* the change was checked against the map */
    struct tile *one = &t->v[at];
    size_t k = member_slot(one, element);
    WS_ASSERT(k < one->n && memcmp(one->members[k].id, element, 16) == 0);
    uint32_t in_map = one->members[k].at;
    memmove(&one->members[k], &one->members[k + 1], (one->n - k - 1) * sizeof(one->members[0]));
    one->n--;
    one->stale = true;
    if (one->n > 0)
        return in_map;
    free(one->members);
    memmove(one, one + 1, (t->n - at - 1) * sizeof(*one));
    t->n--;
    return in_map;
}

void tiles_build(struct tiles *t, const struct mapset *m) {
    /* Ascending ids: each goes to the end of its tile. */
    for (size_t i = 0; i < m->n; i++)
        insert(tile_for(t, tile_of(&m->frame, &m->elements[i])), &m->elements[i],
            i < TILE_AT_UNKNOWN ? (uint32_t)i : TILE_AT_UNKNOWN);
}

void tiles_free(struct tiles *t) {
    for (size_t i = 0; i < t->n; i++)
        free(t->v[i].members);
    free(t->v);
    *t = (struct tiles){0};
}

void tiles_apply(
    struct tiles *t, const struct cell_frame *f, const struct change_record *changes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct change_record *c = &changes[i];
        uint32_t in_map = TILE_AT_UNKNOWN;
        if (c->has_before)
            in_map = take_out(t, tile_of(f, &c->before), c->element_id);
        if (c->has_after)
            insert(tile_for(t, tile_of(f, &c->after)), &c->after, in_map);
        if (c->op != MAP_MODIFY)
            t->drift++;
    }
}

const struct element *tiles_element(
    const struct tiles *t, const struct mapset *m, const struct tile_member *member) {
    size_t lo = member->at > t->drift ? member->at - t->drift : 0;
    size_t hi = (size_t)member->at + t->drift + 1;
    if (member->at == TILE_AT_UNKNOWN)
        return mapset_find(m, member->id);
    hi = hi < m->n ? hi : m->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = memcmp(m->elements[mid].id, member->id, 16);
        if (order == 0)
            return &m->elements[mid];
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static void refresh(struct tile *t) {
    if (!t->stale)
        return;
    uint8_t(*leaves)[32] = ws_calloc(t->n, 32);
    for (size_t i = 0; i < t->n; i++)
        memcpy(leaves[i], t->members[i].leaf, 32);
    exec_list_root((const uint8_t(*)[32])leaves, t->n, t->root);
    free(leaves);
    t->stale = false;
}

uint8_t (*tiles_leaves(const struct tiles *t))[32] {
    uint8_t(*leaves)[32] = ws_calloc(t->n, 32);
    for (size_t i = 0; i < t->n; i++) {
        WS_ASSERT(!t->v[i].stale);
        tile_leaf(t->v[i].id, t->v[i].root, leaves[i]);
    }
    return leaves;
}

void tiles_root(struct tiles *t, uint8_t ret_root[static 32]) {
    for (size_t i = 0; i < t->n; i++)
        refresh(&t->v[i]);
    uint8_t(*leaves)[32] = tiles_leaves(t);
    exec_list_root((const uint8_t(*)[32])leaves, t->n, ret_root);
    free(leaves);
}
