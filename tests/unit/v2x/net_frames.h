/* Frames of the carrier tests: a builder in hex and a reader that owns an exact-size copy, so that a
 * sanitizer sees the first octet read too far. */
#ifndef WAYSIDE_TESTS_NET_FRAMES_H
#define WAYSIDE_TESTS_NET_FRAMES_H

#include "tests/support/cm.h"
#include "v2x/carrier.h"

#define MACS "ffffffffffff 021122334455"
#define SPDU "03800411223344" /* unsecuredData of four octets */
#define SPDU_N 7

/* Hex with spaces where they help the reader. */
static inline size_t octets_of(const char *hex) {
    size_t digits = 0;
    for (; *hex != '\0'; hex++)
        digits += *hex != ' ';
    return digits / 2;
}

static inline struct buf unhex(const char *hex) {
    char packed[1024];
    size_t n = 0;
    for (; *hex != '\0'; hex++) {
        assert_true(n + 1 < sizeof(packed));
        if (*hex != ' ')
            packed[n++] = *hex;
    }
    packed[n] = '\0';
    return test_unhex(packed);
}

struct read_frame {
    uint8_t *copy;
    struct carrier carrier;
    enum carrier_verdict verdict;
};

static inline struct read_frame read_octets(enum frame_link link, const uint8_t *p, size_t n) {
    struct read_frame f = {.copy = malloc(n == 0 ? 1 : n)};
    assert_non_null(f.copy);
    if (n > 0)
        memcpy(f.copy, p, n);
    f.verdict = carrier_read(link, span_of(f.copy, n), &f.carrier);
    struct span m = f.carrier.message;
    if (f.verdict == CARRIER_SECURED || f.verdict == CARRIER_BARE) {
        assert_true(m.n > 0);
        assert_true(m.p >= f.copy);
        assert_true(m.p + m.n <= f.copy + n);
    } else {
        assert_int_equal(m.n, 0);
    }
    return f;
}

/* The verdict alone. */
static inline enum carrier_verdict verdict_of(enum frame_link link, const uint8_t *p, size_t n) {
    struct read_frame f = read_octets(link, p, n);
    free(f.copy);
    return f.verdict;
}

static inline enum carrier_verdict verdict_of_hex(enum frame_link link, const char *hex) {
    struct buf b = unhex(hex);
    enum carrier_verdict v = verdict_of(link, b.p, b.n);
    buf_free(&b);
    return v;
}

/* Checks verdict and message (hex; NULL: none). */
static inline void expect_message(enum frame_link link, const char *hex,
    enum carrier_verdict verdict, const char *message, struct carrier *ret_carrier) {
    struct buf b = unhex(hex);
    struct read_frame f = read_octets(link, b.p, b.n);
    assert_string_equal(carrier_verdict_text(f.verdict), carrier_verdict_text(verdict));
    if (message != NULL) {
        struct buf want = unhex(message);
        assert_true(span_equal(f.carrier.message, buf_span(&want)));
        buf_free(&want);
    }
    *ret_carrier = f.carrier;
    ret_carrier->message = span_of(NULL, 0);
    ret_carrier->gn_pdu = span_of(NULL, f.carrier.gn_pdu.n);
    free(f.copy);
    buf_free(&b);
}

#endif
