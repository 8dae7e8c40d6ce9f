/* The map, its versions and its diffs over HTTP, checked as a consumer would. */
#include "ledger/snapshot/entry.h"
#include "ledger/snapshot/meta.h"
#include "mapsvc/fuse/range.h"
#include "rsu/feedback/feedback.h"
#include "rsu/http/internal.h"
#include "rsu/proofs/tile_file.h"
#include "tests/unit/rsu/http_rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static struct rig *rig; /* the cell with map versions 2, 3 and 4 that the reading tests share */

static int open_shared(void **state) {
    (void)state;
    rig = ws_alloc(sizeof(*rig));
    rig_open(rig, &(struct rig_options){0});
    rig_step(rig, 2000000);
    static const int32_t values[] = {30, 80, 60};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        rig_change(rig, values[i]);
    return 0;
}

static int close_shared(void **state) {
    (void)state;
    rig_close(rig);
    free(rig);
    return 0;
}

/* The features of a GeoJSON text sequence, as an array. */
static json_t *features(const struct answer *a) {
    json_t *list = json_array();
    size_t at = 0;
    while (at < a->body.n) {
        assert_int_equal(a->body.p[at], 0x1e);
        const uint8_t *end = memchr(a->body.p + at, '\n', a->body.n - at);
        assert_non_null(end);
        size_t n = (size_t)(end - a->body.p) - at - 1;
        json_t *f = json_loadb((const char *)a->body.p + at + 1, n, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(f);
        assert_string_equal(rig_word(f, "type"), "Feature");
        json_array_append_new(list, f);
        at += n + 2;
    }
    return list;
}

static void the_map_is_there_at_every_version(void **state) {
    (void)state;
    static const int32_t values[] = {50, 30, 80, 60};
    struct answer a;
    for (unsigned round = 0; round < 2; round++) { /* the second time from what was kept */
        for (unsigned v = 1; v <= 4; v++) {
            char target[64];
            (void)snprintf(target, sizeof(target), "/v1/map?version=%u", v);
            rig_get(rig, target, &a);
            assert_int_equal(a.status, 200);
            assert_true(answer_has(&a, "Content-Type: application/geo+json-seq\r\n"));
            char header[64];
            (void)snprintf(header, sizeof(header), "Wayside-Map-Version: %u\r\n", v);
            assert_true(answer_has(&a, header));
            json_t *list = features(&a);
            assert_int_equal(json_array_size(list), 1);
            json_t *props = json_object_get(json_array_get(list, 0), "properties");
            assert_int_equal(rig_number(props, "value"), values[v - 1]);
            json_decref(list);
            answer_free(&a);
        }
    }
    rig_get(rig, "/v1/map", &a);
    assert_true(answer_has(&a, "Wayside-Map-Version: 4\r\n"));
    answer_free(&a);
    rig_refused(rig, 404, "no map version 5", "/v1/map?version=5");
    rig_refused(rig, 404, "no map version 0", "/v1/map?version=0");
    rig_refused(rig, 400, "parameter version: a whole number is missing", "/v1/map?version=");
    rig_refused(rig, 400, "parameter \"v\" is not known", "/v1/map?v=1");
    rig_refused(rig, 400, "given twice", "/v1/map?version=1&version=2");
}

static void versions_are_listed(void **state) {
    (void)state;
    json_t *o = rig_json(rig, 200, "/v1/map/versions");
    json_t *list = json_object_get(o, "versions");
    assert_int_equal(rig_number(o, "current"), 4);
    assert_int_equal(rig_number(o, "oldest"), 2);
    assert_int_equal(json_array_size(list), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rig_number(json_array_get(list, i), "version"), i + 2);
        assert_int_equal(rig_number(json_array_get(list, i), "changes"), 1);
    }
    json_decref(o);
    o = rig_json(rig, 200, "/v1/map/versions?from=3");
    assert_int_equal(json_array_size(json_object_get(o, "versions")), 1);
    json_decref(o);
    o = rig_json(rig, 200, "/v1/map/versions?from=4");
    assert_int_equal(json_array_size(json_object_get(o, "versions")), 0);
    json_decref(o);
}

