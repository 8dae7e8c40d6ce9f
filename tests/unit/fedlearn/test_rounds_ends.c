/* Rounds that end otherwise than hoped for: groups that are not open in time, steps that are vetoed, vehicles that are convicted last; and what
 * the next OPEN makes of it. */
#include "base/mem.h"
#include "fedlearn/round/events.h"
#include "tests/unit/fedlearn/round_rig.h"

#include <stdlib.h>

static void to_opening(struct rig *r, size_t vehicles) {
    rig_submitting(r, vehicles);
    rig_attesting(r);
    rig_drawing(r);
}

static void to_next_round(struct rig *r) {
    for (unsigned i = 0; i < 20 && rig_view(r).phase == FL_IDLE; i++)
        rig_block(r, 600 * (uint64_t)RIG_SECOND);
    rig_block(r, RIG_SECOND);
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_SUBMITTING);
}

static void say_all(struct rig *r, const struct fl_outcome *o) {
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++)
        if (rig_view(r).phase == FL_JUDGING)
            assert_int_equal(rig_say_outcome(r, v, o), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).phase, FL_IDLE);
    assert_int_equal(rig_view(r).why, FL_ABORT_NONE);
}

/* Members 3 and 4 lack a share of somebody in group 1, say. */
static void a_group_that_is_not_open_in_time(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    to_opening(r, 24);
    assert_int_equal(rig_view(r).groups, 3);
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++)
        for (size_t g = 0; g < 3; g++)
            if (v <= 2 || g != 1)
                assert_int_equal(rig_shares(r, v, g, 1, 0), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).phase, FL_OPENING);
    assert_int_equal(rig_view(r).opened, 2);
    assert_false(fl_contract_given_up(r->contract.self, 1)); /* there is time */
    rig_restart(r);
    rig_block(r, 60 * (uint64_t)RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_JUDGING);
    for (unsigned again = 0; again < 2; again++) {
        for (size_t g = 0; g < 3; g++)
            assert_int_equal(fl_contract_given_up(r->contract.self, g), g == 1);
        rig_restart(r);
    }
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_shares(r, 3, 1, 1, 0), FL_ROUND_TOO_LATE);
    rig_end(r);
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    rig_outcome(r, o);
    assert_int_equal(o->group[1].verdict, FL_GIVEN_UP);
    assert_int_equal(o->accepted, 2);
    say_all(r, o);
    /* No mark for anybody of it. */
    for (size_t i = 0; i < 24; i++)
        assert_int_equal(
            fl_suspicion_standing(fl_contract_suspicion(r->contract.self), r->vehicle[i].token),
            FL_FREE);
    free(o);
    rig_close(r);
}

/* Free groups may all be given up, and only suspects' be open: nothing is known of the free ones then. */
static void none_of_the_free_groups(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct fl_suspicion *s = (struct fl_suspicion *)fl_contract_suspicion(
        r->contract.self); /* as rounds before left it */
    rig_begin(r, RIG_SECOND);
    for (size_t i = 0; i < 24; i++) {
        rig_make(r, i);
        assert_int_equal(rig_submit(r, i), FL_ROUND_OK);
    }
    rig_end(r);
    rig_block(r, 60 * (uint64_t)RIG_SECOND);
    for (size_t i = 0; i < 8; i++) {
        fl_suspicion_convict(s, r->vehicle[i].token, 1);
        for (size_t k = 0; k < s->n; k++)
            s->all[k].standing = FL_QUARANTINED;
    }
    rig_attesting(r);
    rig_drawing(r);
    assert_int_equal(rig_view(r).groups, 3);
    assert_int_equal(rig_view(r).free_groups, 2);
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++)
        assert_int_equal(rig_shares(r, v, 2, 1, 0), FL_ROUND_OK);
    rig_end(r);
    rig_block(r, 60 * (uint64_t)RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_JUDGING);
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    rig_outcome(r, o);
    assert_false(o->step);
    say_all(r, o);
    free(o);
    rig_close(r);
}

static void vetoed(struct fl_outcome *o, const struct fl_model_view *m) {
    o->vetoed = true;
    memcpy(o->model_hash, m->hash, 32);
}

/* What was vetoed does not come again out of the cell's own momentum. */
static void after_a_veto(void **state) {
    (void)state;
    static const struct {
        bool step, veto;
        uint32_t momentum; /* of the next OPEN; the rig's policy has FL_RULES_DEFAULT's */
    } rounds[] = {{true, true, 0}, {false, false, 0}, {true, true, 0}, {true, false, 900}};
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    assert_int_equal(rig_view(r).open->config.rules.momentum_thousandths, 900);
    for (size_t k = 0; k < ARRAY_LEN(rounds); k++) {
        struct fl_model_view m;
        to_opening(r, 16);
        rig_opening(r);
        rig_outcome(r, o);
        fl_contract_model(r->contract.self, &m);
        assert_true(o->step);
        if (rounds[k].veto || !rounds[k].step)
            vetoed(o, &m);
        if (!rounds[k].step) {
            o->step = o->vetoed = false;
            o->accepted = o->vehicles = 0;
            o->n_changes = 0;
            o->step_norm = 0;
        }
        say_all(r, o);
        rig_move_on(r, o);
        rig_restart(r);
        to_next_round(r);
        assert_int_equal(rig_view(r).open->config.rules.momentum_thousandths, rounds[k].momentum);
    }
    free(o);
    rig_close(r);
}

