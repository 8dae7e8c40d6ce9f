/* obusim on real maps and drives (WAYSIDE_DATA): what differs, that it is driven past, positions of SUMO. */
#include "tests/unit/rsu/obusim_maps.h"

static const char *data_path(const char *name) {
    static char text[4][512];
    static size_t turn;
    char *path = text[turn++ % 4];
    (void)snprintf(path, sizeof(text[0]), "%s/maps/%s", test_data_dir(), name);
    return path;
}

/* One run without CAM; returns notes and summary in one text that the caller frees. */
static char *run(const char *dir, const char *map, const char *world, const char *drive,
    size_t vehicles, uint64_t seconds) {
    char out[160];
    char fcd[512];
    char net[512];
    (void)snprintf(out, sizeof(out), "%s/run.pcap", dir);
    struct sim_options o = {.map = data_path(map),
        .out = out,
        .vehicles = vehicles,
        .seed = 5,
        .duration_us = seconds * 1000000,
        .families = 4,
        .issuers = 3,
        .tpr_ppm = 950000,
        .fpr_ppm = 20000,
        .sigma_mm = 500};
    assert_true(sim_time("2026-06-01T08:00:00Z", &o.start_its_us));
    if (world != NULL)
        o.world = data_path(world);
    if (drive != NULL) {
        (void)snprintf(fcd, sizeof(fcd), "%s.fcd.xml.gz", data_path(drive));
        (void)snprintf(net, sizeof(net), "%s.net.xml.gz", data_path(drive));
        o.fcd = fcd;
        o.fcd_net = net;
    }
    struct buf notes = {0};
    struct buf summary = {0};
    struct ws_err err = {0};
    if (sim_run(&o, &notes, &summary, &err) != WS_OK)
        fail_msg("%s: %s", map, err.text);
    buf_put(&notes, summary.p, summary.n);
    buf_u8(&notes, 0);
    buf_free(&summary);
    return (char *)notes.p;
}

static void says(const char *text, const char *word) {
    if (strstr(text, word) == NULL)
        fail_msg("\"%s\" is not in: %s", word, text);
}

/* Where nothing differs, or nothing that a vehicle can tell, the run is one on a road that stays as it is. */
static void changes_are_found_and_passed(void **state) {
    const char *dir = *state;
    static const struct {
        const char *before, *after, *told, *also;
        uint64_t seconds;
    } pairs[] = {
        {"lanelet2/zalazone_smartcity_mapversion9.osm",
            "lanelet2/zalazone_smartcity_mapversion13.osm", "never passed: 0", "changes", 400},
        {"lanelet2/zalazone_unitrack_mapversion6.osm", "lanelet2/zalazone_unitrack_mapversion7.osm",
            "changes on the road: 2 that", "re-georeferenced", 60},
        {"lanelet2/circuit_v1.osm", "lanelet2/circuit_v2.osm", "changes on the road: 2 that",
            "never passed: 0", 60},
        {"lanelet2/circuit_v3.osm", "lanelet2/circuit_v4.osm", "changes on the road: 2 that",
            "never passed: 0", 60},
        {"lanelet2/circuit_v4.osm", "lanelet2/circuit_v5.osm", "changes on the road: 4 that",
            "never passed: 0", 120},
        {"lanelet2/karlsruhe_v6_ddb6b0f.osm", "lanelet2/karlsruhe_v8_e835f61.osm",
            "changes on the road: 0 that", "reports", 30},
        {"opendrive/signs500m_v1_852351c1.xodr", "opendrive/signs500m_v2_50efcb48.xodr",
            "changes on the road: 2 that", "never passed: 0", 120},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char *text = run(dir, pairs[i].before, pairs[i].after, NULL, 20, pairs[i].seconds);
        says(text, pairs[i].told);
        says(text, pairs[i].also);
        free(text);
    }
}

/* What differs between the two surveys in limits, by the files' own tags (maps/SOURCES.md), on lanelets that
 * both have. */
