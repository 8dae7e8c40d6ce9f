#include "mapsvc/fuse/observation.h"

#include "base/assert.h"
#include "mapsvc/fuse/arena.h"
#include "mapsvc/fuse/observation.pb-c.h"

enum {
    PAYLOAD_VERSION = 1,
    SSP_VERSION = 1,
    /* 64 reports with everything in them are about 4 kB. */
    PAYLOAD_MAX = 8192,
    SIGMA_MAX = 20000,
    RANGE_MAX = 1000000,
    ANGLE_MAX = 32768, /* half a turn to either side: all round */
    LAT_MAX = 900000000,
    LON_MAX = 1800000000,
};

static bool place_ok(int32_t lat, int32_t lon) {
    return lat >= -LAT_MAX && lat <= LAT_MAX && lon >= -LON_MAX && lon <= LON_MAX;
}

static int bad(struct ws_err *err, size_t report, const char *field, const char *why) {
    return ws_fail(err, WS_EINPUT, "observation: reports[%zu].%s: %s", report, field, why);
}

static int read_report(
    const Wayside__Mapsvc__Report *m, size_t i, struct obs_report *r, struct ws_err *err) {
    if (m->kind < REPORT_DETECTED || m->kind > REPORT_MISMATCH)
        return bad(err, i, "kind", "no such kind of report");
    if (m->element_kind < EL_LANE || m->element_kind > EL_HAZARD)
        return bad(err, i, "element_kind", "no such kind of element");
    *r = (struct obs_report){.kind = (enum report_kind)m->kind,
        .element_kind = (enum element_kind)m->element_kind,
        .has_element = m->has_element_id != 0,
        .has_position = m->has_lat != 0,
        .has_value = m->has_value != 0,
        .has_heading = m->has_heading != 0};
    if (r->has_element) {
        if (m->element_id.len != sizeof(r->element_id))
            return bad(err, i, "element_id", "not 16 octets");
        memcpy(r->element_id, m->element_id.data, sizeof(r->element_id));
    } else if (r->kind != REPORT_DETECTED) {
        return bad(err, i, "element_id", "missing; this kind of report names an element");
    }
    if ((m->has_lon != 0) != r->has_position || (m->has_sigma_mm != 0) != r->has_position)
        return bad(err, i, "lat", "lat, lon and sigma_mm belong together");
    if (r->has_position) {
        if (!place_ok(m->lat, m->lon))
            return bad(err, i, "lat", "not a place on Earth");
        if (m->sigma_mm < 1 || m->sigma_mm > SIGMA_MAX)
            return bad(err, i, "sigma_mm", "outside 1..20000");
        r->lat = m->lat;
        r->lon = m->lon;
        r->sigma_mm = m->sigma_mm;
    } else if (r->kind == REPORT_DETECTED) {
        return bad(err, i, "lat", "missing; a detection has a position");
    }
    if (r->has_value)
        r->value = m->value;
    else if (r->kind == REPORT_MISMATCH)
        return bad(err, i, "value", "missing; a mismatch says what is there instead");
    if (r->has_heading) {
        if (m->heading > UINT16_MAX)
            return bad(err, i, "heading", "outside 0..65535");
        r->heading = (uint16_t)m->heading;
    }
    return WS_OK;
}

static int read_message(
    const Wayside__Mapsvc__Observation *m, struct observation *o, struct ws_err *err) {
    if (m->map_version == 0)
        return ws_fail(err, WS_EINPUT, "observation: map_version: 0; the base map is version 1");
    if (m->time_us > INT64_MAX)
        return ws_fail(err, WS_EINPUT, "observation: time_us: beyond 2^63");
    if (!place_ok(m->lat, m->lon))
        return ws_fail(err, WS_EINPUT, "observation: lat: not a place on Earth");
    if (m->heading > UINT16_MAX)
        return ws_fail(err, WS_EINPUT, "observation: heading: outside 0..65535");
    if (m->range_mm < 1 || m->range_mm > RANGE_MAX)
        return ws_fail(err, WS_EINPUT, "observation: range_mm: outside 1..1000000");
    if (m->half_angle > ANGLE_MAX)
        return ws_fail(err, WS_EINPUT, "observation: half_angle: outside 0..32768");
    if (m->n_reports > OBS_MAX_REPORTS)
        return ws_fail(err, WS_EINPUT, "observation: reports: more than %d", OBS_MAX_REPORTS);
    o->map_version = m->map_version;
    o->time = m->time_us;
    o->lat = m->lat;
    o->lon = m->lon;
    o->heading = (uint16_t)m->heading;
    o->range_mm = m->range_mm;
    o->half_angle = (uint16_t)m->half_angle;
    o->occluded = m->has_occluded != 0 && m->occluded != 0;
    o->judged = m->has_judged != 0 && m->judged != 0;
    o->n_reports = m->n_reports;
    for (size_t i = 0; i < m->n_reports; i++) {
        int rc = read_report(m->reports[i], i, &o->reports[i], err);
        if (rc != WS_OK)
            return rc;
    }
    return WS_OK;
}

