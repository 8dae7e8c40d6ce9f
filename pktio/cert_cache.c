#include "pktio/cert_cache.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

#define NONE UINT32_MAX

/* Grinding certificates into one bucket is cheap for an attacker who needs no authority, so the unproven ones
 * of a bucket are few; proven ones need a signature of an authority each. */
enum { UNPROVEN_PER_BUCKET = 8 };

/* Counters of last octets for each bucket. */
enum { TAILS = 8 };

/* Least recently used order. */
struct order {
    uint32_t newest, oldest;
};

struct cert_cache {
    struct cert_entry *entry;
    uint8_t *octets;
    uint32_t *bucket, *bucket384;
    uint8_t *tail; /* how many certificates there are with last octets of this hash; stays at 255 */
    uint32_t mask;
    uint32_t slots, used;
    uint32_t idle; /* entries given back, linked by next_id */
    struct order proven, unproven;
};

static uint32_t *new_buckets(uint32_t n) {
    uint32_t *b = ws_calloc(n, sizeof(*b));
    for (uint32_t i = 0; i < n; i++)
        b[i] = NONE;
    return b;
}

struct cert_cache *cert_cache_new(size_t slots) {
    WS_ASSERT(slots > 0);
    WS_ASSERT(slots <= UINT32_MAX / 4);
    struct cert_cache *c = ws_alloc(sizeof(*c));
    uint32_t buckets = 1;
    while (buckets < slots)
        buckets *= 2;
    c->slots = (uint32_t)slots;
    c->mask = buckets - 1;
    c->bucket = new_buckets(buckets);
    c->bucket384 = new_buckets(buckets);
    c->tail = ws_calloc((size_t)buckets * TAILS, 1);
    c->entry = ws_calloc(slots, sizeof(*c->entry));
    c->octets = ws_calloc(slots, CERT_CACHE_OCTETS);
    c->idle = NONE;
    for (uint32_t i = c->slots; i-- > 0;) {
        c->entry[i].index = i;
        c->entry[i].octets = c->octets + (size_t)i * CERT_CACHE_OCTETS;
        c->entry[i].next_id = c->idle;
        c->idle = i;
    }
    c->proven = c->unproven = (struct order){NONE, NONE};
    return c;
}

void cert_cache_free(struct cert_cache *c) {
    if (c == NULL)
        return;
    for (uint32_t i = 0; i < c->slots; i++)
        verify_key_unref(c->entry[i].key);
    free(c->entry);
    free(c->octets);
    free(c->tail);
    free(c->bucket);
    free(c->bucket384);
    free(c);
}

static struct order *order_of(struct cert_cache *c, const struct cert_entry *e) {
    return e->proven ? &c->proven : &c->unproven;
}

static void order_push(struct cert_cache *c, struct cert_entry *e) {
    struct order *o = order_of(c, e);
    e->newer = NONE;
    e->older = o->newest;
    if (o->newest != NONE)
        c->entry[o->newest].newer = e->index;
    else
        o->oldest = e->index;
    o->newest = e->index;
}

static void order_remove(struct cert_cache *c, struct cert_entry *e) {
    struct order *o = order_of(c, e);
    if (e->newer != NONE)
        c->entry[e->newer].older = e->older;
    else
        o->newest = e->older;
    if (e->older != NONE)
        c->entry[e->older].newer = e->newer;
    else
        o->oldest = e->newer;
}

static void touch(struct cert_cache *c, struct cert_entry *e) {
    if (e->newer == NONE)
        return;
    order_remove(c, e);
    order_push(c, e);
}

static bool has_384(const struct cert_entry *e) {
    return ec_octets(e->cert.key_curve) == 48;
}

static uint32_t *bucket_of(struct cert_cache *c, const uint8_t *id8) {
    return &c->bucket[be64(id8) & c->mask];
}

static uint32_t *bucket384_of(struct cert_cache *c, const uint8_t *id8) {
    return &c->bucket384[be64(id8) & c->mask];
}

