/* From a captured frame to the secured (or bare) message in it: Ethernet, 802.11 and cooked frames with up to two
 * VLAN tags (v2x/link_layer.h), GeoNetworking (EN 302 636-4-1), WSMP (IEEE 1609.3), UDP over IPv4/IPv6 on any
 * port. Pure function of the octets. Any thread; the reader allocates nothing. */
#ifndef WAYSIDE_V2X_CARRIER_H
#define WAYSIDE_V2X_CARRIER_H

#include "base/bytes.h"

#include <stdint.h>

/* Link types as capture files number them. Any other number may be asked for and is refused by its own verdict.
 *
 * The user types 147 to 162 mean what two parties agree on, so they are read by content, and the first reading
 * that leads to a message counts: GeoNetworking secured; Ethernet; radiotap; 802.11; WSMP; 1609.2 itself;
 * GeoNetworking without security; IP. */
enum frame_link {
    LINK_ETHERNET = 1,
    LINK_RAW_IP = 101,
    LINK_80211 = 105,
    LINK_COOKED = 113,
    LINK_RADIOTAP = 127,
    LINK_USER_FIRST = 147,
    LINK_USER_LAST = 162,
    LINK_PPI = 192, /* around Ethernet, 802.11 or radiotap */
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_COOKED2 = 276
};
/* False: carrier_read answers CARRIER_LINK_TYPE to every frame of this type. */
bool carrier_link_known(uint32_t link);

/* DIRECT: 1609.2 without any carrier, in a user link type. */
enum carrier_kind { CARRIER_GN, CARRIER_WSMP, CARRIER_UDP, CARRIER_DIRECT };

/* Every reason has a name that ends up in a counter and in frames.csv. */
#define CARRIER_VERDICTS(X)                                                                        \
    X(CARRIER_SECURED, "secured") /* message: Ieee1609Dot2Data, starts with 03 */                  \
    X(CARRIER_BARE, "unsecured") /* message: payload without 1609.2 around it */                   \
    X(CARRIER_NOT_V2X, "not_v2x") /* other EtherType or protocol; 802.11 management and control */ \
    X(CARRIER_LINK_TYPE, "link_type") /* link type, or one inside a wrapper, that is not read */   \
    X(CARRIER_LINK_HEADER, "link_header") /* radiotap, PPI or 802.11: version or lengths wrong */  \
    X(CARRIER_BAD_FCS, "bad_fcs") /* marked as damaged by the radio that received it */            \
    X(CARRIER_AMSDU, "amsdu") /* several packets in one 802.11 frame */                            \
    X(CARRIER_LINK_PROTECTED, "link_protected") /* encrypted by 802.11 */                          \
    X(CARRIER_LINK_FRAGMENT, "link_fragment") /* part of an 802.11 packet */                       \
    X(CARRIER_TRUNCATED, "truncated") /* a header runs past the frame */                           \
    X(CARRIER_GN_VERSION, "gn_version") /* neither 0 nor 1 */                                      \
    X(CARRIER_GN_HEADER, "gn_header") /* header type or next header unknown */                     \
    X(CARRIER_SECURITY_VERSION, "security_version") /* GN secured, not 1609.2 v3 */                \
    X(CARRIER_WSMP_VERSION, "wsmp_version") /* not 3 */                                            \
    X(CARRIER_WSMP_HEADER, "wsmp_header") /* subtype, transport or number form not read */         \
    X(CARRIER_IP_HEADER, "ip_header") /* IP or UDP: version, lengths, extension headers */         \
    X(CARRIER_IP_FRAGMENT, "ip_fragment") /* fragments are not reassembled */                      \
    X(CARRIER_EMPTY, "empty") /* nothing inside the carrier, e.g. a GN beacon */

enum carrier_verdict {
#define X(id, text) id,
    CARRIER_VERDICTS(X)
#undef X
        CARRIER_VERDICT_COUNT
};
const char *carrier_verdict_text(enum carrier_verdict v); /* static */

struct carrier {
    enum carrier_kind kind;
    /* The message, of the length the carrier names. A secured GN packet and 1609.2 directly in UDP name
     * none: then it runs to the end of what surrounds it and spdu_parse finds its end. Points into the
     * frame; empty unless SECURED or BARE. */
    struct span message;
    /* Hash-free key of the sender for budgets: the transmitter's MAC (802.11: address 2), else the IP address folded
     * to 64 bits; 0 if there is neither. */
    uint64_t source;
    bool has_psid;
    uint64_t psid; /* WSMP T-header */
    uint8_t gn_header_type; /* GN, bare: header type octet; 0 when secured (it is inside) */
    uint16_t btp_port; /* GN, bare: BTP destination port */
    struct span gn_pdu; /* GN, bare: common header to the end of the payload */
};

/* *ret_carrier is always written: kind and source as far as they were read, everything else only
 * where the verdict and the comments above say so. Octets behind a carrier's own length are ignored. */
enum carrier_verdict carrier_read(
    enum frame_link link, struct span frame, struct carrier *ret_carrier);

/* Writers, for obusim, tests and later the transmit path. Each appends a whole Ethernet frame, to all
 * stations. GN: version 1, lifetime 1 s, one hop. WSMP: psid and length within the
 * bounds of v2x/wsmp.h. */
void carrier_put_gn_secured(struct buf *b, const uint8_t src_mac[static 6], struct span spdu);
void carrier_put_wsmp(
    struct buf *b, const uint8_t src_mac[static 6], uint64_t psid, struct span spdu);
/* UDP over IPv6, hop limit 64, checksum set, both ports `port`, at most 65527 octets. To the Ethernet
 * group of a multicast dst, else to all stations (there is no neighbour table here). */
void carrier_put_udp6(struct buf *b, const uint8_t src_mac[static 6], const uint8_t src[static 16],
    const uint8_t dst[static 16], uint16_t port, struct span spdu);

#endif
