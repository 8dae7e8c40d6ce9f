/* Map elements: what is on the road, in integers, with one canonical encoding (hd-map facts, 1).
 * An element owns its memory; element_free releases it. Any thread, one at a time per object. */
#ifndef WAYSIDE_MAPSVC_MODEL_ELEMENT_H
#define WAYSIDE_MAPSVC_MODEL_ELEMENT_H

#include "base/bytes.h"
#include "base/error.h"

enum element_kind {
    EL_LANE = 1,
    EL_BOUNDARY = 2,
    EL_SIGN = 3,
    EL_SPEED_LIMIT = 4, /* the limit in force on one lane; several signs may announce it */
    EL_STOP_LINE = 5,
    EL_CROSSWALK = 6,
    EL_LIGHT = 7,
    EL_HAZARD = 8,
    EL_AREA = 9, /* of a map only: no vehicle reports one */
};
const char *element_kind_name(enum element_kind k); /* "lane", "sign", "speed_limit", ... */

struct map_point {
    int32_t x, y, z; /* mm in the cell frame; z is height above the ellipsoid or 0 */
};
struct map_attr {
    char *key,
        *value; /* UTF-8; keys unique, ascending in octet order. One allocation, which begins with the key:
                          a map of a million elements holds several million of these */
};

#define ELEMENT_MAX_POINTS 4096
#define ELEMENT_MAX_ATTRS 64
#define ELEMENT_MAX_ALIASES 16
#define ELEMENT_MAX_TEXT 255

struct element {
    uint8_t id[16];
    enum element_kind kind;
    uint32_t revision; /* 0 at import, +1 with each confirmed change */
    bool has_value;
    int32_t
        value; /* sign: figure on the plate; speed limit: figure; unit in attribute "unit" (default km/h) */
    bool has_heading;
    uint16_t
        heading; /* 1/65536 turn, counter-clockwise from east (x): for signs the direction of travel
                                of the traffic that reads the plate; for lanes and limits the driving direction */
    int64_t valid_from_ms, valid_to_ms; /* Unix ms; 0 / INT64_MAX unlimited */
    struct map_point *
        points; /* sign: one; lane and limit: centre line in driving direction; boundary: polyline; crosswalk, area: outline */
    size_t n_points;
    struct map_attr *attrs;
    size_t n_attrs;
    char **aliases; /* ascending; native ids with their namespace, e.g. "lanelet2:relation/10234" */
    size_t n_aliases;
};

void element_free(struct element *e);
struct element element_copy(const struct element *e);
/* Setters copy; text is made clean (mapsvc/model/text.h) and cut to ELEMENT_MAX_TEXT octets. False, and nothing
 * changed, when the element is full or the key or alias is empty. */
/* Keeps attrs sorted; replaces an equal key. */
bool element_set_attr(struct element *e, const char *key, const char *value);
bool element_remove_attr(struct element *e, const char *key); /* false: it was not there */
const char *element_attr(const struct element *e, const char *key); /* NULL when absent */
/* Attributes of our own model that name other elements or say how a file is organised: no tags of a file. */
bool attr_is_reference(const char *key);
/* Those of them that repeat what other elements say, so that one edit is one change: not compared. */
bool attr_is_derived(const char *key);
/* For decoders: both are clean (mapsvc/model/text.h). */
struct map_attr map_attr_of(struct span key, struct span value);
/* Keeps aliases ascending; one that is there already is not added twice. */
bool element_add_alias(struct element *e, const char *alias);
bool element_add_point(struct element *e, struct map_point p);

/* Canonical encoding, version 1 (docs/formats/map.md). The decoder refuses every other form. */
void element_encode(const struct element *e, struct buf *b);
WARN_UNUSED int element_decode(struct span s, struct element *ret_element, struct ws_err *err);
void element_hash(
    const struct element *e, uint8_t ret_hash[static 32]); /* SHA-256 of the encoding */
bool element_same_content(
    const struct element *a, const struct element *b); /* all but id, aliases, revision */
bool element_same_points(const struct element *a, const struct element *b);
bool element_same_attrs(const struct element *a, const struct element *b);
/* `to` as what differs from `from`: revision and whatever is not the same. Id and kind are those of from. The decoder
 * refuses what repeats. */
void element_encode_difference(const struct element *from, const struct element *to, struct buf *b);
WARN_UNUSED int element_decode_difference(
    struct span s, const struct element *from, struct element *ret_to, struct ws_err *err);

/* id of an imported element: first 16 octets of SHA-256 over a domain tag, namespace, digest of the base map's
 * file at first import, native id. */
void element_id_import(const char *ns, const uint8_t base_digest[static 32], const char *native,
    uint8_t ret_id[static 16]);

#endif
