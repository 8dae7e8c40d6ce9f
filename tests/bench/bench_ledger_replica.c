/* One replica's process: the shipped node over RocksDB, a consensus log in a file and CURVE links, with one owner
 * thread whose loop is that of rsu/daemon/rsud_loop.c. What packet workers would hand over comes out of the mapped load. */
#include "tests/bench/bench_ledger.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "ledger/net/net.h"
#include "ledger/node/node.h"
#include "rsu/cell/cell.h"
#include "rsu/host/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { HELPING = 256, SAMPLE = 8, LATE_US = 150000 };

struct replica {
    const struct bench_options *o;
    const struct bench_load *load;
    struct bench_page *page;
    struct bench_replica *stats;
    size_t me; /* in the genesis' order */
    struct cell cell;
    struct node *node;
    struct store *store;
    struct wal *wal[2];
    struct signer *signer;
    struct net *net;
    struct jobs *jobs;
    struct ws_clock clock;
    int phase;
    size_t next; /* own share of the load: me, me + n, ... */
    struct rd certs;
    uint64_t handed; /* in this phase */
    uint64_t handed_good;
    struct table keys; /* certificate hash -> verify_key: what packet workers know */
    struct verify_kernel *kernel; /* theirs */
    uint64_t under_way; /* handed in here, not committed */
    struct table waiting; /* id of a sampled transaction -> when it was handed in */
    uint64_t last_commit_us;
};

static void send_to(void *ctx, size_t peer, struct span msg) {
    struct replica *r = ctx;
    (void)net_send(r->net, peer, node_message_is_bulk(msg) ? NET_BULK : NET_URGENT, msg);
}

static void start_job(void *ctx, struct node_job *job) {
    struct replica *r = ctx;
    jobs_give(r->jobs, job);
}

static void take_jobs(struct replica *r) {
    for (struct node_job *job; (job = jobs_take(r->jobs)) != NULL;)
        node_job_done(r->node, job, ws_clock_now(&r->clock));
}

static void note_gap(struct replica *r, uint64_t now, const struct commit *c) {
    uint64_t gap = now - r->last_commit_us;
    if (r->last_commit_us != 0 && r->phase == PHASE_MEASURE) {
        struct bench_replica *s = r->stats;
        s->gaps_us += gap;
        if (gap > s->gap_us_max)
            s->gap_us_max = gap;
        if (c->round > 0) {
            s->late_blocks++;
            s->late_us += gap;
        }
    }
    r->last_commit_us = now;
}

static void on_committed(
    void *ctx, const struct block *b, const struct commit *c, const struct exec_outcome *o) {
    struct replica *r = ctx;
    uint64_t now = bench_mono_us();
    size_t certs = 0;
    for (size_t i = 0; i < b->n_txs; i++) {
        certs += b->txs[i]->kind == TX_CERTIFICATE;
        uint64_t *at = r->waiting.n == 0 ? NULL : table_take(&r->waiting, b->txs[i]->id);
        if (at == NULL)
            continue;
        r->under_way -= r->under_way < SAMPLE ? r->under_way : SAMPLE;
        if (r->phase == PHASE_MEASURE)
            r->stats->bucket[bench_bucket(now - *at)]++;
        free(at);
    }
    for (size_t i = 0; i < o->n_results; i++) {
        if (o->results[i].code != EXEC_OK && r->stats->rejected++ == 0)
            (void)snprintf(r->stats->first_rejected, sizeof(r->stats->first_rejected), "%s",
                executor_code_name(node_executor(r->node), o->results[i]));
    }
    r->stats->certs += certs;
    r->stats->txs += b->n_txs - certs;
    r->stats->blocks++;
    if (b->n_txs > r->stats->largest)
        r->stats->largest = b->n_txs;
    r->stats->rounds += (uint64_t)c->round;
    r->stats->height = b->header.height;
    note_gap(r, now, c);
}

/* ---- handing in ---- */

static void feed_certs(struct replica *r) {
    for (unsigned i = 0; r->me == 0 && i < HELPING && rd_left(&r->certs) > 0; i++) {
        struct rd before = r->certs;
        struct span tx = rd_var(&r->certs, SIZE_MAX);
        struct ws_err err;
        enum tx_verdict v = node_submit(r->node, tx, false, ws_clock_now(&r->clock), &err);
        if (v == TX_TOO_LARGE) {
            r->certs = before;
            return;
        }
        if (v != TX_GOOD)
            bench_die("certificate refused: %s", err.text);
    }
}

