/* Changed stop lines and crosswalks as edits of an OpenDRIVE file. */
#include "base/mem.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/opendrive/export_opendrive_edit.h"

#include <stdio.h>
#include <stdlib.h>

#define OBJECT_SLACK 10.0 /* metres an object may lie beyond its road's end */

/* Where an object's own axes begin and how far its shape reaches along them. */
struct axes {
    struct od_pose at;
    double s, t, z; /* z above the road */
    double length, width;
};

/* The foot of the shape's middle on the road; corners in the axes there. */
static bool shape_of(const struct xe *x, const struct od_road *road, const struct element *e,
    double (*uv)[3], struct axes *ret) {
    double mid[3] = {0.0};
    for (size_t i = 0; i < e->n_points; i++) {
        if (!xe_plane(x, e->points[i], &uv[i][0], &uv[i][1]))
            return false;
        uv[i][2] = e->points[i].z / 1000.0;
        for (size_t k = 0; k < 3; k++)
            mid[k] += uv[i][k] / (double)e->n_points;
    }
    *ret = (struct axes){0};
    if (xe_foot(x, road, mid[0], mid[1], &ret->s, &ret->t) > OBJECT_SLACK)
        return false;
    double ground = od_poly_at(&x->m->elevation, road->elevation, ret->s);
    ret->z = mid[2] - ground;
    double sine = 0.0;
    double cosine = 0.0;
    ret->at = od_road_at(x->m, road, ret->s);
    ieee_sincos(ret->at.hdg, &sine, &cosine);
    ret->at.x -= ret->t * sine;
    ret->at.y += ret->t * cosine;
    double lo[2] = {0.0};
    double hi[2] = {0.0};
    for (size_t i = 0; i < e->n_points; i++) {
        double px = uv[i][0] - ret->at.x;
        double py = uv[i][1] - ret->at.y;
        uv[i][0] = px * cosine + py * sine;
        uv[i][1] = py * cosine - px * sine;
        uv[i][2] -= mid[2];
        for (size_t k = 0; k < 2; k++) {
            lo[k] = uv[i][k] < lo[k] ? uv[i][k] : lo[k];
            hi[k] = uv[i][k] > hi[k] ? uv[i][k] : hi[k];
        }
    }
    ret->length = hi[0] - lo[0];
    ret->width = hi[1] - lo[1];
    return true;
}

static void put_number(struct buf *b, const char *name, double v) {
    char text[XE_NUMBER];
    xe_number(text, v);
    buf_printf(b, " %s=\"%s\"", name, text);
}

static void put_corners(struct buf *b, const double (*uv)[3], size_t n, struct span indent) {
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_put(b, indent.p, indent.n);
        buf_printf(b, "<cornerLocal");
        put_number(b, "u", uv[i][0]);
        put_number(b, "v", uv[i][1]);
        put_number(b, "z", uv[i][2]);
        buf_printf(b, " height=\"0.0\"/>");
    }
}

/* New corners in the outline the object has; false where it has none that says a shape like e's. */
static bool reshape(struct xe *x, const struct od_object *o, const struct element *e) {
    if (o->corners.n == 0 || o->corners_end <= o->corners_at ||
        (e->kind == EL_STOP_LINE) != o->open)
        return false;
    const struct od_road *road = &x->m->roads[o->road];
    struct map_point unused;
    struct od_pose at;
    double sine = 0.0;
    double cosine = 0.0;
    bool ok = od_place_at(x->b, road, o->s, o->t, o->z, &unused, &at);
    double ground = od_poly_at(&x->m->elevation, road->elevation, o->s) + o->z;
    ieee_sincos(at.hdg + o->turn, &sine, &cosine);
    double(*uv)[3] = ws_calloc(e->n_points, sizeof(uv[0]));
    for (size_t i = 0; i < e->n_points && ok; i++) {
        double px = 0.0;
        double py = 0.0;
        ok = xe_plane(x, e->points[i], &px, &py);
        uv[i][0] = (px - at.x) * cosine + (py - at.y) * sine;
        uv[i][1] = (py - at.y) * cosine - (px - at.x) * sine;
        uv[i][2] = e->points[i].z / 1000.0 - ground;
    }
    struct buf b = {0};
    put_corners(&b, (const double(*)[3])uv, e->n_points, xe_indent(x, o->corners_at));
    if (ok)
        xe_replace(x, o->corners_at, o->corners_end - o->corners_at, (const char *)b.p, b.n);
    buf_free(&b);
    free(uv);
    return ok;
}

