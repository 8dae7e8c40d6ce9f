#include "tests/bench/bench_traffic.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "v2x/facility.h"
#include "v2x/gn.h"
#include "v2x/psid.h"

#include <stdlib.h>

enum { POOL = 4096, CAM_OCTETS = 300, CARRIED = 164 /* around the payload, with a digest */ };

static void put_cam(struct buf *b, uint32_t station) {
    struct cam_fields cam = {.station_id = station,
        .station_type = 5,
        .lat = 480000000,
        .lon = 110000000,
        .heading = 900,
        .speed = 1389};
    struct gn_source src = {.address = station, .lat = 480000000, .lon = 110000000};
    struct buf payload = {0};
    cam_put(&payload, &cam);
    while (payload.n < CAM_OCTETS - CARRIED) /* as long as one with a path history */
        buf_u8(&payload, 0);
    gn_put_shb(b, &src, 2001, buf_span(&payload));
    buf_free(&payload);
}

void traffic_add(struct traffic *t, const struct station *s, uint64_t psid,
    uint64_t generation_time, bool cert) {
    if (t->n == t->room) {
        t->room = t->room == 0 ? 1024 : 2 * t->room;
        t->frame = realloc(t->frame, t->room * sizeof(*t->frame));
        WS_ASSERT(t->frame != NULL);
    }
    struct buf cam = {0};
    size_t at = t->octets.n;
    put_cam(&cam, (uint32_t)(s - t->car));
    station_frame(&t->octets, s, psid, generation_time, buf_span(&cam), cert);
    buf_free(&cam);
    size_t n = t->octets.n - at;
    t->frame[t->n++] = (struct pkt_frame){
        .data = {NULL, n},
        .link = LINK_ETHERNET,
        .original_octets = (uint32_t)n,
        .stamp_ns = (uint64_t)its_to_unix_us(generation_time) * 1000,
        .number = t->n + 1,
    };
}

/* The buffer has moved while it grew. */
void traffic_done(struct traffic *t) {
    size_t at = 0;
    for (size_t i = 0; i < t->n; i++) {
        t->frame[i].data.p = t->octets.p + at;
        at += t->frame[i].data.n;
    }
}

void traffic_make(struct traffic *t, size_t signers, size_t rounds) {
    *t = (struct traffic){.n_cars = signers};
    pki_init(&t->pki, 1);
    t->car = ws_calloc(signers, sizeof(*t->car));
    for (size_t i = 0; i < signers; i++)
        pki_vehicle(&t->pki, &t->car[i]);
    for (size_t i = 0; i < signers * rounds; i++)
        traffic_add(t, &t->car[i % signers], PSID_CAM, PKI_NOW_US + i, i / signers % 10 == 0);
    traffic_done(t);
}

void traffic_free(struct traffic *t) {
    for (size_t i = 0; i < t->n_cars; i++)
        station_free(&t->car[i]);
    free(t->car);
    free(t->frame);
    buf_free(&t->octets);
    pki_free(&t->pki);
}

struct pipeline_config traffic_config(const struct traffic *t, bool verify) {
    size_t slots = 4096;
    while (slots < 2 * t->n_cars)
        slots *= 2;
    return (struct pipeline_config){
        .limits =
            {
                .source_slots = slots,
                .source_rate = 1000000,
                .source_burst = 1000000,
                .replay_slots = 2 * t->n,
                .cert_slots = slots,
                .message_pool = POOL,
                .freshness_us = 3600000000U,
                .freshness_own_us = 3600000000U,
                .future_us = 3600000000U,
            },
        .trust = t->pki.trust,
        .verify = verify,
    };
}

void traffic_run(struct pipeline *p, const struct traffic *t, size_t from, size_t to) {
    while (from < to) {
        size_t n = to - from < PIPELINE_BURST_MAX ? to - from : PIPELINE_BURST_MAX;
        pipeline_take(p, &t->frame[from], n, PKI_NOW_US);
        (void)pipeline_work(p, PKI_NOW_US);
        from += n;
    }
}

void traffic_settle(struct pipeline *p) {
    while (pipeline_work(p, PKI_NOW_US))
        ;
}
