/* Certificates and messages in algorithms that are not read: named, never taken. */
#include "tests/unit/v2x/cert_world.h"
#include "tests/unit/v2x/sec_support.h"

#define SM2_POINT                                                                                  \
    "82"                                                                                           \
    "3131313131313131313131313131313131313131313131313131313131313131"
#define SM2_KEY                                                                                    \
    "80"                                                                                           \
    "84"                                                                                           \
    "21" SM2_POINT
#define SM2_SIGNATURE                                                                              \
    "84"                                                                                           \
    "40"                                                                                           \
    "1111111111111111111111111111111111111111111111111111111111111111"                             \
    "2222222222222222222222222222222222222222222222222222222222222222"

static void algorithms_that_are_not_read(void **state) {
    (void)state;
    struct cert_world w;
    cert_world_make(&w, &PLAIN_ROOT, &PLAIN_CA);
    static const struct {
        struct cert_parts p;
        unsigned bits;
        const char *word;
    } v[] = {
        {{.key = SM2_KEY}, CERT_SM2_KEY, "SM2 key"},
        {{.signature = SM2_SIGNATURE}, CERT_SM2_SIGNATURE, "SM2 signature"},
        {{.issuer = "83080102030405060708"}, CERT_SM3_HASH, "SM3 hash"},
        {{.issuer = "83080102030405060708", .key = SM2_KEY, .signature = SM2_SIGNATURE},
            CERT_SM2_KEY | CERT_SM2_SIGNATURE | CERT_SM3_HASH, "SM2 key"},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct cert_parts p = v[i].p;
        p.from_s = CERT_WORLD_T0;
        p.app = PARTS_APP_36;
        cert_world_expect(&w, &p, TRUST_ALGORITHM);
        assert_non_null(strstr(w.text, v[i].word));
        struct buf b = {0};
        struct cert c;
        size_t at;
        uint8_t hash[32], plain[32];
        cert_put_parts(&b, &p, w.key, w.ca_key, buf_span(&w.ca));
        assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
        assert_int_equal(c.unsupported, v[i].bits);
        assert_string_equal(cert_unsupported_text(c.unsupported), v[i].word);
        cert_hash256(&c, hash);
        v2x_sha256(c.all, NO_CERT, plain);
        assert_memory_equal(hash, plain, 32);
        cert_hash384(&c, (uint8_t[48]){0});
        if (c.unsupported & CERT_SM2_KEY)
            assert_null(trust_unproven_key(&c));
        /* Whether its issuer is known does not matter, nor for an authority. */
        struct trust_store *empty = trust_store_new(1);
        assert_int_equal(trust_check(empty, &c, CERT_WORLD_T0 + 1).verdict, TRUST_ALGORITHM);
        trust_store_free(empty);
        p.app = NULL;
        p.issue = PARTS_ISSUE_ALL;
        buf_clear(&b);
        cert_put_parts(&b, &p, w.key, w.root_key, buf_span(&w.root));
        assert_int_equal(trust_add_issuer(w.store, buf_span(&b)), TRUST_ALGORITHM);
        /* Cut anywhere it is no certificate. */
        for (size_t n = 0; n < b.n; n++) {
            uint8_t *cut = ws_memdup(b.p, n);
            assert_int_equal(cert_parse(span_of(cut, n), &c, &at), COER_TRUNCATED);
            free(cut);
        }
        buf_free(&b);
    }
    assert_null(cert_unsupported_text(0));
    /* Roots. */
    static const struct cert_parts roots[] = {{.issuer = "8102", .issue = PARTS_ISSUE_ALL},
        {.key = SM2_KEY, .signature = SM2_SIGNATURE, .issue = PARTS_ISSUE_ALL}};
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        struct buf b = {0};
        struct ws_err err = {0};
        cert_put_parts(&b, &roots[i], w.key, NULL, NO_CERT);
        assert_int_equal(trust_add_root(w.store, buf_span(&b), &err), WS_EINPUT);
        assert_non_null(strstr(err.text, i == 0 ? "SM3" : "SM2"));
        buf_free(&b);
    }
    /* A key to encrypt for on SM2 is none of our business. */
    struct cert_parts p = w.ticket;
    p.encryption_key = "01"
                       "82"
                       "21" SM2_POINT;
    cert_world_expect(&w, &p, TRUST_OK);
    cert_world_free(&w);
}

/* With a point in full the certificate is put together anew for its hash; an SM2 signature stays as it is. */
static void hash_with_an_sm2_signature(void **state) {
    (void)state;
    struct cert_world w;
    cert_world_make(&w, &PLAIN_ROOT, &PLAIN_CA);
    struct cert_parts p = {.from_s = CERT_WORLD_T0,
        .app = PARTS_APP_36,
        .signature = SM2_SIGNATURE,
        .key = "808083"
               "3131313131313131313131313131313131313131313131313131313131313131"};
    struct buf a = {0}, b = {0};
    struct cert c;
    size_t at;
    uint8_t ha[32], hb[32];
    cert_put_parts(&a, &p, w.key, w.ca_key, buf_span(&w.ca));
    p.key = "808084"
            "3131313131313131313131313131313131313131313131313131313131313131"
            "4141414141414141414141414141414141414141414141414141414141414141";
    cert_put_parts(&b, &p, w.key, w.ca_key, buf_span(&w.ca));
    assert_int_equal(cert_parse(buf_span(&a), &c, &at), COER_OK);
    cert_hash256(&c, ha);
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
    assert_true(c.key_uncompressed);
    cert_hash256(&c, hb);
    assert_memory_equal(ha, hb, 32);
    buf_free(&a);
    buf_free(&b);
    cert_world_free(&w);
}

/* Messages: the hash is SM3, the signature SM2; the rest of the header and the signer are read all the same. */
static void messages_with_sm(void **state) {
    (void)state;
    static const struct {
        const char *hash, *signature, *word;
    } v[] = {{"02",
                 "8080"
                 "1111111111111111111111111111111111111111111111111111111111111111"
                 "2222222222222222222222222222222222222222222222222222222222222222",
                 "SM3"},
        {"00", SM2_SIGNATURE, "SM2"}};
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        char hex[400];
        (void)snprintf(hex, sizeof(hex),
            "0381%s4003800155"
            "000124"
            "800102030405060708"
            "%s",
            v[i].hash, v[i].signature);
        struct buf b = test_unhex(hex);
        struct spdu m = test_spdu(buf_span(&b));
        assert_non_null(m.unsupported);
        assert_non_null(strstr(m.unsupported, v[i].word));
        assert_int_equal(m.psid, 36);
        assert_int_equal(m.all.n, b.n);
        uint8_t digest[48], hash[48] = {0};
        size_t n;
        if (i == 0) {
            assert_false(spdu_digest(&m, span_of(hash, 32), digest, &n));
            assert_false(spdu_digest(&m, span_of(hash, 48), digest, &n));
        }
        for (size_t cut = 0; cut < b.n; cut++) {
            size_t at;
            struct spdu x;
            assert_int_equal(spdu_parse(span_of(b.p, cut), &x, &at), COER_TRUNCATED);
        }
        buf_free(&b);
    }
    size_t at;
    struct spdu x;
    struct buf b = test_unhex("0381034003800155");
    assert_int_equal(spdu_parse(buf_span(&b), &x, &at), COER_VALUE);
    assert_int_equal(at, 2);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(algorithms_that_are_not_read),
        cmocka_unit_test(hash_with_an_sm2_signature),
        cmocka_unit_test(messages_with_sm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
