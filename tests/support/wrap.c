#include "tests/support/wrap.h"

#include "base/assert.h"

#include <stdio.h>

/* ---- network layer ---- */

enum { TYPE_IP4 = 0x0800, TYPE_IP6 = 0x86dd, TYPE_WSMP = 0x88dc, TYPE_GN = 0x8947, TYPE_NONE = 0 };

static void put_span(struct buf *b, struct span s) {
    buf_put(b, s.p, s.n);
}

static void put_hex(struct buf *b, const char *hex) {
    size_t n = strlen(hex) / 2;
    WS_ASSERT(hex_decode(buf_grow(b, n), n, hex));
}

static void put_wsmp_psid(struct buf *b, uint64_t psid) {
    if (psid < 0x80)
        buf_u8(b, (uint8_t)psid);
    else if (psid < 0x4080)
        buf_u16(b, (uint16_t)(0x8000 + psid - 0x80));
    else
        buf_u32(b, (uint32_t)(0xe0000000 + psid - 0x204080));
}

static void put_wsmp_length(struct buf *b, size_t n) {
    if (n < 0x80)
        buf_u8(b, (uint8_t)n);
    else
        buf_u16(b, (uint16_t)(0x8000 + n));
}

static void put_wsmp(
    struct buf *b, const char *n_header, bool extended, uint64_t psid, struct span m) {
    put_hex(b, n_header);
    buf_u8(b, extended ? 1 : 0);
    put_wsmp_psid(b, psid);
    if (extended)
        put_hex(b, "01110105"); /* one element of the T-header */
    put_wsmp_length(b, m.n);
    put_span(b, m);
}

static void put_udp(struct buf *b, struct span payload) {
    buf_u16(b, 40000);
    buf_u16(b, 1516);
    buf_u16(b, (uint16_t)(8 + payload.n));
    buf_u16(b, 0xbeef);
    put_span(b, payload);
}

static void put_ip4(struct buf *b, bool options, struct span payload) {
    size_t header = options ? 28 : 20;
    buf_u8(b, (uint8_t)(0x40 + header / 4));
    buf_u8(b, 0xb8);
    buf_u16(b, (uint16_t)(header + 8 + payload.n));
    put_hex(b, "12344000401100000a0000070a0000ff");
    if (options)
        put_hex(b, "0101010101010100");
    put_udp(b, payload);
}

static void put_ip6(struct buf *b, bool extensions, struct span payload) {
    buf_u32(b, 0x6b800001);
    buf_u16(b, (uint16_t)(8 + payload.n + (extensions ? 24 : 0)));
    buf_u8(b, extensions ? 0 : 17);
    buf_u8(b, 64);
    put_hex(b, "20010db8000000000000000000000007ff020000000000000000000000000001");
    if (extensions) {
        put_hex(b, "3c00050200000100"); /* hop by hop: router alert */
        put_hex(b, "2c00010400000000"); /* destination options */
        put_hex(b, "1100000000001234"); /* a fragment header around a whole packet */
    }
    put_udp(b, payload);
}

static const struct {
    const char *name;
    uint16_t type;
} networks[] = {
    {"GN", TYPE_GN},
    {"GN version 0", TYPE_GN},
    {"WSMP", TYPE_WSMP},
    {"WSMP with elements", TYPE_WSMP},
    {"WSMP with T elements", TYPE_WSMP},
    {"UDP4", TYPE_IP4},
    {"UDP4 WSMP", TYPE_IP4},
    {"UDP4 01 WSMP", TYPE_IP4},
    {"UDP4 with options", TYPE_IP4},
    {"UDP6", TYPE_IP6},
    {"UDP6 WSMP", TYPE_IP6},
    {"UDP6 01 WSMP", TYPE_IP6},
    {"UDP6 with extension headers", TYPE_IP6},
    {"1609.2 alone", TYPE_NONE},
};

static void put_network(struct buf *b, size_t network, struct span m, uint64_t psid) {
    struct buf inner = {0};
    switch (network) {
    case 0:
        put_hex(b, "12000501");
        put_span(b, m);
        break;
    case 1:
        put_hex(b, "02001a0a");
        put_span(b, m);
        break;
    case 2:
        put_wsmp(b, "03", false, psid, m);
        break;
    case 3:
        put_wsmp(b, "0b0304019f0f01b410010c", false, psid, m);
        break;
    case 4:
        put_wsmp(b, "0b010401ec", true, psid, m);
        break;
    case 5:
    case 9:
    case 8:
    case 12:
        put_span(&inner, m);
        break;
    case 6:
    case 10:
        put_wsmp(&inner, "0b0304019f0f01b410010c", false, psid, m);
        break;
    case 7:
    case 11:
        buf_u8(&inner, 1);
        put_wsmp(&inner, "03", false, psid, m);
        break;
    default:
        put_span(b, m);
    }
    if (inner.n > 0 && network >= 9)
        put_ip6(b, network == 12, buf_span(&inner));
    else if (inner.n > 0)
        put_ip4(b, network == 8, buf_span(&inner));
    buf_free(&inner);
}

