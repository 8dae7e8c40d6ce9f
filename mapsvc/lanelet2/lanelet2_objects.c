/* Two Lanelet2 files object by object; see objects.h. */
#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/formats/objects.h"
#include "mapsvc/lanelet2/lanelet2.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/model/ints.h"

#include <stdlib.h>

enum { SHIFT_MM = 50, FAR_MM = 200, SAMPLES_MIN = 8 };

/* ---- nodes ---- */

struct step {
    const struct ll_node *a, *b;
    double dx, dy; /* mm */
};

struct both {
    const struct ll_map *a, *b;
    struct objects_delta *d;
    struct step *steps; /* common nodes with places in both files */
    size_t n;
    bool local; /* placed by local_x and local_y */
};

static bool placed_by_degrees(const struct ll_map *m) {
    for (size_t i = 0; i < m->n_nodes; i++)
        if (m->nodes[i].has_geo)
            return true;
    return false;
}

/* mm of 1e-10 degree on a sphere with 111.32 km to the degree. */
#define NORTH_MM 0.011132

static double east_mm(int64_t lat) {
    double s = 0.0;
    double c = 0.0;
    ieee_sincos((double)lat * (IEEE_PI / 1.8e12), &s, &c);
    return NORTH_MM * c;
}

static int64_t median_of(const struct both *w, int64_t (*get)(const struct step *s)) {
    int64_t *v = ws_calloc(w->n, sizeof(v[0]));
    for (size_t i = 0; i < w->n; i++)
        v[i] = get(&w->steps[i]);
    qsort(v, w->n, sizeof(v[0]), order_i64);
    int64_t m = v[w->n / 2];
    free(v);
    return m;
}

static int64_t lat_a(const struct step *s) {
    return s->a->lat;
}
static int64_t lon_a(const struct step *s) {
    return s->a->lon;
}
static int64_t lat_b(const struct step *s) {
    return s->b->lat;
}
static int64_t lon_b(const struct step *s) {
    return s->b->lon;
}
static int64_t step_lat(const struct step *s) {
    return s->b->lat - s->a->lat;
}
static int64_t step_lon(const struct step *s) {
    return s->b->lon - s->a->lon;
}
static int64_t step_x(const struct step *s) {
    return (int64_t)s->dx;
}
static int64_t step_y(const struct step *s) {
    return (int64_t)s->dy;
}

/* Elsewhere grid north and scale are others: what those that agree turned and stretched by is no movement. */
static void turn_back(struct both *own, int64_t lat0, int64_t lon0, double east) {
    double dot = 0.0;
    double cross = 0.0;
    double norm = 0.0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < own->n; i++) {
            struct step *s = &own->steps[i];
            double x = (double)(s->a->lon - lon0) * east;
            double y = (double)(s->a->lat - lat0) * NORTH_MM;
            if (pass == 1 && norm > 0.0) {
                s->dx -= (dot * x - cross * y) / norm;
                s->dy -= (cross * x + dot * y) / norm;
            } else if (s->dx * s->dx + s->dy * s->dy <= (double)(SHIFT_MM * SHIFT_MM)) {
                dot += x * s->dx + y * s->dy;
                cross += x * s->dy - y * s->dx;
                norm += x * x + y * y;
            }
        }
    }
}

/* A map put somewhere else keeps its lengths, not its degrees: each in the plane around its own middle. */
static void find_shift(struct both *w) {
    int64_t a_lat = median_of(w, lat_a);
    int64_t a_lon = median_of(w, lon_a);
    int64_t b_lat = median_of(w, lat_b);
    int64_t b_lon = median_of(w, lon_b);
    double east_a = east_mm(a_lat);
    double east_b = east_mm(b_lat);
    struct both own = *w;
    own.steps = ws_calloc(w->n, sizeof(own.steps[0]));
    for (size_t i = 0; i < w->n; i++) {
        struct step *s = &own.steps[i];
        *s = w->steps[i];
        s->dx = (double)(s->b->lon - b_lon) * east_b - (double)(s->a->lon - a_lon) * east_a;
        s->dy = (double)((s->b->lat - b_lat) - (s->a->lat - a_lat)) * NORTH_MM;
    }
    double x = (double)median_of(&own, step_x);
    double y = (double)median_of(&own, step_y);
    size_t agree = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct step *s = &own.steps[i];
        s->dx -= x;
        s->dy -= y;
        agree += s->dx * s->dx + s->dy * s->dy <= (double)(SHIFT_MM * SHIFT_MM);
    }
    if (agree * 10 >= w->n * 9) {
        turn_back(&own, a_lat, a_lon, east_a);
        w->d->shifted = true;
        w->d->shift_lat_e10 = median_of(w, step_lat);
        w->d->shift_lon_e10 = median_of(w, step_lon);
        memcpy(w->steps, own.steps, w->n * sizeof(w->steps[0]));
    }
    free(own.steps);
}

