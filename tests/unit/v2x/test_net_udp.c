/* v2x/carrier.h on IP: header checks, extension headers, fragments, and the forms roadside units use
 * inside UDP. */
#include "tests/unit/v2x/net_frames.h"

#include <stdio.h>

#define ETH LINK_ETHERNET
#define A4 "c0a80001 c0a800ff"
#define A6 "fe800000000000000011223344556677 ff020000000000000000000000000001"
/* The folded source of A6. */
#define A6_KEY (0xfe80000000000000U ^ 0x0011223344556677U)

/* An IPv4 packet with UDP around a payload; the length fields may be wrong by so much. */
static void ip4(char *dst, size_t size, const char *payload, int total_more, int udp_more) {
    int n = (int)octets_of(payload);
    (void)snprintf(dst, size, "4500%04x 00010000 4011 0000" A4 "c350 c350 %04x 0000 %s",
        (unsigned)(28 + n + total_more), (unsigned)(8 + n + udp_more), payload);
}

static void ip6(
    char *dst, size_t size, unsigned next, const char *extensions, const char *payload) {
    int n = (int)octets_of(payload);
    (void)snprintf(dst, size, "60000000 %04x %02x 40" A6 "%s c350 c350 %04x 0000 %s",
        (unsigned)(8 + n) + (unsigned)octets_of(extensions), next, extensions, (unsigned)(8 + n),
        payload);
}

