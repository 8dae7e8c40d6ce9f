/* Montgomery multiplication of 4x64 limbs in plain C, any odd modulus; sums and differences beside it. R = 2^256.
 * Private to v2x/bulk/. Source: Montgomery 1985, interleaved form (multiply one limb, reduce one limb). */
#ifndef WAYSIDE_V2X_BULK_MONT_H
#define WAYSIDE_V2X_BULK_MONT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef unsigned __int128 u128;

/* low limb of t + a b + *carry, high limb to *carry: at most 2^128 - 1, so nothing is lost. */
static inline uint64_t mont_mac(uint64_t t, uint64_t a, uint64_t b, uint64_t *carry) {
    u128 v = (u128)a * b + t + *carry;
    *carry = (uint64_t)(v >> 64);
    return (uint64_t)v;
}

/* ret = a + b modulo 2^256; true when a limb was carried out. */
static inline bool limbs_add(uint64_t ret[4], const uint64_t a[4], const uint64_t b[4]) {
    u128 c = 0;
    for (int i = 0; i < 4; i++) {
        c += (u128)a[i] + b[i];
        ret[i] = (uint64_t)c;
        c >>= 64;
    }
    return c != 0;
}

/* ret = a - b modulo 2^256; true when a < b. */
static inline bool limbs_sub(uint64_t ret[4], const uint64_t a[4], const uint64_t b[4]) {
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        u128 d = (u128)a[i] - b[i] - borrow;
        ret[i] = (uint64_t)d;
        borrow = (uint64_t)(d >> 64) & 1;
    }
    return borrow != 0;
}

static inline bool limbs_zero(const uint64_t a[4]) {
    return (a[0] | a[1] | a[2] | a[3]) == 0;
}

static inline bool limbs_equal(const uint64_t a[4], const uint64_t b[4]) {
    return memcmp(a, b, 32) == 0;
}

static inline bool limbs_less(const uint64_t a[4], const uint64_t b[4]) {
    uint64_t unused[4];
    return limbs_sub(unused, a, b);
}

/* ret = a b / R modulo m, in [0, m), for a < m and any b. neg_inv = -1/m modulo 2^64. ret may be a or b.
 * Before each round t < 2m (top limb 0 or 1), so t + a b[i] + q m < 2^321 and the two-limb `top` holds the rest. */
static inline void mont_mul(uint64_t ret[4], const uint64_t a[4], const uint64_t b[4],
    const uint64_t m[4], uint64_t neg_inv) {
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t c = 0, d = 0;
        t0 = mont_mac(t0, a[0], b[i], &c);
        t1 = mont_mac(t1, a[1], b[i], &c);
        t2 = mont_mac(t2, a[2], b[i], &c);
        t3 = mont_mac(t3, a[3], b[i], &c);
        uint64_t q = t0 * neg_inv;
        (void)mont_mac(t0, q, m[0], &d);
        t0 = mont_mac(t1, q, m[1], &d);
        t1 = mont_mac(t2, q, m[2], &d);
        t2 = mont_mac(t3, q, m[3], &d);
        u128 top = (u128)t4 + c + d;
        t3 = (uint64_t)top;
        t4 = (uint64_t)(top >> 64);
    }
    uint64_t t[4] = {t0, t1, t2, t3}, less[4];
    bool below = limbs_sub(less, t, m);
    memcpy(ret, below && t4 == 0 ? t : less, 32);
}

#endif
