/* One of four validators lies: with its key, with made-up heights, with floods. The three others go on, count what they
 * refused, and nothing it says costs them more than a bounded amount. tests/support/nodes checks agreement. */
#include "tests/support/cm.h"

#include "ledger/exec/hash.h"
#include "ledger/node/node_internal.h"
#include "tests/support/nodes.h"
#include "tests/support/spoil.h"

enum { N = 4, LIAR = 3, SECOND = 1000000 };

/* ---- heights that nobody has ---- */

static bool lose_statuses(void *ctx, size_t from, size_t to, struct buf *msg) {
    (void)ctx;
    (void)from;
    (void)to;
    return msg->n == 0 || msg->p[0] != 0x1a; /* field 3 */
}

/* Even while the others' word is not heard. */
static void claimed_heights_stop_nobody(void **state) {
    (void)state;
    static const uint64_t claims[] = {UINT64_MAX, 1000000, 0};
    for (size_t k = 0; k < ARRAY_LEN(claims); k++) {
        struct nodes *w = nodes_new(N, 1);
        nodes_kill(w, LIAR, false);
        w->tap = lose_statuses;
        uint64_t before = w->highest;
        for (size_t i = 0; i < 200; i++) {
            for (size_t to = 0; to < LIAR; to++)
                nodes_claim_height(w, LIAR, to, claims[k]);
            nodes_run(w, 100000);
        }
        /* 20 s of a block each second, every fourth with a proposer who is not there. */
        assert_true(w->highest >= before + 10);
        nodes_end(w);
    }
}

/* ---- small questions, large answers ---- */

struct meter {
    size_t messages, octets;
};

static bool count_to_liar(void *ctx, size_t from, size_t to, struct buf *msg) {
    struct meter *m = ctx;
    (void)from;
    if (to == LIAR) {
        m->messages++;
        m->octets += msg->n;
    }
    return true;
}

static void repeated_requests_buy_no_more_answers(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 2);
    for (size_t i = 0; i < 20; i++) {
        (void)nodes_report(w, 0, i, 30);
        nodes_run(w, 200000);
    }
    nodes_run_to(w, 20, 40 * SECOND);
    nodes_kill(w, LIAR, false);
    struct meter m = {0};
    w->tap = count_to_liar;
    w->tap_ctx = &m;
    Wayside__Link__BlockRequest q = WAYSIDE__LINK__BLOCK_REQUEST__INIT;
    q.from = 1;
    q.count = UINT32_MAX;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_BLOCK_REQUEST;
    link.block_request = &q;
    nodes_deliver(w, LIAR, 0, &link);
    assert_in_range(m.messages, 1, w->limits.sync_blocks);
    size_t once = m.messages;
    for (size_t i = 0; i < 1000; i++)
        nodes_deliver(w, LIAR, 0, &link);
    assert_true(m.messages <= 8 * once);
    /* Later it is answered again. */
    nodes_run(w, 2 * SECOND);
    m = (struct meter){0};
    nodes_deliver(w, LIAR, 0, &link);
    assert_int_equal(m.messages, once);
    nodes_end(w);
}

static void one_leaf_asked_for_a_thousand_times_is_sent_a_few_times(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 3);
    nodes_kill(w, LIAR, false);
    nodes_run_to(w, w->highest + 1, 20 * SECOND);
    assert_int_equal(nodes_report(w, 0, 0, 30), TX_GOOD);
    struct buf tx = {0};
    tx_put_certificate(&tx, buf_span(&w->town.car_cert[0]));
    hash32 leaf;
    exec_list_leaf(buf_span(&tx), leaf);
    struct meter m = {0};
    w->tap = count_to_liar;
    w->tap_ctx = &m;
    enum { TIMES = 1000 };
    ProtobufCBinaryData *leaves = ws_calloc(TIMES, sizeof(*leaves));
    for (size_t i = 0; i < TIMES; i++)
        leaves[i] = (ProtobufCBinaryData){32, leaf};
    Wayside__Link__TxRequest q = WAYSIDE__LINK__TX_REQUEST__INIT;
    uint8_t id[32] = {0};
    q.height = nodes_height(w, 0) + 1;
    q.block_id = (ProtobufCBinaryData){32, id};
    q.n_leaf = TIMES;
    q.leaf = leaves;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_TX_REQUEST;
    link.tx_request = &q;
    for (size_t i = 0; i < 20; i++)
        nodes_deliver(w, LIAR, 0, &link);
    assert_in_range(m.messages, 1, 8);
    free(leaves);
    buf_free(&tx);
    nodes_end(w);
}

