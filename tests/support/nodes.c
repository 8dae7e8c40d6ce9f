#include "tests/support/nodes.h"

#include "tests/support/cm.h"

#include "base/log.h"
#include "ledger/exec/hash.h"
#include "ledger/store/fault.h"

/* ---- the network ---- */

static bool before(const struct nodes_message *a, const struct nodes_message *b) {
    return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void push(struct nodes *w, struct nodes_message m) {
    if (w->n_heap == w->cap_heap) {
        w->cap_heap = w->cap_heap == 0 ? 256 : w->cap_heap * 2;
        w->heap = ws_realloc(w->heap, w->cap_heap * sizeof(*w->heap));
    }
    size_t i = w->n_heap++;
    for (; i > 0 && before(&m, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = m;
}

static struct nodes_message pop(struct nodes *w) {
    struct nodes_message top = w->heap[0];
    struct nodes_message last = w->heap[--w->n_heap];
    size_t i = 0;
    for (size_t child = 1; child < w->n_heap; child = 2 * i + 1) {
        if (child + 1 < w->n_heap && before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!before(&w->heap[child], &last))
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    if (w->n_heap > 0)
        w->heap[i] = last;
    return top;
}

/* An honest node says one thing for each place, whatever happened to it in between. */
static void note_vote(struct nodes *w, size_t from, struct span octets) {
    struct vote v;
    struct rd r = rd_of(octets);
    assert_true(vote_read(&r, &v));
    if (v.validator != from)
        return; /* passes on what it holds of others */
    uint8_t place[22];
    put_be16(place, v.validator);
    put_be64(place + 2, v.height);
    put_be32(place + 10, (uint32_t)v.round);
    put_be64(place + 14, (uint64_t)v.type);
    hash32 key;
    exec_sha256_one(span_of(place, sizeof(place)), key);
    const uint8_t *had = table_get(&w->said, key);
    if (had != NULL && memcmp(had, v.id, 32) != 0)
        fail_msg("validator %zu contradicts itself at height %llu round %d", from,
            (unsigned long long)v.height, v.round);
    if (had == NULL)
        (void)table_put(&w->said, key, ws_memdup(v.id, 32));
}

static void note_statement(struct nodes *w, size_t from, struct span msg) {
    /* Link: field 2, length-delimited, is a vote. */
    if (msg.n > 2 && msg.p[0] == 0x12) {
        Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg.n, msg.p);
        assert_non_null(link);
        note_vote(w, from, span_of(link->vote.data, link->vote.len));
        wayside__link__link__free_unpacked(link, NULL);
    }
}

static void send_to(void *ctx, size_t peer, struct span msg) {
    struct nodes_member *m = ctx;
    struct nodes *w = m->world;
    note_statement(w, m->index, msg);
    struct nodes_message d = {.from = m->index, .to = peer, .number = w->number++};
    uint64_t spread = w->delay_max_us - w->delay_min_us;
    d.due = w->now.mono_us + w->delay_min_us +
            (spread == 0 ? 0 : ws_random_below(&w->random, spread + 1));
    if (!w->reorder && d.due < w->last_due[m->index][peer])
        d.due = w->last_due[m->index][peer];
    w->last_due[m->index][peer] = d.due;
    bool lost = w->cut[m->index][peer] || ws_random_below(&w->random, 1000) < w->loss;
    buf_put(&d.octets, msg.p, msg.n);
    if (lost || (w->tap != NULL && !w->tap(w->tap_ctx, m->index, peer, &d.octets)))
        buf_free(&d.octets);
    else
        push(w, d);
}

void nodes_deliver(struct nodes *w, size_t from, size_t to, const Wayside__Link__Link *link) {
    struct buf b = {0};
    (void)wayside__link__link__pack(link, buf_grow(&b, wayside__link__link__get_packed_size(link)));
    if (w->m[to].node != NULL)
        node_message(w->m[to].node, from, buf_span(&b), w->now);
    buf_free(&b);
}

/* ---- agreement ---- */

static void on_committed(
    void *ctx, const struct block *b, const struct commit *c, const struct exec_outcome *o) {
    struct nodes_member *m = ctx;
    struct nodes *w = m->world;
    uint64_t h = b->header.height;
    (void)o;
    assert_true(h < NODES_HEIGHTS_MAX);
    assert_memory_equal(c->id, b->id, 32);
    assert_true(h == m->told + 1);
    m->told = h;
    static const hash32 none = {0};
    if (memcmp(w->id_at[h], none, 32) == 0)
        memcpy(w->id_at[h], b->id, 32);
    if (memcmp(w->id_at[h], b->id, 32) != 0)
        fail_msg("two blocks at height %llu", (unsigned long long)h);
    if (h > w->highest)
        w->highest = h;
    for (size_t i = 0; i < b->n_txs; i++)
        (void)table_put(&w->committed, b->txs[i]->id, w);
}

/* ---- life ---- */

static int open_node(struct nodes *w, struct nodes_member *m, struct ws_err *err) {
    int rc = cell_open(buf_span(&w->genesis), &w->town.map, &m->cell, err);
    if (rc != WS_OK)
        return rc;
    struct node_io io = {send_to, on_committed, m, m->store, m->wal, m->signer, NULL};
    struct executor *ex = m->cell.ex;
    m->cell.ex = NULL;
    rc = node_open(ex, m->cell.sections, &io, &w->limits, w->now, &m->node, err);
    if (rc != WS_OK)
        m->node = NULL;
    return rc;
}

void nodes_open(struct nodes *w, size_t n, uint64_t seed) {
    ws_log_set_level(WS_LOG_ERROR); /* what is refused and why is counted, and asked for there */
    memset(w, 0, sizeof(*w));
    w->n = n;
    w->random = ws_random_seeded(seed);
    w->limits = node_limits_default();
    w->delay_min_us = 2000;
    w->delay_max_us = 8000;
    town_build(&w->town, 1);
    uint8_t seeds[NODES_MAX][32];
    for (size_t i = 0; i < n; i++)
        memset(seeds[i], (int)(i + 1), 32);
    town_genesis(&w->town, (const uint8_t(*)[32])seeds, n, &w->genesis);
    w->now = (struct ws_now){.mono_us = 1000000, .its_us = w->town.epoch};
    struct genesis *g = ws_alloc(sizeof(*g));
    assert_int_equal(genesis_decode(exec_sha256, buf_span(&w->genesis), g, NULL), WS_OK);
    for (size_t i = 0; i < n; i++) {
        struct signer *s = signer_new(seeds[i]);
        uint8_t key[KEY_OCTETS];
        signer_public(s, key);
        size_t at = 0;
        while (memcmp(g->validators.v[at].key, key, KEY_OCTETS) != 0)
            at++;
        w->m[at] = (struct nodes_member){.world = w, .index = at, .signer = s};
        w->m[at].store = store_open_memory();
        w->m[at].wal = wal_open_memory();
    }
    free(g);
    nodes_start_all(w);
}

static void free_values(struct table *t) {
    for (size_t i = 0; i < t->cap; i++)
        free(t->slot[i].value);
    table_free(t);
}

void nodes_close(struct nodes *w) {
    for (size_t i = 0; i < w->n; i++) {
        node_close(w->m[i].node);
        store_close(w->m[i].store);
        wal_close(w->m[i].wal);
        signer_free(w->m[i].signer);
    }
    for (size_t i = 0; i < w->n_heap; i++)
        buf_free(&w->heap[i].octets);
    free(w->heap);
    table_free(&w->committed);
    free_values(&w->said);
    buf_free(&w->genesis);
    town_free(&w->town);
}

void nodes_kill(struct nodes *w, size_t i, bool power) {
    struct nodes_member *m = &w->m[i];
    node_close(m->node);
    m->node = NULL;
    if (power)
        (void)wal_memory_crash(m->wal, 0);
    size_t kept = w->n_heap;
    struct nodes_message *old = w->heap;
    w->heap = NULL;
    w->n_heap = 0;
    w->cap_heap = 0;
    for (size_t k = 0; k < kept; k++) {
        if (old[k].to == i)
            buf_free(&old[k].octets);
        else
            push(w, old[k]);
    }
    free(old);
}

int nodes_start(struct nodes *w, size_t i, struct ws_err *err) {
    struct nodes_member *m = &w->m[i];
    assert_null(m->node);
    store_memory_reopen(m->store);
    m->may_fail = false;
    m->told = UINT64_MAX;
    /* What it had told before is in its store; it goes on from there. */
    struct buf key = {0};
    struct buf value = {0};
    int rc = store_last(m->store, STORE_HEADER, span_of("", 0), &key, &value, NULL);
    m->told = rc == WS_OK ? be64(key.p) : 0;
    buf_free(&key);
    buf_free(&value);
    return open_node(w, m, err);
}

void nodes_start_all(struct nodes *w) {
    for (size_t i = 0; i < w->n; i++) {
        struct ws_err err = {0};
        if (w->m[i].node == NULL && nodes_start(w, i, &err) != WS_OK)
            fail_msg("validator %zu does not start: %s", i, err.text);
    }
}

bool nodes_healthy(const struct nodes *w, size_t i) {
    const char *why = "";
    return w->m[i].node != NULL && node_healthy(w->m[i].node, &why);
}

uint64_t nodes_height(const struct nodes *w, size_t i) {
    struct node_status s = {0};
    if (w->m[i].node != NULL)
        node_status(w->m[i].node, &s);
    return s.height;
}

void nodes_cut(struct nodes *w, size_t i, bool off) {
    for (size_t k = 0; k < w->n; k++) {
        w->cut[i][k] = off;
        w->cut[k][i] = off;
    }
}

/* ---- time ---- */

static void advance(struct nodes *w, uint64_t mono_us) {
    if (mono_us > w->now.mono_us) {
        w->now.its_us += mono_us - w->now.mono_us;
        w->now.mono_us = mono_us;
    }
}

static void check_health(const struct nodes *w, size_t i) {
    const char *why = "";
    if (w->m[i].node != NULL && !w->m[i].may_fail && !node_healthy(w->m[i].node, &why))
        fail_msg("validator %zu stopped: %s", i, why);
}

void nodes_run(struct nodes *w, uint64_t us) {
    uint64_t end = w->now.mono_us + us;
    for (;;) {
        uint64_t due = w->n_heap > 0 ? w->heap[0].due : UINT64_MAX;
        size_t who = SIZE_MAX;
        for (size_t i = 0; i < w->n; i++) {
            if (nodes_healthy(w, i) && node_next_wake(w->m[i].node) < due) {
                due = node_next_wake(w->m[i].node);
                who = i;
            }
        }
        if (due > end)
            break;
        advance(w, due);
        if (who == SIZE_MAX) {
            struct nodes_message d = pop(w);
            who = d.to;
            if (w->m[d.to].node != NULL)
                node_message(w->m[d.to].node, d.from, buf_span(&d.octets), w->now);
            buf_free(&d.octets);
        } else {
            node_tick(w->m[who].node, w->now);
        }
        check_health(w, who);
    }
    advance(w, end);
}

void nodes_run_to(struct nodes *w, uint64_t height, uint64_t us) {
    uint64_t end = w->now.mono_us + us;
    bool there = false;
    while (!there) {
        there = true;
        for (size_t i = 0; i < w->n; i++)
            there = there && (!nodes_healthy(w, i) || nodes_height(w, i) >= height);
        if (there)
            break;
        if (w->now.mono_us >= end)
            fail_msg("height %llu is not reached: %llu %llu %llu %llu ...",
                (unsigned long long)height, (unsigned long long)nodes_height(w, 0),
                (unsigned long long)nodes_height(w, 1), (unsigned long long)nodes_height(w, 2),
                (unsigned long long)nodes_height(w, 3));
        nodes_run(w, 20000);
    }
}

/* ---- traffic ---- */

enum tx_verdict nodes_report(struct nodes *w, size_t i, size_t car, int32_t value) {
    struct buf spdu = {0};
    struct buf tx = {0};
    struct node *n = w->m[i].node;
    town_report(&w->town, car, w->now.its_us, value, &spdu);
    if (!node_has_cert(n, w->town.car_hash[car])) {
        tx_put_certificate(&tx, buf_span(&w->town.car_cert[car]));
        (void)node_submit(n, buf_span(&tx), false, w->now, NULL);
        buf_clear(&tx);
    }
    tx_put_message(&tx, w->town.car_hash[car], buf_span(&spdu));
    enum tx_verdict v = node_submit(n, buf_span(&tx), false, w->now, NULL);
    buf_free(&spdu);
    buf_free(&tx);
    return v;
}

void nodes_settle(struct nodes *w) {
    memset(w->cut, 0, sizeof(w->cut));
    w->loss = 0;
    w->tap = NULL;
    for (size_t i = 0; i < w->n; i++) {
        if (!nodes_healthy(w, i) && w->m[i].node != NULL)
            nodes_kill(w, i, false);
    }
    nodes_start_all(w);
    nodes_run_to(w, w->highest + 3, 300 * 1000000ULL);
    nodes_run_to(w, w->highest, 5 * 1000000ULL);
    for (size_t i = 0; i < w->n; i++) {
        assert_int_equal(node_counters(w->m[i].node)->evidence, 0);
        for (size_t k = 0; k < w->committed.cap; k++) {
            struct buf where = {0};
            if (w->committed.slot[k].value == NULL)
                continue;
            if (store_get(w->m[i].store, STORE_TX, span_of(w->committed.slot[k].key, 32), &where,
                    NULL) != WS_OK)
                fail_msg("validator %zu has lost a committed transaction", i);
            buf_free(&where);
        }
        if (nodes_height(w, i) != nodes_height(w, 0))
            continue; /* one of them is just ahead: its header has passed the others' checks */
        hash32 a;
        hash32 b;
        state_root(executor_state(node_executor(w->m[0].node)), a);
        state_root(executor_state(node_executor(w->m[i].node)), b);
        assert_memory_equal(a, b, 32);
    }
}
