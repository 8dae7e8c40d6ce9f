/* Re-georeferencing: the same map put somewhere else (hd-map facts, 2). */
#include "base/mem.h"
#include "mapsvc/model/compare.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/model/ints.h"

#include <stdlib.h>

enum {
    TOLERANCE_MM = 10, /* below is rounding */
    FRAMES_DIFFER_MM = 2, /* both frames floor to millimetres */
    FORMATS_DIFFER_MM = 40, /* one format has curves where another has chords */
    SHIFT_MM = 50,
    SAMPLES_MIN = 8, /* fewer elements moved alike are moved elements */
};

bool compare_place(const struct compare *c, struct map_point p, struct map_point *ret_p) {
    *ret_p = p;
    if (!c->own_planes &&
        !frame_convert(&c->b->frame, &c->a->frame, p.x, p.y, &ret_p->x, &ret_p->y))
        return false;
    if (!c->fitted)
        return true;
    double x = (double)ret_p->x - c->from_x;
    double y = (double)ret_p->y - c->from_y;
    return ieee_round_i32(c->to_x + c->turn_cos * x - c->turn_sin * y, &ret_p->x) &&
           ieee_round_i32(c->to_y + c->turn_sin * x + c->turn_cos * y, &ret_p->y);
}

struct sample {
    struct map_point a, b; /* b as compare_place gives it */
};

/* Points of elements that alias matching paired and whose lines have the same number of points. */
static size_t take_samples(const struct compare *c, struct sample *s, size_t max) {
    size_t n = 0;
    for (size_t i = 0; i < c->a->n && n + 2 <= max; i++) {
        if (c->of_a[i] == 0)
            continue;
        const struct element *a = &c->a->elements[i];
        const struct element *b = &c->b->elements[c->of_a[i] - 1];
        if (a->n_points == 0 || a->n_points != b->n_points)
            continue;
        size_t at[] = {0, a->n_points - 1};
        for (size_t k = 0; k < (a->n_points > 1 ? 2U : 1U); k++) {
            s[n].a = a->points[at[k]];
            if (compare_place(c, b->points[at[k]], &s[n].b))
                n++;
        }
    }
    return n;
}

struct shift {
    int64_t x, y;
    size_t inliers, n;
};

static bool inlier(const struct sample *s, const struct shift *m) {
    int64_t dx = (int64_t)s->b.x - s->a.x - m->x;
    int64_t dy = (int64_t)s->b.y - s->a.y - m->y;
    return dx <= SHIFT_MM && dx >= -SHIFT_MM && dy <= SHIFT_MM && dy >= -SHIFT_MM &&
           dx * dx + dy * dy <= SHIFT_MM * SHIFT_MM;
}

static struct shift median_shift(const struct sample *s, size_t n) {
    struct shift m = {.n = n};
    if (n == 0)
        return m;
    int64_t *d = ws_calloc(n, sizeof(d[0]));
    for (size_t i = 0; i < n; i++)
        d[i] = (int64_t)s[i].b.x - s[i].a.x;
    qsort(d, n, sizeof(d[0]), order_i64);
    m.x = d[n / 2];
    for (size_t i = 0; i < n; i++)
        d[i] = (int64_t)s[i].b.y - s[i].a.y;
    qsort(d, n, sizeof(d[0]), order_i64);
    m.y = d[n / 2];
    free(d);
    for (size_t i = 0; i < n; i++)
        m.inliers += inlier(&s[i], &m);
    return m;
}

static bool agrees(const struct shift *m) {
    return m->n >= SAMPLES_MIN && m->inliers * 10 >= m->n * 9;
}

static bool is_large(const struct shift *m) {
    return m->x > SHIFT_MM || m->x < -SHIFT_MM || m->y > SHIFT_MM || m->y < -SHIFT_MM ||
           m->x * m->x + m->y * m->y > SHIFT_MM * SHIFT_MM;
}

/* Another place on the globe comes with another grid north and scale: a turn and stretch too small to
 * break the agreement, but larger than rounding. Least squares over those that agree. */
static void fit(struct compare *c, const struct sample *s, const struct shift *m) {
    double n = (double)m->inliers;
    double ax = 0.0;
    double ay = 0.0;
    double bx = 0.0;
    double by = 0.0;
    for (size_t i = 0; i < m->n; i++) {
        if (!inlier(&s[i], m))
            continue;
        ax += s[i].a.x / n;
        ay += s[i].a.y / n;
        bx += s[i].b.x / n;
        by += s[i].b.y / n;
    }
    double dot = 0.0;
    double cross = 0.0;
    double norm = 0.0;
    for (size_t i = 0; i < m->n; i++) {
        if (!inlier(&s[i], m))
            continue;
        double ux = s[i].b.x - bx;
        double uy = s[i].b.y - by;
        double vx = s[i].a.x - ax;
        double vy = s[i].a.y - ay;
        dot += ux * vx + uy * vy;
        cross += ux * vy - uy * vx;
        norm += ux * ux + uy * uy;
    }
    c->from_x = bx;
    c->from_y = by;
    c->to_x = ax;
    c->to_y = ay;
    c->turn_cos = norm > 0.0 ? dot / norm : 1.0;
    c->turn_sin = norm > 0.0 ? cross / norm : 0.0;
    c->fitted = true;
}

void compare_find_shift(struct compare *c, struct map_delta *ret_delta) {
    const struct cell_frame *f = &c->a->frame;
    const struct cell_frame *g = &c->b->frame;
    bool one_plane =
        f->lat0 == g->lat0 && f->lon0 == g->lon0 && f->north == g->north && f->east == g->east;
    c->tolerance =
        TOLERANCE_MM + (one_plane ? 0 : FRAMES_DIFFER_MM) + (c->same_ns ? 0 : FORMATS_DIFFER_MM);
    size_t max = 2 * c->a->n;
    struct sample *s = ws_calloc(max, sizeof(s[0]));
    struct shift by_place = median_shift(s, take_samples(c, s, max));
    struct shift m = by_place;
    if (!agrees(&m) && !one_plane) {
        /* Far enough away, one degree of longitude has another length: compare each map in its own plane. */
        c->own_planes = true;
        m = median_shift(s, take_samples(c, s, max));
        c->own_planes = agrees(&m);
    }
    if (c->own_planes || (agrees(&m) && is_large(&m))) {
        ret_delta->shifted = true;
        ret_delta->shift_x_mm = by_place.x;
        ret_delta->shift_y_mm = by_place.y;
        fit(c, s, &m);
        c->tolerance += FRAMES_DIFFER_MM;
    }
    free(s);
}
