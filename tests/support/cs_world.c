#include "tests/support/cs_world.h"

#include "base/assert.h"
#include "base/mem.h"
#include "tests/support/cs_drive.h"

#include <stdio.h>
#include <stdlib.h>

static void break_world(struct world *w, size_t node, const char *what) {
    if (w->broken[0] == '\0')
        (void)snprintf(w->broken, sizeof(w->broken), "validator %zu, height %llu, %llu us: %s",
            node, (unsigned long long)w->node[node].height, (unsigned long long)w->now_us, what);
}

const char *world_broken(const struct world *w) {
    return w->broken[0] == '\0' ? NULL : w->broken;
}

void world_block(uint8_t name, bool valid, hash32 ret_id) {
    memset(ret_id, 0, sizeof(hash32));
    ret_id[0] = 'L';
    ret_id[1] = name;
    ret_id[31] = valid ? 0 : WORLD_INVALID;
}

/* ---- the list of what waits ---- */

static struct world_item *push(struct world *w, size_t node, uint64_t at) {
    if (w->n_items == w->cap_items) {
        w->cap_items = w->cap_items == 0 ? 256 : 2 * w->cap_items;
        w->items = ws_realloc(w->items, w->cap_items * sizeof(w->items[0]));
    }
    struct world_item *it = &w->items[w->n_items++];
    memset(it, 0, sizeof(*it));
    it->node = node;
    it->at = at;
    it->sequence = w->sequence++;
    return it;
}

static uint64_t between(struct world *w, uint64_t lo, uint64_t hi) {
    return hi <= lo ? lo : lo + ws_random_below(&w->random, hi - lo + 1);
}

static bool chance(struct world *w, unsigned of_1000) {
    return of_1000 > 0 && ws_random_below(&w->random, 1000) < of_1000;
}

static void send_one(struct world *w, size_t from, size_t to, const struct cs_event *ev) {
    if (w->node[to].liar || from == to || (w->net.side[from] >> to & 1U) == 0 ||
        chance(w, w->net.loss))
        return;
    do {
        struct world_item *it =
            push(w, to, w->now_us + between(w, w->net.delay_min_us, w->net.delay_max_us));
        it->from = from;
        it->message = true;
        it->ev = *ev;
    } while (chance(w, w->net.repeat));
}

static void send_all(struct world *w, size_t from, const struct cs_event *ev) {
    for (size_t to = 0; to < w->n; to++)
        send_one(w, from, to, ev);
}

/* ---- what must never happen ---- */

static bool same_value(const struct vote *a, const struct vote *b) {
    return a->nil == b->nil && memcmp(a->id, b->id, sizeof(hash32)) == 0;
}

static bool prevote_quorum(const struct world *w, const struct vote *value, int32_t round) {
    bool counted[WORLD_NODES_MAX] = {false};
    uint64_t power = 0;
    for (size_t i = 0; i < w->n_said; i++) {
        const struct vote *v = &w->said[i];
        if (v->height == value->height && v->type == VOTE_PREVOTE && v->round == round &&
            same_value(v, value) && !counted[v->validator]) {
            counted[v->validator] = true;
            power += w->set.v[v->validator].power;
        }
    }
    return power_is_quorum(power, w->set.total);
}

/* "Precommit v in round r, then prevote v' != v in r' > r without a prevote quorum for v' in some round in [r, r')." */
static bool against_lock(const struct world *w, const struct vote *prevote) {
    const struct vote *lock = NULL;
    for (size_t i = 0; i < w->n_said; i++) {
        const struct vote *v = &w->said[i];
        if (v->validator == prevote->validator && v->height == prevote->height &&
            v->type == VOTE_PRECOMMIT && !v->nil && v->round < prevote->round &&
            (lock == NULL || v->round > lock->round))
            lock = v;
    }
    if (prevote->nil || lock == NULL || same_value(lock, prevote))
        return false;
    for (int32_t r = lock->round; r < prevote->round; r++) {
        if (prevote_quorum(w, prevote, r))
            return false;
    }
    return true;
}

static void remember(struct world *w, const struct vote *v) {
    if (w->n_said == w->cap_said) {
        w->cap_said = w->cap_said == 0 ? 256 : 2 * w->cap_said;
        w->said = ws_realloc(w->said, w->cap_said * sizeof(w->said[0]));
    }
    w->said[w->n_said++] = *v;
}