/* How many transactions are due now, and until when nothing is. */
static size_t due(struct replica *r, uint64_t *ret_wait_us) {
    size_t n = r->page->n_feeding;
    uint64_t now = bench_mono_us();
    *ret_wait_us = 1000000;
    if (r->me >= n)
        return 0;
    if (r->o->mode == BENCH_SATURATION) {
        size_t room = r->under_way >= r->o->window ? 0 : r->o->window - r->under_way;
        return room;
    }
    double each_us = 1e6 * (double)n / r->o->rate;
    uint64_t since = now - r->page->phase_mono_us;
    uint64_t want = (uint64_t)((double)since / each_us) + 1;
    if (want > r->handed) {
        *ret_wait_us = want - r->handed > HELPING ? 0 : (uint64_t)each_us;
        return want - r->handed;
    }
    *ret_wait_us = (uint64_t)((double)(r->handed + 1) * each_us) - since;
    return 0;
}

/* What a packet worker does with a message before it hands it over: read it, look up its signer, ask the kernel. */
static bool prepare(struct replica *r, struct span tx, struct verify_item *item) {
    struct rd rd = rd_of(tx);
    (void)rd_u16(&rd);
    struct span cert_hash = rd_take(&rd, 32);
    struct spdu m;
    size_t at = 0;
    size_t n = 0;
    *item = (struct verify_item){.key = table_get(&r->keys, cert_hash.p)};
    bool good = item->key != NULL && spdu_parse(rd_var(&rd, SPDU_MAX_OCTETS), &m, &at) == COER_OK &&
                spdu_digest(&m, cert_hash, item->digest, &n) &&
                verify_item_signature(item, &m.signature);
    item->digest_octets = (uint8_t)n;
    return good;
}

static void verify(struct replica *r, struct span *tx, size_t n) {
    struct verify_item item[HELPING];
    struct verify_answer answer[HELPING];
    for (size_t i = 0; i < n; i++) {
        if (!prepare(r, tx[i], &item[i]))
            bench_die("a message of our own making cannot be read");
    }
    (void)verify_submit(r->kernel, item, n);
    while (verify_in_flight(r->kernel) > 0) {
        size_t got = verify_poll(r->kernel, answer, HELPING);
        for (size_t i = 0; i < got; i++) {
            if (answer[i].kind != VERIFY_GOOD)
                bench_die("a message of our own making is not good");
        }
    }
}

/* Every eighth is timed and stands for the others; the identity is what the message's octets give. */
static void note_handed(struct replica *r, struct span tx, uint64_t mono_us) {
    if (++r->handed_good % SAMPLE != 0)
        return;
    struct tx *t = NULL;
    if (tx_parse(tx, &t, NULL) != WS_OK)
        bench_die("message %zu does not parse", r->next);
    free(table_put(&r->waiting, t->id, ws_memdup(&mono_us, sizeof(mono_us))));
    r->under_way += SAMPLE;
    tx_unref(t);
}

static struct span message_at(const struct bench_load *l, size_t i) {
    return span_of(l->octets + l->at[i], l->at[i + 1] - l->at[i]);
}

static uint64_t feed(struct replica *r) {
    uint64_t wait_us = 1000000;
    if (r->phase == PHASE_CERTS)
        feed_certs(r);
    if (r->phase != PHASE_WARM && r->phase != PHASE_MEASURE)
        return wait_us;
    size_t n = due(r, &wait_us);
    n = n < HELPING ? n : HELPING;
    size_t step = r->page->n_feeding;
    if (n == 0)
        return wait_us;
    /* A full node is not given what would only be refused; whoever waits says it again later. */
    if (node_mempool_full(r->node)) {
        r->handed += n;
        r->stats->offered += n;
        r->stats->refused += n;
        return r->o->mode == BENCH_SATURATION ? 1000 : wait_us;
    }
    /* What would be stale by the time it stands in a block is left out: no car says it any more. */
    struct ws_now now = ws_clock_now(&r->clock);
    uint64_t old = now.its_us - r->load->epoch - (uint64_t)(r->o->age_s * 0.5e6);
    while (now.its_us - r->load->epoch > (uint64_t)(r->o->age_s * 0.5e6) &&
           (uint64_t)r->next * BENCH_STEP_US < old)
        r->next += step;
    struct span tx[HELPING];
    size_t k = 0;
    for (; k < n && r->next + k * step < r->load->n; k++)
        tx[k] = message_at(r->load, r->next + k * step);
    if (k < n)
        r->stats->exhausted = 1;
    verify(r, tx, k);
    r->handed += k;
    r->stats->offered += k;
    for (size_t i = 0; i < k; i++) {
        struct ws_err err;
        enum tx_verdict v = node_submit(r->node, tx[i], true, now, &err);
        if (v == TX_TOO_LARGE) {
            r->stats->refused += k - i;
            return r->o->mode == BENCH_SATURATION ? 1000 : wait_us;
        }
        if (v != TX_GOOD)
            bench_die("message %zu refused: %s", r->next, err.text);
        note_handed(r, tx[i], now.mono_us);
        r->next += step;
    }
    return r->o->mode == BENCH_SATURATION && n == HELPING ? 0 : wait_us;
}

