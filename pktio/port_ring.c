/* What is sent comes back as received, inside the process (net_ring): no interface, no rights. */
#include "pktio/port.h"

#include <errno.h>
#include <sys/eventfd.h>

#include <rte_eth_ring.h>
#include <rte_ring.h>

int port_ring_open(struct port *p, const struct port_config *cfg, struct ws_err *err) {
    char name[RTE_RING_NAMESIZE];
    unsigned frames = cfg->ring_frames == 0 ? PORT_RING_FRAMES : cfg->ring_frames;
    (void)snprintf(name, sizeof(name), "wr%lx", (unsigned long)(uintptr_t)p);
    /* Frames travel in the buffers they are sent in. */
    int rc = port_send_setup(p, PORT_FRAME_MAX, err);
    if (rc != WS_OK)
        return rc;
    /* One thread sends and receives. */
    p->ring = rte_ring_create(
        name, frames, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
    if (p->ring == NULL)
        return ws_fail(err, WS_ELIMIT, "a ring for %u frames: %s", frames, rte_strerror(rte_errno));
    int id = rte_eth_from_rings(name, &p->ring, 1, &p->ring, 1, rte_socket_id());
    if (id < 0)
        return ws_fail(err, WS_EIO, "a ring port: %s", rte_strerror(rte_errno));
    p->id = (uint16_t)id;
    if (rte_eth_dev_get_name_by_port(p->id, p->device) != 0)
        return ws_fail(err, WS_EIO, "a ring port has no name");
    p->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->ready_fd < 0)
        return ws_fail(err, WS_EIO, "a ring port's descriptor: %s", strerror(errno));
    return port_setup(p, 1, err);
}

void port_ring_close(struct port *p) {
    struct rte_mbuf *m;
    while (p->ring != NULL && rte_ring_dequeue(p->ring, (void **)&m) == 0)
        rte_pktmbuf_free(m);
    rte_ring_free(p->ring);
}
