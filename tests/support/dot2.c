#include "tests/support/dot2.h"

#include "base/assert.h"
#include "base/mem.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <stdlib.h>

static const struct {
    int nid;
    size_t octets;
    const char *name;
} curves[DOT2_CURVES] = {
    {NID_X9_62_prime256v1, 32, "P-256"},
    {NID_brainpoolP256r1, 32, "Brainpool P-256"},
    {NID_brainpoolP384r1, 48, "Brainpool P-384"},
    {NID_secp384r1, 48, "P-384"},
};

struct dot2_key {
    enum dot2_curve curve;
    EC_GROUP *group;
    BIGNUM *d;
    EC_POINT *q;
};

const char *dot2_curve_name(enum dot2_curve curve) {
    return curves[curve].name;
}

/* ---- keys, points, signatures ---- */

static BIGNUM *random_scalar(const EC_GROUP *g, struct ws_random *rnd) {
    uint8_t
        octets[56]; /* more than any order has, so that the remainder is even enough for a test */
    ws_random_bytes(rnd, octets, sizeof(octets));
    BIGNUM *k = BN_bin2bn(octets, sizeof(octets), NULL);
    BN_CTX *ctx = BN_CTX_new();
    WS_ASSERT(BN_nnmod(k, k, EC_GROUP_get0_order(g), ctx) == 1 && !BN_is_zero(k));
    BN_CTX_free(ctx);
    return k;
}

static struct dot2_key *key_of(enum dot2_curve curve, BIGNUM *d) {
    struct dot2_key *k = ws_alloc(sizeof(*k));
    k->curve = curve;
    k->group = EC_GROUP_new_by_curve_name(curves[curve].nid);
    k->d = d;
    k->q = EC_POINT_new(k->group);
    WS_ASSERT(EC_POINT_mul(k->group, k->q, d, NULL, NULL, NULL) == 1);
    return k;
}

struct dot2_key *dot2_key_new(enum dot2_curve curve, struct ws_random *rnd) {
    EC_GROUP *g = EC_GROUP_new_by_curve_name(curves[curve].nid);
    BIGNUM *d = random_scalar(g, rnd);
    EC_GROUP_free(g);
    return key_of(curve, d);
}

void dot2_key_free(struct dot2_key *k) {
    if (k == NULL)
        return;
    EC_POINT_free(k->q);
    BN_free(k->d);
    EC_GROUP_free(k->group);
    free(k);
}

/* EccP256CurvePoint, EccP384CurvePoint. Returns the octets of y that only the uncompressed form has. */
static size_t put_point(
    struct buf *b, const struct dot2_key *k, const EC_POINT *p, enum dot2_form form) {
    size_t n = curves[k->curve].octets;
    BIGNUM *x = BN_new(), *y = BN_new();
    WS_ASSERT(EC_POINT_get_affine_coordinates(k->group, p, x, y, NULL) == 1);
    unsigned odd = BN_is_odd(y) ? 1 : 0;
    buf_u8(b, (uint8_t)(form == DOT2_X_ONLY ? 0x80 : form == DOT2_COMPRESSED ? 0x82 + odd : 0x84));
    WS_ASSERT(BN_bn2binpad(x, buf_grow(b, n), (int)n) == (int)n);
    if (form == DOT2_UNCOMPRESSED)
        WS_ASSERT(BN_bn2binpad(y, buf_grow(b, n), (int)n) == (int)n);
    BN_free(x);
    BN_free(y);
    return form == DOT2_UNCOMPRESSED ? n : 0;
}

/* CHOICE of a curve; from the third alternative on the value stands behind its length. */
static void put_on_curve(struct buf *b, enum dot2_curve curve, const struct buf *value) {
    buf_u8(b, (uint8_t)(0x80 + curve));
    if (curve >= DOT2_BP384) {
        if (value->n >= 0x80)
            buf_u8(b, 0x81);
        buf_u8(b, (uint8_t)value->n);
    }
    buf_put(b, value->p, value->n);
}

