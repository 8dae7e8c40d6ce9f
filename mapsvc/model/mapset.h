/* A whole map: frame, provenance and elements sorted by id. Owns its elements.
 * One canonical file form; its SHA-256 is the map digest that genesis names. */
#ifndef WAYSIDE_MAPSVC_MODEL_MAPSET_H
#define WAYSIDE_MAPSVC_MODEL_MAPSET_H

#include "mapsvc/model/element.h"
#include "mapsvc/model/frame.h"

struct mapset {
    struct cell_frame frame;
    char ns[64]; /* namespace of native ids: file format and dataset name */
    uint8_t base_digest[32]; /* SHA-256 of the imported file */
    uint8_t lineage
        [32]; /* digest over all maps that this one replaces (map_keep_identities); zero: none */
    struct element *elements; /* ascending id */
    size_t n, cap;
};

void mapset_free(struct mapset *m);
void mapset_add(
    struct mapset *m, struct element *e); /* takes e's memory; order is restored by mapset_sort */
void mapset_sort(struct mapset *m);
/* Takes out the elements at gone[n_gone] (ascending) and puts fresh[n_fresh] in (ascending id, none of them in m; their memory is
 * taken), in one pass over what lies behind the first of them. m stays sorted. */
void mapset_edit(
    struct mapset *m, const uint32_t *gone, size_t n_gone, struct element *fresh, size_t n_fresh);
const struct element *mapset_find(const struct mapset *m, const uint8_t id[static 16]);
void mapset_encode(const struct mapset *m, struct buf *b);
WARN_UNUSED int mapset_decode(struct span s, struct mapset *ret_map, struct ws_err *err);
void mapset_digest(const struct mapset *m, uint8_t ret_digest[static 32]);

#define MAP_REPORT_MAX 64
struct map_report {
    size_t skipped; /* elements left out because they are broken */
    size_t notes; /* remarks made, also beyond the kept ones */
    char text[MAP_REPORT_MAX][256]; /* "file:line: element: reason", the first MAP_REPORT_MAX */
    size_t n;
};
void map_report_add(struct map_report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

struct map_import_options {
    bool strict; /* any broken element refuses the file */
    bool has_origin; /* place of (0, 0) for files with local coordinates only */
    int32_t lat0, lon0;
    bool has_frame; /* use this frame instead of one around the file's own middle */
    bool
        frame_is_hint; /* only if the middle of the file is within 0.2 degree: a plane does not reach far */
    struct cell_frame frame;
    size_t max_octets; /* of the file; 0: 1 GiB */
    /* Lanelet2: nodes, ways and relations together; 0: 10,000,000. Four times as many references and tags. */
    size_t max_objects;
};

/* Reads Lanelet2 (.osm), OpenDRIVE (.xodr) or our own form, told by content, not by name.
 * Failure names file, line, element, reason. report may be NULL. */
WARN_UNUSED int map_import(const char *path, const struct map_import_options *opt,
    struct mapset *ret_map, struct map_report *report, struct ws_err *err);

/* The true change list between two maps. Elements are matched by alias first, then by kind and geometry
 * (where a format keeps its ids over a map's life and most of them meet, the ids alone decide: what has
 * a new id is new; but a sign, light, stop line, crosswalk or hazard whose id is not one that lasts may be one of the other
 * map that has such an id, the same figure and, nearly, the same place). Differences up to 10 mm are rounding (50 mm between two formats, where chords stand for
 * curves). The shape of a lane that names its bounds, and of a limit that names its lane, is not
 * compared: the bound is what changed. Heights are not compared; attributes only between maps of one
 * namespace. Between two formats what only one of them can say is no difference: kinds it has no word for, headings it
 * does not keep, the direction of a boundary or stop line, the outline of a crosswalk that the other has as a point, lines that bound no lane.
 * Rings are compared as such, wherever they begin.
 * A common rigid shift (at least 90 % of matched elements within 0.05 m of the median displacement, which
 * itself exceeds 0.05 m) is reported once and taken out before comparing. */
enum map_change_op { MAP_CREATE, MAP_MODIFY, MAP_DELETE };
struct map_change {
    enum map_change_op op;
    const struct element *before, *after; /* borrowed from a and b; NULL where there is none */
};
struct map_delta {
    bool shifted;
    int64_t shift_x_mm, shift_y_mm;
    struct map_change *changes; /* sorted by kind, then first name (way/9 before way/10), then id */
    size_t n;
    size_t no_word[EL_AREA + 1]; /* elements of either map, by kind, that were not compared: the
                                    other one's format has no word for them */
};
void map_compare(const struct mapset *a, const struct mapset *b, struct map_delta *ret_delta);
void map_delta_free(struct map_delta *d);

/* A file imported again, or a later one of the same road: elements of next that map_compare takes for elements of
 * previous get their ids back, and their revision (+1 when they differ). What has no partner gets an id made from the
 * lineage as well, so that no id is ever given again, also when a file comes back. A name that an
 * element had and nobody has now is kept as the alias "was:" name, as long as there is room. next stays sorted.
 * report (may be NULL): who has no partner. */
struct map_identity {
    bool shifted; /* as in map_delta */
    int64_t shift_x_mm, shift_y_mm;
    size_t by_name, by_place, changed; /* changed: of those that were kept */
    size_t created, gone;
};
void map_keep_identities(const struct mapset *previous, struct mapset *next,
    struct map_identity *ret, struct map_report *report);

#endif
