/* More than can be checked: what gives way, what comes out all the same, and who pays for it. */
#include "tests/support/dot2.h"
#include "tests/unit/pktio/pipe_rig.h"

#include "v2x/psid.h"

enum { CROWD = 192 };

/* Frames of known signers, queued without being worked off: one DENM in eight, and some of another application. */
static void crowd(struct pipe_rig *f, struct buf *b, uint64_t *ret_safety) {
    *ret_safety = 0;
    rig_take_one(f, &f->car, f->now, true, 1);
    for (size_t i = 0; i < CROWD; i++) {
        static const uint64_t kind[8] = {
            PSID_CAM, PSID_BSM, PSID_CAM, PSID_DENM, PSID_CAM, PSID_BSM, PSID_CAM, PSID_CAM};
        uint64_t psid = kind[i % 8];
        *ret_safety += psid == PSID_DENM;
        struct pkt_frame fr =
            rig_frame_of(&b[i], &f->car, psid, f->now + i, psid == PSID_DENM, i + 2);
        pipeline_take(f->p, &fr, 1, f->now);
    }
}

static void routine_gives_way_and_safety_comes_out(void **state) {
    struct pipe_rig *f = *state;
    static struct buf b[CROWD];
    uint64_t safety;
    f->cfg.limits.queue_slots = 100;
    rig_start(f);
    crowd(f, b, &safety);
    const struct pipeline_counters *n = pipeline_counters(f->p);
    assert_int_equal(n->queued, 100);
    assert_int_equal(n->verdict[PKT_SHED_OVERLOAD], CROWD - 100);
    /* What came when there was no place went unread, until a DENM took the place of the oldest routine message. */
    assert_int_equal(f->said[1], 102);
    assert_int_equal(f->said[8], 2);
    (void)pipeline_work(f->p, f->now);
    uint64_t got = 0;
    for (size_t i = 1; i < f->n_got && f->got[i]->psid == PSID_DENM; i++)
        got++;
    assert_int_equal(got, safety); /* all, and before the others */
    pipeline_finish(f->p, f->now);
    assert_int_equal(n->verdict[PKT_VERIFIED], 101);
    for (size_t i = 0; i < CROWD; i++)
        buf_free(&b[i]);
}

static void nothing_old_comes_out(void **state) {
    struct pipe_rig *f = *state;
    static struct buf b[CROWD];
    uint64_t safety;
    f->cfg.limits.max_age_us = 30000;
    f->cfg.limits.max_age_safety_us = 60000;
    rig_start(f);
    crowd(f, b, &safety);
    f->now += 30001;
    pipeline_finish(f->p, f->now);
    const struct pipeline_counters *n = pipeline_counters(f->p);
    assert_int_equal(n->verdict[PKT_VERIFIED], 1 + safety);
    assert_int_equal(n->verdict[PKT_SHED_AGE], CROWD - safety);
    for (size_t i = 0; i < CROWD; i++)
        buf_free(&b[i]);
}

/* New certificates, all bad, beside known signers: they get their share of the checks and no more. */
static void flood(struct pipe_rig *f, const struct station *like, enum pkt_verdict verdict,
    unsigned most_checked) {
    enum { EACH = 128 };
    static struct buf b[2 * EACH];
    f->cfg.limits.source_rate = 0;
    f->cfg.limits.fresh_percent = 10;
    rig_start(f);
    rig_take_one(f, &f->car, f->now, true, 1);
    struct station bad = *like;
    bad.cert = (struct buf){0};
    for (size_t i = 0; i < EACH; i++) {
        buf_clear(&bad.cert);
        buf_put(&bad.cert, like->cert.p, like->cert.n);
        bad.cert.p[bad.cert.n - 1] ^= (uint8_t)(1 + i); /* of its signature: another certificate */
        struct pkt_frame fr = rig_frame_of(&b[i], &bad, PSID_CAM, f->now, true, 2 + i);
        pipeline_take(f->p, &fr, 1, f->now);
    }
    for (size_t i = EACH; i < sizeof(b) / sizeof(b[0]); i++) {
        struct pkt_frame fr = rig_frame_of(&b[i], &f->car, PSID_CAM, f->now + i, false, 2 + i);
        pipeline_take(f->p, &fr, 1, f->now);
    }
    (void)pipeline_work(f->p, f->now);
    (void)pipeline_work(f->p, f->now);
    const struct pipeline_counters *n = pipeline_counters(f->p);
    assert_true(n->verdict[PKT_VERIFIED] >= 1 + EACH - 3 - 8); /* some stand in the line */
    assert_in_range(n->verdict[verdict], most_checked > 0, most_checked);
    pipeline_finish(f->p, f->now);
    assert_int_equal(n->verdict[PKT_VERIFIED], 1 + EACH);
    assert_int_equal(n->verdict[verdict], EACH);
    assert_int_equal(n->certs, 1); /* none of them took a place */
    buf_free(&bad.cert);
    for (size_t i = 0; i < sizeof(b) / sizeof(b[0]); i++)
        buf_free(&b[i]);
}

static void fresh_tickets_do_not_hold_up_known_signers(void **state) {
    struct pipe_rig *f = *state;
    flood(f, &f->car, PKT_CERT_INVALID, 3);
}

/* A check on a 384-bit curve takes as long as hundreds of others. */
static void wide_fresh_tickets_neither(void **state) {
    struct pipe_rig *f = *state;
    const uint64_t psid = PSID_CAM;
    struct dot2_cert_spec spec = {.curve = DOT2_P384,
        .authority = true,
        .chain_length = 1,
        .key_form = DOT2_COMPRESSED,
        .from_s = PKI_FROM_S,
        .hours = 24};
    struct dot2_cert root, ticket;
    dot2_cert_make(&root, &spec, NULL, &f->pki.rnd);
    spec.authority = false;
    spec.psids = &psid;
    spec.n_psids = 1;
    dot2_cert_make(&ticket, &spec, &root, &f->pki.rnd);
    struct station wide = {.key = f->car.key, .cert = ticket.octets, .mac = {2}};
    flood(f, &wide, PKT_BAD_SIGNATURE, 0);
    dot2_cert_free(&ticket);
    dot2_cert_free(&root);
}

static void bad_signatures_cost_their_sender(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.limits.source_rate = 10;
    f->cfg.limits.source_burst = 10;
    rig_start(f);
    rig_take_one(f, &f->car, f->now, true, 1);
    for (unsigned i = 0; i < 3; i++) {
        f->now++;
        rig_make(f, &f->car, PSID_CAM, f->now, false);
        f->frame.p[f->frame.n - 1] ^= 1;
        rig_expect(f, rig_run(f), PKT_BAD_SIGNATURE);
    }
    /* One for the first, then three times a message that was bad. */
    const unsigned spent = 1 + 3 * (1 + PIPELINE_COST_BAD_SIGNATURE);
    assert_true(spent > 9);
    f->now++;
    rig_expect(f, rig_cam(f, &f->car, f->now, false), PKT_SOURCE_BUDGET);
    rig_expect(f, rig_cam(f, &f->truck, f->now, true), PKT_VERIFIED);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(routine_gives_way_and_safety_comes_out),
        T(nothing_old_comes_out),
        T(fresh_tickets_do_not_hold_up_known_signers),
        T(wide_fresh_tickets_neither),
        T(bad_signatures_cost_their_sender),
    };
    return cmocka_run_group_tests_name("pipeline_overload", tests, NULL, NULL);
}
