/* Values as people write them: the edges, and what is not quite one. */
#include "tests/support/cm.h"

#include "base/clock.h"
#include "rsu/config/value.h"

static void test_u64(void **state) {
    (void)state;
    uint64_t v = 7;
    assert_true(value_u64("0", 0, 9, &v));
    assert_int_equal(v, 0);
    assert_true(value_u64("18446744073709551615", 0, UINT64_MAX, &v));
    assert_true(v == UINT64_MAX);
    assert_true(value_u64("007", 0, 9, &v));
    static const char *const wrong[] = {
        "", " 1", "1 ", "-1", "+1", "1e3", "0x1", "10", "18446744073709551616"};
    v = 42;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(value_u64(wrong[i], 0, 9, &v));
    assert_int_equal(v, 42);
}

static void test_ppm(void **state) {
    (void)state;
    uint64_t v = 0;
    assert_true(value_ppm("1", &v) && v == 1000000);
    assert_true(value_ppm("20.000000", &v) && v == 20000000);
    assert_true(value_ppm("0.001", &v) && v == 1000);
    assert_true(value_ppm("1000", &v) && v == 1000000000);
    static const char *const wrong[] = {"", ".", "1.", ".5", "0", "0.0009", "1000.000001",
        "1.0000001", "1,5", "-1", "1x", "9999999999"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(value_ppm(wrong[i], &v));
}

static void test_time(void **state) {
    (void)state;
    uint64_t v = 0;
    char text[32];
    /* The cell clock's own form comes back. */
    assert_true(value_time("2026-11-21T09:30:00.123Z", &v));
    its_format(text, v);
    assert_string_equal(text, "2026-11-21T09:30:00.123Z");
    assert_true(value_time("2024-02-29T23:59:59.999999Z", &v));
    its_format(text, v);
    assert_string_equal(text, "2024-02-29T23:59:59.999Z");
    assert_true(value_time("704707205000000", &v));
    assert_true(v == UINT64_C(704707205000000));
    /* Unix 1777622400; five leap seconds since 2004. */
    assert_true(value_time("2026-05-01T08:00:00Z", &v));
    assert_true(v == UINT64_C(704707205000000));
    static const char *const wrong[] = {"", "0", "2026-05-01", "2026-05-01T08:00:00",
        "2026-05-01 08:00:00Z", "2026-5-1T08:00:00Z", "2026-13-01T08:00:00Z",
        "2026-02-29T08:00:00Z", "2026-04-31T00:00:00Z", "2026-05-01T24:00:00Z",
        "2026-05-01T08:60:00Z", "2026-05-01T08:00:60Z", "2026-05-01T08:00:00.Z",
        "2026-05-01T08:00:00.1234567Z", "2026-05-01T08:00:00+01:00", "2026-05-01T08:00:00Zx",
        "2016-12-31T23:59:59Z", "1999-05-01T08:00:00Z", "-2026-05-01T08:00:00Z",
        "2026-05-01T08:00:000Z"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        if (value_time(wrong[i], &v))
            fail_msg("taken: %s", wrong[i]);
    }
}

static void test_place(void **state) {
    (void)state;
    int32_t lat = 0;
    int32_t lon = 0;
    assert_true(value_place("48.7651234,-11.5", &lat, &lon));
    assert_int_equal(lat, 487651234);
    assert_int_equal(lon, -115000000);
    assert_true(value_place("-90,180", &lat, &lon));
    assert_int_equal(lat, -900000000);
    assert_int_equal(lon, 1800000000);
    static const char *const wrong[] = {"", "1", "1,", ",1", "1, 2", "90.0000001,0",
        "0,180.0000001", "1,2,3", "1.12345678,2", "--1,2", "a,b", "1;2"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(value_place(wrong[i], &lat, &lon));
    assert_int_equal(lat, -900000000);
}

static void test_addresses(void **state) {
    (void)state;
    assert_true(value_endpoint("tcp://127.0.0.1:7100", false));
    assert_true(value_endpoint("tcp://rsu-2.road.example:1", false));
    assert_true(value_endpoint("tcp://[2001:db8::1]:65535", false));
    assert_true(value_endpoint("tcp://*:7100", true));
    static const char *const no_endpoint[] = {"", "tcp://", "tcp://h", "tcp://h:", "tcp://h:0",
        "tcp://h:65536", "tcp://:1", "tcp://*:1", "udp://h:1", "h:1", "tcp://a b:1",
        "tcp://[::g]:1", "tcp://::1:1", "tcp://h:1/x", "ipc:///x"};
    for (size_t i = 0; i < ARRAY_LEN(no_endpoint); i++) {
        if (value_endpoint(no_endpoint[i], false))
            fail_msg("taken: %s", no_endpoint[i]);
    }
    assert_true(value_listen("127.0.0.1:8080"));
    assert_true(value_listen("[::1]:8080"));
    static const char *const no_listen[] = {
        "", "8080", ":8080", "localhost:1", "127.1:1", "::1:1", "[::1]", "1.2.3.4:x"};
    for (size_t i = 0; i < ARRAY_LEN(no_listen); i++) {
        if (value_listen(no_listen[i]))
            fail_msg("taken: %s", no_listen[i]);
    }
    assert_true(value_interface("eth0"));
    assert_true(value_interface("abcdefghijklmno"));
    static const char *const no_interface[] = {
        "", ".", "..", "a/b", "a b", "a:0", "abcdefghijklmnop", "a\n"};
    for (size_t i = 0; i < ARRAY_LEN(no_interface); i++)
        assert_false(value_interface(no_interface[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64),
        cmocka_unit_test(test_ppm),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
