/* Which element of a map is which object of the file, and whether they say the same. */
#include "base/mem.h"
#include "mapsvc/lanelet2/lanelet2_into.h"
#include "mapsvc/model/compare.h"
#include "mapsvc/model/text.h"

#include <stdlib.h>

static int name_order(const void *a, const void *b) {
    const struct into_name *p = a;
    const struct into_name *q = b;
    if (p->kind != q->kind)
        return p->kind < q->kind ? -1 : 1;
    if (p->id != q->id)
        return p->id < q->id ? -1 : 1;
    /* NULL: a key to look for, before all of its name */
    return p->e == NULL || q->e == NULL ? (p->e != NULL) - (q->e != NULL)
                                        : memcmp(p->e->id, q->e->id, sizeof(p->e->id));
}

static bool name_of(const struct element *e, const struct osm_index *x, int64_t *ret_id) {
    static const char prefix[] = "lanelet2:relation/";
    if (osm_is_way(e) || osm_is_relation(e)) {
        *ret_id = osm_id(e);
        return true;
    }
    const char *alias = e->kind == EL_SPEED_LIMIT ? element_attr(e, "lane") : NULL;
    if (alias == NULL)
        return false;
    const struct element *lane = osm_find(x, EL_LANE, alias);
    if (lane != NULL)
        *ret_id = osm_id(lane);
    return lane != NULL || (strncmp(alias, prefix, sizeof(prefix) - 1) == 0 &&
                               text_to_i64(alias + sizeof(prefix) - 1, ret_id));
}

struct into_names into_names_of(const struct mapset *m, const struct osm_index *x) {
    struct into_names names = {.v = ws_calloc(m->n, sizeof(names.v[0]))};
    for (size_t i = 0; i < m->n; i++) {
        struct into_name *name = &names.v[names.n];
        *name = (struct into_name){.kind = m->elements[i].kind, .e = &m->elements[i]};
        if (name_of(name->e, x, &name->id))
            names.n++;
        else
            names.nameless++;
    }
    if (names.n > 1)
        qsort(names.v, names.n, sizeof(names.v[0]), name_order);
    return names;
}

const struct element *into_find(const struct into_names *n, enum element_kind kind, int64_t id) {
    const struct into_name key = {.kind = kind, .id = id};
    size_t lo = 0;
    size_t hi = n->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (name_order(&n->v[mid], &key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n->n && n->v[lo].kind == kind && n->v[lo].id == id ? n->v[lo].e : NULL;
}

bool into_is_tag(const struct element *e, const char *key) {
    return !attr_is_reference(key) && e->kind != EL_SPEED_LIMIT &&
           (e->kind != EL_SIGN || strcmp(key, "unit") != 0);
}

/* Attributes of a that b has otherwise, or not. */
static bool says(const struct element *a, const struct element *b) {
    for (size_t i = 0; i < a->n_attrs; i++) {
        const char *key = a->attrs[i].key;
        const char *value = element_attr(b, key);
        /* A limit's lane is its name. */
        bool skip = attr_is_derived(key) || strcmp(key, "lane") == 0;
        if (!skip && (value == NULL || strcmp(value, a->attrs[i].value) != 0))
            return false;
    }
    return true;
}

static bool same_place(const struct element *a, const struct element *b) {
    enum { A_THIRD_OF_A_DEGREE = 64 };
    if (a->kind == EL_SPEED_LIMIT)
        return true; /* its lane's */
    if (element_attr(a, "outer") != NULL ||
        (osm_is_relation(a) && element_attr(a, "left") != NULL && element_attr(a, "right") != NULL))
        return true; /* its bounds' */
    int d = (int16_t)(uint16_t)(a->heading - b->heading);
    if (a->has_heading != b->has_heading || d > A_THIRD_OF_A_DEGREE || d < -A_THIRD_OF_A_DEGREE)
        return false;
    return a->n_points == b->n_points &&
           (a->n_points == 0 ||
               memcmp(a->points, b->points, a->n_points * sizeof(a->points[0])) == 0);
}

bool into_same(const struct element *a, const struct element *b) {
    return a->has_value == b->has_value && (!a->has_value || a->value == b->value) &&
           a->valid_from_ms == b->valid_from_ms && a->valid_to_ms == b->valid_to_ms && says(a, b) &&
           says(b, a) && same_place(a, b);
}
