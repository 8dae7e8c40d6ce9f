/* One validator as a value: consensus, mempool, execution and recovery around a store, a log and a way to
 * send. No socket, no clock, no thread: time comes with each call, so rsud, replay and the simulator run the
 * same object (decision 1). All calls from one owner thread.
 *
 * Order of durability (consensus facts, section 11): every event that reaches consensus is in the log before
 * it is handled; an own signature is synced before it is sent; a block, its commit and its state are one
 * synced batch before anything tells that it is final. The batch of height h is written while h + 1 is voted on, at
 * most one at a time; therefore even and odd heights have a log each. A failing disk stops the node for good. */
#ifndef WAYSIDE_LEDGER_NODE_NODE_H
#define WAYSIDE_LEDGER_NODE_NODE_H

#include "base/clock.h"
#include "ledger/consensus/consensus.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/executor.h"
#include "ledger/node/mempool.h"
#include "ledger/store/store.h"
#include "ledger/store/wal.h"

struct node;

/* What nodes say to each other (ledger/net/link.proto). Two adjacent versions work in one cell: a node uses of 2 only what
 * its peer knows. 2: states tell statements apart and name the lowest version. */
#define NODE_PROTOCOL_MIN 1
#define NODE_PROTOCOL_MAX 2

/* Why what a peer said changed nothing, or what it did wrong. */
#define NODE_DROPS(X)                                                                              \
    X(NODE_DROP_MALFORMED, "malformed")                                                            \
    X(NODE_DROP_HEIGHT, "other_height")                                                            \
    X(NODE_DROP_NOT_WANTED, "not_wanted")                                                          \
    X(NODE_DROP_BAD_SIGNATURE, "bad_signature")                                                    \
    X(NODE_DROP_BAD_BLOCK, "bad_block")                                                            \
    X(NODE_DROP_TX_KNOWN, "tx_known")                                                              \
    X(NODE_DROP_TX_REFUSED, "tx_refused")                                                          \
    X(NODE_DROP_MEMPOOL_FULL, "mempool_full")                                                      \
    X(NODE_DROP_CANDIDATES, "too_many_candidates")                                                 \
    X(NODE_DROP_UNKNOWN_KIND, "unknown_kind")                                                      \
    X(NODE_DROP_PROTOCOL, "protocol")                                                              \
    X(NODE_DROP_MUTED, "sender_muted")                                                             \
    X(NODE_DROP_CHECKS, "too_many_bad_signatures")                                                 \
    X(NODE_DROP_UNASKED, "unasked")                                                                \
    X(NODE_DROP_ASKS_TOO_MUCH, "asks_too_much")                                                    \
    X(NODE_DROP_LOWERED, "height_lowered")                                                         \
    X(NODE_DROP_WITHHELD, "claimed_and_not_sent")                                                  \
    X(NODE_DROP_AHEAD_FULL, "verify_queue_full")                                                   \
    X(NODE_DROP_TX_CHECKS, "too_many_bad_txs")                                                     \
    X(NODE_DROP_SENDER_GONE, "sender_gone")                                                        \
    X(NODE_DROP_SYNC_FULL, "sync_window_full")
enum node_drop {
#define X(id, text) id,
    NODE_DROPS(X)
#undef X
        NODE_DROP_COUNT
};
const char *node_drop_name(enum node_drop d);

