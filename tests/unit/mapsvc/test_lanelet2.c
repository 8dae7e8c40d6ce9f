/* Lanelet2 import on small maps: orientation, order in the file, what is broken, what is hostile. */
#include "base/random.h"
#include "mapsvc/formats/import.h"
#include "tests/unit/mapsvc/map_files.h"

/* Two lanelets in a row, 10 m each, driving east, in local metres around the given origin; the right bound
 * of the first runs against the driving direction; relations come first; a sign, a stop line, a
 * crosswalk, a light; one deleted node and way. */
#define SMALL_MAP                                                                                  \
    "<?xml version='1.0'?>\n<osm version='0.6'>\n<MetaInfo format_version='1'/>\n"                 \
    "<relation id='101'><member type='way' ref='11' role='left'/>"                                 \
    "<member type='way' ref='12' role='right'/>"                                                   \
    "<member type='relation' ref='201' role='regulatory_element'/>"                                \
    "<tag k='type' v='lanelet'/><tag k='subtype' v='road'/><tag k='speed_limit' v='50'/>"          \
    "<tag k='location' v='urban'/></relation>\n"                                                   \
    "<relation id='102'><member type='way' ref='13' role='left'/>"                                 \
    "<member type='way' ref='14' role='right'/>"                                                   \
    "<member type='relation' ref='202' role='regulatory_element'/>"                                \
    "<tag k='type' v='lanelet'/><tag k='subtype' v='road'/></relation>\n"                          \
    "<relation id='103'><member type='way' ref='15' role='left'/>"                                 \
    "<member type='way' ref='16' role='right'/>"                                                   \
    "<tag k='type' v='lanelet'/><tag k='subtype' v='crosswalk'/></relation>\n"                     \
    "<relation id='201'><member type='way' ref='21' role='refers'/>"                               \
    "<member type='way' ref='23' role='ref_line'/><tag k='type' v='regulatory_element'/>"          \
    "<tag k='subtype' v='traffic_sign'/></relation>\n"                                             \
    "<relation id='202'><member type='way' ref='22' role='refers'/>"                               \
    "<tag k='type' v='regulatory_element'/><tag k='subtype' v='speed_limit'/></relation>\n"        \
    "<way id='11'><nd ref='1'/><nd ref='2'/><tag k='type' v='line_thin'/>"                         \
    "<tag k='subtype' v='dashed'/></way>\n"                                                        \
    "<way id='12'><nd ref='5'/><nd ref='4'/><tag k='type' v='curbstone'/></way>\n"                 \
    "<way id='13'><nd ref='2'/><nd ref='3'/></way>\n<way id='14'><nd ref='5'/><nd "                \
    "ref='6'/></way>\n"                                                                            \
    "<way id='15'><nd ref='3'/><nd ref='6'/></way>\n<way id='16'><nd ref='7'/><nd "                \
    "ref='8'/></way>\n"                                                                            \
    "<way id='21'><nd ref='31'/><nd ref='32'/><tag k='type' v='traffic_sign'/>"                    \
    "<tag k='subtype' v='de274-50'/></way>\n"                                                      \
    "<way id='22'><nd ref='33'/><nd ref='33'/><tag k='subtype' v='de274.1-30'/></way>\n"           \
    "<way id='23'><nd ref='2'/><nd ref='5'/><tag k='type' v='stop_line'/></way>\n"                 \
    "<way id='24'><nd ref='31'/><nd ref='33'/><tag k='type' v='traffic_light'/></way>\n"           \
    "<way id='25' action='delete'><nd ref='1'/><nd ref='2'/><tag k='type' "                        \
    "v='traffic_sign'/></way>\n"                                                                   \
    "<way id='26'><nd ref='1'/><nd ref='2'/><tag k='type' v='fence'/></way>\n" NODE(1, 0, 4)       \
        NODE(2, 10, 4) NODE(3, 20, 4) NODE(4, 0, 0) NODE(5, 10, 0) NODE(6, 20, 0) NODE(7, 23, 4)   \
            NODE(8, 23, 0) NODE(31, 5, -1) NODE(32, 5, -2)                                         \
                NODE(33, 12, -2) "<node id='34' action='delete' lat='' lon=''/>\n</osm>\n"
