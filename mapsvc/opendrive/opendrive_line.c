/* Reference lines and cubic records of OpenDRIVE roads. */
#include "mapsvc/model/ieee.h"
#include "mapsvc/opendrive/opendrive.h"

#define TURN_MAX 1000.0 /* radians one record may turn through */

static double size(double v) {
    return v < 0.0 ? -v : v;
}

const char *od_geometry_fault(const struct od_geometry *g) {
    if (!(g->length > 0.0))
        return "a geometry has no length";
    switch (g->shape) {
    case OD_NONE:
        return "a geometry is none of line, arc, spiral, poly3, paramPoly3";
    case OD_LINE:
        return NULL;
    case OD_ARC:
        return size(g->p[0]) * g->length > TURN_MAX ? "an arc turns too often" : NULL;
    case OD_SPIRAL:
        return (size(g->p[0]) + size(g->p[1])) * g->length > TURN_MAX ? "a spiral turns too often"
                                                                      : NULL;
    case OD_POLY3:
    case OD_PARAM_POLY3:
        return NULL;
    }
    return "a geometry is unknown";
}

/* Five-point Gauss-Legendre on [-1, 1]. */
static const double gauss_x[] = {
    0.0, 0.5384693101056831, -0.5384693101056831, 0.9061798459386640, -0.9061798459386640};
static const double gauss_w[] = {0.5688888888888889, 0.4786286704993665, 0.4786286704993665,
    0.2369268850561891, 0.2369268850561891};

/* Chord of an arc: length 2 sin(k s / 2) / k in the direction of its middle; exact for small k too. */
static struct od_pose arc_at(const struct od_geometry *g, double ds) {
    double half = g->p[0] * ds / 2.0;
    double s = 0.0;
    double c = 0.0;
    double chord = ds;
    if (size(half) > 1e-12) {
        ieee_sincos(half, &s, &c);
        chord = ds * (s / half);
    }
    ieee_sincos(g->hdg + half, &s, &c);
    return (struct od_pose){g->x + chord * c, g->y + chord * s, g->hdg + 2.0 * half};
}

/* Curvature grows evenly along s; the direction is integrated in steps of at most half a radian. */
static struct od_pose spiral_at(const struct od_geometry *g, double ds) {
    double k0 = g->p[0];
    double rate = (g->p[1] - g->p[0]) / g->length;
    double turn = (size(g->p[0]) + size(g->p[1])) * ds;
    int64_t steps = 1;
    if (!ieee_floor(turn / 0.5, &steps))
        steps = 0;
    steps++;
    struct od_pose at = {g->x, g->y, g->hdg + k0 * ds + rate / 2.0 * ds * ds};
    double h = ds / (double)steps;
    for (int64_t i = 0; i < steps; i++) {
        for (int j = 0; j < 5; j++) {
            double u = ((double)i + (gauss_x[j] + 1.0) / 2.0) * h;
            double s = 0.0;
            double c = 0.0;
            ieee_sincos(g->hdg + k0 * u + rate / 2.0 * u * u, &s, &c);
            at.x += gauss_w[j] * h / 2.0 * c;
            at.y += gauss_w[j] * h / 2.0 * s;
        }
    }
    return at;
}

static struct od_pose turned(
    const struct od_geometry *g, double u, double v, double du, double dv) {
    double s = 0.0;
    double c = 0.0;
    ieee_sincos(g->hdg, &s, &c);
    double turn = size(du) + size(dv) > 0.0 ? ieee_atan2(dv, du) : 0.0;
    return (struct od_pose){g->x + u * c - v * s, g->y + u * s + v * c, g->hdg + turn};
}

static double slope(const double *p, double u) {
    return p[1] + u * (2.0 * p[2] + u * 3.0 * p[3]);
}

/* Length of v(u) from 0 to u. */
static double poly3_length(const double *p, double u) {
    enum { STEPS = 16 };
    double h = u / STEPS;
    double sum = 0.0;
    for (int i = 0; i < STEPS; i++) {
        for (int j = 0; j < 5; j++) {
            double m = slope(p, ((double)i + (gauss_x[j] + 1.0) / 2.0) * h);
            sum += gauss_w[j] * h / 2.0 * ieee_sqrt(1.0 + m * m);
        }
    }
    return sum;
}

