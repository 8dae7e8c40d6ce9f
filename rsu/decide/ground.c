#include "rsu/decide/ground.h"

#include "base/mem.h"
#include "mapsvc/fuse/associate.h"
#include "mapsvc/model/ints.h"

#include <stdlib.h>

enum {
    LANE_GATE_MM =
        6000, /* as in the map's contract: somebody this near a lane's centre line drives on it */
    TOGETHER_MM = 1500, /* and this little further away may be the one he is on */
    LANES_MAX = 64, /* that are looked at */
};

struct ground {
    struct element *elements;
    size_t n, left_out;
    struct grid grid;
};

static bool in_reach(const struct element *e, int32_t x, int32_t y, int32_t reach_mm) {
    for (size_t i = 0; i < e->n_points; i++)
        if (llabs((int64_t)e->points[i].x - x) <= reach_mm &&
            llabs((int64_t)e->points[i].y - y) <= reach_mm)
            return true;
    return false;
}

static bool is_wanted(const struct element *e, int32_t own_value) {
    if (e->kind == EL_SPEED_LIMIT)
        return e->has_value && e->n_points >= 2;
    if (e->kind == EL_HAZARD)
        return e->n_points >= 1 && (!e->has_value || e->value != own_value);
    return e->kind == EL_LANE && e->n_points >= 2;
}

struct ground *ground_of(
    const struct mapset *map, int32_t x, int32_t y, int32_t reach_mm, int32_t own_value) {
    struct ground *g = ws_alloc(sizeof(*g));
    size_t cap = 0;
    *g = (struct ground){0};
    for (size_t i = 0; i < map->n; i++) {
        const struct element *e = &map->elements[i];
        if (!is_wanted(e, own_value) || !in_reach(e, x, y, reach_mm))
            continue;
        if (g->n == GROUND_ELEMENTS_MAX) {
            g->left_out++;
            continue;
        }
        if (g->n == cap) {
            cap = cap == 0 ? 64 : 2 * cap;
            g->elements = ws_realloc(g->elements, cap * sizeof(*g->elements));
        }
        g->elements[g->n] = element_copy(e);
        grid_add_element(&g->grid, &g->elements[g->n], (uint32_t)g->n);
        g->n++;
    }
    grid_build(&g->grid);
    return g;
}

void ground_free(struct ground *g) {
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->n; i++)
        element_free(&g->elements[i]);
    free(g->elements);
    grid_free(&g->grid);
    free(g);
}

size_t ground_left_out(const struct ground *g) {
    return g->left_out;
}

static int32_t thousandths(const struct element *e) {
    const char *unit = element_attr(e, "unit");
    int64_t v = e->value < 0 ? 0 : e->value > 1000 ? 1000 : e->value;
    if (unit != NULL && strcmp(unit, "mph") == 0)
        return (int32_t)(v * 1609344 / 1000);
    return (int32_t)(v * (unit != NULL && strcmp(unit, "m/s") == 0 ? 3600 : 1000));
}

/* Which way the line runs at one of its segments. */
static bool runs(const struct element *e, size_t segment, uint16_t heading) {
    const struct map_point *p = &e->points[segment + 1 < e->n_points ? segment : e->n_points - 2];
    return heading_gap(heading_of((int64_t)p[1].x - p[0].x, (int64_t)p[1].y - p[0].y), heading) <=
           HEADING_45;
}

bool ground_limit(
    const struct ground *g, int32_t x, int32_t y, uint16_t heading, int32_t *ret_limit) {
    uint64_t nearest = (uint64_t)LANE_GATE_MM * LANE_GATE_MM + 1;
    uint64_t d[LANES_MAX];
    int32_t limit[LANES_MAX];
    uint32_t seen[LANES_MAX];
    size_t n = 0;
    size_t n_seen = 0;
    struct grid_look near = grid_near(&g->grid, x, y);
    for (const struct grid_entry *at = NULL; n_seen < LANES_MAX && grid_next(&near, &at);) {
        const struct element *e = &g->elements[at->ref];
        size_t segment = 0;
        bool again = false; /* a line comes up once for each bucket that it passes */
        for (size_t i = 0; i < n_seen; i++)
            again = again || seen[i] == at->ref;
        if (again || e->kind != EL_SPEED_LIMIT)
            continue;
        seen[n_seen++] = at->ref;
        d[n] = distance2_line(e->points, e->n_points, x, y, &segment);
        if (d[n] > (uint64_t)LANE_GATE_MM * LANE_GATE_MM || !runs(e, segment, heading))
            continue;
        limit[n] = thousandths(e);
        nearest = d[n] < nearest ? d[n] : nearest;
        n++;
    }
    /* Lanes that part at a crossing lie on each other: who is on one of them is taken to be on the faster one. */
    bool found = false;
    for (size_t i = 0; i < n; i++)
        if (d[i] <= nearest + (uint64_t)TOGETHER_MM * TOGETHER_MM &&
            (!found || limit[i] > *ret_limit)) {
            found = true;
            *ret_limit = limit[i];
        }
    return found;
}

size_t ground_hazards(const struct ground *g, int32_t x, int32_t y, int32_t reach_mm) {
    size_t n = 0;
    struct grid_look near = grid_around(&g->grid, x, y, reach_mm);
    for (const struct grid_entry *at = NULL; grid_next(&near, &at);)
        n += g->elements[at->ref].kind == EL_HAZARD &&
             distance2(at->x, at->y, x, y) <= (uint64_t)reach_mm * (uint64_t)reach_mm;
    return n;
}

/* The point of the segment that is nearest to (x, y). */
static void foot(const struct map_point *p, int32_t x, int32_t y, int32_t *ret_x, int32_t *ret_y) {
    int64_t dx = (int64_t)p[1].x - p[0].x;
    int64_t dy = (int64_t)p[1].y - p[0].y;
    __int128 along = (__int128)dx * ((int64_t)x - p[0].x) + (__int128)dy * ((int64_t)y - p[0].y);
    __int128 length2 = (__int128)dx * dx + (__int128)dy * dy;
    along = along < 0 ? 0 : along > length2 ? length2 : along;
    *ret_x = (int32_t)(p[0].x + (length2 == 0 ? 0 : (int64_t)(dx * along / length2)));
    *ret_y = (int32_t)(p[0].y + (length2 == 0 ? 0 : (int64_t)(dy * along / length2)));
}

void ground_on_lane(const struct ground *g, int32_t x, int32_t y, uint16_t heading,
    int32_t reach_mm, int32_t *ret_x, int32_t *ret_y) {
    uint64_t best = (uint64_t)reach_mm * (uint64_t)reach_mm + 1;
    *ret_x = x;
    *ret_y = y;
    /* A line is in every bucket it passes, at the point where it does so. */
    struct grid_look near = grid_around(&g->grid, x, y, reach_mm + GRID_REACH_MM);
    for (const struct grid_entry *at = NULL; grid_next(&near, &at);) {
        const struct element *e = &g->elements[at->ref];
        size_t segment = 0;
        if (e->kind == EL_HAZARD)
            continue;
        uint64_t d = distance2_line(e->points, e->n_points, x, y, &segment);
        if (d >= best || !runs(e, segment, heading))
            continue;
        best = d;
        segment = segment + 1 < e->n_points ? segment : e->n_points - 2;
        foot(&e->points[segment], x, y, ret_x, ret_y);
    }
}