#define NODE(id, x, y)                                                                             \
    "<node id='" #id "' lat='' lon=''><tag k='local_x' v='" #x "'/><tag k='local_y' v='" #y        \
    "'/><tag k='ele' v='1.5'/></node>\n"

static const struct map_import_options here = {
    .has_origin = true, .lat0 = 487600000, .lon0 = 114200000};

static struct mapset small_map(struct map_report *report) {
    struct mapset m;
    struct ws_err err;
    int rc = import_text(SMALL_MAP, &here, &m, report, &err);
    if (rc != WS_OK)
        fail_msg("%s", err.text);
    return m;
}

static void every_kind_is_read(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = small_map(&report);
    assert_int_equal(report.skipped, 0);
    assert_int_equal(m.frame.lat0, 487600000);
    assert_int_equal(count_kind(&m, EL_LANE), 2);
    assert_int_equal(count_kind(&m, EL_SPEED_LIMIT), 2);
    assert_int_equal(count_kind(&m, EL_CROSSWALK), 1);
    assert_int_equal(count_kind(&m, EL_SIGN), 2);
    assert_int_equal(count_kind(&m, EL_LIGHT), 1);
    assert_int_equal(count_kind(&m, EL_STOP_LINE), 1);
    assert_int_equal(count_kind(&m, EL_BOUNDARY), 7);
    assert_int_equal(m.n, 16);
    assert_string_equal(
        element_attr(by_alias(&m, EL_BOUNDARY, "lanelet2:way/26"), "type"), "fence");

    const struct element *lane = by_alias(&m, EL_LANE, "lanelet2:relation/101");
    assert_non_null(lane);
    assert_int_equal(lane->n_points, 2);
    assert_int_equal(lane->points[0].x, 0);
    assert_int_equal(lane->points[0].y, 2000);
    assert_int_equal(lane->points[0].z, 1500);
    assert_int_equal(lane->points[1].x, 10000);
    assert_true(lane->has_heading);
    assert_int_equal(lane->heading, 0); /* east, though one bound runs west */
    assert_string_equal(element_attr(lane, "successors"), "lanelet2:relation/102");
    assert_string_equal(element_attr(lane, "left"), "lanelet2:way/11");
    assert_string_equal(element_attr(lane, "regulatory"), "lanelet2:relation/201");
    assert_string_equal(element_attr(lane, "location"), "urban");
    assert_null(element_attr(lane, "speed_limit"));

    const struct element *limit = by_alias(&m, EL_SPEED_LIMIT, "lanelet2:relation/101#speed_limit");
    assert_non_null(limit);
    assert_int_equal(limit->value, 50);
    assert_string_equal(element_attr(limit, "unit"), "km/h");
    assert_string_equal(element_attr(limit, "lane"), "lanelet2:relation/101");
    assert_int_equal(limit->n_points, 2);
    limit = by_alias(&m, EL_SPEED_LIMIT, "lanelet2:relation/102#speed_limit");
    assert_non_null(limit);
    assert_int_equal(limit->value, 30); /* from the sign its regulatory element refers to */

    const struct element *sign = by_alias(&m, EL_SIGN, "lanelet2:way/21");
    assert_non_null(sign);
    assert_true(sign->has_value);
    assert_int_equal(sign->value, 50);
    assert_string_equal(element_attr(sign, "code"), "de274-50");
    assert_string_equal(element_attr(sign, "nodes"), "31 32");
    assert_int_equal(sign->n_points, 1);
    assert_int_equal(sign->points[0].y, -1500);
    assert_true(sign->has_heading); /* drawn north to south: its reader travels east */
    assert_int_equal(sign->heading, 0);
    sign = by_alias(&m, EL_SIGN, "lanelet2:way/22");
    assert_non_null(sign); /* no type, but a speed_limit element refers to it */
    assert_int_equal(sign->value, 30);
    assert_true(sign->has_heading); /* a post: heading of the lane it stands for */
    assert_int_equal(sign->heading, 0);

    const struct element *walk = by_alias(&m, EL_CROSSWALK, "lanelet2:relation/103");
    assert_non_null(walk);
    assert_int_equal(walk->n_points, 4);
    const struct element *edge = by_alias(&m, EL_BOUNDARY, "lanelet2:way/11");
    assert_non_null(edge);
    assert_string_equal(element_attr(edge, "subtype"), "dashed");
    mapset_free(&m);
}

