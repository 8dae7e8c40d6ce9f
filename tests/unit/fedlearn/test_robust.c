/* Many rounds of a cell with attackers in it, from the drawing of groups to standing: who is set apart, and that the
 * steps stay with what the honest ones want. Updates are made up (a common direction, a bias of each vehicle's own,
 * noise), so that it runs without data; real learning is in bench_fl_learn. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "fedlearn/round/group.h"
#include "fedlearn/round/judge.h"
#include "fedlearn/round/suspicion.h"
#include "fedlearn/vehicle/quantise.h"

#include <math.h>

enum { VEHICLES = 128, D = 200, BAD = 6, MIN = 8, ROUNDS = 60 };

enum attack { NONE, FLIP, RANDOM, INSIDE };

struct cell {
    struct fl_scale scale;
    enum attack attack;
    struct ws_random rnd;
    struct fl_suspicion suspicion;
    float common[D], bias[VEHICLES][D];
    uint8_t token[VEHICLES][FL_TOKEN];
    int32_t sums[VEHICLES / MIN][D];
    int32_t step[D];
    unsigned sat_out;
};

static float spread(struct ws_random *rnd, float width) {
    return ((float)ws_random_below(rnd, 2000001) / 1e6F - 1) * width;
}

static void start(struct cell *c, enum attack attack, uint64_t seed) {
    struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    *c = (struct cell){.scale = {.bits = 12, .clip = 3 << 19, .clip_inf = 1 << 18},
        .attack = attack,
        .rnd = ws_random_seeded(seed),
        .suspicion = fl_suspicion_new(&rules, VEHICLES)};
    for (size_t i = 0; i < D; i++)
        c->common[i] = spread(&c->rnd, 0.05F);
    for (size_t v = 0; v < VEHICLES; v++) {
        for (size_t i = 0; i < D; i++)
            c->bias[v][i] = spread(&c->rnd, 0.05F);
        ws_random_bytes(&c->rnd, c->token[v], FL_TOKEN);
    }
}

static void update(struct cell *c, size_t v, int32_t *ret_symbols) {
    float u[D];
    float boost = 1;
    for (size_t i = 0; i < D; i++)
        u[i] = c->common[i] + c->bias[v][i] + spread(&c->rnd, 0.05F);
    if (v < BAD && c->attack == FLIP)
        boost = -10;
    if (v < BAD && c->attack == INSIDE)
        boost = -4;
    for (size_t i = 0; i < D && v < BAD && c->attack == RANDOM; i++)
        u[i] = spread(&c->rnd, 0.5F);
    if (v < BAD && c->attack != NONE) { /* pays no attention to C */
        int32_t max = fl_symbol_max(&c->scale);
        for (size_t i = 0; i < D; i++) {
            float s = u[i] * boost * (float)max * 4;
            ret_symbols[i] = (int32_t)fmaxf(fminf(s, (float)max), (float)-max);
        }
        return;
    }
    struct fl_quantised q;
    assert_int_equal(fl_quantise(&c->scale, u, D, &c->rnd, ret_symbols, &q, NULL), 0);
}

/* Who is there (a tenth is not), who of them is suspect, and the groups of the beacon. */
static size_t present(struct cell *c, uint32_t *who, uint32_t *suspects, size_t *ret_suspects) {
    size_t n = 0;
    *ret_suspects = 0;
    for (uint32_t v = 0; v < VEHICLES; v++) {
        enum fl_standing s = fl_suspicion_standing(&c->suspicion, c->token[v]);
        if (s == FL_EXCLUDED || ws_random_below(&c->rnd, 10) == 0)
            continue;
        if (s == FL_QUARANTINED)
            suspects[(*ret_suspects)++] = (uint32_t)n;
        who[n++] = v;
    }
    return n;
}

