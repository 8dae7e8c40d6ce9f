/* Lanes to drive on: shapes with distances, who follows whom, which limit is in force where. */
#include "rsu/obus/obusim.h"

#include "base/assert.h"
#include "base/mem.h"
#include "mapsvc/fuse/fusion.h"

#include <stdlib.h>

enum {
    MEET_MM = 500,
    TURN_MAX = 10923, /* 60 degrees */
    SPEED_DEFAULT_KMH = 50,
    SPEED_MIN_KMH = 10,
    SPEED_MAX_KMH = 130,
    FIND_MM = 3000,
    LENGTH_MIN_MM = 200, /* shorter is no road */
    LENGTH_MAX_MM = 100000000, /* longer is none either */
};

static bool driven(const struct element *e) {
    static const char *const subtypes[] = {"road", "highway", "play_street", "bus_lane",
        "emergency_lane", "exit", "entry", "driving", "onRamp", "offRamp", "connectingRamp",
        "slipLane", "bidirectional", "bus", "taxi", "HOV", "roadWorks"};
    const char *subtype = element_attr(e, "subtype");
    if (subtype == NULL)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(subtypes); i++)
        if (strcmp(subtype, subtypes[i]) == 0)
            return true;
    return false;
}

static int64_t distance(struct map_point a, struct map_point b) {
    return fusion_sqrt(distance2(a.x, a.y, b.x, b.y));
}

/* False: too short, or out of reach. */
static bool shape(const struct sim_world *w, struct sim_lane *l) {
    const struct element *e = l->element;
    l->p = ws_calloc(e->n_points, sizeof(l->p[0]));
    l->at = ws_calloc(e->n_points, sizeof(l->at[0]));
    for (size_t i = 0; i < e->n_points; i++) {
        struct map_point p = e->points[i];
        if ((l->new && !sim_world_place(w, p, &p)) || !sim_within_reach(p.x, p.y))
            return false;
        int64_t d = l->n == 0 ? 0 : distance(l->p[l->n - 1], p);
        if (l->n > 0 && d == 0)
            continue;
        l->at[l->n] = l->n == 0 ? 0 : l->at[l->n - 1] + d;
        l->p[l->n++] = p;
    }
    l->length = l->n == 0 ? 0 : l->at[l->n - 1];
    return l->length >= LENGTH_MIN_MM && l->length <= LENGTH_MAX_MM;
}

static void lane_free(struct sim_lane *l) {
    free(l->p);
    free(l->at);
    free(l->next);
    free(l->before);
    free(l->limits);
}

static void add_lane(
    struct sim_roads *r, const struct sim_world *w, const struct element *e, bool new) {
    struct sim_lane l = {.element = e, .new = new};
    l.speed_mm_s = SPEED_DEFAULT_KMH * 1000000 / 3600;
    if (!shape(w, &l)) {
        lane_free(&l);
        return;
    }
    r->lanes[r->n++] = l;
}

/* ---- who follows whom ---- */

static uint16_t heading_between(struct map_point a, struct map_point b) {
    return heading_of((int64_t)b.x - a.x, (int64_t)b.y - a.y);
}

static bool follows(const struct sim_lane *a, const struct sim_lane *b) {
    struct map_point end = a->p[a->n - 1];
    return distance2(end.x, end.y, b->p[0].x, b->p[0].y) <= (uint64_t)MEET_MM * MEET_MM &&
           heading_gap(heading_between(a->p[a->n - 2], end), heading_between(b->p[0], b->p[1])) <=
               TURN_MAX;
}

struct start {
    int32_t x;
    size_t lane;
};

static int start_order(const void *a, const void *b) {
    const struct start *p = a;
    const struct start *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return (p->lane > q->lane) - (p->lane < q->lane);
}

static void append(size_t **list, size_t *n, size_t v) {
    if ((*n & (*n - 1)) == 0)
        *list = ws_realloc(*list, (*n == 0 ? 1 : 2 * *n) * sizeof(**list));
    (*list)[(*n)++] = v;
}

static void link_lanes(struct sim_roads *r) {
    struct start *s = ws_calloc(r->n, sizeof(s[0]));
    for (size_t i = 0; i < r->n; i++)
        s[i] = (struct start){r->lanes[i].p[0].x, i};
    qsort(s, r->n, sizeof(s[0]), start_order);
    for (size_t i = 0; i < r->n; i++) {
        struct sim_lane *a = &r->lanes[i];
        int64_t x = a->p[a->n - 1].x;
        size_t lo = 0;
        size_t hi = r->n;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (s[mid].x < x - MEET_MM)
                lo = mid + 1;
            else
                hi = mid;
        }
        for (; lo < r->n && s[lo].x <= x + MEET_MM; lo++) {
            struct sim_lane *b = &r->lanes[s[lo].lane];
            if (b == a || !follows(a, b))
                continue;
            append(&a->next, &a->n_next, s[lo].lane);
            append(&b->before, &b->n_before, i);
        }
    }
    free(s);
}

