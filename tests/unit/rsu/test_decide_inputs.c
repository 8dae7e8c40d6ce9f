/* What a unit can know of a vehicle, by the names that a model's inputs have: the vocabulary, windows as tables have them, and
 * what CAM and BSM of real stations give. */
#include "tests/support/cm.h"
#include "tests/unit/rsu/decide_rig.h"

#include "base/clock.h"
#include "base/fileio.h"
#include "base/random.h"
#include "pktio/capture.h"
#include "pktio/message.h"
#include "v2x/bsm.h"
#include "v2x/carrier.h"
#include "v2x/facility.h"
#include "v2x/psid.h"

#include <stdio.h>
#include <unistd.h>

static int bind_to(
    const char *schema, unsigned window, struct decide_binding *b, struct ws_err *err) {
    static const int32_t zeros[FL_MAX_INPUTS];
    struct fl_model *m = rig_model(schema, zeros, 0);
    int rc = decide_bind(m, window, b, err);
    fl_model_free(m);
    free(m);
    return rc;
}

#define LABEL "label y 0 1\n"

static void names(void **state) {
    (void)state;
    struct decide_binding b;
    struct ws_err err = {0};
    assert_int_equal(bind_to(LABEL "feature speed\nfeature speed - design_speed\nfeature limit\n"
                                   "feature observation_hour|time\nfeature density\n",
                         0, &b, &err),
        WS_OK);
    assert_int_equal(b.inputs, 5);
    assert_int_equal(b.window, 1);
    assert_int_equal(b.needs,
        1U << DECIDE_SPEED | 1U << DECIDE_LIMIT | 1U << DECIDE_HOUR | 1U << DECIDE_DENSITY);
    struct decide_row r = {.v = {[DECIDE_SPEED] = 61234,
                               [DECIDE_LIMIT] = 50000,
                               [DECIDE_HOUR] = 7000,
                               [DECIDE_DENSITY] = 12000}};
    double x[5];
    decide_inputs(&b, &r, x);
    assert_true(x[0] == 61.234 && x[1] == 61.234 - 50 && x[2] == 50 && x[3] == 7 && x[4] == 12);
}

/* Nothing is guessed: the input is named, and what of it is not known. */
static void what_is_missing(void **state) {
    (void)state;
    static const struct {
        const char *schema, *says;
        unsigned window;
    } cases[] = {
        {LABEL "feature speed\nfeature heart_rate\n",
            "input 2 'heart_rate': a unit does not know 'heart_rate'", 0},
        {LABEL "feature speed - wish\n", "input 1 'speed - wish': a unit does not know 'wish'", 0},
        {LABEL "feature wish - speed\n", "input 1 'wish - speed': a unit does not know 'wish'", 0},
        {LABEL "feature speed\nwindow 5\n",
            "input 1 'speed.mean': over a window, and decide.window", 0},
        {LABEL "feature rpm\nwindow 5\n", "input 1 'rpm.mean': a unit does not know 'rpm'", 5},
        {LABEL "feature Speed\n", "a unit does not know 'Speed'", 0},
        {LABEL "feature \"speed.median\"\n", "a unit does not know 'speed.median'", 5},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decide_binding b;
        struct ws_err err = {0};
        assert_int_equal(bind_to(cases[i].schema, cases[i].window, &b, &err), WS_EINPUT);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("'%s' is not in '%s'", cases[i].says, err.text);
    }
}

/* The same rows as a table and as looks: the same doubles, to the last bit. */
static void windows_are_those_of_tables(void **state) {
    (void)state;
    enum { ROWS = 120 };
    static const char schema[] =
        LABEL "feature speed\nfeature speed - design_speed\nfeature acceleration\nwindow 12\n";
    struct ws_random rnd = ws_random_seeded(52);
    struct decide_row rows[ROWS] = {0};
    struct buf table = {0};
    buf_printf(&table, "y,speed,acceleration,design_speed\n");
    for (size_t i = 0; i < ROWS; i++) {
        int32_t *v = rows[i].v;
        v[DECIDE_SPEED] = (int32_t)ws_random_below(&rnd, 150000);
        v[DECIDE_ACCELERATION] = (int32_t)ws_random_below(&rnd, 16000) - 8000;
        v[DECIDE_LIMIT] = (int32_t)(30000 + 10000 * ws_random_below(&rnd, 10));
        buf_printf(&table, "0,%d.%03d,%s%d.%03d,%d.%03d\n", v[DECIDE_SPEED] / 1000,
            v[DECIDE_SPEED] % 1000, v[DECIDE_ACCELERATION] < 0 ? "-" : "",
            abs(v[DECIDE_ACCELERATION]) / 1000, abs(v[DECIDE_ACCELERATION]) % 1000,
            v[DECIDE_LIMIT] / 1000, v[DECIDE_LIMIT] % 1000);
    }
    struct fl_schema s;
    struct fl_dataset set = {0};
    struct decide_binding b;
    struct ws_err err = {0};
    assert_int_equal(fl_schema_read(span_of(schema, strlen(schema)), &s, &err), WS_OK);
    assert_int_equal(fl_dataset_read(&set, &s, buf_span(&table), &err), WS_OK);
    assert_int_equal(set.n, ROWS / 12);
    assert_int_equal(bind_to(schema, 12, &b, &err), WS_OK);
    assert_int_equal(b.window, 12);
    for (size_t i = 0; i < set.n; i++) {
        double x[15];
        decide_inputs(&b, rows + 12 * i, x);
        assert_memory_equal(x, set.x + 15 * i, sizeof(x));
    }
    fl_dataset_free(&set);
    buf_free(&table);
}

