/* A map written back into its OpenDRIVE file: what changed is said, all else stays octet for octet. */
#include "base/fileio.h"
#include "base/mem.h"
#include "base/random.h"
#include "tests/unit/mapsvc/opendrive_files.h"

#include <stdlib.h>

/* ---- to the letter ---- */

#define HEAD                                                                                       \
    "<?xml version='1.0'?>\r\n<OpenDRIVE>\r\n  <header revMajor='1' revMinor='6'/>\r\n"            \
    "  <road id='1' length='100' junction='-1'>\r\n    <type s='0' type='town'>"                   \
    "<speed max='50' unit='km/h'/></type>\r\n"                                                     \
    "    <planView><geometry s='0' x='0' y='0' hdg='0' length='100'><line/></geometry></planView>" \
    "\r\n    <lanes><laneSection s='0'><center><lane id='0'>"                                      \
    "<roadMark sOffset='0' type='solid' color='white'/></lane></center><right>\r\n"                \
    "      <lane id='-1' type='driving'><width sOffset='0' a='3' b='0' c='0' d='0'/></lane>\r\n"   \
    "      <lane id='-2' type='driving'><width sOffset='0' a='3' b='0' c='0' d='0'/></lane>\r\n"   \
    "    </right></laneSection></lanes>\r\n"
#define SIGNAL_A                                                                                   \
    "      <signal id='a' s='20' t='-7' zOffset='2' orientation='+' type='274' country='DE' "      \
    "value=\"50\"/>\r\n"
#define SIGNAL_B                                                                                   \
    "      <signal id='b' s='40' t='-7' orientation='+' type='206'/> <!-- stays -->\r\n"
#define FOOT "  </road>\r\n</OpenDRIVE>\r\n"
#define SIGNS "    <signals>\r\n" SIGNAL_A SIGNAL_B "    </signals>\r\n"

static struct mapset read_text(const char *text) {
    struct mapset m;
    struct ws_err err;
    if (import_text(text, &here, &m, NULL, &err) != WS_OK)
        fail_msg("%s", err.text);
    return m;
}

static struct element *thing(struct mapset *m, enum element_kind kind, const char *alias) {
    const struct element *e = by_alias(m, kind, alias);
    assert_non_null(e);
    return &m->elements[e - m->elements];
}

static void check_text(
    const struct mapset *m, const char *base, const char *want, size_t want_unsaid) {
    struct map_report unsaid;
    struct buf out = into(m, span_of(base, strlen(base)), &unsaid);
    buf_u8(&out, 0);
    assert_string_equal((const char *)out.p, want);
    assert_int_equal(unsaid.skipped, want_unsaid);
    buf_free(&out);
}

#define SIGN_A "opendrive:road/1/signal/a/s/20000"

static void edits_to_the_letter(void **state) {
    (void)state;
    static const char text[] = HEAD SIGNS FOOT;
    struct mapset m = read_text(text);
    thing(&m, EL_SIGN, SIGN_A)->value = 30;
    check_text(&m, text,
        HEAD "    <signals>\r\n"
             "      <signal id='a' s='20' t='-7' zOffset='2' orientation='+' type='274' "
             "country='DE' value=\"30\"/>\r\n" SIGNAL_B "    </signals>\r\n" FOOT,
        0);
    thing(&m, EL_SIGN, SIGN_A)->points[0].x += 1250;
    thing(&m, EL_SIGN, SIGN_A)->heading = 0x8000;
    (void)element_set_attr(thing(&m, EL_SIGN, SIGN_A), "name", "\xc3\xa4\"<");
    check_text(&m, text,
        HEAD "    <signals>\r\n"
             "      <signal id='a' s='21.25' t='-7.0' zOffset='2.0' orientation='-' type='274' "
             "country='DE' value=\"30\" name=\"&#228;&#34;&#60;\" hOffset=\"0.0\"/>\r\n" SIGNAL_B
             "    </signals>\r\n" FOOT,
        0);
    drop(&m, (size_t)(thing(&m, EL_SIGN, SIGN_A) - m.elements));
    check_text(&m, text, HEAD "    <signals>\r\n" SIGNAL_B "    </signals>\r\n" FOOT, 0);
    struct element e = {
        .kind = EL_SIGN, .has_heading = true, .heading = 0, .valid_to_ms = INT64_MAX, .id = {9}};
    (void)element_add_point(&e, (struct map_point){50000, -6500, 2500});
    (void)element_set_attr(&e, "code", "de206");
    mapset_add(&m, &e);
    mapset_sort(&m);
    check_text(&m, text,
        HEAD "    <signals>\r\n" SIGNAL_B
             "      <signal name=\"\" id=\"1\" s=\"50.0\" t=\"-6.5\" zOffset=\"2.5\" "
             "hOffset=\"0.0\" orientation=\"+\" dynamic=\"no\" country=\"de\" type=\"206\" "
             "subtype=\"\" value=\"-1\"/>\r\n"
             "    </signals>\r\n" FOOT,
        0);
    mapset_free(&m);
}