int observation_read(struct span payload, struct observation *ret_obs, struct ws_err *err) {
    if (payload.n < 1)
        return ws_fail(err, WS_EINPUT, "observation: empty");
    if (payload.p[0] != PAYLOAD_VERSION)
        return ws_fail(err, WS_ENOTSUP, "observation: version %u, only 1 is read", payload.p[0]);
    if (payload.n > PAYLOAD_MAX)
        return ws_fail(
            err, WS_EINPUT, "observation: %zu octets, more than %d", payload.n, PAYLOAD_MAX);
    struct arena arena;
    ProtobufCAllocator allocator = arena_allocator(&arena);
    Wayside__Mapsvc__Observation *m =
        wayside__mapsvc__observation__unpack(&allocator, payload.n - 1, payload.p + 1);
    if (m == NULL)
        return ws_fail(err, WS_EINPUT,
            "observation: not the message of observation.proto, or a required field is missing");
    /* Nothing is given back: the memory is this frame's. */
    struct observation o;
    o.n_reports = 0;
    int rc = read_message(m, &o, err);
    if (rc == WS_OK) {
        memcpy(ret_obs, &o, offsetof(struct observation, reports));
        memcpy(ret_obs->reports, o.reports, o.n_reports * sizeof(o.reports[0]));
        ret_obs->n_reports = o.n_reports;
    }
    return rc;
}

void observation_put(struct buf *b, const struct observation *o) {
    WS_ASSERT(o->n_reports <= OBS_MAX_REPORTS);
    Wayside__Mapsvc__Report reports[OBS_MAX_REPORTS];
    Wayside__Mapsvc__Report *list[OBS_MAX_REPORTS];
    uint8_t ids[OBS_MAX_REPORTS][sizeof(o->reports[0].element_id)];
    Wayside__Mapsvc__Observation m = WAYSIDE__MAPSVC__OBSERVATION__INIT;
    m.map_version = o->map_version;
    m.time_us = o->time;
    m.lat = o->lat;
    m.lon = o->lon;
    m.heading = o->heading;
    m.range_mm = o->range_mm;
    m.half_angle = o->half_angle;
    m.has_occluded = o->occluded;
    m.occluded = o->occluded;
    m.has_judged = o->judged;
    m.judged = o->judged;
    for (size_t i = 0; i < o->n_reports; i++) {
        const struct obs_report *r = &o->reports[i];
        Wayside__Mapsvc__Report *p = &reports[i];
        wayside__mapsvc__report__init(p);
        p->kind = (uint32_t)r->kind;
        p->element_kind = (uint32_t)r->element_kind;
        p->has_element_id = r->has_element;
        if (r->has_element) {
            memcpy(ids[i], r->element_id, sizeof(ids[i]));
            p->element_id = (ProtobufCBinaryData){sizeof(ids[i]), ids[i]};
        }
        p->has_lat = p->has_lon = p->has_sigma_mm = r->has_position;
        p->lat = r->lat;
        p->lon = r->lon;
        p->sigma_mm = r->sigma_mm;
        p->has_value = r->has_value;
        p->value = r->value;
        p->has_heading = r->has_heading;
        p->heading = r->heading;
        list[i] = p;
    }
    m.reports = list;
    m.n_reports = o->n_reports;
    buf_u8(b, PAYLOAD_VERSION);
    size_t n = wayside__mapsvc__observation__get_packed_size(&m);
    (void)wayside__mapsvc__observation__pack(&m, buf_grow(b, n));
}

struct observer_class observer_from_ssp(struct span ssp) {
    struct observer_class c = {SENSOR_UNKNOWN, 0};
    if (ssp.n != OBS_SSP_OCTETS || ssp.p[0] != SSP_VERSION)
        return c;
    if (ssp.p[1] < SENSOR_CLASS_COUNT)
        c.sensor = (enum sensor_class)ssp.p[1];
    c.family = be16(ssp.p + 2);
    if (c.family == OBS_FAMILY_MODEL)
        c.family = 0;
    return c;
}

void observer_put_ssp(uint8_t ret_ssp[static OBS_SSP_OCTETS], const struct observer_class *c) {
    ret_ssp[0] = SSP_VERSION;
    ret_ssp[1] = (uint8_t)c->sensor;
    put_be16(ret_ssp + 2, c->family);
}
