/* Integer inference: against floating point, at its extremes; confusion, veto, largest changes. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "fedlearn/round/model_eval.h"
#include "fedlearn/vehicle/quantise.h"

#include <math.h>

static int32_t spread(struct ws_random *rnd, int32_t max) {
    return (int32_t)ws_random_below(rnd, 2 * (uint64_t)max + 1) - max;
}

static void test_against_floats(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(1);
    static const struct fl_shape shapes[] = {{14, 32, 4}, {14, 0, 4}, {1, 1, 2}, {40, 7, 23}};
    for (size_t s = 0; s < ARRAY_LEN(shapes); s++) {
        struct fl_shape f = shapes[s];
        int32_t p[2000];
        int32_t x[64];
        int32_t hidden[64];
        int64_t out[FL_MAX_CLASSES];
        assert_true(fl_shape_params(&f) <= ARRAY_LEN(p));
        for (unsigned round = 0; round < 500; round++) {
            for (size_t i = 0; i < fl_shape_params(&f); i++)
                p[i] = spread(&rnd, 3 << FL_PARAM_FRACTION);
            for (size_t i = 0; i < f.inputs; i++)
                x[i] = spread(&rnd, 4 << FL_INPUT_FRACTION);
            uint8_t said = fl_predict(&f, p, x, hidden, out);
            double in[64];
            size_t n = f.inputs;
            for (size_t i = 0; i < n; i++)
                in[i] = ldexp(x[i], -16);
            const int32_t *w = p;
            if (f.hidden != 0) {
                double h[64];
                for (size_t k = 0; k < f.hidden; k++) {
                    h[k] = ldexp(p[f.hidden * n + k], -20);
                    for (size_t i = 0; i < n; i++)
                        h[k] += ldexp(p[k * n + i], -20) * in[i];
                    h[k] = fmax(h[k], 0);
                }
                w += f.hidden * (n + 1);
                n = f.hidden;
                memcpy(in, h, sizeof(h));
            }
            double best = -1e9;
            double mine = 0;
            for (size_t c = 0; c < f.classes; c++) {
                double z = ldexp(w[f.classes * n + c], -20);
                for (size_t i = 0; i < n; i++)
                    z += ldexp(w[c * n + i], -20) * in[i];
                assert_true(fabs(ldexp((double)out[c], -36) - z) < 1e-3);
                best = fmax(best, z);
                mine = c == said ? z : mine;
            }
            assert_true(mine > best - 2e-3);
        }
    }
}

/* The largest model, every number at its end: the sanitizers see no overflow, hidden values stop at their bound. */
static void test_extremes(void **state) {
    (void)state;
    struct fl_shape f = {FL_MAX_INPUTS, FL_MAX_HIDDEN, 2};
    size_t d = fl_shape_params(&f);
    int32_t *p = ws_calloc(d, sizeof(*p));
    int32_t *x = ws_calloc(f.inputs, sizeof(*x));
    int32_t *hidden = ws_calloc(f.hidden, sizeof(*hidden));
    int64_t out[2];
    for (size_t i = 0; i < d; i++)
        p[i] = FL_PARAM_MAX;
    for (size_t i = 0; i < f.inputs; i++)
        x[i] = FL_INPUT_MAX;
    assert_int_equal(fl_predict(&f, p, x, hidden, out), 0); /* equals: the lower class */
    assert_true(out[0] == out[1] && out[0] > (int64_t)1 << 61);
    assert_int_equal(hidden[0], 1 << 26);
    for (size_t i = 0; i < f.inputs; i++)
        x[i] = -FL_INPUT_MAX;
    (void)fl_predict(&f, p, x, hidden, out);
    assert_int_equal(hidden[0], 0);
    assert_true(out[0] == (int64_t)FL_PARAM_MAX << 16);
    free(p);
    free(x);
    free(hidden);
}

