/* OpenDRIVE's XML: which element is read where. */
#include "mapsvc/opendrive/opendrive_parse.h"

#define KEPT_MAX ((size_t)1 << 30) /* octets of records */
enum { GEO_REFERENCE_MAX = 4096 };

/* An element and the one it is read in; anywhere else it is somebody's private data. */
static const struct {
    const char *name;
    enum od_tag tag, parent;
} tags[] = {
    {"header", T_HEADER, T_OTHER},
    {"geoReference", T_GEOREF, T_HEADER},
    {"offset", T_SHIFT, T_HEADER},
    {"road", T_ROAD, T_OTHER},
    {"type", T_TYPE, T_ROAD},
    {"speed", T_SPEED, T_TYPE},
    {"planView", T_PLANVIEW, T_ROAD},
    {"geometry", T_GEOMETRY, T_PLANVIEW},
    {"line", T_LINE, T_GEOMETRY},
    {"arc", T_ARC, T_GEOMETRY},
    {"spiral", T_SPIRAL, T_GEOMETRY},
    {"poly3", T_POLY3, T_GEOMETRY},
    {"paramPoly3", T_PARAMPOLY3, T_GEOMETRY},
    {"elevationProfile", T_ELEVATIONS, T_ROAD},
    {"elevation", T_ELEVATION, T_ELEVATIONS},
    {"lateralProfile", T_LATERALS, T_ROAD},
    {"superelevation", T_SUPERELEVATION, T_LATERALS},
    {"lanes", T_LANES, T_ROAD},
    {"laneOffset", T_LANEOFFSET, T_LANES},
    {"laneSection", T_SECTION, T_LANES},
    {"left", T_SIDE, T_SECTION},
    {"center", T_SIDE, T_SECTION},
    {"right", T_SIDE, T_SECTION},
    {"lane", T_LANE, T_SIDE},
    {"width", T_WIDTH, T_LANE},
    {"border", T_BORDER, T_LANE},
    {"speed", T_SPEED, T_LANE},
    {"roadMark", T_MARK, T_LANE},
    {"objects", T_OBJECTS, T_ROAD},
    {"object", T_OBJECT, T_OBJECTS},
    {"signals", T_SIGNALS, T_ROAD},
    {"signal", T_SIGNAL, T_SIGNALS},
    {"signalReference", T_SIGNALREF, T_SIGNALS},
    {"validity", T_VALIDITY, T_SIGNAL},
    {"validity", T_VALIDITY, T_SIGNALREF},
    {"validity", T_VALIDITY, T_OBJECT},
    {"positionInertial", T_AT_PLACE, T_SIGNAL},
    {"positionRoad", T_AT_ROAD, T_SIGNAL},
    {"outlines", T_OUTLINES, T_OBJECT},
    {"outline", T_OUTLINE, T_OBJECT},
    {"outline", T_OUTLINE, T_OUTLINES},
    {"cornerRoad", T_CORNER_ROAD, T_OUTLINE},
    {"cornerLocal", T_CORNER_LOCAL, T_OUTLINE},
    {"repeat", T_REPEAT, T_OBJECT},
    {"link", T_ROAD_LINK, T_ROAD},
    {"predecessor", T_ROAD_BEFORE, T_ROAD_LINK},
    {"successor", T_ROAD_AFTER, T_ROAD_LINK},
    {"link", T_LANE_LINK, T_LANE},
    {"predecessor", T_LANE_BEFORE, T_LANE_LINK},
    {"successor", T_LANE_AFTER, T_LANE_LINK},
    {"access", T_ACCESS, T_LANE},
    {"restriction", T_RESTRICTION, T_ACCESS},
    {"defaultRegulations", T_REGULATIONS, T_HEADER},
    {"roadRegulations", T_ROAD_REGULATIONS, T_REGULATIONS},
    {"semantics", T_SEMANTICS, T_ROAD_REGULATIONS},
    {"semantics", T_SEMANTICS, T_SIGNAL},
    {"speed", T_SEMANTIC_SPEED, T_SEMANTICS},
    {"include", T_INCLUDE, T_OTHER},
    {"include", T_INCLUDE, T_ROAD},
    {"material", T_LANE_MORE, T_LANE},
    {"visibility", T_LANE_MORE, T_LANE},
    {"junction", T_JUNCTION, T_OTHER},
    {"connection", T_CONNECTION, T_JUNCTION},
    {"laneLink", T_CONNECTED_LANES, T_CONNECTION},
    {"controller", T_CONTROLLER, T_OTHER},
    {"control", T_CONTROL, T_CONTROLLER},
};

