/* Eight words at a time with the 52-bit multiply-add of AVX-512 IFMA. q < 2^50 leaves two bits of a lane for lazy sums: values
 * stay below 2q between the inverse's layers and below 4q between the forward's.
 *
 * The last three distances of a transform (4, 2, 1) lie within 16 neighbouring words. Taking the even and the odd places of two
 * vectors three times brings the partners of distances 1, 2 and 4 face to face and the words back to their places. */
#include "fedlearn/vehicle/ring_path.h"

#include "base/assert.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define LANES                                                                                      \
    __attribute__((                                                                                \
        target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,avx512vbmi,avx512vpopcntdq")))
#define INLINE LANES static inline __attribute__((always_inline))

static bool usable(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("avx512vpopcntdq");
}

INLINE __m512i all(uint64_t v) {
    return _mm512_set1_epi64((long long)v);
}
INLINE __m512i load(const uint64_t *p) {
    return _mm512_load_si512(p);
}
INLINE void store(uint64_t *p, __m512i v) {
    _mm512_store_si512(p, v);
}

/* a w mod q in [0, 2q) for a < 2^52; quot = floor(w 2^52 / q). */
INLINE __m512i mul(__m512i a, __m512i w, __m512i quot) {
    const __m512i zero = _mm512_setzero_si512();
    const __m512i minus_q = all((UINT64_C(1) << 52) - FL_Q);
    const __m512i times = _mm512_madd52hi_epu64(zero, a, quot);
    const __m512i low = _mm512_madd52lo_epu64(zero, a, w);
    return _mm512_and_si512(
        _mm512_madd52lo_epu64(low, times, minus_q), all((UINT64_C(1) << 52) - 1));
}
/* x - m if x >= m else x. */
INLINE __m512i once(__m512i x, uint64_t m) {
    return _mm512_min_epu64(x, _mm512_sub_epi64(x, all(m)));
}
INLINE __m512i quot52(__m512i quot64) {
    return _mm512_srli_epi64(quot64, 12);
}

/* In and out below 2q. */
INLINE void back(__m512i *x, __m512i *y, __m512i w, __m512i quot) {
    const __m512i sum = _mm512_add_epi64(*x, *y);
    const __m512i diff = _mm512_sub_epi64(_mm512_add_epi64(*x, all(2 * FL_Q)), *y);
    *x = once(sum, 2 * FL_Q);
    *y = mul(diff, w, quot);
}
/* In and out below 4q. */
INLINE void there(__m512i *x, __m512i *y, __m512i w, __m512i quot) {
    const __m512i a = once(*x, 2 * FL_Q);
    const __m512i t = mul(*y, w, quot);
    *x = _mm512_add_epi64(a, t);
    *y = _mm512_sub_epi64(_mm512_add_epi64(a, all(2 * FL_Q)), t);
}

INLINE void evens_odds(__m512i *x, __m512i *y) {
    const __m512i even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
    const __m512i a = _mm512_permutex2var_epi64(*x, even, *y);
    *y = _mm512_permutex2var_epi64(*x, odd, *y);
    *x = a;
}
INLINE void zip(__m512i *x, __m512i *y) {
    const __m512i low = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);
    const __m512i high = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
    const __m512i a = _mm512_permutex2var_epi64(*x, low, *y);
    *y = _mm512_permutex2var_epi64(*x, high, *y);
    *x = a;
}
/* The roots of 16 words at distance 4 (two, alternating), 2 (four, twice) and 1 (eight). */
INLINE __m512i roots4(const uint64_t *table, size_t block) {
    return _mm512_broadcast_i64x2(_mm_load_si128((const __m128i *)(table + FL_N / 8 + 2 * block)));
}
INLINE __m512i roots2(const uint64_t *table, size_t block) {
    return _mm512_broadcast_i64x4(
        _mm256_load_si256((const __m256i *)(table + FL_N / 4 + 4 * block)));
}
INLINE __m512i roots1(const uint64_t *table, size_t block) {
    return load(table + FL_N / 2 + 8 * block);
}

LANES static void forward(const struct fl_ring *r, uint64_t *x) {
    for (size_t groups = 1, half = FL_N / 2; half >= 8; groups *= 2, half /= 2) {
        for (size_t g = 0; g < groups; g++) {
            const __m512i w = all(r->root[groups + g]);
            const __m512i quot = all(r->root_quot[groups + g] >> 12);
            uint64_t *lo = x + 2 * half * g;
            for (size_t i = 0; i < half; i += 8) {
                __m512i a = load(lo + i);
                __m512i b = load(lo + half + i);
                there(&a, &b, w, quot);
                store(lo + i, a);
                store(lo + half + i, b);
            }
        }
    }
    for (size_t block = 0; block < FL_N / 16; block++) {
        __m512i a = load(x + 16 * block);
        __m512i b = load(x + 16 * block + 8);
        zip(&a, &b);
        there(&a, &b, roots4(r->root, block), quot52(roots4(r->root_quot, block)));
        zip(&a, &b);
        there(&a, &b, roots2(r->root, block), quot52(roots2(r->root_quot, block)));
        zip(&a, &b);
        there(&a, &b, roots1(r->root, block), quot52(roots1(r->root_quot, block)));
        zip(&a, &b);
        store(x + 16 * block, once(once(a, 2 * FL_Q), FL_Q));
        store(x + 16 * block + 8, once(once(b, 2 * FL_Q), FL_Q));
    }
}

/* Distances half and 2 half in one pass over the data. */
INLINE void back_two(const struct fl_ring *r, uint64_t *x, size_t half, bool last) {
    const size_t groups = FL_N / (4 * half); /* of the wider distance */
    for (size_t g = 0; g < groups; g++) {
        const __m512i w0 = all(r->back[2 * groups + 2 * g]);
        const __m512i q0 = all(r->back_quot[2 * groups + 2 * g] >> 12);
        const __m512i w1 = all(r->back[2 * groups + 2 * g + 1]);
        const __m512i q1 = all(r->back_quot[2 * groups + 2 * g + 1] >> 12);
        const __m512i w2 = all(r->back[groups + g]);
        const __m512i q2 = all(r->back_quot[groups + g] >> 12);
        uint64_t *at = x + 4 * half * g;
        for (size_t i = 0; i < half; i += 8) {
            __m512i a = load(at + i);
            __m512i b = load(at + half + i);
            __m512i c = load(at + 2 * half + i);
            __m512i d = load(at + 3 * half + i);
            back(&a, &b, w0, q0);
            back(&c, &d, w1, q1);
            back(&a, &c, w2, q2);
            back(&b, &d, w2, q2);
            store(at + i, last ? once(a, FL_Q) : a);
            store(at + half + i, last ? once(b, FL_Q) : b);
            store(at + 2 * half + i, last ? once(c, FL_Q) : c);
            store(at + 3 * half + i, last ? once(d, FL_Q) : d);
        }
    }
}

LANES static void inverse(const struct fl_ring *r, uint64_t *x) {
    for (size_t block = 0; block < FL_N / 16; block++) {
        __m512i a = load(x + 16 * block);
        __m512i b = load(x + 16 * block + 8);
        evens_odds(&a, &b);
        back(&a, &b, roots1(r->back, block), quot52(roots1(r->back_quot, block)));
        evens_odds(&a, &b);
        back(&a, &b, roots2(r->back, block), quot52(roots2(r->back_quot, block)));
        evens_odds(&a, &b);
        back(&a, &b, roots4(r->back, block), quot52(roots4(r->back_quot, block)));
        evens_odds(&a, &b);
        store(x + 16 * block, a);
        store(x + 16 * block + 8, b);
    }
    back_two(r, x, 8, false);
    back_two(r, x, 32, false);
    back_two(r, x, 128, false);
    back_two(r, x, 512, true);
}

LANES static void pointwise(const struct fl_multiplier *s, uint64_t *a) {
    for (size_t i = 0; i < FL_N; i += 8)
        store(a + i, once(mul(load(a + i), load(s->w + i), quot52(load(s->quot + i))), FL_Q));
}

LANES static void binomial(const uint8_t *octets, int8_t *e) {
    const __m512i mask = all((UINT64_C(1) << 42) - 1);
    for (size_t i = 0; i < FL_N; i += 8) {
        __m512i a = _mm512_loadu_si512(octets + 16 * i);
        __m512i b = _mm512_loadu_si512(octets + 16 * i + 64);
        a = _mm512_popcnt_epi64(_mm512_and_si512(a, mask));
        b = _mm512_popcnt_epi64(_mm512_and_si512(b, mask));
        evens_odds(&a, &b);
        _mm_storel_epi64((__m128i *)(e + i), _mm512_cvtepi64_epi8(_mm512_sub_epi64(a, b)));
    }
}

static unsigned lowest(size_t n) {
    return (1U << n) - 1;
}

LANES static void clamp(const int32_t *u, size_t n, int32_t limit, int64_t *m) {
    const __m512i most = _mm512_set1_epi32(limit);
    const __m512i least = _mm512_set1_epi32(-limit);
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 there_is = (__mmask16)lowest(n - i < 16 ? n - i : 16);
        __m512i v = _mm512_maskz_loadu_epi32(there_is, u + i);
        v = _mm512_min_epi32(_mm512_max_epi32(v, least), most);
        _mm512_mask_storeu_epi64(
            m + i, (__mmask8)there_is, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(v)));
        _mm512_mask_storeu_epi64(m + i + 8, (__mmask8)(there_is >> 8),
            _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(v, 1)));
    }
}

