#include "ledger/node/txs.h"

#include "ledger/node/ahead.h"
#include "ledger/node/node_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "v2x/psid.h"

#include <stdlib.h>

enum {
    PUSH_OCTETS = 64 << 10, /* a message goes out when it has this many */
    PUSH_WAIT_MAX_US = 50000,
    PUSH_TXS_MAX = 4096, /* in one message; an empty transaction is two octets there */
    FRONT = 11, /* room for the outer tag and length of a message */
    TAG_TX_PUSH = 0x22, /* Link.tx */
    TAG_TX = 0x0a, /* TxPush.tx */
};

/* Orders, certificates, safety and records go ahead of bulk: certificates before the messages that need them. */
enum { PUSH_URGENT, PUSH_BULK, PUSH_KINDS };

struct txs {
    struct buf push[PUSH_KINDS]; /* FRONT octets, then transactions as fields of TxPush */
    uint64_t bulk_due_us; /* monotonic: when bulk goes out at the latest */
};

struct txs *txs_new(void) {
    return ws_alloc(sizeof(struct txs));
}

void txs_free(struct txs *x) {
    if (x == NULL)
        return;
    for (size_t i = 0; i < PUSH_KINDS; i++)
        buf_free(&x->push[i]);
    free(x);
}

/* ---- messages of transactions (ledger/net/link.proto, Link.tx) ---- */

static size_t put_varint(uint8_t *dst, size_t v) {
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        dst[n++] = (uint8_t)(v | 0x80);
    dst[n++] = (uint8_t)v;
    return n;
}

static bool read_varint(struct rd *r, size_t *ret) {
    *ret = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t v = rd_u8(r);
        *ret |= (size_t)(v & 0x7f) << shift;
        if (v < 0x80)
            return !r->bad;
    }
    return false;
}

static void put_tx(struct buf *b, struct span tx) {
    uint8_t head[1 + 10] = {TAG_TX};
    if (b->n == 0)
        (void)buf_grow(b, FRONT);
    buf_put(b, head, 1 + put_varint(head + 1, tx.n));
    buf_put(b, tx.p, tx.n);
}

static void send_txs(struct node *n, size_t peer, struct buf *b) {
    if (b->n == 0)
        return;
    uint8_t head[FRONT] = {TAG_TX_PUSH};
    size_t used = 1 + put_varint(head + 1, b->n - FRONT);
    memcpy(b->p + FRONT - used, head, used);
    wire_send_octets(n, peer, span_of(b->p + FRONT - used, b->n - FRONT + used));
    buf_clear(b);
}

void txs_answer_put(struct node *n, size_t peer, struct txs_answer *a, struct span tx) {
    put_tx(&a->octets, tx);
    if (a->octets.n >= PUSH_OCTETS)
        send_txs(n, peer, &a->octets);
}

void txs_answer_end(struct node *n, size_t peer, struct txs_answer *a) {
    send_txs(n, peer, &a->octets);
    buf_free(&a->octets);
}

/* Bulk gathers for a part of the pause between blocks: one message to each of twenty peers for each report of a car would cost
 * more than the reports. Where rounds take longer than that pause, it is their time that counts. */
static uint64_t push_wait_us(const struct node *n) {
    uint64_t us = n->params->block_min_us > n->pace_us ? n->params->block_min_us : n->pace_us;
    us /= 4;
    return us < PUSH_WAIT_MAX_US ? us : PUSH_WAIT_MAX_US;
}

static void push(struct node *n, const struct tx *t, struct ws_now now) {
    struct txs *x = n->txs;
    struct buf *b = &x->push[mempool_lane(t) == LANE_BULK ? PUSH_BULK : PUSH_URGENT];
    if (x->push[PUSH_BULK].n == 0)
        x->bulk_due_us = now.mono_us + push_wait_us(n);
    put_tx(b, t->octets);
    if (b->n >= PUSH_OCTETS)
        txs_flush_all(n);
}

void txs_flush_all(struct node *n) {
    for (size_t i = 0; i < PUSH_KINDS; i++)
        send_txs(n, ALL_PEERS, &n->txs->push[i]);
}

void txs_flush(struct node *n, struct ws_now now) {
    if (now.mono_us >= n->txs->bulk_due_us)
        txs_flush_all(n);
    else
        send_txs(n, ALL_PEERS, &n->txs->push[PUSH_URGENT]);
}

uint64_t txs_next_push(const struct node *n) {
    const struct txs *x = n->txs;
    if (x->push[PUSH_URGENT].n > 0)
        return 0;
    return x->push[PUSH_BULK].n > 0 ? x->bulk_due_us : UINT64_MAX;
}

