#include "tests/sim/small_core.h"

/* The core itself, so that its states can be copied and told apart. */
#include "ledger/consensus/consensus.c" /* NOLINT(bugprone-suspicious-include) */

#include <stdio.h>

enum { HEIGHT = 7, TIME = 1000000000, TABLE_MIN = 1 << 16, PATH_MAX_EVENTS = 256 };

struct state {
    uint64_t a, b; /* digest */
    int32_t parent;
    uint16_t event;
    uint8_t decided, over;
    int8_t round;
    uint64_t heard[2]; /* messages */
    uint64_t visible; /* digest over all but what was heard */
    uint32_t pending; /* own events that are due: bit e - E_TIMER */
    int32_t to[E_COUNT]; /* -2: not asked yet */
};

struct said {
    int32_t state;
    uint16_t event;
    uint64_t set;
};

struct small_node {
    struct small *s;
    size_t me;
    struct validator_set set;
    struct cell_params params;
    struct proposer_state proposers;
    size_t n, cap;
    struct state *state;
    size_t n_table;
    int32_t *table;
    size_t n_said, cap_said;
    struct said *said; /* of transitions that speak; looked up from the end of `to` */
    /* the core of the state that is being expanded */
    int32_t loaded;
    struct consensus *core;
};

/* ---- cores as values ---- */

static struct consensus *copy(const struct consensus *c) {
    struct consensus *k = ws_memdup(c, sizeof(*c));
    k->rounds = (struct round_state **)ws_calloc(c->n_rounds + 1, sizeof(struct round_state *));
    for (size_t i = 0; i < c->n_rounds; i++)
        k->rounds[i] = c->rounds[i] == NULL ? NULL : ws_memdup(c->rounds[i], sizeof(**c->rounds));
    return k;
}

struct digest {
    uint64_t a, b;
};

static void mix(struct digest *d, uint64_t x) {
    unsigned __int128 p = (unsigned __int128)(d->a ^ x) * 0x9e3779b97f4a7c15ULL;
    d->a = (uint64_t)p ^ (uint64_t)(p >> 64);
    unsigned __int128 q = (unsigned __int128)(d->b + x) * 0xd6e8feb86659fd93ULL;
    d->b = (uint64_t)q ^ (uint64_t)(q >> 64) ^ (d->a << 7 | d->a >> 57);
}

static void mix_vote(struct digest *d, const struct vote *v) {
    mix(d, (uint64_t)v->nil << 40 | (uint64_t)v->id[0] << 32 |
               (uint64_t)(uint8_t)(v->locked_round + 1) << 8 | (uint8_t)(v->valid_round + 1));
}

static void mix_slots(struct digest *d, const struct vote_slot *slots) {
    for (size_t i = 0; i < SMALL_N; i++) {
        mix(d, slots[i].n);
        for (size_t k = 0; k < slots[i].n; k++)
            mix_vote(d, &slots[i].vote[k]);
    }
}

static void mix_proposal(struct digest *d, const struct cs_proposal *p) {
    mix(d, (uint64_t)p->id[0] << 16 | (uint64_t)p->validator << 8 | (uint8_t)(p->valid_round + 1));
}

static void mix_round(struct digest *d, const struct round_state *rs, bool votes) {
    static const struct round_state none;
    if (rs == NULL)
        rs = &none; /* it is made with the first message */
    mix(d, (uint64_t)rs->has_proposal << 4 | (uint64_t)rs->timely << 3 |
               (uint64_t)rs->prevote_timer << 2 | (uint64_t)rs->precommit_timer << 1 |
               (uint64_t)rs->prevote_quorum_seen);
    if (rs->has_proposal)
        mix_proposal(d, &rs->proposal);
    if (votes) {
        mix_slots(d, rs->votes.prevote);
        mix_slots(d, rs->votes.precommit);
    }
}

static void mix_blocks(struct digest *d, const struct consensus *c) {
    uint8_t by_value[V_COUNT] = {0}; /* the order in which they came changes nothing */
    for (size_t i = 0; i < c->n_blocks; i++)
        by_value[c->block[i].id[0]] =
            (uint8_t)(1 + 2 * (unsigned)c->block[i].verdict + (c->block[i].asked ? 8 : 0));
    for (size_t i = 0; i < V_COUNT; i++)
        mix(d, by_value[i]);
}

