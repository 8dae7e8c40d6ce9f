/* v2x/sign.h: deterministic signatures, and certificates and messages that our own reader, our own
 * verification and OpenSSL accept. */
#include "tests/support/cm.h"

#include "tests/unit/v2x/sec_support.h"

#include "v2x/ec_curve.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

static struct sign_key *key_of(enum ec_curve curve, const char *hex) {
    struct buf d = test_unhex(hex);
    struct sign_key *k = sign_key_from_octets(curve, d.p);
    buf_free(&d);
    return k;
}

/* RFC 6979 A.2.5: P-256, SHA-256, messages "sample" and "test". */
static void rfc6979_vectors(void **state) {
    (void)state;
    static const struct {
        const char *message, *r, *s;
    } v[] = {
        {"sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
        {"test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
            "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"},
    };
    struct sign_key *k =
        key_of(CURVE_P256, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    assert_non_null(k);
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        uint8_t digest[32], r[32], s[32];
        v2x_sha256(span_of(v[i].message, strlen(v[i].message)), (struct span){NULL, 0}, digest);
        sign_digest(k, digest, r, s);
        struct buf want_r = test_unhex(v[i].r), want_s = test_unhex(v[i].s);
        assert_memory_equal(r, want_r.p, 32);
        assert_memory_equal(s, want_s.p, 32);
        buf_free(&want_r);
        buf_free(&want_s);
    }
    sign_key_free(k);
}

static void scalars_out_of_range(void **state) {
    (void)state;
    static const uint8_t zero[32];
    assert_null(sign_key_from_octets(CURVE_P256, zero));
    static const char *const order[] = {
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        "a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7"};
    static const enum ec_curve curve[] = {CURVE_P256, CURVE_BP256};
    for (size_t i = 0; i < 2; i++) {
        assert_null(key_of(curve[i], order[i]));
        struct buf d = test_unhex(order[i]);
        d.p[31]--;
        struct sign_key *k = sign_key_from_octets(curve[i], d.p);
        assert_non_null(k);
        uint8_t out[32];
        sign_key_octets(k, out);
        assert_memory_equal(out, d.p, 32);
        sign_key_free(k);
        buf_free(&d);
    }
}

/* A small PKI: root (Brainpool), issuing authority (Brainpool), ticket (P-256). */
struct pki {
    struct sign_key *root, *aa, *ticket;
    struct buf root_cert, aa_cert, ticket_cert;
};

#define T0 700000000U

static void pki_make(struct pki *p, uint64_t seed) {
    struct ws_random rnd = ws_random_seeded(seed);
    p->root = sign_key_new(CURVE_BP256, &rnd);
    p->aa = sign_key_new(CURVE_BP256, &rnd);
    p->ticket = sign_key_new(CURVE_P256, &rnd);
    p->root_cert = p->aa_cert = p->ticket_cert = (struct buf){0};
    struct cert_request root = {.name = "root",
        .valid_from_s = T0,
        .valid_hours = 50000,
        .issue_all = true,
        .issue_min_chain = 1,
        .issue_chain_range = 2};
    cert_put(&p->root_cert, &root, p->root, NULL, (struct span){NULL, 0});
    struct cert_request aa = root;
    aa.name = "aa";
    aa.valid_hours = 20000;
    aa.issue_chain_range = 0;
    cert_put(&p->aa_cert, &aa, p->aa, p->root, buf_span(&p->root_cert));
    struct sign_permission permissions[] = {
        {.psid = 36, .ssp = span_of("\x01\x00\x00", 3), .bitmap = true},
        {.psid = 37, .ssp = span_of("opaque", 6), .bitmap = false},
        {.psid = 2113687},
    };
    struct cert_request ticket = {.valid_from_s = T0 + 3600,
        .valid_hours = 168,
        .app = permissions,
        .n_app = 3,
        .has_circle = true,
        .circle_lat = 450000000,
        .circle_lon = 76000000,
        .circle_radius_m = 5000};
    cert_put(&p->ticket_cert, &ticket, p->ticket, p->aa, buf_span(&p->aa_cert));
}

static void pki_free(struct pki *p) {
    sign_key_free(p->root);
    sign_key_free(p->aa);
    sign_key_free(p->ticket);
    buf_free(&p->root_cert);
    buf_free(&p->aa_cert);
    buf_free(&p->ticket_cert);
}

static struct cert parsed(const struct buf *b) {
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(buf_span(b), &c, &at), COER_OK);
    return c;
}

