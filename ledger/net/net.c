/* One context per net: a ROUTER that all peers dial, a DEALER to each peer, and the in-process authenticator (ZAP,
 * RFC 27) that lets in exactly the CURVE keys of the genesis and names the sender by its index. */
#include "ledger/net/net.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/net/zap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zmq.h>

enum {
    RECONNECT_MS = 100,
    RECONNECT_MAX_MS = 2000,
    HEARTBEAT_MS = 1000,
    HEARTBEAT_TIMEOUT_MS = 4000,
    HANDSHAKE_MS = 5000,
    PAGE = 4096,
};

struct link {
    void *socket; /* DEALER to the peer; NULL for ourselves */
    void *monitor; /* its events */
    bool up;
};

struct net {
    void *context;
    void *router;
    struct zap *zap;
    int fd;
    size_t me, n;
    struct link link[NET_PEERS_MAX];
    size_t message_octets_max;
    zmq_msg_t msg;
    bool msg_open;
    struct net_counters counters;
};

static int zmq_failed(struct ws_err *err, const char *what) {
    return ws_fail(err, WS_EIO, "links: %s: %s", what, zmq_strerror(zmq_errno()));
}

static bool set_int(void *s, int option, int value) {
    return zmq_setsockopt(s, option, &value, sizeof(value)) == 0;
}

static bool common_options(void *s, const struct net_config *cfg) {
    int64_t largest = (int64_t)cfg->message_octets_max;
    return set_int(s, ZMQ_LINGER, 0) && set_int(s, ZMQ_SNDHWM, cfg->queue_messages) &&
           set_int(s, ZMQ_RCVHWM, cfg->queue_messages) && set_int(s, ZMQ_IPV6, 1) &&
           set_int(s, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) &&
           set_int(s, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS) &&
           set_int(s, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
           zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &largest, sizeof(largest)) == 0;
}

/* The secret is on a page of its own only as long as sockets are set up; libzmq keeps copies it needs. */
static int open_router(
    struct net *n, const struct net_config *cfg, const uint8_t *secret, struct ws_err *err) {
    n->router = zmq_socket(n->context, ZMQ_ROUTER);
    if (n->router == NULL || !common_options(n->router, cfg) ||
        !set_int(n->router, ZMQ_CURVE_SERVER, 1) ||
        zmq_setsockopt(n->router, ZMQ_CURVE_SECRETKEY, secret, 32) != 0 ||
        zmq_setsockopt(n->router, ZMQ_ZAP_DOMAIN, "cell", 4) != 0)
        return zmq_failed(err, "socket");
    if (zmq_bind(n->router, cfg->bind) != 0)
        return ws_fail(err, WS_EIO, "bind: %s: %s", cfg->bind, zmq_strerror(zmq_errno()));
    size_t size = sizeof(n->fd);
    if (zmq_getsockopt(n->router, ZMQ_FD, &n->fd, &size) != 0)
        return zmq_failed(err, "descriptor");
    return WS_OK;
}

static int open_link(struct net *n, const struct net_config *cfg, const uint8_t *secret, size_t i,
    struct ws_err *err) {
    struct link *l = &n->link[i];
    l->socket = zmq_socket(n->context, ZMQ_DEALER);
    if (l->socket == NULL || !common_options(l->socket, cfg) ||
        !set_int(l->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS) ||
        !set_int(l->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) ||
        /* Nothing is queued for a peer that is not there: the protocol resends what matters. */
        !set_int(l->socket, ZMQ_IMMEDIATE, 1) ||
        zmq_setsockopt(l->socket, ZMQ_CURVE_SERVERKEY, cfg->peers[i].curve_key, 32) != 0 ||
        zmq_setsockopt(l->socket, ZMQ_CURVE_PUBLICKEY, cfg->public_key, 32) != 0 ||
        zmq_setsockopt(l->socket, ZMQ_CURVE_SECRETKEY, secret, 32) != 0)
        return zmq_failed(err, "socket");
    char name[64];
    (void)snprintf(name, sizeof(name), "inproc://monitor-%zu", i);
    int wanted = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED;
    l->monitor = zmq_socket(n->context, ZMQ_PAIR);
    if (zmq_socket_monitor(l->socket, name, wanted) != 0 || l->monitor == NULL ||
        !set_int(l->monitor, ZMQ_LINGER, 0) || zmq_connect(l->monitor, name) != 0)
        return zmq_failed(err, "monitor");
    if (zmq_connect(l->socket, cfg->peers[i].endpoint) != 0)
        return ws_fail(err, WS_EINPUT, "peer %zu: %s: %s", i, cfg->peers[i].endpoint,
            zmq_strerror(zmq_errno()));
    return WS_OK;
}

