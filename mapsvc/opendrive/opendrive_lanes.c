/* Lanes of OpenDRIVE roads: edges as boundaries, centre lines, limits. */
#include "base/mem.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/opendrive/opendrive.h"

#include <stdio.h>
#include <stdlib.h>

#define CHORD_ERROR 0.01 /* metres; with rounding well below the 2 cm that stored curves may have */
#define STEP_MIN 0.05
#define WIDTH_MIN 0.01 /* a lane that is nowhere wider is none */
enum { SPLIT_MAX = 14 };

/* One lane section of one road, with lanes by their distance from the reference line. */
struct cut {
    struct od_build *b;
    const struct od_road *road;
    const struct od_section *section;
    unsigned index; /* of the section in its road */
    double s0, s1;
    double s1_left, s1_right; /* where a section of one side goes on, its other side has ended */
    struct od_lane *left[200], *right[200]; /* [i] has id i + 1 or -(i + 1) */
    int n_left, n_right;
    struct od_lane *centre;
};

struct spot {
    double x, y;
};

/* t of the outer edge of lane k at s (0: of the lane in the middle). */
static double edge_t(const struct cut *c, int k, double s) {
    const struct od_map *m = c->b->m;
    double ds = s - c->section->s;
    double t = od_poly_at(&m->offset, c->road->offset, s);
    int n = k < 0 ? -k : k;
    for (int i = 0; i < n; i++) {
        if (c->b->budget > 0)
            c->b->budget--;
        t = od_outer_edge(m, k < 0 ? c->right[i] : c->left[i], ds, t);
    }
    return t;
}

/* The line half-way between edges a and b of the section (equal: the edge itself). */
static struct spot at(const struct cut *c, int a, int b, double s, double *ret_t) {
    if (c->b->budget > 0)
        c->b->budget--;
    double t = edge_t(c, a, s);
    if (a != b)
        t = (t + edge_t(c, b, s)) / 2.0;
    struct od_pose p = od_road_at(c->b->m, c->road, s);
    double sine = 0.0;
    double cosine = 0.0;
    ieee_sincos(p.hdg, &sine, &cosine);
    if (ret_t != NULL)
        *ret_t = t;
    return (struct spot){p.x - t * sine, p.y + t * cosine};
}

static bool add_place(const struct cut *c, struct spot p, double s, struct element *e) {
    struct map_point q;
    double z = od_poly_at(&c->b->m->elevation, c->road->elevation, s);
    if (!od_place(c->b, p.x, p.y, z, &q))
        return false;
    if (e->n_points > 0) {
        const struct map_point *last = &e->points[e->n_points - 1];
        if (last->x == q.x && last->y == q.y)
            return true;
    }
    return element_add_point(e, q);
}

static double off_chord2(struct spot p, struct spot a, struct spot b) {
    double dx = b.x - a.x;
    double dy = b.y - a.y;
    double len2 = dx * dx + dy * dy;
    double t = len2 > 0.0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / len2 : 0.0;
    t = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
    double ex = p.x - a.x - t * dx;
    double ey = p.y - a.y - t * dy;
    return ex * ex + ey * ey;
}

/* Adds points after s0 up to and with s1. A cubic has no more than two bends between its records, so
 * three points in between show whether a chord will do. */
struct stretch {
    const struct cut *c;
    int a, b;
    struct element *e;
};

static bool sample(
    const struct stretch *w, double s0, struct spot p0, double s1, struct spot p1, unsigned depth) {
    bool split = false;
    struct spot mid = {0};
    for (int i = 1; i <= 3 && depth < SPLIT_MAX && s1 - s0 > STEP_MIN; i++) {
        struct spot p = at(w->c, w->a, w->b, s0 + (s1 - s0) * i / 4.0, NULL);
        if (i == 2)
            mid = p;
        split = split || off_chord2(p, p0, p1) > CHORD_ERROR * CHORD_ERROR;
    }
    if (!split)
        return add_place(w->c, p1, s1, w->e);
    double half = s0 + (s1 - s0) / 2.0;
    return sample(w, s0, p0, half, mid, depth + 1) && sample(w, half, mid, s1, p1, depth + 1);
}

static int order_double(const void *a, const void *b) {
    double p = *(const double *)a;
    double q = *(const double *)b;
    return (p > q) - (p < q);
}

