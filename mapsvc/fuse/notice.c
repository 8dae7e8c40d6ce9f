#include "mapsvc/fuse/notice.h"

#include "base/assert.h"
#include "mapsvc/fuse/arena.h"
#include "mapsvc/fuse/notice.pb-c.h"

enum { READ_MAX = 1024, LAT_MAX = 900000000, LON_MAX = 1800000000 };

void notice_from_change(
    const struct change_record *c, const struct cell_frame *frame, struct notice *ret) {
    const struct element *e = c->has_after ? &c->after : &c->before;
    WS_ASSERT(c->has_after || c->has_before);
    *ret = (struct notice){
        .tier = c->tier,
        .op = c->op,
        .kind = e->kind,
        .has_before = c->has_before && c->before.has_value,
        .has_after = c->has_after && c->after.has_value,
        .has_heading = e->has_heading,
        .heading = e->heading,
    };
    ret->before = ret->has_before ? c->before.value : 0;
    ret->after = ret->has_after ? c->after.value : 0;
    memcpy(ret->element_id, c->element_id, sizeof(ret->element_id));
    memcpy(ret->change_id, c->id, sizeof(ret->change_id));
    if (e->n_points > 0) {
        const struct map_point *p = &e->points[e->n_points / 2];
        frame_to_wgs(frame, p->x, p->y, &ret->lat, &ret->lon);
    }
}

void notice_put(struct buf *b, const struct notice *n) {
    Wayside__Mapsvc__Notice m = WAYSIDE__MAPSVC__NOTICE__INIT;
    struct notice own = *n; /* the library wants octets that it could write to */
    m.cell = (ProtobufCBinaryData){sizeof(own.cell), own.cell};
    m.map_version = n->map_version;
    m.time_us = n->time;
    m.tier = (uint32_t)n->tier;
    m.op = (uint32_t)n->op;
    m.element_kind = (uint32_t)n->kind;
    m.element_id = (ProtobufCBinaryData){sizeof(own.element_id), own.element_id};
    m.change_id = (ProtobufCBinaryData){sizeof(own.change_id), own.change_id};
    m.has_before = n->has_before;
    m.before = n->before;
    m.has_after = n->has_after;
    m.after = n->after;
    m.lat = n->lat;
    m.lon = n->lon;
    m.has_heading = n->has_heading;
    m.heading = n->heading;
    m.has_valid_to_us = n->has_valid_to;
    m.valid_to_us = n->valid_to;
    m.has_ended = n->has_ended;
    m.ended = (uint32_t)n->ended;
    buf_u8(b, NOTICE_VERSION);
    size_t octets = wayside__mapsvc__notice__get_packed_size(&m);
    WS_ASSERT(octets < NOTICE_MAX);
    (void)wayside__mapsvc__notice__pack(&m, buf_grow(b, octets));
}

static int bad(struct ws_err *err, const char *field, const char *why) {
    return ws_fail(err, WS_EINPUT, "notice: %s: %s", field, why);
}

static int check(const Wayside__Mapsvc__Notice *m, struct ws_err *err) {
    if (m->cell.len != sizeof(((struct notice *)NULL)->cell))
        return bad(err, "cell", "not 8 octets");
    if (m->map_version == 0)
        return bad(err, "map_version", "0; the base map is version 1");
    if (m->time_us > INT64_MAX)
        return bad(err, "time_us", "beyond 2^63");
    if (m->tier < TIER_ADVISORY || m->tier > TIER_ORDER)
        return bad(err, "tier", "no such tier");
    if (m->op > MAP_DELETE)
        return bad(err, "op", "no such operation");
    if (m->element_kind < EL_LANE || m->element_kind > EL_AREA)
        return bad(err, "element_kind", "no such kind of element");
    if (m->element_id.len != sizeof(((struct notice *)NULL)->element_id))
        return bad(err, "element_id", "not 16 octets");
    if (m->change_id.len != sizeof(((struct notice *)NULL)->change_id))
        return bad(err, "change_id", "not 32 octets");
    if (m->lat < -LAT_MAX || m->lat > LAT_MAX || m->lon < -LON_MAX || m->lon > LON_MAX)
        return bad(err, "lat", "not a place on Earth");
    if (m->has_heading != 0 && m->heading > UINT16_MAX)
        return bad(err, "heading", "outside 0..65535");
    bool advisory = m->tier == TIER_ADVISORY;
    if (advisory != (m->has_valid_to_us != 0))
        return bad(err, "valid_to_us", "belongs to advisories, and always");
    if (m->has_ended == 0)
        return WS_OK;
    if (!advisory || m->ended < ADVISORY_WITHDRAWN || m->ended > ADVISORY_SUPERSEDED)
        return bad(err, "ended", "no such end of an advisory");
    return WS_OK;
}

int notice_read(struct span payload, struct notice *ret_notice, struct ws_err *err) {
    if (payload.n < 1)
        return ws_fail(err, WS_EINPUT, "notice: empty");
    if (payload.p[0] != NOTICE_VERSION)
        return ws_fail(err, WS_ENOTSUP, "notice: version %u, only 2 is read", payload.p[0]);
    if (payload.n > READ_MAX)
        return ws_fail(err, WS_EINPUT, "notice: %zu octets, more than %d", payload.n, READ_MAX);
    struct arena arena;
    ProtobufCAllocator allocator = arena_allocator(&arena);
    const Wayside__Mapsvc__Notice *m =
        wayside__mapsvc__notice__unpack(&allocator, payload.n - 1, payload.p + 1);
    if (m == NULL)
        return ws_fail(err, WS_EINPUT,
            "notice: not the message of notice.proto, or a required field is missing");
    int rc = check(m, err);
    if (rc != WS_OK)
        return rc;
    *ret_notice = (struct notice){
        .map_version = m->map_version,
        .time = m->time_us,
        .tier = (enum change_tier)m->tier,
        .op = (enum map_change_op)m->op,
        .kind = (enum element_kind)m->element_kind,
        .has_before = m->has_before != 0,
        .before = m->before,
        .has_after = m->has_after != 0,
        .after = m->after,
        .lat = m->lat,
        .lon = m->lon,
        .has_heading = m->has_heading != 0,
        .heading = (uint16_t)m->heading,
        .has_valid_to = m->has_valid_to_us != 0,
        .valid_to = m->valid_to_us,
        .has_ended = m->has_ended != 0,
        .ended = (enum advisory_end)m->ended,
    };
    memcpy(ret_notice->cell, m->cell.data, sizeof(ret_notice->cell));
    memcpy(ret_notice->element_id, m->element_id.data, sizeof(ret_notice->element_id));
    memcpy(ret_notice->change_id, m->change_id.data, sizeof(ret_notice->change_id));
    return WS_OK;
}
