/* OpenDRIVE import: what stands on and beside the road, who it is for, and which lane leads into which. */
#include "base/random.h"
#include "tests/unit/mapsvc/opendrive_files.h"

#define LINE(x, hdg)                                                                               \
    "<planView><geometry s='0' x='" x "' y='0' hdg='" hdg "' length='100'><line/></geometry>"      \
    "</planView>"
#define LANE(id, link) "<lane id='" id "' type='driving'>" link WIDTH(3) "</lane>"
/* Two each way, and a sidewalk. */
#define FOUR_LANES                                                                                 \
    "<lanes><laneSection s='0'><left>" LANE("2", "")                                               \
        LANE("1", "") "</left>"                                                                    \
                      "<center><lane id='0'/></center><right>" LANE("-1", "")                      \
                          LANE("-2", "") "<lane id='-3' type='sidewalk'>" WIDTH(                   \
                              2) "</lane></right></laneSection></lanes>"

static const char *attr(const struct element *e, const char *key) {
    assert_non_null(e);
    const char *v = element_attr(e, key);
    return v == NULL ? "" : v;
}

static void crosswalks_and_stop_lines(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map(
        XODR(ROAD("1", LINE("0", "0") FOUR_LANES
            "<objects>"
            /* a box turned across the road, raised by 1 m */
            "<object id='a' type='crosswalk' s='20' t='0' zOffset='1' hdg='1.5707963267948966' "
            "length='12' width='4' name='zebra'/>"
            "<object id='b' type='crosswalk' s='40' t='0'><outlines><outline id='0'>"
            "<cornerRoad s='38' t='-6' dz='0'/><cornerRoad s='42' t='-6' dz='0'/>"
            "<cornerRoad s='42' t='6' dz='0'/><cornerRoad s='38' t='6' dz='0'/>"
            "<cornerRoad s='38' t='-6' dz='0'/></outline></outlines></object>"
            "<object id='c' type='roadMark' subtype='Stop Line' s='60' t='-3' length='0.5' "
            "width='6'/>"
            "<object id='d' type='-1' name='SolidStopLine' s='70' t='3'><outline closed='false'>"
            "<cornerLocal u='0' v='-3' z='0'/><cornerLocal u='0.1' v='0' z='0'/><cornerLocal u='0' "
            "v='3' z='0'/></outline></object>"
            "<object id='j' type='roadMark' name='Zebra crossing' s='75' t='0' length='3' "
            "width='9'/>"
            "<object id='k' type='roadMark' name='294' s='77' t='-3' length='0.5' width='6'/>"
            "<object id='l' type='-1' name='zebra statue' s='77' t='-3' length='0.5' width='6'/>"
            "<object id='e' type='pole' s='1' t='1'/>"
            "<object id='f' type='crosswalk' s='50' t='0'/>"
            "<object id='g' type='crosswalk' s='50' t='0'><outline><cornerLocal u='x' v='0' "
            "z='0'/></outline></object>"
            "<object id='h' type='crosswalk' s='500' t='0' length='4' width='4'/>"
            "<object id='i' type='barrier' name='no stop line' s='5' t='0' length='4' width='4'/>"
            "<object id='a' type='crosswalk' s='20' t='0' length='2' width='2'/>"
            "</objects><signals><signal id='7' s='80' t='-7' orientation='+' dynamic='no' "
            "country='DE' type='294' subtype='-1' value='-1'/>"
            "<signal id='8' s='90' t='0' orientation='-' dynamic='no' country='OpenDRIVE' "
            "type='294'><validity fromLane='2' toLane='2'/></signal></signals>")),
        &report);
    assert_int_equal(count_kind(&m, EL_CROSSWALK), 4);
    assert_int_equal(count_kind(&m, EL_STOP_LINE), 5);
    assert_int_equal(count_kind(&m, EL_SIGN), 0);
    assert_int_equal(report.skipped, 3);
    assert_true(report_says(&report, "object/f/s/50000: neither outline nor length and width"));
    assert_true(report_says(&report, "corner : u is not a length"));
    assert_true(report_says(&report, "object/h/s/500000: s is not on the road"));
    assert_true(report_says(&report, "object a: the id is used before"));
    assert_true(report_says(&report, "3 elements object are no crosswalk or stop line"));
    const struct element *e = by_alias(&m, EL_CROSSWALK, "opendrive:road/1/object/a/s/20000");
    check_point(e, 0, 18000, 6000);
    check_point(e, 2, 22000, -6000);
    assert_int_equal(e->n_points, 4);
    assert_int_equal(e->points[0].z, 1000);
    assert_string_equal(attr(e, "name"), "zebra");
    assert_non_null(by_alias(&m, EL_CROSSWALK, "opendrive:road/1/object/a/s/20000/2"));
    e = by_alias(&m, EL_CROSSWALK, "opendrive:road/1/object/b/s/40000");
    assert_int_equal(e->n_points, 4); /* the first corner stands once */
    check_point(e, 1, 42000, -6000);
    e = by_alias(&m, EL_STOP_LINE, "opendrive:road/1/object/c/s/60000");
    assert_int_equal(e->n_points, 2);
    check_point(e, 0, 60000, 0);
    check_point(e, 1, 60000, -6000);
    e = by_alias(&m, EL_STOP_LINE, "opendrive:road/1/object/d/s/70000");
    assert_int_equal(e->n_points, 3);
    check_point(e, 1, 70100, 3000);
    e = by_alias(&m, EL_STOP_LINE, "opendrive:road/1/signal/7/s/80000");
    check_point(e, 0, 80000, -6000); /* not over the sidewalk */
    check_point(e, 1, 80000, 0);
    assert_int_equal(e->heading, 0);
    e = by_alias(&m, EL_STOP_LINE, "opendrive:road/1/signal/8/s/90000");
    check_point(e, 0, 90000, 3000);
    check_point(e, 1, 90000, 6000);
    mapset_free(&m);
}

