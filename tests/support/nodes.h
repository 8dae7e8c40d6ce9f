/* A cell of shipped nodes on virtual time whose network, disks, clocks and power can be bent: messages are lost, delayed,
 * repeated, cut off in one direction, altered or made up; nodes are killed at any write, lose what was not synced, fail
 * and start again on what survived. The one world of whole nodes: unit tests bend it by hand (nodes_cm.c fails them),
 * tests/sim/vopr bends it by a seed. rsu/onebox is the same without faults.
 *
 * Checked all the time (nodes_check.c), of honest members: one block for each height, of valid transactions that a
 * client gave in, each once, in order of time; heights in order and none given up after it was told; one state
 * root for each height; never two statements for one place; no prevote against a lock without a newer quorum. The first
 * contradiction is kept in `broken`. All chance comes from the seed. One thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_NODES_H
#define WAYSIDE_TESTS_SUPPORT_NODES_H

#include "base/random.h"
#include "base/table.h"
#include "ledger/net/link.pb-c.h"
#include "ledger/node/node.h"
#include "ledger/store/fault.h"
#include "rsu/cell/cell.h"
#include "tests/support/town.h"

/* Members: validators, spares, and behind them the twins of some (two machines with one key). */
enum { NODES_MAX = 32, NODES_VALIDATORS_MAX = 22 };

struct nodes;

enum nodes_item_kind { NODES_MESSAGE, NODES_START, NODES_JOB, NODES_SHARE };
struct nodes_item {
    uint64_t due, number;
    enum nodes_item_kind kind;
    size_t from, to; /* members */
    uint64_t life; /* of `to` when it was sent: what is on its way to a process dies with it */
    struct buf octets;
    struct node_job *job;
};

struct nodes_member {
    struct nodes *world;
    size_t index, slot; /* slot: its validator */
    struct cell cell;
    struct node *node; /* NULL: down */
    struct store *store;
    struct wal *wal[2];
    struct signer *signer;
    uint64_t told; /* last height it reported as durable */
    uint64_t promised; /* highest that any life of it reported */
    bool liar; /* may do anything: nothing is demanded of it */
    bool may_fail; /* a test has broken its disk */
    uint64_t life;
    uint64_t wake; /* world time of its next tick */
    /* its clocks: cell time is off by so much, and both run faster by so many millionths */
    int64_t clock_offset_us;
    int64_t clock_drift_ppm;
    bool clock_lost; /* it knows that its clock may be wrong */
    /* block times that it may have found timely since the last block was told, and in the height before that */
    int64_t timely_from[2], timely_to[2];
    /* disk */
    uint64_t sync_us; /* each sync of the log keeps its owner thread for so long */
    uint64_t busy_until;
    uint64_t job_due[2]; /* of the last job given out that computes, that writes */
    bool full; /* nothing can be appended any more */
    struct store *copy; /* of its disk, some time ago, at height `copied`; NULL: none */
    uint64_t copied;
    uint64_t copied_joined; /* joined, of the copy */
    uint64_t disk_lost; /* when its disk was lost last, the height in progress was this; 0: never */
    bool
        forgot; /* it has said what nobody knew, and then something else: it may be convicted of that */
    uint64_t joined; /* it began with a snapshot of this height: what is older it does not have */
    bool crash_armed, dying; /* at the point `crash_at`, after passing it crash_after times */
    enum wal_point crash_at;
    unsigned crash_after;
};

/* What was said and agreed at one height. */
struct nodes_height {
    const struct validator_set *set; /* that signs it; NULL: not known yet */
    bool decided;
    hash32 id, root;
    uint64_t time;
    int32_t top_round; /* that somebody honest has entered, and when it was first */
    uint64_t top_at;
    struct commit *commit; /* the first that was told */
    size_t n_votes, cap_votes;
    struct vote
        *votes; /* each statement that a validator made, once; `validator` is its slot here */
};

