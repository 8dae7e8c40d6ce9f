/* Four words at a time with the 32-bit multiplier of AVX2: the inverse transform (most of the work), sampling, blinding and
 * sums; the rest is the portable path's.
 *
 * A product with a root w is made of 26-bit limbs and one Montgomery step. With a = a0 + 2^26 a1, A = 2^26 w and B = 2^52 w
 * (mod q), r = (a0 A + a1 B) / 2^26 = a w (mod q). a1 may have 32 bits, and r < q (2 + a / 2^52), so sums run for seven layers
 * before anything must be reduced. */
#include "fedlearn/vehicle/ring_path.h"

#if defined(__x86_64__)

#include "base/assert.h"

#include <immintrin.h>

#define LANES __attribute__((target("avx2")))
#define INLINE LANES static inline __attribute__((always_inline))

#define LOW26 ((UINT64_C(1) << 26) - 1)
#define Q_INVERSE UINT64_C(2162689) /* of q modulo 2^26: 33 * 2^16 + 1 */
_Static_assert((FL_Q * Q_INVERSE & LOW26) == 1, "so that q m cancels the low limb");
#define EXCESS ((UINT64_C(1) << 50) - FL_Q)

static bool usable(void) {
    return __builtin_cpu_supports("avx2");
}

INLINE __m256i all(uint64_t v) {
    return _mm256_set1_epi64x((long long)v);
}
INLINE __m256i load(const uint64_t *p) {
    return _mm256_load_si256((const __m256i *)(const void *)p);
}
INLINE void store(uint64_t *p, __m256i v) {
    _mm256_store_si256((__m256i *)(void *)p, v);
}

/* The limbs of A and B for four lanes. */
struct root {
    __m256i a0;
    __m256i a1;
    __m256i b0;
    __m256i b1;
};
INLINE struct root root_all(const struct fl_ring *r, size_t i) {
    return (struct root){all(r->back_limbs[0][i]), all(r->back_limbs[1][i]),
        all(r->back_limbs[2][i]), all(r->back_limbs[3][i])};
}
/* Roots i, i + 2, i + 1, i + 3. */
INLINE struct root root_four(const struct fl_ring *r, size_t i) {
    __m256i v[4];
    for (size_t k = 0; k < 4; k++)
        v[k] = _mm256_cvtepu32_epi64(
            _mm_shuffle_epi32(_mm_load_si128((const __m128i *)(const void *)(r->back_limbs[k] + i)),
                _MM_SHUFFLE(3, 1, 2, 0)));
    return (struct root){v[0], v[1], v[2], v[3]};
}
/* Roots i, i + 1, i, i + 1. */
INLINE struct root root_two(const struct fl_ring *r, size_t i) {
    __m256i v[4];
    for (size_t k = 0; k < 4; k++)
        v[k] = _mm256_cvtepu32_epi64(_mm_shuffle_epi32(
            _mm_loadl_epi64((const __m128i *)(const void *)(r->back_limbs[k] + i)),
            _MM_SHUFFLE(1, 0, 1, 0)));
    return (struct root){v[0], v[1], v[2], v[3]};
}

INLINE __m256i mul(__m256i a, const struct root *w) {
    const __m256i low = all(LOW26);
    const __m256i a0 = _mm256_and_si256(a, low);
    const __m256i a1 = _mm256_srli_epi64(a, 26);
    const __m256i s0 = _mm256_add_epi64(_mm256_mul_epu32(a0, w->a0), _mm256_mul_epu32(a1, w->b0));
    const __m256i s1 = _mm256_add_epi64(_mm256_mul_epu32(a0, w->a1), _mm256_mul_epu32(a1, w->b1));
    const __m256i m = _mm256_and_si256(_mm256_mul_epu32(s0, all(Q_INVERSE)), low);
    const __m256i m0 = _mm256_srli_epi64(_mm256_mul_epu32(m, all(FL_Q & LOW26)), 26);
    const __m256i m1 = _mm256_mul_epu32(m, all(FL_Q >> 26));
    const __m256i sum =
        _mm256_add_epi64(_mm256_srli_epi64(s0, 26), _mm256_add_epi64(s1, all(FL_Q)));
    return _mm256_sub_epi64(sum, _mm256_add_epi64(m0, m1));
}

