/* The root set's file: one encoding, everything else refused by name. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "fedlearn/round/roots.h"

static struct buf sample(size_t n) {
    struct fl_shape shape = {3, 0, 4};
    struct ws_random rnd = ws_random_seeded(n);
    int32_t x[300];
    uint8_t y[100];
    for (size_t i = 0; i < n; i++) {
        y[i] = (uint8_t)ws_random_below(&rnd, 4);
        for (size_t k = 0; k < 3; k++)
            x[3 * i + k] = (int32_t)ws_random_below(&rnd, 2 * FL_INPUT_MAX + 1) - FL_INPUT_MAX;
    }
    struct fl_rows rows = {x, y, n};
    struct buf b = {0};
    fl_roots_encode(&shape, &rows, &b);
    return b;
}

static void test_octets(void **state) {
    (void)state;
    struct buf b = sample(20);
    struct fl_roots r;
    struct ws_err err;
    if (fl_roots_decode(buf_span(&b), &r, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(r.rows.n, 20);
    struct buf again = {0};
    struct fl_shape shape = {r.inputs, 5, r.classes};
    assert_int_equal(fl_roots_fit(&r, &shape, &err), 0);
    fl_roots_encode(&shape, &r.rows, &again);
    assert_true(span_equal(buf_span(&b), buf_span(&again)));
    shape.classes = 5;
    assert_int_equal(fl_roots_fit(&r, &shape, &err), WS_EINPUT);
    assert_string_equal(err.text, "the root set has 3 inputs and 4 classes, the model 3 and 5");
    const struct fl_roots many = {.inputs = 1023, .classes = 23, .rows = {.n = FL_MAX_ROOTS}};
    shape = (struct fl_shape){1023, 0, 23};
    assert_int_equal(fl_roots_fit(&many, &shape, &err), WS_ELIMIT);
    assert_non_null(strstr(err.text, "729444 at most"));
    fl_roots_free(&r);
    for (size_t n = 0; n < b.n; n++) {
        uint8_t *cut = ws_memdup(b.p, n + 1);
        assert_int_not_equal(fl_roots_decode((struct span){cut, n}, &r, NULL), 0);
        free(cut);
    }
    for (size_t i = 0; i < b.n * 8; i++) {
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
        if (fl_roots_decode(buf_span(&b), &r, NULL) == 0) {
            buf_clear(&again);
            shape = (struct fl_shape){r.inputs, 0, r.classes};
            fl_roots_encode(&shape, &r.rows, &again);
            assert_true(span_equal(buf_span(&b), buf_span(&again)));
            fl_roots_free(&r);
        }
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    buf_free(&again);
    buf_free(&b);
}

/* Offsets: form 16, inputs 17, classes 19, rows 21, first row 25 */
static void refused(size_t at, uint8_t value, enum ws_code code, const char *why) {
    struct buf b = sample(5);
    struct fl_roots r;
    struct ws_err err;
    b.p[at] = value;
    assert_int_equal(fl_roots_decode(buf_span(&b), &r, &err), code);
    if (strstr(err.text, why) == NULL)
        fail_msg("%s", err.text);
    buf_free(&b);
}

static void test_refusals(void **state) {
    (void)state;
    refused(3, 'x', WS_EINPUT, "does not begin with WAYSIDE-FL-ROOTS");
    refused(16, 0, WS_ENOTSUP, "form 0");
    refused(18, 0, WS_EINPUT, "a model of 0 inputs");
    refused(20, 1, WS_EINPUT, "1 classes");
    refused(21, 0xff, WS_ELIMIT, "rows");
    refused(24, 0, WS_ELIMIT, "0 rows");
    refused(24, 6, WS_EINPUT, "65 octets for 6 rows of 3 inputs");
    refused(25, 4, WS_EINPUT, "row 0 of the root set is of class 4 of 4");
    refused(25 + 13 + 5, 0x7f, WS_EINPUT, "row 1 of the root set: input 1 is out of range");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_octets), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
