/* Frames on their way to a port: bounded, copied in by one thread and taken out by one other. All memory is
 * allocated at the start; nothing waits. No DPDK in here. */
#ifndef WAYSIDE_PKTIO_SEND_QUEUE_H
#define WAYSIDE_PKTIO_SEND_QUEUE_H

#include "base/compiler.h"
#include "base/span.h"

#include <stdbool.h>

struct send_queue;

/* slots: a power of two (asserted). octets: of the longest frame. */
struct send_queue *send_queue_new(size_t slots, size_t octets);
void send_queue_free(struct send_queue *q);
/* Producer: copies. False: full, or the frame is empty or too long. */
WARN_UNUSED bool send_queue_put(struct send_queue *q, struct span frame);
/* Consumer: the oldest frame, valid until send_queue_drop; n is 0 when there is none. */
struct span send_queue_first(struct send_queue *q);
void send_queue_drop(struct send_queue *q);

#endif
