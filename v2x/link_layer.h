/* Inside the carrier reader only: from a captured frame to the network packet in it, for each link layer.
 * Ethernet II and 802.3 with VLAN tags, 802.11 data frames (IEEE 802.11-2020, clause 9.3.2) bare, behind radiotap
 * or behind PPI, Linux "cooked" frames of both versions. Pure functions; nothing is allocated or copied.
 *
 * Check sequences at the end of a frame are left where they are: everything we carry names its own length, and a
 * header that claims a check sequence which the driver had already taken off would cost four octets of message. */
#ifndef WAYSIDE_V2X_LINK_LAYER_H
#define WAYSIDE_V2X_LINK_LAYER_H

#include "base/bytes.h"

enum link_fail {
    LL_OK = 0,
    LL_TRUNCATED, /* a header, or the length it names, runs past the frame */
    LL_HEADER, /* version or lengths that no edition has */
    LL_BAD_FCS, /* the receiver marked the frame as damaged */
    LL_AMSDU, /* several packets in one 802.11 frame: not taken apart */
    LL_PROTECTED, /* encrypted by 802.11 */
    LL_FRAGMENT, /* part of an 802.11 packet */
    LL_TYPE, /* a wrapper around a link layer that is not read */
    LL_OTHER, /* no data frame, or a protocol family without EtherType */
};

enum ether_type {
    ETHER_IP4 = 0x0800,
    ETHER_VLAN = 0x8100,
    ETHER_IP6 = 0x86dd,
    ETHER_SVLAN = 0x88a8,
    ETHER_WSMP = 0x88dc,
    ETHER_GN = 0x8947,
    ETHER_QINQ = 0x9100, /* the stacked tag's number before it was standardised */
};

struct link_packet {
    uint64_t source; /* transmitter's address; 0: the link has none */
    uint16_t type; /* EtherType, not a VLAN tag's unless there are more than two */
    struct span rest; /* what follows; may be empty */
};

/* *ret_packet is set as far as the frame was read. */
WARN_UNUSED enum link_fail link_ethernet(struct span frame, struct link_packet *ret_packet);
WARN_UNUSED enum link_fail link_80211(struct span frame, struct link_packet *ret_packet);
WARN_UNUSED enum link_fail link_radiotap(struct span frame, struct link_packet *ret_packet);
WARN_UNUSED enum link_fail link_ppi(struct span frame, struct link_packet *ret_packet);
/* version 1 or 2 */
WARN_UNUSED enum link_fail link_cooked(
    struct span frame, unsigned version, struct link_packet *ret_packet);

/* ---- shared by the link layers ---- */

/* LLC as 802.11 and 802.3 use it: SNAP with the OUI of RFC 1042 or of bridge tunnels, or the two octets of EPD,
 * which are the EtherType itself. Up to two VLAN tags behind it. */
WARN_UNUSED enum link_fail link_llc(struct span s, struct link_packet *ret_packet);

static inline struct span link_rest(struct span s, size_t from) {
    return span_of(s.p + from, s.n - from);
}

static inline uint64_t link_mac(const uint8_t p[static 6]) {
    return (uint64_t)be16(p) << 32 | be32(p + 2);
}

#endif
