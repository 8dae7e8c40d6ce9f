/* One core of the portable engine: a source file defines PT_P256 (0 or 1), PT_ADX (0 or 1) and PT_CORE (the name of the
 * table of functions) and includes this. See portable.h. */
#include "v2x/bulk/portable_field.h"

#include "v2x/bulk/portable_add.h"
#include "v2x/bulk/portable_jac.h"

#include "v2x/bulk/portable_build.h"

/* What a job's points fall into, in the order of its row[]. The key's and the base point's parts meet only in the last
 * addition: a node of both would let a signer whose key is a small multiple of the base point find collisions at will. */
struct segments {
    unsigned n, size[1 + PT_MID_COLUMNS];
};
static const struct segments segments[BULK_TIERS] = {
    [BULK_COLD] = {1, {PT_G_WINDOWS}},
    [BULK_MID] = {1 + PT_MID_COLUMNS, {PT_G_WINDOWS, 8, 8, 8, 8, 8, 8, 8, 8}},
    [BULK_FULL] = {2, {PT_G_WINDOWS, PT_FULL_WINDOWS}},
};

/* Adds up each segment of each job; the sum ends in the segment's first slot. Point i absorbs point i + step in place,
 * so that a node is a run of windows: its sum is not 0 modulo n while one end of the multiplier is missing. */
static void sum_segments(const struct pt_batch *b, struct pt_scratch *s) {
    struct pt_adder *q = &s->adder;
    const struct segments *seg = &segments[b->tier];
    bool more = true;
    for (size_t step = 1; more; step *= 2) {
        more = false;
        for (size_t job = 0; job < b->n; job++) {
            const pt_operand *row = &b->row[job * b->points];
            struct pt_aff *slot = &s->slot[job * b->points];
            for (unsigned k = 0; k < seg->n; row += seg->size[k], slot += seg->size[k], k++) {
                const size_t size = seg->size[k];
                for (size_t i = 0; i + step < size; i += 2 * step) {
                    if (step == 1)
                        add_later(q, row[i], row[i + 1], &slot[i], job, true);
                    else
                        add_later(q, (pt_operand)&slot[i], (pt_operand)&slot[i + step], &slot[i],
                            job, false);
                }
                if (step == 1 && size % 2 != 0) {
                    slot[size - 1].x = point_of(row[size - 1])->x;
                    load_y(&slot[size - 1].y, row[size - 1], true);
                }
                more |= 2 * step < size;
            }
        }
        add_end(q, step == 1);
    }
}

/* Calls `holds` for the field elements that r may stand for: itself and, in the rare case that it is below p, r + n. */
static bool any_x_of_r(
    const uint64_t r[4], bool (*holds)(const fe *x, const void *ctx), const void *ctx) {
    const struct bulk_params *params = bulk_params(PT_CURVE);
    uint64_t wrapped[4];
    fe x;
    memcpy(x.v, r, 32);
    fe_mul(&x, &x, &fe_x_in);
    if (holds(&x, ctx))
        return true;
    if (limbs_add(wrapped, r, params->n) || !limbs_less(wrapped, params->p))
        return false;
    memcpy(x.v, wrapped, 32);
    fe_mul(&x, &x, &fe_x_in);
    return holds(&x, ctx);
}

/* x of a sum as a fraction: x = (num - rest) / den. */
struct fraction {
    fe num, rest, den;
};

static bool fraction_is(const fe *x, const void *ctx) {
    const struct fraction *f = ctx;
    fe t;
    fe_add(&t, x, &f->rest);
    fe_mul(&t, &t, &f->den);
    return fe_equal(&t, &f->num);
}

/* x(a + b) = r, without the last inversion: (y2 - y1)^2 = (x + x1 + x2) (x2 - x1)^2. With d = 0 both sides would be 0 and
 * any r pass: then it is a doubling, with the tangent's numerator and denominator, or infinity, which is no signature. */
static bool affine_sum_is(const struct pt_aff *a, const struct pt_aff *b, const uint64_t r[4]) {
    struct fraction f;
    fe d, n;
    fe_sub(&d, &b->x, &a->x);
    fe_sub(&n, &b->y, &a->y);
    if (UNLIKELY(fe_zero(&d))) {
        if (!fe_zero(&n))
            return false;
        fe_twice(&d, &a->y);
        fe_sqr(&n, &a->x);
        fe_sub(&n, &n, &fe_one);
        fe_twice(&f.rest, &n);
        fe_add(&n, &n, &f.rest);
    }
    fe_sqr(&f.num, &n);
    fe_sqr(&f.den, &d);
    fe_add(&f.rest, &a->x, &b->x);
    return any_x_of_r(r, fraction_is, &f);
}

