#include "v2x/verify_tables.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>
#include <sys/mman.h>

/*~ Three fixed arrays: signers (one MID table each, at the same index), FULL slots, and heads of hash chains. Who is evicted
 * is found by two hands that go round, signers and FULL slots; a hand looks at a few places for each request and takes the
 * one that was silent longest, if that was long enough. The threshold keeps a working set larger than the memory from
 * evicting itself over and over: then those who came first keep their tables, and the others are checked without. */

enum {
    LOOK = 16, /* places a hand looks at for one request */
    WAIT_MAX = 1024, /* tables asked for and not built yet, of each tier */
    PATIENCE = 8, /* build requests turned away before a group may start with lanes empty */
    MID_SHARE = 8, /* of the memory, 1/MID_SHARE is for MID tables */
};

/* Price of a table in signatures checked with FULL tables, rounded (measured with bench_bulk, which prints what a table and a
 * check cost; as good for both engines and curves as a budget needs). */
enum { PRICE_MID = 3, PRICE_FULL = 20 };

enum want { WANT_NOTHING, WANT_MID, WANT_FULL };

/* What a look-up needs is in the first cache line, the point, for builds, begins there and ends in the next. */
struct signer {
    _Alignas(CACHE_LINE) uint64_t serial; /* 0: nobody */
    uint64_t used; /* time of the last look-up */
    uint32_t next; /* in its hash chain, or in the list of free ones */
    uint32_t full; /* slot, or TABLES_NOBODY */
    uint32_t pins; /* items in flight that hold it */
    uint8_t good; /* signatures, counts to TABLES_FULL_AFTER */
    uint8_t curve;
    uint8_t want; /* enum want: waits in that list */
    bool mid; /* its MID table is built */
    bool hopeless; /* the engine cannot build for this key */
    struct bulk_point point;
};

struct waiting {
    uint32_t signer[WAIT_MAX];
    uint32_t first, n;
    unsigned turned_away;
};

struct tables {
    const struct bulk_engine *engine;
    uint64_t now;
    struct signer *signers;
    uint32_t n_signers, max_signers, n_mid;
    uint32_t free_signer; /* list */
    uint32_t fresh_signer; /* from here on never used */
    uint32_t *heads;
    unsigned heads_log2;
    uint32_t *full_owner; /* of each FULL slot; of a free one the next free one */
    uint32_t n_full, max_full;
    uint32_t free_full, fresh_full; /* as of the signers */
    uint32_t hand_signer, hand_full;
    uint8_t *memory; /* MID tables, then FULL tables */
    size_t memory_octets, index_octets;
    struct waiting wait[BULK_CURVES][2]; /* MID, FULL */
    uint64_t earned; /* hundredths of a signature's price */
    struct verify_counters n;
};

/* ---- memory ---- */

static size_t page_up(size_t n) {
    return (n + 4095) / 4096 * 4096;
}

