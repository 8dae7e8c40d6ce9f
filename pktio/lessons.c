#include "pktio/lessons.h"

#include "base/assert.h"
#include "base/mem.h"
#include "pktio/cert_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct lesson {
    uint8_t hash[32], issuer_hash[32];
    struct verify_key *key;
    const struct trust_store *store;
    uint64_t generation;
    size_t n;
    uint8_t cert[CERT_CACHE_OCTETS];
};

struct lessons {
    size_t mask;
    struct lesson *slot;
    pthread_mutex_t lock; /* of the producers among themselves */
    _Alignas(CACHE_LINE) atomic_size_t head; /* next to take; written by the consumer */
    _Alignas(CACHE_LINE) atomic_size_t tail; /* next to fill; written under the lock */
};

struct lessons *lessons_new(size_t slots) {
    WS_ASSERT(slots >= 2 && (slots & (slots - 1)) == 0);
    struct lessons *q = aligned_alloc(CACHE_LINE, sizeof(*q));
    WS_ASSERT(q != NULL);
    memset(q, 0, sizeof(*q));
    q->mask = slots - 1;
    q->slot = ws_calloc(slots, sizeof(*q->slot));
    (void)pthread_mutex_init(&q->lock, NULL);
    return q;
}

void lessons_free(struct lessons *q) {
    if (q == NULL)
        return;
    struct pipeline_proven c;
    while (lessons_first(q, &c))
        lessons_drop(q);
    (void)pthread_mutex_destroy(&q->lock);
    free(q->slot);
    free(q);
}

static bool put(struct lessons *q, const struct pipeline_proven *c) {
    size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    if (tail - atomic_load_explicit(&q->head, memory_order_acquire) > q->mask)
        return false;
    struct lesson *l = &q->slot[tail & q->mask];
    memcpy(l->hash, c->hash, sizeof(l->hash));
    memcpy(l->issuer_hash, c->issuer_hash, sizeof(l->issuer_hash));
    memcpy(l->cert, c->cert.p, c->cert.n);
    l->n = c->cert.n;
    l->key = verify_key_ref(c->key);
    l->store = c->store;
    l->generation = c->generation;
    atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
    return true;
}

bool lessons_put(struct lessons *q, const struct pipeline_proven *c) {
    if (c->cert.n > CERT_CACHE_OCTETS)
        return false;
    (void)pthread_mutex_lock(&q->lock);
    bool done = put(q, c);
    (void)pthread_mutex_unlock(&q->lock);
    return done;
}

bool lessons_first(struct lessons *q, struct pipeline_proven *ret) {
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&q->tail, memory_order_acquire))
        return false;
    const struct lesson *l = &q->slot[head & q->mask];
    *ret = (struct pipeline_proven){.cert = span_of(l->cert, l->n),
        .hash = l->hash,
        .issuer_hash = l->issuer_hash,
        .key = l->key,
        .store = l->store,
        .generation = l->generation};
    return true;
}

void lessons_drop(struct lessons *q) {
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    WS_ASSERT(head != atomic_load_explicit(&q->tail, memory_order_acquire));
    struct lesson *l = &q->slot[head & q->mask];
    verify_key_unref(l->key);
    l->key = NULL;
    atomic_store_explicit(&q->head, head + 1, memory_order_release);
}
