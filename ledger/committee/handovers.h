/* Handovers as state of the committee contract: whoever has the state has the way from committee to committee, also
 * when the headers of the boundaries are long pruned or never were here (a node that began with a snapshot). Numbered in
 * the order of their boundaries, so that one is found without reading all. One thread. */
#ifndef WAYSIDE_LEDGER_COMMITTEE_HANDOVERS_H
#define WAYSIDE_LEDGER_COMMITTEE_HANDOVERS_H

#include "ledger/committee/committee.h"
#include "ledger/light/handover.h"

/* State keys: 'n' -> first number kept, next number (8 each); 'h' number (8) -> handover; 'o' -> front of a boundary
 * whose commit comes with the next block. Clients that are further behind than this begin with a newer header. */
#define HANDOVERS_KEPT HANDOVERS_MAX
#define HANDOVERS_KEY_COUNT "n"
struct span handovers_key(uint8_t dst[static 9], uint64_t number);

void handovers_block(
    const void *self, struct exec_host *h, const struct header *hd, const struct commit *last);

#endif
