#include "v2x/trust_view.h"

#include "base/assert.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct view {
    struct trust_view v; /* first: what callers see */
    atomic_size_t refs;
    struct trust_store *store;
    struct revocation_set *revoked;
    trust_store_release_fn release;
    void *release_ctx;
};

static struct view *of(struct trust_view *v) {
    return (struct view *)v;
}

struct trust_view *trust_view_new(struct trust_store *store, trust_store_release_fn release,
    void *release_ctx, struct revocation_set *revoked, uint64_t generation) {
    struct view *w = ws_alloc(sizeof(*w));
    w->v = (struct trust_view){store, revoked, generation};
    w->store = store;
    w->revoked = revoked;
    w->release = release;
    w->release_ctx = release_ctx;
    atomic_init(&w->refs, 1);
    return &w->v;
}

void trust_view_free_store(struct trust_store *store, void *ctx) {
    (void)ctx;
    trust_store_free(store);
}

struct trust_view *trust_view_ref(struct trust_view *v) {
    (void)atomic_fetch_add_explicit(&of(v)->refs, 1, memory_order_relaxed);
    return v;
}

void trust_view_unref(struct trust_view *v) {
    if (v == NULL || atomic_fetch_sub_explicit(&of(v)->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct view *w = of(v);
    revocation_unref(w->revoked);
    if (w->release != NULL)
        w->release(w->store, w->release_ctx);
    free(w);
}

struct revocation_answer trust_view_revoked(const struct trust_view *v, const struct cert *c,
    const uint8_t hash[static 32], const uint8_t *issuer_hash) {
    if (v->revoked == NULL)
        return (struct revocation_answer){REVOCATION_NONE, ""};
    return revocation_find(v->revoked, c, hash, issuer_hash);
}

/* The lock is held for a pointer and a counter, and only when the generation changed. */
struct trust_slot {
    pthread_mutex_t lock;
    struct trust_view *view;
    _Atomic uint64_t generation;
};

struct trust_slot *trust_slot_new(struct trust_view *first) {
    struct trust_slot *s = ws_alloc(sizeof(*s));
    WS_ASSERT(pthread_mutex_init(&s->lock, NULL) == 0);
    s->view = first;
    atomic_init(&s->generation, first->generation);
    return s;
}

void trust_slot_free(struct trust_slot *s) {
    if (s == NULL)
        return;
    trust_view_unref(s->view);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

void trust_slot_publish(struct trust_slot *s, struct trust_view *v) {
    WS_ASSERT(pthread_mutex_lock(&s->lock) == 0);
    struct trust_view *old = s->view;
    WS_ASSERT(v->generation > old->generation);
    s->view = v;
    atomic_store_explicit(&s->generation, v->generation, memory_order_release);
    WS_ASSERT(pthread_mutex_unlock(&s->lock) == 0);
    trust_view_unref(old);
}

struct trust_view *trust_slot_take(struct trust_slot *s) {
    WS_ASSERT(pthread_mutex_lock(&s->lock) == 0);
    struct trust_view *v = trust_view_ref(s->view);
    WS_ASSERT(pthread_mutex_unlock(&s->lock) == 0);
    return v;
}

uint64_t trust_slot_generation(const struct trust_slot *s) {
    return atomic_load_explicit(&s->generation, memory_order_acquire);
}
