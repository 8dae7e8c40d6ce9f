/* OpenDRIVE import: curves against long-double integration, lanes on both sides, limits, signals, what is broken. */
#include "mapsvc/opendrive.h"

#include "base/random.h"
#include "tests/unit/mapsvc/opendrive_files.h"

#include <math.h>

#define XODR(body) "<OpenDRIVE><header revMajor='1' revMinor='6'/>" body "</OpenDRIVE>"
#define LANES                                                                                      \
    "<lanes><laneSection s='0'>"                                                                   \
    "<left><lane id='1' type='driving'>" WIDTH(                                                    \
        3) "</lane></left>"                                                                        \
           "<center><lane id='0' type='none'><roadMark sOffset='0' type='solid' "                  \
           "color='white'/></lane></center>"                                                       \
           "<right><lane id='-1' type='driving'>" WIDTH(                                           \
               4) "</lane>"                                                                        \
                  "<lane id='-2' type='sidewalk'>" WIDTH(                                          \
                      2) "</lane></right></laneSection></lanes>"
#define LINE100                                                                                    \
    "<planView><geometry s='0' x='10' y='20' hdg='0' length='100'><line/></geometry></planView>"

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

/* ---- curves ---- */

/* End of a curve by summing up its direction in many small steps. */
static void integrate(
    long double k0, long double k1, long double len, long double *x, long double *y) {
    enum { STEPS = 200000 };
    *x = *y = 0;
    for (int i = 0; i < STEPS; i++) {
        long double s = (i + 0.5L) * len / STEPS;
        long double h = k0 * s + (k1 - k0) / (2 * len) * s * s;
        *x += cosl(h) * len / STEPS;
        *y += sinl(h) * len / STEPS;
    }
}

static void arcs_and_spirals(void **state) {
    (void)state;
    static const struct {
        enum od_shape shape;
        double k0, k1, length;
    } cases[] = {{OD_ARC, 0.05, 0.05, 90}, {OD_ARC, -1e-9, -1e-9, 500}, {OD_ARC, 1e-14, 1e-14, 500},
        {OD_SPIRAL, 0, 0.02, 100}, {OD_SPIRAL, -0.03, 0.01, 80}, {OD_SPIRAL, 0.1, 0.1, 60},
        {OD_SPIRAL, 0, 0, 50}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct od_geometry g = {
            .length = cases[i].length, .shape = cases[i].shape, .p = {cases[i].k0, cases[i].k1}};
        assert_null(od_geometry_fault(&g));
        for (int part = 1; part <= 4; part++) {
            double ds = g.length * part / 4;
            long double x = 0;
            long double y = 0;
            long double k = cases[i].k0 + (cases[i].k1 - cases[i].k0) * ds / g.length;
            integrate(cases[i].k0, k, ds, &x, &y);
            struct od_pose at = od_geometry_at(&g, ds);
            assert_true(fabsl(x - (long double)at.x) < 1e-7L);
            assert_true(fabsl(y - (long double)at.y) < 1e-7L);
            assert_true(fabsl((cases[i].k0 + k) / 2 * ds - (long double)at.hdg) < 1e-9L);
        }
    }
    struct od_geometry mad = {.length = 1e6, .shape = OD_ARC, .p = {1e6}};
    assert_non_null(od_geometry_fault(&mad));
}

static void polynomials(void **state) {
    (void)state;
    /* v = 0.01 u^2: the point at arc length s, by small steps. */
    struct od_geometry g = {
        .x = 5, .y = 6, .hdg = 0.5, .length = 60, .shape = OD_POLY3, .p = {0, 0, 0.01, 0}};
    long double u = 0;
    long double s = 0;
    const long double step = 1e-4L;
    while (s < 40) {
        long double m = 0.02L * (u + step / 2);
        s += step * sqrtl(1 + m * m);
        u += step;
    }
    struct od_pose at = od_geometry_at(&g, 40);
    long double v = 0.01L * u * u;
    assert_true(fabsl(5 + u * cosl(0.5L) - v * sinl(0.5L) - (long double)at.x) < 1e-3L);
    assert_true(fabsl(6 + u * sinl(0.5L) + v * cosl(0.5L) - (long double)at.y) < 1e-3L);
    assert_true(fabs(at.hdg - 0.5 - atan(0.02 * (double)u)) < 1e-4);
    /* The same curve with a parameter from 0 to 1 and one from 0 to length. */
    struct od_geometry n = {.length = 50,
        .shape = OD_PARAM_POLY3,
        .range = OD_RANGE_NORMALIZED,
        .p = {0, 50, 0, 0, 0, 0, 5, 0}};
    struct od_geometry l = {.length = 50,
        .shape = OD_PARAM_POLY3,
        .range = OD_RANGE_ARC_LENGTH,
        .p = {0, 1, 0, 0, 0, 0, 0.002, 0}};
    for (int i = 0; i <= 10; i++) {
        struct od_pose p = od_geometry_at(&n, i * 5.0);
        struct od_pose q = od_geometry_at(&l, i * 5.0);
        assert_true(fabs(p.x - q.x) < 1e-9);
        assert_true(fabs(p.y - q.y) < 1e-9);
        assert_true(fabs(p.hdg - q.hdg) < 1e-9);
    }
}

