/* Powers become small whole numbers of shares ("tickets"), so that what holds for power holds for shares
 * (decision 20). Deterministic, integers only. Any thread. */
#ifndef WAYSIDE_LEDGER_BEACON_TICKETS_H
#define WAYSIDE_LEDGER_BEACON_TICKETS_H

#include <stddef.h>
#include <stdint.h>

#define BEACON_MEMBERS_MAX 64
#define BEACON_TICKETS_MAX 288 /* above 4 n + n / 3, where the search has ended at the latest */

/* Call a set of validators small when it holds less than a third of the power. */
struct tickets {
    size_t n;
    uint16_t of[BEACON_MEMBERS_MAX];
    uint16_t total; /* T >= n */
    uint16_t small; /* A: the most tickets that a small set holds; 2 A < T always */
    uint16_t
        threshold; /* t = max(A + 1, T - 2 A): more than a small set has, no more than all others have */
    uint16_t enough; /* T - A: what all but a small set hold together at least */
};

/* n from 1 to BEACON_MEMBERS_MAX, each power from 1, all together at most 2^60. */
void beacon_tickets(const uint64_t *powers, size_t n, struct tickets *ret_tickets);

#endif
