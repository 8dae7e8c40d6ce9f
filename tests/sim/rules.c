#include "tests/sim/rules.h"

#include "ledger/node/node_internal.h"
#include "tests/sim/cover.h"

#include <inttypes.h>
#include <stdio.h>

enum cs_refusal __real_cs_handle(
    struct consensus *c, const struct cs_event *ev, struct cs_actions *out);
enum cs_refusal __wrap_cs_handle(
    struct consensus *c, const struct cs_event *ev, struct cs_actions *out);

enum cs_refusal __real_cs_wants_vote(const struct consensus *c, const struct vote *v);
enum cs_refusal __wrap_cs_wants_vote(const struct consensus *c, const struct vote *v);
enum cs_refusal __real_cs_wants_proposal(const struct consensus *c, const struct cs_proposal *p);
enum cs_refusal __wrap_cs_wants_proposal(const struct consensus *c, const struct cs_proposal *p);

const char *rules_name(char dst[static 16], bool nil, const uint8_t *id) {
    if (nil)
        (void)snprintf(dst, 16, "nil");
    else
        (void)snprintf(dst, 16, "block %02x%02x", id[0], id[1]);
    return dst;
}

struct before {
    enum cs_step step;
    int32_t round, locked_round, valid_round;
    uint64_t height;
};

static void say_event(struct nodes *w, const struct nodes_member *m, const struct cs_event *ev,
    enum cs_refusal why, const struct before *b) {
    char name[16];
    const char *taken = why == CS_TAKEN ? "" : cs_refusal_text(why);
    static const char *const timers[] = {"propose", "prevote", "precommit"};
    switch (ev->kind) {
    case CS_EV_BEGIN:
        nodes_tell(w, "validator %zu begins height %" PRIu64, m->index, b->height);
        break;
    case CS_EV_PROPOSAL:
        nodes_tell(w,
            "validator %zu hears validator %u propose %s for height %" PRIu64
            " round %d, valid since %d %s",
            m->index, (unsigned)ev->proposal.validator, rules_name(name, false, ev->proposal.id),
            ev->proposal.height, ev->proposal.round, ev->proposal.valid_round, taken);
        break;
    case CS_EV_VOTE:
        nodes_tell(w, "validator %zu hears validator %u %s %s at height %" PRIu64 " round %d %s",
            m->index, (unsigned)ev->vote.validator,
            ev->vote.type == VOTE_PREVOTE ? "prevote" : "precommit",
            rules_name(name, ev->vote.nil, ev->vote.id), ev->vote.height, ev->vote.round, taken);
        break;
    case CS_EV_TIMEOUT:
        nodes_tell(w,
            "validator %zu: time-out of step %s, height %" PRIu64
            " round %d (it is in round %d, step %s)",
            m->index, timers[ev->timer], ev->height, ev->round, b->round, cs_step_name(b->step));
        break;
    case CS_EV_VALIDATED:
        nodes_tell(w, "validator %zu finds %s %s", m->index, rules_name(name, false, ev->id),
            ev->ok ? "valid" : "invalid");
        break;
    case CS_EV_BUILT:
        nodes_tell(w, "validator %zu has built %s for round %d", m->index,
            rules_name(name, false, ev->id), ev->round);
        break;
    case CS_EV_SIGNED_PROPOSAL:
        nodes_tell(w,
            "validator %zu signs its proposal of %s for height %" PRIu64
            " round %d, valid since %d; on the disk",
            m->index, rules_name(name, false, ev->proposal.id), ev->proposal.height,
            ev->proposal.round, ev->proposal.valid_round);
        break;
    case CS_EV_SIGNED_VOTE:
        nodes_tell(w,
            "validator %zu signs %s %s at height %" PRIu64 " round %d (locked in %d); on the disk",
            m->index, ev->vote.type == VOTE_PREVOTE ? "prevote" : "precommit",
            rules_name(name, ev->vote.nil, ev->vote.id), ev->vote.height, ev->vote.round,
            ev->vote.locked_round);
        break;
    case CS_EV_CLOCK:
        nodes_tell(w, "validator %zu %s its clock at height %" PRIu64, m->index,
            ev->ok ? "trusts" : "does not trust", b->height);
        break;
    }
}

