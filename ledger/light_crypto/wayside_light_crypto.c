#define WAYSIDE_LIGHT_INSIDE
#include "ledger/light_crypto/wayside_light_crypto.h"

#include <openssl/evp.h>
#include <stdlib.h>

static void sha256(const struct wsl_span *parts, size_t n, uint8_t *ret_hash) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = ctx == NULL ? 0 : EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    unsigned octets = 0;
    for (size_t i = 0; i < n && ok == 1; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].p, parts[i].n);
    if (ok != 1 || EVP_DigestFinal_ex(ctx, ret_hash, &octets) != 1)
        abort();
    EVP_MD_CTX_free(ctx);
}

static bool verify(
    unsigned algorithm, const uint8_t *key, struct wsl_span message, const uint8_t *signature) {
    if (algorithm != 1)
        return false;
    EVP_PKEY *k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, 32);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL)
        abort();
    bool good = k != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k) == 1 &&
                EVP_DigestVerify(ctx, signature, 64, message.p, message.n) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(k);
    return good;
}

const struct wsl_crypto *wsl_crypto_openssl(void) {
    static const struct wsl_crypto crypto = {sha256, verify};
    return &crypto;
}
