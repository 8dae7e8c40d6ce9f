#include "mapsvc/fuse/fusion.h"
#include "mapsvc/model/ints.h"

#include "base/assert.h"

#include <stdlib.h>

int64_t fusion_log2(uint32_t x) {
    WS_ASSERT(x > 0);
    int e = 31 - __builtin_clz(x);
    /* Q31 mantissa in [1, 2). */
    uint64_t m = (uint64_t)x << (31 - e);
    int64_t r = (int64_t)e << 16;
    for (int b = 15; b >= 0; b--) {
        m = m * m >> 31;
        if (m >= UINT64_C(1) << 32) {
            m >>= 1;
            r += INT64_C(1) << b;
        }
    }
    return r;
}

struct fusion_weight fusion_weigh(uint32_t tpr_ppm, uint32_t fpr_ppm) {
    WS_ASSERT(tpr_ppm > 0 && tpr_ppm < 1000000);
    WS_ASSERT(fpr_ppm > 0 && fpr_ppm < 1000000);
    if (tpr_ppm <= fpr_ppm)
        return (struct fusion_weight){0, 0};
    return (struct fusion_weight){
        .detect = fusion_log2(tpr_ppm) - fusion_log2(fpr_ppm),
        .miss = fusion_log2(1000000 - tpr_ppm) - fusion_log2(1000000 - fpr_ppm),
    };
}

/* Sum of the discounted magnitudes of one side. */
static int64_t discounted(const uint16_t *counts, const int64_t *magnitude) {
    bool used[SENSOR_RANKS] = {false};
    int64_t sum = 0;
    uint32_t rank = 0;
    for (int round = 0; round < SENSOR_RANKS; round++) {
        int best = -1;
        for (int k = 0; k < SENSOR_RANKS; k++)
            if (!used[k] && (best < 0 || magnitude[k] > magnitude[best]))
                best = k;
        used[best] = true;
        uint32_t n = counts[best];
        for (; n > 0 && rank < 3; n--, rank++)
            sum += magnitude[best] >> rank;
        sum += n * (magnitude[best] >> 3);
    }
    return sum;
}

int64_t fusion_group_bits(const struct fusion_counts *counts,
    const struct fusion_weight weight[static SENSOR_RANKS], int64_t cap) {
    int64_t up[SENSOR_RANKS];
    int64_t down[SENSOR_RANKS];
    for (int k = 0; k < SENSOR_RANKS; k++) {
        up[k] = weight[k].detect;
        down[k] = -weight[k].miss;
    }
    int64_t bits = discounted(counts->detect, up) - discounted(counts->miss, down);
    if (bits > cap)
        return cap;
    return bits < -cap ? -cap : bits;
}

int64_t fusion_decay(int64_t bits, uint64_t eighths) {
    /* 65536 * 2^(-i/8) */
    static const uint32_t factor[8] = {65536, 60096, 55108, 50535, 46340, 42494, 38967, 35733};
    uint64_t magnitude = bits < 0 ? 0 - (uint64_t)bits : (uint64_t)bits;
    uint64_t halvings = eighths / 8;
    if (halvings >= 64)
        return 0;
    magnitude >>= halvings;
    magnitude = (uint64_t)((unsigned __int128)magnitude * factor[eighths % 8] >> 16);
    return bits < 0 ? -(int64_t)magnitude : (int64_t)magnitude;
}

uint32_t fusion_sqrt(uint64_t x) {
    if (x == 0)
        return 0;
    uint64_t r = 0;
    for (uint64_t bit = UINT64_C(1) << (63 - __builtin_clzll(x)) / 2; bit > 0; bit >>= 1)
        if ((r | bit) * (r | bit) <= x)
            r |= bit;
    return (uint32_t)r;
}

/* ---- position ---- */

static uint64_t weight_of(const struct fusion_point *p) {
    return (UINT64_C(1) << 32) / ((uint64_t)p->sigma_mm * p->sigma_mm);
}

static int by_x(const void *a, const void *b) {
    int32_t x = ((const struct fusion_point *)a)->x;
    int32_t y = ((const struct fusion_point *)b)->x;
    return (x > y) - (x < y);
}

static int by_y(const void *a, const void *b) {
    int32_t x = ((const struct fusion_point *)a)->y;
    int32_t y = ((const struct fusion_point *)b)->y;
    return (x > y) - (x < y);
}

