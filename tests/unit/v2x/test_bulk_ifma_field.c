/* Eight-lane field arithmetic against OpenSSL's numbers, at the bounds that ifma_field.h promises, and table rows against
 * plain multiples. On a processor without AVX-512 IFMA nothing is checked, and the output says so. */
#include "tests/unit/v2x/bulk_craft.h"
#include "tests/unit/v2x/ifma_probe.h"

#include "base/random.h"
#include "tests/support/cm.h"
#include "v2x/bulk/ifma_layout.h"
#include "v2x/bulk/scalar.h"

#include <stdio.h>

#define SEED 7
#define MASK ((1ULL << 52) - 1)

static ifma_probe_fn *const probes[BULK_CURVES] = {ifma_probe_p256, ifma_probe_bp256};

static BIGNUM *lane_value(const int64_t (*a)[8], int lane) {
    BIGNUM *n = BN_new(), *limb = BN_new();
    BN_zero(n);
    for (int i = 4; i >= 0; i--) {
        BN_lshift(n, n, 52);
        BN_set_word(limb, (BN_ULONG)llabs(a[i][lane]));
        assert_true((a[i][lane] < 0 ? BN_sub : BN_add)(n, n, limb));
    }
    BN_free(limb);
    return n;
}

static void put_lane(int64_t (*a)[8], int lane, const BIGNUM *n) {
    BIGNUM *t = BN_dup(n);
    const bool negative = BN_is_negative(n);
    BN_set_negative(t, 0);
    for (int i = 0; i < 5; i++) {
        uint8_t le[64] = {0};
        assert_true(BN_bn2lebinpad(t, le, 64) == 64);
        uint64_t low;
        memcpy(&low, le, 8);
        a[i][lane] = (int64_t)(low & MASK) * (negative ? -1 : 1);
        BN_rshift(t, t, 52);
    }
    assert_true(BN_is_zero(t));
    BN_free(t);
}

static uint64_t rnd_word(struct ws_random *rnd) {
    uint64_t w;
    ws_random_bytes(rnd, &w, sizeof(w));
    return w;
}

/* A number in [0, hundredths p / 100): border values first. */
static BIGNUM *sample(struct ws_random *rnd, const BIGNUM *p, unsigned hundredths) {
    BIGNUM *max = BN_dup(p), *n = BN_new(), *k = BN_dup(p);
    BN_mul_word(max, hundredths);
    BN_div_word(max, 100);
    const uint64_t choice = rnd_word(rnd);
    uint8_t octets[40];
    ws_random_bytes(rnd, octets, sizeof(octets));
    for (size_t i = 0; choice % 3 == 0 && i < sizeof(octets); i++)
        octets[i] = (octets[i] & 1) != 0 ? 0xff : 0; /* long carries */
    BN_bin2bn(octets, sizeof(octets), n);
    if (choice % 7 == 0) { /* next to a multiple of p, or the most there is */
        BN_mul_word(k, choice / 7 % 4);
        BN_copy(n, choice / 28 % 2 != 0 ? max : k);
        if (choice / 56 % 2 != 0 || BN_cmp(n, max) == 0)
            BN_sub_word(n, 1 + choice / 112 % 3);
        else
            BN_add_word(n, choice / 112 % 3);
    }
    BN_CTX *ctx = BN_CTX_new();
    BN_nnmod(n, n, max, ctx);
    BN_CTX_free(ctx);
    BN_free(max);
    BN_free(k);
    return n;
}

/* got = want modulo p, and in [0, hundredths p / 100). */
static void check(const BIGNUM *got, const BIGNUM *want, const BIGNUM *p, unsigned hundredths) {
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *d = BN_new(), *max = BN_dup(p);
    BN_sub(d, got, want);
    BN_nnmod(d, d, p, ctx);
    assert_true(BN_is_zero(d));
    BN_mul_word(max, hundredths);
    BN_div_word(max, 100);
    assert_false(BN_is_negative(got));
    assert_true(BN_cmp(got, max) < 0);
    BN_free(d);
    BN_free(max);
    BN_CTX_free(ctx);
}

static void check_carried(const int64_t (*r)[8], int lane) {
    for (int i = 0; i < 5; i++)
        assert_true((uint64_t)r[i][lane] <= MASK);
}

