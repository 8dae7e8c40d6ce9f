#include "ledger/beacon/group.h"

#include "base/assert.h"

static const uint8_t tag[16] = "WAYSIDE-BEACON";
/* 2^252 + 27742317777372353535851937790883648493, little-endian. */
static const uint8_t order[SCALAR_OCTETS] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6,
    0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10};

bool scalar_canonical(const uint8_t b[static SCALAR_OCTETS]) {
    for (size_t i = SCALAR_OCTETS; i-- > 0;)
        if (b[i] != order[i])
            return b[i] < order[i];
    return false;
}

bool scalar_is_zero(const struct scalar *s) {
    return sodium_is_zero(s->b, sizeof(s->b)) == 1;
}

bool point_is_identity(const struct point *p) {
    return sodium_is_zero(p->b, sizeof(p->b)) == 1;
}

void point_read(struct rd *r, struct point *ret_point) {
    rd_copy(r, ret_point->b, sizeof(ret_point->b));
    if (r->bad || point_is_identity(ret_point) ||
        crypto_core_ristretto255_is_valid_point(ret_point->b) != 1) {
        r->bad = true;
        *ret_point = (struct point){{0}};
    }
}

void scalar_read(struct rd *r, struct scalar *ret_scalar) {
    rd_copy(r, ret_scalar->b, sizeof(ret_scalar->b));
    if (r->bad || !scalar_canonical(ret_scalar->b)) {
        r->bad = true;
        *ret_scalar = (struct scalar){{0}};
    }
}

void scalar_add(struct scalar *ret, const struct scalar *a, const struct scalar *b) {
    crypto_core_ristretto255_scalar_add(ret->b, a->b, b->b);
}

void scalar_sub(struct scalar *ret, const struct scalar *a, const struct scalar *b) {
    crypto_core_ristretto255_scalar_sub(ret->b, a->b, b->b);
}

void scalar_mul(struct scalar *ret, const struct scalar *a, const struct scalar *b) {
    crypto_core_ristretto255_scalar_mul(ret->b, a->b, b->b);
}

void scalar_invert(struct scalar *ret, const struct scalar *a) {
    int rc = crypto_core_ristretto255_scalar_invert(ret->b, a->b);
    WS_ASSERT(rc == 0);
}

struct scalar scalar_of(uint64_t v) {
    struct scalar s = {{0}};
    for (size_t i = 0; i < 8; i++)
        s.b[i] = (uint8_t)(v >> (8 * i));
    return s;
}

/* libsodium answers -1 for the identity and leaves its octets, all zero, in place. */
void point_base(struct point *ret, const struct scalar *s) {
    if (crypto_scalarmult_ristretto255_base(ret->b, s->b) != 0)
        *ret = (struct point){{0}};
}

void point_mul(struct point *ret, const struct scalar *s, const struct point *p) {
    if (crypto_scalarmult_ristretto255(ret->b, s->b, p->b) != 0)
        *ret = (struct point){{0}};
}

void point_add(struct point *ret, const struct point *a, const struct point *b) {
    int rc = crypto_core_ristretto255_add(ret->b, a->b, b->b);
    WS_ASSERT(rc == 0);
}

void transcript_begin(struct transcript *t, enum beacon_purpose purpose) {
    const uint8_t head[2] = {BEACON_VERSION, (uint8_t)purpose};
    crypto_hash_sha512_init(&t->h);
    transcript_add(t, tag, sizeof(tag));
    transcript_add(t, head, sizeof(head));
}

void transcript_add(struct transcript *t, const void *p, size_t n) {
    crypto_hash_sha512_update(&t->h, p, n);
}

void transcript_u16(struct transcript *t, uint16_t v) {
    uint8_t b[2];
    put_be16(b, v);
    transcript_add(t, b, sizeof(b));
}

void transcript_u64(struct transcript *t, uint64_t v) {
    uint8_t b[8];
    put_be64(b, v);
    transcript_add(t, b, sizeof(b));
}

