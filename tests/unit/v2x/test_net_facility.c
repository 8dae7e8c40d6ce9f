/* v2x/uper.h and v2x/facility.h: bits, extension additions, both versions of the data dictionary, and
 * every cut of what the writers make. */
#include "v2x/facility.h"

#include "base/random.h"
#include "tests/support/cm.h"
#include "v2x/uper.h"

#include <stddef.h>

static void bits_round_trip(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(11);
    for (int round = 0; round < 300; round++) {
        enum { FIELDS = 40 };
        unsigned n[FIELDS];
        uint64_t v[FIELDS];
        struct buf b = {0};
        buf_u8(&b, 0xee); /* what stands in the buffer before stays */
        struct uper_out w = {.b = &b};
        size_t total = 0;
        for (int i = 0; i < FIELDS; i++) {
            n[i] = (unsigned)ws_random_below(&rnd, 65);
            v[i] = n[i] == 0 ? 0 : ws_random_u64(&rnd) >> (64 - n[i]);
            uper_put_bits(&w, n[i], v[i]);
            total += n[i];
        }
        uper_put_end(&w);
        assert_int_equal(b.p[0], 0xee);
        assert_int_equal(b.n, 1 + (total + 7) / 8);
        struct uper r = uper_of(span_of(b.p + 1, b.n - 1));
        for (int i = 0; i < FIELDS; i++)
            assert_true(uper_bits(&r, n[i]) == v[i]);
        assert_int_equal(r.fail, UPER_OK);
        assert_true(r.at == total);
        buf_free(&b);
    }
}

