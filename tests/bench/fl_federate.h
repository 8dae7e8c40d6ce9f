/* A federation on real tables, on plain group sums (the encryption adds them exactly, so it changes nothing here): vehicles with slices
 * of the rows, attackers among them, the judge and the score of the product. Seeded; stops the process on what cannot be. One thread. */
#ifndef WAYSIDE_TESTS_BENCH_FL_FEDERATE_H
#define WAYSIDE_TESTS_BENCH_FL_FEDERATE_H

#include "fedlearn/round/judge.h"
#include "fedlearn/round/suspicion.h"
#include "fedlearn/vehicle/features.h"
#include "fedlearn/vehicle/train.h"

enum {
    VEHICLES_MAX = 512,
    PIECES = 3,
    SEEDS_MAX = 16,
    LAST = 20 /* rounds whose models are scored */
};

struct world {
    struct fl_shape shape;
    size_t d, vehicles;
    struct fl_rows train, test, own[VEHICLES_MAX];
    int32_t *x;
    uint8_t *y;
    int32_t *own_x;
    uint8_t *own_y;
};
/* 75 % of the blocks are dealt to the vehicles in contiguous pieces, three each; a vehicle may get none when there are few. */
void world_make(
    struct world *w, const struct fl_dataset *set, uint16_t hidden, size_t vehicles, uint64_t seed);
void world_free(struct world *w);

enum attack { NONE, SIGN_FLIP, RANDOM, INSIDE, LABELS, BOOST, ATTACKS };
extern const char *const attack_names[ATTACKS];

struct plan {
    unsigned bits, rounds, absent_percent, group;
    enum attack attack;
    double boost; /* BOOST: what it has learned, times this, whatever C is */
    unsigned bad; /* vehicles 0..bad-1 */
    bool defended, quarantine;
    struct fl_train train;
    struct fl_rules rules;
    struct fl_suspicion_rules suspicion;
};
/* The region's constants as shipped, 10 % absent. */
struct plan plan_usual(void);

struct outcome {
    double accuracy, f1, recall[FL_MAX_CLASSES];
    unsigned caught, honest_caught; /* ever quarantined */
    unsigned last_round; /* in which the last offender was caught */
    double flagged_bad, flagged_good; /* share of rounds present */
};
struct outcome federate(const struct world *w, const struct plan *p, uint64_t seed);
/* A line of a table: means over the seeds (caught: sums), which are returned. o: one for each seed. */
struct outcome print_row(
    const char *name, const struct world *w, const struct outcome *o, unsigned seeds, unsigned bad);
/* Federates by the plan on each world, and prints that. seeds: 1..SEEDS_MAX. */
struct outcome row(const char *name, const struct world *worlds, unsigned seeds, struct plan plan);
/* All training rows in one place. */
struct outcome central(const struct world *w, uint64_t seed);

/* bench_fl_try.c: `bench_fl_learn try ...`; argv[0] is "try". */
int try_main(int argc, char **argv);

#endif
