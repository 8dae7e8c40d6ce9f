/* An OpenDRIVE file as read, before it becomes elements (hd-map facts, 3; ASAM OpenDRIVE 1.4 to 1.8).
 * Private to ws_mapio. Lengths are metres, angles radians, as in the file. */
#ifndef WAYSIDE_MAPSVC_OPENDRIVE_OPENDRIVE_H
#define WAYSIDE_MAPSVC_OPENDRIVE_OPENDRIVE_H

#include "mapsvc/formats/import.h"
#include "mapsvc/formats/tmerc.h"

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
    uint32_t at, end; /* in the file */
};
struct od_polys {
    struct od_poly *p;
    size_t n, cap;
};
struct od_run { /* a run of records in one of the pools */
    uint32_t first, n;
};
struct od_source { /* where it stands in the file */
    uint32_t at, n; /* its start tag */
    uint32_t end; /* behind its end */
};
enum od_contact { OD_CONTACT_UNKNOWN, OD_CONTACT_START, OD_CONTACT_END };
struct od_neighbour { /* of a road's end */
    enum { OD_NOBODY, OD_NEXT_ROAD, OD_NEXT_JUNCTION } what;
    enum od_contact contact;
    uint32_t id; /* offset into text */
    unsigned line;
};
struct od_speed {
    double s;
    struct od_source source, of; /* the record; the road type around it, if there is one */
    bool none; /* a road type without a speed, or "no limit" */
    uint32_t type; /* offset into text: of the road */
    char max[40], unit[12];
    unsigned line;
};
struct od_mark {
    double s; /* from the section's start */
    char type[24], colour[16], change[12];
    struct od_source source;
};
struct od_lane_link {
    int id;
    bool successor;
    unsigned line;
};
struct od_lane {
    int id;
    unsigned line;
    char type[24];
    bool reversed; /* traffic runs against the rule (1.8) */
    bool works; /* road works (1.8; before, a type of its own) */
    uint32_t access; /* offset into text: "deny truck; allow bus"; 0: nothing said */
    struct od_run width, border, speed, marks, links;
    uint32_t element; /* 1 + index of its element in the map being made; 0: none */
    struct od_source source;
    uint32_t speed_at; /* offset where a speed record may be put; 0: nowhere */
};
struct od_section {
    double s;
    struct od_run lanes; /* ascending id */
    bool single_side; /* the other side's lanes go on from the section before */
    unsigned line;
};
struct od_validity {
    int from, to; /* lane ids */
};
enum od_position { OD_AT_ROAD, OD_AT_OTHER_ROAD, OD_AT_PLACE };
struct od_signal {
    double s, t, z, turn; /* turn: hOffset */
    char orientation;
    bool dynamic;
    enum od_position position; /* where it stands, when that is not s and t of its road */
    double at[5]; /* s, t, zOffset, hOffset | x, y, z, hdg */
    uint32_t at_road; /* offset into text */
    uint32_t id, name, type, subtype, country, value, unit; /* offsets into text */
    uint32_t native; /* offset into names */
    uint32_t road;
    struct od_run validity;
    struct od_source source;
    unsigned line;
};
struct od_reference { /* a signal that holds on another road too */
    double s;
    char orientation;
    uint32_t id, road;
    struct od_run validity;
    struct od_source source;
    unsigned line;
};
struct od_corner {
    bool local; /* u, v, z of the object, not s, t, dz of the road */
    double a, b, z;
};
struct od_repeat {
    double s, length, distance; /* distance 0: one object from s to s + length */
    double t[2], z[2], width[2], size[2]; /* at its start and end; size: the object's own length */
    unsigned line;
};
struct od_object {
    enum element_kind kind; /* crosswalk or stop line; others are counted only */
    double s, t, z, turn, length, width;
    char orientation;
    uint32_t id, name, type, subtype;
    uint32_t native; /* offset into names */
    uint32_t road;
    struct od_run corners; /* of the first outline */
    uint32_t corners_at, corners_end; /* where these stand in the file */
    unsigned outlines;
    bool open; /* the outline is a line */
    bool shared; /* one of several of one record */
    double moved_s, moved_t,
        moved_z; /* from where the record has it: its corners by road do the same */
    struct od_run repeats;
    struct od_run validity;
    struct od_source source;
    unsigned line;
};
struct od_default { /* 1.8: the limit of a type of road that says none itself */
    uint32_t type; /* offset into text */
    char max[40], unit[12];
    unsigned line;
};
struct od_control {
    uint32_t controller, signal; /* ids */
    struct od_source source;
    unsigned line;
};
struct od_connection { /* of a junction; direct: from road to road */
    uint32_t junction, incoming, to; /* ids */
    enum od_contact contact;
    struct od_run links;
    unsigned line;
};
struct od_pair {
    int from, to; /* lane ids */
};
struct od_road {
    uint32_t id; /* offset into text */
    unsigned line;
    double length;
    bool left_hand; /* rule="LHT" */
    bool in_junction;
    const char *broken; /* reason, NULL: sound */
    unsigned broken_line;
    struct od_run geometry, offset, elevation, speed, sections, signals;
    struct od_neighbour before, after;
    struct od_source source, lanes_source, objects_source, signals_source;
};
struct od_map {
    uint32_t *by_id; /* roads in order of their ids */
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
    struct od_mark *marks;
    size_t n_marks, cap_marks;
    struct od_lane_link *lane_links;
    size_t n_lane_links, cap_lane_links;
    struct od_validity *validities;
    size_t n_validities, cap_validities;
    struct od_reference *references;
    size_t n_references, cap_references;
    struct od_object *objects;
    size_t n_objects, cap_objects;
    struct od_corner *corners;
    size_t n_corners, cap_corners;
    struct od_repeat *repeats;
    size_t n_repeats, cap_repeats;
    struct od_default *defaults;
    size_t n_defaults, cap_defaults;
    struct od_control *controls;
    size_t n_controls, cap_controls;
    struct od_connection *connections;
    size_t n_connections, cap_connections;
    struct od_pair *pairs;
    size_t n_pairs, cap_pairs;
    struct od_polys offset, elevation, width, border;
    struct buf text; /* does not grow once the file is parsed: others point into it */
    struct buf names; /* native names of what became an element; 0: none */
    struct buf geo_reference;
    double shift_x, shift_y, shift_hdg; /* header <offset> */
    int64_t major, minor; /* of the format; -1 unknown */
    uint32_t controller, junction; /* ids of those being read */
    size_t other_objects, superelevations, includes;
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
    struct od_index *index; /* of ids; see opendrive_govern.c */
    uint64_t budget; /* evaluations of records that are still allowed */
    size_t no_width; /* lanes left out because they have none */
    size_t first; /* index of its first element in the map */
};
/* Metres of the map's plane to the frame; false out of reach. */
bool od_place(const struct od_build *b, double x, double y, double z, struct map_point *ret_p);
void opendrive_lanes(struct od_build *b);
/* Successors: what links and junctions say where the lanes meet, and lanes of one type that meet. */
void opendrive_link(struct od_build *b);
void opendrive_signals(struct od_build *b);
void opendrive_repeats(struct od_build *b); /* before the objects */
void opendrive_objects(struct od_build *b);
/* Reads a file and makes its elements; m stays for who wants to know where things stand in the file. */
void opendrive_read(
    struct map_reader *r, struct span data, struct od_map *m, struct od_build *ret_b);

