/* A kernel interface through net_af_packet (dpdk facts, section 5): one queue, a deep ring, and the driver's own
 * socket to sleep on and to ask for what the kernel dropped. */
#include "pktio/port.h"

#include "base/bytes.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_bus_vdev.h>

enum {
    FRAME_SIZE = 2048,
    FRAME_HEADER = 52, /* of the kernel's before each frame in the ring */
    BLOCK_SIZE = 4096, /* a multiple of the frame size, or reception stops without a word */
    DATA_ROOM = 2176, /* at least FRAME_SIZE - 52 + headroom, or the driver refuses */
    MBUFS_DEFAULT = 1023,
    MBUFS_MIN = 256,
};

static bool capable(unsigned cap) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    if (syscall(SYS_capget, &head, data) != 0)
        return true; /* then the driver finds out */
    return (data[cap / 32].effective >> cap % 32 & 1) != 0;
}

/* The driver answers most failures with a bare -1, so the usual reasons are looked for first. */
static int check_interface(const char *name, struct ws_err *err) {
    if (name == NULL || name[0] == '\0')
        return ws_fail(err, WS_EINPUT, "no interface is named");
    if (strpbrk(name, ",=[]") != NULL)
        return ws_fail(err, WS_EINPUT, "interface %s: the name cannot be given to DPDK", name);
    if (if_nametoindex(name) == 0)
        return ws_fail(err, WS_ENOTFOUND, "interface %s: %s", name, strerror(errno));
    if (!capable(CAP_NET_RAW) || !capable(CAP_NET_ADMIN))
        return ws_fail(err, WS_EIO,
            "interface %s: capturing needs the capabilities CAP_NET_RAW and CAP_NET_ADMIN", name);
    return WS_OK;
}

/* Says when the interface is down; returns the longest frame it sends. */
static size_t look_at(struct port *p, const char *name) {
    const size_t room = FRAME_SIZE - FRAME_HEADER;
    struct ifreq rq = {0};
    (void)snprintf(p->interface, sizeof(p->interface), "%s", name);
    p->ask_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)snprintf(rq.ifr_name, sizeof(rq.ifr_name), "%s", name);
    if (ioctl(p->ask_fd, SIOCGIFFLAGS, &rq) == 0 && (rq.ifr_flags & IFF_UP) == 0)
        ws_log(WS_LOG_WARN, "pktio", "interface %s is down; nothing comes until it is up", name);
    if (ioctl(p->ask_fd, SIOCGIFMTU, &rq) != 0 || rq.ifr_mtu <= 0)
        return ETHER_MAX_LEN - ETHER_CRC_LEN;
    size_t octets = (size_t)rq.ifr_mtu + ETHER_HDR_LEN;
    return octets < room ? octets : room;
}

/* ---- the driver's socket ---- */

static void list_fds(struct buf *b) {
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] != '.')
            buf_u32(b, (uint32_t)strtoul(e->d_name, NULL, 10));
    }
    (void)closedir(dir);
}

static bool listed(const struct buf *b, uint32_t fd) {
    for (size_t i = 0; i + 4 <= b->n; i += 4) {
        if (be32(b->p + i) == fd)
            return true;
    }
    return false;
}

static bool is_packet_socket(int fd) {
    int domain = 0;
    socklen_t n = sizeof(domain);
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_PACKET;
}

static int new_packet_socket(const struct buf *before) {
    struct buf now = {0};
    int found = -1;
    list_fds(&now);
    for (size_t i = 0; i + 4 <= now.n && found < 0; i += 4) {
        uint32_t fd = be32(now.p + i);
        if (!listed(before, fd) && is_packet_socket((int)fd))
            found = (int)fd;
    }
    buf_free(&now);
    return found;
}

uint64_t port_losses(struct port *p) {
    if (p->kind == PORT_AF_PACKET && p->ready_fd >= 0) {
        struct tpacket_stats st = {0};
        socklen_t n = sizeof(st);
        /* Reading clears the kernel's counters. */
        if (getsockopt(p->ready_fd, SOL_PACKET, PACKET_STATISTICS, &st, &n) == 0)
            p->kernel_ring += st.tp_drops;
    }
    struct rte_eth_stats stats;
    if (rte_eth_stats_get(p->id, &stats) != 0)
        return 0;
    p->sent.refused = stats.oerrors;
    return stats.imissed + stats.rx_nombuf;
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

/* The socket captures from its creation on; what came before the start is not ours. */
static void drain(struct port *p) {
    struct rte_mbuf *m[32];
    for (unsigned i = 0; i < 8192 / ARRAY_LEN(m); i++) {
        unsigned n = rte_eth_rx_burst(p->id, 0, m, (uint16_t)ARRAY_LEN(m));
        if (n == 0)
            break;
        rte_pktmbuf_free_bulk(m, n);
    }
}

int port_af_packet_open(struct port *p, const struct port_config *cfg, struct ws_err *err) {
    unsigned mbufs = cfg->mbufs == 0 ? MBUFS_DEFAULT : cfg->mbufs;
    if (mbufs < MBUFS_MIN)
        return ws_fail(
            err, WS_EINPUT, "%u packet buffers: an interface needs at least %u", mbufs, MBUFS_MIN);
    int rc = check_interface(cfg->interface, err);
    if (rc == WS_OK)
        rc = port_pool(p, mbufs, DATA_ROOM, err);
    if (rc != WS_OK)
        return rc;
    struct buf before = {0};
    list_fds(&before);
    rc = make_device(p, cfg->interface, err);
    if (rc == WS_OK)
        p->ready_fd = new_packet_socket(&before);
    buf_free(&before);
    if (rc == WS_OK && p->ready_fd < 0)
        rc = ws_fail(
            err, WS_EIO, "interface %s: the driver's socket is not to be found", cfg->interface);
    if (rc == WS_OK)
        rc = port_setup(p, 1, err);
    if (rc != WS_OK)
        return rc;
    rc = port_send_setup(p, look_at(p, cfg->interface), err);
    if (rc != WS_OK)
        return rc;
    drain(p);
    (void)port_losses(p);
    p->kernel_ring = 0;
    return WS_OK;
}
