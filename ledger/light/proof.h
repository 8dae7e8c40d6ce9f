/* Proof bundles: an event or a state entry, the header that commits to it, the quorum that signed that header, and the
 * handovers that lead to its committee; checkable with the genesis alone, or with any belief that the handovers go on
 * from. Pure; callbacks as in types.h. Any thread.
 *
 * What emitted in block h is committed by header h + 1, so a bundle carries header and commit of h + 1. */
#ifndef WAYSIDE_LEDGER_LIGHT_PROOF_H
#define WAYSIDE_LEDGER_LIGHT_PROOF_H

#include "ledger/light/handover.h"

struct event_bundle {
    struct handovers handovers; /* up to the committee of the header; borrowed */
    struct header header;
    struct commit commit;
    struct list_proof proof;
    struct span event; /* encoding of struct event; borrowed */
};
void event_bundle_encode(const struct event_bundle *p, struct buf *b);
WARN_UNUSED int event_bundle_decode(
    struct span s, struct event_bundle *ret_bundle, struct ws_err *err);

struct state_bundle {
    struct handovers handovers;
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

/* A header and its commit under a validator set known to sign that height; every signature is checked. */
WARN_UNUSED int light_check_header(const struct light_crypto *c, const hash32 cell_id,
    const struct validator_set *set, const struct header *hd, const struct commit *commit,
    struct ws_err *err);

/* Inclusion alone: under a header that is believed already. */
WARN_UNUSED enum light_verdict light_event_in(
    light_hash_fn h, const struct event_bundle *p, struct event *ret_event, struct ws_err *err);
WARN_UNUSED enum light_verdict light_state_in(
    light_hash_fn h, const struct state_bundle *p, struct ws_err *err);

/* Everything: handovers, header, inclusion. *t moves to the bundle's header, or as far as it came. The header may be
 * the trusted one itself; one below it is LIGHT_NOT_NEWER: begin with an older belief or go back first (light_reach_back,
 * then light_event_in). *ret_event borrows from the bundle. */
WARN_UNUSED enum light_verdict light_prove_event(const struct light_crypto *c,
    const struct light_params *p, struct light_trust *t, const struct event_bundle *b, uint64_t now,
    struct event *ret_event, struct ws_err *err);
WARN_UNUSED enum light_verdict light_prove_state(const struct light_crypto *c,
    const struct light_params *p, struct light_trust *t, const struct state_bundle *b, uint64_t now,
    struct ws_err *err);

/* The same with the genesis alone: no clock, no trusting period, every signature. */
WARN_UNUSED int light_check_event(const struct light_crypto *c, struct span genesis,
    const struct event_bundle *p, struct event *ret_event, struct ws_err *err);
WARN_UNUSED int light_check_state(const struct light_crypto *c, struct span genesis,
    const struct state_bundle *p, struct ws_err *err);

#endif
