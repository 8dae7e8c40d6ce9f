/* Link layers: the same message behind every header that may stand before it, and a name for each refusal. */
#include "tests/unit/v2x/net_frames.h"

#include <stdio.h>

#define SNAP "aaaa03000000"
#define TO "ffffffffffff"
#define FROM "021122334455"
#define OTHER "020000000009"
#define SOURCE 0x021122334455U
#define GN_SECURED "8947 12000501" SPDU
#define WSM "88dc 0300 20 07" SPDU
/* 802.11: duration; addresses 1 to 3; sequence control. Frame control stands before. */
#define ADDRESSED "0000" TO FROM OTHER "1000"
#define PLAIN "0800" ADDRESSED
#define QOS "8800" ADDRESSED "0000"
#define GOOD SNAP GN_SECURED

struct link_case {
    enum frame_link link;
    const char *hex;
    enum carrier_verdict want;
    bool no_source;
};

static void check(const struct link_case *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct carrier c;
        const char *message = cases[i].want == CARRIER_SECURED ? SPDU : NULL;
        expect_message(cases[i].link, cases[i].hex, cases[i].want, message, &c);
        if (cases[i].want == CARRIER_SECURED && !cases[i].no_source)
            assert_true(c.source == SOURCE);
    }
}

static void ethernet(void **state) {
    (void)state;
    static const struct link_case cases[] = {
        {LINK_ETHERNET, MACS GN_SECURED, CARRIER_SECURED, false},
        {LINK_ETHERNET, MACS "9100 a002 8100 a001" GN_SECURED, CARRIER_SECURED, false},
        {LINK_ETHERNET, MACS "9100 a002 9100 a001" WSM "0000", CARRIER_SECURED, false},
        /* 802.3: a length, LLC, padding that is not of the packet; LLC behind a tag */
        {LINK_ETHERNET, MACS "0013" SNAP GN_SECURED, CARRIER_SECURED, false},
        {LINK_ETHERNET, MACS "0013" SNAP WSM "000000000000", CARRIER_SECURED, false},
        {LINK_ETHERNET, MACS "8100 a001 0013" SNAP WSM, CARRIER_SECURED, false},
        {LINK_ETHERNET, MACS "0013 aaaa030000f8" WSM, CARRIER_SECURED, false},
        {LINK_ETHERNET, MACS "000d" WSM, CARRIER_SECURED, false},
        {LINK_ETHERNET, MACS "8870" SNAP WSM, CARRIER_SECURED, false},
        {LINK_ETHERNET, MACS SNAP WSM, CARRIER_SECURED, false},
        {LINK_ETHERNET, MACS "0020" SNAP WSM, CARRIER_TRUNCATED, false},
        {LINK_ETHERNET, MACS "0001 aa", CARRIER_TRUNCATED, false},
        {LINK_ETHERNET, MACS "0013 aaaa030a0b0c" WSM, CARRIER_NOT_V2X, false},
        {LINK_ETHERNET, MACS "0013 aaaa13000000" WSM, CARRIER_NOT_V2X, false},
        {LINK_ETHERNET, MACS "0003 424203", CARRIER_NOT_V2X, false},
        {LINK_ETHERNET, MACS "05dd" SNAP WSM, CARRIER_NOT_V2X, false},
    };
    check(cases, ARRAY_LEN(cases));
}

