/* Lanelet2: rules of all kinds, areas, neighbours, defaults, and what is wrong in a large map. */
#include "base/mem.h"
#include "tests/unit/mapsvc/map_files.h"

#include <stdlib.h>

#define N(id, lat, lon) "<node id='" #id "' lat='48.76" #lat "' lon='11.42" #lon "'/>"
#define T(k, v) "<tag k='" k "' v='" v "'/>"
#define M(type, ref, role) "<member type='" type "' ref='" #ref "' role='" role "'/>"

/* Lane 101 with 102 to its right and the oncoming 103 to its left; 104 crosses. */
static const char rules[] =
    "<osm><node id='1' lat='48.7603' lon='11.4200'/>"
    "<node id='2' lat='48.7603' lon='11.4202'/>"
    "<node id='3' lat='48.7602' lon='11.4200'/>"
    "<node id='4' lat='48.7602' lon='11.4202'/>"
    "<node id='5' lat='48.7601' lon='11.4200'/>"
    "<node id='6' lat='48.7601' lon='11.4202'/>"
    "<node id='7' lat='48.7604' lon='11.4200'/>"
    "<node id='8' lat='48.7604' lon='11.4202'/>"
    "<node id='9' lat='48.7600' lon='11.4203'/>"
    "<node id='10' lat='48.7605' lon='11.4203'/>"
    "<node id='11' lat='48.7600' lon='11.4204'/>"
    "<node id='12' lat='48.7605' lon='11.4204'/>"
    "<node id='20' lat='48.7602' lon='11.42021'/>"
    "<node id='21' lat='48.7602' lon='11.42022'/>"
    "<way id='1'><nd ref='1'/><nd ref='2'/></way>"
    "<way id='2'><nd ref='3'/><nd ref='4'/></way>"
    "<way id='3'><nd ref='5'/><nd ref='6'/></way>"
    "<way id='4'><nd ref='8'/><nd ref='7'/></way>"
    "<way id='5'><nd ref='9'/><nd ref='10'/></way>"
    "<way id='6'><nd ref='11'/><nd ref='12'/></way>"
    "<way id='7'><nd ref='2'/><nd ref='4'/><tag k='type' v='stop_line'/></way>"
    "<way id='8'><nd ref='20'/><nd ref='21'/><tag k='type' v='traffic_light'/></way>"
    "<way id='9'><nd ref='20'/><nd ref='21'/><tag k='type' v='light_bulbs'/>"
    "<tag k='traffic_light_id' v='8'/></way>"
    "<way id='10'><nd ref='20'/><nd ref='21'/><tag k='subtype' v='de205'/></way>"
    "<way id='11'><nd ref='21'/><nd ref='20'/><tag k='subtype' v='de278-30'/></way>"
    "<relation id='101'><member type='way' ref='1' role='left'/>"
    "<member type='way' ref='2' role='right'/><tag k='type' v='lanelet'/>"
    "<member type='relation' ref='201' role='regulatory_element'/>"
    "<member type='relation' ref='202' role='regulatory_element'/>"
    "<member type='relation' ref='299' role='regulatory_element'/>"
    "<tag k='subtype' v='road'/><tag k='one_way' v='yes'/>"
    "<tag k='participant:vehicle' v='yes'/><tag k='turn_direction' v='left'/></relation>\n"
    "<relation id='102'><member type='way' ref='2' role='left'/>"
    "<member type='way' ref='3' role='right'/><tag k='type' v='lanelet'/>"
    "<member type='relation' ref='201' role='regulatory_element'/>"
    "<tag k='subtype' v='road'/><tag k='one_way' v='no'/></relation>\n"
    "<relation id='103'><member type='way' ref='1' role='left'/>"
    "<member type='way' ref='4' role='right'/><tag k='type' v='lanelet'/>"
    "<tag k='subtype' v='walkway'/><tag k='one_way' v='yes'/>"
    "<tag k='participant:pedestrian' v='yes'/><tag k='participant:bicycle' v='yes'/>"
    "</relation>\n"
    "<relation id='104'><member type='way' ref='5' role='left'/>"
    "<member type='way' ref='6' role='right'/><tag k='type' v='lanelet'/>"
    "<member type='relation' ref='203' role='regulatory_element'/>"
    "<tag k='subtype' v='road'/></relation>\n"
    "<relation id='105'><member type='way' ref='5' role='left'/>"
    "<member type='way' ref='6' role='right'/><tag k='type' v='lanelet'/>"
    "<tag k='subtype' v='road'/></relation>\n"
    "<relation id='201'><member type='way' ref='8' role='refers'/>"
    "<member type='way' ref='7' role='ref_line'/>"
    "<member type='way' ref='9' role='light_bulbs'/>"
    "<tag k='type' v='regulatory_element'/><tag k='subtype' v='traffic_light'/>"
    "</relation>"
    "<relation id='202'><member type='way' ref='10' role='refers'/>"
    "<member type='relation' ref='101' role='yield'/>"
    "<member type='relation' ref='104' role='right_of_way'/>"
    "<member type='relation' ref='999' role='yield'/>"
    "<member type='way' ref='7' role='ref_line'/><tag k='type' v='regulatory_element'/>"
    "<tag k='subtype' v='right_of_way'/></relation>"
    "<relation id='203'><member type='relation' ref='101' role='yield'/>"
    "<member type='relation' ref='104' role='yield'/>"
    "<tag k='type' v='regulatory_element'/><tag k='subtype' v='all_way_stop'/></relation>"
    "<relation id='204'><member type='way' ref='11' role='cancels'/>"
    "<tag k='type' v='regulatory_element'/><tag k='subtype' v='speed_limit'/></relation>"
    "</osm>";

