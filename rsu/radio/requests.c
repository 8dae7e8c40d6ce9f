#include "rsu/radio/requests.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Issuers are few, and strangers could name many: they take a small part of the box and of each CAM. */
enum { BOX = 64, ISSUERS = 2 };
enum what { WANTED, WANTED_ISSUER, ASKED };

struct requests {
    pthread_mutex_t lock;
    size_t n;
    uint64_t dropped;
    struct {
        enum what what;
        uint8_t id3[3];
    } box[BOX];
    size_t n_offers;
    struct {
        size_t n;
        uint8_t octets[REQUESTS_OFFER_OCTETS];
    } offer[REQUESTS_OFFERS];
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

static void put(struct requests *r, enum what what, const uint8_t *id3) {
    size_t same = 0;
    for (size_t i = 0; i < r->n; i++) {
        same += r->box[i].what == what;
        if (r->box[i].what == what && memcmp(r->box[i].id3, id3, 3) == 0)
            return;
    }
    if (r->n == BOX || (what == WANTED_ISSUER && same == ISSUERS)) {
        r->dropped++;
        return;
    }
    r->box[r->n].what = what;
    memcpy(r->box[r->n++].id3, id3, 3);
}

static void on_missing(void *ctx, const uint8_t id8[static 8], uint64_t its_us) {
    struct requests *r = ctx;
    (void)its_us;
    (void)pthread_mutex_lock(&r->lock);
    put(r, WANTED, id8 + 5);
    (void)pthread_mutex_unlock(&r->lock);
}

static void on_issuer_missing(void *ctx, const uint8_t id8[static 8], uint64_t its_us) {
    struct requests *r = ctx;
    (void)its_us;
    (void)pthread_mutex_lock(&r->lock);
    put(r, WANTED_ISSUER, id8 + 5);
    (void)pthread_mutex_unlock(&r->lock);
}

static void on_offered(void *ctx, struct span cert, uint64_t its_us) {
    struct requests *r = ctx;
    (void)its_us;
    (void)pthread_mutex_lock(&r->lock);
    bool here = false;
    for (size_t i = 0; i < r->n_offers; i++)
        here = here || span_equal(span_of(r->offer[i].octets, r->offer[i].n), cert);
    if (here || r->n_offers == REQUESTS_OFFERS || cert.n > REQUESTS_OFFER_OCTETS) {
        r->dropped += !here;
    } else {
        memcpy(r->offer[r->n_offers].octets, cert.p, cert.n);
        r->offer[r->n_offers++].n = cert.n;
    }
    (void)pthread_mutex_unlock(&r->lock);
}

bool requests_offer(struct requests *r, struct buf *ret_cert) {
    (void)pthread_mutex_lock(&r->lock);
    bool any = r->n_offers > 0;
    if (any) {
        r->n_offers--;
        buf_put(ret_cert, r->offer[r->n_offers].octets, r->offer[r->n_offers].n);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return any;
}

static void on_requested(void *ctx, struct span id3s, uint64_t its_us) {
    struct requests *r = ctx;
    (void)its_us;
    (void)pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i + 3 <= id3s.n; i += 3)
        put(r, ASKED, id3s.p + i);
    (void)pthread_mutex_unlock(&r->lock);
}

struct pipeline_hooks requests_hooks(struct requests *r) {
    return (struct pipeline_hooks){.ctx = r,
        .missing = on_missing,
        .issuer_missing = on_issuer_missing,
        .requested = on_requested,
        .offered = on_offered};
}

void requests_take(struct requests *r, struct transmit *t, uint64_t its_us) {
    (void)pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->n; i++) {
        if (r->box[i].what == ASKED) {
            transmit_asked(t, span_of(r->box[i].id3, 3));
            continue;
        }
        /* A station we have not met has not met us. */
        transmit_want(t, r->box[i].id3, its_us);
        if (r->box[i].what == WANTED)
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
