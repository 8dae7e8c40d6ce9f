/* Parts of a proposal that one of us lacks: the block behind an id, and transactions behind identities. Questions are
 * answered within a budget for each peer. */
#include "ledger/node/node_internal.h"

#include "ledger/exec/hash.h"

#include <stdlib.h>

static void ask_candidate(struct node *n, const struct candidate *c, size_t peer) {
    uint8_t id[32];
    memcpy(id, c->id, 32);
    Wayside__Link__CandidateRequest q = WAYSIDE__LINK__CANDIDATE_REQUEST__INIT;
    q.height = n->height + 1;
    q.block_id = (ProtobufCBinaryData){32, id};
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_CANDIDATE_REQUEST;
    link.candidate_request = &q;
    wire_send(n, peer, &link);
}

enum { ASK_TXS_MAX = 4096 };

static void ask_txs(struct node *n, const struct candidate *c, size_t peer) {
    ProtobufCBinaryData *leaf = calloc(ASK_TXS_MAX, sizeof(*leaf));
    if (leaf == NULL)
        return;
    uint8_t id[32];
    memcpy(id, c->id, 32);
    Wayside__Link__TxRequest q = WAYSIDE__LINK__TX_REQUEST__INIT;
    q.height = n->height + 1;
    q.block_id = (ProtobufCBinaryData){32, id};
    q.leaf = leaf;
    for (size_t i = 0; i < c->block->n_txs && q.n_leaf < ASK_TXS_MAX; i++) {
        if (c->block->txs[i] == NULL)
            leaf[q.n_leaf++] = (ProtobufCBinaryData){32, c->block->tx_leaves[i]};
    }
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_TX_REQUEST;
    link.tx_request = &q;
    wire_send(n, peer, &link);
    free(leaf);
}

/* Transactions that are pushed just now arrive on their own: only what stays away is asked for. */
enum {
    PATIENCE_US = 15000,
    PATIENCE_MANY_US = 60000,
    PATIENCE_BUSY_US = 150000,
    MANY = 64,
    PATIENCE_PART = 4
}; /* of the time for a proposal: the answer shall come within it, too */

/* What is here already, but not looked at, is not missing. Many at once are not lost, but overtaken: proposals travel before
 * bulk. */
static uint64_t patience(const struct node *n, const struct candidate *c) {
    uint64_t us = ahead_busy(n)                ? PATIENCE_BUSY_US
                  : c->block->n_missing > MANY ? PATIENCE_MANY_US
                                               : PATIENCE_US;
    uint64_t most = n->params->timeout_propose_us / PATIENCE_PART;
    return us < most ? us : most;
}

static bool lacks_txs(const struct candidate *c) {
    return c->wanted && !c->answered && c->block != NULL && c->asked_mono_us == 0 &&
           c->lacking_mono_us != 0;
}

uint64_t sync_next_ask(const struct node *n) {
    uint64_t at = UINT64_MAX;
    for (size_t i = 0; i < n->n_candidates; i++) {
        const struct candidate *c = &n->candidate[i];
        if (lacks_txs(c) && c->lacking_mono_us + patience(n, c) < at)
            at = c->lacking_mono_us + patience(n, c);
    }
    return at;
}

/* First the peer that has it, then the others in turn, one that was heard of lately at a time: a thousand transactions from
 * everybody would come from everybody. The names of a block are short, and anybody may have them. */
static size_t whom_to_ask(const struct node *n, const struct candidate *c, struct ws_now now) {
    if (c->asks == 0)
        return c->from;
    if (c->block == NULL)
        return ALL_PEERS;
    for (size_t i = 0; i < n->peers.n; i++) {
        size_t slot = (c->asked + 1 + i) % n->peers.n;
        const struct peer *p = &n->peer[slot];
        if (slot != n->peers.me && p->heard &&
            now.mono_us - p->heard_mono_us < 4 * n->limits.status_us)
            return slot;
    }
    return ALL_PEERS;
}

void sync_ask_missing(struct node *n, struct candidate *c, struct ws_now now) {
    if (n->replaying ||
        (c->asked_mono_us != 0 && now.mono_us - c->asked_mono_us < n->limits.status_us / 4))
        return;
    if (c->block != NULL && c->lacking_mono_us == 0)
        c->lacking_mono_us = now.mono_us == 0 ? 1 : now.mono_us;
    if (lacks_txs(c) && now.mono_us - c->lacking_mono_us < patience(n, c))
        return;
    size_t peer = whom_to_ask(n, c, now);
    c->asks++;
    c->asked = peer == ALL_PEERS ? 0 : peer;
    c->asked_mono_us = now.mono_us == 0 ? 1 : now.mono_us;
    fetch_expect(n, peer, n->height + 1); /* whoever has decided answers with the whole block */
    if (c->block == NULL)
        ask_candidate(n, c, peer);
    else
        ask_txs(n, c, peer);
}