static void field(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(SEED);
    BN_CTX *ctx = BN_CTX_new();
    for (enum bulk_curve c = BULK_P256; c < BULK_CURVES; c++) {
        BIGNUM *p = craft_in(bulk_params(c)->p), *r_inv = BN_new(), *want = BN_new();
        BN_set_bit(r_inv, 260);
        BN_mod_inverse(r_inv, r_inv, p, ctx);
        const unsigned weak = c == BULK_P256 ? 201 : 252;
        /* a: square at the bound of fe_product; b: as much as a leaves, in every second case. */
        const unsigned most = c == BULK_P256 ? 400 : 489;
        for (unsigned round = 0; round < 1500; round++) {
            int64_t a[5][8], b[5][8], r[5][8];
            BIGNUM *va[8], *vb[8];
            for (int lane = 0; lane < 8; lane++) {
                va[lane] = sample(&rnd, p, round % 2 ? most : c == BULK_P256 ? 780 : 900);
                vb[lane] = sample(&rnd, p, round % 2 ? most : 200);
                put_lane(a, lane, va[lane]);
                put_lane(b, lane, vb[lane]);
            }
            for (enum ifma_op op = IFMA_MUL; op <= IFMA_SQR; op++) {
                if (op == IFMA_SQR && round % 2 == 0)
                    continue;
                probes[c](op, (const int64_t(*)[8])a, (const int64_t(*)[8])b, r);
                for (int lane = 0; lane < 8; lane++) {
                    BIGNUM *got = lane_value((const int64_t(*)[8])r, lane);
                    BN_mul(want, va[lane], op == IFMA_SQR ? va[lane] : vb[lane], ctx);
                    BN_mul(want, want, r_inv, ctx);
                    check(got, want, p, 200);
                    if (op != IFMA_MUL_RAW)
                        check_carried((const int64_t(*)[8])r, lane);
                    BN_free(got);
                }
            }
            /* Extreme differences: -(7..9)p .. (7..9)p, limbs of both signs. */
            for (int lane = 0; lane < 8; lane++) {
                BN_sub(want, va[lane], vb[lane]);
                if (round % 3 == 0)
                    BN_sub(want, vb[lane], va[lane]);
                BN_copy(va[lane], want);
                for (int i = 0; i < 5; i++)
                    a[i][lane] = round % 3 == 0 ? b[i][lane] - a[i][lane] : a[i][lane] - b[i][lane];
                /* The same value with limbs far above 52 bits, as raw ones are. */
                const int64_t big = (int64_t)(rnd_word(&rnd) % 256) - 128;
                a[3][lane] += big * (1LL << 52);
                a[4][lane] -= big;
            }
            for (enum ifma_op op = IFMA_WEAK; op <= IFMA_FREEZE; op++) {
                if (op == IFMA_DIFF)
                    continue;
                probes[c](op, (const int64_t(*)[8])a, (const int64_t(*)[8])b, r);
                for (int lane = 0; lane < 8; lane++) {
                    BIGNUM *got = lane_value((const int64_t(*)[8])r, lane);
                    check(got, va[lane], p, op == IFMA_WEAK ? weak + 1 : 100);
                    check_carried((const int64_t(*)[8])r, lane);
                    BN_free(got);
                }
            }
            /* Differences of weak numbers; one lane in three of a multiple of p: zero. */
            for (int lane = 0; lane < 8; lane++) {
                BN_free(va[lane]);
                BN_free(vb[lane]);
                va[lane] = sample(&rnd, p, weak);
                vb[lane] = sample(&rnd, p, weak);
                if ((round + (unsigned)lane) % 3 == 0) {
                    BN_nnmod(vb[lane], va[lane], p, ctx);
                    if (round % 2 == 0)
                        BN_add(vb[lane], vb[lane], p);
                }
                put_lane(a, lane, va[lane]);
                put_lane(b, lane, vb[lane]);
            }
            probes[c](IFMA_DIFF, (const int64_t(*)[8])a, (const int64_t(*)[8])b, r);
            probes[c](IFMA_ZERO, (const int64_t(*)[8])r, (const int64_t(*)[8])b, a);
            for (int lane = 0; lane < 8; lane++) {
                BIGNUM *got = lane_value((const int64_t(*)[8])r, lane);
                BN_sub(want, va[lane], vb[lane]);
                check(got, want, p, 660);
                check_carried((const int64_t(*)[8])r, lane);
                BN_nnmod(want, want, p, ctx);
                assert_int_equal(a[0][lane], BN_is_zero(want) ? 1 : 0);
                BN_free(got);
                BN_free(va[lane]);
                BN_free(vb[lane]);
            }
        }
        BN_free(p);
        BN_free(r_inv);
        BN_free(want);
    }
    BN_CTX_free(ctx);
}

