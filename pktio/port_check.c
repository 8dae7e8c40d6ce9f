#include "pktio/port_check.h"

#include "pktio/port_link.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { XDP_MBUF_OCTETS = 2560 }; /* of memory that the kernel pins for each buffer */

const char *port_kind_name(enum port_kind k) {
    switch (k) {
    case PORT_CAPTURE:
        return "capture";
    case PORT_AF_PACKET:
        return "af_packet";
    case PORT_AF_XDP:
        return "af_xdp";
    case PORT_TAP:
        return "tap";
    case PORT_RING:
        return "ring";
    case PORT_NIC:
        return "nic";
    }
    return "unknown";
}

static bool capable(unsigned cap) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    if (syscall(SYS_capget, &head, data) != 0)
        return true; /* then the driver finds out */
    return (data[cap / 32].effective >> cap % 32 & 1) != 0;
}

static int check_name(const char *name, struct ws_err *err) {
    if (name == NULL || name[0] == '\0')
        return ws_fail(err, WS_EINPUT, "no interface is named");
    if (strpbrk(name, ",=[]") != NULL)
        return ws_fail(err, WS_EINPUT, "interface %s: the name cannot be given to DPDK", name);
    return WS_OK;
}

static int check_interface(const char *name, struct ws_err *err) {
    int rc = check_name(name, err);
    if (rc != WS_OK)
        return rc;
    if (if_nametoindex(name) == 0)
        return ws_fail(err, WS_ENOTFOUND, "interface %s: %s", name, strerror(errno));
    if (!capable(CAP_NET_RAW) || !capable(CAP_NET_ADMIN))
        return ws_fail(err, WS_EIO,
            "interface %s: capturing needs the capabilities CAP_NET_RAW and CAP_NET_ADMIN", name);
    return WS_OK;
}

static int check_tap(const char *name, struct ws_err *err) {
    static const char device[] = "/dev/net/tun";
    int rc = check_name(name, err);
    if (rc != WS_OK)
        return rc;
    if (strlen(name) >= IF_NAMESIZE)
        return ws_fail(err, WS_EINPUT, "interface %s: a name has at most %u letters", name,
            (unsigned)IF_NAMESIZE - 1);
    if (if_nametoindex(name) != 0)
        return ws_fail(err, WS_EEXIST,
            "interface %s: it is there already; kind: tap makes one (ip link delete %s, if nobody "
            "has it)",
            name, name);
    if (!capable(CAP_NET_ADMIN))
        return ws_fail(
            err, WS_EIO, "interface %s: making it needs the capability CAP_NET_ADMIN", name);
    if (access(device, R_OK | W_OK) != 0)
        return ws_fail(
            err, WS_EIO, "interface %s: kind: tap needs %s: %s", name, device, strerror(errno));
    return WS_OK;
}

/* ---- af_xdp ---- */

/* Root in a name space of users has no rights over BPF, whatever its capabilities say. */
static bool users_are_mapped(void) {
    unsigned inside = 0;
    unsigned outside = 0;
    unsigned n = 0;
    FILE *f = fopen("/proc/self/uid_map", "re");
    if (f == NULL)
        return false; /* a kernel without such name spaces */
    /* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
    int got = fscanf(f, "%u %u %u", &inside, &outside, &n);
    (void)fclose(f);
    return got == 3 && n != UINT32_MAX;
}

static int check_rights(const char *name, struct ws_err *err) {
    if (geteuid() != 0)
        return ws_fail(err, WS_EIO,
            "interface %s: af_xdp needs root; capabilities are not enough (kind: af_packet does "
            "with CAP_NET_RAW and CAP_NET_ADMIN)",
            name);
    if (users_are_mapped())
        return ws_fail(err, WS_EIO,
            "interface %s: af_xdp needs root of the machine, and this process is root only in a "
            "name space of users",
            name);
    if (!capable(CAP_SYS_ADMIN) && !capable(CAP_BPF))
        return ws_fail(
            err, WS_EIO, "interface %s: af_xdp needs the capability CAP_BPF as well", name);
    return WS_OK;
}

/* What the kernel pins counts as locked, unless one may lock what one likes. */
static int check_locked_memory(const char *name, unsigned mbufs, struct ws_err *err) {
    struct rlimit limit;
    uint64_t need = (uint64_t)mbufs * XDP_MBUF_OCTETS;
    if (capable(CAP_IPC_LOCK) || getrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
        limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= need)
        return WS_OK;
    return ws_fail(err, WS_ELIMIT,
        "interface %s: af_xdp pins %llu MB for %u buffers, and the limit of locked memory is %llu "
        "kB (LimitMEMLOCK= of the service, ulimit -l)",
        name, (unsigned long long)(need >> 20) + 1, mbufs,
        (unsigned long long)limit.rlim_cur >> 10);
}

/* One queue is read; on an interface with more, the frames of the others would go unheard. */
static unsigned receive_queues(const char *name) {
    struct ethtool_channels ch = {.cmd = ETHTOOL_GCHANNELS};
    struct ifreq rq = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)snprintf(rq.ifr_name, sizeof(rq.ifr_name), "%s", name);
    rq.ifr_data = (char *)&ch;
    int rc = fd < 0 ? -1 : ioctl(fd, SIOCETHTOOL, &rq);
    if (fd >= 0)
        (void)close(fd);
    return rc != 0 ? 1 : ch.rx_count + ch.combined_count;
}