/* ---- link layer ---- */

struct packet {
    uint16_t type;
    uint16_t source;
    struct span octets;
};

static void put_mac(struct buf *b, const struct packet *p) {
    put_hex(b, "02a1b2c3");
    buf_u16(b, p->source);
}

static void put_ethernet(struct buf *b, const struct packet *p, const char *tags) {
    put_hex(b, "ffffffffffff");
    put_mac(b, p);
    put_hex(b, tags);
    buf_u16(b, p->type);
    put_span(b, p->octets);
    put_hex(b, "000000000000"); /* padding */
}

static void ethernet(struct buf *b, const struct packet *p) {
    put_ethernet(b, p, "");
}

static void vlan(struct buf *b, const struct packet *p) {
    put_ethernet(b, p, "8100a064");
}

static void double_vlan(struct buf *b, const struct packet *p) {
    put_ethernet(b, p, "88a800648100a007");
}

static void old_double_vlan(struct buf *b, const struct packet *p) {
    put_ethernet(b, p, "910000648100a007");
}

static void put_snap(struct buf *b, const struct packet *p) {
    put_hex(b, "aaaa03000000");
    buf_u16(b, p->type);
    put_span(b, p->octets);
}

static void put_epd(struct buf *b, const struct packet *p) {
    buf_u16(b, p->type);
    put_span(b, p->octets);
}

static void ieee_802_3(struct buf *b, const struct packet *p) {
    put_hex(b, "ffffffffffff");
    put_mac(b, p);
    buf_u16(b, (uint16_t)(8 + p->octets.n));
    put_snap(b, p);
    put_hex(b, "0000");
}

/* Frame control and what depends on it. Broadcast outside the context of a BSS. */
static void put_80211(
    struct buf *b, const struct packet *p, const char *control, const char *behind) {
    put_hex(b, control);
    put_hex(b, "0000ffffffffffff");
    put_mac(b, p);
    put_hex(b, "ffffffffffff"
               "40a1");
    put_hex(b, behind);
}

static void dot11(struct buf *b, const struct packet *p) {
    put_80211(b, p, "0800", "");
    put_snap(b, p);
}

static void dot11_fcs(struct buf *b, const struct packet *p) {
    dot11(b, p);
    put_hex(b, "deadbeef");
}

static void dot11_epd(struct buf *b, const struct packet *p) {
    put_80211(b, p, "0800", "");
    put_epd(b, p);
}

static void dot11_qos(struct buf *b, const struct packet *p) {
    put_80211(b, p, "8800", "2000");
    put_snap(b, p);
}

static void dot11_qos_epd(struct buf *b, const struct packet *p) {
    put_80211(b, p, "8800", "2000");
    put_epd(b, p);
    put_hex(b, "deadbeef");
}

static void dot11_ht(struct buf *b, const struct packet *p) {
    put_80211(b, p, "8880", "200001020304");
    put_snap(b, p);
}

static void dot11_four_addresses(struct buf *b, const struct packet *p) {
    put_80211(b, p, "8803",
        "020000000099"
        "2000");
    put_snap(b, p);
}

static void dot11_retry(struct buf *b, const struct packet *p) {
    put_80211(b, p, "0808", "");
    put_snap(b, p);
}

static void dot11_padded(struct buf *b, const struct packet *p) {
    put_80211(b, p, "8800",
        "2000"
        "0000"); /* to a multiple of four, without saying so */
    put_snap(b, p);
}

static void radiotap_least(struct buf *b, const struct packet *p) {
    put_hex(b, "0000080000000000");
    dot11(b, p);
}

static void radiotap_usual(struct buf *b, const struct packet *p) {
    /* TSFT, flags (check sequence at the end), rate, channel, signal, antenna */
    put_hex(b, "00001a002f080000"
               "1122334455667788"
               "10"
               "0c"
               "02174001"
               "b0"
               "00"
               "0000");
    dot11_qos(b, p);
    put_hex(b, "deadbeef");
}

static void radiotap_padded(struct buf *b, const struct packet *p) {
    put_hex(b, "0000090002000000"
               "20");
    dot11_padded(b, p);
}

static void radiotap_two_bitmaps(struct buf *b, const struct packet *p) {
    /* flags in the first bitmap, a second one in the same name space behind it */
    put_hex(b, "00001200"
               "020000a0"
               "20080000"
               "00"
               "00"
               "b000"
               "0000");
    dot11_epd(b, p);
}

static void ppi_80211(struct buf *b, const struct packet *p) {
    put_hex(b, "0000200069000000"
               "02001400"
               "1122334455667788"
               "0100"
               "0c00"
               "0217"
               "4001"
               "0000"
               "b0a0");
    dot11_fcs(b, p);
}

