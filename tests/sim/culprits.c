/* Who made a fork, by what was signed (consensus facts, section 8): two statements for one place, or amnesia: a precommit,
 * and later a prevote for another value without a newer quorum. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

static bool same_value(const struct vote *a, const struct vote *b) {
    return a->nil == b->nil && memcmp(a->id, b->id, sizeof(hash32)) == 0;
}

static bool quorum(
    const struct nodes *w, const struct nodes_height *h, const struct vote *value, int32_t round) {
    bool counted[VALIDATORS_MAX] = {false};
    uint64_t power = 0;
    for (size_t i = 0; i < h->n_votes; i++) {
        const struct vote *v = &h->votes[i];
        if (v->type != VOTE_PREVOTE || v->round != round || !same_value(v, value) ||
            counted[v->validator])
            continue;
        counted[v->validator] = true;
        power += nodes_power_of(w, v->validator, value->height);
    }
    return power_is_quorum(power, nodes_set_at(w, value->height)->total);
}

static bool guilty_pair(const struct nodes *w, const struct nodes_height *h, const struct vote *a,
    const struct vote *b) {
    if (a->validator != b->validator || same_value(a, b))
        return false;
    if (a->round == b->round && a->type == b->type)
        return true;
    if (a->type != VOTE_PRECOMMIT || a->nil || b->type != VOTE_PREVOTE || b->nil ||
        b->round <= a->round)
        return false;
    for (int32_t r = a->round; r < b->round; r++) {
        if (quorum(w, h, b, r))
            return false;
    }
    return true;
}

bool culprits_find(struct nodes *w, uint32_t liars, char *ret_text, size_t n) {
    const struct nodes_height *h = nodes_height_at(w, w->fork_height);
    uint32_t guilty = 0;
    for (size_t i = 0; i < h->n_votes; i++) {
        for (size_t k = 0; k < h->n_votes; k++) {
            if (guilty_pair(w, h, &h->votes[i], &h->votes[k]))
                guilty |= 1U << h->votes[i].validator;
        }
    }
    uint64_t power = 0;
    size_t at = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < w->n_validators; i++) {
        if ((guilty >> i & 1U) == 0)
            continue;
        power += nodes_power_of(w, i, w->fork_height);
        if (at < n)
            at += (size_t)snprintf(ret_text + at, n - at, " %zu", i);
    }
    return (guilty & ~liars) == 0 && power_is_skip(power, nodes_set_at(w, w->fork_height)->total);
}
