/* Feeding consensus and carrying out what it asks for. */
#include "ledger/node/node_internal.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void node_fail(struct node *n, int code, const char *fmt, ...) {
    if (n->failed)
        return; /* the first reason is the one that matters */
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(n->why, sizeof(n->why), fmt, ap);
    va_end(ap);
    n->failed = true;
    n->fail_code = code;
    ws_log(WS_LOG_ERROR, "ledger", "stopping: %s", n->why);
}

void drive_find_slots(struct node *n) {
    for (size_t i = 0; i < n->set->n; i++) {
        n->slot[i] = NODE_NO_SLOT;
        for (size_t k = 0; k < n->peers.n; k++) {
            if (memcmp(n->peers.curve_key[k], n->set->v[i].curve_key, KEY_OCTETS) == 0)
                n->slot[i] = k;
        }
    }
}

void drive_start_height(struct node *n, struct ws_now now) {
    candidates_clear(n);
    n->n_timers = 0;
    uint64_t height = n->height + 1;
    n->pending.n = 0;
    n->set = committee_set(n->committee, height);
    n->params = committee_params(n->committee, height);
    n->me = n->has_address ? validator_set_find(n->set, n->address) : -1;
    drive_find_slots(n);
    struct cs_height at = {height, n->set, n->me, n->params, committee_proposers(n->committee)};
    cs_start(n->cs, &at);
    n->round_mono_us = n->last_round_mono_us = now.mono_us;
    struct ws_err err = {0};
    int rc = recover_log(n, now, &err);
    if (rc != WS_OK) {
        node_fail(n, rc, "%s", err.text);
        return;
    }
    /* The core takes every clock for good until told otherwise, and a log that was replayed tells what was so before. */
    if (cs_height(n->cs) == height && cs_clock_good(n->cs) != n->clock_trusted) {
        struct cs_event ev = {.kind = CS_EV_CLOCK, .height = height, .ok = n->clock_trusted};
        drive_event(n, &ev, now);
    }
}

/* Time-outs of the cell may be too short for a day: a jammed backhaul, machines that do other things. Their growth from
 * round to round finds the time that is needed, and without a memory every height would search anew. So what the deciding
 * round took is given to each step of the next height from its first round on. It only ever lengthens, and it is halved with
 * each height that needed less: a liar who is late in its own turn is forgotten before the next one. */
enum { PACE_MOST = 16 }; /* times the cell's time-out for proposals */

static void learn_pace(struct node *n, int32_t decided_round, struct ws_now now) {
    uint64_t began = decided_round == cs_round(n->cs) ? n->round_mono_us : n->last_round_mono_us;
    uint64_t took = now.mono_us - began;
    uint64_t most = PACE_MOST * n->params->timeout_propose_us;
    took = took < most ? took : most;
    n->pace_us = took > n->pace_us / 2 ? took : n->pace_us / 2;
}

static uint64_t patience_us(const struct node *n, const struct cs_action *a) {
    uint64_t base = a->after_us - (uint64_t)a->round * n->params->timeout_delta_us;
    return a->after_us + (n->pace_us > base ? n->pace_us - base : 0);
}

static void arm(struct node *n, const struct cs_action *a, struct ws_now now) {
    if (n->n_timers == TIMERS_MAX) {
        /* Only timers of rounds long gone can fill the table: the oldest is one of them. */
        for (size_t i = 1; i < n->n_timers; i++)
            n->timer[i - 1] = n->timer[i];
        n->n_timers--;
    }
    n->timer[n->n_timers++] =
        (struct node_timer){now.mono_us + patience_us(n, a), a->timer, a->round};
}

static bool said_before(const struct node *n, const struct vote *v) {
    const struct round_votes *rv = cs_votes(n->cs, v->round);
    return rv != NULL &&
           (v->type == VOTE_PREVOTE ? rv->prevote : rv->precommit)[v->validator].n > 0;
}

/* An own statement: signed, in the log, on the disk; only then does consensus see it and send it. */
/* What was signed before the store was taken back is not known any more. */
static bool may_sign(const struct node *n) {
    return cs_height(n->cs) > n->sign_floor;
}

