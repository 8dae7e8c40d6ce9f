/* One map version and what proves it. Internal to rsu/ctl/map*.c. One thread. */
#ifndef WAYSIDE_RSU_CTL_MAP_PROOF_H
#define WAYSIDE_RSU_CTL_MAP_PROOF_H

#include "mapsvc/fuse/diff.h"
#include "rsu/ctl/light.h"

struct proven {
    const char *file; /* borrowed; for messages */
    struct buf octets; /* the bundle; the rest points into it */
    struct event_bundle bundle;
    bool has_set; /* who signed is known; else the header is the trusted one or below it */
    bool named; /* it is the genesis's set, with owners */
    struct validator_set set;
    hash32 record; /* SHA-256 of the version's encoding */
    struct map_version version;
};

/* The octets of p: what version they hold, without asking who signed. CTL_DONE, or CTL_NO with err. */
WARN_UNUSED int ctl_map_look(struct proven *p, struct ws_err *err);
/* The same, and a quorum signed it, about this cell and its map. CTL_DONE, CTL_NO or CTL_UNREACHABLE, with err. */
WARN_UNUSED int ctl_map_prove(
    const struct ctl_genesis *g, struct ctl_light *l, struct proven *p, struct ws_err *err);
void proven_free(struct proven *p);

#endif
