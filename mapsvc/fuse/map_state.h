/* The map out of the entries of the map contract's state, for readers that have the state and do not run the contract
 * (mapsvc/fuse/contract_internal.h says what the keys are). One thread per object. */
#ifndef WAYSIDE_MAPSVC_FUSE_MAP_STATE_H
#define WAYSIDE_MAPSVC_FUSE_MAP_STATE_H

#include "mapsvc/model/mapset.h"

struct map_state {
    bool has_map, has_head;
    uint64_t version; /* 1: the base map */
    uint8_t root[32]; /* over its tiles */
    uint8_t record[32]; /* SHA-256 of the last version record; zero for the base map */
    struct mapset map; /* owned */
};
/* Takes an entry up, whatever it is about; all of one moment, in any order. WS_EINPUT: it is damaged. */
WARN_UNUSED int map_state_take(
    struct map_state *s, struct span key, struct span value, struct ws_err *err);
/* After the last. WS_ENOTFOUND: these are not all, or of no map. The root is not checked. */
WARN_UNUSED int map_state_end(struct map_state *s, struct ws_err *err);
void map_state_free(struct map_state *s);

#endif
