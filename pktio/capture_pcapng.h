/* pcapng, block by block (draft-ietf-opsawg-pcapng): what libpcap does not give, which is interfaces of different
 * link types in one file and the comments on packets. Sections of either byte order, any resolution and offset of
 * time stamps, enhanced, simple and obsolete packet blocks; every other block is passed over. One thread. */
#ifndef WAYSIDE_PKTIO_CAPTURE_PCAPNG_H
#define WAYSIDE_PKTIO_CAPTURE_PCAPNG_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdio.h>

#define PCAPNG_BLOCK_MAX (16U << 20) /* blocks that are looked into; others may have any length */
#define PCAPNG_NAME_MAX 255 /* octets of an interface's name; more are cut */
#define PCAPNG_INTERFACES_MAX 65536U /* in one section */

struct pcapng;

struct pcapng_packet {
    struct span data; /* of what was captured */
    uint32_t link; /* LINKTYPE of the interface */
    uint32_t interface; /* number in its section */
    struct span
        name; /* of the interface, at most PCAPNG_NAME_MAX octets as they stand there; empty: it has none */
    uint32_t original_octets; /* at least data.n */
    uint64_t
        stamp_ns; /* Unix; a simple packet block has none and gets the stamp before it (0 at the start) */
    struct span comment; /* the packet's comments, a line feed between two; empty: none */
};

/* f: borrowed, at the first octet of the file. path: copied, for errors. Reads nothing yet. */
struct pcapng *pcapng_new(FILE *f, const char *path);
void pcapng_free(struct pcapng *g);
/* 1: *ret_packet is valid until the next call; 0: end of file at the end of a block; negative (WS_EINPUT, WS_EIO,
 * WS_ELIMIT): the text names file, record (packet) number and octet. After a failure the same again. */
WARN_UNUSED int pcapng_next(struct pcapng *g, struct pcapng_packet *ret_packet, struct ws_err *err);

#endif
