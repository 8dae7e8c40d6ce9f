/* Submit and poll: queues of like signatures before an engine, and the reference for what is unlike. */
#include "v2x/verify_parts.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "v2x/verify_tables.h"

#include <stdlib.h>

/*~ An item is looked up when it is submitted and joins the queue of its curve and tier, since a batch is of one kind. A poll
 * computes one batch while the tables of the next one are fetched from memory (the next is prepared, and kept, only if its
 * queue is well filled: what comes in until then may fill it). What an engine does not decide goes to OpenSSL, metered. */

enum {
    WELL_FILLED = 32,
    SKIPPED_MAX = 8, /* batches of others before a short queue has its turn */
    EXCEPTIONAL_BURST = 16, /* on P-256 */
    REFERENCE_PER_POLL = 1, /* beside a batch */
    REFERENCE_ALONE =
        1000, /* of the costs below in one poll, when there is no batch, and the one that passes it */
};

/* Costs in microseconds of the machine that the benchmarks were run on, for the fastest engine: where another one checks, the
 * reference's share comes out smaller. */
static const unsigned check_cost[BULK_TIERS] = {[BULK_COLD] = 6, [BULK_MID] = 2, [BULK_FULL] = 2};
static const unsigned reference_cost[] = {
    [CURVE_P256] = 50, [CURVE_BP256] = 300, [CURVE_BP384] = 900, [CURVE_P384] = 600};

/* The meter counts hundredths of these. */
#define METER_MOST ((uint64_t)100 * 50 * EXCEPTIONAL_BURST)

#define NO_ITEM UINT32_MAX

struct slot {
    struct verify_item item;
    struct bulk_job job;
    uint32_t signer;
    uint32_t next; /* in its queue or in the list of free ones */
};

struct queue {
    uint32_t first, last;
    size_t n;
    unsigned skipped;
};

struct batch {
    const struct bulk_engine *engine; /* NULL: empty */
    enum bulk_tier tier;
    bool by_reference; /* COLD, where that does not pay: nothing is prepared */
    size_t n;
    uint32_t slot[BULK_BATCH];
    void *prepared;
};

struct verify_kernel {
    size_t capacity;
    unsigned build_percent, exceptional_percent;
    const struct bulk_engine *engine;
    struct tables *tables; /* NULL without an engine */
    struct slot *slots;
    uint32_t free;
    size_t in_flight; /* in queues and batches; not those answered */
    struct queue queue[BULK_CURVES][BULK_TIERS];
    struct queue reference;
    struct batch batch[2];
    unsigned current; /* of the two, the one to compute first */
    void *scratch;
    struct verify_answer *answers; /* ring of `capacity` */
    size_t first_answer, n_answers;
    uint64_t meter; /* earned for exceptional cases, at most METER_MOST */
    struct verify_counters n;
};

/* ---- life ---- */