/* A line is (x z^2, y z^3) times 2^260; k G as OpenSSL has it. */
static void check_line(
    enum bulk_curve c, const EC_GROUP *g, const uint8_t *line, const BIGNUM *k, BN_CTX *ctx) {
    struct bulk_point want;
    uint64_t got[8];
    memcpy(got, line, sizeof(got));
    assert_true(craft_point(g, k, &want));
    BIGNUM *p = craft_in(bulk_params(c)->p), *z = craft_in(bulk_params(c)->z), *f = BN_new();
    BIGNUM *x = craft_in(want.x), *y = craft_in(want.y);
    BN_set_bit(f, 260);
    BN_mod_mul(f, f, z, p, ctx);
    BN_mod_mul(f, f, z, p, ctx);
    BN_mod_mul(x, x, f, p, ctx);
    BN_mod_mul(y, y, f, p, ctx);
    BN_mod_mul(y, y, z, p, ctx);
    craft_out(x, want.x);
    craft_out(y, want.y);
    assert_memory_equal(got, want.x, 32);
    assert_memory_equal(got + 4, want.y, 32);
    BN_free(p);
    BN_free(z);
    BN_free(f);
    BN_free(x);
    BN_free(y);
}

static void tables(void **state) {
    (void)state;
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *d = BN_new(), *k = BN_new();
    void *scratch = aligned_alloc(64, bulk_ifma.scratch_octets);
    for (enum bulk_curve c = BULK_P256; c < BULK_CURVES; c++) {
        EC_GROUP *g = craft_group(c);
        const BIGNUM *n = EC_GROUP_get0_order(g);
        struct bulk_base *base = bulk_ifma.base_new(c);
        for (unsigned w = 0; w < IFMA_G_WINDOWS; w++)
            for (unsigned row = 0; row < IFMA_G_ROWS; row += row < 4 || row > 4090 ? 1 : 371) {
                BN_set_word(k, 2UL * row + 1);
                BN_lshift(k, k, (int)(w * IFMA_G_W));
                check_line(c, g, base->line[w][row], k, ctx);
            }
        for (unsigned row = 4090; row < IFMA_G_ROWS; row++) {
            BN_set_word(k, 2UL * row + 1);
            check_line(c, g, base->line[0][row], k, ctx);
        }
        for (enum bulk_tier tier = BULK_MID; tier < BULK_TIERS; tier++) {
            const struct ifma_shape s = ifma_shape(tier);
            const unsigned rows = 1U << (s.w - 1);
            const size_t octets = bulk_ifma.table_octets[tier];
            assert_int_equal(octets, s.bases * rows * IFMA_LINE);
            for (size_t count = 1; count <= BULK_BUILD; count += 7) {
                struct bulk_point point[BULK_BUILD];
                const struct bulk_point *key[BULK_BUILD];
                uint8_t *mem = aligned_alloc(64, octets * BULK_BUILD);
                void *table[BULK_BUILD];
                for (size_t i = 0; i < count; i++) {
                    BN_set_word(d, 0x123456789abcdefUL * (i + 3));
                    BN_sqr(d, d, ctx);
                    assert_true(craft_point(g, d, &point[i]));
                    key[i] = &point[i];
                    table[i] = mem + i * octets;
                }
                assert_true(bulk_ifma.build(base, tier, key, table, count, scratch));
                const size_t signer = count - 1;
                for (unsigned b = 0; b < s.bases; b++)
                    for (unsigned row = 0; row < rows; row += row == 0 ? 1 : rows / 2 - 1) {
                        BN_set_word(k, 2UL * row + 1);
                        BN_lshift(k, k, (int)(b * s.stride));
                        BN_mod_mul(k, k, d, n, ctx);
                        check_line(
                            c, g, (uint8_t *)table[signer] + (b * rows + row) * IFMA_LINE, k, ctx);
                    }
                free(mem);
            }
        }
        free(base);
        EC_GROUP_free(g);
    }
    free(scratch);
    BN_free(d);
    BN_free(k);
    BN_CTX_free(ctx);
}

int main(void) {
    if (!bulk_ifma.usable()) {
        printf("nothing checked: this processor has no AVX-512 IFMA\n");
        return 0;
    }
    printf("seed %d\n", SEED);
    const struct CMUnitTest tests[] = {cmocka_unit_test(field), cmocka_unit_test(tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
