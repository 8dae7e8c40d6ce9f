#include "mapsvc/fuse/reputation.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

/* Beyond, both counts are halved: what was long ago weighs less. */
enum { RECORD_MAX = 1000000 };

static size_t slot(const struct map_contract *c, const uint8_t *key) {
    size_t lo = 0;
    size_t hi = c->n_sources;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (memcmp(c->sources[mid].key, key, SOURCE_KEY) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct source *find(const struct map_contract *c, const uint8_t *key) {
    size_t at = slot(c, key);
    bool here = at < c->n_sources && memcmp(c->sources[at].key, key, SOURCE_KEY) == 0;
    return here ? &c->sources[at] : NULL;
}

uint8_t reputation_tier(const struct map_contract *c, const uint8_t key[static SOURCE_KEY]) {
    const struct source *s = find(c, key);
    return s == NULL ? 0 : s->tier;
}

/* NULL: no room. */
static struct source *find_or_add(struct map_contract *c, const uint8_t *key) {
    struct source *s = find(c, key);
    if (s != NULL || c->n_sources == SOURCES_MAX)
        return s;
    size_t at = slot(c, key);
    c->sources = ws_realloc(c->sources, (c->n_sources + 1) * sizeof(c->sources[0]));
    memmove(&c->sources[at + 1], &c->sources[at], (c->n_sources - at) * sizeof(c->sources[0]));
    c->sources[at] = (struct source){0};
    memcpy(c->sources[at].key, key, SOURCE_KEY);
    c->n_sources++;
    return &c->sources[at];
}

static void add(struct source *s, uint64_t agree, uint64_t disagree) {
    uint64_t a = s->agree + agree;
    uint64_t d = s->disagree + disagree;
    s->agree = a > UINT32_MAX ? UINT32_MAX : (uint32_t)a;
    s->disagree = d > UINT32_MAX ? UINT32_MAX : (uint32_t)d;
    s->touched = true;
}

static int by_key(const void *a, const void *b) {
    return memcmp(a, b, SOURCE_KEY);
}

/* Sums may come in any order; who is let into a full table may not, so newcomers come in the order of their keys. */
void reputation_note_looks(struct map_contract *c) {
    uint8_t(*fresh)[SOURCE_KEY] = ws_calloc(c->n_looks, SOURCE_KEY);
    size_t n = 0;
    for (size_t i = 0; i < c->n_looks; i++)
        if (c->looks[i].idle > 0 && find(c, c->looks[i].source) == NULL)
            memcpy(fresh[n++], c->looks[i].source, SOURCE_KEY);
    if (n > 1)
        qsort(fresh, n, SOURCE_KEY, by_key);
    for (size_t i = 0; i < n; i++)
        (void)find_or_add(c, fresh[i]);
    free(fresh);
    for (size_t i = 0; i < c->n_looks; i++) {
        struct source *s = c->looks[i].idle > 0 ? find(c, c->looks[i].source) : NULL;
        if (s != NULL)
            add(s, c->looks[i].idle, 0);
    }
}

static void note(
    struct map_contract *c, const struct hyp_source *from, uint64_t agree, uint64_t disagree) {
    struct source *s = agree + disagree == 0 ? NULL : find_or_add(c, from->key);
    if (s != NULL)
        add(s, agree, disagree);
}

void reputation_note_outcome(struct map_contract *c, const struct hypothesis *y, bool confirmed) {
    for (size_t i = 0; i < y->n_sources; i++) {
        const struct hyp_source *s = &y->sources[i];
        uint32_t in_favour = hyp_looks(s->said.in_favour);
        uint32_t against = hyp_looks(s->said.against);
        if (confirmed)
            note(c, s, in_favour, against);
        else
            note(c, s, against, in_favour);
    }
}

void reputation_note_rival(struct map_contract *c, const struct hypothesis *y) {
    for (size_t i = 0; i < y->n_sources; i++)
        note(c, &y->sources[i], 0, hyp_looks(y->sources[i].said.in_favour));
}

/* False reports in a million, with the class's own rate as what is believed before there is a record. */
static uint64_t rate(const struct map_contract *c, const struct source *s, uint64_t own_ppm) {
    uint64_t prior = (uint64_t)c->params.v[MAP_POLICY_REPUTATION_PRIOR];
    uint64_t n = (uint64_t)s->agree + s->disagree + prior;
    return ((uint64_t)s->disagree * 1000000 + own_ppm * prior) / n;
}

void reputation_judge(struct map_contract *c) {
    for (size_t i = 0; i < c->n_sources; i++) {
        struct source *s = &c->sources[i];
        WS_ASSERT(s->key[8] < SENSOR_CLASS_COUNT);
        uint64_t own = c->params.fpr_ppm[RATE_SIGN][s->key[8]];
        uint64_t now = rate(c, s, own);
        uint8_t tier = now < 2 * own ? 0 : now < 8 * own ? 1 : 2;
        bool old = (uint64_t)s->agree + s->disagree > RECORD_MAX;
        if (old) {
            s->agree /= 2;
            s->disagree /= 2;
        }
        s->touched = s->touched || old || tier != s->tier;
        s->tier = tier;
    }
}

void reputation_store(struct map_contract *c, struct exec_host *h) {
    for (size_t i = 0; i < c->n_sources; i++) {
        if (c->sources[i].touched)
            state_put_source(h, &c->sources[i]);
        c->sources[i].touched = false;
    }
}

void reputation_load(struct map_contract *c, const struct source *s) {
    struct source *to = find_or_add(c, s->key);
    WS_ASSERT(to != NULL);
    *to = *s;
}
