/* Plain C, 64-bit words. q has 50 bits, so eleven layers of lazy additions fit a word (2q * 2^11 < 2^63) and butterflies
 * need no correction at all; only the last step reduces. */
#include "fedlearn/vehicle/ring_path.h"

#include "base/assert.h"

#include <string.h>

static bool always(void) {
    return true;
}

/* floor(2^64 / q): for w = 1. */
#define ONE_QUOT (UINT64_MAX / FL_Q)

static uint64_t below_q(uint64_t x) {
    return fl_once(x - fl_mulhi(x, ONE_QUOT) * FL_Q);
}

/* Cooley-Tukey; values grow by less than 2q in each layer. */
void fl_portable_forward(const struct fl_ring *r, uint64_t *x) {
    for (size_t groups = 1, half = FL_N / 2; groups < FL_N; groups *= 2, half /= 2) {
        for (size_t g = 0; g < groups; g++) {
            const uint64_t w = r->root[groups + g];
            const uint64_t quot = r->root_quot[groups + g];
            uint64_t *lo = x + 2 * half * g;
            uint64_t *hi = lo + half;
            for (size_t i = 0; i < half; i++) {
                const uint64_t t = fl_mul_lazy(hi[i], w, quot);
                hi[i] = lo[i] + 2 * FL_Q - t;
                lo[i] += t;
            }
        }
    }
    for (size_t i = 0; i < FL_N; i++)
        x[i] = below_q(x[i]);
}

/* One Gentleman-Sande butterfly; `bound` is a multiple of q that *hi does not exceed. */
static inline void back(uint64_t *lo, uint64_t *hi, uint64_t bound, uint64_t w, uint64_t quot) {
    const uint64_t d = *lo + bound - *hi;
    *lo += *hi;
    *hi = fl_mul_lazy(d, w, quot);
}

/* The bound of all values doubles in each layer, from 2q to 2^11 * 2q < 2^63. Distances 1, then two at a time so that words
 * are loaded and stored half as often. */
static void inverse(const struct fl_ring *r, uint64_t *x) {
    uint64_t bound = 2 * FL_Q;
    for (size_t g = 0; g < FL_N / 2; g++)
        back(x + 2 * g, x + 2 * g + 1, bound, r->back[FL_N / 2 + g], r->back_quot[FL_N / 2 + g]);
    for (size_t half = 2; half < FL_N; half *= 4) {
        const size_t groups = FL_N / (4 * half); /* of the wider distance */
        bound *= 2;
        for (size_t g = 0; g < groups; g++) {
            const uint64_t *w = r->back + 2 * groups + 2 * g;
            const uint64_t *quot = r->back_quot + 2 * groups + 2 * g;
            const uint64_t w0 = w[0];
            const uint64_t w1 = w[1];
            const uint64_t w2 = r->back[groups + g];
            const uint64_t q0 = quot[0];
            const uint64_t q1 = quot[1];
            const uint64_t q2 = r->back_quot[groups + g];
            uint64_t *at = x + 4 * half * g;
            for (size_t i = 0; i < half; i++) {
                uint64_t a = at[i];
                uint64_t b = at[half + i];
                uint64_t c = at[2 * half + i];
                uint64_t d = at[3 * half + i];
                back(&a, &b, bound, w0, q0);
                back(&c, &d, bound, w1, q1);
                back(&a, &c, 2 * bound, w2, q2);
                back(&b, &d, 2 * bound, w2, q2);
                at[i] = a;
                at[half + i] = b;
                at[2 * half + i] = c;
                at[3 * half + i] = d;
            }
        }
        bound *= 2;
    }
    for (size_t i = 0; i < FL_N / 2; i++)
        x[i] = below_q(x[i]);
    for (size_t i = FL_N / 2; i < FL_N; i++)
        x[i] = fl_once(x[i]); /* the last layer's products */
}

void fl_portable_pointwise(const struct fl_multiplier *s, uint64_t *a) {
    for (size_t i = 0; i < FL_N; i++)
        a[i] = fl_once(fl_mul_lazy(a[i], s->w[i], s->quot[i]));
}

