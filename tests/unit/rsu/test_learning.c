/* Whole nodes that learn: vehicles' messages through mempool, consensus and execution, validators' keys, attestations, shares and
 * outcomes as records, materials on disk. What the upload brings is put into the stores here; it has tests of its own. */
#include "tests/unit/rsu/learn_world.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "fedlearn/round/find.h"
#include "fedlearn/vehicle/client.h"
#include "tests/support/orders.h"

#include <stdlib.h>
#include <unistd.h>

enum { N = WORLD_N, CARS = WORLD_CARS };
#define SECOND WORLD_SECOND

static void expect_closed(struct world *x, uint64_t version) {
    for (size_t i = 0; i < N; i++) {
        struct fl_model_view m;
        fl_contract_model(x->w->m[i].cell.learn, &m);
        assert_int_equal(world_round(x, i).why, FL_ABORT_NONE);
        assert_int_equal(m.version, version);
        if (!x->mute[i] && x->l[i] != NULL)
            assert_true(materials_has_blob(x->store[i], m.hash));
    }
}

static void test_a_round_closes(void **state) {
    (void)state;
    struct world x;
    world_open(&x, 1);
    world_order_model(&x);
    world_until(&x, FL_SUBMITTING, 120 * SECOND);
    world_drive_all(&x, 0xf);
    assert_int_equal(world_round(&x, 0).submissions, CARS);
    world_until(&x, FL_ATTESTING, 1000 * SECOND);
    world_until(&x, FL_OPENING, 400 * SECOND);
    assert_int_equal(world_round(&x, 0).included, CARS);
    world_until(&x, FL_IDLE, 1000 * SECOND);
    expect_closed(&x, 2);
    /* Shares are gone, ciphertexts are not; the record says who was where. */
    world_run(&x, 5 * SECOND);
    for (size_t i = 0; i < N; i++) {
        for (uint64_t t = 0; t < 100 && materials_read(x.store[i]).erased < CARS; t++)
            (void)usleep(100000);
        assert_int_equal(materials_read(x.store[i]).erased, CARS);
        for (size_t car = 0; car < CARS; car++) {
            struct materials_hold h;
            assert_true(materials_get(x.store[i], x.ids[car], &h));
            assert_int_equal(h.material.bundles.n, 0);
            assert_true(h.material.wire.n > 0);
            materials_release(&h);
        }
        struct materials_hold h;
        struct fl_round_record r;
        assert_true(materials_get_record(x.store[i], 1, &h));
        assert_int_equal(fl_round_record_decode(h.blob, &r, NULL), WS_OK);
        assert_int_equal(r.n, CARS);
        assert_int_equal(r.n_groups, 3);
        fl_round_record_free(&r);
        materials_release(&h);
        const struct learning_counters c = learning_read(x.l[i]);
        assert_int_equal(c.member.good, CARS);
        assert_int_equal(c.found, 1);
        assert_int_equal(c.refused, 0);
        assert_int_equal(c.sent[FL_RECORD_OUTCOME], 1);
    }
    world_close(&x);
}

/* One of four has a unit that says nothing, and what a quarter of the cars sent never reached another one. */
static void test_one_is_silent(void **state) {
    (void)state;
    struct world x;
    world_open(&x, 2);
    world_order_model(&x);
    world_until(&x, FL_SUBMITTING, 120 * SECOND);
    x.mute[3] = true;
    world_drive_all(&x, 0x7);
    world_until(&x, FL_IDLE, 4000 * SECOND);
    expect_closed(&x, 2);
    world_close(&x);
}

/* Each unit is stopped and started again in the middle of a step, one after the other. */
static void test_units_start_again(void **state) {
    (void)state;
    struct world x;
    world_open(&x, 3);
    world_order_model(&x);
    world_until(&x, FL_SUBMITTING, 120 * SECOND);
    world_drive_all(&x, 0xf);
    static const enum fl_phase phases[N] = {FL_SUBMITTING, FL_ATTESTING, FL_OPENING, FL_IDLE};
    for (size_t i = 0; i < N; i++) {
        world_until(&x, phases[i], 1000 * SECOND);
        world_stop(&x, i);
        char half[300]; /* of a key, say */
        (void)snprintf(half, sizeof(half), "%s/learning/key-2.tmp.99", x.folder[i].top);
        assert_int_equal(file_write(half, span_of("secret", 6), 0600, NULL), WS_OK);
        world_start(&x, i);
        assert_int_not_equal(access(half, F_OK), 0);
    }
    world_until(&x, FL_IDLE, 4000 * SECOND);
    expect_closed(&x, 2);
    world_close(&x);
}

