/* One hash at a time by OpenSSL's functions that need no context from the heap, many at once by v2x's streams. */
#define OPENSSL_API_COMPAT                                                                         \
    0x10100000L /* these functions are deprecated since 3.0, and still the way to do just this */

#include "ledger/exec/hash.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/light/merkle.h"
#include "v2x/verify.h"

#include <openssl/sha.h>
#include <stdlib.h>

enum { TOGETHER = 64, NODE_OCTETS = 65 };

void exec_sha256(const struct span *parts, size_t n, uint8_t ret_hash[static 32]) {
    SHA256_CTX ctx;
    WS_ASSERT(SHA256_Init(&ctx) == 1);
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n > 0)
            WS_ASSERT(SHA256_Update(&ctx, parts[i].p, parts[i].n) == 1);
    }
    WS_ASSERT(SHA256_Final(ret_hash, &ctx) == 1);
}

void exec_sha256_many(const struct span *data, size_t n, uint8_t (*ret_hashes)[32]) {
    struct v2x_sha256_job job[TOGETHER];
    for (size_t done = 0; done < n;) {
        size_t k = 0;
        for (; k < TOGETHER && done + k < n; k++)
            job[k] = (struct v2x_sha256_job){&data[done + k], 1, ret_hashes[done + k]};
        v2x_sha256_batch(job, k);
        done += k;
    }
}

void exec_list_leaf(struct span data, uint8_t ret_leaf[static 32]) {
    list_leaf(exec_sha256, data, ret_leaf);
}

/* Pairs of neighbours, level by level, an odd last one goes up as it is: the same tree as the split at the largest power
 * of two (RFC 6962, 2.1), whose left part is always full. */
void exec_list_root(const uint8_t (*leaves)[32], size_t n, uint8_t ret_root[static 32]) {
    if (n == 0) {
        exec_sha256(NULL, 0, ret_root);
        return;
    }
    uint8_t(*level)[32] = ws_memdup(leaves, n * sizeof(*leaves));
    uint8_t node[TOGETHER][NODE_OCTETS];
    struct span data[TOGETHER];
    while (n > 1) {
        size_t pairs = n / 2;
        for (size_t done = 0; done < pairs;) {
            size_t k = 0;
            for (; k < TOGETHER && done + k < pairs; k++) {
                node[k][0] = 1;
                memcpy(node[k] + 1, level[2 * (done + k)], 64);
                data[k] = span_of(node[k], NODE_OCTETS);
            }
            exec_sha256_many(data, k, &level[done]);
            done += k;
        }
        if (n % 2 == 1)
            memmove(level[pairs], level[n - 1], 32);
        n = pairs + n % 2;
    }
    memcpy(ret_root, level[0], 32);
    free(level);
}
