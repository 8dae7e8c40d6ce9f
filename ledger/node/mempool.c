#include "ledger/node/mempool.h"

#include "base/assert.h"
#include "base/mem.h"
#include "v2x/psid.h"

#include <stdlib.h>

void mempool_init(struct mempool *m, size_t max_txs, size_t max_octets, size_t sources) {
    *m = (struct mempool){.max_txs = max_txs, .max_octets = max_octets};
    mempool_set_sources(m, sources);
}

void mempool_set_sources(struct mempool *m, size_t sources) {
    WS_ASSERT(sources >= 1 && sources <= MEMPOOL_SOURCES_MAX);
    m->share_txs = m->max_txs / 2 / sources;
    m->share_octets = m->max_octets / 2 / sources;
}

void mempool_free(struct mempool *m) {
    for (size_t lane = 0; lane < LANE_COUNT; lane++) {
        while (m->first[lane] != NULL)
            mempool_remove(m, m->first[lane]);
    }
    table_free(&m->by_leaf);
    table_free(&m->by_id);
}

static enum lane lane_of(const struct tx *tx) {
    if (tx->kind == TX_ORDER)
        return LANE_ORDER;
    if (tx->kind == TX_CERTIFICATE)
        return LANE_CERTIFICATE;
    if (tx->kind == TX_RECORD)
        return LANE_RECORD;
    return tx->spdu.psid == PSID_DENM ? LANE_SAFETY : LANE_BULK;
}

static bool share_is_used(const struct mempool *m, const struct tx *tx, size_t source) {
    if (source == MEMPOOL_JUDGED)
        return false;
    return m->source[source].txs >= m->share_txs ||
           m->source[source].octets + tx->octets.n > m->share_octets;
}

static size_t is_idle(const struct mempool_entry *e) {
    return e->source != MEMPOOL_JUDGED || e->lane == LANE_RECORD ? 1 : 0;
}

enum mempool_added mempool_add(struct mempool *m, struct tx *tx, size_t source) {
    WS_ASSERT(source == MEMPOOL_JUDGED || source < MEMPOOL_SOURCES_MAX);
    if (table_get(&m->by_id, tx->id) != NULL || table_get(&m->by_leaf, tx->leaf) != NULL)
        return MEMPOOL_KNOWN;
    if (m->n >= m->max_txs || m->octets + tx->octets.n > m->max_octets ||
        share_is_used(m, tx, source))
        return MEMPOOL_FULL;
    struct mempool_entry *e = ws_alloc(sizeof(*e));
    e->tx = tx_ref(tx);
    e->lane = lane_of(tx);
    e->source = source;
    e->prev = m->last[e->lane];
    if (e->prev != NULL)
        e->prev->next = e;
    else
        m->first[e->lane] = e;
    m->last[e->lane] = e;
    m->n++;
    m->idle += is_idle(e);
    m->octets += tx->octets.n;
    if (source != MEMPOOL_JUDGED) {
        m->source[source].txs++;
        m->source[source].octets += tx->octets.n;
    }
    (void)table_put(&m->by_leaf, tx->leaf, e);
    (void)table_put(&m->by_id, tx->id, e);
    return MEMPOOL_ADDED;
}

struct tx *mempool_by_leaf(const struct mempool *m, const hash32 leaf) {
    const struct mempool_entry *e = table_get(&m->by_leaf, leaf);
    return e == NULL ? NULL : e->tx;
}

struct tx *mempool_by_id(const struct mempool *m, const hash32 id) {
    const struct mempool_entry *e = table_get(&m->by_id, id);
    return e == NULL ? NULL : e->tx;
}

bool mempool_has_id(const struct mempool *m, const hash32 id) {
    return table_get(&m->by_id, id) != NULL;
}

void mempool_remove(struct mempool *m, struct mempool_entry *e) {
    (void)table_take(&m->by_leaf, e->tx->leaf);
    (void)table_take(&m->by_id, e->tx->id);
    if (e->prev != NULL)
        e->prev->next = e->next;
    else
        m->first[e->lane] = e->next;
    if (e->next != NULL)
        e->next->prev = e->prev;
    else
        m->last[e->lane] = e->prev;
    m->n--;
    m->idle -= is_idle(e);
    m->octets -= e->tx->octets.n;
    if (e->source != MEMPOOL_JUDGED) {
        m->source[e->source].txs--;
        m->source[e->source].octets -= e->tx->octets.n;
    }
    tx_unref(e->tx);
    free(e);
}

void mempool_remove_id(struct mempool *m, const hash32 id) {
    struct mempool_entry *e = table_get(&m->by_id, id);
    if (e != NULL)
        mempool_remove(m, e);
}
