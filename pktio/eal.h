/* The command line of DPDK's environment. Private to pktio and its tests; no DPDK type. */
#ifndef WAYSIDE_PKTIO_EAL_H
#define WAYSIDE_PKTIO_EAL_H

#include "base/bytes.h"

#include <sched.h>

struct eal_wish {
    unsigned memory_mb;
    bool huge; /* take huge pages */
    const cpu_set_t *cpus; /* that this process may run on */
    const char *const *nics; /* PCI addresses */
    size_t n_nics;
};

/* Appends the arguments, each with a zero octet after it; returns how many. Without cards the PCI bus is not looked at. */
unsigned eal_line(const struct eal_wish *wish, struct buf *b);

#endif
