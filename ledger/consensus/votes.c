#include "ledger/consensus/votes.h"

static bool same_statement(const struct vote *a, const struct vote *b) {
    return a->nil == b->nil && memcmp(a->id, b->id, sizeof(hash32)) == 0 &&
           a->locked_round == b->locked_round && a->valid_round == b->valid_round;
}

static bool same_value(const struct vote *a, bool nil, const uint8_t *id) {
    return nil ? a->nil : !a->nil && memcmp(a->id, id, sizeof(hash32)) == 0;
}

static const struct vote_slot *slots(const struct round_votes *rv, enum vote_type type) {
    return type == VOTE_PREVOTE ? rv->prevote : rv->precommit;
}

enum vote_added round_votes_add(struct round_votes *rv, const struct vote *v) {
    struct vote_slot *slot =
        v->type == VOTE_PREVOTE ? &rv->prevote[v->validator] : &rv->precommit[v->validator];
    for (uint8_t i = 0; i < slot->n; i++) {
        if (same_statement(&slot->vote[i], v))
            return VOTE_SAME;
    }
    if (slot->n == 2)
        return VOTE_CONFLICT_DROPPED;
    slot->vote[slot->n++] = *v;
    return slot->n == 1 ? VOTE_NEW : VOTE_CONFLICT_KEPT;
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
