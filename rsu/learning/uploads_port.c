#include "rsu/learning/uploads_port.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "rsu/learning/writer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH = 64,
    PLACE = FL_UPLOAD_DATAGRAM_MAX + 1, /* one octet more than may come shows what is too long */
    BUSY_MS = 5, /* while something is under way */
    QUIET_MS = 100,
    SOCKET_OCTETS = 4 << 20, /* a round trip of many vehicles, while the disk is waited for */
    HOST_MAX = 64,
};

struct uploads_port {
    int socket, wake;
    uint16_t number;
    struct uploads *uploads;
    struct writer *writer; /* NULL: none */
    struct ws_random random;
    struct ws_clock clock;
    pthread_t thread;
    pthread_mutex_t lock; /* of counters */
    struct uploads_port_counters counters, told;
    struct ws_log_limit complaints;
    struct mmsghdr message[BATCH];
    struct iovec iov[BATCH];
    struct sockaddr_in6 from[BATCH];
    _Alignas(struct cmsghdr) uint8_t control[BATCH][CMSG_SPACE(sizeof(struct in6_pktinfo))];
    uint8_t octets[BATCH][PLACE];
};

/* ---- the address ---- */

static int bad_address(const char *text, struct ws_err *err) {
    return ws_fail(err, WS_EINPUT,
        "'%.80s' is not an address and port like [::]:4750, [2001:db8::1]:4750 or 192.0.2.1:4750",
        text);
}

static bool read_port(const char *text, uint16_t *ret) {
    uint32_t v = 0;
    size_t n = 0;
    for (; text[n] >= '0' && text[n] <= '9' && n < 6; n++)
        v = v * 10 + (uint32_t)(text[n] - '0');
    *ret = (uint16_t)v;
    return n > 0 && text[n] == '\0' && v <= UINT16_MAX && (n == 1 || text[0] != '0');
}

int uploads_port_parse(const char *text, struct sockaddr_in6 *ret_address, struct ws_err *err) {
    const char *colon = strrchr(text, ':');
    char host[HOST_MAX] = "::ffff:";
    uint16_t port = 0;
    struct in_addr v4;
    if (colon == NULL || !read_port(colon + 1, &port))
        return bad_address(text, err);
    const size_t n = (size_t)(colon - text);
    *ret_address = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (n >= 2 && n < HOST_MAX && text[0] == '[' && text[n - 1] == ']') {
        memcpy(host, text + 1, n - 2);
        host[n - 2] = '\0';
    } else if (n > 0 && n + 8 < HOST_MAX) {
        memcpy(host + 7, text, n);
        host[7 + n] = '\0';
        if (inet_pton(AF_INET, host + 7, &v4) != 1)
            return bad_address(text, err);
    } else {
        return bad_address(text, err);
    }
    return inet_pton(AF_INET6, host, &ret_address->sin6_addr) == 1 ? WS_OK : bad_address(text, err);
}

/* ---- out ---- */

static void send_to(void *ctx, const struct uploads_source *to, struct span datagram) {
    struct uploads_port *p = ctx;
    struct sockaddr_in6 sa = {
        .sin6_family = AF_INET6, .sin6_port = htons(to->port), .sin6_scope_id = to->scope};
    struct iovec iov = {(void *)datagram.p, datagram.n};
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = {0};
    struct msghdr m = {.msg_name = &sa,
        .msg_namelen = sizeof(sa),
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    struct in6_pktinfo info = {.ipi6_ifindex = to->interface};
    memcpy(&sa.sin6_addr, to->address, sizeof(to->address));
    memcpy(&info.ipi6_addr, to->local, sizeof(to->local));
    c->cmsg_level = IPPROTO_IPV6;
    c->cmsg_type = IPV6_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(c), &info, sizeof(info));
    if (sendmsg(p->socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        p->counters.not_sent++;
}

/* ---- in ---- */

static void set_places(struct uploads_port *p) {
    for (size_t i = 0; i < BATCH; i++) {
        p->iov[i] = (struct iovec){p->octets[i], PLACE};
        p->message[i].msg_hdr = (struct msghdr){.msg_name = &p->from[i],
            .msg_namelen = sizeof(p->from[i]),
            .msg_iov = &p->iov[i],
            .msg_iovlen = 1,
            .msg_control = p->control[i],
            .msg_controllen = sizeof(p->control[i])};
    }
}

static struct uploads_source source_of(const struct uploads_port *p, size_t i) {
    struct uploads_source s = {
        .port = ntohs(p->from[i].sin6_port), .scope = p->from[i].sin6_scope_id};
    struct msghdr h = p->message[i].msg_hdr;
    memcpy(s.address, &p->from[i].sin6_addr, sizeof(s.address));
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c != NULL; c = CMSG_NXTHDR(&h, c)) {
        struct in6_pktinfo info;
        if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_PKTINFO)
            continue;
        memcpy(&info, CMSG_DATA(c), sizeof(info));
        memcpy(s.local, &info.ipi6_addr, sizeof(s.local));
        /* Where the routes lead unless the address is one of a link. */
        s.interface = s.scope != 0 ? info.ipi6_ifindex : 0;
    }
    return s;
}