/* The last octets are of the signature or, in an implicit certificate, of the point. */
static size_t tail_of(const struct cert_cache *c, struct span cert) {
    uint64_t v = cert.n < 8 ? 0 : be64(cert.p + cert.n - 8);
    return (v * 0x9e3779b97f4a7c15U >> 32) & ((uint64_t)TAILS * (c->mask + (uint64_t)1) - 1);
}

bool cert_cache_may_have(const struct cert_cache *c, const struct cert *cert) {
    return c->tail[tail_of(c, cert->all)] > 0;
}

void cert_cache_prefetch(const struct cert_cache *c, const uint8_t id8[static 8]) {
    __builtin_prefetch(&c->bucket[be64(id8) & c->mask]);
}

void cert_cache_prefetch_entry(const struct cert_cache *c, const uint8_t id8[static 8]) {
    uint32_t i = c->bucket[be64(id8) & c->mask];
    if (i == NONE)
        return;
    const uint8_t *e = (const uint8_t *)&c->entry[i];
    for (size_t at = 0; at < sizeof(c->entry[i]); at += 64)
        __builtin_prefetch(e + at);
}

struct cert_entry *cert_cache_find(struct cert_cache *c, const uint8_t hash[static 32]) {
    for (uint32_t i = *bucket_of(c, hash + 24); i != NONE; i = c->entry[i].next_id) {
        struct cert_entry *e = &c->entry[i];
        if (memcmp(e->hash, hash, 32) == 0) {
            touch(c, e);
            return e;
        }
    }
    return NULL;
}

bool cert_cache_has(const struct cert_cache *c, const uint8_t hash[static 32]) {
    uint32_t i = c->bucket[be64(hash + 24) & c->mask];
    while (i != NONE && memcmp(c->entry[i].hash, hash, 32) != 0)
        i = c->entry[i].next_id;
    return i != NONE;
}

/* Proven entries of a bucket come first in its chain (see link_entry), so the bound cuts the right end. */
size_t cert_cache_find_id8(struct cert_cache *c, const uint8_t id8[static 8],
    enum cert_hash_alg alg, struct cert_entry *ret_entries[static CERT_CACHE_SAME_ID]) {
    size_t n = 0;
    bool wide = alg == CERT_HASH_SHA384;
    uint32_t i = wide ? *bucket384_of(c, id8) : *bucket_of(c, id8);
    while (i != NONE && n < CERT_CACHE_SAME_ID) {
        struct cert_entry *e = &c->entry[i];
        if (memcmp(wide ? e->hash384 + 40 : e->hash + 24, id8, 8) == 0)
            ret_entries[n++] = e;
        i = wide ? e->next_id384 : e->next_id;
    }
    for (size_t k = 0; k < n; k++)
        touch(c, ret_entries[k]);
    return n;
}

static uint32_t *next_of(struct cert_entry *e, bool wide) {
    return wide ? &e->next_id384 : &e->next_id;
}

static void link_entry(struct cert_cache *c, uint32_t *link, struct cert_entry *e, bool wide) {
    while (!e->proven && *link != NONE && c->entry[*link].proven)
        link = next_of(&c->entry[*link], wide);
    *next_of(e, wide) = *link;
    *link = e->index;
}

static void unlink_entry(struct cert_cache *c, uint32_t *link, struct cert_entry *e, bool wide) {
    while (*link != e->index)
        link = next_of(&c->entry[*link], wide);
    *link = *next_of(e, wide);
}

static void drop(struct cert_cache *c, struct cert_entry *e) {
    unlink_entry(c, bucket_of(c, e->hash + 24), e, false);
    if (has_384(e))
        unlink_entry(c, bucket384_of(c, e->hash384 + 40), e, true);
    order_remove(c, e);
    uint8_t *tail = &c->tail[tail_of(c, e->cert.all)];
    if (*tail < UINT8_MAX)
        --*tail;
    verify_key_unref(e->key);
    e->key = NULL;
    e->next_id = c->idle;
    c->idle = e->index;
    c->used--;
}

