/* What the units of a cell tell one another about the beacons they handed on, so that a message recorded at one mast and
 * sent again at the next is a duplicate and not news. Only identities travel, on the links between validators, and
 * nobody's clock with them: how long one counts follows from the receiver's own rules (decision 0015).
 *
 *   octet 0: 0, which no link message of the ledger begins with · 1: channel, 1 · 2: version, 1
 *   3 to 4: number of identities, big-endian, 1 to GOSSIP_IDS_MAX · 5 on: the first 16 octets of each
 *
 * Owner thread. All memory is allocated by gossip_new; no clock, no socket. */
#ifndef WAYSIDE_RSU_RADIO_GOSSIP_H
#define WAYSIDE_RSU_RADIO_GOSSIP_H

#include "base/bytes.h"
#include "base/clock.h"
#include "pktio/replay_window.h"

#define GOSSIP_IDS_MAX 1024
#define GOSSIP_PEERS_MAX 128

struct gossip_config {
    struct replay_window *window; /* borrowed */
    size_t n_peers; /* validators of the genesis, ourselves among them */
    size_t me; /* or anything not below n_peers */
    uint32_t rate; /* identities a second: told at most, and taken at most from each peer; >= 1 */
    uint64_t batch_us; /* how long the first of a batch waits for others */
    uint64_t
        keep_us; /* how long a message that was accepted anywhere just now may stay fresh here */
    void (*send)(void *ctx, size_t peer, struct span msg);
    void *ctx;
};

struct gossip_counters {
    uint64_t told; /* identities sent, once for all peers */
    uint64_t batches;
    uint64_t untold; /* not sent: rate used up */
    uint64_t taken; /* identities that peers told */
    uint64_t over_rate; /* told by a peer beyond its rate, not taken */
    uint64_t malformed; /* messages */
};

struct gossip;
struct gossip *gossip_new(const struct gossip_config *cfg);
void gossip_free(struct gossip *g);

/* A beacon was verified here and handed on. */
void gossip_note(struct gossip *g, const uint8_t id[static REPLAY_ID_OCTETS], uint64_t mono_us);
/* Sends what is due. */
void gossip_run(struct gossip *g, uint64_t mono_us);
/* When gossip_run has something to do, monotonic; UINT64_MAX: never. */
uint64_t gossip_due(const struct gossip *g);

/* Whether a link message is of this channel family; the others are the ledger's. */
bool gossip_owns(struct span msg);
void gossip_take(struct gossip *g, size_t peer, struct span msg, struct ws_now now);
struct gossip_counters gossip_counters(const struct gossip *g);

/* Reads a message of the channel; false: any other octets. The identities are borrowed from msg. */
bool gossip_parse(struct span msg, struct span *ret_ids);

#endif
