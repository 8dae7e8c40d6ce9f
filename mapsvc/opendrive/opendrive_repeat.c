/* OpenDRIVE's <repeat>: one record stands for a row of objects, or for one that goes on along the road. The row becomes objects
 * of their own, what goes on becomes one with an outline (ASAM OpenDRIVE 1.8, section 13.4). */
#include "base/mem.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/opendrive/opendrive.h"
#include "mapsvc/opendrive/opendrive_parse.h"

#include <math.h>
#include <stdio.h>

enum { IN_A_ROW = 4096, IN_ALL = 200000, CORNERS_IN_ALL = 4000000, STEPS_MAX = 256 };
#define STEP 2.0 /* metres between the corners of what goes on */
#define STRIPES 1.0 /* crosswalks that are nearer to one another are stripes of one */

/* A value between its ends. */
static double between(const double v[2], double part) {
    return v[0] + (v[1] - v[0]) * part;
}

/* How far the box of an object reaches along the road, and across it. */
static void reach(
    const struct od_object *o, double length, double width, double *ret_along, double *ret_across) {
    double sine = 0.0;
    double cosine = 0.0;
    ieee_sincos(o->turn, &sine, &cosine);
    *ret_along = fabs(length * cosine) + fabs(width * sine);
    *ret_across = fabs(length * sine) + fabs(width * cosine);
}

static void put_corner(struct od_map *m, struct od_object *o, double s, double t, double z) {
    m->corners = od_room(m->corners, m->n_corners, &m->cap_corners, sizeof(m->corners[0]));
    m->corners[m->n_corners++] = (struct od_corner){.a = s, .b = t, .z = z};
    o->corners.n++;
}

/* From s to s + length as one shape. `more`: so much longer at both ends. */
static void go_on(
    struct od_map *m, struct od_object *o, const struct od_repeat *r, bool across, double more) {
    double length = r->length;
    double road = m->roads[o->road].length;
    if (!(r->width[0] > 0.0) && !(r->width[1] > 0.0))
        return;
    if (r->s + length > road)
        length = road > r->s ? road - r->s : 0.0;
    size_t n = (size_t)(length / STEP) + 1;
    if (n > STEPS_MAX)
        n = STEPS_MAX;
    o->corners = (struct od_run){.first = (uint32_t)m->n_corners};
    o->corners_at = o->corners_end = 0;
    o->open = false;
    for (size_t k = 0; k < 2 * (n + 1); k++) {
        bool right = k <= n;
        double i = (double)(right ? k : 2 * n + 1 - k);
        double part = i / (double)n;
        double along = 0.0;
        double width = between(r->width, part);
        if (across)
            reach(o, between(r->size, part), between(r->width, part), &along, &width);
        double end = part <= 0.0 ? -more : part >= 1.0 ? more : 0.0;
        put_corner(m, o, r->s + part * length + end,
            between(r->t, part) + (right ? -width : width) / 2.0, between(r->z, part));
    }
    o->s = r->s;
    o->t = r->t[0];
}

static void stand(struct od_object *o, const struct od_repeat *r, double part) {
    double s = r->s + r->length * part;
    double t = between(r->t, part);
    o->moved_s = s - o->s;
    o->moved_t = t - o->t;
    o->moved_z = between(r->z, part) - o->z;
    o->s = s;
    o->t = t;
    o->z = between(r->z, part);
    o->width = between(r->width, part);
    o->length = between(r->size, part);
}

struct row {
    struct od_map *m;
    struct od_object as; /* as written */
    uint32_t index; /* of the one that becomes the first */
    size_t n;
};

static struct od_object *next(struct row *row) {
    struct od_map *m = row->m;
    if (row->n++ == 0)
        return &m->objects[row->index];
    m->objects = od_room(m->objects, m->n_objects, &m->cap_objects, sizeof(m->objects[0]));
    m->objects[m->n_objects] = row->as;
    return &m->objects[m->n_objects++];
}

/* Steps of a row, of which those beyond the road's end are left out; 0: it goes on. */
static size_t steps_of(const struct od_map *m, const struct od_object *o, const struct od_repeat *r,
    bool outlined, double *ret_along) {
    double across = 0.0;
    *ret_along = 0.0;
    if (!(r->distance > 0.0))
        return 0;
    reach(o, r->size[0], r->width[0], ret_along, &across);
    if (o->kind == EL_CROSSWALK && !outlined && *ret_along > 0.0 && r->length > 0.0 &&
        r->distance - *ret_along < STRIPES)
        return 0;
    double road = m->roads[o->road].length - r->s + 0.01;
    double length = r->length < road ? r->length : road;
    double steps = length < 0.0 ? 0.0 : length / r->distance + 1e-6;
    return steps > IN_A_ROW ? IN_A_ROW + 1 : (size_t)steps + 1;
}