static void check_signed(struct world *w, size_t node, const struct vote *v) {
    for (size_t i = 0; i < w->n_said; i++) {
        const struct vote *o = &w->said[i];
        if (o->validator != v->validator || o->height != v->height || o->round != v->round ||
            o->type != v->type)
            continue;
        if (!same_value(o, v) || o->locked_round != v->locked_round ||
            o->valid_round != v->valid_round)
            break_world(w, node, "signed two statements for one place");
        return;
    }
    if (v->type == VOTE_PREVOTE && against_lock(w, v))
        break_world(w, node, "prevoted against its lock without a newer quorum");
    remember(w, v);
}

/* Statements of heights that every honest node has left are of no use to the checks. */
static void forget(struct world *w) {
    uint64_t lowest = world_lowest(w);
    size_t kept = 0;
    for (size_t i = 0; i < w->n_said; i++) {
        if (w->said[i].height >= lowest)
            w->said[kept++] = w->said[i];
    }
    w->n_said = kept;
}

static void note_decision(struct world *w, size_t node, uint64_t height, const uint8_t *id) {
    WS_ASSERT(height < WORLD_HEIGHTS_MAX);
    if (id[31] == WORLD_INVALID)
        break_world(w, node, "decided an invalid block");
    if (w->decided[height] && memcmp(w->id[height], id, sizeof(hash32)) != 0)
        break_world(w, node, "decided another block than somebody else");
    w->decided[height] = true;
    w->node[node].done = w->one_height;
    memcpy(w->id[height], id, sizeof(hash32));
    w->decisions++;
}

static void check_commit(struct world *w, size_t node) {
    struct commit c;
    uint64_t power = 0;
    cs_commit(w->node[node].c, &c);
    for (size_t i = 0; i < c.n; i++)
        power += c.present[i] ? w->set.v[i].power : 0;
    if (c.n != w->n || !power_is_quorum(power, w->set.total))
        break_world(w, node, "decided without a quorum");
}

/* ---- nodes ---- */

static void start_core(const struct world *w, struct world_node *n, uint64_t height) {
    struct cs_height at = {height, &w->set, (int)(n - w->node), &w->params, &n->proposers};
    cs_start(n->c, &at);
}

static void begin_height(struct world *w, size_t node, uint64_t height) {
    struct world_node *n = &w->node[node];
    n->height = height;
    n->n_log = 0;
    n->durable = 0;
    start_core(w, n, height);
    struct world_item *it = push(w, node, w->now_us + w->params.block_min_us);
    it->ev.kind = CS_EV_BEGIN;
    it->ev.height = height;
}

static void next_height(struct world *w, size_t node) {
    struct world_node *n = &w->node[node];
    (void)proposer_step(&n->proposers, &w->set);
    begin_height(w, node, n->height + 1);
    forget(w);
}

static void append_log(struct world_node *n, const struct cs_event *ev) {
    if (n->n_log == n->cap_log) {
        n->cap_log = n->cap_log == 0 ? 64 : 2 * n->cap_log;
        n->log = ws_realloc(n->log, n->cap_log * sizeof(n->log[0]));
    }
    n->log[n->n_log++] = *ev;
    if (ev->kind == CS_EV_SIGNED_VOTE || ev->kind == CS_EV_SIGNED_PROPOSAL)
        n->durable = n->n_log;
}

static void own_later(struct world *w, size_t node, const struct cs_event *ev) {
    struct world_item *it = push(w, node, w->now_us + between(w, 0, w->net.answer_max_us));
    it->ev = *ev;
}

