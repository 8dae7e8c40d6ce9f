/* Runs in processes of their own, so that one that crashes or hangs is one that failed, by its seed. */
#ifndef WAYSIDE_TESTS_SIM_FARM_H
#define WAYSIDE_TESTS_SIM_FARM_H

#include "tests/sim/sim.h"

enum { FARM_JOBS_MAX = 64, FARM_CPU_SECONDS = 180 };

struct farm {
    struct sim_options sim;
    uint64_t seeds, from; /* seeds 0: no end */
    size_t jobs;
    bool one, must, shrink;
    const char *trace;
};

/* From now on: a run that takes more of a core than this hangs, and its process ends. */
void farm_limit_cpu(void);
/* Exit code of the program. */
int farm_run(const struct farm *f);

/* story.c: the run again, with its story to *to (all of it) or, to == NULL, its last lines to standard output. Also when
 * it crashes. cut: NULL, or what to leave out. */
void story_tell(const struct farm *f, uint64_t seed, const struct sim_cut *cut, const char *file);
/* One run in a process of its own, quietly. */
void story_run(
    const struct farm *f, uint64_t seed, const struct sim_cut *cut, struct sim_result *ret);
/* shrink.c: takes away whatever the failure does not need. */
void shrink_run(const struct farm *f, uint64_t seed, struct sim_cut *ret_cut);

#endif
