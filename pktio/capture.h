/* Capture files, losslessly: pcap through libpcap, pcapng (which may mix link types) through our own reader, either as it is
 * or packed with gzip, or a FIFO of them; nanosecond stamps, original lengths, link types, end of file as an answer (why not net_pcap: dpdk facts, section 4). One thread. */
#ifndef WAYSIDE_PKTIO_CAPTURE_H
#define WAYSIDE_PKTIO_CAPTURE_H

#include "base/error.h"
#include "pktio/pipeline.h"

#include <sys/types.h>

struct capture;

/* index goes into each frame. "-" is stdin. A link type that carrier_read does not know is refused by name: in a
 * classic file when it is opened, in pcapng at the end if nothing else was there. */
WARN_UNUSED int capture_open(
    const char *path, uint32_t index, struct capture **ret_capture, struct ws_err *err);
/* The same for a reader that must be stopped while it waits for a FIFO or standard input: once stop_fd is readable
 * opening and reading fail instead of waiting. */
WARN_UNUSED int capture_open_until(const char *path, uint32_t index, int stop_fd,
    struct capture **ret_capture, struct ws_err *err);
/* 1: *ret_frame is the next frame, its data valid until the next call; 0: end of file; negative: the text names
 * file and record number (cut in the middle, damaged). */
WARN_UNUSED int capture_next(struct capture *c, struct pkt_frame *ret_frame, struct ws_err *err);
/* The comments on the last frame, a line feed between two; empty: none. Valid until the next capture_next. */
struct span capture_comment(const struct capture *c);
/* What the file calls the interface that the last frame came by: at most 255 octets of any kind; empty: it does not say, or is
 * a classic one. Valid until the next capture_next. */
struct span capture_interface(const struct capture *c);
void capture_close(struct capture *c);

/* Writes classic pcap with nanosecond stamps, link type Ethernet, as obusim needs it. */
struct capture_writer;
WARN_UNUSED int capture_create(
    const char *path, struct capture_writer **ret_writer, struct ws_err *err);
void capture_put(struct capture_writer *w, uint64_t stamp_ns, struct span frame);
/* The same as pcapng: frames of any link type, stamps as they are, each with the name of the interface that it came by and a
 * comment (NULL or empty: none). mode: of the file. */
WARN_UNUSED int capture_create_annotated(
    const char *path, mode_t mode, struct capture_writer **ret_writer, struct ws_err *err);
void capture_put_annotated(struct capture_writer *w, const struct pkt_frame *f,
    const char *interface, const char *comment);
/* Flushes, syncs, renames into place; reports any write error that happened. Frees w. */
WARN_UNUSED int capture_finish(struct capture_writer *w, struct ws_err *err);
/* What was put so far goes to the kernel; false: writing failed, now or before. */
bool capture_flush(struct capture_writer *w);
struct capture_progress {
    uint64_t octets; /* of the file, once everything put so far is written */
    uint64_t frames, safe_frames; /* put; with the kernel */
    bool failed;
};
struct capture_progress capture_progress(const struct capture_writer *w);
/* As capture_finish, but a file that could not be written to its end stays, up to the last whole frame that was. */
WARN_UNUSED int capture_keep(struct capture_writer *w, struct ws_err *err);
/* Leaves nothing behind. Frees w. */
void capture_discard(struct capture_writer *w);

#endif
