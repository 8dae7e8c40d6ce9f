#include "v2x/carrier.h"

#include "v2x/gn.h"
#include "v2x/ip_udp.h"
#include "v2x/link_layer.h"
#include "v2x/wsmp.h"

enum { GN_BASIC_HEADER = 4, GN_NEXT_COMMON = 1, GN_NEXT_SECURED = 2 };

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
    if (s.n < GN_BASIC_HEADER)
        return CARRIER_TRUNCATED;
    uint8_t first = s.p[0]; /* behind it: reserved, lifetime, remaining hop limit */
    if (first >> 4 > 1)
        return CARRIER_GN_VERSION;
    struct span rest = link_rest(s, GN_BASIC_HEADER);
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

static enum carrier_verdict read_ip(struct span packet, unsigned version, struct carrier *c) {
    c->kind = CARRIER_UDP;
    struct ip_udp udp;
    enum ip_fail fail = ip_udp_read(packet, version, &udp);
    if (c->source == 0)
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

static enum carrier_verdict of_link(enum link_fail fail) {
    switch (fail) {
    case LL_TRUNCATED:
        return CARRIER_TRUNCATED;
    case LL_HEADER:
        return CARRIER_LINK_HEADER;
    case LL_BAD_FCS:
        return CARRIER_BAD_FCS;
    case LL_AMSDU:
        return CARRIER_AMSDU;
    case LL_PROTECTED:
        return CARRIER_LINK_PROTECTED;
    case LL_FRAGMENT:
        return CARRIER_LINK_FRAGMENT;
    case LL_TYPE:
        return CARRIER_LINK_TYPE;
    case LL_OK:
    case LL_OTHER:
        break;
    }
    return CARRIER_NOT_V2X;
}

static enum carrier_verdict read_packet(
    enum link_fail fail, const struct link_packet *p, struct carrier *c) {
    c->source = p->source;
    if (UNLIKELY(fail != LL_OK))
        return of_link(fail);
    switch (p->type) {
    case ETHER_GN:
        return read_gn(p->rest, c);
    case ETHER_WSMP:
        return read_wsmp(p->rest, c);
    case ETHER_IP4:
        return read_ip(p->rest, 4, c);
    case ETHER_IP6:
        return read_ip(p->rest, 6, c);
    default:
        return CARRIER_NOT_V2X;
    }
}

static enum carrier_verdict read_link(enum frame_link link, struct span frame, struct carrier *c) {
    struct link_packet p = {0};
    switch (link) {
    case LINK_ETHERNET:
        return read_packet(link_ethernet(frame, &p), &p, c);
    case LINK_80211:
        return read_packet(link_80211(frame, &p), &p, c);
    case LINK_RADIOTAP:
        return read_packet(link_radiotap(frame, &p), &p, c);
    case LINK_PPI:
        return read_packet(link_ppi(frame, &p), &p, c);
    case LINK_COOKED:
        return read_packet(link_cooked(frame, 1, &p), &p, c);
    case LINK_COOKED2:
        return read_packet(link_cooked(frame, 2, &p), &p, c);
    case LINK_RAW_IP:
        return read_ip(frame, 0, c);
    case LINK_IPV4:
        return read_ip(frame, 4, c);
    case LINK_IPV6:
        return read_ip(frame, 6, c);
    case LINK_USER_FIRST:
    case LINK_USER_LAST:
        break;
    }
    return CARRIER_LINK_TYPE;
}

static enum carrier_verdict user_gn_secured(struct span s, struct carrier *c) {
    bool fits = s.n > GN_BASIC_HEADER && (s.p[0] & 0x0f) == GN_NEXT_SECURED;
    return fits ? read_gn(s, c) : CARRIER_NOT_V2X;
}

static enum carrier_verdict user_ethernet(struct span s, struct carrier *c) {
    return read_link(LINK_ETHERNET, s, c);
}

static enum carrier_verdict user_radiotap(struct span s, struct carrier *c) {
    return read_link(LINK_RADIOTAP, s, c);
}

static enum carrier_verdict user_80211(struct span s, struct carrier *c) {
    return read_link(LINK_80211, s, c);
}

static enum carrier_verdict user_1609dot2(struct span s, struct carrier *c) {
    if (!is_1609dot2(s))
        return CARRIER_NOT_V2X;
    c->kind = CARRIER_DIRECT;
    c->message = s;
    return CARRIER_SECURED;
}

static enum carrier_verdict user_ip(struct span s, struct carrier *c) {
    return read_link(LINK_RAW_IP, s, c);
}

/* Strong marks before weak ones: a bare GeoNetworking packet or an IP header fits much that is neither. */
static enum carrier_verdict read_user(struct span s, struct carrier *c) {
    static enum carrier_verdict (*const readers[])(struct span, struct carrier *) = {
        user_gn_secured,
        user_ethernet,
        user_radiotap,
        user_80211,
        read_wsmp,
        user_1609dot2,
        read_gn,
        user_ip,
    };
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        enum carrier_verdict v = readers[i](s, c);
        if (v == CARRIER_SECURED || v == CARRIER_BARE)
            return v;
        *c = (struct carrier){0};
    }
    return CARRIER_NOT_V2X;
}

static bool is_user(uint32_t link) {
    return link >= LINK_USER_FIRST && link <= LINK_USER_LAST;
}

enum carrier_verdict carrier_read(
    enum frame_link link, struct span frame, struct carrier *ret_carrier) {
    *ret_carrier = (struct carrier){0};
    if (UNLIKELY(is_user(link)))
        return read_user(frame, ret_carrier);
    return read_link(link, frame, ret_carrier);
}

bool carrier_link_known(uint32_t link) {
    struct carrier c = {0};
    return is_user(link) ||
           read_link((enum frame_link)link, span_of(NULL, 0), &c) != CARRIER_LINK_TYPE;
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
