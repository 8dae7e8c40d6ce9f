/* The portable engine's parts against OpenSSL: field, tables, keys from x, and verification in each tier, with its
 * assembly and without. Signatures are made from multipliers: R = u1 G + u2 Q, r = x(R), s = r/u2, e = u1 s. */
#include "tests/unit/v2x/bulk_big.h"

#include "v2x/bulk/mont.h"
#include "v2x/bulk/portable.h"

#include <stdio.h>

#define SEED 20261122

static const struct bulk_engine *const engines[] = {&bulk_portable, &bulk_portable_plain};

static void *memory(size_t octets) {
    void *p = aligned_alloc(64, (octets + 63) / 64 * 64);
    assert_non_null(p);
    return p;
}

static void field(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(SEED);
    BN_CTX *ctx = BN_CTX_new();
    for (unsigned which = 0; which < ARRAY_LEN(engines) * BULK_CURVES; which++) {
        const enum bulk_curve c = which % BULK_CURVES;
        struct bulk_base *base = engines[which / BULK_CURVES]->base_new(c);
        BIGNUM *p = big(bulk_params(c)->p), *rinv = BN_new(), *want = BN_new();
        BN_set_bit(rinv, 256);
        assert_non_null(BN_mod_inverse(rinv, rinv, p, ctx));
        for (unsigned i = 0; i < 20000; i++) {
            fe a, b, have[4];
            /* The first 64 x 64 pairs of border values, then random pairs. */
            big_sample(&rnd, i < 4096 ? i / 64 : i, bulk_params(c)->p, a.v);
            big_sample(&rnd, i < 4096 ? i % 64 : i + 7, bulk_params(c)->p, b.v);
            base->core->field(&a, &b, have);
            BIGNUM *x = big(a.v), *y = big(b.v);
            for (int op = 0; op < 4; op++) {
                if (op < 2) {
                    BN_mod_mul(want, x, op == 0 ? y : x, p, ctx);
                    BN_mod_mul(want, want, rinv, p, ctx);
                } else {
                    (op == 2 ? BN_mod_add : BN_mod_sub)(want, x, y, p, ctx);
                }
                fe expect;
                limbs(want, expect.v);
                assert_memory_equal(have[op].v, expect.v, 32);
            }
            BN_free(x), BN_free(y);
        }
        BN_free(p), BN_free(rinv), BN_free(want);
        free(base);
    }
    BN_CTX_free(ctx);
}

static void coordinates(
    const EC_GROUP *group, const EC_POINT *point, uint64_t ret_x[4], uint64_t ret_y[4]) {
    BIGNUM *x = BN_new(), *y = BN_new();
    assert_true(EC_POINT_get_affine_coordinates(group, point, x, y, NULL));
    limbs(x, ret_x);
    limbs(y, ret_y);
    BN_free(x), BN_free(y);
}

/* The row, in Montgomery form on the twist, must be m 2^shift Q. */
static void check_row(enum bulk_curve c, const EC_GROUP *group, const EC_POINT *q,
    const struct pt_aff *row, unsigned m, unsigned shift, BN_CTX *ctx) {
    BIGNUM *k = BN_new(), *p = big(bulk_params(c)->p), *z = big(bulk_params(c)->z);
    EC_POINT *point = EC_POINT_new(group);
    struct bulk_point plain;
    BN_set_word(k, m);
    BN_lshift(k, k, (int)shift);
    assert_true(EC_POINT_mul(group, point, NULL, q, k, ctx));
    coordinates(group, point, plain.x, plain.y);
    BIGNUM *x = big(plain.x), *y = big(plain.y);
    for (int i = 0; i < 2; i++)
        BN_mod_mul(x, x, z, p, ctx);
    for (int i = 0; i < 3; i++)
        BN_mod_mul(y, y, z, p, ctx);
    BN_mod_lshift(x, x, 256, p, ctx);
    BN_mod_lshift(y, y, 256, p, ctx);
    fe want;
    limbs(x, want.v);
    assert_memory_equal(row->x.v, want.v, 32);
    limbs(y, want.v);
    assert_memory_equal(row->y.v, want.v, 32);
    BN_free(k), BN_free(p), BN_free(z), BN_free(x), BN_free(y);
    EC_POINT_free(point);
}

