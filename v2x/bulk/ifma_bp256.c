/* Brainpool P256r1 on AVX-512 IFMA, by its twist with a = -3. */
#define IFMA_CURVE 1
#define IFMA_OFFERED ifma_bp256
#include "v2x/bulk/ifma_curve.h"
