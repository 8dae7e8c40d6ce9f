#include "rsu/cell/cell.h"

#include "base/assert.h"
#include "fedlearn/round/rounds.h"
#include "ledger/committee/committee.h"
#include "mapsvc/fuse/policy_fields.h"

/* Schema order = registration order of the contracts; identity, policy and beacon read no policy themselves. */
const struct policy_schema *cell_policy_schema(void) {
    static const struct policy_field *fields[MAP_POLICY_COUNT + FL_POLICY_FIELDS];
    static struct policy_schema schema;
    if (schema.n == 0) {
        for (size_t i = 0; i < MAP_POLICY_COUNT; i++)
            fields[i] = &map_policy_fields[i];
        for (size_t i = 0; i < FL_POLICY_FIELDS; i++)
            fields[MAP_POLICY_COUNT + i] = &fl_policy_fields[i];
        schema.fields = fields;
        schema.n = ARRAY_LEN(fields);
    }
    return &schema;
}

int cell_policy_check(const int64_t *values, struct ws_err *err) {
    return fl_policy_check(values + MAP_POLICY_COUNT, err);
}

const struct policy_limits *cell_policy_limits(void) {
    static const struct policy_limits limits = POLICY_LIMITS_DEFAULT;
    return &limits;
}

/* Who learning may take for the members of a round. */
static size_t validators_of(
    const void *self, uint64_t height, struct fl_validator *ret, size_t max) {
    const struct validator_set *set = committee_set(self, height);
    size_t n = set == NULL ? 0 : set->n < max ? set->n : max;
    for (size_t i = 0; i < n; i++) {
        memcpy(ret[i].address, set->v[i].address, sizeof(ret[i].address));
        ret[i].power = set->v[i].power;
    }
    return n;
}

int cell_open(
    struct span genesis, const struct mapset *base_map, struct cell *ret_cell, struct ws_err *err) {
    const struct beacon_params beacon = beacon_params_default();
    struct contract contracts[] = {
        policy_contract_new(cell_policy_schema(), cell_policy_limits()),
        map_contract_new(base_map),
        beacon_contract_new(&beacon),
        fl_contract_new(),
    };
    struct exec_policy_source source = {
        policy_contract_values, policy_contract_hash, contracts[0].self};
    memset(ret_cell, 0, sizeof(*ret_cell));
    int rc = executor_new(genesis, contracts, ARRAY_LEN(contracts), &source, &ret_cell->ex, err);
    if (rc != WS_OK)
        return rc;
    WS_ASSERT(executor_contract_index(ret_cell->ex, "map") == CELL_CONTRACT_MAP);
    WS_ASSERT(executor_contract_index(ret_cell->ex, "beacon") == CELL_CONTRACT_BEACON);
    WS_ASSERT(executor_contract_index(ret_cell->ex, "learn") == CELL_CONTRACT_LEARN);
    const struct beacon_committee committee = {
        committee_set, committee_set_hash, executor_committee(ret_cell->ex)};
    beacon_contract_attach(contracts[2].self, &committee);
    const struct fl_committee members = {validators_of, executor_committee(ret_cell->ex)};
    fl_contract_attach(contracts[3].self, &members);
    const struct exec_beacon_source randomness = {
        beacon_contract_value, beacon_contract_height, contracts[2].self};
    executor_set_beacon(ret_cell->ex, &randomness);
    const struct genesis *g = executor_genesis_of(ret_cell->ex);
    ret_cell->policy = contracts[0].self;
    ret_cell->map = contracts[1].self;
    ret_cell->beacon = contracts[2].self;
    ret_cell->learn = contracts[3].self;
    ret_cell->sections[0] = g->policy;
    ret_cell->sections[1] = span_of(g->map_digest, 32);
    ret_cell->sections[2] = span_of("", 0);
    ret_cell->sections[3] = span_of("", 0);
    return WS_OK;
}

void cell_take_any_map_version(struct cell *c) {
    map_contract_take_any_version(executor_contract(c->ex, CELL_CONTRACT_MAP)->self);
}

void cell_close(struct cell *c) {
    executor_free(c->ex);
    memset(c, 0, sizeof(*c));
}