/* votes: with what was heard. */
static struct digest digest(const struct consensus *c, uint32_t pending, bool votes) {
    struct digest d = {0x243f6a8885a308d3ULL, 0x13198a2e03707344ULL};
    mix(&d, pending);
    mix(&d, (uint64_t)c->step << 32 | (uint8_t)(c->round + 1));
    if (c->step == CS_DECIDED) {
        mix(&d, c->decided_id[0]);
        return d;
    }
    mix(&d, (uint64_t)c->locked << 60 | (uint64_t)c->valid << 59 |
                (uint64_t)c->waiting_build << 58 |
                (uint64_t)(c->locked ? c->locked_id[0] : 0) << 24 |
                (uint64_t)(c->valid ? c->valid_id[0] : 0) << 16 |
                (uint64_t)(uint8_t)(c->locked_round + 1) << 8 | (uint8_t)(c->valid_round + 1));
    for (size_t r = 0; r <= SMALL_ROUNDS; r++)
        mix_round(&d, round_at(c, (int32_t)r), votes);
    mix_blocks(&d, c);
    for (size_t i = 0; votes && i < SMALL_N; i++) {
        const struct future *f = &c->future[i];
        mix(&d, (uint64_t)(f->round + 1) << 8 | (uint64_t)f->has_prevote << 2 |
                    (uint64_t)f->has_precommit << 1 | (uint64_t)f->has_proposal);
        if (f->round >= 0 && f->has_prevote)
            mix_vote(&d, &f->prevote);
        if (f->round >= 0 && f->has_precommit)
            mix_vote(&d, &f->precommit);
        if (f->round >= 0 && f->has_proposal)
            mix_proposal(&d, &f->proposal);
    }
    return d;
}

/* ---- events ---- */

static struct cs_proposal proposal_of(const struct small_msg *m) {
    struct cs_proposal p = {.height = HEIGHT,
        .round = m->round,
        .valid_round = m->valid_round,
        .block_time = TIME,
        .validator = m->sender};
    memset(p.id, m->value, sizeof(p.id));
    return p;
}

static struct vote vote_of(const struct small_msg *m) {
    struct vote v = {.type = m->kind == M_PREVOTE ? VOTE_PREVOTE : VOTE_PRECOMMIT,
        .height = HEIGHT,
        .round = m->round,
        .nil = m->value == V_NIL,
        .locked_round = m->locked_round,
        .valid_round = m->valid_round,
        .validator = m->sender};
    if (!v.nil)
        memset(v.id, m->value, sizeof(v.id));
    return v;
}

static struct cs_event event_of(const struct small_node *n, size_t e) {
    struct cs_event ev = {.height = HEIGHT, .received_time = TIME};
    if (e < MSGS_MAX) {
        const struct small_msg *m = &n->s->msg[e];
        ev.kind = m->kind == M_PROPOSAL ? CS_EV_PROPOSAL : CS_EV_VOTE;
        if (m->kind == M_PROPOSAL)
            ev.proposal = proposal_of(m);
        else
            ev.vote = vote_of(m);
    } else if (e < E_VALIDATED) {
        ev.kind = CS_EV_TIMEOUT;
        ev.round = (int32_t)(e - E_TIMER) / 3;
        ev.timer = (enum cs_timer)((e - E_TIMER) % 3);
    } else if (e < E_BUILT) {
        ev.kind = CS_EV_VALIDATED;
        memset(ev.id, (int)(e - E_VALIDATED), sizeof(ev.id));
        ev.ok = e - E_VALIDATED != V_X;
    } else if (e < E_BEGIN) {
        ev.kind = CS_EV_BUILT;
        ev.round = (int32_t)(e - E_BUILT);
        ev.block_time = TIME;
        memset(ev.id, ev.round == 0 ? V_A : V_B, sizeof(ev.id));
    } else {
        ev.kind = CS_EV_BEGIN;
    }
    return ev;
}

static void broken(struct small *s, const char *what, size_t me) {
    if (s->broken[0] == '\0')
        (void)snprintf(s->broken, sizeof(s->broken), "validator %zu: %s", me, what);
}

