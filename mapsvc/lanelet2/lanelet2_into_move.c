/* The points of changed ways: a node goes along when all its ways want it there, else the way gets a new one. */
#include "base/mem.h"
#include "mapsvc/lanelet2/lanelet2_into.h"

#include <stdio.h>
#include <stdlib.h>

/* One point of one way as the map wants it. */
struct wish {
    int64_t node;
    struct map_point at, was;
    int64_t way;
    uint32_t part; /* of the way's nodes */
};

struct wishes {
    struct wish *v;
    size_t n, cap;
};

static bool same_point(struct map_point a, struct map_point b) {
    return a.x == b.x && a.y == b.y && a.z == b.z;
}

static void add_wish(struct wishes *s, struct wish w) {
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 1024 : s->cap * 2;
        s->v = ws_realloc(s->v, s->cap * sizeof(s->v[0]));
    }
    s->v[s->n++] = w;
}

static int wish_order(const void *a, const void *b) {
    const struct wish *p = a;
    const struct wish *q = b;
    if (p->node != q->node)
        return p->node < q->node ? -1 : 1;
    if (p->way != q->way)
        return p->way < q->way ? -1 : 1;
    return (p->part > q->part) - (p->part < q->part);
}

static bool place_of(const struct into *w, int64_t id, struct map_point *ret) {
    const struct ll_node *n = ll_node(&w->file, id);
    if (n == NULL)
        return false;
    ret->z = n->z;
    if (w->local)
        return frame_convert(&w->own, &w->base.frame, n->local_x, n->local_y, &ret->x, &ret->y);
    return frame_from_wgs10(&w->base.frame, n->lat, n->lon, &ret->x, &ret->y);
}

static int32_t add_i32(int32_t a, int64_t b) {
    int64_t v = a + b;
    return (int32_t)(v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v);
}

/* A plate is one point of the map, but drawn with several. It goes along as it is; turned, it is drawn anew. */
static void wish_plate(const struct into *w, const struct element *have, const struct element *want,
    const struct ll_object *way, struct map_point *p) {
    if (have->n_points == 0 || want->n_points == 0)
        return;
    struct map_point plate[2];
    bool turned = want->has_heading && want->heading != have->heading;
    for (uint32_t i = 0; i < way->n_parts; i++) {
        p[i].x = add_i32(p[i].x, (int64_t)want->points[0].x - have->points[0].x);
        p[i].y = add_i32(p[i].y, (int64_t)want->points[0].y - have->points[0].y);
        p[i].z = add_i32(p[i].z, (int64_t)want->points[0].z - have->points[0].z);
    }
    if (turned && way->n_parts == 2 &&
        w->file.refs[way->first_part] != w->file.refs[way->first_part + 1]) {
        struct element e = *want; /* borrowed: only read */
        struct map_point room[2];
        e.points = room;
        room[0] = want->points[0];
        e.n_points = 1;
        if (osm_points(&e, plate) == 2)
            memcpy(p, plate, sizeof(plate));
    }
}

static void set_nodes(struct into *w, const struct ll_object *way, const int64_t *refs, size_t n) {
    struct ll_text_object *o = ll_text_find(&w->text, 'w', way->id);
    struct buf b = {0};
    size_t at = 0;
    if (o == NULL)
        return;
    struct span space = {0};
    for (uint32_t i = o->first; i < o->first + o->n; i++) {
        struct ll_text_part *p = &w->text.parts[i];
        if (p->kind != LL_ND)
            continue;
        if (at == 0) {
            at = splice_space_before(w->text.file, p->at);
            space = span_of(w->text.file.p + at, p->at - at);
        }
        ll_text_remove_part(&w->text, p);
    }
    for (size_t i = 0; i < n; i++) {
        buf_put(&b, space.p, space.n);
        buf_printf(&b, "<nd ref=\"%lld\"/>", (long long)refs[i]);
    }
    if (at > 0)
        splice_add(&w->text.edits, at, 0, buf_span(&b));
    buf_free(&b);
}

