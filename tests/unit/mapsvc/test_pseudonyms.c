/* One vehicle counts once, however often it changes its certificate; and two are not taken for one for longer than it takes to
 * hear both. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "mapsvc/fuse/contract_internal.h"
#include "tests/support/map_rig.h"

enum { EAST = 0, WEST = 32768, SIGN_EAST = 0, SIGN_WEST = 1, SPEED = 14000 };

static void town(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    struct element e = rig_sign(SIGN_EAST, 50, 200000, -4000, EAST);
    mapset_add(&m, &e);
    e = rig_sign(SIGN_WEST, 50, 200000, 4000, WEST);
    mapset_add(&m, &e);
    rig_start(r, &m);
    rig_begin(r, 500); /* the first block notes the epoch */
    rig_end(r);
}

static struct rig_car car_at(uint32_t id, int32_t x) {
    return (struct rig_car){
        .id = id, .issuer = 1, .family = 1, .sensor = SENSOR_CAMERA_GOOD, .x = x, .heading = EAST};
}

/* Within a block: what the car reads at `at_ms`, which is not after the block. */
static exec_code says(struct map_rig *r, const struct rig_car *car, uint64_t at_ms) {
    struct observation o = rig_look(r, car);
    o.time = r->host.time - (r->now_ms - at_ms) * 1000 - 200000;
    o.range_mm = 1000000;
    o.half_angle = 32768;
    struct element e = rig_sign(car->heading == EAST ? SIGN_EAST : SIGN_WEST, 50, 0, 0, EAST);
    rig_mismatch(&o, &e, 30);
    element_free(&e);
    return rig_send(r, car, &o);
}

/* A block of its own. */
static void speaks(struct map_rig *r, const struct rig_car *car, uint64_t at_ms) {
    rig_begin(r, at_ms);
    exec_code rc = says(r, car, at_ms);
    assert_true(rc == MAP_OK || rc == MAP_NOTHING_NEW);
    rig_end(r);
}

static uint32_t vehicles(const struct map_rig *r, uint32_t sign) {
    struct map_candidate list[8];
    uint8_t id[16];
    rig_id(sign, id);
    size_t n = map_contract_candidates(r->contract.self, list, 8);
    for (size_t i = 0; i < n; i++)
        if (memcmp(list[i].element_id, id, 16) == 0)
            return list[i].vehicles;
    return 0;
}

/* A certificate each `step_ms`, at so many mm/s; in blocks of their own, or all in one, the last first. */
static uint32_t changes(
    unsigned n, uint64_t step_ms, int32_t speed, int64_t gap_ms, bool one_block) {
    struct map_rig r;
    town(&r);
    rig_set(&r, MAP_POLICY_PSEUDONYM_GAP_MS, gap_ms);
    if (one_block)
        rig_begin(&r, 1000 + n * step_ms);
    for (unsigned i = 0; i < n; i++) {
        unsigned k = one_block ? n - 1 - i : i;
        struct rig_car car = car_at(k, (int32_t)((int64_t)(k * step_ms) * speed / 1000));
        if (one_block)
            assert_int_equal(says(&r, &car, 1000 + k * step_ms), MAP_OK);
        else
            speaks(&r, &car, 1000 + k * step_ms);
    }
    if (one_block)
        rig_end(&r);
    uint32_t count = vehicles(&r, SIGN_EAST);
    rig_free(&r);
    return count;
}

static void test_one_car(void **state) {
    (void)state;
    assert_int_equal(changes(15, 1000, SPEED, 15000, false), 1);
    assert_int_equal(changes(15, 1000, SPEED, 15000, true), 1);
    assert_int_equal(changes(15, 1000, SPEED, 0, false), 15); /* what it would count for */
    assert_int_equal(changes(15, 1000, SPEED, 0, true), 15);
    assert_int_equal(changes(20, 2000, 0, 15000, false), 1); /* it stands */
    assert_int_equal(changes(20, 2000, 0, 15000, true), 1);
    assert_int_equal(changes(3, 13000, SPEED, 15000, false), 1); /* silent in between */
    assert_int_equal(changes(3, 13000, SPEED, 15000, true), 1);
    assert_int_equal(changes(2, 16000, SPEED, 15000, false), 2); /* for too long */
    assert_int_equal(changes(2, 13000, 25000, 15000, false), 2); /* faster than anybody drives */
}

