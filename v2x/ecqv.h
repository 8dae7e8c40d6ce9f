/* Public keys of implicit certificates: elliptic curve Qu-Vanstone (SEC 4 clause 3.5 as IEEE 1609.2 clause
 * 5.3.2 changes it). Q = e P + Q_issuer with the reconstruction value P and e the whole hash, read as a number
 * modulo the group order; the truncation of SEC 4 (half of the hash) is that of 2015 drafts and not offered.
 *
 * A reconstructed key proves nothing by itself: anybody can write an implicit certificate under any issuer and
 * gets some key. Only a signature that fits the key proves that the issuer helped to make it.
 * Any thread; about 100 us a call. */
#ifndef WAYSIDE_V2X_ECQV_H
#define WAYSIDE_V2X_ECQV_H

#include "v2x/cert.h"

/* Writes both coordinates of Q, big-endian, 2 * ec_octets(curve). False, and nothing written, if P or the
 * issuer's key is no point of the curve (x-only and fill are none) or Q is the point at infinity.
 * e: 32 or 48 octets, big-endian. */
WARN_UNUSED bool ecqv_key(enum ec_curve curve, const struct ec_point *reconstruction, struct span e,
    const struct ec_point *issuer_key, uint8_t ret_xy[static 2 * EC_MAX_OCTETS]);

/* The same for a certificate: c implicit (asserted). issuer_hash: full hash of the issuer's certificate, 32
 * octets of SHA-256, or 48 of SHA-384 if sha384, as the issuer field of c says. False also for an issuer's
 * curve that a reconstruction value cannot be on: 1609.2 has them on curves of 256 bits only. */
WARN_UNUSED bool ecqv_cert_key(const struct cert *c, const uint8_t *issuer_hash, bool sha384,
    enum ec_curve issuer_curve, const struct ec_point *issuer_key,
    uint8_t ret_xy[static 2 * EC_MAX_OCTETS]);

#endif
