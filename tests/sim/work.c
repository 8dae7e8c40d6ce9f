#include "tests/sim/work.h"

#include "ledger/node/node_internal.h"
#include "ledger/store/wal.h"

#include <inttypes.h>
#include <stdio.h>

struct bucket {
    uint64_t us, log_octets, at_us;
};

static struct bucket bucket[NODES_MAX][NODES_MAX];
static struct work_most most;
/* What is done now, and for whom. */
static size_t now_peer = SIZE_MAX;
static uint64_t now_us, now_log;

void __real_node_message(struct node *n, size_t peer, struct span msg, struct ws_now now);
void __wrap_node_message(struct node *n, size_t peer, struct span msg, struct ws_now now);
void __real_txs_take(struct node *n, struct tx *t, size_t peer, struct ws_now now);
void __wrap_txs_take(struct node *n, struct tx *t, size_t peer, struct ws_now now);
void __real_peer_checked(struct node *n, size_t slot, enum checks_kind kind, bool good);
void __wrap_peer_checked(struct node *n, size_t slot, enum checks_kind kind, bool good);
void __real_peer_drop(struct node *n, size_t slot, enum node_drop why, struct ws_now now);
void __wrap_peer_drop(struct node *n, size_t slot, enum node_drop why, struct ws_now now);
enum tx_verdict __real_check_tx_alone(struct executor *ex, uint64_t time, struct tx *t);
enum tx_verdict __wrap_check_tx_alone(struct executor *ex, uint64_t time, struct tx *t);
size_t __real_proposer_of_round(
    const struct proposer_state *s, const struct validator_set *set, int32_t round);
size_t __wrap_proposer_of_round(
    const struct proposer_state *s, const struct validator_set *set, int32_t round);
int __real_wal_append(struct wal *w, uint8_t type, struct span payload, struct ws_err *err);
int __wrap_wal_append(struct wal *w, uint8_t type, struct span payload, struct ws_err *err);

void work_begin(void) {
    memset(bucket, 0, sizeof(bucket));
    most = (struct work_most){0};
    now_peer = SIZE_MAX;
}

struct work_most work_end(void) {
    return most;
}

void work_spend(uint64_t us) {
    now_us += us;
}

static void forgive(void) {
    now_us = 0;
    now_log = 0;
}

static uint64_t drained(uint64_t level, uint64_t us, uint64_t per_s) {
    uint64_t out = us * per_s / 1000000;
    return level > out ? level - out : 0;
}

static void pour(size_t peer) {
    struct nodes_member *m = nodes_acting();
    if (m == NULL || peer >= NODES_MAX)
        return;
    struct nodes *w = m->world;
    struct bucket *b = &bucket[m->index][peer];
    uint64_t since = w->now.mono_us - b->at_us;
    b->at_us = w->now.mono_us;
    b->us = drained(b->us, since, WORK_US_PER_S) + now_us;
    b->log_octets = drained(b->log_octets, since, WORK_LOG_PER_S) + now_log;
    most.us = b->us > most.us ? b->us : most.us;
    most.log_octets = b->log_octets > most.log_octets ? b->log_octets : most.log_octets;
    if (m->liar || w->forked_allowed)
        return;
    if (b->us > WORK_US_AT_ONCE || b->log_octets > WORK_LOG_AT_ONCE)
        nodes_break(w,
            "validator %zu works for validator %zu without charging it: %" PRIu64 " us, %" PRIu64
            " octets of log",
            m->index, peer, b->us, b->log_octets);
}

/* ---- for whom ---- */

static uint64_t all_drops(const struct node *n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < NODE_DROP_COUNT; i++)
        sum += node_counters(n)->drops[i];
    return sum;
}

/* What was asked for and was good was of use. */
static bool is_good_answer(const struct node *n, struct span msg, uint64_t drops) {
    enum { TAG_BLOCK_REPLY = WAYSIDE__LINK__LINK__BODY_BLOCK_REPLY << 3 | 2 };
    return msg.n > 0 && msg.p[0] == TAG_BLOCK_REPLY && all_drops(n) == drops;
}

void __wrap_node_message(struct node *n, size_t peer, struct span msg, struct ws_now now) {
    forgive();
    now_peer = peer;
    uint64_t drops = all_drops(n);
    __real_node_message(n, peer, msg, now);
    if (is_good_answer(n, msg, drops))
        forgive();
    pour(peer);
    now_peer = SIZE_MAX;
}

/* Out of a job, or within a message: of whichever peer, not only of the one that sent that message. */
void __wrap_txs_take(struct node *n, struct tx *t, size_t peer, struct ws_now now) {
    size_t outer_peer = now_peer;
    uint64_t outer_us = now_us, outer_log = now_log;
    forgive();
    now_peer = peer;
    __real_txs_take(n, t, peer, now);
    pour(peer);
    now_peer = outer_peer;
    now_us = outer_us;
    now_log = outer_log;
}

void __wrap_peer_checked(struct node *n, size_t slot, enum checks_kind kind, bool good) {
    __real_peer_checked(n, slot, kind, good);
    if (!good)
        forgive();
}

void __wrap_peer_drop(struct node *n, size_t slot, enum node_drop why, struct ws_now now) {
    __real_peer_drop(n, slot, why, now);
    if (n->limits.weight[why] > 0)
        forgive();
}

/* ---- what it costs ---- */

enum tx_verdict __wrap_check_tx_alone(struct executor *ex, uint64_t time, struct tx *t) {
    uint64_t before = now_us;
    enum tx_verdict v = __real_check_tx_alone(ex, time, t);
    now_us += t->kind == TX_CERTIFICATE ? WORK_CERT_US : WORK_TX_US;
    if (v == TX_GOOD) /* it takes room in the pool, which has a share for each */
        now_us = before;
    return v;
}

/* A step looks at each member twice; about 4 ns for one. */
size_t __wrap_proposer_of_round(
    const struct proposer_state *s, const struct validator_set *set, int32_t round) {
    enum { STEPS_MAX = 4096 };
    uint64_t steps = round < 0 ? 0 : (uint64_t)round % STEPS_MAX;
    now_us += steps * s->n / 250;
    return __real_proposer_of_round(s, set, round);
}

int __wrap_wal_append(struct wal *w, uint8_t type, struct span payload, struct ws_err *err) {
    if (type == LOG_EVENT) /* blocks are as large as parameters allow */
        now_log += payload.n;
    now_us += 2 + payload.n / 500;
    return __real_wal_append(w, type, payload, err);
}