/* Small ranges, completely: width, value, and the values the width has too many. */
static void integers(void **state) {
    (void)state;
    for (int64_t hi = -3; hi <= 40; hi++) {
        int64_t lo = -3;
        unsigned width = 0;
        while ((int64_t)1 << width < hi - lo + 1)
            width++;
        for (int64_t v = lo; v <= hi; v++) {
            struct buf b = {0};
            struct uper_out w = {.b = &b};
            uper_put_int(&w, lo, hi, v);
            assert_int_equal(w.used, width % 8);
            uper_put_end(&w);
            struct uper r = uper_of(buf_span(&b));
            assert_true(uper_int(&r, lo, hi) == v);
            assert_int_equal(r.fail, UPER_OK);
            assert_int_equal(r.at, width);
            buf_free(&b);
        }
        for (unsigned raw = (unsigned)(hi - lo) + 1; raw < 1U << width; raw++) {
            uint8_t octet = (uint8_t)(raw << (8 - width));
            struct uper r = uper_of(span_of(&octet, 1));
            assert_true(uper_int(&r, lo, hi) == lo);
            assert_int_equal(r.fail, UPER_VALUE);
        }
    }
    static const uint8_t ones[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct uper r = uper_of(span_of(ones, 8));
    assert_true(uper_int(&r, INT64_MIN, INT64_MAX) == INT64_MAX);
    assert_int_equal(r.fail, UPER_OK);
}

static void end_of_input(void **state) {
    (void)state;
    static const uint8_t octets[2] = {0xff, 0xff};
    struct uper r = uper_of(span_of(octets, 2));
    assert_true(uper_bits(&r, 9) == 0x1ff);
    assert_true(uper_bits(&r, 8) == 0);
    assert_int_equal(r.fail, UPER_TRUNCATED);
    assert_true(uper_bits(&r, 1) == 0); /* stays failed, although a bit is left */
    assert_true(uper_int(&r, 5, 9) == 5);
    r = uper_of(span_of(octets, 2));
    uper_skip(&r, 16);
    assert_int_equal(r.fail, UPER_OK);
    uper_skip(&r, SIZE_MAX);
    assert_int_equal(r.fail, UPER_TRUNCATED);
    r = uper_of(span_of(NULL, 0));
    assert_false(uper_flag(&r));
    assert_int_equal(r.fail, UPER_TRUNCATED);
}

static void additions(void **state) {
    (void)state;
    struct buf b = {0};
    struct uper_out w = {.b = &b};
    uper_put_bits(&w, 7, 3 - 1); /* three additions, */
    uper_put_bits(&w, 3, 5); /* first and last present, */
    uper_put_bits(&w, 8, 2); /* of two octets */
    uper_put_bits(&w, 16, 0xffff);
    uper_put_bits(&w, 16, 0x8000 | 130); /* and of 130 */
    for (int i = 0; i < 130; i++)
        uper_put_bits(&w, 8, 0xff);
    uper_put_bits(&w, 5, 0x15);
    uper_put_end(&w);
    struct uper r = uper_of(buf_span(&b));
    uper_skip_additions(&r);
    assert_true(uper_bits(&r, 5) == 0x15);
    assert_int_equal(r.fail, UPER_OK);
    for (size_t n = 0; n + 1 < b.n; n++) {
        r = uper_of(span_of(b.p, n));
        uper_skip_additions(&r);
        assert_int_equal(r.fail, UPER_TRUNCATED);
    }
    buf_free(&b);
    static const uint8_t many[] = {0x80, 0x50}; /* more than 64 */
    r = uper_of(span_of(many, 2));
    uper_skip_additions(&r);
    assert_int_equal(r.fail, UPER_FORM);
    static const uint8_t fragment[] = {0x01, 0xc1, 0xff}; /* one addition, in fragments of 16 K */
    r = uper_of(span_of(fragment, 3));
    uper_skip_additions(&r);
    assert_int_equal(r.fail, UPER_FORM);
}

static const struct cam_fields a_cam = {
    .station_id = 0x1bf65e6b,
    .generation_delta_ms = 54867,
    .station_type = 5,
    .lat = 488410769,
    .lon = 91637345,
    .heading = 747,
    .speed = 1997,
};

static void check_cam(const struct its_pdu *pdu, const struct cam_fields *f) {
    assert_int_equal(pdu->kind, ITS_CAM);
    assert_int_equal(pdu->protocol_version, 2);
    assert_int_equal(pdu->message_id, 2);
    assert_true(pdu->station_id == f->station_id);
    assert_int_equal(pdu->generation_delta_ms, f->generation_delta_ms);
    assert_int_equal(pdu->state.station_type, f->station_type);
    assert_int_equal(pdu->state.has_position, f->lat != 900000001 && f->lon != 1800000001);
    assert_int_equal(pdu->state.lat, f->lat);
    assert_int_equal(pdu->state.lon, f->lon);
    assert_true(pdu->state.has_dynamics);
    assert_int_equal(pdu->state.heading, f->heading);
    assert_int_equal(pdu->state.speed, f->speed);
}

static void cam_round_trip(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(12);
    for (int i = 0; i < 500; i++) {
        struct cam_fields f = {
            .station_id = (uint32_t)ws_random_u64(&rnd),
            .generation_delta_ms = (uint16_t)ws_random_u64(&rnd),
            .station_type = (uint8_t)ws_random_u64(&rnd),
            .lat = (int32_t)((int64_t)ws_random_below(&rnd, 1800000002) - 900000000),
            .lon = (int32_t)((int64_t)ws_random_below(&rnd, 3600000002U) - 1800000000),
            .heading = (uint16_t)ws_random_below(&rnd, 3602),
            .speed = (uint16_t)ws_random_below(&rnd, 16384),
        };
        if (i == 0)
            f.lat = 900000001;
        if (i == 1)
            f.lon = 1800000001;
        struct buf b = {0};
        cam_put(&b, &f);
        struct its_pdu pdu;
        assert_int_equal(its_pdu_read(buf_span(&b), &pdu), ITS_PDU_OK);
        check_cam(&pdu, &f);
        buf_free(&b);
    }
}

static void cam_cuts(void **state) {
    (void)state;
    struct buf b = {0};
    cam_put(&b, &a_cam);
    for (size_t n = 0; n < b.n; n++) {
        uint8_t *exact = ws_memdup(b.p, n);
        struct its_pdu pdu;
        assert_int_equal(its_pdu_read(span_of(exact, n), &pdu), ITS_PDU_TRUNCATED);
        free(exact);
    }
    buf_free(&b);
}

/* Bit offsets of a CAM from the facts of the format: changing a field there changes that field. */
static void cam_bit_positions(void **state) {
    (void)state;
    struct buf b = {0};
    cam_put(&b, &a_cam);
    struct its_pdu pdu;
    enum { BASIC_EXTENSION = 67, ALTERNATIVE_EXTENSION = 48 + 16 + 3 + 1 + 8 + 31 + 32 + 36 + 24 };
    /* An unknown alternative of the high-frequency container, then that of roadside units. */
    for (unsigned k = 0; k < 2; k++) {
        unsigned bit = ALTERNATIVE_EXTENSION + k;
        b.p[bit / 8] ^= (uint8_t)(0x80U >> bit % 8);
        /* The unknown one has a length of its own, which is nonsense here. */
        assert_int_equal(its_pdu_read(buf_span(&b), &pdu), k == 0 ? ITS_PDU_TRUNCATED : ITS_PDU_OK);
        b.p[bit / 8] ^= (uint8_t)(0x80U >> bit % 8);
        if (k == 0)
            continue;
        assert_true(pdu.is_rsu);
        assert_false(pdu.state.has_dynamics);
        assert_true(pdu.state.has_position);
        assert_int_equal(pdu.state.lat, a_cam.lat);
    }
    /* With the extension bit, eight bits go to a list of no additions and the container is misread. */
    b.p[BASIC_EXTENSION / 8] ^= (uint8_t)(0x80U >> BASIC_EXTENSION % 8);
    assert_int_equal(its_pdu_read(buf_span(&b), &pdu), ITS_PDU_VALUE);
    b.p[BASIC_EXTENSION / 8] ^= (uint8_t)(0x80U >> BASIC_EXTENSION % 8);
    /* Latitude above its bound: 31 ones at bit 76. */
    for (unsigned bit = 76; bit < 76 + 31; bit++)
        b.p[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
    assert_int_equal(its_pdu_read(buf_span(&b), &pdu), ITS_PDU_VALUE);
    buf_free(&b);
}

/* A CAM of the first dictionary: the same up to the curvature, which has five bits more, and with all
 * optional members of the container present. */
static void cam_all_members(void **state) {
    (void)state;
    for (unsigned version = 1; version <= 2; version++) {
        struct buf b = {0};
        struct uper_out w = {.b = &b};
        uper_put_bits(&w, 8, version);
        uper_put_bits(&w, 8, 2);
        uper_put_bits(&w, 32, a_cam.station_id);
        uper_put_bits(&w, 16, a_cam.generation_delta_ms);
        uper_put_bits(&w, 3, 0);
        uper_put_bits(&w, 1, 1); /* basic container with an unknown addition of one octet */
        uper_put_bits(&w, 8, a_cam.station_type);
        uper_put_int(&w, -900000000, 900000001, a_cam.lat);
        uper_put_int(&w, -1800000000, 1800000001, a_cam.lon);
        uper_put_bits(&w, 12, 282);
        uper_put_bits(&w, 12, 278);
        uper_put_bits(&w, 12, 1027);
        uper_put_int(&w, -100000, 800001, 36060);
        uper_put_bits(&w, 4, 8);
        uper_put_bits(&w, 7, 0);
        uper_put_bits(&w, 1, 1);
        uper_put_bits(&w, 8, 1);
        uper_put_bits(&w, 8, 0xff);
        uper_put_bits(&w, 2, 0);
        uper_put_bits(&w, 7, 0x7f);
        uper_put_bits(&w, 12, a_cam.heading);
        uper_put_bits(&w, 7, 126);
        uper_put_bits(&w, 14, a_cam.speed);
        uper_put_bits(&w, 7, 126);
        uper_put_bits(&w, 2, 2);
        uper_put_bits(&w, 10, 1022);
        uper_put_bits(&w, 3, 4);
        uper_put_bits(&w, 6, 61);
        uper_put_bits(&w, 9, 321);
        uper_put_bits(&w, 7, 102);
        uper_put_bits(&w, version == 1 ? 16 : 11, version == 1 ? 60001 : 2046);
        uper_put_bits(&w, 3, 7);
        uper_put_bits(&w, 1, 1); /* curvature mode behind its extension marker */
        uper_put_bits(&w, 7, 0);
        uper_put_bits(&w, 16, 65533);
        uper_put_bits(&w, 4, 8);
        uper_put_bits(&w, 7, 0x20); /* acceleration control */
        uper_put_bits(&w, 4, 15); /* lane */
        uper_put_bits(&w, 10, 1023); /* steering wheel */
        uper_put_bits(&w, 7, 126);
        for (unsigned k = 0; k < 2; k++) { /* lateral and vertical acceleration */
            uper_put_bits(&w, 9, 321);
            uper_put_bits(&w, 7, 102);
        }
        uper_put_bits(&w, 3, 7); /* performance class */
        uper_put_bits(&w, version == 1 ? 1 : 2, 1); /* tolling zone with its id */
        uper_put_int(&w, -900000000, 900000001, 1);
        uper_put_int(&w, -1800000000, 1800000001, 1);
        uper_put_bits(&w, 27, 5);
        uper_put_end(&w);
        struct its_pdu pdu;
        assert_int_equal(its_pdu_read(buf_span(&b), &pdu), ITS_PDU_OK);
        assert_int_equal(pdu.protocol_version, version);
        pdu.protocol_version = 2;
        check_cam(&pdu, &a_cam);
        assert_int_equal(its_pdu_read(span_of(b.p, b.n - 1), &pdu), ITS_PDU_TRUNCATED);
        buf_free(&b);
    }
}

static const struct denm_fields a_denm = {
    .station_id = 777777777,
    .action_station = 777777777,
    .action_sequence = 4655,
    .detection_time_ms = 570367376000,
    .reference_time_ms = 570367581176,
    .lat = 599065792,
    .lon = 107412024,
    .validity_s = 3600,
    .station_type = 15,
    .quality = 3,
    .cause = 3,
    .sub_cause = 2,
};

static void check_denm(const struct its_pdu *pdu, const struct denm_fields *f) {
    assert_int_equal(pdu->kind, ITS_DENM);
    assert_int_equal(pdu->message_id, 1);
    assert_true(pdu->station_id == f->station_id);
    assert_true(pdu->action_station == f->action_station);
    assert_int_equal(pdu->action_sequence, f->action_sequence);
    assert_true(pdu->detection_time_ms == f->detection_time_ms);
    assert_true(pdu->reference_time_ms == f->reference_time_ms);
    assert_int_equal(pdu->state.lat, f->lat);
    assert_int_equal(pdu->state.lon, f->lon);
    assert_int_equal(pdu->validity_s, f->validity_s);
    assert_int_equal(pdu->state.station_type, f->station_type);
    assert_int_equal(pdu->terminated, f->terminate);
    assert_int_equal(pdu->has_event, !f->terminate);
    assert_int_equal(pdu->cause, f->terminate ? 0 : f->cause);
    assert_int_equal(pdu->sub_cause, f->terminate ? 0 : f->sub_cause);
}

static void denm_round_trip(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(13);
    for (int i = 0; i < 500; i++) {
        struct denm_fields f = a_denm;
        if (i > 0) {
            f.action_station = (uint32_t)ws_random_u64(&rnd);
            f.action_sequence = (uint16_t)ws_random_u64(&rnd);
            f.detection_time_ms = ws_random_u64(&rnd) >> 22;
            f.reference_time_ms = ws_random_u64(&rnd) >> 22;
            f.terminate = ws_random_below(&rnd, 2) == 1;
            f.validity_s = (uint32_t)ws_random_below(&rnd, 86401);
            f.quality = (uint8_t)ws_random_below(&rnd, 8);
            f.cause = (uint8_t)ws_random_u64(&rnd);
            f.sub_cause = (uint8_t)ws_random_u64(&rnd);
        }
        struct buf b = {0};
        denm_put(&b, &f);
        struct its_pdu pdu;
        assert_int_equal(its_pdu_read(buf_span(&b), &pdu), ITS_PDU_OK);
        check_denm(&pdu, &f);
        for (size_t n = 0; n < b.n; n++) {
            uint8_t *exact = ws_memdup(b.p, n);
            assert_int_equal(its_pdu_read(span_of(exact, n), &pdu), ITS_PDU_TRUNCATED);
            free(exact);
        }
        buf_free(&b);
    }
}

/* All optional members of the management container, an addition behind it, and both dictionaries'
 * cause codes. */
static void denm_all_members(void **state) {
    (void)state;
    for (unsigned version = 1; version <= 2; version++) {
        for (unsigned validity = 0; validity < 2; validity++) {
            struct buf b = {0};
            struct uper_out w = {.b = &b};
            uper_put_bits(&w, 8, version);
            uper_put_bits(&w, 8, 1);
            uper_put_bits(&w, 32, a_denm.station_id);
            uper_put_bits(&w, 3, 4); /* the situation container behind */
            uper_put_bits(&w, 1, 1);
            uper_put_bits(&w, 5, validity == 1 ? 0x1f : 0x1d);
            uper_put_bits(&w, 32, a_denm.action_station);
            uper_put_bits(&w, 16, a_denm.action_sequence);
            uper_put_bits(&w, 42, a_denm.detection_time_ms);
            uper_put_bits(&w, 42, a_denm.reference_time_ms);
            uper_put_bits(&w, 1, 1);
            uper_put_int(&w, -900000000, 900000001, a_denm.lat);
            uper_put_int(&w, -1800000000, 1800000001, a_denm.lon);
            uper_put_bits(&w, 36, 0);
            uper_put_bits(&w, 24, 0);
            uper_put_bits(&w, 3, 7); /* distance */
            uper_put_bits(&w, 2, 3); /* direction */
            if (validity == 1)
                uper_put_bits(&w, 17, 86400);
            uper_put_bits(&w, 14, 9999); /* interval */
            uper_put_bits(&w, 8, 15);
            uper_put_bits(&w, 7, 0); /* one addition, present, of one octet */
            uper_put_bits(&w, 1, 1);
            uper_put_bits(&w, 8, 1);
            uper_put_bits(&w, 8, 0xa5);
            uper_put_bits(&w, 3, 0);
            uper_put_bits(&w, 3, 7);
            if (version == 2)
                uper_put_bits(&w, 1, 0);
            uper_put_bits(&w, 8, 97);
            uper_put_bits(&w, 8, 4);
            uper_put_end(&w);
            struct its_pdu pdu;
            assert_int_equal(its_pdu_read(buf_span(&b), &pdu), ITS_PDU_OK);
            assert_true(pdu.terminated);
            assert_int_equal(pdu.validity_s, validity == 1 ? 86400 : 600);
            assert_int_equal(pdu.state.station_type, 15);
            assert_true(pdu.has_event);
            assert_int_equal(pdu.cause, 97);
            assert_int_equal(pdu.sub_cause, 4);
            buf_free(&b);
        }
    }
}

/* Low-frequency and special vehicle container behind a vehicle's: the writer's octets, with the presence bits set and
 * the containers added at the end. */
static void put_containers(struct buf *b, struct uper_out *w, unsigned kind) {
    struct cam_fields f = a_cam;
    struct buf plain = {0};
    cam_put(&plain, &f);
    enum {
        BITS = 48 + 16 + 3 + 1 + 8 + 63 + 36 + 24 + 2 + 7 + 19 + 21 + 2 + 19 + 16 + 14 + 3 + 20
    };
    struct uper r = uper_of(buf_span(&plain));
    *w = (struct uper_out){.b = b};
    uper_put_bits(w, 64, uper_bits(&r, 64));
    (void)uper_bits(&r, 3);
    uper_put_bits(w, 3, 3);
    for (unsigned i = 67; i < BITS; i++)
        uper_put_bits(w, 1, uper_bits(&r, 1));
    assert_true(plain.n * 8 - BITS < 8);
    buf_free(&plain);
    uper_put_bits(w, 1, 0);
    uper_put_bits(w, 4, 6); /* emergency */
    uper_put_bits(w, 8, 0xa1);
    uper_put_bits(w, 6, 3);
    for (int i = 0; i < 3; i++) {
        uper_put_bits(w, 1, i != 1);
        uper_put_int(w, -131071, 131072, i == 2 ? 131072 : -500);
        uper_put_int(w, -131071, 131072, 700);
        uper_put_int(w, -12700, 12800, i == 2 ? 12800 : -30);
        if (i == 0) {
            uper_put_bits(w, 1, 0);
            uper_put_int(w, 1, 65535, 55);
        } else if (i == 2) { /* above the bound */
            uper_put_bits(w, 1, 1);
            uper_put_bits(w, 8, 3);
            uper_put_bits(w, 24, 65536);
        }
    }
    uper_put_bits(w, 1, 0);
    uper_put_bits(w, 3, kind);
}

static void cam_low_frequency_and_special(void **state) {
    (void)state;
    static const struct {
        unsigned kind, bits;
        uint64_t value;
        struct cam_special want;
    } cases[] = {
        {0, 2, 1, {.kind = SPECIAL_PUBLIC_TRANSPORT, .embarkation = true}},
        {1, 6, 0x26, {.kind = SPECIAL_TRANSPORT, .transport = 9, .light_bar = true}},
        {2, 5, 7, {.kind = SPECIAL_DANGEROUS_GOODS, .goods = 7}},
        {3, 12, 0x80d, {.kind = SPECIAL_ROADWORKS, .roadworks_sub_cause = 3, .siren = true}},
        {4, 2, 2, {.kind = SPECIAL_RESCUE, .light_bar = true}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = {0};
        struct uper_out w;
        put_containers(&b, &w, cases[i].kind);
        uper_put_bits(&w, cases[i].bits, cases[i].value);
        uper_put_end(&w);
        struct its_pdu pdu;
        assert_int_equal(its_pdu_read(buf_span(&b), &pdu), ITS_PDU_OK);
        check_cam(&pdu, &a_cam);
        assert_true(pdu.has_low_frequency);
        assert_int_equal(pdu.state.role, 6);
        assert_int_equal(pdu.state.lights, 0xa1);
        assert_int_equal(pdu.state.n_path, 3);
        assert_int_equal(pdu.state.path[0].lat, -500);
        assert_int_equal(pdu.state.path[0].lon, 700);
        assert_int_equal(pdu.state.path[0].altitude_cm, -30);
        assert_int_equal(pdu.state.path[0].delta_10ms, 55);
        assert_int_equal(pdu.state.path[1].delta_10ms, 0);
        assert_int_equal(pdu.state.path[2].lat, STATION_OFFSET_UNAVAILABLE);
        assert_int_equal(pdu.state.path[2].altitude_cm, STATION_OFFSET_UNAVAILABLE);
        assert_int_equal(pdu.state.path[2].delta_10ms, 0);
        assert_true(pdu.has_special);
        assert_memory_equal(
            &pdu.special, &cases[i].want, offsetof(struct cam_special, speed_limit_kmh) + 1);
        for (size_t n = 0; n < b.n; n++) {
            uint8_t *exact = ws_memdup(b.p, n);
            assert_int_equal(its_pdu_read(span_of(exact, n), &pdu), ITS_PDU_TRUNCATED);
            free(exact);
        }
        buf_free(&b);
    }
    /* Emergency: an incident with an addition behind it, and a request for the way. */
    struct buf b = {0};
    struct uper_out w;
    put_containers(&b, &w, 5);
    uper_put_bits(&w, 4, 0xf);
    uper_put_bits(&w, 1, 1);
    uper_put_bits(&w, 16, 95 << 8 | 1);
    uper_put_bits(&w, 7, 0);
    uper_put_bits(&w, 1, 1);
    uper_put_bits(&w, 16, 0x01ff);
    uper_put_bits(&w, 2, 2);
    uper_put_end(&w);
    struct its_pdu pdu;
    assert_int_equal(its_pdu_read(buf_span(&b), &pdu), ITS_PDU_OK);
    assert_int_equal(pdu.special.kind, SPECIAL_EMERGENCY);
    assert_true(pdu.special.light_bar && pdu.special.siren);
    assert_int_equal(pdu.special.cause, 95);
    assert_int_equal(pdu.special.sub_cause, 1);
    assert_int_equal(pdu.special.priority, 2);
    buf_clear(&b);
    put_containers(&b, &w, 6);
    uper_put_bits(&w, 5, 0x0e); /* rule and limit; light bar */
    uper_put_bits(&w, 3, 1);
    uper_put_int(&w, 1, 255, 50);
    uper_put_end(&w);
    assert_int_equal(its_pdu_read(buf_span(&b), &pdu), ITS_PDU_OK);
    assert_int_equal(pdu.special.kind, SPECIAL_SAFETY_CAR);
    assert_true(pdu.special.light_bar);
    assert_int_equal(pdu.special.speed_limit_kmh, 50);
    buf_free(&b);
}

static void cam_of_a_roadside_unit(void **state) {
    (void)state;
    struct cam_fields f = a_cam;
    f.station_type = 15;
    f.rsu = true;
    struct buf b = {0};
    cam_put(&b, &f);
    struct its_pdu pdu;
    assert_int_equal(its_pdu_read(buf_span(&b), &pdu), ITS_PDU_OK);
    assert_true(pdu.is_rsu);
    assert_false(pdu.state.has_dynamics);
    assert_int_equal(pdu.state.speed, STATION_SPEED_UNAVAILABLE);
    assert_int_equal(pdu.state.station_type, 15);
    assert_int_equal(pdu.state.lat, f.lat);
    buf_free(&b);
}

static void denm_location_and_relevance(void **state) {
    (void)state;
    struct denm_fields f = a_denm;
    f.has_relevance = true;
    f.relevance_distance = 4;
    f.relevance_direction = 1;
    f.has_location = true;
    f.heading = 2700;
    f.speed = 321;
    struct buf b = {0};
    denm_put(&b, &f);
    struct its_pdu pdu;
    assert_int_equal(its_pdu_read(buf_span(&b), &pdu), ITS_PDU_OK);
    check_denm(&pdu, &f);
    assert_int_equal(pdu.quality, f.quality);
    assert_true(pdu.has_relevance_distance && pdu.has_relevance_direction);
    assert_int_equal(pdu.relevance_distance, 4);
    assert_int_equal(pdu.relevance_direction, 1);
    assert_true(pdu.has_location);
    assert_int_equal(pdu.state.heading, 2700);
    assert_int_equal(pdu.state.speed, 321);
    assert_int_equal(pdu.n_traces, 1);
    assert_int_equal(pdu.state.n_path, 0);
    assert_false(pdu.has_alacarte);
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(its_pdu_read(span_of(b.p, n), &pdu), ITS_PDU_TRUNCATED);
    buf_free(&b);
}

static void headers(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        enum its_pdu_fail want;
    } cases[] = {
        {"02", ITS_PDU_TRUNCATED},
        {"020e00000064", ITS_PDU_OK},
        {"010400000064", ITS_PDU_OK},
        {"000200000064", ITS_PDU_VERSION},
        {"030200000064", ITS_PDU_VERSION},
        {"001425000064", ITS_PDU_VERSION},
        {"020200000064", ITS_PDU_TRUNCATED},
        {"020100000064", ITS_PDU_TRUNCATED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = test_unhex(cases[i].hex);
        struct its_pdu pdu;
        assert_int_equal(its_pdu_read(buf_span(&b), &pdu), cases[i].want);
        if (cases[i].want == ITS_PDU_OK) {
            assert_int_equal(pdu.kind, ITS_OTHER);
            assert_int_equal(pdu.station_id, 100);
        }
        buf_free(&b);
    }
}

static void flipped_bits(void **state) {
    (void)state;
    struct buf cam = {0};
    struct buf denm = {0};
    cam_put(&cam, &a_cam);
    denm_put(&denm, &a_denm);
    struct buf *const both[] = {&cam, &denm};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        struct buf *b = both[i];
        for (size_t bit = 0; bit < b->n * 8; bit++) {
            b->p[bit / 8] ^= (uint8_t)(1U << bit % 8);
            struct its_pdu pdu;
            if (its_pdu_read(buf_span(b), &pdu) == ITS_PDU_OK && pdu.kind != ITS_OTHER) {
                assert_true(pdu.state.lat >= -900000000 && pdu.state.lat <= 900000001);
                assert_true(pdu.state.lon >= -1800000000 && pdu.state.lon <= 1800000001);
                assert_in_range(pdu.state.heading, 0, 3601);
                assert_in_range(pdu.validity_s, 0, 86400);
            }
            b->p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        buf_free(b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_round_trip),
        cmocka_unit_test(integers),
        cmocka_unit_test(end_of_input),
        cmocka_unit_test(additions),
        cmocka_unit_test(cam_round_trip),
        cmocka_unit_test(cam_cuts),
        cmocka_unit_test(cam_bit_positions),
        cmocka_unit_test(cam_all_members),
        cmocka_unit_test(denm_round_trip),
        cmocka_unit_test(denm_all_members),
        cmocka_unit_test(cam_low_frequency_and_special),
        cmocka_unit_test(cam_of_a_roadside_unit),
        cmocka_unit_test(denm_location_and_relevance),
        cmocka_unit_test(headers),
        cmocka_unit_test(flipped_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
