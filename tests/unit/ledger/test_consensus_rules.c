/* Rules R1-R9 and T1-T3 one by one (consensus facts, section 3), four validators of equal power: validator r % 4
 * proposes in round r, three are a quorum, two are more than a third. */
#include "tests/support/cm.h"
#include "tests/support/cs_drive.h"

static struct drive d;

static int close_drive(void **state) {
    (void)state;
    drive_close(&d);
    return 0;
}

static void open_as(int me) {
    drive_open(&d, 4, NULL, me);
    (void)drive_begin(&d);
}

/* Goes to the next round through a quorum for nothing. */
static void fail_round(int32_t round) {
    drive_votes(&d, 1, 3, VOTE_PRECOMMIT, round, 0);
    assert_int_equal(cs_round(d.c), round + 1);
}

static void r1_proposer_builds(void **state) {
    (void)state;
    drive_open(&d, 4, NULL, 0);
    assert_int_equal(cs_round(d.c), -1);
    assert_int_equal(cs_step_now(d.c), CS_WAIT);
    (void)drive_begin(&d);
    assert_int_equal(cs_round(d.c), 0);
    assert_int_equal(cs_step_now(d.c), CS_PROPOSE);
    assert_int_equal(drive_count(&d, CS_ACT_BUILD), 1);
    assert_int_equal(drive_find(&d, CS_ACT_BUILD)->round, 0);
    (void)drive_begin(&d);
    assert_int_equal(d.out.n, 0);
    (void)drive_built(&d, 0, 'A');
    const struct cs_action *a = drive_find(&d, CS_ACT_SIGN_PROPOSAL);
    assert_non_null(a);
    assert_int_equal(a->proposal.round, 0);
    assert_int_equal(a->proposal.valid_round, -1);
    assert_int_equal(a->proposal.block_time, DRIVE_TIME);
    assert_int_equal(a->proposal.validator, 0);
    assert_int_equal(drive_count(&d, CS_ACT_SEND_PROPOSAL), 0); /* not before it is durable */
    drive_sign(&d);
    assert_int_equal(drive_count(&d, CS_ACT_SEND_PROPOSAL), 1);
    assert_true(drive_asks_validation(&d, 'A'));
    (void)drive_validated(&d, 'A', true);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 0, 'A'));
}

static void r1_others_start_the_timer(void **state) {
    (void)state;
    for (int me = -1; me < 4; me++) {
        open_as(me);
        assert_true(drive_asks_timer(&d, CS_TIMER_PROPOSE, 0));
        assert_int_equal(drive_count(&d, CS_ACT_BUILD), me == 0);
        assert_int_equal(drive_find(&d, CS_ACT_TIMER)->after_us, d.params.timeout_propose_us);
        drive_close(&d);
    }
    open_as(3);
    fail_round(0);
    assert_true(drive_asks_timer(&d, CS_TIMER_PROPOSE, 1));
    assert_int_equal(drive_find(&d, CS_ACT_TIMER)->after_us,
        d.params.timeout_propose_us + d.params.timeout_delta_us);
}

static void r1_proposes_the_valid_value_again(void **state) {
    (void)state;
    open_as(1);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_sign(&d);
    drive_votes(&d, 2, 3, VOTE_PREVOTE, 0, 'A');
    drive_sign(&d);
    assert_int_equal(cs_locked_round(d.c), 0);
    drive_votes(&d, 0, 0, VOTE_PRECOMMIT, 0, 0);
    drive_votes(&d, 2, 3, VOTE_PRECOMMIT, 0, 0);
    assert_int_equal(cs_round(d.c), 1);
    assert_int_equal(drive_count(&d, CS_ACT_BUILD), 0);
    const struct cs_action *a = drive_find(&d, CS_ACT_SIGN_PROPOSAL);
    assert_non_null(a);
    assert_int_equal(a->proposal.valid_round, 0);
    assert_int_equal(a->proposal.id[0], 'A');
    assert_int_equal(a->proposal.round, 1);
}

