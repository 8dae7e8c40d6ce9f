/* v2x/gn.h: header types, lengths and the source's position vector; what is written is read back. */
#include "v2x/gn.h"

#include "base/random.h"
#include "tests/support/cm.h"

#include <stdio.h>

/* Common header; position vector of station type 5 with MID 02:11:22:33:44:55 at 48.1, 11.5. */
#define LPV_HEX                                                                                    \
    "1400021122334455"                                                                             \
    "0a0b0c0d"                                                                                     \
    "1cab8b40"                                                                                     \
    "06dac2c0"                                                                                     \
    "8578"                                                                                         \
    "0384"
#define PAYLOAD_HEX "c0ffee"

static void check_source(const struct gn_pdu *pdu) {
    assert_true(pdu->has_position);
    assert_true(pdu->address == 0x1400021122334455U);
    assert_int_equal(pdu->timestamp_ms, 0x0a0b0c0d);
    assert_int_equal(pdu->lat, 481004352);
    assert_int_equal(pdu->lon, 115000000);
    assert_int_equal(pdu->speed, 1400);
    assert_int_equal(pdu->heading, 900);
}

struct type_case {
    uint8_t type;
    const char *before; /* extended header before the position vector */
    const char *after;
};
#define SN "00010000"
static const char sixteen[] = "00000000000000000000000000000000";
static const struct type_case types[] = {
    {0x10, "", ""},
    {0x20, SN, "0000000000000000000000000000000000000000"},
    {0x30, SN, sixteen},
    {0x31, SN, sixteen},
    {0x32, SN, sixteen},
    {0x40, SN, sixteen},
    {0x41, SN, sixteen},
    {0x42, SN, sixteen},
    {0x50, "", "00000000"},
    {0x51, SN, ""},
    {0x60, SN, "0000000000000000"},
    {0x61, SN, "0000000000000000000000000000000000000000"},
};

static struct buf pdu_of(const struct type_case *t, unsigned next, unsigned length) {
    char hex[512];
    (void)snprintf(hex, sizeof(hex), "%02x%02x0280%04x0100%s%s%s07d10000%s", next << 4, t->type,
        length, t->before, LPV_HEX, t->after, PAYLOAD_HEX);
    return test_unhex(hex);
}

static void every_type(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct buf b = pdu_of(&types[i], 2, 7);
        struct gn_pdu pdu;
        assert_int_equal(gn_read(buf_span(&b), &pdu), GN_OK);
        assert_int_equal(pdu.header_type, types[i].type);
        check_source(&pdu);
        assert_int_equal(pdu.btp_port, 2001);
        assert_true(span_equal(pdu.payload, span_of("\xc0\xff\xee", 3)));
        buf_free(&b);
    }
}

static void unknown_types(void **state) {
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
            known = known || types[i].type == type;
        if (known)
            continue;
        struct type_case t = {(uint8_t)type, SN, sixteen};
        struct buf b = pdu_of(&t, 2, 7);
        struct gn_pdu pdu;
        assert_int_equal(gn_read(buf_span(&b), &pdu), GN_HEADER_TYPE);
        buf_free(&b);
    }
}

static void next_headers(void **state) {
    (void)state;
    for (unsigned next = 0; next < 16; next++) {
        struct buf b = pdu_of(&types[8], next, 7);
        struct gn_pdu pdu;
        enum gn_fail fail = gn_read(buf_span(&b), &pdu);
        assert_int_equal(fail, next <= 3 ? GN_OK : GN_NEXT_HEADER);
        if (next == 0 || next == 3) {
            assert_int_equal(pdu.btp_port, 0);
            assert_int_equal(pdu.payload.n, 7);
        }
        buf_free(&b);
    }
}

static void lengths(void **state) {
    (void)state;
    struct gn_pdu pdu;
    for (unsigned length = 0; length < 12; length++) {
        struct buf b = pdu_of(&types[8], 1, length);
        enum gn_fail want = length < 4 ? GN_LENGTH : length > 7 ? GN_TRUNCATED : GN_OK;
        assert_int_equal(gn_read(buf_span(&b), &pdu), want);
        if (want == GN_OK)
            assert_int_equal(pdu.payload.n, length - 4);
        buf_free(&b);
    }
    /* Padding of the carrier does not become payload. */
    struct buf b = pdu_of(&types[8], 2, 7);
    buf_u64(&b, 0);
    assert_int_equal(gn_read(buf_span(&b), &pdu), GN_OK);
    assert_int_equal(pdu.payload.n, 3);
    buf_free(&b);
}

static void cuts(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct buf b = pdu_of(&types[i], 2, 7);
        for (size_t n = 0; n < b.n; n++) {
            uint8_t *exact = ws_memdup(b.p, n);
            struct gn_pdu pdu;
            assert_int_equal(gn_read(span_of(exact, n), &pdu), GN_TRUNCATED);
            free(exact);
        }
        buf_free(&b);
    }
}

static void position_off_the_globe(void **state) {
    (void)state;
    struct buf b = pdu_of(&types[8], 2, 7);
    struct gn_pdu pdu;
    put_be32(b.p + 8 + 12, 900000001);
    assert_int_equal(gn_read(buf_span(&b), &pdu), GN_OK);
    assert_false(pdu.has_position);
    buf_free(&b);
}

static void written_is_read(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(7);
    for (int i = 0; i < 200; i++) {
        struct gn_source src = {
            .address = ws_random_u64(&rnd),
            .timestamp_ms = (uint32_t)ws_random_u64(&rnd),
            .lat = (int32_t)ws_random_below(&rnd, 1800000001) - 900000000,
            .lon = (int32_t)((int64_t)ws_random_below(&rnd, 3600000001U) - 1800000000),
            .speed = (int16_t)((int)ws_random_below(&rnd, 32768) - 16384),
            .heading = (uint16_t)ws_random_below(&rnd, 3601),
        };
        if (i < 2) /* the ends of 15 signed bits */
            src.speed = i == 0 ? -16384 : 16383;
        uint8_t payload[64];
        size_t n = ws_random_below(&rnd, sizeof(payload) + 1);
        ws_random_bytes(&rnd, payload, n);
        uint16_t port = (uint16_t)ws_random_u64(&rnd);
        struct buf b = {0};
        gn_put_shb(&b, &src, port, span_of(payload, n));
        assert_int_equal(b.p[3], (src.address >> 58 & 0x1f) == 15 ? 0 : 0x80);
        struct gn_pdu pdu;
        assert_int_equal(gn_read(buf_span(&b), &pdu), GN_OK);
        assert_int_equal(pdu.header_type, 0x50);
        assert_true(pdu.has_position);
        assert_true(pdu.address == src.address);
        assert_true(pdu.timestamp_ms == src.timestamp_ms);
        assert_int_equal(pdu.lat, src.lat);
        assert_int_equal(pdu.lon, src.lon);
        assert_int_equal(pdu.speed, src.speed);
        assert_int_equal(pdu.heading, src.heading);
        assert_int_equal(pdu.btp_port, port);
        assert_true(span_equal(pdu.payload, span_of(payload, n)));
        buf_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(unknown_types),
        cmocka_unit_test(next_headers),
        cmocka_unit_test(lengths),
        cmocka_unit_test(cuts),
        cmocka_unit_test(position_off_the_globe),
        cmocka_unit_test(written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
