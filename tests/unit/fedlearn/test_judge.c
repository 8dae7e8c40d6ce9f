/* Robust aggregation: each rule at its boundary, the same integers in any order and on any processor, and what
 * attackers get out of it. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "fedlearn/round/judge.h"
#include "fedlearn/round/judge_kernels.h"

#include <math.h>

enum { D = 300, G = 24, ONE = 1 << FL_PARAM_FRACTION };
/* S = 127 / (127 / 512) = 512 symbols a unit; C S = 768 */
static const struct fl_scale scale = {
    .bits = 8, .clip = ONE + ONE / 2, .clip_inf = 127 * (ONE / 512)};

struct cell {
    int32_t sum[G][D];
    struct fl_group group[G];
    struct fl_verdict verdict[G];
    struct fl_judged judged;
    int32_t step[D];
};

static int32_t bell(struct ws_random *rnd, int32_t sigma) {
    int64_t sum = 0;
    for (int i = 0; i < 12; i++)
        sum += (int64_t)ws_random_below(rnd, 2000001) - 1000000;
    return (int32_t)(sum * sigma / 2000000);
}

/* Honest groups of 8: a common step of 10 symbols with alternating sign, and noise. */
static void honest(struct cell *c, size_t groups, uint64_t seed) {
    struct ws_random rnd = ws_random_seeded(seed);
    *c = (struct cell){0};
    for (size_t g = 0; g < groups; g++) {
        c->group[g] = (struct fl_group){.id = 100 + (uint32_t)g, .weight = 8, .sum = c->sum[g]};
        for (size_t i = 0; i < D; i++)
            c->sum[g][i] = (i % 2 == 0 ? 80 : -80) + bell(&rnd, 40);
    }
}

static void judge(struct cell *c, const struct fl_rules *rules, size_t groups) {
    struct ws_err err;
    if (fl_judge(&scale, rules, c->group, groups, NULL, D, c->step, c->verdict, &c->judged, &err) !=
        0)
        fail_msg("%s", err.text);
}

/* Every coordinate within `limit` of 10 symbols = 10 / 512 units. */
static void assert_step(const struct cell *c, double limit) {
    assert_true(c->judged.step);
    for (size_t i = 0; i < D; i++) {
        double v = c->step[i] * 512.0 / ONE * (i % 2 == 0 ? 1 : -1);
        assert_true(fabs(v - 10) < limit);
    }
}

static void test_mean_is_exact(void **state) {
    (void)state;
    static struct cell c;
    honest(&c, 3, 1);
    c.group[2].weight = 5;
    struct fl_rules rules = FL_RULES_DEFAULT;
    rules.clip_thousandths = 0;
    rules.location = FL_LOCATION_MEAN;
    judge(&c, &rules, 3);
    assert_int_equal(c.judged.vehicles, 21);
    for (size_t i = 0; i < D; i++) {
        double want = (c.sum[0][i] + c.sum[1][i] + c.sum[2][i]) / 21.0 * ONE / 512;
        assert_true(fabs(c.step[i] - want) < 0.51);
    }
}