static void r2_prevotes_a_fresh_valid_proposal(void **state) {
    (void)state;
    open_as(2);
    (void)drive_proposal(&d, 0, 'A', -1);
    assert_true(drive_asks_validation(&d, 'A'));
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0); /* not before it is judged */
    (void)drive_validated(&d, 'A', true);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 0, 'A'));
    assert_int_equal(cs_step_now(d.c), CS_PREVOTE);
    const struct vote *v = &drive_find(&d, CS_ACT_SIGN_VOTE)->vote;
    assert_int_equal(v->height, DRIVE_HEIGHT);
    assert_int_equal(v->validator, 2);
    assert_int_equal(v->locked_round, -1);
    assert_int_equal(v->valid_round, -1);
}

static void r2_invalid_block_gets_nil(void **state) {
    (void)state;
    open_as(2);
    (void)drive_proposal(&d, 0, 'A', -1);
    (void)drive_validated(&d, 'A', false);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 0, 0));
}

static void r2_locked_on_another_value_gets_nil(void **state) {
    (void)state;
    open_as(2);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 0, 3, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_locked_round(d.c), 0);
    fail_round(0);
    drive_valid_proposal(&d, 1, 'B', -1);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 1, 0));
    assert_int_equal(drive_find(&d, CS_ACT_SIGN_VOTE)->vote.locked_round, 0);
}

static void r2_locked_on_the_same_value_gets_the_vote(void **state) {
    (void)state;
    open_as(2);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 0, 3, VOTE_PREVOTE, 0, 'A');
    fail_round(0);
    /* A proposer that never saw the quorum happens to propose the same block as a fresh one. */
    (void)drive_proposal(&d, 1, 'A', -1);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 1, 'A'));
}

static void r3_reproposal_waits_for_its_quorum(void **state) {
    (void)state;
    open_as(2);
    fail_round(0);
    drive_valid_proposal(&d, 1, 'A', 0);
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0);
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0);
    (void)drive_vote(&d, 3, VOTE_PREVOTE, 0, 0); /* three have spoken, two for A */
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0);
    (void)drive_vote(&d, 2, VOTE_PREVOTE, 0, 'A');
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 1, 'A'));
    assert_int_equal(drive_find(&d, CS_ACT_SIGN_VOTE)->vote.valid_round, 0);
}

static void r3_quorum_of_another_round_does_not_do(void **state) {
    (void)state;
    open_as(3);
    fail_round(0);
    drive_votes(&d, 0, 2, VOTE_PREVOTE, 1, 'A');
    fail_round(1);
    drive_valid_proposal(&d, 2, 'A', 0);
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0);
    (void)drive_timeout(&d, CS_TIMER_PROPOSE, 2);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 2, 0));
}

static void r3_lock_gives_way_to_a_newer_or_equal_quorum_only(void **state) {
    (void)state;
    /* Locked on A in round 1; B comes back with a quorum of round 0 (older), 1 (equal), 2 (newer). */
    for (int32_t valid_round = 0; valid_round <= 2; valid_round++) {
        open_as(3);
        drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 0);
        drive_valid_proposal(&d, 1, 'A', -1);
        drive_votes(&d, 0, 2, VOTE_PREVOTE, 1, 'A');
        assert_int_equal(cs_locked_round(d.c), 1);
        drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 1, 0);
        drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 2, 0);
        assert_int_equal(cs_round(d.c), 3);
        fail_round(3);
        /* At the same round two quorums need more than a third of liars; the rule is defined all the same. */
        drive_votes(&d, 0, 2, VOTE_PREVOTE, valid_round, 'B');
        drive_valid_proposal(&d, 4, 'B', valid_round);
        assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 4, valid_round >= 1 ? 'B' : 0));
        assert_int_equal(cs_locked_round(d.c), 1); /* a prevote moves no lock */
        drive_close(&d);
    }
    open_as(3);
}

