#include "base/ring.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

struct ring *ring_create(size_t capacity) {
    WS_ASSERT(capacity >= 2);
    WS_ASSERT((capacity & (capacity - 1)) == 0);
    struct ring *r = aligned_alloc(CACHE_LINE, sizeof(*r));
    WS_ASSERT(r != NULL);
    r->mask = capacity - 1;
    r->slot = ws_calloc(capacity, sizeof(void *));
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
    return r;
}

void ring_destroy(struct ring *r) {
    if (r == NULL)
        return;
    free((void *)r->slot);
    free(r);
}

bool ring_push(struct ring *r, void *item) {
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    if (tail - head > r->mask)
        return false;
    r->slot[tail & r->mask] = item;
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return true;
}

void *ring_pop(struct ring *r) {
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    if (head == tail)
        return NULL;
    void *item = r->slot[head & r->mask];
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return item;
}

size_t ring_used(struct ring *r) {
    size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    return tail - head;
}
