/* Bounded single-producer single-consumer ring of pointers: how two threads meet (pktio and rsu).
 * The producer owns an item until ring_push returned true, the consumer from ring_pop on.
 * Memory order: release on publish, acquire on take (C11 atomics). */
#ifndef WAYSIDE_BASE_RING_H
#define WAYSIDE_BASE_RING_H

#include "base/compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct ring {
    size_t mask;
    void **slot;
    _Alignas(CACHE_LINE) atomic_size_t head; /* next to pop; written by the consumer */
    _Alignas(CACHE_LINE) atomic_size_t tail; /* next to push; written by the producer */
};

/* capacity: a power of two, at least 2 (asserted). Free with ring_destroy when both sides are done. */
struct ring *ring_create(size_t capacity);
void ring_destroy(struct ring *r);
bool ring_push(struct ring *r, void *item); /* producer; false when full */
void *ring_pop(struct ring *r); /* consumer; NULL when empty */
/* The same for several at once, for the price of one: the first so many were put, or got. */
size_t ring_push_some(struct ring *r, void *const *items, size_t n); /* producer */
size_t ring_pop_some(struct ring *r, void **ret_items, size_t n); /* consumer */
size_t ring_used(struct ring *r); /* any thread; a snapshot */

#endif
