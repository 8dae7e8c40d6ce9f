/* From what a vehicle has to say to frames in the order a radio would hear them. */
#include "rsu/obus/obusim.h"

#include "base/clock.h"
#include "base/mem.h"
#include "v2x/carrier.h"
#include "v2x/facility.h"
#include "v2x/gn.h"
#include "v2x/psid.h"

#include <stdlib.h>

enum {
    BTP_CAM = 2001,
    STATION_CAR = 5,
    CERT_PERIOD_US =
        1000000, /* CAM carry the certificate at least once a second (wire formats, 4) */
};

static void put_frame(
    struct sim_emit *e, uint64_t its_us, struct buf *frame, struct ws_random *rnd) {
    if (e->n_waiting == e->cap_waiting) {
        e->cap_waiting = e->cap_waiting == 0 ? 256 : 2 * e->cap_waiting;
        e->waiting = ws_realloc(e->waiting, e->cap_waiting * sizeof(e->waiting[0]));
    }
    uint64_t delay_ns = 1000000 + ws_random_below(rnd, 19000000);
    e->waiting[e->n_waiting++] =
        (struct sim_frame){.stamp_ns = (uint64_t)its_to_unix_us(its_us) * 1000 + delay_ns,
            .order = e->frames++,
            .p = frame->p,
            .n = frame->n};
    *frame = (struct buf){0};
}

static int frame_order(const void *a, const void *b) {
    const struct sim_frame *p = a;
    const struct sim_frame *q = b;
    if (p->stamp_ns != q->stamp_ns)
        return p->stamp_ns < q->stamp_ns ? -1 : 1;
    return (p->order > q->order) - (p->order < q->order);
}

void sim_emit_flush(struct sim_emit *e, uint64_t its_us) {
    uint64_t before_ns = (uint64_t)its_to_unix_us(its_us) * 1000;
    if (e->n_waiting > 1)
        qsort(e->waiting, e->n_waiting, sizeof(e->waiting[0]), frame_order);
    size_t n = 0;
    for (; n < e->n_waiting && e->waiting[n].stamp_ns < before_ns; n++) {
        capture_put(e->writer, e->waiting[n].stamp_ns, span_of(e->waiting[n].p, e->waiting[n].n));
        free(e->waiting[n].p);
    }
    if (n > 0)
        memmove(e->waiting, e->waiting + n, (e->n_waiting - n) * sizeof(e->waiting[0]));
    e->n_waiting -= n;
}

void sim_emit_free(struct sim_emit *e) {
    for (size_t i = 0; i < e->n_waiting; i++)
        free(e->waiting[i].p);
    free(e->waiting);
    *e = (struct sim_emit){0};
}

/* 0.1 degree clockwise from north. */
static uint16_t compass(uint16_t heading) {
    unsigned left = ((unsigned)heading * 3600U + 32768U) / 65536U;
    return (uint16_t)((3600U + 900U - left) % 3600U);
}

/* What the vehicle's GeoNetworking puts around a payload. */
static void put_gn(const struct sim_emit *e, const struct sim_vehicle *v, uint64_t its_us,
    uint16_t port, struct span payload, struct buf *b) {
    struct gn_source src = {
        .timestamp_ms = (uint32_t)(its_us / 1000),
        .speed = (int16_t)(v->speed_mm_s / 10 > INT16_MAX / 2 ? INT16_MAX / 2 : v->speed_mm_s / 10),
        .heading = compass(v->pose.heading),
    };
    uint64_t mid = (uint64_t)be16(v->station.mac) << 32 | be32(v->station.mac + 2);
    src.address = (uint64_t)STATION_CAR << 58 | mid;
    frame_to_wgs(e->frame, v->pose.x, v->pose.y, &src.lat, &src.lon);
    gn_put_shb(b, &src, port, payload);
}