static void ieee_80211(void **state) {
    (void)state;
    static const struct link_case cases[] = {
        {LINK_80211, PLAIN GOOD, CARRIER_SECURED, false},
        {LINK_80211, QOS GOOD, CARRIER_SECURED, false},
        {LINK_80211, PLAIN SNAP WSM "aabbccdd", CARRIER_SECURED, false}, /* check sequence */
        {LINK_80211, QOS WSM, CARRIER_SECURED, false}, /* EtherType alone */
        {LINK_80211, PLAIN GN_SECURED, CARRIER_SECURED, false},
        {LINK_80211, QOS SNAP "8100 a001" WSM, CARRIER_SECURED, false},
        {LINK_80211, "0801" ADDRESSED GOOD, CARRIER_SECURED, false}, /* to DS */
        {LINK_80211, "0802" ADDRESSED GOOD, CARRIER_SECURED, false}, /* from DS */
        {LINK_80211, "0803" ADDRESSED OTHER GOOD, CARRIER_SECURED, false}, /* four addresses */
        {LINK_80211, "8803" ADDRESSED OTHER "0000" GOOD, CARRIER_SECURED, false},
        {LINK_80211, "8880" ADDRESSED "0000 11223344" GOOD, CARRIER_SECURED,
            false}, /* HT control */
        {LINK_80211, "0880" ADDRESSED GOOD, CARRIER_SECURED, false}, /* order, not QoS */
        {LINK_80211, "0808" ADDRESSED GOOD, CARRIER_SECURED, false}, /* retried */
        {LINK_80211, QOS "0000" GOOD, CARRIER_SECURED, false}, /* aligned to four octets */
        {LINK_80211, "8800" ADDRESSED "8000" GOOD, CARRIER_AMSDU, false},
        {LINK_80211, "0840" ADDRESSED GOOD, CARRIER_LINK_PROTECTED, false},
        {LINK_80211, "0804" ADDRESSED GOOD, CARRIER_LINK_FRAGMENT, false},
        {LINK_80211, "0800 0000" TO FROM OTHER "1100" GOOD, CARRIER_LINK_FRAGMENT, false},
        {LINK_80211, "0900" ADDRESSED GOOD, CARRIER_LINK_HEADER, false},
        {LINK_80211, "8000" ADDRESSED, CARRIER_NOT_V2X, false}, /* beacon */
        {LINK_80211, "d400 0000" TO, CARRIER_NOT_V2X, false}, /* acknowledgement */
        {LINK_80211, "4800" ADDRESSED, CARRIER_NOT_V2X, false}, /* null */
        {LINK_80211, "c800" ADDRESSED "0000", CARRIER_NOT_V2X, false}, /* QoS null */
        {LINK_80211, PLAIN "424203", CARRIER_NOT_V2X, false},
    };
    check(cases, ARRAY_LEN(cases));
}

static void radiotap(void **state) {
    (void)state;
    static const struct link_case cases[] = {
        {LINK_RADIOTAP, "0000 0800 00000000" PLAIN GOOD, CARRIER_SECURED, false},
        {LINK_RADIOTAP, "0000 0900 02000000 10" QOS SNAP WSM "aabbccdd", CARRIER_SECURED, false},
        {LINK_RADIOTAP, "0000 0900 02000000 10" QOS GOOD, CARRIER_SECURED, false},
        /* time stamp before the flags, aligned to eight */
        {LINK_RADIOTAP, "0000 1100 03000000 1122334455667788 10" PLAIN GOOD, CARRIER_SECURED,
            false},
        /* three bitmaps; the fields of the later ones are passed over */
        {LINK_RADIOTAP,
            "0000 2000 030000a0 200000a0 20000000 1122334455667788 10 00 c0de 00000000" PLAIN GOOD,
            CARRIER_SECURED, false},
        /* a longer header than its fields; a vendor's namespace; no flags */
        {LINK_RADIOTAP, "0000 0c00 20000000 deadbeef" QOS GOOD, CARRIER_SECURED, false},
        {LINK_RADIOTAP, "0000 1400 000000c0 00000000 001122 00 0000 0000" QOS GOOD, CARRIER_SECURED,
            false},
        {LINK_RADIOTAP, "0000 0900 02000000 20" QOS "0000" GOOD, CARRIER_SECURED, false},
        {LINK_RADIOTAP, "0000 0900 02000000 20" QOS GOOD, CARRIER_SECURED, false},
        {LINK_RADIOTAP, "0000 0900 02000000 50" QOS GOOD, CARRIER_BAD_FCS, false},
        {LINK_RADIOTAP, "0000 1100 03000000 1122334455667788 40" PLAIN, CARRIER_BAD_FCS, false},
        {LINK_RADIOTAP, "0100 0800 00000000" PLAIN GOOD, CARRIER_LINK_HEADER, false},
        {LINK_RADIOTAP, "0000 0700 00000000" PLAIN GOOD, CARRIER_LINK_HEADER, false},
        {LINK_RADIOTAP, "0000 0800 02000000" PLAIN GOOD, CARRIER_LINK_HEADER, false},
        {LINK_RADIOTAP, "0000 0c00 02000080 00000080" PLAIN GOOD, CARRIER_LINK_HEADER, false},
        {LINK_RADIOTAP, "0000 ff00 00000000" PLAIN GOOD, CARRIER_TRUNCATED, false},
        {LINK_RADIOTAP, "0000 0800 00000000", CARRIER_TRUNCATED, false},
    };
    check(cases, ARRAY_LEN(cases));
}

