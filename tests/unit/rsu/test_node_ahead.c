/* Verification ahead with real threads: what peers push comes back judged, each once, urgent before bulk, within bounds. Under
 * ThreadSanitizer this is the test that owner and threads share nothing. */
#include "ledger/exec/hash.h"
#include "ledger/node/ahead.h"
#include "ledger/node/node_internal.h"
#include "rsu/cell/cell.h"
#include "rsu/host/jobs.h"
#include "tests/support/cm.h"
#include "tests/support/town.h"

#include <unistd.h>

enum { CARS = 8, EACH = 40, PEER = 1 };

struct unit {
    struct town town;
    struct buf genesis;
    struct cell cell;
    struct node *node;
    struct jobs *jobs; /* NULL: jobs are kept until the test runs them */
    struct node_job *kept[64];
    size_t n_kept;
    struct store *store;
    struct wal *wal[2];
    struct signer *signer;
    struct ws_now now;
    size_t taken; /* messages that came into the mempool */
};

static void send_nowhere(void *ctx, size_t peer, struct span msg) {
    (void)ctx;
    (void)peer;
    (void)msg;
}

static void on_taken(void *ctx, const struct tx *t) {
    struct unit *u = ctx;
    u->taken++;
    (void)t;
}

static void start_job(void *ctx, struct node_job *job) {
    struct unit *u = ctx;
    if (u->jobs != NULL) {
        jobs_give(u->jobs, job);
        return;
    }
    if (job->writes)
        job->run(job);
    assert_true(u->n_kept < ARRAY_LEN(u->kept));
    u->kept[u->n_kept++] = job;
}

/* Writes have run when they were given out; they come back here. */
static void bring_writes_back(struct unit *u) {
    for (size_t i = 0; i < u->n_kept;) {
        struct node_job *job = u->kept[i];
        if (!job->writes) {
            i++;
            continue;
        }
        memmove(&u->kept[i], &u->kept[i + 1], (u->n_kept - i - 1) * sizeof(struct node_job *));
        u->n_kept--;
        node_job_done(u->node, job, u->now);
        i = 0;
    }
}

static void step(struct unit *u, uint64_t us) {
    u->now.mono_us += us;
    u->now.its_us += us;
    for (struct node_job *job; u->jobs != NULL && (job = jobs_take(u->jobs)) != NULL;)
        node_job_done(u->node, job, u->now);
    bring_writes_back(u);
    node_tick(u->node, u->now);
}

static uint64_t height(const struct unit *u) {
    struct node_status s;
    node_status(u->node, &s);
    return s.height;
}

/* A cell of one validator, with a second slot for whoever pushes; the cars' certificates are committed. */
static struct unit *open_unit(bool threads) {
    struct unit *u = ws_alloc(sizeof(*u));
    town_build(&u->town, 3);
    uint8_t seed[1][32] = {{7}};
    town_genesis(&u->town, (const uint8_t(*)[32])seed, 1, &u->genesis);
    assert_int_equal(cell_open(buf_span(&u->genesis), &u->town.map, &u->cell, NULL), WS_OK);
    u->now = (struct ws_now){.mono_us = 1000000, .its_us = u->town.epoch};
    u->store = store_open_memory();
    u->signer = signer_new(seed[0]);
    for (size_t i = 0; i < 2; i++)
        u->wal[i] = wal_open_memory();
    if (threads)
        assert_int_equal(jobs_new(2, &u->jobs, NULL), WS_OK);
    struct node_io io = {.send = send_nowhere,
        .ctx = u,
        .store = u->store,
        .wal = {u->wal[0], u->wal[1]},
        .signer = u->signer,
        .taken = on_taken,
        .start_job = start_job};
    struct node_limits limits = node_limits_default();
    limits.verify_table_octets = (size_t)16 << 20;
    memset(limits.weight, 0, sizeof(limits.weight)); /* the liar is heard to the end */
    struct executor *ex = u->cell.ex;
    u->cell.ex = NULL;
    assert_int_equal(node_open(ex, u->cell.sections, &io, &limits, u->now, &u->node, NULL), WS_OK);
    struct node_peers *peers = ws_alloc(sizeof(*peers));
    peers->n = 2;
    memcpy(peers->curve_key[0], u->node->peers.curve_key[0], KEY_OCTETS);
    peers->curve_key[PEER][0] = 1;
    node_set_peers(u->node, peers);
    free(peers);
    for (size_t i = 0; i < CARS; i++) {
        struct buf tx = {0};
        tx_put_certificate(&tx, buf_span(&u->town.car_cert[i]));
        assert_int_equal(node_submit(u->node, buf_span(&tx), false, u->now, NULL), TX_GOOD);
        buf_free(&tx);
    }
    for (unsigned i = 0; i < 10000 && !node_has_cert(u->node, u->town.car_hash[0]); i++)
        step(u, 10000);
    uint64_t h = height(u);
    for (unsigned i = 0; i < 100000 && height(u) < h + 2; i++) {
        step(u, 10000);
        if (threads)
            (void)usleep(500);
    }
    assert_true(height(u) >= h + 2);
    bring_writes_back(u);
    u->taken = 0;
    return u;
}