static void random_multiple(struct ws_random *rnd, enum bulk_curve c, BIGNUM *ret) {
    uint64_t k[4];
    big_sample(rnd, 1000, bulk_params(c)->n, k);
    BIGNUM *n = big(k);
    BN_copy(ret, n);
    BN_free(n);
}

/* Every row of a MID and a FULL table, first and last rows of each window of the base point. */
static void tables(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(SEED + 1);
    BN_CTX *ctx = BN_CTX_new();
    for (unsigned which = 0; which < ARRAY_LEN(engines) * BULK_CURVES; which++) {
        const struct bulk_engine *e = engines[which / BULK_CURVES];
        const enum bulk_curve c = which % BULK_CURVES;
        EC_GROUP *group = big_group(c);
        struct bulk_base *base = e->base_new(c);
        void *scratch = memory(e->scratch_octets);
        const EC_POINT *g = EC_GROUP_get0_generator(group);
        for (unsigned j = 0; j < PT_G_WINDOWS; j++)
            for (unsigned row = 0; row < 4; row++) {
                const unsigned at = (unsigned[]){0, 1, 2730, 4095}[row];
                check_row(c, group, g, &base->row[j][at], 2 * at + 1, 13 * j, ctx);
            }
        struct bulk_point keys[BULK_BUILD];
        const struct bulk_point *key[BULK_BUILD];
        EC_POINT *points[BULK_BUILD];
        BIGNUM *k = BN_new();
        for (unsigned i = 0; i < BULK_BUILD; i++) {
            points[i] = EC_POINT_new(group);
            random_multiple(&rnd, c, k);
            if (i == 0) /* the base point itself, as a key */
                BN_set_word(k, 1);
            assert_true(EC_POINT_mul(group, points[i], k, NULL, NULL, ctx));
            coordinates(group, points[i], keys[i].x, keys[i].y);
            key[i] = &keys[i];
        }
        for (unsigned n = 1; n <= BULK_BUILD; n += 7) {
            for (enum bulk_tier tier = BULK_MID; tier <= BULK_FULL; tier++) {
                void *table[BULK_BUILD];
                for (unsigned i = 0; i < n; i++)
                    table[i] = memory(e->table_octets[tier]);
                assert_true(e->build(base, tier, key, table, n, scratch));
                const unsigned rows = tier == BULK_MID ? 8 : 32;
                const unsigned spacing = tier == BULK_MID ? 32 : 6;
                for (unsigned i = 0; i < n; i++) {
                    for (unsigned at = 0; at < e->table_octets[tier] / 64; at += i == 1 ? 1 : 31)
                        check_row(c, group, points[i], (const struct pt_aff *)table[i] + at,
                            at % rows * 2 + 1, at / rows * spacing, ctx);
                    free(table[i]);
                }
            }
        }
        /* y = 0 is off the curve and of order two: no table, and no harm. */
        struct bulk_point off = keys[0];
        memset(off.y, 0, 32);
        key[1] = &off;
        void *table[2] = {memory(e->table_octets[BULK_FULL]), memory(e->table_octets[BULK_FULL])};
        assert_false(e->build(base, BULK_FULL, key, table, 2, scratch));
        free(table[0]), free(table[1]);
        for (unsigned i = 0; i < BULK_BUILD; i++)
            EC_POINT_free(points[i]);
        BN_free(k);
        EC_GROUP_free(group);
        free(base), free(scratch);
    }
    BN_CTX_free(ctx);
}

static void keys_from_x(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(SEED + 2);
    for (unsigned c = 0; c < BULK_CURVES; c++) {
        EC_GROUP *group = big_group(c);
        EC_POINT *point = EC_POINT_new(group);
        unsigned refused = 0;
        for (unsigned i = 0; i < 600; i++) {
            uint64_t x[1][4];
            const bool odd = i & 1;
            big_sample(&rnd, i, bulk_params(c)->p, x[0]);
            if (i == 3) /* p and 2^256 - 1 are no coordinates */
                memcpy(x[0], bulk_params(c)->p, 32);
            else if (i == 4)
                memset(x[0], 0xff, 32);
            BIGNUM *b = big(x[0]);
            const bool want =
                i != 3 && i != 4 && EC_POINT_set_compressed_coordinates(group, point, b, odd, NULL);
            for (unsigned e = 0; e < ARRAY_LEN(engines); e++) {
                struct bulk_point have, theirs;
                bool ok;
                engines[e]->decompress(c, (const uint64_t(*)[4])x, &odd, 1, &have, &ok);
                assert_int_equal(ok, want);
                if (!ok)
                    continue;
                coordinates(group, point, theirs.x, theirs.y);
                assert_memory_equal(&have, &theirs, sizeof(have));
            }
            refused += !want;
            BN_free(b);
        }
        assert_true(refused > 200 && refused < 400);
        EC_POINT_free(point);
        EC_GROUP_free(group);
    }
}

