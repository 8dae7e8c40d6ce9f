/* Integer arithmetic that several parts of the map need alike. Pure. */
#ifndef WAYSIDE_MAPSVC_MODEL_INTS_H
#define WAYSIDE_MAPSVC_MODEL_INTS_H

#include <stdint.h>

/* Quotient towards minus infinity; b > 0. The result has to fit. */
static inline int64_t floor_div(__int128 a, int64_t b) {
    __int128 q = a / b;
    return (int64_t)(a % b < 0 ? q - 1 : q);
}

/* -1, 0 or 1, as qsort wants it. */
static inline int compare_i64(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

/* The same for a list of int64_t. */
static inline int order_i64(const void *a, const void *b) {
    return compare_i64(*(const int64_t *)a, *(const int64_t *)b);
}

/* Bit i of v to bit 2 i. */
static inline uint64_t spread_bits(uint32_t v) {
    uint64_t x = v;
    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x = (x | x << 2) & UINT64_C(0x3333333333333333);
    return (x | x << 1) & UINT64_C(0x5555555555555555);
}

/* Bits of x and y in turn, x's lowest. */
static inline uint64_t morton_of(uint32_t x, uint32_t y) {
    return spread_bits(x) | spread_bits(y) << 1;
}

#endif
