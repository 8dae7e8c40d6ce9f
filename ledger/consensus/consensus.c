/* The rules are quoted above the code that enforces each (consensus facts, section 3). */
#include "ledger/consensus/consensus.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

enum verdict { UNKNOWN, VALID, INVALID };

struct round_state {
    struct round_votes votes;
    bool has_proposal;
    struct cs_proposal proposal;
    bool timely; /* judged when it arrived; re-proposals skip the test */
    bool prevote_timer; /* R4 fired */
    bool precommit_timer; /* R7 fired */
    bool prevote_quorum_seen; /* R5 fired */
};

/* Newest messages of one validator for rounds we are not in yet. */
struct future {
    int32_t round; /* -1: none */
    uint32_t moves; /* rounds it named while we were in ours */
    bool has_prevote, has_precommit, has_proposal;
    struct vote prevote, precommit;
    struct cs_proposal proposal;
    uint64_t received_time;
};

struct known_block {
    hash32 id;
    enum verdict verdict;
    bool asked;
};

/* An honest validator that is ahead goes from round to round with growing time-outs; who names more of them while we stand
 * still only makes us check signatures and write them down. */
enum { FUTURE_MOVES = 64 };

/* The short cut past a round for nil saves a dead proposer's time-out. Where every proposal is refused at once it would make
 * rounds as fast as the machine can; from here on they take their growing time again. */
enum { NIL_CUTS = 8 };

/* How far a clock that nobody keeps may be off before its word counts against a block: a minute at the usual delay. */
enum { HOLDOVER_DELAYS = 60 };

enum { BLOCKS_MAX = 4 * VALIDATORS_MAX };

struct consensus {
    struct validator_set set;
    struct cell_params params;
    int me;
    uint64_t height;
    int32_t round;
    enum cs_step step;
    bool locked, valid;
    int32_t locked_round, valid_round;
    hash32 locked_id, valid_id;
    int32_t decided_round;
    hash32 decided_id;
    bool waiting_build;
    bool clock_good; /* who has no time votes, but does not propose */
    struct proposer_state proposers;
    struct round_state **rounds; /* rounds[r], NULL until a message of it was kept */
    size_t n_rounds;
    struct future future[VALIDATORS_MAX];
    size_t n_blocks;
    struct known_block block[BLOCKS_MAX];
};

const char *cs_step_name(enum cs_step s) {
    static const char *const names[] = {"wait", "propose", "prevote", "precommit", "decided"};
    return names[s];
}

const char *cs_refusal_text(enum cs_refusal r) {
    static const char *const names[] = {
#define X(id, text) text,
        CS_REFUSALS(X)
#undef X
    };
    return names[r];
}

static bool same(const uint8_t *a, const uint8_t *b) {
    return memcmp(a, b, sizeof(hash32)) == 0;
}

struct consensus *cs_new(void) {
    struct consensus *c = ws_alloc(sizeof(*c));
    c->step = CS_DECIDED;
    return c;
}

static void drop_rounds(struct consensus *c) {
    for (size_t i = 0; i < c->n_rounds; i++)
        free(c->rounds[i]);
    free((void *)c->rounds);
    c->rounds = NULL;
    c->n_rounds = 0;
}

void cs_free(struct consensus *c) {
    if (c == NULL)
        return;
    drop_rounds(c);
    free(c);
}

void cs_start(struct consensus *c, const struct cs_height *at) {
    drop_rounds(c);
    c->set = *at->set;
    c->me = at->me;
    c->params = *at->params;
    c->height = at->height;
    c->round = -1;
    c->step = CS_WAIT;
    c->locked = false;
    c->valid = false;
    c->locked_round = -1;
    c->valid_round = -1;
    c->decided_round = -1;
    c->waiting_build = false;
    c->clock_good = true;
    c->proposers = *at->proposers;
    c->n_blocks = 0;
    for (size_t i = 0; i < VALIDATORS_MAX; i++)
        c->future[i] = (struct future){.round = -1};
}

/* ---- rounds and blocks held ---- */

static struct round_state *round_at(const struct consensus *c, int32_t round) {
    return round >= 0 && (size_t)round < c->n_rounds ? c->rounds[round] : NULL;
}

