#include "tests/bench/fl_federate.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/random.h"
#include "fedlearn/round/model_eval.h"
#include "fedlearn/vehicle/quantise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- data ---- */

/* Each vehicle gets three contiguous pieces of the training rows: labels are far from evenly spread. */
static void deal(struct world *w, struct ws_random *rnd) {
    const size_t all = w->vehicles * PIECES;
    size_t order[VEHICLES_MAX * PIECES] = {0};
    WS_ASSERT(all >= PIECES && all <= ARRAY_LEN(order));
    for (size_t i = 0; i < all; i++)
        order[i] = i;
    for (size_t i = all; i > 1; i--) {
        size_t k = ws_random_below(rnd, i);
        size_t swap = order[i - 1];
        order[i - 1] = order[k];
        order[k] = swap;
    }
    size_t inputs = w->shape.inputs;
    size_t at = 0;
    for (size_t v = 0; v < w->vehicles; v++) {
        w->own[v] = (struct fl_rows){w->own_x + at * inputs, w->own_y + at, 0};
        for (size_t p = 0; p < PIECES; p++) {
            size_t from = w->train.n * order[v * PIECES + p] / all;
            size_t n = w->train.n * (order[v * PIECES + p] + 1) / all - from;
            memcpy(w->own_x + at * inputs, w->x + from * inputs, n * inputs * sizeof(*w->x));
            memcpy(w->own_y + at, w->y + from, n);
            at += n;
            w->own[v].n += n;
        }
    }
}