static void *reserve(size_t octets) {
    if (octets == 0)
        return NULL;
    void *p = mmap(
        NULL, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    WS_ASSERT(p != MAP_FAILED);
#ifdef MADV_HUGEPAGE
    /* A line here and a line there: in small pages each costs a walk through the page tables, twice as long in a virtual
     * machine (measured there: a quarter of a check with FULL tables). A system that has none refuses; so be it. */
    (void)madvise(p, octets, MADV_HUGEPAGE);
#endif
    return p;
}

static void unreserve(void *p, size_t octets) {
    if (p != NULL)
        WS_ASSERT(munmap(p, octets) == 0);
}

/* Chain heads: as many as signers or up to twice that, and 16. */
static unsigned log2_for(uint32_t n) {
    unsigned l = 4;
    while ((uint32_t)1 << l < n)
        l++;
    return l;
}

struct tables *tables_new(const struct bulk_engine *engine, size_t octets) {
    struct tables *t = ws_alloc(sizeof(*t));
    size_t mid = engine->table_octets[BULK_MID];
    size_t full = engine->table_octets[BULK_FULL];
    size_t per_signer = mid + sizeof(struct signer) + 4 * sizeof(*t->heads);
    size_t signers = octets / MID_SHARE / per_signer;
    size_t fulls = (octets - signers * per_signer) / (full + sizeof(*t->full_owner));
    if (signers > (UINT32_C(1) << 26))
        signers = UINT32_C(1) << 26;
    if (fulls > signers) /* more could never be owned */
        fulls = signers;
    t->engine = engine;
    t->max_signers = (uint32_t)signers;
    t->max_full = (uint32_t)fulls;
    t->free_signer = t->free_full = TABLES_NOBODY;
    if (signers == 0)
        return t;
    t->heads_log2 = log2_for(t->max_signers);
    size_t heads = (size_t)1 << t->heads_log2;
    /* The heads are touched at once, the rest as it is used. */
    t->heads = ws_calloc(heads, sizeof(*t->heads));
    memset(t->heads, 0xff, heads * sizeof(*t->heads));
    size_t signers_octets = page_up(signers * sizeof(struct signer));
    t->index_octets = signers_octets + page_up(fulls * sizeof(*t->full_owner));
    t->signers = reserve(t->index_octets);
    t->full_owner = (uint32_t *)(void *)((uint8_t *)t->signers + signers_octets);
    t->memory_octets = page_up(signers * mid + fulls * full);
    t->memory = reserve(t->memory_octets);
    t->n.table_octets_max = octets;
    return t;
}

void tables_free(struct tables *t) {
    if (t == NULL)
        return;
    unreserve(t->signers, t->index_octets);
    unreserve(t->memory, t->memory_octets);
    free(t->heads);
    free(t);
}

static void *mid_table(const struct tables *t, uint32_t signer) {
    return t->memory + (size_t)signer * t->engine->table_octets[BULK_MID];
}

static void *full_table(const struct tables *t, uint32_t slot) {
    return t->memory + (size_t)t->max_signers * t->engine->table_octets[BULK_MID] +
           (size_t)slot * t->engine->table_octets[BULK_FULL];
}

/* ---- finding ---- */

static uint32_t *head_of(const struct tables *t, uint64_t serial) {
    /* Serials come from our own counter, so nobody can aim at a chain. */
    return &t->heads[(serial * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - t->heads_log2)];
}

static uint32_t find(const struct tables *t, uint64_t serial) {
    if (t->max_signers == 0)
        return TABLES_NOBODY;
    uint32_t i = *head_of(t, serial);
    while (i != TABLES_NOBODY && t->signers[i].serial != serial)
        i = t->signers[i].next;
    return i;
}

void tables_fetch_head(const struct tables *t, const struct verify_key *key) {
    if (t->max_signers > 0)
        __builtin_prefetch(head_of(t, key->serial));
}

void tables_fetch_signer(const struct tables *t, const struct verify_key *key) {
    if (t->max_signers == 0)
        return;
    uint32_t i = *head_of(t, key->serial);
    if (i != TABLES_NOBODY)
        __builtin_prefetch(&t->signers[i], 1);
}

struct tables_use tables_take(struct tables *t, const struct verify_key *key) {
    struct tables_use use = {TABLES_NOBODY, BULK_COLD, NULL};
    t->now++;
    if (verify_key_unproven(key))
        return use;
    uint32_t i = find(t, key->serial);
    if (i == TABLES_NOBODY)
        return use;
    struct signer *s = &t->signers[i];
    s->used = t->now;
    s->pins++;
    use.signer = i;
    if (s->full != TABLES_NOBODY) {
        use.tier = BULK_FULL;
        use.table = full_table(t, s->full);
    } else if (s->mid) {
        use.tier = BULK_MID;
        use.table = mid_table(t, i);
    }
    return use;
}

/* ---- leaving ---- */

static void drop_full(struct tables *t, struct signer *s) {
    t->full_owner[s->full] = t->free_full;
    t->free_full = s->full;
    s->full = TABLES_NOBODY;
    s->good = 0; /* earns it anew */
    t->n_full--;
    t->n.evicted[VERIFY_FULL]++;
}

static void drop_signer(struct tables *t, uint32_t i) {
    struct signer *s = &t->signers[i];
    WS_ASSERT(s->pins == 0 && s->want == WANT_NOTHING);
    uint32_t *at = head_of(t, s->serial);
    while (*at != i)
        at = &t->signers[*at].next;
    *at = s->next;
    if (s->full != TABLES_NOBODY)
        drop_full(t, s);
    if (s->mid) {
        t->n_mid--;
        t->n.evicted[VERIFY_MID]++;
    }
    s->serial = 0;
    s->next = t->free_signer;
    t->free_signer = i;
    t->n_signers--;
}

static bool idle_for(const struct tables *t, const struct signer *s, uint64_t least) {
    return s->pins == 0 && s->want == WANT_NOTHING && t->now - s->used > least;
}

/* When all known signers send equally often, each is looked up once in n_signers look-ups; twice and four times that, and
 * it probably left. FULL tables cost more, so their owners are given more time. */
static bool room_for_signer(struct tables *t) {
    if (t->free_signer != TABLES_NOBODY || t->fresh_signer < t->max_signers)
        return true;
    uint32_t oldest = TABLES_NOBODY;
    for (unsigned k = 0; k < LOOK && k < t->max_signers; k++) {
        uint32_t i = t->hand_signer;
        t->hand_signer = i + 1 == t->max_signers ? 0 : i + 1;
        if (idle_for(t, &t->signers[i], 2 * (uint64_t)t->n_signers) &&
            (oldest == TABLES_NOBODY || t->signers[i].used < t->signers[oldest].used))
            oldest = i;
    }
    if (oldest == TABLES_NOBODY)
        return false;
    drop_signer(t, oldest);
    return true;
}

/* A free slot, taken out of the list of these; TABLES_NOBODY: all are in use. */
static uint32_t take_full(struct tables *t) {
    if (t->free_full == TABLES_NOBODY && t->fresh_full < t->max_full)
        return t->fresh_full++;
    uint32_t oldest = TABLES_NOBODY; /* owner */
    for (unsigned k = 0; t->free_full == TABLES_NOBODY && k < LOOK && k < t->max_full; k++) {
        uint32_t i = t->full_owner[t->hand_full];
        t->hand_full = t->hand_full + 1 == t->max_full ? 0 : t->hand_full + 1;
        if (idle_for(t, &t->signers[i], 4 * (uint64_t)t->n_signers) &&
            (oldest == TABLES_NOBODY || t->signers[i].used < t->signers[oldest].used))
            oldest = i;
    }
    if (oldest != TABLES_NOBODY)
        drop_full(t, &t->signers[oldest]);
    uint32_t slot = t->free_full;
    if (slot != TABLES_NOBODY)
        t->free_full = t->full_owner[slot];
    return slot;
}

/* ---- asking for tables ---- */

static void ask(struct tables *t, uint32_t i, enum want want) {
    struct signer *s = &t->signers[i];
    struct waiting *w = &t->wait[s->curve][want - WANT_MID];
    if (s->want != WANT_NOTHING || s->hopeless || w->n == WAIT_MAX)
        return; /* asks again with its next signature */
    s->want = (uint8_t)want;
    w->signer[(w->first + w->n) % WAIT_MAX] = i;
    w->n++;
}

void tables_release(struct tables *t, uint32_t signer, bool good) {
    struct signer *s = &t->signers[signer];
    WS_ASSERT(s->pins > 0);
    s->pins--;
    if (!good)
        return;
    if (s->good < TABLES_FULL_AFTER)
        s->good++;
    if (!s->mid)
        ask(t, signer, WANT_MID);
    else if (s->full == TABLES_NOBODY && s->good == TABLES_FULL_AFTER && t->max_full > 0)
        ask(t, signer, WANT_FULL);
}

void tables_admit(struct tables *t, const struct verify_key *key) {
    enum bulk_curve curve;
    if (t->max_signers == 0 || verify_key_unproven(key) || !verify_bulk_curve(key->curve, &curve) ||
        find(t, key->serial) != TABLES_NOBODY || !room_for_signer(t))
        return;
    uint32_t i = t->free_signer;
    if (i != TABLES_NOBODY)
        t->free_signer = t->signers[i].next;
    else
        i = t->fresh_signer++;
    uint32_t *head = head_of(t, key->serial);
    t->signers[i] = (struct signer){.serial = key->serial,
        .used = t->now,
        .next = *head,
        .full = TABLES_NOBODY,
        .good = 1,
        .curve = (uint8_t)curve,
        .point = key->point};
    *head = i;
    t->n_signers++;
    ask(t, i, WANT_MID);
}

/* ---- building ---- */

void tables_earn(struct tables *t, size_t items, unsigned build_percent) {
    /* Not more than one group of the dearest, so that a quiet time is not paid for later. */
    uint64_t most = (uint64_t)100 * BULK_BUILD * PRICE_FULL;
    t->earned += (uint64_t)items * build_percent;
    if (t->earned > most)
        t->earned = most;
}

static void built(struct tables *t, uint32_t i, enum bulk_tier tier, uint32_t slot) {
    struct signer *s = &t->signers[i];
    s->want = WANT_NOTHING;
    if (tier == BULK_MID) {
        s->mid = true;
        t->n_mid++;
        t->n.built[VERIFY_MID]++;
        return;
    }
    s->full = slot;
    t->n_full++;
    t->n.built[VERIFY_FULL]++;
}

struct group {
    uint32_t signer[BULK_BUILD], slot[BULK_BUILD];
    const struct bulk_point *point[BULK_BUILD];
    void *table[BULK_BUILD];
    size_t n;
};

/* The first of those who wait; for FULL tables as many as slots are found for. */
static void gather(struct tables *t, struct waiting *w, enum bulk_tier tier, struct group *g) {
    while (w->n > 0 && g->n < BULK_BUILD) {
        uint32_t i = w->signer[w->first];
        struct signer *s = &t->signers[i];
        uint32_t slot = i;
        w->first = (w->first + 1) % WAIT_MAX;
        w->n--;
        if (tier == BULK_FULL && (slot = take_full(t)) == TABLES_NOBODY) {
            s->want = WANT_NOTHING;
            s->good = 0; /* stays with its MID table and asks later */
            continue;
        }
        /* `want` stays until it is built: the hand that looks for the next slot passes over this signer. */
        if (tier == BULK_FULL)
            t->full_owner[slot] = i;
        g->signer[g->n] = i;
        g->slot[g->n] = slot;
        g->point[g->n] = &s->point;
        g->table[g->n] = tier == BULK_FULL ? full_table(t, slot) : mid_table(t, i);
        g->n++;
    }
}

/* One key of the group is an exceptional case: each alone, so that it harms nobody but itself. */
static void build_singly(struct tables *t, enum bulk_curve c, enum bulk_tier tier,
    const struct group *g, void *scratch) {
    const struct bulk_base *base = verify_base(t->engine, c);
    for (size_t i = 0; i < g->n; i++) {
        if (t->engine->build(base, tier, &g->point[i], &g->table[i], 1, scratch)) {
            built(t, g->signer[i], tier, g->slot[i]);
            continue;
        }
        t->signers[g->signer[i]].want = WANT_NOTHING;
        t->signers[g->signer[i]].hopeless = true;
        t->n.build_failed++;
        if (tier == BULK_FULL) {
            t->full_owner[g->slot[i]] = t->free_full;
            t->free_full = g->slot[i];
        }
    }
}

static bool build_group(struct tables *t, enum bulk_curve c, enum bulk_tier tier, void *scratch) {
    struct waiting *w = &t->wait[c][tier == BULK_FULL];
    struct group g = {.n = 0};
    gather(t, w, tier, &g);
    w->turned_away = 0;
    if (g.n == 0)
        return false;
    uint64_t price = (uint64_t)100 * BULK_BUILD * (tier == BULK_FULL ? PRICE_FULL : PRICE_MID);
    t->earned -= t->earned < price ? t->earned : price;
    if (!t->engine->build(verify_base(t->engine, c), tier, g.point, g.table, g.n, scratch)) {
        build_singly(t, c, tier, &g, scratch);
        return true;
    }
    for (size_t i = 0; i < g.n; i++)
        built(t, g.signer[i], tier, g.slot[i]);
    return true;
}

bool tables_build(struct tables *t, void *scratch, bool spare) {
    /* The first table of a signer gains most. */
    static const enum bulk_tier order[] = {BULK_MID, BULK_FULL};
    for (size_t k = 0; k < ARRAY_LEN(order); k++) {
        uint64_t price =
            (uint64_t)100 * BULK_BUILD * (order[k] == BULK_FULL ? PRICE_FULL : PRICE_MID);
        if (!spare && t->earned < price)
            return false;
        for (unsigned c = 0; c < BULK_CURVES; c++) {
            struct waiting *w = &t->wait[c][order[k] == BULK_FULL];
            if (w->n == 0)
                continue;
            /* A group costs about the same with lanes empty. */
            if (!spare && w->n < BULK_BUILD && w->turned_away++ < PATIENCE)
                continue;
            if (build_group(t, (enum bulk_curve)c, order[k], scratch))
                return true;
        }
    }
    return false;
}

void tables_counters(const struct tables *t, struct verify_counters *c) {
    for (unsigned i = 0; i < VERIFY_TIERS; i++) {
        c->built[i] = t->n.built[i];
        c->evicted[i] = t->n.evicted[i];
    }
    c->build_failed = t->n.build_failed;
    c->tables[VERIFY_MID] = t->n_mid;
    c->tables[VERIFY_FULL] = t->n_full;
    c->tables_max[VERIFY_MID] = t->max_signers;
    c->tables_max[VERIFY_FULL] = t->max_full;
    c->table_octets = t->n_mid * t->engine->table_octets[BULK_MID] +
                      t->n_full * t->engine->table_octets[BULK_FULL];
    c->table_octets_max = t->n.table_octets_max;
}
