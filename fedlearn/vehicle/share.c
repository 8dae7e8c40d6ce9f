#include "fedlearn/vehicle/share.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "fedlearn/vehicle/share_domain.h"
#include "fedlearn/vehicle/share_field.h"

#include <sodium.h>

enum { CHECK_ROWS = 32, CHECK_COLUMNS = FL_KEY_VALUES / CHECK_ROWS };

struct fl_share_plan fl_share_plan(unsigned n, const uint8_t salt[static FL_SHARE_SALT]) {
    WS_ASSERT(n >= FL_VALIDATORS_MIN && n <= FL_VALIDATORS_MAX);
    struct fl_share_plan p = {.n = (uint8_t)n, .f = (uint8_t)fl_faults(n)};
    p.kind = p.f <= 2 ? FL_SHARE_PIECES : FL_SHARE_POINTS;
    if (p.kind == FL_SHARE_POINTS)
        p.first = (uint8_t)(1 + be32(salt) % n);
    memcpy(p.salt, salt, FL_SHARE_SALT);
    return p;
}

/* ---- subsets of f out of n validators: bit v - 1 for v, in ascending order of the number; {1..f} is the first ---- */
static uint32_t subset_first(const struct fl_share_plan *p) {
    return (1U << p->f) - 1;
}

/* The next number with as many bits (Gosper). 0 after the last. */
static uint32_t subset_next(const struct fl_share_plan *p, uint32_t set) {
    const uint32_t low = set & (0U - set), up = set + low;
    const uint32_t next = ((up ^ set) >> 2) / low | up;
    return next >> p->n == 0 ? next : 0;
}

static bool subset_has(uint32_t set, unsigned v) {
    return (set >> (v - 1) & 1U) != 0;
}

/* F_A(v): degree f, 1 at 0, 0 at the members of A. */
static uint16_t subset_weight(uint32_t set, unsigned v) {
    uint16_t w = 1;
    for (unsigned a = 1; set >> (a - 1) != 0; a++) {
        if (!subset_has(set, a))
            continue;
        w = fl_field_mul(w, fl_field_sub((uint16_t)a, (uint16_t)v));
        w = fl_field_mul(w, fl_field_inverse((uint16_t)a));
    }
    return w;
}

/* Place of v among the validators that get seeds, 0..f-1; f or more: v gets its share written out. */
static unsigned seeded_place(const struct fl_share_plan *p, unsigned v) {
    return (v + p->n - p->first) % p->n;
}

static size_t choose(unsigned n, unsigned k) {
    size_t c = 1;
    for (unsigned i = 1; i <= k; i++)
        c = c * (n - k + i) / i;
    return c;
}

size_t fl_plain_octets(const struct fl_share_plan *p, unsigned v) {
    WS_ASSERT(v >= 1 && v <= p->n);
    switch (p->kind) {
    case FL_SHARE_POINTS:
        return seeded_place(p, v) < p->f ? FL_SHARE_SEED : FL_SHARE_OCTETS;
    case FL_SHARE_PIECES:
        return choose(p->n - 1U, p->f) * FL_SHARE_SEED;
    }
    WS_ASSERT(false);
    return 0;
}

/* index: the piece, or the validator whose share it is. */
static void expand(const struct fl_share_plan *p, unsigned index,
    const uint8_t seed[static FL_SHARE_SEED], uint16_t *ret_row) {
    uint8_t key[FL_HASH];
    const uint8_t head[2] = {(uint8_t)p->kind, (uint8_t)index};
    const struct span parts[] = {
        span_of(p->salt, sizeof(p->salt)), span_of(head, 2), span_of(seed, FL_SHARE_SEED)};
    fl_hash(FL_FOR_EXPANSION, parts, ARRAY_LEN(parts), key);
    fl_uniform(key, FL_SHARE_VALUES, ret_row);
    sodium_memzero(key, sizeof(key));
}

