/* v2x/ecqv.h and implicit certificates through the store: keys on each curve, chains with implicit issuers,
 * and what must not count. */
#include "tests/support/cm.h"

#include "tests/unit/v2x/sec_support.h"

#include "v2x/ec_curve.h"
#include "v2x/ecqv.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/objects.h>

#define T0 700000000U
#define HOUR 3600U

static void sec1_of(const EC_GROUP *g, const BIGNUM *scalar, point_conversion_form_t form,
    uint8_t ret_sec1[static 97], size_t *ret_n) {
    EC_POINT *p = EC_POINT_new(g);
    assert_int_equal(EC_POINT_mul(g, p, scalar, NULL, NULL, NULL), 1);
    *ret_n = EC_POINT_point2oct(g, p, form, ret_sec1, 97, NULL);
    assert_true(*ret_n > 0);
    EC_POINT_free(p);
}

static struct ec_point point_of(const uint8_t *sec1, size_t n) {
    enum ec_form form = sec1[0] == 4 ? EC_UNCOMPRESSED : sec1[0] == 2 ? EC_Y_EVEN : EC_Y_ODD;
    return (struct ec_point){form, span_of(sec1 + 1, n - 1)};
}

/* With P = k G and Q_issuer = d G the key is (e k + d) G, by the private side computed here. */
static void every_curve(void **state) {
    (void)state;
    for (unsigned curve = CURVE_P256; curve <= CURVE_P384; curve++) {
        size_t n = ec_octets((enum ec_curve)curve);
        EC_GROUP *g = EC_GROUP_new_by_curve_name(OBJ_sn2nid(ec_curve_name((enum ec_curve)curve)));
        BN_CTX *ctx = BN_CTX_new();
        BIGNUM *k = BN_new(), *d = BN_new(), *e = BN_new(), *q = BN_new();
        const BIGNUM *order = EC_GROUP_get0_order(g);
        for (unsigned round = 0; round < 8; round++) {
            uint8_t p1[97], p2[97], want[97], got[96], e_octets[48];
            size_t n1, n2, n3;
            BN_rand_range(k, order);
            BN_rand_range(d, order);
            /* Also hashes above the group order: they count modulo it. */
            memset(e_octets, 0xff, sizeof(e_octets));
            if (round > 0) {
                BN_rand(e, (int)(8 * n), BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
                BN_bn2binpad(e, e_octets, (int)n);
            }
            BN_bin2bn(e_octets, (int)n, e);
            BN_mod_mul(q, e, k, order, ctx);
            BN_mod_add(q, q, d, order, ctx);
            bool packed = round % 2 == 0;
            sec1_of(g, k, packed ? POINT_CONVERSION_COMPRESSED : POINT_CONVERSION_UNCOMPRESSED, p1,
                &n1);
            sec1_of(g, d, packed ? POINT_CONVERSION_UNCOMPRESSED : POINT_CONVERSION_COMPRESSED, p2,
                &n2);
            sec1_of(g, q, POINT_CONVERSION_UNCOMPRESSED, want, &n3);
            struct ec_point rec = point_of(p1, n1), issuer = point_of(p2, n2);
            assert_true(ecqv_key((enum ec_curve)curve, &rec, span_of(e_octets, n), &issuer, got));
            assert_memory_equal(got, want + 1, 2 * n);
            /* Another hash is another key: half of it, above all, which the drafts of 2015 took. */
            BN_rshift1(e, e);
            BN_bn2binpad(e, e_octets, (int)n);
            assert_true(ecqv_key((enum ec_curve)curve, &rec, span_of(e_octets, n), &issuer, got));
            assert_memory_not_equal(got, want + 1, 2 * n);
        }
        BN_free(k);
        BN_free(d);
        BN_free(e);
        BN_free(q);
        BN_CTX_free(ctx);
        EC_GROUP_free(g);
    }
}

static void no_key(void **state) {
    (void)state;
    EC_GROUP *g = EC_GROUP_new_by_curve_name(OBJ_sn2nid(ec_curve_name(CURVE_P256)));
    BIGNUM *k = BN_new(), *minus = BN_new();
    uint8_t p[97], m[97], got[96], e[32] = {0};
    size_t n, nm;
    BN_set_word(k, 12345);
    BN_sub(minus, EC_GROUP_get0_order(g), k);
    sec1_of(g, k, POINT_CONVERSION_UNCOMPRESSED, p, &n);
    sec1_of(g, minus, POINT_CONVERSION_UNCOMPRESSED, m, &nm);
    struct ec_point a = point_of(p, n), b = point_of(m, nm);
    e[31] = 1;
    assert_false(ecqv_key(CURVE_P256, &a, span_of(e, 32), &b, got)); /* P - P: infinity */
    assert_true(ecqv_key(CURVE_P256, &a, span_of(e, 32), &a, got)); /* doubling */
    e[31] = 0;
    assert_true(ecqv_key(CURVE_P256, &a, span_of(e, 32), &b, got)); /* 0 P + Q */
    assert_memory_equal(got, m + 1, 64);
    assert_false(ecqv_key(CURVE_BP256, &a, span_of(e, 32), &b, got)); /* of another curve */
    assert_false(ecqv_key(CURVE_P384, &a, span_of(e, 32), &b, got)); /* of another size */
    struct ec_point x_only = {EC_X_ONLY, span_of(p + 1, 32)};
    struct ec_point fill = {EC_FILL, {NULL, 0}};
    assert_false(ecqv_key(CURVE_P256, &x_only, span_of(e, 32), &b, got));
    assert_false(ecqv_key(CURVE_P256, &a, span_of(e, 32), &fill, got));
    p[64] ^= 1;
    assert_false(ecqv_key(CURVE_P256, &a, span_of(e, 32), &b, got));
    BN_free(k);
    BN_free(minus);
    EC_GROUP_free(g);
}

/* root (explicit) - CA - sub CA - ticket, each of the kind that the bits of `kinds` say. */
struct chain {
    struct sign_key *key[4];
    struct buf cert[4];
    struct trust_store *store;
};

static void chain_make(struct chain *c, enum ec_curve curve, unsigned kinds) {
    static const struct span none = {NULL, 0};
    struct ws_random rnd = ws_random_seeded(100 + kinds);
    struct sign_permission app = {.psid = 36};
    *c = (struct chain){0};
    for (unsigned i = 0; i < 4; i++) {
        struct cert_request rq = {.name = i < 3 ? "authority" : NULL,
            .valid_from_s = T0 + i * HOUR,
            .valid_hours = (uint16_t)(1000 - 10 * i),
            .issue_all = i < 3,
            .issue_min_chain = (uint8_t)(3 - i)};
        if (i == 3) {
            rq.app = &app;
            rq.n_app = 1;
        }
        if (i > 0 && (kinds >> (i - 1) & 1) != 0) {
            c->key[i] =
                cert_put_implicit(&c->cert[i], &rq, c->key[i - 1], buf_span(&c->cert[i - 1]), &rnd);
        } else {
            c->key[i] = sign_key_new(curve, &rnd);
            cert_put(&c->cert[i], &rq, c->key[i], i == 0 ? NULL : c->key[i - 1],
                i == 0 ? none : buf_span(&c->cert[i - 1]));
        }
    }
    struct ws_err err;
    c->store = trust_store_new(3);
    assert_int_equal(trust_add_root(c->store, buf_span(&c->cert[0]), &err), WS_OK);
    assert_int_equal(trust_add_issuer(c->store, buf_span(&c->cert[1])), TRUST_OK);
    assert_int_equal(trust_add_issuer(c->store, buf_span(&c->cert[2])), TRUST_OK);
}

static void chain_free(struct chain *c) {
    for (unsigned i = 0; i < 4; i++) {
        sign_key_free(c->key[i]);
        buf_free(&c->cert[i]);
    }
    trust_store_free(c->store);
}

static enum verify_answer_kind message_under(const struct chain *c, struct verify_key *key) {
    struct spdu_request rq = {
        .psid = 36, .generation_time = 1, .payload = span_of("hello", 5), .with_certificate = true};
    struct buf b = {0};
    spdu_put_signed(&b, &rq, c->key[3], buf_span(&c->cert[3]));
    struct spdu m = test_spdu(buf_span(&b));
    struct test_signer signer = {.key = key};
    cert_hash256(&m.cert, signer.hash);
    enum verify_answer_kind answer = test_verify(&m, &signer);
    buf_free(&b);
    return answer;
}

static void chains_of_every_mixture(void **state) {
    (void)state;
    static const enum ec_curve curves[] = {CURVE_P256, CURVE_BP256};
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        for (unsigned kinds = 0; kinds < 8; kinds++) {
            struct chain c;
            struct cert ticket;
            size_t at;
            chain_make(&c, curves[i], kinds);
            assert_int_equal(cert_parse(buf_span(&c.cert[3]), &ticket, &at), COER_OK);
            struct trust_result r = trust_check(c.store, &ticket, T0 + 4 * HOUR);
            assert_int_equal(r.verdict, TRUST_OK);
            assert_int_equal(r.proven, (kinds & 4) == 0);
            assert_int_equal(verify_key_curve(r.key), curves[i]);
            assert_int_equal(message_under(&c, r.key), VERIFY_GOOD);
            verify_key_unref(r.key);
            chain_free(&c);
        }
    }
}

