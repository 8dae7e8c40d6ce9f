/* What a round finds, against sums done by hand: the step, momentum, a malformed group, the veto, and what does not fit. */
#include "base/mem.h"
#include "tests/unit/fedlearn/round_rig.h"

#include <math.h>
#include <stdlib.h>

static struct rig *opened(void) {
    struct rig *r = rig_open(RIG_VALIDATORS);
    rig_submitting(r, 16);
    rig_attesting(r);
    rig_drawing(r);
    rig_opening(r);
    return r;
}

/* Mean over the groups' means, in 2^-20: symbols times clip_inf / 2047. */
static void mean_step(struct rig *r, double *ret) {
    const struct fl_round_view view = rig_view(r);
    memset(ret, 0, RIG_PARAMS * sizeof(*ret));
    for (size_t g = 0; g < view.groups; g++) {
        uint32_t in[RIG_VEHICLES];
        size_t n = fl_contract_members(r->contract.self, g, in, RIG_VEHICLES);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < RIG_PARAMS; k++)
                ret[k] += (double)r->vehicle[in[i]].update[k] / (double)n / view.groups;
    }
    for (size_t k = 0; k < RIG_PARAMS; k++)
        ret[k] *= view.open->config.scale.clip_inf / 2047.0;
}

static void next_round(struct rig *r) {
    rig_block(r, 600 * (uint64_t)RIG_SECOND);
    rig_block(r, RIG_SECOND);
    rig_block(r, RIG_SECOND);
    rig_submitting(r, 16);
    rig_attesting(r);
    rig_drawing(r);
    rig_opening(r);
}

/* The second step has nine tenths of the first in it. */
static void steps_are_means_and_go_on(void **state) {
    (void)state;
    struct rig *r = opened();
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    double first[RIG_PARAMS];
    double second[RIG_PARAMS];
    mean_step(r, first);
    rig_outcome(r, o);
    assert_int_equal(r->next.steps, r->model.steps + 1);
    assert_memory_equal(r->next.parent, rig_view(r).open->model_hash, 32);
    for (size_t k = 0; k < RIG_PARAMS; k++)
        assert_true(fabs(r->next.params[k] - r->model.params[k] - first[k]) <= 1.5);
    rig_judging(r);
    next_round(r);
    mean_step(r, second);
    rig_outcome(r, o);
    for (size_t k = 0; k < RIG_PARAMS; k++)
        assert_true(fabs(r->next.params[k] - r->model.params[k] - second[k] - 0.9 * first[k]) <= 3);
    /* The largest changes, as they are in the two models. */
    assert_int_equal(o->n_changes, FL_CHANGES_MAX);
    for (size_t i = 0; i < o->n_changes; i++) {
        assert_int_equal(o->change[i].before, r->model.params[o->change[i].index]);
        assert_int_equal(o->change[i].after, r->next.params[o->change[i].index]);
    }
    free(o);
    rig_close(r);
}

static void a_malformed_group_is_left_out(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    const uint8_t zero[32] = {0};
    rig_submitting(r, 16);
    /* Vehicle 3 has committed to this ciphertext: it is none under its key. */
    for (size_t i = 0; i < 300; i++)
        r->vehicle[3].wire.p[i] = (uint8_t)(i * 59);
    rig_attesting(r);
    rig_drawing(r);
    rig_opening(r);
    struct fl_submission_view s;
    assert_true(fl_contract_submission(r->contract.self, 3, &s));
    rig_outcome(r, o);
    for (uint16_t g = 0; g < o->n_groups; g++) {
        assert_int_equal(o->group[g].verdict, g == s.group ? FL_MALFORMED : FL_ACCEPTED);
        assert_int_equal(memcmp(o->group[g].sum_hash, zero, 32) == 0, g == s.group);
    }
    assert_int_equal(o->accepted, 1);
    assert_true(o->step);
    rig_judging(r);
    assert_int_equal(rig_view(r).why, FL_ABORT_NONE);
    /* Everybody in that group is a little suspect, nobody is out; who was in the other one is not kept. */
    const struct fl_suspicion *q = fl_contract_suspicion(r->contract.self);
    assert_int_equal(q->n, 8);
    for (size_t i = 0; i < q->n; i++)
        assert_int_equal(q->all[i].standing, FL_FREE);
    free(o);
    rig_close(r);
}

/* Attack list: key not short, in ciphertext and shares alike. Nothing but the sum of keys shows it. */
static void a_key_that_is_not_short(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    r->long_keys = 0xff; /* of sixteen: one of two groups has four at least */
    rig_submitting(r, 16);
    rig_attesting(r);
    rig_drawing(r);
    rig_opening(r);
    rig_outcome(r, o);
    unsigned found = 0;
    for (uint16_t g = 0; g < o->n_groups; g++) {
        const bool is = fl_contract_key_sum(r->contract.self, g)[0] > 8 * 42;
        assert_int_equal(o->group[g].verdict, is ? FL_LONG_KEY : FL_ACCEPTED);
        assert_true(o->group[g].residual > 0);
        found += is;
    }
    assert_true(found > 0);
    assert_int_equal(o->accepted, o->n_groups - found);
    assert_true(fl_verdict_flags(FL_LONG_KEY));
    rig_judging(r);
    assert_int_equal(rig_events(r, FL_EVENT_CLOSED), 1);
    free(o);
    rig_close(r);
}