LANES static uint64_t narrow(
    const int64_t *m, size_t n, int64_t limit, int32_t *u, uint64_t *squares) {
    const __m512i most = all((uint64_t)limit);
    __m512i beyond = _mm512_setzero_si512();
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += 8) {
        const __mmask8 there_is = (__mmask8)lowest(n - i < 8 ? n - i : 8);
        const __m512i v = _mm512_maskz_loadu_epi64(there_is, m + i);
        const __mmask8 out = _mm512_cmpgt_epi64_mask(_mm512_abs_epi64(v), most);
        beyond = _mm512_mask_add_epi64(beyond, out, beyond, all(1));
        sum = _mm512_add_epi64(sum, _mm512_mul_epi32(v, v));
        _mm512_mask_cvtepi64_storeu_epi32(u + i, there_is, v);
    }
    *squares += (uint64_t)_mm512_reduce_add_epi64(sum);
    return (uint64_t)_mm512_reduce_add_epi64(beyond);
}

LANES static void blind(uint64_t *c, const int8_t *e, const int64_t *m, uint64_t delta) {
    for (size_t i = 0; i < FL_N; i += 8) {
        const __m512i small = _mm512_cvtepi8_epi64(_mm_loadl_epi64((const __m128i *)(e + i)));
        const __m512i message = _mm512_mullo_epi64(_mm512_load_si512(m + i), all(delta));
        __m512i x = _mm512_add_epi64(_mm512_add_epi64(load(c + i), small), message);
        x = _mm512_min_epu64(x, _mm512_add_epi64(x, all(FL_Q))); /* a negative one is huge */
        store(c + i, once(x, FL_Q));
    }
}

