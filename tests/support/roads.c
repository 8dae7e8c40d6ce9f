#include "tests/support/roads.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define STEP 0.1

static double between(struct ws_random *rnd, double lo, double hi) {
    return lo + (hi - lo) * (double)ws_random_below(rnd, 1000001) / 1e6;
}

static bool one_in(struct ws_random *rnd, uint32_t n) {
    return ws_random_below(rnd, n) == 0;
}

/* ---- the second drawing ---- */

struct pose {
    long double x, y, hdg;
};

static long double cubic(const double *c, long double u) {
    return c[0] + u * (c[1] + u * (c[2] + u * (long double)c[3]));
}

static long double slope(const double *c, long double u) {
    return c[1] + u * (2.0L * c[2] + u * 3.0L * c[3]);
}

/* Curvature of a line, arc or spiral. */
static long double bend(const struct vr_geometry *g, long double ds) {
    if (g->shape == VR_LINE)
        return 0.0L;
    if (g->shape == VR_ARC)
        return g->p[0];
    return g->p[0] + (g->p[1] - (long double)g->p[0]) * ds / g->length;
}

/* Classical Runge-Kutta on (x, y, heading); the heading's own integral is exact for a curvature linear in s. */
static void advance(const struct vr_geometry *g, struct pose *at, long double ds, long double h) {
    long double k0 = bend(g, ds);
    long double k1 = bend(g, ds + h / 2);
    long double k2 = bend(g, ds + h);
    long double mid = at->hdg + h / 4 * (k0 + k1);
    long double end = at->hdg + h / 6 * (k0 + 4 * k1 + k2);
    at->x += h / 6 * (cosl(at->hdg) + 4 * cosl(mid) + cosl(end));
    at->y += h / 6 * (sinl(at->hdg) + 4 * sinl(mid) + sinl(end));
    at->hdg = end;
}

static struct pose of_uv(
    const struct vr_geometry *g, long double u, long double v, long double du, long double dv) {
    long double c = cosl(g->hdg);
    long double s = sinl(g->hdg);
    return (struct pose){g->x + u * c - v * s, g->y + u * s + v * c, g->hdg + atan2l(dv, du)};
}

/* u that lies h further along v(u). */
static long double poly3_step(const double *c, long double u, long double h) {
    for (int i = 0; i < 16; i++) {
        long double d = h / 16;
        long double a = 1 / sqrtl(1 + slope(c, u) * slope(c, u));
        long double m = slope(c, u + d / 2 * a);
        u += d / sqrtl(1 + m * m);
    }
    return u;
}

static void put_sample(struct vr_road *r, size_t *cap, double s, struct pose p) {
    if (r->n_path == *cap) {
        *cap = *cap == 0 ? 1024 : *cap * 2;
        r->path = ws_realloc(r->path, *cap * sizeof(r->path[0]));
    }
    r->path[r->n_path++] = (struct vr_sample){s, (double)p.x, (double)p.y, (double)p.hdg};
}

/* Samples of one record; its end. */
static struct pose draw(struct vr_road *r, const struct vr_geometry *g, size_t *cap) {
    struct pose at = {g->x, g->y, g->hdg};
    long double u = 0;
    size_t n = (size_t)(g->length / STEP) + 1;
    long double h = (long double)g->length / (long double)n;
    for (size_t i = 0; i <= n; i++) {
        long double ds = h * (long double)i;
        if (g->shape == VR_POLY3)
            at = of_uv(g, u, cubic(g->p, u), 1, slope(g->p, u));
        if (g->shape == VR_PARAM_POLY3) {
            long double p = g->normalized ? ds / g->length : ds;
            at = of_uv(g, cubic(g->p, p), cubic(g->p + 4, p), slope(g->p, p), slope(g->p + 4, p));
        }
        put_sample(r, cap, g->s + (double)ds, at);
        if (i == n)
            break;
        if (g->shape == VR_POLY3)
            u = poly3_step(g->p, u, h);
        else if (g->shape != VR_PARAM_POLY3)
            advance(g, &at, ds, h);
    }
    return at;
}

