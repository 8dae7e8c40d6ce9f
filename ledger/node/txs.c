/* Transactions on their way into the mempool: from our own admission, and pushed by peers. */
#include "ledger/node/node_internal.h"

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

void txs_pushed(struct node *n, size_t peer, const Wayside__Link__TxPush *m, struct ws_now now) {
    if (m->n_tx > PUSH_TXS_MAX) {
        n->counters.drops[NODE_DROP_MALFORMED]++;
        return;
    }
    for (size_t i = 0; i < m->n_tx && !n->failed; i++) {
        struct tx *t = NULL;
        if (m->tx[i].len > n->params->tx_octets_max ||
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

/* ---- own admission ---- */

enum tx_verdict node_submit(
    struct node *n, struct span tx, bool signature_good, struct ws_now now, struct ws_err *err) {
    struct tx *t = NULL;
    if (tx_parse(tx, &t, err) != WS_OK) {
        n->counters.drops[NODE_DROP_MALFORMED]++;
        return TX_BAD_SIGNATURE;
    }
    t->signature_good = signature_good && t->kind == TX_MESSAGE;
    enum tx_verdict v = node_take_tx(n, t, n->peers.me == NODE_NO_SLOT ? 0 : n->peers.me, now);
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
