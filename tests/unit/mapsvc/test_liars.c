/* Vehicles that lie, in the ways that come cheap: many certificates of one issuer, one software family, the same word
 * again, from where nobody was, now and then. None of it becomes a permanent change. Seeded. */
#include "tests/support/cm.h"

#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/fuse/suspicion.h"
#include "tests/support/map_rig.h"

enum { SIGNS = 4, PITCH = 200000, HONEST = 50, LIE = 30 };

static void road(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    for (uint32_t i = 0; i < SIGNS; i++) {
        struct element e = rig_sign(i, HONEST, PITCH * (int32_t)i, -4000, 0);
        mapset_add(&m, &e);
    }
    rig_start(r, &m);
    rig_set(r, MAP_POLICY_VERSION_AGE_MS, 0);
}

static exec_code tell(struct map_rig *r, const struct rig_car *car, uint32_t sign, int32_t value) {
    struct rig_car at = *car;
    at.x = PITCH * (int32_t)sign - 40000 + (int32_t)(car->id % 4) * 5000;
    struct observation o = rig_look(r, &at);
    rig_saw(r, &o, EL_SIGN, PITCH * (int32_t)sign, -4000, 300, value, 0);
    return rig_send(r, &at, &o);
}

static struct rig_car car_of(uint32_t id, uint16_t issuer, uint16_t family) {
    return (struct rig_car){
        .id = id, .issuer = issuer, .family = family, .sensor = SENSOR_CAMERA_GOOD};
}

/* So many passes in blocks of ten, a block in 20 s; who(i) lies. Honest vehicles misread one in fifty, and then as the liars
 * would have it. */
typedef bool (*liar_fn)(const struct rig_car *car, uint64_t now_ms);

static size_t changes_after(unsigned passes, liar_fn lies, uint64_t seed) {
    struct map_rig r;
    road(&r);
    struct ws_random rnd = ws_random_seeded(seed);
    uint32_t id = 0;
    for (unsigned n = 0; n < passes;) {
        rig_begin(&r, r.now_ms + 20000);
        for (unsigned k = 0; k < 10; k++, n++) {
            struct rig_car car = car_of(
                id++, (uint16_t)ws_random_below(&rnd, 3), (uint16_t)(1 + ws_random_below(&rnd, 4)));
            bool wrong = lies(&car, r.now_ms) || ws_random_below(&rnd, 50) == 0;
            (void)tell(&r, &car, (uint32_t)ws_random_below(&rnd, SIGNS), wrong ? LIE : HONEST);
        }
        rig_end(&r);
    }
    size_t versions = r.n_versions;
    rig_free(&r);
    return versions;
}

static bool of_one_issuer(const struct rig_car *car, uint64_t now_ms) {
    (void)now_ms;
    return car->issuer == 0;
}

static bool of_one_family(const struct rig_car *car, uint64_t now_ms) {
    (void)now_ms;
    return car->family == 1;
}

/* Honest for an hour, so that their record is good, then not. */
static bool now_and_then(const struct rig_car *car, uint64_t now_ms) {
    return car->issuer == 0 && now_ms / 3600000 % 2 == 1;
}

static void test_one_voice_among_honest_ones(void **state) {
    (void)state;
    static const liar_fn who[] = {of_one_issuer, of_one_family, now_and_then};
    for (size_t i = 0; i < ARRAY_LEN(who); i++)
        assert_int_equal(changes_after(20000, who[i], 40 + i), 0);
}

/* On a road where nobody honest drives: however many they are, it takes others. */
static void test_one_voice_alone(void **state) {
    (void)state;
    for (int by_issuer = 0; by_issuer < 2; by_issuer++) {
        struct map_rig r;
        road(&r);
        for (uint32_t i = 0; i < 600; i++) {
            rig_begin(&r, r.now_ms + 20000);
            struct rig_car car = by_issuer != 0 ? car_of(i, 0, (uint16_t)(1 + i % 4))
                                                : car_of(i, (uint16_t)(i % 3), 1);
            assert_int_equal(tell(&r, &car, 1, LIE), MAP_OK);
            rig_end(&r);
        }
        assert_int_equal(r.n_versions, 0);
        /* One honest mistake is no second voice. */
        rig_begin(&r, r.now_ms + 20000);
        struct rig_car other = car_of(1000, 1, 2);
        assert_int_equal(tell(&r, &other, 1, LIE), MAP_OK);
        rig_end(&r);
        rig_begin(&r, r.now_ms + 20000);
        rig_end(&r);
        assert_int_equal(r.n_versions, 0);
        rig_free(&r);
    }
}

