/* Inside lanelet2_export_into. Private to ws_mapio. */
#ifndef WAYSIDE_MAPSVC_LANELET2_LANELET2_INTO_H
#define WAYSIDE_MAPSVC_LANELET2_LANELET2_INTO_H

#include "mapsvc/formats/export_osm.h"
#include "mapsvc/lanelet2/lanelet2_text.h"

/* The element of one map under its name in the file: a limit under its lane's. */
struct into_name {
    enum element_kind kind;
    int64_t id;
    const struct element *e;
};
struct into_names {
    struct into_name *v; /* ascending kind, id; without those that have no name (hazards) */
    size_t n;
    size_t nameless;
};
struct into_names into_names_of(const struct mapset *m, const struct osm_index *x);
const struct element *into_find(const struct into_names *n, enum element_kind kind, int64_t id);

/* What a file says of an element is what the map has: all but what follows from other elements (a lane's line, its
 * successors) or organises the file (ids of nodes and rules). */
bool into_same(const struct element *a, const struct element *b);
/* Attributes that are not tags. */
bool into_is_tag(const struct element *e, const char *key);

struct into {
    const struct mapset *m;
    struct mapset base; /* the file as it is */
    struct osm_index m_index, base_index;
    struct into_names want, have;
    struct ll_map file;
    struct ll_text text;
    struct cell_frame own; /* of local_x, local_y, where these place the map */
    bool local;
    struct buf created; /* new objects */
    int64_t *made; /* ids of new nodes */
    size_t n_made;
    struct ws_err *err;
};

/* Moves, splits and adds nodes so that the ways of changed elements lie where the map has them. */
void into_move(struct into *w);
/* Nodes of a new way, appended to created; refs holds n ids. */
void into_new_nodes(struct into *w, const struct map_point *p, size_t n, int64_t *ret_refs);

#endif
