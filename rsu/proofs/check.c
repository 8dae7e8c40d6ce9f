#include "rsu/proofs/check.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/light/proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int proof_check_event(struct span genesis, struct span bundle, unsigned contract,
    struct event *ret_event, struct ws_err *err) {
    struct event_bundle *p = ws_alloc(sizeof(*p));
    int rc = event_bundle_decode(bundle, p, err);
    if (rc == WS_OK)
        rc = light_check_event(&exec_light_crypto, genesis, p, ret_event, err);
    if (rc == WS_OK && ret_event->contract != contract)
        rc = ws_fail(err, WS_EINPUT, "what is proven is an event of contract %u, not of %u",
            ret_event->contract, contract);
    free(p);
    return rc;
}

int proof_check_state(struct span genesis, struct span bundle, unsigned contract, struct span key,
    struct proof_entry *ret_entry, struct ws_err *err) {
    struct state_bundle *p = ws_alloc(sizeof(*p));
    int rc = state_bundle_decode(bundle, p, err);
    if (rc == WS_OK)
        rc = light_check_state(&exec_light_crypto, genesis, p, err);
    if (rc == WS_OK && (p->contract.index != contract || !span_equal(p->key, key)))
        rc = ws_fail(err, WS_EINPUT, "what is proven is another entry of the state");
    if (rc == WS_OK) /* a header commits to the state after the block before it */
        *ret_entry = (struct proof_entry){.present = p->present,
            .value = p->present ? p->value : (struct span){0},
            .height = p->header.height - 1};
    free(p);
    return rc;
}

void proof_event_path(uint64_t height, uint64_t sequence, char ret[static PROOF_PATH]) {
    (void)snprintf(ret, PROOF_PATH, "/v1/proofs/event/%llu/%llu", (unsigned long long)height,
        (unsigned long long)sequence);
}

void proof_state_path(const char *contract, struct span key, char ret[static PROOF_PATH]) {
    WS_ASSERT(strlen(contract) <= 32 && key.n <= PROOF_KEY_MAX);
    const int n = snprintf(ret, PROOF_PATH, "/v1/proofs/state/%s/", contract);
    hex_encode(ret + n, key.p, key.n);
}
