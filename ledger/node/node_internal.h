/* Shared by the files of ledger/node. Internal. */
#ifndef WAYSIDE_LEDGER_NODE_NODE_INTERNAL_H
#define WAYSIDE_LEDGER_NODE_NODE_INTERNAL_H

#include "ledger/committee/committee.h"
#include "ledger/identity/identity.h"
#include "ledger/net/link.pb-c.h"
#include "ledger/node/ahead.h"
#include "ledger/node/node.h"
#include "ledger/node/txs.h"
#include "ledger/snapshot/prune.h"

#define NODE_SOFTWARE "wayside 0.1.0"

/* A block someone proposed, or that a quorum named, at the height in progress. */
struct candidate {
    struct block *block; /* NULL: only its id is known */
    hash32 id;
    bool wanted; /* consensus asked for its validation */
    bool answered, valid; /* consensus was told; what it was told */
    size_t from; /* peer that has it */
    uint64_t asked_mono_us; /* last request for what is missing */
    uint64_t lacking_mono_us; /* since when something is missing */
    unsigned asks; /* requests for what is missing */
    size_t asked; /* who got the last of them */
};

enum {
    CANDIDATES_MAX = 32,
    TIMERS_MAX = 64,
    PENDING_MAX = CS_ACTIONS_MAX,
    SYNC_WINDOW = 128,
    RANGES_QUEUED = 4,
    SENT_MAX = 64
};

struct node_timer {
    uint64_t due_mono_us;
    enum cs_timer timer;
    int32_t round;
};

/* What may still turn out bad of what a peer brings. Statements and transactions apart: nothing that it pushes takes
 * from its voice. */
enum checks_kind { CHECKS_STATEMENTS, CHECKS_TXS, CHECKS_KINDS };
struct checks {
    bool filled;
    uint64_t micro, mono_us;
};

struct peer {
    bool heard;
    uint64_t heard_mono_us;
    uint64_t height;
    int32_t round;
    uint64_t base;
    char software[32];
    uint32_t protocol_max;
    bool incompatible;
    /* fetching: heights asked of it and not yet here, the highest ever asked, when it last sent one of them, when that had been
     * asked for */
    uint64_t outstanding, expect_to, delivered_us, delivered_of_us, slow_until_us;
    /* What it was answered and when: a small question must not buy many large answers. */
    uint64_t answered_mono_us; /* votes and proposals resent */
    uint64_t txs_mono_us, candidates_mono_us;
    uint64_t blocks_mono_us, blocks_octets; /* within one pause */
    size_t n_sent;
    uint64_t sent[SENT_MAX];
    size_t n_ranges; /* blocks that wait for the next pause */
    struct range {
        uint64_t from, n;
    } ranges[RANGES_QUEUED];
    /* misdeeds */
    uint64_t score_milli, scored_mono_us, muted_until_us, mutes;
    struct checks checks[CHECKS_KINDS];
    /* its cell clock as it tells it, less ours; since when that is too much (0: it is not), and whether it was said */
    bool clock_told, clock_off;
    int64_t clock_off_us;
    uint64_t clock_since_us;
    uint64_t lowered_us, two_said_us; /* it told a height below its last one; that was said */
    uint64_t generation; /* of the slot: another key, another peer */
};

/* A block that a peer sent with its commit. */
struct fetched {
    struct block *block; /* NULL: not here */
    uint64_t height;
    struct commit commit;
    size_t from; /* who sent it */
    size_t octets;
    bool checked; /* the commit is good under the set that the header names */
    /* the question that is open; also beside a block that could not be checked, to one other peer */
    bool asked, asked_beside;
    size_t asked_of;
    uint64_t asked_us;
};