/* The leftmost bits of a digest that is longer than the order. */
static BIGNUM *number_of(const struct dot2_key *k, struct span digest) {
    size_t n = curves[k->curve].octets;
    return BN_bin2bn(digest.p, (int)(digest.n < n ? digest.n : n), NULL);
}

struct ecdsa {
    EC_POINT *r_point;
    BIGNUM *s;
};

static struct ecdsa ecdsa_sign(
    const struct dot2_key *k, struct span digest, struct ws_random *rnd) {
    const BIGNUM *n = EC_GROUP_get0_order(k->group);
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *nonce = random_scalar(k->group, rnd), *z = number_of(k, digest), *r = BN_new();
    struct ecdsa e = {EC_POINT_new(k->group), BN_new()};
    WS_ASSERT(EC_POINT_mul(k->group, e.r_point, nonce, NULL, NULL, ctx) == 1);
    WS_ASSERT(EC_POINT_get_affine_coordinates(k->group, e.r_point, r, NULL, ctx) == 1);
    WS_ASSERT(BN_nnmod(r, r, n, ctx) == 1);
    WS_ASSERT(BN_mod_mul(e.s, r, k->d, n, ctx) == 1);
    WS_ASSERT(BN_mod_add(e.s, e.s, z, n, ctx) == 1);
    WS_ASSERT(BN_mod_inverse(nonce, nonce, n, ctx) != NULL);
    WS_ASSERT(BN_mod_mul(e.s, e.s, nonce, n, ctx) == 1);
    WS_ASSERT(!BN_is_zero(e.s) && !BN_is_zero(r));
    BN_free(nonce);
    BN_free(z);
    BN_free(r);
    BN_CTX_free(ctx);
    return e;
}

static void put_signature(struct buf *b, const struct dot2_key *k, const struct ecdsa *e,
    enum dot2_form form, struct dot2_free_octets *ret_free) {
    struct buf value = {0};
    size_t n = curves[k->curve].octets;
    size_t y = put_point(&value, k, e->r_point, form);
    WS_ASSERT(BN_bn2binpad(e->s, buf_grow(&value, n), (int)n) == (int)n);
    put_on_curve(b, k->curve, &value);
    size_t at = b->n - value.n;
    *ret_free = (struct dot2_free_octets){{at, at + 1 + n}, {at + 1, at + 1 + n + y}};
    buf_free(&value);
}

static size_t hash(bool sha384, struct span s, uint8_t ret[static 48]) {
    unsigned n = 0;
    WS_ASSERT(EVP_Digest(s.p, s.n, ret, &n, sha384 ? EVP_sha384() : EVP_sha256(), NULL) == 1);
    return n;
}

/* H(H(signed octets) || H(signer's certificate)) */
static struct span digest_of(
    bool sha384, struct span tbs, struct span certificate, uint8_t ret[static 48]) {
    uint8_t both[96];
    size_t n = hash(sha384, tbs, both);
    uint8_t second[48];
    (void)hash(sha384, certificate, second);
    memcpy(both + n, second, n);
    (void)hash(sha384, span_of(both, 2 * n), ret);
    return span_of(ret, n);
}

/* ---- certificates ---- */

/* The hash that goes with a key's curve. */
static bool wants_sha384(enum dot2_curve c) {
    return curves[c].octets == 48;
}

static void put_psid(struct buf *b, uint64_t psid) {
    uint8_t octets[8];
    put_be64(octets, psid);
    size_t n = 1;
    while (n < 8 && psid >> (8 * n) != 0)
        n++;
    buf_u8(b, (uint8_t)n);
    buf_put(b, octets + 8 - n, n);
}

static void put_id(struct buf *b, const struct dot2_cert_spec *spec) {
    if (spec->authority) {
        buf_u8(b, 0x81);
        buf_u8(b, 4);
        buf_put(b, "dot2", 4);
    } else if (spec->linkage != NULL) {
        buf_u16(b, 0x8000);
        buf_u16(b, spec->i_cert);
        buf_put(b, spec->linkage, 9);
    } else {
        buf_u8(b, 0x83);
    }
    buf_u8(b, 0);
    buf_u16(b, 0);
    buf_u16(b, spec->linkage != NULL ? 1 : 0); /* behind cracaId: crlSeries */
}

