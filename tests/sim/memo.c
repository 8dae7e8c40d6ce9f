/* Signatures of validators and authorities, made once and checked once: the linker puts these functions in the place of
 * ledger/exec/crypto.h (--wrap, see CMakeLists.txt), so the shipped node runs unchanged. Signatures are real Ed25519
 * (libsodium's, which is quicker at signing and gives the same octets); a verdict on (key, message, signature) is kept
 * in a table that all nodes of the process share. A good verdict is entered when the signature is made. */
#include "base/assert.h"
#include "ledger/beacon/group.h"
#include "ledger/exec/crypto.h"
#include "tests/sim/work.h"

#include <sodium.h>
#include <string.h>

enum { SLOTS = 1 << 16, SIGNERS_MAX = 256 };

struct verdict {
    uint64_t a, b; /* 128 bits over what was checked; both 0: free */
    bool good;
};
static struct verdict memo[SLOTS];
static struct {
    uint8_t public[KEY_OCTETS];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
} signer[SIGNERS_MAX];
static size_t n_signers;

struct signer *__real_signer_new(const uint8_t seed[static 32]);
struct signer *__wrap_signer_new(const uint8_t seed[static 32]);
void __wrap_signer_sign(
    const struct signer *s, struct span msg, uint8_t ret_sig[static SIG_OCTETS]);
bool __real_exec_verify(enum key_alg alg, const uint8_t key[static KEY_OCTETS], struct span msg,
    const uint8_t sig[static SIG_OCTETS]);
bool __wrap_exec_verify(enum key_alg alg, const uint8_t key[static KEY_OCTETS], struct span msg,
    const uint8_t sig[static SIG_OCTETS]);