/* bound: a multiple of q that y does not exceed. */
INLINE void back(__m256i *x, __m256i *y, uint64_t bound, const struct root *w) {
    const __m256i d = _mm256_sub_epi64(_mm256_add_epi64(*x, all(bound)), *y);
    *x = _mm256_add_epi64(*x, *y);
    *y = mul(d, w);
}
/* x below 2^58 to below 2^50 + 2^30. */
INLINE __m256i fold(__m256i x) {
    return _mm256_add_epi64(_mm256_and_si256(x, all((UINT64_C(1) << 50) - 1)),
        _mm256_mul_epu32(_mm256_srli_epi64(x, 50), all(EXCESS)));
}
/* x - q if x >= q else x, x below 2q. */
INLINE __m256i once(__m256i x) {
    const __m256i less = _mm256_sub_epi64(x, all(FL_Q));
    return _mm256_add_epi64(
        less, _mm256_and_si256(_mm256_cmpgt_epi64(_mm256_setzero_si256(), less), all(FL_Q)));
}

/* Distances 1 and 2 within eight words. */
LANES static void inverse_near(const struct fl_ring *r, uint64_t *x) {
    for (size_t block = 0; block < FL_N / 8; block++) {
        uint64_t *at = x + 8 * block;
        const struct root one = root_four(r, FL_N / 2 + 4 * block);
        const struct root two = root_two(r, FL_N / 4 + 2 * block);
        const __m256i v0 = load(at);
        const __m256i v1 = load(at + 4);
        __m256i a = _mm256_unpacklo_epi64(v0, v1); /* 0 4 2 6 */
        __m256i b = _mm256_unpackhi_epi64(v0, v1); /* 1 5 3 7 */
        back(&a, &b, FL_Q, &one);
        __m256i c = _mm256_permute2x128_si256(a, b, 0x20); /* 0 4 1 5 */
        __m256i d = _mm256_permute2x128_si256(a, b, 0x31); /* 2 6 3 7 */
        back(&c, &d, 3 * FL_Q, &two);
        a = _mm256_unpacklo_epi64(c, d); /* 0 2 1 3 */
        b = _mm256_unpackhi_epi64(c, d); /* 4 6 5 7 */
        store(at, _mm256_permute4x64_epi64(a, _MM_SHUFFLE(3, 1, 2, 0)));
        store(at + 4, _mm256_permute4x64_epi64(b, _MM_SHUFFLE(3, 1, 2, 0)));
    }
}

/* Values below B q before a layer are below max(2 B, B / 2 + 2) q after it: 1, 3, 6, 12, 24, 48, 96; then they are folded to 2 q
 * and run on: 4, 8, 16, 32, 64. */
LANES static void inverse(const struct fl_ring *r, uint64_t *x) {
    inverse_near(r, x);
    uint64_t bound = 6 * FL_Q;
    for (size_t groups = FL_N / 8, half = 4; groups > 0; groups /= 2, half *= 2) {
        if (half == 64) {
            for (size_t i = 0; i < FL_N; i += 4)
                store(x + i, fold(load(x + i)));
            bound = 2 * FL_Q;
        }
        for (size_t g = 0; g < groups; g++) {
            const struct root w = root_all(r, groups + g);
            uint64_t *lo = x + 2 * half * g;
            for (size_t i = 0; i < half; i += 4) {
                __m256i a = load(lo + i);
                __m256i b = load(lo + half + i);
                back(&a, &b, bound, &w);
                store(lo + i, a);
                store(lo + half + i, b);
            }
        }
        bound *= 2;
    }
    for (size_t i = 0; i < FL_N; i += 4)
        store(x + i, once(fold(load(x + i))));
}

/* Counts of two samples: bits of the first word and of the second's complement. */
INLINE __m256i counts(const uint8_t *octets) {
    const __m256i bits = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
        2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i nibble = _mm256_set1_epi8(15);
    const long long mask = (1LL << 42) - 1;
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)octets);
    v = _mm256_and_si256(v, _mm256_set1_epi64x(mask));
    v = _mm256_xor_si256(v, _mm256_set_epi64x(mask, 0, mask, 0));
    const __m256i low = _mm256_shuffle_epi8(bits, _mm256_and_si256(v, nibble));
    const __m256i high =
        _mm256_shuffle_epi8(bits, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));
    return _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
}