static void put_corner(struct buf *b, int32_t lat, int32_t lon) {
    buf_i32(b, lat);
    buf_i32(b, lon);
}

static void put_region(struct buf *b, unsigned kind) {
    enum { LAT = 480000000, LON = 110000000, AWAY = 4500000 };
    switch (kind % 4) {
    case 0: /* circle */
        buf_u8(b, 0x80);
        put_corner(b, LAT, LON);
        buf_u16(b, 50000);
        break;
    case 1: /* two rectangles, the second of which counts */
        buf_u8(b, 0x81);
        buf_u16(b, 0x0102);
        put_corner(b, LAT + 9 * AWAY, LON);
        put_corner(b, LAT + 8 * AWAY, LON + AWAY);
        put_corner(b, LAT + AWAY, LON - AWAY);
        put_corner(b, LAT - AWAY, LON + AWAY);
        break;
    case 2: /* triangle */
        buf_u8(b, 0x82);
        buf_u16(b, 0x0103);
        put_corner(b, LAT - AWAY, LON - 3 * AWAY);
        put_corner(b, LAT - AWAY, LON + 3 * AWAY);
        put_corner(b, LAT + 3 * AWAY, LON);
        break;
    default: /* Germany, and two of its regions */
        buf_u8(b, 0x83);
        buf_u16(b, 0x0102);
        buf_u8(b, 0x80);
        buf_u16(b, 276);
        buf_u8(b, 0x81);
        buf_u16(b, 276);
        buf_u32(b, 0x01020102);
    }
}

static void put_permissions(struct buf *b, const struct dot2_cert_spec *spec) {
    buf_u8(b, 1);
    buf_u8(b, (uint8_t)spec->n_psids);
    for (size_t i = 0; i < spec->n_psids; i++) {
        bool ssp = (spec->members & DOT2_SSP) != 0 && i < 2;
        buf_u8(b, ssp ? 0x80 : 0);
        put_psid(b, spec->psids[i]);
        if (ssp && i == 0)
            buf_u32(b, 0x8002aabb);
        if (ssp && i == 1) {
            buf_u32(b, 0x81040301);
            buf_u16(b, 0xffff);
        }
    }
}

static void put_issue_permissions(struct buf *b, const struct dot2_cert_spec *spec) {
    WS_ASSERT(spec->chain_length >= 1 && spec->chain_length < 128);
    bool is_default = spec->chain_length == 1;
    buf_u16(b, 0x0101);
    buf_u8(b, is_default ? 0x00 : 0x80);
    buf_u8(b, 0x81);
    if (!is_default) {
        buf_u8(b, 1);
        buf_u8(b, (uint8_t)spec->chain_length);
    }
}

/* The encryption key is a point of the holder's choice; here G of its curve will do. */
static void put_encryption_key(struct buf *b, const struct dot2_cert_spec *spec, bool canonical) {
    enum dot2_curve curve = spec->hours % 2 == 0 ? DOT2_P256 : DOT2_BP256;
    struct dot2_key *one = key_of(curve, BN_bin2bn((const uint8_t *)"\x05", 1, NULL));
    bool y = (spec->members & DOT2_ENCRYPTION_KEY_Y) != 0 && !canonical;
    buf_u8(b, 0); /* AES-128 CCM */
    buf_u8(b, curve == DOT2_P256 ? 0x80 : 0x81);
    (void)put_point(b, one, one->q, y ? DOT2_UNCOMPRESSED : DOT2_COMPRESSED);
    dot2_key_free(one);
}

