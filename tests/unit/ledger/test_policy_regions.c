/* scripts/policies: every region's script gives every field of every contract, well inside the budget. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "fedlearn/round/rounds.h"
#include "ledger/policy/body.h"
#include "mapsvc/fuse/policy_fields.h"
#include "rsu/cell/cell.h"

#include <dirent.h>
#include <stdio.h>

enum { FIELDS = MAP_POLICY_COUNT + FL_POLICY_FIELDS };
static const struct policy_limits limits = POLICY_LIMITS_DEFAULT;

static struct buf read_script(const char *name) {
    char path[256];
    (void)snprintf(path, sizeof(path), "scripts/policies/%s", name);
    struct buf b = {0};
    struct ws_err err = {0};
    if (file_read(path, limits.source, &b, &err) != 0)
        fail_msg("%s", err.text);
    return b;
}

static void evaluate(const char *name, int64_t *values) {
    struct buf script = read_script(name);
    struct policy_usage used;
    struct ws_err err = {0};
    if (policy_measure(
            buf_span(&script), name, cell_policy_schema(), &limits, values, &used, &err) != 0)
        fail_msg("%s", err.text);
    assert_in_range(used.steps, 1, limits.steps / 4);
    assert_in_range(used.memory, 1, limits.memory / 4);
    buf_free(&script);
}

static void all_fields_make_a_schema(void **state) {
    (void)state;
    struct ws_err err = {0};
    if (policy_schema_check(cell_policy_schema(), &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(cell_policy_schema()->n, FIELDS);
}

static void every_region_is_whole(void **state) {
    (void)state;
    DIR *dir = opendir("scripts/policies");
    assert_non_null(dir);
    unsigned n = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (strstr(e->d_name, ".lua") == NULL)
            continue;
        int64_t values[FIELDS];
        evaluate(e->d_name, values);
        for (int kind = 0; kind < RATE_KIND_COUNT; kind++) {
            for (int class = 0; class < SENSOR_CLASS_COUNT; class ++) {
                int64_t tpr =
                    values[map_policy_tpr((enum map_rate_kind)kind, (enum sensor_class) class)];
                int64_t fpr =
                    values[map_policy_fpr((enum map_rate_kind)kind, (enum sensor_class) class)];
                assert_true(fpr < tpr); /* otherwise a report would speak against what it reports */
            }
        }
        assert_true(values[MAP_POLICY_ADVISORY_BITS] < values[MAP_POLICY_CONFIRM_BITS]);
        n++;
    }
    (void)closedir(dir);
    assert_true(n >= 2);
}

static void urban_and_motorway_say_what_they_should(void **state) {
    (void)state;
    int64_t urban[FIELDS];
    int64_t motorway[FIELDS];
    evaluate("urban.lua", urban);
    evaluate("motorway.lua", motorway);
    assert_int_equal(urban[MAP_POLICY_CONFIRM_BITS], 20);
    assert_int_equal(motorway[MAP_POLICY_CONFIRM_BITS], 31);
    assert_int_equal(urban[MAP_POLICY_IMMEDIATE_KINDS], 1 << 4 | 1 << 8);
    assert_int_equal(motorway[MAP_POLICY_IMMEDIATE_KINDS], 1 << 8);
    assert_int_equal(urban[MAP_POLICY_HALF_LIFE_SIGN], 90 * 24 * 60);
    assert_int_equal(urban[map_policy_tpr(RATE_SIGN, SENSOR_CAMERA_GOOD)], 950000);
    assert_int_equal(urban[map_policy_fpr(RATE_SIGN, SENSOR_CAMERA_GOOD)], 20000);
    assert_int_equal(urban[map_policy_fpr(RATE_OTHER, SENSOR_ROADSIDE)], 5000);
    assert_int_equal(fl_policy_check(urban + MAP_POLICY_COUNT, NULL), WS_OK);
    assert_int_equal(fl_policy_check(motorway + MAP_POLICY_COUNT, NULL), WS_OK);
    static const enum map_policy_field stricter[] = {MAP_POLICY_CONFIRM_BITS,
        MAP_POLICY_MARGIN_BITS, MAP_POLICY_ADVISORY_BITS, MAP_POLICY_MIN_GROUPS,
        MAP_POLICY_MIN_VEHICLES};
    for (size_t i = 0; i < ARRAY_LEN(stricter); i++)
        assert_true(motorway[stricter[i]] > urban[stricter[i]]);
}

static void set(int64_t *learn, const char *name, int64_t value) {
    for (size_t i = 0; i < FL_POLICY_FIELDS; i++)
        if (strcmp(fl_policy_fields[i].name + strlen("learn."), name) == 0) {
            learn[i] = value;
            return;
        }
    fail_msg("no field %s", name);
}

/* Sixteen failed groups shut a vehicle out; an epoch of 63 rounds is too short for who does not come to every fourth, 64 is not. */
static void offenders_can_be_found(void **state) {
    (void)state;
    int64_t values[FIELDS];
    struct ws_err err;
    int64_t *learn = values + MAP_POLICY_COUNT;
    evaluate("urban.lua", values);
    set(learn, "every_s", 3600);
    set(learn, "epoch_s", 64 * 3600);
    assert_int_equal(fl_policy_check(learn, &err), WS_OK);
    set(learn, "epoch_s", 64 * 3600 - 1);
    assert_int_equal(fl_policy_check(learn, &err), WS_EINPUT);
    assert_string_equal(err.text,
        "learn: shutting a vehicle out takes 16 rounds in which its group fails, and an epoch has "
        "63 rounds; have 4 times as many");
    set(learn, "every_s", 0); /* no rounds at all */
    assert_int_equal(fl_policy_check(learn, &err), WS_OK);
    set(learn, "group", 64);
    set(learn, "bad_ppm", 100000);
    assert_int_equal(fl_policy_check(learn, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "in groups of 64 a flag tells nothing"));
}

