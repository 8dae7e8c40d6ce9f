/* Validity regions (6.4.17 to 6.4.24): shape, points inside, regions inside regions. Validators of the cell
 * must agree on the answers, so everything is integer arithmetic. */
#include "v2x/cert.h"

#include "base/assert.h"
#include "v2x/cert_parts.h"

enum region_kind { REGION_CIRCLE, REGION_RECTANGLES, REGION_POLYGON, REGION_IDENTIFIED };

/* Degrees to the unit of positions, 0.1 microdegree. */
#define DEGREE 10000000LL

struct place {
    int64_t lat, lon;
};
struct circle {
    struct place centre;
    int64_t radius; /* 0.1 microdegree of latitude */
};
struct rectangle {
    struct place nw, se;
};

static void place_read(struct coer *c) {
    size_t at = coer_at(c);
    int32_t lat = (int32_t)coer_u32(c);
    int32_t lon = (int32_t)coer_u32(c);
    if (lat < -90 * DEGREE || lat > 90 * DEGREE + 1 || lon < -180 * DEGREE ||
        lon > 180 * DEGREE + 1)
        coer_set_fail_at(c, at, COER_VALUE);
}

static void identified_read(struct coer *c) {
    size_t at = coer_at(c);
    unsigned kind = coer_choice(c);
    (void)coer_u16(c); /* country */
    if (kind == 0)
        return;
    if (kind > 2) {
        coer_set_fail_at(c, at, COER_CHOICE);
        return;
    }
    size_t n = coer_count(c, CERT_MAX_REGION_PARTS);
    for (size_t i = 0; i < n && c->fail == COER_OK; i++) {
        (void)coer_u8(c);
        if (kind == 2)
            (void)coer_take(c, 2 * coer_count(c, CERT_MAX_REGION_PARTS));
    }
}

void region_read(struct coer *c, struct cert_region *ret_region) {
    size_t at = coer_at(c);
    unsigned kind = coer_choice(c);
    const uint8_t *from = c->p;
    if (kind == REGION_CIRCLE) {
        place_read(c);
        (void)coer_u16(c);
    } else if (kind <= REGION_IDENTIFIED) {
        size_t n = coer_count(c, CERT_MAX_REGION_PARTS);
        for (size_t i = 0; i < n && c->fail == COER_OK; i++) {
            if (kind == REGION_IDENTIFIED) {
                identified_read(c);
                continue;
            }
            place_read(c);
            if (kind == REGION_RECTANGLES)
                place_read(c);
        }
    } else {
        coer_set_fail_at(c, at, COER_CHOICE);
    }
    *ret_region = (struct cert_region){.present = c->fail == COER_OK,
        .kind = (uint8_t)kind,
        .octets = span_of(from, (size_t)(c->p - from))};
}

/* Reading again what region_read accepted. */
static struct place place_again(struct coer *c) {
    struct place p;
    p.lat = (int32_t)coer_u32(c);
    p.lon = (int32_t)coer_u32(c);
    WS_ASSERT(c->fail == COER_OK);
    return p;
}

static struct circle circle_again(struct coer *c) {
    struct circle k = {.centre = place_again(c)};
    /* On a sphere of 6371008.8 m a metre is 89.93203 units of latitude. */
    k.radius = (int64_t)coer_u16(c) * 8993203 / 100000;
    return k;
}

static struct rectangle rectangle_again(struct coer *c) {
    struct rectangle r;
    r.nw = place_again(c);
    r.se = place_again(c);
    return r;
}

/* cos of an angle in 0.1 microdegree, in units of 2^-30: Taylor series to x^12, error below 1e-8. */
static int64_t cosine(int64_t angle) {
    const int64_t one = 1LL << 30;
    int64_t x = (int64_t)((__int128)angle * 2012227627LL >> 30); /* radians * 2^30 */
    int64_t x2 = x * x >> 30;
    int64_t sum = one;
    for (int64_t k = 12; k >= 2; k -= 2)
        sum = one - (sum * x2 >> 30) / (k * (k - 1));
    return sum;
}

static int64_t lon_difference(int64_t a, int64_t b) {
    int64_t d = a - b;
    if (d > 180 * DEGREE)
        d -= 360 * DEGREE;
    if (d < -180 * DEGREE)
        d += 360 * DEGREE;
    return d;
}

static int64_t isqrt(__int128 v) {
    __int128 r = 0;
    for (int bit = 62; bit >= 0; bit--) {
        __int128 t = r | (__int128)1 << bit;
        if (t * t <= v)
            r = t;
    }
    return (int64_t)r;
}

/* Distance on a plane through the middle latitude, rounded up; radii are at most 65.5 km, where this is
 * good to a few metres outside the polar regions. */
static int64_t distance(struct place a, struct place b) {
    int64_t dy = a.lat - b.lat;
    int64_t dx =
        (int64_t)((__int128)lon_difference(a.lon, b.lon) * cosine((a.lat + b.lat) / 2) >> 30);
    __int128 square = (__int128)dx * dx + (__int128)dy * dy;
    int64_t root = isqrt(square);
    return (__int128)root * root == square ? root : root + 1;
}

