#include "mapsvc/fuse/moved.h"
#include "mapsvc/model/ints.h"

#include "base/assert.h"

/* Between the old place and the new one there must be this many standard deviations of one look, or it cannot tell
 * them apart: a look at half the distance is then wrong in 2.3 % of all cases, about as often as one that misreads. */
enum { TELLING_SIGMAS = 4 };
/* Side of the grid places that name these hypotheses. */
enum { CELL_MM = 4096 };

static bool may_move(enum element_kind k) {
    return k == EL_SIGN || k == EL_LIGHT || k == EL_STOP_LINE || k == EL_CROSSWALK ||
           k == EL_HAZARD;
}

static uint64_t square(int64_t v) {
    return (uint64_t)(v * v);
}

static bool telling(const struct map_contract *c, uint64_t d2, uint32_t sigma_mm) {
    uint64_t variance = square(sigma_mm) + square(c->params.v[MAP_POLICY_MAP_SIGMA_MM]);
    return d2 >= TELLING_SIGMAS * TELLING_SIGMAS * variance;
}

static uint64_t from_anchor(const struct element *e, int32_t x, int32_t y) {
    int32_t ax = 0;
    int32_t ay = 0;
    element_anchor(e, &ax, &ay);
    return distance2(ax, ay, x, y);
}

bool moved_is_off_from(const struct map_contract *c, enum element_kind kind, int32_t x, int32_t y,
    const struct fusion_point *at) {
    if (!may_move(kind))
        return false;
    uint64_t d2 = distance2(x, y, at->x, at->y);
    return d2 >= square(c->params.v[MAP_POLICY_MOVE_MIN_MM]) &&
           d2 <= square(c->params.v[MAP_POLICY_MOVE_REACH_MM]) && telling(c, d2, at->sigma_mm);
}

bool moved_is_off(
    const struct map_contract *c, const struct element *e, const struct fusion_point *at) {
    int32_t x = 0;
    int32_t y = 0;
    element_anchor(e, &x, &y);
    return e->n_points > 0 && moved_is_off_from(c, e->kind, x, y, at);
}

/* ---- which missing thing a sighting is of ---- */

static bool alike(const struct map_contract *c, const struct element *e, enum element_kind kind,
    bool has_value, int32_t value, uint16_t heading, int32_t x, int32_t y) {
    return e->kind == kind && may_move(kind) && e->n_points > 0 && e->has_value == has_value &&
           (!has_value || e->value == value) &&
           (!e->has_heading || heading_gap(e->heading, heading) <= HEADING_45) &&
           from_anchor(e, x, y) <= square(c->params.v[MAP_POLICY_MOVE_REACH_MM]);
}

struct origin {
    uint64_t ref;
    bool several;
};

static void consider(struct origin *o, uint64_t ref) {
    o->several = o->several || (o->ref != PLACE_UNKNOWN && o->ref != ref);
    o->ref = ref;
}

static bool seen_in_place(uint64_t ref, const struct vote *votes, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (votes[i].ref == ref && votes[i].at && !votes[i].off)
            return true;
    return false;
}

struct sight {
    enum element_kind kind;
    bool has_value;
    int32_t value;
    uint16_t heading;
    int32_t x, y;
};

static const struct subject *subject_of(const struct map_contract *c, const struct element *e) {
    uint8_t key[SUBJECT_KEY] = {SUBJECT_ELEMENT};
    memcpy(key + 1, e->id, sizeof(e->id));
    return contract_subject(c, key);
}

static bool missed_with(const struct subject *s, int64_t bits) {
    for (size_t i = 0; s != NULL && i < s->n_hyps; i++)
        if ((s->hyps[i].cls == HYP_REMOVED || s->hyps[i].cls == HYP_MOVED) &&
            s->hyps[i].s >= bits * BIT_Q16)
            return true;
    return false;
}

/* Whether this vehicle may take e for missing: it said so before, or the cell would tell the drivers. */
static bool is_missing(
    const struct map_contract *c, const struct element *e, const struct vehicle *vehicle) {
    return (vehicle != NULL && (vehicle_counted(vehicle, e->id) & COUNTED_GONE) != 0) ||
           missed_with(subject_of(c, e), c->params.v[MAP_POLICY_ADVISORY_BITS]);
}

/* Things that somebody misses, near this sighting; by_all: whoever it is. */
static void consider_missing(const struct map_contract *c, const struct sight *s,
    const struct vote *others, size_t n, bool by_all, const struct vehicle *vehicle,
    struct origin *ret) {
    int reach = (int)(c->params.v[MAP_POLICY_MOVE_REACH_MM] / 16384) + 1;
    for (int dy = -reach; dy <= reach; dy++)
        for (int dx = -reach; dx <= reach; dx++) {
            const struct grid_entry *at = NULL;
            size_t k = grid_bucket(&c->missing, s->x, s->y, dx, dy, &at);
            for (size_t i = 0; i < k; i++) {
                const struct element *e = &c->map.elements[at[i].ref];
                if (alike(c, e, s->kind, s->has_value, s->value, s->heading, s->x, s->y) &&
                    !seen_in_place(at[i].ref, others, n) && (by_all || is_missing(c, e, vehicle)))
                    consider(ret, at[i].ref);
            }
        }
}