int net_open(const struct net_config *cfg, struct net **ret_net, struct ws_err *err) {
    WS_ASSERT(cfg->n_peers <= NET_PEERS_MAX);
    struct net *n = ws_alloc(sizeof(*n));
    n->me = cfg->me;
    n->n = cfg->n_peers;
    n->message_octets_max = cfg->message_octets_max;
    n->context = zmq_ctx_new();
    int rc = n->context == NULL ? zmq_failed(err, "context") : WS_OK;
    uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        net_close(n);
        return ws_fail(err, WS_ENOMEM, "links: no memory for the key");
    }
    (void)madvise(page, PAGE, MADV_DONTDUMP);
    (void)mlock(page, PAGE);
    memcpy(page, cfg->secret, 32);
    if (rc == WS_OK)
        rc = zap_start(n->context, cfg, &n->zap, err);
    if (rc == WS_OK)
        rc = open_router(n, cfg, page, err);
    for (size_t i = 0; i < cfg->n_peers && rc == WS_OK; i++) {
        if (i != cfg->me)
            rc = open_link(n, cfg, page, i, err);
    }
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
    for (size_t i = 0; i < n->n; i++) {
        if (n->link[i].socket != NULL) {
            (void)zmq_socket_monitor(n->link[i].socket, NULL, 0);
            (void)zmq_close(n->link[i].socket);
        }
        if (n->link[i].monitor != NULL)
            (void)zmq_close(n->link[i].monitor);
    }
    if (n->router != NULL)
        (void)zmq_close(n->router);
    zap_stop(n->zap);
    if (n->context != NULL)
        (void)zmq_ctx_term(n->context);
    free(n);
}

bool net_send(struct net *n, size_t peer, struct span msg) {
    if (peer >= n->n || n->link[peer].socket == NULL || msg.n > n->message_octets_max)
        return false;
    if (zmq_send(n->link[peer].socket, msg.p, msg.n, ZMQ_DONTWAIT) < 0) {
        n->counters.dropped_full++;
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

bool net_receive(struct net *n, size_t *ret_peer, struct span *ret_msg) {
    bool whole = false;
    while (take_one(n, &whole)) {
        const char *user = whole ? zmq_msg_gets(&n->msg, "User-Id") : NULL;
        char *end = NULL;
        unsigned long peer = user == NULL ? n->n : strtoul(user, &end, 10);
        if (user == NULL || *end != '\0' || peer >= n->n)
            continue; /* not one part, or not from an authenticated peer */
        *ret_peer = peer;
        *ret_msg = span_of(zmq_msg_data(&n->msg), zmq_msg_size(&n->msg));
        n->counters.received++;
        n->counters.received_octets += ret_msg->n;
        return true;
    }
    return false;
}

int net_fd(const struct net *n) {
    return n->fd;
}

static void read_monitor(struct link *l) {
    for (;;) {
        zmq_msg_t part;
        (void)zmq_msg_init(&part);
        if (zmq_msg_recv(&part, l->monitor, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&part);
            return;
        }
        /* First part: event number (16 bits, host order) and value; second: the endpoint. */
        if (zmq_msg_more(&part) && zmq_msg_size(&part) >= 2) {
            uint16_t event;
            memcpy(&event, zmq_msg_data(&part), sizeof(event));
            l->up = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        }
        (void)zmq_msg_close(&part);
    }
}

void net_tick(struct net *n) {
    uint64_t up = 0;
    for (size_t i = 0; i < n->n; i++) {
        if (n->link[i].monitor == NULL)
            continue;
        read_monitor(&n->link[i]);
        up += n->link[i].up;
    }
    n->counters.connected = up;
    n->counters.refused_key = zap_refused(n->zap);
}

const struct net_counters *net_counters(const struct net *n) {
    return &n->counters;
}

bool net_peer_up(const struct net *n, size_t peer) {
    return peer < n->n && n->link[peer].up;
}

void net_curve_public(const uint8_t secret[static 32], uint8_t ret_public[static 32]) {
    char text[41];
    char public_text[41];
    WS_ASSERT(zmq_z85_encode(text, secret, 32) != NULL);
    WS_ASSERT(zmq_curve_public(public_text, text) == 0);
    WS_ASSERT(zmq_z85_decode(ret_public, public_text) != NULL);
    explicit_bzero(text, sizeof(text));
}
