/* Plausibility: each attack raises its flag, simulated honest driving raises none, integer geometry agrees with real. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "pktio/message.h"
#include "pktio/plausibility_parts.h"
#include "tests/support/pki.h"
#include "v2x/carrier.h"
#include "v2x/facility.h"
#include "v2x/gn.h"
#include "v2x/psid.h"

#include <math.h>
#include <stdio.h>

#define S UINT64_C(1000000)
#define START (UINT64_C(700000000) * S)
#define DEGREE 10000000.0
#define RADIANS (3.14159265358979323846 / 180)
#define METRE (1 / 111319.0) /* degrees of latitude */

struct fixture {
    struct plausibility_tracks *t;
    struct plausibility last;
};

static int setup_at(void **state, bool place) {
    struct fixture *f = ws_alloc(sizeof(*f));
    struct plausibility_config cfg = {
        .tracks = 64, .has_place = place, .lat = 480000000, .lon = 110000000, .reach_m = 1000};
    f->t = plausibility_new(&cfg);
    *state = f;
    return 0;
}
static int setup(void **state) {
    return setup_at(state, false);
}
static int setup_antenna(void **state) {
    return setup_at(state, true);
}
static int teardown(void **state) {
    struct fixture *f = *state;
    plausibility_free(f->t);
    free(f);
    return 0;
}

/* A car's own state; metres from 48 N, 11 E. */
struct car {
    uint8_t signer;
    double east, north, speed, heading; /* m, m, m/s, degrees */
    uint64_t time_us;
};

static struct plausibility_sample sample_of(const struct car *c) {
    struct plausibility_sample s = {.time_us = c->time_us,
        .position_time_us = c->time_us,
        .beacon = true,
        .has_position = true,
        .lat = (int32_t)lround((48 + c->north * METRE) * DEGREE),
        .lon = (int32_t)lround((11 + c->east * METRE / cos(48 * RADIANS)) * DEGREE),
        .radius_cm = 300,
        .station_type = 5,
        .speed = (uint16_t)lround(c->speed * 100),
        .heading = (uint16_t)(lround(c->heading * 10) % 3600),
        .speed_confidence = 30,
        .heading_confidence = 20,
        .forward = true,
        .has_station = true,
        .station_id = 0x1000U + c->signer,
        .has_address = true,
        .address = 0x1400020000000000U + c->signer,
        .direct = true,
        .link = 0x020000000000U + c->signer};
    memset(s.signer, c->signer, sizeof(s.signer));
    return s;
}

static uint16_t judge(struct fixture *f, const struct plausibility_sample *s) {
    plausibility_judge(f->t, s, &f->last);
    assert_int_equal(f->last.flags & ~f->last.judged, 0);
    return f->last.flags;
}

static void move(struct car *c, double dt) {
    c->east += c->speed * dt * sin(c->heading * RADIANS);
    c->north += c->speed * dt * cos(c->heading * RADIANS);
    c->time_us += (uint64_t)lround(dt * 1e6);
}

static uint16_t drive(struct fixture *f, struct car *c, double dt) {
    move(c, dt);
    struct plausibility_sample s = sample_of(c);
    return judge(f, &s);
}

/* Ten beacons a second, all clean. */
static void drive_clean(struct fixture *f, struct car *c, unsigned beacons) {
    for (unsigned i = 0; i < beacons; i++)
        assert_int_equal(drive(f, c, 0.1), 0);
}

#define BIT(flag) (1U << (flag))

static void one_message_is_next_to_nothing(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 20, .time_us = START};
    struct plausibility_sample s = sample_of(&c);
    assert_int_equal(judge(f, &s), 0);
    assert_int_equal(
        f->last.judged & (BIT(IMPLAUSIBLE_JUMP) | BIT(IMPLAUSIBLE_STATION_CHANGED)), 0);
    struct plausibility_sample nothing = {.time_us = START, .signer = {9}};
    (void)judge(f, &nothing);
    struct buf b = {0};
    plausibility_print(&f->last, &b);
    assert_int_equal(b.n, 8);
    assert_memory_equal(b.p, "unjudged", 8);
    buf_free(&b);
}

