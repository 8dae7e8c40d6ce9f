/* The mempool by itself: its bounds, each source's share, the order of its lanes. */
#include "tests/support/cm.h"

#include "ledger/node/mempool.h"
#include "tests/support/exec_rig.h"

struct fixture {
    struct exec_rig *rig;
    struct mempool pool;
    struct tx *message[20], *cert[3], *order;
};

static struct fixture *open_pool(size_t txs, size_t octets, size_t sources) {
    struct fixture *f = ws_alloc(sizeof(*f));
    f->rig = ws_alloc(sizeof(*f->rig));
    exec_rig_open(f->rig, NULL);
    for (size_t i = 0; i < ARRAY_LEN(f->message); i++)
        f->message[i] = rig_message(f->rig, i, f->rig->town.epoch, 50);
    for (size_t i = 0; i < ARRAY_LEN(f->cert); i++)
        f->cert[i] = rig_cert(f->rig, i);
    struct rig_order o = {
        .sequence = 1, .expiry = 2, .role = ROLE_MAP, .kind = 1, .body = "x", .signers = 1};
    f->order = rig_order(f->rig, &o);
    mempool_init(&f->pool, txs, octets, sources);
    return f;
}

static void close_pool(struct fixture *f) {
    mempool_free(&f->pool);
    assert_int_equal(f->pool.n, 0);
    assert_int_equal(f->pool.octets, 0);
    assert_int_equal(f->pool.idle, 0);
    for (size_t i = 0; i < ARRAY_LEN(f->message); i++) {
        assert_int_equal(f->message[i]->refs, 1);
        tx_unref(f->message[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(f->cert); i++)
        tx_unref(f->cert[i]);
    tx_unref(f->order);
    exec_rig_close(f->rig);
    free(f->rig);
    free(f);
}

static void count_and_octets_bound_the_mempool(void **state) {
    (void)state;
    struct fixture *f = open_pool(5, 1U << 20, 1);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(
            mempool_add(&f->pool, f->message[i], 0, true), i < 5 ? MEMPOOL_ADDED : MEMPOOL_FULL);
    assert_int_equal(mempool_add(&f->pool, f->message[2], 0, true), MEMPOOL_KNOWN);
    mempool_remove_id(&f->pool, f->message[2]->id);
    mempool_remove_id(&f->pool, f->message[2]->id);
    assert_int_equal(f->pool.n, 4);
    assert_int_equal(mempool_add(&f->pool, f->message[6], 0, true), MEMPOOL_ADDED);
    assert_ptr_equal(mempool_by_leaf(&f->pool, f->message[6]->leaf), f->message[6]);
    assert_null(mempool_by_leaf(&f->pool, f->message[2]->leaf));
    assert_true(mempool_has_id(&f->pool, f->message[0]->id));
    close_pool(f);
    f = open_pool(100, 1000, 1);
    size_t octets = 0;
    for (size_t i = 0; i < ARRAY_LEN(f->message); i++) {
        size_t n = f->message[i]->octets.n;
        bool fits = octets + n <= 875; /* the last eighth is not for bulk */
        assert_int_equal(
            mempool_add(&f->pool, f->message[i], 0, true), fits ? MEMPOOL_ADDED : MEMPOOL_FULL);
        octets += fits ? n : 0;
        assert_int_equal(f->pool.octets, octets);
    }
    close_pool(f);
}

/* Each source has its part of the whole, our own admission a little less than others would let us have, and bulk leaves room
 * for what matters more. */
static void each_source_has_its_share(void **state) {
    (void)state;
    struct fixture *f =
        open_pool(16, 1U << 20, 2); /* eight each, six of our own, fourteen for bulk */
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(mempool_full_own(&f->pool, 0, LANE_BULK), i >= 6);
        assert_int_equal(mempool_full(&f->pool, 0, LANE_BULK), i >= 8);
        assert_int_equal(
            mempool_add(&f->pool, f->message[i], 0, true), i < 8 ? MEMPOOL_ADDED : MEMPOOL_FULL);
    }
    assert_false(mempool_full(&f->pool, 1, LANE_BULK));
    for (size_t i = 9; i < 16; i++)
        assert_int_equal(
            mempool_add(&f->pool, f->message[i], 1, true), i < 15 ? MEMPOOL_ADDED : MEMPOOL_FULL);
    assert_true(mempool_full(&f->pool, 1, LANE_BULK));
    assert_false(mempool_full(&f->pool, 1, LANE_CERTIFICATE));
    assert_int_equal(mempool_add(&f->pool, f->cert[0], 1, true), MEMPOOL_ADDED);
    assert_int_equal(mempool_add(&f->pool, f->order, 1, true), MEMPOOL_ADDED);
    assert_true(mempool_full(&f->pool, 1, LANE_ORDER));
    mempool_remove_id(&f->pool, f->message[0]->id);
    assert_false(mempool_full(&f->pool, 0, LANE_BULK) && mempool_full(&f->pool, 0, LANE_ORDER));
    close_pool(f);
}

static void lanes_keep_their_order(void **state) {
    (void)state;
    struct fixture *f = open_pool(100, 1U << 20, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(mempool_add(&f->pool, f->message[i], 0, true), MEMPOOL_ADDED);
        assert_int_equal(mempool_add(&f->pool, f->cert[i], 0, true), MEMPOOL_ADDED);
    }
    assert_int_equal(mempool_add(&f->pool, f->order, 0, true), MEMPOOL_ADDED);
    mempool_remove_id(&f->pool, f->cert[1]->id);
    mempool_remove_id(&f->pool, f->message[2]->id);
    mempool_remove_id(&f->pool, f->message[0]->id);
    const struct tx *want[] = {f->order, f->cert[0], f->cert[2], f->message[1]};
    size_t n = 0;
    for (size_t lane = 0; lane < LANE_COUNT; lane++) {
        const struct mempool_entry *before = NULL;
        for (const struct mempool_entry *e = f->pool.first[lane]; e != NULL; e = e->next) {
            assert_ptr_equal(e->tx, want[n++]);
            assert_ptr_equal(e->prev, before);
            before = e;
        }
        assert_ptr_equal(f->pool.last[lane], before);
    }
    assert_int_equal(n, 4);
    close_pool(f);
}

static void each_source_has_its_share_of_the_unjudged(void **state) {
    (void)state;
    struct fixture *f = open_pool(12, 1U << 20, 2); /* two sources: three each */
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(
            mempool_add(&f->pool, f->message[i], 0, false), i < 3 ? MEMPOOL_ADDED : MEMPOOL_FULL);
    for (size_t i = 5; i < 10; i++)
        assert_int_equal(
            mempool_add(&f->pool, f->message[i], 1, false), i < 8 ? MEMPOOL_ADDED : MEMPOOL_FULL);
    assert_int_equal(f->pool.idle, 6);
    mempool_remove_id(&f->pool, f->message[1]->id);
    assert_int_equal(mempool_add(&f->pool, f->message[9], 1, false), MEMPOOL_FULL);
    assert_int_equal(mempool_add(&f->pool, f->message[4], 0, false), MEMPOOL_ADDED);
    /* The other half is there for what was judged. */
    for (size_t i = 10; i < 18; i++)
        assert_int_equal(mempool_add(&f->pool, f->message[i], i % 2, true),
            i < 15 ? MEMPOOL_ADDED : MEMPOOL_FULL);
    close_pool(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(count_and_octets_bound_the_mempool),
        cmocka_unit_test(each_source_has_its_share),
        cmocka_unit_test(each_source_has_its_share_of_the_unjudged),
        cmocka_unit_test(lanes_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