/* Type, colour and who may change lanes, of the first mark; where it changes, as "12.500 broken yellow both; ..."
 * with metres along the section. */
void od_set_marks(const struct od_map *m, struct od_run run, struct element *e);
/* Traffic runs along s on this lane. */
bool od_runs_along(const struct od_road *road, const struct od_lane *lane);
/* "Stop Line", "stop_line", "SolidStopLine", "294". */
bool od_names_stop_line(const char *s);
/* Vehicles drive here. */
bool od_is_driven(const struct od_lane *lane);
/* Section of a road that holds at s for lanes of a side (-1, 1; 0: any); NULL: none. */
const struct od_section *od_section_at(
    const struct od_map *m, const struct od_road *road, int side, double s);
/* NULL when there is none. */
const struct od_lane *od_lane_in(const struct od_map *m, const struct od_section *sec, int id);
/* First section after this one that has lanes of that side; NULL: none. */
const struct od_section *od_next_section(
    const struct od_map *m, const struct od_road *road, const struct od_section *sec, int side);
/* t of a lane's outer edge, from its inner one's, ds from the section's start. */
double od_outer_edge(const struct od_map *m, const struct od_lane *lane, double ds, double inner);
/* t of the outer edge of lane k at s (0: of the lane in the middle). */
double od_edge_at(struct od_build *b, const struct od_road *road, int k, double s);
/* The road of that id; NULL: none, or broken. */
const struct od_road *od_road_named(const struct od_map *m, const char *id);

/* Attributes "lanes", "lanes.2", ...: names of the lanes a signal is for. */
void od_govern(struct od_build *b, const struct od_signal *g, struct element *e);
/* Signals and references by id, controllers by signal: for od_govern. */
void od_govern_begin(struct od_build *b);
void od_govern_end(struct od_build *b);

/* What stands somewhere along a road: its native name is made of road, id and s, which together tell things
 * apart where ids repeat; twins get a number. */
struct od_placed {
    uint32_t road, id; /* id: offset into text */
    double s;
    unsigned line;
    uint32_t index;
};
void od_each_placed(struct od_build *b, const char *what, const struct od_placed *list, size_t n,
    void (*emit)(struct od_build *b, uint32_t index, const char *native));
/* Offset into names, which never moves text. */
uint32_t od_keep_name(struct od_map *m, const char *native);
/* The point at s, t and z above the road, and the road's direction there. */
bool od_place_at(const struct od_build *b, const struct od_road *road, double s, double t, double z,
    struct map_point *ret_p, struct od_pose *ret_pose);

#endif