static void a_jump(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 20, .heading = 90, .time_us = START};
    drive_clean(f, &c, 30);
    c.east += 40; /* not impossible in principle, but not at 20 m/s within 0.1 s */
    assert_int_equal(drive(f, &c, 0.1), BIT(IMPLAUSIBLE_JUMP));
    assert_in_range(f->last.over[IMPLAUSIBLE_JUMP], 200, 400);
    struct buf b = {0};
    plausibility_print(&f->last, &b);
    buf_u8(&b, 0);
    assert_non_null(strstr((const char *)b.p, "jump("));
    buf_free(&b);
    drive_clean(f, &c, 9); /* from there on he is believed again */
}

static void a_teleport(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 20, .heading = 90, .time_us = START};
    drive_clean(f, &c, 10);
    c.north += 5000;
    assert_int_equal(drive(f, &c, 0.1), BIT(IMPLAUSIBLE_JUMP) | BIT(IMPLAUSIBLE_TWO_PLACES));
    assert_int_equal(f->last.over[IMPLAUSIBLE_JUMP], PLAUSIBILITY_OVER_MAX);
}

static void two_vehicles_of_one_signer(void **state) {
    struct fixture *f = *state;
    struct car a = {.signer = 1, .speed = 20, .heading = 90, .time_us = START};
    struct car b = {
        .signer = 1, .speed = 20, .heading = 90, .north = 800, .time_us = START + 50000};
    drive_clean(f, &a, 10);
    b.time_us = a.time_us - 50000;
    for (unsigned i = 0; i < 20; i++) {
        assert_int_not_equal(drive(f, &b, 0.1) & BIT(IMPLAUSIBLE_TWO_PLACES), 0);
        assert_int_not_equal(drive(f, &a, 0.1) & BIT(IMPLAUSIBLE_TWO_PLACES), 0);
    }
}

static void constant_position_at_high_speed(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 30, .heading = 90, .time_us = START};
    drive_clean(f, &c, 60);
    unsigned until = 0;
    for (unsigned i = 1; i < 60 && until == 0; i++) {
        c.time_us += 100000;
        struct plausibility_sample s = sample_of(&c);
        uint16_t flags = judge(f, &s);
        if (flags != 0) {
            assert_int_equal(flags, BIT(IMPLAUSIBLE_FROZEN));
            until = i;
        }
    }
    assert_in_range(until, 1, 55);
}

static void frozen_from_the_start(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 15, .heading = 90, .time_us = START};
    uint16_t any = 0;
    for (unsigned i = 0; i < 50; i++) {
        c.time_us += 100000;
        struct plausibility_sample s = sample_of(&c);
        any |= judge(f, &s);
    }
    assert_int_equal(any, BIT(IMPLAUSIBLE_FROZEN));
}

static void faster_than_anything(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 120, .time_us = START};
    assert_int_equal(drive(f, &c, 0.1), BIT(IMPLAUSIBLE_SPEED));
    struct plausibility_sample s = sample_of(&c);
    s.signer[0] = 7;
    s.station_id = 77;
    s.station_type = 1;
    s.speed = 1600; /* on foot */
    assert_int_equal(judge(f, &s), BIT(IMPLAUSIBLE_SPEED));
    s.speed = STATION_SPEED_UNAVAILABLE;
    s.time_us = s.position_time_us += 100000;
    assert_int_equal(judge(f, &s), 0);
}

static void from_nought_at_once(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 10, .heading = 90, .time_us = START};
    drive_clean(f, &c, 10);
    c.speed = 15; /* 50 m/s2 */
    assert_int_equal(drive(f, &c, 0.1), BIT(IMPLAUSIBLE_ACCELERATION));
    drive_clean(f, &c, 10);
    c.speed = 9;
    assert_int_equal(drive(f, &c, 0.1), BIT(IMPLAUSIBLE_ACCELERATION));
}

static void a_corner_at_full_speed(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 30, .heading = 350, .time_us = START};
    drive_clean(f, &c, 10);
    c.heading = 50;
    assert_int_equal(drive(f, &c, 0.1), BIT(IMPLAUSIBLE_TURN));
}

static void against_its_heading(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 15, .heading = 90, .time_us = START};
    uint16_t any = 0;
    for (unsigned i = 0; i < 30; i++) {
        move(&c, 0.1);
        struct plausibility_sample s = sample_of(&c);
        s.heading = 2700;
        any |= judge(f, &s);
    }
    assert_int_equal(any, BIT(IMPLAUSIBLE_BACKWARDS));
    /* Who says that he reverses may. */
    struct car back = {.signer = 2, .speed = 15, .heading = 90, .time_us = START};
    for (unsigned i = 0; i < 30; i++) {
        move(&back, 0.1);
        struct plausibility_sample s = sample_of(&back);
        s.heading = 2700;
        s.forward = false;
        assert_int_equal(judge(f, &s), 0);
    }
}

