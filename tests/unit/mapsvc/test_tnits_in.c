/* TN-ITS data sets read as a map, and what receivers answer. */
#include "mapsvc/tnits/tnits.h"
#include "mapsvc/tnits/tnits_feedback.h"
#include "tests/unit/mapsvc/map_files.h"

#include "base/fileio.h"

#define FEATURE(id, type, value, place)                                                            \
    "<roadFeatures><RoadFeature><validFrom>2026-01-01</validFrom>"                                 \
    "<source xlink:href='c#regulation'/><type xlink:href='c#" type "'/>" value                     \
    "<id><RoadFeatureId><providerId>P</providerId><id>" id "</id></RoadFeatureId></id>" place      \
    "</RoadFeature></roadFeatures>"
#define LIMIT(figure, uom)                                                                         \
    "<properties><GenericRoadFeatureProperty><type xlink:href='c#maximumSpeedLimit'/><value>"      \
    "<gml:measure uom='" uom "'>" figure                                                           \
    "</gml:measure></value></GenericRoadFeatureProperty></properties>"
#define AT(geometry)                                                                               \
    "<locationReference><GeometryLocationReference><encodedGeometry>" geometry                     \
    "</encodedGeometry></GeometryLocationReference></locationReference>"
#define LINE(srs, list)                                                                            \
    AT("<gml:LineString srsName='" srs "'><gml:posList>" list "</gml:posList></gml:LineString>")
#define POINT(srs, list) AT("<gml:Point srsName='" srs "'><gml:pos>" list "</gml:pos></gml:Point>")
#define OPENLR(text)                                                                               \
    "<locationReference><OpenLRLocationReference><binaryLocationReference>"                        \
    "<BinaryLocationReference><base64String>" text "</base64String></BinaryLocationReference>"     \
    "</binaryLocationReference></OpenLRLocationReference></locationReference>"
#define SET(features)                                                                              \
    "<RoadFeatureDataset><metadata><Metadata><datasetId>D</datasetId></Metadata></metadata>"       \
    "<type>Update</type>" features "</RoadFeatureDataset>"
#define ROAD "11.42 48.76 11.43 48.76"

