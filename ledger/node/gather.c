/* Evidence that this node saw happen: it goes into the mempool like any transaction, ahead of bulk, and every
 * validator judges it anew. */
#include "ledger/node/node_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

enum {
    TRIES_PER_HEIGHT =
        8, /* refused votes and proposals whose signature is looked at all the same */
    LOCK_ROUNDS = 8, /* how far apart a precommit and a prevote are compared */
};

static void hand_in(struct node *n, const struct evidence *e, struct ws_now now) {
    struct buf b = {0};
    tx_put_evidence(&b, e);
    if (node_submit(n, buf_span(&b), false, now, NULL) == TX_GOOD)
        ws_log(WS_LOG_WARN, "ledger", "evidence of a %s at height %llu handed in",
            evidence_kind_text(e->kind), (unsigned long long)evidence_height(e));
    buf_free(&b);
}

bool gather_may_try(struct node *n, size_t peer) {
    if (n->gather_height != cs_height(n->cs)) {
        n->gather_height = cs_height(n->cs);
        memset(n->gather_tries, 0, sizeof(n->gather_tries));
    }
    return n->gather_tries[peer] < TRIES_PER_HEIGHT && ++n->gather_tries[peer] > 0;
}

static struct evidence *begin(const struct node *n, enum evidence_kind kind, size_t validator) {
    struct evidence *e = ws_alloc(sizeof(*e));
    e->kind = kind;
    e->alg = n->set->v[validator].alg;
    memcpy(e->key, n->set->v[validator].key, KEY_OCTETS);
    return e;
}

static const struct vote_slot *slot_of(
    const struct node *n, int32_t round, enum vote_type type, size_t who) {
    const struct round_votes *rv = cs_votes(n->cs, round);
    if (rv == NULL || who >= n->set->n)
        return NULL;
    return type == VOTE_PREVOTE ? &rv->prevote[who] : &rv->precommit[who];
}

void gather_vote(struct node *n, const struct vote *second, struct ws_now now) {
    const struct vote_slot *s = slot_of(n, second->round, second->type, second->validator);
    if (s == NULL || s->n == 0 || vote_same_statement(&s->vote[0], second))
        return;
    struct evidence *e = begin(n, EVIDENCE_DOUBLE_VOTE, second->validator);
    e->vote[0] = s->vote[0];
    e->vote[1] = *second;
    hand_in(n, e, now);
    free(e);
}

static void compare_locks(
    struct node *n, size_t who, int32_t early, int32_t late, struct ws_now now) {
    const struct vote_slot *a = slot_of(n, early, VOTE_PRECOMMIT, who);
    const struct vote_slot *b = slot_of(n, late, VOTE_PREVOTE, who);
    if (a == NULL || b == NULL || a->n == 0 || b->n == 0 ||
        !evidence_denies_lock(&a->vote[0], &b->vote[0]))
        return;
    struct evidence *e = begin(n, EVIDENCE_LOCK, who);
    e->vote[0] = a->vote[0];
    e->vote[1] = b->vote[0];
    hand_in(n, e, now);
    free(e);
}

void gather_locks(struct node *n, struct ws_now now) {
    int32_t last = cs_round(n->cs);
    for (int32_t late = last; late > 0 && late > last - LOCK_ROUNDS; late--) {
        for (int32_t early = late - 1; early >= 0 && early > last - LOCK_ROUNDS; early--) {
            for (size_t who = 0; who < n->set->n; who++)
                compare_locks(n, who, early, late, now);
        }
    }
}

void gather_proposal(struct node *n, size_t peer, const struct cs_proposal *p, enum cs_refusal why,
    struct span block, struct ws_now now) {
    bool out_of_turn = why == CS_REFUSED_PROPOSER || why == CS_REFUSED_VALID_ROUND;
    const struct cs_proposal *first =
        why == CS_REFUSED_DUPLICATE ? cs_proposal_of(n->cs, p->round) : NULL;
    struct header hd;
    struct rd r = rd_of(block);
    if (p->height != cs_height(n->cs) || p->validator >= n->set->n ||
        (!out_of_turn && first == NULL))
        return;
    (void)rd_u8(&r);
    if (!header_read(&r, &hd) || hd.height != p->height)
        return;
    struct signed_proposal s = {
        .height = p->height, .round = p->round, .valid_round = p->valid_round};
    header_id(exec_sha256, &hd, s.id);
    memcpy(s.sig, p->sig, SIG_OCTETS);
    if (first != NULL &&
        (first->validator != p->validator ||
            (memcmp(first->id, s.id, 32) == 0 && first->valid_round == p->valid_round)))
        return; /* the same again */
    if (!gather_may_try(n, peer))
        return;
    struct evidence *e =
        begin(n, out_of_turn ? EVIDENCE_BAD_PROPOSAL : EVIDENCE_DOUBLE_PROPOSAL, p->validator);
    e->proposal[0] = s;
    if (first != NULL) {
        e->proposal[1] = (struct signed_proposal){
            .height = first->height, .round = first->round, .valid_round = first->valid_round};
        memcpy(e->proposal[1].id, first->id, 32);
        memcpy(e->proposal[1].sig, first->sig, SIG_OCTETS);
    }
    hand_in(n, e, now);
    free(e);
}

void gather_phantom(
    struct node *n, const struct validator *who, const struct vote *v, struct ws_now now) {
    struct evidence *e = ws_alloc(sizeof(*e));
    e->kind = EVIDENCE_PHANTOM_VOTE;
    e->alg = who->alg;
    memcpy(e->key, who->key, KEY_OCTETS);
    e->vote[0] = *v;
    e->vote[0].validator = 0;
    n->counters.evidence++;
    hand_in(n, e, now);
    free(e);
}
