/* The integers modulo 4093, the field in which keys are shared. Elements are below 4093 in a uint16_t. Everything here
 * but fl_inverse takes the same time for all values: no division, no branch. Private to share*.c and its tests. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_SHARE_FIELD_H
#define WAYSIDE_FEDLEARN_VEHICLE_SHARE_FIELD_H

#include "fedlearn/vehicle/share.h"

/* Any 32 bits. 2^12 = 3 modulo 4093: two folds leave less than 6403, one subtraction the rest. */
static inline uint16_t fl_mod(uint32_t x) {
    x = 3 * (x >> 12) + (x & 4095U);
    x = 3 * (x >> 12) + (x & 4095U);
    const uint32_t t = x - FL_SHARE_PRIME;
    return (uint16_t)(t + (FL_SHARE_PRIME & (0U - (t >> 31))));
}

static inline uint16_t fl_field_add(uint16_t a, uint16_t b) {
    return fl_mod((uint32_t)a + b);
}
static inline uint16_t fl_field_sub(uint16_t a, uint16_t b) {
    return fl_mod((uint32_t)a + FL_SHARE_PRIME - b);
}
static inline uint16_t fl_field_mul(uint16_t a, uint16_t b) {
    return fl_mod((uint32_t)a * b);
}

/* a is not 0, and public. */
uint16_t fl_field_inverse(uint16_t a);

/* Lagrange's weights: for a polynomial of degree below n, p(at) = sum of ret_weight[j] p(x[j]). The x are distinct;
 * all of it is public. */
void fl_lagrange(const uint8_t *x, size_t n, uint8_t at, uint16_t *ret_weight);

/* ret[i] = sum of weight[j] rows[j][i], i < values; up to 22 rows, so that no sum leaves 32 bits. */
void fl_combine(
    const uint16_t *const *rows, const uint16_t *weight, size_t n, size_t values, uint16_t *ret);

/* n uniform elements from a key, the same everywhere: 12-bit pieces of the ChaCha20 stream of that key (RFC 8439's
 * block function with a 64-bit counter from 0 and a nonce of zeros), big-endian bit order, those above 4092 left out.
 * Time depends on how many were left out, which says nothing about those that stay. */
void fl_uniform(const uint8_t key[static 32], size_t n, uint16_t *ret);

#endif
