/* Small sets of events in every order of arrival: wherever the rules promise an outcome, it must not depend on the
 * order. Own requests to sign are answered at once. */
#include "tests/support/cm.h"
#include "tests/support/cs_drive.h"

enum { EVENTS_MAX = 9, ROUNDS = 4 };

static struct drive d;

/* What the core asked to sign: [round][type - 1], and how often. */
struct asked {
    unsigned n[ROUNDS][2];
    struct vote vote[ROUNDS][2];
    unsigned decided;
};

static void give(const struct cs_event *ev, struct asked *asked) {
    struct cs_event queue[16];
    size_t n = 0;
    queue[n++] = *ev;
    for (size_t i = 0; i < n; i++) {
        d.out.n = 0;
        (void)cs_handle(d.c, &queue[i], &d.out);
        asked->decided += (unsigned)drive_count(&d, CS_ACT_DECIDED);
        for (size_t k = 0; k < d.out.n; k++) {
            if (d.out.a[k].kind != CS_ACT_SIGN_VOTE)
                continue;
            const struct vote *v = &d.out.a[k].vote;
            assert_in_range(v->round, 0, ROUNDS - 1);
            asked->n[v->round][v->type - 1]++;
            asked->vote[v->round][v->type - 1] = *v;
            assert_true(n < ARRAY_LEN(queue));
            queue[n++] = (struct cs_event){.kind = CS_EV_SIGNED_VOTE, .vote = *v};
        }
    }
    for (size_t r = 0; r < ROUNDS; r++)
        assert_true(asked->n[r][0] <= 1 && asked->n[r][1] <= 1);
}

static bool next_order(size_t *order, size_t n) {
    size_t i = n - 1;
    while (i > 0 && order[i - 1] >= order[i])
        i--;
    if (i == 0)
        return false;
    size_t k = n - 1;
    while (order[k] <= order[i - 1])
        k--;
    size_t t = order[k];
    order[k] = order[i - 1];
    order[i - 1] = t;
    for (size_t a = i, b = n - 1; a < b; a++, b--) {
        t = order[a];
        order[a] = order[b];
        order[b] = t;
    }
    return true;
}

typedef void (*outcome_fn)(const struct asked *asked);

/* passes: how often the whole sequence is given; the second time stands for what peers send again. */
static void every_order(
    const struct cs_event *events, size_t n, unsigned passes, outcome_fn check) {
    size_t order[EVENTS_MAX];
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    do {
        struct asked asked = {0};
        drive_start(&d, DRIVE_HEIGHT);
        give(&(struct cs_event){.kind = CS_EV_BEGIN, .height = DRIVE_HEIGHT}, &asked);
        for (unsigned p = 0; p < passes; p++) {
            for (size_t i = 0; i < n; i++)
                give(&events[order[i]], &asked);
        }
        check(&asked);
    } while (next_order(order, n));
}

static struct cs_event vote_event(
    size_t validator, enum vote_type type, int32_t round, char block) {
    return (struct cs_event){
        .kind = CS_EV_VOTE, .vote = drive_make_vote(validator, type, round, block)};
}

static struct cs_event proposal_event(int32_t round, char block, int32_t valid_round) {
    return (struct cs_event){.kind = CS_EV_PROPOSAL,
        .proposal = drive_make_proposal(&d, round, block, valid_round),
        .received_time = DRIVE_TIME};
}

static struct cs_event verdict_event(char block, bool ok) {
    struct cs_event ev = {.kind = CS_EV_VALIDATED, .height = DRIVE_HEIGHT, .ok = ok};
    drive_id(block, ev.id);
    return ev;
}

static struct cs_event timeout_event(enum cs_timer timer, int32_t round) {
    return (struct cs_event){
        .kind = CS_EV_TIMEOUT, .height = DRIVE_HEIGHT, .timer = timer, .round = round};
}