struct nodes {
    struct town town;
    bool own_town;
    struct buf genesis;
    struct validator_set set; /* of the genesis: slot i is its validator i */
    struct validator who[NODES_MAX]; /* by slot: those of the genesis, then spares */
    size_t n_sets;
    struct validator_set *sets[64]; /* every other that came into force */
    struct cell_params params;
    hash32 cell_id;
    size_t n, n_validators; /* members; slots: validators of the genesis and spares */
    struct nodes_member m[NODES_MAX];
    struct ws_now now;
    uint64_t epoch; /* cell time at the start */
    struct ws_random random;
    struct node_limits limits;
    /* network: from i to j */
    bool cut[NODES_MAX][NODES_MAX];
    uint64_t slow_us[NODES_MAX][NODES_MAX]; /* added on this link */
    unsigned loss, repeat; /* of 1000 */
    /* Messages of one kind (field of Link; 10: precommits) to members of the mask are lost, or late by so much. */
    unsigned kind;
    uint32_t kind_to;
    unsigned kind_loss; /* of 1000 */
    uint64_t kind_late_us;
    uint64_t delay_min_us, delay_max_us;
    bool reorder; /* else messages of one link arrive in the order they were sent, as over TCP */
    uint64_t last_due[NODES_MAX][NODES_MAX];
    uint64_t job_max_us; /* how long a job takes; 0: done at once, on the owner thread */
    /* May look at a message, change it or refuse it (false). */
    bool (*tap)(void *ctx, size_t from, size_t to, struct buf *msg);
    void *tap_ctx;
    size_t n_heap, cap_heap;
    struct nodes_item *heap;
    uint64_t number, delivered, lost;
    struct buf last_sent; /* a broadcast is looked at once */
    size_t last_sender;
    /* what has been agreed and said */
    uint64_t highest;
    size_t n_heights;
    struct nodes_height *height;
    struct table committed; /* transaction identity -> 1 + height */
    struct table given; /* identities of what clients gave in; checked when given_all */
    bool given_all;
    struct table bad; /* block ids that break a rule */
    struct table said;
    uint64_t order_sequence[8]; /* last on the chain, by role */
    uint64_t txs_of[8]; /* committed, by kind */
    uint64_t crashes_at[WAL_POINT_COUNT];
    bool clocks_good; /* no honest clock is bent: block times are bounded by it */
    bool restarts; /* whoever fails is started again after a while */
    uint32_t older; /* members that speak the oldest protocol only, from their next start on */
    struct nodes_join *join; /* somebody joins by its peers' snapshots; NULL */
    uint64_t joins; /* that came to their end */
    bool forked_allowed; /* more than f lie: a fork is noted, not a contradiction */
    uint64_t fork_height;
    struct commit *fork_commit; /* the other one */
    int32_t highest_round;
    char broken[512]; /* the first contradiction */
    void (*on_broken)(struct nodes *w);
    void (*on_life)(struct nodes *w, size_t i,
        bool up); /* before it goes down, after it came up; may be NULL */
    /* one line of a story; NULL: nobody listens */
    void (*tell)(void *ctx, const char *line);
    void *tell_ctx;
    uint64_t stuck_at, stuck_steps;
};

struct nodes_plan {
    size_t n; /* validators */
    const uint64_t *powers; /* NULL: one each */
    uint64_t seed;
    size_t spares; /* members whose keys are in no set yet; one vote each, should they be called */
    uint32_t twins; /* bit i: validator i (by place in the set) has two machines */
    const struct town *town; /* borrowed and shared; NULL: one of its own */
    size_t mempool_txs; /* 0: as by default */
    uint64_t job_max_us;
    void (*edit)(struct genesis *g, void *ctx); /* may be NULL */
    void *edit_ctx;
};

