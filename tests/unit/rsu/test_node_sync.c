/* What a node lacks comes from the others: transactions of a proposal, another copy of a message, whole blocks. */
#include "tests/support/cm.h"

#include "ledger/exec/hash.h"
#include "ledger/node/query.h"
#include "tests/support/nodes.h"
#include "v2x/psid.h"

#include <stdio.h>

enum { N = 4, SECOND = 1000000 };

/* ---- transactions ---- */

struct pushes {
    bool lose;
    size_t lost, asked; /* requests for transactions */
};

static bool lose_pushes(void *ctx, size_t from, size_t to, struct buf *msg) {
    struct pushes *p = ctx;
    (void)from;
    (void)to;
    uint8_t field = msg->n == 0 ? 0 : msg->p[0];
    p->asked += field == 0x2a;
    if (field != 0x22 || !p->lose)
        return true;
    p->lost++;
    return false;
}

/* Some come before a test's own: not all have heard the others when the first height begins. */
static uint64_t late_rounds(const struct nodes *w) {
    uint64_t n = 0;
    for (size_t i = 0; i < N; i++)
        n += node_counters(w->m[i].node)->rounds_beyond_zero;
    return n;
}

static void missing_transactions_are_asked_for(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 1);
    uint64_t before = late_rounds(w);
    struct pushes p = {.lose = true};
    w->tap = lose_pushes;
    w->tap_ctx = &p;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(nodes_report(w, 2, i, 30), TX_GOOD);
    nodes_run(w, 30000);
    assert_int_equal(p.lost, 2 * (N - 1)); /* six certificates together, then six messages */
    p.lose = false;
    nodes_run(w, 8 * SECOND); /* long enough for every node to propose */
    assert_int_equal(w->committed.n, 12);
    assert_in_range(p.asked, 1, 3 * (N - 1));
    assert_int_equal(late_rounds(w), before);
    for (size_t i = 0; i < N; i++) {
        struct node_status s;
        node_status(w->m[i].node, &s);
        assert_int_equal(s.mempool_txs, 0);
    }
    nodes_end(w);
}

/* The proposer goes away before it has answered: others that hold the block's transactions answer instead. */
static void somebody_else_answers_when_the_proposer_is_gone(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct nodes *w = nodes_new(N, seed);
        struct pushes p = {.lose = true};
        w->tap = lose_pushes;
        w->tap_ctx = &p;
        (void)nodes_report(w, 1, 0, 30);
        nodes_run(w, 30000);
        p.lose = false;
        nodes_run(w, ws_random_below(&w->random, 4 * SECOND));
        nodes_kill(w, 1, seed % 2 == 0);
        nodes_run(w, 20 * SECOND);
        nodes_start_all(w);
        nodes_run(w, 8 * SECOND);
        nodes_end(w);
    }
}

/* One message as two cars' neighbours hear it: signed with a digest and with the whole certificate. */
static void put_copy(
    struct nodes *w, size_t car, uint64_t time, bool with_certificate, struct buf *ret_tx) {
    struct observation o = {.map_version = 1, .time = time, .range_mm = 60000, .half_angle = 8192};
    frame_to_wgs(&w->town.map.frame, -20000, -2000, &o.lat, &o.lon);
    struct obs_report *r = &o.reports[o.n_reports++];
    *r = (struct obs_report){.kind = REPORT_DETECTED,
        .element_kind = EL_SIGN,
        .has_element = true,
        .has_position = true,
        .sigma_mm = 500,
        .has_value = true,
        .value = 50,
        .has_heading = true};
    memcpy(r->element_id, w->town.sign->id, 16);
    frame_to_wgs(&w->town.map.frame, 200, -100, &r->lat, &r->lon);
    struct buf payload = {0};
    struct buf spdu = {0};
    observation_put(&payload, &o);
    struct spdu_request rq = {.psid = PSID_MAP_OBSERVATION,
        .generation_time = time,
        .has_location = true,
        .lat = o.lat,
        .lon = o.lon,
        .payload = buf_span(&payload),
        .with_certificate = with_certificate};
    spdu_put_signed(&spdu, &rq, w->town.car_key[car], buf_span(&w->town.car_cert[car]));
    tx_put_message(ret_tx, w->town.car_hash[car], buf_span(&spdu));
    buf_free(&payload);
    buf_free(&spdu);
}

static void two_copies_of_a_message_are_one(void **state) {
    (void)state;
    size_t asked = 0;
    for (size_t odd = 0; odd < N; odd++) {
        struct nodes *w = nodes_new(N, 3);
        uint64_t before = late_rounds(w);
        struct buf cert = {0};
        tx_put_certificate(&cert, buf_span(&w->town.car_cert[0]));
        assert_int_equal(nodes_submit(w, 0, buf_span(&cert)), TX_GOOD);
        buf_free(&cert);
        nodes_run_to(w, w->highest + 2, 10 * SECOND);
        struct pushes p = {.lose = true};
        w->tap = lose_pushes;
        w->tap_ctx = &p;
        struct buf copy[2] = {{0}, {0}};
        uint64_t time = w->now.its_us;
        for (size_t k = 0; k < 2; k++)
            put_copy(w, 0, time, k == 1, &copy[k]);
        struct tx *t[2];
        for (size_t k = 0; k < 2; k++)
            assert_int_equal(tx_parse(buf_span(&copy[k]), &t[k], NULL), WS_OK);
        assert_memory_equal(t[0]->id, t[1]->id, 32);
        assert_memory_not_equal(t[0]->leaf, t[1]->leaf, 32);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(nodes_submit(w, i, buf_span(&copy[i == odd])), TX_GOOD);
        nodes_run(w, 30000);
        p.lose = false;
        nodes_run(w, 8 * SECOND);
        assert_int_equal(w->committed.n, 2);
        assert_non_null(table_get(&w->committed, t[0]->id));
        assert_int_equal(late_rounds(w), before);
        asked += p.asked; /* one that lacks the others' copy may get the decided block first */
        for (size_t i = 0; i < N; i++) {
            struct node_status s;
            node_status(w->m[i].node, &s);
            assert_int_equal(s.mempool_txs, 0);
            for (size_t k = 0; k < 2; k++)
                assert_int_equal(nodes_submit(w, i, buf_span(&copy[k])), TX_DUPLICATE);
        }
        for (size_t k = 0; k < 2; k++) {
            tx_unref(t[k]);
            buf_free(&copy[k]);
        }
        nodes_end(w);
    }
    assert_true(asked > 0);
}