static bool in_rectangle(const struct rectangle *r, struct place p) {
    if (p.lat > r->nw.lat || p.lat < r->se.lat)
        return false;
    if (r->nw.lon <= r->se.lon)
        return p.lon >= r->nw.lon && p.lon <= r->se.lon;
    return p.lon >= r->nw.lon || p.lon <= r->se.lon; /* across the antimeridian */
}

struct polygon {
    size_t n;
    struct place at[CERT_MAX_REGION_PARTS];
};

static void polygon_again(struct span octets, struct polygon *ret_polygon) {
    struct coer c = coer_of(octets);
    ret_polygon->n = coer_count(&c, CERT_MAX_REGION_PARTS);
    for (size_t i = 0; i < ret_polygon->n; i++)
        ret_polygon->at[i] = place_again(&c);
}

/* > 0 when a, b, c turn to the left. */
static int turn(struct place a, struct place b, struct place c) {
    __int128 v =
        (__int128)(b.lon - a.lon) * (c.lat - a.lat) - (__int128)(b.lat - a.lat) * (c.lon - a.lon);
    return (v > 0) - (v < 0);
}

static bool on_segment(struct place a, struct place b, struct place p) {
    return turn(a, b, p) == 0 && (p.lat >= a.lat || p.lat >= b.lat) &&
           (p.lat <= a.lat || p.lat <= b.lat) && (p.lon >= a.lon || p.lon >= b.lon) &&
           (p.lon <= a.lon || p.lon <= b.lon);
}

/* Even-odd rule; the border belongs to the polygon. */
static bool in_polygon(const struct polygon *g, struct place p) {
    bool inside = false;
    for (size_t i = 0; i < g->n; i++) {
        struct place a = g->at[i], b = g->at[(i + 1) % g->n];
        if (on_segment(a, b, p))
            return true;
        if ((a.lat > p.lat) != (b.lat > p.lat) && (turn(a, b, p) > 0) == (b.lat > a.lat))
            inside = !inside;
    }
    return g->n >= 3 && inside;
}

static bool crosses(struct place a, struct place b, struct place c, struct place d) {
    return turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0;
}

static bool region_contains(const struct cert_region *r, struct place p) {
    struct coer c = coer_of(r->octets);
    switch ((enum region_kind)r->kind) {
    case REGION_CIRCLE: {
        struct circle k = circle_again(&c);
        return distance(k.centre, p) <= k.radius;
    }
    case REGION_RECTANGLES: {
        size_t n = coer_count(&c, CERT_MAX_REGION_PARTS);
        for (size_t i = 0; i < n; i++) {
            struct rectangle rect = rectangle_again(&c);
            if (in_rectangle(&rect, p))
                return true;
        }
        return false;
    }
    case REGION_POLYGON: {
        struct polygon g;
        polygon_again(r->octets, &g);
        return in_polygon(&g, p);
    }
    case REGION_IDENTIFIED:
        return true;
    }
    return false;
}

bool cert_region_contains(const struct cert *c, int32_t lat, int32_t lon) {
    return !c->region.present || region_contains(&c->region, (struct place){lat, lon});
}

/* One convex or simple outline that stands for (a part of) a region. */
static void outline_of_rectangle(const struct rectangle *r, struct polygon *ret_outline) {
    ret_outline->n = 4;
    ret_outline->at[0] = r->nw;
    ret_outline->at[1] = (struct place){r->nw.lat, r->se.lon};
    ret_outline->at[2] = r->se;
    ret_outline->at[3] = (struct place){r->se.lat, r->nw.lon};
}

static void outline_of_circle(const struct circle *k, struct polygon *ret_outline) {
    /* Widest at the edge nearer to a pole; nearer than a degree to it no box is of use. */
    int64_t top = k->centre.lat < 0 ? k->centre.lat - k->radius : k->centre.lat + k->radius;
    int64_t scale = cosine(top);
    int64_t half = 360 * DEGREE;
    if (top > -89 * DEGREE && top < 89 * DEGREE)
        half = (k->radius << 30) / scale + 1;
    struct rectangle r = {.nw = {k->centre.lat + k->radius, k->centre.lon - half},
        .se = {k->centre.lat - k->radius, k->centre.lon + half}};
    outline_of_rectangle(&r, ret_outline);
}

static bool outline_in_polygon(const struct polygon *outline, const struct polygon *outer) {
    for (size_t i = 0; i < outline->n; i++) {
        if (!in_polygon(outer, outline->at[i]))
            return false;
    }
    /* With every corner inside, the outline leaves only by crossing an edge, or where a corner of the
     * outer polygon pokes into it. */
    for (size_t i = 0; i < outline->n; i++) {
        struct place a = outline->at[i], b = outline->at[(i + 1) % outline->n];
        for (size_t k = 0; k < outer->n; k++) {
            if (crosses(a, b, outer->at[k], outer->at[(k + 1) % outer->n]))
                return false;
        }
    }
    for (size_t k = 0; k < outer->n; k++) {
        bool on_edge = false;
        for (size_t i = 0; i < outline->n; i++)
            on_edge = on_edge ||
                      on_segment(outline->at[i], outline->at[(i + 1) % outline->n], outer->at[k]);
        if (!on_edge && in_polygon(outline, outer->at[k]))
            return false;
    }
    return true;
}

