#include "ledger/node/node_internal.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdio.h>
#include <stdlib.h>

const char *node_drop_name(enum node_drop d) {
    static const char *const names[] = {
#define X(id, text) text,
        NODE_DROPS(X)
#undef X
    };
    return names[d];
}

struct node_limits node_limits_default(void) {
    return (struct node_limits){
        .mempool_txs = 65536,
        .mempool_octets = 64U << 20,
        .status_us = 500000,
        .sync_blocks = 16,
        .sync_octets = 64U << 20,
        .weight =
            {
                [NODE_DROP_MALFORMED] = 20,
                [NODE_DROP_BAD_SIGNATURE] = 20,
                [NODE_DROP_BAD_BLOCK] = 20,
                [NODE_DROP_CHECKS] = 5,
                [NODE_DROP_TX_CHECKS] = 5,
                [NODE_DROP_UNASKED] = 5,
                [NODE_DROP_ASKS_TOO_MUCH] = 1,
                [NODE_DROP_LOWERED] = 25,
                [NODE_DROP_WITHHELD] = 10,
            },
        .score_max = 200,
        .score_decay_per_s = 2,
        .mute_us = 60000000,
        .bad_checks_per_s = 20,
        .protocol_min = NODE_PROTOCOL_MIN,
        .protocol_max = NODE_PROTOCOL_MAX,
        .verify_table_octets = (size_t)128 << 20,
        .listen_us = 1000000,
        .undo_blocks = 16,
        .prune_blocks = 4,
        .header_us = 30 * UINT64_C(86400000000),
    };
}

static void set_address(struct node *n, const struct signer *signer) {
    if (signer == NULL)
        return;
    struct validator v = {.alg = KEY_ED25519};
    signer_public(signer, v.key);
    validator_address(exec_sha256, &v);
    memcpy(n->address, v.address, 32);
    n->has_address = true;
}

static void genesis_peers(const struct node *n, struct node_peers *ret_peers) {
    const struct validator_set *set = &n->genesis->validators;
    ret_peers->n = set->n;
    int me = n->has_address ? validator_set_find(set, n->address) : -1;
    ret_peers->me = me < 0 ? NODE_NO_SLOT : (size_t)me;
    for (size_t i = 0; i < set->n; i++)
        memcpy(ret_peers->curve_key[i], set->v[i].curve_key, KEY_OCTETS);
}

void node_set_peers(struct node *n, const struct node_peers *peers) {
    WS_ASSERT(peers->n >= 1 && peers->n <= NODE_PEERS_MAX);
    for (size_t i = 0; i < peers->n; i++) {
        if (i < n->peers.n && memcmp(n->peers.curve_key[i], peers->curve_key[i], KEY_OCTETS) == 0)
            continue;
        fetch_forget_peer(n, i);
        n->peer[i] = (struct peer){.generation = n->peer[i].generation + 1};
    }
    n->peers = *peers;
    mempool_set_sources(&n->pool, peers->n);
    drive_find_slots(n);
}

int node_open(struct executor *ex, const struct span *sections, const struct node_io *io,
    const struct node_limits *limits, struct ws_now now, struct node **ret_node,
    struct ws_err *err) {
    struct node *n = ws_alloc(sizeof(*n));
    n->ex = ex;
    n->genesis = executor_genesis_of(ex);
    n->committee = executor_committee(ex);
    n->io = *io;
    n->limits = *limits;
    set_address(n, io->signer);
    genesis_peers(n, &n->peers);
    n->txs = txs_new();
    n->ahead = ahead_new(limits);
    mempool_init(&n->pool, limits->mempool_txs, limits->mempool_octets, n->peers.n);
    n->cs = cs_new();
    n->committed_mono_us = now.mono_us;
    n->begun_mono_us = now.mono_us;
    n->status_due_mono_us = now.mono_us;
    n->clock_trusted = true;
    int rc = recover_state(n, sections, err);
    if (rc == WS_OK)
        rc = redo_blocks(n, now, err);
    if (rc == WS_OK)
        rc = recover_check_logs(n, err);
    if (rc == WS_OK) {
        n->durable = n->height;
        n->listening = true;
        drive_listen_anew(n, now);
        drive_start_height(n, now);
        if (n->failed)
            rc = ws_fail(err, n->fail_code, "%s", n->why);
    }
    if (rc != WS_OK) {
        node_close(n);
        return rc;
    }
    *ret_node = n;
    return WS_OK;
}

