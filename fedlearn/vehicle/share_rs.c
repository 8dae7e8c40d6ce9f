#include "fedlearn/vehicle/share_rs.h"

#include "base/assert.h"
#include "fedlearn/vehicle/share_field.h"

/* Coefficients from degree 0 up; degree -1 is the zero polynomial. */
struct poly {
    int degree;
    uint16_t c[FL_VALIDATORS_MAX + 1];
};

static void trim(struct poly *p, int from) {
    p->degree = from;
    while (p->degree >= 0 && p->c[p->degree] == 0)
        p->degree--;
}

static uint16_t value(const struct poly *p, uint16_t x) {
    uint16_t v = 0;
    for (int i = p->degree; i >= 0; i--)
        v = fl_field_add(fl_field_mul(v, x), p->c[i]);
    return v;
}

/* *p -= w X^shift q */
static void subtract(struct poly *p, const struct poly *q, uint16_t w, int shift) {
    const int top = q->degree + shift > p->degree ? q->degree + shift : p->degree;
    WS_ASSERT(top <= FL_VALIDATORS_MAX);
    for (int i = 0; i <= q->degree; i++)
        p->c[i + shift] = fl_field_sub(p->c[i + shift], fl_field_mul(w, q->c[i]));
    trim(p, top);
}

/* What is left of *a after division by *b; ret_quotient may be NULL. b is not zero. */
static void divide(struct poly *a, const struct poly *b, struct poly *ret_quotient) {
    const uint16_t inverse = fl_field_inverse(b->c[b->degree]);
    const int top = a->degree - b->degree;
    if (ret_quotient != NULL)
        *ret_quotient = (struct poly){.degree = -1};
    while (a->degree >= b->degree) {
        const int shift = a->degree - b->degree;
        const uint16_t w = fl_field_mul(a->c[a->degree], inverse);
        subtract(a, b, w, shift);
        if (ret_quotient != NULL)
            ret_quotient->c[shift] = w;
    }
    if (ret_quotient != NULL && top >= 0)
        trim(ret_quotient, top);
}

/* Product of X - x[i], and by Newton's way the polynomial through all points. */
static void interpolate(const uint8_t *x, const uint16_t *word, size_t m, struct poly *ret_product,
    struct poly *ret_through) {
    *ret_product = (struct poly){.degree = 0, .c = {1}};
    *ret_through = (struct poly){.degree = -1};
    for (size_t i = 0; i < m; i++) {
        const uint16_t miss = fl_field_sub(word[i], value(ret_through, x[i]));
        const uint16_t w = fl_field_mul(miss, fl_field_inverse(value(ret_product, x[i])));
        subtract(ret_through, ret_product, fl_field_sub(0, w), 0);
        const struct poly before = *ret_product;
        for (int k = before.degree; k >= 0; k--)
            ret_product->c[k + 1] = before.c[k];
        ret_product->c[0] = 0;
        ret_product->degree = before.degree + 1;
        subtract(ret_product, &before, x[i], 0);
    }
}

/* Euclid's algorithm on the product and the polynomial through all points, until the rest is smaller than (m + f + 1) / 2;
 * then rest / cofactor is the polynomial, if there is one. */
bool fl_rs_errors(const uint8_t *x, const uint16_t *word, size_t m, unsigned f, bool *ret_wrong) {
    WS_ASSERT(m > f && m <= FL_VALIDATORS_MAX);
    struct poly r0, r1, t0 = {.degree = -1}, t1 = {.degree = 0, .c = {1}}, q, p;
    interpolate(x, word, m, &r0, &r1);
    while (2 * r1.degree >= (int)(m + f + 1)) {
        divide(&r0, &r1, &q);
        for (int i = 0; i <= q.degree; i++)
            subtract(&t0, &t1, q.c[i], i);
        const struct poly r = r0, t = t0;
        r0 = r1;
        r1 = r;
        t0 = t1;
        t1 = t;
    }
    divide(&r1, &t1, &p);
    if (r1.degree >= 0 || p.degree > (int)f)
        return false;
    size_t wrong = 0;
    for (size_t i = 0; i < m; i++)
        wrong += ret_wrong[i] = value(&p, x[i]) != word[i];
    return 2 * wrong <= m - f - 1;
}
