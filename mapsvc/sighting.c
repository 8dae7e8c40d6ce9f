#include "mapsvc/sighting.h"

#include "mapsvc/associate.h"

enum { NEAR_MM = 4000, VIEW_PERCENT = 80 };

const char *map_saying_name(enum map_saying s) {
    static const char *const names[] = {
#define X(id, text) text,
        MAP_SAYINGS(X)
#undef X
    };
    return s < ARRAY_LEN(names) ? names[s] : "unknown";
}

static bool faces(const struct map_thing *t, uint16_t heading) {
    return !t->has_heading || heading_gap(t->heading, heading) <= HEADING_45;
}

static bool is_near(const struct map_thing *t, int32_t x, int32_t y) {
    const uint64_t reach = (uint64_t)NEAR_MM * NEAR_MM;
    size_t segment = 0;
    if (t->element != NULL && t->element->n_points > 1)
        return distance2_line(t->element->points, t->element->n_points, x, y, &segment) <= reach;
    return distance2(t->x, t->y, x, y) <= reach;
}

static bool is_about(const struct cell_frame *f, const struct observation *o,
    const struct obs_report *r, const struct map_thing *t) {
    int32_t x = 0;
    int32_t y = 0;
    if (r->has_element)
        return t->element != NULL && memcmp(r->element_id, t->element->id, 16) == 0;
    return r->element_kind == t->kind && r->has_position &&
           frame_from_wgs(f, r->lat, r->lon, &x, &y) && is_near(t, x, y) &&
           faces(t, r->has_heading ? r->heading : o->heading);
}

static enum map_saying saying_of(const struct obs_report *r, const struct map_thing *t) {
    switch (r->kind) {
    case REPORT_NOT_DETECTED:
        return MAP_SAYS_GONE;
    case REPORT_COVERED:
        return MAP_SAYS_COVERED;
    case REPORT_MISMATCH:
        return MAP_SAYS_VALUE;
    case REPORT_DETECTED:
        break;
    }
    if (t->element == NULL)
        return MAP_SAYS_NEW;
    return r->has_value && t->element->has_value && r->value != t->element->value
               ? MAP_SAYS_VALUE
               : MAP_SAYS_UNCHANGED;
}

/* In the inner part of the sector, on the side from which it is read. */
static bool in_view(
    const struct cell_frame *f, const struct observation *o, const struct map_thing *t) {
    int32_t x = 0;
    int32_t y = 0;
    if (o->occluded || !frame_from_wgs(f, o->lat, o->lon, &x, &y) || !faces(t, o->heading))
        return false;
    uint64_t range = (uint64_t)o->range_mm * VIEW_PERCENT / 100;
    if (distance2(x, y, t->x, t->y) > range * range)
        return false;
    uint16_t bearing = heading_of((int64_t)t->x - x, (int64_t)t->y - y);
    return heading_gap(bearing, o->heading) <= (uint32_t)o->half_angle * VIEW_PERCENT / 100;
}

enum map_saying map_saying_of(const struct cell_frame *f, const struct observation *o,
    const struct map_thing *t, bool *ret_has_value, int32_t *ret_value) {
    *ret_has_value = false;
    *ret_value = 0;
    for (size_t i = 0; i < o->n_reports; i++) {
        const struct obs_report *r = &o->reports[i];
        if (!is_about(f, o, r, t))
            continue;
        *ret_has_value = r->has_value;
        *ret_value = r->has_value ? r->value : 0;
        return saying_of(r, t);
    }
    return in_view(f, o, t) ? MAP_SAYS_SILENT : MAP_SAYS_NOTHING;
}