/* What comes late is of the time when it was seen. */
static void test_delays(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    struct rig_car first = car_at(1, 0);
    speaks(&r, &first, 1000);
    rig_begin(&r, 14000);
    struct rig_car next = car_at(2, 2 * SPEED);
    assert_int_equal(says(&r, &next, 3000), MAP_OK);
    rig_end(&r);
    assert_int_equal(vehicles(&r, SIGN_EAST), 1);
    /* The first certificate's last message is overtaken, and says nothing against it. */
    rig_begin(&r, 15000);
    first.x = SPEED;
    assert_int_equal(says(&r, &first, 2000), MAP_NOTHING_NEW);
    rig_end(&r);
    next.x = 14 * SPEED;
    speaks(&r, &next, 15000);
    assert_int_equal(vehicles(&r, SIGN_EAST), 1);
    rig_free(&r);
}

/* Two that follow each other at 10 m, heard each second; the second `lag_ms` after the first. */
static uint32_t convoy(uint16_t issuer, int32_t ahead, unsigned seconds, uint64_t lag_ms) {
    struct map_rig r;
    town(&r);
    for (unsigned i = 0; i < seconds; i++) {
        uint64_t now = 2000 + 1000 * (uint64_t)i;
        rig_begin(&r, now);
        int32_t x = (int32_t)i * SPEED;
        struct rig_car one = car_at(1, x);
        (void)says(&r, &one, now - lag_ms);
        struct rig_car two = car_at(2, x + ahead + (int32_t)lag_ms * (SPEED / 1000));
        two.issuer = issuer;
        (void)says(&r, &two, now);
        rig_end(&r);
    }
    uint32_t count = vehicles(&r, SIGN_EAST);
    rig_free(&r);
    return count;
}

static void test_two_in_a_row(void **state) {
    (void)state;
    assert_int_equal(convoy(2, 10000, 1, 500), 2);
    assert_int_equal(convoy(2, -10000, 1, 500), 2);
    assert_int_equal(convoy(1, -10000, 1, 50), 2);
    assert_int_equal(convoy(1, 10000, 1, 50), 2);
    /* One that is first heard where the other can be by then is taken for it, until both are heard again. */
    assert_int_equal(convoy(1, 6000, 1, 500), 1);
    assert_int_equal(convoy(1, 6000, 3, 500), 2);
    assert_int_equal(convoy(1, -10000, 3, 500), 2);
}

static void test_two_that_meet(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    for (int i = 0; i < 20; i++) {
        uint64_t now = 1000 + 1000 * (uint64_t)i;
        if (i >= 9 && i < 14)
            continue; /* both are silent, and change their certificates */
        rig_begin(&r, now);
        struct rig_car east = car_at(i < 9 ? 1 : 2, i * SPEED);
        struct rig_car west = car_at(i < 9 ? 3 : 4, 23 * SPEED - i * SPEED);
        west.heading = WEST;
        (void)says(&r, &east, now);
        (void)says(&r, &west, now);
        rig_end(&r);
    }
    assert_int_equal(vehicles(&r, SIGN_EAST), 1);
    assert_int_equal(vehicles(&r, SIGN_WEST), 1);
    rig_free(&r);
}

