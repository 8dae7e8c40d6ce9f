/* obusim: positions from a file, its network, damaged ones; driving along them. */
#include "tests/unit/rsu/obusim_maps.h"

#include "base/fileio.h"

#include <zlib.h>

static const char positions[] = "<?xml version=\"1.0\"?>\n<fcd-export>\n"
                                "<timestep time=\"10.00\">\n"
                                "<vehicle id=\"a\" x=\"100.00\" y=\"20.5\" angle=\"90.00\"/>\n"
                                "</timestep>\n<timestep time=\"11.00\">\n"
                                "<vehicle id=\"a\" x=\"110.00\" y=\"20.5\" angle=\"90.00\"/>\n"
                                "<vehicle id=\"b\" x=\"0\" y=\"0\" angle=\"350\"/>\n"
                                "</timestep>\n<timestep time=\"12.00\">\n"
                                "<vehicle id=\"a\" x=\"110.00\" y=\"30.5\" angle=\"0.00\"/>\n"
                                "<vehicle id=\"b\" x=\"-3\" y=\"5\" angle=\"10\"/>\n"
                                "<person id=\"p\" x=\"1\" y=\"1\"/>\n"
                                "</timestep>\n</fcd-export>\n";
static const char network[] =
    "<net version=\"1.9\"><location netOffset=\"100.00,-7.50\" projParameter=\"!\"/></net>";

static int parse(const char *fcd, const char *net, const struct cell_frame *frame,
    struct sim_fcd *ret, struct ws_err *err) {
    return sim_fcd_parse("fcd.xml", span_of(fcd, strlen(fcd)), net == NULL ? NULL : "net.xml",
        span_of(net, net == NULL ? 0 : strlen(net)), frame, ret, err);
}

static void positions_are_read(void **state) {
    (void)state;
    struct cell_frame frame = frame_at(0, 0);
    struct sim_fcd f;
    struct ws_err err = {0};
    assert_int_equal(parse(positions, NULL, &frame, &f, &err), WS_OK);
    assert_int_equal(f.n, 2);
    assert_string_equal(f.tracks[0].name, "a");
    assert_int_equal(f.tracks[0].n, 3);
    assert_int_equal(f.tracks[1].n, 2);
    assert_int_equal(f.first_us, 10000000);
    assert_int_equal(f.last_us, 12000000);
    assert_int_equal(f.tracks[0].s[0].pose.x, 100000);
    assert_int_equal(f.tracks[0].s[0].pose.y, 20500);
    assert_int_equal(f.tracks[0].s[0].pose.heading, 0); /* 90 degrees from north is east */
    assert_int_equal(f.tracks[0].s[2].pose.heading, 16384);
    sim_fcd_free(&f);
    assert_int_equal(parse(positions, network, &frame, &f, &err), WS_OK);
    assert_int_equal(f.tracks[0].s[0].pose.x, 0);
    assert_int_equal(f.tracks[0].s[0].pose.y, 28000);
    sim_fcd_free(&f);
}

/* On the central meridian one metre of the plane is 1/0.9996 metre. */
static void a_projection_is_followed(void **state) {
    (void)state;
    static const char net[] = "<net><location netOffset=\"0,0\" projParameter=\"+proj=utm +zone=32 "
                              "+datum=WGS84\"/></net>";
    static const char fcd[] = "<fcd-export><timestep time=\"0\"><vehicle id=\"a\" x=\"500000\" "
                              "y=\"5400000\" angle=\"0\"/></timestep></fcd-export>";
    struct cell_frame frame = frame_at(487500000, 90000000);
    struct sim_fcd f;
    struct ws_err err = {0};
    assert_int_equal(parse(fcd, net, &frame, &f, &err), WS_OK);
    assert_in_range(f.tracks[0].s[0].pose.x + 5, 0, 10);
    /* Summing the meridian's arc in 20000 steps gives 48.753013 N. */
    assert_in_range(f.tracks[0].s[0].pose.y, 335000, 335100);
    sim_fcd_free(&f);
    static const char lambert[] =
        "<net><location netOffset=\"0,0\" projParameter=\"+proj=lcc +lat_1=1\"/></net>";
    assert_int_equal(parse(fcd, lambert, &frame, &f, &err), WS_ENOTSUP);
    assert_non_null(strstr(err.text, "net.xml:1"));
}