struct sample {
    struct bulk_point key;
    struct bulk_job job;
    bool good;
};

/* q = kG; a job for the multipliers u1, u2 (u2 not 0). False: R is infinity or r is 0. */
static bool make_job(enum bulk_curve c, const EC_GROUP *group, const BIGNUM *k, const BIGNUM *u1,
    const BIGNUM *u2, struct sample *ret, BN_CTX *ctx) {
    const BIGNUM *n = EC_GROUP_get0_order(group);
    BIGNUM *t = BN_new(), *r = BN_new(), *s = BN_new();
    EC_POINT *point = EC_POINT_new(group);
    (void)c;
    assert_true(EC_POINT_mul(group, point, k, NULL, NULL, ctx));
    coordinates(group, point, ret->key.x, ret->key.y);
    BN_mod_mul(t, u2, k, n, ctx);
    BN_mod_add(t, t, u1, n, ctx);
    const bool finite = !BN_is_zero(t);
    if (finite) {
        assert_true(EC_POINT_mul(group, point, t, NULL, NULL, ctx));
        assert_true(EC_POINT_get_affine_coordinates(group, point, r, NULL, ctx));
        BN_nnmod(r, r, n, ctx);
    } else {
        BN_set_word(r, 12345); /* no r is right */
    }
    assert_non_null(BN_mod_inverse(s, u2, n, ctx));
    BN_mod_mul(s, s, r, n, ctx);
    BN_mod_mul(t, u1, s, n, ctx);
    limbs(r, ret->job.r);
    limbs(s, ret->job.s);
    limbs(t, ret->job.e);
    ret->good = finite;
    BN_free(t), BN_free(r), BN_free(s);
    EC_POINT_free(point);
    return finite;
}

static void alter(struct sample *s, unsigned how) {
    uint64_t *where[] = {s->job.r, s->job.s, s->job.e};
    where[how % 3][0] ^= 2 + (how & 4);
    s->good = false;
}

/* Runs the samples in batches of `size` through every tier of every engine; returns how often an answer was ASK. */
static unsigned run_samples(enum bulk_curve c, struct sample *samples, size_t n, size_t size) {
    unsigned asked = 0;
    for (unsigned which = 0; which < ARRAY_LEN(engines); which++) {
        const struct bulk_engine *e = engines[which];
        struct bulk_base *base = e->base_new(c);
        void *scratch = memory(e->scratch_octets), *batch[2];
        for (int i = 0; i < 2; i++)
            batch[i] = memory(e->batch_octets);
        for (enum bulk_tier tier = BULK_COLD; tier < BULK_TIERS; tier++) {
            void **table = calloc(n, sizeof(*table));
            assert_non_null(table);
            struct bulk_job jobs[2][BULK_BATCH];
            size_t first[2] = {0, 0}, count[2] = {0, 0};
            unsigned turn = 0;
            for (size_t at = 0; at < n || count[1 - turn] > 0; turn = 1 - turn) {
                count[turn] = at < n ? (n - at < size ? n - at : size) : 0;
                first[turn] = at;
                for (size_t i = 0; i < count[turn]; i++) {
                    struct sample *s = &samples[at + i];
                    s->job.key = &s->key;
                    s->job.table = NULL;
                    if (tier != BULK_COLD) {
                        table[at + i] = memory(e->table_octets[tier]);
                        assert_true(e->build(base, tier, &s->job.key, &table[at + i], 1, scratch));
                        s->job.table = table[at + i];
                    }
                    jobs[turn][i] = s->job;
                }
                at += count[turn];
                if (count[turn] > 0)
                    e->prepare(base, tier, jobs[turn], count[turn], batch[turn]);
                const unsigned last = 1 - turn;
                if (count[last] > 0) {
                    enum bulk_answer answer[BULK_BATCH];
                    memset(answer, 0x5a, sizeof(answer));
                    e->compute(batch[last], count[turn] > 0 ? batch[turn] : NULL, scratch, answer);
                    for (size_t i = 0; i < count[last]; i++) {
                        const struct sample *s = &samples[first[last] + i];
                        asked += answer[i] == BULK_ASK;
                        if (answer[i] != (s->good ? BULK_GOOD : BULK_BAD) && answer[i] != BULK_ASK)
                            fail_msg("%s tier %d curve %d sample %zu: %d, good %d", e->name,
                                (int)tier, (int)c, first[last] + i, (int)answer[i], s->good);
                    }
                    count[last] = 0;
                }
            }
            for (size_t i = 0; i < n; i++)
                free(table[i]);
            free(table);
        }
        free(base), free(scratch), free(batch[0]), free(batch[1]);
    }
    return asked;
}

