#include "v2x/bulk/scalar.h"

#include "v2x/bulk/mont.h"

#if defined(__x86_64__)
#include "v2x/bulk/portable_adx.h"

#include <cpuid.h>
#include <stdatomic.h>
#endif

/* BMI2 and ADX work on general registers: no help of the system is needed. cpuid may leave a virtual machine for tens of
 * microseconds, so the answer, a constant of the machine, is remembered. */
bool bulk_have_adx(void) {
#if defined(__x86_64__)
    static atomic_int known; /* 0: not asked yet */
    int have = atomic_load_explicit(&known, memory_order_relaxed);
    if (have == 0) {
        unsigned a, b = 0, c, d;
        const bool asked = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0;
        have = asked && (b & bit_BMI2) != 0 && (b & bit_ADX) != 0 ? 1 : -1;
        atomic_store_explicit(&known, have, memory_order_relaxed);
    }
    return have > 0;
#else
    return false;
#endif
}

static const struct bulk_params params[BULK_CURVES] = {
    [BULK_P256] =
        {
            .p = {0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001},
            .n = {0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000},
            .a = {0xfffffffffffffffc, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001},
            .b = {0x3bce3c3e27d2604b, 0x651d06b0cc53b0f6, 0xb3ebbd55769886bc, 0x5ac635d8aa3a93e7},
            .gx = {0xf4a13945d898c296, 0x77037d812deb33a0, 0xf8bce6e563a440f2, 0x6b17d1f2e12c4247},
            .gy = {0xcbb6406837bf51f5, 0x2bce33576b315ece, 0x8ee7eb4a7c0f9e16, 0x4fe342e2fe1a7f9b},
            .z = {1, 0, 0, 0},
        },
    [BULK_BP256] =
        {
            .p = {0x2013481d1f6e5377, 0x6e3bf623d5262028, 0x3e660a909d838d72, 0xa9fb57dba1eea9bc},
            .n = {0x901e0e82974856a7, 0x8c397aa3b561a6f7, 0x3e660a909d838d71, 0xa9fb57dba1eea9bc},
            .a = {0xe94a4b44f330b5d9, 0xfb8055c126dc5c6c, 0xeef67530417affe7, 0x7d5a0975fc2c3057},
            .b = {0x6bccdc18ff8c07b6, 0x958416295cf7e1ce, 0xf330b5d9bbd77cbf, 0x26dc5c6ce94a4b44},
            .gx = {0x3a4453bd9ace3262, 0xb9de27e1e3bd23c2, 0x2c4b482ffc81b7af, 0x8bd2aeb9cb7e57cb},
            .gy = {0x5c1d54c72f046997, 0xc27745132ded8e54, 0x97f8461a14611dc9, 0x547ef835c3dac4fd},
            .z = {0xf655668dfc150ef0, 0xcf5cf20a2c852d10, 0x9ae7aa669cab9837, 0x3e2d4bd9597b5863},
        },
};

/* What Montgomery products modulo n need: n and -1/n modulo 2^64; and R^2 modulo n. */
struct order {
    uint64_t n[4], neg_inv, r2[4];
};
static const struct order order[BULK_CURVES] = {
    [BULK_P256] = {{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000},
        0xccd1c8aaee00bc4f,
        {0x83244c95be79eea2, 0x4699799c49bd6fa6, 0x2845b2392b6bec59, 0x66e12d94f3d95620}},
    [BULK_BP256] = {{0x901e0e82974856a7, 0x8c397aa3b561a6f7, 0x3e660a909d838d71,
                        0xa9fb57dba1eea9bc},
        0xfbffbebdcbb40ee9,
        {0xe1d8d8de3312fca6, 0xf35d176a1134e4a0, 0x9b7f25e76c815cb0, 0x0b25f1b9c3236762}},
};

const struct bulk_params *bulk_params(enum bulk_curve c) {
    return &params[c];
}

/* Products of Montgomery's kind lose a factor R each, in step: with P_i = s_0 .. s_i, before[i+1] is P_i / R^i, and
 * one multiplication of the inverse by R makes it R^(i+1) / P_i when job i is met on the way back. Its product with
 * before[i] is then R / s_i, from which one product each gives plain e/s and r/s. */
#if defined(__x86_64__)
_Static_assert(offsetof(struct order, n) == offsetof(struct adx_modulus, p) &&
                   offsetof(struct order, neg_inv) == offsetof(struct adx_modulus, neg_inv),
    "they begin alike");
#endif