struct node {
    struct executor *ex;
    const struct genesis *genesis;
    const void *committee;
    /* of the height in progress */
    const struct validator_set *set;
    const struct cell_params *params;
    int me; /* index in set */
    size_t slot[VALIDATORS_MAX]; /* of each validator of the set; NODE_NO_SLOT */
    bool has_address;
    hash32 address; /* ours, when there is a signer */
    struct node_peers peers;
    struct node_io io;
    struct node_limits limits;
    struct consensus *cs;
    struct mempool pool;
    struct txs *txs;
    struct ahead *ahead;
    /* what the next header builds on */
    uint64_t height; /* last committed */
    struct header last_header; /* valid when height > 0 */
    struct commit last_commit;
    hash32 last_id;
    uint64_t last_time;
    struct exec_outcome roots; /* of the last block; only the three roots are kept */
    bool events_pending; /* the last block emitted events: the next header is wanted at once */
    uint64_t committed_mono_us;
    uint64_t begun_mono_us; /* the height in progress left the pause, or the last one did */
    uint64_t round_mono_us,
        last_round_mono_us; /* the round in progress began, and the one before it */
    uint64_t pace_us; /* how long the round took that decided: drive.c, learn_pace() */
    uint64_t durable; /* last height on the disk */
    uint64_t snapshot; /* newest that is whole; 0: none */
    struct meta_pruned pruned; /* with the last durable height */
    uint64_t sign_floor; /* nothing is signed at heights up to this one */
    struct write_job *writing; /* the batch that is on its way there; NULL: none */
    bool log_read[2]; /* what a log held at the start has been taken up */
    bool clock_trusted;
    int64_t clock_off_us; /* of ours against the others', as far as they can tell; 0: it is not */
    bool listening; /* says nothing yet; see drive_listen */
    uint64_t listen_until_mono_us;
    uint64_t listen_since_mono_us; /* whose state came after this has had time to answer ours */
    /* decided, and waiting for the batch before it */
    struct cs_action decision;
    bool has_decision;
    /* blocks that peers sent, by height modulo SYNC_WINDOW; of heights above `height` only */
    struct fetched fetched[SYNC_WINDOW];
    bool fetching; /* there is something in it */
    uint64_t fetched_octets, block_octets; /* held; of one block, about */
    /* the height in progress */
    struct candidate candidate[CANDIDATES_MAX];
    size_t n_candidates;
    struct node_timer timer[TIMERS_MAX];
    size_t n_timers;
    bool replaying; /* recovery: actions are gathered, not carried out */
    size_t replayed,
        replayed_own; /* recovery: records of the height; words of our own among them */
    struct cs_actions pending; /* recovery and listening: not answered yet */
    /* peers */
    struct peer peer[NODE_PEERS_MAX]; /* by slot */
    uint64_t status_due_mono_us, statuses;
    uint64_t seen_mono_us; /* last tick */
    bool syncing;
    struct node_counters counters;
    uint64_t gather_height; /* gather.c */
    uint8_t gather_tries[NODE_PEERS_MAX];
    bool diverged; /* a quorum's header and commit, which our state does not give */
    struct header other_header;
    struct commit other_commit;
    bool failed;
    int fail_code;
    char why[WS_ERR_TEXT];
};

/* wire.c: packs a message and sends it to one peer, or to all but us (peer = SIZE_MAX). */
#define ALL_PEERS SIZE_MAX
void wire_send(struct node *n, size_t peer, const Wayside__Link__Link *link);
Wayside__Link__Link *wire_parse(struct span msg);
void wire_free(Wayside__Link__Link *link);
void wire_send_vote(struct node *n, size_t peer, const struct vote *v);
void wire_send_proposal(
    struct node *n, size_t peer, const struct cs_proposal *p, const struct block *b);
void wire_send_octets(struct node *n, size_t peer, struct span msg);

