/* Changed speed limits, road marks and lane types as edits of an OpenDRIVE file. */
#include "base/mem.h"
#include "mapsvc/model/text.h"
#include "mapsvc/opendrive/export_opendrive_edit.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- names ---- */

bool xe_lane_named(
    const struct xe *x, const char *alias, const char *what, struct xe_lane_name *ret) {
    *ret = (struct xe_lane_name){0};
    if (strncmp(alias, "opendrive:road/", 15) != 0)
        return false;
    (void)snprintf(ret->native, sizeof(ret->native), "%s", alias + 10);
    char *hash = strchr(ret->native, '#');
    if (hash != NULL) {
        const char *s = strstr(hash, "/s/");
        ret->has_s = s != NULL && text_to_i64(s + 3, &ret->mm);
        *hash = '\0';
    }
    char copy[OD_NATIVE_MAX];
    char mid[16];
    (void)snprintf(copy, sizeof(copy), "%s", ret->native);
    (void)snprintf(mid, sizeof(mid), "/%s/", what);
    char *section = NULL;
    for (char *p = strstr(copy, "/section/"); p != NULL; p = strstr(p + 1, "/section/"))
        section = p; /* a road's id may hold the word */
    char *lane = section == NULL ? NULL : strstr(section, mid);
    int64_t index = 0;
    int64_t id = 0;
    if (lane == NULL || !text_to_i64(lane + strlen(mid), &id))
        return false;
    *lane = '\0';
    *section = '\0';
    if (!text_to_i64(section + 9, &index))
        return false;
    ret->road = od_road_named(x->m, copy + 5);
    if (ret->road == NULL || index < 0 || index >= ret->road->sections.n || id < -200 || id > 200)
        return false;
    ret->section = &x->m->sections[ret->road->sections.first + (uint32_t)index];
    const struct od_lane *found = od_lane_in(x->m, ret->section, (int)id);
    ret->lane = found == NULL ? NULL : &x->m->lanes[found - x->m->lanes];
    return ret->lane != NULL;
}

static double section_end(const struct xe *x, const struct xe_lane_name *v) {
    const struct od_section *next =
        od_next_section(x->m, v->road, v->section, v->lane->id < 0 ? -1 : 1);
    return next == NULL || next->s > v->road->length ? v->road->length : next->s;
}

/* ---- limits ---- */

/* The record a limit of the file came from, as opendrive_lanes makes them. */
static struct od_speed *record_of(const struct xe *x, const struct xe_lane_name *v, bool *ret_own) {
    bool own = v->lane->speed.n > 0;
    struct od_run run = own ? v->lane->speed : v->road->speed;
    struct od_speed *pool = (own ? x->m->lane_speeds : x->m->road_speeds) + run.first;
    double from = own ? v->section->s : 0.0;
    double end = section_end(x, v);
    *ret_own = own;
    for (uint32_t i = 0; i < run.n; i++) {
        double s0 = from + pool[i].s;
        double s1 = i + 1 < run.n ? from + pool[i + 1].s : end;
        s1 = s1 > end ? end : s1;
        bool first = s0 <= v->section->s + 1e-3;
        s0 = first ? v->section->s : s0;
        if (pool[i].none || s1 - s0 <= 1e-3)
            continue;
        if (first ? !v->has_s : v->has_s && (long long)(s0 * 1000.0 + 0.5) == v->mm)
            return &pool[i];
    }
    return NULL;
}

static void set_record(struct xe *x, const struct od_speed *r, const struct element *e) {
    char text[24] = "no limit";
    if (e != NULL && e->has_value)
        (void)snprintf(text, sizeof(text), "%d", e->value);
    xe_attr(x, r->source, "max", text);
    if (e == NULL)
        return;
    const char *unit = element_attr(e, "unit");
    xe_attr(x, r->source, "unit", unit == NULL ? "km/h" : unit);
}

/* A change of a limit that a road's type gives to many lanes. */
struct shared {
    const struct od_speed *record;
    const struct map_change *change;
    struct xe_lane_name lane;
};

static bool same_limit(const struct element *a, const struct element *b) {
    if (a == NULL || b == NULL)
        return a == b;
    const char *p = element_attr(a, "unit");
    const char *q = element_attr(b, "unit");
    return a->value == b->value && (p == NULL) == (q == NULL) && (p == NULL || strcmp(p, q) == 0);
}

struct piece {
    double s0, s1;
    const struct element *e;
};

static int piece_order(const void *a, const void *b) {
    const struct piece *p = a;
    const struct piece *q = b;
    return (p->s0 > q->s0) - (p->s0 < q->s0);
}

/* Where along the road a limit of the map begins and ends. */
static bool extent(
    const struct xe *x, const struct xe_lane_name *v, const struct element *e, struct piece *ret) {
    double s[2];
    for (size_t i = 0; i < 2; i++) {
        double px = 0.0;
        double py = 0.0;
        double t = 0.0;
        if (e->n_points < 2 || !xe_plane(x, e->points[i == 0 ? 0 : e->n_points - 1], &px, &py) ||
            xe_foot(x, v->road, px, py, &s[i], &t) > 1.0)
            return false;
    }
    *ret = (struct piece){s[0] < s[1] ? s[0] : s[1], s[0] < s[1] ? s[1] : s[0], e};
    double end = section_end(x, v);
    if (ret->s0 < v->section->s + 0.05)
        ret->s0 = v->section->s;
    if (ret->s1 > end - 0.05)
        ret->s1 = end;
    return true;
}