static int check_af_xdp(const struct port_config *cfg, struct ws_err *err) {
    const char *name = cfg->interface;
    unsigned mbufs = cfg->mbufs == 0 ? PORT_XDP_MBUFS : cfg->mbufs;
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT)
        return ws_fail(
            err, WS_ENOTSUP, "interface %s: af_xdp needs a kernel with CONFIG_XDP_SOCKETS", name);
    if (fd >= 0)
        (void)close(fd);
    int rc = check_rights(name, err);
    if (rc == WS_OK)
        rc = check_locked_memory(name, mbufs, err);
    if (rc != WS_OK)
        return rc;
    unsigned queues = receive_queues(name);
    if (queues > 1)
        return ws_fail(err, WS_EINPUT,
            "interface %s: it has %u receive queues and af_xdp reads one (ethtool -L %s combined "
            "1)",
            name, queues, name);
    struct xdp_program program;
    rc = xdp_program_of(if_nametoindex(name), &program);
    if (rc != 0)
        return ws_fail(err, WS_EIO, "interface %s: its XDP program: %s", name, strerror(-rc));
    if (program.id != 0 && !program.ours)
        return ws_fail(err, WS_EBUSY,
            "interface %s: XDP program %u (%s) is attached to it; af_xdp needs an interface "
            "without one (ip link set dev %s xdp off)",
            name, program.id, program.name, name);
    return WS_OK;
}

/* ---- memory ---- */

bool port_ring_is_cut(const struct port_config *cfg, struct ws_err *ret_why) {
    struct rlimit limit;
    unsigned frames = cfg->ring_frames == 0 ? PORT_PACKET_FRAMES : cfg->ring_frames;
    uint64_t need = (uint64_t)frames * PORT_PACKET_FRAME * 2; /* to receive and to send */
    if (cfg->kind != PORT_AF_PACKET || capable(CAP_IPC_LOCK) ||
        getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur >= need)
        return false;
    (void)ws_fail(ret_why, WS_ELIMIT,
        "interface %s: its rings of %u frames lock %llu MB, and the limit of locked memory is %llu "
        "kB (LimitMEMLOCK= of the service, ulimit -l); they will be shorter, and bursts may be "
        "lost",
        cfg->interface, frames, (unsigned long long)(need >> 20),
        (unsigned long long)limit.rlim_cur >> 10);
    return true;
}

bool port_is_down(const struct port_config *cfg) {
    struct ifreq rq = {0};
    if (cfg->kind != PORT_AF_PACKET && cfg->kind != PORT_AF_XDP)
        return false;
    (void)snprintf(rq.ifr_name, sizeof(rq.ifr_name), "%s", cfg->interface);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool down = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &rq) == 0 && (rq.ifr_flags & IFF_UP) == 0;
    if (fd >= 0)
        (void)close(fd);
    return down;
}

uint64_t port_memory(const struct port_config *cfg, bool huge_pages) {
    /* Without huge pages a buffer of this size has a page to itself. */
    const uint64_t octets = huge_pages ? 2432 : 4096;
    uint64_t n = cfg->mbufs;
    switch (cfg->kind) {
    case PORT_CAPTURE:
        return 0; /* as many as there is room for in small ones */
    case PORT_AF_PACKET:
    case PORT_TAP:
        n = n == 0 ? PORT_MBUFS : n;
        break;
    case PORT_NIC:
        n = n == 0 ? PORT_XDP_MBUFS : n;
        break;
    case PORT_AF_XDP: /* has its own */
    case PORT_RING:
        n = 0;
        break;
    }
    return (n + PORT_SEND_MBUFS) * octets;
}

/* ---- all ---- */

static int check_sizes(const struct port_config *cfg, struct ws_err *err) {
    unsigned least =
        cfg->kind == PORT_AF_XDP || cfg->kind == PORT_NIC ? PORT_XDP_MBUFS_MIN : PORT_MBUFS_MIN;
    if (cfg->mbufs != 0 && (cfg->mbufs < least || cfg->mbufs > PORT_MBUFS_MAX))
        return ws_fail(err, WS_EINPUT,
            "%u packet buffers: %s needs at least %u, and %u are the most", cfg->mbufs,
            port_kind_name(cfg->kind), least, (unsigned)PORT_MBUFS_MAX);
    unsigned n = cfg->ring_frames;
    if (n != 0 && (n < PORT_RING_FRAMES || n > PORT_RING_FRAMES_MAX || (n & (n - 1)) != 0))
        return ws_fail(err, WS_EINPUT,
            "a ring of %u frames: a power of two from %u to %u is allowed", n,
            (unsigned)PORT_RING_FRAMES, (unsigned)PORT_RING_FRAMES_MAX);
    return WS_OK;
}

int port_check(const struct port_config *cfg, struct ws_err *err) {
    if (cfg->kind == PORT_CAPTURE)
        return WS_OK;
    int rc = check_sizes(cfg, err);
    if (rc != WS_OK || cfg->kind == PORT_RING)
        return rc;
    if (cfg->kind == PORT_TAP)
        return check_tap(cfg->interface, err);
    if (cfg->kind == PORT_NIC)
        return port_check_nic("", cfg->device, err);
    rc = check_interface(cfg->interface, err);
    if (rc == WS_OK && cfg->kind == PORT_AF_XDP)
        rc = check_af_xdp(cfg, err);
    return rc;
}
