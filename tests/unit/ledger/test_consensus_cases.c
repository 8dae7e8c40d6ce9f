/* Scenarios that an engine must pass (consensus facts, section 18), seen from one validator. */
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

/* Locks on the block in the round we are in, on votes of 0 to 2. */
static void lock_on(int32_t round, char block) {
    drive_valid_proposal(&d, round, block, -1);
    drive_votes(&d, 0, 2, VOTE_PREVOTE, round, block);
    assert_int_equal(cs_locked_round(d.c), round);
}

static void fail_round(int32_t round) {
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, round, 0);
    assert_int_equal(cs_round(d.c), round + 1);
}

/* Nobody else knows that validator 0 is locked on A. Validator 3 saw the quorum too late to lock, but it must
 * propose A all the same, or 0 refuses whatever it proposes. */
static void hidden_lock(void **state) {
    (void)state;
    open_as(3);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_sign(&d);
    (void)drive_vote(&d, 1, VOTE_PREVOTE, 0, 0);
    (void)drive_vote(&d, 2, VOTE_PREVOTE, 0, 'A');
    (void)drive_timeout(&d, CS_TIMER_PREVOTE, 0);
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 0, 0));
    (void)drive_vote(&d, 0, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_locked_round(d.c), -1);
    assert_int_equal(cs_valid_round(d.c), 0);
    fail_round(0);
    fail_round(1);
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 2, 0);
    const struct cs_action *a = drive_find(&d, CS_ACT_SIGN_PROPOSAL);
    assert_non_null(a);
    assert_int_equal(a->proposal.id[0], 'A');
    assert_int_equal(a->proposal.valid_round, 0);
    assert_int_equal(drive_count(&d, CS_ACT_BUILD), 0);
}

static void relock_on_a_newer_quorum(void **state) {
    (void)state;
    open_as(3);
    lock_on(0, 'A');
    fail_round(0);
    drive_valid_proposal(&d, 1, 'B', -1);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 1, 0));
    drive_votes(&d, 0, 2, VOTE_PREVOTE, 1, 'B');
    /* The quorum for B is newer than the lock: it moves to B though our own prevote was nil. */
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 1, 'B'));
    assert_int_equal(cs_locked_round(d.c), 1);
    assert_int_equal(cs_valid_round(d.c), 1);
    fail_round(1);
    /* And A does not come back on its old quorum. */
    drive_valid_proposal(&d, 2, 'A', 0);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 2, 0));
    assert_int_equal(drive_find(&d, CS_ACT_SIGN_VOTE)->vote.locked_round, 1);
}

static void relock_on_the_same_block(void **state) {
    (void)state;
    open_as(3);
    lock_on(0, 'A');
    fail_round(0);
    (void)drive_proposal(&d, 1, 'A', 0);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 1, 'A'));
    drive_votes(&d, 0, 2, VOTE_PREVOTE, 1, 'A');
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 1, 'A'));
    assert_int_equal(cs_locked_round(d.c), 1);
}

static void decides_for_a_past_round(void **state) {
    (void)state;
    open_as(3);
    drive_valid_proposal(&d, 0, 'A', -1);
    (void)drive_vote(&d, 0, VOTE_PRECOMMIT, 0, 'A');
    (void)drive_vote(&d, 1, VOTE_PRECOMMIT, 0, 'A');
    (void)drive_timeout(&d, CS_TIMER_PRECOMMIT, 0);
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 1, 0);
    drive_valid_proposal(&d, 2, 'B', -1);
    assert_int_equal(cs_round(d.c), 2);
    (void)drive_vote(&d, 2, VOTE_PRECOMMIT, 0, 'A');
    assert_true(drive_decided(&d, 0, 'A'));
    struct commit commit;
    cs_commit(d.c, &commit);
    assert_int_equal(commit.round, 0);
}

static void prevote_quorum_before_the_proposal(void **state) {
    (void)state;
    open_as(3);
    drive_votes(&d, 0, 2, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_step_now(d.c), CS_PROPOSE);
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0);
    drive_valid_proposal(&d, 0, 'A', -1);
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 2);
    assert_int_equal(cs_locked_round(d.c), 0);
}

static void precommit_quorum_before_anything_else(void **state) {
    (void)state;
    open_as(3);
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 'A');
    assert_true(drive_asks_validation(&d, 'A'));
    assert_int_equal(drive_count(&d, CS_ACT_DECIDED), 0);
    (void)drive_validated(&d, 'A', true);
    assert_true(drive_decided(&d, 0, 'A'));
}

static void proposal_of_the_next_round_before_its_round(void **state) {
    (void)state;
    open_as(3);
    drive_valid_proposal(&d, 1, 'B', -1);
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0);
    fail_round(0);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 1, 'B'));
}

