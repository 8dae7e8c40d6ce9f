/* The trainer: gradients against differences, determinism, refusals, and what it learns from real driving. */
#include "tests/support/cm.h"

#include "fedlearn/vehicle/quantise.h"
#include "fedlearn/vehicle/train.h"
#include "tests/unit/fedlearn/driving.h"

#include <math.h>
#include <stdio.h>

/* Cross-entropy of one row in double, written down a second time. */
static double loss(const struct fl_shape *s, const float *p, const int32_t *x, unsigned class) {
    double in[64];
    double hidden[64];
    size_t n = s->inputs;
    for (size_t i = 0; i < n; i++)
        in[i] = x[i] / 65536.0;
    const double *last = in;
    if (s->hidden != 0) {
        for (size_t h = 0; h < s->hidden; h++) {
            hidden[h] = (double)p[s->hidden * n + h];
            for (size_t i = 0; i < n; i++)
                hidden[h] += (double)p[h * n + i] * in[i];
            hidden[h] = fmax(hidden[h], 0);
        }
        p += s->hidden * (n + 1);
        last = hidden;
        n = s->hidden;
    }
    double sum = 0;
    double mine = 0;
    for (size_t c = 0; c < s->classes; c++) {
        double z = (double)p[s->classes * n + c];
        for (size_t i = 0; i < n; i++)
            z += (double)p[c * n + i] * last[i];
        sum += exp(z);
        if (c == class)
            mine = z;
    }
    return log(sum) - mine;
}

static void check_gradient(struct fl_shape s) {
    struct ws_random rnd = ws_random_seeded(7);
    enum { MAX = 128 };
    size_t d = fl_shape_params(&s);
    assert_true(d <= MAX);
    int32_t start[MAX];
    fl_model_start(&s, &rnd, start);
    float p[MAX];
    for (size_t i = 0; i < d; i++)
        p[i] = (float)start[i] / (float)(1 << FL_PARAM_FRACTION) + 0.01F * (float)(i % 3);
    int32_t x[64];
    for (size_t i = 0; i < s.inputs; i++)
        x[i] = (int32_t)ws_random_below(&rnd, 200000) - 100000;
    uint8_t y = 1;
    struct fl_rows rows = {x, &y, 1};
    struct fl_train opts = {.steps = 1, .batch = 1, .rate = 1};
    float moved[MAX];
    memcpy(moved, p, sizeof(p));
    float *scratch = ws_calloc(fl_train_scratch(&s), sizeof(float));
    assert_int_equal(fl_train_run(&s, &rows, &opts, &rnd, moved, scratch, NULL), 0);
    for (size_t i = 0; i < d; i++) {
        float h = 1e-2F;
        float q[MAX];
        memcpy(q, p, sizeof(p));
        q[i] = p[i] + h;
        double up = loss(&s, q, x, y);
        q[i] = p[i] - h;
        double down = loss(&s, q, x, y);
        double want = (up - down) / (2 * (double)h);
        assert_true(fabs((double)(p[i] - moved[i]) - want) < 2e-3);
    }
    free(scratch);
}

static void test_gradient(void **state) {
    (void)state;
    check_gradient((struct fl_shape){5, 0, 3});
    check_gradient((struct fl_shape){5, 8, 3});
}