/* drive.c: feeds consensus and carries out its actions. */
void drive_event(struct node *n, const struct cs_event *ev, struct ws_now now);
void drive_actions(struct node *n, const struct cs_actions *acts, struct ws_now now);
void drive_start_height(struct node *n, struct ws_now now);
void drive_listen(struct node *n, struct ws_now now);
void drive_listen_anew(struct node *n, struct ws_now now); /* the height begins */
/* Something that waited for the disk may go on. */
void drive_durable(struct node *n, struct ws_now now);
void drive_find_slots(struct node *n); /* of the validators in force */
void node_fail(struct node *n, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* hear.c */
void hear_vote(struct node *n, size_t peer, struct span octets, struct ws_now now);
void hear_proposal(
    struct node *n, size_t peer, const Wayside__Link__Proposal *m, struct ws_now now);

/* gather.c: evidence of what was seen. */
void gather_vote(struct node *n, const struct vote *second, struct ws_now now);
/* Who validated once and votes on; its signature is good. */
void gather_phantom(
    struct node *n, const struct validator *who, const struct vote *v, struct ws_now now);
/* A signature may be checked only to convict somebody: so often in a height, as it is dear. */
bool gather_may_try(struct node *n, size_t peer);
void gather_locks(struct node *n, struct ws_now now); /* before the height's votes go */
/* A proposal that consensus refused; block: the octets that came with it. */
void gather_proposal(struct node *n, size_t peer, const struct cs_proposal *p, enum cs_refusal why,
    struct span block, struct ws_now now);

/* blocks.c: candidates, building, checking, committing. */
struct candidate *candidate_find(struct node *n, const hash32 id);
struct candidate *candidate_add(struct node *n, const hash32 id, struct block *b, size_t from);
void candidates_clear(struct node *n);
void candidate_progress(struct node *n, struct candidate *c, struct ws_now now);
void blocks_build(struct node *n, int32_t round, struct ws_now now);
bool blocks_check(struct node *n, struct block *b, const char **ret_why);
/* Takes b. Nothing is being written (asserted). */
void blocks_commit(struct node *n, struct block *b, const struct commit *c, struct ws_now now);
/* node.c: gives it out, or does it here and now. */
void node_start_job(struct node *n, struct node_job *job, struct ws_now now);

/* write.c: block, commit, state and outcome of a height as one synced batch. Takes block and outcome; the state's
 * changes are taken from the executor. */
struct write_job;
void write_start(struct node *n, struct block *b, const struct commit *c,
    struct exec_outcome *outcome, struct ws_now now);
/* The block on its way to the disk; NULL. */
const struct block *write_block(const struct write_job *w, const struct commit **ret_commit);

/* recover.c: the log and what is read back from it and from the store. */
enum log_record { LOG_EVENT = 1, LOG_BLOCK = 2 };
WARN_UNUSED bool recover_log_event(struct node *n, const struct cs_event *ev);
WARN_UNUSED bool recover_log_block(struct node *n, const struct block *b);
WARN_UNUSED int recover_state(struct node *n, const struct span *sections, struct ws_err *err);
WARN_UNUSED int recover_check_logs(struct node *n, struct ws_err *err);
/* Keeps an action for later, as long as it matters. */
void recover_gather(struct node *n, const struct cs_action *a);
/* At the start of a height: what its log holds of it is repeated, or the log begins anew. */
WARN_UNUSED int recover_log(struct node *n, struct ws_now now, struct ws_err *err);
void recover_put_meta(struct node *n, struct store_batch *batch);

/* redo.c: blocks that the store holds above its state are executed (a rollback leaves them). Before consensus starts. */
WARN_UNUSED int redo_blocks(struct node *n, struct ws_now now, struct ws_err *err);

/* No peer makes us resend more often than this: a small question must not buy many large answers. */
static inline uint64_t answer_pause(const struct node *n) {
    return n->limits.status_us / 2;
}

/* peers.c: what a peer said in vain or did wrong; counted, and perhaps it is muted for it. */
void peer_drop(struct node *n, size_t slot, enum node_drop why, struct ws_now now);
bool peer_muted(const struct node *n, size_t slot, struct ws_now now);
/* Whether the message is worth unpacking; if not it has been counted. */
bool peer_admits(struct node *n, size_t slot, struct span msg, struct ws_now now);
/* Before and after something is checked that the peer brought and that costs signatures. */
bool peer_may_check(struct node *n, size_t slot, enum checks_kind kind, struct ws_now now);
void peer_checked(struct node *n, size_t slot, enum checks_kind kind, bool good);
uint32_t peer_protocol(const struct node *n, size_t slot);
bool peer_compatible(const struct node *n, uint32_t lowest, uint32_t highest);

/* clocks.c: whose is off. */
void clocks_heard(struct node *n, size_t slot, uint64_t its_us, struct ws_now now);
void clocks_tick(struct node *n, struct ws_now now);

/* summary.c: states told and compared. */
void summary_tick(struct node *n, struct ws_now now);
void summary_status(struct node *n, size_t peer, const Wayside__Link__Status *s, struct ws_now now);

/* fetch.c: whole blocks, asked and answered. */
bool fetch_behind(const struct node *n);
void fetch_tick(struct node *n, struct ws_now now);
void fetch_apply(
    struct node *n, struct ws_now now); /* commits what was fetched, as far as it goes */
void fetch_clear(struct node *n);
/* What it was asked, others may be asked; what it sent and could not be checked is not waited for. */
void fetch_forget_peer(struct node *n, size_t peer);
void fetch_expect(
    struct node *n, size_t peer, uint64_t height); /* a block up to there is no surprise from it */
uint64_t fetch_next_wake(const struct node *n);
void fetch_request(
    struct node *n, size_t peer, const Wayside__Link__BlockRequest *q, struct ws_now now);
void fetch_reply(
    struct node *n, size_t peer, const Wayside__Link__BlockReply *a, struct ws_now now);

/* sync.c: parts of a proposal. */
void sync_tick(struct node *n, struct ws_now now);
void sync_ask_missing(struct node *n, struct candidate *c, struct ws_now now);
/* When the node wants to be woken for what candidates lack. */
uint64_t sync_next_ask(const struct node *n);
void sync_tx_request(
    struct node *n, size_t peer, const Wayside__Link__TxRequest *q, struct ws_now now);
void sync_candidate_request(
    struct node *n, size_t peer, const Wayside__Link__CandidateRequest *q, struct ws_now now);
void sync_candidate_reply(
    struct node *n, size_t peer, const Wayside__Link__CandidateReply *a, struct ws_now now);

#endif