/* Groups of suspects are measured by the free ones, and move nothing: not the step, nor any bound. */
static void test_suspects_move_nothing(void **state) {
    (void)state;
    static struct cell alone, c;
    struct fl_rules rules = FL_RULES_DEFAULT;
    for (int location = 0; location < FL_LOCATION_COUNT; location++) {
        rules.location = (enum fl_location)location;
        honest(&alone, 9, 3);
        judge(&alone, &rules, 9);
        honest(&c, 9, 3);
        /* As many again: four far off, four that hide beside the honest ones, one that is none. */
        for (size_t g = 9; g < 18; g++) {
            c.group[g] = c.group[g - 9];
            c.group[g].id = (uint32_t)g; /* before all others */
            c.group[g].suspects = true;
            c.group[g].sum = c.sum[g];
            memcpy(c.sum[g], c.sum[g - 9], sizeof(c.sum[g]));
        }
        for (size_t g = 9; g < 13; g++)
            for (size_t i = 0; i < D; i++)
                c.sum[g][i] = -c.sum[g][i];
        c.group[17].found = FL_MALFORMED;
        judge(&c, &rules, 18);
        assert_memory_equal(c.step, alone.step, sizeof(c.step));
        assert_memory_equal(&c.judged, &alone.judged, sizeof(c.judged));
        for (size_t g = 0; g < 9; g++)
            assert_memory_equal(&c.verdict[9 + g], &alone.verdict[g], sizeof(c.verdict[0]));
        for (size_t g = 0; g < 8; g++) {
            const struct fl_verdict *v = &c.verdict[g];
            const bool far = location == FL_LOCATION_DISTANCE && g < 4;
            assert_false(v->clipped);
            if (far)
                assert_int_equal(v->code, FL_DISTANT);
            if (location == FL_LOCATION_DISTANCE && g >= 4) {
                assert_int_equal(
                    v->code, alone.verdict[g].code); /* the same sum, the same distance */
                assert_int_equal(v->distance, alone.verdict[g].distance);
            }
        }
        assert_int_equal(c.verdict[8].code, FL_MALFORMED);
    }
}

static void test_bounds(void **state) {
    (void)state;
    static struct cell c;
    struct fl_rules rules = FL_RULES_DEFAULT;
    honest(&c, 8, 2);
    c.sum[1][D - 1] = 8 * 127;
    c.sum[2][D - 1] = 8 * 127 + 1;
    c.sum[3][0] = INT32_MIN;
    c.group[4].found = FL_MALFORMED;
    c.group[4].sum = NULL;
    judge(&c, &rules, 8);
    assert_int_not_equal(c.verdict[1].code, FL_OUT_OF_RANGE);
    assert_int_equal(c.verdict[2].code, FL_OUT_OF_RANGE);
    assert_int_equal(c.verdict[3].code, FL_OUT_OF_RANGE);
    assert_int_equal(c.verdict[4].code, FL_MALFORMED);
    assert_string_equal(fl_verdict_name(c.verdict[4].code), "malformed");
    assert_int_equal(c.verdict[0].code, FL_ACCEPTED);

    /* Norm: exactly at the bound of 8 members, and one symbol more. 8 sqrt(768^2 + 75) = 6144.39, rounded up. */
    honest(&c, 8, 2);
    assert_int_equal(fl_group_bound(&scale, D, 8), 6145);
    memset(c.sum[0], 0, sizeof(c.sum[0]));
    uint64_t left = (uint64_t)6145 * 6145;
    for (size_t i = 0; left != 0; i++) {
        uint64_t v = fl_isqrt(left) < 1016 ? fl_isqrt(left) : 1016;
        c.sum[0][i] = (int32_t)v;
        left -= v * v;
    }
    judge(&c, &rules, 8);
    assert_int_equal(c.verdict[0].norm, 6145);
    assert_int_not_equal(c.verdict[0].code, FL_OUT_OF_NORM);
    c.sum[0][D - 1] = 1;
    judge(&c, &rules, 8);
    assert_int_equal(c.verdict[0].code, FL_OUT_OF_NORM);
    assert_step(&c, 8); /* noise of 5 over 7 groups: four deviations */
}

static void test_too_few(void **state) {
    (void)state;
    static struct cell c;
    struct fl_rules rules = FL_RULES_DEFAULT;
    rules.min_groups = 4;
    honest(&c, 5, 3);
    c.group[0].found = c.group[3].found = FL_MALFORMED;
    judge(&c, &rules, 5);
    assert_false(c.judged.step);
    assert_int_equal(c.judged.step_norm, 0);
    for (size_t i = 0; i < D; i++)
        assert_int_equal(c.step[i], 0);
    /* All of them out, one alone, all zero: no division by anything. */
    for (size_t g = 0; g < 5; g++)
        c.group[g].found = FL_MALFORMED;
    judge(&c, &rules, 5);
    assert_false(c.judged.step);
    rules.min_groups = 1;
    for (int where = 0; where < FL_LOCATION_COUNT; where++) {
        rules.location = (enum fl_location)where;
        honest(&c, 8, 3);
        judge(&c, &rules, 1);
        assert_true(c.judged.step);
        memset(c.sum, 0, sizeof(c.sum));
        judge(&c, &rules, 8);
        assert_true(c.judged.step);
        assert_int_equal(c.judged.step_norm, 0);
    }
}

