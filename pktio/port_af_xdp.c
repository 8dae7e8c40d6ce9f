/* A kernel interface through net_af_xdp (dpdk facts, sections 2, 3): the kernel writes frames straight into our pool.
 * What arrives on the interface is taken away from the kernel's own stack. */
#include "pktio/port.h"
#include "pktio/port_link.h"

#include "base/log.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_bus_vdev.h>

/* libxdp allocates 80 octets for each socket, which net_af_xdp (22.11) never gives back and nobody else can reach. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable()                                                                           \
    ((void)0) /* NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
#define __lsan_enable()                                                                            \
    ((void)0) /* NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
#endif

enum {
    DATA_ROOM = 2176,
    XDP_HEADROOM = 256, /* kept free by the kernel before each frame it writes */
    RING_FRAMES = 2048, /* as many as the driver gives the kernel to fill */
    CACHE = 256,
    STARTS = 3,
    BUSY_TRIES = 50,
    BUSY_WAIT_US = 20000,
    LET_GO_US = 50000, /* usually enough for the kernel to let go of a queue */
};

static void unmap(struct rte_mempool_memhdr *part, void *ctx) {
    (void)ctx;
    (void)munmap(part->addr, part->len);
}

/* The driver tells the kernel that buffers lie one behind the other from the pool's first octet on, and how many there
 * are; without huge pages DPDK would start each on a page of its own, and those beyond the told end would be lost. So
 * the memory is our own, in one piece. */
static int fill_pool(struct rte_mempool *pool, unsigned n) {
    struct rte_mempool_objsz size;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)rte_mempool_calc_obj_size(pool->elt_size, pool->flags, &size);
    size_t octets = ((size_t)size.total_size * n + page - 1) / page * page;
    void *at = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return -errno;
    int rc = rte_mempool_populate_iova(pool, at, RTE_BAD_IOVA, octets, unmap, NULL);
    if (rc == (int)n)
        return 0;
    if (rc < 0)
        (void)munmap(at, octets);
    return rc < 0 ? rc : -ENOMEM;
}

static int make_pool(struct port *p, unsigned n, struct ws_err *err) {
    char name[RTE_MEMPOOL_NAMESIZE];
    struct rte_pktmbuf_pool_private room = {
        .mbuf_data_room_size = DATA_ROOM, .mbuf_priv_size = sizeof(struct frame_meta)};
    unsigned octets = sizeof(struct rte_mbuf) + sizeof(struct frame_meta) + DATA_ROOM;
    (void)snprintf(name, sizeof(name), "ws%lx", (unsigned long)(uintptr_t)p);
    n += port_pool_extra(p, CACHE);
    p->pool = rte_mempool_create_empty(
        name, n, octets, CACHE, sizeof(room), SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
    int rc = -rte_errno;
    if (p->pool != NULL) {
        rc = rte_mempool_set_ops_byname(p->pool, "ring_mp_mc", NULL);
        if (rc == 0) {
            rte_pktmbuf_pool_init(p->pool, &room);
            rc = fill_pool(p->pool, n);
        }
    }
    if (p->pool == NULL || rc < 0)
        return ws_fail(err, rc == -ENOMEM ? WS_ELIMIT : WS_EIO, "a pool of %u packet buffers: %s",
            n, rte_strerror(-rc));
    (void)rte_mempool_obj_iter(p->pool, rte_pktmbuf_init, NULL);
    return WS_OK;
}

/* Since the socket was made: no buffer for it, and no place in the ring. */
static uint64_t dropped(const struct port *p) {
    struct xdp_statistics st = {0};
    socklen_t n = sizeof(st);
    return getsockopt(p->ready_fd, SOL_XDP, XDP_STATISTICS, &st, &n) == 0
               ? st.rx_dropped + st.rx_ring_full
               : p->kernel_ring;
}

void port_af_xdp_losses(struct port *p) {
    p->kernel_ring = dropped(p);
}

/* The driver (22.11) keeps its socket open when it is closed, and when it fails; the queue would stay taken. */
static void close_socket(int fd, ino_t inode) {
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == inode)
        (void)close(fd);
}

void port_af_xdp_close(struct port *p) {
    close_socket(p->ready_fd, p->ready_inode);
}

