/* v2x/bulk/scalar.h against OpenSSL's numbers: parameters, inverses, multipliers, digits. */
#include "tests/unit/v2x/bulk_big.h"

#include <stdio.h>

#define SEED 20261121

static void parameters(void **state) {
    (void)state;
    BN_CTX *ctx = BN_CTX_new();
    for (unsigned c = 0; c < BULK_CURVES; c++) {
        const struct bulk_params *k = bulk_params(c);
        EC_GROUP *group = big_group(c);
        BIGNUM *p = BN_new(), *a = BN_new(), *b = BN_new(), *x = BN_new(), *y = BN_new();
        assert_true(EC_GROUP_get_curve(group, p, a, b, ctx));
        assert_true(
            EC_POINT_get_affine_coordinates(group, EC_GROUP_get0_generator(group), x, y, ctx));
        const struct {
            const uint64_t *ours;
            const BIGNUM *theirs;
        } pairs[] = {{k->p, p}, {k->n, EC_GROUP_get0_order(group)}, {k->a, a}, {k->b, b},
            {k->gx, x}, {k->gy, y}};
        for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
            BIGNUM *ours = big(pairs[i].ours);
            assert_int_equal(BN_cmp(ours, pairs[i].theirs), 0);
            BN_free(ours);
        }
        /* a z^4 = -3: what makes the doublings of the twist right. */
        BIGNUM *z = big(k->z), *want = BN_dup(p);
        BN_sub_word(want, 3);
        BN_mod_sqr(z, z, p, ctx);
        BN_mod_sqr(z, z, p, ctx);
        BN_mod_mul(z, z, a, p, ctx);
        assert_int_equal(BN_cmp(z, want), 0);
        BN_free(p), BN_free(a), BN_free(b), BN_free(x), BN_free(y), BN_free(z), BN_free(want);
        EC_GROUP_free(group);
    }
    BN_CTX_free(ctx);
}

static void inverses(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(SEED);
    BN_CTX *ctx = BN_CTX_new();
    for (unsigned which = 0; which < 2 * BULK_CURVES; which++) {
        const unsigned c = which / 2;
        const uint64_t *m = which % 2 ? bulk_params(c)->n : bulk_params(c)->p;
        BIGNUM *mod = big(m);
        for (unsigned i = 0; i < 2000; i++) {
            uint64_t a[4], inv[4];
            big_sample(&rnd, i, m, a);
            (which % 2 ? bulk_inverse_n : bulk_inverse_p)(c, a, inv);
            BIGNUM *x = big(a), *y = big(inv), *want = BN_new();
            if (!BN_is_zero(x))
                assert_non_null(BN_mod_inverse(want, x, mod, ctx));
            assert_int_equal(BN_cmp(y, want), 0);
            BN_free(x), BN_free(y), BN_free(want);
        }
        BN_free(mod);
    }
    BN_CTX_free(ctx);
}

/* Each size of batch once, with e from the whole range (also e = n, e > n, e = 0). */
static void multipliers(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(SEED + 1);
    BN_CTX *ctx = BN_CTX_new();
    for (unsigned c = 0; c < BULK_CURVES; c++) {
        const uint64_t *n = bulk_params(c)->n;
        const uint64_t all[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
        BIGNUM *order = big(n);
        unsigned sample = 0;
        for (size_t batch = 1; batch <= BULK_BATCH; batch++) {
            struct bulk_job jobs[BULK_BATCH] = {0};
            for (size_t i = 0; i < batch; i++, sample++) {
                big_sample(&rnd, sample, n, jobs[i].r);
                big_sample(&rnd, sample * 7 + 5, n, jobs[i].s);
                if (memcmp(jobs[i].s, (uint64_t[4]){0}, 32) == 0)
                    jobs[i].s[0] = 1;
                if (sample % 9 == 0)
                    memcpy(jobs[i].e, sample % 2 ? n : all, 32);
                else
                    big_sample(&rnd, sample * 3, all, jobs[i].e);
            }
            uint64_t u1[BULK_BATCH][4], u2[BULK_BATCH][4];
            bulk_multipliers(c, jobs, batch, u1, u2);
            for (size_t i = 0; i < batch; i++) {
                BIGNUM *s = big(jobs[i].s), *e = big(jobs[i].e), *r = big(jobs[i].r);
                BIGNUM *have1 = big(u1[i]), *have2 = big(u2[i]);
                assert_non_null(BN_mod_inverse(s, s, order, ctx));
                BN_mod_mul(e, e, s, order, ctx);
                BN_mod_mul(r, r, s, order, ctx);
                assert_int_equal(BN_cmp(have1, e), 0);
                assert_int_equal(BN_cmp(have2, r), 0);
                BN_free(s), BN_free(e), BN_free(r), BN_free(have1), BN_free(have2);
            }
        }
        BN_free(order);
    }
    BN_CTX_free(ctx);
}

static void digits(void **state) {
    (void)state;
    static const struct {
        unsigned w, windows;
    } shapes[] = {{4, 64}, {5, 52}, {6, 43}, {8, 32}, {11, 24}, {13, 20}, {15, 18}};
    struct ws_random rnd = ws_random_seeded(SEED + 2);
    BN_CTX *ctx = BN_CTX_new();
    for (unsigned c = 0; c < BULK_CURVES; c++) {
        const uint64_t *n = bulk_params(c)->n;
        BIGNUM *order = big(n), *sum = BN_new(), *term = BN_new();
        for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
            for (unsigned i = 0; i < 1000; i++) {
                uint64_t u[4];
                uint16_t digit[64];
                big_sample(&rnd, i, n, u);
                bulk_digits(c, u, shapes[k].w, shapes[k].windows, digit);
                BN_zero(sum);
                for (unsigned j = shapes[k].windows; j-- > 0;) {
                    assert_true(digit[j] < 1U << shapes[k].w);
                    BN_lshift(sum, sum, (int)shapes[k].w);
                    BN_set_word(term, (digit[j] & ~1UL) + 1);
                    assert_true((digit[j] & 1 ? BN_sub : BN_add)(sum, sum, term));
                }
                /* Exact, not only modulo n: u when odd, u - n when even. */
                BIGNUM *want = big(u);
                if (!BN_is_odd(want))
                    BN_sub(want, want, order);
                assert_int_equal(BN_cmp(sum, want), 0);
                BN_free(want);
            }
        }
        BN_free(order), BN_free(sum), BN_free(term);
    }
    BN_CTX_free(ctx);
}

int main(void) {
    printf("seed %d\n", SEED);
    const struct CMUnitTest tests[] = {cmocka_unit_test(parameters), cmocka_unit_test(inverses),
        cmocka_unit_test(multipliers), cmocka_unit_test(digits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
