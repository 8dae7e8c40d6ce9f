/* Noise against its distribution, the account against the exact curve of the Gaussian mechanism. */
#include "tests/support/cm.h"

#include "fedlearn/vehicle/privacy.h"

#include <math.h>

enum { ONE = 1 << FL_PARAM_FRACTION };

/* Chi-square of the draws against exp(-x^2 / (2 s^2)) / sum, over cells with 20 draws expected and more. */
static void check_draws(uint32_t noise) {
    enum { N = 40000, HALF = 400 };
    static unsigned seen[2 * HALF + 1];
    memset(seen, 0, sizeof(seen));
    double sigma = noise / 256.0;
    struct ws_random rnd = ws_random_seeded(noise);
    double sum = 0;
    double squares = 0;
    for (unsigned i = 0; i < N; i++) {
        int32_t x = fl_noise_draw(noise, &rnd);
        assert_in_range(x + HALF, 0, 2 * HALF);
        seen[x + HALF]++;
        sum += x;
        squares += (double)x * x;
    }
    double whole = 0;
    double second = 0;
    for (int x = -HALF; x <= HALF; x++) {
        double w = exp(-x * x / (2 * sigma * sigma));
        whole += w;
        second += w * x * x;
    }
    double variance = second / whole;
    assert_true(fabs(sum / N) < 5 * sqrt(variance / N) + 1e-9);
    assert_true(fabs(squares / N - variance) < 5 * variance * sqrt(3.0 / N) + 1e-3);
    double chi = 0;
    unsigned cells = 0;
    for (int x = -HALF; x <= HALF; x++) {
        double want = N * exp(-x * x / (2 * sigma * sigma)) / whole;
        if (want < 20)
            continue;
        chi += (seen[x + HALF] - want) * (seen[x + HALF] - want) / want;
        cells++;
    }
    assert_true(chi < cells + 6 * sqrt(2.0 * cells) + 6);
}

static void test_draws(void **state) {
    (void)state;
    static const uint32_t noise[] = {64, 128, 256, 300, 700, 2560, 10000};
    for (size_t i = 0; i < ARRAY_LEN(noise); i++)
        check_draws(noise[i]);
    struct ws_random rnd = ws_random_seeded(9);
    double squares = 0;
    for (unsigned i = 0; i < 4000; i++) { /* the ends of the range */
        assert_int_equal(fl_noise_draw(1, &rnd), 0);
        double v = fl_noise_draw(1 << 23, &rnd) / 32768.0;
        squares += v * v;
    }
    assert_true(fabs(squares / 4000 - 1) < 5 * sqrt(2.0 / 4000));
}

static void test_add(void **state) {
    (void)state;
    struct fl_scale scale = {.bits = 8, .clip = ONE, .clip_inf = ONE / 4, .noise = 40 << 8};
    struct ws_random rnd = ws_random_seeded(1);
    enum { D = 5000 };
    static int32_t s[D];
    for (size_t i = 0; i < D; i++)
        s[i] = i % 2 == 0 ? 100 : 0;
    fl_noise_add(&scale, s, D, &rnd);
    size_t ends = 0;
    double squares = 0;
    for (size_t i = 0; i < D; i++) {
        assert_in_range(s[i] + 127, 0, 254);
        ends += s[i] == 127;
        squares += i % 2 == 1 ? (double)s[i] * s[i] : 0;
    }
    assert_in_range(ends, D / 2 / 5, D / 2 / 3); /* a quarter of those at 100 pass 127 */
    assert_true(fabs(sqrt(squares / D * 2) - 40) < 2.5);
    scale.noise = 0;
    int32_t before = s[0];
    fl_noise_add(&scale, s, D, &rnd);
    assert_int_equal(s[0], before);
}

static double normal(double x) {
    return erfc(-x / sqrt(2)) / 2;
}

/* Exact delta of a Gaussian mechanism of that rho at epsilon (Balle and Wang, 2018, theorem 8). */
static double exact_delta(double rho, double epsilon) {
    double mu = sqrt(2 * rho);
    return normal(mu / 2 - epsilon / mu) - exp(epsilon) * normal(-mu / 2 - epsilon / mu);
}

