#include "ledger/exec/hash.h"

#include "base/assert.h"

#include <openssl/evp.h>

void exec_sha256(const struct span *parts, size_t n, uint8_t ret_hash[static 32])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    WS_ASSERT(ctx != NULL);
    int ok = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    for (size_t i = 0; i < n && ok == 1; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].p, parts[i].n);
    unsigned len = 0;
    WS_ASSERT(ok == 1 && EVP_DigestFinal_ex(ctx, ret_hash, &len) == 1);
    EVP_MD_CTX_free(ctx);
}
