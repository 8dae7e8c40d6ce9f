/* The map contract under traffic: any order inside a block and any restart give the same octets, and
 * delays and false alarms are of the size the method promises. Seeds are fixed and printed. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "ledger/exec/hash.h"
#include "mapsvc/fuse/contract_internal.h"
#include "tests/support/golden.h"
#include "tests/support/map_rig.h"

enum { ROAD_SIGNS = 40, PITCH = 60000, LIMITS = 4 };

struct world {
    int32_t value[ROAD_SIGNS];
    bool gone[ROAD_SIGNS];
    int32_t moved[ROAD_SIGNS]; /* so far ahead */
    bool extra[ROAD_SIGNS]; /* a new sign 30 m behind this one, showing 90 */
};

static void road(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    for (uint32_t i = 0; i < ROAD_SIGNS; i++) {
        struct element e = rig_sign(i, 50, (int32_t)(PITCH * i), -4000, 0);
        mapset_add(&m, &e);
    }
    for (uint32_t i = 0; i < LIMITS; i++) {
        struct element e =
            rig_limit(1000 + i, 50, (int32_t)(600000 * i), 0, (int32_t)(600000 * (i + 1)), 0);
        mapset_add(&m, &e);
    }
    rig_start(r, &m);
}

static const struct element *sign(const struct map_rig *r, uint32_t n) {
    uint8_t id[16];
    rig_id(n, id);
    return mapset_find(map_contract_current(r->contract.self), id);
}

static int32_t noise(struct ws_random *rnd, int32_t amplitude) {
    return (int32_t)ws_random_below(rnd, 2 * (uint64_t)amplitude + 1) - amplitude;
}

static bool chance(struct ws_random *rnd, uint32_t ppm) {
    return ws_random_below(rnd, 1000000) < ppm;
}

struct said {
    struct rig_car car;
    struct observation o;
};

/* A sighting about there. Each draw is a statement of its own: in one expression their order would be the compiler's. */
static void see(
    const struct map_rig *r, struct ws_random *rnd, struct said *s, int32_t x, int32_t value) {
    int32_t off_x = noise(rnd, 900);
    int32_t off_y = noise(rnd, 600);
    uint16_t heading = (uint16_t)noise(rnd, 1000);
    rig_saw(r, &s->o, EL_SIGN, x + off_x, -4000 + off_y, 500, value, heading);
}

static void see_nothing_real(
    const struct map_rig *r, struct ws_random *rnd, struct said *s, int32_t x) {
    int32_t off_x = noise(rnd, 20000);
    int32_t off_y = noise(rnd, 5000);
    rig_saw(r, &s->o, EL_SIGN, x + off_x, off_y, 500, 10, 0);
}

static struct rig_car some_car(struct ws_random *rnd, int32_t x) {
    struct rig_car car = {.id = (uint32_t)ws_random_below(rnd, 400)};
    car.issuer = (uint16_t)ws_random_below(rnd, 3);
    car.family = (uint16_t)ws_random_below(rnd, 5);
    car.sensor = (enum sensor_class)(1 + ws_random_below(rnd, 4));
    car.x = x - 20000 - (int32_t)ws_random_below(rnd, 15000);
    car.y = noise(rnd, 1000);
    car.heading = (uint16_t)noise(rnd, 3000);
    return car;
}

/* One car somewhere on the road, reporting what it passes with the rates of a good camera. */
static void perceive(const struct map_rig *r, const struct world *w, struct ws_random *rnd,
    bool liar, struct said *s) {
    uint32_t n = (uint32_t)ws_random_below(rnd, ROAD_SIGNS);
    int32_t x = (int32_t)(n * PITCH);
    s->car = some_car(rnd, x);
    s->o = rig_look(r, &s->car);
    s->o.time -= ws_random_below(rnd, 1000000);
    const struct element *e = sign(r, n);
    int32_t seen = w->value[n];
    if (liar || chance(rnd, 20000))
        seen = 30;
    if (w->moved[n] != 0 && e != NULL && e->revision == 0 && chance(rnd, 950000))
        rig_missed(&s->o, e);
    if (!w->gone[n] && chance(rnd, 950000))
        see(r, rnd, s, x + w->moved[n], seen);
    else if (e != NULL && chance(rnd, 950000))
        rig_missed(&s->o, e);
    if (w->extra[n] && chance(rnd, 950000))
        see(r, rnd, s, x + 8000, 90);
    if (chance(rnd, 100000))
        see_nothing_real(r, rnd, s, x);
    const struct element *limit = sign(r, 1000 + n / 10);
    if (limit != NULL && chance(rnd, 500000))
        rig_mismatch(&s->o, limit, chance(rnd, 500000) ? 50 : 70);
}

