/* From a captured frame to the secured (or bare) message in it: Ethernet (up to two 802.1Q/ad tags),
 * GeoNetworking (EN 302 636-4-1), WSMP (IEEE 1609.3), UDP over IPv4/IPv6 on any port. Pure function of
 * the octets. Any thread; the reader allocates nothing. */
#ifndef WAYSIDE_V2X_CARRIER_H
#define WAYSIDE_V2X_CARRIER_H

#include "base/bytes.h"

#include <stdint.h>

/* libpcap link types that are read; others are refused by the capture source. */
enum frame_link { LINK_ETHERNET = 1, LINK_RAW_IP = 101, LINK_IPV4 = 228, LINK_IPV6 = 229 };

enum carrier_kind { CARRIER_GN, CARRIER_WSMP, CARRIER_UDP };

/* Every reason has a name that ends up in a counter and in frames.csv. */
#define CARRIER_VERDICTS(X)                                                                        \
    X(CARRIER_SECURED, "secured") /* message: Ieee1609Dot2Data, starts with 03 */                  \
    X(CARRIER_BARE, "unsecured") /* message: payload without 1609.2 around it */                   \
    X(CARRIER_NOT_V2X, "not_v2x") /* other EtherType or protocol */                                \
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
    uint64_t source; /* hash-free key of the sender for budgets: MAC, or IP folded to 64 bits */
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