/* Beginnings of records between s0 and s1; the records' s counts from `from`. */
struct breaks {
    double *s;
    size_t n, cap;
    double s0, s1;
};

static void add_break(struct breaks *l, double s) {
    if (s <= l->s0 + 1e-3 || s >= l->s1 - 1e-3)
        return;
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 32 : l->cap * 2;
        l->s = ws_realloc(l->s, l->cap * sizeof(l->s[0]));
    }
    l->s[l->n++] = s;
}

static void add_polys(
    struct breaks *l, const struct od_polys *pool, struct od_run run, double from) {
    for (uint32_t i = od_first_after(pool, run, l->s0 - from); i < run.n; i++) {
        double s = from + pool->p[run.first + i].s;
        if (s >= l->s1)
            break;
        add_break(l, s);
    }
}

/* Where records begin between s0 and s1, ascending, and s1; malloc'd. Lanes up to k on its side. */
static double *breaks(const struct cut *c, int k, double s0, double s1, size_t *ret_n) {
    const struct od_map *m = c->b->m;
    struct breaks l = {.s0 = s0, .s1 = s1};
    for (uint32_t i = od_geometry_index(m, c->road, s0); i < c->road->geometry.n; i++) {
        double s = m->geometry[c->road->geometry.first + i].s;
        if (s >= s1)
            break;
        add_break(&l, s);
    }
    add_polys(&l, &m->offset, c->road->offset, 0.0);
    for (int i = 0; i < (k < 0 ? -k : k); i++) {
        const struct od_lane *lane = k < 0 ? c->right[i] : c->left[i];
        add_polys(&l, &m->width, lane->width, c->section->s);
        add_polys(&l, &m->border, lane->border, c->section->s);
    }
    c->b->budget -= c->b->budget < l.n ? c->b->budget : l.n;
    if (l.n > 1)
        qsort(l.s, l.n, sizeof(l.s[0]), order_double);
    size_t kept = 0;
    for (size_t i = 0; i < l.n; i++)
        if (kept == 0 || l.s[i] > l.s[kept - 1] + 1e-3)
            l.s[kept++] = l.s[i];
    l.s = ws_realloc(l.s, (kept + 1) * sizeof(l.s[0]));
    l.s[kept++] = s1;
    *ret_n = kept;
    return l.s;
}

/* The line between edges a and b, from s0 to s1. */
static bool draw(const struct cut *c, int a, int b, double s0, double s1, struct element *e) {
    int outer = (a < 0 ? -a : a) > (b < 0 ? -b : b) ? a : b;
    size_t n = 0;
    double *stops = breaks(c, outer, s0, s1, &n);
    const struct stretch w = {c, a, b, e};
    struct spot p0 = at(c, a, b, s0, NULL);
    bool ok = add_place(c, p0, s0, e);
    double s = s0;
    for (size_t i = 0; ok && i < n && c->b->budget > 0; i++) {
        struct spot p1 = at(c, a, b, stops[i], NULL);
        ok = sample(&w, s, p0, stops[i], p1, 0);
        s = stops[i];
        p0 = p1;
    }
    free(stops);
    return ok && e->n_points >= 2;
}

static void reverse(struct element *e) {
    for (size_t i = 0, j = e->n_points; i + 1 < j; i++) {
        struct map_point t = e->points[i];
        e->points[i] = e->points[--j];
        e->points[j] = t;
    }
}

static void native_of(const struct cut *c, const char *what, int k, char *dst) {
    (void)snprintf(dst, OD_NATIVE_MAX, "road/%s/section/%u/%s/%d", od_text(c->b->m, c->road->id),
        c->index, what, k);
}

static void emit_edge(const struct cut *c, int k, const struct od_lane *lane) {
    struct element e = {.kind = EL_BOUNDARY};
    char native[OD_NATIVE_MAX];
    native_of(c, "border", k, native);
    if (!draw(c, k, k, c->s0, c->s1, &e)) {
        map_skip(c->b->r, c->section->line, native, "out of reach, without length, or too long");
        element_free(&e);
        return;
    }
    if (lane != NULL && lane->marks.n > 0)
        od_set_marks(c->b->m, lane->marks, &e);
    map_emit(c->b->r, &e, native);
}

