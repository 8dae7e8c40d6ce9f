/* The true change list between two maps; see mapset.h. */
#include "mapsvc/compare.h"
#include "base/mem.h"
#include "mapsvc/ieee.h"

#include <stdlib.h>

bool attr_is_derived(const char *key) {
    static const char *const names[] = {"bulb_ways", "governs", "inner_of", "left_lane", "nodes",
        "opposite_lane", "outer_of", "regulatory", "right_lane", "rules", "stop_lines",
        "successors"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return false;
}

bool attr_is_reference(const char *key) {
    static const char *const names[] = {"all_way_stop", "bulbs", "inner", "lane", "left", "outer",
        "right", "right_of_way", "yield"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return attr_is_derived(key);
}

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

static bool same_line(
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

static bool same_heading(const struct element *a, const struct element *b) {
    enum { TEN_DEGREES = 65536 / 36 };
    if (a->has_heading != b->has_heading)
        return false;
    int d = (int16_t)(uint16_t)(a->heading - b->heading);
    return !a->has_heading || (d <= TEN_DEGREES && d >= -TEN_DEGREES);
}

static bool same_shape(const struct compare *c, const struct element *a, const struct element *b) {
    if (!shape_is_own(a) && !shape_is_own(b))
        return true;
    if (!same_heading(a, b))
        return false;
    struct map_point *q = ws_calloc(b->n_points, sizeof(q[0]));
    bool ok = true;
    for (size_t i = 0; i < b->n_points && ok; i++)
        ok = compare_place(c, b->points[i], &q[i]);
    ok = ok && same_line(a->points, a->n_points, q, b->n_points, c->tolerance);
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

static int change_order(const void *a, const void *b) {
    const struct map_change *p = a;
    const struct map_change *q = b;
    const struct element *x = p->before != NULL ? p->before : p->after;
    const struct element *y = q->before != NULL ? q->before : q->after;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return memcmp(x->id, y->id, sizeof(x->id));
}

void compare_match_names(struct compare *c, struct map_delta *ret_delta) {
    compare_match_alias(c);
    compare_find_shift(c, ret_delta);
    compare_unmatch_far(c);
}

void map_compare(const struct mapset *a, const struct mapset *b, struct map_delta *ret_delta) {
    struct compare c = {.a = a, .b = b, .same_ns = strcmp(a->ns, b->ns) == 0};
    struct map_delta d = {0};
    compare_match_names(&c, &d);
    compare_match_place(&c);
    d.changes = ws_calloc(a->n + b->n, sizeof(d.changes[0]));
    for (size_t i = 0; i < a->n; i++) {
        const struct element *before = &a->elements[i];
        const struct element *after = c.of_a[i] == 0 ? NULL : &b->elements[c.of_a[i] - 1];
        if (after == NULL)
            d.changes[d.n++] = (struct map_change){MAP_DELETE, before, NULL};
        else if (!compare_same(&c, before, after))
            d.changes[d.n++] = (struct map_change){MAP_MODIFY, before, after};
    }
    for (size_t k = 0; k < b->n; k++)
        if (c.of_b[k] == 0)
            d.changes[d.n++] = (struct map_change){MAP_CREATE, NULL, &b->elements[k]};
    if (d.n > 1)
        qsort(d.changes, d.n, sizeof(d.changes[0]), change_order);
    free(c.of_a);
    free(c.of_b);
    *ret_delta = d;
}

void map_delta_free(struct map_delta *d) {
    free(d->changes);
    *d = (struct map_delta){0};
}
