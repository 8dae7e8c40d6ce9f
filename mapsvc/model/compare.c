/* The true change list between two maps; see mapset.h. */
#include "mapsvc/model/compare.h"
#include "base/mem.h"
#include "mapsvc/model/ieee.h"

#include <stdlib.h>

static bool same_attrs(const struct element *a, const struct element *b) {
    size_t i = 0;
    size_t k = 0;
    for (;;) {
        while (i < a->n_attrs && attr_is_derived(a->attrs[i].key))
            i++;
        while (k < b->n_attrs && attr_is_derived(b->attrs[k].key))
            k++;
        if (i == a->n_attrs || k == b->n_attrs)
            return i == a->n_attrs && k == b->n_attrs;
        if (strcmp(a->attrs[i].key, b->attrs[k].key) != 0 ||
            strcmp(a->attrs[i].value, b->attrs[k].value) != 0)
            return false;
        i++;
        k++;
    }
}

/* A lane's shape is its bounds', a limit's its lane's: one edit of a bound is one change. */
static bool shape_is_own(const struct element *e) {
    if (e->kind == EL_SPEED_LIMIT)
        return element_attr(e, "lane") == NULL;
    if (element_attr(e, "outer") != NULL)
        return false;
    if (e->kind == EL_LANE || e->kind == EL_CROSSWALK)
        return element_attr(e, "left") == NULL || element_attr(e, "right") == NULL;
    return true;
}

static bool within(struct map_point p, struct map_point a, struct map_point b, int64_t tolerance) {
    double dx = (double)b.x - a.x;
    double dy = (double)b.y - a.y;
    double px = (double)p.x - a.x;
    double py = (double)p.y - a.y;
    double len2 = dx * dx + dy * dy;
    double t = len2 > 0.0 ? (px * dx + py * dy) / len2 : 0.0;
    t = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
    double ex = px - t * dx;
    double ey = py - t * dy;
    return ex * ex + ey * ey <= (double)(tolerance * tolerance);
}

/* Every point of one line lies on the other, in order of the other's segments. */
static bool follows(const struct map_point *p, size_t n, const struct map_point *line, size_t m,
    int64_t tolerance) {
    size_t at = 1;
    for (size_t i = 0; i < n; i++) {
        while (at < m && !within(p[i], line[at - 1], line[at], tolerance))
            at++;
        if (at == m)
            return false;
    }
    return true;
}

bool compare_lines(
    const struct map_point *p, size_t n, const struct map_point *q, size_t m, int64_t tolerance) {
    if (n == 0 || m == 0)
        return n == m;
    if (!within(p[0], q[0], q[0], tolerance) || !within(p[n - 1], q[m - 1], q[m - 1], tolerance))
        return false;
    if (n == m) {
        size_t i = 0;
        while (i < n && within(p[i], q[i], q[i], tolerance))
            i++;
        if (i == n)
            return true;
    }
    return n > 1 && m > 1 && follows(p, n, q, m, tolerance) && follows(q, m, p, n, tolerance);
}

/* Of the box around it: points may crowd on one side. */
struct map_point compare_middle(const struct map_point *p, size_t n) {
    struct map_point lo = p[0];
    struct map_point hi = lo;
    for (size_t i = 1; i < n; i++) {
        lo.x = p[i].x < lo.x ? p[i].x : lo.x;
        lo.y = p[i].y < lo.y ? p[i].y : lo.y;
        hi.x = p[i].x > hi.x ? p[i].x : hi.x;
        hi.y = p[i].y > hi.y ? p[i].y : hi.y;
    }
    return (struct map_point){
        (int32_t)(((int64_t)lo.x + hi.x) / 2), (int32_t)(((int64_t)lo.y + hi.y) / 2), 0};
}

/* Every corner of one ring lies on the other. Where it begins and which way it runs says nothing. */
static bool lies_on(const struct map_point *p, size_t n, const struct map_point *ring, size_t m,
    int64_t tolerance) {
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < m && !within(p[i], ring[k], ring[(k + 1) % m], tolerance))
            k++;
        if (k == m)
            return false;
    }
    return true;
}

enum { RING_MAX = 512 }; /* corners that are looked at one against all others */

static bool is_ring(const struct element *e) {
    return (e->kind == EL_CROSSWALK || e->kind == EL_AREA) && e->n_points >= 3 &&
           e->n_points <= RING_MAX;
}