static void put_speed(
    struct buf *b, struct span indent, double at, const struct element *e, bool first) {
    char s[XE_NUMBER];
    xe_number(s, at);
    if (!first)
        buf_put(b, indent.p, indent.n);
    if (e == NULL) {
        buf_printf(b, "<speed sOffset=\"%s\" max=\"no limit\"/>", s);
        return;
    }
    const char *unit = element_attr(e, "unit");
    buf_printf(b, "<speed sOffset=\"%s\" max=\"%d\"", s, e->value);
    xe_put_attr(b, "unit", unit == NULL ? "km/h" : unit);
    buf_printf(b, "/>");
}

/* All limits the map has on one lane, as records of that lane. */
static bool write_lane(struct xe *x, const struct xe_lane_name *v) {
    char alias[OD_NATIVE_MAX + 16];
    (void)snprintf(alias, sizeof(alias), "opendrive:%s", v->native);
    struct piece *list = NULL;
    size_t n = 0;
    bool ok = v->lane->speed_at != 0;
    for (size_t i = 0; i < x->map->n && ok; i++) {
        const struct element *e = &x->map->elements[i];
        const char *lane = e->kind == EL_SPEED_LIMIT ? element_attr(e, "lane") : NULL;
        if (lane == NULL || strcmp(lane, alias) != 0)
            continue;
        list = ws_realloc(list, (n + 1) * sizeof(list[0]));
        ok = extent(x, v, e, &list[n++]);
    }
    if (n > 1)
        qsort(list, n, sizeof(list[0]), piece_order);
    struct span indent = xe_indent(x, v->lane->source.at);
    struct buf deeper = {0};
    buf_put(&deeper, indent.p, indent.n);
    if (indent.n > 0)
        buf_put(&deeper, "    ", 4);
    struct buf b = {0};
    double from = v->section->s;
    double end = section_end(x, v);
    bool replaces = v->lane->speed.n > 0;
    double at = from;
    if (n == 0 && !replaces)
        put_speed(&b, buf_span(&deeper), 0.0, NULL, false); /* instead of the road's */
    for (size_t i = 0; i < n && ok; i++) {
        if (list[i].s0 > at + 0.05 && i > 0)
            put_speed(&b, buf_span(&deeper), at - from, NULL, replaces && b.n == 0);
        put_speed(&b, buf_span(&deeper), list[i].s0 - from, list[i].e, replaces && b.n == 0);
        at = list[i].s1;
    }
    if (n > 0 && at < end - 0.05)
        put_speed(&b, buf_span(&deeper), at - from, NULL, false);
    if (n == 0 && replaces)
        put_speed(&b, buf_span(&deeper), 0.0, NULL, true);
    for (uint32_t i = 0; i < v->lane->speed.n && ok; i++) {
        struct od_source src = x->m->lane_speeds[v->lane->speed.first + i].source;
        if (i == 0)
            xe_replace(x, src.at, src.end - src.at, (const char *)b.p, b.n);
        else
            xe_remove(x, src);
    }
    if (!replaces && ok)
        xe_replace(x, v->lane->speed_at, 0, (const char *)b.p, b.n);
    buf_free(&deeper);
    buf_free(&b);
    free(list);
    return ok;
}

struct limits {
    struct shared *shared;
    size_t n_shared;
    struct xe_lane_name *lanes; /* to be written whole */
    const struct element **of;
    size_t n_lanes;
};

static void whole_lane(struct limits *l, const struct xe_lane_name *v, const struct element *e) {
    for (size_t i = 0; i < l->n_lanes; i++)
        if (l->lanes[i].lane == v->lane)
            return;
    l->lanes[l->n_lanes] = *v;
    l->of[l->n_lanes++] = e;
}

static const struct element *either(const struct map_change *c) {
    return c->after != NULL ? c->after : c->before;
}

static void sort_limit(struct xe *x, struct limits *l, const struct map_change *c) {
    struct xe_lane_name v;
    const char *lane = element_attr(either(c), "lane");
    bool named = c->before != NULL ? xe_lane_named(x, c->before->aliases[0], "lane", &v)
                                   : lane != NULL && xe_lane_named(x, lane, "lane", &v);
    if (!named) {
        xe_unsaid(x, either(c), "it is on no lane of the file");
        return;
    }
    bool own = false;
    struct od_speed *r = c->before != NULL ? record_of(x, &v, &own) : NULL;
    bool same_stretch =
        c->op == MAP_DELETE || (c->op == MAP_MODIFY && !same_limit(c->before, c->after));
    if (r == NULL || !same_stretch)
        whole_lane(l, &v, either(c));
    else if (own)
        set_record(x, r, c->after);
    else
        l->shared[l->n_shared++] = (struct shared){r, c, v};
}

