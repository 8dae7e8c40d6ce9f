/* A failing run made smaller: kinds of faults and lies, the load and single faults are taken away while it still fails.
 * "Fails" means at all: a smaller run may show another face of the bug. */
#include "tests/sim/farm.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>

static bool still_fails(const struct farm *f, uint64_t seed, const struct sim_cut *cut) {
    struct sim_result r;
    story_run(f, seed, cut, &r);
    return r.bad;
}

static void try_bits(
    const struct farm *f, uint64_t seed, struct sim_cut *cut, uint32_t *bits, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        *bits |= 1U << i;
        if (!still_fails(f, seed, cut))
            *bits &= ~(1U << i);
    }
}

/* Halves, quarters, ... of the faults that are left. */
static void try_pairs(const struct farm *f, uint64_t seed, struct sim_cut *cut) {
    struct sim_plan p;
    plan_draw(&p, seed, &f->sim);
    size_t n = 0;
    for (size_t i = 0; i < p.n_events; i++)
        n = p.events[i].pair >= n ? p.events[i].pair + 1 : n;
    plan_free(&p);
    unsigned tries = 0;
    for (size_t size = (n + 1) / 2; size > 0 && tries < 60; size /= 2) {
        for (size_t from = 0; from < n && tries < 60; from += size, tries++) {
            bool had[SIM_EVENTS_MAX];
            memcpy(had, cut->pairs, sizeof(had));
            for (size_t i = from; i < from + size && i < n; i++)
                cut->pairs[i] = true;
            if (!still_fails(f, seed, cut))
                memcpy(cut->pairs, had, sizeof(had));
        }
    }
}

void shrink_run(const struct farm *f, uint64_t seed, struct sim_cut *ret_cut) {
    static bool pairs[SIM_EVENTS_MAX];
    memset(pairs, 0, sizeof(pairs));
    *ret_cut = (struct sim_cut){.pairs = pairs};
    ret_cut->load = true;
    if (!still_fails(f, seed, ret_cut))
        ret_cut->load = false;
    try_bits(f, seed, ret_cut, &ret_cut->lies, COVER_LIES_N);
    try_bits(f, seed, ret_cut, &ret_cut->faults, COVER_FAULTS_N);
    try_pairs(f, seed, ret_cut);
}