#define PARAM(s, x, len, bu)                                                                       \
    "<geometry s='" s "' x='" x "' y='0' hdg='0' length='" len "'><paramPoly3 aU='0' bU='" bu      \
    "' cU='0' dU='0' aV='0' bV='0' cV='0' dV='0'/></geometry>"
static void a_missing_range_is_found_out(void **state) {
    (void)state;
    struct map_report report;
    static const char *const texts[] = {
        XODR(ROAD("1", "<planView>" PARAM("0", "0", "40", "1")
                           PARAM("40", "40", "60", "1") "</planView>" LANES)),
        XODR(ROAD("1", "<planView>" PARAM("0", "0", "40", "40")
                           PARAM("40", "40", "60", "60") "</planView>" LANES)),
    };
    for (size_t i = 0; i < 2; i++) {
        struct mapset m = read_map(texts[i], &report);
        assert_true(report_says(&report, "2 paramPoly3 do not say pRange"));
        const struct element *e = by_alias(&m, EL_BOUNDARY, "opendrive:road/1/section/0/border/0");
        check_point(e, e->n_points - 1, 100000, 0);
        mapset_free(&m);
    }
}

/* Every point of a drawn arc lies on it, and chords stay within 2 cm. */
static void arcs_are_drawn_closely(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m =
        read_map(XODR(ROAD("1", "<planView><geometry s='0' x='0' y='0' hdg='0' length='100'>"
                                "<arc curvature='0.02'/></geometry></planView>" LANES)),
            &report);
    const struct element *e = by_alias(&m, EL_BOUNDARY, "opendrive:road/1/section/0/border/-2");
    assert_non_null(e);
    for (size_t i = 0; i < e->n_points; i++) {
        double r = hypot(e->points[i].x / 1000.0, e->points[i].y / 1000.0 - 50.0);
        assert_true(fabs(r - 56.0) < 0.002);
        if (i == 0)
            continue;
        double mx = (e->points[i].x + e->points[i - 1].x) / 2000.0;
        double my = (e->points[i].y + e->points[i - 1].y) / 2000.0 - 50.0;
        assert_true(56.0 - hypot(mx, my) < 0.02);
    }
    assert_true(e->n_points < 100);
    mapset_free(&m);
}

/* Every shape, tapers and the projection in one map: its digest is the same with every compiler, at every level of
 * optimisation and on every machine, or the validators' maps differ. A change of the importer's output
 * changes it; then, and only then, write the new one here. */
static void every_machine_gets_the_same_integers(void **state) {
    (void)state;
    static const char text[] =
        "<OpenDRIVE><header><geoReference>+proj=utm +zone=32</geoReference>"
        "<offset x='690000' y='5337000' hdg='0.3'/></header><road id='1' length='250' "
        "junction='-1'>"
        "<planView><geometry s='0' x='0' y='0' hdg='0.1' length='50'><spiral curvStart='0' "
        "curvEnd='0.02'/>"
        "</geometry></planView>" LANES "</road><road id='2' length='50' junction='-1'><planView>"
        "<geometry s='0' x='100' y='7' hdg='1.7' length='50'><poly3 a='0' b='0.1' c='0.01' "
        "d='-0.0001'/>"
        "</geometry></planView>" LANES "</road><road id='3' length='50' junction='-1'><planView>"
        "<geometry s='0' x='-100' y='7' hdg='-2.9' length='50'><paramPoly3 pRange='normalized' "
        "aU='0' "
        "bU='48' cU='1.5' dU='-0.7' aV='0' bV='0' cV='9' dV='-4'/></geometry></planView>" LANES
        "</road><road id='4' length='70' junction='-1'><planView><geometry s='0' x='30' y='-50' "
        "hdg='3' "
        "length='70'><arc curvature='-0.033'/></geometry></planView>" LANES "</road></OpenDRIVE>";
    struct map_report report;
    struct mapset m = read_map(text, &report);
    uint8_t digest[32];
    char hex[65];
    mapset_digest(&m, digest);
    hex_encode(hex, digest, sizeof(digest));
    assert_string_equal(hex, "4060966e1d70d8082738f1ef792284f9847e199ad40b3e6c80ef1c6d421b9af6");
    mapset_free(&m);
}