/* Where eight values of `bits` bits lie in `bits` octets: value k from octet first[k], bit shift[k]. */
INLINE void places(unsigned bits, __m512i *ret_first, __m512i *ret_shift) {
    const __m512i bit = _mm512_mullo_epi64(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0), all(bits));
    *ret_first = _mm512_srli_epi64(bit, 3);
    *ret_shift = _mm512_and_si512(bit, all(7));
}

/* Values next to each other share an octet, those two apart never do: even and odd ones are placed apart and joined. */
LANES static void pack(const struct fl_profile *p, const uint64_t *c, size_t n, uint8_t *wire) {
    const unsigned bits = p->wire_bits;
    const __m512i half = all(UINT64_C(1) << (p->drop - 1));
    const __m512i mask = all((UINT64_C(1) << bits) - 1);
    const __m128i drop = _mm_cvtsi32_si128(p->drop);
    _Alignas(64) uint8_t from[2][64] = {{0}};
    uint64_t there_is[2] = {0, 0};
    __m512i first;
    __m512i shift;
    size_t i = 0;
    places(bits, &first, &shift);
    for (unsigned k = 0; k < 8; k++) {
        for (unsigned octet = 0; octet < (bits + bits * k % 8 + 7) / 8; octet++) {
            const unsigned at = bits * k / 8 + octet;
            from[k % 2][at] = (uint8_t)(8 * k + octet);
            there_is[k % 2] |= UINT64_C(1) << at;
        }
    }
    const __m512i even = _mm512_load_si512(from[0]);
    const __m512i odd = _mm512_load_si512(from[1]);
    const __mmask64 octets = (UINT64_C(1) << bits) - 1;
    for (; i + 8 <= n; i += 8) {
        __m512i v = _mm512_srl_epi64(_mm512_add_epi64(load(c + i), half), drop);
        v = _mm512_sllv_epi64(_mm512_and_si512(v, mask), shift);
        v = _mm512_or_si512(_mm512_maskz_permutexvar_epi8(there_is[0], even, v),
            _mm512_maskz_permutexvar_epi8(there_is[1], odd, v));
        _mm512_mask_storeu_epi8(wire + i / 8 * bits, octets, v);
    }
    if (i < n)
        fl_portable_pack(p, c + i, n - i, wire + i / 8 * bits);
}