struct node_limits {
    size_t mempool_txs, mempool_octets;
    uint64_t status_us; /* how often the state is told to peers (monotonic) */
    unsigned sync_blocks; /* blocks asked for at once */
    enum verify_backend verify_backend;
    size_t
        verify_table_octets; /* tables of known signers, reserved when the first message is verified */
    /* How long a machine without a log of the height in progress listens before it speaks (monotonic). */
    uint64_t listen_us;
    bool
        listen_always; /* also with one: it may be of a copy of the disk (ledger/store/sign_guard.h) */
    uint64_t sync_octets; /* blocks ahead of ours that wait for those between */
    /* A peer's misdeeds add up, by reason; what is added goes again with time. At score_max it is muted for a while: only
     * votes, proposals and states are taken from it. */
    unsigned weight[NODE_DROP_COUNT];
    unsigned score_max, score_decay_per_s;
    uint64_t mute_us;
    /* Of one peer: statements whose signatures are checked and turn out bad, and apart from them transactions that cost
     * signatures or proofs in vain. Twice as many at once. */
    unsigned bad_checks_per_s;
    uint32_t protocol_min, protocol_max; /* within NODE_PROTOCOL_MIN and _MAX; tests narrow it */
    unsigned undo_blocks; /* newest blocks that can be taken back (ledger/store/undo.h) */
    unsigned
        prune_blocks; /* heights that go with each block at most, once they are old enough; 0: all stay */
    uint64_t header_us; /* headers, commits and events stay so long at least (cell time) */
};
struct node_limits node_limits_default(void);

/* Work that need not be done on the owner thread. */
struct node_job {
    /* Once, in any thread; touches nothing but the job (and the store's batch in it). */
    void (*run)(struct node_job *job);
    /* The node's; see node_job_done and node_job_drop. */
    void (*done)(struct node *n, struct node_job *job, struct ws_now now);
    void (*drop)(struct node_job *job);
    bool writes; /* waits for the disk: not in one queue with what only computes */
    struct node_job *next; /* for whoever holds it */
};

struct node_io {
    /* Best effort; peer is a slot of the directory. */
    void (*send)(void *ctx, size_t peer, struct span msg);
    /* After a block is durable, in order. All is borrowed for the call. It must not call the node. */
    void (*committed)(
        void *ctx, const struct block *b, const struct commit *c, const struct exec_outcome *o);
    void *ctx;
    struct store *store; /* borrowed */
    struct wal *wal[2]; /* of even and of odd heights; borrowed */
    const struct signer *signer; /* borrowed; NULL: an observer that follows without voting */
    /* A vehicle's message is checked and in the mempool now, from our own admission or from a peer. NULL: nobody
     * asks. It must not call the node. */
    void (*taken)(void *ctx, const struct tx *t);
    /* Takes a job: its run() is called anywhere, then it comes back by node_job_done. Jobs of one kind come back in the
     * order they were given out. NULL: they are done at once. It must not call the node. */
    void (*start_job)(void *ctx, struct node_job *job);
};

struct node_counters {
    uint64_t drops[NODE_DROP_COUNT];
    uint64_t tx_refused[TX_VERDICT_COUNT]; /* why transactions were refused or left the mempool */
    uint64_t blocks, txs, rounds_beyond_zero, proposals_built, evidence, synced_blocks,
        empty_blocks;
    uint64_t
        own_votes_heard; /* votes under our key that this machine did not cast, or has forgotten */
    uint64_t mutes; /* peers muted */
    uint64_t wal_octets;
};

/* executor: fresh (executor_new), taken over. Recovers from store and log, or starts at genesis (sections as for
 * executor_init). */
/* Whom messages come from and go to: slots that stay while validator sets come and go. A validator is found in it by its
 * CURVE key; who is in it and validates nothing follows. Until a directory is given, slot i is validator i of the
 * genesis. */
#define NODE_PEERS_MAX 128
struct node_peers {
    size_t n;
    size_t me; /* own slot, or NODE_NO_SLOT */
    uint8_t curve_key[NODE_PEERS_MAX][KEY_OCTETS];
};
#define NODE_NO_SLOT SIZE_MAX

WARN_UNUSED int node_open(struct executor *ex, const struct span *sections,
    const struct node_io *io, const struct node_limits *limits, struct ws_now now,
    struct node **ret_node, struct ws_err *err);
/* No job is out (asserted for the write): they have been brought back or dropped. */
void node_close(struct node *n);

/* On the owner thread, after run(). */
void node_job_done(struct node *n, struct node_job *job, struct ws_now now);
/* Frees a job that never comes back, run or not: the node ends. What it would have written and has not is lost, as
 * by a kill. */
void node_job_drop(struct node_job *job);

/* The clock of this machine is known to be within the cell's precision, or no longer. Without it a validator votes, but
 * does not propose. Trusted until told otherwise. */
