/* Weighted round robin with integer priorities (consensus facts, section 6). Deterministic; the priorities
 * are consensus state and advance once per height. Division truncates toward zero everywhere. */
#ifndef WAYSIDE_LEDGER_CONSENSUS_PROPOSER_H
#define WAYSIDE_LEDGER_CONSENSUS_PROPOSER_H

#include "ledger/light/types.h"

struct proposer_state {
    size_t n;
    int64_t priority[VALIDATORS_MAX]; /* same order as the validator set */
};

void proposer_init(struct proposer_state *s, const struct validator_set *set);
/* One step: moves the priorities and returns the index chosen. Ties go to the smaller address. */
size_t proposer_step(struct proposer_state *s, const struct validator_set *set);
/* The set changes: who stays keeps its priority, who joins (or comes back) begins at -(P + P/8) with the new total P,
 * so that leaving and joining again never gains a turn. */
void proposer_follow(struct proposer_state *s, const struct validator_set *before,
    const struct validator_set *after);
/* Proposer of (height, round): `s` is the state stored for the height before any step of it. */
size_t proposer_of_round(
    const struct proposer_state *s, const struct validator_set *set, int32_t round);

#endif