/* popcount(a) - popcount(b) = popcount(a) + popcount(not b) - 42: the two counts share all steps from nibbles on. */
static int8_t binomial_one(const uint8_t *octets) {
    const uint64_t mask = (UINT64_C(1) << 42) - 1;
    uint64_t a;
    uint64_t b;
    memcpy(&a, octets, 8);
    memcpy(&b, octets + 8, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    a = __builtin_bswap64(a);
    b = __builtin_bswap64(b);
#endif
    a &= mask;
    b = ~b & mask;
    a -= a >> 1 & UINT64_C(0x5555555555555555);
    b -= b >> 1 & UINT64_C(0x5555555555555555);
    a = (a & UINT64_C(0x3333333333333333)) + (a >> 2 & UINT64_C(0x3333333333333333));
    b = (b & UINT64_C(0x3333333333333333)) + (b >> 2 & UINT64_C(0x3333333333333333));
    a += b;
    a = (a & UINT64_C(0x0f0f0f0f0f0f0f0f)) + (a >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f));
    return (int8_t)((int)(a * UINT64_C(0x0101010101010101) >> 56) - 42);
}

static void binomial(const uint8_t *octets, int8_t *e) {
    for (size_t i = 0; i < FL_N; i++)
        e[i] = binomial_one(octets + 16 * i);
}

static void blind(uint64_t *c, const int8_t *e, const int64_t *m, uint64_t delta) {
    for (size_t i = 0; i < FL_N; i++) {
        const int64_t add = (int64_t)(delta * (uint64_t)m[i]) + e[i];
        const uint64_t x = c[i] + (uint64_t)add; /* in (-q, 2q) */
        c[i] = fl_once(x + (FL_Q & (0 - (x >> 63))));
    }
}

void fl_portable_clamp(const int32_t *u, size_t n, int32_t limit, int64_t *m) {
    for (size_t i = 0; i < n; i++)
        m[i] = fl_clamp(u[i], limit);
}

uint64_t fl_portable_narrow(
    const int64_t *m, size_t n, int64_t limit, int32_t *u, uint64_t *squares) {
    uint64_t beyond = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        beyond += m[i] > limit || m[i] < -limit;
        sum += (uint64_t)(m[i] * m[i]);
        u[i] = (int32_t)m[i];
    }
    *squares += sum;
    return beyond;
}

/* Thirty-two values are half as many words as they have bits: with the width a constant, every shift below is one too. */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 32")
#endif
#define INLINE static inline __attribute__((always_inline))
enum { RUN = 32 };

INLINE uint64_t little(uint64_t v) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

INLINE void pack_run(const uint64_t *c, unsigned bits, uint8_t *wire) {
    const unsigned drop = 50 - bits;
    const uint64_t half = UINT64_C(1) << (drop - 1);
    const uint64_t mask = (UINT64_C(1) << bits) - 1;
    uint64_t hold = 0;
    unsigned held = 0;
    UNROLLED for (unsigned k = 0; k < RUN; k++) {
        const uint64_t v = (c[k] + half) >> drop & mask;
        hold |= v << held;
        held += bits;
        if (held >= 64) {
            hold = little(hold);
            memcpy(wire, &hold, 8);
            wire += 8;
            held -= 64;
            hold = v >> (bits - held);
        }
    }
}

INLINE void add_run(const uint8_t *wire, unsigned bits, uint64_t weight, uint64_t *sum) {
    const uint64_t mask = (UINT64_C(1) << bits) - 1;
    UNROLLED for (unsigned k = 0; k < RUN; k++) {
        const unsigned shift = k * bits % 64;
        uint64_t v;
        memcpy(&v, wire + k * bits / 64 * 8, 8);
        v = little(v) >> shift;
        if (shift + bits > 64) {
            uint64_t next;
            memcpy(&next, wire + k * bits / 64 * 8 + 8, 8);
            v |= little(next) << (64 - shift);
        }
        sum[k] += weight * (v & mask);
    }
}

/* Whole runs; returns how many values that was. */
INLINE size_t pack_runs(const uint64_t *c, size_t n, unsigned bits, uint8_t *wire) {
    size_t i = 0;
    for (; i + RUN <= n; i += RUN)
        pack_run(c + i, bits, wire + i / 8 * bits);
    return i;
}
INLINE size_t add_runs(
    const uint8_t *wire, size_t n, unsigned bits, uint16_t weight, uint64_t *sum) {
    size_t i = 0;
    for (; i + RUN <= n; i += RUN)
        add_run(wire + i / 8 * bits, bits, weight, sum + i);
    return i;
}

