/* Proposals that break exactly one rule, signed by a member of the bent cell: what a lying proposer sends. One thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_SPOIL_H
#define WAYSIDE_TESTS_SUPPORT_SPOIL_H

#include "tests/support/nodes.h"

/* 0..SPOIL_RULES-1 break a rule; SPOIL_TWICE (one of them) needs a block with a transaction; SPOIL_UNTIMELY is well formed, but not
 * timely; SPOIL_NONE breaks none: it is another block. */
enum { SPOIL_UNTIMELY = 4, SPOIL_TWICE = 13, SPOIL_RULES = 14, SPOIL_NONE = SPOIL_RULES };

/* Changes the proposal in msg and signs it again as `signer`'s own. False, and msg as it was: no proposal of that
 * signer, or nothing in it to spoil. by_us: how much later SPOIL_NONE makes the block. */
bool spoil_proposal(
    struct nodes *w, size_t signer, unsigned what, uint64_t by_us, struct buf *msg, hash32 ret_id);
/* The same block with another time, by so much. *ret_time: what it became. */
bool spoil_time(struct nodes *w, size_t signer, int64_t by_us, struct buf *msg, uint64_t *ret_time,
    hash32 ret_id);

#endif