/* Two certificates in turns, from one vehicle or from two lanes. */
static uint32_t in_turns(int32_t beside, unsigned per_block) {
    struct map_rig r;
    town(&r);
    for (unsigned i = 0; i < 12; i++) {
        uint64_t now = 1000 + 400 * (uint64_t)i;
        if (i % per_block == 0)
            rig_begin(&r, 1000 + 400 * (uint64_t)(i + per_block - 1));
        struct rig_car car = car_at(1 + i % 2, (int32_t)(400 * i) * (SPEED / 1000));
        car.y = i % 2 == 0 ? 0 : beside;
        (void)says(&r, &car, now);
        if (i % per_block == per_block - 1)
            rig_end(&r);
    }
    uint32_t count = vehicles(&r, SIGN_EAST);
    rig_free(&r);
    return count;
}

static void test_two_in_one_car(void **state) {
    (void)state;
    for (unsigned per_block = 1; per_block <= 12; per_block += per_block == 1 ? 1 : per_block) {
        if (12 % per_block != 0)
            continue;
        assert_int_equal(in_turns(0, per_block), 1);
        assert_int_equal(in_turns(800, per_block), 1); /* the error of its receiver */
        assert_int_equal(in_turns(4500, per_block), 2);
    }
}

static void test_what_never_changes(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    for (uint32_t i = 0; i < 4; i++) {
        struct rig_car camera = car_at(i % 2, 150000);
        camera.sensor = SENSOR_ROADSIDE;
        speaks(&r, &camera, 1000 + 1000 * i);
    }
    assert_int_equal(vehicles(&r, SIGN_EAST), 2);
    rig_free(&r);
}

/* Class, family and issuer are of the certificate. */
static void test_other_kin(void **state) {
    (void)state;
    for (unsigned what = 0; what < 4; what++) {
        struct map_rig r;
        town(&r);
        struct rig_car car = car_at(1, 0);
        speaks(&r, &car, 1000);
        car = car_at(2, SPEED);
        car.issuer = (uint16_t)(car.issuer + (what == 1));
        car.family = (uint16_t)(car.family + (what == 2));
        car.sensor = what == 3 ? SENSOR_CAMERA_BASIC : car.sensor;
        speaks(&r, &car, 2000);
        assert_int_equal(vehicles(&r, SIGN_EAST), what == 0 ? 1 : 2);
        rig_free(&r);
    }
}

static void test_windows(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_set(&r, MAP_POLICY_WINDOW_MS, 60000);
    /* A chain goes on over the end of a window, and what was counted does not. */
    for (uint32_t i = 0; i < 10; i++) {
        struct rig_car car = car_at(i, 0);
        speaks(&r, &car, 50000 + 2000 * i);
        assert_int_equal(vehicles(&r, SIGN_EAST), i < 4 ? 1 : 2);
    }
    /* State has forgotten by then whose certificates were whose. */
    assert_true(fake_exec_count(&r.host, 'u') > 0);
    rig_begin(&r, 90000);
    rig_end(&r);
    assert_int_equal(fake_exec_count(&r.host, 'u'), 0);
    struct rig_car car = car_at(0, 0);
    speaks(&r, &car, 95000);
    assert_int_equal(vehicles(&r, SIGN_EAST), 2);
    speaks(&r, &car, 130000);
    assert_int_equal(vehicles(&r, SIGN_EAST), 3);
    rig_free(&r);
}

static void test_advisory(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_set(&r, MAP_POLICY_ADVISORY_BITS, 8);
    assert_int_equal(r.host.policy[MAP_POLICY_ADVISORY_VEHICLES], 2);
    rig_set(&r, MAP_POLICY_GROUP_CAP_BITS, 62);
    for (uint32_t i = 0; i < 10; i++) {
        struct rig_car car = car_at(i, (int32_t)i * SPEED);
        speaks(&r, &car, 1000 + 1000 * i);
    }
    assert_int_equal(r.advisories, 0);
    struct rig_car other = car_at(100, 0);
    speaks(&r, &other, 12000); /* behind it: a second vehicle */
    assert_int_equal(r.advisories, 1);
    rig_free(&r);
}

