/* Tendermint consensus as a pure state machine: one event in, actions out (design, decisions 1, 2, 12;
 * rules R1-R9 and T1-T3 of the consensus facts, section 3).
 *
 * No clock, no I/O, no randomness, no heap order. The shell around it checks signatures before votes and
 * proposals come in, keeps timers, builds and validates blocks, signs and persists, and answers each
 * request with an event, which may come after the round has moved on. Nothing is sent before its SIGNED
 * event says that it is durable. Rules run to a fixed point after every event.
 *
 * One object is one validator (or an observer, me = -1) at one height at a time. One thread. */
#ifndef WAYSIDE_LEDGER_CONSENSUS_CONSENSUS_H
#define WAYSIDE_LEDGER_CONSENSUS_CONSENSUS_H

#include "ledger/consensus/proposer.h"
#include "ledger/consensus/votes.h"

enum cs_step {
    CS_WAIT, /* height is known, round 0 has not begun: pause between blocks */
    CS_PROPOSE, /* waiting for the round's proposal, or building it */
    CS_PREVOTE, /* has prevoted */
    CS_PRECOMMIT, /* has precommitted */
    CS_DECIDED, /* the height is decided; only the next cs_start leaves this step */
};
const char *cs_step_name(enum cs_step s);

enum cs_timer { CS_TIMER_PROPOSE, CS_TIMER_PREVOTE, CS_TIMER_PRECOMMIT };

/* A proposal whose proposer's signature was checked. */
struct cs_proposal {
    uint64_t height;
    int32_t round;
    hash32 id;
    int32_t valid_round;
    uint64_t block_time; /* of the header, Time64 us */
    uint16_t validator; /* index of the signer */
    uint8_t sig[SIG_OCTETS];
};

enum cs_event_kind {
    CS_EV_BEGIN, /* height: the pause between blocks is over, or there is work */
    CS_EV_PROPOSAL, /* proposal; received_time */
    CS_EV_VOTE, /* vote */
    CS_EV_TIMEOUT, /* height, timer, round */
    CS_EV_VALIDATED, /* height, id, ok: the block is held and valid / invalid */
    CS_EV_BUILT, /* height, id, block_time, round: answer to CS_ACT_BUILD */
    CS_EV_SIGNED_PROPOSAL, /* proposal: own, durable */
    CS_EV_SIGNED_VOTE, /* vote: own, durable */
    CS_EV_CLOCK, /* height, ok: our clock is good (taken to be so when a height begins), or judges with a minute's grace */
};
struct cs_event {
    /* Of the request that is answered, or of the pause (asserted not 0): a timer or a build that outlives its height
     * names a round of the next one too. Votes and proposals carry their own. */
    uint64_t height;
    struct cs_proposal proposal;
    struct vote vote;
    uint64_t block_time;
    uint64_t received_time; /* cell clock when the proposal's first octet was taken up */
    enum cs_event_kind kind;
    enum cs_timer timer;
    int32_t round;
    hash32 id;
    bool ok;
};

enum cs_action_kind {
    CS_ACT_BUILD, /* round: make a block, answer with BUILT */
    CS_ACT_SIGN_PROPOSAL, /* proposal without signature: sign, persist, answer with SIGNED_PROPOSAL */
    CS_ACT_SIGN_VOTE, /* vote without signature: the same */
    CS_ACT_SEND_PROPOSAL, /* proposal: own, to everybody; also when height or round have moved on */
    CS_ACT_SEND_VOTE, /* vote: own, to everybody; the same */
    CS_ACT_VALIDATE, /* id, round: get the block if it is not here, check it, answer VALIDATED */
    CS_ACT_TIMER, /* timer, round, after_us */
    CS_ACT_DECIDED, /* id, round: take cs_commit(), then start the next height */
    CS_ACT_EVIDENCE, /* vote: second statement of one validator in one (round, type) */
};
struct cs_action {
    enum cs_action_kind kind;
    uint64_t height; /* of every action; goes back with the answer */
    struct cs_proposal proposal;
    struct vote vote;
    enum cs_timer timer;
    int32_t round;
    hash32 id;
    uint64_t after_us;
};

#define CS_ACTIONS_MAX 64
struct cs_actions {
    size_t n;
    struct cs_action a[CS_ACTIONS_MAX];
};

/* Why an incoming message changed nothing. */
#define CS_REFUSALS(X)                                                                             \
    X(CS_TAKEN, "taken")                                                                           \
    X(CS_REFUSED_HEIGHT, "other_height")                                                           \
    X(CS_REFUSED_INDEX, "validator_index")                                                         \
    X(CS_REFUSED_DUPLICATE, "duplicate")                                                           \
    X(CS_REFUSED_CONFLICT, "third_statement")                                                      \
    X(CS_REFUSED_PROPOSER, "not_the_proposer")                                                     \
    X(CS_REFUSED_VALID_ROUND, "valid_round_range")                                                 \
    X(CS_REFUSED_OLD_FUTURE, "older_than_kept_future") /* or one more of too many */               \
    X(CS_REFUSED_ROUND, "round_range")
enum cs_refusal {
#define X(id, text) id,
    CS_REFUSALS(X)
#undef X
        CS_REFUSAL_COUNT
};
const char *cs_refusal_text(enum cs_refusal r);

/* Rounds beyond are refused: with growing time-outs nobody honest gets there in centuries, and what is kept for
 * each round stays bounded even if more than a third of the power lies. */
#define CS_ROUND_MAX (1 << 20)

struct consensus;

/* What one height is agreed under; all of it is copied. */
struct cs_height {
    uint64_t height;
    const struct validator_set *set;
    int me; /* index in the set; -1: an observer */
    const struct cell_params *params;
    const struct proposer_state *proposers; /* before the height */
};

struct consensus *cs_new(void);
void cs_free(struct consensus *c);
/* Begins a height in CS_WAIT with empty votes and locks. */
void cs_start(struct consensus *c, const struct cs_height *at);
/* True if a vote or proposal for this place could still matter: ask before spending a signature check. */
enum cs_refusal cs_wants_vote(const struct consensus *c, const struct vote *v);
enum cs_refusal cs_wants_proposal(const struct consensus *c, const struct cs_proposal *p);
/* out is appended to; its capacity is enough for one event (asserted). */
enum cs_refusal cs_handle(struct consensus *c, const struct cs_event *ev, struct cs_actions *out);

uint64_t cs_height(const struct consensus *c);
int32_t cs_round(const struct consensus *c); /* -1 in CS_WAIT */
enum cs_step cs_step_now(const struct consensus *c);
/* What the last CS_EV_CLOCK of this height said; true if there was none. */
bool cs_clock_good(const struct consensus *c);
size_t cs_proposer(const struct consensus *c, int32_t round);
int32_t cs_locked_round(const struct consensus *c);
int32_t cs_valid_round(const struct consensus *c);
/* True for our locked and our valid value: their blocks must be at hand until the height ends. */
bool cs_relies_on(const struct consensus *c, const hash32 id);
/* The quorum behind the decision; only after CS_ACT_DECIDED. */
void cs_commit(const struct consensus *c, struct commit *ret_commit);
/* What is held, for resending to a peer that lacks it. NULL when not held. */
const struct round_votes *cs_votes(const struct consensus *c, int32_t round);
const struct cs_proposal *cs_proposal_of(const struct consensus *c, int32_t round);

#endif