static struct round_state *round_make(struct consensus *c, int32_t round) {
    size_t want = (size_t)round + 1;
    if (want > c->n_rounds) {
        c->rounds = ws_realloc((void *)c->rounds, want * sizeof(struct round_state *));
        memset((void *)(c->rounds + c->n_rounds), 0,
            (want - c->n_rounds) * sizeof(struct round_state *));
        c->n_rounds = want;
    }
    if (c->rounds[round] == NULL) {
        c->rounds[round] = ws_alloc(sizeof(struct round_state));
        c->rounds[round]->votes.round = round;
    }
    return c->rounds[round];
}

/* Kept in full: every round up to the next one. Later ones only as each validator's newest messages, so
 * that a claimed round cannot make us allocate. */
static bool kept_in_full(const struct consensus *c, int32_t round) {
    return round <= c->round + 1;
}

static struct known_block *block_find(struct consensus *c, const uint8_t *id) {
    for (size_t i = 0; i < c->n_blocks; i++) {
        if (same(c->block[i].id, id))
            return &c->block[i];
    }
    return NULL;
}

static struct known_block *block_make(struct consensus *c, const uint8_t *id) {
    struct known_block *b = block_find(c, id);
    if (b != NULL)
        return b;
    /* Full only after hundreds of rounds with different proposals: the oldest that nothing refers to goes. */
    size_t at = c->n_blocks;
    if (at == BLOCKS_MAX) {
        for (at = 0; at < BLOCKS_MAX - 1; at++) {
            if (!cs_relies_on(c, c->block[at].id))
                break;
        }
        memmove(&c->block[at], &c->block[at + 1], (BLOCKS_MAX - at - 1) * sizeof(c->block[0]));
        at = BLOCKS_MAX - 1;
    } else {
        c->n_blocks++;
    }
    c->block[at] = (struct known_block){.verdict = UNKNOWN};
    memcpy(c->block[at].id, id, sizeof(hash32));
    return &c->block[at];
}

/* ---- actions ---- */

static struct cs_action *act(
    const struct consensus *c, struct cs_actions *out, enum cs_action_kind kind) {
    WS_ASSERT(out->n < CS_ACTIONS_MAX);
    struct cs_action *a = &out->a[out->n++];
    memset(a, 0, sizeof(*a));
    a->kind = kind;
    a->height = c->height;
    return a;
}

static void start_timer(
    const struct consensus *c, enum cs_timer timer, int32_t round, struct cs_actions *out) {
    const uint64_t base[] = {
        [CS_TIMER_PROPOSE] = c->params.timeout_propose_us,
        [CS_TIMER_PREVOTE] = c->params.timeout_prevote_us,
        [CS_TIMER_PRECOMMIT] = c->params.timeout_precommit_us,
    };
    struct cs_action *a = act(c, out, CS_ACT_TIMER);
    a->timer = timer;
    a->round = round;
    a->after_us = base[timer] + (uint64_t)round * c->params.timeout_delta_us;
}

static void ask_validation(
    struct consensus *c, const uint8_t *id, int32_t round, struct cs_actions *out) {
    struct known_block *b = block_make(c, id);
    if (b->asked || b->verdict != UNKNOWN)
        return;
    b->asked = true;
    struct cs_action *a = act(c, out, CS_ACT_VALIDATE);
    memcpy(a->id, id, sizeof(hash32));
    a->round = round;
}

static void cast(
    struct consensus *c, enum vote_type type, const uint8_t *id, struct cs_actions *out) {
    c->step = type == VOTE_PREVOTE ? CS_PREVOTE : CS_PRECOMMIT;
    if (c->me < 0)
        return;
    struct cs_action *a = act(c, out, CS_ACT_SIGN_VOTE);
    a->vote.type = type;
    a->vote.height = c->height;
    a->vote.round = c->round;
    a->vote.nil = id == NULL;
    if (id != NULL)
        memcpy(a->vote.id, id, sizeof(hash32));
    /* A prevote states the lock it was cast under, so that amnesia convicts itself (facts, section 8). */
    a->vote.locked_round = type == VOTE_PREVOTE ? c->locked_round : -1;
    a->vote.valid_round = -1;
    if (type == VOTE_PREVOTE && id != NULL) {
        const struct round_state *rs = round_at(c, c->round);
        a->vote.valid_round = rs != NULL && rs->has_proposal ? rs->proposal.valid_round : -1;
    }
    a->vote.validator = (uint16_t)c->me;
}

