/* The observation payload: round trip, every range, every truncation, bit flips, memory bound. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "mapsvc/fuse/observation.h"
#include "mapsvc/fuse/policy_fields.h"

static struct observation sample(void) {
    struct observation o = {.map_version = 7,
        .time = 700000000000000,
        .lat = 487597690,
        .lon = -114231700,
        .heading = 40000,
        .range_mm = 50000,
        .half_angle = 5461,
        .occluded = true,
        .judged = true,
        .n_reports = 3};
    o.reports[0] = (struct obs_report){.kind = REPORT_DETECTED,
        .element_kind = EL_SIGN,
        .has_position = true,
        .lat = 487597700,
        .lon = -114231000,
        .sigma_mm = 400,
        .has_value = true,
        .value = -30,
        .has_heading = true,
        .heading = 65535};
    o.reports[1] = (struct obs_report){.kind = REPORT_NOT_DETECTED,
        .element_kind = EL_SIGN,
        .has_element = true,
        .element_id = {1, 2, 3, [15] = 9}};
    o.reports[2] = (struct obs_report){.kind = REPORT_MISMATCH,
        .element_kind = EL_SPEED_LIMIT,
        .has_element = true,
        .element_id = {[0] = 0xff},
        .has_value = true,
        .value = 50};
    return o;
}

static void assert_same(const struct observation *a, const struct observation *b) {
    assert_int_equal(a->map_version, b->map_version);
    assert_int_equal(a->time, b->time);
    assert_int_equal(a->lat, b->lat);
    assert_int_equal(a->lon, b->lon);
    assert_int_equal(a->heading, b->heading);
    assert_int_equal(a->range_mm, b->range_mm);
    assert_int_equal(a->half_angle, b->half_angle);
    assert_int_equal(a->occluded, b->occluded);
    assert_int_equal(a->judged, b->judged);
    assert_int_equal(a->n_reports, b->n_reports);
    for (size_t i = 0; i < a->n_reports; i++) {
        const struct obs_report *x = &a->reports[i];
        const struct obs_report *y = &b->reports[i];
        assert_int_equal(x->kind, y->kind);
        assert_int_equal(x->element_kind, y->element_kind);
        assert_int_equal(x->has_element, y->has_element);
        assert_memory_equal(x->element_id, y->element_id, 16);
        assert_int_equal(x->has_position, y->has_position);
        assert_int_equal(x->lat, y->lat);
        assert_int_equal(x->lon, y->lon);
        assert_int_equal(x->sigma_mm, y->sigma_mm);
        assert_int_equal(x->has_value, y->has_value);
        assert_int_equal(x->value, y->value);
        assert_int_equal(x->has_heading, y->has_heading);
        assert_int_equal(x->heading, y->heading);
    }
}

static void test_round_trip(void **state) {
    (void)state;
    struct observation o = sample();
    struct buf b = {0};
    observation_put(&b, &o);
    struct observation back;
    assert_int_equal(observation_read(buf_span(&b), &back, NULL), WS_OK);
    assert_same(&o, &back);
    buf_free(&b);

    /* The largest one there can be. */
    for (size_t i = 0; i < OBS_MAX_REPORTS; i++) {
        o.reports[i] = sample().reports[0];
        o.reports[i].has_element = true;
        memset(o.reports[i].element_id, (int)i, 16);
        o.reports[i].value = INT32_MIN;
        o.reports[i].sigma_mm = 20000;
    }
    o.n_reports = OBS_MAX_REPORTS;
    observation_put(&b, &o);
    assert_int_equal(observation_read(buf_span(&b), &back, NULL), WS_OK);
    assert_same(&o, &back);
    buf_free(&b);

    /* And one that saw nothing. */
    o.n_reports = 0;
    observation_put(&b, &o);
    assert_int_equal(observation_read(buf_span(&b), &back, NULL), WS_OK);
    assert_same(&o, &back);
    buf_free(&b);
}

static void refused(const struct observation *o, const char *field) {
    struct buf b = {0};
    observation_put(&b, o);
    struct observation back = {.map_version = 99};
    struct ws_err err;
    assert_int_equal(observation_read(buf_span(&b), &back, &err), WS_EINPUT);
    if (strstr(err.text, field) == NULL)
        fail_msg("'%s' does not name %s", err.text, field);
    assert_int_equal(back.map_version, 99); /* not written on failure */
    buf_free(&b);
}

static void test_ranges(void **state) {
    (void)state;
#define REFUSED(change, field)                                                                     \
    do {                                                                                           \
        struct observation o = sample();                                                           \
        change;                                                                                    \
        refused(&o, field);                                                                        \
    } while (0)
    REFUSED(o.map_version = 0, "map_version");
    REFUSED(o.time = 1ULL << 63, "time_us");
    REFUSED(o.lat = 900000001, "observation: lat");
    REFUSED(o.lat = -900000001, "observation: lat");
    REFUSED(o.lon = 1800000001, "observation: lat");
    REFUSED(o.range_mm = 0, "range_mm");
    REFUSED(o.range_mm = 1000001, "range_mm");
    REFUSED(o.half_angle = 32769, "half_angle");
    REFUSED(o.reports[0].kind = 0, "reports[0].kind");
    REFUSED(o.reports[0].kind = 5, "reports[0].kind");
    REFUSED(o.reports[0].element_kind = 0, "reports[0].element_kind");
    REFUSED(o.reports[0].element_kind = 9, "reports[0].element_kind");
    REFUSED(o.reports[0].has_position = false, "reports[0].lat");
    REFUSED(o.reports[0].lat = INT32_MAX, "reports[0].lat");
    REFUSED(o.reports[0].lon = INT32_MIN, "reports[0].lat");
    REFUSED(o.reports[0].sigma_mm = 0, "reports[0].sigma_mm");
    REFUSED(o.reports[0].sigma_mm = 20001, "reports[0].sigma_mm");
    REFUSED(o.reports[1].has_element = false, "reports[1].element_id");
    REFUSED(o.reports[1].kind = REPORT_COVERED;
            o.reports[1].has_element = false, "reports[1].element_id");
    REFUSED(o.reports[2].has_value = false, "reports[2].value");
#undef REFUSED
}

