/* Frames on their way to the recorder's thread: copied in by any number of threads, handed out by stamp. One piece of memory,
 * given back in the order it was taken. */
#ifndef WAYSIDE_PKTIO_RECORD_QUEUE_H
#define WAYSIDE_PKTIO_RECORD_QUEUE_H

#include "pktio/pipeline.h"

struct record {
    struct pkt_frame frame;
    uint16_t port;
    enum pkt_verdict verdict;
    struct span detail;
};

struct record_queue;

struct record_queue *record_queue_new(size_t octets);
void record_queue_free(struct record_queue *q);
/* Any thread. port: given back as it is. False: no room. */
WARN_UNUSED bool record_queue_put(struct record_queue *q, uint16_t port, const struct pkt_frame *f,
    enum pkt_verdict v, const char *detail);
/* Taken in octets; any thread. */
size_t record_queue_used(struct record_queue *q);

/* ---- the one thread that takes ---- */
/* Looks at what was put since the last time; mono_us is what it is remembered to have come at. */
void record_queue_look(struct record_queue *q, uint64_t mono_us);
/* The earliest stamp of those that were looked at; valid until record_queue_drop. False: none; or none of them came before
 * `came_us` (monotonic), and others may still be earlier. */
bool record_queue_first(struct record_queue *q, uint64_t came_us, struct record *ret);
void record_queue_drop(struct record_queue *q);

#endif
