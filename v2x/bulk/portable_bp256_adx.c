/* Brainpool P256r1 with mulx, adcx, adox. */
#if defined(__x86_64__)
#define PT_P256 0
#define PT_ADX 1
#define PT_CORE pt_core_bp256_adx
#include "v2x/bulk/portable_core.h"
#endif
