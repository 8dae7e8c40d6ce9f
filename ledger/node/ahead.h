/* Verification ahead: what peers push is parsed, hashed and verified in lots, as jobs where the node has threads for them, before
 * the owner thread looks at it. Internal to ledger/node.
 *
 * No table is shared with the threads: the owner looks up each signer's key as a transaction comes (its certificate's hash stands
 * at a fixed place) and the lot holds a reference to it. One lot is verified at a time, by a kernel of its own; while it is out, the
 * next ones fill with what all peers push, so that they grow with the load. Two lines, urgent lanes first; each peer has its share
 * of the room, and what does not fit is dropped: a proposal that needs it asks for it. */
#ifndef WAYSIDE_LEDGER_NODE_AHEAD_H
#define WAYSIDE_LEDGER_NODE_AHEAD_H

#include "ledger/exec/block.h"
#include "ledger/node/node.h"

struct ahead;

struct ahead *ahead_new(const struct node_limits *limits);
void ahead_free(struct ahead *a); /* no lot is out; NULL is allowed */
/* Octets of one transaction from that slot; copied. False: no room. */
bool ahead_put(struct node *n, size_t peer, struct span tx, bool urgent, struct ws_now now);
/* The end of a message: what came is verified as soon as that is possible. */
void ahead_end(struct node *n, struct ws_now now);
/* Something waits or is out. */
bool ahead_busy(const struct node *n);
/* That wait, without the lot that is out. */
#define AHEAD_OCTETS_MAX ((size_t)16 << 20)
size_t ahead_octets(const struct node *n);
/* Checks the signatures of a block's messages together, as far as their signers are committed; the block's check asks about the
 * rest one by one. */
void ahead_verify_block(struct node *n, struct block *b);

#endif
