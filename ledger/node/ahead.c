#include "ledger/node/ahead.h"

#include "ledger/node/node_internal.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

enum {
    LOT = 256, /* transactions verified together */
    LOT_OCTETS = 256 << 10, /* of them together, unless one alone has more */
};

enum { URGENT, BULK, LINES };

/* Who pushed it. */
struct sender {
    size_t peer;
    uint64_t generation; /* of its slot */
};

struct lot {
    struct node_job job;
    struct lot *next;
    struct verify_kernel *kernel; /* borrowed while it is out */
    struct buf octets; /* of all, one after the other */
    size_t n;
    size_t at[LOT + 1];
    struct sender sender[LOT];
    struct verify_key *key[LOT]; /* of the signer; NULL: not known, or nothing to verify */
    struct tx *tx[LOT]; /* after run() */
};

struct line {
    struct lot *first, *last;
};

struct ahead {
    enum verify_backend backend;
    size_t table_octets;
    struct verify_kernel *ahead, *block; /* made when there is something to verify */
    struct line line[LINES];
    size_t octets; /* that wait */
    size_t of_peer
        [NODE_PEERS_MAX]; /* of these; each has its share, so that nobody fills the room of others */
    struct lot *out;
};

struct ahead *ahead_new(const struct node_limits *limits) {
    struct ahead *a = ws_alloc(sizeof(*a));
    a->backend = limits->verify_backend;
    a->table_octets = limits->verify_table_octets;
    return a;
}

static void lot_free(struct lot *l) {
    for (size_t i = 0; i < l->n; i++) {
        verify_key_unref(l->key[i]);
        tx_unref(l->tx[i]);
    }
    buf_free(&l->octets);
    free(l);
}

void ahead_free(struct ahead *a) {
    if (a == NULL)
        return;
    for (size_t i = 0; i < LINES; i++) {
        for (struct lot *l; (l = a->line[i].first) != NULL;) {
            a->line[i].first = l->next;
            lot_free(l);
        }
    }
    verify_kernel_free(a->ahead);
    verify_kernel_free(a->block);
    free(a);
}

static struct verify_kernel *kernel_new(const struct ahead *a, size_t table_octets) {
    struct verify_config cfg = verify_config_default(LOT);
    cfg.backend = a->backend;
    cfg.table_octets = table_octets;
    /* What one validator declines and another does not would split their votes. */
    cfg.exceptional_percent = VERIFY_EXCEPTIONAL_ALL;
    return verify_kernel_new(&cfg);
}

static struct verify_key *key_of(const struct node *n, const uint8_t *cert_hash) {
    const struct contract *identity = executor_contract(n->ex, EXECUTOR_IDENTITY);
    const struct identity_cert *c = identity_find(identity->self, cert_hash);
    return c == NULL ? NULL : c->key;
}

/* Few are checked like many: the answers are the same. */
static void verify(
    struct verify_kernel *k, struct tx *const *txs, struct verify_key *const *keys, size_t count) {
    WS_ASSERT(count <= LOT);
    struct verify_item item[LOT];
    struct verify_answer answer[64];
    size_t items = 0;
    for (size_t i = 0; i < count; i++) {
        if (keys[i] == NULL || txs[i] == NULL || !tx_verify_item(txs[i], keys[i], &item[items]))
            continue;
        item[items++].tag = i;
    }
    size_t taken = verify_submit(k, item, items);
    WS_ASSERT(taken == items);
    while (verify_in_flight(k) > 0) {
        size_t got = verify_poll(k, answer, ARRAY_LEN(answer));
        for (size_t i = 0; i < got; i++) {
            struct tx *t = txs[answer[i].tag];
            t->signature_good = answer[i].kind == VERIFY_GOOD;
            t->signature_bad = answer[i].kind == VERIFY_BAD;
        }
    }
}

/* Blocks seldom bring what nobody pushed, but when we catch up they bring nothing else. While a lot is out, its kernel
 * is, too; without threads none ever is. */
static struct verify_kernel *block_kernel(struct node *n) {
    struct ahead *a = n->ahead;
    struct verify_kernel **k = n->io.start_job == NULL ? &a->ahead : &a->block;
    if (*k == NULL)
        *k = kernel_new(a, a->table_octets);
    return *k;
}

void ahead_verify_block(struct node *n, struct block *b) {
    struct verify_key *keys[LOT];
    for (size_t done = 0; done < b->n_txs; done += LOT) {
        size_t count = b->n_txs - done < LOT ? b->n_txs - done : LOT;
        bool some = false;
        for (size_t i = 0; i < count; i++) {
            const struct tx *t = b->txs[done + i];
            bool open = t->kind == TX_MESSAGE && !t->signature_good && !t->signature_bad;
            keys[i] = open ? key_of(n, t->cert_hash) : NULL;
            some = some || keys[i] != NULL;
        }
        if (some)
            verify(block_kernel(n), b->txs + done, keys, count);
    }
}

