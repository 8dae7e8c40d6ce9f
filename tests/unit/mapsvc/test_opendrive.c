/* OpenDRIVE import: lanes on both sides, limits, signals, what is broken. */
#include "mapsvc/opendrive/opendrive.h"

#include "base/random.h"
#include "tests/unit/mapsvc/opendrive_files.h"

#include <math.h>

static void lanes_on_both_sides(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m =
        read_map(XODR(ROAD("7",
                     "<type s='0' type='town'><speed max='50' unit='km/h'/></type>" LINE100 LANES)),
            &report);
    assert_int_equal(report.notes, 0);
    assert_int_equal(count_kind(&m, EL_LANE), 3);
    assert_int_equal(count_kind(&m, EL_BOUNDARY), 4);
    assert_int_equal(count_kind(&m, EL_SPEED_LIMIT), 2); /* not on the sidewalk */
    const struct element *e = by_alias(&m, EL_LANE, "opendrive:road/7/section/0/lane/-1");
    check_point(e, 0, 10000, 18000);
    check_point(e, 1, 110000, 18000);
    assert_int_equal(e->heading, 0);
    assert_string_equal(element_attr(e, "left"), "opendrive:road/7/section/0/border/0");
    assert_string_equal(element_attr(e, "right"), "opendrive:road/7/section/0/border/-1");
    e = by_alias(&m, EL_LANE, "opendrive:road/7/section/0/lane/1");
    check_point(e, 0, 110000, 21500); /* drives against s */
    check_point(e, 1, 10000, 21500);
    assert_int_equal(e->heading, 0x8000);
    assert_string_equal(element_attr(e, "left"), "opendrive:road/7/section/0/border/0");
    e = by_alias(&m, EL_BOUNDARY, "opendrive:road/7/section/0/border/-2");
    check_point(e, 0, 10000, 14000);
    e = by_alias(&m, EL_BOUNDARY, "opendrive:road/7/section/0/border/0");
    assert_string_equal(element_attr(e, "type"), "solid");
    e = by_alias(&m, EL_SPEED_LIMIT, "opendrive:road/7/section/0/lane/1#speed_limit");
    assert_non_null(e);
    assert_int_equal(e->value, 50);
    assert_string_equal(element_attr(e, "lane"), "opendrive:road/7/section/0/lane/1");
    assert_int_equal(e->heading, 0x8000);
    mapset_free(&m);

    /* Where traffic keeps left, both run the other way and left is the outer edge. */
    m = read_map(
        XODR("<road id='7' length='100' junction='-1' rule='LHT'>" LINE100 LANES "</road>"),
        &report);
    e = by_alias(&m, EL_LANE, "opendrive:road/7/section/0/lane/-1");
    check_point(e, 0, 110000, 18000);
    assert_string_equal(element_attr(e, "left"), "opendrive:road/7/section/0/border/-1");
    mapset_free(&m);
}

