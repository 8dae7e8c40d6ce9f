/* Transactions waiting for a block: bounded by count and octets, one copy of each identity, priority lanes.
 * Holds a reference to each. Full means a refusal to the caller, never a silent drop of what was taken. One
 * thread. */
#ifndef WAYSIDE_LEDGER_NODE_MEMPOOL_H
#define WAYSIDE_LEDGER_NODE_MEMPOOL_H

#include "base/table.h"
#include "ledger/exec/tx.h"

/* Lower goes first; a certificate precedes the messages that need it. */
enum lane { LANE_ORDER, LANE_CERTIFICATE, LANE_SAFETY, LANE_BULK, LANE_COUNT };

struct mempool_entry {
    struct tx *tx;
    enum lane lane;
    struct mempool_entry *prev, *next; /* arrival order in its lane */
};
struct mempool {
    size_t n, octets;
    size_t max_txs, max_octets;
    struct table by_leaf, by_id;
    struct mempool_entry *first[LANE_COUNT], *last[LANE_COUNT];
};

enum mempool_added { MEMPOOL_ADDED, MEMPOOL_KNOWN, MEMPOOL_FULL };

void mempool_init(struct mempool *m, size_t max_txs, size_t max_octets);
void mempool_free(struct mempool *m);
/* ADDED: took a reference of its own. */
enum mempool_added mempool_add(struct mempool *m, struct tx *tx);
struct tx *mempool_by_leaf(const struct mempool *m, const hash32 leaf); /* borrowed, or NULL */
bool mempool_has_id(const struct mempool *m, const hash32 id);
void mempool_remove_id(struct mempool *m, const hash32 id);
void mempool_remove(struct mempool *m, struct mempool_entry *e);

#endif