struct reader {
    __m512i from;
    __m512i shift;
    __m512i mask;
    __mmask64 octets;
};
INLINE struct reader reader_of(unsigned bits) {
    struct reader r;
    __m512i first;
    places(bits, &first, &r.shift);
    r.from = _mm512_add_epi64(_mm512_mullo_epi64(first, all(UINT64_C(0x0101010101010101))),
        all(UINT64_C(0x0706050403020100)));
    r.mask = all((UINT64_C(1) << bits) - 1);
    r.octets = (UINT64_C(1) << bits) - 1;
    return r;
}
INLINE __m512i read8(const struct reader *r, const uint8_t *at) {
    const __m512i v = _mm512_maskz_loadu_epi8(r->octets, at);
    return _mm512_and_si512(
        _mm512_srlv_epi64(_mm512_permutexvar_epi8(r->from, v), r->shift), r->mask);
}

LANES static void add(
    const struct fl_profile *p, const uint8_t *wire, size_t n, uint16_t weight, uint64_t *sum) {
    const struct reader r = reader_of(p->wire_bits);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m512i v = read8(&r, wire + i / 8 * p->wire_bits);
        _mm512_storeu_si512(sum + i,
            _mm512_add_epi64(_mm512_loadu_si512(sum + i), _mm512_mullo_epi64(v, all(weight))));
    }
    if (i < n)
        fl_portable_add(p, wire + i / 8 * p->wire_bits, n - i, weight, sum + i);
}

/* One wire after the other, a chunk of each: short stretches of memory far from each other, which the processor's own look-ahead
 * is slow to follow. What comes next is asked for meanwhile; after the last wire that is the next chunk of the first. Measured,
 * standard, groups of 64: 18 GB/s without, 27 with; two or four wires at a time were no faster. Asking is harmless wherever it
 * points, past the end of a wire, too. */
INLINE void fetch(uintptr_t at) {
    __builtin_prefetch((const void *)at); /* NOLINT(performance-no-int-to-ptr) */
}
static uintptr_t after(
    const uint8_t *const *wires, size_t n_wires, size_t k, size_t at, size_t octets) {
    return k + 1 < n_wires ? (uintptr_t)(wires[k + 1] + at) : (uintptr_t)wires[0] + at + octets;
}