static void put_node(struct into *w, int64_t id, struct map_point p) {
    if (!w->local) {
        osm_put_node(&w->created, &w->base.frame, id, p);
        return;
    }
    struct map_point own = p;
    (void)frame_convert(&w->base.frame, &w->own, p.x, p.y, &own.x, &own.y);
    const struct {
        const char *key;
        int32_t mm;
    } tags[] = {{"local_x", own.x}, {"local_y", own.y}, {"ele", p.z}};
    buf_printf(&w->created, "  <node id=\"%lld\" lat=\"\" lon=\"\">\n", (long long)id);
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        struct buf text = {0};
        export_metres(&text, tags[i].mm);
        buf_u8(&text, 0);
        osm_put_tag(&w->created, tags[i].key, (const char *)text.p);
        buf_free(&text);
    }
    buf_printf(&w->created, "  </node>\n");
}

void into_new_nodes(struct into *w, const struct map_point *p, size_t n, int64_t *ret_refs) {
    for (size_t i = 0; i < n; i++) {
        ret_refs[i] = osm_node_id(p[i]);
        bool known = ll_node(&w->file, ret_refs[i]) != NULL;
        for (size_t k = 0; k < w->n_made && !known; k++)
            known = w->made[k] == ret_refs[i];
        if (known)
            continue;
        w->made = ws_realloc(w->made, (w->n_made + 1) * sizeof(w->made[0]));
        w->made[w->n_made++] = ret_refs[i];
        put_node(w, ret_refs[i], p[i]);
    }
}

/* Another number of points: those at both ends that stay keep their nodes, the rest is new. */
static void redraw(struct into *w, struct wishes *s, const struct element *want,
    const struct ll_object *way, const struct map_point *old) {
    size_t n = want->n_points;
    size_t from = 0;
    size_t tail = 0;
    const int64_t *refs = &w->file.refs[way->first_part];
    while (from < n && from < way->n_parts && same_point(want->points[from], old[from]))
        from++;
    while (tail < n - from && tail < way->n_parts - from &&
           same_point(want->points[n - 1 - tail], old[way->n_parts - 1 - tail]))
        tail++;
    int64_t *all = ws_calloc(n, sizeof(all[0]));
    memcpy(all, refs, from * sizeof(all[0]));
    into_new_nodes(w, want->points + from, n - from - tail, all + from);
    memcpy(all + n - tail, refs + way->n_parts - tail, tail * sizeof(all[0]));
    set_nodes(w, way, all, n);
    free(all);
    for (uint32_t i = 0; i < way->n_parts; i++) /* what it keeps has to stay */
        if (i < from || i >= way->n_parts - tail)
            add_wish(s, (struct wish){refs[i], old[i], old[i], way->id, i});
}

static void gather(struct into *w, struct wishes *s) {
    struct map_point *p = ws_calloc(ELEMENT_MAX_POINTS, sizeof(p[0]));
    struct map_point *was = ws_calloc(ELEMENT_MAX_POINTS, sizeof(was[0]));
    for (size_t i = 0; i < w->have.n; i++) {
        const struct into_name *name = &w->have.v[i];
        const struct element *want = into_find(&w->want, name->kind, name->id);
        const struct ll_object *way = osm_is_way(name->e) ? ll_way(&w->file, name->id) : NULL;
        if (want == NULL || way == NULL || way->n_parts > ELEMENT_MAX_POINTS)
            continue;
        bool ok = true;
        for (uint32_t k = 0; k < way->n_parts && ok; k++)
            ok = place_of(w, w->file.refs[way->first_part + k], &was[k]);
        if (!ok)
            continue;
        memcpy(p, was, way->n_parts * sizeof(p[0]));
        if (name->kind == EL_SIGN || name->kind == EL_LIGHT) {
            wish_plate(w, name->e, want, way, p);
        } else if (want->n_points == way->n_parts) {
            memcpy(p, want->points, want->n_points * sizeof(p[0]));
        } else {
            if (want->n_points > 0)
                redraw(w, s, want, way, was);
            continue;
        }
        for (uint32_t k = 0; k < way->n_parts; k++)
            add_wish(s, (struct wish){w->file.refs[way->first_part + k], p[k], was[k], way->id, k});
    }
    free(p);
    free(was);
}

