#include "mapsvc/formats/export_osm.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/formats/import.h"
#include "mapsvc/model/compare.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/model/text.h"

#include <stdio.h>
#include <stdlib.h>

void export_degrees(struct buf *b, int64_t e10) {
    const int64_t one = 10000000000;
    uint64_t v = e10 < 0 ? (uint64_t)-e10 : (uint64_t)e10;
    buf_printf(b, "%s%llu.%010llu", e10 < 0 ? "-" : "", (unsigned long long)(v / (uint64_t)one),
        (unsigned long long)(v % (uint64_t)one));
}

void export_metres(struct buf *b, int32_t mm) {
    uint64_t v = mm < 0 ? (uint64_t) - (int64_t)mm : (uint64_t)mm;
    buf_printf(b, "%s%llu.%03llu", mm < 0 ? "-" : "", (unsigned long long)(v / 1000),
        (unsigned long long)(v % 1000));
}

/* ---- names ---- */

static int name_order(const void *a, const void *b) {
    const struct osm_name *p = a;
    const struct osm_name *q = b;
    int c = strcmp(p->alias, q->alias);
    if (c != 0)
        return c;
    if (p->e->kind != q->e->kind)
        return p->e->kind < q->e->kind ? -1 : 1;
    return memcmp(p->e->id, q->e->id, sizeof(p->e->id));
}

struct osm_index osm_index_of(const struct mapset *m) {
    size_t total = 0;
    for (size_t i = 0; i < m->n; i++)
        total += m->elements[i].n_aliases;
    struct osm_index x = {.names = ws_calloc(total, sizeof(x.names[0]))};
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; k < m->elements[i].n_aliases; k++)
            x.names[x.n++] = (struct osm_name){m->elements[i].aliases[k], &m->elements[i]};
    if (x.n > 1)
        qsort(x.names, x.n, sizeof(x.names[0]), name_order);
    return x;
}

void osm_index_free(struct osm_index *x) {
    free(x->names);
    *x = (struct osm_index){0};
}

const struct element *osm_find(
    const struct osm_index *x, enum element_kind kind, const char *alias) {
    size_t lo = 0;
    size_t hi = x->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(x->names[mid].alias, alias) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < x->n && strcmp(x->names[lo].alias, alias) == 0; lo++)
        if (x->names[lo].e->kind == kind)
            return x->names[lo].e;
    return NULL;
}

const struct element *osm_lane_of(const struct osm_index *x, const struct element *limit) {
    const char *alias = element_attr(limit, "lane");
    return alias == NULL ? NULL : osm_find(x, EL_LANE, alias);
}

const struct element *osm_limit_of(const struct osm_index *x, const struct element *lane) {
    char alias[ELEMENT_MAX_TEXT + 16];
    for (size_t i = 0; i < lane->n_aliases; i++) {
        (void)snprintf(alias, sizeof(alias), "%s#speed_limit", lane->aliases[i]);
        const struct element *e = osm_find(x, EL_SPEED_LIMIT, alias);
        if (e != NULL)
            return e;
    }
    return NULL;
}

/* ---- ids ---- */

/* An area is a relation of ways where it names its edges, else a way of its own. */
static bool is_ring_of_ways(const struct element *e) {
    return e->kind == EL_AREA && element_attr(e, "outer") != NULL;
}

bool osm_is_way(const struct element *e) {
    return (e->kind == EL_AREA && !is_ring_of_ways(e)) || e->kind == EL_BOUNDARY ||
           e->kind == EL_SIGN || e->kind == EL_STOP_LINE || e->kind == EL_LIGHT;
}

bool osm_is_relation(const struct element *e) {
    return e->kind == EL_LANE || e->kind == EL_CROSSWALK || is_ring_of_ways(e);
}

static bool id_in(const char *alias, const char *prefix, int64_t *ret_id) {
    size_t n = strlen(prefix);
    return strncmp(alias, prefix, n) == 0 && text_to_i64(alias + n, ret_id);
}