static void test_confusion(void **state) {
    (void)state;
    struct fl_shape f = {1, 0, 2};
    static const int32_t p[] = {0, 1 << 20, 0, 0}; /* class 1 when x > 0 */
    static const int32_t x[] = {-5, 5, 7, -7, 0, 9};
    static const uint8_t y[] = {0, 1, 0, 1, 0, 1};
    struct fl_rows rows = {x, y, 6};
    struct fl_confusion c;
    fl_confuse(&f, p, &rows, &c);
    assert_int_equal(c.n[0][0], 2);
    assert_int_equal(c.n[0][1], 1);
    assert_int_equal(c.n[1][0], 1);
    assert_int_equal(c.n[1][1], 2);
    assert_int_equal(fl_confusion_rows(&c, 1), 3);
    assert_int_equal(fl_confusion_right(&c), 4);
}

/* The lowest class that vetoes. */
static bool veto(const struct fl_veto_rules *rules, const struct fl_confusion *before,
    const struct fl_confusion *after, const uint32_t *best, unsigned *ret_class) {
    for (unsigned c = 0; c < before->classes; c++) {
        const struct fl_class_recall n = {fl_confusion_rows(before, c), before->n[c][c],
            best == NULL ? 0 : best[c], after->n[c][c]};
        if (fl_veto(rules, c, &n) == FL_VETO_NONE)
            continue;
        if (ret_class != NULL)
            *ret_class = c;
        return true;
    }
    return false;
}

static void test_veto(void **state) {
    (void)state;
    struct fl_confusion a = {.classes = 3, .n = {{90, 10, 0}, {0, 50, 50}, {1, 1, 2}}};
    struct fl_confusion b = a;
    struct fl_veto_rules rules = {.safety = 6, .loss_ppm = 20000, .min_rows = 10};
    unsigned class = 9;
    assert_false(veto(&rules, &a, &b, NULL, &class));
    b.n[0][0] = 0; /* no safety class */
    b.n[0][1] = 100;
    assert_false(veto(&rules, &a, &b, NULL, &class));
    b.n[1][1] = 48; /* exactly two of a hundred */
    b.n[1][2] = 52;
    assert_false(veto(&rules, &a, &b, NULL, &class));
    b.n[1][1] = 47;
    b.n[1][0] = 1;
    assert_true(veto(&rules, &a, &b, NULL, &class));
    assert_int_equal(class, 1);
    assert_false(veto(&rules, &b, &a, NULL, NULL)); /* a gain */
    b = a;
    b.n[2][2] = 0; /* too few rows to say */
    b.n[2][0] = 3;
    assert_false(veto(&rules, &a, &b, NULL, NULL));
    rules.min_rows = 4;
    assert_true(veto(&rules, &a, &b, NULL, &class));
    assert_int_equal(class, 2);
}

/* Ten steps of 1.9 % each pass the bound on one step; the bound on all of them stops the third. */
static void test_slow_loss(void **state) {
    (void)state;
    const uint32_t best[] = {900, 1000};
    const struct fl_veto_rules rules = {
        .safety = 2, .loss_ppm = 20000, .total_ppm = 50000, .min_rows = 10};
    struct fl_confusion a = {.classes = 2, .n = {{900, 100}, {0, 1000}}};
    unsigned class = 9;
    for (unsigned step = 1; step <= 10; step++) {
        struct fl_confusion b = a;
        b.n[1][1] -= 19;
        b.n[1][0] += 19;
        assert_false(veto(&rules, &a, &b, NULL, NULL));
        const bool is = veto(&rules, &a, &b, best, &class);
        assert_int_equal(is, step > 2);
        if (!is)
            a = b;
    }
    assert_int_equal(class, 1);
    assert_int_equal(a.n[1][1], 1000 - 38);
    /* Far below the best, when the bound was set later: what gets better, or stays, is let through. */
    a.n[1][1] = 500;
    a.n[1][0] = 500;
    struct fl_confusion b = a;
    assert_false(veto(&rules, &a, &b, best, NULL));
    b.n[1][1]++;
    b.n[1][0]--;
    assert_false(veto(&rules, &a, &b, best, NULL));
    assert_true(veto(&rules, &b, &a, best, NULL));
    b.n[0][0] = 0; /* no safety class */
    b.n[0][1] = 1000;
    assert_false(veto(&rules, &a, &b, best, NULL));
}