static void close_unit(struct unit *u) {
    if (u->jobs != NULL) {
        jobs_settle(u->jobs);
        step(u, 0);
        jobs_settle(u->jobs);
        step(u, 0);
        jobs_settle(u->jobs);
    }
    for (size_t i = 0; i < u->n_kept; i++)
        node_job_drop(u->kept[i]);
    jobs_free(u->jobs);
    node_close(u->node);
    store_close(u->store);
    wal_close(u->wal[0]);
    wal_close(u->wal[1]);
    signer_free(u->signer);
    buf_free(&u->genesis);
    town_free(&u->town);
    free(u);
}

static void put_field(struct buf *b, uint8_t tag, struct span s) {
    uint8_t head[6] = {tag};
    size_t n = 1;
    size_t v = s.n;
    for (; v >= 0x80; v >>= 7)
        head[n++] = (uint8_t)(v | 0x80);
    head[n++] = (uint8_t)v;
    buf_put(b, head, n);
    buf_put(b, s.p, s.n);
}

static void deliver_from(struct unit *u, size_t peer, struct buf *push) {
    struct buf msg = {0};
    put_field(&msg, 0x22, buf_span(push));
    node_message(u->node, peer, buf_span(&msg), u->now);
    buf_free(&msg);
    buf_clear(push);
}

static void deliver(struct unit *u, struct buf *push) {
    deliver_from(u, PEER, push);
}

enum kind { GOOD, FORGED, MALFORMED };

static void put_report(struct unit *u, struct buf *push, size_t car, uint64_t time, enum kind k) {
    struct buf spdu = {0};
    struct buf tx = {0};
    town_report(&u->town, car, time, 50, &spdu);
    if (k == FORGED)
        spdu.p[spdu.n - 7] ^= 0x10; /* within s */
    tx_put_message(&tx, u->town.car_hash[car], buf_span(&spdu));
    if (k == MALFORMED)
        tx.p[0] = 9;
    put_field(push, 0x0a, buf_span(&tx));
    buf_free(&spdu);
    buf_free(&tx);
}

static void threads_judge_what_is_pushed(void **state) {
    (void)state;
    struct unit *u = open_unit(true);
    const struct node_counters *c = node_counters(u->node);
    uint64_t txs = c->txs;
    size_t n[3] = {0, 0, 0};
    struct buf push = {0};
    for (size_t i = 0; i < (size_t)CARS * EACH; i++) {
        enum kind k = i % 5 == 3 ? FORGED : i % 7 == 2 ? MALFORMED : GOOD;
        n[k]++;
        put_report(u, &push, i % CARS, u->now.its_us - i, k);
        if (push.n > 20000)
            deliver(u, &push);
        step(u, 100);
    }
    deliver(u, &push);
    for (unsigned i = 0; i < 100000 && c->txs - txs < n[GOOD]; i++) {
        step(u, 10000);
        (void)usleep(500);
    }
    assert_int_equal(u->taken, n[GOOD]);
    assert_int_equal(c->txs - txs, n[GOOD]);
    assert_int_equal(c->tx_refused[TX_BAD_SIGNATURE], n[FORGED]);
    assert_int_equal(c->drops[NODE_DROP_MALFORMED], n[MALFORMED]);
    assert_false(ahead_busy(u->node));
    buf_free(&push);
    close_unit(u);
}

