/* Where a new sign is said to stand, when one vehicle wants it elsewhere and says that it knows to the millimetre. */
#include "tests/support/cm.h"

#include <stdlib.h>

#include "mapsvc/fuse/contract_internal.h"
#include "tests/support/map_rig.h"

enum { AT_X = 100000, AT_Y = -4000, HONEST = 7 };

static int32_t noise(struct ws_random *rnd, int32_t sigma) {
    int64_t sum = 0;
    for (int i = 0; i < 12; i++)
        sum += (int64_t)ws_random_below(rnd, 2000001) - 1000000;
    return (int32_t)(sum * sigma / 2000000);
}

static uint32_t apart(const struct fusion_point *p, int32_t x, int32_t y) {
    return fusion_sqrt(distance2(p->x, p->y, x, y));
}

static const struct spot_needs town = {180, 5, 2};

/* ---- one spot ---- */

static void test_share(void **state) {
    (void)state;
    /* Four that agree, and one that says it knows a hundred times better: a quarter of the way is what it gets. */
    struct fusion_point p[FUSION_MAX_POINTS];
    for (int i = 0; i < FUSION_MAX_POINTS; i++)
        p[i] = (struct fusion_point){1000, 2000, 500};
    p[2] = (struct fusion_point){1400, 2000, 5};
    struct fusion_point r = fusion_position(p, FUSION_JUDGED);
    assert_int_equal(r.x, 1100);
    assert_int_equal(r.y, 2000);
    /* And its word does not make the place better known: five shares, the fifth a third of the other four. */
    assert_in_range(r.sigma_mm, 215, 218);
    /* Three of them hold no more than three quarters. */
    p[0] = p[1] = (struct fusion_point){1400, 2000, 5};
    assert_int_equal(fusion_position(p, FUSION_JUDGED).x, 1300);
    /* Nobody is held back where all are alike. */
    for (int i = 0; i < 8; i++)
        p[i] = (struct fusion_point){1000 + 10 * i, 2000, 500};
    r = fusion_position(p, 8);
    assert_int_equal(r.x, 1035);
    assert_int_equal(r.sigma_mm, 176);
}

/* The one that is left out is the one that contradicts the others, not those that contradict the one who is sure. */
static void test_outliers(void **state) {
    (void)state;
    struct fusion_point p[FUSION_MAX_POINTS];
    for (int i = 0; i < HONEST; i++)
        p[i] = (struct fusion_point){1000 + 100 * (i % 3), 2000 - 100 * (i % 2), 500};
    for (int at = 0; at <= HONEST; at++) {
        struct fusion_point q[HONEST + 1];
        for (int i = 0; i <= HONEST; i++)
            q[i] = i < at ? p[i] : p[i > 0 ? i - 1 : 0];
        q[at] = (struct fusion_point){4500, 2000, 200};
        struct fusion_point r = fusion_position(q, HONEST + 1);
        assert_in_range(r.x, 1000, 1200);
    }
    /* A vague one further off does not shield it. */
    p[HONEST] = (struct fusion_point){4500, 2000, 200};
    p[HONEST + 1] = (struct fusion_point){9000, 2000, 20000};
    assert_in_range(fusion_position(p, HONEST + 2).x, 1000, 1250);
    /* One good sensor among rough ones is not a liar because their median is not exact. */
    for (int i = 0; i < HONEST; i++)
        p[i] = (struct fusion_point){1000 + 200 * i, 2000, 500};
    p[HONEST] = (struct fusion_point){1300, 2000, 50};
    uint32_t x = (uint32_t)fusion_position(p, HONEST + 1).x;
    assert_in_range(x, 1450, 1560); /* the mean of the seven is 1600 */
}

