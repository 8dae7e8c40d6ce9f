#include "ledger/consensus/votes.h"

bool vote_same_statement(const struct vote *a, const struct vote *b) {
    return a->nil == b->nil && memcmp(a->id, b->id, sizeof(hash32)) == 0 &&
           a->locked_round == b->locked_round && a->valid_round == b->valid_round;
}

static bool same_value(const struct vote *a, bool nil, const uint8_t *id) {
    return nil ? a->nil : !a->nil && memcmp(a->id, id, sizeof(hash32)) == 0;
}

static const struct vote_slot *slots(const struct round_votes *rv, enum vote_type type) {
    return type == VOTE_PREVOTE ? rv->prevote : rv->precommit;
}

enum vote_added round_votes_judge(const struct round_votes *rv, const struct vote *v, bool named) {
    const struct vote_slot *slot = &slots(rv, v->type)[v->validator];
    bool has_value = false;
    for (uint8_t i = 0; i < slot->n; i++) {
        if (vote_same_statement(&slot->vote[i], v))
            return VOTE_SAME;
        has_value = has_value || same_value(&slot->vote[i], v->nil, v->id);
    }
    if (slot->n < 2)
        return slot->n == 0 ? VOTE_NEW : VOTE_CONFLICT_KEPT;
    return named && !has_value ? VOTE_CLAIM_KEPT : VOTE_CONFLICT_DROPPED;
}

enum vote_added round_votes_add(struct round_votes *rv, const struct vote *v, bool named) {
    struct vote_slot *slot =
        v->type == VOTE_PREVOTE ? &rv->prevote[v->validator] : &rv->precommit[v->validator];
    enum vote_added added = round_votes_judge(rv, v, named);
    switch (added) {
    case VOTE_NEW:
    case VOTE_CONFLICT_KEPT:
        slot->vote[slot->n++] = *v;
        break;
    case VOTE_CLAIM_KEPT: /* what an earlier proposal named gives way: the one named now is needed now */
        slot->vote[2] = *v;
        slot->n = 3;
        break;
    case VOTE_SAME:
    case VOTE_CONFLICT_DROPPED:
        break;
    }
    return added;
}

uint64_t round_votes_power(const struct round_votes *rv, enum vote_type type,
    const struct validator_set *set, const uint8_t *id) {
    const struct vote_slot *slot = slots(rv, type);
    uint64_t power = 0;
    for (size_t i = 0; i < set->n; i++) {
        bool counted = false;
        for (uint8_t k = 0; k < slot[i].n && !counted; k++)
            counted = same_value(&slot[i].vote[k], id == NULL, id);
        power += counted ? set->v[i].power : 0;
    }
    return power;
}

uint64_t round_votes_any(
    const struct round_votes *rv, enum vote_type type, const struct validator_set *set) {
    const struct vote_slot *slot = slots(rv, type);
    uint64_t power = 0;
    for (size_t i = 0; i < set->n; i++)
        power += slot[i].n > 0 ? set->v[i].power : 0;
    return power;
}

bool round_votes_quorum(const struct round_votes *rv, enum vote_type type,
    const struct validator_set *set, hash32 ret_id) {
    const struct vote_slot *slot = slots(rv, type);
    for (size_t i = 0; i < set->n; i++) {
        for (uint8_t k = 0; k < slot[i].n; k++) {
            const struct vote *v = &slot[i].vote[k];
            if (v->nil)
                continue;
            if (power_is_quorum(round_votes_power(rv, type, set, v->id), set->total)) {
                memcpy(ret_id, v->id, sizeof(hash32));
                return true;
            }
        }
    }
    return false;
}
