/* The ladder of an idle worker, and when a lost port is tried again. */
#include "tests/support/cm.h"

#include "pktio/backoff.h"
#include "pktio/idle.h"

static void assert_rest(struct idle_look l, enum idle_step step, uint32_t us) {
    struct idle_rest r = idle_next(&l);
    assert_int_equal(r.step, step);
    assert_int_equal(r.us, us);
}

static void every_rung(void **state) {
    (void)state;
    /* Whatever else is said, work goes on at once. */
    for (unsigned i = 0; i < 4; i++)
        assert_rest(
            (struct idle_look){
                .busy = true, .told = i % 2 == 0, .unsent = i / 2 == 0, .quiet_us = UINT64_MAX},
            IDLE_GO, 0);
    /* A descriptor, or an interrupt behind one: long sleeps, however quiet it is. */
    assert_rest((struct idle_look){.told = true}, IDLE_WAIT, 100000);
    assert_rest((struct idle_look){.told = true, .quiet_us = UINT64_MAX}, IDLE_WAIT, 100000);
    assert_rest((struct idle_look){.told = true, .unsent = true}, IDLE_WAIT, 1000);
    /* Neither: shorter naps the nearer the last frame is. */
    assert_rest((struct idle_look){.quiet_us = 0}, IDLE_NAP, 100);
    assert_rest((struct idle_look){.quiet_us = IDLE_QUIET_US - 1}, IDLE_NAP, 100);
    assert_rest((struct idle_look){.quiet_us = IDLE_QUIET_US}, IDLE_NAP, 500);
    assert_rest((struct idle_look){.quiet_us = IDLE_ASLEEP_US - 1}, IDLE_NAP, 500);
    assert_rest((struct idle_look){.quiet_us = IDLE_ASLEEP_US}, IDLE_NAP, 900);
    assert_rest((struct idle_look){.quiet_us = UINT64_MAX, .unsent = true}, IDLE_NAP, 900);
}

/* No nap is so long that a frame after it is late by more than a millisecond. */
static void naps_are_short(void **state) {
    (void)state;
    for (uint64_t quiet = 1; quiet < UINT64_MAX / 2; quiet *= 2) {
        struct idle_look l = {.quiet_us = quiet};
        assert_true(idle_next(&l).us > 0 && idle_next(&l).us < 1000);
    }
}

static void again_later_and_later(void **state) {
    (void)state;
    struct backoff b = {.random = ws_random_seeded(1)};
    uint64_t middle = BACKOFF_FIRST_US;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 1000; i++) {
            uint64_t us = backoff_next_us(&b);
            assert_true(us >= middle - middle / 4 && us <= middle + middle / 4);
            middle = middle * 2 < BACKOFF_LAST_US ? middle * 2 : BACKOFF_LAST_US;
        }
        backoff_reset(&b);
        middle = BACKOFF_FIRST_US;
    }
}

static void not_all_at_once(void **state) {
    (void)state;
    struct backoff a = {.random = ws_random_seeded(1)};
    struct backoff b = {.random = ws_random_seeded(2)};
    unsigned same = 0;
    for (unsigned i = 0; i < 100; i++)
        same += backoff_next_us(&a) == backoff_next_us(&b) ? 1 : 0;
    assert_true(same < 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rung),
        cmocka_unit_test(naps_are_short),
        cmocka_unit_test(again_later_and_later),
        cmocka_unit_test(not_all_at_once),
    };
    return cmocka_run_group_tests_name("idle and lost", tests, NULL, NULL);
}
