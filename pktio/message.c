#include "pktio/message.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Receivers put messages on a stack, which the worker takes over as a whole when it has no other. So giving back costs no
 * lock, nobody looks at an element that another may take away, and no more messages go round, through the processor's
 * cache, than are on their way at once: those that were never needed lie in a reserve. */
struct pkt_message_pool {
    _Atomic(struct pkt_message *) given_back;
    struct pkt_message *used, *reserve; /* the worker's */
    struct pkt_message *all;
};

struct pkt_message_pool *pkt_message_pool_new(size_t n) {
    struct pkt_message_pool *p = ws_alloc(sizeof(*p));
    p->all = ws_calloc(n, sizeof(*p->all));
    for (size_t i = n; i-- > 0;) {
        p->all[i].pool = p;
        p->all[i].next = p->reserve;
        p->reserve = &p->all[i];
    }
    return p;
}

void pkt_message_pool_free(struct pkt_message_pool *p) {
    if (p == NULL)
        return;
    free(p->all);
    free(p);
}

struct pkt_message *pkt_message_take(struct pkt_message_pool *p) {
    if (p->used == NULL)
        p->used = atomic_exchange_explicit(&p->given_back, NULL, memory_order_acquire);
    struct pkt_message **from = p->used != NULL ? &p->used : &p->reserve;
    struct pkt_message *m = *from;
    if (m == NULL)
        return NULL;
    *from = m->next;
    m->taken = true;
    return m;
}

void pkt_message_release(struct pkt_message *m) {
    struct pkt_message_pool *p = m->pool;
    WS_ASSERT(m->taken);
    m->taken = false;
    m->next = atomic_load_explicit(&p->given_back, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        &p->given_back, &m->next, m, memory_order_release, memory_order_relaxed))
        ;
}
