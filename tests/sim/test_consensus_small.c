/* Four validators, one of them a liar: everything it can say about two blocks in its first round, each time in
 * another order of arrival. Agreement throughout; once all messages are let through, a decision.
 *
 * The liar sends each of the three honest ones, separately: a proposal (none, A, B) if it is its turn, a prevote
 * (none, A, B, nil) and a precommit (none, A, B, nil): 27 * 64 * 64 ways as proposer, 64 * 64 otherwise.
 * Usage: sim_consensus_small [SEED [EVERY]]; EVERY: only each n-th way, for slow builds. */
#include "tests/support/cm.h"
#include "tests/support/cs_world.h"

#include <stdio.h>

static uint64_t seed = 1;
static unsigned every = 16;

enum { STEPS = 160 };

struct way {
    unsigned proposals, prevotes,
        precommits; /* digit i, base 3 or 4: what honest validator i hears */
};

static unsigned digit(unsigned number, unsigned base, unsigned i) {
    while (i-- > 0)
        number /= base;
    return number % base;
}

static void lie(struct world *w, size_t liar, const struct way *way, int32_t round,
    const hash32 ids[2], bool propose) {
    unsigned i = 0;
    for (size_t to = 0; to < w->n; to++) {
        if (to == liar)
            continue;
        unsigned proposal = digit(way->proposals, 3, i);
        unsigned prevote = digit(way->prevotes, 4, i);
        unsigned precommit = digit(way->precommits, 4, i);
        i++;
        if (propose && proposal > 0)
            world_lie_proposal(w, liar, to, 1, round, ids[proposal - 1], -1);
        if (prevote > 0)
            world_lie_vote(
                w, liar, to, VOTE_PREVOTE, 1, round, prevote == 3 ? NULL : ids[prevote - 1], -1);
        if (precommit > 0)
            world_lie_vote(w, liar, to, VOTE_PRECOMMIT, 1, round,
                precommit == 3 ? NULL : ids[precommit - 1], -1);
    }
}

static size_t undecided(const struct world *w) {
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->node[i].c != NULL && !w->node[i].done;
    return n;
}

/* Everything that was ever said reaches everybody, and time passes. */
static void release(struct world *w) {
    for (unsigned k = 0; k < 400 && undecided(w) > 0 && world_broken(w) == NULL; k++) {
        world_gossip_all(w);
        world_run_until(w, w->now_us + 100000);
    }
}

static void run(size_t liar, const struct way *way, unsigned number, bool also_later) {
    struct world w;
    hash32 ids[2];
    world_open(&w, 4, NULL, 1U << liar, seed + number);
    w.one_height = true;
    world_block('A', true, ids[0]);
    world_block('B', true, ids[1]);
    int32_t first =
        liar == 0 ? 0 : (int32_t)(number % 2); /* 0: votes only; liar 1 proposes in round 1 */
    if (liar != 0) { /* A is what the honest proposer will build */
        hash32 built = {'H', (uint8_t)(first % 4), 0, 0, 0, (uint8_t)first, 0, 0, 0, 0, 0, 0, 0, 1};
        if (first == 0)
            memcpy(ids[0], built, 32);
    }
    lie(&w, liar, way, first, (const hash32 *)ids, world_proposer(&w, 1, first) == liar);
    for (unsigned k = 0; k < STEPS && undecided(&w) > 0 && world_broken(&w) == NULL; k++) {
        (void)world_step_random(&w, 60);
        if (also_later && k % 40 == 20) {
            struct way again = {number % 27, number / 3 % 64, number / 7 % 64};
            lie(&w, liar, &again, first + 1 + (int32_t)(k / 40), (const hash32 *)ids, false);
        }
    }
    release(&w);
    if (world_broken(&w) != NULL || undecided(&w) > 0)
        fail_msg("seed %llu, way %u (%u %u %u), liar %zu: %s", (unsigned long long)seed, number,
            way->proposals, way->prevotes, way->precommits, liar,
            world_broken(&w) == NULL ? "no decision" : world_broken(&w));
    world_close(&w);
}

static void liar_proposes_first(void **state) {
    (void)state;
    for (unsigned k = (unsigned)(seed % every); k < 27 * 64 * 64; k += every) {
        const struct way way = {k % 27, k / 27 % 64, k / 27 / 64};
        run(0, &way, k, k % 2 == 1);
    }
}

static void liar_only_votes(void **state) {
    (void)state;
    for (unsigned k = (unsigned)(seed % every); k < 2 * 64 * 64; k += every) {
        const struct way way = {0, k % 64, k / 64 % 64};
        run(3, &way, k, k % 3 == 1);
    }
}

static void liar_proposes_second(void **state) {
    (void)state;
    for (unsigned k = (unsigned)(seed % every); k < 27 * 64 * 64; k += 3 * every) {
        const struct way way = {k % 27, k / 27 % 64, k / 27 / 64};
        run(1, &way, 2 * k + 1, k % 2 == 1);
    }
}

int main(int argc, char **argv) {
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        every = (unsigned)strtoul(argv[2], NULL, 10);
    if (every == 0)
        every = 1;
    (void)printf("seed %llu, each %u-th way\n", (unsigned long long)seed, every);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(liar_proposes_first),
        cmocka_unit_test(liar_only_votes),
        cmocka_unit_test(liar_proposes_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
