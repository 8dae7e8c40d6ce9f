/* The scheme written again as slowly and plainly as possible, from its definition: schoolbook products, polynomials
 * evaluated at each root, division by the division operator. Shares no code with fedlearn/ but its constants. */
#ifndef WAYSIDE_TESTS_UNIT_FEDLEARN_FL_SLOW_H
#define WAYSIDE_TESTS_UNIT_FEDLEARN_FL_SLOW_H

#include "fedlearn/vehicle/mask.h"

uint64_t slow_mul(uint64_t a, uint64_t b); /* mod q */
uint64_t slow_mod(int64_t v);
/* value of a transform at place k: a(psi^(2 bitrev_11(k) + 1)) */
uint64_t slow_at(const uint64_t a[FL_N], size_t k);
/* r = a * b in Z_q[X] / (X^N + 1) */
void slow_product(const uint64_t a[FL_N], const uint64_t b[FL_N], uint64_t r[FL_N]);
/* The polynomial whose transform is given, by the inverse's definition. */
void slow_from_transform(const uint64_t t[FL_N], uint64_t r[FL_N]);
/* coefficient i of n as bits i * bits .. of the octets, least significant first */
uint64_t slow_bits(const uint8_t *wire, unsigned bits, size_t i);
/* popcounts of 42 and 42 bits, one bit after the other */
int slow_binomial(const uint8_t octets[16]);
/* nearest integer to a / b, b odd or halves up */
int64_t slow_nearest(int64_t a, int64_t b);

#endif
