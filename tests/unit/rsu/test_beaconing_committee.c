/* Randomness of whole nodes while their committee changes by order: each committee makes its key, every height gets its
 * value, and all nodes know the same one. */
#include "tests/support/cm.h"

#include "ledger/committee/change.h"
#include "ledger/exec/hash.h"
#include "rsu/beaconing.h"
#include "rsu/onebox.h"
#include "tests/support/town.h"

enum { N = 7, STEP_US = 50000, WAVES = 4 };

struct run {
    struct town town;
    struct buf genesis;
    uint8_t seeds[N][32];
    struct onebox *box;
    struct signer *signer[N]; /* by index in the genesis set */
    struct beaconing *b[N];
    uint64_t highest, sequence;
    exec_code last_code; /* of the committee */
};

static void on_committed(void *ctx, size_t validator, const struct block *b, const struct commit *c,
    const struct exec_outcome *o) {
    struct run *r = ctx;
    (void)validator;
    (void)c;
    r->highest = b->header.height;
    for (size_t i = 0; i < o->n_results; i++) {
        if (o->results[i].contract == EXECUTOR_COMMITTEE)
            r->last_code = o->results[i].code;
    }
}

static const hash32 *cell_id(struct run *r) {
    return (const hash32 *)executor_cell_id(node_executor(onebox_node(r->box, 0)));
}

/* The seeds are in no order; a validator's place in the genesis set says which is its own. */
static void take_signers(struct run *r, const struct genesis *g) {
    for (size_t k = 0; k < N; k++) {
        struct signer *s = signer_new(r->seeds[k]);
        struct validator v = {.alg = KEY_ED25519};
        signer_public(s, v.key);
        validator_address(exec_sha256, &v);
        int i = validator_set_find(&g->validators, v.address);
        assert_true(i >= 0 && r->signer[i] == NULL);
        r->signer[i] = s;
    }
}

static struct run *open_run(void) {
    struct run *r = ws_alloc(sizeof(*r));
    struct genesis *g = ws_alloc(sizeof(*g));
    struct buf octets = {0};
    town_build(&r->town, 1);
    for (size_t i = 0; i < N; i++)
        memset(r->seeds[i], (int)(i + 1), 32);
    town_genesis(&r->town, (const uint8_t(*)[32])r->seeds, N, &octets);
    assert_int_equal(genesis_decode(exec_sha256, buf_span(&octets), g, NULL), WS_OK);
    g->quorum[ROLE_COMMITTEE - 1] = 1;
    genesis_encode(g, &r->genesis);
    struct onebox_config cfg = {.genesis = buf_span(&r->genesis),
        .map = &r->town.map,
        .n = N,
        .seeds = (const uint8_t(*)[32])r->seeds,
        .delay_us = 5000,
        .limits = node_limits_default(),
        .start = {.mono_us = 1000000, .its_us = r->town.epoch},
        .committed = on_committed,
        .ctx = r};
    struct ws_err err = {0};
    if (onebox_new(&cfg, &r->box, &err) != 0)
        fail_msg("%s", err.text);
    take_signers(r, g);
    for (size_t i = 0; i < N; i++) {
        uint8_t secret[32];
        memset(secret, (int)(0x40 + i), 32);
        r->b[i] = beaconing_new(*cell_id(r), r->signer[i], secret);
    }
    buf_free(&octets);
    free(g);
    return r;
}

static void close_run(struct run *r) {
    for (size_t i = 0; i < N; i++)
        beaconing_free(r->b[i]);
    onebox_free(r->box);
    for (size_t i = 0; i < N; i++)
        signer_free(r->signer[i]);
    town_free(&r->town);
    buf_free(&r->genesis);
    free(r);
}

static void run_to(struct run *r, uint64_t height) {
    struct ws_err err = {0};
    for (size_t i = 0; i < 4000 && r->highest < height; i++) {
        if (onebox_run_until(r->box, onebox_now(r->box).mono_us + STEP_US, &err) != 0)
            fail_msg("%s", err.text);
        for (size_t k = 0; k < N; k++)
            beaconing_run(r->b[k], onebox_node(r->box, k), onebox_cell(r->box, k)->beacon,
                onebox_now(r->box));
    }
    assert_true(r->highest >= height);
}

static const struct validator_set *set_now(struct run *r) {
    const void *committee = executor_committee(node_executor(onebox_node(r->box, 0)));
    return committee_set(committee, committee_next(committee));
}

static void change(struct run *r, struct set_change *c) {
    struct buf body = {0}, b = {0};
    set_change_prepare(exec_sha256, c);
    set_change_encode(c, &body);
    struct order o = {.sequence = ++r->sequence,
        .expiry = onebox_now(r->box).its_us + 60000000,
        .role = ROLE_COMMITTEE,
        .kind = COMMITTEE_ORDER_SET,
        .body = buf_span(&body),
        .n_sigs = 1};
    uint8_t authority[32];
    memset(authority, 0xaa, sizeof(authority));
    struct signer *s = signer_new(authority);
    order_sign_bytes(*cell_id(r), &o, &b);
    signer_sign(s, buf_span(&b), o.sigs[0].sig);
    signer_free(s);
    buf_clear(&b);
    tx_put_order(&b, &o);
    struct ws_err err = {0};
    if (node_submit(onebox_node(r->box, 1), buf_span(&b), false, onebox_now(r->box), &err) !=
        TX_GOOD)
        fail_msg("%s", err.text);
    buf_free(&b);
    buf_free(&body);
    run_to(r, r->highest + 3);
    assert_int_equal(r->last_code, COMMITTEE_OK);
}

static struct beacon_status status(struct run *r, size_t i) {
    struct beacon_status s;
    beacon_contract_status(onebox_cell(r->box, i)->beacon, &s);
    return s;
}

static void expect_same(struct run *r) {
    for (uint64_t h = 1; h + WAVES < r->highest; h++) {
        uint8_t first[32], other[32];
        assert_int_equal(
            beacon_contract_value(onebox_cell(r->box, 0)->beacon, h, first), BEACON_IS);
        for (size_t i = 1; i < N; i++) {
            assert_int_equal(
                beacon_contract_value(onebox_cell(r->box, i)->beacon, h, other), BEACON_IS);
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
    const struct validator gone[2] = {set_now(r)->v[5], set_now(r)->v[6]};
    memcpy(out.out[0], gone[0].address, 32);
    memcpy(out.out[1], gone[1].address, 32);
    change(r, &out);
    run_to(r, r->highest + 12);
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
    memcpy(more.out[0], set_now(r)->v[1].address, 32);
    more.in[0] = gone[1];
    change(r, &more);
    run_to(r, r->highest + 14);
    const struct beacon_status three = status(r, 0);
    assert_int_equal(three.members, 6);
    assert_int_equal(three.epoch, two.epoch + 2);
    assert_true(three.in_force > two.in_force);
    expect_same(r);

    struct ws_err err = {0};
    assert_int_equal(onebox_restart(r->box, 2, &err), WS_OK);
    run_to(r, r->highest + 8);
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
