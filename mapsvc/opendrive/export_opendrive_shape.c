/* Boundaries of another shape in an OpenDRIVE file: an edge is where the widths further in add up to, so the lanes on
 * both sides of it get new width records, and those beyond them stay where they are. A lane whose edge is a border gets
 * new borders; the line in the middle is the laneOffset. Records are straight pieces of t along s. */
#include "base/mem.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/opendrive/export_opendrive_edit.h"

#include <stdio.h>
#include <stdlib.h>

#define STRAIGHT 0.001 /* metres a record may be off */
#define PIECE_MIN 0.25
#define END_SLACK 0.5 /* metres along the road between a line's end and its section's */
enum { SPLIT_MAX = 12, STATIONS_MAX = 4096, LANE_MAX = 200 };

struct foot {
    double s, x, y;
};

/* A boundary as it is wanted. */
struct shape {
    struct xe_lane_name at;
    const struct element *e;
    struct foot *p; /* ascending s */
    size_t n;
    double end; /* of its section */
};

static double size(double v) {
    return v < 0.0 ? -v : v;
}

/* t of the wanted line where the road's normal at s meets it. */
static double wanted_t(const struct xe *x, const struct shape *v, double s) {
    size_t i = 1;
    while (i + 1 < v->n && v->p[i].s < s)
        i++;
    const struct foot *a = &v->p[i - 1];
    const struct foot *b = &v->p[i];
    struct od_pose at = od_road_at(x->m, v->at.road, s);
    double sine = 0.0;
    double cosine = 0.0;
    ieee_sincos(at.hdg, &sine, &cosine);
    double along = (b->x - a->x) * cosine + (b->y - a->y) * sine;
    double u = size(along) > 1e-9 ? ((at.x - a->x) * cosine + (at.y - a->y) * sine) / along : 0.0;
    double px = a->x + u * (b->x - a->x) - at.x;
    double py = a->y + u * (b->y - a->y) - at.y;
    return py * cosine - px * sine;
}

static double end_of(const struct xe *x, const struct xe_lane_name *v) {
    int side = v->lane->id < 0 ? -1 : v->lane->id > 0 ? 1 : 0;
    const struct od_section *next = od_next_section(x->m, v->road, v->section, side);
    return next == NULL || next->s > v->road->length ? v->road->length : next->s;
}

/* The points of e along the road; NULL or why they cannot be edges there. */
static const char *place(struct xe *x, struct shape *v) {
    v->p = ws_calloc(v->e->n_points, sizeof(v->p[0]));
    v->end = end_of(x, &v->at);
    for (size_t i = 0; i < v->e->n_points; i++) {
        struct foot *f = &v->p[v->n];
        double t = 0.0;
        if (!xe_plane(x, v->e->points[i], &f->x, &f->y))
            return "out of reach of the file's plane";
        (void)xe_foot(x, v->at.road, f->x, f->y, &f->s, &t);
        if (v->n > 0 && f->s < v->p[v->n - 1].s + 1e-6)
            return "its new shape runs back along the road";
        v->n++;
    }
    if (v->n < 2)
        return "its new shape is no line";
    if (size(v->p[0].s - v->at.section->s) > END_SLACK ||
        size(v->p[v->n - 1].s - v->end) > END_SLACK)
        return "its new shape does not run from end to end of its lane section";
    return NULL;
}

static bool same_place(const struct element *a, const struct element *b) {
    bool same = a->n_points == b->n_points;
    for (size_t i = 0; i < a->n_points && same; i++)
        same = size((double)a->points[i].x - b->points[i].x) <= 1.0 &&
               size((double)a->points[i].y - b->points[i].y) <= 1.0;
    return same;
}

/* ---- a section ---- */

struct group {
    struct xe *x;
    const struct od_road *road;
    const struct od_section *section;
    const struct shape *of[2 * LANE_MAX + 1]; /* by lane id + LANE_MAX; NULL: stays */
};

static const struct shape *shape_of(const struct group *g, int k) {
    return g->of[k + LANE_MAX];
}

static double edge(const struct group *g, int k, double s) {
    const struct shape *v = shape_of(g, k);
    return v != NULL ? wanted_t(g->x, v, s) : od_edge_at(g->x->b, g->road, k, s);
}

/* What records are to say along s: the distance between two edges, or (inner == outer) where one is. */
struct course {
    const struct group *g;
    int inner, outer;
    double s0, s1;
};

static double value(const struct course *c, double s) {
    /* the end belongs to the next section */
    s = s > c->s1 - 1e-6 ? c->s1 - 1e-6 : s;
    if (c->inner == c->outer)
        return edge(c->g, c->outer, s);
    double w = edge(c->g, c->outer, s) - edge(c->g, c->inner, s);
    return c->outer < 0 ? -w : w;
}

struct stations {
    double *s;
    size_t n, cap;
};

static void add_station(struct stations *l, double s) {
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 64 : l->cap * 2;
        l->s = ws_realloc(l->s, l->cap * sizeof(l->s[0]));
    }
    l->s[l->n++] = s;
}

