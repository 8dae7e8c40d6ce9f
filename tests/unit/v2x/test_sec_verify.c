/* v2x/verify.h: Wycheproof's vectors, the forms of r, ranges, the queue, reference counts. */
#include "tests/support/cm.h"

#include "tests/unit/v2x/sec_support.h"

#include "v2x/ec_curve.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <pthread.h>

static struct verify_key *key_of_uncompressed(enum ec_curve curve, const char *hex) {
    struct buf b = test_unhex(hex);
    assert_int_equal(b.p[0], 4);
    struct ec_point point = {EC_UNCOMPRESSED, span_of(b.p + 1, b.n - 1)};
    struct verify_key *key = verify_key_new(curve, &point);
    buf_free(&b);
    return key;
}

static struct verify_item item_of(
    struct verify_key *key, const char *message_hex, struct span sig) {
    struct verify_item item = {.key = key, .digest_octets = 32, .r_form = EC_X_ONLY};
    struct buf message = test_unhex(message_hex);
    v2x_sha256(buf_span(&message), (struct span){NULL, 0}, item.digest);
    buf_free(&message);
    assert_int_equal(sig.n, 64);
    memcpy(item.r, sig.p, 32);
    memcpy(item.s, sig.p + 32, 32);
    return item;
}

static void wycheproof(void **state) {
    (void)state;
    const char *name = "wycheproof/ecdsa_secp256r1_sha256_p1363_test.json";
    char path[512];
    if (!test_sec_have(name))
        skip();
    test_sec_path(path, name);
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    const json_t *groups = json_object_get(root, "testGroups");
    int64_t seen = 0;
    unsigned valid = 0, invalid = 0, wrong_size = 0;
    for (size_t g = 0; g < json_array_size(groups); g++) {
        const json_t *group = json_array_get(groups, g);
        struct verify_key *key = key_of_uncompressed(
            CURVE_P256, json_string_value(
                            json_object_get(json_object_get(group, "publicKey"), "uncompressed")));
        assert_non_null(key);
        const json_t *tests = json_object_get(group, "tests");
        for (size_t i = 0; i < json_array_size(tests); i++, seen++) {
            const json_t *t = json_array_get(tests, i);
            bool want = strcmp(json_string_value(json_object_get(t, "result")), "valid") == 0;
            struct buf sig = test_unhex(json_string_value(json_object_get(t, "sig")));
            if (sig.n != 64) {
                /* A message has no room for these: its r and s are 32 octets. */
                assert_false(want);
                wrong_size++;
                buf_free(&sig);
                continue;
            }
            struct verify_item item =
                item_of(key, json_string_value(json_object_get(t, "msg")), buf_span(&sig));
            enum verify_answer_kind answer = verify_one(&item);
            if (answer != (want ? VERIFY_GOOD : VERIFY_BAD))
                fail_msg("test %lld: answer %d", json_integer_value(json_object_get(t, "tcId")),
                    (int)answer);
            valid += want;
            invalid += !want;
            buf_free(&sig);
        }
        verify_key_unref(key);
    }
    assert_int_equal(seen, json_integer_value(json_object_get(root, "numberOfTests")));
    assert_true(valid > 100 && invalid > 50 && wrong_size > 0);
    json_decref(root);
}

/* A key whose signature by nonce k has an x coordinate between n and p, so that r = x - n. Made here: r is
 * chosen first, and the key recovered as Q = (s R - z G) / r, all for s = z = 1. */
static struct verify_key *key_for_large_x(uint8_t ret_x[static 32], uint8_t ret_r[static 32]) {
    EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *x = BN_new(), *r = BN_new(), *inverse = NULL, *minus = BN_new();
    const BIGNUM *n = EC_GROUP_get0_order(g);
    EC_POINT *point = EC_POINT_new(g), *q = EC_POINT_new(g);
    assert_non_null(q);
    BN_copy(x, n);
    do
        BN_add_word(x, 1);
    while (EC_POINT_set_compressed_coordinates(g, point, x, 0, ctx) != 1);
    BN_sub(r, x, n);
    inverse = BN_mod_inverse(NULL, r, n, ctx);
    assert_non_null(inverse);
    BN_sub(minus, n, inverse); /* -1/r */
    assert_int_equal(EC_POINT_mul(g, q, minus, point, inverse, ctx), 1);
    uint8_t sec1[65];
    assert_int_equal(
        EC_POINT_point2oct(g, q, POINT_CONVERSION_UNCOMPRESSED, sec1, sizeof(sec1), ctx), 65);
    BN_bn2binpad(x, ret_x, 32);
    BN_bn2binpad(r, ret_r, 32);
    struct ec_point key_point = {EC_UNCOMPRESSED, span_of(sec1 + 1, 64)};
    struct verify_key *key = verify_key_new(CURVE_P256, &key_point);
    EC_POINT_free(point);
    EC_POINT_free(q);
    BN_free(x);
    BN_free(r);
    BN_free(inverse);
    BN_free(minus);
    BN_CTX_free(ctx);
    EC_GROUP_free(g);
    return key;
}