void world_make(struct world *w, const struct fl_dataset *set, uint16_t hidden, size_t vehicles,
    uint64_t seed) {
    uint32_t *order = ws_calloc(set->n, sizeof(*order));
    size_t n = fl_split(set, 75, seed, order);
    struct fl_norm norm[FL_MAX_INPUTS];
    fl_norm_of(set, order, n, norm);
    *w = (struct world){.shape = {set->inputs, hidden, set->classes}, .vehicles = vehicles};
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

void world_free(struct world *w) {
    free(w->x);
    free(w->y);
    free(w->own_x);
    free(w->own_y);
}

/* ---- rounds ---- */

const char *const attack_names[ATTACKS] = {
    "none", "sign-flip x10", "random x10", "sign-flip just inside C", "label flipping", "boosted"};

struct run {
    const struct world *w;
    const struct plan *plan;
    struct fl_scale scale;
    struct ws_random rnd, rounding; /* apart: rows of a table differ by their rule alone */
    int32_t *model, *step, *before, *symbols[VEHICLES_MAX], *sums[FL_MAX_GROUPS];
    float *local, *scratch, *update;
    int32_t *flip_x;
    uint8_t *flip_y;
    struct fl_suspicion suspicion;
    unsigned seen[VEHICLES_MAX], flagged[VEHICLES_MAX];
    bool ever[VEHICLES_MAX];
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
    if (bad && p->attack == BOOST) {
        boosted(r, p->boost, r->symbols[v]);
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
    size_t set[2][VEHICLES_MAX]; /* free, quarantined */
    size_t n[2] = {0, 0};
    for (size_t v = 0; v < r->w->vehicles; v++) {
        uint8_t token[FL_TOKEN];
        token_of(v, token);
        enum fl_standing s = p->quarantine ? fl_suspicion_standing(&r->suspicion, token) : FL_FREE;
        bool absent = ws_random_below(&r->rnd, 100) < p->absent_percent || r->w->own[v].n == 0;
        if (absent || s == FL_EXCLUDED)
            continue;
        set[s == FL_QUARANTINED][n[s == FL_QUARANTINED]++] = v;
    }
    if (n[0] < 2 * (size_t)p->group)
        return; /* too few: aborted */
    struct fl_group group[FL_MAX_GROUPS];
    size_t group_of[VEHICLES_MAX];
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
            int64_t weight = 0; /* of two groups at the least */
            for (size_t g = 0; g < groups; g++) {
                sum += r->sums[g][k];
                weight += group[g].weight;
            }
            WS_ASSERT(weight > 0);
            r->step[k] = (int32_t)(sum * r->scale.clip_inf / fl_symbol_max(&r->scale) / weight);
        }
    }
    (void)fl_model_apply(r->model, r->step, r->w->d);
    if (judged.step || !p->defended) /* else the model stays, and so does what it came by */
        memcpy(r->before, r->step, r->w->d * sizeof(*r->step));
    struct fl_sighting sightings[VEHICLES_MAX];
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

struct outcome federate(const struct world *w, const struct plan *p, uint64_t seed) {
    struct run r = {.w = w,
        .plan = p,
        /* C = 1.5; the largest symbol stands for 0.25: single changes above that are rare and cut */
        .scale = {.bits = p->bits, .clip = 3 << 19, .clip_inf = 1 << 18},
        .rnd = ws_random_seeded(seed),
        .rounding = ws_random_seeded(seed + 1000),
        .suspicion = fl_suspicion_new(&p->suspicion, (uint32_t)w->vehicles)};
    r.model = ws_calloc(w->d, sizeof(int32_t));
    r.step = ws_calloc(w->d, sizeof(int32_t));
    r.before = ws_calloc(w->d, sizeof(int32_t));
    for (size_t v = 0; v < w->vehicles; v++)
        r.symbols[v] = ws_calloc(w->d, sizeof(int32_t));
    for (size_t g = 0; g < w->vehicles && g < FL_MAX_GROUPS; g++)
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
        for (size_t v = 0; v < w->vehicles; v++) {
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
    for (size_t v = 0; v < w->vehicles; v++) {
        *(v < p->bad ? &bad : &good) += r.flagged[v];
        *(v < p->bad ? &bad_seen : &good_seen) += r.seen[v];
        *(v < p->bad ? &o.caught : &o.honest_caught) += r.ever[v];
        free(r.symbols[v]);
    }
    for (size_t g = 0; g < FL_MAX_GROUPS; g++)
        free(r.sums[g]);
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

struct outcome central(const struct world *w, uint64_t seed) {
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

struct plan plan_usual(void) {
    return (struct plan){.bits = 12,
        .rounds = 120,
        .absent_percent = 10,
        .group = 16,
        .defended = true,
        .quarantine = true,
        .train = {.steps = 20, .batch = 32, .rate = 0.2F},
        .rules = FL_RULES_DEFAULT,
        .suspicion = FL_SUSPICION_DEFAULT};
}

/* ---- tables ---- */

struct outcome print_row(const char *name, const struct world *w, const struct outcome *o,
    unsigned seeds, unsigned bad) {
    struct outcome m = {0};
    double least = 1;
    for (unsigned s = 0; s < seeds; s++) {
        m.accuracy += o[s].accuracy / seeds;
        m.f1 += o[s].f1 / seeds;
        for (size_t k = 0; k < w->shape.classes; k++)
            m.recall[k] += o[s].recall[k] / seeds;
        m.caught += o[s].caught;
        m.honest_caught += o[s].honest_caught;
        m.last_round = o[s].last_round > m.last_round ? o[s].last_round : m.last_round;
        m.flagged_bad += o[s].flagged_bad / seeds;
        m.flagged_good += o[s].flagged_good / seeds;
        least = fmin(least, o[s].accuracy);
    }
    (void)printf("%-38s %.4f (least %.4f) F1 %.3f recall", name, m.accuracy, least, m.f1);
    for (size_t k = 0; k < w->shape.classes; k++)
        (void)printf(" %.2f", m.recall[k]);
    if (bad != 0)
        (void)printf("  caught %u of %u by round %u, honest %u; flagged %.2f / %.2f", m.caught,
            bad * seeds, m.last_round, m.honest_caught, m.flagged_bad, m.flagged_good);
    else
        (void)printf("  honest quarantined %u, flagged %.3f", m.honest_caught, m.flagged_good);
    (void)printf("\n");
    (void)fflush(stdout);
    return m;
}

struct outcome row(const char *name, const struct world *worlds, unsigned seeds, struct plan plan) {
    struct outcome o[SEEDS_MAX];
    for (unsigned s = 0; s < seeds; s++)
        o[s] = federate(&worlds[s], &plan, 100 + s);
    return print_row(name, worlds, o, seeds, plan.bad);
}
