/* Numbers modulo p in eight lanes: five limbs of 52 bits a lane, Montgomery form with R = 2^260.
 *
 * A number is "carried" when every limb is in [0, 2^52): what multiplication takes, since vpmadd52 silently drops
 * higher bits. It is "raw" when limbs are signed 64-bit numbers of less than 2^61: what products, sums and
 * differences are before fe_carry. Values are lazy, bounds in multiples of p stand at each function; "weak" is
 * (0, W p) with W = 2.01 for P-256 and 2.52 for Brainpool. Products take a b < 16 p^2 (Brainpool: 24 p^2), since
 * then (a b + q p) / R < 2p.
 *
 * Included once for each curve, see ifma_curve.h. Private to v2x/bulk/ifma_*. */
/* Rows of macros without semicolons are beyond the formatter, which never comes to rest on them. */
/* clang-format off */
#ifndef WAYSIDE_V2X_BULK_IFMA_FIELD_H
#define WAYSIDE_V2X_BULK_IFMA_FIELD_H

#include "v2x/bulk/ifma_const.h"

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

#define INLINE inline __attribute__((always_inline))
#define FE_MASK 0xfffffffffffffULL

typedef __m512i vec;
typedef struct {
    vec l[5];
} fe;

/* Written out limb by limb: gcc keeps an array that a loop walks in memory. */
#define EACH_LIMB(DO) DO(0) DO(1) DO(2) DO(3) DO(4)

static INLINE vec vec_all(uint64_t v) {
    return _mm512_set1_epi64((long long)v);
}

static INLINE fe fe_const(const uint64_t c[5]) {
    return (fe){{vec_all(c[0]), vec_all(c[1]), vec_all(c[2]), vec_all(c[3]), vec_all(c[4])}};
}

static INLINE fe fe_add(fe a, fe b) {
#define DO(i) a.l[i] = _mm512_add_epi64(a.l[i], b.l[i]);
    EACH_LIMB(DO)
#undef DO
    return a;
}

static INLINE fe fe_sub(fe a, fe b) {
#define DO(i) a.l[i] = _mm512_sub_epi64(a.l[i], b.l[i]);
    EACH_LIMB(DO)
#undef DO
    return a;
}

static INLINE fe fe_shift(fe a, unsigned bits) {
#define DO(i) a.l[i] = _mm512_slli_epi64(a.l[i], bits);
    EACH_LIMB(DO)
#undef DO
    return a;
}

static INLINE fe fe_negate(fe a, __mmask8 lanes) {
#define DO(i) a.l[i] = _mm512_mask_sub_epi64(a.l[i], lanes, _mm512_setzero_si512(), a.l[i]);
    EACH_LIMB(DO)
#undef DO
    return a;
}

static INLINE fe fe_blend(__mmask8 lanes, fe a, fe b) { /* b where the lane is set */
#define DO(i) a.l[i] = _mm512_mask_blend_epi64(lanes, a.l[i], b.l[i]);
    EACH_LIMB(DO)
#undef DO
    return a;
}

/* Raw to carried; the value must be in [0, 2^260). A negative value shows as a negative top limb. */
static INLINE fe fe_carry(fe a) {
    const vec mask = vec_all(FE_MASK);
#define STEP(i)                                                                                    \
    a.l[(i) + 1] = _mm512_add_epi64(a.l[(i) + 1], _mm512_srai_epi64(a.l[i], 52));                  \
    a.l[i] = _mm512_and_si512(a.l[i], mask);
    STEP(0)
    STEP(1) STEP(2) STEP(3)
#undef STEP
        return a;
}

/* a - b + 4p, carried, for weak, canonical and negated canonical numbers: (0, 6.6p). */
static INLINE fe fe_diff(fe a, fe b) {
    return fe_carry(fe_add(fe_sub(a, b), fe_shift(fe_const(C_P), 2)));
}

#define LO _mm512_madd52lo_epu64
#define HI _mm512_madd52hi_epu64

/* t = a * b in ten columns, each below 2^56. */
struct wide {
    vec t[10];
};

static INLINE struct wide fe_product(fe a, fe b) {
    struct wide w;
    const vec zero = _mm512_setzero_si512();
    w.t[0] = w.t[1] = w.t[2] = w.t[3] = w.t[4] = zero;
    w.t[5] = w.t[6] = w.t[7] = w.t[8] = w.t[9] = zero;
#define CELL(i, j)                                                                                 \
    w.t[(i) + (j)] = LO(w.t[(i) + (j)], a.l[j], b.l[i]);                                           \
    w.t[(i) + (j) + 1] = HI(w.t[(i) + (j) + 1], a.l[j], b.l[i]);
#define ROW(i) CELL(i, 0) CELL(i, 1) CELL(i, 2) CELL(i, 3) CELL(i, 4)
    EACH_LIMB(ROW)
#undef ROW
    return w;
}