static int shared_order(const void *a, const void *b) {
    const struct shared *p = a;
    const struct shared *q = b;
    if (p->record != q->record)
        return p->record < q->record ? -1 : 1;
    return (p->change > q->change) - (p->change < q->change);
}

struct use {
    const struct od_speed *record;
};

static int use_order(const void *a, const void *b) {
    const struct use *p = a;
    const struct use *q = b;
    return (p->record > q->record) - (p->record < q->record);
}

/* The record of each limit of the file, records together. */
static struct use *records_in_use(
    const struct xe *x, const struct mapset *base_map, size_t *ret_n) {
    struct use *list = ws_calloc(base_map->n, sizeof(list[0]));
    size_t n = 0;
    for (size_t i = 0; i < base_map->n; i++) {
        const struct element *e = &base_map->elements[i];
        struct xe_lane_name v;
        bool own = false;
        if (e->kind == EL_SPEED_LIMIT && xe_lane_named(x, e->aliases[0], "lane", &v))
            list[n++].record = record_of(x, &v, &own);
    }
    if (n > 1)
        qsort(list, n, sizeof(list[0]), use_order);
    *ret_n = n;
    return list;
}

/* Where every lane under a road's type changes alike, the type says so; else each lane gets its own. */
static void write_shared(struct xe *x, struct limits *l, const struct mapset *base_map) {
    if (l->n_shared == 0)
        return;
    size_t n = 0;
    struct use *used = records_in_use(x, base_map, &n);
    if (l->n_shared > 1)
        qsort(l->shared, l->n_shared, sizeof(l->shared[0]), shared_order);
    for (size_t i = 0; i < l->n_shared;) {
        const struct od_speed *r = l->shared[i].record;
        size_t to = i;
        bool alike = true;
        for (; to < l->n_shared && l->shared[to].record == r; to++)
            alike = alike && same_limit(l->shared[i].change->after, l->shared[to].change->after);
        size_t all = 0;
        for (size_t k = 0; k < n; k++)
            all += used[k].record == r;
        if (alike && all == to - i)
            set_record(x, r, l->shared[i].change->after);
        else
            for (size_t k = i; k < to; k++)
                whole_lane(l, &l->shared[k].lane, either(l->shared[k].change));
        i = to;
    }
    free(used);
}

void xe_limits(struct xe *x, const struct mapset *base_map) {
    size_t n = x->delta->n;
    struct limits l = {.shared = ws_calloc(n, sizeof(struct shared)),
        .lanes = ws_calloc(n, sizeof(struct xe_lane_name)),
        .of = ws_calloc(n, sizeof(const struct element *))};
    for (size_t i = 0; i < n; i++)
        if (either(&x->delta->changes[i])->kind == EL_SPEED_LIMIT)
            sort_limit(x, &l, &x->delta->changes[i]);
    write_shared(x, &l, base_map);
    for (size_t i = 0; i < l.n_lanes; i++)
        if (!write_lane(x, &l.lanes[i]))
            xe_unsaid(x, l.of[i], "its lane has no place for a speed record");
    free(l.shared);
    free(l.lanes);
    free(l.of);
}

/* ---- marks and types ---- */

static void change_attr(struct xe *x, struct od_source src, const char *name,
    const struct element *before, const struct element *after, const char *key) {
    const char *p = element_attr(before, key);
    const char *q = element_attr(after, key);
    if (strcmp(p == NULL ? "" : p, q == NULL ? "" : q) != 0)
        xe_attr(x, src, name, q == NULL ? "" : q);
}

static bool same_text(const struct element *a, const struct element *b, const char *key) {
    return strcmp(xe_text(a, key), xe_text(b, key)) == 0;
}

void xe_boundary(struct xe *x, const struct map_change *c) {
    struct xe_lane_name v;
    if (c->op != MAP_MODIFY || !xe_lane_named(x, c->before->aliases[0], "border", &v)) {
        xe_unsaid(x, either(c), "a boundary is the edge of a lane");
        return;
    }
    if (same_text(c->before, c->after, "type") && same_text(c->before, c->after, "color") &&
        same_text(c->before, c->after, "lane_change"))
        return; /* its shape: in xe_shapes */
    if (v.lane->marks.n == 0) {
        xe_unsaid(x, c->after, "its lane has no road mark to change");
        return;
    }
    struct od_source src = x->m->marks[v.lane->marks.first].source;
    change_attr(x, src, "type", c->before, c->after, "type");
    change_attr(x, src, "color", c->before, c->after, "color");
    change_attr(x, src, "laneChange", c->before, c->after, "lane_change");
}

void xe_lane(struct xe *x, const struct map_change *c) {
    struct xe_lane_name v;
    if (c->op != MAP_MODIFY || !xe_lane_named(x, c->before->aliases[0], "lane", &v)) {
        xe_unsaid(x, either(c), "lanes are not drawn anew");
        return;
    }
    change_attr(x, v.lane->source, "type", c->before, c->after, "subtype");
}
