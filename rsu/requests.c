#include "rsu/requests.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BOX = 64 };

struct requests {
    pthread_mutex_t lock;
    size_t n;
    uint64_t dropped;
    struct {
        bool wanted; /* by us; else of us */
        uint8_t id3[3];
    } box[BOX];
};

struct requests *requests_new(void) {
    struct requests *r = ws_alloc(sizeof(*r));
    (void)pthread_mutex_init(&r->lock, NULL);
    return r;
}

void requests_free(struct requests *r) {
    if (r == NULL)
        return;
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

static void put(struct requests *r, bool wanted, const uint8_t *id3) {
    for (size_t i = 0; i < r->n; i++) {
        if (r->box[i].wanted == wanted && memcmp(r->box[i].id3, id3, 3) == 0)
            return;
    }
    if (r->n == BOX) {
        r->dropped++;
        return;
    }
    r->box[r->n].wanted = wanted;
    memcpy(r->box[r->n++].id3, id3, 3);
}

static void on_missing(void *ctx, const uint8_t id8[static 8], uint64_t its_us) {
    struct requests *r = ctx;
    (void)its_us;
    (void)pthread_mutex_lock(&r->lock);
    put(r, true, id8 + 5);
    (void)pthread_mutex_unlock(&r->lock);
}

static void on_requested(void *ctx, struct span id3s, uint64_t its_us) {
    struct requests *r = ctx;
    (void)its_us;
    (void)pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i + 3 <= id3s.n; i += 3)
        put(r, false, id3s.p + i);
    (void)pthread_mutex_unlock(&r->lock);
}

struct pipeline_hooks requests_hooks(struct requests *r) {
    return (struct pipeline_hooks){.ctx = r, .missing = on_missing, .requested = on_requested};
}

void requests_take(struct requests *r, struct transmit *t, uint64_t its_us) {
    (void)pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->n; i++) {
        if (!r->box[i].wanted) {
            transmit_asked(t, span_of(r->box[i].id3, 3));
            continue;
        }
        /* A station we have not met has not met us. */
        transmit_want(t, r->box[i].id3, its_us);
        transmit_heard_new(t);
    }
    r->n = 0;
    (void)pthread_mutex_unlock(&r->lock);
}

uint64_t requests_dropped(struct requests *r) {
    (void)pthread_mutex_lock(&r->lock);
    uint64_t n = r->dropped;
    (void)pthread_mutex_unlock(&r->lock);
    return n;
}