static void ppi(void **state) {
    (void)state;
#define COMMON "0200 1400 1122334455667788"
    static const struct link_case cases[] = {
        {LINK_PPI, "0000 0800 69000000" PLAIN GOOD, CARRIER_SECURED, false},
        {LINK_PPI, "0000 2000 69000000" COMMON "0100 000000000000 0000 00 00" QOS GOOD,
            CARRIER_SECURED, false},
        {LINK_PPI, "0000 2000 69000000" COMMON "0500 000000000000 0000 00 00" QOS GOOD,
            CARRIER_BAD_FCS, false},
        {LINK_PPI, "0000 0800 01000000" MACS WSM, CARRIER_SECURED, false},
        {LINK_PPI, "0000 0800 7f000000 0000080000000000" QOS GOOD, CARRIER_SECURED, false},
        {LINK_PPI, "0000 0800 93000000" MACS WSM, CARRIER_LINK_TYPE, false},
        {LINK_PPI, "0100 0800 69000000" PLAIN GOOD, CARRIER_LINK_HEADER, false},
        {LINK_PPI, "0000 0c00 69000000 0200 1400" PLAIN GOOD, CARRIER_LINK_HEADER, false},
        {LINK_PPI, "0000 f000 69000000" PLAIN GOOD, CARRIER_TRUNCATED, false},
    };
    check(cases, ARRAY_LEN(cases));
}

static void cooked(void **state) {
    (void)state;
#define V1(hardware, protocol) "0001" hardware "0006" FROM "0000" protocol
#define V2(hardware, protocol) protocol "0000 00000003" hardware "01 06" FROM "0000"
    static const struct link_case cases[] = {
        {LINK_COOKED, V1("0001", "8947") "12000501" SPDU, CARRIER_SECURED, false},
        {LINK_COOKED, V1("0001", "8100") "a001" WSM, CARRIER_SECURED, false},
        {LINK_COOKED, V1("0001", "0004") SNAP WSM, CARRIER_SECURED, false},
        {LINK_COOKED, V1("0321", "0000") PLAIN GOOD, CARRIER_SECURED, false},
        {LINK_COOKED, V1("0323", "0004") "0000080000000000" QOS GOOD, CARRIER_SECURED, false},
        {LINK_COOKED, V1("0322", "0004") QOS GOOD, CARRIER_LINK_TYPE, false},
        {LINK_COOKED, V1("0118", "000c") "00000000", CARRIER_NOT_V2X, false},
        {LINK_COOKED, V1("0001", "0806") "0001", CARRIER_NOT_V2X, false},
        {LINK_COOKED2, V2("0001", "8947") "12000501" SPDU, CARRIER_SECURED, false},
        {LINK_COOKED2, V2("0001", "88a8") "a002 8100 a001" WSM, CARRIER_SECURED, false},
        {LINK_COOKED2, V2("0323", "0000") "0000080000000000" QOS GOOD, CARRIER_SECURED, false},
        {LINK_COOKED2, V2("0001", "0004") SNAP WSM, CARRIER_SECURED, false},
    };
    check(cases, ARRAY_LEN(cases));
    /* Without a link address the IP address stands for the sender. */
    struct carrier c;
    expect_message(LINK_COOKED,
        "0000 fffe 0000 0000000000000000 0800 4500 0023 0001 0000 4011 0000 c0a80001 c0a800ff"
        "c350 c350 000f 0000" SPDU,
        CARRIER_SECURED, SPDU, &c);
    assert_int_equal(c.kind, CARRIER_UDP);
    assert_true(c.source == 0xc0a80001U);
}