static inline __attribute__((always_inline)) void product(
    uint64_t ret[4], const uint64_t a[4], const uint64_t b[4], const struct order *o, bool adx) {
#if defined(__x86_64__)
    if (adx) {
        adx_mul_any(ret, a, b, (const struct adx_modulus *)(const void *)o);
        return;
    }
#endif
    (void)adx;
    mont_mul(ret, a, b, o->n, o->neg_inv);
}

static inline __attribute__((always_inline)) void multipliers(enum bulk_curve c,
    const struct bulk_job *jobs, size_t n, uint64_t (*ret_u1)[4], uint64_t (*ret_u2)[4], bool adx) {
    const struct order *o = &order[c];
    uint64_t before[BULK_BATCH + 1][4], inv[4], w[4];
    memcpy(before[1], jobs[0].s, 32);
    for (size_t i = 1; i < n; i++)
        product(before[i + 1], before[i], jobs[i].s, o, adx);
    bulk_inverse_n(c, before[n], inv);
    product(inv, inv, o->r2, o, adx);
    for (size_t i = n; i-- > 0;) {
        if (i > 0) {
            product(w, inv, before[i], o, adx);
            product(inv, inv, jobs[i].s, o, adx);
        } else {
            memcpy(w, inv, 32);
        }
        /* w is below n, so e need not be. */
        product(ret_u1[i], w, jobs[i].e, o, adx);
        product(ret_u2[i], w, jobs[i].r, o, adx);
    }
}

void bulk_multipliers_plain(enum bulk_curve c, const struct bulk_job *jobs, size_t n,
    uint64_t (*ret_u1)[4], uint64_t (*ret_u2)[4]) {
    WS_ASSERT(n > 0 && n <= BULK_BATCH);
    multipliers(c, jobs, n, ret_u1, ret_u2, false);
}

void bulk_multipliers(enum bulk_curve c, const struct bulk_job *jobs, size_t n,
    uint64_t (*ret_u1)[4], uint64_t (*ret_u2)[4]) {
    WS_ASSERT(n > 0 && n <= BULK_BATCH);
    if (bulk_have_adx())
        multipliers(c, jobs, n, ret_u1, ret_u2, true);
    else
        bulk_multipliers_plain(c, jobs, n, ret_u1, ret_u2);
}

/* For odd u: v = (u - 1) / 2 + 2^(L-1), L = w windows, cut into windows m_j, gives u = sum of (2 m_j - (2^w - 1)) 2^(wj).
 * A digit is positive when the top bit of m_j is set; its row is the rest of m_j, upside down when negative. */
static inline __attribute__((always_inline)) void digits(
    enum bulk_curve c, const uint64_t u[4], unsigned w, unsigned windows, uint16_t *ret_digit) {
    const unsigned bits = w * windows;
    uint64_t odd[4], v[6];
    const bool turn = (u[0] & 1) == 0;
    if (turn)
        limbs_sub(odd, params[c].n, u);
    else
        memcpy(odd, u, 32);
    for (int i = 0; i < 3; i++)
        v[i] = odd[i] >> 1 | odd[i + 1] << 63;
    v[3] = odd[3] >> 1;
    v[4] = v[5] = 0;
    v[(bits - 1) / 64] |= (uint64_t)1 << (bits - 1) % 64; /* clear before: v < 2^255 */
    const unsigned half = 1U << (w - 1), mask = 2 * half - 1;
#pragma GCC unroll 64
    for (unsigned j = 0; j < windows; j++) {
        const unsigned at = j * w;
        const u128 two = (u128)v[at / 64 + 1] << 64 | v[at / 64];
        const unsigned window = (unsigned)(two >> at % 64) & mask;
        const unsigned negative = window < half;
        const unsigned row = negative ? half - 1 - window : window - half;
        ret_digit[j] = (uint16_t)(row << 1 | (negative ^ (unsigned)turn));
    }
}

void bulk_digits(
    enum bulk_curve c, const uint64_t u[4], unsigned w, unsigned windows, uint16_t *ret_digit) {
    WS_ASSERT(w >= 2 && w <= 15 && w * windows >= 256 && w * windows <= 319);
    /* Those that each signature has: with places known to the compiler it takes half the time. */
    if (w == 13 && windows == 20)
        digits(c, u, 13, 20, ret_digit);
    else if (w == 6 && windows == 43)
        digits(c, u, 6, 43, ret_digit);
    else if (w == 4 && windows == 64)
        digits(c, u, 4, 64, ret_digit);
    else
        digits(c, u, w, windows, ret_digit);
}
