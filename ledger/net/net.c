/* One context per net: a ROUTER that all peers dial, a DEALER to each peer, and the in-process authenticator (ZAP,
 * RFC 27) that lets in exactly the CURVE keys of the genesis and names the sender by its index. */
#include "ledger/net/net.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/net/link.h"
#include "ledger/net/zap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zmq.h>

enum {
    REDIAL_S = 1,
    REFUSED_EACH_CALL = 64,
    PAGE = 4096,
    /* ZMQ_ZAP_ENFORCE_DOMAIN: no link at all without the authenticator. zmq.h hides the name from builds without
     * draft interfaces, the library has it in all of them. */
    OPTION_ZAP_ENFORCE_DOMAIN = 93,
};

struct net {
    void *context;
    void *router;
    struct zap *zap;
    int fd; /* epoll over the router's descriptor and `more` */
    int redial_fd; /* timer: links that ZeroMQ has given up are dialled by us */
    int more_fd; /* eventfd: readable while the last net_receive gave a message */
    bool more;
    size_t me, n;
    struct link link[NET_PEERS_MAX];
    size_t message_octets_max;
    zmq_msg_t msg;
    bool msg_open;
    struct net_counters counters;
    uint64_t refused_said; /* in the log */
};

/* The secret is on a page of its own only as long as sockets are set up; libzmq keeps copies it needs. */
static int open_router(
    struct net *n, const struct net_config *cfg, const uint8_t *secret, struct ws_err *err) {
    n->router = zmq_socket(n->context, ZMQ_ROUTER);
    if (n->router == NULL || !net_set_common(n->router, cfg->message_octets_max) ||
        !net_set_int(n->router, ZMQ_SNDHWM, 1) || /* it never sends */
        !net_set_int(n->router, ZMQ_RCVHWM, cfg->queue_messages) ||
        !net_set_int(n->router, ZMQ_CURVE_SERVER, 1) ||
        zmq_setsockopt(n->router, ZMQ_CURVE_SECRETKEY, secret, 32) != 0 ||
        zmq_setsockopt(n->router, ZMQ_ZAP_DOMAIN, "cell", 4) != 0 ||
        !net_set_int(n->router, OPTION_ZAP_ENFORCE_DOMAIN, 1))
        return net_zmq_failed(err, "socket");
    if (zmq_bind(n->router, cfg->bind) != 0)
        return ws_fail(err, WS_EIO, "bind: %s: %s", cfg->bind, zmq_strerror(zmq_errno()));
    return WS_OK;
}

/* ZeroMQ's own descriptor fires on edges only; with one of ours beside it, who sleeps with messages left is woken. */
static int open_fd(struct net *n, struct ws_err *err) {
    int fd = -1;
    size_t size = sizeof(fd);
    struct epoll_event ev = {.events = EPOLLIN};
    if (zmq_getsockopt(n->router, ZMQ_FD, &fd, &size) != 0)
        return net_zmq_failed(err, "descriptor");
    n->fd = epoll_create1(EPOLL_CLOEXEC);
    n->more_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    n->redial_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec turn = {{REDIAL_S, 0}, {REDIAL_S, 0}};
    if (n->fd < 0 || n->more_fd < 0 || n->redial_fd < 0 ||
        timerfd_settime(n->redial_fd, 0, &turn, NULL) != 0 ||
        epoll_ctl(n->fd, EPOLL_CTL_ADD, fd, &ev) != 0 ||
        epoll_ctl(n->fd, EPOLL_CTL_ADD, n->more_fd, &ev) != 0)
        return net_zmq_failed(err, "descriptor");
    return WS_OK;
}

