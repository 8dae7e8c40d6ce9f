/* What each path answers, with good questions and bad ones, is what docs/openapi.yaml says of it: the status, the content
 * type, and every member of every object. */
#include "rsu/decide/service.h"
#include "rsu/feedback/feedback.h"
#include "tests/support/folder.h"
#include "tests/unit/rsu/decide_rig.h"
#include "tests/unit/rsu/described.h"
#include "tests/unit/rsu/http_rig.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { QUIET_MS = 400 };

static struct rig *rig;
static json_t *page;

static int open_shared(void **state) {
    (void)state;
    rig = ws_alloc(sizeof(*rig));
    page = described_load("docs/openapi.yaml");
    rig_open(rig, &(struct rig_options){0});
    rig_step(rig, 2000000);
    rig_change(rig, 30);
    rig_change(rig, 80);
    rig_order(rig, 60);
    rig_sight(rig, 3, 30);
    return 0;
}

static int close_shared(void **state) {
    (void)state;
    json_decref(page);
    rig_close(rig);
    free(rig);
    return 0;
}

/* ---- one answer ---- */

/* "/v1/blocks/{height}" is the pattern of "/v1/blocks/7?x=1". */
static bool is_of(const char *pattern, const char *target) {
    while (*pattern != '\0') {
        if (*pattern == '{') {
            pattern = strchr(pattern, '}') + 1;
            size_t n = strcspn(target, "/?");
            if (n == 0)
                return false;
            target += n;
        } else if (*pattern++ != *target++) {
            return false;
        }
    }
    return *target == '\0' || *target == '?';
}

/* The longest: "/page/{file}" and the like never win over what is written out. */
static const char *path_of(const char *target) {
    const char *best = NULL;
    const char *path;
    json_t *item;
    json_object_foreach(json_object_get(page, "paths"), path, item) {
        if (is_of(path, target) && (best == NULL || strchr(path, '{') == NULL))
            best = path;
    }
    if (best == NULL)
        fail_msg("no path for %s", target);
    return best;
}

static void content_type(const struct answer *a, char type[static 80]) {
    const char *at = strstr((const char *)a->head.p, "Content-Type: ");
    size_t n = at == NULL ? 0 : strcspn(at + 14, ";\r");
    (void)snprintf(type, 80, "%.*s", (int)n, at == NULL ? "" : at + 14);
}

/* The answer to a target is described. */
static void check(const char *target, const struct answer *a) {
    const char *path = path_of(target);
    const json_t *r = described_response(page, path, a->status);
    char type[80];
    char where[200];
    (void)snprintf(where, sizeof(where), "%.120s: %u", target, a->status);
    if (a->status == 0)
        fail_msg("%s: no answer", target);
    if (r == NULL)
        fail_msg("%s, which %s does not describe: %.*s", where, path, (int)a->body.n,
            (const char *)a->body.p);
    content_type(a, type);
    if (a->status == 304)
        return;
    const json_t *schema = described_schema(page, r, type);
    if (schema == NULL)
        fail_msg("%s comes as %s", where, type);
    if (strcmp(type, "application/json") != 0)
        return;
    json_t *value = json_loadb((const char *)a->body.p, a->body.n, JSON_REJECT_DUPLICATES, NULL);
    if (value == NULL)
        fail_msg("%s is no JSON", where);
    described_check(page, schema, value, where);
    json_decref(value);
}