/* ---- into the mempool ---- */

/* A proposal may wait for exactly these octets: another copy of a message than the one that the mempool has. */
static void fill_candidates(struct node *n, struct tx *t) {
    for (size_t k = 0; k < n->n_candidates; k++) {
        if (n->candidate[k].block != NULL && n->candidate[k].block->looked)
            (void)block_fill(n->candidate[k].block, t);
    }
}

static bool some_candidate_lacks(const struct node *n) {
    for (size_t k = 0; k < n->n_candidates; k++) {
        if (n->candidate[k].block != NULL && !block_complete(n->candidate[k].block))
            return true;
    }
    return false;
}

/* Checks against the last state. A transaction whose certificate is still on its way waits unverified, within the
 * share of whoever sent it; whoever proposes or prevotes checks again. */
enum tx_verdict node_take_tx(struct node *n, struct tx *t, size_t from, struct ws_now now) {
    fill_candidates(n, t);
    /* The identity does not cover the signature: a copy that nobody has verified yet must not keep out one that
     * verifies, or a forger would be the censor. */
    struct tx *held = mempool_by_id(&n->pool, t->id);
    if (held != NULL && (held->signature_good || memcmp(held->leaf, t->leaf, 32) == 0))
        return TX_DUPLICATE;
    uint64_t time = now.its_us > n->last_time ? now.its_us : n->last_time + 1;
    enum tx_verdict v = check_tx_alone(n->ex, time, t);
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
    if (mempool_add(&n->pool, t, from, v == TX_GOOD) == MEMPOOL_FULL) {
        n->counters.drops[NODE_DROP_MEMPOOL_FULL]++;
        return TX_TOO_LARGE;
    }
    if (v == TX_GOOD && t->kind == TX_MESSAGE && n->io.taken != NULL)
        n->io.taken(n->io.ctx, t);
    return TX_GOOD;
}

/* Where it would wait, by a look at its first octets: enough to turn it away. */
static enum lane lane_of(struct span tx) {
    struct rd r = rd_of(tx);
    uint64_t psid = 0;
    (void)rd_u8(&r);
    if (rd_u8(&r) != TX_MESSAGE)
        return LANE_ORDER;
    (void)rd_take(&r, 32);
    return spdu_peek_psid(rd_var(&r, SPDU_MAX_OCTETS), &psid) && psid == PSID_DENM ? LANE_SAFETY
                                                                                   : LANE_BULK;
}

/* What a peer pushes beyond its share is dropped before any work is spent: a proposal that needs it asks for it. */
static bool worth_reading(const struct node *n, size_t peer, struct span tx) {
    return !mempool_full(&n->pool, peer, lane_of(tx)) || some_candidate_lacks(n);
}

/* Signatures or proofs were looked at, and nothing came of it. An honest peer has looked before it pushed; what it loses by
 * races (its record comes late, its evidence second) is a few in a second. */
static bool in_vain(const struct tx *t, enum tx_verdict v) {
    if (v == TX_BAD_SIGNATURE || v == TX_UNTRUSTED || v == TX_ORDER_QUORUM ||
        v == TX_CONTRACT_REFUSES || v == TX_NOT_VALIDATOR)
        return true;
    return t->kind == TX_EVIDENCE && (v == TX_DUPLICATE || v == TX_STALE);
}

/* Whoever pushes it has looked at that, and it does not hang on the state of the day. */
static bool is_lie(const struct tx *t, enum tx_verdict v) {
    return v == TX_BAD_SIGNATURE || v == TX_ORDER_QUORUM ||
           (v == TX_CONTRACT_REFUSES && t->kind == TX_ORDER);
}

/* Messages were verified by threads; the rest is judged here, and a peer has so much of that for what is bad. */
static void take_judged(struct node *n, struct tx *t, size_t peer, struct ws_now now) {
    bool may = peer_may_check(n, peer, CHECKS_TXS, now);
    if (!may && t->kind != TX_MESSAGE) {
        fill_candidates(n, t); /* a proposal's own check looks at it */
        peer_drop(n, peer, NODE_DROP_TX_CHECKS, now);
        return;
    }
    enum tx_verdict v = node_take_tx(n, t, peer, now);
    peer_checked(n, peer, CHECKS_TXS, !in_vain(t, v));
    if (v == TX_DUPLICATE)
        n->counters.drops[NODE_DROP_TX_KNOWN]++;
    else if (is_lie(t, v))
        peer_drop(n, peer, NODE_DROP_BAD_SIGNATURE, now);
}

void txs_progress(struct node *n, struct ws_now now) {
    for (size_t k = 0; k < n->n_candidates && !n->failed; k++) {
        uint64_t height = n->height;
        candidate_progress(n, &n->candidate[k], now);
        if (n->height != height)
            break;
    }
}