/* Each number may be had by itself; what is wrong is said of the two that do not go together, or of what would come of them. */
static void what_does_not_fit_is_said(void **state) {
    (void)state;
    static const struct {
        const char *name[2];
        int64_t value[2];
        const char *text; /* NULL: good, the last value that is */
    } slips[] = {
        {{"group_min", "group"}, {16, 15}, "group is 15, below group_min, which is 16"},
        {{"profile", "group"}, {2, 65}, "profile standard adds up at most 64 vehicles"},
        {{"group_min", "group"}, {33, 64}, "a group may come to have 65 vehicles"},
        {{"group_min", "group"}, {32, 64}, NULL},
        {{"submissions_max", "min_groups"}, {15, 1}, "a round needs 2 group_min vehicles"},
        {{"submissions_max", "min_groups"}, {16, 1}, NULL},
        {{"submissions_max", "group_min"}, {4096, 8}, "more than 256 groups of group_min"},
        {{"clip", "clip_inf"}, {2048, 2049}, "clip_inf is 2049, above clip, which is 2048"},
        {{"clip", "clip_inf"}, {1 << 30, 1}, "1 / 32768 at the least"},
        {{"clip", "clip_inf"}, {1, 1}, "clip is 1: nothing is learned"},
        {{"clip", "clip_inf"}, {1024, 1}, NULL},
        {{"profile", "noise"}, {1, 127 * 256 + 1}, "symbols of 8 bits hold at most 32512"},
        {{"profile", "noise"}, {1, 127 * 256}, NULL},
        {{"submissions_max", "min_groups"}, {1024, 129}, "no step would ever be made"},
        {{"submissions_max", "min_groups"}, {1024, 128}, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(slips); i++) {
        int64_t values[FIELDS];
        struct ws_err err = {0};
        evaluate("urban.lua", values);
        set(values + MAP_POLICY_COUNT, "bad_ppm", 1000); /* a flag tells something in any group */
        for (size_t k = 0; k < 2; k++)
            set(values + MAP_POLICY_COUNT, slips[i].name[k], slips[i].value[k]);
        const int rc = fl_policy_check(values + MAP_POLICY_COUNT, &err);
        if (slips[i].text == NULL ? rc != WS_OK : strstr(err.text, slips[i].text) == NULL)
            fail_msg("slip %zu: %s", i, err.text);
        assert_int_equal(rc, slips[i].text == NULL ? WS_OK : WS_EINPUT);
    }
}

static unsigned line_of(const char *text, const char *needle) {
    const char *at = strstr(text, needle);
    assert_non_null(at);
    unsigned line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

/* An authority engineer's slips in a real script are found by name. */
static void slips_are_named(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        const char *at; /* text in the line that is named; NULL: none is */
        const char *text;
    } slips[] = {
        {"min_groups = 3,", "min_groups = 33,", NULL,
            "field map.min_groups is 33; it takes 1 to 32 (1)"},
        {"min_groups = 3,", "min_group = 3,", NULL, "field map.min_group is unknown"},
        {"min_groups = 3,", "", NULL,
            "field map.min_groups is missing: groups in favour that a permanent change needs "
            "(1 to 32, 1)"},
        {"min_groups = 3,", "min_groups = 3.0,", "min_groups",
            "3.0 is not a 64-bit integer; policies compute with integers only"},
        {"ipairs(sorted_keys(looks))", "pairs(looks)", "in pairs(looks)",
            "'pairs' is not available to policies: its order differs between validators; use "
            "sorted_keys"},
        {"look(950, 20)", "look(20, 950)", "assert(", "a sensor must see more than it imagines"},
    };
    struct buf script = read_script("urban.lua");
    buf_u8(&script, 0);
    const char *text = (const char *)script.p;
    for (size_t i = 0; i < ARRAY_LEN(slips); i++) {
        const char *at = strstr(text, slips[i].from);
        assert_non_null(at);
        struct buf changed = {0};
        struct buf body = {0};
        buf_printf(
            &changed, "%.*s%s%s", (int)(at - text), text, slips[i].to, at + strlen(slips[i].from));
        struct ws_err err = {0};
        assert_int_equal(policy_make_body("urban", buf_span(&changed), cell_policy_schema(),
                             &limits, &body, &err),
            WS_EINPUT);
        buf_u8(&changed, 0);
        char want[256];
        if (slips[i].at == NULL)
            (void)snprintf(want, sizeof(want), "urban: %s", slips[i].text);
        else
            (void)snprintf(want, sizeof(want), "urban:%u: %s",
                line_of((const char *)changed.p, slips[i].at), slips[i].text);
        assert_string_equal(err.text, want);
        buf_free(&changed);
        buf_free(&body);
    }
    buf_free(&script);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_fields_make_a_schema),
        cmocka_unit_test(every_region_is_whole),
        cmocka_unit_test(urban_and_motorway_say_what_they_should),
        cmocka_unit_test(offenders_can_be_found),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(slips_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
