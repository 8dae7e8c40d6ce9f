/* Lanelets: bounds put in order, centre line, speed limit, successors. */
#include "mapsvc/lanelet2/lanelet2.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct side {
    const struct ll_object *way;
    struct map_point *p;
    size_t n;
    bool reversed;
};

static double distance2(struct map_point a, struct map_point b) {
    double dx = (double)a.x - b.x;
    double dy = (double)a.y - b.y;
    return dx * dx + dy * dy;
}

static void reverse(struct side *s) {
    for (size_t i = 0, j = s->n - 1; i < j; i++, j--) {
        struct map_point t = s->p[i];
        s->p[i] = s->p[j];
        s->p[j] = t;
    }
    s->reversed = !s->reversed;
}

/* Twice the signed area between the bounds: negative when left is left of right, seen along them. */
static __int128 area2(const struct side *l, const struct side *r) {
    __int128 sum = 0;
    size_t n = l->n + r->n;
    for (size_t i = 0; i < n; i++) {
        size_t k = (i + 1) % n;
        const struct map_point *a = i < l->n ? &l->p[i] : &r->p[n - 1 - i];
        const struct map_point *b = k < l->n ? &l->p[k] : &r->p[n - 1 - k];
        sum += (__int128)a->x * b->y - (__int128)b->x * a->y;
    }
    return sum;
}

/* Bounds may run either way: first make them run alike, then put left to the left (hd-map facts, 2). */
static bool orient(struct side *l, struct side *r) {
    double alike = distance2(l->p[0], r->p[0]) + distance2(l->p[l->n - 1], r->p[r->n - 1]);
    double crossed = distance2(l->p[0], r->p[r->n - 1]) + distance2(l->p[l->n - 1], r->p[0]);
    if (crossed < alike)
        reverse(r);
    __int128 a = area2(l, r);
    if (a > 0) {
        reverse(l);
        reverse(r);
    }
    return a != 0;
}

/* The one member with a role, as a sound way. */
static bool side_of(struct ll_build *b, const struct ll_object *rel, enum ll_role role,
    const char *name, struct side *ret) {
    char what[48];
    (void)snprintf(what, sizeof(what), "lanelet %lld", (long long)rel->id);
    const struct ll_member *found = NULL;
    unsigned count = 0;
    for (uint32_t i = rel->first_part; i < rel->first_part + rel->n_parts; i++) {
        if (b->m->members[i].role == role && b->m->members[i].is_way) {
            found = &b->m->members[i];
            count++;
        }
    }
    if (found == NULL || count != 1) {
        map_skip(b->r, rel->line, what, "%u ways have the role %s, one must", count, name);
        return false;
    }
    ret->way = ll_way(b->m, found->ref);
    if (ret->way == NULL) {
        map_skip(
            b->r, rel->line, what, "%s way %lld is not in the file", name, (long long)found->ref);
        return false;
    }
    char why[160];
    ret->p = ll_points(b, ret->way, &ret->n, why, sizeof(why));
    if (ret->p == NULL) {
        b->use[ret->way - b->m->ways].told = true;
        map_skip(b->r, rel->line, what, "%s %s", name, why);
        return false;
    }
    if (ret->n < 2) {
        map_skip(b->r, rel->line, what, "%s way %lld has one point", name, (long long)found->ref);
        return false;
    }
    return true;
}

/* Bounds by reference, for export and for comparing: they carry the lane's shape. */
static void set_references(struct ll_build *b, const struct ll_object *rel, struct element *e,
    const struct side *l, const struct side *r) {
    (void)ll_list_add(e, "left", "way", l->way->id);
    (void)ll_list_add(e, "right", "way", r->way->id);
    for (uint32_t i = rel->first_part; i < rel->first_part + rel->n_parts; i++)
        if (b->m->members[i].role == LL_REGULATORY &&
            !ll_list_add(e, "regulatory", "relation", b->m->members[i].ref))
            map_note(b->r, rel->line, "lanelet %lld: regulatory element %lld is not kept",
                (long long)rel->id, (long long)b->m->members[i].ref);
}

