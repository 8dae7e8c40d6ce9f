#include "pktio/replay_window.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

/*~ A shard is a hash table of chains over a pool of places. What a look-up reads is apart from what only ageing reads, and
 * the heads of the chains are small, so that most look-ups of a new message miss the cache once. Places of about the
 * same remaining lifetime stand in one queue in order of arrival: the few identities that live for a minute do not keep
 * the many that live for two seconds from being forgotten. */

enum {
    LINE = 64,
    SHARDS_MAX = 8,
    SHARD_LEAST = 4096, /* slots; smaller windows have fewer shards */
    AGES = 16, /* queues by remaining lifetime: below 1, 2, 4 ... 2^14 s, and more */
    QUEUES = 2 * AGES, /* ours, then the neighbours' */
    SPINS = 100,
};
#define NONE UINT32_MAX

struct place {
    uint8_t id[REPLAY_ID_OCTETS];
    uint32_t next; /* in its chain */
    uint8_t queue;
    bool held;
};

struct age {
    uint64_t until_us;
    uint32_t older, newer; /* in its queue; newer: in the list of free ones too */
};

struct shard {
    _Alignas(LINE) atomic_flag lock;
    uint32_t *head;
    struct place *place;
    struct age *age; /* of the place of the same index */
    uint32_t head_mask;
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
    uint32_t heads = 1;
    while (heads < slots)
        heads *= 2;
    atomic_flag_clear(&s->lock);
    s->head = ws_calloc(heads, sizeof(*s->head)); /* 0: empty, else the place's index and 1 */
    s->head_mask = heads - 1;
    s->place = ws_calloc(slots, sizeof(*s->place));
    s->age = ws_calloc(slots, sizeof(*s->age));
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
        free(w->shard[i].head);
        free(w->shard[i].place);
        free(w->shard[i].age);
    }
    free(w);
}

/* Held for tens of nanoseconds; whoever waits for longer waits for a thread that was put to sleep. */
static void lock(struct shard *s) {
    unsigned spins = 0;
    while (atomic_flag_test_and_set_explicit(&s->lock, memory_order_acquire)) {
        if (++spins % SPINS == 0)
            (void)sched_yield();
    }
}

