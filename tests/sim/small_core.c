#include "tests/sim/small_core.h"

/* The core itself, so that its states can be copied and told apart. */
#include "ledger/consensus/consensus.c" /* NOLINT(bugprone-suspicious-include) */

#include <stdio.h>

enum { HEIGHT = 7, TIME = 1000000000, TABLE_MIN = 1 << 12, DEPTH_MAX = 256, TOGETHER = 3 };
/* Places of what is remembered: votes of one round and type, votes of rounds to come, then other events. */
enum { PLACE_TO_COME = 8, PLACE_EVENT = 16 };

struct state {
    uint64_t a, b; /* digest */
    int32_t parent;
    uint8_t path[TOGETHER], n_path; /* events from the parent to here */
    uint8_t decided, over;
    int32_t round;
    uint32_t pending; /* own events that are due: bit e - E_TIMER */
};

/* What follows in a state from an event, or from votes that can be heard. */
struct answer {
    uint64_t said;
    int32_t state; /* -1: free */
    uint16_t place, n;
    uint32_t from; /* in next */
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
    size_t n_answers, cap_answers;
    struct answer *answer;
    size_t n_next, cap_next;
    struct small_next *next;
    /* the core of the state that is being asked */
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

/* What a prevote claims about locks is for judges after the fact; no rule reads it, so it makes no other statement here. */
static uint64_t say_vote(struct small_node *n, const struct vote *v) {
    struct small_msg m = {(uint8_t)n->me, v->type == VOTE_PREVOTE ? M_PREVOTE : M_PRECOMMIT,
        (uint8_t)v->round, v->nil ? V_NIL : v->id[0], -1, -1};
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
    int32_t parent, const uint8_t *path, size_t n_path) {
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
        .n_path = (uint8_t)n_path,
        .decided = c->step == CS_DECIDED ? c->decided_id[0] : V_NIL,
        .over = c->step == CS_DECIDED || c->round >= SMALL_ROUNDS,
        .round = c->round,
        .pending = pending};
    for (size_t i = 0; i < n_path; i++)
        st->path[i] = path[i];
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
    int32_t way[DEPTH_MAX];
    size_t k = 0;
    for (int32_t i = state; n->state[i].parent >= 0; i = n->state[i].parent) {
        WS_ASSERT(k < DEPTH_MAX);
        way[k++] = i;
    }
    cs_free(n->core);
    n->core = fresh(n);
    uint32_t pending = 0;
    while (k > 0) {
        const struct state *st = &n->state[way[--k]];
        for (size_t i = 0; i < st->n_path; i++) {
            bool silent = false;
            (void)advance(n, n->core, st->path[i], &pending, &silent);
        }
    }
    n->loaded = state;
}

/* A second vote of the honest is the same vote; the liar says one thing for each place to each listener (to others
 * it may say another). */
static bool heard_before(const struct small_node *n, const struct consensus *c, size_t e) {
    const struct small_msg *m = &n->s->msg[e];
    const struct round_state *rs = round_at(c, m->round);
    const struct future *f = &c->future[m->sender];
    if (m->kind == M_PROPOSAL)
        return (rs != NULL && rs->has_proposal) || (f->round == m->round && f->has_proposal);
    bool pre = m->kind == M_PREVOTE;
    return (f->round == m->round && (pre ? f->has_prevote : f->has_precommit)) ||
           (rs != NULL && (pre ? rs->votes.prevote : rs->votes.precommit)[m->sender].n > 0);
}

static bool enabled(const struct small_node *n, const struct state *st, size_t e) {
    if (e >= E_BEGIN)
        return st->parent < 0;
    if (e >= E_TIMER)
        return (st->pending >> (e - E_TIMER) & 1U) != 0;
    return !heard_before(n, n->core, e);
}

/* ---- what is remembered ---- */

static struct answer *answer_place(
    const struct small_node *n, int32_t state, unsigned place, uint64_t said) {
    uint64_t h = ((uint64_t)(uint32_t)state * 0x9e3779b97f4a7c15ULL ^ said) * 0xff51afd7ed558ccdULL;
    h = (h ^ h >> 31 ^ place) * 0xc4ceb9fe1a85ec53ULL;
    size_t i = (size_t)(h >> 20) & (n->cap_answers - 1);
    for (; n->answer[i].state >= 0; i = (i + 1) & (n->cap_answers - 1)) {
        const struct answer *a = &n->answer[i];
        if (a->state == state && a->place == place && a->said == said)
            break;
    }
    return &n->answer[i];
}

static void grow_answers(struct small_node *n) {
    struct answer *old = n->answer;
    size_t cap = n->cap_answers;
    n->cap_answers = cap == 0 ? TABLE_MIN : 2 * cap;
    n->answer = ws_calloc(n->cap_answers, sizeof(*n->answer));
    for (size_t i = 0; i < n->cap_answers; i++)
        n->answer[i].state = -1;
    for (size_t i = 0; i < cap; i++) {
        if (old[i].state >= 0)
            *answer_place(n, old[i].state, old[i].place, old[i].said) = old[i];
    }
    free(old);
}

