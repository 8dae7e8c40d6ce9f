/* The pure parts under the HTTP face: request targets, numbers, metrics text, JSON pieces. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "rsu/http/prometheus.h"
#include "rsu/http/target.h"
#include "rsu/json/base.h"
#include "rsu/json/map.h"

#include <stdio.h>

/* ---- targets ---- */

static void targets_are_taken_apart(void **state) {
    (void)state;
    struct http_target t;
    struct ws_err err = {0};
    assert_int_equal(http_target_parse("/v1/map/diffs?from=3&to=&x&y=a%3db%20c", &t, &err), 0);
    assert_int_equal(t.n_segments, 3);
    assert_string_equal(t.segment[2], "diffs");
    assert_int_equal(t.n_args, 4);
    assert_string_equal(http_target_arg(&t, "from"), "3");
    assert_string_equal(http_target_arg(&t, "to"), "");
    assert_string_equal(http_target_arg(&t, "x"), "");
    assert_string_equal(http_target_arg(&t, "y"), "a=b c");
    assert_null(http_target_arg(&t, "z"));
    assert_true(http_target_is(&t, "/v1/map/diffs"));
    assert_true(http_target_is(&t, "/v1/*/diffs"));
    assert_false(http_target_is(&t, "/v1/map"));
    assert_false(http_target_is(&t, "/v1/map/diffs/x"));
    assert_false(http_target_is(&t, "/v1/map/diff"));
}

static void encoded_slashes_are_data_and_empty_parts_match_nothing(void **state) {
    (void)state;
    struct http_target t;
    assert_int_equal(http_target_parse("/v1/blocks/1%2f2", &t, NULL), 0);
    assert_int_equal(t.n_segments, 3);
    assert_string_equal(t.segment[2], "1/2");
    assert_int_equal(http_target_parse("/v1/blocks/", &t, NULL), 0);
    assert_false(http_target_is(&t, "/v1/blocks/*"));
    assert_int_equal(http_target_parse("//v1/status", &t, NULL), 0);
    assert_false(http_target_is(&t, "/v1/status"));
    assert_int_equal(http_target_parse("/", &t, NULL), 0);
    assert_int_equal(t.n_segments, 1);
    assert_int_equal(http_target_parse("/a?", &t, NULL), 0);
    assert_int_equal(t.n_args, 0);
}

