/* From one message to votes, against the state at the start of the block. */
#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/fuse/decree.h"
#include "mapsvc/fuse/moved.h"
#include "mapsvc/fuse/reputation.h"
#include "mapsvc/fuse/room.h"

#include "base/mem.h"

enum {
    RANGE_SLACK_MM = 5000,
    NEW_SIGMA_MAX_MM = 2000, /* a vaguer sighting opens no new place */
    PLACE_SLACK_MM = 100000, /* signed generation place and observer */
    SPEED_MAX_MM_MS = 70,
};

bool look_covers(const struct look *l, int32_t x, int32_t y, unsigned percent) {
    uint64_t range = (uint64_t)l->range_mm * percent / 100;
    if (distance2(l->x, l->y, x, y) > range * range)
        return false;
    uint16_t bearing = heading_of((int64_t)x - l->x, (int64_t)y - l->y);
    return heading_gap(bearing, l->heading) <= (uint32_t)l->half_angle * percent / 100;
}

/* ---- reports ---- */

/* What has been gathered from one message; handed over only if the whole message is good. */
struct gathered {
    struct look look;
    struct vote votes[OBS_MAX_REPORTS];
    size_t n;
    size_t named, unknown; /* reports that name an element, and how many name none of ours */
    size_t stale; /* votes this vehicle was counted for before */
    size_t roomless; /* votes that need a new suspicion, for which there is no room */
    size_t spent; /* votes left out, because that they were counted could not be remembered */
    bool known; /* something of this vehicle is remembered in this window */
};

static void vote(struct gathered *g, struct vote v) {
    g->votes[g->n++] = v;
}

static void detected(const struct map_contract *c, const struct obs_report *r, size_t i, int32_t x,
    int32_t y, const struct element *named, struct gathered *g) {
    /* How exact a look is, is the vehicle's own word; that its sensor's kind can be no better is the policy's. */
    uint32_t least = (uint32_t)c->params.v[map_policy_sigma_min(g->look.observer.sensor)];
    struct sighting s = {.kind = r->element_kind,
        .x = x,
        .y = y,
        .sigma_mm = r->sigma_mm > least ? r->sigma_mm : least,
        .heading = r->has_heading ? r->heading : g->look.heading};
    struct vote v = {.look = 0,
        .report = (uint8_t)i,
        .says = r->has_value ? SAYS_VALUE : SAYS_HERE,
        .kind = r->element_kind,
        .value = r->value,
        .at = true,
        .point = {x, y, s.sigma_mm},
        .heading = s.heading};
    struct matched m = match_element(c, r, &s, named, &g->look);
    if (m.e == NULL && !m.ambiguous && match_pending(c, &s))
        return;
    if (m.e != NULL) {
        v.ref = (uint64_t)(m.e - c->map.elements);
        v.off = moved_is_off_from(c, s.kind, m.x, m.y, &v.point);
        v.named = m.e == named;
    } else if (!m.ambiguous && named != NULL && named->kind == s.kind &&
               (!named->has_heading || heading_gap(named->heading, s.heading) <= HEADING_45) &&
               moved_is_off(c, named, &v.point)) {
        /* The vehicle says which thing it is that stands so far off. */
        v.ref = (uint64_t)(named - c->map.elements);
        v.off = v.named = true;
    } else {
        v.ref = m.ambiguous ? PLACE_AMBIGUOUS : match_place(c, &s);
    }
    vote(g, v);
}

/* Whatever the rest of the message does not explain already; stays ambiguous when several do. */
static void match_again(const struct map_contract *c, const struct gathered *g, struct vote *v) {
    const struct sighting s = {.kind = v->kind,
        .x = v->point.x,
        .y = v->point.y,
        .sigma_mm = v->point.sigma_mm,
        .heading = v->heading};
    uint64_t taken[OBS_MAX_REPORTS];
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        if (&g->votes[i] != v && g->votes[i].at && g->votes[i].ref < PLACE_BASE)
            taken[n++] = g->votes[i].ref;
    struct matched m = match_rest(c, &s, taken, n);
    v->named = false;
    v->off = m.e != NULL && moved_is_off_from(c, s.kind, m.x, m.y, &v->point);
    if (m.e != NULL)
        v->ref = (uint64_t)(m.e - c->map.elements);
    else
        v->ref = m.ambiguous ? PLACE_AMBIGUOUS : match_place(c, &s);
}

/* Two sightings in one message that their own errors tell apart. */
static bool two_things(const struct vote *a, const struct vote *b) {
    uint64_t sa = a->point.sigma_mm;
    uint64_t sb = b->point.sigma_mm;
    return distance2(a->point.x, a->point.y, b->point.x, b->point.y) > 16 * (sa * sa + sb * sb);
}

/* Whether a is the element that both a and b were taken for: the one that the vehicle calls so, else the nearer. */
static bool is_rather(const struct map_contract *c, const struct vote *a, const struct vote *b) {
    if (a->named != b->named)
        return a->named;
    int32_t x = 0;
    int32_t y = 0;
    element_anchor(&c->map.elements[a->ref], &x, &y);
    return distance2(a->point.x, a->point.y, x, y) <= distance2(b->point.x, b->point.y, x, y);
}