static void same_seed_same_octets(void **state) {
    (void)state;
    struct pki a, b, other;
    pki_make(&a, 7);
    pki_make(&b, 7);
    pki_make(&other, 8);
    assert_true(span_equal(buf_span(&a.ticket_cert), buf_span(&b.ticket_cert)));
    assert_false(span_equal(buf_span(&a.ticket_cert), buf_span(&other.ticket_cert)));
    pki_free(&a);
    pki_free(&b);
    pki_free(&other);
}

static void certificates_read_back(void **state) {
    (void)state;
    struct pki p;
    pki_make(&p, 1);
    struct cert root = parsed(&p.root_cert), aa = parsed(&p.aa_cert), t = parsed(&p.ticket_cert);
    uint8_t hash[32];
    assert_int_equal(root.issuer_kind, ISSUER_SELF);
    assert_int_equal(root.id_kind, CERT_ID_NAME);
    assert_true(span_equal(root.id, span_of("root", 4)));
    assert_int_equal(root.n_issue, 1);
    assert_true(cert_may_issue(&root, 36, 1));
    assert_true(cert_may_issue(&root, 36, 3));
    assert_false(cert_may_issue(&root, 36, 4));
    cert_hash256(&root, hash);
    assert_memory_equal(aa.issuer_id, hash + 24, 8);
    assert_false(cert_may_issue(&aa, 36, 2));
    cert_hash256(&aa, hash);
    assert_memory_equal(t.issuer_id, hash + 24, 8);
    assert_int_equal(t.id_kind, CERT_ID_NONE);
    assert_int_equal(t.valid_from_s, T0 + 3600);
    assert_true(t.valid_until_s == T0 + 3600 + 168 * 3600);
    assert_int_equal(t.n_app, 3);
    struct span ssp;
    bool bitmap;
    assert_true(cert_app_permission(&t, 36, &ssp, &bitmap));
    assert_true(bitmap && span_equal(ssp, span_of("\x01\x00\x00", 3)));
    assert_true(cert_app_permission(&t, 37, &ssp, &bitmap));
    assert_true(!bitmap && span_equal(ssp, span_of("opaque", 6)));
    assert_true(cert_app_permission(&t, 2113687, &ssp, &bitmap));
    assert_int_equal(ssp.n, 0);
    assert_true(cert_region_contains(&t, 450000000, 76000000));
    assert_false(cert_region_contains(&t, 451000000, 76000000));
    pki_free(&p);
}

static void chain_is_trusted(void **state) {
    (void)state;
    struct pki p;
    pki_make(&p, 2);
    struct trust_store *store = trust_store_new(4);
    struct ws_err err;
    assert_int_equal(trust_add_issuer(store, buf_span(&p.aa_cert)), TRUST_UNKNOWN_ISSUER);
    assert_int_equal(trust_add_root(store, buf_span(&p.root_cert), &err), WS_OK);
    assert_int_equal(trust_add_issuer(store, buf_span(&p.aa_cert)), TRUST_OK);
    assert_int_equal(trust_count(store), 2);
    struct cert t = parsed(&p.ticket_cert), aa = parsed(&p.aa_cert);
    struct trust_result r = trust_check(store, &t, T0 + 4000);
    assert_int_equal(r.verdict, TRUST_OK);
    uint8_t hash[32];
    cert_hash256(&t, hash);
    assert_memory_equal(r.hash, hash, 32);
    cert_hash256(&aa, hash);
    assert_memory_equal(r.issuer_hash, hash, 32);
    assert_non_null(r.key);
    assert_int_equal(verify_key_curve(r.key), CURVE_P256);
    verify_key_unref(r.key);
    trust_store_free(store);
    pki_free(&p);
}