static void assert_same(const struct map_rig *a, const struct map_rig *b, unsigned block) {
    uint8_t da[32];
    uint8_t db[32];
    fake_exec_digest(&a->host, da);
    fake_exec_digest(&b->host, db);
    if (memcmp(da, db, 32) != 0)
        fail_msg("state differs after block %u", block);
    fake_exec_events_digest(&a->host, da);
    fake_exec_events_digest(&b->host, db);
    if (memcmp(da, db, 32) != 0)
        fail_msg("events differ in block %u", block);
}

/* A digest over the state after each block and what each block told. */
static void follow(const struct map_rig *r, uint8_t history[static 32]) {
    uint8_t block[3][32];
    memcpy(block[0], history, 32);
    fake_exec_digest(&r->host, block[1]);
    fake_exec_events_digest(&r->host, block[2]);
    exec_sha256_one(span_of(block, sizeof(block)), history);
}

/* The index that followed the changes is the one that a restart builds. */
static void assert_same_index(const struct map_rig *a, const struct map_rig *restarted) {
    const struct map_contract *x = a->contract.self;
    const struct map_contract *y = restarted->contract.self;
    assert_int_equal(x->grid.n, y->grid.n);
    for (size_t i = 0; i < x->grid.n; i++) {
        assert_int_equal(x->grid.entries[i].key, y->grid.entries[i].key);
        assert_int_equal(x->grid.entries[i].ref, y->grid.entries[i].ref);
        assert_int_equal(x->grid.entries[i].heading, y->grid.entries[i].heading);
    }
}

