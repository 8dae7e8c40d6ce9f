/* Clients: cars that report, an authority that deploys policies, and what is not worth a block. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "ledger/policy/body.h"

#include <string.h>

static bool up(const struct sim *s, size_t i) {
    return nodes_healthy(s->w, i);
}

static void order(struct sim *s, size_t i) {
    struct nodes *w = s->w;
    if (s->policy_body.n == 0 &&
        policy_make_body("urban", founding_policy_script(), cell_policy_schema(),
            cell_policy_limits(), &s->policy_body, NULL) != WS_OK)
        return;
    struct order o = {.sequence = s->order_sequence + (ws_random_below(&s->random, 5) == 0 ? 0 : 1),
        .expiry = w->now.its_us + 60 * 1000000ULL,
        .role = ROLE_POLICY,
        .kind = 1,
        .body = buf_span(&s->policy_body),
        .n_sigs = 1};
    struct buf b = {0};
    uint8_t seed[32];
    memset(seed, 0xaa, sizeof(seed));
    struct signer *authority = signer_new(seed);
    order_sign_bytes(w->cell_id, &o, &b);
    signer_sign(authority, buf_span(&b), o.sigs[0].sig);
    signer_free(authority);
    buf_clear(&b);
    tx_put_order(&b, &o);
    if (nodes_submit(w, i, buf_span(&b)) == TX_GOOD)
        s->order_sequence = o.sequence;
    buf_free(&b);
}

void load_tick(struct sim *s) {
    struct ws_random *r = &s->random;
    size_t i = ws_random_below(r, s->w->n);
    if (ws_random_below(r, 1000) < s->plan->reports && up(s, i))
        (void)nodes_report(
            s->w, i, ws_random_below(r, TOWN_CARS), ws_random_below(r, 2) == 0 ? 30 : 50);
    if (ws_random_below(r, 1000) < s->plan->orders && up(s, i))
        order(s, i);
}

void load_free(struct sim *s) {
    buf_free(&s->policy_body);
}
