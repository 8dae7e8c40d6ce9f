/* Clients: cars that report, an authority that deploys policies, and what is not worth a block. */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/policy/body.h"
#include "tests/support/orders.h"

#include <string.h>

static bool up(const struct sim *s, size_t i) {
    return nodes_healthy(s->w, i);
}

/* Comments make a policy long. */
static void make_bodies(struct sim *s) {
    enum { LONG = 36000 };
    struct span script = founding_policy_script();
    struct buf padded = {0};
    buf_put(&padded, script.p, script.n);
    while (padded.n < LONG)
        buf_put(&padded, "\n-- nothing", 11);
    int rc = policy_make_body(
        "urban", script, cell_policy_schema(), cell_policy_limits(), &s->policy_body, NULL);
    WS_ASSERT(rc == WS_OK);
    rc = policy_make_body(
        "urban", buf_span(&padded), cell_policy_schema(), cell_policy_limits(), &s->big_body, NULL);
    WS_ASSERT(rc == WS_OK);
    buf_free(&padded);
}

static bool submit_policy(struct sim *s, size_t i, const struct buf *body) {
    if (s->policy_body.n == 0)
        make_bodies(s);
    uint64_t sequence = s->order_sequence[ROLE_POLICY] + (ws_random_below(&s->random, 5) != 0);
    if (orders_submit(s->w, i, ROLE_POLICY, 1, buf_span(body), sequence) != TX_GOOD)
        return false;
    s->order_sequence[ROLE_POLICY] = sequence;
    return true;
}

static void order(struct sim *s, size_t i) {
    (void)submit_policy(s, i, &s->policy_body);
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

/* Such as nobody could live under, or beyond what this cell's links and replay protection were founded for. */
static void make_unsafe(struct sim *s, struct cell_params *p) {
    const struct cell_params *founded = &s->w->params;
    switch (ws_random_below(&s->random, 4)) {
    case 0:
        p->message_age_us = founded->message_age_us + 1;
        break;
    case 1:
        p->block_octets_max = founded->block_octets_max + 1;
        break;
    case 2:
        p->tx_octets_max = founded->tx_octets_max + 1;
        break;
    default:
        p->tx_octets_max = 256;
        break;
    }
}

/* Up and down again, while messages and orders wait that fit no more. */
static void change_limits(struct sim *s, size_t i, struct cell_params *p) {
    const struct cell_params *founded = &s->w->params;
    struct ws_random *r = &s->random;
    bool up_again = ws_random_below(r, 2) == 0;
    p->message_age_us = up_again ? founded->message_age_us : 1000000 * (1 + ws_random_below(r, 10));
    p->tx_octets_max = ws_random_below(r, 2) == 0 ? founded->tx_octets_max : 32768;
    p->block_octets_max =
        ws_random_below(r, 2) == 0 ? founded->block_octets_max : p->tx_octets_max + 1000;
    p->block_txs_max = ws_random_below(r, 2) == 0 ? founded->block_txs_max : 32;
    if (p->tx_octets_max == 32768 && submit_policy(s, i, &s->big_body)) {
        nodes_tell(s->w, "an order of %zu octets waits; limits are lowered", s->big_body.n);
        cover_hit(STATE_SMALLER);
    }
}

/* Other time-outs and limits, sometimes such as must be refused. */
static void change_params(struct sim *s, size_t i) {
    struct nodes *w = s->w;
    struct cell_params p = s->params;
    uint64_t pick = ws_random_below(&s->random, 6);
    bool unsafe = pick == 0;
    if (unsafe)
        make_unsafe(s, &p);
    else
        p.timeout_propose_us = 200000 + 100000 * pick;
    p.block_interval_us = 500000 + 250000 * pick;
    if (s->plan->limits && !unsafe)
        change_limits(s, i, &p);
    uint64_t sequence = s->order_sequence[ROLE_COMMITTEE] + 1;
    if (orders_change_params(w, i, &p, sequence) != TX_GOOD)
        return;
    s->order_sequence[ROLE_COMMITTEE] = sequence;
    nodes_tell(w, "the authorities change the parameters");
    cover_hit(STATE_PARAMS_ORDER);
    s->lowest_age_us = p.message_age_us < s->lowest_age_us ? p.message_age_us : s->lowest_age_us;
    s->params = p;
    if (unsafe)
        nodes_break(w, "parameters that nobody can live under are taken");
}

/* A car's report, kept to be given in again. */
static void report(struct sim *s, size_t i) {
    struct ws_random *r = &s->random;
    size_t at = s->n_old++ % SIM_OLD;
    buf_clear(&s->old[at]);
    s->old_time[at] = s->w->now.its_us;
    size_t car = ws_random_below(r, TOWN_CARS);
    (void)nodes_report_kept(s->w, i, car, ws_random_below(r, 2) == 0 ? 30 : 50, &s->old[at]);
}

static void report_again(struct sim *s, size_t i) {
    size_t at = ws_random_below(&s->more, SIM_OLD);
    if (s->old[at].n == 0)
        return;
    uint64_t age = s->w->now.its_us - s->old_time[at];
    if (age > s->lowest_age_us && age < s->params.message_age_us)
        cover_hit(STATE_AGE_RAISED);
    (void)nodes_submit(s->w, i, buf_span(&s->old[at]));
}

void load_tick(struct sim *s) {
    struct ws_random *r = &s->random;
    size_t i = ws_random_below(r, s->w->n);
    if (ws_random_below(r, 1000) < s->plan->reports && up(s, i))
        report(s, i);
    if (s->plan->limits && ws_random_below(&s->more, 10) == 0 && up(s, i))
        report_again(s, i);
    if (ws_random_below(r, 1000) < s->plan->orders && up(s, i))
        order(s, i);
    if (ws_random_below(r, 1000) < s->plan->orders && up(s, i) && s->plan->spares > 0)
        change_committee(s, i);
    if (ws_random_below(r, 2000) < s->plan->orders && up(s, i))
        change_params(s, i);
    if (s->plan->limits && ws_random_below(&s->more, 60) == 0 && up(s, i))
        change_params(s, i);
}

void load_free(struct sim *s) {
    buf_free(&s->policy_body);
    buf_free(&s->big_body);
    for (size_t i = 0; i < SIM_OLD; i++)
        buf_free(&s->old[i]);
}
