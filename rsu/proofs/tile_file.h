/* One tile of a map version as a file: its elements, and the path from its root to the map's, so that whoever knows the
 * version's root needs nothing else of the map (docs/formats/map.md, "A tile"). Any thread. */
#ifndef WAYSIDE_RSU_PROOFS_TILE_FILE_H
#define WAYSIDE_RSU_PROOFS_TILE_FILE_H

#include "ledger/light/merkle.h"
#include "mapsvc/fuse/tiles.h"

struct tile_file {
    uint8_t cell_id[32];
    uint64_t version;
    uint32_t tile;
    uint8_t root[32]; /* of the map; what it must be, somebody else says */
    struct element *elements; /* owned; ascending id, at least one */
    size_t n;
};

/* The tile at `index` of tiles whose roots are up to date (tiles_root), of the map m at this version. */
void tile_file_encode(const uint8_t cell_id[static 32], uint64_t version, struct tiles *tiles,
    size_t index, const struct mapset *m, struct buf *b);
/* Its two parts: what depends on the whole map's version, and the elements, which are the same as long as the tile's root is. */
void tile_file_head(const uint8_t cell_id[static 32], uint64_t version, struct tiles *tiles,
    size_t index, struct buf *b);
void tile_file_elements(
    const struct tiles *tiles, size_t index, const struct mapset *m, struct buf *b);
/* The elements part as it is after edits, from what it was: only what was edited is encoded. */
struct tile_edit {
    const uint8_t *id; /* 16 */
    const struct element *after; /* borrowed; NULL: it is not in this tile any more */
};
void tile_file_patch(struct span before, const struct tile_edit *edits, size_t n,
    struct buf *b); /* edits: ascending id, each once */
/* WS_EINPUT with the place of what is malformed, and when the elements and the path do not lead to the root. Each
 * element belongs to the tile as far as the root goes: tile_file_places says whether the frame agrees. */
WARN_UNUSED int tile_file_decode(struct span s, struct tile_file *ret_file, struct ws_err *err);
WARN_UNUSED int tile_file_places(
    const struct tile_file *f, const struct cell_frame *frame, struct ws_err *err);
void tile_file_free(struct tile_file *f);

#endif
