/* Key transport to validators: Diffie-Hellman in ristretto255 (RFC 9496) by libsodium, the proofs that go with it, and
 * sealing with the shared point (docs/formats/learning.md, Bundles; decision 33).
 *
 * Points and scalars are their canonical 32 octets. Whoever reads them from outside uses fl_point_read and fl_proof_read;
 * everything else takes valid ones for granted. Secrets are worked with in a time that does not depend on them; checking
 * does not hide what it checks. No heap but for struct fl_reader. Any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_DH_H
#define WAYSIDE_FEDLEARN_VEHICLE_DH_H

#include "base/bytes.h"
#include "base/random.h"
#include "fedlearn/vehicle/share_domain.h"

#include <sodium.h>

#define FL_POINT_OCTETS 32
#define FL_PROOF_OCTETS 64
#define FL_SEAL_OCTETS 16 /* by which a sealed text is longer */
#define FL_SECRET_OCTETS 32

struct fl_point {
    uint8_t b[FL_POINT_OCTETS];
};
struct fl_scalar {
    uint8_t b[32]; /* little-endian, below the group's order */
};
/* Challenge and response, neither zero. */
struct fl_proof {
    struct fl_scalar c, s;
};

/* Sticky like every read: a point that is no canonical encoding or is the identity, a scalar that is zero or not below the
 * order, leaves r->bad set. */
void fl_point_read(struct rd *r, struct fl_point *ret_point);
void fl_proof_read(struct rd *r, struct fl_proof *ret_proof);
void fl_proof_put(const struct fl_proof *p, uint8_t ret_octets[static FL_PROOF_OCTETS]);

/* ---- statements: SHA-512 over tag || version || purpose || what is added ---- */
struct fl_statement {
    crypto_hash_sha512_state h;
};
void fl_statement_begin(struct fl_statement *t, enum fl_purpose purpose);
void fl_statement_add(struct fl_statement *t, const void *p, size_t n);

/* Schnorr's proof of x with X = x B, or with second not NULL Chaum and Pedersen's that also *second_public = x *second, made
 * non-interactive by hashing the statement and the points. */
WARN_UNUSED bool fl_proof_check(const struct fl_statement *statement, const struct fl_point *X,
    const struct fl_point *second, const struct fl_point *second_public,
    const struct fl_proof *proof);

/* ---- the vehicle's side: one ephemeral key for each submission ---- */
struct fl_ephemeral { /* wipe with fl_ephemeral_wipe */
    struct fl_scalar secret;
    struct fl_point public;
};
void fl_ephemeral_draw(struct ws_random *random, struct fl_ephemeral *ret);
void fl_ephemeral_exchange(
    const struct fl_ephemeral *e, const struct fl_point *key, struct fl_point *ret_shared);
void fl_ephemeral_prove(
    const struct fl_ephemeral *e, const struct fl_statement *statement, struct fl_proof *ret_proof);
void fl_ephemeral_wipe(struct fl_ephemeral *e);

/* ---- the validator's side: an encryption key for one epoch ---- */
/* Holds the secret in locked memory between guard pages that core dumps leave out. When the epoch is over it is freed, and
 * what it was made from erased: then nobody can open that epoch's bundles any more. */
struct fl_reader;
/* secret: drawn at random for this epoch; the caller erases it. NULL if the machine gives no such memory. */
struct fl_reader *fl_reader_new(const uint8_t secret[static FL_SECRET_OCTETS]);
/* One holder more, perhaps in another thread; each frees it. */
struct fl_reader *fl_reader_share(struct fl_reader *r);
void fl_reader_free(struct fl_reader *r); /* the last one wipes; NULL is fine */
void fl_reader_public(const struct fl_reader *r, struct fl_point *ret_key);
void fl_reader_exchange(
    const struct fl_reader *r, const struct fl_point *ephemeral, struct fl_point *ret_shared);
/* That the secret of the key is known; with ephemeral not NULL also that shared is the shared point. */
void fl_reader_prove(const struct fl_reader *r, const struct fl_statement *statement,
    const struct fl_point *ephemeral, const struct fl_point *shared, struct fl_proof *ret_proof);

/* What a validator registers with its key: nobody can register another's as its own. */
void fl_key_prove(const struct fl_reader *r, const uint8_t cell[static 32],
    const uint8_t address[static 32], uint64_t epoch, struct fl_proof *ret_proof);
WARN_UNUSED bool fl_key_check(const struct fl_point *key, const uint8_t cell[static 32],
    const uint8_t address[static 32], uint64_t epoch, const struct fl_proof *proof);

/* What stands for a key where a validator has registered none: hashed to the group, so nobody knows its secret and what is sealed for
 * it stays sealed. Recognised by being computed again. */
void fl_key_nobody(const uint8_t address[static 32], struct fl_point *ret_key);

/* ---- sealing: HKDF-SHA256 of the shared point, then ChaCha20-Poly1305 (RFC 5869, RFC 8439) ---- */
/* info names everything the text belongs to; one text for each (shared, info), ever. In place is fine (text == ret). */
void fl_seal_text(const struct fl_point *shared, struct span info, struct span text,
    uint8_t *ret_sealed /* text.n + FL_SEAL_OCTETS */);
/* ret_text (sealed.n - FL_SEAL_OCTETS octets) is zeroed when it fails. */
WARN_UNUSED bool fl_unseal_text(
    const struct fl_point *shared, struct span info, struct span sealed, uint8_t *ret_text);

#endif
