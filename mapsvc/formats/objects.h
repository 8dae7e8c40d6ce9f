/* What differs between two Lanelet2 files object by object, as an editor would count it: nodes, ways and
 * relations by id. Version attributes and map_version are not looked at: they are unreliable. The changes of the
 * road that follow from it are map_compare's business. Any thread. */
#ifndef WAYSIDE_MAPSVC_FORMATS_OBJECTS_H
#define WAYSIDE_MAPSVC_FORMATS_OBJECTS_H

#include "mapsvc/model/mapset.h"

struct object_counts {
    size_t created, deleted;
    size_t retagged; /* tags differ; of nodes: other tags than ele, local_x and local_y */
    size_t rewired; /* ways: list of nodes; relations: members or their roles */
};
/* One tag that went from one value to another on `count` objects. */
struct tag_change {
    bool relation; /* else of ways */
    char *key;
    char *before, *after; /* NULL: was not, is not there */
    size_t count;
};
#define OBJECTS_TAG_CHANGES_MAX 256
struct objects_delta {
    struct object_counts nodes, ways, relations;
    size_t
        moved; /* lat or lon differ at 1e-9 degree; local_x or local_y by 1 mm where these place the map */
    size_t moved_far; /* by more than 0.2 m, on a sphere with 111.32 km to the degree */
    int64_t farthest_mm;
    size_t raised; /* ele differs by 1 mm or more */
    /* At least 90 % of the common nodes (and eight) went the same way within 0.05 m: told once and taken out;
     * moved then counts those that did not. */
    bool shifted;
    int64_t shift_lat_e10, shift_lon_e10; /* 1e-10 degree */
    struct tag_change *tags; /* most frequent first, the first OBJECTS_TAG_CHANGES_MAX */
    size_t n_tags;
};

/* WS_ENOTSUP when one of the files is no Lanelet2 file; other failures as map_import. Options: max_octets. */
WARN_UNUSED int map_compare_objects(const char *path_a, const char *path_b,
    const struct map_import_options *opt, struct objects_delta *ret_delta, struct ws_err *err);
void objects_delta_free(struct objects_delta *d);

#endif
