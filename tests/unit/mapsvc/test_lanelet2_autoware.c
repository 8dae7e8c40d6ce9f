/* Lanelet2 as an automated-driving editor writes it: polygons, bulbs, speed bumps, rules of its own. All of it comes
 * back from an export, and a change of any of it is one change. */
#include "mapsvc/export.h"
#include "tests/unit/mapsvc/map_files.h"

#include <stdlib.h>

#define N(id, lat, lon) "<node id='" #id "' lat='48.76" #lat "' lon='11.42" #lon "'/>\n"
#define BULB(id, tags) "<node id='" #id "' lat='48.7605' lon='11.4205'>" tags "</node>\n"
#define T(k, v) "<tag k='" k "' v='" v "'/>"
#define M(type, ref, role) "<member type='" type "' ref='" #ref "' role='" role "'/>"
#define R(ref) "<nd ref='" #ref "'/>"
#define RULE(id, subtype, members)                                                                 \
    "<relation id='" #id "'>" members T("type", "regulatory_element")                              \
        T("subtype", subtype) "</relation>\n"
#define POLYGON(id, type)                                                                          \
    "<way id='" #id "'>" R(1) R(2) R(4) R(3) T("type", type) T("area", "yes") "</way>\n"

static const char *const polygons[] = {"detection_area", "no_stopping_area", "crosswalk_polygon",
    "speed_bump", "no_parking_area", "intersection_area", "hatched_road_markings", "bus_stop_area",
    "roundabout", "parking_lot"};

static const char autoware[] =
    "<?xml version='1.0'?>\n<osm generator='VMB'><MetaInfo format_version='1' "
    "map_version='2'/>\n" N(1, 03, 00) N(2, 03, 02) N(3, 02, 00) N(4, 02, 02)
        BULB(11, T("ele", "5") T("color", "red")) BULB(12, T("color", "yellow"))
            BULB(13, T("arrow", "left") T("color", "green"))
                BULB(14, T("color", "green")) "<way id='1'>" R(1)
                    R(2)
                        T(
                            "type", "line_thin") T("subtype", "solid") "</way>\n"
                                                                       "<way id='2'>" R(3) R(4) T("type", "line_thin") T("subtype", "dashed") "</way>\n"
                                                                                                                                              "<way id='3'>" R(2) R(4) T("type", "stop_line") "</way>\n"
                                                                                                                                                                                              "<way id='4'>" R(11) R(13) T("type", "traffic_light") T("subtype", "red_yellow_green") "</way>\n"
                                                                                                                                                                                                                                                                                     "<way id='5'>" R(
                                                                                                                                                                                                                                                                                         11)
                                                                                                                                                                                                                                                                                         R(
                                                                                                                                                                                                                                                                                             12) R(13) R(14) T("type", "light_bulbs") T("traffic_light_id", "4") "</way>\n"
                                                                                                                                                                                                                                                                                                                                                                 "<way id='6'>" R(
                                                                                                                                                                                                                                                                                                                                                                     2)
                                                                                                                                                                                                                                                                                                                                                                     R(4) T(
                                                                                                                                                                                                                                                                                                                                                                         "type",
                                                                                                                                                                                                                                                                                                                                                                         "virtual_traffic_light") "</way>\n"
                                                                                                                                                                                                                                                                                                                                                                                                  "<way id='7'>" R(
                                                                                                                                                                                                                                                                                                                                                                                                      1)
                                                                                                                                                                                                                                                                                                                                                                                                      R(3)
                                                                                                                                                                                                                                                                                                                                                                                                          T("type",
                                                                                                                                                                                                                                                                                                                                                                                                              "parking_space")
                                                                                                                                                                                                                                                                                                                                                                                                              T(
                                                                                                                                                                                                                                                                                                                                                                                                                  "width", "2.2") "</way>\n" POLYGON(20, "detection_area") POLYGON(21, "no_stopping_area") POLYGON(22,
                                                                                                                                                                                                                                                                                                                                                                                                                  "crosswalk_polygon") POLYGON(23, "speed_bump")
                                                                                                                                                                                                                                                                                                                                                                                                                  POLYGON(
                                                                                                                                                                                                                                                                                                                                                                                                                      24,
                                                                                                                                                                                                                                                                                                                                                                                                                      "no_parking_area") POLYGON(25, "intersection_area") POLYGON(26,
                                                                                                                                                                                                                                                                                                                                                                                                                      "hatched_road_markings")
                                                                                                                                                                                                                                                                                                                                                                                                                      POLYGON(
                                                                                                                                                                                                                                                                                                                                                                                                                          27,
                                                                                                                                                                                                                                                                                                                                                                                                                          "bus_stop_area")
                                                                                                                                                                                                                                                                                                                                                                                                                          POLYGON(
                                                                                                                                                                                                                                                                                                                                                                                                                              28, "roundabout")
                                                                                                                                                                                                                                                                                                                                                                                                                              POLYGON(29, "parking_lot") RULE(50,
                                                                                                                                                                                                                                                                                                                                                                                                                                  "traffic_light",
                                                                                                                                                                                                                                                                                                                                                                                                                                  M("way",
                                                                                                                                                                                                                                                                                                                                                                                                                                      4,
                                                                                                                                                                                                                                                                                                                                                                                                                                      "refers") M("way",
                                                                                                                                                                                                                                                                                                                                                                                                                                      3,
                                                                                                                                                                                                                                                                                                                                                                                                                                      "ref_line")
                                                                                                                                                                                                                                                                                                                                                                                                                                      M("way",
                                                                                                                                                                                                                                                                                                                                                                                                                                          5, "light_bulbs")) RULE(51, "detection_area", M("way", 20, "refers") M("way", 3, "ref_line")) RULE(52, "no_stopping_area", M("way", 21, "refers")) RULE(53, "crosswalk",
                                                                                                                                                                                                                                                                                                                                                                                                                                  M("way",
                                                                                                                                                                                                                                                                                                                                                                                                                                      22,
                                                                                                                                                                                                                                                                                                                                                                                                                                      "crosswalk_polygon")
                                                                                                                                                                                                                                                                                                                                                                                                                                      M("relation",
                                                                                                                                                                                                                                                                                                                                                                                                                                          100,
                                                                                                                                                                                                                                                                                                                                                                                                                                          "refers"))
                                                                                                                                                                                                                                                                                                                                                                                                                                  RULE(
                                                                                                                                                                                                                                                                                                                                                                                                                                      54,
                                                                                                                                                                                                                                                                                                                                                                                                                                      "speed_bump",
                                                                                                                                                                                                                                                                                                                                                                                                                                      M("way",
                                                                                                                                                                                                                                                                                                                                                                                                                                          23, "refers"))
                                                                                                                                                                                                                                                                                                                                                                                                                                      RULE(
                                                                                                                                                                                                                                                                                                                                                                                                                                          55,
                                                                                                                                                                                                                                                                                                                                                                                                                                          "virtual_traffic_light",
                                                                                                                                                                                                                                                                                                                                                                                                                                          M("way", 6, "refers") M(
                                                                                                                                                                                                                                                                                                                                                                                                                                              "way", 3, "ref_line")) "<relation id='100'>" M("way", 1, "left") M("way", 2, "right") M("relation", 50, "regulatory_element")
                                                                                                                                                                                                                                                                                                                                                                                                                                          M("relation", 51, "regulatory_element") M("relation",
                                                                                                                                                                                                                                                                                                                                                                                                                                              52,
                                                                                                                                                                                                                                                                                                                                                                                                                                              "regulatory_element") M("relation", 53, "regulatory_element")
                                                                                                                                                                                                                                                                                                                                                                                                                                              M("relation", 54, "regulatory_element") M("relation",
                                                                                                                                                                                                                                                                                                                                                                                                                                                  55,
                                                                                                                                                                                                                                                                                                                                                                                                                                                  "regulatory_element") T("type", "lanelet")
                                                                                                                                                                                                                                                                                                                                                                                                                                                  T("subtype", "road") T("speed_limit", "50")
                                                                                                                                                                                                                                                                                                                                                                                                                                                      T("location",
                                                                                                                                                                                                                                                                                                                                                                                                                                                          "urban") "</relation>\n</osm>\n";