/* Without the model a unit finds nothing, says so, and says nothing else; the three others close the round. */
static void test_a_model_is_missing(void **state) {
    (void)state;
    struct world x;
    uint8_t lacks[LEARNING_LACKS_MAX][32];
    world_open(&x, 4);
    world_order_model(&x);
    world_until(&x, FL_SUBMITTING, 120 * SECOND);
    world_stop(&x, 2);
    assert_int_equal(folder_remove(&x.folder[2]), 0);
    assert_int_equal(folder_make(&x.folder[2]), 0);
    world_start(&x, 2);
    assert_int_equal(learning_lacks(x.l[2], x.w->m[2].cell.learn, lacks), 1);
    world_drive_all(&x, 0xf);
    world_until(&x, FL_IDLE, 4000 * SECOND);
    struct fl_model_view m;
    fl_contract_model(x.w->m[2].cell.learn, &m);
    assert_int_equal(m.version, 2);
    assert_false(materials_has_blob(x.store[2], m.hash));
    world_close(&x);
}

/* Too few cars: the round ends by name, and what was sent is erased. */
static void test_too_few(void **state) {
    (void)state;
    struct world x;
    struct fl_client *c = aligned_alloc(64, (sizeof(*c) + 63) / 64 * 64);
    assert_non_null(c);
    assert_int_equal(fl_client_open(c, NULL), WS_OK);
    world_open(&x, 5);
    world_order_model(&x);
    world_until(&x, FL_SUBMITTING, 120 * SECOND);
    for (size_t car = 0; car < 5; car++)
        world_drive(&x, c, car, 0xf);
    world_until(&x, FL_IDLE, 2000 * SECOND);
    assert_int_equal(world_round(&x, 0).why, FL_ABORT_TOO_FEW);
    world_run(&x, 2 * SECOND);
    for (unsigned t = 0; t < 100 && materials_read(x.store[0]).erased < 5; t++)
        (void)usleep(100000);
    assert_int_equal(materials_read(x.store[0]).erased, 5);
    fl_client_close(c);
    free(c);
    world_close(&x);
}

static bool has_seat(const struct fl_open *open, const uint8_t address[static 32]) {
    for (size_t i = 0; i < open->n; i++)
        if (memcmp(open->seat[i].address, address, 32) == 0)
            return true;
    return false;
}

static uint64_t said_in_rounds(const struct world *x, size_t i) {
    const struct learning_counters c = learning_read(x->l[i]);
    return c.sent[FL_RECORD_ATTEST] + c.sent[FL_RECORD_SHARES] + c.sent[FL_RECORD_OUTCOME];
}

/* In the middle of a round one validator goes and another one comes. The round is its members' to the end: who went is still heard in it, who came
 * takes no part; the next one has the seats of the new committee. */
