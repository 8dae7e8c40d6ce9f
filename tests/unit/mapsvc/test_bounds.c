/* What a block may cost, and what one vehicle may take away from the others, however much it says. Bounded numbers and results,
 * not times; and what changed on the road is found all the same. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "mapsvc/fuse/contract_internal.h"
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

/* Filled once; each test goes on from a copy of its state, as a validator that starts does. */
static int fill_once(void **state) {
    struct map_rig *r = ws_alloc(sizeof(*r));
    road(r);
    fill_table(r);
    *state = r;
    return 0;
}

static int free_filled(void **state) {
    rig_free(*state);
    free(*state);
    return 0;
}

static struct map_rig copy_of_filled(const struct map_rig *full) {
    struct map_rig r;
    road(&r);
    fake_exec_free(&r.host);
    r.host = fake_exec_copy(&full->host);
    r.now_ms = full->now_ms;
    rig_restart(&r);
    assert_int_equal(suspicions(&r), SUBJECTS_MAX);
    return r;
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
    struct map_rig r = copy_of_filled(*state);
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
        for (int32_t i = 0; i < (block == 0 ? 1500 : 100); i++)
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

/* ---- room ---- */

/* A sign that stands in the middle of the field and that the map does not have; who passes is silent about the rest. */
static void pass_new_sign(struct map_rig *r, uint32_t id) {
    struct rig_car car = car_of(id);
    car.x = SIDE / 2 * PITCH - 45000 + (int32_t)(id % 4) * 6000;
    car.y = SIDE / 2 * PITCH + 4000;
    struct observation o = rig_look(r, &car);
    o.occluded = true;
    rig_saw(r, &o, EL_SIGN, SIDE / 2 * PITCH, SIDE / 2 * PITCH, 500, 70, 0);
    assert_int_equal(rig_send(r, &car, &o), MAP_OK);
}

static bool has_new_sign(const struct map_rig *r) {
    for (size_t i = 0; i < r->n_versions; i++)
        for (size_t k = 0; k < r->versions[i].n_changes; k++)
            if (r->versions[i].changes[k].op == MAP_CREATE &&
                r->versions[i].changes[k].after.kind == EL_SIGN)
                return true;
    return false;
}

/* One vehicle that opens as many suspicions as the table holds, and one that changes nothing but does not stop. */
static void test_one_vehicle_everywhere(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    const uint32_t all = SIDE * SIDE / ROW;
    uint32_t passes = 0;
    size_t refused = 0;
    for (uint32_t at = 0; at < all;) {
        rig_begin(&r, r.now_ms + 20000);
        for (uint32_t i = 0; i < 64; i++, at++) {
            exec_code rc = fill(&r, 1, at);
            assert_true(rc == MAP_OK || (rc == MAP_NO_ROOM && at >= 64));
            refused += rc == MAP_NO_ROOM ? 1 : 0;
        }
        pass_new_sign(&r, 10 + passes);
        pass_the_sign(&r, 10 + passes++, 30);
        rig_end(&r);
        assert_true(suspicions(&r) <= 256 + 2);
    }
    assert_int_equal(refused, all - 64);
    assert_int_equal(dropped(&r, MAP_DROP_OPENED_BY_VEHICLE), 64 * ROW - 256);
    assert_string_equal(r.contract.ops->code_name(MAP_NO_ROOM), "no_room");
    assert_true(has_new_sign(&r));
    assert_int_equal(map_contract_current(r.contract.self)->n, 2);
    const uint64_t left = suspicions(&r);
    assert_true(left > 200 && left <= 256);
    /* After a restart it has no more room than before; in its next window it has. */
    rig_restart(&r);
    rig_begin(&r, r.now_ms + 1000);
    assert_int_equal(fill(&r, 1, 600), MAP_NO_ROOM);
    rig_end(&r);
    rig_begin(&r, 3600000 + 1000);
    assert_int_equal(fill(&r, 1, 600), MAP_OK);
    rig_end(&r);
    assert_int_equal(suspicions(&r), left + ROW);
    /* Nobody else ever comes to see them. */
    rig_begin(&r, 86400000 + 3600000);
    rig_end(&r);
    assert_int_equal(suspicions(&r), ROW);
    rig_begin(&r, 86400000 + 2 * 3600000);
    rig_end(&r);
    assert_int_equal(suspicions(&r), 0);
    assert_int_equal(fake_exec_count(&r.host, 'r'), 0);
    assert_int_equal(dropped(&r, MAP_DROP_ALONE), left + ROW);
    rig_free(&r);
}

/* The table is full, and vehicle after vehicle goes on filling it. */
static void test_full_table(void **state) {
    struct map_rig r = copy_of_filled(*state);
    uint32_t passes = 0;
    uint32_t at = 0;
    while (passes < 30 && (!has_new_sign(&r) || r.n_versions < 2)) {
        rig_begin(&r, r.now_ms + 20000);
        for (uint32_t i = 0; i < 4; i++, at++) {
            struct rig_car car = car_of(500000 + at);
            car.x = -1000000 - (int32_t)(at % 8) * 800000;
            car.y = (int32_t)(at / 8) * 10000;
            struct observation o = rig_look(&r, &car);
            o.range_mm = 1000000;
            o.occluded = true;
            for (int32_t k = 0; k < ROW; k++)
                rig_saw(&r, &o, EL_HAZARD, car.x + (k - ROW / 2) * PITCH, car.y, 300, 1, 0);
            assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        }
        pass_new_sign(&r, 10 + passes);
        pass_the_sign(&r, 10 + passes++, 30);
        rig_end(&r);
        assert_int_equal(suspicions(&r), SUBJECTS_MAX);
    }
    (void)printf("%u passes\n", passes);
    assert_true(has_new_sign(&r));
    assert_int_equal(r.n_versions, 2);
    assert_true(passes <= 12);
    assert_true(dropped(&r, MAP_DROP_TABLE_WEAKEST) >= (uint64_t)(passes - 1) * 4 * ROW);
    assert_int_equal(dropped(&r, MAP_DROP_TABLE_FULL), 0);
    rig_free(&r);
}

/* Places of 16 rows of eight, all in one square of 131 m, as the vehicles with these ids see them. */
static void fill_square(struct map_rig *r, uint32_t id, uint32_t n_ids) {
    for (uint32_t k = 0; k < 2 * n_ids; k++) {
        struct rig_car car = car_of(id + k / 2);
        car.x = 65536;
        car.y = 65536;
        struct observation o = rig_look(r, &car);
        o.range_mm = 200000;
        o.occluded = true;
        for (int32_t i = 0; i < 64; i++)
            rig_saw(r, &o, EL_STOP_LINE, 5000 + i % 8 * 16000,
                5000 + (i / 8 + (int32_t)(k % 2) * 8) * 8000, 300, 0, 0);
        assert_int_equal(rig_send(r, &car, &o), MAP_OK);
    }
}

static exec_code see_in_square(struct map_rig *r, uint32_t id, int32_t x, int32_t y) {
    struct rig_car car = car_of(id);
    car.x = x - 45000 + (int32_t)(id % 4) * 6000;
    car.y = y + 4000;
    struct observation o = rig_look(r, &car);
    o.occluded = true;
    rig_saw(r, &o, EL_SIGN, x, y, 500, 70, 0);
    return rig_send(r, &car, &o);
}

static void test_full_square(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    rig_begin(&r, 1000);
    fill_square(&r, 1, 1);
    rig_end(&r);
    assert_int_equal(suspicions(&r), 128);
    uint32_t passes = 0;
    for (; passes < 20 && r.n_versions == 0; passes++) {
        rig_begin(&r, r.now_ms + 20000);
        assert_int_equal(see_in_square(&r, 10 + passes, 60000, 60000), MAP_OK);
        rig_end(&r);
        assert_true(suspicions(&r) <= 128);
    }
    (void)printf("%u passes\n", passes);
    assert_true(has_new_sign(&r) && passes <= 12);
    assert_int_equal(dropped(&r, MAP_DROP_CELL_WEAKEST), 1);

    /* What several voices speak for stays; and goes when they have been still for two windows. */
    rig_begin(&r, r.now_ms + 1000);
    fill_square(&r, 100, 2);
    rig_end(&r);
    assert_int_equal(suspicions(&r), 128);
    rig_begin(&r, r.now_ms + 1000);
    assert_int_equal(see_in_square(&r, 200, 120000, 120000), MAP_NO_ROOM);
    assert_int_equal(see_in_square(&r, 201, 140000, 120000), MAP_OK); /* the square beside it */
    rig_end(&r);
    assert_int_equal(suspicions(&r), 129);
    rig_begin(&r, 3 * 3600000);
    assert_int_equal(see_in_square(&r, 202, 120000, 120000), MAP_OK);
    rig_end(&r);
    assert_int_equal(suspicions(&r), 129);
    assert_int_equal(dropped(&r, MAP_DROP_CELL_WEAKEST), 2);
    assert_int_equal(dropped(&r, MAP_DROP_CELL_FULL), 0);
    rig_free(&r);
}

/* More than a square holds, in one block: each vehicle's first comes before anybody's second. */
static void test_first_of_each_vehicle(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    rig_set(&r, MAP_POLICY_PLACES_PER_CELL, 20);
    rig_begin(&r, 1000);
    fill_square(&r, 1, 1);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(see_in_square(&r, 10 + i, 50000 + (int32_t)i * 9000, 70000), MAP_OK);
    rig_end(&r);
    assert_int_equal(suspicions(&r), 20);
    struct map_candidate list[20];
    assert_int_equal(map_contract_candidates(r.contract.self, list, 20), 20);
    size_t signs = 0;
    for (size_t i = 0; i < 20; i++)
        signs += list[i].kind == EL_SIGN ? 1 : 0;
    assert_int_equal(signs, 8);
    assert_int_equal(dropped(&r, MAP_DROP_CELL_FULL), 128 - 12);
    rig_free(&r);
}

/* Sightings on one line from south to north, as dense as they come: a place for each 4 m at most, and none twice. */
static void test_one_line(void **state) {
    (void)state;
    for (int32_t step = 500; step <= 8000; step *= 4) {
        struct map_rig r;
        road(&r);
        rig_begin(&r, 1000);
        for (int32_t k = 0; k < 64; k++) {
            struct rig_car car = car_of(1 + (uint32_t)k);
            car.y = k * 64 * step;
            struct observation o = rig_look(&r, &car);
            o.range_mm = 1000000;
            o.occluded = true;
            for (int32_t i = 0; i < 64; i++)
                rig_saw(&r, &o, EL_STOP_LINE, 0, (k * 64 + i) * step, 300, 0, 0);
            assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        }
        rig_end(&r);
        const struct map_contract *c = inside(&r);
        const uint64_t length = 4095 * (uint64_t)step;
        assert_in_range(c->n_places, length / 8000 + 1, length / 4000 + 1);
        for (int d = 0; d < MAP_DROP_COUNT; d++)
            assert_int_equal(dropped(&r, (enum map_drop)d), 0);
        if (step == 8000)
            assert_int_equal(c->n_places, 4096);
        rig_free(&r);
    }
}

/* ---- the same everywhere ---- */

struct said {
    uint32_t id;
    uint32_t kind; /* of message: what follows */
    int32_t at;
};

static exec_code tell(struct map_rig *r, const struct said *s) {
    struct rig_car car = car_of(s->id);
    if (s->kind == 0)
        return fill(r, s->id, (uint32_t)s->at % (s->id < 30 ? 64 : 1024));
    if (s->kind == 1)
        return look_round(r, s->id, s->at % 700 * 1000, s->at / 700 * 1000);
    car.x = s->at % 700 * 1000;
    car.y = s->at / 700 * 1000;
    struct observation o = rig_look(r, &car);
    for (int32_t i = 0; i < 3; i++)
        rig_saw(r, &o, s->kind == 2 ? EL_SIGN : EL_STOP_LINE, car.x + 20000 + i * 7000, car.y, 500,
            10 * i, 0);
    if (s->kind == 3)
        rig_missed(&o, &r->base.elements[0]);
    return rig_send(r, &car, &o);
}

static void assert_same(const struct map_rig *a, const struct map_rig *b, unsigned block) {
    uint8_t da[32];
    uint8_t db[32];
    fake_exec_digest(&a->host, da);
    fake_exec_digest(&b->host, db);
    if (memcmp(da, db, 32) != 0)
        fail_msg("state differs after block %u", block);
}

/* Attacked at every bound but that of the table: in order, in another order, backwards with a restart after each block. */
static void test_order_and_restart(void **state) {
    (void)state;
    enum { PER_BLOCK = 48 };
    struct map_rig r[3];
    const uint64_t seed = 29;
    (void)printf("seed %u\n", (unsigned)seed);
    struct ws_random rnd = ws_random_seeded(seed);
    for (size_t k = 0; k < 3; k++) {
        road(&r[k]);
        rig_set(&r[k], MAP_POLICY_WINDOW_MS, 90000);
        rig_set(&r[k], MAP_POLICY_GROUP_MS, 60000);
        rig_set(&r[k], MAP_POLICY_EPOCH_MS, 60000);
        rig_set(&r[k], MAP_POLICY_ALONE_MS, 150000);
        rig_set(&r[k], MAP_POLICY_SUSPICIONS_PER_VEHICLE, 40);
        rig_set(&r[k], MAP_POLICY_PLACES_PER_CELL, 20);
    }
    size_t no_room = 0;
    for (unsigned block = 0; block < 40; block++) {
        struct said said[PER_BLOCK];
        size_t order[PER_BLOCK];
        exec_code codes[PER_BLOCK];
        for (size_t i = 0; i < PER_BLOCK; i++) {
            said[i] = (struct said){(uint32_t)ws_random_below(&rnd, 60),
                (uint32_t)ws_random_below(&rnd, 4), (int32_t)ws_random_below(&rnd, 700 * 200)};
            order[i] = i;
        }
        for (size_t i = PER_BLOCK; i-- > 1;) {
            size_t j = (size_t)ws_random_below(&rnd, i + 1);
            size_t t = order[i];
            order[i] = order[j];
            order[j] = t;
        }
        for (size_t k = 0; k < 3; k++)
            rig_begin(&r[k], r[k].now_ms + 7000);
        for (size_t i = 0; i < PER_BLOCK; i++) {
            codes[i] = tell(&r[0], &said[i]);
            no_room += codes[i] == MAP_NO_ROOM ? 1 : 0;
        }
        for (size_t i = 0; i < PER_BLOCK; i++)
            assert_int_equal(tell(&r[1], &said[order[i]]), codes[order[i]]);
        for (size_t i = PER_BLOCK; i-- > 0;)
            assert_int_equal(tell(&r[2], &said[i]), codes[i]);
        for (size_t k = 0; k < 3; k++)
            rig_end(&r[k]);
        assert_same(&r[0], &r[1], block);
        assert_same(&r[0], &r[2], block);
        rig_restart(&r[2]);
    }
    (void)printf("%zu no_room, suspicions %u\n", no_room, (unsigned)suspicions(&r[0]));
    for (int d = 0; d < MAP_DROP_COUNT; d++)
        (void)printf("  %s: %u\n", map_drop_name((enum map_drop)d),
            (unsigned)dropped(&r[0], (enum map_drop)d));
    assert_true(no_room > 0);
    assert_true(dropped(&r[0], MAP_DROP_OPENED_BY_VEHICLE) > 0);
    assert_true(dropped(&r[0], MAP_DROP_CELL_FULL) > 0);
    assert_true(dropped(&r[0], MAP_DROP_CELL_WEAKEST) > 0);
    assert_true(dropped(&r[0], MAP_DROP_ALONE) > 0);
    for (size_t k = 0; k < 3; k++)
        rig_free(&r[k]);
}

/* The same of a full table: one goes on where it was filled, the other starts from the state. Last: it uses the table up. */
static void test_full_table_elsewhere(void **state) {
    struct map_rig *a = *state;
    struct map_rig b = copy_of_filled(a);
    static const uint32_t kinds[] = {2, 2, 1, 2}; /* of messages: the first of two */
    for (uint32_t block = 0; block < ARRAY_LEN(kinds); block++) {
        rig_begin(a, a->now_ms + 1000);
        rig_begin(&b, b.now_ms + 1000);
        for (uint32_t i = 0; i < 20; i++) {
            struct said s = {
                900 + i, kinds[block] + i % 2, (int32_t)(i * 31337 + block * 77777) % 140000};
            assert_int_equal(tell(a, &s), MAP_OK);
        }
        for (uint32_t i = 20; i-- > 0;) {
            struct said s = {
                900 + i, kinds[block] + i % 2, (int32_t)(i * 31337 + block * 77777) % 140000};
            assert_int_equal(tell(&b, &s), MAP_OK);
        }
        rig_end(a);
        rig_end(&b);
        assert_same(a, &b, block);
        assert_true(suspicions(a) <= SUBJECTS_MAX);
    }
    assert_true(dropped(a, MAP_DROP_TABLE_WEAKEST) > 0);
    assert_true(dropped(&b, MAP_DROP_SILENCE_LOOK) > 0);
    rig_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence_is_bounded),
        cmocka_unit_test(test_the_strongest_come_first),
        cmocka_unit_test(test_once_in_a_block),
        cmocka_unit_test(test_silence_ends_with_the_sensor),
        cmocka_unit_test(test_one_vehicle_everywhere),
        cmocka_unit_test(test_full_table),
        cmocka_unit_test(test_full_square),
        cmocka_unit_test(test_first_of_each_vehicle),
        cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_order_and_restart),
        cmocka_unit_test(test_full_table_elsewhere),
    };
    return cmocka_run_group_tests(tests, fill_once, free_filled);
}
