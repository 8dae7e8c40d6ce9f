#include "fedlearn/vehicle/dh.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>

/* 2^252 + 27742317777372353535851937790883648493, little-endian. */
static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
    0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10};

static bool canonical(const uint8_t b[static 32]) {
    for (size_t i = 32; i-- > 0;)
        if (b[i] != order[i])
            return b[i] < order[i];
    return false;
}

static bool is_zero(const uint8_t b[static 32]) {
    return sodium_is_zero(b, 32) == 1;
}

void fl_point_read(struct rd *r, struct fl_point *ret_point) {
    rd_copy(r, ret_point->b, sizeof(ret_point->b));
    if (r->bad || is_zero(ret_point->b) ||
        crypto_core_ristretto255_is_valid_point(ret_point->b) != 1) {
        r->bad = true;
        *ret_point = (struct fl_point){{0}};
    }
}

static void scalar_read(struct rd *r, struct fl_scalar *ret_scalar) {
    rd_copy(r, ret_scalar->b, sizeof(ret_scalar->b));
    if (r->bad || is_zero(ret_scalar->b) || !canonical(ret_scalar->b)) {
        r->bad = true;
        *ret_scalar = (struct fl_scalar){{0}};
    }
}

void fl_proof_read(struct rd *r, struct fl_proof *ret_proof) {
    scalar_read(r, &ret_proof->c);
    scalar_read(r, &ret_proof->s);
}

void fl_proof_put(const struct fl_proof *p, uint8_t ret_octets[static FL_PROOF_OCTETS]) {
    memcpy(ret_octets, p->c.b, 32);
    memcpy(ret_octets + 32, p->s.b, 32);
}

/* libsodium answers -1 for the identity, which two honest parties never meet: it is none of the points we read, and the
 * group's order is prime. A scalar of zero, from outside only, leaves the identity's octets, all zero. */
static void point_mul(struct fl_point *ret, const struct fl_scalar *s, const struct fl_point *p) {
    if (crypto_scalarmult_ristretto255(ret->b, s->b, p->b) != 0)
        *ret = (struct fl_point){{0}};
}

static void point_base(struct fl_point *ret, const struct fl_scalar *s) {
    if (crypto_scalarmult_ristretto255_base(ret->b, s->b) != 0)
        *ret = (struct fl_point){{0}};
}

/* ---- statements and proofs ---- */
void fl_statement_begin(struct fl_statement *t, enum fl_purpose purpose) {
    uint8_t domain[FL_DOMAIN_OCTETS];
    fl_domain(purpose, domain);
    crypto_hash_sha512_init(&t->h);
    fl_statement_add(t, domain, sizeof(domain));
}

void fl_statement_add(struct fl_statement *t, const void *p, size_t n) {
    crypto_hash_sha512_update(&t->h, p, n);
}

static void scalar_of(struct fl_statement *t, struct fl_scalar *ret) {
    uint8_t wide[crypto_hash_sha512_BYTES];
    crypto_hash_sha512_final(&t->h, wide);
    crypto_core_ristretto255_scalar_reduce(ret->b, wide);
    sodium_memzero(wide, sizeof(wide));
    sodium_memzero(t, sizeof(*t));
}

static void add_points(struct fl_statement *t, const struct fl_point *X,
    const struct fl_point *second, const struct fl_point *second_public) {
    fl_statement_add(t, X->b, sizeof(X->b));
    if (second == NULL)
        return;
    fl_statement_add(t, second->b, sizeof(second->b));
    fl_statement_add(t, second_public->b, sizeof(second_public->b));
}

static void challenge(const struct fl_statement *full, const struct fl_point *a1,
    const struct fl_point *a2, struct fl_scalar *ret) {
    struct fl_statement t = *full;
    fl_statement_add(&t, a1->b, sizeof(a1->b));
    if (a2 != NULL)
        fl_statement_add(&t, a2->b, sizeof(a2->b));
    scalar_of(&t, ret);
}

