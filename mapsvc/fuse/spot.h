/* Where several sightings put one thing: they are kept while there is room, and its place follows from them in any
 * order (hd-map facts, 5, "Value fusion"). Pure; one thread per object. */
#ifndef WAYSIDE_MAPSVC_FUSE_SPOT_H
#define WAYSIDE_MAPSVC_FUSE_SPOT_H

#include "base/bytes.h"
#include "mapsvc/fuse/fusion.h"

struct spot {
    uint16_t heading0; /* of the sighting that opened it; all are kept as differences to it */
    struct fusion_point points[FUSION_MAX_POINTS];
    int16_t turns[FUSION_MAX_POINTS];
    uint16_t families[FUSION_MAX_POINTS]; /* software that made it; 0 unknown */
    size_t n;
    struct fusion_point place; /* follows from points; before the first: where it was opened */
    uint16_t heading; /* follows from turns: their mean without the outer quarters */
};
void spot_open(struct spot *s, struct fusion_point at, uint16_t heading);
/* Adds a sighting and moves the place. A full spot makes room for a software family that has less of it than another:
 * the oldest sighting of the one that has most goes; else the new one is left out. */
void spot_add(struct spot *s, struct fusion_point p, uint16_t heading, uint16_t family);
/* What a place needs to be told. */
struct spot_needs {
    int64_t sigma_mm; /* its own error per axis is at most this, or the spot is full */
    int64_t sightings; /* each is of another vehicle, or of another window */
    int64_t families;
};
bool spot_is_settled(const struct spot *s, const struct spot_needs *needs);

void spot_put(struct buf *b, const struct spot *s);
/* Our own octets; marks r as bad when there are more sightings than there is room for. */
void spot_get(struct rd *r, struct spot *ret_spot);

#endif