/* Lots fill while one is out; what waits is bounded. */
static void lots_wait_in_lines_that_are_bounded(void **state) {
    (void)state;
    struct unit *u = open_unit(false);
    const struct node_counters *c = node_counters(u->node);
    struct buf push = {0};
    for (size_t i = 0; push.n < 17000; i++)
        put_report(u, &push, i % CARS, u->now.its_us - i, GOOD);
    struct buf again = {0};
    buf_put(&again, push.p, push.n);
    deliver(u, &push); /* out */
    assert_int_equal(u->n_kept, 1);
    assert_int_equal(u->taken, 0);
    /* Far more than may wait: refused by name, memory as bounded. */
    size_t rounds = 0;
    for (; c->drops[NODE_DROP_AHEAD_FULL] == 0 && rounds < 4000; rounds++) {
        buf_put(&push, again.p, again.n);
        deliver(u, &push);
        assert_int_equal(u->n_kept, 1);
    }
    /* Of two peers, each has half of the room. */
    assert_in_range(
        rounds * again.n, AHEAD_OCTETS_MAX / 2 - (1 << 20), AHEAD_OCTETS_MAX / 2 + (1 << 20));
    /* They come back, one after the other, and each message is taken once. */
    size_t before = 0;
    while (u->n_kept > 0) {
        struct node_job *job = u->kept[--u->n_kept];
        job->run(job);
        node_job_done(u->node, job, u->now);
        assert_true(u->taken >= before);
        before = u->taken;
    }
    assert_false(ahead_busy(u->node));
    assert_true(u->taken > 0);
    assert_int_equal(u->node->pool.n, u->taken);
    buf_free(&again);
    buf_free(&push);
    close_unit(u);
}

/* A proposal that names one transaction, as it stands while its transactions are on their way. */
static struct block *lacks(struct unit *u, struct tx *t) {
    struct block whole = {.header = u->node->last_header, .n_txs = 1};
    struct block *b = NULL;
    struct buf octets = {0};
    whole.header.height = u->node->height + 1;
    whole.last_commit = u->node->last_commit;
    commit_hash(exec_sha256, &whole.last_commit, whole.header.last_commit);
    whole.txs = &t;
    whole.tx_ids = &t->id;
    whole.tx_leaves = &t->leaf;
    block_seal(&whole);
    block_encode_compact(&whole, &octets);
    assert_int_equal(
        block_decode_compact(buf_span(&octets), &u->node->genesis->params, &b, NULL), WS_OK);
    b->looked = true;
    buf_free(&octets);
    return b;
}

/* The peer's room is taken; what it is turned away with is looked at for what a proposal waits for, and for nothing else. */
static void a_full_queue_lets_pass_what_a_proposal_waits_for(void **state) {
    (void)state;
    struct unit *u = open_unit(false);
    const struct node_counters *c = node_counters(u->node);
    struct buf push = {0};
    struct buf again = {0};
    for (size_t i = 0; again.n < 17000; i++)
        put_report(u, &again, i % CARS, u->now.its_us - i, GOOD);
    while (c->drops[NODE_DROP_AHEAD_FULL] == 0) {
        buf_put(&push, again.p, again.n);
        deliver(u, &push);
    }
    put_report(u, &push, 0, u->now.its_us - 5000000, GOOD);
    struct rd r = rd_of(buf_span(&push));
    (void)rd_u8(&r);
    for (uint8_t v = 0x80; v >= 0x80;)
        v = rd_u8(&r);
    struct tx *t = NULL;
    assert_int_equal(tx_parse(rd_take(&r, rd_left(&r)), &t, NULL), WS_OK);
    struct buf waited = {0};
    buf_put(&waited, push.p, push.n);
    buf_clear(&push);

    uint64_t drops = c->drops[NODE_DROP_AHEAD_FULL];
    buf_put(&push, waited.p, waited.n);
    deliver(u, &push);
    assert_int_equal(c->drops[NODE_DROP_AHEAD_FULL], drops + 1); /* nobody waits for it */
    struct block *b = lacks(u, t);
    struct candidate *cand = candidate_add(u->node, b->id, b, PEER);
    assert_false(block_complete(cand->block));
    buf_put(&push, again.p, again.n);
    deliver(u, &push);
    assert_false(block_complete(cand->block)); /* other messages fill no place */
    drops = c->drops[NODE_DROP_AHEAD_FULL];
    buf_put(&push, waited.p, waited.n);
    deliver(u, &push);
    assert_true(block_complete(cand->block));
    assert_int_equal(c->drops[NODE_DROP_AHEAD_FULL], drops);
    tx_unref(t);
    buf_free(&waited);
    buf_free(&again);
    buf_free(&push);
    close_unit(u);
}

