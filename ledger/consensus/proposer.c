#include "ledger/consensus/proposer.h"

#include "base/assert.h"

void proposer_init(struct proposer_state *s, const struct validator_set *set) {
    memset(s, 0, sizeof(*s));
    s->n = set->n;
}

static void bring_into_range(struct proposer_state *s, int64_t total) {
    int64_t lo = s->priority[0];
    int64_t hi = s->priority[0];
    for (size_t i = 1; i < s->n; i++) {
        lo = s->priority[i] < lo ? s->priority[i] : lo;
        hi = s->priority[i] > hi ? s->priority[i] : hi;
    }
    int64_t window = 2 * total;
    if (hi - lo > window) {
        int64_t ratio = (hi - lo + window - 1) / window;
        for (size_t i = 0; i < s->n; i++)
            s->priority[i] /= ratio;
    }
    __int128 sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += s->priority[i];
    int64_t average = (int64_t)(sum / (__int128)s->n);
    for (size_t i = 0; i < s->n; i++)
        s->priority[i] -= average;
}

size_t proposer_step(struct proposer_state *s, const struct validator_set *set) {
    WS_ASSERT(s->n == set->n);
    WS_ASSERT(s->n > 0);
    WS_ASSERT(set->total > 0);
    int64_t total = (int64_t)set->total;
    bring_into_range(s, total);
    size_t best = 0;
    for (size_t i = 0; i < s->n; i++) {
        s->priority[i] += (int64_t)set->v[i].power;
        bool more = s->priority[i] > s->priority[best];
        bool tie = s->priority[i] == s->priority[best];
        if (more || (tie && memcmp(set->v[i].address, set->v[best].address, sizeof(hash32)) < 0))
            best = i;
    }
    s->priority[best] -= total;
    return best;
}

void proposer_follow(struct proposer_state *s, const struct validator_set *before,
    const struct validator_set *after) {
    struct proposer_state next = {.n = after->n};
    int64_t total = (int64_t)after->total;
    for (size_t i = 0; i < after->n; i++) {
        int was = validator_set_find(before, after->v[i].address);
        next.priority[i] = was >= 0 ? s->priority[was] : -(total + total / 8);
    }
    *s = next;
}

/* A round beyond this bound repeats the order: with n validators of bounded weights the walk is periodic
 * anyway, and nobody can make a node take two billion steps by naming a round. */
enum { STEPS_MAX = 4096 };

size_t proposer_of_round(
    const struct proposer_state *s, const struct validator_set *set, int32_t round) {
    struct proposer_state copy = *s;
    size_t chosen = 0;
    for (int32_t i = 0; i <= round % STEPS_MAX; i++)
        chosen = proposer_step(&copy, set);
    return chosen;
}
