/* obusim: options, what differs between two maps, lanes, keys. */
#include "tests/unit/rsu/obusim_maps.h"

#include "base/clock.h"
#include "base/fileio.h"
#include "v2x/psid.h"
#include "v2x/trust.h"

/* ---- options ---- */

static int read_line(const char *line, struct sim_options *ret, struct ws_err *err) {
    static char text[512];
    char *argv[64] = {(char *)"obusim"};
    int argc = 1;
    (void)snprintf(text, sizeof(text), "%s", line);
    for (char *p = strtok(text, " "); p != NULL; p = strtok(NULL, " "))
        argv[argc++] = p;
    enum sim_asked asked = SIM_HELP;
    int rc = sim_options_read(argc, argv, ret, &asked, err);
    assert_int_equal(asked, SIM_RUN);
    return rc;
}

static void options_are_read(void **state) {
    (void)state;
    struct sim_options o;
    struct ws_err err;
    assert_int_equal(read_line("--map a --out b", &o, &err), WS_OK);
    assert_int_equal(o.vehicles, 40);
    assert_int_equal(o.duration_us, 600000000);
    assert_true(o.change_half);
    assert_int_equal(o.tpr_ppm, 950000);
    assert_int_equal(o.fpr_ppm, 20000);
    assert_int_equal(read_line("--map a --world w --vehicles 7 --liars 0.25 --seed "
                               "18446744073709551615 --duration 12.5 --start "
                               "2026-11-21T09:30:00Z --change-at 0 --cam-hz 10 --families 2 "
                               "--issuers 15 --tpr 1 --fpr 0.000001 --sigma 300 --pki p "
                               "--origin -48.5,11.25 --out b",
                         &o, &err),
        WS_OK);
    assert_int_equal(o.vehicles, 7);
    assert_int_equal(o.liars_ppm, 250000);
    assert_true(o.seed == UINT64_MAX);
    assert_int_equal(o.duration_us, 12500000);
    assert_false(o.change_half);
    assert_int_equal(o.change_us, 0);
    assert_int_equal(o.cam_hz, 10);
    assert_int_equal(o.issuers, 15);
    assert_int_equal(o.tpr_ppm, 1000000);
    assert_int_equal(o.fpr_ppm, 1);
    assert_int_equal(o.sigma_mm, 300);
    assert_true(o.has_origin);
    assert_int_equal(o.lat0, -485000000);
    assert_int_equal(o.lon0, 112500000);
    char when[32];
    its_format(when, o.start_its_us);
    assert_string_equal(when, "2026-11-21T09:30:00.000Z");
    assert_int_equal(
        read_line("--map a --fcd f --fcd-net n --change-at half --out b", &o, &err), WS_OK);
    assert_int_equal(o.duration_us, 0);
}

