#include "tests/fuzz/verify_cases.h"

#include "tests/unit/v2x/bulk_craft.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "v2x/ec_curve.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>

/* ---- signers ---- */

static struct verify_key *key_at(const struct signers *w, const EC_POINT *q) {
    uint8_t sec1[65];
    WS_ASSERT(EC_POINT_point2oct(
                  w->group, q, POINT_CONVERSION_UNCOMPRESSED, sec1, sizeof(sec1), w->ctx) == 65);
    struct ec_point point = {EC_UNCOMPRESSED, span_of(sec1 + 1, 64)};
    struct verify_key *key = verify_key_new(w->curve, &point);
    WS_ASSERT(key != NULL);
    /* The same point by its x. */
    struct ec_point packed = {(sec1[64] & 1) != 0 ? EC_Y_ODD : EC_Y_EVEN, span_of(sec1 + 1, 32)};
    struct verify_key *again = verify_key_new(w->curve, &packed);
    WS_ASSERT(again != NULL && memcmp(&again->point, &key->point, sizeof(key->point)) == 0);
    verify_key_unref(again);
    return key;
}

static struct verify_key *key_of(const struct signers *w, const BIGNUM *d) {
    EC_POINT *q = EC_POINT_new(w->group);
    WS_ASSERT(EC_POINT_mul(w->group, q, d, NULL, NULL, w->ctx) == 1);
    struct verify_key *key = key_at(w, q);
    EC_POINT_free(q);
    return key;
}

/* 1, -1, 2, 3, 16, 31, 32, 1/2, 2^52, -2^208 and two that are like any. */
static BIGNUM *secret_of(const struct signers *w, unsigned i) {
    static const unsigned small[] = {1, 1, 2, 3, 16, 31, 32, 2, 1, 1, 0xdecade, 0xfacade};
    BIGNUM *d = BN_new();
    BN_set_word(d, small[i]);
    if (i == 8 || i == 9)
        BN_lshift(d, d, i == 8 ? 52 : 208);
    if (i == 7 || i > 9)
        BN_mod_inverse(d, d, w->n, w->ctx);
    if (i == 1 || i == 9)
        BN_sub(d, w->n, d);
    return d;
}

/* ---- numbers from octets ---- */