static void test_settled(void **state) {
    (void)state;
    struct spot s;
    spot_open(&s, (struct fusion_point){0, 0, 50}, 0);
    assert_false(spot_is_settled(&s, &town));
    for (uint16_t i = 0; i < 4; i++) {
        spot_add(&s, (struct fusion_point){0, 0, 50}, 0, i % 2);
        assert_false(spot_is_settled(&s, &town)); /* exact, but too few */
    }
    spot_add(&s, (struct fusion_point){0, 0, 50}, 0, 1);
    assert_true(spot_is_settled(&s, &town));
    spot_open(&s, (struct fusion_point){0, 0, 500}, 0);
    for (uint16_t i = 0; i < 8; i++) {
        assert_false(spot_is_settled(&s, &town));
        spot_add(&s, (struct fusion_point){0, 0, 500}, 0, 1 + i % 2);
    }
    assert_true(spot_is_settled(&s, &town));
}

/* However many of one family: not settled. When the spot is full of them, one of another family still finds room. */
static void test_one_family(void **state) {
    (void)state;
    struct spot s;
    spot_open(&s, (struct fusion_point){0, 0, 500}, 0);
    for (int i = 0; i < 100; i++)
        spot_add(&s, (struct fusion_point){i, 0, 500}, 0, 3);
    assert_int_equal(s.n, FUSION_MAX_POINTS);
    assert_int_equal(s.points[0].x, 0); /* the first are kept */
    assert_false(spot_is_settled(&s, &town));
    spot_add(&s, (struct fusion_point){1000, 0, 500}, 0, 4);
    assert_int_equal(s.n, FUSION_MAX_POINTS);
    assert_int_equal(s.points[0].x, 1); /* the oldest went */
    assert_int_equal(s.points[FUSION_MAX_POINTS - 1].x, 1000);
    assert_true(spot_is_settled(&s, &town));
    for (int i = 0; i < 100; i++)
        spot_add(&s, (struct fusion_point){1000, 0, 500}, 0, 4);
    size_t third = 0;
    for (size_t i = 0; i < s.n; i++)
        third += s.families[i] == 3 ? 1 : 0;
    assert_int_equal(third, FUSION_MAX_POINTS / 2);
    /* What is stored is what is there. */
    struct buf b = {0};
    spot_put(&b, &s);
    for (size_t cut = 0; cut < b.n; cut++) {
        struct rd part = rd_of(span_of(b.p, cut));
        struct spot t;
        spot_get(&part, &t);
        assert_true(part.bad);
    }
    struct rd r = rd_of(buf_span(&b));
    struct spot t;
    spot_get(&r, &t);
    assert_true(rd_done(&r));
    assert_int_equal(t.n, s.n);
    assert_memory_equal(t.families, s.families, sizeof(s.families));
    assert_int_equal(t.place.x, s.place.x);
    assert_int_equal(t.heading, s.heading);
    buf_free(&b);
}

static void test_heading(void **state) {
    (void)state;
    struct spot s;
    spot_open(&s, (struct fusion_point){0, 0, 500}, 65500);
    for (int i = 0; i < 8; i++)
        spot_add(&s, (struct fusion_point){0, 0, 500}, i == 5 ? 8000 : (uint16_t)(100 + i), 1);
    assert_in_range(s.heading, 101, 107);
}

/* ---- the contract ---- */

struct play {
    int liar; /* which of the cars lies */
    int32_t dx, dy; /* how far off */
    uint32_t sigma_mm;
};