static bool outline_inside(const struct polygon *outline, const struct cert_region *outer) {
    struct coer c = coer_of(outer->octets);
    switch ((enum region_kind)outer->kind) {
    case REGION_CIRCLE: {
        struct circle k = circle_again(&c);
        for (size_t i = 0; i < outline->n; i++) {
            if (distance(k.centre, outline->at[i]) > k.radius)
                return false;
        }
        return outline->n > 0;
    }
    case REGION_RECTANGLES: {
        size_t n = coer_count(&c, CERT_MAX_REGION_PARTS);
        for (size_t i = 0; i < n; i++) {
            struct rectangle r = rectangle_again(&c);
            size_t inside = 0;
            while (inside < outline->n && in_rectangle(&r, outline->at[inside]))
                inside++;
            /* Across the antimeridian the corners do not tell which way round the outline goes. */
            if (inside == outline->n && inside > 0 && r.nw.lon <= r.se.lon)
                return true;
        }
        return false;
    }
    case REGION_POLYGON: {
        struct polygon g;
        polygon_again(outer->octets, &g);
        return outline->n >= 3 && outline_in_polygon(outline, &g);
    }
    case REGION_IDENTIFIED:
        return true;
    }
    return false;
}

/* Does the list of identified regions cover one country, region and subregion? -1 stands for the whole. */
static bool identified_covers(struct span list, int country, int region, int subregion) {
    struct coer c = coer_of(list);
    size_t n = coer_count(&c, CERT_MAX_REGION_PARTS);
    bool covers = false;
    for (size_t i = 0; i < n; i++) {
        unsigned kind = coer_choice(&c);
        bool same = coer_u16(&c) == country;
        if (kind == 0) {
            covers = covers || same;
            continue;
        }
        size_t regions = coer_count(&c, CERT_MAX_REGION_PARTS);
        for (size_t k = 0; k < regions; k++) {
            bool same_region = coer_u8(&c) == region && same;
            if (kind == 1) {
                covers = covers || same_region;
                continue;
            }
            size_t subs = coer_count(&c, CERT_MAX_REGION_PARTS);
            for (size_t j = 0; j < subs; j++) {
                bool same_sub = coer_u16(&c) == subregion;
                covers = covers || (same_region && same_sub);
            }
        }
    }
    WS_ASSERT(c.fail == COER_OK);
    return covers;
}

static bool identified_inside(struct span inner, struct span outer) {
    struct coer c = coer_of(inner);
    size_t n = coer_count(&c, CERT_MAX_REGION_PARTS);
    for (size_t i = 0; i < n; i++) {
        unsigned kind = coer_choice(&c);
        int country = coer_u16(&c);
        if (kind == 0 && !identified_covers(outer, country, -1, -1))
            return false;
        size_t regions = kind == 0 ? 0 : coer_count(&c, CERT_MAX_REGION_PARTS);
        for (size_t k = 0; k < regions; k++) {
            int region = coer_u8(&c);
            if (kind == 1 && !identified_covers(outer, country, region, -1))
                return false;
            size_t subs = kind == 1 ? 0 : coer_count(&c, CERT_MAX_REGION_PARTS);
            for (size_t j = 0; j < subs; j++) {
                if (!identified_covers(outer, country, region, coer_u16(&c)))
                    return false;
            }
        }
    }
    return true;
}

bool cert_region_inside(const struct cert *c, const struct cert *issuer) {
    const struct cert_region *inner = &c->region, *outer = &issuer->region;
    if (!inner->present || !outer->present)
        return true;
    struct coer in = coer_of(inner->octets);
    struct polygon outline;
    switch ((enum region_kind)inner->kind) {
    case REGION_CIRCLE: {
        struct circle k = circle_again(&in);
        if (outer->kind == REGION_CIRCLE) {
            struct coer out = coer_of(outer->octets);
            struct circle o = circle_again(&out);
            return distance(o.centre, k.centre) + k.radius <= o.radius;
        }
        outline_of_circle(&k, &outline);
        return outline_inside(&outline, outer);
    }
    case REGION_RECTANGLES: {
        size_t n = coer_count(&in, CERT_MAX_REGION_PARTS);
        for (size_t i = 0; i < n; i++) {
            struct rectangle r = rectangle_again(&in);
            outline_of_rectangle(&r, &outline);
            if (outer->kind != REGION_IDENTIFIED && r.nw.lon > r.se.lon)
                return false;
            if (!outline_inside(&outline, outer))
                return false;
        }
        return true;
    }
    case REGION_POLYGON:
        polygon_again(inner->octets, &outline);
        return outline_inside(&outline, outer);
    case REGION_IDENTIFIED:
        return outer->kind == REGION_IDENTIFIED && identified_inside(inner->octets, outer->octets);
    }
    return false;
}
