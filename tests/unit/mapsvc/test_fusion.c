/* Evidence arithmetic against the figures it was specified with. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "mapsvc/fuse/fusion.h"
#include "mapsvc/model/ints.h"

static void test_log2(void **state) {
    (void)state;
    static const struct {
        uint32_t x;
        int64_t log2;
    } v[] = {{1, 0}, {2, 65536}, {3, 103872}, {5, 152169}, {10, 217705}, {1000, 653117},
        {20000, 936359}, {950000, 1301385}, {1000000, 1306235}, {4294967295U, 2097151}};
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        assert_int_equal(fusion_log2(v[i].x), v[i].log2);
    for (uint32_t x = 1; x < 200000; x++)
        assert_true(fusion_log2(x) <= fusion_log2(x + 1));
}

static void test_weights(void **state) {
    (void)state;
    static const struct {
        uint32_t tpr, fpr;
        int64_t detect, miss;
    } v[] = {{990000, 1000, 652168, -435317}, {950000, 20000, 365026, -281332},
        {900000, 50000, 273280, -212856}, {800000, 20000, 348778, -150260},
        {700000, 100000, 183983, -103872}};
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct fusion_weight w = fusion_weigh(v[i].tpr, v[i].fpr);
        assert_int_equal(w.detect, v[i].detect);
        assert_int_equal(w.miss, v[i].miss);
    }
    /* Worse than chance is nothing, not the opposite. */
    assert_int_equal(fusion_weigh(100000, 700000).detect, 0);
    assert_int_equal(fusion_weigh(100000, 700000).miss, 0);
}

/* Passes until plain CUSUM confirms, each pass a group of its own. */
static unsigned passes_to(
    struct fusion_weight w, uint32_t tpr_ppm, unsigned h, struct ws_random *r) {
    struct fusion_weight all[SENSOR_RANKS] = {{0}};
    all[SENSOR_CAMERA_GOOD] = w;
    int64_t s = 0;
    for (unsigned n = 1;; n++) {
        struct fusion_counts c = {0};
        if (ws_random_below(r, 1000000) < tpr_ppm)
            c.detect[SENSOR_CAMERA_GOOD] = 1;
        else
            c.miss[SENSOR_CAMERA_GOOD] = 1;
        s += fusion_group_bits(&c, all, 62 * BIT_Q16);
        if (s < 0)
            s = 0;
        if (s >= (int64_t)h * BIT_Q16)
            return n;
    }
}

static int by_number(const void *a, const void *b) {
    unsigned x = *(const unsigned *)a;
    unsigned y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

/* The table of simulated delays: mean within 0.15 passes, 95th percentile within one. */
static void test_delays(void **state) {
    (void)state;
    static const struct {
        uint32_t tpr, fpr;
        unsigned h, mean_x10, p95;
    } v[] = {{950000, 20000, 12, 32, 4}, {950000, 20000, 20, 44, 6}, {950000, 20000, 31, 66, 9},
        {800000, 20000, 12, 39, 7}, {800000, 20000, 20, 57, 10}, {800000, 20000, 31, 86, 13},
        {700000, 100000, 12, 83, 15}, {700000, 100000, 20, 137, 23}, {700000, 100000, 31, 211, 32}};
    enum { RUNS = 20000 };
    static unsigned runs[RUNS];
    struct ws_random r = ws_random_seeded(20240501);
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct fusion_weight w = fusion_weigh(v[i].tpr, v[i].fpr);
        uint64_t sum = 0;
        for (unsigned k = 0; k < RUNS; k++) {
            runs[k] = passes_to(w, v[i].tpr, v[i].h, &r);
            sum += runs[k];
        }
        qsort(runs, RUNS, sizeof(runs[0]), by_number);
        int64_t mean_x100 = (int64_t)(sum * 100 / RUNS);
        if (llabs(mean_x100 - 10 * (int64_t)v[i].mean_x10) > 15)
            fail_msg("row %zu: mean %lld/100, not %u/10", i, (long long)mean_x100, v[i].mean_x10);
        unsigned p95 = runs[RUNS * 95 / 100];
        if (p95 + 1 < v[i].p95 || p95 > v[i].p95 + 1)
            fail_msg("row %zu: p95 %u, not %u", i, p95, v[i].p95);
    }
}