static void test_clip(void **state) {
    (void)state;
    static struct cell c;
    struct fl_rules rules = FL_RULES_DEFAULT;
    rules.location = FL_LOCATION_MEAN;
    honest(&c, 5, 4);
    for (size_t i = 0; i < D; i++)
        c.sum[4][i] *= 3; /* three times the median: clipped to two */
    judge(&c, &rules, 5);
    for (size_t g = 0; g < 5; g++)
        assert_int_equal(c.verdict[g].clipped, g == 4);
    assert_step(&c, 12);
    double mean = 0;
    for (size_t i = 0; i < D; i++)
        mean += c.step[i] * 512.0 / ONE * (i % 2 == 0 ? 1 : -1) / D;
    assert_true(fabs(mean - 12) < 0.3); /* (4 * 10 + 20) / 5 */
}

static void test_direction(void **state) {
    (void)state;
    static struct cell c;
    static int32_t reference[D];
    struct fl_rules rules = FL_RULES_DEFAULT;
    rules.cosine_thousandths = 0;
    honest(&c, 6, 5);
    for (size_t i = 0; i < D; i++) {
        reference[i] = i % 2 == 0 ? 1000 : -1000;
        c.sum[1][i] = -c.sum[1][i];
        c.sum[2][i] = i % 4 < 2 ? 0 : 70; /* orthogonal: cosine 0, not below 0 */
    }
    struct ws_err err;
    assert_int_equal(
        fl_judge(&scale, &rules, c.group, 6, reference, D, c.step, c.verdict, &c.judged, &err), 0);
    assert_int_equal(c.verdict[1].code, FL_AGAINST);
    assert_int_not_equal(c.verdict[2].code, FL_AGAINST);
    assert_int_equal(c.verdict[0].code, FL_ACCEPTED);
    rules.cosine_thousandths = 900; /* 80 beside noise of 40: cosine 0.894 */
    assert_int_equal(
        fl_judge(&scale, &rules, c.group, 6, reference, D, c.step, c.verdict, &c.judged, &err), 0);
    assert_int_equal(c.verdict[2].code, FL_AGAINST);
    memset(reference, 0, sizeof(reference)); /* the first round has no step before it */
    assert_int_equal(
        fl_judge(&scale, &rules, c.group, 6, reference, D, c.step, c.verdict, &c.judged, &err), 0);
    for (size_t g = 0; g < 6; g++)
        assert_int_not_equal(c.verdict[g].code, FL_AGAINST);
    reference[7] = FL_PARAM_MAX + 1;
    assert_int_equal(
        fl_judge(&scale, &rules, c.group, 6, reference, D, c.step, c.verdict, &c.judged, &err),
        WS_EINPUT);
}

/* A part of the step before comes on top, rounded half away from zero, in every rule of location. */
static void test_momentum(void **state) {
    (void)state;
    static struct cell c;
    static struct cell with;
    static int32_t before[D];
    struct ws_random rnd = ws_random_seeded(11);
    for (size_t i = 0; i < D; i++)
        before[i] = bell(&rnd, 1 << 20);
    before[0] = FL_PARAM_MAX;
    before[1] = -5;
    for (int where = 0; where < FL_LOCATION_COUNT; where++) {
        honest(&c, 9, 5);
        struct fl_rules rules = FL_RULES_DEFAULT;
        rules.location = (enum fl_location)where;
        rules.momentum_thousandths = 0;
        judge(&c, &rules, 9);
        with = c;
        rules.momentum_thousandths = 900;
        assert_int_equal(fl_judge(&scale, &rules, c.group, 9, before, D, with.step, with.verdict,
                             &with.judged, NULL),
            0);
        for (size_t i = 0; i < D; i++) {
            double want = c.step[i] + round(before[i] * 0.9);
            assert_int_equal(with.step[i], (int32_t)fmin(want, FL_PARAM_MAX));
        }
        judge(&with, &rules, 9); /* none before */
        assert_memory_equal(with.step, c.step, sizeof(c.step));
    }
}