/* The nonce comes from x and the statement: the same proof each time, and never one nonce for two statements. */
static void prove(const struct fl_statement *statement, const struct fl_scalar *x,
    const struct fl_point *X, const struct fl_point *second, const struct fl_point *second_public,
    struct fl_proof *ret_proof) {
    struct fl_statement full = *statement, copy, t;
    uint8_t digest[crypto_hash_sha512_BYTES];
    struct fl_scalar k, cx;
    struct fl_point a1, a2;
    add_points(&full, X, second, second_public);
    copy = full;
    crypto_hash_sha512_final(&copy.h, digest);
    fl_statement_begin(&t, FL_FOR_NONCE);
    fl_statement_add(&t, x->b, sizeof(x->b));
    fl_statement_add(&t, digest, sizeof(digest));
    scalar_of(&t, &k);
    point_base(&a1, &k);
    if (second != NULL)
        point_mul(&a2, &k, second);
    challenge(&full, &a1, second != NULL ? &a2 : NULL, &ret_proof->c);
    crypto_core_ristretto255_scalar_mul(cx.b, ret_proof->c.b, x->b);
    crypto_core_ristretto255_scalar_sub(ret_proof->s.b, k.b, cx.b);
    sodium_memzero(&k, sizeof(k));
    sodium_memzero(&cx, sizeof(cx));
}

/* s base + c public: what the prover must have committed to. */
static bool commitment(const struct fl_proof *p, const struct fl_point *base,
    const struct fl_point *public, struct fl_point *ret) {
    struct fl_point left, right;
    if (base == NULL)
        point_base(&left, &p->s);
    else
        point_mul(&left, &p->s, base);
    point_mul(&right, &p->c, public);
    return crypto_core_ristretto255_add(ret->b, left.b, right.b) == 0;
}

bool fl_proof_check(const struct fl_statement *statement, const struct fl_point *X,
    const struct fl_point *second, const struct fl_point *second_public,
    const struct fl_proof *proof) {
    struct fl_statement full = *statement;
    struct fl_point a1, a2;
    struct fl_scalar c;
    if (is_zero(proof->c.b) || is_zero(proof->s.b))
        return false;
    add_points(&full, X, second, second_public);
    if (!commitment(proof, NULL, X, &a1))
        return false;
    if (second != NULL && !commitment(proof, second, second_public, &a2))
        return false;
    challenge(&full, &a1, second != NULL ? &a2 : NULL, &c);
    return memcmp(c.b, proof->c.b, sizeof(c.b)) == 0;
}

/* ---- the vehicle's side ---- */
static void scalar_from_secret(enum fl_purpose purpose, const uint8_t secret[static 32],
    struct fl_scalar *ret_scalar, struct fl_point *ret_public) {
    struct fl_statement t;
    fl_statement_begin(&t, purpose);
    fl_statement_add(&t, secret, FL_SECRET_OCTETS);
    scalar_of(&t, ret_scalar);
    point_base(ret_public, ret_scalar);
}

void fl_ephemeral_draw(struct ws_random *random, struct fl_ephemeral *ret) {
    uint8_t secret[FL_SECRET_OCTETS];
    ws_random_bytes(random, secret, sizeof(secret));
    scalar_from_secret(FL_FOR_EPHEMERAL, secret, &ret->secret, &ret->public);
    sodium_memzero(secret, sizeof(secret));
}

void fl_ephemeral_exchange(
    const struct fl_ephemeral *e, const struct fl_point *key, struct fl_point *ret_shared) {
    point_mul(ret_shared, &e->secret, key);
}

void fl_ephemeral_prove(const struct fl_ephemeral *e, const struct fl_statement *statement,
    struct fl_proof *ret_proof) {
    prove(statement, &e->secret, &e->public, NULL, NULL, ret_proof);
}

void fl_ephemeral_wipe(struct fl_ephemeral *e) {
    sodium_memzero(e, sizeof(*e));
}

/* ---- the validator's side ---- */
struct fl_reader {
    atomic_uint holders;
    struct fl_scalar *secret; /* alone in sodium_malloc's locked memory */
    struct fl_point public;
};

struct fl_reader *fl_reader_new(const uint8_t secret[static FL_SECRET_OCTETS]) {
    if (sodium_init() < 0)
        return NULL;
    struct fl_scalar *kept = sodium_malloc(sizeof(*kept));
    if (kept == NULL)
        return NULL;
    struct fl_reader *r = ws_alloc(sizeof(*r));
    atomic_init(&r->holders, 1);
    r->secret = kept;
    scalar_from_secret(FL_FOR_OWN_KEY, secret, kept, &r->public);
    return r;
}

struct fl_reader *fl_reader_share(struct fl_reader *r) {
    (void)atomic_fetch_add(&r->holders, 1);
    return r;
}

void fl_reader_free(struct fl_reader *r) {
    if (r == NULL || atomic_fetch_sub(&r->holders, 1) != 1)
        return;
    sodium_free(r->secret); /* wipes */
    free(r);
}

void fl_reader_public(const struct fl_reader *r, struct fl_point *ret_key) {
    *ret_key = r->public;
}

void fl_reader_exchange(
    const struct fl_reader *r, const struct fl_point *ephemeral, struct fl_point *ret_shared) {
    point_mul(ret_shared, r->secret, ephemeral);
}

