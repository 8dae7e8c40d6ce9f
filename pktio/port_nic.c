/* A network card by its PCI address, driven by DPDK itself. Written after its documents: there was none to measure. */
#include "pktio/port.h"

#include "base/log.h"

#include <unistd.h>

#include <rte_dev.h>

enum {
    DATA_ROOM = 2176,
    RING_FRAMES = 2048,
    SEND_RING_FRAMES =
        256, /* fewer than there are buffers: a card gives them back when the next are sent */
};

/* Not every driver wakes anybody; then a worker looks again after a while. */
static void find_sleep(struct port *p) {
    p->sleep = PORT_SLEEP_TIMED;
    p->ready_fd = p->interrupts ? rte_eth_dev_rx_intr_ctl_q_get_fd(p->id, 0) : -1;
    if (p->ready_fd >= 0 && rte_eth_dev_rx_intr_enable(p->id, 0) == 0 &&
        rte_eth_dev_rx_intr_disable(p->id, 0) == 0) {
        p->sleep = PORT_SLEEP_INTERRUPT;
        return;
    }
    p->ready_fd = -1;
    ws_log(WS_LOG_WARN, "pktio",
        "device %s: its driver has no receive interrupt; an idle worker looks for frames on a "
        "timer",
        p->device);
}

static int set_up(struct port *p, struct ws_err *err) {
    p->interrupts = true;
    if (port_setup(p, 1, NULL) == WS_OK)
        return WS_OK;
    p->interrupts = false;
    return port_setup(p, 1, err);
}

int port_nic_open(struct port *p, const struct port_config *cfg, struct ws_err *err) {
    uint16_t mtu = 0;
    /* Closed before in this process, it has to be found anew. */
    if (rte_eth_dev_get_port_by_name(cfg->device, &p->id) != 0 &&
        (rte_dev_probe(cfg->device) != 0 ||
            rte_eth_dev_get_port_by_name(cfg->device, &p->id) != 0)) {
        p->id = RTE_MAX_ETHPORTS;
        return ws_fail(err, WS_EIO,
            "device %s: DPDK has no driver for it, or could not start it (see the log)",
            cfg->device);
    }
    (void)snprintf(p->device, sizeof(p->device), "%s", cfg->device);
    int rc = port_pool(p, cfg->mbufs == 0 ? PORT_XDP_MBUFS : cfg->mbufs, DATA_ROOM, err);
    uint16_t receive = (uint16_t)(cfg->ring_frames == 0 ? RING_FRAMES : cfg->ring_frames);
    uint16_t send = SEND_RING_FRAMES;
    if (rc == WS_OK && rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &receive, &send) != 0)
        rc = ws_fail(err, WS_EIO, "device %s: its rings cannot be had", cfg->device);
    if (rc != WS_OK)
        return rc;
    if (receive < PORT_RING_FRAMES)
        ws_log(WS_LOG_WARN, "pktio", "device %s: only %u frames of ring; bursts may be lost",
            cfg->device, receive);
    p->ring_frames = receive;
    p->send_ring_frames = send;
    rc = set_up(p, err);
    if (rc != WS_OK)
        return rc;
    /* Vehicles' frames are for everybody, and not every card takes all multicast for that. */
    if (rte_eth_promiscuous_enable(p->id) != 0)
        ws_log(WS_LOG_WARN, "pktio", "device %s: not promiscuous; frames to others go unheard",
            cfg->device);
    find_sleep(p);
    if (rte_eth_dev_get_mtu(p->id, &mtu) != 0 || mtu == 0)
        mtu = RTE_ETHER_MTU;
    size_t octets = (size_t)mtu + RTE_ETHER_HDR_LEN;
    return port_send_setup(p, octets < PORT_FRAME_MAX ? octets : PORT_FRAME_MAX, err);
}

void port_nic_close(struct port *p) {
    struct rte_eth_dev_info info;
    bool known = rte_eth_dev_info_get(p->id, &info) == 0;
    (void)rte_eth_dev_stop(p->id);
    (void)rte_eth_dev_close(p->id);
    if (known && info.device != NULL)
        (void)rte_dev_remove(info.device);
}
