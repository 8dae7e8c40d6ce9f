/* Versions as augmented OsmChange. */
#include "base/mem.h"
#include "mapsvc/formats/export.h"
#include "mapsvc/formats/export_net.h"

#include <stdio.h>
#include <stdlib.h>

struct writer {
    const struct mapset *m;
    struct osm_index index;
    struct osm_net *list;
    size_t n;
    const struct osm_net **limits; /* by the alias of their lane */
    size_t n_limits;
    int64_t *seen; /* ids that have been written: open addressing, 0 is free */
    size_t n_seen, cap_seen; /* cap: a power of two */
    struct buf *b;
};

static size_t slot_of(const int64_t *seen, size_t cap, int64_t id) {
    size_t at = (size_t)((uint64_t)id * 0x9e3779b97f4a7c15U >> 20) & (cap - 1);
    while (seen[at] != 0 && seen[at] != id)
        at = (at + 1) & (cap - 1);
    return at;
}

/* One object once in one diff. (A node 0 would be written each time.) */
static bool first_time(struct writer *w, int64_t id) {
    if (2 * (w->n_seen + 1) > w->cap_seen) {
        size_t cap = w->cap_seen == 0 ? 256 : w->cap_seen * 2;
        int64_t *seen = ws_calloc(cap, sizeof(seen[0]));
        for (size_t i = 0; i < w->cap_seen; i++)
            if (w->seen[i] != 0)
                seen[slot_of(seen, cap, w->seen[i])] = w->seen[i];
        free(w->seen);
        w->seen = seen;
        w->cap_seen = cap;
    }
    size_t at = slot_of(w->seen, w->cap_seen, id);
    if (w->seen[at] == id && id != 0)
        return false;
    w->seen[at] = id;
    w->n_seen++;
    return true;
}

static void put_action(
    struct writer *w, enum osm_action action, const struct buf *old, const struct buf *new) {
    static const char *const names[] = {"", "create", "modify", "delete"};
    buf_printf(w->b, " <action type=\"%s\">\n", names[action]);
    if (action == OSM_CREATE) {
        buf_put(w->b, new->p, new->n);
    } else {
        buf_printf(w->b, " <old>\n");
        buf_put(w->b, old->p, old->n);
        buf_printf(w->b, " </old>\n <new>\n");
        buf_put(w->b, new->p, new->n);
        buf_printf(w->b, " </new>\n");
    }
    buf_printf(w->b, " </action>\n");
}

/* An element as a way: its points and the ids of their nodes. */
struct shape {
    struct map_point *points;
    int64_t *refs;
    size_t n_points, n; /* n: of refs; places are known when both are the same */
};

static struct shape shape_of(const struct element *e, const struct element *other) {
    struct shape s = {ws_calloc(ELEMENT_MAX_POINTS, sizeof(s.points[0])),
        ws_calloc(ELEMENT_MAX_POINTS, sizeof(s.refs[0])), 0, 0};
    s.n_points = osm_points(e, s.points);
    s.n = osm_native_nodes(e, s.refs);
    bool moved = other == NULL || !osm_same_place(e, other);
    if (s.n > 0 && (!moved || s.n == s.n_points))
        return s;
    s.n = s.n_points;
    for (size_t i = 0; i < s.n; i++)
        s.refs[i] = osm_node_id(s.points[i]);
    return s;
}

static void shape_free(struct shape *s) {
    free(s->points);
    free(s->refs);
}

static void put_way(struct writer *w, struct buf *b, const struct element *e, const struct shape *s,
    uint32_t version) {
    osm_put_way_at(
        b, &w->m->frame, e, s->refs, s->n == s->n_points ? s->points : NULL, s->n, version);
}

static bool has_ref(const struct shape *s, int64_t id, struct map_point *ret) {
    for (size_t i = 0; s != NULL && s->n == s->n_points && i < s->n; i++) {
        if (s->refs[i] == id) {
            *ret = s->points[i];
            return true;
        }
    }
    return false;
}

/* Nodes of the new form that are new, or elsewhere than they were. */
static void put_nodes(struct writer *w, const struct shape *old, const struct shape *new) {
    struct buf a = {0};
    struct buf b = {0};
    for (size_t i = 0; new->n == new->n_points &&i < new->n; i++) {
        struct map_point was = {0};
        struct map_point is = new->points[i];
        bool known = has_ref(old, new->refs[i], &was);
        if ((known && was.x == is.x && was.y == is.y && was.z == is.z) ||
            !first_time(w, new->refs[i]))
            continue;
        buf_clear(&a);
        buf_clear(&b);
        if (known)
            osm_put_node(&a, &w->m->frame, new->refs[i], was);
        osm_put_node(&b, &w->m->frame, new->refs[i], is);
        put_action(w, known ? OSM_MODIFY : OSM_CREATE, &a, &b);
    }
    buf_free(&a);
    buf_free(&b);
}

static void put_gone(struct buf *b, const char *name, const struct element *e) {
    buf_printf(b, "  <%s id=\"%lld\" version=\"%u\" visible=\"false\"/>\n", name,
        (long long)osm_id(e), e->revision + 1);
}