void sim_emit_cam(struct sim_emit *e, struct sim_vehicle *v, uint64_t its_us,
    uint64_t cam_period_us, struct ws_random *rnd) {
    struct cam_fields cam = {
        .station_id = v->station.station_id,
        .generation_delta_ms = (uint16_t)(its_us / 1000),
        .station_type = STATION_CAR,
        .heading = compass(v->pose.heading),
        .speed = (uint16_t)(v->speed_mm_s / 10 > 16382 ? 16382 : v->speed_mm_s / 10),
    };
    frame_to_wgs(e->frame, v->pose.x, v->pose.y, &cam.lat, &cam.lon);
    struct buf facility = {0};
    struct buf pdu = {0};
    struct buf spdu = {0};
    struct buf frame = {0};
    cam_put(&facility, &cam);
    put_gn(e, v, its_us, BTP_CAM, buf_span(&facility), &pdu);
    struct spdu_request rq = {
        .psid = PSID_CAM,
        .generation_time = its_us,
        .payload = buf_span(&pdu),
        .with_certificate = its_us >= v->cert_due_us,
    };
    /* Due before the next CAM would be too late. */
    if (rq.with_certificate)
        v->cert_due_us =
            its_us + (cam_period_us >= CERT_PERIOD_US ? 0 : CERT_PERIOD_US - cam_period_us / 2);
    spdu_put_signed(&spdu, &rq, v->station.key, buf_span(&v->station.cert));
    carrier_put_gn_secured(&frame, v->station.mac, buf_span(&spdu));
    put_frame(e, its_us, &frame, rnd);
    e->cams++;
    buf_free(&facility);
    buf_free(&pdu);
    buf_free(&spdu);
}

void sim_link_address(const uint8_t m[static 6], uint8_t ret[static 16]) {
    const uint8_t a[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, (uint8_t)(m[0] ^ 2), m[1], m[2], 0xff,
        0xfe, m[3], m[4], m[5]};
    memcpy(ret, a, sizeof(a));
}

/* All three carriers, taking turns: an appliance has to read them all. */
static void put_carrier(const struct sim_vehicle *v, struct span spdu, struct buf *frame) {
    const uint8_t *m = v->station.mac;
    uint8_t from[16];
    sim_link_address(m, from);
    static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
    switch ((v->index + v->messages) % 3) {
    case 0:
        carrier_put_gn_secured(frame, m, spdu);
        break;
    case 1:
        carrier_put_wsmp(frame, m, PSID_MAP_OBSERVATION, spdu);
        break;
    default:
        carrier_put_udp6(frame, m, from, all_nodes, BTP_PORT_WAYSIDE, spdu);
        break;
    }
}

static void emit_observation(struct sim_emit *e, struct sim_vehicle *v, uint64_t generation_us,
    const struct observation *o, struct ws_random *rnd) {
    struct buf payload = {0};
    struct buf pdu = {0};
    struct buf spdu = {0};
    struct buf frame = {0};
    observation_put(&payload, o);
    if ((v->index + v->messages) % 3 == 0)
        put_gn(e, v, generation_us, BTP_PORT_WAYSIDE, buf_span(&payload), &pdu);
    struct spdu_request rq = {
        .psid = PSID_MAP_OBSERVATION,
        .generation_time = generation_us,
        .has_location = true,
        .lat = o->lat,
        .lon = o->lon,
        .payload = pdu.n > 0 ? buf_span(&pdu) : buf_span(&payload),
        .with_certificate = true,
    };
    spdu_put_signed(&spdu, &rq, v->station.key, buf_span(&v->station.cert));
    put_carrier(v, buf_span(&spdu), &frame);
    put_frame(e, generation_us, &frame, rnd);
    v->messages++;
    e->observations++;
    e->reports += o->n_reports;
    buf_free(&payload);
    buf_free(&pdu);
    buf_free(&spdu);
}

void sim_emit_look(struct sim_emit *e, struct sim_vehicle *v, uint64_t its_us,
    const struct sim_look *look, struct ws_random *rnd) {
    struct observation *o = ws_alloc(sizeof(*o));
    *o = (struct observation){
        .map_version = e->map_version,
        .time = its_us,
        .heading = look->from.heading,
        .range_mm = look->range_mm,
        .half_angle = SIM_HALF_ANGLE,
    };
    frame_to_wgs(e->frame, look->from.x, look->from.y, &o->lat, &o->lon);
    uint64_t generation_us = its_us + 20000 + ws_random_below(rnd, 40000);
    size_t at = 0;
    do {
        size_t n = look->n - at < SIM_REPORTS_MAX ? look->n - at : SIM_REPORTS_MAX;
        if (n > 0)
            memcpy(o->reports, look->reports + at, n * sizeof(o->reports[0]));
        o->n_reports = n;
        at += n;
        emit_observation(e, v, generation_us, o, rnd);
        generation_us += 5000;
    } while (at < look->n);
    free(o);
}
