/* Signatures made from their multipliers: pick u1, u2 and Q = d G, then R = u1 G + u2 Q, r = x(R), s = r / u2, e = u1 s
 * is valid by construction, whatever exceptional case the two multipliers are meant to reach. Test support. */
#ifndef WAYSIDE_TESTS_BULK_CRAFT_H
#define WAYSIDE_TESTS_BULK_CRAFT_H

#include "v2x/bulk/bulk.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>
#include <string.h>

static inline void craft_out(const BIGNUM *n, uint64_t ret[4]) {
    uint8_t le[32];
    if (BN_bn2lebinpad(n, le, 32) != 32)
        abort();
    memset(ret, 0, 32);
    for (int i = 0; i < 32; i++)
        ret[i / 8] |= (uint64_t)le[i] << i % 8 * 8;
}

static inline BIGNUM *craft_in(const uint64_t a[4]) {
    uint8_t le[32];
    for (int i = 0; i < 32; i++)
        le[i] = (uint8_t)(a[i / 8] >> i % 8 * 8);
    return BN_lebin2bn(le, 32, NULL);
}

static inline EC_GROUP *craft_group(enum bulk_curve c) {
    return EC_GROUP_new_by_curve_name(c == BULK_P256 ? NID_X9_62_prime256v1 : NID_brainpoolP256r1);
}

/* k G; false: infinity. */
static inline bool craft_point(const EC_GROUP *g, const BIGNUM *k, struct bulk_point *ret) {
    EC_POINT *p = EC_POINT_new(g);
    BIGNUM *x = BN_new(), *y = BN_new();
    memset(ret, 0, sizeof(*ret));
    EC_POINT_mul(g, p, k, NULL, NULL, NULL);
    const bool finite = EC_POINT_is_at_infinity(g, p) == 0;
    if (finite && EC_POINT_get_affine_coordinates(g, p, x, y, NULL) == 1) {
        craft_out(x, ret->x);
        craft_out(y, ret->y);
    }
    EC_POINT_free(p);
    BN_free(x);
    BN_free(y);
    return finite;
}

/* False: u1 G + u2 Q is infinity or r comes out 0. u2 != 0. */
static inline bool craft_job(
    const EC_GROUP *g, const BIGNUM *d, const BIGNUM *u1, const BIGNUM *u2, struct bulk_job *ret) {
    const BIGNUM *n = EC_GROUP_get0_order(g);
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *k = BN_new(), *r = BN_new(), *s = BN_new(), *e = BN_new();
    struct bulk_point at;
    BN_mod_mul(k, u2, d, n, ctx);
    BN_mod_add(k, k, u1, n, ctx);
    bool ok = craft_point(g, k, &at);
    if (ok) {
        BIGNUM *x = craft_in(at.x);
        BN_nnmod(r, x, n, ctx);
        BN_free(x);
        ok = !BN_is_zero(r);
    }
    if (ok) {
        BN_mod_inverse(s, u2, n, ctx);
        BN_mod_mul(s, s, r, n, ctx);
        BN_mod_mul(e, u1, s, n, ctx);
        craft_out(r, ret->r);
        craft_out(s, ret->s);
        craft_out(e, ret->e);
    }
    BN_free(k);
    BN_free(r);
    BN_free(s);
    BN_free(e);
    BN_CTX_free(ctx);
    return ok;
}

#endif
