/* Opening sums of keys: liars are named, honest validators never, and what cannot be decided is left open. */
#include "base/random.h"
#include "fedlearn/vehicle/share_domain.h"
#include "fedlearn/vehicle/share_field.h"
#include "fedlearn/vehicle/share_rs.h"
#include "fedlearn/vehicle/share_sum.h"
#include "tests/support/cm.h"

enum { P = FL_SHARE_PRIME };

/* ---- decoding of one word ---- */

/* The polynomial of degree f that misses fewest values, by trying all sets of f + 1; returns how many it misses. */
static size_t closest_by_force(
    const uint8_t *x, const uint16_t *word, size_t m, unsigned f, bool *ret_wrong) {
    size_t best = m + 1;
    for (uint32_t set = 0; set < 1U << m; set++) {
        if ((unsigned)__builtin_popcount(set) != f + 1)
            continue;
        uint8_t xs[FL_FAULTS_MAX + 1];
        uint16_t ys[FL_FAULTS_MAX + 1], w[FL_FAULTS_MAX + 1];
        bool wrong[FL_VALIDATORS_MAX] = {false};
        size_t k = 0, misses = 0;
        for (size_t i = 0; i < m; i++)
            if (set >> i & 1U) {
                xs[k] = x[i];
                ys[k++] = word[i];
            }
        for (size_t i = 0; i < m; i++) {
            unsigned long sum = 0;
            fl_lagrange(xs, k, x[i], w);
            for (size_t j = 0; j < k; j++)
                sum += (unsigned long)w[j] * ys[j];
            wrong[i] = sum % P != word[i];
            misses += wrong[i];
        }
        if (misses < best) {
            best = misses;
            memcpy(ret_wrong, wrong, sizeof(wrong));
        }
    }
    return best;
}

static void decoder_agrees_with_brute_force(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(1);
    unsigned decoded = 0, refused = 0;
    for (unsigned trial = 0; trial < 1500; trial++) {
        const unsigned f = (unsigned)ws_random_below(&r, 4);
        const size_t m = f + 1 + ws_random_below(&r, 10 - f - 1);
        uint8_t x[FL_VALIDATORS_MAX];
        uint16_t word[FL_VALIDATORS_MAX], c[4];
        bool wrong[FL_VALIDATORS_MAX] = {false}, want[FL_VALIDATORS_MAX] = {false};
        unsigned next = 0;
        for (size_t i = 0; i < m; i++) {
            next += 1 + (unsigned)ws_random_below(&r, 3);
            x[i] = (uint8_t)next;
        }
        for (size_t k = 0; k <= f; k++)
            c[k] = (uint16_t)(ws_random_below(&r, 4) == 0 ? 0 : ws_random_below(&r, P));
        for (size_t i = 0; i < m; i++) {
            unsigned long v = 0;
            for (size_t k = f + 1; k-- > 0;)
                v = (v * x[i] + c[k]) % P;
            word[i] = (uint16_t)v;
        }
        for (size_t e = ws_random_below(&r, m + 1); e > 0; e--)
            word[ws_random_below(&r, m)] = (uint16_t)ws_random_below(&r, P);
        const size_t misses = closest_by_force(x, word, m, f, want);
        const bool near = 2 * misses <= m - f - 1;
        assert_int_equal(fl_rs_errors(x, word, m, f, wrong), near);
        if (near)
            assert_memory_equal(wrong, want, m * sizeof(*want));
        decoded += near;
        refused += !near;
    }
    assert_true(decoded > 300 && refused > 300);
}

/* ---- a group and its validators ---- */
struct group {
    unsigned n, f;
    struct fl_share_sum honest[FL_VALIDATORS_MAX];
    struct fl_share_sum said[FL_VALIDATORS_MAX];
    const struct fl_share_sum *sums[FL_VALIDATORS_MAX];
    int16_t key[FL_KEY_VALUES];
    struct fl_key_sum out;
};

