/* What later editions add to certificates and headers: hashed, passed over, and nothing else. */
#include "tests/unit/v2x/cert_world.h"
#include "tests/unit/v2x/sec_support.h"

/* Where these octets are in b. */
static struct span place_of(const struct buf *b, const char *hex) {
    struct buf part = test_unhex(hex);
    size_t at = 0;
    while (at + part.n <= b->n && memcmp(b->p + at, part.p, part.n) != 0)
        at++;
    assert_true(at + part.n <= b->n);
    struct span found = span_of(b->p + at, part.n);
    buf_free(&part);
    return found;
}

/* Additions behind the key: known to 1609.2-2022 (flags, three lists of extensions), of a later edition, in a bitmap of any
 * length. They are hashed, and change nothing else. */
static void certificate_extensions(void **state) {
    (void)state;
    struct cert_world w;
    cert_world_make(&w, &PLAIN_ROOT, &PLAIN_CA);
    static const char *const additions[] = {
        "0204"
        "80"
        "0180", /* flags: usesCubk */
        "0204"
        "40"
        "07"
        "010101"
        "0301"
        "2a"
        "03", /* an operating organisation */
        "0204"
        "20"
        "05"
        "0101"
        "01"
        "81"
        "00", /* all of a kind may be issued */
        "0204"
        "f0"
        "0180"
        "020100"
        "020100"
        "020100", /* all four, empty */
        "0201"
        "02"
        "03aabbcc", /* the seventh */
        "0307"
        "00"
        "80"
        "00", /* the ninth, and nothing in it */
        "0404"
        "00"
        "00"
        "10"
        "01ff", /* the twentieth */
    };
    uint8_t seen[ARRAY_LEN(additions)][32];
    for (size_t i = 0; i < ARRAY_LEN(additions); i++) {
        struct cert_parts p = w.ticket;
        p.additions = additions[i];
        cert_world_expect(&w, &p, TRUST_OK);
        struct buf b = {0};
        struct cert c;
        size_t at;
        cert_put_parts(&b, &p, w.key, w.ca_key, buf_span(&w.ca));
        assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
        assert_true(c.has_additions);
        uint8_t plain[32];
        cert_hash256(&c, seen[i]);
        v2x_sha256(buf_span(&b), NO_CERT, plain);
        assert_memory_equal(seen[i], plain, 32);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(seen[i], seen[k], 32);
        /* They are under the signature. */
        struct span tail = place_of(&b, additions[i]);
        b.p[(size_t)(tail.p - b.p) + tail.n - 1] ^= 1;
        if (cert_parse(buf_span(&b), &c, &at) == COER_OK) {
            struct trust_result r = trust_check(w.store, &c, CERT_WORLD_T0 + 1);
            assert_int_equal(r.verdict, TRUST_BAD_SIGNATURE);
        }
        buf_free(&b);
    }
    static const struct {
        const char *additions;
        enum coer_fail fail;
    } bad[] = {
        {"0204"
         "00",
            COER_VALUE}, /* the bit says there is one, the bitmap that there is none */
        {"0201"
         "03"
         "0100",
            COER_VALUE}, /* an unused bit is set */
        {"0208"
         "80"
         "0100",
            COER_VALUE}, /* eight unused bits */
        {"00", COER_VALUE},
        {"0104", COER_VALUE},
        {"0204"
         "80"
         "81010180",
            COER_LENGTH_FORM},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct cert_parts p = w.ticket;
        struct buf b = {0};
        struct cert c;
        size_t at;
        p.additions = bad[i].additions;
        cert_put_parts(&b, &p, w.key, w.ca_key, buf_span(&w.ca));
        enum coer_fail fail = cert_parse(buf_span(&b), &c, &at);
        if (fail != bad[i].fail)
            fail_msg("case %zu: octet %zu: %s", i, at, coer_fail_text(fail));
        buf_free(&b);
    }
    cert_world_free(&w);
}

/* HeaderInfo: pduFunctionalType is told, contributed extensions and later ones are passed over. */
static void header_extensions(void **state) {
    (void)state;
    static const struct {
        const char *additions;
        bool functional;
        uint8_t type;
    } v[] = {
        {"0204"
         "20"
         "0101",
            true, 1},
        {"0204"
         "10"
         "0d"
         "0101"
         "01"
         "0101"
         "05"
         "0102030405"
         "00"
         "00",
            false, 0},
        {"0204"
         "30"
         "0103"
         "03"
         "0100ff",
            true, 3},
        {"0302"
         "00"
         "04"
         "0411223344",
            false, 0},
        {"0206"
         "40"
         "00",
            false, 0}, /* requestedCertificate, and nothing in it */
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        char hex[600];
        (void)snprintf(hex, sizeof(hex),
            "0381004003800155"
            "c00124"
            "0000000000000001"
            "%s"
            "800102030405060708"
            "8080"
            "1111111111111111111111111111111111111111111111111111111111111111"
            "2222222222222222222222222222222222222222222222222222222222222222",
            v[i].additions);
        struct buf b = test_unhex(hex);
        size_t at;
        struct spdu m;
        enum coer_fail fail = spdu_parse(buf_span(&b), &m, &at);
        if (i == 4) {
            assert_int_equal(fail, COER_TRUNCATED);
        } else {
            if (fail != COER_OK)
                fail_msg("case %zu: octet %zu: %s", i, at, coer_fail_text(fail));
            assert_int_equal(m.has_functional_type, v[i].functional);
            assert_int_equal(m.functional_type, v[i].type);
            assert_int_equal(m.all.n, b.n);
            assert_int_equal(m.digest[7], 8);
        }
        buf_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate_extensions),
        cmocka_unit_test(header_extensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