/* Stations after s0 up to and with s1. */
static void split(
    const struct course *c, double s0, double s1, unsigned depth, struct stations *l) {
    double v0 = value(c, s0);
    double v1 = value(c, s1);
    bool bent = false;
    for (int i = 1; i <= 3 && depth < SPLIT_MAX && s1 - s0 > PIECE_MIN && l->n < STATIONS_MAX; i++)
        bent = bent ||
               size(value(c, s0 + (s1 - s0) * i / 4.0) - (v0 + (v1 - v0) * i / 4.0)) > STRAIGHT;
    if (!bent) {
        add_station(l, s1);
        return;
    }
    double half = s0 + (s1 - s0) / 2.0;
    split(c, s0, half, depth + 1, l);
    split(c, half, s1, depth + 1, l);
}

static int order_double(const void *a, const void *b) {
    double p = *(const double *)a;
    double q = *(const double *)b;
    return (p > q) - (p < q);
}

/* From s0 to s1: at each corner of the lines that are wanted, and between them as often as it takes. */
static struct stations stations_of(const struct course *c) {
    struct stations corners = {0};
    struct stations all = {0};
    const struct shape *v[] = {shape_of(c->g, c->inner), shape_of(c->g, c->outer)};
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; v[i] != NULL && k < v[i]->n; k++)
            if (v[i]->p[k].s > c->s0 + 1e-3 && v[i]->p[k].s < c->s1 - 1e-3)
                add_station(&corners, v[i]->p[k].s);
    add_station(&corners, c->s1);
    qsort(corners.s, corners.n, sizeof(corners.s[0]), order_double);
    add_station(&all, c->s0);
    for (size_t i = 0; i < corners.n; i++)
        if (corners.s[i] > all.s[all.n - 1] + 1e-3 || i + 1 == corners.n)
            split(c, all.s[all.n - 1], corners.s[i], 0, &all);
    free(corners.s);
    return all;
}

static void put_record(struct buf *b, struct span indent, const char *name, const char *key,
    const double v[static 5]) {
    static const char *const names[] = {"a", "b", "c", "d"};
    char text[XE_NUMBER];
    if (indent.n > 0)
        buf_put(b, indent.p, indent.n);
    xe_number(text, v[0]);
    buf_printf(b, "<%s %s=\"%s\"", name, key, text);
    for (size_t i = 0; i < 4; i++) {
        xe_number(text, v[i + 1]);
        buf_printf(b, " %s=\"%s\"", names[i], text);
    }
    buf_printf(b, "/>");
}

/* Records of a course; from: what their s counts from. False: somewhere it is negative and must not be. */
static bool put_course(const struct course *c, const char *name, const char *key, double from,
    struct span indent, struct buf *b) {
    struct stations l = stations_of(c);
    bool ok = l.n <= STATIONS_MAX;
    for (size_t i = 0; i + 1 < l.n; i++) {
        double v0 = value(c, l.s[i]);
        double v1 = value(c, l.s[i + 1]);
        ok = ok && (c->inner == c->outer || (v0 > -0.005 && v1 > -0.005));
        if (c->inner != c->outer) {
            v0 = v0 < 0.0 ? 0.0 : v0;
            v1 = v1 < 0.0 ? 0.0 : v1;
        }
        put_record(b, indent, name, key,
            (const double[]){l.s[i] - from, v0, (v1 - v0) / (l.s[i + 1] - l.s[i]), 0.0, 0.0});
    }
    free(l.s);
    return ok;
}

static void remove_records(struct xe *x, const struct od_polys *pool, uint32_t first, uint32_t n) {
    for (uint32_t i = first; i < first + n; i++)
        xe_remove(x, (struct od_source){pool->p[i].at, 0, pool->p[i].end});
}

/* New records of a lane in place of its old ones; only looks whether that can be. */
static const char *write_lane(
    const struct group *g, const struct od_lane *lane, double end, bool look) {
    struct xe *x = g->x;
    bool border = lane->width.n == 0 && lane->border.n > 0;
    const struct od_polys *pool = border ? &x->m->border : &x->m->width;
    struct od_run run = border ? lane->border : lane->width;
    int inner = border ? lane->id : lane->id < 0 ? lane->id + 1 : lane->id - 1;
    if (run.n == 0)
        return "its lane has neither width nor border";
    const struct course c = {g, inner, lane->id, g->section->s, end};
    uint32_t at = pool->p[run.first].at;
    struct span indent = xe_indent(x, at);
    struct buf b = {0};
    bool ok = put_course(&c, border ? "border" : "width", "sOffset", g->section->s, indent, &b);
    if (ok && !look) {
        xe_replace(x, at - (uint32_t)indent.n, 0, (const char *)b.p, b.n);
        remove_records(x, pool, run.first, run.n);
    }
    buf_free(&b);
    return ok ? NULL : "its new shape crosses the next boundary";
}

