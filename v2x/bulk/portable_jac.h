/* Jacobian points, a = -3: doublings, mixed additions, Horner's rule. Part of a core's source (portable_core.h).
 * Two points go hand in hand: the steps of one formula wait for each other, those of two points do not.
 * Z = 0 (infinity) stays 0 in both formulas, so one test at the end is enough. Source: Chudnovsky coordinates, the
 * formulas dbl-2001-b (with Z3 = 2 Y Z) and madd of the Explicit-Formulas Database. */
#define LANES 2
#define EACH_LANE for (size_t k = 0; k < LANES; k++)

/* 4M + 4S. */
static void jac_double(struct pt_jac p[LANES]) {
    fe delta[LANES], gamma[LANES], alpha[LANES], beta[LANES], t[LANES];
    EACH_LANE fe_sqr(&delta[k], &p[k].z);
    EACH_LANE fe_sqr(&gamma[k], &p[k].y);
    EACH_LANE {
        fe_mul(&p[k].z, &p[k].y, &p[k].z);
        fe_twice(&p[k].z, &p[k].z);
        fe_sub(&t[k], &p[k].x, &delta[k]);
        fe_add(&alpha[k], &p[k].x, &delta[k]);
    }
    EACH_LANE {
        fe_mul(&t[k], &t[k], &alpha[k]);
        fe_mul(&beta[k], &p[k].x, &gamma[k]);
    }
    EACH_LANE {
        fe_twice(&alpha[k], &t[k]);
        fe_add(&alpha[k], &alpha[k], &t[k]); /* 3 (X - delta) (X + delta) */
        fe_twice(&beta[k], &beta[k]);
        fe_twice(&beta[k], &beta[k]); /* 4 X gamma */
        fe_sqr(&p[k].x, &alpha[k]);
        fe_twice(&gamma[k], &gamma[k]);
        fe_sqr(&gamma[k], &gamma[k]);
    }
    EACH_LANE {
        fe_sub(&p[k].x, &p[k].x, &beta[k]);
        fe_sub(&p[k].x, &p[k].x, &beta[k]);
        fe_sub(&t[k], &beta[k], &p[k].x);
        fe_mul(&t[k], &t[k], &alpha[k]);
        fe_twice(&gamma[k], &gamma[k]);
        fe_sub(&p[k].y, &t[k], &gamma[k]);
    }
}

/* p + (x, y) where x is the x of p, of lane k: p doubled, or infinity (Z = 0). */
static void jac_exception(struct pt_jac *p, const fe *r) {
    if (fe_zero(r)) {
        struct pt_jac both[LANES];
        EACH_LANE both[k] = *p;
        jac_double(both);
        *p = both[0];
    } else {
        p->z = (fe){{0, 0, 0, 0}};
    }
}

/* 8M + 3S. */
static void jac_add(struct pt_jac p[LANES], const pt_operand operand[LANES]) {
    fe h[LANES], r[LANES], hh[LANES], v[LANES], t[LANES];
    bool same[LANES];
    EACH_LANE {
        fe_sqr(&t[k], &p[k].z);
        load_y(&r[k], operand[k], true);
    }
    EACH_LANE {
        fe_mul(&h[k], &point_of(operand[k])->x, &t[k]);
        fe_mul(&t[k], &t[k], &p[k].z);
    }
    EACH_LANE {
        fe_sub(&h[k], &h[k], &p[k].x);
        fe_mul(&r[k], &r[k], &t[k]);
        fe_sub(&r[k], &r[k], &p[k].y);
        same[k] = UNLIKELY(fe_zero(&h[k]));
        if (same[k])
            jac_exception(&p[k], &r[k]);
    }
    EACH_LANE fe_sqr(&hh[k], &h[k]);
    EACH_LANE {
        if (UNLIKELY(same[k]))
            continue;
        fe_mul(&p[k].z, &p[k].z, &h[k]);
        fe_mul(&v[k], &p[k].x, &hh[k]);
        fe_mul(&h[k], &h[k], &hh[k]);
        fe_sqr(&t[k], &r[k]);
        fe_sub(&t[k], &t[k], &h[k]);
        fe_sub(&t[k], &t[k], &v[k]);
        fe_sub(&p[k].x, &t[k], &v[k]);
        fe_sub(&v[k], &v[k], &p[k].x);
        fe_mul(&v[k], &v[k], &r[k]);
        fe_mul(&h[k], &h[k], &p[k].y);
        fe_sub(&p[k].y, &v[k], &h[k]);
    }
}

static void jac_set(struct pt_jac *p, pt_operand operand) {
    p->x = point_of(operand)->x;
    load_y(&p->y, operand, true);
    p->z = fe_one;
}