static struct fl_judged one_round(struct cell *c, uint64_t round) {
    uint32_t who[VEHICLES];
    uint32_t suspects[VEHICLES];
    uint32_t order[VEHICLES];
    uint32_t first[VEHICLES / MIN + 1];
    struct fl_drawing drawing = {.sizes = {.wanted = MIN, .min = MIN, .max = 16}};
    ws_random_bytes(&c->rnd, drawing.beacon, sizeof(drawing.beacon));
    drawing.n = present(c, who, suspects, &drawing.n_suspects);
    drawing.suspects = suspects;
    struct fl_groups groups = {.order = order, .first = first};
    assert_int_equal(fl_groups_draw(&drawing, &groups), FL_GROUPS_DRAWN);
    struct fl_group group[VEHICLES / MIN];
    for (uint32_t g = 0; g < groups.groups; g++) {
        group[g] = (struct fl_group){.id = g,
            .weight = first[g + 1] - first[g],
            .suspects = g >= groups.free_groups,
            .sum = c->sums[g]};
        memset(c->sums[g], 0, sizeof(c->sums[g]));
        for (uint32_t k = first[g]; k < first[g + 1]; k++) {
            int32_t symbols[D];
            update(c, who[order[k]], symbols);
            for (size_t i = 0; i < D; i++)
                c->sums[g][i] += symbols[i];
        }
    }
    c->sat_out += (unsigned)drawing.n - first[groups.groups];
    struct fl_rules rules = FL_RULES_DEFAULT;
    struct fl_verdict verdict[VEHICLES / MIN];
    struct fl_judged judged;
    struct ws_err err;
    if (fl_judge(
            &c->scale, &rules, group, groups.groups, NULL, D, c->step, verdict, &judged, &err) != 0)
        fail_msg("%s", err.text);
    struct fl_sighting seen[VEHICLES];
    size_t n = 0;
    for (uint32_t g = 0; g < groups.groups; g++)
        for (uint32_t k = first[g]; k < first[g + 1]; k++) {
            seen[n] = (struct fl_sighting){.group_size = (uint16_t)group[g].weight,
                .flagged = fl_verdict_flags(verdict[g].code),
                .evidence = round << 32 | g};
            memcpy(seen[n++].token, c->token[who[order[k]]], FL_TOKEN);
        }
    uint32_t flagged = 0;
    assert_true(groups.free_groups > 0);
    if (groups.free_groups == 0)
        return judged; /* for those who do not know that the line before ends the test */
    for (uint32_t g = 0; g < groups.free_groups; g++)
        flagged += fl_verdict_flags(verdict[g].code);
    (void)fl_suspicion_round(&c->suspicion, seen, n, flagged * 1000000 / groups.free_groups, NULL);
    return judged;
}

static void play(enum attack attack, uint64_t seed) {
    static struct cell c;
    start(&c, attack, seed);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        struct fl_judged judged = one_round(&c, round);
        assert_true(judged.step);
        double dot = 0;
        double have = 0;
        double want = 0;
        for (size_t i = 0; i < D; i++) {
            dot += (double)c.common[i] * c.step[i];
            have += (double)c.step[i] * c.step[i];
            want += (double)c.common[i] * (double)c.common[i];
        }
        /* Every single step goes where the honest ones go, and about as far. */
        assert_true(dot > 0.8 * sqrt(have * want));
        assert_true(sqrt(have / want) < 1.5 * (1 << FL_PARAM_FRACTION));
    }
    unsigned caught = 0;
    for (size_t v = 0; v < VEHICLES; v++) {
        enum fl_standing s = fl_suspicion_standing(&c.suspicion, c.token[v]);
        caught += s != FL_FREE;
        if (v >= BAD || attack == NONE)
            assert_int_equal(s, FL_FREE);
    }
    assert_int_equal(caught, attack == NONE ? 0 : BAD);
    /* Six suspects are no group of eight: they sat out rather than be opened by themselves. */
    assert_int_equal(c.sat_out > 0, attack != NONE);
    fl_suspicion_free(&c.suspicion);
}

static void test_no_attack(void **state) {
    (void)state;
    play(NONE, 1);
}

static void test_attacks(void **state) {
    (void)state;
    for (uint64_t seed = 2; seed < 5; seed++) {
        play(FLIP, seed);
        play(RANDOM, seed);
        play(INSIDE, seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_attack), cmocka_unit_test(test_attacks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