/* The line in the middle: laneOffset from s0 to s1, and behind it what was there. */
static void write_middle(const struct group *g, double s1) {
    struct xe *x = g->x;
    const struct od_polys *pool = &x->m->offset;
    struct od_run run = g->road->offset;
    double s0 = g->section->s;
    uint32_t from = 0;
    while (from < run.n && pool->p[run.first + from].s < s0 - 1e-6)
        from++;
    uint32_t to = from;
    while (to < run.n && pool->p[run.first + to].s < s1 - 1e-6)
        to++;
    const struct course c = {g, 0, 0, s0, s1};
    struct buf b = {0};
    /* behind the record before, before the one that comes next, or first of all */
    uint32_t at = g->road->lanes_source.at + g->road->lanes_source.n;
    struct span indent = {x->base.p + at, 0};
    if (from > 0) {
        at = pool->p[run.first + from - 1].end;
        indent = xe_indent(x, pool->p[run.first + from - 1].at);
    } else if (run.n > 0) {
        indent = xe_indent(x, pool->p[run.first].at);
    }
    (void)put_course(&c, "laneOffset", "s", 0.0, indent, &b);
    bool goes_on =
        s1 < g->road->length - 1e-3 && (to == run.n || pool->p[run.first + to].s > s1 + 1e-6);
    if (goes_on && to > 0) {
        const struct od_poly *p = &pool->p[run.first + to - 1];
        double h = s1 - p->s;
        put_record(&b, indent, "laneOffset", "s",
            (const double[]){s1, p->a + h * (p->b + h * (p->c + h * p->d)),
                p->b + h * (2.0 * p->c + h * 3.0 * p->d), p->c + 3.0 * p->d * h, p->d});
    } else if (goes_on) {
        put_record(&b, indent, "laneOffset", "s", (const double[]){s1, 0.0, 0.0, 0.0, 0.0});
    }
    xe_replace(x, at, 0, (const char *)b.p, b.n);
    remove_records(x, pool, run.first + from, to - from);
    buf_free(&b);
}

static bool has_borders(const struct group *g) {
    for (uint32_t i = 0; i < g->section->lanes.n; i++) {
        const struct od_lane *l = &g->x->m->lanes[g->section->lanes.first + i];
        if (l->width.n == 0 && l->border.n > 0)
            return true;
    }
    return false;
}

/* All lanes whose inner or outer edge changes. NULL, or why one of them cannot. */
static const char *write_lanes(const struct group *g, bool look) {
    const char *why = NULL;
    for (uint32_t i = 0; i < g->section->lanes.n && why == NULL; i++) {
        struct od_lane *l = &g->x->m->lanes[g->section->lanes.first + i];
        const struct xe_lane_name at = {.road = g->road, .section = g->section, .lane = l};
        int inner = l->id < 0 ? l->id + 1 : l->id - 1;
        bool border = l->width.n == 0 && l->border.n > 0;
        bool meant = shape_of(g, l->id) != NULL || (!border && shape_of(g, inner) != NULL);
        if (l->id != 0 && meant)
            why = write_lane(g, l, end_of(g->x, &at), look);
    }
    return why;
}

/* All of them or none: an edge alone would take those beyond it along. */
static void write_group(const struct group *g) {
    const struct shape *middle = shape_of(g, 0);
    const char *why = middle != NULL && has_borders(g) ? "a middle line does not go with borders"
                                                       : write_lanes(g, true);
    for (size_t i = 0; why != NULL && i < ARRAY_LEN(g->of); i++)
        if (g->of[i] != NULL)
            xe_unsaid(g->x, g->of[i]->e, why);
    if (why != NULL)
        return;
    if (middle != NULL)
        write_middle(g, middle->end);
    (void)write_lanes(g, false);
}

static int shape_order(const void *a, const void *b) {
    const struct shape *p = a;
    const struct shape *q = b;
    if (p->at.section != q->at.section)
        return p->at.section < q->at.section ? -1 : 1;
    return (p->at.lane->id > q->at.lane->id) - (p->at.lane->id < q->at.lane->id);
}

void xe_shapes(struct xe *x) {
    struct shape *all = ws_calloc(x->delta->n, sizeof(all[0]));
    size_t n = 0;
    for (size_t i = 0; i < x->delta->n; i++) {
        const struct map_change *c = &x->delta->changes[i];
        struct shape v = {.e = c->after};
        if (c->op != MAP_MODIFY || c->before->kind != EL_BOUNDARY ||
            same_place(c->before, c->after) ||
            !xe_lane_named(x, c->before->aliases[0], "border", &v.at))
            continue;
        const char *why = place(x, &v);
        if (why == NULL) {
            all[n++] = v;
        } else {
            xe_unsaid(x, v.e, why);
            free(v.p);
        }
    }
    if (n > 1)
        qsort(all, n, sizeof(all[0]), shape_order);
    for (size_t i = 0; i < n;) {
        struct group g = {.x = x, .road = all[i].at.road, .section = all[i].at.section};
        for (; i < n && all[i].at.section == g.section; i++)
            g.of[all[i].at.lane->id + LANE_MAX] = &all[i];
        write_group(&g);
    }
    for (size_t i = 0; i < n; i++)
        free(all[i].p);
    free(all);
}
