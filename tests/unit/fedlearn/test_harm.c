/* Groups tried on the root set by themselves: who is marked, to the row; when the rule is not asked; and that the verdict of a round is what
 * anybody finds who adds a group's plain sum to the model. */
#include "base/mem.h"
#include "fedlearn/round/harm.h"
#include "fedlearn/round/model_eval.h"
#include "tests/unit/fedlearn/round_rig.h"

#include <math.h>
#include <stdlib.h>

enum { ONE = 1 << FL_INPUT_FRACTION, ROWS = 200, D = 4 /* two classes of one input */ };

/* Row i has the input i - 99.5; class 1 is where it is above 0. The model says so; a bias moves the border. */
struct line {
    int32_t x[ROWS];
    uint8_t y[ROWS];
    struct fl_rows rows;
    struct fl_shape shape;
    struct fl_scale scale;
    struct fl_rules rules;
    int32_t model[D];
    struct fl_harm harm;
};

static struct line *line_of(void) {
    struct line *l = ws_alloc(sizeof(*l));
    for (int i = 0; i < ROWS; i++) {
        l->x[i] = (2 * i - ROWS + 1) * ONE / 2;
        l->y[i] = i >= ROWS / 2;
    }
    l->rows = (struct fl_rows){l->x, l->y, ROWS};
    l->shape = (struct fl_shape){.inputs = 1, .classes = 2};
    l->scale = (struct fl_scale){.bits = 12, .clip = 1 << 30, .clip_inf = 2047 << 16};
    l->rules = FL_RULES_DEFAULT;
    l->model[0] = -(1 << FL_PARAM_FRACTION); /* class 0: -x, class 1: 0 */
    l->harm = (struct fl_harm){&l->scale, &l->rules, &l->shape, l->model, &l->rows};
    return l;
}

/* A group of eight whose mean moves the border so many rows to the right. A symbol is 2^16, a sixteenth of a row. */
static struct fl_group moved(int32_t sum[static D], int32_t rows) {
    memset(sum, 0, D * sizeof(*sum));
    sum[2] = 8 * 16 * rows;
    return (struct fl_group){.weight = 8, .sum = sum};
}

static void marks_are_exact(void **state) {
    (void)state;
    struct line *l = line_of();
    assert_int_equal(fl_symbol_max(&l->scale), 2047);
    for (int32_t rows = -20; rows <= 20; rows++) {
        int32_t sum[2][D];
        struct fl_group g[2] = {moved(sum[0], rows), moved(sum[1], 0)};
        const uint32_t lost = (uint32_t)abs(rows);
        l->rules.harm_ppm = lost * 1000000 / ROWS;
        fl_harm_mark(&l->harm, g, 2);
        assert_false(g[0].harmful); /* so many may be lost */
        assert_false(g[1].harmful);
        if (lost <= 1)
            continue; /* one is chance */
        l->rules.harm_ppm--;
        fl_harm_mark(&l->harm, g, 2);
        assert_true(g[0].harmful);
        assert_false(g[1].harmful);
        l->rules.harm_ppm = 0;
        fl_harm_mark(&l->harm, g, 2);
        assert_true(g[0].harmful);
        assert_false(g[1].harmful);
        g[0].found = FL_MALFORMED; /* has no sum */
        g[0].sum = NULL;
        fl_harm_mark(&l->harm, g, 2);
        assert_false(g[0].harmful);
    }
    free(l);
}

/* What is better than before is never marked, nor what is as bad in other rows. */
static void a_gain_makes_up_for_a_loss(void **state) {
    (void)state;
    struct line *l = line_of();
    l->model[2] = 10 << FL_PARAM_FRACTION; /* ten rows of class 1 are missed */
    l->rules.harm_ppm = 0;
    static const struct {
        int32_t rows;
        bool harmful;
    } steps[] = {{-5, false}, {-10, false}, {-21, false}, {-22, true}, {1, false}, {2, true}};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int32_t sum[D];
        struct fl_group g = moved(sum, steps[i].rows);
        fl_harm_mark(&l->harm, &g, 1);
        assert_int_equal(g.harmful, steps[i].harmful);
    }
    free(l);
}

static void when_it_is_not_asked(void **state) {
    (void)state;
    struct line *l = line_of();
    int32_t sum[D];
    struct fl_group g = moved(sum, 100);
    l->rules.harm_ppm = 999999;
    fl_harm_mark(&l->harm, &g, 1);
    assert_false(g.harmful); /* half of them */
    l->rules.harm_ppm = 100000;
    fl_harm_mark(&l->harm, &g, 1);
    assert_true(g.harmful);
    l->rules.harm_ppm = 1000000;
    fl_harm_mark(&l->harm, &g, 1);
    assert_false(g.harmful);
    l->rules.harm_ppm = 100000;
    l->rows.n = FL_HARM_ROWS - 1;
    fl_harm_mark(&l->harm, &g, 1);
    assert_false(g.harmful);
    l->harm.root_set = NULL;
    fl_harm_mark(&l->harm, &g, 1);
    assert_false(g.harmful);
    free(l);
}

