/* Field arithmetic of the IFMA engine, one call in eight lanes; built once for each curve. Test support. */
#ifndef WAYSIDE_TESTS_IFMA_PROBE_H
#define WAYSIDE_TESTS_IFMA_PROBE_H

#include <stdint.h>

enum ifma_op {
    IFMA_MUL,
    IFMA_MUL_RAW,
    IFMA_SQR,
    IFMA_WEAK, /* of a */
    IFMA_DIFF,
    IFMA_FREEZE, /* of a */
    IFMA_ZERO, /* of a; ret[0][lane] 0 or 1 */
};

typedef void ifma_probe_fn(
    enum ifma_op op, const int64_t (*a)[8], const int64_t (*b)[8], int64_t (*ret)[8]); /* [limb] */
ifma_probe_fn ifma_probe_p256, ifma_probe_bp256;

#endif
