/* Tables of odd multiples, eight signers (or eight windows of the base point) at once. Private to v2x/bulk/ifma_*. */
#ifndef WAYSIDE_V2X_BULK_IFMA_BUILD_H
#define WAYSIDE_V2X_BULK_IFMA_BUILD_H

#include "v2x/bulk/ifma_jacobian.h"

#include <stdlib.h>
#include <string.h>

/* Bounds of the largest build that works in scratch: FULL. */
#define BUILD_POWERS (43 * 6)
#define BUILD_ROWS (43 * 32)

struct build_work {
    struct jac chain[BUILD_POWERS];
    struct pt slot[BUILD_POWERS + BUILD_ROWS]; /* powers of two, then rows */
    fe z[BUILD_POWERS], prefix[BUILD_ROWS / 2];
    struct item item[BUILD_ROWS / 2];
};

/* slot[b w + t] = 2^t B_b for each base b. Row r of base b, (2r + 1) B_b, goes to slot[bases w + b 2^(w-1) + r]: rows
 * 2^(t-1) .. 2^t - 1 are the rows before them plus 2^t B, so a round needs one inversion. */
static bool odd_multiples(
    struct pt *slot, unsigned bases, unsigned w, struct item *item, fe *prefix) {
    const unsigned rows = 1U << (w - 1), first = bases * w;
    struct fetch none = {NULL, NULL, 0};
    __mmask8 mark = 0;
    for (unsigned b = 0; b < bases; b++)
        slot[first + b * rows] = slot[b * w];
    for (unsigned t = 1; t < w; t++) {
        size_t n = 0;
        const unsigned half = 1U << (t - 1);
        for (unsigned b = 0; b < bases; b++)
            for (unsigned r = 0; r < half; r++)
                item[n++] = (struct item){(uint16_t)(first + b * rows + r), (uint16_t)(b * w + t),
                    (uint16_t)(first + b * rows + half + r)};
        add_points(slot, item, n, prefix, NULL, &none, 1, &mark);
    }
    return mark == 0;
}

/* Plain words to a point in Montgomery form, twisted. */
static struct pt point_in(const uint64_t (*words)[8]) {
    return (struct pt){
        fe_mul(fe_load(words), fe_const(C_X_IN)), fe_mul(fe_load(words + 4), fe_const(C_Y_IN))};
}

static bool build(enum bulk_tier tier, const struct bulk_point *const *key, void *const *table,
    size_t n, void *scratch) {
    const struct ifma_shape s = ifma_shape(tier);
    const unsigned rows = 1U << (s.w - 1), powers = s.bases * s.w;
    struct build_work *work = scratch;
    uint64_t words[8][8];
    for (size_t lane = 0; lane < IFMA_LANES; lane++)
        for (size_t i = 0; i < 4; i++) {
            words[i][lane] = key[lane < n ? lane : 0]->x[i];
            words[4 + i][lane] = key[lane < n ? lane : 0]->y[i];
        }
    struct jac p = jac_of(point_in((const uint64_t(*)[8])words));
    for (unsigned i = 0, kept = 0; kept < powers; i++) {
        if (i % s.stride < s.w)
            work->chain[kept++] = p;
        jac_double(&p, 1);
    }
    if (!jac_affine(work->chain, powers, work->slot, work->z, work->prefix))
        return false;
    if (!odd_multiples(work->slot, s.bases, s.w, work->item, work->prefix))
        return false;
    _Alignas(64) uint8_t spare[IFMA_LINE]; /* for lanes without a signer */
    for (size_t i = 0; i < (size_t)s.bases * rows; i++) {
        uint8_t *line[IFMA_LANES];
        for (size_t lane = 0; lane < IFMA_LANES; lane++)
            line[lane] = lane < n ? (uint8_t *)table[lane] + i * IFMA_LINE : spare;
        store_lines(work->slot[powers + i], line);
    }
    return true;
}

/* The base point: its doublings in one chain, then eight windows to a vector. Memory of its own, about 4 MiB. */
struct base_work {
    struct jac chain[IFMA_G_W * IFMA_G_WINDOWS];
    struct pt power[IFMA_G_W * IFMA_G_WINDOWS];
    fe z[IFMA_G_W * IFMA_G_WINDOWS], prefix[IFMA_G_ROWS / 2];
    struct pt slot[IFMA_G_W + IFMA_G_ROWS];
    struct item item[IFMA_G_ROWS / 2];
    _Alignas(64) uint8_t line[IFMA_G_W * IFMA_G_WINDOWS][IFMA_LINE];
    _Alignas(64) uint8_t spare[IFMA_LANES][IFMA_LINE];
};

static void base_fill(struct bulk_base *b) {
    const struct bulk_params *params = bulk_params(b->curve);
    const size_t powers = IFMA_G_W * IFMA_G_WINDOWS;
    struct base_work *work = aligned_alloc(64, sizeof(*work));
    WS_ASSERT(work != NULL);
    uint64_t words[8][8];
    for (size_t lane = 0; lane < IFMA_LANES; lane++)
        for (size_t i = 0; i < 4; i++) {
            words[i][lane] = params->gx[i];
            words[4 + i][lane] = params->gy[i];
        }
    work->chain[0] = jac_of(point_in((const uint64_t(*)[8])words));
    for (size_t i = 1; i < powers; i++) {
        work->chain[i] = work->chain[i - 1];
        jac_double(&work->chain[i], 1);
    }
    bool ok = jac_affine(work->chain, powers, work->power, work->z, work->prefix);
    uint8_t *line[IFMA_LANES];
    for (size_t i = 0; i < powers; i++) {
        for (size_t lane = 0; lane < IFMA_LANES; lane++)
            line[lane] = lane == 0 ? work->line[i] : work->spare[lane];
        store_lines(work->power[i], line);
    }
    for (size_t window = 0; window < IFMA_G_WINDOWS; window += IFMA_LANES) {
        for (size_t t = 0; t < IFMA_G_W; t++) {
            uint64_t place[IFMA_LANES];
            for (size_t lane = 0; lane < IFMA_LANES; lane++) {
                const size_t w = window + lane < IFMA_G_WINDOWS ? window + lane : window;
                place[lane] = (uintptr_t)work->line[w * IFMA_G_W + t];
            }
            work->slot[t] = load_lines(place, 0);
        }
        ok = ok && odd_multiples(work->slot, 1, IFMA_G_W, work->item, work->prefix);
        for (size_t row = 0; row < IFMA_G_ROWS; row++) {
            for (size_t lane = 0; lane < IFMA_LANES; lane++)
                line[lane] = window + lane < IFMA_G_WINDOWS ? b->line[window + lane][row]
                                                            : work->spare[lane];
            store_lines(work->slot[IFMA_G_W + row], line);
        }
    }
    free(work);
    WS_ASSERT(ok);
}

#endif
