#include "pktio/replay_window.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>

/*~ A shard is a pool of places and a table of buckets that point into it. A bucket is one cache line of short tags with
 * the places they stand for, so most look-ups of a new message read one line and no more; a full bucket passes entries
 * on to the next and counts them. Places of about the same remaining lifetime stand in one queue in order of arrival:
 * the few identities that live for a minute do not keep the many that live for two seconds from being forgotten. */

enum {
    LINE = 64,
    CELLS = 10,
    SHARDS_MAX = 16,
    SHARD_LEAST = 4096, /* slots; smaller windows have fewer shards */
    AGES = 16, /* queues by remaining lifetime: below 1, 2, 4 ... 2^14 s, and more */
    QUEUES = 2 * AGES, /* ours, then the neighbours' */
    QUEUE_BITS = 5,
    HELD_BIT = QUEUE_BITS,
    UNTIL_SHIFT = QUEUE_BITS + 1,
};
#define NONE UINT32_MAX

struct bucket {
    _Alignas(LINE) uint16_t tag[CELLS];
    uint32_t place[CELLS];
    uint16_t used;
    uint16_t passed; /* entries that found no cell here and are further on; stays at its maximum */
};
_Static_assert(sizeof(struct bucket) == LINE, "a bucket is one cache line");

struct place {
    uint8_t id[REPLAY_ID_OCTETS];
    uint64_t until_queue; /* until_us, held, queue, from the top */
    uint32_t older, newer; /* in its queue; newer: in the list of free ones too */
};

struct shard {
    _Alignas(LINE) pthread_mutex_t lock;
    void *raw; /* of the buckets, before they were put on lines; zero pages until they are used */
    struct bucket *bucket;
    struct place *place;
    uint32_t bucket_mask;
    uint32_t slots, told_slots;
    uint32_t used, told_used;
    uint32_t untouched; /* places from here on were never used */
    uint32_t free_first, free_last;
    uint32_t queues; /* bit i: queue i is not empty */
    uint64_t due_us; /* nothing ages before */
    uint32_t oldest[QUEUES], newest[QUEUES];
    uint64_t evicted, told, told_known, told_evicted;
};

struct replay_window {
    unsigned shard_bits;
    uint64_t salt;
    struct shard shard[];
};

/* ---- start and end ---- */

static void shard_init(struct shard *s, uint32_t slots) {
    uint32_t buckets = 1;
    while (buckets * 5U < slots)
        buckets *= 2;
    int rc = pthread_mutex_init(&s->lock, NULL);
    WS_ASSERT(rc == 0);
    s->raw = ws_calloc((size_t)buckets + 1, sizeof(*s->bucket));
    s->bucket = (struct bucket *)((uint8_t *)s->raw + (LINE - (uintptr_t)s->raw % LINE) % LINE);
    s->bucket_mask = buckets - 1;
    s->place = ws_calloc(slots, sizeof(*s->place));
    s->slots = slots;
    s->told_slots = slots / 4;
    s->free_first = s->free_last = NONE;
    s->due_us = UINT64_MAX;
}

struct replay_window *replay_window_new(size_t slots, uint64_t salt) {
    WS_ASSERT(slots > 0);
    WS_ASSERT(slots <= UINT32_MAX / 8);
    unsigned bits = 0;
    while ((2U << bits) <= SHARDS_MAX && slots >> (bits + 1) >= SHARD_LEAST)
        bits++;
    size_t size = sizeof(struct replay_window) + (sizeof(struct shard) << bits);
    size = (size + LINE - 1) / LINE * LINE;
    struct replay_window *w = aligned_alloc(LINE, size);
    WS_ASSERT(w != NULL);
    memset(w, 0, size);
    w->shard_bits = bits;
    w->salt = salt;
    for (uint32_t i = 0; i < 1U << bits; i++)
        shard_init(&w->shard[i], (uint32_t)((slots + (1U << bits) - 1) >> bits));
    return w;
}