static void r3_invalid_reproposal_gets_nil(void **state) {
    (void)state;
    open_as(2);
    fail_round(0);
    drive_votes(&d, 0, 3, VOTE_PREVOTE, 0, 'A');
    (void)drive_proposal(&d, 1, 'A', 0);
    (void)drive_validated(&d, 'A', false);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 1, 0));
}

static void r4_mixed_quorum_starts_the_prevote_timer_once(void **state) {
    (void)state;
    open_as(2);
    drive_valid_proposal(&d, 0, 'A', -1);
    (void)drive_vote(&d, 0, VOTE_PREVOTE, 0, 'A');
    (void)drive_vote(&d, 1, VOTE_PREVOTE, 0, 0);
    assert_int_equal(drive_count(&d, CS_ACT_TIMER), 0);
    (void)drive_vote(&d, 3, VOTE_PREVOTE, 0, 'B');
    assert_true(drive_asks_timer(&d, CS_TIMER_PREVOTE, 0));
    assert_int_equal(drive_find(&d, CS_ACT_TIMER)->after_us, d.params.timeout_prevote_us);
    (void)drive_vote(&d, 2, VOTE_PREVOTE, 0, 0);
    assert_int_equal(drive_count(&d, CS_ACT_TIMER), 0);
}

static void r4_waits_for_the_own_prevote(void **state) {
    (void)state;
    open_as(2);
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 'A');
    (void)drive_vote(&d, 3, VOTE_PREVOTE, 0, 0);
    assert_int_equal(drive_count(&d, CS_ACT_TIMER), 0); /* step is propose */
    (void)drive_timeout(&d, CS_TIMER_PROPOSE, 0);
    assert_true(drive_asks_timer(&d, CS_TIMER_PREVOTE, 0)); /* the step change enables it */
}

static void r5_locks_and_precommits(void **state) {
    (void)state;
    open_as(2);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_locked_round(d.c), -1);
    drive_votes(&d, 3, 3, VOTE_PREVOTE, 0, 'A');
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 0, 'A'));
    const struct vote *v = &drive_find(&d, CS_ACT_SIGN_VOTE)->vote;
    assert_int_equal(v->locked_round, -1); /* precommits carry no lock: one statement, one form */
    assert_int_equal(v->valid_round, -1);
    assert_int_equal(cs_locked_round(d.c), 0);
    assert_int_equal(cs_valid_round(d.c), 0);
    assert_int_equal(cs_step_now(d.c), CS_PRECOMMIT);
}

static void r5_after_precommit_moves_valid_but_not_the_lock(void **state) {
    (void)state;
    open_as(2);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 0);
    (void)drive_vote(&d, 3, VOTE_PREVOTE, 0, 'A');
    (void)drive_timeout(&d, CS_TIMER_PREVOTE, 0);
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 0, 0));
    /* Validators 0 and 1 turn out to have said A as well (liars); the quorum is real. */
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0);
    assert_int_equal(cs_locked_round(d.c), -1);
    assert_int_equal(cs_valid_round(d.c), 0);
}

static void r5_block_after_the_votes(void **state) {
    (void)state;
    open_as(2);
    (void)drive_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 'A');
    (void)drive_vote(&d, 3, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_valid_round(d.c), -1);
    (void)drive_validated(&d, 'A', true);
    /* Prevote and precommit in one go. */
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 2);
    assert_int_equal(cs_locked_round(d.c), 0);
    assert_int_equal(cs_step_now(d.c), CS_PRECOMMIT);
}

static void r5_block_after_a_nil_precommit(void **state) {
    (void)state;
    open_as(2);
    (void)drive_proposal(&d, 0, 'A', -1);
    (void)drive_timeout(&d, CS_TIMER_PROPOSE, 0);
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 'A');
    (void)drive_vote(&d, 3, VOTE_PREVOTE, 0, 'A');
    (void)drive_timeout(&d, CS_TIMER_PREVOTE, 0);
    assert_int_equal(cs_step_now(d.c), CS_PRECOMMIT);
    (void)drive_validated(&d, 'A', true);
    assert_int_equal(cs_valid_round(d.c), 0);
    assert_int_equal(cs_locked_round(d.c), -1);
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0);
}

