/* Transactions on their way into the mempool and on to the peers. Internal to ledger/node.
 *
 * Each transaction is pushed once, by the node that admitted it, to everybody, many in one message: what came in since the last
 * tick goes out with it, urgent lanes first (bulk after a quarter of the pause between blocks), or earlier when a message is full. What comes from peers is parsed, hashed and
 * verified in lots (ahead.h); state is only looked at afterwards. */
#ifndef WAYSIDE_LEDGER_NODE_TXS_H
#define WAYSIDE_LEDGER_NODE_TXS_H

#include "ledger/exec/block.h"
#include "ledger/net/link.pb-c.h"
#include "ledger/node/node.h"

struct txs;

struct txs *txs_new(void);
void txs_free(struct txs *x); /* NULL is allowed */

/* from: slot of the peer that sent it, or our own (observers: 0). */
enum tx_verdict node_take_tx(struct node *n, struct tx *t, size_t from, struct ws_now now);
/* Messages of transactions are read without a copy; false: the schema's own decoder has to look at it. */
bool txs_message(struct node *n, size_t peer, struct span msg, struct ws_now now);
void txs_pushed(struct node *n, size_t peer, const Wayside__Link__TxPush *m, struct ws_now now);
/* Sends what is due of what waits to be pushed; all of it, before a proposal of ours names it. */
void txs_flush(struct node *n, struct ws_now now);
void txs_flush_all(struct node *n);
uint64_t txs_next_push(const struct node *n); /* monotonic us */
/* What came out of a lot: the hint for each, then each with the peer that pushed it (NULL: malformed; it stays the caller's), then
 * the candidates that waited for some of it. */
void txs_hint(const struct node *n, const struct tx *t);
void txs_take(struct node *n, struct tx *t, size_t peer, struct ws_now now);
void txs_progress(struct node *n, struct ws_now now);

/* Transactions for one peer that asked for them, some to a message. */
struct txs_answer {
    struct buf octets;
};
void txs_answer_put(struct node *n, size_t peer, struct txs_answer *a, struct span tx);
void txs_answer_end(struct node *n, size_t peer, struct txs_answer *a);

#endif
