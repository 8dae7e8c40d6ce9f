/* Dealing and taking of key shares, compared with slow arithmetic written here, and what a vehicle may try. */
#include "base/random.h"
#include "fedlearn/vehicle/share_domain.h"
#include "fedlearn/vehicle/share_field.h"
#include "tests/support/cm.h"

#include <sodium.h>

enum { P = FL_SHARE_PRIME };

/* ---- slow arithmetic ---- */
static unsigned power(unsigned long b, unsigned e) {
    unsigned long r = 1;
    for (; e > 0; e--)
        r = r * b % P;
    return (unsigned)r;
}

/* p(at) from values at distinct points, by the textbook. */
static unsigned slow_lagrange(const unsigned *x, const unsigned *y, size_t n, unsigned at) {
    unsigned long sum = 0;
    for (size_t j = 0; j < n; j++) {
        unsigned long term = y[j];
        for (size_t m = 0; m < n; m++)
            if (m != j)
                term = term * ((at + P - x[m]) % P) % P * power((x[j] + P - x[m]) % P, P - 2) % P;
        sum += term;
    }
    return (unsigned)(sum % P);
}

static void field_is_the_integers_modulo_4093(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(1);
    for (uint32_t x = 0; x < 1U << 20; x++)
        assert_int_equal(fl_mod(x), x % P);
    for (unsigned i = 0; i < 1U << 20; i++) {
        const uint32_t x = (uint32_t)ws_random_u64(&r);
        assert_int_equal(fl_mod(x), x % P);
    }
    for (uint32_t x = UINT32_MAX; x > UINT32_MAX - 5000; x--)
        assert_int_equal(fl_mod(x), x % P);
    for (unsigned a = 1; a < P; a++)
        assert_int_equal(fl_field_mul((uint16_t)a, fl_field_inverse((uint16_t)a)), 1);
}

static void packed_values_have_one_form(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(2);
    uint16_t in[FL_SHARE_VALUES], out[FL_SHARE_VALUES];
    uint8_t octets[FL_SHARE_OCTETS], again[FL_SHARE_OCTETS];
    for (size_t i = 0; i < FL_SHARE_VALUES; i++)
        in[i] = (uint16_t)ws_random_below(&r, P);
    in[0] = P - 1;
    fl_pack12(in, FL_SHARE_VALUES, octets);
    assert_int_equal(octets[0], 0xff);
    assert_int_equal(octets[1] >> 4, 0xc);
    assert_true(fl_unpack12(octets, FL_SHARE_VALUES, out));
    assert_memory_equal(in, out, sizeof(in));
    fl_pack12(out, FL_SHARE_VALUES, again);
    assert_memory_equal(octets, again, sizeof(again));
    for (size_t i = 0; i < FL_SHARE_VALUES; i++) {
        memcpy(out, in, sizeof(in));
        out[i] = (uint16_t)(P + i % 3); /* 4093, 4094, 4095 */
        fl_pack12(out, FL_SHARE_VALUES, again);
        assert_false(fl_unpack12(again, FL_SHARE_VALUES, out));
    }
}

/* The stream taken bit by bit; long enough that several candidates are left out. */
static void uniform_values_are_the_stream_without_what_is_too_large(void **state) {
    (void)state;
    enum { VALUES = 9000, OCTETS = 2 * VALUES };
    static uint8_t stream[OCTETS];
    static uint16_t got[VALUES];
    static const uint8_t zero[8];
    uint8_t key[32];
    struct ws_random r = ws_random_seeded(3);
    unsigned left_out = 0;
    for (unsigned round = 0; round < 4; round++) {
        ws_random_bytes(&r, key, sizeof(key));
        assert_int_equal(crypto_stream_chacha20(stream, OCTETS, zero, key), 0);
        fl_uniform(key, VALUES, got);
        size_t bit = 0;
        for (size_t k = 0; k < VALUES;) {
            unsigned v = 0;
            for (unsigned b = 0; b < 12; b++, bit++)
                v = v << 1 | ((unsigned)stream[bit / 8] >> (7 - bit % 8) & 1U);
            if (v < P)
                assert_int_equal(got[k++], v);
            else
                left_out++;
        }
    }
    assert_true(left_out > 4);
}

