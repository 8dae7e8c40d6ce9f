#include "ledger/node/node_internal.h"

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
    };
}

static int find_me(const struct validator_set *set, const struct signer *signer) {
    if (signer == NULL)
        return -1;
    uint8_t key[KEY_OCTETS];
    signer_public(signer, key);
    for (size_t i = 0; i < set->n; i++) {
        if (memcmp(set->v[i].key, key, KEY_OCTETS) == 0)
            return (int)i;
    }
    return -1;
}

int node_open(struct executor *ex, const struct span *sections, const struct node_io *io,
    const struct node_limits *limits, struct ws_now now, struct node **ret_node,
    struct ws_err *err) {
    struct node *n = ws_alloc(sizeof(*n));
    n->ex = ex;
    n->genesis = executor_genesis_of(ex);
    n->set = &n->genesis->validators;
    n->io = *io;
    n->limits = *limits;
    n->me = find_me(n->set, io->signer);
    validator_set_hash(exec_sha256, n->set, n->set_hash);
    cell_params_hash(exec_sha256, &n->genesis->params, n->params_hash);
    mempool_init(&n->pool, limits->mempool_txs, limits->mempool_octets, n->set->n);
    n->cs = cs_new(n->set, n->me, &n->genesis->params);
    n->committed_mono_us = now.mono_us;
    n->status_due_mono_us = now.mono_us;
    int rc = WS_OK;
    if (io->signer != NULL && n->me < 0)
        rc = ws_fail(err, WS_EINPUT, "the validator key is not in the genesis of this cell");
    if (rc == WS_OK)
        rc = recover_state(n, sections, err);
    if (rc == WS_OK) {
        drive_start_height(n);
        rc = recover_log(n, now, err);
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
    candidates_clear(n);
    mempool_free(&n->pool);
    cs_free(n->cs);
    executor_free(n->ex);
    free(n);
}

bool node_healthy(const struct node *n, const char **ret_why) {
    *ret_why = n->why;
    return !n->failed;
}

/* ---- messages ---- */

static void on_vote(struct node *n, struct span octets, struct ws_now now) {
    struct cs_event ev = {.kind = CS_EV_VOTE};
    struct rd r = rd_of(octets);
    if (!vote_read(&r, &ev.vote) || !rd_done(&r)) {
        n->counters.drops[NODE_DROP_MALFORMED]++;
        return;
    }
    enum cs_refusal why = cs_wants_vote(n->cs, &ev.vote);
    if (why != CS_TAKEN) {
        n->counters.drops[why == CS_REFUSED_HEIGHT ? NODE_DROP_HEIGHT : NODE_DROP_NOT_WANTED]++;
        return;
    }
    const struct validator *v = &n->set->v[ev.vote.validator];
    struct buf b = {0};
    vote_sign_bytes(executor_cell_id(n->ex), &ev.vote, &b);
    bool good = exec_verify(v->alg, v->key, buf_span(&b), ev.vote.sig);
    buf_free(&b);
    if (good)
        drive_event(n, &ev, now);
    else
        n->counters.drops[NODE_DROP_BAD_SIGNATURE]++;
}

static bool proposal_signed(const struct node *n, const struct cs_proposal *p) {
    const struct validator *v = &n->set->v[p->validator];
    struct buf b = {0};
    proposal_sign_bytes(executor_cell_id(n->ex), p->height, p->round, p->id, p->valid_round, &b);
    bool good = exec_verify(v->alg, v->key, buf_span(&b), p->sig);
    buf_free(&b);
    return good;
}

static void on_proposal(
    struct node *n, size_t peer, const Wayside__Link__Proposal *m, struct ws_now now) {
    struct cs_event ev = {.kind = CS_EV_PROPOSAL, .received_time = now.its_us};
    struct cs_proposal *p = &ev.proposal;
    p->height = m->height;
    p->round = m->round;
    p->valid_round = m->valid_round;
    if (m->validator > UINT16_MAX || m->signature.len != SIG_OCTETS || m->round < 0) {
        n->counters.drops[NODE_DROP_MALFORMED]++;
        return;
    }
    p->validator = (uint16_t)m->validator;
    memcpy(p->sig, m->signature.data, SIG_OCTETS);
    enum cs_refusal why = cs_wants_proposal(n->cs, p);
    if (why != CS_TAKEN) {
        n->counters.drops[why == CS_REFUSED_HEIGHT ? NODE_DROP_HEIGHT : NODE_DROP_NOT_WANTED]++;
        return;
    }
    /* The signature covers the block id, which is the hash of the header at the front: checking it costs a fixed
     * prefix, not a walk through the transactions. */
    struct header hd;
    struct rd r = rd_of(span_of(m->block.data, m->block.len));
    (void)rd_u8(&r);
    if (!header_read(&r, &hd) || hd.height != p->height) {
        n->counters.drops[NODE_DROP_MALFORMED]++;
        return;
    }
    /* A fresh block names whoever proposes it; a re-proposal keeps its first author. */
    if (p->valid_round < 0 && memcmp(hd.proposer, n->set->v[p->validator].address, 32) != 0) {
        n->counters.drops[NODE_DROP_BAD_BLOCK]++;
        return;
    }
    header_id(exec_sha256, &hd, p->id);
    p->block_time = hd.time;
    if (!proposal_signed(n, p)) {
        n->counters.drops[NODE_DROP_BAD_SIGNATURE]++;
        return;
    }
    struct block *b = NULL;
    if (block_decode_compact(span_of(m->block.data, m->block.len), &n->genesis->params, &b, NULL) !=
        WS_OK) {
        n->counters.drops[NODE_DROP_BAD_BLOCK]++;
        return;
    }
    struct candidate *c = candidate_add(n, p->id, b, peer);
    c->from = peer;
    drive_event(n, &ev, now);
    c = candidate_find(n, ev.proposal.id);
    if (c != NULL && !n->failed)
        candidate_progress(n, c, now);
}

/* Checks against the last state. A transaction whose certificate is still on its way waits unverified, within the
 * share of whoever sent it; whoever proposes or prevotes checks again. */
enum tx_verdict node_take_tx(struct node *n, struct tx *t, size_t from, struct ws_now now) {
    /* The identity does not cover the signature: a copy that nobody has verified yet must not keep out one that
     * verifies, or a forger would be the censor. */
    struct tx *held = mempool_by_id(&n->pool, t->id);
    if (held != NULL && (held->signature_good || memcmp(held->leaf, t->leaf, 32) == 0))
        return TX_DUPLICATE;
    uint64_t time = now.its_us > n->last_time ? now.its_us : n->last_time + 1;
    struct check *check = check_new(n->ex, time);
    enum tx_verdict v = check_tx(check, t);
    check_free(check);
    if (v != TX_GOOD && (tx_verdict_final(v) || v == TX_TOO_LARGE)) {
        n->counters.drops[NODE_DROP_TX_REFUSED]++;
        n->counters.tx_refused[v]++;
        return v;
    }
    if (held != NULL) {
        if (v != TX_GOOD)
            return TX_DUPLICATE;
        mempool_remove_id(&n->pool, t->id);
    }
    if (mempool_add(&n->pool, t, v == TX_GOOD ? MEMPOOL_JUDGED : from) == MEMPOOL_FULL) {
        n->counters.drops[NODE_DROP_MEMPOOL_FULL]++;
        return TX_TOO_LARGE;
    }
    if (v == TX_GOOD && t->kind == TX_MESSAGE && n->io.taken != NULL)
        n->io.taken(n->io.ctx, t);
    return TX_GOOD;
}

enum { PUSH_TXS_MAX = 64 }; /* we push one at a time; a batch may be small */

static void on_txs(struct node *n, size_t peer, const Wayside__Link__TxPush *m, struct ws_now now) {
    if (m->n_tx > PUSH_TXS_MAX) {
        n->counters.drops[NODE_DROP_MALFORMED]++;
        return;
    }
    for (size_t i = 0; i < m->n_tx && !n->failed; i++) {
        struct tx *t = NULL;
        if (m->tx[i].len > n->genesis->params.tx_octets_max ||
            tx_parse(span_of(m->tx[i].data, m->tx[i].len), &t, NULL) != WS_OK) {
            n->counters.drops[NODE_DROP_MALFORMED]++;
            continue;
        }
        /* First for a proposal that waits for exactly these octets: it may carry another copy of a message than the
         * one in our mempool. */
        for (size_t k = 0; k < n->n_candidates; k++) {
            /* Only what consensus waits for is worth the walk. */
            const struct candidate *c = &n->candidate[k];
            struct block *b = c->wanted && !c->answered ? c->block : NULL;
            for (size_t j = 0; b != NULL && j < b->n_txs; j++) {
                if (b->txs[j] == NULL && memcmp(b->tx_leaves[j], t->leaf, 32) == 0)
                    block_put_tx(b, j, t);
            }
        }
        if (node_take_tx(n, t, peer, now) == TX_DUPLICATE)
            n->counters.drops[NODE_DROP_TX_KNOWN]++;
        tx_unref(t);
    }
    for (size_t k = 0; k < n->n_candidates && !n->failed; k++) {
        uint64_t height = n->height;
        candidate_progress(n, &n->candidate[k], now);
        if (n->height != height)
            break;
    }
}

void node_message(struct node *n, size_t peer, struct span msg, struct ws_now now) {
    if (n->failed || peer >= n->set->n)
        return;
    Wayside__Link__Link *link = wire_parse(msg);
    if (link == NULL) {
        n->counters.drops[NODE_DROP_MALFORMED]++;
        return;
    }
    switch (link->body_case) {
    case WAYSIDE__LINK__LINK__BODY_PROPOSAL:
        on_proposal(n, peer, link->proposal, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_VOTE:
        on_vote(n, span_of(link->vote.data, link->vote.len), now);
        break;
    case WAYSIDE__LINK__LINK__BODY_STATUS:
        sync_status(n, peer, link->status, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_TX:
        on_txs(n, peer, link->tx, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_TX_REQUEST:
        sync_tx_request(n, peer, link->tx_request, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_BLOCK_REQUEST:
        sync_block_request(n, peer, link->block_request, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_BLOCK_REPLY:
        sync_block_reply(n, peer, link->block_reply, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_CANDIDATE_REQUEST:
        sync_candidate_request(n, peer, link->candidate_request, now);
        break;
    case WAYSIDE__LINK__LINK__BODY_CANDIDATE_REPLY:
        sync_candidate_reply(n, peer, link->candidate_reply, now);
        break;
    case WAYSIDE__LINK__LINK__BODY__NOT_SET:
    case _WAYSIDE__LINK__LINK__BODY__CASE_IS_INT_SIZE:
        n->counters.drops[NODE_DROP_MALFORMED]++;
        break;
    }
    wire_free(link);
}

/* ---- time ---- */

/* What waits for its certificate or its time is no work yet: it would only cut empty blocks. */
static bool has_work(const struct node *n) {
    return n->pool.n > n->pool.unjudged || n->events_pending;
}

/* Blocks are paced by deadline, not by a pause after the last one (consensus facts, section 4). */
static uint64_t begin_at(const struct node *n) {
    const struct cell_params *p = &n->genesis->params;
    return n->committed_mono_us + (has_work(n) ? p->block_min_us : p->block_interval_us);
}

void node_tick(struct node *n, struct ws_now now) {
    if (n->failed)
        return;
    if (cs_step_now(n->cs) == CS_WAIT && !n->syncing && now.mono_us >= begin_at(n)) {
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
        sync_tick(n, now);
}

uint64_t node_next_wake(const struct node *n) {
    if (n->failed)
        return UINT64_MAX;
    uint64_t at = n->status_due_mono_us;
    if (cs_step_now(n->cs) == CS_WAIT && !n->syncing && begin_at(n) < at)
        at = begin_at(n);
    for (size_t i = 0; i < n->n_timers; i++)
        at = n->timer[i].due_mono_us < at ? n->timer[i].due_mono_us : at;
    return at;
}

/* ---- own admission ---- */

enum tx_verdict node_submit(
    struct node *n, struct span tx, bool signature_good, struct ws_now now, struct ws_err *err) {
    struct tx *t = NULL;
    if (tx_parse(tx, &t, err) != WS_OK) {
        n->counters.drops[NODE_DROP_MALFORMED]++;
        return TX_BAD_SIGNATURE;
    }
    t->signature_good = signature_good && t->kind == TX_MESSAGE;
    enum tx_verdict v = node_take_tx(n, t, n->me < 0 ? 0 : (size_t)n->me, now);
    if (v == TX_GOOD)
        wire_send_tx(n, ALL_PEERS, t->octets);
    else
        (void)ws_fail(err, v == TX_TOO_LARGE ? WS_EBUSY : WS_EINPUT, "transaction refused: %s",
            tx_verdict_text(v));
    tx_unref(t);
    return v;
}

bool node_has_cert(const struct node *n, const hash32 cert_hash) {
    const struct contract *identity = executor_contract(n->ex, EXECUTOR_IDENTITY);
    return identity_find(identity->self, cert_hash) != NULL || mempool_has_id(&n->pool, cert_hash);
}

bool node_mempool_full(const struct node *n) {
    return n->pool.n >= n->pool.max_txs || n->pool.octets >= n->pool.max_octets;
}

/* ---- views ---- */

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
        .syncing = n->syncing,
    };
    memcpy(ret->block_id, n->last_id, 32);
}

void node_peer(const struct node *n, size_t peer, struct node_peer_status *ret) {
    const struct peer *p = &n->peer[peer];
    *ret = (struct node_peer_status){p->heard, p->heard_mono_us, p->height, p->round, {0}};
    (void)snprintf(ret->software, sizeof(ret->software), "%s", p->software);
}

const struct node_counters *node_counters(const struct node *n) {
    return &n->counters;
}

struct executor *node_executor(struct node *n) {
    return n->ex;
}

bool node_last(const struct node *n, struct header *ret_header, struct commit *ret_commit) {
    if (n->height == 0)
        return false;
    *ret_header = n->last_header;
    *ret_commit = n->last_commit;
    return true;
}