static void put_tbs(
    struct buf *b, const struct dot2_cert_spec *spec, const struct dot2_key *key, bool canonical) {
    unsigned members = spec->authority ? 0 : spec->members;
    unsigned preamble = spec->authority ? 0x08 : 0x10;
    preamble |= (members & DOT2_ADDITIONS) != 0 ? 0x80 : 0;
    preamble |= (members & DOT2_REGION) != 0 ? 0x40 : 0;
    preamble |= (members & DOT2_ASSURANCE) != 0 ? 0x20 : 0;
    preamble |= (members & DOT2_ROLLOVER) != 0 ? 0x02 : 0;
    preamble |= (members & DOT2_ENCRYPTION_KEY) != 0 ? 0x01 : 0;
    buf_u8(b, (uint8_t)preamble);
    put_id(b, spec);
    buf_u32(b, spec->from_s);
    buf_u8(b, (members & DOT2_MINUTES) != 0 ? 0x83 : 0x84);
    buf_u16(b, (uint16_t)(spec->hours * ((members & DOT2_MINUTES) != 0 ? 60 : 1)));
    if ((members & DOT2_REGION) != 0)
        put_region(b, spec->chain_length);
    if ((members & DOT2_ASSURANCE) != 0)
        buf_u8(b, 0x61);
    if (spec->authority)
        put_issue_permissions(b, spec);
    else
        put_permissions(b, spec);
    if ((members & DOT2_ENCRYPTION_KEY) != 0)
        put_encryption_key(b, spec, canonical);
    struct buf point = {0};
    (void)put_point(&point, key, key->q, canonical ? DOT2_COMPRESSED : spec->key_form);
    if (spec->implicit) {
        buf_u8(b, 0x81);
        buf_put(b, point.p, point.n);
    } else {
        buf_u8(b, 0x80);
        put_on_curve(b, key->curve, &point);
    }
    buf_free(&point);
    if ((members & DOT2_ADDITIONS) != 0) {
        /* Bitmap of ten: number 9, which no edition has yet. */
        buf_u32(b, 0x03060040);
        buf_u8(b, 3);
        buf_put(b, "new", 3);
    }
}

static void put_head(struct buf *b, bool implicit, const struct dot2_cert *issuer, bool sha384) {
    buf_u8(b, implicit ? 0x00 : 0x80);
    buf_u8(b, 3);
    buf_u8(b, implicit ? 1 : 0);
    if (issuer == NULL) {
        buf_u8(b, 0x81);
        buf_u8(b, sha384 ? 1 : 0);
        return;
    }
    uint8_t h[48];
    size_t n = hash(sha384, buf_span(&issuer->canonical), h);
    buf_u8(b, sha384 ? 0x82 : 0x80);
    if (sha384)
        buf_u8(b, 8);
    buf_put(b, h + n - 8, 8);
}

void dot2_cert_make(struct dot2_cert *ret, const struct dot2_cert_spec *spec,
    const struct dot2_cert *issuer, struct ws_random *rnd) {
    enum dot2_curve curve = spec->implicit ? issuer->curve : spec->curve;
    struct dot2_key *shown = dot2_key_new(curve, rnd);
    const struct dot2_key *signer = issuer == NULL ? shown : issuer->key;
    bool sha384 = wants_sha384(signer->curve);
    struct buf tbs = {0}, tbs_canonical = {0};
    uint8_t octets[48];
    put_tbs(&tbs, spec, shown, false);
    put_tbs(&tbs_canonical, spec, shown, true);
    struct span digest = digest_of(sha384, buf_span(&tbs_canonical),
        issuer == NULL ? span_of("", 0) : buf_span(&issuer->canonical), octets);
    *ret = (struct dot2_cert){.key = shown, .curve = curve};
    put_head(&ret->octets, spec->implicit, issuer, sha384);
    buf_put(&ret->octets, tbs.p, tbs.n);
    size_t tbs_end = ret->octets.n;
    put_head(&ret->canonical, spec->implicit, issuer, sha384);
    buf_put(&ret->canonical, tbs_canonical.p, tbs_canonical.n);
    if (spec->implicit) {
        /* d = e k + d of the issuer, modulo n */
        WS_ASSERT(curves[curve].octets == 32);
        const BIGNUM *n = EC_GROUP_get0_order(shown->group);
        BN_CTX *ctx = BN_CTX_new();
        BIGNUM *d = BN_bin2bn(digest.p, (int)digest.n, NULL);
        WS_ASSERT(BN_mod_mul(d, d, shown->d, n, ctx) == 1);
        WS_ASSERT(BN_mod_add(d, d, issuer->key->d, n, ctx) == 1);
        BN_CTX_free(ctx);
        ret->key = key_of(curve, d);
        dot2_key_free(shown);
    } else {
        struct ecdsa e = ecdsa_sign(signer, digest, rnd);
        struct dot2_free_octets of_canonical;
        put_signature(&ret->octets, signer, &e, spec->r_form, &ret->no_matter);
        put_signature(&ret->canonical, signer, &e, DOT2_X_ONLY, &of_canonical);
        EC_POINT_free(e.r_point);
        BN_free(e.s);
    }
    if (spec->key_form == DOT2_UNCOMPRESSED) {
        size_t additions = (spec->members & DOT2_ADDITIONS) != 0 && !spec->authority ? 8 : 0;
        ret->no_matter.from[2] = tbs_end - additions - curves[curve].octets;
        ret->no_matter.to[2] = tbs_end - additions;
    }
    buf_free(&tbs);
    buf_free(&tbs_canonical);
}