static void test_refusals(void **state) {
    (void)state;
    struct fl_shape s = {2, 0, 2};
    struct ws_random rnd = ws_random_seeded(1);
    struct ws_err err;
    int32_t x[4] = {0, 0, FL_INPUT_MAX, FL_INPUT_MAX};
    uint8_t y[2] = {0, 1};
    float p[6] = {0};
    float scratch[64];
    assert_true(fl_train_scratch(&s) <= 64);
    struct fl_train opts = {.steps = 3, .batch = 2, .rate = 0.1F};
    struct fl_rows none = {x, y, 0};
    assert_int_equal(fl_train_run(&s, &none, &opts, &rnd, p, scratch, &err), WS_EINPUT);
    assert_string_equal(err.text, "no rows to learn from");
    struct fl_rows rows = {x, y, 2};
    y[1] = 2;
    assert_int_equal(fl_train_run(&s, &rows, &opts, &rnd, p, scratch, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "row 1 is of class 2"));
    y[1] = 1;
    opts.rate = NAN;
    assert_int_equal(fl_train_run(&s, &rows, &opts, &rnd, p, scratch, &err), WS_EINPUT);
    opts = (struct fl_train){.steps = 3, .batch = 0, .rate = 0.1F};
    assert_int_equal(fl_train_run(&s, &rows, &opts, &rnd, p, scratch, &err), WS_EINPUT);
    opts = (struct fl_train){.steps = 30, .batch = 2, .rate = 1e38F};
    assert_int_equal(fl_train_run(&s, &rows, &opts, &rnd, p, scratch, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "ran away"));
    struct fl_shape bad[] = {{0, 0, 2}, {1024, 0, 2}, {1, 1001, 2}, {1, 0, 1}, {1, 0, 24}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(fl_shape_check(&bad[i], &err), WS_EINPUT);
    struct fl_shape usual = {14, 32, 4};
    assert_int_equal(fl_shape_params(&usual), 612);
    struct fl_shape linear = {14, 0, 4};
    assert_int_equal(fl_shape_params(&linear), 60);
}

struct learned {
    double accuracy;
    size_t n;
};

/* Trains on 75 % of the blocks, tells the accuracy on the rest. */
static struct learned learn(
    const struct fl_dataset *set, uint16_t hidden, struct fl_train opts, uint64_t seed) {
    struct fl_shape shape = {set->inputs, hidden, set->classes};
    uint32_t *order = ws_calloc(set->n, sizeof(*order));
    size_t n = fl_split(set, 75, seed, order);
    struct fl_norm *norm = ws_calloc(set->inputs, sizeof(*norm));
    fl_norm_of(set, order, n, norm);
    int32_t *x = ws_calloc(set->n * set->inputs, sizeof(*x));
    uint8_t *y = ws_calloc(set->n, 1);
    fl_normalise_rows(set, norm, order, set->n, x, y);
    size_t d = fl_shape_params(&shape);
    int32_t *start = ws_calloc(d, sizeof(*start));
    float *p = ws_calloc(d, sizeof(*p));
    float *twin = ws_calloc(d, sizeof(*twin));
    float *scratch = ws_calloc(fl_train_scratch(&shape), sizeof(*scratch));
    struct ws_random rnd = ws_random_seeded(seed);
    fl_model_start(&shape, &rnd, start);
    for (size_t i = 0; i < d; i++)
        twin[i] = p[i] = (float)start[i] * 0x1p-20F;
    struct fl_rows rows = {x, y, n};
    struct ws_random again = rnd;
    assert_int_equal(fl_train_run(&shape, &rows, &opts, &rnd, p, scratch, NULL), 0);
    assert_int_equal(fl_train_run(&shape, &rows, &opts, &again, twin, scratch, NULL), 0);
    assert_memory_equal(p, twin, d * sizeof(*p));
    struct learned l = {0, set->n - n};
    for (size_t i = n; i < set->n; i++) {
        unsigned best = 0;
        for (unsigned c = 1; c < set->classes; c++)
            if (loss(&shape, p, x + i * set->inputs, c) <
                loss(&shape, p, x + i * set->inputs, best))
                best = c;
        l.accuracy += best == y[i];
    }
    l.accuracy /= (double)l.n;
    free(order);
    free(norm);
    free(x);
    free(y);
    free(start);
    free(p);
    free(twin);
    free(scratch);
    return l;
}

/* Counts are those of the data's own description. */
static void test_real_counts(void **state) {
    (void)state;
    static const char *const one[] = {"polidriving/andres_20231222_134710_lab.csv", NULL};
    struct fl_schema schema;
    struct fl_dataset set = {0};
    if (!driving_read(test_data_dir(), driving_risk_schema, driving_risk_tables, &schema, &set))
        skip();
    size_t counts[4] = {0};
    for (size_t i = 0; i < set.n; i++)
        counts[set.y[i]]++;
    assert_int_equal(set.n, 17281 + 6033);
    assert_int_equal(set.inputs, 14);
    assert_int_equal(counts[0], 11683 + 515);
    assert_int_equal(counts[1], 5060 + 3614);
    assert_int_equal(counts[2], 473 + 1421);
    assert_int_equal(counts[3], 65 + 483);
    /* The third table has other columns in another order. */
    assert_true(driving_read(test_data_dir(), driving_risk_schema, one, &schema, &set));
    assert_int_equal(set.n, 17281 + 6033 + 10005);
    for (size_t k = 0; k < FL_BAD_ROW_COUNT; k++)
        assert_int_equal(set.bad[k], 0);
    const double *andres = set.x + (size_t)(17281 + 6033) * 14;
    assert_true(fabs(andres[0] - (13 + 47 / 60.0 + 21 / 3600.0)) < 1e-9);
    assert_true(andres[2] == 598 && andres[12] == 70 && andres[13] == 0);
    fl_dataset_free(&set);
}

static void test_real_risk(void **state) {
    (void)state;
    struct fl_schema schema;
    struct fl_dataset set = {0};
    if (!driving_read(test_data_dir(), driving_risk_schema, driving_risk_tables, &schema, &set))
        skip();
    struct learned linear =
        learn(&set, 0, (struct fl_train){.steps = 3000, .batch = 32, .rate = 0.1F}, 1);
    struct learned net =
        learn(&set, 32, (struct fl_train){.steps = 8000, .batch = 32, .rate = 0.1F}, 1);
    print_message(
        "risk: logistic %.3f, network %.3f of %zu rows\n", linear.accuracy, net.accuracy, net.n);
    assert_true(linear.accuracy > 0.70);
    assert_true(net.accuracy > 0.82);
    fl_dataset_free(&set);
}

static void test_real_windows(void **state) {
    (void)state;
    static const char *const phone[] = {"phone-imu/nazirkar_2021.csv", NULL};
    static const char *const boxes[] = {"manoeuvre-imu/yuksel_2020.csv", NULL};
    struct fl_schema schema;
    struct fl_dataset set = {0};
    if (!driving_read(test_data_dir(), driving_phone_schema, phone, &schema, &set))
        skip();
    assert_int_equal(set.inputs, 30);
    assert_int_equal(set.n * 20 + set.bad[FL_ROW_WINDOW], 14249);
    struct learned l =
        learn(&set, 0, (struct fl_train){.steps = 2000, .batch = 32, .rate = 0.05F}, 1);
    print_message("phone: logistic %.3f of %zu windows\n", l.accuracy, l.n);
    assert_true(l.accuracy > 0.8);
    fl_dataset_free(&set);
    assert_true(driving_read(test_data_dir(), driving_manoeuvre_schema, boxes, &schema, &set));
    l = learn(&set, 0, (struct fl_train){.steps = 2000, .batch = 32, .rate = 0.05F}, 1);
    print_message("manoeuvres: logistic %.3f of %zu windows\n", l.accuracy, l.n);
    assert_true(l.accuracy > 0.8);
    fl_dataset_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_real_counts),
        cmocka_unit_test(test_real_risk), cmocka_unit_test(test_real_windows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
