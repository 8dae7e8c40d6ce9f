/* The outgoing link to one peer: a DEALER socket that dials for ever, and the events of its connection. Also what
 * all sockets of a net have in common. Internal to ledger/net; one thread. */
#ifndef WAYSIDE_LEDGER_NET_LINK_H
#define WAYSIDE_LEDGER_NET_LINK_H

#include "ledger/net/net.h"

struct link {
    void *socket; /* DEALER to the peer; NULL for ourselves */
    void *monitor; /* its events */
    char *endpoint;
    bool up;
    /* The connection ended and ZeroMQ has not said that it will try again: after a handshake that was refused
     * or made no sense it gives up for good. */
    bool given_up;
    bool redial; /* it had been so at the last turn of the timer, too */
};

/* secret is read only during the call. On failure link_close frees what there is. */
WARN_UNUSED int link_open(struct link *l, void *context, const struct net_config *cfg,
    const uint8_t *secret, size_t peer, struct ws_err *err);
void link_close(struct link *l); /* a zeroed link is fine */
/* Takes in the events since the last call. */
void link_events(struct link *l);
/* Dials if ZeroMQ has given up, and had so a turn ago; call once a second. */
void link_redial(struct link *l);

/* zmq_setsockopt; false when ZeroMQ refuses. */
bool net_set_int(void *socket, int option, int value);
/* No message above octets_max comes in. */
bool net_set_common(void *socket, size_t octets_max);
int net_zmq_failed(struct ws_err *err, const char *what);

#endif