/* Applies what the page says to the base map, checked step by step as a consumer would. */
static void diffs_lead_from_the_base_map_to_the_current_one(void **state) {
    (void)state;
    json_t *o = rig_json(rig, 200, "/v1/map/diffs?from=1");
    assert_int_equal(rig_number(o, "from"), 1);
    assert_int_equal(rig_number(o, "to"), 4);
    assert_true(json_is_false(json_object_get(o, "more")));
    json_t *list = json_object_get(o, "versions");
    assert_int_equal(json_array_size(list), 3);
    struct buf b = {0};
    struct mapset map;
    mapset_encode(&rig->box.town.map, &b);
    assert_int_equal(mapset_decode(buf_span(&b), &map, NULL), 0);
    buf_free(&b);
    static const int32_t values[] = {50, 30, 80, 60};
    for (size_t i = 0; i < 3; i++) {
        json_t *v = json_array_get(list, i);
        struct map_version m;
        struct ws_err err = {0};
        rig_assert_proof(rig, v, "proof", &m);
        assert_int_equal(m.version, i + 2);
        assert_int_equal(rig_number(v, "version"), i + 2);
        assert_int_equal(rig_number(v, "height"), m.height);
        rig_assert_hex(v, "root", m.root, 32);
        json_t *c = json_array_get(json_object_get(v, "changes"), 0);
        assert_int_equal(rig_number(json_object_get(c, "before"), "value"), values[i]);
        assert_int_equal(rig_number(json_object_get(c, "after"), "value"), values[i + 1]);
        assert_string_equal(rig_word(c, "op"), "modify");
        json_t *evidence = json_object_get(c, "evidence");
        assert_true(json_number_value(json_object_get(evidence, "bits")) >=
                    json_number_value(json_object_get(evidence, "threshold_bits")));
        rig_assert_hex(evidence, "commitment", m.changes[0].evidence_root, 32);
        if (map_version_apply(&m, &map, &err) != 0)
            fail_msg("%s", err.text);
        map_version_free(&m);
    }
    assert_int_equal(map.elements[0].value, 60);
    mapset_free(&map);
    json_decref(o);
    o = rig_json(rig, 200, "/v1/map/diffs?from=2&to=3");
    assert_int_equal(json_array_size(json_object_get(o, "versions")), 1);
    assert_true(json_is_true(json_object_get(o, "more")));
    json_decref(o);
    o = rig_json(rig, 200, "/v1/map/diffs?from=4");
    assert_int_equal(json_array_size(json_object_get(o, "versions")), 0);
    json_decref(o);
}

static void diffs_come_in_four_formats(void **state) {
    (void)state;
    struct answer a;
    rig_get(rig, "/v1/map/diffs?from=1&format=geojsonseq", &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "Content-Type: application/geo+json-seq\r\n"));
    assert_true(answer_has(&a, "Wayside-Map-From: 1\r\n"));
    assert_true(answer_has(&a, "Wayside-Map-To: 4\r\n"));
    json_t *list = features(&a);
    assert_int_equal(json_array_size(list), 3);
    json_decref(list);
    answer_free(&a);
    static const char *const osc[] = {"/v1/map/diffs?from=1&format=osc",
        "/v1/map/diffs?from=1&to=2&format=osc", "/v1/map/diffs?from=4&format=osc"};
    for (size_t i = 0; i < ARRAY_LEN(osc); i++) {
        rig_get(rig, osc[i], &a);
        assert_int_equal(a.status, 200);
        assert_true(answer_has(&a, "Content-Type: application/xml; charset=utf-8\r\n"));
        buf_u8(&a.body, 0);
        assert_non_null(strstr((char *)a.body.p, "<osmChange"));
        assert_non_null(strstr((char *)a.body.p, "</osmChange>"));
        answer_free(&a);
    }
    rig_get(rig, "/v1/map/diffs?from=1&format=adiff", &a);
    assert_int_equal(a.status, 200);
    buf_u8(&a.body, 0);
    assert_non_null(strstr((char *)a.body.p, "<action type=\"modify\">"));
    answer_free(&a);
    static const struct {
        const char *target;
        size_t features;
    } tnits[] = {{"/v1/map/diffs?from=1&format=tnits", 1},
        /* one sign, three times */ {"/v1/map/diffs?from=4&format=tnits", 0}};
    for (size_t i = 0; i < ARRAY_LEN(tnits); i++) {
        rig_get(rig, tnits[i].target, &a);
        assert_int_equal(a.status, 200);
        assert_true(answer_has(&a, "Content-Type: application/xml; charset=utf-8\r\n"));
        assert_true(answer_has(&a, "Wayside-Map-To: 4\r\n"));
        assert_true(answer_has(&a, "Wayside-Map-Left-Out: 0\r\n"));
        buf_u8(&a.body, 0);
        size_t n = 0;
        for (const char *p = (char *)a.body.p; (p = strstr(p, "<RoadFeature ")) != NULL; p++)
            n++;
        assert_int_equal(n, tnits[i].features);
        assert_int_equal(strstr((char *)a.body.p, "<providerId>wayside.") != NULL, n > 0);
        answer_free(&a);
    }
}