static void inner_forms(void **state) {
    (void)state;
    static const struct {
        const char *payload;
        const char *message;
        uint64_t psid;
        enum carrier_verdict want;
        bool has_psid;
    } forms[] = {
        {SPDU, SPDU, 0, CARRIER_SECURED, false},
        /* 1609.2 alone names no length to the carrier: what follows goes along. */
        {SPDU "0000", SPDU "0000", 0, CARRIER_SECURED, false},
        {"0300 20 07" SPDU "0000", SPDU, 0x20, CARRIER_SECURED, true},
        {"0b01040193 00 8002 07" SPDU, SPDU, 130, CARRIER_SECURED, true},
        {"01 0300 8002 07" SPDU, SPDU, 130, CARRIER_SECURED, true},
        {"0300 20 05 0014021122", "0014021122", 0x20, CARRIER_BARE, true},
        {"0014021122 00", "0014021122", 0, CARRIER_BARE, false},
        {"0012 01 ff", "001201ff", 0, CARRIER_BARE, false},
        {"0020 01 ff", "002001ff", 0, CARRIER_BARE, false},
        /* Other traffic: outside the id range, length that does not fit, none, not our octets. */
        {"0011 01 ff", NULL, 0, CARRIER_NOT_V2X, false},
        {"0021 01 ff", NULL, 0, CARRIER_NOT_V2X, false},
        {"0014 03 1122", NULL, 0, CARRIER_NOT_V2X, false},
        {"0014 00", NULL, 0, CARRIER_NOT_V2X, false},
        {"0014 c1 1122", NULL, 0, CARRIER_NOT_V2X, false},
        {"0014", NULL, 0, CARRIER_NOT_V2X, false},
        {"", NULL, 0, CARRIER_NOT_V2X, false},
        {"01", NULL, 0, CARRIER_NOT_V2X, false},
        {"01 01 0300 20 07" SPDU, NULL, 0, CARRIER_NOT_V2X, false},
        {"02 0300 20 07" SPDU, NULL, 0, CARRIER_NOT_V2X, false},
        {"0300 20 08" SPDU, NULL, 0, CARRIER_NOT_V2X, false},
        {"0300 20 03 112233", NULL, 0, CARRIER_NOT_V2X, false},
        {"4d2d534541524348202a20", NULL, 0, CARRIER_NOT_V2X, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        char packet[512];
        char hex[600];
        struct carrier c;
        ip4(packet, sizeof(packet), forms[i].payload, 0, 0);
        (void)snprintf(hex, sizeof(hex), MACS "0800 %s 00000000", packet);
        expect_message(ETH, hex, forms[i].want, forms[i].message, &c);
        assert_int_equal(c.kind, CARRIER_UDP);
        assert_true(c.source == 0x021122334455U);
        assert_int_equal(c.has_psid, forms[i].has_psid);
        assert_true(c.psid == forms[i].psid);
        expect_message(LINK_IPV4, packet, forms[i].want, forms[i].message, &c);
        assert_true(c.source == 0xc0a80001U);
        ip6(packet, sizeof(packet), 17, "", forms[i].payload);
        (void)snprintf(hex, sizeof(hex), MACS "86dd %s", packet);
        expect_message(ETH, hex, forms[i].want, forms[i].message, &c);
        assert_true(c.source == 0x021122334455U);
        expect_message(LINK_IPV6, packet, forms[i].want, forms[i].message, &c);
        assert_true(c.source == A6_KEY);
        expect_message(LINK_RAW_IP, packet, forms[i].want, forms[i].message, &c);
        assert_true(c.source == A6_KEY);
    }
}

/* A J2735 frame with a length of two octets. */
static void j2735_long(void **state) {
    (void)state;
    char message[2 * (4 + 300) + 1] = "0014812c";
    memset(message + 8, 'a', 600);
    char packet[1024];
    struct carrier c;
    ip4(packet, sizeof(packet), message, 0, 0);
    expect_message(LINK_RAW_IP, packet, CARRIER_BARE, message, &c);
}

static void ip4_header(void **state) {
    (void)state;
    char hex[512];
    ip4(hex, sizeof(hex), SPDU, 1, 0); /* total length beyond the frame */
    assert_int_equal(verdict_of_hex(LINK_IPV4, hex), CARRIER_TRUNCATED);
    ip4(hex, sizeof(hex), SPDU, 0, 1); /* UDP beyond the packet */
    assert_int_equal(verdict_of_hex(LINK_IPV4, hex), CARRIER_IP_HEADER);
    ip4(hex, sizeof(hex), SPDU, 0, -8 - SPDU_N + 7); /* UDP length 7 */
    assert_int_equal(verdict_of_hex(LINK_IPV4, hex), CARRIER_IP_HEADER);
    ip4(hex, sizeof(hex), SPDU, -SPDU_N - 1, 0); /* packet ends inside the UDP header */
    assert_int_equal(verdict_of_hex(LINK_IPV4, hex), CARRIER_IP_HEADER);
    /* A UDP datagram shorter than its packet ends where UDP says. */
    struct carrier c;
    ip4(hex, sizeof(hex), SPDU "eeee", 0, -2);
    expect_message(LINK_IPV4, hex, CARRIER_SECURED, SPDU, &c);

    ip4(hex, sizeof(hex), SPDU, 0, 0);
    struct buf b = unhex(hex);
    b.p[0] = 0x44; /* header of 16 octets */
    assert_int_equal(verdict_of(LINK_IPV4, b.p, b.n), CARRIER_IP_HEADER);
    b.p[0] = 0x4f; /* of 60, beyond the total length */
    assert_int_equal(verdict_of(LINK_IPV4, b.p, b.n), CARRIER_IP_HEADER);
    b.p[0] = 0x55;
    assert_int_equal(verdict_of(LINK_IPV4, b.p, b.n), CARRIER_IP_HEADER);
    assert_int_equal(verdict_of(LINK_RAW_IP, b.p, b.n), CARRIER_IP_HEADER);
    b.p[0] = 0x45;
    assert_int_equal(verdict_of(LINK_RAW_IP, b.p, b.n), CARRIER_SECURED);
    assert_int_equal(verdict_of(LINK_IPV6, b.p, b.n), CARRIER_IP_HEADER);
    b.p[9] = 6;
    assert_int_equal(verdict_of(LINK_IPV4, b.p, b.n), CARRIER_NOT_V2X);
    b.p[9] = 17;
    b.p[6] = 0x40; /* don't fragment */
    assert_int_equal(verdict_of(LINK_IPV4, b.p, b.n), CARRIER_SECURED);
    b.p[6] = 0x20; /* more fragments */
    assert_int_equal(verdict_of(LINK_IPV4, b.p, b.n), CARRIER_IP_FRAGMENT);
    b.p[6] = 0;
    b.p[7] = 1; /* offset */
    assert_int_equal(verdict_of(LINK_IPV4, b.p, b.n), CARRIER_IP_FRAGMENT);
    buf_free(&b);

    /* Eight octets of options. */
    expect_message(LINK_IPV4,
        "47000 02b 00010000 4011 0000" A4 "0102030405060708 c350c350 000f 0000" SPDU,
        CARRIER_SECURED, SPDU, &c);
}

static void ip6_extensions(void **state) {
    (void)state;
    static const struct {
        const char *extensions;
        unsigned next;
        enum carrier_verdict want;
    } cases[] = {
        {"", 17, CARRIER_SECURED},
        {"1100 010400000000", 0, CARRIER_SECURED},
        {"2b00 010400000000 3c00 000000000000 1101 0000000000000000000000000000", 0,
            CARRIER_SECURED},
        {"3c00000000000000 1100000000000000", 60, CARRIER_SECURED},
        {"0000000000000000 1100000000000000", 43, CARRIER_IP_HEADER}, /* hop-by-hop not first */
        {"1100000100000001", 44, CARRIER_IP_FRAGMENT},
        {"2c00000000000000 1100000800000001", 60, CARRIER_IP_FRAGMENT},
        {"1103000000000000", 60, CARRIER_IP_HEADER}, /* longer than the packet */
        {"", 58, CARRIER_NOT_V2X},
        {"", 59, CARRIER_NOT_V2X},
        {"0600000000000000", 60, CARRIER_NOT_V2X},
        {"1100000000000000", 44, CARRIER_SECURED}, /* a fragment that is the whole */
        {"11ff000600000000", 44, CARRIER_SECURED},
        {"1104000000000000 000000000000000000000000 00000000", 51, CARRIER_SECURED},
        {"1100000000000000", 135, CARRIER_NOT_V2X},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char hex[512];
        ip6(hex, sizeof(hex), cases[i].next, cases[i].extensions, SPDU);
        assert_string_equal(carrier_verdict_text(verdict_of_hex(LINK_IPV6, hex)),
            carrier_verdict_text(cases[i].want));
    }
    /* Eight extension headers are read, nine refused. */
    for (unsigned n = 8; n <= 9; n++) {
        char extensions[9 * 16 + 1] = "";
        for (unsigned i = 0; i < n; i++)
            memcpy(extensions + (size_t)i * 16, i + 1 < n ? "3c00000000000000" : "1100000000000000",
                17);
        char hex[512];
        ip6(hex, sizeof(hex), 60, extensions, SPDU);
        assert_int_equal(
            verdict_of_hex(LINK_IPV6, hex), n == 8 ? CARRIER_SECURED : CARRIER_IP_HEADER);
    }
}

static void every_cut(void **state) {
    (void)state;
    char v4[512];
    char v6[512];
    ip4(v4, sizeof(v4), "010300 20 07" SPDU, 0, 0);
    ip6(v6, sizeof(v6), 0, "1100 010400000000", SPDU);
    const char *const packets[] = {v4, v6};
    for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
        struct buf b = unhex(packets[i]);
        for (size_t n = 0; n < b.n; n++)
            assert_int_equal(verdict_of(LINK_RAW_IP, b.p, n), CARRIER_TRUNCATED);
        assert_int_equal(verdict_of(LINK_RAW_IP, b.p, b.n), CARRIER_SECURED);
        for (size_t first = 0; first < b.n * 8; first++) {
            b.p[first / 8] ^= (uint8_t)(1U << first % 8);
            for (size_t second = 0; second < b.n * 8; second++) {
                b.p[second / 8] ^= (uint8_t)(1U << second % 8);
                assert_true(verdict_of(LINK_RAW_IP, b.p, b.n) < CARRIER_VERDICT_COUNT);
                b.p[second / 8] ^= (uint8_t)(1U << second % 8);
            }
            b.p[first / 8] ^= (uint8_t)(1U << first % 8);
        }
        buf_free(&b);
    }
}