/* Lane offset, a taper, elevation, and a second section whose lanes follow on the first's. */
static void cubics_and_sections(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map(
        XODR(ROAD("r", LINE100
            "<elevationProfile><elevation s='0' a='5' b='0.1' c='0' d='0'/></elevationProfile>"
            "<lanes><laneOffset s='0' a='1' b='0' c='0' d='0'/><laneOffset s='50' a='1' b='0.02' "
            "c='0' "
            "d='0'/><laneSection s='0'><center><lane id='0' type='none'/></center><right>"
            "<lane id='-1' type='driving'>" WIDTH(
                3) "</lane></right></laneSection>"
                   "<laneSection s='40'><center><lane id='0' type='none'/></center><right>"
                   "<lane id='-1' type='driving'>" WIDTH(
                       3) "</lane>"
                          "<lane id='-2' type='driving'><width sOffset='0' a='0' b='0' c='0.0025' "
                          "d='0'/>"
                          "<width sOffset='20' a='1' b='0' c='0' d='0'/></lane>"
                          "<lane id='-3' type='none'>" WIDTH(
                              0) "</lane></right></laneSection></lanes>")),
        &report);
    assert_true(report_says(&report, "1 lanes have no width"));
    const struct element *e = by_alias(&m, EL_LANE, "opendrive:road/r/section/0/lane/-1");
    check_point(e, 0, 10000, 19500);
    assert_int_equal(e->points[0].z, 5000);
    check_point(e, e->n_points - 1, 50000, 19500);
    assert_int_equal(e->points[e->n_points - 1].z, 9000);
    assert_string_equal(element_attr(e, "successors"), "opendrive:road/r/section/1/lane/-1");
    e = by_alias(&m, EL_BOUNDARY, "opendrive:road/r/section/1/border/-1");
    check_point(e, 0, 50000, 18000);
    check_point(e, e->n_points - 1, 110000, 19000); /* 1 + 0.02 * 50 - 3 */
    e = by_alias(&m, EL_BOUNDARY, "opendrive:road/r/section/1/border/-2");
    check_point(e, e->n_points - 1, 110000, 18000);
    assert_true(e->n_points > 4); /* the taper is drawn, not cut across */
    double worst = 0;
    for (size_t i = 0; i < e->n_points; i++) {
        double ds = (e->points[i].x - 50000) / 1000.0;
        double w = ds < 20 ? 0.0025 * ds * ds : 1.0;
        double t = (ds < 10 ? 1.0 : 1.0 + 0.02 * (ds - 10)) - 3.0 - w;
        worst = fmax(worst, fabs(20.0 + t - e->points[i].y / 1000.0));
    }
    assert_true(worst < 0.0015);
    mapset_free(&m);
}

static void borders_instead_of_widths(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map(
        XODR(ROAD("1", LINE100 "<lanes><laneSection s='0'><left><lane id='1' type='driving'>"
                               "<border sOffset='0' a='3.5' b='0' c='0' "
                               "d='0'/></lane></left><center><lane id='0'/></center>"
                               "<right><lane id='-1' type='driving'><border sOffset='0' a='-3' "
                               "b='0' c='0' d='0'/></lane>"
                               "</right></laneSection></lanes>")),
        &report);
    check_point(by_alias(&m, EL_BOUNDARY, "opendrive:road/1/section/0/border/1"), 0, 10000, 23500);
    check_point(by_alias(&m, EL_LANE, "opendrive:road/1/section/0/lane/-1"), 0, 10000, 18500);
    mapset_free(&m);
}

static void limits_by_stretch_and_lane(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map(
        XODR(ROAD("1",
            "<type s='0' type='rural'><speed max='30' unit='mph'/></type>"
            "<type s='40' type='town'/><type s='60' type='town'><speed max='13.89'/></type>" LINE100
            "<lanes><laneSection s='0'><center><lane id='0'/></center><right>"
            "<lane id='-1' type='driving'>" WIDTH(
                3) "</lane>"
                   "<lane id='-2' type='driving'>" WIDTH(
                       3) "<speed sOffset='10' max='70' unit='km/h'/></lane>"
                          "<lane id='-3' type='driving'>" WIDTH(
                              3) "<speed sOffset='0' max='no limit'/></lane>"
                                 "</right></laneSection></lanes>")),
        &report);
    assert_int_equal(count_kind(&m, EL_SPEED_LIMIT), 3);
    const struct element *e =
        by_alias(&m, EL_SPEED_LIMIT, "opendrive:road/1/section/0/lane/-1#speed_limit");
    check_point(e, 1, 50000, 18500);
    assert_int_equal(e->value, 30);
    assert_string_equal(element_attr(e, "unit"), "mph");
    e = by_alias(&m, EL_SPEED_LIMIT, "opendrive:road/1/section/0/lane/-1#speed_limit/s/60000");
    check_point(e, 0, 70000, 18500);
    assert_int_equal(e->value, 50); /* metres per second where no unit is given */
    e = by_alias(&m, EL_SPEED_LIMIT, "opendrive:road/1/section/0/lane/-2#speed_limit/s/10000");
    assert_non_null(e);
    assert_int_equal(e->value, 70);
    mapset_free(&m);
}

