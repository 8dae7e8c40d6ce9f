#include "pktio/slots.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

struct slots {
    struct slot *all;
    struct slot *idle;
    size_t n, touched, used;
};

struct slots *slots_new(size_t n) {
    WS_ASSERT(n > 0);
    struct slots *p = ws_alloc(sizeof(*p));
    p->all = ws_calloc(n, sizeof(*p->all));
    p->n = n;
    return p;
}

void slots_free(struct slots *p) {
    if (p == NULL)
        return;
    free(p->all);
    free(p);
}

struct slot *slots_take(struct slots *p) {
    struct slot *s = p->idle;
    if (s != NULL)
        p->idle = s->next;
    else if (p->touched < p->n)
        s = &p->all[p->touched++]; /* memory is touched only when it is needed */
    else
        return NULL;
    p->used++;
    return s;
}

void slots_give(struct slots *p, struct slot *s) {
    s->next = p->idle;
    p->idle = s;
    p->used--;
}

size_t slots_left(const struct slots *p) {
    return p->n - p->used;
}

void slot_queue_put(struct slot_queue *q, struct slot *s) {
    s->next = NULL;
    if (q->last != NULL)
        q->last->next = s;
    else
        q->first = s;
    q->last = s;
    q->n++;
}

struct slot *slot_queue_take(struct slot_queue *q) {
    struct slot *s = q->first;
    if (s == NULL)
        return NULL;
    q->first = s->next;
    if (q->first == NULL)
        q->last = NULL;
    q->n--;
    return s;
}
