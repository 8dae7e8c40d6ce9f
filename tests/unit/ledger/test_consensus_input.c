/* What the core refuses, and what it must not be made to do by messages and answers that come late, twice,
 * or from elsewhere. */
#include "tests/support/cm.h"
#include "tests/support/cs_drive.h"

static struct drive d;

static int close_drive(void **state) {
    (void)state;
    drive_close(&d);
    return 0;
}

static void timer_of_another_height_does_nothing(void **state) {
    (void)state;
    drive_open(&d, 4, NULL, 1);
    (void)drive_begin(&d);
    struct cs_event ev = {.kind = CS_EV_TIMEOUT, .timer = CS_TIMER_PROPOSE, .round = 0};
    for (uint64_t h = DRIVE_HEIGHT - 1; h <= DRIVE_HEIGHT + 1; h += 2) {
        ev.height = h;
        d.out.n = 0;
        assert_int_equal(cs_handle(d.c, &ev, &d.out), CS_REFUSED_HEIGHT);
        assert_int_equal(d.out.n, 0);
    }
    assert_int_equal(drive_timeout(&d, CS_TIMER_PROPOSE, 0), CS_TAKEN);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 0, 0));
}

static void block_built_for_another_height_is_not_proposed(void **state) {
    (void)state;
    drive_open(&d, 4, NULL, 0);
    (void)drive_begin(&d);
    const struct cs_action *build = drive_find(&d, CS_ACT_BUILD);
    assert_non_null(build);
    assert_int_equal(build->height, DRIVE_HEIGHT);
    struct cs_event ev = {.kind = CS_EV_BUILT, .height = DRIVE_HEIGHT - 1, .round = 0};
    d.out.n = 0;
    assert_int_equal(cs_handle(d.c, &ev, &d.out), CS_REFUSED_HEIGHT);
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_PROPOSAL), 0);
    assert_int_equal(drive_built(&d, 0, 'A'), CS_TAKEN);
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_PROPOSAL), 1);
}

static enum cs_refusal give_vote(struct vote v) {
    struct cs_event ev = {.kind = CS_EV_VOTE, .vote = v};
    enum cs_refusal asked = cs_wants_vote(d.c, &v);
    d.out.n = 0;
    enum cs_refusal got = cs_handle(d.c, &ev, &d.out);
    assert_int_equal(got, asked); /* what is worth a signature check is what is taken */
    return got;
}

static enum cs_refusal give_proposal(struct cs_proposal p, uint64_t received) {
    struct cs_event ev = {.kind = CS_EV_PROPOSAL, .proposal = p, .received_time = received};
    enum cs_refusal asked = cs_wants_proposal(d.c, &p);
    d.out.n = 0;
    enum cs_refusal got = cs_handle(d.c, &ev, &d.out);
    assert_int_equal(got, asked);
    return got;
}

static void open_as(int me) {
    drive_open(&d, 4, NULL, me);
    (void)drive_begin(&d);
}

static void refusals_have_names(void **state) {
    (void)state;
    open_as(0);
    for (int i = 0; i < CS_REFUSAL_COUNT; i++) {
        assert_true(strlen(cs_refusal_text((enum cs_refusal)i)) > 0);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(
                cs_refusal_text((enum cs_refusal)i), cs_refusal_text((enum cs_refusal)k));
    }
}