/* The last unproven entry of the bucket when there are as many as may be. */
static struct cert_entry *crowded(struct cert_cache *c, uint32_t first, bool wide) {
    unsigned n = 0;
    struct cert_entry *last = NULL;
    for (uint32_t i = first; i != NONE; i = *next_of(&c->entry[i], wide)) {
        if (!c->entry[i].proven) {
            last = &c->entry[i];
            n++;
        }
    }
    return n >= UNPROVEN_PER_BUCKET ? last : NULL;
}

/* False: the one that would give way is pinned. */
static bool thin_out(struct cert_cache *c, uint32_t first, bool wide) {
    struct cert_entry *e = crowded(c, first, wide);
    if (e == NULL)
        return true;
    if (e->pins > 0)
        return false;
    drop(c, e);
    return true;
}

/* Least recently used, and not pinned. */
static struct cert_entry *droppable(const struct cert_cache *c, const struct order *o) {
    uint32_t i = o->oldest;
    while (i != NONE && c->entry[i].pins > 0)
        i = c->entry[i].newer;
    return i == NONE ? NULL : &c->entry[i];
}

/* hash384: NULL for certificates without a 384-bit key. */
static bool make_room(
    struct cert_cache *c, const uint8_t *hash, const uint8_t *hash384, bool proven) {
    if (!proven && !thin_out(c, *bucket_of(c, hash + 24), false))
        return false;
    if (!proven && hash384 != NULL && !thin_out(c, *bucket384_of(c, hash384 + 40), true))
        return false;
    if (c->idle != NONE)
        return true;
    struct cert_entry *e = droppable(c, &c->unproven);
    if (e == NULL && proven)
        e = droppable(c, &c->proven);
    if (e != NULL)
        drop(c, e);
    return e != NULL;
}

void cert_cache_pin(struct cert_entry *e) {
    e->pins++;
}

void cert_cache_unpin(struct cert_entry *e) {
    WS_ASSERT(e->pins > 0);
    e->pins--;
}

bool cert_cache_room(const struct cert_cache *c) {
    return c->idle != NONE || droppable(c, &c->unproven) != NULL ||
           droppable(c, &c->proven) != NULL;
}

struct cert_entry *cert_cache_add(struct cert_cache *c, const struct cert *cert,
    const uint8_t hash[static 32], struct verify_key *key, const uint8_t *issuer_hash) {
    WS_ASSERT(cert->all.n <= CERT_CACHE_OCTETS);
    uint8_t hash384[48];
    bool wide = ec_octets(cert->key_curve) == 48;
    if (wide)
        cert_hash384(cert, hash384);
    if (!make_room(c, hash, wide ? hash384 : NULL, issuer_hash != NULL)) {
        verify_key_unref(key);
        return NULL;
    }
    struct cert_entry *e = &c->entry[c->idle];
    c->idle = e->next_id;
    memcpy(e->octets, cert->all.p, cert->all.n);
    size_t at;
    /* The same octets were read as a certificate before; reading the copy cannot fail. */
    enum coer_fail fail = cert_parse(span_of(e->octets, cert->all.n), &e->cert, &at);
    WS_ASSERT(fail == COER_OK);
    memcpy(e->hash, hash, 32);
    e->key = key;
    e->proven = issuer_hash != NULL;
    e->permitted = (struct cert_permitted){0};
    e->view = 0;
    e->revoked = NULL;
    e->region = e->cert.region.present ? &e->cert : NULL;
    if (e->proven)
        memcpy(e->issuer_hash, issuer_hash, 32);
    link_entry(c, bucket_of(c, hash + 24), e, false);
    if (wide) {
        memcpy(e->hash384, hash384, sizeof(hash384));
        link_entry(c, bucket384_of(c, e->hash384 + 40), e, true);
    }
    order_push(c, e);
    uint8_t *tail = &c->tail[tail_of(c, e->cert.all)];
    if (*tail < UINT8_MAX)
        ++*tail;
    c->used++;
    return e;
}

size_t cert_cache_used(const struct cert_cache *c) {
    return c->used;
}
