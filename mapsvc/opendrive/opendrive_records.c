/* Records of an OpenDRIVE file as its elements begin and end. */
#include "mapsvc/opendrive/opendrive_parse.h"

#include "base/mem.h"
#include "mapsvc/model/text.h"

#include <stdio.h>
#include <stdlib.h>

#define LENGTH_MAX 1e6 /* metres along a road */

void *od_room(void *p, size_t n, size_t *cap, size_t size) {
    if (n < *cap)
        return p;
    *cap = *cap == 0 ? 64 : *cap * 2;
    return ws_realloc(p, *cap * size);
}

void od_map_free(struct od_map *m) {
    free(m->by_id);
    free(m->roads);
    free(m->geometry);
    free(m->sections);
    free(m->lanes);
    free(m->signals);
    free(m->road_speeds);
    free(m->lane_speeds);
    free(m->marks);
    free(m->lane_links);
    free(m->validities);
    free(m->references);
    free(m->objects);
    free(m->corners);
    free(m->repeats);
    free(m->defaults);
    free(m->controls);
    free(m->connections);
    free(m->pairs);
    free(m->offset.p);
    free(m->elevation.p);
    free(m->width.p);
    free(m->border.p);
    buf_free(&m->text);
    buf_free(&m->names);
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

uint32_t od_put_text(struct od_parse *p, const char *name) {
    const char *s = xml_attr(p->attrs, name);
    char *clean = text_clean(s == NULL ? "" : s, 64);
    uint32_t at = clean[0] == '\0' ? 0 : (uint32_t)p->m->text.n;
    if (clean[0] != '\0')
        buf_put(&p->m->text, clean, strlen(clean) + 1);
    free(clean);
    return at;
}

uint32_t od_keep_name(struct od_map *m, const char *native) {
    if (m->names.n == 0)
        buf_u8(&m->names, 0);
    uint32_t at = (uint32_t)m->names.n;
    buf_put(&m->names, native, strlen(native) + 1);
    return at;
}

struct od_source od_source_here(const struct od_parse *p) {
    return (struct od_source){(uint32_t)xml_at(p->x), (uint32_t)xml_octets(p->x), 0};
}

bool od_lane_id(const char *text, int *ret_id) {
    int64_t v = 0;
    if (text == NULL || !text_to_i64(text, &v) || v < -200 || v > 200)
        return false;
    *ret_id = (int)v;
    return true;
}

void od_copy_text(struct od_parse *p, const char *name, char *dst, size_t size) {
    const char *s = xml_attr(p->attrs, name);
    char *clean = text_clean(s == NULL ? "" : s, size - 1);
    (void)snprintf(dst, size, "%s", clean);
    free(clean);
}

void od_road_record(struct od_parse *p) {
    struct od_map *m = p->m;
    m->roads = od_room(m->roads, m->n_roads, &m->cap_roads, sizeof(m->roads[0]));
    struct od_road road = {.line = xml_line(p->x), .source = od_source_here(p)};
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
    const char *junction = xml_attr(p->attrs, "junction");
    at->id = od_put_text(p, "id");
    at->in_junction = junction != NULL && junction[0] != '\0' && strcmp(junction, "-1") != 0;
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
    m->geometry = od_room(m->geometry, m->n_geometry, &m->cap_geometry, sizeof(g));
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
        number(p, "c", 0.0, 1e12), number(p, "d", 0.0, 1e12), od_source_here(p).at, 0};
    if (run->n > 0 && v.s < pool->p[pool->n - 1].s)
        broken(p, "records do not follow each other along s");
    pool->p = od_room(pool->p, pool->n, &pool->cap, sizeof(v));
    pool->p[pool->n++] = v;
    run->n++;
}

static bool is_true(const char *s) {
    return s != NULL && (strcmp(s, "true") == 0 || strcmp(s, "1") == 0 || strcmp(s, "yes") == 0);
}

void od_section_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_section sec = {.s = along(p, "s"), .line = xml_line(p->x)};
    sec.lanes.first = (uint32_t)m->n_lanes;
    sec.single_side = is_true(xml_attr(p->attrs, "singleSide"));
    struct od_road *road = od_road_of(p);
    if (road->sections.n > 0 && sec.s < m->sections[m->n_sections - 1].s)
        broken(p, "lane sections do not follow each other along s");
    m->sections = od_room(m->sections, m->n_sections, &m->cap_sections, sizeof(sec));
    m->sections[m->n_sections++] = sec;
    road->sections.n++;
}

void od_lane_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_lane lane = {.line = xml_line(p->x), .source = od_source_here(p)};
    const char *direction = xml_attr(p->attrs, "direction");
    if (!od_lane_id(xml_attr(p->attrs, "id"), &lane.id))
        broken(p, "a lane id is not a number from -200 to 200");
    lane.reversed = direction != NULL && strcmp(direction, "reversed") == 0;
    lane.works =
        is_true(xml_attr(p->attrs, "roadWorks")) || is_true(xml_attr(p->attrs, "roadworks"));
    od_copy_text(p, "type", lane.type, sizeof(lane.type));
    lane.width.first = (uint32_t)m->width.n;
    lane.border.first = (uint32_t)m->border.n;
    lane.speed.first = (uint32_t)m->n_lane_speeds;
    lane.marks.first = (uint32_t)m->n_marks;
    lane.links.first = (uint32_t)m->n_lane_links;
    m->lanes = od_room(m->lanes, m->n_lanes, &m->cap_lanes, sizeof(lane));
    m->lanes[m->n_lanes++] = lane;
    m->sections[m->n_sections - 1].lanes.n++;
}

