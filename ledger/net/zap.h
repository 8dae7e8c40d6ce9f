/* The door of one ZeroMQ context, a thread of its own: the authenticator (ZAP 1.0, RFC 27), which lets CURVE keys of the
 * directory in under their slot and its generation and refuses every other handshake, and the guard's rounds.
 * Internal to ledger/net. */
#ifndef WAYSIDE_LEDGER_NET_ZAP_H
#define WAYSIDE_LEDGER_NET_ZAP_H

#include "ledger/net/guard.h"

struct zap;
/* Starts a thread that sleeps until a handshake comes. Must run before the context's first server socket. */
WARN_UNUSED int zap_start(
    void *context, struct guard *guard, struct zap **ret_zap, struct ws_err *err);
/* The socket that peers dial, before it is bound: its connections are told to the guard. */
WARN_UNUSED bool zap_watch(struct zap *z, void *socket);
void zap_stop(struct zap *z); /* NULL is fine */
/* Any thread. `generation` tells a slot's peers apart that had it one after another. */
void zap_put(struct zap *z, size_t peer, const uint8_t key[static 32], uint32_t generation);
void zap_remove(struct zap *z, size_t peer);
uint64_t zap_refused(const struct zap *z); /* unknown keys */
uint64_t zap_refused_often(const struct zap *z);

uint64_t zap_now_ms(void); /* the clock that the guard is told */

#endif