static void diffs_refuse_by_name(void **state) {
    (void)state;
    rig_refused(rig, 400, "parameter from: missing", "/v1/map/diffs");
    rig_refused(rig, 400, "parameter from: versions begin with 1", "/v1/map/diffs?from=0");
    rig_refused(rig, 400, "parameter from: character 1", "/v1/map/diffs?from=-1");
    rig_refused(rig, 404, "no map version 5 yet; the current one is 4", "/v1/map/diffs?from=5");
    rig_refused(rig, 404, "no map version 9 yet", "/v1/map/diffs?from=1&to=9");
    rig_refused(rig, 400, "comes before from", "/v1/map/diffs?from=3&to=2");
    rig_refused(rig, 400, "parameter format: json, geojsonseq, osc, tnits or adiff",
        "/v1/map/diffs?from=1&format=xml");
    rig_refused(rig, 400, "parameter \"since\" is not known", "/v1/map/diffs?since=1");
}

/* No record of a version is there; what is asked for is gone, not nothing. */
static void a_unit_that_joined_by_snapshot_knows_its_version(void **state) {
    (void)state;
    struct store *s = store_open_memory();
    struct buf key = {0};
    uint8_t value[9] = {1, 0, 0, 0, 0, 0, 0, 0, 5};
    entry_key_put(&key, CELL_CONTRACT_MAP, span_of("v", 1));
    struct store_batch *b = store_batch_new(s);
    struct meta_pruned pruned = {.bodies_from = 11, .headers_from = 10};
    store_batch_put(b, STORE_STATE, buf_span(&key), span_of(value, sizeof(value)));
    meta_put_pruned(b, &pruned);
    assert_int_equal(store_batch_write(b, NULL), WS_OK);
    struct versions *v = versions_new(s, 0);
    struct version_ref ref;
    uint64_t current = 0;
    uint64_t lowest = 0;
    assert_int_equal(versions_refresh(v, &current, NULL), WS_OK);
    assert_int_equal(current, 5);
    versions_range(v, &lowest, &current);
    assert_int_equal(lowest, 6);
    assert_int_equal(current, 5);
    assert_int_equal(versions_find(v, 5, &ref), VERSION_ABSENT);
    struct http_reply r = {0};
    uint64_t from = 0;
    assert_false(versions_from(v, "3", &from, &current, &r));
    assert_int_equal(r.status, 410);
    buf_free(&r.body);
    memset(&r, 0, sizeof(r));
    assert_true(versions_from(v, "5", &from, &current, &r));
    versions_free(v);
    buf_free(&key);
    store_close(s);
}

