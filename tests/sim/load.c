/* Clients: cars that report, an authority that deploys policies, and what is not worth a block. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "ledger/policy/body.h"
#include "tests/support/orders.h"

#include <string.h>

static bool up(const struct sim *s, size_t i) {
    return nodes_healthy(s->w, i);
}

static void order(struct sim *s, size_t i) {
    if (s->policy_body.n == 0 &&
        policy_make_body("urban", founding_policy_script(), cell_policy_schema(),
            cell_policy_limits(), &s->policy_body, NULL) != WS_OK)
        return;
    uint64_t sequence = s->order_sequence[ROLE_POLICY] + (ws_random_below(&s->random, 5) != 0);
    if (orders_submit(s->w, i, ROLE_POLICY, 1, buf_span(&s->policy_body), sequence) == TX_GOOD)
        s->order_sequence[ROLE_POLICY] = sequence;
}

/* Somebody honest goes and somebody honest comes, or the other way round, so that liars never hold a third. */
static void change_committee(struct sim *s, size_t i) {
    struct nodes *w = s->w;
    uint32_t honest_in = 0;
    uint32_t honest_out = 0;
    for (size_t k = 0; k < w->n_validators; k++) {
        if (!nodes_slot_lies(w, k) && nodes_index_of(w, k, w->highest + 2) >= 0)
            honest_in |= 1U << k;
        else if (!nodes_slot_lies(w, k) && w->who[k].power == 1)
            honest_out |= 1U << k;
    }
    uint32_t out = 0;
    uint32_t in = 0;
    for (size_t k = 0; k < w->n_validators; k++) {
        bool pick = ws_random_below(&s->random, 2) == 0;
        if (pick && (honest_in >> k & 1U) != 0 && w->who[k].power == 1)
            out |= 1U << k;
        if (pick && (honest_out >> k & 1U) != 0)
            in |= 1U << k;
    }
    /* As many votes come as go, so that the liars' share stays. */
    while (__builtin_popcount(out) > __builtin_popcount(in))
        out &= out - 1;
    while (__builtin_popcount(in) > __builtin_popcount(out))
        in &= in - 1;
    uint64_t sequence = s->order_sequence[ROLE_COMMITTEE] + 1;
    if (in != 0 && orders_change_set(w, i, out, in, sequence) == TX_GOOD) {
        s->order_sequence[ROLE_COMMITTEE] = sequence;
        nodes_tell(
            w, "the authorities change the committee: out %x, in %x", (unsigned)out, (unsigned)in);
        cover_hit(STATE_COMMITTEE_ORDER);
    }
}

/* Other time-outs and limits, sometimes such as nobody could live under: those must be refused. */
static void change_params(struct sim *s, size_t i) {
    struct nodes *w = s->w;
    struct cell_params p = w->params;
    uint64_t pick = ws_random_below(&s->random, 6);
    bool unsafe = pick == 0;
    if (unsafe)
        p.tx_octets_max = 256;
    else
        p.timeout_propose_us = 200000 + 100000 * pick;
    p.block_interval_us = 500000 + 250000 * pick;
    uint64_t sequence = s->order_sequence[ROLE_COMMITTEE] + 1;
    if (orders_change_params(w, i, &p, sequence) != TX_GOOD)
        return;
    s->order_sequence[ROLE_COMMITTEE] = sequence;
    nodes_tell(w, "the authorities change the parameters");
    cover_hit(STATE_PARAMS_ORDER);
    if (unsafe)
        nodes_break(w, "parameters that nobody can live under are taken");
}

void load_tick(struct sim *s) {
    struct ws_random *r = &s->random;
    size_t i = ws_random_below(r, s->w->n);
    if (ws_random_below(r, 1000) < s->plan->reports && up(s, i))
        (void)nodes_report(
            s->w, i, ws_random_below(r, TOWN_CARS), ws_random_below(r, 2) == 0 ? 30 : 50);
    if (ws_random_below(r, 1000) < s->plan->orders && up(s, i))
        order(s, i);
    if (ws_random_below(r, 1000) < s->plan->orders && up(s, i) && s->plan->spares > 0)
        change_committee(s, i);
    if (ws_random_below(r, 2000) < s->plan->orders && up(s, i))
        change_params(s, i);
}

void load_free(struct sim *s) {
    buf_free(&s->policy_body);
}