/* The cell says the figure; the number of the plate that repeats it follows. */
static void plates_keep_their_number_right(void **state) {
    (void)state;
    static const char plate[] = HEAD "    <signals>\r\n      <signal id='a' s='20' t='-7' "
                                     "orientation='+' type='274' subtype='%d' country='DE' "
                                     "value='%d'/>\r\n    </signals>\r\n" FOOT;
    char text[4096];
    char want[4096];
    (void)snprintf(text, sizeof(text), plate, 50, 50);
    (void)snprintf(want, sizeof(want), plate, 30, 30);
    struct mapset m = read_text(text);
    thing(&m, EL_SIGN, SIGN_A)->value = 30;
    check_text(&m, text, want, 0);
    mapset_free(&m);
}

/* A sign that moved past its road's end hangs on the next road from then on, with all it has. */
static void signs_change_roads(void **state) {
    (void)state;
    static const char next[] =
        "  <road id='2' length='50' junction='-1'>\r\n"
        "    <planView><geometry s='0' x='100' y='0' hdg='0' length='50'><line/></geometry>"
        "</planView>\r\n    <lanes><laneSection s='0'><right><lane id='-1' type='driving'><width "
        "sOffset='0' a='3' b='0' c='0' d='0'/></lane></right></laneSection></lanes>\r\n";
    char text[4096];
    char want[4096];
    (void)snprintf(text, sizeof(text),
        HEAD "    <signals>\r\n      <signal id='a' s='20' t='-7' type='274' orientation='+' "
             "width='0.6'><userData code='x'/></signal>\r\n    </signals>\r\n  </road>\r\n"
             "%s  </road>\r\n</OpenDRIVE>\r\n",
        next);
    (void)snprintf(want, sizeof(want),
        HEAD
        "    <signals>\r\n    </signals>\r\n  </road>\r\n%s"
        "    <signals>\r\n        <signal id='a' s='1.0' t='-7.0' type='274' orientation='+' "
        "width='0.6' value=\"40\" zOffset=\"0.0\" hOffset=\"0.0\"><userData code='x'/></signal>"
        "\r\n    </signals>\r\n  </road>\r\n</OpenDRIVE>\r\n",
        next);
    struct mapset m = read_text(text);
    struct element *e = thing(&m, EL_SIGN, SIGN_A);
    e->points[0].x = 101000;
    e->has_value = true;
    e->value = 40;
    check_text(&m, text, want, 0);
    mapset_free(&m);
}

/* A crosswalk of another shape keeps all but its corners. */
static void crosswalks_are_reshaped(void **state) {
    (void)state;
    static const char first[] =
        HEAD "    <objects>\r\n      <object id='z' type='crosswalk' s='20' t='-3' zOffset='1' "
             "hdg='1.5707963267948966' width='4'>\r\n        <outline>\r\n          ";
    static const char last[] = "\r\n        </outline>\r\n        <validity fromLane='-2' "
                               "toLane='-1'/>\r\n      </object>\r\n    </objects>\r\n" FOOT;
    char text[4096];
    (void)snprintf(text, sizeof(text),
        "%s<cornerRoad s='18' t='0' dz='1'/>\r\n          <cornerRoad s='22' t='0' dz='1'/>\r\n"
        "          <cornerRoad s='22' t='-6' dz='1'/>%s",
        first, last);
    struct mapset m = read_text(text);
    struct element *e = thing(&m, EL_CROSSWALK, "opendrive:road/1/object/z/s/20000");
    e->points[1].x += 2000;
    struct map_report unsaid;
    struct buf out = into(&m, span_of(text, strlen(text)), &unsaid);
    assert_int_equal(unsaid.skipped, 0);
    assert_true(out.n > sizeof(first) + sizeof(last));
    assert_memory_equal(out.p, first, sizeof(first) - 1);
    assert_memory_equal(out.p + out.n - (sizeof(last) - 1), last, sizeof(last) - 1);
    struct mapset again = read_again(&out, &m);
    check_same(&again, &m);
    mapset_free(&again);
    mapset_free(&m);
    buf_free(&out);
}

