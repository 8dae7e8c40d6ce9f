/* What one peer may do to a node, and what becomes of it: misdeeds add up and mute it, never its votes; two adjacent
 * protocols work in one cell; blocks come from several peers at a time. tests/support/nodes checks agreement. */
#include "tests/support/cm.h"

#include "ledger/exec/hash.h"
#include "ledger/node/node_internal.h"
#include "tests/support/nodes.h"

enum { N = 4, LIAR = 3, SECOND = 1000000, ASK = 0x32, REPLY = 0x3a };

static void say(struct nodes *w, size_t to, const char *octets, size_t n) {
    node_message(w->m[to].node, LIAR, span_of(octets, n), w->now);
}

static void ask_blocks(struct nodes *w, size_t to, uint64_t from, uint32_t count) {
    Wayside__Link__BlockRequest q = WAYSIDE__LINK__BLOCK_REQUEST__INIT;
    q.from = from;
    q.count = count;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_BLOCK_REQUEST;
    link.block_request = &q;
    nodes_deliver(w, LIAR, to, &link);
}

/* Garbage mutes whoever sends it, for everything but what consensus lives on: with another validator down its votes are
 * needed, and they count. */
static void the_muted_still_vote(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 1);
    struct node_peer_status p;
    for (size_t to = 0; to < LIAR; to++) {
        for (unsigned i = 0; i < 10; i++)
            say(w, to, "\x1a\x05garbage", 8);
        node_tick(w->m[to].node, w->now);
        node_peer(w->m[to].node, LIAR, &p);
        assert_true(p.muted);
        assert_int_equal(p.mutes, 1);
        assert_int_equal(node_counters(w->m[to].node)->mutes, 1);
        assert_int_equal(nodes_drops(w, to, NODE_DROP_MALFORMED), 10);
        uint64_t asked = w->m[to].node->peer[LIAR].blocks_octets;
        ask_blocks(w, to, 1, 1);
        assert_int_equal(nodes_drops(w, to, NODE_DROP_MUTED), 1);
        assert_int_equal(w->m[to].node->peer[LIAR].blocks_octets, asked);
    }
    nodes_kill(w, 0, false);
    nodes_run_to(w, w->highest + 5, 60 * SECOND);
    /* It ends. */
    nodes_run(w, 61 * SECOND);
    node_peer(w->m[1].node, LIAR, &p);
    assert_false(p.muted);
    nodes_end(w);
}

/* A misdeed now and then is forgiven. */
static void misdeeds_fade(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 2);
    struct node_peer_status p;
    for (unsigned i = 0; i < 30; i++) {
        say(w, 0, "\x1a\x05garbage", 8);
        nodes_run(w, 11 * SECOND);
    }
    node_peer(w->m[0].node, LIAR, &p);
    assert_false(p.muted);
    assert_int_equal(p.mutes, 0);
    assert_int_equal(nodes_drops(w, 0, NODE_DROP_MALFORMED), 30);
    nodes_end(w);
}

static struct vote some_vote(const struct nodes *w, size_t to, uint8_t id) {
    const struct node *n = w->m[to].node;
    struct vote v = {.type = VOTE_PREVOTE,
        .height = n->height + 1,
        .round = cs_round(n->cs) < 0 ? 0 : cs_round(n->cs),
        .locked_round = -1,
        .valid_round = -1,
        .validator = LIAR,
        .nil = id == 0};
    if (id != 0)
        memset(v.id, id, 32);
    nodes_sign_vote(w, LIAR, &v);
    return v;
}

/* A flood of signatures that do not verify costs so many checks a second, and a good one in a thousand is still found
 * when the flood has paused for a moment. */
static void bad_signatures_are_bounded(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 3);
    nodes_kill(w, LIAR, false);
    for (unsigned second = 0; second < 3; second++) {
        for (unsigned i = 0; i < 1000; i++) {
            struct vote v = some_vote(w, 0, 7);
            v.sig[i % 64] ^= 1;
            nodes_say_vote(w, LIAR, 0, &v);
        }
        nodes_run(w, SECOND);
    }
    unsigned each = w->limits.bad_checks_per_s;
    assert_in_range(nodes_drops(w, 0, NODE_DROP_BAD_SIGNATURE), 2 * each, 5 * each);
    assert_int_equal(
        nodes_drops(w, 0, NODE_DROP_BAD_SIGNATURE) + nodes_drops(w, 0, NODE_DROP_CHECKS), 3 * 1000);
    nodes_run_to(w, w->highest + 2, 30 * SECOND);
    nodes_start_all(w);
    nodes_run_to(w, w->highest + 2, 30 * SECOND);
    nodes_end(w);
}

