/* Inner loops of the judge over a tile of coordinates: the same integers on every processor. Internal to judge. */
#ifndef WAYSIDE_FEDLEARN_ROUND_JUDGE_KERNELS_H
#define WAYSIDE_FEDLEARN_ROUND_JUDGE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Coordinates of a tile. Squares of differences, below 2^56 each, must add up in 64 bits. */
enum { FL_TILE = 128 };

struct fl_kernels {
    const char *name;
    /* Every value in +-bound. */
    bool (*inside)(const int32_t *v, size_t n, int32_t bound);
    /* Sums over n <= FL_TILE values: |v| <= 2^25, |w| < 2^26. */
    uint64_t (*squares)(const int32_t *v, size_t n);
    int64_t (*dot)(const int32_t *v, const int32_t *w, size_t n);
    /* out = (v * factor + 2^15) >> 16, |v * factor| < 2^62; the rest of the tile is zero. */
    void (*means)(const int32_t *v, size_t n, int64_t factor, int64_t *ret);
    /* Sorts each column of n rows of FL_TILE values. */
    void (*sort)(int64_t *rows, size_t n);
    /* Sum over the tile of ((a - b) >> 12)^2, |a - b| <= 2^40. */
    uint64_t (*distance2)(const int64_t *a, const int64_t *b);
    /* sum += factor * a over the tile. */
    void (*add)(int64_t *sum, const int64_t *a, int64_t factor);
};

/* The best for this processor; with `portable` the one that runs anywhere. */
const struct fl_kernels *fl_kernels(bool portable);

#endif
