/* What rsud says of learning: a cell whose vehicles take part in whole rounds, its first unit asked over HTTP. */
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "tests/unit/rsu/described.h"
#include "tests/unit/rsu/http_rig.h"
#include "tests/unit/rsu/learn_world.h"

#include <stdio.h>
#include <stdlib.h>

enum { CARS = WORLD_CARS };
#define SECOND WORLD_SECOND

static const char nobody[] = "00000000000000000000000000000000000000000000000000000000000000ff";

struct scene {
    struct world x;
    struct rig rig;
    json_t *page;
};

static void open_scene(struct scene *s, uint64_t seed) {
    world_open(&s->x, seed);
    s->page = described_load("docs/openapi.yaml");
    struct nodes_member *m = &s->x.w->m[0];
    struct rsud parts = {.genesis = executor_genesis_of(node_executor(m->node)),
        .genesis_octets = s->x.w->genesis,
        .store = m->store,
        .node = m->node,
        .cell = m->cell,
        .learning = s->x.l[0],
        .materials = s->x.store[0]};
    memcpy(parts.cell_id, s->x.w->cell_id, 32);
    rig_open_on(&s->rig, &parts, &(struct rig_options){0});
}

static void close_scene(struct scene *s) {
    rig_close(&s->rig);
    world_close(&s->x);
    json_decref(s->page);
}

/* ---- asking ---- */

