/* Questions to the kernel about an interface, without a library: its drops, what is attached to it, and whether its queue
 * can be had. Any thread. */
#ifndef WAYSIDE_PKTIO_PORT_LINK_H
#define WAYSIDE_PKTIO_PORT_LINK_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct link_facts {
    uint32_t xdp_program; /* id; 0: none */
    uint64_t tx_dropped; /* since it was made */
};

/* 0, or an error of the kernel's, negative; as below. */
WARN_UNUSED int link_ask(unsigned ifindex, struct link_facts *ret);

struct xdp_program {
    uint32_t id; /* 0: none */
    bool
        ours; /* libxdp's own for sockets, left behind by one of us that was killed; it is used again */
    char name[16];
};

WARN_UNUSED int xdp_program_of(unsigned ifindex, struct xdp_program *ret);

/* Binds a socket of its own to the queue and lets go of it. -EBUSY: another
 * socket has the queue, or had it a moment ago (the kernel takes a while to let go). */
WARN_UNUSED int xdp_try_queue(unsigned ifindex, unsigned queue);

#endif
