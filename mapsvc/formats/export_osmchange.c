/* Versions as OsmChange. */
#include "base/mem.h"
#include "mapsvc/formats/export.h"
#include "mapsvc/formats/export_net.h"

#include <stdio.h>
#include <stdlib.h>

static int net_order(const void *a, const void *b) {
    const struct osm_net *p = a;
    const struct osm_net *q = b;
    int c = memcmp(p->id, q->id, 16);
    return c != 0 ? c : (p->order > q->order) - (p->order < q->order);
}

/* One entry per element: before the first change, after the last. */
struct osm_net *osm_net_changes(const struct map_version *const *v, size_t n, size_t *ret_n) {
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += v[i]->n_changes;
    struct osm_net *list = ws_calloc(total, sizeof(list[0]));
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < v[i]->n_changes; j++) {
            const struct change_record *c = &v[i]->changes[j];
            if (!c->has_before && !c->has_after)
                continue;
            list[k] = (struct osm_net){.id = c->element_id,
                .order = k,
                .before = c->has_before ? &c->before : NULL,
                .after = c->has_after ? &c->after : NULL,
                .last = c->has_after ? &c->after : &c->before};
            k++;
        }
    }
    if (k > 1)
        qsort(list, k, sizeof(list[0]), net_order);
    size_t kept = 0;
    for (size_t i = 0; i < k; i++) {
        if (kept > 0 && memcmp(list[kept - 1].id, list[i].id, 16) == 0) {
            list[kept - 1].after = list[i].after;
            list[kept - 1].last = list[i].last;
        } else {
            list[kept++] = list[i];
        }
    }
    *ret_n = kept;
    return list;
}

enum osm_action osm_net_action(const struct osm_net *c) {
    if (c->before != NULL && c->after != NULL)
        return element_same_content(c->before, c->after) ? OSM_NOTHING : OSM_MODIFY;
    return c->after != NULL ? OSM_CREATE : OSM_DELETE; /* also what came and went: a tombstone */
}

struct writer {
    const struct mapset *m;
    struct osm_index index;
    struct map_point *points;
    int64_t *refs;
    struct osm_net *list; /* ascending id */
    size_t n;
    uint8_t *written; /* bit for each element of m: a lane that a limit of it has had written */
    struct buf *b;
};

/* Ids of the nodes the file gave a small object; their number, 0 when it did not say or is not the file. */
size_t osm_native_nodes(const struct element *e, int64_t *ret_refs) {
    const char *at = e->n_aliases == 0 ? NULL : element_attr(e, "nodes");
    size_t n = 0;
    while (at != NULL && *at != '\0' && n < ELEMENT_MAX_POINTS) {
        char *end = NULL;
        long long id = strtoll(at, &end, 10);
        if (end == at)
            return 0;
        ret_refs[n++] = id;
        at = end;
        while (*at == ' ')
            at++;
    }
    return n;
}

bool osm_same_place(const struct element *a, const struct element *b) {
    return a->n_points == b->n_points && a->has_heading == b->has_heading &&
           a->heading == b->heading &&
           (a->n_points == 0 ||
               memcmp(a->points, b->points, a->n_points * sizeof(a->points[0])) == 0);
}

/* Node ids of a way. The file's own where they are known and still do: not moved, or as many as are needed. */
static size_t way_refs(
    struct writer *w, const struct osm_net *c, const struct element *e, bool *ret_native) {
    size_t n = osm_points(e, w->points);
    size_t native = osm_native_nodes(e, w->refs);
    bool moved = c->before == NULL || c->after == NULL || !osm_same_place(c->before, c->after);
    *ret_native = native > 0 && (!moved || native == n);
    if (*ret_native)
        return native;
    for (size_t i = 0; i < n; i++)
        w->refs[i] = osm_node_id(w->points[i]);
    return n;
}

static void put_nodes(struct writer *w, enum osm_action want) {
    for (size_t i = 0; i < w->n; i++) {
        const struct osm_net *c = &w->list[i];
        enum osm_action action = osm_net_action(c);
        if (c->after == NULL || !osm_is_way(c->after) ||
            (action != OSM_CREATE && action != OSM_MODIFY))
            continue;
        bool moved = action == OSM_CREATE || !osm_same_place(c->before, c->after);
        bool native = false;
        size_t n = way_refs(w, c, c->after, &native);
        /* Moved points with the file's own nodes are modified; others are new. */
        if (!moved || (native && action == OSM_MODIFY) != (want == OSM_MODIFY))
            continue;
        for (size_t k = 0; k < n; k++)
            osm_put_node(w->b, &w->m->frame, w->refs[k], w->points[k]);
    }
}

static void put_ways(struct writer *w, enum osm_action want) {
    for (size_t i = 0; i < w->n; i++) {
        const struct osm_net *c = &w->list[i];
        if (osm_net_action(c) != want || c->after == NULL || !osm_is_way(c->after))
            continue;
        bool native = false;
        size_t n = way_refs(w, c, c->after, &native);
        osm_put_way(w->b, c->after, w->refs, n, want == OSM_MODIFY ? c->before->revision + 1 : 0);
    }
}

