/* The net change of each element over several versions, as OSM objects: what OsmChange and its augmented form share.
 * Private to ws_mapio. */
#ifndef WAYSIDE_MAPSVC_FORMATS_EXPORT_NET_H
#define WAYSIDE_MAPSVC_FORMATS_EXPORT_NET_H

#include "mapsvc/formats/export_osm.h"
#include "mapsvc/fuse/diff.h"

/* What happened to one element over all versions given. Borrows from them. */
struct osm_net {
    const uint8_t *id;
    const struct element *before, *after; /* NULL: was not, is not there */
    const struct element *last; /* its latest form, also of one that came and went */
    size_t order;
};
/* One entry per element by ascending id: before the first change, after the last. The caller frees it. */
struct osm_net *osm_net_changes(const struct map_version *const *v, size_t n, size_t *ret_n);

enum osm_action { OSM_NOTHING, OSM_CREATE, OSM_MODIFY, OSM_DELETE };
enum osm_action osm_net_action(const struct osm_net *c);

/* Ids of the nodes the file gave a small object; their number, 0 when it did not say or is not the file. */
size_t osm_native_nodes(const struct element *e, int64_t *ret_refs);
bool osm_same_place(const struct element *a, const struct element *b);

#endif
