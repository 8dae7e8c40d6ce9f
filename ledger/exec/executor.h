/* The contract host: checks transactions, runs decided blocks, keeps the authenticated state.
 *
 * Contracts in registration order, fixed for the life of a cell: identity, committee, policy, then the others. The same
 * sequence of blocks gives the same roots on every machine. Execution needs no clock and no signature check:
 * executor_check ran before the prevote. One thread. */
#ifndef WAYSIDE_LEDGER_EXEC_EXECUTOR_H
#define WAYSIDE_LEDGER_EXEC_EXECUTOR_H

#include "ledger/exec/block.h"
#include "ledger/exec/state.h"

struct executor;

/* Where exec_policy() gets its integers: the policy contract's face. */
struct exec_policy_source {
    const int64_t *(*values)(const void *self, size_t *ret_n); /* in schema order */
    const uint8_t *(*hash)(const void *self);
    const void *self;
};

/* Where exec_beacon() gets its answers: the beacon contract's face. Without one no height has randomness. */
struct exec_beacon_source {
    enum beacon_answer (*value)(const void *self, uint64_t height, uint8_t ret_value[static 32]);
    uint64_t (*height)(const void *self, uint64_t height);
    const void *self;
};

#define EXECUTOR_IDENTITY 0
#define EXECUTOR_COMMITTEE 1
#define EXECUTOR_OWN 2 /* the contracts that the executor makes itself */
#define EXECUTOR_POLICY 2

/* contracts: all but the executor's own; taken over. sections: genesis part of each.
 * genesis_octets is copied. Fails when a trust root of the genesis is no valid certificate. */
WARN_UNUSED int executor_new(struct span genesis_octets, const struct contract *contracts, size_t n,
    const struct exec_policy_source *policy, struct executor **ret_executor, struct ws_err *err);
void executor_free(struct executor *ex);
/* Before the first block. */
void executor_set_beacon(struct executor *ex, const struct exec_beacon_source *source);

const struct genesis *executor_genesis_of(const struct executor *ex);
/* For the committee_* views (ledger/committee). */
const void *executor_committee(const struct executor *ex);
/* The parameters of the next block. */
const struct cell_params *executor_params(const struct executor *ex);
const uint8_t *executor_cell_id(const struct executor *ex);
const struct trust_store *executor_trust(const struct executor *ex);
size_t executor_contracts(const struct executor *ex);
const struct contract *executor_contract(const struct executor *ex, size_t i);
int executor_contract_index(const struct executor *ex, const char *name); /* -1: none */
struct state *executor_state(struct executor *ex);
uint64_t executor_height(const struct executor *ex);

/* First start: writes the state of height 0. sections[i] for contract EXECUTOR_OWN + i. */
WARN_UNUSED int executor_init(struct executor *ex, const struct span *sections, struct ws_err *err);
/* Restart: entries first (any order), then resume at the height they belong to. */
void executor_restore(struct executor *ex, size_t contract, struct span key, struct span value);
WARN_UNUSED int executor_resume(struct executor *ex, uint64_t height, struct ws_err *err);

/* ---- checking, before a transaction may be proposed or prevoted ---- */
#define TX_VERDICTS(X)                                                                             \
    X(TX_GOOD, "good")                                                                             \
    X(TX_DUPLICATE, "duplicate")                                                                   \
    X(TX_UNKNOWN_CERT, "unknown_certificate")                                                      \
    X(TX_STALE, "stale")                                                                           \
    X(TX_FUTURE, "future")                                                                         \
    X(TX_CERT_TIME, "certificate_time")                                                            \
    X(TX_NO_PERMISSION, "no_permission")                                                           \
    X(TX_NO_CONTRACT, "no_contract")                                                               \
    X(TX_TELLS_PLACE, "tells_place") /* where its contract wants none told */                      \
    X(TX_OUT_OF_REGION, "out_of_region")                                                           \
    X(TX_BAD_SIGNATURE, "bad_signature")                                                           \
    X(TX_UNTRUSTED, "untrusted_certificate")                                                       \
    X(TX_ORDER_SEQUENCE, "order_sequence")                                                         \
    X(TX_ORDER_EXPIRED, "order_expired")                                                           \
    X(TX_ORDER_QUORUM, "order_quorum")                                                             \
    X(TX_NO_ROOM, "identity_full")                                                                 \
    X(TX_NOT_VALIDATOR, "not_a_validator")                                                         \
    X(TX_EARLY, "too_early")                                                                       \
    X(TX_CONTRACT_REFUSES, "contract_refuses")                                                     \
    X(TX_TOO_LARGE, "too_large") /* for this block */                                              \
    X(TX_OVERSIZE, "oversize") /* for any block under the parameters in force */
enum tx_verdict {
#define X(id, text) id,
    TX_VERDICTS(X)
#undef X
        TX_VERDICT_COUNT
};
const char *tx_verdict_text(enum tx_verdict v);

/* A block in the making (or being judged): remembers what its earlier transactions add. */
struct check;
struct check *check_new(struct executor *ex, uint64_t block_time);
void check_free(struct check *c);
/* TX_GOOD also notes the transaction as part of the block. */
enum tx_verdict check_tx(struct check *c, struct tx *t);
/* It will be checked soon (base/table.h). */
void check_hint(const struct executor *ex, const struct tx *t);
/* The same for a block of this one transaction. */
enum tx_verdict check_tx_alone(struct executor *ex, uint64_t block_time, struct tx *t);
/* TX_STALE, TX_DUPLICATE, TX_CERT_TIME, TX_ORDER_SEQUENCE, TX_ORDER_EXPIRED never become good again. */
bool tx_verdict_final(enum tx_verdict v);

/* ---- running a decided block ---- */
struct tx_result {
    uint8_t contract;
    exec_code code;
};
struct exec_outcome {
    size_t n_results;
    struct tx_result *results;
    size_t n_events;
    struct event *events; /* bodies owned */
    hash32 state_root, result_root, event_root;
};
void exec_outcome_free(struct exec_outcome *o);
/* height must be executor_height + 1. Marks the state before it as the provable one. */
void executor_run(struct executor *ex, const struct block *b, struct exec_outcome *ret_outcome);
/* Roots as the header of the first block needs them: state of height 0, empty lists. */
void executor_first_roots(struct executor *ex, struct exec_outcome *ret_outcome);
/* Text of a result. */
const char *executor_code_name(const struct executor *ex, struct tx_result r);

#endif
