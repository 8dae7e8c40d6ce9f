/* Symbols of an update: bounds, refusals, no bias. */
#include "tests/support/cm.h"

#include "fedlearn/vehicle/quantise.h"

#include <math.h>

#define ONE (1U << FL_PARAM_FRACTION)
static const struct fl_scale usual = {.bits = 8, .clip = ONE + ONE / 2, .clip_inf = ONE / 4};

static void test_isqrt(void **state) {
    (void)state;
    assert_int_equal(fl_isqrt(0), 0);
    for (uint64_t i = 1; i < 3000; i++) {
        uint64_t r = fl_isqrt(i);
        assert_true(r * r <= i && (r + 1) * (r + 1) > i);
    }
    struct ws_random rnd = ws_random_seeded(1);
    for (unsigned k = 0; k < 20000; k++) {
        uint64_t r = ws_random_u64(&rnd) >> (k % 64);
        if (r == 0)
            continue;
        unsigned __int128 square = (unsigned __int128)r * r;
        assert_int_equal(fl_isqrt(square), r);
        assert_int_equal(fl_isqrt(square - 1), r - 1);
    }
    assert_int_equal(fl_isqrt(~(unsigned __int128)0), UINT64_MAX);
}

static void test_constants(void **state) {
    (void)state;
    struct ws_err err;
    assert_int_equal(fl_scale_check(&usual, &err), 0);
    static const struct {
        struct fl_scale scale;
        const char *text;
    } bad[] = {
        {{3, ONE, ONE, 0}, "3 bits"},
        {{17, ONE, ONE, 0}, "17 bits"},
        {{8, 0, 0, 0}, "C of 0"},
        {{8, (1U << 30) + 1, ONE, 0}, "C of"},
        {{8, ONE, 0, 0}, "C_inf of 0"},
        {{8, ONE, ONE + 1, 0}, "C_inf of"},
        {{8, 1U << 30, (1U << 15) - 1, 0}, "C_inf of"},
        {{8, ONE, ONE, 128 << 8}, "noise"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(fl_scale_check(&bad[i].scale, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, bad[i].text));
    }
    /* (1.5 / 0.25 * 127)^2 + 612 / 4 */
    assert_int_equal(fl_member_bound2(&usual, 612), 762 * 762 + 153);
    assert_int_equal(
        fl_group_bound(&usual, 612, 8), 6097); /* ceil(8 sqrt(580797)) = ceil(6096.80) */
    struct fl_scale largest = {16, 1U << 30, 1U << 15, 0};
    assert_int_equal(fl_scale_check(&largest, NULL), 0);
    assert_true(fl_group_bound(&largest, FL_MAX_PARAMS, FL_MAX_WEIGHT) > 1U << 30);
}

static void test_refusals(void **state) {
    (void)state;
    struct ws_err err;
    struct fl_quantised q;
    struct ws_random rnd = ws_random_seeded(2);
    float u[70] = {0};
    int32_t s[70];
    static const struct {
        float v;
        const char *text;
    } bad[] = {{NAN, "parameter 69 of the update is not a number"},
        {INFINITY, "parameter 69 of the update is infinite"},
        {-INFINITY, "parameter 69 of the update is infinite"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        u[69] = bad[i].v;
        assert_int_equal(fl_quantise(&usual, u, 70, &rnd, s, &q, &err), WS_EINPUT);
        assert_string_equal(err.text, bad[i].text);
    }
    assert_int_equal(fl_quantise(&usual, u, 0, &rnd, s, &q, &err), WS_EINPUT);
    assert_int_equal(fl_quantise(&usual, u, FL_MAX_PARAMS + 1, &rnd, s, &q, &err), WS_EINPUT);
    /* All zero is an update like any other, and stays zero. */
    u[69] = 0;
    assert_int_equal(fl_quantise(&usual, u, 70, &rnd, s, &q, &err), 0);
    for (size_t i = 0; i < 70; i++)
        assert_int_equal(s[i], 0);
    /* The largest finite floats are clipped, not overflowed. */
    for (size_t i = 0; i < 70; i++)
        u[i] = i % 2 == 0 ? 3.4e38F : -3.4e38F;
    assert_int_equal(fl_quantise(&usual, u, 70, &rnd, s, &q, &err), 0);
    assert_true(q.clipped);
    for (size_t i = 0; i < 70; i++)
        assert_in_range(abs(s[i]), 90, 92); /* 762 / sqrt(70) = 91.08 */
}

/* Whatever comes in, every symbol and the norm are inside the public bounds. */
static void test_bounds(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(3);
    enum { D = 3000 };
    static float u[D];
    static int32_t s[D];
    for (unsigned k = 0; k < 300; k++) {
        struct fl_scale scale = {
            .bits = 4 + k % 13, .clip = 1 + (uint32_t)ws_random_below(&rnd, 1U << (10 + k % 20))};
        scale.clip_inf = (scale.clip >> (k % 12)) + 1;
        if (scale.clip_inf > scale.clip)
            scale.clip_inf = scale.clip;
        size_t d = 1 + ws_random_below(&rnd, D);
        int magnitude = (int)(k % 24) - 20;
        for (size_t i = 0; i < d; i++)
            u[i] = (float)ldexp((double)ws_random_below(&rnd, 2000001) - 1e6, magnitude);
        struct fl_quantised q;
        assert_int_equal(fl_quantise(&scale, u, d, &rnd, s, &q, NULL), 0);
        uint64_t norm2 = 0;
        for (size_t i = 0; i < d; i++) {
            assert_in_range((uint64_t)abs(s[i]), 0, (uint64_t)fl_symbol_max(&scale));
            norm2 += (uint64_t)((int64_t)s[i] * s[i]);
        }
        assert_true(norm2 <= fl_member_bound2(&scale, d));
    }
}

/* Rounding adds no bias: the mean of many is the value, within five deviations. */
static void test_unbiased(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(4);
    enum { N = 20000 };
    static const float u[] = {0.0001F, -0.0001F, 0.00098F, -0.0013F, 0.2F, -0.2499F, 0};
    int64_t sum[ARRAY_LEN(u)] = {0};
    for (unsigned k = 0; k < N; k++) {
        int32_t s[ARRAY_LEN(u)];
        struct fl_quantised q;
        assert_int_equal(fl_quantise(&usual, u, ARRAY_LEN(u), &rnd, s, &q, NULL), 0);
        for (size_t i = 0; i < ARRAY_LEN(u); i++)
            sum[i] += s[i];
    }
    for (size_t i = 0; i < ARRAY_LEN(u); i++) {
        double want = (double)u[i] * 127 / 0.25;
        assert_true(fabs((double)sum[i] / N - want) < 5 * 0.5 / sqrt(N));
    }
    assert_int_equal(sum[6], 0);
}

static void test_update(void **state) {
    (void)state;
    float local[] = {1.5F, -0.25F};
    int32_t global[] = {1 << 20, -(1 << 19)};
    float u[2];
    fl_update(local, global, 2, u);
    assert_true(u[0] == 0.5F && u[1] == 0.25F);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_isqrt),
        cmocka_unit_test(test_constants), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bounds), cmocka_unit_test(test_unbiased),
        cmocka_unit_test(test_update)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
