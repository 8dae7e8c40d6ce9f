/* The way of an upload: datagrams between a vehicle and a unit (docs/formats/learning.md, Upload; decision 45).
 *
 *   vehicle -> unit   ASK       does the unit take it? In the clear.
 *   unit -> vehicle   WELCOME   yes: the unit's key of this hour, signed by the unit
 *                     REFUSAL   no, and why; proves nothing, so the vehicle asks again later or somebody else
 *   vehicle -> unit   PROBE     what is there?
 *                     PART      one piece
 *   unit -> vehicle   HAVE      what is there
 *                     DENIAL    no, and why
 *                     RECEIPT   all of it is here and written down: signed by the unit, for everybody
 *
 * PROBE, PART, HAVE and DENIAL are sealed (ChaCha20-Poly1305) under keys that the unit's and the vehicle's X25519 keys give; the
 * vehicle's is in its signed message on the ledger. So whoever passes that seal is who signed the message. What a unit answers to an ASK
 * or a PROBE is no longer than they are, and a PART it has already gets no answer: nobody can be flooded through it.
 *
 * Here: formats and seals. The vehicle's part as a whole is upload_send.h, the unit's is rsu/learning/uploads.h. No heap, no socket, no
 * clock. Decoders look at form alone and refuse every other encoding. Any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_UPLOAD_H
#define WAYSIDE_FEDLEARN_VEHICLE_UPLOAD_H

#include "fedlearn/vehicle/bundle_tree.h"
#include "fedlearn/vehicle/material.h"

#define FL_UPLOAD_VERSION 1
#define FL_UPLOAD_DATAGRAM_MAX 1232 /* what IPv6 carries everywhere, less headers */
#define FL_UPLOAD_PIECE FL_LEAF_OCTETS
#define FL_UPLOAD_PIECES_MAX                                                                       \
    (FL_CIPHERTEXT_MAX / FL_UPLOAD_PIECE +                                                         \
        (FL_COVER_OCTETS_MAX + FL_BUNDLES_OCTETS_MAX) / FL_UPLOAD_PIECE + 1)
#define FL_UPLOAD_WINDOW 1024 /* pieces behind the first missing one that a HAVE can name */
#define FL_UPLOAD_KEY_US UINT64_C(3600000000) /* a unit's key is signed for so long */
#define FL_UPLOAD_SKEW_US UINT64_C(30000000) /* by which clocks may differ */

enum fl_upload_kind {
    FL_UPLOAD_ASK = 1,
    FL_UPLOAD_WELCOME = 2,
    FL_UPLOAD_REFUSAL = 3,
    FL_UPLOAD_PROBE = 4,
    FL_UPLOAD_PART = 5,
    FL_UPLOAD_HAVE = 6,
    FL_UPLOAD_DENIAL = 7,
    FL_UPLOAD_RECEIPT = 8,
};

#define FL_UPLOAD_REASONS(X)                                                                       \
    X(FL_UPLOAD_NONE, "none")                                                                      \
    X(FL_UPLOAD_UNKNOWN, "unknown_submission") /* perhaps not on the ledger yet: ask again */      \
    X(FL_UPLOAD_ROUND_OVER, "round_over")                                                          \
    X(FL_UPLOAD_TOO_LARGE, "too_large")                                                            \
    X(FL_UPLOAD_WRONG_LENGTH, "wrong_length") /* the round says how long it is */                  \
    X(FL_UPLOAD_BUSY, "busy") /* ask again later */                                                \
    X(FL_UPLOAD_NO_ROOM, "no_room") /* on the unit's disk */                                       \
    X(FL_UPLOAD_OTHER, "other_content") /* not what the vehicle signed */                          \
    X(FL_UPLOAD_EXCLUDED, "excluded")
enum fl_upload_reason {
#define X(id, text) id,
    FL_UPLOAD_REASONS(X)
#undef X
        FL_UPLOAD_REASON_COUNT
};
const char *fl_upload_reason_name(enum fl_upload_reason r);
/* Asking again cannot help, whoever is asked. */
bool fl_upload_is_final(enum fl_upload_reason r);

/* ---- keys ---- */
/* What datagrams are addressed by: it stands for cell, submission and upload key, so nobody else's submission under the same id gets
 * in the way. */
