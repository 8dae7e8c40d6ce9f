/* The ways to a unit: its HTTP face, frames on the interface that it hears, datagrams to where it takes uploads. */
#include "rsu/obus/learn_cell.h"

#include <errno.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <net/ethernet.h>

int learn_unit_open(
    struct learn_unit *u, const struct learn_unit_option *option, struct ws_err *err) {
    /* Uploads wait meanwhile. */
    const struct ctl_face face = {.address = option->http, .patience_s = 5};
    *u = (struct learn_unit){.option = option, .frames = -1};
    return ctl_http_open(&face, &u->http, err);
}

static void close_frames(struct learn_unit *u) {
    if (u->frames >= 0)
        (void)close(u->frames);
    u->frames = -1;
}

void learn_unit_close(struct learn_unit *u) {
    ctl_http_close(u->http);
    close_frames(u);
    *u = (struct learn_unit){.frames = -1};
}

/* A unit's tap goes and comes with its process. */
static int open_frames(struct learn_unit *u, struct ws_err *err) {
    const unsigned index = if_nametoindex(u->option->interface);
    if (index == 0)
        return ws_fail(err, WS_ENOTFOUND, "%s: no such interface", u->option->interface);
    if (u->frames >= 0 && (int)index == u->interface)
        return WS_OK;
    close_frames(u);
    u->interface = (int)index;
    u->frames = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (u->frames < 0)
        return ws_fail(
            err, WS_EIO, "%s: %s: frames need CAP_NET_RAW", u->option->interface, strerror(errno));
    return WS_OK;
}

int learn_unit_ready(struct learn_unit *u, struct ws_err *err) {
    return open_frames(u, err);
}

int learn_unit_frame(struct learn_unit *u, struct span frame, struct ws_err *err) {
    int rc = open_frames(u, err);
    if (rc != WS_OK)
        return rc;
    const struct sockaddr_ll to = {.sll_family = AF_PACKET,
        .sll_ifindex = u->interface,
        .sll_halen = ETH_ALEN,
        .sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    if (sendto(u->frames, frame.p, frame.n, 0, (const struct sockaddr *)&to, sizeof(to)) ==
        (ssize_t)frame.n)
        return WS_OK;
    rc = ws_fail(err, WS_EIO, "%s: %s", u->option->interface, strerror(errno));
    close_frames(u);
    return rc;
}

int learn_unit_socket(const struct learn_unit *u, int *ret_fd, struct ws_err *err) {
    if (!u->has_upload)
        return ws_fail(err, WS_ENOTFOUND, "%s takes no uploads", u->option->http);
    const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int off = 0;
    if (fd < 0)
        return ws_fail(err, WS_EIO, "socket: %s", strerror(errno));
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0 ||
        connect(fd, (const struct sockaddr *)&u->upload, sizeof(u->upload)) != 0) {
        const int rc = ws_fail(err, WS_EIO, "uploads of %s: %s", u->option->http, strerror(errno));
        (void)close(fd);
        return rc;
    }
    *ret_fd = fd;
    return WS_OK;
}
