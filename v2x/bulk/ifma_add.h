/* Sums of affine points, eight lanes each, many at once with one shared inversion. Private to v2x/bulk/ifma_*. */
/* Rows of macros without semicolons are beyond the formatter, which never comes to rest on them. */
/* clang-format off */
#ifndef WAYSIDE_V2X_BULK_IFMA_ADD_H
#define WAYSIDE_V2X_BULK_IFMA_ADD_H

#include "v2x/bulk/ifma_field.h"
#include "v2x/bulk/ifma_layout.h"
#include "v2x/bulk/scalar.h"

/* x carried, canonical or weak; y raw, canonical, negated canonical or weak (its limbs grow by 2^57 an addition). */
struct pt {
    fe x, y;
};

/* slot[dst] = slot[a] + slot[b]. dst is b or else a slot not read in the same call: it holds b's x less a's meanwhile. */
struct item {
    uint16_t a, b, dst;
};

/* Pairs of words: of the 4x4 matrix with rows a, b, c, d the columns. */
static INLINE void transpose_pairs(vec *a, vec *b, vec *c, vec *d) {
    const vec even0 = _mm512_shuffle_i64x2(*a, *b, 0x88),
              even1 = _mm512_shuffle_i64x2(*c, *d, 0x88);
    const vec odd0 = _mm512_shuffle_i64x2(*a, *b, 0xdd), odd1 = _mm512_shuffle_i64x2(*c, *d, 0xdd);
    *a = _mm512_shuffle_i64x2(even0, even1, 0x88);
    *b = _mm512_shuffle_i64x2(odd0, odd1, 0x88);
    *c = _mm512_shuffle_i64x2(even0, even1, 0xdd);
    *d = _mm512_shuffle_i64x2(odd0, odd1, 0xdd);
}

static INLINE void transpose(vec r[8]) {
    vec t0 = _mm512_unpacklo_epi64(r[0], r[1]), t1 = _mm512_unpackhi_epi64(r[0], r[1]);
    vec t2 = _mm512_unpacklo_epi64(r[2], r[3]), t3 = _mm512_unpackhi_epi64(r[2], r[3]);
    vec t4 = _mm512_unpacklo_epi64(r[4], r[5]), t5 = _mm512_unpackhi_epi64(r[4], r[5]);
    vec t6 = _mm512_unpacklo_epi64(r[6], r[7]), t7 = _mm512_unpackhi_epi64(r[6], r[7]);
    transpose_pairs(&t0, &t2, &t4, &t6);
    transpose_pairs(&t1, &t3, &t5, &t7);
    r[0] = t0, r[1] = t1, r[2] = t2, r[3] = t3;
    r[4] = t4, r[5] = t5, r[6] = t6, r[7] = t7;
}

/* Addresses are kept as numbers, for the sign in the lowest bit and for offsets into a table made later. */
static INLINE const void *line_at(uint64_t place) {
    return (const void *)(uintptr_t)place; /* NOLINT(performance-no-int-to-ptr) */
}

/* Eight table lines; a lane's place is origin + line without its lowest bit, which negates the point. */
static INLINE struct pt load_lines(const uint64_t *line, uintptr_t origin) {
    const vec place = _mm512_loadu_si512(line);
    vec r[8];
#define DO(i) r[i] = _mm512_load_si512(line_at(origin + (line[i] & ~1ULL)));
    DO(0)
    DO(1)
    DO(2)
    DO(3) DO(4) DO(5) DO(6) DO(7)
#undef DO
        transpose(r);
    struct pt p;
    p.x = fe_from_words(r[0], r[1], r[2], r[3]);
    p.y =
        fe_negate(fe_from_words(r[4], r[5], r[6], r[7]), _mm512_test_epi64_mask(place, vec_all(1)));
    return p;
}

static inline void store_lines(struct pt p, uint8_t *const *line) {
    vec r[8];
    fe_to_words(fe_freeze(p.x), r);
    fe_to_words(fe_freeze(p.y), r + 4);
    transpose(r);
    for (int i = 0; i < 8; i++)
        _mm512_store_si512(line[i], r[i]);
}

