/* The UDP payload of one IPv4 or IPv6 packet (RFC 791, 8200, 768), and the way back for IPv6. Spans point
 * into the given octets. Any thread; the reader allocates nothing. */
#ifndef WAYSIDE_V2X_IP_UDP_H
#define WAYSIDE_V2X_IP_UDP_H

#include "base/bytes.h"

enum ip_fail {
    IP_OK = 0,
    IP_TRUNCATED, /* the IP header, or the length it names, runs past the octets */
    IP_HEADER, /* version, a length or the order of extension headers is wrong, or too many of them */
    IP_FRAGMENT, /* part of a UDP datagram; for IPv6 of anything */
    IP_OTHER, /* another protocol than UDP */
};

struct ip_udp {
    uint64_t source; /* IPv4 address, or the two halves of an IPv6 address folded; 0 if not read */
    struct span payload; /* of the length the UDP header names; may be empty */
};

#define UDP_PAYLOAD_MAX 65527U

/* version: 4 or 6; 0 takes what the packet says. *ret_udp is always written. */
WARN_UNUSED enum ip_fail ip_udp_read(struct span packet, unsigned version, struct ip_udp *ret_udp);

/* Appends an IPv6 and a UDP header (hop limit 64, checksum set, both ports `port`) and the payload. */
void ip_udp_put6(struct buf *b, const uint8_t src[static 16], const uint8_t dst[static 16],
    uint16_t port, struct span payload);

#endif
