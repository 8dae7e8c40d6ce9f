/* Records of an OpenDRIVE file as its elements begin and end. */
#include "mapsvc/opendrive_parse.h"

#include "base/mem.h"
#include "mapsvc/text.h"

#include <stdio.h>
#include <stdlib.h>

#define LENGTH_MAX 1e6 /* metres along a road */

static void *room(void *p, size_t n, size_t *cap, size_t size) {
    if (n < *cap)
        return p;
    *cap = *cap == 0 ? 64 : *cap * 2;
    return ws_realloc(p, *cap * size);
}

void od_map_free(struct od_map *m) {
    free(m->roads);
    free(m->geometry);
    free(m->sections);
    free(m->lanes);
    free(m->signals);
    free(m->road_speeds);
    free(m->lane_speeds);
    free(m->offset.p);
    free(m->elevation.p);
    free(m->width.p);
    free(m->border.p);
    buf_free(&m->text);
    buf_free(&m->geo_reference);
    *m = (struct od_map){0};
}

struct od_road *od_road_of(struct od_parse *p) {
    return &p->m->roads[p->m->n_roads - 1];
}

struct od_lane *od_lane_of(struct od_parse *p) {
    return &p->m->lanes[p->m->n_lanes - 1];
}

static void broken(struct od_parse *p, const char *why) {
    struct od_road *road = od_road_of(p);
    if (road->broken == NULL) {
        road->broken = why;
        road->broken_line = xml_line(p->x);
    }
}

/* A number within +-max; a missing one is `otherwise`, a malformed one breaks the road. */
static double number(struct od_parse *p, const char *name, double otherwise, double max) {
    const char *text = xml_attr(p->attrs, name);
    double v = 0.0;
    if (text == NULL)
        return otherwise;
    if (!text_to_double(text, &v) || v > max || v < -max) {
        broken(p, "a number is malformed or absurd");
        return otherwise;
    }
    return v;
}

static double along(struct od_parse *p, const char *name) {
    if (xml_attr(p->attrs, name) == NULL)
        broken(p, "a position along the road is missing");
    double s = number(p, name, 0.0, LENGTH_MAX);
    if (s < 0.0)
        broken(p, "a position along the road is negative");
    return s;
}

static uint32_t put_text(struct od_parse *p, const char *name) {
    const char *s = xml_attr(p->attrs, name);
    char *clean = text_clean(s == NULL ? "" : s, 64);
    uint32_t at = (uint32_t)p->m->text.n;
    buf_put(&p->m->text, clean, strlen(clean) + 1);
    free(clean);
    return at;
}

static void copy_text(struct od_parse *p, const char *name, char *dst, size_t size) {
    const char *s = xml_attr(p->attrs, name);
    char *clean = text_clean(s == NULL ? "" : s, size - 1);
    (void)snprintf(dst, size, "%s", clean);
    free(clean);
}

void od_road_record(struct od_parse *p) {
    struct od_map *m = p->m;
    m->roads = room(m->roads, m->n_roads, &m->cap_roads, sizeof(m->roads[0]));
    struct od_road road = {.line = xml_line(p->x)};
    road.geometry.first = (uint32_t)m->n_geometry;
    road.offset.first = (uint32_t)m->offset.n;
    road.elevation.first = (uint32_t)m->elevation.n;
    road.speed.first = (uint32_t)m->n_road_speeds;
    road.sections.first = (uint32_t)m->n_sections;
    road.signals.first = (uint32_t)m->n_signals;
    m->roads[m->n_roads++] = road;
    struct od_road *at = od_road_of(p);
    const char *id = xml_attr(p->attrs, "id");
    const char *rule = xml_attr(p->attrs, "rule");
    at->id = put_text(p, "id");
    at->left_hand = rule != NULL && strcmp(rule, "LHT") == 0;
    if (id == NULL || id[0] == '\0' || strlen(id) > 63)
        broken(p, "id is missing or longer than 63 octets");
    at->length = number(p, "length", 0.0, LENGTH_MAX);
    if (!(at->length > 0.0))
        broken(p, "length is not above 0");
}

void od_geometry_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_geometry g = {.line = xml_line(p->x)};
    g.s = along(p, "s");
    g.x = number(p, "x", 0.0, 1e8);
    g.y = number(p, "y", 0.0, 1e8);
    g.hdg = number(p, "hdg", 0.0, 1e4);
    g.length = number(p, "length", 0.0, LENGTH_MAX);
    struct od_road *road = od_road_of(p);
    if (road->geometry.n > 0 && !(g.s > m->geometry[m->n_geometry - 1].s))
        broken(p, "geometry records do not follow each other along s");
    m->geometry = room(m->geometry, m->n_geometry, &m->cap_geometry, sizeof(g));
    m->geometry[m->n_geometry++] = g;
    road->geometry.n++;
}