static struct mapset load(const char *text, struct map_report *report) {
    struct mapset m;
    struct ws_err err;
    if (import_text(text, NULL, &m, report, &err) != WS_OK)
        fail_msg("%s", err.text);
    return m;
}

static const char *attr(
    const struct mapset *m, enum element_kind kind, const char *alias, const char *key) {
    const struct element *e = by_alias(m, kind, alias);
    if (e == NULL)
        fail_msg("no %s", alias);
    const char *v = element_attr(e, key);
    return v == NULL ? "" : v;
}

static void all_of_it_is_read(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = load(autoware, &report);
    assert_int_equal(report.skipped, 0);
    assert_int_equal(report.notes, 0);
    assert_int_equal(count_kind(&m, EL_AREA), ARRAY_LEN(polygons));
    for (size_t i = 0; i < ARRAY_LEN(polygons); i++) {
        char alias[32];
        (void)snprintf(alias, sizeof(alias), "lanelet2:way/%zu", 20 + i);
        assert_string_equal(attr(&m, EL_AREA, alias, "type"), polygons[i]);
        assert_int_equal(by_alias(&m, EL_AREA, alias)->n_points, 4);
    }
    assert_string_equal(
        attr(&m, EL_LIGHT, "lanelet2:way/4", "bulbs"), "red yellow green:left green");
    assert_null(by_alias(&m, EL_BOUNDARY, "lanelet2:way/5"));
    assert_string_equal(attr(&m, EL_BOUNDARY, "lanelet2:way/6", "type"), "virtual_traffic_light");
    assert_string_equal(attr(&m, EL_BOUNDARY, "lanelet2:way/7", "width"), "2.2");
    assert_string_equal(attr(&m, EL_LANE, "lanelet2:relation/100", "rules"),
        "traffic_light detection_area no_stopping_area crosswalk speed_bump "
        "virtual_traffic_light");
    assert_string_equal(attr(&m, EL_AREA, "lanelet2:way/20", "regulatory"), "lanelet2:relation/51");
    assert_string_equal(attr(&m, EL_AREA, "lanelet2:way/20", "governs"), "lanelet2:relation/100");
    assert_string_equal(attr(&m, EL_AREA, "lanelet2:way/22", "governs"), "lanelet2:relation/100");
    mapset_free(&m);
}

static void it_comes_back_from_an_export(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = load(autoware, &report);
    struct buf b = {0};
    struct map_delta d;
    export_lanelet2(&m, &b);
    buf_u8(&b, 0);
    struct mapset again = load((const char *)b.p, &report);
    map_compare(&m, &again, &d);
    for (size_t i = 0; i < d.n; i++) {
        const struct element *e =
            d.changes[i].before != NULL ? d.changes[i].before : d.changes[i].after;
        print_error("%s %s\n", element_kind_name(e->kind), e->aliases[0]);
    }
    assert_int_equal(d.n, 0);
    assert_string_equal(attr(&again, EL_LANE, "lanelet2:relation/100", "rules"),
        attr(&m, EL_LANE, "lanelet2:relation/100", "rules"));
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
    struct mapset m = load(autoware, &report);
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        char *text = with(edits[i].from, edits[i].to);
        struct mapset other = load(text, &report);
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