static int by_id(const void *id, const void *entry) {
    return memcmp(id, ((const struct osm_net *)entry)->id, 16);
}

/* Whether an earlier limit, or an entry of its own, writes the lane: each object appears once. */
static bool written_elsewhere(struct writer *w, const struct element *lane) {
    const struct osm_net *own = bsearch(lane->id, w->list, w->n, sizeof(w->list[0]), by_id);
    if (own != NULL && own->last->kind == EL_LANE && osm_net_action(own) != OSM_NOTHING)
        return true;
    size_t at = (size_t)(lane - w->m->elements);
    uint8_t bit = (uint8_t)(1U << at % 8);
    bool before = (w->written[at / 8] & bit) != 0;
    w->written[at / 8] |= bit;
    return before;
}

static void put_relations(struct writer *w, enum osm_action want) {
    for (size_t i = 0; i < w->n; i++) {
        const struct osm_net *c = &w->list[i];
        enum osm_action action = osm_net_action(c);
        const struct element *lane = NULL;
        uint32_t version = 0;
        if (c->last->kind == EL_SPEED_LIMIT && action != OSM_NOTHING && want == OSM_MODIFY) {
            /* A limit is a tag of its lane: coming, changing, going, it modifies the lane. */
            lane = osm_lane_of(&w->index, c->last);
            if (lane == NULL) {
                buf_printf(w->b, "  <!-- a limit whose lane is not in the map is left out -->\n");
                continue;
            }
            if (written_elsewhere(w, lane))
                continue;
            version = lane->revision + 1;
        } else if (c->after != NULL && osm_is_relation(c->after) && action == want) {
            lane = c->after;
            version = want == OSM_MODIFY ? c->before->revision + 1 : 0;
        }
        if (lane == NULL)
            continue;
        const struct element *limit = lane->kind == EL_LANE ? osm_limit_of(&w->index, lane) : NULL;
        if (!osm_put_lanelet(w->b, lane, limit, &w->index, version))
            buf_printf(w->b, "  <!-- a lane without bounds is left out -->\n");
    }
}

static void put_deleted(struct writer *w) {
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < w->n; i++) {
            const struct osm_net *c = &w->list[i];
            bool relation = pass == 0;
            if (osm_net_action(c) != OSM_DELETE ||
                !(relation ? osm_is_relation(c->last) : osm_is_way(c->last)))
                continue;
            buf_printf(w->b, "  <%s id=\"%lld\" version=\"%u\"/>\n", relation ? "relation" : "way",
                (long long)osm_id(c->last), c->last->revision + 1);
        }
    }
}

/* Nodes may be shared with ways we do not know of, so they go only if nobody uses them. */
static void put_deleted_nodes(struct writer *w) {
    for (size_t i = 0; i < w->n; i++) {
        const struct osm_net *c = &w->list[i];
        if (osm_net_action(c) != OSM_DELETE || !osm_is_way(c->last))
            continue;
        size_t n = osm_native_nodes(c->last, w->refs);
        if (n == 0) {
            n = osm_points(c->last, w->points);
            for (size_t k = 0; k < n; k++)
                w->refs[k] = osm_node_id(w->points[k]);
        }
        for (size_t k = 0; k < n; k++)
            buf_printf(w->b, "  <node id=\"%lld\" version=\"1\"/>\n", (long long)w->refs[k]);
    }
}

/* Elements of a block; the block itself only when it has any. */
static void put_block(struct buf *b, const char *open, const char *name, const struct buf *inside) {
    if (inside->n == 0)
        return;
    buf_printf(b, "<%s>\n", open);
    buf_put(b, inside->p, inside->n);
    buf_printf(b, "</%s>\n", name);
}

void export_osmchange(
    const struct map_version *const *v, size_t n, const struct mapset *m, struct buf *b) {
    struct buf inside = {0};
    struct writer w = {.m = m, .index = osm_index_of(m), .b = &inside};
    w.points = ws_calloc(ELEMENT_MAX_POINTS, sizeof(w.points[0]));
    w.refs = ws_calloc(ELEMENT_MAX_POINTS, sizeof(w.refs[0]));
    w.list = osm_net_changes(v, n, &w.n);
    w.written = ws_calloc(m->n / 8 + 1, 1);
    buf_printf(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<osmChange version=\"0.6\" "
                  "generator=\"wayside\">\n");
    static const struct {
        const char *name;
        enum osm_action action;
    } blocks[] = {{"create", OSM_CREATE}, {"modify", OSM_MODIFY}};
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        put_nodes(&w, blocks[i].action);
        put_ways(&w, blocks[i].action);
        put_relations(&w, blocks[i].action);
        put_block(b, blocks[i].name, blocks[i].name, &inside);
        buf_clear(&inside);
    }
    put_deleted(&w);
    put_block(b, "delete", "delete", &inside);
    buf_clear(&inside);
    put_deleted_nodes(&w);
    put_block(b, "delete if-unused=\"true\"", "delete", &inside);
    buf_printf(b, "</osmChange>\n");
    buf_free(&inside);
    osm_index_free(&w.index);
    free(w.points);
    free(w.refs);
    free(w.list);
    free(w.written);
}
