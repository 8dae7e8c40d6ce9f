/* A map of the reader's own: taken out of the state in the store once, and taken on, or back, by the records of versions. The
 * ledger's thread has no part in it. Internal to rsu/http; one thread per object. */
#ifndef WAYSIDE_RSU_HTTP_READER_H
#define WAYSIDE_RSU_HTTP_READER_H

#include "mapsvc/formats/export_part.h"
#include "mapsvc/fuse/tiles.h"
#include "rsu/http/internal.h"

struct reader_map {
    uint64_t version; /* 0: it holds no map */
    uint8_t root[32];
    uint8_t record[32]; /* SHA-256 of the version's record; zero for the base map */
    struct mapset map;
    struct tiles tiles; /* roots up to date */
    bool has_names;
    struct map_names names;
};
void reader_free(struct reader_map *m); /* it holds no map then */

/* Takes the map that the state has now, whichever version that is; before the first block, the base map. WS_EIO: damage;
 * WS_EBUSY: there is none yet, or the face is being stopped. */
WARN_UNUSED int reader_load(struct http *h, struct reader_map *m, struct ws_err *err);
/* A copy in its canonical form, and back. The root is checked. */
void reader_encode(const struct reader_map *m, struct buf *b);
WARN_UNUSED int reader_decode(struct span s, struct reader_map *m, struct ws_err *err);

/* After each step: what it did to the map, which is changed already. */
typedef void (*reader_fn)(
    void *ctx, const struct reader_map *m, const struct change_record *changes, size_t n);
/* Takes it to another version; several are done as one, so that it costs their records and not as many passes over the map.
 * Roots are checked on the way. WS_EBUSY: the record of a version is not there yet, or the face is being stopped; the map stays
 * at a version on the way. WS_EIO: damage; it holds no map then. */
WARN_UNUSED int reader_go(struct http *h, struct reader_map *m, uint64_t version, reader_fn fn,
    void *ctx, struct ws_err *err);
/* For diffs in OSM's formats; made when first wanted. */
const struct map_names *reader_names(struct reader_map *m);

#endif
