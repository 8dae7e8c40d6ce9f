#include "tests/unit/v2x/ifma_probe.h"

#include "v2x/bulk/ifma_field.h"

#if IFMA_CURVE == IFMA_P256
#define PROBE ifma_probe_p256
#else
#define PROBE ifma_probe_bp256
#endif

void PROBE(enum ifma_op op, const int64_t (*a)[8], const int64_t (*b)[8], int64_t (*ret)[8]) {
    fe x, y, r = {{_mm512_setzero_si512()}};
    for (int i = 0; i < 5; i++) {
        x.l[i] = _mm512_loadu_si512(a[i]);
        y.l[i] = _mm512_loadu_si512(b[i]);
    }
    switch (op) {
    case IFMA_MUL:
        r = fe_mul(x, y);
        break;
    case IFMA_MUL_RAW:
        r = fe_mul_raw(x, y);
        break;
    case IFMA_SQR:
        r = fe_sqr(x);
        break;
    case IFMA_WEAK:
        r = fe_tidy(x);
        break;
    case IFMA_DIFF:
        r = fe_diff(x, y);
        break;
    case IFMA_FREEZE:
        r = fe_freeze(x);
        break;
    case IFMA_ZERO:
        r.l[0] = _mm512_maskz_mov_epi64(fe_zero(x), vec_all(1));
        break;
    }
    for (int i = 0; i < 5; i++)
        _mm512_storeu_si512(ret[i], r.l[i]);
}
