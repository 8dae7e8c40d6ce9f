/* Messages that wait for the certificate that they were signed under. */
#include "tests/unit/pktio/pipe_rig.h"

#include "v2x/psid.h"

static void waits_and_goes_before_what_brought_the_certificate(void **state) {
    struct pipe_rig *f = *state;
    for (uint64_t i = 1; i <= 3; i++)
        rig_take_one(f, &f->car, f->now + i, false, i);
    rig_take_one(f, &f->truck, f->now, false, 9);
    assert_int_equal(f->n_said, 0);
    assert_int_equal(pipeline_counters(f->p)->waiting, 4);
    uint64_t came = f->now;
    f->now += 700000;
    rig_take_one(f, &f->car, f->now, true, 4);
    assert_int_equal(f->n_said, 4);
    assert_int_equal(f->n_got, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(f->got[i]->frame, i + 1);
        assert_int_equal(f->said[i], i + 1);
        assert_int_equal(f->got[i]->received_its_us, i < 3 ? came : f->now);
    }
    assert_int_equal(pipeline_counters(f->p)->waiting, 1);
    pipeline_finish(f->p, f->now);
    rig_expect(f, f->last, PKT_SIGNER_UNKNOWN);
    assert_non_null(strstr(f->detail, "waited 700 ms"));
}

static void waits_no_longer_than_it_may(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.limits.wait_us = 300000;
    rig_start(f);
    rig_take_one(f, &f->car, f->now, false, 1);
    f->now += 299999;
    pipeline_tick(f->p, f->now);
    assert_int_equal(f->n_said, 0);
    f->now += 1;
    pipeline_tick(f->p, f->now);
    assert_int_equal(f->n_said, 1);
    rig_expect(f, f->last, PKT_SIGNER_UNKNOWN);
    assert_non_null(strstr(f->detail, "waited 300 ms"));
    /* A clock that goes back does not keep anybody waiting for ever. */
    rig_take_one(f, &f->car, f->now, false, 2);
    f->now -= 200000;
    pipeline_tick(f->p, f->now);
    f->now += 300000;
    pipeline_tick(f->p, f->now);
    assert_int_equal(f->n_said, 2);
}

static void stale_when_its_certificate_comes(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.limits.wait_us = 5000000;
    rig_start(f);
    rig_take_one(f, &f->car, f->now, false, 1);
    f->now += 2000001;
    rig_take_one(f, &f->car, f->now, true, 2);
    assert_int_equal(f->n_got, 1);
    assert_int_equal(f->got[0]->frame, 2);
    assert_int_equal(pipeline_counters(f->p)->verdict[PKT_SHED_AGE], 1);
}

static void a_refused_certificate_ends_the_wait(void **state) {
    struct pipe_rig *f = *state;
    f->car.cert.p[f->car.cert.n - 1] ^= 1;
    rig_take_one(f, &f->car, f->now, false, 1);
    rig_take_one(f, &f->car, f->now + 1, true, 2);
    assert_int_equal(f->n_said, 2);
    assert_int_equal(pipeline_counters(f->p)->verdict[PKT_CERT_INVALID], 2);
    rig_take_one(f, &f->stranger, f->now, false, 3);
    rig_take_one(f, &f->stranger, f->now + 1, true, 4);
    assert_int_equal(pipeline_counters(f->p)->verdict[PKT_GOOD_ISSUER_UNKNOWN], 2);
    assert_int_equal(f->n_got, 0);
}

static void the_waiting_room_is_bounded(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.limits.queue_slots = 64;
    f->cfg.limits.wait_slots = 8;
    f->cfg.limits.wait_share = 5;
    rig_start(f);
    for (uint64_t i = 0; i < 6; i++)
        rig_take_one(f, &f->car, f->now + i, false, i + 1);
    assert_int_equal(f->n_said, 1);
    assert_non_null(strstr(f->detail, "this sender"));
    for (uint64_t i = 0; i < 5; i++)
        rig_take_one(f, &f->truck, f->now + i, false, i + 11);
    assert_int_equal(f->n_said, 3);
    assert_non_null(strstr(f->detail, "too many wait"));
    assert_int_equal(pipeline_counters(f->p)->waiting, 8);
    uint8_t id3[4][3];
    assert_int_equal(pipeline_missing(f->p, id3, 4), 2);
    assert_int_equal(pipeline_missing(f->p, id3, 1), 1);
    rig_take_one(f, &f->car, f->now + 50, true, 21);
    assert_int_equal(f->n_got, 6); /* those that found a place, and the one with the certificate */
    f->cfg.limits.wait_octets = 200;
    rig_start(f);
    for (uint64_t i = 0; i < 3; i++)
        rig_take_one(f, &f->car, f->now + i, false, i + 1);
    assert_true(f->n_said >= 1);
    assert_non_null(strstr(f->detail, "too many octets"));
}

struct heard {
    unsigned missing;
    uint8_t id8[8];
};

static void note_missing(void *ctx, const uint8_t id8[static 8], uint64_t its_us) {
    struct heard *h = ctx;
    h->missing++;
    memcpy(h->id8, id8, 8);
    assert_int_equal(its_us, PKI_NOW_US);
}

static void tells_what_it_waits_for(void **state) {
    struct pipe_rig *f = *state;
    struct heard h = {0};
    f->cfg.hooks = (struct pipeline_hooks){.ctx = &h, .missing = note_missing};
    rig_start(f);
    rig_take_one(f, &f->car, f->now, false, 1);
    assert_int_equal(h.missing, 1);
    struct cert c;
    size_t at;
    uint8_t hash[32];
    assert_int_equal(cert_parse(buf_span(&f->car.cert), &c, &at), COER_OK);
    cert_hash256(&c, hash);
    assert_memory_equal(h.id8, hash + 24, 8);
    uint8_t id3[1][3];
    assert_int_equal(pipeline_missing(f->p, id3, 1), 1);
    assert_memory_equal(id3[0], hash + 29, 3);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(waits_and_goes_before_what_brought_the_certificate),
        T(waits_no_longer_than_it_may),
        T(stale_when_its_certificate_comes),
        T(a_refused_certificate_ends_the_wait),
        T(the_waiting_room_is_bounded),
        T(tells_what_it_waits_for),
    };
    return cmocka_run_group_tests_name("pipeline_waiting", tests, NULL, NULL);
}
