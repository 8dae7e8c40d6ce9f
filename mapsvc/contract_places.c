/* The end of a block: sightings that nothing explains become places. */
#include "mapsvc/contract_internal.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

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
