/* Transactions waiting for a block: bounded by count and octets, one copy of each identity, priority lanes.
 * Holds a reference to each. Full means a refusal to the caller, never a silent drop of what was taken. One
 * thread.
 *
 * Each source (a peer, or our own admission) has a share of the whole, so that what all of them may have under way fits into
 * every mempool of the cell: a source at its bound is told to wait before any work is spent. The last eighth is kept from
 * bulk, so that orders, certificates, safety messages and records still come in when bulk has filled the rest.
 * What nobody could judge yet (its certificate or its time has not come) may be worthless: of that each source has half its
 * share at most, and all sources together cannot fill more than half. */
#ifndef WAYSIDE_LEDGER_NODE_MEMPOOL_H
#define WAYSIDE_LEDGER_NODE_MEMPOOL_H

#include "base/table.h"
#include "ledger/exec/tx.h"

/* Lower goes first; a certificate precedes the messages that need it. */
enum lane { LANE_ORDER, LANE_CERTIFICATE, LANE_SAFETY, LANE_RECORD, LANE_BULK, LANE_COUNT };

#define MEMPOOL_SOURCES_MAX 128

struct mempool_entry {
    struct tx *tx;
    enum lane lane;
    bool judged; /* checked and good when it came */
    size_t source;
    struct mempool_entry *prev, *next; /* arrival order in its lane; next: also of free ones */
};
struct mempool_share {
    size_t txs, octets;
};
struct mempool {
    size_t n, octets;
    size_t max_txs, max_octets;
    struct mempool_share share; /* of one source */
    struct mempool_share unjudged_share; /* of one source, for what is not judged */
    size_t
        idle; /* of n: no reason to cut a block: what is not judged, and what validators say of themselves */
    struct mempool_share source[MEMPOOL_SOURCES_MAX], unjudged[MEMPOOL_SOURCES_MAX];
    struct table by_leaf, by_id;
    struct mempool_entry *first[LANE_COUNT], *last[LANE_COUNT];
    struct mempool_entry *free;
    struct mempool_chunk *chunks; /* memory of all entries */
};

enum mempool_added { MEMPOOL_ADDED, MEMPOOL_KNOWN, MEMPOOL_FULL };

/* sources: 1..MEMPOOL_SOURCES_MAX. */
void mempool_init(struct mempool *m, size_t max_txs, size_t max_octets, size_t sources);
/* The number of sources has changed: their shares are what they are from now on. */
void mempool_set_sources(struct mempool *m, size_t sources);
void mempool_free(struct mempool *m);
/* ADDED: took a reference of its own. FULL: the whole, or a share of that source. */
enum mempool_added mempool_add(struct mempool *m, struct tx *tx, size_t source, bool judged);
/* It will be asked for soon (base/table.h). */
void mempool_hint(const struct mempool *m, const struct tx *tx);
/* Nothing of this lane would be taken from that source now, however small: ask before spending work on it. */
bool mempool_full(const struct mempool *m, size_t source, enum lane lane);
/* The same for what we admit ourselves: three quarters of a share, because others may be a block behind in forgetting what we
 * pushed before, and drop what is above it. */
bool mempool_full_own(const struct mempool *m, size_t source, enum lane lane);
enum lane mempool_lane(const struct tx *tx);
struct tx *mempool_by_leaf(const struct mempool *m, const hash32 leaf); /* borrowed, or NULL */
struct tx *mempool_by_id(const struct mempool *m, const hash32 id); /* borrowed, or NULL */
bool mempool_has_id(const struct mempool *m, const hash32 id);
/* An order of this role with this number or a later one waits: one with this number would find it taken. */
bool mempool_has_order(const struct mempool *m, enum exec_role role, uint64_t sequence);
void mempool_remove_id(struct mempool *m, const hash32 id);
void mempool_remove(struct mempool *m, struct mempool_entry *e);

#endif
