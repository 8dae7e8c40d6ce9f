#include "pktio/send_queue.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct send_queue {
    size_t mask, octets;
    size_t *length;
    uint8_t *slot; /* (mask + 1) * octets */
    _Alignas(CACHE_LINE) atomic_size_t head; /* next to take; written by the consumer */
    _Alignas(CACHE_LINE) atomic_size_t tail; /* next to fill; written by the producer */
};

struct send_queue *send_queue_new(size_t slots, size_t octets) {
    WS_ASSERT(slots >= 2 && (slots & (slots - 1)) == 0);
    WS_ASSERT(octets > 0);
    struct send_queue *q = aligned_alloc(CACHE_LINE, sizeof(*q));
    WS_ASSERT(q != NULL);
    *q = (struct send_queue){.mask = slots - 1, .octets = octets};
    q->length = ws_calloc(slots, sizeof(*q->length));
    q->slot = ws_calloc(slots, octets);
    return q;
}

void send_queue_free(struct send_queue *q) {
    if (q == NULL)
        return;
    free(q->length);
    free(q->slot);
    free(q);
}

bool send_queue_put(struct send_queue *q, struct span frame) {
    size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&q->head, memory_order_acquire);
    if (tail - head > q->mask || frame.n == 0 || frame.n > q->octets)
        return false;
    memcpy(q->slot + (tail & q->mask) * q->octets, frame.p, frame.n);
    q->length[tail & q->mask] = frame.n;
    atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
    return true;
}

struct span send_queue_first(struct send_queue *q) {
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&q->tail, memory_order_acquire))
        return span_of(NULL, 0);
    return span_of(q->slot + (head & q->mask) * q->octets, q->length[head & q->mask]);
}

void send_queue_drop(struct send_queue *q) {
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    WS_ASSERT(head != atomic_load_explicit(&q->tail, memory_order_acquire));
    atomic_store_explicit(&q->head, head + 1, memory_order_release);
}
