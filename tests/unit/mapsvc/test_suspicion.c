/* What people are shown of a map contract's suspicions, and the plain reading of single observations. */
#include "tests/support/cm.h"

#include "mapsvc/fuse/sighting.h"
#include "mapsvc/fuse/suspicion.h"
#include "tests/support/map_rig.h"

#define EAST 0
#define WEST 32768

enum { SIGNS = 6 };

static void town(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    for (uint32_t i = 0; i < SIGNS; i++) {
        struct element e = rig_sign(i, 50, (int32_t)(200000 * i), -4000, EAST);
        mapset_add(&m, &e);
    }
    rig_start(r, &m);
}

static const struct element *sign(const struct map_rig *r, uint32_t n) {
    uint8_t id[16];
    rig_id(n, id);
    return mapset_find(map_contract_current(r->contract.self), id);
}

static struct rig_car car_at(uint32_t i, int32_t x) {
    return (struct rig_car){.id = 100 + i,
        .issuer = (uint16_t)(i % 3),
        .family = (uint16_t)(1 + i % 4),
        .sensor = SENSOR_CAMERA_GOOD,
        .x = x,
        .heading = EAST};
}

/* One car after another reads this value on sign n. */
static void read_value(struct map_rig *r, uint32_t n, size_t cars, int32_t value) {
    for (uint32_t i = 0; i < cars; i++) {
        rig_begin(r, r->now_ms + 5000);
        struct rig_car car = car_at(10 * n + i, (int32_t)(200000 * n) - 30000);
        struct observation o = rig_look(r, &car);
        rig_mismatch(&o, sign(r, n), value);
        assert_int_equal(rig_send(r, &car, &o), MAP_OK);
        rig_end(r);
    }
}

static struct map_suspicion suspicion_of(const struct map_rig *r, uint32_t n) {
    struct map_suspicion m;
    assert_true(map_contract_suspicion(r->contract.self, sign(r, n)->id, &m));
    return m;
}

/* Three issuers, four families, one direction: a fourth car of the fourth family brings the fourth group, a fifth the last
 * vehicle. */
static void what_is_lacking_shrinks_with_the_evidence_until_nothing_is(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_set(&r, MAP_POLICY_CONFIRM_BITS, 20);
    rig_set(&r, MAP_POLICY_MARGIN_BITS, 6);
    rig_set(&r, MAP_POLICY_MIN_GROUPS, 4);
    rig_set(&r, MAP_POLICY_MIN_FAMILIES, 2);
    rig_set(&r, MAP_POLICY_MIN_ISSUERS, 2);
    rig_set(&r, MAP_POLICY_MIN_VEHICLES, 5);
    rig_set(&r, MAP_POLICY_REST_BITS, 10);
    rig_set(&r, MAP_POLICY_LIARS_BITS, 7);
    static const struct {
        unsigned lacks, lacks_not;
    } after[] = {
        {MAP_LACKS_BITS | MAP_LACKS_MARGIN | MAP_LACKS_VEHICLES | MAP_LACKS_GROUPS |
                MAP_LACKS_FAMILIES | MAP_LACKS_ISSUERS | MAP_LACKS_SHARE,
            MAP_LACKS_PLACE | MAP_LACKS_VIEWS},
        /* Two families and issuers, but without the louder one there is next to nothing. */
        {MAP_LACKS_BITS | MAP_LACKS_VEHICLES | MAP_LACKS_GROUPS | MAP_LACKS_FAMILIES |
                MAP_LACKS_ISSUERS | MAP_LACKS_SHARE,
            MAP_LACKS_MARGIN},
        {MAP_LACKS_VEHICLES | MAP_LACKS_GROUPS | MAP_LACKS_SHARE,
            MAP_LACKS_MARGIN | MAP_LACKS_FAMILIES | MAP_LACKS_ISSUERS},
        {MAP_LACKS_VEHICLES | MAP_LACKS_SHARE, MAP_LACKS_BITS | MAP_LACKS_GROUPS},
    };
    for (uint32_t i = 0; i < ARRAY_LEN(after); i++) {
        rig_begin(&r, r.now_ms + 5000);
        struct rig_car car = car_at(i, 200000 - 30000);
        struct observation o = rig_look(&r, &car);
        rig_mismatch(&o, sign(&r, 1), 30);
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        rig_end(&r);
        struct map_suspicion m = suspicion_of(&r, 1);
        assert_int_equal(m.lacks & after[i].lacks, after[i].lacks);
        assert_int_equal(m.lacks & after[i].lacks_not, 0);
        assert_int_equal(m.window_vehicles, i + 1);
        /* And so it is after a restart, before the next block. */
        rig_restart(&r);
        struct map_suspicion again = suspicion_of(&r, 1);
        assert_int_equal(again.lacks, m.lacks);
        assert_int_equal(again.threshold_q16, m.threshold_q16);
    }
    /* The rest is here: it is confirmed, and no suspicion any more. */
    rig_begin(&r, r.now_ms + 5000);
    struct rig_car car = car_at(4, 200000 - 30000);
    struct observation o = rig_look(&r, &car);
    rig_mismatch(&o, sign(&r, 1), 30);
    assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
    rig_end(&r);
    struct map_suspicion m;
    assert_false(map_contract_suspicion(r.contract.self, sign(&r, 1)->id, &m));
    rig_free(&r);
}

