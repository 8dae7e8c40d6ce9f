#include "fedlearn/vehicle/share_field.h"

#include "base/assert.h"

#include <sodium.h>

uint16_t fl_field_inverse(uint16_t a) {
    uint16_t r = 1, square = a;
    WS_ASSERT(a > 0 && a < FL_SHARE_PRIME);
    for (unsigned e = FL_SHARE_PRIME - 2; e > 0; e >>= 1) {
        if (e & 1)
            r = fl_field_mul(r, square);
        square = fl_field_mul(square, square);
    }
    return r;
}

void fl_lagrange(const uint8_t *x, size_t n, uint8_t at, uint16_t *ret_weight) {
    for (size_t j = 0; j < n; j++) {
        uint16_t top = 1, bottom = 1;
        for (size_t m = 0; m < n; m++) {
            if (m == j)
                continue;
            top = fl_field_mul(top, fl_field_sub(at, x[m]));
            bottom = fl_field_mul(bottom, fl_field_sub(x[j], x[m]));
        }
        ret_weight[j] = fl_field_mul(top, fl_field_inverse(bottom));
    }
}

/* Runs of 128 so that the sums stay in the nearest cache while row after row is added. */
enum { RUN = 128 };

void fl_combine(
    const uint16_t *const *rows, const uint16_t *weight, size_t n, size_t values, uint16_t *ret) {
    uint32_t sum[RUN];
    WS_ASSERT(n <= FL_VALIDATORS_MAX);
    for (size_t from = 0; from < values; from += RUN) {
        const size_t len = values - from < RUN ? values - from : RUN;
        memset(sum, 0, sizeof(sum));
        for (size_t j = 0; j < n; j++) {
            const uint16_t *row = rows[j] + from;
            const uint32_t w = weight[j];
            for (size_t i = 0; i < len; i++)
                sum[i] += w * row[i];
        }
        for (size_t i = 0; i < len; i++)
            ret[from + i] = fl_mod(sum[i]);
    }
    sodium_memzero(sum, sizeof(sum));
}

/* A stretch of the stream: enough for a whole row but for one in more than 2^200 seeds, whole blocks, whole pairs. */
enum { BLOCKS = 51, STRETCH = 64 * BLOCKS };

void fl_uniform(const uint8_t key[static 32], size_t n, uint16_t *ret) {
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    uint8_t stream[STRETCH];
    uint64_t block = 0;
    for (size_t k = 0; k < n; block += BLOCKS) {
        memset(stream, 0, sizeof(stream));
        (void)crypto_stream_chacha20_xor_ic(stream, stream, sizeof(stream), nonce, block, key);
        for (size_t i = 0; i < STRETCH && k < n; i += 3) {
            const uint32_t a = (uint32_t)stream[i] << 4 | stream[i + 1] >> 4;
            const uint32_t b = (uint32_t)(stream[i + 1] & 15U) << 8 | stream[i + 2];
            ret[k] = (uint16_t)a;
            k += (a - FL_SHARE_PRIME) >> 31;
            if (k == n)
                break;
            ret[k] = (uint16_t)b;
            k += (b - FL_SHARE_PRIME) >> 31;
        }
    }
    sodium_memzero(stream, sizeof(stream));
}

void fl_pack12(const uint16_t *values, size_t n, uint8_t *ret_octets) {
    for (size_t i = 0; i < n; i += 2, ret_octets += 3) {
        ret_octets[0] = (uint8_t)(values[i] >> 4);
        ret_octets[1] = (uint8_t)(values[i] << 4 | values[i + 1] >> 8);
        ret_octets[2] = (uint8_t)values[i + 1];
    }
}

bool fl_unpack12(const uint8_t *octets, size_t n, uint16_t *ret_values) {
    uint32_t high = 0; /* top bit: a value is too large */
    for (size_t i = 0; i < n; i += 2, octets += 3) {
        ret_values[i] = (uint16_t)((unsigned)octets[0] << 4 | octets[1] >> 4);
        ret_values[i + 1] = (uint16_t)((octets[1] & 15U) << 8 | octets[2]);
        high |= (FL_SHARE_PRIME - 1U - ret_values[i]) | (FL_SHARE_PRIME - 1U - ret_values[i + 1]);
    }
    return high >> 31 == 0;
}
