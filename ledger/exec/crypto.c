#include "ledger/exec/crypto.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/mman.h>

bool exec_verify(enum key_alg alg, const uint8_t key[static KEY_OCTETS], struct span msg,
    const uint8_t sig[static SIG_OCTETS]) {
    if (alg != KEY_ED25519)
        return false;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, KEY_OCTETS);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    WS_ASSERT(ctx != NULL);
    bool good = pkey != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
                EVP_DigestVerify(ctx, sig, SIG_OCTETS, msg.p, msg.n) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return good;
}

const struct light_crypto exec_light_crypto = {exec_sha256, exec_verify};

enum { PAGE = 4096 };

struct signer {
    uint8_t *page; /* the seed, alone on a page that is locked and left out of core dumps */
    uint8_t public[KEY_OCTETS];
};

struct signer *signer_new(const uint8_t seed[static 32]) {
    uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    (void)madvise(page, PAGE, MADV_DONTDUMP);
    (void)mlock(
        page, PAGE); /* a full RLIMIT_MEMLOCK leaves it swappable; that is no reason to stop */
    memcpy(page, seed, 32);
    struct signer *s = ws_alloc(sizeof(*s));
    s->page = page;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, page, 32);
    size_t n = KEY_OCTETS;
    bool ok = pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, s->public, &n) == 1;
    EVP_PKEY_free(pkey);
    if (!ok) {
        signer_free(s);
        return NULL;
    }
    return s;
}

void signer_free(struct signer *s) {
    if (s == NULL)
        return;
    OPENSSL_cleanse(s->page, PAGE);
    (void)munmap(s->page, PAGE);
    free(s);
}

void signer_public(const struct signer *s, uint8_t ret_key[static KEY_OCTETS]) {
    memcpy(ret_key, s->public, KEY_OCTETS);
}

void signer_sign(const struct signer *s, struct span msg, uint8_t ret_sig[static SIG_OCTETS]) {
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, s->page, 32);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    WS_ASSERT(pkey != NULL && ctx != NULL);
    size_t n = SIG_OCTETS;
    WS_ASSERT(EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1);
    WS_ASSERT(EVP_DigestSign(ctx, ret_sig, &n, msg.p, msg.n) == 1 && n == SIG_OCTETS);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
}