void fl_portable_pack(const struct fl_profile *p, const uint64_t *c, size_t n, uint8_t *wire) {
    const unsigned bits = p->wire_bits;
    const uint64_t half = UINT64_C(1) << (p->drop - 1);
    const uint64_t mask = (UINT64_C(1) << bits) - 1;
    size_t i = bits == 24   ? pack_runs(c, n, 24, wire)
               : bits == 28 ? pack_runs(c, n, 28, wire)
               : bits == 34 ? pack_runs(c, n, 34, wire)
               : bits == 42 ? pack_runs(c, n, 42, wire)
                            : 0;
    uint64_t hold = 0; /* fewer than 8 bits between coefficients */
    unsigned held = 0;
    wire += i / 8 * bits;
    for (; i < n; i++) {
        hold |= ((c[i] + half) >> p->drop & mask) << held;
        held += bits;
        while (held >= 8) {
            *wire++ = (uint8_t)hold;
            hold >>= 8;
            held -= 8;
        }
    }
    if (held > 0)
        *wire = (uint8_t)hold;
}

uint64_t fl_wire_value(const uint8_t *wire, unsigned bits, size_t i, size_t octets) {
    const size_t bit = i * bits;
    const uint8_t *at = wire + bit / 8;
    const size_t left = octets - bit / 8;
    uint64_t v = 0;
    if (left >= 8) {
        memcpy(&v, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        v = __builtin_bswap64(v);
#endif
    } else {
        for (size_t k = 0; k < left; k++)
            v |= (uint64_t)at[k] << 8 * k;
    }
    return v >> bit % 8 & ((UINT64_C(1) << bits) - 1); /* bits + 7 <= 49 */
}

void fl_portable_add(
    const struct fl_profile *p, const uint8_t *wire, size_t n, uint16_t weight, uint64_t *sum) {
    const unsigned bits = p->wire_bits;
    const size_t octets = (n * bits + 7) / 8;
    size_t i = bits == 24   ? add_runs(wire, n, 24, weight, sum)
               : bits == 28 ? add_runs(wire, n, 28, weight, sum)
               : bits == 34 ? add_runs(wire, n, 34, weight, sum)
               : bits == 42 ? add_runs(wire, n, 42, weight, sum)
                            : 0;
    for (; i < n; i++)
        sum[i] += weight * fl_wire_value(wire, bits, i, octets);
}

void fl_portable_add_many(const struct fl_profile *p, const uint8_t *const *wires,
    const uint16_t *weights, size_t n_wires, size_t at, size_t n, uint64_t *sum) {
    for (size_t k = 0; k < n_wires; k++)
        fl_portable_add(p, wires[k] + at, n, weights == NULL ? 1 : weights[k], sum);
}

/* A sum below 2^60 to below 2q, by 2^50 = EXCESS (mod q). */
#define EXCESS ((UINT64_C(1) << 50) - FL_Q)

fl_u128 fl_portable_decode(
    const struct fl_profile *p, const uint64_t *sum, const uint64_t *as, size_t n, int64_t *m) {
    const uint64_t delta = p->delta;
    const uint64_t reciprocal = UINT64_MAX / delta;
    const uint64_t shift = delta << p->plain_bits; /* makes what is divided positive */
    const int64_t zero = (int64_t)1 << p->plain_bits;
    uint64_t low = 0;
    uint64_t high = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t c = sum[i] << p->drop;
        uint64_t x = (c & ((UINT64_C(1) << 50) - 1)) + (c >> 50) * EXCESS;
        x = fl_once(fl_once(x) + FL_Q - as[i]);
        x -= FL_Q & (0 - (uint64_t)(x > FL_Q / 2)); /* centred, two's complement */
        const uint64_t y = x + delta / 2 + shift;
        uint64_t k = fl_mulhi(y, reciprocal); /* at most one short */
        uint64_t rest = y - k * delta;
        const uint64_t more = rest >= delta;
        k += more;
        rest -= delta & (0 - more);
        m[i] = (int64_t)k - zero;
        const int64_t signed_rest = (int64_t)(rest - delta / 2); /* within +-2^31 */
        const uint64_t square = (uint64_t)(signed_rest * signed_rest);
        low += square & UINT32_MAX;
        high += square >> 32;
    }
    return ((fl_u128)high << 32) + low;
}

const struct fl_path fl_path_portable = {
    .name = "portable",
    .usable = always,
    .forward = fl_portable_forward,
    .inverse = inverse,
    .pointwise = fl_portable_pointwise,
    .binomial = binomial,
    .clamp = fl_portable_clamp,
    .narrow = fl_portable_narrow,
    .blind = blind,
    .pack = fl_portable_pack,
    .add = fl_portable_add,
    .add_many = fl_portable_add_many,
    .decode = fl_portable_decode,
};
