#include "v2x/linkage.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum { BLOCK = 16 };

struct linkage {
    EVP_MD_CTX *md;
    EVP_CIPHER_CTX *aes;
    EVP_MD *sha256;
    EVP_CIPHER *ecb;
    uint8_t in[LINKAGE_RUN * BLOCK];
    uint8_t out[LINKAGE_RUN * BLOCK];
};

/* The library can fail here only for want of memory or of its default provider: a broken machine. */
struct linkage *linkage_new(void) {
    struct linkage *l = ws_alloc(sizeof(*l));
    l->md = EVP_MD_CTX_new();
    l->aes = EVP_CIPHER_CTX_new();
    l->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    l->ecb = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
    WS_ASSERT(l->md != NULL && l->aes != NULL && l->sha256 != NULL && l->ecb != NULL);
    return l;
}

void linkage_free(struct linkage *l) {
    if (l == NULL)
        return;
    EVP_MD_CTX_free(l->md);
    EVP_CIPHER_CTX_free(l->aes);
    EVP_MD_free(l->sha256);
    EVP_CIPHER_free(l->ecb);
    free(l);
}

void linkage_evolve(struct linkage *l, uint16_t la_id, uint8_t seed[static LINKAGE_SEED_OCTETS]) {
    uint8_t in[32] = {0};
    uint8_t hash[32];
    put_be16(in, la_id);
    memcpy(in + 2, seed, LINKAGE_SEED_OCTETS);
    WS_ASSERT(EVP_DigestInit_ex(l->md, l->sha256, NULL) == 1);
    WS_ASSERT(EVP_DigestUpdate(l->md, in, sizeof(in)) == 1);
    WS_ASSERT(EVP_DigestFinal_ex(l->md, hash, NULL) == 1);
    memcpy(seed, hash, LINKAGE_SEED_OCTETS);
}

/* XORs the pre-linkage values of one seed onto values. */
static void add_pre_linkage(
    struct linkage *l, uint16_t la_id, const uint8_t *seed, uint32_t j, size_t n, uint8_t *values) {
    int got = 0;
    memset(l->in, 0, n * BLOCK);
    for (size_t i = 0; i < n; i++) {
        put_be16(l->in + i * BLOCK, la_id);
        put_be32(l->in + i * BLOCK + 2, (uint32_t)(j + i));
    }
    WS_ASSERT(EVP_EncryptInit_ex2(l->aes, l->ecb, seed, NULL, NULL) == 1);
    WS_ASSERT(EVP_CIPHER_CTX_set_padding(l->aes, 0) == 1);
    WS_ASSERT(EVP_EncryptUpdate(l->aes, l->out, &got, l->in, (int)(n * BLOCK)) == 1);
    WS_ASSERT(got == (int)(n * BLOCK));
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < LINKAGE_OCTETS; k++)
            values[i * LINKAGE_OCTETS + k] ^= l->out[i * BLOCK + k] ^ l->in[i * BLOCK + k];
    }
}

void linkage_values(
    struct linkage *l, const struct linkage_seeds *s, uint32_t j, size_t n, uint8_t *ret_values) {
    WS_ASSERT(n <= LINKAGE_RUN);
    memset(ret_values, 0, n * LINKAGE_OCTETS);
    add_pre_linkage(l, s->la1, s->seed1, j, n, ret_values);
    if (s->seed2 != NULL)
        add_pre_linkage(l, s->la2, s->seed2, j, n, ret_values);
}
