#include "rsu/cell/onebox.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

struct delivery {
    uint64_t due, number; /* number: equal instants keep the order of sending */
    size_t from, to;
    struct buf msg;
};

struct member {
    struct onebox *box;
    size_t index;
    struct cell cell;
    struct node *node;
    struct store *store;
    struct wal *wal[2];
    struct signer *signer;
};

struct onebox {
    struct onebox_config cfg;
    struct ws_now now;
    uint64_t told; /* highest height reported */
    uint64_t number;
    struct delivery *heap; /* binary heap by (due, number) */
    size_t n_heap, cap_heap;
    struct member member[VALIDATORS_MAX];
};

/* ---- the network ---- */

static bool before(const struct delivery *a, const struct delivery *b) {
    return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void heap_push(struct onebox *b, struct delivery d) {
    if (b->n_heap == b->cap_heap) {
        b->cap_heap = b->cap_heap == 0 ? 256 : b->cap_heap * 2;
        b->heap = ws_realloc(b->heap, b->cap_heap * sizeof(*b->heap));
    }
    size_t i = b->n_heap++;
    while (i > 0 && before(&d, &b->heap[(i - 1) / 2])) {
        b->heap[i] = b->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    b->heap[i] = d;
}

static struct delivery heap_pop(struct onebox *b) {
    struct delivery top = b->heap[0];
    struct delivery last = b->heap[--b->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= b->n_heap)
            break;
        if (child + 1 < b->n_heap && before(&b->heap[child + 1], &b->heap[child]))
            child++;
        if (!before(&b->heap[child], &last))
            break;
        b->heap[i] = b->heap[child];
        i = child;
    }
    if (b->n_heap > 0)
        b->heap[i] = last;
    return top;
}

static void send_to(void *ctx, size_t peer, struct span msg) {
    struct member *m = ctx;
    struct onebox *b = m->box;
    struct delivery d = {b->now.mono_us + b->cfg.delay_us, b->number++, m->index, peer, {0}};
    buf_put(&d.msg, msg.p, msg.n);
    heap_push(b, d);
}

static void on_committed(
    void *ctx, const struct block *blk, const struct commit *c, const struct exec_outcome *o) {
    struct member *m = ctx;
    struct onebox *b = m->box;
    if (blk->header.height <= b->told)
        return;
    b->told = blk->header.height;
    if (b->cfg.committed != NULL)
        b->cfg.committed(b->cfg.ctx, m->index, blk, c, o);
}

static void on_taken(void *ctx, const struct tx *t) {
    struct member *m = ctx;
    if (m->box->cfg.taken != NULL)
        m->box->cfg.taken(m->box->cfg.ctx, m->index, t);
}

/* ---- life ---- */

static int open_node(struct onebox *b, struct member *m, struct ws_err *err) {
    int rc = cell_open(b->cfg.genesis, b->cfg.map, &m->cell, err);
    if (rc != WS_OK)
        return rc;
    if (b->cfg.any_map_version)
        cell_take_any_map_version(&m->cell);
    struct node_io io = {.send = send_to,
        .committed = on_committed,
        .ctx = m,
        .store = m->store,
        .wal = {m->wal[0], m->wal[1]},
        .signer = m->signer,
        .taken = on_taken};
    struct executor *ex = m->cell.ex;
    m->cell.ex = NULL; /* the node's now, also on failure */
    return node_open(ex, m->cell.sections, &io, &b->cfg.limits, b->now, &m->node, err);
}

static int open_member(
    struct onebox *b, const struct validator_set *set, const uint8_t *seed, struct ws_err *err) {
    struct signer *signer = signer_new(seed);
    if (signer == NULL)
        return ws_fail(err, WS_ECRYPTO, "no usable validator key");
    uint8_t key[KEY_OCTETS];
    signer_public(signer, key);
    size_t at = 0;
    while (at < set->n && memcmp(set->v[at].key, key, KEY_OCTETS) != 0)
        at++;
    WS_ASSERT(at < set->n);
    struct member *m = &b->member[at];
    *m = (struct member){.box = b,
        .index = at,
        .store = store_open_memory(),
        .wal = {wal_open_memory(), wal_open_memory()},
        .signer = signer};
    return open_node(b, m, err);
}

int onebox_new(const struct onebox_config *cfg, struct onebox **ret_box, struct ws_err *err) {
    struct onebox *b = ws_alloc(sizeof(*b));
    b->cfg = *cfg;
    b->cfg.limits.listen_us = 0; /* nobody else has these keys */
    b->now = cfg->start;
    struct genesis *g = ws_alloc(sizeof(*g));
    int rc = genesis_decode(exec_sha256, cfg->genesis, g, err);
    WS_ASSERT(rc != WS_OK || g->validators.n == cfg->n);
    for (size_t i = 0; i < cfg->n && rc == WS_OK; i++)
        rc = open_member(b, &g->validators, cfg->seeds[i], err);
    free(g);
    if (rc != WS_OK) {
        onebox_free(b);
        return rc;
    }
    *ret_box = b;
    return WS_OK;
}

void onebox_free(struct onebox *b) {
    if (b == NULL)
        return;
    for (size_t i = 0; i < VALIDATORS_MAX; i++) {
        struct member *m = &b->member[i];
        node_close(m->node);
        if (m->store != NULL)
            store_close(m->store);
        wal_close(m->wal[0]);
        wal_close(m->wal[1]);
        signer_free(m->signer);
    }
    for (size_t i = 0; i < b->n_heap; i++)
        buf_free(&b->heap[i].msg);
    free(b->heap);
    free(b);
}

/* ---- time ---- */

struct ws_now onebox_now(const struct onebox *b) {
    return b->now;
}

void onebox_skip(struct onebox *b, uint64_t us) {
    b->now.its_us += us;
}

static void advance(struct onebox *b, uint64_t mono_us) {
    if (mono_us > b->now.mono_us) {
        b->now.its_us += mono_us - b->now.mono_us;
        b->now.mono_us = mono_us;
    }
}

static int check_health(struct onebox *b, struct ws_err *err) {
    for (size_t i = 0; i < b->cfg.n; i++) {
        const char *why = "";
        if (!node_healthy(b->member[i].node, &why))
            return ws_fail(err, WS_EIO, "validator %zu stopped: %s", i, why);
    }
    return WS_OK;
}

int onebox_run_until(struct onebox *b, uint64_t mono_us, struct ws_err *err) {
    for (;;) {
        /* The earliest of all: a delivery first where instants are equal, then validators by index. */
        uint64_t due = UINT64_MAX;
        size_t who = SIZE_MAX;
        if (b->n_heap > 0)
            due = b->heap[0].due;
        for (size_t i = 0; i < b->cfg.n; i++) {
            uint64_t at = node_next_wake(b->member[i].node);
            if (at < due) {
                due = at;
                who = i;
            }
        }
        if (due > mono_us)
            break;
        advance(b, due);
        if (who == SIZE_MAX) {
            struct delivery d = heap_pop(b);
            node_message(b->member[d.to].node, d.from, buf_span(&d.msg), b->now);
            buf_free(&d.msg);
        } else {
            node_tick(b->member[who].node, b->now);
        }
        if (check_health(b, err) != WS_OK)
            return WS_EIO;
    }
    advance(b, mono_us);
    return WS_OK;
}

bool onebox_quiet(const struct onebox *b) {
    for (size_t i = 0; i < b->cfg.n; i++) {
        struct node_status s;
        node_status(b->member[i].node, &s);
        if (s.mempool_txs > 0 || s.height != b->told)
            return false;
    }
    return true;
}

int onebox_restart(struct onebox *b, size_t validator, struct ws_err *err) {
    WS_ASSERT(validator < b->cfg.n);
    struct member *m = &b->member[validator];
    node_close(m->node);
    m->node = NULL;
    size_t kept = b->n_heap;
    struct delivery *old = b->heap;
    b->heap = NULL;
    b->n_heap = 0;
    b->cap_heap = 0;
    for (size_t i = 0; i < kept; i++) {
        if (old[i].to == validator)
            buf_free(&old[i].msg);
        else
            heap_push(b, old[i]);
    }
    free(old);
    return open_node(b, m, err);
}

struct node *onebox_node(struct onebox *b, size_t validator) {
    WS_ASSERT(validator < b->cfg.n);
    return b->member[validator].node;
}

const struct cell *onebox_cell(const struct onebox *b, size_t validator) {
    return &b->member[validator].cell;
}

struct store *onebox_store(struct onebox *b, size_t validator) {
    return b->member[validator].store;
}