/* Without a container one is made, in its place: objects before signals. */
static void containers_are_made(void **state) {
    (void)state;
    static const char text[] = HEAD FOOT;
    struct mapset m = read_text(text);
    struct element e = {.kind = EL_LIGHT, .valid_to_ms = INT64_MAX, .id = {9}};
    (void)element_add_point(&e, (struct map_point){50000, -6500, 0});
    struct element line = {.kind = EL_STOP_LINE, .id = {8}, .valid_to_ms = INT64_MAX};
    (void)element_add_point(&line, (struct map_point){48000, 0, 0});
    (void)element_add_point(&line, (struct map_point){48000, -6000, 0});
    mapset_add(&m, &e);
    mapset_add(&m, &line);
    mapset_sort(&m);
    struct map_report unsaid;
    struct buf out = into(&m, span_of(text, sizeof(text) - 1), &unsaid);
    buf_u8(&out, 0);
    assert_int_equal(unsaid.skipped, 0);
    const char *objects = strstr((const char *)out.p, "\r\n    <objects>\r\n        <object id=");
    const char *signals =
        strstr((const char *)out.p, "</objects>\r\n    <signals>\r\n        <sig");
    assert_non_null(objects);
    assert_non_null(signals);
    buf_free(&out);
    mapset_free(&m);
}

static void limits_marks_and_types(void **state) {
    (void)state;
    static const char text[] = HEAD FOOT;
    struct mapset m = read_text(text);
    struct element *one =
        thing(&m, EL_SPEED_LIMIT, "opendrive:road/1/section/0/lane/-1#speed_limit");
    struct element *two =
        thing(&m, EL_SPEED_LIMIT, "opendrive:road/1/section/0/lane/-2#speed_limit");
    struct buf want = {0};
    /* all lanes alike: the road's type says so */
    one->value = two->value = 30;
    const char *at = strstr(text, "max='50'");
    assert_non_null(at);
    buf_put(&want, text, (size_t)(at - text));
    buf_printf(&want, "max='30'%s", at + 8);
    buf_u8(&want, 0);
    check_text(&m, text, (const char *)want.p, 0);
    buf_clear(&want);
    /* one lane alone: it gets its own */
    one->value = 50;
    at = strstr(text, "</lane>\r\n    </right>");
    assert_non_null(at);
    buf_put(&want, text, (size_t)(at - text));
    buf_printf(&want, "\r\n          <speed sOffset=\"0.0\" max=\"30\" unit=\"km/h\"/>%s", at);
    buf_u8(&want, 0);
    check_text(&m, text, (const char *)want.p, 0);
    buf_clear(&want);
    /* a lane without a limit under a type that has one */
    two->value = 50;
    drop(&m, (size_t)(one - m.elements));
    at = strstr(text, "</lane>\r\n      <lane id='-2'");
    assert_non_null(at);
    buf_put(&want, text, (size_t)(at - text));
    buf_printf(&want, "\r\n          <speed sOffset=\"0.0\" max=\"no limit\"/>%s", at);
    buf_u8(&want, 0);
    check_text(&m, text, (const char *)want.p, 0);
    buf_clear(&want);
    mapset_free(&m);

    m = read_text(text);
    (void)element_set_attr(
        thing(&m, EL_BOUNDARY, "opendrive:road/1/section/0/border/0"), "type", "broken");
    (void)element_set_attr(
        thing(&m, EL_BOUNDARY, "opendrive:road/1/section/0/border/0"), "lane_change", "both");
    at = strstr(text, "type='solid' color='white'");
    assert_non_null(at);
    buf_put(&want, text, (size_t)(at - text));
    buf_printf(&want, "type='broken' color='white' laneChange=\"both\"%s", at + 26);
    buf_u8(&want, 0);
    check_text(&m, text, (const char *)want.p, 0);
    buf_free(&want);
    mapset_free(&m);
}

