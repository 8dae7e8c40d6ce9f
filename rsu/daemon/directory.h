/* Who is a peer, and in which slot: the validators of the sets in force, and the followers that the configuration names.
 * Keeps the links and the node in step with it while both run. Slots stay with their key as long as it is a peer's.
 * Owner thread. */
#ifndef WAYSIDE_RSU_DAEMON_DIRECTORY_H
#define WAYSIDE_RSU_DAEMON_DIRECTORY_H

#include "ledger/net/net.h"
#include "ledger/node/node.h"
#include "rsu/config/config.h"

struct directory {
    struct node_peers peers; /* a key of zeros: a free slot */
    const char
        *endpoint[NODE_PEERS_MAX]; /* of the configuration; NULL: not known, it may only dial us */
    bool told[NODE_PEERS_MAX]; /* the log has a line about that */
};

/* Slot i is validator i of the set. For the time before the node runs. */
void directory_begin(
    struct directory *d, const struct validator_set *genesis, const uint8_t own[static KEY_OCTETS]);
/* The peers are now the validators of these sets, and the peers with a key and the followers of c; own is our own CURVE key, which has a slot and
 * no link. Endpoints are c's. False: as before. */
bool directory_fill(struct directory *d, const struct validator_set *const *sets, size_t n_sets,
    const struct config *c, const uint8_t own[static KEY_OCTETS]);
/* Opens, changes and closes links. What cannot be is in the log, and is tried again with the next call. */
void directory_link(struct directory *d, struct net *net);

#endif
