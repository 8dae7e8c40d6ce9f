/* v2x/carrier.h on Ethernet: tags, GeoNetworking and WSMP headers, named verdicts, every cut. */
#include "tests/unit/v2x/net_frames.h"

#include "base/random.h"
#include "v2x/wsmp.h"

#include <stdio.h>

#define ETH LINK_ETHERNET
#define GN MACS "8947"
#define WSM MACS "88dc"
#define SHB                                                                                        \
    "2050028000080100 1400021122334455 0a0b0c0d 1cab8b40 06dac2c0 8578 0384 00000000 07d10000 "    \
    "c0ffee00"

static void gn_secured(void **state) {
    (void)state;
    struct carrier c;
    expect_message(ETH, GN "12000501" SPDU, CARRIER_SECURED, SPDU, &c);
    assert_int_equal(c.kind, CARRIER_GN);
    assert_true(c.source == 0x021122334455U);
    assert_false(c.has_psid);
    assert_int_equal(c.gn_header_type, 0);
    assert_int_equal(c.gn_pdu.n, 0);
    expect_message(ETH, GN "02000501" SPDU, CARRIER_SECURED, SPDU, &c);
    for (unsigned version = 2; version < 16; version++) {
        char hex[128];
        (void)snprintf(hex, sizeof(hex), GN "%x2000501" SPDU, version);
        assert_int_equal(verdict_of_hex(ETH, hex), CARRIER_GN_VERSION);
    }
    for (unsigned next = 0; next < 16; next++) {
        char hex[128];
        (void)snprintf(hex, sizeof(hex), GN "1%x000501" SPDU, next);
        enum carrier_verdict want = next == 2   ? CARRIER_SECURED
                                    : next == 1 ? CARRIER_TRUNCATED
                                                : CARRIER_GN_HEADER;
        assert_int_equal(verdict_of_hex(ETH, hex), want);
    }
    /* The format before 1609.2 (version 2), and alternatives that 1609.2 does not have. */
    assert_int_equal(verdict_of_hex(ETH, GN "12000501 02800411"), CARRIER_SECURITY_VERSION);
    assert_int_equal(verdict_of_hex(ETH, GN "12000501 0385"), CARRIER_SECURITY_VERSION);
    assert_int_equal(verdict_of_hex(ETH, GN "12000501 0300"), CARRIER_SECURITY_VERSION);
    assert_int_equal(verdict_of_hex(ETH, GN "12000501 03"), CARRIER_TRUNCATED);
    assert_int_equal(verdict_of_hex(ETH, GN "12000501"), CARRIER_EMPTY);
}

static void gn_bare(void **state) {
    (void)state;
    struct carrier c;
    /* Padding of the frame is not of the payload. */
    expect_message(ETH, GN "11000501" SHB, CARRIER_BARE, "c0ffee00", &c);
    expect_message(ETH, GN "11000501" SHB "0000", CARRIER_BARE, "c0ffee00", &c);
    assert_int_equal(c.gn_header_type, 0x50);
    assert_int_equal(c.btp_port, 2001);
    assert_int_equal(c.gn_pdu.n, 8 + 28 + 4 + 4);
    /* A beacon has nothing inside but is heard. */
    expect_message(ETH,
        GN "11000501 0010028000000100 1400021122334455 0a0b0c0d 1cab8b4006dac2c085780384",
        CARRIER_EMPTY, NULL, &c);
    assert_int_equal(c.gn_header_type, 0x10);
    assert_int_equal(c.gn_pdu.n, 8 + 24);
    assert_int_equal(verdict_of_hex(ETH, GN "11000501 50 50028000080100"), CARRIER_GN_HEADER);
    assert_int_equal(verdict_of_hex(ETH, GN "11000501 20 70028000080100"), CARRIER_GN_HEADER);
}

static void vlan_tags(void **state) {
    (void)state;
    struct carrier c;
    expect_message(ETH, MACS "8100 a001 8947 12000501" SPDU, CARRIER_SECURED, SPDU, &c);
    expect_message(ETH, MACS "88a8 a002 8100 a001 88dc 03002007" SPDU, CARRIER_SECURED, SPDU, &c);
    assert_true(c.source == 0x021122334455U);
    assert_int_equal(
        verdict_of_hex(ETH, MACS "88a8a002 8100a001 8100a001 8947 12000501" SPDU), CARRIER_NOT_V2X);
    assert_int_equal(verdict_of_hex(ETH, MACS "0806 0001"), CARRIER_NOT_V2X);
    assert_int_equal(verdict_of_hex(ETH, MACS "0003 aaaa03"), CARRIER_TRUNCATED);
}

