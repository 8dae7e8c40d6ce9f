/* Two Lanelet2 files object by object: small cases, and the true differences of the real version pairs as
 * maps/SOURCES.md beside them records them (taken from the files by id, independently of this reader). */
#include "mapsvc/formats/objects.h"
#include "tests/unit/mapsvc/map_files.h"

static const char *put(const char *text, char path[static 24]) {
    (void)snprintf(path, 24, "wayside-map-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
    return path;
}

static int compare_text(
    const char *a, const char *b, struct objects_delta *ret, struct ws_err *err) {
    char pa[24];
    char pb[24];
    int rc = map_compare_objects(put(a, pa), put(b, pb), NULL, ret, err);
    assert_int_equal(unlink(pa), 0);
    assert_int_equal(unlink(pb), 0);
    return rc;
}

static bool has_tag(const struct objects_delta *d, bool relation, const char *key,
    const char *before, const char *after, size_t count) {
    for (size_t i = 0; i < d->n_tags; i++) {
        const struct tag_change *t = &d->tags[i];
        bool same =
            t->relation == relation && strcmp(t->key, key) == 0 &&
            (before == NULL ? t->before == NULL
                            : t->before != NULL && strcmp(t->before, before) == 0) &&
            (after == NULL ? t->after == NULL : t->after != NULL && strcmp(t->after, after) == 0);
        if (same)
            return t->count == count;
    }
    return false;
}

#define NODE(id, lat, lon, tags) "<node id='" #id "' lat='" lat "' lon='" lon "'>" tags "</node>\n"
#define TAG(k, v) "<tag k='" k "' v='" v "'/>"

static void every_difference_is_counted(void **state) {
    (void)state;
    struct objects_delta d;
    struct ws_err err;
    static const char a[] = "<osm>" NODE(1, "48.1", "11.1", TAG("ele", "1")) NODE(
        2, "48.2", "11.2", TAG("x", "1") TAG("y", "2")) NODE(3, "48.3", "11.3", "")
        NODE(4, "48.4", "11.4", "") "<way id='7' version='3'><nd ref='1'/><nd ref='2'/>" TAG(
            "type", "line_thin") "</way>"
                                 "<way id='8'><nd ref='1'/><nd ref='3'/></way>"
                                 "<relation id='7'><member type='way' ref='7' role='left'/>" TAG(
                                     "speed_limit", "50") "</relation>"
                                                          "<relation id='9'/></osm>";
    static const char b[] =
        "<osm>"
        "<relation id='7'><member type='way' ref='7' role='right'/>" TAG("speed_limit",
            "30") "</relation>"
                  "<relation id='9' action='delete'/><relation id='10'/>"
                  "<way id='7' version='3'><nd ref='2'/><nd ref='1'/>" TAG("subtype",
                      "") "</way>"
                          "<way id='8'><nd ref='1'/><nd ref='3'/></way>" NODE(3, "48.3000000004",
                              "11.3", "") NODE(2, "48.2", "11.20001", TAG("y", "2") TAG("x", "1"))
                              NODE(1, "48.10", "11.1000", TAG("ele", "2.5") TAG("z", "1"))
                                  NODE(5, "1", "1", "") "</osm>";
    assert_int_equal(compare_text(a, b, &d, &err), WS_OK);
    assert_false(d.shifted);
    assert_int_equal(d.nodes.created, 1);
    assert_int_equal(d.nodes.deleted, 1);
    assert_int_equal(d.nodes.retagged, 1); /* not the one whose tags changed places */
    assert_int_equal(d.raised, 1);
    assert_int_equal(d.moved, 1); /* 4e-10 degree is rounding */
    assert_int_equal(d.moved_far, 1);
    assert_in_range(d.farthest_mm, 735, 748);
    assert_int_equal(d.ways.created + d.ways.deleted, 0);
    assert_int_equal(d.ways.rewired, 1);
    assert_int_equal(d.ways.retagged, 1);
    assert_int_equal(d.relations.created, 1);
    assert_int_equal(d.relations.deleted, 1);
    assert_int_equal(d.relations.rewired, 1);
    assert_int_equal(d.relations.retagged, 1);
    assert_int_equal(d.n_tags, 3);
    assert_true(has_tag(&d, false, "type", "line_thin", NULL, 1));
    assert_true(has_tag(&d, false, "subtype", NULL, "", 1));
    assert_true(has_tag(&d, true, "speed_limit", "50", "30", 1));
    objects_delta_free(&d);
    assert_int_equal(compare_text(a, a, &d, &err), WS_OK);
    assert_int_equal(d.moved + d.n_tags + d.raised + d.nodes.retagged + d.ways.rewired, 0);
    objects_delta_free(&d);
}

static void other_files_are_refused_by_name(void **state) {
    (void)state;
    struct objects_delta d;
    struct ws_err err;
    assert_int_equal(compare_text("<osm/>", "<OpenDRIVE/>", &d, &err), WS_ENOTSUP);
    assert_int_equal(compare_text("WSMAP", "<osm/>", &d, &err), WS_ENOTSUP);
    assert_int_equal(compare_text("<osm/>", "<osm><node></osm>", &d, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "wayside-map-"));
    assert_int_not_equal(map_compare_objects("no-such-file", "x", NULL, &d, &err), WS_OK);
}

/* A grid moved as a whole (further south the same metres are fewer degrees of longitude) is told once, and the node that did not come along. */
static void a_common_shift_is_told_once(void **state) {
    (void)state;
    struct buf text[2] = {{0}, {0}};
    for (int f = 0; f < 2; f++) {
        buf_printf(&text[f], "<osm>");
        for (int i = 0; i < 100; i++)
            buf_printf(&text[f], "<node id='%d' lat='%d.%07d' lon='11.%07d'/>", i, 48 - f,
                1000000 + i / 10 * 900 + (f == 1 && i == 33 ? 90 : 0),
                1000000 + i % 10 * (f == 0 ? 13000 : 12755) / 10);
        buf_printf(&text[f], "</osm>");
        buf_u8(&text[f], 0);
    }
    struct objects_delta d;
    struct ws_err err;
    assert_int_equal(
        compare_text((const char *)text[0].p, (const char *)text[1].p, &d, &err), WS_OK);
    assert_true(d.shifted);
    assert_int_equal(d.shift_lat_e10, -10000000000);
    assert_int_equal(d.moved, 1);
    assert_int_equal(d.moved_far, 1);
    objects_delta_free(&d);
    buf_free(&text[0]);
    buf_free(&text[1]);
}

/* ---- the table of SOURCES.md ---- */

enum { ANY = -1 };
struct wanted {
    const char *a, *b;
    int node[3]; /* new, gone, moved */
    int far; /* by more than 0.2 m */
    int node_tags;
    int way[4]; /* new, gone, other list of nodes, retagged */
    int relation[4]; /* new, gone, other members, retagged */
};
/* ANY where the table is silent. */
static const struct wanted table[] = {
    {"karlsruhe_v5_73de41b", "karlsruhe_v6_ddb6b0f", {0, 20, 0}, 0, 131, {18, 2, 15, 134},
        {0, 0, 0, 94}},
    {"karlsruhe_v6_ddb6b0f", "karlsruhe_v8_e835f61", {0, 0, 2}, 2, 0, {0, 0, 0, 0}, {0, 1, 0, 0}},
    {"kashiwanoha_base", "kashiwanoha_private_road_walkway", {35, 8, 37}, 25, ANY, {9, 0, 11, 124},
        {5, 1, 14, 81}},
    {"kashiwanoha_base", "kashiwanoha_shoulder", {4, 0, 209}, 0, ANY, {3, 0, 0, ANY}, {3, 0, 0, 0}},
    {"circuit_v1", "circuit_v2", {0, 31, 41}, 26, ANY, {0, 0, 2, 0}, {0, 0, 0, 2}},
    {"circuit_v2", "circuit_v3", {0, 2, 7}, 7, ANY, {0, 0, 1, 0}, {0, 0, 0, 0}},
    /* touched in the table's sense: moved at 1e-9 degree */
    {"circuit_v3", "circuit_v4", {4, 201, 481}, 71, ANY, {8, 2, ANY, 0}, {2, 0, ANY, 2}},
    {"circuit_v4", "circuit_v5", {0, 3, ANY}, 190, ANY, {33, 6, ANY, 0}, {9, 0, ANY, 4}},
    {"zalazone_smartcity_mapversion9", "zalazone_smartcity_mapversion13", {296, 282, ANY}, ANY, ANY,
        {128, 108, ANY, ANY}, {63, 50, ANY, ANY}},
    /* the trap: every node 100 186.5 m away, and nothing moved */
    {"zalazone_unitrack_mapversion6", "zalazone_unitrack_mapversion7", {0, 0, 0}, 0, 0,
        {0, 0, 0, 0}, {0, 0, 0, 2}},
};

static struct objects_delta of_real(const char *a, const char *b) {
    char pa[512];
    char pb[512];
    (void)snprintf(pa, sizeof(pa), "%s/maps/lanelet2/%s.osm", test_data_dir(), a);
    (void)snprintf(pb, sizeof(pb), "%s/maps/lanelet2/%s.osm", test_data_dir(), b);
    if (access(pa, R_OK) != 0 || access(pb, R_OK) != 0)
        skip();
    struct objects_delta d;
    struct ws_err err;
    if (map_compare_objects(pa, pb, NULL, &d, &err) != WS_OK)
        fail_msg("%s", err.text);
    return d;
}

static void check(const struct wanted *w, const char *what, int want, size_t have) {
    if (want != ANY && (size_t)want != have)
        fail_msg("%s -> %s: %s: %zu, the record says %d", w->a, w->b, what, have, want);
}

static void real_pairs_give_the_recorded_counts(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct wanted *w = &table[i];
        struct objects_delta d = of_real(w->a, w->b);
        check(w, "nodes new", w->node[0], d.nodes.created);
        check(w, "nodes gone", w->node[1], d.nodes.deleted);
        check(w, "nodes moved", w->node[2], d.moved);
        check(w, "nodes moved far", w->far, d.moved_far);
        check(w, "nodes retagged", w->node_tags, d.nodes.retagged);
        const struct object_counts *of[] = {&d.ways, &d.relations};
        for (size_t k = 0; k < 2; k++) {
            const int *want = k == 0 ? w->way : w->relation;
            const char *what = k == 0 ? "ways" : "relations";
            check(w, what, want[0], of[k]->created);
            check(w, what, want[1], of[k]->deleted);
            check(w, what, want[2], of[k]->rewired);
            check(w, what, want[3], of[k]->retagged);
        }
        assert_int_equal(d.shifted, strncmp(w->a, "zalazone_uni", 12) == 0);
        objects_delta_free(&d);
    }
}