static const struct od_lane *lane_of(const struct cut *c, int k) {
    return k < 0 ? c->right[-k - 1] : c->left[k - 1];
}

static bool runs_along(const struct cut *c, int k) {
    return od_runs_along(c->road, lane_of(c, k));
}

static void emit_limit(
    const struct cut *c, int k, const struct od_speed *v, double s0, double s1, bool first) {
    char lane[OD_NATIVE_MAX];
    char native[OD_NATIVE_MAX + 64];
    native_of(c, "lane", k, lane);
    if (first)
        (void)snprintf(native, sizeof(native), "%s#speed_limit", lane);
    else
        (void)snprintf(
            native, sizeof(native), "%s#speed_limit/s/%lld", lane, (long long)(s0 * 1000.0 + 0.5));
    struct element e = {.kind = EL_SPEED_LIMIT, .has_value = true};
    const char *unit = NULL;
    if (!map_speed_of(v->max, v->unit[0] == '\0' ? "m/s" : v->unit, &e.value, &unit)) {
        map_note(c->b->r, v->line, "%s: \"%s\" \"%s\" is not a speed", native, v->max, v->unit);
        return;
    }
    int inner = k < 0 ? k + 1 : k - 1;
    if (!draw(c, inner, k, s0, s1, &e)) {
        element_free(&e);
        return;
    }
    if (!runs_along(c, k))
        reverse(&e);
    e.has_heading = map_heading_mid(e.points, e.n_points, &e.heading);
    (void)element_set_attr(&e, "unit", unit);
    char alias[OD_NATIVE_MAX + 16];
    (void)snprintf(alias, sizeof(alias), "opendrive:%s", lane);
    (void)element_set_attr(&e, "lane", alias);
    map_emit(c->b->r, &e, native);
}

/* What the file's default regulations say of a type of road that has no speed itself. */
static const struct od_speed *limit_of_type(
    const struct od_map *m, const struct od_speed *v, struct od_speed *room) {
    for (size_t i = 0; i < m->n_defaults; i++) {
        const struct od_default *d = &m->defaults[i];
        if (strcmp(od_text(m, d->type), od_text(m, v->type)) != 0 || d->max[0] == '\0')
            continue;
        *room = *v;
        room->none = false;
        memcpy(room->max, d->max, sizeof(room->max));
        memcpy(room->unit, d->unit, sizeof(room->unit));
        return room;
    }
    return v;
}

/* Limits on a lane: its own records, else those of the road's type where vehicles drive. */
static void emit_limits(const struct cut *c, int k, const struct od_lane *lane) {
    bool own = lane->speed.n > 0;
    if (!own && !od_is_driven(lane))
        return;
    struct od_run run = own ? lane->speed : c->road->speed;
    const struct od_speed *pool = own ? c->b->m->lane_speeds : c->b->m->road_speeds;
    if (run.n == 0)
        return;
    const struct od_speed *v = pool + run.first;
    size_t n = run.n;
    double from = own ? c->section->s : 0.0;
    for (size_t i = 0; i < n && c->b->budget > 0; i++) {
        double s0 = from + v[i].s;
        double s1 = i + 1 < n ? from + v[i + 1].s : c->s1;
        s1 = s1 > c->s1 ? c->s1 : s1;
        bool first = s0 <= c->s0 + 1e-3;
        s0 = first ? c->s0 : s0;
        struct od_speed by_type;
        const struct od_speed *speed = own || !v[i].none || v[i].max[0] != '\0'
                                           ? &v[i]
                                           : limit_of_type(c->b->m, &v[i], &by_type);
        if (!speed->none && s1 - s0 > 1e-3)
            emit_limit(c, k, speed, s0, s1, first);
    }
}

static bool has_width(const struct cut *c, int k) {
    int inner = k < 0 ? k + 1 : k - 1;
    for (int i = 0; i <= 8; i++) {
        double s = c->s0 + (c->s1 - c->s0) * i / 8.0;
        double w = edge_t(c, k, s) - edge_t(c, inner, s);
        if (w > WIDTH_MIN || w < -WIDTH_MIN)
            return true;
    }
    return false;
}

