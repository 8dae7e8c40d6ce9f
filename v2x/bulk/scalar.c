#include "v2x/bulk/scalar.h"

#include "v2x/bulk/mont.h"

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

/* What Montgomery products modulo n need: -1/n modulo 2^64, and R^2 modulo n. */
static const struct {
    uint64_t neg_inv, r2[4];
} order[BULK_CURVES] = {
    [BULK_P256] = {0xccd1c8aaee00bc4f,
        {0x83244c95be79eea2, 0x4699799c49bd6fa6, 0x2845b2392b6bec59, 0x66e12d94f3d95620}},
    [BULK_BP256] = {0xfbffbebdcbb40ee9,
        {0xe1d8d8de3312fca6, 0xf35d176a1134e4a0, 0x9b7f25e76c815cb0, 0x0b25f1b9c3236762}},
};

const struct bulk_params *bulk_params(enum bulk_curve c) {
    return &params[c];
}

/* Products of Montgomery's kind lose a factor R each, in step: with P_i = s_0 .. s_i, before[i+1] is P_i / R^i, and
 * one multiplication of the inverse by R makes it R^(i+1) / P_i when job i is met on the way back. Its product with
 * before[i] is then R / s_i, from which one product each gives plain e/s and r/s. */
void bulk_multipliers(enum bulk_curve c, const struct bulk_job *jobs, size_t n,
    uint64_t (*ret_u1)[4], uint64_t (*ret_u2)[4]) {
    WS_ASSERT(n > 0 && n <= BULK_BATCH);
    const uint64_t *m = params[c].n;
    const uint64_t neg_inv = order[c].neg_inv;
    uint64_t before[BULK_BATCH + 1][4], inv[4], w[4];
    memcpy(before[1], jobs[0].s, 32);
    for (size_t i = 1; i < n; i++)
        mont_mul(before[i + 1], before[i], jobs[i].s, m, neg_inv);
    bulk_inverse_n(c, before[n], inv);
    mont_mul(inv, inv, order[c].r2, m, neg_inv);
    for (size_t i = n; i-- > 0;) {
        if (i > 0) {
            mont_mul(w, inv, before[i], m, neg_inv);
            mont_mul(inv, inv, jobs[i].s, m, neg_inv);
        } else {
            memcpy(w, inv, 32);
        }
        /* w is below n, so e need not be. */
        mont_mul(ret_u1[i], w, jobs[i].e, m, neg_inv);
        mont_mul(ret_u2[i], w, jobs[i].r, m, neg_inv);
    }
}

/* For odd u: v = (u - 1) / 2 + 2^(L-1), L = w windows, cut into windows m_j, gives u = sum of (2 m_j - (2^w - 1)) 2^(wj).
 * A digit is positive when the top bit of m_j is set; its row is the rest of m_j, upside down when negative. */
void bulk_digits(
    enum bulk_curve c, const uint64_t u[4], unsigned w, unsigned windows, uint16_t *ret_digit) {
    const unsigned bits = w * windows;
    WS_ASSERT(w >= 2 && w <= 15 && bits >= 256 && bits <= 319);
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
    for (unsigned j = 0, at = 0; j < windows; j++, at += w) {
        const u128 two = (u128)v[at / 64 + 1] << 64 | v[at / 64];
        const unsigned window = (unsigned)(two >> at % 64) & mask;
        const unsigned negative = window < half;
        const unsigned row = negative ? half - 1 - window : window - half;
        ret_digit[j] = (uint16_t)(row << 1 | (negative ^ (unsigned)turn));
    }
}
