/* One run of the simulator: a plan carried out on a bent cell (tests/support/nodes.h). One thread. */
#ifndef WAYSIDE_TESTS_SIM_SIM_H
#define WAYSIDE_TESTS_SIM_SIM_H

#include "tests/sim/plan.h"
#include "tests/sim/work.h"

enum { SIM_KEPT = 64, SIM_OLD = 64 };

struct sim {
    struct nodes *w;
    struct sim_plan *plan;
    struct ws_random random; /* of clients and liars */
    /* what liars remember */
    struct buf kept[SIM_KEPT];
    size_t kept_from[SIM_KEPT];
    uint32_t halves; /* who hears the one, who the other */
    uint64_t halves_until;
    uint64_t order_sequence[8]; /* by role */
    struct {
        size_t liar, to;
        unsigned kind, begun;
        uint64_t until_us;
        uint32_t number;
    } flood;
    struct buf policy_body, big_body; /* of orders */
    struct ws_random more; /* of what came later: older seeds stay what they were */
    struct cell_params params; /* last ordered */
    uint64_t lowest_age_us;
    size_t n_old;
    struct buf old[SIM_OLD]; /* reports that were given in */
    uint64_t old_time[SIM_OLD];
    struct randomness *randomness; /* NULL: nobody makes any */
};

struct sim_result {
    uint64_t seed;
    bool bad;
    char text[600]; /* what failed first */
    uint64_t heights, delivered;
    uint64_t
        sim_us; /* without waited_us: for the time that the last block has, next to nothing happens */
    uint64_t waited_us, healed_us; /* until three more blocks */
    uint64_t txs;
    int32_t highest_round;
    struct work_most work;
    bool forked;
};

/* town: shared by the runs of a process; borrowed. tell: NULL, or one line of the story each. */
void sim_run(struct sim_plan *plan, const struct town *town, void (*tell)(void *, const char *),
    void *tell_ctx, struct sim_result *ret);

/* ---- inside ---- */
void faults_apply(struct sim *s, const struct sim_event *e);
bool lies_tap(void *ctx, size_t from, size_t to, struct buf *msg);
void lies_tick(struct sim *s);
void lies_free(struct sim *s);
void flood_tick(struct sim *s); /* lies_flood.c */
void load_tick(struct sim *s);
void load_free(struct sim *s);
/* randomness.c */
void randomness_begin(struct sim *s);
void randomness_tick(struct sim *s);
/* Everything is mended: it must come again, within a bound. */
void randomness_demand(struct sim *s, uint64_t tick_us);
void randomness_free(struct sim *s);
/* After a fork: who must have lied, by what was signed; NULL-terminated text of slots. False: the guilty hold a third or
 * less, or an honest validator is among them (the world is broken then). */
bool culprits_find(struct nodes *w, uint32_t liars, char *ret_text, size_t n);

static inline bool lies(const struct sim *s, enum cover_row kind) {
    return (s->plan->lies >> (kind - LIE_SPLIT_VOTES) & 1U) != 0;
}

#endif