/* When a vehicle sees a thing in its place and one like it beside, the second is another. */
static void split_matches(const struct map_contract *c, struct gathered *g) {
    for (size_t i = 0; i < g->n; i++)
        for (size_t k = i + 1; k < g->n && g->votes[i].ref < PLACE_BASE; k++) {
            struct vote *a = &g->votes[i];
            struct vote *b = &g->votes[k];
            if (a->ref == b->ref && a->at && b->at && a->kind != EL_SPEED_LIMIT && two_things(a, b))
                match_again(c, g, is_rather(c, a, b) ? b : a);
        }
}

/* One vehicle's sightings are matched jointly; and what it sees at a place that nothing explains may be what it misses
 * near there. */
static void match_jointly(
    const struct map_contract *c, const struct exec_host *h, struct gathered *g) {
    split_matches(c, g);
    for (size_t i = 0; i < g->n; i++)
        if (g->votes[i].ref == PLACE_AMBIGUOUS)
            match_again(c, g, &g->votes[i]);
    for (size_t i = 0; i < g->n; i++) {
        struct vote *v = &g->votes[i];
        uint64_t origin = v->ref < PLACE_BASE || v->ref == PLACE_AMBIGUOUS
                              ? PLACE_UNKNOWN
                              : moved_origin(c, h, &g->look, v, g->votes, g->n);
        v->off = v->off || origin != PLACE_UNKNOWN;
        v->ref = origin != PLACE_UNKNOWN ? origin : v->ref;
    }
    size_t to = 0;
    for (size_t i = 0; i < g->n; i++) {
        const struct vote *v = &g->votes[i];
        bool opens = newcomer_possible(v->kind) && v->point.sigma_mm <= NEW_SIGMA_MAX_MM;
        if (v->ref == PLACE_UNKNOWN ? opens : v->ref != PLACE_AMBIGUOUS)
            g->votes[to++] = *v;
    }
    g->n = to;
}

/* Reports about a named element that say more than that it is there. Evidence only if the element
 * lay in the region the vehicle says it inspected; silence and guesses are none. */
static void about_named(const struct map_contract *c, const struct obs_report *r, size_t i,
    const struct element *e, struct gathered *g) {
    const struct look *l = &g->look;
    if (e == NULL || e->kind != r->element_kind || e->n_points == 0)
        return;
    int32_t x = 0;
    int32_t y = 0;
    element_anchor(e, &x, &y);
    bool seen = false;
    if (e->kind == EL_SPEED_LIMIT) {
        seen = match_lane(e, l);
    } else {
        bool facing = !e->has_heading || heading_gap(e->heading, l->heading) <= HEADING_45;
        seen = facing && !l->occluded && look_covers(l, x, y, 100);
    }
    if (!seen)
        return;
    vote(g, (struct vote){.ref = (uint64_t)(e - c->map.elements),
                .report = (uint8_t)i,
                .says = r->kind == REPORT_NOT_DETECTED ? SAYS_GONE
                        : r->kind == REPORT_COVERED    ? SAYS_COVERED
                                                       : SAYS_VALUE,
                .kind = e->kind,
                .value = r->value});
}

static exec_code gather(const struct map_contract *c, const struct exec_host *h,
    const struct observation *o, struct gathered *g) {
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
    match_jointly(c, h, g);
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
    if (v->ref >= PLACE_BASE || v->says == SAYS_GONE || v->says == SAYS_COVERED)
        return COUNTED_EXISTENCE;
    const struct element *e = &c->map.elements[v->ref];
    const struct subject *s = NULL;
    if (is_suspected(c, v->ref)) {
        uint8_t key[SUBJECT_KEY] = {SUBJECT_ELEMENT};
        memcpy(key + 1, e->id, sizeof(e->id));
        s = contract_subject(c, key);
    }
    uint8_t r = v->off ? COUNTED_PLACE : 0;
    const struct decree *decree = decree_of(c, e->id);
    if (decree != NULL && decree->reported != ORDER_OBEYED)
        r |= v->says == SAYS_VALUE ? COUNTED_VALUE : COUNTED_EXISTENCE;
    if (v->says == SAYS_VALUE && (!e->has_value || e->value != v->value))
        r |= COUNTED_VALUE;
    for (size_t i = 0; s != NULL && i < s->n_hyps; i++) {
        if (s->hyps[i].cls == HYP_REMOVED || s->hyps[i].cls == HYP_COVERED)
            r |= COUNTED_EXISTENCE;
        else if (s->hyps[i].cls == HYP_MOVED)
            r |= v->at ? COUNTED_PLACE : 0;
        else if (v->says == SAYS_VALUE)
            r |= COUNTED_VALUE;
    }
    return r;
}

static const uint8_t *voted_id(const struct map_contract *c, const struct vote *v) {
    return v->ref < PLACE_BASE ? c->map.elements[v->ref].id
                               : subject_id(c->places[v->ref - PLACE_BASE]);
}