static void out_of_reach(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 10, .heading = 90, .east = 900, .time_us = START};
    drive_clean(f, &c, 80); /* to 980 m */
    c = (struct car){.signer = 2, .speed = 10, .east = 5000, .time_us = START};
    assert_int_equal(drive(f, &c, 0.1), BIT(IMPLAUSIBLE_REACH));
    assert_in_range(f->last.over[IMPLAUSIBLE_REACH], 390, 410);
    struct plausibility_sample s = sample_of(&c);
    s.signer[0] = 3;
    s.station_id = 3;
    s.direct = false; /* over several hops it may come from there */
    assert_int_equal(judge(f, &s), 0);
}

static void beacons_too_close_together(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 10, .time_us = START};
    drive_clean(f, &c, 5);
    assert_int_equal(drive(f, &c, 0.02), BIT(IMPLAUSIBLE_INTERVAL));
    struct plausibility_sample s = sample_of(&c);
    s.beacon = false;
    s.time_us = s.position_time_us += 1000;
    assert_int_equal(judge(f, &s), 0);
}

static void content_from_another_time(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 10, .time_us = START};
    struct plausibility_sample s = sample_of(&c);
    s.has_clock = true;
    s.clock_ms = 80;
    assert_int_equal(judge(f, &s), 0);
    s.time_us += 100000;
    s.clock_ms = -20000;
    assert_int_equal(judge(f, &s), BIT(IMPLAUSIBLE_CLOCK));
}

static void names_that_change_under_one_certificate(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 10, .time_us = START};
    drive_clean(f, &c, 5);
    move(&c, 0.1);
    struct plausibility_sample s = sample_of(&c);
    s.station_id++;
    assert_int_equal(judge(f, &s), BIT(IMPLAUSIBLE_STATION_CHANGED));
    s.time_us = s.position_time_us += 100000;
    s.address++;
    assert_int_equal(judge(f, &s), BIT(IMPLAUSIBLE_ADDRESS_CHANGED));
    s.time_us = s.position_time_us += 100000;
    s.link++;
    assert_int_equal(judge(f, &s), BIT(IMPLAUSIBLE_TRANSMITTER));
    s.time_us = s.position_time_us += 100000;
    s.link++;
    s.direct = false;
    assert_int_equal(judge(f, &s), 0);
    s.has_action = true;
    s.foreign_action = true;
    s.beacon = false;
    assert_int_equal(judge(f, &s), BIT(IMPLAUSIBLE_FOREIGN_EVENT));
}

static void a_stolen_station_id(void **state) {
    struct fixture *f = *state;
    struct car victim = {.signer = 1, .speed = 10, .time_us = START};
    struct car thief = {.signer = 2, .speed = 10, .east = 50, .time_us = START + 50000};
    uint16_t thiefs = 0;
    for (unsigned i = 0; i < 10; i++) {
        move(&victim, 0.1);
        struct plausibility_sample s = sample_of(&victim);
        put_be32(s.signer + 28, s.station_id); /* named after the certificate */
        assert_int_equal(judge(f, &s), 0);
        move(&thief, 0.1);
        struct plausibility_sample t = sample_of(&thief);
        t.station_id = s.station_id;
        thiefs |= judge(f, &t);
        assert_int_equal(thiefs, BIT(IMPLAUSIBLE_STATION_TAKEN));
    }
}

/* Nobody's name tells who was first: then both are named, from the moment on that the first is heard again. */
static void a_station_id_of_two(void **state) {
    struct fixture *f = *state;
    struct car a = {.signer = 1, .speed = 10, .time_us = START};
    struct car b = {.signer = 2, .speed = 10, .east = 50, .time_us = START + 50000};
    for (unsigned i = 0; i < 10; i++) {
        move(&a, 0.1);
        struct plausibility_sample s = sample_of(&a);
        assert_int_equal(judge(f, &s), i == 0 ? 0 : BIT(IMPLAUSIBLE_STATION_TAKEN));
        move(&b, 0.1);
        s = sample_of(&b);
        s.station_id = 0x1000U + a.signer;
        assert_int_equal(judge(f, &s), i == 0 ? 0 : BIT(IMPLAUSIBLE_STATION_TAKEN));
    }
}

