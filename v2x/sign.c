/* Keys and deterministic ECDSA (RFC 6979) on OpenSSL's big numbers and curves. */
#include "v2x/sign.h"

#include "base/assert.h"
#include "base/mem.h"
#include "v2x/ec_curve.h"
#include "v2x/sign_parts.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <stdlib.h>

enum { OCTETS = 32 };

struct sign_key {
    enum ec_curve curve;
    EC_GROUP *group;
    BIGNUM *d;
    uint8_t scalar[OCTETS];
    struct ec_point_octets public;
};

/* The library fails in here only for want of memory: a broken machine, see decision 8 of the design. */
#define MUST(call) WS_ASSERT((call))

static bool scalar_in_range(enum ec_curve curve, const uint8_t scalar[static OCTETS]) {
    static const uint8_t zero[OCTETS];
    return memcmp(scalar, zero, OCTETS) != 0 && memcmp(scalar, ec_curve_order(curve), OCTETS) < 0;
}

struct sign_key *sign_key_from_octets(enum ec_curve curve, const uint8_t scalar[static 32]) {
    WS_ASSERT(curve == CURVE_P256 || curve == CURVE_BP256);
    if (!scalar_in_range(curve, scalar))
        return NULL;
    struct sign_key *k = ws_alloc(sizeof(*k));
    k->curve = curve;
    memcpy(k->scalar, scalar, OCTETS);
    MUST((k->group = EC_GROUP_new_by_curve_name(OBJ_sn2nid(ec_curve_name(curve)))) != NULL);
    MUST((k->d = BN_secure_new()) != NULL);
    MUST(BN_bin2bn(scalar, OCTETS, k->d) != NULL);
    BN_set_flags(k->d, BN_FLG_CONSTTIME);
    EC_POINT *point = EC_POINT_new(k->group);
    uint8_t sec1[1 + OCTETS];
    MUST(point != NULL);
    MUST(EC_POINT_mul(k->group, point, k->d, NULL, NULL, NULL) == 1);
    MUST(EC_POINT_point2oct(k->group, point, POINT_CONVERSION_COMPRESSED, sec1, sizeof(sec1),
             NULL) == sizeof(sec1));
    EC_POINT_free(point);
    k->public.form = sec1[0] == 2 ? EC_Y_EVEN : EC_Y_ODD;
    memcpy(k->public.x, sec1 + 1, OCTETS);
    return k;
}

struct sign_key *sign_key_new(enum ec_curve curve, struct ws_random *rnd) {
    uint8_t scalar[OCTETS];
    do /* at most every third draw is above the order of the Brainpool curve */
        ws_random_bytes(rnd, scalar, sizeof(scalar));
    while (!scalar_in_range(curve, scalar));
    struct sign_key *k = sign_key_from_octets(curve, scalar);
    OPENSSL_cleanse(scalar, sizeof(scalar));
    return k;
}

void sign_key_octets(const struct sign_key *k, uint8_t ret_scalar[static 32]) {
    memcpy(ret_scalar, k->scalar, OCTETS);
}

void sign_key_free(struct sign_key *k) {
    if (k == NULL)
        return;
    EC_GROUP_free(k->group);
    BN_clear_free(k->d);
    OPENSSL_cleanse(k->scalar, sizeof(k->scalar));
    free(k);
}

struct sign_key *sign_key_derive(const struct sign_key *ephemeral, const uint8_t e[static OCTETS],
    const struct sign_key *issuer) {
    WS_ASSERT(ephemeral->curve == issuer->curve);
    const BIGNUM *n = EC_GROUP_get0_order(issuer->group);
    BN_CTX *ctx = BN_CTX_secure_new();
    MUST(ctx != NULL);
    BN_CTX_start(ctx);
    BIGNUM *v = BN_CTX_get(ctx);
    MUST(v != NULL);
    MUST(BN_bin2bn(e, OCTETS, v) != NULL);
    MUST(BN_mod_mul(v, v, ephemeral->d, n, ctx) == 1);
    MUST(BN_mod_add(v, v, issuer->d, n, ctx) == 1);
    uint8_t scalar[OCTETS];
    MUST(BN_bn2binpad(v, scalar, OCTETS) == OCTETS);
    struct sign_key *key = sign_key_from_octets(issuer->curve, scalar);
    OPENSSL_cleanse(scalar, sizeof(scalar));
    BN_clear(v);
    BN_CTX_end(ctx);
    BN_CTX_free(ctx);
    return key;
}

enum ec_curve sign_key_curve(const struct sign_key *k) {
    return k->curve;
}

struct ec_point_octets sign_key_public(const struct sign_key *k) {
    return k->public;
}

/* The generator of RFC 6979 3.2: HMAC-DRBG without reseeding. */
struct nonce {
    uint8_t key[OCTETS];
    uint8_t v[OCTETS];
};

/* key or v = HMAC(key, message) */
static void hmac(const struct nonce *g, const uint8_t *message, size_t n, uint8_t *ret_mac) {
    uint8_t mac[OCTETS];
    size_t mac_n = 0;
    MUST(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, g->key, sizeof(g->key), message, n, mac,
             sizeof(mac), &mac_n) != NULL);
    WS_ASSERT(mac_n == sizeof(mac));
    memcpy(ret_mac, mac, sizeof(mac));
    OPENSSL_cleanse(mac, sizeof(mac));
}