void node_close(struct node *n) {
    if (n == NULL)
        return;
    WS_ASSERT(n->writing == NULL || n->failed || n->io.start_job != NULL);
    candidates_clear(n);
    fetch_clear(n);
    mempool_free(&n->pool);
    txs_free(n->txs);
    ahead_free(n->ahead);
    cs_free(n->cs);
    executor_free(n->ex);
    free(n);
}

/* ---- jobs ---- */

void node_start_job(struct node *n, struct node_job *job, struct ws_now now) {
    if (n->io.start_job != NULL) {
        n->io.start_job(n->io.ctx, job);
        return;
    }
    job->run(job);
    job->done(n, job, now);
}

void node_job_done(struct node *n, struct node_job *job, struct ws_now now) {
    job->done(n, job, now);
    drive_durable(n, now);
}

void node_job_drop(struct node_job *job) {
    job->drop(job);
}

bool node_healthy(const struct node *n, const char **ret_why) {
    *ret_why = n->why;
    return !n->failed;
}

/* ---- messages ---- */

void node_message(struct node *n, size_t peer, struct span msg, struct ws_now now) {
    if (n->failed || peer >= n->peers.n)
        return;
    if (!peer_admits(n, peer, msg, now) || txs_message(n, peer, msg, now))
        return;
    Wayside__Link__Link *link = wire_parse(msg);
    if (link == NULL) {
        peer_drop(n, peer, NODE_DROP_MALFORMED, now);
        return;
    }
    switch (link->body_case) {
    case WAYSIDE__LINK__LINK__BODY_PROPOSAL:
        hear_proposal(n, peer, link->proposal, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_VOTE:
        hear_vote(n, peer, span_of(link->vote.data, link->vote.len), now);
        break;
    case WAYSIDE__LINK__LINK__BODY_STATUS:
        summary_status(n, peer, link->status, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_TX:
        txs_pushed(n, peer, link->tx, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_TX_REQUEST:
        sync_tx_request(n, peer, link->tx_request, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_BLOCK_REQUEST:
        fetch_request(n, peer, link->block_request, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_BLOCK_REPLY:
        fetch_reply(n, peer, link->block_reply, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_CANDIDATE_REQUEST:
        sync_candidate_request(n, peer, link->candidate_request, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_CANDIDATE_REPLY:
        sync_candidate_reply(n, peer, link->candidate_reply, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_SNAPSHOT_QUERY:
    case WAYSIDE__LINK__LINK__BODY_SNAPSHOT_OFFER:
    case WAYSIDE__LINK__LINK__BODY_CHUNK_REQUEST:
    case WAYSIDE__LINK__LINK__BODY_CHUNK_REPLY:
        peer_drop(n, peer, NODE_DROP_NOT_WANTED, now); /* not the node's: ledger/node/share.h */
        break;
    case WAYSIDE__LINK__LINK__BODY__NOT_SET:
    case _WAYSIDE__LINK__LINK__BODY__CASE_IS_INT_SIZE:
        /* A kind of a later protocol is no misdeed; a message of no kind is. */
        peer_drop(n, peer,
            link->base.n_unknown_fields > 0 ? NODE_DROP_UNKNOWN_KIND : NODE_DROP_MALFORMED, now);
        break;
    }
    wire_free(link);
}

/* ---- time ---- */

/* What waits for its certificate or its time is no work yet: it would only cut empty blocks. */
static bool has_work(const struct node *n) {
    return n->pool.n > n->pool.idle || n->events_pending;
}

/* Blocks are paced by deadline: an interval from where the last height began, not a pause after it has ended (consensus
 * facts, section 4). What came by synchronisation began when it came. */
static uint64_t begin_at(const struct node *n) {
    const struct cell_params *p = n->params;
    return n->begun_mono_us + (has_work(n) ? p->block_min_us : p->block_interval_us);
}

void node_trust_clock(struct node *n, bool trusted, struct ws_now now) {
    if (n->failed || n->clock_trusted == trusted)
        return;
    n->clock_trusted = trusted;
    struct cs_event ev = {.kind = CS_EV_CLOCK, .height = cs_height(n->cs), .ok = trusted};
    drive_event(n, &ev, now);
}

void node_tick(struct node *n, struct ws_now now) {
    if (n->failed)
        return;
    n->seen_mono_us = now.mono_us;
    if (cs_step_now(n->cs) == CS_WAIT && !n->syncing && !n->listening &&
        now.mono_us >= begin_at(n)) {
        struct cs_event ev = {.kind = CS_EV_BEGIN, .height = cs_height(n->cs)};
        drive_event(n, &ev, now);
    }
    for (size_t i = 0; i < n->n_timers && !n->failed;) {
        if (n->timer[i].due_mono_us > now.mono_us) {
            i++;
            continue;
        }
        struct cs_event ev = {.kind = CS_EV_TIMEOUT,
            .height = cs_height(n->cs),
            .timer = n->timer[i].timer,
            .round = n->timer[i].round};
        memmove(&n->timer[i], &n->timer[i + 1], (n->n_timers - i - 1) * sizeof(n->timer[0]));
        n->n_timers--;
        if (ev.round == cs_round(n->cs))
            drive_event(n, &ev, now);
        i = 0; /* handling it may have changed the table */
    }
    if (!n->failed)
        drive_listen(n, now);
    if (!n->failed)
        sync_tick(n, now);
    txs_flush(n, now);
}

uint64_t node_next_wake(const struct node *n) {
    if (n->failed)
        return UINT64_MAX;
    uint64_t at = n->status_due_mono_us;
    if (cs_step_now(n->cs) == CS_WAIT && !n->syncing && !n->listening && begin_at(n) < at)
        at = begin_at(n);
    if (n->listening && !n->syncing && n->listen_until_mono_us < at)
        at = n->listen_until_mono_us;
    for (size_t i = 0; i < n->n_timers; i++)
        at = n->timer[i].due_mono_us < at ? n->timer[i].due_mono_us : at;
    uint64_t serve = fetch_next_wake(n);
    at = serve < at ? serve : at;
    uint64_t ask = sync_next_ask(n);
    at = ask < at ? ask : at;
    uint64_t next_push = txs_next_push(n);
    at = next_push < at ? next_push : at;
    return at;
}

/* ---- views ---- */

void node_set_snapshot(struct node *n, uint64_t height) {
    n->snapshot = height;
}

bool node_diverged(const struct node *n, struct header *ret_next, struct commit *ret_commit) {
    if (!n->diverged)
        return false;
    *ret_next = n->other_header;
    *ret_commit = n->other_commit;
    return true;
}

void node_status(const struct node *n, struct node_status *ret) {
    *ret = (struct node_status){
        .height = n->height,
        .block_time = n->last_time,
        .committed_mono_us = n->committed_mono_us,
        .consensus_height = cs_height(n->cs),
        .round = cs_round(n->cs),
        .step = cs_step_now(n->cs),
        .me = n->me,
        .mempool_txs = n->pool.n,
        .mempool_octets = n->pool.octets,
        .ahead_octets = ahead_octets(n),
        .ahead_octets_max = AHEAD_OCTETS_MAX,
        .syncing = n->syncing,
        .durable = n->durable,
        .clock_trusted = n->clock_trusted,
        .clock_off_us = n->clock_off_us,
        .listening = n->listening,
        .bodies_from = n->pruned.bodies_from,
    };
    memcpy(ret->block_id, n->last_id, 32);
}

void node_peer(const struct node *n, size_t peer, struct node_peer_status *ret) {
    const struct peer *p = &n->peer[peer];
    *ret = (struct node_peer_status){.heard = p->heard,
        .heard_mono_us = p->heard_mono_us,
        .height = p->height,
        .round = p->round,
        .protocol = peer_protocol(n, peer),
        .score = p->score_milli / 1000,
        .muted = peer_muted(n, peer, (struct ws_now){.mono_us = n->seen_mono_us}),
        .mutes = p->mutes,
        .clock_told = p->clock_told,
        .clock_off = p->clock_off,
        .clock_off_us = p->clock_off_us};
    (void)snprintf(ret->software, sizeof(ret->software), "%s", p->software);
}

const struct node_peers *node_directory(const struct node *n) {
    return &n->peers;
}

const struct node_counters *node_counters(const struct node *n) {
    return &n->counters;
}

struct executor *node_executor(struct node *n) {
    return n->ex;
}

const struct validator_set *node_validators(const struct node *n) {
    return n->set;
}

size_t node_slot_of(const struct node *n, size_t validator) {
    return n->slot[validator];
}

bool node_last(const struct node *n, struct header *ret_header, struct commit *ret_commit) {
    if (n->height == 0)
        return false;
    *ret_header = n->last_header;
    *ret_commit = n->last_commit;
    return true;
}