static void test_table_is_full(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    for (uint32_t i = 0; i < PSEUDONYMS_MAX; i++) {
        if (i % PSEUDONYMS_NEW_MAX == 0)
            rig_begin(&r, 1000 + i / PSEUDONYMS_NEW_MAX);
        struct rig_car car = car_at(i, (int32_t)(i % 90) * 10000);
        car.issuer = (uint16_t)i;
        assert_int_equal(says(&r, &car, r.now_ms), MAP_OK);
        if (i % PSEUDONYMS_NEW_MAX == PSEUDONYMS_NEW_MAX - 1)
            rig_end(&r);
    }
    assert_int_equal(vehicles(&r, SIGN_EAST), PSEUDONYMS_MAX);
    assert_int_equal(fake_exec_count(&r.host, 'u'), PSEUDONYMS_MAX);
    uint32_t before = vehicles(&r, SIGN_EAST);
    rig_restart(&r);
    struct rig_car late = car_at(PSEUDONYMS_MAX, 0);
    rig_begin(&r, 2000);
    assert_int_equal(says(&r, &late, 2000), MAP_TOO_MANY_VEHICLES);
    struct rig_car known = car_at(7, 70000);
    known.issuer = 7;
    assert_int_equal(says(&r, &known, 2000), MAP_NOTHING_NEW);
    rig_end(&r);
    assert_int_equal(vehicles(&r, SIGN_EAST), before);
    rig_begin(&r, 16500); /* all but one are gone */
    assert_int_equal(says(&r, &late, 16500), MAP_OK);
    rig_end(&r);
    assert_int_equal(fake_exec_count(&r.host, 'u'), 2);
    assert_int_equal(vehicles(&r, SIGN_EAST), before + 1);
    rig_free(&r);
}

/* Whoever is first heard beyond the bound of a block is not told from the others who are, whatever the order. */
static void test_too_many_new(void **state) {
    (void)state;
    enum { MORE = 50 };
    struct map_rig r;
    town(&r);
    rig_begin(&r, 3000);
    for (uint32_t i = PSEUDONYMS_NEW_MAX + MORE; i-- > 0;) {
        struct rig_car car = car_at(i, (int32_t)(i % 90) * 10000);
        car.issuer = (uint16_t)i;
        assert_int_equal(says(&r, &car, 1000 + i), MAP_OK);
    }
    rig_end(&r);
    assert_int_equal(vehicles(&r, SIGN_EAST), PSEUDONYMS_NEW_MAX + 1);
    rig_restart(&r);
    struct rig_car last = car_at(PSEUDONYMS_NEW_MAX + MORE - 1, 0);
    last.issuer = PSEUDONYMS_NEW_MAX + MORE - 1;
    rig_begin(&r, 4000);
    assert_int_equal(says(&r, &last, 4000), MAP_NOTHING_NEW);
    rig_end(&r);
    rig_free(&r);
}

/* The octets of a certificate's entry: where they are, and what must not be there. */
static void test_damaged_state(void **state) {
    (void)state;
    enum { BEFORE = 1 + 32, SENSOR = 1 + 32 + 32 + 8 };
    struct map_rig r;
    town(&r);
    for (uint32_t i = 0; i < 3; i++) {
        struct rig_car car = car_at(i, (int32_t)i * SPEED);
        speaks(&r, &car, 1000 + 1000 * i);
    }
    size_t n = 0;
    size_t chained = 0;
    for (size_t i = 0; i < r.host.n; i++) {
        struct fake_entry *e = r.host.entries[i];
        if (e->key.p[0] != 'u')
            continue;
        n++;
        uint8_t good[128];
        size_t length = e->value.n;
        assert_true(length <= sizeof(good));
        memcpy(good, e->value.p, length);
        for (unsigned what = 0; what < 5; what++) {
            if (what == 0)
                e->value.n--;
            else if (what == 1)
                e->value.p[0] = 9;
            else if (what == 2)
                e->value.p[SENSOR] = SENSOR_CLASS_COUNT;
            else if (what == 3)
                memset(e->value.p + BEFORE, 0x77, 32); /* nobody */
            else
                memcpy(e->value.p + BEFORE, e->key.p + 1, 32); /* itself */
            struct contract c = map_contract_new(NULL);
            struct ws_err err;
            assert_int_equal(c.ops->load(c.self, &r.host, &err), WS_EINPUT);
            assert_non_null(strstr(err.text, "certificate"));
            c.ops->free(c.self);
            e->value.n = length;
            memcpy(e->value.p, good, length);
        }
        chained += good[BEFORE] != 0 || good[BEFORE + 1] != 0 ? 1 : 0;
    }
    assert_int_equal(n, 3);
    assert_int_equal(chained, 2);
    rig_restart(&r);
    rig_free(&r);
}

