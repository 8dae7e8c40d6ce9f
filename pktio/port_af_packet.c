/* A kernel interface through net_af_packet (dpdk facts, section 5): one queue, a deep ring, and the driver's own
 * socket to sleep on and to ask for what the kernel dropped. */
#include "pktio/port.h"

#include "base/bytes.h"
#include "base/log.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <rte_bus_vdev.h>

enum {
    FRAME_SIZE = 2048,
    FRAME_HEADER = 52, /* of the kernel's before each frame in the ring */
    BLOCK_SIZE = 4096, /* a multiple of the frame size, or reception stops without a word */
    DATA_ROOM = 2176, /* at least FRAME_SIZE - 52 + headroom, or the driver refuses */
    MBUFS_DEFAULT = 1023,
    MBUFS_MIN = 256,
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
static int make_device(struct port *p, const char *interface, struct ws_err *err) {
    static const unsigned counts[] = {4096, 2048, 1024, 512};
    char name[sizeof(p->device)];
    (void)snprintf(name, sizeof(name), "net_af_packet_ws%lx", (unsigned long)(uintptr_t)p);
    int rc = -1;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        char args[160];
        (void)snprintf(args, sizeof(args), "iface=%s,qpairs=1,blocksz=%u,framesz=%u,framecnt=%u",
            interface, BLOCK_SIZE, FRAME_SIZE, counts[i]);
        rc = rte_vdev_init(name, args);
        if (rc == 0) {
            if (i > 0)
                ws_log(WS_LOG_WARN, "pktio",
                    "interface %s: only %u frames of kernel ring (raise the limit of locked memory "
                    "to 64 "
                    "MB); bursts may be lost",
                    interface, counts[i]);
            (void)snprintf(p->device, sizeof(p->device), "%s", name);
            break;
        }
    }
    if (rc != 0)
        return ws_fail(
            err, WS_EIO, "interface %s: net_af_packet does not take it (see the log)", interface);
    return rte_eth_dev_get_port_by_name(name, &p->id) == 0
               ? WS_OK
               : ws_fail(err, WS_EIO, "interface %s: DPDK made no port", interface);
}

int port_af_packet_open(struct port *p, const struct port_config *cfg, struct ws_err *err) {
    unsigned mbufs = cfg->mbufs == 0 ? MBUFS_DEFAULT : cfg->mbufs;
    if (mbufs < MBUFS_MIN)
        return ws_fail(
            err, WS_EINPUT, "%u packet buffers: an interface needs at least %u", mbufs, MBUFS_MIN);
    int rc = port_pool(p, mbufs, DATA_ROOM, err);
    if (rc != WS_OK)
        return rc;
    struct buf before = {0};
    port_list_fds(&before);
    rc = make_device(p, cfg->interface, err);
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
