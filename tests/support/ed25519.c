#include "tests/support/ed25519.h"

#include "base/assert.h"
#include "ledger/exec/hash.h"

#include <openssl/evp.h>

struct test_key test_key_of(uint64_t number) {
    struct test_key k;
    uint8_t octets[8];
    put_be64(octets, number);
    exec_sha256_one(span_of(octets, sizeof(octets)), k.seed);
    EVP_PKEY *p = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k.seed, sizeof(k.seed));
    size_t n = sizeof(k.key);
    WS_ASSERT(p != NULL);
    WS_ASSERT(EVP_PKEY_get_raw_public_key(p, k.key, &n) == 1);
    EVP_PKEY_free(p);
    return k;
}

void test_sign(const struct test_key *k, struct span msg, uint8_t ret_sig[static SIG_OCTETS]) {
    EVP_PKEY *p = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->seed, sizeof(k->seed));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = SIG_OCTETS;
    WS_ASSERT(p != NULL && ctx != NULL);
    WS_ASSERT(EVP_DigestSignInit(ctx, NULL, NULL, NULL, p) == 1);
    WS_ASSERT(EVP_DigestSign(ctx, ret_sig, &n, msg.p, msg.n) == 1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(p);
}

bool test_verify(enum key_alg alg, const uint8_t key[static KEY_OCTETS], struct span msg,
    const uint8_t sig[static SIG_OCTETS]) {
    if (alg != KEY_ED25519)
        return false;
    EVP_PKEY *p = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, KEY_OCTETS);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    WS_ASSERT(ctx != NULL);
    bool ok = p != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, p) == 1 &&
              EVP_DigestVerify(ctx, sig, SIG_OCTETS, msg.p, msg.n) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(p);
    return ok;
}
