/* Orders of the authority in the map contract: applied at once, for their time, and what the road shows is told. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/fuse/decree.h"
#include "tests/support/map_rig.h"

enum { SIGNS = 6, LIMIT = 100 };

static void town(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    for (uint32_t i = 0; i < SIGNS; i++) {
        struct element e = rig_sign(i, 50, (int32_t)(200000 * i), -4000, 0);
        mapset_add(&m, &e);
    }
    struct element limit = rig_limit(LIMIT, 50, 0, 0, 2000000, 0);
    mapset_add(&m, &limit);
    rig_start(r, &m);
}

static const struct element *element_at(const struct map_rig *r, uint32_t n) {
    uint8_t id[16];
    rig_id(n, id);
    return mapset_find(map_contract_current(r->contract.self), id);
}

static int64_t unix_ms(const struct map_rig *r) {
    return its_to_unix_us(r->host.time) / 1000;
}

static void tick(struct map_rig *r, uint64_t ms) {
    rig_begin(r, r->now_ms + ms);
    rig_end(r);
}

static struct map_order modify(uint32_t n, enum element_kind kind, int32_t value) {
    struct map_order o = {.op = MAP_MODIFY,
        .element = {.kind = kind, .has_value = true, .value = value, .valid_to_ms = INT64_MAX}};
    rig_id(n, o.element.id);
    return o;
}

static struct map_order delete (uint32_t n) {
    struct map_order o = {.op = MAP_DELETE, .element = {.kind = EL_SIGN, .valid_to_ms = INT64_MAX}};
    rig_id(n, o.element.id);
    return o;
}

static struct map_order create(int32_t x, int32_t value) {
    struct map_order o = {.op = MAP_CREATE,
        .element = {.kind = EL_SIGN,
            .has_value = true,
            .value = value,
            .has_heading = true,
            .valid_to_ms = INT64_MAX}};
    bool ok = element_add_point(&o.element, (struct map_point){x, -4000, 0});
    assert_true(ok);
    return o;
}

static exec_code give(struct map_rig *r, struct map_order o, uint8_t ret_id[static 32]) {
    struct buf b = {0};
    map_order_encode(&o, &b);
    exec_code rc = rig_order(r, MAP_ORDER_CHANGE, buf_span(&b), ret_id);
    buf_free(&b);
    map_order_free(&o);
    return rc;
}

static exec_code take_back(struct map_rig *r, const uint8_t id[static 32]) {
    struct buf b = {0};
    uint8_t own[32];
    map_withdraw_encode(id, &b);
    exec_code rc = rig_order(r, MAP_ORDER_WITHDRAW, buf_span(&b), own);
    buf_free(&b);
    return rc;
}

static exec_code order(struct map_rig *r, struct map_order o, uint8_t ret_id[static 32]) {
    rig_begin(r, r->now_ms + 1000);
    exec_code rc = give(r, o, ret_id);
    rig_end(r);
    return rc;
}

static const struct change_record *last_change(const struct map_rig *r) {
    const struct map_version *v = &r->versions[r->n_versions - 1];
    assert_int_equal(v->n_changes, 1);
    return &v->changes[0];
}

static const struct map_order_report *last_report(const struct map_rig *r) {
    assert_true(r->n_reports > 0);
    return &r->reports[r->n_reports - 1];
}

static void assert_follows(struct map_rig *r) {
    struct ws_err err;
    for (size_t i = 0; i < r->n_versions; i++)
        if (map_version_apply(&r->versions[i], &r->base, &err) != WS_OK)
            fail_msg("version %zu: %s", i + 2, err.text);
    uint8_t ours[32];
    uint8_t theirs[32];
    mapset_digest(&r->base, theirs);
    mapset_digest(map_contract_current(r->contract.self), ours);
    assert_memory_equal(ours, theirs, 32);
}

/* Cars that read `value` on the sign that stands at x, or (value 0) miss sign n. */
static void drive(struct map_rig *r, unsigned cars, int32_t x, int32_t value, uint32_t n) {
    for (unsigned i = 0; i < cars; i++) {
        struct rig_car car = {.id = 1000 + (uint32_t)r->messages,
            .issuer = (uint16_t)(i % 3),
            .family = (uint16_t)(1 + i % 4),
            .sensor = SENSOR_CAMERA_GOOD,
            .x = x - 30000 - (int32_t)(i % 4) * 5000,
            .y = i % 2 == 0 ? 0 : 3000};
        rig_begin(r, r->now_ms + 5000);
        struct observation o = rig_look(r, &car);
        if (value != 0)
            rig_saw(r, &o, EL_SIGN, x, -4000, 200, value, 0);
        else if (element_at(r, n) != NULL)
            rig_missed(&o, element_at(r, n));
        assert_int_equal(rig_send(r, &car, &o), MAP_OK);
        rig_end(r);
    }
}