/* ---- a statement and its contradiction ---- */

static bool same_round(const struct nodes *w) {
    return cs_round(w->m[0].node->cs) >= 0 && nodes_height(w, 0) == nodes_height(w, 1) &&
           cs_round(w->m[0].node->cs) == cs_round(w->m[1].node->cs);
}

static bool no_state_under_way(const struct nodes *w, size_t i) {
    uint64_t due = w->m[i].node->status_due_mono_us;
    return due > w->now.mono_us + 100000 && due < w->now.mono_us + 450000;
}

/* Two honest nodes hold one statement each of a liar, for the same place. Each learns of the other one within the round:
 * a bit for each validator cannot say that they differ. */
static void contradictions_are_exchanged(void **state) {
    (void)state;
    for (uint32_t protocol = 1; protocol <= 2; protocol++) {
        struct nodes *w = ws_alloc(sizeof(*w));
        nodes_open(w, N, 4);
        nodes_run_to(w, 2, 20 * SECOND);
        w->limits.protocol_max = protocol;
        for (size_t i = 0; i < 2; i++) {
            nodes_kill(w, i, false);
            assert_int_equal(nodes_start(w, i, NULL), WS_OK);
        }
        nodes_run_to(w, w->highest + 2, 20 * SECOND);
        nodes_kill(w, LIAR, false);
        nodes_kill(w, 2, false); /* no quorum: the height stays */
        uint64_t end = w->now.mono_us + 60 * SECOND;
        while (!same_round(w) || !no_state_under_way(w, 0) || !no_state_under_way(w, 1)) {
            assert_true(w->now.mono_us < end);
            nodes_run(w, 1000);
        }
        struct vote a = some_vote(w, 0, 7);
        struct vote b = some_vote(w, 0, 8);
        nodes_say_vote(w, LIAR, 0, &a);
        nodes_say_vote(w, LIAR, 1, &b);
        nodes_run(w, 2 * SECOND);
        assert_int_equal(node_counters(w->m[0].node)->evidence, protocol == 1 ? 0 : 1);
        assert_int_equal(node_counters(w->m[1].node)->evidence, protocol == 1 ? 0 : 1);
        nodes_close(w);
        free(w);
    }
}

/* ---- protocols ---- */

struct listener {
    size_t tagged[NODES_MAX]; /* states with fields of protocol 2, by sender */
    size_t unknown; /* kinds that protocol 1 has not */
};

static bool listen_in(void *ctx, size_t from, size_t to, struct buf *msg) {
    struct listener *l = ctx;
    (void)to;
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg->n, msg->p);
    assert_non_null(link);
    l->unknown += link->body_case > WAYSIDE__LINK__LINK__BODY_CANDIDATE_REPLY;
    l->tagged[from] +=
        link->body_case == WAYSIDE__LINK__LINK__BODY_STATUS && link->status->salt.len > 0;
    wayside__link__link__free_unpacked(link, NULL);
    return true;
}

static void restart_with(struct nodes *w, size_t i, uint32_t protocol_max) {
    nodes_kill(w, i, false);
    w->limits.protocol_max = protocol_max;
    assert_int_equal(nodes_start(w, i, NULL), WS_OK);
}

/* One after the other gets the new version, and one goes back; transactions are committed all the while, and who was
 * away catches up from either kind. */
static void rolling_upgrade(void **state) {
    (void)state;
    struct listener l = {{0}, 0};
    struct nodes *w = nodes_new(N, 5);
    for (size_t i = 0; i < N; i++)
        restart_with(w, i, 1);
    w->tap = listen_in;
    w->tap_ctx = &l;
    nodes_run_to(w, w->highest + 2, 30 * SECOND);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(l.tagged[i], 0);
    for (size_t i = 0; i < N; i++) {
        restart_with(w, i, 2);
        nodes_kill(w, (i + 1) % N, false);
        assert_int_equal(nodes_report(w, i, i, 30), TX_GOOD);
        nodes_run(w, 10 * SECOND);
        w->limits.protocol_max = (i + 1) % N < i ? 2 : 1;
        assert_int_equal(nodes_start(w, (i + 1) % N, NULL), WS_OK);
        nodes_run_to(w, w->highest + 2, 30 * SECOND);
        assert_true(l.tagged[i] > 0);
        struct node_peer_status p;
        for (size_t k = 0; k < N; k++) {
            node_peer(w->m[i].node, k, &p);
            if (k != i)
                assert_int_equal(p.protocol, k < i ? 2 : 1);
        }
    }
    restart_with(w, 0, 1);
    nodes_run_to(w, w->highest + 3, 30 * SECOND);
    assert_int_equal(l.unknown, 0);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(nodes_drops(w, i, NODE_DROP_MALFORMED), 0);
        assert_int_equal(nodes_drops(w, i, NODE_DROP_PROTOCOL), 0);
    }
    nodes_end(w);
}