/* Who lies; and who lost its disk and then contradicted what nobody had told it. */
static bool may_be_accused(const struct nodes *w, size_t slot) {
    for (size_t i = 0; i < w->n; i++) {
        if (w->m[i].slot == slot && w->m[i].forgot)
            return true;
    }
    return nodes_slot_lies(w, slot);
}

static void fired(struct nodes *w, const struct nodes_member *m, enum cover_row row) {
    cover_hit(row);
    if (w != NULL)
        nodes_tell(w, "validator %zu:   %s", m->index, cover_text(row));
}

static enum cover_row prevote_rule(
    const struct consensus *c, const struct cs_event *ev, const struct vote *v) {
    if (ev->kind == CS_EV_TIMEOUT)
        return RULE_T1;
    if (!v->nil)
        return v->valid_round >= 0 ? RULE_R3 : RULE_R2;
    if (ev->kind == CS_EV_VALIDATED && !ev->ok)
        return RULE_R2_INVALID;
    return cs_locked_round(c) >= 0 ? RULE_R2_LOCK : RULE_R2_UNTIMELY;
}

static enum cover_row precommit_rule(
    const struct cs_event *ev, const struct vote *v, const struct before *b) {
    if (v->nil)
        return ev->kind == CS_EV_TIMEOUT ? RULE_T2 : RULE_R6;
    return b->locked_round >= 0 ? RULE_R5_AGAIN : RULE_R5_LOCK;
}

static bool nil_precommits_have_quorum(
    const struct nodes *w, const struct consensus *c, int32_t r) {
    const struct round_votes *rv = cs_votes(c, r);
    const struct validator_set *set = nodes_set_at(w, cs_height(c));
    return rv != NULL &&
           power_is_quorum(round_votes_power(rv, VOTE_PRECOMMIT, set, NULL), set->total);
}

static void note_round(struct nodes *w, struct nodes_member *m, const struct consensus *c,
    const struct cs_event *ev, const struct before *b) {
    int32_t now = cs_round(c);
    if (now == b->round || cs_height(c) != b->height)
        return;
    if (w != NULL)
        nodes_check_round(w, m, b->height, now);
    if (b->round < 0)
        fired(w, m, ev->kind == CS_EV_BEGIN ? RULE_R1_TIMER : now == 0 ? RULE_EARLY : RULE_R9_FAR);
    else if (ev->kind == CS_EV_TIMEOUT && ev->timer == CS_TIMER_PRECOMMIT)
        fired(w, m, RULE_T3);
    else if (now == b->round + 1 && w != NULL && nil_precommits_have_quorum(w, c, b->round))
        fired(w, m, RULE_NIL_CUT);
    else
        fired(w, m, now > b->round + 1 ? RULE_R9_FAR : RULE_R9);
}

static void note_action(struct nodes *w, const struct nodes_member *m, const struct consensus *c,
    const struct cs_event *ev, const struct before *b, const struct cs_action *a) {
    switch (a->kind) {
    case CS_ACT_BUILD:
        fired(w, m, RULE_R1_BUILD);
        break;
    case CS_ACT_SIGN_PROPOSAL:
        if (a->proposal.valid_round >= 0)
            fired(w, m, RULE_R1_AGAIN);
        break;
    case CS_ACT_SIGN_VOTE:
        fired(w, m,
            a->vote.type == VOTE_PREVOTE ? prevote_rule(c, ev, &a->vote)
                                         : precommit_rule(ev, &a->vote, b));
        break;
    case CS_ACT_VALIDATE:
        if (cs_proposal_of(c, a->round) == NULL)
            fired(w, m, RULE_QUORUM_FIRST);
        break;
    case CS_ACT_TIMER:
        if (a->timer == CS_TIMER_PREVOTE)
            fired(w, m, RULE_R4);
        if (a->timer == CS_TIMER_PRECOMMIT)
            fired(w, m, RULE_R7);
        break;
    case CS_ACT_DECIDED:
        fired(w, m, a->round < cs_round(c) ? RULE_R8_PAST : RULE_R8);
        if (a->round > 0)
            cover_hit(STATE_LATE_ROUND);
        break;
    case CS_ACT_EVIDENCE:
        cover_hit(RULE_EVIDENCE);
        if (w != NULL && !may_be_accused(w, nodes_slot_of(w, a->vote.validator, b->height)))
            nodes_break(w, "validator %zu has evidence against validator %zu, which is honest",
                m->index, nodes_slot_of(w, a->vote.validator, b->height));
        break;
    case CS_ACT_SEND_PROPOSAL:
    case CS_ACT_SEND_VOTE:
        break;
    }
}

