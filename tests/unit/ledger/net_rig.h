/* Several nets in one process over loopback, each with its own keys and a port that was free. Fails the test when anything
 * takes longer than RIG_PATIENCE_MS. One thread. */
#ifndef WAYSIDE_TESTS_UNIT_LEDGER_NET_RIG_H
#define WAYSIDE_TESTS_UNIT_LEDGER_NET_RIG_H

#include "tests/support/cm.h"

#include "ledger/net/net.h"

enum { RIG_NETS_MAX = 4, RIG_PATIENCE_MS = 120000, RIG_LARGEST = 200000 };

struct net_rig {
    size_t n;
    uint8_t secret[RIG_NETS_MAX][32];
    uint8_t public_key[RIG_NETS_MAX][32];
    char endpoint[RIG_NETS_MAX][64];
    int queue;
    uint64_t held, messages_per_s; /* 0: default */
    struct net *net[RIG_NETS_MAX];
};

uint64_t rig_now_ms(void);
void rig_free_endpoint(char *dst, size_t n);
/* Keys and addresses of n nets that are not open yet; a configuration of one of them. */
void rig_make(struct net_rig *c, size_t n);
struct net_config rig_config(const struct net_rig *c, size_t i);
/* Opens a net that knows all others; tells net i who has slot k. */
void rig_open(struct net_rig *c, size_t i);
void rig_put(struct net_rig *c, size_t i, size_t k);
/* rig_make, and all n are open and connected. */
void rig_mesh(struct net_rig *c, size_t n);
void rig_close(struct net_rig *c);

/* Time goes on for all of them. */
void rig_tick(struct net_rig *c);
/* Until `to` says that its link to `peer` is `up`; until all links are. */
void rig_wait_link(struct net_rig *c, size_t to, size_t peer, bool up);
void rig_wait_mesh(struct net_rig *c);
bool rig_receive_within(
    struct net_rig *c, size_t at, uint64_t ms, size_t *ret_peer, struct span *ret_msg);
/* The next message there is this one. */
void rig_receives(struct net_rig *c, size_t at, size_t from, const char *text);
bool rig_send(struct net_rig *c, size_t from, size_t to, const char *text);

#endif
