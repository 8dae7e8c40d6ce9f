/* One hash at a time, by OpenSSL's functions that need no context from the heap: at a million messages a second the
 * allocation and the look-up of the algorithm, which EVP does for each hash, cost more than a short message's hash. */
#define OPENSSL_API_COMPAT                                                                         \
    0x10100000L /* these functions are deprecated since 3.0, and still the way to do just this */

#include "base/assert.h"
#include "v2x/verify.h"

#include <openssl/sha.h>

/* They cannot fail on a context of their own making. */
void v2x_sha256(struct span a, struct span b, uint8_t ret_hash[static 32]) {
    SHA256_CTX ctx;
    WS_ASSERT(SHA256_Init(&ctx) == 1);
    if (a.n > 0)
        WS_ASSERT(SHA256_Update(&ctx, a.p, a.n) == 1);
    if (b.n > 0)
        WS_ASSERT(SHA256_Update(&ctx, b.p, b.n) == 1);
    WS_ASSERT(SHA256_Final(ret_hash, &ctx) == 1);
}

void v2x_sha384(struct span a, struct span b, uint8_t ret_hash[static 48]) {
    SHA512_CTX ctx;
    WS_ASSERT(SHA384_Init(&ctx) == 1);
    if (a.n > 0)
        WS_ASSERT(SHA384_Update(&ctx, a.p, a.n) == 1);
    if (b.n > 0)
        WS_ASSERT(SHA384_Update(&ctx, b.p, b.n) == 1);
    WS_ASSERT(SHA384_Final(ret_hash, &ctx) == 1);
}
