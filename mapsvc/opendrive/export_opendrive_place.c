/* From a point of the map back to s and t of a road. */
#include "mapsvc/model/ieee.h"
#include "mapsvc/opendrive/export_opendrive_edit.h"

#define ROAD_REACH 30.0 /* metres from a road's edge to what belongs to it */

static double size(double v) {
    return v < 0.0 ? -v : v;
}

/* Where on the projection's plane a place on the globe lies: Newton's steps with slopes over a kilometre. */
static bool projected(const struct xe *x, int64_t lat, int64_t lon, double *ret_x, double *ret_y) {
    const struct tmerc *t = &x->b->projection;
    double px = *ret_x;
    double py = *ret_y;
    for (int i = 0; i < 20; i++) {
        int64_t v[3][2];
        const double step = 1000.0;
        if (!tmerc_inverse(t, px, py, &v[0][0], &v[0][1]) ||
            !tmerc_inverse(t, px + step, py, &v[1][0], &v[1][1]) ||
            !tmerc_inverse(t, px, py + step, &v[2][0], &v[2][1]))
            return false;
        double a = (double)(v[1][0] - v[0][0]) / step;
        double b = (double)(v[2][0] - v[0][0]) / step;
        double c = (double)(v[1][1] - v[0][1]) / step;
        double d = (double)(v[2][1] - v[0][1]) / step;
        double e = (double)(lat - v[0][0]);
        double f = (double)(lon - v[0][1]);
        double det = a * d - b * c;
        if (size(det) < 1.0)
            return false;
        double dx = (e * d - b * f) / det;
        double dy = (a * f - e * c) / det;
        px += dx;
        py += dy;
        if (size(dx) + size(dy) < 1e-5)
            break;
    }
    *ret_x = px;
    *ret_y = py;
    return true;
}

bool xe_plane(const struct xe *x, struct map_point p, double *ret_x, double *ret_y) {
    const struct od_map *m = x->m;
    double px = 0.0;
    double py = 0.0;
    double sine = 0.0;
    double cosine = 0.0;
    ieee_sincos(m->shift_hdg, &sine, &cosine);
    if (x->b->has_projection) {
        if (m->n_geometry > 0) {
            px = m->geometry[0].x * cosine - m->geometry[0].y * sine + m->shift_x;
            py = m->geometry[0].x * sine + m->geometry[0].y * cosine + m->shift_y;
        }
        int64_t lat = 0;
        int64_t lon = 0;
        frame_to_wgs10(&x->b->frame, p.x, p.y, &lat, &lon);
        if (!projected(x, lat, lon, &px, &py))
            return false;
    } else {
        int32_t lx = 0;
        int32_t ly = 0;
        if (!frame_convert(&x->b->frame, &x->b->own, p.x, p.y, &lx, &ly))
            return false;
        px = lx / 1000.0;
        py = ly / 1000.0;
    }
    px -= m->shift_x;
    py -= m->shift_y;
    *ret_x = px * cosine + py * sine;
    *ret_y = py * cosine - px * sine;
    return true;
}

double xe_foot(const struct xe *x, const struct od_road *road, double px, double py, double *ret_s,
    double *ret_t) {
    enum { SAMPLES_MAX = 1024, STEPS = 80 };
    int64_t n = 0;
    (void)ieee_round(road->length / 2.0, &n);
    n = n < 4 ? 4 : n > SAMPLES_MAX ? SAMPLES_MAX : n;
    double s = 0.0;
    double best = 0.0;
    for (int64_t i = 0; i <= n; i++) {
        double at = road->length * (double)i / (double)n;
        struct od_pose p = od_road_at(x->m, road, at);
        double d = (px - p.x) * (px - p.x) + (py - p.y) * (py - p.y);
        if (i == 0 || d < best) {
            best = d;
            s = at;
        }
    }
    double along = 0.0;
    double across = 0.0;
    for (int i = 0; i < STEPS; i++) {
        struct od_pose p = od_road_at(x->m, road, s);
        double sine = 0.0;
        double cosine = 0.0;
        ieee_sincos(p.hdg, &sine, &cosine);
        along = (px - p.x) * cosine + (py - p.y) * sine;
        across = (py - p.y) * cosine - (px - p.x) * sine;
        double next = s + along;
        next = next < 0.0 ? 0.0 : next > road->length ? road->length : next;
        if (size(next - s) < 1e-9)
            break;
        s = next;
    }
    *ret_s = s;
    *ret_t = across;
    return size(along);
}

static uint16_t heading_at(
    const struct xe *x, struct map_point p, struct od_pose at, double direction) {
    double sine = 0.0;
    double cosine = 0.0;
    struct map_point q;
    ieee_sincos(direction, &sine, &cosine);
    if (!od_place(x->b, at.x + 1000.0 * cosine, at.y + 1000.0 * sine, 0.0, &q))
        return 0;
    return ieee_heading((double)q.x - p.x, (double)q.y - p.y);
}

