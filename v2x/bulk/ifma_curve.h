/* All of one curve: the unit defines IFMA_CURVE and the name of what it offers. Private to v2x/bulk/ifma_*. */
#ifndef WAYSIDE_V2X_BULK_IFMA_CURVE_H
#define WAYSIDE_V2X_BULK_IFMA_CURVE_H

#include "v2x/bulk/ifma_decompress.h"
#include "v2x/bulk/ifma_verify.h"

_Static_assert(sizeof(struct verify_work) <= IFMA_SCRATCH_OCTETS, "scratch of compute");
_Static_assert(sizeof(struct build_work) <= IFMA_SCRATCH_OCTETS, "scratch of build");

const struct ifma_curve IFMA_OFFERED = {
    .p_less_n = C_P_LESS_N,
    .base_fill = base_fill,
    .compute = compute,
    .build = build,
    .decompress = decompress,
};

#endif