/* The verification that OpenSSL offers to anyone, without our code between. */
static bool openssl_accepts(const struct cert *signer, const uint8_t digest[static 32],
    const uint8_t r[static 32], const uint8_t s[static 32]) {
    static const uint8_t p256_spki[] = {0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce,
        0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x22,
        0x00};
    struct buf spki = {0};
    buf_put(&spki, p256_spki, sizeof(p256_spki));
    buf_u8(&spki, signer->key.form == EC_Y_EVEN ? 2 : 3);
    buf_put(&spki, signer->key.octets.p, 32);
    const unsigned char *at = spki.p;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)spki.n);
    assert_non_null(pkey);
    uint8_t der[80] = {0x30};
    size_t n = 2;
    for (unsigned k = 0; k < 2; k++) {
        const uint8_t *v = k == 0 ? r : s;
        size_t skip_zeros = 0;
        while (v[skip_zeros] == 0)
            skip_zeros++;
        size_t pad = v[skip_zeros] >= 0x80;
        der[n++] = 0x02;
        der[n++] = (uint8_t)(32 - skip_zeros + pad);
        if (pad != 0)
            der[n++] = 0;
        memcpy(der + n, v + skip_zeros, 32 - skip_zeros);
        n += 32 - skip_zeros;
    }
    der[1] = (uint8_t)(n - 2);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
    bool good = EVP_PKEY_verify(ctx, der, n, digest, 32) == 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    buf_free(&spki);
    return good;
}

static void messages_read_back_and_verify(void **state) {
    (void)state;
    struct pki p;
    pki_make(&p, 3);
    struct cert t = parsed(&p.ticket_cert);
    struct test_signer signer;
    test_signer_of(&t, &signer);
    uint8_t id[2][32];
    for (unsigned with_certificate = 0; with_certificate < 2; with_certificate++) {
        struct spdu_request rq = {.psid = 36,
            .generation_time = UINT64_C(700004000000000),
            .has_location = true,
            .lat = 450000001,
            .lon = -76000001,
            .payload = span_of("\x01payload", 8),
            .with_certificate = with_certificate == 1};
        struct buf b = {0};
        spdu_put_signed(&b, &rq, p.ticket, buf_span(&p.ticket_cert));
        size_t own = b.n;
        buf_u32(&b, 0); /* padding of the frame */
        struct spdu m = test_spdu(buf_span(&b));
        assert_int_equal(m.all.n, own);
        assert_true(m.psid == 36);
        assert_true(m.generation_time == rq.generation_time);
        assert_int_equal(m.lat, rq.lat);
        assert_int_equal(m.lon, rq.lon);
        assert_true(span_equal(m.payload, rq.payload));
        assert_int_equal(m.signer, with_certificate == 1 ? SIGNER_CERTIFICATE : SIGNER_DIGEST);
        if (m.signer == SIGNER_DIGEST)
            assert_memory_equal(m.digest, signer.hash + 24, 8);
        assert_int_equal(test_verify(&m, &signer), VERIFY_GOOD);
        uint8_t digest[48];
        size_t n;
        assert_true(spdu_digest(&m, span_of(signer.hash, 32), digest, &n));
        assert_int_equal(n, 32);
        assert_true(openssl_accepts(&t, digest, m.signature.r.octets.p, m.signature.s.p));
        uint16_t port;
        assert_true(span_equal(spdu_app_payload(&m, &port), rq.payload));
        assert_int_equal(port, 0);
        spdu_identity(&m, signer.hash, id[with_certificate]);
        /* n - s signs the same message, and it stays the same message. */
        uint8_t *s = b.p + (size_t)(m.signature.s.p - b.p), other_id[32];
        const uint8_t *order = ec_curve_order(CURVE_P256);
        unsigned borrow = 0;
        for (size_t i = 32; i-- > 0;) {
            unsigned d = (unsigned)order[i] - s[i] - borrow;
            s[i] = (uint8_t)d;
            borrow = d >> 31;
        }
        assert_int_equal(test_verify(&m, &signer), VERIFY_GOOD);
        spdu_identity(&m, signer.hash, other_id);
        assert_memory_equal(other_id, id[with_certificate], 32);
        buf_free(&b);
    }
    assert_memory_equal(id[0], id[1], 32);
    verify_key_unref(signer.key);
    pki_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc6979_vectors),
        cmocka_unit_test(scalars_out_of_range),
        cmocka_unit_test(same_seed_same_octets),
        cmocka_unit_test(certificates_read_back),
        cmocka_unit_test(chain_is_trusted),
        cmocka_unit_test(messages_read_back_and_verify),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
