/* Where a vehicle can be that was seen at another place and time. */
#include "mapsvc/fuse/associate.h"
#include "mapsvc/fuse/fusion.h"
#include "mapsvc/fuse/pseudonyms.h"

enum {
    SLACK_MM = 5000, /* of two positions that vehicles measure themselves */
    SPEED_SLACK_MM_S = 2000,
    ACCELERATION_MM_S2 = 4000, /* braking and turning alike */
    SPEED_MIN_US = 200000, /* presences nearer in time tell no speed */
    /* Where a lone thing is seen from, one vehicle after another is first heard: after so long a vehicle that was not slow
     * has gone on. */
    STANDING_MS = 3000,
    SLOW_MM_S = 3000,
};

static uint64_t length_of(int64_t dx, int64_t dy) {
    uint64_t ux = (uint64_t)(dx < 0 ? -dx : dx);
    uint64_t uy = (uint64_t)(dy < 0 ? -dy : dy);
    uint64_t most = UINT64_C(1) << 31;
    return ux > most || uy > most ? UINT64_MAX : fusion_sqrt(ux * ux + uy * uy);
}

/* mm of a vehicle that goes so fast; its direction is a unit vector in Q30. */
static int64_t along(int32_t unit, int64_t way_mm) {
    return unit * way_mm / (1 << 30);
}

bool successor_possible(const struct pseudonym *p, const struct presence *next,
    const struct pseudonym_rule *r, uint64_t *ret_off) {
    if (p->last.time >= next->time || next->time - p->last.time > r->gap_us ||
        heading_gap(p->last.heading, next->heading) > 3 * HEADING_45)
        return false;
    int64_t ms = (int64_t)((next->time - p->last.time) / 1000);
    int64_t dx = (int64_t)next->x - p->last.x;
    int64_t dy = (int64_t)next->y - p->last.y;
    uint64_t gone = length_of(dx, dy);
    if (gone > (uint64_t)(SLACK_MM + (int64_t)r->speed_mm_s * ms / 1000) ||
        (ms > STANDING_MS && p->speed >= SLOW_MM_S && gone < (uint64_t)(SLOW_MM_S * ms / 1000)))
        return false;
    int32_t ux = 0;
    int32_t uy = 0;
    heading_vector(p->last.heading, &ux, &uy);
    if (along(ux, dx) + along(uy, dy) < -SLACK_MM)
        return false; /* behind it */
    bool known = p->speed != SPEED_UNKNOWN;
    int64_t way = (int64_t)(known ? p->speed : r->speed_mm_s / 2) * ms / 1000;
    *ret_off = length_of(dx - along(ux, way), dy - along(uy, way));
    int64_t slack =
        SLACK_MM + SPEED_SLACK_MM_S * ms / 1000 + ACCELERATION_MM_S2 / 2 * ms / 1000 * ms / 1000;
    return !known || *ret_off <= (uint64_t)slack;
}

struct presence_gap presence_between(
    const struct presence *p, const struct presence *q, const struct presence *b) {
    int64_t whole = (int64_t)(q->time - p->time) / 1000;
    int64_t part = (int64_t)(b->time - p->time) / 1000;
    int64_t x = p->x;
    int64_t y = p->y;
    if (whole > 0) {
        x += ((int64_t)q->x - p->x) * part / whole;
        y += ((int64_t)q->y - p->y) * part / whole;
    }
    int64_t slack = ACCELERATION_MM_S2 / 8 * whole / 1000 * whole / 1000;
    return (struct presence_gap){length_of(b->x - x, b->y - y), (uint64_t)slack};
}

uint32_t presence_speed(
    const struct presence *p, const struct presence *q, uint32_t otherwise, uint32_t most) {
    uint64_t us = q->time - p->time;
    if (us < SPEED_MIN_US)
        return otherwise;
    uint64_t mm = length_of((int64_t)q->x - p->x, (int64_t)q->y - p->y);
    if (mm > UINT32_MAX)
        return most;
    uint64_t speed = mm * 1000000 / us;
    return speed < most ? (uint32_t)speed : most;
}
