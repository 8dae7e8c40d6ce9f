/* Every frame with its verdict into pcapng files, while the unit runs: frames are copied into a bounded queue by the packet
 * threads, which never wait for a disk, and written by a thread of its own, in the order of their stamps (a verdict may come
 * late). Files are rotated and bounded in number and octets; mode 0600. A disk without room costs frames, by name, and
 * recording goes on when there is room.
 *
 * Files are called wayside-NNNNNNNN-YYYYMMDDTHHMMSSZ.pcapng, numbered through; one that is being written has a further
 * ending, and what a killed process left of it is kept. */
#ifndef WAYSIDE_PKTIO_RECORDER_H
#define WAYSIDE_PKTIO_RECORDER_H

#include "base/clock.h"
#include "base/error.h"
#include "pktio/pipeline.h"

struct recorder_config {
    const char *folder; /* made if it is not there, mode 0700; of nobody else */
    uint64_t file_octets; /* about where the next file begins */
    size_t files; /* kept, the one in work included; at least 1 */
    uint64_t total_octets; /* of all of them; at least file_octets */
    uint64_t reserve_octets; /* of the disk, left free for others */
    size_t queue_octets; /* memory; at least 1 MB */
    uint64_t
        hold_us; /* how much later than its frame's a verdict may come and still find its place */
    const char *const
        *ports; /* what the ports are called in the files; borrowed for the recorder's life */
    size_t n_ports;
};

struct recorder_counters {
    uint64_t frames, octets; /* written: frames, octets of files */
    uint64_t dropped_queue; /* no room in the queue */
    uint64_t dropped_disk; /* no room on the disk, or it failed */
    uint64_t files, deleted;
    size_t queued, queued_max; /* octets */
    bool stuck; /* the disk takes nothing for the time being */
};

struct recorder;

WARN_UNUSED int recorder_open(
    const struct recorder_config *cfg, struct recorder **ret, struct ws_err *err);
/* Any thread; never waits for the disk. port: by which it came, index of cfg.ports; one that is not there has no name. */
void recorder_put(struct recorder *r, uint16_t port, const struct pkt_frame *f, enum pkt_verdict v,
    const char *detail);
void recorder_read_counters(struct recorder *r, struct recorder_counters *ret); /* any thread */
/* Writes what is queued. Nobody puts any more. NULL is fine. */
void recorder_close(struct recorder *r);

#endif