static void bad_options_are_named(void **state) {
    (void)state;
    static const struct {
        const char *line, *word;
    } cases[] = {
        {"--out b", "--map is missing"},
        {"--map a", "--out is missing"},
        {"--map a --out b --vehicles 0", "--vehicles 0"},
        {"--map a --out b --vehicles 10001", "1 to 10000"},
        {"--map a --out b --vehicles 3.5", "without decimals"},
        {"--map a --out b --vehicles 3 --fcd f", "exclude"},
        {"--map a --out b --fcd-net f", "without --fcd"},
        {"--map a --out b --liars 1.1", "--liars"},
        {"--map a --out b --tpr x", "--tpr x"},
        {"--map a --out b --fpr 0.0000001", "--fpr"},
        {"--map a --out b --fpr -0.1", "--fpr"},
        {"--map a --out b --seed 18446744073709551616", "--seed"},
        {"--map a --out b --seed -1", "--seed"},
        {"--map a --out b --start 2026-02-29T00:00:00Z", "--start"},
        {"--map a --out b --start 2026-06-01", "--start"},
        {"--map a --out b --start 2016-06-01T00:00:00Z", "--start"},
        {"--map a --out b --origin 48", "--origin"},
        {"--map a --out b --origin 86,0", "--origin"},
        {"--map a --out b --change-at 601", "--change-at"},
        {"--map a --out b --change-at soon", "--change-at soon"},
        {"--map a --out b --nonsense", "--nonsense"},
        {"--map a --out b stray", "stray"},
        {"--map a --out", "--out"},
        {"--map a --out b --sigma 2501", "--sigma"},
        {"--map a --out b --map-version 0", "--map-version"},
        {"--map a --out b --issuers 16", "--issuers"},
        {"--map a --out b --cam-hz 11", "--cam-hz"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sim_options o;
        struct ws_err err = {0};
        if (read_line(cases[i].line, &o, &err) != WS_EINPUT ||
            strstr(err.text, cases[i].word) == NULL)
            fail_msg("%s: %s", cases[i].line, err.text);
    }
}

static void decimals_and_instants(void **state) {
    (void)state;
    int64_t v = 0;
    uint64_t t = 0;
    assert_true(sim_decimal("-0.5", 3, &v) && v == -500);
    assert_true(sim_decimal("12.", 1, &v) && v == 120);
    assert_true(sim_decimal(".25", 2, &v) && v == 25);
    static const char *const bad[] = {
        "", "-", ".", "1e3", "1.2.3", "+1", " 1", "1 ", "0.1234", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(sim_decimal(bad[i], 3, &v));
    /* The scale's own example: 2017-01-01 is 5 s ahead of UTC. */
    assert_true(sim_time("2017-01-01T00:00:00Z", &t));
    assert_true(t == its_from_unix_us(INT64_C(1483228800000000)));
    assert_true(sim_time("2024-02-29T23:59:59", &t));
    assert_true(t == its_from_unix_us(INT64_C(1709251199000000)));
}

/* ---- what differs ---- */

static void the_town_changes_in_three_places(void **state) {
    (void)state;
    struct mapset map = map_of(TOWN_MAP);
    struct mapset actual = map_of(TOWN_WORLD);
    struct sim_world w;
    struct buf notes = {0};
    sim_world_make(&w, &map, &actual, &notes);
    assert_int_equal(w.n_changed, 3);
    assert_int_equal(w.n_unseen, 0);
    assert_int_equal(notes.n, 0);
    const struct sim_thing *t = thing_named(&w, "lanelet2:way/2003");
    assert_true(t->registered && t->changed && t->face[0].there && t->face[1].there);
    assert_int_equal(t->face[0].value, 50);
    assert_int_equal(t->face[1].value, 30);
    t = thing_named(&w, "lanelet2:way/2010");
    assert_true(t->registered && t->changed && t->face[0].there && !t->face[1].there);
    t = thing_named(&w, "lanelet2:way/2015");
    assert_true(!t->registered && t->changed && !t->face[0].there && t->face[1].there);
    assert_int_equal(t->face[1].value, 30);
    for (size_t i = w.n_limits + 1; i < w.n; i++)
        assert_true(w.things[i - 1].face[0].x <= w.things[i].face[0].x);
    for (size_t i = 0; i < w.n; i++)
        assert_int_equal(w.things[i].kind == EL_SPEED_LIMIT, i < w.n_limits);
    sim_world_free(&w);
    buf_free(&notes);
}

/* The same changes in a file whose every place lies 0.001 degree further north. */
static void a_shift_is_told_once_and_taken_out(void **state) {
    (void)state;
    struct mapset map = map_of(TOWN_MAP);
    struct mapset actual = map_of(TOWN_WORLD);
    actual.frame.lat0 += 10000;
    struct sim_world w;
    struct buf notes = {0};
    sim_world_make(&w, &map, &actual, &notes);
    buf_u8(&notes, 0);
    const char *at = strstr((const char *)notes.p, "re-georeferenced");
    assert_non_null(at);
    assert_null(strstr(at + 1, "re-georeferenced"));
    assert_int_equal(w.n_changed, 3);
    struct mapset plain = map_of(TOWN_WORLD);
    const struct sim_thing *t = thing_named(&w, "lanelet2:way/2015");
    bool found = false;
    for (size_t i = 0; i < plain.n; i++)
        if (strcmp(plain.elements[i].aliases[0], "lanelet2:way/2015") == 0) {
            found = true;
            assert_in_range(t->face[1].x, plain.elements[i].points[0].x - 30,
                plain.elements[i].points[0].x + 30);
            assert_in_range(t->face[1].y, plain.elements[i].points[0].y - 30,
                plain.elements[i].points[0].y + 30);
        }
    assert_true(found);
    mapset_free(&plain);
    sim_world_free(&w);
    buf_free(&notes);
}

/* ---- lanes ---- */

static void lanes_lead_on(void **state) {
    (void)state;
    static const char *const files[] = {TOWN_MAP, "configs/demo/town.xodr"};
    for (size_t f = 0; f < ARRAY_LEN(files); f++) {
        struct mapset map = map_of(files[f]);
        struct sim_world w;
        struct sim_roads r;
        struct ws_err err;
        sim_world_make(&w, &map, NULL, NULL);
        assert_int_equal(sim_roads_make(&r, &w, &err), WS_OK);
        assert_int_equal(r.n, 48);
        size_t limits = 0;
        for (size_t i = 0; i < r.n; i++) {
            const struct sim_lane *l = &r.lanes[i];
            assert_true(l->n_next > 0 && l->n_before > 0);
            for (size_t k = 0; k < l->n_next; k++) {
                const struct sim_lane *next = &r.lanes[l->next[k]];
                assert_true(distance2(l->p[l->n - 1].x, l->p[l->n - 1].y, next->p[0].x,
                                next->p[0].y) <= 500 * 500);
            }
            limits += l->n_limits;
            for (size_t k = 0; k < l->n_limits; k++) {
                assert_true(l->limits[k].from <= 10);
                assert_true(l->limits[k].to >= l->length - 10);
            }
            struct sim_pose start = sim_lane_pose(l, 0);
            struct sim_pose end = sim_lane_pose(l, l->length);
            assert_true(start.x == l->p[0].x && start.y == l->p[0].y);
            assert_true(end.x == l->p[l->n - 1].x && end.y == l->p[l->n - 1].y);
            int64_t along = 0;
            struct sim_pose mid = sim_lane_pose(l, l->length / 2);
            size_t found = sim_roads_find(&r, mid, false, &along);
            assert_true(found != SIM_NONE);
            struct sim_pose again = sim_lane_pose(&r.lanes[found], along);
            assert_true(distance2(again.x, again.y, mid.x, mid.y) <= 5 * 5);
            mid.heading = (uint16_t)(mid.heading + 32768);
            found = sim_roads_find(&r, mid, false, &along);
            assert_true(found != i);
        }
        assert_int_equal(limits, w.n_limits);
        sim_roads_free(&r);
        sim_world_free(&w);
    }
}

/* Limits that begin behind the lane's own beginning are in force from there on. */
static void a_lane_has_limits_one_after_another(void **state) {
    (void)state;
    struct mapset map = {.frame = frame_at(480000000, 110000000)};
    struct element lane = {.kind = EL_LANE, .valid_to_ms = INT64_MAX, .id = {1}};
    assert_true(element_add_alias(&lane, "x:lane/1"));
    for (int32_t x = 0; x <= 300000; x += 100000)
        assert_true(element_add_point(&lane, (struct map_point){x, 0, 0}));
    mapset_add(&map, &lane);
    for (uint8_t i = 0; i < 2; i++) {
        struct element e = {.kind = EL_SPEED_LIMIT,
            .has_value = true,
            .value = 30 + 20 * i,
            .has_heading = true,
            .id = {2, i},
            .valid_to_ms = INT64_MAX};
        if (i == 0) /* the other one names no lane: it is found by where it lies */
            assert_true(element_set_attr(&e, "lane", "x:lane/1"));
        assert_true(element_add_point(&e, (struct map_point){i * 120000, 0, 0}));
        assert_true(element_add_point(&e, (struct map_point){120000 + i * 180000, 0, 0}));
        mapset_add(&map, &e);
    }
    struct sim_world w;
    struct sim_roads r;
    struct ws_err err;
    sim_world_make(&w, &map, NULL, NULL);
    assert_int_equal(sim_roads_make(&r, &w, &err), WS_OK);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.lanes[0].n_limits, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct sim_limit_span *s = &r.lanes[0].limits[i];
        bool first = w.things[s->thing].face[0].value == 30;
        assert_int_equal(s->from, first ? 0 : 120000);
        assert_int_equal(s->to, first ? 120000 : 300000);
    }
    sim_roads_free(&r);
    sim_world_free(&w);
}

static void no_lane_is_an_error(void **state) {
    (void)state;
    struct mapset map = {.frame = frame_at(0, 0)};
    struct element walk = {.kind = EL_LANE, .id = {1}};
    assert_true(element_set_attr(&walk, "subtype", "walkway"));
    assert_true(element_add_point(&walk, (struct map_point){0, 0, 0}));
    assert_true(element_add_point(&walk, (struct map_point){9000, 0, 0}));
    mapset_add(&map, &walk);
    struct sim_world w;
    struct sim_roads r;
    struct ws_err err;
    sim_world_make(&w, &map, NULL, NULL);
    assert_int_equal(sim_roads_make(&r, &w, &err), WS_EINPUT);
    sim_world_free(&w);
}

static void lanes_are_driven_evenly(void **state) {
    (void)state;
    struct mapset map = map_of(TOWN_MAP);
    struct sim_world w;
    struct sim_roads r;
    struct ws_err err;
    sim_world_make(&w, &map, NULL, NULL);
    assert_int_equal(sim_roads_make(&r, &w, &err), WS_OK);
    struct ws_random rnd = ws_random_seeded(5);
    struct sim_vehicle v[10] = {0};
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        sim_drive_start(&v[i], &rnd);
    for (uint64_t t = 0; t < 1200000000; t += SIM_TICK_US)
        for (size_t i = 0; i < ARRAY_LEN(v); i++) {
            struct sim_pose before = v[i].pose;
            bool was = v[i].on_road;
            sim_drive(&v[i], &r, t, false, &rnd);
            if (was && v[i].on_road) /* nobody leaps */
                assert_true(distance2(before.x, before.y, v[i].pose.x, v[i].pose.y) <= 4500 * 4500);
        }
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    for (size_t i = 0; i < r.n; i++) {
        least = r.lanes[i].passes < least ? r.lanes[i].passes : least;
        most = r.lanes[i].passes > most ? r.lanes[i].passes : most;
    }
    assert_true(least >= 10);
    assert_true(most <= 12 * least);
    sim_roads_free(&r);
    sim_world_free(&w);
}

/* ---- keys and certificates ---- */

static void tickets_chain_to_the_written_root(void **state) {
    (void)state;
    char name[] = "/tmp/wayside-obusim-XXXXXX";
    const char *dir = test_folder(name);
    uint64_t start = 0;
    assert_true(sim_time("2026-06-01T08:00:00Z", &start));
    struct ws_random rnd = ws_random_seeded(1);
    struct sim_pki p;
    struct ws_err err;
    /* An earlier run with more issuers must leave nothing behind that another root issued. */
    sim_pki_new(&p, 4, start, 2, &rnd);
    assert_int_equal(sim_pki_write(&p, dir, &err), WS_OK);
    sim_pki_free(&p);
    sim_pki_new(&p, 2, start, 1, &rnd);
    assert_int_equal(sim_pki_write(&p, dir, &err), WS_OK);
    char path[128];
    struct trust_store *trust = trust_store_new(8);
    for (size_t i = 0; i <= 4; i++) {
        struct buf cert = {0};
        (void)snprintf(path, sizeof(path), i == 0 ? "%s/root.cert" : "%s/aa-%zu.cert", dir, i);
        int rc = file_read(path, 4096, &cert, &err);
        assert_int_equal(rc == WS_OK, i <= 2);
        if (rc == WS_OK && i == 0)
            assert_int_equal(trust_add_root(trust, buf_span(&cert), &err), WS_OK);
        else if (rc == WS_OK)
            assert_int_equal(trust_add_issuer(trust, buf_span(&cert)), TRUST_OK);
        buf_free(&cert);
    }
    for (size_t i = 0; i < 2; i++) {
        struct sim_station s;
        struct observer_class c = {SENSOR_CAMERA_GOOD, (uint16_t)(7 + i)};
        sim_station_new(&p, i, &c, start, 86400000000, &rnd, &s);
        struct cert cert;
        size_t at = 0;
        assert_int_equal(cert_parse(buf_span(&s.cert), &cert, &at), COER_OK);
        uint32_t now = (uint32_t)(start / 1000000);
        for (uint32_t k = 0; k <= 86400; k += 43200) {
            struct trust_result t = trust_check(trust, &cert, now + k);
            assert_int_equal(t.verdict, TRUST_OK);
            verify_key_unref(t.key);
        }
        struct span ssp;
        bool bitmap = true;
        assert_true(cert_app_permission(&cert, PSID_MAP_OBSERVATION, &ssp, &bitmap));
        struct observer_class back = observer_from_ssp(ssp);
        assert_int_equal(back.sensor, c.sensor);
        assert_int_equal(back.family, c.family);
        assert_true(cert_app_permission(&cert, PSID_CAM, &ssp, &bitmap));
        assert_true(cert_app_permission(&cert, PSID_DENM, &ssp, &bitmap));
        assert_int_equal(s.mac[0] & 3, 2);
        sim_station_free(&s);
    }
    trust_store_free(trust);
    sim_pki_free(&p);
    remove_folder(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(decimals_and_instants),
        cmocka_unit_test(the_town_changes_in_three_places),
        cmocka_unit_test(a_shift_is_told_once_and_taken_out),
        cmocka_unit_test(lanes_lead_on),
        cmocka_unit_test(a_lane_has_limits_one_after_another),
        cmocka_unit_test(no_lane_is_an_error),
        cmocka_unit_test(lanes_are_driven_evenly),
        cmocka_unit_test(tickets_chain_to_the_written_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
