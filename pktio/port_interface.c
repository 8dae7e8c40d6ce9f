/* What the ports on kernel interfaces share: what the kernel says of the interface, and the driver's own socket. */
#include "pktio/port.h"

#include "base/bytes.h"
#include "base/log.h"

#include <dirent.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

size_t port_look_at(struct port *p, const char *name, size_t room) {
    struct ifreq rq = {0};
    (void)snprintf(p->interface, sizeof(p->interface), "%s", name);
    p->interface_index = (int)if_nametoindex(name);
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

void port_list_fds(struct buf *b) {
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        uint32_t fd = (uint32_t)strtoul(e->d_name, NULL, 10);
        /* Not the folder's own: its number is free again when the driver opens its socket. */
        if (e->d_name[0] != '.' && (int)fd != dirfd(dir))
            buf_u32(b, fd);
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

static bool is_socket_of(int fd, int family) {
    int domain = 0;
    socklen_t n = sizeof(domain);
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == family;
}

int port_new_socket(const struct buf *before, int family) {
    struct buf now = {0};
    int found = -1;
    port_list_fds(&now);
    for (size_t i = 0; i + 4 <= now.n && found < 0; i += 4) {
        uint32_t fd = be32(now.p + i);
        if (!listed(before, fd) && is_socket_of((int)fd, family))
            found = (int)fd;
    }
    buf_free(&now);
    return found;
}

void port_drain(struct port *p) {
    struct rte_mbuf *m[32];
    for (unsigned i = 0; i < 8192 / ARRAY_LEN(m); i++) {
        unsigned n = rte_eth_rx_burst(p->id, 0, m, (uint16_t)ARRAY_LEN(m));
        if (n == 0)
            break;
        rte_pktmbuf_free_bulk(m, n);
    }
}
