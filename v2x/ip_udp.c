#include "v2x/ip_udp.h"

#include "base/assert.h"

enum {
    PROTO_HOP_BY_HOP = 0,
    PROTO_UDP = 17,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_AUTHENTICATION = 51,
    PROTO_DESTINATION = 60,
    IP4_HEADER = 20,
    IP6_HEADER = 40,
    IP6_HOP_LIMIT = 64,
    /* RFC 8200 names four orders of use, each once, destination options twice; more is an attack. */
    IP6_EXTENSIONS_MAX = 8,
    UDP_HEADER = 8
};

/* Checksums are not looked at: senders leave them to their network card, so that captures made on the
 * sending host hold wrong ones, and what counts in the message is signed. */
static enum ip_fail read_udp(struct rd ip_payload, struct ip_udp *ret_udp) {
    struct rd r = ip_payload;
    (void)rd_u32(&r); /* ports: any */
    size_t length = rd_u16(&r);
    (void)rd_u16(&r);
    if (r.bad || length < UDP_HEADER)
        return IP_HEADER;
    ret_udp->payload = rd_take(&r, length - UDP_HEADER);
    return r.bad ? IP_HEADER : IP_OK;
}

static enum ip_fail read_ip4(struct span packet, struct ip_udp *ret_udp) {
    struct rd r = rd_of(packet);
    size_t header = (size_t)(rd_u8(&r) & 0x0f) * 4;
    (void)rd_u8(&r);
    size_t total = rd_u16(&r);
    (void)rd_u16(&r);
    uint16_t fragment = rd_u16(&r);
    (void)rd_u8(&r);
    uint8_t protocol = rd_u8(&r);
    (void)rd_u16(&r);
    ret_udp->source = rd_u32(&r);
    (void)rd_u32(&r);
    if (r.bad)
        return IP_TRUNCATED;
    if (header < IP4_HEADER || total < header)
        return IP_HEADER;
    if (packet.n < total)
        return IP_TRUNCATED;
    if (protocol != PROTO_UDP)
        return IP_OTHER;
    if ((fragment & 0x3fff) != 0) /* more fragments, or an offset */
        return IP_FRAGMENT;
    return read_udp(rd_of(span_of(packet.p + header, total - header)), ret_udp);
}

/* RFC 8200, 4.5 and RFC 6946: a fragment header that names neither offset nor further fragments around a whole
 * packet. */
static bool is_atomic(struct rd body) {
    (void)rd_u16(&body);
    return (rd_u16(&body) & 0xfff9) == 0 && !body.bad;
}

static size_t extension_octets(uint8_t kind, uint8_t length) {
    switch (kind) {
    case PROTO_FRAGMENT: /* its second octet is reserved */
        return 8;
    case PROTO_AUTHENTICATION: /* RFC 4302, 2.2: counted in fours */
        return ((size_t)length + 2) * 4;
    default:
        return ((size_t)length + 1) * 8;
    }
}

static enum ip_fail read_ip6(struct span packet, struct ip_udp *ret_udp) {
    struct rd r = rd_of(packet);
    (void)rd_u32(&r);
    size_t length = rd_u16(&r);
    uint8_t next = rd_u8(&r);
    (void)rd_u8(&r);
    uint64_t high = rd_u64(&r);
    ret_udp->source = high ^ rd_u64(&r);
    (void)rd_take(&r, 16);
    struct rd body = rd_of(rd_take(&r, length));
    if (r.bad)
        return IP_TRUNCATED;
    for (unsigned i = 0; i <= IP6_EXTENSIONS_MAX; i++) {
        switch (next) {
        case PROTO_UDP:
            body = rd_of(span_of(body.p + body.at, rd_left(&body)));
            return read_udp(body, ret_udp);
        case PROTO_FRAGMENT:
            if (!is_atomic(body))
                return IP_FRAGMENT;
            break;
        case PROTO_HOP_BY_HOP:
            if (i > 0) /* RFC 8200, 4.1: only directly behind the IPv6 header */
                return IP_HEADER;
            break;
        case PROTO_ROUTING:
        case PROTO_DESTINATION:
        case PROTO_AUTHENTICATION:
            break;
        default:
            return IP_OTHER;
        }
        uint8_t kind = next;
        next = rd_u8(&body);
        (void)rd_take(&body, extension_octets(kind, rd_u8(&body)) - 2);
        if (body.bad)
            return IP_HEADER;
    }
    return IP_HEADER;
}

enum ip_fail ip_udp_read(struct span packet, unsigned version, struct ip_udp *ret_udp) {
    *ret_udp = (struct ip_udp){0};
    if (packet.n == 0)
        return IP_TRUNCATED;
    unsigned said = packet.p[0] >> 4;
    if ((said != 4 && said != 6) || (version != 0 && said != version))
        return IP_HEADER;
    return said == 4 ? read_ip4(packet, ret_udp) : read_ip6(packet, ret_udp);
}

/* Sum of RFC 1071, not folded. */
static uint64_t sum16(uint64_t sum, const uint8_t *p, size_t n) {
    for (; n >= 2; p += 2, n -= 2)
        sum += be16(p);
    return n == 0 ? sum : sum + ((uint64_t)p[0] << 8);
}

void ip_udp_put6(struct buf *b, const uint8_t src[static 16], const uint8_t dst[static 16],
    uint16_t port, struct span payload) {
    WS_ASSERT(payload.n <= UDP_PAYLOAD_MAX);
    uint16_t length = (uint16_t)(UDP_HEADER + payload.n);
    buf_u32(b, 6U << 28);
    buf_u16(b, length);
    buf_u8(b, PROTO_UDP);
    buf_u8(b, IP6_HOP_LIMIT);
    buf_put(b, src, 16);
    buf_put(b, dst, 16);
    uint64_t sum = sum16(sum16(0, src, 16), dst, 16);
    sum += PROTO_UDP + (uint64_t)length * 2 + (uint64_t)port * 2; /* length counts twice */
    sum = sum16(sum, payload.p, payload.n);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    uint16_t check = (uint16_t)~sum;
    buf_u16(b, port);
    buf_u16(b, port);
    buf_u16(b, length);
    buf_u16(b, check == 0 ? 0xffff : check); /* RFC 8200, 8.1: 0 would mean "none" */
    buf_put(b, payload.p, payload.n);
}
