/* Plain C, 64-bit words. q has 50 bits, so eleven layers of lazy additions fit a word (2q * 2^11 < 2^63) and butterflies
 * need no correction at all; only the last step reduces. */
#include "fedlearn/ring_path.h"

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
static void forward(const struct fl_ring *r, uint64_t *x) {
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

/* Gentleman-Sande; the bound of all values doubles in each layer, from 2q to 2^11 * 2q < 2^63. */
static void inverse(const struct fl_ring *r, uint64_t *x) {
    uint64_t bound = 2 * FL_Q;
    for (size_t groups = FL_N / 2, half = 1; groups > 0; groups /= 2, half *= 2) {
        for (size_t g = 0; g < groups; g++) {
            const uint64_t w = r->back[groups + g];
            const uint64_t quot = r->back_quot[groups + g];
            uint64_t *lo = x + 2 * half * g;
            uint64_t *hi = lo + half;
            for (size_t i = 0; i < half; i++) {
                const uint64_t d = lo[i] + bound - hi[i];
                lo[i] += hi[i];
                hi[i] = fl_mul_lazy(d, w, quot);
            }
        }
        bound *= 2;
    }
    for (size_t i = 0; i < FL_N; i++)
        x[i] = below_q(x[i]);
}

static void pointwise(const struct fl_multiplier *s, uint64_t *a) {
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

void fl_portable_pack(const struct fl_profile *p, const uint64_t *c, size_t n, uint8_t *wire) {
    const unsigned bits = p->wire_bits;
    const uint64_t half = UINT64_C(1) << (p->drop - 1);
    const uint64_t mask = (UINT64_C(1) << bits) - 1;
    uint64_t hold = 0; /* fewer than 8 bits between coefficients */
    unsigned held = 0;
    for (size_t i = 0; i < n; i++) {
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
    const size_t octets = (n * p->wire_bits + 7) / 8;
    for (size_t i = 0; i < n; i++)
        sum[i] += weight * fl_wire_value(wire, p->wire_bits, i, octets);
}

void fl_portable_add_many(const struct fl_profile *p, const uint8_t *const *wires,
    const uint16_t *weights, size_t n_wires, size_t at, size_t n, uint64_t *sum) {
    for (size_t k = 0; k < n_wires; k++)
        fl_portable_add(p, wires[k] + at, n, weights == NULL ? 1 : weights[k], sum);
}

fl_u128 fl_portable_decode(
    const struct fl_profile *p, const uint64_t *sum, const uint64_t *as, size_t n, int64_t *m) {
    const uint64_t delta = p->delta;
    const uint64_t reciprocal = UINT64_MAX / delta;
    const uint64_t shift = delta << p->plain_bits; /* makes what is divided positive */
    const int64_t zero = (int64_t)1 << p->plain_bits;
    fl_u128 squares = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t x = below_q(sum[i] << p->drop) + FL_Q - as[i];
        x = fl_once(x);
        x -= FL_Q & (0 - (uint64_t)(x > FL_Q / 2)); /* centred, two's complement */
        const uint64_t y = x + delta / 2 + shift;
        uint64_t k = fl_mulhi(y, reciprocal);
        k += y - k * delta >= delta;
        m[i] = (int64_t)k - zero;
        const int64_t rest = (int64_t)(x - delta * (uint64_t)m[i]);
        squares +=
            (fl_u128)((uint64_t)(rest < 0 ? -rest : rest)) * (uint64_t)(rest < 0 ? -rest : rest);
    }
    return squares;
}

const struct fl_path fl_path_portable = {
    .name = "portable",
    .usable = always,
    .forward = forward,
    .inverse = inverse,
    .pointwise = pointwise,
    .binomial = binomial,
    .blind = blind,
    .pack = fl_portable_pack,
    .add = fl_portable_add,
    .add_many = fl_portable_add_many,
    .decode = fl_portable_decode,
};