static void emit_crosswalk(
    struct ll_build *b, const struct ll_object *rel, const struct side *l, const struct side *r) {
    struct element e = {.kind = EL_CROSSWALK};
    char native[LL_NATIVE_MAX];
    (void)snprintf(native, sizeof(native), "relation/%lld", (long long)rel->id);
    bool ok = true;
    for (size_t i = 0; i < l->n; i++)
        ok = element_add_point(&e, l->p[i]) && ok;
    for (size_t i = r->n; i-- > 0;)
        ok = element_add_point(&e, r->p[i]) && ok;
    if (!ok) {
        map_skip(b->r, rel->line, native, "outline of more than %d points", ELEMENT_MAX_POINTS);
        element_free(&e);
        return;
    }
    ll_copy_tags(b, rel, &e);
    set_references(b, rel, &e, l, r);
    map_emit(b->r, &e, native);
}

static void turn_sign(struct ll_build *b, const struct ll_object *way, const struct element *e) {
    size_t n = 0;
    char why[160];
    struct map_point *p = ll_points(b, way, &n, why, sizeof(why));
    struct ll_use *use = &b->use[way - b->m->ways];
    uint16_t heading = 0;
    double d2 = 0.0;
    if (p != NULL && map_heading_near(e->points, e->n_points, p[0], &heading, &d2) &&
        (!use->heading_known || d2 < use->heading_dist2)) {
        use->heading_known = true;
        use->heading = heading;
        use->heading_dist2 = d2;
    }
    free(p);
}

/* Signs that a lane's regulatory elements show: they are read by traffic that runs as the lane does. */
static void turn_signs(struct ll_build *b, const struct ll_object *rel, const struct element *e) {
    const struct ll_map *m = b->m;
    for (uint32_t i = rel->first_part; i < rel->first_part + rel->n_parts; i++) {
        const struct ll_object *reg =
            m->members[i].role == LL_REGULATORY ? ll_relation(m, m->members[i].ref) : NULL;
        if (reg == NULL)
            continue;
        for (uint32_t k = reg->first_part; k < reg->first_part + reg->n_parts; k++) {
            const struct ll_member *ref = &m->members[k];
            const struct ll_object *way =
                ref->role == LL_REFERS && ref->is_way ? ll_way(m, ref->ref) : NULL;
            if (!ll_spend(b, way == NULL ? 1 : e->n_points))
                return;
            if (way != NULL)
                turn_sign(b, way, e);
        }
    }
}

static bool lane_speed(
    struct ll_build *b, const struct ll_object *rel, int32_t *ret_value, const char **ret_unit) {
    const char *tag = ll_tag(b->m, rel, "speed_limit");
    if (tag != NULL && map_speed_of(tag, NULL, ret_value, ret_unit))
        return true;
    if (tag != NULL)
        map_note(b->r, rel->line, "lanelet %lld: speed_limit \"%.32s\" is not a speed",
            (long long)rel->id, tag);
    for (uint32_t i = rel->first_part; i < rel->first_part + rel->n_parts; i++) {
        const struct ll_object *reg =
            b->m->members[i].role == LL_REGULATORY ? ll_relation(b->m, b->m->members[i].ref) : NULL;
        if (reg != NULL && ll_spend(b, reg->n_parts) &&
            ll_regulatory_speed(b->m, reg, ret_value, ret_unit))
            return true;
    }
    return false;
}

static void emit_speed(
    struct ll_build *b, const struct ll_object *rel, const struct element *lane) {
    const char *unit = NULL;
    struct element e = {.kind = EL_SPEED_LIMIT, .has_value = true};
    if (!lane_speed(b, rel, &e.value, &unit))
        return;
    for (size_t i = 0; i < lane->n_points; i++)
        (void)element_add_point(&e, lane->points[i]);
    e.has_heading = lane->has_heading;
    e.heading = lane->heading;
    (void)element_set_attr(&e, "unit", unit);
    (void)ll_list_add(&e, "lane", "relation", rel->id);
    char native[LL_NATIVE_MAX];
    (void)snprintf(native, sizeof(native), "relation/%lld#speed_limit", (long long)rel->id);
    map_emit(b->r, &e, native);
}

