/* Bodies of map orders and of what the cell says about them: what is read is what was written, and nothing else. */
#include "tests/support/cm.h"

#include "mapsvc/fuse/order.h"

static struct map_order modify(void) {
    struct map_order o = {.op = MAP_MODIFY,
        .element = {.kind = EL_SPEED_LIMIT,
            .has_value = true,
            .value = 30,
            .valid_from_ms = 1000,
            .valid_to_ms = 5000}};
    memset(o.element.id, 7, sizeof(o.element.id));
    bool ok = element_set_attr(&o.element, "unit", "km/h");
    ok = ok && element_set_attr(&o.element, "reason", "");
    assert_true(ok);
    return o;
}

static struct map_order create(void) {
    struct map_order o = {.op = MAP_CREATE, .element = {.kind = EL_SIGN, .valid_to_ms = INT64_MAX}};
    bool ok = element_add_point(&o.element, (struct map_point){1000, -2000, 0});
    assert_true(ok);
    return o;
}

static void assert_round(struct map_order *o) {
    struct buf b = {0};
    struct buf again = {0};
    struct map_order read;
    map_order_encode(o, &b);
    assert_int_equal(map_order_decode(buf_span(&b), &read, NULL), WS_OK);
    map_order_encode(&read, &again);
    assert_true(span_equal(buf_span(&b), buf_span(&again)));
    map_order_free(&read);
    for (size_t n = 0; n < b.n; n++)
        assert_int_not_equal(map_order_decode(span_of(b.p, n), &read, NULL), WS_OK);
    /* What a flipped bit makes is refused, or is another order, in its own octets. */
    for (size_t i = 0; i < 8 * b.n; i++) {
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
        if (map_order_decode(buf_span(&b), &read, NULL) == WS_OK) {
            buf_clear(&again);
            map_order_encode(&read, &again);
            assert_true(span_equal(buf_span(&b), buf_span(&again)));
            map_order_free(&read);
        }
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    buf_free(&b);
    buf_free(&again);
}

static void test_round(void **state) {
    (void)state;
    struct map_order o = modify();
    assert_round(&o);
    map_order_free(&o);
    o = create();
    assert_round(&o);
    map_order_free(&o);
    o = (struct map_order){
        .op = MAP_DELETE, .element = {.id = {1}, .kind = EL_SIGN, .valid_to_ms = 9}};
    memset(o.supersedes, 3, sizeof(o.supersedes));
    assert_round(&o);
}

static void assert_refused(struct map_order *o, const char *why) {
    struct buf b = {0};
    struct map_order read;
    struct ws_err err;
    map_order_encode(o, &b);
    assert_int_equal(map_order_decode(buf_span(&b), &read, &err), WS_EINPUT);
    if (strstr(err.text, why) == NULL)
        fail_msg("%s", err.text);
    buf_free(&b);
    map_order_free(o);
}

static void test_misfits(void **state) {
    (void)state;
    struct map_order o = modify();
    memset(o.element.id, 0, sizeof(o.element.id));
    assert_refused(&o, "has an id");
    o = create();
    o.element.id[3] = 1;
    assert_refused(&o, "has an id");
    o = create();
    o.element.n_points = 0;
    assert_refused(&o, "has a place");
    o = create();
    bool ok = element_set_attr(&o.element, "a", "");
    assert_true(ok);
    assert_refused(&o, "empty attributes");
    o = create();
    o.element.points[0].y = -MAP_ORDER_REACH_MM - 1;
    assert_refused(&o, "outside the cell");
    o = modify();
    o.element.revision = 1;
    assert_refused(&o, "no revision");
    o = modify();
    ok = element_add_alias(&o.element, "lanelet2:way/1");
    assert_true(ok);
    assert_refused(&o, "no aliases");
    o = modify();
    o.element.valid_to_ms = o.element.valid_from_ms;
    assert_refused(&o, "valid to before");
    o = modify();
    o.op = MAP_DELETE;
    assert_refused(&o, "no more than its id");
    o = (struct map_order){
        .op = MAP_MODIFY, .element = {.id = {1}, .kind = EL_SIGN, .valid_to_ms = 9}};
    assert_refused(&o, "nothing is modified");
}

static void test_apply(void **state) {
    (void)state;
    struct element now = {.kind = EL_SPEED_LIMIT,
        .revision = 4,
        .has_value = true,
        .value = 50,
        .valid_to_ms = INT64_MAX};
    memset(now.id, 7, sizeof(now.id));
    bool ok = element_add_point(&now, (struct map_point){1, 2, 3}) &&
              element_set_attr(&now, "reason", "school") && element_add_alias(&now, "x:1");
    assert_true(ok);
    struct map_order o = modify();
    struct element e = map_order_apply(&o.element, &now);
    assert_int_equal(e.value, 30);
    assert_int_equal(e.revision, 5);
    assert_int_equal(e.n_points, 1);
    assert_int_equal(e.points[0].y, 2);
    assert_string_equal(element_attr(&e, "unit"), "km/h");
    assert_null(element_attr(&e, "reason"));
    assert_int_equal(e.n_aliases, 1);
    assert_int_equal(e.valid_from_ms, 1000);
    assert_int_equal(e.valid_to_ms, 5000);
    element_free(&e);
    element_free(&now);
    map_order_free(&o);
}

static void test_withdraw(void **state) {
    (void)state;
    uint8_t id[32];
    uint8_t read[32];
    memset(id, 5, sizeof(id));
    struct buf b = {0};
    map_withdraw_encode(id, &b);
    assert_int_equal(map_withdraw_decode(buf_span(&b), read, NULL), WS_OK);
    assert_memory_equal(id, read, 32);
    for (size_t n = 0; n < b.n; n++)
        assert_int_not_equal(map_withdraw_decode(span_of(b.p, n), read, NULL), WS_OK);
    buf_u8(&b, 0);
    assert_int_equal(map_withdraw_decode(buf_span(&b), read, NULL), WS_EINPUT);
    buf_free(&b);
}

static void test_report(void **state) {
    (void)state;
    struct map_order_report r = {.height = 5,
        .block_time = 6,
        .order = {1},
        .element_id = {2},
        .news = ORDER_DISOBEYED,
        .seen = SEEN_VALUE,
        .has_value = true,
        .value = -50,
        .bits_q16 = 22 << 16,
        .vehicles = 7,
        .first_seen = 3,
        .last_seen = 4};
    struct buf b = {0};
    struct map_order_report read;
    map_order_report_encode(&r, &b);
    assert_int_equal(map_order_report_decode(buf_span(&b), &read, NULL), WS_OK);
    assert_int_equal(read.value, -50);
    assert_int_equal(read.seen, SEEN_VALUE);
    for (size_t n = 0; n < b.n; n++)
        assert_int_not_equal(map_order_report_decode(span_of(b.p, n), &read, NULL), WS_OK);
    buf_clear(&b);
    r.seen = SEEN_AS_ORDERED; /* that is not disobeyed */
    map_order_report_encode(&r, &b);
    assert_int_equal(map_order_report_decode(buf_span(&b), &read, NULL), WS_EINPUT);
    buf_clear(&b);
    r.news = ORDER_LAPSED;
    map_order_report_encode(&r, &b);
    assert_int_equal(map_order_report_decode(buf_span(&b), &read, NULL), WS_OK);
    assert_int_equal(read.vehicles, 0);
    assert_string_equal(map_order_news_name(read.news), "lapsed");
    assert_string_equal(map_order_seen_name(SEEN_STILL_THERE), "still_there");
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_misfits),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_withdraw),
        cmocka_unit_test(test_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