/* ---- dealing ---- */
static void begin_points(struct fl_dealer *d) {
    const struct fl_share_plan *p = &d->plan;
    for (unsigned j = 0; j < p->f; j++) {
        const unsigned v = (p->first + j - 1U) % p->n + 1;
        d->x[j + 1] = (uint8_t)v;
        expand(p, v, d->seed[j], d->at[j + 1]);
    }
}

static void begin_pieces(struct fl_dealer *d) {
    const struct fl_share_plan *p = &d->plan;
    memcpy(d->correction, d->at[0], sizeof(d->correction));
    for (unsigned j = 1; j <= p->f; j++) {
        d->x[j] = (uint8_t)j;
        memset(d->at[j], 0, sizeof(d->at[j]));
    }
    unsigned index = 0;
    for (uint32_t set = subset_first(p); set != 0; set = subset_next(p, set), index++) {
        expand(p, index, d->seed[index], d->work);
        for (size_t i = 0; i < FL_SHARE_VALUES; i++)
            d->correction[i] = fl_field_sub(d->correction[i], d->work[i]);
        /* The correction belongs to the first piece, which 1..f do not hold. */
        for (unsigned j = 1; j <= p->f; j++) {
            if (subset_has(set, j))
                continue;
            const uint32_t w = subset_weight(set, j);
            for (size_t i = 0; i < FL_SHARE_VALUES; i++)
                d->at[j][i] = fl_mod(d->at[j][i] + w * d->work[i]);
        }
    }
}

void fl_dealer_begin(struct fl_dealer *ret_dealer, const struct fl_share_plan *plan,
    const int8_t key[static FL_KEY_VALUES], struct ws_random *random) {
    struct fl_dealer *d = ret_dealer;
    uint8_t masks[32];
    d->plan = *plan;
    ws_random_bytes(random, d->seed, sizeof(d->seed));
    ws_random_bytes(random, masks, sizeof(masks));
    d->x[0] = 0;
    for (size_t i = 0; i < FL_KEY_VALUES; i++) {
        const uint32_t v = (uint32_t)(int32_t)key[i];
        d->at[0][i] = (uint16_t)(v + (FL_SHARE_PRIME & (0U - (v >> 31))));
    }
    fl_uniform(masks, FL_SHARE_CHECKS, d->at[0] + FL_KEY_VALUES);
    sodium_memzero(masks, sizeof(masks));
    if (plan->kind == FL_SHARE_POINTS)
        begin_points(d);
    else
        begin_pieces(d);
}

void fl_dealer_plain(struct fl_dealer *d, unsigned v, uint8_t *ret_plain) {
    const struct fl_share_plan *p = &d->plan;
    WS_ASSERT(v >= 1 && v <= p->n);
    if (p->kind == FL_SHARE_PIECES) {
        unsigned index = 0;
        for (uint32_t set = subset_first(p); set != 0; set = subset_next(p, set), index++) {
            if (subset_has(set, v))
                continue;
            memcpy(ret_plain, d->seed[index], FL_SHARE_SEED);
            ret_plain += FL_SHARE_SEED;
        }
        return;
    }
    const unsigned place = seeded_place(p, v);
    if (place < p->f) {
        memcpy(ret_plain, d->seed[place], FL_SHARE_SEED);
        return;
    }
    uint16_t weight[FL_FAULTS_MAX + 1];
    const uint16_t *rows[FL_FAULTS_MAX + 1];
    for (size_t j = 0; j <= p->f; j++)
        rows[j] = d->at[j];
    fl_lagrange(d->x, p->f + 1U, (uint8_t)v, weight);
    fl_combine(rows, weight, p->f + 1U, FL_SHARE_VALUES, d->work);
    fl_pack12(d->work, FL_SHARE_VALUES, ret_plain);
}

