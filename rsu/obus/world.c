/* What stands on the road: the registered map, and what the actual map changes about it. */
#include "rsu/obus/obusim.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

/* Further than this, a thing did not move: one is gone and another is new. */
enum { MOVED_MM = 3000 };

/* Kinds that a passing vehicle perceives. Lanes and markings along them are for another kind of sensor. */
static bool perceived(enum element_kind k) {
    switch (k) {
    case EL_SIGN:
    case EL_SPEED_LIMIT:
    case EL_STOP_LINE:
    case EL_CROSSWALK:
    case EL_LIGHT:
    case EL_HAZARD:
        return true;
    case EL_LANE:
    case EL_BOUNDARY:
    case EL_AREA:
        break;
    }
    return false;
}

bool sim_world_place(const struct sim_world *w, struct map_point p, struct map_point *ret_p) {
    struct map_point q = p;
    if (!frame_convert(&w->actual.frame, &w->map.frame, p.x, p.y, &q.x, &q.y))
        return false;
    if (w->delta.shifted) {
        int64_t x = q.x - w->delta.shift_x_mm;
        int64_t y = q.y - w->delta.shift_y_mm;
        if (x < INT32_MIN || x > INT32_MAX || y < INT32_MIN || y > INT32_MAX)
            return false;
        q.x = (int32_t)x;
        q.y = (int32_t)y;
    }
    *ret_p = q;
    return true;
}

/* False: nowhere, or out of reach. */
static bool face_of(
    const struct sim_world *w, const struct element *e, bool actual, struct sim_face *ret) {
    if (e->n_points == 0)
        return false;
    struct map_point at = {0};
    element_anchor(e, &at.x, &at.y);
    if ((actual && !sim_world_place(w, at, &at)) || !sim_within_reach(at.x, at.y))
        return false;
    *ret = (struct sim_face){.there = true,
        .has_value = e->has_value,
        .value = e->value,
        .x = at.x,
        .y = at.y,
        .has_heading = e->has_heading,
        .heading = e->heading};
    return true;
}

static struct sim_thing *add(struct sim_world *w) {
    if (w->n == w->cap) {
        w->cap = w->cap == 0 ? 256 : 2 * w->cap;
        w->things = ws_realloc(w->things, w->cap * sizeof(w->things[0]));
    }
    struct sim_thing *t = &w->things[w->n++];
    *t = (struct sim_thing){0};
    return t;
}

static void add_new(struct sim_world *w, const struct element *e, const struct sim_face *face) {
    struct sim_thing *t = add(w);
    t->kind = e->kind;
    t->element = e;
    t->face[0] = t->face[1] = *face;
    t->face[0].there = false;
    t->changed = true;
}

/* What a report can say beyond "it is there": another value. */
static bool reads_otherwise(const struct sim_face *a, const struct sim_face *b) {
    return b->has_value && (!a->has_value || a->value != b->value);
}

static bool moved_away(const struct sim_face *a, const struct sim_face *b) {
    return distance2(a->x, a->y, b->x, b->y) > (uint64_t)MOVED_MM * MOVED_MM ||
           (a->has_heading && b->has_heading && heading_gap(a->heading, b->heading) > HEADING_45);
}

/* Puts a change of the delta onto the thing it is about; false when no passing vehicle can tell. */
static bool change(struct sim_world *w, const struct map_change *c, struct sim_thing *t) {
    const struct element *e = c->before != NULL ? c->before : c->after;
    struct sim_face after = {0};
    if (!perceived(e->kind))
        return false;
    if (c->op == MAP_DELETE) {
        t->face[1].there = false;
        t->changed = true;
        return true;
    }
    if (!face_of(w, c->after, true, &after))
        return false;
    if (c->op == MAP_CREATE) {
        /* A limit is read on the lane it is for, and the vehicles' map does not have that lane. */
        if (e->kind == EL_SPEED_LIMIT)
            return false;
        add_new(w, c->after, &after);
        return true;
    }
    /* Where a limit is in force follows from the lane. */
    if (e->kind == EL_SPEED_LIMIT) {
        after.x = t->face[0].x;
        after.y = t->face[0].y;
        after.has_heading = t->face[0].has_heading;
        after.heading = t->face[0].heading;
    } else if (moved_away(&t->face[0], &after)) {
        t->face[1].there = false;
        t->changed = true;
        add_new(w, c->after, &after);
        return true;
    }
    t->face[1] = after;
    t->changed = reads_otherwise(&t->face[0], &t->face[1]);
    return t->changed;
}