static void a_change_of_tickets_is_no_theft(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 10, .time_us = START};
    drive_clean(f, &c, 10);
    for (unsigned i = 0; i < 20; i++) {
        move(&c, 0.1);
        struct plausibility_sample s = sample_of(&c);
        memset(s.signer, 0x55, sizeof(s.signer));
        assert_int_equal(judge(f, &s), 0);
    }
    /* And much later the old one may be used again. */
    c.time_us += 3600 * S;
    drive_clean(f, &c, 10);
}

/* ---- honest driving ---- */

/* An hour of stop and go, bends, emergency stops, gaps and errors of the receiver. */
static void honest_driving_is_clean(void **state) {
    struct fixture *f = *state;
    struct ws_random rnd = ws_random_seeded(5);
    struct car c = {.signer = 1, .speed = 0, .time_us = START};
    double want = 15;
    double bend = 0;
    double error_east = 0;
    double error_north = 0;
    for (unsigned i = 0; i < 36000; i++) {
        if (ws_random_below(&rnd, 100) == 0)
            want = (double)ws_random_below(&rnd, 40);
        if (ws_random_below(&rnd, 50) == 0)
            bend = ((double)ws_random_below(&rnd, 2001) - 1000) / 1000;
        double dt = ws_random_below(&rnd, 50) == 0 ? 1.7 : 0.1;
        double hard = want < c.speed ? 9.5 : 4;
        double change = want - c.speed;
        change = change > hard * dt ? hard * dt : change < -hard * dt ? -hard * dt : change;
        c.speed += change / 2;
        /* At most 7 m/s2 sideways. */
        double most = c.speed < 1 ? 1 : 7 / c.speed;
        double turn = bend * (most > 0.8 ? 0.8 : most) * dt / RADIANS;
        c.heading = fmod(c.heading + turn / 2 + 360, 360);
        move(&c, dt);
        c.heading = fmod(c.heading + turn / 2 + 360, 360);
        c.speed += change / 2;
        error_east = error_east * 0.97 + ((double)ws_random_below(&rnd, 201) - 100) / 300;
        error_north = error_north * 0.97 + ((double)ws_random_below(&rnd, 201) - 100) / 300;
        struct car shown = c;
        shown.east += error_east;
        shown.north += error_north;
        struct plausibility_sample s = sample_of(&shown);
        uint16_t flags = judge(f, &s);
        if (flags != 0) {
            struct buf b = {0};
            plausibility_print(&f->last, &b);
            fail_msg("beacon %u: %.*s", i, (int)b.n, b.p);
        }
    }
    struct plausibility_counters n = plausibility_counters(f->t);
    assert_int_equal(n.clean, 36000);
    assert_int_equal(n.used, 1);
}

static void out_of_order_is_clean(void **state) {
    struct fixture *f = *state;
    struct car c = {.signer = 1, .speed = 25, .heading = 10, .time_us = START};
    for (unsigned i = 0; i < 50; i++) {
        struct plausibility_sample s[4];
        for (unsigned k = 0; k < 4; k++) {
            move(&c, 0.1);
            s[k] = sample_of(&c);
        }
        for (unsigned k = 4; k-- > 0;)
            assert_int_equal(judge(f, &s[k]), 0);
    }
}

/* ---- tables ---- */

static void tracks_are_bounded_and_forget_the_longest_silent(void **state) {
    struct fixture *f = *state;
    for (unsigned i = 0; i < 5000; i++) {
        struct plausibility_sample s = {.time_us = START + i * 1000, .has_station = true};
        put_be32(s.signer, i);
        s.station_id = i;
        assert_int_equal(judge(f, &s), 0);
    }
    struct plausibility_counters n = plausibility_counters(f->t);
    assert_in_range(n.used, 1, 64);
    assert_int_equal(n.tracks, 64);
    assert_in_range(n.forgotten, 4900, 4999);
    assert_int_equal(n.clean, 5000);
}