LANES static void binomial(const uint8_t *octets, int8_t *e) {
    for (size_t i = 0; i < FL_N; i += 8) {
        const uint8_t *at = octets + 16 * i;
        const __m256i v01 = _mm256_packus_epi32(counts(at), counts(at + 32));
        const __m256i v23 = _mm256_packus_epi32(counts(at + 64), counts(at + 96));
        const __m256i v = _mm256_packus_epi16(v01, v23); /* samples 0 2 4 6, 1 3 5 7 */
        const __m256i pairs = _mm256_maddubs_epi16(v, _mm256_set1_epi8(1));
        __m256i s = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
        s = _mm256_sub_epi32(s, _mm256_set1_epi32(42));
        s = _mm256_permutevar8x32_epi32(s, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        const __m128i words =
            _mm_packs_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
        _mm_storel_epi64((__m128i *)(void *)(e + i), _mm_packs_epi16(words, words));
    }
}

LANES static void blind(uint64_t *c, const int8_t *e, const int64_t *m, uint64_t delta) {
    WS_ASSERT(delta <= UINT32_MAX);
    const __m256i d = all(delta);
    for (size_t i = 0; i < FL_N; i += 4) {
        int32_t four;
        memcpy(&four, e + i, 4);
        const __m256i v = _mm256_load_si256((const __m256i *)(const void *)(m + i));
        const __m256i high = _mm256_slli_epi64(_mm256_mul_epu32(_mm256_srli_epi64(v, 32), d), 32);
        const __m256i message = _mm256_add_epi64(_mm256_mul_epu32(v, d), high);
        const __m256i small = _mm256_cvtepi8_epi64(_mm_cvtsi32_si128(four));
        __m256i x = _mm256_add_epi64(load(c + i), _mm256_add_epi64(message, small));
        x = _mm256_add_epi64(
            x, _mm256_and_si256(_mm256_cmpgt_epi64(_mm256_setzero_si256(), x), all(FL_Q)));
        store(c + i, once(x));
    }
}

/* ---- sums ---- */

/* Eight values of 24 bits; reads 28 octets. */
INLINE __m256i read24(const uint8_t *at) {
    const __m256i from = _mm256_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1, 0,
        1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
    const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)at);
    const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(at + 12));
    return _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), from);
}

enum { PASS = 4, MOST = 256 };

/* In 32-bit lanes, four wires at a time; the last eight values of a block are left to the caller, since reading them could touch
 * octets past the end. At most MOST wires of weight 1. */
LANES static void add_24(
    const uint8_t *const *wires, size_t n_wires, size_t at, size_t n, uint64_t *sum) {
    _Alignas(64) uint32_t part[FL_N];
    WS_ASSERT(n_wires <= MOST && n <= FL_N && n % 8 == 0);
    memset(part, 0, n * sizeof(*part));
    for (size_t k = 0; k < n_wires; k += PASS) {
        const size_t count = n_wires - k < PASS ? n_wires - k : PASS;
        const uint8_t *const *w = wires + k;
        for (size_t i = 0; i < n; i += 8) {
            const size_t o = at + 3 * i;
            __m256i v = _mm256_load_si256((const __m256i *)(void *)(part + i));
            if (count == PASS) {
                const __m256i left = _mm256_add_epi32(read24(w[0] + o), read24(w[1] + o));
                const __m256i right = _mm256_add_epi32(read24(w[2] + o), read24(w[3] + o));
                v = _mm256_add_epi32(v, _mm256_add_epi32(left, right));
            } else {
                for (size_t j = 0; j < count; j++)
                    v = _mm256_add_epi32(v, read24(w[j] + o));
            }
            _mm256_store_si256((__m256i *)(void *)(part + i), v);
        }
    }
    for (size_t i = 0; i < n; i++)
        sum[i] += part[i];
}

LANES static void add_many(const struct fl_profile *p, const uint8_t *const *wires,
    const uint16_t *weights, size_t n_wires, size_t at, size_t n, uint64_t *sum) {
    if (p->wire_bits != 24 || weights != NULL) {
        fl_portable_add_many(p, wires, weights, n_wires, at, n, sum);
        return;
    }
    const size_t vector = n < 16 ? 0 : (n - 8) / 8 * 8;
    for (size_t k = 0; k < n_wires; k += MOST)
        add_24(wires + k, n_wires - k < MOST ? n_wires - k : MOST, at, vector, sum);
    fl_portable_add_many(p, wires, NULL, n_wires, at + 3 * vector, n - vector, sum + vector);
}

/* ---- opening ---- */