static void who_is_judged(void **state) {
    (void)state;
    static const uint8_t driven[] = {0, 3, 4, 5, 6, 7, 8};
    static const uint8_t others[] = {1, 2, 9, 10, 11, 12, 13, 14, 15, 255};
    for (size_t i = 0; i < ARRAY_LEN(driven); i++)
        assert_true(decide_is_driven(driven[i]));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(decide_is_driven(others[i]));
}

/* ---- the site ---- */

static int read_site(const char *text, size_t n, struct decide_row *site, struct ws_err *err) {
    return decide_read_site(span_of(text, n), site, err);
}

static void the_site(void **state) {
    (void)state;
    static const char good[] = "# from the station\nvisibility 16.1 # km\r\n\n"
                               "  precipitation\t0.0004\ncurrent_weather 9\naccidents_onsite -3";
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"speed 3\n", "line 1: 'speed' is nothing of a site"},
        {"mood 3\n", "line 1: 'mood' is nothing"},
        {"visibility 3\nvisibility 3\n", "line 2: 'visibility' twice"},
        {"visibility\n", "line 1: 'visibility' and no number"},
        {"visibility 3 km\n", "line 1: 'visibility' and no number"},
        {"visibility 1000000\n", "no number below 1000000"},
        {"visibility -\n", "no number"},
        {"visibility nan\n", "no number"},
        {"visibility 0x10\n", "no number"},
        {"visibility 1e3\n", "no number"},
    };
    struct decide_row site;
    struct ws_err err = {0};
    if (read_site(good, sizeof(good) - 1, &site, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(site.known, DECIDE_OF_SITE);
    assert_int_equal(site.v[DECIDE_VISIBILITY], 16100);
    assert_int_equal(site.v[DECIDE_PRECIPITATION], 0);
    assert_int_equal(site.v[DECIDE_WEATHER], 9000);
    assert_int_equal(site.v[DECIDE_ACCIDENTS], -3000);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(read_site(cases[i].text, strlen(cases[i].text), &site, &err), WS_EINPUT);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("'%s' is not in '%s'", cases[i].says, err.text);
        assert_int_equal(site.known, DECIDE_OF_SITE); /* as it was */
    }
    /* Cut or turned over anywhere: known are at most these, in range. */
    for (size_t n = 0; n < sizeof(good); n++)
        if (read_site(good, n, &site, &err) == WS_OK)
            assert_int_equal(site.known & ~DECIDE_OF_SITE, 0);
    for (size_t bit = 0; bit < 8 * (sizeof(good) - 1); bit++) {
        char text[sizeof(good)];
        memcpy(text, good, sizeof(good));
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        if (read_site(text, sizeof(good) - 1, &site, &err) != WS_OK)
            assert_true(err.text[0] != '\0');
        else
            assert_int_equal(site.known & ~DECIDE_OF_SITE, 0);
    }
}

/* ---- real messages ---- */

static struct decide_row read_one(const struct station_state *st) {
    const struct looks_config cfg = {
        .vehicles = 8, .window = 1, .look_us = 1000000, .reach_mm = 1000};
    struct looks *w = looks_new(&cfg);
    const struct decide_heard h = {.its_us = RIG_ITS_US,
        .speed = st->speed,
        .heading = st->heading,
        .accel_long = st->accel_long,
        .accel_lat = st->accel_lat,
        .yaw_rate = st->yaw_rate};
    struct decide_row r;
    size_t at = 0;
    assert_int_equal(looks_hear(w, &h, 0, 0, &at), LOOKS_DUE);
    looks_read(w, at, &h, &r);
    looks_free(w);
    return r;
}

struct heard {
    size_t messages, with[DECIDE_QUANTITY_COUNT];
    int32_t least[DECIDE_QUANTITY_COUNT], greatest[DECIDE_QUANTITY_COUNT];
};

