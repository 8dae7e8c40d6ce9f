/* base/bytes.h: octets written are the octets read, and nothing is read past the end. */
#include "tests/support/cm.h"

static void round_trip(void **state) {
    (void)state;
    struct buf b = {0};
    buf_u8(&b, 0xab);
    buf_u16(&b, 0x0102);
    buf_u32(&b, 0xfffefdfc);
    buf_u64(&b, 0x0102030405060708U);
    buf_i32(&b, -1);
    buf_i64(&b, INT64_MIN);
    buf_var(&b, span_of("road", 4));
    struct rd r = rd_of(buf_span(&b));
    assert_int_equal(rd_u8(&r), 0xab);
    assert_int_equal(rd_u16(&r), 0x0102);
    assert_int_equal(rd_u32(&r), 0xfffefdfc);
    assert_true(rd_u64(&r) == 0x0102030405060708U);
    assert_int_equal(rd_i32(&r), -1);
    assert_true(rd_i64(&r) == INT64_MIN);
    struct span s = rd_var(&r, 4);
    assert_true(span_equal(s, span_of("road", 4)));
    assert_true(rd_done(&r));
    buf_free(&b);
}

static void every_cut_is_refused(void **state) {
    (void)state;
    struct buf b = {0};
    buf_u32(&b, 7);
    buf_var(&b, span_of("abc", 3));
    for (size_t n = 0; n < b.n; n++) {
        struct rd r = rd_of(span_of(b.p, n));
        (void)rd_u32(&r);
        (void)rd_var(&r, 100);
        assert_false(rd_done(&r));
        assert_true(r.bad);
        assert_int_equal(rd_u64(&r), 0);
    }
    struct rd bounded = rd_of(buf_span(&b));
    (void)rd_u32(&bounded);
    (void)rd_var(&bounded, 2);
    assert_true(bounded.bad);
    buf_free(&b);
}

static void hex(void **state) {
    (void)state;
    uint8_t v[3];
    char text[7];
    assert_true(hex_decode(v, 3, "00fFa5"));
    hex_encode(text, v, 3);
    assert_string_equal(text, "00ffa5");
    assert_false(hex_decode(v, 3, "00ffa"));
    assert_false(hex_decode(v, 3, "00ffa5a"));
    assert_false(hex_decode(v, 3, "00ffg5"));
}

static void span_order(void **state) {
    (void)state;
    assert_true(span_compare(span_of("a", 1), span_of("ab", 2)) < 0);
    assert_true(span_compare(span_of("b", 1), span_of("ab", 2)) > 0);
    assert_true(span_compare(span_of("", 0), span_of("", 0)) == 0);
    assert_true(span_compare(span_of("\xff", 1), span_of("\x01", 1)) > 0);
}

static void grows_and_formats(void **state) {
    (void)state;
    struct buf b = {0};
    for (unsigned i = 0; i < 1000; i++)
        buf_printf(&b, "%03u,", i);
    assert_int_equal(b.n, 4000);
    assert_memory_equal(b.p + 3996, "999,", 4);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(hex),
        cmocka_unit_test(span_order),
        cmocka_unit_test(grows_and_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
