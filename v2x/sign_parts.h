/* What the builders of certificates and messages share; not for other folders. */
#ifndef WAYSIDE_V2X_SIGN_PARTS_H
#define WAYSIDE_V2X_SIGN_PARTS_H

#include "v2x/sign.h"

/* A compressed point of a 256-bit curve. */
struct ec_point_octets {
    enum ec_form form; /* EC_Y_EVEN or EC_Y_ODD */
    uint8_t x[32];
};

enum ec_curve sign_key_curve(const struct sign_key *k);
struct ec_point_octets sign_key_public(const struct sign_key *k);
/* k * e + d mod n, the private side of ECQV; NULL in the case, never seen, that it is zero. */
struct sign_key *sign_key_derive(
    const struct sign_key *ephemeral, const uint8_t e[static 32], const struct sign_key *issuer);
/* Signature CHOICE with x-only r over the digest. */
void put_signature(struct buf *b, const struct sign_key *k, const uint8_t digest[static 32]);

#endif
