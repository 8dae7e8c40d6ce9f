/* Where things are: integer headings, gates and the grid index (hd-map facts, sections 4 and 5).
 * Pure; no floating point. Any thread, one at a time per grid. */
#ifndef WAYSIDE_MAPSVC_FUSE_ASSOCIATE_H
#define WAYSIDE_MAPSVC_FUSE_ASSOCIATE_H

#include "mapsvc/model/element.h"

/* ---- headings: 1/65536 turn, counter-clockwise from east ---- */
#define HEADING_45 8192
/* Unit vector in Q30, off by less than 1e-4. */
void heading_vector(uint16_t heading, int32_t *ret_x, int32_t *ret_y);
/* Heading of a direction, rounded down to 1/65536 turn of heading_vector's own vectors; (0, 0) gives 0.
 * |dx|, |dy| < 2^33. */
uint16_t heading_of(int64_t dx, int64_t dy);
/* Smallest angle between two headings, 0..32768. */
static inline uint16_t heading_gap(uint16_t a, uint16_t b) {
    uint16_t d = (uint16_t)(a - b);
    return d > 32768 ? (uint16_t)(65536U - d) : d;
}

/* Whether a thing shows which way it is read. Paint across the road does not: its sightings carry the heading of whoever
 * saw it, who may have come from anywhere. */
bool kind_faces(enum element_kind k);
/* Two of a kind that the same traffic reads, as far as their headings tell. */
static inline bool same_facing(enum element_kind k, uint16_t a, uint16_t b) {
    return !kind_faces(k) || heading_gap(a, b) <= HEADING_45;
}

/* ---- distances, mm ---- */
static inline uint64_t distance2(int32_t ax, int32_t ay, int32_t bx, int32_t by) {
    int64_t dx = (int64_t)ax - bx;
    int64_t dy = (int64_t)ay - by;
    uint64_t ux = (uint64_t)(dx < 0 ? -dx : dx);
    uint64_t uy = (uint64_t)(dy < 0 ? -dy : dy);
    uint64_t xx = ux * ux;
    uint64_t yy = uy * uy;
    return xx > UINT64_MAX - yy ? UINT64_MAX : xx + yy;
}
/* Squared distance (floor) of a point from a line of n >= 1 points, and the segment it belongs to. */
uint64_t distance2_line(
    const struct map_point *line, size_t n, int32_t x, int32_t y, size_t *ret_segment);

/* ---- gates ---- */
struct gate {
    uint32_t floor, ceiling; /* mm: always inside up to floor, never beyond ceiling */
};
/* 99 % of one axis: 100 d^2 <= 664 (a^2 + b^2), within floor and ceiling. */
bool gate_inside(struct gate g, int64_t d, uint32_t sigma_a, uint32_t sigma_b);
/* Same for a squared distance. */
bool gate_inside2(struct gate g, uint64_t d2, uint32_t sigma_a, uint32_t sigma_b);
/* Offset of a point seen from (x0, y0) along a heading: ahead and to the left, mm. */
void frame_offset(uint16_t heading, int32_t x0, int32_t y0, int32_t x, int32_t y,
    int64_t *ret_ahead, int64_t *ret_left);

/* One thing against one sighting. */
struct sighting {
    enum element_kind kind;
    int32_t x, y;
    uint32_t sigma_mm;
    uint16_t heading; /* of the thing if the observer saw it, else the observer's own */
};
/* True when the element is of the same kind, faces within 45 degrees and lies in the gate. */
bool sighting_fits(const struct sighting *s, const struct element *e, uint32_t map_sigma_mm);
struct grid_entry;
/* The same from the element's entry in a grid alone. Not for limits. */
bool sighting_fits_entry(
    const struct sighting *s, const struct grid_entry *at, uint32_t map_sigma_mm);
/* The place that stands for an element: its point, or the middle of its points. */
void element_anchor(const struct element *e, int32_t *ret_x, int32_t *ret_y);
/* Direction in which traffic reads the element near a place: its heading, or that of the nearest segment
 * of a limit's centre line. False when it has none. */
bool element_heading_at(const struct element *e, int32_t x, int32_t y, uint16_t *ret_heading);

/* ---- grid: square buckets, keyed by the Morton interleave of their coordinates ---- */
struct grid_entry {
    uint64_t key;
    uint32_t ref;
    int32_t x, y; /* where the thing is, or where its line passes this bucket */
    uint16_t
        heading; /* of the thing, where has_heading; with kind only of what grid_add_element added */
    uint8_t kind; /* enum element_kind */
    bool has_heading;
};
/* 8 x 8 buckets. What one message tells of lies in one or two pages. */
struct grid_page {
    uint64_t key; /* of its buckets, without the last 6 bits */
    uint64_t occupied; /* bit per bucket; 0: a free slot of the table */
    uint32_t first; /* its first occupied bucket, in `starts` */
};
#define GRID_FINE 14 /* buckets of 16.384 m */
#define GRID_WIDE 17 /* of 131 m, for what is looked up by the range of a sensor */
struct grid {
    unsigned shift; /* log2 of a bucket's side; 0: GRID_FINE. Set before the first add */
    struct grid_entry *entries; /* ascending key, then ref, after grid_build */
    size_t n, cap;
    size_t n_ordered; /* of them at the front; the others came since */
    struct grid_page *pages; /* hash table */
    size_t n_pages; /* its size, a power of two */
    uint32_t *starts; /* first entry of each occupied bucket, ascending key; one more for the end */
    size_t cap_starts;
};
void grid_free(struct grid *g);
void grid_clear(struct grid *g); /* keeps the shift */
void grid_add(struct grid *g, int32_t x, int32_t y, uint32_t ref);
/* Adds an element: lines in every bucket they pass. */
void grid_add_element(struct grid *g, const struct element *e, uint32_t ref);
/* After the last add, before the first look. What came since it was built last is merged into the rest. */
void grid_build(struct grid *g);
/* The things that refs count have come and gone: those of gone[n_gone] (ascending, as they were counted before) are no
 * longer, those of fresh[n_fresh] (ascending, as they are counted now) are new; all others keep their order and their
 * entries. Then the fresh ones are added and the grid is built. What moved is in both. */
void grid_recount(
    struct grid *g, const uint32_t *gone, size_t n_gone, const uint32_t *fresh, size_t n_fresh);
uint64_t grid_key(int32_t x, int32_t y); /* of a fine grid */
/* Entries whose x and y are both within so many mm of a place, bucket by bucket. One element may come
 * up several times: lines are in every bucket they pass. */
#define GRID_REACH_MM                                                                              \
    16000 /* above every gate's ceiling and half the spacing of a line's entries */
struct grid_look {
    const struct grid *grid;
    int32_t x, y, reach;
    uint32_t bx, by, bx_first, bx_last, by_last; /* buckets still to come */
    const struct grid_page *page; /* of the last bucket, or NULL */
    const struct grid_entry *at, *end;
};
struct grid_look grid_around(const struct grid *g, int32_t x, int32_t y, int32_t reach_mm);
static inline struct grid_look grid_near(const struct grid *g, int32_t x, int32_t y) {
    return grid_around(g, x, y, GRID_REACH_MM);
}
bool grid_next(struct grid_look *l, const struct grid_entry **ret_entry);
/* The run of entries in the bucket so many buckets away from that of (x, y); 0 when there is none. */
size_t grid_bucket(const struct grid *g, int32_t x, int32_t y, int dx, int dy,
    const struct grid_entry **ret_first);

#endif
