/* v2x/spdu.h on samples with every part, and its bounds. */
#include "tests/support/cm.h"

#include "tests/fuzz/v2x_samples.h"
#include "tests/unit/v2x/sec_support.h"

/* All header fields in our own sample; the public key counts in compressed form. */
static void header_sample(void **state) {
    (void)state;
    uint8_t digest[2][48], id[2][32];
    struct buf cert = {0};
    sample_cert(&cert, &SAMPLE_EVERYTHING);
    static const enum ec_form forms[] = {EC_Y_ODD, EC_UNCOMPRESSED, EC_FILL};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct buf b = {0};
        buf_put(&b, "\x03\x81\x00\x40\x03\x80\x01x", 8);
        sample_header(&b, forms[i], buf_span(&cert));
        buf_put(&b, "\x82\x80\x83", 3);
        memset(buf_grow(&b, 64), 1, 64);
        struct spdu m = test_spdu(buf_span(&b));
        assert_int_equal(m.all.n, b.n);
        assert_int_equal(m.signer, SIGNER_SELF);
        assert_true(m.generation_time == 700000000000000 && m.expiry_time == 700000060000000);
        assert_int_equal(m.lat, 450000000);
        assert_int_equal(m.lon, 76000000);
        assert_int_equal(m.elevation, 0xf000);
        assert_true(m.has_p2pcd_learning && m.has_missing_crl && m.has_encryption_key);
        assert_int_equal(m.inline_p2pcd.n, 6);
        assert_true(span_equal(m.requested_cert, buf_span(&cert)));
        assert_int_equal(m.encryption_key.form, forms[i]);
        static const uint8_t hash[48];
        size_t n;
        if (i < 2) {
            assert_true(spdu_digest(&m, span_of(hash, 32), digest[i], &n));
            spdu_identity(&m, hash, id[i]);
        }
        assert_false(spdu_digest(&m, span_of(hash, 48), digest[0], &n));
        for (size_t cut = 0; cut < b.n; cut++) {
            uint8_t *copy = ws_memdup(b.p, cut);
            struct spdu part;
            size_t at;
            assert_int_equal(spdu_parse(span_of(copy, cut), &part, &at), COER_TRUNCATED);
            free(copy);
        }
        buf_free(&b);
    }
    assert_memory_equal(digest[0], digest[1], 32);
    assert_memory_equal(id[0], id[1], 32);
    buf_free(&cert);
}

static void other_contents(void **state) {
    (void)state;
    struct buf b = {0};
    struct spdu m;
    size_t at;
    sample_encrypted(&b);
    size_t n = b.n;
    buf_u32(&b, 0);
    m = test_spdu(buf_span(&b));
    assert_int_equal(m.content, SPDU_ENCRYPTED);
    assert_int_equal(m.all.n, n);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(spdu_parse(span_of(b.p, cut), &m, &at), COER_TRUNCATED);
    buf_free(&b);
    m = test_spdu(span_of("\x03\x80\x03xyz", 6));
    assert_int_equal(m.content, SPDU_UNSECURED);
    assert_true(span_equal(m.payload, span_of("xyz", 3)));
    m = test_spdu(span_of("\x03\x84\x02xy", 5));
    assert_int_equal(m.content, SPDU_X509_REQUEST);
    assert_int_equal(spdu_parse(span_of("\x03\x85\x02xy", 5), &m, &at), COER_CHOICE);
    assert_int_equal(at, 1);
    assert_int_equal(spdu_parse(span_of("\x02\x80\x02xy", 5), &m, &at), COER_VALUE);
    assert_int_equal(at, 0);
    /* A payload that is neither there nor hashed nor omitted. */
    assert_int_equal(spdu_parse(span_of("\x03\x81\x00\x00\x00\x01\x24", 7), &m, &at), COER_VALUE);
    assert_int_equal(at, 3);
}

/* Signed data inside signed data ...: read to a bound, then refused by name. */
static void nesting_is_bounded(void **state) {
    (void)state;
    for (unsigned depth = 1; depth <= SPDU_MAX_DEPTH + 2; depth++) {
        struct buf b = {0};
        for (unsigned i = 0; i + 1 < depth; i++)
            buf_put(&b, "\x03\x81\x00\x40", 4);
        buf_put(&b, "\x03\x80\x00", 3);
        for (unsigned i = 0; i + 1 < depth; i++) {
            buf_put(&b, "\x00\x01\x24\x82\x80\x80", 6);
            memset(buf_grow(&b, 64), 1, 64);
        }
        struct spdu m;
        size_t at;
        enum coer_fail fail = spdu_parse(buf_span(&b), &m, &at);
        assert_int_equal(fail, depth <= SPDU_MAX_DEPTH ? COER_OK : COER_DEPTH);
        if (fail == COER_OK) {
            assert_int_equal(m.all.n, b.n);
            assert_int_equal(m.payload.n, 0);
        }
        buf_free(&b);
    }
}

static void too_much_is_refused(void **state) {
    (void)state;
    struct buf b = {0};
    buf_put(&b, "\x03\x80\x83\x01\x00\x00", 6);
    memset(buf_grow(&b, 65536), 0, 65536);
    struct spdu m;
    size_t at;
    assert_int_equal(spdu_parse(buf_span(&b), &m, &at), COER_LENGTH_FORM);
    buf_free(&b);
    /* More application permissions, and more certificates, than are read. */
    buf_put(&b, "\x80\x03\x00\x81\x00\x10\x83\x00\x00\x00\x00\x00\x00\x00\x00\x01\x84\x00\x01", 19);
    buf_put(&b, "\x01\x81", 2);
    struct cert c;
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_VALUE);
    assert_int_equal(at, 19);
    buf_free(&b);
    buf_put(&b, "\x03\x81\x00\x40\x03\x80\x00\x00\x01\x24\x81\x01", 12);
    buf_u8(&b, SPDU_MAX_CERTS + 1);
    assert_int_equal(spdu_parse(buf_span(&b), &m, &at), COER_VALUE);
    b.p[b.n - 1] = 0;
    assert_int_equal(spdu_parse(buf_span(&b), &m, &at), COER_VALUE);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_sample),
        cmocka_unit_test(other_contents),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
