/* Records of what stands along OpenDRIVE roads: signals, references to them, objects, controllers. A malformed
 * number costs the thing it is in, not its road. */
#include "mapsvc/opendrive/opendrive_parse.h"

#include "mapsvc/model/text.h"

#include <stdio.h>

#define PLANE_MAX 1e8

bool od_figures(struct od_parse *p, const char *what, const struct od_figure *list, size_t n) {
    const char *id = xml_attr(p->attrs, "id");
    for (size_t i = 0; i < n; i++) {
        const char *text = xml_attr(p->attrs, list[i].name);
        if (text == NULL && !list[i].needed)
            continue;
        if (text == NULL || !text_to_double(text, list[i].to) || *list[i].to > list[i].max ||
            *list[i].to < -list[i].max) {
            char name[100];
            (void)snprintf(name, sizeof(name), "%s %.64s", what, id == NULL ? "" : id);
            map_skip(p->r, xml_line(p->x), name, "%s is not a %s", list[i].name,
                list[i].max > 1e3 ? "length in metres" : "number in range");
            return false;
        }
    }
    return true;
}

static char orientation(const struct od_parse *p) {
    const char *s = xml_attr(p->attrs, "orientation");
    return s == NULL ? ' ' : s[0];
}

void od_signal_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_signal g = {.line = xml_line(p->x), .source = od_source_here(p)};
    const struct od_figure list[] = {{"s", true, OD_PLACE_MAX, &g.s},
        {"t", true, OD_PLACE_MAX, &g.t}, {"zOffset", false, OD_PLACE_MAX, &g.z},
        {"hOffset", false, 1e3, &g.turn}};
    p->has_signal = od_figures(p, "signal", list, ARRAY_LEN(list));
    if (!p->has_signal)
        return;
    const char *dynamic = xml_attr(p->attrs, "dynamic");
    g.road = (uint32_t)(m->n_roads - 1);
    g.orientation = orientation(p);
    g.dynamic = dynamic != NULL && strcmp(dynamic, "yes") == 0;
    g.id = od_put_text(p, "id");
    g.name = od_put_text(p, "name");
    g.type = od_put_text(p, "type");
    g.subtype = od_put_text(p, "subtype");
    g.country = od_put_text(p, "country");
    g.value = od_put_text(p, "value");
    g.unit = od_put_text(p, "unit");
    g.validity.first = (uint32_t)m->n_validities;
    m->signals = od_room(m->signals, m->n_signals, &m->cap_signals, sizeof(g));
    m->signals[m->n_signals++] = g;
    od_road_of(p)->signals.n++;
}

/* 1.7: the plate stands elsewhere than where it holds. */
void od_position_record(struct od_parse *p, enum od_tag tag) {
    if (!p->has_signal)
        return;
    struct od_signal *g = &p->m->signals[p->m->n_signals - 1];
    double v[4] = {0.0};
    const struct od_figure of_road[] = {{"s", true, OD_PLACE_MAX, &v[0]},
        {"t", true, OD_PLACE_MAX, &v[1]}, {"zOffset", false, OD_PLACE_MAX, &v[2]},
        {"hOffset", false, 1e3, &v[3]}};
    const struct od_figure of_plane[] = {{"x", true, PLANE_MAX, &v[0]},
        {"y", true, PLANE_MAX, &v[1]}, {"z", false, OD_PLACE_MAX, &v[2]},
        {"hdg", false, 1e3, &v[3]}};
    if (!od_figures(p, "position of a signal", tag == T_AT_ROAD ? of_road : of_plane, 4))
        return;
    g->position = tag == T_AT_ROAD ? OD_AT_OTHER_ROAD : OD_AT_PLACE;
    g->at_road = tag == T_AT_ROAD ? od_put_text(p, "roadId") : 0;
    for (size_t i = 0; i < 4; i++)
        g->at[i] = v[i];
}

void od_reference_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_reference v = {
        .line = xml_line(p->x), .source = od_source_here(p), .orientation = orientation(p)};
    const struct od_figure list[] = {{"s", true, OD_PLACE_MAX, &v.s}};
    p->has_reference = false;
    if (!od_figures(p, "signalReference", list, 1))
        return;
    v.road = (uint32_t)(m->n_roads - 1);
    v.id = od_put_text(p, "id");
    v.validity.first = (uint32_t)m->n_validities;
    m->references = od_room(m->references, m->n_references, &m->cap_references, sizeof(v));
    m->references[m->n_references++] = v;
    p->has_reference = true;
}

void od_validity_record(struct od_parse *p, enum od_tag parent) {
    struct od_map *m = p->m;
    struct od_run *run = NULL;
    if (parent == T_SIGNAL && p->has_signal)
        run = &m->signals[m->n_signals - 1].validity;
    else if (parent == T_SIGNALREF && p->has_reference)
        run = &m->references[m->n_references - 1].validity;
    else if (parent == T_OBJECT && p->has_object)
        run = &m->objects[m->n_objects - 1].validity;
    if (run == NULL)
        return;
    struct od_validity v;
    if (!od_lane_id(xml_attr(p->attrs, "fromLane"), &v.from) ||
        !od_lane_id(xml_attr(p->attrs, "toLane"), &v.to)) {
        map_note(p->r, xml_line(p->x),
            "element validity: fromLane and toLane are not lane ids; not applied");
        return;
    }
    if (v.from > v.to)
        v = (struct od_validity){v.to, v.from};
    m->validities = od_room(m->validities, m->n_validities, &m->cap_validities, sizeof(v));
    m->validities[m->n_validities++] = v;
    run->n++;
}

