/* Vehicles that lie, in the ways that come cheap: many certificates of one issuer, one software family, the same word
 * again, from where nobody was, now and then. None of it becomes a permanent change. Seeded. */
#include "tests/support/cm.h"

#include "mapsvc/fuse/contract_internal.h"
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_voice_among_honest_ones),
        cmocka_unit_test(test_one_voice_alone),
        cmocka_unit_test(test_the_same_word_again),
        cmocka_unit_test(test_without_having_been_there),
        cmocka_unit_test(test_flapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
