/* Shared by executor.c (running) and check.c (checking). Internal to ledger/exec. */
#ifndef WAYSIDE_LEDGER_EXEC_EXECUTOR_INTERNAL_H
#define WAYSIDE_LEDGER_EXEC_EXECUTOR_INTERNAL_H

#include "ledger/committee/committee.h"
#include "ledger/committee/court.h"
#include "ledger/exec/executor.h"
#include "ledger/identity/identity.h"

struct exec_host {
    struct executor *ex;
    size_t contract;
};

struct executor {
    struct buf genesis_octets;
    struct genesis genesis;
    hash32 cell_id;
    struct trust_store *trust;
    size_t n;
    struct contract contract[STATE_CONTRACTS_MAX];
    size_t field_base[STATE_CONTRACTS_MAX]; /* first policy field of each contract in the schema */
    struct exec_policy_source policy;
    struct exec_beacon_source beacon; /* self NULL: none */
    struct state *state;
    uint64_t height; /* last executed */
    /* the block being executed */
    uint64_t run_height, run_time;
    struct event *events;
    size_t n_events, cap_events;
};

/* Index of the contract that takes this PSID or order; -1: none. */
int executor_for_psid(const struct executor *ex, uint64_t psid);
int executor_for_order(const struct executor *ex, enum exec_role role, uint16_t kind);

/* The record of a transaction as its contract sees it in the next block. */
void executor_record(
    const struct executor *ex, const struct tx *t, uint32_t index, struct exec_record *ret);

#endif