static void signals_are_keyed_by_road_id_and_s(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map(
        XODR(ROAD("1", LINE100 LANES
            "<objects><object id='1' s='1' t='1'/></objects><signals>"
            "<signal id='4' s='30' t='-8' zOffset='2' orientation='+' dynamic='no' country='DE' "
            "type='274' "
            "subtype='50' value='50' unit='km/h' name='a'/>"
            "<signal id='4' s='60' t='8' orientation='-' dynamic='no' country='DE' type='206' "
            "subtype='-1' "
            "value='-1'/>"
            "<signal id='4' s='60' t='9' orientation='-' dynamic='no' country='DE' type='206'/>"
            "<signal id='5' s='70' t='0' orientation='none' dynamic='yes' type='1000001'/>"
            "<signal id='6' s='700' t='0' orientation='+'/><signal id='7' s='nan' t='0'/>"
            "<signal id='8' t='0'/><signalReference id='4' s='1' t='1'/></signals>")),
        &report);
    assert_int_equal(count_kind(&m, EL_SIGN), 3);
    assert_int_equal(count_kind(&m, EL_LIGHT), 1);
    assert_int_equal(report.skipped, 3);
    assert_true(report_says(&report, "signal 4: the id is used before"));
    assert_true(report_says(&report, "signal/6/s/700000: s is not on the road"));
    assert_true(report_says(&report, "signal 7: s is not a length"));
    assert_true(report_says(&report, "1 elements object are no crosswalk"));
    assert_true(report_says(
        &report, "signalReference on road 1: names signal 4, of which there are several"));
    const struct element *e = by_alias(&m, EL_SIGN, "opendrive:road/1/signal/4/s/30000");
    check_point(e, 0, 40000, 12000);
    assert_int_equal(e->points[0].z, 2000);
    assert_int_equal(e->heading, 0);
    assert_int_equal(e->value, 50);
    assert_string_equal(element_attr(e, "code"), "de274-50");
    assert_string_equal(element_attr(e, "country"), "DE");
    e = by_alias(&m, EL_SIGN, "opendrive:road/1/signal/4/s/60000");
    check_point(e, 0, 70000, 28000);
    assert_int_equal(e->heading, 0x8000);
    assert_false(e->has_value);
    assert_string_equal(element_attr(e, "code"), "de206");
    assert_non_null(by_alias(&m, EL_SIGN, "opendrive:road/1/signal/4/s/60000/2"));
    e = by_alias(&m, EL_LIGHT, "opendrive:road/1/signal/5/s/70000");
    assert_non_null(e);
    assert_false(e->has_heading);
    mapset_free(&m);
}

/* ---- bad input ---- */