static void r_above_the_order(void **state) {
    (void)state;
    uint8_t x[32], r[32];
    struct verify_key *key = key_for_large_x(x, r);
    assert_non_null(key);
    struct verify_item item = {.key = key, .digest_octets = 32, .r_form = EC_X_ONLY};
    item.digest[31] = 1;
    item.s[31] = 1;
    memcpy(item.r, r, 32);
    assert_int_equal(verify_one(&item), VERIFY_GOOD);
    /* x itself is no r, but it is the x coordinate of R. */
    memcpy(item.r, x, 32);
    assert_int_equal(verify_one(&item), VERIFY_BAD);
    static const enum ec_form forms[] = {EC_Y_EVEN, EC_Y_ODD, EC_UNCOMPRESSED};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        item.r_form = forms[i];
        assert_int_equal(verify_one(&item), VERIFY_GOOD);
    }
    item.r_form = EC_FILL;
    assert_int_equal(verify_one(&item), VERIFY_BAD);
    verify_key_unref(key);
}

static void negate(uint8_t *s, const uint8_t *order, size_t n) {
    unsigned borrow = 0;
    for (size_t i = n; i-- > 0;) {
        unsigned d = (unsigned)order[i] - s[i] - borrow;
        s[i] = (uint8_t)d;
        borrow = d >> 31;
    }
}

/* z G + r Q = 0 for Q = G, r = x(G) and z = -r: the sum is the point at infinity, which OpenSSL reports as
 * an error. It is a bad signature. */
static void point_at_infinity(void **state) {
    (void)state;
    struct verify_key *key = key_of_uncompressed(CURVE_P256,
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
    struct buf r = test_unhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    struct verify_item item = {.key = key, .digest_octets = 32, .r_form = EC_X_ONLY};
    memcpy(item.digest, r.p, 32);
    negate(item.digest, ec_curve_order(CURVE_P256), 32);
    memcpy(item.r, r.p, 32);
    item.s[31] = 1;
    assert_int_equal(verify_one(&item), VERIFY_BAD);
    verify_key_unref(key);
    buf_free(&r);
}

/* Keys and signatures of every curve made by OpenSSL, handed over in our shapes. */
static void every_curve_and_form(void **state) {
    (void)state;
    static const enum ec_curve curves[] = {CURVE_P256, CURVE_BP256, CURVE_BP384, CURVE_P384};
    for (size_t c = 0; c < ARRAY_LEN(curves); c++) {
        size_t n = ec_octets(curves[c]);
        EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", ec_curve_name(curves[c]));
        assert_non_null(pkey);
        uint8_t sec1[1 + 2 * EC_MAX_OCTETS];
        size_t sec1_n = 0;
        assert_int_equal(EVP_PKEY_get_octet_string_param(
                             pkey, OSSL_PKEY_PARAM_PUB_KEY, sec1, sizeof(sec1), &sec1_n),
            1);
        assert_int_equal(sec1_n, 1 + 2 * n);
        struct verify_item item = {.digest_octets = (uint8_t)n, .r_form = EC_X_ONLY, .tag = 1};
        memset(item.digest, 0xa5, sizeof(item.digest));
        uint8_t der[160];
        size_t der_n = sizeof(der);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
        assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
        assert_int_equal(EVP_PKEY_sign(ctx, der, &der_n, item.digest, n), 1);
        EVP_PKEY_CTX_free(ctx);
        const uint8_t *at = der;
        ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der_n);
        assert_non_null(sig);
        BN_bn2binpad(ECDSA_SIG_get0_r(sig), item.r, (int)n);
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), item.s, (int)n);
        ECDSA_SIG_free(sig);
        struct ec_point points[] = {
            {EC_UNCOMPRESSED, span_of(sec1 + 1, 2 * n)},
            {(sec1[2 * n] & 1) != 0 ? EC_Y_ODD : EC_Y_EVEN, span_of(sec1 + 1, n)},
        };
        for (size_t k = 0; k < ARRAY_LEN(points); k++) {
            item.key = verify_key_new(curves[c], &points[k]);
            assert_non_null(item.key);
            assert_int_equal(verify_key_curve(item.key), curves[c]);
            assert_int_equal(verify_one(&item), VERIFY_GOOD);
            struct verify_item bad = item;
            negate(bad.s, ec_curve_order(curves[c]), n);
            assert_int_equal(verify_one(&bad), VERIFY_GOOD); /* n - s signs the same */
            bad = item;
            bad.digest[0] ^= 1;
            assert_int_equal(verify_one(&bad), VERIFY_BAD);
            bad = item;
            bad.s[n - 1] ^= 1;
            assert_int_equal(verify_one(&bad), VERIFY_BAD);
            bad = item;
            memset(bad.s, 0, n);
            assert_int_equal(verify_one(&bad), VERIFY_BAD);
            bad = item;
            memset(bad.r, 0, n);
            assert_int_equal(verify_one(&bad), VERIFY_BAD);
            bad = item;
            memcpy(bad.s, ec_curve_order(curves[c]), n);
            assert_int_equal(verify_one(&bad), VERIFY_BAD);
            bad = item;
            memcpy(bad.r, ec_curve_order(curves[c]), n);
            assert_int_equal(verify_one(&bad), VERIFY_BAD);
            bad.r_form = EC_Y_ODD; /* x = n: r would be 0 */
            assert_int_equal(verify_one(&bad), VERIFY_BAD);
            memcpy(bad.r, ec_curve_prime(curves[c]), n);
            assert_int_equal(verify_one(&bad), VERIFY_BAD);
            verify_key_unref(item.key);
        }
        EVP_PKEY_free(pkey);
    }
}

