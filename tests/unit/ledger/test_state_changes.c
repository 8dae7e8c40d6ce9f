/* Changes of the authenticated state: their order leaves no trace, their list repeats them elsewhere, and arguments may
 * point into what goes away. Leaks and double frees show under ASan. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "ledger/exec/hash.h"
#include "ledger/exec/sparse.h"
#include "ledger/exec/state.h"

enum { CONTRACTS = 3, KEYS = 64 };

static void hash_parts(uint8_t tag, const uint8_t *a, const uint8_t *b, uint8_t *ret) {
    struct buf all = {0};
    buf_u8(&all, tag);
    buf_put(&all, a, 32);
    buf_put(&all, b, 32);
    exec_sha256_one(buf_span(&all), ret);
    buf_free(&all);
}

static struct span key_of(size_t i, uint8_t dst[static 2]) {
    dst[0] = (uint8_t)(i / 8);
    dst[1] = (uint8_t)i;
    return span_of(dst, 2);
}

/* One octet value, repeated up to four times: short enough to come back. */
static struct span value_of(uint8_t v, uint8_t dst[static 8]) {
    memset(dst, v, 8);
    return span_of(dst, v % 5);
}

static void change(struct state *s, struct ws_random *rnd) {
    size_t c = ws_random_below(rnd, CONTRACTS);
    size_t i = ws_random_below(rnd, KEYS);
    uint8_t k[2];
    uint8_t v[8];
    if (ws_random_below(rnd, 5) < 2)
        state_del(s, c, key_of(i, k));
    else
        state_put(s, c, key_of(i, k), value_of((uint8_t)ws_random_below(rnd, 12), v));
}

static void order_does_not_matter(void **state) {
    (void)state;
    hash32 first = {0};
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct ws_random rnd = ws_random_seeded(seed);
        struct state *s = state_new(1);
        size_t order[KEYS];
        for (size_t i = 0; i < KEYS; i++)
            order[i] = i;
        for (size_t i = KEYS; i > 1; i--) {
            size_t k = ws_random_below(&rnd, i);
            size_t a = order[i - 1];
            order[i - 1] = order[k];
            order[k] = a;
        }
        /* All keys go in, under a first value; the odd ones out again; the even ones get their last value. */
        for (size_t i = 0; i < KEYS; i++) {
            uint8_t k[2];
            state_put(s, 0, key_of(order[i], k), span_of("before", 6));
        }
        if (seed % 2 == 0)
            state_mark(s);
        for (size_t i = KEYS; i-- > 0;) {
            uint8_t k[2];
            struct span key = key_of(order[i], k);
            if (order[i] % 2 == 1)
                state_del(s, 0, key);
            else
                state_put(s, 0, key, key);
        }
        hash32 root;
        state_root(s, root);
        if (seed == 1)
            memcpy(first, root, 32);
        assert_memory_equal(root, first, 32);
        state_free(s);
    }
}

static void a_key_next_to_another_is_absent_under_it(void **state) {
    (void)state;
    /* Keys that share 255 bits: the deepest tree there is. */
    hash32 a;
    memset(a, 0xa5, 32);
    hash32 b;
    memcpy(b, a, 32);
    b[31] ^= 1;
    hash32 c;
    memcpy(c, a, 32);
    c[31] ^= 2;
    struct sparse_node *t = sparse_put(NULL, a, c);
    t = sparse_put(t, b, c);
    struct sparse_node *old = sparse_ref(t);
    hash32 root;
    sparse_root(t, root);
    struct sparse_proof *p = ws_alloc(sizeof(*p));
    sparse_prove(t, a, p);
    assert_int_equal(p->n, 256);
    assert_true(sparse_verify(exec_sha256, p, a, c, root));
    sparse_prove(t, c, p);
    assert_true(sparse_verify(exec_sha256, p, c, NULL, root));
    t = sparse_del(t, b);
    t = sparse_del(t, b);
    hash32 after;
    sparse_root(t, after);
    hash32 want;
    hash_parts(0, a, c, want);
    assert_memory_equal(after, want, 32);
    sparse_prove(old, b, p);
    assert_true(sparse_verify(exec_sha256, p, b, c, root));
    sparse_root(old, after);
    assert_memory_equal(after, root, 32);
    sparse_unref(old);
    t = sparse_del(t, a);
    assert_null(t);
    free(p);
}

