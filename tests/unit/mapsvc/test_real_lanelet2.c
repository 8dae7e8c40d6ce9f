/* The real Lanelet2 maps and their version pairs; the expected counts were taken from the files by id,
 * independently of this importer (maps/SOURCES.md beside them). */
#include "base/fileio.h"
#include "base/random.h"
#include "tests/unit/mapsvc/map_files.h"

#include <dirent.h>

static struct mapset load(const char *name) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/maps/lanelet2/%s.osm", test_data_dir(), name);
    if (access(path, R_OK) != 0)
        skip();
    struct mapset m;
    struct ws_err err;
    struct map_report report;
    if (map_import(path, NULL, &m, &report, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(report.skipped, 0);
    return m;
}

struct pair {
    struct mapset a, b;
    struct map_delta d;
};

static struct pair compare(const char *a, const char *b) {
    struct pair p = {.a = load(a), .b = load(b)};
    map_compare(&p.a, &p.b, &p.d);
    return p;
}

static void pair_free(struct pair *p) {
    map_delta_free(&p->d);
    mapset_free(&p->a);
    mapset_free(&p->b);
}

/* Limits that went from one figure to another. */
static size_t limits(const struct pair *p, int32_t from, int32_t to) {
    size_t n = 0;
    for (size_t i = 0; i < p->d.n; i++) {
        const struct map_change *c = &p->d.changes[i];
        n += c->op == MAP_MODIFY && c->before->kind == EL_SPEED_LIMIT && c->before->value == from &&
             c->after->value == to;
    }
    return n;
}

/* Crosswalks keep their limit as a tag. */
static size_t crosswalk_limits(const struct pair *p, const char *from, const char *to) {
    size_t n = 0;
    for (size_t i = 0; i < p->d.n; i++) {
        const struct map_change *c = &p->d.changes[i];
        if (c->op != MAP_MODIFY || c->before->kind != EL_CROSSWALK)
            continue;
        const char *x = element_attr(c->before, "speed_limit");
        const char *y = element_attr(c->after, "speed_limit");
        n += x != NULL && y != NULL && strcmp(x, from) == 0 && strcmp(y, to) == 0;
    }
    return n;
}

static void karlsruhe(void **state) {
    (void)state;
    struct mapset m = load("karlsruhe_v8_e835f61");
    assert_int_equal(count_kind(&m, EL_CROSSWALK), 8);
    assert_int_equal(count_kind(&m, EL_LANE), 371 - 8);
    assert_int_equal(count_kind(&m, EL_LIGHT), 10);
    assert_int_equal(count_kind(&m, EL_SIGN), 11);
    assert_int_equal(count_kind(&m, EL_STOP_LINE), 28);
    mapset_free(&m);
    /* One duplicate lanelet removed; two nodes moved, which bend one boundary and one stop line. */
    struct pair p = compare("karlsruhe_v6_ddb6b0f", "karlsruhe_v8_e835f61");
    assert_false(p.d.shifted);
    assert_int_equal(count_changes(&p.d, MAP_DELETE, EL_LANE), 1);
    assert_int_equal(count_changes(&p.d, MAP_MODIFY, EL_BOUNDARY), 1);
    assert_int_equal(count_changes(&p.d, MAP_MODIFY, EL_STOP_LINE), 1);
    assert_int_equal(p.d.n, 3);
    pair_free(&p);
}

static void unitrack_is_moved_not_changed(void **state) {
    (void)state;
    struct pair p = compare("zalazone_unitrack_mapversion6", "zalazone_unitrack_mapversion7");
    assert_true(p.d.shifted);
    /* 0.89987 degree south and 0.02057 degree west on the ellipsoid */
    assert_in_range(-p.d.shift_y_mm, 100022000, 100023500);
    assert_in_range(-p.d.shift_x_mm, 1590000, 1594000);
    assert_int_equal(p.d.n, 2);
    assert_int_equal(limits(&p, 40, 20), 2);
    size_t found = 0;
    for (size_t i = 0; i < p.d.n; i++) {
        const struct element *e = p.d.changes[i].before;
        found +=
            e != NULL && (strcmp(e->aliases[0], "lanelet2:relation/10234#speed_limit") == 0 ||
                             strcmp(e->aliases[0], "lanelet2:relation/10649#speed_limit") == 0);
    }
    assert_int_equal(found, 2);
    pair_free(&p);
}

static void circuit(void **state) {
    (void)state;
    struct pair p = compare("circuit_v1", "circuit_v2");
    assert_int_equal(limits(&p, 100, 40), 2);
    assert_int_equal(count_changes(&p.d, MAP_MODIFY, EL_SPEED_LIMIT), 2);
    assert_false(p.d.shifted);
    pair_free(&p);
    p = compare("circuit_v3", "circuit_v4");
    assert_int_equal(limits(&p, 40, 30), 2);
    assert_int_equal(count_changes(&p.d, MAP_CREATE, EL_LANE), 2);
    assert_int_equal(count_changes(&p.d, MAP_DELETE, EL_LANE), 0);
    pair_free(&p);
    p = compare("circuit_v4", "circuit_v5");
    assert_int_equal(limits(&p, 30, 15), 4);
    assert_int_equal(count_changes(&p.d, MAP_CREATE, EL_LANE), 9);
    pair_free(&p);
}

static void smartcity(void **state) {
    (void)state;
    struct pair p = compare("zalazone_smartcity_mapversion9", "zalazone_smartcity_mapversion13");
    assert_false(p.d.shifted);
    assert_int_equal(count_changes(&p.d, MAP_CREATE, EL_LANE), 62);
    assert_int_equal(count_changes(&p.d, MAP_DELETE, EL_LANE), 43);
    assert_int_equal(limits(&p, 30, 20), 94);
    assert_int_equal(limits(&p, 30, 40), 25);
    assert_int_equal(limits(&p, 10, 20) + crosswalk_limits(&p, "10", "20"), 10);
    assert_int_equal(limits(&p, 15, 10), 2);
    assert_int_equal(limits(&p, 10, 30), 1);
    assert_int_equal(limits(&p, 30, 10), 1);
    assert_int_equal(count_changes(&p.d, MAP_MODIFY, EL_SPEED_LIMIT), 126);
    assert_int_equal(count_changes(&p.d, MAP_CREATE, EL_SIGN), 1);
    assert_int_equal(count_changes(&p.d, MAP_MODIFY, EL_SIGN), 0);
    pair_free(&p);
}

static void kashiwanoha(void **state) {
    (void)state;
    /* 209 nodes moved by rounding and elevations everywhere are no changes. */
    struct pair p = compare("kashiwanoha_base", "kashiwanoha_shoulder");
    assert_false(p.d.shifted);
    assert_int_equal(count_changes(&p.d, MAP_CREATE, EL_LANE), 3);
    assert_int_equal(count_changes(&p.d, MAP_CREATE, EL_BOUNDARY), 3);
    assert_int_equal(count_changes(&p.d, MAP_CREATE, EL_SPEED_LIMIT), 3);
    assert_int_equal(count_changes(&p.d, MAP_MODIFY, EL_BOUNDARY), 3); /* typed anew */
    assert_int_equal(p.d.n, 12);
    pair_free(&p);
    p = compare("kashiwanoha_base", "kashiwanoha_private_road_walkway");
    assert_int_equal(count_changes(&p.d, MAP_DELETE, EL_SPEED_LIMIT), 77);
    assert_int_equal(count_changes(&p.d, MAP_CREATE, EL_LANE), 5);
    assert_int_equal(count_changes(&p.d, MAP_CREATE, EL_BOUNDARY), 9);
    pair_free(&p);
}

static void equal_maps_do_not_differ(void **state) {
    (void)state;
    struct pair p = compare("karlsruhe_v5_73de41b", "karlsruhe_v5_73de41b");
    assert_int_equal(p.d.n, 0);
    assert_false(p.d.shifted);
    pair_free(&p);
}

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s);
    size_t k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* Whatever lies under maps/ is read or refused with a sentence that names the file and the reason. */