/* ---- limits ---- */

/* Where along the lane the place nearest to (x, y) is, and how far off. */
static int64_t project(const struct sim_lane *l, int32_t x, int32_t y, uint64_t *ret_dist2) {
    size_t seg = 0;
    *ret_dist2 = distance2_line(l->p, l->n, x, y, &seg);
    if (seg + 1 >= l->n)
        return l->length;
    struct map_point a = l->p[seg];
    struct map_point b = l->p[seg + 1];
    int64_t dx = (int64_t)b.x - a.x;
    int64_t dy = (int64_t)b.y - a.y;
    __int128 dot = (__int128)dx * ((int64_t)x - a.x) + (__int128)dy * ((int64_t)y - a.y);
    int64_t d = l->at[seg + 1] - l->at[seg];
    int64_t t = (int64_t)(dot / (d == 0 ? 1 : d));
    return l->at[seg] + (t < 0 ? 0 : t > d ? d : t);
}

struct name {
    const char *alias;
    size_t lane;
};

static int name_order(const void *a, const void *b) {
    const struct name *p = a;
    const struct name *q = b;
    int c = strcmp(p->alias, q->alias);
    return c != 0 ? c : (p->lane > q->lane) - (p->lane < q->lane);
}

static uint32_t speed_of(const struct sim_thing *t) {
    const char *unit = element_attr(t->element, "unit");
    int64_t v = t->face[0].value;
    /* 1 mile is 1.609344 km. */
    int64_t kmh = unit != NULL && strcmp(unit, "mph") == 0 ? v * 1609 / 1000 : v;
    kmh = kmh < SPEED_MIN_KMH ? SPEED_MIN_KMH : kmh > SPEED_MAX_KMH ? SPEED_MAX_KMH : kmh;
    return (uint32_t)(kmh * 1000000 / 3600);
}

static void put_limit(struct sim_roads *r, const struct sim_world *w, size_t thing, size_t lane) {
    struct sim_lane *l = &r->lanes[lane];
    const struct element *e = w->things[thing].element;
    uint64_t off = 0;
    struct map_point a = e->points[0];
    struct map_point b = e->points[e->n_points - 1];
    struct sim_limit_span span = {(uint32_t)thing, project(l, a.x, a.y, &off), 0};
    span.to = project(l, b.x, b.y, &off);
    if (span.to <= span.from) { /* a ring's two ends are one place */
        span.from = 0;
        span.to = l->length;
    }
    l->limits = ws_realloc(l->limits, (l->n_limits + 1) * sizeof(l->limits[0]));
    l->limits[l->n_limits++] = span;
    l->speed_mm_s = speed_of(&w->things[thing]);
}

static void place_limits(struct sim_roads *r, const struct sim_world *w) {
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->lanes[i].new ? 0 : r->lanes[i].element->n_aliases;
    struct name *names = ws_calloc(n, sizeof(names[0]));
    n = 0;
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->lanes[i].element->n_aliases && !r->lanes[i].new; k++)
            names[n++] = (struct name){r->lanes[i].element->aliases[k], i};
    if (n > 1)
        qsort(names, n, sizeof(names[0]), name_order);
    for (size_t t = 0; t < w->n_limits; t++) {
        const struct element *e = w->things[t].element;
        const char *lane = element_attr(e, "lane");
        struct name key = {lane, 0};
        size_t lo = 0;
        size_t hi = lane == NULL ? 0 : n;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (name_order(&names[mid], &key) < 0)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lane != NULL && lo < n && strcmp(names[lo].alias, lane) == 0) {
            put_limit(r, w, t, names[lo].lane);
            continue;
        }
        /* It names no lane that is there: the one it lies on. */
        struct map_point mid = e->points[e->n_points / 2];
        struct sim_pose at = {mid.x, mid.y, e->heading};
        (void)element_heading_at(e, mid.x, mid.y, &at.heading);
        int64_t along = 0;
        size_t found = sim_roads_find(r, at, false, &along);
        if (found != SIM_NONE)
            put_limit(r, w, t, found);
    }
    free(names);
}

/* ---- all of it ---- */

