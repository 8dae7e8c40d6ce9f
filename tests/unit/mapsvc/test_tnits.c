/* TN-ITS data sets: what is said, what is left out, and by which reason. */
#include "mapsvc/formats/xml.h"
#include "mapsvc/tnits/tnits.h"
#include "tests/unit/mapsvc/map_files.h"

static const char *text_of(struct buf *b) {
    buf_u8(b, 0);
    b->n--;
    return (const char *)b->p;
}

static size_t count_text(const char *text, const char *what) {
    size_t n = 0;
    for (const char *p = strstr(text, what); p != NULL; p = strstr(p + 1, what))
        n++;
    return n;
}

static void has(const char *text, const char *what) {
    if (strstr(text, what) == NULL)
        fail_msg("no \"%s\" in:\n%s", what, text);
}

static struct element thing(enum element_kind kind, uint8_t id, size_t n_points) {
    struct element e = {.kind = kind, .valid_to_ms = INT64_MAX};
    e.id[0] = id;
    for (size_t i = 0; i < n_points; i++)
        assert_true(element_add_point(&e, (struct map_point){(int32_t)i * 1000, 2000, 0}));
    return e;
}

static struct element limit(uint8_t id, int32_t value) {
    struct element e = thing(EL_SPEED_LIMIT, id, 2);
    e.has_value = true;
    e.value = value;
    return e;
}

static const struct cell_frame *somewhere(void) {
    static struct cell_frame f;
    f = frame_at(487600000, 114200000);
    return &f;
}