static void votes_out_of_range(void **state) {
    (void)state;
    open_as(3);
    struct vote v = drive_make_vote(1, VOTE_PREVOTE, 0, 'A');
    v.height = DRIVE_HEIGHT + 1;
    assert_int_equal(give_vote(v), CS_REFUSED_HEIGHT);
    v.height = DRIVE_HEIGHT - 1;
    assert_int_equal(give_vote(v), CS_REFUSED_HEIGHT);
    v = drive_make_vote(4, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(give_vote(v), CS_REFUSED_INDEX);
    v.validator = UINT16_MAX;
    assert_int_equal(give_vote(v), CS_REFUSED_INDEX);
    static const int32_t rounds[] = {-1, -2, INT32_MIN, CS_ROUND_MAX + 1, INT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
        v = drive_make_vote(1, VOTE_PREVOTE, rounds[i], 'A');
        assert_int_equal(give_vote(v), CS_REFUSED_ROUND);
    }
    assert_int_equal(give_vote(drive_make_vote(1, VOTE_PREVOTE, CS_ROUND_MAX, 'A')), CS_TAKEN);
    assert_int_equal(cs_round(d.c), 0);
}

static void proposals_out_of_range(void **state) {
    (void)state;
    open_as(3);
    struct cs_proposal p = drive_make_proposal(&d, 0, 'A', -1);
    p.height++;
    assert_int_equal(give_proposal(p, DRIVE_TIME), CS_REFUSED_HEIGHT);
    p = drive_make_proposal(&d, 0, 'A', -1);
    p.validator = 4;
    assert_int_equal(give_proposal(p, DRIVE_TIME), CS_REFUSED_INDEX);
    for (uint16_t i = 1; i < 4; i++) {
        p.validator = i;
        assert_int_equal(give_proposal(p, DRIVE_TIME), CS_REFUSED_PROPOSER);
    }
    static const struct {
        int32_t round, valid_round;
        enum cs_refusal want;
    } rows[] = {{0, 0, CS_REFUSED_VALID_ROUND}, {0, -2, CS_REFUSED_VALID_ROUND},
        {1, 1, CS_REFUSED_VALID_ROUND}, {1, 2, CS_REFUSED_VALID_ROUND},
        {1, INT32_MIN, CS_REFUSED_VALID_ROUND}, {1, 0, CS_TAKEN}, {5, 4, CS_TAKEN}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        p = drive_make_proposal(&d, rows[i].round, 'A', -1);
        p.valid_round = rows[i].valid_round;
        assert_int_equal(give_proposal(p, DRIVE_TIME), rows[i].want);
    }
    p = drive_make_proposal(&d, 0, 'A', -1);
    static const int32_t rounds[] = {-1, INT32_MIN, CS_ROUND_MAX + 1, INT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
        p.round = rounds[i];
        assert_int_equal(give_proposal(p, DRIVE_TIME), CS_REFUSED_ROUND);
    }
}

static void duplicates_are_told_apart_before_the_signature_check(void **state) {
    (void)state;
    open_as(3);
    for (int32_t round = 0; round < 6; round++) { /* kept in full, and only as the newest */
        assert_int_equal(give_vote(drive_make_vote(1, VOTE_PREVOTE, round, 'A')), CS_TAKEN);
        assert_int_equal(
            give_vote(drive_make_vote(1, VOTE_PREVOTE, round, 'A')), CS_REFUSED_DUPLICATE);
        assert_int_equal(give_vote(drive_make_vote(1, VOTE_PRECOMMIT, round, 'A')), CS_TAKEN);
        assert_int_equal(
            give_vote(drive_make_vote(1, VOTE_PRECOMMIT, round, 'A')), CS_REFUSED_DUPLICATE);
    }
    /* Each alone in its round, or they would move us there. */
    for (int32_t round = 0; round < 6; round++) {
        drive_close(&d);
        open_as(3);
        struct cs_proposal p = drive_make_proposal(&d, round, 'A', -1);
        assert_int_equal(give_proposal(p, DRIVE_TIME), CS_TAKEN);
        assert_int_equal(give_proposal(p, DRIVE_TIME), CS_REFUSED_DUPLICATE);
        drive_id('B', p.id);
        assert_int_equal(give_proposal(p, DRIVE_TIME), CS_REFUSED_DUPLICATE); /* the first counts */
    }
}

static void newest_messages_of_far_rounds_are_kept(void **state) {
    (void)state;
    open_as(3);
    assert_int_equal(give_vote(drive_make_vote(1, VOTE_PREVOTE, 9, 'A')), CS_TAKEN);
    assert_int_equal(give_vote(drive_make_vote(1, VOTE_PREVOTE, 8, 'A')), CS_REFUSED_OLD_FUTURE);
    assert_int_equal(give_vote(drive_make_vote(1, VOTE_PREVOTE, 1, 'A')), CS_TAKEN);
    assert_int_equal(give_vote(drive_make_vote(1, VOTE_PRECOMMIT, 9, 'A')), CS_TAKEN);
    assert_int_equal(give_vote(drive_make_vote(2, VOTE_PREVOTE, 9, 'A')), CS_TAKEN);
    assert_int_equal(cs_round(d.c), 9);
    const struct round_votes *rv = cs_votes(d.c, 9);
    assert_non_null(rv);
    assert_int_equal(rv->prevote[1].n + rv->precommit[1].n + rv->prevote[2].n, 3);
    assert_null(cs_votes(d.c, 8));
}

/* ---- two statements of one validator ---- */

static void second_statement_is_evidence_and_counts(void **state) {
    (void)state;
    open_as(3);
    drive_valid_proposal(&d, 0, 'A', -1);
    assert_int_equal(give_vote(drive_make_vote(2, VOTE_PREVOTE, 0, 'B')), CS_TAKEN);
    assert_int_equal(drive_count(&d, CS_ACT_EVIDENCE), 0);
    assert_int_equal(give_vote(drive_make_vote(2, VOTE_PREVOTE, 0, 'A')), CS_TAKEN);
    assert_int_equal(drive_count(&d, CS_ACT_EVIDENCE), 1);
    assert_int_equal(drive_find(&d, CS_ACT_EVIDENCE)->vote.id[0], 'A');
    assert_int_equal(cs_votes(d.c, 0)->prevote[2].vote[0].id[0], 'B');
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(
        cs_locked_round(d.c), 0); /* its vote for A makes the quorum here as elsewhere */
}

static void third_statement_is_refused(void **state) {
    (void)state;
    open_as(3);
    for (enum vote_type type = VOTE_PREVOTE; type <= VOTE_PRECOMMIT; type++) {
        assert_int_equal(give_vote(drive_make_vote(2, type, 0, 'X')), CS_TAKEN);
        assert_int_equal(give_vote(drive_make_vote(2, type, 0, 0)), CS_TAKEN);
        assert_int_equal(drive_count(&d, CS_ACT_EVIDENCE), 1);
        assert_int_equal(give_vote(drive_make_vote(2, type, 0, 'Y')), CS_REFUSED_CONFLICT);
        assert_int_equal(drive_count(&d, CS_ACT_EVIDENCE), 0);
        assert_int_equal(give_vote(drive_make_vote(2, type, 0, 'X')), CS_REFUSED_DUPLICATE);
        assert_int_equal(give_vote(drive_make_vote(2, type, 0, 0)), CS_REFUSED_DUPLICATE);
    }
}

static void one_liar_never_counts_twice(void **state) {
    (void)state;
    open_as(3);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_sign(&d);
    drive_votes(&d, 2, 2, VOTE_PREVOTE, 0, 'A');
    struct vote v = drive_make_vote(2, VOTE_PREVOTE, 0, 'A');
    v.valid_round = -1;
    v.locked_round = 0; /* the same value under another claimed lock */
    assert_int_equal(give_vote(v), CS_TAKEN);
    assert_int_equal(cs_locked_round(d.c), -1); /* 3 and 2: two of four */
    assert_int_equal(drive_count(&d, CS_ACT_TIMER), 0);
}

/* A liar fills its two places with noise here and votes for A elsewhere. If its third statement never got in, the
 * quorum that others saw could not be shown here: they stay locked on A, this side waits for the quorum for ever. */
static void third_statement_gets_in_when_a_proposal_names_it(void **state) {
    (void)state;
    open_as(3);
    (void)drive_vote(&d, 2, VOTE_PREVOTE, 0, 'X');
    (void)drive_vote(&d, 2, VOTE_PREVOTE, 0, 'Y');
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 'A');
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 0);
    assert_int_equal(cs_round(d.c), 1);
    assert_int_equal(give_vote(drive_make_vote(2, VOTE_PREVOTE, 0, 'A')),
        CS_REFUSED_CONFLICT); /* nobody claims it yet */
    drive_valid_proposal(&d, 1, 'A', 0);
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0);
    assert_int_equal(give_vote(drive_make_vote(2, VOTE_PREVOTE, 0, 'Z')), CS_REFUSED_CONFLICT);
    assert_int_equal(give_vote(drive_make_vote(2, VOTE_PREVOTE, 0, 'A')), CS_TAKEN);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 1, 'A'));
    assert_int_equal(drive_count(&d, CS_ACT_EVIDENCE), 0); /* it was convicted before */
    assert_int_equal(give_vote(drive_make_vote(2, VOTE_PREVOTE, 0, 'A')), CS_REFUSED_DUPLICATE);
}