static void change_phase(struct replica *r) {
    int phase = r->page->phase;
    if (phase == r->phase)
        return;
    r->phase = phase;
    r->handed = 0;
    if (phase == PHASE_MEASURE) {
        for (size_t i = 0; i < BENCH_BUCKETS; i++)
            r->stats->bucket[i] = 0;
        r->stats->gap_us_max = 0;
        r->stats->gaps_us = 0;
        r->stats->late_blocks = 0;
        r->stats->late_us = 0;
    }
}

/* ---- life ---- */

static void open_links(struct replica *r, const struct genesis *g) {
    uint8_t seed[32];
    uint8_t curve[32];
    char endpoint[48];
    struct ws_err err = {0};
    bench_secrets(r->me, seed, curve);
    r->signer = signer_new(seed);
    struct net_config cfg = {.secret = curve,
        .limits = net_limits_default((size_t)g->params.block_octets_max * 2 + 65536)};
    net_curve_public(curve, cfg.public_key);
    for (size_t i = 0; i < g->validators.n; i++) {
        (void)snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", r->o->port + (unsigned)i);
        if (memcmp(g->validators.v[i].curve_key, cfg.public_key, 32) != 0)
            continue;
        cfg.bind = endpoint;
        if (net_open(&cfg, &r->net, &err) != WS_OK)
            bench_die("links: %s", err.text);
    }
    for (size_t i = 0; i < g->validators.n; i++) {
        const uint8_t *key = g->validators.v[i].curve_key;
        (void)snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", r->o->port + (unsigned)i);
        if (memcmp(key, cfg.public_key, 32) != 0 &&
            net_put(r->net, i, key, endpoint, &err) != WS_OK)
            bench_die("links: %s", err.text);
    }
}

static void open_all(struct replica *r) {
    struct ws_err err = {0};
    char path[4200];
    if (cell_open(buf_span(&r->load->genesis), &r->load->map, &r->cell, &err) != WS_OK)
        bench_die("cell: %s", err.text);
    (void)snprintf(path, sizeof(path), "%s/%zu-store", r->o->dir, r->me);
    if (store_open_rocks(path, (size_t)64 << 20, &r->store, &err) != WS_OK)
        bench_die("store: %s", err.text);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%zu-log-%d", r->o->dir, r->me, i);
        if (wal_open_file(path, &r->wal[i], NULL, &err) != WS_OK)
            bench_die("log: %s", err.text);
    }
    open_links(r, executor_genesis_of(r->cell.ex));
    if (jobs_new(1, &r->jobs, &err) != WS_OK)
        bench_die("jobs: %s", err.text);
    struct node_io io = {.send = send_to,
        .committed = on_committed,
        .ctx = r,
        .store = r->store,
        .wal = {r->wal[0], r->wal[1]},
        .start_job = start_job,
        .signer = r->signer};
    struct node_limits limits = node_limits_default();
    limits.verify_table_octets = (size_t)r->o->table_mb << 20;
    limits.verify_backend = r->o->backend;
    struct executor *ex = r->cell.ex;
    r->cell.ex = NULL;
    if (node_open(ex, r->cell.sections, &io, &limits, ws_clock_now(&r->clock), &r->node, &err) !=
        WS_OK)
        bench_die("node: %s", err.text);
}

