/* The validator's part in the cell's randomness: what beacon_member wishes for becomes signed records of this node.
 * The secret is a file of the unit's own ("beacon.key" in its data folder), made at the first start; without it the
 * unit registers a new key and has a part again from the next generation on. Owner thread. */
#ifndef WAYSIDE_RSU_CELL_BEACONING_H
#define WAYSIDE_RSU_CELL_BEACONING_H

#include "base/random.h"
#include "ledger/beacon/member.h"
#include "ledger/node/node.h"

struct beaconing;

struct beaconing_counters {
    uint64_t sent[5]; /* records handed to our node, by kind (enum beacon_record) */
    uint64_t refused; /* that our own node did not take */
};

/* signer is borrowed. secret is copied. */
struct beaconing *beaconing_new(const uint8_t cell[static 32], const struct signer *signer,
    const uint8_t secret[static BEACON_SECRET_OCTETS]);
void beaconing_free(struct beaconing *b); /* wipes; NULL is fine */

/* Reads the file, or draws the secret and writes it. The caller wipes ret. */
WARN_UNUSED int beaconing_secret(const char *path, struct ws_random *random,
    uint8_t ret[static BEACON_SECRET_OCTETS], struct ws_err *err);

/* After a block; cheap when there was none. contract: the beacon contract's self, of the node's executor. Must not
 * be called from the node's callbacks. */
void beaconing_run(struct beaconing *b, struct node *n, const void *contract, struct ws_now now);
const struct beaconing_counters *beaconing_read(const struct beaconing *b);

#endif
