/* Votes of one height: what each validator said in each round, and how much power stands behind what.
 * Bounded: current and next round in full; for later rounds only each validator's newest messages.
 * Internal to ledger/consensus. */
#ifndef WAYSIDE_LEDGER_CONSENSUS_VOTES_H
#define WAYSIDE_LEDGER_CONSENSUS_VOTES_H

#include "ledger/light/types.h"

/* At most two different statements of one validator are kept for each (round, type): the second is proof of
 * equivocation and, counted for its own value, keeps an equivocator from splitting honest halves. Noise in both
 * places must not hide a vote that others have counted: a third place is for the value that a proposal names
 * (its own round's, or as the quorum a re-proposal relies on). */
struct vote_slot {
    uint8_t n;
    struct vote vote[3];
};

struct round_votes {
    int32_t round;
    struct vote_slot prevote[VALIDATORS_MAX];
    struct vote_slot precommit[VALIDATORS_MAX];
};

/* Same value and same claims about the lock; place and signer are not compared. */
bool vote_same_statement(const struct vote *a, const struct vote *b);

enum vote_added { VOTE_NEW, VOTE_SAME, VOTE_CONFLICT_KEPT, VOTE_CLAIM_KEPT, VOTE_CONFLICT_DROPPED };
/* What round_votes_add would do, and doing it. named: a proposal names the vote's value. */
enum vote_added round_votes_judge(const struct round_votes *rv, const struct vote *v, bool named);
enum vote_added round_votes_add(struct round_votes *rv, const struct vote *v, bool named);
uint64_t round_votes_power(const struct round_votes *rv, enum vote_type type,
    const struct validator_set *set, const uint8_t *id /* NULL: nil */);
uint64_t round_votes_any(
    const struct round_votes *rv, enum vote_type type, const struct validator_set *set);
/* An id that has a quorum of votes of this type; false when none has. */
bool round_votes_quorum(const struct round_votes *rv, enum vote_type type,
    const struct validator_set *set, hash32 ret_id);

#endif
