#include "pktio/port.h"

#include "base/mem.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_bus_vdev.h>

unsigned port_pool_extra(const struct port *p, unsigned cache) {
    return (p->workers - 1) * (PORT_HANDOVER_SLOTS + cache * 3 / 2 + PIPELINE_BURST_MAX);
}

int port_pool(struct port *p, unsigned n, unsigned data_room, struct ws_err *err) {
    char name[RTE_MEMPOOL_NAMESIZE];
    (void)snprintf(name, sizeof(name), "ws%lx", (unsigned long)(uintptr_t)p);
    /* A capture's buffers go round between exactly two threads, and with a cache the worker would sit on
     * buffers the reader waits for. af_packet takes and gives in one thread, where the cache pays. */
    bool capture = p->kind == PORT_CAPTURE;
    unsigned cache = capture || n < 768 ? 0 : 256;
    if (!capture)
        n += port_pool_extra(p, cache);
    p->pool = rte_pktmbuf_pool_create_by_ops(name, n, cache, sizeof(struct frame_meta),
        (uint16_t)data_room, SOCKET_ID_ANY,
        capture && p->workers == 1 ? "ring_sp_sc" : "ring_mp_mc");
    if (p->pool == NULL)
        return ws_fail(err, rte_errno == ENOMEM ? WS_ELIMIT : WS_EIO,
            "a pool of %u packet buffers: %s (memory_mb)", n, rte_strerror(rte_errno));
    return WS_OK;
}

int port_setup(struct port *p, unsigned n_tx, struct ws_err *err) {
    struct rte_eth_conf conf = {0};
    unsigned frames = p->ring_frames == 0 ? PORT_RING_FRAMES : p->ring_frames;
    unsigned send_frames = p->send_ring_frames == 0 ? PORT_RING_FRAMES : p->send_ring_frames;
    conf.intr_conf.rxq = p->interrupts;
    int rc = rte_eth_dev_configure(p->id, 1, (uint16_t)n_tx, &conf);
    if (rc == 0)
        rc = rte_eth_rx_queue_setup(p->id, 0, (uint16_t)frames, (unsigned)SOCKET_ID_ANY, NULL,
            p->pool == NULL ? p->send_pool : p->pool);
    for (unsigned i = 0; rc == 0 && i < n_tx; i++)
        rc = rte_eth_tx_queue_setup(
            p->id, (uint16_t)i, (uint16_t)send_frames, (unsigned)SOCKET_ID_ANY, NULL);
    if (rc == 0)
        rc = rte_eth_dev_start(p->id);
    if (rc != 0)
        return ws_fail(
            err, WS_EIO, "%s: the port does not start: %s", p->device, rte_strerror(-rc));
    return WS_OK;
}

int port_open(const struct port_config *cfg, const struct ws_clock *clock, struct port **ret,
    struct ws_err *err) {
    int rc = port_check(cfg, err);
    if (rc != WS_OK)
        return rc;
    struct port *p = ws_alloc(sizeof(*p));
    p->kind = cfg->kind;
    p->workers = cfg->workers == 0 ? 1 : cfg->workers;
    p->id = RTE_MAX_ETHPORTS;
    p->ready_fd = -1;
    p->ask_fd = -1;
    switch (cfg->kind) {
    case PORT_CAPTURE:
        rc = port_capture_open(p, cfg, clock, err);
        break;
    case PORT_AF_PACKET:
        rc = port_af_packet_open(p, cfg, err);
        break;
    case PORT_AF_XDP:
        rc = port_af_xdp_open(p, cfg, err);
        break;
    case PORT_TAP:
        rc = port_tap_open(p, cfg, err);
        break;
    case PORT_RING:
        rc = port_ring_open(p, cfg, err);
        break;
    case PORT_NIC:
        rc = port_nic_open(p, cfg, err);
        break;
    }
    if (rc != WS_OK) {
        port_close(p);
        return rc;
    }
    *ret = p;
    return WS_OK;
}

uint64_t port_losses(struct port *p) {
    if (p->kind == PORT_AF_PACKET)
        port_af_packet_losses(p);
    if (p->kind == PORT_AF_XDP)
        port_af_xdp_losses(p);
    if (p->kind == PORT_TAP)
        port_tap_losses(p);
    struct rte_eth_stats stats;
    if (rte_eth_stats_get(p->id, &stats) != 0)
        return 0;
    /* The other drivers count what they had no room for, and that is tried again. */
    if (p->kind == PORT_AF_PACKET || p->kind == PORT_NIC)
        p->sent.refused = stats.oerrors;
    /* What net_af_xdp missed is in kernel_ring. */
    return stats.rx_nombuf + (p->kind == PORT_AF_XDP ? 0 : stats.imissed);
}

void port_before_sleep(struct port *p) {
    if (p->source != NULL)
        capture_source_tell(p->source, true);
    if (p->kind == PORT_TAP)
        port_tap_prompt(p);
    if (p->sleep == PORT_SLEEP_INTERRUPT)
        (void)rte_eth_dev_rx_intr_enable(p->id, 0);
}

void port_after_sleep(struct port *p) {
    eventfd_t n;
    if (p->source != NULL)
        capture_source_tell(p->source, false);
    if (p->sleep == PORT_SLEEP_INTERRUPT)
        (void)rte_eth_dev_rx_intr_disable(p->id, 0);
    if (p->sleep == PORT_SLEEP_INTERRUPT || p->kind == PORT_CAPTURE || p->kind == PORT_RING)
        (void)eventfd_read(p->ready_fd, &n);
}

void port_close(struct port *p) {
    if (p == NULL)
        return;
    if (p->source != NULL)
        capture_source_stop(p->source);
    if (p->id != RTE_MAX_ETHPORTS && p->kind == PORT_NIC) {
        port_nic_close(p);
    } else if (p->id != RTE_MAX_ETHPORTS) {
        (void)rte_eth_dev_stop(p->id);
        (void)rte_eth_dev_close(p->id);
    }
    if (p->device[0] != '\0' && p->kind != PORT_NIC)
        (void)rte_vdev_uninit(p->device);
    if (p->kind == PORT_AF_XDP)
        port_af_xdp_close(p);
    if (p->ask_fd >= 0)
        (void)close(p->ask_fd);
    if (p->kind == PORT_RING)
        port_ring_close(p);
    if ((p->kind == PORT_CAPTURE || p->kind == PORT_RING) && p->ready_fd >= 0)
        (void)close(p->ready_fd);
    port_send_close(p);
    capture_source_free(p->source);
    rte_mempool_free(p->pool);
    rte_mempool_free(p->send_pool);
    free(p);
}
