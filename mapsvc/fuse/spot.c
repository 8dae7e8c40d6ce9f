#include "mapsvc/fuse/spot.h"
#include "mapsvc/model/ints.h"

#include <stdlib.h>

static int by_turn(const void *a, const void *b) {
    int x = *(const int16_t *)a;
    int y = *(const int16_t *)b;
    return (x > y) - (x < y);
}

static void follow(struct spot *s) {
    s->place = fusion_position(s->points, s->n);
    int16_t turns[FUSION_MAX_POINTS];
    memcpy(turns, s->turns, s->n * sizeof(turns[0]));
    qsort(turns, s->n, sizeof(turns[0]), by_turn);
    size_t cut = s->n / 4;
    int64_t sum = 0;
    for (size_t i = cut; i < s->n - cut; i++)
        sum += turns[i];
    s->heading = (uint16_t)(s->heading0 + floor_div(sum, (int64_t)(s->n - 2 * cut)));
}

void spot_open(struct spot *s, struct fusion_point at, uint16_t heading) {
    s->n = 0;
    s->place = at;
    s->heading0 = s->heading = heading;
}

static size_t of_family(const struct spot *s, uint16_t family) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += s->families[i] == family ? 1 : 0;
    return n;
}

static bool make_room(struct spot *s, uint16_t family) {
    size_t most = 0;
    size_t at = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t n = of_family(s, s->families[i]);
        at = n > most ? i : at;
        most = n > most ? n : most;
    }
    if (most < of_family(s, family) + 2)
        return false;
    size_t after = s->n - at - 1;
    memmove(&s->points[at], &s->points[at + 1], after * sizeof(s->points[0]));
    memmove(&s->turns[at], &s->turns[at + 1], after * sizeof(s->turns[0]));
    memmove(&s->families[at], &s->families[at + 1], after * sizeof(s->families[0]));
    s->n--;
    return true;
}

void spot_add(struct spot *s, struct fusion_point p, uint16_t heading, uint16_t family) {
    if (s->n == FUSION_MAX_POINTS && !make_room(s, family))
        return;
    s->points[s->n] = p;
    s->turns[s->n] = (int16_t)(uint16_t)(heading - s->heading0);
    s->families[s->n] = family;
    s->n++;
    follow(s);
}

bool spot_is_settled(const struct spot *s, const struct spot_needs *needs) {
    int64_t families = 0;
    for (size_t i = 0; i < s->n; i++) {
        bool first = true;
        for (size_t k = 0; k < i && first; k++)
            first = s->families[k] != s->families[i];
        families += first ? 1 : 0;
    }
    return s->n > 0 && (s->n == FUSION_MAX_POINTS || s->place.sigma_mm <= needs->sigma_mm) &&
           (int64_t)s->n >= needs->sightings && families >= needs->families;
}

void spot_put(struct buf *b, const struct spot *s) {
    buf_u16(b, s->heading0);
    buf_u8(b, (uint8_t)s->n);
    for (size_t i = 0; i < s->n; i++) {
        buf_i32(b, s->points[i].x);
        buf_i32(b, s->points[i].y);
        buf_u32(b, s->points[i].sigma_mm);
        buf_u16(b, (uint16_t)s->turns[i]);
        buf_u16(b, s->families[i]);
    }
}

void spot_get(struct rd *r, struct spot *ret_spot) {
    struct spot s = {.heading0 = rd_u16(r)};
    size_t n = rd_u8(r);
    if (n > FUSION_MAX_POINTS)
        r->bad = true;
    for (size_t i = 0; i < n && !r->bad; i++) {
        s.points[i].x = rd_i32(r);
        s.points[i].y = rd_i32(r);
        s.points[i].sigma_mm = rd_u32(r);
        s.turns[i] = (int16_t)rd_u16(r);
        s.families[i] = rd_u16(r);
        if (s.points[i].sigma_mm < 1 || s.points[i].sigma_mm > 20000)
            r->bad = true;
    }
    if (r->bad)
        return;
    s.n = n;
    s.heading = s.heading0;
    if (n > 0)
        follow(&s);
    *ret_spot = s;
}