static void sign_proposal(struct consensus *c, const uint8_t *id, int32_t valid_round,
    uint64_t block_time, struct cs_actions *out) {
    struct cs_action *a = act(c, out, CS_ACT_SIGN_PROPOSAL);
    a->proposal.height = c->height;
    a->proposal.round = c->round;
    a->proposal.valid_round = valid_round;
    a->proposal.block_time = block_time;
    a->proposal.validator = (uint16_t)c->me;
    memcpy(a->proposal.id, id, sizeof(hash32));
}

/* ---- rules ---- */

static void take_future(struct consensus *c, struct cs_actions *out);

/* "R1 start round r: set step=propose. If I am proposer(h, r): propose validValue with validRound if I have
 * one, otherwise a fresh block with validRound=-1. Otherwise start timeoutPropose(r)." */
static void start_round(struct consensus *c, int32_t round, struct cs_actions *out) {
    c->round = round;
    c->step = CS_PROPOSE;
    c->waiting_build = false;
    for (size_t i = 0; i < c->set.n; i++)
        c->future[i].moves = 0;
    (void)round_make(c, round);
    if (c->me >= 0 && cs_proposer(c, round) == (size_t)c->me) {
        if (c->valid) {
            sign_proposal(c, c->valid_id, c->valid_round, 0, out);
        } else if (c->clock_good) {
            c->waiting_build = true;
            act(c, out, CS_ACT_BUILD)->round = round;
        }
    }
    /* The proposer keeps the timer as well: its own build may never answer. */
    start_timer(c, CS_TIMER_PROPOSE, round, out);
    take_future(c, out);
}

static bool prevote_quorum_for(const struct consensus *c, int32_t round, const uint8_t *id) {
    const struct round_state *rs = round_at(c, round);
    return rs != NULL &&
           power_is_quorum(round_votes_power(&rs->votes, VOTE_PREVOTE, &c->set, id), c->set.total);
}

/* "R2 fresh proposal (validRound = -1) from the right proposer while step=propose: prevote id(v) if v is valid and
 * (lockedRound = -1 or lockedValue = v), otherwise prevote nil."
 * "R3 re-proposal (0 <= validRound < r) plus a prevote quorum for id(v) in round validRound, while step=propose:
 * prevote id(v) if v is valid and (lockedRound <= validRound or lockedValue = v), otherwise nil." */
static bool rule_prevote(struct consensus *c, struct cs_actions *out) {
    struct round_state *rs = round_at(c, c->round);
    if (c->step != CS_PROPOSE || rs == NULL || !rs->has_proposal)
        return false;
    const struct cs_proposal *p = &rs->proposal;
    if (p->valid_round >= 0 && !prevote_quorum_for(c, p->valid_round, p->id))
        return false; /* neither rule: waits for the old prevotes or for the time-out */
    const struct known_block *b = block_find(c, p->id);
    if (b == NULL || b->verdict == UNKNOWN)
        return false;
    bool lock_allows = p->valid_round < 0
                           ? !c->locked || same(c->locked_id, p->id)
                           : c->locked_round <= p->valid_round || same(c->locked_id, p->id);
    bool good = b->verdict == VALID && lock_allows && (p->valid_round >= 0 || rs->timely);
    cast(c, VOTE_PREVOTE, good ? p->id : NULL, out);
    return true;
}

/* "R4 a prevote quorum for anything (mixed values) in the current round while step=prevote, first time: start
 * timeoutPrevote(r)." */
static bool rule_prevote_timer(struct consensus *c, struct cs_actions *out) {
    struct round_state *rs = round_at(c, c->round);
    if (c->step != CS_PREVOTE || rs == NULL || rs->prevote_timer ||
        !power_is_quorum(round_votes_any(&rs->votes, VOTE_PREVOTE, &c->set), c->set.total))
        return false;
    rs->prevote_timer = true;
    start_timer(c, CS_TIMER_PREVOTE, c->round, out);
    return true;
}

