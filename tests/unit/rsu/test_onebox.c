/* A whole cell in one process: signed reports in, one agreed and provable map change out, also when validators crash
 * at any moment. The shipped node, contracts and codecs; only disk and network are twins. */
#include "tests/support/cm.h"

#include "ledger/exec/hash.h"
#include "ledger/node/query.h"
#include "mapsvc/fuse/diff.h"
#include "tests/support/townbox.h"

enum { N = 4, CARS_SENT = 24, STEP_US = 500000 };

struct run {
    struct townbox box;
    size_t blocks, versions;
    uint64_t version_height;
    uint32_t version_sequence;
    struct map_version version;
    hash32 id_at[4096];
};

static void on_committed(void *ctx, const struct block *b, const struct exec_outcome *o) {
    struct run *r = ctx;
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

static struct run *open_run(void) {
    struct run *r = ws_alloc(sizeof(*r));
    const struct townbox_plan plan = {.n = N, .committed = on_committed, .ctx = r};
    townbox_open(&r->box, &plan);
    return r;
}

static void close_run(struct run *r) {
    townbox_close(&r->box);
    if (r->versions > 0)
        map_version_free(&r->version);
    free(r);
}

static void assert_agreement(struct run *r) {
    struct node_status lowest = {.height = UINT64_MAX};
    for (size_t i = 0; i < N; i++) {
        struct node_status s;
        node_status(onebox_node(r->box.box, i), &s);
        if (s.height < lowest.height)
            lowest = s;
        if (s.height > 0)
            assert_memory_equal(s.block_id, r->id_at[s.height], 32);
    }
    assert_true(lowest.height + 2 >= r->blocks);
}

static void a_changed_sign_is_agreed_and_proven(void **state) {
    (void)state;
    struct run *r = open_run();
    for (size_t i = 0; i < CARS_SENT; i++) {
        assert_int_equal(townbox_report(&r->box, i % N, i, 30), TX_GOOD);
        townbox_run(&r->box, 20 * STEP_US);
    }
    townbox_run(&r->box, 120 * 1000000);
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
    if (query_event_bundle(onebox_store(r->box.box, 2), r->version_height, r->version_sequence,
            &bundle, &err) != 0)
        fail_msg("%s", err.text);
    struct event_bundle *p = ws_alloc(sizeof(*p));
    struct event e;
    assert_int_equal(event_bundle_decode(buf_span(&bundle), p, &err), 0);
    if (light_check_event(&exec_light_crypto, buf_span(&r->box.genesis), p, &e, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(e.type, MAP_EVENT_VERSION);
    /* Any altered octet breaks it. */
    for (size_t i = 0; i < bundle.n; i += 7) {
        bundle.p[i] ^= 1;
        bool holds =
            event_bundle_decode(buf_span(&bundle), p, &err) == 0 &&
            light_check_event(&exec_light_crypto, buf_span(&r->box.genesis), p, &e, &err) == 0;
        assert_false(holds);
        bundle.p[i] ^= 1;
    }
    free(p);
    buf_free(&bundle);
    close_run(r);
}

static void truthful_traffic_changes_nothing(void **state) {
    (void)state;
    struct run *r = open_run();
    for (size_t i = 0; i < TOWN_CARS; i++) {
        assert_int_equal(townbox_report(&r->box, i % N, i, 50), TX_GOOD);
        townbox_run(&r->box, 4 * STEP_US);
    }
    townbox_run(&r->box, 60 * 1000000);
    assert_agreement(r);
    assert_int_equal(r->versions, 0);
    close_run(r);
}

static void the_same_run_gives_the_same_blocks(void **state) {
    (void)state;
    struct run *a = open_run();
    struct run *b = open_run();
    struct run *both[] = {a, b};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < 8; i++) {
            (void)townbox_report(&both[k]->box, i % N, i, 30);
            townbox_run(&both[k]->box, STEP_US);
        }
        townbox_run(&both[k]->box, 10 * 1000000);
    }
    assert_int_equal(a->blocks, b->blocks);
    assert_true(a->blocks > 10);
    assert_memory_equal(a->id_at, b->id_at, sizeof(a->id_at));
    close_run(a);
    close_run(b);
}

/* One validator at a time crashes, at instants that fall into every part of a height; nothing forks, nothing committed
 * is lost, and what was submitted still comes out. */
static void crashes_at_any_moment(void **state) {
    (void)state;
    struct run *r = open_run();
    struct ws_random rnd = ws_random_seeded(11);
    for (size_t i = 0; i < CARS_SENT; i++) {
        assert_int_equal(townbox_report(&r->box, (i + 1) % N, i, 30), TX_GOOD);
        for (size_t k = 0; k < 6; k++) {
            townbox_run(&r->box, 1000 + ws_random_below(&rnd, 60000));
            townbox_restart(&r->box, i % N);
            townbox_run(&r->box, ws_random_below(&rnd, 2 * STEP_US));
        }
    }
    townbox_run(&r->box, 180 * 1000000);
    assert_agreement(r);
    assert_int_equal(r->versions, 1);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(map_contract_version(onebox_cell(r->box.box, i)->map), 2);
        assert_int_equal(node_counters(onebox_node(r->box.box, i))->evidence, 0);
    }
    close_run(r);
}