/* Running products are kept in this many chains, item k in chain k % CHAINS, so that neighbours in a loop do not wait
 * for each other. */
#define CHAINS 8

static INLINE fe fe_permute(fe a, vec by) {
#define DO(i) a.l[i] = _mm512_permutexvar_epi64(by, a.l[i]);
    EACH_LIMB(DO)
#undef DO
    return a;
}

/* Every lane of every chain to its inverse, by one inversion. False, and nothing done, when one of them is 0. */
static __attribute__((noinline)) bool invert_chains(fe acc[CHAINS]) {
    const vec lane = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
    const vec by4 = _mm512_xor_si512(lane, vec_all(4)), by2 = _mm512_xor_si512(lane, vec_all(2));
    const vec by1 = _mm512_xor_si512(lane, vec_all(1));
    fe two[4], four[2];
    for (int i = 0; i < 4; i++)
        two[i] = fe_mul(acc[2 * i], acc[2 * i + 1]);
    for (int i = 0; i < 2; i++)
        four[i] = fe_mul(two[2 * i], two[2 * i + 1]);
    const fe t8 = fe_mul(four[0], four[1]);
    const fe t4 = fe_mul(t8, fe_permute(t8, by4)), t2 = fe_mul(t4, fe_permute(t4, by2));
    uint64_t words[4][8], total[4], inverse[4];
    fe_store(fe_mul(t2, fe_permute(t2, by1)), words);
    for (int i = 0; i < 4; i++)
        total[i] = words[i][0];
    if ((total[0] | total[1] | total[2] | total[3]) == 0)
        return false;
    bulk_inverse_p(IFMA_CURVE == IFMA_P256 ? BULK_P256 : BULK_BP256, total, inverse);
    fe inv = fe_from_words(
        vec_all(inverse[0]), vec_all(inverse[1]), vec_all(inverse[2]), vec_all(inverse[3]));
    inv = fe_mul(inv, fe_const(C_R3));
    inv = fe_mul(inv, fe_permute(t2, by1));
    inv = fe_mul(inv, fe_permute(t4, by2));
    inv = fe_mul(inv, fe_permute(t8, by4));
    for (int i = 0; i < 2; i++) {
        const fe inv4 = fe_mul(inv, four[1 - i]);
        for (int j = 0; j < 2; j++) {
            const fe inv2 = fe_mul(inv4, two[2 * i + 1 - j]);
            const fe a = acc[4 * i + 2 * j], b = acc[4 * i + 2 * j + 1];
            acc[4 * i + 2 * j] = fe_mul(inv2, b);
            acc[4 * i + 2 * j + 1] = fe_mul(inv2, a);
        }
    }
    return true;
}