/* ---- lots ---- */

static void run(struct node_job *job) {
    struct lot *l = (struct lot *)job;
    struct span part[LOT];
    struct span all = l->octets.n == 0 ? span_of("", 0) : buf_span(&l->octets);
    for (size_t i = 0; i < l->n; i++)
        part[i] = span_of(all.p + l->at[i], l->at[i + 1] - l->at[i]);
    tx_parse_many(part, l->n, l->tx);
    verify(l->kernel, l->tx, l->key, l->n);
}

static void drop(struct node_job *job) {
    lot_free((struct lot *)job);
}

static struct lot *line_take(struct ahead *a) {
    for (size_t i = 0; i < LINES; i++) {
        struct line *line = &a->line[i];
        struct lot *l = line->first;
        if (l == NULL)
            continue;
        line->first = l->next;
        if (line->first == NULL)
            line->last = NULL;
        a->octets -= l->octets.n;
        for (size_t k = 0; k < l->n; k++)
            a->of_peer[l->sender[k].peer] -= l->at[k + 1] - l->at[k];
        return l;
    }
    return NULL;
}

/* The slot is another peer's by now: nothing of this is its doing, and whoever brought it answers for nothing any more. */
static bool is_gone(const struct node *n, const struct sender *s) {
    return s->peer >= n->peers.n || s->generation != n->peer[s->peer].generation;
}

static bool all_gone(struct node *n, const struct lot *l) {
    for (size_t i = 0; i < l->n; i++) {
        if (!is_gone(n, &l->sender[i]))
            return false;
    }
    n->counters.drops[NODE_DROP_SENDER_GONE] += l->n;
    return true;
}

/* One at a time: they come back in the order they went out. */
static void start_next(struct node *n, struct ws_now now) {
    struct ahead *a = n->ahead;
    struct lot *l = NULL;
    if (a->out != NULL)
        return;
    while ((l = line_take(a)) != NULL && all_gone(n, l))
        lot_free(l);
    if (l == NULL)
        return;
    if (a->ahead == NULL)
        a->ahead = kernel_new(a, a->table_octets);
    l->kernel = a->ahead;
    a->out = l;
    node_start_job(n, &l->job, now);
}

static void hand_over(struct node *n, const struct lot *l, struct ws_now now) {
    for (size_t i = 0; i < l->n; i++) {
        if (l->tx[i] != NULL)
            txs_hint(n, l->tx[i]);
    }
    for (size_t i = 0; i < l->n && !n->failed; i++) {
        if (is_gone(n, &l->sender[i]))
            n->counters.drops[NODE_DROP_SENDER_GONE]++;
        else
            txs_take(n, l->tx[i], l->sender[i].peer, now);
    }
    txs_progress(n, now);
}

static void done(struct node *n, struct node_job *job, struct ws_now now) {
    struct lot *l = (struct lot *)job;
    n->ahead->out = NULL;
    if (!n->failed)
        hand_over(n, l, now);
    lot_free(l);
    if (!n->failed)
        start_next(n, now);
}

/* The open lot of that line: of many peers that push a few each, the transactions share it. */
static struct lot *lot_for(struct ahead *a, size_t octets, bool urgent) {
    struct line *line = &a->line[urgent ? URGENT : BULK];
    struct lot *l = line->last;
    if (l != NULL && l->n < LOT && l->octets.n + octets <= LOT_OCTETS)
        return l;
    l = ws_alloc(sizeof(*l));
    l->job = (struct node_job){.run = run, .done = done, .drop = drop};
    if (line->last != NULL)
        line->last->next = l;
    else
        line->first = l;
    line->last = l;
    return l;
}

bool ahead_put(struct node *n, size_t peer, struct span tx, bool urgent, struct ws_now now) {
    struct ahead *a = n->ahead;
    if (a->of_peer[peer] + tx.n > AHEAD_OCTETS_MAX / n->peers.n)
        return false;
    struct lot *l = lot_for(a, tx.n, urgent);
    l->sender[l->n] = (struct sender){.peer = peer, .generation = n->peer[peer].generation};
    bool message = tx.n >= 34 && tx.p[1] == TX_MESSAGE;
    struct verify_key *key = message ? key_of(n, tx.p + 2) : NULL;
    l->key[l->n] = key == NULL ? NULL : verify_key_ref(key);
    l->at[l->n++] = l->octets.n;
    buf_put(&l->octets, tx.p, tx.n);
    l->at[l->n] = l->octets.n;
    a->octets += tx.n;
    a->of_peer[peer] += tx.n;
    if (l->n == LOT)
        start_next(n, now);
    return true;
}

void ahead_end(struct node *n, struct ws_now now) {
    start_next(n, now);
}

bool ahead_busy(const struct node *n) {
    return n->ahead->out != NULL || n->ahead->octets > 0;
}

size_t ahead_octets(const struct node *n) {
    return n->ahead->octets;
}