/* "R5 current-round proposal v, valid, plus a prevote quorum for id(v), while step is prevote or precommit, first
 * time: if step=prevote then lockedValue=v, lockedRound=r, precommit id(v), step=precommit. In both cases
 * validValue=v, validRound=r." Of two proposals of one proposer only the first is kept, and the quorum may be for the
 * other: then the quorum stands for the proposal (somebody honest in it has checked that), and exactly its block is
 * asked for. */
static bool rule_lock(struct consensus *c, struct cs_actions *out) {
    struct round_state *rs = round_at(c, c->round);
    hash32 id;
    if ((c->step != CS_PREVOTE && c->step != CS_PRECOMMIT) || rs == NULL ||
        rs->prevote_quorum_seen || !round_votes_quorum(&rs->votes, VOTE_PREVOTE, &c->set, id))
        return false;
    const struct known_block *b = block_find(c, id);
    if (b == NULL || b->verdict != VALID) {
        ask_validation(c, id, c->round, out);
        return false;
    }
    rs->prevote_quorum_seen = true;
    if (!c->valid || c->valid_round < c->round) {
        c->valid = true;
        c->valid_round = c->round;
        memcpy(c->valid_id, id, sizeof(hash32));
    }
    if (c->step != CS_PREVOTE)
        return true;
    /* Locked in this round or a later one already: by a word of our own that came back (keep_vote). A lock never goes to an
     * earlier round, and this quorum gets no word that would be at odds with it. */
    bool bound = c->locked && c->locked_round >= c->round;
    if (!bound) {
        c->locked = true;
        c->locked_round = c->round;
        memcpy(c->locked_id, id, sizeof(hash32));
    }
    cast(c, VOTE_PRECOMMIT, same(c->locked_id, id) ? id : NULL, out);
    return true;
}

/* "R6 prevote quorum for nil in the current round while step=prevote: precommit nil, step=precommit." A lock stays. */
static bool rule_nil(struct consensus *c, struct cs_actions *out) {
    const struct round_state *rs = round_at(c, c->round);
    if (c->step != CS_PREVOTE || rs == NULL ||
        !power_is_quorum(round_votes_power(&rs->votes, VOTE_PREVOTE, &c->set, NULL), c->set.total))
        return false;
    cast(c, VOTE_PRECOMMIT, NULL, out);
    return true;
}

/* "R7 a precommit quorum for anything in the current round, first time: start timeoutPrecommit(r)." With the safe
 * short cut of section 4: a quorum for nil starts the next round at once. */
static bool rule_precommit_timer(struct consensus *c, struct cs_actions *out) {
    struct round_state *rs = round_at(c, c->round);
    if (c->step == CS_WAIT || rs == NULL)
        return false;
    if (c->round < NIL_CUTS &&
        power_is_quorum(
            round_votes_power(&rs->votes, VOTE_PRECOMMIT, &c->set, NULL), c->set.total)) {
        start_round(c, c->round + 1, out);
        return true;
    }
    if (rs->precommit_timer ||
        !power_is_quorum(round_votes_any(&rs->votes, VOTE_PRECOMMIT, &c->set), c->set.total))
        return false;
    rs->precommit_timer = true;
    start_timer(c, CS_TIMER_PRECOMMIT, c->round, out);
    return true;
}

/* "R8 in any round r' of the current height: proposal v, valid, and a precommit quorum for id(v): decide v." A quorum
 * for a block that is not held asks for exactly that block. */
static bool rule_decide(struct consensus *c, struct cs_actions *out) {
    for (size_t r = 0; r < c->n_rounds; r++) {
        hash32 id;
        if (c->rounds[r] == NULL ||
            !round_votes_quorum(&c->rounds[r]->votes, VOTE_PRECOMMIT, &c->set, id))
            continue;
        const struct known_block *b = block_find(c, id);
        if (b == NULL || b->verdict != VALID) {
            ask_validation(c, id, (int32_t)r, out);
            continue;
        }
        c->decided_round = (int32_t)r;
        memcpy(c->decided_id, id, sizeof(hash32));
        c->step = CS_DECIDED;
        struct cs_action *a = act(c, out, CS_ACT_DECIDED);
        memcpy(a->id, id, sizeof(hash32));
        a->round = (int32_t)r;
        return true;
    }
    return false;
}