static struct sim_thing *thing_of(struct sim_world *w, const struct element *e, size_t n) {
    if (e == NULL)
        return NULL;
    size_t lo = 0;
    size_t hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (memcmp(w->things[mid].id, e->id, sizeof(e->id)) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && memcmp(w->things[lo].id, e->id, sizeof(e->id)) == 0 ? &w->things[lo] : NULL;
}

/* Limits first; the rest by x, then in an order that depends on nothing else. */
static int thing_order(const void *a, const void *b) {
    const struct sim_thing *p = a;
    const struct sim_thing *q = b;
    bool limit_p = p->kind == EL_SPEED_LIMIT;
    bool limit_q = q->kind == EL_SPEED_LIMIT;
    if (limit_p != limit_q)
        return limit_p ? -1 : 1;
    if (!limit_p && p->face[0].x != q->face[0].x)
        return p->face[0].x < q->face[0].x ? -1 : 1;
    if (p->registered != q->registered)
        return p->registered ? -1 : 1;
    return memcmp(p->element->id, q->element->id, sizeof(p->element->id));
}

static void apply_delta(struct sim_world *w, struct buf *notes) {
    map_compare(&w->map, &w->actual, &w->delta);
    if (w->delta.shifted)
        buf_printf(notes,
            "obusim: re-georeferenced: the actual map lies %lld mm east and %lld mm north of the "
            "registered one; driving in the registered frame\n",
            (long long)w->delta.shift_x_mm, (long long)w->delta.shift_y_mm);
    size_t n = w->n; /* new things are appended behind the sorted ones */
    for (size_t i = 0; i < w->delta.n; i++) {
        const struct map_change *c = &w->delta.changes[i];
        struct sim_thing *t = thing_of(w, c->before, n);
        if ((c->op == MAP_CREATE || t != NULL) && change(w, c, t))
            w->n_changed++;
        else
            w->n_unseen++;
    }
}

void sim_world_make(
    struct sim_world *w, struct mapset *map, struct mapset *actual, struct buf *notes) {
    *w = (struct sim_world){.map = *map};
    *map = (struct mapset){0};
    mapset_sort(&w->map);
    for (size_t i = 0; i < w->map.n; i++) {
        const struct element *e = &w->map.elements[i];
        struct sim_face face;
        if (!perceived(e->kind) || !face_of(w, e, false, &face))
            continue;
        struct sim_thing *t = add(w);
        t->kind = e->kind;
        t->element = e;
        t->registered = true;
        memcpy(t->id, e->id, sizeof(t->id));
        t->face[0] = t->face[1] = face;
    }
    if (actual != NULL) {
        w->actual = *actual;
        *actual = (struct mapset){0};
        w->has_actual = true;
        mapset_sort(&w->actual);
        apply_delta(w, notes);
    }
    if (w->n > 1)
        qsort(w->things, w->n, sizeof(w->things[0]), thing_order);
    for (size_t i = 0; i < w->n; i++) {
        struct sim_thing *t = &w->things[i];
        w->n_limits += t->kind == EL_SPEED_LIMIT ? 1 : 0;
        int32_t dx = abs(t->face[1].x - t->face[0].x);
        w->widest_mm = dx > w->widest_mm ? dx : w->widest_mm;
    }
}

static int load(const char *path, const struct sim_options *o, struct mapset *ret_map,
    struct buf *notes, struct ws_err *err) {
    struct map_import_options how = {.has_origin = o->has_origin, .lat0 = o->lat0, .lon0 = o->lon0};
    struct map_report *report = ws_alloc(sizeof(*report));
    int rc = map_import(path, &how, ret_map, report, err);
    if (rc == WS_OK && report->skipped > 0)
        buf_printf(notes, "obusim: %s: %zu element%s left out, the first: %s\n", path,
            report->skipped, report->skipped == 1 ? "" : "s", report->n > 0 ? report->text[0] : "");
    free(report);
    return rc;
}

int sim_world_load(
    struct sim_world *w, const struct sim_options *o, struct buf *notes, struct ws_err *err) {
    struct mapset map = {0};
    struct mapset actual = {0};
    *w = (struct sim_world){0};
    int rc = load(o->map, o, &map, notes, err);
    if (rc != WS_OK)
        return rc;
    if (o->world != NULL)
        rc = load(o->world, o, &actual, notes, err);
    if (rc == WS_OK)
        sim_world_make(w, &map, o->world == NULL ? NULL : &actual, notes);
    mapset_free(&map);
    mapset_free(&actual);
    return rc;
}

void sim_world_free(struct sim_world *w) {
    for (size_t i = 0; i < w->n; i++)
        free(w->things[i].passed_by);
    free(w->things);
    map_delta_free(&w->delta);
    mapset_free(&w->map);
    mapset_free(&w->actual);
    *w = (struct sim_world){0};
}
