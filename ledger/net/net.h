/* Links between the validators of a cell: ZeroMQ with CURVE. Every peer is known by its CURVE key from genesis;
 * a connection under any other key is refused, and the sender of a message is what the key says, never what the
 * message says. Messages are opaque octets here (ledger/node gives them meaning).
 *
 * One ROUTER socket receives from all; one DEALER socket sends to each peer and re-dials for ever. Sending
 * never blocks: a full queue drops the message and counts it (the protocol resends on its own).
 * One thread for all calls; net_fd may be polled anywhere. */
#ifndef WAYSIDE_LEDGER_NET_NET_H
#define WAYSIDE_LEDGER_NET_NET_H

#include "base/bytes.h"
#include "base/error.h"

#define NET_PEERS_MAX 64

struct net_peer {
    uint8_t curve_key[32]; /* of its links, from genesis */
    const char *endpoint; /* "tcp://host:port"; copied */
};
struct net_config {
    const uint8_t *secret; /* own CURVE secret, 32 octets; copied into locked memory */
    uint8_t public_key[32];
    const char *bind; /* "tcp://127.0.0.1:7001" */
    size_t me; /* own index in peers (not dialled) */
    size_t n_peers;
    struct net_peer peers[NET_PEERS_MAX];
    int queue_messages; /* per peer and direction */
    size_t message_octets_max; /* longer ones close the connection */
};

struct net_counters {
    uint64_t sent, received, sent_octets, received_octets;
    uint64_t dropped_full; /* send queue full */
    uint64_t refused_key; /* handshakes under unknown keys */
    uint64_t connected; /* peers with a link up, a level not a sum */
};

struct net;
WARN_UNUSED int net_open(const struct net_config *cfg, struct net **ret_net, struct ws_err *err);
void net_close(struct net *n);
/* False: dropped and counted. */
bool net_send(struct net *n, size_t peer, struct span msg);
/* Next message, if any; *ret_msg is valid until the next call. */
bool net_receive(struct net *n, size_t *ret_peer, struct span *ret_msg);
/* Edge-triggered descriptor (ZMQ_FD): after it fires, net_receive until false. */
int net_fd(const struct net *n);
/* Housekeeping (monitor events); cheap, call once per loop. */
void net_tick(struct net *n);
const struct net_counters *net_counters(const struct net *n);
bool net_peer_up(const struct net *n, size_t peer);

/* CURVE public key of a secret, for cell init. */
void net_curve_public(const uint8_t secret[static 32], uint8_t ret_public[static 32]);

#endif
