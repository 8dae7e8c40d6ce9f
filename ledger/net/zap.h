/* The authenticator of one ZeroMQ context (ZAP 1.0, RFC 27): CURVE keys of the genesis get in under their
 * validator index, every other handshake is refused and counted. Internal to ledger/net. */
#ifndef WAYSIDE_LEDGER_NET_ZAP_H
#define WAYSIDE_LEDGER_NET_ZAP_H

#include "ledger/net/net.h"

struct zap;
/* Starts a thread that sleeps until a handshake comes. Must run before the context's first server socket. */
WARN_UNUSED int zap_start(
    void *context, const struct net_config *cfg, struct zap **ret_zap, struct ws_err *err);
void zap_stop(struct zap *z); /* NULL is fine */
uint64_t zap_refused(const struct zap *z); /* any thread */

#endif
