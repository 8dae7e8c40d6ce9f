/* From one message to votes, against the state at the start of the block. */
#include "mapsvc/contract_internal.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"

enum {
    MATCHES_MAX = 8, /* more things than this in one gate are as ambiguous as it gets */
    LIMIT_GATE_MM = 6000, /* an observer this near a lane's centre line drives on it */
    RANGE_SLACK_MM = 5000,
    NEW_SIGMA_MAX_MM = 2000, /* a vaguer sighting opens no new place */
    PLACE_SLACK_MM = 100000, /* signed generation place and observer */
    SPEED_MAX_MM_MS = 70,
};

const uint8_t *look_tag(const struct map_contract *c, const struct exec_host *h, struct look *l) {
    static const char domain[] = "wayside/map/vehicle/1";
    if (l->has_tag)
        return l->tag;
    uint8_t end[8];
    put_be64(end, c->window_end);
    const struct span parts[] = {span_of(domain, sizeof(domain) - 1), span_of(exec_cell_id(h), 32),
        span_of(end, sizeof(end)), span_of(l->signer, sizeof(l->signer))};
    uint8_t hash[32];
    exec_sha256(parts, ARRAY_LEN(parts), hash);
    memcpy(l->tag, hash, TAG_OCTETS);
    l->has_tag = true;
    return l->tag;
}

bool look_covers(const struct look *l, int32_t x, int32_t y, unsigned percent) {
    uint64_t range = (uint64_t)l->range_mm * percent / 100;
    if (distance2(l->x, l->y, x, y) > range * range)
        return false;
    uint16_t bearing = heading_of((int64_t)x - l->x, (int64_t)y - l->y);
    return heading_gap(bearing, l->heading) <= (uint32_t)l->half_angle * percent / 100;
}

/* ---- association ---- */

struct matches {
    uint32_t ref[MATCHES_MAX];
    size_t n;
    bool too_many;
};

static void add_match(struct matches *m, uint32_t ref) {
    for (size_t i = 0; i < m->n; i++)
        if (m->ref[i] == ref)
            return;
    if (m->n == MATCHES_MAX)
        m->too_many = true;
    else
        m->ref[m->n++] = ref;
}

static void match_elements(
    const struct map_contract *c, const struct sighting *s, struct matches *ret) {
    uint32_t sigma = (uint32_t)c->params.v[MAP_POLICY_MAP_SIGMA_MM];
    struct grid_look near = grid_near(&c->grid, s->x, s->y);
    for (const struct grid_entry *e = NULL; grid_next(&near, &e);)
        if (sighting_fits(s, &c->map.elements[e->ref], sigma))
            add_match(ret, e->ref);
}

/* A change that waits for its version explains what is seen at its place. */
static bool explained_by_pending(const struct map_contract *c, const struct sighting *s) {
    uint32_t sigma = (uint32_t)c->params.v[MAP_POLICY_MAP_SIGMA_MM];
    for (size_t i = 0; i < c->n_pending; i++) {
        const struct change_record *r = &c->pending[i].change;
        if (r->op == MAP_CREATE && sighting_fits(s, &r->after, sigma))
            return true;
    }
    return false;
}

/* The oldest place of this kind near the sighting, as a vote's ref. */
static uint64_t match_place(const struct map_contract *c, const struct sighting *s) {
    uint64_t best = PLACE_UNKNOWN;
    struct grid_look near = grid_near(&c->places_grid, s->x, s->y);
    for (const struct grid_entry *e = NULL; grid_next(&near, &e);) {
        const struct subject *p = c->places[e->ref];
        if (p->kind != s->kind || heading_gap(p->heading, s->heading) > HEADING_45 ||
            distance2(p->place.x, p->place.y, s->x, s->y) > (uint64_t)PLACE_GATE_MM * PLACE_GATE_MM)
            continue;
        const struct subject *q = best == PLACE_UNKNOWN ? NULL : c->places[best - PLACE_BASE];
        if (q == NULL || p->opened < q->opened ||
            (p->opened == q->opened && PLACE_BASE + e->ref < best))
            best = PLACE_BASE + e->ref;
    }
    return best;
}

static bool may_be_new(enum element_kind k) {
    return k == EL_SIGN || k == EL_LIGHT || k == EL_HAZARD;
}

/* The vehicle drives on the lane of the limit, in its direction. */
static bool on_lane(const struct element *e, const struct look *l) {
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
        return on_lane(e, l) || sighting_fits(s, e, (uint32_t)c->params.v[MAP_POLICY_MAP_SIGMA_MM]);
    /* The vehicle matched it with its own, better knowledge of where it is: the widest gate. */
    return sighting_fits(s, e, 20000);
}

/* ---- reports ---- */

/* What has been gathered from one message; handed over only if the whole message is good. */
struct gathered {
    struct look look;
    struct vote votes[OBS_MAX_REPORTS];
    size_t n;
    size_t named, unknown; /* reports that name an element, and how many name none of ours */
    size_t stale; /* votes this vehicle was counted for before */
};

