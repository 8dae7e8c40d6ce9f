/* Lanelet2 as an automated-driving editor writes it: polygons, bulbs, speed bumps, rules of its own. All of it comes
 * back from an export, and a change of any of it is one change. */
#include "mapsvc/formats/export.h"
#include "tests/unit/mapsvc/map_files.h"

#include <stdlib.h>

#define T(k, v) "<tag k='" k "' v='" v "'/>"
#define R(ref) "<nd ref='" #ref "'/>"

static const char *const polygons[] = {"detection_area", "no_stopping_area", "crosswalk_polygon",
    "speed_bump", "no_parking_area", "intersection_area", "hatched_road_markings", "bus_stop_area",
    "roundabout", "parking_lot"};

static const char autoware[] =
    "<?xml version='1.0'?>\n"
    "<osm generator='VMB'><MetaInfo format_version='1' map_version='2'/>\n"
    "<node id='1' lat='48.7603' lon='11.4200'/>\n"
    "<node id='2' lat='48.7603' lon='11.4202'/>\n"
    "<node id='3' lat='48.7602' lon='11.4200'/>\n"
    "<node id='4' lat='48.7602' lon='11.4202'/>\n"
    "<node id='11' lat='48.7605' lon='11.4205'><tag k='ele' v='5'/>"
    "<tag k='color' v='red'/></node>\n"
    "<node id='12' lat='48.7605' lon='11.4205'><tag k='color' v='yellow'/></node>\n"
    "<node id='13' lat='48.7605' lon='11.4205'><tag k='arrow' v='left'/>"
    "<tag k='color' v='green'/></node>\n"
    "<node id='14' lat='48.7605' lon='11.4205'><tag k='color' v='green'/></node>\n"
    "<way id='1'><nd ref='1'/><nd ref='2'/><tag k='type' v='line_thin'/>"
    "<tag k='subtype' v='solid'/></way>\n"
    "<way id='2'><nd ref='3'/><nd ref='4'/><tag k='type' v='line_thin'/>"
    "<tag k='subtype' v='dashed'/></way>\n"
    "<way id='3'><nd ref='2'/><nd ref='4'/><tag k='type' v='stop_line'/></way>\n"
    "<way id='4'><nd ref='11'/><nd ref='13'/><tag k='type' v='traffic_light'/>"
    "<tag k='subtype' v='red_yellow_green'/></way>\n"
    "<way id='5'><nd ref='11'/><nd ref='12'/><nd ref='13'/><nd ref='14'/>"
    "<tag k='type' v='light_bulbs'/><tag k='traffic_light_id' v='4'/></way>\n"
    "<way id='6'><nd ref='2'/><nd ref='4'/><tag k='type' v='virtual_traffic_light'/>"
    "</way>\n"
    "<way id='7'><nd ref='1'/><nd ref='3'/><tag k='type' v='parking_space'/>"
    "<tag k='width' v='2.2'/></way>\n"
    "<way id='20'><nd ref='1'/><nd ref='2'/><nd ref='4'/><nd ref='3'/>"
    "<tag k='type' v='detection_area'/><tag k='area' v='yes'/></way>\n"
    "<way id='21'><nd ref='1'/><nd ref='2'/><nd ref='4'/><nd ref='3'/>"
    "<tag k='type' v='no_stopping_area'/><tag k='area' v='yes'/></way>\n"
    "<way id='22'><nd ref='1'/><nd ref='2'/><nd ref='4'/><nd ref='3'/>"
    "<tag k='type' v='crosswalk_polygon'/><tag k='area' v='yes'/></way>\n"
    "<way id='23'><nd ref='1'/><nd ref='2'/><nd ref='4'/><nd ref='3'/>"
    "<tag k='type' v='speed_bump'/><tag k='area' v='yes'/></way>\n"
    "<way id='24'><nd ref='1'/><nd ref='2'/><nd ref='4'/><nd ref='3'/>"
    "<tag k='type' v='no_parking_area'/><tag k='area' v='yes'/></way>\n"
    "<way id='25'><nd ref='1'/><nd ref='2'/><nd ref='4'/><nd ref='3'/>"
    "<tag k='type' v='intersection_area'/><tag k='area' v='yes'/></way>\n"
    "<way id='26'><nd ref='1'/><nd ref='2'/><nd ref='4'/><nd ref='3'/>"
    "<tag k='type' v='hatched_road_markings'/><tag k='area' v='yes'/></way>\n"
    "<way id='27'><nd ref='1'/><nd ref='2'/><nd ref='4'/><nd ref='3'/>"
    "<tag k='type' v='bus_stop_area'/><tag k='area' v='yes'/></way>\n"
    "<way id='28'><nd ref='1'/><nd ref='2'/><nd ref='4'/><nd ref='3'/>"
    "<tag k='type' v='roundabout'/><tag k='area' v='yes'/></way>\n"
    "<way id='29'><nd ref='1'/><nd ref='2'/><nd ref='4'/><nd ref='3'/>"
    "<tag k='type' v='parking_lot'/><tag k='area' v='yes'/></way>\n"
    "<relation id='50'><member type='way' ref='4' role='refers'/>"
    "<member type='way' ref='3' role='ref_line'/>"
    "<member type='way' ref='5' role='light_bulbs'/>"
    "<tag k='type' v='regulatory_element'/><tag k='subtype' v='traffic_light'/>"
    "</relation>\n"
    "<relation id='51'><member type='way' ref='20' role='refers'/>"
    "<member type='way' ref='3' role='ref_line'/><tag k='type' v='regulatory_element'/>"
    "<tag k='subtype' v='detection_area'/></relation>\n"
    "<relation id='52'><member type='way' ref='21' role='refers'/>"
    "<tag k='type' v='regulatory_element'/><tag k='subtype' v='no_stopping_area'/>"
    "</relation>\n"
    "<relation id='53'><member type='way' ref='22' role='crosswalk_polygon'/>"
    "<member type='relation' ref='100' role='refers'/>"
    "<tag k='type' v='regulatory_element'/><tag k='subtype' v='crosswalk'/></relation>\n"
    "<relation id='54'><member type='way' ref='23' role='refers'/>"
    "<tag k='type' v='regulatory_element'/><tag k='subtype' v='speed_bump'/></relation>\n"
    "<relation id='55'><member type='way' ref='6' role='refers'/>"
    "<member type='way' ref='3' role='ref_line'/><tag k='type' v='regulatory_element'/>"
    "<tag k='subtype' v='virtual_traffic_light'/></relation>\n"
    "<relation id='100'><member type='way' ref='1' role='left'/>"
    "<member type='way' ref='2' role='right'/>"
    "<member type='relation' ref='50' role='regulatory_element'/>"
    "<member type='relation' ref='51' role='regulatory_element'/>"
    "<member type='relation' ref='52' role='regulatory_element'/>"
    "<member type='relation' ref='53' role='regulatory_element'/>"
    "<member type='relation' ref='54' role='regulatory_element'/>"
    "<member type='relation' ref='55' role='regulatory_element'/>"
    "<tag k='type' v='lanelet'/><tag k='subtype' v='road'/><tag k='speed_limit' v='50'/>"
    "<tag k='location' v='urban'/></relation>\n"
    "</osm>\n";

