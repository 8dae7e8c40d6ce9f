/* Jacobian points on the curve with a = -3, eight lanes each, n of them in step. x = X / Z^2, y = Y / Z^3.
 * X, Y weak and carried, Z carried and < 4p. Once Z = 0 it stays 0 whatever is added: one test at the end finds all
 * exceptional cases. Source: the usual formulas (dbl-2001-b with Z3 = 2YZ, madd). Private to v2x/bulk/ifma_*. */
#ifndef WAYSIDE_V2X_BULK_IFMA_JACOBIAN_H
#define WAYSIDE_V2X_BULK_IFMA_JACOBIAN_H

#include "v2x/bulk/ifma_add.h"

struct jac {
    fe x, y, z;
};

static INLINE struct jac jac_of(struct pt p) {
    return (struct jac){fe_tidy(p.x), fe_tidy(p.y), fe_const(C_ONE)};
}

/* n <= IFMA_GROUPS, as below. Steps go over all points in turn, see add_points. */
static __attribute__((noinline)) void jac_double(struct jac *p, size_t n) {
    fe gamma[IFMA_GROUPS], alpha[IFMA_GROUPS], beta4[IFMA_GROUPS];
    for (size_t i = 0; i < n; i++) {
        const fe delta = fe_sqr(p[i].z);
        gamma[i] = fe_sqr(p[i].y);
        /* (X - delta)(X + delta) < 2.52 * 4.52 p^2 */
        alpha[i] = fe_tidy(fe_sub(p[i].x, delta));
        beta4[i] = fe_carry(fe_add(p[i].x, delta));
    }
    for (size_t i = 0; i < n; i++) {
        const fe a = fe_mul_raw(alpha[i], beta4[i]);
        alpha[i] = fe_tidy(fe_add(fe_add(a, a), a));
        beta4[i] = fe_weak(fe_shift(fe_mul_raw(p[i].x, gamma[i]), 2));
    }
    for (size_t i = 0; i < n; i++) {
        p[i].z = fe_carry(fe_shift(fe_mul_raw(p[i].y, p[i].z), 1)); /* < 2 (1 + 2.52 * 4 / 16) p */
        p[i].x = fe_tidy(fe_sub(fe_sqr_raw(alpha[i]), fe_shift(beta4[i], 1)));
    }
    for (size_t i = 0; i < n; i++) {
        const fe g = fe_shift(fe_sqr_raw(gamma[i]), 3); /* < 10p */
        p[i].y = fe_tidy(fe_sub(fe_mul_raw(fe_diff(beta4[i], p[i].x), alpha[i]), g));
    }
}

/* p[i] += q[i] */
static __attribute__((noinline)) void jac_add(struct jac *p, const struct pt *q, size_t n) {
    fe h[IFMA_GROUPS], r[IFMA_GROUPS], v[IFMA_GROUPS], h3[IFMA_GROUPS];
    for (size_t i = 0; i < n; i++) {
        h[i] = fe_sqr(p[i].z);
        r[i] = fe_mul(fe_tidy(q[i].y), p[i].z);
    }
    for (size_t i = 0; i < n; i++) {
        r[i] = fe_tidy(fe_sub(fe_mul_raw(r[i], h[i]), p[i].y));
        h[i] = fe_tidy(fe_sub(fe_mul_raw(fe_tidy(q[i].x), h[i]), p[i].x));
    }
    for (size_t i = 0; i < n; i++) {
        const fe h2 = fe_sqr(h[i]);
        p[i].z = fe_mul(p[i].z, h[i]);
        v[i] = fe_mul_raw(p[i].x, h2);
        h3[i] = fe_mul(h[i], h2);
    }
    for (size_t i = 0; i < n; i++) {
        const fe less = fe_add(h3[i], fe_shift(v[i], 1)); /* < 6p */
        p[i].x = fe_tidy(fe_sub(fe_sqr_raw(r[i]), less));
    }
    for (size_t i = 0; i < n; i++) {
        const fe y = fe_mul_raw(p[i].y, h3[i]);
        p[i].y = fe_tidy(fe_sub(fe_mul_raw(fe_diff(v[i], p[i].x), r[i]), y));
    }
}

/* n points of any number to affine; z: n numbers, prefix likewise. False when some Z is 0. */
static bool jac_affine(const struct jac *p, size_t n, struct pt *ret, fe *z, fe *prefix) {
    for (size_t i = 0; i < n; i++)
        z[i] = p[i].z;
    if (!invert_many(z, n, prefix))
        return false;
    for (size_t i = 0; i < n; i++) {
        const fe z2 = fe_sqr(z[i]);
        ret[i].x = fe_mul(p[i].x, z2);
        ret[i].y = fe_mul(p[i].y, fe_mul(z2, z[i]));
    }
    return true;
}

#endif
