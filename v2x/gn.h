/* GeoNetworking PDU from the common header on (EN 302 636-4-1), and BTP (EN 302 636-5-1).
 * Spans point into the given octets. Any thread; the reader allocates nothing. */
#ifndef WAYSIDE_V2X_GN_H
#define WAYSIDE_V2X_GN_H

#include "base/bytes.h"

enum gn_fail {
    GN_OK = 0,
    GN_TRUNCATED, /* a header, or the payload length it names, runs past the octets */
    GN_NEXT_HEADER, /* neither none, BTP-A, BTP-B nor IPv6 */
    GN_HEADER_TYPE, /* unknown type or subtype */
    GN_LENGTH, /* the payload is too short for the BTP header it should hold */
};

struct gn_pdu {
    uint8_t header_type; /* e.g. 0x50 single-hop broadcast, 0x40 GeoBroadcast circle */
    bool has_position; /* latitude and longitude lie on the globe */
    uint64_t address; /* source GN address */
    uint32_t timestamp_ms; /* modulo 2^32 */
    int32_t lat, lon; /* 0.1 microdegree */
    int16_t speed; /* 0.01 m/s */
    uint16_t heading; /* 0.1 degree */
    uint16_t btp_port; /* destination port; 0 without BTP */
    struct span payload; /* after BTP, of the length the common header names; may be empty */
};

/* Octets behind the payload are ignored (padding of the carrier). *ret_pdu is set only on GN_OK. */
WARN_UNUSED enum gn_fail gn_read(struct span from_common_header, struct gn_pdu *ret_pdu);

struct gn_source {
    uint64_t address;
    uint32_t timestamp_ms;
    int32_t lat, lon;
    int16_t speed;
    uint16_t heading;
};
/* Appends a single-hop broadcast with BTP-B around payload (at most 65531 octets), from the common
 * header on: traffic class 2, hop limit 1, "mobile" unless the address says roadside unit. */
void gn_put_shb(struct buf *b, const struct gn_source *src, uint16_t btp_port, struct span payload);

/* A GeoBroadcast into a circle (9.8.5), for what concerns a place rather than its sender; the rest as above. */
struct gn_circle {
    int32_t lat, lon; /* 0.1 microdegree */
    uint16_t radius_m;
    uint16_t sequence; /* of the sender; duplicates are told by it */
};
void gn_put_gbc(struct buf *b, const struct gn_source *src, const struct gn_circle *area,
    uint16_t btp_port, struct span payload);

#endif
