/* ECDSA verification on OpenSSL's EVP interface: one EVP_PKEY per key handle, made once. */
#include "v2x/verify.h"

#include "base/assert.h"
#include "base/mem.h"
#include "v2x/ec_curve.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>

struct verify_key {
    enum ec_curve curve;
    EVP_PKEY *pkey;
    atomic_uint refs;
};

/* SEC 1 encoding of a point: 02/03 and x, or 04 and both coordinates. */
static size_t sec1_of(
    const struct ec_point *point, uint8_t ret_sec1[static 1 + 2 * EC_MAX_OCTETS]) {
    ret_sec1[0] = point->form == EC_UNCOMPRESSED ? 4 : point->form == EC_Y_EVEN ? 2 : 3;
    memcpy(ret_sec1 + 1, point->octets.p, point->octets.n);
    return 1 + point->octets.n;
}

static EVP_PKEY *pkey_of(enum ec_curve curve, const uint8_t *sec1, size_t n) {
    /* The parameters only borrow; fromdata decompresses and refuses what is not on the curve. */
    char group[32];
    uint8_t point[1 + 2 * EC_MAX_OCTETS];
    (void)strncpy(group, ec_curve_name(curve), sizeof(group) - 1);
    group[sizeof(group) - 1] = '\0';
    memcpy(point, sec1, n);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, n),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return pkey;
}

struct verify_key *verify_key_new(enum ec_curve curve, const struct ec_point *point) {
    size_t coordinate = ec_octets(curve);
    bool compressed = point->form == EC_Y_EVEN || point->form == EC_Y_ODD;
    if (!compressed && point->form != EC_UNCOMPRESSED)
        return NULL;
    if (point->octets.n != (compressed ? coordinate : 2 * coordinate))
        return NULL;
    uint8_t sec1[1 + 2 * EC_MAX_OCTETS];
    size_t n = sec1_of(point, sec1);
    EVP_PKEY *pkey = pkey_of(curve, sec1, n);
    if (pkey == NULL)
        return NULL;
    struct verify_key *key = ws_alloc(sizeof(*key));
    key->curve = curve;
    key->pkey = pkey;
    atomic_init(&key->refs, 1);
    return key;
}

struct verify_key *verify_key_ref(struct verify_key *key) {
    unsigned before = atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    WS_ASSERT(before > 0);
    return key;
}

void verify_key_unref(struct verify_key *key) {
    if (key == NULL)
        return;
    /* Release what this holder did with the key; the last one acquires what all others did. */
    unsigned before = atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel);
    WS_ASSERT(before > 0);
    if (before != 1)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

enum ec_curve verify_key_curve(const struct verify_key *key) {
    return key->curve;
}

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

enum verify_answer_kind verify_one(const struct verify_item *item) {
    enum ec_curve curve = item->key->curve;
    size_t n = ec_octets(curve);
    uint8_t r[EC_MAX_OCTETS];
    WS_ASSERT(item->digest_octets == 32 || item->digest_octets == 48);
    if (!r_of_item(item, curve, r))
        return VERIFY_BAD;
    if (is_zero(item->s, n) || memcmp(item->s, ec_curve_order(curve), n) >= 0)
        return VERIFY_BAD;
    uint8_t der[DER_MAX];
    size_t der_n = der_signature(r, item->s, n, der);
    enum verify_answer_kind answer = VERIFY_BROKEN;
    ERR_clear_error();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, item->key->pkey, NULL);
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

/* Items wait in a ring and are verified when polled: the submitter decides when the time is spent. */
struct verify_kernel {
    size_t capacity;
    size_t first;
    size_t used;
    struct verify_item *ring;
};

struct verify_kernel *verify_kernel_new(size_t capacity) {
    WS_ASSERT(capacity > 0);
    struct verify_kernel *k = ws_alloc(sizeof(*k));
    k->capacity = capacity;
    k->ring = ws_calloc(capacity, sizeof(*k->ring));
    return k;
}

void verify_kernel_free(struct verify_kernel *k) {
    if (k == NULL)
        return;
    free(k->ring);
    free(k);
}

size_t verify_submit(struct verify_kernel *k, const struct verify_item *items, size_t n) {
    size_t accepted = 0;
    for (; accepted < n && k->used < k->capacity; accepted++, k->used++)
        k->ring[(k->first + k->used) % k->capacity] = items[accepted];
    return accepted;
}

size_t verify_poll(struct verify_kernel *k, struct verify_answer *ret_answers, size_t max) {
    size_t answered = 0;
    for (; answered < max && k->used > 0; answered++, k->used--) {
        const struct verify_item *item = &k->ring[k->first];
        ret_answers[answered] = (struct verify_answer){.tag = item->tag, .kind = verify_one(item)};
        k->first = (k->first + 1) % k->capacity;
    }
    return answered;
}
