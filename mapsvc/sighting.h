/* What one observation says about one thing, for people who look at evidence. The contract counts by its own rules
 * (contract_message.c); this is the plain reading of the words. Pure; any thread. */
#ifndef WAYSIDE_MAPSVC_SIGHTING_H
#define WAYSIDE_MAPSVC_SIGHTING_H

#include "mapsvc/frame.h"
#include "mapsvc/observation.h"

struct map_thing {
    const struct element *element; /* as it was in the map; NULL: something new at the place */
    enum element_kind kind;
    int32_t x, y; /* mm in the cell frame */
    bool has_heading;
    uint16_t heading; /* as in element.h */
};

#define MAP_SAYINGS(X)                                                                             \
    X(MAP_SAYS_NOTHING, "nothing") /* not about it */                                              \
    X(MAP_SAYS_NEW, "new") /* stands at the place */                                               \
    X(MAP_SAYS_VALUE, "value") /* is there and shows another value */                              \
    X(MAP_SAYS_GONE, "gone") /* looked and it is not there */                                      \
    X(MAP_SAYS_COVERED, "covered")                                                                 \
    X(MAP_SAYS_UNCHANGED, "unchanged") /* is there as in the map */                                \
    X(MAP_SAYS_SILENT, "silent") /* the place was in clear view and nothing there was reported */
enum map_saying {
#define X(id, text) id,
    MAP_SAYINGS(X)
#undef X
};
const char *map_saying_name(enum map_saying s);

/* ret_value is set, and true in ret_has_value, when the report gave one. */
enum map_saying map_saying_of(const struct cell_frame *f, const struct observation *o,
    const struct map_thing *t, bool *ret_has_value, int32_t *ret_value);

#endif