static bool has_moved(const struct both *w, const struct step *s, double d2) {
    if (w->local)
        return d2 >= 1.0;
    return w->d->shifted ? d2 > (double)(SHIFT_MM * SHIFT_MM) : s->a->place != s->b->place;
}

static void measure(struct both *w) {
    for (size_t i = 0; i < w->n; i++) {
        struct step *s = &w->steps[i];
        s->dx = w->local ? (double)s->b->local_x - s->a->local_x
                         : (double)(s->b->lon - s->a->lon) * east_mm(s->a->lat);
        s->dy = w->local ? (double)s->b->local_y - s->a->local_y
                         : (double)(s->b->lat - s->a->lat) * NORTH_MM;
    }
}

static void count_moves(struct both *w) {
    measure(w);
    if (!w->local && w->n >= SAMPLES_MIN) {
        double dx = (double)median_of(w, step_x);
        double dy = (double)median_of(w, step_y);
        if (dx * dx + dy * dy > (double)(SHIFT_MM * SHIFT_MM))
            find_shift(w);
    }
    double farthest = 0.0;
    for (size_t i = 0; i < w->n; i++) {
        double d2 = w->steps[i].dx * w->steps[i].dx + w->steps[i].dy * w->steps[i].dy;
        if (!has_moved(w, &w->steps[i], d2))
            continue;
        w->d->moved++;
        w->d->moved_far += d2 > (double)FAR_MM * FAR_MM;
        farthest = d2 > farthest ? d2 : farthest;
    }
    w->d->farthest_mm = (int64_t)ieee_sqrt(farthest);
}

static void compare_nodes(struct both *w) {
    const struct ll_map *a = w->a;
    const struct ll_map *b = w->b;
    struct object_counts *c = &w->d->nodes;
    w->local = !placed_by_degrees(a) || !placed_by_degrees(b);
    w->steps = ws_calloc(a->n_nodes, sizeof(w->steps[0]));
    size_t i = 0;
    size_t k = 0;
    while (i < a->n_nodes || k < b->n_nodes) {
        const struct ll_node *p = i < a->n_nodes ? &a->nodes[i] : NULL;
        const struct ll_node *q = k < b->n_nodes ? &b->nodes[k] : NULL;
        if (q == NULL || (p != NULL && p->id < q->id)) {
            c->deleted++;
            i++;
        } else if (p == NULL || q->id < p->id) {
            c->created++;
            k++;
        } else {
            c->retagged += p->tags != q->tags;
            w->d->raised += p->z != q->z;
            if (w->local ? p->has_x && p->has_y && q->has_x && q->has_y : p->has_geo && q->has_geo)
                w->steps[w->n++] = (struct step){.a = p, .b = q};
            i++;
            k++;
        }
    }
    count_moves(w);
    free(w->steps);
}

/* ---- ways and relations ---- */

struct tag_step {
    bool relation;
    const char *key, *before, *after; /* "" is a value; NULL none */
};

struct tag_steps {
    struct tag_step *v;
    size_t n, cap;
};

static int order_text(const char *a, const char *b) {
    if (a == NULL || b == NULL)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

static int tag_order(const void *a, const void *b) {
    const struct tag_step *p = a;
    const struct tag_step *q = b;
    if (p->relation != q->relation)
        return p->relation ? 1 : -1;
    int c = strcmp(p->key, q->key);
    if (c == 0)
        c = order_text(p->before, q->before);
    return c != 0 ? c : order_text(p->after, q->after);
}

static void tag_changed(struct tag_steps *s, struct tag_step step) {
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 64 : s->cap * 2;
        s->v = ws_realloc(s->v, s->cap * sizeof(s->v[0]));
    }
    s->v[s->n++] = step;
}

/* A tag that is there twice counts by its first value, as ll_tag reads it. */
static bool compare_tags(const struct both *w, const struct ll_object *p, const struct ll_object *q,
    bool relation, struct tag_steps *steps) {
    size_t before = steps->n;
    for (uint32_t i = p->first_tag; i < p->first_tag + p->n_tags; i++) {
        const char *key = (const char *)w->a->text.p + w->a->tags[i].key;
        const char *was = ll_tag(w->a, p, key);
        const char *is = ll_tag(w->b, q, key);
        if (is == NULL || strcmp(was, is) != 0)
            tag_changed(steps, (struct tag_step){relation, key, was, is});
    }
    for (uint32_t i = q->first_tag; i < q->first_tag + q->n_tags; i++) {
        const char *key = (const char *)w->b->text.p + w->b->tags[i].key;
        if (ll_tag(w->a, p, key) == NULL)
            tag_changed(steps, (struct tag_step){relation, key, NULL, ll_tag(w->b, q, key)});
    }
    return steps->n != before;
}

