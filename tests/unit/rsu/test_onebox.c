/* A whole cell in one process: signed reports in, one agreed and provable map change out, also when validators crash
 * at any moment. The shipped node, contracts and codecs; only disk and network are twins. */
#include "tests/support/cm.h"

#include "ledger/exec/hash.h"
#include "ledger/node/query.h"
#include "mapsvc/diff.h"
#include "rsu/onebox.h"
#include "tests/support/town.h"

#include <stdio.h>

enum { N = 4, CARS_SENT = 24, STEP_US = 500000 };

struct run {
    struct town town;
    struct buf genesis;
    uint8_t seeds[N][32];
    struct onebox *box;
    size_t blocks, versions;
    uint64_t version_height;
    uint32_t version_sequence;
    struct map_version version;
    hash32 id_at[4096];
};

static void on_committed(void *ctx, size_t validator, const struct block *b, const struct commit *c,
    const struct exec_outcome *o) {
    struct run *r = ctx;
    (void)validator;
    (void)c;
    r->blocks++;
    assert_true(b->header.height < ARRAY_LEN(r->id_at));
    memcpy(r->id_at[b->header.height], b->id, 32);
    for (size_t i = 0; i < o->n_events; i++) {
        if (o->events[i].contract != CELL_CONTRACT_MAP || o->events[i].type != MAP_EVENT_VERSION)
            continue;
        struct ws_err err;
        if (r->versions++ == 0) {
            assert_int_equal(map_version_decode(o->events[i].body, &r->version, &err), 0);
            r->version_height = b->header.height;
            r->version_sequence = o->events[i].sequence;
        }
    }
}

static void open_run(struct run *r) {
    memset(r, 0, sizeof(*r));
    town_build(&r->town, 1);
    for (size_t i = 0; i < N; i++)
        memset(r->seeds[i], (int)(i + 1), 32);
    town_genesis(&r->town, (const uint8_t(*)[32])r->seeds, N, &r->genesis);
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
}

static void close_run(struct run *r) {
    onebox_free(r->box);
    if (r->versions > 0)
        map_version_free(&r->version);
    town_free(&r->town);
    buf_free(&r->genesis);
}

static void step(struct run *r, uint64_t us) {
    struct ws_err err = {0};
    if (onebox_run_until(r->box, onebox_now(r->box).mono_us + us, &err) != 0)
        fail_msg("%s", err.text);
}

static enum tx_verdict submit(struct run *r, size_t validator, size_t car, int32_t value) {
    struct buf spdu = {0};
    struct buf tx = {0};
    struct node *n = onebox_node(r->box, validator);
    struct ws_now now = onebox_now(r->box);
    town_report(&r->town, car, now.its_us, value, &spdu);
    if (!node_has_cert(n, r->town.car_hash[car])) {
        tx_put_certificate(&tx, buf_span(&r->town.car_cert[car]));
        (void)node_submit(n, buf_span(&tx), false, now, NULL);
        buf_clear(&tx);
    }
    tx_put_message(&tx, r->town.car_hash[car], buf_span(&spdu));
    enum tx_verdict v = node_submit(n, buf_span(&tx), false, now, NULL);
    buf_free(&spdu);
    buf_free(&tx);
    return v;
}

static void assert_agreement(struct run *r) {
    struct node_status lowest = {.height = UINT64_MAX};
    for (size_t i = 0; i < N; i++) {
        struct node_status s;
        node_status(onebox_node(r->box, i), &s);
        if (s.height < lowest.height)
            lowest = s;
        if (s.height > 0)
            assert_memory_equal(s.block_id, r->id_at[s.height], 32);
    }
    assert_true(lowest.height + 2 >= r->blocks);
}

