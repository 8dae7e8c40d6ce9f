#include "ledger/net/link.h"

#include "base/mem.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

enum {
    RECONNECT_MS = 100,
    RECONNECT_MAX_MS = 2000,
    CONNECT_MS = 3000, /* the kernel alone would wait minutes for a host that is not there */
    /* A host that is gone is found out by the kernel, from what it does not acknowledge or from probes. libzmq's own heartbeats abort
     * the process when one falls due on a connection that failed while its queue was full (4.3.4, zmq_assert (!_io_error)). */
    UNACKNOWLEDGED_MS = 6000,
    PROBE_AFTER_S = 3,
    PROBE_EACH_S = 1,
    PROBES = 3,
    HANDSHAKE_MS = 5000,
    /* What CURVE adds to a message: command name (8), nonce (8), authenticator (16), flags (1). */
    CURVE_OVERHEAD = 33,
};

int net_zmq_failed(struct ws_err *err, const char *what) {
    return ws_fail(err, WS_EIO, "links: %s: %s", what, zmq_strerror(zmq_errno()));
}

bool net_set_int(void *s, int option, int value) {
    return zmq_setsockopt(s, option, &value, sizeof(value)) == 0;
}

bool net_set_common(void *s, size_t octets_max) {
    int64_t largest = (int64_t)octets_max + 1 + CURVE_OVERHEAD; /* the octet of the lane */
    return net_set_int(s, ZMQ_LINGER, 0) && net_set_int(s, ZMQ_IPV6, 1) &&
           net_set_int(s, ZMQ_TCP_MAXRT, UNACKNOWLEDGED_MS) &&
           net_set_int(s, ZMQ_TCP_KEEPALIVE, 1) &&
           net_set_int(s, ZMQ_TCP_KEEPALIVE_IDLE, PROBE_AFTER_S) &&
           net_set_int(s, ZMQ_TCP_KEEPALIVE_INTVL, PROBE_EACH_S) &&
           net_set_int(s, ZMQ_TCP_KEEPALIVE_CNT, PROBES) &&
           net_set_int(s, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
           zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &largest, sizeof(largest)) == 0;
}

int link_open(struct link *l, const struct link_config *cfg, struct ws_err *err) {
    *l = (struct link){.fd = -1};
    l->socket = zmq_socket(cfg->context, ZMQ_PUSH);
    /* Nothing ever comes back on this socket; the guard watches that. */
    if (l->socket == NULL || !net_set_common(l->socket, NET_MESSAGE_MAX_LEAST) ||
        !net_set_int(l->socket, ZMQ_SNDHWM, cfg->net->limits.queue_messages) ||
        !net_set_int(l->socket, ZMQ_RCVHWM, 1) ||
        !net_set_int(l->socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MS) ||
        !net_set_int(l->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS) ||
        !net_set_int(l->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) ||
        /* Nothing is queued for a peer that is not there: the protocol resends what matters. */
        !net_set_int(l->socket, ZMQ_IMMEDIATE, 1) ||
        zmq_setsockopt(l->socket, ZMQ_CURVE_SERVERKEY, cfg->key, 32) != 0 ||
        zmq_setsockopt(l->socket, ZMQ_CURVE_PUBLICKEY, cfg->net->public_key, 32) != 0 ||
        zmq_setsockopt(l->socket, ZMQ_CURVE_SECRETKEY, cfg->secret, 32) != 0)
        return net_zmq_failed(err, "socket");
    char name[64];
    (void)snprintf(name, sizeof(name), "inproc://monitor-%u", cfg->number);
    l->endpoint = ws_strdup(cfg->endpoint);
    int wanted = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                 ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_CONNECT_RETRIED;
    l->monitor = zmq_socket(cfg->context, ZMQ_PAIR);
    if (zmq_socket_monitor(l->socket, name, wanted) != 0 || l->monitor == NULL ||
        !net_set_int(l->monitor, ZMQ_LINGER, 0) || zmq_connect(l->monitor, name) != 0)
        return net_zmq_failed(err, "monitor");
    if (zmq_connect(l->socket, l->endpoint) != 0)
        return ws_fail(err, WS_EINPUT, "%s: %s", l->endpoint, zmq_strerror(zmq_errno()));
    return WS_OK;
}

void link_close(struct link *l) {
    if (l->socket != NULL) {
        (void)zmq_socket_monitor(l->socket, NULL, 0);
        (void)zmq_close(l->socket);
    }
    if (l->monitor != NULL)
        (void)zmq_close(l->monitor);
    free(l->endpoint);
    *l = (struct link){.fd = -1};
}

