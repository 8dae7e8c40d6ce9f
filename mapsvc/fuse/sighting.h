/* What one observation says about one thing, for people who look at evidence: read by the map contract's own rules
 * (contract_message.c, silence.c) against a copy of the map and of what is suspected around the thing. */
#ifndef WAYSIDE_MAPSVC_FUSE_SIGHTING_H
#define WAYSIDE_MAPSVC_FUSE_SIGHTING_H

#include "mapsvc/fuse/observation.h"
#include "mapsvc/model/frame.h"

struct map_thing {
    uint8_t id[16]; /* of the element that it is, was or became; zero: none */
    const struct element *element; /* as it was in the map; NULL: something new at the place */
    enum element_kind kind;
    int32_t x, y; /* mm in the cell frame */
    bool has_heading;
    uint16_t heading; /* as in element.h */
    bool moved; /* a published change took the element to here: */
    int32_t to_x, to_y;
};

#define MAP_SAYINGS(X)                                                                             \
    X(MAP_SAYS_NOTHING, "nothing") /* not about it, or nothing that could count */                 \
    X(MAP_SAYS_NEW, "new") /* stands at the place */                                               \
    X(MAP_SAYS_VALUE, "value") /* is there and shows another value */                              \
    X(MAP_SAYS_GONE, "gone") /* looked and it is not there */                                      \
    X(MAP_SAYS_ELSEWHERE, "elsewhere") /* it stands where the map does not have it */              \
    X(MAP_SAYS_COVERED, "covered")                                                                 \
    X(MAP_SAYS_UNCHANGED, "unchanged") /* is there as in the map */                                \
    X(MAP_SAYS_SILENT, "silent") /* passed the place and did not report it, where that counts */
enum map_saying {
#define X(id, text) id,
    MAP_SAYINGS(X)
#undef X
};
const char *map_saying_name(enum map_saying s);

/* The surroundings of a thing as the contract has them now, with the thing as it was, and the policy in force. Made between blocks by
 * the contract's owner; afterwards on its own, for one thread at a time. Bounded: 4096 elements around it, 200,000 of their
 * points. */
struct sighting_reader;
struct sighting_reader *sighting_reader_new(const void *contract, const struct map_thing *t);
void sighting_reader_free(struct sighting_reader *r); /* NULL is fine */
/* ret_value is set, and true in ret_has_value, when what it says has one. `who`: by the signer's certificate. */
enum map_saying sighting_reader_says(struct sighting_reader *r, const struct observation *o,
    const struct observer_class *who, bool *ret_has_value, int32_t *ret_value);

#endif
