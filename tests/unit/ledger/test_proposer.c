/* Weighted round robin: everybody in proportion, nobody twice in a row without need, the same everywhere. */
#include "tests/support/cm.h"
#include "tests/support/cs_drive.h"

#include "base/random.h"

static void equal_weights_go_round(void **state) {
    (void)state;
    struct validator_set set = drive_set(7, NULL);
    struct proposer_state s;
    proposer_init(&s, &set);
    for (size_t i = 0; i < 70;
         i++) /* ties go to the smaller address, which is the set's order here */
        assert_int_equal(proposer_step(&s, &set), i % 7);
}

static void ties_go_to_the_smaller_address(void **state) {
    (void)state;
    struct validator_set set = drive_set(4, NULL);
    /* An order that is not the canonical one: the rule must not lean on positions. */
    struct validator first = set.v[0];
    set.v[0] = set.v[2];
    set.v[2] = first;
    struct proposer_state s;
    proposer_init(&s, &set);
    assert_int_equal(proposer_step(&s, &set), 2);
    assert_int_equal(proposer_step(&s, &set), 1);
    assert_int_equal(proposer_step(&s, &set), 0);
    assert_int_equal(proposer_step(&s, &set), 3);
}

/* The sequence of 5, 1, 1: the known result of smooth weighted round robin. */
static void known_sequence(void **state) {
    (void)state;
    static const uint64_t powers[] = {5, 1, 1};
    static const size_t want[] = {0, 0, 1, 0, 2, 0, 0};
    struct validator_set set = drive_set(3, powers);
    struct proposer_state s;
    proposer_init(&s, &set);
    for (size_t i = 0; i < 21; i++)
        assert_int_equal(proposer_step(&s, &set), want[i % 7]);
}

static void check_fairness(const uint64_t *powers, size_t n) {
    struct validator_set set = drive_set(n, powers);
    struct proposer_state s;
    struct proposer_state start;
    uint64_t turns[VALIDATORS_MAX] = {0};
    proposer_init(&s, &set);
    start = s;
    for (uint64_t k = 1; k <= set.total; k++) {
        turns[proposer_step(&s, &set)]++;
        int64_t sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += s.priority[i];
            assert_true(s.priority[i] < 2 * (int64_t)set.total);
            assert_true(s.priority[i] > -2 * (int64_t)set.total);
            /* Never a whole turn or more behind or ahead of its share. */
            int64_t due = (int64_t)(k * set.v[i].power) - (int64_t)(turns[i] * set.total);
            assert_true(due < (int64_t)(n * set.total) && due > -(int64_t)set.total);
            assert_int_equal(due, s.priority[i]); /* which is what the priority is */
        }
        assert_int_equal(sum, 0);
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal(turns[i], set.v[i].power);
    assert_memory_equal(&s, &start, sizeof(s)); /* and the period is over */
}

static void turns_are_the_weights(void **state) {
    (void)state;
    static const uint64_t a[] = {1};
    static const uint64_t b[] = {3, 1};
    static const uint64_t c[] = {7, 5, 3, 1, 1};
    static const uint64_t e[] = {100, 1, 1, 1};
    check_fairness(a, 1);
    check_fairness(b, 2);
    check_fairness(c, 5);
    check_fairness(e, 4);
    struct ws_random r = ws_random_seeded(3);
    for (size_t k = 0; k < 30; k++) {
        uint64_t powers[22];
        size_t n = 1 + ws_random_below(&r, 22);
        for (size_t i = 0; i < n; i++)
            powers[i] = 1 + ws_random_below(&r, 50);
        check_fairness(powers, n);
    }
}

static void round_r_takes_r_more_steps_on_a_copy(void **state) {
    (void)state;
    static const uint64_t powers[] = {9, 4, 2, 2};
    struct validator_set set = drive_set(4, powers);
    struct proposer_state s;
    proposer_init(&s, &set);
    for (size_t height = 0; height < 20; height++) {
        const struct proposer_state before = s;
        struct proposer_state walk = s;
        for (int32_t r = 0; r < 50; r++)
            assert_int_equal(proposer_of_round(&s, &set, r), proposer_step(&walk, &set));
        assert_memory_equal(&s, &before, sizeof(s));
        (void)proposer_step(&s, &set);
    }
}

static void largest_powers_do_not_overflow(void **state) {
    (void)state;
    uint64_t powers[VALIDATORS_MAX];
    for (size_t i = 0; i < VALIDATORS_MAX; i++)
        powers[i] = i == 0 ? POWER_MAX - 63 : 1;
    struct validator_set set = drive_set(VALIDATORS_MAX, powers);
    assert_true(set.total == POWER_MAX);
    struct proposer_state s;
    proposer_init(&s, &set);
    for (size_t k = 0; k < 5000; k++)
        assert_int_equal(proposer_step(&s, &set), 0);
    for (size_t i = 0; i < VALIDATORS_MAX; i++)
        powers[i] = POWER_MAX / VALIDATORS_MAX;
    set = drive_set(VALIDATORS_MAX, powers);
    proposer_init(&s, &set);
    for (size_t k = 0; k < 5000; k++)
        assert_int_equal(proposer_step(&s, &set), k % VALIDATORS_MAX);
}

/* Stored priorities that a changed set has left lopsided come back into range, whatever they were. */
static void priorities_come_back_into_range(void **state) {
    (void)state;
    static const uint64_t powers[] = {3, 2, 1};
    struct validator_set set = drive_set(3, powers);
    struct proposer_state s;
    proposer_init(&s, &set);
    s.priority[0] = INT64_C(1) << 61;
    s.priority[1] = -(INT64_C(1) << 61);
    s.priority[2] = 12345;
    for (size_t k = 0; k < 30; k++)
        (void)proposer_step(&s, &set);
    uint64_t turns[3] = {0};
    for (size_t k = 0; k < 600; k++)
        turns[proposer_step(&s, &set)]++;
    for (size_t i = 0; i < 3; i++) {
        assert_true(s.priority[i] <= 12 && s.priority[i] >= -12);
        assert_in_range(turns[i], 100 * powers[i] - 2, 100 * powers[i] + 2);
    }
}

static void far_rounds_cost_a_bounded_walk(void **state) {
    (void)state;
    struct validator_set set = drive_set(4, NULL);
    struct proposer_state s;
    proposer_init(&s, &set);
    assert_int_equal(proposer_of_round(&s, &set, INT32_MAX), INT32_MAX % 4);
    assert_int_equal(proposer_of_round(&s, &set, 4096), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_weights_go_round),
        cmocka_unit_test(ties_go_to_the_smaller_address),
        cmocka_unit_test(known_sequence),
        cmocka_unit_test(turns_are_the_weights),
        cmocka_unit_test(round_r_takes_r_more_steps_on_a_copy),
        cmocka_unit_test(largest_powers_do_not_overflow),
        cmocka_unit_test(priorities_come_back_into_range),
        cmocka_unit_test(far_rounds_cost_a_bounded_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