static const struct tx *held_tx(struct node *n, const struct candidate *c, const uint8_t *leaf) {
    for (size_t i = 0; c != NULL && c->block != NULL && i < c->block->n_txs; i++) {
        if (c->block->txs[i] != NULL && memcmp(c->block->tx_leaves[i], leaf, 32) == 0)
            return c->block->txs[i];
    }
    return mempool_by_leaf(&n->pool, leaf);
}

/* An honest peer asks four times in a status period (sync_ask_missing); twice as often is answered. */
static bool answer_parts(const struct node *n, uint64_t *last_mono_us, struct ws_now now) {
    if (*last_mono_us != 0 && now.mono_us - *last_mono_us < n->limits.status_us / 8)
        return false;
    *last_mono_us = now.mono_us == 0 ? 1 : now.mono_us;
    return true;
}

/* Parts of a block that is decided here: the whole of it, with its commit, serves better. A peer that lacks a proposal
 * learns of it by the votes, and asks just when we decide. */
static bool answer_decided(struct node *n, size_t peer, uint64_t height, struct ws_now now) {
    if (height == 0 || height > n->height)
        return false;
    Wayside__Link__BlockRequest q = WAYSIDE__LINK__BLOCK_REQUEST__INIT;
    q.from = height;
    q.count = 1;
    fetch_request(n, peer, &q, now);
    return true;
}

/* Each leaf once, and together no more than a block holds. */
void sync_tx_request(
    struct node *n, size_t peer, const Wayside__Link__TxRequest *q, struct ws_now now) {
    if (answer_decided(n, peer, q->height, now) || q->height != n->height + 1 ||
        q->block_id.len != 32 || q->n_leaf > ASK_TXS_MAX ||
        !answer_parts(n, &n->peer[peer].txs_mono_us, now))
        return;
    const struct candidate *c = candidate_find(n, q->block_id.data);
    struct table sent = {.seed = now.mono_us};
    struct txs_answer answer = {0};
    size_t octets = 0;
    for (size_t i = 0; i < q->n_leaf; i++) {
        const struct tx *t = q->leaf[i].len == 32 ? held_tx(n, c, q->leaf[i].data) : NULL;
        if (t == NULL || table_put(&sent, t->leaf, n) != NULL)
            continue;
        octets += t->octets.n;
        if (octets > n->params->block_octets_max)
            break;
        txs_answer_put(n, peer, &answer, t->octets);
    }
    txs_answer_end(n, peer, &answer);
    table_free(&sent);
}

void sync_candidate_request(
    struct node *n, size_t peer, const Wayside__Link__CandidateRequest *q, struct ws_now now) {
    if (answer_decided(n, peer, q->height, now) ||
        !answer_parts(n, &n->peer[peer].candidates_mono_us, now))
        return;
    const struct candidate *c = q->height == n->height + 1 && q->block_id.len == 32
                                    ? candidate_find(n, q->block_id.data)
                                    : NULL;
    if (c == NULL || c->block == NULL)
        return;
    struct buf b = {0};
    block_encode_compact(c->block, &b);
    Wayside__Link__CandidateReply a = WAYSIDE__LINK__CANDIDATE_REPLY__INIT;
    a.height = q->height;
    a.block = (ProtobufCBinaryData){b.n, b.p};
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_CANDIDATE_REPLY;
    link.candidate_reply = &a;
    wire_send(n, peer, &link);
    buf_free(&b);
}

void sync_candidate_reply(
    struct node *n, size_t peer, const Wayside__Link__CandidateReply *a, struct ws_now now) {
    struct block *b = NULL;
    if (block_decode_compact(span_of(a->block.data, a->block.len), n->params, &b, NULL) != WS_OK) {
        peer_drop(n, peer, NODE_DROP_MALFORMED, now);
        return;
    }
    struct candidate *c = candidate_find(n, b->id);
    if (c == NULL || c->block != NULL || !c->wanted) {
        peer_drop(n, peer, NODE_DROP_NOT_WANTED, now);
        block_free(b);
        return;
    }
    c->block = b;
    c->from = peer;
    c->asked_mono_us = 0;
    candidate_progress(n, c, now);
}

void sync_tick(struct node *n, struct ws_now now) {
    summary_tick(n, now);
    fetch_tick(n, now);
    for (size_t i = 0; i < n->n_candidates; i++) {
        uint64_t height = n->height;
        if (n->candidate[i].wanted && !n->candidate[i].answered)
            candidate_progress(n, &n->candidate[i], now);
        if (n->height != height || n->failed)
            return; /* that decided the height; the table is another now */
    }
}