/* Highest round in which v has said anything; -1 when it has not spoken beyond our round. */
static int32_t heard_round(const struct consensus *c, size_t v) {
    int32_t best = c->future[v].round;
    for (size_t r = c->n_rounds; r-- > 0 && (int32_t)r > best && (int32_t)r > c->round;) {
        const struct round_state *rs = c->rounds[r];
        if (rs != NULL && (rs->votes.prevote[v].n > 0 || rs->votes.precommit[v].n > 0 ||
                              (rs->has_proposal && rs->proposal.validator == v)))
            best = (int32_t)r;
    }
    return best;
}

/* "R9 messages (any type) from voters with more than one third of the power carrying the same higher round r' > round:
 * start round r' at once." A validator that speaks in a round beyond r' has passed r' too, so it counts for r' as
 * well: the largest round that more than a third has reached. Each validator counts once. */
static bool rule_skip(struct consensus *c, struct cs_actions *out) {
    int32_t heard[VALIDATORS_MAX];
    int32_t target = -1;
    for (size_t i = 0; i < c->set.n; i++)
        heard[i] = heard_round(c, i);
    for (size_t i = 0; i < c->set.n; i++) {
        if (heard[i] <= c->round || heard[i] <= target)
            continue;
        uint64_t power = 0;
        for (size_t k = 0; k < c->set.n; k++)
            power += heard[k] >= heard[i] ? c->set.v[k].power : 0;
        if (power_is_skip(power, c->set.total))
            target = heard[i];
    }
    if (target < 0)
        return false;
    start_round(c, target, out);
    return true;
}

/* Leaves the pause as soon as the round's own proposer has spoken. */
static bool rule_begin_on_proposal(struct consensus *c, struct cs_actions *out) {
    const struct round_state *rs = round_at(c, 0);
    if (c->step != CS_WAIT || rs == NULL || !rs->has_proposal)
        return false;
    start_round(c, 0, out);
    return true;
}

static void settle(struct consensus *c, struct cs_actions *out) {
    bool fired = true;
    while (fired && c->step != CS_DECIDED) {
        fired = rule_decide(c, out) || rule_skip(c, out) || rule_begin_on_proposal(c, out);
        if (!fired && c->step != CS_WAIT)
            fired = rule_prevote(c, out) || rule_prevote_timer(c, out) || rule_lock(c, out) ||
                    rule_nil(c, out) || rule_precommit_timer(c, out);
    }
}

/* ---- events ---- */

size_t cs_proposer(const struct consensus *c, int32_t round) {
    return proposer_of_round(&c->proposers, &c->set, round);
}

/* A proposal names this value: as its own in the vote's round, or, in the round we are in, as the one that had a
 * quorum of prevotes in the vote's round. */
static bool is_named(const struct consensus *c, const struct vote *v) {
    const struct round_state *own = round_at(c, v->round);
    const struct round_state *now = round_at(c, c->round);
    if (v->nil)
        return false;
    if (own != NULL && own->has_proposal && same(own->proposal.id, v->id))
        return true;
    return v->type == VOTE_PREVOTE && now != NULL && now->has_proposal &&
           now->proposal.valid_round == v->round && same(now->proposal.id, v->id);
}

static enum cs_refusal wants_future_vote(const struct future *f, const struct vote *v) {
    if (v->round < f->round)
        return CS_REFUSED_OLD_FUTURE;
    const struct vote *held = v->type == VOTE_PREVOTE ? &f->prevote : &f->precommit;
    bool has = v->type == VOTE_PREVOTE ? f->has_prevote : f->has_precommit;
    if (v->round == f->round && has)
        return vote_same_statement(held, v) ? CS_REFUSED_DUPLICATE : CS_REFUSED_CONFLICT;
    return v->round > f->round && f->moves >= FUTURE_MOVES ? CS_REFUSED_OLD_FUTURE : CS_TAKEN;
}