struct vr_sample vr_at(const struct vr_road *r, double s) {
    size_t lo = 0;
    size_t hi = r->n_path - 1;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->path[mid].s <= s)
            lo = mid;
        else
            hi = mid;
    }
    const struct vr_sample *a = &r->path[lo];
    const struct vr_sample *b = &r->path[hi];
    double f = b->s > a->s ? (s - a->s) / (b->s - a->s) : 0.0;
    f = f < 0.0 ? 0.0 : f > 1.0 ? 1.0 : f;
    return (struct vr_sample){
        s, a->x + f * (b->x - a->x), a->y + f * (b->y - a->y), a->hdg + f * (b->hdg - a->hdg)};
}

static double poly_at(const struct vr_polys *l, double s) {
    const struct vr_poly *p = &l->p[0];
    for (size_t i = 1; i < l->n; i++)
        if (l->p[i].s <= s)
            p = &l->p[i];
    return l->n == 0 ? 0.0 : (double)cubic(p->c, s - p->s);
}

double vr_edge(const struct vr_road *r, const struct vr_section *sec, int k, double s) {
    double t = poly_at(&r->offset, s);
    for (int i = 0; i < abs(k); i++) {
        double w = poly_at(k < 0 ? &sec->right[i].width : &sec->left[i].width, s - sec->s);
        t += k < 0 ? -w : w;
    }
    return t;
}

void vr_point(const struct vr_road *r, double s, double t, double *ret_x, double *ret_y) {
    struct vr_sample p = vr_at(r, s);
    *ret_x = p.x - t * sin(p.hdg);
    *ret_y = p.y + t * cos(p.hdg);
}

/* ---- making ---- */

static void make_geometry(struct ws_random *rnd, struct vr_geometry *g) {
    g->shape = (enum vr_shape)ws_random_below(rnd, VR_SHAPES);
    g->length = between(rnd, 5.0, 90.0);
    double bend_max = 0.6 / g->length < 0.03 ? 0.6 / g->length : 0.03;
    switch (g->shape) {
    case VR_ARC:
        g->p[0] = between(rnd, -0.03, 0.03);
        break;
    case VR_SPIRAL:
        g->p[0] = one_in(rnd, 2) ? 0.0 : between(rnd, -0.03, 0.03);
        g->p[1] = one_in(rnd, 4) ? 0.0 : between(rnd, -0.03, 0.03);
        break;
    case VR_POLY3: /* leaves its start straight on and stays flat enough to be one */
        g->p[2] = between(rnd, -bend_max, bend_max) / 2.0;
        g->p[3] = between(rnd, -bend_max, bend_max) / (6.0 * g->length);
        break;
    case VR_PARAM_POLY3:
        g->normalized = one_in(rnd, 2);
        g->p[1] = 1.0;
        g->p[6] = between(rnd, -bend_max, bend_max) / 2.0;
        g->p[7] = between(rnd, -bend_max, bend_max) / (6.0 * g->length);
        for (int i = 1; i < 8 && g->normalized; i++)
            g->p[i] *= pow(g->length, i % 4);
        break;
    case VR_LINE:
    case VR_SHAPES:
        break;
    }
}

/* Records whose values meet: from `from` on, n of them up to `to`, around `middle`. */
static void make_polys(
    struct ws_random *rnd, struct vr_polys *l, double to, double middle, double swing) {
    l->n = 1 + ws_random_below(rnd, VR_RECORDS);
    double value = middle + between(rnd, -swing, swing);
    for (size_t i = 0; i < l->n; i++) {
        double s0 = to * (double)i / (double)l->n;
        double h = to / (double)l->n;
        double next = one_in(rnd, 3) ? value : middle + between(rnd, -swing, swing);
        /* from value to next without a slope at either end */
        l->p[i] = (struct vr_poly){
            s0, {value, 0.0, 3.0 * (next - value) / (h * h), -2.0 * (next - value) / (h * h * h)}};
        value = next;
    }
}