static void test_epsilon(void **state) {
    (void)state;
    for (int r = 0; r < 12; r++)
        for (int k = 3; k < 10; k++) {
            double rho = 1e-4 * pow(3, r);
            double delta = pow(10, -k);
            double e = fl_privacy_epsilon(rho, delta);
            /* Never better than the truth, and close to it. */
            assert_true(exact_delta(rho, e) <= delta * (1 + 1e-9));
            double low = 0;
            double high = e;
            for (unsigned i = 0; i < 60; i++) {
                double middle = (low + high) / 2;
                *(exact_delta(rho, middle) > delta ? &low : &high) = middle;
            }
            assert_true(e < 1.2 * high + 0.03);
            /* Better than the plain conversion rho + 2 sqrt(rho ln(1 / delta)) (Bun and Steinke, 2016). */
            assert_true(e < rho + 2 * sqrt(rho * log(1 / delta)));
        }
    assert_true(fl_privacy_epsilon(0, 1e-6) == 0);
    assert_true(isinf(fl_privacy_epsilon(INFINITY, 1e-6)));
}

static void test_account(void **state) {
    (void)state;
    /* C S = 508 symbols, (C S)^2 = 258064, + 153 */
    struct fl_scale scale = {.bits = 8, .clip = ONE, .clip_inf = ONE / 4, .noise = 100 << 8};
    assert_true(fabs(fl_privacy_rho(&scale, 612, 1) - 258217 / 20000.0) < 1e-9);
    assert_true(fabs(fl_privacy_rho(&scale, 612, 8) - 258217 / 160000.0) < 1e-9);
    struct fl_privacy p = {0};
    for (unsigned i = 0; i < 10; i++)
        fl_privacy_spend(&p, &scale, 612, 8);
    assert_int_equal(p.rounds, 10);
    assert_true(fabs(p.rho - 258217 / 16000.0) < 1e-9);
    /* Small noise: the sum of discrete Gaussians is charged for not being one. */
    scale.noise = 128;
    assert_true(fl_privacy_rho(&scale, 612, 8) > 258217 * 4 / 16.0 + 100);
    scale.noise = 0;
    assert_true(isinf(fl_privacy_rho(&scale, 612, 8)));
}

static void test_noise(void **state) {
    (void)state;
    struct fl_scale scale = {.bits = 12, .clip = ONE, .clip_inf = ONE / 4};
    struct ws_err err;
    uint32_t noise;
    assert_int_equal(fl_privacy_noise(&scale, 612, 8, 1, 16, 1e-6, &noise, &err), 0);
    scale.noise = noise;
    assert_true(fl_privacy_epsilon(fl_privacy_rho(&scale, 612, 8), 1e-6) <= 16);
    scale.noise = noise - 1;
    assert_true(fl_privacy_epsilon(fl_privacy_rho(&scale, 612, 8), 1e-6) > 16);
    scale.clip_inf = ONE;
    /* One round at epsilon 1: below the classical C sqrt(2 ln(1.25 / delta)) / epsilon, and not by half. */
    assert_int_equal(fl_privacy_noise(&scale, 612, 64, 1, 1, 1e-5, &noise, &err), 0);
    double classical = 2047 * sqrt(2 * log(1.25e5)) / sqrt(64);
    assert_true(noise / 256.0 < classical && noise / 256.0 > 0.7 * classical);
    assert_int_equal(fl_privacy_noise(&scale, 612, 1, 1000, 0.1, 1e-9, &noise, &err), WS_ENOTFOUND);
    assert_int_equal(fl_privacy_noise(&scale, 612, 8, 0, 1, 1e-6, &noise, &err), WS_EINPUT);
    assert_int_equal(fl_privacy_noise(&scale, 612, 8, 1, NAN, 1e-6, &noise, &err), WS_EINPUT);
    assert_int_equal(fl_privacy_noise(&scale, 612, 8, 1, 1, 1, &noise, &err), WS_EINPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_draws), cmocka_unit_test(test_add),
        cmocka_unit_test(test_epsilon), cmocka_unit_test(test_account),
        cmocka_unit_test(test_noise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