/* Who speaks nothing that we do is named and counted, not believed, and not answered. */
static void strange_protocols_are_left_alone(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 6);
    nodes_kill(w, LIAR, false);
    Wayside__Link__Status s = WAYSIDE__LINK__STATUS__INIT;
    char software[] = "of the future";
    s.height = 1000;
    s.protocol = 9;
    s.protocol_min = 8;
    s.software = software;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_STATUS;
    link.status = &s;
    nodes_deliver(w, LIAR, 0, &link);
    assert_int_equal(nodes_drops(w, 0, NODE_DROP_PROTOCOL), 1);
    ask_blocks(w, 0, 1, 1);
    assert_int_equal(nodes_drops(w, 0, NODE_DROP_PROTOCOL), 2);
    struct node_peer_status p;
    node_peer(w->m[0].node, LIAR, &p);
    assert_int_equal(p.height, 0);
    assert_string_equal(p.software, "of the future");
    /* Nor is 1 to 3 strange, nor a kind that we do not know. */
    s.protocol = 3;
    s.protocol_min = 1;
    s.height = 1;
    nodes_deliver(w, LIAR, 0, &link);
    assert_int_equal(nodes_drops(w, 0, NODE_DROP_PROTOCOL), 2);
    node_peer(w->m[0].node, LIAR, &p);
    assert_int_equal(p.protocol, NODE_PROTOCOL_MAX);
    say(w, 0, "\xf2\x01\x03new", 6); /* field 30 */
    assert_int_equal(nodes_drops(w, 0, NODE_DROP_UNKNOWN_KIND), 1);
    assert_int_equal(nodes_drops(w, 0, NODE_DROP_MALFORMED), 0);
    say(w, 0, "", 0);
    assert_int_equal(nodes_drops(w, 0, NODE_DROP_MALFORMED), 1);
    nodes_end(w);
}

/* ---- states ---- */

static void tags_are_read_strictly(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 7);
    nodes_kill(w, LIAR, false);
    uint8_t bits[1] = {0xc0};
    uint8_t salt[8] = {1};
    uint8_t tags[64] = {1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0};
    char software[] = "liar";
    Wayside__Link__Status s = WAYSIDE__LINK__STATUS__INIT;
    s.protocol = 2;
    s.protocol_min = 1;
    s.software = software;
    s.prevotes = (ProtobufCBinaryData){1, bits};
    s.salt = (ProtobufCBinaryData){8, salt};
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_STATUS;
    link.status = &s;
    w->m[0].node->limits.score_max = UINT32_MAX;
    for (size_t n = 0; n <= 16; n++) {
        uint64_t before = nodes_drops(w, 0, NODE_DROP_MALFORMED);
        w->now.mono_us += SECOND;
        s.height = nodes_height(w, 0) + 1;
        s.tags = (ProtobufCBinaryData){n, tags};
        nodes_deliver(w, LIAR, 0, &link);
        assert_int_equal(nodes_drops(w, 0, NODE_DROP_MALFORMED) - before, n == 14 ? 0 : 1);
    }
    uint8_t many[VALIDATORS_MAX / 8 + 1] = {0};
    s.tags = (ProtobufCBinaryData){14, tags};
    s.precommits = (ProtobufCBinaryData){sizeof(many), many};
    uint64_t before = nodes_drops(w, 0, NODE_DROP_MALFORMED);
    nodes_deliver(w, LIAR, 0, &link);
    assert_int_equal(nodes_drops(w, 0, NODE_DROP_MALFORMED), before + 1);
    nodes_end(w);
}

static void lowered_heights_are_noted(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 8);
    nodes_kill(w, LIAR, false);
    char software[] = "liar";
    Wayside__Link__Status s = WAYSIDE__LINK__STATUS__INIT;
    s.protocol = 1;
    s.software = software;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_STATUS;
    link.status = &s;
    static const uint64_t heights[] = {100, 101, 100, 98, 97, 500, 3};
    static const uint64_t want[] = {0, 0, 0, 1, 1, 1, 2};
    for (size_t i = 0; i < ARRAY_LEN(heights); i++) {
        s.height = heights[i];
        nodes_deliver(w, LIAR, 0, &link);
        assert_int_equal(nodes_drops(w, 0, NODE_DROP_LOWERED), want[i]);
        struct node_peer_status p;
        node_peer(w->m[0].node, LIAR, &p);
        assert_int_equal(p.score > 0, want[i] > 1); /* a disk is lost once */
    }
    nodes_end(w);
}