static void rules_say_who_obeys_what(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = load_text(rules, &report);
    assert_int_equal(report.skipped, 0);
#define LANE_SAYS(id, key, want)                                                                   \
    assert_string_equal(attr_of(&m, EL_LANE, "lanelet2:relation/" #id, key), want)
    LANE_SAYS(101, "rules", "traffic_light right_of_way -"); /* one is not in the file */
    LANE_SAYS(101, "stop_lines", "lanelet2:way/7");
    LANE_SAYS(101, "yield", "lanelet2:relation/202");
    LANE_SAYS(101, "all_way_stop", "lanelet2:relation/203");
    LANE_SAYS(101, "turn_direction", "left");
    LANE_SAYS(104, "right_of_way", "lanelet2:relation/202");
    LANE_SAYS(104, "rules", "all_way_stop");
    LANE_SAYS(102, "yield", "");
    static const char both[] = "lanelet2:relation/101 lanelet2:relation/102";
    assert_string_equal(attr_of(&m, EL_LIGHT, "lanelet2:way/8", "governs"), both);
    assert_string_equal(attr_of(&m, EL_LIGHT, "lanelet2:way/8", "bulb_ways"), "lanelet2:way/9");
    assert_string_equal(attr_of(&m, EL_STOP_LINE, "lanelet2:way/7", "governs"), both);
    assert_string_equal(attr_of(&m, EL_SIGN, "lanelet2:way/11", "code"), "de278-30");
    assert_true(report_says(&report, "lanelet 101: regulatory element 299 is not in the file"));
    assert_true(report_says(&report, "regulatory element 202: lanelet 999 is not in the file"));
    assert_true(report_says(&report, "lanelet 105: has the bounds of lanelet 104"));
    /* neighbours */
    LANE_SAYS(101, "right_lane", "lanelet2:relation/102");
    LANE_SAYS(102, "left_lane", "lanelet2:relation/101");
    LANE_SAYS(101, "opposite_lane", "lanelet2:relation/103");
    LANE_SAYS(103, "opposite_lane", "lanelet2:relation/101");
    LANE_SAYS(101, "left_lane", "");
    /* defaults */
    LANE_SAYS(101, "one_way", "");
    LANE_SAYS(101, "participant:vehicle", "");
    LANE_SAYS(102, "one_way", "no");
    LANE_SAYS(103, "one_way", "yes");
    LANE_SAYS(103, "participant:pedestrian", "yes");
    mapset_free(&m);
}

/* A square in four ways of any order and direction, a hole in two. */
#define EDGE(id, a, b) "<way id='" #id "'><nd ref='" #a "'/><nd ref='" #b "'/></way>"
#define AREA(subtype, last)                                                                        \
    "<osm>" N(1, 0, 0) N(2, 0, 9) N(3, 9, 9) N(4, 9, 0) N(5, 3, 3) N(6, 3, 6) N(7, 6, 6)           \
        EDGE(1, 1, 2) EDGE(2, 3, 2) EDGE(3, 4, 3)                                                  \
            EDGE(4, 4, last) "<way id='5'><nd ref='5'/><nd ref='6'/><nd ref='7'/></way>" EDGE(     \
                6, 5, 7) "<relation id='1'>" M("way", 3, "outer") M("way", 1, "outer")             \
                M("way", 6, "inner") M("way", 2, "outer") M("way", 5, "inner")                     \
                    M("way", 4, "outer") T("type", "multipolygon")                                 \
                        T("subtype", subtype) "</relation></osm>"

static void areas_close(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = load_text(AREA("parking", 1), &report);
    assert_int_equal(report.skipped, 0);
    assert_int_equal(count_kind(&m, EL_BOUNDARY), 6);
    assert_int_equal(m.n, 7);
    assert_string_equal(attr_of(&m, EL_AREA, "lanelet2:relation/1", "subtype"), "parking");
    assert_string_equal(attr_of(&m, EL_AREA, "lanelet2:relation/1", "outer"),
        "lanelet2:way/1 lanelet2:way/2 lanelet2:way/3 lanelet2:way/4");
    assert_string_equal(
        attr_of(&m, EL_AREA, "lanelet2:relation/1", "inner"), "lanelet2:way/5 lanelet2:way/6");
    assert_int_equal(by_alias(&m, EL_AREA, "lanelet2:relation/1")->n_points, 4);
    assert_string_equal(
        attr_of(&m, EL_BOUNDARY, "lanelet2:way/2", "outer_of"), "lanelet2:relation/1");
    assert_string_equal(
        attr_of(&m, EL_BOUNDARY, "lanelet2:way/5", "inner_of"), "lanelet2:relation/1");
    mapset_free(&m);
    m = load_text(AREA("crosswalk", 1), &report);
    const struct element *e = by_alias(&m, EL_CROSSWALK, "lanelet2:relation/1");
    assert_int_equal(e->n_points, 4);
    for (size_t i = 0; i < 4; i++) { /* neighbours along the ring share one coordinate */
        const struct map_point *p = &e->points[i];
        const struct map_point *q = &e->points[(i + 1) % 4];
        assert_true((abs(p->x - q->x) <= 1) != (abs(p->y - q->y) <= 1));
    }
    mapset_free(&m);
    struct ws_err err;
    assert_int_equal(import_text(AREA("crosswalk", 5), NULL, &m, &report, &err), WS_OK);
    assert_int_equal(report.skipped, 1);
    assert_int_equal(m.n, 6); /* its ways stay */
    mapset_free(&m);
    assert_true(report_says(&report, "area 1: its outer or inner ways do not close"));
}

/* Three bad elements of ten thousand: told by file, line, element and reason; with strict the end. */
static void a_large_map_with_three_bad_elements(void **state) {
    (void)state;
    struct buf b = {0};
    enum { LANES = 3334 };
    buf_printf(&b, "<osm>\n");
    for (int i = 0; i <= LANES; i++)
        for (int side = 0; side < 2; side++)
            buf_printf(&b, "<node id='%d' lat='48.7%05d' lon='11.42%05d'/>\n", 2 * i + side + 1,
                side * 35, i * 10);
    for (int i = 0; i < LANES; i++)
        for (int side = 0; side < 2; side++)
            buf_printf(&b, "<way id='%d'><nd ref='%d'/><nd ref='%d'/></way>\n", 2 * i + side + 1,
                2 * i + side + 1, i == 700 && side == 1 ? 999999 : 2 * i + side + 3);
    for (int i = 0; i < LANES; i++)
        buf_printf(&b,
            "<relation id='%d'><member type='way' ref='%d' role='left'/><member type='way' "
            "ref='%d' role='%s'/><tag k='type' v='lanelet'/></relation>\n",
            i == 1000 ? 1 : i + 1, 2 * i + 2, 2 * i + 1, i == 2000 ? "rihgt" : "right");
    buf_printf(&b, "<node id='77777' lat='nan' lon='11'/>\n</osm>\n");
    struct map_report *report = ws_alloc(sizeof(*report));
    struct ws_err err;
    struct mapset m;
    assert_int_equal(import_octets(buf_span(&b), NULL, &m, report, &err), WS_OK);
    for (size_t i = 0; i < report->n; i++)
        (void)printf("%s\n", report->text[i]);
    /* the way without its node is a lane less and a boundary less; the node that is nowhere is alone */
    assert_int_equal(count_kind(&m, EL_LANE), LANES - 3);
    assert_true(report_says(report, ": relation 1: the id is used before"));
    assert_true(report_says(report, ": lanelet 2001: 0 ways have the role right"));
    assert_true(
        report_says(report, ": lanelet 701: left way 1402: node 999999 is not in the file"));
    assert_true(report_says(report, ": node 77777: \"nan\", \"11\" is not a place in degrees"));
    for (size_t i = 0; i < report->n; i++)
        assert_true(strncmp(report->text[i], "wayside-map-", 12) == 0);
    mapset_free(&m);
    const struct map_import_options strict = {.strict = true};
    assert_int_equal(import_octets(buf_span(&b), &strict, &m, report, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, ": node 77777: "));
    free(report);
    buf_free(&b);
}

static void limits_are_options(void **state) {
    (void)state;
    struct mapset m;
    struct ws_err err;
    const struct map_import_options small = {.max_octets = 100};
    assert_int_equal(import_text(rules, &small, &m, NULL, &err), WS_ELIMIT);
    assert_non_null(strstr(err.text, "larger than the limit of 100 octets"));
    const struct map_import_options few = {.max_objects = 20};
    assert_int_equal(import_text(rules, &few, &m, NULL, &err), WS_ELIMIT);
    assert_non_null(strstr(err.text, "element way: more than 20 objects"));
    const struct map_import_options parts = {.max_objects = 6}; /* and 24 references */
    static const char one[] = "<osm><way id='1'>";
    struct buf b = {0};
    buf_put(&b, one, strlen(one));
    for (int i = 0; i < 25; i++)
        buf_printf(&b, "<nd ref='1'/>");
    buf_printf(&b, "</way></osm>");
    assert_int_equal(import_octets(buf_span(&b), &parts, &m, NULL, &err), WS_ELIMIT);
    assert_non_null(strstr(err.text, "element nd: "));
    buf_free(&b);
}

/* ---- real maps: counts taken from the files by another reader ---- */

static void real_rules(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t yields, priorities, governed_lights, bulbs, skipped;
    } of[] = {{"karlsruhe_v8_e835f61", 4, 6, 10, 0, 0}, {"kashiwanoha_base", 2, 2, 2, 2, 0}};
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        char path[512];
        struct mapset m;
        struct map_report report;
        (void)snprintf(path, sizeof(path), "%s/maps/lanelet2/%s.osm", test_data_dir(), of[i].name);
        if (access(path, R_OK) != 0)
            skip();
        assert_int_equal(map_import(path, NULL, &m, &report, NULL), WS_OK);
        size_t n[4] = {0};
        for (size_t k = 0; k < m.n; k++) {
            const struct element *e = &m.elements[k];
            n[0] += element_attr(e, "yield") != NULL;
            n[1] += element_attr(e, "right_of_way") != NULL;
            n[2] += e->kind == EL_LIGHT && element_attr(e, "governs") != NULL;
            n[3] += element_attr(e, "bulbs") != NULL;
        }
        assert_int_equal(n[0], of[i].yields);
        assert_int_equal(n[1], of[i].priorities);
        assert_int_equal(n[2], of[i].governed_lights);
        assert_int_equal(n[3], of[i].bulbs);
        assert_int_equal(report.skipped, of[i].skipped);
        mapset_free(&m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_say_who_obeys_what),
        cmocka_unit_test(areas_close),
        cmocka_unit_test(a_large_map_with_three_bad_elements),
        cmocka_unit_test(limits_are_options),
        cmocka_unit_test(real_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