/* With fewer groups than a step needs, nothing is opened for nothing. */
static void too_few_groups_for_a_step(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    rig_set_policy(r, "min_groups", 3);
    rig_submitting(r, 15);
    assert_int_equal(rig_view(r).why, FL_ABORT_TOO_FEW);
    for (size_t vehicles = 23; vehicles <= 24; vehicles++) {
        to_next_round(r);
        to_opening(r, vehicles);
        assert_int_equal(rig_view(r).phase, vehicles < 24 ? FL_IDLE : FL_OPENING);
        assert_int_equal(rig_events(r, FL_EVENT_GROUPS), vehicles < 24 ? 0 : 1);
        assert_int_equal(rig_events(r, FL_EVENT_ABORTED), vehicles < 24 ? 1 : 0);
    }
    rig_close(r);
}

/* A vehicle that was found out after the cut-off is convicted when the round is over: what SUSPECT says of the table is what stays in the state. */
static void suspect_says_who_was_convicted(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    rig_submitting_bad(r, 24, 1 << 7, 1);
    rig_attesting_without(r, 1 << 7, 1);
    rig_drawing(r);
    struct fl_submission_view bad;
    assert_true(fl_contract_submission(r->contract.self, 7, &bad));
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_complain(r, 1, 7), FL_ROUND_OK);
    for (unsigned v = 2; v <= 4; v++)
        for (size_t g = 0; g < rig_view(r).groups; g++)
            if (g != bad.group)
                assert_int_equal(rig_shares(r, v, g, 1, 0), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).phase, FL_JUDGING);
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    rig_outcome(r, o);
    say_all(r, o);
    bool told = false;
    for (size_t i = 0; i < r->host.n_events; i++) {
        uint8_t root[32];
        if (r->host.events[i].type != FL_EVENT_SUSPECT)
            continue;
        told = true;
        assert_true(fl_event_decode(FL_EVENT_SUSPECT, buf_span(&r->host.events[i].body), e));
        fl_suspicion_root(fl_contract_suspicion(r->contract.self), root);
        assert_memory_equal(e->suspects.root, root, 32);
        assert_int_equal(e->suspects.n, 1);
        struct fl_suspect one;
        fl_event_suspect(e, 0, &one);
        assert_memory_equal(one.token, r->vehicle[7].token, 32);
        assert_int_equal(one.standing, FL_EXCLUDED);
    }
    assert_true(told);
    free(e);
    free(o);
    rig_close(r);
}

/* A model of so many parameters is ordered; its first round opens at once. */
static void open_with(struct rig *r, uint32_t params) {
    struct fl_model_order order = {.params = params, .name = "made-up", .hash = {1}};
    struct buf b = {0};
    fl_model_order_encode(&order, &b);
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++)
        assert_int_equal(rig_key(r, v), FL_ROUND_OK);
    assert_int_equal(rig_order(r, FL_ORDER_MODEL, buf_span(&b)), FL_ROUND_OK);
    rig_end(r);
    buf_free(&b);
    assert_int_equal(rig_view(r).phase, FL_SEEDING);
    rig_restart(r); /* it can be read again */
}

/* What is held while a round is judged has an end, whatever the region's policy asks for. */
static void a_large_model_has_fewer_vehicles(void **state) {
    (void)state;
    struct rig *r = rig_new(RIG_VALIDATORS);
    rig_set_policy(r, "submissions_max", 2048);
    open_with(r, FL_MAX_PARAMS);
    const struct fl_open *open = rig_view(r).open;
    assert_int_equal(open->config.submissions_max, 64 * 8);
    assert_true(open->config.submissions_max / open->config.group_min * (uint64_t)open->params <=
                FL_SUM_VALUES_MAX);
    rig_close(r);
}

static void a_small_model_has_as_many_as_are_wanted(void **state) {
    (void)state;
    struct rig *r = rig_new(RIG_VALIDATORS);
    rig_set_policy(r, "profile", FL_CELL);
    rig_set_policy(r, "group_min", 256);
    rig_set_policy(r, "group", 256);
    rig_set_policy(r, "submissions_max", 4096);
    open_with(r, 4);
    assert_int_equal(rig_view(r).open->config.submissions_max, 4096);
    rig_close(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_that_is_not_open_in_time),
        cmocka_unit_test(none_of_the_free_groups),
        cmocka_unit_test(after_a_veto),
        cmocka_unit_test(too_few_groups_for_a_step),
        cmocka_unit_test(suspect_says_who_was_convicted),
        cmocka_unit_test(a_large_model_has_fewer_vehicles),
        cmocka_unit_test(a_small_model_has_as_many_as_are_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
