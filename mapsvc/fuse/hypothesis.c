#include "mapsvc/fuse/hypothesis.h"
#include "mapsvc/fuse/voices.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

/* Closed groups below this are nothing but rounding. */
#define BITS_NEGLIGIBLE (BIT_Q16 / 64)

enum map_rate_kind rate_kind_of(enum element_kind k) {
    switch (k) {
    case EL_SIGN:
        return RATE_SIGN;
    case EL_SPEED_LIMIT:
        return RATE_LIMIT;
    case EL_LANE:
    case EL_BOUNDARY:
    case EL_STOP_LINE:
    case EL_CROSSWALK:
    case EL_LIGHT:
    case EL_HAZARD:
    case EL_AREA:
        break;
    }
    return RATE_OTHER;
}

uint64_t half_life_us(const struct map_params *p, enum element_kind k) {
    size_t field = MAP_POLICY_HALF_LIFE_MARKING;
    switch (k) {
    case EL_SIGN:
    case EL_LIGHT:
        field = MAP_POLICY_HALF_LIFE_SIGN;
        break;
    case EL_SPEED_LIMIT:
        field = MAP_POLICY_HALF_LIFE_LIMIT;
        break;
    case EL_HAZARD:
        field = MAP_POLICY_HALF_LIFE_HAZARD;
        break;
    case EL_LANE:
    case EL_BOUNDARY:
    case EL_STOP_LINE:
    case EL_CROSSWALK:
    case EL_AREA:
        break;
    }
    return (uint64_t)p->v[field] * 60 * 1000000;
}

/* ---- subjects ---- */

static void hyp_free(struct hypothesis *y) {
    free(y->groups);
    free(y->leaves);
    free(y->spot);
    free(y->sources);
}

void subject_free(struct subject *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n_hyps; i++)
        hyp_free(&s->hyps[i]);
    free(s->hyps);
    free(s);
}

struct hypothesis *subject_find(
    struct subject *s, enum hyp_class cls, bool has_value, int32_t value) {
    for (size_t i = 0; i < s->n_hyps; i++) {
        struct hypothesis *y = &s->hyps[i];
        if (y->cls == cls && y->has_value == has_value && (!has_value || y->value == value))
            return y;
    }
    return NULL;
}

struct hypothesis *subject_add(
    struct subject *s, enum hyp_class cls, bool has_value, int32_t value) {
    s->hyps = ws_realloc(s->hyps, (s->n_hyps + 1) * sizeof(s->hyps[0]));
    struct hypothesis *y = &s->hyps[s->n_hyps++];
    *y = (struct hypothesis){.cls = cls,
        .has_value = has_value,
        .value = has_value ? value : 0,
        .first_seen = UINT64_MAX};
    if (cls == HYP_MOVED)
        y->spot = ws_alloc(sizeof(*y->spot));
    return y;
}

void subject_drop(struct subject *s, size_t hyp) {
    WS_ASSERT(hyp < s->n_hyps);
    hyp_free(&s->hyps[hyp]);
    memmove(&s->hyps[hyp], &s->hyps[hyp + 1], (s->n_hyps - hyp - 1) * sizeof(s->hyps[0]));
    s->n_hyps--;
}

/* ---- evidence ---- */

static struct hyp_group *group_of(
    struct hypothesis *y, uint64_t bucket, uint16_t family, uint8_t octant) {
    size_t at = 0;
    for (; at < y->n_groups; at++) {
        const struct hyp_group *g = &y->groups[at];
        if (g->bucket > bucket || (g->bucket == bucket && g->family > family) ||
            (g->bucket == bucket && g->family == family && g->octant >= octant))
            break;
    }
    if (at < y->n_groups && y->groups[at].bucket == bucket && y->groups[at].family == family &&
        y->groups[at].octant == octant)
        return &y->groups[at];
    /* One place stays free for the unknown family, which takes everything beyond the bound. */
    bool unknown = family == 0 && octant == 0;
    if (y->n_groups >= GROUPS_MAX - (unknown ? 0 : 1)) {
        if (y->groups[0].open)
            return unknown ? &y->groups[0] : group_of(y, bucket, 0, 0);
        /* The oldest is closed: what it is worth stays, its name goes. */
        y->folded += y->groups[0].bits;
        memmove(&y->groups[0], &y->groups[1], (y->n_groups - 1) * sizeof(y->groups[0]));
        y->n_groups--;
        at = at > 0 ? at - 1 : 0;
    }
    y->groups = ws_realloc(y->groups, (y->n_groups + 1) * sizeof(y->groups[0]));
    memmove(&y->groups[at + 1], &y->groups[at], (y->n_groups - at) * sizeof(y->groups[0]));
    y->groups[at] =
        (struct hyp_group){.bucket = bucket, .family = family, .octant = octant, .open = true};
    y->n_groups++;
    return &y->groups[at];
}

static void leaf_add(struct hypothesis *y, const struct hyp_look *l) {
    if (y->n_leaves == EVIDENCE_MAX)
        return;
    /* Grown by powers of two: the size follows from the number. */
    if ((y->n_leaves & (y->n_leaves - 1)) == 0)
        y->leaves =
            ws_realloc(y->leaves, (y->n_leaves == 0 ? 1 : 2 * y->n_leaves) * sizeof(y->leaves[0]));
    y->leaves[y->n_leaves].height = l->height;
    memcpy(y->leaves[y->n_leaves++].leaf, l->leaf, 32);
}

/* The model has one voice however long it speaks: what it says now takes the place of what it said in an earlier bucket. */
static void hear_model_anew(struct hypothesis *y, uint64_t bucket) {
    size_t to = 0;
    for (size_t i = 0; i < y->n_groups; i++)
        if (y->groups[i].family != OBS_FAMILY_MODEL || y->groups[i].bucket == bucket)
            y->groups[to++] = y->groups[i];
    y->n_groups = to;
}

