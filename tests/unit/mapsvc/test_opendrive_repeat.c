/* OpenDRIVE import: objects in a row, and objects that go on along the road. */
#include "base/random.h"
#include "tests/unit/mapsvc/opendrive_files.h"

/* 100 m to the east from 10, 20. */
#define ON_ROAD(objects)                                                                           \
    XODR("<road id='1' length='100' junction='-1'>" LINE100 LANES "<objects>" objects              \
         "</objects></road>")
#define STOP_LINE "<object id='c' type='roadMark' subtype='stopLine' s='5' t='1' "
#define WALK(more) "<object id='w' type='crosswalk' s='5' t='0' " more

static void check_box(const struct element *e, int32_t x0, int32_t x1, int32_t y0, int32_t y1) {
    int32_t lo[2] = {INT32_MAX, INT32_MAX};
    int32_t hi[2] = {INT32_MIN, INT32_MIN};
    assert_non_null(e);
    for (size_t i = 0; i < e->n_points; i++) {
        const int32_t v[2] = {e->points[i].x, e->points[i].y};
        for (size_t k = 0; k < 2; k++) {
            lo[k] = v[k] < lo[k] ? v[k] : lo[k];
            hi[k] = v[k] > hi[k] ? v[k] : hi[k];
        }
    }
    assert_in_range(lo[0] - x0 + 2, 0, 4);
    assert_in_range(hi[0] - x1 + 2, 0, 4);
    assert_in_range(lo[1] - y0 + 2, 0, 4);
    assert_in_range(hi[1] - y1 + 2, 0, 4);
}

static void a_row_is_several_things(void **state) {
    (void)state;
    static const char text[] = ON_ROAD(
        STOP_LINE "length='0.5' width='6'><repeat s='10' length='40' distance='20' tStart='-3' "
                  "tEnd='-1' widthStart='6' widthEnd='4' zOffsetStart='0' zOffsetEnd='2'/>"
                  "<repeat s='80' length='0' distance='5'/></object>");
    struct map_report report;
    struct mapset m = read_map(text, &report);
    assert_int_equal(report.skipped, 0);
    assert_int_equal(report.notes, 0);
    assert_int_equal(count_kind(&m, EL_STOP_LINE), 4);
    const struct element *e = by_alias(&m, EL_STOP_LINE, "opendrive:road/1/object/c/s/10000");
    check_box(e, 20000, 20000, 14000, 20000);
    e = by_alias(&m, EL_STOP_LINE, "opendrive:road/1/object/c/s/30000");
    check_box(e, 40000, 40000, 15500, 20500);
    assert_in_range(e->points[0].z, 999, 1001);
    e = by_alias(&m, EL_STOP_LINE, "opendrive:road/1/object/c/s/50000");
    check_box(e, 60000, 60000, 17000, 21000);
    e = by_alias(&m, EL_STOP_LINE, "opendrive:road/1/object/c/s/80000");
    check_box(e, 90000, 90000, 18000, 24000); /* with t and width of the object */
    mapset_free(&m);
}

/* Corners in the object's own axes and in the road's move with each one. */
static void outlines_move_along(void **state) {
    (void)state;
    static const char text[] =
        ON_ROAD(WALK("><repeat s='20' length='60' distance='30' tStart='1' tEnd='1'/><outline>"
                     "<cornerLocal u='-2' v='-3' z='0'/><cornerLocal u='2' v='-3' z='0'/>"
                     "<cornerLocal u='2' v='3' z='0'/><cornerLocal u='-2' v='3' "
                     "z='0'/></outline></object>") "<object id='r' type='crosswalk' s='5' "
                                                   "t='0'><outline>"
                                                   "<cornerRoad s='4' t='-3' dz='0'/><cornerRoad "
                                                   "s='6' t='-3' dz='0'/>"
                                                   "<cornerRoad s='6' t='3' dz='0'/></outline>"
                                                   "<repeat s='35' length='0' distance='9' "
                                                   "tStart='-1' tEnd='-1'/></object>");
    struct map_report report;
    struct mapset m = read_map(text, &report);
    assert_int_equal(report.skipped, 0);
    assert_int_equal(count_kind(&m, EL_CROSSWALK), 4);
    check_box(by_alias(&m, EL_CROSSWALK, "opendrive:road/1/object/w/s/20000"), 28000, 32000, 18000,
        24000);
    check_box(by_alias(&m, EL_CROSSWALK, "opendrive:road/1/object/w/s/80000"), 88000, 92000, 18000,
        24000);
    check_box(by_alias(&m, EL_CROSSWALK, "opendrive:road/1/object/r/s/35000"), 44000, 46000, 16000,
        22000);
    mapset_free(&m);
}

