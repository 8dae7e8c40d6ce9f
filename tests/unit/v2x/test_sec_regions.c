/* Regions of certificates: which points they hold, and which lie in which. */
#include "tests/support/cm.h"

#include "tests/unit/v2x/sec_support.h"

static struct cert with_region(struct buf *b, const char *hex) {
    return test_bare_cert(b, hex[0] == '\0' ? 0 : 0x40U, hex, "");
}

/* Encodings of regions, from numbers. */
struct text {
    char hex[1024];
};
static struct text circle(int32_t lat, int32_t lon, unsigned radius) {
    struct text t;
    (void)snprintf(t.hex, sizeof(t.hex), "80%08x%08x%04x", (unsigned)lat, (unsigned)lon, radius);
    return t;
}

static struct text rectangle(int32_t n, int32_t w, int32_t s, int32_t e) {
    struct text t;
    (void)snprintf(t.hex, sizeof(t.hex), "810101%08x%08x%08x%08x", (unsigned)n, (unsigned)w,
        (unsigned)s, (unsigned)e);
    return t;
}

/* Corners as lat, lon pairs in whole units. */
static struct text polygon(const int32_t *at, unsigned n) {
    struct text t;
    int used = snprintf(t.hex, sizeof(t.hex), "8201%02x", n);
    for (unsigned i = 0; i < 2 * n; i++)
        used += snprintf(t.hex + used, sizeof(t.hex) - (size_t)used, "%08x", (unsigned)at[i]);
    return t;
}

static bool contains(struct text region, int32_t lat, int32_t lon) {
    struct buf b;
    struct cert c = with_region(&b, region.hex);
    bool yes = cert_region_contains(&c, lat, lon);
    buf_free(&b);
    return yes;
}

#define DEG 10000000

static void points_in_regions(void **state) {
    (void)state;
    /* 1000 m of latitude are 89932 units; of longitude at 60 degrees, 179864. */
    struct text at60 = circle(60 * DEG, 10 * DEG, 1000);
    assert_true(contains(at60, 60 * DEG, 10 * DEG));
    assert_true(contains(at60, 60 * DEG + 89900, 10 * DEG));
    assert_false(contains(at60, 60 * DEG + 89960, 10 * DEG));
    assert_true(contains(at60, 60 * DEG, 10 * DEG - 179800));
    assert_false(contains(at60, 60 * DEG, 10 * DEG - 179950));
    assert_true(contains(at60, 60 * DEG + 63000, 10 * DEG + 127000));
    assert_false(contains(at60, 60 * DEG + 64000, 10 * DEG + 128000));
    /* Around the antimeridian and at the poles nothing overflows. */
    struct text far = circle(0, 180 * DEG, 1000);
    assert_true(contains(far, 0, -180 * DEG + 80000));
    assert_false(contains(far, 0, -180 * DEG + 90000));
    assert_true(contains(circle(90 * DEG, 0, 1), 90 * DEG, 123 * DEG));
    assert_false(contains(circle(-90 * DEG, 0, 65535), 90 * DEG, 0));
    assert_false(contains(at60, 900000001, 1800000001)); /* unknown position */
    struct text box = rectangle(46 * DEG, 7 * DEG, 45 * DEG, 8 * DEG);
    assert_true(contains(box, 46 * DEG, 7 * DEG));
    assert_true(contains(box, 45 * DEG, 8 * DEG));
    assert_false(contains(box, 46 * DEG + 1, 7 * DEG));
    assert_false(contains(box, 45 * DEG, 8 * DEG + 1));
    struct text dateline = rectangle(1 * DEG, 179 * DEG, -1 * DEG, -179 * DEG);
    assert_true(contains(dateline, 0, 180 * DEG));
    assert_true(contains(dateline, 0, -180 * DEG));
    assert_false(contains(dateline, 0, 0));
    /* An L: the notch is outside, the border inside. */
    static const int32_t l[] = {0, 0, 0, 20, 10, 20, 10, 10, 20, 10, 20, 0};
    struct text shape = polygon(l, 6);
    assert_true(contains(shape, 5, 5));
    assert_true(contains(shape, 15, 5));
    assert_true(contains(shape, 5, 15));
    assert_false(contains(shape, 15, 15));
    assert_true(contains(shape, 10, 15));
    assert_true(contains(shape, 20, 0));
    assert_false(contains(shape, 21, 0));
    assert_false(contains(shape, 10, 21));
    static const int32_t line[] = {0, 0, 10, 10};
    assert_false(contains(polygon(line, 2), 5, 6));
    struct text none = {""};
    assert_true(contains(none, 0, 0));
    struct text country = {"830101800114"};
    assert_true(contains(country, 0, 0));
}

