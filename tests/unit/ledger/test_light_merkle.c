/* Hash trees against a second, recursive implementation written from the definitions, and against known roots. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "ledger/exec/hash.h"
#include "ledger/light/merkle.h"

enum { LEAVES = 33 };

/* ---- lists: RFC 6962, section 2.1, word for word ---- */

static void naive_inner(const uint8_t *l, const uint8_t *r, uint8_t *ret) {
    uint8_t octets[65] = {1};
    memcpy(octets + 1, l, 32);
    memcpy(octets + 33, r, 32);
    exec_sha256_one(span_of(octets, sizeof(octets)), ret);
}

static size_t split(size_t n) {
    size_t k = 1;
    while (2 * k < n)
        k *= 2;
    return k;
}

static void naive_root(const hash32 *leaves, size_t n, uint8_t *ret) {
    if (n == 0) {
        exec_sha256_one(span_of("", 0), ret);
    } else if (n == 1) {
        memcpy(ret, leaves[0], 32);
    } else {
        hash32 l;
        hash32 r;
        naive_root(leaves, split(n), l);
        naive_root(leaves + split(n), n - split(n), r);
        naive_inner(l, r, ret);
    }
}

/* Audit path of RFC 6962, section 2.1.1, and on which side of each aunt the node is, from the leaf up. */
static size_t naive_path(
    const hash32 *leaves, size_t n, size_t index, hash32 *ret_aunts, char *ret_sides) {
    if (n <= 1)
        return 0;
    size_t k = split(n);
    bool right = index >= k;
    size_t used = right ? naive_path(leaves + k, n - k, index - k, ret_aunts, ret_sides)
                        : naive_path(leaves, k, index, ret_aunts, ret_sides);
    ret_sides[used] = right ? 'R' : 'L';
    if (right)
        naive_root(leaves, k, ret_aunts[used]);
    else
        naive_root(leaves + k, n - k, ret_aunts[used]);
    return used + 1;
}

static void make_leaves(hash32 *leaves, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint8_t data[3] = {'x', (uint8_t)i, (uint8_t)(i * 7)};
        list_leaf(exec_sha256, span_of(data, i % 4), leaves[i]);
        if (i % 4 < 3) /* short data repeat; make every leaf different all the same */
            put_be64(leaves[i], i);
    }
}

