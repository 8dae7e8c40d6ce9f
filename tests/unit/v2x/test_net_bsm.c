/* v2x/bsm.h: every message of the recorded logs against what the recording unit noted beside it, and cuts and flips
 * of a message written bit by bit. */
#include "tests/support/cm.h"
#include "tests/support/obu_log.h"
#include "v2x/bsm.h"
#include "v2x/uper.h"

#include <stdio.h>

/* ---- a message of our own ---- */

static struct buf a_message(void) {
    struct buf body = {0};
    struct uper_out w = {.b = &body};
    uper_put_bits(&w, 3, 2); /* part II, no region */
    uper_put_bits(&w, 7, 99);
    uper_put_bits(&w, 32, 0xb0b1b2b3);
    uper_put_bits(&w, 16, 35999);
    uper_put_int(&w, -900000000, 900000001, 488410769);
    uper_put_int(&w, -1799999999, 1800000001, -91637345);
    uper_put_int(&w, -4096, 61439, 3606);
    uper_put_bits(&w, 8, 20);
    uper_put_bits(&w, 8, 255);
    uper_put_bits(&w, 16, 16384);
    uper_put_bits(&w, 3, 3);
    uper_put_bits(&w, 13, 1000);
    uper_put_bits(&w, 15, 7200);
    uper_put_int(&w, -126, 127, -3);
    uper_put_int(&w, -2000, 2001, -150);
    uper_put_int(&w, -2000, 2001, 20);
    uper_put_int(&w, -127, 127, 50);
    uper_put_int(&w, -32767, 32767, 123);
    uper_put_bits(&w, 15, 0x4001);
    uper_put_bits(&w, 10, 180);
    uper_put_bits(&w, 12, 450);
    uper_put_bits(&w, 3, 1); /* two parts: one unknown, */
    uper_put_bits(&w, 6, 2);
    uper_put_bits(&w, 8, 3);
    uper_put_bits(&w, 24, 0xffffff);
    struct buf part = {0};
    struct uper_out v = {.b = &part};
    uper_put_bits(&v, 5, 0xf);
    uper_put_bits(&v, 1, 0);
    uper_put_bits(&v, 13, 0x1001);
    uper_put_bits(&v, 3, 1); /* path with GNSS status */
    uper_put_bits(&v, 8, 0);
    uper_put_int(&v, 1, 23, 2);
    for (int i = 0; i < 2; i++) {
        uper_put_bits(&v, 4, i == 0 ? 0 : 7);
        uper_put_int(&v, -131072, 131071, i == 0 ? -100 : -131072);
        uper_put_int(&v, -131072, 131071, 200);
        uper_put_int(&v, -2048, 2047, -5);
        uper_put_int(&v, 1, 65535, i == 0 ? 40 : 65535);
        if (i == 1) {
            uper_put_bits(&v, 13, 0);
            uper_put_bits(&v, 32, 0);
            uper_put_bits(&v, 8, 0);
        }
    }
    uper_put_bits(&v, 1, 0);
    uper_put_int(&v, -32767, 32767, 32767);
    uper_put_bits(&v, 8, 200);
    uper_put_bits(&v, 10, 0);
    uper_put_end(&v);
    uper_put_bits(&w, 6, 0); /* and the vehicle safety extensions */
    uper_put_bits(&w, 8, part.n);
    for (size_t i = 0; i < part.n; i++)
        uper_put_bits(&w, 8, part.p[i]);
    uper_put_end(&w);
    struct buf b = {0};
    buf_u16(&b, J2735_BSM);
    buf_u8(&b, (uint8_t)body.n);
    buf_put(&b, body.p, body.n);
    buf_free(&part);
    buf_free(&body);
    return b;
}

static void all_members(void **state) {
    (void)state;
    struct buf b = a_message();
    struct bsm m;
    assert_int_equal(bsm_read(buf_span(&b), &m), BSM_OK);
    assert_int_equal(m.count, 99);
    assert_true(m.temporary_id == 0xb0b1b2b3);
    assert_int_equal(m.second_ms, 35999);
    const struct station_state *s = &m.state;
    assert_true(s->has_position);
    assert_int_equal(s->lat, 488410769);
    assert_int_equal(s->lon, -91637345);
    assert_int_equal(s->altitude_cm, 36060);
    assert_int_equal(s->semi_major_cm, 100);
    assert_int_equal(s->semi_minor_cm, STATION_AXIS_UNAVAILABLE);
    assert_int_equal(s->semi_major_orientation, 900);
    assert_int_equal(s->direction, 1);
    assert_int_equal(s->speed, 2000);
    assert_int_equal(s->heading, 900);
    assert_int_equal(m.steering_angle, -3);
    assert_int_equal(s->accel_long, -150);
    assert_int_equal(s->accel_lat, -20);
    assert_int_equal(s->accel_vert, 980);
    assert_int_equal(s->yaw_rate, -123);
    assert_int_equal(m.brakes, 0x4001);
    assert_int_equal(s->width_cm, 180);
    assert_int_equal(s->length_cm, 450);
    assert_int_equal(m.n_other_parts, 1);
    assert_true(m.has_events);
    assert_int_equal(m.events, 0x1001);
    assert_int_equal(s->n_path, 2);
    assert_int_equal(s->path[0].lat, -100);
    assert_int_equal(s->path[0].lon, 200);
    assert_int_equal(s->path[0].altitude_cm, -50);
    assert_int_equal(s->path[0].delta_10ms, 40);
    assert_int_equal(s->path[1].lat, STATION_OFFSET_UNAVAILABLE);
    assert_int_equal(s->path[1].delta_10ms, 0);
    assert_true(m.has_prediction);
    assert_int_equal(m.radius_10cm, 32767);
    assert_int_equal(m.prediction_confidence, 200);
    buf_free(&b);
}

