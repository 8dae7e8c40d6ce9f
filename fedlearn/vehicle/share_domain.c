#include "fedlearn/vehicle/share_domain.h"

#include <sodium.h>

void fl_domain(enum fl_purpose purpose, uint8_t ret[static FL_DOMAIN_OCTETS]) {
    static const uint8_t tag[16] = "WAYSIDE-FL";
    memcpy(ret, tag, sizeof(tag));
    ret[16] = FL_FORMAT_VERSION;
    ret[17] = (uint8_t)purpose;
}

/* By libsodium and not by exec_sha256: what is hashed is a secret now and then, and here the state can be wiped. */
void fl_hash(
    enum fl_purpose purpose, const struct span *parts, size_t n, uint8_t ret_hash[static FL_HASH]) {
    uint8_t domain[FL_DOMAIN_OCTETS];
    crypto_hash_sha256_state h;
    fl_domain(purpose, domain);
    crypto_hash_sha256_init(&h);
    crypto_hash_sha256_update(&h, domain, sizeof(domain));
    for (size_t i = 0; i < n; i++)
        crypto_hash_sha256_update(&h, parts[i].p, parts[i].n);
    crypto_hash_sha256_final(&h, ret_hash);
    sodium_memzero(&h, sizeof(h));
}