static void points_that_are_no_keys(void **state) {
    (void)state;
    static const enum ec_curve curves[] = {CURVE_P256, CURVE_BP256, CURVE_BP384, CURVE_P384};
    for (size_t c = 0; c < ARRAY_LEN(curves); c++) {
        size_t n = ec_octets(curves[c]);
        uint8_t octets[2 * EC_MAX_OCTETS] = {0};
        octets[n - 1] = 5;
        octets[2 * n - 1] = 1;
        struct ec_point point = {EC_UNCOMPRESSED, span_of(octets, 2 * n)};
        assert_null(verify_key_new(curves[c], &point)); /* not on the curve */
        point.octets.n = n;
        assert_null(verify_key_new(curves[c], &point)); /* half of it missing */
        point.form = EC_X_ONLY;
        assert_null(verify_key_new(curves[c], &point));
        point = (struct ec_point){EC_FILL, {NULL, 0}};
        assert_null(verify_key_new(curves[c], &point));
        /* x = p is no coordinate, and about half of all x have no y. */
        point = (struct ec_point){EC_Y_EVEN, span_of(ec_curve_prime(curves[c]), n)};
        assert_null(verify_key_new(curves[c], &point));
        memset(octets, 0, sizeof(octets));
        unsigned without_y = 0;
        for (unsigned x = 1; x <= 40; x++) {
            octets[n - 1] = (uint8_t)x;
            point = (struct ec_point){EC_Y_ODD, span_of(octets, n)};
            struct verify_key *key = verify_key_new(curves[c], &point);
            without_y += key == NULL;
            verify_key_unref(key);
        }
        assert_in_range(without_y, 5, 35);
    }
}

static void curves_are_not_mixed(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(3);
    struct sign_key *k = sign_key_new(CURVE_BP256, &rnd);
    struct buf b = {0};
    struct cert_request rq = {.name = "r", .issue_all = true, .issue_min_chain = 1};
    cert_put(&b, &rq, k, NULL, (struct span){NULL, 0});
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
    struct verify_item item = {.key = trust_unproven_key(&c)};
    assert_true(verify_item_signature(&item, &c.signature));
    struct ec_signature other = c.signature;
    other.curve = CURVE_P256;
    assert_false(verify_item_signature(&item, &other));
    other.curve = CURVE_BP384;
    assert_false(verify_item_signature(&item, &other));
    verify_key_unref(item.key);
    sign_key_free(k);
    buf_free(&b);
}