static void strongest_come_first_and_the_rest_is_counted(void **state) {
    (void)state;
    struct map_rig r;
    struct map_suspicion list[4];
    size_t total = 9;
    town(&r);
    assert_int_equal(map_contract_suspicions(r.contract.self, list, 4, &total), 0);
    assert_int_equal(total, 0);
    static const uint32_t cars[] = {1, 3, 2};
    for (uint32_t n = 0; n < 3; n++)
        read_value(&r, n + 1, cars[n], 30);
    assert_int_equal(map_contract_suspicions(r.contract.self, list, 4, &total), 3);
    assert_int_equal(total, 3);
    static const uint32_t order[] = {2, 3, 1};
    for (size_t i = 0; i < 3; i++) {
        assert_memory_equal(list[i].subject, sign(&r, order[i])->id, 16);
        assert_int_equal(list[i].vehicles, cars[order[i] - 1]);
        assert_int_equal(list[i].op, MAP_MODIFY);
        assert_int_equal(list[i].value, 30);
        assert_int_equal(list[i].x, 200000 * (int32_t)order[i]);
        assert_true(list[i].has_heading);
        assert_int_equal(list[i].heading, EAST);
        assert_int_equal(list[i].threshold_q16, 20 * 65536);
        assert_true(i == 0 || list[i].bits_q16 < list[i - 1].bits_q16);
    }
    struct map_suspicion one;
    assert_true(map_contract_suspicion(r.contract.self, list[1].subject, &one));
    assert_int_equal(one.bits_q16, list[1].bits_q16);
    assert_int_equal(map_contract_suspicions(r.contract.self, list, 2, &total), 2);
    assert_int_equal(total, 3);
    assert_memory_equal(list[1].subject, sign(&r, 3)->id, 16);
    assert_int_equal(map_contract_suspicions(r.contract.self, list, 0, &total), 0);
    assert_int_equal(total, 3);
    assert_false(map_contract_suspicion(r.contract.self, sign(&r, 0)->id, &one));
    rig_free(&r);
}

static void places_of_new_things_are_among_them(void **state) {
    (void)state;
    struct map_rig r;
    struct map_suspicion m;
    size_t total = 0;
    town(&r);
    rig_begin(&r, r.now_ms + 5000);
    struct rig_car car = car_at(1, 70000);
    struct observation o = rig_look(&r, &car);
    rig_saw(&r, &o, EL_SIGN, 100000, -4000, 400, 70, EAST);
    assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
    rig_end(&r);
    assert_int_equal(map_contract_suspicions(r.contract.self, &m, 1, &total), 1);
    assert_true(m.is_place);
    assert_int_equal(m.op, MAP_CREATE);
    assert_int_equal(m.value, 70);
    assert_in_range(m.x, 99900, 100100);
    assert_true(map_contract_suspicion(r.contract.self, m.subject, &m));
    assert_null(map_contract_waiting(r.contract.self, 0));
    rig_free(&r);
}

/* One car after another finds sign n covered. */
static void find_covered(struct map_rig *r, uint32_t n, uint32_t first, size_t cars) {
    for (uint32_t i = 0; i < cars; i++) {
        rig_begin(r, r->now_ms + 5000);
        struct rig_car car = car_at(first + i, (int32_t)(200000 * n) - 30000);
        struct observation o = rig_look(r, &car);
        rig_missed(&o, sign(r, n));
        o.reports[o.n_reports - 1].kind = REPORT_COVERED;
        assert_int_equal(rig_send(r, &car, &o), MAP_OK);
        rig_end(r);
    }
}

static void a_cover_is_shown_while_vehicles_are_told_of_it(void **state) {
    (void)state;
    struct map_rig r;
    struct map_suspicion m = {0};
    size_t total = 0;
    town(&r);
    find_covered(&r, 1, 0, 1);
    assert_int_equal(r.advisories, 0);
    assert_int_equal(map_contract_suspicions(r.contract.self, &m, 1, &total), 0);
    for (uint32_t i = 1; i < 60 && r.advisories == 0; i++)
        find_covered(&r, 1, i, 1);
    assert_int_equal(r.advisories, 1);
    assert_int_equal(map_contract_suspicions(r.contract.self, &m, 1, &total), 1);
    assert_true(m.covered && m.advisory && !m.is_place && !m.moved);
    assert_int_equal(m.op, MAP_MODIFY);
    assert_memory_equal(m.subject, sign(&r, 1)->id, 16);
    assert_int_equal(m.x, 200000);
    assert_true(map_contract_suspicion(r.contract.self, sign(&r, 1)->id, &m));
    /* With its end it is gone from here, too. */
    for (uint32_t i = 0; i < 400 && r.ends == 0; i++) {
        rig_begin(&r, r.now_ms + 60000);
        rig_end(&r);
    }
    assert_int_equal(r.ends, 1);
    assert_int_equal(map_contract_suspicions(r.contract.self, &m, 1, &total), 0);
    rig_free(&r);
}

