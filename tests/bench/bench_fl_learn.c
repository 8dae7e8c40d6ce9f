/* Federated learning on real driving, on plain group sums (the encryption adds them exactly, so it changes nothing
 * here): accuracy at each size of symbol, attackers and what becomes of them, and how fast groups are judged.
 *
 *   bench_fl_learn [accuracy|attacks|judge] [SEEDS]     (all three; 5 seeds)
 *
 * Seeded; prints; fails only when the data are not there (77). WAYSIDE_DATA as in the tests. */
#include "base/mem.h"
#include "base/random.h"
#include "fedlearn/round/judge.h"
#include "fedlearn/round/model_eval.h"
#include "fedlearn/round/suspicion.h"
#include "fedlearn/vehicle/features.h"
#include "fedlearn/vehicle/quantise.h"
#include "fedlearn/vehicle/train.h"
#include "tests/unit/fedlearn/driving.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VEHICLES = 128, PIECES = 3, GROUPS = 64, LAST = 20 /* rounds whose models are scored */ };

/* Of this process: others on the machine do not count. */
static double seconds(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- data ---- */

struct world {
    struct fl_shape shape;
    size_t d;
    struct fl_rows train, test, own[VEHICLES];
    int32_t *x;
    uint8_t *y;
    int32_t *own_x;
    uint8_t *own_y;
};

/* Each vehicle gets three contiguous pieces of the training rows: labels are far from evenly spread. */
static void deal(struct world *w, struct ws_random *rnd) {
    enum { ALL = VEHICLES * PIECES };
    size_t order[ALL];
    for (size_t i = 0; i < ALL; i++)
        order[i] = i;
    for (size_t i = ALL; i > 1; i--) {
        size_t k = ws_random_below(rnd, i);
        size_t swap = order[i - 1];
        order[i - 1] = order[k];
        order[k] = swap;
    }
    size_t inputs = w->shape.inputs;
    size_t at = 0;
    for (size_t v = 0; v < VEHICLES; v++) {
        w->own[v] = (struct fl_rows){w->own_x + at * inputs, w->own_y + at, 0};
        for (size_t p = 0; p < PIECES; p++) {
            size_t from = w->train.n * order[v * PIECES + p] / ALL;
            size_t n = w->train.n * (order[v * PIECES + p] + 1) / ALL - from;
            memcpy(w->own_x + at * inputs, w->x + from * inputs, n * inputs * sizeof(*w->x));
            memcpy(w->own_y + at, w->y + from, n);
            at += n;
            w->own[v].n += n;
        }
    }
}

static void world_make(struct world *w, const struct fl_dataset *set, uint64_t seed) {
    uint32_t *order = ws_calloc(set->n, sizeof(*order));
    size_t n = fl_split(set, 75, seed, order);
    struct fl_norm norm[FL_MAX_INPUTS];
    fl_norm_of(set, order, n, norm);
    *w = (struct world){.shape = {set->inputs, 32, set->classes}};
    w->d = fl_shape_params(&w->shape);
    w->x = ws_calloc(set->n * set->inputs, sizeof(*w->x));
    w->y = ws_calloc(set->n, 1);
    w->own_x = ws_calloc(n * set->inputs, sizeof(*w->x));
    w->own_y = ws_calloc(n, 1);
    fl_normalise_rows(set, norm, order, set->n, w->x, w->y);
    w->train = (struct fl_rows){w->x, w->y, n};
    w->test = (struct fl_rows){w->x + n * set->inputs, w->y + n, set->n - n};
    struct ws_random rnd = ws_random_seeded(seed * 1000 + 1);
    deal(w, &rnd);
    free(order);
}

static void world_free(struct world *w) {
    free(w->x);
    free(w->y);
    free(w->own_x);
    free(w->own_y);
}

/* ---- rounds ---- */

enum attack { NONE, SIGN_FLIP, RANDOM, INSIDE, LABELS };
static const char *const attack_names[] = {
    "none", "sign-flip x10", "random x10", "sign-flip just inside C", "label flipping"};

struct plan {
    unsigned bits, rounds, absent_percent, group;
    enum attack attack;
    unsigned bad; /* vehicles 0..bad-1 */
    bool defended, quarantine;
    struct fl_train train;
    struct fl_rules rules;
};

struct outcome {
    double accuracy, f1, recall[FL_MAX_CLASSES];
    unsigned caught, honest_caught; /* ever quarantined */
    unsigned last_round; /* in which the last offender was caught */
    double flagged_bad, flagged_good; /* share of rounds present */
};

struct run {
    const struct world *w;
    const struct plan *plan;
    struct fl_scale scale;
    struct ws_random rnd, rounding; /* apart: rows of a table differ by their rule alone */
    int32_t *model, *step, *before, *symbols[VEHICLES], *sums[FL_MAX_GROUPS];
    float *local, *scratch, *update;
    int32_t *flip_x;
    uint8_t *flip_y;
    struct fl_suspicion suspicion;
    unsigned seen[VEHICLES], flagged[VEHICLES];
    bool ever[VEHICLES];
};

static void token_of(size_t v, uint8_t *token) {
    memset(token, 0, FL_TOKEN);
    put_be32(token, (uint32_t)v * 2654435761U);
    put_be32(token + 4, (uint32_t)v);
}

/* A boosted attacker pays no attention to C, only to what a symbol can be. */
static void boosted(struct run *r, double factor, int32_t *ret_symbols) {
    int32_t max = fl_symbol_max(&r->scale);
    double scale = max / ldexp(r->scale.clip_inf, -FL_PARAM_FRACTION);
    for (size_t i = 0; i < r->w->d; i++) {
        double v = (double)r->update[i] * factor * scale;
        ret_symbols[i] = (int32_t)fmax(fmin(v, max), -max);
    }
}

static double norm_of(const float *v, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    return sqrt(sum);
}

static void random_update(struct run *r, double norm) {
    for (size_t i = 0; i < r->w->d; i++)
        r->update[i] = (float)ws_random_below(&r->rnd, 2000001) - 1e6F;
    double own = norm_of(r->update, r->w->d);
    for (size_t i = 0; i < r->w->d; i++)
        r->update[i] = (float)((double)r->update[i] * norm / own);
}

static void drive(struct run *r, size_t v) {
    const struct world *w = r->w;
    const struct plan *p = r->plan;
    bool bad = v < p->bad;
    struct fl_rows rows = w->own[v];
    if (bad && p->attack == LABELS) {
        for (size_t i = 0; i < rows.n; i++)
            r->flip_y[i] = (uint8_t)(w->shape.classes - 1 - rows.y[i]);
        rows.y = r->flip_y;
    }
    for (size_t i = 0; i < w->d; i++)
        r->local[i] = (float)ldexp(r->model[i], -FL_PARAM_FRACTION);
    struct ws_err err;
    if (fl_train_run(&w->shape, &rows, &p->train, &r->rnd, r->local, r->scratch, &err) != 0) {
        (void)fprintf(stderr, "vehicle %zu: %s\n", v, err.text);
        memset(r->symbols[v], 0, w->d * sizeof(int32_t));
        return;
    }
    fl_update(r->local, r->model, w->d, r->update);
    double clip = ldexp(r->scale.clip, -FL_PARAM_FRACTION);
    if (bad && p->attack == SIGN_FLIP) {
        boosted(r, -10, r->symbols[v]);
        return;
    }
    if (bad && p->attack == RANDOM) {
        random_update(r, 10 * clip);
        boosted(r, 1, r->symbols[v]);
        return;
    }
    if (bad && p->attack == INSIDE) {
        /* All the norm that the whole group may have, less what the companions are likely to bring. */
        double most = 0.6 * p->group * clip;
        double own = norm_of(r->update, w->d);
        boosted(r, -most / (own > 0 ? own : 1), r->symbols[v]);
        return;
    }
    struct fl_quantised q;
    if (fl_quantise(&r->scale, r->update, w->d, &r->rounding, r->symbols[v], &q, &err) != 0) {
        (void)fprintf(stderr, "vehicle %zu: %s\n", v, err.text);
        exit(1);
    }
}

static void shuffle(struct ws_random *rnd, size_t *v, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t k = ws_random_below(rnd, i);
        size_t swap = v[i - 1];
        v[i - 1] = v[k];
        v[k] = swap;
    }
}

