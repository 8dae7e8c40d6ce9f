/* The network of a bent cell: what was sent waits in one heap, ordered by the instant of its arrival. */
#include "tests/support/nodes.h"

#include "base/mem.h"

#include <stdlib.h>

static bool before(const struct nodes_item *a, const struct nodes_item *b) {
    return a->due != b->due ? a->due < b->due : a->number < b->number;
}

void nodes_push(struct nodes *w, struct nodes_item it) {
    if (w->n_heap == w->cap_heap) {
        w->cap_heap = w->cap_heap == 0 ? 256 : w->cap_heap * 2;
        w->heap = ws_realloc(w->heap, w->cap_heap * sizeof(*w->heap));
    }
    it.number = w->number++;
    size_t i = w->n_heap++;
    for (; i > 0 && before(&it, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = it;
}

struct node_job *nodes_take_job(struct nodes *w, size_t i) {
    struct nodes_item *first = NULL;
    for (size_t k = 0; k < w->n_heap; k++) {
        struct nodes_item *it = &w->heap[k];
        if (it->kind == NODES_JOB && it->to == i && it->job != NULL &&
            (first == NULL || before(it, first)))
            first = it;
    }
    if (first == NULL)
        return NULL;
    struct node_job *job = first->job;
    first->job = NULL; /* the item stays and does nothing */
    return job;
}

bool nodes_pop(struct nodes *w, uint64_t until, struct nodes_item *ret) {
    if (w->n_heap == 0 || w->heap[0].due > until)
        return false;
    *ret = w->heap[0];
    struct nodes_item last = w->heap[--w->n_heap];
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
    return true;
}

static uint64_t way(struct nodes *w, size_t from, size_t to) {
    uint64_t spread = w->delay_max_us - w->delay_min_us;
    uint64_t due = w->now.mono_us + w->delay_min_us + w->slow_us[from][to] +
                   (spread == 0 ? 0 : ws_random_below(&w->random, spread + 1));
    if (!w->reorder && due < w->last_due[from][to])
        due = w->last_due[from][to];
    w->last_due[from][to] = due;
    return due;
}

enum { KIND_VOTE = 2, KIND_PRECOMMIT = 10 };

/* Field of Link; votes are told apart by their type, which follows tag, length (one octet or two) and version. */
static unsigned kind_of(struct span msg) {
    if (msg.n < 5)
        return 0;
    unsigned field = msg.p[0] >> 3;
    if (field != KIND_VOTE)
        return field;
    uint8_t type = msg.p[1] < 0x80 ? msg.p[3] : msg.p[4];
    return type == VOTE_PRECOMMIT ? KIND_PRECOMMIT : KIND_VOTE;
}

/* One copy on its way, or none, or two. */
static void put_on_link(struct nodes *w, size_t from, size_t to, struct span msg) {
    bool lost = w->cut[from][to] || (w->loss > 0 && ws_random_below(&w->random, 1000) < w->loss);
    bool aimed = w->kind != 0 && (w->kind_to >> to & 1U) != 0 && kind_of(msg) == w->kind;
    lost = lost || (aimed && ws_random_below(&w->random, 1000) < w->kind_loss);
    if (lost) {
        w->lost++;
        return;
    }
    do {
        struct nodes_item it = {
            .kind = NODES_MESSAGE, .from = from, .to = to, .life = w->m[to].life};
        it.due = way(w, from, to) + (aimed ? w->kind_late_us : 0);
        buf_put(&it.octets, msg.p, msg.n);
        nodes_push(w, it);
    } while (w->repeat > 0 && ws_random_below(&w->random, 1000) < w->repeat);
}

void nodes_send(struct nodes *w, size_t from, size_t to, struct span msg) {
    for (size_t i = 0; i < w->n; i++) {
        if (w->m[i].slot == to && i != from)
            put_on_link(w, from, i, msg);
    }
}

void nodes_send_now(void *ctx, size_t peer, struct span msg) {
    struct nodes_member *m = ctx;
    struct nodes *w = m->world;
    nodes_note_sent(w, m, msg);
    if (w->tap == NULL) {
        nodes_send(w, m->index, peer, msg);
        return;
    }
    struct buf copy = {0};
    buf_put(&copy, msg.p, msg.n);
    if (w->tap(w->tap_ctx, m->index, peer, &copy))
        nodes_send(w, m->index, peer, buf_span(&copy));
    buf_free(&copy);
}

void nodes_deliver(struct nodes *w, size_t from, size_t to, const Wayside__Link__Link *link) {
    struct buf b = {0};
    (void)wayside__link__link__pack(link, buf_grow(&b, wayside__link__link__get_packed_size(link)));
    struct nodes_member *m = &w->m[to];
    if (m->node != NULL) {
        nodes_act(w, m, true);
        node_message(m->node, w->m[from].slot, buf_span(&b), nodes_now(w, to));
        nodes_act(w, m, false);
    }
    buf_free(&b);
}

void nodes_cut(struct nodes *w, size_t i, bool off) {
    for (size_t k = 0; k < w->n; k++) {
        w->cut[i][k] = off;
        w->cut[k][i] = off;
    }
}
