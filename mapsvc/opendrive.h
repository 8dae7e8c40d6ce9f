/* An OpenDRIVE file as read, before it becomes elements (hd-map facts, 3; ASAM OpenDRIVE 1.4 to 1.8).
 * Private to ws_mapio. Lengths are metres, angles radians, as in the file. */
#ifndef WAYSIDE_MAPSVC_OPENDRIVE_H
#define WAYSIDE_MAPSVC_OPENDRIVE_H

#include "mapsvc/import.h"
#include "mapsvc/tmerc.h"

enum od_shape { OD_NONE, OD_LINE, OD_ARC, OD_SPIRAL, OD_POLY3, OD_PARAM_POLY3 };
enum od_range { OD_RANGE_MISSING, OD_RANGE_ARC_LENGTH, OD_RANGE_NORMALIZED };
struct od_geometry {
    double s, x, y, hdg, length;
    enum od_shape shape;
    enum od_range range;
    double p[8]; /* curvature | curvStart, curvEnd | a..d | aU..dU, aV..dV */
    unsigned line;
};
struct od_poly {
    double s, a, b, c, d; /* s: where it begins, from the road's or section's start */
};
struct od_polys {
    struct od_poly *p;
    size_t n, cap;
};
struct od_run { /* a run of records in one of the pools */
    uint32_t first, n;
};
struct od_speed {
    double s;
    bool none; /* a road type without a speed, or "no limit" */
    char max[24], unit[12];
    unsigned line;
};
struct od_lane {
    int id;
    unsigned line;
    char type[24];
    char mark[24]; /* of its outer edge: first roadMark */
    char colour[16];
    struct od_run width, border, speed;
};
struct od_section {
    double s;
    struct od_run lanes; /* ascending id */
    unsigned line;
};
struct od_signal {
    double s, t, z;
    char orientation;
    bool dynamic;
    uint32_t id, name, type, subtype, country, value, unit; /* offsets into text */
    uint32_t road;
    unsigned line;
};
struct od_road {
    uint32_t id; /* offset into text */
    unsigned line;
    double length;
    bool left_hand; /* rule="LHT" */
    const char *broken; /* reason, NULL: sound */
    unsigned broken_line;
    struct od_run geometry, offset, elevation, speed, sections, signals;
};
struct od_map {
    struct od_road *roads;
    size_t n_roads, cap_roads;
    struct od_geometry *geometry;
    size_t n_geometry, cap_geometry;
    struct od_section *sections;
    size_t n_sections, cap_sections;
    struct od_lane *lanes;
    size_t n_lanes, cap_lanes;
    struct od_signal *signals;
    size_t n_signals, cap_signals;
    struct od_speed *road_speeds, *lane_speeds;
    size_t n_road_speeds, cap_road_speeds, n_lane_speeds, cap_lane_speeds;
    struct od_polys offset, elevation, width, border;
    struct buf text;
    struct buf geo_reference;
    double shift_x, shift_y, shift_hdg; /* header <offset> */
    size_t objects, signal_references, superelevations;
};

void opendrive_parse(struct map_reader *r, struct span data, struct od_map *ret_map);
void od_map_free(struct od_map *m);
static inline const char *od_text(const struct od_map *m, uint32_t at) {
    return (const char *)m->text.p + at;
}

/* ---- reference line and cubic records ---- */

struct od_pose {
    double x, y, hdg;
};
/* Of a record at `ds` from its start. */
struct od_pose od_geometry_at(const struct od_geometry *g, double ds);
/* Sound: bounded, finite and turning less than a thousand radians. NULL or the reason. */
const char *od_geometry_fault(const struct od_geometry *g);
/* Record of a road (which has one) that holds at s. */
uint32_t od_geometry_index(const struct od_map *m, const struct od_road *road, double s);
/* First record of a run that begins after s; run.n when none does. */
uint32_t od_first_after(const struct od_polys *pool, struct od_run run, double s);
struct od_pose od_road_at(const struct od_map *m, const struct od_road *road, double s);
/* Value of the last record that begins at or before s; 0 before the first. */
double od_poly_at(const struct od_polys *pool, struct od_run run, double s);
/* Decides arcLength or normalized where the file does not say, and measures the joints: the widest gap
 * between a record's end and the next one's start. */
double od_settle_geometry(struct od_map *m, const struct od_road *road, size_t *ret_guessed);

/* ---- becoming elements ---- */

#define OD_NATIVE_MAX 160
struct od_build {
    struct map_reader *r;
    struct od_map *m;
    struct cell_frame frame, own;
    bool has_projection;
    struct tmerc projection;
    uint64_t budget; /* evaluations of records that are still allowed */
    size_t no_width; /* lanes left out because they have none */
};
/* Metres of the map's plane to the frame; false out of reach. */
bool od_place(const struct od_build *b, double x, double y, double z, struct map_point *ret_p);
void opendrive_lanes(struct od_build *b);
void opendrive_link(struct od_build *b, size_t first); /* successors among elements from first on */
void opendrive_signals(struct od_build *b);

#endif