/* ---- transactions that nobody can judge ---- */

static void push_tx(struct nodes *w, size_t to, struct span tx) {
    ProtobufCBinaryData one = {tx.n, (uint8_t *)tx.p};
    Wayside__Link__TxPush p = WAYSIDE__LINK__TX_PUSH__INIT;
    p.n_tx = 1;
    p.tx = &one;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_TX;
    link.tx = &p;
    nodes_deliver(w, LIAR, to, &link);
}

/* A message under a certificate that nobody knows, or from far in the future: each with an identity of its own. */
static void push_unjudged(struct nodes *w, size_t to, uint32_t number, uint64_t time) {
    struct buf spdu = {0};
    struct buf tx = {0};
    hash32 cert = {0xee};
    put_be32(cert + 4, number);
    town_report(&w->town, 0, time, 30, &spdu);
    tx_put_message(&tx, cert, buf_span(&spdu));
    push_tx(w, to, buf_span(&tx));
    buf_free(&spdu);
    buf_free(&tx);
}

static void small_mempools(struct nodes *w, size_t txs) {
    w->limits.mempool_txs = txs;
    for (size_t i = 0; i < N; i++)
        nodes_kill(w, i, false);
    nodes_start_all(w);
    nodes_run_to(w, w->highest + 1, 20 * SECOND);
}

static void unjudged_transactions_leave_room_for_good_ones(void **state) {
    (void)state;
    for (unsigned future = 0; future < 2; future++) {
        struct nodes *w = nodes_new(N, 4);
        small_mempools(w, 64);
        nodes_kill(w, LIAR, false);
        for (uint32_t i = 0; i < 100; i++) {
            for (size_t to = 0; to < LIAR; to++)
                push_unjudged(w, to, i, w->now.its_us + (future != 0 ? 30ULL * 86400 * SECOND : 0));
        }
        for (size_t i = 0; i < LIAR; i++) {
            struct node_status s;
            node_status(w->m[i].node, &s);
            assert_true(s.mempool_txs < 64);
            assert_int_equal(nodes_report(w, i, i, 30), TX_GOOD);
        }
        nodes_run(w, 10 * SECOND);
        assert_int_equal(w->committed.n, 6); /* three reports and their certificates */
        nodes_end(w);
    }
}

/* What waits for its certificate is no reason to cut blocks faster. */
static void unjudged_transactions_do_not_drive_the_cell(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 5);
    nodes_kill(w, LIAR, false);
    uint64_t before = w->highest;
    for (uint32_t i = 0; i < 20; i++) {
        for (size_t to = 0; to < LIAR; to++)
            push_unjudged(w, to, i, w->now.its_us);
    }
    nodes_run(w, 20 * SECOND);
    assert_in_range(w->highest - before, 10, 25);
    nodes_end(w);
}

/* ---- signed floods ---- */