/* ---- a vehicle's dealing as the validators get it ---- */
struct dealt {
    struct fl_share_plan plan;
    int8_t key[FL_KEY_VALUES];
    struct fl_dealer dealer;
    uint8_t plain[FL_VALIDATORS_MAX][FL_PLAIN_OCTETS_MAX];
    uint8_t correction[FL_SHARE_OCTETS];
    uint8_t challenge[FL_CHALLENGE];
    uint8_t checks[FL_CHECK_OCTETS_MAX];
};

static void deal(struct dealt *d, unsigned n, uint64_t seed) {
    struct ws_random r = ws_random_seeded(seed);
    uint8_t salt[FL_SHARE_SALT];
    ws_random_bytes(&r, salt, sizeof(salt));
    ws_random_bytes(&r, d->challenge, sizeof(d->challenge));
    d->plan = fl_share_plan(n, salt);
    fl_dealer_begin(&d->dealer, &d->plan, d->key, &r);
    for (unsigned v = 1; v <= n; v++)
        fl_dealer_plain(&d->dealer, v, d->plain[v - 1]);
    if (d->plan.kind == FL_SHARE_PIECES)
        fl_dealer_correction(&d->dealer, d->correction);
    fl_dealer_checks(&d->dealer, d->challenge, d->checks);
}

static void draw_key(struct dealt *d, uint64_t seed) {
    struct ws_random r = ws_random_seeded(seed);
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        d->key[i] = (int8_t)((int)ws_random_below(&r, 2 * FL_KEY_MAX + 1) - FL_KEY_MAX);
}

static struct span correction_of(const struct dealt *d) {
    return span_of(d->correction, d->plan.kind == FL_SHARE_PIECES ? FL_SHARE_OCTETS : 0);
}

static enum fl_share_fault take(const struct dealt *d, unsigned v, uint16_t *ret_share) {
    return fl_share_take(&d->plan, v, span_of(d->plain[v - 1], fl_plain_octets(&d->plan, v)),
        correction_of(d), d->challenge, span_of(d->checks, FL_CHECK_OCTETS(d->plan.f)), ret_share);
}

static int setup(void **state) {
    struct dealt *d = ws_alloc(sizeof(*d));
    draw_key(d, 11);
    *state = d;
    return 0;
}
static int teardown(void **state) {
    free(*state);
    return 0;
}

/* Every committee size: all shares are good, and any f + 1 of them are the key. */
static void any_f_plus_1_shares_are_the_key(void **state) {
    struct dealt *d = *state;
    struct ws_random r = ws_random_seeded(4);
    static uint16_t share[FL_VALIDATORS_MAX][FL_SHARE_VALUES];
    for (unsigned n = FL_VALIDATORS_MIN; n <= FL_VALIDATORS_MAX; n++) {
        deal(d, n, n);
        const unsigned f = (n - 1) / 3;
        assert_int_equal(d->plan.f, f);
        assert_int_equal(d->plan.kind, n <= 9 ? FL_SHARE_PIECES : FL_SHARE_POINTS);
        for (unsigned v = 1; v <= n; v++)
            assert_int_equal(take(d, v, share[v - 1]), FL_SHARE_GOOD);
        for (unsigned trial = 0; trial < 3; trial++) {
            unsigned who[FL_VALIDATORS_MAX], y[FL_FAULTS_MAX + 1];
            for (unsigned i = 0; i < n; i++)
                who[i] = i + 1;
            for (unsigned i = 0; i <= f; i++) {
                const size_t k = i + ws_random_below(&r, n - i);
                const unsigned t = who[i];
                who[i] = who[k];
                who[k] = t;
            }
            for (size_t at = 0; at < FL_KEY_VALUES; at += 31) {
                for (unsigned i = 0; i <= f; i++)
                    y[i] = share[who[i] - 1][at];
                const unsigned want = (unsigned)(d->key[at] + P) % P;
                assert_int_equal(slow_lagrange(who, y, f + 1, 0), want);
            }
        }
    }
}

