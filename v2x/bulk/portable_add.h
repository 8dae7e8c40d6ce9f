/* Affine additions that share an inversion. Part of a core's source (portable_core.h).
 * 5M + 1S each: d = x2 - x1, prefix products, one inversion, and on the way back 1/d, l = (y2 - y1)/d,
 * x3 = l^2 - x1 - x2, y3 = l (x1 - x3) - y1. With equal operands d is 2 y1 and the numerator 3 x1^2 - 3 instead: same cost,
 * so nobody can slow a batch by choosing such sums. Only infinity has no place here: it marks its owner. */

/* Independent chains of prefix products: one product waits for the last, four run beside each other. */
#define CHAINS 4

static inline uint64_t sign_of(pt_operand operand) {
    return (uintptr_t)operand & 1;
}

static inline const struct pt_aff *point_of(pt_operand operand) {
    return (const struct pt_aff *)(operand - sign_of(operand));
}

static inline void load_y(fe *y, pt_operand operand, bool with_signs) {
    if (with_signs)
        fe_signed(y, &point_of(operand)->y, sign_of(operand));
    else
        *y = point_of(operand)->y;
}

/* Two lines of the next batch for each addition or doubling step: a batch has more steps than half the lines of any. To the
 * second level, since a whole batch does not fit the first. */
static inline void fetch_ahead(struct pt_adder *q) {
    for (int i = 0; i < 2 && q->line != q->line_end; i++)
        __builtin_prefetch(point_of(*q->line++), 0, 2);
}

/* Rows of this batch, from the second level or beyond to the first: a pass is too long for the CPU to see the next one. */
#define AHEAD 6U

static inline void fetch_operands(const struct pt_add *add) {
    __builtin_prefetch(point_of(add->a), 0, 3);
    __builtin_prefetch(point_of(add->b), 0, 3);
}

/* x1 = x2: a doubling, or infinity. Gives a d that is not zero. */
static void add_exception(struct pt_adder *q, struct pt_add *add, fe *d) {
    fe y1, y2;
    load_y(&y1, add->a, true);
    load_y(&y2, add->b, true);
    fe_twice(d, &y1);
    add->doubling = fe_equal(&y1, &y2) && !fe_zero(d);
    if (!add->doubling) {
        q->infinite[add->owner] = true;
        *d = fe_one;
    }
}

/* inv[k] = 1 / product[k] with one inversion; none is zero. */
static void invert_chains(fe inv[CHAINS], const fe product[CHAINS]) {
    fe low, high, both;
    fe_mul(&low, &product[0], &product[1]);
    fe_mul(&high, &product[2], &product[3]);
    fe_mul(&both, &low, &high);
    fe_inverse(&both, &both);
    fe_mul(&high, &both, &high); /* 1/low */
    fe_mul(&low, &both, &low); /* 1/high */
    fe_mul(&inv[0], &high, &product[1]);
    fe_mul(&inv[1], &high, &product[0]);
    fe_mul(&inv[2], &low, &product[3]);
    fe_mul(&inv[3], &low, &product[2]);
}

static inline __attribute__((always_inline)) void add_pass(struct pt_adder *q, bool with_signs) {
    fe product[CHAINS], inv[CHAINS];
    for (size_t k = 0; k < CHAINS; k++)
        product[k] = fe_one;
    for (size_t i = 0; i < q->n; i++) {
        struct pt_add *add = &q->add[i];
        fe *chain = &product[i % CHAINS];
        fe_sub(&q->d[i], &point_of(add->b)->x, &point_of(add->a)->x);
        add->doubling = false;
        if (with_signs && i + AHEAD < q->n)
            fetch_operands(&add[AHEAD]);
        if (UNLIKELY(fe_zero(&q->d[i])))
            add_exception(q, add, &q->d[i]);
        q->before[i] = *chain;
        fe_mul(chain, chain, &q->d[i]);
    }
    invert_chains(inv, product);
    for (size_t i = q->n; i-- > 0;) {
        const struct pt_add *add = &q->add[i];
        const struct pt_aff *a = point_of(add->a), *b = point_of(add->b);
        fe *chain = &inv[i % CHAINS];
        fe l, y1, n, x3;
        if (with_signs && i >= AHEAD)
            fetch_operands(add - AHEAD);
        fe_mul(&l, chain, &q->before[i]);
        fe_mul(chain, chain, &q->d[i]);
        load_y(&y1, add->a, with_signs);
        if (UNLIKELY(add->doubling)) {
            fe_sqr(&n, &a->x);
            fe_sub(&n, &n, &fe_one);
            fe_add(&x3, &n, &n);
            fe_add(&n, &x3, &n);
        } else {
            load_y(&n, add->b, with_signs);
            fe_sub(&n, &n, &y1);
        }
        fe_mul(&l, &l, &n);
        fe_sqr(&x3, &l);
        fe_sub(&x3, &x3, &a->x);
        fe_sub(&x3, &x3, &b->x);
        fe_sub(&n, &a->x, &x3);
        fe_mul(&n, &n, &l);
        fe_sub(&add->out->y, &n, &y1);
        add->out->x = x3;
        fetch_ahead(q);
    }
    q->n = 0;
}

static void add_rows(struct pt_adder *q) {
    add_pass(q, true);
}

static void add_points(struct pt_adder *q) {
    add_pass(q, false);
}

/* The queue is emptied when full and by add_end. A sum must not be an operand before that. */
static inline void add_later(struct pt_adder *q, pt_operand a, pt_operand b, struct pt_aff *out,
    size_t owner, bool with_signs) {
    q->add[q->n++] =
        (struct pt_add){.a = a, .b = b, .out = out, .owner = (uint32_t)owner, .doubling = false};
    if (q->n == PT_QUEUE)
        with_signs ? add_rows(q) : add_points(q);
}

static inline void add_end(struct pt_adder *q, bool with_signs) {
    if (q->n > 0)
        with_signs ? add_rows(q) : add_points(q);
}