/* Two vehicles of every issuer and family say it over and over. */
static void test_the_same_word_again(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    rig_set(&r, MAP_POLICY_MIN_VEHICLES, 5);
    for (unsigned block = 0; block < 100; block++) {
        rig_begin(&r, r.now_ms + 20000);
        for (uint32_t i = 0; i < 4; i++) {
            struct rig_car car = car_of(i, (uint16_t)(i % 3), (uint16_t)(1 + i));
            exec_code rc = tell(&r, &car, 1, LIE);
            assert_true(rc == MAP_OK || (block > 0 && rc == MAP_NOTHING_NEW));
        }
        rig_end(&r);
    }
    assert_int_equal(r.n_versions, 0);
    rig_free(&r);
}

/* Reports of a sign that is out of sight of where the message was signed, or of where the observer says it is. */
static void test_without_having_been_there(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    for (uint32_t i = 0; i < 60; i++) {
        rig_begin(&r, r.now_ms + 20000);
        struct rig_car car = car_of(i, (uint16_t)(i % 3), (uint16_t)(1 + i % 4));
        car.x = PITCH * 3 - 40000;
        struct observation o = rig_look(&r, &car);
        rig_saw(&r, &o, EL_SIGN, PITCH, -4000, 300, LIE, 0);
        assert_int_equal(rig_send(&r, &car, &o), MAP_IMPOSSIBLE_PLACE);
        o = rig_look(&r, &car);
        const struct element *far = &r.base.elements[0];
        rig_missed(&o, far);
        if (far->points[0].x != PITCH * 3)
            (void)rig_send(&r, &car, &o); /* said, and no evidence: it was not in the region */
        rig_end(&r);
    }
    assert_int_equal(r.n_versions, 0);
    struct map_candidate list[2];
    assert_int_equal(map_contract_candidates(r.contract.self, list, 2), 0);
    rig_free(&r);
}

/* A plate that is changed back and forth is followed, and nothing is left behind. */
static void test_flapping(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    int32_t shown = HONEST;
    uint32_t id = 0;
    for (unsigned turn = 1; turn <= 6; turn++) {
        shown = shown == HONEST ? LIE : HONEST;
        unsigned n = 0;
        for (; r.n_versions < turn && n < 40; n++) {
            rig_begin(&r, r.now_ms + 60000);
            struct rig_car car = car_of(id, (uint16_t)(id % 3), (uint16_t)(1 + id % 4));
            id++;
            assert_int_equal(tell(&r, &car, 1, shown), MAP_OK);
            rig_end(&r);
        }
        assert_int_equal(r.n_versions, turn);
        assert_int_equal(r.versions[turn - 1].changes[0].after.value, shown);
        assert_in_range(n, 4, 12);
    }
    assert_int_equal(fake_exec_count(&r.host, 'h'), 0);
    rig_free(&r);
}

/* ---- one model, asked by several units (decision 52) ---- */

enum { DANGEROUS = 99, ROADWORKS = 3, PLACE = 40000 };

/* A mast of another maker and authority for each number, which looks another way. */
static struct rig_car mast(uint32_t id) {
    return (struct rig_car){.id = 5000 + id,
        .issuer = (uint16_t)(id % 4),
        .family = (uint16_t)(70 + id),
        .sensor = SENSOR_ROADSIDE,
        .x = PLACE - 30000,
        .heading = (uint16_t)(id * 9000)};
}

static exec_code warn(struct map_rig *r, struct rig_car who, int32_t cause, bool judged) {
    struct observation o = rig_look(r, &who);
    o.judged = judged;
    o.occluded = judged;
    rig_saw(r, &o, EL_HAZARD, PLACE, 0, 2000, cause, 0);
    return rig_send(r, &who, &o);
}

static exec_code warn_in_block(struct map_rig *r, struct rig_car who, int32_t cause, bool judged) {
    rig_begin(r, r->now_ms + 20000);
    exec_code rc = warn(r, who, cause, judged);
    rig_end(r);
    return rc;
}

static void test_one_model_through_many_units(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    rig_set(&r, MAP_POLICY_ADVISORY_BITS, 7); /* less than one look of a mast is worth */
    for (unsigned window = 0; window < 4; window++)
        for (uint32_t i = 0; i < 30; i++) {
            rig_begin(&r, r.now_ms + 120000);
            exec_code rc = warn(&r, mast(i % 10), DANGEROUS, true);
            assert_true(rc == MAP_OK || rc == MAP_NOTHING_NEW);
            rc = warn(&r, mast((i + 3) % 10), DANGEROUS, true);
            assert_true(rc == MAP_OK || rc == MAP_NOTHING_NEW);
            rig_end(&r);
        }
    assert_int_equal(r.advisories, 0);
    assert_int_equal(r.n_versions, 0);
    rig_restart(&r);
    /* Somebody who sees it for himself is the second voice. */
    struct rig_car car = car_of(1, 0, 1);
    car.x = PLACE - 30000;
    assert_int_equal(warn_in_block(&r, car, DANGEROUS, false), MAP_OK);
    assert_int_equal(r.advisories, 1);
    rig_free(&r);
}

