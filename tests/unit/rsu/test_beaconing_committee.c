/* Randomness of whole nodes while their committee changes by order: each committee makes its key, every height gets its
 * value, and all nodes know the same one. */
#include "tests/support/cm.h"

#include "ledger/committee/change.h"
#include "ledger/exec/hash.h"
#include "rsu/cell/beaconing.h"
#include "tests/support/townbox.h"

enum { N = 7, STEP_US = 50000, WAVES = 4 };

struct run {
    struct townbox box;
    struct beaconing *b[N];
    uint64_t sequence; /* of the last order */
};

static struct run *open_run(void) {
    const struct townbox_plan plan = {.n = N};
    struct run *r = ws_alloc(sizeof(*r));
    townbox_open(&r->box, &plan);
    for (size_t i = 0; i < N; i++) {
        uint8_t secret[32];
        memset(secret, (int)(0x40 + i), 32);
        r->b[i] = beaconing_new(r->box.cell_id, r->box.signer[i], secret);
    }
    return r;
}

static void close_run(struct run *r) {
    for (size_t i = 0; i < N; i++)
        beaconing_free(r->b[i]);
    townbox_close(&r->box);
    free(r);
}

static void run_to(struct run *r, uint64_t height) {
    struct onebox *box = r->box.box;
    for (size_t i = 0; i < 4000 && r->box.highest < height; i++) {
        townbox_run(&r->box, STEP_US);
        for (size_t k = 0; k < N; k++)
            beaconing_run(
                r->b[k], onebox_node(box, k), onebox_cell(box, k)->beacon, onebox_now(box));
    }
    assert_true(r->box.highest >= height);
}

static void change(struct run *r, struct set_change *c) {
    struct buf body = {0};
    set_change_prepare(exec_sha256, c);
    set_change_encode(c, &body);
    assert_int_equal(townbox_order(&r->box, 1, ROLE_COMMITTEE, COMMITTEE_ORDER_SET, buf_span(&body),
                         ++r->sequence),
        TX_GOOD);
    buf_free(&body);
    run_to(r, r->box.highest + 3);
    assert_int_equal(r->box.committee_code, COMMITTEE_OK);
}

static struct beacon_status status(struct run *r, size_t i) {
    struct beacon_status s;
    beacon_contract_status(onebox_cell(r->box.box, i)->beacon, &s);
    return s;
}

static void expect_same(struct run *r) {
    for (uint64_t h = 1; h + WAVES < r->box.highest; h++) {
        uint8_t first[32], other[32];
        assert_int_equal(
            beacon_contract_value(onebox_cell(r->box.box, 0)->beacon, h, first), BEACON_IS);
        for (size_t i = 1; i < N; i++) {
            assert_int_equal(
                beacon_contract_value(onebox_cell(r->box.box, i)->beacon, h, other), BEACON_IS);
            assert_memory_equal(first, other, 32);
        }
    }
}

static void test_committees(void **state) {
    (void)state;
    struct run *r = open_run();
    run_to(r, 12);
    const struct beacon_status one = status(r, 0);
    assert_int_equal(one.members, 7);
    assert_int_equal(one.threshold, 3);
    assert_true(one.in_force > 0);

    /* Two go. */
    struct set_change out = {.n_out = 2};
    const struct validator gone[2] = {townbox_set(&r->box)->v[5], townbox_set(&r->box)->v[6]};
    memcpy(out.out[0], gone[0].address, 32);
    memcpy(out.out[1], gone[1].address, 32);
    change(r, &out);
    run_to(r, r->box.highest + 12);
    const struct beacon_status two = status(r, 0);
    assert_int_equal(two.members, 5);
    assert_int_equal(two.epoch, one.epoch + 1);
    assert_true(two.in_force > one.in_force);

    /* One comes back with twice the power. */
    struct set_change in = {.n_in = 1};
    in.in[0] = gone[0];
    in.in[0].power = 2 * gone[0].power;
    change(r, &in);
    /* And at once another change, before the key of this one can be there: the other one comes back, a third goes. */
    struct set_change more = {.n_out = 1, .n_in = 1};
    memcpy(more.out[0], townbox_set(&r->box)->v[1].address, 32);
    more.in[0] = gone[1];
    change(r, &more);
    run_to(r, r->box.highest + 14);
    const struct beacon_status three = status(r, 0);
    assert_int_equal(three.members, 6);
    assert_int_equal(three.epoch, two.epoch + 2);
    assert_true(three.in_force > two.in_force);
    expect_same(r);

    townbox_restart(&r->box, 2);
    run_to(r, r->box.highest + 8);
    expect_same(r);
    assert_int_equal(status(r, 2).in_force, three.in_force);
    close_run(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_committees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