static void any_octets_do_no_harm(void **state) {
    struct fixture *f = *state;
    struct ws_random rnd = ws_random_seeded(8);
    for (unsigned i = 0; i < 100000; i++) {
        struct plausibility_sample s = {0};
        ws_random_bytes(&rnd, s.signer, 1);
        s.time_us = START + ws_random_below(&rnd, 1000 * S);
        s.position_time_us = ws_random_below(&rnd, 4) == 0 ? ws_random_u64(&rnd) >> 8 : s.time_us;
        s.beacon = (ws_random_u64(&rnd) & 1) != 0;
        s.has_position = true;
        s.lat = (int32_t)ws_random_below(&rnd, 1800000001) - 900000000;
        s.lon = (int32_t)((int64_t)ws_random_below(&rnd, 3600000001) - 1800000000);
        s.radius_cm = (uint16_t)ws_random_u64(&rnd);
        s.speed = (uint16_t)ws_random_below(&rnd, 16384);
        s.heading = (uint16_t)ws_random_below(&rnd, 3602);
        s.speed_confidence = s.heading_confidence = (uint8_t)ws_random_below(&rnd, 128);
        s.forward = (ws_random_u64(&rnd) & 1) != 0;
        (void)judge(f, &s);
        struct buf b = {0};
        plausibility_print(&f->last, &b);
        assert_in_range(b.n, 5, 300);
        buf_free(&b);
    }
}

/* ---- geometry ---- */

static void distances_agree_with_real_arithmetic(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(4);
    for (unsigned i = 0; i < 10000; i++) {
        double lat = (double)ws_random_below(&rnd, 140) - 70;
        double lon = (double)ws_random_below(&rnd, 360) - 180;
        double dlat = ((double)ws_random_below(&rnd, 200001) - 100000) / 1e6;
        double dlon = ((double)ws_random_below(&rnd, 200001) - 100000) / 1e6;
        double lon1 = lon + dlon > 180    ? lon + dlon - 360
                      : lon + dlon < -180 ? lon + dlon + 360
                                          : lon + dlon;
        struct offset_cm o =
            place_offset((int32_t)lround(lat * DEGREE), (int32_t)lround(lon * DEGREE),
                (int32_t)lround((lat + dlat) * DEGREE), (int32_t)lround(lon1 * DEGREE));
        double north = dlat * 11131900;
        double east = dlon * 11131900 * cos((lat + dlat / 2) * RADIANS);
        assert_true(fabs((double)o.north - north) < 3);
        assert_true(fabs((double)o.east - east) < 3 + fabs(east) / 1500);
        double length = sqrt((double)o.north * (double)o.north + (double)o.east * (double)o.east);
        assert_true(fabs((double)offset_length(o) - length) < 2);
        double heading = (double)ws_random_below(&rnd, 3600) / 10;
        double along =
            (double)o.north * cos(heading * RADIANS) + (double)o.east * sin(heading * RADIANS);
        assert_true(fabs((double)offset_along(o, (uint16_t)lround(heading * 10)) - along) <
                    4 + length / 3000);
    }
    /* From pole to pole and half round the equator: no overflow. */
    assert_in_range(
        offset_length(place_offset(-900000000, 0, 900000000, 0)), 2003741000, 2003743000);
    assert_in_range(
        offset_length(place_offset(0, -900000000, 0, 900000000)), 2003741000, 2003743000);
}

/* ---- from messages ---- */

static void message_of(struct pkt_message *m, struct pki *pki, struct station *car, uint64_t psid,
    struct span content, uint64_t time_us, uint64_t address) {
    struct buf gn = {0};
    struct buf spdu = {0};
    struct gn_source from = {.address = address, .lat = 480000000, .lon = 110000000};
    gn_put_shb(&gn, &from, 2001, content);
    struct spdu_request rq = {.psid = psid,
        .generation_time = time_us,
        .payload = buf_span(&gn),
        .with_certificate = true};
    (void)pki;
    spdu_put_signed(&spdu, &rq, car->key, buf_span(&car->cert));
    *m = (struct pkt_message){0};
    memcpy(m->octets, spdu.p, spdu.n);
    m->spdu = span_of(m->octets, spdu.n);
    m->psid = psid;
    m->generation_time = time_us;
    m->carrier = CARRIER_GN;
    m->source = address & 0xffffffffffffU;
    memset(m->cert_hash, 7, 32);
    buf_free(&gn);
    buf_free(&spdu);
}

