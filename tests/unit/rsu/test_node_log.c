/* What a node makes of a log that is not its own, or not whole. */
#include "tests/support/cm.h"

#include "ledger/node/node_internal.h"
#include "ledger/policy/body.h"
#include "tests/support/nodes.h"
#include "tests/support/orders.h"

enum { N = 4, SECOND = 1000000 };

static int keep_record(void *ctx, uint8_t type, struct span payload, struct ws_err *err) {
    struct buf *all = ctx;
    (void)err;
    buf_u8(all, type);
    buf_var(all, payload);
    return WS_OK;
}

/* Node 0's log of the height after the last it told of. */
static struct wal **log_of_height(struct nodes *w) {
    return &w->m[0].wal[(w->m[0].promised + 1) % 2];
}

/* Node 0 on its own store with this log instead of its own. 0 or what node_open said. */
static int start_on(struct nodes *w, struct wal *log, struct ws_err *err) {
    struct wal **at = log_of_height(w);
    struct wal *own = *at;
    *at = log;
    int rc = nodes_start(w, 0, err);
    if (rc == WS_OK)
        nodes_kill(w, 0, false);
    *at = own;
    return rc;
}

static struct wal *log_of(uint8_t type, struct span payload) {
    struct wal *log = wal_open_memory();
    assert_int_equal(wal_append(log, type, payload, NULL), WS_OK);
    return log;
}

static void event_begin(struct buf *b, uint64_t height) {
    buf_u8(b, LEDGER_VERSION);
    buf_u64(b, height);
    buf_u8(b, CS_EV_BEGIN);
}

static void heights_that_do_not_follow_are_refused(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 1);
    uint64_t h = nodes_height(w, 0);
    nodes_kill(w, 0, false);
    static const int64_t offsets[] = {-2, 0, 1, 2, 100};
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        struct buf b = {0};
        struct ws_err err = {0};
        event_begin(&b, (uint64_t)((int64_t)h + offsets[i]));
        struct wal *log = log_of(LOG_EVENT, buf_span(&b));
        int rc = start_on(w, log, &err);
        assert_int_equal(rc, offsets[i] <= 1 ? WS_OK : WS_EIO);
        if (rc != WS_OK)
            assert_non_null(strstr(err.text, "lost blocks"));
        wal_close(log);
        buf_free(&b);
    }
    nodes_end(w);
}

static void records_that_cannot_be_read_stop_the_start(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 1);
    uint64_t h = nodes_height(w, 0);
    nodes_kill(w, 0, false);
    struct buf good = {0};
    event_begin(&good, h + 1);
    for (size_t n = 0; n <= good.n + 1; n++) {
        struct buf b = {0};
        struct ws_err err = {0};
        buf_put(&b, good.p, n < good.n ? n : good.n);
        if (n > good.n)
            buf_u8(&b, 0);
        struct wal *log = log_of(LOG_EVENT, buf_span(&b));
        assert_int_equal(start_on(w, log, &err), n == good.n ? WS_OK : WS_EIO);
        wal_close(log);
        log = log_of(LOG_BLOCK, buf_span(&b));
        assert_int_not_equal(start_on(w, log, &err), WS_OK);
        wal_close(log);
        log = log_of(77, buf_span(&b));
        assert_int_equal(start_on(w, log, &err), WS_EIO);
        assert_non_null(strstr(err.text, "does not know"));
        wal_close(log);
        buf_free(&b);
    }
    for (unsigned kind = 0; kind < 256; kind++) {
        struct ws_err err = {0};
        good.p[good.n - 1] = (uint8_t)kind;
        struct wal *log = log_of(LOG_EVENT, buf_span(&good));
        assert_int_equal(start_on(w, log, &err), kind == CS_EV_BEGIN ? WS_OK : WS_EIO);
        wal_close(log);
    }
    buf_free(&good);
    nodes_end(w);
}

/* A log cut after each of its records is a log that a crash could have left: the node starts, and with the other
 * three it goes on. Its own votes that the cut took were never sent by this node, for it is started anew. */