static void *aligned(size_t octets) {
    void *p = aligned_alloc(CACHE_LINE, (octets + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    WS_ASSERT(p != NULL);
    return p;
}

static void set_up_engine(struct verify_kernel *k, const struct verify_config *cfg) {
    const struct bulk_engine *e = k->engine;
    for (size_t i = 0; i < ARRAY_LEN(k->batch); i++)
        k->batch[i].prepared = aligned(e->batch_octets);
    k->scratch = aligned(e->scratch_octets);
    k->tables = tables_new(e, cfg->table_octets);
    /* Now, and not with the first message on the road. */
    for (unsigned c = 0; c < BULK_CURVES; c++)
        (void)verify_base(e, (enum bulk_curve)c);
}

struct verify_kernel *verify_kernel_over(
    const struct verify_config *cfg, const struct bulk_engine *engine) {
    WS_ASSERT(cfg->capacity > 0 && cfg->capacity < NO_ITEM);
    struct verify_kernel *k = ws_alloc(sizeof(*k));
    k->capacity = cfg->capacity;
    k->build_percent = cfg->build_percent;
    k->exceptional_percent = cfg->exceptional_percent;
    k->slots = ws_calloc(cfg->capacity, sizeof(*k->slots));
    k->answers = ws_calloc(cfg->capacity, sizeof(*k->answers));
    for (size_t i = 0; i < cfg->capacity; i++)
        k->slots[i].next = i + 1 < cfg->capacity ? (uint32_t)i + 1 : NO_ITEM;
    k->meter = METER_MOST;
    k->engine = engine;
    if (engine != NULL)
        set_up_engine(k, cfg);
    return k;
}

struct verify_config verify_config_default(size_t capacity) {
    return (struct verify_config){.capacity = capacity,
        .backend = VERIFY_AUTO,
        .table_octets = VERIFY_TABLE_OCTETS_DEFAULT,
        .build_percent = 50,
        .exceptional_percent = 25};
}

struct verify_kernel *verify_kernel_new(const struct verify_config *cfg) {
    WS_ASSERT(verify_backend_usable(cfg->backend));
    enum verify_backend b = verify_backend_resolve(cfg->backend);
    struct verify_kernel *k = verify_kernel_over(cfg, verify_engine(b));
    k->n.backend = b;
    return k;
}

void verify_kernel_free(struct verify_kernel *k) {
    if (k == NULL)
        return;
    tables_free(k->tables);
    for (size_t i = 0; i < ARRAY_LEN(k->batch); i++)
        free(k->batch[i].prepared);
    free(k->scratch);
    free(k->slots);
    free(k->answers);
    free(k);
}

/* ---- queues ---- */

static void push(struct verify_kernel *k, struct queue *q, uint32_t i) {
    k->slots[i].next = NO_ITEM;
    if (q->n == 0)
        q->first = i;
    else
        k->slots[q->last].next = i;
    q->last = i;
    q->n++;
}

static uint32_t pop(struct verify_kernel *k, struct queue *q) {
    uint32_t i = q->first;
    q->first = k->slots[i].next;
    q->n--;
    return i;
}

static void limbs_of(uint64_t ret_v[static 4], const uint8_t be[static 32]) {
    for (unsigned i = 0; i < 4; i++)
        ret_v[i] = be64(be + 24 - 8 * (size_t)i);
}

static void answer(struct verify_kernel *k, uint32_t i, enum verify_answer_kind kind) {
    struct slot *s = &k->slots[i];
    if (s->signer != TABLES_NOBODY)
        tables_release(k->tables, s->signer, kind == VERIFY_GOOD);
    else if (kind == VERIFY_GOOD && k->tables != NULL)
        tables_admit(k->tables, s->item.key);
    k->answers[(k->first_answer + k->n_answers) % k->capacity] =
        (struct verify_answer){.tag = s->item.tag, .kind = kind};
    k->n_answers++;
    k->in_flight--;
    s->next = k->free;
    k->free = i;
}

static void enqueue(struct verify_kernel *k, uint32_t i) {
    struct slot *s = &k->slots[i];
    enum bulk_curve curve;
    uint8_t r[EC_MAX_OCTETS];
    s->signer = TABLES_NOBODY;
    if (!verify_ranges(&s->item, r)) {
        k->n.refused++;
        answer(k, i, VERIFY_BAD);
        return;
    }
    if (k->engine == NULL || !verify_bulk_curve(s->item.key->curve, &curve)) {
        push(k, &k->reference, i);
        return;
    }
    struct tables_use use = tables_take(k->tables, s->item.key);
    s->signer = use.signer;
    s->job.key = &s->item.key->point;
    s->job.table = use.table;
    limbs_of(s->job.r, r);
    limbs_of(s->job.s, s->item.s);
    /* FIPS 186-4 6.4: the leftmost bits of a digest that is longer than the order. */
    limbs_of(s->job.e, s->item.digest);
    push(k, &k->queue[curve][use.tier], i);
}

size_t verify_submit(struct verify_kernel *k, const struct verify_item *items, size_t n) {
    size_t room = k->capacity - k->in_flight - k->n_answers;
    size_t accepted = n < room ? n : room;
    /* Each step waits for memory, so all items take one together. */
    for (size_t i = 0; i < accepted; i++)
        __builtin_prefetch(items[i].key);
    if (k->tables != NULL) {
        for (size_t i = 0; i < accepted; i++)
            tables_fetch_head(k->tables, items[i].key);
        for (size_t i = 0; i < accepted; i++)
            tables_fetch_signer(k->tables, items[i].key);
    }
    for (size_t i = 0; i < accepted; i++) {
        uint32_t slot = k->free;
        k->free = k->slots[slot].next;
        k->slots[slot].item = items[i];
        k->in_flight++;
        enqueue(k, slot);
    }
    return accepted;
}

/* ---- batches ---- */

/* The fullest, or one that was passed over too often; NULL: none has `least` items. */
static struct queue *choose(struct verify_kernel *k, size_t least) {
    struct queue *best = NULL;
    struct queue *q = &k->queue[0][0];
    for (size_t i = 0; i < (size_t)BULK_CURVES * BULK_TIERS; i++, q++) {
        if (q->n == 0)
            continue;
        if (q->skipped >= SKIPPED_MAX)
            return q;
        if (q->n >= least && (best == NULL || q->n > best->n))
            best = q;
    }
    return best;
}

/* Takes up to a batch out of a queue; no queue: the batch stays empty. */
static void prepare(struct verify_kernel *k, struct batch *b, struct queue *q) {
    b->engine = NULL;
    if (q == NULL)
        return;
    size_t at = (size_t)(q - &k->queue[0][0]);
    enum bulk_curve curve = (enum bulk_curve)(at / BULK_TIERS);
    struct bulk_job jobs[BULK_BATCH];
    b->tier = (enum bulk_tier)(at % BULK_TIERS);
    for (b->n = 0; b->n < BULK_BATCH && q->n > 0; b->n++) {
        b->slot[b->n] = pop(k, q);
        jobs[b->n] = k->slots[b->slot[b->n]].job;
    }
    struct queue *other = &k->queue[0][0];
    for (size_t i = 0; i < (size_t)BULK_CURVES * BULK_TIERS; i++, other++)
        other->skipped = other == q || other->n == 0 ? 0 : other->skipped + 1;
    b->engine = k->engine;
    b->by_reference = b->tier == BULK_COLD && !k->engine->cold_pays(curve);
    if (!b->by_reference)
        b->engine->prepare(verify_base(b->engine, curve), b->tier, jobs, b->n, b->prepared);
}

static void meter(struct verify_kernel *k, const struct batch *b) {
    k->meter += (uint64_t)b->n * check_cost[b->tier] * k->exceptional_percent;
    if (k->meter > METER_MOST)
        k->meter = METER_MOST;
}

/* The reference decides, if the meter allows another one. */
static void exceptional(struct verify_kernel *k, uint32_t i) {
    const uint64_t cost = (uint64_t)100 * reference_cost[k->slots[i].item.key->curve];
    k->n.exceptional++;
    if (k->exceptional_percent != VERIFY_EXCEPTIONAL_ALL) {
        if (k->meter < cost) {
            k->n.declined++;
            answer(k, i, VERIFY_DECLINED);
            return;
        }
        k->meter -= cost;
    }
    push(k, &k->reference, i);
}

static void compute_by_reference(struct verify_kernel *k, const struct batch *b) {
    for (size_t i = 0; i < b->n; i++)
        answer(k, b->slot[i], verify_one(&k->slots[b->slot[i]].item));
    k->n.answered[VERIFY_COLD] += b->n;
}

static void compute_by_engine(struct verify_kernel *k, const struct batch *b, const void *next) {
    enum bulk_answer ret[BULK_BATCH];
    static const enum verify_tier tier[] = {
        [BULK_COLD] = VERIFY_COLD, [BULK_MID] = VERIFY_MID, [BULK_FULL] = VERIFY_FULL};
    b->engine->compute(b->prepared, next, k->scratch, ret);
    meter(k, b);
    for (size_t i = 0; i < b->n; i++) {
        if (ret[i] == BULK_ASK) {
            exceptional(k, b->slot[i]);
            continue;
        }
        k->n.answered[tier[b->tier]]++;
        answer(k, b->slot[i], ret[i] == BULK_GOOD ? VERIFY_GOOD : VERIFY_BAD);
    }
}

static void compute(struct verify_kernel *k) {
    struct batch *b = &k->batch[k->current];
    struct batch *next = &k->batch[1 - k->current];
    prepare(k, next, choose(k, WELL_FILLED));
    k->n.batches++;
    if (b->by_reference)
        compute_by_reference(k, b);
    else
        compute_by_engine(
            k, b, next->engine != NULL && !next->by_reference ? next->prepared : NULL);
    tables_earn(k->tables, b->n, k->build_percent);
    b->engine = NULL;
    k->current = 1 - k->current;
}

/* Until so many are done or `cost` is spent. */
static void ask_reference(struct verify_kernel *k, size_t most, unsigned cost) {
    unsigned spent = 0;
    for (size_t n = 0; n < most && spent < cost && k->reference.n > 0; n++) {
        uint32_t i = pop(k, &k->reference);
        spent += reference_cost[k->slots[i].item.key->curve];
        k->n.answered[VERIFY_REFERENCE]++;
        answer(k, i, verify_one(&k->slots[i].item));
    }
}

static size_t hand_out(struct verify_kernel *k, struct verify_answer *ret, size_t max) {
    size_t n = 0;
    for (; n < max && k->n_answers > 0; n++, k->n_answers--) {
        ret[n] = k->answers[k->first_answer];
        k->first_answer = k->first_answer + 1 == k->capacity ? 0 : k->first_answer + 1;
    }
    return n;
}

size_t verify_poll(struct verify_kernel *k, struct verify_answer *ret_answers, size_t max) {
    if (max == 0)
        return 0;
    if (k->n_answers > 0)
        return hand_out(k, ret_answers, max);
    if (k->in_flight == 0)
        return 0;
    if (k->engine != NULL && k->batch[k->current].engine == NULL)
        prepare(k, &k->batch[k->current], choose(k, 1));
    if (k->batch[k->current].engine == NULL) {
        ask_reference(k, max, REFERENCE_ALONE);
    } else {
        compute(k);
        ask_reference(k, k->n_answers == 0 ? max : REFERENCE_PER_POLL, REFERENCE_ALONE);
        (void)tables_build(k->tables, k->scratch, false);
    }
    return hand_out(k, ret_answers, max);
}

bool verify_build(struct verify_kernel *k) {
    return k->tables != NULL && tables_build(k->tables, k->scratch, true);
}

size_t verify_in_flight(const struct verify_kernel *k) {
    return k->in_flight + k->n_answers;
}

void verify_kernel_counters(const struct verify_kernel *k, struct verify_counters *ret_counters) {
    *ret_counters = k->n;
    if (k->tables != NULL)
        tables_counters(k->tables, ret_counters);
}
