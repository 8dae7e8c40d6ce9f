/* What a sighting is of: an element of the map, a place where something new may stand, or nothing that can be said. */
#include "mapsvc/fuse/contract_internal.h"

enum {
    MATCHES_MAX = 8, /* more things than this in one gate are as ambiguous as it gets */
    LIMIT_GATE_MM = 6000, /* an observer this near a lane's centre line drives on it */
};

struct matches {
    uint32_t ref[MATCHES_MAX];
    int32_t x[MATCHES_MAX], y[MATCHES_MAX];
    size_t n;
    bool too_many;
};

static void add_match(struct matches *m, const struct grid_entry *e) {
    for (size_t i = 0; i < m->n; i++)
        if (m->ref[i] == e->ref)
            return;
    if (m->n == MATCHES_MAX) {
        m->too_many = true;
        return;
    }
    m->ref[m->n] = e->ref;
    m->x[m->n] = e->x;
    m->y[m->n++] = e->y;
}

static void match_elements(
    const struct map_contract *c, const struct sighting *s, struct matches *ret) {
    uint32_t sigma = (uint32_t)c->params.v[MAP_POLICY_MAP_SIGMA_MM];
    struct grid_look near = grid_near(&c->grid, s->x, s->y);
    for (const struct grid_entry *e = NULL; grid_next(&near, &e);) {
        if (e->kind != s->kind)
            continue;
        if (s->kind == EL_SPEED_LIMIT ? sighting_fits(s, &c->map.elements[e->ref], sigma)
                                      : sighting_fits_entry(s, e, sigma))
            add_match(ret, e);
    }
}

/* A change that waits for its version explains what is seen at its place. */
bool match_pending(const struct map_contract *c, const struct sighting *s) {
    uint32_t sigma = (uint32_t)c->params.v[MAP_POLICY_MAP_SIGMA_MM];
    for (size_t i = 0; i < c->n_pending; i++) {
        const struct change_record *r = &c->pending[i].change;
        if (r->has_after && sighting_fits(s, &r->after, sigma))
            return true;
    }
    return false;
}

uint64_t match_place(const struct map_contract *c, const struct sighting *s) {
    uint64_t best = PLACE_UNKNOWN;
    struct grid_look near = grid_near(&c->places_grid, s->x, s->y);
    for (const struct grid_entry *e = NULL; grid_next(&near, &e);) {
        const struct subject *p = c->places[e->ref];
        if (p->kind != s->kind || !same_facing(p->kind, p->spot.heading, s->heading) ||
            distance2(p->spot.place.x, p->spot.place.y, s->x, s->y) >
                (uint64_t)PLACE_GATE_MM * PLACE_GATE_MM)
            continue;
        const struct subject *q = best == PLACE_UNKNOWN ? NULL : c->places[best - PLACE_BASE];
        if (q == NULL || p->opened < q->opened ||
            (p->opened == q->opened && PLACE_BASE + e->ref < best))
            best = PLACE_BASE + e->ref;
    }
    return best;
}

bool match_lane(const struct element *e, const struct look *l) {
    size_t at = 0;
    uint16_t heading = 0;
    return e->n_points > 0 &&
           distance2_line(e->points, e->n_points, l->x, l->y, &at) <=
               (uint64_t)LIMIT_GATE_MM * LIMIT_GATE_MM &&
           (!element_heading_at(e, l->x, l->y, &heading) ||
               heading_gap(heading, l->heading) <= HEADING_45);
}

/* A named element is what the vehicle says it is only where it can be. */
static bool named_is_near(const struct map_contract *c, const struct element *e,
    const struct sighting *s, const struct look *l) {
    if (e->kind != s->kind)
        return false;
    if (e->kind == EL_SPEED_LIMIT)
        return match_lane(e, l) ||
               sighting_fits(s, e, (uint32_t)c->params.v[MAP_POLICY_MAP_SIGMA_MM]);
    /* The vehicle matched it with its own, better knowledge of where it is: the widest gate. */
    return sighting_fits(s, e, 20000);
}

static struct matched take_match(const struct map_contract *c, const struct matches *m, size_t i) {
    const struct element *e = &c->map.elements[m->ref[i]];
    /* What it shows is asked for once the whole message is matched. */
    __builtin_prefetch(&e->value);
    return (struct matched){e, false, m->x[i], m->y[i]};
}

struct matched match_rest(
    const struct map_contract *c, const struct sighting *s, const uint64_t *taken, size_t n) {
    struct matches m;
    m.n = 0;
    m.too_many = false;
    match_elements(c, s, &m);
    size_t left = 0;
    size_t at = 0;
    for (size_t i = 0; i < m.n; i++) {
        bool is_taken = false;
        for (size_t k = 0; k < n; k++)
            is_taken = is_taken || taken[k] == m.ref[i];
        left += is_taken ? 0 : 1;
        at = is_taken ? at : i;
    }
    if (m.too_many || left > 1)
        return (struct matched){.ambiguous = true};
    return left == 0 ? (struct matched){0} : take_match(c, &m, at);
}

static bool equals_map(const struct element *e, const struct obs_report *r) {
    return e->has_value == r->has_value && (!r->has_value || e->value == r->value);
}

struct matched match_element(const struct map_contract *c, const struct obs_report *r,
    const struct sighting *s, const struct element *named, const struct look *l) {
    if (named != NULL && named_is_near(c, named, s, l)) {
        struct matched m = {.e = named};
        element_anchor(named, &m.x, &m.y);
        return m;
    }
    struct matches m;
    m.n = 0;
    m.too_many = false;
    match_elements(c, s, &m);
    if (m.n == 0 || m.too_many)
        return (struct matched){.ambiguous = m.too_many};
    if (m.n == 1)
        return take_match(c, &m, 0);
    /* Two plates on one pole: the one that shows just this explains the sighting. Never the nearest:
     * that would tell a parallel road's signs from ours by the noise of a receiver. */
    size_t same = 0;
    size_t n_same = 0;
    for (size_t i = 0; i < m.n; i++)
        if (equals_map(&c->map.elements[m.ref[i]], r)) {
            same = i;
            n_same++;
        }
    return n_same == 1 ? take_match(c, &m, same) : (struct matched){.ambiguous = true};
}