/* Negative ids are an editor's for what has none yet. 53 bits: some tools keep ids as doubles. */
static int64_t negative(const uint8_t *p) {
    int64_t v = (int64_t)(be64(p) >> 11);
    return v == 0 ? -1 : -v;
}

int64_t osm_id(const struct element *e) {
    const char *prefix = osm_is_way(e) ? "lanelet2:way/" : "lanelet2:relation/";
    int64_t id = 0;
    for (size_t i = 0; i < e->n_aliases; i++)
        if (id_in(e->aliases[i], prefix, &id))
            return id;
    return negative(e->id);
}

int64_t osm_node_id(struct map_point p) {
    uint8_t octets[12];
    uint8_t hash[32];
    put_be32(octets, (uint32_t)p.x);
    put_be32(octets + 4, (uint32_t)p.y);
    put_be32(octets + 8, (uint32_t)p.z);
    exec_sha256_one(span_of(octets, sizeof(octets)), hash);
    return negative(hash);
}

static int id_order(const void *a, const void *b) {
    const struct osm_named *p = a;
    const struct osm_named *q = b;
    if (p->id != q->id)
        return p->id < q->id ? -1 : 1;
    return memcmp(p->e->id, q->e->id, sizeof(p->e->id));
}

struct osm_named *osm_sorted(
    const struct mapset *m, bool (*wanted)(const struct element *e), size_t *ret_n) {
    struct osm_named *list = ws_calloc(m->n, sizeof(list[0]));
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        if (wanted(&m->elements[i]))
            list[n++] = (struct osm_named){osm_id(&m->elements[i]), &m->elements[i]};
    if (n > 1)
        qsort(list, n, sizeof(list[0]), id_order);
    *ret_n = n;
    return list;
}

/* ---- points ---- */

/* 300 mm towards the right of a reader who travels along heading. */
static void half_plate(uint16_t heading, int32_t *ret_x, int32_t *ret_y) {
    double s = 0.0;
    double c = 0.0;
    ieee_sincos((double)heading * (IEEE_PI / 32768.0), &s, &c);
    (void)ieee_round_i32(300.0 * s, ret_x);
    (void)ieee_round_i32(-300.0 * c, ret_y);
}

static int32_t add_i32(int32_t a, int32_t b) {
    int64_t v = (int64_t)a + b;
    return (int32_t)(v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v);
}

size_t osm_points(const struct element *e, struct map_point *ret_p) {
    if (e->n_points == 0)
        return 0;
    if (e->kind != EL_SIGN && e->kind != EL_LIGHT) {
        memcpy(ret_p, e->points, e->n_points * sizeof(ret_p[0]));
        return e->n_points;
    }
    struct map_point p = e->points[0];
    ret_p[0] = p;
    if (!e->has_heading)
        return 1;
    int32_t dx = 0;
    int32_t dy = 0;
    half_plate(e->heading, &dx, &dy);
    ret_p[0] = (struct map_point){add_i32(p.x, -dx), add_i32(p.y, -dy), p.z};
    ret_p[1] = (struct map_point){add_i32(p.x, dx), add_i32(p.y, dy), p.z};
    return 2;
}

/* ---- objects ---- */

void osm_put_tag(struct buf *b, const char *key, const char *value) {
    buf_printf(b, "    <tag k=\"");
    text_put_xml(b, key);
    buf_printf(b, "\" v=\"");
    text_put_xml(b, value);
    buf_printf(b, "\"/>\n");
}

void osm_put_node(struct buf *b, const struct cell_frame *f, int64_t id, struct map_point p) {
    int64_t lat = 0;
    int64_t lon = 0;
    frame_to_wgs10(f, p.x, p.y, &lat, &lon);
    buf_printf(b, "  <node id=\"%lld\" lat=\"", (long long)id);
    export_degrees(b, lat);
    buf_printf(b, "\" lon=\"");
    export_degrees(b, lon);
    if (p.z == 0) {
        buf_printf(b, "\"/>\n");
        return;
    }
    buf_printf(b, "\">\n    <tag k=\"ele\" v=\"");
    export_metres(b, p.z);
    buf_printf(b, "\"/>\n  </node>\n");
}

