#include "pktio/record_queue.h"

#include "base/assert.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { OCTETS_EACH = 256, DETAIL_MAX = 255 };

enum state { WAITING, WRITTEN, SKIP };

/* In the ring, at a multiple of eight octets: the frame's octets and the detail follow. */
struct entry {
    uint32_t size; /* with what follows */
    uint32_t state;
    uint64_t stamp_ns, came_us;
    uint32_t original_octets, n;
    uint16_t link, port, verdict, n_detail;
};
/* Of an entry that only fills the ring's end. */
enum { SKIP_OCTETS = 8 };
_Static_assert(sizeof(struct entry) % 8 == 0, "entries stand at multiples of eight");

struct record_queue {
    size_t cap;
    uint8_t *ring;
    pthread_mutex_t lock;
    uint64_t tail; /* under the lock; positions count on for ever */
    size_t n; /* under the lock: entries */
    atomic_uint_fast64_t head; /* written by the taker under the lock */

    /* the taker's */
    uint64_t seen;
    uint64_t oldest; /* position of the oldest that was looked at and not written; seen: none */
    size_t n_heap, n_max;
    uint64_t *heap; /* positions, earliest stamp first, of equal ones the first that came */
};

struct record_queue *record_queue_new(size_t octets) {
    struct record_queue *q = ws_alloc(sizeof(*q));
    q->cap = octets & ~(size_t)7;
    q->ring = ws_alloc(q->cap);
    q->n_max = q->cap / OCTETS_EACH;
    WS_ASSERT(q->n_max > 0);
    q->heap = ws_calloc(q->n_max, sizeof(*q->heap));
    (void)pthread_mutex_init(&q->lock, NULL);
    return q;
}

void record_queue_free(struct record_queue *q) {
    if (q == NULL)
        return;
    (void)pthread_mutex_destroy(&q->lock);
    free(q->ring);
    free(q->heap);
    free(q);
}

static struct entry *entry_at(struct record_queue *q, uint64_t position) {
    return (struct entry *)(void *)(q->ring + position % q->cap);
}

/* ---- producers ---- */

/* Place for so many octets in one piece; NULL: none. */
static struct entry *reserve(struct record_queue *q, size_t size) {
    uint64_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    size_t to_end = q->cap - (size_t)(q->tail % q->cap);
    size_t skip = to_end < size ? to_end : 0;
    if (q->n == q->n_max || size > q->cap || q->tail - head + skip + size > q->cap)
        return NULL;
    if (skip > 0) {
        uint32_t mark[2] = {(uint32_t)skip, SKIP};
        memcpy(entry_at(q, q->tail), mark, SKIP_OCTETS);
        q->tail += skip;
    }
    struct entry *e = entry_at(q, q->tail);
    q->tail += size;
    q->n++;
    return e;
}

bool record_queue_put(struct record_queue *q, uint16_t port, const struct pkt_frame *f,
    enum pkt_verdict v, const char *detail) {
    size_t n_detail = detail == NULL ? 0 : strnlen(detail, DETAIL_MAX);
    size_t size = (sizeof(struct entry) + f->data.n + n_detail + 7) & ~(size_t)7;
    (void)pthread_mutex_lock(&q->lock);
    struct entry *e = reserve(q, size);
    if (e != NULL) {
        *e = (struct entry){.size = (uint32_t)size,
            .state = WAITING,
            .stamp_ns = f->stamp_ns,
            .original_octets = f->original_octets,
            .link = (uint16_t)f->link,
            .port = port,
            .n = (uint32_t)f->data.n,
            .verdict = (uint16_t)v,
            .n_detail = (uint16_t)n_detail};
        uint8_t *p = (uint8_t *)(e + 1);
        if (f->data.n > 0)
            memcpy(p, f->data.p, f->data.n);
        if (n_detail > 0)
            memcpy(p + f->data.n, detail, n_detail);
    }
    (void)pthread_mutex_unlock(&q->lock);
    return e != NULL;
}

size_t record_queue_used(struct record_queue *q) {
    (void)pthread_mutex_lock(&q->lock);
    size_t used = (size_t)(q->tail - atomic_load_explicit(&q->head, memory_order_relaxed));
    (void)pthread_mutex_unlock(&q->lock);
    return used;
}

/* ---- the taker ---- */

static bool before(struct record_queue *q, uint64_t a, uint64_t b) {
    uint64_t x = entry_at(q, a)->stamp_ns;
    uint64_t y = entry_at(q, b)->stamp_ns;
    return x != y ? x < y : a < b;
}

static void heap_add(struct record_queue *q, uint64_t position) {
    WS_ASSERT(q->n_heap < q->n_max);
    size_t at = q->n_heap++;
    for (; at > 0 && before(q, position, q->heap[(at - 1) / 2]); at = (at - 1) / 2)
        q->heap[at] = q->heap[(at - 1) / 2];
    q->heap[at] = position;
}

static void heap_remove_first(struct record_queue *q) {
    uint64_t last = q->heap[--q->n_heap];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= q->n_heap)
            break;
        if (child + 1 < q->n_heap && before(q, q->heap[child + 1], q->heap[child]))
            child++;
        if (!before(q, q->heap[child], last))
            break;
        q->heap[at] = q->heap[child];
        at = child;
    }
    if (q->n_heap > 0)
        q->heap[at] = last;
}

void record_queue_look(struct record_queue *q, uint64_t mono_us) {
    (void)pthread_mutex_lock(&q->lock);
    uint64_t tail = q->tail;
    (void)pthread_mutex_unlock(&q->lock);
    while (q->seen != tail) {
        struct entry *e = entry_at(q, q->seen);
        if (e->state != SKIP) {
            e->came_us = mono_us;
            heap_add(q, q->seen);
        }
        q->seen += e->size;
    }
}

/* Passes over what was written, and gives its place back. */
static void advance(struct record_queue *q, size_t n_written) {
    while (q->oldest != q->seen && entry_at(q, q->oldest)->state != WAITING)
        q->oldest += entry_at(q, q->oldest)->size;
    (void)pthread_mutex_lock(&q->lock);
    q->n -= n_written;
    atomic_store_explicit(&q->head, q->oldest, memory_order_relaxed);
    (void)pthread_mutex_unlock(&q->lock);
}

bool record_queue_first(struct record_queue *q, uint64_t came_us, struct record *ret) {
    if (q->n_heap == 0)
        return false;
    while (entry_at(q, q->oldest)->state == SKIP)
        q->oldest += entry_at(q, q->oldest)->size;
    if (entry_at(q, q->oldest)->came_us > came_us)
        return false;
    struct entry *e = entry_at(q, q->heap[0]);
    const uint8_t *p = (const uint8_t *)(e + 1);
    *ret = (struct record){.frame = {.data = span_of(p, e->n),
                               .link = (enum frame_link)e->link,
                               .original_octets = e->original_octets,
                               .stamp_ns = e->stamp_ns},
        .port = e->port,
        .verdict = (enum pkt_verdict)e->verdict,
        .detail = span_of(p + e->n, e->n_detail)};
    return true;
}

void record_queue_drop(struct record_queue *q) {
    WS_ASSERT(q->n_heap > 0);
    entry_at(q, q->heap[0])->state = WRITTEN;
    heap_remove_first(q);
    advance(q, 1);
}
