#include "mapsvc/spot.h"

static void follow(struct spot *s) {
    s->place = fusion_position(s->points, s->n);
    int64_t sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += s->turns[i];
    s->heading = (uint16_t)(s->heading0 + fusion_floor_div(sum, (int64_t)s->n));
}

void spot_open(struct spot *s, struct fusion_point at, uint16_t heading) {
    s->n = 0;
    s->place = at;
    s->heading0 = s->heading = heading;
}

void spot_add(struct spot *s, struct fusion_point p, uint16_t heading) {
    if (s->n == FUSION_MAX_POINTS)
        return;
    s->points[s->n] = p;
    s->turns[s->n] = (int16_t)(uint16_t)(heading - s->heading0);
    s->n++;
    follow(s);
}

bool spot_is_settled(const struct spot *s, int64_t sigma_mm) {
    return s->n == FUSION_MAX_POINTS || (s->n > 0 && s->place.sigma_mm <= sigma_mm);
}

void spot_put(struct buf *b, const struct spot *s) {
    buf_u16(b, s->heading0);
    buf_u8(b, (uint8_t)s->n);
    for (size_t i = 0; i < s->n; i++) {
        buf_i32(b, s->points[i].x);
        buf_i32(b, s->points[i].y);
        buf_u32(b, s->points[i].sigma_mm);
        buf_u16(b, (uint16_t)s->turns[i]);
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