/* Multiply and fold; nobody aims at it. */
static uint64_t mix(uint64_t h, uint64_t x) {
    unsigned __int128 p = (unsigned __int128)(h ^ x) * 0x9e3779b97f4a7c15ULL;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static void take(uint64_t h[2], const uint8_t *p, size_t n) {
    for (; n > 0;) {
        uint64_t x = 0;
        size_t k = n < 8 ? n : 8;
        memcpy(&x, p, k);
        h[0] = mix(h[0], x) + n;
        h[1] = mix(h[1] ^ 0xd6e8feb86659fd93ULL, x) ^ (h[0] << 1);
        p += k;
        n -= k;
    }
}

static struct verdict *place(
    const uint8_t *key, struct span msg, const uint8_t *sig, uint64_t ret_h[2]) {
    ret_h[0] = 0x243f6a8885a308d3ULL;
    ret_h[1] = 0x13198a2e03707344ULL;
    take(ret_h, key, KEY_OCTETS);
    take(ret_h, sig, SIG_OCTETS);
    take(ret_h, msg.p, msg.n);
    return &memo[ret_h[0] % SLOTS];
}

struct signer *__wrap_signer_new(const uint8_t seed[static 32]) {
    struct signer *s = __real_signer_new(seed);
    WS_ASSERT(s != NULL);
    uint8_t public[KEY_OCTETS];
    signer_public(s, public);
    for (size_t i = 0; i < n_signers; i++) {
        if (memcmp(signer[i].public, public, KEY_OCTETS) == 0)
            return s;
    }
    WS_ASSERT(n_signers < SIGNERS_MAX && sodium_init() >= 0);
    int rc = crypto_sign_seed_keypair(signer[n_signers].public, signer[n_signers].secret, seed);
    WS_ASSERT(rc == 0 && memcmp(signer[n_signers].public, public, KEY_OCTETS) == 0);
    n_signers++;
    return s;
}

void __wrap_signer_sign(
    const struct signer *s, struct span msg, uint8_t ret_sig[static SIG_OCTETS]) {
    uint8_t public[KEY_OCTETS];
    signer_public(s, public);
    size_t i = 0;
    while (i < n_signers && memcmp(signer[i].public, public, KEY_OCTETS) != 0)
        i++;
    WS_ASSERT(i < n_signers);
    int rc = crypto_sign_detached(ret_sig, NULL, msg.p, msg.n, signer[i].secret);
    WS_ASSERT(rc == 0);
    uint64_t h[2];
    struct verdict *v = place(public, msg, ret_sig, h);
    *v = (struct verdict){h[0], h[1], true};
}

bool __wrap_exec_verify(enum key_alg alg, const uint8_t key[static KEY_OCTETS], struct span msg,
    const uint8_t sig[static SIG_OCTETS]) {
    work_spend(WORK_VERIFY_US);
    if (alg != KEY_ED25519)
        return __real_exec_verify(alg, key, msg, sig);
    uint64_t h[2];
    struct verdict *v = place(key, msg, sig, h);
    if (v->a != h[0] || v->b != h[1])
        *v = (struct verdict){h[0], h[1], __real_exec_verify(alg, key, msg, sig)};
    return v->good;
}

/* The same for the beacon's proofs: each is checked by all nodes, which costs four multiplications. */
bool __real_proof_check(const struct transcript *statement, const struct point *X,
    const struct point *second, const struct point *second_public, const struct proof *proof);
bool __wrap_proof_check(const struct transcript *statement, const struct point *X,
    const struct point *second, const struct point *second_public, const struct proof *proof);
bool __wrap_proof_check(const struct transcript *statement, const struct point *X,
    const struct point *second, const struct point *second_public, const struct proof *proof) {
    work_spend(WORK_PROOF_US);
    struct transcript copy = *statement;
    uint8_t what[32 + 3 * POINT_OCTETS] = {0};
    transcript_hash(&copy, what);
    memcpy(what + 32, X->b, POINT_OCTETS);
    if (second != NULL) {
        memcpy(what + 64, second->b, POINT_OCTETS);
        memcpy(what + 96, second_public->b, POINT_OCTETS);
    }
    uint8_t answer[SIG_OCTETS];
    memcpy(answer, proof->c.b, SCALAR_OCTETS);
    memcpy(answer + SCALAR_OCTETS, proof->s.b, SCALAR_OCTETS);
    uint64_t h[2];
    struct verdict *v = place(X->b, span_of(what, sizeof(what)), answer, h);
    if (v->a != h[0] || v->b != h[1])
        *v = (struct verdict){
            h[0], h[1], __real_proof_check(statement, X, second, second_public, proof)};
    return v->good;
}

/* Each node of a cell multiplies the same points when it puts the same shares together. */
enum { PRODUCTS = 1 << 14 };
struct product {
    struct scalar by, inverse;
    struct point of, result;
};
static struct product product[PRODUCTS], inverted[PRODUCTS];

void __real_point_mul(struct point *ret, const struct scalar *s, const struct point *p);
void __wrap_point_mul(struct point *ret, const struct scalar *s, const struct point *p);
void __real_scalar_invert(struct scalar *ret, const struct scalar *a);
void __wrap_scalar_invert(struct scalar *ret, const struct scalar *a);

static struct product *product_place(
    struct product *table, const struct scalar *s, const struct point *p) {
    uint64_t h[2] = {1, 2};
    take(h, s->b, sizeof(s->b));
    if (p != NULL)
        take(h, p->b, sizeof(p->b));
    return &table[h[0] % PRODUCTS];
}

void __wrap_point_mul(struct point *ret, const struct scalar *s, const struct point *p) {
    static const struct point none;
    struct product *m = product_place(product, s, p);
    bool known = memcmp(&m->by, s, sizeof(*s)) == 0 && memcmp(&m->of, p, sizeof(*p)) == 0 &&
                 memcmp(&m->of, &none, sizeof(none)) != 0;
    if (!known) {
        struct point result;
        __real_point_mul(&result, s, p);
        *m = (struct product){.by = *s, .of = *p, .result = result};
    }
    *ret = m->result;
}

void __wrap_scalar_invert(struct scalar *ret, const struct scalar *a) {
    struct product *m = product_place(inverted, a, NULL);
    if (memcmp(&m->by, a, sizeof(*a)) != 0) {
        struct scalar inverse;
        __real_scalar_invert(&inverse, a);
        *m = (struct product){.by = *a, .inverse = inverse};
    }
    *ret = m->inverse;
}
