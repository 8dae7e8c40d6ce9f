/* What a roadside unit tells vehicles about one change of the map: an advisory, its end, or what became permanent.
 * Octet 02, then the protobuf message of notice.proto; the message around it is signed by the unit (PSID 1D). Small
 * enough for one frame whatever the change. Any thread. */
#ifndef WAYSIDE_MAPSVC_FUSE_NOTICE_H
#define WAYSIDE_MAPSVC_FUSE_NOTICE_H

#include "mapsvc/fuse/diff.h"

/* First octet of the payload; an observation (the other payload of this PSID) begins with 01. */
#define NOTICE_VERSION 2
/* Longest payload that notice_put writes. */
#define NOTICE_MAX 192

struct notice {
    uint8_t cell[8]; /* first octets of the cell id */
    uint64_t map_version; /* the version the change made; of an advisory: the one in force */
    uint64_t time; /* Time64, us: of the block */
    enum change_tier tier;
    enum map_change_op op;
    enum element_kind kind;
    uint8_t element_id[16];
    uint8_t change_id[32];
    bool has_before, has_after;
    int32_t before, after; /* values */
    int32_t lat, lon; /* 1e-7 degree: where it stands or stood; the middle point of a line */
    bool has_heading;
    uint16_t heading; /* 1/65536 turn counter-clockwise from east */
    bool has_valid_to; /* advisories */
    uint64_t valid_to; /* Time64, us */
    bool has_ended; /* advisories */
    enum advisory_end ended;
};

/* Fills what the change record says; cell, version, time, valid_to and ended are the caller's. */
void notice_from_change(
    const struct change_record *c, const struct cell_frame *frame, struct notice *ret);
void notice_put(struct buf *b, const struct notice *n);
/* WS_EINPUT with the field's name; WS_ENOTSUP for another first octet. */
WARN_UNUSED int notice_read(struct span payload, struct notice *ret_notice, struct ws_err *err);

#endif
