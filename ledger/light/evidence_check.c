/* Whether evidence convicts, and whom. What an honest validator may have signed must never do so: each rule names the
 * rule of consensus that it turns around (facts, section 3). */
#include "ledger/light/evidence.h"

static bool signed_vote(
    const struct light_crypto *c, const struct evidence *e, const uint8_t *cell_id, size_t i) {
    struct buf b = {0};
    vote_sign_bytes(cell_id, &e->vote[i], &b);
    bool good = c->verify(e->alg, e->key, buf_span(&b), e->vote[i].sig);
    buf_free(&b);
    return good;
}

static bool signed_proposal(
    const struct light_crypto *c, const struct evidence *e, const uint8_t *cell_id, size_t i) {
    const struct signed_proposal *p = &e->proposal[i];
    struct buf b = {0};
    proposal_sign_bytes(cell_id, p->height, p->round, p->id, p->valid_round, &b);
    bool good = c->verify(e->alg, e->key, buf_span(&b), p->sig);
    buf_free(&b);
    return good;
}

static void signer_address(
    const struct light_crypto *c, const struct evidence *e, hash32 ret_address) {
    struct validator v = {.alg = e->alg};
    memcpy(v.key, e->key, KEY_OCTETS);
    validator_address(c->hash, &v);
    memcpy(ret_address, v.address, 32);
}

static bool same_value(const struct vote *a, const struct vote *b) {
    return a->nil == b->nil && memcmp(a->id, b->id, 32) == 0;
}

/* After a precommit for v in round r one is locked on it (R5), and stays so until a newer quorum: a later prevote for
 * another block that claims an older lock, or this lock and a quorum older than it, denies what was signed (R2, R3).
 * A prevote for nil harms nobody and is let pass. */
bool evidence_denies_lock(const struct vote *precommit, const struct vote *prevote) {
    if (precommit->nil || prevote->nil || prevote->round <= precommit->round ||
        same_value(precommit, prevote))
        return false;
    if (prevote->locked_round != precommit->round)
        return prevote->locked_round < precommit->round;
    return prevote->valid_round < precommit->round;
}

static enum evidence_verdict judge_votes(const struct light_crypto *c, const struct evidence *e,
    const struct evidence_facts *f, const hash32 address) {
    bool member = validator_set_find(f->set, address) >= 0;
    if (e->kind == EVIDENCE_PHANTOM_VOTE) {
        if (member)
            return EVIDENCE_NO_OFFENCE;
        if (f->known == NULL || !f->known(f->ctx, address))
            return EVIDENCE_NOT_MEMBER; /* anybody can make a key and sign with it */
    } else if (!member) {
        return EVIDENCE_NOT_MEMBER;
    }
    if (e->kind == EVIDENCE_DOUBLE_VOTE) {
        const struct vote *a = &e->vote[0];
        const struct vote *b = &e->vote[1];
        bool other = !same_value(a, b) || a->locked_round != b->locked_round ||
                     a->valid_round != b->valid_round;
        if (a->height != b->height || a->round != b->round || a->type != b->type || !other)
            return EVIDENCE_NO_OFFENCE;
    } else if (e->kind == EVIDENCE_LOCK && !evidence_denies_lock(&e->vote[0], &e->vote[1])) {
        return EVIDENCE_NO_OFFENCE;
    }
    size_t n = e->kind == EVIDENCE_PHANTOM_VOTE ? 1 : 2;
    for (size_t i = 0; i < n; i++) {
        if (!signed_vote(c, e, f->cell_id, i))
            return EVIDENCE_BAD_SIGNATURE;
    }
    return EVIDENCE_GOOD;
}

static enum evidence_verdict judge_proposals(const struct light_crypto *c, const struct evidence *e,
    const struct evidence_facts *f, const hash32 address) {
    const struct signed_proposal *a = &e->proposal[0];
    const struct signed_proposal *b = &e->proposal[1];
    if (validator_set_find(f->set, address) < 0)
        return EVIDENCE_NOT_MEMBER;
    if (e->kind == EVIDENCE_DOUBLE_PROPOSAL) {
        if (a->height != b->height || a->round != b->round ||
            (memcmp(a->id, b->id, 32) == 0 && a->valid_round == b->valid_round))
            return EVIDENCE_NO_OFFENCE;
    } else if (a->valid_round >= -1 && a->valid_round < a->round) {
        if (f->proposer == NULL)
            return EVIDENCE_NO_FACTS;
        if (memcmp(f->proposer, address, 32) == 0)
            return EVIDENCE_NO_OFFENCE;
    }
    if (!signed_proposal(c, e, f->cell_id, 0) ||
        (e->kind == EVIDENCE_DOUBLE_PROPOSAL && !signed_proposal(c, e, f->cell_id, 1)))
        return EVIDENCE_BAD_SIGNATURE;
    return EVIDENCE_GOOD;
}