static void cuts_and_flips(void **state) {
    (void)state;
    struct buf b = a_message();
    struct bsm m;
    for (size_t n = 0; n < b.n; n++) {
        uint8_t *exact = ws_memdup(b.p, n);
        assert_int_equal(bsm_read(span_of(exact, n), &m), BSM_TRUNCATED);
        if (n > 3) { /* also where the frame's length agrees */
            exact[2] = (uint8_t)(n - 3);
            assert_int_equal(bsm_read(span_of(exact, n), &m), BSM_TRUNCATED);
        }
        free(exact);
    }
    for (size_t bit = 0; bit < b.n * 8; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (bsm_read(buf_span(&b), &m) == BSM_OK) {
            assert_in_range(m.state.heading, 0, 3601);
            assert_in_range(m.state.n_path, 0, 23);
        }
        b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    b.p[1] = J2735_SPAT;
    assert_int_equal(bsm_read(buf_span(&b), &m), BSM_OTHER);
    struct j2735_frame f;
    assert_int_equal(j2735_read(buf_span(&b), &f), BSM_OK);
    assert_int_equal(f.id, J2735_SPAT);
    assert_int_equal(f.body.n, b.n - 3);
    buf_free(&b);
}

/* ---- recorded logs ---- */

/* The unsecured data inside, signed or not. */
static struct span inner(struct span s) {
    size_t at = s.p[1] == 0x80 ? 2 : 6;
    assert_int_equal(s.p[at - 2], 3);
    assert_int_equal(s.p[at - 1], 0x80);
    size_t n = s.p[at++];
    unsigned more = n < 0x80 ? 0 : n & 3;
    n = more > 0 ? 0 : n;
    for (; more > 0; more--)
        n = n << 8 | s.p[at++];
    assert_true(at + n <= s.n);
    return span_of(s.p + at, n);
}

static unsigned turn(unsigned a, unsigned b) {
    unsigned d = (a + 3600 - b) % 3600;
    return d < 1800 ? d : 3600 - d;
}

/* The unit notes where it was and what it did when the message was logged; for what it received, that is near. */
static void read_log(const char *name, unsigned want, bool own) {
    struct obu_log log;
    if (!obu_log_open(test_data_dir(), name, &log))
        skip();
    unsigned messages = 0;
    unsigned same = 0;
    struct obu_record r;
    while (obu_log_next(&log, &r)) {
        struct bsm m;
        enum bsm_fail fail = bsm_read(inner(r.message), &m);
        if (fail == BSM_OTHER)
            continue;
        assert_int_equal(fail, BSM_OK);
        messages++;
        const struct station_state *s = &m.state;
        assert_true(s->has_position);
        if (r.lat != 0) { /* the unit knew where it was */
            assert_true(labs((long)s->lat - r.lat) < 100000);
            assert_true(labs((long)s->lon - r.lon) < 100000);
        }
        assert_true(s->altitude_cm > -40960 && s->altitude_cm < 614400);
        assert_true(s->speed == STATION_SPEED_UNAVAILABLE || s->speed < 6000);
        assert_true(s->length_cm >= 100 && s->length_cm < 2500);
        assert_true(s->width_cm >= 50 && s->width_cm < 400);
        long speed = (long)r.speed * 2;
        bool near = labs((long)s->lat - r.lat) < 3000 && labs((long)s->lon - r.lon) < 3000 &&
                    labs(speed - s->speed) < 200 &&
                    (speed < 200 || turn(s->heading, (r.heading + 4U) / 8 % 3600) < 100);
        same += near;
    }
    print_message("%s: %u messages, %u where and as the unit itself\n", name, messages, same);
    assert_int_equal(messages, want);
    if (own)
        assert_true(same * 10 >= messages * 9);
    obu_log_close(&log);
}

static void own_log(void **state) {
    (void)state;
    read_log("bsmLogDuringEvent", 222, true);
}

static void own_signed_log(void **state) {
    (void)state;
    read_log("bsmLogDuringEvent_commsignia", 511, true);
}

static void received_log(void **state) {
    (void)state;
    read_log("rxMsg_BSM_and_TIM", 243, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_members),
        cmocka_unit_test(cuts_and_flips),
        cmocka_unit_test(own_log),
        cmocka_unit_test(own_signed_log),
        cmocka_unit_test(received_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