/* The first model says class 0 to everything: any step loses some of that class. */
static void a_veto_keeps_the_model(void **state) {
    (void)state;
    struct rig *r = rig_new(RIG_VALIDATORS);
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    struct fl_model_view m;
    rig_set_policy(r, "safety_classes", 1);
    rig_set_policy(r, "veto_ppm", 1000);
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++)
        assert_int_equal(rig_key(r, v), FL_ROUND_OK);
    assert_int_equal(rig_order_model(r), FL_ROUND_OK);
    rig_end(r);
    rig_block(r, RIG_SECOND);
    rig_block(r, RIG_SECOND);
    rig_submitting(r, 16);
    rig_attesting(r);
    rig_drawing(r);
    rig_opening(r);
    rig_outcome(r, o);
    assert_int_equal(o->classes, 4);
    assert_int_equal(o->before[0], RIG_ROWS / 4);
    assert_true(o->after[0] < RIG_ROWS / 4);
    assert_true(o->step && o->vetoed);
    struct fl_class_recall n;
    assert_int_equal(fl_outcome_veto(rig_view(r).open, o, 0, &n), FL_VETO_STEP);
    assert_int_equal(n.rows, RIG_ROWS / 4);
    assert_int_equal(n.before, RIG_ROWS / 4);
    assert_int_equal(n.best, RIG_ROWS / 4);
    assert_int_equal(n.after, o->after[0]);
    for (unsigned k = 1; k < 4; k++)
        assert_int_equal(fl_outcome_veto(rig_view(r).open, o, k, NULL), FL_VETO_NONE);
    assert_memory_equal(o->model_hash, rig_view(r).open->model_hash, 32);
    rig_judging(r);
    assert_int_equal(rig_events(r, FL_EVENT_CLOSED), 1);
    fl_contract_model(r->contract.self, &m);
    assert_int_equal(m.version, 1);
    free(o);
    rig_close(r);
}

static void next_is(struct rig *r, const uint32_t *best) {
    const struct fl_open *open = rig_view(r).open;
    assert_int_equal(open->classes, 4);
    for (size_t k = 0; k < 4; k++)
        assert_int_equal(open->best[k], best[k]);
}

/* The best counts since the order stand in the next OPEN, over restarts, and a second bound is against them. */
static void the_best_is_remembered(void **state) {
    (void)state;
    struct rig *r = opened();
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    uint32_t best[4] = {0};
    assert_int_equal(rig_view(r).open->classes, 0);
    for (unsigned round = 0; round < 3; round++) {
        rig_outcome(r, o);
        assert_false(o->vetoed);
        for (size_t k = 0; k < 4; k++) {
            best[k] = o->before[5 * k] > best[k] ? o->before[5 * k] : best[k];
            best[k] = o->after[5 * k] > best[k] ? o->after[5 * k] : best[k];
        }
        rig_judging(r);
        rig_restart(r);
        next_round(r);
        next_is(r, best);
    }
    assert_int_equal(
        best[0], RIG_ROWS / 4); /* of the model that was ordered: the steps lost some */
    assert_true(o->after[0] < best[0]);
    /* An order begins anew; one step may lose what it likes, all of them together nothing. */
    rig_set_policy(r, "safety_classes", 1);
    rig_set_policy(r, "veto_ppm", 1000000);
    rig_set_policy(r, "veto_total_ppm", 0);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_order_model(r), FL_ROUND_OK);
    rig_end(r);
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).open->classes, 0);
    rig_block(r, RIG_SECOND);
    rig_submitting(r, 16);
    rig_attesting(r);
    rig_drawing(r);
    rig_opening(r);
    rig_outcome(r, o);
    assert_true(o->vetoed);
    assert_int_equal(fl_outcome_veto(rig_view(r).open, o, 0, NULL), FL_VETO_TOTAL);
    free(o);
    rig_close(r);
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    struct rig *r = opened();
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    struct fl_found_group group = {.vehicles = 8, .verdict = FL_OPENING_RESIDUAL};
    struct fl_model next = {0};
    struct ws_err err;
    struct fl_find f = {rig_view(r).open, &group, 1, &r->model, NULL, NULL};
    r->model.params[0]++;
    assert_int_equal(fl_find_outcome(&f, o, &next, &err), WS_EINPUT);
    r->model.params[0]--;
    f.parent = &r->model;
    assert_int_equal(fl_find_outcome(&f, o, &next, &err), WS_EINPUT);
    f.parent = NULL;
    r->root_y[5] = 4;
    f.root_set = &r->root_set;
    assert_int_equal(fl_find_outcome(&f, o, &next, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "row 5"));
    f.root_set = NULL;
    f.n_groups = 0;
    assert_int_equal(fl_find_outcome(&f, o, &next, &err), WS_EINPUT);
    f.n_groups = 1;
    assert_int_equal(
        fl_find_outcome(&f, o, &next, &err), WS_OK); /* nothing but a malformed group */
    assert_false(o->step);
    assert_int_equal(o->group[0].verdict, FL_MALFORMED);
    fl_model_free(&next);
    free(o);
    rig_close(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_means_and_go_on),
        cmocka_unit_test(a_malformed_group_is_left_out),
        cmocka_unit_test(a_key_that_is_not_short),
        cmocka_unit_test(a_veto_keeps_the_model),
        cmocka_unit_test(the_best_is_remembered),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