/* X = x Z^2; Z is not 0. */
static bool jac_is(const struct pt_jac *p, const uint64_t r[4]) {
    struct fraction f = {.num = p->x, .rest = {{0, 0, 0, 0}}};
    fe_sqr(&f.den, &p->z);
    return any_x_of_r(r, fraction_is, &f);
}

/* The key's part by Horner's rule over `count` operands, top one first in operand[count - 1], w doublings between. */
static void horner(struct pt_jac p[LANES], const pt_operand *const operand[LANES], size_t count,
    unsigned w, struct pt_adder *q) {
    EACH_LANE jac_set(&p[k], operand[k][count - 1]);
    for (size_t i = count - 1; i-- > 0;) {
        for (unsigned t = 0; t < w; t++) {
            jac_double(p);
            fetch_ahead(q);
        }
        pt_operand next[LANES];
        EACH_LANE next[k] = operand[k][i];
        jac_add(p, next);
    }
}

/* Operands of Horner's rule: sums of columns (MID), or rows of the multiples just made (COLD). */
static size_t horner_operands(
    const struct pt_batch *b, const struct pt_scratch *s, size_t job, pt_operand *ret) {
    if (b->tier == BULK_MID) {
        const struct pt_aff *column = &s->slot[job * b->points + PT_G_WINDOWS];
        for (size_t t = 0; t < PT_MID_COLUMNS; t++)
            ret[t] = (pt_operand)&column[t * PT_MID_BASES];
        return PT_MID_COLUMNS;
    }
    for (size_t t = 0; t < PT_COLD_WINDOWS; t++) {
        const uint16_t digit = b->digit[job][t];
        ret[t] = (pt_operand)&s->cold[job][digit >> 1] + (digit & 1);
    }
    return PT_COLD_WINDOWS;
}

static void finish_jobs(const struct pt_batch *b, struct pt_scratch *s, enum bulk_answer *ret) {
    const unsigned w = b->tier == BULK_MID ? PT_MID_W : PT_COLD_W;
    for (size_t i = 0; i < b->n; i += LANES) {
        pt_operand operand[LANES][PT_COLD_WINDOWS];
        const pt_operand *lane[LANES];
        struct pt_jac p[LANES];
        pt_operand g[LANES];
        bool lost[LANES];
        size_t count = 0;
        EACH_LANE {
            const size_t job = i + k < b->n ? i + k : i;
            count = horner_operands(b, s, job, operand[k]);
            lane[k] = operand[k];
            g[k] = (pt_operand)&s->slot[job * b->points];
        }
        horner(p, lane, count, w, &s->adder);
        EACH_LANE lost[k] = fe_zero(&p[k].z);
        jac_add(p, g);
        for (size_t k = 0; k < LANES && i + k < b->n; k++)
            ret[i + k] = lost[k]                      ? BULK_ASK
                         : fe_zero(&p[k].z)           ? BULK_BAD
                         : jac_is(&p[k], b->r[i + k]) ? BULK_GOOD
                                                      : BULK_BAD;
    }
}

static void core_compute(const struct pt_batch *b, const struct pt_batch *next,
    struct pt_scratch *s, enum bulk_answer *ret) {
    struct pt_adder *q = &s->adder;
    bool built = true;
    if (b->tier == BULK_COLD) {
        struct pt_aff *table[BULK_BATCH];
        for (size_t i = 0; i < b->n; i++)
            table[i] = s->cold[i];
        built = core_build(b->key, b->n, PT_COLD_W, 1, PT_COLD_W, table, s);
    }
    q->n = 0;
    memset(q->infinite, 0, sizeof(q->infinite));
    q->line = next != NULL ? next->row : NULL;
    q->line_end = next != NULL ? next->row + next->n * next->points : NULL;
    sum_segments(b, s);
    if (b->tier == BULK_FULL) {
        for (size_t i = 0; i < b->n; i++) {
            const struct pt_aff *slot = &s->slot[i * b->points];
            ret[i] = affine_sum_is(&slot[0], &slot[PT_G_WINDOWS], b->r[i]) ? BULK_GOOD : BULK_BAD;
        }
    } else {
        finish_jobs(b, s, ret);
    }
    for (size_t i = 0; i < b->n; i++)
        if (q->infinite[i] || !built)
            ret[i] = BULK_ASK;
}

static void core_field(const fe *a, const fe *b, fe ret[4]) {
    fe_mul(&ret[0], a, b);
    fe_sqr(&ret[1], a);
    fe_add(&ret[2], a, b);
    fe_sub(&ret[3], a, b);
}

const struct pt_core PT_CORE = {core_compute, core_build, core_decompress, core_field};
