/* Authenticated state against its definition: after any changes the roots are those of the set of entries, however
 * it came about, and what state_prove says holds under the marked root. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "ledger/exec/hash.h"
#include "ledger/exec/state.h"

enum { KEYS = 40, CONTRACTS = 5, STEPS = 300 };

struct model {
    bool present[CONTRACTS][KEYS];
    uint32_t value[CONTRACTS][KEYS];
};

static struct span key_of(size_t i, uint8_t octets[4]) {
    put_be32(octets, (uint32_t)(i * 2654435761U));
    return span_of(octets, 4);
}

static void hash_key(size_t i, uint8_t *ret) {
    uint8_t octets[4];
    exec_sha256_one(key_of(i, octets), ret);
}

static void hash_value(uint32_t value, uint8_t *ret) {
    uint8_t octets[4];
    put_be32(octets, value);
    exec_sha256_one(span_of(octets, 4), ret);
}

static unsigned bit(const uint8_t *k, size_t i) {
    return (unsigned)k[i / 8] >> (7 - i % 8) & 1U;
}

/* Root over the entries whose hashed key begins with the first `depth` bits of prefix: the definition. */
static size_t naive(
    const struct model *m, size_t contract, const uint8_t *prefix, size_t depth, uint8_t *ret) {
    size_t n = 0;
    uint8_t octets[65] = {0};
    for (size_t i = 0; i < KEYS; i++) {
        hash32 k;
        bool under = m->present[contract][i];
        hash_key(i, k);
        for (size_t b = 0; under && b < depth; b++)
            under = bit(k, b) == bit(prefix, b);
        if (!under)
            continue;
        n++;
        memcpy(octets + 1, k, 32);
        hash_value(m->value[contract][i], octets + 33);
    }
    memset(ret, 0, 32);
    if (n == 1)
        exec_sha256_one(span_of(octets, 65), ret);
    if (n > 1) {
        hash32 side;
        memcpy(side, prefix, 32);
        octets[0] = 1;
        side[depth / 8] &= (uint8_t) ~(0x80U >> depth % 8);
        (void)naive(m, contract, side, depth + 1, octets + 1);
        side[depth / 8] |= (uint8_t)(0x80U >> depth % 8);
        (void)naive(m, contract, side, depth + 1, octets + 33);
        exec_sha256_one(span_of(octets, 65), ret);
    }
    return n;
}

static void naive_state_root(const struct model *m, uint8_t *ret) {
    hash32 leaves[CONTRACTS];
    static const hash32 none = {0};
    for (size_t c = 0; c < CONTRACTS; c++) {
        hash32 root;
        (void)naive(m, c, none, 0, root);
        contract_leaf(exec_sha256, (uint8_t)c, root, leaves[c]);
    }
    list_root(exec_sha256, leaves, CONTRACTS, leaves, ret);
}

static void change(struct state *s, struct model *m, struct ws_random *r) {
    size_t c = ws_random_below(r, CONTRACTS);
    size_t i = ws_random_below(r, KEYS);
    uint8_t key[4];
    uint8_t value[4];
    if (ws_random_below(r, 5) < 2) {
        state_del(s, c, key_of(i, key));
        m->present[c][i] = false;
        return;
    }
    m->present[c][i] = true;
    m->value[c][i] = (uint32_t)ws_random_below(r, 3); /* often the value it has */
    put_be32(value, m->value[c][i]);
    state_put(s, c, key_of(i, key), span_of(value, 4));
}

static void roots_follow_the_definition(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(11);
    struct state *s = state_new(CONTRACTS);
    struct model m = {0};
    for (size_t k = 0; k < STEPS; k++) {
        hash32 want;
        hash32 got;
        change(s, &m, &r);
        naive_state_root(&m, want);
        state_root(s, got);
        assert_memory_equal(got, want, 32);
    }
    for (size_t c = 0; c < CONTRACTS; c++) { /* and back to nothing */
        for (size_t i = 0; i < KEYS; i++) {
            uint8_t key[4];
            state_del(s, c, key_of(i, key));
        }
        hash32 root;
        static const hash32 none = {0};
        state_contract_root(s, c, root);
        assert_memory_equal(root, none, 32);
        assert_int_equal(state_entries(s, c), 0);
    }
    state_free(s);
}