static void all_of_it_is_read(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = load_text(autoware, &report);
    assert_int_equal(report.skipped, 0);
    assert_int_equal(report.notes, 0);
    assert_int_equal(count_kind(&m, EL_AREA), ARRAY_LEN(polygons));
    for (size_t i = 0; i < ARRAY_LEN(polygons); i++) {
        char alias[32];
        (void)snprintf(alias, sizeof(alias), "lanelet2:way/%zu", 20 + i);
        assert_string_equal(attr_of(&m, EL_AREA, alias, "type"), polygons[i]);
        assert_int_equal(by_alias(&m, EL_AREA, alias)->n_points, 4);
    }
    assert_string_equal(
        attr_of(&m, EL_LIGHT, "lanelet2:way/4", "bulbs"), "red yellow green:left green");
    assert_null(by_alias(&m, EL_BOUNDARY, "lanelet2:way/5"));
    assert_string_equal(
        attr_of(&m, EL_BOUNDARY, "lanelet2:way/6", "type"), "virtual_traffic_light");
    assert_string_equal(attr_of(&m, EL_BOUNDARY, "lanelet2:way/7", "width"), "2.2");
    assert_string_equal(attr_of(&m, EL_LANE, "lanelet2:relation/100", "rules"),
        "traffic_light detection_area no_stopping_area crosswalk speed_bump "
        "virtual_traffic_light");
    assert_string_equal(
        attr_of(&m, EL_AREA, "lanelet2:way/20", "regulatory"), "lanelet2:relation/51");
    assert_string_equal(
        attr_of(&m, EL_AREA, "lanelet2:way/20", "governs"), "lanelet2:relation/100");
    assert_string_equal(
        attr_of(&m, EL_AREA, "lanelet2:way/22", "governs"), "lanelet2:relation/100");
    mapset_free(&m);
}