/* ---- the list itself ---- */

static void hear(struct pseudonyms *t, uint8_t who, uint64_t ms, int32_t x) {
    struct pseudonym_look l = {.observer = {SENSOR_LIDAR, 1}, .at = {ms * 1000, x, 0, EAST}};
    memset(l.signer, who, sizeof(l.signer));
    pseudonyms_note(t, &l);
}

static void resolve(struct pseudonyms *t, uint64_t now_ms) {
    const struct pseudonym_rule rule = {15000000, 1500, 20000, now_ms * 1000};
    struct pseudonym_joins joins = {0};
    pseudonyms_resolve(t, &rule, &joins);
    free(joins.list);
}

static uint8_t root(const struct pseudonyms *t, uint8_t who) {
    uint8_t signer[32];
    memset(signer, who, sizeof(signer));
    const struct pseudonym *p = pseudonyms_find(t, signer);
    assert_non_null(p);
    return p->root[0];
}

static void gone(void *self, const struct pseudonym *p) {
    (void)p;
    (*(size_t *)self)++;
}

/* Two that were one chain and are heard apart: whoever came after the second goes with it. */
static void test_parting(void **state) {
    (void)state;
    struct pseudonyms t = {0};
    hear(&t, 9, 1000, 0);
    resolve(&t, 1000);
    hear(&t, 5, 3000, 28000);
    resolve(&t, 3000);
    hear(&t, 3, 5000, 56000);
    resolve(&t, 5000);
    assert_int_equal(root(&t, 9), 9);
    assert_int_equal(root(&t, 5), 9);
    assert_int_equal(root(&t, 3), 9);
    hear(&t, 9, 6000, 5000); /* it was standing all the while */
    resolve(&t, 6000);
    assert_int_equal(root(&t, 9), 9);
    assert_int_equal(root(&t, 5), 5);
    assert_int_equal(root(&t, 3), 5);
    /* The nearest to where it would be is the successor's. */
    hear(&t, 1, 7000, 84000);
    resolve(&t, 7000);
    assert_int_equal(root(&t, 1), 5);
    hear(&t, 2, 7100, 10000);
    resolve(&t, 7100);
    assert_int_equal(root(&t, 2), 9);
    const struct pseudonym_rule later = {15000000, 1500, 20000, 20500000};
    size_t n = 0;
    pseudonyms_forget(&t, &later, gone, &n);
    assert_int_equal(n, 2); /* 5 and 3 */
    assert_int_equal(root(&t, 1), 5);
    pseudonyms_free(&t);
}

/* One predecessor has one successor. */
static void test_one_to_one(void **state) {
    (void)state;
    struct pseudonyms t = {0};
    hear(&t, 1, 1000, 0);
    resolve(&t, 1000);
    hear(&t, 2, 4000, 42000);
    hear(&t, 3, 4010, 36000);
    resolve(&t, 4010);
    assert_int_equal(root(&t, 2), 1);
    assert_int_equal(root(&t, 3), 3);
    pseudonyms_free(&t);
}

/* ---- any order, any restart ---- */

enum { CARS = 40, BLOCKS = 150 };
struct driver {
    struct rig_car car;
    int32_t speed;
    uint64_t silent_until;
};

