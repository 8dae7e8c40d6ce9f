/* y from x and parity, eight keys at once. Both primes are 3 modulo 4: a root of v is v^((p+1)/4). Source: SEC 1 2.3.4.
 * Private to v2x/bulk/ifma_*. */
#ifndef WAYSIDE_V2X_BULK_IFMA_DECOMPRESS_H
#define WAYSIDE_V2X_BULK_IFMA_DECOMPRESS_H

#include "v2x/bulk/ifma_field.h"
#include "v2x/bulk/ifma_layout.h"
#include "v2x/bulk/mont.h"
#include "v2x/bulk/scalar.h"

/* Four bits of the exponent at a time, two vectors in step (a chain of squarings alone leaves the multipliers idle). */
static void roots(const fe v[2], fe ret[2]) {
    fe power[16][2];
    for (int k = 0; k < 2; k++) {
        power[0][k] = fe_const(C_ONE);
        for (int i = 1; i < 16; i++)
            power[i][k] = fe_mul(power[i - 1][k], v[k]);
        ret[k] = fe_const(C_ONE);
    }
    for (int i = 63; i >= 0; i--) {
        const unsigned digit = (unsigned)(C_ROOT[i / 16] >> (4 * (i % 16))) & 15;
        for (int j = 0; j < 4; j++) {
            ret[0] = fe_sqr(ret[0]);
            ret[1] = fe_sqr(ret[1]);
        }
        if (digit != 0) {
            ret[0] = fe_mul(ret[0], power[digit][0]);
            ret[1] = fe_mul(ret[1], power[digit][1]);
        }
    }
}

static void decompress(
    const uint64_t (*x)[4], const bool *odd, size_t n, struct bulk_point *ret, bool *ret_ok) {
    const uint64_t *p = bulk_params(IFMA_CURVE == IFMA_P256 ? BULK_P256 : BULK_BP256)->p;
    const uint64_t one[5] = {1};
    for (size_t at = 0; at < n; at += 2 * IFMA_LANES) {
        fe v[2], y[2];
        for (size_t k = 0; k < 2; k++) {
            uint64_t words[4][8];
            for (size_t lane = 0; lane < IFMA_LANES; lane++) {
                const size_t i = at + k * IFMA_LANES + lane;
                for (size_t j = 0; j < 4; j++)
                    words[j][lane] = x[i < n ? i : at][j];
            }
            /* x may be as large as 2^256 - 1 < 1.51p: the product with R^2 is < 2p all the same. */
            const fe in = fe_mul(fe_load((const uint64_t(*)[8])words), fe_const(C_IN));
            const fe cubic = fe_carry(fe_add(fe_sqr_raw(in), fe_const(C_A)));
            v[k] = fe_tidy(fe_add(fe_mul_raw(cubic, in), fe_const(C_B)));
        }
        roots(v, y);
        for (size_t k = 0; k < 2; k++) {
            const __mmask8 exists = fe_zero(fe_diff(fe_sqr_raw(y[k]), v[k]));
            uint64_t plain[4][8];
            fe_store(fe_mul_raw(y[k], fe_const(one)), plain);
            for (size_t lane = 0; lane < IFMA_LANES && at + k * IFMA_LANES + lane < n; lane++) {
                const size_t i = at + k * IFMA_LANES + lane;
                uint64_t root[4];
                for (size_t j = 0; j < 4; j++) {
                    ret[i].x[j] = x[i][j];
                    root[j] = plain[j][lane];
                }
                if ((root[0] & 1) != odd[i])
                    limbs_sub(root, p, root);
                memcpy(ret[i].y, root, sizeof(root));
                /* y = 0 does not happen: the order is odd. */
                ret_ok[i] = (exists >> lane & 1) != 0 && limbs_less(x[i], p);
            }
        }
    }
}

#endif