static void third_statement_for_the_rounds_own_proposal_gets_in(void **state) {
    (void)state;
    open_as(3);
    drive_valid_proposal(&d, 0, 'A', -1);
    for (enum vote_type type = VOTE_PREVOTE; type <= VOTE_PRECOMMIT; type++) {
        (void)drive_vote(&d, 2, type, 0, 'X');
        (void)drive_vote(&d, 2, type, 0, 'Y');
        drive_votes(&d, 0, 1, type, 0, 'A');
        assert_int_equal(give_vote(drive_make_vote(2, type, 0, 'A')), CS_TAKEN);
    }
    assert_true(drive_decided(&d, 0, 'A'));
    struct commit commit;
    cs_commit(d.c, &commit);
    assert_true(commit.present[2]);
}

/* ---- answers that come late ---- */

static void late_build_is_dropped(void **state) {
    (void)state;
    open_as(0);
    assert_int_equal(drive_count(&d, CS_ACT_BUILD), 1);
    (void)drive_timeout(&d, CS_TIMER_PROPOSE, 0);
    (void)drive_built(&d, 0, 'A');
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_PROPOSAL), 0);
    drive_votes(&d, 1, 3, VOTE_PRECOMMIT, 0, 0);
    drive_votes(&d, 1, 3, VOTE_PRECOMMIT, 1, 0);
    drive_votes(&d, 1, 3, VOTE_PRECOMMIT, 2, 0);
    drive_votes(&d, 1, 3, VOTE_PRECOMMIT, 3, 0);
    assert_int_equal(cs_round(d.c), 4);
    assert_int_equal(drive_count(&d, CS_ACT_BUILD), 1);
    (void)drive_built(&d, 0, 'A'); /* of the round that failed */
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_PROPOSAL), 0);
    (void)drive_built(&d, 4, 'B');
    assert_int_equal(drive_find(&d, CS_ACT_SIGN_PROPOSAL)->proposal.id[0], 'B');
    (void)drive_built(&d, 4, 'C'); /* one block for one slot */
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_PROPOSAL), 0);
}

