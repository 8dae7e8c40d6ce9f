/* Capture files, losslessly: pcap and pcapng (or a FIFO) through libpcap, nanosecond stamps, original
 * lengths, link types, end of file as an answer (why not net_pcap: dpdk facts, section 4). One thread. */
#ifndef WAYSIDE_PKTIO_CAPTURE_H
#define WAYSIDE_PKTIO_CAPTURE_H

#include "base/error.h"
#include "pktio/pipeline.h"

struct capture;

/* index goes into each frame. Link types that carrier_read does not know are refused by name. "-" is stdin. */
WARN_UNUSED int capture_open(
    const char *path, uint32_t index, struct capture **ret_capture, struct ws_err *err);
/* The same for a reader that must be stopped while it waits for a FIFO or standard input: once stop_fd is readable
 * opening and reading fail instead of waiting. */
WARN_UNUSED int capture_open_until(const char *path, uint32_t index, int stop_fd,
    struct capture **ret_capture, struct ws_err *err);
/* 1: *ret_frame is the next frame, its data valid until the next call; 0: end of file; negative: the text names
 * file and record number (cut in the middle, damaged). */
WARN_UNUSED int capture_next(struct capture *c, struct pkt_frame *ret_frame, struct ws_err *err);
void capture_close(struct capture *c);

/* Writes classic pcap with nanosecond stamps, link type Ethernet, as obusim needs it. */
struct capture_writer;
WARN_UNUSED int capture_create(
    const char *path, struct capture_writer **ret_writer, struct ws_err *err);
void capture_put(struct capture_writer *w, uint64_t stamp_ns, struct span frame);
/* Flushes, syncs, renames into place; reports any write error that happened. Frees w. */
WARN_UNUSED int capture_finish(struct capture_writer *w, struct ws_err *err);

#endif