static void what_goes_on_is_one_thing(void **state) {
    (void)state;
    /* Without a distance: from s to s + length, of its width. Stripes half a metre apart are one crosswalk, boxes two metres
     * apart are not. */
    static const char text[] = ON_ROAD(
        WALK("width='4'><repeat s='20' length='10' distance='0' tStart='0' tEnd='1' "
             "widthStart='4' widthEnd='6'/></object>") "<object id='s' type='crosswalk' s='40' "
                                                       "t='0' length='0.5' width='3'>"
                                                       "<repeat s='40' length='5' distance='1' "
                                                       "tStart='0' tEnd='0'/></object>"
                                                       "<object id='b' type='crosswalk' s='60' "
                                                       "t='0' length='2' width='3'>"
                                                       "<repeat s='60' length='8' distance='4' "
                                                       "tStart='0' tEnd='0'/></object>"
                                                       "<object id='e' type='crosswalk' s='90' "
                                                       "t='0' width='2'>"
                                                       "<repeat s='90' length='50' distance='0' "
                                                       "tStart='0' tEnd='0'/></object>");
    struct map_report report;
    struct mapset m = read_map(text, &report);
    assert_int_equal(report.skipped, 0);
    assert_int_equal(count_kind(&m, EL_CROSSWALK), 6);
    check_box(by_alias(&m, EL_CROSSWALK, "opendrive:road/1/object/w/s/20000"), 30000, 40000, 18000,
        24000);
    check_box(by_alias(&m, EL_CROSSWALK, "opendrive:road/1/object/s/s/40000"), 49750, 55250, 18500,
        21500);
    check_box(by_alias(&m, EL_CROSSWALK, "opendrive:road/1/object/b/s/64000"), 73000, 75000, 18500,
        21500);
    /* no further than its road */
    check_box(by_alias(&m, EL_CROSSWALK, "opendrive:road/1/object/e/s/90000"), 100000, 110000,
        19000, 21000);
    mapset_free(&m);
}

static void it_follows_the_road(void **state) {
    (void)state;
    /* A quarter of a circle of 20 m around 0, 20, to the left. */
    static const char text[] =
        XODR("<road id='1' length='31.4159265' junction='-1'><planView><geometry s='0' x='0' y='0' "
             "hdg='0' length='31.4159265'><arc curvature='0.05'/></geometry></planView>" LANES
             "<objects><object id='w' type='crosswalk' s='0' t='0' width='2'><repeat s='0' "
             "length='31.4159265' distance='0' tStart='0' tEnd='0'/></object></objects></road>");
    struct map_report report;
    struct mapset m = read_map(text, &report);
    const struct element *e = by_alias(&m, EL_CROSSWALK, "opendrive:road/1/object/w/s/0");
    assert_non_null(e);
    assert_true(e->n_points > 20);
    for (size_t i = 0; i < e->n_points; i++) {
        int64_t x = e->points[i].x;
        int64_t y = e->points[i].y - 20000;
        int64_t r2 = x * x + y * y;
        bool inner = r2 > (int64_t)18997 * 18997 && r2 < (int64_t)19003 * 19003;
        bool outer = r2 > (int64_t)20997 * 20997 && r2 < (int64_t)21003 * 21003;
        assert_true(inner || outer);
    }
    mapset_free(&m);
}

