/* Votes and proposals of others: everything cheap first, then the signature, then consensus hears of it. */
#include "ledger/node/node_internal.h"

#include "base/log.h"
#include "ledger/exec/hash.h"

static bool vote_signed(const struct node *n, const struct validator *who, const struct vote *v) {
    struct buf b = {0};
    vote_sign_bytes(executor_cell_id(n->ex), v, &b);
    bool good = exec_verify(who->alg, who->key, buf_span(&b), v->sig);
    buf_free(&b);
    return good;
}

/* Who sends under a key that validated once, and votes on. */
static void look_for_phantom(struct node *n, size_t peer, const struct vote *v, struct ws_now now) {
    const uint8_t *key = n->peers.curve_key[peer];
    for (size_t i = 0; i < n->set->n; i++) {
        if (n->slot[i] == peer)
            return;
    }
    if (!gather_may_try(n, peer))
        return;
    for (const struct validator_set *set = committee_set_before(n->committee, n->set); set != NULL;
         set = committee_set_before(n->committee, set)) {
        for (size_t i = 0; i < set->n; i++) {
            if (memcmp(set->v[i].curve_key, key, KEY_OCTETS) == 0 &&
                validator_set_find(n->set, set->v[i].address) < 0 &&
                vote_signed(n, &set->v[i], v)) {
                gather_phantom(n, &set->v[i], v, now);
                return;
            }
        }
    }
}

static void note_own(struct node *n, const struct vote *v) {
    if (n->counters.own_votes_heard++ == 0)
        ws_log(WS_LOG_WARN, "ledger",
            "a vote under our key that this machine has not cast or has forgotten (height %llu): "
            "if another machine runs with this key, stop one of them",
            (unsigned long long)v->height);
}

void hear_vote(struct node *n, size_t peer, struct span octets, struct ws_now now) {
    struct cs_event ev = {.kind = CS_EV_VOTE};
    struct rd r = rd_of(octets);
    if (!vote_read(&r, &ev.vote) || !rd_done(&r)) {
        peer_drop(n, peer, NODE_DROP_MALFORMED, now);
        return;
    }
    enum cs_refusal why = cs_wants_vote(n->cs, &ev.vote);
    if (why != CS_TAKEN) {
        peer_drop(n, peer, why == CS_REFUSED_HEIGHT ? NODE_DROP_HEIGHT : NODE_DROP_NOT_WANTED, now);
        if (why == CS_REFUSED_INDEX)
            look_for_phantom(n, peer, &ev.vote, now);
        return;
    }
    if (!peer_may_check(n, peer, CHECKS_STATEMENTS, now)) {
        peer_drop(n, peer, NODE_DROP_CHECKS, now);
        return;
    }
    bool good = vote_signed(n, &n->set->v[ev.vote.validator], &ev.vote);
    peer_checked(n, peer, CHECKS_STATEMENTS, good);
    if (!good) {
        peer_drop(n, peer, NODE_DROP_BAD_SIGNATURE, now);
        look_for_phantom(n, peer, &ev.vote, now);
        return;
    }
    if (n->me >= 0 && ev.vote.validator == n->me)
        note_own(n, &ev.vote);
    drive_event(n, &ev, now);
}

static bool proposal_signed(const struct node *n, const struct cs_proposal *p) {
    const struct validator *v = &n->set->v[p->validator];
    struct buf b = {0};
    proposal_sign_bytes(executor_cell_id(n->ex), p->height, p->round, p->id, p->valid_round, &b);
    bool good = exec_verify(v->alg, v->key, buf_span(&b), p->sig);
    buf_free(&b);
    return good;
}

void hear_proposal(
    struct node *n, size_t peer, const Wayside__Link__Proposal *m, struct ws_now now) {
    struct cs_event ev = {.kind = CS_EV_PROPOSAL, .received_time = now.its_us};
    struct cs_proposal *p = &ev.proposal;
    p->height = m->height;
    p->round = m->round;
    p->valid_round = m->valid_round;
    if (m->validator > UINT16_MAX || m->signature.len != SIG_OCTETS || m->round < 0) {
        peer_drop(n, peer, NODE_DROP_MALFORMED, now);
        return;
    }
    p->validator = (uint16_t)m->validator;
    memcpy(p->sig, m->signature.data, SIG_OCTETS);
    enum cs_refusal why = cs_wants_proposal(n->cs, p);
    if (why != CS_TAKEN) {
        peer_drop(n, peer, why == CS_REFUSED_HEIGHT ? NODE_DROP_HEIGHT : NODE_DROP_NOT_WANTED, now);
        gather_proposal(n, peer, p, why, span_of(m->block.data, m->block.len), now);
        return;
    }
    /* The signature covers the block id, which is the hash of the header at the front: checking it costs a fixed
     * prefix, not a walk through the transactions. */
    struct header hd;
    struct rd r = rd_of(span_of(m->block.data, m->block.len));
    (void)rd_u8(&r);
    if (!header_read(&r, &hd) || hd.height != p->height) {
        peer_drop(n, peer, NODE_DROP_MALFORMED, now);
        return;
    }
    /* A fresh block names whoever proposes it; a re-proposal keeps its first author. */
    if (p->valid_round < 0 && memcmp(hd.proposer, n->set->v[p->validator].address, 32) != 0) {
        peer_drop(n, peer, NODE_DROP_BAD_BLOCK, now);
        return;
    }
    header_id(exec_sha256, &hd, p->id);
    p->block_time = hd.time;
    if (!peer_may_check(n, peer, CHECKS_STATEMENTS, now)) {
        peer_drop(n, peer, NODE_DROP_CHECKS, now);
        return;
    }
    bool good = proposal_signed(n, p);
    peer_checked(n, peer, CHECKS_STATEMENTS, good);
    if (!good) {
        peer_drop(n, peer, NODE_DROP_BAD_SIGNATURE, now);
        return;
    }
    struct block *b = NULL;
    if (block_decode_compact(span_of(m->block.data, m->block.len), n->params, &b, NULL) != WS_OK) {
        peer_drop(n, peer, NODE_DROP_BAD_BLOCK, now);
        return;
    }
    struct candidate *c = candidate_add(n, p->id, b, peer);
    c->from = peer;
    drive_event(n, &ev, now);
    c = candidate_find(n, ev.proposal.id);
    if (c != NULL && !n->failed)
        candidate_progress(n, c, now);
}
