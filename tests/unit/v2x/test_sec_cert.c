/* v2x/cert.h on samples with every part: canonical hashes, fields, refusals. */
#include "tests/support/cm.h"

#include "tests/fuzz/v2x_samples.h"
#include "tests/unit/v2x/sec_support.h"

/* Points with both coordinates and rSig as a point change the octets, but neither hash nor digest. */
static void hashes_are_of_the_canonical_form(void **state) {
    (void)state;
    static const struct {
        enum cert_type type;
        enum ec_curve key, signature;
    } v[] = {{CERT_EXPLICIT, CURVE_P256, CURVE_BP256}, {CERT_EXPLICIT, CURVE_P384, CURVE_BP384},
        {CERT_EXPLICIT, CURVE_BP256, CURVE_P384}, {CERT_IMPLICIT, CURVE_P256, CURVE_P256}};
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        for (unsigned with_key = 0; with_key < 2; with_key++) {
            struct sample_shape shape = SAMPLE_EVERYTHING;
            shape.type = v[i].type;
            shape.key = v[i].key;
            shape.signature = v[i].signature;
            shape.encryption_key = with_key == 1;
            struct buf canonical = {0}, other = {0};
            sample_cert(&canonical, &shape);
            shape.uncompressed = true;
            sample_cert(&other, &shape);
            assert_false(span_equal(buf_span(&canonical), buf_span(&other)));
            struct cert a = test_cert(buf_span(&canonical)), b = test_cert(buf_span(&other));
            uint8_t ha[48], hb[48];
            size_t n;
            v2x_sha256(a.all, (struct span){NULL, 0}, hb);
            cert_hash256(&a, ha);
            assert_memory_equal(ha, hb, 32); /* as received */
            cert_hash256(&b, hb);
            assert_memory_equal(ha, hb, 32);
            cert_hash384(&a, ha);
            cert_hash384(&b, hb);
            assert_memory_equal(ha, hb, 48);
            for (unsigned sha384 = 0; sha384 < 2; sha384++) {
                cert_digest(&a, ha, sha384 == 1, ha, &n);
                cert_digest(&b, hb, sha384 == 1, hb, &n);
                assert_int_equal(n, sha384 == 1 ? 48 : 32);
                assert_memory_equal(ha, hb, n);
            }
            buf_free(&canonical);
            buf_free(&other);
        }
    }
}

static void fields_of_samples(void **state) {
    (void)state;
    struct buf b = {0};
    sample_cert(&b, &SAMPLE_EVERYTHING);
    struct cert c = test_cert(buf_span(&b));
    assert_int_equal(c.id_kind, CERT_ID_LINKAGE);
    assert_int_equal(c.id.n, 1 + 2 + 9 + 4 + 9);
    assert_memory_equal(c.craca_id, "\x01\x02\x03", 3);
    assert_int_equal(c.crl_series, 4);
    assert_true(c.valid_until_s == 650000000 + UINT64_C(3) * 31556952);
    assert_true(c.region.present);
    assert_int_equal(c.region.kind, 3);
    assert_int_equal(c.n_app, 3);
    assert_int_equal(c.n_issue, 2);
    assert_true(c.has_request_permissions);
    assert_true(c.has_encryption_key);
    assert_true(cert_psids_unique(&c));
    buf_free(&b);
    for (int id = CERT_ID_LINKAGE; id <= CERT_ID_OTHER; id++) {
        for (int issuer = ISSUER_SHA256; issuer <= ISSUER_SM3; issuer++) {
            struct sample_shape shape = {
                .id = (enum cert_id_kind)id, .issuer = (enum cert_issuer_kind)issuer, .region = -1};
            sample_cert(&b, &shape);
            c = test_cert(buf_span(&b));
            assert_int_equal(c.id_kind, id);
            assert_int_equal(c.issuer_kind, issuer);
            if (issuer != ISSUER_SELF)
                assert_memory_equal(c.issuer_id, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
            buf_free(&b);
        }
    }
}

static void cut_samples_are_refused(void **state) {
    (void)state;
    for (unsigned k = 0; k < 4; k++) {
        struct sample_shape shape = SAMPLE_EVERYTHING;
        shape.type = k == 1 ? CERT_IMPLICIT : CERT_EXPLICIT;
        shape.key = k == 2 ? CURVE_BP384 : CURVE_P256;
        shape.uncompressed = k == 3;
        shape.region = (int)k;
        struct buf b = {0};
        sample_cert(&b, &shape);
        for (size_t n = 0; n < b.n; n++) {
            uint8_t *copy = ws_memdup(b.p, n);
            struct cert c;
            size_t at;
            assert_int_equal(cert_parse(span_of(copy, n), &c, &at), COER_TRUNCATED);
            assert_true(at <= n);
            free(copy);
        }
        buf_u8(&b, 0);
        struct cert c;
        size_t at;
        assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_TRAILING);
        assert_int_equal(at, b.n - 1);
        buf_free(&b);
    }
}

/* One octet of a plain self-signed certificate replaced: the reason and the place. */
static void refusals_have_names(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t octet;
        enum coer_fail fail;
        size_t fail_at;
    } v[] = {
        {0, 0x81, COER_PREAMBLE, 0}, /* padding */
        {0, 0x00, COER_VALUE, 0}, /* explicit without signature */
        {1, 2, COER_VALUE, 1}, /* version */
        {2, 2, COER_VALUE, 2}, /* type */
        {2, 1, COER_VALUE, 0}, /* implicit with verification key */
        {3, 0x84, COER_CHOICE, 3}, /* issuer */
        {4, 3, COER_VALUE, 4}, /* hash algorithm */
        {6, 0x44, COER_CHOICE, 6}, /* id */
        {7, 0x81, COER_LENGTH_FORM, 7}, /* length of the name */
        {23, 0x87, COER_CHOICE, 23}, /* duration */
        {27, 0x82, COER_CHOICE, 27}, /* verification key indicator */
        {28, 0x85, COER_CHOICE, 28}, /* curve */
        {29, 0x85, COER_CHOICE, 29}, /* form of the point */
        {62, 0x85, COER_CHOICE, 62}, /* curve of the signature */
        {63, 0x81, COER_CHOICE, 63}, /* fill as rSig */
    };
    struct sample_shape shape = {.id = CERT_ID_NAME, .issuer = ISSUER_SELF, .region = -1};
    struct buf b = {0};
    sample_cert(&b, &shape);
    (void)test_cert(buf_span(&b));
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct cert c;
        size_t at = 0;
        uint8_t was = b.p[v[i].at];
        b.p[v[i].at] = v[i].octet;
        enum coer_fail fail = cert_parse(buf_span(&b), &c, &at);
        if (fail != v[i].fail || at != v[i].fail_at)
            fail_msg("case %zu: octet %zu: %s", i, at, coer_fail_text(fail));
        b.p[v[i].at] = was;
    }
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_of_the_canonical_form),
        cmocka_unit_test(fields_of_samples),
        cmocka_unit_test(cut_samples_are_refused),
        cmocka_unit_test(refusals_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
