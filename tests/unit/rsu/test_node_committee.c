/* A whole cell whose committee changes while it works: by order and by evidence. What it decides afterwards is proven from
 * the genesis, over all its committees, with ledger/light alone. */
#include "tests/support/cm.h"

#include "ledger/committee/change.h"
#include "ledger/committee/court.h"
#include "ledger/exec/hash.h"
#include "ledger/node/query.h"
#include "mapsvc/fuse/diff.h"
#include "tests/support/townbox.h"

enum { N = 7, PATIENCE_US = 100000000 };

struct run {
    struct townbox box;
    uint64_t version_height, jailed;
    uint32_t version_sequence;
    uint64_t sequence; /* of the last order */
};

static void on_committed(void *ctx, const struct block *b, const struct exec_outcome *o) {
    struct run *r = ctx;
    for (size_t i = 0; i < o->n_events; i++) {
        const struct event *e = &o->events[i];
        if (e->contract == EXECUTOR_COMMITTEE && e->type == COMMITTEE_EVENT_JAILED)
            r->jailed = b->header.height;
        if (e->contract == CELL_CONTRACT_MAP && e->type == MAP_EVENT_VERSION) {
            r->version_height = b->header.height;
            r->version_sequence = e->sequence;
        }
    }
}

static void run_on(struct run *r, uint64_t heights) {
    townbox_run_to(&r->box, r->box.highest + heights, PATIENCE_US);
}

static void order(struct run *r, uint16_t kind, struct span body) {
    assert_int_equal(townbox_order(&r->box, 1, ROLE_COMMITTEE, kind, body, ++r->sequence), TX_GOOD);
    run_on(r, 5);
}

/* Only one of them could come true: whoever gives the second is told while the first waits. */
static void a_number_is_given_once(struct run *r, uint16_t kind, struct span body) {
    uint64_t n = ++r->sequence;
    const struct span other = {body.p, body.n - 1};
    assert_int_equal(townbox_order(&r->box, 1, ROLE_COMMITTEE, kind, body, n + 1), TX_GOOD);
    assert_int_equal(
        townbox_order(&r->box, 1, ROLE_COMMITTEE, kind, other, n + 1), TX_ORDER_SEQUENCE);
    assert_int_equal(townbox_order(&r->box, 1, ROLE_COMMITTEE, kind, other, n), TX_ORDER_SEQUENCE);
    assert_int_equal(townbox_order(&r->box, 1, ROLE_POLICY, kind, body, n), TX_CONTRACT_REFUSES);
    assert_int_equal(townbox_order(&r->box, 1, ROLE_COMMITTEE, kind, body, n + 2), TX_GOOD);
    r->sequence = n + 2;
    run_on(r, 5);
    assert_int_equal(
        townbox_order(&r->box, 1, ROLE_COMMITTEE, kind, body, n + 2), TX_ORDER_SEQUENCE);
}

static struct evidence double_vote(struct run *r, const struct validator *liar, uint64_t height) {
    struct evidence e = {.kind = EVIDENCE_DOUBLE_VOTE, .alg = KEY_ED25519};
    memcpy(e.key, liar->key, KEY_OCTETS);
    size_t k = 0;
    uint8_t key[KEY_OCTETS];
    for (; k < N; k++) {
        signer_public(r->box.signer[k], key);
        if (memcmp(key, liar->key, KEY_OCTETS) == 0)
            break;
    }
    assert_true(k < N);
    for (uint8_t i = 0; i < 2; i++) {
        struct buf b = {0};
        e.vote[i] = (struct vote){
            .type = VOTE_PREVOTE, .height = height, .locked_round = -1, .valid_round = -1};
        e.vote[i].id[0] = (uint8_t)(i + 1);
        vote_sign_bytes(r->box.cell_id, &e.vote[i], &b);
        signer_sign(r->box.signer[k], buf_span(&b), e.vote[i].sig);
        buf_free(&b);
    }
    return e;
}

static enum tx_verdict hand_in(struct run *r, const struct evidence *e) {
    struct buf b = {0};
    tx_put_evidence(&b, e);
    enum tx_verdict v =
        node_submit(onebox_node(r->box.box, 2), buf_span(&b), false, onebox_now(r->box.box), NULL);
    buf_free(&b);
    return v;
}

static void report(struct run *r, size_t car) {
    (void)townbox_report(&r->box, car % 3, car, 30);
    run_on(r, 5);
}

/* ---- the source of a light client: a node's store ---- */

static int give_block(
    void *ctx, uint64_t height, struct light_block *ret_block, struct ws_err *err) {
    return query_light_block(ctx, height, ret_block, err);
}

static int give_handover(
    void *ctx, uint64_t after, struct handover *ret_handover, struct ws_err *err) {
    struct query_handovers q;
    int rc = query_handovers(ctx, after, UINT64_MAX, 1, &q, err);
    struct rd rd = rd_of(buf_span(&q.octets));
    if (rc == WS_OK && q.n == 0)
        rc = ws_fail(err, WS_ENOTFOUND, "none");
    if (rc == WS_OK)
        rc = handover_decode(exec_sha256, rd_var(&rd, HANDOVER_OCTETS_MAX), ret_handover, err);
    query_handovers_free(&q);
    return rc;
}

