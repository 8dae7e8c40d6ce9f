/* P-256 in plain C. */
#define PT_P256 1
#define PT_ADX 0
#define PT_CORE pt_core_p256
#include "v2x/bulk/portable_core.h"