LANES static uint64_t narrow(
    const int64_t *m, size_t n, int64_t limit, int32_t *u, uint64_t *squares) {
    const __m256i most = all((uint64_t)limit);
    const __m256i least = all((uint64_t)-limit);
    __m256i beyond = _mm256_setzero_si256();
    __m256i sum = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(m + i));
        const __m256i out =
            _mm256_or_si256(_mm256_cmpgt_epi64(v, most), _mm256_cmpgt_epi64(least, v));
        beyond = _mm256_sub_epi64(beyond, out);
        sum = _mm256_add_epi64(sum, _mm256_mul_epi32(v, v));
        const __m256i low =
            _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
        _mm_storeu_si128((__m128i *)(void *)(u + i), _mm256_castsi256_si128(low));
    }
    _Alignas(32) uint64_t lane[2][4];
    store(lane[0], beyond);
    store(lane[1], sum);
    *squares += lane[1][0] + lane[1][1] + lane[1][2] + lane[1][3];
    const uint64_t count = lane[0][0] + lane[0][1] + lane[0][2] + lane[0][3];
    return count + fl_portable_narrow(m + i, n - i, limit, u + i, squares);
}

/* delta = 2^s - c, s = 50 - T and c at most 9, so y = 2^s h + l = delta h + (l + c h): a quotient by shifts. Three steps leave a
 * rest below 2 delta for every T up to 36. */
enum { STEPS = 3 };

LANES static fl_u128 decode(
    const struct fl_profile *p, const uint64_t *sum, const uint64_t *as, size_t n, int64_t *m) {
    const __m256i zero = _mm256_setzero_si256();
    const __m128i drop = _mm_cvtsi32_si128(p->drop);
    const __m128i s = _mm_cvtsi32_si128(50 - p->plain_bits);
    const uint64_t power = UINT64_C(1) << (50 - p->plain_bits);
    const __m256i below = all(power - 1);
    const __m256i c = all(power - p->delta);
    const __m256i delta = all(p->delta);
    const __m256i half = all(p->delta / 2);
    const __m256i offset = all(p->delta / 2 + (p->delta << p->plain_bits));
    __m256i low = zero;
    __m256i high = zero;
    size_t i = 0;
    WS_ASSERT(power - p->delta <= 9 && p->plain_bits <= 36);
    for (; i + 4 <= n; i += 4) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(sum + i));
        x = once(fold(_mm256_sll_epi64(x, drop))); /* below 2^60 before */
        x = _mm256_sub_epi64(x, load(as + i));
        x = _mm256_add_epi64(x, _mm256_and_si256(_mm256_cmpgt_epi64(zero, x), all(FL_Q)));
        x = _mm256_sub_epi64(x, _mm256_and_si256(_mm256_cmpgt_epi64(x, all(FL_Q / 2)), all(FL_Q)));
        __m256i rest = _mm256_add_epi64(x, offset);
        __m256i times = zero;
        for (unsigned k = 0; k < STEPS; k++) {
            const __m256i h = _mm256_srl_epi64(rest, s);
            const __m256i high_part =
                _mm256_slli_epi64(_mm256_mul_epu32(_mm256_srli_epi64(h, 32), c), 32);
            times = _mm256_add_epi64(times, h);
            rest = _mm256_add_epi64(
                _mm256_and_si256(rest, below), _mm256_add_epi64(_mm256_mul_epu32(h, c), high_part));
        }
        const __m256i less = _mm256_cmpgt_epi64(delta, rest);
        times = _mm256_add_epi64(times, _mm256_andnot_si256(less, all(1)));
        rest = _mm256_sub_epi64(rest, _mm256_andnot_si256(less, delta));
        _mm256_storeu_si256(
            (__m256i *)(void *)(m + i), _mm256_sub_epi64(times, all(UINT64_C(1) << p->plain_bits)));
        rest = _mm256_sub_epi64(rest, half); /* within +-2^31 */
        const __m256i square = _mm256_mul_epi32(rest, rest);
        low = _mm256_add_epi64(low, _mm256_and_si256(square, all(UINT32_MAX)));
        high = _mm256_add_epi64(high, _mm256_srli_epi64(square, 32));
    }
    _Alignas(32) uint64_t lane[2][4];
    store(lane[0], low);
    store(lane[1], high);
    const fl_u128 squares = ((fl_u128)(lane[1][0] + lane[1][1] + lane[1][2] + lane[1][3]) << 32) +
                            (lane[0][0] + lane[0][1] + lane[0][2] + lane[0][3]);
    return squares + fl_portable_decode(p, sum + i, as + i, n - i, m + i);
}

const struct fl_path fl_path_avx2 = {
    .name = "avx2",
    .usable = usable,
    .forward = fl_portable_forward,
    .inverse = inverse,
    .pointwise = fl_portable_pointwise,
    .binomial = binomial,
    .clamp = fl_portable_clamp,
    .narrow = narrow,
    .blind = blind,
    .pack = fl_portable_pack,
    .add = fl_portable_add,
    .add_many = add_many,
    .decode = decode,
};

#endif
