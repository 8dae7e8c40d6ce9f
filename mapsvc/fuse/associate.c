#include "mapsvc/fuse/associate.h"

#include "base/assert.h"
#include "mapsvc/fuse/fusion.h"
#include "mapsvc/model/ints.h"

/* Longitudinal and lateral gates for things beside the road (signs, lights, hazards). */
static const struct gate gate_left = {1000, 4000};
static const struct gate gate_ahead = {3000, 10000};
/* Things across the road: their middle stands for them. */
static const struct gate gate_across = {3000, 10000};
/* A limit belongs to one lane: beyond this it is the next lane's. */
static const struct gate gate_lane = {1000, 2500};

/* ---- headings ---- */

/* sin(i * 90 / 64 degrees) in Q30. */
static const int32_t quarter[65] = {
    0,
    26350943,
    52686014,
    78989349,
    105245103,
    131437462,
    157550647,
    183568930,
    209476638,
    235258165,
    260897982,
    286380643,
    311690799,
    336813204,
    361732726,
    386434353,
    410903207,
    435124548,
    459083786,
    482766489,
    506158392,
    529245404,
    552013618,
    574449320,
    596538995,
    618269338,
    639627258,
    660599890,
    681174602,
    701339000,
    721080937,
    740388522,
    759250125,
    777654384,
    795590213,
    813046808,
    830013654,
    846480531,
    862437520,
    877875009,
    892783698,
    907154608,
    920979082,
    934248793,
    946955747,
    959092290,
    970651112,
    981625251,
    992008094,
    1001793390,
    1010975242,
    1019548121,
    1027506862,
    1034846671,
    1041563127,
    1047652185,
    1053110176,
    1057933813,
    1062120190,
    1065666786,
    1068571464,
    1070832474,
    1072448455,
    1073418433,
    1073741824,
};

/* Sine of a quarter turn, 0..16384, interpolated. */
static int32_t quarter_sine(uint32_t a) {
    uint32_t i = a >> 8;
    int64_t rest = a & 255;
    if (i == 64)
        return quarter[64];
    return (int32_t)(quarter[i] + (quarter[i + 1] - quarter[i]) * rest / 256);
}

void heading_vector(uint16_t heading, int32_t *ret_x, int32_t *ret_y) {
    uint32_t a = heading & 16383U;
    int32_t s = quarter_sine(a);
    int32_t c = quarter_sine(16384 - a);
    switch (heading >> 14) {
    case 0:
        *ret_x = c;
        *ret_y = s;
        break;
    case 1:
        *ret_x = -s;
        *ret_y = c;
        break;
    case 2:
        *ret_x = -c;
        *ret_y = -s;
        break;
    default:
        *ret_x = s;
        *ret_y = -c;
        break;
    }
}

uint16_t heading_of(int64_t dx, int64_t dy) {
    if (dx == 0 && dy == 0)
        return 0;
    /* Turn into the first quarter, then halve the angle: cross(v(a), d) >= 0 while a is not beyond d. */
    uint32_t turn = 0;
    while (!(dx > 0 && dy >= 0)) {
        int64_t t = dx;
        dx = dy;
        dy = -t;
        turn += 16384;
    }
    uint32_t a = 0;
    for (uint32_t bit = 8192; bit > 0; bit >>= 1) {
        __int128 c = quarter_sine(16384 - (a | bit));
        __int128 s = quarter_sine(a | bit);
        if (c * dy - s * dx >= 0)
            a |= bit;
    }
    return (uint16_t)(turn + a);
}

/* ---- distances and gates ---- */

/* Half the span of a segment and of the way to it; a cell is a thousand times smaller. Nothing further
 * away is near anything. */
#define SPAN_MAX (INT64_C(1) << 30)

static bool too_wide(int64_t dx, int64_t dy) {
    return dx > SPAN_MAX || dx < -SPAN_MAX || dy > SPAN_MAX || dy < -SPAN_MAX;
}

static uint64_t distance2_segment(
    const struct map_point *a, const struct map_point *b, int32_t x, int32_t y) {
    int64_t ux = (int64_t)b->x - a->x;
    int64_t uy = (int64_t)b->y - a->y;
    int64_t px = (int64_t)x - a->x;
    int64_t py = (int64_t)y - a->y;
    if (too_wide(ux, uy) || too_wide(px, py))
        return UINT64_MAX;
    int64_t dot = ux * px + uy * py;
    int64_t len2 = ux * ux + uy * uy;
    if (dot <= 0)
        return distance2(a->x, a->y, x, y);
    if (dot >= len2)
        return distance2(b->x, b->y, x, y);
    int64_t cross = ux * py - uy * px;
    uint64_t c = (uint64_t)(cross < 0 ? -cross : cross);
    if (c <= UINT32_MAX) /* nearly always; a 128-bit division costs ten times as much */
        return c * c / (uint64_t)len2;
    return (uint64_t)((unsigned __int128)c * c / (unsigned __int128)(uint64_t)len2);
}

uint64_t distance2_line(
    const struct map_point *line, size_t n, int32_t x, int32_t y, size_t *ret_segment) {
    WS_ASSERT(n >= 1);
    uint64_t best = UINT64_MAX;
    size_t at = 0;
    if (n == 1)
        best = distance2(line[0].x, line[0].y, x, y);
    for (size_t i = 0; i + 1 < n; i++) {
        uint64_t d2 = distance2_segment(&line[i], &line[i + 1], x, y);
        if (d2 < best) {
            best = d2;
            at = i;
        }
    }
    *ret_segment = at;
    return best;
}