static void it_comes_back_from_an_export(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = load_text(autoware, &report);
    struct buf b = {0};
    struct map_delta d;
    export_lanelet2(&m, &b);
    buf_u8(&b, 0);
    struct mapset again = load_text((const char *)b.p, &report);
    map_compare(&m, &again, &d);
    for (size_t i = 0; i < d.n; i++) {
        const struct element *e =
            d.changes[i].before != NULL ? d.changes[i].before : d.changes[i].after;
        print_error("%s %s\n", element_kind_name(e->kind), e->aliases[0]);
    }
    assert_int_equal(d.n, 0);
    assert_string_equal(attr_of(&again, EL_LANE, "lanelet2:relation/100", "rules"),
        attr_of(&m, EL_LANE, "lanelet2:relation/100", "rules"));
    map_delta_free(&d);
    mapset_free(&again);
    mapset_free(&m);
    buf_free(&b);
}

/* Text with one occurrence of a word replaced by another of any length. */
static char *with(const char *from, const char *to) {
    const char *at = strstr(autoware, from);
    assert_non_null(at);
    struct buf b = {0};
    buf_put(&b, autoware, (size_t)(at - autoware));
    buf_put(&b, to, strlen(to));
    buf_put(&b, at + strlen(from), strlen(at + strlen(from)) + 1);
    return (char *)b.p;
}

static void one_edit_is_one_change(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        enum element_kind kind;
        const char *alias;
    } edits[] = {
        {T("color", "yellow"), T("color", "amber"), EL_LIGHT, "lanelet2:way/4"},
        {T("arrow", "left"), T("arrow", "right"), EL_LIGHT, "lanelet2:way/4"},
        {T("type", "no_parking_area"), T("type", "parking_lot"), EL_AREA, "lanelet2:way/24"},
        {T("width", "2.2"), T("width", "2.5"), EL_BOUNDARY, "lanelet2:way/7"},
        {"<way id='23'>" R(1), "<way id='23'>" R(14), EL_AREA, "lanelet2:way/23"},
        {T("subtype", "red_yellow_green"), T("subtype", "red_green"), EL_LIGHT, "lanelet2:way/4"},
    };
    struct map_report report;
    struct mapset m = load_text(autoware, &report);
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        char *text = with(edits[i].from, edits[i].to);
        struct mapset other = load_text(text, &report);
        struct map_delta d;
        map_compare(&m, &other, &d);
        if (d.n != 1)
            fail_msg("edit %zu: %zu changes", i, d.n);
        assert_int_equal(d.changes[0].op, MAP_MODIFY);
        assert_int_equal(d.changes[0].before->kind, edits[i].kind);
        assert_string_equal(d.changes[0].before->aliases[0], edits[i].alias);
        map_delta_free(&d);
        mapset_free(&other);
        free(text);
    }
    mapset_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_is_read),
        cmocka_unit_test(it_comes_back_from_an_export),
        cmocka_unit_test(one_edit_is_one_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