static void finish(struct transcript *t, uint8_t ret[static crypto_hash_sha512_BYTES]) {
    crypto_hash_sha512_final(&t->h, ret);
    sodium_memzero(t, sizeof(*t));
}

void transcript_scalar(struct transcript *t, struct scalar *ret) {
    uint8_t wide[crypto_hash_sha512_BYTES];
    finish(t, wide);
    crypto_core_ristretto255_scalar_reduce(ret->b, wide);
    sodium_memzero(wide, sizeof(wide));
}

void transcript_point(struct transcript *t, struct point *ret) {
    uint8_t wide[crypto_hash_sha512_BYTES];
    finish(t, wide);
    crypto_core_ristretto255_from_hash(ret->b, wide);
}

void transcript_hash(struct transcript *t, uint8_t ret_hash[static 32]) {
    uint8_t wide[crypto_hash_sha512_BYTES];
    finish(t, wide);
    memcpy(ret_hash, wide, 32);
    sodium_memzero(wide, sizeof(wide));
}

/* What is proven: everything but the commitments. */
static void add_points(struct transcript *t, const struct point *X, const struct point *second,
    const struct point *second_public) {
    transcript_add(t, X->b, sizeof(X->b));
    if (second != NULL) {
        transcript_add(t, second->b, sizeof(second->b));
        transcript_add(t, second_public->b, sizeof(second_public->b));
    }
}

static void nonce(const struct transcript *full, const struct scalar *x, struct scalar *ret) {
    struct transcript copy = *full, t;
    uint8_t digest[crypto_hash_sha512_BYTES];
    finish(&copy, digest);
    transcript_begin(&t, BEACON_FOR_NONCE);
    transcript_add(&t, x->b, sizeof(x->b));
    transcript_add(&t, digest, sizeof(digest));
    transcript_scalar(&t, ret);
}

static void challenge(const struct transcript *full, const struct point *a1, const struct point *a2,
    struct scalar *ret) {
    struct transcript t = *full;
    transcript_add(&t, a1->b, sizeof(a1->b));
    if (a2 != NULL)
        transcript_add(&t, a2->b, sizeof(a2->b));
    transcript_scalar(&t, ret);
}

void proof_make(const struct transcript *statement, const struct scalar *x, const struct point *X,
    const struct point *second, const struct point *second_public, struct proof *ret_proof) {
    struct transcript full = *statement;
    add_points(&full, X, second, second_public);
    struct scalar k, cx;
    struct point a1, a2;
    nonce(&full, x, &k);
    point_base(&a1, &k);
    if (second != NULL)
        point_mul(&a2, &k, second);
    challenge(&full, &a1, second != NULL ? &a2 : NULL, &ret_proof->c);
    scalar_mul(&cx, &ret_proof->c, x);
    scalar_sub(&ret_proof->s, &k, &cx);
    sodium_memzero(&k, sizeof(k));
    sodium_memzero(&cx, sizeof(cx));
}

bool proof_check(const struct transcript *statement, const struct point *X,
    const struct point *second, const struct point *second_public, const struct proof *proof) {
    if (scalar_is_zero(&proof->c) || scalar_is_zero(&proof->s))
        return false;
    struct transcript full = *statement;
    add_points(&full, X, second, second_public);
    struct point left, right, a1, a2;
    point_base(&left, &proof->s);
    point_mul(&right, &proof->c, X);
    point_add(&a1, &left, &right);
    if (second != NULL) {
        point_mul(&left, &proof->s, second);
        point_mul(&right, &proof->c, second_public);
        point_add(&a2, &left, &right);
    }
    struct scalar c;
    challenge(&full, &a1, second != NULL ? &a2 : NULL, &c);
    return memcmp(c.b, proof->c.b, sizeof(c.b)) == 0;
}

void proof_put(struct buf *b, const struct proof *p) {
    buf_put(b, p->c.b, sizeof(p->c.b));
    buf_put(b, p->s.b, sizeof(p->s.b));
}

void proof_read(struct rd *r, struct proof *ret_proof) {
    scalar_read(r, &ret_proof->c);
    scalar_read(r, &ret_proof->s);
}
