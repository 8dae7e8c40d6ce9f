#include "pktio/port_link.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- what the kernel says of it ---- */

static const struct rtattr *find(const void *from, size_t n, unsigned type) {
    const struct rtattr *a = from;
    while (n >= sizeof(*a) && a->rta_len >= sizeof(*a) && a->rta_len <= n) {
        if ((a->rta_type & NLA_TYPE_MASK) == type)
            return a;
        size_t step = RTA_ALIGN(a->rta_len);
        if (step >= n)
            break;
        n -= step;
        a = (const struct rtattr *)((const char *)a + step);
    }
    return NULL;
}

static const struct rtattr *find_in(const struct rtattr *a, unsigned type) {
    return a == NULL ? NULL : find(RTA_DATA(a), RTA_PAYLOAD(a), type);
}

static uint32_t program_in(const struct rtattr *xdp) {
    const struct rtattr *mode = find_in(xdp, IFLA_XDP_ATTACHED);
    if (mode == NULL || RTA_PAYLOAD(mode) < 1 ||
        *(const uint8_t *)RTA_DATA(mode) == XDP_ATTACHED_NONE)
        return 0;
    static const unsigned ids[] = {
        IFLA_XDP_PROG_ID, IFLA_XDP_DRV_PROG_ID, IFLA_XDP_SKB_PROG_ID, IFLA_XDP_HW_PROG_ID};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        const struct rtattr *a = find_in(xdp, ids[i]);
        uint32_t id = 0;
        if (a != NULL && RTA_PAYLOAD(a) >= sizeof(id))
            memcpy(&id, RTA_DATA(a), sizeof(id));
        if (id != 0)
            return id;
    }
    return 0;
}

static struct link_facts facts_in(const struct nlmsghdr *h) {
    struct link_facts f = {0};
    struct rtnl_link_stats64 stats;
    size_t head = NLMSG_SPACE(sizeof(struct ifinfomsg));
    if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len <= head)
        return f;
    const char *from = (const char *)h + head;
    f.xdp_program = program_in(find(from, h->nlmsg_len - head, IFLA_XDP));
    const struct rtattr *a = find(from, h->nlmsg_len - head, IFLA_STATS64);
    size_t n = a == NULL ? 0 : RTA_PAYLOAD(a);
    memset(&stats, 0, sizeof(stats));
    if (n > 0)
        memcpy(&stats, RTA_DATA(a), n < sizeof(stats) ? n : sizeof(stats));
    f.tx_dropped = stats.tx_dropped;
    return f;
}

int link_ask(unsigned ifindex, struct link_facts *ret) {
    struct {
        struct nlmsghdr h;
        struct ifinfomsg m;
    } ask = {
        .h = {.nlmsg_len = sizeof(ask), .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST},
        .m = {.ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex},
    };
    _Alignas(struct nlmsghdr) char answer[16384] = {0};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    ssize_t n = -1;
    if (fd >= 0 && send(fd, &ask, sizeof(ask), 0) == (ssize_t)sizeof(ask))
        n = recv(fd, answer, sizeof(answer), 0);
    int rc = n < 0 ? -errno : 0;
    if (fd >= 0)
        (void)close(fd);
    if (rc != 0)
        return rc;
    const struct nlmsghdr *h = (const struct nlmsghdr *)answer;
    if ((size_t)n < sizeof(*h) || h->nlmsg_len > (size_t)n)
        return -EPROTO;
    if (h->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *e = NLMSG_DATA(h);
        return h->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) && e->error != 0 ? e->error : -EPROTO;
    }
    *ret = facts_in(h);
    return 0;
}

static long bpf(enum bpf_cmd cmd, union bpf_attr *attr) {
    return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* Best effort: a program whose name cannot be had is somebody else's. */
static void ask_name(struct xdp_program *p) {
    struct bpf_prog_info info;
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    memset(&info, 0, sizeof(info));
    attr.prog_id = p->id;
    long fd = bpf(BPF_PROG_GET_FD_BY_ID, &attr);
    if (fd < 0)
        return;
    memset(&attr, 0, sizeof(attr));
    attr.info.bpf_fd = (uint32_t)fd;
    attr.info.info_len = sizeof(info);
    attr.info.info = (uintptr_t)&info;
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0)
        (void)snprintf(p->name, sizeof(p->name), "%.15s", info.name);
    (void)close((int)fd);
}

int xdp_program_of(unsigned ifindex, struct xdp_program *ret) {
    *ret = (struct xdp_program){.name = "without a name"};
    struct link_facts link = {0};
    int rc = link_ask(ifindex, &link);
    ret->id = link.xdp_program;
    if (rc != 0 || ret->id == 0)
        return rc;
    ask_name(ret);
    ret->ours = strcmp(ret->name, "xsk_def_prog") == 0 || strcmp(ret->name, "xdp_dispatcher") == 0;
    return 0;
}

/* ---- whether a queue is free ---- */

enum { TRY_OCTETS = 16384, TRY_FRAME = 4096, TRY_RING = 4 };

static int bind_queue(int fd, void *area, unsigned ifindex, unsigned queue) {
    const struct xdp_umem_reg reg = {
        .addr = (uintptr_t)area, .len = TRY_OCTETS, .chunk_size = TRY_FRAME};
    const int n = TRY_RING;
    const struct sockaddr_xdp at = {.sxdp_family = AF_XDP,
        .sxdp_flags = XDP_COPY,
        .sxdp_ifindex = ifindex,
        .sxdp_queue_id = queue};
    if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) != 0 ||
        setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &n, sizeof(n)) != 0 ||
        setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &n, sizeof(n)) != 0 ||
        setsockopt(fd, SOL_XDP, XDP_RX_RING, &n, sizeof(n)) != 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0)
        return -errno;
    return 0;
}

int xdp_try_queue(unsigned ifindex, unsigned queue) {
    void *area = mmap(NULL, TRY_OCTETS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        return -errno;
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -errno : bind_queue(fd, area, ifindex, queue);
    if (fd >= 0)
        (void)close(fd);
    (void)munmap(area, TRY_OCTETS);
    return rc;
}
