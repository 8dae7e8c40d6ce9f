/* What one run does to its cell, drawn from a seed before it begins: how many validators, who lies and how, which faults
 * come when, what clients send. A run enables a random subset of everything with random strengths, so that rare
 * combinations come up (each alone, and without the noise of all others). Parts can be taken away again without
 * moving the rest: that is how a failing run is made smaller. */
#ifndef WAYSIDE_TESTS_SIM_PLAN_H
#define WAYSIDE_TESTS_SIM_PLAN_H

#include "tests/sim/cover.h"
#include "tests/support/nodes.h"

struct sim_event {
    uint64_t at_us; /* since the start */
    enum cover_row kind; /* FAULT_.. */
    bool end; /* takes back what it did */
    size_t who;
    uint64_t a, b;
    unsigned pair; /* begin and end have one number */
};

enum { SIM_EVENTS_MAX = 20000 };

struct sim_options {
    size_t n_min, n_max; /* validators */
    uint64_t seconds;
    bool traitors; /* more than a third lie: a fork is looked for, and who made it */
    bool plain; /* no faults, no lies, no load: how fast is the simulator? */
};

/* Parts of a plan that are left out. */
struct sim_cut {
    uint32_t faults, lies; /* bit i: kind FAULT_LOSS + i, LIE_SPLIT_VOTES + i */
    bool load;
    bool *pairs; /* [SIM_EVENTS_MAX] or NULL */
};

struct sim_plan {
    uint64_t seed;
    size_t n, spares;
    uint64_t powers[NODES_VALIDATORS_MAX]; /* descending: by slot */
    uint64_t total;
    uint32_t liars, twins; /* by slot */
    uint32_t wipes; /* by slot: who may lose its disk; with the liars less than a third */
    uint32_t lies; /* bit i: LIE_SPLIT_VOTES + i */
    uint32_t faults; /* likewise */
    unsigned
        lie_rate; /* of 1000: of messages that are touched, of ticks in which something is made up */
    uint64_t delay_min_us, delay_max_us;
    unsigned reports, orders; /* of 1000 ticks */
    size_t mempool_txs;
    uint64_t job_max_us;
    bool limits; /* orders change limits of messages and transactions */
    bool randomness; /* validators are members of the beacon */
    int64_t drift_ppm[NODES_VALIDATORS_MAX];
    uint64_t run_us, fault_us; /* the whole, and its first part that has faults */
    unsigned n_pairs;
    size_t n_events;
    struct sim_event *events; /* by time; owned */
};

void plan_draw(struct sim_plan *p, uint64_t seed, const struct sim_options *o);
void plan_cut(struct sim_plan *p, const struct sim_cut *cut);
void plan_free(struct sim_plan *p);
void plan_print(const struct sim_plan *p, FILE *to);

#endif
