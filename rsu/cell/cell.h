/* Which contracts make up a cell, in registration order (identity, committee, policy, map, beacon, learn), and the files that describe
 * one. The one place that knows all contracts; used by rsud, replay and rsuctl alike. One thread. */
#ifndef WAYSIDE_RSU_CELL_CELL_H
#define WAYSIDE_RSU_CELL_CELL_H

#include "ledger/beacon/contract.h"
#include "ledger/exec/executor.h"
#include "ledger/policy/contract.h"
#include "ledger/policy/table.h"
#include "mapsvc/fuse/contract.h"

#define CELL_SECTIONS 4 /* policy, map, beacon (empty), learn (empty) */

struct cell {
    struct executor *ex; /* node_open takes it over: then set to NULL */
    const void *policy; /* the policy contract's self; alive as long as the executor */
    const void *map; /* the map contract's self */
    const void *beacon; /* the beacon contract's self */
    const void *learn; /* the learning contract's self (fedlearn/round/rounds.h) */
    struct span sections[CELL_SECTIONS]; /* genesis parts, borrowed from the executor's genesis */
};

/* The schema of all contracts' policy fields; static. */
const struct policy_schema *cell_policy_schema(void);
const struct policy_limits *cell_policy_limits(void);
/* values: of the schema, each in its range. What the contracts find in them that no range tells; a policy that fails is taken by the ledger,
 * and does not do what it is for. */
WARN_UNUSED int cell_policy_check(const int64_t *values, struct ws_err *err);

/* base_map: the map of the genesis digest; needed for the first start only, may be NULL after that. */
WARN_UNUSED int cell_open(
    struct span genesis, const struct mapset *base_map, struct cell *ret_cell, struct ws_err *err);
/* map_contract_take_any_version, for a cell in which captures of another one run. */
void cell_take_any_map_version(struct cell *c);
void cell_close(struct cell *c); /* frees ex unless it was taken over */

/* Index of the map contract in proofs and events. */
#define CELL_CONTRACT_MAP 3
/* The same of the beacon, and where its records go. */
#define CELL_CONTRACT_BEACON 4
#define CELL_CONTRACT_LEARN 5

#endif