/* Only the newest are had; the oldest of them says how many there were. */
static void what_is_older_than_the_bound_is_gone(void **state) {
    (void)state;
    for (uint64_t keep = 1; keep <= 4; keep++) {
        struct versions *v = versions_new(rig->face.store, keep);
        uint64_t current = 0;
        uint64_t lowest = 0;
        struct version_ref ref;
        for (int turn = 0; turn < 2; turn++) {
            assert_int_equal(versions_refresh(v, &current, NULL), WS_OK);
            versions_range(v, &lowest, &current);
            assert_int_equal(current, 4);
            assert_int_equal(lowest, keep > 3 ? 2 : 5 - keep);
            assert_int_equal(versions_find(v, 4, &ref), VERSION_HERE);
            assert_int_equal(versions_find(v, lowest, &ref), VERSION_HERE);
            assert_int_equal(versions_find(v, lowest - 1, &ref), VERSION_ABSENT);
        }
        struct http_reply r = {0};
        uint64_t from = 0;
        assert_int_equal(versions_from(v, "1", &from, &current, &r), keep >= 3);
        if (keep < 3) {
            assert_int_equal(r.status, 410);
            json_t *o = json_loadb((const char *)r.body.p, r.body.n, 0, NULL);
            assert_int_equal(rig_number(o, "oldest"), lowest);
            assert_int_equal(rig_number(o, "current"), 4);
            assert_string_equal(rig_word(o, "snapshot"), "/v1/map/snapshot");
            json_decref(o);
        }
        buf_free(&r.body);
        versions_free(v);
    }
}

/* ---- parts of it, and what leads from one version to another ---- */

static struct mapset base_map(void) {
    struct buf b = {0};
    struct mapset map;
    mapset_encode(&rig->box.town.map, &b);
    assert_int_equal(mapset_decode(buf_span(&b), &map, NULL), 0);
    buf_free(&b);
    return map;
}

static void version_root(unsigned version, uint8_t root[32]) {
    char target[64];
    struct map_version m;
    (void)snprintf(target, sizeof(target), "/v1/map/diffs?from=%u&to=%u", version - 1, version);
    json_t *o = rig_json(rig, 200, target);
    rig_assert_proof(rig, json_array_get(json_object_get(o, "versions"), 0), "proof", &m);
    memcpy(root, m.root, 32);
    map_version_free(&m);
    json_decref(o);
}

/* Forwards, backwards, and again: each version's tile leads to the root that was signed. */
static void a_tile_holds_at_every_version(void **state) {
    (void)state;
    static const unsigned turns[] = {2, 3, 4, 4, 2, 1, 3};
    static const int32_t values[] = {50, 30, 80, 60};
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        char target[64];
        struct answer a;
        struct tile_file f;
        struct ws_err err = {0};
        uint8_t root[32];
        unsigned v = turns[i];
        (void)snprintf(target, sizeof(target), "/v1/map/tiles?version=%u", v);
        json_t *o = rig_json(rig, 200, target);
        json_t *t = json_array_get(json_object_get(o, "tiles"), 0);
        assert_int_equal(json_array_size(json_object_get(o, "tiles")), 1);
        assert_int_equal(rig_number(o, "version"), v);
        assert_int_equal(rig_number(t, "elements"), 1);
        (void)snprintf(target, sizeof(target), "/v1/map/tiles/%lld?version=%u",
            (long long)rig_number(t, "id"), v);
        rig_get(rig, target, &a);
        assert_int_equal(a.status, 200);
        assert_true(answer_has(&a, "Content-Type: application/octet-stream\r\n"));
        if (tile_file_decode(buf_span(&a.body), &f, &err) != WS_OK)
            fail_msg("%s", err.text);
        assert_int_equal(f.version, v);
        assert_int_equal(f.n, 1);
        assert_int_equal(f.elements[0].value, values[v - 1]);
        rig_assert_hex(o, "root", f.root, 32);
        if (v > 1) {
            version_root(v, root);
            assert_memory_equal(root, f.root, 32);
        }
        assert_int_equal(tile_file_places(&f, &rig->box.town.map.frame, &err), WS_OK);
        tile_file_free(&f);
        answer_free(&a);
        json_decref(o);
    }
    rig_refused(rig, 404, "has nothing in tile 5", "/v1/map/tiles/5");
    rig_refused(rig, 404, "no map version 9", "/v1/map/tiles/5?version=9");
    rig_refused(rig, 400, "tile", "/v1/map/tiles/x");
    rig_refused(rig, 400, "tile", "/v1/map/tiles/4294967296");
}