uint8_t take(struct in *in) {
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

/* A number below 2^256, mostly near a place where something happens. */
static BIGNUM *number(const struct signers *w, struct in *in) {
    BIGNUM *v = BN_new(), *t = BN_new();
    const uint8_t how = take(in), by = take(in);
    BN_set_word(t, by & 0x7f);
    BN_set_negative(t, (by & 0x80) != 0);
    switch (how % 8) {
    case 0: {
        uint8_t octets[32];
        for (size_t i = 0; i < 32; i++)
            octets[i] = take(in);
        BN_bin2bn(octets, 32, v);
        break;
    }
    case 1:
        BN_set_word(v, by);
        break;
    case 2:
        BN_add(v, w->n, t);
        break;
    case 3:
        BN_add(v, w->p, t);
        break;
    case 4:
        BN_sub(v, w->p, w->n);
        BN_add(v, v, t);
        break;
    case 5:
        BN_set_bit(v, by);
        BN_set_word(t, how >> 4);
        (how & 8) != 0 ? BN_add(v, v, t) : BN_sub(v, v, t);
        break;
    case 6: /* n - 2 (n mod 2^b): halves that are equal where windows meet at bit b (facts page, 7.3) */
        BN_zero(t);
        BN_set_bit(t, by);
        BN_nnmod(t, w->n, t, w->ctx);
        BN_add(t, t, t);
        BN_sub(v, w->n, t);
        BN_nnmod(v, v, w->n, w->ctx);
        break;
    default: /* all ones, but for a few */
        BN_set_bit(v, 256);
        BN_sub_word(v, 1 + (BN_ULONG)by);
        break;
    }
    BN_set_negative(v, 0);
    BN_mask_bits(v, 256);
    BN_free(t);
    return v;
}

static BIGNUM *residue(const struct signers *w, struct in *in) { /* in [1, n-1] */
    BIGNUM *v = number(w, in);
    BN_nnmod(v, v, w->n, w->ctx);
    if (BN_is_zero(v))
        BN_one(v);
    return v;
}

/* ---- cases ---- */

static void put(uint8_t ret[static 32], const BIGNUM *v) {
    WS_ASSERT(BN_bn2binpad(v, ret, 32) == 32);
}

/* r = x(R) for an R of our choice, s and e any: Q = (s R - e G) / r has that signature. The way to an r below p - n. */
static bool recovered(const struct signers *w, struct in *in, struct cases *c, struct one *o) {
    BIGNUM *x = number(w, in), *s = residue(w, in), *e = number(w, in), *t = BN_new(),
           *r = BN_new();
    EC_POINT *at = EC_POINT_new(w->group);
    const int odd = take(in) & 1;
    bool ok = false;
    for (unsigned i = 0; i < 8 && !ok; i++) {
        BN_nnmod(x, x, w->p, w->ctx);
        ok = EC_POINT_set_compressed_coordinates(w->group, at, x, odd, w->ctx) == 1;
        if (!ok)
            BN_add_word(x, 1);
    }
    ERR_clear_error();
    BN_nnmod(r, x, w->n, w->ctx);
    ok = ok && !BN_is_zero(r);
    if (ok) {
        EC_POINT *q = EC_POINT_new(w->group);
        BN_mod_inverse(t, r, w->n, w->ctx);
        BN_mod_mul(s, s, t, w->n, w->ctx);
        BN_mod_mul(t, e, t, w->n, w->ctx);
        BN_mod_sub(t, w->n, t, w->n, w->ctx);
        WS_ASSERT(EC_POINT_mul(w->group, q, t, at, s, w->ctx) == 1);
        BN_mod_mul(s, s, r, w->n, w->ctx);
        ok = EC_POINT_is_at_infinity(w->group, q) == 0;
        if (ok) {
            o->key = c->n_keys;
            c->key[c->n_keys] = key_at(w, q);
            c->secret[c->n_keys++] = NULL;
        }
        EC_POINT_free(q);
    }
    o->must = ok;
    put(o->item.r, ok ? x : r);
    put(o->item.s, s);
    put(o->item.digest, e);
    EC_POINT_free(at);
    BN_free(x);
    BN_free(s);
    BN_free(e);
    BN_free(t);
    BN_free(r);
    return ok;
}

/* u1, u2 given; u1 = +-u2 d (equal halves: a doubling, or infinity); or nothing fits. */
static void from_multipliers(
    const struct signers *w, struct in *in, struct one *o, const BIGNUM *d) {
    const uint8_t how = take(in);
    BIGNUM *u1 = number(w, in), *u2 = residue(w, in);
    struct bulk_job job;
    if (how % 4 == 1 || how % 4 == 2)
        BN_mod_mul(u1, u2, d, w->n, w->ctx);
    if (how % 4 == 2)
        BN_sub(u1, w->n, u1);
    BN_nnmod(u1, u1, w->n, w->ctx);
    o->must = how % 4 != 3 && craft_job(w->group, d, u1, u2, &job);
    if (o->must) {
        for (size_t i = 0; i < 4; i++) {
            put_be64(o->item.r + 8 * i, job.r[3 - i]);
            put_be64(o->item.s + 8 * i, job.s[3 - i]);
            put_be64(o->item.digest + 8 * i, job.e[3 - i]);
        }
    } else {
        /* The sum is infinity: r any, s = r / u2, e = u1 s. Or: whatever comes. */
        BIGNUM *r = number(w, in), *s = number(w, in), *e = number(w, in);
        if (how % 4 == 2) {
            BN_mod_inverse(s, u2, w->n, w->ctx);
            BN_mod_mul(s, s, r, w->n, w->ctx);
            BN_mod_mul(e, u1, s, w->n, w->ctx);
        }
        put(o->item.r, r);
        put(o->item.s, s);
        put(o->item.digest, e);
        BN_free(r);
        BN_free(s);
        BN_free(e);
    }
    BN_free(u1);
    BN_free(u2);
}

static void alter(const struct signers *w, struct in *in, struct one *o) {
    const uint8_t how = take(in), at = take(in);
    uint8_t *field[] = {o->item.r, o->item.s, o->item.digest};
    BIGNUM *v = BN_new();
    if (how % 8 < 3) {
        field[how % 8][at % 32] ^= (uint8_t)(1U << (at >> 5));
        o->must = false;
    } else if (how % 8 == 3) { /* -s fits just as well */
        BN_bin2bn(o->item.s, 32, v);
        BN_nnmod(v, v, w->n, w->ctx);
        BN_sub(v, w->n, v);
        put(o->item.s, v);
        o->must = o->must && !BN_is_zero(v);
    } else if (how % 8 ==
               4) { /* r + n or r - n: the same in an honest R, out of range as a bare number */
        BN_bin2bn(o->item.r, 32, v);
        BN_cmp(v, w->n) < 0 ? BN_add(v, v, w->n) : BN_sub(v, v, w->n);
        BN_mask_bits(v, 256);
        put(o->item.r, v);
        o->must = false;
    }
    BN_free(v);
}

/* r as a bare number, or as a point with the right or a wrong y: only its x counts. */
static void give_form(const struct signers *w, struct in *in, struct one *o) {
    static const enum ec_form forms[] = {EC_X_ONLY, EC_Y_EVEN, EC_Y_ODD, EC_UNCOMPRESSED, EC_X_ONLY,
        EC_X_ONLY, EC_UNCOMPRESSED, EC_FILL};
    uint8_t point[64], s[32];
    const enum ec_form form = forms[take(in) % 8];
    memcpy(point, o->item.r, 32);
    memset(point + 32, take(in), 32);
    memcpy(s, o->item.s, 32);
    const struct ec_signature sig = {
        w->curve, {form, span_of(point, form == EC_UNCOMPRESSED ? 64 : 32)}, span_of(s, 32)};
    WS_ASSERT(verify_item_signature(&o->item, &sig));
    o->must = o->must && form != EC_FILL;
    if (form == EC_X_ONLY && o->must) { /* a bare r is below n */
        BIGNUM *v = BN_bin2bn(o->item.r, 32, NULL);
        BN_nnmod(v, v, w->n, w->ctx);
        put(o->item.r, v);
        BN_free(v);
    }
}

/* ---- life ---- */

void signers_fill(struct signers *w, enum ec_curve curve) {
    w->curve = curve;
    w->group = craft_group(curve == CURVE_P256 ? BULK_P256 : BULK_BP256);
    w->n = EC_GROUP_get0_order(w->group);
    w->p = BN_bin2bn(ec_curve_prime(curve), 32, NULL);
    w->ctx = BN_CTX_new();
    for (unsigned i = 0; i < POOL; i++) {
        w->secret[i] = secret_of(w, i);
        w->key[i] = key_of(w, w->secret[i]);
    }
}

static void read_one(const struct signers *w, struct in *in, struct cases *c, struct one *o) {
    const uint8_t who = take(in);
    o->key = who % POOL;
    o->item.digest_octets = 32;
    bool made = false;
    if (who >= 0xc0 && c->n_keys < KEYS) {
        made = who >= 0xe0 && recovered(w, in, c, o);
        if (!made) { /* a signer of this input alone */
            o->key = c->n_keys;
            c->secret[c->n_keys] = residue(w, in);
            c->key[c->n_keys] = key_of(w, c->secret[c->n_keys]);
            c->n_keys++;
        }
    } else if (who >= 0xa0) { /* the same signer once more */
        o->key = c->one[0].key;
    }
    o->item.key = c->key[o->key];
    if (!made) {
        const BIGNUM *d = c->secret[o->key];
        from_multipliers(w, in, o, d != NULL ? d : BN_value_one());
        o->must = o->must && d != NULL;
    }
    alter(w, in, o);
    give_form(w, in, o);
}

void cases_read(const struct signers *w, struct in *in, struct cases *ret) {
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->key, w->key, sizeof(w->key));
    memcpy(ret->secret, w->secret, sizeof(w->secret));
    ret->n_keys = POOL;
    do {
        read_one(w, in, ret, &ret->one[ret->n]);
        ret->one[ret->n].item.tag = ret->n;
        ret->n++;
    } while (in->n > 0 && ret->n < CASES);
}