static void follow_everywhere(struct run *r) {
    const struct light_params p = {.every_signature = true};
    struct light_source from = {.ctx = onebox_store(r->box.box, 1),
        .block = give_block,
        .handover = give_handover,
        .steps_max = 1000};
    struct light_trust *t = ws_alloc(sizeof(*t));
    struct light_block *b = ws_alloc(sizeof(*b));
    struct ws_err err = {0};
    for (int bisect = 0; bisect < 2; bisect++) {
        from.handover = bisect == 1 ? NULL : give_handover;
        for (uint64_t h = 1; h < r->box.highest; h++) {
            assert_int_equal(
                light_trust_genesis(exec_sha256, buf_span(&r->box.genesis), t, NULL), WS_OK);
            if (light_reach(&exec_light_crypto, &p, t, &from, h, LIGHT_NO_CLOCK, b, &err) !=
                LIGHT_OK)
                fail_msg("height %d: %s", (int)h, err.text);
        }
    }
    assert_int_equal(light_reach_back(&exec_light_crypto, t, &from, 2, b, &err), LIGHT_OK);
    free(b);
    free(t);
}

static void the_map_is_proven_from_the_genesis(struct run *r) {
    struct buf octets = {0};
    struct ws_err err = {0};
    struct event e;
    struct event_bundle *p = ws_alloc(sizeof(*p));
    assert_true(r->version_height > 0);
    if (query_event_bundle(onebox_store(r->box.box, 2), r->version_height, r->version_sequence,
            &octets, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(event_bundle_decode(buf_span(&octets), p, &err), WS_OK);
    assert_int_equal(p->handovers.n, 2);
    if (light_check_event(&exec_light_crypto, buf_span(&r->box.genesis), p, &e, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(e.type, MAP_EVENT_VERSION);
    /* Without the way between the committees it is nothing. */
    p->handovers = (struct handovers){0};
    assert_int_equal(
        light_check_event(&exec_light_crypto, buf_span(&r->box.genesis), p, &e, &err), WS_EINPUT);
    free(p);
    buf_free(&octets);
}

static void a_cell_outlives_its_committees(void **state) {
    (void)state;
    struct run *r = ws_alloc(sizeof(*r));
    const struct townbox_plan plan = {.n = N, .committed = on_committed, .ctx = r};
    townbox_open(&r->box, &plan);
    run_on(r, 5);
    struct set_change c = {.n_out = 1, .n_in = 2};
    struct buf body = {0};
    memcpy(c.out[0], townbox_set(&r->box)->v[6].address, 32);
    for (size_t i = 0; i < 2; i++) {
        c.in[i] = townbox_set(&r->box)->v[i + 2];
        c.in[i].power = 2;
    }
    set_change_prepare(exec_sha256, &c);
    set_change_encode(&c, &body);
    order(r, COMMITTEE_ORDER_SET, buf_span(&body));
    assert_int_equal(r->box.committee_code, COMMITTEE_OK);
    assert_int_equal(townbox_set(&r->box)->n, 6);
    assert_int_equal(townbox_set(&r->box)->v[0].power, 2);
    /* The same again is refused when it runs, and the cell goes on. */
    order(r, COMMITTEE_ORDER_SET, buf_span(&body));
    assert_int_equal(r->box.committee_code, COMMITTEE_UNKNOWN_VALIDATOR);
    a_number_is_given_once(r, COMMITTEE_ORDER_SET, buf_span(&body));
    buf_clear(&body);

    const struct validator liar = townbox_set(&r->box)->v[4];
    struct evidence e = double_vote(r, &liar, r->box.highest - 2);
    struct evidence forged = e;
    forged.vote[1].sig[9] ^= 1;
    assert_int_equal(hand_in(r, &forged), TX_BAD_SIGNATURE);
    assert_int_equal(hand_in(r, &e), TX_GOOD);
    run_on(r, 5);
    assert_true(r->jailed > 0);
    assert_int_equal(townbox_set(&r->box)->n, 5);
    assert_int_equal(validator_set_find(townbox_set(&r->box), liar.address), -1);
    assert_int_equal(hand_in(r, &e), TX_DUPLICATE);

    struct cell_params params = *executor_params(node_executor(onebox_node(r->box.box, 0)));
    params.block_interval_us = 800000;
    params_change_encode(&params, &body);
    order(r, COMMITTEE_ORDER_PARAMS, buf_span(&body));
    assert_int_equal(
        executor_params(node_executor(onebox_node(r->box.box, 3)))->block_interval_us, 800000);

    for (size_t car = 0; car < 24; car++)
        report(r, car);
    the_map_is_proven_from_the_genesis(r);
    follow_everywhere(r);
    townbox_restart(&r->box, 1);
    run_on(r, 5);
    follow_everywhere(r);
    buf_free(&body);
    townbox_close(&r->box);
    free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_outlives_its_committees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
