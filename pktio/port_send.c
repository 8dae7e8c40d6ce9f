/* The transmit side of a port: from the send queue into buffers of its own pool, so that a flood on the receive side
 * takes none of them away, and on to the driver in bursts. */
#include "pktio/port.h"
#include "pktio/send_queue.h"

#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

enum {
    QUEUE_SLOTS = 512,
    DATA_ROOM = PORT_FRAME_MAX + RTE_PKTMBUF_HEADROOM,
};

int port_send_setup(struct port *p, size_t octets, struct ws_err *err) {
    size_t room = DATA_ROOM - RTE_PKTMBUF_HEADROOM;
    char name[RTE_MEMPOOL_NAMESIZE];
    (void)snprintf(name, sizeof(name), "wt%lx", (unsigned long)(uintptr_t)p);
    if (p->send_pool == NULL)
        p->send_pool = rte_pktmbuf_pool_create(
            name, PORT_SEND_MBUFS, 0, sizeof(struct frame_meta), DATA_ROOM, SOCKET_ID_ANY);
    if (p->send_pool == NULL)
        return ws_fail(err, rte_errno == ENOMEM ? WS_ELIMIT : WS_EIO,
            "a pool of %u packet buffers to send with: %s (memory_mb)", PORT_SEND_MBUFS,
            rte_strerror(rte_errno));
    p->send = send_queue_new(QUEUE_SLOTS, octets < room ? octets : room);
    return WS_OK;
}

void port_send_close(struct port *p) {
    rte_pktmbuf_free_bulk(p->unsent, p->n_unsent);
    p->n_unsent = 0;
    send_queue_free(p->send);
    p->send = NULL;
}

/* The net_af_packet driver leaves what it could not send in the kernel's ring, from where it would go out, long stale, when
 * the interface comes up again; what it says about the link in 22.11 is always "up", so the kernel is asked. */
static bool link_down(const struct port *p) {
    struct ifreq rq = {0};
    struct rte_eth_link link;
    if (p->kind == PORT_NIC)
        return rte_eth_link_get_nowait(p->id, &link) == 0 && link.link_status == RTE_ETH_LINK_DOWN;
    if (p->ask_fd < 0)
        return false;
    (void)snprintf(rq.ifr_name, sizeof(rq.ifr_name), "%s", p->interface);
    return ioctl(p->ask_fd, SIOCGIFFLAGS, &rq) != 0 || (rq.ifr_flags & IFF_UP) == 0 ||
           (rq.ifr_flags & IFF_RUNNING) == 0;
}

static void fill(struct port *p) {
    while (p->n_unsent < PORT_SEND_BURST) {
        struct span frame = send_queue_first(p->send);
        if (frame.n == 0)
            return;
        struct rte_mbuf *m = rte_pktmbuf_alloc(p->send_pool);
        if (m == NULL)
            return; /* the driver still has them; the frame stays in the queue */
        memcpy(rte_pktmbuf_mtod(m, void *), frame.p, frame.n);
        m->data_len = (uint16_t)frame.n;
        m->pkt_len = (uint32_t)frame.n;
        p->unsent[p->n_unsent++] = m;
        send_queue_drop(p->send);
    }
}

bool port_send(struct port *p) {
    if (p->send == NULL)
        return false;
    fill(p);
    if (p->n_unsent == 0)
        return false;
    if (link_down(p)) {
        p->sent.errors += p->n_unsent;
        rte_pktmbuf_free_bulk(p->unsent, p->n_unsent);
        p->n_unsent = 0;
        return send_queue_first(p->send).n > 0;
    }
    uint32_t octets[PORT_SEND_BURST];
    for (unsigned i = 0; i < p->n_unsent; i++)
        octets[i] = rte_pktmbuf_pkt_len(p->unsent[i]);
    unsigned took = rte_eth_tx_burst(p->id, 0, p->unsent, (uint16_t)p->n_unsent);
    for (unsigned i = 0; i < took; i++)
        p->sent.octets += octets[i];
    p->sent.frames += took;
    if (p->kind == PORT_RING && took > 0)
        (void)eventfd_write(p->ready_fd, 1); /* fails only when it is readable already */
    p->n_unsent -= took;
    for (unsigned i = 0; i < p->n_unsent; i++)
        p->unsent[i] = p->unsent[took + i];
    return took > 0 && (p->n_unsent > 0 || send_queue_first(p->send).n > 0);
}