static bool expand(struct row *row, const struct od_repeat *r) {
    bool outlined = row->as.corners.n > 0;
    double along = 0.0;
    size_t n = steps_of(row->m, &row->as, r, outlined, &along);
    if (n == 0 && outlined) /* its shape is not that of its cut */
        n = 1;
    if (n > IN_A_ROW || row->m->n_objects + n > IN_ALL || row->m->n_corners > CORNERS_IN_ALL)
        return false;
    if (n == 0) {
        bool stripes = r->distance > 0.0;
        struct od_object *o = next(row);
        go_on(row->m, o, r, stripes, stripes ? along / 2.0 : 0.0);
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        double part = r->length > 0.0 ? (double)i * r->distance / r->length : 0.0;
        struct od_object *o = next(row);
        *o = row->as;
        stand(o, r, n == 1 ? 0.0 : part);
    }
    return true;
}

void opendrive_repeats(struct od_build *b) {
    struct od_map *m = b->m;
    size_t written = m->n_objects;
    for (uint32_t i = 0; i < written; i++) {
        struct row row = {.m = m, .as = m->objects[i], .index = i};
        for (uint32_t k = 0; k < row.as.repeats.n; k++) {
            const struct od_repeat r = m->repeats[row.as.repeats.first + k];
            if (!expand(&row, &r))
                map_note(b->r, r.line,
                    "element repeat: more than %d objects in a row or %d in the file; the object "
                    "stands once",
                    IN_A_ROW, IN_ALL);
        }
        m->objects[i].shared = row.n > 1;
        for (size_t k = m->n_objects - (row.n > 1 ? row.n - 1 : 0); k < m->n_objects; k++)
            m->objects[k].shared = true;
    }
}

/* ---- reading ---- */

void od_repeat_record(struct od_parse *p) {
    struct od_map *m = p->m;
    if (!p->has_object)
        return;
    struct od_object *o = &m->objects[m->n_objects - 1];
    double radius[2] = {o->width / 2.0, o->width / 2.0};
    struct od_repeat r = {.line = xml_line(p->x),
        .t = {o->t, o->t},
        .z = {o->z, o->z},
        .width = {o->width, o->width},
        .size = {o->length, o->length}};
    const struct od_figure list[] = {{"s", true, OD_PLACE_MAX, &r.s},
        {"length", true, OD_PLACE_MAX, &r.length}, {"distance", true, OD_PLACE_MAX, &r.distance},
        {"tStart", false, OD_PLACE_MAX, &r.t[0]}, {"tEnd", false, OD_PLACE_MAX, &r.t[1]},
        {"zOffsetStart", false, OD_PLACE_MAX, &r.z[0]},
        {"zOffsetEnd", false, OD_PLACE_MAX, &r.z[1]},
        {"widthStart", false, OD_PLACE_MAX, &r.width[0]},
        {"widthEnd", false, OD_PLACE_MAX, &r.width[1]},
        {"lengthStart", false, OD_PLACE_MAX, &r.size[0]},
        {"lengthEnd", false, OD_PLACE_MAX, &r.size[1]},
        {"radiusStart", false, OD_PLACE_MAX, &radius[0]},
        {"radiusEnd", false, OD_PLACE_MAX, &radius[1]}};
    char name[100];
    (void)snprintf(name, sizeof(name), "repeat of object %.64s", od_text(m, o->id));
    bool good = od_figures(p, name, list, ARRAY_LEN(list));
    if (good && (r.length < 0.0 || r.distance < 0.0)) {
        map_skip(p->r, r.line, name, "length or distance below 0");
        good = false;
    }
    if (!good) { /* where it stands is not known */
        m->n_objects--;
        p->has_object = false;
        return;
    }
    if (xml_attr(p->attrs, "radiusStart") != NULL || xml_attr(p->attrs, "radiusEnd") != NULL)
        for (size_t i = 0; i < 2; i++)
            r.width[i] = r.size[i] = 2.0 * radius[i];
    m->repeats = od_room(m->repeats, m->n_repeats, &m->cap_repeats, sizeof(r));
    m->repeats[m->n_repeats++] = r;
    o->repeats.n++;
}
