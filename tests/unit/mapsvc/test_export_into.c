/* A map written into its own file: untouched octets stay, and reading the result gives the map. */
#include "base/fileio.h"
#include "base/mem.h"
#include "base/random.h"
#include "mapsvc/formats/export_into.h"
#include "mapsvc/formats/splice.h"
#include "tests/unit/mapsvc/map_files.h"

#include <dirent.h>
#include <stdlib.h>

static const struct map_import_options here = {
    .has_origin = true, .lat0 = 487600000, .lon0 = 114200000};

/* Two lanes in a row with a common left line, a sign of a rule, a stop line; odd quotes, spaces and order. */
static const char small[] =
    "<?xml version='1.0' encoding='ISO-8859-1'?>\n<osm version='0.6'>\n"
    "  <node id='1' lat='48.7600000' lon='11.4200000' />\n"
    "  <node id='2'  lat = \"48.7600000\"\tlon='11.4202000'><tag k='ele' v='1'/></node>\n"
    "  <node id='3' lon='11.4204000' lat='48.7600000'></node><node id='4' lat='48.7599600' "
    "lon='11.42'/>\n"
    "  <node id='5' lat='48.7599600' lon='11.4202'/>\n"
    "  <node id='6' lat='48.7599600' lon='11.4204'/>\n"
    "  <node id='7' lat='48.7599500' lon='11.4203'/>\n"
    "  <node id='8' lat='48.7599550' lon='11.4203'/>\n"
    "  <!-- a remark > that < is not touched -->\n"
    "  <way id='11'><nd ref='1'/><nd ref='2'/><tag k='type' v='line_thin'/></way>\n"
    "  <way id='12'><nd ref='2'/><nd ref='3'/><tag k='type' v='line_thin'/></way>\n"
    "  <way id='13'>\n    <nd ref='4'/>\n    <nd ref='5'/>\n    <tag k='type' "
    "v='curbstone'/>\n  </way>\n"
    "  <way id='14'><nd ref='5'/><nd ref='6'/></way>\n"
    "  <way id='15'><nd ref='7'/><nd ref='8'/><tag k='type' v='traffic_sign'/>"
    "<tag k='subtype' v='de274-30'/><tag k='name' v='Stra\xdf"
    "e'/></way>\n"
    "  <way id='16'><nd ref='2'/><nd ref='5'/><tag k='type' v='stop_line'/></way>\n"
    "  <relation id='21'><member type='way' ref='11' role='left'/><member type='way' ref='13' "
    "role='right'/>"
    "<tag k='type' v='lanelet'/><tag k='subtype' v='road'/><tag v='50' "
    "k='speed_limit'/></relation>\n"
    "  <relation id='22'>\n    <member type='way' ref='12' role='left'/>\n    <member type='way' "
    "ref='14' role='right'/>\n"
    "    <member type='relation' ref='31' role='regulatory_element'/>\n    <tag k='type' "
    "v='lanelet'/>\n  </relation>\n"
    "  <relation id='31'><member type='way' ref='15' role='refers'/><tag k='type' "
    "v='regulatory_element'/><tag k='subtype' v='speed_limit'/></relation>\n"
    "</osm>\n<!-- end -->\n";

struct rig {
    char path[24];
    struct buf base, out;
    struct mapset m;
    struct map_report unsaid;
};