static void broken_roads_are_named(void **state) {
    (void)state;
    static const struct {
        const char *road, *why;
    } cases[] = {
        {ROAD("2", LANES), "no planView geometry"},
        {ROAD("", LINE100 LANES), "id is missing"},
        {"<road id='2' length='x'>" LINE100 LANES "</road>", "a number is malformed"},
        {"<road id='2' length='nan'>" LINE100 LANES "</road>", "a number is malformed"},
        {"<road id='2' length='0'>" LINE100 LANES "</road>", "length is not above 0"},
        {"<road id='2' length='1e9'>" LINE100 LANES "</road>", "a number is malformed or absurd"},
        {ROAD("2",
             "<planView><geometry s='0' x='0' y='0' hdg='0' length='100'><clothoid/></geometry>"
             "</planView>" LANES),
            "none of line, arc, spiral"},
        {ROAD("2", "<planView><geometry s='0' x='0' y='0' hdg='0' length='0'><line/></geometry>"
                   "</planView>" LANES),
            "a geometry has no length"},
        {ROAD("2", "<planView><geometry s='0' x='0' y='0' hdg='0' length='50'><line/></geometry>"
                   "<geometry s='50' x='51' y='0' hdg='0' "
                   "length='50'><line/></geometry></planView>" LANES),
            "more than 0.1 m apart"},
        {ROAD("2", "<planView><geometry s='0' x='0' y='0' hdg='0' length='9'><arc curvature='1e9'/>"
                   "</geometry></planView>" LANES),
            "turns too often"},
        {ROAD("2", LINE100 "<lanes><laneSection s='0'><right><lane id='-1'/><lane id='-3'/></right>"
                           "</laneSection></lanes>"),
            "repeat or leave a gap"},
        {ROAD("2", LINE100
             "<lanes><laneSection s='0'><right><lane id='-2'/></right></laneSection></lanes>"),
            "do not begin at 1"},
        {ROAD("2", LINE100
             "<lanes><laneSection s='0'><left><lane id='1e3'/></left></laneSection></lanes>"),
            "lane id is not a number"},
        {ROAD("2", LINE100 "<lanes><laneSection s='9'/><laneSection s='3'/></lanes>"),
            "sections do not follow"},
        {ROAD("1", LINE100 LANES), "the id is used before"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[4096];
        (void)snprintf(text, sizeof(text), "<OpenDRIVE>%s%s</OpenDRIVE>", ROAD("1", LINE100 LANES),
            cases[i].road);
        struct mapset m;
        struct map_report report;
        struct ws_err err;
        if (import_text(text, &here, &m, &report, &err) != WS_OK)
            fail_msg("case %zu: %s", i, err.text);
        if (!report_says(&report, cases[i].why))
            fail_msg("case %zu: nothing says \"%s\" but: %s", i, cases[i].why, report.text[0]);
        assert_int_equal(report.skipped, 1);
        assert_int_equal(count_kind(&m, EL_LANE), 3);
        mapset_free(&m);
        struct map_import_options strict = here;
        strict.strict = true;
        assert_int_equal(import_text(text, &strict, &m, &report, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, cases[i].why));
    }
}

/* Small joints are told, smaller ones are not. */
static void joints_are_graded(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m =
        read_map(XODR(ROAD("2",
                     "<planView><geometry s='0' x='0' y='0' hdg='0' length='50'><line/></geometry>"
                     "<geometry s='50' x='50.05' y='0' hdg='0' length='50'><line/></geometry>"
                     "</planView>" LANES)),
            &report);
    assert_int_equal(report.notes, 1);
    assert_true(
        report_says(&report, "road 2: records of the reference line are up to 0.050 m apart"));
    mapset_free(&m);
}

static void roads_end_with_their_line(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m =
        read_map(XODR("<road id='2' length='300' junction='-1'>" LINE100 LANES "</road>"), &report);
    assert_int_equal(report.notes, 1);
    assert_true(
        report_says(&report, "road 2: is 300.00 m long, but its reference line ends at 100.00 m"));
    check_point(by_alias(&m, EL_BOUNDARY, "opendrive:road/2/section/0/border/0"), 1, 110000, 20000);
    mapset_free(&m);
}

static void damage_is_survived(void **state) {
    (void)state;
    static const char text[] = XODR(
        ROAD("1", "<type s='0' type='town'><speed max='50' unit='km/h'/></type>"
                  "<planView><geometry s='0' x='0' y='0' hdg='0' length='30'><spiral curvStart='0' "
                  "curvEnd='0.01'/></geometry></planView>" LANES
                  "<signals><signal id='4' s='30' t='-8' orientation='+' value='50'/></signals>"));
    struct mapset m;
    struct ws_err err;
    size_t n = sizeof(text) - 1;
    for (size_t cut = 0; cut < n; cut += 5)
        assert_int_not_equal(import_octets(span_of(text, cut), &here, &m, NULL, &err), WS_OK);
    struct ws_random rnd = ws_random_seeded(6);
    char copy[sizeof(text)];
    size_t read = 0;
    for (int i = 0; i < 1500; i++) {
        memcpy(copy, text, sizeof(text));
        for (int k = 0; k < 2; k++)
            copy[ws_random_below(&rnd, n)] ^= (char)(1 << ws_random_below(&rnd, 7));
        if (import_octets(span_of(copy, n), &here, &m, NULL, &err) == WS_OK) {
            read++;
            mapset_free(&m);
        }
    }
    assert_true(read > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_on_both_sides),
        cmocka_unit_test(cubics_and_sections),
        cmocka_unit_test(borders_instead_of_widths),
        cmocka_unit_test(limits_by_stretch_and_lane),
        cmocka_unit_test(signals_are_keyed_by_road_id_and_s),
        cmocka_unit_test(broken_roads_are_named),
        cmocka_unit_test(joints_are_graded),
        cmocka_unit_test(roads_end_with_their_line),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
