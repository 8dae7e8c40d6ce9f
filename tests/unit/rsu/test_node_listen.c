/* A unit that does not know all it has said in the height in progress: it listens before it speaks, and its peers tell it
 * what it said. tests/support/nodes fails the test when anybody contradicts himself. */
#include "tests/support/cm.h"

#include "ledger/node/node_internal.h"
#include "tests/support/nodes.h"

enum { N = 4, LOST = 3, SAID = 1, SECOND = 1000000 };

/* Until node 0 has said something in the height in progress, as its proposer in every other run. */
static void run_into_a_height(struct nodes *w, enum cs_step step) {
    struct node_status s;
    do {
        nodes_run(w, 200);
        node_status(w->m[0].node, &s);
    } while (s.step != step || cs_proposer(w->m[0].node->cs, s.round) != (size_t)s.me);
}

/* A box comes back without its logs, at any moment of a height: what it said, the others remember. */
static void who_has_lost_its_log_contradicts_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct nodes *w = nodes_new(N, seed);
        nodes_run_to(w, 3, 60 * UINT64_C(1000000));
        uint64_t from = w->highest;
        (void)nodes_report(w, seed % 4, seed % TOWN_CARS, 30);
        run_into_a_height(w, seed % 2 == 0 ? CS_PREVOTE : CS_PRECOMMIT);
        struct nodes_member *m = &w->m[0];
        nodes_kill(w, 0, false);
        for (int i = 0; i < 2; i++)
            assert_int_equal(wal_restart(m->wal[i], NULL), WS_OK);
        assert_int_equal(nodes_start(w, 0, NULL), WS_OK);
        nodes_run_to(w, from + 4, 60 * UINT64_C(1000000));
        nodes_end(w);
    }
}

struct older {
    struct wal *log;
    size_t n, most;
};

static int keep_older(void *ctx, uint8_t type, struct span payload, struct ws_err *err) {
    struct older *o = ctx;
    return o->n++ < o->most ? wal_append(o->log, type, payload, err) : WS_OK;
}

/* A disk comes back as it was earlier in the very height: its log is well formed and not all that was said. The host knows that it may be
 * so (ledger/store/sign_guard.h), and then the others are heard first. */
static void who_has_an_older_log_and_knows_it_contradicts_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct nodes *w = nodes_new(N, seed);
        nodes_run_to(w, 3, 60 * UINT64_C(1000000));
        uint64_t from = w->highest;
        (void)nodes_report(w, seed % 4, seed % TOWN_CARS, 30);
        run_into_a_height(w, seed % 2 == 0 ? CS_PREVOTE : CS_PRECOMMIT);
        struct wal **at = &w->m[0].wal[(w->m[0].promised + 1) % 2];
        struct wal *own = *at;
        nodes_kill(w, 0, false);
        struct older o = {wal_open_memory(), 0, 1 + seed % 3};
        assert_int_equal(wal_replay(own, keep_older, &o, NULL), WS_OK);
        assert_true(o.n > o.most); /* something is missing */
        *at = o.log;
        wal_close(own);
        w->limits.listen_always = true;
        assert_int_equal(nodes_start(w, 0, NULL), WS_OK);
        assert_true(w->m[0].node->listening);
        assert_true(w->m[0].node->replayed > 0);
        nodes_run_to(w, from + 4, 60 * UINT64_C(1000000));
        assert_false(w->m[0].node->listening);
        nodes_end(w);
    }
}

/* Whoever has heard from us falls silent before it could say so: we go on listening. */
static void who_falls_silent_has_told_nothing(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 1);
    nodes_kill(w, 0, true);
    nodes_wipe(w, 0);
    nodes_start_all(w);
    nodes_run_to(w, w->highest, 5 * SECOND);
    uint64_t h = nodes_height(w, 0);
    for (size_t i = 1; i < N; i++)
        nodes_cut(w, i, true);
    nodes_run(w, 5 * SECOND);
    assert_int_equal(nodes_height(w, 0), h);
    assert_true(w->m[0].node->listening);
    for (size_t i = 1; i < N; i++)
        nodes_cut(w, i, false);
    nodes_run(w, 5 * SECOND);
    assert_false(w->m[0].node->listening);
    nodes_end(w);
}

/* A log that was begun while listening says nothing of what was said before the old one was lost. */
static void who_lost_power_while_listening_listens_on(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 1);
    nodes_kill(w, 0, true);
    nodes_wipe(w, 0);
    nodes_start_all(w);
    const struct node *n = w->m[0].node;
    for (unsigned t = 0; n->height < w->highest || n->counters.wal_octets == 0; t++) {
        assert_true(t < 3000 && n->listening);
        nodes_run(w, 1000);
    }
    for (unsigned again = 0; again < 3; again++) {
        assert_true(w->m[0].node->listening);
        nodes_kill(w, 0, false);
        nodes_start_all(w);
        assert_true(w->m[0].node->replayed > 0);
        assert_true(w->m[0].node->listening);
    }
    nodes_run(w, 5 * SECOND);
    assert_false(w->m[0].node->listening);
    nodes_end(w);
}

/* ---- who reminds ---- */

struct heard {
    size_t own; /* votes of its own that came to member LOST */
};

static bool hear(void *ctx, size_t from, size_t to, struct buf *msg) {
    struct heard *h = ctx;
    (void)from;
    if (to != LOST)
        return true;
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg->n, msg->p);
    assert_non_null(link);
    if (link->body_case == WAYSIDE__LINK__LINK__BODY_VOTE) {
        struct rd r = rd_of(span_of(link->vote.data, link->vote.len));
        struct vote v = {0};
        assert_true(vote_read(&r, &v));
        h->own += v.validator == LOST && v.round == SAID;
    }
    wayside__link__link__free_unpacked(link, NULL);
    return true;
}

/* What a unit said in a round to come, before it lost its disk, stands with one peer alone. Back in round 0 it hears it
 * from that peer, and only as long as it is behind its own words. */
static void a_peer_hears_its_own_words_again(void **state) {
    (void)state;
    struct heard h = {0};
    struct nodes *w = nodes_new(N, 5);
    nodes_kill(w, LOST, false);
    nodes_kill(w, 2, false); /* no quorum: the height stays */
    nodes_run(w, 5 * UINT64_C(1000000));
    const struct node *n = w->m[0].node;
    struct vote v = {.type = VOTE_PREVOTE,
        .height = n->height + 1,
        .round = SAID,
        .locked_round = -1,
        .valid_round = -1,
        .validator = LOST,
        .nil = true};
    assert_in_range(cs_round(n->cs), 0, SAID);
    nodes_sign_vote(w, LOST, &v);
    nodes_say_vote(w, LOST, 0, &v);
    w->tap = hear;
    w->tap_ctx = &h;
    nodes_run(w, 2 * UINT64_C(1000000));
    assert_int_equal(h.own, 0); /* it is down */
    nodes_wipe(w, LOST);
    assert_int_equal(nodes_start(w, LOST, NULL), WS_OK);
    w->m[LOST].forgot = true;
    nodes_run(w, 2 * UINT64_C(1000000));
    assert_true(h.own > 0);
    w->tap = NULL;
    nodes_end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_lost_its_log_contradicts_nothing),
        cmocka_unit_test(who_has_an_older_log_and_knows_it_contradicts_nothing),
        cmocka_unit_test(who_falls_silent_has_told_nothing),
        cmocka_unit_test(who_lost_power_while_listening_listens_on),
        cmocka_unit_test(a_peer_hears_its_own_words_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