/* The shares' definition for pieces, computed apart: sum of pieces times F_A. */
static void pieces_become_shares_as_written(void **state) {
    struct dealt *d = *state;
    uint16_t share[FL_SHARE_VALUES], row[FL_SHARE_VALUES], correction[FL_SHARE_VALUES];
    deal(d, 7, 5);
    assert_true(fl_unpack12(d->correction, FL_SHARE_VALUES, correction));
    for (unsigned v = 1; v <= 7; v++) {
        static unsigned long sum[FL_SHARE_VALUES];
        memset(sum, 0, sizeof(sum));
        unsigned index = 0, held = 0;
        /* {a, b}, in the order of 2^(a-1) + 2^(b-1) */
        for (unsigned b = 2; b <= 7; b++)
            for (unsigned a = 1; a < b; a++, index++) {
                if (a == v || b == v)
                    continue;
                const uint8_t head[2] = {FL_SHARE_PIECES, (uint8_t)index};
                const struct span parts[3] = {span_of(d->plan.salt, 32), span_of(head, 2),
                    span_of(d->plain[v - 1] + FL_SHARE_SEED * (size_t)held++, FL_SHARE_SEED)};
                uint8_t key[32];
                fl_hash(FL_FOR_EXPANSION, parts, 3, key);
                fl_uniform(key, FL_SHARE_VALUES, row);
                const unsigned long w = (unsigned long)(a + P - v) * (b + P - v) % P *
                                        power(a, P - 2) % P * power(b, P - 2) % P;
                for (size_t i = 0; i < FL_SHARE_VALUES; i++)
                    sum[i] += w * (row[i] + (index == 0 ? correction[i] : 0U));
            }
        assert_int_equal(held, 15);
        assert_int_equal(take(d, v, share), FL_SHARE_GOOD);
        for (size_t i = 0; i < FL_SHARE_VALUES; i++)
            assert_int_equal(share[i], sum[i] % P);
    }
}

/* What f validators hold does not depend on the key: with points they have seeds only, drawn before it; with pieces nobody
 * has more than seeds, and the one public correction is covered by a piece that f of them do not hold. */
static void what_f_validators_get_does_not_depend_on_the_key(void **state) {
    struct dealt *d = *state, *other = ws_alloc(sizeof(*other));
    draw_key(other, 12);
    for (unsigned n = FL_VALIDATORS_MIN; n <= FL_VALIDATORS_MAX; n++) {
        deal(d, n, 99 + n);
        deal(other, n, 99 + n);
        unsigned same = 0;
        for (unsigned v = 1; v <= n; v++)
            same += memcmp(d->plain[v - 1], other->plain[v - 1], fl_plain_octets(&d->plan, v)) == 0;
        assert_int_equal(same, d->plan.kind == FL_SHARE_PIECES ? n : d->plan.f);
    }
    free(other);
}

static void seeds_go_round(void **state) {
    struct dealt *d = *state;
    unsigned seeded[13] = {0};
    for (unsigned i = 0; i < 200; i++) {
        struct ws_random r = ws_random_seeded(i);
        uint8_t salt[FL_SHARE_SALT];
        ws_random_bytes(&r, salt, sizeof(salt));
        d->plan = fl_share_plan(13, salt);
        unsigned here = 0;
        for (unsigned v = 1; v <= 13; v++) {
            const bool seed = fl_plain_octets(&d->plan, v) == FL_SHARE_SEED;
            seeded[v - 1] += seed;
            here += seed;
        }
        assert_int_equal(here, 4);
    }
    for (unsigned v = 0; v < 13; v++)
        assert_in_range(seeded[v], 35, 90); /* 61.5 expected */
}