static void places_in_degrees(void **state) {
    (void)state;
    struct mapset m;
    struct map_report report;
    struct ws_err err;
    static const char text[] =
        "<osm><node id='1' lat='48.7600' lon='11.4200'/><node id='2' lat='48.7600' lon='11.4210'/>"
        "<node id='3' lat='48.75997' lon='11.4200'/><node id='4' lat='48.75997' lon='11.4210'/>"
        "<way id='1'><nd ref='1'/><nd ref='2'/></way><way id='2'><nd ref='3'/><nd ref='4'/></way>"
        "<relation id='-7'><member type='way' ref='1' role='left'/><member type='way' ref='2' "
        "role='right'/><tag k='type' v='lanelet'/><tag k='speed_limit' v='30 "
        "mph'/></relation></osm>";
    assert_int_equal(import_text(text, NULL, &m, &report, &err), WS_OK);
    assert_int_equal(m.frame.lat0, 487600000);
    assert_int_equal(m.frame.lon0, 114210000);
    const struct element *lane = by_alias(&m, EL_LANE, "lanelet2:relation/-7");
    assert_non_null(lane);
    assert_in_range(-lane->points[0].x, 73500, 73600); /* 0.001 degree of longitude at 48.76 N */
    const struct element *limit = by_alias(&m, EL_SPEED_LIMIT, "lanelet2:relation/-7#speed_limit");
    assert_non_null(limit);
    assert_string_equal(element_attr(limit, "unit"), "mph");
    mapset_free(&m);
    /* The same map in a given frame: the same ids, other coordinates. */
    struct map_import_options opt = {.has_frame = true, .frame = frame_at(487500000, 114200000)};
    assert_int_equal(import_text(text, &opt, &m, &report, &err), WS_OK);
    assert_int_equal(m.frame.lat0, 487500000);
    lane = by_alias(&m, EL_LANE, "lanelet2:relation/-7");
    assert_non_null(lane);
    assert_in_range(lane->points[0].x + 1, 0, 2);
    mapset_free(&m);
}

static void an_unknown_origin_is_noted(void **state) {
    (void)state;
    struct mapset m;
    struct map_report report;
    assert_int_equal(import_text(SMALL_MAP, NULL, &m, &report, NULL), WS_OK);
    assert_true(report_says(&report, "give the origin"));
    assert_int_equal(m.frame.lat0, 0);
    mapset_free(&m);
}

#define LANE_OF(members) "<relation id='5'>" members "<tag k='type' v='lanelet'/></relation>"
#define WAYS                                                                                       \
    NODE(1, 0, 4)                                                                                  \
    NODE(2, 10, 4)                                                                                 \
    NODE(3, 0, 0)                                                                                  \
    NODE(4, 10, 0)                                                                                 \
    "<way id='1'><nd ref='1'/><nd ref='2'/></way><way id='2'><nd ref='3'/><nd "                    \
    "ref='4'/></way>"
#define GOOD                                                                                       \
    "<relation id='6'><member type='way' ref='1' role='left'/><member type='way' ref='2' "         \
    "role='right'/><tag k='type' v='lanelet'/></relation>"
#define LEFT(ref) "<member type='way' ref='" #ref "' role='left'/>"
#define RIGHT(ref) "<member type='way' ref='" #ref "' role='right'/>"