void fl_upload_name(const uint8_t cell[static 32], const uint8_t id[static 32],
    const uint8_t upload_key[static 32], uint8_t ret_name[static 32]);

struct fl_upload_pair { /* X25519 */
    uint8_t secret[32], public[32];
};
void fl_upload_draw(struct ws_random *random, struct fl_upload_pair *ret);
struct fl_upload_keys {
    uint8_t up[32], down[32]; /* vehicle to unit, and back */
};
/* False: the other's key is a point of small order. is_unit: whose `own` it is; both get the same. Wipe after use. */
WARN_UNUSED bool fl_upload_agree(const struct fl_upload_pair *own, const uint8_t other[static 32],
    bool is_unit, const uint8_t cell[static 32], const uint8_t name[static 32],
    struct fl_upload_keys *ret);

/* ---- pieces: first cover and bundles, then the ciphertext, each cut by itself, so that pieces of the ciphertext are leaves of its
 * root ---- */
struct fl_upload_shape {
    uint32_t cover, bundles, wire; /* octets */
};
static inline uint32_t fl_upload_length(const struct fl_upload_shape *s) {
    return s->cover + s->bundles + s->wire;
}
uint32_t fl_upload_pieces(const struct fl_upload_shape *s);
/* Offset in cover | bundles | ciphertext, and octets, of piece i < fl_upload_pieces (asserted). */
size_t fl_upload_piece(const struct fl_upload_shape *s, uint32_t i, size_t *ret_at);

/* ---- datagrams ---- */
/* Octets of those that have one length. An answer is never longer than the request. */
enum {
    FL_UPLOAD_HEAD = 34, /* version, kind, name */
    FL_UPLOAD_REQUEST_OCTETS = 256, /* ASK and PROBE, filled up with zeros */
    FL_UPLOAD_WELCOME_OCTETS = FL_UPLOAD_HEAD + 8 + 32 + 33 + 8 + 64,
    FL_UPLOAD_REFUSAL_OCTETS = FL_UPLOAD_HEAD + 8 + 5,
    FL_UPLOAD_DENIAL_OCTETS = FL_UPLOAD_HEAD + 8 + 5 + 16,
    FL_UPLOAD_HAVE_OCTETS_MAX = FL_UPLOAD_HEAD + 8 + 12 + FL_UPLOAD_WINDOW / 8 + 16,
    FL_UPLOAD_RECEIPT_OCTETS = FL_UPLOAD_HEAD + 8 + 60 + 33 + 64,
    FL_UPLOAD_PART_OCTETS_MAX = FL_UPLOAD_HEAD + 4 + FL_UPLOAD_PIECE + 16,
};

/* Kind and name of what may be a datagram of ours; the rest is the business of that kind's decoder. */
WARN_UNUSED bool fl_upload_head(
    struct span octets, enum fl_upload_kind *ret_kind, uint8_t ret_name[static 32]);

struct fl_upload_ask {
    uint8_t name[32];
    uint64_t nonce; /* drawn; comes back */
    uint32_t length;
};
void fl_upload_ask_put(
    const struct fl_upload_ask *a, uint8_t ret_octets[static FL_UPLOAD_REQUEST_OCTETS]);
WARN_UNUSED bool fl_upload_ask_read(struct span octets, struct fl_upload_ask *ret);

/* A unit's key with its signature: made once for each key, not for each vehicle. */
struct fl_unit_key {
    uint8_t key[32]; /* X25519 */
    uint8_t alg; /* 1: Ed25519 */
    uint8_t signer[32];
    uint64_t since_us; /* ITS */
    uint8_t signature[64];
};
enum { FL_UNIT_KEY_SIGNED = FL_DOMAIN_OCTETS + 32 + 32 + 8 };
/* What is signed. */
void fl_unit_key_signed(const uint8_t cell[static 32], const struct fl_unit_key *k,
    uint8_t ret_octets[static FL_UNIT_KEY_SIGNED]);
struct fl_upload_welcome {
    uint8_t name[32];
    uint64_t nonce;
    struct fl_unit_key unit;
};
void fl_upload_welcome_put(
    const struct fl_upload_welcome *w, uint8_t ret_octets[static FL_UPLOAD_WELCOME_OCTETS]);
