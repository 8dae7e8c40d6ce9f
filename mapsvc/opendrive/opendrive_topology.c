/* Records of OpenDRIVE's links and junctions, and what they say about roads, sections and lanes. */
#include "mapsvc/opendrive/opendrive_parse.h"

#include "mapsvc/model/ieee.h"

#include <stdio.h>

static enum od_contact contact(const struct od_parse *p) {
    const char *s = xml_attr(p->attrs, "contactPoint");
    if (s != NULL && strcmp(s, "start") == 0)
        return OD_CONTACT_START;
    return s != NULL && strcmp(s, "end") == 0 ? OD_CONTACT_END : OD_CONTACT_UNKNOWN;
}

void od_neighbour_record(struct od_parse *p, enum od_tag tag) {
    struct od_road *road = od_road_of(p);
    const char *type = xml_attr(p->attrs, "elementType");
    struct od_neighbour v = {.contact = contact(p), .line = xml_line(p->x)};
    v.what = type != NULL && strcmp(type, "junction") == 0 ? OD_NEXT_JUNCTION : OD_NEXT_ROAD;
    v.id = od_put_text(p, "elementId");
    if (tag == T_ROAD_BEFORE)
        road->before = v;
    else
        road->after = v;
}

void od_lane_link_record(struct od_parse *p, enum od_tag tag) {
    struct od_map *m = p->m;
    struct od_lane_link v = {.successor = tag == T_LANE_AFTER, .line = xml_line(p->x)};
    if (!od_lane_id(xml_attr(p->attrs, "id"), &v.id)) {
        map_note(p->r, v.line, "road %s, lane %d: a link names no lane id; not followed",
            od_text(m, od_road_of(p)->id), od_lane_of(p)->id);
        return;
    }
    m->lane_links = od_room(m->lane_links, m->n_lane_links, &m->cap_lane_links, sizeof(v));
    m->lane_links[m->n_lane_links++] = v;
    od_lane_of(p)->links.n++;
}

void od_junction_record(struct od_parse *p) {
    p->m->junction = od_put_text(p, "id");
}

/* A direct junction (1.7) joins two roads without one in between. */
void od_connection_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_connection v = {.junction = m->junction,
        .incoming = od_put_text(p, "incomingRoad"),
        .to = od_put_text(
            p, xml_attr(p->attrs, "linkedRoad") != NULL ? "linkedRoad" : "connectingRoad"),
        .contact = contact(p),
        .line = xml_line(p->x)};
    v.links.first = (uint32_t)m->n_pairs;
    m->connections = od_room(m->connections, m->n_connections, &m->cap_connections, sizeof(v));
    m->connections[m->n_connections++] = v;
}

void od_connected_lanes_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_pair v;
    if (!od_lane_id(xml_attr(p->attrs, "from"), &v.from) ||
        !od_lane_id(xml_attr(p->attrs, "to"), &v.to)) {
        map_note(p->r, xml_line(p->x), "junction %s: a laneLink names no lane ids; not followed",
            od_text(m, m->junction));
        return;
    }
    m->pairs = od_room(m->pairs, m->n_pairs, &m->cap_pairs, sizeof(v));
    m->pairs[m->n_pairs++] = v;
    m->connections[m->n_connections - 1].links.n++;
}

/* ---- looking up ---- */

const struct od_lane *od_lane_in(const struct od_map *m, const struct od_section *sec, int id) {
    uint32_t lo = 0;
    uint32_t hi = sec->lanes.n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (m->lanes[sec->lanes.first + mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == sec->lanes.n || m->lanes[sec->lanes.first + lo].id != id)
        return NULL;
    return &m->lanes[sec->lanes.first + lo];
}

static bool has_side(const struct od_map *m, const struct od_section *sec, int side) {
    if (!sec->single_side || side == 0)
        return true;
    if (sec->lanes.n == 0)
        return false;
    const struct od_lane *lanes = m->lanes + sec->lanes.first;
    return side < 0 ? lanes[0].id < 0 : lanes[sec->lanes.n - 1].id > 0;
}

const struct od_section *od_next_section(
    const struct od_map *m, const struct od_road *road, const struct od_section *sec, int side) {
    const struct od_section *end = m->sections + road->sections.first + road->sections.n;
    for (sec++; sec < end; sec++)
        if (has_side(m, sec, side))
            return sec;
    return NULL;
}

const struct od_section *od_section_at(
    const struct od_map *m, const struct od_road *road, int side, double s) {
    const struct od_section *first = m->sections + road->sections.first;
    uint32_t lo = 0;
    uint32_t hi = road->sections.n;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (first[mid].s <= s)
            lo = mid;
        else
            hi = mid;
    }
    if (hi == 0)
        return NULL;
    while (lo > 0 && !has_side(m, &first[lo], side))
        lo--;
    return has_side(m, &first[lo], side) ? &first[lo] : NULL;
}