static int check_config(const struct net_config *cfg, const uint8_t *secret, struct ws_err *err) {
    uint8_t derived[32];
    net_curve_public(secret, derived);
    if (cfg->n_peers > NET_PEERS_MAX || (cfg->me >= cfg->n_peers && cfg->me != NET_NOBODY))
        return ws_fail(err, WS_EINPUT, "links: own index %zu, peers %zu, at most %d", cfg->me,
            cfg->n_peers, NET_PEERS_MAX);
    if (memcmp(derived, cfg->public_key, 32) != 0 ||
        (cfg->me != NET_NOBODY && memcmp(derived, cfg->peers[cfg->me].curve_key, 32) != 0))
        return ws_fail(err, WS_EINPUT,
            "links: the secret key does not belong to the public one or to peer %zu, which this "
            "node is to be",
            cfg->me);
    if (cfg->queue_messages < 1 || cfg->message_octets_max < NET_MESSAGE_MAX_LEAST ||
        cfg->message_octets_max > INT32_MAX)
        return ws_fail(err, WS_EINPUT,
            "links: queue of %d messages of at most %zu octets (allowed: 1 and more; %d to %d)",
            cfg->queue_messages, cfg->message_octets_max, NET_MESSAGE_MAX_LEAST, INT32_MAX);
    if (strncmp(cfg->bind, "tcp://", 6) != 0)
        return ws_fail(err, WS_EINPUT, "links: bind: %s: not tcp://HOST:PORT", cfg->bind);
    for (size_t i = 0; i < cfg->n_peers; i++) {
        if (i != cfg->me && strncmp(cfg->peers[i].endpoint, "tcp://", 6) != 0)
            return ws_fail(err, WS_EINPUT, "links: peer %zu: %s: not tcp://HOST:PORT", i,
                cfg->peers[i].endpoint);
        for (size_t k = 0; k < i; k++) {
            if (memcmp(cfg->peers[i].curve_key, cfg->peers[k].curve_key, 32) == 0)
                return ws_fail(err, WS_EINPUT, "links: peers %zu and %zu have the same key", k, i);
        }
    }
    return WS_OK;
}

static int open_sockets(
    struct net *n, const struct net_config *cfg, const uint8_t *secret, struct ws_err *err) {
    n->context = zmq_ctx_new();
    if (n->context == NULL)
        return net_zmq_failed(err, "context");
    /* First the authenticator, so that nobody finds the door without its keeper. */
    int rc = zap_start(n->context, cfg, &n->zap, err);
    if (rc == WS_OK)
        rc = open_router(n, cfg, secret, err);
    if (rc == WS_OK)
        rc = open_fd(n, err);
    for (size_t i = 0; i < cfg->n_peers && rc == WS_OK; i++) {
        if (i != cfg->me)
            rc = link_open(&n->link[i], n->context, cfg, secret, i, err);
    }
    return rc;
}

int net_open(const struct net_config *cfg, struct net **ret_net, struct ws_err *err) {
    uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return ws_fail(err, WS_ENOMEM, "links: no memory for the key");
    struct net *n = ws_alloc(sizeof(*n));
    n->fd = -1;
    n->more_fd = -1;
    n->redial_fd = -1;
    n->me = cfg->me;
    n->n = cfg->n_peers;
    n->message_octets_max = cfg->message_octets_max;
    (void)madvise(page, PAGE, MADV_DONTDUMP);
    if (mlock(page, PAGE) != 0)
        ws_log(
            WS_LOG_WARN, "net", "the key may be swapped out while links are set up: mlock failed");
    memcpy(page, cfg->secret, 32);
    int rc = check_config(cfg, page, err);
    if (rc == WS_OK)
        rc = open_sockets(n, cfg, page, err);
    explicit_bzero(page, PAGE);
    (void)munmap(page, PAGE);
    if (rc != WS_OK) {
        net_close(n);
        return rc;
    }
    *ret_net = n;
    return WS_OK;
}

void net_close(struct net *n) {
    if (n == NULL)
        return;
    if (n->msg_open)
        (void)zmq_msg_close(&n->msg);
    for (size_t i = 0; i < NET_PEERS_MAX; i++)
        link_close(&n->link[i]);
    if (n->router != NULL)
        (void)zmq_close(n->router);
    zap_stop(n->zap);
    if (n->context != NULL)
        (void)zmq_ctx_term(n->context);
    if (n->fd >= 0)
        (void)close(n->fd);
    if (n->more_fd >= 0)
        (void)close(n->more_fd);
    if (n->redial_fd >= 0)
        (void)close(n->redial_fd);
    free(n);
}

bool net_send(struct net *n, size_t peer, struct span msg) {
    WS_ASSERT(peer < n->n);
    WS_ASSERT(peer != n->me);
    if (msg.n > n->message_octets_max) {
        n->counters.dropped_large++;
        return false;
    }
    void *to = n->link[peer].socket;
    int sent = zmq_send(to, msg.p, msg.n, ZMQ_DONTWAIT);
    if (sent < 0) {
        /* ZeroMQ looks only every millisecond or so whether the queue got room: make it look, then try again. */
        int events = 0;
        size_t size = sizeof(events);
        (void)zmq_getsockopt(to, ZMQ_EVENTS, &events, &size);
        if ((events & ZMQ_POLLOUT) != 0)
            sent = zmq_send(to, msg.p, msg.n, ZMQ_DONTWAIT);
    }
    if (sent < 0) {
        if (n->link[peer].up)
            n->counters.dropped_full++;
        else
            n->counters.dropped_down++;
        return false;
    }
    n->counters.sent++;
    n->counters.sent_octets += msg.n;
    return true;
}