struct log {
    struct state *copy;
    size_t n;
};

static void repeat_change(void *ctx, size_t contract, struct span key, struct span value) {
    struct log *l = ctx;
    if (value.p == NULL)
        state_del(l->copy, contract, key);
    else
        state_put(l->copy, contract, key, value);
    l->n++;
}

static void changes_repeated_elsewhere_give_the_same_state(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(10);
    struct state *s = state_new(CONTRACTS);
    struct log l = {state_new(CONTRACTS), 0};
    for (size_t round = 0; round < 20; round++) {
        for (size_t i = 0; i < 40; i++)
            change(s, &rnd);
        state_changes(s, repeat_change, &l);
        state_changes_clear(s);
        hash32 a;
        hash32 b;
        state_root(s, a);
        state_root(l.copy, b);
        assert_memory_equal(a, b, 32);
    }
    size_t before = l.n;
    /* What changes nothing is no change: the same value again, deleting what is not there. */
    uint8_t k[2];
    struct span v;
    state_put(s, 0, key_of(1, k), span_of("x", 1));
    state_changes_clear(s);
    state_put(s, 0, key_of(1, k), span_of("x", 1));
    state_del(s, 0, span_of("not there", 9));
    assert_true(state_get(s, 0, key_of(1, k), &v));
    state_put(s, 0, key_of(1, k), v);
    state_changes(s, repeat_change, &l);
    assert_int_equal(l.n, before);
    state_free(s);
    state_free(l.copy);
}

/* The tree follows late, in lots, and more than once between two takes: what is asked when leaves no trace, and each changed
 * key is listed once with what it became. */
static void when_roots_are_asked_for_leaves_no_trace(void **state) {
    (void)state;
    enum { MANY = 40000 };
    struct ws_random rnd = ws_random_seeded(77);
    struct state *s = state_new(1);
    struct log l = {state_new(1), 0};
    hash32 a;
    hash32 b;
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANY; i++) {
            uint8_t k[4];
            uint8_t v[8];
            put_be32(k, (uint32_t)ws_random_below(&rnd, MANY / 2));
            if (ws_random_below(&rnd, 4) == 0)
                state_del(s, 0, span_of(k, 4));
            else
                state_put(s, 0, span_of(k, 4), value_of((uint8_t)ws_random_below(&rnd, 12), v));
            if (round == 1 && i % 1000 == 7)
                state_root(s, a);
        }
        size_t before = l.n;
        state_changes(s, repeat_change, &l);
        assert_true(l.n - before <= MANY / 2);
        if (round == 2)
            state_changes_clear(s);
        state_root(s, a);
        state_root(l.copy, b);
        assert_memory_equal(a, b, 32);
        state_changes_clear(s);
        state_root(s, b);
        assert_memory_equal(a, b, 32);
    }
    state_free(s);
    state_free(l.copy);
}

/* Arguments that point into the entry that goes. */
static void borrowed_spans_may_come_back_as_arguments(void **state) {
    (void)state;
    struct state *s = state_new(1);
    struct span k;
    struct span v;
    state_put(s, 0, span_of("k1", 2), span_of("value one", 9));
    assert_true(state_next(s, 0, span_of("k", 1), span_of("", 0), &k, &v));
    state_put(s, 0, k, span_of(v.p + 6, 3));
    assert_true(state_next(s, 0, span_of("k", 1), span_of("", 0), &k, &v));
    assert_true(span_equal(v, span_of("one", 3)));
    state_put(s, 0, v, k);
    assert_true(state_get(s, 0, span_of("one", 3), &v));
    assert_true(span_equal(v, span_of("k1", 2)));
    assert_true(state_next(s, 0, span_of("k", 1), span_of("", 0), &k, &v));
    state_del(s, 0, k);
    assert_false(state_get(s, 0, span_of("k1", 2), &v));
    assert_false(state_next(s, 0, span_of("k", 1), span_of("", 0), &k, &v));
    assert_int_equal(state_entries(s, 0), 1);
    state_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(a_key_next_to_another_is_absent_under_it),
        cmocka_unit_test(changes_repeated_elsewhere_give_the_same_state),
        cmocka_unit_test(when_roots_are_asked_for_leaves_no_trace),
        cmocka_unit_test(borrowed_spans_may_come_back_as_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