/* Rig A takes each block as it comes, B in another order, C backwards and restarts after each block. */
static void test_order_and_restart(void **state) {
    (void)state;
    const uint64_t seed = 71;
    (void)printf("seed %u\n", (unsigned)seed);
    struct ws_random rnd = ws_random_seeded(seed);
    struct map_rig a;
    struct map_rig b;
    struct map_rig c;
    road(&a);
    road(&b);
    road(&c);
    /* Short windows, so that everything that time does happens. */
    struct map_rig *all[] = {&a, &b, &c};
    for (size_t i = 0; i < 3; i++) {
        rig_set(all[i], MAP_POLICY_GROUP_MS, 60000);
        rig_set(all[i], MAP_POLICY_WINDOW_MS, 90000);
        rig_set(all[i], MAP_POLICY_ADVISORY_MS, 50000);
        rig_set(all[i], MAP_POLICY_EPOCH_MS, 60000);
        rig_set(all[i], MAP_POLICY_HALF_LIFE_SIGN, 8);
        rig_set(all[i], MAP_POLICY_HALF_LIFE_LIMIT, 8);
    }
    struct world w = {.gone = {[3] = true},
        .extra = {[7] = true, [20] = true},
        .moved = {[15] = 5000, [30] = -14000}};
    for (size_t i = 0; i < ROAD_SIGNS; i++)
        w.value[i] = 50;
    w.value[5] = 30;
    w.value[12] = 80;
    enum { PER_BLOCK = 40 };
    static struct said said[PER_BLOCK];
    exec_code codes[PER_BLOCK];
    size_t refused = 0;
    uint8_t history[32] = {0};
    for (unsigned block = 0; block < 400; block++) {
        if (block == 200)
            w.gone[25] = true;
        size_t n = (size_t)ws_random_below(&rnd, PER_BLOCK);
        uint64_t at = a.now_ms + 1000 + ws_random_below(&rnd, 4000);
        if (block % 50 == 49)
            at += 200000;
        for (size_t i = 0; i < 3; i++)
            rig_begin(all[i], at);
        for (size_t i = 0; i < n; i++) {
            perceive(&a, &w, &rnd, chance(&rnd, 50000), &said[i]);
            if (i > 0 && chance(&rnd, 100000)) /* the same car again in the same block */
                said[i].car.id = said[i - 1].car.id;
        }
        size_t order[PER_BLOCK];
        for (size_t i = 0; i < n; i++)
            order[i] = i;
        for (size_t i = n; i-- > 1;) {
            size_t j = (size_t)ws_random_below(&rnd, i + 1);
            size_t t = order[i];
            order[i] = order[j];
            order[j] = t;
        }
        for (size_t i = 0; i < n; i++) {
            codes[i] = rig_send(&a, &said[i].car, &said[i].o);
            refused += codes[i] != MAP_OK ? 1 : 0;
        }
        for (size_t i = 0; i < n; i++)
            assert_int_equal(rig_send(&b, &said[order[i]].car, &said[order[i]].o), codes[order[i]]);
        for (size_t i = n; i-- > 0;)
            assert_int_equal(rig_send(&c, &said[i].car, &said[i].o), codes[i]);
        for (size_t i = 0; i < 3; i++)
            rig_end(all[i]);
        assert_same(&a, &b, block);
        assert_same(&a, &c, block);
        follow(&a, history);
        rig_restart(&c);
        assert_same_index(&a, &c);
    }
    golden_check("contract", history);
    /* The run was about something. */
    (void)printf("%zu versions, %zu advisories, %zu ends, %zu of %llu messages refused\n",
        a.n_versions, a.advisories, a.ends, refused, (unsigned long long)a.messages);
    assert_true(a.n_versions >= 3);
    assert_true(a.advisories >= 5 && a.ends >= 5);
    assert_true(refused > 2);
    assert_null(sign(&a, 3));
    assert_null(sign(&a, 25));
    assert_int_equal(sign(&a, 5)->value, 30);
    assert_int_equal(sign(&a, 12)->value, 80);
    assert_true(abs(sign(&a, 15)->points[0].x - (15 * PITCH + 5000)) < 1000);
    assert_true(abs(sign(&a, 30)->points[0].x - (30 * PITCH - 14000)) < 1000);
    for (size_t i = 0; i < a.n_versions; i++)
        assert_int_equal(map_version_apply(&a.versions[i], &a.base, NULL), WS_OK);
    for (size_t i = 0; i < 3; i++)
        rig_free(all[i]);
}

/* ---- delays ---- */

/* Passes until one changed sign is confirmed: so many families, two directions, 20 passes in a window. */
static unsigned delay(unsigned families, unsigned h, struct ws_random *rnd) {
    struct map_rig r;
    struct mapset m = {.ns = "rig"};
    struct element e = rig_sign(1, 50, 0, -4000, 0);
    mapset_add(&m, &e);
    rig_start(&r, &m);
    rig_set(&r, MAP_POLICY_CONFIRM_BITS, h);
    rig_set(&r, MAP_POLICY_MIN_FAMILIES, 1);
    rig_set(&r, MAP_POLICY_MIN_ISSUERS, 1);
    rig_set(&r, MAP_POLICY_LIARS_BITS, 0);
    rig_set(&r, MAP_POLICY_GROUP_MS, 20000);
    rig_set(&r, MAP_POLICY_PSEUDONYM_GAP_MS, 0); /* each pass is another vehicle's */
    rig_set(&r, MAP_POLICY_VERSION_AGE_MS, 0);
    unsigned n = 0;
    while (r.n_versions == 0 && n < 500) {
        rig_begin(&r, 1000 * n);
        struct rig_car car = {.id = n,
            .family = (uint16_t)(1 + ws_random_below(rnd, families)),
            .sensor = SENSOR_CAMERA_GOOD,
            .x = -30000,
            .heading = ws_random_below(rnd, 2) == 0 ? 100 : 8292};
        struct observation o = rig_look(&r, &car);
        rig_saw(&r, &o, EL_SIGN, 0, -4000, 300, chance(rnd, 950000) ? 30 : 50, 0);
        (void)rig_send(&r, &car, &o);
        rig_end(&r);
        n++;
    }
    rig_free(&r);
    return n;
}