static void bad_files_are_named(void **state) {
    (void)state;
    static const struct {
        const char *fcd, *net, *word;
    } cases[] = {
        {"<net/>", NULL, "fcd-export"},
        {"<fcd-export/>", NULL, "no vehicle"},
        {"<fcd-export><timestep time=\"x\"/></fcd-export>", NULL, "time"},
        {"<fcd-export><timestep time=\"-1\"/></fcd-export>", NULL, "time"},
        {"<fcd-export><vehicle id=\"a\" x=\"0\" y=\"0\" angle=\"0\"/></fcd-export>", NULL,
            "outside of a timestep"},
        {"<fcd-export><timestep time=\"0\"><vehicle x=\"0\" y=\"0\" angle=\"0\"/></timestep>"
         "</fcd-export>",
            NULL, "without id"},
        {"<fcd-export><timestep time=\"0\"><vehicle id=\"a\" y=\"0\" angle=\"0\"/></timestep>"
         "</fcd-export>",
            NULL, "x is missing"},
        {"<fcd-export><timestep time=\"0\"><vehicle id=\"a\" x=\"3000000\" y=\"0\" angle=\"0\"/>"
         "</timestep></fcd-export>",
            NULL, "reach"},
        {"<fcd-export><timestep time=\"0\"><vehicle id=\"a\" x=\"0\" y=\"0\" angle=\"0\"/>"
         "<vehicle id=\"a\" x=\"0\" y=\"0\" angle=\"0\"/></timestep></fcd-export>",
            NULL, "does not grow"},
        {"<fcd-export><timestep time=\"0\"><vehicle id=\"a\" x=\"0\" y=\"0\" angle=\"0\"/>"
         "</timestep><timestep time=\"99999\"><vehicle id=\"a\" x=\"0\" y=\"0\" angle=\"0\"/>"
         "</timestep></fcd-export>",
            NULL, "longer than a day"},
        {positions, "<net/>", "no <location>"},
        {positions, "<net><location netOffset=\"1\"/></net>", "netOffset"},
        {positions, "<net><location netOffset=\"1,y\"/></net>", "netOffset"},
    };
    struct cell_frame frame = frame_at(0, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sim_fcd f;
        struct ws_err err = {0};
        if (parse(cases[i].fcd, cases[i].net, &frame, &f, &err) == WS_OK ||
            strstr(err.text, cases[i].word) == NULL ||
            strstr(err.text, cases[i].net == NULL ? "fcd.xml" : "net.xml") == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void cut_and_flipped_files(void **state) {
    (void)state;
    struct cell_frame frame = frame_at(0, 0);
    size_t n = strlen(positions);
    for (size_t cut = 0; cut < n - 1; cut++) { /* without the last newline it is whole */
        struct sim_fcd f;
        struct ws_err err = {0};
        int rc =
            sim_fcd_parse("f", span_of(positions, cut), NULL, (struct span){0}, &frame, &f, &err);
        assert_int_equal(rc, WS_EINPUT);
        assert_true(err.text[0] != '\0');
    }
    for (size_t bit = 0; bit < 8 * n; bit++) {
        char *copy = ws_strdup(positions);
        struct sim_fcd f = {0};
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
        if (sim_fcd_parse("f", span_of(copy, n), NULL, (struct span){0}, &frame, &f, NULL) == WS_OK)
            assert_true(f.n >= 1 && f.last_us >= f.first_us);
        sim_fcd_free(&f);
        free(copy);
    }
}

static void packed_files(void **state) {
    (void)state;
    char name[] = "/tmp/wayside-obusim-XXXXXX";
    const char *dir = test_folder(name);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/fcd.xml.gz", dir);
    gzFile z = gzopen(path, "wb9");
    assert_non_null(z);
    assert_int_equal(gzwrite(z, positions, sizeof(positions) - 1), (int)sizeof(positions) - 1);
    assert_int_equal(gzclose(z), Z_OK);
    struct cell_frame frame = frame_at(0, 0);
    struct sim_fcd f;
    struct ws_err err = {0};
    assert_int_equal(sim_fcd_load(path, NULL, &frame, &f, &err), WS_OK);
    assert_int_equal(f.n, 2);
    sim_fcd_free(&f);
    struct buf whole = {0};
    assert_int_equal(file_read(path, 1 << 20, &whole, &err), WS_OK);
    for (size_t cut = 2; cut < whole.n; cut++) {
        assert_int_equal(file_write(path, span_of(whole.p, cut), 0644, &err), WS_OK);
        assert_int_equal(sim_fcd_load(path, NULL, &frame, &f, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, "gzip"));
    }
    buf_free(&whole);
    assert_int_not_equal(sim_fcd_load("no-such-file", NULL, &frame, &f, &err), WS_OK);
    assert_non_null(strstr(err.text, "no-such-file"));
    remove_folder(dir);
}

/* A lane along the x axis, a car on it for four seconds, away for a minute, and back. */
static void vehicles_drive_as_the_file_says(void **state) {
    (void)state;
    struct mapset map = {.frame = frame_at(0, 0)};
    struct element lane = {.kind = EL_LANE, .id = {1}};
    assert_true(element_add_point(&lane, (struct map_point){0, 0, 0}));
    assert_true(element_add_point(&lane, (struct map_point){200000, 0, 0}));
    mapset_add(&map, &lane);
    struct sim_world w;
    struct sim_roads r;
    struct ws_err err = {0};
    sim_world_make(&w, &map, NULL, NULL);
    assert_int_equal(sim_roads_make(&r, &w, &err), WS_OK);
    struct buf fcd = {0};
    buf_printf(&fcd, "<fcd-export>");
    for (int t = 0; t <= 4; t++)
        buf_printf(&fcd,
            "<timestep time=\"%d\"><vehicle id=\"a\" x=\"%d\" y=\"1\" angle=\"90\"/></timestep>",
            100 + t, 10 + 12 * t);
    buf_printf(&fcd,
        "<timestep time=\"164\"><vehicle id=\"a\" x=\"180\" y=\"0\" angle=\"90\"/></timestep>"
        "<timestep time=\"165\"><vehicle id=\"a\" x=\"199\" y=\"0\" angle=\"90\"/></timestep>"
        "</fcd-export>");
    struct sim_fcd f;
    assert_int_equal(
        sim_fcd_parse("f", buf_span(&fcd), NULL, (struct span){0}, &w.map.frame, &f, &err), WS_OK);
    assert_int_equal(sim_fcd_on_lanes(&f, &r), 1000);
    struct sim_vehicle v = {0};
    for (uint64_t t = 0; t < 66000000; t += SIM_TICK_US) {
        sim_fcd_drive(&v, &f, &r, t, false);
        bool here = t < 4000000 || (t >= 64000000 && t < 65000000);
        assert_int_equal(v.on_road, here);
        if (!here)
            continue;
        assert_int_equal(v.lane, 0);
        if (t < 4000000) {
            assert_int_equal(v.pose.x, 10000 + (int64_t)t * 12 / 1000);
            assert_int_equal(v.along, v.pose.x);
            assert_int_equal(v.speed_mm_s, 12000);
            assert_int_equal(v.pose.heading, 0);
        }
    }
    sim_fcd_free(&f);
    buf_free(&fcd);
    sim_roads_free(&r);
    sim_world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_are_read),
        cmocka_unit_test(a_projection_is_followed),
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(cut_and_flipped_files),
        cmocka_unit_test(packed_files),
        cmocka_unit_test(vehicles_drive_as_the_file_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