static void invalid_block_with_a_quorum_is_not_decided(void **state) {
    (void)state;
    open_as(3);
    (void)drive_proposal(&d, 0, 'A', -1);
    (void)drive_validated(&d, 'A', false);
    drive_votes(&d, 0, 2, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_locked_round(d.c), -1);
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 'A');
    assert_int_equal(drive_count(&d, CS_ACT_DECIDED), 0);
    assert_int_equal(cs_step_now(d.c), CS_PREVOTE);
}

/* The proposer gave this validator A and the others B; the others have a quorum. "A node that sees a quorum for a
 * block it does not hold must fetch exactly that block", also when the quorum is of prevotes: otherwise only the
 * others could propose B again. */
static void equivocating_proposer_whose_other_block_wins(void **state) {
    (void)state;
    open_as(3);
    drive_valid_proposal(&d, 0, 'A', -1);
    assert_int_equal(drive_proposal(&d, 0, 'B', -1), CS_REFUSED_DUPLICATE);
    drive_sign(&d);
    drive_votes(&d, 0, 2, VOTE_PREVOTE, 0, 'B');
    assert_true(drive_asks_validation(&d, 'B'));
    assert_int_equal(cs_locked_round(d.c), -1);
    (void)drive_validated(&d, 'B', true);
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 0, 'B'));
    assert_int_equal(cs_locked_round(d.c), 0);
    assert_int_equal(cs_valid_round(d.c), 0);
}

static void quorum_for_a_block_never_proposed_to_us(void **state) {
    (void)state;
    open_as(3);
    (void)drive_timeout(&d, CS_TIMER_PROPOSE, 0);
    drive_votes(&d, 0, 2, VOTE_PREVOTE, 0, 'B');
    assert_true(drive_asks_validation(&d, 'B'));
    (void)drive_timeout(&d, CS_TIMER_PREVOTE, 0); /* too late to lock, */
    (void)drive_validated(&d, 'B', true);
    assert_int_equal(drive_count(&d, CS_ACT_SIGN_VOTE), 0);
    assert_int_equal(cs_locked_round(d.c), -1);
    assert_int_equal(cs_valid_round(d.c), 0); /* but not to propose it again */
}

static void halves_of_an_equivocating_proposer_go_on(void **state) {
    (void)state;
    open_as(3);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_sign(&d);
    (void)drive_vote(&d, 1, VOTE_PREVOTE, 0, 'B');
    (void)drive_vote(&d, 2, VOTE_PREVOTE, 0, 'B');
    assert_true(drive_asks_timer(&d, CS_TIMER_PREVOTE, 0));
    (void)drive_timeout(&d, CS_TIMER_PREVOTE, 0);
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 0, 0));
    drive_sign(&d);
    drive_votes(&d, 1, 2, VOTE_PRECOMMIT, 0, 0);
    assert_int_equal(cs_round(d.c), 1);
    assert_int_equal(cs_locked_round(d.c), -1);
}

/* ---- the start of a height ---- */

static void pause_ends_with_the_proposal(void **state) {
    (void)state;
    drive_open(&d, 4, NULL, 2);
    (void)drive_proposal(&d, 0, 'A', -1);
    assert_int_equal(cs_round(d.c), 0);
    assert_true(drive_asks_timer(&d, CS_TIMER_PROPOSE, 0));
    (void)drive_validated(&d, 'A', true);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 0, 'A'));
}

static void pause_does_not_end_with_one_vote(void **state) {
    (void)state;
    drive_open(&d, 4, NULL, 3);
    (void)drive_vote(&d, 0, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_step_now(d.c), CS_WAIT);
    (void)drive_vote(&d, 0, VOTE_PREVOTE, 3, 'A');
    assert_int_equal(cs_step_now(d.c), CS_WAIT);
    (void)drive_vote(&d, 1, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_round(d.c), 0);
}

static void pause_ends_in_the_round_the_others_are_in(void **state) {
    (void)state;
    drive_open(&d, 4, NULL, 3);
    (void)drive_vote(&d, 0, VOTE_PRECOMMIT, 6, 0);
    (void)drive_vote(&d, 2, VOTE_PREVOTE, 7, 0);
    assert_int_equal(cs_round(d.c), 6);
}

static void timers_do_not_end_the_pause(void **state) {
    (void)state;
    drive_open(&d, 4, NULL, 3);
    for (int32_t round = -1; round <= 0; round++) {
        for (enum cs_timer t = CS_TIMER_PROPOSE; t <= CS_TIMER_PRECOMMIT; t++) {
            (void)drive_timeout(&d, t, round);
            assert_int_equal(d.out.n, 0);
            assert_int_equal(cs_step_now(d.c), CS_WAIT);
        }
    }
}

/* ---- a machine that has forgotten what it said ---- */

/* Its precommit of round 1 comes back while it is in round 0 for a second time, and a quorum there is for another block: in
 * its first life it has seen that quorum or not, but it has seen the later one. The lock stays where it was. */
