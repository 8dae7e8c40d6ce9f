/* What a vehicle perceives, and what it makes of it.
 *
 * Now and then a vehicle takes a look: a sector ahead of it that it states in its message, with a report
 * on each thing in it that this pass has not reported yet. A thing gets one report per pass, right or
 * wrong as the rates say. A look is due after some distance, and at the latest when something that was not
 * reported yet is about to leave the view. */
#include "rsu/obus/obusim.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

enum {
    EDGE_PERCENT = 99, /* places are rounded to 1e-7 degree on the way to the cell */
    FACING_MAX = 8000, /* a little under 45 degrees */
    FORGET_MM = 70000,
    RANGE_MIN_MM = 30000,
    NEXT_LOOK_MIN_MM = 25000,
    NEXT_LOOK_MAX_MM = 45000,
    HEADING_NOISE = 364, /* 2 degrees */
    PHANTOM_NEAR_MM = 8000,
};

static bool chance(struct ws_random *rnd, uint32_t ppm) {
    return ws_random_below(rnd, 1000000) < ppm;
}

/* Sum of twelve uniform numbers: variance 1 in units of 2^16. Held to 3 sigma, as receivers do that throw
 * wild positions away. */
static int32_t noise(struct ws_random *rnd, uint32_t sigma_mm) {
    int64_t sum = -6 * INT64_C(65536);
    for (size_t i = 0; i < 12; i++)
        sum += (int64_t)ws_random_below(rnd, 65536);
    const int64_t most = 3 * INT64_C(65536);
    sum = sum > most ? most : sum < -most ? -most : sum;
    return (int32_t)(sum * (int64_t)sigma_mm / 65536);
}

/* ---- what is in view ---- */

static bool in_sector(struct sim_pose from, int32_t x, int32_t y, uint32_t range_mm) {
    uint64_t range = (uint64_t)range_mm * EDGE_PERCENT / 100;
    if (distance2(from.x, from.y, x, y) > range * range)
        return false;
    uint16_t bearing = heading_of((int64_t)x - from.x, (int64_t)y - from.y);
    return heading_gap(bearing, from.heading) <= SIM_HALF_ANGLE * EDGE_PERCENT / 100;
}

/* Where it is, or where the vehicle's map expects it. */
static bool in_view(
    const struct sim_thing *t, struct sim_pose from, uint32_t range_mm, bool changed) {
    const struct sim_face *f = &t->face[changed ? 1 : 0];
    const struct sim_face *at = f->there ? f : &t->face[0];
    if (!f->there && !t->registered)
        return false;
    return (!at->has_heading || heading_gap(at->heading, from.heading) <= FACING_MAX) &&
           in_sector(from, at->x, at->y, range_mm);
}

static bool was_reported(const struct sim_vehicle *v, uint32_t thing) {
    for (size_t i = 0; i < v->n_reported; i++)
        if (v->reported[i] == thing)
            return true;
    return false;
}

static void remember(struct sim_vehicle *v, uint32_t thing) {
    if (v->n_reported == v->cap_reported) {
        v->cap_reported = v->cap_reported == 0 ? 16 : 2 * v->cap_reported;
        v->reported = ws_realloc(v->reported, v->cap_reported * sizeof(v->reported[0]));
    }
    v->reported[v->n_reported++] = thing;
}

static bool limit_in_force(const struct sim_roads *r, size_t lane, int64_t along, uint32_t thing) {
    if (lane == SIM_NONE)
        return false;
    const struct sim_lane *l = &r->lanes[lane];
    for (size_t i = 0; i < l->n_limits; i++)
        if (l->limits[i].thing == thing && along >= l->limits[i].from && along <= l->limits[i].to)
            return true;
    return false;
}

/* A pass ends when the thing is far behind, or the limit's lane is left. */
static void forget_passed(
    struct sim_vehicle *v, const struct sim_world *w, const struct sim_roads *r) {
    size_t to = 0;
    for (size_t i = 0; i < v->n_reported; i++) {
        uint32_t thing = v->reported[i];
        const struct sim_face *f = &w->things[thing].face[0];
        bool near = thing < w->n_limits ? limit_in_force(r, v->lane, v->along, thing)
                                        : distance2(v->pose.x, v->pose.y, f->x, f->y) <=
                                              (uint64_t)FORGET_MM * FORGET_MM;
        if (near)
            v->reported[to++] = thing;
    }
    v->n_reported = to;
}