/* Rows in order of their classes are tried from end to end, however few there is time for. */
static void rows_are_spread(void **state) {
    (void)state;
    enum { INPUTS = 1024, HIDDEN = 500, N = 2000 };
    const struct fl_shape shape = {.inputs = INPUTS, .hidden = HIDDEN, .classes = 2};
    const size_t d = fl_shape_params(&shape);
    int32_t *x = ws_calloc((size_t)N * INPUTS, sizeof(*x));
    uint8_t *y = ws_calloc(N, 1);
    int32_t *model = ws_calloc(d, sizeof(*model));
    int32_t *sum = ws_calloc(d, sizeof(*sum));
    const struct fl_rows rows = {x, y, N};
    const struct fl_scale scale = {.bits = 12, .clip = 1 << 30, .clip_inf = 1 << 20};
    struct fl_rules rules = FL_RULES_DEFAULT;
    const struct fl_harm h = {&scale, &rules, &shape, model, &rows};
    for (size_t i = N / 2; i < N; i++)
        y[i] = 1; /* the model says 0 to all: half of them are right */
    sum[d - 1] = 8 * 2047; /* the bias of class 1: now the other half */
    struct fl_group g[3];
    for (uint32_t i = 0; i < 3; i++)
        g[i] = (struct fl_group){.id = i, .weight = 8, .sum = sum};
    assert_true(FL_HARM_TRIAL / (4 * d) < N && FL_HARM_TRIAL / (4 * d) >= FL_HARM_ROWS);
    rules.harm_ppm = 10000;
    fl_harm_mark(&h, g, 3);
    for (size_t i = 0; i < 3; i++)
        assert_false(g[i].harmful);
    y[0] = 0;
    memset(y, 0, N * 9 / 10);
    fl_harm_mark(&h, g, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(g[i].harmful);
    free(sum);
    free(model);
    free(y);
    free(x);
}

static void a_step_is_the_mean(void **state) {
    (void)state;
    const struct fl_scale scale = {.bits = 12, .clip = 1 << 20, .clip_inf = 1 << 18};
    const int32_t sum[] = {0, 1, -1, 5, -5, 2047 * 9, -2047 * 9, INT32_MAX, INT32_MIN};
    int32_t step[ARRAY_LEN(sum)];
    const struct fl_group g = {.weight = 9, .sum = sum};
    fl_group_step(&scale, &g, ARRAY_LEN(sum), step);
    for (size_t i = 0; i < ARRAY_LEN(sum); i++) {
        const double want = (double)sum[i] / 9 * (1 << 18) / 2047;
        const double kept = fmax(fmin(want, FL_PARAM_MAX), -FL_PARAM_MAX);
        assert_true(fabs(step[i] - kept) <= 0.501);
        assert_int_equal(sum[i] == 0, step[i] == 0);
    }
}

/* A whole round under the strictest rule: random updates, of which some do harm. */
static void a_round_tells_it(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    unsigned harmful = 0;
    rig_set_policy(r, "harm_ppm", 0);
    for (unsigned round = 0; round < 3; round++) {
        rig_submitting(r, 40);
        rig_attesting(r);
        rig_drawing(r);
        rig_opening(r);
        rig_outcome(r, o);
        const struct fl_round_view view = rig_view(r);
        assert_int_equal(view.open->config.rules.harm_ppm, round == 0 ? 1000000 : 0);
        struct fl_confusion c;
        fl_confuse(&r->model.shape, r->model.params, &r->root_set, &c);
        const uint32_t before = fl_confusion_right(&c);
        for (size_t g = 0; g < view.groups; g++) {
            uint32_t who[RIG_VEHICLES];
            int32_t next[RIG_PARAMS];
            const size_t n = fl_contract_members(r->contract.self, g, who, RIG_VEHICLES);
            for (size_t k = 0; k < RIG_PARAMS; k++) {
                double sum = 0;
                for (size_t i = 0; i < n; i++)
                    sum += r->vehicle[who[i]].update[k];
                sum *= (double)view.open->config.scale.clip_inf /
                       fl_symbol_max(&view.open->config.scale);
                next[k] = r->model.params[k] + (int32_t)lrint(sum / (double)n);
            }
            fl_confuse(&r->model.shape, next, &r->root_set, &c);
            const bool is = round > 0 && fl_confusion_right(&c) + 1 < before;
            assert_int_equal(o->group[g].verdict, is ? FL_HARMFUL : FL_ACCEPTED);
            harmful += is;
        }
        assert_true(fl_verdict_flags(FL_HARMFUL));
        rig_judging(r);
        assert_int_equal(rig_view(r).why, FL_ABORT_NONE);
        for (unsigned i = 0; i < 20 && rig_view(r).phase == FL_IDLE; i++)
            rig_block(r, 600 * (uint64_t)RIG_SECOND);
        rig_block(r, RIG_SECOND);
        rig_block(r, RIG_SECOND);
        fl_open_round(rig_view(r).open, r->host.cell_id, &r->round);
        fl_mask_round(&r->mask, rig_view(r).seed);
    }
    assert_true(harmful > 0);
    free(o);
    rig_close(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_exact),
        cmocka_unit_test(a_gain_makes_up_for_a_loss),
        cmocka_unit_test(when_it_is_not_asked),
        cmocka_unit_test(rows_are_spread),
        cmocka_unit_test(a_step_is_the_mean),
        cmocka_unit_test(a_round_tells_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