static void put_way_change(struct writer *w, const struct osm_net *c, enum osm_action action) {
    struct buf old = {0};
    struct buf new = {0};
    struct shape before = {0};
    struct shape after = {0};
    const struct element *was = c->before != NULL ? c->before : c->last;
    if (action != OSM_CREATE) {
        before = shape_of(was, c->after);
        put_way(w, &old, was, &before, was->revision);
    }
    if (c->after != NULL) {
        after = shape_of(c->after, c->before);
        put_nodes(w, action == OSM_CREATE ? NULL : &before, &after);
        put_way(w, &new, c->after, &after, action == OSM_MODIFY ? was->revision + 1 : 0);
    } else {
        put_gone(&new, "way", was);
    }
    put_action(w, action, &old, &new);
    shape_free(&before);
    shape_free(&after);
    buf_free(&old);
    buf_free(&new);
}

/* ---- lanes with their limits ---- */

static const char *lane_alias(const struct osm_net *c) {
    const char *alias = element_attr(c->last, "lane");
    return alias == NULL ? "" : alias;
}

static int limit_order(const void *a, const void *b) {
    return strcmp(lane_alias(*(const struct osm_net *const *)a),
        lane_alias(*(const struct osm_net *const *)b));
}

static void index_limits(struct writer *w) {
    w->limits = ws_calloc(w->n, sizeof(struct osm_net *));
    for (size_t i = 0; i < w->n; i++)
        if (w->list[i].last->kind == EL_SPEED_LIMIT)
            w->limits[w->n_limits++] = &w->list[i];
    if (w->n_limits > 1)
        qsort((void *)w->limits, w->n_limits, sizeof(struct osm_net *), limit_order);
}

static const struct osm_net *limit_change(const struct writer *w, const char *alias) {
    size_t lo = 0;
    size_t hi = w->n_limits;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(lane_alias(w->limits[mid]), alias) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < w->n_limits && strcmp(lane_alias(w->limits[lo]), alias) == 0 ? w->limits[lo] : NULL;
}

/* The limit that a lane had: what the changes say of it, else the one it has. */
static const struct element *limit_then(const struct writer *w, const struct element *lane) {
    for (size_t i = 0; i < lane->n_aliases; i++) {
        const struct osm_net *c = limit_change(w, lane->aliases[i]);
        if (c != NULL)
            return c->before;
    }
    return osm_limit_of(&w->index, lane);
}

static int net_find(const void *key, const void *entry) {
    return memcmp(key, ((const struct osm_net *)entry)->id, 16);
}

static const struct osm_net *change_of(const struct writer *w, const struct element *e) {
    return bsearch(e->id, w->list, w->n, sizeof(w->list[0]), net_find);
}

/* A lane or crosswalk: c is its own change, NULL when only its limit changed. */
static void put_lane_change(struct writer *w, const struct osm_net *c, const struct element *lane) {
    struct buf old = {0};
    struct buf new = {0};
    enum osm_action action = c == NULL ? OSM_MODIFY : osm_net_action(c);
    const struct element *was = c == NULL ? lane : c->before != NULL ? c->before : c->last;
    const struct element *is = c == NULL ? lane : c->after;
    bool ok = true;
    if (action == OSM_NOTHING) /* its own change was taken back; the limit's was not */
        action = OSM_MODIFY;
    if (action != OSM_CREATE)
        ok = osm_put_lanelet(
            &old, was, was->kind == EL_LANE ? limit_then(w, was) : NULL, &w->index, was->revision);
    if (is != NULL)
        ok = osm_put_lanelet(&new, is, is->kind == EL_LANE ? osm_limit_of(&w->index, is) : NULL,
                 &w->index, action == OSM_MODIFY ? was->revision + 1 : 0) &&
             ok;
    else
        put_gone(&new, "relation", was);
    if (ok)
        put_action(w, action, &old, &new);
    else
        buf_printf(w->b, " <!-- a lane without bounds is left out -->\n");
    buf_free(&old);
    buf_free(&new);
}

static void put_relations(struct writer *w) {
    if (w->cap_seen > 0) /* ids of relations are others than those of nodes */
        memset(w->seen, 0, w->cap_seen * sizeof(w->seen[0]));
    w->n_seen = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct osm_net *c = &w->list[i];
        const struct element *lane = NULL;
        if (osm_net_action(c) == OSM_NOTHING)
            continue;
        if (osm_is_relation(c->last)) {
            lane = c->last;
        } else if (c->last->kind == EL_SPEED_LIMIT) {
            lane = osm_lane_of(&w->index, c->last);
            c = lane == NULL ? NULL : change_of(w, lane);
            if (lane == NULL)
                buf_printf(w->b, " <!-- a limit whose lane is not in the map is left out -->\n");
        }
        if (lane != NULL && first_time(w, osm_id(lane)))
            put_lane_change(w, c, lane);
    }
}

void export_osmchange_augmented(
    const struct map_version *const *v, size_t n, const struct mapset *m, struct buf *b) {
    struct writer w = {.m = m, .index = osm_index_of(m), .b = b};
    w.list = osm_net_changes(v, n, &w.n);
    buf_printf(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<osm version=\"0.6\" "
                  "generator=\"wayside\">\n");
    for (size_t i = 0; i < w.n; i++) {
        enum osm_action action = osm_net_action(&w.list[i]);
        if (action != OSM_NOTHING && osm_is_way(w.list[i].last))
            put_way_change(&w, &w.list[i], action);
    }
    index_limits(&w);
    put_relations(&w);
    buf_printf(b, "</osm>\n");
    osm_index_free(&w.index);
    free(w.list);
    free((void *)w.limits);
    free(w.seen);
}