/* ---- place on the globe ---- */

static void transverse_mercator(void **state) {
    (void)state;
    /* Latitude and longitude from the series in the third flattening to order six, which is another way. */
    static const struct {
        const char *proj;
        double x, y;
        int64_t lat, lon;
    } cases[] = {
        {"+proj=tmerc +lat_0=0 +lon_0=9 +k=0.9996 +x_0=-115000 +y_0=-5793000 +datum=WGS84 +units=m "
         "+no_defs",
            2888.5578656, 4295.096955, 523133151928, 107293920621},
        {"+proj=utm +zone=32 +ellps=GRS80", 690000, 5337000, 481578337332, 115549653922},
        {"EPSG:25832", 690000, 5337000, 481578337332, 115549653922},
        {"+init=epsg:32632 +no_defs", 690000, 5337000, 481578337332, 115549653922},
        {"EPSG:32754", 200000, 6200000, -342979112859, 1377406346255},
        {"+proj=utm +zone=54 +south +datum=WGS84", 200000, 6200000, -342979112859, 1377406346255},
        {"+proj=tmerc +lat_0=48.76 +lon_0=11.42 +k=1 +x_0=0 +y_0=0 +ellps=WGS84", -500, 250,
            487622478975, 114131990771},
        {" +proj=tmerc +lat_0=0 +lon_0=0 +k_0=1 ", 250, -150, -13565542, 22457882},
        {"urn:ogc:def:crs:EPSG::32632", 600000, 5400000, 487449841112, 103602792463},
        {"EPSG:32632+5773", 600000, 5400000, 487449841112, 103602792463},
        {"EPSG:3006", 550000, 600000, 54280568874, 154513432543},
        {"EPSG:3067", 550000, 600000, 54280568874, 274513432543},
        {"EPSG:2180", 550000, 600000, 532628310083, 197498324765},
        {"EPSG:6669", 20000, -30000, 327292823931, 1297133827591},
        {"EPSG:6677", 20000, -30000, 357293936165, 1400544212857},
        {"EPSG:6680", 20000, -30000, 437296997379, 1424982579157},
        {"EPSG:6687", 20000, -30000, 257290440521, 1541993295314},
        {"PROJCS[\"WGS 84 / UTM zone 32N\",\n GEOGCS[\"WGS 84\",DATUM[\"WGS_1984\",SPHEROID[\"WGS "
         "84\", 6378137 , 298.257223563,AUTHORITY[\"EPSG\",\"7030\"]],TOWGS84[0,0,0,0,0,0,0]],"
         "PRIMEM[\"Greenwich\",0],UNIT[\"degree\",0.0174532925199433]],"
         "PROJECTION[\"Transverse_Mercator\"],PARAMETER[\"latitude_of_origin\",0],"
         "PARAMETER[\"central_meridian\",9],PARAMETER[\"scale_factor\",0.9996],"
         "PARAMETER[\"false_easting\",500000],PARAMETER[\"false_northing\",0],"
         "UNIT[\"metre\",1],AUTHORITY[\"EPSG\",\"32632\"]]",
            600000, 5400000, 487449841112, 103602792463},
        {"PROJCRS[\"x\",BASEGEOGCRS[\"x\",DATUM[\"x\",ELLIPSOID[\"GRS 1980\",6378137,"
         "298.257222101,LENGTHUNIT[\"metre\",1]]]],CONVERSION[\"x\",METHOD[\"Transverse "
         "Mercator\",ID[\"EPSG\",9807]],PARAMETER[\"Latitude of natural origin\",48.75],"
         "PARAMETER[\"Longitude of natural origin\",11.42],PARAMETER[\"Scale factor at natural "
         "origin\",0.99],PARAMETER[\"False easting\",5],PARAMETER[\"False northing\",7]],"
         "CS[Cartesian,2],LENGTHUNIT[\"metre\",1]]",
            2000, 3000, 487771828195, 114474179104},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tmerc t;
        char why[100];
        assert_true(tmerc_parse(cases[i].proj, &t, why, sizeof(why)));
        int64_t lat = 0;
        int64_t lon = 0;
        assert_true(tmerc_inverse(&t, cases[i].x, cases[i].y, &lat, &lon));
        assert_in_range(lat - cases[i].lat + 90, 0, 180); /* 1 mm */
        assert_in_range(lon - cases[i].lon + 140, 0, 280);
    }
    static const char *const refused[] = {"+proj=merc +lon_0=0", "EPSG:31467", "EPSG:32661",
        "EPSG:25839", "EPSG", "+init=epsg:4326", "EPSGx32632", "+proj=utm", "+proj=tmerc +lat_0=x",
        "+proj=tmerc +datum=NAD27", "+proj=tmerc +units=us-ft", "+proj=tmerc +towgs84=1,2,3",
        "+proj=utm +zone=61", "+proj=tmerc +axis=wnu", "PROJCS[\"x\"]", "", "GEOGCS[\"WGS 84\"]",
        ("PROJCS[\"x\",SPHEROID[\"Bessel 1841\",6377397.155,299.1528],"
         "PROJECTION[\"Transverse_Mercator\"]]"),
        ("PROJCS[\"x\",SPHEROID[\"WGS 84\",6378137,298.257223563],TOWGS84[1,0,0],"
         "PROJECTION[\"Transverse_Mercator\"]]"),
        "PROJCS[\"x\",SPHEROID[\"WGS 84\",6378137,298.257223563],PROJECTION[\"Lambert\"]]",
        ("PROJCS[\"x\",SPHEROID[\"WGS 84\",6378137,298.257223563],"
         "PROJECTION[\"Transverse_Mercator\"],PARAMETER[\"central_meridian\",x]]"),
        "PROJCS[", "PROJCS[\"", "EPSG:32632x", "+proj=tmerc +to_meter=0.3048", "+proj=tmerc +pm=2",
        "EPSG:6668", "EPSG:6688", "+proj=tmerc +k=nan"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct tmerc t;
        char why[100] = "";
        assert_false(tmerc_parse(refused[i], &t, why, sizeof(why)));
        assert_string_not_equal(why, "");
    }
    struct tmerc t;
    char why[100];
    int64_t v = 0;
    assert_true(tmerc_parse("+proj=utm +zone=32", &t, why, sizeof(why)));
    assert_false(tmerc_inverse(&t, 9e6, 5e6, &v, &v));
    assert_false(tmerc_inverse(&t, 5e5, 2e7, &v, &v));
}