/* Events that an action asks for at once go to *now (at most one each). */
static bool carry_out(
    struct world *w, size_t node, const struct cs_action *a, struct cs_event *ret_now) {
    struct world_node *n = &w->node[node];
    struct cs_event ev = {.height = a->height, .round = a->round, .received_time = w->now_us};
    switch (a->kind) {
    case CS_ACT_BUILD:
        ev.kind = CS_EV_BUILT;
        ev.block_time = w->now_us;
        ev.id[0] = 'H';
        ev.id[1] = (uint8_t)node;
        put_be32(ev.id + 2, (uint32_t)a->round);
        put_be64(ev.id + 6, a->height);
        put_be32(ev.id + 14, n->built++); /* another build is another block */
        own_later(w, node, &ev);
        return false;
    case CS_ACT_VALIDATE:
        ev.kind = CS_EV_VALIDATED;
        memcpy(ev.id, a->id, sizeof(hash32));
        ev.ok = a->id[31] != WORLD_INVALID;
        own_later(w, node, &ev);
        return false;
    case CS_ACT_TIMER: {
        struct world_item *it = push(w, node, w->now_us + a->after_us);
        it->ev = (struct cs_event){
            .kind = CS_EV_TIMEOUT, .height = a->height, .timer = a->timer, .round = a->round};
        return false;
    }
    case CS_ACT_SIGN_PROPOSAL:
        ev.kind = CS_EV_SIGNED_PROPOSAL;
        ev.proposal = a->proposal;
        *ret_now = ev;
        return true;
    case CS_ACT_SIGN_VOTE:
        check_signed(w, node, &a->vote);
        ev.kind = CS_EV_SIGNED_VOTE;
        ev.vote = a->vote;
        *ret_now = ev;
        return true;
    case CS_ACT_SEND_PROPOSAL:
        ev.kind = CS_EV_PROPOSAL;
        ev.proposal = a->proposal;
        send_all(w, node, &ev);
        return false;
    case CS_ACT_SEND_VOTE:
        ev.kind = CS_EV_VOTE;
        ev.vote = a->vote;
        send_all(w, node, &ev);
        return false;
    case CS_ACT_DECIDED:
        if (n->height == a->height)
            check_commit(w, node);
        note_decision(w, node, a->height, a->id);
        return false;
    case CS_ACT_EVIDENCE:
        w->evidence++;
        if (!w->node[a->vote.validator].liar)
            break_world(w, node, "evidence against an honest validator");
        return false;
    }
    return false;
}

static void settle_actions(struct world *w, size_t node, struct cs_actions *out);

static void feed(struct world *w, size_t node, const struct cs_event *ev) {
    struct world_node *n = &w->node[node];
    struct cs_actions out;
    out.n = 0;
    append_log(n, ev);
    (void)cs_handle(n->c, ev, &out);
    settle_actions(w, node, &out);
}

static void settle_actions(struct world *w, size_t node, struct cs_actions *out) {
    struct world_node *n = &w->node[node];
    uint64_t height = n->height;
    for (size_t i = 0; i < out->n; i++) {
        struct cs_event now;
        if (carry_out(w, node, &out->a[i], &now))
            feed(w, node, &now); /* depth: one for each own signature of the round */
    }
    if (n->height == height && cs_step_now(n->c) == CS_DECIDED && !w->one_height) {
        check_commit(w, node);
        next_height(w, node);
    }
}

void world_open(struct world *w, size_t n, const uint64_t *powers, uint32_t liars, uint64_t seed) {
    WS_ASSERT(n <= WORLD_NODES_MAX);
    memset(w, 0, sizeof(*w));
    w->n = n;
    w->set = drive_set(n, powers);
    w->params = cell_params_default();
    w->params.time_precision_us = 1000000;
    w->params.time_delay_us =
        10000000; /* whether a proposal is timely is another test's business */
    w->random = ws_random_seeded(seed);
    for (size_t i = 0; i < n; i++)
        w->net.side[i] = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        struct world_node *node = &w->node[i];
        proposer_init(&node->proposers, &w->set);
        node->liar = (liars >> i & 1U) == 1;
        node->height = 1;
        if (node->liar)
            continue;
        node->c = cs_new();
        begin_height(w, i, 1);
    }
}

void world_close(struct world *w) {
    for (size_t i = 0; i < w->n; i++) {
        cs_free(w->node[i].c);
        free(w->node[i].log);
    }
    free(w->items);
    free(w->said);
    memset(w, 0, sizeof(*w));
}

/* ---- time ---- */

static void hand_over(struct world *w, size_t from, size_t to) {
    struct world_node *a = &w->node[from];
    struct world_node *b = &w->node[to];
    if (a->c == NULL || b->c == NULL)
        return;
    if (a->done && !b->done) {
        note_decision(w, to, b->height, w->id[b->height]);
        return;
    }
    if (b->height < a->height) { /* the decided block and its commit, as block sync does */
        note_decision(w, to, b->height, w->id[b->height]);
        next_height(w, to);
        return;
    }
    for (int32_t r = 0; a->height == b->height && r <= cs_round(a->c) + 1; r++) {
        const struct cs_proposal *p = cs_proposal_of(a->c, r);
        const struct round_votes *rv = cs_votes(a->c, r);
        struct cs_event ev = {.kind = CS_EV_PROPOSAL, .received_time = w->now_us};
        if (p != NULL) {
            ev.proposal = *p;
            send_one(w, from, to, &ev);
        }
        for (size_t i = 0; rv != NULL && i < w->n; i++) {
            ev.kind = CS_EV_VOTE;
            for (uint8_t k = 0; k < rv->prevote[i].n; k++) {
                ev.vote = rv->prevote[i].vote[k];
                send_one(w, from, to, &ev);
            }
            for (uint8_t k = 0; k < rv->precommit[i].n; k++) {
                ev.vote = rv->precommit[i].vote[k];
                send_one(w, from, to, &ev);
            }
        }
    }
}

