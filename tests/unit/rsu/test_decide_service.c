/* The decision service with its thread: models come by hash, decisions are said, written down and can be asked for; nothing waits. */
#include "tests/support/cm.h"
#include "tests/support/folder.h"
#include "tests/unit/rsu/decide_rig.h"

#include "base/fileio.h"
#include "rsu/decide/service.h"

#include <fcntl.h>
#include <jansson.h>
#include <time.h>

static const char speeds[] = "label y calm wild\nfeature speed\n";
static const int32_t one[] = {1 << 20};

struct rig {
    struct folder folder;
    char log[FOLDER_PATH], before[FOLDER_PATH], site[FOLDER_PATH];
    struct materials *materials;
    struct decide_service *s;
    struct decide_service_view view;
};

static int open_rig(void **state) {
    struct rig *r = ws_alloc(sizeof(*r));
    char path[FOLDER_PATH];
    struct ws_err err = {0};
    const struct materials_limits limits = materials_limits_default();
    assert_int_equal(folder_make(&r->folder), 0);
    folder_path(&r->folder, r->log, "decide/decisions.jsonl");
    folder_path(&r->folder, r->site, "site");
    folder_path(&r->folder, r->before, "decide/decisions.1.jsonl");
    assert_int_equal(
        materials_open(folder_path(&r->folder, path, "materials"), &limits, &r->materials, &err),
        WS_OK);
    const struct decide_service_config cfg = {.decide = rig_config(),
        .materials = r->materials,
        .folder = folder_path(&r->folder, path, "decide"),
        .log_octets = 4096,
        .keep_us = 7 * UINT64_C(86400000000),
        .site = r->site,
        .site_us = 60000000,
        .clock = {.kind = WS_CLOCK_SCALED,
            .epoch_its_us = RIG_ITS_US + 10000000,
            .start_mono_us = ws_clock_now(&(struct ws_clock){.kind = WS_CLOCK_SYSTEM}).mono_us,
            .rate_ppm = 1000000}};
    if (decide_service_open(&cfg, &r->s, &err) != WS_OK)
        fail_msg("%s", err.text);
    *state = r;
    return 0;
}

static int close_rig(void **state) {
    struct rig *r = *state;
    decide_service_close(r->s);
    materials_close(r->materials);
    (void)folder_remove(&r->folder);
    free(r);
    return 0;
}

