/* What was passed without a word counts against what may stand there: once for each vehicle and thing in a block, as far as
 * the vehicle's class of sensor sees, and within bounds that every validator shares. So a block costs what its looks and the
 * density of places allow, not places times looks. Which silences count depends neither on the order of the block nor on
 * memory: what has the most evidence comes first, for there silence matters most, and nobody can hide a thing behind weaker
 * ones. */
#include "mapsvc/fuse/contract_internal.h"

#include "base/mem.h"

#include <stdlib.h>

/* Silence counts only well inside the region the vehicle says it inspected. */
enum { INSIDE_PERCENT = 80 };

/* A vehicle says nothing about one thing. */
struct silence {
    int64_t evidence; /* that the thing is there, before this block's votes */
    uint64_t ref; /* of a vote */
    uint32_t look;
    uint32_t turn; /* the earlier of a vehicle's looks, and the vehicles one after another */
};
struct silences {
    struct silence *list;
    size_t n, cap;
};

static void add(struct silences *s, struct silence one) {
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 256 : 2 * s->cap;
        s->list = ws_realloc(s->list, s->cap * sizeof(s->list[0]));
    }
    s->list[s->n++] = one;
}

/* ---- order ---- */

static int compare_u64(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static int by_thing(const void *pa, const void *pb) {
    const struct silence *a = pa;
    const struct silence *b = pb;
    int r = compare_u64(a->ref, b->ref);
    return r != 0 ? r : compare_u64(a->turn, b->turn);
}

/* Refs are in the order of keys, but for what this block opened: that is in the order in which it was. */
static int by_evidence(const void *pa, const void *pb) {
    const struct silence *a = pa;
    const struct silence *b = pb;
    int r = (a->evidence < b->evidence) - (a->evidence > b->evidence);
    return r != 0 ? r : by_thing(pa, pb);
}

/* Of the list from `at` on: one for each thing, the earliest. */
static void once(struct silences *s, size_t at) {
    if (s->n - at > 1)
        qsort(s->list + at, s->n - at, sizeof(s->list[0]), by_thing);
    size_t to = at;
    for (size_t i = at; i < s->n; i++)
        if (to == at || s->list[i].ref != s->list[to - 1].ref)
            s->list[to++] = s->list[i];
    s->n = to;
}

/* Keeps so many, those with the most evidence. */
static void keep(
    struct map_contract *c, struct silences *s, size_t at, size_t most, enum map_drop why) {
    if (s->n - at <= most)
        return;
    qsort(s->list + at, s->n - at, sizeof(s->list[0]), by_evidence);
    c->dropped[why] += s->n - at - most;
    s->n = at + most;
}

static int by_vehicle(const void *pa, const void *pb, void *self) {
    const struct map_contract *c = self;
    const struct look *a = &c->looks[*(const uint32_t *)pa];
    const struct look *b = &c->looks[*(const uint32_t *)pb];
    int r = memcmp(a->vehicle, b->vehicle, sizeof(a->vehicle));
    r = r != 0 ? r : compare_u64(a->time, b->time);
    return r != 0 ? r : memcmp(a->leaf, b->leaf, sizeof(a->leaf));
}

/* ---- one look ---- */

struct hearing {
    struct map_contract *c;
    const size_t *first; /* of each look: its first vote; they are in the order of the looks */
    struct silences *to;
    uint32_t look, turn;
    struct look seen; /* the look, as far as its class of sensor sees */
};

/* Who saw something like it there was not silent, whatever it was taken for. */
static bool told_of(const struct hearing *k, enum element_kind kind, int32_t x, int32_t y) {
    for (size_t i = k->first[k->look]; i < k->first[k->look + 1]; i++) {
        const struct vote *v = &k->c->votes[i];
        if (v->at && v->kind == kind &&
            distance2(v->point.x, v->point.y, x, y) <= (uint64_t)PLACE_GATE_MM * PLACE_GATE_MM)
            return true;
    }
    return false;
}

static void silent_of_place(const struct hearing *k, size_t place) {
    const struct subject *p = k->c->places[place];
    int32_t x = p->spot.place.x;
    int32_t y = p->spot.place.y;
    if (same_facing(p->kind, p->spot.heading, k->seen.heading) &&
        look_covers(&k->seen, x, y, INSIDE_PERCENT) && !told_of(k, p->kind, x, y))
        add(k->to, (struct silence){subject_evidence(p), PLACE_BASE + place, k->look, k->turn});
}

/* Where something may stand that was moved there. */
static void silent_of_moved(const struct hearing *k, const struct grid_entry *at) {
    const struct element *e = &k->c->map.elements[at->ref];
    if ((e->has_heading && heading_gap(e->heading, k->seen.heading) > HEADING_45) ||
        !look_covers(&k->seen, at->x, at->y, INSIDE_PERCENT) || told_of(k, e->kind, at->x, at->y))
        return;
    uint8_t key[SUBJECT_KEY] = {SUBJECT_ELEMENT};
    memcpy(key + 1, e->id, sizeof(e->id));
    const struct subject *s = contract_subject(k->c, key);
    if (s != NULL)
        add(k->to, (struct silence){subject_evidence(s), at->ref, k->look, k->turn});
}

/* How far its silence counts, mm: whatever it says, no further than its class of sensor sees. */
static uint32_t range_of(const struct map_contract *c, const struct look *l) {
    size_t field = MAP_POLICY_SILENCE_UNKNOWN + (size_t)l->observer.sensor;
    uint32_t most = 1000 * (uint32_t)c->params.v[field];
    return l->range_mm > most ? most : l->range_mm;
}

static int32_t reach_of(uint32_t range_mm) {
    return (int32_t)((uint64_t)range_mm * INSIDE_PERCENT / 100);
}

/* All that the sector of a look may cover. */
static void hear_look(struct hearing *k) {
    struct map_contract *c = k->c;
    size_t before = k->to->n;
    k->seen = c->looks[k->look];
    k->seen.range_mm = range_of(c, &k->seen);
    int32_t reach = reach_of(k->seen.range_mm);
    const struct grid_entry *e = NULL;
    struct grid_look near = grid_around(&c->places_wide, k->seen.x, k->seen.y, reach);
    while (grid_next(&near, &e))
        silent_of_place(k, e->ref);
    near = grid_around(&c->moved, k->seen.x, k->seen.y, reach);
    while (grid_next(&near, &e))
        silent_of_moved(k, e);
    if (k->to->n - before > SILENCES_PER_LOOK) {
        once(k->to, before);
        keep(c, k->to, before, SILENCES_PER_LOOK, MAP_DROP_SILENCE_LOOK);
    }
}

/* ---- the block ---- */

static size_t *first_votes(const struct map_contract *c) {
    size_t *first = ws_calloc(c->n_looks + 1, sizeof(*first));
    size_t at = 0;
    for (size_t i = 0; i < c->n_looks; i++) {
        first[i] = at;
        while (at < c->n_votes && c->votes[at].look == i)
            at++;
    }
    first[c->n_looks] = at;
    return first;
}

static void add_vote(struct map_contract *c, const struct silence *s) {
    if (c->n_votes == c->cap_votes) {
        c->cap_votes = 2 * c->cap_votes + OBS_MAX_REPORTS;
        c->votes = ws_realloc(c->votes, c->cap_votes * sizeof(c->votes[0]));
    }
    enum element_kind kind =
        s->ref < PLACE_BASE ? c->map.elements[s->ref].kind : c->places[s->ref - PLACE_BASE]->kind;
    c->votes[c->n_votes++] =
        (struct vote){.ref = s->ref, .look = s->look, .says = SAYS_NOTHING, .kind = kind};
}

/* Nearly all looks are of roads where nothing is suspected. */
static bool may_pass(const struct map_contract *c, const struct look *l) {
    int32_t reach = reach_of(range_of(c, l));
    const struct grid_entry *e = NULL;
    struct grid_look places = grid_around(&c->places_wide, l->x, l->y, reach);
    struct grid_look moved = grid_around(&c->moved, l->x, l->y, reach);
    return grid_next(&places, &e) || grid_next(&moved, &e);
}

/* Those that may pass something, one vehicle after another. */
static uint32_t *in_order(struct map_contract *c, const struct exec_host *h, size_t *ret_n) {
    uint32_t *order = ws_calloc(c->n_looks, sizeof(*order));
    *ret_n = 0;
    for (size_t i = 0; i < c->n_looks; i++) {
        if (c->looks[i].occluded || !may_pass(c, &c->looks[i]))
            continue;
        (void)look_vehicle(c, h, &c->looks[i]);
        order[(*ret_n)++] = (uint32_t)i;
    }
    if (*ret_n > 1)
        qsort_r(order, *ret_n, sizeof(*order), by_vehicle, c);
    return order;
}

void silence_hear(struct map_contract *c, const struct exec_host *h) {
    if (c->n_places == 0 && c->moved.n == 0)
        return;
    size_t n = 0;
    uint32_t *order = in_order(c, h, &n);
    size_t *first = first_votes(c);
    struct silences all = {0};
    struct hearing k = {.c = c, .first = first, .to = &all};
    for (size_t i = 0; i < n;) {
        const uint8_t *vehicle = c->looks[order[i]].vehicle;
        size_t before = all.n;
        size_t room = before + 32 * (size_t)SILENCES_PER_VEHICLE;
        for (; i < n && memcmp(c->looks[order[i]].vehicle, vehicle, VEHICLE_OCTETS) == 0; i++) {
            k.look = order[i];
            k.turn = (uint32_t)i;
            hear_look(&k);
            /* However many looks it sends: what is left out now would be left out in the end. */
            if (all.n > room) {
                once(&all, before);
                keep(c, &all, before, SILENCES_PER_VEHICLE, MAP_DROP_SILENCE_VEHICLE);
            }
        }
        once(&all, before);
        keep(c, &all, before, SILENCES_PER_VEHICLE, MAP_DROP_SILENCE_VEHICLE);
    }
    keep(c, &all, 0, SILENCES_PER_BLOCK, MAP_DROP_SILENCE_BLOCK);
    for (size_t i = 0; i < all.n; i++)
        add_vote(c, &all.list[i]);
    free(all.list);
    free(first);
    free(order);
}
