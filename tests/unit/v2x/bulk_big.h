/* Numbers of the bulk kernels against OpenSSL's: conversions, curves, random and border values. Test support. */
#ifndef WAYSIDE_TESTS_BULK_BIG_H
#define WAYSIDE_TESTS_BULK_BIG_H

#include "tests/support/cm.h"

#include "base/random.h"
#include "v2x/bulk/scalar.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

static inline BIGNUM *big(const uint64_t a[4]) {
    uint8_t le[32];
    for (int i = 0; i < 32; i++)
        le[i] = (uint8_t)(a[i / 8] >> i % 8 * 8);
    BIGNUM *n = BN_lebin2bn(le, 32, NULL);
    assert_non_null(n);
    return n;
}

/* Asserts that n fits. */
static inline void limbs(const BIGNUM *n, uint64_t ret[4]) {
    uint8_t le[32];
    assert_int_equal(BN_bn2lebinpad(n, le, 32), 32);
    memset(ret, 0, 32);
    for (int i = 0; i < 32; i++)
        ret[i / 8] |= (uint64_t)le[i] << i % 8 * 8;
}

static inline EC_GROUP *big_group(enum bulk_curve c) {
    EC_GROUP *g =
        EC_GROUP_new_by_curve_name(c == BULK_P256 ? NID_X9_62_prime256v1 : NID_brainpoolP256r1);
    assert_non_null(g);
    return g;
}

/* The i-th number below m to try: first those where carries and borrows go wrong, then random ones. */
static inline void big_sample(
    struct ws_random *rnd, unsigned i, const uint64_t m[4], uint64_t ret[4]) {
    BIGNUM *n = BN_new(), *mod = big(m);
    if (i < 4) {
        BN_set_word(n, i);
    } else if (i < 8) {
        BN_sub(n, mod, BN_value_one());
        BN_sub_word(n, i - 4);
    } else if (i < 12) {
        BN_rshift1(n, mod);
        BN_add_word(n, i - 8);
    } else if (i < 44) {
        BN_set_bit(n, (int)(i - 12) * 8);
        if (i & 1)
            BN_sub_word(n, 1);
    } else {
        uint64_t limb[4];
        ws_random_bytes(rnd, limb, 32);
        for (int k = 0; i < 200 && k < 4; k++)
            limb[k] = (i >> k & 1) != 0 ? limb[k] : (i >> (k + 4) & 1) != 0 ? UINT64_MAX : 0;
        BN_free(n);
        n = big(limb);
    }
    BN_CTX *ctx = BN_CTX_new();
    BN_nnmod(n, n, mod, ctx);
    limbs(n, ret);
    BN_CTX_free(ctx);
    BN_free(n);
    BN_free(mod);
}

#endif