static int turn_between(uint16_t from, uint16_t to) {
    return (int16_t)(uint16_t)(to - from);
}

/* The smaller turn from along or against the road; none where it is the road's own direction. */
static void turn_to(const struct xe *x, const struct element *e, struct map_point p,
    struct od_pose at, char keep, struct xe_stand *ret) {
    const double unit = 2.0 * IEEE_PI / 65536.0;
    ret->orientation = 'n';
    ret->turn = 0.0;
    if (!e->has_heading)
        return;
    int d = turn_between(heading_at(x, p, at, at.hdg), e->heading);
    bool along = keep == '+' || (keep != '-' && d <= 16384 && d >= -16384);
    ret->orientation = along ? '+' : '-';
    double base = at.hdg + (along ? 0.0 : IEEE_PI);
    for (int i = 0; i < 4; i++) {
        d = turn_between(heading_at(x, p, at, base + ret->turn), e->heading);
        if (d == 0)
            break;
        ret->turn += d * unit;
    }
}

bool xe_stand(const struct xe *x, const struct od_road *road, const struct element *e,
    double want_s, char keep, struct xe_stand *ret) {
    double px = 0.0;
    double py = 0.0;
    struct map_point want = e->points[0];
    if (!xe_plane(x, want, &px, &py))
        return false;
    for (int i = 0; i < 6; i++) {
        if (xe_foot(x, road, px, py, &ret->s, &ret->t) > 0.1)
            return false;
        if (want_s >= 0.0 && size(ret->s - want_s) < 0.001)
            ret->s = want_s;
        ret->z = want.z / 1000.0 - od_poly_at(&x->m->elevation, road->elevation, ret->s);
        struct map_point p;
        struct od_pose at;
        if (!od_place_at(x->b, road, ret->s, ret->t, ret->z, &p, &at))
            return false;
        turn_to(x, e, p, at, keep, ret);
        if (p.x == want.x && p.y == want.y)
            break;
        /* the place was at a rounding's edge: towards the middle of the millimetre, through the plane's turn */
        struct map_point to = {want.x + (want.x - p.x), want.y + (want.y - p.y), want.z};
        double qx = 0.0;
        double qy = 0.0;
        double ox = 0.0;
        double oy = 0.0;
        if (!xe_plane(x, to, &qx, &qy) || !xe_plane(x, want, &ox, &oy))
            break;
        px += (qx - ox) * 0.3;
        py += (qy - oy) * 0.3;
    }
    return true;
}

/* Metres from the road's lanes, worse for connecting roads and for things that face across. */
static double belonging(const struct xe *x, const struct od_road *road, double px, double py,
    const struct element *e, double slack) {
    double s = 0.0;
    double t = 0.0;
    double beyond = xe_foot(x, road, px, py, &s, &t);
    double out = beyond;
    double lo = 0.0;
    double hi = 0.0;
    for (int side = -1; side <= 1; side += 2) {
        const struct od_section *sec = od_section_at(x->m, road, side, s);
        if (sec == NULL || sec->lanes.n == 0)
            continue;
        const struct od_lane *lanes = x->m->lanes + sec->lanes.first;
        int id = side < 0 ? lanes[0].id : lanes[sec->lanes.n - 1].id;
        double edge = id * side > 0 ? od_edge_at(x->b, road, id, s) : 0.0;
        lo = side < 0 ? edge : lo;
        hi = side > 0 ? edge : hi;
    }
    out += t > hi ? t - hi : t < lo ? lo - t : 0.0;
    if (beyond > slack || out > ROAD_REACH)
        return ROAD_REACH * 2.0;
    if (e->has_heading) {
        struct od_pose p = od_road_at(x->m, road, s);
        uint16_t own = heading_at(x, e->points[0], (struct od_pose){px, py, p.hdg}, p.hdg);
        int d = turn_between(own, e->heading);
        d = d < 0 ? -d : d;
        d = d > 16384 ? 32768 - d : d;
        out += d > 65536 / 6 ? 5.0 : 0.0;
    }
    return out + (road->in_junction ? 3.0 : 0.0);
}

const struct od_road *xe_road_for(const struct xe *x, const struct element *e, double slack) {
    double px = 0.0;
    double py = 0.0;
    if (!xe_plane(x, e->points[0], &px, &py))
        return NULL;
    const struct od_road *best = NULL;
    double least = ROAD_REACH + 10.0;
    for (size_t i = 0; i < x->m->n_roads; i++) {
        const struct od_road *road = &x->m->roads[i];
        if (road->broken != NULL || road->sections.n == 0)
            continue;
        struct od_pose start = od_road_at(x->m, road, 0.0);
        if (size(px - start.x) > road->length + 2.0 * ROAD_REACH ||
            size(py - start.y) > road->length + 2.0 * ROAD_REACH)
            continue;
        double d = belonging(x, road, px, py, e, slack);
        if (d < least) {
            least = d;
            best = road;
        }
    }
    return best;
}
