/* A cell of consensus cores in one process, in virtual time: every message, timer and answer waits in one list
 * until the test takes it out, in order of time or at random. Some validators may be liars: they have no core,
 * the test speaks for them. Honest ones keep a log as the node does (every event before it is handled, durable up
 * to the last own signature) and can be killed and started again from it.
 *
 * After every event the world checks what must never happen; world_broken tells what did. Checked: one block for
 * each height, a quorum behind each decision, no honest validator ever signs two statements for one place, none
 * prevotes against its lock without a newer quorum, no invalid block is decided.
 * Deterministic: all chance comes from the seed. One thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_CS_WORLD_H
#define WAYSIDE_TESTS_SUPPORT_CS_WORLD_H

#include "base/random.h"
#include "ledger/consensus/consensus.h"

#define WORLD_NODES_MAX 22
#define WORLD_HEIGHTS_MAX 512

struct world_item {
    uint64_t at, sequence;
    size_t node; /* who will handle it */
    size_t from; /* of messages */
    bool message; /* over the network; everything else is the node's own */
    bool gossip; /* message without event: from's held messages, sent again */
    struct cs_event ev;
};

struct world_node {
    struct consensus *c; /* NULL: liar, or down */
    bool liar, down;
    bool done; /* one_height: has decided, or was handed the decision */
    uint64_t height; /* being decided */
    struct proposer_state proposers; /* before that height */
    size_t n_log, cap_log, durable; /* events of the height; the first `durable` survive a crash */
    struct cs_event *log;
    uint32_t built;
    size_t restarts;
};

struct world_net { /* what happens to each message */
    unsigned loss, repeat; /* of 1000 */
    uint64_t delay_min_us, delay_max_us;
    uint64_t answer_max_us; /* how long validation and building take */
    uint32_t side[WORLD_NODES_MAX]; /* messages from i reach j only if bit j is set */
};

struct world {
    size_t n;
    struct validator_set set;
    struct cell_params params;
    struct world_node node[WORLD_NODES_MAX];
    struct world_net net;
    struct ws_random random;
    uint64_t now_us, sequence;
    size_t n_items, cap_items;
    struct world_item *items;
    size_t n_said, cap_said; /* every statement ever made, for the checks */
    struct vote *said;
    bool one_height; /* stay after the decision */
    bool decided[WORLD_HEIGHTS_MAX];
    hash32 id[WORLD_HEIGHTS_MAX];
    size_t decisions, evidence;
    char broken[256];
};

/* liars: bit i set: validator i has no core. All honest nodes begin height 1 at time 0. */
void world_open(struct world *w, size_t n, const uint64_t *powers, uint32_t liars, uint64_t seed);
void world_close(struct world *w);
const char *world_broken(const struct world *w); /* NULL while nothing is */

/* Handles item i. */
void world_take(struct world *w, size_t i);
/* The earliest item; false when there is none. */
bool world_step(struct world *w);
/* A random message; when there is none, or with `own` of 1000, the earliest of the nodes' own items. */
bool world_step_random(struct world *w, unsigned own);
void world_run_until(struct world *w, uint64_t at_us);

/* A block by name: deciding one whose last octet is WORLD_INVALID breaks the world. */
#define WORLD_INVALID 0xee
void world_block(uint8_t name, bool valid, hash32 ret_id);
/* What a liar says to one validator; id NULL is nil. */
void world_lie_vote(struct world *w, size_t liar, size_t to, enum vote_type type, uint64_t height,
    int32_t round, const uint8_t *id, int32_t locked_round);
void world_lie_proposal(struct world *w, size_t liar, size_t to, uint64_t height, int32_t round,
    const uint8_t *id, int32_t valid_round);

/* One node tells another all it holds of its height, or hands over decided blocks. */
void world_gossip(struct world *w, size_t from, size_t to);
void world_gossip_all(struct world *w);

/* Kill: a random tail of the log that was not durable is lost. Start: the log is handled again. */
void world_crash(struct world *w, size_t node);
void world_restart(struct world *w, size_t node);
void world_drop_messages(struct world *w);
uint64_t world_lowest(
    const struct world *w); /* height of the honest node that is furthest behind */
size_t world_proposer(const struct world *w, uint64_t height, int32_t round);

#endif
