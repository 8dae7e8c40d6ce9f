/* Map elements as OSM objects in Lanelet2's sense: what the whole-map and the change export share. Private. */
#ifndef WAYSIDE_MAPSVC_FORMATS_EXPORT_OSM_H
#define WAYSIDE_MAPSVC_FORMATS_EXPORT_OSM_H

#include "mapsvc/model/mapset.h"

/* Coordinates as decimals. */
void export_degrees(struct buf *b, int64_t e10); /* 1e-10 degree: "-11.4231700000" */
void export_metres(struct buf *b, int32_t mm); /* "-2.500" */

/* Elements of a map by alias; borrows the map. */
struct osm_name {
    const char *alias;
    const struct element *e;
};
struct osm_index {
    struct osm_name *names;
    size_t n;
};
struct osm_index osm_index_of(const struct mapset *m);
void osm_index_free(struct osm_index *x);
/* NULL when there is none of that kind. */
const struct element *osm_find(
    const struct osm_index *x, enum element_kind kind, const char *alias);
/* The lane a limit belongs to and the limit on a lane, as they stand in the index; NULL: none. */
const struct element *osm_lane_of(const struct osm_index *x, const struct element *limit);
const struct element *osm_limit_of(const struct osm_index *x, const struct element *lane);

/* Ways: signs, lights, stop lines, boundaries, areas. Relations: lanes, crosswalks, areas made of ways. */
bool osm_is_way(const struct element *e);
bool osm_is_relation(const struct element *e);
int64_t osm_id(const struct element *e);
/* The wanted elements of a map by ascending OSM id, as malloc'd memory; borrows the map. */
struct osm_named {
    int64_t id;
    const struct element *e;
};
struct osm_named *osm_sorted(
    const struct mapset *m, bool (*wanted)(const struct element *e), size_t *ret_n);
int64_t osm_node_id(struct map_point p);
/* The element's points as nodes; a sign or light becomes a plate 0.6 m wide that faces its reader, or a post.
 * ret_p holds ELEMENT_MAX_POINTS. */
size_t osm_points(const struct element *e, struct map_point *ret_p);

void osm_put_node(struct buf *b, const struct cell_frame *f, int64_t id, struct map_point p);
/* refs: node ids. version 0: none. */
void osm_put_way(
    struct buf *b, const struct element *e, const int64_t *refs, size_t n, uint32_t version);
/* The same with places beside the node ids; p NULL: without. */
void osm_put_way_at(struct buf *b, const struct cell_frame *f, const struct element *e,
    const int64_t *refs, const struct map_point *p, size_t n, uint32_t version);
/* A lane, crosswalk or area. limit: its speed limit or NULL. False, and nothing written, when it names no bounds or
 * their ways are not known. */
bool osm_put_lanelet(struct buf *b, const struct element *e, const struct element *limit,
    const struct osm_index *x, uint32_t version);
void osm_put_tags(struct buf *b, const struct element *e); /* of an element's attributes */
void osm_put_tag(struct buf *b, const char *key, const char *value);

#endif