static void real_tags_go_as_recorded(void **state) {
    (void)state;
    struct objects_delta d =
        of_real("zalazone_smartcity_mapversion9", "zalazone_smartcity_mapversion13");
    static const struct {
        const char *before, *after;
        size_t count;
    } limits[] = {{"30", "20", 94}, {"30", "40", 25}, {"10", "20", 10}, {"15", "10", 2},
        {"10", "30", 1}, {"30", "10", 1}};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        assert_true(
            has_tag(&d, true, "speed_limit", limits[i].before, limits[i].after, limits[i].count));
    size_t turns = 0;
    for (size_t i = 0; i < d.n_tags; i++)
        turns += strcmp(d.tags[i].key, "turn_direction") == 0 ? d.tags[i].count : 0;
    assert_int_equal(turns, 8);
    objects_delta_free(&d);
    d = of_real("kashiwanoha_base", "kashiwanoha_private_road_walkway");
    assert_true(has_tag(&d, true, "speed_limit", "10", NULL, 81));
    assert_true(has_tag(&d, true, "one_way", "yes", NULL, 81));
    assert_true(has_tag(&d, true, "location", "urban", NULL, 72));
    assert_true(has_tag(&d, true, "location", "urban", "private", 9));
    assert_in_range(d.farthest_mm, 4850, 4949);
    objects_delta_free(&d);
    static const struct {
        const char *a, *b, *before, *after;
        size_t count;
        int64_t max_lo, max_hi;
    } circuits[] = {{"circuit_v1", "circuit_v2", "100", "40", 2, 2450, 2549},
        {"circuit_v3", "circuit_v4", "40", "30", 2, 0, 10000},
        {"circuit_v4", "circuit_v5", "30", "15", 4, 7750, 7849}};
    for (size_t i = 0; i < ARRAY_LEN(circuits); i++) {
        d = of_real(circuits[i].a, circuits[i].b);
        assert_int_equal(d.n_tags, 1);
        assert_true(has_tag(
            &d, true, "speed_limit", circuits[i].before, circuits[i].after, circuits[i].count));
        assert_in_range(d.farthest_mm, circuits[i].max_lo, circuits[i].max_hi);
        objects_delta_free(&d);
    }
    /* the displacement of the trap, in degrees: 100 186.5 m on a sphere with 111.32 km to one */
    d = of_real("zalazone_unitrack_mapversion6", "zalazone_unitrack_mapversion7");
    assert_in_range(-d.shift_lat_e10, 8990000000, 9000000000);
    assert_true(has_tag(&d, true, "speed_limit", "40", "20", 2));
    assert_int_equal(d.n_tags, 1);
    objects_delta_free(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_difference_is_counted),
        cmocka_unit_test(other_files_are_refused_by_name),
        cmocka_unit_test(a_common_shift_is_told_once),
        cmocka_unit_test(real_pairs_give_the_recorded_counts),
        cmocka_unit_test(real_tags_go_as_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
