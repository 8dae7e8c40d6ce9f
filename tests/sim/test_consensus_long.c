/* Long runs of a cell under loss, delay, repetition, disorder, one-way cuts, crashes and liars: agreement always,
 * progress whenever the network is good. Usage: sim_consensus_long [SEED [RUNS]]. */
#include "tests/support/cm.h"
#include "tests/support/cs_world.h"

#include <stdio.h>

static uint64_t seed = 1;
static unsigned runs = 60;

enum { SLICE_US = 50000, BAD_SLICES = 120, GOOD_US_MAX = 120000000 };

static void fail_run(const struct world *w, uint64_t run, const char *what) {
    fail_msg("seed %llu, run %llu, %llu us: %s", (unsigned long long)seed, (unsigned long long)run,
        (unsigned long long)w->now_us, what);
}

static void check(const struct world *w, uint64_t run) {
    if (world_broken(w) != NULL)
        fail_run(w, run, world_broken(w));
}

/* A value that an honest validator talks about, one of the liars' own, an invalid one, or nil. */
static const uint8_t *some_value(struct world *w, struct ws_random *r, uint64_t height, hash32 id) {
    uint64_t kind = ws_random_below(r, 10);
    if (kind == 0)
        return NULL;
    world_block((uint8_t)ws_random_below(r, 3), kind != 1, id);
    if (kind < 4 || w->n_said == 0)
        return id;
    const struct vote *v = &w->said[ws_random_below(r, w->n_said)];
    if (v->height == height && !v->nil)
        memcpy(id, v->id, 32);
    return id;
}

static void lie(struct world *w, struct ws_random *r) {
    for (size_t liar = 0; liar < w->n; liar++) {
        if (!w->node[liar].liar)
            continue;
        for (size_t to = 0; to < w->n; to++) {
            const struct world_node *n = &w->node[to];
            if (n->c == NULL || ws_random_below(r, 3) == 0)
                continue;
            hash32 id;
            int32_t round = cs_round(n->c) < 0 ? 0 : cs_round(n->c);
            round = (int32_t)((uint32_t)round + ws_random_below(r, 4)) - 1;
            round = round < 0 ? 0 : round;
            if (ws_random_below(r, 50) == 0)
                round += 1000; /* from the far future */
            enum vote_type type = ws_random_below(r, 2) == 0 ? VOTE_PREVOTE : VOTE_PRECOMMIT;
            world_lie_vote(w, liar, to, type, n->height, round, some_value(w, r, n->height, id),
                (int32_t)ws_random_below(r, 3) - 1);
            if (world_proposer(w, n->height, round) != liar)
                continue;
            const uint8_t *value = some_value(w, r, n->height, id);
            if (value != NULL)
                world_lie_proposal(w, liar, to, n->height, round, value,
                    (int32_t)ws_random_below(r, (uint64_t)round + 1) - 1);
        }
    }
}

static void gossip_some(struct world *w, struct ws_random *r) {
    world_gossip(w, ws_random_below(r, w->n), ws_random_below(r, w->n));
}

static void bad_time(struct world *w, struct ws_random *r, uint64_t run) {
    w->net = (struct world_net){.loss = (unsigned)ws_random_below(r, 400),
        .repeat = (unsigned)ws_random_below(r, 300),
        .delay_max_us = 1 + ws_random_below(r, 3000000),
        .answer_max_us = ws_random_below(r, 400000)};
    for (size_t i = 0; i < w->n; i++) /* every link of its own way, and half of the time all */
        w->net.side[i] = ws_random_below(r, 2) == 0 ? UINT32_MAX : (uint32_t)ws_random_u64(r);
    for (unsigned k = 0; k < BAD_SLICES; k++) {
        size_t i = ws_random_below(r, w->n);
        if (w->node[i].c != NULL && ws_random_below(r, 20) == 0)
            world_crash(w, i);
        else if (w->node[i].down && ws_random_below(r, 4) == 0)
            world_restart(w, i);
        lie(w, r);
        gossip_some(w, r);
        world_run_until(w, w->now_us + SLICE_US);
        check(w, run);
    }
    for (size_t i = 0; i < w->n; i++) {
        if (w->node[i].down)
            world_restart(w, i);
    }
}

/* The network is good, the liars lie on: every honest validator must decide three more heights. */
static void good_time(struct world *w, struct ws_random *r, uint64_t run) {
    w->net = (struct world_net){.delay_min_us = 5000, .delay_max_us = 20000, .answer_max_us = 5000};
    for (size_t i = 0; i < w->n; i++)
        w->net.side[i] = UINT32_MAX;
    uint64_t top = 0;
    for (size_t i = 0; i < w->n; i++)
        top = w->node[i].height > top ? w->node[i].height : top;
    const uint64_t start = w->now_us;
    while (world_lowest(w) < top + 3) {
        lie(w, r);
        world_gossip_all(w);
        world_run_until(w, w->now_us + 4 * (uint64_t)SLICE_US);
        check(w, run);
        if (w->now_us - start > GOOD_US_MAX)
            fail_run(w, run, "no progress in a good network");
    }
}

static void run_one(uint64_t run, size_t n, const uint64_t *powers, uint32_t liars) {
    struct world *w = ws_alloc(sizeof(*w));
    struct ws_random r = ws_random_seeded(seed * 1000003 + run);
    world_open(w, n, powers, liars, ws_random_u64(&r));
    for (unsigned k = 0; k < 3; k++) {
        bad_time(w, &r, run);
        good_time(w, &r, run);
    }
    world_close(w);
    free(w);
}

static void equal_powers(void **state) {
    (void)state;
    for (unsigned k = 0; k < runs; k++)
        run_one(k, 4 + 3 * (k % 2), NULL, k % 2 == 1 ? 3U << k % 6 : 1U << k % 4);
}

static void weighted_powers(void **state) {
    (void)state;
    /* The liars hold as much as they can short of a third: 7 of 22, 8 of 25, 22 of 67, 6 of 19. */
    static const uint64_t powers[][7] = {{6, 5, 4, 3, 2, 1, 1}, {7, 7, 7, 1, 1, 1, 1},
        {20, 9, 9, 9, 9, 9, 2}, {3, 3, 3, 3, 3, 3, 1}};
    static const uint32_t liars[] = {0x41, 0x09, 0x41, 0x30};
    for (unsigned k = 0; k < runs; k++)
        run_one(1000 + k, 7, powers[k % 4], liars[k % 4]);
}

static void no_liars_many_crashes(void **state) {
    (void)state;
    for (unsigned k = 0; k < runs; k++)
        run_one(2000 + k, 4, NULL, 0);
}

int main(int argc, char **argv) {
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        runs = (unsigned)strtoul(argv[2], NULL, 10);
    (void)printf("seed %llu, %u runs\n", (unsigned long long)seed, runs);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_powers),
        cmocka_unit_test(weighted_powers),
        cmocka_unit_test(no_liars_many_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