static void marks_become_boundaries(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map(
        XODR(ROAD("1",
            LINE("0",
                "0") "<lanes><laneSection s='0'><center><lane id='0'>"
                     "<roadMark sOffset='0' type='solid solid' color='yellow' laneChange='none'/>"
                     "<roadMark sOffset='25.5' type='broken' color='white' "
                     "laneChange='both'/></lane></center>"
                     "<right><lane id='-1' type='driving'>" WIDTH(
                         3) "<roadMark sOffset='12' "
                            "type='curb'/></lane></right></laneSection></lanes>")),
        &report);
    const struct element *e = by_alias(&m, EL_BOUNDARY, "opendrive:road/1/section/0/border/0");
    assert_string_equal(attr(e, "type"), "solid solid");
    assert_string_equal(attr(e, "color"), "yellow");
    assert_string_equal(attr(e, "lane_change"), "none");
    assert_string_equal(attr(e, "marks"), "25.500 broken white both");
    e = by_alias(&m, EL_BOUNDARY, "opendrive:road/1/section/0/border/-1");
    assert_string_equal(attr(e, "type"), "curb");
    assert_string_equal(attr(e, "marks"), "12.000 curb  ");
    mapset_free(&m);
}

static void lights_know_their_lanes(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map(
        XODR(ROAD("1", LINE("0", "0") FOUR_LANES
            "<signals>"
            "<signal id='own' s='99' t='-8' orientation='+' dynamic='yes' type='1000001'/>"
            "<signal id='said' s='99' t='8' orientation='+' dynamic='yes' type='1000001'>"
            "<validity fromLane='-2' toLane='-2'/><validity fromLane='x' toLane='1'/></signal>"
            "<signal id='ref' s='99' t='9' orientation='+' dynamic='yes' type='1000001'/>"
            "<signal id='sign' s='9' t='-8' orientation='+' dynamic='no' type='206'/>"
            "<signal id='bus' s='9' t='-8' orientation='+' dynamic='no' type='245'>"
            "<validity fromLane='-1' toLane='-1'/></signal>"
            "</signals>") ROAD("2", LINE("500", "0") FOUR_LANES
            "<signals><signalReference id='ref' s='0' t='0' orientation='+'>"
            "<validity fromLane='-1' toLane='-1'/></signalReference>"
            "<signalReference id='ref' s='5' t='0' orientation='-'/>"
            "<signalReference id='gone' s='5' t='0' "
            "orientation='-'/></signals>") "<controller id='c1'><control "
                                           "signalId='own' type=''/><control "
                                           "signalId='own' "
                                           "type=''/>"
                                           "<control "
                                           "signalId='lost'/></controller>"
                                           "<controller id='c2'><control "
                                           "signalId='own'/></controller>"),
        &report);
    const struct element *e = by_alias(&m, EL_LIGHT, "opendrive:road/1/signal/own/s/99000");
    assert_string_equal(attr(e, "lanes"), "road/1/section/0/lane/-2 road/1/section/0/lane/-1");
    assert_string_equal(attr(e, "controllers"), "c1 c2");
    e = by_alias(&m, EL_LIGHT, "opendrive:road/1/signal/said/s/99000");
    assert_string_equal(attr(e, "lanes"), "road/1/section/0/lane/-2");
    e = by_alias(&m, EL_LIGHT, "opendrive:road/1/signal/ref/s/99000");
    assert_string_equal(attr(e, "lanes"),
        "road/2/section/0/lane/-1 road/2/section/0/lane/1 road/2/section/0/lane/2");
    e = by_alias(&m, EL_SIGN, "opendrive:road/1/signal/sign/s/9000");
    assert_string_equal(attr(e, "lanes"), "");
    e = by_alias(&m, EL_SIGN, "opendrive:road/1/signal/bus/s/9000");
    assert_string_equal(attr(e, "lanes"), "road/1/section/0/lane/-1");
    assert_true(report_says(&report, "validity: fromLane and toLane are not lane ids"));
    assert_true(report_says(&report, "names signal gone, which is not there"));
    assert_true(report_says(&report, "controller c1: names signal lost, which is not there"));
    mapset_free(&m);
}

