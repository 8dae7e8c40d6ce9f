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

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, close_drive)
        T(timer_of_another_height_does_nothing),
        T(block_built_for_another_height_is_not_proposed),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