/* First thing (not a limit) at or east of x. */
static size_t first_east(const struct sim_world *w, int64_t x) {
    size_t lo = w->n_limits;
    size_t hi = w->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (w->things[mid].face[0].x < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Things in view that were not reported yet; returns how many, the first max in ret. */
static size_t unreported(const struct sim_vehicle *v, const struct sim_world *w, uint32_t range_mm,
    bool changed, uint32_t *ret, size_t max) {
    size_t n = 0;
    int64_t reach = (int64_t)SIM_RANGE_MM + w->widest_mm;
    for (size_t i = first_east(w, v->pose.x - reach);
         i < w->n && w->things[i].face[0].x <= v->pose.x + reach && n < max; i++)
        if (in_view(&w->things[i], v->pose, range_mm, changed) && !was_reported(v, (uint32_t)i))
            ret[n++] = (uint32_t)i;
    return n;
}

/* A limit is reported once on each drive along it, anywhere on it. */
static bool limit_due(const struct sim_vehicle *v, const struct sim_limit_span *span) {
    int64_t from = span->from + (span->to - span->from) * v->limit_permille / 1000;
    int64_t last = span->to - (int64_t)v->speed_mm_s * SIM_TICK_US / 1000000;
    return v->along >= (from < last ? from : last) && v->along >= span->from &&
           v->along <= span->to && !was_reported(v, span->thing);
}

static bool some_limit_due(const struct sim_vehicle *v, const struct sim_roads *r) {
    if (v->lane == SIM_NONE)
        return false;
    const struct sim_lane *l = &r->lanes[v->lane];
    for (size_t i = 0; i < l->n_limits; i++)
        if (limit_due(v, &l->limits[i]))
            return true;
    return false;
}

/* Something is about to leave the view without having been reported. */
static bool last_chance(const struct sim_vehicle *v, const struct sim_world *w, bool changed) {
    int64_t ahead = (int64_t)v->speed_mm_s * SIM_TICK_US / 1000000 * 3 / 2;
    uint32_t seen[OBS_MAX_REPORTS];
    size_t n = unreported(v, w, SIM_RANGE_MM, changed, seen, ARRAY_LEN(seen));
    struct sim_pose next = v->pose;
    int32_t x = 0;
    int32_t y = 0;
    heading_vector(v->pose.heading, &x, &y);
    next.x += (int32_t)(ahead * x / (1 << 30));
    next.y += (int32_t)(ahead * y / (1 << 30));
    for (size_t i = 0; i < n; i++)
        if (v->lane_ends || !in_view(&w->things[seen[i]], next, SIM_RANGE_MM, changed))
            return true;
    return false;
}

/* ---- reports ---- */

static struct obs_report *add_report(struct sim_look *look, enum report_kind kind,
    const struct sim_thing *t, const struct cell_frame *frame, const struct sim_face *at,
    uint32_t sigma_mm, struct ws_random *rnd) {
    WS_ASSERT(look->n < OBS_MAX_REPORTS);
    struct obs_report *r = &look->reports[look->n++];
    *r = (struct obs_report){.kind = kind, .element_kind = t->kind};
    if (t->registered) {
        r->has_element = true;
        memcpy(r->element_id, t->id, sizeof(r->element_id));
    }
    if (at != NULL) {
        r->has_position = true;
        r->sigma_mm = sigma_mm;
        /* One after the other: in one call their order would be the compiler's. */
        int32_t off_y = noise(rnd, sigma_mm);
        int32_t off_x = noise(rnd, sigma_mm);
        frame_to_wgs(frame, at->x + off_x, at->y + off_y, &r->lat, &r->lon);
        r->has_heading = at->has_heading;
        if (at->has_heading)
            r->heading = (uint16_t)(at->heading - HEADING_NOISE +
                                    ws_random_below(rnd, 2 * HEADING_NOISE + 1));
    }
    return r;
}

/* A figure that a plate could show instead. */
static int32_t misread(int32_t value, struct ws_random *rnd) {
    static const int32_t figures[] = {10, 20, 30, 50, 60, 70, 80, 100, 120};
    int32_t v = value;
    while (v == value)
        v = figures[ws_random_below(rnd, ARRAY_LEN(figures))];
    return v;
}

struct sensing {
    const struct sim_senses *s;
    const struct sim_thing *things;
    bool liar;
    const struct cell_frame *frame;
    struct ws_random *rnd;
    struct sim_look *look;
};

static void detected(const struct sensing *k, const struct sim_thing *t, const struct sim_face *f) {
    struct obs_report *r =
        add_report(k->look, REPORT_DETECTED, t, k->frame, f, k->s->sigma_mm, k->rnd);
    r->has_value = f->has_value;
    r->value = f->has_value ? f->value : 0;
}

static void mismatch(
    const struct sensing *k, const struct sim_thing *t, int32_t value, const struct sim_face *at) {
    /* The place of a limit says nothing: it is in force all along its lane. */
    struct obs_report *r = add_report(k->look, REPORT_MISMATCH, t, k->frame,
        t->kind == EL_SPEED_LIMIT ? NULL : at, k->s->sigma_mm, k->rnd);
    r->has_value = true;
    r->value = value;
}

static void not_detected(const struct sensing *k, const struct sim_thing *t) {
    (void)add_report(k->look, REPORT_NOT_DETECTED, t, k->frame, NULL, 0, k->rnd);
}

/* A thing that is as the map says: seen, or (rarely) said to be gone or to show something else. */
static void report_unchanged(
    const struct sensing *k, const struct sim_thing *t, const struct sim_face *at) {
    if (chance(k->rnd, k->s->fpr_ppm)) {
        if (at->has_value && ws_random_below(k->rnd, 2) == 0)
            mismatch(k, t, misread(at->value, k->rnd), at);
        else
            not_detected(k, t);
    } else if (chance(k->rnd, k->s->tpr_ppm)) {
        detected(k, t, at);
    }
}

/* What the liars say of the thing they agreed on, whenever one passes it. */
static void report_lie(
    const struct sensing *k, const struct sim_thing *t, const struct sim_face *at) {
    if (k->s->lie.gone)
        not_detected(k, t);
    else
        mismatch(k, t, k->s->lie.value, at);
}

/* `at`: where it is seen, which for a limit is where the vehicle is. */
static void report(
    const struct sensing *k, const struct sim_thing *t, bool changed, const struct sim_face *at) {
    const struct sim_face *map = &t->face[0];
    bool there = t->face[changed ? 1 : 0].there;
    if (k->liar && k->s->lie.any && t == &k->things[k->s->lie.thing]) {
        report_lie(k, t, at);
    } else if (!t->registered) {
        if (chance(k->rnd, k->s->tpr_ppm))
            detected(k, t, at);
    } else if (!there) {
        if (chance(k->rnd, k->s->tpr_ppm))
            not_detected(k, t);
        else if (chance(k->rnd, k->s->fpr_ppm))
            detected(k, t, at);
    } else if (at->has_value && (!map->has_value || at->value != map->value)) {
        if (chance(k->rnd, k->s->tpr_ppm)) {
            mismatch(k, t, at->value, at);
        } else if (chance(k->rnd, k->s->fpr_ppm)) {
            struct sim_face old = *at;
            old.has_value = map->has_value;
            old.value = map->value;
            detected(k, t, &old);
        }
    } else {
        report_unchanged(k, t, at);
    }
}

/* A sign that nobody else sees, beside the road ahead. */
static void report_phantom(const struct sensing *k, const struct sim_vehicle *v) {
    struct sim_thing t = {.kind = EL_SIGN};
    int32_t ux = 0;
    int32_t uy = 0;
    heading_vector(v->pose.heading, &ux, &uy);
    int64_t far = (int64_t)k->look->range_mm * 3 / 4;
    int64_t ahead =
        PHANTOM_NEAR_MM + (int64_t)ws_random_below(k->rnd, (uint64_t)(far - PHANTOM_NEAR_MM));
    int64_t left = ahead / 3 * (ws_random_below(k->rnd, 2) == 0 ? 1 : -1);
    struct sim_face f = {.there = true,
        .has_value = true,
        .value = misread(0, k->rnd),
        .x = v->pose.x + (int32_t)((ahead * ux - left * uy) / (1 << 30)),
        .y = v->pose.y + (int32_t)((ahead * uy + left * ux) / (1 << 30)),
        .has_heading = true,
        .heading = v->pose.heading};
    detected(k, &t, &f);
}

static void count_pass(struct sim_thing *t, const struct sim_vehicle *v, bool changed) {
    if (!changed || !t->changed)
        return;
    t->passes++;
    if (t->passed_by == NULL)
        t->passed_by = ws_alloc(SIM_VEHICLES_MAX / 8 + 1);
    t->passed_by[v->index / 8] |= (uint8_t)(1U << (v->index % 8));
}

static void report_limits(const struct sensing *k, struct sim_vehicle *v, struct sim_world *w,
    const struct sim_roads *r, bool changed) {
    const struct sim_lane *l = &r->lanes[v->lane];
    for (size_t i = 0; i < l->n_limits && k->look->n < OBS_MAX_REPORTS; i++) {
        uint32_t thing = l->limits[i].thing;
        if (!limit_due(v, &l->limits[i]))
            continue;
        struct sim_thing *t = &w->things[thing];
        struct sim_face here = t->face[changed ? 1 : 0];
        here.x = v->pose.x;
        here.y = v->pose.y;
        here.has_heading = true;
        here.heading = v->pose.heading;
        report(k, t, changed, &here);
        remember(v, thing);
        count_pass(t, v, changed);
    }
}

/* New things first: if the look takes two messages, the first states the region that they are in. */
static int report_order(const void *a, const void *b) {
    const struct obs_report *p = a;
    const struct obs_report *q = b;
    if (p->has_element != q->has_element)
        return p->has_element ? 1 : -1;
    int c = memcmp(p->element_id, q->element_id, sizeof(p->element_id));
    if (c != 0 || p->lat != q->lat)
        return c != 0 ? c : (p->lat > q->lat) - (p->lat < q->lat);
    return (p->lon > q->lon) - (p->lon < q->lon);
}

void sim_sense(struct sim_vehicle *v, struct sim_world *w, const struct sim_roads *r,
    const struct sim_senses *s, bool changed, struct ws_random *rnd, struct sim_look *ret_look) {
    ret_look->any = false;
    ret_look->n = 0;
    if (!v->on_road) {
        v->n_reported = 0;
        v->next_look = 0;
        v->sensed_lane = SIM_NONE;
        return;
    }
    forget_passed(v, w, r);
    v->next_look -= (int64_t)v->speed_mm_s * SIM_TICK_US / 1000000;
    if (v->lane != v->sensed_lane) {
        v->sensed_lane = v->lane;
        v->limit_permille = (int64_t)ws_random_below(rnd, 1000);
    }
    bool last = last_chance(v, w, changed);
    if (!last && v->next_look > 0 && !some_limit_due(v, r))
        return;
    v->next_look =
        NEXT_LOOK_MIN_MM + (int64_t)ws_random_below(rnd, NEXT_LOOK_MAX_MM - NEXT_LOOK_MIN_MM);
    ret_look->any = true;
    ret_look->from = v->pose;
    /* Weather, traffic and bends: not every look reaches equally far. */
    ret_look->range_mm =
        last ? SIM_RANGE_MM
             : RANGE_MIN_MM + (uint32_t)ws_random_below(rnd, SIM_RANGE_MM - RANGE_MIN_MM + 1);
    struct sensing k = {s, w->things, v->liar, &w->map.frame, rnd, ret_look};
    if (chance(rnd, s->fpr_ppm))
        report_phantom(&k, v);
    if (v->lane != SIM_NONE)
        report_limits(&k, v, w, r, changed);
    uint32_t seen[OBS_MAX_REPORTS];
    size_t n = unreported(v, w, ret_look->range_mm, changed, seen, OBS_MAX_REPORTS - ret_look->n);
    for (size_t i = 0; i < n; i++) {
        struct sim_thing *t = &w->things[seen[i]];
        const struct sim_face *f = &t->face[changed ? 1 : 0];
        report(&k, t, changed, f->there ? f : &t->face[0]);
        remember(v, seen[i]);
        count_pass(t, v, changed);
    }
    if (ret_look->n > 1)
        qsort(ret_look->reports, ret_look->n, sizeof(ret_look->reports[0]), report_order);
}

/* ---- liars ---- */

void sim_lie_choose(struct sim_senses *s, const struct sim_world *w, const struct sim_roads *r,
    struct ws_random *rnd) {
    s->lie = (struct sim_lie){0};
    bool *driven = ws_calloc(w->n, sizeof(driven[0]));
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->lanes[i].n_limits; k++)
            driven[r->lanes[i].limits[k].thing] = true;
    size_t salt = w->n == 0 ? 0 : (size_t)ws_random_below(rnd, w->n);
    for (size_t i = 0; i < w->n && !s->lie.any; i++) {
        size_t thing = (salt + i) % w->n;
        const struct sim_thing *t = &w->things[thing];
        if (!t->registered || t->changed || (thing < w->n_limits && !driven[thing]))
            continue;
        const struct sim_face *f = &t->face[0];
        s->lie = (struct sim_lie){.any = true, .thing = thing, .gone = !f->has_value};
        if (f->has_value)
            s->lie.value = misread(f->value, rnd);
    }
    free(driven);
}
