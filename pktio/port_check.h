/* Whether a port can be opened, found out without DPDK, whose drivers answer most failures with a bare -1. The check of
 * a configuration asks the same questions as the start. Any thread; changes nothing. */
#ifndef WAYSIDE_PKTIO_PORT_CHECK_H
#define WAYSIDE_PKTIO_PORT_CHECK_H

#include "pktio/worker.h"

enum {
    PORT_PACKET_FRAMES = 4096, /* af_packet's default */
    PORT_PACKET_FRAME = 2048, /* octets of a place in its ring */
    PORT_SEND_MBUFS = 511,
    PORT_RING_FRAMES = 1024, /* 10 ms of what a city cell says at most: 100,000 frames a second */
    PORT_RING_FRAMES_MAX = 16384,
    PORT_MBUFS = 1023, /* af_packet, tap */
    PORT_MBUFS_MIN = 256,
    PORT_MBUFS_MAX = 1 << 20,
    PORT_XDP_MBUFS =
        8191, /* both receive rings, what is being sent, and as much again to work on */
    PORT_XDP_MBUFS_MIN = 4096, /* fewer do not fill the driver's rings, and it refuses */
};

/* The names of the kinds as they are written in a configuration. */
const char *port_kind_name(enum port_kind k);

/* Names what lacks: the interface, a right, locked memory, an interface that is free, a card that may be taken. Files of
 * captures are not looked at, nor whether there are enough huge pages. */
WARN_UNUSED int port_check(const struct port_config *cfg, struct ws_err *err);

/* Octets of DPDK's memory that the port's buffers take, at least. */
uint64_t port_memory(const struct port_config *cfg, bool huge_pages);
/* Whether the port's ring cannot be locked in full and will be a shorter one; says why. */
bool port_ring_is_cut(const struct port_config *cfg, struct ws_err *ret_why);
/* Whether the kernel's interface that the port would use is switched off. */
bool port_is_down(const struct port_config *cfg);

/* A card at a PCI address like 0000:03:00.0: it is there, is a network card, and is bound to a driver that leaves it to us.
 * root: of the file system, "" but for tests. */
WARN_UNUSED int port_check_nic(const char *root, const char *address, struct ws_err *err);
/* A card reads and writes memory by itself, so that has to be huge pages. */
WARN_UNUSED int port_check_huge_pages(const char *root, unsigned memory_mb, struct ws_err *err);
/* Free octets in huge pages of all sizes. */
uint64_t port_huge_pages(const char *root);
bool port_is_pci_address(const char *text);

#endif