static void one_round(struct run *r, unsigned round) {
    const struct plan *p = r->plan;
    size_t set[2][VEHICLES]; /* free, quarantined */
    size_t n[2] = {0, 0};
    for (size_t v = 0; v < VEHICLES; v++) {
        uint8_t token[FL_TOKEN];
        token_of(v, token);
        enum fl_standing s = p->quarantine ? fl_suspicion_standing(&r->suspicion, token) : FL_FREE;
        bool absent = ws_random_below(&r->rnd, 100) < p->absent_percent;
        if (absent || s == FL_EXCLUDED)
            continue;
        set[s == FL_QUARANTINED][n[s == FL_QUARANTINED]++] = v;
    }
    struct fl_group group[FL_MAX_GROUPS];
    size_t group_of[VEHICLES];
    size_t groups = 0;
    size_t free_groups = 0;
    for (size_t s = 0; s < 2; s++) {
        shuffle(&r->rnd, set[s], n[s]);
        size_t mine = n[s] / p->group; /* fewer than one group sit out */
        for (size_t i = 0; i < n[s] && mine != 0; i++) {
            size_t g = groups + i % mine;
            if (i < mine) {
                group[g] =
                    (struct fl_group){.id = (uint32_t)g, .suspects = s == 1, .sum = r->sums[g]};
                memset(r->sums[g], 0, r->w->d * sizeof(int32_t));
            }
            drive(r, set[s][i]);
            for (size_t k = 0; k < r->w->d; k++)
                r->sums[g][k] += r->symbols[set[s][i]][k];
            group[g].weight++;
            group_of[set[s][i]] = g;
        }
        if (mine == 0)
            n[s] = 0;
        groups += mine;
        free_groups = s == 0 ? mine : free_groups;
    }
    struct fl_verdict verdict[FL_MAX_GROUPS];
    struct fl_judged judged;
    struct ws_err err;
    if (fl_judge(&r->scale, &p->rules, group, groups, r->before, r->w->d, r->step, verdict, &judged,
            &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    if (!p->defended) { /* the plain mean of everything, for comparison */
        for (size_t k = 0; k < r->w->d; k++) {
            int64_t sum = 0;
            int64_t weight = 0;
            for (size_t g = 0; g < groups; g++) {
                sum += r->sums[g][k];
                weight += group[g].weight;
            }
            r->step[k] = (int32_t)(sum * r->scale.clip_inf / fl_symbol_max(&r->scale) / weight);
        }
    }
    (void)fl_model_apply(r->model, r->step, r->w->d);
    memcpy(r->before, r->step, r->w->d * sizeof(*r->step));
    struct fl_sighting sightings[VEHICLES];
    size_t m = 0;
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < n[s]; i++) {
            size_t v = set[s][i];
            const struct fl_verdict *mine = &verdict[group_of[v]];
            struct fl_sighting *g = &sightings[m++];
            *g = (struct fl_sighting){.group_size = (uint16_t)mine->weight,
                .flagged = fl_verdict_flags(mine->code),
                .evidence = round * 1000 + mine->id + 1};
            token_of(v, g->token);
            r->seen[v] += s == 0;
            r->flagged[v] += s == 0 && g->flagged;
        }
    uint32_t failed = 0;
    for (size_t g = 0; g < free_groups; g++)
        failed += fl_verdict_flags(verdict[g].code);
    const uint32_t seen_ppm = free_groups > 0 ? (uint32_t)(failed * 1000000 / free_groups) : 0;
    (void)fl_suspicion_round(&r->suspicion, sightings, m, seen_ppm, NULL);
}

/* Adds 1 / `of` of what the model scores. */
static void score(const struct world *w, const int32_t *model, unsigned of, struct outcome *o) {
    struct fl_confusion c;
    fl_confuse(&w->shape, model, &w->test, &c);
    o->accuracy += (double)fl_confusion_right(&c) / (double)w->test.n / of;
    for (size_t k = 0; k < c.classes; k++) {
        double said = 0;
        for (size_t t = 0; t < c.classes; t++)
            said += c.n[t][k];
        double rows = fl_confusion_rows(&c, k);
        o->recall[k] += rows > 0 ? c.n[k][k] / rows / of : 0;
        o->f1 += said + rows > 0 ? 2.0 * c.n[k][k] / (said + rows) / c.classes / of : 0;
    }
}

static struct outcome federate(const struct world *w, const struct plan *p, uint64_t seed) {
    struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    struct run r = {.w = w,
        .plan = p,
        /* C = 1.5; the largest symbol stands for 0.25: single changes above that are rare and cut */
        .scale = {.bits = p->bits, .clip = 3 << 19, .clip_inf = 1 << 18},
        .rnd = ws_random_seeded(seed),
        .rounding = ws_random_seeded(seed + 1000),
        .suspicion = fl_suspicion_new(&rules, VEHICLES)};
    r.model = ws_calloc(w->d, sizeof(int32_t));
    r.step = ws_calloc(w->d, sizeof(int32_t));
    r.before = ws_calloc(w->d, sizeof(int32_t));
    for (size_t v = 0; v < VEHICLES; v++)
        r.symbols[v] = ws_calloc(w->d, sizeof(int32_t));
    for (size_t g = 0; g < VEHICLES; g++)
        r.sums[g] = ws_calloc(w->d, sizeof(int32_t));
    r.local = ws_calloc(w->d, sizeof(float));
    r.update = ws_calloc(w->d, sizeof(float));
    r.scratch = ws_calloc(fl_train_scratch(&w->shape), sizeof(float));
    r.flip_y = ws_calloc(w->train.n, 1);
    fl_model_start(&w->shape, &r.rnd, r.model);
    struct outcome o = {0};
    for (unsigned round = 1; round <= p->rounds; round++) {
        one_round(&r, round);
        if (round + LAST > p->rounds)
            score(w, r.model, LAST, &o);
        for (size_t v = 0; v < VEHICLES; v++) {
            uint8_t token[FL_TOKEN];
            token_of(v, token);
            if (r.ever[v] || fl_suspicion_standing(&r.suspicion, token) == FL_FREE)
                continue;
            r.ever[v] = true;
            if (v < p->bad)
                o.last_round = round;
        }
    }
    double bad = 0;
    double bad_seen = 0;
    double good = 0;
    double good_seen = 0;
    for (size_t v = 0; v < VEHICLES; v++) {
        *(v < p->bad ? &bad : &good) += r.flagged[v];
        *(v < p->bad ? &bad_seen : &good_seen) += r.seen[v];
        *(v < p->bad ? &o.caught : &o.honest_caught) += r.ever[v];
        free(r.symbols[v]);
        free(r.sums[v]);
    }
    o.flagged_bad = bad_seen > 0 ? bad / bad_seen : 0;
    o.flagged_good = good_seen > 0 ? good / good_seen : 0;
    fl_suspicion_free(&r.suspicion);
    free(r.model);
    free(r.step);
    free(r.before);
    free(r.local);
    free(r.update);
    free(r.scratch);
    free(r.flip_y);
    return o;
}

/* ---- tables ---- */

static struct plan usual(void) {
    return (struct plan){.bits = 12,
        .rounds = 120,
        .absent_percent = 10,
        .group = 16,
        .defended = true,
        .quarantine = true,
        .train = {.steps = 20, .batch = 32, .rate = 0.2F},
        .rules = FL_RULES_DEFAULT};
}

static void print_row(const char *name, const struct outcome *o, unsigned seeds, unsigned bad) {
    struct outcome m = {0};
    double least = 1;
    for (unsigned s = 0; s < seeds; s++) {
        m.accuracy += o[s].accuracy / seeds;
        m.f1 += o[s].f1 / seeds;
        for (size_t k = 0; k < 4; k++)
            m.recall[k] += o[s].recall[k] / seeds;
        m.caught += o[s].caught;
        m.honest_caught += o[s].honest_caught;
        m.last_round = o[s].last_round > m.last_round ? o[s].last_round : m.last_round;
        m.flagged_bad += o[s].flagged_bad / seeds;
        m.flagged_good += o[s].flagged_good / seeds;
        least = fmin(least, o[s].accuracy);
    }
    (void)printf("%-38s %.4f (least %.4f) F1 %.3f recall %.2f %.2f %.2f %.2f", name, m.accuracy,
        least, m.f1, m.recall[0], m.recall[1], m.recall[2], m.recall[3]);
    if (bad != 0)
        (void)printf("  caught %u of %u by round %u, honest %u; flagged %.2f / %.2f", m.caught,
            bad * seeds, m.last_round, m.honest_caught, m.flagged_bad, m.flagged_good);
    else
        (void)printf("  honest quarantined %u, flagged %.3f", m.honest_caught, m.flagged_good);
    (void)printf("\n");
    (void)fflush(stdout);
}

static void row(const char *name, const struct world *worlds, unsigned seeds, struct plan plan) {
    struct outcome o[16];
    for (unsigned s = 0; s < seeds; s++)
        o[s] = federate(&worlds[s], &plan, 100 + s);
    print_row(name, o, seeds, plan.bad);
}

static struct outcome central(const struct world *w, uint64_t seed) {
    struct ws_random rnd = ws_random_seeded(seed);
    int32_t *model = ws_calloc(w->d, sizeof(*model));
    float *p = ws_calloc(w->d, sizeof(*p));
    float *scratch = ws_calloc(fl_train_scratch(&w->shape), sizeof(*scratch));
    fl_model_start(&w->shape, &rnd, model);
    for (size_t i = 0; i < w->d; i++)
        p[i] = (float)ldexp(model[i], -FL_PARAM_FRACTION);
    struct fl_train opts = {.steps = 20000, .batch = 32, .rate = 0.1F};
    if (fl_train_run(&w->shape, &w->train, &opts, &rnd, p, scratch, NULL) != 0)
        exit(1);
    for (size_t i = 0; i < w->d; i++)
        model[i] = (int32_t)lrint(ldexp((double)p[i], FL_PARAM_FRACTION));
    struct outcome o = {0};
    score(w, model, 1, &o);
    free(model);
    free(p);
    free(scratch);
    return o;
}

static void accuracy(const struct world *worlds, unsigned seeds) {
    (void)printf(
        "-- accuracy: 128 vehicles, 10 %% absent, groups of 16, 120 rounds of 20 local "
        "steps, %u seeds, mean of the last 20 models (goal 0.845; 16 to 8 bits within 0.003)\n",
        seeds);
    struct outcome o[16];
    for (unsigned s = 0; s < seeds; s++)
        o[s] = central(&worlds[s], 100 + s);
    print_row("central, all rows in one place", o, seeds, 0);
    static const unsigned bits[] = {16, 12, 8, 6};
    for (size_t b = 0; b < ARRAY_LEN(bits); b++) {
        struct plan p = usual();
        p.bits = bits[b];
        char name[40];
        (void)snprintf(name, sizeof(name), "federated, %u bits", p.bits);
        row(name, worlds, seeds, p);
    }
    struct plan p = usual();
    p.defended = false;
    row("12 bits, plain mean, no momentum", worlds, seeds, p);
}

static void attacks(const struct world *worlds, unsigned seeds) {
    (void)printf("-- attackers: groups of 8, quarantine on, 120 rounds, %u seeds (goal at 5 %%: "
                 "within 0.01 of clean, all caught, no honest one)\n",
        seeds);
    struct plan p = usual();
    p.group = 8;
    row("clean", worlds, seeds, p);
    static const struct {
        enum attack attack;
        unsigned bad;
    } cases[] = {{SIGN_FLIP, 6}, {RANDOM, 6}, {INSIDE, 6}, {LABELS, 6}, {INSIDE, 19}, {LABELS, 19}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        p.attack = cases[i].attack;
        p.bad = cases[i].bad;
        char name[64];
        (void)snprintf(name, sizeof(name), "%s, %u of %d", attack_names[p.attack], p.bad, VEHICLES);
        row(name, worlds, seeds, p);
    }
    /* One epoch of the shipped policies: four weeks of a round an hour, vehicles that come to one in five. */
    struct plan shipped = usual();
    shipped.group = 8;
    shipped.rounds = 28 * 24;
    shipped.absent_percent = 80;
    row("epoch as shipped, 1 round in 5, clean", worlds, 1, shipped);
    shipped.attack = SIGN_FLIP;
    shipped.bad = 6;
    row("the same, sign-flip x10, 6 of 128", worlds, 1, shipped);
    shipped.attack = RANDOM;
    row("the same, random x10, 6 of 128", worlds, 1, shipped);
    p.attack = SIGN_FLIP;
    p.bad = 19;
    p.group = 4;
    row("sign-flip x10, 19 of 128, groups of 4", worlds, seeds, p);
    p.bad = 6;
    p.group = 8;
    p.defended = p.quarantine = false;
    row("sign-flip x10, 6, mean, no momentum", worlds, seeds, p);
}

/* Time of a judgement beside reading the sums once. */
static void judge_speed(size_t d) {
    struct fl_scale scale = {.bits = 12, .clip = 3 << 19, .clip_inf = 1 << 18};
    struct ws_random rnd = ws_random_seeded(1);
    int32_t *sums = ws_calloc(d * GROUPS, sizeof(*sums));
    int32_t *step = ws_calloc(d, sizeof(*step));
    struct fl_group group[GROUPS];
    struct fl_verdict verdict[GROUPS];
    struct fl_judged judged;
    for (size_t i = 0; i < d * GROUPS; i++)
        sums[i] = (int32_t)(ws_random_u64(&rnd) % 41) - 20;
    for (uint32_t g = 0; g < GROUPS; g++)
        group[g] = (struct fl_group){.id = g, .weight = 16, .sum = sums + g * d};
    double t = seconds();
    uint64_t all = 0;
    for (size_t i = 0; i < d * GROUPS; i++)
        all += (uint64_t)(uint32_t)sums[i];
    double read = seconds() - t;
    (void)printf("%8zu parameters x %d groups: reading them %.1f ms (%" PRIu64 ")", d, GROUPS,
        read * 1e3, all % 10);
    static const char *const names[] = {"mean", "trimmed", "distance"};
    for (int where = FL_LOCATION_MEAN; where <= FL_LOCATION_DISTANCE; where++) {
        struct fl_rules rules = FL_RULES_DEFAULT;
        rules.location = (enum fl_location)where;
        t = seconds();
        if (fl_judge(&scale, &rules, group, GROUPS, NULL, d, step, verdict, &judged, NULL) != 0)
            exit(1);
        t = seconds() - t;
        (void)printf("; %s %.1f ms (%.2f ns a value)", names[where], t * 1e3,
            t * 1e9 / (double)(d * GROUPS));
    }
    (void)printf("\n");
    free(sums);
    free(step);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    unsigned seeds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
    seeds = seeds < 1 ? 1 : seeds > 16 ? 16 : seeds;
    if (what[0] == '\0' || strcmp(what, "judge") == 0) {
        judge_speed(100000);
        judge_speed(1000000);
    }
    if (strcmp(what, "judge") == 0)
        return 0;
    const char *data = getenv("WAYSIDE_DATA");
    struct fl_schema schema;
    struct fl_dataset set = {0};
    if (!driving_read(data != NULL && data[0] != '\0' ? data : "../shared/data",
            driving_risk_schema, driving_risk_tables, &schema, &set)) {
        (void)fprintf(stderr, "the driving data are not there\n");
        return 77;
    }
    struct world worlds[16];
    for (unsigned s = 0; s < seeds; s++)
        world_make(&worlds[s], &set, 1 + s);
    double t = seconds();
    if (what[0] == '\0' || strcmp(what, "accuracy") == 0)
        accuracy(worlds, seeds);
    if (what[0] == '\0' || strcmp(what, "attacks") == 0)
        attacks(worlds, seeds);
    (void)printf("%.0f s\n", seconds() - t);
    for (unsigned s = 0; s < seeds; s++)
        world_free(&worlds[s]);
    fl_dataset_free(&set);
    return 0;
}
