/* OpenDRIVE import: where on the globe a file puts its plane. */
#include "mapsvc/opendrive/opendrive.h"
#include "tests/unit/mapsvc/opendrive_files.h"

#include <math.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transverse_mercator),
        cmocka_unit_test(places_from_geo_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