static void random_signatures(void **state) {
    (void)state;
    enum { SAMPLES = 260 };
    struct ws_random rnd = ws_random_seeded(SEED + 3);
    BN_CTX *ctx = BN_CTX_new();
    struct sample *samples = calloc(SAMPLES, sizeof(*samples));
    assert_non_null(samples);
    BIGNUM *k = BN_new(), *u1 = BN_new(), *u2 = BN_new();
    for (unsigned c = 0; c < BULK_CURVES; c++) {
        EC_GROUP *group = big_group(c);
        for (size_t i = 0; i < SAMPLES; i++) {
            random_multiple(&rnd, c, k);
            random_multiple(&rnd, c, u1);
            random_multiple(&rnd, c, u2);
            assert_true(make_job(c, group, k, u1, u2, &samples[i], ctx));
            if (i % 4 == 3)
                alter(&samples[i], (unsigned)i / 4);
        }
        static const size_t sizes[] = {64, 33, 7, 1};
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
            assert_int_equal(run_samples(c, samples, i == 0 ? SAMPLES : 67, sizes[i]), 0);
        EC_GROUP_free(group);
    }
    BN_free(k), BN_free(u1), BN_free(u2);
    free(samples);
    BN_CTX_free(ctx);
}

/* Multipliers for which partial sums meet, for each merge boundary: u = n + 2 S, S = (-n mod 2^b) - 2^b, and small and
 * halved ones, with keys that are small multiples of the base point; each valid and altered. */
static void crafted_signatures(void **state) {
    (void)state;
    BN_CTX *ctx = BN_CTX_new();
    enum { SPECIAL = 60 };
    BIGNUM *u[SPECIAL], *two = BN_new();
    BN_set_word(two, 2);
    struct ws_random rnd = ws_random_seeded(SEED + 4);
    for (unsigned c = 0; c < BULK_CURVES; c++) {
        EC_GROUP *group = big_group(c);
        const BIGNUM *n = EC_GROUP_get0_order(group);
        unsigned count = 0;
        static const unsigned widths[] = {4, 5, 6, 13, 32};
        for (size_t w = 0; w < ARRAY_LEN(widths); w++) {
            for (unsigned windows = 1; widths[w] * windows < 256; windows *= 2) {
                const int b = (int)(widths[w] * windows);
                BIGNUM *top = BN_new(), *v = u[count++] = BN_new();
                BN_set_bit(top, b);
                BN_nnmod(v, n, top, ctx);
                BN_sub(v, top, v); /* -n mod 2^b */
                BN_sub(v, v, top);
                BN_lshift1(v, v);
                BN_add(v, v, n);
                BN_nnmod(v, v, n, ctx);
                BN_free(top);
            }
        }
        for (unsigned i = 1; i <= 4; i++) {
            BN_set_word(u[count++] = BN_new(), i);
            BN_sub(u[count] = BN_new(), n, u[count - 1]);
            count++;
        }
        BN_mod_inverse(u[count++] = BN_new(), two, n, ctx);
        BN_sub(u[count] = BN_new(), n, u[count - 1]);
        count++;
        assert_true(count <= SPECIAL);
        static const unsigned keys[] = {1, 2, 3, 4, 16, 31, 32, 8191};
        struct sample *samples = calloc((size_t)count * 12, sizeof(*samples));
        assert_non_null(samples);
        size_t made = 0;
        BIGNUM *k = BN_new(), *other = BN_new();
        for (unsigned i = 0; i < count; i++) {
            for (unsigned j = 0; j < 6; j++) {
                BN_set_word(k, keys[(i + j) % ARRAY_LEN(keys)]);
                if (j & 1)
                    BN_sub(k, n, k);
                random_multiple(&rnd, c, other);
                const bool same = j >= 4; /* u1 = u2 */
                if (BN_is_zero(u[i]))
                    continue;
                make_job(c, group, k, j & 2 ? other : u[i], same || (j & 2) ? u[i] : other,
                    &samples[made], ctx);
                made++;
                if (samples[made - 1].good) {
                    samples[made] = samples[made - 1];
                    alter(&samples[made], i + j);
                    made++;
                }
            }
        }
        const unsigned asked = run_samples(c, samples, made, 64);
        printf("curve %u: %zu crafted, %u of %zu answers ASK\n", c, made, asked, made * 6);
        assert_int_equal(asked, 0); /* all are repaired in place, none is infinity too early */
        BN_free(k), BN_free(other);
        free(samples);
        for (unsigned i = 0; i < count; i++)
            BN_free(u[i]);
        EC_GROUP_free(group);
    }
    BN_free(two);
    BN_CTX_free(ctx);
}