static void unlock(struct shard *s) {
    atomic_flag_clear_explicit(&s->lock, memory_order_release);
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

static uint32_t *head_of(const struct shard *s, uint64_t h) {
    return &s->head[(uint32_t)h & s->head_mask];
}

static bool is_told(const struct place *p) {
    return p->queue >= AGES;
}

static uint32_t find(const struct shard *s, uint64_t h, const uint8_t *id) {
    for (uint32_t link = *head_of(s, h); link != 0; link = s->place[link - 1].next) {
        if (memcmp(s->place[link - 1].id, id, REPLAY_ID_OCTETS) == 0)
            return link - 1;
    }
    return NONE;
}

static void point_away(struct shard *s, uint64_t h, uint32_t at) {
    uint32_t *link = head_of(s, h);
    while (*link != at + 1)
        link = &s->place[*link - 1].next;
    *link = s->place[at].next;
}

/* ---- queues ---- */

static void enqueue(struct shard *s, uint32_t at) {
    unsigned q = s->place[at].queue;
    struct age *a = &s->age[at];
    bool empty = (s->queues >> q & 1) == 0;
    a->newer = NONE;
    a->older = empty ? NONE : s->newest[q];
    if (empty) {
        s->oldest[q] = at;
        s->queues |= 1U << q;
        if (a->until_us < s->due_us)
            s->due_us = a->until_us;
    } else {
        s->age[a->older].newer = at;
    }
    s->newest[q] = at;
}

static void dequeue(struct shard *s, uint32_t at) {
    unsigned q = s->place[at].queue;
    const struct age *a = &s->age[at];
    if (a->older == NONE)
        s->oldest[q] = a->newer;
    else
        s->age[a->older].newer = a->newer;
    if (a->newer == NONE)
        s->newest[q] = a->older;
    else
        s->age[a->newer].older = a->older;
    if (s->oldest[q] == NONE)
        s->queues &= ~(1U << q);
}

/* Of the oldest in each of these queues the one whose time comes first; NONE if they are empty. */
static uint32_t first_due(const struct shard *s, uint32_t queues) {
    uint32_t best = NONE;
    for (uint32_t left = s->queues & queues; left != 0; left &= left - 1) {
        uint32_t at = s->oldest[__builtin_ctz(left)];
        if (best == NONE || s->age[at].until_us < s->age[best].until_us)
            best = at;
    }
    return best;
}

#define ALL_QUEUES UINT32_MAX
#define TOLD_QUEUES (UINT32_MAX << AGES)

static void drop(const struct replay_window *w, struct shard *s, uint32_t at) {
    dequeue(s, at);
    point_away(s, mixed(w->salt, s->place[at].id), at);
    s->used--;
    if (is_told(&s->place[at]))
        s->told_used--;
    /* Last in the list, so that places keep the order of arrival in memory. */
    s->age[at].newer = NONE;
    if (s->free_first == NONE)
        s->free_first = at;
    else
        s->age[s->free_last].newer = at;
    s->free_last = at;
}

static void age(const struct replay_window *w, struct shard *s, uint64_t now_us) {
    while (s->due_us < now_us) {
        uint32_t at = first_due(s, ALL_QUEUES);
        s->due_us = at == NONE ? UINT64_MAX : s->age[at].until_us;
        if (s->due_us < now_us)
            drop(w, s, at);
        else if (at != NONE)
            __builtin_prefetch(head_of(s, mixed(w->salt, s->place[at].id))); /* for its turn */
    }
}

/* There is room. */
static uint32_t add(
    struct shard *s, uint64_t h, const uint8_t *id, uint64_t until_us, uint64_t now_us, bool told) {
    uint32_t at = s->free_first;
    if (at != NONE)
        s->free_first = s->age[at].newer;
    else
        at = s->untouched++;
    uint64_t seconds = (until_us > now_us ? until_us - now_us : 0) / 1000000;
    unsigned q = seconds == 0 ? 0 : 64 - (unsigned)__builtin_clzll(seconds);
    if (q > AGES - 1)
        q = AGES - 1;
    struct place *p = &s->place[at];
    memcpy(p->id, id, REPLAY_ID_OCTETS);
    p->queue = (uint8_t)(told ? q + AGES : q);
    p->held = false;
    p->next = *head_of(s, h);
    *head_of(s, h) = at + 1;
    s->age[at].until_us = until_us;
    enqueue(s, at);
    s->used++;
    if (told)
        s->told_used++;
    return at;
}

/* ---- what others call ---- */

static struct shard *locked(struct replay_window *w, uint64_t h) {
    struct shard *s = &w->shard[shard_of(w, h)];
    lock(s);
    return s;
}

void replay_window_prefetch(
    const struct replay_window *w, const uint8_t id[static REPLAY_ID_OCTETS]) {
    uint64_t h = mixed(w->salt, id);
    __builtin_prefetch(head_of(&w->shard[shard_of(w, h)], h));
}

static enum replay_state state_of(const struct shard *s, uint32_t at) {
    if (at == NONE)
        return REPLAY_NEW;
    const struct place *p = &s->place[at];
    if (is_told(p))
        return REPLAY_NEIGHBOUR;
    return p->held ? REPLAY_HELD : REPLAY_HERE;
}

enum replay_state replay_window_seen(
    struct replay_window *w, const uint8_t id[static REPLAY_ID_OCTETS]) {
    uint64_t h = mixed(w->salt, id);
    struct shard *s = locked(w, h);
    enum replay_state state = state_of(s, find(s, h, id));
    unlock(s);
    return state;
}

static uint32_t add_ours(const struct replay_window *w, struct shard *s, uint64_t h,
    const uint8_t *id, uint64_t until_us, uint64_t now_us) {
    age(w, s, now_us);
    if (s->used == s->slots) {
        bool told = s->told_used > 0;
        drop(w, s, first_due(s, told ? TOLD_QUEUES : ALL_QUEUES));
        if (told)
            s->told_evicted++;
        else
            s->evicted++;
    }
    return add(s, h, id, until_us, now_us, false);
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
        (void)add_ours(w, s, h, id, until_us, now_us);
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
        s->place[add_ours(w, s, h, id, until_us, now_us)].held = true;
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
            (void)add(s, h, id, until_us, now_us, true);
        else
            s->told_evicted++;
    }
    unlock(s);
}

void replay_window_age(struct replay_window *w, uint64_t now_us) {
    for (uint32_t i = 0; i < 1U << w->shard_bits; i++) {
        struct shard *s = &w->shard[i];
        lock(s);
        age(w, s, now_us);
        unlock(s);
    }
}

struct replay_window_counters replay_window_counters(struct replay_window *w) {
    struct replay_window_counters n = {0};
    for (uint32_t i = 0; i < 1U << w->shard_bits; i++) {
        struct shard *s = &w->shard[i];
        lock(s);
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
