/* Four whole nodes: a vehicle's message that one unit admitted is a duplicate at the others once their own nodes hold it,
 * and not before. */
#include "tests/support/cm.h"

#include "pktio/replay_window.h"
#include "rsu/onebox.h"
#include "tests/support/town.h"

enum { N = 4, DELAY_US = 5000 };

struct run {
    struct town town;
    struct buf genesis;
    uint8_t seeds[N][32];
    struct onebox *box;
    struct replay_window *window[N];
    size_t committed;
};

static void on_taken(void *ctx, size_t validator, const struct tx *t) {
    struct run *r = ctx;
    assert_int_equal(t->kind, TX_MESSAGE);
    replay_window_hold(
        r->window[validator], t->id, t->spdu.generation_time + 60000000, r->town.epoch);
}

static void on_committed(void *ctx, size_t validator, const struct block *b, const struct commit *c,
    const struct exec_outcome *o) {
    struct run *r = ctx;
    (void)validator;
    (void)c;
    (void)o;
    for (size_t i = 0; i < b->n_txs; i++)
        r->committed += b->txs[i]->kind == TX_MESSAGE;
}

static void step(struct run *r, uint64_t us) {
    struct ws_err err = {0};
    if (onebox_run_until(r->box, onebox_now(r->box).mono_us + us, &err) != 0)
        fail_msg("%s", err.text);
}

static enum tx_verdict submit(struct run *r, size_t validator, size_t car, struct span spdu) {
    struct buf tx = {0};
    struct node *n = onebox_node(r->box, validator);
    struct ws_now now = onebox_now(r->box);
    if (!node_has_cert(n, r->town.car_hash[car])) {
        tx_put_certificate(&tx, buf_span(&r->town.car_cert[car]));
        (void)node_submit(n, buf_span(&tx), false, now, NULL);
        buf_clear(&tx);
    }
    tx_put_message(&tx, r->town.car_hash[car], spdu);
    enum tx_verdict v = node_submit(n, buf_span(&tx), true, now, NULL);
    buf_free(&tx);
    return v;
}

static void identity(const struct run *r, size_t car, struct span octets, uint8_t ret[static 32]) {
    struct spdu spdu;
    size_t at;
    assert_int_equal(spdu_parse(octets, &spdu, &at), COER_OK);
    spdu_identity(&spdu, r->town.car_hash[car], ret);
}

static void held_where_it_is_held(void **state) {
    (void)state;
    struct run *r = ws_alloc(sizeof(*r));
    town_build(&r->town, 1);
    for (size_t i = 0; i < N; i++) {
        memset(r->seeds[i], (int)(i + 1), 32);
        r->window[i] = replay_window_new(1024, i);
    }
    town_genesis(&r->town, (const uint8_t(*)[32])r->seeds, N, &r->genesis);
    struct onebox_config cfg = {.genesis = buf_span(&r->genesis),
        .map = &r->town.map,
        .n = N,
        .seeds = (const uint8_t(*)[32])r->seeds,
        .delay_us = DELAY_US,
        .limits = node_limits_default(),
        .start = {.mono_us = 1000000, .its_us = r->town.epoch},
        .committed = on_committed,
        .taken = on_taken,
        .ctx = r};
    struct ws_err err = {0};
    if (onebox_new(&cfg, &r->box, &err) != 0)
        fail_msg("%s", err.text);
    step(r, 3000000);
    struct buf spdu = {0};
    uint8_t id[32];
    /* The certificate is committed first; a message checked against it can be taken at once. */
    town_report(&r->town, 0, onebox_now(r->box).its_us, 50, &spdu);
    assert_int_equal(submit(r, 0, 0, buf_span(&spdu)), TX_GOOD);
    step(r, 5000000);
    buf_clear(&spdu);
    town_report(&r->town, 0, onebox_now(r->box).its_us, 50, &spdu);
    identity(r, 0, buf_span(&spdu), id);
    /* Handed on at unit 0, as its pipeline would claim it. */
    assert_int_equal(
        replay_window_claim(r->window[0], id, UINT64_MAX, r->town.epoch, false), REPLAY_NEW);
    assert_int_equal(submit(r, 0, 0, buf_span(&spdu)), TX_GOOD);
    assert_int_equal(replay_window_seen(r->window[0], id), REPLAY_HERE);
    for (size_t i = 1; i < N; i++)
        assert_int_equal(replay_window_seen(r->window[i], id), REPLAY_NEW);
    /* Unit 1 heard the very same frame microseconds later: it hands it on too, and the ledger takes one. */
    assert_int_equal(
        replay_window_claim(r->window[1], id, UINT64_MAX, r->town.epoch, false), REPLAY_NEW);
    assert_int_equal(submit(r, 1, 0, buf_span(&spdu)), TX_GOOD);
    step(r, 2 * DELAY_US);
    assert_int_equal(replay_window_seen(r->window[1], id), REPLAY_HERE);
    for (size_t i = 2; i < N; i++)
        assert_int_equal(replay_window_seen(r->window[i], id), REPLAY_HELD);
    size_t before = r->committed;
    step(r, 5000000);
    assert_int_equal(r->committed, before + 1);
    /* A copy with a signature that fits nothing is held by nobody. */
    buf_clear(&spdu);
    town_report(&r->town, 0, onebox_now(r->box).its_us, 50, &spdu);
    identity(r, 0, buf_span(&spdu), id);
    spdu.p[spdu.n - 1] ^= 1;
    struct buf tx = {0};
    tx_put_message(&tx, r->town.car_hash[0], buf_span(&spdu));
    assert_int_equal(
        node_submit(onebox_node(r->box, 3), buf_span(&tx), false, onebox_now(r->box), NULL),
        TX_BAD_SIGNATURE);
    buf_free(&tx);
    step(r, 2 * DELAY_US);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(replay_window_seen(r->window[i], id), REPLAY_NEW);
    buf_free(&spdu);
    onebox_free(r->box);
    for (size_t i = 0; i < N; i++)
        replay_window_free(r->window[i]);
    town_free(&r->town);
    buf_free(&r->genesis);
    free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(held_where_it_is_held)};
    return cmocka_run_group_tests_name("gossip_cell", tests, NULL, NULL);
}
