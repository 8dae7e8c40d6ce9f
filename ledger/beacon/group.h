/* The beacon's group: ristretto255 (RFC 9496) by libsodium, with the two proofs that the protocol uses and the
 * hashing that keeps one use apart from another (docs/formats/beacon.md).
 *
 * Points and scalars are their canonical 32 octets. Whoever reads them from outside asks point_read and
 * scalar_read first: everything else here takes valid ones for granted. Working with a secret takes the same time
 * for each value of it; checking does not hide what it checks. Pure; any thread. */
#ifndef WAYSIDE_LEDGER_BEACON_GROUP_H
#define WAYSIDE_LEDGER_BEACON_GROUP_H

#include "base/bytes.h"

#include <sodium.h>

#define BEACON_VERSION 1
#define POINT_OCTETS 32
#define SCALAR_OCTETS 32

struct point {
    uint8_t b[POINT_OCTETS];
};
struct scalar {
    uint8_t b[SCALAR_OCTETS]; /* little-endian, below the group's order */
};

/* Sticky like every read: a point that is no canonical encoding or is the identity, a scalar that is not below
 * the order, leaves r->bad set. */
void point_read(struct rd *r, struct point *ret_point);
void scalar_read(struct rd *r, struct scalar *ret_scalar);
bool scalar_canonical(const uint8_t b[static SCALAR_OCTETS]);
bool scalar_is_zero(const struct scalar *s);
bool point_is_identity(const struct point *p);

void scalar_add(struct scalar *ret, const struct scalar *a, const struct scalar *b);
void scalar_sub(struct scalar *ret, const struct scalar *a, const struct scalar *b);
void scalar_mul(struct scalar *ret, const struct scalar *a, const struct scalar *b);
/* a is not zero. */
void scalar_invert(struct scalar *ret, const struct scalar *a);
struct scalar scalar_of(uint64_t v);

void point_base(struct point *ret, const struct scalar *s); /* s B */
void point_mul(struct point *ret, const struct scalar *s, const struct point *p);
void point_add(struct point *ret, const struct point *a, const struct point *b);

/* ---- hashing: SHA-512 over tag || version || purpose || what is added ---- */
enum beacon_purpose {
    BEACON_FOR_KEY_PROOF = 1, /* possession of a member's key */
    BEACON_FOR_ROUND = 2, /* context of one key generation */
    BEACON_FOR_CONSTANT_PROOF = 3, /* knowledge of a dealing's secret */
    BEACON_FOR_EPHEMERAL_PROOF = 4, /* knowledge of a dealing's ephemeral secret */
    BEACON_FOR_SHARE = 5, /* pad over an encrypted share */
    BEACON_FOR_COMPLAINT = 6, /* a complaint's proof */
    BEACON_FOR_KEY = 7, /* id of a generated key */
    BEACON_FOR_HEIGHT = 8, /* a height as a point */
    BEACON_FOR_PARTIAL = 9, /* a partial value's proof */
    BEACON_FOR_VALUE = 10, /* the randomness of a height */
    BEACON_FOR_NONCE = 11, /* secret: nonces of proofs */
    BEACON_FOR_OWN_KEY = 12, /* secret: a member's own key */
    BEACON_FOR_OWN_DEALING = 13, /* secret: a member's own polynomial */
    BEACON_FOR_OWN_EPHEMERAL = 14, /* secret: a dealing's ephemeral scalar */
};

struct transcript {
    crypto_hash_sha512_state h;
};
void transcript_begin(struct transcript *t, enum beacon_purpose purpose);
void transcript_add(struct transcript *t, const void *p, size_t n);
void transcript_u16(struct transcript *t, uint16_t v);
void transcript_u64(struct transcript *t, uint64_t v);
/* The end; each wipes t. */
void transcript_scalar(struct transcript *t, struct scalar *ret); /* 512 bits modulo the order */
void transcript_point(struct transcript *t, struct point *ret); /* RFC 9496, 4.3.4 */
void transcript_hash(struct transcript *t, uint8_t ret_hash[static 32]); /* first 32 octets */

/* ---- proofs ---- */
/* Challenge and response, neither zero: Schnorr's proof of one discrete logarithm, or Chaum and Pedersen's that
 * two are equal, made non-interactive by hashing the statement. */
struct proof {
    struct scalar c, s;
};
#define PROOF_OCTETS 64
/* X = x B and, with second not NULL, *second_public = x *second. The statement names purpose and context; the
 * points are added here. The nonce comes from x and the statement: the same proof each time, and never one nonce for
 * two statements. */
void proof_make(const struct transcript *statement, const struct scalar *x, const struct point *X,
    const struct point *second, const struct point *second_public, struct proof *ret_proof);
WARN_UNUSED bool proof_check(const struct transcript *statement, const struct point *X,
    const struct point *second, const struct point *second_public, const struct proof *proof);
void proof_put(struct buf *b, const struct proof *p);
void proof_read(struct rd *r, struct proof *ret_proof);

#endif
