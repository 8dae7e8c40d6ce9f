/* Ethernet, LLC and Linux cooked frames. See v2x/link_layer.h. */
#include "v2x/link_layer.h"

enum {
    ADDRESSES = 12,
    VLAN_TAGS_MAX = 2,
    LENGTH_MAX = 1500, /* a "type" up to here is the length of an 802.3 frame */
    TYPE_MIN = 0x600,
    ETHER_LLC =
        0x8870, /* LLC behind an EtherType, for frames longer than an 802.3 length can say */
    LLC_SNAP = 0xaaaa, /* destination and source access point */
    LLC_UI = 0x03,
    SNAP_HEADER = 8,
    COOKED_802_2 = 0x0004, /* "protocol" of a cooked frame that starts with LLC */
    ARPHRD_80211 = 801,
    ARPHRD_PRISM = 802,
    ARPHRD_RADIOTAP = 803,
};

static enum link_fail take_tags(uint16_t type, struct span s, struct link_packet *p) {
    for (unsigned i = 0; i < VLAN_TAGS_MAX; i++) {
        if (LIKELY(type != ETHER_VLAN && type != ETHER_SVLAN && type != ETHER_QINQ))
            break;
        if (s.n < 4)
            return LL_TRUNCATED;
        type = be16(s.p + 2);
        s = link_rest(s, 4);
    }
    p->type = type;
    p->rest = s;
    return LL_OK;
}

/* No SNAP header and no pair of LLC access points in use begins with one of these. */
static bool is_epd(uint16_t type) {
    switch (type) {
    case ETHER_GN:
    case ETHER_WSMP:
    case ETHER_IP4:
    case ETHER_IP6:
    case ETHER_VLAN:
    case ETHER_SVLAN:
    case ETHER_QINQ:
        return true;
    default:
        return false;
    }
}

enum link_fail link_llc(struct span s, struct link_packet *p) {
    if (s.n < 2)
        return LL_TRUNCATED;
    uint16_t type = be16(s.p);
    if (is_epd(type))
        return take_tags(type, link_rest(s, 2), p);
    if (type != LLC_SNAP)
        return LL_OTHER;
    if (s.n < SNAP_HEADER)
        return LL_TRUNCATED;
    uint32_t oui = be32(s.p + 2) & 0xffffff;
    if (s.p[2] != LLC_UI || (oui != 0 && oui != 0x0000f8))
        return LL_OTHER;
    return take_tags(be16(s.p + 6), link_rest(s, SNAP_HEADER), p);
}

static enum link_fail take_length(struct link_packet *p) {
    if (p->type > LENGTH_MAX)
        return LL_OTHER;
    if (p->type > p->rest.n)
        return LL_TRUNCATED;
    return link_llc(span_of(p->rest.p, p->type), p);
}

enum link_fail link_ethernet(struct span frame, struct link_packet *p) {
    if (frame.n < ADDRESSES + 2)
        return LL_TRUNCATED;
    p->source = link_mac(frame.p + 6);
    enum link_fail fail = take_tags(be16(frame.p + ADDRESSES), link_rest(frame, ADDRESSES + 2), p);
    if (fail != LL_OK)
        return fail;
    if (p->type < TYPE_MIN)
        return take_length(p);
    if (p->type == ETHER_LLC)
        return link_llc(p->rest, p);
    /* LLC straight behind the addresses: bridges that turn 802.11 into Ethernet without its length. */
    if (p->type == LLC_SNAP)
        return link_llc(span_of(p->rest.p - 2, p->rest.n + 2), p);
    return LL_OK;
}

enum link_fail link_cooked(struct span frame, unsigned version, struct link_packet *p) {
    const uint8_t *h = frame.p;
    size_t header = version == 1 ? 16 : 20;
    if (frame.n < header)
        return LL_TRUNCATED;
    uint16_t hardware = be16(h + (version == 1 ? 2 : 8));
    unsigned octets = version == 1 ? be16(h + 4) : h[11];
    uint64_t address = be64(h + (version == 1 ? 6 : 12));
    uint16_t protocol = be16(h + (version == 1 ? 14 : 0));
    struct span rest = link_rest(frame, header);
    /* The field holds eight octets; of a longer address the first eight. */
    if (octets > 0)
        p->source = octets < 8 ? address >> (64 - 8 * octets) : address;
    switch (hardware) {
    case ARPHRD_80211:
        return link_80211(rest, p);
    case ARPHRD_RADIOTAP:
        return link_radiotap(rest, p);
    case ARPHRD_PRISM:
        return LL_TYPE;
    default:
        break;
    }
    if (protocol == COOKED_802_2)
        return link_llc(rest, p);
    return protocol < TYPE_MIN ? LL_OTHER : take_tags(protocol, rest, p);
}
