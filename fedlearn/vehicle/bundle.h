/* A submission's keys: the vehicle seals each validator's part of the key sharing for that validator, and commits to all it
 * sends; each validator opens its own (docs/formats/learning.md, Bundles).
 *
 *   vehicle:    encrypt the update -> fl_data_root -> fl_seal -> sends cover, bundles, ciphertext
 *   validator:  fl_cover_read -> fl_submission_accept -> fl_bundle_open -> keeps the share, or complains (bundle_complaint.h)
 *
 * The cover is what everybody gets; a bundle goes to its validator only. Neither goes on the ledger: there is the submission's
 * id, the root of a list over all of it. So whoever breaks the key transport one day has nothing to break it on.
 *
 * The vehicle's side allocates nothing. Any thread, one struct each. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_BUNDLE_H
#define WAYSIDE_FEDLEARN_VEHICLE_BUNDLE_H

#include "base/error.h"
#include "fedlearn/vehicle/dh.h"
#include "fedlearn/vehicle/share.h"

#define FL_NONCE_OCTETS 16
#define FL_CIPHERTEXT_MAX (8U << 20)
/* Key transport. Others, such as this one together with ML-KEM, get numbers of their own. */
#define FL_TRANSPORT_RISTRETTO255 1

/* ---- the round, as its OPEN record has it ---- */
struct fl_seat {
    uint8_t address[32];
    struct fl_point key; /* of this epoch, proven to be the validator's own (fl_key_check) */
};
struct fl_round {
    uint8_t cell[32];
    uint8_t id[32]; /* stands for all of the OPEN record, so for the committee too */
    uint8_t profile; /* octet of profile.h */
    uint8_t n; /* FL_VALIDATORS_MIN..FL_VALIDATORS_MAX */
    struct fl_seat seat[FL_VALIDATORS_MAX]; /* validator v has seat[v - 1] */
};

/* ---- the cover ---- */
struct fl_cover {
    uint8_t profile, n;
    uint8_t round[32];
    uint8_t nonce[FL_NONCE_OCTETS];
    uint32_t ciphertext_octets; /* 1..FL_CIPHERTEXT_MAX */
    uint8_t ciphertext_root[32];
    struct fl_point ephemeral;
    uint8_t bundle_leaf[FL_VALIDATORS_MAX][32]; /* list leaf of each bundle */
    struct fl_proof
        of_ephemeral; /* the vehicle knows its secret: else it could have somebody else's bundles opened */
    uint8_t checks[FL_CHECK_OCTETS_MAX];
    uint8_t correction[FL_SHARE_OCTETS]; /* when fl_faults(n) <= 2 */
};
/* Of nine validators: the most that come with a correction. */
#define FL_COVER_OCTETS_MAX                                                                        \
    (120U + 9U * 32U + FL_PROOF_OCTETS + FL_CHECK_OCTETS(2) + FL_SHARE_OCTETS)
/* Of a committee of n. */
size_t fl_cover_octets(unsigned n);
void fl_cover_put(const struct fl_cover *c, uint8_t *ret_octets);
/* WS_EINPUT for anything malformed, WS_ENOTSUP for another version or transport; err says where. */
WARN_UNUSED int fl_cover_read(struct span octets, struct fl_cover *ret_cover, struct ws_err *err);

/* ---- a submission in its round ---- */
struct fl_submission {
    struct fl_cover cover;
    struct fl_share_plan plan;
    uint8_t challenge[FL_CHALLENGE];
    uint8_t id[32];
};
enum fl_accept_verdict {
    FL_ACCEPT_GOOD,
    FL_ACCEPT_OTHER_ROUND, /* a replay, or too late, or of another cell's round */
    FL_ACCEPT_OTHER_PROFILE,
    FL_ACCEPT_OTHER_COMMITTEE, /* another number of validators */
    /* Of the ephemeral key: changed on the way, made for another cell or by another sender, or with another's key. */
    FL_ACCEPT_BAD_PROOF,
};
const char *fl_accept_verdict_name(enum fl_accept_verdict v);
/* What follows from a cover, and whether it belongs here. ret_submission is complete when GOOD.
 * sender: hash that stands for the credential under which the submission came (its signature is checked elsewhere). A copy
 * under another credential is none. */
WARN_UNUSED enum fl_accept_verdict fl_submission_accept(const struct fl_round *round,
    const uint8_t sender[static 32], const struct fl_cover *cover,
    struct fl_submission *ret_submission);

/* The id of what this sender committed to with this cover; costs a few hashes, proves nothing. */
void fl_cover_id(const struct fl_round *round, const uint8_t sender[static 32],
    const struct fl_cover *c, uint8_t ret_id[static 32]);
/* How the key sharing of this cover's submission travels. */
struct fl_share_plan fl_cover_plan(const uint8_t cell[static 32], const struct fl_cover *c);
/* Octets of validator v's bundle, and where it begins when all are laid one after the other (v = n + 1: their end). */
size_t fl_bundle_octets(const struct fl_share_plan *p, unsigned v);
size_t fl_bundle_offset(const struct fl_share_plan *p, unsigned v);
#define FL_BUNDLES_OCTETS_MAX (22U * (FL_SHARE_OCTETS + FL_SEAL_OCTETS))

/* ---- the vehicle's side ---- */
struct fl_sealer { /* working space, about 42 kB, all wiped at the end of fl_seal */
    struct fl_dealer dealer;
    struct fl_ephemeral ephemeral;
};
/* What a submission is made of; all borrowed for the call. */
struct fl_parcel {
    const struct fl_round *round;
    const uint8_t *sender; /* 32 octets, as fl_submission_accept's */
    const int8_t *key; /* FL_KEY_VALUES, each in [-42, 42] */
    uint32_t ciphertext_octets; /* 1..FL_CIPHERTEXT_MAX (asserted) */
    const uint8_t *ciphertext_root; /* fl_data_root */
};
/* ret_bundles: FL_BUNDLES_OCTETS_MAX octets, or what fl_bundle_offset(plan, n + 1) says. A submission is made once: to send
 * again, send the same octets. A second call makes another submission, which is misbehaviour in the same round. */
void fl_seal(struct fl_sealer *work, const struct fl_parcel *parcel, struct ws_random *random,
    struct fl_submission *ret_submission, uint8_t *ret_bundles);

/* ---- the validator's side ---- */
enum fl_bundle_verdict {
    FL_BUNDLE_GOOD,
    FL_BUNDLE_OTHER, /* not the octets that the vehicle committed to; whoever brought them may have changed them */
    /* These the vehicle is to blame for; a complaint shows it to everybody. */
    FL_BUNDLE_BAD_LENGTH,
    FL_BUNDLE_UNREADABLE, /* does not decrypt */
    FL_BUNDLE_BAD_VALUE,
    FL_BUNDLE_OFF_POLYNOMIAL,
};
const char *fl_bundle_verdict_name(enum fl_bundle_verdict v);
/* ret_share is written only when GOOD; the caller wipes it. */
WARN_UNUSED enum fl_bundle_verdict fl_bundle_open(const struct fl_round *round,
    const struct fl_submission *s, unsigned v, struct span bundle, const struct fl_reader *reader,
    uint16_t ret_share[static FL_SHARE_VALUES]);
/* The same with the shared point, which opens this one bundle and nothing else. */
WARN_UNUSED enum fl_bundle_verdict fl_bundle_open_shared(const struct fl_round *round,
    const struct fl_submission *s, unsigned v, struct span bundle, const struct fl_point *shared,
    uint16_t ret_share[static FL_SHARE_VALUES]);

#endif
