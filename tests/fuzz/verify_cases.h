/* Signatures from a fuzzer's octets: honest, altered and adversarial, over the two curves of 256 bits. */
#ifndef WAYSIDE_TESTS_VERIFY_CASES_H
#define WAYSIDE_TESTS_VERIFY_CASES_H

#include "v2x/verify_parts.h"

#include <openssl/bn.h>
#include <openssl/ec.h>

enum { POOL = 12, MADE = 4, KEYS = POOL + MADE, CASES = 6 };

/* A curve and signers that live as long as the process. */
struct signers {
    enum ec_curve curve;
    EC_GROUP *group;
    const BIGNUM *n;
    BIGNUM *p;
    BN_CTX *ctx;
    struct verify_key *key[POOL];
    BIGNUM *secret[POOL];
};
void signers_fill(struct signers *w, enum ec_curve curve);

struct one {
    size_t key; /* index in cases */
    struct verify_item item;
    bool must; /* be GOOD: valid by construction */
};
struct cases {
    struct verify_key *key[KEYS]; /* the pool's, then those made for this input */
    BIGNUM *secret[KEYS]; /* NULL: nobody knows */
    size_t n_keys;
    struct one one[CASES];
    size_t n;
};

struct in {
    const uint8_t *p;
    size_t n;
};
uint8_t take(struct in *in); /* 0 at the end */

/* At least one case. cases_free: what was made for them. */
void cases_read(const struct signers *w, struct in *in, struct cases *ret);
void cases_free(struct cases *c);
/* By OpenSSL's oldest way, with ranges looked at anew: another way than the reference goes. */
enum verify_answer_kind openssl_says(const struct signers *w, const struct one *o);

#endif