static void ppi_ethernet(struct buf *b, const struct packet *p) {
    put_hex(b, "0000080001000000");
    ethernet(b, p);
}

static void cooked(struct buf *b, const struct packet *p) {
    put_hex(b, "000100010006");
    put_mac(b, p);
    put_hex(b, "0000");
    put_epd(b, p);
}

static void cooked_vlan(struct buf *b, const struct packet *p) {
    put_hex(b, "000100010006");
    put_mac(b, p);
    put_hex(b, "0000"
               "8100a064");
    put_epd(b, p);
}

static void cooked2(struct buf *b, const struct packet *p) {
    buf_u16(b, p->type);
    put_hex(b, "0000"
               "00000003"
               "0001"
               "01"
               "06");
    put_mac(b, p);
    put_hex(b, "0000");
    put_span(b, p->octets);
}

static void nothing(struct buf *b, const struct packet *p) {
    put_span(b, p->octets);
}

enum { ANY = 1, IP = 2, BARE = 4 };

static const struct {
    const char *name;
    uint32_t link;
    void (*put)(struct buf *b, const struct packet *p);
    unsigned takes;
} links[] = {
    {"Ethernet", 1, ethernet, ANY | IP},
    {"VLAN", 1, vlan, ANY | IP},
    {"double VLAN", 1, double_vlan, ANY | IP},
    {"double VLAN of old", 1, old_double_vlan, ANY | IP},
    {"802.3", 1, ieee_802_3, ANY | IP},
    {"802.11", 105, dot11, ANY | IP},
    {"802.11 FCS", 105, dot11_fcs, ANY | IP},
    {"802.11 EPD", 105, dot11_epd, ANY | IP},
    {"802.11 QoS", 105, dot11_qos, ANY | IP},
    {"802.11 QoS EPD FCS", 105, dot11_qos_epd, ANY | IP},
    {"802.11 HT control", 105, dot11_ht, ANY | IP},
    {"802.11 four addresses", 105, dot11_four_addresses, ANY | IP},
    {"802.11 sent again", 105, dot11_retry, ANY | IP},
    {"802.11 padded", 105, dot11_padded, ANY | IP},
    {"radiotap", 127, radiotap_least, ANY | IP},
    {"radiotap FCS QoS", 127, radiotap_usual, ANY | IP},
    {"radiotap padded", 127, radiotap_padded, ANY | IP},
    {"radiotap two bitmaps EPD", 127, radiotap_two_bitmaps, ANY | IP},
    {"PPI 802.11", 192, ppi_80211, ANY | IP},
    {"PPI Ethernet", 192, ppi_ethernet, ANY | IP},
    {"cooked", 113, cooked, ANY | IP},
    {"cooked VLAN", 113, cooked_vlan, ANY | IP},
    {"cooked 2", 276, cooked2, ANY | IP},
    {"raw IP", 101, nothing, IP},
    {"IPv4", 228, nothing, IP},
    {"IPv6", 229, nothing, IP},
    {"user 0", 147, nothing, ANY | IP | BARE},
    {"user 15", 162, nothing, ANY | IP | BARE},
    {"user Ethernet", 150, ethernet, ANY | IP},
    {"user 802.11", 151, dot11_qos, ANY | IP},
    {"user radiotap", 152, radiotap_usual, ANY | IP},
};

size_t wrap_links(void) {
    return ARRAY_LEN(links);
}

size_t wrap_networks(void) {
    return ARRAY_LEN(networks);
}

bool wrap_goes(size_t link, size_t network) {
    WS_ASSERT(link < ARRAY_LEN(links) && network < ARRAY_LEN(networks));
    uint16_t type = networks[network].type;
    unsigned kind = type == TYPE_NONE ? BARE : type == TYPE_IP4 || type == TYPE_IP6 ? IP : ANY;
    bool wrong_ip = (links[link].link == 228 && type != TYPE_IP4) ||
                    (links[link].link == 229 && type != TYPE_IP6);
    return (links[link].takes & kind) != 0 && !wrong_ip;
}

bool wrap(size_t link, size_t network, struct span message, uint64_t psid, uint16_t source,
    struct wrapped *ret) {
    if (!wrap_goes(link, network))
        return false;
    *ret = (struct wrapped){.link = links[link].link};
    (void)snprintf(
        ret->name, sizeof(ret->name), "%s, %s", links[link].name, networks[network].name);
    struct buf packet = {0};
    put_network(&packet, network, message, psid);
    const struct packet p = {networks[network].type, source, buf_span(&packet)};
    links[link].put(&ret->frame, &p);
    buf_free(&packet);
    const uint8_t *at = memmem(ret->frame.p, ret->frame.n, message.p, message.n);
    WS_ASSERT(at != NULL);
    ret->message_at = (size_t)(at - ret->frame.p);
    return true;
}
