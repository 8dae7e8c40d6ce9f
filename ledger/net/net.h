/* Links between the validators of a cell: ZeroMQ with CURVE. Every peer is known by its CURVE key from genesis;
 * a connection under any other key is refused, and the sender of a message is what the key says, never what the
 * message says. Messages are opaque octets here (ledger/node gives them meaning).
 *
 * One ROUTER socket receives from all; one DEALER socket sends to each peer and re-dials for ever. Sending
 * never blocks: a full queue drops the message and counts it (the protocol resends on its own). A message is
 * one part; whoever sends several is not answered. Memory per peer and direction is bounded by
 * queue_messages * message_octets_max, on top of what the kernel holds.
 * One thread for all calls; net_fd may be polled anywhere. */
#ifndef WAYSIDE_LEDGER_NET_NET_H
#define WAYSIDE_LEDGER_NET_NET_H

#include "base/bytes.h"
#include "base/error.h"

#define NET_PEERS_MAX 64
/* A node whose key is not in the genesis: the others refuse it, but it starts. */
#define NET_NOBODY SIZE_MAX

struct net_peer {
    uint8_t curve_key[32]; /* of its links, from genesis */
    const char *endpoint; /* "tcp://host:port"; copied */
};
struct net_config {
    /* Own CURVE secret, 32 octets; only read during net_open. libzmq keeps copies of its own on the heap. */
    const uint8_t *secret;
    uint8_t public_key[32]; /* of the secret, and that of peers[me] */
    const char *bind; /* "tcp://127.0.0.1:7001", "tcp://[::]:7001" */
    size_t me; /* own index in peers (not dialled), or NET_NOBODY */
    size_t n_peers;
    struct net_peer peers[NET_PEERS_MAX];
    int queue_messages; /* per peer and direction; >= 1 */
    size_t message_octets_max; /* longer ones close the connection; >= NET_MESSAGE_MAX_LEAST */
};
#define NET_MESSAGE_MAX_LEAST 1024 /* the handshake must fit */

struct net_counters {
    uint64_t sent, received, sent_octets, received_octets;
    uint64_t dropped_full; /* send queue full */
    uint64_t dropped_down; /* no link to the peer */
    uint64_t dropped_large; /* above message_octets_max */
    uint64_t refused_key; /* handshakes under unknown keys, and under our own */
    uint64_t refused_parts; /* messages of several parts, or without a sender */
    uint64_t connected; /* peers with a link up, a level not a sum */
};

struct net;
/* WS_EINPUT names what is wrong with the config; WS_EIO when the address cannot be bound. Peers need not be there. */
WARN_UNUSED int net_open(const struct net_config *cfg, struct net **ret_net, struct ws_err *err);
void net_close(struct net *n); /* NULL is allowed; what is queued is dropped */
/* False: dropped and counted. peer is not ourselves. */
bool net_send(struct net *n, size_t peer, struct span msg);
/* Next message, if any; *ret_msg is valid until the next call. */
bool net_receive(struct net *n, size_t *ret_peer, struct span *ret_msg);
/* Readable (level-triggered) as long as there may be something to receive. */
int net_fd(const struct net *n);
/* Housekeeping (monitor events); cheap, call once per loop. */
void net_tick(struct net *n);
const struct net_counters *net_counters(const struct net *n);
/* Our link to the peer is through its handshake; as of the last net_tick. */
bool net_peer_up(const struct net *n, size_t peer);

/* CURVE public key of a secret, for cell init. */
void net_curve_public(const uint8_t secret[static 32], uint8_t ret_public[static 32]);

#endif
