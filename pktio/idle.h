/* What a worker does when it looked and nothing was there: the ladder of dpdk facts, section 6, as a function. */
#ifndef WAYSIDE_PKTIO_IDLE_H
#define WAYSIDE_PKTIO_IDLE_H

#include <stdbool.h>
#include <stdint.h>

enum idle_step {
    IDLE_GO, /* look again at once */
    IDLE_WAIT, /* sleep on the descriptors, at most so long */
    IDLE_NAP, /* nothing tells of frames: sleep so long (injected work still wakes), then look */
};

struct idle_look {
    bool busy; /* frames came, or work is left */
    bool told; /* a descriptor of the port becomes readable when a frame comes */
    bool unsent; /* the driver had no room for frames, and does not say when it has */
    uint64_t quiet_us; /* since the last frame came */
};

struct idle_rest {
    enum idle_step step;
    uint32_t us; /* of WAIT and NAP */
};

#define IDLE_WAIT_US 100000U /* then the kernel's counters are read again */
#define IDLE_UNSENT_US 1000U
#define IDLE_QUIET_US 10000U /* a road with frames closer together than this is watched closely */
#define IDLE_ASLEEP_US 1000000U

/* Pure. */
struct idle_rest idle_next(const struct idle_look *l);

#endif