static void r6_nil_quorum_precommits_nil(void **state) {
    (void)state;
    open_as(2);
    (void)drive_timeout(&d, CS_TIMER_PROPOSE, 0);
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 0);
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0);
    (void)drive_vote(&d, 3, VOTE_PREVOTE, 0, 0);
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 0, 0));
}

static void r6_keeps_the_lock(void **state) {
    (void)state;
    open_as(2);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 0, 3, VOTE_PREVOTE, 0, 'A');
    fail_round(0);
    (void)drive_timeout(&d, CS_TIMER_PROPOSE, 1);
    drive_votes(&d, 0, 3, VOTE_PREVOTE, 1, 0);
    assert_int_equal(cs_locked_round(d.c), 0);
    drive_votes(&d, 1, 3, VOTE_PRECOMMIT, 1, 0);
    /* Its own turn to propose: still A. */
    const struct cs_action *a = drive_find(&d, CS_ACT_SIGN_PROPOSAL);
    assert_non_null(a);
    assert_int_equal(a->proposal.round, 2);
    assert_int_equal(a->proposal.id[0], 'A');
    assert_int_equal(a->proposal.valid_round, 0);
}

static void r7_mixed_precommits_start_the_timer_once(void **state) {
    (void)state;
    open_as(2);
    (void)drive_vote(&d, 0, VOTE_PRECOMMIT, 0, 'A');
    (void)drive_vote(&d, 1, VOTE_PRECOMMIT, 0, 0);
    assert_false(drive_asks_timer(&d, CS_TIMER_PRECOMMIT, 0));
    (void)drive_vote(&d, 3, VOTE_PRECOMMIT, 0, 'B');
    assert_true(drive_asks_timer(&d, CS_TIMER_PRECOMMIT, 0));
    assert_int_equal(drive_find(&d, CS_ACT_TIMER)->after_us, d.params.timeout_precommit_us);
    assert_int_equal(cs_step_now(d.c), CS_PROPOSE); /* in any step */
    (void)drive_vote(&d, 2, VOTE_PRECOMMIT, 0, 0);
    assert_int_equal(drive_count(&d, CS_ACT_TIMER), 0);
}

static void r7_nil_quorum_goes_on_at_once(void **state) {
    (void)state;
    open_as(2);
    drive_votes(&d, 0, 1, VOTE_PRECOMMIT, 0, 0);
    assert_int_equal(cs_round(d.c), 0);
    (void)drive_vote(&d, 3, VOTE_PRECOMMIT, 0, 0);
    assert_int_equal(cs_round(d.c), 1);
    assert_int_equal(cs_step_now(d.c), CS_PROPOSE);
}

static void r8_decides(void **state) {
    (void)state;
    open_as(2);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 0, 1, VOTE_PRECOMMIT, 0, 'A');
    assert_int_equal(cs_step_now(d.c), CS_PROPOSE + 1);
    (void)drive_vote(&d, 3, VOTE_PRECOMMIT, 0, 'A');
    assert_true(drive_decided(&d, 0, 'A'));
    assert_int_equal(cs_step_now(d.c), CS_DECIDED);
    struct commit commit;
    cs_commit(d.c, &commit);
    assert_int_equal(commit.height, DRIVE_HEIGHT);
    assert_int_equal(commit.round, 0);
    assert_int_equal(commit.id[0], 'A');
    assert_int_equal(commit.n, 4);
    assert_true(commit.present[0] && commit.present[1] && commit.present[3]);
    assert_false(commit.present[2]);
    (void)drive_timeout(&d, CS_TIMER_PRECOMMIT, 0);
    assert_int_equal(d.out.n, 0);
}

