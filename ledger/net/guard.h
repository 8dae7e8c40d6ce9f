/* Bounds what a TCP connection makes libzmq hold. libzmq counts whole messages against a queue's bound, so a message
 * whose last part never comes grows without one, and it has no word for octets. The kernel has: TCP_INFO tells how many
 * octets came in on a connection; whoever takes messages tells how many of them were taken (with their framing, which
 * is exact). The difference is what libzmq holds; above the bound the connection is shut down, which frees it. Between two
 * looks more can come: a tenth of a second's worth of the line at first, a fiftieth after that.
 *
 * Connections are known by their descriptor, which is libzmq's own: it is looked at only through SO_COOKIE, so that one
 * that was closed and reused meanwhile is never taken for another. Any thread. Internal to ledger/net. */
#ifndef WAYSIDE_LEDGER_NET_GUARD_H
#define WAYSIDE_LEDGER_NET_GUARD_H

#include "ledger/net/net.h"

enum guard_kind {
    GUARD_IN, /* a peer's connection, or a stranger's until its first message */
    GUARD_OUT, /* one of ours: nothing but a handshake comes back on it */
};

struct guard_counters {
    uint64_t cut_held, cut_silent, cut_removed;
};

struct guard;
struct guard *guard_new(const struct net_limits *limits);
void guard_free(struct guard *g);

void guard_opened(struct guard *g, int fd, enum guard_kind kind, uint64_t mono_ms);
void guard_closed(struct guard *g, int fd);
/* A message of this many octets, framed for CURVE, was taken from the connection; it is peer's. */
void guard_took(struct guard *g, int fd, size_t octets, size_t peer, uint64_t mono_ms);
/* Shuts a connection down: its key is no peer's any more. */
void guard_cut(struct guard *g, int fd);
/* The same for all connections that a peer was seen on. */
void guard_cut_peer(struct guard *g, size_t peer);
/* Looks at all connections, when it is time to, and cuts those above their bounds; returns when to call again, in ms. */
long guard_scan(struct guard *g, uint64_t mono_ms);
struct guard_counters guard_counters(struct guard *g);

#endif