static void read_speed(struct od_parse *p, struct od_speed *s) {
    od_copy_text(p, "max", s->max, sizeof(s->max));
    od_copy_text(p, "unit", s->unit, sizeof(s->unit));
    s->none = strcmp(s->max, "no limit") == 0 || strcmp(s->max, "undefined") == 0;
    s->line = xml_line(p->x);
    s->source = od_source_here(p);
}

/* A road type begins a stretch; a speed inside says its limit. */
void od_type_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_speed s = {
        .s = along(p, "s"), .none = true, .line = xml_line(p->x), .of = od_source_here(p)};
    s.type = od_put_text(p, "type");
    if (od_road_of(p)->speed.n > 0 && s.s < m->road_speeds[m->n_road_speeds - 1].s)
        broken(p, "road types do not follow each other along s");
    m->road_speeds = od_room(m->road_speeds, m->n_road_speeds, &m->cap_road_speeds, sizeof(s));
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
    m->lane_speeds = od_room(m->lane_speeds, m->n_lane_speeds, &m->cap_lane_speeds, sizeof(s));
    m->lane_speeds[m->n_lane_speeds++] = s;
    od_lane_of(p)->speed.n++;
}

void od_mark_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_mark v = {.s = number(p, "sOffset", 0.0, LENGTH_MAX), .source = od_source_here(p)};
    od_copy_text(p, "type", v.type, sizeof(v.type));
    od_copy_text(p, "color", v.colour, sizeof(v.colour));
    od_copy_text(p, "laneChange", v.change, sizeof(v.change));
    m->marks = od_room(m->marks, m->n_marks, &m->cap_marks, sizeof(v));
    m->marks[m->n_marks++] = v;
    od_lane_of(p)->marks.n++;
}

/* Until 1.7 a rule and one restriction, since 1.8 restrictions inside the rule. */
void od_access_record(struct od_parse *p, enum od_tag tag) {
    struct od_lane *lane = od_lane_of(p);
    char who[32];
    char word[64];
    if (tag == T_ACCESS) {
        od_copy_text(p, "rule", p->rule, sizeof(p->rule));
        if (p->rule[0] == '\0')
            (void)snprintf(p->rule, sizeof(p->rule), "allow");
    }
    od_copy_text(p, tag == T_ACCESS ? "restriction" : "type", who, sizeof(who));
    int n = snprintf(word, sizeof(word), "%s %s", p->rule, who);
    if (who[0] == '\0' || n <= 0)
        return;
    struct buf *text = &p->m->text;
    uint32_t at = (uint32_t)text->n;
    if (lane->access != 0) {
        size_t old = strlen(od_text(p->m, lane->access));
        if (old + (size_t)n + 2 > 200)
            return;
        char all[256];
        (void)snprintf(all, sizeof(all), "%s; %s", od_text(p->m, lane->access), word);
        buf_put(text, all, strlen(all) + 1);
    } else {
        buf_put(text, word, (size_t)n + 1);
    }
    lane->access = at;
}

void od_regulation_record(struct od_parse *p) {
    struct od_map *m = p->m;
    struct od_default v = {.type = od_put_text(p, "type"), .line = xml_line(p->x)};
    m->defaults = od_room(m->defaults, m->n_defaults, &m->cap_defaults, sizeof(v));
    m->defaults[m->n_defaults++] = v;
}

void od_semantic_speed_record(struct od_parse *p) {
    struct od_map *m = p->m;
    const char *type = xml_attr(p->attrs, "type");
    bool most = type == NULL || strcmp(type, "maximum") == 0;
    if (!most)
        return;
    if (p->in_regulations && m->n_defaults > 0) {
        struct od_default *v = &m->defaults[m->n_defaults - 1];
        od_copy_text(p, "value", v->max, sizeof(v->max));
        od_copy_text(p, "unit", v->unit, sizeof(v->unit));
    } else if (!p->in_regulations && p->has_signal) {
        struct od_signal *g = &m->signals[m->n_signals - 1];
        /* the attribute of the signal itself, which 1.8 keeps for old files, goes first */
        if (od_text(m, g->value)[0] == '\0' || strcmp(od_text(m, g->value), "-1") == 0) {
            g->value = od_put_text(p, "value");
            g->unit = od_put_text(p, "unit");
        }
    }
}

void od_header_record(struct od_parse *p) {
    const char *major = xml_attr(p->attrs, "revMajor");
    const char *minor = xml_attr(p->attrs, "revMinor");
    if (major == NULL || !text_to_i64(major, &p->m->major))
        p->m->major = -1;
    if (minor == NULL || !text_to_i64(minor, &p->m->minor))
        p->m->minor = -1;
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
