/* Blocks of a pcapng file (draft-ietf-opsawg-pcapng), appended whole to a buffer, always little-endian: whoever writes
 * whole buffers leaves a file whose every prefix of blocks reads. Pure; any thread. */
#ifndef WAYSIDE_PKTIO_PCAPNG_H
#define WAYSIDE_PKTIO_PCAPNG_H

#include "base/bytes.h"
#include "pktio/pipeline.h"

enum pcapng_direction { PCAPNG_UNKNOWN = 0, PCAPNG_INBOUND = 1, PCAPNG_OUTBOUND = 2 };

/* Longest comment kept, octets; more is cut. */
#define PCAPNG_COMMENT_MAX 1024

void pcapng_put_section(struct buf *b, const char *application);
/* Interfaces count from 0 in the order they are put. Stamps are in nanoseconds. */
void pcapng_put_interface(struct buf *b, enum frame_link link, const char *name);
/* f->data.n below 2^30 (asserted). comment may be NULL or empty: none. */
void pcapng_put_frame(struct buf *b, uint32_t interface, const struct pkt_frame *f,
    enum pcapng_direction direction, const char *comment);

#endif
