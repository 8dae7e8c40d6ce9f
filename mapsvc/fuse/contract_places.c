/* The end of a block: sightings that nothing explains become places, as far as there is room (room.h). */
#include "mapsvc/fuse/room.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

/* ---- the order ---- */

/* Each vehicle's first sighting comes before anybody's second, so that a flood of one does not crowd out what others see.
 * Among these the order is that of the transactions' hashes, which have nothing to do with where things are. */
struct unknown {
    const uint8_t *vehicle, *leaf;
    uint32_t vote;
    uint32_t nth; /* of its vehicle */
    uint8_t report;
};

static int by_leaf(const void *pa, const void *pb) {
    const struct unknown *a = pa;
    const struct unknown *b = pb;
    int r = memcmp(a->leaf, b->leaf, 32);
    return r != 0 ? r : (a->report > b->report) - (a->report < b->report);
}

static int by_vehicle(const void *pa, const void *pb) {
    const struct unknown *a = pa;
    const struct unknown *b = pb;
    int r = memcmp(a->vehicle, b->vehicle, VEHICLE_OCTETS);
    return r != 0 ? r : by_leaf(pa, pb);
}

static int by_turn(const void *pa, const void *pb) {
    const struct unknown *a = pa;
    const struct unknown *b = pb;
    return a->nth != b->nth ? (a->nth > b->nth) - (a->nth < b->nth) : by_leaf(pa, pb);
}

static struct unknown *in_turn(struct map_contract *c, const struct exec_host *h, size_t *ret_n) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_votes; i++)
        n += c->votes[i].ref == PLACE_UNKNOWN ? 1 : 0;
    struct unknown *list = ws_calloc(n, sizeof(*list));
    n = 0;
    for (size_t i = 0; i < c->n_votes; i++) {
        const struct vote *v = &c->votes[i];
        if (v->ref != PLACE_UNKNOWN)
            continue;
        struct look *l = &c->looks[v->look];
        list[n++] = (struct unknown){look_vehicle(c, h, l), l->leaf, (uint32_t)i, 0, v->report};
    }
    if (n > 1)
        qsort(list, n, sizeof(*list), by_vehicle);
    for (size_t i = 1; i < n; i++)
        if (memcmp(list[i].vehicle, list[i - 1].vehicle, VEHICLE_OCTETS) == 0)
            list[i].nth = list[i - 1].nth + 1;
    if (n > 1)
        qsort(list, n, sizeof(*list), by_turn);
    *ret_n = n;
    return list;
}

/* ---- what this block has opened ---- */

#define SLOTS (2U * OPENED_PER_BLOCK)
#define NO_PLACE UINT32_MAX

struct slot {
    uint64_t key;
    bool used;
    uint32_t value;
};
struct opening {
    struct map_contract *c;
    const struct exec_host *h;
    struct slot near[SLOTS]; /* fine bucket: the last place opened in it */
    uint32_t before[OPENED_PER_BLOCK]; /* of each place: the one opened before it in its bucket */
    struct slot cells[SLOTS]; /* square: how many more places it takes */
};

/* The slot of a key, or the free one where it belongs. There are never more keys than places. */
static struct slot *slot_of(struct slot *slots, uint64_t key) {
    size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (SLOTS - 1);
    while (slots[i].used && slots[i].key != key)
        i = (i + 1) & (SLOTS - 1);
    return &slots[i];
}

static int32_t shifted(int32_t v, int by) {
    int64_t r = (int64_t)v + by;
    return r < INT32_MIN ? INT32_MIN : r > INT32_MAX ? INT32_MAX : (int32_t)r;
}

/* The place that was opened first of those that this may be a sighting of. */
static uint64_t opened_near(struct opening *o, const struct vote *v) {
    const struct map_contract *c = o->c;
    uint64_t best = PLACE_UNKNOWN;
    uint64_t seen[4];
    for (size_t k = 0; k < ARRAY_LEN(seen); k++) {
        seen[k] = grid_key(shifted(v->point.x, k % 2 == 0 ? -PLACE_GATE_MM : PLACE_GATE_MM),
            shifted(v->point.y, k < 2 ? -PLACE_GATE_MM : PLACE_GATE_MM));
        bool again = false;
        for (size_t i = 0; i < k; i++)
            again = again || seen[i] == seen[k];
        const struct slot *s = slot_of(o->near, seen[k]);
        for (uint32_t i = again || !s->used ? NO_PLACE : s->value; i != NO_PLACE;
             i = o->before[i]) {
            const struct subject *p = c->places[c->n_places_before + i];
            uint64_t ref = PLACE_BASE + c->n_places_before + i;
            if (p->kind == v->kind && same_facing(p->kind, p->spot.heading, v->heading) &&
                distance2(p->spot.place.x, p->spot.place.y, v->point.x, v->point.y) <=
                    (uint64_t)PLACE_GATE_MM * PLACE_GATE_MM &&
                ref < best)
                best = ref;
        }
    }
    return best;
}