static bool asked_for(const struct asked *a, int32_t round, enum vote_type type, char block) {
    hash32 id;
    drive_id(block, id);
    return a->n[round][type - 1] == 1 && a->vote[round][type - 1].nil == (block == 0) &&
           memcmp(a->vote[round][type - 1].id, id, sizeof(id)) == 0;
}

static int open_drive(void **state) {
    (void)state;
    drive_open(&d, 4, NULL, 3);
    return 0;
}

static int close_drive(void **state) {
    (void)state;
    drive_close(&d);
    return 0;
}

static void is_decided(const struct asked *a) {
    assert_int_equal(a->decided, 1);
    assert_int_equal(cs_step_now(d.c), CS_DECIDED);
    for (size_t r = 0; r < ROUNDS; r++) { /* whatever it said on the way, it was the block */
        for (size_t t = 0; t < 2; t++)
            assert_true(a->n[r][t] == 0 || !a->vote[r][t].nil);
    }
}

static void decision_in_round_0(void **state) {
    (void)state;
    const struct cs_event e[] = {proposal_event(0, 'A', -1), verdict_event('A', true),
        vote_event(0, VOTE_PREVOTE, 0, 'A'), vote_event(1, VOTE_PREVOTE, 0, 'A'),
        vote_event(2, VOTE_PREVOTE, 0, 'A'), vote_event(0, VOTE_PRECOMMIT, 0, 'A'),
        vote_event(1, VOTE_PRECOMMIT, 0, 'A'), vote_event(2, VOTE_PRECOMMIT, 0, 'A')};
    every_order(e, ARRAY_LEN(e), 1, is_decided);
}

static void decision_in_a_round_not_reached_yet(void **state) {
    (void)state;
    const struct cs_event e[] = {proposal_event(2, 'A', -1), verdict_event('A', true),
        vote_event(0, VOTE_PREVOTE, 2, 'A'), vote_event(1, VOTE_PREVOTE, 2, 'A'),
        vote_event(2, VOTE_PREVOTE, 2, 'A'), vote_event(0, VOTE_PRECOMMIT, 2, 'A'),
        vote_event(1, VOTE_PRECOMMIT, 2, 'A'), vote_event(2, VOTE_PRECOMMIT, 2, 'A')};
    every_order(e, ARRAY_LEN(e), 1, is_decided);
}

static void prevotes_the_reproposal(const struct asked *a) {
    assert_int_equal(cs_round(d.c), 1);
    assert_true(asked_for(a, 1, VOTE_PREVOTE, 'A'));
    assert_int_equal(a->vote[1][0].valid_round, 0);
}

static void reproposal_and_its_old_quorum(void **state) {
    (void)state;
    const struct cs_event e[] = {proposal_event(1, 'A', 0), verdict_event('A', true),
        vote_event(0, VOTE_PREVOTE, 0, 'A'), vote_event(1, VOTE_PREVOTE, 0, 'A'),
        vote_event(2, VOTE_PREVOTE, 0, 'A'), vote_event(0, VOTE_PRECOMMIT, 0, 0),
        vote_event(1, VOTE_PRECOMMIT, 0, 0), vote_event(2, VOTE_PRECOMMIT, 0, 0)};
    every_order(e, ARRAY_LEN(e), 1, prevotes_the_reproposal);
}

static void knows_the_valid_value(const struct asked *a) {
    assert_int_equal(cs_valid_round(d.c), 0);
    assert_int_equal(a->n[0][0], 1);
    assert_int_equal(a->n[0][1], 1);
    /* Locked exactly if it precommitted the block. */
    assert_int_equal(cs_locked_round(d.c), asked_for(a, 0, VOTE_PRECOMMIT, 'A') ? 0 : -1);
}