static void late_verdict_still_counts(void **state) {
    (void)state;
    open_as(3);
    (void)drive_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 0);
    assert_int_equal(cs_round(d.c), 1);
    (void)drive_validated(&d, 'A', true);
    assert_int_equal(d.out.n, 0);
    drive_votes(&d, 0, 2, VOTE_PREVOTE, 0, 'A');
    (void)drive_proposal(&d, 1, 'A', 0);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 1, 'A')); /* judged once, remembered */
    assert_int_equal(drive_count(&d, CS_ACT_VALIDATE), 0);
}

static void verdict_does_not_change(void **state) {
    (void)state;
    open_as(3);
    (void)drive_validated(&d, 'A', false);
    (void)drive_validated(&d, 'A', true);
    (void)drive_proposal(&d, 0, 'A', -1);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 0, 0));
}

static void own_vote_is_sent_even_after_the_decision(void **state) {
    (void)state;
    open_as(3);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_sign(&d);
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 'A');
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 0, 'A'));
    struct cs_actions asked = d.out;
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 'A');
    assert_int_equal(cs_step_now(d.c), CS_DECIDED);
    /* Validator 2 may have spoken to us alone: the others need this vote to decide. */
    d.out = asked;
    drive_sign(&d);
    assert_int_equal(drive_count(&d, CS_ACT_SEND_VOTE), 1);
    d.out = asked;
    drive_start(&d, DRIVE_HEIGHT + 1);
    drive_sign(&d);
    assert_int_equal(drive_count(&d, CS_ACT_SEND_VOTE), 1);
    assert_null(cs_votes(d.c, 0)); /* but it is no vote of the new height */
}

