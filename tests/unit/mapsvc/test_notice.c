/* The notice payload: round trip, every range, every truncation, bit flips; what a change record becomes. */
#include "tests/support/cm.h"

#include "mapsvc/fuse/notice.h"

static struct notice sample(void) {
    return (struct notice){
        .cell = {1, 2, 3, 4, 5, 6, 7, 8},
        .map_version = 7,
        .time = 700000000000000,
        .tier = TIER_ADVISORY,
        .op = MAP_MODIFY,
        .kind = EL_SPEED_LIMIT,
        .element_id = {9, [15] = 1},
        .change_id = {8, [31] = 2},
        .has_before = true,
        .before = 50,
        .has_after = true,
        .after = -30,
        .lat = 487597690,
        .lon = -114231700,
        .has_heading = true,
        .heading = 65535,
        .has_valid_to = true,
        .valid_to = UINT64_MAX,
        .has_ended = true,
        .ended = ADVISORY_SUPERSEDED,
    };
}

static struct buf written(const struct notice *n) {
    struct buf b = {0};
    notice_put(&b, n);
    return b;
}

static void test_round_trip(void **state) {
    (void)state;
    struct notice n = sample();
    struct notice got;
    struct ws_err err;
    struct buf b = written(&n);
    assert_true(b.n <= NOTICE_MAX);
    assert_int_equal(b.p[0], 2);
    assert_int_equal(notice_read(buf_span(&b), &got, &err), WS_OK);
    struct buf again = written(&got);
    assert_true(span_equal(buf_span(&b), buf_span(&again)));
    assert_int_equal(got.after, -30);
    assert_int_equal(got.valid_to, UINT64_MAX);
    assert_int_equal(got.ended, ADVISORY_SUPERSEDED);
    assert_memory_equal(got.cell, n.cell, sizeof(n.cell));
    assert_memory_equal(got.change_id, n.change_id, sizeof(n.change_id));
    buf_free(&b);
    buf_free(&again);
    n = (struct notice){.map_version = 2, .tier = TIER_PERMANENT, .kind = EL_SIGN};
    b = written(&n);
    assert_int_equal(notice_read(buf_span(&b), &got, &err), WS_OK);
    assert_false(got.has_before);
    assert_false(got.has_ended);
    buf_free(&b);
}

static void refused(struct notice n, const char *field) {
    struct notice got;
    struct ws_err err = {0};
    struct buf b = written(&n);
    assert_int_equal(notice_read(buf_span(&b), &got, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, field));
    buf_free(&b);
}

static void test_ranges(void **state) {
    (void)state;
    struct notice n;
#define REFUSED(field, value)                                                                      \
    n = sample();                                                                                  \
    n.field = (__typeof__(n.field))(value);                                                        \
    refused(n, #field)
    REFUSED(map_version, 0);
    REFUSED(tier, 0);
    REFUSED(tier, 4);
    REFUSED(op, 3);
    REFUSED(lat, 900000001);
    REFUSED(ended, 0);
    REFUSED(ended, 5);
#undef REFUSED
    n = sample();
    n.has_valid_to = false;
    refused(n, "valid_to_us");
    n = sample();
    n.kind = (enum element_kind)(EL_AREA + 1);
    refused(n, "element_kind");
    n = sample();
    n.time = UINT64_MAX;
    refused(n, "time_us");
    n = sample();
    n.lon = INT32_MIN;
    refused(n, "lat");
    n = sample();
    n.tier = TIER_PERMANENT;
    refused(n, "valid_to");
    n.has_valid_to = false;
    refused(n, "ended");
}

/* Cut or disturbed in any way it is refused, or read as something that is within every range. */
static void test_damage(void **state) {
    (void)state;
    struct notice n = sample();
    struct notice got;
    struct ws_err err;
    struct buf b = written(&n);
    assert_int_equal(notice_read(span_of(b.p, 0), &got, &err), WS_EINPUT);
    for (size_t cut = 1; cut < b.n; cut++) {
        if (notice_read(span_of(b.p, cut), &got, &err) == WS_OK) /* only optional fields are gone */
            assert_true(cut > 100);
    }
    for (size_t bit = 0; bit < b.n * 8; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (notice_read(buf_span(&b), &got, &err) == WS_OK) {
            struct buf again = written(&got);
            assert_true(again.n <= NOTICE_MAX);
            buf_free(&again);
        }
        b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    b.p[0] = 1;
    assert_int_equal(notice_read(buf_span(&b), &got, &err), WS_ENOTSUP);
    buf_free(&b);
    uint8_t longest[1025] = {NOTICE_VERSION};
    assert_int_equal(notice_read(span_of(longest, sizeof(longest)), &got, &err), WS_EINPUT);
}

static void test_from_change(void **state) {
    (void)state;
    struct cell_frame frame = frame_at(480000000, 110000000);
    struct map_point line[3] = {{0, 0, 0}, {100000, 200000, 0}, {200000, 400000, 0}};
    struct change_record c = {
        .op = MAP_MODIFY,
        .tier = TIER_PERMANENT,
        .id = {5},
        .element_id = {6},
        .has_before = true,
        .has_after = true,
        .before = {.kind = EL_SPEED_LIMIT, .has_value = true, .value = 50},
        .after = {.kind = EL_SPEED_LIMIT,
            .has_value = true,
            .value = 30,
            .has_heading = true,
            .heading = 123,
            .points = line,
            .n_points = 3},
    };
    struct notice n;
    notice_from_change(&c, &frame, &n);
    assert_int_equal(n.before, 50);
    assert_int_equal(n.after, 30);
    assert_int_equal(n.kind, EL_SPEED_LIMIT);
    assert_int_equal(n.heading, 123);
    int32_t lat;
    int32_t lon;
    frame_to_wgs(&frame, 100000, 200000, &lat, &lon);
    assert_int_equal(n.lat, lat);
    assert_int_equal(n.lon, lon);
    assert_true(lat > 480000000);
    /* What is gone is where it stood. */
    c.op = MAP_DELETE;
    c.has_after = false;
    c.before.points = line;
    c.before.n_points = 1;
    notice_from_change(&c, &frame, &n);
    frame_to_wgs(&frame, 0, 0, &lat, &lon);
    assert_int_equal(n.lat, lat);
    assert_false(n.has_after);
    assert_int_equal(n.before, 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_from_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