static void votes_from_rounds_to_come_change_nothing(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 6);
    nodes_kill(w, LIAR, false);
    uint64_t before = w->highest;
    for (int32_t i = 0; i < 3000; i++) {
        struct vote v = {.height = nodes_height(w, 0) + 1,
            .type = i % 2 == 0 ? VOTE_PREVOTE : VOTE_PRECOMMIT,
            .round = i % 3 == 0 ? INT32_MAX : i,
            .locked_round = -1,
            .valid_round = -1,
            .validator = i % 5 == 0 ? 0 : LIAR,
            .nil = i % 7 != 0};
        if (!v.nil)
            v.id[0] = (uint8_t)i;
        if (i % 11 == 0)
            v.validator = UINT16_MAX;
        if (i % 13 == 0)
            v.height = UINT64_MAX;
        nodes_sign_vote(w, LIAR, &v);
        nodes_say_vote(w, LIAR, 0, &v);
        nodes_run(w, 3000);
    }
    assert_true(nodes_drops(w, 0, NODE_DROP_BAD_SIGNATURE) > 10);
    assert_true(nodes_drops(w, 0, NODE_DROP_NOT_WANTED) > 100);
    assert_true(nodes_drops(w, 0, NODE_DROP_HEIGHT) > 100);
    assert_true(w->highest > before + 4);
    struct node_status s;
    node_status(w->m[0].node, &s);
    assert_true(s.round < 4);
    nodes_end(w);
}

/* ---- the blocks of others, forged ---- */

static void reply_block(struct nodes *w, size_t to, struct span block, struct span commit) {
    Wayside__Link__BlockReply a = WAYSIDE__LINK__BLOCK_REPLY__INIT;
    a.block = (ProtobufCBinaryData){block.n, (uint8_t *)block.p};
    a.commit = (ProtobufCBinaryData){commit.n, (uint8_t *)commit.p};
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_BLOCK_REPLY;
    link.block_reply = &a;
    nodes_deliver(w, LIAR, to, &link);
}

static void read_block(
    struct nodes *w, size_t from, uint64_t height, struct buf *ret_block, struct buf *ret_commit) {
    uint8_t key[8];
    put_be64(key, height);
    buf_clear(ret_block);
    buf_clear(ret_commit);
    assert_int_equal(
        store_get(w->m[from].store, STORE_BLOCK, span_of(key, 8), ret_block, NULL), WS_OK);
    assert_int_equal(
        store_get(w->m[from].store, STORE_COMMIT, span_of(key, 8), ret_commit, NULL), WS_OK);
}

static void forged_blocks_are_refused_and_the_true_one_taken(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 7);
    nodes_cut(w, 0, true);
    w->m[0].node->limits.score_max = UINT32_MAX; /* it is not muted for it */
    uint64_t h = nodes_height(w, 0) + 1;
    for (size_t i = 0; i < 4; i++)
        (void)nodes_report(w, 1, i, 30);
    nodes_run(w, 8 * SECOND);
    assert_int_equal(nodes_height(w, 0), h - 1);
    struct buf block = {0};
    struct buf commit = {0};
    reply_block(w, 0, span_of("", 0), span_of("", 0));
    read_block(w, 1, h, &block, &commit);
    reply_block(w, 0, buf_span(&block), buf_span(&commit));
    assert_int_equal(nodes_drops(w, 0, NODE_DROP_UNASKED), 1); /* nobody asked it for that */
    nodes_claim_height(w, LIAR, 0, h + 100); /* now it is */
    do { /* one with transactions; those before it are handed over as they are */
        read_block(w, 1, h, &block, &commit);
        if (block.n > 1000)
            break;
        reply_block(w, 0, buf_span(&block), buf_span(&commit));
        assert_int_equal(nodes_height(w, 0), h++);
    } while (true);
    /* Each octet wrong, in turn; each length. */
    for (size_t i = 0; i < block.n; i += 1 + block.n / 700) {
        block.p[i] ^= 0x10;
        reply_block(w, 0, buf_span(&block), buf_span(&commit));
        block.p[i] ^= 0x10;
        reply_block(w, 0, span_of(block.p, i), buf_span(&commit));
        assert_int_equal(nodes_height(w, 0), h - 1);
    }
    for (size_t i = 0; i < commit.n; i++) {
        commit.p[i] ^= 1;
        reply_block(w, 0, buf_span(&block), buf_span(&commit));
        commit.p[i] ^= 1;
        reply_block(w, 0, buf_span(&block), span_of(commit.p, i));
        assert_int_equal(nodes_height(w, 0), h - 1);
    }
    assert_true(nodes_healthy(w, 0));
    assert_true(nodes_drops(w, 0, NODE_DROP_BAD_SIGNATURE) > 100);
    assert_true(nodes_drops(w, 0, NODE_DROP_MALFORMED) > 500);
    reply_block(w, 0, buf_span(&block), buf_span(&commit));
    assert_int_equal(nodes_height(w, 0), h);
    buf_free(&block);
    buf_free(&commit);
    nodes_end(w);
}