enum cs_refusal cs_wants_vote(const struct consensus *c, const struct vote *v) {
    if (v->height != c->height || c->step == CS_DECIDED)
        return CS_REFUSED_HEIGHT;
    if (v->validator >= c->set.n)
        return CS_REFUSED_INDEX;
    if (v->round < 0 || v->round > CS_ROUND_MAX)
        return CS_REFUSED_ROUND;
    if (!kept_in_full(c, v->round))
        return wants_future_vote(&c->future[v->validator], v);
    const struct round_state *rs = round_at(c, v->round);
    if (rs == NULL)
        return CS_TAKEN;
    switch (round_votes_judge(&rs->votes, v, is_named(c, v))) {
    case VOTE_NEW:
    case VOTE_CONFLICT_KEPT:
    case VOTE_CLAIM_KEPT:
        return CS_TAKEN;
    case VOTE_SAME:
        return CS_REFUSED_DUPLICATE;
    case VOTE_CONFLICT_DROPPED:
        break;
    }
    return CS_REFUSED_CONFLICT;
}

/* Exactly one proposal per round counts: the first. */
enum cs_refusal cs_wants_proposal(const struct consensus *c, const struct cs_proposal *p) {
    if (p->height != c->height || c->step == CS_DECIDED)
        return CS_REFUSED_HEIGHT;
    if (p->validator >= c->set.n)
        return CS_REFUSED_INDEX;
    if (p->round < 0 || p->round > CS_ROUND_MAX)
        return CS_REFUSED_ROUND;
    if (p->valid_round < -1 || p->valid_round >= p->round)
        return CS_REFUSED_VALID_ROUND;
    if (!kept_in_full(c, p->round)) {
        /* Whose turn it is so far off costs thousands of steps: asked when the round comes into reach. */
        const struct future *f = &c->future[p->validator];
        if (p->round < f->round || (p->round > f->round && f->moves >= FUTURE_MOVES))
            return CS_REFUSED_OLD_FUTURE;
        return p->round == f->round && f->has_proposal ? CS_REFUSED_DUPLICATE : CS_TAKEN;
    }
    if (cs_proposer(c, p->round) != p->validator)
        return CS_REFUSED_PROPOSER;
    const struct round_state *rs = round_at(c, p->round);
    return rs != NULL && rs->has_proposal ? CS_REFUSED_DUPLICATE : CS_TAKEN;
}

/* Block time, section 10: timely iff now >= time - precision and now <= time + delay(round) + precision; the delay
 * grows by a tenth with each round, so that a configured delay that is too small cannot stop the cell. */
static bool judge_time(const struct consensus *c, const struct cs_proposal *p, uint64_t now) {
    __int128 delay = (__int128)c->params.time_delay_us * (10 + p->round) / 10;
    __int128 precision = (__int128)c->params.time_precision_us;
    /* A clock that runs by itself still knows the minute, so that nobody sets the year while all have lost GNSS. */
    if (!c->clock_good)
        precision += (__int128)c->params.time_delay_us * HOLDOVER_DELAYS;
    __int128 early = (__int128)p->block_time - precision;
    __int128 late = (__int128)p->block_time + delay + precision;
    return (__int128)now >= early && (__int128)now <= late;
}

static void keep_proposal(
    struct consensus *c, const struct cs_proposal *p, uint64_t received, struct cs_actions *out) {
    struct round_state *rs = round_make(c, p->round);
    if (rs->has_proposal)
        return;
    rs->has_proposal = true;
    rs->proposal = *p;
    rs->timely = judge_time(c, p, received);
    /* A block of a round that is over is fetched when a quorum for it turns up. */
    if (p->round >= c->round)
        ask_validation(c, p->id, p->round, out);
}

static void keep_vote(struct consensus *c, const struct vote *v, struct cs_actions *out) {
    struct round_state *rs = round_make(c, v->round);
    if (round_votes_add(&rs->votes, v, is_named(c, v)) == VOTE_CONFLICT_KEPT)
        act(c, out, CS_ACT_EVIDENCE)->vote = *v;
    /* Our own word, come back to a machine that has forgotten it: the lock holds all the same. */
    if ((int)v->validator == c->me && v->type == VOTE_PRECOMMIT && !v->nil &&
        (!c->locked || v->round > c->locked_round)) {
        c->locked = true;
        c->locked_round = v->round;
        memcpy(c->locked_id, v->id, sizeof(hash32));
        if (!c->valid || v->round > c->valid_round) { /* it had seen the quorum, too */
            c->valid = true;
            c->valid_round = v->round;
            memcpy(c->valid_id, v->id, sizeof(hash32));
        }
    }
}