static void proofs_hold_under_the_marked_root(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(12);
    struct state *s = state_new(CONTRACTS);
    struct model m = {0};
    for (size_t k = 0; k < STEPS; k++) {
        change(s, &m, &r);
        if (k % 50 != 49)
            continue;
        hash32 root;
        const struct model marked = m;
        state_root(s, root);
        state_mark(s);
        for (size_t more = 0; more < 20; more++) /* the next block is being executed meanwhile */
            change(s, &m, &r);
        for (size_t c = 0; c < CONTRACTS; c++) {
            for (size_t i = 0; i < KEYS; i++) {
                hash32 key;
                hash32 value;
                hash32 contract_root;
                hash32 leaf;
                struct list_proof in_state;
                struct sparse_proof proof;
                hash_key(i, key);
                hash_value(marked.value[c][i], value);
                state_prove(s, c, key, contract_root, &in_state, &proof);
                contract_leaf(exec_sha256, (uint8_t)c, contract_root, leaf);
                assert_int_equal(in_state.index, c);
                assert_int_equal(in_state.total, CONTRACTS);
                assert_true(list_verify(exec_sha256, &in_state, leaf, root));
                bool there = marked.present[c][i];
                assert_int_equal(
                    sparse_verify(exec_sha256, &proof, key, value, contract_root), there);
                assert_int_equal(
                    sparse_verify(exec_sha256, &proof, key, NULL, contract_root), !there);
            }
        }
    }
    state_free(s);
}

static void reading_and_order(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(13);
    struct state *s = state_new(CONTRACTS);
    struct model m = {0};
    for (size_t k = 0; k < STEPS; k++)
        change(s, &m, &r);
    for (size_t c = 0; c < CONTRACTS; c++) {
        size_t n = 0;
        for (size_t i = 0; i < KEYS; i++) {
            uint8_t key[4];
            struct span value;
            assert_int_equal(state_get(s, c, key_of(i, key), &value), m.present[c][i]);
            if (m.present[c][i])
                assert_int_equal(be32(value.p), m.value[c][i]);
            n += m.present[c][i];
        }
        assert_int_equal(state_entries(s, c), n);
        struct span key = {NULL, 0};
        struct span value;
        uint8_t before[4] = {0};
        size_t seen = 0;
        while (state_next(s, c, span_of(NULL, 0), key, &key, &value)) {
            assert_true(seen == 0 || span_compare(span_of(before, 4), key) < 0);
            memcpy(before, key.p, 4);
            seen++;
        }
        assert_int_equal(seen, n);
    }
    state_free(s);
}

static void count_change(void *ctx, size_t contract, struct span key, struct span value) {
    (void)contract;
    (void)key;
    (void)value;
    (*(size_t *)ctx)++;
}

static bool no_change(const struct state *s) {
    size_t n = 0;
    state_changes(s, count_change, &n);
    return n == 0;
}

/* In whatever order: the same entries and root, and nothing for the store to write. */
static void restored_entries_are_no_changes(void **state) {
    (void)state;
    enum { ENTRIES = 300 };
    struct state *put = state_new(2);
    struct state *back = state_new(2);
    uint8_t key[4];
    for (uint32_t i = 0; i < ENTRIES; i++) {
        put_be32(key, i * 7919);
        state_put(put, i % 2, span_of(key, 4), span_of(key, i % 4));
    }
    for (uint32_t k = 0; k < ENTRIES; k++) {
        uint32_t i = (k * 77 + 5) % ENTRIES; /* 77 and 300 have no common factor */
        put_be32(key, i * 7919);
        state_restore(back, i % 2, span_of(key, 4), span_of("old", 3)); /* the last one counts */
        state_restore(back, i % 2, span_of(key, 4), span_of(key, i % 4));
    }
    assert_true(no_change(back));
    assert_false(no_change(put));
    hash32 a;
    hash32 b;
    state_root(put, a);
    state_root(back, b);
    assert_memory_equal(a, b, 32);
    assert_int_equal(state_entries(back, 0) + state_entries(back, 1), ENTRIES);
    /* And it goes on from there. */
    state_del(put, 1, span_of(key, 4));
    state_del(back, 1, span_of(key, 4));
    state_put(put, 0, span_of("new", 3), span_of("x", 1));
    state_put(back, 0, span_of("new", 3), span_of("x", 1));
    state_root(put, a);
    state_root(back, b);
    assert_memory_equal(a, b, 32);
    assert_false(no_change(back));
    state_free(put);
    state_free(back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_follow_the_definition),
        cmocka_unit_test(proofs_hold_under_the_marked_root),
        cmocka_unit_test(reading_and_order),
        cmocka_unit_test(restored_entries_are_no_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