static void turn_round(struct map_point *p, size_t n) {
    for (size_t i = 0; i + 1 < n; i++) {
        struct map_point t = p[i];
        p[i] = p[--n];
        p[n] = t;
    }
}

/* Of one thing in two formats, one may know less: a crosswalk's middle, a line's course but not its direction. */
static bool same_course(
    const struct compare *c, const struct element *a, struct map_point *q, size_t m) {
    if (is_ring(a) && m >= 3 && m <= RING_MAX)
        return lies_on(a->points, a->n_points, q, m, c->tolerance) &&
               lies_on(q, m, a->points, a->n_points, c->tolerance);
    if (compare_lines(a->points, a->n_points, q, m, c->tolerance))
        return true;
    if (c->same_ns)
        return false;
    if (a->kind == EL_CROSSWALK && (a->n_points == 1) != (m == 1)) {
        struct map_point p = compare_middle(a->points, a->n_points);
        struct map_point r = compare_middle(q, m);
        return within(p, r, r, c->tolerance);
    }
    if (a->kind != EL_BOUNDARY && a->kind != EL_STOP_LINE)
        return false;
    turn_round(q, m);
    return compare_lines(a->points, a->n_points, q, m, c->tolerance);
}

static bool same_heading(
    const struct compare *c, const struct element *a, const struct element *b) {
    enum { TEN_DEGREES = 65536 / 36 };
    if (a->has_heading != b->has_heading)
        return !c->same_ns;
    int d = (int16_t)(uint16_t)(a->heading - b->heading);
    return !a->has_heading || (d <= TEN_DEGREES && d >= -TEN_DEGREES);
}

static bool same_shape(const struct compare *c, const struct element *a, const struct element *b) {
    if (!shape_is_own(a) && !shape_is_own(b))
        return true;
    if (!same_heading(c, a, b))
        return false;
    struct map_point *q = ws_calloc(b->n_points, sizeof(q[0]));
    bool ok = true;
    for (size_t i = 0; i < b->n_points && ok; i++)
        ok = compare_place(c, b->points[i], &q[i]);
    ok = ok && same_course(c, a, q, b->n_points);
    free(q);
    return ok;
}

/* A figure in miles is another one in kilometres, whatever the format. A sign may leave the unit to its country. */
static bool same_unit(const struct element *a, const struct element *b) {
    const char *p = element_attr(a, "unit");
    const char *q = element_attr(b, "unit");
    if (!a->has_value || (a->kind == EL_SIGN && (p == NULL || q == NULL)))
        return true;
    return (p != NULL && strcmp(p, "mph") == 0) == (q != NULL && strcmp(q, "mph") == 0);
}

bool compare_same(const struct compare *c, const struct element *a, const struct element *b) {
    if (a->has_value != b->has_value || (a->has_value && a->value != b->value) || !same_unit(a, b))
        return false;
    if (a->valid_from_ms != b->valid_from_ms || a->valid_to_ms != b->valid_to_ms)
        return false;
    if (c->same_ns && !same_attrs(a, b))
        return false;
    return same_shape(c, a, b);
}

/* Numbers in names by their figure: way/9 before way/10. */
static int natural_order(const char *a, const char *b) {
    static const char digits[] = "0123456789";
    for (;;) {
        size_t n = strspn(a, digits);
        size_t m = strspn(b, digits);
        if (n > 0 && m > 0) {
            while (n > 1 && *a == '0') {
                a++;
                n--;
            }
            while (m > 1 && *b == '0') {
                b++;
                m--;
            }
            int c = n != m ? (n < m ? -1 : 1) : strncmp(a, b, n);
            if (c != 0)
                return c;
            a += n;
            b += m;
        } else if (*a != *b || *a == '\0') {
            return (unsigned char)*a - (unsigned char)*b;
        } else {
            a++;
            b++;
        }
    }
}

static int change_order(const void *a, const void *b) {
    const struct map_change *p = a;
    const struct map_change *q = b;
    const struct element *x = p->before != NULL ? p->before : p->after;
    const struct element *y = q->before != NULL ? q->before : q->after;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int c =
        natural_order(x->n_aliases > 0 ? x->aliases[0] : "", y->n_aliases > 0 ? y->aliases[0] : "");
    return c != 0 ? c : memcmp(x->id, y->id, sizeof(x->id));
}

void compare_match_names(struct compare *c, struct map_delta *ret_delta) {
    compare_match_alias(c);
    compare_find_shift(c, ret_delta);
    compare_unmatch_far(c);
}