static void test_at_once(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    uint8_t id[32];
    assert_int_equal(order(&r, modify(LIMIT, EL_SPEED_LIMIT, 30), id), MAP_OK);
    assert_int_equal(r.n_versions, 1); /* in the block that brought it */
    const struct change_record *c = last_change(&r);
    assert_int_equal(c->tier, TIER_ORDER);
    assert_int_equal(c->op, MAP_MODIFY);
    assert_int_equal(c->before.value, 50);
    assert_int_equal(c->after.value, 30);
    assert_int_equal(c->after.n_points, 2);
    assert_int_equal(c->vehicles, 0);
    assert_true(c->has_order && !c->has_supersedes && !c->has_withdraws);
    assert_memory_equal(c->order, id, 32);
    assert_int_equal(last_report(&r)->news, ORDER_IN_FORCE);
    struct buf b = {0};
    map_version_encode(&r.versions[0], &b);
    assert_true(b.n <= 1000);
    buf_free(&b);
    struct map_order_state list[4];
    assert_int_equal(map_contract_orders(r.contract.self, list, 4), 1);
    assert_true(list[0].in_force);
    assert_memory_equal(list[0].id, id, 32);
    assert_follows(&r);
    rig_free(&r);
}

static void test_withdrawn(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    uint8_t id[32];
    uint8_t change[32];
    assert_int_equal(order(&r, modify(1, EL_SIGN, 30), id), MAP_OK);
    memcpy(change, last_change(&r)->id, 32);
    rig_begin(&r, r.now_ms + 1000);
    assert_int_equal(take_back(&r, id), MAP_OK);
    assert_int_equal(take_back(&r, id), MAP_OK); /* the same in the same block */
    rig_end(&r);
    assert_int_equal(r.n_versions, 2);
    const struct change_record *c = last_change(&r);
    assert_int_equal(c->after.value, 50);
    assert_int_equal(c->after.revision, 2);
    assert_true(c->has_withdraws && !c->has_supersedes);
    assert_memory_equal(c->withdraws, change, 32);
    assert_int_equal(last_report(&r)->news, ORDER_WITHDRAWN);
    assert_int_equal(map_contract_orders(r.contract.self, NULL, 0), 0);
    assert_int_equal(fake_exec_count(&r.host, 'o'), 0);
    rig_begin(&r, r.now_ms + 1000);
    assert_int_equal(take_back(&r, id), MAP_UNKNOWN_ORDER);
    rig_end(&r);
    /* And for what was created, and what was taken away. */
    uint8_t made[32];
    uint8_t gone[32];
    rig_begin(&r, r.now_ms + 1000);
    assert_int_equal(give(&r, create(500000, 70), made), MAP_OK);
    assert_int_equal(give(&r, delete (3), gone), MAP_OK);
    rig_end(&r);
    assert_int_equal(r.versions[2].n_changes, 2);
    assert_null(element_at(&r, 3));
    rig_begin(&r, r.now_ms + 1000);
    assert_int_equal(take_back(&r, made), MAP_OK);
    assert_int_equal(take_back(&r, gone), MAP_OK);
    rig_end(&r);
    assert_int_equal(map_contract_current(r.contract.self)->n, SIGNS + 1);
    assert_int_equal(element_at(&r, 3)->value, 50);
    assert_int_equal(element_at(&r, 3)->n_aliases, 1);
    assert_follows(&r);
    rig_free(&r);
}