static void broken_elements_are_named(void **state) {
    (void)state;
    static const struct {
        const char *broken, *why;
    } cases[] = {
        {LANE_OF(LEFT(1)), "lanelet 5: 0 ways have the role right"},
        {LANE_OF(LEFT(1) LEFT(2) RIGHT(2)), "lanelet 5: 2 ways have the role left"},
        {LANE_OF(LEFT(1) RIGHT(9)), "right way 9 is not in the file"},
        {LANE_OF(LEFT(1) RIGHT(1)), "no area between the bounds"},
        {"<way id='8'><nd ref='1'/><nd ref='77'/></way>" LANE_OF(LEFT(1) RIGHT(8)),
            "node 77 is not in the file"},
        {"<way id='8'/>" LANE_OF(LEFT(1) RIGHT(8)), "way 8 has 0 nodes"},
        {"<way id='8'><nd ref='1'/></way>" LANE_OF(LEFT(1) RIGHT(8)), "right way 8 has one point"},
        {"<way id='8'><nd ref='1'/><nd ref='9'/></way><node id='9'/>" LANE_OF(LEFT(1) RIGHT(8)),
            "node 9 has neither a place"},
        {"<way id='1'><nd ref='3'/></way>", "way 1: the id is used before"},
        {"<node id='1'/>", "node 1: the id is used before"},
        {"<way id='abc'/>", "id \"abc\" is not a number"},
        {"<node id='9' lat='95' lon='11'/>", "\"95\", \"11\" is not a place"},
        {"<node id='9' lat='nan' lon='inf'/>", "is not a place"},
        {"<way id='9'><nd ref='x'/></way>", "ref \"x\" is not a number"},
        {"<way id='9'><tag k='type'/></way>", "k or v is missing"},
        {"<way id='9'><nd ref='55'/><tag k='type' v='traffic_sign'/></way>",
            "sign 9: way 9: node 55"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[4096];
        (void)snprintf(
            text, sizeof(text), "<osm>\n%s\n%s\n%s</osm>", WAYS GOOD, cases[i].broken, "");
        struct mapset m;
        struct map_report report;
        struct ws_err err;
        int rc = import_text(text, &here, &m, &report, &err);
        if (rc != WS_OK)
            fail_msg("case %zu: %s", i, err.text);
        if (!report_says(&report, cases[i].why))
            fail_msg("case %zu: nothing says \"%s\" but: %s", i, cases[i].why, report.text[0]);
        assert_int_equal(report.skipped, 1);
        assert_int_equal(count_kind(&m, EL_LANE), 1);
        mapset_free(&m);
        struct map_import_options strict = here;
        strict.strict = true;
        assert_int_equal(import_text(text, &strict, &m, &report, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, cases[i].why));
        assert_non_null(strstr(err.text, "wayside-map-"));
    }
}

static void hostile_files_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum ws_code code;
        const char *why;
    } cases[] = {
        {"<!DOCTYPE osm [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]><osm>&b;</osm>", WS_EINPUT,
            "document type declaration"},
        {"<!DOCTYPE osm SYSTEM 'file:///etc/passwd'><osm/>", WS_EINPUT,
            "document type declaration"},
        {"<osm>&undefined;</osm>", WS_EINPUT, "not well-formed XML"},
        {"<osm><node id='1'></osm>", WS_EINPUT, "mismatched tag"},
        {"<osm/>", WS_EINPUT, "no map element"},
        {"<osmChange/>", WS_ENOTSUP, "element osmChange"},
        {"<commonRoad/>", WS_ENOTSUP, "element commonRoad"},
        {"", WS_EINPUT, "neither XML nor a Wayside map"},
        {"PK\x03\x04", WS_EINPUT, "neither XML nor a Wayside map"},
        {"WSMAP", WS_EINPUT, "not a Wayside map"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mapset m;
        struct ws_err err;
        assert_int_equal(import_text(cases[i].text, NULL, &m, NULL, &err), (int)cases[i].code);
        if (strstr(err.text, cases[i].why) == NULL)
            fail_msg("case %zu: %s", i, err.text);
        assert_non_null(strstr(err.text, "wayside-map-"));
    }
    struct buf deep = {0};
    buf_printf(&deep, "<osm>");
    for (int i = 0; i < 100000; i++)
        buf_printf(&deep, "<a>");
    struct mapset m;
    struct ws_err err;
    assert_int_equal(import_octets(buf_span(&deep), NULL, &m, NULL, &err), WS_ELIMIT);
    assert_non_null(strstr(err.text, "nested more than"));
    buf_free(&deep);
    struct map_import_options tiny = {.max_octets = 100};
    assert_int_equal(import_text(SMALL_MAP, &tiny, &m, NULL, &err), WS_ELIMIT);
    assert_int_equal(map_import("/nonexistent.osm", NULL, &m, NULL, &err), WS_ENOTFOUND);
}

