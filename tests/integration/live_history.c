#include "tests/integration/live_history.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/table.h"
#include "ledger/exec/hash.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_MAX = 8, HEIGHTS_MAX = 1 << 16, ORDERS_MAX = 1 << 14, READS_MAX = 1 << 16 };

struct place {
    uint64_t height, index;
    uint32_t seen; /* by which nodes */
};

struct op {
    bool used, acked, committed;
    uint64_t handed_us; /* first */
    uint64_t seen_us; /* first sight of its commit */
    struct place at;
};

struct read {
    unsigned node;
    uint64_t height, sequence;
};

struct judge {
    struct live_verdict *v;
    uint64_t now;
    char block[HEIGHTS_MAX][65];
    uint64_t first_us[HEIGHTS_MAX];
    struct op op[ORDERS_MAX]; /* by sequence */
    uint64_t orders_at[HEIGHTS_MAX]; /* committed at the height; at the end: up to it */
    struct table places; /* hash of the identity -> struct place */
    struct {
        uint64_t height, sequence, last_t, last_block;
        bool read;
    } node[NODES_MAX];
    struct read reads[READS_MAX];
    size_t n_reads;
    uint64_t top, last_first_us;
    bool ended;
};

static void contradiction(struct judge *j, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void contradiction(struct judge *j, const char *fmt, ...) {
    if (j->v->why[0] != '\0')
        return;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(j->v->why, sizeof(j->v->why), fmt, ap);
    va_end(ap);
}

static void on_handed(struct judge *j, uint64_t sequence, const char *answer) {
    if (sequence == 0 || sequence >= ORDERS_MAX) {
        contradiction(j, "a line says sequence %" PRIu64, sequence);
        return;
    }
    struct op *o = &j->op[sequence];
    j->v->retried += o->used;
    if (!o->used)
        *o = (struct op){.used = true, .handed_us = j->now};
    o->acked = o->acked || strcmp(answer, "ok") == 0;
}

static void on_transaction(
    struct judge *j, unsigned node, struct place at, const char *id, uint64_t sequence) {
    uint8_t key[32];
    exec_sha256_one(span_of(id, strlen(id)), key);
    struct place *p = table_get(&j->places, key);
    if (p == NULL) {
        p = ws_memdup(&at, sizeof(at));
        (void)table_put(&j->places, key, p);
        j->v->transactions++;
    }
    if (p->height != at.height || p->index != at.index)
        contradiction(j,
            "transaction %.16s stands at %" PRIu64 ":%" PRIu64 " and, on node %u, at %" PRIu64
            ":%" PRIu64,
            id, p->height, p->index, node, at.height, at.index);
    else if ((p->seen & 1U << node) != 0)
        contradiction(j, "node %u shows transaction %.16s twice", node, id);
    p->seen |= 1U << node;
    if (sequence == 0 || sequence >= ORDERS_MAX || at.height >= HEIGHTS_MAX)
        return;
    struct op *o = &j->op[sequence];
    if (!o->used)
        contradiction(j, "order %" PRIu64 " was committed and nobody handed it in", sequence);
    if (!o->committed) {
        o->committed = true;
        o->seen_us = j->now;
        o->at = at;
        j->orders_at[at.height]++;
    }
}

static void on_block(struct judge *j, unsigned node, uint64_t height, const char *id) {
    if (height >= HEIGHTS_MAX || strlen(id) != 64) {
        contradiction(j, "a line says block %.70s at height %" PRIu64, id, height);
        return;
    }
    if (j->block[height][0] == '\0') {
        memcpy(j->block[height], id, 65);
        j->v->blocks++;
        if (j->last_first_us != 0 && j->now - j->last_first_us > j->v->longest_gap_us)
            j->v->longest_gap_us = j->now - j->last_first_us;
        j->last_first_us = j->now;
        j->top = height > j->top ? height : j->top;
    } else if (strcmp(j->block[height], id) != 0) {
        contradiction(j, "node %u shows block %.16s at height %" PRIu64 ", another showed %.16s",
            node, id, height, j->block[height]);
    }
    if (height != j->node[node].last_block + 1)
        contradiction(j, "node %u was asked for block %" PRIu64 " after %" PRIu64, node, height,
            j->node[node].last_block);
    j->node[node].last_block = height;
}

static void on_read(struct judge *j, unsigned node, uint64_t height, uint64_t sequence) {
    if (height < j->node[node].height || sequence < j->node[node].sequence)
        contradiction(j,
            "node %u went back from height %" PRIu64 ", %" PRIu64 " orders to %" PRIu64
            ", %" PRIu64,
            node, j->node[node].height, j->node[node].sequence, height, sequence);
    j->node[node].height = height;
    j->node[node].sequence = sequence;
    if (j->n_reads < READS_MAX)
        j->reads[j->n_reads++] = (struct read){node, height, sequence};
    j->v->reads++;
}

/* The lines are our own program's, and what does not fit is named. NOLINTBEGIN(cert-err34-c) */
static bool take_line(struct judge *j, const char *line) {
    char kind = 0;
    char id[72] = "";
    char answer[16] = "";
    uint64_t t = 0;
    uint64_t a = 0;
    uint64_t b = 0;
    uint64_t c = 0;
    unsigned node = 0;
    int used = 0;
    if (sscanf(line, "%c %" SCNu64 "%n", &kind, &t, &used) != 2 || t < j->now)
        return false;
    j->now = t;
    const char *rest = line + used;
    switch (kind) {
    case 'S':
        if (sscanf(rest, "%" SCNu64 " %70s %u %15s", &a, id, &node, answer) != 4)
            return false;
        on_handed(j, a, answer);
        break;
    case 'T':
        if (sscanf(rest, "%u %" SCNu64 " %" SCNu64 " %70s %" SCNu64, &node, &a, &b, id, &c) != 5 ||
            node >= NODES_MAX)
            return false;
        on_transaction(j, node, (struct place){a, b, 0}, id, c);
        break;
    case 'B':
        if (sscanf(rest, "%u %" SCNu64 " %70s", &node, &a, id) != 3 || node >= NODES_MAX)
            return false;
        on_block(j, node, a, id);
        break;
    case 'R':
        if (sscanf(rest, "%u %" SCNu64 " %" SCNu64, &node, &a, &b) != 3 || node >= NODES_MAX)
            return false;
        on_read(j, node, a, b);
        break;
    case 'K':
        break;
    case 'E':
        j->ended = true;
        break;
    default:
        return false;
    }
    return true;
}

/* NOLINTEND(cert-err34-c) */

static bool before(const struct place *a, const struct place *b) {
    return a->height != b->height ? a->height < b->height : a->index < b->index;
}

/* Sequences in the order of the chain; and no order before one that had been seen when it was handed in. */
static void judge_orders(struct judge *j) {
    const struct op *last = NULL;
    uint64_t highest = 0;
    for (size_t i = 0; i < ORDERS_MAX; i++) {
        const struct op *o = &j->op[i];
        j->v->orders += o->used;
        if (!o->committed)
            continue;
        j->v->committed++;
        highest = i;
        if (last != NULL && !before(&last->at, &o->at))
            contradiction(j, "order %zu stands before one with a lower sequence", i);
        last = o;
    }
    for (size_t i = 0; i < ORDERS_MAX; i++) {
        const struct op *x = &j->op[i];
        if (x->acked && !x->committed && i > highest)
            contradiction(j, "order %zu was acknowledged and is lost", i);
        j->v->superseded += x->used && !x->committed && i < highest;
        for (size_t k = 0; x->committed && k < ORDERS_MAX; k++) {
            const struct op *y = &j->op[k];
            if (y->committed && y->seen_us < x->handed_us && !before(&y->at, &x->at))
                contradiction(j,
                    "order %zu was seen committed before order %zu was handed in, and stands "
                    "after it",
                    k, i);
        }
    }
}

/* A node counts the orders that are in force: those of the blocks up to its height, or up to the one before. */
static void judge_reads(struct judge *j) {
    for (size_t h = 1; h < HEIGHTS_MAX; h++)
        j->orders_at[h] += j->orders_at[h - 1];
    for (size_t i = 0; i < j->n_reads; i++) {
        const struct read *r = &j->reads[i];
        if (r->height == 0 || r->height >= HEIGHTS_MAX || r->height > j->top)
            continue;
        if (r->sequence != j->orders_at[r->height] && r->sequence != j->orders_at[r->height - 1])
            contradiction(j,
                "node %u said %" PRIu64 " orders at height %" PRIu64 ", whose blocks say %" PRIu64,
                r->node, r->sequence, r->height, j->orders_at[r->height]);
    }
}

void live_judge(FILE *history, struct live_verdict *ret) {
    struct judge *j = ws_alloc(sizeof(*j));
    char line[256];
    size_t number = 0;
    *ret = (struct live_verdict){.orders = 0};
    j->v = ret;
    while (fgets(line, sizeof(line), history) != NULL) {
        number++;
        if (!take_line(j, line))
            contradiction(j, "line %zu makes no sense: %.100s", number, line);
    }
    if (!j->ended)
        contradiction(j, "the history has no end");
    judge_orders(j);
    judge_reads(j);
    for (size_t i = 0; i < j->places.cap; i++)
        free(j->places.slot[i].value);
    table_free(&j->places);
    free(j);
}
