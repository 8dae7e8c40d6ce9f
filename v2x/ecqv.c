#include "v2x/ecqv.h"

#include "base/assert.h"
#include "v2x/ec_curve.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>

/* The library fails in here only for want of memory: a broken machine, see decision 8 of the design. What a
 * sender can cause (octets that are no point, the point at infinity) is an answer. */
#define MUST(call) WS_ASSERT((call))

static bool point_of(const EC_GROUP *group, size_t coordinate, const struct ec_point *from,
    EC_POINT *to, BN_CTX *ctx) {
    uint8_t sec1[1 + 2 * EC_MAX_OCTETS];
    switch (from->form) {
    case EC_X_ONLY:
    case EC_FILL:
        return false;
    case EC_Y_EVEN:
    case EC_Y_ODD:
        sec1[0] = from->form == EC_Y_EVEN ? 2 : 3;
        if (from->octets.n != coordinate)
            return false;
        break;
    case EC_UNCOMPRESSED:
        sec1[0] = 4;
        if (from->octets.n != 2 * coordinate)
            return false;
        break;
    }
    memcpy(sec1 + 1, from->octets.p, from->octets.n);
    return EC_POINT_oct2point(group, to, sec1, 1 + from->octets.n, ctx) == 1;
}

bool ecqv_key(enum ec_curve curve, const struct ec_point *reconstruction, struct span e,
    const struct ec_point *issuer_key, uint8_t ret_xy[static 2 * EC_MAX_OCTETS]) {
    size_t n = ec_octets(curve);
    WS_ASSERT(e.n == 32 || e.n == 48);
    EC_GROUP *group = EC_GROUP_new_by_curve_name(OBJ_sn2nid(ec_curve_name(curve)));
    BN_CTX *ctx = BN_CTX_new();
    MUST(group != NULL);
    MUST(ctx != NULL);
    EC_POINT *p = EC_POINT_new(group);
    EC_POINT *issuer = EC_POINT_new(group);
    BIGNUM *factor = BN_bin2bn(e.p, (int)e.n, NULL);
    MUST(p != NULL);
    MUST(issuer != NULL);
    MUST(factor != NULL);
    MUST(BN_nnmod(factor, factor, EC_GROUP_get0_order(group), ctx) == 1);
    bool ok =
        point_of(group, n, reconstruction, p, ctx) && point_of(group, n, issuer_key, issuer, ctx);
    if (ok) {
        MUST(EC_POINT_mul(group, p, NULL, p, factor, ctx) == 1);
        MUST(EC_POINT_add(group, p, p, issuer, ctx) == 1);
        ok = EC_POINT_is_at_infinity(group, p) == 0;
    }
    if (ok) {
        uint8_t sec1[1 + 2 * EC_MAX_OCTETS];
        MUST(EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, sec1, sizeof(sec1), ctx) ==
             1 + 2 * n);
        memcpy(ret_xy, sec1 + 1, 2 * n);
    }
    BN_free(factor);
    EC_POINT_free(issuer);
    EC_POINT_free(p);
    BN_CTX_free(ctx);
    EC_GROUP_free(group);
    ERR_clear_error();
    return ok;
}

bool ecqv_cert_key(const struct cert *c, const uint8_t *issuer_hash, bool sha384,
    enum ec_curve issuer_curve, const struct ec_point *issuer_key,
    uint8_t ret_xy[static 2 * EC_MAX_OCTETS]) {
    uint8_t e[48];
    size_t n;
    WS_ASSERT(c->type == CERT_IMPLICIT);
    if (ec_octets(issuer_curve) != 32)
        return false;
    cert_digest(c, issuer_hash, sha384, e, &n);
    return ecqv_key(issuer_curve, &c->key, span_of(e, n), issuer_key, ret_xy);
}