void fl_dealer_correction(const struct fl_dealer *d, uint8_t ret_octets[static FL_SHARE_OCTETS]) {
    WS_ASSERT(d->plan.kind == FL_SHARE_PIECES);
    fl_pack12(d->correction, FL_SHARE_VALUES, ret_octets);
}

/* ---- the check ---- */
/* Coefficient of value 64 r + c in check j: row[j][r] column[j][c]. A product of two draws instead of 2048 draws costs
 * one bit of the 12 that a check is worth, and saves most of the time. */
struct coefficients {
    uint16_t row[FL_SHARE_CHECKS][CHECK_ROWS];
    uint16_t column[FL_SHARE_CHECKS][CHECK_COLUMNS];
};

static void coefficients_of(
    const uint8_t challenge[static FL_CHALLENGE], struct coefficients *ret) {
    uint16_t all[FL_SHARE_CHECKS * (CHECK_ROWS + CHECK_COLUMNS)];
    const uint16_t *at = all;
    fl_uniform(challenge, ARRAY_LEN(all), all);
    for (size_t j = 0; j < FL_SHARE_CHECKS; j++) {
        memcpy(ret->row[j], at, sizeof(ret->row[j]));
        at += CHECK_ROWS;
        memcpy(ret->column[j], at, sizeof(ret->column[j]));
        at += CHECK_COLUMNS;
    }
}

/* What the checks make of one row of the sharing: its 8 masked mixtures. */
static void mix(const struct coefficients *c, const uint16_t *row, uint16_t *ret_mixed) {
    for (size_t j = 0; j < FL_SHARE_CHECKS; j++) {
        uint32_t sum = 0;
        for (size_t r = 0; r < CHECK_ROWS; r++) {
            uint32_t inner = 0;
            for (size_t k = 0; k < CHECK_COLUMNS; k++)
                inner += (uint32_t)c->column[j][k] * row[r * CHECK_COLUMNS + k];
            sum += (uint32_t)c->row[j][r] * fl_mod(inner);
        }
        ret_mixed[j] = fl_mod(fl_mod(sum) + (uint32_t)row[FL_KEY_VALUES + j]);
    }
}

void fl_dealer_checks(
    struct fl_dealer *d, const uint8_t challenge[static FL_CHALLENGE], uint8_t *ret_checks) {
    const size_t known = d->plan.f + 1U;
    struct coefficients c;
    uint16_t mixed[FL_FAULTS_MAX + 1][FL_SHARE_CHECKS], z[FL_SHARE_CHECKS];
    uint16_t weight[FL_FAULTS_MAX + 1];
    const uint16_t *rows[FL_FAULTS_MAX + 1];
    coefficients_of(challenge, &c);
    for (size_t k = 0; k < known; k++) {
        mix(&c, d->at[k], mixed[k]);
        rows[k] = mixed[k];
    }
    for (uint8_t t = 0; t < known; t++, ret_checks += FL_CHECK_OCTETS(0)) {
        fl_lagrange(d->x, known, t, weight);
        fl_combine(rows, weight, known, FL_SHARE_CHECKS, z);
        fl_pack12(z, FL_SHARE_CHECKS, ret_checks);
    }
    sodium_memzero(mixed, sizeof(mixed)); /* of points above f, they are not published */
}

void fl_dealer_wipe(struct fl_dealer *d) {
    sodium_memzero(d, sizeof(*d));
}

/* ---- taking ---- */
const char *fl_share_fault_name(enum fl_share_fault f) {
    switch (f) {
    case FL_SHARE_GOOD:
        return "good";
    case FL_SHARE_BAD_LENGTH:
        return "wrong length";
    case FL_SHARE_BAD_VALUE:
        return "value out of the field";
    case FL_SHARE_OFF_POLYNOMIAL:
        return "off the polynomial";
    }
    return "unknown";
}

