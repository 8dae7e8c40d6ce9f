/* Map elements, changes and versions as JSON. Each function returns a new reference. Any thread. */
#ifndef WAYSIDE_RSU_JSON_MAP_H
#define WAYSIDE_RSU_JSON_MAP_H

#include "mapsvc/fuse/diff.h"
#include "rsu/json/base.h"

/* id, kind, revision, value and unit, heading (degrees clockwise from north), GeoJSON geometry, attributes, aliases. */
/* 1/65536 turn counter-clockwise from east, as degrees clockwise from north. */
json_t *json_compass(uint16_t heading);
json_t *json_element(const struct element *e, const struct cell_frame *f);
/* op, tier, element, kind, one sentence, before and after, evidence with its commitment. */
json_t *json_change(const struct change_record *c, const struct cell_frame *f);
/* f NULL: without the changes. */
json_t *json_version(const struct map_version *v, const struct cell_frame *f);

const char *json_change_op(enum map_change_op op); /* "create", "modify", "delete" */
const char *json_change_tier(enum change_tier t); /* "advisory", "permanent", "order" */

#endif