static bool same_parts(
    const struct both *w, const struct ll_object *p, const struct ll_object *q, bool relation) {
    if (p->n_parts != q->n_parts)
        return false;
    for (uint32_t i = 0; i < p->n_parts; i++) {
        if (!relation) {
            if (w->a->refs[p->first_part + i] != w->b->refs[q->first_part + i])
                return false;
            continue;
        }
        const struct ll_member *x = &w->a->members[p->first_part + i];
        const struct ll_member *y = &w->b->members[q->first_part + i];
        if (x->ref != y->ref || x->role != y->role || x->is_way != y->is_way ||
            x->is_relation != y->is_relation)
            return false;
    }
    return true;
}

static void compare_list(
    const struct both *w, bool relation, struct object_counts *c, struct tag_steps *steps) {
    const struct ll_object *a = relation ? w->a->relations : w->a->ways;
    const struct ll_object *b = relation ? w->b->relations : w->b->ways;
    size_t na = relation ? w->a->n_relations : w->a->n_ways;
    size_t nb = relation ? w->b->n_relations : w->b->n_ways;
    size_t i = 0;
    size_t k = 0;
    while (i < na || k < nb) {
        if (k == nb || (i < na && a[i].id < b[k].id)) {
            c->deleted++;
            i++;
        } else if (i == na || b[k].id < a[i].id) {
            c->created++;
            k++;
        } else {
            c->retagged += compare_tags(w, &a[i], &b[k], relation, steps);
            c->rewired += !same_parts(w, &a[i], &b[k], relation);
            i++;
            k++;
        }
    }
}

static int frequency_order(const void *a, const void *b) {
    const struct tag_change *p = a;
    const struct tag_change *q = b;
    if (p->count != q->count)
        return p->count > q->count ? -1 : 1;
    struct tag_step x = {p->relation, p->key, p->before, p->after};
    struct tag_step y = {q->relation, q->key, q->before, q->after};
    return tag_order(&x, &y);
}

static void gather_tags(struct objects_delta *d, struct tag_steps *steps) {
    if (steps->n > 1)
        qsort(steps->v, steps->n, sizeof(steps->v[0]), tag_order);
    struct tag_change *all = ws_calloc(steps->n, sizeof(all[0]));
    size_t n = 0;
    for (size_t i = 0; i < steps->n; i++) {
        const struct tag_step *s = &steps->v[i];
        if (i > 0 && tag_order(&steps->v[i - 1], s) == 0) {
            all[n - 1].count++;
            continue;
        }
        all[n++] = (struct tag_change){s->relation, ws_strdup(s->key),
            s->before == NULL ? NULL : ws_strdup(s->before),
            s->after == NULL ? NULL : ws_strdup(s->after), 1};
    }
    if (n > 1)
        qsort(all, n, sizeof(all[0]), frequency_order);
    for (size_t i = OBJECTS_TAG_CHANGES_MAX; i < n; i++) {
        free(all[i].key);
        free(all[i].before);
        free(all[i].after);
    }
    d->tags = all;
    d->n_tags = n < OBJECTS_TAG_CHANGES_MAX ? n : OBJECTS_TAG_CHANGES_MAX;
}

/* ---- files ---- */

static int read_file(
    const char *path, const struct map_import_options *opt, struct ll_map *m, struct ws_err *err) {
    struct buf data = {0};
    size_t max = opt->max_octets == 0 ? MAP_FILE_OCTETS_MAX : opt->max_octets;
    struct map_reader r = {.file = path, .opt = opt, .err = err};
    char root[64] = "";
    r.rc = file_read(path, max, &data, err);
    if (r.rc == WS_OK)
        r.rc = map_xml_root(path, buf_span(&data), root, err);
    if (r.rc == WS_OK && strcmp(root, "osm") != 0)
        r.rc = ws_fail(err, WS_ENOTSUP, "%s: not a Lanelet2 file", path);
    m->marks = true;
    if (r.rc == WS_OK)
        lanelet2_parse(&r, buf_span(&data), m);
    buf_free(&data);
    return r.rc;
}

int map_compare_objects(const char *path_a, const char *path_b,
    const struct map_import_options *opt, struct objects_delta *ret_delta, struct ws_err *err) {
    static const struct map_import_options none = {0};
    struct ll_map a = {0};
    struct ll_map b = {0};
    struct objects_delta d = {0};
    opt = opt == NULL ? &none : opt;
    int rc = read_file(path_a, opt, &a, err);
    if (rc == WS_OK)
        rc = read_file(path_b, opt, &b, err);
    if (rc == WS_OK) {
        struct both w = {.a = &a, .b = &b, .d = &d};
        struct tag_steps steps = {0};
        compare_nodes(&w);
        compare_list(&w, false, &d.ways, &steps);
        compare_list(&w, true, &d.relations, &steps);
        gather_tags(&d, &steps);
        free(steps.v);
        *ret_delta = d;
    }
    ll_map_free(&a);
    ll_map_free(&b);
    return rc;
}

void objects_delta_free(struct objects_delta *d) {
    for (size_t i = 0; i < d->n_tags; i++) {
        free(d->tags[i].key);
        free(d->tags[i].before);
        free(d->tags[i].after);
    }
    free(d->tags);
    *d = (struct objects_delta){0};
}