static bool take_batch(struct uploads_port *p) {
    set_places(p);
    const int n = recvmmsg(p->socket, p->message, BATCH, MSG_DONTWAIT, NULL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        ws_log_limited(&p->complaints, ws_clock_now(&p->clock).mono_us, WS_LOG_WARN, "uploads",
            "receiving: %s", strerror(errno));
    const struct ws_now now = ws_clock_now(&p->clock);
    for (int i = 0; i < n; i++) {
        const struct uploads_source from = source_of(p, (size_t)i);
        if (p->message[i].msg_len > FL_UPLOAD_DATAGRAM_MAX)
            p->counters.too_long++;
        else
            (void)uploads_hear(
                p->uploads, &from, span_of(p->octets[i], p->message[i].msg_len), now);
    }
    return n == BATCH;
}

static bool write_out(void *ctx, struct uploads_whole *w) {
    const struct uploads_port *p = ctx;
    return writer_give(p->writer, w);
}

static void take_written(struct uploads_port *p) {
    const struct ws_now now = ws_clock_now(&p->clock);
    for (struct uploads_whole *w; p->writer != NULL && (w = writer_take(p->writer)) != NULL;)
        uploads_written(p->uploads, w, now);
}

static void tell(struct uploads_port *p) {
    p->counters.uploads = *uploads_counters(p->uploads);
    (void)pthread_mutex_lock(&p->lock);
    p->told = p->counters;
    (void)pthread_mutex_unlock(&p->lock);
}

static void *run(void *ctx) {
    struct uploads_port *p = ctx;
    struct pollfd on[3] = {{.fd = p->socket, .events = POLLIN}, {.fd = p->wake, .events = POLLIN},
        {.fd = p->writer == NULL ? -1 : writer_fd(p->writer), .events = POLLIN}};
    while (on[1].revents == 0) {
        bool more = true;
        for (unsigned n = 0; more && n < 8; n++)
            more = take_batch(p);
        take_written(p);
        uploads_flush(p->uploads, ws_clock_now(&p->clock));
        tell(p);
        const int wait_ms = more ? 0 : p->counters.uploads.under_way > 0 ? BUSY_MS : QUIET_MS;
        (void)poll(on, 3, wait_ms);
    }
    return NULL;
}

/* ---- life ---- */

static int os_error(struct ws_err *err, const char *what) {
    return ws_fail(err, WS_EIO, "uploads: %s: %s", what, strerror(errno));
}

static int open_socket(struct uploads_port *p, const char *text, struct ws_err *err) {
    struct sockaddr_in6 sa = {0};
    socklen_t size = sizeof(sa);
    const int one = 1, none = 0, octets = SOCKET_OCTETS;
    if (uploads_port_parse(text, &sa, err) != WS_OK)
        return ws_fail_in(err, "uploads");
    p->socket = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->socket < 0)
        return os_error(err, "socket");
    /* As much as the machine grants. */
    (void)setsockopt(p->socket, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
    if (setsockopt(p->socket, IPPROTO_IPV6, IPV6_V6ONLY, &none, sizeof(none)) != 0 ||
        setsockopt(p->socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one)) != 0 ||
        bind(p->socket, (const struct sockaddr *)&sa, sizeof(sa)) != 0 ||
        getsockname(p->socket, (struct sockaddr *)&sa, &size) != 0)
        return os_error(err, text);
    p->number = ntohs(sa.sin6_port);
    p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return p->wake < 0 ? os_error(err, "eventfd") : WS_OK;
}

static void release(struct uploads_port *p) {
    writer_free(p->writer);
    uploads_free(p->uploads);
    if (p->socket >= 0)
        (void)close(p->socket);
    if (p->wake >= 0)
        (void)close(p->wake);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

int uploads_port_open(const char *bind_to, const struct uploads_limits *limits,
    const struct uploads_ledger *ledger, const struct uploads_io *io,
    void (*keep_many)(void *ctx, struct uploads_whole *const *w, size_t n),
    const struct ws_clock *clock, struct uploads_port **ret, struct ws_err *err) {
    struct uploads_port *p = ws_alloc(sizeof(*p));
    struct uploads_io own = *io;
    p->socket = p->wake = -1;
    p->clock = *clock;
    p->random = ws_random_system();
    p->complaints = (struct ws_log_limit){.period_us = 60000000, .burst = 3};
    int rc = pthread_mutex_init(&p->lock, NULL);
    WS_ASSERT(rc == 0);
    rc = open_socket(p, bind_to, err);
    own.send = send_to;
    own.random = &p->random;
    own.send_ctx = own.write_ctx = p;
    own.write = keep_many == NULL ? NULL : write_out;
    if (rc == WS_OK && keep_many != NULL) {
        const struct writer_config cfg = {limits->uploads, keep_many, io->ctx};
        rc = writer_new(&cfg, &p->writer, err);
    }
    if (rc == WS_OK) {
        p->uploads = uploads_new(limits, ledger, &own);
        if (pthread_create(&p->thread, NULL, run, p) != 0)
            rc = ws_fail(err, WS_EIO, "uploads: no thread");
    }
    if (rc == WS_OK)
        *ret = p;
    else
        release(p);
    return rc;
}

void uploads_port_close(struct uploads_port *p) {
    const uint64_t one = 1;
    if (p == NULL)
        return;
    const ssize_t n = write(p->wake, &one, sizeof(one));
    WS_ASSERT(n == sizeof(one));
    (void)pthread_join(p->thread, NULL);
    release(p);
}

uint16_t uploads_port_number(const struct uploads_port *p) {
    return p->number;
}

struct uploads_port_counters uploads_port_read(struct uploads_port *p) {
    (void)pthread_mutex_lock(&p->lock);
    const struct uploads_port_counters c = p->told;
    (void)pthread_mutex_unlock(&p->lock);
    return c;
}
