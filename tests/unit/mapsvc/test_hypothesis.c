/* Who spoke for a suspicion and who against it: bounds that nobody can fill first, counts that age, and what a lying or denying
 * share of the vehicles can do. */
#include "tests/support/cm.h"

#include <stdlib.h>

#include "mapsvc/fuse/contract_internal.h"
#include "tests/support/map_rig.h"

static struct fusion_weight weights[SENSOR_RANKS];

static struct hypothesis *fresh(struct subject *s) {
    *s = (struct subject){.kind = EL_SIGN};
    for (size_t i = 0; i < SENSOR_RANKS; i++)
        weights[i] = fusion_weigh(950000, 20000);
    return subject_add(s, HYP_VALUE, true, 30);
}

static void done(struct subject *s) {
    while (s->n_hyps > 0)
        subject_drop(s, 0);
    free(s->hyps);
}

static struct hyp_look look_of(uint8_t issuer, enum sensor_class class, uint8_t *key) {
    static const uint8_t leaf[32];
    memset(key, issuer, SOURCE_KEY - 1);
    key[SOURCE_KEY - 1] = (uint8_t) class;
    return (struct hyp_look){.rank = (uint8_t) class,
        .source = key,
        .family = 1,
        .issuer = key,
        .leaf = leaf,
        .height = 1,
        .window = 1};
}

static void say(struct hypothesis *y, uint8_t issuer, enum sensor_class class, bool in_favour) {
    uint8_t key[SOURCE_KEY];
    struct hyp_look l = look_of(issuer, class, key);
    hyp_count(y, &l, in_favour, 0, 0, weights);
}

static const struct hyp_issuer *issuer(const struct hypothesis *y, uint8_t id) {
    for (size_t i = 0; i < y->n_issuers; i++)
        if (y->issuers[i].id[0] == id)
            return &y->issuers[i];
    return NULL;
}

/* Sixteen issuers against it come first; those in favour are heard all the same, and nothing that was said against it is lost. */
static void test_issuers(void **state) {
    (void)state;
    struct subject s;
    struct hypothesis *y = fresh(&s);
    const int64_t up = weights[0].detect;
    const int64_t down = weights[0].miss;
    for (uint8_t i = 0; i < ISSUERS_MAX; i++)
        say(y, i, SENSOR_CAMERA_GOOD, false);
    assert_int_equal(y->n_issuers, ISSUERS_MAX);
    assert_int_equal(hyp_summarise(y).issuers, 0);
    assert_int_equal(hyp_summarise(y).without_issuer, ISSUERS_MAX * down);
    for (uint8_t i = 100; i < 100 + ISSUERS_MAX; i++)
        say(y, i, SENSOR_CAMERA_GOOD, true);
    assert_int_equal(hyp_summarise(y).issuers, ISSUERS_MAX);
    assert_int_equal(hyp_summarise(y).without_issuer, ISSUERS_MAX * down + (ISSUERS_MAX - 1) * up);
    assert_int_equal(y->other_issuers, ISSUERS_MAX * down);
    /* One more against it takes nobody's place, and one more in favour only that of a weaker one. */
    say(y, 50, SENSOR_CAMERA_GOOD, false);
    assert_null(issuer(y, 50));
    assert_int_equal(y->other_issuers, (ISSUERS_MAX + 1) * down);
    say(y, 51, SENSOR_CAMERA_GOOD, true);
    assert_null(issuer(y, 51));
    say(y, 103, SENSOR_CAMERA_GOOD, false);
    say(y, 51, SENSOR_CAMERA_GOOD, true);
    assert_non_null(issuer(y, 51));
    assert_null(issuer(y, 103));
    /* A silence that was none is taken back, wherever it was counted. */
    uint8_t key[SOURCE_KEY];
    struct hyp_look l = look_of(50, SENSOR_CAMERA_GOOD, key);
    int64_t before = y->other_issuers;
    hyp_uncount_miss(y, &l, 0, weights);
    assert_int_equal(y->other_issuers, before - down);
    done(&s);
}

/* The one that said least gives way; what all said together is not lost with it. */
static void test_sources(void **state) {
    (void)state;
    struct subject s;
    struct hypothesis *y = fresh(&s);
    for (uint8_t i = 0; i < HYP_SOURCES_MAX; i++)
        for (int k = 0; k < (i == 7 ? 1 : 2); k++)
            say(y, i, SENSOR_LIDAR, k == 0);
    say(y, 200, SENSOR_LIDAR, true);
    assert_int_equal(y->n_sources, HYP_SOURCES_MAX);
    bool here[256] = {false};
    for (size_t i = 0; i < y->n_sources; i++)
        here[y->sources[i].key[0]] = true;
    assert_true(here[200]);
    assert_false(here[7]);
    say(y, 201, SENSOR_LIDAR, true); /* and 200 is the weakest now */
    for (size_t i = 0; i < y->n_sources; i++)
        assert_int_not_equal(y->sources[i].key[0], 200);
    assert_int_equal(hyp_looks(y->heard[SENSOR_LIDAR].in_favour), HYP_SOURCES_MAX + 2);
    assert_int_equal(hyp_looks(y->heard[SENSOR_LIDAR].against), HYP_SOURCES_MAX - 1);
    done(&s);
}

