/* The map's commitment, tile by tile, so that whoever takes one tile only can check it against a version's root.
 *
 * Tiles are those of NDS at level 13 (hd-map facts, section 4; an edge is about 2.4 km of latitude). An element belongs to
 * the tile of its anchor (mapsvc/fuse/associate.h), without points to tile 0 (as in a map without a frame), which is no tile of NDS. A tile's root is the
 * RFC 6962 root over its elements by ascending id, a leaf's data being the element's hash; the map's root is that over its
 * tiles by ascending id, a leaf's data being id (4 octets) and root. One thread per object. */
#ifndef WAYSIDE_MAPSVC_FUSE_TILES_H
#define WAYSIDE_MAPSVC_FUSE_TILES_H

#include "mapsvc/fuse/diff.h"

/* Packed id of the level-13 tile of a place in 1e-7 degree. */
uint32_t tile_at(int32_t lat, int32_t lon);
uint32_t tile_of(const struct cell_frame *f, const struct element *e);
/* South-west corner and edge of a tile, 1e-7 degree (rounded down); false for what is no tile of this level. */
bool tile_bounds(uint32_t id, int32_t *ret_lat, int32_t *ret_lon, int32_t *ret_edge);
/* Leaf of a tile in the map's list. */
void tile_leaf(uint32_t id, const uint8_t root[static 32], uint8_t ret_leaf[static 32]);

struct tile_member {
    uint8_t id[16], leaf[32];
    uint32_t
        at; /* where in the map it was when the tiles were built; TILE_AT_UNKNOWN: it came later */
};
#define TILE_AT_UNKNOWN UINT32_MAX
struct tile {
    uint32_t id;
    struct tile_member *members; /* ascending id */
    size_t n, cap;
    uint8_t root[32];
    bool stale; /* root is not up to date */
};
struct tiles {
    struct tile *v; /* ascending id; none is empty */
    size_t n, cap;
    size_t
        drift; /* elements that came or went since: no other is further from its place than this */
};
void tiles_build(struct tiles *t, const struct mapset *m); /* of a zeroed object */
void tiles_free(struct tiles *t);
/* Follows changes that have been checked against the map. */
void tiles_apply(
    struct tiles *t, const struct cell_frame *f, const struct change_record *changes, size_t n);
void tiles_root(struct tiles *t, uint8_t ret_root[static 32]);
/* Leaves of the map's list, in its order; after tiles_root. The caller frees them. */
uint8_t (*tiles_leaves(const struct tiles *t))[32];
/* Index of a tile, or n. */
size_t tiles_find(const struct tiles *t, uint32_t id);
/* A member in the map that the tiles are of (built from, or followed by the same changes), without a search over all of it. */
const struct element *tiles_element(
    const struct tiles *t, const struct mapset *m, const struct tile_member *member);

#endif
