/* base/omap against a sorted array that does the same thing slowly. */
#include "tests/support/cm.h"

#include "base/omap.h"
#include "base/random.h"

#include <stdio.h>

enum { KEY_MAX = 5, MODEL_MAX = 512 };

struct pair {
    uint8_t key[KEY_MAX];
    size_t key_n;
    uint8_t value[3];
    size_t value_n;
};
struct model {
    size_t n;
    struct pair p[MODEL_MAX]; /* ascending */
};

static struct span key_of(const struct pair *p) {
    return span_of(p->key, p->key_n);
}

static struct span value_of(const struct pair *p) {
    return span_of(p->value, p->value_n);
}

static size_t model_at(const struct model *m, struct span key) {
    size_t i = 0;
    while (i < m->n && span_compare(key_of(&m->p[i]), key) < 0)
        i++;
    return i;
}

static bool model_has(const struct model *m, size_t i, struct span key) {
    return i < m->n && span_equal(key_of(&m->p[i]), key);
}

/* Few octet values, so that keys meet often; 0 and 255 among them, the ends of the order. */
static struct span random_key(struct ws_random *rnd, uint8_t *dst, size_t least) {
    static const uint8_t octets[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
    size_t n = least + ws_random_below(rnd, KEY_MAX + 1 - least);
    for (size_t i = 0; i < n; i++)
        dst[i] = octets[ws_random_below(rnd, sizeof(octets))];
    return span_of(dst, n);
}

static void put_both(struct omap *o, struct model *m, struct span key, struct span value) {
    size_t i = model_at(m, key);
    bool there = model_has(m, i, key);
    bool same = there && span_equal(value_of(&m->p[i]), value);
    assert_int_equal(omap_put(o, key, value), !same);
    if (!there) {
        assert_true(m->n < MODEL_MAX);
        memmove(&m->p[i + 1], &m->p[i], (m->n - i) * sizeof(m->p[0]));
        m->n++;
        m->p[i].key_n = key.n;
        memcpy(m->p[i].key, key.p, key.n);
    }
    m->p[i].value_n = value.n;
    memcpy(m->p[i].value, value.p, value.n);
}

static void del_both(struct omap *o, struct model *m, struct span key) {
    size_t i = model_at(m, key);
    bool there = model_has(m, i, key);
    assert_int_equal(omap_del(o, key), there);
    if (there) {
        m->n--;
        memmove(&m->p[i], &m->p[i + 1], (m->n - i) * sizeof(m->p[0]));
    }
}

static bool starts_with(struct span key, struct span prefix) {
    return key.n >= prefix.n && memcmp(key.p, prefix.p, prefix.n) == 0;
}

static void same_answer(const struct pair *want, bool found, struct span k, struct span v) {
    assert_int_equal(found, want != NULL);
    if (want == NULL)
        return;
    assert_true(span_equal(k, key_of(want)));
    assert_true(span_equal(v, value_of(want)));
}

static void ask_both(const struct omap *o, const struct model *m, struct ws_random *rnd) {
    uint8_t a[KEY_MAX];
    uint8_t b[KEY_MAX];
    struct span prefix = random_key(rnd, a, 0);
    struct span after = random_key(rnd, b, 0);
    bool inclusive = ws_random_below(rnd, 2) == 0;
    if (prefix.n > 3)
        prefix.n = 1;
    const struct pair *next = NULL;
    const struct pair *last = NULL;
    for (size_t i = 0; i < m->n; i++) {
        if (!starts_with(key_of(&m->p[i]), prefix))
            continue;
        last = &m->p[i];
        int c = span_compare(key_of(&m->p[i]), after);
        if (next == NULL && (after.n == 0 || c > 0 || (inclusive && c == 0)))
            next = &m->p[i];
    }
    struct span k = {NULL, 0};
    struct span v = {NULL, 0};
    bool found = omap_next(o, prefix, after, inclusive, &k, &v);
    same_answer(next, found, k, v);
    found = omap_last(o, prefix, &k, &v);
    same_answer(last, found, k, v);
    size_t i = model_at(m, after);
    found = omap_get(o, after, &v);
    same_answer(model_has(m, i, after) ? &m->p[i] : NULL, found, after, v);
}

static void agrees_with_a_sorted_array(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        struct ws_random rnd = ws_random_seeded(seed);
        struct omap o = {0};
        struct model *m = ws_alloc(sizeof(*m));
        for (size_t i = 0; i < 3000; i++) {
            uint8_t key[KEY_MAX];
            uint8_t value[3];
            struct span k = random_key(&rnd, key, 0);
            ws_random_bytes(&rnd, value, sizeof(value));
            value[0] &= 1;
            bool grow = m->n < MODEL_MAX - 1 && ws_random_below(&rnd, 100) < (i < 1500 ? 70 : 35);
            if (grow)
                put_both(&o, m, k, span_of(value, ws_random_below(&rnd, 2)));
            else
                del_both(&o, m, k);
            assert_int_equal(o.n, m->n);
            ask_both(&o, m, &rnd);
        }
        while (m->n > 0) {
            struct pair p = m->p[ws_random_below(&rnd, m->n)];
            del_both(&o, m, key_of(&p));
        }
        assert_null(o.root);
        omap_free(&o);
        free(m);
    }
}