/* Sign-flips that stay inside every bound: the mean is lost, each rule of location holds. */
static void test_location(void **state) {
    (void)state;
    static struct cell c;
    struct fl_rules rules = FL_RULES_DEFAULT;
    for (int where = FL_LOCATION_TRIMMED; where < FL_LOCATION_COUNT; where++) {
        size_t groups = where == FL_LOCATION_KRUM ? 19 : 24;
        honest(&c, groups, 6);
        for (size_t g = 0; g < 5; g++)
            for (size_t i = 0; i < D; i++)
                c.sum[g][i] *= -3;
        rules.location = (enum fl_location)where;
        judge(&c, &rules, groups);
        assert_int_equal(c.judged.location, where);
        assert_step(&c, 6);
        for (size_t g = 0; g < 5; g++)
            assert_int_equal(c.verdict[g].code, where == FL_LOCATION_TRIMMED    ? FL_ACCEPTED
                                                : where == FL_LOCATION_DISTANCE ? FL_DISTANT
                                                                                : FL_NOT_CHOSEN);
        for (size_t g = 5; g < groups && where == FL_LOCATION_DISTANCE; g++)
            assert_int_equal(c.verdict[g].code, FL_ACCEPTED);
    }
    rules.location = FL_LOCATION_KRUM;
    honest(&c, 20, 6);
    judge(&c, &rules, 20);
    assert_int_equal(c.judged.location, FL_LOCATION_DISTANCE);
    rules.location = FL_LOCATION_TRIMMED;
    judge(&c, &rules, 7);
    assert_int_equal(c.judged.location, FL_LOCATION_DISTANCE);
}

