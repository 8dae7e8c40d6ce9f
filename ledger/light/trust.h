/* The light client: what one believes of a cell, and how belief moves to another header (consensus facts, section 9;
 * decision 19). A value: copy it, keep it in a file, let several go their own way. Pure; hash and signature come in as
 * callbacks, the time as an argument. One thread per object.
 *
 * Belief begins with the genesis, or with a header whose id one has from elsewhere. It moves up one header at a time
 * (adjacent), over many headers as long as enough of the trusted power still signs (skipping), or from committee to
 * committee through handovers, which need no common member. It goes back along `previous`. */
#ifndef WAYSIDE_LEDGER_LIGHT_TRUST_H
#define WAYSIDE_LEDGER_LIGHT_TRUST_H

#include "ledger/light/valset.h"

struct light_crypto {
    light_hash_fn hash;
    light_verify_fn verify;
};

/* Why a header is not believed. The sentence with the place is in err. Append only: wayside_light.h has the numbers. */
#define LIGHT_VERDICTS(X)                                                                          \
    X(LIGHT_OK, "ok")                                                                              \
    X(LIGHT_MALFORMED, "malformed") /* a set, handover or page that is none */                     \
    X(LIGHT_OTHER_CELL, "other_cell")                                                              \
    X(LIGHT_NOT_NEWER, "not_newer") /* height at or below the trusted one */                       \
    X(LIGHT_TIME_NOT_LATER, "time_not_later") /* than the trusted header's */                      \
    X(LIGHT_FROM_FUTURE, "from_future") /* beyond now and the drift */                             \
    X(LIGHT_EXPIRED, "trust_expired") /* nothing can be concluded from the trusted header */       \
    X(LIGHT_WRONG_SET, "wrong_set") /* the set is not what the header names */                     \
    X(LIGHT_WRONG_COMMIT, "wrong_commit") /* of another header, or over another set */             \
    X(LIGHT_NOT_SUCCESSOR, "not_successor") /* adjacent, but another set or another parent */      \
    X(LIGHT_BAD_SIGNATURE, "bad_signature")                                                        \
    X(LIGHT_NO_QUORUM, "no_quorum")                                                                \
    X(LIGHT_TRUST_TOO_LOW, "trust_too_low") /* too little of the trusted power signed: bisect */   \
    X(LIGHT_SET_UNKNOWN, "set_unknown") /* the trusted header's next set is not here: bisect */    \
    X(LIGHT_CONFLICT,                                                                              \
        "conflict") /* another header at the trusted height: keep it, it is evidence */            \
    X(LIGHT_BROKEN_LINK, "broken_link") /* going back, `previous` names another header */          \
    X(LIGHT_NOT_INCLUDED, "not_included") /* the header is believed, the proof under it is not */  \
    X(LIGHT_NO_SOURCE, "no_source") /* whom we ask does not answer, or not what was asked */       \
    X(LIGHT_TOO_MANY_STEPS, "too_many_steps")
enum light_verdict {
#define X(id, text) id,
    LIGHT_VERDICTS(X)
#undef X
        LIGHT_VERDICT_COUNT
};
const char *light_verdict_text(enum light_verdict v);

/* All times in us. level: the part of the trusted power that must have signed a header far away, at least a third
 * (num / den; 0 / 0 and anything below a third count as a third; above one nothing passes). */
struct light_params {
    uint64_t
        trusting_period; /* 0: trust never ends (archives: old keys are believed to have stayed secret) */
    uint64_t clock_drift;
    uint32_t level_num, level_den;
    bool every_signature; /* check them all, not only until they suffice */
};
#define LIGHT_PERIOD_DEFAULT (UINT64_C(14) * 86400 * 1000000)
#define LIGHT_DRIFT_DEFAULT (UINT64_C(10) * 1000000)
struct light_params light_params_default(void);
/* `now` (ITS Time64, us) of somebody who has no clock: neither expiry nor future are judged. */
#define LIGHT_NO_CLOCK UINT64_C(0)

struct light_trust {
    hash32 cell_id;
    uint64_t height; /* 0: the genesis */
    uint64_t time;
    hash32 id; /* block id; zero at 0, as header 1 names it */
    hash32 next_validators;
    bool has_next;
    struct validator_set next; /* what next_validators is the hash of; when has_next */
};

/* Belief in a genesis: octets are decoded here. */
WARN_UNUSED int light_trust_genesis(
    light_hash_fn h, struct span genesis, struct light_trust *ret_trust, struct ws_err *err);
/* Belief in a header that one knows by its id. The set to come is not known: see light_learn. */
WARN_UNUSED enum light_verdict light_trust_header(light_hash_fn h, const hash32 cell_id,
    const struct header *hd, uint64_t height, const hash32 id, struct light_trust *ret_trust,
    struct ws_err *err);
/* Takes the set that next_validators commits to; LIGHT_WRONG_SET when it is another. */
WARN_UNUSED enum light_verdict light_learn(light_hash_fn h, struct light_trust *t,
    const struct validator_set *next, const hash32 seats, struct ws_err *err);
/* Fixed bytes, to keep a belief over a restart. Whoever can write them decides what is believed. */
void light_trust_encode(const struct light_trust *t, struct buf *b);
WARN_UNUSED int light_trust_decode(
    light_hash_fn h, struct span s, struct light_trust *ret_trust, struct ws_err *err);

/* ---- one step ---- */

/* Believes hd, if commit and set say so; *t changes on LIGHT_OK only. set NULL: the trusted next set signed it. */
WARN_UNUSED enum light_verdict light_advance(const struct light_crypto *c,
    const struct light_params *p, struct light_trust *t, const struct header *hd,
    const struct commit *commit, const struct validator_set *set, uint64_t now, struct ws_err *err);
/* One step back: older is what newer names as `previous`. */
WARN_UNUSED enum light_verdict light_step_back(
    light_hash_fn h, const struct header *newer, const struct header *older, struct ws_err *err);

/* The same for whoever has no more than the front of the header (handover.c). */
WARN_UNUSED enum light_verdict light_advance_front(const struct light_crypto *c,
    const struct light_params *p, struct light_trust *t, const struct header_front *f,
    const struct commit *commit, const struct validator_set *set, uint64_t now, struct ws_err *err);

/* ---- the way to a height ---- */

struct light_block {
    struct header header;
    struct commit commit;
    struct validator_set set; /* full form: its hash is `validators` */
};
struct handover;

/* Whom the client asks; answers are not believed. WS_OK or a reason with err; WS_ENOTFOUND of `handover`: none that
 * begins behind that height. */
struct light_source {
    void *ctx;
    int (*block)(void *ctx, uint64_t height, struct light_block *ret_block, struct ws_err *err);
    /* First handover of a height greater than `after`; NULL: this source has none. */
    int (*handover)(void *ctx, uint64_t after, struct handover *ret_handover, struct ws_err *err);
    uint32_t steps_max; /* answers taken at most */
};

/* Moves *t up to `height`, which may be its own: skipping where it can, by handovers where committees changed, by
 * bisection where there are none. What was reached stays believed even when the rest fails. */
WARN_UNUSED enum light_verdict light_reach(const struct light_crypto *c,
    const struct light_params *p, struct light_trust *t, const struct light_source *from,
    uint64_t height, uint64_t now, struct light_block *ret_block, struct ws_err *err);
/* The header of a height below the trusted one, along `previous`. */
WARN_UNUSED enum light_verdict light_reach_back(const struct light_crypto *c,
    const struct light_trust *t, const struct light_source *from, uint64_t height,
    struct light_block *ret_block, struct ws_err *err);

#endif