static void create_object(struct xe *x, const struct element *e, const char *old_id) {
    char id[OD_NATIVE_MAX];
    double want = -1.0;
    const struct od_road *road = xe_alias_road(x, e, "object", id, &want);
    if (old_id[0] != '\0')
        (void)snprintf(id, sizeof(id), "%s", old_id);
    if (road == NULL)
        road = xe_road_for(x, e, OBJECT_SLACK);
    double(*uv)[3] = ws_calloc(e->n_points, sizeof(uv[0]));
    struct axes f;
    if (road == NULL || !shape_of(x, road, e, uv, &f)) {
        xe_unsaid(x, e, "no road within 30 m");
        free(uv);
        return;
    }
    if (id[0] == '\0')
        xe_new_id(x, id, sizeof(id));
    bool walk = e->kind == EL_CROSSWALK;
    bool outlines = x->m->minor < 0 || x->m->minor > 4;
    const char *subtype = xe_text(e, "subtype");
    struct buf b = {0};
    buf_printf(&b, "<object");
    xe_put_attr(&b, "id", id);
    xe_put_attr(&b, "name", xe_text(e, "name"));
    xe_put_attr(&b, "type", walk ? "crosswalk" : "roadMark");
    if (!walk && !od_names_stop_line(subtype) && !od_names_stop_line(xe_text(e, "name")))
        subtype = "stopLine";
    if (subtype[0] != '\0')
        xe_put_attr(&b, "subtype", subtype);
    put_number(&b, "s", f.s);
    put_number(&b, "t", f.t);
    put_number(&b, "zOffset", f.z);
    put_number(&b, "hdg", 0.0);
    put_number(&b, "length", f.length);
    put_number(&b, "width", f.width);
    buf_printf(&b, " orientation=\"none\">%s<outline%s>", outlines ? "<outlines>" : "",
        !outlines ? ""
        : walk    ? " id=\"0\" closed=\"true\""
                  : " id=\"0\" closed=\"false\"");
    put_corners(&b, (const double(*)[3])uv, e->n_points, (struct span){NULL, 0});
    buf_printf(&b, "</outline>%s</object>", outlines ? "</outlines>" : "");
    xe_child(x, road, true, &b);
    buf_free(&b);
    free(uv);
}

static bool same_points(const struct element *a, const struct element *b) {
    if (a->n_points != b->n_points)
        return false;
    for (size_t i = 0; i < a->n_points; i++)
        if (a->points[i].x != b->points[i].x || a->points[i].y != b->points[i].y ||
            a->points[i].z != b->points[i].z)
            return false;
    return true;
}

void xe_object(struct xe *x, const struct map_change *c) {
    const struct element *e = c->after != NULL ? c->after : c->before;
    if (c->op == MAP_CREATE) {
        create_object(x, e, "");
        return;
    }
    const struct od_object *o = xe_named(x, c->before)->object;
    const struct od_signal *g = o == NULL ? xe_named(x, c->before)->signal : NULL;
    if (o == NULL && g == NULL) {
        xe_unsaid(x, e, "the file has no object for it");
    } else if (g != NULL && c->op == MAP_DELETE) {
        xe_remove_signal(x, g);
    } else if (g != NULL) {
        /* a signal says where along the road a stop line is; its ends are the lanes' */
        xe_unsaid(x, e, "its shape follows from the lanes");
    } else if (o->shared) {
        xe_unsaid(x, e, "the file says it together with others (repeat)");
    } else if (c->op == MAP_DELETE) {
        xe_remove(x, o->source);
    } else {
        if (!same_points(c->before, e) && !reshape(x, o, e)) {
            xe_remove(x, o->source);
            create_object(x, e, od_text(x->m, o->id));
            return;
        }
        static const char *const texts[] = {"name", "subtype"};
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
            if (strcmp(xe_text(c->before, texts[i]), xe_text(e, texts[i])) != 0)
                xe_attr(x, o->source, texts[i], xe_text(e, texts[i]));
    }
}
