/* Roads made from a seed, with all that the map formats can say about their shape: written as OpenDRIVE and as Lanelet2,
 * and drawn a second time by numerical integration in long double, which shares nothing with the readers. */
#ifndef WAYSIDE_TESTS_ROADS_H
#define WAYSIDE_TESTS_ROADS_H

#include "base/bytes.h"
#include "base/random.h"

enum { VR_GEOMETRIES = 6, VR_SECTIONS = 3, VR_LANES = 3, VR_RECORDS = 3 };
enum vr_shape { VR_LINE, VR_ARC, VR_SPIRAL, VR_POLY3, VR_PARAM_POLY3, VR_SHAPES };

struct vr_poly {
    double s, c[4];
};
struct vr_polys {
    struct vr_poly p[VR_RECORDS];
    size_t n;
};
struct vr_geometry {
    enum vr_shape shape;
    bool normalized; /* paramPoly3 */
    double s, x, y, hdg, length;
    double p[8];
};
struct vr_lane {
    const char *type;
    struct vr_polys width; /* its own; the file may say borders */
    const char *mark; /* of its outer edge */
    const char *max, *unit; /* speed record, or NULL */
    int limit; /* as it must be read */
    const char *limit_unit;
};
struct vr_section {
    double s, end;
    bool borders; /* said by <border> instead of <width> */
    int n_left, n_right;
    struct vr_lane left[VR_LANES], right[VR_LANES]; /* from the middle outwards */
};
struct vr_signal {
    double s, t, h_offset;
    char orientation;
    const char *type, *subtype;
    int value;
};
struct vr_sample {
    double s, x, y, hdg;
};
struct vr_road {
    bool left_hand;
    double length;
    struct vr_geometry geometry[VR_GEOMETRIES];
    size_t n_geometry;
    struct vr_polys offset;
    struct vr_section sections[VR_SECTIONS];
    size_t n_sections;
    struct vr_signal signal;
    struct vr_sample *path; /* every tenth of a metre and at each record's ends */
    size_t n_path;
};

struct vr_road vr_make(struct ws_random *rnd);
void vr_free(struct vr_road *r);

/* Pose at s, from the path. */
struct vr_sample vr_at(const struct vr_road *r, double s);
/* t of the outer edge of lane k of a section (0: the middle) at s. */
double vr_edge(const struct vr_road *r, const struct vr_section *sec, int k, double s);
/* A point of the plane beside the road. */
void vr_point(const struct vr_road *r, double s, double t, double *ret_x, double *ret_y);

/* The road with the id; noise: elements around it that say nothing about lanes. */
void vr_put_opendrive(const struct vr_road *r, const char *id, bool noise, struct buf *b);
/* header: inside <header>. */
void vr_begin_opendrive(const char *header, struct buf *b);
void vr_end_opendrive(struct buf *b);
/* The same road in local coordinates: a lanelet for each lane of each section, ways that lanes share, the signal. */
void vr_put_lanelet2(const struct vr_road *r, struct buf *b);

/* A text damaged in one place as careless programs and people do it: a number replaced by what is none, or absurd; an
 * attribute, an element or a tag gone or there twice; two elements swapped. Well-formed as often as not. */
void vr_damage(struct ws_random *rnd, struct span text, struct buf *ret);

#endif
