/* A prepared batch to answers. Private to v2x/bulk/ifma_*. */
#ifndef WAYSIDE_V2X_BULK_IFMA_VERIFY_H
#define WAYSIDE_V2X_BULK_IFMA_VERIFY_H

#include "v2x/bulk/ifma_build.h"

#include <string.h>

#define COLD_W 5
#define COLD_ROWS 16

struct verify_work {
    struct pt slot[IFMA_POSITIONS * IFMA_GROUPS]; /* [position][group] */
    fe prefix[IFMA_POSITIONS * IFMA_GROUPS / 2];
    struct item item[IFMA_POSITIONS * IFMA_GROUPS / 2];
    struct jac sum[IFMA_GROUPS], chain[IFMA_GROUPS * COLD_W];
    struct pt cold_slot[IFMA_GROUPS * (COLD_W + COLD_ROWS)];
    fe z[IFMA_GROUPS * COLD_W];
    _Alignas(64) uint8_t cold[BULK_BATCH][COLD_ROWS][IFMA_LINE];
};

/* A tree over positions first .. first + n - 1; its sum ends up in the last of `at`. */
struct tree {
    uint8_t at[64];
    unsigned n;
};

/* Sums each tree, all trees in the same rounds, one inversion a round. The trees of the base point and of the signer are
 * never mixed before the last addition: a signer who knows Q = c G could otherwise provoke equal points at will. */
static void sum_trees(struct verify_work *work, const struct ifma_batch *b, struct tree *tree,
    size_t trees, struct fetch *fetch, __mmask8 *mark) {
    const unsigned groups = b->groups;
    for (bool first = true;; first = false) {
        size_t n = 0;
        for (size_t k = 0; k < trees; k++) {
            struct tree *t = &tree[k];
            unsigned pairs = t->n / 2;
            for (unsigned i = 0; i < pairs; i++) {
                const unsigned one = t->at[2 * i], two = t->at[2 * i + 1];
                for (unsigned g = 0; g < groups; g++) {
                    const uint16_t dst = (uint16_t)(two * groups + g);
                    work->item[n++] = (struct item){(uint16_t)(one * groups + g), dst, dst};
                }
                t->at[i] = (uint8_t)two;
            }
            if (t->n % 2 == 1) {
                const unsigned left = t->at[t->n - 1];
                for (unsigned g = 0; first && g < groups; g++)
                    work->slot[left * groups + g] =
                        load_lines(b->line + 8 * (size_t)(left * groups + g), 0);
                t->at[pairs++] = (uint8_t)left;
            }
            t->n = pairs;
        }
        if (n == 0)
            return;
        add_points(
            work->slot, work->item, n, work->prefix, first ? b->line : NULL, fetch, groups, mark);
    }
}

/* Is left = right * (xr + rest)? In lanes with a small r, xr + n too. xr < 2p; rest weak twice, raw; right < 2p. */
static __mmask8 equal_x(fe left, fe right, fe rest, fe xr, __mmask8 second) {
    fe product = fe_mul_raw(fe_carry(fe_add(rest, xr)), right);
    __mmask8 equal = fe_zero(fe_diff(product, left));
    if ((second & ~equal) != 0) {
        const fe other = fe_tidy(fe_add(fe_add(rest, xr), fe_const(C_N)));
        product = fe_mul_raw(other, right);
        equal |= second & fe_zero(fe_diff(product, left));
    }
    return equal;
}

/* x(P + Q) = xr, for affine P, Q: (yQ - yP)^2 = d^2 (xr + xP + xQ) where d = xQ - xP is not 0. */
static __mmask8 affine_equal(
    const struct pt *p, const struct pt *q, fe xr, __mmask8 second, __mmask8 *mark) {
    const fe d = fe_tidy(fe_sub(q->x, p->x));
    *mark |= fe_zero(d);
    const fe left = fe_sqr(fe_tidy(fe_sub(q->y, p->y)));
    return equal_x(left, fe_sqr(d), fe_add(p->x, q->x), xr, second);
}

/* The same for a Jacobian Q: with U = xP Z^2, S = yP Z^3: (S - Y)^2 = (U - X)^2 (xr Z^2 + U + X). */
static __mmask8 jacobian_equal(
    const struct pt *p, const struct jac *q, fe xr, __mmask8 second, __mmask8 *mark) {
    const fe z2 = fe_sqr(q->z), u = fe_mul(fe_tidy(p->x), z2);
    const fe s = fe_mul_raw(fe_mul(fe_tidy(p->y), q->z), z2);
    const fe h = fe_tidy(fe_sub(u, q->x)), left = fe_sqr(fe_tidy(fe_sub(s, q->y)));
    *mark |= fe_zero(h) | fe_zero(q->z);
    const fe h2 = fe_sqr(h), rest = fe_add(u, q->x);
    __mmask8 equal = equal_x(left, h2, rest, fe_mul_raw(xr, z2), 0);
    if ((second & ~equal) != 0) {
        const fe other = fe_tidy(fe_add(xr, fe_const(C_N)));
        equal |= second & equal_x(left, h2, rest, fe_mul_raw(other, z2), 0);
    }
    return equal;
}

