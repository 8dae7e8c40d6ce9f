/* The real OpenDRIVE maps and the pairs whose differences are known (maps/SOURCES.md beside them). */
#include "tests/unit/mapsvc/map_files.h"

static struct mapset load(const char *name, struct map_report *report) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/maps/opendrive/%s.xodr", test_data_dir(), name);
    if (access(path, R_OK) != 0)
        skip();
    struct mapset m;
    struct ws_err err;
    if (map_import(path, NULL, &m, report, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(report->skipped, 0);
    return m;
}

static void every_file_is_read(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t signs, lights;
    } files[] = {{"testfeld_niedersachsen", 0, 0}, {"carla_town01", 0, 36},
        {"carla_town10hd", 4, 17}, {"fabriksgatan", 0, 0}, {"fabriksgatan_traffic_lights", 0, 3},
        {"e6mini", 0, 0}, {"soderleden", 0, 0}, {"jolengatan", 0, 0},
        {"signs500m_v1_852351c1", 15, 0}, {"signs500m_v2_50efcb48", 17, 0},
        {"signs500m_v3_c714d564", 17, 1}, {"signs500m_v4_8e2d6584", 17, 0},
        {"signs500m_v5_e02896c2", 19, 0}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct map_report report;
        struct mapset m = load(files[i].name, &report);
        assert_int_equal(count_kind(&m, EL_SIGN), files[i].signs);
        assert_int_equal(count_kind(&m, EL_LIGHT), files[i].lights);
        assert_true(count_kind(&m, EL_LANE) > 0);
        mapset_free(&m);
    }
}

/* Surveyed lanes meet: nearly every driving lane has a successor where the road goes on. */
static void testfeld_lies_where_it_is(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = load("testfeld_niedersachsen", &report);
    assert_in_range(m.frame.lat0, 522900000, 523200000); /* near Braunschweig */
    assert_in_range(m.frame.lon0, 107000000, 107500000);
    size_t driving = 0;
    size_t linked = 0;
    for (size_t i = 0; i < m.n; i++) {
        const struct element *e = &m.elements[i];
        if (e->kind != EL_LANE || strcmp(element_attr(e, "subtype"), "driving") != 0)
            continue;
        driving++;
        linked += element_attr(e, "successors") != NULL;
    }
    assert_int_equal(driving, 103);
    assert_true(linked >= 90);
    assert_int_equal(count_kind(&m, EL_SPEED_LIMIT), 145);
    mapset_free(&m);
}

/* Downtown: crosswalks and stop lines are there, every light stops somebody, links agree with the geometry. */
static void downtown_is_furnished(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m = load("carla_town10hd", &report);
    assert_int_equal(count_kind(&m, EL_CROSSWALK), 16);
    assert_int_equal(count_kind(&m, EL_STOP_LINE), 21);
    size_t marked = 0;
    size_t controlled = 0;
    for (size_t i = 0; i < m.n; i++) {
        const struct element *e = &m.elements[i];
        if (e->kind == EL_LIGHT) {
            assert_non_null(element_attr(e, "lanes"));
            controlled += element_attr(e, "controllers") != NULL;
        }
        if (e->kind == EL_CROSSWALK)
            assert_true(e->n_points >= 4);
        if (e->kind == EL_STOP_LINE)
            assert_int_equal(e->n_points, 2);
        marked += e->kind == EL_BOUNDARY && element_attr(e, "lane_change") != NULL;
    }
    assert_int_equal(controlled, 15); /* of 17 */
    assert_true(marked > 400);
    assert_false(report_says(&report, "against each other"));
    mapset_free(&m);
    m = load("soderleden",
        &report); /* a direct junction: the ramp leads into the motorway's third lane */
    const struct element *e = by_alias(&m, EL_LANE, "opendrive:road/5/section/0/lane/-1");
    assert_non_null(e);
    assert_string_equal(element_attr(e, "successors"), "opendrive:road/0/section/0/lane/-3");
    mapset_free(&m);
}

static void sign_pairs(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        size_t signs_added, lights_added, lights_removed;
    } pairs[] = {{"signs500m_v1_852351c1", "signs500m_v2_50efcb48", 2, 0, 0},
        {"signs500m_v2_50efcb48", "signs500m_v3_c714d564", 0, 1, 0},
        {"signs500m_v3_c714d564", "signs500m_v4_8e2d6584", 0, 0, 1},
        {"signs500m_v4_8e2d6584", "signs500m_v5_e02896c2", 2, 0, 0},
        {"fabriksgatan", "fabriksgatan_traffic_lights", 0, 3, 0}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct map_report report;
        struct mapset a = load(pairs[i].a, &report);
        struct mapset b = load(pairs[i].b, &report);
        struct map_delta d;
        map_compare(&a, &b, &d);
        assert_false(d.shifted);
        assert_int_equal(count_changes(&d, MAP_CREATE, EL_SIGN), pairs[i].signs_added);
        assert_int_equal(count_changes(&d, MAP_CREATE, EL_LIGHT), pairs[i].lights_added);
        assert_int_equal(count_changes(&d, MAP_DELETE, EL_LIGHT), pairs[i].lights_removed);
        assert_int_equal(
            d.n, pairs[i].signs_added + pairs[i].lights_added + pairs[i].lights_removed);
        map_delta_free(&d);
        mapset_free(&a);
        mapset_free(&b);
    }
    struct map_report report;
    struct mapset m = load("signs500m_v5_e02896c2", &report);
    assert_true(report_says(&report, "signal 14: the id is used before"));
    assert_true(report_says(&report, "signal 1: the id is used before"));
    mapset_free(&m);
}

int main(void) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/maps/opendrive", test_data_dir());
    if (access(path, R_OK) != 0)
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_is_read),
        cmocka_unit_test(downtown_is_furnished),
        cmocka_unit_test(testfeld_lies_where_it_is),
        cmocka_unit_test(sign_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