static void every_prefix_of_a_log_is_a_start(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 1);
    while (wal_octets(*log_of_height(w)) < 1500) /* into a height */
        nodes_run(w, 500);
    struct buf all = {0};
    nodes_kill(w, 0, false);
    assert_int_equal(wal_replay(*log_of_height(w), keep_record, &all, NULL), WS_OK);
    assert_true(all.n > 0);
    struct rd r = rd_of(buf_span(&all));
    while (rd_left(&r) > 0) {
        (void)rd_u8(&r);
        (void)rd_var(&r, all.n);
        struct wal *log = wal_open_memory();
        struct rd again = rd_of(span_of(all.p, r.at));
        while (rd_left(&again) > 0) {
            uint8_t type = rd_u8(&again);
            struct span payload = rd_var(&again, all.n);
            assert_int_equal(wal_append(log, type, payload, NULL), WS_OK);
        }
        /* Whatever it would say now goes nowhere: the world checks only what one life of a node says. */
        nodes_cut(w, 0, true);
        struct table said = w->said;
        w->said = (struct table){0};
        struct ws_err err = {0};
        if (start_on(w, log, &err) != WS_OK)
            fail_msg("%zu octets: %s", r.at, err.text);
        for (size_t i = 0; i < w->said.cap; i++)
            free(w->said.slot[i].value);
        table_free(&w->said);
        w->said = said;
        wal_close(log);
    }
    assert_false(r.bad);
    buf_free(&all);
    nodes_end(w);
}

static void the_store_of_another_cell_is_refused(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 1);
    struct nodes *other = ws_alloc(sizeof(*other));
    nodes_open(other, N + 1, 1); /* another genesis */
    nodes_run_to(other, 2, 20 * SECOND);
    nodes_kill(w, 0, false);
    nodes_kill(other, 0, false);
    struct store *own = w->m[0].store;
    w->m[0].store = other->m[0].store;
    w->m[0].promised = 0; /* it is not the one that told of blocks */
    struct ws_err err = {0};
    int rc = nodes_start(w, 0, &err);
    assert_true(rc == WS_EINPUT || rc == WS_EIO);
    w->m[0].store = own;
    nodes_close(other);
    free(other);
    nodes_end(w);
}

/* An order as large as the cell was founded for; most of it is remarks. */
static void submit_large(struct nodes *w) {
    struct span script = founding_policy_script();
    struct buf padded = {0};
    struct buf body = {0};
    buf_put(&padded, script.p, script.n);
    while (padded.n < 40000)
        buf_put(&padded, "\n-- nothing", 11);
    assert_int_equal(policy_make_body("urban", buf_span(&padded), cell_policy_schema(),
                         cell_policy_limits(), &body, NULL),
        WS_OK);
    assert_int_equal(orders_submit(w, 0, ROLE_POLICY, 1, buf_span(&body), 1), TX_GOOD);
    buf_free(&padded);
    buf_free(&body);
}

/* The log of this parity still holds a block of the height before the last, and limits have been lowered since. */
static void an_old_block_that_is_too_large_now_stops_no_start(void **state) {
    (void)state;
    struct nodes *w = nodes_new(N, 1);
    submit_large(w);
    while (w->txs_of[TX_ORDER] == 0)
        nodes_run(w, 10000);
    uint64_t h = w->highest;
    nodes_run_to(w, h, SECOND);
    struct cell_params p = w->params;
    p.tx_octets_max = 32768;
    assert_int_equal(orders_change_params(w, 0, &p, 1), TX_GOOD);
    nodes_run_to(w, h + 5, 20 * SECOND);
    assert_int_equal(w->m[0].node->params->tx_octets_max, 32768);
    nodes_kill(w, 0, false);
    uint8_t key[8];
    struct buf block = {0};
    struct ws_err err = {0};
    put_be64(key, h);
    assert_int_equal(store_get(w->m[0].store, STORE_BLOCK, span_of(key, 8), &block, NULL), WS_OK);
    assert_true(block.n > 40000);
    struct wal *log = log_of(LOG_BLOCK, buf_span(&block));
    if (start_on(w, log, &err) != WS_OK)
        fail_msg("%s", err.text);
    wal_close(log);
    buf_free(&block);
    nodes_end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heights_that_do_not_follow_are_refused),
        cmocka_unit_test(records_that_cannot_be_read_stop_the_start),
        cmocka_unit_test(every_prefix_of_a_log_is_a_start),
        cmocka_unit_test(an_old_block_that_is_too_large_now_stops_no_start),
        cmocka_unit_test(the_store_of_another_cell_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