/* What is kept of the file, in octets: a small element makes a large record. */
static bool too_many(const struct od_map *m) {
    const size_t kept[][2] = {{m->n_roads, sizeof(m->roads[0])},
        {m->n_geometry, sizeof(m->geometry[0])}, {m->n_sections, sizeof(m->sections[0])},
        {m->n_lanes, sizeof(m->lanes[0])}, {m->n_signals, sizeof(m->signals[0])},
        {m->n_road_speeds + m->n_lane_speeds, sizeof(m->road_speeds[0])},
        {m->n_marks, sizeof(m->marks[0])}, {m->n_lane_links, sizeof(m->lane_links[0])},
        {m->n_validities, sizeof(m->validities[0])}, {m->n_references, sizeof(m->references[0])},
        {m->n_objects, sizeof(m->objects[0])}, {m->n_corners, sizeof(m->corners[0])},
        {m->n_repeats, sizeof(m->repeats[0])}, {m->n_controls, sizeof(m->controls[0])},
        {m->n_connections, sizeof(m->connections[0])}, {m->n_pairs, sizeof(m->pairs[0])},
        {m->n_defaults, sizeof(m->defaults[0])},
        {m->offset.n + m->elevation.n + m->width.n + m->border.n, sizeof(struct od_poly)},
        {m->text.n, 1}};
    size_t octets = 0;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        octets += kept[i][0] * kept[i][1];
    return octets >= KEPT_MAX;
}

static void dispatch(struct od_parse *p, enum od_tag tag, enum od_tag parent) {
    struct od_map *m = p->m;
    switch (tag) {
    case T_SHIFT:
        od_shift_record(p);
        break;
    case T_ROAD:
        od_road_record(p);
        break;
    case T_TYPE:
        od_type_record(p);
        break;
    case T_SPEED:
        od_speed_record(p, parent);
        break;
    case T_GEOMETRY:
        od_geometry_record(p);
        break;
    case T_LINE:
    case T_ARC:
    case T_SPIRAL:
    case T_POLY3:
    case T_PARAMPOLY3:
        od_shape_record(p, tag);
        break;
    case T_ELEVATION:
        od_poly_record(p, &m->elevation, &od_road_of(p)->elevation, "s");
        break;
    case T_SUPERELEVATION:
        m->superelevations++;
        break;
    case T_LANEOFFSET:
        od_poly_record(p, &m->offset, &od_road_of(p)->offset, "s");
        break;
    case T_SECTION:
        od_section_record(p);
        break;
    case T_LANE:
        od_lane_record(p);
        break;
    case T_WIDTH:
        od_poly_record(p, &m->width, &od_lane_of(p)->width, "sOffset");
        break;
    case T_BORDER:
        od_poly_record(p, &m->border, &od_lane_of(p)->border, "sOffset");
        break;
    case T_MARK:
        od_mark_record(p);
        break;
    case T_OBJECT:
        od_object_record(p);
        break;
    case T_OUTLINE:
        od_outline_record(p);
        break;
    case T_CORNER_ROAD:
    case T_CORNER_LOCAL:
        od_corner_record(p, tag);
        break;
    case T_REPEAT:
        od_repeat_record(p);
        break;
    case T_SIGNAL:
        od_signal_record(p);
        break;
    case T_AT_PLACE:
    case T_AT_ROAD:
        od_position_record(p, tag);
        break;
    case T_SIGNALREF:
        od_reference_record(p);
        break;
    case T_VALIDITY:
        od_validity_record(p, parent);
        break;
    case T_ROAD_BEFORE:
    case T_ROAD_AFTER:
        od_neighbour_record(p, tag);
        break;
    case T_LANE_BEFORE:
    case T_LANE_AFTER:
        od_lane_link_record(p, tag);
        break;
    case T_JUNCTION:
        od_junction_record(p);
        break;
    case T_CONNECTION:
        od_connection_record(p);
        break;
    case T_CONNECTED_LANES:
        od_connected_lanes_record(p);
        break;
    case T_CONTROLLER:
        od_controller_record(p);
        break;
    case T_CONTROL:
        od_control_record(p);
        break;
    case T_HEADER:
        od_header_record(p);
        break;
    case T_ACCESS:
    case T_RESTRICTION:
        od_access_record(p, tag);
        break;
    case T_ROAD_REGULATIONS:
        od_regulation_record(p);
        break;
    case T_SEMANTICS:
        p->in_regulations = parent == T_ROAD_REGULATIONS;
        break;
    case T_SEMANTIC_SPEED:
        od_semantic_speed_record(p);
        break;
    case T_INCLUDE:
        m->includes++;
        break;
    case T_LANES:
        od_road_of(p)->lanes_source = od_source_here(p);
        break;
    case T_OBJECTS:
        od_road_of(p)->objects_source = od_source_here(p);
        break;
    case T_SIGNALS:
        od_road_of(p)->signals_source = od_source_here(p);
        break;
    case T_OTHER:
    case T_REGULATIONS:
    case T_GEOREF:
    case T_PLANVIEW:
    case T_ELEVATIONS:
    case T_LATERALS:
    case T_SIDE:
    case T_OUTLINES:
    case T_ROAD_LINK:
    case T_LANE_LINK:
    case T_LANE_MORE:
        break;
    }
}

