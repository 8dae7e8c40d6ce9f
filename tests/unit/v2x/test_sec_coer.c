/* v2x/coer.h: canonical octets are read and written, everything else is refused with a name and a place. */
#include "tests/support/cm.h"

#include "v2x/coer.h"

static struct coer cursor(const void *p, size_t n) {
    return coer_of(span_of(p, n));
}
#define CURSOR(text) cursor(text, sizeof(text) - 1)

#define EXPECT_FAIL(c, reason, offset)                                                             \
    do {                                                                                           \
        assert_int_equal((c).fail, reason);                                                        \
        assert_int_equal((c).fail_at, offset);                                                     \
    } while (0)

static void lengths(void **state) {
    (void)state;
    static const size_t values[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 0xffffff, 0x1000000};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct buf b = {0};
        coer_put_length(&b, values[i]);
        struct coer c = coer_of(buf_span(&b));
        assert_int_equal(coer_length(&c), values[i]);
        assert_int_equal(c.fail, COER_OK);
        assert_ptr_equal(c.p, c.end);
        for (size_t n = 0; n < b.n; n++) {
            c = cursor(b.p, n);
            assert_int_equal(coer_length(&c), 0);
            EXPECT_FAIL(c, COER_TRUNCATED, n == 0 ? 0 : 1);
        }
        buf_free(&b);
    }
}

static void longer_lengths_are_refused(void **state) {
    (void)state;
    struct coer c[] = {CURSOR("\x80"), CURSOR("\x81\x7f"), CURSOR("\x82\x00\x80"),
        CURSOR("\x83\x00\xff\xff"), CURSOR("\x85\x01\x00\x00\x00\x00"), CURSOR("\xff")};
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        assert_int_equal(coer_length(&c[i]), 0);
        EXPECT_FAIL(c[i], COER_LENGTH_FORM, 0);
    }
}

static void unsigned_integers(void **state) {
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 255, 256, 65535, 65536, UINT64_MAX};
    static const size_t octets[] = {1, 1, 1, 1, 1, 2, 2, 3, 8};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct buf b = {0};
        coer_put_uint(&b, values[i]);
        assert_int_equal(b.n, 1 + octets[i]);
        struct coer c = coer_of(buf_span(&b));
        assert_true(coer_uint(&c) == values[i]);
        assert_int_equal(c.fail, COER_OK);
        buf_free(&b);
    }
    struct coer bad[] = {
        CURSOR("\x00"), CURSOR("\x02\x00\x24"), CURSOR("\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_true(coer_uint(&bad[i]) == 0);
        EXPECT_FAIL(bad[i], COER_INTEGER_FORM, 0);
    }
}

static void signed_integers(void **state) {
    (void)state;
    static const int64_t values[] = {
        0, 1, -1, 127, 128, -128, -129, 32767, 32768, -32768, -32769, INT64_MAX, INT64_MIN};
    static const size_t octets[] = {1, 1, 1, 1, 2, 1, 2, 2, 3, 2, 3, 8, 8};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct buf b = {0};
        coer_put_int(&b, values[i]);
        assert_int_equal(b.n, 1 + octets[i]);
        struct coer c = coer_of(buf_span(&b));
        assert_true(coer_int(&c) == values[i]);
        assert_int_equal(c.fail, COER_OK);
        buf_free(&b);
    }
    struct coer bad[] = {CURSOR("\x00"), CURSOR("\x02\x00\x7f"), CURSOR("\x02\xff\x80")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_true(coer_int(&bad[i]) == 0);
        EXPECT_FAIL(bad[i], COER_INTEGER_FORM, 0);
    }
}

static void choices_counts_preambles(void **state) {
    (void)state;
    struct coer c = CURSOR("\x80\x84\xbe");
    assert_int_equal(coer_choice(&c), 0);
    assert_int_equal(coer_choice(&c), 4);
    assert_int_equal(coer_choice(&c), 62);
    assert_int_equal(c.fail, COER_OK);
    struct coer bad[] = {CURSOR("\x00"), CURSOR("\x40"), CURSOR("\xc0"), CURSOR("\xbf\x3f")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)coer_choice(&bad[i]);
        EXPECT_FAIL(bad[i], COER_CHOICE, 0);
    }
    c = CURSOR("\x01\x05\x01\x06");
    assert_int_equal(coer_count(&c, 5), 5);
    assert_int_equal(coer_count(&c, 5), 0);
    EXPECT_FAIL(c, COER_VALUE, 2);
    c = CURSOR("\xa0\xa1");
    assert_int_equal(coer_preamble(&c, 0x1f), 0xa0);
    assert_int_equal(coer_preamble(&c, 0x1f), 0);
    EXPECT_FAIL(c, COER_PREAMBLE, 1);
}