uint64_t moved_origin(const struct map_contract *c, const struct exec_host *h, struct look *l,
    const struct vote *v, const struct vote *others, size_t n) {
    const struct sight s = {
        v->kind, v->says == SAYS_VALUE, v->value, v->heading, v->point.x, v->point.y};
    struct origin o = {.ref = PLACE_UNKNOWN};
    if (c->missing.n > 0)
        consider_missing(c, &s, others, n, false,
            c->vehicles.n == 0 ? NULL : vehicles_find(&c->vehicles, look_vehicle(c, h, l)), &o);
    for (size_t i = 0; i < n; i++)
        if (others[i].says == SAYS_GONE && others[i].ref < PLACE_BASE &&
            alike(c, &c->map.elements[others[i].ref], s.kind, s.has_value, s.value, s.heading, s.x,
                s.y) &&
            !seen_in_place(others[i].ref, others, n))
            consider(&o, others[i].ref);
    return o.several ? PLACE_UNKNOWN : o.ref;
}

void moved_index(struct map_contract *c) {
    grid_clear(&c->missing);
    grid_clear(&c->moved);
    for (size_t i = 0; i < c->n_subjects && !subject_is_place(c->subjects[i]); i++) {
        const struct subject *s = c->subjects[i];
        const struct element *e = mapset_find(&c->map, subject_id(s));
        WS_ASSERT(e != NULL);
        uint32_t ref = (uint32_t)(e - c->map.elements);
        bool missing = false;
        for (size_t y = 0; y < s->n_hyps; y++) {
            const struct hypothesis *h = &s->hyps[y];
            missing = missing || h->cls == HYP_REMOVED || h->cls == HYP_MOVED;
            if (h->cls == HYP_MOVED)
                grid_add(&c->moved, h->spot->place.x, h->spot->place.y, ref);
        }
        if (missing && may_move(e->kind))
            grid_add_element(&c->missing, e, ref);
    }
    grid_build(&c->missing);
    grid_build(&c->moved);
}

bool moved_may_explain(
    const struct map_contract *c, const struct subject *place, const struct hypothesis *y) {
    struct origin o = {.ref = PLACE_UNKNOWN};
    if (c->missing.n > 0)
        consider_missing(c,
            &(struct sight){place->kind, y->has_value, y->value, place->spot.heading,
                place->spot.place.x, place->spot.place.y},
            NULL, 0, true, NULL, &o);
    if (o.several || o.ref == PLACE_UNKNOWN)
        return false;
    /* The index is of the block's beginning: what was cleared since then explains nothing. */
    return missed_with(subject_of(c, &c->map.elements[o.ref]), INT64_MIN / BIT_Q16);
}

/* ---- evidence ---- */

/* The hypothesis whose place explains a sighting better than where the map has the thing: the nearest, and among equals
 * the older. n_hyps when there is none. */
static size_t explained(
    const struct element *e, const struct subject *s, const struct fusion_point *p) {
    uint64_t best = from_anchor(e, p->x, p->y);
    size_t at = s->n_hyps;
    for (size_t i = 0; i < s->n_hyps; i++) {
        if (s->hyps[i].cls != HYP_MOVED)
            continue;
        const struct fusion_point *g = &s->hyps[i].spot->place;
        uint64_t d2 = distance2(g->x, g->y, p->x, p->y);
        if (d2 < best && d2 <= square(PLACE_GATE_MM)) {
            best = d2;
            at = i;
        }
    }
    return at;
}

enum moved_says moved_judge(const struct map_contract *c, const struct element *e,
    const struct subject *s, size_t hyp, const struct vote *v) {
    const struct fusion_point *g = &s->hyps[hyp].spot->place;
    if (v->says == SAYS_NOTHING)
        return MOVED_AGAINST;
    if (!v->at || !telling(c, from_anchor(e, g->x, g->y), v->point.sigma_mm))
        return MOVED_NEITHER;
    return explained(e, s, &v->point) == hyp ? MOVED_FOR : MOVED_AGAINST;
}

bool moved_opens(
    const struct element *e, const struct subject *s, const struct vote *v, int32_t *ret_value) {
    if (!v->off || (s != NULL && explained(e, s, &v->point) < s->n_hyps))
        return false;
    int32_t ax = 0;
    int32_t ay = 0;
    element_anchor(e, &ax, &ay);
    int64_t cx = floor_div((__int128)v->point.x - ax, CELL_MM);
    int64_t cy = floor_div((__int128)v->point.y - ay, CELL_MM);
    *ret_value = (int32_t)((cx + 128) * 256 + cy + 128);
    return true;
}

/* The plane ends at 2147 km: what is moved beyond stands at its edge. */
static int32_t moved_by(int32_t v, int64_t by) {
    int64_t r = v + by;
    return r < INT32_MIN ? INT32_MIN : r > INT32_MAX ? INT32_MAX : (int32_t)r;
}

struct element moved_element(const struct element *e, const struct spot *to) {
    struct element r = element_copy(e);
    int32_t ax = 0;
    int32_t ay = 0;
    element_anchor(e, &ax, &ay);
    for (size_t i = 0; i < r.n_points; i++) {
        r.points[i].x = moved_by(r.points[i].x, (int64_t)to->place.x - ax);
        r.points[i].y = moved_by(r.points[i].y, (int64_t)to->place.y - ay);
    }
    r.revision++;
    return r;
}