void node_trust_clock(struct node *n, bool trusted, struct ws_now now);

/* The newest snapshot of this unit that is whole: bodies up to its height may go when they are old enough. Without one
 * none go: nobody could join by what is left. */
void node_set_snapshot(struct node *n, uint64_t height);

/* False once the disk has failed or state has diverged: the process must stop; *ret_why says why. */
bool node_healthy(const struct node *n, const char **ret_why);

/* A slot whose key changes is another peer: what was known of it is forgotten. */
void node_set_peers(struct node *n, const struct node_peers *peers);
void node_message(struct node *n, size_t peer, struct span msg, struct ws_now now);
/* Whether a message that the node sends is of the kinds that may wait: what consensus waits for goes before it. */
bool node_message_is_bulk(struct span msg);
void node_tick(struct node *n, struct ws_now now);
uint64_t node_next_wake(const struct node *n); /* monotonic us: call node_tick then at the latest */

/* A transaction from our own admission (pktio or the authority socket). signature_good: the packet path has checked
 * the signature under this very certificate. TX_GOOD: taken (or known) and sent to the peers once. */
enum tx_verdict node_submit(
    struct node *n, struct span tx, bool signature_good, struct ws_now now, struct ws_err *err);
/* True if the signer's certificate is committed or waits in the mempool: no need to submit it. */
bool node_has_cert(const struct node *n, const hash32 cert_hash);
bool node_mempool_full(const struct node *n);

/* ---- views ---- */
struct node_status {
    uint64_t height; /* last decided; 0: only genesis */
    uint64_t durable; /* last that is on the disk: the same, or one less */
    uint64_t block_time; /* of it */
    hash32 block_id;
    uint64_t committed_mono_us;
    uint64_t consensus_height;
    int32_t round;
    enum cs_step step;
    int me; /* index in the set of consensus_height; -1: not in it */
    size_t mempool_txs, mempool_octets;
    size_t ahead_octets, ahead_octets_max; /* of pushed transactions that wait to be verified */
    bool syncing;
    bool clock_trusted;
    /* The cell clock against the other validators': negative is behind; 0: within what the cell allows, or nobody told. */
    int64_t clock_off_us;
    bool listening; /* it has not said anything yet and waits for what others have heard from it */
    uint64_t bodies_from; /* lowest height whose block is here */
};
/* A quorum committed to something else than our state, and the node has stopped: what it committed to. False: that is not
 * why it stopped, or it has not. For the bundle (ledger/snapshot/bundle.h). */
bool node_diverged(const struct node *n, struct header *ret_next, struct commit *ret_commit);
struct node_peer_status {
    bool heard;
    uint64_t heard_mono_us, height;
    int32_t round;
    char software[32];
    uint32_t protocol; /* that we speak with it */
    uint64_t score; /* of misdeeds, below node_limits.score_max */
    bool muted;
    uint64_t mutes;
    bool clock_told; /* clock_off_us: its cell clock less ours, and what the state was on its way */
    bool clock_off; /* that is more than the cell allows, and it is not we */
    int64_t clock_off_us;
};
void node_status(const struct node *n, struct node_status *ret);
void node_peer(const struct node *n, size_t peer, struct node_peer_status *ret);
/* For people: the owner of the validator and the beginning of its address, or of its link key when it validates nothing. */
#define NODE_NAME_OCTETS 96
void node_peer_name(const struct node *n, size_t slot, char dst[static NODE_NAME_OCTETS]);
const struct node_peers *node_directory(const struct node *n); /* borrowed until the next call */
const struct node_counters *node_counters(const struct node *n);
struct executor *node_executor(struct node *n);
/* The set that signs consensus_height; borrowed until the next call. */
const struct validator_set *node_validators(const struct node *n);
size_t node_slot_of(
    const struct node *n, size_t validator); /* NODE_NO_SLOT: not in the directory */
/* Header and commit of the last block: what proofs of the state before it stand under. False at height 0. */
bool node_last(const struct node *n, struct header *ret_header, struct commit *ret_commit);

#endif