static void the_smart_city_differs_in_its_limits(void **state) {
    (void)state;
    struct mapset map = map_of(data_path("lanelet2/zalazone_smartcity_mapversion9.osm"));
    struct mapset actual = map_of(data_path("lanelet2/zalazone_smartcity_mapversion13.osm"));
    struct sim_world w;
    sim_world_make(&w, &map, &actual, NULL);
    size_t to[64] = {0};
    size_t values = 0;
    for (size_t i = 0; i < w.n_limits; i++) {
        const struct sim_thing *t = &w.things[i];
        if (!t->changed || !t->face[1].there)
            continue;
        values++;
        if (t->face[0].value == 30 && t->face[1].value < 64)
            to[t->face[1].value]++;
    }
    assert_in_range(values, 120, 133);
    assert_in_range(to[20], 85, 94);
    assert_in_range(to[40], 20, 25);
    assert_int_equal(to[10], 1);
    sim_world_free(&w);
}

static void every_map_can_be_driven_on(void **state) {
    const char *dir = *state;
    static const char *const maps[] = {"opendrive/carla_town01.xodr",
        "opendrive/carla_town10hd.xodr", "opendrive/e6mini.xodr", "opendrive/fabriksgatan.xodr",
        "opendrive/fabriksgatan_traffic_lights.xodr", "opendrive/jolengatan.xodr",
        "opendrive/soderleden.xodr", "opendrive/testfeld_niedersachsen.xodr",
        "lanelet2/kashiwanoha_base.osm", "lanelet2/kashiwanoha_shoulder.osm"};
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        char *text = run(dir, maps[i], NULL, NULL, 6, 40);
        says(text, "6 vehicles");
        free(text);
    }
}

static void recorded_drives_lie_on_their_maps(void **state) {
    const char *dir = *state;
    static const struct {
        const char *map, *drive, *vehicles;
    } drives[] = {
        {"opendrive/carla_town10hd.xodr", "drives/carla_town10hd", "300 vehicles"},
        {"opendrive/testfeld_niedersachsen.xodr", "drives/testfeld_niedersachsen", "168 vehicles"},
    };
    for (size_t i = 0; i < ARRAY_LEN(drives); i++) {
        char *text = run(dir, drives[i].map, NULL, drives[i].drive, 0, 120);
        says(text, drives[i].vehicles);
        free(text);
        /* Nearly all of a car's way is on lanes that cars drive on. */
        struct mapset map = map_of(data_path(drives[i].map));
        struct sim_world w;
        struct sim_roads r;
        struct sim_fcd f;
        struct ws_err err = {0};
        char fcd[512];
        char net[512];
        (void)snprintf(fcd, sizeof(fcd), "%s.fcd.xml.gz", data_path(drives[i].drive));
        (void)snprintf(net, sizeof(net), "%s.net.xml.gz", data_path(drives[i].drive));
        sim_world_make(&w, &map, NULL, NULL);
        assert_int_equal(sim_roads_make(&r, &w, &err), WS_OK);
        assert_int_equal(sim_fcd_load(fcd, net, &w.map.frame, &f, &err), WS_OK);
        assert_in_range(sim_fcd_on_lanes(&f, &r), 900, 1000);
        sim_fcd_free(&f);
        sim_roads_free(&r);
        sim_world_free(&w);
    }
}

static char folder[] = "/tmp/wayside-obusim-XXXXXX";

static int set_up(void **state) {
    (void)test_folder(folder);
    *state = folder;
    return 0;
}

static int tear_down(void **state) {
    remove_folder(*state);
    return 0;
}

int main(void) {
    if (access(data_path("SOURCES.md"), R_OK) != 0) {
        (void)printf("no data at %s\n", test_data_dir());
        return TEST_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_found_and_passed),
        cmocka_unit_test(the_smart_city_differs_in_its_limits),
        cmocka_unit_test(every_map_can_be_driven_on),
        cmocka_unit_test(recorded_drives_lie_on_their_maps),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