void hyp_count(struct hypothesis *y, const struct hyp_look *l, bool in_favour, uint64_t bucket,
    uint64_t block_time, const struct fusion_weight weight[static SENSOR_RANKS]) {
    if (l->family == OBS_FAMILY_MODEL)
        hear_model_anew(y, bucket);
    struct hyp_group *g = group_of(y, bucket, l->family, l->octant);
    uint16_t *n = in_favour ? &g->counts.detect[l->rank] : &g->counts.miss[l->rank];
    if (*n < UINT16_MAX)
        (*n)++;
    voices_count(y, l, in_favour, weight);
    if (!in_favour)
        return;
    if (y->vehicles < UINT32_MAX)
        y->vehicles++;
    if (y->window != l->window)
        y->in_window = 0;
    y->window = l->window;
    if (y->in_window < UINT32_MAX)
        y->in_window++;
    y->most_in_window = y->in_window > y->most_in_window ? y->in_window : y->most_in_window;
    y->views |= UINT64_C(1) << (l->view & 63);
    y->first_seen = l->time < y->first_seen ? l->time : y->first_seen;
    y->last_seen = l->time > y->last_seen ? l->time : y->last_seen;
    y->supported_at = block_time;
    leaf_add(y, l);
}

void hyp_uncount_miss(struct hypothesis *y, const struct hyp_look *l, uint64_t bucket,
    const struct fusion_weight weight[static SENSOR_RANKS]) {
    for (size_t i = 0; i < y->n_groups; i++) {
        struct hyp_group *g = &y->groups[i];
        if (g->bucket != bucket || g->family != l->family || g->octant != l->octant ||
            g->counts.miss[l->rank] == 0)
            continue;
        g->counts.miss[l->rank]--;
        voices_uncount_miss(y, l, weight);
    }
}

static int by_octets(const void *a, const void *b) {
    const struct evidence_leaf *x = a;
    const struct evidence_leaf *y = b;
    return memcmp(x->leaf, y->leaf, sizeof(x->leaf));
}

static void sum_up(struct hypothesis *y) {
    y->s = y->folded;
    for (size_t i = 0; i < y->n_groups; i++)
        y->s += y->groups[i].bits;
}

void hyp_settle(struct hypothesis *y, size_t leaves_before,
    const struct fusion_weight weight[static SENSOR_RANKS], int64_t cap) {
    if (y->n_leaves > leaves_before + 1)
        qsort(y->leaves + leaves_before, y->n_leaves - leaves_before, sizeof(y->leaves[0]),
            by_octets);
    for (size_t i = 0; i < y->n_groups; i++)
        if (y->groups[i].open)
            y->groups[i].bits = fusion_group_bits(&y->groups[i].counts, weight, cap);
    sum_up(y);
}

static void hyp_age(struct hypothesis *y, uint64_t eighths) {
    y->folded = fusion_decay(y->folded, eighths);
    size_t to = 0;
    for (size_t i = 0; i < y->n_groups; i++) {
        struct hyp_group g = y->groups[i];
        if (!g.open)
            g.bits = fusion_decay(g.bits, eighths);
        if (g.open || g.bits >= BITS_NEGLIGIBLE || g.bits <= -BITS_NEGLIGIBLE)
            y->groups[to++] = g;
    }
    y->n_groups = to;
    voices_age(y, eighths);
}

bool subject_age(
    struct subject *s, uint64_t bucket, uint64_t block_time, const struct map_params *p) {
    bool changed = false;
    for (size_t i = 0; i < s->n_hyps; i++)
        for (size_t k = 0; k < s->hyps[i].n_groups; k++) {
            struct hyp_group *g = &s->hyps[i].groups[k];
            if (g->open && g->bucket != bucket) {
                changed = true;
                g->open = false;
                g->counts = (struct fusion_counts){0};
            }
        }
    uint64_t step = half_life_us(p, s->kind) / 8;
    if (block_time <= s->decayed_at || block_time - s->decayed_at < step)
        return changed;
    uint64_t eighths = (block_time - s->decayed_at) / step;
    s->decayed_at += eighths * step;
    for (size_t i = 0; i < s->n_hyps; i++) {
        hyp_age(&s->hyps[i], eighths);
        sum_up(&s->hyps[i]);
    }
    return true;
}

struct hyp_summary hyp_summarise(const struct hypothesis *y) {
    struct hyp_summary r = {.views = (uint32_t)__builtin_popcountll(y->views)};
    int64_t most = 0;
    for (size_t i = 0; i < y->n_groups; i++) {
        r.groups += y->groups[i].bits > 0 ? 1 : 0;
        r.without_family += y->groups[i].bits;
        bool first = true;
        for (size_t k = 0; k < i && first; k++)
            first = y->groups[k].family != y->groups[i].family;
        if (!first)
            continue;
        int64_t sum = 0;
        for (size_t k = i; k < y->n_groups; k++)
            sum += y->groups[k].family == y->groups[i].family ? y->groups[k].bits : 0;
        r.families += sum > 0 ? 1 : 0;
        most = sum > most ? sum : most;
    }
    r.without_family -= most;
    most = 0;
    for (size_t i = 0; i < y->n_issuers; i++) {
        r.issuers += y->issuers[i].bits > 0 ? 1 : 0;
        r.without_issuer += y->issuers[i].bits;
        most = y->issuers[i].bits > most ? y->issuers[i].bits : most;
    }
    r.without_issuer += y->other_issuers - most;
    return r;
}
