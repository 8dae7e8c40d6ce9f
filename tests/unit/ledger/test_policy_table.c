/* ledger/policy/table: one octet form, and nothing else is accepted. */
#include "tests/support/cm.h"

#include "ledger/policy/table.h"
#include "tests/unit/ledger/policy_cases.h"

#include <stdio.h>

static const int64_t good[] = {64, -2, 5};
static const char good_hex[] = "01"
                               "0003"
                               "03612e78"
                               "0000000000000040"
                               "05612e622e79"
                               "fffffffffffffffe"
                               "017a"
                               "0000000000000005";

static struct buf encoded(void) {
    struct buf b = {0};
    policy_table_encode(&policy_test_schema, good, &b);
    return b;
}

static int decode(struct span s, int64_t *values, struct ws_err *err) {
    return policy_table_decode(&policy_test_schema, s, values, err);
}

static void octets_are_fixed(void **state) {
    (void)state;
    struct buf want = test_unhex(good_hex);
    struct buf b = encoded();
    assert_int_equal(b.n, want.n);
    assert_memory_equal(b.p, want.p, b.n);
    int64_t values[3] = {0};
    struct ws_err err;
    assert_int_equal(decode(buf_span(&b), values, &err), 0);
    assert_memory_equal(values, good, sizeof(good));
    buf_free(&b);
    buf_free(&want);
}

static void hash_is_fixed(void **state) {
    (void)state;
    struct buf b = encoded();
    uint8_t hash[32];
    char hex[65];
    policy_hash(span_of("return 1", 8), buf_span(&b), hash);
    hex_encode(hex, hash, 32);
    /* SHA-256 computed apart from this code. */
    assert_string_equal(hex, "4d9cef69f6b8b89830da2960ab5f71adc8b570269e3668f47bd9fb4ed0825f15");
    /* Where script ends and table begins matters. */
    uint8_t other[32];
    policy_hash(span_of("ab", 2), span_of("c", 1), hash);
    policy_hash(span_of("a", 1), span_of("bc", 2), other);
    assert_memory_not_equal(hash, other, 32);
    buf_free(&b);
}

static void every_cut_is_refused(void **state) {
    (void)state;
    struct buf b = encoded();
    for (size_t n = 0; n < b.n; n++) {
        uint8_t *copy = ws_memdup(b.p, n); /* so that ASan sees one octet too far */
        int64_t values[3] = {7, 7, 7};
        struct ws_err err = {0};
        assert_int_equal(decode(span_of(copy, n), values, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, "too early"));
        assert_true(values[0] == 7 && values[2] == 7);
        free(copy);
    }
    buf_free(&b);
}

/* A flipped bit is refused, or it is another value of one field; never the same table twice. */
static void every_flip_is_refused_or_another_value(void **state) {
    (void)state;
    struct buf b = encoded();
    size_t accepted = 0;
    for (size_t bit = 0; bit < b.n * 8; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        int64_t values[3];
        struct ws_err err = {0};
        if (decode(buf_span(&b), values, &err) == 0) {
            struct buf again = {0};
            policy_table_encode(&policy_test_schema, values, &again);
            assert_int_equal(again.n, b.n);
            assert_memory_equal(again.p, b.p, b.n);
            buf_free(&again);
            accepted++;
        } else {
            assert_true(err.text[0] != '\0');
        }
        b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(
        accepted, 7 + 64 + 2); /* x: 0 and what is between 64 and 101; y: all; z: 5 to 4 and 1 */
    buf_free(&b);
}

static void errors_name_the_place(void **state) {
    (void)state;
    static const struct {
        const char *hex, *text;
    } cases[] = {
        {"02000303612e78", "policy table version 2, not 1"},
        {"01000203612e78", "policy table has 2 fields, not 3"},
        {"0100030161", "policy table ends too early"},
        {"01000303612e790000000000000040", "policy table offset 3: expected field a.x"},
        {"010003017a0000000000000005", "policy table offset 3: expected field a.x"},
        {"01000303612e780000000000000065", "policy table: field a.x is 101, outside 0..100"},
        {"01000303612e78ffffffffffffffff", "policy table: field a.x is -1, outside 0..100"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = test_unhex(cases[i].hex);
        int64_t values[3];
        struct ws_err err = {0};
        assert_int_equal(decode(buf_span(&b), values, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, cases[i].text));
        buf_free(&b);
    }
    struct buf b = encoded();
    buf_u8(&b, 0);
    int64_t values[3];
    struct ws_err err = {0};
    assert_int_equal(decode(buf_span(&b), values, &err), WS_EINPUT);
    assert_string_equal(err.text, "policy table has 1 octets too many at offset 39");
    buf_free(&b);
}

static void schemas_are_checked(void **state) {
    (void)state;
    static const struct policy_field f[] = {{"a", "1", 0, 1, ""}, {"a", "1", 0, 1, ""},
        {"a.b", "1", 0, 1, ""}, {"ab", "1", 0, 1, ""}, {"c", "1", 2, 1, ""}, {"", "1", 0, 1, ""},
        {".a", "1", 0, 1, ""}, {"a.", "1", 0, 1, ""}, {"a..b", "1", 0, 1, ""},
        {"A", "1", 0, 1, ""}};
    static const struct {
        size_t n;
        size_t index[2];
        const char *text; /* NULL: good */
    } cases[] = {
        {2, {0, 3}, NULL},
        {2, {2, 3}, NULL},
        {0, {0}, "0 policy fields"},
        {2, {0, 1}, "policy fields a and a exclude each other"},
        {2, {2, 0}, "policy fields a and a.b exclude each other"},
        {1, {4}, "policy field c: its range is empty"},
        {1, {5}, "policy field '': not a dotted name"},
        {1, {6}, "policy field '.a': not a dotted name"},
        {1, {7}, "policy field 'a.': not a dotted name"},
        {1, {8}, "policy field 'a..b': not a dotted name"},
        {1, {9}, "policy field 'A': not a dotted name"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct policy_field *list[2] = {&f[cases[i].index[0]], &f[cases[i].index[1]]};
        const struct policy_schema schema = {list, cases[i].n};
        struct ws_err err = {0};
        int rc = policy_schema_check(&schema, &err);
        assert_int_equal(rc, cases[i].text == NULL ? 0 : WS_EINPUT);
        if (cases[i].text != NULL)
            assert_non_null(strstr(err.text, cases[i].text));
    }
    assert_int_equal(policy_schema_check(&policy_test_schema, NULL), 0);
}

static void names_of_policies(void **state) {
    (void)state;
    static const char *const fine[] = {"urban", "motorway-2024.1", "_x", "0"};
    static const char *const wrong[] = {"", "-x", ".x", "Urban", "a b", "a/b", "caf\xc3\xa9", "a\n",
        "0123456789012345678901234567890123456789012345678"};
    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
        assert_true(policy_name_ok(span_of(fine[i], strlen(fine[i]))));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(policy_name_ok(span_of(wrong[i], strlen(wrong[i]))));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_are_fixed),
        cmocka_unit_test(hash_is_fixed),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(every_flip_is_refused_or_another_value),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(schemas_are_checked),
        cmocka_unit_test(names_of_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
