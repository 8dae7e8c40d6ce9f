/* Making a decided block durable: block, commit, events, state and what the next header builds on, as one synced batch. The
 * batch is filled and written by a job, while the next height is voted on. */
#include "ledger/node/node_internal.h"

#include "base/mem.h"
#include "ledger/snapshot/entry.h"
#include "ledger/store/undo.h"

#include <stdlib.h>

struct write_job {
    struct node_job job;
    struct store *store;
    struct store_batch *batch; /* NULL: written, or given up */
    struct block *block;
    struct commit commit;
    struct exec_outcome outcome;
    unsigned undo_blocks;
    struct prune_limits prune;
    struct meta_pruned pruned;
    int rc;
    struct ws_err err;
};

static void put_state_change(void *ctx, size_t contract, struct span key, struct span value) {
    struct store_batch *batch = ctx;
    struct buf k = {0};
    entry_key_put(&k, (uint8_t)contract, key);
    if (value.p == NULL)
        store_batch_del(batch, STORE_STATE, buf_span(&k));
    else
        store_batch_put(batch, STORE_STATE, buf_span(&k), value);
    buf_free(&k);
}

static void put_events(struct store_batch *batch, const struct exec_outcome *o) {
    struct buf octets = {0};
    for (size_t i = 0; i < o->n_events; i++) {
        const struct event *e = &o->events[i];
        uint8_t key[15] = {e->contract};
        put_be16(key + 1, e->type);
        put_be64(key + 3, e->height);
        put_be32(key + 11, e->sequence);
        buf_clear(&octets);
        event_encode(e, &octets);
        store_batch_put(batch, STORE_EVENT, span_of(key + 3, 12), buf_span(&octets));
        store_batch_put(batch, STORE_INDEX, span_of(key, 15), span_of("", 0));
    }
    buf_free(&octets);
}

static int by_id(const void *a, const void *b, void *ctx) {
    const struct block *blk = ctx;
    const uint32_t *x = a;
    const uint32_t *y = b;
    return memcmp(blk->txs[*x]->id, blk->txs[*y]->id, 32);
}

/* In the order of the keys: each then goes in next to the one before, which the store finds three times as fast as a place
 * at random. */
static void put_places(
    struct store_batch *batch, const struct block *b, const struct exec_outcome *o) {
    uint32_t *order = ws_calloc(b->n_txs, sizeof(*order));
    for (size_t i = 0; i < b->n_txs; i++)
        order[i] = (uint32_t)i;
    if (b->n_txs > 1)
        qsort_r(order, b->n_txs, sizeof(*order), by_id, (void *)b);
    for (size_t k = 0; k < b->n_txs; k++) {
        size_t i = order[k];
        uint8_t where[15];
        put_be64(where, b->header.height);
        put_be32(where + 8, (uint32_t)i);
        put_be16(where + 12, o->results[i].code);
        where[14] = o->results[i].contract;
        store_batch_put(batch, STORE_TX, span_of(b->txs[i]->id, 32), span_of(where, sizeof(where)));
    }
    free(order);
}

static void put_block(struct store_batch *batch, const struct block *b, const struct commit *c,
    const struct exec_outcome *o) {
    uint8_t key[8];
    put_be64(key, b->header.height);
    struct buf octets = {0};
    block_encode(b, &octets);
    store_batch_put(batch, STORE_BLOCK, span_of(key, 8), buf_span(&octets));
    buf_clear(&octets);
    header_encode(&b->header, &octets);
    store_batch_put(batch, STORE_HEADER, span_of(key, 8), buf_span(&octets));
    buf_clear(&octets);
    commit_encode(c, &octets);
    store_batch_put(batch, STORE_COMMIT, span_of(key, 8), buf_span(&octets));
    buf_free(&octets);
    put_places(batch, b, o);
}

static void run(struct node_job *job) {
    struct write_job *w = (struct write_job *)job;
    put_block(w->batch, w->block, &w->commit, &w->outcome);
    put_events(w->batch, &w->outcome);
    struct store_batch *batch = w->batch;
    w->batch = NULL;
    w->rc = undo_put(batch, w->block->header.height, w->undo_blocks, &w->err);
    if (w->rc == WS_OK)
        w->rc = prune_step(w->store, batch, &w->prune, &w->pruned, &w->err);
    if (w->rc == WS_OK)
        w->rc = store_batch_write(batch, &w->err);
    else
        store_batch_free(batch);
}

static void drop(struct node_job *job) {
    struct write_job *w = (struct write_job *)job;
    store_batch_free(w->batch);
    block_free(w->block);
    exec_outcome_free(&w->outcome);
    free(w);
}

static void done(struct node *n, struct node_job *job, struct ws_now now) {
    struct write_job *w = (struct write_job *)job;
    n->writing = NULL;
    uint64_t height = w->block->header.height;
    if (w->rc != WS_OK) {
        node_fail(n, WS_EIO, "block %llu could not be made durable: %s", (unsigned long long)height,
            w->err.text);
        drop(job);
        return;
    }
    n->durable = height;
    n->pruned = w->pruned;
    if (n->io.committed != NULL)
        n->io.committed(n->io.ctx, w->block, &w->commit, &w->outcome);
    drop(job);
    (void)now;
}

static uint64_t most(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* Headers outlast every window in which somebody may ask for them: evidence by time and by height, the bodies, and what
 * the configuration says (light clients' trust). */
static struct prune_limits prune_limits_of(const struct node *n) {
    const struct cell_params *p = executor_params(n->ex);
    uint64_t heights = p->evidence_heights + 1;
    return (struct prune_limits){.now_us = n->last_time,
        .bodies_us = p->body_horizon_us,
        .headers_us = most(n->limits.header_us, most(p->evidence_us, p->body_horizon_us)),
        .below = n->snapshot == 0 ? 0 : n->snapshot + 1,
        .headers_below = n->height > heights ? n->height - heights : 0,
        .blocks = n->limits.prune_blocks};
}

void write_start(struct node *n, struct block *b, const struct commit *c,
    struct exec_outcome *outcome, struct ws_now now) {
    struct write_job *w = ws_alloc(sizeof(*w));
    w->job = (struct node_job){.run = run, .done = done, .drop = drop, .writes = true};
    w->block = b;
    w->commit = *c;
    w->outcome = *outcome;
    w->undo_blocks = n->limits.undo_blocks;
    w->prune = prune_limits_of(n);
    w->store = n->io.store;
    w->batch = store_batch_new(n->io.store);
    state_changes(executor_state(n->ex), put_state_change, w->batch);
    state_changes_clear(executor_state(n->ex));
    recover_put_meta(n, w->batch);
    n->writing = w;
    node_start_job(n, &w->job, now);
}

const struct block *write_block(const struct write_job *w, const struct commit **ret_commit) {
    if (w == NULL)
        return NULL;
    *ret_commit = &w->commit;
    return w->block;
}
