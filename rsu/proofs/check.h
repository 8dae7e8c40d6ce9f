/* What a bundle (ledger/light/proof.h) proves to whoever has the cell's genesis and nothing else: that a quorum signed for it, and that it is
 * about what was asked, since another entry is as well proven. And the paths under which any unit gives such bundles
 * (docs/openapi.yaml, /v1/proofs). Pure; any thread. */
#ifndef WAYSIDE_RSU_PROOFS_CHECK_H
#define WAYSIDE_RSU_PROOFS_CHECK_H

#include "ledger/light/types.h"

/* The event in the bundle. WS_EINPUT: not proven, or an event of another contract. *ret_event borrows from the bundle. */
WARN_UNUSED int proof_check_event(struct span genesis, struct span bundle, unsigned contract,
    struct event *ret_event, struct ws_err *err);

struct proof_entry {
    bool present; /* false: it is proven that there is none */
    struct span value; /* borrowed from the bundle */
    uint64_t height; /* of the block after which the state was so */
};
/* The entry under that key in the contract's state. WS_EINPUT: not proven, or another entry. */
WARN_UNUSED int proof_check_state(struct span genesis, struct span bundle, unsigned contract,
    struct span key, struct proof_entry *ret_entry, struct ws_err *err);

enum { PROOF_PATH = 160, PROOF_KEY_MAX = 48 };
void proof_event_path(uint64_t height, uint64_t sequence, char ret[static PROOF_PATH]);
/* contract: its name, of at most 32 octets; key: of at most PROOF_KEY_MAX. */
void proof_state_path(const char *contract, struct span key, char ret[static PROOF_PATH]);

#endif
