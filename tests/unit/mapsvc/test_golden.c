/* The demo town through each importer: octets that are the same with every compiler, at every level of optimisation and on
 * every machine. */
#include "mapsvc/tnits/tnits.h"
#include "tests/support/golden.h"
#include "tests/unit/mapsvc/map_files.h"

static struct mapset load(const char *path) {
    struct mapset m;
    struct ws_err err;
    if (map_import(path, NULL, &m, NULL, &err) != WS_OK)
        fail_msg("%s", err.text);
    return m;
}

static void check_map(const char *name, const struct mapset *m) {
    uint8_t digest[32];
    mapset_digest(m, digest);
    golden_check(name, digest);
}

static void town_from(const char *path, const char *name) {
    struct mapset m = load(path);
    assert_true(m.n > 100);
    check_map(name, &m);
    mapset_free(&m);
}

static void lanelet2(void **state) {
    (void)state;
    town_from("configs/demo/town.osm", "town.osm");
    town_from("configs/demo/town-world.osm", "town-world.osm");
}

static void opendrive(void **state) {
    (void)state;
    town_from("configs/demo/town.xodr", "town.xodr");
}

/* The town as a TN-ITS data set of ours, and read again. */
static void tnits(void **state) {
    (void)state;
    struct mapset m = load("configs/demo/town.osm");
    struct tnits_change *all = ws_calloc(m.n, sizeof(*all));
    for (size_t i = 0; i < m.n; i++)
        all[i] = (struct tnits_change){
            .after = &m.elements[i], .last = &m.elements[i], .at_ms = 1780300800000};
    const struct tnits_head head = {.dataset = "town",
        .provider = "golden",
        .created_ms = 1780300800000,
        .snapshot = true,
        .frame = &m.frame};
    struct buf set = {0};
    struct tnits_tally tally;
    tnits_export(&head, all, m.n, &set, &tally);
    assert_true(tally.features > 60);
    struct mapset back;
    struct ws_err err;
    if (import_octets(buf_span(&set), NULL, &back, NULL, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(back.n, tally.features);
    check_map("town.tnits", &back);
    mapset_free(&back);
    buf_free(&set);
    free(all);
    mapset_free(&m);
}

/* What a name stands for is compared: another map has another digest. */
static void a_millimetre_shows(void **state) {
    (void)state;
    struct mapset m = load("configs/demo/town.osm");
    uint8_t a[32];
    uint8_t b[32];
    mapset_digest(&m, a);
    m.elements[m.n / 2].points[0].x++;
    mapset_digest(&m, b);
    assert_memory_not_equal(a, b, sizeof(a));
    mapset_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanelet2),
        cmocka_unit_test(opendrive),
        cmocka_unit_test(tnits),
        cmocka_unit_test(a_millimetre_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