static void test_validity(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    tick(&r, 1000);
    uint8_t id[32];
    struct map_order o = modify(LIMIT, EL_SPEED_LIMIT, 30);
    o.element.valid_from_ms = unix_ms(&r) + 60000;
    o.element.valid_to_ms = unix_ms(&r) + 120000;
    assert_int_equal(order(&r, o, id), MAP_OK);
    assert_int_equal(r.n_versions, 0); /* its time has not come */
    rig_restart(&r);
    tick(&r, 50000);
    assert_int_equal(r.n_versions, 0);
    tick(&r, 10000);
    assert_int_equal(r.n_versions, 1);
    assert_int_equal(element_at(&r, LIMIT)->value, 30);
    assert_int_equal(element_at(&r, LIMIT)->valid_to_ms, o.element.valid_to_ms);
    rig_restart(&r);
    tick(&r, 70000);
    assert_int_equal(r.n_versions, 2);
    assert_int_equal(element_at(&r, LIMIT)->value, 50);
    assert_int_equal(element_at(&r, LIMIT)->valid_to_ms, INT64_MAX);
    assert_true(last_change(&r)->has_withdraws);
    assert_int_equal(last_report(&r)->news, ORDER_LAPSED);
    /* One that is over already. */
    o = modify(LIMIT, EL_SPEED_LIMIT, 20);
    o.element.valid_to_ms = unix_ms(&r);
    assert_int_equal(order(&r, o, id), MAP_ORDER_OVER);
    assert_follows(&r);
    rig_free(&r);
}

static void test_superseded(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    uint8_t first[32];
    uint8_t second[32];
    uint8_t third[32];
    assert_int_equal(order(&r, modify(LIMIT, EL_SPEED_LIMIT, 30), first), MAP_OK);
    uint8_t change[32];
    memcpy(change, last_change(&r)->id, 32);
    assert_int_equal(order(&r, modify(LIMIT, EL_SPEED_LIMIT, 20), second), MAP_ORDER_IN_FORCE);
    struct map_order o = modify(LIMIT, EL_SPEED_LIMIT, 20);
    memcpy(o.supersedes, first, 32);
    o.supersedes[0] ^= 1;
    assert_int_equal(order(&r, o, second), MAP_UNKNOWN_ORDER);
    o = modify(1, EL_SIGN, 20); /* another element */
    memcpy(o.supersedes, first, 32);
    assert_int_equal(order(&r, o, second), MAP_UNKNOWN_ORDER);
    o = modify(LIMIT, EL_SPEED_LIMIT, 20);
    memcpy(o.supersedes, first, 32);
    o.element.valid_from_ms = unix_ms(&r) + 100000;
    assert_int_equal(order(&r, o, second), MAP_ORDER_TOO_EARLY);
    o = modify(LIMIT, EL_SPEED_LIMIT, 20);
    memcpy(o.supersedes, first, 32);
    assert_int_equal(order(&r, o, second), MAP_OK);
    assert_int_equal(element_at(&r, LIMIT)->value, 20);
    assert_true(last_change(&r)->has_supersedes);
    assert_memory_equal(last_change(&r)->supersedes, change, 32);
    rig_begin(&r, r.now_ms + 1000);
    assert_int_equal(take_back(&r, second), MAP_OK);
    rig_end(&r);
    assert_int_equal(element_at(&r, LIMIT)->value, 50); /* not the first order's */
    /* Two on one element in one block: the second is refused. */
    rig_begin(&r, r.now_ms + 1000);
    assert_int_equal(give(&r, modify(2, EL_SIGN, 30), first), MAP_OK);
    assert_int_equal(give(&r, modify(2, EL_SIGN, 20), second), MAP_ORDER_IN_FORCE);
    assert_int_equal(give(&r, modify(77, EL_SIGN, 20), third), MAP_UNKNOWN_ELEMENT);
    assert_int_equal(give(&r, modify(3, EL_LIGHT, 20), third), MAP_UNKNOWN_ELEMENT);
    assert_int_equal(rig_order(&r, MAP_ORDER_CHANGE, span_of("\x01\x07", 2), third), MAP_BAD_ORDER);
    assert_int_equal(rig_order(&r, MAP_ORDER_WITHDRAW, span_of("\x01", 1), third), MAP_BAD_ORDER);
    rig_end(&r);
    assert_follows(&r);
    rig_free(&r);
}