static void every_file_is_read_or_refused(void **state) {
    (void)state;
    static const char *const folders[] = {"lanelet2", "opendrive", "tnits", "drives"};
    size_t read = 0;
    size_t refused = 0;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char folder[400];
        (void)snprintf(folder, sizeof(folder), "%s/maps/%s", test_data_dir(), folders[i]);
        DIR *dir = opendir(folder);
        if (dir == NULL)
            continue;
        for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
            if (e->d_name[0] == '.')
                continue;
            char path[700];
            (void)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
            struct mapset m;
            struct ws_err err;
            int rc = map_import(path, NULL, &m, NULL, &err);
            bool is_map = ends_with(path, ".osm") || ends_with(path, ".xodr") ||
                          strstr(path, "/tnits/Example_") != NULL;
            if (is_map != (rc == WS_OK))
                fail_msg("%s: %s", path, rc == WS_OK ? "read as a map" : err.text);
            if (rc == WS_OK) {
                read++;
                mapset_free(&m);
                continue;
            }
            refused++;
            assert_non_null(strstr(err.text, e->d_name));
            assert_true(ends_with(path, ".gz") || strstr(err.text, " element ") != NULL);
        }
        (void)closedir(dir);
    }
    assert_true(read >= 28);
    (void)printf("%zu maps read, %zu other files refused by name\n", read, refused);
}

static void damaged_real_maps_are_survived(void **state) {
    (void)state;
    static const char *const names[] = {"lanelet2/kashiwanoha_base.osm",
        "opendrive/soderleden.xodr", "opendrive/signs500m_v5_e02896c2.xodr"};
    struct ws_random rnd = ws_random_seeded(8);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/maps/%s", test_data_dir(), names[i]);
        struct buf b = {0};
        if (file_read(path, 4U << 20, &b, NULL) != WS_OK)
            skip();
        struct mapset m;
        struct ws_err err;
        for (int k = 0; k < 40; k++)
            assert_int_not_equal(
                import_octets(span_of(b.p, ws_random_below(&rnd, b.n - 20)), NULL, &m, NULL, &err),
                WS_OK);
        for (int k = 0; k < 60; k++) {
            for (int f = 0; f < 3; f++)
                b.p[ws_random_below(&rnd, b.n)] ^= (uint8_t)(1U << ws_random_below(&rnd, 4));
            if (import_octets(buf_span(&b), NULL, &m, NULL, &err) == WS_OK)
                mapset_free(&m);
            else
                assert_non_null(strstr(err.text, "wayside-map-"));
        }
        buf_free(&b);
    }
}

int main(void) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/maps/lanelet2", test_data_dir());
    if (access(path, R_OK) != 0)
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(karlsruhe),
        cmocka_unit_test(unitrack_is_moved_not_changed),
        cmocka_unit_test(circuit),
        cmocka_unit_test(smartcity),
        cmocka_unit_test(kashiwanoha),
        cmocka_unit_test(equal_maps_do_not_differ),
        cmocka_unit_test(every_file_is_read_or_refused),
        cmocka_unit_test(damaged_real_maps_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