static void user_types(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        enum carrier_verdict want;
        enum carrier_kind kind;
        uint64_t source;
    } cases[] = {
        {"12000501" SPDU, CARRIER_SECURED, CARRIER_GN, 0},
        {"02000501" SPDU, CARRIER_SECURED, CARRIER_GN, 0},
        {MACS WSM, CARRIER_SECURED, CARRIER_WSMP, SOURCE},
        {"0000080000000000" QOS GOOD, CARRIER_SECURED, CARRIER_GN, SOURCE},
        {QOS GOOD, CARRIER_SECURED, CARRIER_GN, SOURCE},
        {PLAIN WSM, CARRIER_SECURED, CARRIER_WSMP, SOURCE},
        {"0300 20 07" SPDU, CARRIER_SECURED, CARRIER_WSMP, 0},
        {SPDU, CARRIER_SECURED, CARRIER_DIRECT, 0},
        {"11000501 2050028000080100 1400021122334455 0a0b0c0d 1cab8b4006dac2c085780384 00000000"
         "07d10000 c0ffee00",
            CARRIER_BARE, CARRIER_GN, 0},
        {"4500 0023 0001 0000 4011 0000 c0a80001 c0a800ff c350 c350 000f 0000" SPDU,
            CARRIER_SECURED, CARRIER_UDP, 0xc0a80001U},
        {"00112233445566778899", CARRIER_NOT_V2X, CARRIER_GN, 0},
        {"", CARRIER_NOT_V2X, CARRIER_GN, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (uint32_t link = LINK_USER_FIRST; link <= LINK_USER_LAST; link++) {
            struct carrier c;
            expect_message((enum frame_link)link, cases[i].hex, cases[i].want, NULL, &c);
            assert_int_equal(c.kind, cases[i].kind);
            assert_true(c.source == cases[i].source);
        }
    }
}

static void link_numbers(void **state) {
    (void)state;
    unsigned known = 0;
    for (uint32_t link = 0; link < 1000; link++) {
        if (carrier_link_known(link))
            known++;
        else
            assert_int_equal(
                verdict_of_hex((enum frame_link)link, MACS GN_SECURED), CARRIER_LINK_TYPE);
    }
    assert_int_equal(known, 9 + 16);
}

/* No cut reads past its end (the reader has an exact copy), none brings out a whole WSMP message, and each bit
 * may be wrong. */
static void cuts_and_flips(void **state) {
    (void)state;
    static const struct link_case frames[] = {
        {LINK_ETHERNET, MACS "9100 a001 0013" SNAP WSM, CARRIER_SECURED, false},
        {LINK_80211, "8883" ADDRESSED OTHER "0000 11223344" SNAP WSM, CARRIER_SECURED, false},
        {LINK_RADIOTAP, "0000 1100 03000000 1122334455667788 10" QOS SNAP WSM, CARRIER_SECURED,
            false},
        {LINK_PPI, "0000 2000 69000000" COMMON "0100 000000000000 0000 00 00" QOS SNAP WSM,
            CARRIER_SECURED, false},
        {LINK_COOKED, V1("0323", "0000") "0000080000000000" QOS SNAP WSM, CARRIER_SECURED, false},
        {LINK_COOKED2, V2("0001", "8100") "a001" WSM, CARRIER_SECURED, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        struct buf b = unhex(frames[i].hex);
        for (size_t n = 0; n < b.n; n++)
            assert_int_equal(verdict_of(frames[i].link, b.p, n), CARRIER_TRUNCATED);
        for (size_t bit = 0; bit < b.n * 8; bit++) {
            b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_true(verdict_of(frames[i].link, b.p, b.n) < CARRIER_VERDICT_COUNT);
            assert_true(verdict_of(LINK_USER_FIRST, b.p, b.n) < CARRIER_VERDICT_COUNT);
            b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        buf_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ethernet),
        cmocka_unit_test(ieee_80211),
        cmocka_unit_test(radiotap),
        cmocka_unit_test(ppi),
        cmocka_unit_test(cooked),
        cmocka_unit_test(user_types),
        cmocka_unit_test(link_numbers),
        cmocka_unit_test(cuts_and_flips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
