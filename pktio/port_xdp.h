/* Questions about XDP to the kernel, without a library: what is attached to an interface, and whether a queue can be had. */
#ifndef WAYSIDE_PKTIO_PORT_XDP_H
#define WAYSIDE_PKTIO_PORT_XDP_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct xdp_program {
    uint32_t id; /* 0: none */
    bool
        ours; /* libxdp's own for sockets, left behind by one of us that was killed; it is used again */
    char name[16];
};

/* 0, or an error of the kernel's, negative. */
WARN_UNUSED int xdp_program_of(unsigned ifindex, struct xdp_program *ret);

/* Binds a socket of its own to the queue and lets go of it: 0, or an error of the kernel's, negative; -EBUSY: another
 * socket has the queue, or had it a moment ago (the kernel takes a while to let go). */
WARN_UNUSED int xdp_try_queue(unsigned ifindex, unsigned queue);

#endif