void fl_reader_prove(const struct fl_reader *r, const struct fl_statement *statement,
    const struct fl_point *ephemeral, const struct fl_point *shared, struct fl_proof *ret_proof) {
    prove(statement, r->secret, &r->public, ephemeral, shared, ret_proof);
}

static void key_statement(struct fl_statement *t, const uint8_t cell[static 32],
    const uint8_t address[static 32], uint64_t epoch) {
    uint8_t e[8];
    put_be64(e, epoch);
    fl_statement_begin(t, FL_FOR_KEY_PROOF);
    fl_statement_add(t, cell, 32);
    fl_statement_add(t, address, 32);
    fl_statement_add(t, e, sizeof(e));
}

void fl_key_prove(const struct fl_reader *r, const uint8_t cell[static 32],
    const uint8_t address[static 32], uint64_t epoch, struct fl_proof *ret_proof) {
    struct fl_statement t;
    key_statement(&t, cell, address, epoch);
    fl_reader_prove(r, &t, NULL, NULL, ret_proof);
}

bool fl_key_check(const struct fl_point *key, const uint8_t cell[static 32],
    const uint8_t address[static 32], uint64_t epoch, const struct fl_proof *proof) {
    struct fl_statement t;
    key_statement(&t, cell, address, epoch);
    return fl_proof_check(&t, key, NULL, NULL, proof);
}

void fl_key_nobody(const uint8_t address[static 32], struct fl_point *ret_key) {
    struct fl_statement t;
    uint8_t hash[crypto_core_ristretto255_HASHBYTES];
    fl_statement_begin(&t, FL_FOR_NOBODY);
    fl_statement_add(&t, address, 32);
    (void)crypto_hash_sha512_final(&t.h, hash);
    (void)crypto_core_ristretto255_from_hash(ret_key->b, hash);
}

/* ---- sealing ---- */
struct seal_key {
    uint8_t key[crypto_aead_chacha20poly1305_ietf_KEYBYTES];
    uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
};

static void hmac(const uint8_t key[static 32], struct span a, struct span b, uint8_t last,
    bool has_last, uint8_t ret[static 32]) {
    crypto_auth_hmacsha256_state h;
    crypto_auth_hmacsha256_init(&h, key, 32);
    crypto_auth_hmacsha256_update(&h, a.p, a.n);
    crypto_auth_hmacsha256_update(&h, b.p, b.n);
    crypto_auth_hmacsha256_update(&h, &last, has_last);
    crypto_auth_hmacsha256_final(&h, ret);
    sodium_memzero(&h, sizeof(h));
}

/* RFC 5869 with no salt: 44 octets in two steps. By hand because libsodium 1.0.18 has no HKDF and libcrypto's puts secrets on
 * the heap. */
static void seal_key(const struct fl_point *shared, struct span info, struct seal_key *ret) {
    static const uint8_t no_salt[32];
    const struct span none = {no_salt, 0};
    uint8_t prk[32], t1[32], t2[32];
    hmac(no_salt, span_of(shared->b, sizeof(shared->b)), none, 0, false, prk);
    hmac(prk, none, info, 1, true, t1);
    hmac(prk, span_of(t1, sizeof(t1)), info, 2, true, t2);
    memcpy(ret->key, t1, sizeof(ret->key));
    memcpy(ret->nonce, t2, sizeof(ret->nonce));
    sodium_memzero(prk, sizeof(prk));
    sodium_memzero(t1, sizeof(t1));
    sodium_memzero(t2, sizeof(t2));
}

void fl_seal_text(
    const struct fl_point *shared, struct span info, struct span text, uint8_t *ret_sealed) {
    struct seal_key k;
    seal_key(shared, info, &k);
    int rc = crypto_aead_chacha20poly1305_ietf_encrypt(
        ret_sealed, NULL, text.p, text.n, NULL, 0, NULL, k.nonce, k.key);
    WS_ASSERT(rc == 0);
    sodium_memzero(&k, sizeof(k));
}

bool fl_unseal_text(
    const struct fl_point *shared, struct span info, struct span sealed, uint8_t *ret_text) {
    struct seal_key k;
    if (sealed.n < FL_SEAL_OCTETS)
        return false;
    seal_key(shared, info, &k);
    const bool good = crypto_aead_chacha20poly1305_ietf_decrypt(
                          ret_text, NULL, NULL, sealed.p, sealed.n, NULL, 0, k.nonce, k.key) == 0;
    sodium_memzero(&k, sizeof(k));
    return good;
}