static void what_cannot_be_said_is_named(void **state) {
    (void)state;
    static const char text[] = HEAD SIGNS FOOT;
    struct mapset m = read_text(text);
    struct element *edge = thing(&m, EL_BOUNDARY, "opendrive:road/1/section/0/border/-2");
    assert_true(element_set_attr(edge, "color", "yellow"));
    struct element e = {.kind = EL_HAZARD, .valid_to_ms = INT64_MAX, .id = {9}};
    (void)element_add_point(&e, (struct map_point){50000, -6500, 0});
    mapset_add(&m, &e);
    struct element far = {.kind = EL_SIGN, .valid_to_ms = INT64_MAX, .id = {8}};
    (void)element_add_point(&far, (struct map_point){50000, -96500, 0});
    mapset_add(&m, &far);
    mapset_sort(&m);
    struct map_report unsaid;
    struct buf out = into(&m, span_of(text, sizeof(text) - 1), &unsaid);
    assert_int_equal(unsaid.skipped, 3);
    assert_true(report_says(&unsaid, "border/-2: its lane has no road mark"));
    assert_true(report_says(&unsaid, "a hazard is no part of a base map"));
    assert_true(report_says(&unsaid, "no road within 30 m"));
    assert_int_equal(out.n, sizeof(text) - 1);
    assert_memory_equal(out.p, text, out.n);
    buf_clear(&out);
    struct ws_err err;
    static const char wide[] = "\xff\xfe<\0O\0p\0";
    assert_int_equal(
        opendrive_export_into(&m, "wide.xodr", span_of(wide, sizeof(wide)), &out, &unsaid, &err),
        WS_ENOTSUP);
    (void)snprintf(m.ns, sizeof(m.ns), "lanelet2");
    assert_int_equal(opendrive_export_into(
                         &m, "base.xodr", span_of(text, sizeof(text) - 1), &out, &unsaid, &err),
        WS_ENOTSUP);
    buf_free(&out);
    mapset_free(&m);
}

/* A light that goes takes its references and controls with it. */
static void nothing_names_what_is_gone(void **state) {
    (void)state;
    static const char rest[] = "  <controller id='c'>\r\n    <control signalId='z'/>\r\n"
                               "  </controller>\r\n</OpenDRIVE>\r\n";
    static const char text[] =
        HEAD "    <signals>\r\n      <signal id='a' s='20' t='-7' orientation='+' dynamic='yes' "
             "type='1'/>\r\n      <signalReference id='a' s='5' t='0' orientation='+'/>\r\n"
             "      <signal id='z' s='9' t='0' orientation='+' dynamic='yes' type='1'/>\r\n"
             "    </signals>\r\n  </road>\r\n  <controller id='c'>\r\n    <control "
             "signalId='a'/>\r\n    <control signalId='z'/>\r\n  </controller>\r\n</OpenDRIVE>\r\n";
    struct mapset m = read_text(text);
    drop(&m, (size_t)(thing(&m, EL_LIGHT, SIGN_A) - m.elements));
    char want[sizeof(text)];
    (void)snprintf(want, sizeof(want),
        HEAD "    <signals>\r\n"
             "      <signal id='z' s='9' t='0' orientation='+' dynamic='yes' type='1'/>\r\n"
             "    </signals>\r\n  </road>\r\n%s",
        rest);
    check_text(&m, text, want, 0);
    mapset_free(&m);
}