static void setup(struct rig *r, const char *text) {
    struct ws_err err;
    *r = (struct rig){.path = "wayside-map-XXXXXX"};
    int fd = mkstemp(r->path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    buf_put(&r->base, text, strlen(text));
    assert_int_equal(file_write(r->path, buf_span(&r->base), 0600, NULL), WS_OK);
    if (map_import(r->path, &here, &r->m, NULL, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static void teardown(struct rig *r) {
    assert_int_equal(unlink(r->path), 0);
    buf_free(&r->base);
    buf_free(&r->out);
    mapset_free(&r->m);
}

static struct element *of(struct rig *r, enum element_kind kind, const char *alias) {
    struct element *e = (struct element *)by_alias(&r->m, kind, alias);
    assert_non_null(e);
    return e;
}

static void take(struct rig *r, enum element_kind kind, const char *alias) {
    struct element *e = of(r, kind, alias);
    element_free(e);
    *e = r->m.elements[--r->m.n];
    mapset_sort(&r->m);
}

static void export(struct rig *r) {
    struct ws_err err;
    buf_clear(&r->out);
    if (map_export_into(&r->m, r->path, &r->out, &r->unsaid, &err) != WS_OK)
        fail_msg("%s", err.text);
    buf_u8(&r->out, 0); /* also a string */
    r->out.n--;
}

/* The file with each `from` replaced by `to`, in order. */
static void check_edits(struct rig *r, const char *const (*edits)[2], size_t n) {
    struct buf want = {0};
    buf_u8(&r->base, 0);
    r->base.n--;
    const char *at = r->base.p == NULL ? "" : (const char *)r->base.p;
    for (size_t i = 0; i < n; i++) {
        const char *hit = strstr(at, edits[i][0]);
        if (hit == NULL) {
            fail_msg("no %s", edits[i][0]);
            break;
        }
        buf_put(&want, at, (size_t)(hit - at));
        buf_put(&want, edits[i][1], strlen(edits[i][1]));
        at = hit + strlen(edits[i][0]);
    }
    buf_put(&want, at, strlen(at));
    if (!span_equal(buf_span(&want), buf_span(&r->out)))
        fail_msg("%.*s", (int)r->out.n, (const char *)r->out.p);
    assert_int_equal(r->unsaid.skipped, 0);
    buf_free(&want);
}
#define CHECK_EDITS(r, ...)                                                                        \
    do {                                                                                           \
        static const char *const edits[][2] = {__VA_ARGS__};                                       \
        check_edits(r, edits, ARRAY_LEN(edits));                                                   \
    } while (0)

static void nothing_changed_is_the_file(void **state) {
    (void)state;
    struct rig r;
    setup(&r, small);
    export(&r);
    assert_true(span_equal(buf_span(&r.base), buf_span(&r.out)));
    assert_int_equal(r.unsaid.skipped, 0);
    teardown(&r);
}

static void values_are_changed_in_place(void **state) {
    (void)state;
    struct rig r;
    setup(&r, small);
    of(&r, EL_SPEED_LIMIT, "lanelet2:relation/21#speed_limit")->value = 30;
    assert_true(element_set_attr(of(&r, EL_BOUNDARY, "lanelet2:way/13"), "type", "x<&'\"\xc3\xa9"));
    export(&r);
    CHECK_EDITS(&r, {"curbstone", "x&#60;&#38;&#39;&#34;&#233;"}, {"v='50'", "v='30'"});
    /* the rule's limit, which is the sign's: a tag of the lane says more */
    of(&r, EL_SPEED_LIMIT, "lanelet2:relation/22#speed_limit")->value = 70;
    export(&r);
    CHECK_EDITS(&r, {"curbstone", "x&#60;&#38;&#39;&#34;&#233;"}, {"v='50'", "v='30'"},
        {"role='regulatory_element'/>\n    <tag k='type' v='lanelet'/>",
            "role='regulatory_element'/>\n    <tag k='type' v='lanelet'/>\n    <tag "
            "k=\"speed_limit\" v=\"70\"/>"});
    teardown(&r);
    setup(&r, small);
    struct element *sign = of(&r, EL_SIGN, "lanelet2:way/15");
    assert_true(sign->has_value && sign->value == 30);
    sign->value = 50;
    assert_true(element_set_attr(sign, "code", "de274-50"));
    of(&r, EL_SPEED_LIMIT, "lanelet2:relation/22#speed_limit")->value = 50;
    export(&r);
    assert_int_equal(r.unsaid.skipped, 0);
    assert_non_null(strstr((const char *)r.out.p, "v='de274-50'/>"));
    teardown(&r);
    setup(&r, small);
    take(&r, EL_SPEED_LIMIT, "lanelet2:relation/21#speed_limit");
    export(&r);
    CHECK_EDITS(&r, {"<tag v='50' k='speed_limit'/>", ""});
    teardown(&r);
}

static void a_point_moves_with_all_its_ways_or_is_left(void **state) {
    (void)state;
    struct rig r;
    struct ws_err err;
    setup(&r, small);
    /* way 13's own point */
    of(&r, EL_BOUNDARY, "lanelet2:way/13")->points[0].y += 100;
    export(&r);
    assert_int_equal(r.unsaid.skipped, 0);
    assert_null(strstr((const char *)r.out.p, "<node id=\"-"));
    assert_true(r.out.n < r.base.n + 20);
    /* the common point of 11, 12 and the stop line: only 11 goes */
    struct element *line = of(&r, EL_BOUNDARY, "lanelet2:way/11");
    line->points[1].x -= 500;
    export(&r);
    assert_int_equal(r.unsaid.skipped, 0);
    assert_non_null(strstr((const char *)r.out.p, "<node id=\"-"));
    /* all three go */
    of(&r, EL_BOUNDARY, "lanelet2:way/12")->points[0].x -= 500;
    of(&r, EL_STOP_LINE, "lanelet2:way/16")->points[0].x -= 500;
    export(&r);
    assert_int_equal(r.unsaid.skipped, 0);
    assert_null(strstr((const char *)r.out.p, "<node id=\"-"));
    /* one point more, one less */
    struct map_point last = line->points[1];
    line->points[1] = (struct map_point){line->points[0].x + 700, line->points[0].y + 90, 0};
    assert_true(element_add_point(line, last));
    of(&r, EL_STOP_LINE, "lanelet2:way/16")->points[1].z = 2345;
    export(&r);
    assert_int_equal(r.unsaid.skipped, 0);
    struct mapset again;
    assert_int_equal(import_octets(buf_span(&r.out), &here, &again, NULL, &err), WS_OK);
    const struct element *is = by_alias(&again, EL_BOUNDARY, "lanelet2:way/11");
    assert_int_equal(is->n_points, 3);
    assert_memory_equal(is->points, line->points, 3 * sizeof(is->points[0]));
    mapset_free(&again);
    teardown(&r);
}

static void signs_come_and_go(void **state) {
    (void)state;
    struct rig r;
    struct ws_err err;
    setup(&r, small);
    struct element e = {.kind = EL_SIGN, .has_value = true, .value = 70, .has_heading = true};
    e.heading = 12000;
    e.valid_to_ms = INT64_MAX;
    memset(e.id, 7, sizeof(e.id));
    assert_true(element_add_point(&e, (struct map_point){1500, 700, 0}));
    assert_true(element_set_attr(&e, "code", "de274-70"));
    mapset_add(&r.m, &e);
    mapset_sort(&r.m);
    export(&r);
    assert_int_equal(r.unsaid.skipped, 0);
    /* the file is the beginning and the end of what came out */
    size_t end = strlen("</osm>\n<!-- end -->\n");
    assert_memory_equal(r.out.p, r.base.p, r.base.n - end);
    assert_memory_equal(r.out.p + r.out.n - end, r.base.p + r.base.n - end, end);
    struct mapset again;
    assert_int_equal(import_octets(buf_span(&r.out), &here, &again, NULL, &err), WS_OK);
    assert_int_equal(count_kind(&again, EL_SIGN), 2);
    mapset_free(&again);
    /* the plate goes, its rule with it, the limit stays as the lane's tag */
    take(&r, EL_SIGN, "lanelet2:way/15");
    export(&r);
    assert_int_equal(r.unsaid.skipped, 0);
    assert_null(strstr((const char *)r.out.p, "way id='15'"));
    assert_null(strstr((const char *)r.out.p, "node id='7'"));
    assert_null(strstr((const char *)r.out.p, "ref='31'"));
    assert_null(strstr((const char *)r.out.p, "relation id='31'"));
    assert_non_null(strstr((const char *)r.out.p, "k=\"speed_limit\" v=\"30\""));
    /* a lane goes with its bounds */
    take(&r, EL_LANE, "lanelet2:relation/22");
    take(&r, EL_SPEED_LIMIT, "lanelet2:relation/22#speed_limit");
    take(&r, EL_BOUNDARY, "lanelet2:way/12");
    take(&r, EL_BOUNDARY, "lanelet2:way/14");
    export(&r);
    assert_int_equal(r.unsaid.skipped, 0);
    assert_null(strstr((const char *)r.out.p, "node id='6'"));
    teardown(&r);
}

static void what_cannot_be_said_is_named(void **state) {
    (void)state;
    struct rig r;
    struct ws_err err;
    setup(&r, small);
    struct element e = {.kind = EL_HAZARD, .valid_to_ms = INT64_MAX};
    assert_true(element_add_point(&e, (struct map_point){1500, 700, 0}));
    mapset_add(&r.m, &e);
    e = (struct element){.kind = EL_BOUNDARY, .valid_to_ms = INT64_MAX};
    memset(e.id, 9, sizeof(e.id));
    assert_true(element_add_point(&e, (struct map_point){0, 0, 0}));
    assert_true(element_add_point(&e, (struct map_point){1500, 700, 0}));
    mapset_add(&r.m, &e);
    mapset_sort(&r.m);
    of(&r, EL_SIGN, "lanelet2:way/15")->valid_from_ms = 5;
    take(&r, EL_BOUNDARY, "lanelet2:way/14");
    export(&r);
    assert_int_equal(r.unsaid.skipped, 4); /* the lane whose bound went, and its limit, too */
    assert_true(report_says(&r.unsaid, "hazard 0000"));
    assert_false(report_says(&r.unsaid, "boundary 0909")); /* a way that bounds no lane yet */
    assert_true(report_says(&r.unsaid, "sign lanelet2:way/15"));
    /* another file, another language */
    buf_u8(&r.base, '\n');
    assert_int_equal(file_write(r.path, buf_span(&r.base), 0600, NULL), WS_OK);
    assert_int_equal(map_export_into(&r.m, r.path, &r.out, &r.unsaid, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, r.path));
    teardown(&r);
}

/* ---- splices ---- */

static void splices_nest_and_keep_order(void **state) {
    (void)state;
    struct splices s = {0};
    struct buf b = {0};
    splice_add(&s, 6, 2, span_of("x", 1));
    splice_add(&s, 3, 0, span_of("A", 1));
    splice_add(&s, 5, 4, span_of("", 0)); /* takes the first away */
    splice_add(&s, 3, 0, span_of("B", 1));
    splice_add(&s, 3, 1, span_of("c", 1));
    splice_add(&s, 10, 0, span_of("!", 1));
    splices_apply(&s, span_of("0123456789", 10), &b);
    assert_memory_equal(b.p, "012ABc49!", 9);
    assert_int_equal(b.n, 9);
    buf_free(&b);
    splices_free(&s);
    size_t at;
    size_t n;
    static const char tag[] = "<a  xk='1' k = \"v'>\"\n l=''/>";
    assert_true(splice_find_attr(span_of(tag, strlen(tag)), "k", &at, &n));
    assert_int_equal(n, 3);
    assert_memory_equal(tag + at, "v'>", 3);
    assert_true(splice_find_attr(span_of(tag, strlen(tag)), "l", &at, &n));
    assert_int_equal(n, 0);
    assert_false(splice_find_attr(span_of(tag, strlen(tag)), "x", &at, &n));
    for (size_t i = 1; i < strlen(tag); i++)
        (void)splice_find_attr(span_of(tag, i), "zz", &at, &n);
}

/* ---- the real maps ---- */

static void change_at_random(struct mapset *m, struct ws_random *rnd) {
    for (size_t i = 0; i < m->n; i++) {
        struct element *e = &m->elements[i];
        uint64_t dice = ws_random_below(rnd, 20);
        if (e->kind == EL_SPEED_LIMIT && dice < 3)
            e->value += 10;
        else if (e->kind == EL_SIGN && dice < 4 && e->has_value)
            e->value = 130;
        else if ((e->kind == EL_SIGN || e->kind == EL_LIGHT) && dice < 8)
            e->points[0].x += 1234;
        else if (e->kind == EL_BOUNDARY && dice < 1 && e->n_points > 2) /* ends close areas */
            e->points[e->n_points / 2].y += 777;
        else if (e->kind == EL_BOUNDARY && dice < 2)
            (void)element_set_attr(e, "color", "yellow");
        else if (e->kind == EL_LANE && dice < 2)
            (void)element_set_attr(e, "location", "elsewhere");
    }
    size_t kept = 0;
    for (size_t i = 0; i < m->n; i++) {
        struct element *e = &m->elements[i];
        bool alone = element_attr(e, "outer_of") == NULL; /* else an area would be open */
        if ((e->kind == EL_SIGN || e->kind == EL_LIGHT || e->kind == EL_STOP_LINE) && alone &&
            ws_random_below(rnd, 10) == 0)
            element_free(e);
        else
            m->elements[kept++] = *e;
    }
    m->n = kept;
}

static bool map_differs(const struct mapset *m, const char *path) {
    struct mapset file;
    uint8_t digest[2][32];
    assert_int_equal(map_import(path, &here, &file, NULL, NULL), WS_OK);
    mapset_digest(m, digest[0]);
    mapset_digest(&file, digest[1]);
    mapset_free(&file);
    return memcmp(digest[0], digest[1], 32) != 0;
}

static void real_maps_take_changes(void **state) {
    (void)state;
    char folder[400];
    struct ws_random rnd = ws_random_seeded(55);
    (void)snprintf(folder, sizeof(folder), "%s/maps/lanelet2", test_data_dir());
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        skip();
        return;
    }
    for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
        char path[700];
        struct ws_err err;
        struct mapset m;
        struct buf base = {0};
        struct buf out = {0};
        struct map_report *unsaid = ws_alloc(sizeof(*unsaid));
        (void)snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
        if (strstr(path, ".osm") != NULL) {
            assert_int_equal(map_import(path, &here, &m, NULL, &err), WS_OK);
            assert_int_equal(file_read(path, 1U << 20, &base, NULL), WS_OK);
            assert_int_equal(map_export_into(&m, path, &out, unsaid, &err), WS_OK);
            assert_true(span_equal(buf_span(&base), buf_span(&out)));
            buf_clear(&out);
            change_at_random(&m, &rnd);
            assert_int_equal(map_export_into(&m, path, &out, unsaid, &err), WS_OK);
            for (size_t i = 0; i < unsaid->n; i++)
                (void)printf("%s: %s\n", d->d_name, unsaid->text[i]);
            assert_int_equal(unsaid->skipped, 0);
            assert_int_equal(map_differs(&m, path), !span_equal(buf_span(&base), buf_span(&out)));
            mapset_free(&m);
        }
        free(unsaid);
        buf_free(&base);
        buf_free(&out);
    }
    (void)closedir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changed_is_the_file),
        cmocka_unit_test(values_are_changed_in_place),
        cmocka_unit_test(a_point_moves_with_all_its_ways_or_is_left),
        cmocka_unit_test(signs_come_and_go),
        cmocka_unit_test(what_cannot_be_said_is_named),
        cmocka_unit_test(splices_nest_and_keep_order),
        cmocka_unit_test(real_maps_take_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