bool kind_faces(enum element_kind k) {
    return k != EL_CROSSWALK && k != EL_STOP_LINE;
}

bool gate_inside2(struct gate g, uint64_t d2, uint32_t sigma_a, uint32_t sigma_b) {
    uint64_t floor2 = (uint64_t)g.floor * g.floor;
    uint64_t ceiling2 = (uint64_t)g.ceiling * g.ceiling;
    if (d2 <= floor2)
        return true;
    if (d2 > ceiling2)
        return false;
    uint64_t variance = (uint64_t)sigma_a * sigma_a + (uint64_t)sigma_b * sigma_b;
    return (unsigned __int128)d2 * 100 <= (unsigned __int128)variance * 664;
}

bool gate_inside(struct gate g, int64_t d, uint32_t sigma_a, uint32_t sigma_b) {
    uint64_t u = d < 0 ? 0 - (uint64_t)d : (uint64_t)d;
    return u <= g.ceiling && gate_inside2(g, u * u, sigma_a, sigma_b);
}

/* v / 2^30 towards minus infinity, without shifting a negative number. */
static int64_t floor_q30(int64_t v) {
    return (int64_t)(((uint64_t)v ^ (UINT64_C(1) << 63)) >> 30) - (INT64_C(1) << 33);
}

void frame_offset(uint16_t heading, int32_t x0, int32_t y0, int32_t x, int32_t y,
    int64_t *ret_ahead, int64_t *ret_left) {
    int32_t c32 = 0;
    int32_t s32 = 0;
    heading_vector(heading, &c32, &s32);
    const int64_t c = c32;
    const int64_t s = s32;
    int64_t dx = (int64_t)x - x0;
    int64_t dy = (int64_t)y - y0;
    /* 2^32 times 2^30 twice is one bit too much; the unit vector is never that long on both axes, but
     * the table's rounding is not proof enough. */
    const int64_t far = INT64_C(1) << 31;
    if (dx >= far || dx <= -far || dy >= far || dy <= -far) {
        *ret_ahead = floor_div((__int128)dx * c + (__int128)dy * s, INT64_C(1) << 30);
        *ret_left = floor_div((__int128)dy * c - (__int128)dx * s, INT64_C(1) << 30);
        return;
    }
    *ret_ahead = floor_q30(dx * c + dy * s);
    *ret_left = floor_q30(dy * c - dx * s);
}

void element_anchor(const struct element *e, int32_t *ret_x, int32_t *ret_y) {
    if (e->n_points == 1) {
        *ret_x = e->points[0].x;
        *ret_y = e->points[0].y;
        return;
    }
    int64_t sx = 0;
    int64_t sy = 0;
    for (size_t i = 0; i < e->n_points; i++) {
        sx += e->points[i].x;
        sy += e->points[i].y;
    }
    int64_t n = e->n_points == 0 ? 1 : (int64_t)e->n_points;
    *ret_x = (int32_t)floor_div(sx, n);
    *ret_y = (int32_t)floor_div(sy, n);
}

static uint16_t segment_heading(const struct element *e, size_t i) {
    return heading_of(
        (int64_t)e->points[i + 1].x - e->points[i].x, (int64_t)e->points[i + 1].y - e->points[i].y);
}

bool element_heading_at(const struct element *e, int32_t x, int32_t y, uint16_t *ret_heading) {
    if (e->kind == EL_SPEED_LIMIT && e->n_points >= 2) {
        size_t at = 0;
        (void)distance2_line(e->points, e->n_points, x, y, &at);
        *ret_heading = segment_heading(e, at);
        return true;
    }
    if (e->has_heading)
        *ret_heading = e->heading;
    return e->has_heading;
}

bool sighting_fits_entry(
    const struct sighting *s, const struct grid_entry *at, uint32_t map_sigma_mm) {
    if (at->kind != s->kind ||
        (at->has_heading && heading_gap(at->heading, s->heading) > HEADING_45))
        return false;
    int64_t ahead = 0;
    int64_t left = 0;
    frame_offset(
        at->has_heading ? at->heading : s->heading, at->x, at->y, s->x, s->y, &ahead, &left);
    bool across = s->kind == EL_STOP_LINE || s->kind == EL_CROSSWALK;
    return gate_inside(across ? gate_across : gate_left, left, s->sigma_mm, map_sigma_mm) &&
           gate_inside(across ? gate_across : gate_ahead, ahead, s->sigma_mm, map_sigma_mm);
}

bool sighting_fits(const struct sighting *s, const struct element *e, uint32_t map_sigma_mm) {
    if (e->kind != s->kind || e->n_points == 0)
        return false;
    if (e->kind == EL_SPEED_LIMIT) {
        size_t at = 0;
        uint64_t d2 = distance2_line(e->points, e->n_points, s->x, s->y, &at);
        if (!gate_inside2(gate_lane, d2, s->sigma_mm, map_sigma_mm))
            return false;
        uint16_t h = e->heading;
        if (e->n_points >= 2)
            h = segment_heading(e, at);
        else if (!e->has_heading)
            return true;
        return heading_gap(h, s->heading) <= HEADING_45;
    }
    struct grid_entry at = {
        .heading = e->heading, .kind = (uint8_t)e->kind, .has_heading = e->has_heading};
    element_anchor(e, &at.x, &at.y);
    return sighting_fits_entry(s, &at, map_sigma_mm);
}