/* ---- proposals that break a rule ---- */

struct spoiler {
    struct nodes *w;
    unsigned what;
    size_t done;
};

/* Breaks one rule in the liar's own proposals. */
static bool spoil_own(void *ctx, size_t from, size_t to, struct buf *msg) {
    struct spoiler *s = ctx;
    hash32 id;
    (void)to;
    if (from == LIAR && spoil_proposal(s->w, LIAR, s->what, 1, msg, id))
        s->done++;
    return true;
}

static void a_proposal_that_breaks_a_rule_gets_nil(void **state) {
    (void)state;
    for (unsigned what = 0; what < SPOIL_RULES; what++) {
        struct nodes *w = nodes_new(N, 8);
        struct spoiler s = {w, what, 0};
        w->tap = spoil_own;
        w->tap_ctx = &s;
        uint64_t before = w->highest;
        for (size_t i = 0; i < 12; i++) {
            (void)nodes_report(w, i % N, i, 30);
            nodes_run(w, SECOND);
        }
        if (s.done == 0)
            fail_msg("case %u: nothing was spoilt", what);
        assert_true(w->highest >= before + 6);
        uint64_t refused = nodes_drops(w, 0, NODE_DROP_BAD_BLOCK);
        uint64_t late = node_counters(w->m[0].node)->rounds_beyond_zero;
        if ((what != SPOIL_UNTIMELY && refused == 0) || late == 0)
            fail_msg("case %u: refused %llu, rounds %llu", what, (unsigned long long)refused,
                (unsigned long long)late);
        /* Not one spoilt block was taken. */
        for (uint64_t h = before; h < w->highest; h++) {
            struct buf block = {0};
            struct buf commit = {0};
            read_block(w, 0, h, &block, &commit);
            struct block *b = NULL;
            assert_int_equal(
                block_decode(buf_span(&block),
                    &executor_genesis_of(node_executor(w->m[0].node))->params, &b, NULL),
                WS_OK);
            assert_true(b->header.time < w->now.its_us);
            block_free(b);
            buf_free(&block);
            buf_free(&commit);
        }
        nodes_end(w);
    }
}

/* ---- two statements for one place ---- */

/* One half of the cell hears another proposal: valid, but a microsecond younger. */
static bool split_proposal(void *ctx, size_t from, size_t to, struct buf *msg) {
    struct spoiler *s = ctx;
    return to != 0 || spoil_own(s, from, to, msg);
}

static bool split_votes(void *ctx, size_t from, size_t to, struct buf *msg) {
    struct spoiler *s = ctx;
    if (from != LIAR || to != 0 || msg->n == 0 || msg->p[0] != 0x12)
        return true;
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg->n, msg->p);
    struct vote v;
    struct rd r = rd_of(span_of(link->vote.data, link->vote.len));
    if (vote_read(&r, &v) && v.validator == LIAR && !v.nil) {
        struct buf b = {0};
        v.nil = true;
        memset(v.id, 0, 32);
        nodes_sign_vote(s->w, LIAR, &v);
        vote_encode(&v, &b);
        assert_int_equal(b.n, link->vote.len);
        memcpy(link->vote.data, b.p, b.n);
        buf_clear(msg);
        (void)wayside__link__link__pack(
            link, buf_grow(msg, wayside__link__link__get_packed_size(link)));
        buf_free(&b);
        s->done++;
    }
    wayside__link__link__free_unpacked(link, NULL);
    return true;
}

static void two_proposals_for_one_round_split_nobody(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 11);
    struct spoiler s = {w, SPOIL_NONE, 0};
    w->m[LIAR].liar = true;
    w->tap = split_proposal;
    w->tap_ctx = &s;
    uint64_t before = w->highest;
    for (size_t i = 0; i < 24; i++) {
        (void)nodes_report(w, i % N, i, 30);
        nodes_run(w, SECOND);
    }
    assert_true(s.done > 2);
    assert_true(w->highest > before + 18);
    nodes_end(w);
}