static void test_every_truncation_and_flips(void **state) {
    (void)state;
    struct observation o = sample();
    struct buf b = {0};
    observation_put(&b, &o);
    struct observation back;
    /* Optional fields come last, so a cut before `occluded`, between two reports or before `judged` is a shorter good
     * message. */
    unsigned good = 0;
    for (size_t n = 0; n < b.n; n++)
        good += observation_read((struct span){b.p, n}, &back, NULL) == WS_OK ? 1 : 0;
    assert_int_equal(good, 5);
    struct ws_random rnd = ws_random_seeded(5);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t copy[512];
        assert_true(b.n <= sizeof(copy));
        memcpy(copy, b.p, b.n);
        copy[ws_random_below(&rnd, b.n)] ^= (uint8_t)(1U << ws_random_below(&rnd, 8));
        if (observation_read((struct span){copy, b.n}, &back, NULL) == WS_OK)
            assert_true(back.n_reports <= OBS_MAX_REPORTS);
    }
    b.p[0] = 2;
    assert_int_equal(observation_read(buf_span(&b), &back, NULL), WS_ENOTSUP);
    buf_free(&b);
}

static void test_memory_is_bounded(void **state) {
    (void)state;
    /* One report too many. */
    struct observation o = sample();
    struct buf b = {0};
    observation_put(&b, &o);
    struct observation back;
    static const uint8_t report[] = {0x4a, 0x04, 0x08, 0x03, 0x10, 0x03};
    for (size_t i = 0; i < 1000; i++)
        buf_put(&b, report, sizeof(report));
    assert_int_equal(observation_read(buf_span(&b), &back, NULL), WS_EINPUT);
    buf_free(&b);
    /* Unknown fields are skipped, but thousands of them are not paid for. */
    observation_put(&b, &o);
    buf_put(&b, "\xf8\x01\x00", 3);
    assert_int_equal(observation_read(buf_span(&b), &back, NULL), WS_OK);
    for (size_t i = 0; i < 2500; i++)
        buf_put(&b, "\xf8\x01\x00", 3);
    assert_int_equal(observation_read(buf_span(&b), &back, NULL), WS_EINPUT);
    for (size_t i = 0; i < 2500; i++)
        buf_put(&b, "\xf8\x01\x00", 3);
    assert_int_equal(observation_read(buf_span(&b), &back, NULL), WS_EINPUT);
    buf_free(&b);
}

static void test_ssp(void **state) {
    (void)state;
    uint8_t ssp[OBS_SSP_OCTETS];
    struct observer_class c = {SENSOR_LIDAR, 0x1234};
    observer_put_ssp(ssp, &c);
    struct observer_class back = observer_from_ssp(span_of(ssp, sizeof(ssp)));
    assert_int_equal(back.sensor, SENSOR_LIDAR);
    assert_int_equal(back.family, 0x1234);
    ssp[1] = SENSOR_CLASS_COUNT;
    assert_int_equal(observer_from_ssp(span_of(ssp, sizeof(ssp))).sensor, SENSOR_UNKNOWN);
    put_be16(ssp + 2, OBS_FAMILY_MODEL); /* nobody's */
    assert_int_equal(observer_from_ssp(span_of(ssp, sizeof(ssp))).family, 0);
    assert_int_equal(observer_from_ssp(span_of(ssp, 3)).family, 0);
    assert_int_equal(observer_from_ssp(span_of(NULL, 0)).sensor, SENSOR_UNKNOWN);
    ssp[0] = 2;
    assert_int_equal(observer_from_ssp(span_of(ssp, sizeof(ssp))).family, 0);
}

static void test_policy_fields(void **state) {
    (void)state;
    assert_true(MAP_POLICY_COUNT <= 96); /* a script has to write each of them */
    for (size_t i = 0; i < MAP_POLICY_COUNT; i++) {
        const struct policy_field *f = &map_policy_fields[i];
        assert_true(strncmp(f->name, "map.", 4) == 0);
        assert_true(f->min < f->max);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(f->name, map_policy_fields[k].name);
    }
    assert_string_equal(map_policy_fields[map_policy_fpr(RATE_LIMIT, SENSOR_LIDAR)].name,
        "map.speed_limit.fpr_ppm.lidar");
    assert_string_equal(map_policy_fields[map_policy_tpr(RATE_SIGN, SENSOR_UNKNOWN)].name,
        "map.sign.tpr_ppm.unknown");
    assert_string_equal(map_policy_fields[MAP_POLICY_CONFIRM_BITS].name, "map.confirm_bits");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_every_truncation_and_flips),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_ssp),
        cmocka_unit_test(test_policy_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
