/* One message of those a change's evidence names: its path holds for it alone, and for its place alone. */
#include "tests/support/cm.h"

#include "ledger/exec/hash.h"
#include "rsu/proofs/reveal.h"

enum { N = 7 };

struct rig {
    uint8_t tx[N][40];
    struct evidence_leaf list[N];
    struct change_record change;
};

static void make(struct rig *r) {
    *r = (struct rig){.change = {.op = MAP_DELETE, .tier = TIER_PERMANENT}};
    memset(r->change.id, 9, sizeof(r->change.id));
    for (size_t i = 0; i < N; i++) {
        memset(r->tx[i], (int)i + 1, sizeof(r->tx[i]));
        exec_list_leaf(span_of(r->tx[i], sizeof(r->tx[i])), r->list[i].leaf);
        r->list[i].height = 10 + i;
    }
    evidence_root(r->list, N, r->change.evidence_root);
}

/* What the check says after the path has held: these octets are no transaction. */
static void assert_path(const struct reveal *x, const struct change_record *c, bool holds) {
    struct observation o;
    struct ws_err err;
    assert_int_equal(reveal_check(x, c, &o, &err), WS_EINPUT);
    assert_int_equal(strstr(err.text, "transaction") != NULL, holds);
}

static void test_paths(void **state) {
    (void)state;
    struct rig r;
    make(&r);
    for (size_t i = 0; i < N; i++) {
        struct reveal x;
        reveal_make(r.change.id, r.list, N, i, &x);
        x.tx = span_of(r.tx[i], sizeof(r.tx[i]));
        assert_path(&x, &r.change, true);
        x.tx = span_of(r.tx[(i + 1) % N], sizeof(r.tx[0]));
        assert_path(&x, &r.change, false);
        x.tx = span_of(r.tx[i], sizeof(r.tx[i]) - 1);
        assert_path(&x, &r.change, false);
        x.tx = span_of(r.tx[i], sizeof(r.tx[i]));
        x.proof.index = (i + 1) % N;
        assert_path(&x, &r.change, false);
    }
    struct reveal x;
    struct observation o;
    struct ws_err err;
    reveal_make(r.change.id, r.list, N, 0, &x);
    x.tx = span_of(r.tx[0], sizeof(r.tx[0]));
    x.change[0] ^= 1;
    assert_int_equal(reveal_check(&x, &r.change, &o, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "another change"));
}

static void test_octets(void **state) {
    (void)state;
    struct rig r;
    struct reveal x;
    struct reveal read;
    struct buf b = {0};
    struct buf again = {0};
    make(&r);
    reveal_make(r.change.id, r.list, N, 4, &x);
    x.tx = span_of(r.tx[4], sizeof(r.tx[4]));
    reveal_encode(&x, &b);
    for (size_t n = 0; n < b.n; n++)
        assert_int_not_equal(reveal_decode(span_of(b.p, n), &read, NULL), WS_OK);
    for (size_t i = 0; i < 8 * b.n; i++) {
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
        if (reveal_decode(buf_span(&b), &read, NULL) == WS_OK) {
            buf_clear(&again);
            reveal_encode(&read, &again);
            assert_true(span_equal(buf_span(&b), buf_span(&again)));
            /* Whatever it says now, it is not what it was. */
            assert_path(&read, &r.change, false);
        }
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    assert_int_equal(reveal_decode(buf_span(&b), &read, NULL), WS_OK);
    assert_path(&read, &r.change, true);
    buf_u8(&b, 0);
    assert_int_equal(reveal_decode(buf_span(&b), &read, NULL), WS_EINPUT);
    buf_free(&b);
    buf_free(&again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
