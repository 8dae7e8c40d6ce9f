/* An interface of the kernel that we make (net_tap): what programs of this machine send into it is received here, and what is
 * sent here they receive. */
#include "pktio/port.h"

#include "base/log.h"
#include "pktio/port_link.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <rte_bus_vdev.h>

enum {
    DATA_ROOM = 2176,
    SEGMENTS = 4, /* buffers that the driver keeps ready for one frame */
    QUEUE_FRAMES = 4096,
};

/* The driver has the kernel send a signal to the process for each frame, and reads only after its handler ran. Whatever
 * thread the kernel picked would be interrupted in what it does, so the kernel is told to be quiet... */
static void silence(struct port *p) {
    int flags = fcntl(p->ready_fd, F_GETFL);
    int signal = fcntl(p->ready_fd, F_GETSIG);
    if (flags >= 0 && signal > 0 && fcntl(p->ready_fd, F_SETFL, flags & ~O_ASYNC) == 0)
        p->signal = signal;
}

/* ... and the receiving thread has the handler run, before it looks for the last time and sleeps. */
void port_tap_prompt(struct port *p) {
    sigset_t set;
    pid_t me = gettid();
    if (p->signal == 0)
        return;
    if (p->prompted != me) {
        (void)sigemptyset(&set);
        (void)sigaddset(&set, p->signal);
        (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
        p->prompted = me;
    }
    (void)pthread_kill(pthread_self(), p->signal);
}

void port_tap_losses(struct port *p) {
    struct link_facts link;
    /* Seen from the kernel we are the wire. */
    if (link_ask(if_nametoindex(p->interface), &link) == 0)
        p->kernel_ring = link.tx_dropped;
}

/* The kernel's queue, before us; 500 frames if nobody says more. */
static void lengthen_queue(struct port *p, unsigned frames) {
    struct ifreq rq = {0};
    (void)snprintf(rq.ifr_name, sizeof(rq.ifr_name), "%s", p->interface);
    rq.ifr_qlen = (int)frames;
    if (ioctl(p->ask_fd, SIOCSIFTXQLEN, &rq) != 0)
        ws_log(WS_LOG_WARN, "pktio", "interface %s: its queue stays short, bursts may be lost: %s",
            p->interface, strerror(errno));
}

int port_tap_open(struct port *p, const struct port_config *cfg, struct ws_err *err) {
    char name[sizeof(p->device)];
    char args[80];
    int rc = port_pool(p, cfg->mbufs == 0 ? PORT_MBUFS : cfg->mbufs, DATA_ROOM, err);
    if (rc != WS_OK)
        return rc;
    (void)snprintf(name, sizeof(name), "net_tap_ws%lx", (unsigned long)(uintptr_t)p);
    (void)snprintf(args, sizeof(args), "iface=%s", cfg->interface);
    if (rte_vdev_init(name, args) != 0)
        return ws_fail(
            err, WS_EIO, "interface %s: net_tap does not make it (see the log)", cfg->interface);
    (void)snprintf(p->device, sizeof(p->device), "%s", name);
    if (rte_eth_dev_get_port_by_name(name, &p->id) != 0)
        return ws_fail(err, WS_EIO, "interface %s: DPDK made no port", cfg->interface);
    p->ring_frames = SEGMENTS;
    p->interrupts = true; /* that is where the driver keeps its descriptor */
    rc = port_setup(p, 1, err);
    if (rc != WS_OK)
        return ws_fail_in(err, "interface %s", cfg->interface);
    p->ready_fd = rte_eth_dev_rx_intr_ctl_q_get_fd(p->id, 0);
    if (p->ready_fd < 0)
        return ws_fail(err, WS_EIO, "interface %s: the driver's descriptor is not to be found",
            cfg->interface);
    silence(p);
    rc = port_send_setup(p, port_look_at(p, cfg->interface, PORT_FRAME_MAX), err);
    if (rc == WS_OK)
        lengthen_queue(p, cfg->ring_frames == 0 ? QUEUE_FRAMES : cfg->ring_frames);
    return rc;
}
