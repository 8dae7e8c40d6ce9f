/* Orders of the authorities, the roots of a block, and a restart in the middle. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "ledger/exec/hash.h"
#include "tests/support/exec_rig.h"

#define SECOND UINT64_C(1000000)

static void short_memory(struct genesis *g) {
    g->params.body_horizon_us = 60 * SECOND;
    g->params.message_age_us = 20 * SECOND;
    g->params.certs_max = 16;
    g->params.messages_max = 1024;
}

static struct exec_rig *open_rig(void) {
    struct exec_rig *r = ws_alloc(sizeof(*r));
    exec_rig_open(r, short_memory);
    return r;
}

static void close_rig(struct exec_rig *r) {
    exec_rig_close(r);
    free(r);
}

/* ---- orders ---- */

static const struct rig_order good_order = {.sequence = 5,
    .expiry = UINT64_MAX / 2,
    .role = ROLE_POLICY,
    .kind = 1,
    .body = "new",
    .signers = 3};

static void expect_order(struct exec_rig *r, const struct rig_order *o, enum tx_verdict want) {
    struct tx *t = rig_order(r, o);
    enum tx_verdict v = rig_verdict(r, r->time + SECOND, t);
    if (v != want)
        fail_msg("%s instead of %s", tx_verdict_text(v), tx_verdict_text(want));
    tx_unref(t);
}

