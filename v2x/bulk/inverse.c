/* Modular inverses by division steps, 62 at a time. Source: Bernstein and Yang, "Fast constant-time gcd computation and
 * modular inversion" (2019), in the variable-time form: zeros are skipped and up to six bits cancelled at once. */
#include "v2x/bulk/mont.h"
#include "v2x/bulk/scalar.h"

typedef __int128 i128;

#define LOW62 (UINT64_MAX >> 2)

/* A signed number in five limbs of 62 bits: the lower four in [0, 2^62), the top one carries the sign. */
struct s62 {
    int64_t v[5];
};

struct modulus {
    struct s62 m;
    uint64_t inv; /* 1/m modulo 2^62 */
};

static const struct modulus modulus_p[BULK_CURVES] = {
    [BULK_P256] = {{{0x3fffffffffffffff, 0x00000003ffffffff, 0, 0x3fffffc000000040, 0xff}},
        0x3fffffffffffffff},
    [BULK_BP256] = {{{0x2013481d1f6e5377, 0x38efd88f549880a0, 0x2660a909d838d726,
                        0x3ed5f6e87baa6f0f, 0xa9}},
        0x3958aa6f31027647},
};
static const struct modulus modulus_n[BULK_CURVES] = {
    [BULK_P256] = {{{0x33b9cac2fc632551, 0x339beab69c5e7a13, 0x3ffffffffffffffb, 0x3fffffc00000003f,
                       0xff}},
        0x332e375511ff43b1},
    [BULK_BP256] = {{{0x101e0e82974856a7, 0x30e5ea8ed5869bde, 0x2660a909d838d718,
                        0x3ed5f6e87baa6f0f, 0xa9}},
        0x04004142344bf117},
};

/* 62 steps as a matrix: 2^62 (f', g') = (u f + v g, q f + r g). |u| + |v| and |q| + |r| are at most 2^62. */
struct steps {
    int64_t u, v, q, r;
};

/* Runs 62 steps on the low limbs alone (they decide everything); returns the new delta. Products wrap on purpose. */
static int64_t run_steps(int64_t delta, uint64_t f, uint64_t g, struct steps *ret) {
    uint64_t u = 1, v = 0, q = 0, r = 1;
    for (unsigned left = 62;;) {
        /* The bit at `left` stops the count where this round of 62 ends. */
        const unsigned zeros = (unsigned)__builtin_ctzll(g | UINT64_MAX << left);
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        delta += zeros;
        left -= zeros;
        if (left == 0)
            break;
        if (delta > 0) {
            const uint64_t of = f, ou = u, ov = v;
            delta = -delta;
            f = g;
            u = q;
            v = r;
            g = -of;
            q = -ou;
            r = -ov;
        }
        /* While delta stays <= 0 no exchange can happen, so that many low bits of g are cancelled with one multiple
         * of f: -g/f modulo 2^k; f (2 - f f) is 1/f modulo 64. delta <= 0 and 1 - delta steps are free. */
        const uint64_t run = (uint64_t)(1 - delta);
        const unsigned k = run < left ? (unsigned)run : left;
        const uint64_t w = g * f * (f * f - 2) & 63 & UINT64_MAX >> (64 - k);
        g += w * f;
        q += w * u;
        r += w * v;
    }
    *ret = (struct steps){(int64_t)u, (int64_t)v, (int64_t)q, (int64_t)r};
    return delta;
}

/* (f, g) by the matrix, exactly divided by 2^62. */
static void step_fg(struct s62 *f, struct s62 *g, const struct steps *t) {
    i128 cf = 0, cg = 0;
    for (int i = 0; i < 5; i++) {
        const int64_t fi = f->v[i], gi = g->v[i];
        cf += (i128)t->u * fi + (i128)t->v * gi;
        cg += (i128)t->q * fi + (i128)t->r * gi;
        if (i > 0) {
            f->v[i - 1] = (int64_t)((uint64_t)cf & LOW62);
            g->v[i - 1] = (int64_t)((uint64_t)cg & LOW62);
        }
        cf >>= 62;
        cg >>= 62;
    }
    f->v[4] = (int64_t)cf;
    g->v[4] = (int64_t)cg;
}