static const char good[] = SET(
    FEATURE("1", "speedLimit", LIMIT("70", "kph"), LINE("EPSG:4326", ROAD))
        FEATURE("2", "noEntry", "", LINE("EPSG:4258", "11.42 48.76 11.42 48.77")) FEATURE("3",
            "roadSign", LIMIT("30", "mph"), POINT("urn:ogc:def:crs:EPSG::4326", "48.761 11.421"))
            FEATURE("4", "pedestrianCrossing", "",
                POINT("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "11.421 48.761"))
                FEATURE("5", "speedLimit", LIMIT("50", "kph"), OPENLR("CwyZ/ipL7CCWAf9p")));

static const struct element *named(const struct mapset *m, enum element_kind kind, const char *id) {
    char alias[64];
    (void)snprintf(alias, sizeof(alias), "tnits:P/%s", id);
    const struct element *e = by_alias(m, kind, alias);
    if (e == NULL)
        fail_msg("no %s", alias);
    return e;
}

static void features_become_elements(void **state) {
    (void)state;
    struct mapset m;
    struct map_report report;
    struct ws_err err;
    if (import_text(good, NULL, &m, &report, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(m.n, 4);
    assert_string_equal(m.ns, "tnits");
    const struct element *e = named(&m, EL_SPEED_LIMIT, "1");
    assert_int_equal(e->value, 70);
    assert_int_equal(e->n_points, 2);
    assert_true(e->points[1].x - e->points[0].x > 700000); /* 0.01 degree at 48.76 N: 735 m */
    assert_true(e->points[1].x - e->points[0].x < 770000);
    assert_true(e->has_heading && (e->heading < 8 || e->heading > 65528)); /* east */
    assert_string_equal(element_attr(e, "tnits.source"), "regulation");
    e = named(&m, EL_SIGN, "2");
    assert_int_equal(e->n_points, 1);
    assert_true(e->has_heading && e->heading > 16376 && e->heading < 16392); /* north */
    assert_string_equal(element_attr(e, "tnits.type"), "noEntry");
    e = named(&m, EL_SIGN, "3");
    assert_int_equal(e->value, 30);
    assert_string_equal(element_attr(e, "unit"), "mph");
    const struct element *walk = named(&m, EL_CROSSWALK, "4");
    assert_int_equal(walk->points[0].x, e->points[0].x); /* the same place in another order */
    assert_int_equal(walk->points[0].y, e->points[0].y);
    assert_int_equal(report.skipped, 0);
    assert_true(report_says(&report, "P/5: not located: only by OpenLR on a road network"));
    assert_true(report_says(&report, "1 features are not located"));
    assert_true(report_says(&report, "an update (D)"));
    mapset_free(&m);
}

/* Words that features share are kept once, and each feature has its own. */
static void words_stay_with_their_feature(void **state) {
    (void)state;
    static const struct {
        const char *provider, *id, *source, *type, *code;
    } say[] = {{"P", "1", "regulation", "roadSign", "1"}, {"P", "2", "regulation", "roadSign", ""},
        {"Q", "2", "regulation", "noEntry", "1"}, {"P", "12", "", "roadSign", "1"},
        {"P2", "1", "fixedPlateRoadSign", "roadSign", "11"}};
    struct buf b = {0};
    buf_printf(&b, "<RoadFeatureDataset>");
    for (size_t i = 0; i < ARRAY_LEN(say); i++) {
        buf_printf(&b, "<roadFeatures><RoadFeature>");
        if (say[i].source[0] != '\0')
            buf_printf(&b, "<source xlink:href='c#%s'/>", say[i].source);
        buf_printf(&b, "<type xlink:href='c#%s'/>", say[i].type);
        if (say[i].code[0] != '\0')
            buf_printf(&b,
                "<properties><GenericRoadFeatureProperty><type xlink:href='c#roadSignType'/>"
                "<value>%s</value></GenericRoadFeatureProperty></properties>",
                say[i].code);
        buf_printf(&b,
            "<id><RoadFeatureId><providerId>%s</providerId><id>%s</id></RoadFeatureId></id>%s"
            "</RoadFeature></roadFeatures>",
            say[i].provider, say[i].id, POINT("EPSG:4326", "11.42 48.76"));
    }
    buf_printf(&b, "</RoadFeatureDataset>");
    struct mapset m;
    struct ws_err err;
    assert_int_equal(import_octets(buf_span(&b), NULL, &m, NULL, &err), WS_OK);
    assert_int_equal(m.n, ARRAY_LEN(say));
    for (size_t i = 0; i < ARRAY_LEN(say); i++) {
        char alias[64];
        (void)snprintf(alias, sizeof(alias), "tnits:%s/%s", say[i].provider, say[i].id);
        const struct element *e = by_alias(&m, EL_SIGN, alias);
        assert_non_null(e);
        assert_string_equal(element_attr(e, "tnits.type"), say[i].type);
        const char *code = element_attr(e, "code");
        const char *source = element_attr(e, "tnits.source");
        assert_string_equal(code == NULL ? "" : code, say[i].code);
        assert_string_equal(source == NULL ? "" : source, say[i].source);
    }
    mapset_free(&m);
    buf_free(&b);
}

static void openlr_places_what_needs_no_network(void **state) {
    (void)state;
    /* 0x23, longitude and latitude in 2^24ths of the circle: 0x082006 and 0x22AE5D, half a step off zero. */
    struct mapset m;
    struct ws_err err;
    assert_int_equal(import_text(SET(FEATURE("1", "roadSign", "", OPENLR("IwggBiKuXQ=="))), NULL,
                         &m, NULL, &err),
        WS_OK);
    int32_t lat = 0;
    int32_t lon = 0;
    frame_to_wgs(&m.frame, m.elements[0].points[0].x, m.elements[0].points[0].y, &lat, &lon);
    assert_true(abs(lon - 114258993) < 2); /* (0x082006 - 0.5) * 360 / 2^24 */
    assert_true(abs(lat - 487702954) < 2);
    mapset_free(&m);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    static const struct {
        const char *feature, *says;
    } cases[] = {
        {FEATURE("x", "speedLimit", LIMIT("fast", "kph"), LINE("EPSG:4326", ROAD)),
            "no speed: \"fast\""},
        {FEATURE("x", "speedLimit", "", LINE("EPSG:4326", ROAD)), "without maximumSpeedLimit"},
        {FEATURE("x", "speedLimit", LIMIT("50", "kph"), LINE("EPSG:3006", ROAD)),
            "reference system"},
        {FEATURE(
             "x", "speedLimit", LIMIT("50", "kph"), LINE("EPSG:4326", "11.42 98.76 11.43 48.76")),
            "not a coordinate: \"98.76\""},
        {FEATURE("x", "speedLimit", LIMIT("50", "kph"), LINE("EPSG:4326", "11.42 nan")),
            "not a coordinate: \"nan\""},
        {FEATURE("x", "speedLimit", LIMIT("50", "kph"), LINE("EPSG:4326", "11.42 48.76 11.43")),
            "in pairs"},
        {FEATURE(
             "x", "speedLimit", LIMIT("50", "kph"), LINE("EPSG:4326", "11.42 48.76 11.42 48.76")),
            "without length"},
        {FEATURE(
             "x", "speedLimit", LIMIT("50", "kph"), LINE("EPSG:4326", "-91.42 -48.76 11.43 48.76")),
            "too far"},
        {FEATURE("1", "roadSign", "", POINT("EPSG:4326", "11.42 48.76")),
            "the id of another feature"},
        {FEATURE("", "roadSign", "", POINT("EPSG:4326", "11.42 48.76")), "id is missing"},
        {FEATURE("x", "roadSign", "",
             POINT("EPSG:4326", "11.42 48.76") POINT("EPSG:4326", "11.43 48.76")),
            "more than one geometry"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = {0};
        buf_printf(&b, "%s%s%s", "<RoadFeatureDataset>\n",
            FEATURE("1", "speedLimit", LIMIT("70", "kph"), LINE("EPSG:4326", ROAD)),
            cases[i].feature);
        buf_printf(&b, "</RoadFeatureDataset>");
        struct mapset m;
        struct map_report report;
        struct ws_err err;
        assert_int_equal(import_octets(buf_span(&b), NULL, &m, &report, &err), WS_OK);
        assert_int_equal(m.n, 1);
        assert_int_equal(report.skipped, 1);
        if (!report_says(&report, cases[i].says))
            fail_msg("%s, not %s", report.text[0], cases[i].says);
        mapset_free(&m);
        const struct map_import_options strict = {.strict = true};
        assert_int_equal(import_octets(buf_span(&b), &strict, &m, NULL, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, ":2: "));
        buf_free(&b);
    }
}

static void cuts_and_flips_do_no_harm(void **state) {
    (void)state;
    char text[sizeof(good)];
    struct mapset m;
    struct ws_err err;
    for (size_t n = 0; n < sizeof(good) - 1; n += 7)
        if (import_octets(span_of(good, n), NULL, &m, NULL, &err) == WS_OK)
            fail_msg("a cut after %zu octets is a map", n);
    for (size_t i = 0; i < sizeof(good) - 1; i += 5) {
        memcpy(text, good, sizeof(good));
        text[i] = (char)(text[i] ^ (1 << (i % 7)));
        if (import_octets(span_of(text, sizeof(good) - 1), NULL, &m, NULL, &err) == WS_OK)
            mapset_free(&m);
    }
}

/* Out and in again: the same elements under the same ids. */
static void data_sets_come_back(void **state) {
    (void)state;
    struct mapset m;
    struct ws_err err;
    assert_int_equal(import_text(good, NULL, &m, NULL, &err), WS_OK);
    struct tnits_change all[4];
    for (size_t i = 0; i < 4; i++)
        all[i] = (struct tnits_change){.after = &m.elements[i], .last = &m.elements[i]};
    const struct tnits_head head = {
        .dataset = "back", .provider = "other", .snapshot = true, .frame = &m.frame};
    struct tnits_tally tally;
    struct buf b = {0};
    tnits_export(&head, all, 4, &b, &tally);
    assert_int_equal(tally.features, 4);
    struct mapset again;
    assert_int_equal(import_octets(buf_span(&b), NULL, &again, NULL, &err), WS_OK);
    struct map_delta d;
    map_compare(&m, &again, &d);
    for (size_t i = 0; i < d.n; i++)
        assert_string_equal(
            d.changes[i].after->aliases[0], "tnits:P/2"); /* a sign has lost its line */
    assert_true(d.n <= 1);
    map_delta_free(&d);
    mapset_free(&again);
    mapset_free(&m);
    buf_free(&b);
}

/* ---- feedback ---- */

#define ABOUT(id, code)                                                                            \
    "<events><RoadFeatureEvent><roadFeatureId><RoadFeatureId><providerId>P</providerId><id>" id    \
    "</id></RoadFeatureId></roadFeatureId><roadFeaturePropertyType href='c#maximumSpeedLimit'/>"   \
    "<eventCode href='c#" code "'/></RoadFeatureEvent></events>"
#define ANSWER(events, summary)                                                                    \
    "<FeedbackDataset><feedbackInfo><FeedbackInformation><datasetIdentifier>D"                     \
    "</datasetIdentifier><processed>now</processed><log><FeedbackLog>" events summary              \
    "</FeedbackLog></log></FeedbackInformation></feedbackInfo></FeedbackDataset>"
#define SUMMARY(good, bad)                                                                         \
    "<summary><SummaryInfo><nrSuccess>" good "</nrSuccess><nrFail>" bad                            \
    "</nrFail></SummaryInfo></summary>"

static int read_text(const char *text, struct tnits_feedback *f, struct ws_err *err) {
    return tnits_feedback_read("answer", span_of(text, strlen(text)), f, err);
}

static void feedback_is_counted(void **state) {
    (void)state;
    struct tnits_feedback f;
    struct ws_err err;
    if (read_text(ANSWER(ABOUT("1", "decodeLocationError") ABOUT("2", "success") ABOUT("3",
                             "decodeLocationError") "<events><FreeTextEvent><text> odd &lt;one&gt; "
                                                    "</text></FreeTextEvent></events>"
                                                    "<events><GeneralFeedbackEvent><eventCode "
                                                    "href='x/Late'/></GeneralFeedbackEvent>"
                                                    "</events>",
                      SUMMARY("1", "2")),
            &f, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_string_equal(f.dataset, "D");
    assert_int_equal(f.n_events, 3);
    assert_int_equal(f.n_all, 5);
    assert_int_equal(f.failures, 3);
    assert_int_equal(f.n_codes, 3);
    assert_string_equal(f.codes[0].code, "decodeLocationError");
    assert_int_equal(f.codes[0].n, 2);
    assert_string_equal(f.codes[2].code, "Late");
    assert_true(f.codes[2].general);
    assert_string_equal(f.events[2].id, "3");
    assert_string_equal(f.events[2].property, "maximumSpeedLimit");
    assert_string_equal(f.texts[0], "odd <one>");
    assert_true(f.has_summary);
    assert_int_equal(f.said_failure, 2);
    tnits_feedback_free(&f);
}

static void feedback_refuses_by_name(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "not well-formed"},
        {"<a/>", "no TN-ITS feedback"},
        {"<FeedbackDataset/>", "which data set"},
        {ANSWER("", SUMMARY("1", "many")), "nrFail: \"many\" is no count"},
        {ANSWER("", SUMMARY("-1", "0")), "nrSuccess: \"-1\" is no count"},
        {ANSWER(ABOUT("", "success"), ""), "does not name"},
        {ANSWER(ABOUT("1", ""), ""), "without its code"},
        {ANSWER("<events><GeneralFeedbackEvent/></events>", ""), "without its code"},
        {"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "document type declaration"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tnits_feedback f;
        struct ws_err err;
        assert_int_equal(read_text(cases[i].text, &f, &err), WS_EINPUT);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s, not %s", err.text, cases[i].says);
    }
}

static void feedback_is_bounded(void **state) {
    (void)state;
    struct buf b = {0};
    buf_printf(
        &b, "%s", "<FeedbackDataset><FeedbackInformation><datasetIdentifier>D</datasetIdentifier>");
    enum { MANY = 100010 };
    for (unsigned i = 0; i < MANY; i++)
        buf_printf(&b,
            "<RoadFeatureEvent><RoadFeatureId><providerId>P</providerId><id>%u</id></RoadFeatureId>"
            "<eventCode "
            "href='#c%u'/></RoadFeatureEvent><FreeTextEvent><text>t</text></FreeTextEvent>",
            i, i % 70);
    buf_printf(&b, "%s", "</FeedbackInformation></FeedbackDataset>");
    struct tnits_feedback f;
    struct ws_err err;
    assert_int_equal(tnits_feedback_read("answer", buf_span(&b), &f, &err), WS_OK);
    assert_int_equal(f.n_events, TNITS_FEEDBACK_EVENTS_MAX);
    assert_int_equal(f.failures, MANY);
    assert_int_equal(f.n_all, 2 * MANY);
    assert_int_equal(f.n_codes, TNITS_FEEDBACK_CODES_MAX);
    size_t counted = f.other_codes;
    for (size_t i = 0; i < f.n_codes; i++)
        counted += f.codes[i].n;
    assert_int_equal(counted, MANY);
    assert_int_equal(f.n_texts, TNITS_FEEDBACK_TEXTS_MAX);
    assert_int_equal(f.n_texts_all, MANY);
    tnits_feedback_free(&f);
    buf_free(&b);
}

/* ---- the published examples ---- */

static bool example(const char *name, char path[static 1024]) {
    (void)snprintf(path, 1024, "%s/maps/tnits/%s", test_data_dir(), name);
    return access(path, R_OK) == 0;
}

static void published_examples_are_read(void **state) {
    (void)state;
    char path[1024];
    static const char *const sets[] = {
        "Example_RoadDataSet.xml", "Example_FeatureCollectionInLineFeatures.xml"};
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        if (!example(sets[i], path))
            skip();
        struct mapset m;
        struct map_report report;
        struct ws_err err;
        if (map_import(path, NULL, &m, &report, &err) != WS_OK)
            fail_msg("%s", err.text);
        assert_int_equal(report.skipped, 0);
        assert_int_equal(count_kind(&m, EL_SPEED_LIMIT), 1);
        assert_int_equal(count_kind(&m, EL_SIGN), i == 0 ? 1 : count_kind(&m, EL_SIGN));
        const struct element *e =
            by_alias(&m, EL_SPEED_LIMIT, "tnits:SE.TrV.NVDB/84A4B4B4-4064-4117-AA7C-EF16C6917209");
        assert_non_null(e);
        assert_int_equal(e->value, 6);
        assert_int_equal(e->n_points, 8);
        int32_t lat = 0;
        int32_t lon = 0;
        frame_to_wgs(&m.frame, e->points[0].x, e->points[0].y, &lat, &lon);
        assert_true(abs(lon - 177209009) < 2 && abs(lat - 594795541) < 2);
        mapset_free(&m);
    }
    assert_true(example("ExampleFeedback.xml", path));
    struct buf data = {0};
    struct tnits_feedback f;
    struct ws_err err;
    assert_int_equal(file_read(path, 1 << 20, &data, &err), WS_OK);
    assert_int_equal(tnits_feedback_read(path, buf_span(&data), &f, &err), WS_OK);
    assert_string_equal(f.dataset, "Example");
    assert_int_equal(f.n_all, 3);
    assert_int_equal(f.failures, 2);
    assert_int_equal(f.said_success, 2);
    assert_int_equal(f.said_failure, 1);
    assert_string_equal(f.events[0].code, "decodeLocationError");
    assert_string_equal(f.events[0].property, "maximumHeight");
    tnits_feedback_free(&f);
    buf_free(&data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_become_elements),
        cmocka_unit_test(words_stay_with_their_feature),
        cmocka_unit_test(openlr_places_what_needs_no_network),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(cuts_and_flips_do_no_harm),
        cmocka_unit_test(data_sets_come_back),
        cmocka_unit_test(feedback_is_counted),
        cmocka_unit_test(feedback_refuses_by_name),
        cmocka_unit_test(feedback_is_bounded),
        cmocka_unit_test(published_examples_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
