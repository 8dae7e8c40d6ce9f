/* Every path's arithmetic against the definition. */
#include "tests/support/cm.h"

#include "fedlearn/vehicle/ring_path.h"
#include "fl_slow.h"

#include "base/random.h"

static struct fl_ring ring;
static _Alignas(64) uint64_t x[FL_N];
static _Alignas(64) uint64_t y[FL_N];
static _Alignas(64) uint64_t z[FL_N];
static struct fl_multiplier mult;

static void each_path(void (*fn)(void)) {
    const char *names[FL_RING_PATHS_MAX];
    const size_t n = fl_ring_paths(names);
    assert_true(n >= 1);
    assert_string_equal(names[0], "portable");
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(fl_ring_init(&ring, names[i], NULL), WS_OK);
        assert_string_equal(fl_ring_path(&ring), names[i]);
        fn();
    }
}

static void draw(struct ws_random *rnd, uint64_t *p) {
    for (size_t i = 0; i < FL_N; i++)
        p[i] = ws_random_below(rnd, FL_Q);
}

/* The largest and smallest values, in every mix that lazy sums could overflow on, then chance. */
static void fill_case(unsigned k, struct ws_random *rnd, uint64_t *p) {
    for (size_t i = 0; i < FL_N; i++) {
        const uint64_t some[] = {
            0, FL_Q - 1, i % 2 == 0 ? 0 : FL_Q - 1, i < FL_N / 2 ? FL_Q - 1 : 0, 1};
        p[i] = k < ARRAY_LEN(some) ? some[k] : ws_random_below(rnd, FL_Q);
    }
}
enum { CASES = 8 };

static void forward_is_evaluation(void) {
    struct ws_random rnd = ws_random_seeded(1);
    for (unsigned k = 0; k < CASES; k++) {
        fill_case(k, &rnd, x);
        memcpy(y, x, sizeof(y));
        fl_ring_forward(&ring, y);
        for (size_t i = 0; i < FL_N; i += 1 + ws_random_below(&rnd, 40))
            assert_int_equal(y[i], slow_at(x, i));
        fl_ring_inverse(&ring, y);
        assert_memory_equal(x, y, sizeof(x));
    }
}

static void inverse_is_interpolation(void) {
    struct ws_random rnd = ws_random_seeded(2);
    for (unsigned k = 0; k < CASES; k++) {
        fill_case(k, &rnd, x);
        memcpy(y, x, sizeof(y));
        fl_ring_inverse(&ring, y);
        slow_from_transform(x, z);
        assert_memory_equal(y, z, sizeof(y));
    }
}

static void products_are_schoolbook(void) {
    struct ws_random rnd = ws_random_seeded(3);
    for (unsigned k = 0; k < CASES; k++) {
        fill_case(k, &rnd, x);
        draw(&rnd, y);
        if (k % 2 == 0)
            fill_case(1, &rnd, y);
        slow_product(x, y, z);
        fl_ring_prepare(&ring, x, &mult);
        fl_ring_forward(&ring, y);
        fl_ring_multiply(&ring, &mult, y);
        assert_memory_equal(y, z, sizeof(y));
    }
}

static void forward_test(void **state) {
    (void)state;
    each_path(forward_is_evaluation);
}
static void inverse_test(void **state) {
    (void)state;
    each_path(inverse_is_interpolation);
}
static void product_test(void **state) {
    (void)state;
    each_path(products_are_schoolbook);
}

static void quotients(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(4);
    for (unsigned i = 0; i < 100000; i++) {
        const uint64_t w = i < 1000   ? i
                           : i < 2000 ? FL_Q - 1 - (i - 1000)
                                      : ws_random_below(&rnd, FL_Q);
        assert_int_equal(fl_quotient(w), (uint64_t)(((fl_u128)w << 64) / FL_Q));
    }
}

static void paths_by_name(void **state) {
    (void)state;
    struct ws_err err;
    assert_int_equal(fl_ring_init(&ring, "abacus", &err), WS_ENOTFOUND);
    assert_non_null(strstr(err.text, "abacus"));
    assert_int_equal(fl_ring_init(&ring, NULL, &err), WS_OK);
    const char *names[FL_RING_PATHS_MAX];
    const size_t n = fl_ring_paths(names);
    assert_string_equal(fl_ring_path(&ring), names[n - 1]);
}

/* ---- the smaller kernels ---- */