/* False: reported and left out, or no lane but a crosswalk. */
static bool build_lane(struct ll_build *b, const struct ll_object *rel, struct side *l,
    struct side *r, struct ll_lane *ret) {
    char what[48];
    (void)snprintf(what, sizeof(what), "lanelet %lld", (long long)rel->id);
    if (!side_of(b, rel, LL_LEFT, "left", l) || !side_of(b, rel, LL_RIGHT, "right", r))
        return false;
    if (!orient(l, r)) {
        map_skip(b->r, rel->line, what, "no area between the bounds");
        return false;
    }
    b->use[l->way - b->m->ways].bound = true;
    b->use[r->way - b->m->ways].bound = true;
    if (ll_tag_is(b->m, rel, "subtype", "crosswalk")) {
        emit_crosswalk(b, rel, l, r);
        return false;
    }
    struct element e = {.kind = EL_LANE};
    if (!map_centre_line(&e, l->p, l->n, r->p, r->n)) {
        map_skip(
            b->r, rel->line, what, "no centre line: a bound without length or too many points");
        element_free(&e);
        return false;
    }
    e.has_heading = map_heading_mid(e.points, e.n_points, &e.heading);
    ll_copy_tags(b, rel, &e);
    set_references(b, rel, &e, l, r);
    const struct side *sides[] = {l, r};
    *ret = (struct ll_lane){.rel = rel, .e = e, .left = l->way, .right = r->way};
    for (size_t i = 0; i < 2; i++) {
        const int64_t *refs = &b->m->refs[sides[i]->way->first_part];
        int64_t first = refs[0];
        int64_t last = refs[sides[i]->n - 1];
        ret->start[i] = sides[i]->reversed ? last : first;
        ret->end[i] = sides[i]->reversed ? first : last;
    }
    return true;
}

/* Where a lane begins, for looking up who comes next. */
struct start {
    int64_t nodes[2];
    int64_t id;
};

static int nodes_order(const int64_t *p, const int64_t *q) {
    for (size_t i = 0; i < 2; i++)
        if (p[i] != q[i])
            return p[i] < q[i] ? -1 : 1;
    return 0;
}

static int start_order(const void *a, const void *b) {
    const struct start *p = a;
    const struct start *q = b;
    int c = nodes_order(p->nodes, q->nodes);
    return c != 0 ? c : (p->id > q->id) - (p->id < q->id);
}

/* Successors share the end nodes of both bounds (hd-map facts, 2). */
static void link_lanes(struct ll_build *b, struct ll_lane *lanes, size_t n) {
    struct start *starts = ws_calloc(n, sizeof(starts[0]));
    for (size_t i = 0; i < n; i++)
        starts[i] = (struct start){{lanes[i].start[0], lanes[i].start[1]}, lanes[i].rel->id};
    qsort(starts, n, sizeof(starts[0]), start_order);
    for (size_t i = 0; i < n; i++) {
        size_t lo = 0;
        size_t hi = n;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (nodes_order(starts[mid].nodes, lanes[i].end) < 0)
                lo = mid + 1;
            else
                hi = mid;
        }
        for (; lo < n && nodes_order(starts[lo].nodes, lanes[i].end) == 0; lo++) {
            if (!ll_list_add(&lanes[i].e, "successors", "relation", starts[lo].id)) {
                map_note(b->r, lanes[i].rel->line, "lanelet %lld: not all successors are kept",
                    (long long)lanes[i].rel->id);
                break;
            }
        }
    }
    free(starts);
}

void lanelet2_lanes(struct ll_build *b) {
    const struct ll_map *m = b->m;
    struct ll_lane *lanes = ws_calloc(m->n_relations, sizeof(lanes[0]));
    size_t n = 0;
    for (size_t k = 0; k < m->n_relations && b->r->rc == WS_OK; k++) {
        const struct ll_object *rel = &m->relations[k];
        if (!ll_tag_is(m, rel, "type", "lanelet"))
            continue;
        struct side l = {0};
        struct side r = {0};
        if (build_lane(b, rel, &l, &r, &lanes[n])) {
            turn_signs(b, rel, &lanes[n].e);
            n++;
        }
        free(l.p);
        free(r.p);
    }
    if (n > 0) {
        link_lanes(b, lanes, n);
        ll_neighbours(b, lanes, n);
    }
    ll_rules(b, lanes, n);
    for (size_t i = 0; i < n; i++) {
        char native[LL_NATIVE_MAX];
        (void)snprintf(native, sizeof(native), "relation/%lld", (long long)lanes[i].rel->id);
        emit_speed(b, lanes[i].rel, &lanes[i].e);
        map_emit(b->r, &lanes[i].e, native);
    }
    free(lanes);
}
