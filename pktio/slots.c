#include "pktio/slots.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

struct slots {
    struct slot *all;
    struct slot **idle; /* given back, the last one on top */
    size_t n, n_idle, touched;
};

struct slots *slots_new(size_t n) {
    WS_ASSERT(n > 0);
    struct slots *p = ws_alloc(sizeof(*p));
    p->all = ws_calloc(n, sizeof(*p->all));
    p->idle = ws_calloc(n, sizeof(struct slot *));
    p->n = n;
    return p;
}

void slots_free(struct slots *p) {
    if (p == NULL)
        return;
    free((void *)p->idle);
    free(p->all);
    free(p);
}

struct slot *slots_take(struct slots *p) {
    if (p->n_idle > 0)
        return p->idle[--p->n_idle];
    if (p->touched < p->n)
        return &p->all[p->touched++]; /* memory is touched only when it is needed */
    return NULL;
}

void slots_give(struct slots *p, struct slot *s) {
    p->idle[p->n_idle++] = s;
}

size_t slots_left(const struct slots *p) {
    return p->n_idle + p->n - p->touched;
}

void slot_queue_init(struct slot_queue *q, size_t slots) {
    size_t n = 1;
    while (n < slots)
        n *= 2;
    *q = (struct slot_queue){.at = ws_calloc(n, sizeof(struct slot *)), .mask = n - 1};
}

void slot_queue_done(struct slot_queue *q) {
    free((void *)q->at);
}

void slot_queue_put(struct slot_queue *q, struct slot *s) {
    WS_ASSERT(q->n <= q->mask);
    q->at[(q->first + q->n++) & q->mask] = s;
}

struct slot *slot_queue_take(struct slot_queue *q) {
    if (q->n == 0)
        return NULL;
    struct slot *s = slot_queue_first(q);
    q->first = (q->first + 1) & q->mask;
    q->n--;
    return s;
}
