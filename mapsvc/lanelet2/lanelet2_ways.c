/* Ways that are map elements of their own: signs, lights, stop lines, boundaries. */
#include "mapsvc/lanelet2/lanelet2.h"
#include "mapsvc/model/ieee.h"

#include <stdio.h>
#include <stdlib.h>

/* Nodes of a small object, so that a change can be written against them. */
static void set_nodes(struct ll_build *b, const struct ll_object *way, struct element *e) {
    char text[ELEMENT_MAX_TEXT + 1] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < way->n_parts; i++) {
        int n = snprintf(text + at, sizeof(text) - at, "%s%lld", i == 0 ? "" : " ",
            (long long)b->m->refs[way->first_part + i]);
        if (n < 0 || (size_t)n >= sizeof(text) - at)
            return;
        at += (size_t)n;
    }
    (void)element_set_attr(e, "nodes", text);
}

static struct map_point middle(struct map_point a, struct map_point b) {
    return (struct map_point){(int32_t)(((int64_t)a.x + b.x) / 2),
        (int32_t)(((int64_t)a.y + b.y) / 2), (int32_t)(((int64_t)a.z + b.z) / 2)};
}

/* A plate is drawn from its left to its right edge as its reader sees it, so the reader travels a
 * quarter turn to the left of it. Less than 5 cm is a post, not a plate. */
static bool plate_heading(const struct map_point *p, size_t n, uint16_t *ret_heading) {
    double dx = (double)p[n - 1].x - p[0].x;
    double dy = (double)p[n - 1].y - p[0].y;
    if (dx * dx + dy * dy < 2500.0)
        return false;
    *ret_heading = ieee_heading(-dy, dx);
    return true;
}

static void set_sign_value(struct ll_build *b, const struct ll_object *way, struct element *e) {
    const struct ll_use *use = &b->use[way - b->m->ways];
    const char *unit = NULL;
    e->has_value = ll_sign_value(b->m, way, &e->value, &unit);
    if (!e->has_value && use->regulatory > 0) {
        const struct ll_object *rule = &b->m->relations[use->regulatory - 1];
        e->has_value =
            ll_spend(b, rule->n_parts) && ll_regulatory_speed(b->m, rule, &e->value, &unit);
    }
    if (unit != NULL && strcmp(unit, "km/h") != 0)
        (void)element_set_attr(e, "unit", unit);
}

static void emit_plate(struct ll_build *b, const struct ll_object *way, enum element_kind kind,
    const struct map_point *p, size_t n, const char *native) {
    const struct ll_use *use = &b->use[way - b->m->ways];
    struct element e = {.kind = kind};
    (void)element_add_point(&e, middle(p[0], p[n - 1]));
    /* The plate itself says it best; the lanes it stands for only when it is drawn as a post. */
    e.has_heading = plate_heading(p, n, &e.heading);
    if (!e.has_heading && use->heading_known) {
        e.has_heading = true;
        e.heading = use->heading;
    }
    ll_copy_tags(b, way, &e);
    if (kind == EL_SIGN) {
        const char *code = ll_tag(b->m, way, "subtype");
        if (code != NULL)
            (void)element_set_attr(&e, "code", code);
        set_sign_value(b, way, &e);
    }
    if (use->regulatory > 0)
        (void)ll_list_add(&e, "regulatory", "relation", b->m->relations[use->regulatory - 1].id);
    ll_put_links(b, way, &e);
    set_nodes(b, way, &e);
    map_emit(b->r, &e, native);
}

static void emit_line(struct ll_build *b, const struct ll_object *way, enum element_kind kind,
    const struct map_point *p, size_t n, const char *native) {
    struct element e = {.kind = kind};
    for (size_t i = 0; i < n; i++)
        (void)element_add_point(&e, p[i]);
    ll_copy_tags(b, way, &e);
    ll_put_links(b, way, &e);
    const struct ll_use *use = &b->use[way - b->m->ways];
    if (kind == EL_STOP_LINE)
        set_nodes(b, way, &e);
    if (use->regulatory > 0 && !use->bound)
        (void)ll_list_add(&e, "regulatory", "relation", b->m->relations[use->regulatory - 1].id);
    map_emit(b->r, &e, native);
}

/* What a way is; 0: part of another. */
static unsigned kind_of(const struct ll_build *b, const struct ll_object *way) {
    const struct ll_use *use = &b->use[way - b->m->ways];
    if (ll_tag_is(b->m, way, "type", "traffic_light"))
        return EL_LIGHT;
    if (ll_tag_is(b->m, way, "type", "traffic_sign") || (use->refers && !use->bound))
        return EL_SIGN;
    if (ll_tag_is(b->m, way, "type", "stop_line") || (use->stop_line && !use->bound))
        return EL_STOP_LINE;
    if (use->bound || use->area)
        return EL_BOUNDARY;
    if (ll_tag_is(b->m, way, "area", "yes") && way->n_parts >= 3)
        return EL_AREA;
    /* bulbs are told at their light; without nodes there is nothing to tell */
    return way->n_parts == 0 || ll_tag_is(b->m, way, "type", "light_bulbs") ? 0 : EL_BOUNDARY;
}

void lanelet2_ways(struct ll_build *b) {
    for (size_t i = 0; i < b->m->n_ways && b->r->rc == WS_OK; i++) {
        const struct ll_object *way = &b->m->ways[i];
        unsigned kind = kind_of(b, way);
        if (kind == 0)
            continue;
        char native[LL_NATIVE_MAX];
        (void)snprintf(native, sizeof(native), "way/%lld", (long long)way->id);
        char why[160];
        size_t n = 0;
        struct map_point *p = ll_points(b, way, &n, why, sizeof(why));
        if (p == NULL) {
            char what[48];
            (void)snprintf(
                what, sizeof(what), "%s %lld", element_kind_name(kind), (long long)way->id);
            if (!b->use[i].told)
                map_skip(b->r, way->line, what, "%s", why);
            continue;
        }
        if (kind == EL_SIGN || kind == EL_LIGHT)
            emit_plate(b, way, (enum element_kind)kind, p, n, native);
        else
            emit_line(b, way, (enum element_kind)kind, p, n, native);
        free(p);
    }
}