/* ---- a header that is not the chain's ---- */

static bool commit_signatures_good(const struct light_crypto *c, const hash32 cell_id,
    const struct validator_set *set, const struct commit *commit) {
    struct vote v = {.type = VOTE_PRECOMMIT,
        .height = commit->height,
        .round = commit->round,
        .locked_round = -1,
        .valid_round = -1};
    memcpy(v.id, commit->id, 32);
    struct buf b = {0};
    vote_sign_bytes(cell_id, &v, &b);
    bool good = true;
    for (size_t i = 0; i < commit->n && good; i++)
        good = !commit->present[i] ||
               c->verify(set->v[i].alg, set->v[i].key, buf_span(&b), commit->sig[i]);
    buf_free(&b);
    return good;
}

static enum evidence_verdict name_signers(const struct light_crypto *c, const struct evidence *e,
    const struct evidence_facts *f, const struct validator_set *set, struct guilty *ret_guilty) {
    hash32 derived;
    header_derived(c->hash, &e->header, derived);
    bool lunatic = memcmp(derived, f->block->derived, 32) != 0;
    if (!lunatic && !f->block->has_commit)
        return EVIDENCE_NO_FACTS;
    bool same_round = !lunatic && f->block->round == e->commit.round;
    ret_guilty->n = 0;
    for (size_t i = 0; i < set->n; i++) {
        const uint8_t *who = set->v[i].address;
        bool guilty = e->commit.present[i];
        if (lunatic) /* a set of the attacker's own making may hold anybody's key but signatures are theirs */
            guilty = guilty && (validator_set_find(f->set, who) >= 0 ||
                                   (f->common != NULL && validator_set_find(f->common, who) >= 0));
        else
            guilty = guilty && same_round && (f->block->signers >> i & 1U) == 1;
        if (guilty)
            memcpy(ret_guilty->address[ret_guilty->n++], who, 32);
    }
    if (ret_guilty->n > 0)
        return EVIDENCE_GOOD;
    return lunatic ? EVIDENCE_NOT_MEMBER : EVIDENCE_NOBODY;
}

static enum evidence_verdict judge_attack(const struct light_crypto *c, const struct evidence *e,
    const struct evidence_facts *f, struct guilty *ret_guilty) {
    if (memcmp(e->header.cell_id, f->cell_id, 32) != 0)
        return EVIDENCE_OTHER_CELL;
    if (f->block == NULL)
        return EVIDENCE_NO_FACTS;
    hash32 id;
    hash32 set_hash;
    header_id(c->hash, &e->header, id);
    if (memcmp(id, f->block->id, 32) == 0)
        return EVIDENCE_NO_OFFENCE;
    bool other_set = memcmp(e->header.validators, f->set_hash, 32) != 0;
    const struct validator_set *set = other_set ? &e->set : f->set;
    if (other_set)
        validator_set_hash_with(c->hash, &e->set, e->seats, set_hash);
    /* A set that the chain has anyway must not come along: one form. */
    if (e->has_set != other_set || (other_set && memcmp(set_hash, e->header.validators, 32) != 0) ||
        e->commit.n != set->n || e->commit.height != e->header.height ||
        memcmp(e->commit.id, id, 32) != 0)
        return EVIDENCE_WRONG_PARTS;
    struct guilty found;
    enum evidence_verdict v = name_signers(c, e, f, set, &found);
    if (v != EVIDENCE_GOOD)
        return v;
    if (!commit_signatures_good(c, f->cell_id, set, &e->commit))
        return EVIDENCE_BAD_SIGNATURE;
    *ret_guilty = found;
    return EVIDENCE_GOOD;
}

enum evidence_verdict evidence_check(const struct light_crypto *c, const struct evidence *e,
    const struct evidence_facts *f, struct guilty *ret_guilty) {
    if (f->set == NULL)
        return EVIDENCE_NO_FACTS;
    if (e->kind == EVIDENCE_ATTACK)
        return judge_attack(c, e, f, ret_guilty);
    hash32 address;
    signer_address(c, e, address);
    bool votes = e->kind == EVIDENCE_DOUBLE_VOTE || e->kind == EVIDENCE_PHANTOM_VOTE ||
                 e->kind == EVIDENCE_LOCK;
    enum evidence_verdict v =
        votes ? judge_votes(c, e, f, address) : judge_proposals(c, e, f, address);
    if (v == EVIDENCE_GOOD) {
        ret_guilty->n = 1;
        memcpy(ret_guilty->address[0], address, 32);
    }
    return v;
}
