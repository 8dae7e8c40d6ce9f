/* The public constants of a round by which updates become small integers, and the bounds that follow from them. Integers only: validators
 * agree on what is here, vehicles reckon with the same.
 *
 * Units. Model parameters are fixed point, int32 with FL_PARAM_FRACTION fraction bits, so that every validator holds the same octets of a
 * model. The clip bounds are in the same unit. A symbol is an integer in +-(2^(bits-1)-1); one parameter unit is
 * S = (2^(bits-1)-1) / clip_inf symbols. No heap; any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_SCALE_H
#define WAYSIDE_FEDLEARN_VEHICLE_SCALE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    FL_PARAM_FRACTION = 20, /* model parameters are multiples of 2^-20 */
    FL_PARAM_MAX = (1 << 26) - 1, /* largest magnitude of a parameter: just below 64 */
    FL_MAX_PARAMS = 1 << 20, /* parameters of one model */
    FL_MAX_WEIGHT = 1024, /* vehicles behind one group sum */
    FL_MIN_BITS = 4,
    FL_MAX_BITS = 16,
};

/* Public constants of a round (the OPEN record carries them). */
struct fl_scale {
    unsigned bits; /* of a symbol with its sign, FL_MIN_BITS..FL_MAX_BITS */
    uint32_t clip; /* C: largest L2 norm of an update, in 2^-20; 1..2^30 */
    uint32_t clip_inf; /* C_inf: magnitude of the largest symbol, in 2^-20; clip/2^15..clip */
    uint32_t
        noise; /* standard deviation of each vehicle's privacy noise, in 2^-8 symbols; 0: none */
};

/* 0, or WS_EINPUT naming the constant that is out of range. */
WARN_UNUSED int fl_scale_check(const struct fl_scale *scale, struct ws_err *err);

static inline int32_t fl_symbol_max(const struct fl_scale *scale) {
    return (int32_t)((1U << (scale->bits - 1)) - 1U);
}

/* Largest square of the L2 norm, in symbols, that one vehicle may send before noise: (C S)^2 + d/4. Rounding moves
 * each of the d symbols by less than one and its variance is at most 1/4: without the allowance an honest update
 * of many small symbols would break the bound. */
uint64_t fl_member_bound2(const struct fl_scale *scale, size_t d);

/* Largest L2 norm, in symbols, of the sum of `weight` vehicles: weight members inside their bounds, and where noise
 * is on twice the noise's expected square (a chi-square of 60 or more degrees of freedom stays below). */
uint64_t fl_group_bound(const struct fl_scale *scale, size_t d, uint32_t weight);

/* Integer square root, rounded down. For everything validators agree on. */
uint64_t fl_isqrt(unsigned __int128 x);

#endif