static void all_crash_together(void **state) {
    (void)state;
    struct run *r = open_run();
    struct ws_random rnd = ws_random_seeded(5);
    for (size_t i = 0; i < 12; i++) {
        (void)townbox_report(&r->box, i % N, i, 30);
        townbox_run(&r->box, 1000 + ws_random_below(&rnd, 700000));
        for (size_t k = 0; k < N; k++) {
            townbox_restart(&r->box, k);
        }
        size_t before = r->blocks;
        townbox_run(&r->box, 10 * 1000000);
        assert_true(r->blocks > before);
    }
    assert_agreement(r);
    close_run(r);
}

static void bad_transactions_are_named(void **state) {
    (void)state;
    struct run *r = open_run();
    townbox_run(&r->box, 3 * 1000000);
    struct node *n = onebox_node(r->box.box, 0);
    struct ws_now now = onebox_now(r->box.box);
    struct buf spdu = {0};
    struct buf tx = {0};
    town_report(&r->box.town, 0, now.its_us, 30, &spdu);
    tx_put_certificate(&tx, buf_span(&r->box.town.car_cert[0]));
    assert_int_equal(node_submit(n, buf_span(&tx), false, now, NULL), TX_GOOD);
    townbox_run(&r->box, 2 * 1000000);
    assert_int_equal(node_submit(n, buf_span(&tx), false, now, NULL), TX_DUPLICATE);
    buf_clear(&tx);
    tx_put_message(&tx, r->box.town.car_hash[0], buf_span(&spdu));
    /* The last octet is the end of s. */
    tx.p[tx.n - 1] ^= 1;
    assert_int_equal(node_submit(n, buf_span(&tx), false, now, NULL), TX_BAD_SIGNATURE);
    tx.p[tx.n - 1] ^= 1;
    assert_int_equal(node_submit(n, buf_span(&tx), false, now, NULL), TX_GOOD);
    assert_int_equal(node_submit(n, buf_span(&tx), false, now, NULL), TX_DUPLICATE);
    townbox_run(&r->box, 2 * 1000000);
    assert_int_equal(
        node_submit(n, buf_span(&tx), false, onebox_now(r->box.box), NULL), TX_DUPLICATE);
    buf_clear(&tx);
    buf_clear(&spdu);
    town_report(&r->box.town, 0, r->box.town.epoch - 1000 * 1000000ULL, 30, &spdu);
    tx_put_message(&tx, r->box.town.car_hash[0], buf_span(&spdu));
    assert_int_equal(node_submit(n, buf_span(&tx), false, now, NULL), TX_STALE);
    for (size_t cut = 0; cut < tx.n; cut++)
        assert_int_not_equal(node_submit(n, span_of(tx.p, cut), false, now, NULL), TX_GOOD);
    buf_free(&tx);
    buf_free(&spdu);
    close_run(r);
}

static void noise_on_the_links_is_harmless(void **state) {
    (void)state;
    struct run *r = open_run();
    struct ws_random rnd = ws_random_seeded(3);
    for (size_t i = 0; i < 3000; i++) {
        uint8_t noise[300];
        size_t len = ws_random_below(&rnd, sizeof(noise));
        ws_random_bytes(&rnd, noise, len);
        if (len > 2 && i % 2 == 0)
            noise[0] =
                (uint8_t)(0x0a + 8 * ws_random_below(&rnd, 9)); /* a field number of the schema */
        node_message(onebox_node(r->box.box, i % N), (i + 1) % N, span_of(noise, len),
            onebox_now(r->box.box));
    }
    size_t before = r->blocks;
    townbox_run(&r->box, 5 * 1000000);
    assert_true(r->blocks > before + 2);
    assert_true(node_counters(onebox_node(r->box.box, 0))->drops[NODE_DROP_MALFORMED] > 100);
    assert_agreement(r);
    close_run(r);
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