static struct tnits_tally export(const struct tnits_change *c, size_t n, struct buf *b) {
    const struct tnits_head head = {.dataset = "set <1>",
        .provider = "cell & sons",
        .created_ms = 1782000000123,
        .frame = somewhere()};
    struct tnits_tally t;
    tnits_export(&head, c, n, b, &t);
    const struct xml_handler nothing = {0};
    struct ws_err err;
    if (xml_parse("export", buf_span(b), &nothing, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(t.features + tnits_left_out(&t), n);
    assert_int_equal(count_text(text_of(b), "<RoadFeature "), t.features);
    return t;
}

static void limits_change(void **state) {
    (void)state;
    struct element was = limit(1, 50);
    struct element is = limit(1, 30);
    struct element miles = limit(2, 20);
    assert_true(element_set_attr(&miles, "unit", "mph"));
    miles.valid_from_ms = 951782400000; /* 2000-02-29 */
    miles.valid_to_ms = 4107542399999; /* 2100-02-28, its last ms */
    const struct tnits_change c[] = {
        {.before = &was, .after = &is, .last = &is, .at_ms = 1772323199999},
        {.after = &miles, .last = &miles, .at_ms = 1772323200000, .order = true},
        {.before = &is, .last = &is, .at_ms = -1}};
    struct buf b = {0};
    struct tnits_tally t = export(c, 3, &b);
    assert_int_equal(t.features, 3);
    const char *s = text_of(&b);
    has(s, "<datasetId>set &lt;1&gt;</datasetId><datasetCreationTime>2026-06-21T00:00:00Z<");
    has(s, "<providerId>cell &amp; sons</providerId><id>01000000000000000000000000000000</id>");
    has(s, "<type>Modify</type>");
    has(s, "<validFrom>2026-02-28</validFrom>\n      "
           "<beginLifespanVersion>2026-02-28T23:59:59Z</beginLifespanVersion>");
    has(s, "<gml:measure uom=\"kph\">30</gml:measure>");
    has(s, "<type>Add</type>");
    has(s, "<validFrom>2000-02-29</validFrom>\n      <validTo>2100-02-28</validTo>\n      "
           "<beginLifespanVersion>2026-03-01T00:00:00Z<");
    has(s, "<gml:measure uom=\"mph\">20</gml:measure>");
    assert_int_equal(count_text(s, "RoadFeatureSourceCode#regulation"), 1);
    has(s, "<type>Remove</type>");
    has(s, "<endLifespanVersion>1969-12-31T23:59:59Z</endLifespanVersion>");
    /* Longitude first. */
    has(s, "srsName=\"EPSG:4326\" srsDimension=\"2\"><gml:posList>11.42");
    buf_free(&b);
    element_free(&was);
    element_free(&is);
    element_free(&miles);
}

static void times_stay_in_their_calendar(void **state) {
    (void)state;
    struct element e = limit(1, 50);
    e.valid_from_ms = INT64_MIN;
    e.valid_to_ms = INT64_MAX - 1;
    const struct tnits_change c = {.after = &e, .last = &e, .at_ms = INT64_MAX};
    struct buf b = {0};
    (void)export(&c, 1, &b);
    has(text_of(&b),
        "<validFrom>0001-01-01</validFrom>\n      <validTo>9999-12-31</validTo>\n      "
        "<beginLifespanVersion>9999-12-31T23:59:59Z<");
    buf_free(&b);
    element_free(&e);
}

static void signs_have_words(void **state) {
    (void)state;
    static const struct {
        const char *code, *type;
    } cases[] = {{"de267", "#noEntry"}, {"de274-30", "#roadSign"}, {"DE278-30", "#endOfSpeedLimit"},
        {"de310", "#startOfBuiltUpArea"}, {"de31", "#roadSign"}, {"d", "#roadSign"},
        {"", "#roadSign"}, {"us267", "#roadSign"}, {NULL, "#roadSign"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct element e = thing(EL_SIGN, 7, 1);
        if (cases[i].code != NULL)
            assert_true(element_set_attr(&e, i % 2 == 0 ? "subtype" : "code", cases[i].code));
        const struct tnits_change c = {.after = &e, .last = &e};
        struct buf b = {0};
        assert_int_equal(export(&c, 1, &b).features, 1);
        char want[64];
        (void)snprintf(want, sizeof(want), "RoadFeatureTypeCode%s\"", cases[i].type);
        has(text_of(&b), want);
        assert_int_equal(count_text(text_of(&b), "#roadSignType"), cases[i].code != NULL);
        buf_free(&b);
        element_free(&e);
    }
}

static void names_of_other_providers_stay(void **state) {
    (void)state;
    struct element e = limit(1, 50);
    assert_true(element_add_alias(&e, "tnits:SE.X/AB/1"));
    assert_true(element_set_attr(&e, "tnits.source", "regulation"));
    const struct tnits_change c = {.after = &e, .last = &e};
    struct buf b = {0};
    (void)export(&c, 1, &b);
    has(text_of(&b), "<providerId>SE.X</providerId><id>AB/1</id>");
    has(text_of(&b), "RoadFeatureSourceCode#regulation");
    buf_free(&b);
    element_free(&e);
}

static void the_rest_is_counted(void **state) {
    (void)state;
    struct element lane = thing(EL_LANE, 1, 2);
    struct element lane_named = thing(EL_LANE, 1, 2);
    assert_true(element_set_attr(&lane_named, "location", "urban"));
    struct element sign = thing(EL_SIGN, 2, 1);
    struct element moved = element_copy(&sign);
    moved.points[0].x += 5000;
    struct element dressed = element_copy(&sign);
    assert_true(element_set_attr(&dressed, "nodes", "1 2"));
    struct element hazard = thing(EL_HAZARD, 3, 1);
    struct element light = thing(EL_LIGHT, 4, 1);
    struct element nowhere = thing(EL_SIGN, 5, 0);
    struct element open = thing(EL_SPEED_LIMIT, 6, 2);
    const struct tnits_change c[] = {{.after = &lane, .last = &lane},
        {.before = &lane, .after = &lane_named, .last = &lane_named},
        {.before = &sign, .after = &moved, .last = &moved},
        {.before = &sign, .after = &dressed, .last = &dressed}, {.after = &hazard, .last = &hazard},
        {.before = &light, .last = &light}, {.after = &nowhere, .last = &nowhere},
        {.after = &open, .last = &open}};
    struct buf b = {0};
    struct tnits_tally t = export(c, ARRAY_LEN(c), &b);
    assert_int_equal(t.features, 0);
    assert_int_equal(t.left[TNITS_GEOMETRY], 2);
    assert_int_equal(t.left[TNITS_DYNAMIC], 1);
    assert_int_equal(t.left[TNITS_NO_WORD], 4);
    assert_int_equal(t.left[TNITS_NO_PLACE], 1);
    has(text_of(&b), "<roadFeatures/>");
    has(text_of(&b), "left out: geometry 2, dynamic 1, no word for it 4, no place 1");
    buf_free(&b);
    struct element *const all[] = {
        &lane, &lane_named, &sign, &moved, &dressed, &hazard, &light, &nowhere, &open};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        element_free(all[i]);
}

/* Three versions: one limit changes twice, one sign comes and goes, one comes. */
static void ranges_give_the_net_change(void **state) {
    (void)state;
    struct element a50 = limit(1, 50);
    struct element a30 = limit(1, 30);
    struct element a40 = limit(1, 40);
    struct element came = thing(EL_SIGN, 2, 1);
    struct element stays = thing(EL_SIGN, 3, 1);
    struct change_record first[] = {
        {.op = MAP_MODIFY, .has_before = true, .has_after = true, .before = a50, .after = a30},
        {.op = MAP_CREATE, .has_after = true, .after = came}};
    struct change_record second[] = {{.op = MAP_DELETE, .has_before = true, .before = came},
        {.op = MAP_CREATE, .has_after = true, .after = stays}};
    struct change_record third[] = {
        {.op = MAP_MODIFY, .has_before = true, .has_after = true, .before = a30, .after = a40}};
    first[0].element_id[0] = third[0].element_id[0] = 1;
    first[1].element_id[0] = second[0].element_id[0] = 2;
    second[1].element_id[0] = 3;
    const struct map_version v[] = {{.version = 2, .changes = first, .n_changes = 2},
        {.version = 3, .changes = second, .n_changes = 2},
        {.version = 4, .block_time = 700000000000000, .changes = third, .n_changes = 1}};
    const struct map_version *list[] = {&v[0], &v[1], &v[2]};
    size_t n = 0;
    struct tnits_change *net = tnits_net(list, 3, &n);
    assert_int_equal(n, 3);
    assert_int_equal(net[0].before->value, 50);
    assert_int_equal(net[0].after->value, 40);
    assert_int_equal(net[0].at_ms, 700000000000 + 1072915200000 - 5000);
    assert_null(net[1].before);
    assert_null(net[1].after);
    assert_non_null(net[2].after);
    struct buf b = {0};
    assert_int_equal(export(net, n, &b).features, 3);
    assert_int_equal(count_text(text_of(&b), "<type>Remove</type>"), 1);
    assert_int_equal(count_text(text_of(&b), "<type>Add</type>"), 1);
    assert_int_equal(count_text(text_of(&b), ">40</gml:measure>"), 1);
    buf_free(&b);
    free(net);
    struct element *const all[] = {&a50, &a30, &a40, &came, &stays};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        element_free(all[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_change),
        cmocka_unit_test(times_stay_in_their_calendar),
        cmocka_unit_test(signs_have_words),
        cmocka_unit_test(names_of_other_providers_stay),
        cmocka_unit_test(the_rest_is_counted),
        cmocka_unit_test(ranges_give_the_net_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
