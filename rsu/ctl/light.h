/* What rsuctl believes of a cell, and how it gets to another height: ledger/light, asking a unit that is not believed.
 * One thread. */
#ifndef WAYSIDE_RSU_CTL_LIGHT_H
#define WAYSIDE_RSU_CTL_LIGHT_H

#include "ledger/light/proof.h"
#include "rsu/ctl/ctl.h"
#include "rsu/ctl/http.h"

#define CTL_TRUSTED_USAGE                                                                          \
    "  --trusted HEIGHT:ID  begin with this block instead of the genesis; its id from elsewhere "  \
    "than the unit\n"

struct ctl_light {
    const struct ctl_genesis *genesis;
    struct ctl_http *http; /* NULL: nobody is asked */
    struct light_params params;
    struct light_trust trust;
    struct light_source source;
    int rc; /* of the last question */
};

/* trusted: "HEIGHT:ID" or NULL for the genesis. CTL_DONE, or the exit code with err. */
WARN_UNUSED int ctl_light_begin(const struct ctl_genesis *g, struct ctl_http *http,
    const char *trusted, struct ctl_light *ret_light, struct ws_err *err);
/* Believes in the block of a height, above the trusted one or below it, and checks every signature of its commit. */
WARN_UNUSED enum light_verdict ctl_light_block(
    struct ctl_light *l, uint64_t height, struct light_block *ret_block, struct ws_err *err);
/* What to leave with. */
int ctl_light_code(const struct ctl_light *l, enum light_verdict v);

#endif