void replay_window_free(struct replay_window *w) {
    if (w == NULL)
        return;
    for (uint32_t i = 0; i < 1U << w->shard_bits; i++) {
        (void)pthread_mutex_destroy(&w->shard[i].lock);
        free(w->shard[i].raw);
        free(w->shard[i].place);
    }
    free(w);
}

/* ---- where an identity is ---- */

/* An identity is a hash, but whoever signs can try messages until it falls where he likes; not so after a product
 * with a number he does not know. */
static uint64_t mixed(uint64_t salt, const uint8_t *id) {
    unsigned __int128 m = (unsigned __int128)(be64(id) ^ salt ^ 0x9e3779b97f4a7c15U) *
                          (be64(id + 8) ^ (salt << 32 | salt >> 32) ^ 0xd6e8feb86659fd93U);
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static size_t shard_of(const struct replay_window *w, uint64_t h) {
    return w->shard_bits == 0 ? 0 : (size_t)(h >> (64 - w->shard_bits));
}

static uint16_t tag_of(uint64_t h) {
    return (uint16_t)(h >> 40);
}

static struct bucket *bucket_at(const struct shard *s, uint64_t h, uint32_t step) {
    return &s->bucket[((uint32_t)h + step) & s->bucket_mask];
}

static unsigned queue_of(const struct place *p) {
    return (unsigned)(p->until_queue & (QUEUES - 1));
}

static uint64_t until_of(const struct place *p) {
    return p->until_queue >> UNTIL_SHIFT;
}

static bool is_told(const struct place *p) {
    return queue_of(p) >= AGES;
}

static uint32_t find(const struct shard *s, uint64_t h, const uint8_t *id) {
    uint16_t tag = tag_of(h);
    for (uint32_t step = 0; step <= s->bucket_mask; step++) {
        const struct bucket *b = bucket_at(s, h, step);
        for (unsigned i = 0; i < b->used; i++) {
            if (b->tag[i] == tag && memcmp(s->place[b->place[i]].id, id, REPLAY_ID_OCTETS) == 0)
                return b->place[i];
        }
        if (b->passed == 0)
            break;
    }
    return NONE;
}

static void point_to(struct shard *s, uint64_t h, uint32_t place) {
    /* There are twice as many cells as places, so a free one is found. */
    struct bucket *b = bucket_at(s, h, 0);
    for (uint32_t step = 1; b->used == CELLS; step++) {
        if (b->passed < UINT16_MAX)
            b->passed++;
        b = bucket_at(s, h, step);
    }
    b->tag[b->used] = tag_of(h);
    b->place[b->used++] = place;
}

static void point_away(struct shard *s, uint64_t h, uint32_t place) {
    for (uint32_t step = 0;; step++) {
        struct bucket *b = bucket_at(s, h, step);
        for (unsigned i = 0; i < b->used; i++) {
            if (b->place[i] != place)
                continue;
            b->used--;
            b->tag[i] = b->tag[b->used];
            b->place[i] = b->place[b->used];
            return;
        }
        if (b->passed < UINT16_MAX)
            b->passed--;
    }
}

/* ---- queues ---- */

static void enqueue(struct shard *s, uint32_t at, unsigned q) {
    struct place *p = &s->place[at];
    bool empty = (s->queues >> q & 1) == 0;
    p->newer = NONE;
    p->older = empty ? NONE : s->newest[q];
    if (empty) {
        s->oldest[q] = at;
        s->queues |= 1U << q;
        if (until_of(p) < s->due_us)
            s->due_us = until_of(p);
    } else {
        s->place[p->older].newer = at;
    }
    s->newest[q] = at;
}

static void dequeue(struct shard *s, uint32_t at) {
    const struct place *p = &s->place[at];
    unsigned q = queue_of(p);
    if (p->older == NONE)
        s->oldest[q] = p->newer;
    else
        s->place[p->older].newer = p->newer;
    if (p->newer == NONE)
        s->newest[q] = p->older;
    else
        s->place[p->newer].older = p->older;
    if (s->oldest[q] == NONE)
        s->queues &= ~(1U << q);
}

/* Of the oldest in each of these queues the one whose time comes first; NONE if they are empty. */
static uint32_t first_due(const struct shard *s, uint32_t queues) {
    uint32_t best = NONE;
    for (uint32_t left = s->queues & queues; left != 0; left &= left - 1) {
        uint32_t at = s->oldest[__builtin_ctz(left)];
        if (best == NONE || until_of(&s->place[at]) < until_of(&s->place[best]))
            best = at;
    }
    return best;
}

#define ALL_QUEUES UINT32_MAX
#define TOLD_QUEUES (UINT32_MAX << AGES)

static void drop(const struct replay_window *w, struct shard *s, uint32_t at) {
    struct place *p = &s->place[at];
    dequeue(s, at);
    point_away(s, mixed(w->salt, p->id), at);
    s->used--;
    if (is_told(p))
        s->told_used--;
    /* Last in the list, so that places keep the order of arrival in memory. */
    p->newer = NONE;
    if (s->free_first == NONE)
        s->free_first = at;
    else
        s->place[s->free_last].newer = at;
    s->free_last = at;
}

static void age(const struct replay_window *w, struct shard *s, uint64_t now_us) {
    while (s->due_us < now_us) {
        uint32_t at = first_due(s, ALL_QUEUES);
        s->due_us = at == NONE ? UINT64_MAX : until_of(&s->place[at]);
        if (s->due_us < now_us)
            drop(w, s, at);
    }
}

/* There is room. */
static void add(
    struct shard *s, uint64_t h, const uint8_t *id, uint64_t until_us, uint64_t now_us, bool told) {
    uint32_t at = s->free_first;
    if (at != NONE)
        s->free_first = s->place[at].newer;
    else
        at = s->untouched++;
    uint64_t seconds = (until_us > now_us ? until_us - now_us : 0) / 1000000;
    unsigned q = seconds == 0 ? 0 : 64 - (unsigned)__builtin_clzll(seconds);
    if (q > AGES - 1)
        q = AGES - 1;
    if (told)
        q += AGES;
    if (until_us > UINT64_MAX >> UNTIL_SHIFT)
        until_us = UINT64_MAX >> UNTIL_SHIFT;
    struct place *p = &s->place[at];
    memcpy(p->id, id, REPLAY_ID_OCTETS);
    p->until_queue = until_us << UNTIL_SHIFT | q;
    enqueue(s, at, q);
    point_to(s, h, at);
    s->used++;
    if (told)
        s->told_used++;
}

/* ---- what others call ---- */

static struct shard *locked(struct replay_window *w, uint64_t h) {
    struct shard *s = &w->shard[shard_of(w, h)];
    (void)pthread_mutex_lock(&s->lock);
    return s;
}

static void unlock(struct shard *s) {
    (void)pthread_mutex_unlock(&s->lock);
}

void replay_window_prefetch(
    const struct replay_window *w, const uint8_t id[static REPLAY_ID_OCTETS]) {
    uint64_t h = mixed(w->salt, id);
    __builtin_prefetch(bucket_at(&w->shard[shard_of(w, h)], h, 0));
}

static enum replay_state state_of(const struct shard *s, uint32_t at) {
    if (at == NONE)
        return REPLAY_NEW;
    const struct place *p = &s->place[at];
    if (is_told(p))
        return REPLAY_NEIGHBOUR;
    return (p->until_queue >> HELD_BIT & 1) != 0 ? REPLAY_HELD : REPLAY_HERE;
}

enum replay_state replay_window_seen(
    struct replay_window *w, const uint8_t id[static REPLAY_ID_OCTETS]) {
    uint64_t h = mixed(w->salt, id);
    struct shard *s = locked(w, h);
    enum replay_state state = state_of(s, find(s, h, id));
    unlock(s);
    return state;
}

static void add_ours(const struct replay_window *w, struct shard *s, uint64_t h, const uint8_t *id,
    uint64_t until_us, uint64_t now_us) {
    age(w, s, now_us);
    if (s->used == s->slots) {
        bool told = s->told_used > 0;
        drop(w, s, first_due(s, told ? TOLD_QUEUES : ALL_QUEUES));
        if (told)
            s->told_evicted++;
        else
            s->evicted++;
    }
    add(s, h, id, until_us, now_us, false);
}

enum replay_state replay_window_claim(struct replay_window *w,
    const uint8_t id[static REPLAY_ID_OCTETS], uint64_t until_us, uint64_t now_us, bool believe) {
    uint64_t h = mixed(w->salt, id);
    struct shard *s = locked(w, h);
    uint32_t at = find(s, h, id);
    enum replay_state state = state_of(s, at);
    if (state == REPLAY_NEIGHBOUR && !believe) {
        drop(w, s, at);
        state = REPLAY_NEW;
    }
    if (state == REPLAY_NEW)
        add_ours(w, s, h, id, until_us, now_us);
    unlock(s);
    return state;
}

void replay_window_hold(struct replay_window *w, const uint8_t id[static REPLAY_ID_OCTETS],
    uint64_t until_us, uint64_t now_us) {
    uint64_t h = mixed(w->salt, id);
    struct shard *s = locked(w, h);
    uint32_t at = find(s, h, id);
    enum replay_state state = state_of(s, at);
    if (state == REPLAY_NEIGHBOUR)
        drop(w, s, at);
    if (state == REPLAY_NEIGHBOUR || state == REPLAY_NEW) {
        add_ours(w, s, h, id, until_us, now_us);
        s->place[find(s, h, id)].until_queue |= UINT64_C(1) << HELD_BIT;
    }
    unlock(s);
}

void replay_window_forget(struct replay_window *w, const uint8_t id[static REPLAY_ID_OCTETS]) {
    uint64_t h = mixed(w->salt, id);
    struct shard *s = locked(w, h);
    uint32_t at = find(s, h, id);
    if (at != NONE && !is_told(&s->place[at]))
        drop(w, s, at);
    unlock(s);
}

void replay_window_hear(struct replay_window *w, const uint8_t id[static REPLAY_ID_OCTETS],
    uint64_t until_us, uint64_t now_us) {
    uint64_t h = mixed(w->salt, id);
    struct shard *s = locked(w, h);
    age(w, s, now_us);
    if (find(s, h, id) != NONE) {
        s->told_known++;
    } else {
        s->told++;
        if (s->told_used > 0 && (s->told_used >= s->told_slots || s->used == s->slots)) {
            drop(w, s, first_due(s, TOLD_QUEUES));
            s->told_evicted++;
        }
        if (s->told_used < s->told_slots && s->used < s->slots)
            add(s, h, id, until_us, now_us, true);
        else
            s->told_evicted++;
    }
    unlock(s);
}

void replay_window_age(struct replay_window *w, uint64_t now_us) {
    for (uint32_t i = 0; i < 1U << w->shard_bits; i++) {
        struct shard *s = &w->shard[i];
        (void)pthread_mutex_lock(&s->lock);
        age(w, s, now_us);
        unlock(s);
    }
}

struct replay_window_counters replay_window_counters(struct replay_window *w) {
    struct replay_window_counters n = {0};
    for (uint32_t i = 0; i < 1U << w->shard_bits; i++) {
        struct shard *s = &w->shard[i];
        (void)pthread_mutex_lock(&s->lock);
        n.evicted += s->evicted;
        n.told += s->told;
        n.told_known += s->told_known;
        n.told_evicted += s->told_evicted;
        n.used += s->used;
        n.told_used += s->told_used;
        n.slots += s->slots;
        n.told_slots += s->told_slots;
        unlock(s);
    }
    return n;
}