/* All validators up at height 0; w is zeroed first. */
void nodes_begin(struct nodes *w, const struct nodes_plan *plan);
void nodes_close(struct nodes *w);
/* Notes the first contradiction and tells it. */
void nodes_break(struct nodes *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
void nodes_tell(struct nodes *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The member whose node runs now; NULL outside. For those who watch from below (nodes_rules.c). */
struct nodes_member *nodes_acting(void);

/* Virtual time goes on; nodes that are down or have failed take no part. Ends early when broken. */
void nodes_run(struct nodes *w, uint64_t us);
struct ws_now nodes_now(const struct nodes *w, size_t i); /* by its own clocks */
uint64_t nodes_height(const struct nodes *w, size_t i); /* 0 when down */
bool nodes_healthy(const struct nodes *w, size_t i);
/* Every member that is up, honest and healthy has this height. */
bool nodes_all_at(const struct nodes *w, uint64_t height);

/* The process ends where it stands; messages on their way to it are lost. `power`: what was not synced is lost too,
 * but for `keep` octets of a torn tail. */
void nodes_kill(struct nodes *w, size_t i, bool power);
void nodes_kill_torn(struct nodes *w, size_t i, uint64_t keep);
/* Its cell clock is off by so much from now on. */
void nodes_set_clock(struct nodes *w, size_t i, int64_t offset_us);
/* It learns that its clock may be wrong, or that it is right again; kept over restarts. */
void nodes_lose_clock(struct nodes *w, size_t i, bool lost);
/* The process ends, with its power, at a write of its log to come. */
void nodes_crash_at(struct nodes *w, size_t i, enum wal_point at, unsigned after);
/* 0 or what node_open said. The disk works again. */
int nodes_start(struct nodes *w, size_t i, struct ws_err *err);
void nodes_start_later(struct nodes *w, size_t i, uint64_t after_us);
/* It is down; its logs become empty and its store, too, what nodes_copy_disk has kept (no copy: nothing happens), or what a
 * snapshot of another's store holds (false: that store has none to give yet, nothing happens). */
void nodes_wipe(struct nodes *w, size_t i);
void nodes_copy_disk(struct nodes *w, size_t i);
void nodes_put_back(struct nodes *w, size_t i);
bool nodes_restore(struct nodes *w, size_t i, size_t from);
/* It is down and nobody joins (asserted): it begins with an empty disk and a snapshot that its peers send it, or without when
 * none has come in time; then it is started. */
void nodes_join(struct nodes *w, size_t i);
/* Cuts node i off from all others, or connects it again. */
void nodes_cut(struct nodes *w, size_t i, bool off);
/* The network is as new; failed nodes are killed and everybody is started. */
void nodes_heal(struct nodes *w);
/* Checks of the end: every committed transaction is in every honest store, states are equal. */
void nodes_check_end(struct nodes *w);

/* A car's report is handed to node i, its certificate before it when that is not there yet. */
enum tx_verdict nodes_report(struct nodes *w, size_t i, size_t car, int32_t value);
/* The same; the message's octets are appended to ret_tx. */
enum tx_verdict nodes_report_kept(
    struct nodes *w, size_t i, size_t car, int32_t value, struct buf *ret_tx);
/* Any transaction; noted as given in. */
enum tx_verdict nodes_submit(struct nodes *w, size_t i, struct span tx);
/* A message from a liar, now; and after the network's delay. */
void nodes_deliver(struct nodes *w, size_t from, size_t to, const Wayside__Link__Link *link);
void nodes_send(struct nodes *w, size_t from, size_t to, struct span msg);

/* ---- inside (nodes*.c) ---- */
/* nodes_disk.c: folders for a while; remove takes files only. */
enum { NODES_FOLDER = 64 };
void nodes_folder_make(char dst[static NODES_FOLDER]);
void nodes_folder_remove(const char *folder);
/* nodes_share.c */
bool nodes_joins(const struct nodes *w, size_t i);
void nodes_join_end(struct nodes *w);
void nodes_share_tick(struct nodes *w);
bool nodes_share_message(
    struct nodes *w, const struct nodes_item *it); /* false: not of that kind */
struct wal *nodes_new_log(struct nodes_member *m);
void nodes_push(struct nodes *w, struct nodes_item it);
/* Takes the earliest job of a member out of the heap; NULL: none is out. */
struct node_job *nodes_take_job(struct nodes *w, size_t i);
bool nodes_pop(struct nodes *w, uint64_t until, struct nodes_item *ret);
void nodes_note_sent(struct nodes *w, struct nodes_member *m, struct span msg);
void nodes_note_committed(
    void *ctx, const struct block *b, const struct commit *c, const struct exec_outcome *o);
void nodes_note_restart(struct nodes *w, struct nodes_member *m);
/* The set that signs a height, as far as is known; a validator's index in it, -1: it is not in; and back. */
const struct validator_set *nodes_set_at(const struct nodes *w, uint64_t height);
int nodes_index_of(const struct nodes *w, size_t slot, uint64_t height);
size_t nodes_slot_of(const struct nodes *w, size_t index, uint64_t height); /* SIZE_MAX: none */
uint64_t nodes_power_of(const struct nodes *w, size_t slot, uint64_t height);
bool nodes_slot_lies(const struct nodes *w, size_t slot);
struct nodes_height *nodes_height_at(struct nodes *w, uint64_t height);
/* nodes_time.c: what clocks allowed. Before and after a clock changes; when a block is told for the first time. */
void nodes_note_clock(struct nodes *w, struct nodes_member *m);
void nodes_check_time(struct nodes *w, uint64_t height);
/* Somebody honest enters a round: too soon after the round before, or one that nobody has left? */
void nodes_check_round(struct nodes *w, struct nodes_member *m, uint64_t height, int32_t round);
void nodes_check_free(struct nodes *w);
void nodes_check_member(struct nodes *w, struct nodes_member *m);
void nodes_act(struct nodes *w, struct nodes_member *m, bool begin);
void nodes_send_now(void *ctx, size_t peer, struct span msg); /* node_io.send */

/* ---- for cmocka programs (nodes_cm.c): contradictions fail the test ---- */

/* n validators of one vote each at height 0. */
void nodes_open(struct nodes *w, size_t n, uint64_t seed);
/* Runs until every node that is up has this height; fails the test after `us`. */
void nodes_run_to(struct nodes *w, uint64_t height, uint64_t us);
void nodes_start_all(struct nodes *w); /* those that are down; fails the test on an error */
/* Heals the network, starts everybody, waits for three more heights and checks that every transaction that was ever
 * committed is in every store, that states are equal and that nobody saw a contradiction. */
void nodes_settle(struct nodes *w);
/* nodes_open on the heap, run until two heights are decided; nodes_settle, and all of it is freed. */
struct nodes *nodes_new(size_t n, uint64_t seed);
void nodes_end(struct nodes *w);
uint64_t nodes_drops(const struct nodes *w, size_t i, enum node_drop d);
/* A vote as a liar's machine would sign and say it. */
void nodes_sign_vote(const struct nodes *w, size_t from, struct vote *v);
void nodes_say_vote(struct nodes *w, size_t from, size_t to, const struct vote *v);
/* It says that it works on this height. */
void nodes_claim_height(struct nodes *w, size_t from, size_t to, uint64_t height);

#endif
