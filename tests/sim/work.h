/* What peers make an owner thread do: signatures checked, proposers sought, transactions judged, log written. Work that was
 * charged to a peer (a budget of checks, its score) or that was useful (a transaction taken, a block that was asked for) is
 * forgiven; the rest runs through a bucket for each pair of validator and peer, and a bucket that runs over is a
 * contradiction: a flood that costs must be noticed by somebody. Time is what the work takes on a small machine, not
 * measured. One run at a time; one thread. */
#ifndef WAYSIDE_TESTS_SIM_WORK_H
#define WAYSIDE_TESTS_SIM_WORK_H

#include "tests/support/nodes.h"

/* For each peer: 2 % of a core and 32 KiB of log a second, and so much at once. */
enum {
    WORK_US_PER_S = 20000,
    WORK_US_AT_ONCE = 60000,
    WORK_LOG_PER_S = 32 << 10,
    WORK_LOG_AT_ONCE = 256 << 10
};
enum work_cost { WORK_VERIFY_US = 60, WORK_PROOF_US = 150, WORK_TX_US = 5, WORK_CERT_US = 80 };

struct work_most {
    uint64_t us, log_octets; /* the fullest that any bucket was */
};

void work_begin(void);
struct work_most work_end(void);
void work_spend(uint64_t us);

#endif