/* Any order of the groups: the same octets. */
static void test_order(void **state) {
    (void)state;
    static struct cell c;
    static struct cell twin;
    struct ws_random rnd = ws_random_seeded(7);
    for (int where = 0; where < FL_LOCATION_COUNT; where++) {
        size_t groups = where == FL_LOCATION_KRUM ? 17 : 24;
        honest(&c, groups, 7);
        for (size_t i = 0; i < D; i++) { /* ties, too */
            c.sum[3][i] *= -2;
            c.sum[4][i] = c.sum[5][i] = c.sum[6][i];
        }
        struct fl_rules rules = FL_RULES_DEFAULT;
        rules.location = (enum fl_location)where;
        judge(&c, &rules, groups);
        for (unsigned k = 0; k < 10; k++) {
            twin = c;
            for (size_t i = groups; i > 1; i--) {
                size_t at = ws_random_below(&rnd, i);
                struct fl_group swap = twin.group[i - 1];
                twin.group[i - 1] = twin.group[at];
                twin.group[at] = swap;
            }
            judge(&twin, &rules, groups);
            assert_memory_equal(twin.step, c.step, sizeof(c.step));
            for (size_t g = 0; g < groups; g++) {
                assert_int_equal(twin.verdict[g].id, 100 + g);
                assert_int_equal(twin.verdict[g].code, c.verdict[g].code);
                assert_int_equal(twin.verdict[g].distance, c.verdict[g].distance);
            }
        }
    }
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void check_sort(const struct fl_kernels *k, struct ws_random *rnd) {
    static int64_t rows[FL_MAX_GROUPS * FL_TILE];
    static int64_t was[FL_MAX_GROUPS * FL_TILE];
    for (size_t n = 1; n <= FL_MAX_GROUPS; n += n < 40 ? 1 : 27) {
        for (size_t i = 0; i < n * FL_TILE; i++)
            was[i] = rows[i] = (int64_t)(ws_random_u64(rnd) >> (i % 60)) - (1 << 20);
        k->sort(rows, n);
        for (size_t i = 0; i < FL_TILE; i++) {
            int64_t column[FL_MAX_GROUPS];
            for (size_t r = 0; r < n; r++)
                column[r] = was[r * FL_TILE + i];
            qsort(column, n, sizeof(column[0]), by_value);
            for (size_t r = 0; r < n; r++)
                assert_true(rows[r * FL_TILE + i] == column[r]);
        }
    }
}

/* Each kernel at its extremes, the best of this processor against the portable one. */
static void test_kernels(void **state) {
    (void)state;
    const struct fl_kernels *best = fl_kernels(false);
    const struct fl_kernels *plain = fl_kernels(true);
    print_message("kernels: %s\n", best->name);
    struct ws_random rnd = ws_random_seeded(8);
    check_sort(best, &rnd);
    check_sort(plain, &rnd);
    int32_t v[FL_TILE];
    int32_t w[FL_TILE];
    int64_t a[FL_TILE];
    int64_t b[FL_TILE];
    for (unsigned round = 0; round < 500; round++) {
        size_t n = 1 + ws_random_below(&rnd, FL_TILE);
        for (size_t i = 0; i < FL_TILE; i++) {
            bool extreme = round < 20;
            bool up = ws_random_below(&rnd, 2) == 0;
            v[i] = extreme ? (up ? 1 << 25 : -(1 << 25)) : bell(&rnd, 1 << 22);
            w[i] = extreme ? (up ? FL_PARAM_MAX : -FL_PARAM_MAX) : bell(&rnd, 1 << 22);
        }
        assert_true(best->squares(v, n) == plain->squares(v, n));
        assert_true(best->dot(v, w, n) == plain->dot(v, w, n));
        int32_t bound = 1 << (round % 31);
        bool in = true;
        for (size_t i = 0; i < n; i++)
            in = in && abs(v[i]) <= bound;
        assert_int_equal(best->inside(v, n, bound), in);
        assert_int_equal(plain->inside(v, n, bound), in);
        best->means(v, n, ((int64_t)1 << 40) / 1024, a);
        plain->means(v, n, ((int64_t)1 << 40) / 1024, b);
        assert_memory_equal(a, b, sizeof(a));
        for (size_t i = n; i < FL_TILE; i++)
            assert_true(a[i] == 0);
        for (size_t i = 0; i < n; i++)
            assert_true(a[i] == (int64_t)v[i] * (1 << 14));
        for (size_t i = 0; i < FL_TILE; i++)
            b[i] = -a[i];
        assert_true(best->distance2(a, b) == plain->distance2(a, b));
        int64_t s[FL_TILE] = {0};
        int64_t t[FL_TILE] = {0};
        best->add(s, a, 1024);
        plain->add(t, a, 1024);
        assert_memory_equal(s, t, sizeof(s));
    }
    assert_false(best->inside((const int32_t[]){INT32_MIN}, 1, INT32_MAX));
    for (size_t i = 0; i < FL_TILE; i++) { /* the largest difference there can be */
        a[i] = (int64_t)1 << 39;
        b[i] = -a[i];
    }
    assert_true(best->distance2(a, b) == (uint64_t)FL_TILE << 56);
}

/* The largest sums a round can have: nothing overflows (the sanitizers watch), the mean is what it is. */
static void test_extremes(void **state) {
    (void)state;
    struct fl_scale wide = {.bits = 16, .clip = 1 << 30, .clip_inf = 1 << 26};
    enum { N = 1000, GROUPS = 9 };
    int32_t *sum = ws_calloc(N, sizeof(*sum));
    int32_t *step = ws_calloc(N, sizeof(*step));
    struct fl_group group[GROUPS];
    struct fl_verdict verdict[GROUPS];
    struct fl_judged judged;
    for (size_t i = 0; i < N; i++)
        sum[i] = (i % 3 == 0 ? -1 : 1) * 1024 * 512; /* 512 sqrt(1000) < C S = 2^4 * 32767 */
    for (uint32_t g = 0; g < GROUPS; g++)
        group[g] = (struct fl_group){.id = g, .weight = FL_MAX_WEIGHT, .sum = sum};
    for (int where = 0; where < FL_LOCATION_COUNT; where++) {
        struct fl_rules rules = FL_RULES_DEFAULT;
        rules.location = (enum fl_location)where;
        assert_int_equal(
            fl_judge(&wide, &rules, group, GROUPS, NULL, N, step, verdict, &judged, NULL), 0);
        assert_true(judged.step);
        for (size_t i = 0; i < N; i++)
            assert_in_range(
                (uint64_t)(step[i] * (i % 3 == 0 ? -1 : 1)), 1048607, 1048609); /* 2^35 / 32767 */
    }
    /* A factor that takes a step beyond the model's range stops at it. */
    for (size_t i = 0; i < N; i++)
        sum[i] = i == 0 ? 1024 * 32767 : 0;
    struct fl_rules rules = FL_RULES_DEFAULT;
    assert_int_equal(
        fl_judge(&wide, &rules, group, GROUPS, NULL, N, step, verdict, &judged, NULL), 0);
    assert_int_equal(step[0], FL_PARAM_MAX);
    free(sum);
    free(step);
}

static void test_refusals(void **state) {
    (void)state;
    static struct cell c;
    honest(&c, 4, 9);
    struct ws_err err;
    struct fl_rules rules = FL_RULES_DEFAULT;
    int32_t *step = c.step;
#define REFUSED(n, d, why)                                                                         \
    do {                                                                                           \
        assert_int_equal(                                                                          \
            fl_judge(&scale, &rules, c.group, n, NULL, d, step, c.verdict, &c.judged, &err),       \
            WS_EINPUT);                                                                            \
        if (strstr(err.text, why) == NULL)                                                         \
            fail_msg("%s", err.text);                                                              \
    } while (0)
    REFUSED(0, D, "0 groups");
    REFUSED(FL_MAX_GROUPS + 1, D, "257 groups");
    REFUSED(4, 0, "sums of 0");
    REFUSED(4, FL_MAX_PARAMS + 1, "sums of 1048577");
    c.group[1].id = 100;
    REFUSED(4, D, "group 100 is there twice");
    c.group[1].id = 101;
    c.group[2].weight = 0;
    REFUSED(4, D, "group 102 has weight 0");
    c.group[2].weight = FL_MAX_WEIGHT + 1;
    REFUSED(4, D, "weight 1025");
    c.group[2].weight = 8;
#define RULE(field, value, why)                                                                    \
    do {                                                                                           \
        rules = FL_RULES_DEFAULT;                                                                  \
        rules.field = value;                                                                       \
        REFUSED(4, D, why);                                                                        \
    } while (0)
    RULE(min_groups, 0, "min_groups");
    RULE(min_groups, FL_MAX_GROUPS + 1, "min_groups");
    RULE(cosine_thousandths, 1001, "cosine");
    RULE(location, FL_LOCATION_COUNT, "rule of location");
    RULE(trim_thousandths, 500, "half");
    RULE(krum_thousandths, 500, "half");
    RULE(clip_thousandths, 1000001, "multiple");
    RULE(momentum_thousandths, 991, "momentum");
}

static void test_apply(void **state) {
    (void)state;
    int32_t model[] = {5, FL_PARAM_MAX - 1, -FL_PARAM_MAX, 0};
    static const int32_t step[] = {-7, 2, -1, FL_PARAM_MAX};
    assert_int_equal(fl_model_apply(model, step, 4), 2);
    assert_int_equal(model[0], -2);
    assert_int_equal(model[1], FL_PARAM_MAX);
    assert_int_equal(model[2], -FL_PARAM_MAX);
    assert_int_equal(model[3], FL_PARAM_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mean_is_exact),
        cmocka_unit_test(test_suspects_move_nothing), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_too_few), cmocka_unit_test(test_clip),
        cmocka_unit_test(test_direction), cmocka_unit_test(test_momentum),
        cmocka_unit_test(test_location), cmocka_unit_test(test_order),
        cmocka_unit_test(test_kernels), cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_apply)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
