#include "ledger/exec/hash.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/light/merkle.h"

#include <openssl/evp.h>
#include <stdlib.h>

void exec_sha256(const struct span *parts, size_t n, uint8_t ret_hash[static 32]) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    WS_ASSERT(ctx != NULL);
    int ok = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    for (size_t i = 0; i < n && ok == 1; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].p, parts[i].n);
    unsigned len = 0;
    WS_ASSERT(ok == 1 && EVP_DigestFinal_ex(ctx, ret_hash, &len) == 1);
    EVP_MD_CTX_free(ctx);
}

void exec_list_leaf(struct span data, uint8_t ret_leaf[static 32]) {
    list_leaf(exec_sha256, data, ret_leaf);
}

void exec_list_root(const uint8_t (*leaves)[32], size_t n, uint8_t ret_root[static 32]) {
    hash32 *scratch = ws_calloc(n, sizeof(hash32));
    list_root(exec_sha256, leaves, n, scratch, ret_root);
    free(scratch);
}