static void nothing_is_taken_after_the_decision(void **state) {
    (void)state;
    open_as(3);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 'A');
    assert_int_equal(cs_step_now(d.c), CS_DECIDED);
    assert_int_equal(give_vote(drive_make_vote(1, VOTE_PREVOTE, 0, 'A')), CS_REFUSED_HEIGHT);
    assert_int_equal(
        give_proposal(drive_make_proposal(&d, 1, 'B', -1), DRIVE_TIME), CS_REFUSED_HEIGHT);
    (void)drive_begin(&d);
    (void)drive_validated(&d, 'B', true);
    assert_int_equal(d.out.n, 0);
    drive_start(&d, DRIVE_HEIGHT + 1);
    assert_int_equal(cs_height(d.c), DRIVE_HEIGHT + 1);
    assert_int_equal(cs_round(d.c), -1);
    assert_int_equal(cs_locked_round(d.c), -1);
    assert_int_equal(cs_valid_round(d.c), -1);
}

/* ---- block time, section 10 ---- */

static void proposal_time_at_its_bounds(void **state) {
    (void)state;
    for (int32_t round = 0; round <= 4; round += 4) {
        drive_open(&d, 4, NULL, 3);
        const uint64_t precision = d.params.time_precision_us;
        const uint64_t delay = d.params.time_delay_us * (10 + (uint64_t)round) / 10;
        drive_close(&d);
        const struct {
            uint64_t received;
            bool timely;
        } rows[] = {{DRIVE_TIME - precision - 1, false}, {DRIVE_TIME - precision, true},
            {DRIVE_TIME, true}, {DRIVE_TIME + delay + precision, true},
            {DRIVE_TIME + delay + precision + 1, false}, {0, false}, {UINT64_MAX, false}};
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            open_as(3);
            for (int32_t r = 0; r < round; r++)
                drive_votes(&d, 0, 2, VOTE_PRECOMMIT, r, 0);
            (void)drive_validated(&d, 'A', true);
            assert_int_equal(
                give_proposal(drive_make_proposal(&d, round, 'A', -1), rows[i].received), CS_TAKEN);
            assert_true(drive_asks_vote(&d, VOTE_PREVOTE, round, rows[i].timely ? 'A' : 0));
            drive_close(&d);
        }
    }
    /* A quorum has judged a re-proposal already. */
    open_as(3);
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 0);
    drive_votes(&d, 0, 2, VOTE_PREVOTE, 0, 'A');
    (void)drive_validated(&d, 'A', true);
    assert_int_equal(give_proposal(drive_make_proposal(&d, 1, 'A', 0), 0), CS_TAKEN);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 1, 'A'));
}

static void proposal_heard_again_keeps_its_first_time(void **state) {
    (void)state;
    open_as(3);
    const struct cs_proposal p = drive_make_proposal(&d, 2, 'A', -1);
    assert_int_equal(give_proposal(p, DRIVE_TIME), CS_TAKEN); /* a round we are not in yet */
    (void)give_proposal(p, DRIVE_TIME + UINT64_C(60000000)); /* a peer repeats it a minute later */
    (void)drive_validated(&d, 'A', true);
    (void)drive_vote(&d, 1, VOTE_PREVOTE, 2, 'A');
    assert_int_equal(cs_round(d.c), 2);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 2, 'A'));
}

