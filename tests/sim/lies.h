/* Shared by the files that lie. Internal to tests/sim. */
#ifndef WAYSIDE_TESTS_SIM_LIES_H
#define WAYSIDE_TESTS_SIM_LIES_H

#include "tests/sim/sim.h"

void lies_pack(const Wayside__Link__Link *link, struct buf *msg); /* replaces what is in msg */
void lies_put_vote(struct sim *s, size_t liar, struct vote v, struct buf *msg); /* signed */
bool lies_some_value(struct sim *s, uint64_t height, hash32 ret_id);

#endif