static void put_head(struct buf *b, const char *name, int64_t id, uint32_t version) {
    buf_printf(b, "  <%s id=\"%lld\"", name, (long long)id);
    if (version > 0)
        buf_printf(b, " version=\"%u\"", version);
    buf_printf(b, ">\n");
}

static bool from_opendrive(const struct element *e) {
    return e->n_aliases > 0 && strncmp(e->aliases[0], "opendrive:", 10) == 0;
}

/* OpenDRIVE's words for marks and lanes in Lanelet2's. */
static void put_translated(struct buf *b, const struct element *e) {
    static const struct {
        const char *from, *type, *subtype;
    } marks[] = {{"solid", "line_thin", "solid"}, {"broken", "line_thin", "dashed"},
        {"solid solid", "line_thin", "solid_solid"}, {"solid broken", "line_thin", "solid_dashed"},
        {"broken solid", "line_thin", "dashed_solid"}, {"broken broken", "line_thin", "dashed"},
        {"curb", "curbstone", "low"}, {"grass", "road_border", NULL}, {"edge", "road_border", NULL},
        {"none", "virtual", NULL}};
    static const struct {
        const char *from, *to;
    } lanes[] = {{"sidewalk", "walkway"}, {"walking", "walkway"}, {"biking", "bicycle_lane"},
        {"shoulder", "road_shoulder"}, {"bus", "bus_lane"}};
    if (e->kind == EL_LANE) {
        const char *type = element_attr(e, "subtype");
        const char *to = "road";
        for (size_t i = 0; type != NULL && i < ARRAY_LEN(lanes); i++)
            to = strcmp(type, lanes[i].from) == 0 ? lanes[i].to : to;
        osm_put_tag(b, "subtype", to);
        return;
    }
    const char *mark = element_attr(e, "type");
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (mark == NULL || strcmp(mark, marks[i].from) != 0)
            continue;
        osm_put_tag(b, "type", marks[i].type);
        if (marks[i].subtype != NULL)
            osm_put_tag(b, "subtype", marks[i].subtype);
        return;
    }
    osm_put_tag(b, "type", mark == NULL ? "virtual" : "line_thin");
}

void osm_put_tags(struct buf *b, const struct element *e) {
    bool foreign = from_opendrive(e);
    if (foreign && (e->kind == EL_LANE || e->kind == EL_BOUNDARY))
        put_translated(b, e);
    for (size_t i = 0; i < e->n_attrs; i++) {
        const char *key = e->attrs[i].key;
        if (attr_is_reference(key)) /* OSM says it with members */
            continue;
        if (foreign && (strcmp(key, "type") == 0 || strcmp(key, "subtype") == 0))
            continue;
        bool is_code = strcmp(key, "code") == 0;
        bool is_unit = e->kind == EL_SIGN && strcmp(key, "unit") == 0;
        if (!is_unit)
            osm_put_tag(b, is_code ? "subtype" : key, e->attrs[i].value);
    }
}

static void put_speed(struct buf *b, const struct element *e) {
    const char *unit = element_attr(e, "unit");
    char text[32];
    (void)snprintf(text, sizeof(text), "%d%s", e->value,
        unit != NULL && strcmp(unit, "mph") == 0 ? " mph" : "");
    osm_put_tag(b, "speed_limit", text);
}

/* A sign's figure is a tag where its code does not say the same. */
static void put_sign_value(struct buf *b, const struct element *e) {
    const char *code = element_attr(e, "code");
    int32_t figure = 0;
    bool says = code != NULL && map_speed_of_code(code, &figure) && figure == e->value;
    if (e->kind == EL_SIGN && e->has_value && !says)
        put_speed(b, e);
}

static void put_ref(
    struct buf *b, const struct cell_frame *f, int64_t ref, const struct map_point *p) {
    buf_printf(b, "    <nd ref=\"%lld\"", (long long)ref);
    if (p != NULL) {
        int64_t lat = 0;
        int64_t lon = 0;
        frame_to_wgs10(f, p->x, p->y, &lat, &lon);
        buf_printf(b, " lat=\"");
        export_degrees(b, lat);
        buf_printf(b, "\" lon=\"");
        export_degrees(b, lon);
        buf_u8(b, '"');
    }
    buf_printf(b, "/>\n");
}