static void vote(struct gathered *g, struct vote v) {
    g->votes[g->n++] = v;
}

static bool equals_map(const struct element *e, const struct obs_report *r) {
    return e->has_value == r->has_value && (!r->has_value || e->value == r->value);
}

/* Which element a detection is of, or none: then *ret_ambiguous tells whether that means anything. */
static const struct element *resolve(const struct map_contract *c, const struct obs_report *r,
    const struct sighting *s, const struct element *named, const struct look *l,
    bool *ret_ambiguous) {
    *ret_ambiguous = false;
    if (named != NULL && named_is_near(c, named, s, l))
        return named;
    struct matches m = {.n = 0};
    match_elements(c, s, &m);
    if (m.n == 0 || m.too_many) {
        *ret_ambiguous = m.too_many;
        return NULL;
    }
    if (m.n == 1)
        return &c->map.elements[m.ref[0]];
    /* Two plates on one pole: the one that shows just this explains the sighting. Never the nearest:
     * that would tell a parallel road's signs from ours by the noise of a receiver. */
    const struct element *same = NULL;
    size_t n_same = 0;
    for (size_t i = 0; i < m.n; i++)
        if (equals_map(&c->map.elements[m.ref[i]], r)) {
            same = &c->map.elements[m.ref[i]];
            n_same++;
        }
    if (n_same == 1)
        return same;
    *ret_ambiguous = true;
    return NULL;
}

static void detected(const struct map_contract *c, const struct obs_report *r, size_t i, int32_t x,
    int32_t y, const struct element *named, struct gathered *g) {
    struct sighting s = {.kind = r->element_kind,
        .x = x,
        .y = y,
        .sigma_mm = r->sigma_mm,
        .heading = r->has_heading ? r->heading : g->look.heading};
    struct vote v = {.look = 0,
        .report = (uint8_t)i,
        .says = r->has_value ? SAYS_VALUE : SAYS_HERE,
        .kind = r->element_kind,
        .value = r->value,
        .at = true,
        .point = {x, y, r->sigma_mm},
        .heading = s.heading};
    bool ambiguous = false;
    const struct element *e = resolve(c, r, &s, named, &g->look, &ambiguous);
    if (ambiguous || (e == NULL && explained_by_pending(c, &s)))
        return;
    if (e != NULL) {
        v.ref = (uint64_t)(e - c->map.elements);
        vote(g, v);
        return;
    }
    if (!may_be_new(r->element_kind))
        return;
    v.ref = match_place(c, &s);
    if (v.ref != PLACE_UNKNOWN || r->sigma_mm <= NEW_SIGMA_MAX_MM)
        vote(g, v);
}

/* Reports about a named element that say more than that it is there. Evidence only if the element
 * lay in the region the vehicle says it inspected; silence and guesses are none. */
static void about_named(const struct map_contract *c, const struct obs_report *r, size_t i,
    const struct element *e, struct gathered *g) {
    const struct look *l = &g->look;
    if (e == NULL || e->kind != r->element_kind || e->n_points == 0 || r->kind == REPORT_COVERED)
        return;
    int32_t x = 0;
    int32_t y = 0;
    element_anchor(e, &x, &y);
    bool seen = false;
    if (e->kind == EL_SPEED_LIMIT) {
        seen = on_lane(e, l);
    } else {
        bool facing = !e->has_heading || heading_gap(e->heading, l->heading) <= HEADING_45;
        seen = facing && !l->occluded && look_covers(l, x, y, 100);
    }
    if (!seen)
        return;
    vote(g, (struct vote){.ref = (uint64_t)(e - c->map.elements),
                .report = (uint8_t)i,
                .says = r->kind == REPORT_NOT_DETECTED ? SAYS_GONE : SAYS_VALUE,
                .kind = e->kind,
                .value = r->value});
}

static exec_code gather(
    const struct map_contract *c, const struct observation *o, struct gathered *g) {
    for (size_t i = 0; i < o->n_reports; i++) {
        const struct obs_report *r = &o->reports[i];
        const struct element *named = NULL;
        if (r->has_element) {
            named = mapset_find(&c->map, r->element_id);
            g->named++;
            g->unknown += named == NULL ? 1 : 0;
        }
        if (!r->has_position) {
            about_named(c, r, i, named, g);
            continue;
        }
        int32_t x = 0;
        int32_t y = 0;
        if (!frame_from_wgs(&c->map.frame, r->lat, r->lon, &x, &y))
            return MAP_IMPOSSIBLE_PLACE;
        uint64_t reach = (uint64_t)g->look.range_mm + RANGE_SLACK_MM + 4 * (uint64_t)r->sigma_mm;
        if (distance2(g->look.x, g->look.y, x, y) > reach * reach)
            return MAP_IMPOSSIBLE_PLACE;
        if (r->kind == REPORT_DETECTED)
            detected(c, r, i, x, y, named, g);
        else
            about_named(c, r, i, named, g);
    }
    return MAP_OK;
}

/* ---- the message ---- */

