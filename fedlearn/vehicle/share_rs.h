/* Unique decoding of a short Reed-Solomon word over the integers modulo 4093 (Gao, 2003). Public data only; pure. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_SHARE_RS_H
#define WAYSIDE_FEDLEARN_VEHICLE_SHARE_RS_H

#include "fedlearn/vehicle/share.h"

/* word[i] should be p(x[i]) for one polynomial of degree f or less; m of them, f < m <= FL_VALIDATORS_MAX, the x distinct.
 * True when a polynomial misses at most (m - f - 1) / 2 of them (there is at most one), and ret_wrong says which. */
WARN_UNUSED bool fl_rs_errors(
    const uint8_t *x, const uint16_t *word, size_t m, unsigned f, bool *ret_wrong);

#endif
