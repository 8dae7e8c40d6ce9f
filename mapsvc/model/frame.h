/* The cell frame: a plane in integer millimetres around an origin (hd-map facts, section 4).
 *
 *   x_mm = floor((lon - lon0) * east  / 2^30)      lon, lat in 1e-7 degree (int32)
 *   y_mm = floor((lat - lat0) * north / 2^30)
 *
 * east and north are millimetres per 1e-7 degree times 2^30 on the WGS 84 ellipsoid at lat0. They are
 * computed once, when a map is imported, and from then on belong to the map's digest; nothing that
 * validators agree on computes them again. Pure integer after that; any thread. */
#ifndef WAYSIDE_MAPSVC_MODEL_FRAME_H
#define WAYSIDE_MAPSVC_MODEL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* Bounds of north and east in a valid frame. */
#define FRAME_SCALE_MIN 1024
#define FRAME_SCALE_MAX ((int64_t)1 << 34)
struct cell_frame {
    int32_t lat0, lon0; /* 1e-7 degree */
    int64_t north, east;
};

/* The one place with floating point (IEEE basic operations and our own cosine, see frame.c). */
struct cell_frame frame_at(int32_t lat0, int32_t lon0);
/* False when the point is further from the origin than int32 millimetres reach. */
bool frame_from_wgs(
    const struct cell_frame *f, int32_t lat, int32_t lon, int32_t *ret_x, int32_t *ret_y);
/* Nearest 1e-7 degree whose forward image is closest to the point (rounds half up). */
void frame_to_wgs(
    const struct cell_frame *f, int32_t x, int32_t y, int32_t *ret_lat, int32_t *ret_lon);

/* The same plane at 1e-10 degree (0.01 mm), for map files, whose decimals are finer than messages are. */
bool frame_from_wgs10(
    const struct cell_frame *f, int64_t lat, int64_t lon, int32_t *ret_x, int32_t *ret_y);
/* from_wgs10 of the result is the same point again below 84 degrees of latitude. */
void frame_to_wgs10(
    const struct cell_frame *f, int32_t x, int32_t y, int64_t *ret_lat, int64_t *ret_lon);
/* A point of one frame in the coordinates of another, within a millimetre; false out of range. */
bool frame_convert(const struct cell_frame *from, const struct cell_frame *to, int32_t x, int32_t y,
    int32_t *ret_x, int32_t *ret_y);

#endif