static void list_root_known(void **state) {
    (void)state;
    /* The eight inputs and roots that certificate transparency's implementations test with. */
    static const char *const inputs[] = {"", "00", "10", "2021", "3031", "40414243",
        "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    hash32 leaves[8];
    hash32 scratch[8];
    for (size_t n = 0; n <= 8; n++) {
        hash32 got;
        list_root(exec_sha256, leaves, n, scratch, got);
        struct buf want = test_unhex(roots[n]);
        assert_memory_equal(got, want.p, 32);
        buf_free(&want);
        if (n < 8) {
            struct buf data = {0};
            size_t len = strlen(inputs[n]) / 2;
            assert_true(hex_decode(buf_grow(&data, len), len, inputs[n]));
            list_leaf(exec_sha256, buf_span(&data), leaves[n]);
            buf_free(&data);
        }
    }
}

static void list_root_equals_recursion(void **state) {
    (void)state;
    hash32 leaves[LEAVES];
    make_leaves(leaves, LEAVES);
    for (size_t n = 0; n <= LEAVES; n++) {
        hash32 want;
        hash32 got;
        hash32 scratch[LEAVES];
        naive_root(leaves, n, want);
        list_root(exec_sha256, leaves, n, scratch, got);
        assert_memory_equal(got, want, 32);
        memcpy(scratch, leaves, sizeof(scratch));
        list_root(exec_sha256, scratch, n, scratch, got); /* in place, as the header allows */
        assert_memory_equal(got, want, 32);
    }
}

struct proof_case {
    struct list_proof proof;
    hash32 leaf, root;
};

static struct proof_case prove(size_t n, size_t index) {
    hash32 leaves[LEAVES];
    hash32 scratch[LEAVES];
    struct proof_case c = {0};
    make_leaves(leaves, n);
    memcpy(c.leaf, leaves[index], 32);
    naive_root(leaves, n, c.root);
    list_prove(exec_sha256, leaves, n, index, scratch, &c.proof);
    return c;
}

static bool holds(const struct proof_case *c) {
    return list_verify(exec_sha256, &c->proof, c->leaf, c->root);
}

static void list_proof_every_place(void **state) {
    (void)state;
    hash32 leaves[LEAVES];
    make_leaves(leaves, LEAVES);
    for (size_t n = 1; n <= LEAVES; n++) {
        for (size_t i = 0; i < n; i++) {
            struct proof_case c = prove(n, i);
            hash32 aunts[LEAVES];
            char sides[LEAVES];
            assert_int_equal(c.proof.total, n);
            assert_int_equal(c.proof.index, i);
            assert_int_equal(c.proof.n, naive_path(leaves, n, i, aunts, sides));
            assert_memory_equal(c.proof.aunts, aunts, c.proof.n * 32);
            assert_true(holds(&c));
        }
    }
}

static void list_proof_any_octet_matters(void **state) {
    (void)state;
    for (size_t n = 1; n <= LEAVES; n++) {
        for (size_t i = 0; i < n; i += 1 + n / 8) {
            struct proof_case c = prove(n, i);
            for (size_t k = 0; k < c.proof.n * 32; k++) {
                c.proof.aunts[k / 32][k % 32] ^= (uint8_t)(1U << k % 8);
                assert_false(holds(&c));
                c.proof.aunts[k / 32][k % 32] ^= (uint8_t)(1U << k % 8);
            }
            for (size_t k = 0; k < 32; k++) {
                c.leaf[k] ^= 0x40;
                assert_false(holds(&c));
                c.leaf[k] ^= 0x40;
                c.root[k] ^= 0x02;
                assert_false(holds(&c));
                c.root[k] ^= 0x02;
            }
            assert_true(holds(&c));
        }
    }
}

static void list_proof_wrong_index(void **state) {
    (void)state;
    for (size_t n = 1; n <= LEAVES; n++) {
        for (size_t i = 0; i < n; i++) {
            struct proof_case c = prove(n, i);
            for (size_t k = 0; k <= LEAVES + 2; k++) {
                c.proof.index = k;
                assert_int_equal(holds(&c), k == i);
            }
            c.proof.index = UINT64_MAX;
            assert_false(holds(&c));
        }
    }
}

static void list_proof_wrong_length(void **state) {
    (void)state;
    for (size_t n = 1; n <= LEAVES; n++) {
        for (size_t i = 0; i < n; i++) {
            struct proof_case c = prove(n, i);
            size_t right = c.proof.n;
            for (size_t k = 0; k <= LIST_PROOF_MAX + 1; k++) {
                c.proof.n = k;
                assert_int_equal(holds(&c), k == right);
            }
        }
    }
}

/* A list root says nothing about the number of leaves: a proof read under another total holds exactly when that
 * total has the same path at that index. This is why whoever relies on the index must know the total from
 * elsewhere (tx_count) or have the index inside the leaf (events, contracts' roots). */
static void list_proof_wrong_total(void **state) {
    (void)state;
    hash32 leaves[2 * LEAVES];
    make_leaves(leaves, 2 * LEAVES);
    size_t ambiguous = 0;
    for (size_t n = 1; n <= LEAVES; n++) {
        for (size_t i = 0; i < n; i++) {
            struct proof_case c = prove(n, i);
            hash32 aunts[LEAVES];
            char sides[2][LEAVES];
            size_t used = naive_path(leaves, n, i, aunts, sides[0]);
            for (size_t total = 0; total <= 2 * LEAVES; total++) {
                for (size_t index = 0; index <= total; index++) {
                    bool same = false;
                    if (index < total) {
                        size_t other = naive_path(leaves, total, index, aunts, sides[1]);
                        same = other == used && memcmp(sides[0], sides[1], used) == 0;
                    }
                    c.proof.total = total;
                    c.proof.index = index;
                    assert_int_equal(holds(&c), same);
                    ambiguous += same && total != n;
                }
                if (n > 9) /* every leaf of short lists, the first of long ones */
                    break;
            }
            c.proof.index = i;
            c.proof.total = UINT64_MAX;
            assert_false(holds(&c));
        }
    }
    assert_true(ambiguous > 0);
}

/* ---- sparse tree: the three lines of its definition ---- */

struct entry {
    hash32 key, value;
};

static unsigned bit(const uint8_t *k, size_t i) {
    return (unsigned)k[i / 8] >> (7 - i % 8) & 1U;
}

/* Entries of one subtree at this depth; kept apart by copying, not by sorting. */
static void naive_sparse(const struct entry *e, size_t n, size_t depth, uint8_t *ret) {
    if (n == 0) {
        memset(ret, 0, 32);
        return;
    }
    if (n == 1) {
        uint8_t octets[65] = {0};
        memcpy(octets + 1, e[0].key, 32);
        memcpy(octets + 33, e[0].value, 32);
        exec_sha256_one(span_of(octets, sizeof(octets)), ret);
        return;
    }
    struct entry *side[2] = {ws_calloc(n, sizeof(*e)), ws_calloc(n, sizeof(*e))};
    size_t count[2] = {0};
    for (size_t i = 0; i < n; i++) {
        unsigned b = bit(e[i].key, depth);
        side[b][count[b]++] = e[i];
    }
    hash32 l;
    hash32 r;
    naive_sparse(side[0], count[0], depth + 1, l);
    naive_sparse(side[1], count[1], depth + 1, r);
    naive_inner(l, r, ret);
    free(side[0]);
    free(side[1]);
}

static struct sparse_proof naive_prove(const struct entry *e, size_t n, const uint8_t *key) {
    struct sparse_proof p = {0};
    struct entry *here = ws_calloc(n, sizeof(*e));
    if (n > 0)
        memcpy(here, e, n * sizeof(*e));
    while (n > 1) {
        struct entry *there = ws_calloc(n, sizeof(*e));
        size_t near = 0;
        size_t far = 0;
        for (size_t i = 0; i < n; i++) {
            if (bit(here[i].key, p.n) == bit(key, p.n))
                here[near++] = here[i];
            else
                there[far++] = here[i];
        }
        naive_sparse(there, far, p.n + 1, p.siblings[p.n]);
        free(there);
        n = near;
        p.n++;
    }
    if (n == 1) {
        p.end = SPARSE_LEAF;
        memcpy(p.leaf_key, here[0].key, 32);
        memcpy(p.leaf_value, here[0].value, 32);
    }
    free(here);
    return p;
}

static void random_entries(struct entry *e, size_t n, uint64_t seed) {
    struct ws_random r = ws_random_seeded(seed);
    for (size_t i = 0; i < n; i++) {
        ws_random_bytes(&r, e[i].key, 32);
        ws_random_bytes(&r, e[i].value, 32);
    }
}

/* Every entry is provable, and nothing else is: its neighbours at each bit are absent. */
static void check_tree(const struct entry *e, size_t n) {
    hash32 root;
    naive_sparse(e, n, 0, root);
    for (size_t i = 0; i < n; i++) {
        struct sparse_proof p = naive_prove(e, n, e[i].key);
        hash32 other;
        memcpy(other, e[i].value, 32);
        other[31] ^= 1;
        assert_true(sparse_verify(exec_sha256, &p, e[i].key, e[i].value, root));
        assert_false(sparse_verify(exec_sha256, &p, e[i].key, other, root));
        assert_false(sparse_verify(exec_sha256, &p, e[i].key, NULL, root));
        for (size_t k = 0; k < 256; k++) {
            hash32 near;
            memcpy(near, e[i].key, 32);
            near[k / 8] ^= (uint8_t)(0x80U >> k % 8);
            bool held = false;
            for (size_t m = 0; m < n; m++)
                held = held || memcmp(e[m].key, near, 32) == 0;
            if (held)
                continue;
            struct sparse_proof a = naive_prove(e, n, near);
            assert_true(sparse_verify(exec_sha256, &a, near, NULL, root));
            assert_false(sparse_verify(exec_sha256, &a, near, e[i].value, root));
            /* The proof of the key that is there says nothing about its neighbour, unless the path is shared. */
            bool shared = k >= p.n;
            assert_int_equal(sparse_verify(exec_sha256, &p, near, NULL, root), shared);
            /* And the absence of the neighbour must never pass for absence of the key. */
            assert_false(sparse_verify(exec_sha256, &a, e[i].key, NULL, root));
        }
    }
}

static void sparse_small_trees(void **state) {
    (void)state;
    for (size_t n = 0; n <= 20; n++) {
        struct entry e[20];
        random_entries(e, n, 100 + n);
        check_tree(e, n);
    }
    hash32 zero = {0};
    hash32 key = {7};
    struct sparse_proof p = {0};
    assert_true(sparse_verify(exec_sha256, &p, key, NULL, zero));
    assert_false(sparse_verify(exec_sha256, &p, key, zero, zero));
}

static void sparse_long_paths(void **state) {
    (void)state;
    /* Two keys that part at the last bit only: 256 siblings, of which all but one are empty. */
    struct entry e[4];
    random_entries(e, 4, 5);
    memcpy(e[1].key, e[0].key, 32);
    e[1].key[31] ^= 1;
    memcpy(e[2].key, e[0].key, 32);
    e[2].key[16] ^= 0x10;
    check_tree(e, 2);
    check_tree(e, 4);
    struct sparse_proof p = naive_prove(e, 2, e[0].key);
    assert_int_equal(p.n, SPARSE_PROOF_MAX);
}

static void sparse_any_octet_matters(void **state) {
    (void)state;
    struct entry e[9];
    hash32 root;
    random_entries(e, 9, 77);
    naive_sparse(e, 8, 0, root); /* the ninth is absent */
    for (size_t i = 0; i < 9; i++) {
        const uint8_t *value = i < 8 ? e[i].value : NULL;
        struct sparse_proof p = naive_prove(e, 8, e[i].key);
        assert_true(sparse_verify(exec_sha256, &p, e[i].key, value, root));
        for (size_t k = 0; k < p.n * 32; k++) {
            p.siblings[k / 32][k % 32] ^= 0x10;
            assert_false(sparse_verify(exec_sha256, &p, e[i].key, value, root));
            p.siblings[k / 32][k % 32] ^= 0x10;
        }
        for (size_t k = 0; k < 32 && p.end == SPARSE_LEAF; k++) {
            p.leaf_key[k] ^= 0x01;
            assert_false(sparse_verify(exec_sha256, &p, e[i].key, value, root));
            p.leaf_key[k] ^= 0x01;
            p.leaf_value[k] ^= 0x01;
            assert_false(sparse_verify(exec_sha256, &p, e[i].key, value, root));
            p.leaf_value[k] ^= 0x01;
        }
        size_t right = p.n;
        for (p.n = 0; p.n <= SPARSE_PROOF_MAX + 1; p.n++)
            assert_int_equal(sparse_verify(exec_sha256, &p, e[i].key, value, root), p.n == right);
        p.n = right;
        p.end = p.end == SPARSE_LEAF ? SPARSE_EMPTY : SPARSE_LEAF;
        assert_false(sparse_verify(exec_sha256, &p, e[i].key, value, root));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_root_known),
        cmocka_unit_test(list_root_equals_recursion),
        cmocka_unit_test(list_proof_every_place),
        cmocka_unit_test(list_proof_any_octet_matters),
        cmocka_unit_test(list_proof_wrong_index),
        cmocka_unit_test(list_proof_wrong_length),
        cmocka_unit_test(list_proof_wrong_total),
        cmocka_unit_test(sparse_small_trees),
        cmocka_unit_test(sparse_long_paths),
        cmocka_unit_test(sparse_any_octet_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