/* ---- blocks from several ---- */

struct fetching {
    size_t asked[NODES_MAX]; /* questions for blocks, by whom they went to */
    size_t blocks[NODES_MAX]; /* blocks that came, by sender */
    size_t of[4096]; /* the same, by height */
    size_t silent; /* this one sends no block */
};

static bool watch_fetching(void *ctx, size_t from, size_t to, struct buf *msg) {
    struct fetching *f = ctx;
    if (msg->n > 0 && msg->p[0] == ASK && from == 0)
        f->asked[to]++;
    if (msg->n == 0 || msg->p[0] != REPLY || to != 0)
        return true;
    if (from == f->silent)
        return false;
    f->blocks[from]++;
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg->n, msg->p);
    struct commit c;
    struct rd r = rd_of(span_of(link->block_reply->commit.data, link->block_reply->commit.len));
    assert_true(commit_read(&r, &c));
    f->of[c.height]++;
    wayside__link__link__free_unpacked(link, NULL);
    return true;
}

static struct fetching fall_behind_and_return(struct nodes *w, size_t silent) {
    struct fetching f = {.silent = silent};
    nodes_cut(w, 0, true);
    uint64_t far = w->highest + 150;
    while (w->highest < far)
        nodes_run(w, SECOND);
    w->tap = watch_fetching;
    w->tap_ctx = &f;
    nodes_cut(w, 0, false);
    uint64_t end = w->now.mono_us + 60 * SECOND;
    while (nodes_height(w, 0) + 1 < w->highest) {
        assert_true(w->now.mono_us < end);
        nodes_run(w, 10000);
    }
    w->tap = NULL;
    return f;
}

static void ranges_come_from_all(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 9);
    uint64_t before = nodes_height(w, 0);
    struct fetching f = fall_behind_and_return(w, NODES_MAX);
    size_t sum = 0;
    for (size_t i = 1; i < N; i++) {
        assert_true(f.blocks[i] >= 16); /* each a fair part */
        sum += f.blocks[i];
    }
    assert_true(sum >= 148);
    for (uint64_t h = before + 1; h <= before + 140; h++)
        assert_in_range(f.of[h], 1, 1); /* nothing twice */
    assert_int_equal(nodes_drops(w, 0, NODE_DROP_WITHHELD), 0);
    assert_true(node_counters(w->m[0].node)->synced_blocks >= 148);
    nodes_end(w);
}

static void who_withholds_is_passed_over(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 10);
    struct fetching f = fall_behind_and_return(w, 1);
    assert_int_equal(f.blocks[1], 0);
    assert_true(f.blocks[2] > 0 && f.blocks[3] > 0);
    assert_true(nodes_drops(w, 0, NODE_DROP_WITHHELD) > 0);
    assert_true(f.asked[1] <= 12); /* and not asked over and over */
    nodes_end(w);
}

/* A question for everything, over and over, is answered at a pace, and others are served meanwhile. */
static void questions_for_blocks_are_paced(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 11);
    nodes_run_to(w, w->highest + 100, 400 * SECOND);
    nodes_kill(w, LIAR, false);
    struct fetching f = {.silent = NODES_MAX};
    w->tap = watch_fetching;
    w->tap_ctx = &f;
    uint64_t end = w->now.mono_us + SECOND;
    while (w->now.mono_us < end) {
        for (uint64_t h = 1; h < 90; h += 16)
            ask_blocks(w, 1, h, 16);
        nodes_run(w, 10000);
    }
    const struct peer *p = &w->m[1].node->peer[LIAR];
    assert_in_range(p->n_sent, 1, SENT_MAX);
    assert_true(nodes_drops(w, 1, NODE_DROP_ASKS_TOO_MUCH) > 100);
    w->tap = NULL;
    nodes_end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_muted_still_vote),
        cmocka_unit_test(misdeeds_fade),
        cmocka_unit_test(bad_signatures_are_bounded),
        cmocka_unit_test(contradictions_are_exchanged),
        cmocka_unit_test(rolling_upgrade),
        cmocka_unit_test(strange_protocols_are_left_alone),
        cmocka_unit_test(tags_are_read_strictly),
        cmocka_unit_test(lowered_heights_are_noted),
        cmocka_unit_test(ranges_come_from_all),
        cmocka_unit_test(who_withholds_is_passed_over),
        cmocka_unit_test(questions_for_blocks_are_paced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
