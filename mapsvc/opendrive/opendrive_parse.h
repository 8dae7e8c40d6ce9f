/* Between reading OpenDRIVE's XML and keeping its records. Private to ws_mapio. */
#ifndef WAYSIDE_MAPSVC_OPENDRIVE_OPENDRIVE_PARSE_H
#define WAYSIDE_MAPSVC_OPENDRIVE_OPENDRIVE_PARSE_H

#include "mapsvc/formats/xml.h"
#include "mapsvc/opendrive/opendrive.h"

enum od_tag {
    T_OTHER,
    T_HEADER,
    T_GEOREF,
    T_SHIFT,
    T_ROAD,
    T_TYPE,
    T_SPEED,
    T_PLANVIEW,
    T_GEOMETRY,
    T_LINE,
    T_ARC,
    T_SPIRAL,
    T_POLY3,
    T_PARAMPOLY3,
    T_ELEVATIONS,
    T_ELEVATION,
    T_LATERALS,
    T_SUPERELEVATION,
    T_LANES,
    T_LANEOFFSET,
    T_SECTION,
    T_SIDE,
    T_LANE,
    T_WIDTH,
    T_BORDER,
    T_MARK,
    T_OBJECTS,
    T_OBJECT,
    T_SIGNALS,
    T_SIGNAL,
    T_SIGNALREF,
    T_VALIDITY,
    T_OUTLINES,
    T_OUTLINE,
    T_CORNER_ROAD,
    T_CORNER_LOCAL,
    T_REPEAT,
    T_AT_PLACE,
    T_AT_ROAD,
    T_ROAD_LINK,
    T_ROAD_BEFORE,
    T_ROAD_AFTER,
    T_LANE_LINK,
    T_LANE_BEFORE,
    T_LANE_AFTER,
    T_ACCESS,
    T_RESTRICTION,
    T_REGULATIONS,
    T_ROAD_REGULATIONS,
    T_SEMANTICS,
    T_SEMANTIC_SPEED,
    T_INCLUDE,
    T_LANE_MORE, /* what stands before a lane's speed */
    T_JUNCTION,
    T_CONNECTION,
    T_CONNECTED_LANES,
    T_CONTROLLER,
    T_CONTROL,
};

struct od_parse {
    struct map_reader *r;
    struct od_map *m;
    enum od_tag stack[XML_DEPTH_MAX + 1];
    struct xml *x;
    const char **attrs;
    bool has_signal, has_reference, has_object; /* the one being read was kept */
    bool in_regulations; /* of a road type */
    char rule[12]; /* of the access record being read */
};

/* The road and lane being read. */
struct od_road *od_road_of(struct od_parse *p);
struct od_lane *od_lane_of(struct od_parse *p);

/* One for each element read, at its start; a malformed number breaks the road, or the signal. */
void od_shift_record(struct od_parse *p);
void od_road_record(struct od_parse *p);
void od_type_record(struct od_parse *p);
void od_speed_record(struct od_parse *p, enum od_tag parent);
void od_geometry_record(struct od_parse *p);
void od_shape_record(struct od_parse *p, enum od_tag tag);
/* s: name of the attribute that says where it begins. */
void od_poly_record(struct od_parse *p, struct od_polys *pool, struct od_run *run, const char *s);
void od_section_record(struct od_parse *p);
void od_lane_record(struct od_parse *p);
void od_mark_record(struct od_parse *p);
void od_access_record(struct od_parse *p, enum od_tag tag);
void od_regulation_record(struct od_parse *p);
/* A speed inside <semantics>, of a signal or of the regulations. */
void od_semantic_speed_record(struct od_parse *p);
void od_signal_record(struct od_parse *p);
void od_header_record(struct od_parse *p);
void od_reference_record(struct od_parse *p);
void od_validity_record(struct od_parse *p, enum od_tag parent);
void od_position_record(struct od_parse *p, enum od_tag tag);
void od_object_record(struct od_parse *p);
void od_repeat_record(struct od_parse *p);
void od_outline_record(struct od_parse *p);
void od_corner_record(struct od_parse *p, enum od_tag tag);
void od_neighbour_record(struct od_parse *p, enum od_tag tag);
void od_lane_link_record(struct od_parse *p, enum od_tag tag);
void od_junction_record(struct od_parse *p);
void od_connection_record(struct od_parse *p);
void od_connected_lanes_record(struct od_parse *p);
void od_controller_record(struct od_parse *p);
void od_control_record(struct od_parse *p);

/* For the records: room for one more in a pool; text of an attribute; where the
 * tag at hand stands; a lane id. */
void *od_room(void *p, size_t n, size_t *cap, size_t size);
#define OD_PLACE_MAX 1e6 /* metres along a road or beside it */
struct od_figure {
    const char *name;
    bool needed;
    double max;
    double *to;
};
/* Reads what is there; false, with a report about `what` and its id, when a figure is malformed or missing. */
bool od_figures(struct od_parse *p, const char *what, const struct od_figure *list, size_t n);
uint32_t od_put_text(struct od_parse *p, const char *name);
void od_copy_text(struct od_parse *p, const char *name, char *dst, size_t size);
struct od_source od_source_here(const struct od_parse *p);
bool od_lane_id(const char *text, int *ret_id);

/* At their end. */
void od_geometry_end(struct od_parse *p);
void od_section_end(struct od_parse *p);

#endif
