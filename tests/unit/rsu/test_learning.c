/* Whole nodes that learn: vehicles' messages through mempool, consensus and execution, validators' keys, attestations, shares and
 * outcomes as records, materials on disk. What the upload brings is put into the stores here; it has tests of its own. */
#include "tests/unit/rsu/learn_world.h"

#include "base/mem.h"
#include "fedlearn/round/find.h"
#include "fedlearn/vehicle/client.h"

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
        world_start(&x, i);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_round_closes),
        cmocka_unit_test(test_one_is_silent),
        cmocka_unit_test(test_units_start_again),
        cmocka_unit_test(test_a_model_is_missing),
        cmocka_unit_test(test_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