static void make_lane(struct ws_random *rnd, struct vr_lane *l, double length) {
    static const char *const types[] = {"driving", "driving", "driving", "biking", "sidewalk",
        "shoulder", "bus", "exit", "parking", "restricted"};
    static const char *const marks[] = {"solid", "broken", "solid solid", "none", "curb", NULL};
    static const struct {
        const char *max, *unit;
        int limit;
        const char *said;
    } speeds[] = {{"50", "km/h", 50, "km/h"}, {"30", "mph", 30, "mph"},
        {"13.8888888889", "m/s", 50, "km/h"}, {"27.7777777778", NULL, 100, "km/h"},
        {"8.33", "m/s", 30, "km/h"}, {"7.000000e+01", "km/h", 70, "km/h"}};
    size_t i = ws_random_below(rnd, 2 * ARRAY_LEN(speeds));
    *l = (struct vr_lane){.type = types[ws_random_below(rnd, ARRAY_LEN(types))],
        .mark = marks[ws_random_below(rnd, ARRAY_LEN(marks))]};
    if (i < ARRAY_LEN(speeds)) {
        l->max = speeds[i].max;
        l->unit = speeds[i].unit;
        l->limit = speeds[i].limit;
        l->limit_unit = speeds[i].said;
    }
    make_polys(rnd, &l->width, length, between(rnd, 1.5, 4.0), 0.5);
}

static void make_sections(struct ws_random *rnd, struct vr_road *r) {
    r->n_sections = 1 + ws_random_below(rnd, VR_SECTIONS);
    for (size_t i = 0; i < r->n_sections; i++) {
        struct vr_section *sec = &r->sections[i];
        sec->s = r->length * (double)i / (double)r->n_sections;
        sec->end = r->length * (double)(i + 1) / (double)r->n_sections;
        sec->n_right = 1 + (int)ws_random_below(rnd, VR_LANES);
        sec->n_left = (int)ws_random_below(rnd, VR_LANES + 1);
        for (int k = 0; k < sec->n_left; k++)
            make_lane(rnd, &sec->left[k], sec->end - sec->s);
        for (int k = 0; k < sec->n_right; k++)
            make_lane(rnd, &sec->right[k], sec->end - sec->s);
    }
    make_polys(rnd, &r->offset, r->length, 0.0, 1.0);
    if (one_in(rnd, 2))
        r->offset.n = 0;
    /* a border is one cubic: only where what lies further in is constant or has the same records */
    for (size_t i = 0; i < r->n_sections; i++)
        r->sections[i].borders = one_in(rnd, 4) && r->offset.n == 0 && r->sections[i].n_left <= 1 &&
                                 r->sections[i].n_right <= 1;
}

struct vr_road vr_make(struct ws_random *rnd) {
    struct vr_road r = {.left_hand = one_in(rnd, 4)};
    struct pose at = {between(rnd, -2000, 2000), between(rnd, -2000, 2000), between(rnd, -7, 7)};
    size_t cap = 0;
    r.n_geometry = 1 + ws_random_below(rnd, VR_GEOMETRIES);
    for (size_t i = 0; i < r.n_geometry; i++) {
        struct vr_geometry *g = &r.geometry[i];
        *g = (struct vr_geometry){
            .s = r.length, .x = (double)at.x, .y = (double)at.y, .hdg = (double)at.hdg};
        make_geometry(rnd, g);
        at = draw(&r, g, &cap);
        r.length += g->length;
    }
    make_sections(rnd, &r);
    static const char orientations[] = "+-n";
    r.signal = (struct vr_signal){.s = between(rnd, 0.0, r.length),
        .t = between(rnd, -9.0, 9.0),
        .h_offset = between(rnd, -3.0, 3.0),
        .orientation = orientations[ws_random_below(rnd, 3)],
        .type = "274",
        .subtype = "-1",
        .value = (int)(10 * (1 + ws_random_below(rnd, 12)))};
    return r;
}

void vr_free(struct vr_road *r) {
    free(r->path);
    *r = (struct vr_road){0};
}