/* Whatever bit of an implicit ticket or of the issuer it names changes, the holder's signatures no longer fit. */
static void changed_implicit_tickets(void **state) {
    (void)state;
    struct chain c;
    chain_make(&c, CURVE_P256, 4);
    struct buf copy = {0};
    buf_put(&copy, c.cert[3].p, c.cert[3].n);
    unsigned keys = 0;
    for (size_t i = 0; i < 8 * copy.n; i += 5) {
        struct cert ticket;
        size_t at;
        copy.p[i / 8] ^= (uint8_t)(1U << (i % 8));
        if (cert_parse(buf_span(&copy), &ticket, &at) == COER_OK) {
            struct trust_result r = trust_check(c.store, &ticket, T0 + 4 * HOUR);
            assert_false(r.proven);
            if (r.verdict == TRUST_OK) {
                assert_int_equal(message_under(&c, r.key), VERIFY_BAD);
                keys++;
            }
            verify_key_unref(r.key);
        }
        copy.p[i / 8] ^= (uint8_t)(1U << (i % 8));
    }
    assert_true(keys > 20);
    buf_free(&copy);
    chain_free(&c);
}

/* The rules of chains hold for implicit certificates as for others. */
static void rules_hold(void **state) {
    (void)state;
    struct chain c;
    struct ws_random rnd = ws_random_seeded(5);
    chain_make(&c, CURVE_P256, 0);
    struct sign_permission app = {.psid = 36};
    struct cert_request rq = {.valid_from_s = T0, .valid_hours = 10, .app = &app, .n_app = 1};
    struct buf b = {0};
    struct cert ticket;
    size_t at;
    sign_key_free(cert_put_implicit(&b, &rq, c.key[2], buf_span(&c.cert[2]), &rnd));
    assert_int_equal(cert_parse(buf_span(&b), &ticket, &at), COER_OK);
    struct trust_result r = trust_check(c.store, &ticket, T0 + HOUR);
    assert_int_equal(r.verdict, TRUST_VALIDITY_OUTSIDE);
    assert_null(r.key);
    buf_clear(&b);
    rq.valid_from_s = T0 + 3 * HOUR;
    sign_key_free(cert_put_implicit(&b, &rq, c.key[0], buf_span(&c.cert[0]), &rnd));
    assert_int_equal(cert_parse(buf_span(&b), &ticket, &at), COER_OK);
    r = trust_check(c.store, &ticket, T0 + 4 * HOUR);
    assert_int_equal(r.verdict, TRUST_PERMISSION); /* straight from the root */
    r = trust_check(c.store, &ticket, T0 + 40 * HOUR);
    assert_int_equal(r.verdict, TRUST_EXPIRED);
    buf_free(&b);
    chain_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_curve),
        cmocka_unit_test(no_key),
        cmocka_unit_test(chains_of_every_mixture),
        cmocka_unit_test(changed_implicit_tickets),
        cmocka_unit_test(rules_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