static void wrong_rows_are_named(void **state) {
    (void)state;
    static const struct {
        const char *repeat, *says;
        size_t things;
    } rows[] = {
        {"<repeat length='9' distance='1'/>", "repeat of object w", 0},
        {"<repeat s='1' length='9'/>", "distance is not a length", 0},
        {"<repeat s='1' length='x' distance='1'/>", "length is not a length", 0},
        {"<repeat s='1' length='9' distance='nan'/>", "distance is not a length", 0},
        {"<repeat s='1' length='9' distance='-1'/>", "below 0", 0},
        {"<repeat s='1' length='-9' distance='1'/>", "below 0", 0},
        {"<repeat s='1' length='9' distance='1' tStart='1e300'/>", "tStart is not a length", 0},
        {"<repeat s='1' length='90' distance='0.0001'/>", "the object stands once", 1},
        {"<repeat s='1' length='90' distance='1e-300'/>", "the object stands once", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[3000];
        struct map_report report;
        (void)snprintf(text, sizeof(text), "%s%s%s",
            "<OpenDRIVE><header revMajor='1' revMinor='6'/><road id='1' length='100' "
            "junction='-1'>" LINE100 LANES
            "<objects>" WALK("length='3' width='3' hdg='1'><outline>"
                             "<cornerLocal u='-2' v='-3' z='0'/><cornerLocal u='2' v='-3' z='0'/>"
                             "<cornerLocal u='2' v='3' z='0'/></outline>"),
            rows[i].repeat, "</object></objects></road></OpenDRIVE>");
        struct mapset m = read_map(text, &report);
        if (!report_says(&report, rows[i].says))
            fail_msg("%s: %s", rows[i].repeat, report.n > 0 ? report.text[0] : "nothing");
        assert_int_equal(count_kind(&m, EL_CROSSWALK), rows[i].things);
        mapset_free(&m);
    }
}

static void take(struct mapset *m, const char *alias) {
    struct element *e = (struct element *)by_alias(m, EL_STOP_LINE, alias);
    assert_non_null(e);
    element_free(e);
    *e = m->elements[--m->n];
    mapset_sort(m);
}

/* One record says them all: one of them cannot go alone, and the file is left as it is. One alone can. */
static void one_of_a_row_is_not_written(void **state) {
    (void)state;
    static const char row[] =
        ON_ROAD(STOP_LINE "length='0.5' width='6'>"
                          "<repeat s='10' length='40' distance='20'/></object>");
    static const char alone[] =
        ON_ROAD(STOP_LINE "length='0.5' width='6'>"
                          "<repeat s='10' length='0' distance='20'/></object>");
    struct map_report report;
    struct map_report unsaid;
    struct mapset m = read_map(row, &report);
    struct span base = span_of(row, strlen(row));
    take(&m, "opendrive:road/1/object/c/s/30000");
    struct buf out = into(&m, base, &unsaid);
    assert_true(unsaid.skipped >= 1);
    assert_true(report_says(&unsaid, "together with others"));
    assert_true(span_equal(buf_span(&out), base));
    buf_free(&out);
    mapset_free(&m);
    m = read_map(alone, &report);
    take(&m, "opendrive:road/1/object/c/s/10000");
    out = into(&m, span_of(alone, strlen(alone)), &unsaid);
    assert_int_equal(unsaid.skipped, 0);
    assert_null(memmem(out.p, out.n, "<object ", 8));
    buf_free(&out);
    mapset_free(&m);
}

static void damage_is_survived(void **state) {
    (void)state;
    static const char text[] = ON_ROAD(
        STOP_LINE "length='0.5' width='6'><repeat s='10' length='40' distance='20' tStart='-3' "
                  "tEnd='-1' widthStart='6' widthEnd='4' lengthStart='1' lengthEnd='1' "
                  "radiusStart='2' radiusEnd='1'/></object>" WALK(
                      "width='4'><repeat s='20' length='10' distance='0'/></object>"));
    struct ws_random rnd = ws_random_seeded(4);
    char bent[sizeof(text)];
    for (size_t i = 0; i < 4000; i++) {
        struct mapset m;
        memcpy(bent, text, sizeof(text));
        size_t n = i < sizeof(text) ? i : sizeof(text) - 1;
        if (i >= sizeof(text))
            for (unsigned k = 0; k <= ws_random_below(&rnd, 3); k++)
                bent[ws_random_below(&rnd, n)] = (char)ws_random_below(&rnd, 256);
        if (import_octets(span_of(bent, n), &here, &m, NULL, NULL) == WS_OK)
            mapset_free(&m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_several_things),
        cmocka_unit_test(outlines_move_along),
        cmocka_unit_test(what_goes_on_is_one_thing),
        cmocka_unit_test(it_follows_the_road),
        cmocka_unit_test(wrong_rows_are_named),
        cmocka_unit_test(one_of_a_row_is_not_written),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