void od_shape_record(struct od_parse *p, enum od_tag tag) {
    static const char *const names[][8] = {[T_ARC] = {"curvature"},
        [T_SPIRAL] = {"curvStart", "curvEnd"},
        [T_POLY3] = {"a", "b", "c", "d"},
        [T_PARAMPOLY3] = {"aU", "bU", "cU", "dU", "aV", "bV", "cV", "dV"}};
    static const enum od_shape shapes[] = {[T_LINE] = OD_LINE,
        [T_ARC] = OD_ARC,
        [T_SPIRAL] = OD_SPIRAL,
        [T_POLY3] = OD_POLY3,
        [T_PARAMPOLY3] = OD_PARAM_POLY3};
    struct od_geometry *g = &p->m->geometry[p->m->n_geometry - 1];
    if (g->shape != OD_NONE) {
        broken(p, "a geometry has two shapes");
        return;
    }
    g->shape = shapes[tag];
    for (size_t i = 0; tag != T_LINE && i < 8 && names[tag][i] != NULL; i++)
        g->p[i] = number(p, names[tag][i], 0.0, 1e12);
    if (tag == T_PARAMPOLY3) {
        const char *range = xml_attr(p->attrs, "pRange");
        g->range = range == NULL                      ? OD_RANGE_MISSING
                   : strcmp(range, "normalized") == 0 ? OD_RANGE_NORMALIZED
                                                      : OD_RANGE_ARC_LENGTH;
    }
}

void od_geometry_end(struct od_parse *p) {
    const char *fault = od_geometry_fault(&p->m->geometry[p->m->n_geometry - 1]);
    if (fault != NULL)
        broken(p, fault);
}

void od_poly_record(struct od_parse *p, struct od_polys *pool, struct od_run *run, const char *s) {
    struct od_poly v = {along(p, s), number(p, "a", 0.0, 1e12), number(p, "b", 0.0, 1e12),
        number(p, "c", 0.0, 1e12), number(p, "d", 0.0, 1e12)};
    if (run->n > 0 && v.s < pool->p[pool->n - 1].s)
        broken(p, "records do not follow each other along s");
    pool->p = room(pool->p, pool->n, &pool->cap, sizeof(v));
    pool->p[pool->n++] = v;
    run->n++;
}

void od_section_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_section sec = {.s = along(p, "s"), .line = xml_line(p->x)};
    sec.lanes.first = (uint32_t)m->n_lanes;
    struct od_road *road = od_road_of(p);
    if (road->sections.n > 0 && sec.s < m->sections[m->n_sections - 1].s)
        broken(p, "lane sections do not follow each other along s");
    m->sections = room(m->sections, m->n_sections, &m->cap_sections, sizeof(sec));
    m->sections[m->n_sections++] = sec;
    road->sections.n++;
}

void od_lane_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_lane lane = {.line = xml_line(p->x)};
    const char *id = xml_attr(p->attrs, "id");
    int64_t v = 0;
    if (id == NULL || !text_to_i64(id, &v) || v < -200 || v > 200)
        broken(p, "a lane id is not a number from -200 to 200");
    else
        lane.id = (int)v;
    copy_text(p, "type", lane.type, sizeof(lane.type));
    lane.width.first = (uint32_t)m->width.n;
    lane.border.first = (uint32_t)m->border.n;
    lane.speed.first = (uint32_t)m->n_lane_speeds;
    m->lanes = room(m->lanes, m->n_lanes, &m->cap_lanes, sizeof(lane));
    m->lanes[m->n_lanes++] = lane;
    m->sections[m->n_sections - 1].lanes.n++;
}

static void read_speed(struct od_parse *p, struct od_speed *s) {
    copy_text(p, "max", s->max, sizeof(s->max));
    copy_text(p, "unit", s->unit, sizeof(s->unit));
    s->none = strcmp(s->max, "no limit") == 0 || strcmp(s->max, "undefined") == 0;
    s->line = xml_line(p->x);
}

/* A road type begins a stretch; a speed inside says its limit. */
void od_type_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_speed s = {.s = along(p, "s"), .none = true, .line = xml_line(p->x)};
    if (od_road_of(p)->speed.n > 0 && s.s < m->road_speeds[m->n_road_speeds - 1].s)
        broken(p, "road types do not follow each other along s");
    m->road_speeds = room(m->road_speeds, m->n_road_speeds, &m->cap_road_speeds, sizeof(s));
    m->road_speeds[m->n_road_speeds++] = s;
    od_road_of(p)->speed.n++;
}

