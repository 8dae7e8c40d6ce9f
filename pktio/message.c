#include "pktio/message.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/ring.h"

#include <stdlib.h>

/* The free messages lie in a ring that the receiver fills and the worker empties: each side stays the
 * only one on its end, so giving a message back costs no lock. */
struct pkt_message_pool {
    struct ring *idle;
    struct pkt_message *all;
};

struct pkt_message_pool *pkt_message_pool_new(size_t n) {
    struct pkt_message_pool *p = ws_alloc(sizeof(*p));
    p->idle = ring_create(n);
    p->all = ws_calloc(n, sizeof(*p->all));
    for (size_t i = 0; i < n; i++) {
        p->all[i].pool = p;
        bool put = ring_push(p->idle, &p->all[i]);
        WS_ASSERT(put);
    }
    return p;
}

void pkt_message_pool_free(struct pkt_message_pool *p) {
    if (p == NULL)
        return;
    ring_destroy(p->idle);
    free(p->all);
    free(p);
}

struct pkt_message *pkt_message_take(struct pkt_message_pool *p) {
    return ring_pop(p->idle);
}

void pkt_message_release(struct pkt_message *m) {
    /* The ring holds as many as the pool owns: no room means that one was given back twice. */
    bool put = ring_push(m->pool->idle, m);
    WS_ASSERT(put);
}