static bool lose_proposals(void *ctx, size_t from, size_t to, struct buf *msg) {
    (void)ctx;
    (void)from;
    return to != 1 || msg->n == 0 || msg->p[0] != 0x0a;
}

/* Proposals never reach it, votes do: it asks for the block that a quorum names, and has it within two ways there and
 * back, also when those it asks have gone on to the next height. */
static void a_block_named_by_a_quorum_is_fetched(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 7);
    w->tap = lose_proposals;
    for (size_t i = 0; i < 20; i++) {
        (void)nodes_report(w, 2, i, 30);
        uint64_t h = w->highest;
        while (w->highest == h)
            nodes_run(w, 1000);
        h = w->highest;
        nodes_run(w, 40000);
        if (nodes_height(w, 1) < h)
            fail_msg("height %llu is not there", (unsigned long long)h);
    }
    nodes_end(w);
}

/* ---- blocks ---- */

static void a_validator_that_was_cut_off_catches_up_and_votes(void **state) {
    (void)state;
    for (size_t who = 0; who < N; who++) {
        struct nodes *w = nodes_new(N, 4);
        nodes_cut(w, who, true);
        uint64_t h = nodes_height(w, who);
        for (size_t i = 0; w->highest < h + 50; i++) {
            if (i < TOWN_CARS)
                (void)nodes_report(w, (who + 1) % N, i, 30);
            nodes_run(w, SECOND);
        }
        assert_true(nodes_height(w, who) <= h + 1);
        nodes_cut(w, who, false);
        uint64_t target = w->highest;
        nodes_run(w, 4 * SECOND);
        assert_true(nodes_height(w, who) >= target);
        assert_true(node_counters(w->m[who].node)->synced_blocks >= 50);
        /* It counts again: with another one gone, nothing would be decided without it. */
        size_t other = (who + 2) % N;
        nodes_kill(w, other, true);
        nodes_run_to(w, w->highest + 3, 30 * SECOND);
        struct header hd;
        struct commit c;
        assert_true(node_last(w->m[(who + 1) % N].node, &hd, &c));
        assert_true(c.present[who]);
        nodes_end(w);
    }
}

/* It restarts while it is behind, again and again, with power gone each time. */
static void catching_up_survives_restarts(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 5);
    nodes_kill(w, 0, true);
    nodes_run(w, 60 * SECOND);
    for (size_t i = 0; i < 30; i++) {
        nodes_start_all(w);
        nodes_run(w, 100000 + ws_random_below(&w->random, 600000));
        nodes_kill(w, 0, i % 2 == 0);
    }
    nodes_end(w);
}

/* ---- proofs ---- */

static bool prove(struct nodes *w, size_t i, struct span key, bool present) {
    struct header hd;
    struct commit c;
    struct buf octets = {0};
    struct ws_err err = {0};
    bool sound = true;
    if (node_last(w->m[i].node, &hd, &c) &&
        query_state_bundle(node_executor(w->m[i].node), 0, &hd, &c, EXECUTOR_IDENTITY, key, &octets,
            &err) == WS_OK) {
        struct state_bundle *p = ws_alloc(sizeof(*p));
        assert_int_equal(state_bundle_decode(buf_span(&octets), p, &err), WS_OK);
        sound = light_check_state(&exec_light_crypto, buf_span(&w->genesis), p, &err) == WS_OK &&
                p->present == present;
        if (!sound)
            print_message("%s\n", err.text);
        free(p);
    }
    buf_free(&octets);
    return sound;
}

/* Either no proof yet or one that holds; also right after a restart, when the last header speaks of a state that is
 * not in memory any more. */
static void a_restarted_node_proves_nothing_wrong(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 6);
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(nodes_report(w, 0, i, 50), TX_GOOD);
        nodes_run(w, 700000);
        uint8_t key[33] = {'c'};
        memcpy(key + 1, w->town.car_hash[0], 32);
        uint8_t absent[33] = {'c', 1, 2, 3};
        if (i > 3) {
            assert_true(prove(w, i % N, span_of(key, 33), true));
            nodes_kill(w, i % N, false);
            nodes_start_all(w);
            assert_true(prove(w, i % N, span_of(key, 33), true));
        }
        assert_true(prove(w, i % N, span_of(absent, 33), false));
    }
    nodes_end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_transactions_are_asked_for),
        cmocka_unit_test(somebody_else_answers_when_the_proposer_is_gone),
        cmocka_unit_test(two_copies_of_a_message_are_one),
        cmocka_unit_test(a_block_named_by_a_quorum_is_fetched),
        cmocka_unit_test(a_validator_that_was_cut_off_catches_up_and_votes),
        cmocka_unit_test(catching_up_survives_restarts),
        cmocka_unit_test(a_restarted_node_proves_nothing_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
