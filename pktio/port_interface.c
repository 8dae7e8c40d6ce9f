/* What the ports on kernel interfaces share: what the kernel says of the interface, and the driver's own socket. */
#include "pktio/port.h"

#include "base/bytes.h"
#include "base/log.h"

#include <dirent.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
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

static bool is_socket_of(int fd, int family) {
    int domain = 0;
    socklen_t n = sizeof(domain);
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == family;
}

static bool listed(const struct buf *b, uint64_t inode) {
    for (size_t i = 0; i + 8 <= b->n; i += 8) {
        if (be64(b->p + i) == inode)
            return true;
    }
    return false;
}

/* The inode of a descriptor that is a socket, else 0; asks the folder and does not touch the descriptor, which may be
 * another thread's. */
static uint64_t socket_inode(DIR *dir, const char *number) {
    char link[64];
    unsigned long long inode = 0;
    ssize_t n = readlinkat(dirfd(dir), number, link, sizeof(link) - 1);
    if (n <= 0)
        return 0;
    link[n] = '\0';
    return sscanf(link, "socket:[%llu]", &inode) == 1 ? inode : 0; /* NOLINT(cert-err34-c) */
}

/* By inode: the number of a descriptor that another thread just closed is the next one's. */
void port_list_sockets(struct buf *b) {
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        uint64_t inode = socket_inode(dir, e->d_name);
        if (inode != 0)
            buf_u64(b, inode);
    }
    (void)closedir(dir);
}

int port_new_socket(const struct buf *before, int family) {
    int found = -1;
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return -1;
    for (struct dirent *e = readdir(dir); e != NULL && found < 0; e = readdir(dir)) {
        uint64_t inode = socket_inode(dir, e->d_name);
        int fd = (int)strtol(e->d_name, NULL, 10);
        if (inode != 0 && !listed(before, inode) && is_socket_of(fd, family))
            found = fd;
    }
    (void)closedir(dir);
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