static uint64_t intern(struct small *s, const struct small_msg *m) {
    for (size_t i = 0; i < s->n_honest; i++) {
        if (memcmp(&s->msg[i], m, sizeof(*m)) == 0)
            return UINT64_C(1) << i;
    }
    if (s->n_honest == HONEST_MAX) {
        broken(s, "more statements than the search has room for", m->sender);
        return 0;
    }
    s->msg[s->n_honest] = *m;
    return UINT64_C(1) << s->n_honest++;
}

static uint64_t say_vote(struct small_node *n, const struct vote *v) {
    struct small_msg m = {(uint8_t)n->me, v->type == VOTE_PREVOTE ? M_PREVOTE : M_PRECOMMIT,
        (uint8_t)v->round, v->nil ? V_NIL : v->id[0], (int8_t)v->valid_round,
        (int8_t)v->locked_round};
    return intern(n->s, &m);
}

static uint64_t say_proposal(struct small_node *n, const struct cs_proposal *p) {
    struct small_msg m = {
        (uint8_t)n->me, M_PROPOSAL, (uint8_t)p->round, p->id[0], (int8_t)p->valid_round, -1};
    return intern(n->s, &m);
}

/* Handles an event and, at once, what it signs; returns what was said, and changes what is due. */
static uint64_t handle(
    struct small_node *n, struct consensus *c, const struct cs_event *first, uint32_t *pending) {
    struct cs_event queue[16];
    size_t n_queue = 0;
    uint64_t said = 0;
    queue[n_queue++] = *first;
    for (size_t i = 0; i < n_queue; i++) {
        struct cs_actions out = {.n = 0};
        n->s->handled++;
        (void)cs_handle(c, &queue[i], &out);
        for (size_t k = 0; k < out.n; k++) {
            const struct cs_action *a = &out.a[k];
            struct cs_event ev = {.height = HEIGHT, .received_time = TIME};
            WS_ASSERT(n_queue < ARRAY_LEN(queue));
            switch (a->kind) {
            case CS_ACT_BUILD:
                if (a->round < SMALL_ROUNDS)
                    *pending |= 1U << (E_BUILT - E_TIMER + (unsigned)a->round);
                break;
            case CS_ACT_SIGN_PROPOSAL:
                ev.kind = CS_EV_SIGNED_PROPOSAL;
                ev.proposal = a->proposal;
                ev.proposal.block_time = TIME;
                queue[n_queue++] = ev;
                break;
            case CS_ACT_SIGN_VOTE:
                ev.kind = CS_EV_SIGNED_VOTE;
                ev.vote = a->vote;
                queue[n_queue++] = ev;
                break;
            case CS_ACT_SEND_PROPOSAL:
                if (a->proposal.round < SMALL_ROUNDS)
                    said |= say_proposal(n, &a->proposal);
                break;
            case CS_ACT_SEND_VOTE:
                if (a->vote.round < SMALL_ROUNDS)
                    said |= say_vote(n, &a->vote);
                break;
            case CS_ACT_VALIDATE:
                *pending |= 1U << (E_VALIDATED - E_TIMER + a->id[0]);
                break;
            case CS_ACT_TIMER:
                if (a->round < SMALL_ROUNDS)
                    *pending |= 1U << (3 * (unsigned)a->round + (unsigned)a->timer);
                break;
            case CS_ACT_DECIDED:
                if (a->id[0] == V_X)
                    broken(n->s, "decided an invalid block", n->me);
                break;
            case CS_ACT_EVIDENCE:
                if ((int)a->vote.validator != n->s->liar)
                    broken(n->s, "has evidence against somebody honest", n->me);
                break;
            }
        }
    }
    /* Timers of rounds and steps that are over do nothing (test_consensus_rules.c). */
    for (int32_t r = 0; r <= c->round && r < SMALL_ROUNDS; r++) {
        unsigned over = r < c->round ? 7 : (c->step > CS_PROPOSE) + 2U * (c->step > CS_PREVOTE);
        *pending &= ~(over << (3 * (unsigned)r));
    }
    if (c->step == CS_DECIDED || c->round >= SMALL_ROUNDS)
        *pending = 0;
    return said;
}

/* Takes the votes of others out again: they can be heard at any time, so who has heard them can do nothing that it could
 * not do by hearing them once more when they are needed. What they have brought about stays. */
