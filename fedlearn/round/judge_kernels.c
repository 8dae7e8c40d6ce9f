#include "fedlearn/round/judge_kernels.h"

_Static_assert((-1 >> 1) == -1, "shifts of negative numbers round down");

#define INLINE static inline __attribute__((always_inline))

INLINE bool inside(const int32_t *v, size_t n, int32_t bound) {
    uint32_t out = 0;
    for (size_t i = 0; i < n; i++)
        out |= (uint32_t)(v[i] > bound) | (uint32_t)(v[i] < -bound);
    return out == 0;
}

INLINE uint64_t squares(const int32_t *v, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (uint64_t)((int64_t)v[i] * v[i]);
    return sum;
}

INLINE int64_t dot(const int32_t *v, const int32_t *w, size_t n) {
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (int64_t)v[i] * w[i];
    return sum;
}

INLINE void means(const int32_t *v, size_t n, int64_t factor, int64_t *restrict ret) {
    for (size_t i = 0; i < n; i++)
        ret[i] = (v[i] * factor + (1 << 15)) >> 16;
    for (size_t i = n; i < FL_TILE; i++)
        ret[i] = 0;
}

/* Batcher's merge exchange (Knuth, The Art of Computer Programming, volume 3, 5.2.2, algorithm M): works for any n
 * and its comparisons do not depend on the values, so that whole rows are compared at once. */
INLINE void sort(int64_t *rows, size_t n) {
    size_t top = 1;
    while (top * 2 < n)
        top *= 2;
    for (size_t p = top; p > 0; p /= 2) {
        size_t q = top;
        size_t r = 0;
        size_t d = p;
        for (;;) {
            for (size_t i = 0; i + d < n; i++) {
                if ((i & p) != r)
                    continue;
                int64_t *restrict a = rows + i * FL_TILE;
                int64_t *restrict b = rows + (i + d) * FL_TILE;
                for (size_t k = 0; k < FL_TILE; k++) {
                    int64_t x = a[k];
                    int64_t y = b[k];
                    a[k] = x < y ? x : y;
                    b[k] = x < y ? y : x;
                }
            }
            if (q == p)
                break;
            d = q - p;
            q /= 2;
            r = p;
        }
    }
}

INLINE uint64_t distance2(const int64_t *a, const int64_t *b) {
    uint64_t sum = 0;
    for (size_t i = 0; i < FL_TILE; i++) {
        int64_t x = (a[i] - b[i]) >> 12;
        sum += (uint64_t)(x * x);
    }
    return sum;
}

INLINE void add(int64_t *restrict sum, const int64_t *restrict a, int64_t factor) {
    for (size_t i = 0; i < FL_TILE; i++)
        sum[i] += factor * a[i];
}

/* NOLINTBEGIN(bugprone-macro-parentheses): an attribute cannot stand in parentheses. */
/* The same loops for each set of instructions; the compiler does the rest. */
#define VARIANT(suffix, attribute)                                                                 \
    attribute static bool inside_##suffix(const int32_t *v, size_t n, int32_t bound) {             \
        return inside(v, n, bound);                                                                \
    }                                                                                              \
    attribute static uint64_t squares_##suffix(const int32_t *v, size_t n) {                       \
        return squares(v, n);                                                                      \
    }                                                                                              \
    attribute static int64_t dot_##suffix(const int32_t *v, const int32_t *w, size_t n) {          \
        return dot(v, w, n);                                                                       \
    }                                                                                              \
    attribute static void means_##suffix(                                                          \
        const int32_t *v, size_t n, int64_t factor, int64_t *ret) {                                \
        means(v, n, factor, ret);                                                                  \
    }                                                                                              \
    attribute static void sort_##suffix(int64_t *rows, size_t n) {                                 \
        sort(rows, n);                                                                             \
    }                                                                                              \
    attribute static uint64_t distance2_##suffix(const int64_t *a, const int64_t *b) {             \
        return distance2(a, b);                                                                    \
    }                                                                                              \
    attribute static void add_##suffix(int64_t *sum, const int64_t *a, int64_t factor) {           \
        add(sum, a, factor);                                                                       \
    }                                                                                              \
    static const struct fl_kernels kernels_##suffix = {#suffix, inside_##suffix, squares_##suffix, \
        dot_##suffix, means_##suffix, sort_##suffix, distance2_##suffix, add_##suffix};

/* NOLINTEND(bugprone-macro-parentheses) */

#define NOTHING
VARIANT(portable, NOTHING)

#if defined(__x86_64__)
VARIANT(avx2, __attribute__((target("avx2"))))
VARIANT(avx512, __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw"))))

const struct fl_kernels *fl_kernels(bool portable) {
    if (portable)
        return &kernels_portable;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        return &kernels_avx512;
    return __builtin_cpu_supports("avx2") ? &kernels_avx2 : &kernels_portable;
}
#else
const struct fl_kernels *fl_kernels(bool portable) {
    (void)portable;
    return &kernels_portable;
}
#endif