/* Until it is so; it fails after a minute. */
#define UNTIL(r, condition)                                                                        \
    do {                                                                                           \
        int left = 6000;                                                                           \
        decide_service_read((r)->s, &(r)->view);                                                   \
        while (!(condition) && left-- > 0) {                                                       \
            (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);                        \
            decide_service_read((r)->s, &(r)->view);                                               \
        }                                                                                          \
        if (left <= 0)                                                                             \
            fail_msg("not in time: " #condition);                                                  \
    } while (0)

static void put_model(
    struct rig *r, const char *schema, double above, uint8_t ret_hash[static 32], bool into_store) {
    struct fl_model *m = rig_model(schema, one, above);
    struct buf b = {0};
    struct ws_err err = {0};
    fl_model_encode(m, &b);
    fl_model_hash(m, ret_hash);
    if (into_store)
        assert_int_equal(materials_put_blob(r->materials, ret_hash, buf_span(&b), &err), WS_OK);
    fl_model_free(m);
    free(m);
    buf_free(&b);
}

static void three_pass(struct rig *r, unsigned first, double s, int east_m) {
    for (unsigned i = 0; i < 3; i++) {
        struct decide_heard h = rig_heard(first + i, s + i, east_m, 0, 90, 90);
        decide_service_heard(r->s, &h, false);
    }
}

static struct decide_filing filing(struct rig *r) {
    struct decide_filing f = {0};
    int left = 6000;
    while (!decide_service_next(r->s, &f) && left-- > 0)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_true(left > 0);
    return f;
}

static size_t lines_of(const char *path, const char *words) {
    struct buf b = {0};
    size_t n = 0;
    struct ws_err err;
    if (file_read(path, 1 << 20, &b, &err) != WS_OK)
        return 0;
    buf_u8(&b, 0);
    for (char *save = NULL, *line = strtok_r((char *)b.p, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        json_t *o = json_loads(line, 0, NULL);
        assert_non_null(o); /* each is whole */
        json_decref(o);
        n += strstr(line, words) != NULL ? 1 : 0;
    }
    buf_free(&b);
    return n;
}

/* The same of what need not be whole. */
static size_t words_in(const char *path, const char *words) {
    struct buf b = {0};
    size_t n = 0;
    struct ws_err err;
    if (file_read(path, 1 << 20, &b, &err) != WS_OK)
        return 0;
    buf_u8(&b, 0);
    for (const char *at = (const char *)b.p; (at = strstr(at, words)) != NULL; at++)
        n++;
    buf_free(&b);
    return n;
}

static void said_written_and_asked_for(void **state) {
    struct rig *r = *state;
    static const uint8_t tx[32] = {0xab};
    uint8_t hash[32];
    char hex[65];
    put_model(r, speeds, 60, hash, true);
    hex_encode(hex, hash, 32);
    UNTIL(r, r->view.state.why_not[0] != '\0');
    assert_string_equal(r->view.state.why_not, "no model is in force");
    decide_service_model(r->s, hash, 4);
    UNTIL(r, r->view.state.applied);
    three_pass(r, 0, 0, 40);
    struct decide_filing f = filing(r);
    decide_service_filed(r->s, f.number, NULL); /* the unit is behind, say */
    UNTIL(r, r->view.not_filed == 1);
    UNTIL(r, r->view.n == 1);
    assert_int_equal(r->view.decision[0].filings, 0);
    decide_service_filed(r->s, f.number, tx);
    UNTIL(r, r->view.n == 1 && r->view.decision[0].filings == 1);
    assert_int_equal(r->view.decision[0].vehicles, 3);
    assert_memory_equal(r->view.decision[0].model_hash, hash, 32);
    assert_int_equal(r->view.decision[0].model_version, 4);
    UNTIL(r, lines_of(r->log, "\"ab00") == 1);
    assert_int_equal(lines_of(r->log, hex), 2);
    /* Nothing about who it was. */
    struct decide_heard h = rig_heard(0, 0, 40, 0, 90, 90);
    char who[17];
    hex_encode(who, h.vehicle, 8);
    assert_int_equal(lines_of(r->log, who), 0);
}

static void a_model_that_comes_late(void **state) {
    struct rig *r = *state;
    uint8_t hash[32];
    uint8_t other[32];
    put_model(r, speeds, 60, hash, false);
    decide_service_model(r->s, hash, 4);
    UNTIL(r, strstr(r->view.state.why_not, "not here") != NULL);
    assert_int_equal(r->view.state.model_version, 4);
    put_model(r, speeds, 60, hash, true);
    UNTIL(r, r->view.state.applied);
    /* Another one, that no unit can apply: the input is named. */
    put_model(r, "label y 0 1\nfeature heart_rate\n", 0, other, true);
    decide_service_model(r->s, other, 5);
    UNTIL(r, strstr(r->view.state.why_not, "'heart_rate'") != NULL);
    assert_false(r->view.state.applied);
    /* The first one again, by another order: another version. */
    decide_service_model(r->s, hash, 6);
    UNTIL(r, r->view.state.applied);
    assert_int_equal(r->view.state.model_version, 6);
    decide_service_model(r->s, hash, 7);
    UNTIL(r, r->view.state.model_version == 7);
    decide_service_model(r->s, NULL, 0);
    UNTIL(r, strstr(r->view.state.why_not, "no model is in force") != NULL);
}

/* The log turns over, and its two files stay below the bound. */
static void the_log_is_bounded(void **state) {
    struct rig *r = *state;
    uint8_t hash[32];
    struct stat st;
    put_model(r, speeds, 60, hash, true);
    decide_service_model(r->s, hash, 4);
    UNTIL(r, r->view.state.applied);
    for (unsigned i = 0; i < 14; i++)
        three_pass(r, 0, 10 * i, (int)i * 100 - 650);
    UNTIL(r, r->view.state.begun == 14);
    UNTIL(r, stat(r->before, &st) == 0);
    assert_true(st.st_size <= 2048);
    assert_int_equal(stat(r->log, &st), 0);
    assert_true(st.st_size <= 2048);
    assert_true(lines_of(r->log, "") + lines_of(r->before, "") >= 2);
    assert_int_equal(r->view.log_failed, 0);
}

static void write_text(const char *path, const char *text) {
    struct ws_err err;
    assert_int_equal(file_write(path, span_of(text, strlen(text)), 0640, &err), WS_OK);
}

/* What is older than may be kept is erased, from both files and from what can be asked for; so is what is no line. */
static void the_log_forgets(void **state) {
    struct rig *r = *state;
    struct stat st;
    uint8_t hash[32];
    write_text(r->before, "{\"old\":1,\"written\":\"2026-05-29T00:00:00.000Z\"}\n");
    write_text(r->log, "{\"old\":2,\"written\":\"2026-05-30T11:58:00.000Z\"}\n"
                       "{\"young\":1,\"written\":\"2026-05-31T11:00:00.000Z\"}\n"
                       "{\"old\":3,\"written\":\"2026-05-29T00:00:00.000Z\"}\n"
                       "{\"torn\":\n\n[]\n{\"old\":4}\n{\"old\":5,\"written\":\"9\"}\n"
                       "{\"young\":2,\"written\":\"2026-05-31T11:59:00.000Z\"}\n{\"torn");
    decide_service_keep(r->s, 86400000000);
    UNTIL(r, stat(r->before, &st) != 0 && words_in(r->log, "young") == 2 &&
                 words_in(r->log, "old") == 0 && words_in(r->log, "torn") == 0);
    assert_int_equal(lines_of(r->log, ""), 2);
    /* What is written afterwards follows. */
    put_model(r, speeds, 60, hash, true);
    decide_service_model(r->s, hash, 4);
    UNTIL(r, r->view.state.applied);
    three_pass(r, 0, 0, 40);
    UNTIL(r, r->view.state.begun == 1 && lines_of(r->log, "") == 3);
    assert_int_equal(lines_of(r->log, ":00.000Z\"}"), 3); /* to the minute */
    decide_service_keep(r->s, 0);
    decide_service_model(r->s, NULL, 0);
    UNTIL(r, r->view.state.ended == 1);
    decide_service_keep(r->s, 1);
    UNTIL(r, r->view.n == 0 && stat(r->log, &st) != 0);
    assert_int_equal(r->view.log_failed, 0);
}

/* More than there is room for is counted, and so is what cannot be. */
static void floods(void **state) {
    struct rig *r = *state;
    for (unsigned i = 0; i < 200000; i++) {
        struct decide_heard h = rig_heard(i % 100, 0.001 * i, 40, 0, 50, 90);
        decide_service_heard(r->s, &h, i % 10 == 0);
    }
    UNTIL(r,
        r->view.dropped + r->view.implausible + r->view.state.outcome[DECIDE_NO_MODEL] == 200000);
    assert_int_equal(r->view.implausible, 20000);
    assert_true(r->view.dropped > 0);
    for (unsigned i = 0; i < DECIDE_HAZARDS_MAX + 3; i++) {
        struct decide_hazard z = {.until_us = RIG_ITS_US + 100000000 + i};
        put_be32(z.id, i);
        decide_service_hazard(r->s, &z);
        decide_service_hazard(r->s, &z); /* again is the same */
    }
    UNTIL(r, r->view.hazards_dropped == 3);
    decide_service_ground(r->s, NULL);
}

static void what_the_site_says(void **state) {
    struct rig *r = *state;
    static const char good[] = "visibility 0.2\n";
    struct ws_err err = {0};
    UNTIL(r, r->view.state.why_not[0] != '\0');
    assert_false(r->view.site);
    assert_int_equal(file_write(r->site, span_of(good, sizeof(good) - 1), 0644, &err), WS_OK);
    UNTIL(r, r->view.site);
    /* Written long ago, it says nothing any more. */
    const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    assert_int_equal(utimensat(AT_FDCWD, r->site, old, 0), 0);
    UNTIL(r, !r->view.site);
    assert_int_equal(file_write(r->site, span_of(good, sizeof(good) - 1), 0644, &err), WS_OK);
    UNTIL(r, r->view.site);
    assert_int_equal(file_write(r->site, span_of("speed 3\n", 8), 0644, &err), WS_OK);
    UNTIL(r, !r->view.site);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(said_written_and_asked_for, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(a_model_that_comes_late, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(the_log_is_bounded, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(the_log_forgets, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(floods, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(what_the_site_says, open_rig, close_rig),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
