/* mapsvc element, mapset, frame, text and own sine: canonical encodings, ranges, rounding. */
#include "base/random.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/model/mapset.h"
#include "mapsvc/model/text.h"
#include "tests/support/cm.h"

#include <math.h>
#include <stdio.h>

static struct element sample(uint8_t tag) {
    struct element e = {.kind = EL_SIGN, .has_value = true, .value = 50, .valid_to_ms = INT64_MAX};
    e.id[0] = tag;
    e.has_heading = true;
    e.heading = 0x4000;
    assert_true(element_add_point(&e, (struct map_point){-1000, 2000, 3}));
    assert_true(element_set_attr(&e, "unit", "km/h"));
    assert_true(element_set_attr(&e, "code", "de274-50"));
    assert_true(element_set_attr(&e, "unit", "mph"));
    assert_true(element_add_alias(&e, "lanelet2:way/7"));
    assert_true(element_add_alias(&e, "lanelet2:way/5"));
    assert_true(element_add_alias(&e, "lanelet2:way/7"));
    return e;
}

static void setters_keep_order(void **state) {
    (void)state;
    struct element e = sample(1);
    assert_int_equal(e.n_attrs, 2);
    assert_string_equal(e.attrs[0].key, "code");
    assert_string_equal(element_attr(&e, "unit"), "mph");
    assert_null(element_attr(&e, "lane"));
    assert_int_equal(e.n_aliases, 2);
    assert_string_equal(e.aliases[0], "lanelet2:way/5");
    assert_true(element_set_attr(&e, "note", "a\tb\xff"));
    assert_string_equal(element_attr(&e, "note"), "a b?");
    assert_false(element_set_attr(&e, "", "x"));
    element_free(&e);
}

static void bounds_hold(void **state) {
    (void)state;
    struct element e = {.kind = EL_LANE};
    char key[16];
    for (int i = 0; i < ELEMENT_MAX_ATTRS + 3; i++) {
        (void)snprintf(key, sizeof(key), "k%03d", i);
        assert_int_equal(element_set_attr(&e, key, "v"), i < ELEMENT_MAX_ATTRS);
        assert_int_equal(element_add_alias(&e, key), i < ELEMENT_MAX_ALIASES);
    }
    for (int i = 0; i < ELEMENT_MAX_POINTS + 2; i++)
        assert_int_equal(
            element_add_point(&e, (struct map_point){i, i, 0}), i < ELEMENT_MAX_POINTS);
    char text[400];
    memset(text, 'x', sizeof(text));
    memcpy(text + 254, "\xc3\xa4", 2); /* a two-octet character across the bound */
    text[sizeof(text) - 1] = '\0';
    assert_true(element_set_attr(&e, "k000", text));
    assert_int_equal(strlen(element_attr(&e, "k000")), 254);
    struct buf b = {0};
    element_encode(&e, &b);
    struct element d;
    assert_int_equal(element_decode(buf_span(&b), &d, NULL), WS_OK);
    assert_true(element_same_content(&e, &d));
    element_free(&d);
    element_free(&e);
    buf_free(&b);
}

