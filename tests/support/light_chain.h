/* A chain of signed headers over changing committees, for tests and figures of the light client. One thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_LIGHT_CHAIN_H
#define WAYSIDE_TESTS_SUPPORT_LIGHT_CHAIN_H

#include "ledger/light/handover.h"
#include "tests/support/light_samples.h"

struct chain_plan {
    size_t members; /* of each committee, at most VALIDATORS_MAX */
    size_t fresh; /* members that are new in the next one; = members: no overlap */
    uint64_t term; /* heights for which a committee signs */
    uint64_t heights;
    uint64_t step_us; /* between blocks; 0: a second */
};

struct chain {
    struct chain_plan plan;
    struct sample_cell cell; /* the genesis names committee 0 */
    size_t n_sets;
    struct validator_set *sets;
    struct test_key (*keys)[VALIDATORS_MAX]; /* in the order of each set */
    struct header *headers; /* of height 1 on */
    uint64_t asked; /* by the source below */
};

void chain_make(struct chain *c, const struct chain_plan *plan);
void chain_free(struct chain *c);

const struct header *chain_header(const struct chain *c, uint64_t height);
size_t chain_set_at(const struct chain *c, uint64_t height); /* which committee signs */
/* Signed by the members whose bit is set, in the order of the set. */
struct commit chain_commit(const struct chain *c, uint64_t height, uint64_t who);
/* The same for any header, by any committee. */
struct commit chain_sign(
    const struct chain *c, size_t set, const struct header *hd, int32_t round, uint64_t who);
/* The boundary behind which committee `set` + 1 signs. */
void chain_handover(const struct chain *c, size_t set, struct handover *ret_handover);

/* Honest answers; `handovers`: also those. steps_max is large. */
struct light_source chain_source(struct chain *c, bool handovers);

#endif