static void open_kernel(struct replica *r) {
    struct verify_config cfg = verify_config_default(HELPING);
    cfg.backend = r->o->backend;
    cfg.table_octets = (size_t)r->o->table_mb << 20;
    r->kernel = verify_kernel_new(&cfg);
    struct rd certs = rd_of(buf_span(&r->load->certs));
    while (rd_left(&certs) > 0) {
        struct tx *t = NULL;
        if (tx_parse(rd_var(&certs, SIZE_MAX), &t, NULL) != WS_OK)
            bench_die("a certificate of our own making does not parse");
        (void)table_put(&r->keys, t->cert_hash, verify_key_new(t->cert.key_curve, &t->cert.key));
        tx_unref(t);
    }
}

static int sleep_ms(const struct replica *r, uint64_t wait_us) {
    uint64_t now = bench_mono_us();
    uint64_t wake = node_next_wake(r->node);
    uint64_t us = wake <= now ? 0 : wake - now;
    us = wait_us < us ? wait_us : us;
    us = us > 50000 ? 50000 : us; /* phases change */
    return (int)((us + 999) / 1000);
}

static void print_counters(const struct replica *r) {
    const struct node_counters *c = node_counters(r->node);
    (void)fprintf(stderr, "replica %zu:", r->me);
    for (int i = 0; i < NODE_DROP_COUNT; i++) {
        if (c->drops[i] > 0)
            (void)fprintf(stderr, " %s %llu", node_drop_name((enum node_drop)i),
                (unsigned long long)c->drops[i]);
    }
    for (int i = 0; i < TX_VERDICT_COUNT; i++) {
        if (c->tx_refused[i] > 0)
            (void)fprintf(stderr, " refused:%s %llu", tx_verdict_text((enum tx_verdict)i),
                (unsigned long long)c->tx_refused[i]);
    }
    const struct net_counters *n = net_counters(r->net);
    (void)fprintf(stderr,
        " rounds %llu sent %llu of %llu octets, queue full %llu, above budget %llu, cut %llu; "
        "muted "
        "%llu\n",
        (unsigned long long)c->rounds_beyond_zero, (unsigned long long)n->sent,
        (unsigned long long)n->sent_octets, (unsigned long long)n->dropped_full,
        (unsigned long long)n->dropped_budget, (unsigned long long)n->cut_held,
        (unsigned long long)c->mutes);
}

int bench_replica_run(
    const struct bench_options *o, const struct bench_load *l, struct bench_page *page, size_t me) {
    struct replica *r = ws_alloc(sizeof(*r));
    *r = (struct replica){
        .o = o, .load = l, .page = page, .stats = &page->replica[me], .me = me, .next = me};
    r->certs = rd_of(buf_span(&l->certs));
    r->clock = (struct ws_clock){.kind = WS_CLOCK_SCALED,
        .epoch_its_us = l->epoch,
        .start_mono_us = page->start_mono_us,
        .rate_ppm = 1000000};
    ws_log_set_level(WS_LOG_ERROR);
    open_kernel(r);
    open_all(r);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, net_fd(r->net), &ev) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, jobs_fd(r->jobs), &ev) != 0)
        bench_die("epoll");
    uint64_t wait_us = 0;
    while (r->phase != PHASE_STOP) {
        (void)epoll_wait(epoll, &ev, 1, sleep_ms(r, wait_us));
        change_phase(r);
        take_jobs(r);
        wait_us = feed(r);
        net_tick(r->net, bench_mono_us());
        r->stats->linked = net_counters(r->net)->connected;
        size_t peer;
        struct span msg;
        for (unsigned i = 0; i < HELPING && net_receive(r->net, &peer, &msg); i++)
            node_message(r->node, peer, msg, ws_clock_now(&r->clock));
        node_tick(r->node, ws_clock_now(&r->clock));
        const char *why = "";
        if (!node_healthy(r->node, &why)) {
            (void)fprintf(stderr, "replica %zu: %s\n", me, why);
            r->stats->failed = 1;
            return 1;
        }
    }
    if (o->verbose)
        print_counters(r);
    jobs_settle(r->jobs);
    take_jobs(r);
    jobs_settle(r->jobs);
    node_close(r->node);
    jobs_free(r->jobs);
    net_close(r->net);
    wal_close(r->wal[0]);
    wal_close(r->wal[1]);
    store_close(r->store);
    return 0;
}