static bool more_follows(void *socket) {
    int more = 0;
    size_t size = sizeof(more);
    return zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more != 0;
}

/* ROUTER gives the connection's routing id and then the parts that were sent; one part is all we ever send. */
static bool take_one(struct net *n, bool *ret_whole) {
    zmq_msg_t id;
    (void)zmq_msg_init(&id);
    bool got = zmq_msg_recv(&id, n->router, ZMQ_DONTWAIT) >= 0;
    (void)zmq_msg_close(&id);
    if (!got)
        return false;
    *ret_whole = more_follows(n->router);
    if (!*ret_whole)
        return true;
    if (n->msg_open)
        (void)zmq_msg_close(&n->msg);
    (void)zmq_msg_init(&n->msg);
    n->msg_open = true;
    *ret_whole = zmq_msg_recv(&n->msg, n->router, ZMQ_DONTWAIT) >= 0;
    while (more_follows(n->router)) {
        *ret_whole = false;
        zmq_msg_t rest;
        (void)zmq_msg_init(&rest);
        (void)zmq_msg_recv(&rest, n->router, ZMQ_DONTWAIT);
        (void)zmq_msg_close(&rest);
    }
    return true;
}

/* Index that the authenticator gave the sender's key, or n->n. */
static size_t sender_of(struct net *n) {
    const char *user = zmq_msg_gets(&n->msg, "User-Id");
    if (user == NULL || user[0] < '0' || user[0] > '9')
        return n->n;
    char *end = NULL;
    unsigned long peer = strtoul(user, &end, 10);
    return *end == '\0' && peer < n->n ? peer : n->n;
}

static void signal_more(struct net *n, bool more) {
    if (n->more == more)
        return;
    n->more = more;
    uint64_t count = 1;
    ssize_t done =
        more ? write(n->more_fd, &count, sizeof(count)) : read(n->more_fd, &count, sizeof(count));
    WS_ASSERT(done == (ssize_t)sizeof(count));
}

bool net_receive(struct net *n, size_t *ret_peer, struct span *ret_msg) {
    bool whole = false;
    for (unsigned i = 0; i < REFUSED_EACH_CALL; i++) {
        if (!take_one(n, &whole)) {
            signal_more(n, false);
            return false;
        }
        size_t peer = whole ? sender_of(n) : n->n;
        if (peer == n->n) {
            n->counters.refused_parts++;
            continue;
        }
        *ret_peer = peer;
        *ret_msg = span_of(zmq_msg_data(&n->msg), zmq_msg_size(&n->msg));
        n->counters.received++;
        n->counters.received_octets += ret_msg->n;
        signal_more(n, true);
        return true;
    }
    /* Somebody floods us with what we refuse: the caller has other work, too. */
    signal_more(n, true);
    return false;
}

int net_fd(const struct net *n) {
    return n->fd;
}

static void redial(struct net *n) {
    uint64_t turns;
    if (read(n->redial_fd, &turns, sizeof(turns)) != (ssize_t)sizeof(turns))
        return;
    for (size_t i = 0; i < n->n; i++)
        link_redial(&n->link[i]);
}

void net_tick(struct net *n) {
    uint64_t up = 0;
    for (size_t i = 0; i < n->n; i++) {
        if (n->link[i].monitor == NULL)
            continue;
        link_events(&n->link[i]);
        up += n->link[i].up;
    }
    n->counters.connected = up;
    redial(n);
    uint64_t refused = zap_refused(n->zap);
    /* Whoever is refused tries again for ever: a line each time the number has doubled. */
    if (refused > 0 && refused >= 2 * n->refused_said) {
        n->refused_said = refused;
        ws_log(WS_LOG_WARN, "net", "%llu handshakes refused under keys that are no peer's",
            (unsigned long long)refused);
    }
    n->counters.refused_key = refused;
}

const struct net_counters *net_counters(const struct net *n) {
    return &n->counters;
}

bool net_peer_up(const struct net *n, size_t peer) {
    WS_ASSERT(peer < n->n);
    return n->link[peer].up;
}

void net_curve_public(const uint8_t secret[static 32], uint8_t ret_public[static 32]) {
    char text[41];
    char public_text[41];
    WS_ASSERT(zmq_z85_encode(text, secret, 32) != NULL);
    WS_ASSERT(zmq_curve_public(public_text, text) == 0);
    WS_ASSERT(zmq_z85_decode(ret_public, public_text) != NULL);
    explicit_bzero(text, sizeof(text));
}
