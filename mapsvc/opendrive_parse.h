/* Between reading OpenDRIVE's XML and keeping its records. Private to ws_mapio. */
#ifndef WAYSIDE_MAPSVC_OPENDRIVE_PARSE_H
#define WAYSIDE_MAPSVC_OPENDRIVE_PARSE_H

#include "mapsvc/opendrive.h"
#include "mapsvc/xml.h"

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
};

struct od_parse {
    struct map_reader *r;
    struct od_map *m;
    enum od_tag stack[XML_DEPTH_MAX + 1];
    struct xml *x;
    const char **attrs;
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
void od_signal_record(struct od_parse *p);
/* At their end. */
void od_geometry_end(struct od_parse *p);
void od_section_end(struct od_parse *p);

#endif