/* A lane that is a road works for now: what is in the way lies along it. */
static void emit_works(const struct cut *c, int k, const struct element *lane) {
    struct element e = element_copy(lane);
    char native[OD_NATIVE_MAX];
    native_of(c, "roadworks", k, native);
    while (e.n_aliases > 0)
        free(e.aliases[--e.n_aliases]);
    e.kind = EL_HAZARD;
    (void)element_set_attr(&e, "lane", lane->aliases[0]);
    map_emit(c->b->r, &e, native);
}

static void emit_lane(const struct cut *c, int k, struct od_lane *lane) {
    char native[OD_NATIVE_MAX];
    native_of(c, "lane", k, native);
    int inner = k < 0 ? k + 1 : k - 1;
    if (!has_width(c, k)) {
        c->b->no_width++;
        return;
    }
    struct element e = {.kind = EL_LANE};
    if (!draw(c, inner, k, c->s0, c->s1, &e)) {
        map_skip(c->b->r, lane->line, native, "out of reach, without length, or too long");
        element_free(&e);
        return;
    }
    bool along = runs_along(c, k);
    if (!along)
        reverse(&e);
    e.has_heading = map_heading_mid(e.points, e.n_points, &e.heading);
    (void)element_set_attr(&e, "subtype", lane->type);
    if (lane->access != 0)
        (void)element_set_attr(&e, "access", od_text(c->b->m, lane->access));
    /* Seen in driving direction: the inner edge is to the left where traffic keeps right. */
    char alias[OD_NATIVE_MAX + 16];
    for (int side = 0; side < 2; side++) {
        char edge[OD_NATIVE_MAX];
        native_of(c, "border", side == 0 ? inner : k, edge);
        (void)snprintf(alias, sizeof(alias), "opendrive:%s", edge);
        bool left = (side == 0) == ((k < 0) == along);
        (void)element_set_attr(&e, left ? "left" : "right", alias);
    }
    map_emit(c->b->r, &e, native);
    lane->element = (uint32_t)c->b->r->map->n;
    if (lane->works || strcmp(lane->type, "roadWorks") == 0)
        emit_works(c, k, &c->b->r->map->elements[lane->element - 1]);
    emit_limits(c, k, lane);
}

static void cut_lanes(struct cut *c) {
    const struct od_map *m = c->b->m;
    for (uint32_t i = 0; i < c->section->lanes.n; i++) {
        struct od_lane *lane = &m->lanes[c->section->lanes.first + i];
        if (lane->id == 0)
            c->centre = lane;
        else if (lane->id < 0)
            c->right[-lane->id - 1] = lane;
        else
            c->left[lane->id - 1] = lane;
        c->n_left = lane->id > c->n_left ? lane->id : c->n_left;
        c->n_right = -lane->id > c->n_right ? -lane->id : c->n_right;
    }
}

static void section_elements(struct cut *c) {
    cut_lanes(c);
    if (c->n_left + c->n_right == 0)
        return;
    for (int k = -c->n_right; k <= c->n_left && c->b->budget > 0 && c->b->r->rc == WS_OK; k++) {
        struct od_lane *lane = k == 0 ? c->centre : k < 0 ? c->right[-k - 1] : c->left[k - 1];
        double longer = c->s1_left > c->s1_right ? c->s1_left : c->s1_right;
        c->s1 = k == 0 ? longer : k < 0 ? c->s1_right : c->s1_left;
        if (!(c->s1 - c->s0 > 1e-3))
            continue;
        emit_edge(c, k, lane);
        if (k != 0)
            emit_lane(c, k, lane);
    }
}

static double side_end(const struct cut *c, int side) {
    const struct od_section *next = od_next_section(c->b->m, c->road, c->section, side);
    return next == NULL || next->s > c->road->length ? c->road->length : next->s;
}

void opendrive_lanes(struct od_build *b) {
    for (size_t i = 0; i < b->m->n_roads && b->r->rc == WS_OK; i++) {
        const struct od_road *road = &b->m->roads[i];
        for (uint32_t k = 0; road->broken == NULL && k < road->sections.n; k++) {
            struct cut c = {.b = b, .road = road, .index = k};
            c.section = &b->m->sections[road->sections.first + k];
            c.s0 = c.section->s;
            c.s1_left = side_end(&c, 1);
            c.s1_right = side_end(&c, -1);
            if (b->budget > 0 && b->r->rc == WS_OK)
                section_elements(&c);
        }
    }
}