static void places_from_geo_reference(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = read_map("<OpenDRIVE><header><geoReference><![CDATA[+proj=utm +zone=32 "
                               "+ellps=WGS84]]></geoReference>"
                               "<offset x='690000' y='5337000' hdg='0' z='0'/></header>" ROAD(
                                   "1", LINE100 LANES) "</OpenDRIVE>",
        &report);
    assert_int_equal(report.notes, 0);
    assert_int_equal(m.frame.lat0, 481580000);
    assert_int_equal(m.frame.lon0, 115550000);
    mapset_free(&m);
    m = read_map("<OpenDRIVE><header><geoReference>+proj=lcc</geoReference></header>" ROAD(
                     "1", LINE100 LANES) "</OpenDRIVE>",
        &report);
    assert_true(report_says(&report, "geoReference: not read (+proj=lcc)"));
    assert_int_equal(m.frame.lat0, 487600000);
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
        cmocka_unit_test(arcs_and_spirals),
        cmocka_unit_test(polynomials),
        cmocka_unit_test(a_missing_range_is_found_out),
        cmocka_unit_test(arcs_are_drawn_closely),
        cmocka_unit_test(every_machine_gets_the_same_integers),
        cmocka_unit_test(transverse_mercator),
        cmocka_unit_test(places_from_geo_reference),
        cmocka_unit_test(broken_roads_are_named),
        cmocka_unit_test(joints_are_graded),
        cmocka_unit_test(roads_end_with_their_line),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