/* Places of 24-bit values in three lines of memory: sixteen each from octets 0, 48, 96 and 144. */
struct places24 {
    __m512i p0;
    __m512i p48; /* of the first two lines */
    __m512i p96; /* of the last two */
    __m512i p144; /* of the last */
};
INLINE struct places24 places24(void) {
    const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i from = _mm512_add_epi32(
        _mm512_mullo_epi32(lane, _mm512_set1_epi32(0x030303)), _mm512_set1_epi32(0x00020100));
    return (struct places24){from, _mm512_add_epi8(from, _mm512_set1_epi8(48)),
        _mm512_add_epi8(from, _mm512_set1_epi8(32)), _mm512_add_epi8(from, _mm512_set1_epi8(16))};
}

/* n values of 24 bits, a multiple of 64, in 32-bit lanes. */
INLINE void add_24_one(const uint8_t *wire, uintptr_t next, size_t n, uint32_t *part) {
    const __mmask64 three = UINT64_C(0x7777777777777777);
    const struct places24 f = places24();
    for (size_t i = 0; i < n; i += 64) {
        const uint8_t *w = wire + 3 * i;
        uint32_t *to = part + i;
        const __m512i l0 = _mm512_loadu_si512(w);
        const __m512i l1 = _mm512_loadu_si512(w + 64);
        const __m512i l2 = _mm512_loadu_si512(w + 128);
        const __m512i v0 = _mm512_maskz_permutexvar_epi8(three, f.p0, l0);
        const __m512i v1 = _mm512_maskz_permutex2var_epi8(three, l0, f.p48, l1);
        const __m512i v2 = _mm512_maskz_permutex2var_epi8(three, l1, f.p96, l2);
        const __m512i v3 = _mm512_maskz_permutexvar_epi8(three, f.p144, l2);
        _mm512_store_si512(to, _mm512_add_epi32(_mm512_load_si512(to), v0));
        _mm512_store_si512(to + 16, _mm512_add_epi32(_mm512_load_si512(to + 16), v1));
        _mm512_store_si512(to + 32, _mm512_add_epi32(_mm512_load_si512(to + 32), v2));
        _mm512_store_si512(to + 48, _mm512_add_epi32(_mm512_load_si512(to + 48), v3));
        fetch(next + 3 * i);
        fetch(next + 3 * i + 64);
        fetch(next + 3 * i + 128);
    }
}

/* The sum of a block beside that of the group: at most MOST wires of weight 1. */
enum { MOST = 256 };
LANES static void add_24(
    const uint8_t *const *wires, size_t n_wires, size_t at, size_t n, uint64_t *sum) {
    _Alignas(64) uint32_t part[FL_N];
    WS_ASSERT(n_wires <= MOST && n <= FL_N && n % 64 == 0);
    memset(part, 0, n * sizeof(*part));
    for (size_t k = 0; k < n_wires; k++)
        add_24_one(wires[k] + at, after(wires, n_wires, k, at, 3 * n), n, part);
    for (size_t i = 0; i < n; i += 8)
        _mm512_storeu_si512(
            sum + i, _mm512_add_epi64(_mm512_loadu_si512(sum + i),
                         _mm512_cvtepu32_epi64(_mm256_load_si256((const __m256i *)(part + i)))));
}

INLINE void add_one(const struct reader *r, unsigned bits, const uint8_t *wire, uintptr_t next,
    size_t n, uint16_t weight, uint64_t *sum) {
    for (size_t i = 0; i < n; i += 8) {
        const size_t o = i / 8 * bits;
        const __m512i v = _mm512_mullo_epi64(read8(r, wire + o), all(weight));
        _mm512_storeu_si512(sum + i, _mm512_add_epi64(_mm512_loadu_si512(sum + i), v));
        fetch(next + o);
    }
}