static void element_round_trip_and_cuts(void **state) {
    (void)state;
    struct element e = sample(9);
    struct buf b = {0};
    element_encode(&e, &b);
    struct element d;
    assert_int_equal(element_decode(buf_span(&b), &d, NULL), WS_OK);
    assert_true(element_same_content(&e, &d));
    assert_memory_equal(d.id, e.id, 16);
    assert_int_equal(d.n_aliases, 2);
    uint8_t h1[32];
    uint8_t h2[32];
    struct element c = element_copy(&e);
    element_hash(&c, h1);
    element_hash(&d, h2);
    assert_memory_equal(h1, h2, 32);
    c.points[0].z++;
    assert_false(element_same_content(&c, &d));
    element_free(&c);
    element_free(&d);

    struct ws_err err;
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(element_decode(span_of(b.p, n), &d, &err), WS_EINPUT);
    buf_u8(&b, 0);
    assert_int_equal(element_decode(buf_span(&b), &d, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "after the end"));
    b.n--;
    /* A flipped bit gives either a refusal or another element that encodes to exactly the flipped octets. */
    for (size_t bit = 0; bit < b.n * 8; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (element_decode(buf_span(&b), &d, &err) == WS_OK) {
            struct buf again = {0};
            element_encode(&d, &again);
            assert_true(span_equal(buf_span(&again), buf_span(&b)));
            buf_free(&again);
            element_free(&d);
        }
        b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    b.p[0] = 2;
    assert_int_equal(element_decode(buf_span(&b), &d, &err), WS_ENOTSUP);
    buf_free(&b);
    element_free(&e);
}

static void encoding_is_fixed(void **state) {
    (void)state;
    /* Written out by hand from docs/formats/map.md: a change here changes every map digest. */
    struct element e = {.kind = EL_SPEED_LIMIT,
        .revision = 2,
        .has_value = true,
        .value = 30,
        .valid_to_ms = INT64_MAX};
    e.id[15] = 0xaa;
    assert_true(element_set_attr(&e, "unit", "km/h"));
    assert_true(element_add_alias(&e, "x:1"));
    struct buf want = test_unhex("01"
                                 "000000000000000000000000000000aa"
                                 "04"
                                 "00000002"
                                 "01"
                                 "0000001e"
                                 "0000000000000000"
                                 "7fffffffffffffff"
                                 "0000"
                                 "01"
                                 "04756e6974"
                                 "046b6d2f68"
                                 "01"
                                 "03783a31");
    struct buf got = {0};
    element_encode(&e, &got);
    assert_int_equal(got.n, want.n);
    assert_memory_equal(got.p, want.p, want.n);
    buf_free(&got);
    buf_free(&want);
    element_free(&e);
}

static struct mapset sample_map(void) {
    struct mapset m = {.frame = frame_at(487597690, 114231700)};
    (void)snprintf(m.ns, sizeof(m.ns), "lanelet2");
    m.base_digest[3] = 7;
    for (unsigned i = 0; i < 40; i++) {
        struct element e = sample((uint8_t)(i * 37));
        mapset_add(&m, &e);
        assert_null(e.points);
    }
    mapset_sort(&m);
    return m;
}

static void mapset_round_trip_and_attacks(void **state) {
    (void)state;
    struct mapset m = sample_map();
    for (size_t i = 1; i < m.n; i++)
        assert_true(memcmp(m.elements[i - 1].id, m.elements[i].id, 16) < 0);
    for (size_t i = 0; i < m.n; i++)
        assert_ptr_equal(mapset_find(&m, m.elements[i].id), &m.elements[i]);
    uint8_t absent[16] = {1, 1};
    assert_null(mapset_find(&m, absent));

    struct buf b = {0};
    mapset_encode(&m, &b);
    struct mapset d;
    struct ws_err err;
    assert_int_equal(mapset_decode(buf_span(&b), &d, &err), WS_OK);
    uint8_t h1[32];
    uint8_t h2[32];
    mapset_digest(&m, h1);
    mapset_digest(&d, h2);
    assert_memory_equal(h1, h2, 32);
    mapset_free(&d);
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(mapset_decode(span_of(b.p, n), &d, &err), WS_EINPUT);
    struct ws_random rnd = ws_random_seeded(3);
    for (int i = 0; i < 3000; i++) {
        size_t bit = ws_random_below(&rnd, b.n * 8);
        b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (mapset_decode(buf_span(&b), &d, &err) == WS_OK) {
            struct buf again = {0};
            mapset_encode(&d, &again);
            assert_true(span_equal(buf_span(&again), buf_span(&b)));
            buf_free(&again);
            mapset_free(&d);
        }
        b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    buf_free(&b);
    mapset_free(&m);
}

static void import_ids_differ(void **state) {
    (void)state;
    uint8_t digest[32] = {1};
    uint8_t a[16];
    uint8_t b[16];
    element_id_import("lanelet2", digest, "relation/1", a);
    element_id_import("lanelet2", digest, "relation/2", b);
    assert_memory_not_equal(a, b, 16);
    element_id_import("lanelet", digest, "2relation/1", b);
    assert_memory_not_equal(a, b, 16);
    digest[0] = 2;
    element_id_import("lanelet2", digest, "relation/1", b);
    assert_memory_not_equal(a, b, 16);
}

static void own_sine_agrees_with_libm(void **state) {
    (void)state;
    double worst = 0.0;
    for (int i = -200000; i <= 200000; i++) {
        double x = i * 0.0007;
        double s;
        double c;
        ieee_sincos(x, &s, &c);
        double e = fmax(fabs(s - sin(x)), fabs(c - cos(x)));
        worst = fmax(worst, e);
        e = fabs(ieee_atan2(s, c) - atan2(sin(x), cos(x)));
        if (e < 6.0) /* the cut at pi */
            worst = fmax(worst, e);
    }
    assert_true(worst < 2e-15);
    assert_int_equal(ieee_heading(1, 0), 0);
    assert_int_equal(ieee_heading(0, 1), 0x4000);
    assert_int_equal(ieee_heading(-1, 0), 0x8000);
    assert_int_equal(ieee_heading(0, -1), 0xc000);
    assert_int_equal(ieee_heading(1, -1), 0xe000);
    int64_t v = 0;
    assert_true(ieee_floor(-0.25, &v) && v == -1);
    assert_false(ieee_floor((double)NAN, &v));
    assert_false(ieee_round(1e19, &v));
}

static void frame_follows_the_ellipsoid(void **state) {
    (void)state;
    /* One degree of latitude and longitude at 48.7597690 N on WGS 84, from the closed formulas in long
     * double. */
    struct cell_frame f = frame_at(487597690, 114231700);
    long double phi = 48.7597690L * acosl(-1.0L) / 180.0L;
    long double e2 = 0.00669437999014131699614L;
    long double w2 = 1 - e2 * sinl(phi) * sinl(phi);
    long double k = acosl(-1.0L) / 180.0L / 1e7L * 1000.0L * 1073741824.0L;
    long double north = 6378137.0L * (1 - e2) / (w2 * sqrtl(w2)) * k;
    long double east = 6378137.0L / sqrtl(w2) * cosl(phi) * k;
    assert_true(fabsl((long double)f.north - north) < 2);
    assert_true(fabsl((long double)f.east - east) < 2);
    int32_t x = 0;
    int32_t y = 0;
    assert_true(frame_from_wgs(&f, f.lat0, f.lon0, &x, &y));
    assert_int_equal(x, 0);
    assert_int_equal(y, 0);
    assert_true(frame_from_wgs(&f, f.lat0 - 1, f.lon0 - 1, &x, &y));
    assert_int_equal(x, -8); /* floor(-7.35) */
    assert_int_equal(y, -12); /* floor(-11.12) */
    assert_false(frame_from_wgs(&f, f.lat0, -1714231700, &x, &y));
    assert_false(frame_from_wgs(&f, 900000001, 0, &x, &y));
}

static void frame_goes_back(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(11);
    static const int32_t origins[][2] = {{487597690, 114231700}, {-338000000, 1511000000}, {0, 0},
        {699999999, -1799999999}, {5, 1800000000}};
    for (size_t o = 0; o < ARRAY_LEN(origins); o++) {
        struct cell_frame f = frame_at(origins[o][0], origins[o][1]);
        for (int i = 0; i < 2000; i++) {
            int32_t dlat = (int32_t)ws_random_below(&rnd, 2000000) - 1000000;
            int32_t dlon = (int32_t)ws_random_below(&rnd, 2000000) - 1000000;
            int64_t lon = (int64_t)f.lon0 + dlon;
            if (lon > 1800000000)
                lon -= 3600000000;
            if (lon < -1800000000)
                lon += 3600000000;
            int32_t x = 0;
            int32_t y = 0;
            int32_t lat2 = 0;
            int32_t lon2 = 0;
            assert_true(frame_from_wgs(&f, f.lat0 + dlat, (int32_t)lon, &x, &y));
            frame_to_wgs(&f, x, y, &lat2, &lon2);
            assert_int_equal(lat2, f.lat0 + dlat);
            int64_t lat10 = 0;
            int64_t lon10 = 0;
            frame_to_wgs10(&f, x, y, &lat10, &lon10);
            int32_t x2 = 0;
            int32_t y2 = 0;
            assert_true(frame_from_wgs10(&f, lat10, lon10, &x2, &y2));
            assert_int_equal(x2, x);
            assert_int_equal(y2, y);
            struct cell_frame g =
                frame_at(f.lat0 > 800000000 ? f.lat0 : f.lat0 + 10000, lon2 / 10000 * 10000);
            assert_true(frame_convert(&f, &g, x, y, &x2, &y2));
            assert_true(frame_convert(&g, &f, x2, y2, &x2, &y2));
            assert_in_range(x2 - x + 1, 0, 2);
            assert_in_range(y2 - y + 1, 0, 2);
            assert_true(lon2 == lon || lon == 1800000000 || lon == -1800000000);
        }
    }
    struct cell_frame pole = frame_at(900000000, 0);
    int32_t lat = 0;
    int32_t lon = 0;
    frame_to_wgs(&pole, INT32_MAX, INT32_MAX, &lat, &lon);
    assert_true(lat <= 900000000);
    assert_true(lon >= -1800000000 && lon <= 1800000000);
}

static void numbers_are_read_strictly(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        double v;
    } cases[] = {{"0", true, 0}, {"-1.5", true, -1.5}, {"+2e3", true, 2000}, {" 3.25 ", true, 3.25},
        {"1.5707963267948966e+00", true, 1.5707963267948966},
        {"0.000000000000000000000000001", true, 1e-27}, {"1e-300", true, 1e-300},
        {"123456789012345678901234", true, 123456789012345678901234.0}, {".5", true, 0.5},
        {"5.", true, 5}, {"", false, 0}, {".", false, 0}, {"nan", false, 0}, {"inf", false, 0},
        {"1e400", false, 0}, {"0x10", false, 0}, {"1,5", false, 0}, {"1e", false, 0},
        {"1 2", false, 0}, {"--1", false, 0}, {"1e30", false, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double v = -7;
        assert_int_equal(text_to_double(cases[i].text, &v), cases[i].ok);
        if (cases[i].ok)
            assert_true(fabs(v - cases[i].v) <= 4e-16 * fabs(cases[i].v));
    }
    int64_t v = 0;
    assert_true(text_to_fixed("49.00345654351", 7, 1800000000, &v) && v == 490034565);
    assert_true(text_to_fixed("49.00345654355", 10, 1800000000000, &v) && v == 490034565436);
    assert_true(text_to_fixed("-0.00000005", 7, 10, &v) && v == -1);
    assert_true(text_to_fixed("0.000000049999", 7, 10, &v) && v == 0);
    assert_true(text_to_fixed("1.8e2", 7, 1800000000, &v) && v == 1800000000);
    assert_false(text_to_fixed("181", 7, 1800000000, &v));
    assert_false(text_to_fixed("1e25", 7, INT64_MAX, &v));
    assert_false(text_to_fixed("", 7, 1800000000, &v));
    assert_true(text_to_i64("-9223372036854775807", &v) && v == -INT64_MAX);
    assert_false(text_to_i64("9223372036854775808", &v));
    assert_false(text_to_i64("12x", &v));
    assert_false(text_to_i64("", &v));
}

static void text_is_made_clean(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {{"M\xc3\xbcller", "M\xc3\xbcller"}, {"\xc0\xaf", "??"}, {"\xed\xa0\x80", "???"},
        {"\xef\xbf\xbf", "???"}, {"a\x7f", "a "}, {"\xc2\x80", "??"},
        {"\xf0\x9f\x9a\x97", "\xf0\x9f\x9a\x97"}, {"\xf5\x80\x80\x80", "????"}, {"\xe2\x82", "??"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *t = text_clean(cases[i].in, 100);
        assert_string_equal(t, cases[i].out);
        assert_true(text_is_clean(span_of(t, strlen(t))));
        free(t);
    }
    struct buf b = {0};
    text_put_json(&b, "a\"\\\n");
    text_put_xml(&b, "<&>\"'");
    buf_u8(&b, 0);
    assert_string_equal((char *)b.p, "a\\\"\\\\\\u000a&lt;&amp;&gt;&quot;&apos;");
    buf_free(&b);
}

static struct element numbered(uint32_t n) {
    struct element e = {.kind = EL_SIGN, .valid_to_ms = INT64_MAX};
    put_be32(e.id, n);
    assert_true(element_add_point(&e, (struct map_point){(int32_t)n, 0, 0}));
    return e;
}

/* Any set of elements leaves while any other comes: the rest stays, in order. */
static void a_map_is_edited_in_order(void **state) {
    (void)state;
    enum { NUMBERS = 64, ROUNDS = 400 };
    struct ws_random r = ws_random_seeded(23);
    struct mapset m = {0};
    bool there[NUMBERS] = {false};
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t gone[NUMBERS];
        struct element fresh[NUMBERS];
        size_t n_gone = 0;
        size_t n_fresh = 0;
        size_t at = 0;
        uint64_t often = round % 3 == 0 ? 2 : 20;
        for (uint32_t i = 0; i < NUMBERS; i++) {
            bool change = ws_random_below(&r, often) == 0;
            if (there[i] && change)
                gone[n_gone++] = (uint32_t)at;
            if (!there[i] && change)
                fresh[n_fresh++] = numbered(i);
            at += there[i] ? 1 : 0;
            there[i] = there[i] != change;
        }
        mapset_edit(&m, gone, n_gone, fresh, n_fresh);
        at = 0;
        for (uint32_t i = 0; i < NUMBERS; i++) {
            if (!there[i])
                continue;
            assert_true(at < m.n);
            assert_int_equal(be32(m.elements[at].id), i);
            assert_int_equal(m.elements[at].points[0].x, i);
            at++;
        }
        assert_int_equal(at, m.n);
    }
    mapset_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setters_keep_order),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(element_round_trip_and_cuts),
        cmocka_unit_test(encoding_is_fixed),
        cmocka_unit_test(mapset_round_trip_and_attacks),
        cmocka_unit_test(a_map_is_edited_in_order),
        cmocka_unit_test(import_ids_differ),
        cmocka_unit_test(own_sine_agrees_with_libm),
        cmocka_unit_test(frame_follows_the_ellipsoid),
        cmocka_unit_test(frame_goes_back),
        cmocka_unit_test(numbers_are_read_strictly),
        cmocka_unit_test(text_is_made_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