enum cs_refusal __wrap_cs_handle(
    struct consensus *c, const struct cs_event *ev, struct cs_actions *out) {
    struct nodes_member *m = nodes_acting();
    struct nodes *w = m == NULL ? NULL : m->world;
    struct before b = {
        cs_step_now(c), cs_round(c), cs_locked_round(c), cs_valid_round(c), cs_height(c)};
    size_t from = out->n;
    enum cs_refusal why = __real_cs_handle(c, ev, out);
    if (w != NULL && w->tell != NULL)
        say_event(w, m, ev, why, &b);
    if (m == NULL)
        return why;
    note_round(w, m, c, ev, &b);
    bool precommits = false;
    for (size_t i = from; i < out->n; i++) {
        precommits = precommits ||
                     (out->a[i].kind == CS_ACT_SIGN_VOTE && out->a[i].vote.type == VOTE_PRECOMMIT);
        note_action(w, m, c, ev, &b, &out->a[i]);
    }
    if (cs_height(c) == b.height && cs_valid_round(c) > b.valid_round && !precommits)
        fired(w, m, RULE_R5_VALID);
    if (ev->kind == CS_EV_TIMEOUT && out->n == from && cs_step_now(c) == b.step)
        cover_hit(RULE_STALE_TIMER);
    if (ev->kind == CS_EV_BUILT && ev->round != b.round)
        cover_hit(RULE_LATE_BUILD);
    return why;
}

/* What the node asks before it spends a signature check. */
enum cs_refusal __wrap_cs_wants_vote(const struct consensus *c, const struct vote *v) {
    enum cs_refusal why = __real_cs_wants_vote(c, v);
    cover_hit(COVER_REFUSAL + why);
    return why;
}

enum cs_refusal __wrap_cs_wants_proposal(const struct consensus *c, const struct cs_proposal *p) {
    enum cs_refusal why = __real_cs_wants_proposal(c, p);
    cover_hit(COVER_REFUSAL + why);
    return why;
}

/* ---- going down and coming back ---- */

void rules_note_down(const struct nodes *w, size_t i) {
    const struct node *n = w->m[i].node;
    if (n == NULL)
        return;
    static const enum cover_row rows[] = {STATE_DOWN_WAIT, STATE_DOWN_PROPOSE, STATE_DOWN_PREVOTE,
        STATE_DOWN_PRECOMMIT, STATE_DOWN_WAIT};
    cover_hit(rows[cs_step_now(n->cs)]);
    if (cs_locked_round(n->cs) >= 0)
        cover_hit(STATE_DOWN_LOCKED);
    const struct node_counters *k = node_counters(n);
    for (size_t d = 0; d < NODE_DROP_COUNT; d++)
        cover_add(COVER_DROP + (enum cover_row)d, k->drops[d]);
    for (size_t v = 0; v < TX_VERDICT_COUNT; v++)
        cover_add(COVER_VERDICT + (enum cover_row)v, k->tx_refused[v]);
    cover_add(STATE_SYNCING, k->synced_blocks);
    cover_add(STATE_FULL_POOL, k->drops[NODE_DROP_MEMPOOL_FULL]);
    cover_add(COVER_VERDICT + TX_GOOD, k->txs);
}

void rules_note_back(const struct nodes *w, size_t i) {
    const struct node *n = w->m[i].node;
    if (n == NULL)
        return;
    if (cs_locked_round(n->cs) >= 0)
        cover_hit(STATE_BACK_LOCKED);
    if (cs_round(n->cs) >= 0)
        cover_hit(STATE_BACK_MID_ROUND);
}