/* A certificate comes long after the messages of a busy peer and is looked at before them. */
static void urgent_lanes_go_first(void **state) {
    (void)state;
    struct unit *u = open_unit(false);
    struct buf push = {0};
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < 256; i++)
            put_report(u, &push, i % CARS, u->now.its_us - k * 1000 - i, GOOD);
        deliver(u, &push);
    }
    struct buf tx = {0};
    tx_put_certificate(&tx, buf_span(&u->town.car_cert[CARS]));
    put_field(&push, 0x0a, buf_span(&tx));
    deliver(u, &push);
    buf_free(&tx);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(u->n_kept, 1);
        assert_int_equal(node_has_cert(u->node, u->town.car_hash[CARS]), i >= 2);
        struct node_job *job = u->kept[--u->n_kept];
        job->run(job);
        node_job_done(u->node, job, u->now);
    }
    assert_int_equal(u->taken, 3 * 256);
    buf_free(&push);
    close_unit(u);
}

/* A lot that is out, and one that waits, when their sender's slot becomes another's. */
static void a_slots_new_owner_is_not_charged(void **state) {
    (void)state;
    struct unit *u = open_unit(false);
    const struct node_counters *c = node_counters(u->node);
    struct buf push = {0};
    u->node->limits.weight[NODE_DROP_BAD_SIGNATURE] = 20;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < 50; i++)
            put_report(u, &push, i % CARS, u->now.its_us - k * 1000 - i, FORGED);
        deliver(u, &push);
    }
    assert_int_equal(u->n_kept, 1);
    struct node_peers *peers = ws_memdup(&u->node->peers, sizeof(u->node->peers));
    peers->curve_key[PEER][0] ^= 1;
    node_set_peers(u->node, peers);
    free(peers);
    put_report(u, &push, 0, u->now.its_us, GOOD); /* the new one's */
    deliver(u, &push);
    while (u->n_kept > 0) {
        struct node_job *job = u->kept[--u->n_kept];
        job->run(job);
        node_job_done(u->node, job, u->now);
    }
    assert_int_equal(c->drops[NODE_DROP_SENDER_GONE], 100);
    assert_int_equal(c->tx_refused[TX_BAD_SIGNATURE], 0);
    assert_int_equal(u->taken, 1);
    struct node_peer_status s;
    node_peer(u->node, PEER, &s);
    assert_int_equal(s.score, 0);
    assert_int_equal(s.mutes, 0);
    assert_false(ahead_busy(u->node));
    buf_free(&push);
    close_unit(u);
}

/* Many that push a few each are verified together, and each answers for its own. */
static void peers_share_a_lot(void **state) {
    (void)state;
    enum { PEERS = 9, LIAR = 7 };
    struct unit *u = open_unit(false);
    struct node_peers *peers = ws_memdup(&u->node->peers, sizeof(u->node->peers));
    for (; peers->n < PEERS; peers->n++)
        peers->curve_key[peers->n][0] = (uint8_t)peers->n;
    node_set_peers(u->node, peers);
    free(peers);
    u->node->limits.weight[NODE_DROP_BAD_SIGNATURE] = 1;
    struct buf push = {0};
    put_report(u, &push, 0, u->now.its_us, GOOD);
    deliver(u, &push); /* out, and while it is, the others' gather */
    size_t waiting = 0;
    for (size_t i = 0; i < 10; i++) {
        for (size_t peer = PEER; peer < PEERS; peer++) {
            put_report(
                u, &push, peer % CARS, u->now.its_us - ++waiting, peer == LIAR ? FORGED : GOOD);
            deliver_from(u, peer, &push);
        }
    }
    for (size_t lots = 0; lots < 2; lots++) {
        assert_int_equal(u->n_kept, 1);
        struct node_job *job = u->kept[--u->n_kept];
        job->run(job);
        node_job_done(u->node, job, u->now);
    }
    assert_int_equal(u->n_kept, 0);
    assert_false(ahead_busy(u->node));
    assert_int_equal(u->taken, 1 + waiting - 10);
    for (size_t peer = PEER; peer < PEERS; peer++) {
        struct node_peer_status s;
        node_peer(u->node, peer, &s);
        assert_int_equal(s.score, peer == LIAR ? 10 : 0);
    }
    buf_free(&push);
    close_unit(u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_judge_what_is_pushed),
        cmocka_unit_test(urgent_lanes_go_first),
        cmocka_unit_test(lots_wait_in_lines_that_are_bounded),
        cmocka_unit_test(a_full_queue_lets_pass_what_a_proposal_waits_for),
        cmocka_unit_test(a_slots_new_owner_is_not_charged),
        cmocka_unit_test(peers_share_a_lot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