static void sign_vote(struct node *n, const struct vote *unsigned_vote, struct ws_now now) {
    if (!may_sign(n))
        return;
    struct cs_event ev = {.kind = CS_EV_SIGNED_VOTE, .vote = *unsigned_vote};
    /* We have spoken here already, and only others remember it: a disk was put back, or a second machine has our key.
     * Nobody shall hear us say another thing. */
    if (said_before(n, unsigned_vote))
        return;
    struct buf b = {0};
    vote_sign_bytes(executor_cell_id(n->ex), &ev.vote, &b);
    signer_sign(n->io.signer, buf_span(&b), ev.vote.sig);
    buf_free(&b);
    drive_event(n, &ev, now);
}

static void sign_proposal(
    struct node *n, const struct cs_proposal *unsigned_proposal, struct ws_now now) {
    if (!may_sign(n))
        return;
    struct cs_event ev = {.kind = CS_EV_SIGNED_PROPOSAL, .proposal = *unsigned_proposal};
    struct candidate *c = candidate_find(n, ev.proposal.id);
    if (cs_proposal_of(n->cs, ev.proposal.round) != NULL)
        return; /* said before, as above */
    if (c == NULL || c->block == NULL)
        return; /* a valid value whose block went: the round times out and another proposer goes on */
    ev.proposal.block_time = c->block->header.time;
    ev.received_time =
        now.its_us; /* judged like everybody's: a clock that is behind does not vouch for it */
    struct buf b = {0};
    proposal_sign_bytes(executor_cell_id(n->ex), ev.proposal.height, ev.proposal.round,
        ev.proposal.id, ev.proposal.valid_round, &b);
    signer_sign(n->io.signer, buf_span(&b), ev.proposal.sig);
    buf_free(&b);
    drive_event(n, &ev, now);
}

static void decide(struct node *n, const struct cs_action *a, struct ws_now now) {
    struct candidate *c = candidate_find(n, a->id);
    /* Dozens of rounds have pushed it out; a proposal of it since brought names of transactions only. Whoever has it is a
     * height ahead soon and hands it over (sync.c). */
    if (c == NULL || c->block == NULL || !block_complete(c->block))
        return;
    if (n->writing !=
        NULL) { /* the disk is a height behind: the one batch that may be on its way is */
        n->decision = *a;
        n->has_decision = true;
        return;
    }
    struct commit commit;
    cs_commit(n->cs, &commit);
    gather_locks(n, now);
    struct block *b = c->block;
    c->block = NULL; /* survives the clearing of the height */
    blocks_commit(n, b, &commit, now);
    if (!n->failed)
        drive_start_height(n, now);
}

void drive_durable(struct node *n, struct ws_now now) {
    if (n->has_decision && n->writing == NULL && !n->failed) {
        n->has_decision = false;
        if (n->decision.height == cs_height(n->cs))
            decide(n, &n->decision, now);
    }
    if (!n->failed)
        fetch_apply(n, now);
}

static bool speaks(const struct cs_action *a) {
    return a->kind == CS_ACT_BUILD || a->kind == CS_ACT_SIGN_PROPOSAL ||
           a->kind == CS_ACT_SIGN_VOTE;
}

/* Who has heard us say something is among them, or nothing came of it: with less than a quorum nothing can be decided. Who is a
 * block ahead tells of its own height only, where we may have spoken, too: we have to get there first. */
static bool heard_a_quorum(const struct node *n, uint64_t since_mono_us) {
    uint64_t power = n->me >= 0 ? n->set->v[n->me].power : 0;
    for (size_t i = 0; i < n->set->n; i++) {
        const struct peer *p = n->slot[i] == NODE_NO_SLOT ? NULL : &n->peer[n->slot[i]];
        if ((int)i != n->me && p != NULL && p->heard && p->height <= n->height &&
            p->heard_mono_us >= since_mono_us)
            power += n->set->v[i].power;
    }
    return power_is_quorum(power, n->set->total);
}