static int by_place(const void *a, const void *b) {
    int c = by_x(a, b);
    if (c == 0)
        c = by_y(a, b);
    if (c != 0)
        return c;
    uint32_t x = ((const struct fusion_point *)a)->sigma_mm;
    uint32_t y = ((const struct fusion_point *)b)->sigma_mm;
    return (x > y) - (x < y);
}

static int by_sigma(const void *a, const void *b) {
    uint32_t x = ((const struct fusion_point *)a)->sigma_mm;
    uint32_t y = ((const struct fusion_point *)b)->sigma_mm;
    return (x > y) - (x < y);
}

/* The middle one, or half way between the two in the middle. */
static int64_t half_way(int64_t a, int64_t b) {
    return floor_div((__int128)a + b, 2);
}

struct middle {
    int64_t x, y;
    uint64_t variance; /* of either, per axis: 1.57 of a mean's */
};

static struct middle median(const struct fusion_point *p, size_t n) {
    struct fusion_point sorted[FUSION_MAX_POINTS];
    struct middle m;
    memcpy(sorted, p, n * sizeof(*p));
    qsort(sorted, n, sizeof(*sorted), by_x);
    m.x = half_way(sorted[(n - 1) / 2].x, sorted[n / 2].x);
    qsort(sorted, n, sizeof(*sorted), by_y);
    m.y = half_way(sorted[(n - 1) / 2].y, sorted[n / 2].y);
    qsort(sorted, n, sizeof(*sorted), by_sigma);
    uint64_t sigma = sorted[n / 2].sigma_mm;
    m.variance = 25 * sigma * sigma / (16 * n);
    return m;
}

static bool drop_outlier(struct fusion_point *p, size_t n) {
    struct middle m = median(p, n);
    size_t worst = 0;
    unsigned __int128 worst_d2 = 0;
    uint64_t worst_limit = 1;
    for (size_t i = 0; i < n; i++) {
        uint64_t limit = 9 * ((uint64_t)p[i].sigma_mm * p[i].sigma_mm + m.variance);
        __int128 dx = p[i].x - m.x;
        __int128 dy = p[i].y - m.y;
        unsigned __int128 d2 = (unsigned __int128)(dx * dx + dy * dy);
        if (d2 * worst_limit > worst_d2 * limit) {
            worst = i;
            worst_d2 = d2;
            worst_limit = limit;
        }
    }
    if (worst_d2 <= worst_limit)
        return false;
    memmove(p + worst, p + worst + 1, (n - worst - 1) * sizeof(*p));
    return true;
}

static int heaviest_first(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

/* The most that one of n weights may count: with the k heaviest held to it, a quarter of all that is counted. */
static uint64_t heaviest_allowed(const struct fusion_point *p, size_t n) {
    enum { SHARE = 4 };
    uint64_t w[FUSION_MAX_POINTS];
    uint64_t rest = 0;
    for (size_t i = 0; i < n; i++)
        rest += w[i] = weight_of(&p[i]);
    qsort(w, n, sizeof(*w), heaviest_first);
    uint64_t most = rest / SHARE;
    for (size_t k = 0; k + 1 < SHARE && w[k] > most; k++) {
        rest -= w[k];
        most = rest / (SHARE - 1 - k);
    }
    return most;
}

struct fusion_point fusion_position(const struct fusion_point *points, size_t n) {
    WS_ASSERT(n >= 1 && n <= FUSION_MAX_POINTS);
    struct fusion_point p[FUSION_MAX_POINTS];
    memcpy(p, points, n * sizeof(*p));
    qsort(p, n, sizeof(*p), by_place);
    while (n > FUSION_JUDGED && drop_outlier(p, n))
        n--;
    uint64_t most = n < FUSION_JUDGED ? UINT64_MAX : heaviest_allowed(p, n);
    uint64_t sum = 0;
    __int128 sx = 0;
    __int128 sy = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t w = weight_of(&p[i]);
        w = w > most ? most : w;
        sum += w;
        sx += (__int128)w * p[i].x;
        sy += (__int128)w * p[i].y;
    }
    struct fusion_point r;
    r.x = (int32_t)floor_div(sx + (__int128)(sum / 2), (int64_t)sum);
    r.y = (int32_t)floor_div(sy + (__int128)(sum / 2), (int64_t)sum);
    uint32_t sigma = fusion_sqrt((UINT64_C(1) << 32) / sum);
    r.sigma_mm = sigma > 0 ? sigma : 1;
    return r;
}