/* ---- bounds ---- */

/* One heavy validator, 63 light ones. Each light one speaks in a round of its own far ahead, then the heavy one in
 * a round beyond: everything kept comes into reach with one event. */
static void one_event_never_overflows_its_actions(void **state) {
    (void)state;
    uint64_t powers[VALIDATORS_MAX];
    for (size_t i = 0; i < VALIDATORS_MAX; i++)
        powers[i] = i == 0 ? 130 : 1;
    drive_open(&d, VALIDATORS_MAX, powers, VALIDATORS_MAX - 1);
    (void)drive_begin(&d);
    int32_t last = 0;
    size_t kept = 0;
    bool spoke[VALIDATORS_MAX] = {false};
    for (int32_t r = 2; r < 400; r++) {
        struct cs_proposal p = drive_make_proposal(&d, r, 'A', -1);
        if (p.validator == 0 || p.validator == VALIDATORS_MAX - 1 || spoke[p.validator])
            continue;
        spoke[p.validator] = true;
        put_be32(p.id, (uint32_t)r);
        assert_int_equal(give_proposal(p, DRIVE_TIME), CS_TAKEN);
        kept++;
        last = r;
    }
    assert_int_equal(kept, VALIDATORS_MAX - 2);
    assert_int_equal(cs_round(d.c), 0);
    while (cs_proposer(d.c, last) != 0)
        last++;
    (void)drive_validated(&d, 'A', true);
    assert_int_equal(give_proposal(drive_make_proposal(&d, last, 'A', -1), DRIVE_TIME), CS_TAKEN);
    assert_int_equal(cs_round(d.c), last);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, last, 'A'));
    assert_true(d.out.n < 8);
}

static void blocks_of_past_rounds_are_not_fetched(void **state) {
    (void)state;
    open_as(3);
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 0);
    assert_int_equal(give_proposal(drive_make_proposal(&d, 0, 'A', -1), DRIVE_TIME), CS_TAKEN);
    assert_int_equal(drive_count(&d, CS_ACT_VALIDATE), 0);
    /* Until somebody needs one. */
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 'A');
    assert_true(drive_asks_validation(&d, 'A'));
}

static void many_blocks_do_not_push_out_the_lock(void **state) {
    (void)state;
    open_as(3);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 0, 2, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_locked_round(d.c), 0);
    struct cs_event ev = {.kind = CS_EV_VALIDATED, .height = DRIVE_HEIGHT, .ok = true};
    for (uint32_t i = 0; i < 1000; i++) {
        put_be32(ev.id, i + 1);
        (void)cs_handle(d.c, &ev, &d.out);
    }
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 'A');
    assert_true(drive_decided(&d, 0, 'A'));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, close_drive)
        T(timer_of_another_height_does_nothing),
        T(block_built_for_another_height_is_not_proposed),
        T(refusals_have_names),
        T(votes_out_of_range),
        T(proposals_out_of_range),
        T(duplicates_are_told_apart_before_the_signature_check),
        T(newest_messages_of_far_rounds_are_kept),
        T(second_statement_is_evidence_and_counts),
        T(third_statement_is_refused),
        T(one_liar_never_counts_twice),
        T(third_statement_gets_in_when_a_proposal_names_it),
        T(third_statement_for_the_rounds_own_proposal_gets_in),
        T(late_build_is_dropped),
        T(late_verdict_still_counts),
        T(verdict_does_not_change),
        T(own_vote_is_sent_even_after_the_decision),
        T(nothing_is_taken_after_the_decision),
        T(proposal_time_at_its_bounds),
        T(proposal_heard_again_keeps_its_first_time),
        T(one_event_never_overflows_its_actions),
        T(blocks_of_past_rounds_are_not_fetched),
        T(many_blocks_do_not_push_out_the_lock),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