void drive_listen_anew(struct node *n, struct ws_now now) {
    n->listen_until_mono_us = now.mono_us + n->limits.listen_us;
    n->listen_since_mono_us = now.mono_us + n->limits.listen_us / 2;
}

/* A machine that finds no log of the height may have lost it. Before it speaks it gives the others time to say what they
 * have heard from it. */
void drive_listen(struct node *n, struct ws_now now) {
    if (!n->listening)
        return;
    if (n->syncing || !heard_a_quorum(n, 0)) {
        n->listen_until_mono_us = UINT64_MAX;
        return;
    }
    if (n->listen_until_mono_us == UINT64_MAX)
        drive_listen_anew(n, now);
    if (now.mono_us < n->listen_until_mono_us)
        return;
    /* Who fell silent before it could answer has told us nothing. */
    if (!heard_a_quorum(n, n->listen_since_mono_us)) {
        n->listen_until_mono_us = now.mono_us + n->limits.status_us / 4;
        return;
    }
    n->listening = false;
    struct cs_actions waiting = n->pending;
    n->pending.n = 0;
    drive_actions(n, &waiting, now);
}

static void carry_out(struct node *n, const struct cs_action *a, struct ws_now now) {
    if (n->listening && speaks(a)) {
        recover_gather(n, a);
        return;
    }
    switch (a->kind) {
    case CS_ACT_BUILD:
        blocks_build(n, a->round, now);
        break;
    case CS_ACT_SIGN_PROPOSAL:
        sign_proposal(n, &a->proposal, now);
        break;
    case CS_ACT_SIGN_VOTE:
        sign_vote(n, &a->vote, now);
        break;
    case CS_ACT_SEND_PROPOSAL: {
        const struct candidate *c = candidate_find(n, a->proposal.id);
        if (c != NULL && c->block != NULL)
            wire_send_proposal(n, ALL_PEERS, &a->proposal, c->block);
        break;
    }
    case CS_ACT_SEND_VOTE:
        wire_send_vote(n, ALL_PEERS, &a->vote);
        break;
    case CS_ACT_VALIDATE: {
        struct candidate *c = candidate_add(n, a->id, NULL, ALL_PEERS);
        c->wanted = true;
        candidate_progress(n, c, now);
        break;
    }
    case CS_ACT_TIMER:
        arm(n, a, now);
        break;
    case CS_ACT_DECIDED:
        learn_pace(n, a->round, now);
        decide(n, a, now);
        break;
    case CS_ACT_EVIDENCE:
        n->counters.evidence++;
        ws_log(WS_LOG_WARN, "ledger",
            "validator %u (%s) contradicts itself at height %llu round %d",
            (unsigned)a->vote.validator, n->set->v[a->vote.validator].owner,
            (unsigned long long)a->vote.height, a->vote.round);
        gather_vote(n, &a->vote, now);
        break;
    }
}

void drive_actions(struct node *n, const struct cs_actions *acts, struct ws_now now) {
    uint64_t height = cs_height(n->cs);
    for (size_t i = 0; i < acts->n && !n->failed; i++) {
        /* An earlier action may have ended the height; what was meant for it is void. */
        if (cs_height(n->cs) != height)
            return;
        carry_out(n, &acts->a[i], now);
    }
}

void drive_event(struct node *n, const struct cs_event *ev, struct ws_now now) {
    if (n->failed)
        return;
    if (!recover_log_event(n, ev))
        return;
    struct cs_actions acts = {.n = 0};
    bool paused = cs_step_now(n->cs) == CS_WAIT;
    int32_t round = cs_round(n->cs);
    (void)cs_handle(n->cs, ev, &acts);
    if (paused && cs_step_now(n->cs) != CS_WAIT)
        n->begun_mono_us = now.mono_us;
    if (cs_round(n->cs) != round) {
        n->last_round_mono_us = n->round_mono_us;
        n->round_mono_us = now.mono_us;
    }
    drive_actions(n, &acts, now);
}