static void what_is_read_of_a_cam_and_a_denm(void **state) {
    struct fixture *f = *state;
    struct pki pki;
    struct station car;
    pki_init(&pki, 1);
    pki_vehicle(&pki, &car);
    struct pkt_message *m = ws_alloc(sizeof(*m));
    struct buf content = {0};
    struct plausibility_sample s;
    uint64_t now = PKI_NOW_US;
    struct cam_fields c = {.station_id = 77,
        .generation_delta_ms = (uint16_t)(now / 1000 - 60),
        .station_type = 5,
        .lat = 480000000,
        .lon = 110000000,
        .heading = 900,
        .speed = 1300};
    cam_put(&content, &c);
    message_of(m, &pki, &car, PSID_CAM, buf_span(&content), now, 0x1400020304050607U);
    plausibility_read(m, &s);
    assert_true(s.has_station && s.has_position && s.has_address && s.direct && s.beacon);
    assert_int_equal(s.station_id, 77);
    assert_int_equal(s.clock_ms, 60);
    assert_int_equal(s.position_time_us, now - 60000);
    assert_int_equal(s.address, 0x1400020304050607U);
    assert_int_equal(s.link, 0x020304050607U);
    assert_int_equal(s.speed, 1300);
    assert_int_equal(judge(f, &s), 0);

    buf_clear(&content);
    struct denm_fields d = {.station_id = 77,
        .action_station = 78,
        .lat = 481000000,
        .lon = 111000000,
        .validity_s = 60};
    denm_put(&content, &d);
    message_of(m, &pki, &car, PSID_DENM, buf_span(&content), now + 1000, 0x1400020304050607U);
    m->has_location = true;
    m->lat = 480000100;
    m->lon = 110000100;
    plausibility_read(m, &s);
    assert_int_equal(s.lat, 480000100); /* where the sender is, not the event */
    assert_int_equal(judge(f, &s), BIT(IMPLAUSIBLE_FOREIGN_EVENT));
    buf_clear(&content);
    d.terminate = true; /* a negation is about another's event */
    denm_put(&content, &d);
    message_of(m, &pki, &car, PSID_DENM, buf_span(&content), now + 2000, 0x1400020304050607U);
    plausibility_read(m, &s);
    assert_int_equal(judge(f, &s), 0);

    /* Content that cannot be read, and any cut of the whole: what is left is what the envelope says. */
    for (size_t n = 0; n < m->spdu.n; n++) {
        struct pkt_message *cut = ws_memdup(m, sizeof(*m));
        uint8_t *octets = ws_memdup(m->octets, n);
        cut->spdu = span_of(octets, n);
        plausibility_read(cut, &s);
        assert_int_equal(s.time_us, now + 2000);
        free(octets);
        free(cut);
    }
    free(m);
    buf_free(&content);
    station_free(&car);
    pki_free(&pki);
}

static void every_flag_has_words_of_its_own(void **state) {
    (void)state;
    for (int i = 0; i < PLAUSIBILITY_FLAG_COUNT; i++) {
        assert_true(strlen(plausibility_flag_text((enum plausibility_flag)i)) > 0);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(plausibility_flag_name((enum plausibility_flag)i),
                plausibility_flag_name((enum plausibility_flag)k));
    }
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(one_message_is_next_to_nothing),
        T(a_jump),
        T(a_teleport),
        T(two_vehicles_of_one_signer),
        T(constant_position_at_high_speed),
        T(frozen_from_the_start),
        T(faster_than_anything),
        T(from_nought_at_once),
        T(a_corner_at_full_speed),
        T(against_its_heading),
        cmocka_unit_test_setup_teardown(out_of_reach, setup_antenna, teardown),
        T(beacons_too_close_together),
        T(content_from_another_time),
        T(names_that_change_under_one_certificate),
        T(a_stolen_station_id),
        T(a_station_id_of_two),
        T(a_change_of_tickets_is_no_theft),
        T(honest_driving_is_clean),
        T(out_of_order_is_clean),
        T(tracks_are_bounded_and_forget_the_longest_silent),
        T(any_octets_do_no_harm),
        cmocka_unit_test(distances_agree_with_real_arithmetic),
        T(what_is_read_of_a_cam_and_a_denm),
        cmocka_unit_test(every_flag_has_words_of_its_own),
    };
    return cmocka_run_group_tests_name("plausibility", tests, NULL, NULL);
}