/* Which of the two bounds it is. */
static void test_bounds(void **state) {
    (void)state;
    const struct fl_veto_rules rules = {
        .safety = 1 << 3, .loss_ppm = 20000, .total_ppm = 50000, .min_rows = 20};
    struct fl_class_recall n = {.rows = 100, .before = 90, .best = 90, .after = 87};
    assert_int_equal(fl_veto(&rules, 3, &n), FL_VETO_STEP);
    assert_int_equal(fl_veto(&rules, 2, &n), FL_VETO_NONE);
    n.after = 88;
    assert_int_equal(fl_veto(&rules, 3, &n), FL_VETO_NONE);
    n.best = 94;
    assert_int_equal(fl_veto(&rules, 3, &n), FL_VETO_TOTAL);
    n.before = 88; /* nothing is lost in this step */
    assert_int_equal(fl_veto(&rules, 3, &n), FL_VETO_NONE);
    n.before = 93; /* both: the step's is said */
    assert_int_equal(fl_veto(&rules, 3, &n), FL_VETO_STEP);
    n.rows = 19;
    assert_int_equal(fl_veto(&rules, 3, &n), FL_VETO_NONE);
    /* What nobody counted, but a ledger may say. */
    n = (struct fl_class_recall){UINT64_C(23) * UINT32_MAX, UINT32_MAX, UINT32_MAX, 0};
    assert_int_equal(fl_veto(&rules, 3, &n), FL_VETO_STEP);
    assert_string_equal(fl_veto_name(FL_VETO_STEP), "veto_ppm");
    assert_string_equal(fl_veto_name(FL_VETO_TOTAL), "veto_total_ppm");
    assert_string_equal(fl_veto_name(FL_VETO_NONE), "none");
}

static void test_changes(void **state) {
    (void)state;
    static const int32_t a[] = {0, 0, 0, 5, INT32_MIN, 7};
    static const int32_t b[] = {3, -4, 4, 5, INT32_MAX, 6};
    struct fl_change c[FL_MAX_CHANGES];
    assert_int_equal(fl_top_changes(a, b, 6, FL_MAX_CHANGES, c), 5);
    static const uint32_t order[] = {4, 1, 2, 0, 5};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(c[i].index, order[i]);
    assert_int_equal(c[1].before, 0);
    assert_int_equal(c[1].after, -4);
    assert_int_equal(fl_top_changes(a, b, 6, 2, c), 2);
    assert_int_equal(c[1].index, 1);
    assert_int_equal(fl_top_changes(a, b, 6, 0, c), 0);
    assert_int_equal(fl_top_changes(a, a, 6, 3, c), 0);
    /* Many, against sorting all of them. */
    struct ws_random rnd = ws_random_seeded(2);
    enum { N = 5000 };
    int32_t *v = ws_calloc(N, sizeof(*v));
    int32_t *zero = ws_calloc(N, sizeof(*v));
    for (size_t i = 0; i < N; i++)
        v[i] = spread(&rnd, 300);
    assert_int_equal(fl_top_changes(zero, v, N, 100, c), 100);
    for (size_t i = 1; i < 100; i++) {
        int32_t last = abs(c[i - 1].after);
        int32_t now = abs(c[i].after);
        assert_true(last > now || (last == now && c[i - 1].index < c[i].index));
    }
    size_t larger = 0;
    for (size_t i = 0; i < N; i++)
        larger += abs(v[i]) > abs(c[99].after);
    assert_true(larger < 100);
    free(v);
    free(zero);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_floats),
        cmocka_unit_test(test_extremes), cmocka_unit_test(test_confusion),
        cmocka_unit_test(test_veto), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_slow_loss), cmocka_unit_test(test_changes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