static void forget_votes(const struct small_node *n, struct consensus *c) {
    for (size_t r = 0; r < c->n_rounds; r++) {
        for (size_t i = 0; c->rounds[r] != NULL && i < SMALL_N; i++) {
            if (i == n->me)
                continue;
            memset(&c->rounds[r]->votes.prevote[i], 0, sizeof(struct vote_slot));
            memset(&c->rounds[r]->votes.precommit[i], 0, sizeof(struct vote_slot));
        }
    }
    for (size_t i = 0; i < SMALL_N; i++) {
        c->future[i].has_prevote = false;
        c->future[i].has_precommit = false;
        if (!c->future[i].has_proposal)
            c->future[i].round = -1;
    }
}

/* One event; *ret_silent: nothing but what was heard is different. */
static uint64_t advance(
    struct small_node *n, struct consensus *c, size_t e, uint32_t *pending, bool *ret_silent) {
    uint64_t before = digest(c, *pending, false).a;
    if (e >= E_TIMER && e < E_BEGIN)
        *pending &= ~(1U << (e - E_TIMER));
    struct cs_event ev = event_of(n, e);
    uint64_t said = handle(n, c, &ev, pending);
    *ret_silent = said == 0 && digest(c, *pending, false).a == before;
    if (!*ret_silent)
        forget_votes(n, c);
    return said;
}

/* ---- states ---- */

static size_t slot_of(const struct small_node *n, uint64_t a, uint64_t b) {
    size_t i = (size_t)a & (n->n_table - 1);
    while (n->table[i] >= 0 && (n->state[n->table[i]].a != a || n->state[n->table[i]].b != b))
        i = (i + 1) & (n->n_table - 1);
    return i;
}

static void grow_table(struct small_node *n) {
    free(n->table);
    n->n_table = n->n_table == 0 ? TABLE_MIN : 2 * n->n_table;
    n->table = ws_calloc(n->n_table, sizeof(*n->table));
    memset(n->table, 0xff, n->n_table * sizeof(*n->table));
    for (size_t i = 0; i < n->n; i++)
        n->table[slot_of(n, n->state[i].a, n->state[i].b)] = (int32_t)i;
}

static int32_t find(struct small_node *n, const struct consensus *c, uint32_t pending,
    int32_t parent, size_t e, bool silent) {
    struct digest d = digest(c, pending, true);
    if (2 * n->n >= n->n_table)
        grow_table(n);
    size_t at = slot_of(n, d.a, d.b);
    if (n->table[at] >= 0)
        return n->table[at];
    if (n->n == n->cap) {
        n->cap = n->cap == 0 ? 1024 : 2 * n->cap;
        n->state = ws_realloc(n->state, n->cap * sizeof(*n->state));
    }
    struct state *st = &n->state[n->n];
    *st = (struct state){.a = d.a,
        .b = d.b,
        .parent = parent,
        .event = (uint16_t)e,
        .decided = c->step == CS_DECIDED ? c->decided_id[0] : V_NIL,
        .over = c->step == CS_DECIDED || c->round >= SMALL_ROUNDS,
        .round = (int8_t)c->round,
        .visible = digest(c, pending, false).a,
        .pending = pending};
    if (silent && parent >= 0)
        memcpy(st->heard, n->state[parent].heard, sizeof(st->heard));
    if (silent && e < MSGS_MAX && parent >= 0)
        st->heard[e / 64] |= UINT64_C(1) << (e % 64);
    for (size_t i = 0; i < E_COUNT; i++)
        st->to[i] = -2;
    n->table[at] = (int32_t)n->n;
    return (int32_t)n->n++;
}

static struct consensus *fresh(const struct small_node *n) {
    struct consensus *c = cs_new();
    struct cs_height at = {HEIGHT, &n->set, (int)n->me, &n->params, &n->proposers};
    cs_start(c, &at);
    return c;
}

