/* The index of learning over stores that are made up: many rounds, events that come bit by bit, rounds whose beginning was pruned or never
 * came, and a store that contradicts itself. */
#include "tests/support/cm.h"

#include "base/mem.h"
#include "ledger/snapshot/meta.h"
#include "ledger/store/store.h"
#include "rsu/cell/cell.h"
#include "rsu/http/learning.h"

#include <stdlib.h>

struct world {
    struct store *store;
    struct learn_index *x;
    struct fl_open open;
    uint64_t height; /* of the last event */
};

static void begin(struct world *w) {
    static const uint8_t secret[FL_SECRET_OCTETS] = {1};
    struct fl_reader *r = fl_reader_new(secret);
    *w = (struct world){.store = store_open_memory(),
        .open = {.model = "risk",
            .params = 30,
            .n = 4,
            .config = {.scale = {.clip = 3 << 19, .clip_inf = 1 << 18},
                .rules = FL_RULES_DEFAULT,
                .suspicion = FL_SUSPICION_DEFAULT,
                .group_min = 8,
                .group = 16,
                .submissions_max = 100,
                .submit_us = 1,
                .attest_us = 1,
                .open_us = 1,
                .judge_us = 1,
                .epoch_us = 1}}};
    w->x = learn_index_new(w->store);
    assert_int_equal(fl_profile_by_octet(FL_STANDARD, &w->open.config.profile, NULL), WS_OK);
    for (size_t i = 0; i < w->open.n; i++)
        fl_reader_public(r, &w->open.seat[i].key);
    fl_reader_free(r);
}

static void end(struct world *w) {
    learn_index_free(w->x);
    store_close(w->store);
}

static void put(struct world *w, enum fl_event type, struct buf *body) {
    uint8_t key[15] = {CELL_CONTRACT_LEARN};
    struct event e = {.contract = CELL_CONTRACT_LEARN,
        .type = (uint16_t)type,
        .height = ++w->height,
        .sequence = 3,
        .body = buf_span(body)};
    struct buf value = {0};
    put_be16(key + 1, (uint16_t)type);
    put_be64(key + 3, e.height);
    put_be32(key + 11, e.sequence);
    event_encode(&e, &value);
    struct store_batch *b = store_batch_new(w->store);
    store_batch_put(b, STORE_EVENT, span_of(key + 3, 12), buf_span(&value));
    store_batch_put(b, STORE_INDEX, span_of(key, sizeof(key)), span_of("", 0));
    assert_int_equal(store_batch_write(b, NULL), WS_OK);
    buf_free(&value);
    buf_free(body);
}

static void put_open(struct world *w, uint64_t round) {
    struct buf b = {0};
    w->open.round = round;
    w->open.height = w->height + 1;
    fl_open_encode(&w->open, &b);
    put(w, FL_EVENT_OPEN, &b);
}

static void put_seed(struct world *w, uint64_t round) {
    struct buf b = {0};
    buf_u8(&b, FL_RECORDS_VERSION);
    buf_u64(&b, round);
    buf_put(&b, w->open.model_hash, 32);
    put(w, FL_EVENT_SEED, &b);
}

static void put_aborted(struct world *w, uint64_t round) {
    struct buf b = {0};
    buf_u8(&b, FL_RECORDS_VERSION);
    buf_u64(&b, round);
    buf_u8(&b, FL_ABORT_TOO_FEW);
    put(w, FL_EVENT_ABORTED, &b);
}

static void put_closed(struct world *w, uint64_t round, uint64_t version, bool vetoed) {
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    struct buf b = {0};
    *o = (struct fl_outcome){.round = round, .n_groups = 1, .step = true, .vetoed = vetoed};
    o->model_hash[0] = (uint8_t)version;
    buf_u8(&b, FL_RECORDS_VERSION);
    buf_u64(&b, version);
    buf_put(&b, w->open.model_hash, 32);
    fl_outcome_encode(o, &b);
    put(w, FL_EVENT_CLOSED, &b);
    free(o);
}

static void put_suspect(struct world *w, uint64_t round) {
    struct buf b = {0};
    buf_u8(&b, FL_RECORDS_VERSION);
    buf_u64(&b, round);
    buf_put(&b, w->open.model_hash, 32);
    buf_u32(&b, 0);
    buf_u32(&b, 0);
    put(w, FL_EVENT_SUSPECT, &b);
}

static void put_order(struct world *w, uint64_t version) {
    struct fl_model_order m = {.name = "risk", .params = 30, .hash = {(uint8_t)version}};
    struct buf b = {0};
    buf_u8(&b, FL_RECORDS_VERSION);
    buf_u64(&b, version);
    fl_model_order_encode(&m, &b);
    put(w, FL_EVENT_MODEL, &b);
}

static void prune(struct world *w, uint64_t from) {
    struct store_batch *b = store_batch_new(w->store);
    meta_put_pruned(b, &(struct meta_pruned){from, from});
    assert_int_equal(store_batch_write(b, NULL), WS_OK);
}

