/* A new thing as an element of the map. Observations carry one point: what has a shape gets the least that its
 * kind can have, around that point, and says so in the attribute "shape". */
#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/model/ints.h"

#include "base/assert.h"

enum {
    HALF_LANE_MM = 1750,
    HALF_WALK_MM = 1500, /* half of what a walker has along the road */
};

/* The point so far ahead and to the left of the middle, along the heading. */
static void add_corner(struct element *e, const struct spot *at, int64_t ahead, int64_t left) {
    int32_t ux = 0;
    int32_t uy = 0;
    heading_vector(at->heading, &ux, &uy);
    const int64_t half = INT64_C(1) << 29;
    int64_t dx = floor_div(ahead * ux - left * uy + half, INT64_C(1) << 30);
    int64_t dy = floor_div(ahead * uy + left * ux + half, INT64_C(1) << 30);
    bool ok = element_add_point(
        e, (struct map_point){(int32_t)(at->place.x + dx), (int32_t)(at->place.y + dy), 0});
    WS_ASSERT(ok);
}

bool newcomer_possible(enum element_kind k) {
    switch (k) {
    case EL_SIGN:
    case EL_LIGHT:
    case EL_HAZARD:
    case EL_STOP_LINE:
    case EL_CROSSWALK:
        return true;
    case EL_LANE:
    case EL_BOUNDARY:
    case EL_SPEED_LIMIT:
    case EL_AREA:
        break;
    }
    return false;
}

struct element newcomer_element(
    const struct subject *s, const struct hypothesis *y, const uint8_t id[static 16]) {
    struct element e = {.kind = s->kind,
        .has_value = y->has_value,
        .value = y->value,
        .has_heading = kind_faces(s->kind),
        .heading = kind_faces(s->kind) ? s->spot.heading : 0,
        .valid_to_ms = INT64_MAX};
    memcpy(e.id, id, sizeof(e.id));
    if (s->kind == EL_STOP_LINE) {
        add_corner(&e, &s->spot, 0, HALF_LANE_MM);
        add_corner(&e, &s->spot, 0, -HALF_LANE_MM);
    } else if (s->kind == EL_CROSSWALK) {
        add_corner(&e, &s->spot, -HALF_WALK_MM, HALF_LANE_MM);
        add_corner(&e, &s->spot, -HALF_WALK_MM, -HALF_LANE_MM);
        add_corner(&e, &s->spot, HALF_WALK_MM, -HALF_LANE_MM);
        add_corner(&e, &s->spot, HALF_WALK_MM, HALF_LANE_MM);
    } else {
        add_corner(&e, &s->spot, 0, 0);
    }
    if (e.n_points > 1)
        (void)element_set_attr(&e, "shape", "assumed");
    return e;
}
