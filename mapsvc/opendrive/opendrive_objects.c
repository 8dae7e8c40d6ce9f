/* Objects of OpenDRIVE roads that are map elements: crosswalks and stop lines. */
#include "base/mem.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/opendrive/opendrive.h"

#include <stdlib.h>

/* A corner on the plane. */
struct spot {
    double x, y, z;
};

static struct spot corner_at(
    const struct od_build *b, const struct od_object *o, const struct od_corner *c) {
    const struct od_road *road = &b->m->roads[o->road];
    double s = c->local ? o->s : c->a + o->moved_s;
    struct od_pose p = od_road_at(b->m, road, s);
    double z = od_poly_at(&b->m->elevation, road->elevation, s) + c->z;
    double t = c->local ? o->t : c->b + o->moved_t;
    double sine = 0.0;
    double cosine = 0.0;
    ieee_sincos(p.hdg, &sine, &cosine);
    struct spot v = {p.x - t * sine, p.y + t * cosine, z};
    if (!c->local) {
        v.z += o->moved_z;
        return v;
    }
    ieee_sincos(p.hdg + o->turn, &sine, &cosine);
    v.x += c->a * cosine - c->b * sine;
    v.y += c->a * sine + c->b * cosine;
    v.z += o->z;
    return v;
}

static double dist2(struct spot a, struct spot b) {
    return (a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y);
}

static struct spot half_way(struct spot a, struct spot b) {
    return (struct spot){(a.x + b.x) / 2.0, (a.y + b.y) / 2.0, (a.z + b.z) / 2.0};
}

static bool add(const struct od_build *b, struct spot v, struct element *e) {
    struct map_point p;
    return od_place(b, v.x, v.y, v.z, &p) && element_add_point(e, p);
}

enum { CORNERS_MAX = 1024 };

/* The outline, or the box that stands for one; without a repeated first corner. */
static size_t corners_of(
    const struct od_build *b, const struct od_object *o, struct spot *v, const char **ret_why) {
    size_t n = 0;
    if (o->corners.n > CORNERS_MAX) {
        *ret_why = "more corners than the reader holds";
        return 0;
    }
    for (uint32_t i = 0; i < o->corners.n; i++)
        v[n++] = corner_at(b, o, &b->m->corners[o->corners.first + i]);
    if (n > 1 && !o->open && dist2(v[0], v[n - 1]) < 1e-6)
        n--;
    if (n > 0)
        return n;
    *ret_why = "neither outline nor length and width";
    bool both = o->length > 0.0 && o->width > 0.0;
    if (!both && (o->kind == EL_CROSSWALK || !(o->length > 0.0 || o->width > 0.0)))
        return 0; /* a line may be drawn without breadth */
    static const double signs[4][2] = {{1, 1}, {-1, 1}, {-1, -1}, {1, -1}};
    for (; n < 4; n++)
        v[n] = corner_at(b, o,
            &(struct od_corner){
                true, signs[n][0] * o->length / 2.0, signs[n][1] * o->width / 2.0, 0.0});
    return n;
}

/* The middle of a painted bar: from the middle of one short side to that of the other; of another shape the
 * line between the two corners that are furthest apart. */
static void bar_line(struct spot *v, size_t n) {
    struct spot from = v[0];
    struct spot to = v[1];
    if (n == 4) {
        bool first_is_short =
            dist2(v[0], v[1]) + dist2(v[2], v[3]) < dist2(v[1], v[2]) + dist2(v[3], v[0]);
        from = first_is_short ? half_way(v[0], v[1]) : half_way(v[1], v[2]);
        to = first_is_short ? half_way(v[2], v[3]) : half_way(v[3], v[0]);
    } else {
        for (size_t i = 0; i < n; i++)
            for (size_t k = i + 1; k < n; k++)
                if (dist2(v[i], v[k]) > dist2(from, to)) {
                    from = v[i];
                    to = v[k];
                }
    }
    v[0] = from;
    v[1] = to;
}

static void set_attrs(const struct od_map *m, const struct od_object *o, struct element *e) {
    const struct {
        const char *key;
        uint32_t text;
    } kept[] = {{"name", o->name}, {"subtype", o->subtype}};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (od_text(m, kept[i].text)[0] != '\0')
            (void)element_set_attr(e, kept[i].key, od_text(m, kept[i].text));
}

static void emit(struct od_build *b, uint32_t index, const char *native) {
    struct od_object *o = &b->m->objects[index];
    struct spot v[CORNERS_MAX];
    const char *why = "";
    size_t n = corners_of(b, o, v, &why);
    b->budget -= b->budget < n * 8 ? b->budget : n * 8;
    if (n > 0 && n < (o->kind == EL_CROSSWALK ? 3 : 2)) {
        why = "its outline has too few corners";
        n = 0;
    }
    if (n == 0) {
        map_skip(b->r, o->line, native, "%s", why);
        return;
    }
    if (o->kind == EL_STOP_LINE && !(o->open && n >= 2) && n > 2) {
        bar_line(v, n);
        n = 2;
    }
    struct element e = {.kind = o->kind};
    for (size_t i = 0; i < n; i++) {
        if (!add(b, v[i], &e)) {
            map_skip(b->r, o->line, native, "out of reach of the frame");
            element_free(&e);
            return;
        }
    }
    set_attrs(b->m, o, &e);
    map_emit(b->r, &e, native);
    o->native = od_keep_name(b->m, native);
    if (o->outlines > 1)
        map_note(b->r, o->line, "%s: of %u outlines the first is taken", native, o->outlines);
}

void opendrive_objects(struct od_build *b) {
    struct od_map *m = b->m;
    struct od_placed *list = ws_calloc(m->n_objects, sizeof(list[0]));
    for (size_t i = 0; i < m->n_objects; i++) {
        const struct od_object *o = &m->objects[i];
        list[i] = (struct od_placed){o->road, o->id, o->s, o->line, (uint32_t)i};
    }
    od_each_placed(b, "object", list, m->n_objects, emit);
    free(list);
}
