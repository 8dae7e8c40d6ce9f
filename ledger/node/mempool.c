#include "ledger/node/mempool.h"

#include "base/assert.h"
#include "base/mem.h"
#include "v2x/psid.h"

#include <stdlib.h>

void mempool_init(struct mempool *m, size_t max_txs, size_t max_octets, size_t sources) {
    *m = (struct mempool){.max_txs = max_txs, .max_octets = max_octets};
    mempool_set_sources(m, sources);
}

enum { SHARES_LEAST = 8, CHUNK = 256 };

struct mempool_chunk {
    struct mempool_chunk *next;
    struct mempool_entry entry[CHUNK];
};

/* In a large cell a source gets more than its part: not all are busy at once. */
void mempool_set_sources(struct mempool *m, size_t sources) {
    WS_ASSERT(sources >= 1 && sources <= MEMPOOL_SOURCES_MAX);
    size_t parts = sources < SHARES_LEAST ? sources : SHARES_LEAST;
    m->share = (struct mempool_share){m->max_txs / parts, m->max_octets / parts};
    m->unjudged_share =
        (struct mempool_share){m->max_txs / 2 / sources, m->max_octets / 2 / sources};
}

void mempool_free(struct mempool *m) {
    for (size_t lane = 0; lane < LANE_COUNT; lane++) {
        while (m->first[lane] != NULL)
            mempool_remove(m, m->first[lane]);
    }
    table_free(&m->by_leaf);
    table_free(&m->by_id);
    while (m->chunks != NULL) {
        struct mempool_chunk *c = m->chunks;
        m->chunks = c->next;
        free(c);
    }
}

/* Entries come and go by the ten thousand a second: their memory stays. */
static struct mempool_entry *entry_new(struct mempool *m) {
    if (m->free == NULL) {
        struct mempool_chunk *c = ws_alloc(sizeof(*c));
        c->next = m->chunks;
        m->chunks = c;
        for (size_t i = 0; i < CHUNK; i++) {
            c->entry[i].next = m->free;
            m->free = &c->entry[i];
        }
    }
    struct mempool_entry *e = m->free;
    m->free = e->next;
    return e;
}

enum lane mempool_lane(const struct tx *tx) {
    if (tx->kind == TX_ORDER || tx->kind == TX_EVIDENCE)
        return LANE_ORDER;
    if (tx->kind == TX_CERTIFICATE)
        return LANE_CERTIFICATE;
    if (tx->kind == TX_RECORD)
        return LANE_RECORD;
    return tx->spdu.psid == PSID_DENM ? LANE_SAFETY : LANE_BULK;
}

static size_t is_idle(const struct mempool_entry *e) {
    return !e->judged || e->lane == LANE_RECORD ? 1 : 0;
}

/* Bulk leaves an eighth of the whole to the others. */
static size_t bound(size_t max, enum lane lane) {
    return lane == LANE_BULK ? max - max / 8 : max;
}

static bool fits(struct mempool_share used, struct mempool_share most, size_t octets) {
    return used.txs < most.txs && used.octets + octets <= most.octets;
}

static bool has_room(const struct mempool *m, size_t source, enum lane lane, size_t octets) {
    return m->n < bound(m->max_txs, lane) && m->octets + octets <= bound(m->max_octets, lane) &&
           fits(m->source[source], m->share, octets);
}

bool mempool_full(const struct mempool *m, size_t source, enum lane lane) {
    WS_ASSERT(source < MEMPOOL_SOURCES_MAX);
    return !has_room(m, source, lane, 1);
}

bool mempool_full_own(const struct mempool *m, size_t source, enum lane lane) {
    const struct mempool_share *used = &m->source[source];
    return mempool_full(m, source, lane) || used->txs >= m->share.txs - m->share.txs / 4 ||
           used->octets >= m->share.octets - m->share.octets / 4;
}

static void count(struct mempool_share *s, size_t octets) {
    s->txs++;
    s->octets += octets;
}

static void uncount(struct mempool_share *s, size_t octets) {
    s->txs--;
    s->octets -= octets;
}

enum mempool_added mempool_add(struct mempool *m, struct tx *tx, size_t source, bool judged) {
    WS_ASSERT(source < MEMPOOL_SOURCES_MAX);
    enum lane lane = mempool_lane(tx);
    size_t octets = tx->octets.n;
    if (!has_room(m, source, lane, octets) ||
        (!judged && !fits(m->unjudged[source], m->unjudged_share, octets)))
        return table_get(&m->by_id, tx->id) != NULL || table_get(&m->by_leaf, tx->leaf) != NULL
                   ? MEMPOOL_KNOWN
                   : MEMPOOL_FULL;
    struct mempool_entry *e = entry_new(m);
    bool known = table_add(&m->by_id, tx->id, e) != NULL;
    if (!known && table_add(&m->by_leaf, tx->leaf, e) != NULL) {
        known = true;
        (void)table_take(&m->by_id, tx->id);
    }
    if (known) {
        e->next = m->free;
        m->free = e;
        return MEMPOOL_KNOWN;
    }
    *e = (struct mempool_entry){
        .tx = tx_ref(tx), .lane = lane, .judged = judged, .source = source, .prev = m->last[lane]};
    if (e->prev != NULL)
        e->prev->next = e;
    else
        m->first[lane] = e;
    m->last[lane] = e;
    m->n++;
    m->idle += is_idle(e);
    m->octets += octets;
    count(&m->source[source], octets);
    if (!judged)
        count(&m->unjudged[source], octets);
    return MEMPOOL_ADDED;
}

void mempool_hint(const struct mempool *m, const struct tx *tx) {
    table_hint(&m->by_id, tx->id);
    table_hint(&m->by_leaf, tx->leaf);
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

bool mempool_has_order(const struct mempool *m, enum exec_role role, uint64_t sequence) {
    for (const struct mempool_entry *e = m->first[LANE_ORDER]; e != NULL; e = e->next) {
        if (e->tx->kind == TX_ORDER && e->tx->order.role == role &&
            e->tx->order.sequence >= sequence)
            return true;
    }
    return false;
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
    uncount(&m->source[e->source], e->tx->octets.n);
    if (!e->judged)
        uncount(&m->unjudged[e->source], e->tx->octets.n);
    tx_unref(e->tx);
    e->next = m->free;
    m->free = e;
}

void mempool_remove_id(struct mempool *m, const hash32 id) {
    struct mempool_entry *e = table_get(&m->by_id, id);
    if (e != NULL)
        mempool_remove(m, e);
}
