/* The reference: ECDSA verification on OpenSSL's EVP interface, one signature at a time. */
#include "v2x/verify_parts.h"

#include "base/assert.h"
#include "v2x/ec_curve.h"

#include <openssl/ec.h>
#include <openssl/err.h>

/* DER INTEGER of a non-negative big-endian number. Every length here fits in one octet. */
static size_t der_integer(const uint8_t *v, size_t n, uint8_t *ret_der) {
    while (n > 1 && v[0] == 0) {
        v++;
        n--;
    }
    size_t pad = (v[0] & 0x80) != 0;
    ret_der[0] = 0x02;
    ret_der[1] = (uint8_t)(n + pad);
    ret_der[2] = 0; /* keeps the number positive; overwritten when there is no need */
    memcpy(ret_der + 2 + pad, v, n);
    return 2 + pad + n;
}

#define DER_MAX (2 + 2 * (3 + EC_MAX_OCTETS))
_Static_assert(DER_MAX - 2 < 0x80, "the sequence needs a longer length form");

static size_t der_signature(
    const uint8_t *r, const uint8_t *s, size_t n, uint8_t ret_der[static DER_MAX]) {
    size_t at = 2;
    at += der_integer(r, n, ret_der + at);
    at += der_integer(s, n, ret_der + at);
    ret_der[0] = 0x30;
    ret_der[1] = (uint8_t)(at - 2);
    return at;
}

static bool is_zero(const uint8_t *v, size_t n) {
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= v[i];
    return any == 0;
}

/* r as a number in [1, n-1]; false if there is none. As x-only it is r itself (6.3.29: the output of FIPS
 * 186-4); in the other forms it is the x coordinate of the point R, which may lie between the group order
 * and the field prime. y and its parity say nothing about r and are not looked at. */
static bool r_of_item(const struct verify_item *item, enum ec_curve curve, uint8_t *ret_r) {
    size_t n = ec_octets(curve);
    const uint8_t *order = ec_curve_order(curve);
    memcpy(ret_r, item->r, n);
    switch (item->r_form) {
    case EC_FILL:
        return false;
    case EC_X_ONLY:
        if (memcmp(ret_r, order, n) >= 0)
            return false;
        break;
    case EC_Y_EVEN:
    case EC_Y_ODD:
    case EC_UNCOMPRESSED:
        if (memcmp(ret_r, ec_curve_prime(curve), n) >= 0)
            return false;
        if (memcmp(ret_r, order, n) >= 0) { /* below 2n, so one subtraction reduces it */
            unsigned borrow = 0;
            for (size_t i = n; i-- > 0;) {
                unsigned d = (unsigned)ret_r[i] - order[i] - borrow;
                ret_r[i] = (uint8_t)d;
                borrow = d >> 31;
            }
        }
        break;
    }
    return !is_zero(ret_r, n);
}

/* A point at infinity on the way is the signer's doing (a relation between key, digest and signature),
 * not a failure of the library, although the library reports it as one. */
static bool only_infinity(void) {
    unsigned long e = ERR_peek_error();
    return ERR_GET_LIB(e) == ERR_LIB_EC && ERR_GET_REASON(e) == EC_R_POINT_AT_INFINITY;
}

bool verify_ranges(const struct verify_item *item, uint8_t *ret_r) {
    enum ec_curve curve = item->key->curve;
    size_t n = ec_octets(curve);
    WS_ASSERT(item->digest_octets == 32 || item->digest_octets == 48);
    return r_of_item(item, curve, ret_r) && !is_zero(item->s, n) &&
           memcmp(item->s, ec_curve_order(curve), n) < 0;
}

enum verify_answer_kind verify_one(const struct verify_item *item) {
    uint8_t r[EC_MAX_OCTETS];
    if (!verify_ranges(item, r))
        return VERIFY_BAD;
    uint8_t der[DER_MAX];
    size_t der_n = der_signature(r, item->s, ec_octets(item->key->curve), der);
    enum verify_answer_kind answer = VERIFY_BROKEN;
    ERR_clear_error();
    EVP_PKEY *pkey = verify_key_pkey(item->key);
    EVP_PKEY_CTX *ctx = pkey == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (ctx != NULL && EVP_PKEY_verify_init(ctx) == 1) {
        int ok = EVP_PKEY_verify(ctx, der, der_n, item->digest, item->digest_octets);
        if (ok == 1)
            answer = VERIFY_GOOD;
        else if (ok == 0 || only_infinity())
            answer = VERIFY_BAD;
    }
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return answer;
}

bool verify_item_signature(struct verify_item *item, const struct ec_signature *sig) {
    if (sig->curve != item->key->curve)
        return false;
    size_t n = ec_octets(sig->curve);
    if (sig->r.octets.n < n || sig->s.n != n)
        return false;
    item->r_form = sig->r.form;
    memcpy(item->r, sig->r.octets.p, n);
    memcpy(item->s, sig->s.p, n);
    return true;
}
