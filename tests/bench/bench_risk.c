/* What a unit can hear is a part of what driving tables have: how well models do with that part, on the public risk data, and what
 * one look at a vehicle costs a unit, beside the model's answer alone.
 *
 *   bench_risk [accuracy|cost] [SEEDS]     (both; 5 seeds)
 *
 * Seeded; prints; fails only when the data are not there (77). WAYSIDE_DATA as in the tests. */
#include "base/mem.h"
#include "base/random.h"
#include "fedlearn/round/model_eval.h"
#include "fedlearn/vehicle/quantise.h"
#include "tests/unit/fedlearn/driving.h"
#include "tests/unit/rsu/decide_rig.h"

#include "base/fileio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of this process: others on the machine do not count. */
static double seconds(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- how well ---- */

struct figures {
    double accuracy, recall[FL_MAX_CLASSES], found, false_alarm;
};

static int32_t *learn(const struct fl_shape *shape, const struct fl_rows *rows, uint64_t seed) {
    const size_t d = fl_shape_params(shape);
    struct ws_random rnd = ws_random_seeded(seed);
    int32_t *model = ws_calloc(d, sizeof(*model));
    float *p = ws_calloc(d, sizeof(*p));
    float *scratch = ws_calloc(fl_train_scratch(shape), sizeof(*scratch));
    const struct fl_train opts = {.steps = 20000, .batch = 32, .rate = 0.1F};
    fl_model_start(shape, &rnd, model);
    for (size_t i = 0; i < d; i++)
        p[i] = (float)ldexp(model[i], -FL_PARAM_FRACTION);
    if (fl_train_run(shape, rows, &opts, &rnd, p, scratch, NULL) != 0)
        exit(1);
    for (size_t i = 0; i < d; i++)
        model[i] = (int32_t)lrint(ldexp((double)p[i], FL_PARAM_FRACTION));
    free(p);
    free(scratch);
    return model;
}

static void score(const struct fl_confusion *c, struct figures *f) {
    uint64_t all = 0;
    uint64_t upper = 0;
    uint64_t found = 0;
    uint64_t lower = 0;
    uint64_t wrong = 0;
    const unsigned half = (c->classes + 1U) / 2;
    for (unsigned y = 0; y < c->classes; y++) {
        uint64_t n = fl_confusion_rows(c, y);
        all += n;
        f->recall[y] += n == 0 ? 0 : (double)c->n[y][y] / (double)n;
        for (unsigned said = 0; said < c->classes; said++) {
            upper += y >= half ? c->n[y][said] : 0;
            found += y >= half && said >= half ? c->n[y][said] : 0;
            lower += y < half ? c->n[y][said] : 0;
            wrong += y < half && said >= half ? c->n[y][said] : 0;
        }
    }
    f->accuracy += (double)fl_confusion_right(c) / (double)all;
    f->found += (double)found / (double)upper;
    f->false_alarm += (double)wrong / (double)lower;
}

static void one_split(const struct fl_dataset *set, uint64_t seed, struct figures *f) {
    const struct fl_shape shape = {set->inputs, 32, set->classes};
    uint32_t *order = ws_calloc(set->n, sizeof(*order));
    int32_t *x = ws_calloc(set->n * set->inputs, sizeof(*x));
    uint8_t *y = ws_calloc(set->n, 1);
    struct fl_norm norm[FL_MAX_INPUTS];
    struct fl_confusion c;
    const size_t n = fl_split(set, 75, seed, order);
    fl_norm_of(set, order, n, norm);
    fl_normalise_rows(set, norm, order, set->n, x, y);
    const struct fl_rows train = {x, y, n};
    const struct fl_rows test = {x + n * set->inputs, y + n, set->n - n};
    int32_t *model = learn(&shape, &train, 100 + seed);
    fl_confuse(&shape, model, &test, &c);
    score(&c, f);
    free(model);
    free(order);
    free(x);
    free(y);
}

static bool row(const char *data, const char *name, const char *schema, unsigned seeds) {
    struct fl_schema s;
    struct fl_dataset set = {0};
    struct figures f = {0};
    if (!driving_read(data, schema, driving_risk_tables, &s, &set))
        return false;
    for (unsigned i = 0; i < seeds; i++)
        one_split(&set, 1 + i, &f);
    (void)printf("%-44s %6zu rows  accuracy %.3f  recall", name, set.n, f.accuracy / seeds);
    for (unsigned c = 0; c < set.classes; c++)
        (void)printf(" %.2f", f.recall[c] / seeds);
    (void)printf(
        "  upper half: found %.3f, false alarm %.3f\n", f.found / seeds, f.false_alarm / seeds);
    fl_dataset_free(&set);
    return true;
}

static bool accuracy(const char *data, unsigned seeds) {
    static const struct {
        const char *name, *schema;
    } rows[] = {
        {"all 14 columns", driving_risk_schema},
        {"heard: speed, above limit, limit, accel., hour",
            "label risk_level 1 2 3 4\nfeature speed\nfeature speed - design_speed\nfeature "
            "design_speed\nfeature acceleration\nfeature observation_hour\nblock 300\n"},
        {"the same without the hour",
            "label risk_level 1 2 3 4\nfeature speed\nfeature speed - design_speed\nfeature "
            "design_speed\nfeature acceleration\nblock 300\n"},
        {"heard, and accidents_onsite",
            "label risk_level 1 2 3 4\nfeature speed\nfeature speed - design_speed\nfeature "
            "design_speed\nfeature acceleration\nfeature observation_hour\nfeature "
            "accidents_onsite\nblock 300\n"},
        {"heard, and heart_rate",
            "label risk_level 1 2 3 4\nfeature speed\nfeature speed - design_speed\nfeature "
            "design_speed\nfeature acceleration\nfeature observation_hour\nfeature "
            "heart_rate\nblock 300\n"},
        {"heard, windows of 10",
            "label risk_level 1 2 3 4\nfeature speed\nfeature speed - design_speed\nfeature "
            "design_speed\nfeature acceleration\nfeature observation_hour\nwindow 10\nblock 30\n"},
    };
    struct buf own = {0};
    (void)printf(
        "-- models of 32 hidden values, 75 %% of the blocks to learn from, %u splits\n", seeds);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!row(data, rows[i].name, rows[i].schema, seeds))
            return false;
    if (file_read("configs/example/risk.schema", 4096, &own, NULL) == WS_OK) {
        buf_u8(&own, 0);
        (void)row(data, "configs/example/risk.schema", (const char *)own.p, seeds);
    }
    buf_free(&own);
    return true;
}

