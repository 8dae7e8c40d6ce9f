/* GeoJSON text sequences (RFC 7946, RFC 8142). */
#include "mapsvc/formats/export.h"
#include "mapsvc/formats/export_osm.h"
#include "mapsvc/model/text.h"

static void put_literal(struct buf *b, const char *s) {
    buf_put(b, s, strlen(s));
}

static void put_string(struct buf *b, const char *s) {
    buf_u8(b, '"');
    text_put_json(b, s);
    buf_u8(b, '"');
}

static void put_hex(struct buf *b, const uint8_t *p, size_t n) {
    char hex[65];
    hex_encode(hex, p, n);
    put_string(b, hex);
}

static void put_position(struct buf *b, const struct cell_frame *f, struct map_point p) {
    int64_t lat = 0;
    int64_t lon = 0;
    frame_to_wgs10(f, p.x, p.y, &lat, &lon);
    buf_u8(b, '[');
    export_degrees(b, lon);
    buf_u8(b, ',');
    export_degrees(b, lat);
    if (p.z != 0) {
        buf_u8(b, ',');
        export_metres(b, p.z);
    }
    buf_u8(b, ']');
}

/* RFC 7946, 3.1.6: a ring is closed, the outer one runs counter-clockwise. */
static void put_ring(struct buf *b, const struct cell_frame *f, const struct element *e) {
    __int128 area = 0;
    size_t n = e->n_points;
    if (e->points[0].x == e->points[n - 1].x && e->points[0].y == e->points[n - 1].y)
        n--; /* closed already */
    for (size_t i = 0; i < n; i++) {
        const struct map_point *p = &e->points[i];
        const struct map_point *q = &e->points[(i + 1) % n];
        area += (__int128)p->x * q->y - (__int128)q->x * p->y;
    }
    for (size_t i = 0; i <= n; i++) {
        size_t k = i % n;
        if (i > 0)
            buf_u8(b, ',');
        put_position(b, f, e->points[area >= 0 ? k : (n - k) % n]);
    }
}

static void put_geometry(struct buf *b, const struct cell_frame *f, const struct element *e) {
    if (e->n_points == 0) {
        put_literal(b, "null");
    } else if (e->n_points == 1) {
        put_literal(b, "{\"type\":\"Point\",\"coordinates\":");
        put_position(b, f, e->points[0]);
        buf_u8(b, '}');
    } else if ((e->kind == EL_CROSSWALK || e->kind == EL_AREA) && e->n_points >= 3) {
        put_literal(b, "{\"type\":\"Polygon\",\"coordinates\":[[");
        put_ring(b, f, e);
        put_literal(b, "]]}");
    } else {
        put_literal(b, "{\"type\":\"LineString\",\"coordinates\":[");
        for (size_t i = 0; i < e->n_points; i++) {
            if (i > 0)
                buf_u8(b, ',');
            put_position(b, f, e->points[i]);
        }
        put_literal(b, "]}");
    }
}

/* Degrees clockwise from north, as people on the road count, to a thousandth. */
static void put_heading(struct buf *b, uint16_t heading) {
    uint32_t milli = (uint32_t)((uint64_t)(uint16_t)(16384U - heading) * 360000U / 65536U);
    buf_printf(b, "%u.%03u", milli / 1000, milli % 1000);
}

/* Members of an object that describe an element, without braces. */
static void put_properties(struct buf *b, const struct element *e) {
    put_literal(b, "\"kind\":");
    put_string(b, element_kind_name(e->kind));
    put_literal(b, ",\"element\":");
    put_hex(b, e->id, sizeof(e->id));
    buf_printf(b, ",\"revision\":%u", e->revision);
    if (e->has_value)
        buf_printf(b, ",\"value\":%d", e->value);
    if (e->has_heading) {
        put_literal(b, ",\"heading\":");
        put_heading(b, e->heading);
    }
    if (e->valid_from_ms != 0)
        buf_printf(b, ",\"valid_from_ms\":%lld", (long long)e->valid_from_ms);
    if (e->valid_to_ms != INT64_MAX)
        buf_printf(b, ",\"valid_to_ms\":%lld", (long long)e->valid_to_ms);
    put_literal(b, ",\"aliases\":[");
    for (size_t i = 0; i < e->n_aliases; i++) {
        if (i > 0)
            buf_u8(b, ',');
        put_string(b, e->aliases[i]);
    }
    put_literal(b, "],\"attributes\":{");
    for (size_t i = 0; i < e->n_attrs; i++) {
        if (i > 0)
            buf_u8(b, ',');
        put_string(b, e->attrs[i].key);
        buf_u8(b, ':');
        put_string(b, e->attrs[i].value);
    }
    buf_u8(b, '}');
}