/* Octets of ours that the peer's kernel has, since the connection began; false: it is gone. */
static bool acknowledged(const struct link *l, uint64_t *ret) {
    struct tcp_info info;
    socklen_t size = sizeof(info);
    uint64_t cookie = 0;
    socklen_t cookie_size = sizeof(cookie);
    memset(&info, 0, sizeof(info));
    if (l->fd < 0 || getsockopt(l->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
        getsockopt(l->fd, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_size) != 0 || cookie != l->cookie)
        return false;
    *ret = info.tcpi_bytes_acked;
    return true;
}

static void count_acknowledged(struct link *l) {
    uint64_t acked = 0;
    if (!acknowledged(l, &acked) || acked < l->base) {
        l->acked = l->sent; /* on its way down, or not to be seen: then only messages are bounded */
        return;
    }
    /* What the library says by itself is acknowledged, too, and was not counted when sent. */
    if (acked - l->base > l->sent)
        l->base = acked - l->sent;
    l->acked = acked - l->base;
}

static void on_connected(struct link *l, struct guard *guard, int fd, uint64_t mono_ms) {
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    guard_opened(guard, fd, GUARD_OUT, mono_ms);
    l->fd = getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? fd : -1;
    l->cookie = cookie;
}

/* The greeting tells the peer's guard at once whose connection it is. */
static void on_up(struct link *l) {
    l->sent = 0;
    l->acked = 0;
    l->base = 0;
    (void)acknowledged(l, &l->base);
    (void)zmq_send(l->socket, "", 0, ZMQ_DONTWAIT);
}

/* First part: event number (16 bits, host order) and value (32 bits); second: the endpoint. */
static void take_event(struct link *l, struct guard *guard, zmq_msg_t *m, uint64_t mono_ms) {
    uint16_t event;
    uint32_t value;
    if (zmq_msg_size(m) < sizeof(event) + sizeof(value))
        return;
    const uint8_t *p = zmq_msg_data(m);
    memcpy(&event, p, sizeof(event));
    memcpy(&value, p + sizeof(event), sizeof(value));
    l->up = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    l->given_up = event == ZMQ_EVENT_DISCONNECTED;
    if (event == ZMQ_EVENT_CONNECTED)
        on_connected(l, guard, (int)value, mono_ms);
    else if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
        on_up(l);
    else if (event == ZMQ_EVENT_DISCONNECTED) {
        guard_closed(guard, (int)value);
        l->fd = -1;
    }
}

void link_events(struct link *l, struct guard *guard, uint64_t mono_ms) {
    for (;;) {
        zmq_msg_t part;
        (void)zmq_msg_init(&part);
        if (zmq_msg_recv(&part, l->monitor, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&part);
            return;
        }
        if (zmq_msg_more(&part))
            take_event(l, guard, &part, mono_ms);
        (void)zmq_msg_close(&part);
    }
}

void link_turn(struct link *l) {
    if (l->given_up && l->redial) {
        (void)zmq_disconnect(l->socket, l->endpoint);
        (void)zmq_connect(l->socket, l->endpoint);
        l->given_up = false;
    }
    l->redial = l->given_up;
    if (l->up)
        count_acknowledged(l);
}

static bool hand_over(struct link *l, zmq_msg_t *m) {
    if (zmq_msg_send(m, l->socket, ZMQ_DONTWAIT) >= 0)
        return true;
    /* ZeroMQ looks only every millisecond or so whether the queue got room: make it look, then try again. */
    int events = 0;
    size_t size = sizeof(events);
    (void)zmq_getsockopt(l->socket, ZMQ_EVENTS, &events, &size);
    return (events & ZMQ_POLLOUT) != 0 && zmq_msg_send(m, l->socket, ZMQ_DONTWAIT) >= 0;
}

enum link_sent link_send(
    struct link *l, enum net_lane lane, struct span msg, uint64_t queue_octets) {
    if (!l->up)
        return LINK_DOWN;
    uint64_t body = msg.n + 1 + CURVE_OVERHEAD;
    uint64_t wire = body + (body > UINT8_MAX ? 9 : 2);
    if (l->sent + wire > l->acked + queue_octets)
        count_acknowledged(l);
    if (l->sent + wire > l->acked + queue_octets)
        return LINK_FULL;
    zmq_msg_t m;
    if (zmq_msg_init_size(&m, msg.n + 1) != 0)
        return LINK_FULL;
    uint8_t *p = zmq_msg_data(&m);
    p[0] = (uint8_t)lane;
    if (msg.n > 0)
        memcpy(p + 1, msg.p, msg.n);
    if (!hand_over(l, &m)) {
        (void)zmq_msg_close(&m);
        return LINK_FULL;
    }
    l->sent += wire;
    return LINK_SENT;
}