static void add_vehicle(struct group *g, const int8_t *key, unsigned weight, uint64_t seed) {
    struct ws_random r = ws_random_seeded(seed);
    static struct fl_dealer dealer;
    static uint8_t plain[FL_PLAIN_OCTETS_MAX];
    uint8_t salt[FL_SHARE_SALT], challenge[FL_CHALLENGE] = {3}, correction[FL_SHARE_OCTETS];
    uint8_t checks[FL_CHECK_OCTETS_MAX];
    uint16_t share[FL_SHARE_VALUES];
    ws_random_bytes(&r, salt, sizeof(salt));
    const struct fl_share_plan plan = fl_share_plan(g->n, salt);
    fl_dealer_begin(&dealer, &plan, key, &r);
    const bool pieces = plan.kind == FL_SHARE_PIECES;
    if (pieces)
        fl_dealer_correction(&dealer, correction);
    fl_dealer_checks(&dealer, challenge, checks);
    for (unsigned v = 1; v <= g->n; v++) {
        fl_dealer_plain(&dealer, v, plain);
        assert_int_equal(fl_share_take(&plan, v, span_of(plain, fl_plain_octets(&plan, v)),
                             span_of(correction, pieces ? FL_SHARE_OCTETS : 0), challenge,
                             span_of(checks, FL_CHECK_OCTETS(plan.f)), share),
            FL_SHARE_GOOD);
        fl_share_sum_add(&g->honest[v - 1], share, weight);
    }
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        g->key[i] = (int16_t)(g->key[i] + (int)weight * key[i]);
}

static void draw_key(struct ws_random *r, int8_t *key) {
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        key[i] = (int8_t)((int)ws_random_below(r, 2 * FL_KEY_MAX + 1) - FL_KEY_MAX);
}

static void all_say_the_truth(struct group *g) {
    for (unsigned v = 0; v < g->n; v++) {
        g->said[v] = g->honest[v];
        g->sums[v] = &g->said[v];
    }
}

static void make_group(struct group *g, unsigned n, unsigned vehicles, uint64_t seed) {
    struct ws_random r = ws_random_seeded(seed);
    int8_t key[FL_KEY_VALUES];
    memset(g, 0, sizeof(*g));
    g->n = n;
    g->f = fl_faults(n);
    for (unsigned k = 0; k < vehicles; k++) {
        draw_key(&r, key);
        add_vehicle(g, key, 1 + k % 3, ws_random_u64(&r));
    }
    all_say_the_truth(g);
}

static void expect_done(struct group *g, uint32_t liars) {
    fl_shares_decode(g->sums, g->n, &g->out);
    assert_int_equal(g->out.state, FL_DECODE_DONE);
    assert_int_equal(g->out.liars, liars);
    assert_memory_equal(g->out.key, g->key, sizeof(g->key));
}

static void expect_state(struct group *g, enum fl_decode_state state) {
    fl_shares_decode(g->sums, g->n, &g->out);
    assert_int_equal(g->out.state, state);
}

static int setup(void **state) {
    *state = ws_alloc(sizeof(struct group));
    return 0;
}
static int teardown(void **state) {
    free(*state);
    return 0;
}

static uint32_t draw_set(struct ws_random *r, unsigned n, unsigned size) {
    uint32_t set = 0;
    while ((unsigned)__builtin_popcount(set) < size)
        set |= 1U << ws_random_below(r, n);
    return set;
}

enum lie { LIE_EVERYWHERE, LIE_ONCE, LIE_ZERO, LIE_OTHERS, LIE_UNMIXED, LIE_TOGETHER, LIES };

/* Every lie differs from the truth. */
static void tell(struct group *g, unsigned v, enum lie lie, struct ws_random *r) {
    uint16_t *said = g->said[v].v;
    const size_t at = ws_random_below(r, FL_KEY_VALUES - 1);
    switch (lie) {
    case LIE_EVERYWHERE:
        for (size_t i = 0; i < FL_KEY_VALUES; i++)
            said[i] = (uint16_t)((said[i] + 1 + ws_random_below(r, P - 1)) % P);
        break;
    case LIE_ONCE:
        said[at] = (uint16_t)((said[at] + 1) % P);
        break;
    case LIE_ZERO:
        memset(said, 0, FL_SUM_OCTETS);
        break;
    case LIE_OTHERS:
        g->said[v] = g->honest[(v + 1) % g->n];
        break;
    case LIE_UNMIXED: {
        /* Two errors that the mixture of the decoder does not show. */
        uint8_t key[FL_HASH];
        uint16_t c[FL_KEY_VALUES];
        fl_hash(FL_FOR_LOCATING, NULL, 0, key);
        fl_uniform(key, FL_KEY_VALUES, c);
        said[at] = fl_field_add(said[at], c[at + 1] == 0 ? 1 : c[at + 1]);
        said[at + 1] = fl_field_sub(said[at + 1], c[at + 1] == 0 ? 0 : c[at]);
        break;
    }
    case LIE_TOGETHER: /* all add the same to the same value: a sum of other keys, as far as they can make one */
        said[5] = (uint16_t)((said[5] + 77) % P);
        break;
    case LIES:
        break;
    }
}