static INLINE struct wide fe_square(fe a) {
    struct wide w;
    fe b = a;
    const vec zero = _mm512_setzero_si512();
    w.t[0] = w.t[1] = w.t[2] = w.t[3] = w.t[4] = zero;
    w.t[5] = w.t[6] = w.t[7] = w.t[8] = w.t[9] = zero;
    CELL(0, 1)
    CELL(0, 2) CELL(0, 3) CELL(0, 4) CELL(1, 2) CELL(1, 3) CELL(1, 4) CELL(2, 3) CELL(2, 4)
        CELL(3, 4)
    /* Doubled here, not in an operand: that would have 53 bits. Columns 0 and 9 are still empty or take hi only. */
#define DO(i) w.t[i] = _mm512_add_epi64(w.t[i], w.t[i]);
            DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8)
#undef DO
                CELL(0, 0) CELL(1, 1) CELL(2, 2) CELL(3, 3) CELL(4, 4)
#undef CELL
                    return w;
}

/* (t + q p) / R, raw and not negative, < 2p for t < p R. Each step clears column i. */
static INLINE fe fe_reduce(struct wide w) {
#if IFMA_CURVE == IFMA_P256
    /* p = -1 modulo 2^52, so q is column i itself: q p + q = q (2^96 + 2^192 + 2^256 - 2^224). */
    const vec k44 = vec_all(1ULL << 44), k36 = vec_all(1ULL << 36);
    const vec k48 = vec_all((1ULL << 48) - (1ULL << 16));
#define STEP(i)                                                                                    \
    w.t[(i) + 1] = LO(w.t[(i) + 1], w.t[i], k44);                                                  \
    w.t[(i) + 1] = _mm512_add_epi64(w.t[(i) + 1], _mm512_srli_epi64(w.t[i], 52));                  \
    w.t[(i) + 2] = HI(w.t[(i) + 2], w.t[i], k44);                                                  \
    w.t[(i) + 3] = LO(w.t[(i) + 3], w.t[i], k36);                                                  \
    w.t[(i) + 4] = HI(w.t[(i) + 4], w.t[i], k36);                                                  \
    w.t[(i) + 4] = LO(w.t[(i) + 4], w.t[i], k48);                                                  \
    w.t[(i) + 5] = HI(w.t[(i) + 5], w.t[i], k48);
#else
    /* Column i plus lo(q p_0) is a multiple of 2^52: the carry is known without that product. */
    const fe p = fe_const(C_P);
    const vec neg_inv = vec_all(C_NEG_INV), mask = vec_all(FE_MASK);
#define STEP(i)                                                                                    \
    {                                                                                              \
        const vec q = LO(_mm512_setzero_si512(), w.t[i], neg_inv);                                 \
        const vec c = _mm512_srli_epi64(_mm512_add_epi64(w.t[i], mask), 52);                       \
        w.t[(i) + 1] = LO(w.t[(i) + 1], q, p.l[1]);                                                \
        w.t[(i) + 1] = HI(w.t[(i) + 1], q, p.l[0]);                                                \
        w.t[(i) + 1] = _mm512_add_epi64(w.t[(i) + 1], c);                                          \
        w.t[(i) + 2] = LO(w.t[(i) + 2], q, p.l[2]);                                                \
        w.t[(i) + 2] = HI(w.t[(i) + 2], q, p.l[1]);                                                \
        w.t[(i) + 3] = LO(w.t[(i) + 3], q, p.l[3]);                                                \
        w.t[(i) + 3] = HI(w.t[(i) + 3], q, p.l[2]);                                                \
        w.t[(i) + 4] = LO(w.t[(i) + 4], q, p.l[4]);                                                \
        w.t[(i) + 4] = HI(w.t[(i) + 4], q, p.l[3]);                                                \
        w.t[(i) + 5] = HI(w.t[(i) + 5], q, p.l[4]);                                                \
    }
#endif
    EACH_LIMB(STEP)
#undef STEP
    return (fe){{w.t[5], w.t[6], w.t[7], w.t[8], w.t[9]}};
}

static INLINE fe fe_mul_raw(fe a, fe b) {
    return fe_reduce(fe_product(a, b));
}

static INLINE fe fe_sqr_raw(fe a) {
    return fe_reduce(fe_square(a));
}

