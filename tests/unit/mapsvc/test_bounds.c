/* What a block may cost, and what one vehicle may take away from the others, however much it says. Bounded numbers and results,
 * not times; and what changed on the road is found all the same. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "mapsvc/contract_internal.h"
#include "tests/support/map_rig.h"

enum { PITCH = 12000, SIDE = 256, ROW = 64, SIGN_X = 1000000, SIGN_Y = -60000 };

static struct map_contract *inside(const struct map_rig *r) {
    return r->contract.self;
}

static uint64_t dropped(const struct map_rig *r, enum map_drop d) {
    struct map_fill f;
    map_contract_fill(r->contract.self, &f);
    return f.dropped[d];
}

static uint64_t suspicions(const struct map_rig *r) {
    struct map_fill f;
    map_contract_fill(r->contract.self, &f);
    assert_int_equal(f.max[MAP_TABLE_SUSPICIONS], SUBJECTS_MAX);
    assert_int_equal(f.n[MAP_TABLE_SUSPICIONS], fake_exec_count(&r->host, 'h'));
    return f.n[MAP_TABLE_SUSPICIONS];
}

/* A road with one sign, which shows 50 on the map. */
static void road(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    struct element e = rig_sign(1, 50, SIGN_X, SIGN_Y, 0);
    mapset_add(&m, &e);
    rig_start(r, &m);
    rig_set(r, MAP_POLICY_VERSION_AGE_MS, 0);
}

static struct rig_car car_of(uint32_t id) {
    return (struct rig_car){.id = id,
        .issuer = (uint16_t)(id % 3),
        .family = (uint16_t)(1 + id % 4),
        .sensor = SENSOR_CAMERA_GOOD};
}

/* One message of 64 stop lines, none of which is there: piece `at` of a field of 256 x 256. */
static exec_code fill(struct map_rig *r, uint32_t id, uint32_t at) {
    struct rig_car car = car_of(id);
    uint32_t first = at * ROW % SIDE;
    uint32_t row = at * ROW / SIDE;
    car.x = (int32_t)(first + ROW / 2) * PITCH;
    car.y = (int32_t)row * PITCH;
    struct observation o = rig_look(r, &car);
    o.range_mm = 500000;
    o.half_angle = 10;
    for (uint32_t i = 0; i < ROW; i++)
        rig_saw(r, &o, EL_STOP_LINE, (int32_t)(first + i) * PITCH, car.y, 300, 0, 0);
    return rig_send(r, &car, &o);
}

/* Fills the table of suspicions, with a vehicle of its own for each 64. */
static void fill_table(struct map_rig *r) {
    const uint32_t all = SIDE * SIDE / ROW;
    for (uint32_t at = 0; at < all;) {
        rig_begin(r, r->now_ms + 1000);
        for (uint32_t i = 0; i < 64; i++, at++)
            assert_int_equal(fill(r, 100000 + at, at), MAP_OK);
        rig_end(r);
    }
    assert_int_equal(suspicions(r), SUBJECTS_MAX);
}

/* A look all round that claims a kilometre and tells of nothing. */
static exec_code look_round(struct map_rig *r, uint32_t id, int32_t x, int32_t y) {
    struct rig_car car = car_of(id);
    car.x = x;
    car.y = y;
    struct observation o = rig_look(r, &car);
    o.range_mm = 1000000;
    o.half_angle = 32768;
    o.time -= id; /* each message says something of its own */
    return rig_send(r, &car, &o);
}

/* Silences of the looks sent so far. Heard twice, they count once. */
static size_t silences(struct map_rig *r) {
    struct map_contract *c = inside(r);
    size_t told = c->n_votes;
    silence_hear(c, &r->host);
    size_t n = c->n_votes - told;
    for (size_t i = told; i < c->n_votes; i++) {
        assert_int_equal(c->votes[i].says, SAYS_NOTHING);
        const struct look *l = &c->looks[c->votes[i].look];
        const struct subject *p = c->places[c->votes[i].ref - PLACE_BASE];
        uint64_t far = (uint64_t)c->params.v[MAP_POLICY_SILENCE_CAMERA_GOOD] * 1000;
        assert_true(distance2(l->x, l->y, p->spot.place.x, p->spot.place.y) <= far * far);
    }
    c->n_votes = told;
    return n;
}

static void pass_the_sign(struct map_rig *r, uint32_t id, int32_t value) {
    struct rig_car car = car_of(id);
    car.x = SIGN_X - 40000 + (int32_t)(id % 4) * 5000;
    car.y = SIGN_Y + 4000;
    struct observation o = rig_look(r, &car);
    rig_saw(r, &o, EL_SIGN, SIGN_X, SIGN_Y, 300, value, 0);
    assert_int_equal(rig_send(r, &car, &o), MAP_OK);
}

