/* Where several sightings put one thing: they are kept while there is room, and its place follows from them in any
 * order (hd-map facts, 5, "Value fusion"). Pure; one thread per object. */
#ifndef WAYSIDE_MAPSVC_SPOT_H
#define WAYSIDE_MAPSVC_SPOT_H

#include "base/bytes.h"
#include "mapsvc/fusion.h"

struct spot {
    uint16_t heading0; /* of the sighting that opened it; all are kept as differences to it */
    struct fusion_point points[FUSION_MAX_POINTS];
    int16_t turns[FUSION_MAX_POINTS];
    size_t n;
    struct fusion_point place; /* follows from points; before the first: where it was opened */
    uint16_t heading; /* follows from turns */
};
void spot_open(struct spot *s, struct fusion_point at, uint16_t heading);
/* Adds a sighting while there is room, and moves the place. */
void spot_add(struct spot *s, struct fusion_point p, uint16_t heading);
/* True when more sightings would not make it better: its own error is at most sigma_mm per axis, or it is full. */
bool spot_is_settled(const struct spot *s, int64_t sigma_mm);

void spot_put(struct buf *b, const struct spot *s);
/* Our own octets; marks r as bad when there are more sightings than there is room for. */
void spot_get(struct rd *r, struct spot *ret_spot);

#endif
