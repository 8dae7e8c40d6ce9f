/* One of four validators pushes orders, evidence, records and certificates that are not worth their signatures. It pays for them
 * out of a budget of its own, is muted by name, and what others push gets through all the while. */
#include "tests/support/cm.h"

#include "ledger/exec/hash.h"
#include "ledger/node/node_internal.h"
#include "rsu/cell/cell.h"
#include "tests/support/nodes.h"

enum { N = 4, LIAR = 3, SECOND = 1000000, BUDGET = 40, ENOUGH = 100 };

static void push_tx(struct nodes *w, size_t from, size_t to, struct span tx) {
    ProtobufCBinaryData one = {tx.n, (uint8_t *)tx.p};
    Wayside__Link__TxPush p = WAYSIDE__LINK__TX_PUSH__INIT;
    p.n_tx = 1;
    p.tx = &one;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_TX;
    link.tx = &p;
    nodes_deliver(w, from, to, &link);
}

/* ---- what is pushed; each is another one ---- */

static void junk_order(struct nodes *w, uint32_t number, struct buf *ret_tx) {
    struct order o = {.sequence = w->now.its_us + number,
        .expiry = w->now.its_us + UINT64_C(3600) * SECOND,
        .role = ROLE_COMMITTEE,
        .kind = 1,
        .body = span_of("junk", 4),
        .n_sigs = 1};
    put_be32(o.sigs[0].sig, number);
    tx_put_order(ret_tx, &o);
}

static void sign_record(struct nodes *w, struct record *r, bool sign, uint32_t number) {
    struct validator me = {.alg = KEY_ED25519};
    struct buf b = {0};
    signer_public(w->m[LIAR].signer, me.key);
    validator_address(exec_sha256, &me);
    memcpy(r->signer, me.address, 32);
    record_sign_bytes(w->cell_id, r, &b);
    if (sign)
        signer_sign(w->m[LIAR].signer, buf_span(&b), r->sig);
    else
        put_be32(r->sig, number);
    buf_free(&b);
}

static void record_of(struct nodes *w, uint32_t number, bool sign, struct buf *ret_tx) {
    uint8_t body[4];
    put_be32(body, number);
    struct record r = {
        .contract = CELL_CONTRACT_BEACON, .kind = 1, .body = span_of(body, sizeof(body))};
    sign_record(w, &r, sign, number);
    tx_put_record(ret_tx, &r);
}

static void false_record(struct nodes *w, uint32_t number, struct buf *ret_tx) {
    record_of(w, number, true, ret_tx);
}

static void forged_record(struct nodes *w, uint32_t number, struct buf *ret_tx) {
    record_of(w, number, false, ret_tx);
}

static void evidence_of(const uint8_t *key, uint64_t height, int32_t round, struct buf *ret_tx) {
    struct evidence *e = ws_alloc(sizeof(*e));
    e->kind = EVIDENCE_BAD_PROPOSAL;
    e->alg = KEY_ED25519;
    memcpy(e->key, key, KEY_OCTETS);
    e->proposal[0] = (struct signed_proposal){.height = height, .round = round, .valid_round = -1};
    tx_put_evidence(ret_tx, e);
    free(e);
}

/* In the name of a member, far from its turn: thousands of steps, if anybody took them before the signature. */
static void forged_evidence(struct nodes *w, uint32_t number, struct buf *ret_tx) {
    evidence_of(w->set.v[0].key, w->highest, (int32_t)(4000 + number), ret_tx);
}

static void strange_evidence(struct nodes *w, uint32_t number, struct buf *ret_tx) {
    uint8_t key[KEY_OCTETS] = {0x55};
    put_be32(key + 1, number);
    evidence_of(key, w->highest, 0, ret_tx);
}

static void forged_certificate(struct nodes *w, uint32_t number, struct buf *ret_tx) {
    struct buf cert = {0};
    buf_put(&cert, w->town.car_cert[0].p, w->town.car_cert[0].n);
    put_be32(cert.p + cert.n - 4, number); /* within s */
    tx_put_certificate(ret_tx, buf_span(&cert));
    buf_free(&cert);
}