void od_speed_record(struct od_parse *p, enum od_tag parent) {
    struct od_map *m = p->m;
    if (parent == T_TYPE) {
        read_speed(p, &m->road_speeds[m->n_road_speeds - 1]);
        return;
    }
    struct od_speed s = {.s = along(p, "sOffset")};
    read_speed(p, &s);
    if (od_lane_of(p)->speed.n > 0 && s.s < m->lane_speeds[m->n_lane_speeds - 1].s)
        broken(p, "speeds of a lane do not follow each other along s");
    m->lane_speeds = room(m->lane_speeds, m->n_lane_speeds, &m->cap_lane_speeds, sizeof(s));
    m->lane_speeds[m->n_lane_speeds++] = s;
    od_lane_of(p)->speed.n++;
}

void od_mark_record(struct od_parse *p) {
    struct od_lane *lane = od_lane_of(p);
    if (lane->mark[0] != '\0')
        return;
    copy_text(p, "type", lane->mark, sizeof(lane->mark));
    copy_text(p, "color", lane->colour, sizeof(lane->colour));
}

/* A malformed number costs the signal, not its road. */
void od_signal_record(struct od_parse *p) {
    struct od_map *m = p->m;
    const char *id = xml_attr(p->attrs, "id");
    static const char *const names[] = {"s", "t", "zOffset"};
    double v[3] = {0.0, 0.0, 0.0};
    for (size_t i = 0; i < 3; i++) {
        const char *text = xml_attr(p->attrs, names[i]);
        if ((text == NULL && i < 2) ||
            (text != NULL &&
                (!text_to_double(text, &v[i]) || v[i] > LENGTH_MAX || v[i] < -LENGTH_MAX))) {
            char what[100];
            (void)snprintf(what, sizeof(what), "signal %.64s", id == NULL ? "" : id);
            map_skip(p->r, xml_line(p->x), what, "%s is not a length in metres", names[i]);
            return;
        }
    }
    struct od_signal g = {.s = v[0],
        .t = v[1],
        .z = v[2],
        .line = xml_line(p->x),
        .road = (uint32_t)(m->n_roads - 1)};
    const char *orientation = xml_attr(p->attrs, "orientation");
    const char *dynamic = xml_attr(p->attrs, "dynamic");
    g.orientation = orientation == NULL ? ' ' : orientation[0];
    g.dynamic = dynamic != NULL && strcmp(dynamic, "yes") == 0;
    g.id = put_text(p, "id");
    g.name = put_text(p, "name");
    g.type = put_text(p, "type");
    g.subtype = put_text(p, "subtype");
    g.country = put_text(p, "country");
    g.value = put_text(p, "value");
    g.unit = put_text(p, "unit");
    m->signals = room(m->signals, m->n_signals, &m->cap_signals, sizeof(g));
    m->signals[m->n_signals++] = g;
    od_road_of(p)->signals.n++;
}

void od_shift_record(struct od_parse *p) {
    static const char *const names[] = {"x", "y", "hdg"};
    double *to[] = {&p->m->shift_x, &p->m->shift_y, &p->m->shift_hdg};
    for (size_t i = 0; i < 3; i++) {
        const char *text = xml_attr(p->attrs, names[i]);
        if (text != NULL && (!text_to_double(text, to[i]) || *to[i] > 1e8 || *to[i] < -1e8))
            xml_fail(p->x, WS_EINPUT, "element offset: %s \"%.32s\" is not a number in range",
                names[i], text);
    }
}

static int lane_order(const void *a, const void *b) {
    return ((const struct od_lane *)a)->id - ((const struct od_lane *)b)->id;
}

/* Lanes count outwards from 0 without a gap. */
void od_section_end(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_run run = m->sections[m->n_sections - 1].lanes;
    if (run.n == 0)
        return;
    struct od_lane *lanes = m->lanes + run.first;
    if (run.n > 1)
        qsort(lanes, run.n, sizeof(lanes[0]), lane_order);
    bool has_left = lanes[run.n - 1].id > 0;
    bool has_right = lanes[0].id < 0;
    for (uint32_t i = 1; i < run.n; i++) {
        /* Lane 0 may be left out. */
        int step = lanes[i].id - lanes[i - 1].id;
        if (step != 1 && !(step == 2 && lanes[i].id == 1))
            broken(p, "lane ids of a section repeat or leave a gap");
    }
    if ((has_left && !has_right && lanes[0].id > 1) ||
        (has_right && !has_left && lanes[run.n - 1].id < -1))
        broken(p, "lane ids of a section do not begin at 1");
}
