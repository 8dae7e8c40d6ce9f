/* Links between the nodes of a cell: ZeroMQ with CURVE. Every peer is known by its CURVE key; a connection under
 * any other key is refused, and the sender of a message is what the key says, never what the message says.
 * Messages are opaque octets here (ledger/node gives them meaning). Why it is built this way: decision 0023.
 *
 * The peers are a directory of slots that may change at any time: net_put gives a slot to a key, net_remove takes
 * it away and cuts the connections of its key. One PULL socket receives from all; to each peer go two PUSH sockets,
 * one for each lane, that re-dial for ever. Sending never blocks: a full queue drops the message and counts it (the
 * protocol resends on its own). A message is one part; whoever sends several is not answered.
 *
 * Memory: a connection holds at most queue_messages whole messages; whatever it makes ZeroMQ hold beyond
 * net_limits.held_octets, in parts of a message that never ends or otherwise, cuts it (see guard.h).
 * Work: each peer and lane has a budget of messages and octets a second; what is above it is dropped unread.
 * One thread for all calls; net_fd may be polled anywhere. */
#ifndef WAYSIDE_LEDGER_NET_NET_H
#define WAYSIDE_LEDGER_NET_NET_H

#include "base/bytes.h"
#include "base/error.h"

#define NET_PEERS_MAX 128 /* slots */
#define NET_NOBODY SIZE_MAX
#define NET_MESSAGE_MAX_LEAST 1024 /* the handshake must fit */

/* Connections of their own, so that what is urgent never queues behind what is bulky. */
enum net_lane { NET_URGENT, NET_BULK };
#define NET_LANES 2

struct net_limits {
    int queue_messages; /* per peer, lane and direction; >= 1 */
    size_t message_octets_max; /* longer ones close the connection; >= NET_MESSAGE_MAX_LEAST */
    /* Of one connection, received and not yet taken by us; >= 2 * message_octets_max. */
    uint64_t held_octets;
    /* What a peer may have read by us, by lane; two seconds' worth may come at once. >= 1. */
    uint64_t messages_per_s[NET_LANES], octets_per_s[NET_LANES];
    unsigned strangers; /* connections at a time that have not said anything yet; >= 1 */
};
/* message_octets_max and what follows from it is the caller's. */
struct net_limits net_limits_default(size_t message_octets_max);

struct net_config {
    /* Own CURVE secret, 32 octets; copied to a page that is neither swapped nor dumped, as long as the net is open
     * (slots may change). libzmq keeps copies of its own on the heap. */
    const uint8_t *secret;
    uint8_t public_key[32]; /* of the secret */
    const char *bind; /* "tcp://127.0.0.1:7001", "tcp://[::]:7001" */
    struct net_limits limits;
};

struct net_counters {
    uint64_t sent, received, sent_octets, received_octets;
    uint64_t dropped_full; /* send queue full */
    uint64_t dropped_down; /* no link to the peer */
    uint64_t dropped_large; /* above message_octets_max */
    uint64_t dropped_budget; /* received above a peer's budget */
    uint64_t refused_key; /* handshakes under unknown keys, and under our own */
    uint64_t refused_often; /* handshakes of a peer that comes back again and again */
    uint64_t refused_parts; /* messages of several parts, or of no peer of now */
    uint64_t cut_held; /* connections that made us hold more than held_octets */
    uint64_t cut_silent; /* connections that said nothing in time, or were too many of such */
    uint64_t cut_removed; /* connections of keys that are no peer's any more */
    uint64_t connected; /* peers with both links up, a level not a sum */
};
struct net_peer_counters {
    uint64_t received, received_octets, dropped_budget;
};

struct net;
/* WS_EINPUT names what is wrong with the config; WS_EIO when the address cannot be bound. */
WARN_UNUSED int net_open(const struct net_config *cfg, struct net **ret_net, struct ws_err *err);
void net_close(struct net *n); /* NULL is allowed; what is queued is dropped */

/* Slot `peer` is the one with this key, reached at "tcp://host:port" (copied); who had the slot before is removed,
 * unless only the endpoint changes: then just our own links are made anew. It need not be there. WS_EINPUT: our own
 * key, a key that has another slot, an endpoint that makes no sense; then the slot is empty. endpoint NULL: it may dial
 * us, and hears nothing. */
WARN_UNUSED int net_put(struct net *n, size_t peer, const uint8_t key[static 32],
    const char *endpoint, struct ws_err *err);
void net_remove(struct net *n, size_t peer); /* an empty slot is fine */
size_t net_find(const struct net *n, const uint8_t key[static 32]); /* slot, or NET_NOBODY */

/* False: dropped and counted; an empty slot counts as down. */
bool net_send(struct net *n, size_t peer, enum net_lane lane, struct span msg);
/* Next message, if any; *ret_msg is valid until the next call. The lane is the sender's word. */
bool net_receive(struct net *n, size_t *ret_peer, struct span *ret_msg);
/* Readable (level-triggered) as long as there may be something to receive. */
int net_fd(const struct net *n);
/* Housekeeping (monitor events, budgets); cheap, call once per loop. mono_us never goes back. */
void net_tick(struct net *n, uint64_t mono_us);
const struct net_counters *net_counters(const struct net *n);
struct net_peer_counters net_peer_counters(const struct net *n, size_t peer);
/* Our links to the peer are through their handshakes; as of the last net_tick. */
bool net_peer_up(const struct net *n, size_t peer);

/* CURVE public key of a secret, for cell init. */
void net_curve_public(const uint8_t secret[static 32], uint8_t ret_public[static 32]);

#endif