/* v[i] to 1 / v[i] (< 2p, carried, both); false when a lane of one is 0. */
static bool invert_many(fe *v, size_t n, fe *prefix) {
    fe acc[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        acc[i] = fe_const(C_ONE);
    for (size_t k = 0; k < n; k++) {
        prefix[k] = acc[k % CHAINS];
        acc[k % CHAINS] = fe_mul(acc[k % CHAINS], v[k]);
    }
    if (!invert_chains(acc))
        return false;
    for (size_t k = n; k-- > 0;) {
        const fe inv = acc[k % CHAINS];
        acc[k % CHAINS] = fe_mul(inv, v[k]);
        v[k] = fe_mul(inv, prefix[k]);
    }
    return true;
}

/* Lines of the next batch still to be fetched, `pace` after each addition. */
struct fetch {
    const uint64_t *at, *end;
    size_t pace;
};

static INLINE void fetch_some(struct fetch *f) {
    if (f->at == f->end)
        return; /* also where there is no next batch, and no line to count from */
    const uint64_t *end = (size_t)(f->end - f->at) < f->pace ? f->end : f->at + f->pace;
    for (; f->at < end; f->at++)
        _mm_prefetch(line_at(*f->at), _MM_HINT_T1);
}

/* Lanes whose two points have the same x (sum or double: this formula cannot tell) get difference 1 and are marked in
 * mark[slot % groups]; what comes out of them is not a sum. */
static __attribute__((noinline)) void mark_equal(struct pt *slot, const struct item *item, size_t n,
    fe *prefix, fe acc[CHAINS], size_t groups, __mmask8 *mark) {
    for (int i = 0; i < CHAINS; i++)
        acc[i] = fe_const(C_ONE);
    for (size_t k = 0; k < n; k++) {
        fe *d = &slot[item[k].dst].x;
        const __mmask8 zero = fe_zero(*d);
        mark[item[k].dst % groups] |= zero;
        *d = fe_blend(zero, *d, fe_const(C_ONE));
        prefix[k] = acc[k % CHAINS];
        acc[k % CHAINS] = fe_mul(acc[k % CHAINS], *d);
    }
}

/* All n items. lines: NULL, or where slots come from: those of slot i at lines[8 i], loaded on the way.
 * Forward: d = x_b - x_a and running products; backward: l = (y_b - y_a) / d, x = l^2 - x_a - x_b, y = l (x_a - x) - y_a.
 * Differences < 6.6p, running products < 2p, 1/d < 1.25p. */
static __attribute__((noinline)) void add_points(struct pt *slot, const struct item *item, size_t n,
    fe *prefix, const uint64_t *lines, struct fetch *fetch, size_t groups, __mmask8 *mark) {
    fe acc[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        acc[i] = fe_const(C_ONE);
    for (size_t k = 0; k < n; k += CHAINS) {
        for (size_t i = 0; i < CHAINS && k + i < n; i++) {
            const struct item it = item[k + i];
            if (lines != NULL) {
                slot[it.a] = load_lines(lines + 8 * (size_t)it.a, 0);
                slot[it.b] = load_lines(lines + 8 * (size_t)it.b, 0);
            }
            const fe d = fe_diff(slot[it.b].x, slot[it.a].x);
            slot[it.dst].x = d;
            prefix[k + i] = acc[i];
            acc[i] = fe_mul(acc[i], d);
        }
    }
    if (!invert_chains(acc)) {
        mark_equal(slot, item, n, prefix, acc, groups, mark);
        (void)invert_chains(acc);
    }
    const fe p4 = fe_shift(fe_const(C_P), 2);
    fe inv[CHAINS], l[CHAINS];
    for (size_t k = (n + CHAINS - 1) / CHAINS * CHAINS; k > 0;) {
        k -= CHAINS;
        const size_t m = n - k < CHAINS ? n - k : CHAINS;
        /* One step of all chains at a time: multiplications next to each other are independent, which fills the
         * processor's two multipliers without interleaving by hand. */
        for (size_t i = 0; i < m; i++) {
            inv[i] = fe_mul(acc[i], prefix[k + i]);
            acc[i] = fe_mul(acc[i], slot[item[k + i].dst].x);
        }
        for (size_t i = 0; i < m; i++)
            l[i] = fe_mul(fe_diff(slot[item[k + i].b].y, slot[item[k + i].a].y), inv[i]);
        for (size_t i = 0; i < m; i++) {
            const struct item it = item[k + i];
            const fe xa = slot[it.a].x;
            /* d was x_b - x_a + 4p. */
            const fe less = fe_sub(fe_add(fe_add(xa, xa), slot[it.dst].x), p4);
            /* Carried: raw limbs would double with each addition on top, as x_a is taken twice. */
            slot[it.dst].x = fe_tidy(fe_sub(fe_sqr_raw(l[i]), less));
            fetch_some(fetch);
        }
        for (size_t i = 0; i < m; i++) {
            const struct item it = item[k + i];
            const fe run = fe_diff(slot[it.a].x, slot[it.dst].x);
            slot[it.dst].y = fe_weak(fe_sub(fe_mul_raw(run, l[i]), slot[it.a].y));
        }
    }
}

#endif
