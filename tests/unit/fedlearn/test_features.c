/* Tables of driving data: schemas, rows that cannot be read, windows, fixed-point inputs, splits. */
#include "tests/support/cm.h"

#include "fedlearn/vehicle/features.h"
#include "fedlearn/vehicle/features_text.h"

#include <math.h>

static struct span text(const char *s) {
    return span_of(s, strlen(s));
}

static struct fl_schema schema_of(const char *s) {
    struct fl_schema schema;
    struct ws_err err;
    if (fl_schema_read(text(s), &schema, &err) != 0)
        fail_msg("%s", err.text);
    return schema;
}

static void test_number(void **state) {
    (void)state;
    static const struct {
        const char *s;
        double v;
    } good[] = {{"0", 0}, {"-1.5", -1.5}, {"+2", 2}, {" 16.1\t", 16.1}, {".5", .5}, {"5.", 5},
        {"1e3", 1000}, {"-2.5E-2", -0.025}, {"13:47:21", 13 + 47 / 60.0 + 21 / 3600.0},
        {"07:30", 7.5}, {"-0.9236641221374046", -0.9236641221374046}};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        double v;
        assert_true(fl_number(text(good[i].s), &v));
        assert_true(fabs(v - good[i].v) <= 1e-15 * fabs(good[i].v));
    }
    static const char *const bad[] = {"", " ", ".", "-", "1e", "1e+", "nan", "inf", "0x10", "1,5",
        "1.2.3", "1e999", "24:00", "12:60", "1:30", "12:30:", "--1", "1 2",
        "11111111111111111111111111111111111111111"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        double v;
        assert_false(fl_number(text(bad[i]), &v));
    }
}