/* ---- what it costs ---- */

static struct ground *town(void) {
    enum { LANES = 160 };
    struct mapset map = {.frame = frame_at(RIG_LAT, RIG_LON)};
    for (int i = 0; i < LANES; i++) {
        struct element e = {.kind = EL_SPEED_LIMIT, .has_value = true, .value = 50};
        put_be32(e.id, (uint32_t)i);
        for (int k = -10; k <= 10; k++) {
            const int32_t across = (i / 4 - LANES / 8) * 40000 + i / 2 % 2 * 3500;
            const int32_t along = k * 80000;
            if (!element_add_point(&e, i % 2 == 0 ? (struct map_point){along, across, 0}
                                                  : (struct map_point){across, along, 0}))
                exit(1);
        }
        mapset_add(&map, &e);
    }
    mapset_sort(&map);
    struct ground *g = ground_of(&map, 0, 0, 1500000, DECIDE_CAUSE);
    mapset_free(&map);
    return g;
}

static struct fl_model *model_of(const char *text, uint16_t hidden) {
    struct fl_schema s;
    struct fl_norm norm[FL_MAX_INPUTS];
    struct ws_random rnd = ws_random_seeded(3);
    struct fl_model *m = ws_alloc(sizeof(*m));
    if (fl_schema_read(span_of(text, strlen(text)), &s, NULL) != WS_OK)
        exit(1);
    const struct fl_shape shape = {fl_schema_inputs(&s), hidden, s.classes};
    int32_t *params = ws_calloc(fl_shape_params(&shape), sizeof(*params));
    for (size_t i = 0; i < shape.inputs; i++)
        norm[i] = (struct fl_norm){0, llrint(0x1p32 / 50)};
    fl_model_start(&shape, &rnd, params);
    if (fl_model_new(&s, hidden, norm, params, m, NULL) != WS_OK)
        exit(1);
    free(params);
    return m;
}