/* One validator hears nil where the others hear a block; when states are compared it hears of both. */
static void a_double_voter_is_noticed_and_splits_nobody(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 12);
    struct spoiler s = {w, 0, 0};
    w->m[LIAR].liar = true; /* it will be convicted, and the others may do that */
    w->tap = split_votes;
    w->tap_ctx = &s;
    uint64_t before = w->highest;
    for (size_t i = 0; i < 60; i++) {
        w->loss = i % 2 == 0 ? 100 : 0; /* so that votes are sent again */
        (void)nodes_report(w, i % LIAR, i % TOWN_CARS, 30);
        nodes_run(w, SECOND);
    }
    assert_true(s.done > 20);
    assert_true(w->highest > before + 30);
    assert_true(node_counters(w->m[0].node)->evidence > 0);
    nodes_close(w);
    free(w);
}

/* Half of the validators hear of a proposal, so that no round ends with a block, but every node sees many. */
static bool lose_half_of_proposals(void *ctx, size_t from, size_t to, struct buf *msg) {
    (void)ctx;
    (void)from;
    if (msg->n < 2 || msg->p[0] != 0x0a)
        return true;
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg->n, msg->p);
    size_t by = link->proposal->validator;
    wayside__link__link__free_unpacked(link, NULL);
    return to != (by + 1) % N && to != (by + 2) % N;
}

/* Far more rounds at one height than candidates are kept. */
static void a_height_of_many_rounds_ends(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 9);
    w->tap = lose_half_of_proposals;
    struct node_status s = {.round = 0};
    for (size_t i = 0; i < 4000 && s.round < 100; i++) {
        nodes_run(w, SECOND);
        node_status(w->m[0].node, &s);
    }
    assert_true(s.round >= 100);
    nodes_end(w);
}

static struct candidate *add_candidate(struct node *n, uint8_t number, bool wanted, bool valid) {
    hash32 id = {0xca, number};
    struct candidate *c = candidate_add(n, id, NULL, 0);
    c->wanted = wanted;
    c->answered = wanted;
    c->valid = valid;
    return c;
}

static void the_least_needed_candidate_goes_first(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 10);
    struct node *n = w->m[0].node;
    candidates_clear(n);
    for (unsigned i = 0; i < CANDIDATES_MAX; i++)
        (void)add_candidate(n, (uint8_t)i, i != 20, i != 10);
    /* Unwanted, then invalid, then the oldest. */
    static const uint8_t order[] = {20, 10, 0, 1};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        hash32 gone = {0xca, order[i]};
        assert_non_null(candidate_find(n, gone));
        hash32 added = {0xca, (uint8_t)(100 + i)};
        (void)add_candidate(n, added[1], true, true);
        assert_null(candidate_find(n, gone));
        assert_non_null(candidate_find(n, added));
        assert_int_equal(n->n_candidates, CANDIDATES_MAX);
    }
    candidates_clear(n);
    nodes_end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claimed_heights_stop_nobody),
        cmocka_unit_test(repeated_requests_buy_no_more_answers),
        cmocka_unit_test(one_leaf_asked_for_a_thousand_times_is_sent_a_few_times),
        cmocka_unit_test(unjudged_transactions_leave_room_for_good_ones),
        cmocka_unit_test(unjudged_transactions_do_not_drive_the_cell),
        cmocka_unit_test(votes_from_rounds_to_come_change_nothing),
        cmocka_unit_test(forged_blocks_are_refused_and_the_true_one_taken),
        cmocka_unit_test(a_proposal_that_breaks_a_rule_gets_nil),
        cmocka_unit_test(two_proposals_for_one_round_split_nobody),
        cmocka_unit_test(a_double_voter_is_noticed_and_splits_nobody),
        cmocka_unit_test(a_height_of_many_rounds_ends),
        cmocka_unit_test(the_least_needed_candidate_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