/* One look from each of two masts, as sensors: that was how a model decided alone. As the model's word it is one voice, in the bits
 * as in the numbers. */
static void test_a_judgement_is_no_sighting(void **state) {
    (void)state;
    for (int judged = 0; judged < 2; judged++) {
        struct map_rig r;
        road(&r);
        struct map_suspicion s[2];
        size_t n = 0;
        assert_int_equal(warn_in_block(&r, mast(0), DANGEROUS, judged != 0), MAP_OK);
        assert_int_equal(map_contract_suspicions(r.contract.self, s, 2, &n), 1);
        const int64_t alone = s[0].bits_q16;
        rig_begin(&r, r.now_ms + 20000);
        assert_int_equal(
            warn(&r, mast(1), DANGEROUS, judged != 0), judged != 0 ? MAP_NOTHING_NEW : MAP_OK);
        rig_end(&r);
        assert_int_equal(map_contract_suspicions(r.contract.self, s, 2, &n), 1);
        assert_int_equal(s[0].groups, judged != 0 ? 1 : 2);
        assert_int_equal(s[0].issuers, judged != 0 ? 1 : 2);
        assert_int_equal(s[0].vehicles, judged != 0 ? 1 : 2);
        assert_true(judged != 0 ? s[0].bits_q16 <= alone : s[0].bits_q16 > alone);
        assert_int_equal(r.advisories, judged != 0 ? 0 : 1);
        rig_free(&r);
    }
}

/* In one block, in either order, and over the border of a bucket and of a window. */
static void test_a_judgement_in_any_order(void **state) {
    (void)state;
    int64_t bits[2];
    for (uint32_t order = 0; order < 2; order++) {
        struct map_rig r;
        road(&r);
        rig_set(&r, MAP_POLICY_WINDOW_MS, 600000);
        rig_set(&r, MAP_POLICY_HALF_LIFE_HAZARD, 120);
        for (unsigned k = 0; k < 5; k++) {
            rig_begin(&r, r.now_ms + 540000);
            (void)warn(&r, mast(order), DANGEROUS, true);
            (void)warn(&r, mast(1 - order), DANGEROUS, true);
            rig_end(&r);
        }
        struct map_suspicion s[2];
        size_t n = 0;
        assert_int_equal(map_contract_suspicions(r.contract.self, s, 2, &n), 1);
        bits[order] = s[0].bits_q16;
        assert_int_equal(s[0].groups, 1);
        assert_int_equal(r.advisories, 0);
        rig_free(&r);
    }
    assert_int_equal(bits[0], bits[1]);
}

/* It denies nothing: roadworks at the place stay as well known as they were. Nor may anybody but a unit speak for the model. */
static void test_a_judgement_denies_nothing(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    struct rig_car car = car_of(1, 0, 1);
    struct map_suspicion s[2];
    size_t n = 0;
    car.x = PLACE - 30000;
    assert_int_equal(warn_in_block(&r, car, DANGEROUS, true), MAP_BAD_PAYLOAD);
    assert_int_equal(warn_in_block(&r, car, ROADWORKS, false), MAP_OK);
    assert_int_equal(map_contract_suspicions(r.contract.self, s, 2, &n), 1);
    const int64_t before = s[0].bits_q16;
    assert_int_equal(warn_in_block(&r, mast(0), DANGEROUS, true), MAP_OK);
    struct map_suspicion now;
    assert_true(map_contract_suspicion(r.contract.self, s[0].subject, &now));
    assert_true(now.bits_q16 >= before);
    rig_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_voice_among_honest_ones),
        cmocka_unit_test(test_one_voice_alone),
        cmocka_unit_test(test_the_same_word_again),
        cmocka_unit_test(test_without_having_been_there),
        cmocka_unit_test(test_flapping),
        cmocka_unit_test(test_one_model_through_many_units),
        cmocka_unit_test(test_a_judgement_is_no_sighting),
        cmocka_unit_test(test_a_judgement_in_any_order),
        cmocka_unit_test(test_a_judgement_denies_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
