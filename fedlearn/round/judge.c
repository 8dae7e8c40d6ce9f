/* Bits, for |symbol| < 2^15, weight <= 2^10, d <= 2^20, n <= 2^8:
 *   sum of a group        |M| <= weight * 2^15 <= 2^25 (checked before anything else is done with it)
 *   square of its norm    2^50 * 2^20 = 2^70: 128 bits; a tile of it 2^57
 *   dot product           2^25 * 2^26 * 2^20 = 2^71: 128 bits; a tile of it 2^58
 *   norm of a mean        sqrt(2^70 * 2^48) = 2^59 before the weight divides it
 *   factor of a group     2^40 / weight, so |M * factor| <= 2^55
 *   mean, 24 bits         2^39; difference of two 2^40; shifted by 12 and squared 2^56, a tile of it 2^63
 *   weighted sum          2^39 * 2^10 * 2^8 = 2^57
 *   step                  2^39 * 2^60 = 2^99: 128 bits */
#include "fedlearn/round/judge.h"

#include "fedlearn/round/judge_kernels.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 u128;
typedef __int128 i128;

enum { FACTOR_BITS = 40, MEAN_BITS = 24, DISTANCE_BITS = 12, RECIPROCAL_BITS = 33 };
_Static_assert(FACTOR_BITS - MEAN_BITS == 16, "as the kernel shifts");

const char *fl_verdict_name(enum fl_verdict_code code) {
    switch (code) {
#define X(id, text)                                                                                \
    case id:                                                                                       \
        return text;
        FL_VERDICTS(X)
#undef X
    case FL_VERDICT_COUNT:
        break;
    }
    return "?";
}

struct judge {
    const struct fl_kernels *k;
    const struct fl_scale *scale;
    const struct fl_rules *rules;
    const int32_t *reference;
    size_t d, n;
    const struct fl_group **groups; /* by id */
    struct fl_verdict *verdicts; /* likewise */
    u128 reference2;
    int64_t *factor; /* of each group */
    size_t *left; /* indices of the free groups that are still in, by id */
    size_t lefts;
    size_t *apart; /* and of suspects' */
    size_t aparts;
    int64_t *rows, *sorted; /* a tile of means of the groups left */
    u128 *pair2; /* squared distances: to the median, or between pairs of at most FL_KRUM_GROUPS */
};

