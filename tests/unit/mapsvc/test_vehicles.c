/* What one vehicle counts for in a window, and where it ends. */
#include "tests/support/cm.h"

#include "mapsvc/fuse/vehicles.h"
#include "tests/support/map_rig.h"

static void id_of(uint32_t n, uint8_t ret_id[static VEHICLE_OCTETS]) {
    rig_id(n, ret_id);
}

static void test_table(void **state) {
    (void)state;
    struct vehicles t = {0};
    uint8_t id[VEHICLE_OCTETS];
    enum { MANY = 1000 };
    for (uint32_t i = 0; i < MANY; i++) {
        id_of(i, id);
        assert_null(vehicles_find(&t, id));
        struct vehicle *v = vehicles_add(&t, id, i % 2 == 0 ? 100 : 200);
        assert_ptr_equal(vehicles_add(&t, id, 300), v);
        vehicles_touch(&t, v);
        vehicles_touch(&t, v);
    }
    assert_int_equal(t.n, MANY);
    assert_int_equal(t.n_touched, MANY);
    t.n_touched = 0;
    assert_false(vehicles_forget(&t, 99));
    assert_true(vehicles_forget(&t, 100));
    assert_int_equal(t.n, MANY / 2);
    for (uint32_t i = 0; i < MANY; i++) {
        id_of(i, id);
        assert_int_equal(vehicles_find(&t, id) != NULL, i % 2);
    }
    assert_true(vehicles_forget(&t, 200));
    assert_int_equal(t.n, 0);
    vehicles_free(&t);
}

static void test_one_vehicle_ends(void **state) {
    (void)state;
    struct vehicles t = {0};
    uint8_t id[VEHICLE_OCTETS];
    id_of(1, id);
    struct vehicle *v = vehicles_add(&t, id, 1);
    uint8_t thing[8];
    for (uint32_t i = 0; i < VEHICLE_THINGS_MAX; i++) {
        put_be64(thing, i * UINT64_C(0x9e3779b97f4a7c15));
        assert_int_equal(vehicle_counted(v, thing), 0);
        assert_true(vehicles_remember(&t, v, thing));
        vehicle_count(v, thing, COUNTED_VALUE);
        vehicle_count(v, thing, COUNTED_PLACE);
        assert_int_equal(v->n, i + 1);
        assert_int_equal(vehicle_counted(v, thing), COUNTED_VALUE | COUNTED_PLACE);
    }
    /* What it was counted for can still be added to; nothing else can. */
    assert_true(vehicles_remember(&t, v, thing));
    assert_false(vehicles_remember(&t, v, NULL));
    put_be64(thing, VEHICLE_THINGS_MAX * UINT64_C(0x9e3779b97f4a7c15));
    assert_false(vehicles_remember(&t, v, thing));
    assert_true(vehicles_remember(&t, NULL, thing));
    vehicles_free(&t);
}

static void test_table_ends(void **state) {
    (void)state;
    struct vehicles t = {0};
    uint8_t id[VEHICLE_OCTETS] = {0};
    for (uint64_t i = 0; i < VEHICLES_MAX; i++) {
        assert_true(vehicles_remember(&t, NULL, NULL));
        put_be64(id, i * UINT64_C(0x9e3779b97f4a7c15));
        (void)vehicles_add(&t, id, 1);
    }
    assert_false(vehicles_remember(&t, NULL, NULL));
    assert_true(vehicles_remember(&t, vehicles_find(&t, id), NULL));
    vehicles_free(&t);
}

/* ---- in the contract ---- */

enum {
    ROWS = 65,
    PER_ROW = 64, /* one message */
    SIGNS = ROWS * PER_ROW, /* one row more than a vehicle may count for */
};

static void field_of_signs(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    for (uint32_t i = 0; i < SIGNS; i++) {
        struct element e =
            rig_sign(i, 50, (int32_t)(i % PER_ROW * 12000), (int32_t)(i / PER_ROW * 12000), 0);
        mapset_add(&m, &e);
    }
    rig_start(r, &m);
}

static exec_code say_row(struct map_rig *r, const struct rig_car *car, uint32_t row) {
    struct observation o = rig_look(r, car);
    o.range_mm = 1000000;
    o.half_angle = 32768;
    for (uint32_t i = 0; i < PER_ROW; i++) {
        struct element e = rig_sign(row * PER_ROW + i, 50, 0, 0, 0);
        rig_mismatch(&o, &e, 30);
        element_free(&e);
    }
    return rig_send(r, car, &o);
}

static uint32_t vehicles_against(const struct map_rig *r) {
    struct map_candidate *all = ws_calloc(SIGNS, sizeof(*all));
    size_t n = map_contract_candidates(r->contract.self, all, SIGNS);
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += all[i].vehicles;
    free(all);
    return sum;
}

/* A vehicle at its bound says nothing more, in the block in which it gets there, later and after a restart; and what it is
 * not counted for is not counted twice. */
static void test_spent(void **state) {
    (void)state;
    struct map_rig r;
    field_of_signs(&r);
    struct rig_car car = {
        .issuer = 1, .family = 1, .sensor = SENSOR_CAMERA_GOOD, .x = 384000, .y = 384000};
    /* Each row is suspected by a vehicle of its own. */
    rig_begin(&r, 1000);
    for (uint32_t row = 0; row < ROWS; row++) {
        if (row == ROWS / 2) { /* one block does not open that many */
            rig_end(&r);
            rig_begin(&r, 1500);
        }
        car.id = 1000 + row;
        car.issuer = (uint16_t)(1000 + row); /* or it would be one vehicle, where they all stand */
        assert_int_equal(say_row(&r, &car, row), MAP_OK);
    }
    rig_end(&r);
    assert_int_equal(vehicles_against(&r), SIGNS);
    car.id = 1;
    car.issuer = 1;
    rig_begin(&r, 2000);
    for (uint32_t row = 0; row < ROWS; row++)
        assert_int_equal(say_row(&r, &car, row), MAP_OK);
    rig_end(&r);
    assert_int_equal(vehicles_against(&r), SIGNS + VEHICLE_THINGS_MAX);
    for (int again = 0; again < 3; again++) {
        if (again == 2)
            rig_restart(&r);
        rig_begin(&r, 3000 + 1000 * (uint64_t)again);
        unsigned spent = 0;
        for (uint32_t row = 0; row < ROWS; row++) {
            exec_code rc = say_row(&r, &car, row);
            assert_true(rc == MAP_NOTHING_NEW || rc == MAP_VEHICLE_SPENT);
            spent += rc == MAP_VEHICLE_SPENT;
        }
        assert_true(spent > 0);
        rig_end(&r);
        assert_int_equal(vehicles_against(&r), SIGNS + VEHICLE_THINGS_MAX);
    }
    assert_string_equal(r.contract.ops->code_name(MAP_VEHICLE_SPENT), "vehicle_spent");
    /* The next window is another one. */
    rig_begin(&r, 3600000);
    assert_int_equal(say_row(&r, &car, 0), MAP_OK);
    rig_end(&r);
    rig_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_one_vehicle_ends),
        cmocka_unit_test(test_table_ends),
        cmocka_unit_test(test_spent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