void cases_free(struct cases *c) {
    for (size_t i = POOL; i < c->n_keys; i++) {
        verify_key_unref(c->key[i]);
        BN_free(c->secret[i]);
    }
}

/* ---- OpenSSL's word, by another way than the reference goes ---- */

enum verify_answer_kind openssl_says(const struct signers *w, const struct one *o) {
    BIGNUM *r = BN_bin2bn(o->item.r, 32, NULL), *s = BN_bin2bn(o->item.s, 32, NULL);
    BIGNUM *x = craft_in(o->item.key->point.x), *y = craft_in(o->item.key->point.y);
    bool ok = o->item.r_form != EC_FILL;
    if (o->item.r_form != EC_X_ONLY) {
        ok = ok && BN_cmp(r, w->p) < 0;
        BN_nnmod(r, r, w->n, w->ctx);
    }
    EC_KEY *key = EC_KEY_new();
    ECDSA_SIG *sig = ECDSA_SIG_new();
    WS_ASSERT(EC_KEY_set_group(key, w->group) == 1);
    WS_ASSERT(EC_KEY_set_public_key_affine_coordinates(key, x, y) == 1);
    WS_ASSERT(ECDSA_SIG_set0(sig, r, s) == 1); /* takes both */
    ok = ok && ECDSA_do_verify(o->item.digest, 32, sig, key) == 1;
    ECDSA_SIG_free(sig);
    EC_KEY_free(key);
    BN_free(x);
    BN_free(y);
    ERR_clear_error();
    return ok ? VERIFY_GOOD : VERIFY_BAD;
}