/* Signs around a bend on a projected map keep their millimetre, their height and their direction. */
static void places_come_back_exactly(void **state) {
    (void)state;
    static const char text[] =
        "<OpenDRIVE><header revMajor='1' revMinor='7'><geoReference>+proj=utm +zone=32"
        "</geoReference><offset x='690000' y='5337000' hdg='0.3'/></header>"
        "<road id='1' length='150' junction='-1'><planView><geometry s='0' x='5' y='6' hdg='0.4' "
        "length='90'><arc curvature='0.02'/></geometry><geometry s='90' x='25.953903076' "
        "y='81.478105563' hdg='2.2' length='60'><spiral curvStart='0.02' "
        "curvEnd='-0.01'/></geometry>"
        "</planView><elevationProfile><elevation s='0' a='100' b='0.03' c='0.001' d='0'/>"
        "</elevationProfile><lanes><laneSection s='0'><right><lane id='-1' type='driving'><width "
        "sOffset='0' a='3' b='0' c='0' d='0'/></lane></right></laneSection></lanes></road>"
        "</OpenDRIVE>";
    struct mapset m;
    struct ws_err err;
    if (import_text(text, NULL, &m, NULL, &err) != WS_OK)
        fail_msg("%s", err.text);
    const struct element *lane = by_alias(&m, EL_LANE, "opendrive:road/1/section/0/lane/-1");
    assert_non_null(lane);
    struct ws_random rnd = ws_random_seeded(4);
    struct map_point at[200];
    size_t n_points = lane->n_points;
    for (size_t i = 0; i < 200; i++) {
        at[i] = lane->points[n_points / 4 + ws_random_below(&rnd, n_points / 2)];
        at[i].x += (int32_t)ws_random_below(&rnd, 8000) - 4000;
        at[i].y += (int32_t)ws_random_below(&rnd, 8000) - 4000;
        at[i].z += (int32_t)ws_random_below(&rnd, 8000) - 4000;
    }
    for (size_t i = 0; i < 200; i++) {
        struct element e = {.kind = EL_SIGN,
            .id = {1, (uint8_t)i},
            .has_heading = i % 5 > 0,
            .heading = i % 5 > 0 ? (uint16_t)ws_random_below(&rnd, 65536) : 0,
            .valid_to_ms = INT64_MAX};
        (void)element_add_point(&e, at[i]);
        (void)element_set_attr(&e, "type", "206");
        (void)element_set_attr(&e, "code", "206");
        mapset_add(&m, &e);
    }
    mapset_sort(&m);
    struct map_report unsaid;
    struct buf out = into(&m, span_of(text, sizeof(text) - 1), &unsaid);
    if (unsaid.skipped > 0)
        fail_msg("%s", unsaid.text[0]);
    struct mapset again = read_again(&out, &m);
    size_t exact = 0;
    for (size_t i = 0; i < m.n; i++) {
        const struct element *e = &m.elements[i];
        bool found = e->kind != EL_SIGN;
        for (size_t k = 0; k < again.n && !found; k++)
            found = element_same_content(e, &again.elements[k]);
        exact += found;
    }
    assert_true(exact + 2 >= m.n); /* of 200: at most two at a rounding's very edge */
    mapset_free(&again);
    mapset_free(&m);
    buf_free(&out);
}

static void damaged_bases_are_survived(void **state) {
    (void)state;
    static const char text[] = HEAD SIGNS FOOT;
    struct mapset m = read_text(text);
    thing(&m, EL_SIGN, SIGN_A)->value = 30;
    struct ws_err err;
    struct map_report unsaid = {0};
    struct buf out = {0};
    size_t n = sizeof(text) - 1;
    for (size_t cut = 0; cut + 4 < n; cut += 3) {
        buf_clear(&out);
        assert_int_not_equal(
            opendrive_export_into(&m, "base.xodr", span_of(text, cut), &out, &unsaid, &err), WS_OK);
    }
    struct ws_random rnd = ws_random_seeded(9);
    char copy[sizeof(text)];
    size_t good = 0;
    for (int i = 0; i < 1500; i++) {
        memcpy(copy, text, sizeof(text));
        copy[ws_random_below(&rnd, n)] ^= (char)(1 << ws_random_below(&rnd, 7));
        buf_clear(&out);
        good +=
            opendrive_export_into(&m, "base.xodr", span_of(copy, n), &out, &unsaid, &err) == WS_OK;
    }
    assert_true(good > 0);
    buf_free(&out);
    mapset_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_to_the_letter),
        cmocka_unit_test(plates_keep_their_number_right),
        cmocka_unit_test(signs_change_roads),
        cmocka_unit_test(crosswalks_are_reshaped),
        cmocka_unit_test(containers_are_made),
        cmocka_unit_test(limits_marks_and_types),
        cmocka_unit_test(what_cannot_be_said_is_named),
        cmocka_unit_test(nothing_names_what_is_gone),
        cmocka_unit_test(places_come_back_exactly),
        cmocka_unit_test(damaged_bases_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
