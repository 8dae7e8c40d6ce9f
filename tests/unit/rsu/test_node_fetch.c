/* Whole blocks from a peer that lies about them: what it sends unasked-for size or false costs a bounded amount of memory, and the true
 * ones come from somebody else beside it. */
#include "tests/support/cm.h"

#include "ledger/exec/hash.h"
#include "ledger/node/node_internal.h"
#include "tests/support/nodes.h"

enum { N = 4, LIAR = 3, HONEST = 1, SECOND = 1000000, AHEAD = 20 };

static void reply(struct nodes *w, size_t from, struct span block, struct span commit) {
    Wayside__Link__BlockReply a = WAYSIDE__LINK__BLOCK_REPLY__INIT;
    a.block = (ProtobufCBinaryData){block.n, (uint8_t *)block.p};
    a.commit = (ProtobufCBinaryData){commit.n, (uint8_t *)commit.p};
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_BLOCK_REPLY;
    link.block_reply = &a;
    nodes_deliver(w, from, 0, &link);
}

enum lie { TRUE, OTHER_SET, BAD_COMMIT };

/* The block of a height as the cell decided it, or a lie about it. */
static size_t send_block(struct nodes *w, size_t from, uint64_t height, enum lie lie) {
    uint8_t key[8];
    struct buf octets = {0};
    struct buf commit = {0};
    struct block *b = NULL;
    struct commit c;
    put_be64(key, height);
    struct store *s = w->m[HONEST].store;
    assert_int_equal(store_get(s, STORE_BLOCK, span_of(key, 8), &octets, NULL), WS_OK);
    assert_int_equal(store_get(s, STORE_COMMIT, span_of(key, 8), &commit, NULL), WS_OK);
    assert_int_equal(block_decode(buf_span(&octets), &w->params, &b, NULL), WS_OK);
    struct rd r = rd_of(buf_span(&commit));
    assert_true(commit_read(&r, &c));
    if (lie == OTHER_SET)
        b->header.validators[3] ^=
            1; /* nobody knows its members, so nobody can say that it is false */
    for (size_t i = 0; i < c.n && lie == BAD_COMMIT; i++)
        c.sig[i][5] ^= 1;
    block_seal(b);
    memcpy(c.id, b->id, 32);
    buf_clear(&octets);
    buf_clear(&commit);
    block_encode(b, &octets);
    commit_encode(&c, &commit);
    reply(w, from, buf_span(&octets), buf_span(&commit));
    size_t n = octets.n;
    block_free(b);
    buf_free(&octets);
    buf_free(&commit);
    return n;
}

/* Member 0 hears nothing but what the test says, and is AHEAD blocks behind. */
static struct nodes *open_cell(uint64_t seed, uint64_t *ret_next) {
    struct nodes *w = nodes_new(N, seed);
    nodes_cut(w, 0, true);
    nodes_run(w, (AHEAD + 8) * 4 * SECOND);
    *ret_next = nodes_height(w, 0) + 1;
    assert_true(nodes_height(w, HONEST) > *ret_next + AHEAD);
    return w;
}

static const struct fetched *place(const struct nodes *w, uint64_t height) {
    return &w->m[0].node->fetched[height % SYNC_WINDOW];
}

static uint64_t drops(const struct nodes *w, enum node_drop d) {
    return node_counters(w->m[0].node)->drops[d];
}

static void answers_are_bounded_and_others_are_asked_beside(void **state) {
    (void)state;
    uint64_t next;
    struct nodes *w = open_cell(1, &next);
    struct node *n = w->m[0].node;
    nodes_claim_height(w, LIAR, 0, next + AHEAD + 1);
    fetch_tick(w->m[0].node, nodes_now(w, 0));
    assert_true(place(w, next)->asked && place(w, next)->asked_of == LIAR);
    size_t each = send_block(w, LIAR, next + 2, OTHER_SET);
    assert_non_null(place(w, next + 2)->block);
    n->limits.sync_octets = 4 * each + each / 2;
    for (uint64_t h = next + 3; h < next + 16; h++) {
        (void)send_block(w, LIAR, h, OTHER_SET);
        assert_true(n->fetched_octets <= n->limits.sync_octets);
    }
    assert_in_range(drops(w, NODE_DROP_SYNC_FULL), 8, 13);
    /* It looks like honest blocks under a set to come; the honest peer is asked beside it, once there is room. */
    n->limits.sync_octets = 64 << 20;
    nodes_claim_height(w, HONEST, 0, next + AHEAD + 1);
    fetch_tick(w->m[0].node, nodes_now(w, 0));
    assert_non_null(place(w, next + 2)->block);
    assert_true(place(w, next + 2)->asked && place(w, next + 2)->asked_of == HONEST);
    /* A second that cannot be checked does not take the place, and proves nothing. */
    uint64_t lies = drops(w, NODE_DROP_BAD_SIGNATURE);
    (void)send_block(w, LIAR, next + 2, OTHER_SET);
    assert_int_equal(drops(w, NODE_DROP_BAD_SIGNATURE), lies);
    (void)send_block(w, HONEST, next + 2, TRUE);
    assert_true(place(w, next + 2)->checked && place(w, next + 2)->from == HONEST);
    /* One that can be checked and is false is a lie at once, wherever its height is. */
    (void)send_block(w, LIAR, next + 9, BAD_COMMIT);
    assert_int_equal(drops(w, NODE_DROP_BAD_SIGNATURE), lies + 1);
    /* At its turn a false one is found out, and with it all of the same peer that nobody could check. */
    (void)send_block(w, HONEST, next, TRUE);
    (void)send_block(w, HONEST, next + 1, TRUE);
    assert_int_equal(nodes_height(w, 0), next + 2);
    assert_int_equal(drops(w, NODE_DROP_BAD_SIGNATURE), lies + 2);
    for (uint64_t h = next + 3; h < next + 16; h++)
        assert_null(place(w, h)->block);
    assert_int_equal(n->fetched_octets, 0);
    for (uint64_t h = next + 3; h < next + 16; h++) /* what it was asked for */
        (void)send_block(w, HONEST, h, TRUE);
    assert_int_equal(nodes_height(w, 0), next + 15);
    struct node_peer_status s;
    node_peer(n, HONEST, &s);
    assert_int_equal(s.score, 0);
    nodes_end(w);
}