static void test_ageing(void **state) {
    (void)state;
    struct subject s;
    struct hypothesis *y = fresh(&s);
    for (uint8_t i = 0; i < 40; i++)
        say(y, i % 4, SENSOR_CAMERA_GOOD, i % 4 != 0);
    struct map_params p = {.v = {[MAP_POLICY_HALF_LIFE_SIGN] = 60}};
    (void)subject_age(&s, 1, UINT64_C(3600) * 1000000, &p);
    assert_int_equal(hyp_looks(y->heard[SENSOR_CAMERA_GOOD].in_favour), 15);
    assert_int_equal(hyp_looks(y->heard[SENSOR_CAMERA_GOOD].against), 5);
    for (size_t i = 0; i < y->n_sources; i++)
        assert_int_equal(
            hyp_looks(y->sources[i].said.in_favour) + hyp_looks(y->sources[i].said.against), 5);
    (void)subject_age(&s, 1, UINT64_C(40) * 3600 * 1000000, &p);
    assert_int_equal(y->heard[SENSOR_CAMERA_GOOD].in_favour, 0);
    done(&s);
}

/* A share of the vehicles that any length of time would be too short to count keeps its ratio. */
static void test_very_many(void **state) {
    (void)state;
    struct subject s;
    struct hypothesis *y = fresh(&s);
    for (unsigned i = 0; i < 400000; i++) {
        uint8_t key[SOURCE_KEY];
        struct hyp_look l = look_of(1, SENSOR_CAMERA_GOOD, key);
        hyp_count(y, &l, i % 4 != 0, 0, 0, weights);
    }
    uint64_t in_favour = y->heard[SENSOR_CAMERA_GOOD].in_favour;
    uint64_t against = y->heard[SENSOR_CAMERA_GOOD].against;
    assert_in_range(in_favour * 100 / against, 297, 303);
    done(&s);
}

/* What is claimed for the two ways a change is told: on counts alone. */
static void test_over_liars(void **state) {
    (void)state;
    struct subject s;
    struct hypothesis *y = fresh(&s);
    struct fusion_weight w[LIE_ARMS][SENSOR_CLASS_COUNT] = {{{0}}};
    w[LIE_UNCONTRADICTED][SENSOR_CAMERA_GOOD] = fusion_weigh(950000, 333333);
    w[LIE_CONTRADICTED][SENSOR_CAMERA_GOOD] = fusion_weigh(633333, 333333);
    struct hyp_tally *t = &y->heard[SENSOR_CAMERA_GOOD];
    const uint32_t one = 65536;
    /* Nobody denies it: 1.51 bits a pass. */
    *t = (struct hyp_tally){7 * one, 0};
    assert_in_range(hyp_over_liars(y, w), 10 * BIT_Q16, 11 * BIT_Q16);
    /* A third denies it: for ever too little the one way, 0.33 bits a pass the other. */
    *t = (struct hyp_tally){20 * one, 10 * one};
    assert_in_range(hyp_over_liars(y, w), 5 * BIT_Q16, 6 * BIT_Q16);
    *t = (struct hyp_tally){40 * one, 20 * one};
    assert_true(hyp_over_liars(y, w) > 14 * BIT_Q16);
    /* A third tells it: a lie, however often. */
    *t = (struct hyp_tally){10000 * one, 20000 * one};
    assert_true(hyp_over_liars(y, w) < -1000 * BIT_Q16);
    *t = (struct hyp_tally){UINT32_MAX, UINT32_MAX};
    (void)hyp_over_liars(y, w);
    done(&s);
}

/* ---- the contract ---- */

/* A sign shows 30 now. One in so many vehicles says that it is 50 still; passes until it is published, 0: never. */
static unsigned denied(uint32_t ppm, unsigned most, uint64_t seed) {
    struct map_rig r;
    struct mapset m = {.ns = "rig"};
    struct element e = rig_sign(1, 50, 100000, -4000, 0);
    mapset_add(&m, &e);
    rig_start(&r, &m);
    rig_set(&r, MAP_POLICY_VERSION_AGE_MS, 0);
    struct ws_random rnd = ws_random_seeded(seed);
    unsigned n = 0;
    for (; n < most && r.n_versions == 0; n++) {
        rig_begin(&r, r.now_ms + 60000);
        struct rig_car car = {.id = n,
            .issuer = (uint16_t)ws_random_below(&rnd, 3),
            .family = (uint16_t)(1 + ws_random_below(&rnd, 4)),
            .sensor = SENSOR_CAMERA_GOOD,
            .x = 60000 + (int32_t)(n % 4) * 5000};
        struct observation o = rig_look(&r, &car);
        bool denies = ws_random_below(&rnd, 1000000) < ppm;
        rig_saw(&r, &o, EL_SIGN, 100000, -4000, 300, denies ? 50 : 30, 0);
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        rig_end(&r);
        /* What is known after a restart is the same. */
        if (n == 5)
            rig_restart(&r);
    }
    if (r.n_versions > 0)
        assert_int_equal(r.versions[0].changes[0].after.value, 30);
    n = r.n_versions > 0 ? n : 0;
    rig_free(&r);
    return n;
}

/* A third of the vehicles cannot keep a change from the map, only hold it up. */
static void test_a_third_denies(void **state) {
    (void)state;
    unsigned late = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        assert_in_range(denied(0, 400, seed), 5, 15);
        unsigned n = denied(333333, 400, seed);
        assert_int_not_equal(n, 0);
        late += n;
    }
    assert_in_range(late / 20, 12, 120);
}

/* Nor does a quarter that tells it make a change of nothing: the others deny it. (What comes of a third: bench_map_lies.) */
static void test_a_quarter_tells(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++)
        assert_int_equal(denied(750000, 500, seed), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issuers),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_ageing),
        cmocka_unit_test(test_very_many),
        cmocka_unit_test(test_over_liars),
        cmocka_unit_test(test_a_third_denies),
        cmocka_unit_test(test_a_quarter_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