/* hOffset turns the plate; a position of its own puts it elsewhere. */
static void plates_turn_and_stand_elsewhere(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map(
        XODR(ROAD("1", LINE("0", "0") FOUR_LANES
            "<signals><signal id='1' s='10' t='5' orientation='+' hOffset='-3.14159265358979' "
            "type='206'/>"
            "<signal id='2' s='10' t='5' orientation='-' hOffset='1.5707963267948966' type='206'/>"
            "<signal id='3' s='10' t='5' orientation='+' type='206'><positionInertial x='7' y='8' "
            "z='9' hdg='1.5707963267948966'/></signal>"
            "<signal id='4' s='10' t='5' orientation='+' type='206'><positionRoad roadId='2' "
            "s='30' "
            "t='-4' zOffset='2' hOffset='0'/></signal></signals>")
                ROAD("2", LINE("500", "3.14159265358979323846") FOUR_LANES)),
        &report);
    assert_int_equal(by_alias(&m, EL_SIGN, "opendrive:road/1/signal/1/s/10000")->heading, 0x8000);
    assert_int_equal(by_alias(&m, EL_SIGN, "opendrive:road/1/signal/2/s/10000")->heading, 0xc000);
    const struct element *e = by_alias(&m, EL_SIGN, "opendrive:road/1/signal/3/s/10000");
    check_point(e, 0, 7000, 8000);
    assert_int_equal(e->points[0].z, 9000);
    assert_int_equal(e->heading, 0x4000);
    e = by_alias(&m, EL_SIGN, "opendrive:road/1/signal/4/s/10000");
    check_point(e, 0, 470000, 4000);
    assert_int_equal(e->heading, 0x8000);
    mapset_free(&m);
}

#define NEXT(id) "<link><successor id='" id "'/></link>"
#define BACK(id) "<link><predecessor id='" id "'/></link>"
#define RIGHT(lanes)                                                                               \
    "<lanes><laneSection s='0'><center><lane id='0'/></center><right>" lanes                       \
    "</right></laneSection></lanes>"