/* Sixteen odd multiples of each key, for this batch only. False: an exceptional key somewhere. */
static bool cold_tables(struct verify_work *work, const struct ifma_batch *b) {
    const unsigned groups = b->groups;
    struct jac p[IFMA_GROUPS];
    for (unsigned g = 0; g < groups; g++)
        p[g] = jac_of(point_in(b->key[g]));
    for (unsigned t = 0; t < COLD_W; t++) {
        for (unsigned g = 0; g < groups; g++)
            work->chain[g * COLD_W + t] = p[g];
        jac_double(p, groups);
    }
    if (!jac_affine(work->chain, (size_t)groups * COLD_W, work->cold_slot, work->z, work->prefix))
        return false;
    if (!odd_multiples(work->cold_slot, groups, COLD_W, work->item, work->prefix))
        return false;
    for (unsigned g = 0; g < groups; g++)
        for (unsigned row = 0; row < COLD_ROWS; row++) {
            uint8_t *line[IFMA_LANES];
            for (unsigned lane = 0; lane < IFMA_LANES; lane++)
                line[lane] = work->cold[g * IFMA_LANES + lane][row];
            store_lines(work->cold_slot[groups * COLD_W + g * COLD_ROWS + row], line);
        }
    return true;
}

/* Column sums (MID) or digits (COLD) from the top: w doublings, one addition each. */
static void horner(struct verify_work *work, const struct ifma_batch *b, const struct tree *tree) {
    const struct ifma_shape s = ifma_shape(b->tier);
    struct pt p[IFMA_GROUPS];
    for (unsigned t = s.columns; t-- > 0;) {
        for (unsigned g = 0; g < b->groups; g++) {
            const size_t digit = (size_t)(IFMA_G_WINDOWS + t) * b->groups + g;
            p[g] = b->tier == BULK_COLD ? load_lines(b->line + 8 * digit, (uintptr_t)work->cold)
                                        : work->slot[tree[1 + t].at[0] * b->groups + g];
        }
        if (t == s.columns - 1) {
            for (unsigned g = 0; g < b->groups; g++)
                work->sum[g] = jac_of(p[g]);
            continue;
        }
        for (unsigned i = 0; i < s.w; i++)
            jac_double(work->sum, b->groups);
        jac_add(work->sum, p, b->groups);
    }
}

static void compute(const struct ifma_batch *b, const struct ifma_batch *next, void *scratch,
    enum bulk_answer *ret) {
    const struct ifma_shape s = ifma_shape(b->tier);
    struct verify_work *work = scratch;
    __mmask8 mark[IFMA_GROUPS] = {0};
    struct fetch fetch = {NULL, NULL, 0};
    struct tree tree[5]; /* of the base point, then of each column */
    const size_t trees = b->tier == BULK_COLD ? 1 : 1 + s.columns;
    const size_t points = IFMA_G_WINDOWS + (b->tier == BULK_COLD ? 0 : s.windows);
    if (next != NULL) {
        const size_t signer = next->tier == BULK_COLD ? 0 : ifma_shape(next->tier).windows;
        const size_t lines = (IFMA_G_WINDOWS + signer) * next->groups * IFMA_LANES;
        fetch = (struct fetch){
            next->line, next->line + lines, lines / ((points - trees) * b->groups) + 1};
    }
    for (size_t k = 0; k < trees; k++) {
        tree[k].n = k == 0 ? IFMA_G_WINDOWS : s.bases;
        for (size_t i = 0; i < tree[k].n; i++)
            tree[k].at[i] = (uint8_t)(k == 0 ? i : IFMA_G_WINDOWS + (k - 1) * s.bases + i);
    }
    if (b->tier == BULK_COLD && !cold_tables(work, b)) {
        for (size_t i = 0; i < b->n; i++)
            ret[i] = BULK_ASK;
        return;
    }
    sum_trees(work, b, tree, trees, &fetch, mark);
    if (b->tier != BULK_FULL)
        horner(work, b, tree);
    for (size_t g = 0; g < b->groups; g++) {
        const fe xr = fe_mul(fe_load(b->r[g]), fe_const(C_X_IN));
        const struct pt *p = &work->slot[tree[0].at[0] * b->groups + g];
        const __mmask8 good = b->tier == BULK_FULL
                                  ? affine_equal(p, &work->slot[tree[1].at[0] * b->groups + g], xr,
                                        b->second[g], &mark[g])
                                  : jacobian_equal(p, &work->sum[g], xr, b->second[g], &mark[g]);
        for (size_t lane = 0; lane < IFMA_LANES && g * IFMA_LANES + lane < b->n; lane++)
            ret[g * IFMA_LANES + lane] = (mark[g] >> lane & 1) != 0 ? BULK_ASK
                                         : (good >> lane & 1) != 0  ? BULK_GOOD
                                                                    : BULK_BAD;
    }
}

#endif