static struct subject *new_place(const struct exec_host *h, const struct vote *v) {
    static const char domain[] = "wayside/map/place/1";
    uint8_t what[8 + 1 + 1 + 8];
    put_be64(what, exec_height(h));
    what[8] = (uint8_t)v->kind;
    what[9] = (uint8_t)(v->heading >> 13);
    put_be32(what + 10, (uint32_t)v->point.x);
    put_be32(what + 14, (uint32_t)v->point.y);
    const struct span parts[] = {span_of(domain, sizeof(domain) - 1), span_of(exec_cell_id(h), 32),
        span_of(what, sizeof(what))};
    uint8_t hash[32];
    exec_sha256(parts, ARRAY_LEN(parts), hash);
    struct subject *s = ws_alloc(sizeof(*s));
    s->key[0] = SUBJECT_PLACE;
    memcpy(s->key + 1, hash, SUBJECT_KEY - 1);
    s->kind = v->kind;
    s->opened = s->decayed_at = exec_block_time(h);
    /* Where its first sighting is, until the block's votes are counted. */
    spot_open(&s->spot, v->point, v->heading);
    return s;
}

static void add_place(struct map_contract *c, struct subject *s) {
    if (c->n_places == c->cap_places) {
        c->cap_places = c->cap_places == 0 ? 16 : 2 * c->cap_places;
        c->places = (struct subject **)ws_realloc(
            (void *)c->places, c->cap_places * sizeof(struct subject *));
    }
    c->places[c->n_places++] = s;
}

/* Whether there is room for what this vote saw; what it lacks is counted. */
static bool may_open(const struct opening *o, const struct vote *v, const struct slot *cell) {
    struct map_contract *c = o->c;
    const uint8_t *id = look_vehicle(c, o->h, &c->looks[v->look]);
    size_t room = cell->used ? cell->value : room_in_cell(c, v->point.x, v->point.y);
    enum map_drop lacks = MAP_DROP_COUNT;
    if (!room_of_vehicle(c, vehicles_find(&c->vehicles, id)))
        lacks = MAP_DROP_OPENED_BY_VEHICLE;
    else if (c->room.opened_places == OPENED_PER_BLOCK)
        lacks = MAP_DROP_OPENED_IN_BLOCK;
    else if (room == 0)
        lacks = MAP_DROP_CELL_FULL;
    else if (!room_in_table(c))
        lacks = MAP_DROP_TABLE_FULL;
    if (lacks == MAP_DROP_COUNT)
        return true;
    c->dropped[lacks]++;
    return false;
}

static void open_place(struct opening *o, struct vote *v) {
    struct map_contract *c = o->c;
    int32_t x = v->point.x;
    int32_t y = v->point.y;
    struct slot *cell = slot_of(o->cells, room_cell(x, y));
    if (!may_open(o, v, cell))
        return;
    if (!cell->used) {
        *cell = (struct slot){room_cell(x, y), true, (uint32_t)room_in_cell(c, x, y)};
        c->room.cells[c->room.n_cells++] = (struct map_point){x, y, 0};
    }
    cell->value--;
    uint32_t at = (uint32_t)c->room.opened_places++;
    struct slot *near = slot_of(o->near, grid_key(x, y));
    o->before[at] = near->used ? near->value : NO_PLACE;
    *near = (struct slot){grid_key(x, y), true, at};
    struct subject *s = new_place(o->h, v);
    add_place(c, s);
    room_charge(c, o->h, &c->looks[v->look], s);
    v->ref = PLACE_BASE + c->n_places - 1;
}

void places_open(struct map_contract *c, const struct exec_host *h) {
    size_t n = 0;
    struct unknown *list = in_turn(c, h, &n);
    if (n == 0) {
        free(list);
        return;
    }
    struct opening *o = ws_alloc(sizeof(*o));
    o->c = c;
    o->h = h;
    for (size_t i = 0; i < n; i++) {
        struct vote *v = &c->votes[list[i].vote];
        v->ref = opened_near(o, v);
        if (v->ref == PLACE_UNKNOWN)
            open_place(o, v);
    }
    free(o);
    free(list);
    if (c->n_places > c->n_places_before)
        contract_index_places(c);
}