/* The receiver's check of RFC 1071: pseudo header and datagram sum to all ones. */
static bool checksum_good(const uint8_t *ip6_header, size_t udp_n) {
    uint32_t sum = 17 + (uint32_t)udp_n;
    for (size_t i = 8; i < 40; i += 2)
        sum += be16(ip6_header + i);
    for (size_t i = 0; i < udp_n; i++)
        sum += (uint32_t)ip6_header[40 + i] << (i % 2 == 0 ? 8 : 0);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

static void written_is_read(void **state) {
    (void)state;
    static const uint8_t mac[6] = {2, 1, 2, 3, 4, 5};
    uint8_t src[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
    uint8_t dst[16] = {0xff, 0x02, [12] = 0xaa, [15] = 1};
    for (size_t n = 2; n < 300; n++) {
        uint8_t spdu[300] = {3, 0x81};
        memset(spdu + 2, (int)n, n - 2);
        struct buf b = {0};
        carrier_put_udp6(&b, mac, src, dst, 1516, span_of(spdu, n));
        static const uint8_t group[6] = {0x33, 0x33, 0xaa, 0, 0, 1};
        assert_memory_equal(b.p, group, 6);
        assert_true(checksum_good(b.p + 14, n + 8));
        struct read_frame f = read_octets(ETH, b.p, b.n);
        assert_int_equal(f.verdict, CARRIER_SECURED);
        assert_true(span_equal(f.carrier.message, span_of(spdu, n)));
        free(f.copy);
        buf_free(&b);
    }
    dst[0] = 0xfd;
    struct buf b = {0};
    carrier_put_udp6(&b, mac, src, dst, 1516, span_of("\x03\x80", 2));
    assert_int_equal(b.p[0], 0xff);
    buf_free(&b);
}

/* The one datagram in 65536 whose sum is zero is sent as ffff. */
static void zero_checksum(void **state) {
    (void)state;
    static const uint8_t mac[6] = {2};
    static const uint8_t zero[16];
    uint8_t spdu[4] = {3, 0x80};
    /* 17 + 2 * 12 + 2 * port + 0380 + last two octets must be ffff; port 0. */
    put_be16(spdu + 2, (uint16_t)(0xffff - 0x0380 - 17 - 24));
    struct buf b = {0};
    carrier_put_udp6(&b, mac, zero, zero, 0, span_of(spdu, 4));
    assert_int_equal(be16(b.p + 14 + 40 + 6), 0xffff);
    assert_true(checksum_good(b.p + 14, 12));
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inner_forms),
        cmocka_unit_test(j2735_long),
        cmocka_unit_test(ip4_header),
        cmocka_unit_test(ip6_extensions),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(written_is_read),
        cmocka_unit_test(zero_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