/* The answer is what docs/openapi.yaml says of `path`. */
static void ask(struct scene *s, const char *path, unsigned status, const char *target,
    const char *more, struct answer *ret) {
    struct buf rq = {0};
    buf_printf(&rq, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", target, more);
    rig_exchange(&s->rig, buf_span(&rq), ret);
    buf_free(&rq);
    if (ret->status != status)
        fail_msg("%s: %u, not %u: %.*s", target, ret->status, status,
            (int)(ret->body.n < 300 ? ret->body.n : 300), (const char *)ret->body.p);
    const json_t *r = described_response(s->page, path, status);
    if (r == NULL)
        fail_msg("%s: %u is not described", path, status);
    if (status == 304)
        return;
    const bool json = answer_has(ret, "Content-Type: application/json\r\n");
    const json_t *schema =
        described_schema(s->page, r, json ? "application/json" : "application/octet-stream");
    assert_non_null(schema);
    if (!json)
        return;
    json_t *value = json_loadb((const char *)ret->body.p, ret->body.n, 0, NULL);
    assert_non_null(value);
    described_check(s->page, schema, value, target);
    json_decref(value);
}

static json_t *get(struct scene *s, const char *path, unsigned status, const char *target) {
    struct answer a;
    ask(s, path, status, target, "", &a);
    json_t *o = json_loadb((const char *)a.body.p, a.body.n, 0, NULL);
    assert_non_null(o);
    answer_free(&a);
    return o;
}

static void refused(
    struct scene *s, const char *path, unsigned status, const char *words, const char *target) {
    json_t *o = get(s, path, status, target);
    if (strstr(rig_word(o, "error"), words) == NULL)
        fail_msg("%s: %s", target, rig_word(o, "error"));
    json_decref(o);
}

static const json_t *in(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    if (v == NULL)
        fail_msg("no %s", key);
    return v;
}

/* ---- proofs ---- */

/* The event at a place, proven with the genesis alone: its body, to be freed. */
static struct buf proven(struct scene *s, const json_t *place, enum fl_event type) {
    char target[100];
    (void)snprintf(target, sizeof(target), "/v1/proofs/event/%lld/%lld",
        (long long)rig_number(place, "height"), (long long)rig_number(place, "sequence"));
    json_t *o = get(s, "/v1/proofs/event/{height}/{sequence}", 200, target);
    assert_string_equal(rig_word(o, "contract"), "learn");
    struct buf bundle = test_unhex(rig_word(o, "bundle"));
    struct event_bundle *p = ws_alloc(sizeof(*p));
    struct event e;
    struct ws_err err = {0};
    assert_int_equal(event_bundle_decode(buf_span(&bundle), p, &err), 0);
    if (light_check_event(&exec_light_crypto, buf_span(&s->x.w->genesis), p, &e, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(e.contract, CELL_CONTRACT_LEARN);
    assert_int_equal(e.type, type);
    struct buf body = {0};
    buf_put(&body, e.body.p, e.body.n);
    free(p);
    buf_free(&bundle);
    json_decref(o);
    return body;
}

/* ---- in the owner's thread ---- */

static void do_order(void *ctx) {
    struct scene *s = ctx;
    world_order_model(&s->x);
}

static void do_until_submitting(void *ctx) {
    struct scene *s = ctx;
    world_until(&s->x, FL_SUBMITTING, 120 * SECOND);
    world_run(&s->x, 5 * SECOND); /* the next header is there: proofs are */
}

/* ---- tests ---- */

static void nothing_is_learned_yet(struct scene *s) {
    json_t *o = get(s, "/v1/learning", 200, "/v1/learning");
    assert_true(json_is_null(in(o, "model")));
    assert_true(json_is_null(in(o, "round")));
    assert_true(json_is_null(in(o, "upload")));
    assert_string_equal(rig_word(o, "why"), "no_model");
    assert_int_equal(rig_number(o, "rounds"), 0);
    json_decref(o);
}

/* All that a vehicle needs: the OPEN record and the seed, proven; the model by its hash. */
static void a_vehicle_can_take_part(struct scene *s) {
    json_t *o = get(s, "/v1/learning", 200, "/v1/learning");
    const json_t *round = in(o, "round");
    const json_t *model = in(o, "model");
    uint8_t hash[32];
    fl_model_hash(&s->x.model, hash);
    rig_assert_hex(model, "hash", hash, 32);
    assert_string_equal(rig_word(model, "name"), "test-3");
    assert_int_equal(rig_number(model, "version"), 1);
    assert_true(rig_number(model, "height") > 0);
    assert_true(json_is_null(in(model, "root_set")));
    assert_int_equal(json_array_size(in(o, "lacks")), 0);
    assert_string_equal(rig_word(round, "phase"), "submitting");
    assert_true(json_is_null(in(o, "why")));

    const json_t *events = in(round, "events");
    struct buf open = test_unhex(rig_word(round, "open"));
    struct buf said = proven(s, in(events, "open"), FL_EVENT_OPEN);
    assert_int_equal(said.n, open.n);
    assert_memory_equal(said.p, open.p, open.n);
    struct fl_open *record = ws_alloc(sizeof(*record));
    assert_true(fl_open_decode(buf_span(&open), record));
    assert_int_equal(record->round, rig_number(round, "number"));
    assert_int_equal(record->height, rig_number(round, "open_height"));
    assert_int_equal(record->seed_height, rig_number(round, "seed_height"));
    assert_int_equal(record->n, json_array_size(in(round, "members")));
    assert_int_equal(rig_number(in(events, "open"), "height"), record->height);
    assert_memory_equal(record->model_hash, hash, 32);
    uint8_t id[32];
    exec_sha256_one(buf_span(&open), id);
    rig_assert_hex(round, "id", id, 32);
    buf_free(&said);

    said = proven(s, in(events, "seed"), FL_EVENT_SEED);
    assert_int_equal(said.n, 41);
    rig_assert_hex(round, "seed", said.p + 9, 32);
    assert_true(json_is_null(in(events, "cut_off")));
    assert_true(json_is_null(in(events, "end")));
    assert_int_equal(rig_number(in(in(o, "counters"), "records_sent"), "key"), 1);
    buf_free(&said);
    buf_free(&open);
    free(record);
    json_decref(o);
}

static void files_of_models(struct scene *s) {
    static const char path[] = "/v1/models/{hash}";
    uint8_t hash[32];
    uint8_t got[32];
    char hex[65];
    char target[100];
    char tag[120];
    struct answer a;
    fl_model_hash(&s->x.model, hash);
    hex_encode(hex, hash, 32);
    (void)snprintf(target, sizeof(target), "/v1/models/%s", hex);
    (void)snprintf(tag, sizeof(tag), "ETag: \"%s\"\r\n", hex);
    ask(s, path, 200, target, "", &a);
    exec_sha256_one(buf_span(&a.body), got);
    assert_memory_equal(got, hash, 32);
    assert_true(answer_has(&a, tag));
    assert_true(answer_has(&a, "immutable"));
    answer_free(&a);
    (void)snprintf(tag, sizeof(tag), "If-None-Match: \"%s\"\r\n", hex);
    ask(s, path, 304, target, tag, &a);
    assert_int_equal(a.body.n, 0);
    answer_free(&a);
    refused(s, path, 400, "64 hex digits", "/v1/models/00ff");
    refused(s, path, 400, "64 hex digits", "/v1/models/zz");
    for (size_t i = 0; i < 64; i++)
        if (hex[i] >= 'a' && hex[i] <= 'f')
            hex[i] = (char)(hex[i] - 'a' + 'A');
    (void)snprintf(target, sizeof(target), "/v1/models/%s", hex);
    refused(s, path, 400, "lower case", target);
    (void)snprintf(target, sizeof(target), "/v1/models/%s", nobody);
    refused(s, path, 404, "another unit", target);
    (void)snprintf(target, sizeof(target), "/v1/models/%s0", nobody);
    refused(s, path, 400, "64 hex digits", target);
}

static void test_a_round_from_outside(void **state) {
    (void)state;
    struct scene *s = ws_alloc(sizeof(*s));
    open_scene(s, 21);
    nothing_is_learned_yet(s);
    rig_owner(&s->rig, do_order, s);
    rig_owner(&s->rig, do_until_submitting, s);
    a_vehicle_can_take_part(s);
    files_of_models(s);
    close_scene(s);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_round_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
