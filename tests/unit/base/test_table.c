/* base/table against an array that is searched from the start. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "base/table.h"

enum { KEYS = 300 };

struct world {
    uint8_t key[KEYS][32];
    void *value[KEYS]; /* NULL: not in the table */
    size_t n;
    struct table t;
};

static char values[2][KEYS]; /* only their addresses matter */

static void check_all(const struct world *w) {
    assert_int_equal(w->t.n, w->n);
    for (size_t i = 0; i < KEYS; i++)
        assert_ptr_equal(table_get(&w->t, w->key[i]), w->value[i]);
}

static void agrees_with_a_plain_array(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        struct ws_random rnd = ws_random_seeded(seed);
        struct world *w = ws_alloc(sizeof(*w));
        w->t.seed = seed % 2 == 0 ? ws_random_u64(&rnd) : 0;
        /* Half of the keys differ only behind the octets that choose the bucket: long runs. */
        for (size_t i = 0; i < KEYS; i++) {
            ws_random_bytes(&rnd, w->key[i], 32);
            if (i % 2 == 0)
                memset(w->key[i], (int)(i % 6), 8);
        }
        size_t reach = seed % 3 == 0 ? 40 : KEYS; /* 40 keys never leave the first 64 slots */
        for (size_t step = 0; step < 6000; step++) {
            size_t i = ws_random_below(&rnd, reach);
            if (ws_random_below(&rnd, 100) < 50) {
                void *v = &values[ws_random_below(&rnd, 2)][i];
                assert_ptr_equal(table_put(&w->t, w->key[i], v), w->value[i]);
                w->n += w->value[i] == NULL;
                w->value[i] = v;
            } else {
                assert_ptr_equal(table_take(&w->t, w->key[i]), w->value[i]);
                w->n -= w->value[i] != NULL;
                w->value[i] = NULL;
            }
            if (step % 7 == 0)
                check_all(w);
        }
        check_all(w);
        table_free(&w->t);
        assert_null(table_get(&w->t, w->key[0]));
        free(w);
    }
}

/* Where a key goes in an empty table of the first size. */
static size_t home_of(const uint8_t *key) {
    struct table t = {0};
    (void)table_put(&t, key, values[0]);
    assert_int_equal(t.cap, 64);
    size_t at = 0;
    while (t.slot[at].value == NULL)
        at++;
    table_free(&t);
    return at;
}

enum { RUN = 6 };

/* Every order of taking away a run that wraps around the end: nothing that is left may get lost. */
static void take_in_order(const uint8_t (*key)[32], const size_t *order) {
    struct table t = {0};
    for (size_t i = 0; i < RUN; i++)
        (void)table_put(&t, key[i], &values[0][i]);
    assert_non_null(t.slot[63].value);
    assert_non_null(t.slot[0].value);
    bool gone[RUN] = {false};
    for (size_t k = 0; k < RUN; k++) {
        assert_ptr_equal(table_take(&t, key[order[k]]), &values[0][order[k]]);
        assert_null(table_take(&t, key[order[k]]));
        gone[order[k]] = true;
        for (size_t i = 0; i < RUN; i++)
            assert_ptr_equal(table_get(&t, key[i]), gone[i] ? NULL : &values[0][i]);
    }
    for (size_t i = 0; i < t.cap; i++)
        assert_null(t.slot[i].value);
    table_free(&t);
}

static size_t permute(const uint8_t (*key)[32], size_t *order, size_t n) {
    if (n == RUN) {
        take_in_order(key, order);
        return 1;
    }
    size_t runs = 0;
    for (size_t i = n; i < RUN; i++) {
        size_t a = order[n];
        order[n] = order[i];
        order[i] = a;
        runs += permute(key, order, n + 1);
        order[i] = order[n];
        order[n] = a;
    }
    return runs;
}

static void deletion_across_the_end_loses_nothing(void **state) {
    (void)state;
    /* Homes 62, 63, 63, 0, 1, 62 in this order of arrival: displaced, at home and wrapped members are mixed. */
    static const size_t homes[RUN] = {62, 63, 63, 0, 1, 62};
    uint8_t key[RUN][32] = {{0}};
    struct ws_random rnd = ws_random_seeded(2);
    for (size_t i = 0; i < RUN; i++) {
        do {
            ws_random_bytes(&rnd, key[i], 32);
        } while (home_of(key[i]) != homes[i]);
    }
    size_t order[RUN] = {0, 1, 2, 3, 4, 5};
    assert_int_equal(permute((const uint8_t(*)[32])key, order, 0), 720);
}

static void the_seed_survives_and_scatters(void **state) {
    (void)state;
    struct table a = {.seed = 1};
    struct table b = {.seed = 99};
    struct ws_random rnd = ws_random_seeded(3);
    size_t moved = 0;
    for (size_t i = 0; i < 40; i++) {
        uint8_t key[32];
        ws_random_bytes(&rnd, key, 32);
        (void)table_put(&a, key, values[0]);
        (void)table_put(&b, key, values[0]);
    }
    for (size_t i = 0; i < 64; i++)
        moved += memcmp(a.slot[i].key, b.slot[i].key, 32) != 0;
    assert_true(moved > 20);
    table_free(&a);
    assert_true(a.seed == 1);
    table_free(&b);
}

static void adding_never_replaces(void **state) {
    (void)state;
    struct table t = {0};
    struct ws_random rnd = ws_random_seeded(4);
    uint8_t key[200][32];
    table_hint(&t, key[0]); /* of an empty table, too */
    for (size_t i = 0; i < 200; i++) {
        ws_random_bytes(&rnd, key[i], 32);
        table_hint(&t, key[i]);
        assert_null(table_add(&t, key[i], values[0]));
        assert_ptr_equal(table_add(&t, key[i], values[1]), values[0]);
        assert_ptr_equal(table_get(&t, key[i]), values[0]);
        assert_int_equal(t.n, i + 1);
    }
    assert_ptr_equal(table_put(&t, key[7], values[1]), values[0]);
    assert_ptr_equal(table_add(&t, key[7], values[0]), values[1]);
    assert_ptr_equal(table_take(&t, key[7]), values[1]);
    assert_null(table_add(&t, key[7], values[0]));
    table_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_plain_array),
        cmocka_unit_test(deletion_across_the_end_loses_nothing),
        cmocka_unit_test(the_seed_survives_and_scatters),
        cmocka_unit_test(adding_never_replaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