static const struct {
    const char *name;
    void (*put)(struct nodes *w, uint32_t number, struct buf *ret_tx);
    enum tx_verdict verdict;
} rows[] = {
    {"order", junk_order, TX_ORDER_QUORUM},
    {"own record", false_record, TX_CONTRACT_REFUSES},
    {"forged record", forged_record, TX_BAD_SIGNATURE},
    {"forged evidence", forged_evidence, TX_BAD_SIGNATURE},
    {"evidence of a stranger", strange_evidence, TX_CONTRACT_REFUSES},
    {"certificate", forged_certificate, TX_UNTRUSTED},
};

/* ---- */

static void a_liar_is_muted_and_others_are_heard(void **state) {
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct nodes *w = ws_alloc(sizeof(*w));
        nodes_open(w, N, 30 + k);
        nodes_run_to(w, 2, 20 * SECOND);
        nodes_kill(w, LIAR, false);
        nodes_run(w, 3 * SECOND);
        const struct node_counters *c = node_counters(w->m[0].node);
        uint64_t judged = c->tx_refused[rows[k].verdict];
        struct node_peer_status s = {.mutes = 0};
        uint32_t sent = 0;
        for (; s.mutes == 0 && sent < 10 * ENOUGH; sent++) {
            struct buf tx = {0};
            rows[k].put(w, sent, &tx);
            push_tx(w, LIAR, 0, buf_span(&tx));
            buf_free(&tx);
            node_peer(w->m[0].node, LIAR, &s);
            if (sent == 5) /* in the middle of it */
                assert_int_equal(nodes_report(w, 1, 0, 30), TX_GOOD);
        }
        if (sent > ENOUGH)
            fail_msg("%s: muted after %u", rows[k].name, sent);
        uint64_t paid = c->tx_refused[rows[k].verdict] - judged;
        if (paid == 0 || paid > BUDGET + 2)
            fail_msg("%s: %llu were judged", rows[k].name, (unsigned long long)paid);
        /* What it pushed has taken nothing from its voice. */
        assert_true(peer_may_check(w->m[0].node, LIAR, CHECKS_STATEMENTS, nodes_now(w, 0)));
        /* More is not unpacked. */
        uint64_t muted = c->drops[NODE_DROP_MUTED];
        struct buf tx = {0};
        rows[k].put(w, sent + 1, &tx);
        push_tx(w, LIAR, 0, buf_span(&tx));
        buf_free(&tx);
        assert_int_equal(c->drops[NODE_DROP_MUTED], muted + 1);
        assert_int_equal(nodes_report(w, 2, 1, 30), TX_GOOD);
        nodes_run(w, 6 * SECOND);
        assert_int_equal(w->committed.n, 4); /* both reports and their certificates */
        for (size_t i = 1; i < LIAR; i++) {
            node_peer(w->m[0].node, i, &s);
            assert_int_equal(s.mutes, 0);
            assert_int_equal(s.score, 0);
        }
        nodes_settle(w);
        nodes_close(w);
        free(w);
    }
}

/* Slowly enough, and it is not muted; the budget comes back with time. */
static void a_few_that_fail_mute_nobody(void **state) {
    (void)state;
    struct nodes *w = ws_alloc(sizeof(*w));
    nodes_open(w, N, 40);
    nodes_run_to(w, 2, 20 * SECOND);
    nodes_kill(w, LIAR, false);
    for (uint32_t i = 0; i < 200; i++) { /* as many as lost races of records could be */
        struct buf tx = {0};
        false_record(w, i, &tx);
        push_tx(w, LIAR, 0, buf_span(&tx));
        buf_free(&tx);
        nodes_run(w, 100000);
    }
    struct node_peer_status s;
    node_peer(w->m[0].node, LIAR, &s);
    assert_int_equal(s.mutes, 0);
    assert_int_equal(s.score, 0);
    assert_int_equal(node_counters(w->m[0].node)->drops[NODE_DROP_TX_CHECKS], 0);
    nodes_settle(w);
    nodes_close(w);
    free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_liar_is_muted_and_others_are_heard),
        cmocka_unit_test(a_few_that_fail_mute_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