/* The next block always finds room, however large it is. */
static void the_next_block_finds_room(void **state) {
    (void)state;
    uint64_t next;
    struct nodes *w = open_cell(2, &next);
    w->m[0].node->limits.sync_octets = 1;
    nodes_claim_height(w, HONEST, 0, next + AHEAD + 1);
    fetch_tick(w->m[0].node, nodes_now(w, 0));
    for (uint64_t h = next; h < next + AHEAD; h++) {
        (void)send_block(w, HONEST, h + 1, TRUE);
        assert_null(place(w, h + 1)->block);
        (void)send_block(w, HONEST, h, TRUE);
        assert_int_equal(nodes_height(w, 0), h);
    }
    assert_int_equal(drops(w, NODE_DROP_SYNC_FULL), AHEAD);
    struct node_peer_status s;
    node_peer(w->m[0].node, HONEST, &s);
    assert_int_equal(s.score, 0);
    nodes_end(w);
}

/* A slot that is given to somebody else answers for nothing of its former owner. */
static void a_new_owner_answers_for_nothing(void **state) {
    (void)state;
    uint64_t next;
    struct nodes *w = open_cell(3, &next);
    struct node *n = w->m[0].node;
    nodes_claim_height(w, LIAR, 0, next + AHEAD + 1);
    fetch_tick(w->m[0].node, nodes_now(w, 0));
    for (uint64_t h = next + 1; h < next + 9; h++)
        (void)send_block(w, LIAR, h, OTHER_SET);
    assert_true(n->fetched_octets > 0);
    struct node_peers *peers = ws_memdup(&n->peers, sizeof(n->peers));
    peers->curve_key[LIAR][0] ^= 1;
    node_set_peers(n, peers);
    assert_int_equal(n->fetched_octets, 0);
    assert_int_equal(n->peer[LIAR].outstanding, 0);
    peers->curve_key[LIAR][0] ^= 1;
    node_set_peers(n, peers);
    free(peers);
    nodes_end(w);
}

/* It sends whatever is decided, as fast as anybody can, but for one block. */
static void one_block_left_out_holds_up_nobody(void **state) {
    (void)state;
    uint64_t next;
    struct nodes *w = open_cell(4, &next);
    nodes_claim_height(w, LIAR, 0, next + 2); /* has next and next + 1, and is asked for both */
    nodes_claim_height(w, HONEST, 0, next + 1);
    (void)send_block(w, LIAR, next + 1, TRUE);
    uint64_t until = 2 * w->limits.status_us;
    uint64_t h = next + 2;
    for (uint64_t us = 0; us < until; us += until / 8, h++) {
        assert_true(place(w, next)->asked && place(w, next)->asked_of == LIAR);
        nodes_claim_height(w, LIAR, 0, h + 1);
        assert_true(place(w, h)->asked && place(w, h)->asked_of == LIAR);
        nodes_run(w, until / 8);
        (void)send_block(w, LIAR, h, TRUE);
    }
    assert_int_equal(drops(w, NODE_DROP_WITHHELD), 1);
    assert_true(place(w, next)->asked && place(w, next)->asked_of == HONEST);
    (void)send_block(w, HONEST, next, TRUE);
    assert_int_equal(nodes_height(w, 0), h - 1);
    nodes_end(w);
}

/* A range that takes long is not asked for twice while its blocks come. */
static void a_slow_range_is_waited_for(void **state) {
    (void)state;
    uint64_t next;
    struct nodes *w = open_cell(5, &next);
    nodes_claim_height(w, LIAR, 0, next + 8);
    nodes_claim_height(w, HONEST, 0, next + 8);
    for (uint64_t h = next; h < next + 8; h++) {
        assert_true(place(w, next + 7)->asked && place(w, next + 7)->asked_of == LIAR);
        nodes_run(w, w->limits.status_us);
        (void)send_block(w, LIAR, h, TRUE);
    }
    assert_int_equal(drops(w, NODE_DROP_WITHHELD), 0);
    assert_int_equal(nodes_height(w, 0), next + 7);
    nodes_end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_bounded_and_others_are_asked_beside),
        cmocka_unit_test(the_next_block_finds_room),
        cmocka_unit_test(a_new_owner_answers_for_nothing),
        cmocka_unit_test(one_block_left_out_holds_up_nobody),
        cmocka_unit_test(a_slow_range_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