static void binomial_counts_bits(void) {
    struct ws_random rnd = ws_random_seeded(5);
    static uint8_t octets[16 * FL_N];
    static int8_t e[FL_N];
    ws_random_bytes(&rnd, octets, sizeof(octets));
    memset(octets, 0xff, 8); /* 42 */
    memset(octets + 8, 0, 8);
    memset(octets + 16, 0, 8); /* -42 */
    memset(octets + 24, 0xff, 8);
    ring.path->binomial(octets, e);
    assert_int_equal(e[0], 42);
    assert_int_equal(e[1], -42);
    for (size_t i = 0; i < FL_N; i++)
        assert_int_equal(e[i], slow_binomial(octets + 16 * i));
}

static const char *const profile_names[] = {"compact", "standard", "precise", "cell", "tiny"};

static void blind_adds(void) {
    struct ws_random rnd = ws_random_seeded(6);
    static int8_t e[FL_N];
    static _Alignas(64) int64_t m[FL_N];
    for (size_t k = 0; k < ARRAY_LEN(profile_names); k++) {
        const struct fl_profile *p = fl_profile_by_name(profile_names[k]);
        const int64_t most = (int64_t)1 << (p->plain_bits - 1);
        for (size_t i = 0; i < FL_N; i++) {
            x[i] = i % 3 == 0 ? 0 : i % 3 == 1 ? FL_Q - 1 : ws_random_below(&rnd, FL_Q);
            e[i] = (int8_t)(i % 5 == 0   ? -42
                            : i % 5 == 1 ? 42
                                         : (int)ws_random_below(&rnd, 85) - 42);
            m[i] = i % 7 == 0   ? -most
                   : i % 7 == 1 ? most
                                : (int64_t)ws_random_below(&rnd, (uint64_t)(2 * most)) - most;
        }
        memcpy(y, x, sizeof(y));
        ring.path->blind(y, e, m, p->delta);
        for (size_t i = 0; i < FL_N; i++) {
            const uint64_t add = slow_mul(slow_mod(m[i]), p->delta);
            assert_int_equal(y[i], (x[i] + add + slow_mod(e[i])) % FL_Q);
        }
    }
}

static void pack_and_add(void) {
    struct ws_random rnd = ws_random_seeded(7);
    static const size_t sizes[] = {
        1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 1000, 2041, 2047, 2048};
    for (size_t k = 0; k < ARRAY_LEN(profile_names); k++) {
        const struct fl_profile *p = fl_profile_by_name(profile_names[k]);
        for (size_t j = 0; j < ARRAY_LEN(sizes); j++) {
            const size_t n = sizes[j];
            const size_t octets = (n * p->wire_bits + 7) / 8;
            /* Of the exact size, so that a sanitizer sees one octet too far. */
            uint8_t *wire = malloc(octets);
            assert_non_null(wire);
            draw(&rnd, x);
            x[0] = FL_Q - 1;
            x[n - 1] = FL_Q - 1 - ws_random_below(&rnd, 3);
            ring.path->pack(p, x, n, wire);
            for (size_t i = 0; i < n; i++) {
                const uint64_t w =
                    (x[i] + ((uint64_t)1 << (p->drop - 1))) / ((uint64_t)1 << p->drop);
                assert_int_equal(
                    slow_bits(wire, p->wire_bits, i), w % ((uint64_t)1 << p->wire_bits));
                assert_int_equal(fl_wire_value(wire, p->wire_bits, i, octets),
                    w % ((uint64_t)1 << p->wire_bits));
            }
            if (n * p->wire_bits % 8 != 0)
                assert_int_equal(wire[octets - 1] >> (n * p->wire_bits % 8), 0);
            /* weighted sums, one at a time and together; words past n stay */
            uint64_t *sum = malloc((n + 1) * sizeof(*sum));
            uint64_t *many = malloc((n + 1) * sizeof(*many));
            assert_non_null(sum);
            assert_non_null(many);
            for (size_t i = 0; i <= n; i++)
                many[i] = sum[i] = i * 77;
            const uint16_t weights[] = {1, 4, 2, 3, 1, 1, 4, 1, 2, 1, 1, 3, 1};
            const uint8_t *wires[ARRAY_LEN(weights)];
            uint64_t times = 0;
            for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
                wires[i] = wire;
                times += weights[i];
                ring.path->add(p, wire, n, weights[i], sum);
            }
            ring.path->add_many(p, wires, weights, ARRAY_LEN(weights), 0, n, many);
            ring.path->add_many(p, wires, NULL, ARRAY_LEN(weights), 0, n, many);
            for (size_t i = 0; i < n; i++) {
                const uint64_t w = slow_bits(wire, p->wire_bits, i);
                assert_int_equal(sum[i], i * 77 + times * w);
                assert_int_equal(many[i], i * 77 + (times + ARRAY_LEN(weights)) * w);
            }
            assert_int_equal(sum[n], n * 77);
            assert_int_equal(many[n], n * 77);
            free(many);
            free(sum);
            free(wire);
        }
    }
}

