#include "pktio/plausibility_parts.h"

/*~ Every limit is loose: what a healthy receiver in a street canyon, an emergency stop or a full turn of the wheel can
 * produce must stay clean, since clean is what nearly everybody is. Confidences widen them, as claimed, but no claim
 * widens them by more than 100 m. */
enum {
    RADIUS_ASSUMED_CM = 2000, /* where the message says nothing about its confidence */
    RADIUS_MOST_CM = 10000,
    SPEED_ERROR_ASSUMED = 100, /* cm/s */
    HEADING_ERROR_ASSUMED = 50, /* 0.1 degree */
    GRIP = 1200, /* cm/s2, as much as tyres hold in any direction */
    MOVE_SLACK_CM = 200,
    MOVE_SLACK_US = 100000, /* between where the position was taken and what is signed */
    ACCELERATION_SLACK = 100, /* cm/s */
    TURN_SLACK = 100, /* 0.1 degree */
    TURN_SPEED = 500, /* cm/s; below that headings wander */
    HEADING_PER_RADIAN = 573, /* 0.1 degree */
    ANYTHING_SPEED = 11111, /* cm/s: 400 km/h */
    ANYTHING_SLACK_CM = 10000,
    BACKWARDS_CM = 1000,
    FROZEN_SLACK_CM = 500,
};
#define SECOND UINT64_C(1000000)
#define NEAR_US (10 * SECOND) /* further apart, speeds say nothing about the way between */
#define STEP_US (2 * SECOND) /* for how long a speed or heading is held against the next */
#define LATEST_US (600 * SECOND) /* after so long it is a new journey */
#define ANCHOR_US (5 * SECOND)
#define ANCHOR_LEAST_US SECOND

void plausibility_hold(
    struct plausibility *p, enum plausibility_flag f, uint64_t claimed, uint64_t allowed) {
    p->judged |= (uint16_t)(1U << f);
    if (claimed <= allowed)
        return;
    p->flags |= (uint16_t)(1U << f);
    uint64_t percent = (claimed - allowed) / (allowed / 100 + 1) + 1;
    if (percent > PLAUSIBILITY_OVER_MAX)
        percent = PLAUSIBILITY_OVER_MAX;
    if (percent > p->over[f])
        p->over[f] = (uint16_t)percent;
}

static uint64_t apart(uint64_t a, uint64_t b) {
    return a > b ? a - b : b - a;
}

struct track_point motion_point(const struct plausibility_sample *s) {
    struct track_point p = {.time_us = s->position_time_us,
        .lat = s->lat,
        .lon = s->lon,
        .radius_cm = s->radius_cm,
        .speed = s->speed,
        .heading = s->heading,
        .speed_error = s->speed_confidence,
        .heading_error = s->heading_confidence,
        .forward = s->forward};
    if (s->radius_cm == STATION_AXIS_UNAVAILABLE)
        p.radius_cm = RADIUS_ASSUMED_CM;
    else if (s->radius_cm >= STATION_AXIS_UNAVAILABLE - 1)
        p.radius_cm = RADIUS_MOST_CM;
    if (s->speed_confidence >= STATION_CONFIDENCE_UNAVAILABLE - 1)
        p.speed_error = SPEED_ERROR_ASSUMED;
    if (s->heading_confidence >= STATION_CONFIDENCE_UNAVAILABLE - 1)
        p.heading_error = HEADING_ERROR_ASSUMED;
    return p;
}

static bool has_speed(const struct track_point *p) {
    return p->speed < STATION_SPEED_UNAVAILABLE;
}

static bool has_heading(const struct track_point *p) {
    return p->heading < STATION_HEADING_UNAVAILABLE;
}

/* Speed times time, in cm. */
static uint64_t way(uint64_t speed, uint64_t us) {
    return speed * us / SECOND;
}

static uint64_t most_speed(uint8_t station_type) {
    switch (station_type) { /* TS 102 894-2, StationType */
    case 1: /* pedestrian */
        return 1500;
    case 2: /* cyclist */
        return 3000;
    case 3: /* moped */
    case 11: /* tram */
        return 4000;
    case 6: /* bus */
    case 7: /* light truck */
    case 8: /* heavy truck */
        return 6500;
    case 15: /* roadside unit */
        return 300;
    default:
        return ANYTHING_SPEED;
    }
}