void world_gossip(struct world *w, size_t from, size_t to) {
    if (w->node[to].liar || from == to || (w->net.side[from] >> to & 1U) == 0)
        return;
    struct world_item *it =
        push(w, to, w->now_us + between(w, w->net.delay_min_us, w->net.delay_max_us));
    it->from = from;
    it->message = true;
    it->gossip = true;
}

void world_gossip_all(struct world *w) {
    for (size_t a = 0; a < w->n; a++) {
        for (size_t b = 0; b < w->n; b++)
            world_gossip(w, a, b);
    }
}

void world_take(struct world *w, size_t i) {
    const struct world_item it = w->items[i];
    w->items[i] = w->items[--w->n_items];
    if (it.at > w->now_us)
        w->now_us = it.at;
    struct world_node *n = &w->node[it.node];
    if (n->c == NULL)
        return;
    if (it.gossip) {
        hand_over(w, it.from, it.node);
        return;
    }
    struct cs_event ev = it.ev;
    if (it.message)
        ev.received_time = w->now_us;
    feed(w, it.node, &ev);
}

static size_t earliest(const struct world *w, bool own_only) {
    size_t best = w->n_items;
    for (size_t i = 0; i < w->n_items; i++) {
        if (own_only && w->items[i].message)
            continue;
        if (best == w->n_items || w->items[i].at < w->items[best].at ||
            (w->items[i].at == w->items[best].at && w->items[i].sequence < w->items[best].sequence))
            best = i;
    }
    return best;
}

bool world_step(struct world *w) {
    size_t i = earliest(w, false);
    if (i == w->n_items)
        return false;
    world_take(w, i);
    return true;
}

bool world_step_random(struct world *w, unsigned own) {
    size_t messages = 0;
    for (size_t i = 0; i < w->n_items; i++)
        messages += w->items[i].message;
    size_t mine = earliest(w, true);
    if (mine < w->n_items && (messages == 0 || chance(w, own))) {
        world_take(w, mine);
        return true;
    }
    if (messages == 0)
        return false;
    size_t pick = ws_random_below(&w->random, messages);
    for (size_t i = 0; i < w->n_items; i++) {
        if (w->items[i].message && pick-- == 0) {
            world_take(w, i);
            return true;
        }
    }
    return false;
}

void world_run_until(struct world *w, uint64_t at_us) {
    while (w->broken[0] == '\0') {
        size_t i = earliest(w, false);
        if (i == w->n_items || w->items[i].at > at_us)
            break;
        world_take(w, i);
    }
    w->now_us = w->now_us > at_us ? w->now_us : at_us;
}

void world_drop_messages(struct world *w) {
    size_t kept = 0;
    for (size_t i = 0; i < w->n_items; i++) {
        if (!w->items[i].message)
            w->items[kept++] = w->items[i];
    }
    w->n_items = kept;
}

uint64_t world_lowest(const struct world *w) {
    uint64_t lowest = UINT64_MAX;
    for (size_t i = 0; i < w->n; i++) {
        if (!w->node[i].liar && w->node[i].height < lowest)
            lowest = w->node[i].height;
    }
    return lowest;
}

size_t world_proposer(const struct world *w, uint64_t height, int32_t round) {
    struct proposer_state s;
    proposer_init(&s, &w->set);
    for (uint64_t h = 1; h < height; h++)
        (void)proposer_step(&s, &w->set);
    return proposer_of_round(&s, &w->set, round);
}

/* ---- lies ---- */

void world_lie_vote(struct world *w, size_t liar, size_t to, enum vote_type type, uint64_t height,
    int32_t round, const uint8_t *id, int32_t locked_round) {
    WS_ASSERT(w->node[liar].liar);
    struct cs_event ev = {.kind = CS_EV_VOTE};
    ev.vote = (struct vote){.type = type,
        .height = height,
        .round = round,
        .nil = id == NULL,
        .locked_round = type == VOTE_PREVOTE ? locked_round : -1,
        .valid_round = -1,
        .validator = (uint16_t)liar};
    if (id != NULL)
        memcpy(ev.vote.id, id, sizeof(hash32));
    remember(w, &ev.vote);
    send_one(w, liar, to, &ev);
}