/* An event stream ends with the test's patience. */
static unsigned ask_with(const char *target, const char *more) {
    struct buf rq = {0};
    struct answer a;
    buf_printf(&rq, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s", target, more);
    if (strncmp(target, "/v1/live", 8) == 0 || strncmp(target, "/v1/map/stream", 14) == 0)
        rig_poke(rig, buf_span(&rq), QUIET_MS, &a);
    else
        rig_exchange(rig, buf_span(&rq), &a);
    check(target, &a);
    unsigned status = a.status;
    answer_free(&a);
    buf_free(&rq);
    return status;
}

static unsigned ask(const char *target) {
    return ask_with(target, "\r\n");
}

/* ---- every path, with parameters that exist and that do not ---- */

struct value {
    const char *name;
    char text[140];
};
enum { VALUES = 16 };
static struct value values[VALUES];
static size_t n_values;

static void know(const char *name, const char *text) {
    assert_true(n_values < VALUES);
    values[n_values].name = name;
    (void)snprintf(values[n_values++].text, sizeof(values[0].text), "%s", text);
}

static json_t *first(const json_t *o, const char *list) {
    json_t *item = json_array_get(json_object_get(o, list), 0);
    assert_non_null(item);
    return item;
}

/* The block that published version 2 holds an order or messages, and an event. */
static void learn_values(void) {
    json_t *diffs = rig_json(rig, 200, "/v1/map/diffs?from=1&to=2");
    json_t *tiles = rig_json(rig, 200, "/v1/map/tiles");
    json_t *candidates = rig_json(rig, 200, "/v1/map/candidates");
    json_t *status = rig_json(rig, 200, "/v1/status");
    json_t *sightings = NULL;
    json_t *v = first(diffs, "versions");
    char text[140];
    n_values = 0;
    (void)snprintf(text, sizeof(text), "%lld", (long long)rig_number(v, "height"));
    know("height", text);
    (void)snprintf(text, sizeof(text), "%lld", (long long)rig_number(v, "sequence"));
    know("sequence", text);
    know("version", "2");
    know("id", rig_word(first(v, "changes"), "id"));
    (void)snprintf(
        text, sizeof(text), "/v1/map/changes/%s/sightings", rig_word(first(v, "changes"), "id"));
    sightings = rig_json(rig, 200, text);
    know("identity", rig_word(first(sightings, "sightings"), "identity"));
    know("index", "0");
    (void)snprintf(text, sizeof(text), "%lld", (long long)rig_number(first(tiles, "tiles"), "id"));
    know("tile", text);
    know("subject", rig_word(first(candidates, "candidates"), "subject"));
    know("address", rig_word(first(status, "validators"), "address"));
    know("number", "1");
    know("file", "app.js");
    know("contract", "map");
    know("key", "76");
    know("round", "1");
    know("hash", rig_word(first(v, "changes"), "id"));
    json_decref(sightings);
    json_decref(diffs);
    json_decref(tiles);
    json_decref(candidates);
    json_decref(status);
}

/* The path with each {name} replaced; of `odd` with that text instead of what is known. */
static void fill(const char *path, const char *odd, const char *with, char target[static 400]) {
    size_t n = 0;
    while (*path != '\0') {
        if (*path != '{') {
            target[n++] = *path++;
            continue;
        }
        size_t len = strcspn(path, "}") - 1;
        const char *text = NULL;
        for (size_t i = 0; i < n_values; i++)
            if (strlen(values[i].name) == len && strncmp(values[i].name, path + 1, len) == 0)
                text = values[i].text;
        if (odd != NULL && strlen(odd) == len && strncmp(odd, path + 1, len) == 0)
            text = with;
        if (text == NULL)
            fail_msg("no value for %s", path);
        n += (size_t)snprintf(target + n, 400 - n, "%s", text);
        path += len + 2;
    }
    target[n] = '\0';
}

static const char *const odd_values[] = {"0", "1", "2", "3", "999999", "-1", "x", "1x",
    "18446744073709551616", "00", "zz", "json", "osc", "adiff", "tnits", "geojsonseq", "octets",
    "%2e%2e", "0000000000000000000000000000000000000000000000000000000000000000",
    "00000000000000000000000000000000", "identity", "beacon"};

static void with_odd_values(const char *path, const json_t *parameter) {
    const char *name = json_string_value(json_object_get(parameter, "name"));
    const char *in = json_string_value(json_object_get(parameter, "in"));
    char target[400];
    char asked[800];
    size_t good = 0;
    for (size_t i = 0; i < ARRAY_LEN(odd_values); i++) {
        if (strcmp(in, "path") == 0) {
            fill(path, name, odd_values[i], target);
            (void)ask(target);
        } else if (strcmp(in, "query") == 0) {
            fill(path, NULL, NULL, target);
            (void)snprintf(asked, sizeof(asked), "%s?%s=%s", target, name, odd_values[i]);
            good += ask(asked) == 200;
            if (strcmp(name, "from") == 0)
                continue;
            (void)snprintf(asked, sizeof(asked), "%s?from=1&%s=%s", target, name, odd_values[i]);
            if (strstr(path, "/map/net") != NULL || strstr(path, "/map/diffs") != NULL ||
                strstr(path, "/map/stream") != NULL)
                good += ask(asked) == 200;
        }
    }
    if (strcmp(in, "query") == 0 && good == 0)
        fail_msg("%s: no value of %s is good", path, name);
}

static void each_answer_is_described(void **state) {
    (void)state;
    const char *path;
    json_t *item;
    learn_values();
    struct buf longest = {0};
    json_object_foreach(json_object_get(page, "paths"), path, item) {
        char target[400];
        fill(path, NULL, NULL, target);
        unsigned status = ask(target);
        bool wants_from = strstr(path, "/map/net") != NULL || strstr(path, "/map/diffs") != NULL;
        bool wants_feedback = strstr(path, "/map/feedback/") != NULL;
        /* Learning has a test of its own, in a cell that learns. */
        bool wants_learning =
            strstr(path, "/v1/learning/rounds/") != NULL || strstr(path, "/v1/models/") != NULL;
        bool wants_decide = strstr(path, "/v1/learning/risk") != NULL;
        if (status != (wants_from                                            ? 400
                          : wants_feedback || wants_learning || wants_decide ? 404
                                                                             : 200))
            fail_msg("%s: %u", target, status);
        char asked[420];
        (void)snprintf(asked, sizeof(asked), "%s?nonsense=1", target);
        assert_int_equal(ask(asked), 400);
        assert_int_equal(ask_with(target, "Content-Length: 3\r\n\r\nabc"), 413);
        buf_clear(&longest);
        buf_printf(&longest, "%s?x=", target);
        for (size_t i = 0; i < 3000; i++)
            buf_u8(&longest, 'y');
        buf_u8(&longest, 0);
        assert_int_equal(ask((const char *)longest.p), 414);
        size_t i;
        json_t *parameter;
        json_array_foreach(json_object_get(json_object_get(item, "get"), "parameters"), i,
            parameter) with_odd_values(path, parameter);
    }
    buf_free(&longest);
}

/* Each in all formats, whole; blocks of all kinds; proofs of all contracts. */
static void what_is_there_is_described(void **state) {
    (void)state;
    static const char *const targets[] = {"/v1/map/diffs?from=1", "/v1/map/diffs?from=1&format=osc",
        "/v1/map/diffs?from=1&format=adiff", "/v1/map/diffs?from=1&format=tnits",
        "/v1/map/diffs?from=1&format=geojsonseq", "/v1/map/net?from=1",
        "/v1/map/net?from=1&format=octets", "/v1/map/stream?from=1&poll=1",
        "/v1/proofs/state/identity/7300", "/v1/proofs/state/policy/70",
        "/v1/proofs/state/committee/76", "/v1/proofs/state/beacon/76",
        "/v1/proofs/map/2?trusted=1"};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        assert_int_equal(ask(targets[i]), 200);
    for (uint64_t h = 1; h <= rig_height(rig); h++) {
        char target[80];
        (void)snprintf(target, sizeof(target), "/v1/blocks/%llu", (unsigned long long)h);
        assert_int_equal(ask(target), 200);
        json_t *block = rig_json(rig, 200, target);
        json_t *list = json_object_get(block, "transactions");
        for (size_t i = 0; i < json_array_size(list) && h % 7 == 0; i++) {
            char tx[120];
            (void)snprintf(
                tx, sizeof(tx), "/v1/tx/%s", rig_word(json_array_get(list, i), "identity"));
            assert_int_equal(ask(tx), 200);
        }
        json_decref(block);
    }
}

static bool has_risk(const char *list) {
    json_t *o = rig_json(rig, 200, "/v1/learning/risk");
    bool has = json_array_size(json_object_get(o, list)) > 0;
    json_decref(o);
    return has;
}

/* Without a model, with one, with a risk that goes on and one that is over. */
static void risks_are_described(void **state) {
    (void)state;
    static const int32_t weight[] = {1 << 20};
    static const struct materials_limits limits = {1 << 20, 1 << 20, 0};
    struct folder f;
    struct materials *m = NULL;
    struct decide_service *s = NULL;
    struct ws_err err = {0};
    struct buf octets = {0};
    uint8_t hash[32];
    char path[FOLDER_PATH];
    assert_int_equal(folder_make(&f), 0);
    assert_int_equal(materials_open(folder_path(&f, path, "m"), &limits, &m, &err), WS_OK);
    struct fl_model *model = rig_model("label y calm wild\nfeature speed\n", weight, 60);
    fl_model_encode(model, &octets);
    fl_model_hash(model, hash);
    assert_int_equal(materials_put_blob(m, hash, buf_span(&octets), &err), WS_OK);
    const struct decide_service_config cfg = {.decide = rig_config(),
        .materials = m,
        .folder = folder_path(&f, path, "d"),
        .log_octets = 1 << 20,
        .clock = {.kind = WS_CLOCK_SYSTEM}};
    assert_int_equal(decide_service_open(&cfg, &s, &err), WS_OK);
    rig->config.decide = (struct config_decide){.sensor = (char *)"north", .place_mm = 100000};
    rig->face.decide = s;
    assert_int_equal(ask("/v1/learning/risk"), 200);
    decide_service_model(s, hash, 3);
    const uint64_t now_us = ws_clock_now(&cfg.clock).its_us;
    for (int i = 0; !has_risk("present"); i++) {
        assert_true(i < 6000);
        for (unsigned k = 0; k < 3; k++) {
            struct decide_heard h = rig_heard(k, 0, 40, 0, 90, 90);
            h.its_us = now_us + (uint64_t)i * 1000000;
            decide_service_heard(s, &h, false);
        }
        (void)poll(NULL, 0, 10);
    }
    assert_int_equal(ask("/v1/learning/risk"), 200);
    decide_service_model(s, NULL, 0);
    for (int i = 0; !has_risk("recent"); i++) {
        assert_true(i < 6000);
        (void)poll(NULL, 0, 10);
    }
    assert_int_equal(ask("/v1/learning/risk"), 200);
    assert_int_equal(ask("/metrics"), 200);
    rig->face.decide = NULL;
    rig->config.decide = (struct config_decide){0};
    decide_service_close(s);
    materials_close(m);
    fl_model_free(model);
    free(model);
    buf_free(&octets);
    (void)folder_remove(&f);
}

static void answers_of_receivers_are_described(void **state) {
    (void)state;
    struct feedback *f = NULL;
    struct ws_err err = {0};
    struct buf xml = {0};
    char dir[128];
    char file[200];
    char cell[17];
    uint64_t number = 0;
    (void)snprintf(dir, sizeof(dir), "%s/feedback", rig->dir);
    hex_encode(cell, rig->face.cell_id, 8);
    assert_int_equal(feedback_open(dir, rig->face.cell_id, &f, &err), WS_OK);
    rig->face.feedback = f;
    buf_printf(&xml,
        "<FeedbackDataset><feedbackInfo><FeedbackInformation><datasetIdentifier>wayside.%s/1-3"
        "</datasetIdentifier><log><FeedbackLog><events><RoadFeatureEvent><featureId>"
        "<RoadFeatureId><providerId>x</providerId><id>y</id></RoadFeatureId></featureId>"
        "<eventCode href='c/decodeLocationError'/></RoadFeatureEvent></events><events>"
        "<FreeTextEvent><text>no</text></FreeTextEvent></events></FeedbackLog></log>"
        "</FeedbackInformation></feedbackInfo></FeedbackDataset>",
        cell);
    if (feedback_add(f, buf_span(&xml), UINT64_C(704707205000000), &number, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(ask("/v1/map/feedback"), 200);
    assert_int_equal(ask("/v1/map/feedback/1"), 200);
    rig->face.feedback = NULL;
    feedback_close(f);
    buf_free(&xml);
    (void)snprintf(file, sizeof(file), "%s/000001-704707205000000.xml", dir);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(dir), 0);
}

/* The ledger's thread says nothing. */
static void busy_units_answer_as_described(void **state) {
    (void)state;
    struct rig *all = rig;
    const char *path;
    json_t *item;
    size_t busy = 0;
    rig = ws_alloc(sizeof(*rig));
    rig_open(rig, &(struct rig_options){.ask_ms = 20});
    rig_step(rig, 2000000);
    atomic_store(&rig->deaf, true);
    json_object_foreach(json_object_get(page, "paths"), path, item) {
        char target[400];
        fill(path, NULL, NULL, target);
        busy += ask(target) == 503;
    }
    assert_true(busy >= 5);
    atomic_store(&rig->deaf, false);
    rig_close(rig);
    free(rig);
    rig = all;
}

/* A unit that keeps the records of one version. */
static void what_is_gone_is_described(void **state) {
    (void)state;
    static const char *const targets[] = {"/v1/map/diffs?from=1", "/v1/map/diffs?from=1&format=osc",
        "/v1/map/diffs?from=1&format=adiff", "/v1/map/diffs?from=1&format=tnits",
        "/v1/map/diffs?from=1&format=geojsonseq", "/v1/map/net?from=1",
        "/v1/map/net?from=1&format=octets", "/v1/map/stream?from=1", "/v1/map/versions?from=1",
        "/v1/map?version=1", "/v1/map/snapshot?version=1", "/v1/map/tiles?version=1",
        "/v1/map/tiles/0?version=1"};
    struct rig *all = rig;
    rig = ws_alloc(sizeof(*rig));
    rig_open(rig, &(struct rig_options){.keep = 1});
    rig_step(rig, 2000000);
    rig_change(rig, 30);
    rig_change(rig, 80);
    rig_change(rig, 60);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        if (ask(targets[i]) != 410)
            fail_msg("%s is not gone", targets[i]);
    rig_close(rig);
    free(rig);
    rig = all;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_is_described),
        cmocka_unit_test(what_is_there_is_described),
        cmocka_unit_test(answers_of_receivers_are_described),
        cmocka_unit_test(risks_are_described),
        cmocka_unit_test(what_is_gone_is_described),
        cmocka_unit_test(busy_units_answer_as_described),
    };
    return cmocka_run_group_tests(tests, open_shared, close_shared);
}