/* Lanes that a limit names are driven on whatever they are called. */
static bool has_limit(const struct sim_world *w, const struct element *lane) {
    for (size_t t = 0; t < w->n_limits; t++) {
        const char *name = element_attr(w->things[t].element, "lane");
        for (size_t k = 0; name != NULL && k < lane->n_aliases; k++)
            if (strcmp(lane->aliases[k], name) == 0)
                return true;
    }
    return false;
}

int sim_roads_make(struct sim_roads *r, const struct sim_world *w, struct ws_err *err) {
    *r = (struct sim_roads){.lanes = ws_calloc(w->map.n + w->delta.n, sizeof(r->lanes[0]))};
    for (size_t i = 0; i < w->map.n; i++) {
        const struct element *e = &w->map.elements[i];
        if (e->kind == EL_LANE && (driven(e) || has_limit(w, e)))
            add_lane(r, w, e, false);
    }
    for (size_t i = 0; i < w->delta.n; i++) {
        const struct map_change *c = &w->delta.changes[i];
        if (c->op == MAP_CREATE && c->after->kind == EL_LANE && driven(c->after))
            add_lane(r, w, c->after, true);
    }
    size_t registered = 0;
    for (size_t i = 0; i < r->n; i++) {
        /* As a limit, because those are in every bucket that they pass. */
        struct element e = {
            .kind = EL_SPEED_LIMIT, .n_points = r->lanes[i].n, .points = r->lanes[i].p};
        grid_add_element(&r->grid, &e, (uint32_t)i);
        registered += r->lanes[i].new ? 0 : 1;
    }
    grid_build(&r->grid);
    if (registered == 0) {
        sim_roads_free(r);
        return ws_fail(err, WS_EINPUT, "the registered map has no lane that vehicles drive on");
    }
    link_lanes(r);
    place_limits(r, w);
    return WS_OK;
}

void sim_roads_free(struct sim_roads *r) {
    for (size_t i = 0; i < r->n; i++)
        lane_free(&r->lanes[i]);
    free(r->lanes);
    grid_free(&r->grid);
    *r = (struct sim_roads){0};
}

struct sim_pose sim_lane_pose(const struct sim_lane *l, int64_t along) {
    size_t lo = 0;
    size_t hi = l->n - 2;
    while (lo < hi) {
        size_t mid = lo + (hi - lo + 1) / 2;
        if (l->at[mid] <= along)
            lo = mid;
        else
            hi = mid - 1;
    }
    struct map_point a = l->p[lo];
    struct map_point b = l->p[lo + 1];
    int64_t d = l->at[lo + 1] - l->at[lo];
    int64_t t = along - l->at[lo];
    t = t < 0 ? 0 : t > d ? d : t;
    int64_t dx = (int64_t)b.x - a.x;
    int64_t dy = (int64_t)b.y - a.y;
    return (struct sim_pose){(int32_t)(a.x + (__int128)dx * t / d),
        (int32_t)(a.y + (__int128)dy * t / d), heading_of(dx, dy)};
}

size_t sim_roads_find(
    const struct sim_roads *r, struct sim_pose at, bool changed, int64_t *ret_along) {
    size_t best = SIM_NONE;
    uint64_t best_dist2 = (uint64_t)FIND_MM * FIND_MM + 1;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            const struct grid_entry *e = NULL;
            size_t n = grid_bucket(&r->grid, at.x, at.y, dx, dy, &e);
            for (size_t i = 0; i < n; i++) {
                const struct sim_lane *l = &r->lanes[e[i].ref];
                uint64_t dist2 = 0;
                if (l->new && !changed)
                    continue;
                int64_t along = project(l, at.x, at.y, &dist2);
                if (dist2 > best_dist2 || (dist2 == best_dist2 && e[i].ref >= best) ||
                    heading_gap(sim_lane_pose(l, along).heading, at.heading) > HEADING_45)
                    continue;
                best = e[i].ref;
                best_dist2 = dist2;
                *ret_along = along;
            }
        }
    return best;
}

size_t sim_roads_pick(struct sim_roads *r, bool changed, int32_t x, int32_t y) {
    size_t best = SIM_NONE;
    uint64_t best_dist2 = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct sim_lane *l = &r->lanes[i];
        if (l->new && !changed)
            continue;
        uint64_t dist2 = distance2(l->p[0].x, l->p[0].y, x, y);
        if (best == SIM_NONE || l->passes < r->lanes[best].passes ||
            (l->passes == r->lanes[best].passes && dist2 < best_dist2)) {
            best = i;
            best_dist2 = dist2;
        }
    }
    WS_ASSERT(best != SIM_NONE);
    r->lanes[best].passes++;
    return best;
}

void sim_roads_forget(struct sim_roads *r) {
    for (size_t i = 0; i < r->n; i++)
        r->lanes[i].passes = 0;
}