static void note_next(struct small_node *n, int32_t to, uint64_t said) {
    if (n->n_next == n->cap_next) {
        n->cap_next = n->cap_next == 0 ? 1024 : 2 * n->cap_next;
        n->next = ws_realloc(n->next, n->cap_next * sizeof(*n->next));
    }
    n->next[n->n_next++] = (struct small_next){to, said};
}

static struct answer *ask(
    struct small_node *n, int32_t state, unsigned place, uint64_t said, bool *ret_known) {
    if (2 * n->n_answers >= n->cap_answers)
        grow_answers(n);
    struct answer *a = answer_place(n, state, place, said);
    *ret_known = a->state >= 0;
    if (!*ret_known) {
        n->n_answers++;
        *a = (struct answer){said, state, (uint16_t)place, 0, (uint32_t)n->n_next};
    }
    return a;
}

struct small_next small_node_step(struct small_node *n, int32_t state, size_t e) {
    bool known = false;
    struct answer *a = ask(n, state, PLACE_EVENT + (unsigned)e, 0, &known);
    if (!known && !n->state[state].over) {
        load(n, state);
        if (enabled(n, &n->state[state], e)) {
            struct consensus *c = copy(n->core);
            uint32_t pending = n->state[state].pending;
            bool silent = false;
            uint8_t path = (uint8_t)e;
            uint64_t said = advance(n, c, e, &pending, &silent);
            note_next(n, find(n, c, pending, state, &path, 1), said);
            a->n = 1;
            cs_free(c);
        }
    }
    return a->n == 0 ? (struct small_next){-1, 0} : n->next[a->from];
}

struct hearing {
    struct small_node *n;
    int32_t state;
    uint8_t msg[MSGS_MAX];
    size_t n_msg;
    uint8_t path[TOGETHER];
    size_t most; /* votes that are heard together */
};

/* Votes that change nothing by themselves wait until they are needed: a vote can be heard at any time after it was cast, so
 * hearing it early gives nothing that hearing it with those that complete a quorum does not give. Together they are
 * heard in one order, for the order of votes of which none fires a rule changes nothing. */
static void hear(
    struct hearing *h, const struct consensus *c, uint32_t pending, size_t from, size_t depth) {
    struct small_node *n = h->n;
    for (size_t i = from; i < h->n_msg; i++) {
        if (heard_before(n, c, h->msg[i]))
            continue;
        struct consensus *k = copy(c);
        uint32_t due = pending;
        bool silent = false;
        h->path[depth] = h->msg[i];
        uint64_t said = advance(n, k, h->msg[i], &due, &silent);
        if (!silent)
            note_next(n, find(n, k, due, h->state, h->path, depth + 1), said);
        else if (depth + 1 < h->most)
            hear(h, k, due, i + 1, depth + 1);
        cs_free(k);
    }
}

static bool of_place(const struct small_msg *m, int now, uint8_t round, int kind) {
    return m->kind != M_PROPOSAL &&
           (kind < 0 ? m->round > now : m->round == round && m->kind == kind);
}

const struct small_next *small_node_hear(
    struct small_node *n, int32_t state, uint64_t said, uint8_t round, int kind, size_t *ret_n) {
    int now = n->state[state].round;
    struct hearing h = {.n = n, .state = state, .most = kind < 0 ? 2 : TOGETHER};
    uint64_t mask = 0;
    bool senders[SMALL_N] = {false};
    for (unsigned sender = 0; sender < SMALL_N; sender++) {
        for (size_t i = 0; i < n->s->n_honest; i++) {
            const struct small_msg *m = &n->s->msg[i];
            if ((said >> i & 1U) == 0 || m->sender != sender || !of_place(m, now, round, kind))
                continue;
            senders[sender] = true;
            if (sender == n->me)
                continue;
            mask |= UINT64_C(1) << i;
            h.msg[h.n_msg++] = (uint8_t)i;
        }
    }
    /* The liar last: to somebody else it could say another thing. */
    for (size_t i = 0; i < n->s->n_liar; i++) {
        const struct small_msg *m = &n->s->msg[HONEST_MAX + i];
        if (!of_place(m, now, round, kind))
            continue;
        senders[m->sender] = true;
        h.msg[h.n_msg++] = (uint8_t)(HONEST_MAX + i);
    }
    *ret_n = 0;
    int voices = senders[0] + senders[1] + senders[2] + senders[3];
    if (n->state[state].over || h.n_msg == 0 || (kind >= 0 && voices < 3))
        return NULL; /* no rule looks at fewer */
    bool known = false;
    unsigned place = kind < 0 ? PLACE_TO_COME : 2U * round + (kind == M_PRECOMMIT);
    struct answer *a = ask(n, state, place, mask, &known);
    if (!known) {
        load(n, state);
        hear(&h, n->core, n->state[state].pending, 0, 0);
        a->n = (uint16_t)(n->n_next - a->from);
    }
    *ret_n = a->n;
    return n->next + a->from;
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
    (void)find(n, c, 0, -1, NULL, 0);
    cs_free(c);
    return n;
}

void small_node_free(struct small_node *n) {
    cs_free(n->core);
    free(n->state);
    free(n->table);
    free(n->answer);
    free(n->next);
    free(n);
}

size_t small_node_states(const struct small_node *n) {
    return n->n;
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