/* Eight cars see a new sign, one of them elsewhere; where it is published. */
static struct map_point published(const struct play *p, uint64_t seed) {
    struct map_rig r;
    struct mapset m = {.ns = "rig"};
    struct element e = rig_sign(1, 50, 0, AT_Y, 0);
    mapset_add(&m, &e);
    rig_start(&r, &m);
    rig_set(&r, MAP_POLICY_VERSION_AGE_MS, 0);
    struct ws_random rnd = ws_random_seeded(seed);
    for (int i = 0; i < 40 && r.n_versions == 0; i++) {
        rig_begin(&r, r.now_ms + 20000);
        struct rig_car car = {.id = (uint32_t)i,
            .issuer = (uint16_t)(i % 3),
            .family = (uint16_t)(1 + i % 4),
            .sensor = SENSOR_CAMERA_GOOD,
            .x = AT_X - 40000 + i % 4 * 5000};
        struct observation o = rig_look(&r, &car);
        if (i == p->liar)
            rig_saw(&r, &o, EL_SIGN, AT_X + p->dx, AT_Y + p->dy, p->sigma_mm, 70, 0);
        else
            rig_saw(&r, &o, EL_SIGN, AT_X + noise(&rnd, 500), AT_Y + noise(&rnd, 500), 500, 70, 0);
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        rig_end(&r);
    }
    assert_int_equal(r.n_versions, 1);
    assert_int_equal(r.versions[0].n_changes, 1);
    struct map_point at = r.versions[0].changes[0].after.points[0];
    rig_free(&r);
    return at;
}

/* A sign is put where seven honest cars see it, whichever of the eight says that it stands 3 m beside, to the millimetre. */
static void test_one_liar(void **state) {
    (void)state;
    enum { RUNS = 40 };
    static const int when[] = {0, 3, HONEST};
    for (size_t k = 0; k < ARRAY_LEN(when); k++) {
        int64_t square = 0;
        for (uint64_t seed = 0; seed < RUNS; seed++) {
            const struct play p = {when[k], 2500, 1500, 1};
            struct map_point at = published(&p, seed);
            struct fusion_point f = {at.x, at.y, 1};
            assert_in_range(apart(&f, AT_X, AT_Y), 0, 900);
            square += (int64_t)distance2(at.x, at.y, AT_X, AT_Y);
        }
        /* Per axis; without a liar it is 0.19 m. */
        assert_in_range(fusion_sqrt((uint64_t)square / RUNS / 2), 0, 260);
    }
}

/* One that stays near enough not to be noticed moves the sign by a quarter of that at most, and a bit of noise. */
static void test_one_sly_liar(void **state) {
    (void)state;
    enum { RUNS = 40 };
    int64_t sum = 0;
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        const struct play p = {2, 800, 0, 1};
        sum += published(&p, seed).x - AT_X;
    }
    assert_in_range(sum / RUNS + 1000, 1000 - 60, 1000 + 260);
}

/* The policy's floor is of the sensor, so a better one may say more. */
static void test_floor(void **state) {
    (void)state;
    struct map_rig r;
    struct mapset m = {.ns = "rig"};
    struct element e = rig_sign(1, 50, 0, AT_Y, 0);
    mapset_add(&m, &e);
    rig_start(&r, &m);
    static const enum sensor_class class[] = {
        SENSOR_UNKNOWN, SENSOR_CAMERA_GOOD, SENSOR_CAMERA_BASIC, SENSOR_LIDAR, SENSOR_ROADSIDE};
    static const uint32_t least[] = {500, 200, 300, 100, 50};
    for (uint32_t i = 0; i < ARRAY_LEN(class); i++) {
        rig_begin(&r, r.now_ms + 20000);
        struct rig_car car = {.id = i, .family = 1, .sensor = class[i], .x = AT_X - 40000};
        struct observation o = rig_look(&r, &car);
        rig_saw(&r, &o, EL_SIGN, AT_X, AT_Y, 1, 70, 0);
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        rig_end(&r);
        const struct map_contract *c = r.contract.self;
        assert_int_equal(c->n_places, 1);
        assert_int_equal(c->places[0]->spot.n, i + 1);
        assert_int_equal(c->places[0]->spot.points[i].sigma_mm, least[i]);
    }
    rig_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_outliers),
        cmocka_unit_test(test_settled),
        cmocka_unit_test(test_one_family),
        cmocka_unit_test(test_heading),
        cmocka_unit_test(test_one_liar),
        cmocka_unit_test(test_one_sly_liar),
        cmocka_unit_test(test_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