static void a_snapshot_says_which_version_comes_next(void **state) {
    (void)state;
    static const int32_t values[] = {50, 30, 80, 60};
    for (unsigned v = 1; v <= 4; v++) {
        char target[64];
        struct answer a;
        struct map_snapshot s;
        struct ws_err err = {0};
        (void)snprintf(target, sizeof(target), "/v1/map/snapshot?version=%u", v);
        rig_get(rig, target, &a);
        assert_int_equal(a.status, 200);
        if (map_snapshot_decode(buf_span(&a.body), &s, &err) != WS_OK)
            fail_msg("%s", err.text);
        answer_free(&a);
        assert_int_equal(s.version, v);
        assert_int_equal(s.map.elements[0].value, values[v - 1]);
        assert_memory_equal(s.cell_id, rig->face.cell_id, 32);
        if (v < 4) {
            struct map_version m;
            (void)snprintf(target, sizeof(target), "/v1/map/diffs?from=%u&to=%u", v, v + 1);
            json_t *o = rig_json(rig, 200, target);
            rig_assert_proof(rig, json_array_get(json_object_get(o, "versions"), 0), "proof", &m);
            assert_memory_equal(m.previous_record, s.record, 32);
            assert_int_equal(map_version_apply(&m, &s.map, &err), WS_OK);
            map_version_free(&m);
            json_decref(o);
        }
        mapset_free(&s.map);
    }
    struct answer a;
    rig_get(rig, "/v1/map/snapshot", &a);
    assert_true(answer_has(&a, "Wayside-Map-Version: 4\r\n"));
    answer_free(&a);
    rig_refused(rig, 404, "no map version 0", "/v1/map/snapshot?version=0");
}

static void a_net_leads_from_one_version_to_another(void **state) {
    (void)state;
    static const int32_t values[] = {50, 30, 80, 60};
    struct mapset map = base_map();
    struct answer a;
    struct map_range n;
    struct ws_err err = {0};
    rig_get(rig, "/v1/map/net?from=1&format=octets", &a);
    assert_int_equal(a.status, 200);
    if (map_range_decode(buf_span(&a.body), &n, &err) != WS_OK)
        fail_msg("%s", err.text);
    answer_free(&a);
    assert_int_equal(n.from, 1);
    assert_int_equal(n.to, 4);
    assert_int_equal(n.n, 1);
    uint8_t root[32];
    version_root(4, root);
    assert_memory_equal(root, n.root, 32);
    assert_int_equal(map_range_apply(&n, &map, &err), WS_OK);
    assert_int_equal(map.elements[0].value, 60);
    map_range_free(&n);
    mapset_free(&map);
    for (unsigned from = 1; from < 4; from++) {
        for (unsigned to = from + 1; to <= 4; to++) {
            char target[64];
            (void)snprintf(target, sizeof(target), "/v1/map/net?from=%u&to=%u", from, to);
            json_t *o = rig_json(rig, 200, target);
            json_t *c = json_array_get(json_object_get(o, "changes"), 0);
            assert_int_equal(rig_number(o, "to"), to);
            assert_int_equal(rig_number(o, "current"), 4);
            assert_string_equal(rig_word(c, "op"), "modify");
            assert_int_equal(rig_number(json_object_get(c, "before"), "value"), values[from - 1]);
            assert_int_equal(rig_number(json_object_get(c, "after"), "value"), values[to - 1]);
            assert_int_equal(rig_number(c, "first_version"), from + 1);
            assert_int_equal(rig_number(c, "last_version"), to);
            json_decref(o);
        }
    }
    rig_refused(rig, 400, "parameter from: missing", "/v1/map/net");
    rig_refused(rig, 404, "nothing lies between", "/v1/map/net?from=4");
    rig_refused(rig, 400, "nothing lies between", "/v1/map/net?from=3&to=3");
    rig_refused(rig, 400, "nothing lies between", "/v1/map/net?from=3&to=2");
    rig_refused(rig, 404, "no map version 7", "/v1/map/net?from=3&to=7");
    rig_refused(rig, 400, "format: json or octets", "/v1/map/net?from=3&format=osc");
}

/* ---- what receivers answered ---- */

