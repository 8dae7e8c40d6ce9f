/* What clients of a live cell saw, one line for each thing, and the judgement over it.
 *
 *   S TIME SEQUENCE ID NODE ANSWER   an order was handed to a node: ok, no or dead. Again for each further try
 *   T TIME NODE HEIGHT INDEX ID SEQUENCE   a node showed a transaction in a block; SEQUENCE 0: no order of ours
 *   B TIME NODE HEIGHT BLOCK-ID      a node showed a block
 *   R TIME NODE HEIGHT ORDERS        a node said where it is, and how many orders are in force
 *   K TIME NODE                      a node was killed
 *   E TIME                           the clients are done: everybody has been asked for everything
 *
 * TIME is monotonic, in us, and grows. Nodes count from 1, identities are hex. */
#ifndef WAYSIDE_TESTS_INTEGRATION_LIVE_HISTORY_H
#define WAYSIDE_TESTS_INTEGRATION_LIVE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct live_verdict {
    char why[512]; /* the first contradiction; empty: there is none */
    size_t orders, committed, superseded, retried, transactions, blocks, reads;
    unsigned long long longest_gap_us; /* between two first sights of blocks */
};

/* One block for each height; each transaction at one place, once; orders in the order of their sequences, none of them before
 * one that was seen committed when it was handed in; what is read on a node never goes back and is what the blocks say;
 * what was acknowledged is committed, or overtaken by a later sequence. */
void live_judge(FILE *history, struct live_verdict *ret);

#endif
