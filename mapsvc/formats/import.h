/* What the readers of map formats share: where a broken element goes, and the frame. Private to
 * ws_mapio. One thread per object. */
#ifndef WAYSIDE_MAPSVC_FORMATS_IMPORT_H
#define WAYSIDE_MAPSVC_FORMATS_IMPORT_H

#include "mapsvc/model/mapset.h"

#define MAP_FILE_OCTETS_MAX ((size_t)1 << 30) /* unless the options say otherwise */

/* Name of the document element, "" for what is no XML. */
WARN_UNUSED int map_xml_root(
    const char *file, struct span data, char ret_name[static 64], struct ws_err *err);

struct map_reader {
    const char *file; /* for messages */
    const struct map_import_options *opt;
    struct map_report *report; /* may be NULL */
    struct mapset *map; /* ns and base_digest are set */
    struct ws_err *err;
    int rc; /* first failure; a reader that sees it set comes back */
    struct buf
        *octets; /* the file, to be freed early by a reader that has parsed it; may be NULL */
};

/* A broken element: left out with a report, or (strict) the end of the import. */
void map_skip(struct map_reader *r, unsigned line, const char *what, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* A remark; never fails. line 0: about the whole file. */
void map_note(struct map_reader *r, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Gives e its id from its native name, the alias "ns:native", and puts it into the map. */
void map_emit(struct map_reader *r, struct element *e, const char *native);

/* Frame of a file whose points are known by place: the caller's, or one at the middle (in 1e-7 degree)
 * rounded to 0.001 degree, so that small edits of a map do not move its frame. */
struct cell_frame map_frame_around(const struct map_import_options *opt, int32_t lat, int32_t lon);
/* The same at the median of n >= 1 places (1e-10 degree, put into order), so that one at an absurd place does not move it. */
struct cell_frame map_frame_of_places(
    const struct map_import_options *opt, int64_t *lat, int64_t *lon, size_t n);
/* Frame of a file in local metres; notes when the origin is not known. */
struct cell_frame map_frame_local(struct map_reader *r);

/* Centre line of two bounds that run in driving direction: a point for every point of either bound, at
 * the same share of both lengths (of the left one alone where that would be too many). False when it has fewer
 * than two distinct points, or left more than ELEMENT_MAX_POINTS. */
bool map_centre_line(struct element *e, const struct map_point *left, size_t n_left,
    const struct map_point *right, size_t n_right);
/* Heading of a line at half its length; false for a line without length. */
bool map_heading_mid(const struct map_point *p, size_t n, uint16_t *ret_heading);
/* Heading of the segment of a line nearest to a place; the squared distance in mm^2. */
bool map_heading_near(const struct map_point *p, size_t n, struct map_point at,
    uint16_t *ret_heading, double *ret_dist2);

/* "50", "50 km/h", "30 mph", "13.89 m/s": a figure in km/h or mph. unit: default, may be NULL for km/h. */
bool map_speed_of(const char *text, const char *unit, int32_t *ret_value, const char **ret_unit);
/* Figure in a German-style speed sign code (274 and 274.1 with their ends 278 and 274.2), for instance
 * de274-50, DE274.1-30, 274_60. */
bool map_speed_of_code(const char *code, int32_t *ret_value);

void lanelet2_import(struct map_reader *r, struct span data);
void opendrive_import(struct map_reader *r, struct span data);
void tnits_import(struct map_reader *r, struct span data);

#endif