static void queue(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(4);
    struct sign_key *k = sign_key_new(CURVE_P256, &rnd);
    struct buf b = {0};
    struct cert_request rq = {.name = "r", .issue_all = true, .issue_min_chain = 1};
    cert_put(&b, &rq, k, NULL, (struct span){NULL, 0});
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
    struct verify_key *key = trust_unproven_key(&c);
    struct verify_item items[6];
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        items[i] = (struct verify_item){.key = key, .digest_octets = 32, .r_form = EC_X_ONLY};
        items[i].tag = 100 + i;
        items[i].digest[0] = (uint8_t)i;
        sign_digest(k, items[i].digest, items[i].r, items[i].s);
        if (i % 2 == 1)
            items[i].digest[1] ^= 1;
    }
    struct verify_config cfg = verify_config_default(4);
    struct verify_kernel *kernel = verify_kernel_new(&cfg);
    struct verify_answer answers[8];
    assert_int_equal(verify_poll(kernel, answers, 8), 0);
    assert_int_equal(verify_submit(kernel, items, 6), 4);
    assert_int_equal(verify_submit(kernel, items + 4, 2), 0);
    size_t got = 0;
    while (got < 3) {
        size_t more = verify_poll(kernel, answers + got, 3 - got);
        assert_int_not_equal(more, 0); /* with items in flight */
        got += more;
    }
    assert_int_equal(verify_in_flight(kernel), 1);
    assert_int_equal(verify_submit(kernel, items + 4, 2), 2); /* around the end of the ring */
    assert_int_equal(verify_poll(kernel, answers, 0), 0);
    while (got < 6)
        got += verify_poll(kernel, answers + got, 8 - got);
    assert_int_equal(verify_in_flight(kernel), 0);
    assert_int_equal(verify_poll(kernel, answers + got, 2), 0);
    unsigned seen = 0;
    for (size_t i = 0; i < 6; i++) {
        assert_in_range(answers[i].tag, 100, 105);
        seen |= 1U << (answers[i].tag - 100);
        assert_int_equal(answers[i].kind, answers[i].tag % 2 == 1 ? VERIFY_BAD : VERIFY_GOOD);
    }
    assert_int_equal(seen, 0x3f);
    assert_int_equal(verify_submit(kernel, items, 2), 2);
    verify_kernel_free(kernel); /* with two in flight */
    verify_kernel_free(NULL);
    assert_ptr_equal(verify_key_ref(key), key);
    verify_key_unref(key);
    assert_int_equal(verify_one(&items[0]), VERIFY_GOOD);
    verify_key_unref(key);
    verify_key_unref(NULL);
    sign_key_free(k);
    buf_free(&b);
}

struct sharer {
    struct verify_key *key;
    const struct verify_item *item;
    unsigned good;
};

static void *share(void *arg) {
    struct sharer *s = arg;
    for (unsigned i = 0; i < 50; i++) {
        struct verify_item item = *s->item;
        item.key = verify_key_ref(s->key);
        s->good += verify_one(&item) == VERIFY_GOOD;
        verify_key_unref(item.key);
    }
    verify_key_unref(s->key);
    return NULL;
}

/* One key in four threads, each with its reference; the last one frees it. Under TSan this is the test. */
static void shared_between_threads(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(5);
    struct sign_key *k = sign_key_new(CURVE_P256, &rnd);
    struct buf b = {0};
    struct cert_request rq = {.name = "r", .issue_all = true, .issue_min_chain = 1};
    cert_put(&b, &rq, k, NULL, (struct span){NULL, 0});
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
    struct verify_key *key = trust_unproven_key(&c);
    struct verify_item item = {.digest_octets = 32, .r_form = EC_X_ONLY};
    sign_digest(k, item.digest, item.r, item.s);
    pthread_t thread[4];
    struct sharer sharer[4];
    for (size_t i = 0; i < 4; i++) {
        sharer[i] = (struct sharer){verify_key_ref(key), &item, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, share, &sharer[i]), 0);
    }
    verify_key_unref(key);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(sharer[i].good, 50);
    }
    sign_key_free(k);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wycheproof),
        cmocka_unit_test(r_above_the_order),
        cmocka_unit_test(point_at_infinity),
        cmocka_unit_test(every_curve_and_form),
        cmocka_unit_test(points_that_are_no_keys),
        cmocka_unit_test(curves_are_not_mixed),
        cmocka_unit_test(queue),
        cmocka_unit_test(shared_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
