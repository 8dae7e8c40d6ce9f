/* The end of a block: sightings that nothing explains become places, and what was passed without a word counts against
 * what may stand there. */
#include "mapsvc/contract_internal.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

/* Silence counts only well inside the region the vehicle says it inspected. */
enum { INSIDE_PERCENT = 80 };

/* ---- new places ---- */

static int compare_i64(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

/* Kind and place first, so that neighbours are found by looking back; the rest makes the order total. */
static int by_sighting(const void *pa, const void *pb, void *self) {
    const struct map_contract *c = self;
    const struct vote *a = &c->votes[*(const uint32_t *)pa];
    const struct vote *b = &c->votes[*(const uint32_t *)pb];
    int r = compare_i64((int64_t)a->kind, (int64_t)b->kind);
    r = r != 0 ? r : compare_i64(a->point.x, b->point.x);
    r = r != 0 ? r : compare_i64(a->point.y, b->point.y);
    r = r != 0 ? r : compare_i64(a->point.sigma_mm, b->point.sigma_mm);
    r = r != 0 ? r : compare_i64(a->heading, b->heading);
    r = r != 0 ? r : memcmp(c->looks[a->look].leaf, c->looks[b->look].leaf, 32);
    return r != 0 ? r : compare_i64(a->report, b->report);
}

static void add_place(struct map_contract *c, struct subject *s) {
    if (c->n_places == c->cap_places) {
        c->cap_places = c->cap_places == 0 ? 16 : 2 * c->cap_places;
        c->places = (struct subject **)ws_realloc(
            (void *)c->places, c->cap_places * sizeof(struct subject *));
    }
    c->places[c->n_places++] = s;
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

/* Looks back over the places this block opened; they are in the order of by_sighting. */
static uint64_t opened_near(const struct map_contract *c, const struct vote *v) {
    uint64_t best = PLACE_UNKNOWN;
    for (size_t i = c->n_places; i-- > c->n_places_before;) {
        const struct subject *p = c->places[i];
        if (p->kind != v->kind || (int64_t)v->point.x - p->spot.place.x > PLACE_GATE_MM)
            break;
        if (same_facing(p->kind, p->spot.heading, v->heading) &&
            distance2(p->spot.place.x, p->spot.place.y, v->point.x, v->point.y) <=
                (uint64_t)PLACE_GATE_MM * PLACE_GATE_MM)
            best = PLACE_BASE + i;
    }
    return best;
}

void places_open(struct map_contract *c, const struct exec_host *h) {
    uint32_t *unknown = ws_calloc(c->n_votes, sizeof(*unknown));
    size_t n = 0;
    for (size_t i = 0; i < c->n_votes; i++)
        if (c->votes[i].ref == PLACE_UNKNOWN)
            unknown[n++] = (uint32_t)i;
    if (n > 0)
        qsort_r(unknown, n, sizeof(*unknown), by_sighting, c);
    for (size_t i = 0; i < n; i++) {
        struct vote *v = &c->votes[unknown[i]];
        v->ref = opened_near(c, v);
        if (v->ref != PLACE_UNKNOWN ||
            c->n_subjects + c->n_places - c->n_places_before >= SUBJECTS_MAX)
            continue;
        add_place(c, new_place(h, v));
        v->ref = PLACE_BASE + c->n_places - 1;
    }
    free(unknown);
    if (c->n_places > c->n_places_before)
        contract_index_places(c);
}

/* ---- silence ---- */

/* One look, and what it told: told[n] are its votes. */
struct hearing {
    struct map_contract *c;
    uint32_t look;
    size_t told, n; /* of c->votes, which grow */
};

static void add_silence(const struct hearing *k, uint64_t ref, enum element_kind kind) {
    struct map_contract *c = k->c;
    if (c->n_votes == c->cap_votes) {
        c->cap_votes = 2 * c->cap_votes + OBS_MAX_REPORTS;
        c->votes = ws_realloc(c->votes, c->cap_votes * sizeof(c->votes[0]));
    }
    c->votes[c->n_votes++] =
        (struct vote){.ref = ref, .look = k->look, .says = SAYS_NOTHING, .kind = kind};
}

/* Who saw something like it there was not silent, whatever it was taken for. */
static bool told_of(const struct hearing *k, enum element_kind kind, int32_t x, int32_t y) {
    for (size_t i = k->told; i < k->told + k->n; i++) {
        const struct vote *v = &k->c->votes[i];
        if (v->at && v->kind == kind &&
            distance2(v->point.x, v->point.y, x, y) <= (uint64_t)PLACE_GATE_MM * PLACE_GATE_MM)
            return true;
    }
    return false;
}

static void silent_vote(const struct hearing *k, size_t place) {
    const struct look *l = &k->c->looks[k->look];
    const struct subject *p = k->c->places[place];
    int32_t x = p->spot.place.x;
    int32_t y = p->spot.place.y;
    if (same_facing(p->kind, p->spot.heading, l->heading) && look_covers(l, x, y, INSIDE_PERCENT) &&
        !told_of(k, p->kind, x, y))
        add_silence(k, PLACE_BASE + place, p->kind);
}

/* Where something may stand that was moved there. */
static void silent_moved(const struct hearing *k, const struct grid_entry *at) {
    const struct look *l = &k->c->looks[k->look];
    const struct element *e = &k->c->map.elements[at->ref];
    if ((!e->has_heading || heading_gap(e->heading, l->heading) <= HEADING_45) &&
        look_covers(l, at->x, at->y, INSIDE_PERCENT) && !told_of(k, e->kind, at->x, at->y))
        add_silence(k, at->ref, e->kind);
}

/* All that the sector of a look may cover. */
static void hear_look(const struct hearing *k) {
    const struct map_contract *c = k->c;
    const struct look *l = &c->looks[k->look];
    int32_t reach = (int32_t)((uint64_t)l->range_mm * INSIDE_PERCENT / 100);
    const struct grid_entry *e = NULL;
    struct grid_look near = grid_around(&c->places_wide, l->x, l->y, reach);
    while (grid_next(&near, &e))
        silent_vote(k, e->ref);
    near = grid_around(&c->moved, l->x, l->y, reach);
    while (grid_next(&near, &e))
        silent_moved(k, e);
}

void places_hear_silence(struct map_contract *c) {
    if (c->n_places == 0 && c->moved.n == 0)
        return;
    size_t n = c->n_votes; /* so far in the order of the looks */
    size_t at = 0;
    for (uint32_t i = 0; i < c->n_looks; i++) {
        struct hearing k = {c, i, at, 0};
        while (at < n && c->votes[at].look == i)
            at++;
        k.n = at - k.told;
        if (!c->looks[i].occluded)
            hear_look(&k);
    }
}
