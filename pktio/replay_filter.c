#include "pktio/replay_filter.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"

#include <stdlib.h>

#define NONE UINT32_MAX

/* Half of SHA-256 is kept: to make another's message look seen, its sender would have to find a second
 * preimage of 128 bits. */
enum { KEPT = 16 };

struct seen {
    uint8_t id[KEPT];
    uint64_t until_us;
    uint32_t next; /* in the chain of its bucket */
};

struct replay_filter {
    struct seen *entry; /* a ring: oldest at `first` */
    uint32_t *bucket;
    uint32_t bucket_mask;
    uint32_t slots, first, used;
};

struct replay_filter *replay_filter_new(size_t slots) {
    WS_ASSERT(slots > 0);
    WS_ASSERT(slots <= UINT32_MAX / 4);
    struct replay_filter *f = ws_alloc(sizeof(*f));
    uint32_t buckets = 1;
    while (buckets < slots)
        buckets *= 2;
    f->entry = ws_calloc(slots, sizeof(*f->entry));
    f->bucket = ws_calloc(buckets, sizeof(*f->bucket));
    for (uint32_t i = 0; i < buckets; i++)
        f->bucket[i] = NONE;
    f->bucket_mask = buckets - 1;
    f->slots = (uint32_t)slots;
    return f;
}

void replay_filter_free(struct replay_filter *f) {
    if (f == NULL)
        return;
    free(f->entry);
    free(f->bucket);
    free(f);
}

/* The identity is a hash already; octets that are not compared by the sets of a sender choose the bucket. */
static uint32_t *bucket_of(const struct replay_filter *f, const uint8_t *id) {
    return &f->bucket[be32(id) & f->bucket_mask];
}

bool replay_filter_seen(const struct replay_filter *f, const uint8_t id[static 32]) {
    for (uint32_t i = *bucket_of(f, id); i != NONE; i = f->entry[i].next) {
        if (memcmp(f->entry[i].id, id, KEPT) == 0)
            return true;
    }
    return false;
}

static void forget_oldest(struct replay_filter *f) {
    uint32_t gone = f->first;
    uint32_t *link = bucket_of(f, f->entry[gone].id);
    while (*link != gone)
        link = &f->entry[*link].next;
    *link = f->entry[gone].next;
    f->first = f->first + 1 == f->slots ? 0 : f->first + 1;
    f->used--;
}

void replay_filter_age(struct replay_filter *f, uint64_t now_us) {
    while (f->used > 0 && f->entry[f->first].until_us < now_us)
        forget_oldest(f);
}

bool replay_filter_add(
    struct replay_filter *f, const uint8_t id[static 32], uint64_t until_us, uint64_t now_us) {
    replay_filter_age(f, now_us);
    bool full = f->used == f->slots;
    if (full)
        forget_oldest(f);
    uint32_t i = f->first + f->used;
    if (i >= f->slots)
        i -= f->slots;
    uint32_t *head = bucket_of(f, id);
    memcpy(f->entry[i].id, id, KEPT);
    f->entry[i].until_us = until_us;
    f->entry[i].next = *head;
    *head = i;
    f->used++;
    return !full;
}

size_t replay_filter_used(const struct replay_filter *f) {
    return f->used;
}