static void malformed_shares_are_refused_by_name(void **state) {
    struct dealt *d = *state;
    uint16_t share[FL_SHARE_VALUES], before[FL_SHARE_VALUES];
    memset(share, 0x5a, sizeof(share));
    memcpy(before, share, sizeof(share));
    static const unsigned sizes[] = {4, 7, 10, 22};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        deal(d, sizes[s], s);
        const struct span checks = span_of(d->checks, FL_CHECK_OCTETS(d->plan.f));
        for (unsigned v = 1; v <= sizes[s]; v++) {
            const size_t n = fl_plain_octets(&d->plan, v);
            for (size_t cut = 0; cut < n; cut += n / 16)
                assert_int_equal(fl_share_take(&d->plan, v, span_of(d->plain[v - 1], cut),
                                     correction_of(d), d->challenge, checks, share),
                    FL_SHARE_BAD_LENGTH);
            if (n == FL_SHARE_OCTETS) {
                d->plain[v - 1][3000] = 0xff;
                d->plain[v - 1][3001] |= 0xf0;
                assert_int_equal(take(d, v, share), FL_SHARE_BAD_VALUE);
            }
        }
        deal(d, sizes[s], s);
        memset(d->checks, 0xff, 2);
        assert_int_equal(take(d, 1, share), FL_SHARE_BAD_VALUE);
        deal(d, sizes[s], s);
        if (d->plan.kind == FL_SHARE_PIECES) {
            memset(d->correction + 30, 0xff, 3);
            assert_int_equal(take(d, 2, share), FL_SHARE_BAD_VALUE);
        }
    }
    assert_memory_equal(share, before, sizeof(share));
    assert_string_equal(fl_share_fault_name(FL_SHARE_OFF_POLYNOMIAL), "off the polynomial");
}

/* Attack list: shares off-polynomial. The one it was done to sees it, and nobody else is blamed. */
static void shares_off_the_polynomial_are_seen(void **state) {
    struct dealt *d = *state;
    uint16_t share[FL_SHARE_VALUES];
    struct ws_random r = ws_random_seeded(6);
    for (unsigned n = FL_VALIDATORS_MIN; n <= FL_VALIDATORS_MAX; n++)
        for (unsigned trial = 0; trial < 6; trial++) {
            deal(d, n, 1000U * n + trial);
            const unsigned victim = 1 + (unsigned)ws_random_below(&r, n);
            const size_t octets = fl_plain_octets(&d->plan, victim);
            uint8_t *plain = d->plain[victim - 1];
            if (octets == FL_SHARE_OCTETS) {
                /* one value of 2056, by one */
                uint16_t values[FL_SHARE_VALUES];
                assert_true(fl_unpack12(plain, FL_SHARE_VALUES, values));
                const size_t at = ws_random_below(&r, FL_SHARE_VALUES);
                values[at] = (uint16_t)((values[at] + 1) % P);
                fl_pack12(values, FL_SHARE_VALUES, plain);
            } else {
                plain[ws_random_below(&r, octets)] ^= (uint8_t)(1U << ws_random_below(&r, 8));
            }
            for (unsigned v = 1; v <= n; v++)
                assert_int_equal(
                    take(d, v, share), v == victim ? FL_SHARE_OFF_POLYNOMIAL : FL_SHARE_GOOD);
        }
}

/* A polynomial of degree f + 1 through the key: all shares are "shares", but not of degree f. Whatever checks the vehicle
 * publishes, at most f + 1 validators can find theirs right. */
static void too_high_a_degree_is_seen_by_all_but_f_plus_1(void **state) {
    struct dealt *d = *state;
    uint16_t share[FL_SHARE_VALUES], values[FL_SHARE_VALUES];
    deal(d, 13, 8);
    unsigned seen = 0, explicit_ones = 0;
    for (unsigned v = 1; v <= 13; v++) {
        if (fl_plain_octets(&d->plan, v) != FL_SHARE_OCTETS)
            continue;
        assert_true(fl_unpack12(d->plain[v - 1], FL_SHARE_VALUES, values));
        values[77] = (uint16_t)((values[77] + 5UL * power(v, 5)) % P);
        fl_pack12(values, FL_SHARE_VALUES, d->plain[v - 1]);
        explicit_ones++;
        seen += take(d, v, share) == FL_SHARE_OFF_POLYNOMIAL;
    }
    assert_int_equal(explicit_ones, 9);
    assert_int_equal(seen, 9);
}

