/* New things beside old ones: what is new, what has moved, and what is only seen twice. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "mapsvc/fuse/contract_internal.h"
#include "tests/support/map_rig.h"

#define EAST 0
#define WEST 32768
enum { LINE = 1, BESIDE_MM = 20000 };

static struct element stop_line(uint32_t n, int32_t x) {
    struct element e = rig_sign(n, 0, x, -1750, EAST);
    e.kind = EL_STOP_LINE;
    e.has_value = false;
    bool ok = element_add_point(&e, (struct map_point){x, 1750, 0});
    assert_true(ok);
    return e;
}

static void road(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    struct element e = stop_line(LINE, 100000);
    mapset_add(&m, &e);
    rig_start(r, &m);
    rig_set(r, MAP_POLICY_VERSION_AGE_MS, 0);
}

static struct rig_car car_at(const struct map_rig *r, int32_t x, uint16_t heading) {
    uint32_t i = (uint32_t)r->messages;
    return (struct rig_car){.id = i,
        .issuer = (uint16_t)(i % 3),
        .family = (uint16_t)(1 + i % 4),
        .sensor = SENSOR_CAMERA_GOOD,
        .x = x,
        .heading = heading};
}

static void saw_line(
    const struct map_rig *r, struct observation *o, enum element_kind kind, int32_t x) {
    rig_saw(r, o, kind, x, 0, 300, 0, 0);
    struct obs_report *p = &o->reports[o->n_reports - 1];
    p->has_value = p->has_heading = false;
}

static void name(const struct map_rig *r, struct observation *o, uint32_t n) {
    struct obs_report *p = &o->reports[o->n_reports - 1];
    (void)r;
    p->has_element = true;
    rig_id(n, p->element_id);
}

static size_t count_op(const struct map_rig *r, enum map_change_op op) {
    size_t n = 0;
    for (size_t i = 0; i < r->n_versions; i++)
        for (size_t k = 0; k < r->versions[i].n_changes; k++)
            n += r->versions[i].changes[k].op == op ? 1 : 0;
    return n;
}

/* One car misses the old line; after that, cars on one road see a new line and cars on another the old one. */
static void test_a_mistake_moves_nothing(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    for (int i = 0; i < 80; i++) {
        rig_begin(&r, r.now_ms + 20000);
        bool old = i % 4 == 1;
        struct rig_car car = car_at(&r, (old ? 70000 : 95000) - i % 3 * 5000, EAST);
        struct observation o = rig_look(&r, &car);
        o.range_mm = old ? 45000 : 60000;
        if (i % 16 == 0)
            rig_missed(
                &o, mapset_find(map_contract_current(r.contract.self), r.base.elements[0].id));
        else if (old)
            saw_line(&r, &o, EL_STOP_LINE, 100000);
        else
            saw_line(&r, &o, EL_STOP_LINE, 100000 + BESIDE_MM);
        (void)rig_send(&r, &car, &o);
        rig_end(&r);
    }
    assert_int_equal(count_op(&r, MAP_MODIFY), 0);
    assert_int_equal(count_op(&r, MAP_DELETE), 0);
    assert_int_equal(count_op(&r, MAP_CREATE), 1);
    rig_free(&r);
}

/* Two lines so near that each sighting would do for either: the message that shows both tells them apart. */
static void test_two_in_one_gate(void **state) {
    (void)state;
    static const bool names[] = {true, false};
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        struct map_rig r;
        road(&r);
        for (int i = 0; i < 60; i++) {
            rig_begin(&r, r.now_ms + 20000);
            struct rig_car car = car_at(&r, 60000 + i % 4 * 5000, EAST);
            struct observation o = rig_look(&r, &car);
            saw_line(&r, &o, EL_STOP_LINE, 102200); /* in the gate of the old one */
            saw_line(&r, &o, EL_STOP_LINE, 100000);
            if (names[k])
                name(&r, &o, LINE);
            assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
            rig_end(&r);
        }
        assert_int_equal(r.n_versions, 1);
        assert_int_equal(count_op(&r, MAP_CREATE), 1);
        int32_t x = 0;
        int32_t y = 0;
        element_anchor(&r.versions[0].changes[0].after, &x, &y);
        assert_in_range(x, 102100, 102300);
        /* Nothing is left over: each of the two sightings is one of the two elements. */
        struct map_candidate list[4];
        assert_int_equal(map_contract_candidates(r.contract.self, list, 4), 0);
        rig_free(&r);
    }
}

/* The same thing, seen twice within a receiver's error, is one. */
static void test_seen_twice_is_one(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    for (int i = 0; i < 40; i++) {
        rig_begin(&r, r.now_ms + 20000);
        struct rig_car car = car_at(&r, 60000 + i % 4 * 5000, EAST);
        struct observation o = rig_look(&r, &car);
        saw_line(&r, &o, EL_STOP_LINE, 99500);
        saw_line(&r, &o, EL_STOP_LINE, 100500);
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        rig_end(&r);
    }
    assert_int_equal(r.n_versions, 0);
    assert_int_equal(r.advisories, 0);
    rig_free(&r);
}

/* Paint across the road is seen from both sides, and is one thing with a shape. */
static void check_paint(enum element_kind kind, size_t points) {
    struct map_rig r;
    road(&r);
    for (int i = 0; i < 60; i++) {
        rig_begin(&r, r.now_ms + 20000);
        bool east = i % 2 == 0;
        struct rig_car car =
            car_at(&r, east ? 260000 + i % 3 * 5000 : 340000 - i % 3 * 5000, east ? EAST : WEST);
        struct observation o = rig_look(&r, &car);
        saw_line(&r, &o, kind, 300000);
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        rig_end(&r);
    }
    assert_int_equal(r.n_versions, 1);
    const struct change_record *c = &r.versions[0].changes[0];
    assert_int_equal(c->op, MAP_CREATE);
    assert_int_equal(c->after.kind, kind);
    assert_int_equal(c->after.n_points, points);
    assert_false(c->after.has_heading);
    assert_string_equal(element_attr(&c->after, "shape"), "assumed");
    int32_t low = INT32_MAX;
    int32_t high = INT32_MIN;
    for (size_t i = 0; i < points; i++) {
        assert_true(abs(c->after.points[i].x - 300000) <= 1510 + 60);
        low = c->after.points[i].y < low ? c->after.points[i].y : low;
        high = c->after.points[i].y > high ? c->after.points[i].y : high;
    }
    assert_in_range(high - low, 3400, 3600); /* a lane, across the road */
    rig_free(&r);
}

static void test_paint(void **state) {
    (void)state;
    check_paint(EL_STOP_LINE, 2);
    check_paint(EL_CROSSWALK, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mistake_moves_nothing),
        cmocka_unit_test(test_two_in_one_gate),
        cmocka_unit_test(test_seen_twice_is_one),
        cmocka_unit_test(test_paint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
