#include "ledger/net/link.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum {
    RECONNECT_MS = 100,
    RECONNECT_MAX_MS = 2000,
    CONNECT_MS = 3000, /* the kernel alone would wait minutes for a host that is not there */
    HEARTBEAT_MS = 1000,
    /* A peer that is too busy to empty its queue does not answer heartbeats either: leave it time. */
    HEARTBEAT_TIMEOUT_MS = 6000,
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
    int64_t largest = (int64_t)octets_max + CURVE_OVERHEAD;
    return net_set_int(s, ZMQ_LINGER, 0) && net_set_int(s, ZMQ_IPV6, 1) &&
           net_set_int(s, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) &&
           net_set_int(s, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS) &&
           net_set_int(s, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
           zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &largest, sizeof(largest)) == 0;
}

int link_open(struct link *l, void *context, const struct net_config *cfg, const uint8_t *secret,
    size_t i, struct ws_err *err) {
    l->socket = zmq_socket(context, ZMQ_DEALER);
    /* Nothing we want ever comes back on this socket, so next to nothing is taken. */
    if (l->socket == NULL || !net_set_common(l->socket, NET_MESSAGE_MAX_LEAST) ||
        !net_set_int(l->socket, ZMQ_SNDHWM, cfg->queue_messages) ||
        !net_set_int(l->socket, ZMQ_RCVHWM, 1) ||
        !net_set_int(l->socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MS) ||
        !net_set_int(l->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS) ||
        !net_set_int(l->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) ||
        /* Nothing is queued for a peer that is not there: the protocol resends what matters. */
        !net_set_int(l->socket, ZMQ_IMMEDIATE, 1) ||
        zmq_setsockopt(l->socket, ZMQ_CURVE_SERVERKEY, cfg->peers[i].curve_key, 32) != 0 ||
        zmq_setsockopt(l->socket, ZMQ_CURVE_PUBLICKEY, cfg->public_key, 32) != 0 ||
        zmq_setsockopt(l->socket, ZMQ_CURVE_SECRETKEY, secret, 32) != 0)
        return net_zmq_failed(err, "socket");
    char name[64];
    (void)snprintf(name, sizeof(name), "inproc://monitor-%zu", i);
    l->endpoint = ws_strdup(cfg->peers[i].endpoint);
    int wanted = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                 ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_CONNECT_RETRIED;
    l->monitor = zmq_socket(context, ZMQ_PAIR);
    if (zmq_socket_monitor(l->socket, name, wanted) != 0 || l->monitor == NULL ||
        !net_set_int(l->monitor, ZMQ_LINGER, 0) || zmq_connect(l->monitor, name) != 0)
        return net_zmq_failed(err, "monitor");
    if (zmq_connect(l->socket, l->endpoint) != 0)
        return ws_fail(
            err, WS_EINPUT, "peer %zu: %s: %s", i, l->endpoint, zmq_strerror(zmq_errno()));
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
    *l = (struct link){0};
}

void link_events(struct link *l) {
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
            l->given_up = event == ZMQ_EVENT_DISCONNECTED;
        }
        (void)zmq_msg_close(&part);
    }
}

void link_redial(struct link *l) {
    if (l->given_up && l->redial) {
        (void)zmq_disconnect(l->socket, l->endpoint);
        (void)zmq_connect(l->socket, l->endpoint);
        l->given_up = false;
    }
    l->redial = l->given_up;
}
