#include "v2x/carrier.h"

#include "v2x/gn.h"
#include "v2x/ip_udp.h"
#include "v2x/wsmp.h"

enum {
    ETHER_IP4 = 0x0800,
    ETHER_VLAN = 0x8100,
    ETHER_IP6 = 0x86dd,
    ETHER_SVLAN = 0x88a8,
    ETHER_WSMP = 0x88dc,
    ETHER_GN = 0x8947,
    VLAN_TAGS_MAX = 2,
    GN_NEXT_COMMON = 1,
    GN_NEXT_SECURED = 2
};

const char *carrier_verdict_text(enum carrier_verdict v) {
    switch (v) {
#define X(id, text)                                                                                \
    case id:                                                                                       \
        return text;
        CARRIER_VERDICTS(X)
#undef X
    case CARRIER_VERDICT_COUNT:
        break;
    }
    return "?";
}

/* Ieee1609Dot2Data: version 3, then one of the five alternatives of its content. */
static bool is_1609dot2(struct span s) {
    return s.n >= 2 && s.p[0] == 3 && s.p[1] >= 0x80 && s.p[1] <= 0x84;
}

static enum carrier_verdict take_message(struct span message, struct carrier *c) {
    if (message.n == 0)
        return CARRIER_EMPTY;
    c->message = message;
    return is_1609dot2(message) ? CARRIER_SECURED : CARRIER_BARE;
}

static enum carrier_verdict read_gn_bare(struct span pdu, struct carrier *c) {
    struct gn_pdu gn;
    switch (gn_read(pdu, &gn)) {
    case GN_OK:
        break;
    case GN_TRUNCATED:
        return CARRIER_TRUNCATED;
    case GN_NEXT_HEADER:
    case GN_HEADER_TYPE:
    case GN_LENGTH:
        return CARRIER_GN_HEADER;
    }
    c->gn_header_type = gn.header_type;
    c->btp_port = gn.btp_port;
    c->gn_pdu = span_of(pdu.p, (size_t)(gn.payload.p + gn.payload.n - pdu.p));
    if (gn.payload.n == 0)
        return CARRIER_EMPTY;
    c->message = gn.payload;
    return CARRIER_BARE;
}

/* Basic header, EN 302 636-4-1 clause 9.6. Units of the first generation still send version 0. */
static enum carrier_verdict read_gn(struct span s, struct carrier *c) {
    c->kind = CARRIER_GN;
    struct rd r = rd_of(s);
    uint8_t first = rd_u8(&r);
    (void)rd_u8(&r); /* reserved */
    (void)rd_u16(&r); /* lifetime and remaining hop limit */
    if (r.bad)
        return CARRIER_TRUNCATED;
    if (first >> 4 > 1)
        return CARRIER_GN_VERSION;
    struct span rest = rd_take(&r, rd_left(&r));
    switch (first & 0x0f) {
    case GN_NEXT_COMMON:
        return read_gn_bare(rest, c);
    case GN_NEXT_SECURED:
        if (rest.n == 0)
            return CARRIER_EMPTY;
        if (rest.n < 2)
            return CARRIER_TRUNCATED;
        if (!is_1609dot2(rest))
            return CARRIER_SECURITY_VERSION;
        c->message = rest;
        return CARRIER_SECURED;
    default:
        return CARRIER_GN_HEADER;
    }
}

static enum carrier_verdict read_wsmp(struct span s, struct carrier *c) {
    c->kind = CARRIER_WSMP;
    struct wsmp w;
    switch (wsmp_read(s, &w)) {
    case WSMP_OK:
        break;
    case WSMP_TRUNCATED:
        return CARRIER_TRUNCATED;
    case WSMP_VERSION:
        return CARRIER_WSMP_VERSION;
    case WSMP_HEADER:
        return CARRIER_WSMP_HEADER;
    }
    c->has_psid = true;
    c->psid = w.psid;
    return take_message(w.message, c);
}

/* A bare SAE J2735 MessageFrame: message id 18 (MAP) to 32 (PSM), then a length that fits. Returns the
 * octets of the frame alone, or none. */
static struct span j2735_frame(struct span s) {
    struct rd r = rd_of(s);
    uint16_t id = rd_u16(&r);
    size_t n = rd_u8(&r);
    if (n >= 0x80)
        n = n < 0xc0 ? (n & 0x3f) << 8 | rd_u8(&r) : 0;
    (void)rd_take(&r, n);
    bool fits = !r.bad && n > 0 && id >= 18 && id <= 32;
    return fits ? span_of(s.p, r.at) : span_of(NULL, 0);
}

/* Message forwarding of roadside units has no header that says which form the vendor chose. The order
 * is that of likelihood, and each step asks for more than its first octet, because any UDP traffic
 * passes here. */