static void test_schema(void **state) {
    (void)state;
    struct fl_schema s = schema_of("# a comment\r\n"
                                   "label \"Risk level\"|risk low high  # two\n"
                                   "feature speed - limit|design_speed else -4.5\n"
                                   "feature \"a|b\"\n"
                                   "window 7\nblock 3");
    assert_string_equal(s.label.names[0], "Risk level");
    assert_string_equal(s.label.names[1], "risk");
    assert_string_equal(s.values[1], "high");
    assert_int_equal(s.classes, 2);
    assert_int_equal(s.features, 2);
    assert_true(s.feature[0].difference && s.feature[0].has_else);
    assert_true(s.feature[0].else_value == -4.5);
    assert_string_equal(s.feature[0].minus.names[1], "design_speed");
    assert_string_equal(s.feature[1].column.names[0], "a|b");
    assert_int_equal(fl_schema_inputs(&s), 10);
    static const struct {
        const char *s, *why;
    } bad[] = {
        {"", "no label"},
        {"label a 0 1\n", "no feature"},
        {"feature a\n", "no label"},
        {"label a 0\nfeature b", "line 1 of the schema: label: a column and two"},
        {"label a 0 1\nlabel b 0 1", "line 2 of the schema: a second label"},
        {"label a 0 0\n", "twice"},
        {"label a 0 1\nfeature", "of which column"},
        {"label a 0 1\nfeature b -", "NAME"},
        {"label a 0 1\nfeature b else", "NAME"},
        {"label a 0 1\nfeature b else x", "not a number"},
        {"label a 0 1\nfeature b|", "an empty name"},
        {"label a 0 1\nfeature a|b|c|d|e", "more than 4 names"},
        {"label \"a 0 1", "quote without end"},
        {"label a 0 1\nfeature b\nwindow 0", "line 3 of the schema: one whole number"},
        {"label a 0 1\nfeature b\nwindow 2.5", "whole number"},
        {"label a 0 1\nfeature b\nwindow 2\nwindow 2", "said twice"},
        {"labels a 0 1\n", "begins with"},
        {"label a 0 1\nfeature 0123456789012345678901234567890123456789012345678", "a name of 49"},
        {"label a 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24",
            "too many words"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct ws_err err;
        assert_int_equal(fl_schema_read(text(bad[i].s), &s, &err), WS_EINPUT);
        if (strstr(err.text, bad[i].why) == NULL)
            fail_msg("%s: %s", bad[i].s, err.text);
    }
    struct buf many = {0};
    buf_printf(&many, "label a 0 1\n");
    for (unsigned i = 0; i <= FL_SCHEMA_FEATURES; i++)
        buf_printf(&many, "feature f%u\n", i);
    struct ws_err err;
    assert_int_equal(fl_schema_read(buf_span(&many), &s, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "line 130 of the schema: more than 128"));
    buf_free(&many);
}

static void test_bad_rows(void **state) {
    (void)state;
    struct fl_schema s = schema_of("label c 1 2\nfeature v\nfeature v - w else 9");
    struct fl_dataset set = {0};
    struct ws_err err;
    assert_int_equal(fl_dataset_read(&set, &s,
                         text("\xef\xbb\xbfw;\"v\";c\r\n"
                              "1;2;1\r\n"
                              "\r\n"
                              "1;2\r\n" /* line 4: fields */
                              "1;x;1\r\n" /* line 5: number */
                              "1;nan;1\r\n" /* line 6: number */
                              "1;2;3\r\n" /* line 7: label */
                              "1;\"5\";2.0\r\n"
                              "1;\"5;2\r\n" /* line 9: a quote without end */
                              ";7;1\r\n" /* line 10: number */
                              "0;7;01"),
                         &err),
        0);
    assert_int_equal(set.n, 3);
    assert_int_equal(set.inputs, 2);
    static const double want[] = {2, 1, 5, 4, 7, 7};
    static const uint8_t classes[] = {0, 1, 0};
    for (size_t i = 0; i < 6; i++)
        assert_true(set.x[i] == want[i]);
    assert_memory_equal(set.y, classes, 3);
    assert_int_equal(set.bad[FL_ROW_FIELDS], 2);
    assert_int_equal(set.first_bad[FL_ROW_FIELDS], 4);
    assert_int_equal(set.bad[FL_ROW_NUMBER], 3);
    assert_int_equal(set.first_bad[FL_ROW_NUMBER], 5);
    assert_int_equal(set.bad[FL_ROW_LABEL], 1);
    assert_int_equal(set.first_bad[FL_ROW_LABEL], 7);
    assert_string_equal(fl_bad_row_name(FL_ROW_LABEL), "label");
    /* A second table in another order, without w: the default. */
    assert_int_equal(fl_dataset_read(&set, &s, text("c\tv\n2\t8\n"), &err), 0);
    assert_int_equal(set.n, 4);
    assert_true(set.x[6] == 8 && set.x[7] == 9);
    assert_int_equal(set.part[3], 1);
    /* Refused tables leave the set alone. */
    static const struct {
        const char *table, *why;
    } bad[] = {{"", "no line of names"}, {"\n1\n", "no line of names"},
        {"c,x\n1,2\n", "no column v"}, {"v,x\n1,2\n", "no column c"},
        {"\"v,c\n1,1\n", "line 1: a quote"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(fl_dataset_read(&set, &s, text(bad[i].table), &err), WS_EINPUT);
        assert_non_null(strstr(err.text, bad[i].why));
        assert_int_equal(set.n, 4);
    }
    struct fl_schema other = schema_of("label c 1 2\nfeature v");
    assert_int_equal(fl_dataset_read(&set, &other, text("v,c\n1,1\n"), &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "1 inputs and 2 classes"));
    fl_dataset_free(&set);
    /* Overlong lines and zero octets. */
    struct buf b = {0};
    buf_printf(&b, "v,c\n1,1\n");
    memset(buf_grow(&b, FL_MAX_LINE + 1), '1', FL_MAX_LINE + 1);
    buf_printf(&b, "\n1");
    buf_u8(&b, 0);
    buf_printf(&b, ",1\n2,1\n");
    assert_int_equal(fl_dataset_read(&set, &other, buf_span(&b), &err), 0);
    assert_int_equal(set.n, 2);
    assert_int_equal(set.bad[FL_ROW_LONG], 2);
    assert_int_equal(set.first_bad[FL_ROW_LONG], 3);
    buf_free(&b);
    fl_dataset_free(&set);
}

static void test_windows(void **state) {
    (void)state;
    struct fl_schema s = schema_of("label c a b\nfeature v\nwindow 3");
    struct fl_dataset set = {0};
    assert_int_equal(
        fl_dataset_read(
            &set, &s, text("v,c\n1,a\n2,a\n6,a\n9,a\n1,b\n1,b\n?,b\n5,b\n5,b\n5,b\n0,a\n"), NULL),
        0);
    assert_int_equal(set.n, 2);
    assert_int_equal(set.inputs, 5);
    static const double want[] = {3, 0, 1, 6, 2.5, 5, 0, 5, 5, 0};
    for (size_t i = 0; i < 10; i++)
        assert_true(fabs(set.x[i] - (i == 1 ? sqrt(14.0 / 3) : want[i])) < 1e-12);
    assert_int_equal(set.y[0], 0);
    assert_int_equal(set.y[1], 1);
    /* the 9 before the change, two before the bad row, the last */
    assert_int_equal(set.bad[FL_ROW_WINDOW], 4);
    assert_int_equal(set.first_bad[FL_ROW_WINDOW], 5);
    assert_int_equal(set.first_bad[FL_ROW_NUMBER], 8);
    fl_dataset_free(&set);
}

static void test_normalise(void **state) {
    (void)state;
    struct fl_schema s = schema_of("label c a b\nfeature v\nfeature w");
    struct fl_dataset set = {0};
    assert_int_equal(fl_dataset_read(&set, &s, text("v,w,c\n10,3,a\n14,3,b\n12,3,a\n"), NULL), 0);
    static const uint32_t rows[] = {0, 1};
    struct fl_norm norm[2];
    fl_norm_of(&set, rows, 2, norm);
    assert_int_equal(norm[0].middle, 12 << 20);
    assert_int_equal(norm[0].factor, (int64_t)1 << 31);
    assert_int_equal(norm[1].factor, 0); /* never changes: no input */
    assert_int_equal(fl_normalise(&norm[0], 14), 1 << 16);
    assert_int_equal(fl_normalise(&norm[0], 11), -(1 << 15));
    assert_int_equal(fl_normalise(&norm[0], 1e300), FL_INPUT_MAX);
    assert_int_equal(fl_normalise(&norm[0], -1e300), -FL_INPUT_MAX);
    assert_int_equal(fl_normalise(&norm[0], NAN), 0);
    assert_int_equal(fl_normalise(&norm[1], 1e9), 0);
    int32_t x[4];
    uint8_t y[2];
    static const uint32_t two[] = {1, 2};
    fl_normalise_rows(&set, norm, two, 2, x, y);
    assert_int_equal(x[0], 1 << 16);
    assert_int_equal(x[2], 0);
    assert_int_equal(y[0], 1);
    fl_dataset_free(&set);
}

static void test_split(void **state) {
    (void)state;
    struct fl_schema s = schema_of("label c a b\nfeature v\nblock 4");
    struct fl_dataset set = {0};
    struct buf b = {0};
    buf_printf(&b, "v,c\n");
    for (unsigned i = 0; i < 42; i++)
        buf_printf(&b, "%u,a\n", i);
    assert_int_equal(fl_dataset_read(&set, &s, buf_span(&b), NULL), 0);
    assert_int_equal(fl_dataset_read(&set, &s, buf_span(&b), NULL), 0);
    uint32_t rows[84];
    uint32_t again[84];
    size_t train = fl_split(&set, 75, 5, rows); /* 22 blocks, 16 of them */
    assert_true(train >= 60 && train <= 64);
    assert_int_equal(fl_split_blocks(&set, 75).all, 22);
    assert_int_equal(fl_split_blocks(&set, 75).train, 16);
    assert_int_equal(fl_split_blocks(&set, 100).train, 22);
    assert_int_equal(fl_split(&set, 75, 5, again), train);
    assert_memory_equal(rows, again, sizeof(rows));
    bool seen[84] = {false};
    for (size_t i = 0; i < 84; i++) {
        assert_false(seen[rows[i]]);
        seen[rows[i]] = true;
    }
    /* Rows of a block stay together. */
    bool trained[84] = {false};
    for (size_t i = 0; i < train; i++)
        trained[rows[i]] = true;
    for (unsigned i = 0; i < 84; i++)
        if (i % 42 % 4 != 0)
            assert_int_equal(trained[i], trained[i - 1]);
    assert_int_equal(fl_split(&set, 100, 5, rows), 84);
    assert_int_equal(fl_split(&set, 0, 5, rows), 0);
    buf_free(&b);
    fl_dataset_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_number), cmocka_unit_test(test_schema),
        cmocka_unit_test(test_bad_rows), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_normalise), cmocka_unit_test(test_split)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