/* A node at an absurd place costs the elements that use it, not the map. */
static void far_points_are_left_out(void **state) {
    (void)state;
    struct mapset m;
    struct map_report report;
    static const char text[] =
        "<osm><node id='1' lat='48.7600' lon='11.4200'/><node id='2' lat='48.7600' lon='11.4210'/>"
        "<node id='3' lat='48.75997' lon='11.4200'/><node id='4' lat='48.75997' lon='11.4210'/>"
        "<node id='5' lat='-80' lon='170'/>"
        "<way id='1'><nd ref='1'/><nd ref='2'/></way><way id='2'><nd ref='3'/><nd ref='4'/></way>"
        "<way id='3'><nd ref='3'/><nd ref='5'/></way>"
        "<relation id='1'>" LEFT(1)
            RIGHT(2) "<tag k='type' v='lanelet'/></relation>"
                     "<relation id='2'>" LEFT(1)
                         RIGHT(3) "<tag k='type' v='lanelet'/></relation></osm>";
    assert_int_equal(import_text(text, NULL, &m, &report, NULL), WS_OK);
    assert_int_equal(report.skipped, 1);
    assert_true(report_says(&report, "node 5 is more than 2147 km"));
    assert_int_equal(count_kind(&m, EL_LANE), 1);
    mapset_free(&m);
}

/* Two bounds of 3000 points are more than one line holds, but no reason to lose the lane. */
static void long_bounds_are_thinned(void **state) {
    (void)state;
    enum { NODES = 3000 };
    struct buf b = {0};
    buf_printf(&b, "<osm>");
    for (int i = 0; i < 2 * NODES; i++)
        buf_printf(
            &b, "<node id='%d' lat='48.76%03d' lon='11.42%04d'/>", i + 1, i / NODES, i % NODES);
    for (int w = 0; w < 2; w++) {
        buf_printf(&b, "<way id='%d'>", w + 1);
        for (int i = 0; i < NODES; i++)
            buf_printf(&b, "<nd ref='%d'/>", w * NODES + i + 1);
        buf_printf(&b, "</way>");
    }
    buf_printf(
        &b, "<relation id='1'>" LEFT(1) RIGHT(2) "<tag k='type' v='lanelet'/></relation></osm>");
    struct mapset m;
    struct map_report report;
    assert_int_equal(import_octets(buf_span(&b), NULL, &m, &report, NULL), WS_OK);
    assert_int_equal(report.skipped, 0);
    const struct element *lane = by_alias(&m, EL_LANE, "lanelet2:relation/1");
    assert_non_null(lane);
    assert_true(lane->n_points > NODES / 2 && lane->n_points <= ELEMENT_MAX_POINTS);
    mapset_free(&m);
    buf_free(&b);
}

/* Many lanelets on two long ways: small as a file, large as work. */
static void shared_work_is_bounded(void **state) {
    (void)state;
    enum { NODES = 2000, LANES = 2000 };
    struct buf b = {0};
    buf_printf(&b, "<osm>");
    for (int i = 0; i < 2 * NODES; i++)
        buf_printf(
            &b, "<node id='%d' lat='48.76%03d' lon='11.42%04d'/>", i + 1, i / NODES, i % NODES);
    for (int w = 0; w < 2; w++) {
        buf_printf(&b, "<way id='%d'>", w + 1);
        for (int i = 0; i < NODES; i++)
            buf_printf(&b, "<nd ref='%d'/>", w * NODES + i + 1);
        buf_printf(&b, "</way>");
    }
    for (int i = 0; i < LANES; i++)
        buf_printf(
            &b, "<relation id='%d'>" LEFT(1) RIGHT(2) "<tag k='type' v='lanelet'/></relation>", i);
    buf_printf(&b, "</osm>");
    struct mapset m;
    struct ws_err err;
    assert_int_equal(import_octets(buf_span(&b), NULL, &m, NULL, &err), WS_ELIMIT);
    assert_non_null(strstr(err.text, "share more than the reader follows"));
    buf_free(&b);
}