/* Attack list: wrong share sums, 1..f liars. */
static void up_to_f_liars_are_named(void **state) {
    struct group *g = *state;
    struct ws_random r = ws_random_seeded(2);
    for (unsigned n = FL_VALIDATORS_MIN; n <= FL_VALIDATORS_MAX; n++) {
        make_group(g, n, 3, n);
        expect_done(g, 0);
        for (unsigned e = 1; e <= g->f; e++)
            for (unsigned lie = 0; lie < LIES; lie++) {
                all_say_the_truth(g);
                const uint32_t liars = draw_set(&r, n, e);
                for (unsigned v = 0; v < n; v++)
                    if (liars >> v & 1U)
                        tell(g, v, lie, &r);
                expect_done(g, liars);
            }
    }
}

/* Attack list: missing and late sums. Decided as soon as 2f + 1 agree, never before, and never differently later. */
static void waits_for_2f_plus_1_that_agree(void **state) {
    struct group *g = *state;
    struct ws_random r = ws_random_seeded(3);
    static const unsigned sizes[] = {4, 5, 6, 7, 9, 10, 13, 22};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        const unsigned n = sizes[s];
        make_group(g, n, 2, n);
        for (unsigned e = 0; e <= g->f; e++) {
            all_say_the_truth(g);
            const uint32_t liars = draw_set(&r, n, e);
            unsigned order[FL_VALIDATORS_MAX], agree = 0;
            for (unsigned v = 0; v < n; v++) {
                order[v] = v;
                g->sums[v] = NULL;
                if (liars >> v & 1U)
                    tell(g, v, LIE_ONCE + e % 2, &r);
            }
            for (unsigned i = 0; i < n; i++) {
                const size_t k = i + ws_random_below(&r, n - i);
                const unsigned v = order[k];
                order[k] = order[i];
                g->sums[v] = &g->said[v];
                agree += !(liars >> v & 1U);
                uint32_t came = 0;
                for (unsigned w = 0; w < n; w++)
                    came |= (g->sums[w] != NULL ? 1U : 0U) << w;
                if (agree >= 2 * g->f + 1)
                    expect_done(g, liars & came);
                else
                    expect_state(g, FL_DECODE_WAIT);
            }
        }
    }
}

static void f_silent_validators_do_not_matter(void **state) {
    struct group *g = *state;
    struct ws_random r = ws_random_seeded(4);
    for (unsigned n = FL_VALIDATORS_MIN; n <= FL_VALIDATORS_MAX; n++) {
        make_group(g, n, 1, n);
        const uint32_t silent = draw_set(&r, n, g->f);
        for (unsigned v = 0; v < n; v++)
            if (silent >> v & 1U)
                g->sums[v] = NULL;
        expect_done(g, 0);
    }
    for (unsigned v = 0; v < g->n; v++)
        g->sums[v] = NULL;
    expect_state(g, FL_DECODE_WAIT);
}

/* Five of seven came, two of them lie so that with two honest ones they make a polynomial: one honest sum is alone then.
 * f + 1 + 2e = 5 sums with e = 1 would blame it. */
static void two_liars_cannot_make_an_honest_one_the_liar(void **state) {
    struct group *g = *state;
    make_group(g, 7, 2, 5);
    static const uint8_t base[3] = {1, 2, 3};
    uint16_t w[3];
    /* validators 1, 2 honest, 3 and 4 lie; 5 honest; 6, 7 late */
    g->said[2].v[9] = (uint16_t)((g->said[2].v[9] + 1) % P);
    fl_lagrange(base, 3, 4, w);
    uint32_t sum = 0;
    for (size_t j = 0; j < 3; j++)
        sum += (uint32_t)w[j] * g->said[j].v[9];
    g->said[3].v[9] = fl_mod(sum);
    g->sums[5] = g->sums[6] = NULL;
    bool wrong[FL_VALIDATORS_MAX];
    static const uint8_t x[5] = {1, 2, 3, 4, 5};
    uint16_t word[5];
    for (size_t i = 0; i < 5; i++)
        word[i] = g->said[i].v[9];
    assert_true(fl_rs_errors(x, word, 5, 2, wrong));
    assert_true(wrong[4] && !wrong[2] && !wrong[3]);
    expect_state(g, FL_DECODE_WAIT);
    g->sums[5] = &g->said[5];
    expect_state(g, FL_DECODE_WAIT);
    g->sums[6] = &g->said[6];
    expect_done(g, 1U << 2 | 1U << 3);
}