/* u1 G = u2 Q (valid), u1 G = -u2 Q (infinity), e = 0, e = n, r + n as the coordinate. */
static void edges(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(SEED + 5);
    BN_CTX *ctx = BN_CTX_new();
    for (unsigned c = 0; c < BULK_CURVES; c++) {
        EC_GROUP *group = big_group(c);
        const BIGNUM *n = EC_GROUP_get0_order(group);
        BIGNUM *k = BN_new(), *u1 = BN_new(), *u2 = BN_new();
        struct sample s[8] = {0};
        random_multiple(&rnd, c, k);
        random_multiple(&rnd, c, u2);
        BN_mod_mul(u1, u2, k, n, ctx);
        assert_true(make_job(c, group, k, u1, u2, &s[0], ctx));
        s[1] = s[0];
        s[1].job.e[1] ^= 1;
        s[1].good = false;
        BN_sub(u1, n, u1);
        assert_false(make_job(c, group, k, u1, u2, &s[2], ctx));
        BN_zero(u1);
        assert_true(make_job(c, group, k, u1, u2, &s[3], ctx));
        s[4] = s[3];
        memcpy(s[4].job.e, bulk_params(c)->n, 32);
        /* x of the point in [n, p): r = x - n; of e and s, u1 = u2 = 1 and Q = R - G. */
        EC_POINT *point = EC_POINT_new(group), *minus = EC_POINT_new(group);
        BIGNUM *x = BN_dup(n);
        while (!EC_POINT_set_compressed_coordinates(group, point, x, 0, ctx))
            BN_add_word(x, 1);
        assert_true(EC_POINT_copy(minus, EC_GROUP_get0_generator(group)));
        assert_true(EC_POINT_invert(group, minus, ctx));
        assert_true(EC_POINT_add(group, point, point, minus, ctx));
        coordinates(group, point, s[5].key.x, s[5].key.y);
        BN_sub(x, x, n);
        if (BN_is_zero(x))
            fail_msg("r = 0");
        limbs(x, s[5].job.r);
        limbs(x, s[5].job.s);
        limbs(x, s[5].job.e);
        s[5].good = true;
        s[6] = s[5];
        s[6].job.r[0]++;
        s[6].job.s[0]++;
        s[6].job.e[0]++;
        s[6].good = false;
        s[7] = s[0];
        const unsigned asked = run_samples(c, s, 8, 8);
        printf("curve %u: %u of 48 answers ASK\n", c, asked);
        assert_int_equal(asked, 2 * 6); /* u1 = 0 alone */
        EC_POINT_free(point), EC_POINT_free(minus);
        BN_free(k), BN_free(u1), BN_free(u2), BN_free(x);
        EC_GROUP_free(group);
    }
    BN_CTX_free(ctx);
}

int main(void) {
    printf("seed %d\n", SEED);
    const struct CMUnitTest tests[] = {cmocka_unit_test(field), cmocka_unit_test(tables),
        cmocka_unit_test(keys_from_x), cmocka_unit_test(random_signatures),
        cmocka_unit_test(crafted_signatures), cmocka_unit_test(edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