/* (d, e) by the matrix, divided by 2^62 modulo m. Inputs and outputs lie in (-2m, m): m is first added in to negative
 * ones, which leaves a sum in (-2^62 m, 2^62 m), and then a multiple of m in (-2^62, 0] clears the low limb. */
static void step_de(struct s62 *d, struct s62 *e, const struct steps *t, const struct modulus *m) {
    const int64_t sd = d->v[4] >> 63, se = e->v[4] >> 63;
    int64_t md = (t->u & sd) + (t->v & se), me = (t->q & sd) + (t->r & se);
    const uint64_t low_d = (uint64_t)t->u * (uint64_t)d->v[0] + (uint64_t)t->v * (uint64_t)e->v[0];
    const uint64_t low_e = (uint64_t)t->q * (uint64_t)d->v[0] + (uint64_t)t->r * (uint64_t)e->v[0];
    md -= (int64_t)((low_d * m->inv + (uint64_t)md) & LOW62);
    me -= (int64_t)((low_e * m->inv + (uint64_t)me) & LOW62);
    i128 cd = 0, ce = 0;
    for (int i = 0; i < 5; i++) {
        const int64_t di = d->v[i], ei = e->v[i];
        cd += (i128)t->u * di + (i128)t->v * ei + (i128)m->m.v[i] * md;
        ce += (i128)t->q * di + (i128)t->r * ei + (i128)m->m.v[i] * me;
        if (i > 0) {
            d->v[i - 1] = (int64_t)((uint64_t)cd & LOW62);
            e->v[i - 1] = (int64_t)((uint64_t)ce & LOW62);
        }
        cd >>= 62;
        ce >>= 62;
    }
    d->v[4] = (int64_t)cd;
    e->v[4] = (int64_t)ce;
}

/* a + k m or its negative, limbs brought back into their range. */
static void add_multiple(struct s62 *a, const struct s62 *m, int64_t k, bool negate) {
    int64_t carry = 0;
    for (int i = 0; i < 5; i++) {
        const int64_t v = a->v[i] + k * m->v[i];
        carry += negate ? -v : v;
        a->v[i] = i < 4 ? (int64_t)((uint64_t)carry & LOW62) : carry;
        carry >>= 62;
    }
}

static void inverse(const struct modulus *m, const uint64_t a[4], uint64_t ret[4]) {
    struct s62 d = {{0}}, e = {{1, 0, 0, 0, 0}}, f = m->m;
    struct s62 g = {{(int64_t)(a[0] & LOW62), (int64_t)((a[0] >> 62 | a[1] << 2) & LOW62),
        (int64_t)((a[1] >> 60 | a[2] << 4) & LOW62), (int64_t)((a[2] >> 58 | a[3] << 6) & LOW62),
        (int64_t)(a[3] >> 56)}};
    int64_t delta = 1;
    /* Ends: 741 steps are enough for 256 bits (the paper, theorem 11.2), that is 12 rounds. */
    while ((g.v[0] | g.v[1] | g.v[2] | g.v[3] | g.v[4]) != 0) {
        struct steps t;
        delta = run_steps(delta, (uint64_t)f.v[0] | (uint64_t)f.v[1] << 62,
            (uint64_t)g.v[0] | (uint64_t)g.v[1] << 62, &t);
        step_de(&d, &e, &t, m);
        step_fg(&f, &g, &t);
    }
    /* f is 1 or -1 (for a = 0: m, with d = 0), and d f the inverse: from (-2m, m) to [0, m). */
    if (d.v[4] < 0)
        add_multiple(&d, &m->m, 1, false);
    add_multiple(&d, &m->m, 0, f.v[4] < 0);
    if (d.v[4] < 0)
        add_multiple(&d, &m->m, 1, false);
    for (int i = 0; i < 4; i++)
        ret[i] = (uint64_t)d.v[i] >> 2 * i | (uint64_t)d.v[i + 1] << (62 - 2 * i);
}

void bulk_inverse_p(enum bulk_curve c, const uint64_t a[4], uint64_t ret[4]) {
    inverse(&modulus_p[c], a, ret);
}

void bulk_inverse_n(enum bulk_curve c, const uint64_t a[4], uint64_t ret[4]) {
    inverse(&modulus_n[c], a, ret);
}
