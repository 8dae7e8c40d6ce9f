/* TN-ITS (CEN/TS 17268): road attributes and their changes as road authorities exchange them with map makers
 * (hd-map facts, section 6). Out of the cell goes what TN-ITS has words for: limits, signs, crosswalks. Geometry
 * and what passes on its own are not exchanged; both are counted, by reason. Deterministic; any thread. */
#ifndef WAYSIDE_MAPSVC_TNITS_TNITS_H
#define WAYSIDE_MAPSVC_TNITS_TNITS_H

#include "mapsvc/fuse/diff.h"

#define TNITS_CODES "http://spec.tn-its.eu/codelists/"

enum tnits_left {
    TNITS_GEOMETRY, /* only the shape, place or heading changed, or it is nothing but shape */
    TNITS_DYNAMIC, /* hazards: what passes on its own */
    TNITS_NO_WORD, /* the code lists have no word for it */
    TNITS_NO_PLACE, /* the element has no points */
    TNITS_LEFT_KINDS,
};
const char *tnits_left_name(enum tnits_left why); /* "geometry", ... */

struct tnits_tally {
    size_t features; /* written */
    size_t left[TNITS_LEFT_KINDS]; /* left out */
};
size_t tnits_left_out(const struct tnits_tally *t); /* all reasons together */

struct tnits_change {
    const struct element *before, *after; /* borrowed; one of them may be NULL */
    const struct element *last; /* its latest form, also of one that came and went */
    const struct cell_frame *frame; /* of last; NULL: the head's */
    int64_t at_ms; /* Unix ms: since when the map says so */
    bool order; /* an authority ordered it; not what comes back when an order is over */
};
/* What happened to each element over consecutive versions, by element id, as malloc'd memory that borrows
 * the versions. What came and went in between is there without before and after. */
struct tnits_change *tnits_net(const struct map_version *const *v, size_t n, size_t *ret_n);

/* "wayside." and the first 16 digits of the cell's id. */
void tnits_provider_of_cell(const uint8_t cell_id[static 32], char ret_name[static 32]);

struct tnits_head {
    const char *dataset; /* datasetId */
    const char *provider; /* providerId of elements that no TN-ITS data set named before */
    int64_t created_ms; /* Unix ms */
    bool snapshot; /* the whole map: `after` is what there is; else an update */
    const struct cell_frame *frame;
};
/* Appends a RoadFeatureDataset. A feature's id is the element's, or the one under which another data set brought
 * it (alias "tnits:PROVIDER/ID"); coordinates are longitude before latitude under EPSG:4326, as the
 * published examples have them. ret_tally may be NULL. */
void tnits_export(const struct tnits_head *head, const struct tnits_change *changes, size_t n,
    struct buf *b, struct tnits_tally *ret_tally);

#endif
