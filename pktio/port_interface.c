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
#include <sys/stat.h>
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

/* Each socket of the family, by inode: the number of a descriptor that another thread just closed is the next one's. Stops
 * at the first that is not in `known`, NULL: at none, and appends inodes to `all`, if that is not NULL. */
static int look_through(const struct buf *known, int family, struct buf *all) {
    int found = -1;
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return -1;
    for (struct dirent *e = readdir(dir); e != NULL && found < 0; e = readdir(dir)) {
        struct stat st;
        int fd = (int)strtol(e->d_name, NULL, 10);
        if (e->d_name[0] == '.' || !is_socket_of(fd, family) || fstat(fd, &st) != 0)
            continue;
        if (all != NULL)
            buf_u64(all, st.st_ino);
        if (known != NULL && !listed(known, st.st_ino))
            found = fd;
    }
    (void)closedir(dir);
    return found;
}

void port_list_sockets(struct buf *b, int family) {
    (void)look_through(NULL, family, b);
}

int port_new_socket(const struct buf *before, int family) {
    return look_through(before, family, NULL);
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