static void test_silence_is_bounded(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    fill_table(&r);
    const int32_t middle = SIDE / 2 * PITCH;

    /* One look: 64 of the hundreds around it. */
    rig_begin(&r, r.now_ms + 1000);
    assert_int_equal(look_round(&r, 1, middle, middle), MAP_OK);
    assert_int_equal(silences(&r), SILENCES_PER_LOOK);
    assert_true(dropped(&r, MAP_DROP_SILENCE_LOOK) > 0);
    rig_end(&r);

    /* One vehicle that looks from everywhere. */
    rig_begin(&r, r.now_ms + 1000);
    for (int32_t i = 0; i < 2000; i++)
        assert_int_equal(look_round(&r, 2, (i % 50) * 5 * PITCH + i, i / 50 * 5 * PITCH), MAP_OK);
    assert_int_equal(silences(&r), SILENCES_PER_VEHICLE);
    assert_true(dropped(&r, MAP_DROP_SILENCE_VEHICLE) > 0);
    rig_end(&r);

    /* A block full of vehicles; and what really changed is found while they do it. */
    assert_int_equal(dropped(&r, MAP_DROP_SILENCE_BLOCK), 0);
    for (uint32_t block = 0; block < 8; block++) {
        rig_begin(&r, r.now_ms + 30000);
        for (int32_t i = 0; i < 1500; i++)
            assert_int_equal(look_round(&r, 1000 + (uint32_t)i, (i % 40) * 6 * PITCH,
                                 i / 40 * 6 * PITCH + (int32_t)block),
                MAP_OK);
        pass_the_sign(&r, 10 + block, 30);
        size_t n = silences(&r);
        assert_true(block == 0 ? n == SILENCES_PER_BLOCK : n <= SILENCES_PER_BLOCK);
        rig_end(&r);
    }
    assert_true(dropped(&r, MAP_DROP_SILENCE_BLOCK) > 0);
    assert_int_equal(r.n_versions, 1);
    assert_int_equal(r.versions[0].changes[0].after.value, 30);
    rig_free(&r);
}

/* Of what is left out nothing has more evidence than what counts. */
static void test_the_strongest_come_first(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    /* 100 places around one spot, 10 of them seen by more than one vehicle. */
    for (uint32_t id = 0; id < 3; id++) {
        rig_begin(&r, r.now_ms + 1000);
        for (int32_t half = 0; half < 2; half++) {
            struct rig_car car = car_of(id);
            struct observation o = rig_look(&r, &car);
            o.occluded = true; /* of the others they say nothing */
            for (int32_t i = half * 50; i < half * 50 + 50; i++)
                if (id == 0 || i % 10 == 0)
                    rig_saw(&r, &o, EL_STOP_LINE, (i % 10) * 5000, (i / 10 - 5) * 5000, 300, 0, 0);
            assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        }
        rig_end(&r);
    }
    assert_int_equal(suspicions(&r), 100);
    rig_begin(&r, r.now_ms + 1000);
    assert_int_equal(look_round(&r, 50, 25000, 0), MAP_OK);
    struct map_contract *c = inside(&r);
    silence_hear(c, &r.host);
    assert_int_equal(c->n_votes, SILENCES_PER_LOOK);
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < c->n_votes; i++) {
        int64_t e = subject_evidence(c->places[c->votes[i].ref - PLACE_BASE]);
        least = e < least ? e : least;
    }
    for (size_t i = 0; i < c->n_places; i++) {
        bool heard = false;
        for (size_t k = 0; k < c->n_votes; k++)
            heard = heard || c->votes[k].ref == PLACE_BASE + i;
        const struct fusion_point *at = &c->places[i]->spot.place;
        assert_true(heard || subject_evidence(c->places[i]) <= least ||
                    !look_covers(&c->looks[0], at->x, at->y, 80));
    }
    c->n_votes = 0;
    rig_end(&r);
    rig_free(&r);
}

/* A vehicle that sends ten looks in a block is silent once. */
static void test_once_in_a_block(void **state) {
    (void)state;
    struct map_rig r[2];
    for (size_t k = 0; k < 2; k++) {
        road(&r[k]);
        rig_begin(&r[k], 1000);
        assert_int_equal(fill(&r[k], 1, 0), MAP_OK);
        rig_end(&r[k]);
        rig_begin(&r[k], 2000);
        for (int32_t i = 0; i < (k == 0 ? 1 : 10); i++)
            assert_int_equal(look_round(&r[k], 2, 10 * PITCH + i, 0), MAP_OK);
        assert_true(silences(&r[k]) > 5);
        assert_true(silences(&r[k]) <= SILENCES_PER_LOOK);
        rig_end(&r[k]);
    }
    struct map_candidate a[64];
    struct map_candidate b[64];
    size_t n = map_contract_candidates(r[0].contract.self, a, 64);
    assert_int_equal(map_contract_candidates(r[1].contract.self, b, 64), n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(a[i].bits_q16, b[i].bits_q16);
    rig_free(&r[0]);
    rig_free(&r[1]);
}

/* The class of the sensor says how far, not the message. */
static void test_silence_ends_with_the_sensor(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    rig_begin(&r, 1000);
    struct rig_car car = car_of(1);
    struct observation o = rig_look(&r, &car);
    o.range_mm = 200000;
    rig_saw(&r, &o, EL_STOP_LINE, 70000, 0, 300, 0, 0);
    rig_saw(&r, &o, EL_STOP_LINE, 90000, 0, 300, 0, 0);
    assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
    rig_end(&r);
    rig_begin(&r, 2000);
    assert_int_equal(look_round(&r, 2, 0, 0), MAP_OK); /* 80 % of 100 m */
    assert_int_equal(silences(&r), 1);
    rig_set(&r, MAP_POLICY_SILENCE_CAMERA_GOOD, 0);
    rig_end(&r);
    rig_begin(&r, 3000);
    assert_int_equal(look_round(&r, 3, 0, 0), MAP_OK);
    assert_int_equal(silences(&r), 0);
    rig_end(&r);
    rig_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence_is_bounded),
        cmocka_unit_test(test_the_strongest_come_first),
        cmocka_unit_test(test_once_in_a_block),
        cmocka_unit_test(test_silence_ends_with_the_sensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
