/* What rsud says of learning: a cell whose vehicles take part in whole rounds, its first unit asked over HTTP. */
#include "base/mem.h"
#include "fedlearn/round/events.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/meta.h"
#include "tests/unit/rsu/described.h"
#include "tests/unit/rsu/http_rig.h"
#include "tests/unit/rsu/learn_world.h"

#include <stdio.h>
#include <stdlib.h>

enum { CARS = WORLD_CARS };
#define AUDIT_US (UINT64_C(30) * 86400 * SECOND)
#define SECOND WORLD_SECOND

static const char nobody[] = "00000000000000000000000000000000000000000000000000000000000000ff";

struct scene {
    struct world x;
    struct rig rig;
    json_t *page;
    struct rsud parts;
};

static void open_scene(struct scene *s, uint64_t seed) {
    world_open(&s->x, seed);
    s->x.with_roots = true;
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
    s->parts = parts;
    rig_open_on(&s->rig, &parts, &(struct rig_options){0});
    s->rig.config.learning.audit_us = AUDIT_US;
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

static void do_drive(void *ctx) {
    struct scene *s = ctx;
    world_drive_all(&s->x, 0xf);
}

/* The same car twice: neither counts. */
static void do_drive_twice(void *ctx) {
    struct scene *s = ctx;
    uint8_t first[32];
    struct fl_client *c = aligned_alloc(64, (sizeof(*c) + 63) / 64 * 64);
    assert_non_null(c);
    assert_int_equal(fl_client_open(c, NULL), WS_OK);
    memcpy(first, s->x.ids[0], 32);
    for (size_t i = 0; i < 2; i++) {
        world_drive(&s->x, c, 0, 0xf);
        world_run(&s->x, 2 * SECOND);
    }
    memcpy(s->x.ids[0], first, 32);
    fl_client_close(c);
    free(c);
}

static void do_until_idle(void *ctx) {
    struct scene *s = ctx;
    world_until(&s->x, FL_IDLE, 4000 * SECOND);
    world_run(&s->x, 5 * SECOND);
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
    assert_int_equal(strlen(rig_word(model, "root_set")), 64);
    assert_int_equal(rig_number(model, "classes"), 3);
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
    struct buf rq = {0};
    buf_printf(&rq, "HEAD %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target);
    rig_exchange(&s->rig, buf_span(&rq), &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.n, 0);
    answer_free(&a);
    buf_free(&rq);
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

/* ---- what vehicles sent ---- */

static void material_target(const uint8_t *id, int round, char ret[static 160]) {
    char hex[65];
    hex_encode(hex, id, 32);
    (void)snprintf(ret, 160, "/v1/learning/rounds/%d/materials/%s", round, hex);
}

/* Cover and ciphertext, each what the id stands for by this token, and not an octet more: no bundles. */
static void is_what_was_signed(const struct scene *s, const struct fl_open *open,
    const uint8_t *token, const uint8_t *id, struct span octets) {
    struct fl_round round;
    struct fl_cover cover;
    struct fl_submission *sub = ws_alloc(sizeof(*sub));
    assert_true(octets.n > 4);
    const size_t n = be32(octets.p);
    assert_int_equal(n, fl_cover_octets(open->n));
    fl_open_round(open, s->x.w->cell_id, &round);
    assert_int_equal(fl_cover_read(span_of(octets.p + 4, n), &cover, NULL), WS_OK);
    assert_int_equal(fl_submission_accept(&round, token, &cover, sub), FL_ACCEPT_GOOD);
    assert_memory_equal(sub->id, id, 32);
    const struct span wire = span_of(octets.p + 4 + n, octets.n - 4 - n);
    assert_int_equal(wire.n, cover.ciphertext_octets);
    assert_true(fl_material_wire_fits(&cover, wire));
    free(sub);
}

static const char materials[] = "/v1/learning/rounds/{round}/materials/{id}";

static void materials_of_all(struct scene *s, const struct fl_open *open) {
    char target[160];
    struct answer a;
    for (size_t car = 0; car < CARS; car++) {
        material_target(s->x.ids[car], 1, target);
        ask(s, materials, 200, target, "", &a);
        is_what_was_signed(s, open, s->x.ticket[car].hash, s->x.ids[car], buf_span(&a.body));
        answer_free(&a);
    }
}

static void materials_refused(struct scene *s) {
    char target[160];
    uint8_t id[32] = {1, 0xab};
    material_target(id, 1, target);
    refused(s, materials, 404, "not here", target);
    (void)snprintf(target, sizeof(target), "/v1/learning/rounds/1/materials/%.62s", nobody);
    refused(s, materials, 400, "64 hex digits", target);
    material_target(s->x.ids[0], 1, target);
    char *hex = strrchr(target, '/') + 1;
    hex[strspn(hex, "0123456789")] = 'A';
    refused(s, materials, 400, "lower case", target);
    material_target(s->x.ids[0], 7, target);
    refused(s, materials, 404, "no round 7 yet", target);
    material_target(s->x.ids[0], 0, target);
    refused(s, materials, 400, "begin with 1", target);
}

/* ---- a round that is over ---- */

static const char round_path[] = "/v1/learning/rounds/{round}";
static const char rounds_path[] = "/v1/learning/rounds";
static const char record_path[] = "/v1/learning/rounds/{round}/record";

static void decode(struct scene *s, const json_t *events, const char *name, enum fl_event type,
    struct fl_event_body *ret, struct buf *ret_body) {
    *ret_body = proven(s, in(events, name), type);
    assert_true(fl_event_decode((uint16_t)type, buf_span(ret_body), ret));
}

/* The record against events that are proven with the genesis alone. */
static void record_holds(struct scene *s, const json_t *round, const struct fl_round_record *r) {
    const json_t *events = in(round, "events");
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    struct buf body;
    uint8_t want[32];
    struct buf open = {0};
    decode(s, events, "open", FL_EVENT_OPEN, e, &body);
    fl_open_encode(&r->open, &open);
    assert_int_equal(open.n, body.n);
    assert_memory_equal(open.p, body.p, open.n);
    buf_free(&open);
    buf_free(&body);
    decode(s, events, "seed", FL_EVENT_SEED, e, &body);
    assert_memory_equal(e->seed, r->seed, 32);
    buf_free(&body);
    decode(s, events, "cut_off", FL_EVENT_CUT_OFF, e, &body);
    fl_round_record_ids(r, want);
    assert_memory_equal(e->cut_off.root, want, 32);
    rig_assert_hex(in(round, "cut_off"), "ids_root", want, 32);
    assert_int_equal(e->cut_off.included, r->n);
    buf_free(&body);
    decode(s, events, "groups", FL_EVENT_GROUPS, e, &body);
    fl_round_record_groups(r, want);
    assert_memory_equal(e->groups.root, want, 32);
    rig_assert_hex(round, "groups_root", want, 32);
    rig_assert_hex(round, "draw", r->draw, 32);
    assert_int_equal(json_integer_value(in(round, "free_groups")), r->free_groups);
    buf_free(&body);
    decode(s, events, "opened", FL_EVENT_OPENED, e, &body);
    assert_int_equal(e->opened.n, r->n_groups);
    for (size_t g = 0; g < r->n_groups; g++) {
        fl_round_record_key(r, g, want);
        assert_memory_equal(e->opened.hashes.p + 32 * g, want, 32);
    }
    buf_free(&body);
    free(e);
}

static void record_of_the_round(struct scene *s, const json_t *round) {
    struct answer a;
    struct fl_round_record r;
    struct materials_hold h;
    char tag[140];
    ask(s, record_path, 200, "/v1/learning/rounds/1/record", "", &a);
    assert_int_equal(fl_round_record_decode(buf_span(&a.body), &r, NULL), WS_OK);
    assert_true(materials_get_record(s->x.store[0], 1, &h));
    assert_int_equal(h.blob.n, a.body.n);
    assert_memory_equal(h.blob.p, a.body.p, h.blob.n);
    materials_release(&h);
    assert_int_equal(r.n, CARS);
    record_holds(s, round, &r);
    materials_of_all(s, &r.open);
    const char *at = strstr((const char *)a.head.p, "ETag: ");
    assert_non_null(at);
    (void)snprintf(tag, sizeof(tag), "If-None-Match: %.66s\r\n", at + 6);
    fl_round_record_free(&r);
    answer_free(&a);
    ask(s, record_path, 304, "/v1/learning/rounds/1/record", tag, &a);
    answer_free(&a);
}

static json_int_t verdicts(const json_t *round) {
    const char *name;
    json_t *n;
    json_int_t all = 0;
    json_object_foreach((json_t *)in(round, "verdicts"), name, n) all += json_integer_value(n);
    return all;
}

static void a_round_that_closed(struct scene *s) {
    json_t *o = get(s, round_path, 200, "/v1/learning/rounds/1");
    assert_string_equal(rig_word(o, "result"), "closed");
    assert_true(json_is_null(in(o, "reason")));
    assert_int_equal(rig_number(o, "vehicles"), CARS);
    assert_int_equal(rig_number(o, "groups"), 3);
    assert_int_equal(verdicts(o), 3);
    assert_true(rig_number(o, "ended_its_us") > rig_number(o, "begun_its_us"));
    assert_int_equal(rig_number(in(o, "model_before"), "version"), 1);
    assert_int_equal(rig_number(in(o, "model_after"), "version"), 2);
    assert_int_equal(json_array_size(in(o, "faults")), 0);
    assert_int_equal(json_array_size(in(o, "exclusions")), 0);
    const json_t *out = in(o, "outcome");
    assert_int_equal(rig_number(in(out, "recall"), "rows"), 90);
    assert_int_equal(json_array_size(in(out, "said_after")), 3);
    assert_int_equal(json_array_size(in(out, "groups")), 3);
    assert_true(json_array_size(in(out, "changes")) > 0);
    assert_string_equal(rig_word(in(o, "model_after"), "hash"), rig_word(out, "model_hash"));

    struct fl_event_body *e = ws_alloc(sizeof(*e));
    struct buf body;
    decode(s, in(o, "events"), "end", FL_EVENT_CLOSED, e, &body);
    assert_int_equal(e->round, 1);
    rig_assert_hex(out, "model_hash", e->closed.outcome.model_hash, 32);
    rig_assert_hex(in(o, "model_before"), "hash", e->closed.parent, 32);
    buf_free(&body);
    decode(s, in(o, "events"), "suspect", FL_EVENT_SUSPECT, e, &body);
    assert_int_equal(e->round, 1);
    assert_int_equal(e->suspects.n, json_array_size(in(o, "standings")));
    buf_free(&body);
    free(e);
    record_of_the_round(s, o);
    json_decref(o);
}

static void rounds_refused(struct scene *s) {
    static const char *const bad[] = {"0", "x", "-1", "1x", "18446744073709551616", "%20"};
    char target[160];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(target, sizeof(target), "/v1/learning/rounds/%s", bad[i]);
        refused(s, round_path, 400, "round", target);
        (void)snprintf(target, sizeof(target), "/v1/learning/rounds/%s/record", bad[i]);
        refused(s, record_path, 400, "round", target);
        if (strcmp(bad[i], "18446744073709551616") == 0)
            continue;
        (void)snprintf(target, sizeof(target), "/v1/learning/rounds?limit=%s", bad[i]);
        refused(s, rounds_path, 400, "limit", target);
        (void)snprintf(target, sizeof(target), "/v1/models?before=%s", bad[i]);
        refused(s, "/v1/models", 400, "before", target);
    }
    refused(s, rounds_path, 400, "limit", "/v1/learning/rounds?limit=257");
    refused(s, rounds_path, 400, "not known", "/v1/learning/rounds?from=1");
    refused(s, round_path, 404, "no round 3 yet; the last one is 2", "/v1/learning/rounds/3");
    refused(s, record_path, 404, "no round 3 yet", "/v1/learning/rounds/3/record");
}

/* Nobody came to the second one. */
static void a_round_that_was_aborted(struct scene *s) {
    json_t *o = get(s, round_path, 200, "/v1/learning/rounds/2");
    assert_string_equal(rig_word(o, "result"), "aborted");
    assert_string_equal(rig_word(o, "reason"), "too_few_submissions");
    assert_true(json_is_null(in(o, "outcome")));
    assert_true(json_is_null(in(o, "model_after")));
    assert_true(json_is_null(in(o, "vehicles")));
    struct buf body = proven(s, in(in(o, "events"), "end"), FL_EVENT_ABORTED);
    buf_free(&body);
    json_decref(o);
    refused(s, record_path, 404, "aborted before its groups", "/v1/learning/rounds/2/record");
    o = get(s, round_path, 200, "/v1/learning/rounds/2");
    assert_int_equal(json_array_size(in(o, "exclusions")), 1);
    const json_t *out = json_array_get(in(o, "exclusions"), 0);
    assert_string_equal(rig_word(out, "reason"), "two_submissions");
    rig_assert_hex(out, "token", s->x.ticket[0].hash, 32);
    body = proven(s, out, FL_EVENT_EXCLUDED);
    buf_free(&body);
    json_decref(o);
    /* What was sent for the first is not the second's. */
    char target[160];
    material_target(s->x.ids[0], 2, target);
    refused(s, materials, 404, "nothing was sent for it", target);
    o = get(s, "/v1/learning", 200, "/v1/learning");
    assert_true(json_is_null(in(o, "round")));
    assert_string_equal(rig_word(o, "why"), "too_few_submissions");
    assert_int_equal(rig_number(o, "rounds"), 2);
    json_decref(o);
}

static void expect_numbers(struct scene *s, const char *target, const char *list, const char *key,
    const json_int_t *want, size_t n) {
    json_t *o = get(s, strcmp(list, "rounds") == 0 ? rounds_path : "/v1/models", 200, target);
    const json_t *all = in(o, list);
    assert_int_equal(json_array_size(all), n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(rig_number(json_array_get(all, i), key), want[i]);
    json_decref(o);
}

static void lists(struct scene *s) {
    static const json_int_t down[] = {3, 2, 1};
    expect_numbers(s, "/v1/learning/rounds", "rounds", "number", down + 1, 2);
    expect_numbers(s, "/v1/learning/rounds?limit=1", "rounds", "number", down + 1, 1);
    expect_numbers(s, "/v1/learning/rounds?before=2", "rounds", "number", down + 2, 1);
    expect_numbers(s, "/v1/learning/rounds?before=1", "rounds", "number", NULL, 0);
    expect_numbers(s, "/v1/models", "models", "version", down, 3);
    expect_numbers(s, "/v1/models?before=3&limit=1", "models", "version", down + 1, 1);
    expect_numbers(s, "/v1/models?before=1", "models", "version", NULL, 0);

    json_t *o = get(s, "/v1/models", 200, "/v1/models");
    const json_t *ordered = json_array_get(in(o, "models"), 2);
    const json_t *made = json_array_get(in(o, "models"), 1);
    char target[100];
    struct answer a;
    struct fl_model next = {0};
    assert_string_equal(rig_word(ordered, "from"), "order");
    assert_string_equal(rig_word(made, "from"), "round");
    assert_string_equal(rig_word(made, "name"), "test-3");
    assert_string_equal(rig_word(made, "parent"), rig_word(ordered, "hash"));
    assert_int_equal(rig_number(made, "round"), 1);
    assert_true(json_is_true(in(made, "here")));
    assert_int_equal(rig_number(in(made, "recall"), "rows"), 90);
    struct buf body = proven(s, made, FL_EVENT_CLOSED);
    buf_free(&body);
    body = proven(s, ordered, FL_EVENT_MODEL);
    buf_free(&body);
    (void)snprintf(target, sizeof(target), "/v1/models/%s", rig_word(made, "hash"));
    ask(s, "/v1/models/{hash}", 200, target, "", &a);
    assert_int_equal(fl_model_decode(buf_span(&a.body), &next, NULL), WS_OK);
    assert_int_equal(next.steps, 1);
    rig_assert_hex(made, "parent", next.parent, 32);
    fl_model_free(&next);
    answer_free(&a);
    json_decref(o);
}

/* ---- made up in the store ---- */

static void put_event(struct scene *s, uint64_t height, enum fl_event type, struct span body) {
    uint8_t key[15] = {CELL_CONTRACT_LEARN};
    struct event e = {.contract = CELL_CONTRACT_LEARN,
        .type = (uint16_t)type,
        .height = height,
        .sequence = 77,
        .body = body};
    struct buf value = {0};
    struct ws_err err = {0};
    put_be16(key + 1, (uint16_t)type);
    put_be64(key + 3, height);
    put_be32(key + 11, 77);
    event_encode(&e, &value);
    struct store_batch *b = store_batch_new(s->parts.store);
    store_batch_put(b, STORE_EVENT, span_of(key + 3, 12), buf_span(&value));
    store_batch_put(b, STORE_INDEX, span_of(key, sizeof(key)), span_of("", 0));
    assert_int_equal(store_batch_write(b, &err), 0);
    buf_free(&value);
}

/* Faults of rounds stand between their first event and the next round's; then one that is none. */
static void what_is_said_of_validators(struct scene *s) {
    uint8_t body[46] = {FL_RECORDS_VERSION, 0, 0, 0, 0, 0, 0, 0, 1, 0xaa};
    json_t *o = get(s, round_path, 200, "/v1/learning/rounds/1");
    const uint64_t height = (uint64_t)rig_number(in(in(o, "events"), "end"), "height");
    json_decref(o);
    body[41] = FL_FAULT_WRONG_SUM;
    body[45] = 2;
    put_event(s, height, FL_EVENT_FAULT, span_of(body, sizeof(body)));
    o = get(s, round_path, 200, "/v1/learning/rounds/1");
    assert_int_equal(json_array_size(in(o, "faults")), 1);
    const json_t *fault = json_array_get(in(o, "faults"), 0);
    rig_assert_hex(fault, "address", body + 9, 32);
    assert_string_equal(rig_word(fault, "fault"), "wrong_sum");
    assert_int_equal(rig_number(fault, "what"), 2);
    assert_int_equal(rig_number(fault, "height"), height);
    assert_int_equal(rig_number(fault, "sequence"), 77);
    json_decref(o);
    o = get(s, round_path, 200, "/v1/learning/rounds/2");
    assert_int_equal(json_array_size(in(o, "faults")), 0);
    json_decref(o);
    put_event(s, height, FL_EVENT_FAULT, span_of(body, 45));
    rig_refused(&s->rig, 500, "damaged", "/v1/learning/rounds/1");
    put_event(s, height, FL_EVENT_FAULT, span_of(body, sizeof(body)));
}

static void bend_file(struct scene *s, const char *name, long at) {
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/materials/%s", s->x.folder[0].top, name);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, -1, SEEK_CUR), 0);
    assert_true(fputc(c ^ 1, f) != EOF);
    assert_int_equal(fclose(f), 0);
}

/* Nothing is given out for good that is not what it is asked for as. */
static void a_disk_that_lies(struct scene *s) {
    char name[100];
    char hex[65];
    char target[160];
    uint8_t hash[32];
    hex_encode(hex, s->x.ids[3], 32);
    (void)snprintf(name, sizeof(name), "rounds/1/%s", hex);
    material_target(s->x.ids[3], 1, target);
    bend_file(s, name, -9);
    rig_refused(&s->rig, 500, "damaged", target);
    bend_file(s, name, -9);
    bend_file(s, name, 5); /* of the cover: the transport */
    rig_refused(&s->rig, 500, "damaged", target);
    bend_file(s, name, 5);
    json_t *o = get(s, round_path, 200, "/v1/learning/rounds/1");
    bend_file(s, "rounds/1/record", 0);
    rig_refused(&s->rig, 500, "damaged", "/v1/learning/rounds/1/record");
    bend_file(s, "rounds/1/record", 0);
    record_of_the_round(s, o);
    json_decref(o);
    /* A model is forgotten, so that it can come again. */
    fl_model_hash(&s->x.model, hash);
    hex_encode(hex, hash, 32);
    (void)snprintf(name, sizeof(name), "blobs/%s", hex);
    (void)snprintf(target, sizeof(target), "/v1/models/%s", hex);
    bend_file(s, name, 100);
    refused(s, "/v1/models/{hash}", 404, "not", target);
}

/* ---- what has gone ---- */

/* The headers of the first round were pruned. */
static void pruned(struct scene *s) {
    json_t *o = get(s, round_path, 200, "/v1/learning/rounds/2");
    const uint64_t from = (uint64_t)rig_number(in(in(o, "events"), "open"), "height");
    struct store_batch *b = store_batch_new(s->parts.store);
    char target[160];
    struct ws_err err = {0};
    meta_put_pruned(b, &(struct meta_pruned){from, from});
    assert_int_equal(store_batch_write(b, &err), 0);
    json_decref(o);
    refused(s, round_path, 410, "the oldest kept is 2", "/v1/learning/rounds/1");
    refused(s, record_path, 410, "the oldest kept is 2", "/v1/learning/rounds/1/record");
    refused(s, rounds_path, 410, "the oldest kept is 2", "/v1/learning/rounds?before=2");
    material_target(s->x.ids[0], 1, target);
    refused(s, materials, 410, "the oldest kept is 2", target);
    static const json_int_t left[] = {2};
    expect_numbers(s, "/v1/learning/rounds", "rounds", "number", left, 1);
    json_decref(get(s, round_path, 200, "/v1/learning/rounds/2"));
}

/* The store has let go of it, and the face says why. */
static void after_the_audit(struct scene *s) {
    const uint64_t later = s->x.w->now.its_us + AUDIT_US + 86400 * SECOND;
    char target[160];
    rig_close(&s->rig);
    materials_sweep(s->x.store[0], later);
    assert_false(materials_has(s->x.store[0], s->x.ids[0]));
    s->parts.clock = (struct ws_clock){.kind = WS_CLOCK_MANUAL, .manual = {.its_us = later}};
    rig_open_on(&s->rig, &s->parts, &(struct rig_options){0});
    s->rig.config.learning.audit_us = AUDIT_US;
    material_target(s->x.ids[0], 1, target);
    refused(s, materials, 410, "time for audits is over", target);
    refused(s, record_path, 410, "time for audits is over", "/v1/learning/rounds/1/record");
}

static void metrics_say(struct scene *s, const char *line) {
    struct answer a;
    rig_get(&s->rig, "/metrics", &a);
    assert_int_equal(a.status, 200);
    buf_u8(&a.body, 0);
    if (strstr((const char *)a.body.p, line) == NULL)
        fail_msg("no line %s", line);
    answer_free(&a);
}

static void test_a_round_from_outside(void **state) {
    (void)state;
    struct scene *s = ws_alloc(sizeof(*s));
    open_scene(s, 21);
    nothing_is_learned_yet(s);
    rig_owner(&s->rig, do_order, s);
    rig_owner(&s->rig, do_until_submitting, s);
    a_vehicle_can_take_part(s);
    metrics_say(s, "\nwayside_learning_phase{phase=\"submitting\"} 1\n");
    metrics_say(s, "\nwayside_learning_phase{phase=\"idle\"} 0\n");
    metrics_say(s, "\nwayside_learning_model_version 1\n");
    metrics_say(s, "\nwayside_learning_lacks 0\n");
    metrics_say(s, "\nwayside_learning_scores 0\n");
    metrics_say(s, "\nwayside_learning_scores_max 8192\n");
    metrics_say(s, "\nwayside_learning_scores_dropped_total 0\n");
    files_of_models(s);
    rig_owner(&s->rig, do_drive, s);
    /* While bundles are still on the disk. */
    refused(s, record_path, 404, "not opened", "/v1/learning/rounds/1/record");
    json_t *on = get(s, round_path, 200, "/v1/learning/rounds/1");
    assert_string_equal(rig_word(on, "result"), "on");
    struct buf open = test_unhex(rig_word(on, "open"));
    struct fl_open *record = ws_alloc(sizeof(*record));
    assert_true(fl_open_decode(buf_span(&open), record));
    materials_of_all(s, record);
    materials_refused(s);
    buf_free(&open);
    free(record);
    json_decref(on);

    rig_owner(&s->rig, do_until_idle, s);
    metrics_say(s, "\nwayside_learning_outcomes_total{result=\"found\"} 1\n");
    metrics_say(s, "\nwayside_learning_looked_total{verdict=\"good\"} 24\n");
    metrics_say(s, "\nwayside_learning_records_total{kind=\"outcome\"} 1\n");
    a_round_that_closed(s);
    rig_owner(&s->rig, do_order, s);
    rig_owner(&s->rig, do_until_submitting, s);
    rig_owner(&s->rig, do_drive_twice, s);
    rig_owner(&s->rig, do_until_idle, s);
    a_round_that_was_aborted(s);
    a_round_that_closed(s);
    rounds_refused(s);
    lists(s);
    what_is_said_of_validators(s);
    a_disk_that_lies(s);
    after_the_audit(s);
    pruned(s);
    close_scene(s);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_round_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
