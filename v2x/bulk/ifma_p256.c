/* NIST P-256 on AVX-512 IFMA. */
#define IFMA_CURVE 0
#define IFMA_OFFERED ifma_p256
#include "v2x/bulk/ifma_curve.h"