static void refresh(struct world *w) {
    struct ws_err err = {0};
    if (learn_index_refresh(w->x, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static void expect_rounds(struct world *w, uint64_t lowest, uint64_t highest) {
    uint64_t l = 77;
    uint64_t h = 77;
    learn_index_rounds(w->x, &l, &h);
    assert_int_equal(l, lowest);
    assert_int_equal(h, highest);
}

/* Asked after each event, or once at the end, the answer is the same. */
static void test_bit_by_bit(void **state) {
    (void)state;
    struct world w;
    struct learn_round r;
    begin(&w);
    refresh(&w);
    expect_rounds(&w, 0, 0);
    assert_false(learn_index_round(w.x, 1, &r));
    assert_false(learn_index_round(w.x, 0, &r));
    for (uint64_t n = 1; n <= 40; n++) {
        put_open(&w, n);
        const uint64_t opened = w.height;
        refresh(&w);
        put_seed(&w, n);
        refresh(&w);
        assert_true(learn_index_round(w.x, n, &r));
        assert_int_equal(r.at[JSON_LEARN_OPEN].height, opened);
        assert_int_equal(r.at[JSON_LEARN_OPEN].sequence, 3);
        assert_int_equal(r.at[JSON_LEARN_SEED].height, w.height);
        assert_int_equal(r.at[JSON_LEARN_END].height, 0);
        put_aborted(&w, n);
        refresh(&w);
        refresh(&w);
        assert_true(learn_index_round(w.x, n, &r));
        assert_int_equal(r.at[JSON_LEARN_END].height, w.height);
        assert_true(r.aborted);
    }
    expect_rounds(&w, 1, 40);
    struct learn_index *late = learn_index_new(w.store);
    assert_int_equal(learn_index_refresh(late, NULL), WS_OK);
    for (uint64_t n = 1; n <= 40; n++) {
        struct learn_round again;
        assert_true(learn_index_round(w.x, n, &r));
        assert_true(learn_index_round(late, n, &again));
        for (size_t k = 0; k < ARRAY_LEN(r.at); k++) {
            assert_int_equal(r.at[k].height, again.at[k].height);
            assert_int_equal(r.at[k].sequence, again.at[k].sequence);
        }
    }
    learn_index_free(late);
    end(&w);
}

/* Rounds whose OPEN event is not here are gone, their ends are not in the way, and the models that they made are there. */
static void test_beginnings_that_are_gone(void **state) {
    (void)state;
    struct world w;
    struct learn_round r;
    struct learn_model m[4];
    bool more = false;
    begin(&w);
    put_seed(&w, 7);
    put_closed(&w, 7, 3, false);
    put_open(&w, 8);
    const uint64_t eighth = w.height;
    put_suspect(&w, 8);
    const uint64_t standings = w.height;
    put_closed(&w, 8, 4, false);
    put_open(&w, 9);
    const uint64_t ninth = w.height;
    put_aborted(&w, 9);
    refresh(&w);
    expect_rounds(&w, 8, 9);
    assert_false(learn_index_round(w.x, 7, &r));
    assert_true(learn_index_round(w.x, 8, &r));
    assert_int_equal(r.at[JSON_LEARN_SUSPECT].height, standings);
    assert_int_equal(learn_index_models(w.x, UINT64_MAX, m, 4, &more), 2);
    assert_int_equal(m[0].version, 4);
    assert_int_equal(m[1].round, 7);
    prune(&w, eighth + 1);
    refresh(&w);
    expect_rounds(&w, 9, 9);
    assert_false(learn_index_round(w.x, 8, &r));
    assert_int_equal(learn_index_models(w.x, UINT64_MAX, m, 4, &more), 1);
    prune(&w, ninth + 1);
    refresh(&w);
    expect_rounds(&w, 0, 0);
    put_open(&w, 10);
    refresh(&w);
    expect_rounds(&w, 10, 10);
    end(&w);
}

/* Orders and rounds together, by version; what was vetoed made none. */
static void test_models(void **state) {
    (void)state;
    struct world w;
    struct learn_model m[8];
    bool more = true;
    begin(&w);
    put_order(&w, 1);
    put_open(&w, 1);
    put_closed(&w, 1, 2, false);
    put_open(&w, 2);
    put_closed(&w, 2, 2, true);
    put_order(&w, 3);
    put_open(&w, 3);
    put_closed(&w, 3, 4, false);
    refresh(&w);
    assert_int_equal(learn_index_models(w.x, UINT64_MAX, m, 8, &more), 4);
    assert_false(more);
    static const uint64_t rounds[] = {3, 0, 1, 0};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(m[i].version, 4 - i);
        assert_int_equal(m[i].round, rounds[i]);
        assert_int_equal(m[i].hash[0], 4 - i);
    }
    assert_int_equal(learn_index_models(w.x, 4, m, 2, &more), 2);
    assert_int_equal(m[0].version, 3);
    assert_true(more);
    assert_int_equal(learn_index_models(w.x, 1, m, 8, &more), 0);
    assert_true(learn_index_model(w.x, 2, m));
    assert_false(learn_index_model(w.x, 5, m));
    assert_false(learn_index_model(w.x, 0, m));
    assert_false(learn_index_model(w.x, UINT64_MAX, m));
    put_order(&w, 5);
    refresh(&w);
    assert_true(learn_index_model(w.x, 5, m));
    end(&w);
}

/* An error each time it is asked, and what was good before is still told. */
static void test_a_store_that_contradicts_itself(void **state) {
    (void)state;
    struct world w;
    struct ws_err err;
    begin(&w);
    put_open(&w, 1);
    refresh(&w);
    put_open(&w, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(learn_index_refresh(w.x, &err), WS_EIO);
        assert_non_null(strstr(err.text, "round 3 follows 1"));
    }
    expect_rounds(&w, 1, 1);
    end(&w);
    begin(&w);
    struct buf junk = {0};
    buf_put(&junk, (const uint8_t *)"junk", 4);
    put(&w, FL_EVENT_GROUPS, &junk);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(learn_index_refresh(w.x, &err), WS_EIO);
        assert_non_null(strstr(err.text, "damaged"));
    }
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bit_by_bit),
        cmocka_unit_test(test_beginnings_that_are_gone),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_a_store_that_contradicts_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