/* Import after import gives the same octets, and damage never more than a refusal. */
static void damage_is_survived(void **state) {
    (void)state;
    struct mapset m = small_map(NULL);
    struct mapset again = small_map(NULL);
    uint8_t h1[32];
    uint8_t h2[32];
    mapset_digest(&m, h1);
    mapset_digest(&again, h2);
    assert_memory_equal(h1, h2, 32);
    mapset_free(&m);
    mapset_free(&again);
    struct ws_err err;
    static const char text[] = SMALL_MAP;
    size_t n = sizeof(text) - 1;
    for (size_t cut = 0; cut < n - 1; cut += 7)
        assert_int_not_equal(import_octets(span_of(text, cut), &here, &m, NULL, &err), WS_OK);
    struct ws_random rnd = ws_random_seeded(5);
    char copy[sizeof(text)];
    size_t read = 0;
    for (int i = 0; i < 1500; i++) {
        memcpy(copy, text, sizeof(text));
        for (int k = 0; k < 3; k++)
            copy[ws_random_below(&rnd, n)] ^= (char)(1 << ws_random_below(&rnd, 7));
        if (import_octets(span_of(copy, n), &here, &m, NULL, &err) == WS_OK) {
            read++;
            mapset_free(&m);
        }
    }
    assert_true(read > 0);
}

static void speeds_and_codes(void **state) {
    (void)state;
    static const struct {
        const char *text, *unit;
        bool ok;
        int32_t v;
        const char *unit_out;
    } speeds[] = {{"50", NULL, true, 50, "km/h"}, {"50 km/h", NULL, true, 50, "km/h"},
        {"30mph", NULL, true, 30, "mph"}, {"13.89", "m/s", true, 50, "km/h"},
        {"25", "mph", true, 25, "mph"}, {"none", NULL, false, 0, NULL}, {"", NULL, false, 0, NULL},
        {"-30", NULL, false, 0, NULL}, {"50 knots", NULL, false, 0, NULL},
        {"99999", NULL, false, 0, NULL}, {"nan", NULL, false, 0, NULL}};
    for (size_t i = 0; i < ARRAY_LEN(speeds); i++) {
        int32_t v = 0;
        const char *unit = NULL;
        assert_int_equal(map_speed_of(speeds[i].text, speeds[i].unit, &v, &unit), speeds[i].ok);
        if (speeds[i].ok) {
            assert_int_equal(v, speeds[i].v);
            assert_string_equal(unit, speeds[i].unit_out);
        }
    }
    static const struct {
        const char *code;
        int32_t v; /* 0: none */
    } codes[] = {{"de274-50", 50}, {"DE274.1-30", 30}, {"274_60", 60}, {"de278-80", 80},
        {"de274.2-30", 30}, {"274-55", 0}, {"de274", 0}, {"de274_1", 0}, {"de205", 0},
        {"usR2-1", 0}, {"", 0}, {"de274-", 0}, {"de274-5", 5}, {"de274-500", 0}};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        int32_t v = 0;
        assert_int_equal(map_speed_of_code(codes[i].code, &v), codes[i].v != 0);
        assert_int_equal(v, codes[i].v);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),
        cmocka_unit_test(places_in_degrees),
        cmocka_unit_test(an_unknown_origin_is_noted),
        cmocka_unit_test(broken_elements_are_named),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(far_points_are_left_out),
        cmocka_unit_test(long_bounds_are_thinned),
        cmocka_unit_test(shared_work_is_bounded),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(speeds_and_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
