/* Whoever was often wrong says less, never the opposite; nobody says more than his class. */
#include "tests/support/cm.h"

#include "mapsvc/fuse/reputation.h"
#include "tests/support/map_rig.h"

enum { SIGNS = 4 };

static void town(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    for (uint32_t i = 0; i < SIGNS; i++) {
        struct element e = rig_sign(i, 50, (int32_t)(200000 * i), -4000, 0);
        mapset_add(&m, &e);
    }
    rig_start(r, &m);
    rig_begin(r, 500); /* the first block notes the epoch */
    rig_end(r);
}

static void say(struct map_rig *r, uint16_t issuer, uint32_t n, int32_t value) {
    struct rig_car car = {.id = (uint32_t)r->messages,
        .issuer = issuer,
        .family = (uint16_t)(r->messages % 4),
        .sensor = SENSOR_CAMERA_GOOD,
        .x = (int32_t)(200000 * n) - 30000};
    rig_begin(r, r->now_ms + 1000);
    struct observation o = rig_look(r, &car);
    rig_saw(r, &o, EL_SIGN, (int32_t)(200000 * n), -4000, 300, value, 0);
    assert_int_equal(rig_send(r, &car, &o), MAP_OK);
    rig_end(r);
}

static void next_epoch(struct map_rig *r) {
    rig_begin(r, (r->now_ms / 3600000 + 1) * 3600000);
    rig_end(r);
}

/* What one report of a change is worth now; it is refuted afterwards, by issuer 9. */
static int64_t worth(struct map_rig *r, uint16_t issuer) {
    struct map_candidate one = {0};
    say(r, issuer, 2, 30);
    assert_int_equal(map_contract_candidates(r->contract.self, &one, 1), 1);
    for (int i = 0; i < 9 && map_contract_candidates(r->contract.self, &one, 1) > 0; i++)
        say(r, 9, 2, 50);
    assert_int_equal(map_contract_candidates(r->contract.self, NULL, 0), 0);
    return one.bits_q16;
}

static int64_t worth_alone(struct map_rig *r, uint16_t issuer) {
    struct map_candidate one = {0};
    say(r, issuer, 3, 30);
    assert_int_equal(map_contract_candidates(r->contract.self, &one, 1), 1);
    return one.bits_q16;
}

/* So many false reports out of so many. */
static void record(struct map_rig *r, uint16_t issuer, unsigned wrong, unsigned right) {
    for (unsigned i = 0; i < wrong; i++)
        (void)worth(r, issuer);
    for (unsigned i = 0; i < right; i++)
        say(r, issuer, 1, 50);
}

static void test_ranks(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_set(&r, MAP_POLICY_WINDOW_MS, 86400000);
    record(&r, 1, 60, 240); /* wrong in 20 % */
    record(&r, 2, 4, 400); /* as often as its class */
    rig_restart(&r);
    assert_int_equal(worth_alone(&r, 1), 365026); /* nothing before the epoch ends */
    for (int i = 0; i < 4; i++)
        say(&r, 9, 3, 50);
    next_epoch(&r);
    rig_restart(&r);
    assert_int_equal(worth_alone(&r, 1), fusion_weigh(950000, 80000).detect);
    for (int i = 0; i < 4; i++)
        say(&r, 9, 3, 50);
    assert_int_equal(worth_alone(&r, 2), 365026);
    for (int i = 0; i < 4; i++)
        say(&r, 9, 3, 50);
    assert_int_equal(worth_alone(&r, 3), 365026); /* no record */
    for (int i = 0; i < 4; i++)
        say(&r, 9, 3, 50);
    record(&r, 1, 600, 0);
    next_epoch(&r);
    int64_t least = worth_alone(&r, 1);
    assert_int_equal(least, fusion_weigh(950000, 320000).detect);
    assert_true(least > 0);
    for (int i = 0; i < 4; i++)
        say(&r, 9, 3, 50);
    /* The policy's bound. */
    rig_set(&r, MAP_POLICY_REPUTATION_MAX_PPM, 30000);
    assert_int_equal(worth_alone(&r, 1), fusion_weigh(950000, 30000).detect);
    for (int i = 0; i < 4; i++)
        say(&r, 9, 3, 50);
    rig_set(&r, MAP_POLICY_REPUTATION_MAX_PPM, 1);
    assert_int_equal(worth_alone(&r, 1), 365026); /* never more than the class */
    assert_int_equal(r.n_versions, 0);
    rig_free(&r);
}

/* A record of good reports makes nobody louder. */
static void test_praise(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    record(&r, 1, 0, 2000);
    next_epoch(&r);
    assert_int_equal(worth_alone(&r, 1), 365026);
    assert_int_equal(fake_exec_count(&r.host, 'q'), 1);
    rig_free(&r);
}

/* Who was right about a change that came is not blamed for having been alone; who denied it is. */
static void test_confirmed(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    for (uint32_t i = 0; i < 40 && r.n_versions == 0; i++)
        say(&r, (uint16_t)(i == 2 ? 7 : i % 3), 1, i == 2 ? 50 : 30);
    rig_begin(&r, r.now_ms + 31000);
    rig_end(&r);
    assert_int_equal(r.n_versions, 1);
    const struct map_contract *c = r.contract.self;
    assert_in_range(c->n_sources, 3, 4);
    size_t wrong = 0;
    for (size_t i = 0; i < c->n_sources; i++) {
        const struct source *s = &c->sources[i];
        assert_true((s->agree == 0) != (s->disagree == 0));
        wrong += s->disagree > 0;
    }
    assert_int_equal(wrong, 1);
    rig_free(&r);
}

/* Who gets into a full table does not depend on the order in the block. */
static void test_full(void **state) {
    (void)state;
    struct map_rig a;
    struct map_rig b;
    town(&a);
    town(&b);
    struct map_rig *both[] = {&a, &b};
    for (uint32_t block = 0; block < 3; block++) {
        for (int k = 0; k < 2; k++) {
            struct map_rig *r = both[k];
            rig_begin(r, r->now_ms + 1000);
            for (uint32_t i = 0; i < 500; i++) {
                uint32_t n = block * 500 + (k == 0 ? i : 499 - i);
                struct rig_car car = {.id = n,
                    .issuer = (uint16_t)n,
                    .family = 1,
                    .sensor = SENSOR_LIDAR,
                    .x = 170000};
                struct observation o = rig_look(r, &car);
                rig_saw(r, &o, EL_SIGN, 200000, -4000, 300, 50, 0);
                assert_int_equal(rig_send(r, &car, &o), MAP_OK);
            }
            rig_end(r);
        }
        uint8_t da[32];
        uint8_t db[32];
        fake_exec_digest(&a.host, da);
        fake_exec_digest(&b.host, db);
        assert_memory_equal(da, db, 32);
    }
    assert_int_equal(fake_exec_count(&a.host, 'q'), SOURCES_MAX);
    rig_restart(&a);
    assert_int_equal(((const struct map_contract *)a.contract.self)->n_sources, SOURCES_MAX);
    rig_free(&a);
    rig_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_praise),
        cmocka_unit_test(test_confirmed),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