static void take(struct heard *t, const struct station_state *st) {
    struct decide_row r = read_one(st);
    t->messages++;
    assert_int_equal((r.known >> DECIDE_SPEED & 1) != 0, st->speed != STATION_SPEED_UNAVAILABLE);
    for (unsigned q = 0; q < DECIDE_QUANTITY_COUNT; q++) {
        if ((r.known >> q & 1) == 0)
            continue;
        t->least[q] = t->with[q] == 0 || r.v[q] < t->least[q] ? r.v[q] : t->least[q];
        t->greatest[q] = t->with[q] == 0 || r.v[q] > t->greatest[q] ? r.v[q] : t->greatest[q];
        t->with[q]++;
    }
}

static bool read_capture(const char *name, struct heard *t) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/v2x/captures/%s", test_data_dir(), name);
    *t = (struct heard){0};
    if (access(path, R_OK) != 0)
        return false;
    struct capture *c = NULL;
    struct ws_err err;
    struct pkt_frame f;
    assert_int_equal(capture_open(path, 0, &c, &err), WS_OK);
    while (capture_next(c, &f, &err) == 1) {
        struct carrier k;
        struct its_pdu p;
        struct bsm b;
        struct spdu s;
        size_t at = 0;
        uint16_t port = 0;
        enum carrier_verdict v = carrier_read(f.link, f.data, &k);
        if (v != CARRIER_BARE && v != CARRIER_SECURED)
            continue;
        struct span app = k.message;
        if (v == CARRIER_SECURED) {
            if (spdu_parse(k.message, &s, &at) != COER_OK)
                continue;
            app = spdu_app_payload(&s, &port);
        }
        if (its_pdu_read(app, &p) == ITS_PDU_OK && p.kind == ITS_CAM && !p.is_rsu)
            take(t, &p.state);
        else if (bsm_read(app, &b) == BSM_OK)
            take(t, &b.state);
    }
    capture_close(c);
    for (unsigned q = 0; q < DECIDE_QUANTITY_COUNT; q++)
        if (t->with[q] > 0)
            print_message("%s: %zu messages, %s in %zu, %d to %d thousandths %s\n", name,
                t->messages, decide_quantity_name((enum decide_quantity)q), t->with[q],
                (int)t->least[q], (int)t->greatest[q],
                decide_quantity_unit((enum decide_quantity)q));
    return true;
}

/* Every production car says speed, acceleration and yaw rate, in what cars do. */
static void real_messages(void **state) {
    static const char *const names_of[] = {"its-g5-cam-secured-boslx.pcapng",
        "its-g5-cam-secured-vanetza.pcap", "its-g5-cam-cpm-unsecured-msvan3t.pcapng",
        "wsmp-bsm-signed-commsignia.pcap"};
    size_t n = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names_of); i++) {
        struct heard t;
        if (!read_capture(names_of[i], &t))
            continue;
        n++;
        assert_true(t.messages > 0);
        assert_true(t.with[DECIDE_SPEED] * 10 >= t.messages * 9);
        assert_true(t.least[DECIDE_SPEED] >= 0 && t.greatest[DECIDE_SPEED] < 250000);
        assert_true(
            t.least[DECIDE_ACCELERATION] > -12000 && t.greatest[DECIDE_ACCELERATION] < 12000);
    }
    if (n == 0)
        skip();
}

static void steps(void **state) {
    (void)state;
    static const struct {
        enum decide_quantity q;
        int32_t v, least, most;
    } cases[] = {{DECIDE_SPEED, 0, 0, 10000}, {DECIDE_SPEED, 9999, 0, 10000},
        {DECIDE_SPEED, 50000, 50000, 60000}, {DECIDE_ACCELERATION, -1, -1000, 0},
        {DECIDE_ACCELERATION, -1000, -1000, 0}, {DECIDE_YAW_RATE, -7300, -10000, -5000},
        {DECIDE_DENSITY, 12345, 10000, 20000}, {DECIDE_LIMIT, 48280, 48280, 48280},
        {DECIDE_VISIBILITY, 230, 230, 230}, {DECIDE_SPEED, INT32_MAX, 2147480000, INT32_MAX},
        {DECIDE_SPEED, INT32_MIN, INT32_MIN, -2147480000}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int32_t least = 1;
        int32_t most = 1;
        decide_quantity_step(cases[i].q, cases[i].v, &least, &most);
        assert_int_equal(least, cases[i].least);
        assert_int_equal(most, cases[i].most);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps),
        cmocka_unit_test(names),
        cmocka_unit_test(what_is_missing),
        cmocka_unit_test(windows_are_those_of_tables),
        cmocka_unit_test(who_is_judged),
        cmocka_unit_test(the_site),
        cmocka_unit_test(real_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