static void open_types_end_where_they_say(void **state) {
    (void)state;
    struct coer c = CURSOR("\x02\x12\x34\x56");
    struct coer inner = coer_open(&c);
    assert_int_equal(coer_u16(&inner), 0x1234);
    coer_close(&c, &inner);
    assert_int_equal(coer_u8(&c), 0x56);
    assert_int_equal(c.fail, COER_OK);
    c = CURSOR("\x02\x12\x34\x56");
    inner = coer_open(&c);
    (void)coer_u8(&inner);
    coer_close(&c, &inner);
    EXPECT_FAIL(c, COER_TRAILING, 2);
    c = CURSOR("\x02\x12\x34\x56");
    inner = coer_open(&c);
    (void)coer_u32(&inner); /* not into what follows */
    coer_close(&c, &inner);
    EXPECT_FAIL(c, COER_TRUNCATED, 1);
}

static void additions_of_any_bitmap_length(void **state) {
    (void)state;
    /* Two bits, as the 2016 edition writes them: both present. */
    struct coer c = CURSOR("\x02\x06\xc0\x01\xaa\x02\xbb\xbb\x77");
    struct coer_additions a = coer_read_additions(&c);
    assert_int_equal(coer_next_addition(&c, &a), 0);
    assert_int_equal(coer_octets(&c).n, 1);
    assert_int_equal(coer_next_addition(&c, &a), 1);
    assert_int_equal(coer_octets(&c).n, 2);
    assert_true(coer_next_addition(&c, &a) == SIZE_MAX);
    assert_int_equal(coer_u8(&c), 0x77);
    assert_int_equal(c.fail, COER_OK);
    /* Twenty bits with only the last one. */
    c = CURSOR("\x04\x04\x00\x00\x10\x01\xaa\x77");
    a = coer_read_additions(&c);
    assert_int_equal(coer_next_addition(&c, &a), 19);
    c = CURSOR("\x04\x04\x00\x00\x10\x01\xaa\x77");
    coer_skip_additions(&c);
    assert_int_equal(coer_u8(&c), 0x77);
    assert_int_equal(c.fail, COER_OK);
    /* Nothing present; unused bits set; more than seven unused; no bits at all. */
    struct coer bad[] = {CURSOR("\x02\x06\x00"), CURSOR("\x02\x06\xc1"), CURSOR("\x02\x08\x80"),
        CURSOR("\x01\x00"), CURSOR("\x00")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        coer_skip_additions(&bad[i]);
        EXPECT_FAIL(bad[i], COER_VALUE, 0);
    }
}

static void first_failure_stays(void **state) {
    (void)state;
    struct coer c = CURSOR("\x00\x01");
    (void)coer_choice(&c);
    (void)coer_u64(&c);
    assert_int_equal(coer_u8(&c), 0);
    assert_null(coer_take(&c, 1).p);
    EXPECT_FAIL(c, COER_CHOICE, 0);
    struct coer empty = coer_of((struct span){NULL, 0});
    assert_int_equal(coer_u8(&empty), 0);
    EXPECT_FAIL(empty, COER_TRUNCATED, 0);
    for (unsigned f = COER_OK; f <= COER_DEPTH; f++)
        assert_true(strlen(coer_fail_text((enum coer_fail)f)) > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths),
        cmocka_unit_test(longer_lengths_are_refused),
        cmocka_unit_test(unsigned_integers),
        cmocka_unit_test(signed_integers),
        cmocka_unit_test(choices_counts_preambles),
        cmocka_unit_test(open_types_end_where_they_say),
        cmocka_unit_test(additions_of_any_bitmap_length),
        cmocka_unit_test(first_failure_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