/* The road shows what is ordered, then something else, then nothing: it is told each time, once, and changes nothing. */
static void test_obedience(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_set(&r, MAP_POLICY_WINDOW_MS, 1000);
    rig_set(&r, MAP_POLICY_MIN_VEHICLES, 1);
    uint8_t id[32];
    assert_int_equal(order(&r, modify(2, EL_SIGN, 30), id), MAP_OK);
    assert_int_equal(r.n_reports, 1);
    drive(&r, 30, 400000, 30, 2);
    assert_int_equal(r.n_reports, 2);
    assert_int_equal(last_report(&r)->news, ORDER_OBEYED);
    assert_true(last_report(&r)->vehicles >= 3 && last_report(&r)->families >= 2);
    rig_restart(&r);
    drive(&r, 30, 400000, 50, 2);
    assert_int_equal(r.n_reports, 3);
    assert_int_equal(last_report(&r)->news, ORDER_DISOBEYED);
    assert_int_equal(last_report(&r)->seen, SEEN_VALUE);
    assert_int_equal(last_report(&r)->value, 50);
    assert_true(last_report(&r)->bits_q16 >= 20 * 65536);
    drive(&r, 30, 400000, 0, 2);
    assert_int_equal(r.n_reports, 4);
    assert_int_equal(last_report(&r)->seen, SEEN_GONE);
    drive(&r, 30, 400000, 30, 2);
    assert_int_equal(r.n_reports, 5);
    assert_int_equal(last_report(&r)->news, ORDER_OBEYED);
    assert_int_equal(r.n_versions, 1);
    assert_int_equal(r.advisories, 0);
    assert_int_equal(element_at(&r, 2)->value, 30);
    struct map_order_state s;
    assert_int_equal(map_contract_orders(r.contract.self, &s, 1), 1);
    assert_int_equal(s.reported, ORDER_OBEYED);
    /* Once it is withdrawn, the road has its say again. */
    rig_begin(&r, r.now_ms + 1000);
    assert_int_equal(take_back(&r, id), MAP_OK);
    rig_end(&r);
    drive(&r, 20, 400000, 30, 2);
    assert_int_equal(element_at(&r, 2)->value, 30);
    assert_int_equal(last_change(&r)->tier, TIER_PERMANENT);
    assert_true(last_change(&r)->has_supersedes);
    assert_follows(&r);
    rig_free(&r);
}

static void test_still_there(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    uint8_t id[32];
    assert_int_equal(order(&r, delete (2), id), MAP_OK);
    assert_null(element_at(&r, 2));
    drive(&r, 30, 400000, 50, 2);
    assert_int_equal(r.n_versions, 1);
    assert_int_equal(r.advisories, 0);
    assert_int_equal(last_report(&r)->news, ORDER_DISOBEYED);
    assert_int_equal(last_report(&r)->seen, SEEN_STILL_THERE);
    assert_true(abs(last_report(&r)->at.x - 400000) < 300);
    /* Another plate in its place is news. */
    drive(&r, 30, 400000, 80, 2);
    assert_int_equal(r.n_versions, 2);
    assert_int_equal(last_change(&r)->op, MAP_CREATE);
    assert_follows(&r);
    rig_free(&r);
}

/* What the field confirmed and is not out yet gives way. */
static void test_authority_first(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_set(&r, MAP_POLICY_VERSION_AGE_MS, 3600000);
    drive(&r, 20, 200000, 80, 1);
    assert_int_equal(fake_exec_count(&r.host, 'p'), 1);
    uint8_t id[32];
    assert_int_equal(order(&r, modify(1, EL_SIGN, 30), id), MAP_OK);
    assert_int_equal(fake_exec_count(&r.host, 'p'), 0);
    assert_int_equal(r.n_versions, 1);
    assert_int_equal(element_at(&r, 1)->value, 30);
    assert_follows(&r);
    rig_free(&r);
}

