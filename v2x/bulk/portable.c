#include "v2x/bulk/portable.h"

#include "v2x/bulk/scalar.h"

#include <stdlib.h>
#include <string.h>

static const struct pt_core *core_of(enum bulk_curve c, bool adx) {
#if defined(__x86_64__)
    if (adx)
        return c == BULK_P256 ? &pt_core_p256_adx : &pt_core_bp256_adx;
#endif
    (void)adx;
    return c == BULK_P256 ? &pt_core_p256 : &pt_core_bp256;
}

static bool always(void) {
    return true;
}

/* OpenSSL has P-256 in assembly for every x86-64; plain C takes more than twice as long for a key without a table (bench_bulk). It
 * has Brainpool in plain C as well. */
static bool cold_pays_plain(enum bulk_curve c) {
    return c != BULK_P256;
}

static bool cold_pays(enum bulk_curve c) {
    return bulk_have_adx() || cold_pays_plain(c);
}

static void *aligned(size_t octets) {
    return aligned_alloc(64, (octets + 63) / 64 * 64);
}

static struct bulk_base *base_with(enum bulk_curve c, bool adx) {
    struct bulk_base *base = aligned(sizeof(*base));
    struct pt_scratch *s = aligned(sizeof(*s));
    WS_ASSERT(base != NULL && s != NULL);
    base->core = core_of(c, adx);
    base->curve = c;
    const struct bulk_params *params = bulk_params(c);
    struct bulk_point g;
    memcpy(g.x, params->gx, 32);
    memcpy(g.y, params->gy, 32);
    const struct bulk_point *key = &g;
    struct pt_aff *table = &base->row[0][0];
    const bool built = base->core->build(&key, 1, PT_G_W, PT_G_WINDOWS, PT_G_W, &table, s);
    WS_ASSERT(built);
    free(s);
    return base;
}

static struct bulk_base *base_new(enum bulk_curve c) {
    return base_with(c, bulk_have_adx());
}

static struct bulk_base *base_new_plain(enum bulk_curve c) {
    return base_with(c, false);
}

static pt_operand operand(const struct pt_aff *rows, uint16_t digit) {
    return (pt_operand)&rows[digit >> 1] + (digit & 1);
}

/* Digits of u2, as rows of the key's table where there is one. A MID column takes every eighth digit. */
static void key_rows(const struct bulk_base *base, struct pt_batch *b, size_t i, const void *table,
    const uint64_t u2[4]) {
    uint16_t digit[64];
    const struct pt_aff *t = table;
    pt_operand *row = &b->row[i * b->points + PT_G_WINDOWS];
    switch (b->tier) {
    case BULK_FULL:
        bulk_digits(base->curve, u2, PT_FULL_W, PT_FULL_WINDOWS, digit);
        for (size_t j = 0; j < PT_FULL_WINDOWS; j++)
            row[j] = operand(t + (j << (PT_FULL_W - 1)), digit[j]);
        break;
    case BULK_MID:
        bulk_digits(base->curve, u2, PT_MID_W, PT_MID_BASES * PT_MID_COLUMNS, digit);
        for (size_t c = 0; c < PT_MID_COLUMNS; c++)
            for (size_t j = 0; j < PT_MID_BASES; j++)
                *row++ = operand(t + (j << (PT_MID_W - 1)), digit[j * PT_MID_COLUMNS + c]);
        break;
    case BULK_COLD:
    case BULK_TIERS:
        bulk_digits(base->curve, u2, PT_COLD_W, PT_COLD_WINDOWS, b->digit[i]);
        break;
    }
}

static void prepare(const struct bulk_base *base, enum bulk_tier tier, const struct bulk_job *jobs,
    size_t n, void *batch) {
    struct pt_batch *b = batch;
    uint64_t u1[BULK_BATCH][4], u2[BULK_BATCH][4];
    WS_ASSERT(n > 0 && n <= BULK_BATCH && tier < BULK_TIERS);
    b->core = base->core;
    b->tier = tier;
    b->n = n;
    b->points = PT_G_WINDOWS + (tier == BULK_FULL     ? PT_FULL_WINDOWS
                                   : tier == BULK_MID ? PT_MID_BASES * PT_MID_COLUMNS
                                                      : 0);
    if (base->core == core_of(base->curve, false))
        bulk_multipliers_plain(base->curve, jobs, n, u1, u2);
    else
        bulk_multipliers(base->curve, jobs, n, u1, u2);
    for (size_t i = 0; i < n; i++) {
        uint16_t digit[PT_G_WINDOWS];
        memcpy(b->r[i], jobs[i].r, 32);
        b->key[i] = jobs[i].key;
        bulk_digits(base->curve, u1[i], PT_G_W, PT_G_WINDOWS, digit);
        for (size_t j = 0; j < PT_G_WINDOWS; j++)
            b->row[i * b->points + j] = operand(base->row[j], digit[j]);
        key_rows(base, b, i, jobs[i].table, u2[i]);
    }
}

static void compute(const void *batch, const void *next, void *scratch, enum bulk_answer *ret) {
    const struct pt_batch *b = batch;
    b->core->compute(b, next, scratch, ret);
}

static bool build(const struct bulk_base *base, enum bulk_tier tier,
    const struct bulk_point *const *key, void *const *table, size_t n, void *scratch) {
    struct pt_aff *rows[BULK_BUILD];
    WS_ASSERT(n <= BULK_BUILD && (tier == BULK_MID || tier == BULK_FULL));
    for (size_t i = 0; i < n; i++)
        rows[i] = table[i];
    if (tier == BULK_FULL)
        return base->core->build(key, n, PT_FULL_W, PT_FULL_WINDOWS, PT_FULL_W, rows, scratch);
    return base->core->build(
        key, n, PT_MID_W, PT_MID_BASES, PT_MID_W * PT_MID_COLUMNS, rows, scratch);
}

static void decompress_with(bool adx, enum bulk_curve c, const uint64_t (*x)[4], const bool *odd,
    size_t n, struct bulk_point *ret, bool *ret_ok) {
    for (size_t i = 0; i < n; i++)
        ret_ok[i] = core_of(c, adx)->decompress(x[i], odd[i], &ret[i]);
}

static void decompress(enum bulk_curve c, const uint64_t (*x)[4], const bool *odd, size_t n,
    struct bulk_point *ret, bool *ret_ok) {
    decompress_with(bulk_have_adx(), c, x, odd, n, ret, ret_ok);
}

static void decompress_plain(enum bulk_curve c, const uint64_t (*x)[4], const bool *odd, size_t n,
    struct bulk_point *ret, bool *ret_ok) {
    decompress_with(false, c, x, odd, n, ret, ret_ok);
}

#define ENGINE(engine_name, new_base, points_of_x, pays)                                           \
    {                                                                                              \
        .name = (engine_name), .usable = always, .cold_pays = (pays),                              \
        .table_octets = {[BULK_MID] = sizeof(struct pt_aff) * (PT_MID_BASES << (PT_MID_W - 1)),    \
            [BULK_FULL] = sizeof(struct pt_aff) * (PT_FULL_WINDOWS << (PT_FULL_W - 1))},           \
        .batch_octets = sizeof(struct pt_batch), .scratch_octets = sizeof(struct pt_scratch),      \
        .base_new = (new_base), .prepare = prepare, .compute = compute, .build = build,            \
        .decompress = (points_of_x),                                                               \
    }

const struct bulk_engine bulk_portable = ENGINE("portable", base_new, decompress, cold_pays);
const struct bulk_engine bulk_portable_plain =
    ENGINE("portable-plain", base_new_plain, decompress_plain, cold_pays_plain);