/* ---- single observations ---- */

static enum map_saying says(const struct map_rig *r, const struct observation *o,
    const struct map_thing *t, int32_t *ret_value) {
    static const struct observer_class who = {SENSOR_CAMERA_GOOD, 1};
    bool has = false;
    struct sighting_reader *reader = sighting_reader_new(r->contract.self, t);
    enum map_saying s = sighting_reader_says(reader, o, &who, &has, ret_value);
    sighting_reader_free(reader);
    assert_true(has || *ret_value == 0);
    return s;
}

static void words_are_read_plainly(void **state) {
    (void)state;
    struct map_rig r;
    int32_t value = 0;
    town(&r);
    rig_begin(&r, r.now_ms + 1000); /* the policy is read */
    rig_end(&r);
    const struct element *e = sign(&r, 1);
    struct map_thing thing = {.element = e,
        .kind = EL_SIGN,
        .x = 200000,
        .y = -4000,
        .has_heading = true,
        .heading = EAST};
    memcpy(thing.id, e->id, sizeof(thing.id));
    struct map_thing place = thing; /* the same, but nothing was known there */
    place.element = NULL;
    struct rig_car car = car_at(1, 170000);
    const struct observation empty = rig_look(&r, &car);

    assert_int_equal(says(&r, &empty, &place, &value), MAP_SAYS_SILENT);
    /* That it is gone takes a word. */
    assert_int_equal(says(&r, &empty, &thing, &value), MAP_SAYS_NOTHING);
    struct observation o = empty;
    o.occluded = true;
    assert_int_equal(says(&r, &o, &place, &value), MAP_SAYS_NOTHING);
    o = empty;
    rig_mismatch(&o, e, 30);
    assert_int_equal(says(&r, &o, &thing, &value), MAP_SAYS_VALUE);
    assert_int_equal(value, 30);
    o = empty;
    rig_missed(&o, e);
    assert_int_equal(says(&r, &o, &thing, &value), MAP_SAYS_GONE);
    o.reports[0].kind = REPORT_COVERED;
    assert_int_equal(says(&r, &o, &thing, &value), MAP_SAYS_COVERED);
    o = empty;
    rig_saw(&r, &o, EL_SIGN, 200500, -4500, 400, 50, EAST);
    assert_int_equal(says(&r, &o, &thing, &value), MAP_SAYS_UNCHANGED);
    assert_int_equal(says(&r, &o, &place, &value), MAP_SAYS_NEW);
    assert_int_equal(value, 50);
    o = empty;
    rig_saw(&r, &o, EL_SIGN, 200500, -4500, 400, 30, EAST);
    assert_int_equal(says(&r, &o, &thing, &value), MAP_SAYS_VALUE);
    o = empty;
    rig_saw(&r, &o, EL_HAZARD, 200500, -4500, 400, 30, EAST); /* something else there */
    assert_int_equal(says(&r, &o, &place, &value), MAP_SAYS_SILENT);
    rig_free(&r);
}

static void only_what_is_in_clear_view_can_be_silent(void **state) {
    (void)state;
    struct map_rig r;
    int32_t value = 0;
    town(&r);
    rig_begin(&r, r.now_ms + 1000);
    rig_end(&r);
    struct map_thing t = {
        .kind = EL_SIGN, .x = 200000, .y = -4000, .has_heading = true, .heading = EAST};
    struct rig_car car = car_at(1, 100000); /* too far: it looks 60 m ahead */
    struct observation o = rig_look(&r, &car);
    assert_int_equal(says(&r, &o, &t, &value), MAP_SAYS_NOTHING);
    car.x = 210000; /* passed */
    o = rig_look(&r, &car);
    assert_int_equal(says(&r, &o, &t, &value), MAP_SAYS_NOTHING);
    car.x = 230000;
    car.heading = WEST; /* sees the back of the plate */
    o = rig_look(&r, &car);
    assert_int_equal(says(&r, &o, &t, &value), MAP_SAYS_NOTHING);
    t.kind = EL_STOP_LINE; /* has none */
    assert_int_equal(says(&r, &o, &t, &value), MAP_SAYS_SILENT);
    rig_free(&r);
}

static void every_saying_has_a_name(void **state) {
    (void)state;
    assert_string_equal(map_saying_name(MAP_SAYS_NOTHING), "nothing");
    assert_string_equal(map_saying_name(MAP_SAYS_SILENT), "silent");
    assert_string_equal(map_saying_name((enum map_saying)99), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strongest_come_first_and_the_rest_is_counted),
        cmocka_unit_test(what_is_lacking_shrinks_with_the_evidence_until_nothing_is),
        cmocka_unit_test(places_of_new_things_are_among_them),
        cmocka_unit_test(a_cover_is_shown_while_vehicles_are_told_of_it),
        cmocka_unit_test(words_are_read_plainly),
        cmocka_unit_test(only_what_is_in_clear_view_can_be_silent),
        cmocka_unit_test(every_saying_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