void world_lie_proposal(struct world *w, size_t liar, size_t to, uint64_t height, int32_t round,
    const uint8_t *id, int32_t valid_round) {
    WS_ASSERT(w->node[liar].liar);
    struct cs_event ev = {.kind = CS_EV_PROPOSAL};
    ev.proposal = (struct cs_proposal){.height = height,
        .round = round,
        .valid_round = valid_round,
        .block_time = w->now_us,
        .validator = (uint16_t)liar};
    memcpy(ev.proposal.id, id, sizeof(hash32));
    send_one(w, liar, to, &ev);
}

/* ---- crashes ---- */

void world_crash(struct world *w, size_t node) {
    struct world_node *n = &w->node[node];
    WS_ASSERT(n->c != NULL);
    cs_free(n->c);
    n->c = NULL;
    n->down = true;
    n->n_log = n->durable + (size_t)ws_random_below(&w->random, n->n_log - n->durable + 1);
    size_t kept = 0; /* its timers and answers die with it, what is on the air does not */
    for (size_t i = 0; i < w->n_items; i++) {
        if (w->items[i].message || w->items[i].node != node)
            w->items[kept++] = w->items[i];
    }
    w->n_items = kept;
}

/* True if the log from `at` on holds the answer to the action: it must not be asked for again. */
static bool answered(const struct world_node *n, size_t at, const struct cs_action *a) {
    for (size_t i = at; i < n->n_log; i++) {
        const struct cs_event *ev = &n->log[i];
        switch (a->kind) {
        case CS_ACT_BUILD:
            if (ev->kind == CS_EV_BUILT && ev->round == a->round)
                return true;
            break;
        case CS_ACT_VALIDATE:
            if (ev->kind == CS_EV_VALIDATED && memcmp(ev->id, a->id, sizeof(hash32)) == 0)
                return true;
            break;
        case CS_ACT_SIGN_PROPOSAL:
            if (ev->kind == CS_EV_SIGNED_PROPOSAL && ev->proposal.round == a->proposal.round)
                return true;
            break;
        case CS_ACT_SIGN_VOTE:
            if (ev->kind == CS_EV_SIGNED_VOTE && ev->vote.round == a->vote.round &&
                ev->vote.type == a->vote.type)
                return true;
            break;
        case CS_ACT_TIMER:
            if (ev->kind == CS_EV_TIMEOUT && ev->round == a->round && ev->timer == a->timer)
                return true;
            break;
        case CS_ACT_SEND_PROPOSAL:
        case CS_ACT_SEND_VOTE:
        case CS_ACT_EVIDENCE:
            return true; /* gossip sends again */
        case CS_ACT_DECIDED:
            break;
        }
    }
    return a->kind == CS_ACT_SEND_PROPOSAL || a->kind == CS_ACT_SEND_VOTE ||
           a->kind == CS_ACT_EVIDENCE;
}

void world_restart(struct world *w, size_t node) {
    struct world_node *n = &w->node[node];
    WS_ASSERT(n->down);
    n->down = false;
    n->restarts++;
    n->c = cs_new();
    start_core(w, n, n->height);
    size_t n_open = 0;
    struct cs_action *open = ws_calloc(n->n_log * 16 + 1, sizeof(*open));
    bool begun = false;
    for (size_t i = 0; i < n->n_log; i++) {
        struct cs_actions out;
        out.n = 0;
        begun = begun || n->log[i].kind == CS_EV_BEGIN;
        (void)cs_handle(n->c, &n->log[i], &out);
        for (size_t k = 0; k < out.n; k++) {
            if (!answered(n, i + 1, &out.a[k])) {
                WS_ASSERT(n_open < n->n_log * 16 + 1);
                open[n_open++] = out.a[k];
            }
        }
    }
    struct cs_actions rest;
    rest.n = 0;
    for (size_t k = 0; k < n_open; k++) {
        if (open[k].kind == CS_ACT_TIMER && open[k].round != cs_round(n->c))
            continue;
        WS_ASSERT(rest.n < CS_ACTIONS_MAX);
        rest.a[rest.n++] = open[k];
    }
    free(open);
    if (!begun) {
        struct world_item *it = push(w, node, w->now_us + w->params.block_min_us);
        it->ev.kind = CS_EV_BEGIN;
        it->ev.height = n->height;
    }
    settle_actions(w, node, &rest);
}