/* Shares from pieces; false: the correction is malformed. */
static bool from_pieces(const struct fl_share_plan *p, unsigned v, const uint8_t *seeds,
    const uint8_t *correction, uint16_t *ret_share) {
    uint32_t sum[FL_SHARE_VALUES] = {0}; /* 28 pieces of 24 bits leave 32 alone */
    uint16_t row[FL_SHARE_VALUES];
    const bool good = fl_unpack12(correction, FL_SHARE_VALUES, ret_share);
    unsigned index = 0;
    for (uint32_t set = subset_first(p); set != 0 && good; set = subset_next(p, set), index++) {
        if (subset_has(set, v))
            continue;
        const uint32_t w = subset_weight(set, v);
        expand(p, index, seeds, row);
        seeds += FL_SHARE_SEED;
        for (size_t i = 0; i < FL_SHARE_VALUES; i++)
            sum[i] += w * row[i];
        for (size_t i = 0; i < FL_SHARE_VALUES && index == 0; i++)
            sum[i] += w * ret_share[i];
    }
    for (size_t i = 0; i < FL_SHARE_VALUES; i++)
        ret_share[i] = fl_mod(sum[i]);
    sodium_memzero(sum, sizeof(sum));
    sodium_memzero(row, sizeof(row));
    return good;
}

static bool on_polynomial(const struct fl_share_plan *p, unsigned v,
    const uint8_t challenge[static FL_CHALLENGE], const uint16_t *z, const uint16_t *share) {
    struct coefficients c;
    uint8_t x[FL_FAULTS_MAX + 1];
    uint16_t weight[FL_FAULTS_MAX + 1], mixed[FL_SHARE_CHECKS], should[FL_SHARE_CHECKS];
    const uint16_t *rows[FL_FAULTS_MAX + 1];
    for (uint8_t t = 0; t <= p->f; t++) {
        x[t] = t;
        rows[t] = z + (size_t)t * FL_SHARE_CHECKS;
    }
    fl_lagrange(x, p->f + 1U, (uint8_t)v, weight);
    fl_combine(rows, weight, p->f + 1U, FL_SHARE_CHECKS, should);
    coefficients_of(challenge, &c);
    mix(&c, share, mixed);
    return memcmp(mixed, should, sizeof(mixed)) == 0;
}

enum fl_share_fault fl_share_take(const struct fl_share_plan *p, unsigned v, struct span plain,
    struct span correction, const uint8_t challenge[static FL_CHALLENGE], struct span checks,
    uint16_t ret_share[static FL_SHARE_VALUES]) {
    WS_ASSERT(checks.n == FL_CHECK_OCTETS(p->f));
    WS_ASSERT(correction.n == (p->kind == FL_SHARE_PIECES ? FL_SHARE_OCTETS : 0));
    if (plain.n != fl_plain_octets(p, v))
        return FL_SHARE_BAD_LENGTH;
    uint16_t share[FL_SHARE_VALUES], z[(FL_FAULTS_MAX + 1) * FL_SHARE_CHECKS];
    enum fl_share_fault fault = FL_SHARE_GOOD;
    if (p->kind == FL_SHARE_PIECES) {
        if (!from_pieces(p, v, plain.p, correction.p, share))
            fault = FL_SHARE_BAD_VALUE;
    } else if (plain.n == FL_SHARE_SEED) {
        expand(p, v, plain.p, share);
    } else if (!fl_unpack12(plain.p, FL_SHARE_VALUES, share)) {
        fault = FL_SHARE_BAD_VALUE;
    }
    if (!fl_unpack12(checks.p, (p->f + 1U) * FL_SHARE_CHECKS, z))
        fault = FL_SHARE_BAD_VALUE;
    if (fault == FL_SHARE_GOOD && !on_polynomial(p, v, challenge, z, share))
        fault = FL_SHARE_OFF_POLYNOMIAL;
    if (fault == FL_SHARE_GOOD)
        memcpy(ret_share, share, sizeof(share));
    sodium_memzero(share, sizeof(share));
    return fault;
}