static struct future *future_slot(struct consensus *c, size_t validator, int32_t round) {
    struct future *f = &c->future[validator];
    if (f->round != round)
        *f = (struct future){.round = round, .moves = f->moves + 1};
    return f;
}

/* Messages kept for the rounds that have just come into reach. */
static void take_future(struct consensus *c, struct cs_actions *out) {
    for (size_t i = 0; i < c->set.n; i++) {
        struct future f = c->future[i];
        if (f.round < 0 || !kept_in_full(c, f.round))
            continue;
        c->future[i].round = -1;
        if (f.has_proposal && cs_proposer(c, f.round) == f.proposal.validator)
            keep_proposal(c, &f.proposal, f.received_time, out);
        if (f.has_prevote)
            keep_vote(c, &f.prevote, out);
        if (f.has_precommit)
            keep_vote(c, &f.precommit, out);
    }
}

static enum cs_refusal on_proposal(
    struct consensus *c, const struct cs_proposal *p, uint64_t received, struct cs_actions *out) {
    enum cs_refusal why = cs_wants_proposal(c, p);
    if (why != CS_TAKEN)
        return why;
    if (kept_in_full(c, p->round)) {
        keep_proposal(c, p, received, out);
        return CS_TAKEN;
    }
    struct future *f = future_slot(c, p->validator, p->round);
    f->has_proposal = true;
    f->proposal = *p;
    f->received_time = received;
    return CS_TAKEN;
}

static enum cs_refusal on_vote(struct consensus *c, const struct vote *v, struct cs_actions *out) {
    enum cs_refusal why = cs_wants_vote(c, v);
    if (why != CS_TAKEN)
        return why;
    if (kept_in_full(c, v->round)) {
        keep_vote(c, v, out);
        return CS_TAKEN;
    }
    struct future *f = future_slot(c, v->validator, v->round);
    if (v->type == VOTE_PREVOTE) {
        f->has_prevote = true;
        f->prevote = *v;
    } else {
        f->has_precommit = true;
        f->precommit = *v;
    }
    return CS_TAKEN;
}

/* "T1 timeoutPropose(h, r) still in (h, r, propose): prevote nil. T2 timeoutPrevote(h, r) still in (h, r, prevote):
 * precommit nil. T3 timeoutPrecommit(h, r) still in (h, r): start round r+1." */
static void on_timeout(
    struct consensus *c, enum cs_timer timer, int32_t round, struct cs_actions *out) {
    if (round != c->round || c->step == CS_WAIT)
        return;
    if (timer == CS_TIMER_PROPOSE && c->step == CS_PROPOSE)
        cast(c, VOTE_PREVOTE, NULL, out);
    else if (timer == CS_TIMER_PREVOTE && c->step == CS_PREVOTE)
        cast(c, VOTE_PRECOMMIT, NULL, out);
    else if (timer == CS_TIMER_PRECOMMIT)
        start_round(c, round + 1, out);
}

/* "A timer that fires for an older height, round or step is ignored, never acted on"; so are late answers. */
static bool of_this_height(const struct consensus *c, const struct cs_event *ev) {
    switch (ev->kind) {
    case CS_EV_BEGIN:
    case CS_EV_TIMEOUT:
    case CS_EV_VALIDATED:
    case CS_EV_BUILT:
    case CS_EV_CLOCK:
        WS_ASSERT(ev->height != 0);
        return ev->height == c->height;
    case CS_EV_PROPOSAL:
    case CS_EV_VOTE:
    case CS_EV_SIGNED_PROPOSAL:
    case CS_EV_SIGNED_VOTE:
        return true;
    }
    return false;
}