static double predict_alone(const struct fl_model *m) {
    enum { N = 400000 };
    int32_t x[FL_MAX_INPUTS] = {0};
    int32_t hidden[FL_MAX_HIDDEN];
    int64_t out[FL_MAX_CLASSES];
    unsigned sum = 0;
    double t = seconds();
    for (int i = 0; i < N; i++) {
        x[0] = i & 0xffff;
        sum += fl_predict(&m->shape, m->params, x, hidden, out);
    }
    t = seconds() - t;
    return sum == UINT32_MAX ? 0 : t / N * 1e9;
}

/* 2000 cars, each heard ten times a second; a look a second. */
static void cost_of(const char *name, const char *schema, uint16_t hidden, unsigned window) {
    enum { CARS = 2000, BEACONS = 200 };
    struct decide_config cfg = rig_config();
    static const uint8_t hash[32] = {1};
    struct decide_state s;
    cfg.looks.vehicles = 4096;
    cfg.looks.window = window;
    cfg.risk.places = 512;
    struct fl_model *m = model_of(schema, hidden);
    double alone = predict_alone(m);
    struct decide *d = decide_new(&cfg);
    struct decide_heard *h = ws_calloc((size_t)CARS * BEACONS, sizeof(*h));
    for (unsigned b = 0; b < BEACONS; b++)
        for (unsigned i = 0; i < CARS; i++)
            h[(size_t)b * CARS + i] = rig_heard(i, 0.1 * b + 0.00001 * i,
                (int)(i % 70) * 20 - 700 + (int)b, ((int)(i / 70) - 14) * 40, 40 + i % 30, 90);
    decide_ground(d, town());
    decide_model(d, m, hash, 1, RIG_ITS_US, "");
    double t = seconds();
    for (size_t i = 0; i < (size_t)CARS * BEACONS; i++)
        (void)decide_hear(d, &h[i]);
    t = seconds() - t;
    decide_read(d, &s);
    const double looks = (double)(s.outcome[DECIDE_JUDGED] + s.outcome[DECIDE_WINDOW] +
                                  s.outcome[DECIDE_UNKNOWN] + s.outcome[DECIDE_NO_PLACE]);
    (void)printf(
        "%-38s %6.0f ns a look, %4.0f ns a beacon; the model's answer alone %5.0f ns (%.1f "
        "times); %.0f looks, %llu judged\n",
        name, t / looks * 1e9, t / (CARS * BEACONS) * 1e9, alone, t / looks * 1e9 / alone, looks,
        (unsigned long long)s.outcome[DECIDE_JUDGED]);
    decide_free(d);
    free(h);
}

static void cost(void) {
    (void)printf("-- 2000 cars, ten beacons a second each, a look a second\n");
    cost_of("5 inputs, 32 hidden",
        "label y 0 1 2 3\nfeature speed\nfeature speed - limit\nfeature limit\nfeature "
        "acceleration\nfeature hour\n",
        32, 0);
    cost_of("the same over windows of 10",
        "label y 0 1 2 3\nfeature speed\nfeature speed - limit\nfeature limit\nfeature "
        "acceleration\nfeature hour\nwindow 10\n",
        32, 10);
    cost_of("and with density",
        "label y 0 1 2 3\nfeature speed\nfeature speed - limit\nfeature limit\nfeature "
        "acceleration\nfeature hour\nfeature density\nwindow 10\n",
        32, 10);
}

int main(int argc, char **argv) {
    const char *data = getenv("WAYSIDE_DATA");
    const char *what = argc > 1 ? argv[1] : "";
    const unsigned seeds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
    if (strcmp(what, "accuracy") != 0)
        cost();
    if (strcmp(what, "cost") == 0)
        return 0;
    return accuracy(data == NULL ? "../shared/data" : data, seeds == 0 ? 1 : seeds) ? 0 : 77;
}