bool od_runs_along(const struct od_road *road, const struct od_lane *lane) {
    return ((lane->id < 0) != road->left_hand) != lane->reversed;
}

bool od_is_driven(const struct od_lane *lane) {
    static const char *const driven[] = {"driving", "entry", "exit", "onRamp", "offRamp",
        "connectingRamp", "bidirectional", "slipLane", "bus", "taxi", "HOV", "mwyEntry", "mwyExit"};
    for (size_t i = 0; i < ARRAY_LEN(driven); i++)
        if (strcmp(lane->type, driven[i]) == 0)
            return true;
    return false;
}

double od_outer_edge(const struct od_map *m, const struct od_lane *lane, double ds, double inner) {
    if (lane->width.n == 0 && lane->border.n > 0)
        return od_poly_at(&m->border, lane->border, ds);
    /* Tapers undershoot zero by a little. */
    double w = od_poly_at(&m->width, lane->width, ds);
    w = w < 0.0 ? 0.0 : w;
    return lane->id < 0 ? inner - w : inner + w;
}

double od_edge_at(struct od_build *b, const struct od_road *road, int k, double s) {
    double t = od_poly_at(&b->m->offset, road->offset, s);
    int side = k < 0 ? -1 : 1;
    const struct od_section *sec = od_section_at(b->m, road, side, s);
    for (int i = 1; sec != NULL && i <= k * side; i++) {
        const struct od_lane *lane = od_lane_in(b->m, sec, i * side);
        if (lane == NULL)
            break;
        b->budget -= b->budget > 0;
        t = od_outer_edge(b->m, lane, s - sec->s, t);
    }
    return t;
}

const struct od_road *od_road_named(const struct od_map *m, const char *id) {
    size_t lo = 0;
    size_t hi = m->n_roads;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(od_text(m, m->roads[m->by_id[mid]].id), id) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    /* of two with one id the second is broken */
    if (lo == m->n_roads)
        return NULL;
    const struct od_road *road = &m->roads[m->by_id[lo]];
    return strcmp(od_text(m, road->id), id) == 0 && road->broken == NULL ? road : NULL;
}

void od_set_marks(const struct od_map *m, struct od_run run, struct element *e) {
    const struct od_mark *v = m->marks + run.first;
    char text[ELEMENT_MAX_TEXT + 1] = "";
    size_t n = 0;
    if (v[0].type[0] != '\0')
        (void)element_set_attr(e, "type", v[0].type);
    if (v[0].colour[0] != '\0')
        (void)element_set_attr(e, "color", v[0].colour);
    if (v[0].change[0] != '\0')
        (void)element_set_attr(e, "lane_change", v[0].change);
    for (uint32_t i = v[0].s > 0.0005 ? 0 : 1; i < run.n; i++) {
        int64_t mm = 0;
        (void)ieee_round(v[i].s * 1000.0, &mm);
        int k = snprintf(text + n, sizeof(text) - n, "%s%lld.%03lld %s %s %s", n == 0 ? "" : "; ",
            (long long)(mm / 1000), (long long)(mm % 1000), v[i].type, v[i].colour, v[i].change);
        if (k < 0 || (size_t)k >= sizeof(text) - n) {
            text[n] = '\0';
            break;
        }
        n += (size_t)k;
    }
    if (n > 0)
        (void)element_set_attr(e, "marks", text);
}
