/* Shared by the files of ledger/net. Internal. */
#ifndef WAYSIDE_LEDGER_NET_NET_INTERNAL_H
#define WAYSIDE_LEDGER_NET_NET_INTERNAL_H

#include "ledger/net/link.h"
#include "ledger/net/zap.h"

#include <zmq.h>

#define NET_BURST_S 2

/* Millionths of a message and of an octet. */
struct bucket {
    uint64_t messages, octets;
};

struct slot {
    bool used;
    uint8_t key[32];
    uint32_t generation;
    struct link link[NET_LANES];
    struct bucket left[NET_LANES];
    struct net_peer_counters counters;
};

struct net {
    void *context;
    void *pull;
    struct zap *zap;
    struct guard *guard;
    int fd; /* epoll over the socket's descriptor and `more` */
    int turn_fd; /* timer: links that ZeroMQ has given up are dialled by us */
    int more_fd; /* eventfd: readable while the last net_receive gave a message */
    bool more;
    struct net_config cfg; /* its pointers are not used after net_open, but for the secret */
    uint8_t *secret; /* a page of its own */
    struct slot slot[NET_PEERS_MAX];
    uint32_t generations;
    unsigned links_made;
    uint64_t mono_us, events_us; /* of the last tick, and of the last one that looked at links */
    zmq_msg_t msg;
    bool msg_open;
    struct net_counters counters;
    uint64_t refused_said, held_said; /* in the log */
};

void receive_fill(const struct net_limits *l, struct slot *s); /* a new peer's budget */
/* What time gives to the budgets; mono_us never goes back. */
void receive_refill(struct net *n, uint64_t mono_us);

#endif