static void wsmp_forms(void **state) {
    (void)state;
    static const struct {
        const char *header;
        uint64_t psid;
    } forms[] = {
        {"0300 20 07", 0x20},
        {"0300 7f 07", 0x7f},
        {"0300 8000 07", 0x80},
        {"0300 8002 07", 130},
        {"0300 bfff 07", 0x407f},
        {"0300 c00000 07", 0x4080},
        {"0300 dfffff 07", 0x20407f},
        {"0300 e0000000 07", 0x204080},
        {"0300 e0000017 07", 2113687},
        {"0300 efffffff 07", WSMP_PSID_MAX},
        /* power, channel, data rate; channel load; an element of 130 octets would be long form */
        {"0b03 040193 0f01b4 10010c 00 8002 07", 130},
        {"0b00 00 20 07", 0x20},
        {"0b01 1700 00 20 07", 0x20},
        {"0301 20 01 170100 07", 0x20},
        {"0b01 040193 01 8002 00 07", 130},
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        char hex[256];
        struct carrier c;
        (void)snprintf(hex, sizeof(hex), WSM "%s" SPDU "eeee", forms[i].header);
        expect_message(ETH, hex, CARRIER_SECURED, SPDU, &c);
        assert_int_equal(c.kind, CARRIER_WSMP);
        assert_true(c.has_psid);
        assert_true(c.psid == forms[i].psid);
    }
    struct carrier c;
    expect_message(ETH, WSM "0300 20 03 001425", CARRIER_BARE, "001425", &c);
    assert_int_equal(verdict_of_hex(ETH, WSM "0300 20 00"), CARRIER_EMPTY);
}

static void wsmp_refused(void **state) {
    (void)state;
    static const struct {
        const char *octets;
        enum carrier_verdict want;
    } cases[] = {
        {"02 20 8000 07" SPDU, CARRIER_WSMP_VERSION},
        {"00 0020 07" SPDU, CARRIER_WSMP_VERSION},
        {"13 0020 07" SPDU, CARRIER_WSMP_HEADER}, /* networking subtype 1 */
        {"0302 20 07" SPDU, CARRIER_WSMP_HEADER}, /* ports */
        {"0304 20 07" SPDU, CARRIER_WSMP_HEADER},
        {"0300 f0000000 07" SPDU, CARRIER_WSMP_HEADER}, /* PSID of five octets */
        {"0300 20 8007" SPDU, CARRIER_WSMP_HEADER}, /* long form of a small length */
        {"0300 20 c007" SPDU, CARRIER_WSMP_HEADER},
        {"0b8003 040193 00 20 07" SPDU, CARRIER_WSMP_HEADER},
        {"0300 20 08" SPDU, CARRIER_TRUNCATED},
        {"0300 20 8080" SPDU, CARRIER_TRUNCATED},
        {"0b02 0405 1122", CARRIER_TRUNCATED},
        {"0bbfff", CARRIER_TRUNCATED},
        {"0b80", CARRIER_TRUNCATED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char hex[256];
        (void)snprintf(hex, sizeof(hex), WSM "%s", cases[i].octets);
        assert_string_equal(
            carrier_verdict_text(verdict_of_hex(ETH, hex)), carrier_verdict_text(cases[i].want));
    }
}

/* A length in the two-octet form, with a message that needs it. */
static void wsmp_long(void **state) {
    (void)state;
    static const uint8_t mac[6] = {2, 1, 2, 3, 4, 5};
    static const size_t sizes[] = {1, 127, 128, 129, 389, 1400, WSMP_MESSAGE_MAX};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        uint8_t *message = ws_alloc(sizes[i]);
        memset(message, 0x5a, sizes[i]);
        message[0] = 3;
        if (sizes[i] > 1)
            message[1] = 0x81;
        struct buf b = {0};
        carrier_put_wsmp(&b, mac, 0x20 + i * 0x4080, span_of(message, sizes[i]));
        struct read_frame f = read_octets(ETH, b.p, b.n);
        assert_int_equal(f.verdict, sizes[i] == 1 ? CARRIER_BARE : CARRIER_SECURED);
        assert_true(span_equal(f.carrier.message, span_of(message, sizes[i])));
        assert_true(f.carrier.psid == 0x20 + i * 0x4080);
        assert_true(f.carrier.source == 0x020102030405U);
        free(f.copy);
        buf_free(&b);
        free(message);
    }
}