/* Steps d to g, and h.3: K = HMAC(K, V || step || data), V = HMAC(K, V). */
static void nonce_update(struct nonce *g, uint8_t step, const uint8_t *data, size_t n) {
    uint8_t message[OCTETS + 1 + 2 * OCTETS];
    WS_ASSERT(n <= (size_t)2 * OCTETS);
    memcpy(message, g->v, OCTETS);
    message[OCTETS] = step;
    if (n > 0)
        memcpy(message + OCTETS + 1, data, n);
    hmac(g, message, OCTETS + 1 + n, g->key);
    hmac(g, g->v, OCTETS, g->v);
    OPENSSL_cleanse(message, sizeof(message));
}

/* The hash and the order have 256 bits both, so bits2int is the identity and one block is one candidate. */
static void nonce_start(struct nonce *g, const struct sign_key *k, const uint8_t *reduced_digest) {
    uint8_t seed[2 * OCTETS];
    memcpy(seed, k->scalar, OCTETS);
    memcpy(seed + OCTETS, reduced_digest, OCTETS);
    memset(g->v, 1, OCTETS);
    memset(g->key, 0, OCTETS);
    nonce_update(g, 0, seed, sizeof(seed));
    nonce_update(g, 1, seed, sizeof(seed));
    OPENSSL_cleanse(seed, sizeof(seed));
}

static void nonce_candidate(struct nonce *g, const struct sign_key *k, BIGNUM *ret_nonce) {
    hmac(g, g->v, OCTETS, g->v);
    while (!scalar_in_range(k->curve, g->v)) {
        nonce_update(g, 0, NULL, 0);
        hmac(g, g->v, OCTETS, g->v);
    }
    MUST(BN_bin2bn(g->v, OCTETS, ret_nonce) != NULL);
}

/* r = x(nonce * G) mod n, s = (z + r d) / nonce mod n. False if either is zero, which asks for another
 * nonce. */
static bool ecdsa(const struct sign_key *k, const BIGNUM *nonce, const BIGNUM *z, BN_CTX *ctx,
    BIGNUM *ret_r, BIGNUM *ret_s) {
    const BIGNUM *n = EC_GROUP_get0_order(k->group);
    EC_POINT *point = EC_POINT_new(k->group);
    MUST(point != NULL);
    MUST(EC_POINT_mul(k->group, point, nonce, NULL, NULL, ctx) == 1);
    BN_CTX_start(ctx);
    BIGNUM *x = BN_CTX_get(ctx);
    BIGNUM *exponent = BN_CTX_get(ctx);
    BIGNUM *inverse = BN_CTX_get(ctx);
    BIGNUM *sum = BN_CTX_get(ctx);
    MUST(sum != NULL);
    MUST(EC_POINT_get_affine_coordinates(k->group, point, x, NULL, ctx) == 1);
    MUST(BN_nnmod(ret_r, x, n, ctx) == 1);
    /* The order is prime: nonce^(n-2) is the inverse, without branches on the nonce. */
    BN_MONT_CTX *mont = BN_MONT_CTX_new();
    MUST(mont != NULL);
    MUST(BN_MONT_CTX_set(mont, n, ctx) == 1);
    MUST(BN_copy(exponent, n) != NULL);
    MUST(BN_sub_word(exponent, 2) == 1);
    MUST(BN_mod_exp_mont_consttime(inverse, nonce, exponent, n, ctx, mont) == 1);
    MUST(BN_mod_mul(sum, ret_r, k->d, n, ctx) == 1);
    MUST(BN_mod_add(sum, sum, z, n, ctx) == 1);
    MUST(BN_mod_mul(ret_s, inverse, sum, n, ctx) == 1);
    BN_clear(inverse);
    BN_clear(sum);
    BN_CTX_end(ctx);
    BN_MONT_CTX_free(mont);
    EC_POINT_clear_free(point);
    return !BN_is_zero(ret_r) && !BN_is_zero(ret_s);
}

void sign_digest(const struct sign_key *k, const uint8_t digest[static 32],
    uint8_t ret_r[static 32], uint8_t ret_s[static 32]) {
    BN_CTX *ctx = BN_CTX_secure_new();
    MUST(ctx != NULL);
    BN_CTX_start(ctx);
    BIGNUM *z = BN_CTX_get(ctx);
    BIGNUM *nonce = BN_CTX_get(ctx);
    BIGNUM *r = BN_CTX_get(ctx);
    BIGNUM *s = BN_CTX_get(ctx);
    MUST(s != NULL);
    BN_set_flags(nonce, BN_FLG_CONSTTIME);
    MUST(BN_bin2bn(digest, OCTETS, z) != NULL);
    MUST(BN_nnmod(z, z, EC_GROUP_get0_order(k->group), ctx) == 1);
    uint8_t reduced[OCTETS];
    MUST(BN_bn2binpad(z, reduced, OCTETS) == OCTETS);
    struct nonce g;
    nonce_start(&g, k, reduced);
    nonce_candidate(&g, k, nonce);
    while (!ecdsa(k, nonce, z, ctx, r, s)) {
        nonce_update(&g, 0, NULL, 0);
        nonce_candidate(&g, k, nonce);
    }
    MUST(BN_bn2binpad(r, ret_r, OCTETS) == OCTETS);
    MUST(BN_bn2binpad(s, ret_s, OCTETS) == OCTETS);
    BN_clear(nonce);
    BN_CTX_end(ctx);
    BN_CTX_free(ctx);
    OPENSSL_cleanse(&g, sizeof(g));
}
