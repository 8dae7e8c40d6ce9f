/* Making what vehicles and their authorities make: keys, certificates of both kinds, signed messages.
 * Used by obusim, `rsuctl cell init` (test PKI) and tests. ECDSA nonces follow RFC 6979, so the same
 * seed gives the same octets on every machine. Keys are wiped when freed. One thread per key. */
#ifndef WAYSIDE_V2X_SIGN_H
#define WAYSIDE_V2X_SIGN_H

#include "base/error.h"
#include "base/random.h"
#include "v2x/cert.h"

struct sign_key;

/* P-256 or Brainpool P-256. The private scalar comes from rnd. */
struct sign_key *sign_key_new(enum ec_curve curve, struct ws_random *rnd);
struct sign_key *sign_key_from_octets(
    enum ec_curve curve, const uint8_t scalar[static 32]); /* NULL if 0 or >= n */
void sign_key_octets(const struct sign_key *k, uint8_t ret_scalar[static 32]);
void sign_key_free(struct sign_key *k);
/* ECDSA over a 32-octet digest; RFC 6979 with HMAC-SHA-256; any s (not normalised). */
void sign_digest(const struct sign_key *k, const uint8_t digest[static 32],
    uint8_t ret_r[static 32], uint8_t ret_s[static 32]);

struct sign_permission {
    uint64_t psid;
    struct span ssp; /* opaque SSP (bitmap when `bitmap`); empty: no SSP */
    bool bitmap;
};
struct cert_request {
    const char *name; /* NULL: id none (tickets) */
    uint32_t valid_from_s;
    uint16_t valid_hours;
    const struct sign_permission *app; /* tickets */
    size_t n_app;
    bool issue_all; /* CA: issuing permission for all PSIDs */
    uint8_t issue_min_chain; /* CA: minChainLength */
    uint8_t issue_chain_range;
    bool has_circle; /* region: circle */
    int32_t circle_lat, circle_lon;
    uint16_t circle_radius_m;
};
/* Appends an explicit certificate for subject's public key. issuer == NULL: self-signed by subject. */
void cert_put(struct buf *b, const struct cert_request *rq, const struct sign_key *subject,
    const struct sign_key *issuer, struct span issuer_cert);

/* Appends an implicit certificate (v2x/ecqv.h) under an issuer of either kind and returns the holder's key, the
 * caller's: made by the two of them, so it is known only now. The ephemeral scalar comes from rnd. Holder and
 * authority are one here; a real holder would keep its share to itself. */
struct sign_key *cert_put_implicit(struct buf *b, const struct cert_request *rq,
    const struct sign_key *issuer, struct span issuer_cert, struct ws_random *rnd);

struct spdu_request {
    uint64_t psid;
    uint64_t generation_time;
    bool has_location;
    int32_t lat, lon;
    struct span payload; /* octets of the inner unsecuredData */
    bool with_certificate; /* else by digest */
    /* Peer-to-peer certificate distribution (TS 103 097 7.1.1), CAM only; both may be empty. */
    struct span ask; /* inlineP2pcdRequest: n * 3 octets, n <= 8 */
    struct span give; /* requestedCertificate: an issuing certificate; not with_certificate */
};
/* Appends a signed Ieee1609Dot2Data; cert is the signer's whole certificate. */
void spdu_put_signed(
    struct buf *b, const struct spdu_request *rq, const struct sign_key *key, struct span cert);

#endif
