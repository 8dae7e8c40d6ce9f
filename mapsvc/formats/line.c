/* Lines between two bounds and their headings, for the readers of map formats. */
#include "base/mem.h"
#include "mapsvc/formats/import.h"
#include "mapsvc/model/ieee.h"

#include <stdlib.h>

static double distance(struct map_point a, struct map_point b) {
    double dx = (double)b.x - (double)a.x;
    double dy = (double)b.y - (double)a.y;
    return ieee_sqrt(dx * dx + dy * dy);
}

/* Share of the whole length at each point: 0 first, 1 last. False for a line without length. */
static bool shares(const struct map_point *p, size_t n, double *ret_share) {
    double total = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            total += distance(p[i - 1], p[i]);
        ret_share[i] = total;
    }
    if (!(total > 0.0))
        return false;
    for (size_t i = 0; i < n; i++)
        ret_share[i] = i + 1 == n ? 1.0 : ret_share[i] / total;
    return true;
}

struct place {
    double x, y, z;
};

/* The point at `share`; *at is the segment, which only moves forward. */
static struct place point_at(
    const struct map_point *p, const double *share, size_t n, double s, size_t *at) {
    while (*at + 2 < n && share[*at + 1] < s)
        (*at)++;
    double span = share[*at + 1] - share[*at];
    double f = span > 0.0 ? (s - share[*at]) / span : 0.0;
    f = f < 0.0 ? 0.0 : f > 1.0 ? 1.0 : f;
    const struct map_point *a = &p[*at];
    const struct map_point *b = a + 1;
    return (struct place){a->x + f * ((double)b->x - a->x), a->y + f * ((double)b->y - a->y),
        a->z + f * ((double)b->z - a->z)};
}

static bool add_middle(struct element *e, struct place a, struct place b) {
    struct map_point p = {0};
    if (!ieee_round_i32((a.x + b.x) / 2.0, &p.x) || !ieee_round_i32((a.y + b.y) / 2.0, &p.y) ||
        !ieee_round_i32((a.z + b.z) / 2.0, &p.z))
        return false;
    if (e->n_points > 0) {
        const struct map_point *last = &e->points[e->n_points - 1];
        if (last->x == p.x && last->y == p.y)
            return true;
    }
    return element_add_point(e, p);
}

bool map_centre_line(struct element *e, const struct map_point *left, size_t n_left,
    const struct map_point *right, size_t n_right) {
    if (n_left < 2 || n_right < 2 || n_left > ELEMENT_MAX_POINTS)
        return false;
    double *ls = ws_calloc(n_left, sizeof(double));
    double *rs = ws_calloc(n_right, sizeof(double));
    bool ok = shares(left, n_left, ls) && shares(right, n_right, rs);
    size_t i = 0;
    /* Where both together are more than an element holds, the left bound's points have to do. */
    size_t j = n_left + n_right > ELEMENT_MAX_POINTS ? n_right : 0;
    size_t at_left = 0;
    size_t at_right = 0;
    while (ok && (i < n_left || j < n_right)) {
        double s = i == n_left ? rs[j] : j == n_right ? ls[i] : ls[i] < rs[j] ? ls[i] : rs[j];
        while (i < n_left && ls[i] <= s)
            i++;
        while (j < n_right && rs[j] <= s)
            j++;
        ok = add_middle(
            e, point_at(left, ls, n_left, s, &at_left), point_at(right, rs, n_right, s, &at_right));
    }
    free(ls);
    free(rs);
    return ok && e->n_points >= 2;
}

bool map_heading_mid(const struct map_point *p, size_t n, uint16_t *ret_heading) {
    double total = 0.0;
    for (size_t i = 1; i < n; i++)
        total += distance(p[i - 1], p[i]);
    double at = 0.0;
    for (size_t i = 1; i < n; i++) {
        double d = distance(p[i - 1], p[i]);
        at += d;
        if (d > 0.0 && at >= total / 2.0) {
            *ret_heading = ieee_heading((double)p[i].x - p[i - 1].x, (double)p[i].y - p[i - 1].y);
            return true;
        }
    }
    return false;
}

bool map_heading_near(const struct map_point *p, size_t n, struct map_point at,
    uint16_t *ret_heading, double *ret_dist2) {
    bool found = false;
    for (size_t i = 1; i < n; i++) {
        double dx = (double)p[i].x - p[i - 1].x;
        double dy = (double)p[i].y - p[i - 1].y;
        double len2 = dx * dx + dy * dy;
        if (!(len2 > 0.0))
            continue;
        double px = (double)at.x - p[i - 1].x;
        double py = (double)at.y - p[i - 1].y;
        double t = (px * dx + py * dy) / len2;
        t = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
        double ex = px - t * dx;
        double ey = py - t * dy;
        double d2 = ex * ex + ey * ey;
        if (!found || d2 < *ret_dist2) {
            found = true;
            *ret_dist2 = d2;
            *ret_heading = ieee_heading(dx, dy);
        }
    }
    return found;
}