/* ---- objects ---- */

/* Whether the letters of s hold a word in small letters: "Solid-Stop_Line" holds "stopline". */
static bool holds(const char *s, const char *word) {
    size_t n = strlen(word);
    for (; *s != '\0'; s++) {
        size_t at = 0;
        for (const char *p = s; *p != '\0' && at < n; p++) {
            char c = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
            if (at > 0 && (c == ' ' || c == '_' || c == '-'))
                continue;
            if (c != word[at])
                break;
            at++;
        }
        if (at == n)
            return true;
    }
    return false;
}

bool od_names_stop_line(const char *s) {
    return holds(s, "stopline") || holds(s, "haltlinie") || strcmp(s, "294") == 0;
}

static bool names_crosswalk(const char *s) {
    return holds(s, "crosswalk") || holds(s, "zebra") || holds(s, "pedestriancrossing") ||
           strcmp(s, "293") == 0;
}

/* No version of the format fixes the words for painted things: writers put them into subtype or name, under the type
 * roadMark; some give stop lines no type at all. */
static enum element_kind object_kind(const struct od_parse *p) {
    const char *type = xml_attr(p->attrs, "type");
    const char *subtype = xml_attr(p->attrs, "subtype");
    const char *name = xml_attr(p->attrs, "name");
    type = type == NULL ? "" : type;
    subtype = subtype == NULL ? "" : subtype;
    name = name == NULL ? "" : name;
    bool painted = strcmp(type, "roadMark") == 0;
    bool untyped = strcmp(type, "none") == 0 || strcmp(type, "-1") == 0 || type[0] == '\0';
    if (strcmp(type, "crosswalk") == 0 ||
        (painted && (names_crosswalk(subtype) || names_crosswalk(name))))
        return EL_CROSSWALK;
    if (od_names_stop_line(type) ||
        ((painted || untyped) && (od_names_stop_line(subtype) || od_names_stop_line(name))))
        return EL_STOP_LINE;
    return 0;
}

void od_object_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_object o = {
        .kind = object_kind(p), .line = xml_line(p->x), .source = od_source_here(p)};
    double radius = 0.0;
    const struct od_figure list[] = {{"s", true, OD_PLACE_MAX, &o.s},
        {"t", true, OD_PLACE_MAX, &o.t}, {"zOffset", false, OD_PLACE_MAX, &o.z},
        {"hdg", false, 1e3, &o.turn}, {"length", false, OD_PLACE_MAX, &o.length},
        {"width", false, OD_PLACE_MAX, &o.width}, {"radius", false, OD_PLACE_MAX, &radius}};
    p->has_object = false;
    if (o.kind == 0) {
        m->other_objects++;
        return;
    }
    if (!od_figures(p, "object", list, ARRAY_LEN(list)))
        return;
    if (!(o.length > 0.0) && !(o.width > 0.0))
        o.length = o.width = 2.0 * radius;
    o.road = (uint32_t)(m->n_roads - 1);
    o.orientation = orientation(p);
    o.id = od_put_text(p, "id");
    o.name = od_put_text(p, "name");
    o.type = od_put_text(p, "type");
    o.subtype = od_put_text(p, "subtype");
    o.corners.first = (uint32_t)m->n_corners;
    o.repeats.first = (uint32_t)m->n_repeats;
    o.validity.first = (uint32_t)m->n_validities;
    m->objects = od_room(m->objects, m->n_objects, &m->cap_objects, sizeof(o));
    m->objects[m->n_objects++] = o;
    p->has_object = true;
}

void od_outline_record(struct od_parse *p) {
    if (!p->has_object)
        return;
    struct od_object *o = &p->m->objects[p->m->n_objects - 1];
    const char *closed = xml_attr(p->attrs, "closed");
    if (o->outlines++ == 0)
        o->open = closed != NULL && strcmp(closed, "false") == 0;
}

void od_corner_record(struct od_parse *p, enum od_tag tag) {
    struct od_map *m = p->m;
    if (!p->has_object || m->objects[m->n_objects - 1].outlines != 1)
        return;
    struct od_corner c = {.local = tag == T_CORNER_LOCAL};
    const struct od_figure list[] = {{c.local ? "u" : "s", true, OD_PLACE_MAX, &c.a},
        {c.local ? "v" : "t", true, OD_PLACE_MAX, &c.b},
        {c.local ? "z" : "dz", false, OD_PLACE_MAX, &c.z}};
    if (!od_figures(p, "object's outline, corner", list, ARRAY_LEN(list))) {
        /* a shape without one of its corners is another shape */
        m->n_objects--;
        p->has_object = false;
        return;
    }
    m->corners = od_room(m->corners, m->n_corners, &m->cap_corners, sizeof(c));
    m->corners[m->n_corners++] = c;
    struct od_object *o = &m->objects[m->n_objects - 1];
    if (o->corners.n++ == 0)
        o->corners_at = (uint32_t)xml_at(p->x);
}

/* ---- controllers ---- */

void od_controller_record(struct od_parse *p) {
    p->m->controller = od_put_text(p, "id");
}

void od_control_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_control c = {.controller = m->controller,
        .signal = od_put_text(p, "signalId"),
        .source = od_source_here(p),
        .line = xml_line(p->x)};
    m->controls = od_room(m->controls, m->n_controls, &m->cap_controls, sizeof(c));
    m->controls[m->n_controls++] = c;
}
