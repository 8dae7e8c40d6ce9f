#include "mapsvc/fuse/voices.h"
#include "mapsvc/model/ints.h"

#include "base/mem.h"

static struct hyp_issuer *issuer_of(struct hypothesis *y, const uint8_t *issuer) {
    for (size_t i = 0; i < y->n_issuers; i++)
        if (memcmp(y->issuers[i].id, issuer, sizeof(y->issuers[i].id)) == 0)
            return &y->issuers[i];
    return NULL;
}

/* Room for one that speaks in favour with so many bits: of those against, who are only ever added up, the one that is most; else the
 * weakest, when it says less. Among equals the greatest id. NULL: there is none. */
static struct hyp_issuer *issuer_room(struct hypothesis *y, int64_t bits) {
    if (y->n_issuers < ISSUERS_MAX)
        return &y->issuers[y->n_issuers++];
    struct hyp_issuer *least = &y->issuers[0];
    for (size_t i = 1; i < y->n_issuers; i++) {
        struct hyp_issuer *o = &y->issuers[i];
        if (o->bits < least->bits ||
            (o->bits == least->bits && memcmp(o->id, least->id, sizeof(o->id)) > 0))
            least = o;
    }
    if (least->bits >= bits)
        return NULL;
    y->other_issuers += least->bits < 0 ? least->bits : 0;
    return least;
}

static int64_t held(int64_t bits, int64_t most) {
    return bits > most ? most : bits < -most ? -most : bits;
}

/* Without room, what is in favour does not count, and what is against it does. */
static void issuer_count(struct hypothesis *y, const uint8_t *issuer, int64_t bits) {
    const int64_t most = 62 * BIT_Q16;
    struct hyp_issuer *i = issuer_of(y, issuer);
    if (i == NULL && (y->n_issuers < ISSUERS_MAX || bits > 0)) {
        i = issuer_room(y, bits);
        if (i != NULL) {
            memcpy(i->id, issuer, sizeof(i->id));
            i->bits = 0;
        }
    }
    if (i != NULL)
        i->bits = held(i->bits + bits, most);
    else if (bits < 0)
        y->other_issuers += bits;
    y->other_issuers = held(y->other_issuers, ISSUERS_MAX * most);
}

/* A silence that was none. */
static void issuer_uncount(struct hypothesis *y, const uint8_t *issuer, int64_t miss) {
    if (issuer_of(y, issuer) != NULL)
        issuer_count(y, issuer, -miss);
    else
        y->other_issuers = y->other_issuers < miss ? y->other_issuers - miss : 0;
}

/* ---- who said what, as numbers of looks ---- */

enum { ONE_LOOK = 1 << 16 };

static void tally_add(struct hyp_tally *t, bool in_favour) {
    uint32_t *n = in_favour ? &t->in_favour : &t->against;
    if (*n > UINT32_MAX - ONE_LOOK) {
        /* The share is what matters. */
        t->in_favour /= 2;
        t->against /= 2;
    }
    *n += ONE_LOOK;
}

static void tally_take_miss(struct hyp_tally *t) {
    t->against -= t->against > ONE_LOOK ? ONE_LOOK : t->against;
}

static void tally_age(struct hyp_tally *t, uint64_t eighths) {
    t->in_favour = (uint32_t)fusion_decay(t->in_favour, eighths);
    t->against = (uint32_t)fusion_decay(t->against, eighths);
}

uint32_t hyp_looks(uint32_t tally) {
    return (uint32_t)(((uint64_t)tally + ONE_LOOK / 2) / ONE_LOOK);
}

static struct hyp_source *source_find(struct hypothesis *y, const uint8_t *key) {
    for (size_t i = 0; i < y->n_sources; i++)
        if (memcmp(y->sources[i].key, key, SOURCE_KEY) == 0)
            return &y->sources[i];
    return NULL;
}

static uint64_t said_in_all(const struct hyp_source *s) {
    return (uint64_t)s->said.in_favour + s->said.against;
}

static struct hyp_source *source_of(struct hypothesis *y, const uint8_t *key) {
    struct hyp_source *s = source_find(y, key);
    if (s != NULL)
        return s;
    if (y->n_sources < HYP_SOURCES_MAX) {
        y->sources = ws_realloc(y->sources, (y->n_sources + 1) * sizeof(y->sources[0]));
        s = &y->sources[y->n_sources++];
    } else {
        s = &y->sources[0];
        for (size_t i = 1; i < y->n_sources; i++) {
            struct hyp_source *o = &y->sources[i];
            if (said_in_all(o) < said_in_all(s) ||
                (said_in_all(o) == said_in_all(s) && memcmp(o->key, s->key, SOURCE_KEY) > 0))
                s = o;
        }
    }
    *s = (struct hyp_source){0};
    memcpy(s->key, key, SOURCE_KEY);
    return s;
}

/* ---- for the hypothesis ---- */

void voices_count(struct hypothesis *y, const struct hyp_look *l, bool in_favour,
    const struct fusion_weight weight[static SENSOR_RANKS]) {
    issuer_count(y, l->issuer, in_favour ? weight[l->rank].detect : weight[l->rank].miss);
    tally_add(&source_of(y, l->source)->said, in_favour);
    tally_add(&y->heard[l->source[SOURCE_KEY - 1]], in_favour);
}

void voices_uncount_miss(struct hypothesis *y, const struct hyp_look *l,
    const struct fusion_weight weight[static SENSOR_RANKS]) {
    issuer_uncount(y, l->issuer, weight[l->rank].miss);
    struct hyp_source *s = source_find(y, l->source);
    if (s != NULL)
        tally_take_miss(&s->said);
    tally_take_miss(&y->heard[l->source[SOURCE_KEY - 1]]);
}

void voices_age(struct hypothesis *y, uint64_t eighths) {
    for (size_t i = 0; i < y->n_issuers; i++)
        y->issuers[i].bits = fusion_decay(y->issuers[i].bits, eighths);
    y->other_issuers = fusion_decay(y->other_issuers, eighths);
    for (size_t i = 0; i < y->n_sources; i++)
        tally_age(&y->sources[i].said, eighths);
    for (size_t i = 0; i < SENSOR_CLASS_COUNT; i++)
        tally_age(&y->heard[i], eighths);
}

/* ---- a lie, or a change that is denied ---- */

static int64_t bits_of(const struct hypothesis *y, const struct fusion_weight *weight) {
    int64_t sum = 0;
    for (size_t i = 0; i < SENSOR_CLASS_COUNT; i++)
        sum += (int64_t)y->heard[i].in_favour * weight[i].detect +
               (int64_t)y->heard[i].against * weight[i].miss;
    return floor_div(sum, ONE_LOOK);
}

/* Fifteen sixteenths of the belief are on a change that nobody contradicts, as nearly all are; one on one that all who may lie
 * deny. The likelihood of the two together is at least that of either by its share. */
int64_t hyp_over_liars(const struct hypothesis *y,
    const struct fusion_weight weight[static LIE_ARMS][SENSOR_CLASS_COUNT]) {
    int64_t plain = bits_of(y, weight[LIE_UNCONTRADICTED]) - (fusion_log2(16) - fusion_log2(15));
    int64_t denied = bits_of(y, weight[LIE_CONTRADICTED]) - fusion_log2(16);
    return plain > denied ? plain : denied;
}
