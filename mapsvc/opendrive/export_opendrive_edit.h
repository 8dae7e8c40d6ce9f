/* Inside export_opendrive: edits of a file's text, and places along its roads. Private to ws_mapio. */
#ifndef WAYSIDE_MAPSVC_OPENDRIVE_EXPORT_OPENDRIVE_EDIT_H
#define WAYSIDE_MAPSVC_OPENDRIVE_EXPORT_OPENDRIVE_EDIT_H

#include "mapsvc/formats/splice.h"
#include "mapsvc/opendrive/opendrive.h"

struct xe_child { /* a new signal or object of a road */
    const struct od_road *road;
    bool object;
    size_t text, text_n;
};
struct xe_name {
    const char *native;
    struct od_signal *signal; /* one of both, or neither */
    struct od_object *object;
};
struct xe_why {
    const struct element *e; /* of the map, or of the base when the map has none */
    const char *reason;
};
struct xe {
    struct span base;
    struct od_map *m;
    struct od_build *b;
    const struct mapset *map;
    const struct map_delta *delta;
    struct buf text;
    struct splices edits;
    struct xe_child *children;
    size_t n_children, cap_children;
    struct xe_why *whys;
    size_t n_whys, cap_whys;
    struct xe_name *names; /* of the file's signals and objects, in order */
    size_t n_names;
    int64_t next_id; /* for new signals and objects */
};

void xe_free(struct xe *x);
/* e could not be said. */
void xe_unsaid(struct xe *x, const struct element *e, const char *reason);

/* ---- text ---- */

void xe_replace(struct xe *x, uint32_t at, uint32_t n, const char *text, size_t text_n);
/* Sets an attribute of the start tag at src; nothing when it has that value. */
void xe_attr(struct xe *x, struct od_source src, const char *name, const char *value);
/* The same in an element of its own, whose start tag has tag_n octets. */
void xe_attr_in(struct buf *text, size_t *tag_n, const char *name, const char *value);
/* Removes an element, with its line if it stands alone there. */
void xe_remove(struct xe *x, struct od_source src);
void xe_child(struct xe *x, const struct od_road *road, bool object, const struct buf *text);
/* ` name="value"`, escaped so that it is right in every encoding that holds ASCII. */
void xe_put_attr(struct buf *b, const char *name, const char *value);
/* Metres or radians with up to nine places. */
#define XE_NUMBER 40
void xe_number(char dst[static XE_NUMBER], double v);
/* The new file. */
void xe_apply(struct xe *x, struct buf *ret_out);
/* The line break and indentation before the octet at. */
struct span xe_indent(const struct xe *x, uint32_t at);

/* ---- places ---- */

struct xe_stand {
    double s, t, z; /* z above the road */
    double turn; /* hOffset */
    char orientation; /* '+', '-', 'n' */
};
/* A point of the map on the plane of the file; false out of reach. */
bool xe_plane(const struct xe *x, struct map_point p, double *ret_x, double *ret_y);
/* Foot of a point on a road's reference line; how far it is beyond the road's ends. */
double xe_foot(const struct xe *x, const struct od_road *road, double px, double py, double *ret_s,
    double *ret_t);
/* Where e (a point, maybe with a heading) stands seen from a road, so that reading it again gives the same. want_s:
 * its s where known, else below 0. keep: '+' or '-' where that stays whatever the heading, else 0. */
bool xe_stand(const struct xe *x, const struct od_road *road, const struct element *e,
    double want_s, char keep, struct xe_stand *ret);
/* The road that a new thing belongs to: the nearest to its first point, which may lie slack beyond the road's end;
 * NULL: none within 30 m. */
const struct od_road *xe_road_for(const struct xe *x, const struct element *e, double slack);

/* ---- changes ---- */

struct xe_lane_name {
    const struct od_road *road;
    const struct od_section *section;
    struct od_lane *lane;
    bool has_s; /* of a limit that does not begin with the section */
    int64_t mm;
    char native[OD_NATIVE_MAX]; /* "road/1/section/0/lane/-1" */
};
/* "opendrive:road/1/section/0/lane/-1", with "#speed_limit/s/5000" behind it; what: "lane", "border". */
bool xe_lane_named(
    const struct xe *x, const char *alias, const char *what, struct xe_lane_name *ret);

/* An attribute, or "". */
static inline const char *xe_text(const struct element *e, const char *key) {
    const char *v = element_attr(e, key);
    return v == NULL ? "" : v;
}
/* Its name in OpenDRIVE files without "opendrive:", or "". */
const char *xe_native(const struct element *e);
void xe_new_id(struct xe *x, char *dst, size_t size);
void xe_index(struct xe *x);
/* The file's signal or object of e's name. */
const struct xe_name *xe_named(const struct xe *x, const struct element *e);
/* With the references and controls that would name nobody then. */
void xe_remove_signal(struct xe *x, const struct od_signal *g);
/* Road named in an alias "opendrive:road/<id>/<what>/<id>/s/<mm>"; NULL when the file has none such. */
const struct od_road *xe_alias_road(
    const struct xe *x, const struct element *e, const char *what, char *ret_id, double *ret_s);
void xe_signal(struct xe *x, const struct map_change *c);
void xe_object(struct xe *x, const struct map_change *c);
void xe_boundary(struct xe *x, const struct map_change *c);
void xe_lane(struct xe *x, const struct map_change *c);
void xe_limits(struct xe *x, const struct mapset *base_map); /* all of them together */
/* Shapes of boundaries, all together: width, border and laneOffset records. */
void xe_shapes(struct xe *x);

#endif