/* Checks answer one challenge only: drawn after everything is committed to, they cannot be prepared. */
static void checks_for_another_challenge_fail(void **state) {
    struct dealt *d = *state;
    uint16_t share[FL_SHARE_VALUES];
    static const unsigned sizes[] = {4, 9, 10, 22};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        deal(d, sizes[s], s);
        d->challenge[s] ^= 1;
        for (unsigned v = 1; v <= sizes[s]; v++)
            assert_int_equal(take(d, v, share), FL_SHARE_OFF_POLYNOMIAL);
        for (size_t i = 0; i < FL_CHECK_OCTETS(d->plan.f); i++) {
            deal(d, sizes[s], s);
            d->checks[i] ^= 4;
            unsigned bad = 0;
            for (unsigned v = 1; v <= sizes[s]; v++)
                bad += take(d, v, share) != FL_SHARE_GOOD;
            /* all but the roots of a difference of degree f */
            assert_true(bad >= sizes[s] - d->plan.f);
        }
    }
}

/* The masks keep the published checks apart from the key: two keys, the same seeds and challenge, unrelated checks would say
 * nothing; here the difference of the checks at 0 is the difference of the mixtures, and one mask moves it anywhere. */
static void checks_move_with_the_masks(void **state) {
    struct dealt *d = *state;
    uint16_t z[2][FL_SHARE_CHECKS];
    deal(d, 4, 21);
    assert_true(fl_unpack12(d->checks, FL_SHARE_CHECKS, z[0]));
    for (size_t j = 0; j < FL_SHARE_CHECKS; j++)
        d->dealer.at[0][FL_KEY_VALUES + j] =
            fl_field_add(d->dealer.at[0][FL_KEY_VALUES + j], (uint16_t)(100 + j));
    fl_dealer_checks(&d->dealer, d->challenge, d->checks);
    assert_true(fl_unpack12(d->checks, FL_SHARE_CHECKS, z[1]));
    for (size_t j = 0; j < FL_SHARE_CHECKS; j++)
        assert_int_equal(z[1][j], (z[0][j] + 100 + j) % P);
}

/* Attack list: key not short. No share shows it; see the group's sum (test_share_sum.c). */
static void a_key_that_is_not_short_shows_in_no_share(void **state) {
    struct dealt *d = *state;
    uint16_t share[FL_SHARE_VALUES];
    memset(d->key, 127, sizeof(d->key));
    deal(d, 7, 3);
    for (unsigned v = 1; v <= 7; v++)
        assert_int_equal(take(d, v, share), FL_SHARE_GOOD);
}

static void a_wiped_dealer_holds_nothing(void **state) {
    struct dealt *d = *state;
    deal(d, 22, 3);
    fl_dealer_wipe(&d->dealer);
    assert_true(sodium_is_zero((const uint8_t *)&d->dealer, sizeof(d->dealer)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field_is_the_integers_modulo_4093),
        cmocka_unit_test(packed_values_have_one_form),
        cmocka_unit_test(uniform_values_are_the_stream_without_what_is_too_large),
        cmocka_unit_test_setup_teardown(any_f_plus_1_shares_are_the_key, setup, teardown),
        cmocka_unit_test_setup_teardown(pieces_become_shares_as_written, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_f_validators_get_does_not_depend_on_the_key, setup, teardown),
        cmocka_unit_test_setup_teardown(seeds_go_round, setup, teardown),
        cmocka_unit_test_setup_teardown(malformed_shares_are_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(shares_off_the_polynomial_are_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(
            too_high_a_degree_is_seen_by_all_but_f_plus_1, setup, teardown),
        cmocka_unit_test_setup_teardown(checks_for_another_challenge_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(checks_move_with_the_masks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_that_is_not_short_shows_in_no_share, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wiped_dealer_holds_nothing, setup, teardown),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