static int by_number(const void *a, const void *b) {
    unsigned x = *(const unsigned *)a;
    unsigned y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

static void test_delays(void **state) {
    (void)state;
    static const struct {
        unsigned families, h, p50, p98;
    } v[] = {{1, 20, 21, 24}, {2, 20, 6, 14}, {4, 20, 5, 9}, {8, 20, 4, 8}, {1, 31, 26, 41},
        {2, 31, 18, 23}, {4, 31, 8, 15}, {8, 31, 7, 12}};
    enum { RUNS = 200 };
    unsigned runs[RUNS];
    struct ws_random rnd = ws_random_seeded(9);
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        for (unsigned k = 0; k < RUNS; k++)
            runs[k] = delay(v[i].families, v[i].h, &rnd);
        qsort(runs, RUNS, sizeof(runs[0]), by_number);
        (void)printf("%u families, h = %u: p50 %u (promised %u), p98 %u (promised %u)\n",
            v[i].families, v[i].h, runs[RUNS / 2], v[i].p50, runs[RUNS * 98 / 100], v[i].p98);
        assert_true(runs[RUNS / 2] <= v[i].p50 + 1);
        assert_true(runs[RUNS * 98 / 100] <= v[i].p98 + 3);
    }
}

/* ---- false alarms ---- */

/* Traffic past 20 unchanged signs; wrong reports all name the same wrong value, the worst there is. With
 * bad_ppm, that share of groups (a family in a direction for a time) is wrong as one. */
static size_t false_changes(unsigned passes, uint32_t bad_ppm, uint64_t seed) {
    (void)printf("seed %u\n", (unsigned)seed);
    struct ws_random rnd = ws_random_seeded(seed);
    struct map_rig r;
    struct mapset m = {.ns = "rig"};
    for (uint32_t i = 0; i < 20; i++) {
        struct element e = rig_sign(i, 50, (int32_t)(PITCH * i), -4000, 0);
        mapset_add(&m, &e);
    }
    rig_start(&r, &m);
    bool bad[4][2] = {{false}};
    uint32_t id = 0;
    for (unsigned n = 0; n < passes;) {
        /* A block each 10 s, 8 passes; a group sees about 8 passes of one sign in its ten minutes. */
        uint64_t at = r.now_ms + 10000;
        if (at / 600000 != r.now_ms / 600000)
            for (unsigned f = 0; f < 4; f++)
                for (unsigned d = 0; d < 2; d++)
                    bad[f][d] = chance(&rnd, bad_ppm);
        rig_begin(&r, at);
        for (unsigned k = 0; k < 16; k++, n++) {
            unsigned f = (unsigned)ws_random_below(&rnd, 4);
            unsigned d = (unsigned)ws_random_below(&rnd, 2);
            uint32_t s = (uint32_t)ws_random_below(&rnd, 20);
            struct rig_car car = {.id = id++,
                .issuer = (uint16_t)ws_random_below(&rnd, 3),
                .family = (uint16_t)(1 + f),
                .sensor = SENSOR_CAMERA_GOOD,
                .x = (int32_t)(PITCH * s) - 30000,
                .heading = d == 0 ? 100 : 8292};
            struct observation o = rig_look(&r, &car);
            bool wrong = bad[f][d] || chance(&rnd, 20000);
            rig_saw(&r, &o, EL_SIGN, (int32_t)(PITCH * s), -4000, 300, wrong ? 30 : 50, 0);
            (void)rig_send(&r, &car, &o);
        }
        rig_end(&r);
    }
    (void)printf("%u passes: %zu versions, %zu advisories\n", passes, r.n_versions, r.advisories);
    size_t versions = r.n_versions;
    rig_free(&r);
    return versions;
}

static void test_clean_traffic(void **state) {
    (void)state;
    assert_int_equal(false_changes(200000, 0, 5), 0);
}

static void test_bad_groups(void **state) {
    (void)state;
    assert_int_equal(false_changes(200000, 10000, 6), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_restart),
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_clean_traffic),
        cmocka_unit_test(test_bad_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