LANES static void add_many(const struct fl_profile *p, const uint8_t *const *wires,
    const uint16_t *weights, size_t n_wires, size_t at, size_t n, uint64_t *sum) {
    const struct reader r = reader_of(p->wire_bits);
    const unsigned bits = p->wire_bits;
    const bool narrow_lanes = bits == 24 && weights == NULL;
    const size_t vector = narrow_lanes ? n / 64 * 64 : n / 8 * 8;
    const size_t octets = vector / 8 * bits;
    if (narrow_lanes) {
        for (size_t k = 0; k < n_wires; k += MOST)
            add_24(wires + k, n_wires - k < MOST ? n_wires - k : MOST, at, vector, sum);
    } else {
        for (size_t k = 0; k < n_wires; k++)
            add_one(&r, bits, wires[k] + at, after(wires, n_wires, k, at, octets), vector,
                weights == NULL ? 1 : weights[k], sum);
    }
    if (vector < n)
        fl_portable_add_many(p, wires, weights, n_wires, at + octets, n - vector, sum + vector);
}

LANES static fl_u128 decode(
    const struct fl_profile *p, const uint64_t *sum, const uint64_t *as, size_t n, int64_t *m) {
    const __m512i zero = _mm512_setzero_si512();
    const __m512i delta = all(p->delta);
    const __m512i reciprocal = all((UINT64_C(1) << 52) / p->delta);
    const __m512i offset = all(p->delta / 2 + (p->delta << p->plain_bits));
    const __m512i steps = all(UINT64_C(1) << p->plain_bits);
    const __m512i half = all(p->delta / 2);
    const __m512i low50 = all((UINT64_C(1) << 50) - 1);
    const __m512i excess = all((UINT64_C(1) << 50) - FL_Q);
    const __m128i drop = _mm_cvtsi32_si128(p->drop);
    __m512i low = zero;
    __m512i high = zero;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m512i c = _mm512_sll_epi64(_mm512_loadu_si512(sum + i), drop); /* below 2^60 */
        __m512i x =
            _mm512_madd52lo_epu64(_mm512_and_si512(c, low50), _mm512_srli_epi64(c, 50), excess);
        x = _mm512_sub_epi64(once(x, FL_Q), load(as + i));
        x = _mm512_min_epu64(x, _mm512_add_epi64(x, all(FL_Q)));
        x = _mm512_mask_sub_epi64(x, _mm512_cmpgt_epu64_mask(x, all(FL_Q / 2)), x, all(FL_Q));
        const __m512i y = _mm512_add_epi64(x, offset);
        __m512i times = _mm512_madd52hi_epu64(zero, y, reciprocal); /* at most one short */
        __m512i rest = _mm512_sub_epi64(y, _mm512_madd52lo_epu64(zero, times, delta));
        const __mmask8 more = _mm512_cmpge_epu64_mask(rest, delta);
        times = _mm512_mask_add_epi64(times, more, times, all(1));
        rest = _mm512_mask_sub_epi64(rest, more, rest, delta);
        _mm512_storeu_si512(m + i, _mm512_sub_epi64(times, steps));
        rest = _mm512_sub_epi64(rest, half); /* within +-2^31 */
        const __m512i square = _mm512_mul_epi32(rest, rest);
        low = _mm512_add_epi64(low, _mm512_and_si512(square, all(UINT32_MAX)));
        high = _mm512_add_epi64(high, _mm512_srli_epi64(square, 32));
    }
    fl_u128 squares = ((fl_u128)(uint64_t)_mm512_reduce_add_epi64(high) << 32) +
                      (uint64_t)_mm512_reduce_add_epi64(low);
    if (i < n)
        squares += fl_portable_decode(p, sum + i, as + i, n - i, m + i);
    return squares;
}

const struct fl_path fl_path_avx512 = {
    .name = "avx512ifma",
    .usable = usable,
    .forward = forward,
    .inverse = inverse,
    .pointwise = pointwise,
    .binomial = binomial,
    .clamp = clamp,
    .narrow = narrow,
    .blind = blind,
    .pack = pack,
    .add = add,
    .add_many = add_many,
    .decode = decode,
};

#endif
