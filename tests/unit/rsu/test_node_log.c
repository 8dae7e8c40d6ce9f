/* What a node makes of a log that is not its own, or not whole; and the mempool by itself. */
#include "tests/support/cm.h"

#include "ledger/node/node_internal.h"
#include "ledger/policy/body.h"
#include "tests/support/exec_rig.h"
#include "tests/support/nodes.h"
#include "tests/support/orders.h"

enum { N = 4, SECOND = 1000000 };

static struct nodes *open_cell(void) {
    struct nodes *w = ws_alloc(sizeof(*w));
    nodes_open(w, N, 1);
    nodes_run_to(w, 3, 20 * SECOND);
    return w;
}

static void close_cell(struct nodes *w) {
    nodes_settle(w);
    nodes_close(w);
    free(w);
}

/* ---- the log ---- */

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
    struct nodes *w = open_cell();
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
    close_cell(w);
}

static void records_that_cannot_be_read_stop_the_start(void **state) {
    (void)state;
    struct nodes *w = open_cell();
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
    close_cell(w);
}

/* A log cut after each of its records is a log that a crash could have left: the node starts, and with the other
 * three it goes on. Its own votes that the cut took were never sent by this node, for it is started anew. */
static void every_prefix_of_a_log_is_a_start(void **state) {
    (void)state;
    struct nodes *w = open_cell();
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
    close_cell(w);
}

static void the_store_of_another_cell_is_refused(void **state) {
    (void)state;
    struct nodes *w = open_cell();
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
    close_cell(w);
}

/* ---- the mempool ---- */

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

/* Until node 0 has said something in the height in progress, as its proposer in every other run. */
static void run_into_a_height(struct nodes *w, enum cs_step step) {
    struct node_status s;
    do {
        nodes_run(w, 200);
        node_status(w->m[0].node, &s);
    } while (s.step != step || cs_proposer(w->m[0].node->cs, s.round) != (size_t)s.me);
}

/* A box comes back without its logs, at any moment of a height: what it said, the others remember. */
static void who_has_lost_its_log_contradicts_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct nodes *w = ws_alloc(sizeof(*w));
        nodes_open(w, 4, seed);
        nodes_run_to(w, 3, 60 * UINT64_C(1000000));
        uint64_t from = w->highest;
        (void)nodes_report(w, seed % 4, seed % TOWN_CARS, 30);
        run_into_a_height(w, seed % 2 == 0 ? CS_PREVOTE : CS_PRECOMMIT);
        struct nodes_member *m = &w->m[0];
        nodes_kill(w, 0, false);
        for (int i = 0; i < 2; i++)
            assert_int_equal(wal_restart(m->wal[i], NULL), WS_OK);
        assert_int_equal(nodes_start(w, 0, NULL), WS_OK);
        nodes_run_to(w, from + 4, 60 * UINT64_C(1000000));
        close_cell(w);
    }
}

struct older {
    struct wal *log;
    size_t n, most;
};

static int keep_older(void *ctx, uint8_t type, struct span payload, struct ws_err *err) {
    struct older *o = ctx;
    return o->n++ < o->most ? wal_append(o->log, type, payload, err) : WS_OK;
}

/* A disk comes back as it was earlier in the very height: its log is well formed and not all that was said. The host knows that it may be
 * so (ledger/store/sign_guard.h), and then the others are heard first. */
static void who_has_an_older_log_and_knows_it_contradicts_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct nodes *w = ws_alloc(sizeof(*w));
        nodes_open(w, 4, seed);
        nodes_run_to(w, 3, 60 * UINT64_C(1000000));
        uint64_t from = w->highest;
        (void)nodes_report(w, seed % 4, seed % TOWN_CARS, 30);
        run_into_a_height(w, seed % 2 == 0 ? CS_PREVOTE : CS_PRECOMMIT);
        struct wal **at = log_of_height(w);
        struct wal *own = *at;
        nodes_kill(w, 0, false);
        struct older o = {wal_open_memory(), 0, 1 + seed % 3};
        assert_int_equal(wal_replay(own, keep_older, &o, NULL), WS_OK);
        assert_true(o.n > o.most); /* something is missing */
        *at = o.log;
        wal_close(own);
        w->limits.listen_always = true;
        assert_int_equal(nodes_start(w, 0, NULL), WS_OK);
        assert_true(w->m[0].node->listening);
        assert_true(w->m[0].node->replayed > 0);
        nodes_run_to(w, from + 4, 60 * UINT64_C(1000000));
        assert_false(w->m[0].node->listening);
        close_cell(w);
    }
}

/* Whoever has heard from us falls silent before it could say so: we go on listening. */
static void who_falls_silent_has_told_nothing(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    nodes_kill(w, 0, true);
    nodes_wipe(w, 0);
    nodes_start_all(w);
    nodes_run_to(w, w->highest, 5 * SECOND);
    uint64_t h = nodes_height(w, 0);
    for (size_t i = 1; i < N; i++)
        nodes_cut(w, i, true);
    nodes_run(w, 5 * SECOND);
    assert_int_equal(nodes_height(w, 0), h);
    assert_true(w->m[0].node->listening);
    for (size_t i = 1; i < N; i++)
        nodes_cut(w, i, false);
    nodes_run(w, 5 * SECOND);
    assert_false(w->m[0].node->listening);
    close_cell(w);
}

/* A log that was begun while listening says nothing of what was said before the old one was lost. */
static void who_lost_power_while_listening_listens_on(void **state) {
    (void)state;
    struct nodes *w = open_cell();
    nodes_kill(w, 0, true);
    nodes_wipe(w, 0);
    nodes_start_all(w);
    const struct node *n = w->m[0].node;
    for (unsigned t = 0; n->height < w->highest || n->counters.wal_octets == 0; t++) {
        assert_true(t < 3000 && n->listening);
        nodes_run(w, 1000);
    }
    for (unsigned again = 0; again < 3; again++) {
        assert_true(w->m[0].node->listening);
        nodes_kill(w, 0, false);
        nodes_start_all(w);
        assert_true(w->m[0].node->replayed > 0);
        assert_true(w->m[0].node->listening);
    }
    nodes_run(w, 5 * SECOND);
    assert_false(w->m[0].node->listening);
    close_cell(w);
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
    struct nodes *w = open_cell();
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
    close_cell(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heights_that_do_not_follow_are_refused),
        cmocka_unit_test(records_that_cannot_be_read_stop_the_start),
        cmocka_unit_test(every_prefix_of_a_log_is_a_start),
        cmocka_unit_test(who_falls_silent_has_told_nothing),
        cmocka_unit_test(who_lost_power_while_listening_listens_on),
        cmocka_unit_test(an_old_block_that_is_too_large_now_stops_no_start),
        cmocka_unit_test(the_store_of_another_cell_is_refused),
        cmocka_unit_test(count_and_octets_bound_the_mempool),
        cmocka_unit_test(each_source_has_its_share),
        cmocka_unit_test(lanes_keep_their_order),
        cmocka_unit_test(who_has_lost_its_log_contradicts_nothing),
        cmocka_unit_test(who_has_an_older_log_and_knows_it_contradicts_nothing),
        cmocka_unit_test(each_source_has_its_share_of_the_unjudged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