void txs_hint(const struct node *n, const struct tx *t) {
    mempool_hint(&n->pool, t);
    check_hint(n->ex, t);
}

void txs_take(struct node *n, struct tx *t, size_t peer, struct ws_now now) {
    if (t == NULL)
        peer_drop(n, peer, NODE_DROP_MALFORMED, now);
    else
        take_judged(n, t, peer, now);
}

/* What a proposal waits for has no time to queue, and a full queue must not turn it away: the block's own check looks at it. */
static bool is_waited_for(struct node *n, struct span octets, struct ws_now now) {
    struct tx *t = NULL;
    bool filled = false;
    if (!some_candidate_lacks(n) || tx_parse(octets, &t, NULL) != WS_OK)
        return false;
    for (size_t k = 0; k < n->n_candidates; k++) {
        struct candidate *c = &n->candidate[k];
        filled = (c->block != NULL && c->block->looked && block_fill(c->block, t)) || filled;
    }
    tx_unref(t);
    if (filled)
        txs_progress(n, now);
    return filled;
}

static void take_pushed(struct node *n, size_t peer, struct span tx, struct ws_now now) {
    if (tx.n > n->genesis->params.tx_octets_max) /* no height of this cell allows it */
        peer_drop(n, peer, NODE_DROP_MALFORMED, now);
    else if (!worth_reading(n, peer, tx))
        n->counters.drops[NODE_DROP_MEMPOOL_FULL]++;
    else if (!ahead_put(n, peer, tx, lane_of(tx) != LANE_BULK, now) && !is_waited_for(n, tx, now))
        n->counters.drops[NODE_DROP_AHEAD_FULL]++;
}

void txs_pushed(struct node *n, size_t peer, const Wayside__Link__TxPush *m, struct ws_now now) {
    if (m->n_tx > PUSH_TXS_MAX) {
        peer_drop(n, peer, NODE_DROP_MALFORMED, now);
        return;
    }
    for (size_t i = 0; i < m->n_tx; i++)
        take_pushed(n, peer, span_of(m->tx[i].data, m->tx[i].len), now);
    ahead_end(n, now);
}

/* One field after the other, or false. */
static bool next_tx(struct rd *r, struct span *ret_tx) {
    size_t len = 0;
    if (rd_u8(r) != TAG_TX || !read_varint(r, &len))
        return false;
    *ret_tx = rd_take(r, len);
    return !r->bad;
}

bool txs_message(struct node *n, size_t peer, struct span msg, struct ws_now now) {
    struct rd r = rd_of(msg);
    size_t len = 0;
    if (rd_u8(&r) != TAG_TX_PUSH || !read_varint(&r, &len) || len != rd_left(&r))
        return false;
    struct rd again = r;
    struct span tx;
    size_t count = 0;
    while (rd_left(&r) > 0) {
        if (++count > PUSH_TXS_MAX || !next_tx(&r, &tx))
            return false;
    }
    while (rd_left(&again) > 0) {
        bool good = next_tx(&again, &tx);
        WS_ASSERT(good);
        take_pushed(n, peer, tx, now);
    }
    ahead_end(n, now);
    return true;
}

/* ---- own admission ---- */

static size_t own_slot(const struct node *n) {
    return n->peers.me == NODE_NO_SLOT ? 0 : n->peers.me;
}

enum tx_verdict node_submit(
    struct node *n, struct span tx, bool signature_good, struct ws_now now, struct ws_err *err) {
    struct tx *t = NULL;
    if (mempool_full_own(&n->pool, own_slot(n), lane_of(tx)) && !some_candidate_lacks(n)) {
        n->counters.drops[NODE_DROP_MEMPOOL_FULL]++;
        (void)ws_fail(err, WS_EBUSY, "transaction refused: the mempool is full, come back later");
        return TX_TOO_LARGE;
    }
    if (tx_parse(tx, &t, err) != WS_OK) {
        n->counters.drops[NODE_DROP_MALFORMED]++;
        return TX_BAD_SIGNATURE;
    }
    t->signature_good = signature_good && t->kind == TX_MESSAGE;
    bool overtaken = t->kind == TX_ORDER && !mempool_has_id(&n->pool, t->id) &&
                     mempool_has_order(&n->pool, t->order.role, t->order.sequence);
    enum tx_verdict v = overtaken ? TX_ORDER_SEQUENCE : node_take_tx(n, t, own_slot(n), now);
    if (v == TX_GOOD)
        push(n, t, now);
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
    return mempool_full_own(&n->pool, own_slot(n), LANE_BULK);
}
