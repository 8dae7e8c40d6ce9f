/* Who validates, and under which parameters: the second contract of every cell ("committee"). Everything that
 * consensus must know to go on is in its state, and so under the state root: validator sets and parameters by the
 * height from which they hold, and the proposers' priorities (consensus facts, sections 6 and 7).
 *
 * What block h changes holds from h + 2: header h + 1 already commits to the set of h + 2 (next_validators), so that
 * whoever knows h + 1 can check the signers of h + 2. Genesis gives heights 1 and 2.
 * One thread (the ledger's owner). */
#ifndef WAYSIDE_LEDGER_COMMITTEE_COMMITTEE_H
#define WAYSIDE_LEDGER_COMMITTEE_COMMITTEE_H

#include "ledger/consensus/proposer.h"
#include "ledger/exec/contract.h"
#include "ledger/light/types.h"

#define COMMITTEE_CODES(X)                                                                         \
    X(COMMITTEE_OK, "ok")                                                                          \
    X(COMMITTEE_REFUSED, "refused")                                                                \
    /* orders */                                                                                   \
    X(COMMITTEE_BAD_BODY, "bad_body")                                                              \
    X(COMMITTEE_UNKNOWN_VALIDATOR, "unknown_validator") /* who is to go is not in */               \
    X(COMMITTEE_NO_CHANGE, "no_change")                                                            \
    X(COMMITTEE_TOO_FEW, "too_few") /* below four, or below the few that the cell has */           \
    X(COMMITTEE_TOO_MANY, "too_many")                                                              \
    X(COMMITTEE_TOO_HEAVY, "too_heavy") /* one would hold a third of the power */                  \
    X(COMMITTEE_BAD_SET, "bad_set") /* a key or link key twice, power 0 or beyond its cap */       \
    X(COMMITTEE_JAILED, "jailed") /* who is to come was convicted */                               \
    X(COMMITTEE_BAD_PARAMS, "bad_params") /* outside their ranges */                               \
    X(COMMITTEE_UNSAFE_PARAMS, "unsafe_params") /* the cell could not be changed again */          \
    /* evidence */                                                                                 \
    X(COMMITTEE_TOO_NEW, "too_new") /* of a height that has not come */                            \
    X(COMMITTEE_EXPIRED, "expired")                                                                \
    X(COMMITTEE_KNOWN, "known") /* everybody guilty is convicted of it */                          \
    X(COMMITTEE_NO_FACTS, "no_facts")                                                              \
    X(COMMITTEE_NOT_MEMBER, "not_member")                                                          \
    X(COMMITTEE_NO_OFFENCE, "no_offence")                                                          \
    X(COMMITTEE_BAD_SIGNATURE, "bad_signature")                                                    \
    X(COMMITTEE_OTHER_CELL, "other_cell")                                                          \
    X(COMMITTEE_WRONG_PARTS, "wrong_parts")                                                        \
    X(COMMITTEE_NOBODY, "nobody")                                                                  \
    /* orders, again */                                                                            \
    X(COMMITTEE_TOO_OFTEN, "too_often") /* what is kept of past changes is bounded */
enum committee_code {
#define X(id, text) id,
    COMMITTEE_CODES(X)
#undef X
};

/* Sets and parameters are kept in memory from the oldest height that anything is asked about: the oldest whose facts are kept
 * for evidence, the checkpoint of priorities before it, and this many heights in any case (records of contracts, see
 * contract_ops.record_heights). A function of the state, so that a restart finds the same. */
#define COMMITTEE_KEEP_HEIGHTS 8192
/* Changes by order of each kind within that; who is convicted goes all the same. */
#define COMMITTEE_ERAS_MAX 256

struct contract committee_contract_new(const struct genesis *g);

/* ---- for whoever drives consensus; borrowed until the next block or order is executed ---- */

/* The height that is executed next: one more than the last. */
uint64_t committee_next(const void *self);
/* The set that signs a height, up to committee_next + 1 (asserted). NULL: older than what is kept. */
const struct validator_set *committee_set(const void *self, uint64_t height);
/* The kept set before this one; NULL: it is the oldest. Whoever walks back comes to an end after COMMITTEE_ERAS_MAX +
 * VALIDATORS_MAX of them. */
const struct validator_set *committee_set_before(const void *self, const struct validator_set *set);
const uint8_t *committee_set_hash(const void *self, uint64_t height); /* the same */
/* The parameters of a height, up to committee_next + 1; what is older than what is kept has the oldest kept. */
const struct cell_params *committee_params(const void *self, uint64_t height);
/* Priorities before any step of committee_next. */
const struct proposer_state *committee_proposers(const void *self);

/* ---- for the executor ---- */

/* Tells of the block that is about to run, before any contract's begin_block. */
void committee_block(
    void *self, struct exec_host *h, const struct header *hd, const struct commit *last);
/* The block has run: the next height's priorities. */
void committee_block_end(void *self, struct exec_host *h);

/* ---- for the contract's own files (orders, evidence) ---- */

/* Set and parameters as they will be at exec_height + 2, changes of this block included. */
const struct validator_set *committee_coming_set(const void *self);
const struct cell_params *committee_coming_params(const void *self);
const struct cell_params *committee_founding_params(const void *self);
/* How many are kept, of the coming ones too. */
size_t committee_set_eras(const void *self);
size_t committee_params_eras(const void *self);
/* Replaces them. The set is prepared and the parameters are checked (asserted). */
void committee_change_set(void *self, struct exec_host *h, const struct validator_set *set);
void committee_change_params(void *self, struct exec_host *h, const struct cell_params *params);

#endif
