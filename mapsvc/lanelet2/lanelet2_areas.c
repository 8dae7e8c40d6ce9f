/* Areas (relations of type multipolygon): their ways, in any order and direction, must close to rings. */
#include "mapsvc/lanelet2/lanelet2.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* A way of one ring, as it is run along. */
struct piece {
    const struct ll_object *way;
    bool used, reversed;
};

static int64_t end_of(const struct ll_build *b, const struct piece *p, bool last) {
    const int64_t *refs = &b->m->refs[p->way->first_part];
    return refs[last != p->reversed ? p->way->n_parts - 1 : 0];
}

/* The next unused piece that begins or ends where the last one ended; NULL: there is none. */
static struct piece *next_piece(struct ll_build *b, struct piece *p, size_t n, int64_t node) {
    for (size_t i = 0; i < n; i++) {
        if (p[i].used)
            continue;
        p[i].reversed = false;
        if (end_of(b, &p[i], false) == node)
            return &p[i];
        if (end_of(b, &p[i], true) == node) {
            p[i].reversed = true;
            return &p[i];
        }
    }
    return NULL;
}

static bool add_points(struct ll_build *b, const struct piece *p, struct element *e) {
    char why[160];
    size_t n = 0;
    struct map_point *points = ll_points(b, p->way, &n, why, sizeof(why));
    bool ok = points != NULL;
    /* the last point of each is the first of the next */
    for (size_t i = 0; ok && i + 1 < n; i++)
        ok = element_add_point(e, points[p->reversed ? n - 1 - i : i]);
    free(points);
    return ok;
}

/* Uses up pieces until a ring is closed; e gets its points. */
static bool take_ring(struct ll_build *b, struct piece *p, size_t n, struct element *e) {
    struct piece *at = NULL;
    for (size_t i = 0; i < n && at == NULL; i++)
        at = p[i].used ? NULL : &p[i];
    if (at == NULL)
        return true;
    int64_t first = end_of(b, at, false);
    for (;;) {
        at->used = true;
        if (!add_points(b, at, e))
            return false;
        int64_t node = end_of(b, at, true);
        if (node == first)
            return e->n_points >= 3;
        at = next_piece(b, p, n, node);
        if (at == NULL)
            return false;
    }
}

static size_t gather(
    struct ll_build *b, const struct ll_object *rel, enum ll_role role, struct piece *p) {
    size_t n = 0;
    for (uint32_t i = rel->first_part; i < rel->first_part + rel->n_parts; i++) {
        const struct ll_member *part = &b->m->members[i];
        const struct ll_object *way =
            part->role == role && part->is_way ? ll_way(b->m, part->ref) : NULL;
        if (part->role == role && (way == NULL || way->n_parts < 2))
            return SIZE_MAX;
        if (way != NULL)
            p[n++] = (struct piece){.way = way};
    }
    return n;
}

static bool all_used(const struct piece *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!p[i].used)
            return false;
    return true;
}

static void mark(struct ll_build *b, const struct ll_object *way, enum ll_role role, int64_t area) {
    b->use[way - b->m->ways].area = true;
    ll_link(b, way, role == LL_OUTER ? "outer_of" : "inner_of", area);
}

/* All rings of one role; the first one's points are the outline. */
static bool close_rings(struct ll_build *b, const struct ll_object *rel, enum ll_role role,
    struct element *outline, struct piece *p) {
    size_t n = gather(b, rel, role, p);
    if (n == SIZE_MAX || !ll_spend(b, (uint64_t)n * n))
        return false;
    bool ok = true;
    for (size_t ring = 0; ok && !all_used(p, n); ring++) {
        struct element e = {0};
        ok = take_ring(b, p, n, ring == 0 && outline != NULL ? outline : &e);
        element_free(&e);
    }
    for (size_t i = 0; ok && i < n; i++)
        mark(b, p[i].way, role, rel->id);
    return ok && (n > 0 || role == LL_INNER);
}

static int ref_order(const void *a, const void *b) {
    int64_t p = *(const int64_t *)a;
    int64_t q = *(const int64_t *)b;
    return (p > q) - (p < q);
}

/* Members of a role by name, as many as a text holds; their order in the file says nothing. */
static void list_members(struct ll_build *b, const struct ll_object *rel, enum ll_role role,
    const char *key, struct element *e) {
    int64_t *refs = ws_calloc(rel->n_parts, sizeof(refs[0]));
    size_t n = 0;
    for (uint32_t i = rel->first_part; i < rel->first_part + rel->n_parts; i++)
        if (b->m->members[i].role == role)
            refs[n++] = b->m->members[i].ref;
    if (n > 1)
        qsort(refs, n, sizeof(refs[0]), ref_order);
    const char *kind = role == LL_REGULATORY ? "relation" : "way";
    for (size_t i = 0; i < n && ll_list_add(e, key, kind, refs[i]);)
        i++;
    free(refs);
}

static void read_area(struct ll_build *b, const struct ll_object *rel) {
    struct piece *p = ws_calloc(rel->n_parts, sizeof(p[0]));
    struct element e = {.kind = EL_AREA};
    char native[LL_NATIVE_MAX];
    (void)snprintf(native, sizeof(native), "relation/%lld", (long long)rel->id);
    bool ok = close_rings(b, rel, LL_OUTER, &e, p) && close_rings(b, rel, LL_INNER, NULL, p);
    free(p);
    if (!ok) {
        char what[48];
        (void)snprintf(what, sizeof(what), "area %lld", (long long)rel->id);
        if (e.n_points == ELEMENT_MAX_POINTS)
            map_skip(b->r, rel->line, what, "outline of more than %d points", ELEMENT_MAX_POINTS);
        else
            map_skip(b->r, rel->line, what, "its outer or inner ways do not close to rings");
        element_free(&e);
        return;
    }
    if (ll_tag_is(b->m, rel, "subtype", "crosswalk"))
        e.kind = EL_CROSSWALK;
    ll_copy_tags(b, rel, &e);
    if (e.kind == EL_AREA) { /* the edges carry its shape */
        list_members(b, rel, LL_OUTER, "outer", &e);
        list_members(b, rel, LL_INNER, "inner", &e);
    }
    list_members(b, rel, LL_REGULATORY, "regulatory", &e);
    map_emit(b->r, &e, native);
}

void lanelet2_areas(struct ll_build *b) {
    for (size_t k = 0; k < b->m->n_relations && b->r->rc == WS_OK; k++)
        if (ll_tag_is(b->m, &b->m->relations[k], "type", "multipolygon"))
            read_area(b, &b->m->relations[k]);
}