static INLINE fe fe_mul(fe a, fe b) {
    return fe_carry(fe_mul_raw(a, b));
}

static INLINE fe fe_sqr(fe a) {
    return fe_carry(fe_sqr_raw(a));
}

/* Raw to raw, the value to weak; Brainpool: from (-12p, 12p). What raw limbs hold above 52 bits shifts the top limb by
 * far less than the hundredth of p that the bounds leave. */
static INLINE fe fe_weak(fe a) {
#if IFMA_CURVE == IFMA_P256
    const vec q = _mm512_add_epi64(_mm512_srai_epi64(a.l[4], 48), vec_all(~0ULL));
    a.l[0] = _mm512_add_epi64(a.l[0], q);
    a.l[1] = _mm512_sub_epi64(a.l[1], _mm512_slli_epi64(q, 44));
    a.l[3] = _mm512_sub_epi64(a.l[3], _mm512_slli_epi64(q, 36));
    a.l[4] = _mm512_add_epi64(a.l[4], _mm512_slli_epi64(q, 16));
    a.l[4] = _mm512_sub_epi64(a.l[4], _mm512_slli_epi64(q, 48));
#else
    const vec q = _mm512_srai_epi64(a.l[4], 48);
#define DO(i)                                                                                      \
    a.l[i] = _mm512_sub_epi64(a.l[i], _mm512_permutex2var_epi64(_mm512_load_si512(&C_WEAK[i][0]),  \
                                          q, _mm512_load_si512(&C_WEAK[i][8])));
    EACH_LIMB(DO)
#undef DO
#endif
    return a;
}

static INLINE fe fe_tidy(fe a) { /* raw to weak and carried */
    return fe_carry(fe_weak(a));
}

/* Raw, in the range of fe_weak, to canonical: in [0, p), carried. */
static inline fe fe_freeze(fe a) {
    a = fe_tidy(a);
    for (int i = 0; i < 3; i++) {
        const fe less = fe_carry(fe_sub(a, fe_const(C_P)));
        a = fe_blend(_mm512_movepi64_mask(less.l[4]), less, a);
    }
    return a;
}

/* Lanes that are 0 modulo p; carried, < 16p. Times 1 it is in [0, p], so zero is 0 or p. */
static inline __mmask8 fe_zero(fe a) {
    const uint64_t one[5] = {1};
    const fe v = fe_mul(a, fe_const(one)), p = fe_const(C_P);
    __mmask8 is_0 = 0xff, is_p = 0xff;
#define DO(i)                                                                                      \
    is_0 &= _mm512_testn_epi64_mask(v.l[i], v.l[i]);                                               \
    is_p &= _mm512_cmpeq_epi64_mask(v.l[i], p.l[i]);
    EACH_LIMB(DO)
#undef DO
    return is_0 | is_p;
}

/* Four words of 64 bits a lane to limbs and back (from carried, < 2^256). */
static INLINE fe fe_from_words(vec w0, vec w1, vec w2, vec w3) {
    const vec mask = vec_all(FE_MASK);
    return (fe){{_mm512_and_si512(w0, mask), _mm512_and_si512(_mm512_shrdi_epi64(w0, w1, 52), mask),
        _mm512_and_si512(_mm512_shrdi_epi64(w1, w2, 40), mask),
        _mm512_and_si512(_mm512_shrdi_epi64(w2, w3, 28), mask), _mm512_srli_epi64(w3, 16)}};
}

static INLINE void fe_to_words(fe a, vec w[4]) {
    w[0] = _mm512_or_si512(a.l[0], _mm512_slli_epi64(a.l[1], 52));
    w[1] = _mm512_or_si512(_mm512_srli_epi64(a.l[1], 12), _mm512_slli_epi64(a.l[2], 40));
    w[2] = _mm512_or_si512(_mm512_srli_epi64(a.l[2], 24), _mm512_slli_epi64(a.l[3], 28));
    w[3] = _mm512_or_si512(_mm512_srli_epi64(a.l[3], 36), _mm512_slli_epi64(a.l[4], 16));
}

/* words[word][lane] */
static inline fe fe_load(const uint64_t (*words)[8]) {
    return fe_from_words(_mm512_loadu_si512(words[0]), _mm512_loadu_si512(words[1]),
        _mm512_loadu_si512(words[2]), _mm512_loadu_si512(words[3]));
}

static inline void fe_store(fe a, uint64_t (*ret_words)[8]) {
    vec w[4];
    fe_to_words(fe_freeze(a), w);
    for (int i = 0; i < 4; i++)
        _mm512_storeu_si512(ret_words[i], w[i]);
}

#endif