/* The same octets for any place of the order in its block, and after a restart. */
static void test_order_of_orders(void **state) {
    (void)state;
    struct map_rig a;
    struct map_rig b;
    town(&a);
    town(&b);
    struct map_rig *both[] = {&a, &b};
    for (int i = 0; i < 60; i++) {
        for (int k = 0; k < 2; k++) {
            struct map_rig *r = both[k];
            uint8_t id[32];
            rig_begin(r, r->now_ms + 3000);
            for (int j = 0; j < 2; j++) {
                if (j == k && i % 7 == 3)
                    (void)give(r,
                        i % 2 == 0 ? modify((uint32_t)i % SIGNS, EL_SIGN, 30)
                                   : create(20000 * i, 70),
                        id);
                if (j == 0) {
                    struct rig_car car = {.id = (uint32_t)i,
                        .issuer = (uint16_t)(i % 3),
                        .family = (uint16_t)(i % 4),
                        .sensor = SENSOR_CAMERA_GOOD,
                        .x = 370000};
                    struct observation o = rig_look(r, &car);
                    rig_saw(r, &o, EL_SIGN, 400000, -4000, 300, i % 3 == 0 ? 30 : 50, 0);
                    (void)rig_send(r, &car, &o);
                }
            }
            rig_end(r);
        }
        rig_restart(&b);
        uint8_t da[32];
        uint8_t db[32];
        fake_exec_digest(&a.host, da);
        fake_exec_digest(&b.host, db);
        assert_memory_equal(da, db, 32);
        fake_exec_events_digest(&a.host, da);
        fake_exec_events_digest(&b.host, db);
        assert_memory_equal(da, db, 32);
    }
    assert_true(a.n_versions >= 5);
    assert_follows(&a);
    rig_free(&a);
    rig_free(&b);
}

/* An order whose attributes find no room is refused by name: the authority must not think that it is in force. */
static void test_full(void **state) {
    (void)state;
    struct map_rig r;
    struct mapset m = {.ns = "rig"};
    struct element sign = rig_sign(0, 50, 0, -4000, 0);
    char key[16];
    for (int i = 0; i < ELEMENT_MAX_ATTRS; i++) {
        (void)snprintf(key, sizeof(key), "k%02d", i);
        assert_true(element_set_attr(&sign, key, "x"));
    }
    mapset_add(&m, &sign);
    rig_start(&r, &m);
    uint8_t id[32];
    struct map_order o = modify(0, EL_SIGN, 30);
    assert_true(element_set_attr(&o.element, "closed", "yes"));
    assert_int_equal(order(&r, o, id), MAP_ORDER_NO_ROOM);
    assert_string_equal(r.contract.ops->code_name(MAP_ORDER_NO_ROOM), "map_order_no_room");
    assert_int_equal(r.n_versions, 0);
    assert_int_equal(element_at(&r, 0)->value, 50);
    /* One that takes another away first has room, whichever key comes first; so has one that replaces. */
    o = modify(0, EL_SIGN, 30);
    assert_true(element_set_attr(&o.element, "closed", "yes"));
    assert_true(element_set_attr(&o.element, "k07", ""));
    assert_true(element_set_attr(&o.element, "k08", "y"));
    assert_int_equal(order(&r, o, id), MAP_OK);
    tick(&r, 1000);
    assert_string_equal(element_attr(element_at(&r, 0), "closed"), "yes");
    assert_string_equal(element_attr(element_at(&r, 0), "k08"), "y");
    assert_null(element_attr(element_at(&r, 0), "k07"));
    assert_int_equal(element_at(&r, 0)->n_attrs, ELEMENT_MAX_ATTRS);
    assert_follows(&r);
    rig_free(&r);
}

/* A block full of orders: each element has one, who comes second is told so, and after a restart all are known. */
static void test_many(void **state) {
    (void)state;
    enum { MANY = 600 };
    struct map_rig r;
    struct mapset m = {.ns = "rig"};
    for (uint32_t i = 0; i < MANY; i++) {
        struct element e = rig_sign(i, 50, (int32_t)(50000 * i), -4000, 0);
        mapset_add(&m, &e);
    }
    rig_start(&r, &m);
    static uint8_t ids[MANY][32];
    uint8_t other[32];
    rig_begin(&r, r.now_ms + 1000);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(give(&r, modify(i, EL_SIGN, 30), ids[i]), MAP_OK);
        assert_int_equal(give(&r, modify(i / 2, EL_SIGN, 70), other), MAP_ORDER_IN_FORCE);
    }
    rig_end(&r);
    rig_restart(&r);
    const struct map_contract *c = r.contract.self;
    assert_int_equal(c->n_decrees, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        uint8_t id[16];
        rig_id(i, id);
        const struct decree *d = decree_of(c, id);
        assert_non_null(d);
        assert_memory_equal(d->id, ids[i], 32);
    }
    rig_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_withdrawn),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_superseded),
        cmocka_unit_test(test_obedience),
        cmocka_unit_test(test_still_there),
        cmocka_unit_test(test_authority_first),
        cmocka_unit_test(test_order_of_orders),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