static void answers_of_receivers_are_shown(void **state) {
    (void)state;
    struct feedback *f = NULL;
    struct ws_err err = {0};
    struct buf xml = {0};
    char dir[128];
    char cell[17];
    char element[33];
    char target[128];
    uint64_t number = 0;
    (void)snprintf(dir, sizeof(dir), "%s/feedback", rig->dir);
    hex_encode(cell, rig->face.cell_id, 8);
    hex_encode(element, rig->box.town.map.elements[0].id, 16);
    json_t *o = rig_json(rig, 200, "/v1/map/feedback");
    assert_int_equal(json_array_size(json_object_get(o, "feedback")), 0);
    json_decref(o);
    assert_int_equal(feedback_open(dir, rig->face.cell_id, &f, &err), WS_OK);
    rig->face.feedback = f;
    buf_printf(&xml,
        "<FeedbackDataset><feedbackInfo><FeedbackInformation><datasetIdentifier>wayside.%s/2-3"
        "</datasetIdentifier><processed>noon</"
        "processed><log><FeedbackLog><events><RoadFeatureEvent>"
        "<featureId><RoadFeatureId><providerId>wayside.%s</providerId><id>%s</id></RoadFeatureId>"
        "</featureId><eventCode href='c/decodeLocationError'/></RoadFeatureEvent></events>"
        "<events><FreeTextEvent><text>no road there</text></FreeTextEvent></events>"
        "</FeedbackLog></log></FeedbackInformation></feedbackInfo></FeedbackDataset>",
        cell, cell, element);
    if (feedback_add(f, buf_span(&xml), UINT64_C(704707205000000), &number, &err) != WS_OK)
        fail_msg("%s", err.text);
    o = rig_json(rig, 200, "/v1/map/feedback");
    json_t *one = json_array_get(json_object_get(o, "feedback"), 0);
    assert_int_equal(rig_number(one, "id"), number);
    assert_int_equal(rig_number(one, "from"), 2);
    assert_int_equal(rig_number(one, "to"), 3);
    assert_int_equal(rig_number(one, "failure"), 1);
    assert_int_equal(rig_number(one, "success"), 0);
    assert_string_equal(rig_word(one, "received"), "2026-05-01T08:00:00.000Z");
    json_t *e = json_array_get(json_object_get(one, "events"), 0);
    assert_string_equal(rig_word(e, "element"), element);
    assert_string_equal(rig_word(e, "code"), "decodeLocationError");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(one, "texts"), 0)), "no road there");
    json_decref(o);
    o = rig_json(rig, 200, "/v1/map/feedback/1");
    assert_int_equal(rig_number(o, "events_all"), 2);
    json_decref(o);
    rig_refused(rig, 404, "no feedback 2", "/v1/map/feedback/2");
    rig_refused(rig, 400, "feedback", "/v1/map/feedback/x");
    /* At the change that the data set held, and at no other. */
    o = rig_json(rig, 200, "/v1/map/diffs?from=1");
    for (size_t i = 0; i < 3; i++) {
        json_t *v = json_array_get(json_object_get(o, "versions"), i);
        json_t *c = json_array_get(json_object_get(v, "changes"), 0);
        (void)snprintf(target, sizeof(target), "/v1/map/changes/%s", rig_word(c, "id"));
        json_t *change = rig_json(rig, 200, target);
        json_t *about = json_object_get(change, "feedback");
        assert_int_equal(json_array_size(about), i == 1 ? 1 : 0);
        if (i == 1)
            assert_string_equal(rig_word(json_array_get(about, 0), "code"), "decodeLocationError");
        json_decref(change);
    }
    json_decref(o);
    rig->face.feedback = NULL;
    feedback_close(f);
    buf_free(&xml);
    (void)snprintf(target, sizeof(target), "%s/000001-704707205000000.xml", dir);
    assert_int_equal(unlink(target), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_that_joined_by_snapshot_knows_its_version),
        cmocka_unit_test(the_map_is_there_at_every_version),
        cmocka_unit_test(versions_are_listed),
        cmocka_unit_test(diffs_lead_from_the_base_map_to_the_current_one),
        cmocka_unit_test(diffs_come_in_four_formats),
        cmocka_unit_test(diffs_refuse_by_name),
        cmocka_unit_test(answers_of_receivers_are_shown),
        cmocka_unit_test(what_is_older_than_the_bound_is_gone),
        cmocka_unit_test(a_tile_holds_at_every_version),
        cmocka_unit_test(a_snapshot_says_which_version_comes_next),
        cmocka_unit_test(a_net_leads_from_one_version_to_another),
    };
    return cmocka_run_group_tests(tests, open_shared, close_shared);
}
