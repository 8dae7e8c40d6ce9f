/* Four whole nodes: a vehicle's message that one unit admitted is a duplicate at the others once their own nodes hold it,
 * and not before. */
#include "tests/support/cm.h"

#include "pktio/replay_window.h"
#include "tests/support/townbox.h"

enum { N = 4 };

struct run {
    struct townbox box;
    struct replay_window *window[N];
    size_t committed;
};

static void on_taken(void *ctx, size_t validator, const struct tx *t) {
    struct run *r = ctx;
    assert_int_equal(t->kind, TX_MESSAGE);
    replay_window_hold(
        r->window[validator], t->id, t->spdu.generation_time + 60000000, r->box.town.epoch);
}

static void on_committed(void *ctx, const struct block *b, const struct exec_outcome *o) {
    struct run *r = ctx;
    (void)o;
    for (size_t i = 0; i < b->n_txs; i++)
        r->committed += b->txs[i]->kind == TX_MESSAGE;
}

static void identity(const struct run *r, size_t car, struct span octets, uint8_t ret[static 32]) {
    struct spdu spdu;
    size_t at;
    assert_int_equal(spdu_parse(octets, &spdu, &at), COER_OK);
    spdu_identity(&spdu, r->box.town.car_hash[car], ret);
}

static void held_where_it_is_held(void **state) {
    (void)state;
    struct run *r = ws_alloc(sizeof(*r));
    for (size_t i = 0; i < N; i++)
        r->window[i] = replay_window_new(1024, i);
    const struct townbox_plan plan = {
        .n = N, .committed = on_committed, .taken = on_taken, .ctx = r};
    townbox_open(&r->box, &plan);
    townbox_run(&r->box, 3000000);
    struct buf spdu = {0};
    uint8_t id[32];
    /* The certificate is committed first; a message checked against it can be taken at once. */
    town_report(&r->box.town, 0, onebox_now(r->box.box).its_us, 50, &spdu);
    assert_int_equal(townbox_hand_in(&r->box, 0, 0, buf_span(&spdu), true), TX_GOOD);
    townbox_run(&r->box, 5000000);
    buf_clear(&spdu);
    town_report(&r->box.town, 0, onebox_now(r->box.box).its_us, 50, &spdu);
    identity(r, 0, buf_span(&spdu), id);
    /* Handed on at unit 0, as its pipeline would claim it. */
    assert_int_equal(
        replay_window_claim(r->window[0], id, UINT64_MAX, r->box.town.epoch, false), REPLAY_NEW);
    assert_int_equal(townbox_hand_in(&r->box, 0, 0, buf_span(&spdu), true), TX_GOOD);
    assert_int_equal(replay_window_seen(r->window[0], id), REPLAY_HERE);
    for (size_t i = 1; i < N; i++)
        assert_int_equal(replay_window_seen(r->window[i], id), REPLAY_NEW);
    /* Unit 1 heard the very same frame microseconds later: it hands it on too, and the ledger takes one. */
    assert_int_equal(
        replay_window_claim(r->window[1], id, UINT64_MAX, r->box.town.epoch, false), REPLAY_NEW);
    assert_int_equal(townbox_hand_in(&r->box, 1, 0, buf_span(&spdu), true), TX_GOOD);
    townbox_run(&r->box, 2 * TOWNBOX_DELAY_US);
    assert_int_equal(replay_window_seen(r->window[1], id), REPLAY_HERE);
    for (size_t i = 2; i < N; i++)
        assert_int_equal(replay_window_seen(r->window[i], id), REPLAY_HELD);
    size_t before = r->committed;
    townbox_run(&r->box, 5000000);
    assert_int_equal(r->committed, before + 1);
    /* A copy with a signature that fits nothing is held by nobody. */
    buf_clear(&spdu);
    town_report(&r->box.town, 0, onebox_now(r->box.box).its_us, 50, &spdu);
    identity(r, 0, buf_span(&spdu), id);
    spdu.p[spdu.n - 1] ^= 1;
    struct buf tx = {0};
    tx_put_message(&tx, r->box.town.car_hash[0], buf_span(&spdu));
    assert_int_equal(
        node_submit(onebox_node(r->box.box, 3), buf_span(&tx), false, onebox_now(r->box.box), NULL),
        TX_BAD_SIGNATURE);
    buf_free(&tx);
    townbox_run(&r->box, 2 * TOWNBOX_DELAY_US);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(replay_window_seen(r->window[i], id), REPLAY_NEW);
    buf_free(&spdu);
    townbox_close(&r->box);
    for (size_t i = 0; i < N; i++)
        replay_window_free(r->window[i]);
    free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(held_where_it_is_held)};
    return cmocka_run_group_tests_name("gossip_cell", tests, NULL, NULL);
}