static void a_word_that_came_back_binds_in_earlier_rounds(void **state) {
    (void)state;
    drive_open(&d, 4, NULL, 3);
    (void)drive_begin(&d);
    drive_valid_proposal(&d, 0, 'A', -1);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 0, 'A'));
    drive_sign(&d);
    assert_int_equal(drive_vote(&d, 3, VOTE_PRECOMMIT, 1, 'B'), CS_TAKEN);
    assert_int_equal(cs_locked_round(d.c), 1);
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 'A');
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 0, 0));
    drive_sign(&d);
    assert_int_equal(cs_locked_round(d.c), 1);
    assert_int_equal(cs_valid_round(d.c), 1);
    hash32 id;
    drive_id('A', id);
    assert_false(cs_relies_on(d.c, id));
    /* Nor does the old quorum free it later. */
    (void)drive_timeout(&d, CS_TIMER_PRECOMMIT, 0);
    (void)drive_timeout(&d, CS_TIMER_PRECOMMIT, 1);
    assert_int_equal(cs_round(d.c), 2);
    (void)drive_proposal(&d, 2, 'A', 0);
    assert_true(drive_asks_vote(&d, VOTE_PREVOTE, 2, 0));
}

static void a_word_that_came_back_is_said_again(void **state) {
    (void)state;
    drive_open(&d, 4, NULL, 3);
    (void)drive_begin(&d);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_sign(&d);
    (void)drive_vote(&d, 3, VOTE_PRECOMMIT, 1, 'A');
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 'A');
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 0, 'A'));
    assert_int_equal(cs_locked_round(d.c), 1);
    assert_int_equal(cs_valid_round(d.c), 1);
}

/* ---- power ---- */

static void power_decides_not_heads(void **state) {
    (void)state;
    static const uint64_t powers[] = {70, 10, 10, 10};
    drive_open(&d, 4, powers, 1);
    (void)drive_begin(&d);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 1, 3, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_locked_round(d.c), -1); /* three heads, 30 of 100 */
    (void)drive_vote(&d, 0, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_locked_round(d.c), 0);
    (void)drive_vote(&d, 0, VOTE_PRECOMMIT, 0, 'A'); /* one head, 70 of 100 */
    assert_true(drive_decided(&d, 0, 'A'));
}

static void exactly_two_thirds_is_no_quorum(void **state) {
    (void)state;
    static const uint64_t powers[] = {4, 4, 3, 1}; /* two thirds of 12 is 8 */
    drive_open(&d, 4, powers, 2);
    (void)drive_begin(&d);
    drive_valid_proposal(&d, 0, 'A', -1);
    drive_votes(&d, 0, 1, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_locked_round(d.c), -1);
    assert_int_equal(drive_count(&d, CS_ACT_TIMER), 0);
    (void)drive_vote(&d, 3, VOTE_PREVOTE, 0, 'A');
    assert_int_equal(cs_locked_round(d.c), 0);
    drive_votes(&d, 0, 1, VOTE_PRECOMMIT, 0, 'A');
    assert_int_equal(cs_step_now(d.c), CS_PRECOMMIT);
    (void)drive_vote(&d, 3, VOTE_PRECOMMIT, 0, 'A');
    assert_int_equal(cs_step_now(d.c), CS_DECIDED);
}

static void alone_it_decides_alone(void **state) {
    (void)state;
    drive_open(&d, 1, NULL, 0);
    (void)drive_begin(&d);
    (void)drive_built(&d, 0, 'A');
    drive_sign(&d);
    (void)drive_validated(&d, 'A', true);
    drive_sign(&d);
    assert_true(drive_asks_vote(&d, VOTE_PRECOMMIT, 0, 'A'));
    drive_sign(&d);
    assert_true(drive_decided(&d, 0, 'A'));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, close_drive)
        T(hidden_lock),
        T(relock_on_a_newer_quorum),
        T(relock_on_the_same_block),
        T(decides_for_a_past_round),
        T(prevote_quorum_before_the_proposal),
        T(precommit_quorum_before_anything_else),
        T(proposal_of_the_next_round_before_its_round),
        T(invalid_block_with_a_quorum_is_not_decided),
        T(equivocating_proposer_whose_other_block_wins),
        T(quorum_for_a_block_never_proposed_to_us),
        T(halves_of_an_equivocating_proposer_go_on),
        T(pause_ends_with_the_proposal),
        T(pause_does_not_end_with_one_vote),
        T(pause_ends_in_the_round_the_others_are_in),
        T(timers_do_not_end_the_pause),
        T(a_word_that_came_back_binds_in_earlier_rounds),
        T(a_word_that_came_back_is_said_again),
        T(power_decides_not_heads),
        T(exactly_two_thirds_is_no_quorum),
        T(alone_it_decides_alone),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
