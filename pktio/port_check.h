/* Whether a port can be opened, found out without DPDK, whose drivers answer most failures with a bare -1. The check of
 * a configuration asks the same questions as the start. Any thread; changes nothing. */
#ifndef WAYSIDE_PKTIO_PORT_CHECK_H
#define WAYSIDE_PKTIO_PORT_CHECK_H

#include "pktio/worker.h"

enum {
    PORT_XDP_MBUFS =
        8191, /* both receive rings, what is being sent, and as much again to work on */
    PORT_XDP_MBUFS_MIN = 4096, /* fewer do not fill the driver's rings, and it refuses */
};

/* The names of the kinds as they are written in a configuration. */
const char *port_kind_name(enum port_kind k);

/* Names what lacks: the interface, a right, locked memory, an interface that is free. Files of captures are not looked at. */
WARN_UNUSED int port_check(const struct port_config *cfg, struct ws_err *err);

#endif
