/* Tables of multiples, and keys from their x alone. Part of a core's source (portable_core.h). */

/* chain[i] = 2^first.. of each lane's point: windows groups of w doublings, `spacing` apart. */
static void build_chain(const struct bulk_point *const key[LANES], unsigned w, unsigned windows,
    unsigned spacing, struct pt_jac *const chain[LANES]) {
    struct pt_jac p[LANES];
    EACH_LANE {
        fe x, y;
        memcpy(x.v, key[k]->x, 32);
        memcpy(y.v, key[k]->y, 32);
        fe_mul(&p[k].x, &x, &fe_x_in);
        fe_mul(&p[k].y, &y, &fe_y_in);
        p[k].z = fe_one;
    }
    for (unsigned j = 0; j < windows; j++) {
        for (unsigned t = 0; t < spacing; t++) {
            if (t < w)
                EACH_LANE chain[k][j * w + t] = p[k];
            else if (j + 1 == windows)
                return;
            jac_double(p);
        }
    }
}

/* Affine coordinates of n points with one inversion. False: a point is infinity. */
static bool make_affine(const struct pt_jac *p, size_t n, struct pt_aff *ret, fe *before) {
    fe product = fe_one, inv;
    for (size_t i = 0; i < n; i++) {
        before[i] = product;
        fe_mul(&product, &product, &p[i].z);
    }
    if (fe_zero(&product))
        return false;
    fe_inverse(&inv, &product);
    for (size_t i = n; i-- > 0;) {
        fe z1, z2;
        fe_mul(&z1, &inv, &before[i]);
        fe_mul(&inv, &inv, &p[i].z);
        fe_sqr(&z2, &z1);
        fe_mul(&ret[i].x, &p[i].x, &z2);
        fe_mul(&z2, &z2, &z1);
        fe_mul(&ret[i].y, &p[i].y, &z2);
    }
    return true;
}

/* Odd multiple m = 2^t + (m - 2^t): round t finds 2^t in the chain of doublings and the rest among the rows of earlier
 * rounds. Row i holds 2 i + 1. For keys of the curve no sum here is a doubling or infinity. */
static void build_rows(const struct pt_aff *power, size_t n, unsigned w, unsigned windows,
    struct pt_aff *const *table, struct pt_adder *q) {
    const size_t rows = (size_t)1 << (w - 1);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < windows; j++)
            table[i][j * rows] = power[(i * windows + j) * w];
    for (unsigned t = 1; t < w; t++) {
        const size_t half = (size_t)1 << (t - 1);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < windows; j++) {
                struct pt_aff *row = &table[i][j * rows];
                const struct pt_aff *two = &power[(i * windows + j) * w + t];
                for (size_t m = 0; m < half; m++)
                    add_later(q, (pt_operand)two, (pt_operand)&row[m], &row[half + m], 0, false);
            }
        }
        add_end(q, false);
    }
}

static bool core_build(const struct bulk_point *const *key, size_t n, unsigned w, unsigned windows,
    unsigned spacing, struct pt_aff *const *table, struct pt_scratch *s) {
    const size_t each = (size_t)w * windows, most = PT_CHAIN / each;
    WS_ASSERT(most >= 1);
    struct pt_adder *q = &s->adder;
    q->n = 0;
    q->infinite[0] = false;
    q->line = q->line_end = NULL;
    for (size_t done = 0; done < n;) {
        const size_t now = n - done < most ? n - done : most;
        for (size_t i = 0; i < now; i += LANES) {
            const struct bulk_point *lane[LANES];
            struct pt_jac *chain[LANES];
            EACH_LANE {
                const size_t at = i + k < now ? i + k : i;
                lane[k] = key[done + at];
                chain[k] = &s->chain[at * each];
            }
            build_chain(lane, w, windows, spacing, chain);
        }
        if (!make_affine(s->chain, now * each, s->power, s->before))
            return false;
        build_rows(s->power, now, w, windows, table + done, q);
        if (q->infinite[0])
            return false;
        done += now;
    }
    return true;
}

/* y = (x^3 + a x + b)^((p + 1) / 4), on the curve itself, not its twist; four bits of the exponent at a time. */
static bool core_decompress(const uint64_t x[4], bool odd, struct bulk_point *ret) {
    const struct bulk_params *params = bulk_params(PT_CURVE);
    static const fe plain_one = {{1, 0, 0, 0}};
    fe t, square, y, power[16];
    if (!limbs_less(x, params->p))
        return false;
    memcpy(t.v, x, 32);
    fe_mul(&t, &t, &fe_r2);
    fe_sqr(&square, &t);
    fe_add(&square, &square, &fe_a);
    fe_mul(&square, &square, &t);
    fe_add(&square, &square, &fe_b);
    power[0] = fe_one;
    for (int i = 1; i < 16; i++)
        fe_mul(&power[i], &power[i - 1], &square);
    y = fe_one;
    for (int i = 63; i >= 0; i--) {
        const unsigned nibble = (unsigned)(fe_root[i / 16] >> i % 16 * 4) & 15;
        for (int k = 0; k < 4; k++)
            fe_sqr(&y, &y);
        if (nibble != 0)
            fe_mul(&y, &y, &power[nibble]);
    }
    fe_sqr(&t, &y);
    if (!fe_equal(&t, &square))
        return false;
    fe_mul(&y, &y, &plain_one);
    memcpy(ret->x, x, 32);
    if ((y.v[0] & 1) == odd)
        memcpy(ret->y, y.v, 32);
    else if (fe_zero(&y)) /* its negative is itself; the orders are odd, so no x gets here */
        return false;
    else
        limbs_sub(ret->y, params->p, y.v);
    return true;
}