void export_geojsonseq_map(const struct mapset *m, struct buf *b) {
    for (size_t i = 0; i < m->n; i++) {
        const struct element *e = &m->elements[i];
        put_literal(b, "\x1e{\"type\":\"Feature\",\"id\":");
        put_hex(b, e->id, sizeof(e->id));
        put_literal(b, ",\"geometry\":");
        put_geometry(b, &m->frame, e);
        put_literal(b, ",\"properties\":{");
        put_properties(b, e);
        put_literal(b, "}}\n");
    }
}

static const char *op_name(enum map_change_op op) {
    switch (op) {
    case MAP_CREATE:
        return "create";
    case MAP_MODIFY:
        return "modify";
    case MAP_DELETE:
        return "delete";
    }
    return "unknown";
}

static const char *tier_name(enum change_tier tier) {
    switch (tier) {
    case TIER_ADVISORY:
        return "advisory";
    case TIER_PERMANENT:
        return "permanent";
    case TIER_ORDER:
        return "order";
    }
    return "unknown";
}

/* A fixed-point number of bits with four decimals, rounded towards zero. */
static void put_bits(struct buf *b, int64_t q16) {
    uint64_t v = q16 < 0 ? (uint64_t)0 - (uint64_t)q16 : (uint64_t)q16;
    buf_printf(b, "%s%llu.%04llu", q16 < 0 ? "-" : "", (unsigned long long)(v >> 16),
        (unsigned long long)(((v & 0xffffU) * 10000U) >> 16));
}

static void put_side(struct buf *b, const struct cell_frame *f, const char *name, bool has,
    const struct element *e) {
    buf_printf(b, ",\"%s\":", name);
    if (!has) {
        put_literal(b, "null");
        return;
    }
    buf_u8(b, '{');
    put_properties(b, e);
    put_literal(b, ",\"geometry\":");
    put_geometry(b, f, e);
    buf_u8(b, '}');
}

static void put_evidence(struct buf *b, const struct change_record *c) {
    put_literal(b, ",\"evidence\":{\"bits\":");
    put_bits(b, c->bits_q16);
    put_literal(b, ",\"threshold_bits\":");
    put_bits(b, c->threshold_q16);
    buf_printf(b,
        ",\"vehicles\":%u,\"groups\":%u,\"issuers\":%u,\"families\":%u,\"first_seen_time64_us\":%"
        "llu,"
        "\"last_seen_time64_us\":%llu,\"root\":",
        c->vehicles, c->groups, c->issuers, c->families, (unsigned long long)c->first_seen,
        (unsigned long long)c->last_seen);
    put_hex(b, c->evidence_root, sizeof(c->evidence_root));
    buf_u8(b, '}');
}

void export_geojsonseq_version(
    const struct map_version *v, const struct cell_frame *f, struct buf *b) {
    for (size_t i = 0; i < v->n_changes; i++) {
        const struct change_record *c = &v->changes[i];
        const struct element *shown = c->has_after ? &c->after : &c->before;
        put_literal(b, "\x1e{\"type\":\"Feature\",\"id\":");
        put_hex(b, c->id, sizeof(c->id));
        put_literal(b, ",\"geometry\":");
        if (c->has_after || c->has_before)
            put_geometry(b, f, shown);
        else
            put_literal(b, "null");
        buf_printf(b,
            ",\"properties\":{\"op\":\"%s\",\"tier\":\"%s\",\"version\":%llu,\"height\":%llu,"
            "\"block_time64_us\":%llu,\"kind\":\"%s\",\"element\":",
            op_name(c->op), tier_name(c->tier), (unsigned long long)v->version,
            (unsigned long long)v->height, (unsigned long long)v->block_time,
            element_kind_name(shown->kind));
        put_hex(b, c->element_id, sizeof(c->element_id));
        put_side(b, f, "before", c->has_before, &c->before);
        put_side(b, f, "after", c->has_after, &c->after);
        put_evidence(b, c);
        put_literal(b, "}}\n");
    }
}