static void quorums_are_of_the_role(void **state) {
    (void)state;
    struct exec_rig *r = open_rig();
    /* Policy: two of 0, 1, 2. Map: one of 0, 1. Identity: one of 0. Committee: nobody, not even all. */
    static const struct {
        enum exec_role role;
        unsigned signers;
        bool good;
    } cases[] = {{ROLE_POLICY, 3, true}, {ROLE_POLICY, 5, true}, {ROLE_POLICY, 6, true},
        {ROLE_POLICY, 7, true}, {ROLE_POLICY, 1, false}, {ROLE_POLICY, 4, false},
        {ROLE_POLICY, 0, false}, {ROLE_MAP, 1, true}, {ROLE_MAP, 2, true}, {ROLE_MAP, 4, false},
        {ROLE_MAP, 5, false}, {ROLE_IDENTITY, 1, true}, {ROLE_IDENTITY, 2, false},
        {ROLE_IDENTITY, 3, false}, {ROLE_COMMITTEE, 7, false}, {ROLE_COMMITTEE, 0, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig_order o = good_order;
        o.role = cases[i].role;
        o.signers = cases[i].signers;
        expect_order(r, &o, cases[i].good ? TX_GOOD : TX_ORDER_QUORUM);
    }
    close_rig(r);
}

/* Each octet of an order is under the signatures, in a signature, or read. */
static void no_octet_of_an_order_can_be_changed(void **state) {
    (void)state;
    struct exec_rig *r = open_rig();
    struct tx *t = rig_order(r, &good_order);
    size_t judged = 0;
    for (size_t i = 0; i < t->octets.n * 8; i++) {
        uint8_t *copy = ws_memdup(t->octets.p, t->octets.n);
        copy[i / 8] = (uint8_t)(copy[i / 8] ^ 1U << i % 8);
        struct tx *other = NULL;
        if (tx_parse(span_of(copy, t->octets.n), &other, NULL) == WS_OK) {
            assert_int_not_equal(rig_verdict(r, r->time + SECOND, other), TX_GOOD);
            judged++;
            tx_unref(other);
        }
        free(copy);
    }
    assert_true(judged > 1000);
    tx_unref(t);
    close_rig(r);
}

static void orders_of_another_cell_count_nothing_here(void **state) {
    (void)state;
    struct exec_rig *here = open_rig();
    struct exec_rig *there = ws_alloc(sizeof(*there));
    exec_rig_open(there, NULL); /* the same authorities, other parameters */
    struct tx *t = rig_order(there, &good_order);
    assert_int_equal(rig_verdict(here, here->time + SECOND, t), TX_ORDER_QUORUM);
    tx_unref(t);
    t = rig_order(there, &good_order);
    assert_int_equal(rig_verdict(there, there->time + SECOND, t), TX_GOOD);
    tx_unref(t);
    close_rig(here);
    exec_rig_close(there);
    free(there);
}

static void expiry_kind_and_content_are_judged(void **state) {
    (void)state;
    struct exec_rig *r = open_rig();
    struct rig_order o = good_order;
    o.expiry = r->time + SECOND; /* the time of the block in expect_order */
    expect_order(r, &o, TX_GOOD);
    o.expiry--;
    expect_order(r, &o, TX_ORDER_EXPIRED);
    o = good_order;
    o.kind = 2;
    expect_order(r, &o, TX_NO_CONTRACT);
    o = good_order;
    o.body = "refuse";
    expect_order(r, &o, TX_CONTRACT_REFUSES);
    o.signers = 1; /* signatures come before the contract is asked */
    expect_order(r, &o, TX_ORDER_QUORUM);
    o = good_order;
    o.sequence = 0;
    expect_order(r, &o, TX_ORDER_SEQUENCE);
    close_rig(r);
}

static struct tx *order_with(struct exec_rig *r, uint64_t sequence, enum exec_role role) {
    struct rig_order o = good_order;
    o.sequence = sequence;
    o.role = role;
    return rig_order(r, &o);
}

static void sequences_grow_within_a_block_and_after_it(void **state) {
    (void)state;
    struct exec_rig *r = open_rig();
    struct rig_order fail_order = good_order;
    fail_order.sequence = 8;
    fail_order.body = "fail";
    struct tx *t[] = {order_with(r, 5, ROLE_POLICY), order_with(r, 5, ROLE_POLICY),
        order_with(r, 4, ROLE_POLICY), order_with(r, 7, ROLE_POLICY), order_with(r, 6, ROLE_POLICY),
        order_with(r, 1, ROLE_MAP), rig_order(r, &fail_order), order_with(r, 8, ROLE_POLICY)};
    static const bool good[] = {true, false, false, true, false, true, true, false};
    struct check *c = check_new(r->ex, r->time + 1);
    struct tx *taken[ARRAY_LEN(t)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        assert_int_equal(check_tx(c, t[i]), good[i] ? TX_GOOD : TX_ORDER_SEQUENCE);
        if (good[i])
            taken[n++] = t[i];
    }
    check_free(c);
    rig_run(r, r->time + 1, taken, n);
    assert_int_equal(r->outcome.results[0].code, EXEC_OK);
    assert_int_equal(r->outcome.results[3].code, RIG_REFUSED);
    assert_string_equal(executor_code_name(r->ex, r->outcome.results[3]), "refused");
    assert_int_equal(r->outcome.results[3].contract, RIG_PROBE);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        tx_unref(t[i]);
    /* What failed has used its number all the same: nobody can play it again when it would succeed. */
    struct rig_order o = good_order;
    o.sequence = 8;
    expect_order(r, &o, TX_ORDER_SEQUENCE);
    o.sequence = 9;
    expect_order(r, &o, TX_GOOD);
    o.role = ROLE_MAP;
    o.sequence = 1;
    expect_order(r, &o, TX_ORDER_SEQUENCE);
    o.sequence = 2;
    expect_order(r, &o, TX_GOOD);
    o.sequence = UINT64_MAX; /* there would be no next one */
    expect_order(r, &o, TX_ORDER_SEQUENCE);
    o.sequence = r->time + (UINT64_C(1) << 52);
    expect_order(r, &o, TX_GOOD);
    close_rig(r);
}

/* ---- roots ---- */

static void hash_of(const struct buf *b, uint8_t *ret) {
    exec_sha256_one(buf_span(b), ret);
}

/* RFC 6962, recursively. */
static void naive_root(const hash32 *leaf, size_t n, uint8_t *ret) {
    struct buf b = {0};
    if (n == 1) {
        memcpy(ret, leaf[0], 32);
        return;
    }
    if (n > 1) {
        size_t k = 1;
        while (k * 2 < n)
            k *= 2;
        hash32 l;
        hash32 r;
        naive_root(leaf, k, l);
        naive_root(leaf + k, n - k, r);
        buf_u8(&b, 1);
        buf_put(&b, l, 32);
        buf_put(&b, r, 32);
    }
    hash_of(&b, ret);
    buf_free(&b);
}

static void check_roots(const struct exec_outcome *o, uint64_t height) {
    hash32 leaf[64];
    hash32 root;
    struct buf b = {0};
    assert_true(o->n_results <= 64 && o->n_events <= 64);
    for (size_t i = 0; i < o->n_results; i++) {
        buf_clear(&b);
        buf_u8(&b, 0); /* leaf */
        buf_u8(&b, 1); /* version */
        buf_u32(&b, (uint32_t)i);
        buf_u8(&b, o->results[i].contract);
        buf_u16(&b, o->results[i].code);
        hash_of(&b, leaf[i]);
    }
    naive_root((const hash32 *)leaf, o->n_results, root);
    assert_memory_equal(root, o->result_root, 32);
    for (size_t i = 0; i < o->n_events; i++) {
        const struct event *e = &o->events[i];
        assert_int_equal(e->height, height);
        assert_int_equal(e->sequence, i);
        buf_clear(&b);
        buf_u8(&b, 0);
        buf_u8(&b, 1);
        buf_u8(&b, e->contract);
        buf_u16(&b, e->type);
        buf_u64(&b, height);
        buf_u32(&b, (uint32_t)i);
        buf_u32(&b, (uint32_t)e->body.n);
        buf_put(&b, e->body.p, e->body.n);
        hash_of(&b, leaf[i]);
    }
    naive_root((const hash32 *)leaf, o->n_events, root);
    assert_memory_equal(root, o->event_root, 32);
    buf_free(&b);
}

static void roots_are_those_of_the_documents(void **state) {
    (void)state;
    struct exec_rig *r = open_rig();
    struct exec_outcome first;
    hash32 root;
    executor_first_roots(r->ex, &first);
    check_roots(&first, 0);
    state_root(executor_state(r->ex), root);
    assert_memory_equal(first.state_root, root, 32);
    for (size_t n = 0; n < 12; n++) {
        struct tx *t[24];
        size_t k = 0;
        if (n < 6)
            t[k++] = rig_cert(r, n);
        for (size_t i = 0; i < n; i++)
            t[k++] = rig_message(r, i % 6, r->town.epoch + n * SECOND + i, 50);
        if (n == 4)
            t[k++] = order_with(r, 1, ROLE_MAP);
        rig_run(r, r->town.epoch + n * SECOND, t, k);
        assert_int_equal(r->outcome.n_results, k);
        assert_int_equal(r->outcome.n_events, n == 0 ? 0 : n); /* one for each message that ran */
        check_roots(&r->outcome, n + 1);
        state_root(executor_state(r->ex), root);
        assert_memory_equal(r->outcome.state_root, root, 32);
        for (size_t i = 0; i < k; i++)
            tx_unref(t[i]);
    }
    close_rig(r);
}

/* ---- restart ---- */

static void same_outcome(const struct exec_outcome *a, const struct exec_outcome *b) {
    assert_memory_equal(a->state_root, b->state_root, 32);
    assert_memory_equal(a->result_root, b->result_root, 32);
    assert_memory_equal(a->event_root, b->event_root, 32);
}

/* After every block a second host starts from the state alone; both judge the same transactions alike and give the
 * same roots from there on. Time jumps, so that forgetting falls into every place. */
static void a_restart_changes_no_verdict_and_no_root(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        struct exec_rig *r = open_rig();
        struct ws_random rnd = ws_random_seeded(seed);
        struct executor *twin = exec_rig_restarted(r);
        uint64_t time = r->town.epoch;
        for (size_t h = 0; h < 60; h++) {
            time += 1 + ws_random_below(&rnd, h % 10 == 9 ? 70 * SECOND : 6 * SECOND);
            struct tx *t[16];
            struct tx *taken[16];
            size_t n = 0;
            struct check *a = check_new(r->ex, time);
            struct check *b = check_new(twin, time);
            for (size_t i = 0; i < 16; i++) {
                size_t car = ws_random_below(&rnd, 20);
                uint64_t kind = ws_random_below(&rnd, 8);
                uint64_t at = time - ws_random_below(&rnd, 22 * SECOND);
                at -= at % (5 * SECOND); /* the same message now and then */
                t[i] = kind < 3    ? rig_cert(r, car)
                       : kind == 3 ? order_with(r, ws_random_below(&rnd, 100), ROLE_MAP)
                                   : rig_message(r, car, at, 50);
                enum tx_verdict va = check_tx(a, t[i]);
                assert_int_equal(va, check_tx(b, t[i]));
                if (va == TX_GOOD)
                    taken[n++] = t[i];
            }
            check_free(a);
            check_free(b);
            struct exec_outcome o;
            rig_run(r, time, taken, n);
            rig_run_on(twin, time, taken, n, &o);
            same_outcome(&r->outcome, &o);
            for (size_t i = 0; i < n; i++) { /* what was called good ran */
                if (o.results[i].code != EXEC_OK)
                    fail_msg("height %zu: %s", h, executor_code_name(twin, o.results[i]));
            }
            exec_outcome_free(&o);
            for (size_t i = 0; i < 16; i++)
                tx_unref(t[i]);
            if (h % 3 == 0) {
                executor_free(twin);
                twin = exec_rig_restarted(r);
                assert_int_equal(executor_height(twin), h + 1);
            }
        }
        executor_free(twin);
        close_rig(r);
    }
}