/* The core of a state, by the events that led to it. */
static void load(struct small_node *n, int32_t state) {
    if (n->loaded == state)
        return;
    uint16_t path[PATH_MAX_EVENTS];
    size_t k = 0;
    for (int32_t i = state; n->state[i].parent >= 0; i = n->state[i].parent) {
        WS_ASSERT(k < PATH_MAX_EVENTS);
        path[k++] = n->state[i].event;
    }
    cs_free(n->core);
    n->core = fresh(n);
    uint32_t pending = 0;
    while (k > 0) {
        bool silent = false;
        (void)advance(n, n->core, path[--k], &pending, &silent);
    }
    n->loaded = state;
}

/* The liar says one thing for each place to each listener (to others it may say another). */
static bool heard_liar(const struct consensus *c, const struct small_msg *m) {
    const struct round_state *rs = round_at(c, m->round);
    const struct future *f = &c->future[m->sender];
    if (m->kind == M_PROPOSAL)
        return (rs != NULL && rs->has_proposal) || (f->round == m->round && f->has_proposal);
    bool pre = m->kind == M_PREVOTE;
    if (f->round == m->round && (pre ? f->has_prevote : f->has_precommit))
        return true;
    return rs != NULL && (pre ? rs->votes.prevote : rs->votes.precommit)[m->sender].n > 0;
}

static bool enabled(struct small_node *n, const struct state *st, size_t e) {
    if (e >= E_BEGIN)
        return st->parent < 0;
    if (e >= E_TIMER)
        return (st->pending >> (e - E_TIMER) & 1U) != 0;
    return e < HONEST_MAX || !heard_liar(n->core, &n->s->msg[e]);
}

struct small_next small_node_step(struct small_node *n, int32_t state, size_t e) {
    const struct state *st = &n->state[state];
    if (st->to[e] == -2) {
        int32_t to = -1;
        uint64_t said = 0;
        load(n, state);
        if (!st->over && enabled(n, st, e)) {
            struct consensus *c = copy(n->core);
            uint32_t pending = st->pending;
            bool silent = false;
            said = advance(n, c, e, &pending, &silent);
            to = find(n, c, pending, state, e, silent);
            cs_free(c);
        }
        if (said != 0) {
            if (n->n_said == n->cap_said) {
                n->cap_said = n->cap_said == 0 ? 1024 : 2 * n->cap_said;
                n->said = ws_realloc(n->said, n->cap_said * sizeof(*n->said));
            }
            n->said[n->n_said] = (struct said){to, (uint16_t)e, said};
            to = -3 - (int32_t)n->n_said++;
        }
        n->state[state].to[e] = to;
    }
    int32_t to = n->state[state].to[e];
    if (to <= -3)
        return (struct small_next){n->said[-3 - to].state, n->said[-3 - to].set, false};
    if (to < 0 || to == state)
        return (struct small_next){-1, 0, true};
    return (struct small_next){to, 0, n->state[to].visible == n->state[state].visible};
}

struct small_node *small_node_new(struct small *s, size_t me) {
    struct small_node *n = ws_alloc(sizeof(*n));
    n->s = s;
    n->me = me;
    n->loaded = -1;
    n->set.n = SMALL_N;
    n->set.total = SMALL_N;
    for (size_t i = 0; i < SMALL_N; i++) {
        n->set.v[i].power = 1;
        n->set.v[i].address[0] = (uint8_t)(i + 1);
    }
    n->params = (struct cell_params){.timeout_propose_us = 1,
        .timeout_prevote_us = 1,
        .timeout_precommit_us = 1,
        .timeout_delta_us = 1,
        .time_precision_us = 1000,
        .time_delay_us = 1000};
    proposer_init(&n->proposers, &n->set);
    struct consensus *c = fresh(n);
    (void)find(n, c, 0, -1, 0, true);
    cs_free(c);
    return n;
}

void small_node_free(struct small_node *n) {
    cs_free(n->core);
    free(n->state);
    free(n->table);
    free(n->said);
    free(n);
}

size_t small_node_states(const struct small_node *n) {
    return n->n;
}

bool small_node_heard(const struct small_node *n, int32_t state, size_t i) {
    return (n->state[state].heard[i / 64] >> (i % 64) & 1U) != 0;
}

int small_node_round(const struct small_node *n, int32_t state) {
    return n->state[state].round;
}

enum small_value small_node_decided(const struct small_node *n, int32_t state) {
    return (enum small_value)n->state[state].decided;
}

bool small_node_over(const struct small_node *n, int32_t state) {
    return n->state[state].over;
}