static void psid_forms_round_trip(void **state) {
    (void)state;
    static const uint64_t edges[] = {
        0, 0x7f, 0x80, 0x407f, 0x4080, 0x20407f, 0x204080, WSMP_PSID_MAX};
    struct ws_random rnd = ws_random_seeded(3);
    for (unsigned i = 0; i < 5000; i++) {
        uint64_t psid = i < ARRAY_LEN(edges) ? edges[i]
                                             : ws_random_below(&rnd, WSMP_PSID_MAX + 1U) >>
                                                   ws_random_below(&rnd, 28);
        struct buf b = {0};
        struct wsmp w;
        wsmp_put(&b, psid, span_of("x", 1));
        assert_int_equal(wsmp_read(buf_span(&b), &w), WSMP_OK);
        assert_true(w.psid == psid);
        assert_int_equal(b.n, 5U + (psid >= 0x80) + (psid >= 0x4080) + (psid >= 0x204080));
        buf_free(&b);
    }
}

static void gn_written_is_read(void **state) {
    (void)state;
    static const uint8_t mac[6] = {0xfe, 0x38, 0x4c, 0xe0, 0xb8, 0x90};
    struct buf spdu = unhex(SPDU);
    struct buf b = {0};
    carrier_put_gn_secured(&b, mac, buf_span(&spdu));
    struct read_frame f = read_octets(ETH, b.p, b.n);
    assert_int_equal(f.verdict, CARRIER_SECURED);
    assert_true(span_equal(f.carrier.message, buf_span(&spdu)));
    assert_true(f.carrier.source == 0xfe384ce0b890U);
    free(f.copy);
    buf_free(&b);
    buf_free(&spdu);
}

/* Each cut ends in a verdict that says so; the first octet of the message is where `secured` begins. */
static void every_cut(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        size_t whole_from; /* cuts from here on are no longer noticed by the carrier */
    } cases[] = {
        {GN "12000501" SPDU, 20},
        {GN "11000501" SHB, SIZE_MAX},
        {WSM "0b03040193 0f01b4 10010c 00 8002 07" SPDU, SIZE_MAX},
        {WSM "0301 e0000017 01170100 07" SPDU, SIZE_MAX},
        {MACS "88a8a002 8100a001 88dc 0300 20 07" SPDU, SIZE_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = unhex(cases[i].hex);
        for (size_t n = 0; n < b.n; n++) {
            enum carrier_verdict v = verdict_of(ETH, b.p, n);
            if (n >= cases[i].whole_from)
                assert_int_equal(v, CARRIER_SECURED);
            else if (i == 0 && n == 18)
                assert_int_equal(v, CARRIER_EMPTY);
            else
                assert_int_equal(v, CARRIER_TRUNCATED);
        }
        buf_free(&b);
    }
}

static void flipped_bits(void **state) {
    (void)state;
    static const char *const frames[] = {
        GN "12000501" SPDU,
        GN "11000501" SHB,
        WSM "0b03040193 0f01b4 10010c 00 8002 07" SPDU,
        MACS "88a8a002 8100a001 88dc 0301 20 01170100 07" SPDU,
    };
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        struct buf b = unhex(frames[i]);
        for (size_t first = 0; first < b.n * 8; first++) {
            for (size_t second = first; second < b.n * 8; second++) {
                b.p[first / 8] ^= (uint8_t)(1U << first % 8);
                if (second != first)
                    b.p[second / 8] ^= (uint8_t)(1U << second % 8);
                assert_true(verdict_of(ETH, b.p, b.n) < CARRIER_VERDICT_COUNT);
                b.p[first / 8] ^= (uint8_t)(1U << first % 8);
                if (second != first)
                    b.p[second / 8] ^= (uint8_t)(1U << second % 8);
            }
        }
        buf_free(&b);
    }
}

static void texts(void **state) {
    (void)state;
    for (unsigned i = 0; i < CARRIER_VERDICT_COUNT; i++) {
        const char *text = carrier_verdict_text((enum carrier_verdict)i);
        assert_true(strlen(text) > 1);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(text, carrier_verdict_text((enum carrier_verdict)k));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gn_secured),
        cmocka_unit_test(gn_bare),
        cmocka_unit_test(vlan_tags),
        cmocka_unit_test(wsmp_forms),
        cmocka_unit_test(wsmp_refused),
        cmocka_unit_test(wsmp_long),
        cmocka_unit_test(psid_forms_round_trip),
        cmocka_unit_test(gn_written_is_read),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(flipped_bits),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