static void decode_is_division(void) {
    struct ws_random rnd = ws_random_seeded(8);
    static int64_t m[FL_N];
    static const size_t sizes[] = {1, 5, 8, 13, 100, 2048};
    for (size_t k = 0; k < ARRAY_LEN(profile_names); k++) {
        const struct fl_profile *p = fl_profile_by_name(profile_names[k]);
        for (size_t j = 0; j < ARRAY_LEN(sizes); j++) {
            const size_t n = sizes[j];
            const uint64_t most = (uint64_t)p->weight_max << p->wire_bits;
            for (size_t i = 0; i < n; i++) {
                x[i] = i % 4 == 0 ? most - 1 : i % 4 == 1 ? 0 : ws_random_below(&rnd, most);
                y[i] = i % 5 == 0 ? 0 : i % 5 == 1 ? FL_Q - 1 : ws_random_below(&rnd, FL_Q);
                if (i % 16 == 15) /* about half of q: the ends of the centred range */
                    y[i] = (uint64_t)((((fl_u128)x[i] << p->drop) + FL_Q / 2 +
                                          ws_random_below(&rnd, 3)) %
                                      FL_Q);
                if (i % 16 == 14) /* about halves of delta */
                    y[i] = (uint64_t)((((fl_u128)x[i] << p->drop) + FL_Q -
                                          (p->delta / 2 + ws_random_below(&rnd, 3) - 1)) %
                                      FL_Q);
            }
            const fl_u128 squares = ring.path->decode(p, x, y, n, m);
            fl_u128 want = 0;
            for (size_t i = 0; i < n; i++) {
                int64_t v = (int64_t)((((fl_u128)x[i] << p->drop) + FL_Q - y[i]) % FL_Q);
                if (v > (int64_t)(FL_Q / 2))
                    v -= (int64_t)FL_Q;
                const int64_t nearest = slow_nearest(v, (int64_t)p->delta);
                assert_int_equal(m[i], nearest);
                const int64_t rest = v - nearest * (int64_t)p->delta;
                want += (fl_u128)(rest < 0 ? -rest : rest) * (fl_u128)(rest < 0 ? -rest : rest);
            }
            assert_true(squares == want);
        }
    }
}

static void clamp_and_narrow(void) {
    struct ws_random rnd = ws_random_seeded(9);
    static int32_t u[FL_N + 1];
    static int64_t m[FL_N + 1];
    static const size_t sizes[] = {1, 3, 4, 7, 8, 15, 17, 33, 2047, 2048};
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        const size_t n = sizes[k];
        const int32_t limit = 1 + (int32_t)ws_random_below(&rnd, 40000);
        for (size_t i = 0; i < n; i++)
            u[i] = i % 5 == 0   ? limit + 1
                   : i % 5 == 1 ? INT32_MIN
                                : (int32_t)ws_random_below(&rnd, UINT32_MAX);
        m[n] = 99;
        ring.path->clamp(u, n, limit, m);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(m[i], u[i] > limit ? limit : u[i] < -limit ? -limit : u[i]);
        assert_int_equal(m[n], 99);
        uint64_t want_beyond = 0;
        uint64_t want = 7;
        for (size_t i = 0; i < n; i++) {
            m[i] = (int64_t)ws_random_below(&rnd, 1U << 26) - (1 << 25);
            if (i % 3 == 0)
                m[i] = i % 2 == 0 ? limit : -limit - 1;
            want_beyond += m[i] > limit || m[i] < -limit;
            want += (uint64_t)(m[i] * m[i]);
        }
        uint64_t squares = 7;
        u[n] = 99;
        assert_int_equal(ring.path->narrow(m, n, limit, u, &squares), want_beyond);
        assert_int_equal(squares, want);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(u[i], m[i]);
        assert_int_equal(u[n], 99);
    }
}

static void clamp_test(void **state) {
    (void)state;
    each_path(clamp_and_narrow);
}
static void binomial_test(void **state) {
    (void)state;
    each_path(binomial_counts_bits);
}
static void blind_test(void **state) {
    (void)state;
    each_path(blind_adds);
}
static void pack_test(void **state) {
    (void)state;
    each_path(pack_and_add);
}
static void decode_test(void **state) {
    (void)state;
    each_path(decode_is_division);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotients),
        cmocka_unit_test(paths_by_name),
        cmocka_unit_test(forward_test),
        cmocka_unit_test(inverse_test),
        cmocka_unit_test(product_test),
        cmocka_unit_test(binomial_test),
        cmocka_unit_test(blind_test),
        cmocka_unit_test(clamp_test),
        cmocka_unit_test(pack_test),
        cmocka_unit_test(decode_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
