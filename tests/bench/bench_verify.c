/* Hashes and verifications a second, one core, each beside OpenSSL's own figure from the same run, by the processor's
 * clock. usage: bench_verify [SIGNERS] */
#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "v2x/sign.h"
#include "v2x/verify.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LEAST_S 0.4

static double processor_s(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- hashes ---- */

enum { HASHES = 64 };

struct hashing {
    uint8_t text[HASHES][512];
    uint8_t hash[HASHES][32];
    struct span part[HASHES];
    struct v2x_sha256_job job[HASHES];
};

static void hash_by_evp(struct hashing *h) {
    for (size_t i = 0; i < HASHES; i++) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        WS_ASSERT(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
        WS_ASSERT(EVP_DigestUpdate(ctx, h->part[i].p, h->part[i].n) == 1);
        WS_ASSERT(EVP_DigestFinal_ex(ctx, h->hash[i], NULL) == 1);
        EVP_MD_CTX_free(ctx);
    }
}

static void hash_singly(struct hashing *h) {
    for (size_t i = 0; i < HASHES; i++)
        v2x_sha256(h->part[i], (struct span){NULL, 0}, h->hash[i]);
}

static void hash_together(struct hashing *h) {
    v2x_sha256_batch(h->job, HASHES);
}

static double ns_per_hash(struct hashing *h, void (*way)(struct hashing *)) {
    size_t rounds = 0;
    double start = processor_s(), took;
    do {
        for (unsigned i = 0; i < 200; i++)
            way(h);
        rounds += 200;
        took = processor_s() - start;
    } while (took < LEAST_S / 4);
    return took * 1e9 / (double)(rounds * HASHES);
}

static void bench_hashes(void) {
    static struct hashing h;
    static const size_t lengths[] = {64, 100, 200, 300, 400};
    struct ws_random rnd = ws_random_seeded(1);
    ws_random_bytes(&rnd, h.text, sizeof(h.text));
    for (size_t k = 0; k < ARRAY_LEN(lengths); k++) {
        for (size_t i = 0; i < HASHES; i++) {
            h.part[i] = span_of(h.text[i], lengths[k]);
            h.job[i] = (struct v2x_sha256_job){&h.part[i], 1, h.hash[i]};
        }
        double evp = ns_per_hash(&h, hash_by_evp);
        double singly = ns_per_hash(&h, hash_singly);
        double together = ns_per_hash(&h, hash_together);
        (void)printf("SHA-256 of %3zu octets: EVP %4.0f ns, one %4.0f ns, in a batch %4.0f ns "
                     "(%.1f times EVP)\n",
            lengths[k], evp, singly, together, evp / together);
    }
}

int main(void) {
    bench_hashes();
    return 0;
}
