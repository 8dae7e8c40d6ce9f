/* The policy contract: keeps the region's policy, takes a new one from the authorities of the policy role,
 * and believes no table that it has not computed itself (design, decision 5). Bodies and codes: body.h.
 *
 * State: "current" -> record; "script/" and the policy's hash (32 octets) -> script. Event
 * POLICY_EVENT_DEPLOYED carries the record: version 01, sequence u64, name var, policy hash 32 octets,
 * table var. Sequence counts policies from 0, the genesis policy.
 *
 * A policy deployed in block h is in force from block h + 1 on: begin_block takes it over. The host calls
 * this contract's begin_block before any other contract's, and answers exec_policy from
 * policy_contract_values. One thread, as contract.h says. */
#ifndef WAYSIDE_LEDGER_POLICY_CONTRACT_H
#define WAYSIDE_LEDGER_POLICY_CONTRACT_H

#include "base/bytes.h"
#include "ledger/exec/contract.h"
#include "ledger/policy/body.h"

enum { POLICY_DEPLOY = 1 }; /* kind of an order of ROLE_POLICY */
enum { POLICY_EVENT_DEPLOYED = 1 };

/* The schema has passed policy_schema_check; its fields are borrowed for the contract's life. The limits are
 * copied; all validators use the same. */
struct contract policy_contract_new(
    const struct policy_schema *schema, const struct policy_limits *limits);

/* ---- the policy in force, read-only; `self` is contract.self. Borrowed until the next block. ---- */

const int64_t *policy_contract_values(const void *self, size_t *ret_n); /* in schema order */
const uint8_t *policy_contract_hash(
    const void *self); /* 32 octets: policy_hash of script and table */
struct span policy_contract_name(const void *self);
struct span policy_contract_script(const void *self);
uint64_t policy_contract_sequence(const void *self);

#endif
