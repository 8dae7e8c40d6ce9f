/* A kernel interface through net_af_packet (dpdk facts, section 5): one queue, a deep ring, and the driver's own
 * socket to sleep on and to ask for what the kernel dropped. */
#include "pktio/port.h"

#include "base/bytes.h"
#include "base/log.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <rte_bus_vdev.h>

enum {
    FRAME_SIZE = PORT_PACKET_FRAME,
    FRAME_HEADER = 52, /* of the kernel's before each frame in the ring */
    BLOCK_SIZE = 4096, /* a multiple of the frame size, or reception stops without a word */
    DATA_ROOM = 2176, /* at least FRAME_SIZE - 52 + headroom, or the driver refuses */
    RING_FRAMES_LEAST = 512,
};

void port_af_packet_losses(struct port *p) {
    struct tpacket_stats st = {0};
    socklen_t n = sizeof(st);
    /* Reading clears the kernel's counters. */
    if (getsockopt(p->ready_fd, SOL_PACKET, PACKET_STATISTICS, &st, &n) == 0)
        p->kernel_ring += st.tp_drops;
}

/* ---- the port ---- */

/* The rings are locked memory; an ordinary user's limit may allow only smaller ones. */
static int make_device(struct port *p, const struct port_config *cfg, struct ws_err *err) {
    const unsigned wanted = cfg->ring_frames == 0 ? PORT_PACKET_FRAMES : cfg->ring_frames;
    char name[sizeof(p->device)];
    (void)snprintf(name, sizeof(name), "net_af_packet_ws%lx", (unsigned long)(uintptr_t)p);
    int rc = -1;
    for (unsigned n = wanted; rc != 0 && n >= RING_FRAMES_LEAST; n /= 2) {
        char args[160];
        (void)snprintf(args, sizeof(args), "iface=%s,qpairs=1,blocksz=%u,framesz=%u,framecnt=%u",
            cfg->interface, BLOCK_SIZE, FRAME_SIZE, n);
        rc = rte_vdev_init(name, args);
        if (rc == 0 && n < wanted)
            ws_log(WS_LOG_WARN, "pktio",
                "interface %s: only %u frames of kernel ring (raise the limit of locked memory to "
                "%u MB); bursts may be lost",
                cfg->interface, n, wanted * FRAME_SIZE * 2 >> 20);
    }
    if (rc != 0)
        return ws_fail(err, WS_EIO, "interface %s: net_af_packet does not take it (see the log)",
            cfg->interface);
    (void)snprintf(p->device, sizeof(p->device), "%s", name);
    return rte_eth_dev_get_port_by_name(name, &p->id) == 0
               ? WS_OK
               : ws_fail(err, WS_EIO, "interface %s: DPDK made no port", cfg->interface);
}

int port_af_packet_open(struct port *p, const struct port_config *cfg, struct ws_err *err) {
    int rc = port_pool(p, cfg->mbufs == 0 ? PORT_MBUFS : cfg->mbufs, DATA_ROOM, err);
    if (rc != WS_OK)
        return rc;
    struct buf before = {0};
    port_list_sockets(&before);
    rc = make_device(p, cfg, err);
    if (rc == WS_OK)
        p->ready_fd = port_new_socket(&before, AF_PACKET);
    buf_free(&before);
    if (rc == WS_OK && p->ready_fd < 0)
        rc = ws_fail(
            err, WS_EIO, "interface %s: the driver's socket is not to be found", cfg->interface);
    if (rc == WS_OK)
        rc = port_setup(p, 1, err);
    if (rc != WS_OK)
        return rc;
    rc = port_send_setup(p, port_look_at(p, cfg->interface, FRAME_SIZE - FRAME_HEADER), err);
    if (rc != WS_OK)
        return rc;
    port_drain(p);
    (void)port_losses(p);
    p->kernel_ring = 0;
    return WS_OK;
}