enum cs_refusal cs_handle(struct consensus *c, const struct cs_event *ev, struct cs_actions *out) {
    enum cs_refusal why = CS_TAKEN;
    /* What is signed and durable is sent whatever has happened since: somebody may lack just this vote. */
    if (ev->kind == CS_EV_SIGNED_PROPOSAL)
        act(c, out, CS_ACT_SEND_PROPOSAL)->proposal = ev->proposal;
    if (ev->kind == CS_EV_SIGNED_VOTE)
        act(c, out, CS_ACT_SEND_VOTE)->vote = ev->vote;
    if (c->step == CS_DECIDED || !of_this_height(c, ev))
        return CS_REFUSED_HEIGHT;
    switch (ev->kind) {
    case CS_EV_BEGIN:
        if (c->step == CS_WAIT)
            start_round(c, 0, out);
        break;
    case CS_EV_PROPOSAL:
        why = on_proposal(c, &ev->proposal, ev->received_time, out);
        break;
    case CS_EV_VOTE:
        why = on_vote(c, &ev->vote, out);
        break;
    case CS_EV_TIMEOUT:
        on_timeout(c, ev->timer, ev->round, out);
        break;
    case CS_EV_VALIDATED: {
        struct known_block *b = block_make(c, ev->id);
        if (b->verdict == UNKNOWN)
            b->verdict = ev->ok ? VALID : INVALID;
        break;
    }
    case CS_EV_BUILT:
        /* Late answers belong to a round that has passed; a valid value learnt meanwhile goes first. */
        if (c->waiting_build && ev->round == c->round && c->step == CS_PROPOSE) {
            c->waiting_build = false;
            if (c->valid)
                sign_proposal(c, c->valid_id, c->valid_round, 0, out);
            else
                sign_proposal(c, ev->id, -1, ev->block_time, out);
        }
        break;
    case CS_EV_SIGNED_PROPOSAL:
        why = on_proposal(c, &ev->proposal, ev->received_time, out);
        break;
    case CS_EV_SIGNED_VOTE:
        why = on_vote(c, &ev->vote, out);
        break;
    case CS_EV_CLOCK:
        c->clock_good = ev->ok;
        break;
    }
    if (why == CS_TAKEN)
        settle(c, out);
    return why;
}

/* ---- views ---- */

uint64_t cs_height(const struct consensus *c) {
    return c->height;
}

int32_t cs_round(const struct consensus *c) {
    return c->round;
}

bool cs_clock_good(const struct consensus *c) {
    return c->clock_good;
}

enum cs_step cs_step_now(const struct consensus *c) {
    return c->step;
}

int32_t cs_locked_round(const struct consensus *c) {
    return c->locked_round;
}

int32_t cs_valid_round(const struct consensus *c) {
    return c->valid_round;
}

bool cs_relies_on(const struct consensus *c, const hash32 id) {
    return (c->locked && same(c->locked_id, id)) || (c->valid && same(c->valid_id, id));
}

const struct round_votes *cs_votes(const struct consensus *c, int32_t round) {
    const struct round_state *rs = round_at(c, round);
    return rs == NULL ? NULL : &rs->votes;
}

const struct cs_proposal *cs_proposal_of(const struct consensus *c, int32_t round) {
    const struct round_state *rs = round_at(c, round);
    return rs == NULL || !rs->has_proposal ? NULL : &rs->proposal;
}

void cs_commit(const struct consensus *c, struct commit *ret_commit) {
    WS_ASSERT(c->step == CS_DECIDED);
    WS_ASSERT(c->decided_round >= 0);
    const struct round_state *rs = round_at(c, c->decided_round);
    memset(ret_commit, 0, sizeof(*ret_commit));
    ret_commit->height = c->height;
    ret_commit->round = c->decided_round;
    memcpy(ret_commit->id, c->decided_id, sizeof(hash32));
    ret_commit->n = c->set.n;
    for (size_t i = 0; i < c->set.n; i++) {
        const struct vote_slot *slot = &rs->votes.precommit[i];
        for (uint8_t k = 0; k < slot->n; k++) {
            if (!slot->vote[k].nil && same(slot->vote[k].id, c->decided_id)) {
                ret_commit->present[i] = true;
                memcpy(ret_commit->sig[i], slot->vote[k].sig, SIG_OCTETS);
            }
        }
    }
}