static bool inside(struct text inner, struct text outer) {
    struct buf a, b;
    struct cert c = with_region(&a, inner.hex), issuer = with_region(&b, outer.hex);
    bool yes = cert_region_inside(&c, &issuer);
    buf_free(&a);
    buf_free(&b);
    return yes;
}

static void regions_in_regions(void **state) {
    (void)state;
    struct text none = {""};
    struct text big = circle(45 * DEG, 7 * DEG, 5000), small = circle(45 * DEG, 7 * DEG, 1000);
    struct text box = rectangle(46 * DEG, 6 * DEG, 44 * DEG, 8 * DEG);
    static const int32_t square_at[] = {
        44 * DEG, 6 * DEG, 44 * DEG, 8 * DEG, 46 * DEG, 8 * DEG, 46 * DEG, 6 * DEG};
    struct text square = polygon(square_at, 4);
    /* A U around the point 45, 7: its arms reach up on both sides. */
    static const int32_t u_at[] = {44 * DEG, 6 * DEG, 44 * DEG, 8 * DEG, 46 * DEG, 8 * DEG,
        46 * DEG, 75000000, 445000000, 75000000, 445000000, 65000000, 46 * DEG, 65000000, 46 * DEG,
        6 * DEG};
    struct text u = polygon(u_at, 8);
    assert_true(inside(none, big) && inside(big, none) && inside(none, none));
    assert_true(inside(small, big));
    assert_true(inside(big, big));
    assert_false(inside(big, small));
    assert_true(inside(circle(45 * DEG, 7 * DEG + 120000, 4000), big)); /* 944 m east */
    assert_false(inside(circle(45 * DEG, 7 * DEG + 130000, 4000), big)); /* 1022 m east */
    assert_true(inside(big, box));
    assert_false(inside(circle(46 * DEG, 7 * DEG, 10), box));
    assert_true(inside(big, square));
    assert_false(inside(big, u));
    assert_false(inside(box, big));
    assert_true(inside(rectangle(450010000, 70000000, 450000000, 70010000), big));
    assert_true(inside(box, box) && inside(square, box) && inside(box, square));
    assert_true(inside(square, square) && inside(u, square) && inside(u, box));
    assert_false(inside(square, u));
    assert_true(inside(rectangle(46 * DEG, 6 * DEG, 44 * DEG, 64000000), u)); /* the western arm */
    /* Across both arms: the corners are inside, the middle is not. */
    assert_false(inside(rectangle(455000000, 61000000, 446000000, 79000000), u));
    assert_false(inside(rectangle(1 * DEG, 179 * DEG, -1 * DEG, -179 * DEG), box));
    /* Identified regions: Italy 380 (017c), Germany 276 (0114). */
    struct text italy = {"83010180017c"};
    struct text both = {"83010280017c800114"};
    struct text parts = {"83010181017c01020102"};
    struct text part = {"83010181017c010102"};
    struct text subs = {"83010182017c0101020102000a000b"};
    struct text sub = {"83010182017c0101020101000b"};
    struct text other_sub = {"83010182017c0101020101000c"};
    assert_true(inside(italy, both) && inside(both, both));
    assert_false(inside(both, italy));
    assert_true(inside(part, italy) && inside(part, parts) && inside(sub, part));
    assert_true(inside(sub, subs) && inside(sub, both));
    assert_false(inside(italy, parts));
    assert_false(inside(parts, part));
    assert_false(inside(other_sub, subs));
    assert_false(inside(part, subs));
    assert_true(inside(box, italy)); /* for want of borders */
    assert_false(inside(italy, box));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_in_regions),
        cmocka_unit_test(regions_in_regions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
