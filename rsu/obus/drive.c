/* Trips along the lanes of the map, spread so that every lane is driven about equally often. */
#include "rsu/obus/obusim.h"

enum {
    RUN_UP_MM =
        60000, /* a trip begins this much before the lane it is for, so that its signs are seen coming */
    TRIP_MIN_MM = 500000,
    TRIP_MAX_MM = 1500000,
    AWAY_SPEED_MM_S = 40000, /* how fast it gets to where the next trip begins */
    AWAY_MIN_US = 2000000,
};

void sim_drive_start(struct sim_vehicle *v, struct ws_random *rnd) {
    v->on_road = false;
    v->lane = SIM_NONE;
    v->wanted = v->booked = SIM_NONE;
    /* Not all in the first second, so that no radio hears a hundred tickets at once. */
    v->away_until_us = ws_random_below(rnd, 5000000);
}

static void enter(struct sim_vehicle *v, struct sim_roads *r, size_t lane, int64_t along) {
    v->lane = lane;
    v->along = along;
    if (lane == v->booked)
        v->booked = SIM_NONE; /* counted when it was picked */
    else
        r->lanes[lane].passes++;
}

static void begin_trip(struct sim_vehicle *v, struct sim_roads *r, struct ws_random *rnd) {
    size_t lane = v->wanted;
    v->wanted = SIM_NONE;
    const struct sim_lane *l = &r->lanes[lane];
    v->trip_left = TRIP_MIN_MM + (int64_t)ws_random_below(rnd, TRIP_MAX_MM - TRIP_MIN_MM);
    v->pace_permille = (uint32_t)(900 + ws_random_below(rnd, 150));
    size_t first = SIM_NONE;
    if (l->n_before > 0)
        first = l->before[ws_random_below(rnd, l->n_before)];
    if (first == SIM_NONE || (r->lanes[first].new && !l->new)) {
        enter(v, r, lane, 0);
    } else {
        int64_t length = r->lanes[first].length;
        v->wanted = lane;
        enter(v, r, first, length > RUN_UP_MM ? length - RUN_UP_MM : 0);
    }
    v->on_road = true;
}

/* Where the next trip begins, and how long it takes to get there. */
static void end_trip(struct sim_vehicle *v, struct sim_roads *r, uint64_t now_us, bool changed) {
    v->wanted = v->booked = sim_roads_pick(r, changed, v->pose.x, v->pose.y);
    const struct map_point *to = &r->lanes[v->wanted].p[0];
    int64_t dx = (int64_t)to->x - v->pose.x;
    int64_t dy = (int64_t)to->y - v->pose.y;
    uint64_t far = (uint64_t)((dx < 0 ? -dx : dx) + (dy < 0 ? -dy : dy));
    v->away_until_us = now_us + AWAY_MIN_US + far * 1000000 / AWAY_SPEED_MM_S;
    v->on_road = false;
    v->lane = SIM_NONE;
}

static size_t choose(
    struct sim_vehicle *v, const struct sim_roads *r, bool changed, struct ws_random *rnd) {
    const struct sim_lane *l = &r->lanes[v->lane];
    size_t wanted = v->wanted;
    size_t open[16];
    size_t n = 0;
    v->wanted = SIM_NONE;
    for (size_t i = 0; i < l->n_next; i++) {
        if (l->next[i] == wanted)
            return wanted;
        if (n < ARRAY_LEN(open) && (changed || !r->lanes[l->next[i]].new))
            open[n++] = l->next[i];
    }
    if (n == 0)
        return SIM_NONE;
    size_t best = open[ws_random_below(rnd, n)];
    if (ws_random_below(rnd, 4) == 0)
        return best;
    for (size_t i = 0; i < n; i++)
        if (r->lanes[open[i]].passes < r->lanes[best].passes)
            best = open[i];
    return best;
}

/* Time is better spent where fewer have been. */
static bool worn(const struct sim_roads *r, size_t lane, bool changed) {
    uint64_t least = r->lanes[lane].passes;
    for (size_t i = 0; i < r->n; i++)
        if ((changed || !r->lanes[i].new) && r->lanes[i].passes < least)
            least = r->lanes[i].passes;
    return r->lanes[lane].passes > 2 * least + 2;
}

static int64_t step_of(const struct sim_vehicle *v) {
    return (int64_t)v->speed_mm_s * SIM_TICK_US / 1000000;
}

void sim_drive(struct sim_vehicle *v, struct sim_roads *r, uint64_t now_us, bool changed,
    struct ws_random *rnd) {
    if (!v->on_road) {
        if (now_us < v->away_until_us)
            return;
        if (v->wanted == SIM_NONE) {
            const struct map_point *near = &r->lanes[ws_random_below(rnd, r->n)].p[0];
            v->wanted = v->booked = sim_roads_pick(r, changed, near->x, near->y);
        }
        begin_trip(v, r, rnd);
    } else {
        int64_t step = step_of(v);
        v->along += step;
        v->trip_left -= step;
        /* Lanes shorter than a step are passed within it. */
        while (v->along >= r->lanes[v->lane].length) {
            int64_t over = v->along - r->lanes[v->lane].length;
            size_t next = v->trip_left <= 0 ? SIM_NONE : choose(v, r, changed, rnd);
            if (next == SIM_NONE || (next != v->booked && worn(r, next, changed))) {
                end_trip(v, r, now_us, changed);
                return;
            }
            enter(v, r, next, over);
        }
    }
    const struct sim_lane *l = &r->lanes[v->lane];
    uint32_t jitter = (uint32_t)ws_random_below(rnd, 21);
    v->speed_mm_s = (uint32_t)((uint64_t)l->speed_mm_s * (v->pace_permille - 10 + jitter) / 1000);
    v->pose = sim_lane_pose(l, v->along);
    v->lane_ends = v->along + step_of(v) >= l->length;
}