void dot2_cert_free(struct dot2_cert *c) {
    buf_free(&c->octets);
    buf_free(&c->canonical);
    dot2_key_free(c->key);
}

/* ---- messages ---- */

static void put_length(struct buf *b, size_t n) {
    WS_ASSERT(n < 65536);
    if (n >= 256) {
        buf_u8(b, 0x82);
        buf_u16(b, (uint16_t)n);
        return;
    }
    if (n >= 128)
        buf_u8(b, 0x81);
    buf_u8(b, (uint8_t)n);
}

static void put_signed_part(struct buf *b, const struct dot2_message_spec *spec) {
    buf_u8(b, 0x40);
    buf_u16(b, 0x0380);
    put_length(b, spec->payload.n);
    buf_put(b, spec->payload.p, spec->payload.n);
    buf_u8(
        b, (uint8_t)(0x40 | (spec->has_location ? 0x10 : 0) | (spec->long_additions ? 0x80 : 0)));
    put_psid(b, spec->psid);
    buf_u64(b, spec->generation_us);
    if (spec->has_location) {
        buf_i32(b, 480000000);
        buf_i32(b, 110000000);
        buf_u16(b, 0xf000);
    }
    if (spec->long_additions) {
        /* Bitmap of 17: number 3, contributed extensions, and number 16, which nobody knows yet. */
        buf_u32(b, 0x04071000);
        buf_u8(b, 0x80);
        buf_u8(b, 2);
        buf_u16(b, 0x0100);
        buf_u8(b, 3);
        buf_put(b, "abc", 3);
    }
}

void dot2_message(struct buf *ret, const struct dot2_message_spec *spec,
    const struct dot2_cert *signer, struct ws_random *rnd, struct dot2_free_octets *ret_free) {
    uint8_t octets[48];
    size_t start = ret->n;
    buf_u16(ret, 0x0381);
    buf_u8(ret, spec->sha384 ? 1 : 0);
    size_t tbs = ret->n;
    put_signed_part(ret, spec);
    struct span digest = digest_of(
        spec->sha384, span_of(ret->p + tbs, ret->n - tbs), buf_span(&signer->canonical), octets);
    struct ecdsa e = ecdsa_sign(signer->key, digest, rnd);
    if (spec->with_certificate) {
        buf_u8(ret, 0x81);
        buf_u16(ret, 0x0101);
        buf_put(ret, signer->octets.p, signer->octets.n);
    } else {
        uint8_t h[48];
        size_t n = hash(spec->sha384, buf_span(&signer->canonical), h);
        buf_u8(ret, 0x80);
        buf_put(ret, h + n - 8, 8);
    }
    put_signature(ret, signer->key, &e, spec->r_form, ret_free);
    for (size_t i = 0; i < 2; i++) { /* the third is a certificate's */
        ret_free->from[i] -= start;
        ret_free->to[i] -= start;
    }
    EC_POINT_free(e.r_point);
    BN_free(e.s);
}