static void set_metres(
    struct into *w, const struct ll_text_object *o, const char *key, int64_t mm) {
    struct buf text = {0};
    export_metres(&text, add_i32(0, mm));
    buf_u8(&text, 0);
    ll_text_set_tag(&w->text, o, key, (const char *)text.p);
    buf_free(&text);
}

static void move_node(struct into *w, int64_t id, struct map_point from, struct map_point to) {
    struct ll_text_object *o = ll_text_find(&w->text, 'n', id);
    const struct ll_node *n = ll_node(&w->file, id);
    if (o == NULL || n == NULL)
        return;
    if (from.z != to.z)
        set_metres(w, o, "ele", to.z);
    if (from.x == to.x && from.y == to.y)
        return;
    if (w->local) {
        int32_t x = 0;
        int32_t y = 0;
        if (frame_convert(&w->base.frame, &w->own, to.x, to.y, &x, &y)) {
            set_metres(w, o, "local_x", x);
            set_metres(w, o, "local_y", y);
        }
        return;
    }
    struct buf lat = {0};
    struct buf lon = {0};
    int64_t lat10 = 0;
    int64_t lon10 = 0;
    frame_to_wgs10(&w->base.frame, to.x, to.y, &lat10, &lon10);
    export_degrees(&lat, lat10);
    export_degrees(&lon, lon10);
    buf_u8(&lat, 0);
    buf_u8(&lon, 0);
    ll_text_set_attr(&w->text, o->at, o->head_end, "lat", (const char *)lat.p);
    ll_text_set_attr(&w->text, o->at, o->head_end, "lon", (const char *)lon.p);
    buf_free(&lat);
    buf_free(&lon);
    if (n->has_x && n->has_y) { /* the same place in another grid, which is not turned by much */
        set_metres(w, o, "local_x", (int64_t)n->local_x + to.x - from.x);
        set_metres(w, o, "local_y", (int64_t)n->local_y + to.y - from.y);
    }
}

/* The way leaves a node that others hold on to. */
static void leave_node(struct into *w, const struct wish *s) {
    struct ll_text_object *o = ll_text_find(&w->text, 'w', s->way);
    int64_t id = 0;
    uint32_t part = 0;
    if (o == NULL)
        return;
    into_new_nodes(w, &s->at, 1, &id);
    for (uint32_t i = o->first; i < o->first + o->n; i++) {
        struct ll_text_part *p = &w->text.parts[i];
        if (p->kind != LL_ND || part++ != s->part)
            continue;
        char text[24];
        (void)snprintf(text, sizeof(text), "%lld", (long long)id);
        ll_text_set_attr(&w->text, p->at, p->end, "ref", text);
    }
}

void into_move(struct into *w) {
    struct wishes s = {0};
    gather(w, &s);
    if (s.n > 1)
        qsort(s.v, s.n, sizeof(s.v[0]), wish_order);
    size_t next = 0;
    for (size_t i = 0; i < s.n; i = next) {
        bool moved = false;
        bool agreed = true;
        for (next = i; next < s.n && s.v[next].node == s.v[i].node; next++) {
            moved = moved || !same_point(s.v[next].at, s.v[next].was);
            agreed = agreed && same_point(s.v[next].at, s.v[i].at);
        }
        if (moved && agreed)
            move_node(w, s.v[i].node, s.v[i].was, s.v[i].at);
        for (size_t k = i; k < next && moved && !agreed; k++)
            if (!same_point(s.v[k].at, s.v[k].was))
                leave_node(w, &s.v[k]);
    }
    free(s.v);
}
