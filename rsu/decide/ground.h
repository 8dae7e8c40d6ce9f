/* What the map in force and the ledger say of the roads that a unit judges: limits, lanes, hazards. A copy, made by the
 * ledger's thread when a version comes and given to another; only what lies in reach of the unit is in it. */
#ifndef WAYSIDE_RSU_DECIDE_GROUND_H
#define WAYSIDE_RSU_DECIDE_GROUND_H

#include "mapsvc/model/mapset.h"

enum { GROUND_ELEMENTS_MAX = 1 << 16 }; /* lanes, limits, hazards; what is beyond is left out */

struct ground;
/* Around (x, y), mm in the map's frame. Passes over the map once; copies what is near. Hazards with this value are ours. */
struct ground *ground_of(
    const struct mapset *map, int32_t x, int32_t y, int32_t reach_mm, int32_t own_value);
void ground_free(struct ground *g); /* NULL is fine */
size_t ground_left_out(const struct ground *g);

/* The limit in force where somebody drives, in thousandths of km/h; the nearest lane's within 6 m that runs his way
 * (heading: 1/65536 turn counter-clockwise from east), of several that lie on each other the highest. False: none is known there. */
bool ground_limit(
    const struct ground *g, int32_t x, int32_t y, uint16_t heading, int32_t *ret_limit);
/* Hazards of the map within reach. */
size_t ground_hazards(const struct ground *g, int32_t x, int32_t y, int32_t reach_mm);
/* The nearest point of a lane that runs that way, or as it is when there is none within reach. */
void ground_on_lane(const struct ground *g, int32_t x, int32_t y, uint16_t heading,
    int32_t reach_mm, int32_t *ret_x, int32_t *ret_y);

#endif
