/* A Lanelet2 file as read, before it becomes elements (hd-map facts, 2). Private to ws_mapio. */
#ifndef WAYSIDE_MAPSVC_LANELET2_LANELET2_H
#define WAYSIDE_MAPSVC_LANELET2_LANELET2_H

#include "mapsvc/formats/import.h"

struct ll_node {
    int64_t id;
    int64_t lat, lon; /* 1e-10 degree */
    int32_t local_x, local_y, z; /* mm */
    unsigned line;
    uint32_t order; /* in the file */
    uint32_t place,
        tags; /* with ll_map.marks: hashes of lat and lon at 1e-9 degree, of tags but heights and
                             places */
    uint32_t bulb; /* 1 + offset into text of its colour and arrow ("green:left"); 0: no bulb */
    bool has_geo, has_x, has_y;
};

enum ll_role {
    LL_OTHER,
    LL_LEFT,
    LL_RIGHT,
    LL_REGULATORY,
    LL_REFERS,
    LL_REF_LINE,
    LL_CANCELS,
    LL_YIELD,
    LL_RIGHT_OF_WAY,
    LL_BULBS,
    LL_OUTER,
    LL_INNER,
};
struct ll_member {
    int64_t ref;
    enum ll_role role;
    bool is_way, is_relation;
};
struct ll_tag {
    uint32_t key, value; /* offsets into text */
};
/* A way or relation; parts are node ids or members. */
struct ll_object {
    int64_t id;
    unsigned line;
    uint32_t order;
    uint32_t first_part, n_parts;
    uint32_t first_tag, n_tags;
};

struct ll_map {
    bool marks; /* set before parsing: fill in ll_node.place and tags */
    struct ll_node *nodes; /* ascending id after lanelet2_parse; ids unique */
    size_t n_nodes, cap_nodes;
    struct ll_object *ways; /* likewise */
    size_t n_ways, cap_ways;
    struct ll_object *relations;
    size_t n_relations, cap_relations;
    int64_t *refs;
    size_t n_refs, cap_refs;
    struct ll_member *members;
    size_t n_members, cap_members;
    struct ll_tag *tags;
    size_t n_tags, cap_tags;
    struct buf text;
};

void lanelet2_parse(struct map_reader *r, struct span data, struct ll_map *ret_map);
void ll_map_free(struct ll_map *m);

const char *ll_tag(
    const struct ll_map *m, const struct ll_object *o, const char *key); /* or NULL */
bool ll_tag_is(const struct ll_map *m, const struct ll_object *o, const char *key, const char *v);
const struct ll_node *ll_node(const struct ll_map *m, int64_t id);
const struct ll_object *ll_way(const struct ll_map *m, int64_t id);
const struct ll_object *ll_relation(const struct ll_map *m, int64_t id);

/* ---- from here on: becoming elements ---- */

/* How ways are used by the relations; index as in ll_map.ways. */
struct ll_use {
    bool bound, refers, stop_line;
    bool area; /* edge of an area */
    bool told; /* that it cannot be read */
    bool heading_known;
    uint16_t heading;
    double heading_dist2;
    uint32_t regulatory; /* 1 + index of the first regulatory element that refers to it; 0: none */
};

/* A relation that a way belongs to: a lane whose rule names it (a sign, light or stop line), or an area. */
struct ll_link {
    uint32_t way; /* index in ll_map.ways */
    const char *key; /* of the attribute: "governs", "outer_of", "inner_of" */
    int64_t relation;
};

/* A lanelet whose bounds are sound; element not yet in the map, what it has with others still to come. */
struct ll_lane {
    const struct ll_object *rel;
    struct element e;
    const struct ll_object *left, *right;
    int64_t start[2], end[2]; /* nodes: left, right */
};

struct ll_build {
    struct map_reader *r;
    const struct ll_map *m;
    struct cell_frame frame;
    struct cell_frame own; /* of local_x, local_y */
    bool local; /* coordinates are local_x, local_y */
    struct ll_use *use;
    struct ll_link *links; /* ascending way, key, relation; after lanelet2_lanes */
    size_t n_links, cap_links;
    uint64_t budget; /* points and members that may still be looked at */
};

/* Lanes, rules and ways may all refer to each other many times over, so that a small file could ask for days of
 * work. False, and the import refused, when this file has asked for too much. */
bool ll_spend(struct ll_build *b, uint64_t cost);

#define LL_NATIVE_MAX 64
/* Points of a way in the frame, as malloc'd memory; NULL (and the way reported once by the caller, with
 * the reason in why) when a node is missing or out of reach. */
struct map_point *ll_points(
    struct ll_build *b, const struct ll_object *way, size_t *ret_n, char *why, size_t why_size);
/* Copies tags to attributes, except type and names that mean something else in an element. */
void ll_copy_tags(struct ll_build *b, const struct ll_object *o, struct element *e);
/* Adds " ns:relation/ID" to a list attribute; false when it has no room left. */
bool ll_list_add(struct element *e, const char *key, const char *kind, int64_t id);
/* Limit that a regulatory element imposes. */
bool ll_regulatory_speed(
    const struct ll_map *m, const struct ll_object *rel, int32_t *ret_value, const char **ret_unit);
bool ll_sign_value(
    const struct ll_map *m, const struct ll_object *way, int32_t *ret_value, const char **ret_unit);

/* What a tag says anyway where it is not given (hd-map facts, 2: defaults are rules): no attribute, so that writing it
 * out or leaving it out is no change. */
bool ll_is_default(const struct ll_map *m, const struct ll_object *o, const struct element *e,
    const char *key, const char *value);

/* What the rules say of lanes and of what they govern. lanes: ascending id. */
void ll_rules(struct ll_build *b, struct ll_lane *lanes, size_t n);
/* Lanes beside each other share a bound. */
void ll_neighbours(struct ll_build *b, struct ll_lane *lanes, size_t n);
void ll_link(struct ll_build *b, const struct ll_object *way, const char *key, int64_t relation);
/* Adds the links of a way to its element. */
void ll_put_links(struct ll_build *b, const struct ll_object *way, struct element *e);

void lanelet2_areas(struct ll_build *b); /* crosswalks among them; marks the edges */
void lanelet2_lanes(struct ll_build *b); /* lanes, speed limits, crosswalks; fills in headings */
void lanelet2_ways(struct ll_build *b); /* signs, lights, stop lines, boundaries, painted areas */

#endif
