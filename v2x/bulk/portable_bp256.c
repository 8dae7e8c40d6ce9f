/* Brainpool P256r1 in plain C. */
#define PT_P256 0
#define PT_ADX 0
#define PT_CORE pt_core_bp256
#include "v2x/bulk/portable_core.h"
