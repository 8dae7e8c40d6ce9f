/* The simulator's own parts: its checks see what they are there to see, a seed is one run, verdicts are remembered right. */
#include "tests/support/cm.h"

#include "tests/sim/sim.h"

#include "ledger/exec/hash.h"

enum { SECOND = 1000000 };

static struct nodes *open_cell(void) {
    struct nodes *w = ws_alloc(sizeof(*w));
    struct nodes_plan plan = {.n = 4, .seed = 1};
    nodes_begin(w, &plan);
    nodes_run_to(w, 3, 20ULL * SECOND);
    return w;
}

static void expect_broken(struct nodes *w, const char *text) {
    if (strstr(w->broken, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, w->broken);
    nodes_close(w);
    free(w);
}

static void say(struct nodes *w, size_t by, enum vote_type type, int32_t round, char block) {
    struct vote v = {.type = type,
        .height = w->highest + 1,
        .round = round,
        .nil = block == 0,
        .locked_round = -1,
        .valid_round = -1,
        .validator = (uint16_t)nodes_index_of(w, by, w->highest + 1)};
    memset(v.id, block, sizeof(v.id));
    struct buf b = {0};
    struct buf msg = {0};
    vote_encode(&v, &b);
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_VOTE;
    link.vote = (ProtobufCBinaryData){b.n, b.p};
    (void)wayside__link__link__pack(
        &link, buf_grow(&msg, wayside__link__link__get_packed_size(&link)));
    nodes_note_sent(w, &w->m[by], buf_span(&msg));
    buf_free(&b);
    buf_free(&msg);
}

static void two_statements_for_one_place_are_seen(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    say(w, 1, VOTE_PREVOTE, 7, 'A');
    say(w, 1, VOTE_PREVOTE, 7, 'A');
    say(w, 2, VOTE_PREVOTE, 7, 'B');
    say(w, 1, VOTE_PREVOTE, 8, 'B');
    assert_string_equal(w->broken, "");
    say(w, 1, VOTE_PREVOTE, 7, 0);
    expect_broken(w, "signed two prevotes");
}

static void a_prevote_against_a_lock_is_seen(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    say(w, 1, VOTE_PRECOMMIT, 7, 'A');
    say(w, 1, VOTE_PREVOTE, 8, 'A');
    for (size_t i = 1; i < 4; i++) /* a newer quorum frees it */
        say(w, i, VOTE_PREVOTE, i == 1 ? 9 : 8, i == 1 ? 'A' : 'B');
    assert_string_equal(w->broken, "");
    say(w, 1, VOTE_PREVOTE, 10, 'B');
    expect_broken(w, "against its lock");
}

static void a_newer_quorum_frees_a_lock(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    say(w, 1, VOTE_PRECOMMIT, 7, 'A');
    for (size_t i = 0; i < 4; i++) {
        if (i != 1)
            say(w, i, VOTE_PREVOTE, 8, 'B');
    }
    say(w, 1, VOTE_PREVOTE, 9, 'B');
    assert_string_equal(w->broken, "");
    nodes_close(w);
    free(w);
}

static void a_lost_block_is_seen(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    nodes_kill(w, 2, false);
    w->m[2].promised++;
    struct ws_err err;
    assert_int_equal(nodes_start(w, 2, &err), WS_OK);
    expect_broken(w, "lost block");
}

static void a_transaction_from_nowhere_is_seen(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    w->given_all = true;
    assert_int_equal(nodes_report(w, 0, 0, 30), TX_GOOD);
    table_free(&w->given);
    nodes_run(w, 5ULL * SECOND);
    expect_broken(w, "no client gave in");
}

static void a_block_from_the_future_is_seen(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    for (size_t i = 0; i < 4; i++)
        w->m[i].clock_offset_us = 3600LL * SECOND;
    nodes_run(w, 5ULL * SECOND);
    expect_broken(w, "from the future");
}

static void a_time_that_no_quorum_finds_timely_is_seen(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    uint64_t h = w->highest;
    nodes_set_clock(w, 0, 5LL * SECOND);
    nodes_set_clock(w, 1, 5LL * SECOND);
    nodes_height_at(w, h)->time = w->now.its_us + 5ULL * SECOND;
    nodes_check_time(w, h);
    expect_broken(w, "no quorum can have found timely");
}

static void a_time_that_a_quorum_finds_timely_is_none(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    for (size_t i = 0; i < 3; i++)
        nodes_set_clock(w, i, 5LL * SECOND);
    nodes_height_at(w, w->highest)->time = w->now.its_us + 5ULL * SECOND;
    nodes_check_time(w, w->highest);
    assert_string_equal(w->broken, "");
    nodes_close(w);
    free(w);
}

static void rounds_that_spin_are_seen(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    uint64_t h = w->highest + 2;
    nodes_height_at(w, h)->top_round = 20;
    nodes_height_at(w, h)->top_at = w->now.mono_us - SECOND;
    nodes_check_round(w, &w->m[1], h, 21);
    expect_broken(w, "rounds spin");
}

static void a_round_that_nobody_left_is_seen(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    nodes_check_round(w, &w->m[1], w->highest + 2, 1);
    assert_string_equal(w->broken, "");
    nodes_check_round(w, &w->m[2], w->highest + 2, 3);
    expect_broken(w, "nobody honest was beyond");
}

static void a_stop_is_seen(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    store_memory_fail_after(w->m[3].store, 0);
    nodes_run(w, 5ULL * SECOND);
    expect_broken(w, "validator 3 stopped");
}

/* ---- runs ---- */

static void digest_line(void *ctx, const char *line) {
    uint8_t *digest = ctx;
    struct span parts[] = {{digest, 32}, {(const uint8_t *)line, strlen(line)}};
    exec_sha256(parts, 2, digest);
}

static void a_seed_is_one_run(void **state) {
    (void)state;
    struct town town;
    town_build(&town, 1);
    const struct sim_options o = {.n_min = 4, .n_max = 7, .seconds = 12};
    for (uint64_t seed = 3; seed < 7; seed++) {
        uint8_t digest[2][32] = {{0}};
        struct sim_result r[2];
        for (size_t k = 0; k < 2; k++) {
            struct sim_plan plan;
            plan_draw(&plan, seed, &o);
            sim_run(&plan, &town, digest_line, digest[k], &r[k]);
            plan_free(&plan);
            assert_string_equal(r[k].text, "");
            assert_true(r[k].heights > 3);
        }
        assert_memory_equal(digest[0], digest[1], 32);
        assert_int_equal(r[0].delivered, r[1].delivered);
    }
    town_free(&town);
}

static void what_is_cut_from_a_plan_is_gone(void **state) {
    (void)state;
    const struct sim_options o = {.n_min = 4, .n_max = 7, .seconds = 60};
    struct sim_plan whole;
    uint64_t seed = 1;
    for (plan_draw(&whole, seed, &o); whole.n_events < 20 || whole.reports == 0;) {
        plan_free(&whole);
        plan_draw(&whole, ++seed, &o);
    }
    enum cover_row kind = whole.events[0].kind;
    struct sim_cut cut = {.faults = 1U << (kind - FAULT_LOSS), .load = true};
    struct sim_plan less;
    plan_draw(&less, seed, &o);
    plan_cut(&less, &cut);
    assert_true(less.n_events < whole.n_events);
    assert_int_equal(less.reports, 0);
    for (size_t i = 0, k = 0; i < whole.n_events; i++) {
        if (whole.events[i].kind == kind)
            continue;
        assert_int_equal(less.events[k].at_us, whole.events[i].at_us);
        assert_int_equal(less.events[k++].a, whole.events[i].a);
    }
    plan_free(&whole);
    plan_free(&less);
}

/* ---- verdicts ---- */

static void verdicts_are_remembered_right(void **state) {
    (void)state;
    uint8_t seed[32] = {7};
    uint8_t key[KEY_OCTETS];
    uint8_t sig[SIG_OCTETS];
    uint8_t msg[100] = {1, 2, 3};
    struct signer *s = signer_new(seed);
    signer_public(s, key);
    signer_sign(s, span_of(msg, sizeof(msg)), sig);
    for (size_t k = 0; k < 2; k++)
        assert_true(exec_verify(KEY_ED25519, key, span_of(msg, sizeof(msg)), sig));
    for (size_t i = 0; i < SIG_OCTETS; i++) {
        sig[i] ^= 4;
        for (size_t k = 0; k < 2; k++)
            assert_false(exec_verify(KEY_ED25519, key, span_of(msg, sizeof(msg)), sig));
        sig[i] ^= 4;
    }
    for (size_t i = 0; i < sizeof(msg); i++) {
        assert_false(exec_verify(KEY_ED25519, key, span_of(msg, i), sig));
        msg[i] ^= 1;
        assert_false(exec_verify(KEY_ED25519, key, span_of(msg, sizeof(msg)), sig));
        msg[i] ^= 1;
    }
    assert_true(exec_verify(KEY_ED25519, key, span_of(msg, sizeof(msg)), sig));
    signer_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_statements_for_one_place_are_seen),
        cmocka_unit_test(a_prevote_against_a_lock_is_seen),
        cmocka_unit_test(a_newer_quorum_frees_a_lock),
        cmocka_unit_test(a_lost_block_is_seen),
        cmocka_unit_test(a_transaction_from_nowhere_is_seen),
        cmocka_unit_test(a_block_from_the_future_is_seen),
        cmocka_unit_test(a_time_that_no_quorum_finds_timely_is_seen),
        cmocka_unit_test(a_time_that_a_quorum_finds_timely_is_none),
        cmocka_unit_test(rounds_that_spin_are_seen),
        cmocka_unit_test(a_round_that_nobody_left_is_seen),
        cmocka_unit_test(a_stop_is_seen),
        cmocka_unit_test(a_seed_is_one_run),
        cmocka_unit_test(what_is_cut_from_a_plan_is_gone),
        cmocka_unit_test(verdicts_are_remembered_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