static void committee_changes(uint64_t seed, enum fl_phase when) {
    struct world x;
    const struct world_plan plan = {.seed = seed, .spares = 1};
    world_open_as(&x, &plan);
    world_order_model(&x);
    world_until(&x, FL_SUBMITTING, 120 * SECOND);
    const uint8_t *goes = x.w->who[3].address;
    const uint8_t *comes = x.w->who[4].address;
    if (when == FL_SUBMITTING)
        assert_int_equal(orders_change_set(x.w, 0, 1U << 3, 1U << 4, 1), TX_GOOD);
    world_drive_all(&x, 0x1f);
    world_until(&x, when, 1000 * SECOND);
    if (when != FL_SUBMITTING)
        assert_int_equal(orders_change_set(x.w, 0, 1U << 3, 1U << 4, 1), TX_GOOD);
    world_run(&x, SECOND);
    if (world_round(&x, 0).phase != FL_IDLE) {
        assert_int_equal(world_round(&x, 0).number, 1);
        assert_true(has_seat(world_round(&x, 0).open, goes));
        assert_false(has_seat(world_round(&x, 0).open, comes));
    } else {
        assert_int_not_equal(when, FL_SUBMITTING);
    }
    world_until(&x, FL_IDLE, 2000 * SECOND);
    expect_closed(&x, 2);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(said_in_rounds(&x, i), 3);
    assert_int_equal(said_in_rounds(&x, 4), 0);
    assert_int_equal(learning_read(x.l[4]).member.looked, 0);
    for (size_t i = 0; i < N; i++) /* nobody is blamed */
        assert_int_equal(learning_read(x.l[i]).member.refused_to_open, 0);
    /* Bundles of the old round are erased by all who had them, whether they are still members or not. */
    world_run(&x, 2 * SECOND);
    for (size_t i = 0; i < N + 1; i++)
        for (unsigned t = 0; t < 100 && materials_read(x.store[i]).erased < CARS; t++)
            (void)usleep(100000);
    for (size_t i = 0; i < N + 1; i++)
        assert_int_equal(materials_read(x.store[i]).erased, CARS);
    world_order_model(&x); /* the next round begins at once */
    world_until(&x, FL_SUBMITTING, 300 * SECOND);
    assert_int_equal(world_round(&x, 0).number, 2);
    assert_false(has_seat(world_round(&x, 0).open, goes));
    assert_true(has_seat(world_round(&x, 0).open, comes));
    world_drive_all(&x, 0x1f);
    world_until(&x, FL_IDLE, 4000 * SECOND);
    expect_closed(&x, 4);
    assert_int_equal(said_in_rounds(&x, 3), 3);
    assert_int_equal(said_in_rounds(&x, 4), 3);
    world_close(&x);
}

static void test_committee_changes_while_submitting(void **state) {
    (void)state;
    committee_changes(11, FL_SUBMITTING);
}

static void test_committee_changes_while_attesting(void **state) {
    (void)state;
    committee_changes(12, FL_ATTESTING);
}

static void test_committee_changes_while_opening(void **state) {
    (void)state;
    committee_changes(13, FL_OPENING);
}

/* More than f of the members are out of the committee, and off: the round ends by name, nothing is opened, and what was sent is erased. */
static void test_too_many_members_go(void **state) {
    (void)state;
    struct world x;
    const struct world_plan plan = {.seed = 14, .spares = 2};
    world_open_as(&x, &plan);
    world_order_model(&x);
    world_until(&x, FL_SUBMITTING, 120 * SECOND);
    assert_int_equal(orders_change_set(x.w, 0, 1U << 3, 1U << 4, 1), TX_GOOD);
    world_drive_all(&x, 0x3);
    assert_int_equal(orders_change_set(x.w, 0, 1U << 2, 1U << 5, 2), TX_GOOD);
    x.mute[2] = x.mute[3] = true;
    world_until(&x, FL_IDLE, 4000 * SECOND);
    assert_int_equal(world_round(&x, 0).why, FL_ABORT_TOO_FEW);
    world_run(&x, 2 * SECOND);
    for (unsigned t = 0; t < 100 && materials_read(x.store[0]).erased < CARS; t++)
        (void)usleep(100000);
    assert_int_equal(materials_read(x.store[0]).erased, CARS);
    for (size_t i = 0; i < x.n; i++)
        assert_int_equal(learning_read(x.l[i]).sent[FL_RECORD_SHARES], 0);
    world_close(&x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_round_closes),
        cmocka_unit_test(test_one_is_silent),
        cmocka_unit_test(test_units_start_again),
        cmocka_unit_test(test_a_model_is_missing),
        cmocka_unit_test(test_too_few),
        cmocka_unit_test(test_committee_changes_while_submitting),
        cmocka_unit_test(test_committee_changes_while_attesting),
        cmocka_unit_test(test_committee_changes_while_opening),
        cmocka_unit_test(test_too_many_members_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
