#include "pktio/waiting.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"

#include <stdlib.h>

struct waiting {
    struct slot **bucket; /* by name, oldest first */
    uint32_t *of_source; /* messages by sender; senders that share a counter share their part */
    size_t mask;
    struct slot *oldest, *newest;
    size_t slots, octets, share, n, n_octets;
    uint64_t wait_us, salt;
};

struct waiting *waiting_new(
    size_t slots, size_t octets, size_t share, uint64_t wait_us, uint64_t salt) {
    struct waiting *r = ws_alloc(sizeof(*r));
    size_t buckets = 64;
    while (buckets < 2 * slots)
        buckets *= 2;
    r->bucket = ws_calloc(buckets, sizeof(struct slot *));
    r->of_source = ws_calloc(buckets, sizeof(*r->of_source));
    r->mask = buckets - 1;
    r->slots = slots;
    r->octets = octets;
    r->share = share;
    r->wait_us = wait_us;
    r->salt = salt;
    return r;
}

void waiting_free(struct waiting *r) {
    if (r == NULL)
        return;
    free((void *)r->bucket);
    free(r->of_source);
    free(r);
}

/* Names and addresses are chosen by senders, who do not know the salt. */
static size_t mix(const struct waiting *r, uint64_t v) {
    uint64_t m = (v ^ r->salt) * 0x9e3779b97f4a7c15U;
    m ^= m >> 29;
    m *= 0xbf58476d1ce4e5b9U;
    return (size_t)(m >> 32) & r->mask;
}

static uint32_t *source_of(const struct waiting *r, const struct slot *s) {
    return &r->of_source[mix(r, s->w.carrier.source)];
}

const char *waiting_put(struct waiting *r, struct slot *s, uint64_t now_us) {
    if (r->n == r->slots)
        return "too many wait for certificates";
    if (s->frame.data.n > r->octets - r->n_octets)
        return "too many octets wait for certificates";
    if (*source_of(r, s) >= r->share)
        return "this sender has too many waiting";
    struct slot **link = &r->bucket[mix(r, be64(s->w.spdu.digest))];
    while (*link != NULL)
        link = &(*link)->id_next;
    *link = s;
    s->id_next = NULL;
    s->newer = NULL;
    s->older = r->newest;
    if (r->newest != NULL)
        r->newest->newer = s;
    else
        r->oldest = s;
    r->newest = s;
    s->waiting_since_us = now_us;
    r->n++;
    r->n_octets += s->frame.data.n;
    ++*source_of(r, s);
    return NULL;
}

static struct slot *take_out(struct waiting *r, struct slot **link) {
    struct slot *s = *link;
    *link = s->id_next;
    if (s->newer != NULL)
        s->newer->older = s->older;
    else
        r->newest = s->older;
    if (s->older != NULL)
        s->older->newer = s->newer;
    else
        r->oldest = s->newer;
    r->n--;
    r->n_octets -= s->frame.data.n;
    --*source_of(r, s);
    return s;
}

/* The oldest of this name; its link is NULL if there is none. */
static struct slot **first_of(const struct waiting *r, const uint8_t *id8) {
    struct slot **link = &r->bucket[mix(r, be64(id8))];
    while (*link != NULL && memcmp((*link)->w.spdu.digest, id8, 8) != 0)
        link = &(*link)->id_next;
    return link;
}

bool waiting_has(const struct waiting *r, const uint8_t id8[static 8]) {
    return r->n > 0 && *first_of(r, id8) != NULL;
}

struct slot *waiting_take(struct waiting *r, const uint8_t id8[static 8]) {
    if (r->n == 0)
        return NULL;
    struct slot **link = first_of(r, id8);
    return *link == NULL ? NULL : take_out(r, link);
}

struct slot *waiting_expired(struct waiting *r, uint64_t now_us, bool all) {
    struct slot *s = r->oldest;
    if (s == NULL)
        return NULL;
    /* A clock that was set back makes nobody wait longer than from now on. */
    if (now_us < s->waiting_since_us)
        s->waiting_since_us = now_us;
    if (!all && now_us - s->waiting_since_us < r->wait_us)
        return NULL;
    struct slot **link = &r->bucket[mix(r, be64(s->w.spdu.digest))];
    while (*link != s)
        link = &(*link)->id_next;
    return take_out(r, link);
}

size_t waiting_used(const struct waiting *r) {
    return r->n;
}

size_t waiting_names(const struct waiting *r, uint8_t (*ret_id3)[3], size_t max) {
    size_t n = 0;
    for (const struct slot *s = r->oldest; s != NULL && n < max; s = s->newer) {
        size_t i = 0;
        while (i < n && memcmp(ret_id3[i], s->w.spdu.digest + 5, 3) != 0)
            i++;
        if (i == n)
            memcpy(ret_id3[n++], s->w.spdu.digest + 5, 3);
    }
    return n;
}
