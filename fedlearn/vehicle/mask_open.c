/* An opened group: the sum of the updates, and what the checks go by. All public, all integers. */
#include "base/assert.h"
#include "fedlearn/vehicle/ring_path.h"

void fl_mask_open_key(struct fl_mask *m, const int16_t s[static FL_N]) {
    for (size_t i = 0; i < FL_N; i++)
        m->a[i] = s[i] < 0 ? FL_Q - (uint64_t)-s[i] : (uint64_t)s[i];
    fl_ring_prepare(m->ring, m->a, &m->key);
    m->holds = FL_HOLDS_SUM;
}

/* The lowest fields are sign-extended and taken away one after the other; the highest keeps what is left, so that a sum out of
 * range shows there. */
static void split(const struct fl_profile *p, int64_t m, int64_t field[FL_FIELDS_MAX]) {
    const unsigned bits = p->field_bits;
    const int64_t sign = (int64_t)1 << (bits - 1);
    for (unsigned k = 0; k + 1 < p->fields; k++) {
        const int64_t low = ((m & (2 * sign - 1)) ^ sign) - sign;
        field[k] = low;
        m = (m - low) / (2 * sign);
    }
    field[p->fields - 1] = m;
}

void fl_mask_unmask(struct fl_mask *m, const struct fl_profile *p, size_t d, size_t chunk,
    struct fl_weights weights, const uint64_t *sum, int32_t *u, struct fl_opening *o) {
    const size_t coefs = fl_chunk_coefs(p, d, chunk);
    const size_t params = fl_chunk_params(p, d, chunk);
    const int64_t limit = (int64_t)weights.sum * p->limit;
    WS_ASSERT(m->holds == FL_HOLDS_SUM);
    WS_ASSERT(weights.sum > 0 && weights.sum <= p->weight_max);
    fl_mask_element(m, chunk, m->a);
    fl_ring_multiply(m->ring, &m->key, m->a);
    o->residual += m->ring->path->decode(p, sum, m->a, coefs, m->m);
    o->coefs += coefs;
    o->params += params;
    uint64_t norm = 0;
    size_t plain = 0; /* coefficients that need no closer look */
    if (p->fields == 1) {
        uint64_t squares = 0;
        plain = params;
        if (m->ring->path->narrow(m->m, plain, limit, u, &squares) > 0)
            plain = 0;
        else
            norm = squares;
    }
    for (size_t i = plain, at = plain; i < coefs; i++) {
        int64_t field[FL_FIELDS_MAX];
        split(p, m->m[i], field);
        for (unsigned k = 0; k < p->fields; k++, at++) {
            const int64_t v = field[k];
            const bool there = at < params;
            const int64_t bound = there ? limit : 0;
            if (v > bound || v < -bound) {
                const uint64_t index = chunk * fl_full_params(p) + at;
                o->beyond++;
                o->first_beyond = index < o->first_beyond ? index : o->first_beyond;
            }
            norm += (uint64_t)(v * v); /* |v| < 2^26, at most 3 * 2^11 of them */
            if (there)
                u[at] = (int32_t)v;
        }
    }
    o->norm += norm;
}

void fl_opening_add(struct fl_opening *o, const struct fl_opening *other) {
    o->residual += other->residual;
    o->norm += other->norm;
    o->coefs += other->coefs;
    o->params += other->params;
    o->beyond += other->beyond;
    if (other->first_beyond < o->first_beyond)
        o->first_beyond = other->first_beyond;
}

/* residual / coefs <= (3/2)^2 squares (21 + 4^drop / 12), without division. */
enum fl_opening_verdict fl_opening_judge(
    const struct fl_profile *p, struct fl_weights weights, const struct fl_opening *o) {
    const fl_u128 variance12 = 252 + ((fl_u128)1 << 2 * p->drop);
    WS_ASSERT(o->coefs > 0 && o->coefs <= FL_D_MAX);
    if (48 * o->residual > 9 * o->coefs * (fl_u128)weights.squares * variance12)
        return FL_OPENING_RESIDUAL;
    return o->beyond > 0 ? FL_OPENING_RANGE : FL_OPENING_GOOD;
}

const char *fl_opening_verdict_name(enum fl_opening_verdict v) {
    switch (v) {
    case FL_OPENING_GOOD:
        return "good";
    case FL_OPENING_RESIDUAL:
        return "residual";
    case FL_OPENING_RANGE:
        return "range";
    }
    return "unknown";
}

uint64_t fl_opening_mean_square(const struct fl_opening *o) {
    return o->coefs == 0 ? 0 : (uint64_t)(o->residual / o->coefs);
}
