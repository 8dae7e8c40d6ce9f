/* The AVX-512 IFMA engine: what it needs of the processor, and multipliers to table lines. Built without AVX-512, so
 * that asking is safe everywhere. */
#include "v2x/bulk/ifma_layout.h"
#include "v2x/bulk/mont.h"
#include "v2x/bulk/scalar.h"

#include <cpuid.h>
#include <stdlib.h>
#include <string.h>

static const struct ifma_curve *curve_of(enum bulk_curve c) {
    return c == BULK_P256 ? &ifma_p256 : &ifma_bp256;
}

static bool usable(void) {
    uint32_t a, b, c, d, low, high;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0)
        return false;
    /* XCR0: SSE, AVX, opmask, upper halves of ZMM0-15, ZMM16-31 are saved by the system. */
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 0xe6) != 0xe6 || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0)
        return false;
    const uint32_t need_b =
        1U << 16 /* F */ | 1U << 17 /* DQ */ | 1U << 21 /* IFMA */ | 1U << 31 /* VL */;
    const uint32_t need_c = 1U << 6 /* VBMI2 */;
    return (b & need_b) == need_b && (c & need_c) == need_c;
}

static bool cold_pays(enum bulk_curve c) {
    (void)c;
    return true;
}

static struct bulk_base *base_new(enum bulk_curve c) {
    struct bulk_base *b = aligned_alloc(64, sizeof(*b));
    WS_ASSERT(b != NULL);
    b->curve = c;
    curve_of(c)->base_fill(b);
    return b;
}

/* Lines of one job, at `line` and then every `step` places. */
static void lines_of(const struct bulk_base *base, enum bulk_tier tier, const struct bulk_job *job,
    size_t at, const uint64_t u1[4], const uint64_t u2[4], uint64_t *line, size_t step) {
    const struct ifma_shape s = ifma_shape(tier);
    const size_t rows = (size_t)1 << (s.w - 1);
    uint16_t digit[64];
    bulk_digits(base->curve, u1, IFMA_G_W, IFMA_G_WINDOWS, digit);
    for (size_t i = 0; i < IFMA_G_WINDOWS; i++, line += step)
        *line = (uintptr_t)base->line[i][digit[i] >> 1] | (digit[i] & 1);
    bulk_digits(base->curve, u2, s.w, s.windows, digit);
    /* COLD: offset of the job's table in verify_work.cold. */
    const uintptr_t table = tier == BULK_COLD ? at * IFMA_COLD_OCTETS : (uintptr_t)job->table;
    for (size_t t = 0; t < s.columns; t++)
        for (size_t b = 0; b < s.bases; b++, line += step) {
            const uint16_t d = digit[b * s.columns + t];
            *line = (table + (b * rows + (d >> 1)) * IFMA_LINE) | (d & 1);
        }
}

static void prepare(const struct bulk_base *base, enum bulk_tier tier, const struct bulk_job *jobs,
    size_t n, void *batch) {
    struct ifma_batch *b = batch;
    uint64_t u1[BULK_BATCH][4], u2[BULK_BATCH][4];
    WS_ASSERT(n > 0 && n <= BULK_BATCH);
    bulk_multipliers(base->curve, jobs, n, u1, u2);
    b->curve = curve_of(base->curve);
    b->tier = tier;
    b->n = (uint32_t)n;
    b->groups = (uint32_t)((n + IFMA_LANES - 1) / IFMA_LANES);
    memset(b->second, 0, sizeof(b->second));
    for (size_t i = 0; i < (size_t)b->groups * IFMA_LANES; i++) {
        const size_t group = i / IFMA_LANES, lane = i % IFMA_LANES;
        const size_t k = i < n ? i : 0; /* lanes without a job repeat the first */
        for (size_t j = 0; j < 4; j++) {
            b->r[group][j][lane] = jobs[k].r[j];
            if (tier == BULK_COLD) {
                b->key[group][j][lane] = jobs[k].key->x[j];
                b->key[group][4 + j][lane] = jobs[k].key->y[j];
            }
        }
        if (limbs_less(jobs[k].r, b->curve->p_less_n))
            b->second[group] |= (uint8_t)(1U << lane);
        lines_of(
            base, tier, &jobs[k], i, u1[k], u2[k], b->line + i, (size_t)b->groups * IFMA_LANES);
    }
}

static void compute(const void *batch, const void *next, void *scratch, enum bulk_answer *ret) {
    const struct ifma_batch *b = batch;
    b->curve->compute(b, next, scratch, ret);
}

static bool build(const struct bulk_base *base, enum bulk_tier tier,
    const struct bulk_point *const *key, void *const *table, size_t n, void *scratch) {
    WS_ASSERT(n > 0 && n <= BULK_BUILD && tier != BULK_COLD);
    return curve_of(base->curve)->build(tier, key, table, n, scratch);
}

static void decompress(enum bulk_curve c, const uint64_t (*x)[4], const bool *odd, size_t n,
    struct bulk_point *ret, bool *ret_ok) {
    curve_of(c)->decompress(x, odd, n, ret, ret_ok);
}

const struct bulk_engine bulk_ifma = {
    .name = "ifma",
    .usable = usable,
    .cold_pays = cold_pays,
    .table_octets = {[BULK_MID] = IFMA_MID_OCTETS, [BULK_FULL] = IFMA_FULL_OCTETS},
    .batch_octets = sizeof(struct ifma_batch),
    .scratch_octets = IFMA_SCRATCH_OCTETS,
    .base_new = base_new,
    .prepare = prepare,
    .compute = compute,
    .build = build,
    .decompress = decompress,
};