static void r8_decides_in_any_step(void **state) {
    (void)state;
    for (int step = 0; step < 4; step++) {
        drive_open(&d, 4, NULL, 2);
        if (step > 0)
            (void)drive_begin(&d);
        if (step > 1)
            (void)drive_timeout(&d, CS_TIMER_PROPOSE, 0);
        if (step > 2)
            drive_votes(&d, 0, 3, VOTE_PREVOTE, 0, 0);
        drive_votes(&d, 0, 1, VOTE_PRECOMMIT, 0, 'A');
        (void)drive_vote(&d, 3, VOTE_PRECOMMIT, 0, 'A');
        assert_int_equal(drive_count(&d, CS_ACT_DECIDED), 0);
        (void)drive_validated(&d, 'A', true);
        assert_true(drive_decided(&d, 0, 'A'));
        drive_close(&d);
    }
    open_as(2);
}

static void r8_asks_for_the_block_it_lacks(void **state) {
    (void)state;
    open_as(2);
    /* The proposer gave this validator another block than the others. */
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 0, 1, VOTE_PRECOMMIT, 0, 'B');
    assert_false(drive_asks_validation(&d, 'B'));
    (void)drive_vote(&d, 3, VOTE_PRECOMMIT, 0, 'B');
    assert_true(drive_asks_validation(&d, 'B'));
    (void)drive_validated(&d, 'B', true);
    assert_true(drive_decided(&d, 0, 'B'));
}

static void r9_more_than_a_third_in_a_higher_round(void **state) {
    (void)state;
    open_as(3);
    (void)drive_vote(&d, 0, VOTE_PREVOTE, 5, 'A');
    (void)drive_vote(&d, 0, VOTE_PRECOMMIT, 5, 'A'); /* the same validator counts once */
    assert_int_equal(cs_round(d.c), 0);
    (void)drive_vote(&d, 1, VOTE_PRECOMMIT, 5, 0);
    assert_int_equal(cs_round(d.c), 5);
    assert_int_equal(cs_step_now(d.c), CS_PROPOSE);
    assert_true(drive_asks_timer(&d, CS_TIMER_PROPOSE, 5));
    /* The votes that moved us count in the round. */
    const struct round_votes *rv = cs_votes(d.c, 5);
    assert_non_null(rv);
    assert_int_equal(rv->prevote[0].n, 1);
    assert_int_equal(rv->precommit[0].n, 1);
    assert_int_equal(rv->precommit[1].n, 1);
}

static void r9_a_proposal_counts_like_a_vote(void **state) {
    (void)state;
    open_as(3);
    (void)drive_proposal(&d, 2, 'A', -1);
    assert_int_equal(cs_round(d.c), 0);
    (void)drive_vote(&d, 1, VOTE_PREVOTE, 2, 'A');
    assert_int_equal(cs_round(d.c), 2);
    assert_true(drive_asks_validation(&d, 'A'));
}

static void r9_exactly_a_third_stays(void **state) {
    (void)state;
    static const uint64_t powers[] = {3, 3, 2, 1}; /* a third of 9 is 3 */
    drive_open(&d, 4, powers, 2);
    (void)drive_begin(&d);
    (void)drive_vote(&d, 0, VOTE_PREVOTE, 1, 'A');
    assert_int_equal(cs_round(d.c), 0);
    (void)drive_vote(&d, 3, VOTE_PREVOTE, 1, 'A');
    assert_int_equal(cs_round(d.c), 1);
}

static void r9_whoever_is_further_counts(void **state) {
    (void)state;
    open_as(3);
    (void)drive_vote(&d, 0, VOTE_PREVOTE, 9, 'A');
    (void)drive_vote(&d, 1, VOTE_PREVOTE, 4, 'A');
    assert_int_equal(cs_round(d.c), 4); /* both have passed 4; one alone has passed 9 */
    (void)drive_vote(&d, 2, VOTE_PREVOTE, 6, 'A');
    assert_int_equal(cs_round(d.c), 6);
}

static void t1_prevotes_nil(void **state) {
    (void)state;
    open_as(2);
    (void)drive_timeout(&d, CS_TIMER_PROPOSE, 0);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 0, 0));
    (void)drive_timeout(&d, CS_TIMER_PROPOSE, 0);
    assert_int_equal(d.out.n, 0);
}