static int by_id(const void *a, const void *b) {
    uint32_t x = (*(const struct fl_group *const *)a)->id;
    uint32_t y = (*(const struct fl_group *const *)b)->id;
    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Lower median; sorts v. */
static uint64_t median(uint64_t *v, size_t n) {
    qsort(v, n, sizeof(*v), by_value);
    return v[(n - 1) / 2];
}

static size_t tile_of(const struct judge *j, size_t at) {
    return j->d - at < FL_TILE ? j->d - at : FL_TILE;
}

/* The rules that look at one group. Returns its squared norm. */
static u128 judge_alone(const struct judge *j, const struct fl_group *g, struct fl_verdict *v) {
    *v = (struct fl_verdict){.id = g->id, .weight = g->weight, .code = g->found};
    if (g->found != FL_ACCEPTED)
        return 0;
    int32_t bound = (int32_t)g->weight * fl_symbol_max(j->scale);
    v->code = FL_OUT_OF_RANGE;
    u128 norm2 = 0;
    i128 dot = 0;
    for (size_t at = 0; at < j->d; at += FL_TILE) {
        size_t n = tile_of(j, at);
        if (!j->k->inside(g->sum + at, n, bound))
            return 0;
        norm2 += j->k->squares(g->sum + at, n);
        if (j->reference != NULL)
            dot += j->k->dot(g->sum + at, j->reference + at, n);
    }
    v->norm = fl_isqrt(norm2);
    uint64_t limit = fl_group_bound(j->scale, j->d, g->weight);
    v->code = norm2 > (u128)limit * limit ? FL_OUT_OF_NORM : FL_ACCEPTED;
    /* cos >= c: dot >= c |M| |r|; the norms rounded down err by less than their last digit. */
    i128 lengths = (i128)v->norm * (i128)fl_isqrt(j->reference2);
    if (v->code == FL_ACCEPTED && j->rules->cosine_thousandths > -1000 && lengths != 0 &&
        dot * 1000 < lengths * j->rules->cosine_thousandths)
        v->code = FL_AGAINST;
    return norm2;
}

/* Makes the factors of long means smaller. */
static void clip(struct judge *j, const u128 *norm2, struct fl_judged *ret) {
    uint64_t norm[FL_MAX_GROUPS];
    uint64_t sorted[FL_MAX_GROUPS];
    for (size_t k = 0; k < j->lefts; k++) {
        size_t g = j->left[k];
        norm[k] = fl_isqrt(norm2[g] << (2 * MEAN_BITS)) / j->groups[g]->weight;
        sorted[k] = norm[k];
    }
    u128 most = 0;
    if (j->lefts != 0 && j->rules->clip_thousandths != 0)
        most = (u128)median(sorted, j->lefts) * j->rules->clip_thousandths / 1000;
    for (size_t k = 0; k < j->lefts && j->rules->clip_thousandths != 0; k++) {
        size_t g = j->left[k];
        if (norm[k] <= most)
            continue;
        j->verdicts[g].clipped = true;
        j->factor[g] = (int64_t)((most << FACTOR_BITS) / ((u128)norm[k] * j->groups[g]->weight));
    }
    ret->bound_clip = most > UINT64_MAX ? UINT64_MAX : (uint64_t)most;
}

static int64_t *row(int64_t *rows, size_t k) {
    return rows + k * FL_TILE;
}

static void load(const struct judge *j, size_t at) {
    for (size_t k = 0; k < j->lefts; k++) {
        size_t g = j->left[k];
        j->k->means(j->groups[g]->sum + at, tile_of(j, at), j->factor[g], row(j->rows, k));
    }
}

static void sort_tile(const struct judge *j) {
    memcpy(j->sorted, j->rows, j->lefts * FL_TILE * sizeof(*j->rows));
    j->k->sort(j->sorted, j->lefts);
}

/* Drops from the list what no longer is accepted. */
static void sift(struct judge *j) {
    size_t kept = 0;
    for (size_t k = 0; k < j->lefts; k++)
        if (j->verdicts[j->left[k]].code == FL_ACCEPTED)
            j->left[kept++] = j->left[k];
    j->lefts = kept;
}

/* Adds a tile of what suspects' groups are from the median of the free ones. */
static void measure_apart(const struct judge *j, size_t at, const int64_t *middle, u128 *pair2) {
    int64_t mean[FL_TILE];
    for (size_t k = 0; k < j->aparts; k++) {
        size_t g = j->apart[k];
        j->k->means(j->groups[g]->sum + at, tile_of(j, at), j->factor[g], mean);
        pair2[k] += j->k->distance2(mean, middle);
    }
}

static void note_distance(struct fl_verdict *v, uint64_t distance, u128 bound) {
    v->distance = distance;
    if (distance > bound)
        v->code = FL_DISTANT;
}

static void filter_distant(struct judge *j, struct fl_judged *ret) {
    u128 apart2[FL_MAX_GROUPS] = {0};
    memset(j->pair2, 0, j->lefts * sizeof(*j->pair2));
    for (size_t at = 0; at < j->d; at += FL_TILE) {
        load(j, at);
        sort_tile(j);
        int64_t *low = row(j->sorted, (j->lefts - 1) / 2);
        const int64_t *high = row(j->sorted, j->lefts / 2);
        for (size_t i = 0; i < FL_TILE; i++)
            low[i] = (low[i] + high[i]) >> 1;
        for (size_t k = 0; k < j->lefts; k++)
            j->pair2[k] += j->k->distance2(row(j->rows, k), low);
        measure_apart(j, at, low, apart2);
    }
    uint64_t distance[FL_MAX_GROUPS];
    uint64_t v[FL_MAX_GROUPS];
    for (size_t k = 0; k < j->lefts; k++)
        v[k] = distance[k] = fl_isqrt(j->pair2[k]);
    uint64_t middle = median(v, j->lefts);
    for (size_t k = 0; k < j->lefts; k++)
        v[k] = distance[k] > middle ? distance[k] - middle : middle - distance[k];
    u128 bound = middle + (u128)median(v, j->lefts) * j->rules->mad_thousandths / 1000;
    u128 spread = (u128)middle * j->rules->spread_thousandths / 1000;
    bound = bound > spread ? bound : spread;
    ret->bound_distance = bound > UINT64_MAX ? UINT64_MAX : (uint64_t)bound;
    for (size_t k = 0; k < j->lefts; k++)
        note_distance(&j->verdicts[j->left[k]], distance[k], bound);
    for (size_t k = 0; k < j->aparts; k++)
        note_distance(&j->verdicts[j->apart[k]], fl_isqrt(apart2[k]), bound);
    sift(j);
}

struct score {
    uint64_t sum;
    size_t k;
};

static int by_score(const void *a, const void *b) {
    const struct score *x = a;
    const struct score *y = b;
    if (x->sum != y->sum)
        return x->sum < y->sum ? -1 : 1;
    return (x->k > y->k) - (x->k < y->k); /* order of ids */
}

/* Multi-Krum (Blanchard and others, 2017): the score of a group is the sum of its distances to the n - f - 2 nearest;
 * the n - f groups of least score stay. Distances, not their squares, whose sums would need more bits. */
static void choose(struct judge *j) {
    size_t n = j->lefts;
    size_t f = n * j->rules->krum_thousandths / 1000;
    if (n < f + 3)
        return;
    memset(j->pair2, 0, n * n * sizeof(*j->pair2));
    for (size_t at = 0; at < j->d; at += FL_TILE) {
        load(j, at);
        for (size_t a = 0; a < n; a++)
            for (size_t b = a + 1; b < n; b++)
                j->pair2[a * n + b] += j->k->distance2(row(j->rows, a), row(j->rows, b));
    }
    struct score score[FL_KRUM_GROUPS];
    for (size_t a = 0; a < n; a++) {
        uint64_t near[FL_KRUM_GROUPS];
        size_t m = 0;
        for (size_t b = 0; b < n; b++)
            if (a != b)
                near[m++] = fl_isqrt(j->pair2[a < b ? a * n + b : b * n + a]);
        qsort(near, m, sizeof(*near), by_value);
        score[a] = (struct score){0, a};
        for (size_t b = 0; b < n - f - 2; b++)
            score[a].sum += near[b];
    }
    qsort(score, n, sizeof(*score), by_score);
    for (size_t a = n - f; a < n; a++)
        j->verdicts[j->left[score[a].k]].code = FL_NOT_CHOSEN;
    sift(j);
}

static int64_t divide(int64_t sum, int64_t by) {
    WS_ASSERT(by > 0);
    int64_t half = by / 2;
    return (sum >= 0 ? sum + half : sum - half) / by; /* half away from zero */
}

/* Means with 24 fraction bits to model units: * C_inf / max / 2^24, through a reciprocal that is the same for all. */
static void put_step(const struct judge *j, const int64_t *mean, size_t at, int32_t *ret_step) {
    int64_t reciprocal = (int64_t)(((uint64_t)j->scale->clip_inf << RECIPROCAL_BITS) /
                                   (uint32_t)fl_symbol_max(j->scale));
    for (size_t i = 0; i < tile_of(j, at); i++) {
        i128 v = ((i128)mean[i] * reciprocal + ((i128)1 << (RECIPROCAL_BITS + MEAN_BITS - 1))) >>
                 (RECIPROCAL_BITS + MEAN_BITS);
        if (j->reference != NULL)
            v += divide((int64_t)j->reference[at + i] * j->rules->momentum_thousandths, 1000);
        v = v > FL_PARAM_MAX ? FL_PARAM_MAX : v;
        ret_step[at + i] = (int32_t)(v < -FL_PARAM_MAX ? -FL_PARAM_MAX : v);
    }
}

static void take_mean(const struct judge *j, int32_t *ret_step) {
    int64_t weight = 0;
    for (size_t k = 0; k < j->lefts; k++)
        weight += j->groups[j->left[k]]->weight;
    for (size_t at = 0; at < j->d; at += FL_TILE) {
        int64_t sum[FL_TILE] = {0};
        load(j, at);
        for (size_t k = 0; k < j->lefts; k++)
            j->k->add(sum, row(j->rows, k), j->groups[j->left[k]]->weight);
        for (size_t i = 0; i < FL_TILE; i++)
            sum[i] = divide(sum[i], weight);
        put_step(j, sum, at, ret_step);
    }
}

/* Groups count alike here: their sizes differ by one at most. */
static void take_trimmed(const struct judge *j, int32_t *ret_step) {
    size_t cut = j->lefts * j->rules->trim_thousandths / 1000;
    for (size_t at = 0; at < j->d; at += FL_TILE) {
        int64_t sum[FL_TILE] = {0};
        load(j, at);
        sort_tile(j);
        for (size_t k = cut; k < j->lefts - cut; k++)
            j->k->add(sum, row(j->sorted, k), 1);
        for (size_t i = 0; i < FL_TILE; i++)
            sum[i] = divide(sum[i], (int64_t)(j->lefts - 2 * cut));
        put_step(j, sum, at, ret_step);
    }
}

static enum fl_location location_for(const struct judge *j) {
    enum fl_location want = j->rules->location;
    if (want == FL_LOCATION_TRIMMED && j->lefts < FL_TRIM_GROUPS)
        return FL_LOCATION_DISTANCE;
    if (want == FL_LOCATION_KRUM && j->lefts >= FL_KRUM_GROUPS)
        return FL_LOCATION_DISTANCE;
    return want;
}

static void judge_together(
    struct judge *j, const u128 *norm2, int32_t *ret_step, struct fl_judged *ret) {
    size_t room = (j->lefts != 0 ? j->lefts : 1) * FL_TILE;
    size_t pairs = j->lefts < FL_KRUM_GROUPS ? FL_KRUM_GROUPS * FL_KRUM_GROUPS : j->lefts;
    j->rows = ws_calloc(room, sizeof(*j->rows));
    j->sorted = ws_calloc(room, sizeof(*j->sorted));
    j->pair2 = ws_calloc(pairs, sizeof(*j->pair2));
    ret->location = location_for(j);
    /* Two groups have no majority: nothing to filter by. */
    if (ret->location == FL_LOCATION_DISTANCE && j->lefts > 2)
        filter_distant(j, ret);
    else if (ret->location == FL_LOCATION_KRUM)
        choose(j);
    clip(j, norm2, ret);
    for (size_t k = 0; k < j->lefts; k++)
        ret->vehicles += j->groups[j->left[k]]->weight;
    ret->accepted = (uint32_t)j->lefts;
    ret->step = j->lefts >= j->rules->min_groups;
    memset(ret_step, 0, j->d * sizeof(*ret_step));
    if (ret->step && ret->location == FL_LOCATION_TRIMMED)
        take_trimmed(j, ret_step);
    else if (ret->step)
        take_mean(j, ret_step);
    free(j->rows);
    free(j->sorted);
    free(j->pair2);
}

static int check(const struct judge *j, struct ws_err *err) {
    if (fl_scale_check(j->scale, err) != 0 || fl_rules_check(j->rules, err) != 0)
        return WS_EINPUT;
    if (j->n == 0 || j->n > FL_MAX_GROUPS)
        return ws_fail(err, WS_EINPUT, "%zu groups; 1 to %d are possible", j->n, FL_MAX_GROUPS);
    if (j->d == 0 || j->d > FL_MAX_PARAMS)
        return ws_fail(
            err, WS_EINPUT, "sums of %zu parameters; 1 to %d are possible", j->d, FL_MAX_PARAMS);
    if (j->reference != NULL && !j->k->inside(j->reference, j->d, FL_PARAM_MAX))
        return ws_fail(err, WS_EINPUT, "a reference step beyond %d", FL_PARAM_MAX);
    return 0;
}

static int check_groups(const struct judge *j, struct ws_err *err) {
    for (size_t i = 0; i < j->n; i++) {
        const struct fl_group *g = j->groups[i];
        if (g->weight == 0 || g->weight > FL_MAX_WEIGHT)
            return ws_fail(err, WS_EINPUT, "group %u has weight %u; 1 to %d are possible", g->id,
                g->weight, FL_MAX_WEIGHT);
        if (i != 0 && g->id == j->groups[i - 1]->id)
            return ws_fail(err, WS_EINPUT, "group %u is there twice", g->id);
        WS_ASSERT(g->found != FL_ACCEPTED || g->sum != NULL);
    }
    return 0;
}

static uint64_t norm_of(const struct judge *j, const int32_t *step) {
    u128 sum = 0;
    for (size_t at = 0; at < j->d; at += FL_TILE)
        sum += j->k->squares(step + at, tile_of(j, at)); /* 2^52 each, 2^59 a tile */
    return fl_isqrt(sum);
}

int fl_judge(const struct fl_scale *scale, const struct fl_rules *rules,
    const struct fl_group *groups, size_t n, const int32_t *reference, size_t d, int32_t *ret_step,
    struct fl_verdict *ret_verdicts, struct fl_judged *ret, struct ws_err *err) {
    const struct fl_group *sorted[FL_MAX_GROUPS];
    int64_t factor[FL_MAX_GROUPS];
    size_t left[FL_MAX_GROUPS];
    size_t apart[FL_MAX_GROUPS];
    u128 norm2[FL_MAX_GROUPS];
    struct judge j = {.k = fl_kernels(false),
        .scale = scale,
        .rules = rules,
        .reference = reference,
        .d = d,
        .n = n,
        .groups = sorted,
        .verdicts = ret_verdicts,
        .factor = factor,
        .left = left,
        .apart = apart};
    if (check(&j, err) != 0)
        return WS_EINPUT;
    for (size_t i = 0; i < n; i++)
        sorted[i] = &groups[i];
    qsort((void *)sorted, n, sizeof(const struct fl_group *), by_id);
    if (check_groups(&j, err) != 0)
        return WS_EINPUT;
    *ret = (struct fl_judged){0};
    for (size_t at = 0; reference != NULL && at < d; at += FL_TILE)
        j.reference2 += j.k->squares(reference + at, tile_of(&j, at));
    for (size_t i = 0; i < n; i++) {
        norm2[i] = judge_alone(&j, sorted[i], &ret_verdicts[i]);
        factor[i] = ((int64_t)1 << FACTOR_BITS) / sorted[i]->weight;
        if (ret_verdicts[i].code == FL_ACCEPTED && sorted[i]->suspects)
            apart[j.aparts++] = i;
        else if (ret_verdicts[i].code == FL_ACCEPTED)
            left[j.lefts++] = i;
    }
    judge_together(&j, norm2, ret_step, ret);
    ret->step_norm = norm_of(&j, ret_step);
    return 0;
}

size_t fl_model_apply(int32_t *model, const int32_t *step, size_t d) {
    size_t kept = 0;
    for (size_t i = 0; i < d; i++) {
        int64_t v = (int64_t)model[i] + step[i];
        int64_t in = v > FL_PARAM_MAX ? FL_PARAM_MAX : v < -FL_PARAM_MAX ? -FL_PARAM_MAX : v;
        kept += in != v;
        model[i] = (int32_t)in;
    }
    return kept;
}