static void test_group(void **state) {
    (void)state;
    struct fusion_weight w[SENSOR_RANKS] = {{0}};
    w[SENSOR_CAMERA_GOOD] = fusion_weigh(950000, 20000);
    w[SENSOR_ROADSIDE] = fusion_weigh(990000, 1000);
    const int64_t cap = 8 * BIT_Q16;
    struct fusion_counts c = {0};
    assert_int_equal(fusion_group_bits(&c, w, cap), 0);
    c.detect[SENSOR_CAMERA_GOOD] = 1;
    assert_int_equal(fusion_group_bits(&c, w, cap), 365026);
    c.detect[SENSOR_CAMERA_GOOD] = 2;
    assert_int_equal(fusion_group_bits(&c, w, 62 * BIT_Q16), 365026 + 182513);
    c.detect[SENSOR_CAMERA_GOOD] = 5;
    assert_int_equal(fusion_group_bits(&c, w, 62 * BIT_Q16), 365026 + 182513 + 91256 + 2 * 45628);
    assert_int_equal(fusion_group_bits(&c, w, cap), cap);
    c.detect[SENSOR_CAMERA_GOOD] = UINT16_MAX;
    assert_int_equal(fusion_group_bits(&c, w, cap), cap);
    /* The strongest member counts in full, whatever the class numbers. */
    c = (struct fusion_counts){0};
    c.detect[SENSOR_CAMERA_GOOD] = 1;
    c.detect[SENSOR_ROADSIDE] = 1;
    assert_int_equal(fusion_group_bits(&c, w, 62 * BIT_Q16), 652168 + 182513);
    c.miss[SENSOR_CAMERA_GOOD] = 2;
    assert_int_equal(fusion_group_bits(&c, w, 62 * BIT_Q16), 652168 + 182513 - 281332 - 140666);
    c = (struct fusion_counts){0};
    c.miss[SENSOR_ROADSIDE] = 9;
    assert_int_equal(fusion_group_bits(&c, w, cap), -cap);
}

static void test_decay(void **state) {
    (void)state;
    static const int64_t factor[] = {
        65536, 60096, 55108, 50535, 46340, 42494, 38967, 35733, 32768, 30048};
    for (uint64_t i = 0; i < ARRAY_LEN(factor); i++) {
        assert_int_equal(fusion_decay(65536, i), factor[i]);
        assert_int_equal(fusion_decay(-65536, i), -factor[i]);
    }
    assert_int_equal(fusion_decay(20 * BIT_Q16, 16), 5 * BIT_Q16);
    assert_int_equal(fusion_decay(INT64_MAX, 8), INT64_MAX / 2);
    assert_int_equal(fusion_decay(INT64_MAX, UINT64_MAX), 0);
}

static void test_position(void **state) {
    (void)state;
    /* The worked example, on both axes. */
    struct fusion_point p[FUSION_MAX_POINTS] = {
        {12340, -12340, 150}, {12710, -12710, 400}, {12455, -12455, 200}};
    struct fusion_point r = fusion_position(p, 3);
    assert_int_equal(r.x, 12409);
    assert_int_equal(r.sigma_mm, 114);
    assert_true(r.y == -12409 || r.y == -12410);

    /* One liar among six is left out; of five none may be. */
    for (int i = 0; i < 6; i++)
        p[i] = (struct fusion_point){1000 + 10 * i, 500, 200};
    p[3].x = 90000;
    assert_true(fusion_position(p, 6).x < 1100);
    p[3] = p[5];
    p[2].x = 90000;
    assert_true(fusion_position(p, 5).x > 10000);

    /* Extremes stay in range. */
    for (int i = 0; i < FUSION_MAX_POINTS; i++)
        p[i] = (struct fusion_point){INT32_MAX, INT32_MIN, i % 2 == 0 ? 1 : 20000};
    r = fusion_position(p, FUSION_MAX_POINTS);
    assert_int_equal(r.x, INT32_MAX);
    assert_int_equal(r.y, INT32_MIN);

    /* Order does not matter. */
    struct ws_random rnd = ws_random_seeded(11);
    for (int k = 0; k < 300; k++) {
        size_t n = 1 + (size_t)ws_random_below(&rnd, FUSION_MAX_POINTS);
        for (size_t i = 0; i < n; i++)
            p[i] = (struct fusion_point){(int32_t)ws_random_below(&rnd, 4000),
                (int32_t)ws_random_below(&rnd, 4000), 1 + (uint32_t)ws_random_below(&rnd, 900)};
        struct fusion_point a = fusion_position(p, n);
        for (size_t i = n; i-- > 1;) {
            size_t j = (size_t)ws_random_below(&rnd, i + 1);
            struct fusion_point t = p[i];
            p[i] = p[j];
            p[j] = t;
        }
        struct fusion_point b = fusion_position(p, n);
        assert_memory_equal(&a, &b, sizeof(a));
    }
}

static void test_arithmetic(void **state) {
    (void)state;
    assert_int_equal(floor_div(7, 2), 3);
    assert_int_equal(floor_div(-7, 2), -4);
    assert_int_equal(floor_div(-8, 2), -4);
    assert_int_equal(fusion_sqrt(0), 0);
    assert_int_equal(fusion_sqrt(13211), 114);
    assert_int_equal(fusion_sqrt(UINT64_MAX), UINT32_MAX);
    for (uint64_t x = 1; x < 3000; x++) {
        assert_int_equal(fusion_sqrt(x * x), x);
        assert_int_equal(fusion_sqrt(x * x - 1), x - 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log2),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_group),
        cmocka_unit_test(test_decay),
        cmocka_unit_test(test_position),
        cmocka_unit_test(test_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
