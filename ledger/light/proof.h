/* Proof bundles: an event or a state entry, the header that commits to it and the quorum that signed that
 * header; checkable with the genesis alone. Pure; callbacks as in types.h. Any thread.
 *
 * What emitted in block h is committed by header h + 1, so a bundle carries header and commit of h + 1. */
#ifndef WAYSIDE_LEDGER_LIGHT_PROOF_H
#define WAYSIDE_LEDGER_LIGHT_PROOF_H

#include "ledger/light/types.h"

struct light_crypto {
    light_hash_fn hash;
    light_verify_fn verify;
};

struct event_bundle {
    struct header header;
    struct commit commit;
    struct list_proof proof;
    struct span event; /* encoding of struct event; borrowed */
};
void event_bundle_encode(const struct event_bundle *p, struct buf *b);
WARN_UNUSED int event_bundle_decode(
    struct span s, struct event_bundle *ret_bundle, struct ws_err *err);

struct state_bundle {
    struct header header;
    struct commit commit;
    struct list_proof contract; /* the contract's root in the state root; index = contract */
    hash32 contract_root;
    struct sparse_proof proof;
    struct span key, value; /* borrowed; value meaningless when absent */
    bool present;
};
void state_bundle_encode(const struct state_bundle *p, struct buf *b);
WARN_UNUSED int state_bundle_decode(
    struct span s, struct state_bundle *ret_bundle, struct ws_err *err);

/* A header and its commit under a validator set known to sign that height. */
WARN_UNUSED int light_check_header(const struct light_crypto *c, const hash32 cell_id,
    const struct validator_set *set, const struct header *hd, const struct commit *commit,
    struct ws_err *err);
/* Everything: cell, validators of the genesis, quorum, inclusion. *ret_event borrows from the bundle. */
WARN_UNUSED int light_check_event(const struct light_crypto *c, struct span genesis,
    const struct event_bundle *p, struct event *ret_event, struct ws_err *err);
WARN_UNUSED int light_check_state(const struct light_crypto *c, struct span genesis,
    const struct state_bundle *p, struct ws_err *err);

#endif