/* Links are followed where the lanes meet: also to another type, silent to 1 cm, told to 10 cm, not beyond. */
static void links_are_followed_where_lanes_meet(void **state) {
    (void)state;
    static const struct {
        const char *x;
        bool followed;
        const char *says;
    } cases[] = {{"100.004", true, NULL}, {"100.05", true, "ends are 0.050 m apart"},
        {"100.3", false, "the link joins ends 0.300 m apart; not followed"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[4096];
        (void)snprintf(text, sizeof(text),
            XODR("<road id='1' length='100' junction='-1'><link><successor elementType='road' "
                 "elementId='2' contactPoint='start'/></link>" LINE("0", "0") RIGHT(LANE(
                     "-1", NEXT("-1"))) "</road>"
                                        "<road id='2' length='100' junction='-1'>"
                                        "<planView><geometry s='0' x='%s' y='0' hdg='0' "
                                        "length='100'><line/></geometry>"
                                        "</planView>" RIGHT("<lane id='-1' type='offRamp'>" WIDTH(
                                            3) "</lane>") "</road>"),
            cases[i].x);
        struct map_report report;
        struct mapset m = read_map(text, &report);
        const struct element *e = by_alias(&m, EL_LANE, "opendrive:road/1/section/0/lane/-1");
        assert_string_equal(
            attr(e, "successors"), cases[i].followed ? "opendrive:road/2/section/0/lane/-1" : "");
        assert_int_equal(report.notes, cases[i].says != NULL);
        assert_true(cases[i].says == NULL || report_says(&report, cases[i].says));
        mapset_free(&m);
    }
}

static void junctions_and_wrong_links(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map(
        XODR(
            "<road id='1' length='100' junction='-1'><link><predecessor elementType='road' "
            "elementId='9' contactPoint='end'/><successor elementType='junction' elementId='j'/>"
            "</link>" LINE("0", "0") RIGHT(LANE("-1",
                "")) "</road>"
                     "<road id='2' length='100' junction='-1'>" LINE("200",
                         "3.14159265358979323846") "<lanes><laneSection s='0'><left>"
                                                   "<lane id='1' type='exit'>" WIDTH(
                                                       3) "</lane></left>"
                                                          "<center><lane "
                                                          "id='0'/></center></laneSection></"
                                                          "lanes></road>"
                                                          "<junction id='j' "
                                                          "type='direct'><connection "
                                                          "incomingRoad='1' linkedRoad='2' "
                                                          "contactPoint='end'><laneLink from='-1' "
                                                          "to='1'/><laneLink from='-1' to='-1'/>"
                                                          "<laneLink from='x' to='1'/></connection>"
                                                          "<connection incomingRoad='1' "
                                                          "linkedRoad='77' "
                                                          "contactPoint='end'/></junction>"
                                                          "<junction id='k'><connection "
                                                          "incomingRoad='2' "
                                                          "connectingRoad='1'><laneLink from='1' "
                                                          "to='-1'/></connection></junction>"),
        &report);
    /* road 2 runs towards road 1; its left lane drives away from it */
    const struct element *e = by_alias(&m, EL_LANE, "opendrive:road/1/section/0/lane/-1");
    assert_string_equal(attr(e, "successors"), "opendrive:road/2/section/0/lane/1");
    assert_true(report_says(&report, "road 1: is linked to road 9, which is not there"));
    assert_true(report_says(&report, "1 links name lanes that are not there"));
    assert_true(report_says(&report, "junction j: a laneLink names no lane ids"));
    assert_true(report_says(&report, "connection 1 -> 77: a road is not there"));
    assert_true(report_says(&report, "connection 2 -> 1: no contactPoint"));
    mapset_free(&m);
}

/* Sections of one side end the lanes of that side only; a lane may run against the rule (1.8). */
static void one_sided_sections_and_reversed_lanes(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map(
        XODR(ROAD("1", LINE("0", "0") "<lanes><laneSection s='0'><left>" LANE("1",
                           "") "</left><center><lane id='0'/></center>"
                               "<right>" LANE("-1",
                                   "") "</right></laneSection>"
                                       "<laneSection s='40' singleSide='true'><center><lane "
                                       "id='0'/></center><right>"
                                       "<lane id='-1' type='driving' direction='reversed'>" WIDTH(
                                           3) "</lane>"
                                              "<lane id='-2' type='roadWorks'>" WIDTH(
                                                  3) "</lane></right></laneSection></lanes>")),
        &report);
    const struct element *e = by_alias(&m, EL_LANE, "opendrive:road/1/section/0/lane/1");
    check_point(e, 0, 100000, 1500); /* to the road's end */
    e = by_alias(&m, EL_LANE, "opendrive:road/1/section/0/lane/-1");
    check_point(e, 1, 40000, -1500);
    e = by_alias(&m, EL_LANE, "opendrive:road/1/section/1/lane/-1");
    check_point(e, 0, 100000, -1500);
    assert_string_equal(attr(e, "right"), "opendrive:road/1/section/1/border/0");
    e = by_alias(&m, EL_HAZARD, "opendrive:road/1/section/1/roadworks/-2");
    assert_string_equal(attr(e, "lane"), "opendrive:road/1/section/1/lane/-2");
    check_point(e, 1, 100000, -4500);
    mapset_free(&m);
}

static void other_versions_are_told(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map("<OpenDRIVE><header revMajor='1' revMinor='9'/>" ROAD(
                                   "1", LINE("0", "0") FOUR_LANES) "</OpenDRIVE>",
        &report);
    assert_true(report_says(&report, "version 1.9; read as OpenDRIVE 1.8"));
    mapset_free(&m);
}

static void damage_is_survived(void **state) {
    (void)state;
    static const char text[] = XODR(ROAD("1",
        "<link><successor elementType='road' elementId='1' "
        "contactPoint='start'/></link>" LINE("0", "0") RIGHT(LANE("-1",
            NEXT("-1") "<roadMark sOffset='0' type='solid'/>")) "<objects><object id='b' "
                                                                "type='crosswalk' s='40' "
                                                                "t='0'><outline><cornerRoad "
                                                                "s='38' "
                                                                "t='-6'/><cornerRoad s='42' "
                                                                "t='-6'/><cornerLocal u='4' "
                                                                "v='6'/></outline></object></"
                                                                "objects>"
                                                                "<signals><signal id='4' "
                                                                "s='30' t='-8' orientation='+' "
                                                                "dynamic='yes'><validity "
                                                                "fromLane='-1' "
                                                                "toLane='-1'/></"
                                                                "signal><signalReference "
                                                                "id='4' s='1' "
                                                                "t='1'/></signals>") "<controll"
                                                                                     "er "
                                                                                     "id='9'><"
                                                                                     "control "
                                                                                     "signalId="
                                                                                     "'4'/></"
                                                                                     "controlle"
                                                                                     "r><"
                                                                                     "junction "
                                                                                     "id='5'><"
                                                                                     "connectio"
                                                                                     "n "
                                                                                     "incomingR"
                                                                                     "oad='1' "
                                                                                     "connectin"
                                                                                     "gRoad='1'"
                                                                                     " contactP"
                                                                                     "oint='"
                                                                                     "end'><"
                                                                                     "laneLink "
                                                                                     "from='-1'"
                                                                                     " to='-1'/"
                                                                                     ">"
                                                                                     "</"
                                                                                     "connectio"
                                                                                     "n></"
                                                                                     "junction"
                                                                                     ">");
    struct mapset m;
    struct ws_err err;
    size_t n = sizeof(text) - 1;
    for (size_t cut = 0; cut < n; cut += 3)
        assert_int_not_equal(import_octets(span_of(text, cut), &here, &m, NULL, &err), WS_OK);
    struct ws_random rnd = ws_random_seeded(8);
    char copy[sizeof(text)];
    size_t read = 0;
    for (int i = 0; i < 3000; i++) {
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

/* 1.8: figures of signs and of types of road as semantics, road works as an attribute, restrictions inside a rule. */
static void what_1_8_brought(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map(
        "<OpenDRIVE><header revMajor='1' revMinor='8'><defaultRegulations>"
        "<roadRegulations type='town'><semantics><speed type='maximum' value='50' unit='km/h'/>"
        "<speed type='minimum' value='5' unit='km/h'/></semantics></roadRegulations>"
        "<signalRegulations type='274'><semantics><speed type='maximum' value='99' unit='km/h'/>"
        "</semantics></signalRegulations></defaultRegulations></header>"
        "<road id='1' length='100' junction='-1'>"
        "<type s='0' type='town'/><type s='40' type='rural'/>"
        "<type s='60' type='town'><speed max='30' unit='km/h'/></type>"
        "<type s='80' type='town'><speed max='no limit'/></type>" LINE("0",
            "0") "<lanes><laneSection s='0'><center><lane id='0'/></center><right>"
                 "<lane id='-1' type='driving' roadWorks='true'>" WIDTH(
                     3) "<access sOffset='0' rule='deny'><restriction type='truck'/><restriction "
                        "type='bus'/>"
                        "</access></lane>"
                        "<lane id='-2' type='sidewalk'>" WIDTH(
                            2) "<access sOffset='0' rule='allow' restriction='pedestrian'/></lane>"
                               "</right></laneSection></lanes><signals>"
                               "<signal id='a' s='10' t='-5' dynamic='no' orientation='+' type='x' "
                               "subtype='y' country='DE'>"
                               "<semantics><speed type='maximum' value='70' "
                               "unit='km/h'/></semantics></signal>"
                               "<signal id='b' s='20' t='-5' dynamic='no' orientation='+' type='x' "
                               "value='60' unit='km/h'>"
                               "<semantics><speed type='maximum' value='70' "
                               "unit='km/h'/></semantics></signal>"
                               "</signals></road><include file='more.xodr'/></OpenDRIVE>",
        &report);
    assert_int_equal(report.skipped, 0);
    assert_true(report_says(&report, "1 elements include"));
    const struct element *lane = by_alias(&m, EL_LANE, "opendrive:road/1/section/0/lane/-1");
    assert_string_equal(attr(lane, "access"), "deny truck; deny bus");
    assert_non_null(by_alias(&m, EL_HAZARD, "opendrive:road/1/section/0/roadworks/-1"));
    lane = by_alias(&m, EL_LANE, "opendrive:road/1/section/0/lane/-2");
    assert_string_equal(attr(lane, "access"), "allow pedestrian");
    assert_int_equal(count_kind(&m, EL_SPEED_LIMIT), 2);
    const struct element *e =
        by_alias(&m, EL_SPEED_LIMIT, "opendrive:road/1/section/0/lane/-1#speed_limit");
    assert_int_equal(e->value, 50); /* by the type's rule, until it is rural */
    check_point(e, e->n_points - 1, 40000, -1500);
    e = by_alias(&m, EL_SPEED_LIMIT, "opendrive:road/1/section/0/lane/-1#speed_limit/s/60000");
    assert_int_equal(e->value, 30);
    assert_int_equal(by_alias(&m, EL_SIGN, "opendrive:road/1/signal/a/s/10000")->value, 70);
    assert_int_equal(by_alias(&m, EL_SIGN, "opendrive:road/1/signal/b/s/20000")->value, 60);
    mapset_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_1_8_brought),
        cmocka_unit_test(crosswalks_and_stop_lines),
        cmocka_unit_test(marks_become_boundaries),
        cmocka_unit_test(lights_know_their_lanes),
        cmocka_unit_test(plates_turn_and_stand_elsewhere),
        cmocka_unit_test(links_are_followed_where_lanes_meet),
        cmocka_unit_test(junctions_and_wrong_links),
        cmocka_unit_test(one_sided_sections_and_reversed_lanes),
        cmocka_unit_test(other_versions_are_told),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