/* Attack list: f + 1 liars. They are too many, and that is what is said. */
static void f_plus_1_liars_end_in_a_clean_failure(void **state) {
    struct group *g = *state;
    struct ws_random r = ws_random_seeded(6);
    for (unsigned n = FL_VALIDATORS_MIN; n <= FL_VALIDATORS_MAX; n++) {
        make_group(g, n, 1, n);
        const uint32_t liars = draw_set(&r, n, n - 2 * g->f);
        for (unsigned v = 0; v < n; v++)
            if (liars >> v & 1U)
                tell(g, v, LIE_EVERYWHERE, &r);
        expect_state(g, FL_DECODE_FAILED);
    }
}

/* Attack list: key not short. The sum shows it. */
static void a_key_that_is_not_short_shows_in_the_sum(void **state) {
    struct group *g = *state;
    struct ws_random r = ws_random_seeded(7);
    int8_t key[FL_KEY_VALUES];
    make_group(g, 4, 2, 7); /* weights 1 and 2 */
    expect_done(g, 0);
    assert_true(fl_key_sum_in_bound(g->out.key, 3));
    memset(key, FL_KEY_MAX, sizeof(key));
    memset(g, 0, sizeof(*g));
    g->n = 4;
    g->f = 1;
    add_vehicle(g, key, 1, 1);
    all_say_the_truth(g);
    expect_done(g, 0);
    assert_true(fl_key_sum_in_bound(g->out.key, 1));
    key[2047] = FL_KEY_MAX + 1;
    memset(g->honest, 0, sizeof(g->honest));
    memset(g->key, 0, sizeof(g->key));
    add_vehicle(g, key, 1, ws_random_u64(&r));
    all_say_the_truth(g);
    expect_done(g, 0);
    assert_false(fl_key_sum_in_bound(g->out.key, 1));
    assert_true(fl_key_sum_in_bound(g->out.key, 2));
    assert_true(fl_key_sum_in_bound(g->out.key, UINT32_MAX));
    g->out.key[0] = -43;
    g->out.key[2047] = 0;
    assert_false(fl_key_sum_in_bound(g->out.key, 1));
}

static void sums_are_centred_at_the_edge(void **state) {
    struct group *g = *state;
    make_group(g, 4, 0, 0);
    for (unsigned v = 0; v < 4; v++) {
        g->said[v].v[0] = 2046;
        g->said[v].v[1] = 2047;
        g->said[v].v[2] = P - 1;
    }
    g->key[0] = 2046;
    g->key[1] = -2046;
    g->key[2] = -1;
    expect_done(g, 0);
}

static void sums_have_one_form(void **state) {
    struct group *g = *state;
    struct fl_share_sum back = {{0}};
    uint8_t octets[FL_SUM_OCTETS];
    make_group(g, 4, 2, 9);
    fl_share_sum_put(&g->honest[0], octets);
    struct rd r = rd_of(span_of(octets, sizeof(octets)));
    fl_share_sum_read(&r, &back);
    assert_true(rd_done(&r));
    assert_memory_equal(&back, &g->honest[0], sizeof(back));
    for (size_t cut = 0; cut < sizeof(octets); cut++) {
        r = rd_of(span_of(octets, cut));
        fl_share_sum_read(&r, &back);
        assert_true(r.bad);
    }
    for (size_t i = 0; i < sizeof(octets); i += 3) {
        const uint8_t keep[2] = {octets[i], octets[i + 1]};
        octets[i] = 0xff;
        octets[i + 1] |= 0xf0;
        r = rd_of(span_of(octets, sizeof(octets)));
        fl_share_sum_read(&r, &back);
        assert_true(r.bad);
        octets[i] = keep[0];
        octets[i + 1] = keep[1];
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoder_agrees_with_brute_force),
        cmocka_unit_test_setup_teardown(up_to_f_liars_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_for_2f_plus_1_that_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(f_silent_validators_do_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(
            two_liars_cannot_make_an_honest_one_the_liar, setup, teardown),
        cmocka_unit_test_setup_teardown(f_plus_1_liars_end_in_a_clean_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_that_is_not_short_shows_in_the_sum, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_are_centred_at_the_edge, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_have_one_form, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