static void timers_between_the_votes(void **state) {
    (void)state;
    const struct cs_event e[] = {proposal_event(0, 'A', -1), verdict_event('A', true),
        vote_event(0, VOTE_PREVOTE, 0, 'A'), vote_event(1, VOTE_PREVOTE, 0, 'A'),
        vote_event(2, VOTE_PREVOTE, 0, 'A'), timeout_event(CS_TIMER_PROPOSE, 0),
        timeout_event(CS_TIMER_PREVOTE, 0)};
    every_order(e, ARRAY_LEN(e), 1, knows_the_valid_value);
}

static void is_in_round_1(const struct asked *a) {
    assert_int_equal(cs_round(d.c), 1);
    assert_int_equal(cs_step_now(d.c), CS_PROPOSE);
    /* Without its own time-outs it speaks of A or not at all. */
    assert_true(a->n[0][0] == 0 || asked_for(a, 0, VOTE_PREVOTE, 'A'));
    assert_true(a->n[0][1] == 0 || asked_for(a, 0, VOTE_PRECOMMIT, 'A'));
    assert_int_equal(cs_locked_round(d.c), a->n[0][1] == 0 ? -1 : 0);
    assert_int_equal(cs_valid_round(d.c), cs_locked_round(d.c));
}

static void quorum_against_a_failing_round(void **state) {
    (void)state;
    const struct cs_event e[] = {proposal_event(0, 'A', -1), verdict_event('A', true),
        vote_event(0, VOTE_PREVOTE, 0, 'A'), vote_event(1, VOTE_PREVOTE, 0, 'A'),
        vote_event(2, VOTE_PREVOTE, 0, 'A'), vote_event(0, VOTE_PRECOMMIT, 0, 0),
        vote_event(1, VOTE_PRECOMMIT, 0, 0), vote_event(2, VOTE_PRECOMMIT, 0, 0)};
    every_order(e, ARRAY_LEN(e), 1, is_in_round_1);
}

static void is_locked(const struct asked *a) {
    assert_int_equal(cs_locked_round(d.c), 0);
    assert_true(asked_for(a, 0, VOTE_PRECOMMIT, 'A'));
}

static void liar_who_says_three_things(void **state) {
    (void)state;
    const struct cs_event e[] = {proposal_event(0, 'A', -1), verdict_event('A', true),
        vote_event(0, VOTE_PREVOTE, 0, 'A'), vote_event(1, VOTE_PREVOTE, 0, 0),
        vote_event(2, VOTE_PREVOTE, 0, 'X'), vote_event(2, VOTE_PREVOTE, 0, 'Y'),
        vote_event(2, VOTE_PREVOTE, 0, 'A')};
    every_order(e, ARRAY_LEN(e), 2, is_locked);
}

static void prevoted_nil(const struct asked *a) {
    assert_true(asked_for(a, 0, VOTE_PREVOTE, 0));
    assert_true(asked_for(a, 0, VOTE_PRECOMMIT, 0));
    assert_int_equal(cs_locked_round(d.c), -1);
}

static void invalid_block_and_a_nil_quorum(void **state) {
    (void)state;
    const struct cs_event e[] = {proposal_event(0, 'A', -1), verdict_event('A', false),
        vote_event(0, VOTE_PREVOTE, 0, 0), vote_event(1, VOTE_PREVOTE, 0, 0),
        vote_event(2, VOTE_PREVOTE, 0, 'A'), timeout_event(CS_TIMER_PREVOTE, 0),
        vote_event(2, VOTE_PREVOTE, 0, 0)};
    every_order(e, ARRAY_LEN(e), 1, prevoted_nil);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decision_in_round_0),
        cmocka_unit_test(decision_in_a_round_not_reached_yet),
        cmocka_unit_test(reproposal_and_its_old_quorum),
        cmocka_unit_test(timers_between_the_votes),
        cmocka_unit_test(quorum_against_a_failing_round),
        cmocka_unit_test(liar_who_says_three_things),
        cmocka_unit_test(invalid_block_and_a_nil_quorum),
    };
    return cmocka_run_group_tests(tests, open_drive, close_drive);
}