static void close_new_sockets(const struct buf *before) {
    for (int fd = port_new_socket(before, AF_XDP); fd >= 0; fd = port_new_socket(before, AF_XDP))
        (void)close(fd);
}

static int make_device(struct port *p, const char *interface, unsigned nth, struct ws_err *err) {
    char name[sizeof(p->device)];
    char args[160];
    (void)snprintf(name, sizeof(name), "net_af_xdp_ws%lx_%u", (unsigned long)(uintptr_t)p, nth);
    /* No busy polling: it makes a system call of each look at an empty queue. And the kernel copies: without, 22.11 may
     * crash in sending, and sleeps for up to a second in receiving. */
    (void)snprintf(args, sizeof(args),
        "iface=%s,start_queue=0,queue_count=1,busy_budget=0,force_copy=1", interface);
    if (rte_vdev_init(name, args) != 0)
        return ws_fail(
            err, WS_EIO, "interface %s: net_af_xdp does not take it (see the log)", interface);
    (void)snprintf(p->device, sizeof(p->device), "%s", name);
    return rte_eth_dev_get_port_by_name(name, &p->id) == 0
               ? WS_OK
               : ws_fail(err, WS_EIO, "interface %s: DPDK made no port", interface);
}

/* The driver's socket is made with the receive queue. */
static int start(struct port *p, const char *interface, unsigned nth, struct ws_err *err) {
    struct buf before = {0};
    struct stat st;
    port_list_sockets(&before);
    int rc = make_device(p, interface, nth, err);
    __lsan_disable();
    if (rc == WS_OK && port_setup(p, 1, err) != WS_OK)
        rc = ws_fail_in(err, "interface %s", interface);
    __lsan_enable();
    if (rc == WS_OK) {
        p->ready_fd = port_new_socket(&before, AF_XDP);
        if (p->ready_fd < 0 || fstat(p->ready_fd, &st) != 0)
            rc = ws_fail(
                err, WS_EIO, "interface %s: the driver's socket is not to be found", interface);
        else
            p->ready_inode = st.st_ino;
    }
    if (rc != WS_OK) {
        p->ready_fd = -1;
        close_new_sockets(&before);
        /* Not closed: the driver would use what it has freed. The failures of a process are few and small. */
        p->id = RTE_MAX_ETHPORTS;
        p->device[0] = '\0';
    }
    buf_free(&before);
    return rc;
}

/* The driver answers every failure alike, and each costs a device, so the kernel is asked first. It takes a while to let go
 * of a queue whose socket was closed. */
static int await_queue(const char *interface, struct ws_err *err) {
    int rc = xdp_try_queue(if_nametoindex(interface), 0);
    for (unsigned i = 0; rc == -EBUSY && i < BUSY_TRIES; i++) {
        (void)usleep(BUSY_WAIT_US);
        rc = xdp_try_queue(if_nametoindex(interface), 0);
    }
    (void)usleep(LET_GO_US); /* and of ours */
    if (rc == -EBUSY)
        return ws_fail(err, WS_EBUSY, "interface %s: another AF_XDP socket has its receive queue 0",
            interface);
    return rc == 0 ? WS_OK
                   : ws_fail(err, WS_EIO, "interface %s: the kernel gives no AF_XDP socket: %s",
                         interface, strerror(-rc));
}

int port_af_xdp_open(struct port *p, const struct port_config *cfg, struct ws_err *err) {
    int rc = make_pool(p, cfg->mbufs == 0 ? PORT_XDP_MBUFS : cfg->mbufs, err);
    if (rc != WS_OK)
        return rc;
    p->ring_frames = RING_FRAMES;
    rc = WS_EBUSY;
    for (unsigned i = 0; rc != WS_OK && i < STARTS; i++) {
        rc = await_queue(cfg->interface, err);
        if (rc != WS_OK)
            return rc;
        rc = start(p, cfg->interface, i, err);
    }
    if (rc != WS_OK)
        return rc;
    size_t room = DATA_ROOM - RTE_PKTMBUF_HEADROOM - XDP_HEADROOM;
    rc = port_send_setup(p, port_look_at(p, cfg->interface, room), err);
    if (rc == WS_OK)
        port_drain(p);
    return rc;
}
