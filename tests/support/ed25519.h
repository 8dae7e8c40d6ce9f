/* Deterministic Ed25519 keys for tests (OpenSSL behind it). Any thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_ED25519_H
#define WAYSIDE_TESTS_SUPPORT_ED25519_H

#include "ledger/light/types.h"

struct test_key {
    uint8_t seed[32]; /* private key, RFC 8032, section 5.1.5 */
    uint8_t key[KEY_OCTETS];
};

/* The key whose seed is SHA-256 of the number. Stops the process if OpenSSL fails. */
struct test_key test_key_of(uint64_t number);
void test_sign(const struct test_key *k, struct span msg, uint8_t ret_sig[static SIG_OCTETS]);
/* A light_verify_fn. */
bool test_verify(enum key_alg alg, const uint8_t key[static KEY_OCTETS], struct span msg,
    const uint8_t sig[static SIG_OCTETS]);

#endif