/* v is a cubic in u, and u is not the length along the curve: Newton's steps find it. */
static struct od_pose poly3_at(const struct od_geometry *g, double ds) {
    double u = ds;
    for (int i = 0; i < 20; i++) {
        double m = slope(g->p, u);
        double step = (poly3_length(g->p, u) - ds) / ieee_sqrt(1.0 + m * m);
        u -= step;
        u = u < 0.0 ? 0.0 : u > ds ? ds : u;
        if (size(step) < 1e-9)
            break;
    }
    double v = g->p[0] + u * (g->p[1] + u * (g->p[2] + u * g->p[3]));
    return turned(g, u, v, 1.0, slope(g->p, u));
}

static struct od_pose param_poly3_at(const struct od_geometry *g, double ds) {
    double p = g->range == OD_RANGE_NORMALIZED ? ds / g->length : ds;
    const double *c = g->p;
    double u = c[0] + p * (c[1] + p * (c[2] + p * c[3]));
    double v = c[4] + p * (c[5] + p * (c[6] + p * c[7]));
    return turned(g, u, v, slope(c, p), slope(c + 4, p));
}

struct od_pose od_geometry_at(const struct od_geometry *g, double ds) {
    switch (g->shape) {
    case OD_ARC:
        return arc_at(g, ds);
    case OD_SPIRAL:
        return spiral_at(g, ds);
    case OD_POLY3:
        return poly3_at(g, ds);
    case OD_PARAM_POLY3:
        return param_poly3_at(g, ds);
    case OD_NONE:
    case OD_LINE:
        break;
    }
    double s = 0.0;
    double c = 0.0;
    ieee_sincos(g->hdg, &s, &c);
    return (struct od_pose){g->x + ds * c, g->y + ds * s, g->hdg};
}

uint32_t od_geometry_index(const struct od_map *m, const struct od_road *road, double s) {
    const struct od_geometry *g = m->geometry + road->geometry.first;
    uint32_t lo = 0;
    uint32_t hi = road->geometry.n;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (g[mid].s <= s)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

struct od_pose od_road_at(const struct od_map *m, const struct od_road *road, double s) {
    const struct od_geometry *g =
        m->geometry + road->geometry.first + od_geometry_index(m, road, s);
    double ds = s - g->s;
    ds = ds < 0.0 ? 0.0 : ds > g->length ? g->length : ds;
    return od_geometry_at(g, ds);
}

uint32_t od_first_after(const struct od_polys *pool, struct od_run run, double s) {
    uint32_t lo = 0;
    uint32_t hi = run.n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (pool->p[run.first + mid].s <= s)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

double od_poly_at(const struct od_polys *pool, struct od_run run, double s) {
    uint32_t after = od_first_after(pool, run, s);
    if (after == 0)
        return 0.0;
    const struct od_poly *p = &pool->p[run.first + after - 1];
    double ds = s - p->s;
    return p->a + ds * (p->b + ds * (p->c + ds * p->d));
}

static double gap2(struct od_pose at, const struct od_geometry *next) {
    double dx = at.x - next->x;
    double dy = at.y - next->y;
    return dx * dx + dy * dy;
}

/* hd-map facts, 3: "try normalized, check that the end point meets the next geometry, else try
 * arcLength". The last record has no next: there the curve's chord must not exceed its length by far, and
 * cannot be much shorter than a parameter of 1 would make it. */
static void settle_range(struct od_geometry *g, const struct od_geometry *next) {
    double miss[2];
    static const enum od_range ranges[] = {OD_RANGE_NORMALIZED, OD_RANGE_ARC_LENGTH};
    for (size_t i = 0; i < 2; i++) {
        g->range = ranges[i];
        struct od_pose end = od_geometry_at(g, g->length);
        if (next != NULL) {
            miss[i] = gap2(end, next);
        } else {
            double d = ieee_sqrt((end.x - g->x) * (end.x - g->x) + (end.y - g->y) * (end.y - g->y));
            miss[i] = size(d - g->length);
        }
    }
    g->range = miss[0] <= miss[1] ? OD_RANGE_NORMALIZED : OD_RANGE_ARC_LENGTH;
}

double od_settle_geometry(struct od_map *m, const struct od_road *road, size_t *ret_guessed) {
    struct od_geometry *g = m->geometry + road->geometry.first;
    double widest = 0.0;
    for (uint32_t i = 0; i < road->geometry.n; i++) {
        const struct od_geometry *next = i + 1 < road->geometry.n ? &g[i + 1] : NULL;
        if (g[i].shape == OD_PARAM_POLY3 && g[i].range == OD_RANGE_MISSING) {
            settle_range(&g[i], next);
            (*ret_guessed)++;
        }
        if (next != NULL) {
            double d = ieee_sqrt(gap2(od_geometry_at(&g[i], g[i].length), next));
            widest = d > widest ? d : widest;
        }
    }
    return widest;
}
