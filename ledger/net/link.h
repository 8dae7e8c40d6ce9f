/* The outgoing link to one peer in one lane: a PUSH socket that dials for ever, the events of its connection, and how
 * much of what was sent is still on its way. Also what all sockets of a net have in common. Internal to ledger/net; one
 * thread. */
#ifndef WAYSIDE_LEDGER_NET_LINK_H
#define WAYSIDE_LEDGER_NET_LINK_H

#include "ledger/net/guard.h"

struct link {
    void *socket; /* PUSH to the peer; NULL: no link */
    void *monitor; /* its events */
    char *endpoint;
    bool up;
    /* The connection ended and ZeroMQ has not said that it will try again: after a handshake that was refused
     * or made no sense it gives up for good. */
    bool given_up;
    bool redial; /* it had been so at the last turn of the timer, too */
    int fd; /* of the connection, ZeroMQ's own; below 0: none */
    uint64_t cookie; /* of it */
    uint64_t sent, acked; /* octets on the wire since the link came up, about */
    uint64_t base; /* what had been acknowledged by then */
};

struct link_config {
    void *context;
    const struct net_config *net;
    const uint8_t *secret, *key; /* read only during the call */
    const char *endpoint;
    unsigned number; /* a name for its monitor that no other link has had */
};

/* On failure link_close frees what there is. */
WARN_UNUSED int link_open(struct link *l, const struct link_config *cfg, struct ws_err *err);
void link_close(struct link *l); /* a zeroed link is fine */
/* Takes in the events since the last call. */
void link_events(struct link *l, struct guard *guard, uint64_t mono_ms);
/* Once a second: dials if ZeroMQ has given up, and had so a turn ago; counts what arrived. */
void link_turn(struct link *l);

enum link_sent { LINK_SENT, LINK_FULL, LINK_DOWN };
/* One message: the octet of the lane and then msg. At most queue_octets are on their way. */
enum link_sent link_send(
    struct link *l, enum net_lane lane, struct span msg, uint64_t queue_octets);

/* zmq_setsockopt; false when ZeroMQ refuses. */
bool net_set_int(void *socket, int option, int value);
/* No message above octets_max comes in. */
bool net_set_common(void *socket, size_t octets_max);
int net_zmq_failed(struct ws_err *err, const char *what);

#endif