static enum carrier_verdict sniff_udp(struct span s, struct carrier *c) {
    if (s.n == 0)
        return CARRIER_NOT_V2X;
    if (is_1609dot2(s)) {
        c->message = s;
        return CARRIER_SECURED;
    }
    struct span candidates[2] = {s, span_of(s.p + 1, s.n - 1)};
    for (size_t i = 0; i < (s.p[0] == 1 ? 2U : 1U); i++) {
        struct wsmp w;
        if (wsmp_read(candidates[i], &w) != WSMP_OK)
            continue;
        bool secured = is_1609dot2(w.message);
        if (!secured && j2735_frame(w.message).n == 0)
            continue;
        c->has_psid = true;
        c->psid = w.psid;
        c->message = w.message;
        return secured ? CARRIER_SECURED : CARRIER_BARE;
    }
    c->message = j2735_frame(s);
    return c->message.n > 0 ? CARRIER_BARE : CARRIER_NOT_V2X;
}

static enum carrier_verdict read_ip(
    struct span packet, unsigned version, struct carrier *c, bool source_is_address) {
    c->kind = CARRIER_UDP;
    struct ip_udp udp;
    enum ip_fail fail = ip_udp_read(packet, version, &udp);
    if (source_is_address)
        c->source = udp.source;
    switch (fail) {
    case IP_OK:
        return sniff_udp(udp.payload, c);
    case IP_TRUNCATED:
        return CARRIER_TRUNCATED;
    case IP_HEADER:
        return CARRIER_IP_HEADER;
    case IP_FRAGMENT:
        return CARRIER_IP_FRAGMENT;
    case IP_OTHER:
        break;
    }
    return CARRIER_NOT_V2X;
}

static enum carrier_verdict read_ethernet(struct span frame, struct carrier *c) {
    struct rd r = rd_of(frame);
    (void)rd_take(&r, 6); /* destination */
    uint64_t source = (uint64_t)rd_u16(&r) << 32;
    source |= rd_u32(&r);
    uint16_t type = rd_u16(&r);
    for (unsigned i = 0; i < VLAN_TAGS_MAX && (type == ETHER_VLAN || type == ETHER_SVLAN); i++) {
        (void)rd_u16(&r);
        type = rd_u16(&r);
    }
    if (r.bad)
        return CARRIER_TRUNCATED;
    c->source = source;
    struct span rest = rd_take(&r, rd_left(&r));
    switch (type) {
    case ETHER_GN:
        return read_gn(rest, c);
    case ETHER_WSMP:
        return read_wsmp(rest, c);
    case ETHER_IP4:
        return read_ip(rest, 4, c, false);
    case ETHER_IP6:
        return read_ip(rest, 6, c, false);
    default:
        return CARRIER_NOT_V2X;
    }
}

enum carrier_verdict carrier_read(
    enum frame_link link, struct span frame, struct carrier *ret_carrier) {
    *ret_carrier = (struct carrier){0};
    switch (link) {
    case LINK_ETHERNET:
        return read_ethernet(frame, ret_carrier);
    case LINK_RAW_IP:
        return read_ip(frame, 0, ret_carrier, true);
    case LINK_IPV4:
        return read_ip(frame, 4, ret_carrier, true);
    case LINK_IPV6:
        return read_ip(frame, 6, ret_carrier, true);
    }
    return CARRIER_NOT_V2X;
}

static void put_ethernet(
    struct buf *b, const uint8_t *dst_mac, const uint8_t *src_mac, uint16_t type) {
    buf_put(b, dst_mac, 6);
    buf_put(b, src_mac, 6);
    buf_u16(b, type);
}

static const uint8_t everyone[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

void carrier_put_gn_secured(struct buf *b, const uint8_t src_mac[static 6], struct span spdu) {
    put_ethernet(b, everyone, src_mac, ETHER_GN);
    buf_u8(b, 1 << 4 | GN_NEXT_SECURED);
    buf_u8(b, 0);
    buf_u8(b, 1 << 2 | 1); /* lifetime: once a second */
    buf_u8(b, 1); /* remaining hop limit */
    buf_put(b, spdu.p, spdu.n);
}

void carrier_put_wsmp(
    struct buf *b, const uint8_t src_mac[static 6], uint64_t psid, struct span spdu) {
    put_ethernet(b, everyone, src_mac, ETHER_WSMP);
    wsmp_put(b, psid, spdu);
}

void carrier_put_udp6(struct buf *b, const uint8_t src_mac[static 6], const uint8_t src[static 16],
    const uint8_t dst[static 16], uint16_t port, struct span spdu) {
    /* RFC 2464, clause 7: the group's last four octets make its Ethernet address. */
    uint8_t group[6] = {0x33, 0x33, dst[12], dst[13], dst[14], dst[15]};
    put_ethernet(b, dst[0] == 0xff ? group : everyone, src_mac, ETHER_IP6);
    ip_udp_put6(b, src, dst, port, spdu);
}