/* What the vehicle said before in this window, what it says beyond what a vehicle may, and what finds no room. */
static void leave_out_spent(
    const struct map_contract *c, const struct exec_host *h, struct gathered *g) {
    size_t to = 0;
    for (size_t i = 0; i < g->n; i++) {
        const struct vote v = g->votes[i];
        bool opens = v.ref == PLACE_UNKNOWN;
        uint8_t claimed = opens ? COUNTED_EXISTENCE : claims(c, &v);
        if (claimed != 0) {
            const uint8_t *id = opens ? NULL : voted_id(c, &v);
            const struct vehicle *by =
                c->vehicles.n == 0 ? NULL
                                   : vehicles_find(&c->vehicles, look_vehicle(c, h, &g->look));
            g->known = by != NULL;
            if (!opens && by != NULL && (claimed & ~vehicle_counted(by, id)) == 0) {
                g->stale++;
            } else if (!vehicles_remember(&c->vehicles, by, id)) {
                g->spent++;
                continue;
            } else if (room_refuses(c, &v, by)) {
                g->roomless++;
            }
        }
        g->votes[to++] = v;
    }
    g->n = to;
}

/* Who looked from where; false: from outside the frame. */
static bool look_of(const struct map_contract *c, const struct observation *o,
    const struct observer_class *who, struct look *ret) {
    *ret = (struct look){.time = o->time,
        .heading = o->heading,
        .range_mm = o->range_mm,
        .half_angle = o->half_angle,
        .occluded = o->occluded || o->judged,
        .judged = o->judged,
        .observer = *who};
    return frame_from_wgs(&c->map.frame, o->lat, o->lon, &ret->x, &ret->y);
}

/* What a look weighs by the record of who answers for it. */
static void rank_look(const struct map_contract *c, struct look *l) {
    memcpy(l->source, l->issuer, SOURCE_KEY - 1);
    l->source[SOURCE_KEY - 1] = (uint8_t)l->observer.sensor;
    l->rank = (uint8_t)(reputation_tier(c, l->source) * SENSOR_CLASS_COUNT +
                        (unsigned)l->observer.sensor);
}

/* Units that apply one model to the same beacons say one thing: all of them are one vehicle, of one issuer and one family, with
 * a record of its own. */
static void speak_for_model(const struct map_contract *c, struct look *l) {
    static const uint8_t root[32] = "wayside/map/model/1";
    static const uint8_t issuer[sizeof(l->issuer)] = "model";
    memcpy(l->root, root, sizeof(l->root));
    memcpy(l->issuer, issuer, sizeof(l->issuer));
    l->has_vehicle = false;
    l->observer.family = OBS_FAMILY_MODEL;
    rank_look(c, l);
}

static void nothing_gathered(struct gathered *g) {
    g->n = g->named = g->unknown = g->stale = g->spent = g->roomless = 0;
    g->known = false;
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
    if (o.map_version > c->head.version && !c->any_version)
        return MAP_STALE_VERSION;
    const struct observer_class who = observer_from_ssp(m->ssp);
    if (o.judged && who.sensor != SENSOR_ROADSIDE)
        return MAP_BAD_PAYLOAD; /* a unit judges, and nobody else may use up the model's voice */
    struct gathered g;
    nothing_gathered(&g);
    bool here = look_of(c, &o, &who, &g.look);
    memcpy(g.look.leaf, m->leaf, sizeof(g.look.leaf));
    memcpy(g.look.issuer, m->issuer, sizeof(g.look.issuer));
    rank_look(c, &g.look);
    if (!here || !place_fits(c, m, &o, &g.look))
        return MAP_IMPOSSIBLE_PLACE;
    if (!vehicles_know(c, m->signer, &g.look))
        return MAP_TOO_MANY_VEHICLES;
    exec_code rc = gather(c, h, &o, &g);
    if (rc != MAP_OK)
        return rc;
    if (g.named > 0 && g.named == g.unknown && g.n == 0)
        return MAP_UNKNOWN_ELEMENT;
    vehicles_hear(c, &g.look);
    if (g.look.judged)
        speak_for_model(c, &g.look);
    leave_out_spent(c, h, &g);
    if (g.spent > 0 && g.stale == g.n)
        return g.known ? MAP_VEHICLE_SPENT : MAP_TOO_MANY_VEHICLES;
    if (g.n > 0 && g.stale == g.n)
        return MAP_NOTHING_NEW;
    if (g.roomless > 0 && g.stale + g.roomless == g.n)
        return MAP_NO_ROOM;
    hand_over(c, &g);
    return MAP_OK;
}

bool contract_read_look(
    struct map_contract *c, const struct observation *o, const struct observer_class *who) {
    struct gathered g;
    nothing_gathered(&g);
    c->n_looks = c->n_votes = 0;
    bool good = look_of(c, o, who, &g.look) && gather(c, NULL, o, &g) == MAP_OK;
    if (!good)
        return false;
    g.look.has_vehicle = true; /* nobody asks whose it is */
    hand_over(c, &g);
    silence_hear(c, NULL);
    return true;
}