static void a_damaged_certificate_entry_stops_the_start(void **state) {
    (void)state;
    struct exec_rig *r = open_rig();
    struct tx *cert = rig_cert(r, 0);
    rig_run(r, r->town.epoch, &cert, 1);
    tx_unref(cert);
    uint8_t prefix = 'c';
    struct span k;
    struct span v;
    assert_true(state_next(executor_state(r->ex), 0, span_of(&prefix, 1), span_of("", 0), &k, &v));
    uint8_t *key = ws_memdup(k.p, k.n);
    uint8_t *value = ws_memdup(v.p, v.n);
    size_t n = v.n;
    for (size_t cut = 0; cut < n; cut += 7) {
        struct executor *ex = exec_rig_restarted(r);
        struct ws_err err = {0};
        state_put(executor_state(ex), 0, span_of(key, 33), span_of(value, cut));
        int rc = executor_resume(ex, 1, &err);
        assert_int_equal(rc, WS_EIO);
        assert_non_null(strstr(err.text, "identity"));
        executor_free(ex);
    }
    free(key);
    free(value);
    close_rig(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quorums_are_of_the_role),
        cmocka_unit_test(no_octet_of_an_order_can_be_changed),
        cmocka_unit_test(orders_of_another_cell_count_nothing_here),
        cmocka_unit_test(expiry_kind_and_content_are_judged),
        cmocka_unit_test(sequences_grow_within_a_block_and_after_it),
        cmocka_unit_test(roots_are_those_of_the_documents),
        cmocka_unit_test(a_restart_changes_no_verdict_and_no_root),
        cmocka_unit_test(a_damaged_certificate_entry_stops_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