static void a_changed_sign_is_agreed_and_proven(void **state) {
    (void)state;
    struct run *r = ws_alloc(sizeof(*r));
    open_run(r);
    for (size_t i = 0; i < CARS_SENT; i++) {
        assert_int_equal(submit(r, i % N, i, 30), TX_GOOD);
        step(r, 20 * STEP_US);
    }
    step(r, 120 * 1000000);
    assert_agreement(r);
    assert_int_equal(r->versions, 1);
    assert_int_equal(r->version.n_changes, 1);
    const struct change_record *c = &r->version.changes[0];
    assert_int_equal(c->op, MAP_MODIFY);
    assert_int_equal(c->before.value, 50);
    assert_int_equal(c->after.value, 30);
    assert_true(c->bits_q16 >= c->threshold_q16);

    struct buf bundle = {0};
    struct ws_err err = {0};
    if (query_event_bundle(
            onebox_store(r->box, 2), r->version_height, r->version_sequence, &bundle, &err) != 0)
        fail_msg("%s", err.text);
    struct event_bundle *p = ws_alloc(sizeof(*p));
    struct event e;
    assert_int_equal(event_bundle_decode(buf_span(&bundle), p, &err), 0);
    if (light_check_event(&exec_light_crypto, buf_span(&r->genesis), p, &e, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(e.type, MAP_EVENT_VERSION);
    /* Any altered octet breaks it. */
    for (size_t i = 0; i < bundle.n; i += 7) {
        bundle.p[i] ^= 1;
        bool holds = event_bundle_decode(buf_span(&bundle), p, &err) == 0 &&
                     light_check_event(&exec_light_crypto, buf_span(&r->genesis), p, &e, &err) == 0;
        assert_false(holds);
        bundle.p[i] ^= 1;
    }
    free(p);
    buf_free(&bundle);
    close_run(r);
    free(r);
}

static void truthful_traffic_changes_nothing(void **state) {
    (void)state;
    struct run *r = ws_alloc(sizeof(*r));
    open_run(r);
    for (size_t i = 0; i < TOWN_CARS; i++) {
        assert_int_equal(submit(r, i % N, i, 50), TX_GOOD);
        step(r, 4 * STEP_US);
    }
    step(r, 60 * 1000000);
    assert_agreement(r);
    assert_int_equal(r->versions, 0);
    close_run(r);
    free(r);
}

static void the_same_run_gives_the_same_blocks(void **state) {
    (void)state;
    struct run *a = ws_alloc(sizeof(*a));
    struct run *b = ws_alloc(sizeof(*b));
    struct run *both[] = {a, b};
    for (size_t k = 0; k < 2; k++) {
        open_run(both[k]);
        for (size_t i = 0; i < 8; i++) {
            (void)submit(both[k], i % N, i, 30);
            step(both[k], STEP_US);
        }
        step(both[k], 10 * 1000000);
    }
    assert_int_equal(a->blocks, b->blocks);
    assert_true(a->blocks > 10);
    assert_memory_equal(a->id_at, b->id_at, sizeof(a->id_at));
    close_run(a);
    close_run(b);
    free(a);
    free(b);
}

/* One validator at a time crashes, at instants that fall into every part of a height; nothing forks, nothing committed
 * is lost, and what was submitted still comes out. */
static void crashes_at_any_moment(void **state) {
    (void)state;
    struct run *r = ws_alloc(sizeof(*r));
    open_run(r);
    struct ws_random rnd = ws_random_seeded(11);
    for (size_t i = 0; i < CARS_SENT; i++) {
        assert_int_equal(submit(r, (i + 1) % N, i, 30), TX_GOOD);
        for (size_t k = 0; k < 6; k++) {
            step(r, 1000 + ws_random_below(&rnd, 60000));
            struct ws_err err = {0};
            if (onebox_restart(r->box, i % N, &err) != 0)
                fail_msg("restart %zu.%zu: %s", i, k, err.text);
            step(r, ws_random_below(&rnd, 2 * STEP_US));
        }
    }
    step(r, 180 * 1000000);
    assert_agreement(r);
    assert_int_equal(r->versions, 1);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(map_contract_version(onebox_cell(r->box, i)->map), 2);
        assert_int_equal(node_counters(onebox_node(r->box, i))->evidence, 0);
    }
    close_run(r);
    free(r);
}

static void all_crash_together(void **state) {
    (void)state;
    struct run *r = ws_alloc(sizeof(*r));
    open_run(r);
    struct ws_random rnd = ws_random_seeded(5);
    for (size_t i = 0; i < 12; i++) {
        (void)submit(r, i % N, i, 30);
        step(r, 1000 + ws_random_below(&rnd, 700000));
        for (size_t k = 0; k < N; k++) {
            struct ws_err err = {0};
            if (onebox_restart(r->box, k, &err) != 0)
                fail_msg("restart %zu.%zu: %s", i, k, err.text);
        }
        size_t before = r->blocks;
        step(r, 10 * 1000000);
        assert_true(r->blocks > before);
    }
    assert_agreement(r);
    close_run(r);
    free(r);
}

static void bad_transactions_are_named(void **state) {
    (void)state;
    struct run *r = ws_alloc(sizeof(*r));
    open_run(r);
    step(r, 3 * 1000000);
    struct node *n = onebox_node(r->box, 0);
    struct ws_now now = onebox_now(r->box);
    struct buf spdu = {0};
    struct buf tx = {0};
    town_report(&r->town, 0, now.its_us, 30, &spdu);
    tx_put_certificate(&tx, buf_span(&r->town.car_cert[0]));
    assert_int_equal(node_submit(n, buf_span(&tx), false, now, NULL), TX_GOOD);
    step(r, 2 * 1000000);
    assert_int_equal(node_submit(n, buf_span(&tx), false, now, NULL), TX_DUPLICATE);
    buf_clear(&tx);
    tx_put_message(&tx, r->town.car_hash[0], buf_span(&spdu));
    /* The last octet is the end of s. */
    tx.p[tx.n - 1] ^= 1;
    assert_int_equal(node_submit(n, buf_span(&tx), false, now, NULL), TX_BAD_SIGNATURE);
    tx.p[tx.n - 1] ^= 1;
    assert_int_equal(node_submit(n, buf_span(&tx), false, now, NULL), TX_GOOD);
    assert_int_equal(node_submit(n, buf_span(&tx), false, now, NULL), TX_DUPLICATE);
    step(r, 2 * 1000000);
    assert_int_equal(node_submit(n, buf_span(&tx), false, onebox_now(r->box), NULL), TX_DUPLICATE);
    buf_clear(&tx);
    buf_clear(&spdu);
    town_report(&r->town, 0, r->town.epoch - 1000 * 1000000ULL, 30, &spdu);
    tx_put_message(&tx, r->town.car_hash[0], buf_span(&spdu));
    assert_int_equal(node_submit(n, buf_span(&tx), false, now, NULL), TX_STALE);
    for (size_t cut = 0; cut < tx.n; cut++)
        assert_int_not_equal(node_submit(n, span_of(tx.p, cut), false, now, NULL), TX_GOOD);
    buf_free(&tx);
    buf_free(&spdu);
    close_run(r);
    free(r);
}

static void noise_on_the_links_is_harmless(void **state) {
    (void)state;
    struct run *r = ws_alloc(sizeof(*r));
    open_run(r);
    struct ws_random rnd = ws_random_seeded(3);
    for (size_t i = 0; i < 3000; i++) {
        uint8_t noise[300];
        size_t len = ws_random_below(&rnd, sizeof(noise));
        ws_random_bytes(&rnd, noise, len);
        if (len > 2 && i % 2 == 0)
            noise[0] =
                (uint8_t)(0x0a + 8 * ws_random_below(&rnd, 9)); /* a field number of the schema */
        node_message(
            onebox_node(r->box, i % N), (i + 1) % N, span_of(noise, len), onebox_now(r->box));
    }
    size_t before = r->blocks;
    step(r, 5 * 1000000);
    assert_true(r->blocks > before + 2);
    assert_true(node_counters(onebox_node(r->box, 0))->drops[NODE_DROP_MALFORMED] > 100);
    assert_agreement(r);
    close_run(r);
    free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_changed_sign_is_agreed_and_proven),
        cmocka_unit_test(truthful_traffic_changes_nothing),
        cmocka_unit_test(the_same_run_gives_the_same_blocks),
        cmocka_unit_test(crashes_at_any_moment),
        cmocka_unit_test(all_crash_together),
        cmocka_unit_test(bad_transactions_are_named),
        cmocka_unit_test(noise_on_the_links_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