static void on_start(struct xml *x, void *user, const char *name, const char **attrs) {
    struct od_parse *p = user;
    unsigned depth = xml_depth(x);
    enum od_tag parent = depth > 2 ? p->stack[depth - 1] : T_OTHER;
    enum od_tag tag = T_OTHER;
    p->x = x;
    p->attrs = attrs;
    /* Below something unread nothing is read: its parent is "other" and only children of the root match. */
    for (size_t i = 0; i < ARRAY_LEN(tags) && tag == T_OTHER; i++)
        if (tags[i].parent == parent && (parent != T_OTHER || depth == 2) &&
            strcmp(tags[i].name, name) == 0)
            tag = tags[i].tag;
    p->stack[depth] = tag;
    if (too_many(p->m))
        xml_fail(x, WS_ELIMIT, "element %.64s: more than the reader holds", name);
    else
        dispatch(p, tag, parent);
    if (p->r->rc != WS_OK)
        xml_stop(x);
}

/* Where in the file the thing read last is over. */
static void ends(struct od_parse *p, enum od_tag tag, uint32_t at) {
    struct od_map *m = p->m;
    bool in_lane = p->stack[xml_depth(p->x) - 1] == T_LANE;
    if (tag == T_ROAD)
        od_road_of(p)->source.end = at;
    else if (tag == T_LANES)
        od_road_of(p)->lanes_source.end = at;
    else if (tag == T_OBJECTS)
        od_road_of(p)->objects_source.end = at;
    else if (tag == T_SIGNALS)
        od_road_of(p)->signals_source.end = at;
    else if (tag == T_SIGNAL && p->has_signal)
        m->signals[m->n_signals - 1].source.end = at;
    else if (tag == T_SIGNALREF && p->has_reference)
        m->references[m->n_references - 1].source.end = at;
    else if (tag == T_CONTROL)
        m->controls[m->n_controls - 1].source.end = at;
    else if (tag == T_OBJECT && p->has_object)
        m->objects[m->n_objects - 1].source.end = at;
    else if ((tag == T_CORNER_ROAD || tag == T_CORNER_LOCAL) && p->has_object &&
             m->objects[m->n_objects - 1].outlines == 1)
        m->objects[m->n_objects - 1].corners_end = at;
    else if (tag == T_TYPE)
        m->road_speeds[m->n_road_speeds - 1].of.end = at;
    else if (tag == T_SPEED && !in_lane)
        m->road_speeds[m->n_road_speeds - 1].source.end = at;
    else if (tag == T_SPEED)
        m->lane_speeds[m->n_lane_speeds - 1].source.end = at;
    else if (tag == T_MARK)
        m->marks[m->n_marks - 1].source.end = at;
    else if (tag == T_LANE)
        od_lane_of(p)->source.end = at;
    else if (tag == T_WIDTH)
        m->width.p[m->width.n - 1].end = at;
    else if (tag == T_BORDER)
        m->border.p[m->border.n - 1].end = at;
    else if (tag == T_LANEOFFSET)
        m->offset.p[m->offset.n - 1].end = at;
    if (in_lane && (tag == T_WIDTH || tag == T_BORDER || tag == T_MARK || tag == T_SPEED ||
                       tag == T_LANE_LINK || tag == T_LANE_MORE))
        od_lane_of(p)->speed_at = at;
}

static void on_end(struct xml *x, void *user, const char *name) {
    (void)name;
    struct od_parse *p = user;
    p->x = x;
    enum od_tag tag = p->stack[xml_depth(x)];
    if (tag == T_GEOMETRY)
        od_geometry_end(p);
    else if (tag == T_SECTION)
        od_section_end(p);
    else if (tag != T_OTHER)
        ends(p, tag, (uint32_t)(xml_at(x) + xml_octets(x)));
}

static void on_text(struct xml *x, void *user, const char *s, size_t n) {
    struct od_parse *p = user;
    if (p->stack[xml_depth(x)] == T_GEOREF && p->m->geo_reference.n + n <= GEO_REFERENCE_MAX)
        buf_put(&p->m->geo_reference, s, n);
}

void opendrive_parse(struct map_reader *r, struct span data, struct od_map *ret_map) {
    struct od_parse p = {.r = r, .m = ret_map};
    ret_map->major = -1;
    ret_map->minor = -1;
    buf_u8(&ret_map->text, 0); /* offset 0 is the empty text */
    const struct xml_handler h = {.user = &p, .start = on_start, .end = on_end, .text = on_text};
    int rc = xml_parse(r->file, data, &h, r->err);
    if (r->rc == WS_OK)
        r->rc = rc;
    buf_u8(&ret_map->geo_reference, 0);
}