static void test_order_and_restart(void **state) {
    (void)state;
    const uint64_t seed = 43;
    (void)printf("seed %u\n", (unsigned)seed);
    struct ws_random rnd = ws_random_seeded(seed);
    struct map_rig rigs[3];
    for (size_t i = 0; i < 3; i++) {
        town(&rigs[i]);
        rig_set(&rigs[i], MAP_POLICY_WINDOW_MS, 40000);
    }
    struct driver d[CARS];
    uint32_t id = 0;
    for (size_t i = 0; i < CARS; i++) {
        d[i] = (struct driver){.car = car_at(id++, (int32_t)ws_random_below(&rnd, 800000)),
            .speed = (int32_t)ws_random_below(&rnd, 20000)};
        d[i].car.family = (uint16_t)(1 + ws_random_below(&rnd, 2));
        d[i].car.y = (int32_t)ws_random_below(&rnd, 3) * 3500;
        d[i].car.heading = ws_random_below(&rnd, 2) == 0 ? EAST : WEST;
    }
    struct {
        struct rig_car car;
        uint64_t at_ms;
    } said[2 * CARS];
    size_t most = 0;
    for (unsigned block = 0; block < BLOCKS; block++) {
        uint64_t now = 2000 + 1000 * (uint64_t)block;
        size_t n = 0;
        for (size_t i = 0; i < CARS; i++) {
            int32_t step = d[i].car.heading == EAST ? d[i].speed : -d[i].speed;
            d[i].car.x += step;
            if (ws_random_below(&rnd, 10) == 0) {
                d[i].car.id = id++;
                d[i].silent_until = now + ws_random_below(&rnd, 6000);
            }
            if (d[i].car.x < 0 || d[i].car.x > 800000)
                d[i].car.x = d[i].car.x < 0 ? 800000 : 0;
            for (unsigned k = 0; k < 2 && now >= d[i].silent_until; k++) {
                said[n].car = d[i].car;
                said[n].car.x += (int32_t)k * step / 2;
                said[n++].at_ms = now - 1000 + 500 * k - 400 * ws_random_below(&rnd, 2);
            }
        }
        for (size_t i = 0; i < 3; i++)
            rig_begin(&rigs[i], now);
        exec_code codes[2 * CARS];
        for (size_t i = 0; i < n; i++)
            codes[i] = says(&rigs[0], &said[i].car, said[i].at_ms);
        for (size_t i = 0; i < n; i++) {
            size_t k = n % 7 == 0 ? (i + block) % n : (i * 7 + block) % n; /* each once */
            assert_int_equal(says(&rigs[1], &said[k].car, said[k].at_ms), codes[k]);
        }
        for (size_t i = n; i-- > 0;)
            assert_int_equal(says(&rigs[2], &said[i].car, said[i].at_ms), codes[i]);
        uint8_t digest[3][32];
        for (size_t i = 0; i < 3; i++) {
            rig_end(&rigs[i]);
            fake_exec_digest(&rigs[i].host, digest[i]);
        }
        if (memcmp(digest[0], digest[1], 32) != 0 || memcmp(digest[0], digest[2], 32) != 0)
            fail_msg("state differs after block %u", block);
        rig_restart(&rigs[2]);
        size_t now_there = fake_exec_count(&rigs[0].host, 'u');
        most = now_there > most ? now_there : most;
    }
    (void)printf("%u certificates, at most %zu at once\n", id, most);
    assert_true(id > 4 * CARS && most > CARS);
    for (size_t i = 0; i < 3; i++)
        rig_free(&rigs[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_car),
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_two_in_a_row),
        cmocka_unit_test(test_two_that_meet),
        cmocka_unit_test(test_two_in_one_car),
        cmocka_unit_test(test_what_never_changes),
        cmocka_unit_test(test_other_kin),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_advisory),
        cmocka_unit_test(test_table_is_full),
        cmocka_unit_test(test_too_many_new),
        cmocka_unit_test(test_damaged_state),
        cmocka_unit_test(test_parting),
        cmocka_unit_test(test_one_to_one),
        cmocka_unit_test(test_order_and_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