/* The signed place and time of the message must be where an observer can have been. */
static bool place_fits(const struct map_contract *c, const struct exec_message *m,
    const struct observation *o, const struct look *l) {
    if (!m->has_location)
        return true;
    int32_t x = 0;
    int32_t y = 0;
    if (!frame_from_wgs(&c->map.frame, m->lat, m->lon, &x, &y))
        return false;
    uint64_t age_ms = (m->generation_time - o->time) / 1000;
    uint64_t reach = PLACE_SLACK_MM + age_ms * SPEED_MAX_MM_MS;
    return distance2(x, y, l->x, l->y) <= reach * reach;
}

/* What a vote would be counted for, as things stood when the block began; 0 when it says what the map
 * says and nobody suspects otherwise. */
static uint8_t claims(const struct map_contract *c, const struct vote *v) {
    if (v->ref >= PLACE_BASE || v->says == SAYS_GONE)
        return COUNTED_EXISTENCE;
    const struct element *e = &c->map.elements[v->ref];
    uint8_t key[SUBJECT_KEY] = {SUBJECT_ELEMENT};
    memcpy(key + 1, e->id, sizeof(e->id));
    const struct subject *s = contract_subject(c, key);
    uint8_t r = 0;
    if (v->says == SAYS_VALUE && (!e->has_value || e->value != v->value))
        r |= COUNTED_VALUE;
    for (size_t i = 0; s != NULL && i < s->n_hyps; i++) {
        if (s->hyps[i].cls == HYP_REMOVED)
            r |= COUNTED_EXISTENCE;
        else if (v->says == SAYS_VALUE)
            r |= COUNTED_VALUE;
    }
    return r;
}

static const uint8_t *voted_id(const struct map_contract *c, const struct vote *v) {
    return v->ref < PLACE_BASE ? c->map.elements[v->ref].id
                               : subject_id(c->places[v->ref - PLACE_BASE]);
}

static void count_stale(
    const struct map_contract *c, const struct exec_host *h, struct gathered *g) {
    for (size_t i = 0; i < g->n && c->n_tags > 0; i++) {
        const struct vote *v = &g->votes[i];
        uint8_t claimed = v->ref == PLACE_UNKNOWN ? 0 : claims(c, v);
        if (claimed == 0)
            continue;
        const struct tag *t = contract_tag(c, look_tag(c, h, &g->look));
        if (t != NULL && (claimed & ~tag_counted(t, voted_id(c, v))) == 0)
            g->stale++;
    }
}

static void hand_over(struct map_contract *c, const struct gathered *g) {
    if (c->n_looks == c->cap_looks) {
        c->cap_looks = c->cap_looks == 0 ? 64 : 2 * c->cap_looks;
        c->looks = ws_realloc(c->looks, c->cap_looks * sizeof(c->looks[0]));
    }
    uint32_t look = (uint32_t)c->n_looks;
    c->looks[c->n_looks++] = g->look;
    if (c->cap_votes - c->n_votes < g->n) {
        c->cap_votes = 2 * c->cap_votes + OBS_MAX_REPORTS;
        c->votes = ws_realloc(c->votes, c->cap_votes * sizeof(c->votes[0]));
    }
    for (size_t i = 0; i < g->n; i++) {
        c->votes[c->n_votes] = g->votes[i];
        c->votes[c->n_votes++].look = look;
    }
}

exec_code contract_message(void *self, struct exec_host *h, const struct exec_message *m) {
    struct map_contract *c = self;
    struct observation o;
    if (observation_read(m->payload, &o, NULL) != WS_OK)
        return MAP_BAD_PAYLOAD;
    uint64_t max_age = (uint64_t)c->params.v[MAP_POLICY_MAX_AGE_MS] * 1000;
    if (o.time > m->generation_time || m->generation_time - o.time > max_age)
        return MAP_BAD_PAYLOAD;
    if (o.map_version > c->head.version)
        return MAP_STALE_VERSION;
    struct gathered g;
    g.n = g.named = g.unknown = g.stale = 0;
    g.look = (struct look){.time = o.time,
        .heading = o.heading,
        .range_mm = o.range_mm,
        .half_angle = o.half_angle,
        .occluded = o.occluded,
        .observer = observer_from_ssp(m->ssp)};
    memcpy(g.look.signer, m->signer, sizeof(g.look.signer));
    memcpy(g.look.leaf, m->leaf, sizeof(g.look.leaf));
    memcpy(g.look.issuer, m->issuer, sizeof(g.look.issuer));
    if (!frame_from_wgs(&c->map.frame, o.lat, o.lon, &g.look.x, &g.look.y) ||
        !place_fits(c, m, &o, &g.look))
        return MAP_IMPOSSIBLE_PLACE;
    exec_code rc = gather(c, &o, &g);
    if (rc != MAP_OK)
        return rc;
    if (g.named > 0 && g.named == g.unknown && g.n == 0)
        return MAP_UNKNOWN_ELEMENT;
    count_stale(c, h, &g);
    if (g.n > 0 && g.stale == g.n)
        return MAP_NOTHING_NEW;
    hand_over(c, &g);
    return MAP_OK;
}
