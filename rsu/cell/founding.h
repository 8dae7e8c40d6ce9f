/* What a cell is founded on: trust certificates from a folder, a policy, a map, validators; made into the
 * octets of a genesis. Used by `rsuctl cell init` and by replay. One thread. */
#ifndef WAYSIDE_RSU_CELL_FOUNDING_H
#define WAYSIDE_RSU_CELL_FOUNDING_H

#include "ledger/light/types.h"
#include "mapsvc/model/mapset.h"
#include "rsu/trust/trust_files.h"

/* The policy that comes with the appliance, for those who name none: scripts/policies/urban.lua. */
extern const char founding_policy_name[];
struct span founding_policy_script(void);

struct founding {
    const char *name;
    uint64_t time; /* Time64 us */
    struct validator_set validators; /* keys, powers, owners; order does not matter */
    size_t n_authorities;
    struct authority authorities[AUTHORITIES_MAX];
    uint8_t quorum[8];
    const struct trust_files *trust;
    struct cell_params params;
    const char *policy_name;
    struct span policy_script;
    const struct mapset *map;
    uint32_t margin_m; /* region: the map's bounding box and this much around it; 0: no bound */
};
WARN_UNUSED int founding_genesis(
    const struct founding *f, struct buf *ret_octets, struct ws_err *err);

#endif