static void a_walk_visits_each_key_once(void **state) {
    (void)state;
    struct omap o = {0};
    struct ws_random rnd = ws_random_seeded(4);
    for (size_t i = 0; i < 500; i++) {
        uint8_t key[KEY_MAX];
        (void)omap_put(&o, random_key(&rnd, key, 1), span_of("", 0));
    }
    struct span k;
    struct span v;
    struct span at = span_of("", 0);
    size_t n = 0;
    while (omap_next(&o, span_of("", 0), at, false, &k, &v)) {
        assert_true(span_compare(at, k) < 0);
        at = k;
        n++;
    }
    assert_int_equal(n, o.n);
    struct span last;
    assert_true(omap_last(&o, span_of("", 0), &last, &v));
    assert_true(span_equal(last, at));
    omap_free(&o);
}

/* ASan sees it when a copy is taken too late. */
static void arguments_may_point_into_the_map(void **state) {
    (void)state;
    struct omap o = {0};
    struct span k;
    struct span v;
    (void)omap_put(&o, span_of("key", 3), span_of("a longer value", 14));
    assert_true(omap_get(&o, span_of("key", 3), &v));
    /* Its own value, shortened; then its own key as value; then the value of one as the key of another. */
    assert_true(omap_put(&o, span_of("key", 3), span_of(v.p + 2, 6)));
    assert_true(omap_get(&o, span_of("key", 3), &v));
    assert_true(span_equal(v, span_of("longer", 6)));
    assert_true(omap_next(&o, span_of("", 0), span_of("", 0), false, &k, &v));
    assert_true(omap_put(&o, k, k));
    assert_true(omap_get(&o, span_of("key", 3), &v));
    assert_true(omap_put(&o, span_of("kez", 3), v));
    assert_true(omap_put(&o, v, span_of("x", 1)));
    assert_true(omap_get(&o, span_of("key", 3), &v));
    assert_true(span_equal(v, span_of("x", 1)));
    assert_true(omap_get(&o, span_of("kez", 3), &v));
    assert_true(span_equal(v, span_of("key", 3)));
    /* Deleting by the key that goes away. */
    assert_true(omap_next(&o, span_of("ke", 2), span_of("", 0), false, &k, &v));
    assert_true(omap_del(&o, k));
    assert_int_equal(o.n, 1);
    assert_false(omap_del(&o, span_of("key", 3)));
    omap_free(&o);
    assert_int_equal(o.n, 0);
    assert_false(omap_get(&o, span_of("kez", 3), &v));
}

static void many_keys_in_order_stay_shallow(void **state) {
    (void)state;
    struct omap o = {0};
    for (uint32_t i = 0; i < 200000; i++) {
        uint8_t k[4];
        put_be32(k, i);
        (void)omap_put(&o, span_of(k, 4), span_of("", 0));
    }
    assert_int_equal(o.n, 200000);
    omap_free(&o); /* recursion as deep as the tree */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_sorted_array),
        cmocka_unit_test(a_walk_visits_each_key_once),
        cmocka_unit_test(arguments_may_point_into_the_map),
        cmocka_unit_test(many_keys_in_order_stay_shallow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