static void judge_places(
    const struct track_point *a, const struct track_point *b, struct plausibility *p) {
    uint64_t dt = apart(a->time_us, b->time_us);
    uint64_t d = offset_length(place_offset(a->lat, a->lon, b->lat, b->lon));
    uint64_t radii = (uint64_t)a->radius_cm + b->radius_cm;
    plausibility_hold(
        p, IMPLAUSIBLE_TWO_PLACES, d, way(ANYTHING_SPEED, dt) + radii + ANYTHING_SLACK_CM);
    if (dt > NEAR_US || (!has_speed(a) && !has_speed(b)))
        return;
    uint64_t speed = 0;
    const struct track_point *const both[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        uint64_t v = (uint64_t)both[i]->speed + both[i]->speed_error;
        if (has_speed(both[i]) && v > speed)
            speed = v;
    }
    /* At both ends the speed is known, between them it may be higher; where it is known at one end only, it may have
     * grown all the way. */
    uint64_t gain = way(GRIP, dt) / (has_speed(a) && has_speed(b) ? 2 : 1);
    plausibility_hold(p, IMPLAUSIBLE_JUMP, d,
        way(speed + gain, dt) + way(speed, MOVE_SLACK_US) + radii + MOVE_SLACK_CM);
}

static void judge_step(
    const struct track_point *a, const struct track_point *b, struct plausibility *p) {
    uint64_t dt = apart(a->time_us, b->time_us);
    if (dt > STEP_US || !has_speed(a) || !has_speed(b))
        return;
    plausibility_hold(p, IMPLAUSIBLE_ACCELERATION, apart(a->speed, b->speed),
        way(GRIP, dt) + a->speed_error + b->speed_error + ACCELERATION_SLACK);
    uint64_t slower = a->speed < b->speed ? a->speed : b->speed;
    if (!has_heading(a) || !has_heading(b) || slower < TURN_SPEED)
        return;
    uint64_t turn = apart(a->heading % 3600, b->heading % 3600);
    if (turn > 1800)
        turn = 3600 - turn;
    plausibility_hold(p, IMPLAUSIBLE_TURN, turn,
        way(GRIP * HEADING_PER_RADIAN / slower, dt + MOVE_SLACK_US) + a->heading_error +
            b->heading_error + TURN_SLACK);
}

/* Over some seconds, since over a tenth of one every movement drowns in the error of the position. */
static void judge_journey(
    const struct motion *m, const struct track_point *b, struct plausibility *p) {
    const struct track_point *a = &m->anchor;
    if (b->time_us < a->time_us + ANCHOR_LEAST_US || b->time_us > a->time_us + 2 * ANCHOR_US)
        return;
    struct offset_cm o = place_offset(a->lat, a->lon, b->lat, b->lon);
    uint64_t d = offset_length(o);
    uint64_t radii = (uint64_t)a->radius_cm + b->radius_cm;
    /* Half of the path: the chord of a half circle and more is still two thirds of its arc. */
    uint64_t errors = radii + FROZEN_SLACK_CM;
    if (m->path_cm / 2 > errors)
        plausibility_hold(p, IMPLAUSIBLE_FROZEN, m->path_cm / 2 - errors, d);
    if (!a->forward || !b->forward || !has_heading(a) || !has_heading(b) || a->speed < TURN_SPEED ||
        b->speed < TURN_SPEED || d < BACKWARDS_CM + radii)
        return;
    int64_t first = offset_along(o, a->heading);
    int64_t then = offset_along(o, b->heading);
    int64_t most = first > then ? first : then;
    plausibility_hold(p, IMPLAUSIBLE_BACKWARDS, most < 0 ? (uint64_t)-most : 0, d / 2);
}

void motion_judge(
    struct motion *m, const struct plausibility_sample *s, struct plausibility *ret_plausibility) {
    struct track_point b = motion_point(s);
    struct track_point *last = &m->last;
    if (has_speed(&b))
        plausibility_hold(
            ret_plausibility, IMPLAUSIBLE_SPEED, b.speed, most_speed(s->station_type));
    uint64_t dt = apart(last->time_us, b.time_us);
    if (last->time_us != 0 && dt <= LATEST_US) {
        judge_places(last, &b, ret_plausibility);
        judge_step(last, &b, ret_plausibility);
    }
    if (b.time_us <= last->time_us)
        return;
    /* A mere place says less than what is known, as long as that is of now. */
    if (last->time_us != 0 && dt <= NEAR_US && has_speed(last) && !has_speed(&b))
        return;
    bool driven = last->time_us != 0 && dt <= STEP_US && has_speed(last) && has_speed(&b);
    if (driven) {
        m->path_cm += way(((uint64_t)last->speed + b.speed) / 2, dt);
        judge_journey(m, &b, ret_plausibility);
    }
    if (!driven || b.time_us - m->anchor.time_us > ANCHOR_US) {
        m->anchor = b;
        m->path_cm = 0;
    }
    *last = b;
}
