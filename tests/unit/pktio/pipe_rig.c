#include "tests/unit/pktio/pipe_rig.h"

#include "v2x/carrier.h"
#include "v2x/psid.h"

#include <stdio.h>

const struct span RIG_HELLO = {(const uint8_t *)"hello", 5};

bool rig_sink(void *ctx, struct pkt_message *m) {
    struct pipe_rig *f = ctx;
    if (f->sink_full || f->n_got == RIG_SINK_MAX)
        return false;
    f->got[f->n_got++] = m;
    return true;
}

void rig_note(void *ctx, const struct pkt_frame *fr, enum pkt_verdict v, const char *detail) {
    struct pipe_rig *f = ctx;
    uint8_t sum = 0; /* the frame can be read */
    for (size_t i = 0; i < fr->data.n; i++)
        sum ^= fr->data.p[i];
    (void)sum;
    assert_true(strlen(detail) > 0);
    (void)snprintf(f->detail, sizeof(f->detail), "%s", detail);
    f->last = v;
    if (f->by_number != NULL) {
        assert_int_equal(f->by_number[fr->number - 1], PKT_VERDICT_COUNT); /* once for each */
        f->by_number[fr->number - 1] = v;
    }
    f->said[f->n_said++ % RIG_SINK_MAX] = fr->number;
}

void rig_start(struct pipe_rig *f) {
    pipeline_free(f->p);
    f->n_got = 0;
    f->n_said = 0;
    f->p = pipeline_new(&f->cfg, rig_sink, f, rig_note, f);
}

void rig_take(struct pipe_rig *f, const struct pkt_frame *fr, size_t n) {
    pipeline_take(f->p, fr, n, f->now);
    while (pipeline_work(f->p, f->now))
        ;
}

int rig_setup(void **state) {
    struct pipe_rig *f = ws_alloc(sizeof(*f));
    pki_init(&f->pki, 1);
    pki_init(&f->foreign, 2);
    pki_vehicle(&f->pki, &f->car);
    pki_vehicle(&f->pki, &f->truck);
    pki_vehicle(&f->foreign, &f->stranger);
    pki_vehicle(&f->pki, &f->silent);
    f->now = PKI_NOW_US;
    f->cfg = (struct pipeline_config){
        .limits =
            {
                .source_slots = 64,
                .source_rate = 1000,
                .source_burst = 1000,
                .replay_slots = 1024,
                .cert_slots = 64,
                .message_pool = 256,
                .freshness_us = 2000000,
                .freshness_own_us = 10000000,
                .future_us = 500000,
            },
        .trust = f->pki.trust,
        .verify = true,
    };
    rig_start(f);
    *state = f;
    return 0;
}

int rig_teardown(void **state) {
    struct pipe_rig *f = *state;
    f->by_number = NULL;
    pipeline_finish(f->p, f->now);
    const struct pipeline_counters *n = pipeline_counters(f->p);
    uint64_t sum = 0;
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++)
        sum += n->verdict[v];
    int rc = sum == n->frames ? 0 : -1; /* of every test: a verdict for each frame */
    pipeline_free(f->p);
    buf_free(&f->frame);
    station_free(&f->car);
    station_free(&f->truck);
    station_free(&f->stranger);
    station_free(&f->silent);
    pki_free(&f->pki);
    pki_free(&f->foreign);
    free(f);
    return rc;
}

enum pkt_verdict rig_run_as(struct pipe_rig *f, struct pkt_frame fr) {
    f->n_said = 0;
    rig_take(f, &fr, 1);
    if (f->n_said == 0) /* it would wait for its certificate */
        pipeline_finish(f->p, f->now);
    assert_int_equal(f->n_said, 1);
    return f->last;
}

enum pkt_verdict rig_run_span(struct pipe_rig *f, struct span octets) {
    struct pkt_frame fr = {
        .data = octets,
        .link = LINK_ETHERNET,
        .original_octets = (uint32_t)octets.n,
        .number = 7,
        .capture = 2,
    };
    return rig_run_as(f, fr);
}

enum pkt_verdict rig_run(struct pipe_rig *f) {
    return rig_run_span(f, buf_span(&f->frame));
}

void rig_expect(struct pipe_rig *f, enum pkt_verdict got, enum pkt_verdict want) {
    if (got != want)
        print_error("%s (%s)\n", pkt_verdict_name(got), f->detail);
    assert_string_equal(pkt_verdict_name(got), pkt_verdict_name(want));
}

void rig_make(struct pipe_rig *f, const struct station *s, uint64_t psid, uint64_t gen, bool cert) {
    buf_clear(&f->frame);
    station_frame(&f->frame, s, psid, gen, RIG_HELLO, cert);
}

enum pkt_verdict rig_cam(struct pipe_rig *f, const struct station *s, uint64_t gen, bool cert) {
    rig_make(f, s, PSID_CAM, gen, cert);
    return rig_run(f);
}

enum pkt_verdict rig_run_spdu(struct pipe_rig *f, struct span spdu) {
    buf_clear(&f->frame);
    carrier_put_gn_secured(&f->frame, f->car.mac, spdu);
    return rig_run(f);
}

void rig_implicit_station(struct pki *k, struct station *s) {
    struct sign_permission app = {.psid = PSID_CAM};
    struct cert_request rq = {
        .valid_from_s = PKI_FROM_S, .valid_hours = 168, .app = &app, .n_app = 1};
    *s = (struct station){.mac = {2}};
    s->key = cert_put_implicit(&s->cert, &rq, k->ca_key, buf_span(&k->ca), &k->rnd);
}

struct pkt_frame rig_frame_of(struct buf *b, const struct station *s, uint64_t psid, uint64_t gen,
    bool cert, uint64_t number) {
    *b = (struct buf){0};
    station_frame(b, s, psid, gen, RIG_HELLO, cert);
    return (struct pkt_frame){.data = buf_span(b),
        .link = LINK_ETHERNET,
        .original_octets = (uint32_t)b->n,
        .number = number};
}

void rig_take_one(
    struct pipe_rig *f, const struct station *s, uint64_t gen, bool cert, uint64_t number) {
    struct buf b;
    struct pkt_frame fr = rig_frame_of(&b, s, PSID_CAM, gen, cert, number);
    rig_take(f, &fr, 1);
    buf_free(&b); /* what the frame pointed to is not needed any more */
}
