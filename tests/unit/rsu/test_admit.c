/* Admission's judgement of our own observations: by the place and time in them, beside what the same car said in CAM. */
#include "tests/support/cm.h"

#include "mapsvc/fuse/observation.h"
#include "rsu/cell/admit.h"
#include "tests/support/pki.h"
#include "v2x/facility.h"
#include "v2x/psid.h"

#include <stdlib.h>

struct fixture {
    struct pki pki;
    struct station car;
    struct plausibility_tracks *t;
    struct pkt_message m;
};

static int setup(void **state) {
    struct fixture *f = ws_alloc(sizeof(*f));
    struct plausibility_config cfg = {
        .tracks = 8, .has_place = true, .lat = 480000000, .lon = 110000000, .reach_m = 1000};
    pki_init(&f->pki, 1);
    pki_vehicle(&f->pki, &f->car);
    f->t = plausibility_new(&cfg);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    plausibility_free(f->t);
    station_free(&f->car);
    pki_free(&f->pki);
    free(f);
    return 0;
}

static uint16_t judge(struct fixture *f, uint64_t psid, struct span content, uint64_t time_us) {
    struct buf b = {0};
    struct spdu_request rq = {
        .psid = psid, .generation_time = time_us, .payload = content, .with_certificate = true};
    spdu_put_signed(&b, &rq, f->car.key, buf_span(&f->car.cert));
    f->m = (struct pkt_message){.psid = psid, .generation_time = time_us, .carrier = CARRIER_WSMP};
    memcpy(f->m.octets, b.p, b.n);
    f->m.spdu = span_of(f->m.octets, b.n);
    admit_judge(f->t, &f->m, NULL);
    buf_free(&b);
    return f->m.plausibility.flags;
}

static uint16_t observes(struct fixture *f, int32_t lat, uint64_t seen_us, uint64_t time_us) {
    struct observation o = {.map_version = 1,
        .time = seen_us,
        .lat = lat,
        .lon = 110000000,
        .range_mm = 30000,
        .half_angle = 8192};
    struct buf b = {0};
    observation_put(&b, &o);
    uint16_t flags = judge(f, PSID_MAP_OBSERVATION, buf_span(&b), time_us);
    buf_free(&b);
    return flags;
}

static uint16_t drives(struct fixture *f, int32_t lat, uint64_t time_us) {
    struct cam_fields c = {.station_id = 5,
        .generation_delta_ms = (uint16_t)(time_us / 1000),
        .station_type = 5,
        .lat = lat,
        .lon = 110000000,
        .heading = 0,
        .speed = 1500};
    struct buf b = {0};
    cam_put(&b, &c);
    uint16_t flags = judge(f, PSID_CAM, buf_span(&b), time_us);
    buf_free(&b);
    return flags;
}

static void an_observation_is_where_its_car_was(void **state) {
    struct fixture *f = *state;
    uint64_t now = PKI_NOW_US;
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(drives(f, 480000000 + (int32_t)i * 135, now + i * 100000U), 0);
    now += 1900000;
    assert_int_equal(observes(f, 480002600, now, now + 1000), 0);
    /* Seen two seconds ago, said now. */
    assert_int_equal(observes(f, 480000000, now - 1900000, now + 2000), 0);
    /* Three kilometres away at the same time; what waited for coverage may be from beyond the antenna's reach. */
    assert_int_equal(observes(f, 480300000, now, now + 3000),
        1U << IMPLAUSIBLE_JUMP | 1U << IMPLAUSIBLE_TWO_PLACES);
    /* It changes nothing about where the car is. */
    assert_int_equal(drives(f, 480002700, now + 100000), 0);
    struct plausibility_counters n = plausibility_counters(f->t);
    assert_int_equal(n.judged - n.clean, 1);
}

/* Nothing is known of what cannot be read, nor of notices, nor of other applications. */
static void other_content_is_unjudged(void **state) {
    struct fixture *f = *state;
    assert_int_equal(judge(f, PSID_MAP_OBSERVATION, span_of("\x02notice", 7), PKI_NOW_US), 0);
    assert_int_equal(f->m.plausibility.judged, 0);
    assert_int_equal(judge(f, PSID_MAP_OBSERVATION, span_of("\x01rubbish", 8), PKI_NOW_US), 0);
    assert_int_equal(f->m.plausibility.judged, 0);
    assert_int_equal(judge(f, PSID_SPAT_MAP_US, span_of("x", 1), PKI_NOW_US), 0);
    assert_int_equal(f->m.plausibility.judged, 0);
    assert_int_equal(plausibility_counters(f->t).unjudged, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_observation_is_where_its_car_was, setup, teardown),
        cmocka_unit_test_setup_teardown(other_content_is_unjudged, setup, teardown),
    };
    return cmocka_run_group_tests_name("admit", tests, NULL, NULL);
}