void osm_put_way_at(struct buf *b, const struct cell_frame *f, const struct element *e,
    const int64_t *refs, const struct map_point *p, size_t n, uint32_t version) {
    put_head(b, "way", osm_id(e), version);
    for (size_t i = 0; i < n; i++)
        put_ref(b, f, refs[i], p == NULL ? NULL : &p[i]);
    if (e->kind == EL_SIGN)
        osm_put_tag(b, "type", "traffic_sign");
    if (e->kind == EL_LIGHT)
        osm_put_tag(b, "type", "traffic_light");
    if (e->kind == EL_STOP_LINE)
        osm_put_tag(b, "type", "stop_line");
    if (e->kind == EL_AREA && element_attr(e, "area") == NULL)
        osm_put_tag(b, "area", "yes");
    osm_put_tags(b, e);
    put_sign_value(b, e);
    buf_printf(b, "  </way>\n");
}

void osm_put_way(
    struct buf *b, const struct element *e, const int64_t *refs, size_t n, uint32_t version) {
    osm_put_way_at(b, NULL, e, refs, NULL, n, version);
}

/* The way that an attribute names: any way of the map, or a Lanelet2 id as such. */
static bool way_of(const struct osm_index *x, const char *alias, int64_t *ret_id) {
    static const enum element_kind kinds[] = {EL_BOUNDARY, EL_STOP_LINE, EL_SIGN, EL_LIGHT};
    if (alias == NULL)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct element *e = osm_find(x, kinds[i], alias);
        if (e != NULL) {
            *ret_id = osm_id(e);
            return true;
        }
    }
    return id_in(alias, "lanelet2:way/", ret_id);
}

static void put_member(struct buf *b, const char *type, int64_t ref, const char *role) {
    buf_printf(
        b, "    <member type=\"%s\" ref=\"%lld\" role=\"%s\"/>\n", type, (long long)ref, role);
}

/* Members that an attribute lists; x: of the map that holds the ways, NULL for relations. */
static void put_members(struct buf *b, const struct element *e, const char *key, const char *role,
    const struct osm_index *x) {
    const char *list = element_attr(e, key);
    while (list != NULL && *list != '\0') {
        char one[ELEMENT_MAX_TEXT + 1];
        size_t n = strcspn(list, " ");
        (void)snprintf(one, sizeof(one), "%.*s", (int)n, list);
        int64_t id = 0;
        if (x != NULL ? way_of(x, one, &id) : id_in(one, "lanelet2:relation/", &id))
            put_member(b, x != NULL ? "way" : "relation", id, role);
        list += n;
        while (*list == ' ')
            list++;
    }
}

static void put_area(
    struct buf *b, const struct element *e, const struct osm_index *x, uint32_t version) {
    put_head(b, "relation", osm_id(e), version);
    put_members(b, e, "outer", "outer", x);
    put_members(b, e, "inner", "inner", x);
    put_members(b, e, "regulatory", "regulatory_element", NULL);
    osm_put_tag(b, "type", "multipolygon");
    osm_put_tags(b, e);
    buf_printf(b, "  </relation>\n");
}

bool osm_put_lanelet(struct buf *b, const struct element *e, const struct element *limit,
    const struct osm_index *x, uint32_t version) {
    int64_t left = 0;
    int64_t right = 0;
    if (e->kind == EL_AREA) {
        put_area(b, e, x, version);
        return true;
    }
    if (!way_of(x, element_attr(e, "left"), &left) || !way_of(x, element_attr(e, "right"), &right))
        return false;
    put_head(b, "relation", osm_id(e), version);
    put_member(b, "way", left, "left");
    put_member(b, "way", right, "right");
    put_members(b, e, "regulatory", "regulatory_element", NULL);
    osm_put_tag(b, "type", "lanelet");
    osm_put_tags(b, e);
    if (limit != NULL)
        put_speed(b, limit);
    buf_printf(b, "  </relation>\n");
    return true;
}
