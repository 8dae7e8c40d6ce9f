/* A unit that is asked about its map and not believed: what it says of a version is compared with what a quorum of the cell
 * signed. Shared by rsuctl map tile, net and snapshot. Internal to rsu/ctl/map*.c. One thread. */
#ifndef WAYSIDE_RSU_CTL_MAP_UNIT_H
#define WAYSIDE_RSU_CTL_MAP_UNIT_H

#include "mapsvc/model/frame.h"
#include "rsu/ctl/light.h"

#define CTL_MAP_UNIT_OPTIONS 4
#define CTL_MAP_UNIT_USAGE                                                                         \
    "  --genesis FILE      the cell's genesis, against which everything is checked\n"              \
    "  --fingerprint HEX   what the genesis's fingerprint must be\n" CTL_TRUSTED_USAGE             \
    "  --http ADDR         of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"

struct ctl_map_unit {
    const struct ctl_verb *v;
    struct ctl_face face;
    const char *genesis_file, *fingerprint, *trusted;
    /* when it is open */
    struct ctl_http *http;
    struct ctl_genesis genesis;
    struct ctl_light light;
    struct cell_frame frame; /* of the genesis */
};
void ctl_map_unit_options(struct ctl_map_unit *u, const struct ctl_verb *v,
    struct ctl_option ret[static CTL_MAP_UNIT_OPTIONS]);
/* CTL_DONE, or everything has been said. ctl_map_unit_close in any case. */
WARN_UNUSED int ctl_map_unit_open(struct ctl_map_unit *u);
void ctl_map_unit_close(struct ctl_map_unit *u);

/* What the cell's quorum signed about a version: the map's root, and the record's hash (zero of version 1). CTL_DONE, CTL_NO or
 * CTL_UNREACHABLE with err. */
WARN_UNUSED int ctl_map_believe(struct ctl_map_unit *u, uint64_t version,
    uint8_t ret_root[static 32], uint8_t ret_record[static 32], struct ws_err *err);
/* Exit code for an answer that did not come, or was refused by a decoder. */
int ctl_map_code(int rc);

#endif
