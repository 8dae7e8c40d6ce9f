/* Headers, commits, transactions and proofs as JSON. Each function returns a new reference. Any thread. */
#ifndef WAYSIDE_RSU_JSON_BLOCK_H
#define WAYSIDE_RSU_JSON_BLOCK_H

#include "ledger/exec/tx.h"
#include "ledger/light/proof.h"
#include "rsu/json/base.h"

json_t *json_header(const struct header *hd);
/* Round, block, and who signed (address, owner, mast) with how much of the power. */
json_t *json_commit(const struct commit *c, const struct validator_set *set);
/* Kind, identity, leaf, size; orders with role, kind, sequence and expiry. Of vehicles' messages nothing
 * more: they are personal data (design, decision 7). */
json_t *json_tx(const struct tx *t);
const char *json_tx_kind(enum tx_kind k); /* "message", "certificate", "order" */

/* What a bundle says, so that a reader need not decode it to know what it has. */
json_t *json_event_bundle(const struct event_bundle *p, const struct event *e);
json_t *json_state_bundle(const struct state_bundle *p);

#endif
