/* From a captured frame to the secured (or bare) message in it: Ethernet (with VLANs), GeoNetworking,
 * WSMP, UDP over IPv4/IPv6. Pure function of the octets. Any thread; allocates nothing. */
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
    X(CARRIER_WSMP_VERSION, "wsmp_version")                                                        \
    X(CARRIER_WSMP_HEADER, "wsmp_header")                                                          \
    X(CARRIER_IP_HEADER, "ip_header")                                                              \
    X(CARRIER_IP_FRAGMENT, "ip_fragment") /* fragments are not reassembled */                      \
    X(CARRIER_EMPTY, "empty") /* nothing inside the carrier */

enum carrier_verdict {
#define X(id, text) id,
    CARRIER_VERDICTS(X)
#undef X
        CARRIER_VERDICT_COUNT
};
const char *carrier_verdict_text(enum carrier_verdict v);

struct carrier {
    enum carrier_kind kind;
    struct span message; /* secured or bare message, to the end of the carrier's own length */
    uint64_t source; /* hash-free key of the sender for budgets: MAC, or IP folded to 64 bits */
    bool has_psid;
    uint64_t psid; /* WSMP T-header */
    uint8_t gn_header_type; /* GN, bare: header type octet; 0 when secured (it is inside) */
    uint16_t btp_port; /* GN, bare: BTP destination port */
    struct span gn_pdu; /* GN, bare: common header on */
};

enum carrier_verdict carrier_read(
    enum frame_link link, struct span frame, struct carrier *ret_carrier);

/* Writers, for obusim, tests and later the transmit path. Each appends a whole Ethernet frame. */
void carrier_put_gn_secured(struct buf *b, const uint8_t src_mac[static 6], struct span spdu);
void carrier_put_wsmp(
    struct buf *b, const uint8_t src_mac[static 6], uint64_t psid, struct span spdu);
/* UDP over IPv6, hop limit 64, checksum set. */
void carrier_put_udp6(struct buf *b, const uint8_t src_mac[static 6], const uint8_t src[static 16],
    const uint8_t dst[static 16], uint16_t port, struct span spdu);

#endif
