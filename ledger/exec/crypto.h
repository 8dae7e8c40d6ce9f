/* Ed25519 of the validators and authorities (OpenSSL EVP), as the callbacks that ledger/light wants.
 * Secret keys live in a locked page that core dumps leave out. Any thread. */
#ifndef WAYSIDE_LEDGER_EXEC_CRYPTO_H
#define WAYSIDE_LEDGER_EXEC_CRYPTO_H

#include "ledger/light/proof.h"

bool exec_verify(enum key_alg alg, const uint8_t key[static KEY_OCTETS], struct span msg,
    const uint8_t sig[static SIG_OCTETS]);
extern const struct light_crypto exec_light_crypto;

struct signer; /* holds one Ed25519 secret */
/* NULL if the machine gives no locked memory or the library fails. */
struct signer *signer_new(const uint8_t seed[static 32]);
void signer_free(struct signer *s); /* wipes */
void signer_public(const struct signer *s, uint8_t ret_key[static KEY_OCTETS]);
void signer_sign(const struct signer *s, struct span msg, uint8_t ret_sig[static SIG_OCTETS]);

#endif
