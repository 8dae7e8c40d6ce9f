/* Federated learning on real driving, on plain group sums (the encryption adds them exactly, so it changes nothing
 * here): accuracy at each size of symbol, attackers and what becomes of them, and how fast groups are judged.
 *
 *   bench_fl_learn [accuracy|attacks|judge] [SEEDS]     (all three; 5 seeds)
 *   bench_fl_learn try --help                           (other tables, other attackers)
 *
 * Seeded; prints; fails only when the data are not there (77). WAYSIDE_DATA as in the tests. */
#include "base/mem.h"
#include "base/random.h"
#include "tests/bench/fl_federate.h"
#include "tests/unit/fedlearn/driving.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VEHICLES = 128, GROUPS = 64 };

/* Of this process: others on the machine do not count. */
static double seconds(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- tables ---- */

static void accuracy(const struct world *worlds, unsigned seeds) {
    (void)printf(
        "-- accuracy: 128 vehicles, 10 %% absent, groups of 16, 120 rounds of 20 local "
        "steps, %u seeds, mean of the last 20 models (goal 0.845; 16 to 8 bits within 0.003)\n",
        seeds);
    struct outcome o[SEEDS_MAX];
    for (unsigned s = 0; s < seeds; s++)
        o[s] = central(&worlds[s], 100 + s);
    (void)print_row("central, all rows in one place", worlds, o, seeds, 0);
    static const unsigned bits[] = {16, 12, 8, 6};
    for (size_t b = 0; b < ARRAY_LEN(bits); b++) {
        struct plan p = plan_usual();
        p.bits = bits[b];
        char name[40];
        (void)snprintf(name, sizeof(name), "federated, %u bits", p.bits);
        (void)row(name, worlds, seeds, p);
    }
    struct plan p = plan_usual();
    p.defended = false;
    (void)row("12 bits, plain mean, no momentum", worlds, seeds, p);
}

static void attacks(const struct world *worlds, unsigned seeds) {
    (void)printf("-- attackers: groups of 8, quarantine on, 120 rounds, %u seeds (goal at 5 %%: "
                 "within 0.01 of clean, all caught, no honest one)\n",
        seeds);
    struct plan p = plan_usual();
    p.group = 8;
    (void)row("clean", worlds, seeds, p);
    static const struct {
        enum attack attack;
        unsigned bad;
    } cases[] = {{SIGN_FLIP, 6}, {RANDOM, 6}, {INSIDE, 6}, {LABELS, 6}, {INSIDE, 19}, {LABELS, 19}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        p.attack = cases[i].attack;
        p.bad = cases[i].bad;
        char name[64];
        (void)snprintf(name, sizeof(name), "%s, %u of %d", attack_names[p.attack], p.bad, VEHICLES);
        (void)row(name, worlds, seeds, p);
    }
    p.attack = SIGN_FLIP;
    p.bad = 19;
    p.group = 4;
    (void)row("sign-flip x10, 19 of 128, groups of 4", worlds, seeds, p);
    p.bad = 6;
    p.group = 8;
    p.defended = p.quarantine = false;
    (void)row("sign-flip x10, 6, mean, no momentum", worlds, seeds, p);
}

/* One epoch of the shipped policies: four weeks of a round an hour, and vehicles that come to one in five. */
static void epoch(const struct world *w) {
    (void)printf("-- an epoch as shipped: %zu vehicles, each in one round of five, groups of 8, "
                 "672 rounds (goal: all caught, no honest one)\n",
        w->vehicles);
    struct plan p = plan_usual();
    p.group = 8;
    p.rounds = 28 * 24;
    p.absent_percent = 80;
    (void)row("clean", w, 1, p);
    static const enum attack which[] = {SIGN_FLIP, RANDOM};
    for (size_t i = 0; i < ARRAY_LEN(which); i++) {
        p.attack = which[i];
        p.bad = (unsigned)w->vehicles / 20;
        char name[64];
        (void)snprintf(
            name, sizeof(name), "%s, %u of %zu", attack_names[p.attack], p.bad, w->vehicles);
        (void)row(name, w, 1, p);
    }
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
    if (strcmp(what, "try") == 0)
        return try_main(argc - 1, argv + 1);
    unsigned seeds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
    seeds = seeds < 1 ? 1 : seeds > SEEDS_MAX ? SEEDS_MAX : seeds;
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
    static struct world worlds[SEEDS_MAX];
    for (unsigned s = 0; s < seeds; s++)
        world_make(&worlds[s], &set, 32, VEHICLES, 1 + s);
    double t = seconds();
    if (what[0] == '\0' || strcmp(what, "accuracy") == 0)
        accuracy(worlds, seeds);
    if (what[0] == '\0' || strcmp(what, "attacks") == 0)
        attacks(worlds, seeds);
    static const size_t fleets[] = {VEHICLES, VEHICLES_MAX};
    for (size_t i = 0; i < ARRAY_LEN(fleets) && strcmp(what, "epoch") == 0; i++) {
        static struct world w;
        world_make(&w, &set, 32, fleets[i], 1);
        epoch(&w);
        world_free(&w);
    }
    (void)printf("%.0f s\n", seconds() - t);
    for (unsigned s = 0; s < seeds; s++)
        world_free(&worlds[s]);
    fl_dataset_free(&set);
    return 0;
}