static void bad_targets_are_refused_with_the_place(void **state) {
    (void)state;
    static const struct {
        const char *raw;
        int code;
        const char *words;
    } cases[] = {
        {"", WS_EINPUT, "octet 1"},
        {"v1/status", WS_EINPUT, "octet 1"},
        {"*", WS_EINPUT, "octet 1"},
        {"http://host/v1/status", WS_EINPUT, "octet 1"},
        {"/v1/%", WS_EINPUT, "octet 5"},
        {"/v1/%4", WS_EINPUT, "octet 5"},
        {"/v1/%4g", WS_EINPUT, "octet 5"},
        {"/v1/%00", WS_EINPUT, "octet 5: encoded control"},
        {"/v1/%0a", WS_EINPUT, "octet 5: encoded control"},
        {"/v1/a b", WS_EINPUT, "octet 6: 0x20"},
        {"/v1/\x01", WS_EINPUT, "octet 5: 0x01"},
        {"/v1/\xc3\xa4", WS_EINPUT, "octet 5: 0xc3"},
        {"/v1#x", WS_EINPUT, "octet 4: 0x23"},
        {"/a?b=1&b=2", WS_EINPUT, "\"b\" is given twice"},
        {"/a?&&", WS_EINPUT, "given twice"},
        {"/1/2/3/4/5/6/7/8/9", WS_ELIMIT, "8 parts"},
        {"/a?a&b&c&d&e&f&g&h&i", WS_ELIMIT, "8 parameters"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_target t;
        struct ws_err err = {0};
        int rc = http_target_parse(cases[i].raw, &t, &err);
        if (rc != cases[i].code || strstr(err.text, cases[i].words) == NULL)
            fail_msg("%s: %d %s", cases[i].raw, rc, err.text);
    }
    char longest[HTTP_TARGET_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    longest[0] = '/';
    longest[HTTP_TARGET_MAX + 1] = '\0';
    struct http_target t;
    assert_int_equal(http_target_parse(longest, &t, NULL), WS_ELIMIT);
    longest[HTTP_TARGET_MAX] = '\0';
    assert_int_equal(http_target_parse(longest, &t, NULL), 0);
    assert_int_equal(strlen(t.segment[0]), HTTP_TARGET_MAX - 1);
}

/* Whatever comes in, everything that is handed out lies inside the text and ends there. */
static void noise_stays_inside(void **state) {
    (void)state;
    static const char letters[] = "/?&=%a0fZ.\x7f ";
    struct ws_random rnd = ws_random_seeded(7);
    struct http_target t;
    for (size_t i = 0; i < 50000; i++) {
        char raw[40];
        size_t n = ws_random_below(&rnd, sizeof(raw) - 1);
        raw[0] = '/';
        for (size_t k = 1; k < n; k++)
            raw[k] = letters[ws_random_below(&rnd, sizeof(letters) - 1)];
        raw[n == 0 ? 1 : n] = '\0';
        if (http_target_parse(raw, &t, NULL) != 0)
            continue;
        size_t total = 0;
        for (size_t k = 0; k < t.n_segments; k++)
            total += strlen(t.segment[k]) + 1;
        for (size_t k = 0; k < t.n_args; k++)
            total += strlen(t.arg[k].key) + strlen(t.arg[k].value) + 1;
        assert_true(total <= strlen(raw) + 1);
    }
}

static void numbers_are_digits_only(void **state) {
    (void)state;
    uint64_t v = 7;
    assert_int_equal(http_number("0", "n", UINT64_MAX, &v, NULL), 0);
    assert_int_equal(v, 0);
    assert_int_equal(http_number("18446744073709551615", "n", UINT64_MAX, &v, NULL), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(http_number("255", "n", 255, &v, NULL), 0);
    assert_int_equal(http_number("3", "n", 3, &v, NULL), 0);
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x10", "1e3",
        "18446744073709551616", "99999999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(http_number(bad[i], "n", UINT64_MAX, &v, NULL), WS_EINPUT);
    assert_int_equal(http_number("256", "n", 255, &v, NULL), WS_EINPUT);
    assert_int_equal(http_number("4", "n", 3, &v, NULL), WS_EINPUT);
    assert_int_equal(v, 3); /* written on success only */
}

static void hex_is_whole_octets(void **state) {
    (void)state;
    struct buf b = {0};
    assert_int_equal(http_hex("00fFA5", "h", 3, &b, NULL), 0);
    assert_int_equal(b.n, 3);
    assert_memory_equal(b.p, "\x00\xff\xa5", 3);
    struct ws_err err = {0};
    assert_int_equal(http_hex("", "h", 3, &b, &err), WS_EINPUT);
    assert_int_equal(http_hex("abc", "h", 3, &b, &err), WS_EINPUT);
    assert_int_equal(http_hex("0g", "h", 3, &b, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "character 2"));
    assert_int_equal(http_hex("00112233", "h", 3, &b, &err), WS_EINPUT);
    assert_int_equal(b.n, 3); /* nothing was appended */
    buf_free(&b);
}

/* ---- metrics ---- */

static void metrics_are_written_as_prometheus_reads_them(void **state) {
    (void)state;
    struct buf b = {0};
    struct metrics m = {.out = &b};
    metrics_family(&m, "x_total", METRIC_COUNTER, "Things");
    metrics_value(&m, UINT64_MAX, NULL);
    metrics_value(&m, 1, "a", "b", "c", "\"\\\n\x01z", NULL);
    metrics_family(&m, "y_seconds", METRIC_GAUGE, "Time");
    metrics_seconds(&m, 1000001, "p", "", NULL);
    buf_u8(&b, 0);
    assert_string_equal((char *)b.p, "# HELP x_total Things\n"
                                     "# TYPE x_total counter\n"
                                     "x_total 18446744073709551615\n"
                                     "x_total{a=\"b\",c=\"\\\"\\\\\\n z\"} 1\n"
                                     "# HELP y_seconds Time\n"
                                     "# TYPE y_seconds gauge\n"
                                     "y_seconds{p=\"\"} 1.000001\n");
    buf_free(&b);
}

/* ---- JSON ---- */

static void assert_prints(json_t *value, const char *want) {
    struct buf b = {0};
    json_print(value, JSON_LINE, &b);
    buf_u8(&b, 0);
    assert_int_equal(b.p[b.n - 2], '\n');
    b.p[b.n - 2] = 0;
    assert_string_equal((char *)b.p, want);
    buf_free(&b);
}

static void fractions_carry_no_noise(void **state) {
    (void)state;
    assert_prints(json_milli(21400), "21.4");
    assert_prints(json_milli(-1), "-0.001");
    assert_prints(json_milli(3000), "3");
    assert_prints(json_milli(999999999999), "999999999.999");
    assert_prints(json_bits(65536), "1");
    assert_prints(json_bits(1402470), "21.4");
    assert_prints(json_bits(-32768), "-0.5");
    assert_prints(json_bits(INT64_MAX / 65536), "2147483648");
    assert_prints(json_degrees(113000001), "11.3000001");
    assert_prints(json_degrees(-1799999999), "-179.9999999");
    assert_prints(json_count(UINT64_MAX), "9223372036854775807");
}

static void any_octets_become_a_string(void **state) {
    (void)state;
    assert_prints(json_words(span_of("a\"\n\xc3\xa4", 5)), "\"a\\\"\\n\xc3\xa4\"");
    assert_prints(json_words(span_of("\xff\xfe z", 4)), "\"?? z\"");
    assert_prints(json_words(span_of(NULL, 0)), "\"\"");
    assert_prints(json_hex((const uint8_t *)"\x00\xff", 2), "\"00ff\"");
    assert_prints(json_hex(NULL, 0), "\"\"");
}

/* East is 90 degrees; the turn of the element model runs the other way. */
static void elements_are_told_in_degrees(void **state) {
    (void)state;
    struct cell_frame f = frame_at(487600000, 114200000);
    struct element e = {.kind = EL_CROSSWALK, .has_heading = true, .valid_to_ms = INT64_MAX};
    static const struct {
        uint16_t turn;
        const char *degrees;
    } headings[] = {
        {0, "90"}, {16384, "0"}, {32768, "270"}, {49152, "180"}, {8192, "45"}, {1, "89.995"}};
    for (size_t i = 0; i < ARRAY_LEN(headings); i++) {
        e.heading = headings[i].turn;
        json_t *o = json_element(&e, &f);
        assert_prints(json_incref(json_object_get(o, "heading_deg")), headings[i].degrees);
        json_decref(o);
    }
    for (int32_t i = 0; i < 3; i++)
        element_add_point(&e, (struct map_point){i * 1000, i % 2 * 1000, 0});
    element_set_attr(&e, "code", "\"quoted\"");
    json_t *o = json_element(&e, &f);
    json_t *g = json_object_get(o, "geometry");
    assert_string_equal(json_string_value(json_object_get(g, "type")), "Polygon");
    json_t *ring = json_array_get(json_object_get(g, "coordinates"), 0);
    assert_int_equal(json_array_size(ring), 4);
    assert_true(json_equal(json_array_get(ring, 0), json_array_get(ring, 3)));
    assert_prints(json_incref(json_array_get(ring, 0)), "[11.42,48.76]");
    json_decref(o);
    element_free(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_taken_apart),
        cmocka_unit_test(encoded_slashes_are_data_and_empty_parts_match_nothing),
        cmocka_unit_test(bad_targets_are_refused_with_the_place),
        cmocka_unit_test(noise_stays_inside),
        cmocka_unit_test(numbers_are_digits_only),
        cmocka_unit_test(hex_is_whole_octets),
        cmocka_unit_test(metrics_are_written_as_prometheus_reads_them),
        cmocka_unit_test(fractions_carry_no_noise),
        cmocka_unit_test(any_octets_become_a_string),
        cmocka_unit_test(elements_are_told_in_degrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