static void t2_precommits_nil(void **state) {
    (void)state;
    open_as(2);
    (void)drive_timeout(&d, CS_TIMER_PREVOTE, 0);
    assert_int_equal(d.out.n, 0); /* step is propose */
    (void)drive_timeout(&d, CS_TIMER_PROPOSE, 0);
    (void)drive_timeout(&d, CS_TIMER_PREVOTE, 0);
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 0, 0));
    (void)drive_timeout(&d, CS_TIMER_PREVOTE, 0);
    assert_int_equal(d.out.n, 0);
}

static void t3_starts_the_next_round_in_any_step(void **state) {
    (void)state;
    for (int step = 1; step < 4; step++) {
        open_as(2);
        if (step > 1)
            (void)drive_timeout(&d, CS_TIMER_PROPOSE, 0);
        if (step > 2)
            (void)drive_timeout(&d, CS_TIMER_PREVOTE, 0);
        (void)drive_timeout(&d, CS_TIMER_PRECOMMIT, 0);
        assert_int_equal(cs_round(d.c), 1);
        drive_close(&d);
    }
    open_as(2);
}

static void timers_of_other_rounds_are_ignored(void **state) {
    (void)state;
    open_as(3);
    fail_round(0);
    static const enum cs_timer timers[] = {CS_TIMER_PROPOSE, CS_TIMER_PREVOTE, CS_TIMER_PRECOMMIT};
    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        (void)drive_timeout(&d, timers[i], 0);
        assert_int_equal(d.out.n, 0);
        (void)drive_timeout(&d, timers[i], 2);
        assert_int_equal(d.out.n, 0);
    }
    assert_int_equal(cs_round(d.c), 1);
    assert_int_equal(cs_step_now(d.c), CS_PROPOSE);
}

static void observer_follows_without_speaking(void **state) {
    (void)state;
    drive_open(&d, 4, NULL, -1);
    (void)drive_begin(&d);
    drive_valid_proposal(&d, 0, 'A', -1);
    assert_int_equal(cs_step_now(d.c), CS_PREVOTE);
    drive_votes(&d, 0, 2, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_step_now(d.c), CS_PRECOMMIT);
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0);
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 'A');
    assert_true(drive_decided(&d, 0, 'A'));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, close_drive)
        T(r1_proposer_builds),
        T(r1_others_start_the_timer),
        T(r1_proposes_the_valid_value_again),
        T(r2_prevotes_a_fresh_valid_proposal),
        T(r2_invalid_block_gets_nil),
        T(r2_locked_on_another_value_gets_nil),
        T(r2_locked_on_the_same_value_gets_the_vote),
        T(r3_reproposal_waits_for_its_quorum),
        T(r3_quorum_of_another_round_does_not_do),
        T(r3_lock_gives_way_to_a_newer_or_equal_quorum_only),
        T(r3_invalid_reproposal_gets_nil),
        T(r4_mixed_quorum_starts_the_prevote_timer_once),
        T(r4_waits_for_the_own_prevote),
        T(r5_locks_and_precommits),
        T(r5_after_precommit_moves_valid_but_not_the_lock),
        T(r5_block_after_the_votes),
        T(r5_block_after_a_nil_precommit),
        T(r6_nil_quorum_precommits_nil),
        T(r6_keeps_the_lock),
        T(r7_mixed_precommits_start_the_timer_once),
        T(r7_nil_quorum_goes_on_at_once),
        T(r8_decides),
        T(r8_decides_in_any_step),
        T(r8_asks_for_the_block_it_lacks),
        T(r9_more_than_a_third_in_a_higher_round),
        T(r9_a_proposal_counts_like_a_vote),
        T(r9_exactly_a_third_stays),
        T(r9_whoever_is_further_counts),
        T(t1_prevotes_nil),
        T(t2_precommits_nil),
        T(t3_starts_the_next_round_in_any_step),
        T(timers_of_other_rounds_are_ignored),
        T(observer_follows_without_speaking),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