WARN_UNUSED bool fl_upload_welcome_read(struct span octets, struct fl_upload_welcome *ret);
/* Signed by a member of the round, and not too old. */
WARN_UNUSED bool fl_unit_key_check(
    const struct fl_unit_key *k, const struct fl_round *round, uint64_t its_us);

struct fl_upload_refusal { /* REFUSAL and DENIAL */
    uint8_t name[32];
    uint64_t nonce; /* REFUSAL: of the ASK; DENIAL: a number used once */
    enum fl_upload_reason reason; /* not NONE */
    uint32_t wait_ms; /* before the next try */
};
void fl_upload_refusal_put(
    const struct fl_upload_refusal *r, uint8_t ret_octets[static FL_UPLOAD_REFUSAL_OCTETS]);
WARN_UNUSED bool fl_upload_refusal_read(struct span octets, struct fl_upload_refusal *ret);
void fl_upload_denial_put(const struct fl_upload_refusal *r, const struct fl_upload_keys *keys,
    uint8_t ret_octets[static FL_UPLOAD_DENIAL_OCTETS]);
WARN_UNUSED bool fl_upload_denial_read(
    struct span octets, const struct fl_upload_keys *keys, struct fl_upload_refusal *ret);

/* number: of this vehicle's probes, ascending, from 1; a unit answers each once. */
void fl_upload_probe_put(const uint8_t name[static 32], uint64_t number,
    const struct fl_upload_keys *keys, uint8_t ret_octets[static FL_UPLOAD_REQUEST_OCTETS]);
WARN_UNUSED bool fl_upload_probe_read(
    struct span octets, const struct fl_upload_keys *keys, uint64_t *ret_number);

/* The same piece gives the same octets each time. Returns how many. */
size_t fl_upload_part_put(const uint8_t name[static 32], uint32_t index, struct span piece,
    const struct fl_upload_keys *keys, uint8_t ret_octets[static FL_UPLOAD_PART_OCTETS_MAX]);
/* Index and length of what may be a part of this upload; false: of none. */
WARN_UNUSED bool fl_upload_part_peek(
    struct span octets, const struct fl_upload_shape *shape, uint32_t *ret_index, size_t *ret_n);
/* After the peek; ret_piece (its length) is zeroed when it fails. */
WARN_UNUSED bool fl_upload_part_open(
    struct span octets, const struct fl_upload_keys *keys, uint8_t *ret_piece);

struct fl_upload_have {
    uint8_t name[32];
    uint64_t number; /* of all that this unit's process has sealed, so no two have the same */
    uint64_t probe; /* the highest that came; 0: none */
    uint32_t first; /* missing piece; as many as there are: none is */
    uint8_t
        bits[FL_UPLOAD_WINDOW / 8]; /* bit i from the high end of octet 0: piece first + 1 + i */
};
size_t fl_upload_have_put(const struct fl_upload_have *h, const struct fl_upload_keys *keys,
    uint8_t ret_octets[static FL_UPLOAD_HAVE_OCTETS_MAX]);
WARN_UNUSED bool fl_upload_have_read(
    struct span octets, const struct fl_upload_keys *keys, struct fl_upload_have *ret);

struct fl_receipt {
    uint64_t round;
    uint8_t id[32];
    uint32_t octets;
    uint64_t time_us; /* ITS: when it was written down */
    uint64_t deadline_us; /* ITS, block time: by then the unit attests it */
    uint8_t alg, signer[32], signature[64];
};
enum { FL_RECEIPT_SIGNED = FL_DOMAIN_OCTETS + 32 + 60 };
void fl_receipt_signed(const uint8_t cell[static 32], const struct fl_receipt *r,
    uint8_t ret_octets[static FL_RECEIPT_SIGNED]);
/* nonce: of the ASK that it answers; 0: it answers to something sealed. */
void fl_upload_receipt_put(const uint8_t name[static 32], uint64_t nonce,
    const struct fl_receipt *r, uint8_t ret_octets[static FL_UPLOAD_RECEIPT_OCTETS]);
WARN_UNUSED bool fl_upload_receipt_read(struct span octets, struct fl_receipt *ret);
/* Signed by a member of the round. A receipt for something that the unit did not attest by the deadline is evidence against it. */
WARN_UNUSED bool fl_receipt_check(const struct fl_receipt *r, const struct fl_round *round);

#endif
