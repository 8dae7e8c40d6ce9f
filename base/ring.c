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

size_t ring_push_some(struct ring *r, void *const *items, size_t n) {
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    size_t room = r->mask + 1 - (tail - head);
    n = n < room ? n : room;
    for (size_t i = 0; i < n; i++)
        r->slot[(tail + i) & r->mask] = items[i];
    atomic_store_explicit(&r->tail, tail + n, memory_order_release);
    return n;
}

size_t ring_pop_some(struct ring *r, void **ret_items, size_t n) {
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    size_t used = atomic_load_explicit(&r->tail, memory_order_acquire) - head;
    n = n < used ? n : used;
    for (size_t i = 0; i < n; i++)
        ret_items[i] = r->slot[(head + i) & r->mask];
    atomic_store_explicit(&r->head, head + n, memory_order_release);
    return n;
}

size_t ring_used(struct ring *r) {
    size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    return tail - head;
}
