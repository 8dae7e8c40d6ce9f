/* Whole maps and diffs in the formats map makers read. Coordinates are decimals formatted from
 * integers; no floating point. Each appends to a buffer; deterministic. Any thread. */
#ifndef WAYSIDE_MAPSVC_EXPORT_H
#define WAYSIDE_MAPSVC_EXPORT_H

#include "mapsvc/diff.h"

/* GeoJSON text sequence (RFC 8142): 0x1e, one Feature, newline, for every element. */
void export_geojsonseq_map(const struct mapset *m, struct buf *b);
/* One Feature per change: geometry of `after` (delete: of `before`); properties hold op, tier, version, before,
 * after, evidence. */
void export_geojsonseq_version(
    const struct map_version *v, const struct cell_frame *f, struct buf *b);

/* OsmChange of one or more consecutive versions (Lanelet2 naming). Elements that came from a Lanelet2
 * file keep their native ids; new ones get negative ids. */
void export_osmchange(
    const struct map_version *const *v, size_t n, const struct cell_frame *f, struct buf *b);
/* A whole map as Lanelet2 OSM XML. */
void export_lanelet2(const struct mapset *m, struct buf *b);

#endif