/* What one of two formats has no word for is no difference between them. */
static bool has_word(const char *ns, enum element_kind k) {
    if (strcmp(ns, "tnits") == 0)
        return k == EL_SIGN || k == EL_SPEED_LIMIT || k == EL_CROSSWALK;
    if (strcmp(ns, "opendrive") == 0)
        return k != EL_AREA;
    return strcmp(ns, "lanelet2") != 0 || k != EL_HAZARD;
}

static bool is_comparable(const struct compare *c, enum element_kind k) {
    return c->same_ns || (has_word(c->a->ns, k) && has_word(c->b->ns, k));
}

static int text_order(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the boundaries of lanes, in order; borrows the map. */
static const char **lane_edges(const struct mapset *m, size_t *ret_n) {
    const char **names = ws_calloc(2 * m->n, sizeof(names[0]));
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct element *e = &m->elements[i];
        const char *sides[] = {element_attr(e, "left"), element_attr(e, "right")};
        for (size_t k = 0; k < 2 && e->kind == EL_LANE; k++)
            if (sides[k] != NULL)
                names[n++] = sides[k];
    }
    if (n > 1)
        qsort((void *)names, n, sizeof(names[0]), text_order);
    *ret_n = n;
    return names;
}

/* Lines beside the lanes, which some formats draw and others do not. */
static size_t leave_other_lines(
    const struct compare *c, const struct mapset *m, const uint32_t *partner, bool *left_out) {
    size_t n = 0;
    size_t count = 0;
    const char **edges = c->same_ns ? NULL : lane_edges(m, &n);
    for (size_t i = 0; edges != NULL && i < m->n; i++) {
        const struct element *e = &m->elements[i];
        bool of_lane = e->kind != EL_BOUNDARY || partner[i] != 0;
        for (size_t k = 0; k < e->n_aliases && !of_lane; k++)
            of_lane = bsearch((const void *)&e->aliases[k], (const void *)edges, n,
                          sizeof(edges[0]), text_order) != NULL;
        left_out[i] = !of_lane;
        count += !of_lane;
    }
    free((void *)edges);
    return count;
}

/* partner: 1 + index in b, 0: none. */
static void of_a(const struct compare *c, const struct element *before, uint32_t partner,
    bool left_out, struct map_delta *d) {
    if (!is_comparable(c, before->kind)) {
        d->no_word[before->kind]++;
    } else if (partner == 0) {
        if (!left_out)
            d->changes[d->n++] = (struct map_change){MAP_DELETE, before, NULL};
    } else {
        const struct element *after = &c->b->elements[partner - 1];
        if (!compare_same(c, before, after))
            d->changes[d->n++] = (struct map_change){MAP_MODIFY, before, after};
    }
}

static void only_in_b(
    const struct compare *c, const struct element *after, bool left_out, struct map_delta *d) {
    if (!is_comparable(c, after->kind))
        d->no_word[after->kind]++;
    else if (!left_out)
        d->changes[d->n++] = (struct map_change){MAP_CREATE, NULL, after};
}

void map_compare(const struct mapset *a, const struct mapset *b, struct map_delta *ret_delta) {
    struct compare c = {.a = a, .b = b, .same_ns = strcmp(a->ns, b->ns) == 0};
    struct map_delta d = {0};
    compare_match_names(&c, &d);
    compare_match_place(&c);
    d.changes = ws_calloc(a->n + b->n, sizeof(d.changes[0]));
    bool *out_a = ws_calloc(a->n, sizeof(out_a[0]));
    bool *out_b = ws_calloc(b->n, sizeof(out_b[0]));
    if (is_comparable(&c, EL_BOUNDARY))
        d.no_word[EL_BOUNDARY] =
            leave_other_lines(&c, a, c.of_a, out_a) + leave_other_lines(&c, b, c.of_b, out_b);
    for (size_t i = 0; i < a->n; i++)
        of_a(&c, &a->elements[i], c.of_a[i], out_a[i], &d);
    for (size_t k = 0; k < b->n; k++)
        if (c.of_b[k] == 0 || !is_comparable(&c, b->elements[k].kind))
            only_in_b(&c, &b->elements[k], out_b[k], &d);
    if (d.n > 1)
        qsort(d.changes, d.n, sizeof(d.changes[0]), change_order);
    free(out_a);
    free(out_b);
    free(c.of_a);
    free(c.of_b);
    *ret_delta = d;
}

void map_delta_free(struct map_delta *d) {
    free(d->changes);
    *d = (struct map_delta){0};
}
