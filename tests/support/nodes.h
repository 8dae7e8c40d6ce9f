/* A cell of shipped nodes on virtual time whose network, disks and power a test can bend: messages are lost, delayed,
 * cut off in one direction, altered or made up; nodes are killed, lose what was not synced, fail and start again on
 * what survived. rsu/onebox is the same without faults.
 *
 * Checked all the time (cmocka assertions): one block id for each height; each node commits heights in order; no
 * node ever says two things for one (height, round, type). nodes_settle checks at the end that nothing committed was lost.
 * All chance comes from the seed. One thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_NODES_H
#define WAYSIDE_TESTS_SUPPORT_NODES_H

#include "base/random.h"
#include "base/table.h"
#include "ledger/net/link.pb-c.h"
#include "ledger/node/node.h"
#include "rsu/cell.h"
#include "tests/support/town.h"

enum { NODES_MAX = 7, NODES_HEIGHTS_MAX = 2048 };

struct nodes;

struct nodes_message {
    uint64_t due, number;
    size_t from, to;
    struct buf octets;
};

struct nodes_member {
    struct nodes *world;
    size_t index;
    struct cell cell;
    struct node *node; /* NULL: down */
    struct store *store;
    struct wal *wal;
    struct signer *signer;
    uint64_t told; /* last height it reported as durable */
    bool may_fail; /* a test has broken its disk */
};

struct nodes {
    struct town town;
    struct buf genesis;
    size_t n;
    struct nodes_member m[NODES_MAX];
    struct ws_now now;
    struct ws_random random;
    struct node_limits limits;
    /* network: from i to j */
    bool cut[NODES_MAX][NODES_MAX];
    unsigned loss; /* of 1000 */
    uint64_t delay_min_us, delay_max_us;
    bool reorder; /* else messages of one link arrive in the order they were sent, as over TCP */
    uint64_t last_due[NODES_MAX][NODES_MAX];
    /* May look at a message, change it or refuse it (false). */
    bool (*tap)(void *ctx, size_t from, size_t to, struct buf *msg);
    void *tap_ctx;
    size_t n_heap, cap_heap;
    struct nodes_message *heap;
    uint64_t number;
    /* what has been agreed and said */
    uint64_t highest;
    hash32 id_at[NODES_HEIGHTS_MAX];
    struct table committed; /* transaction identity */
    struct table said;
};

/* n validators of one vote each at height 0. */
void nodes_open(struct nodes *w, size_t n, uint64_t seed);
void nodes_close(struct nodes *w);

/* Virtual time goes on; nodes that are down or have failed take no part. */
void nodes_run(struct nodes *w, uint64_t us);
/* Runs until every node that is up has this height; fails the test after `us`. */
void nodes_run_to(struct nodes *w, uint64_t height, uint64_t us);
uint64_t nodes_height(const struct nodes *w, size_t i); /* 0 when down */
bool nodes_healthy(const struct nodes *w, size_t i);

/* The process ends where it stands; messages on their way to it are lost. `power`: what was not synced is lost too. */
void nodes_kill(struct nodes *w, size_t i, bool power);
/* 0 or what node_open said. The disk works again. */
int nodes_start(struct nodes *w, size_t i, struct ws_err *err);
void nodes_start_all(struct nodes *w); /* those that are down; fails the test on an error */
/* Cuts node i off from all others, or connects it again. */
void nodes_cut(struct nodes *w, size_t i, bool off);

/* A car's report is handed to node i, its certificate before it when that is not there yet. */
enum tx_verdict nodes_report(struct nodes *w, size_t i, size_t car, int32_t value);
/* A message from a liar, now. */
void nodes_deliver(struct nodes *w, size_t from, size_t to, const Wayside__Link__Link *link);

/* Heals the network, starts everybody, waits for three more heights and checks that every transaction that was ever
 * committed is in every store, that states are equal and that nobody saw a contradiction. */
void nodes_settle(struct nodes *w);

#endif
