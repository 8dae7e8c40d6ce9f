/* Whole maps and diffs in the formats map makers read. Coordinates are decimals formatted from
 * integers; floating point (our own sine) only places the two edges of a sign's plate. Each appends to a buffer; deterministic. Any thread. */
#ifndef WAYSIDE_MAPSVC_FORMATS_EXPORT_H
#define WAYSIDE_MAPSVC_FORMATS_EXPORT_H

#include "mapsvc/fuse/diff.h"

/* GeoJSON text sequence (RFC 8142): 0x1e, one Feature, newline, for every element. */
void export_geojsonseq_map(const struct mapset *m, struct buf *b);
/* One Feature per change: geometry of `after` (delete: of `before`); properties hold op, tier, version, before,
 * after, evidence. */
void export_geojsonseq_version(
    const struct map_version *v, const struct cell_frame *f, struct buf *b);

/* OsmChange of one or more consecutive versions (Lanelet2 naming): the net change of each element, and
 * the deletion of what was created and deleted in between. m is the map after the last of them: a limit is
 * a tag of its lane, so the lane is written whole. Elements that came from a Lanelet2 file keep their
 * native ids; others have negative ids made from the element's id, points from their place, so that every
 * export names the same thing the same way. */
void export_osmchange(
    const struct map_version *const *v, size_t n, const struct mapset *m, struct buf *b);
/* The same with each object before and after the change (<action>, <old>, <new>), and places beside the nodes of ways,
 * so that the consumer looks nothing up. A removed object's new form is visible="false". */
void export_osmchange_augmented(
    const struct map_version *const *v, size_t n, const struct mapset *m, struct buf *b);
/* A whole map as Lanelet2 OSM XML. What Lanelet2 cannot say (lanes without bounds, a second limit on one lane,
 * hazards) is left out and counted in a comment at the end. */
void export_lanelet2(const struct mapset *m, struct buf *b);

#endif
