/* Every endpoint of the HTTP face over a real cell, with proofs checked as a consumer would. */
#include "tests/unit/rsu/http_rig.h"

#include "base/fileio.h"
#include "ledger/exec/hash.h"
#include "mapsvc/model/element.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
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

/* ---- status, health, metrics ---- */

static void status_tells_the_whole_unit(void **state) {
    (void)state;
    json_t *o = rig_json(rig, 200, "/v1/status");
    rig_assert_hex(json_object_get(o, "cell"), "id", rig->face.cell_id, 32);
    assert_string_equal(rig_word(json_object_get(o, "cell"), "name"), "test town");
    assert_int_equal(rig_number(o, "height"), rig_height(rig));
    assert_int_equal(rig_number(o, "map_version"), 4);
    assert_int_equal(rig_number(json_object_get(o, "map"), "published"), 4);
    assert_int_equal(rig_number(o, "frames"), 2000);
    assert_true(json_is_true(json_object_get(o, "capture_finished")));
    assert_true(json_is_true(json_object_get(o, "healthy")));
    assert_string_equal(rig_word(json_object_get(o, "policy"), "name"), "urban");
    assert_int_equal(rig_number(json_object_get(o, "policy"), "sequence"), 0);
    json_t *port = json_array_get(json_object_get(o, "ports"), 1);
    assert_string_equal(rig_word(port, "interface"), "eth\"0");
    assert_int_equal(rig_number(json_object_get(port, "verdicts"), "verified"), 1);
    assert_int_equal(rig_number(port, "kernel_ring"), 3);
    assert_int_equal(rig_number(json_object_get(o, "admission"), "beacon"), 900);
    json_t *map = json_object_get(json_object_get(o, "transactions"), "map");
    assert_int_equal(rig_number(map, "nothing_new"), 5);
    /* 1..200 ms: ranks 100 and 198. */
    assert_int_equal(rig_number(json_object_get(o, "commit_latency_ms"), "p50"), 100);
    assert_int_equal(rig_number(json_object_get(o, "commit_latency_ms"), "p99"), 198);
    json_t *peers = json_object_get(o, "validators");
    assert_int_equal(json_array_size(peers), RIG_VALIDATORS);
    for (size_t i = 0; i < RIG_VALIDATORS; i++) {
        json_t *v = json_array_get(peers, i);
        assert_string_equal(rig_word(v, "state"), "voting");
        assert_true(i == 0 || json_is_true(json_object_get(v, "clock_agrees")));
        rig_assert_hex(v, "link_key", rig->face.genesis->validators.v[i].curve_key, 32);
        rig_assert_hex(v, "address", rig->face.genesis->validators.v[i].address, 32);
    }
    assert_int_equal(json_array_size(json_object_get(o, "followers")), 0);
    assert_int_equal(json_array_size(json_object_get(o, "jailed")), 0);
    assert_true(json_is_true(json_object_get(json_object_get(o, "consensus"), "clock_agrees")));
    json_decref(o);
}

static void healthy_cells_say_ok(void **state) {
    (void)state;
    struct answer a;
    rig_get(rig, "/healthz", &a);
    assert_int_equal(a.status, 200);
    assert_memory_equal(a.body.p, "ok\n", 3);
    answer_free(&a);
    atomic_store(&rig->capture_failed, true);
    rig_get(rig, "/healthz", &a);
    atomic_store(&rig->capture_failed, false);
    buf_u8(&a.body, 0);
    assert_int_equal(a.status, 503);
    assert_string_equal((char *)a.body.p, "Port 0 stopped: drive.pcap: frame 9 is torn\n");
    answer_free(&a);
}

static void silent_cells_and_deaf_owners_are_not_healthy(void **state) {
    (void)state;
    struct rig *r = ws_alloc(sizeof(*r));
    rig_open(r, &(struct rig_options){.asleep_us = 120000000, .ask_ms = 1500});
    rig_step(r, 2000000);
    struct answer a;
    rig_get(r, "/healthz", &a);
    buf_u8(&a.body, 0);
    assert_int_equal(a.status, 503);
    assert_non_null(strstr((char *)a.body.p, "No block for 1"));
    assert_non_null(
        strstr((char *)a.body.p, "1 of 2 validators are heard, which is no quorum. Silent: "));
    answer_free(&a);
    json_t *o = rig_json(r, 200, "/v1/status");
    assert_string_equal(
        rig_word(json_array_get(json_object_get(o, "validators"), 0), "state"), "voting");
    assert_string_equal(
        rig_word(json_array_get(json_object_get(o, "validators"), 1), "state"), "silent");
    json_decref(o);
    atomic_store(&r->deaf, true);
    rig_get(r, "/healthz", &a);
    buf_u8(&a.body, 0);
    assert_int_equal(a.status, 503);
    assert_string_equal((char *)a.body.p, "The ledger thread does not answer.\n");
    answer_free(&a);
    static const char *const asking[] = {
        "/v1/status", "/v1/policies", "/metrics", "/v1/proofs/state/map/76"};
    for (size_t i = 0; i < ARRAY_LEN(asking); i++)
        rig_refused(r, 503, "busy", asking[i]);
    /* The map is none of its business. */
    static const char *const reading[] = {"/v1/map", "/v1/map/snapshot", "/v1/map/tiles",
        "/v1/map/versions", "/v1/map/diffs?from=1", "/v1/map/diffs?from=1&format=osc",
        "/v1/map/diffs?from=1&format=adiff"};
    for (size_t i = 0; i < ARRAY_LEN(reading); i++) {
        rig_get(r, reading[i], &a);
        assert_int_equal(a.status, 200);
        answer_free(&a);
    }
    atomic_store(&r->deaf, false);
    o = rig_json(r, 200, "/v1/policies");
    json_decref(o);
    rig_close(r);
    free(r);
}

/* The text format's grammar, line by line: a family's HELP, TYPE, then its samples, never split. */
static void check_metrics(const char *text) {
    char family[96] = "";
    char seen[400][96];
    size_t n_seen = 0;
    for (const char *line = text; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        assert_int_equal(line[n], '\n');
        if (strncmp(line, "# HELP ", 7) == 0) {
            size_t name = strcspn(line + 7, " ");
            assert_true(name < sizeof(family) && n > 8 + name);
            memcpy(family, line + 7, name);
            family[name] = '\0';
            for (size_t i = 0; i < n_seen; i++)
                assert_string_not_equal(seen[i], family);
            assert_true(n_seen < ARRAY_LEN(seen));
            memcpy(seen[n_seen++], family, name + 1);
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_memory_equal(line + 7, family, strlen(family));
            const char *type = line + 7 + strlen(family) + 1;
            bool counter = strncmp(type, "counter\n", 8) == 0;
            assert_true(counter || strncmp(type, "gauge\n", 6) == 0);
            size_t end = strlen(family);
            assert_int_equal(counter, end > 6 && strcmp(family + end - 6, "_total") == 0);
        } else {
            assert_memory_equal(line, family, strlen(family));
            assert_true(line[strlen(family)] == ' ' || line[strlen(family)] == '{');
            char *end = NULL;
            const char *value = line + n;
            while (value[-1] != ' ')
                value--;
            (void)strtod(value, &end);
            assert_ptr_equal(end, line + n);
        }
        line += n + 1;
    }
    assert_true(n_seen > 50);
}

static void metrics_are_whole_and_well_formed(void **state) {
    (void)state;
    struct answer a;
    rig_get(rig, "/metrics", &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    buf_u8(&a.body, 0);
    const char *text = (const char *)a.body.p;
    check_metrics(text);
    for (int v = 0; v < PKT_VERDICT_COUNT; v++) {
        char line[160];
        (void)snprintf(line, sizeof(line), "\nwayside_frames_total{port=\"1\",verdict=\"%s\"} %d\n",
            pkt_verdict_name((enum pkt_verdict)v), v + 1);
        assert_non_null(strstr(text, line));
    }
    assert_non_null(strstr(text, "\nwayside_port_kernel_ring_drops_total{port=\"0\"} 3\n"));
    assert_non_null(strstr(text, "\nwayside_port_missed_total{port=\"0\"} 2\n"));
    assert_non_null(
        strstr(text, "\nwayside_port_table_entries_max{port=\"1\",table=\"certificates\"} 64\n"));
    assert_non_null(strstr(
        text, "\nwayside_verify_answered_total{port=\"0\",worker=\"0\",tier=\"full\"} 900\n"));
    assert_non_null(
        strstr(text, "\nwayside_verify_backend{port=\"1\",worker=\"0\",backend=\"portable\"} 1\n"));
    assert_non_null(strstr(text, "\nwayside_record_frames_total 0\n"));
    assert_non_null(strstr(text, "\nwayside_admission_total{outcome=\"taken\"} 24\n"));
    assert_non_null(
        strstr(text, "\nwayside_results_total{contract=\"map\",result=\"nothing_new\"} 5\n"));
    assert_non_null(strstr(text, "\nwayside_commit_latency_p50_seconds 0.100000\n"));
    assert_non_null(strstr(text, "\nwayside_map_version 4\n"));
    assert_non_null(strstr(text, "\nwayside_tx_refused_total{reason=\"stale\"} 0\n"));
    assert_non_null(strstr(text, "\nwayside_node_drops_total{reason=\"malformed\"} 0\n"));
    assert_non_null(strstr(text, "\nwayside_healthy 1\n"));
    assert_non_null(strstr(text, "\nwayside_link_sent_total 11\n"));
    answer_free(&a);
}

/* ---- what is written about it ---- */

static char *read_text(const char *path) {
    struct buf b = {0};
    struct ws_err err = {0};
    if (file_read(path, 1 << 20, &b, &err) != 0)
        fail_msg("%s", err.text);
    buf_u8(&b, 0);
    return (char *)b.p;
}

/* Every word of ours in `text` that looks like a metric is the name of a family. */
static void assert_metrics_exist(const char *path, const char *metrics) {
    char *text = read_text(path);
    static const char *const starts[] = {"wayside_", "process_"};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        for (const char *at = text; (at = strstr(at, starts[i])) != NULL; n++) {
            char line[160];
            size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
            (void)snprintf(line, sizeof(line), "# HELP %.*s ", (int)length, at);
            if (strstr(metrics, line) == NULL)
                fail_msg("%s: there is no metric %.*s", path, (int)length, at);
            at += length;
        }
    }
    assert_true(n > 8);
    free(text);
}

static void pages_name_what_there_is(void **state) {
    (void)state;
    struct answer a;
    rig_get(rig, "/metrics", &a);
    buf_u8(&a.body, 0);
    const char *metrics = (const char *)a.body.p;
    assert_metrics_exist("docs/metrics.md", metrics);
    assert_metrics_exist("configs/dashboards/wayside-cell.json", metrics);
    assert_metrics_exist("configs/dashboards/wayside-alarms.yaml", metrics);
    char *page = read_text("docs/metrics.md");
    for (const char *at = metrics; (at = strstr(at, "# TYPE ")) != NULL;) {
        at += 7;
        size_t name = strcspn(at, " ");
        size_t type = strcspn(at + name + 1, "\n");
        char row[160];
        (void)snprintf(
            row, sizeof(row), "\n| `%.*s` | %.*s |", (int)name, at, (int)type, at + name + 1);
        if (strstr(page, row) == NULL)
            fail_msg("docs/metrics.md does not list %.*s", (int)name, at);
    }
    free(page);
    answer_free(&a);
}

/* docs/openapi.yaml has each path that is served, and no other. */
static void the_description_has_each_path(void **state) {
    (void)state;
    char *text = read_text("docs/openapi.yaml");
    size_t described = 0;
    for (const char *at = text; (at = strstr(at, "\n  /")) != NULL; at++)
        described++;
    size_t n = 0;
    for (const char *path; (path = http_route(n)) != NULL; n++) {
        bool found = false;
        for (const char *at = text; !found && (at = strstr(at, "\n  /")) != NULL;) {
            at += 3;
            const char *want = path;
            const char *have = at;
            while (*want != '\0' && (*want == *have || (*want == '*' && *have == '{'))) {
                have += *want == '*' ? strcspn(have, "}") + 1 : 1;
                want++;
            }
            found = *want == '\0' && *have == ':';
        }
        if (!found)
            fail_msg("docs/openapi.yaml does not have %s", path);
    }
    assert_int_equal(n, described);
    free(text);
}

/* ---- blocks and transactions ---- */

static void blocks_name_their_signers_and_transactions(void **state) {
    (void)state;
    uint64_t top = rig_height(rig);
    size_t txs = 0;
    size_t events = 0;
    char target[160];
    for (uint64_t h = 1; h <= top; h++) {
        (void)snprintf(target, sizeof(target), "/v1/blocks/%" PRIu64, h);
        json_t *o = rig_json(rig, 200, target);
        json_t *hd = json_object_get(o, "header");
        assert_int_equal(rig_number(hd, "height"), h);
        struct header want;
        hash32 id;
        assert_int_equal(query_header(rig->face.store, h, &want, NULL), 0);
        header_id(exec_sha256, &want, id);
        rig_assert_hex(hd, "id", id, 32);
        json_t *commit = json_object_get(o, "commit");
        assert_int_equal(
            json_array_size(json_object_get(commit, "signers")), rig_number(commit, "power"));
        json_t *list = json_object_get(o, "transactions");
        assert_int_equal(json_array_size(list), rig_number(hd, "tx_count"));
        struct buf raw = test_unhex(rig_word(json_object_get(o, "encoding"), "header"));
        struct rd rd = rd_of(buf_span(&raw));
        struct header again;
        assert_true(header_read(&rd, &again) && rd_done(&rd));
        buf_free(&raw);
        for (size_t i = 0; i < json_array_size(list); i++, txs++) {
            json_t *t = json_array_get(list, i);
            (void)snprintf(target, sizeof(target), "/v1/tx/%s", rig_word(t, "identity"));
            json_t *alone = rig_json(rig, 200, target);
            assert_int_equal(rig_number(alone, "height"), h);
            assert_int_equal(rig_number(alone, "index"), i);
            assert_string_equal(rig_word(alone, "kind"), rig_word(t, "kind"));
            assert_string_equal(rig_word(alone, "result"), rig_word(t, "result"));
            assert_string_equal(rig_word(alone, "contract"),
                strcmp(rig_word(t, "kind"), "certificate") == 0 ? "identity" : "map");
            /* A vehicle's octets stay out of the page. */
            assert_null(json_object_get(alone, "payload"));
            json_decref(alone);
        }
        events += json_array_size(json_object_get(o, "events"));
        json_decref(o);
    }
    assert_true(txs > 30);
    assert_true(events >= 3);
    rig_refused(rig, 404, "is not here", "/v1/blocks/999999");
    rig_refused(rig, 404, "is not here", "/v1/blocks/0");
    rig_refused(rig, 400, "height: character 3", "/v1/blocks/12x");
    rig_refused(rig, 400, "height: character 1", "/v1/blocks/-1");
    rig_refused(rig, 400, "height: larger than", "/v1/blocks/18446744073709551617");
    rig_refused(rig, 400, "identity: character 2", "/v1/tx/0g");
    rig_refused(rig, 400, "identity: 3 hex digits", "/v1/tx/abc");
    rig_refused(rig, 400, "it has 32", "/v1/tx/abcd");
    rig_refused(rig, 404, "no final transaction",
        "/v1/tx/0000000000000000000000000000000000000000000000000000000000000000");
}

/* ---- proofs ---- */

static void headers_come_with_all_that_checks_them(void **state) {
    (void)state;
    uint64_t top = rig_height(rig);
    struct light_trust *t = ws_alloc(sizeof(*t));
    const struct light_params p = {.every_signature = true};
    assert_int_equal(light_trust_genesis(exec_sha256, buf_span(&rig->box.genesis), t, NULL), WS_OK);
    for (uint64_t h = 1; h <= top; h++) {
        char target[64];
        (void)snprintf(target, sizeof(target), "/v1/headers/%" PRIu64, h);
        json_t *o = rig_json(rig, 200, target);
        json_t *encoding = json_object_get(o, "encoding");
        struct buf header = test_unhex(rig_word(encoding, "header"));
        struct buf commit = test_unhex(rig_word(encoding, "commit"));
        struct buf set = test_unhex(rig_word(encoding, "validators"));
        struct header hd;
        struct commit c;
        struct validator_set s;
        struct rd r = rd_of(buf_span(&header));
        assert_true(header_read(&r, &hd) && rd_done(&r));
        r = rd_of(buf_span(&commit));
        assert_true(commit_read(&r, &c) && rd_done(&r));
        assert_int_equal(valset_decode(exec_sha256, buf_span(&set), &s, NULL), WS_OK);
        assert_int_equal(light_advance(&exec_light_crypto, &p, t, &hd, &c, &s, 0, NULL), LIGHT_OK);
        buf_free(&header);
        buf_free(&commit);
        buf_free(&set);
        json_decref(o);
    }
    free(t);
    json_t *none = rig_json(rig, 200, "/v1/handovers?from=1");
    assert_int_equal(json_array_size(json_object_get(none, "handovers")), 0);
    assert_true(json_is_false(json_object_get(none, "more")));
    assert_true(json_is_false(json_object_get(none, "forgotten")));
    json_decref(none);
    rig_refused(rig, 404, "not here", "/v1/headers/4000000");
    rig_refused(rig, 400, "height: character 1", "/v1/headers/x");
    rig_refused(rig, 400, "from: character 1", "/v1/handovers?from=x");
}

static void events_come_with_proofs(void **state) {
    (void)state;
    for (unsigned v = 2; v <= 4; v++) {
        char target[96];
        (void)snprintf(target, sizeof(target), "/v1/proofs/map/%u", v);
        json_t *o = rig_json(rig, 200, target);
        struct map_version m;
        rig_assert_proof(rig, o, "bundle", &m);
        assert_int_equal(m.version, v);
        json_t *summary = json_object_get(o, "summary");
        assert_int_equal(rig_number(summary, "height"), m.height);
        assert_int_equal(rig_number(json_object_get(summary, "header"), "height"), m.height + 1);
        (void)snprintf(target, sizeof(target), "/v1/proofs/event/%" PRIu64 "/%" JSON_INTEGER_FORMAT,
            m.height, rig_number(summary, "sequence"));
        json_t *same = rig_json(rig, 200, target);
        assert_string_equal(rig_word(same, "bundle"), rig_word(o, "bundle"));
        assert_string_equal(rig_word(same, "contract"), "map");
        map_version_free(&m);
        json_decref(same);
        json_decref(o);
    }
    json_t *fewer =
        rig_json(rig, 200, "/v1/proofs/map/2?trusted=1"); /* no committee changed: the same */
    json_t *all = rig_json(rig, 200, "/v1/proofs/map/2");
    assert_string_equal(rig_word(fewer, "bundle"), rig_word(all, "bundle"));
    json_decref(fewer);
    json_decref(all);
    rig_refused(rig, 400, "trusted: character 1", "/v1/proofs/map/2?trusted=x");
    rig_refused(rig, 404, "base map", "/v1/proofs/map/1");
    rig_refused(rig, 404, "the current one is 4", "/v1/proofs/map/5");
    rig_refused(rig, 400, "version: character 1", "/v1/proofs/map/x");
    rig_refused(rig, 404, "no event 7 at height 1", "/v1/proofs/event/1/7");
    rig_refused(rig, 400, "sequence: larger", "/v1/proofs/event/1/4294967296");
    rig_refused(rig, 404, "nothing is served", "/v1/proofs/event/1");
}

static void state_comes_with_proofs_of_presence_and_absence(void **state) {
    (void)state;
    char key[2 * 17 + 1];
    uint8_t raw[17] = {'e'};
    memcpy(raw + 1, rig->box.town.sign->id, 16);
    hex_encode(key, raw, sizeof(raw));
    char target[96];
    (void)snprintf(target, sizeof(target), "/v1/proofs/state/map/%s", key);
    for (int absent = 0; absent < 2; absent++) {
        json_t *o = rig_json(rig, 200, target);
        struct buf bundle = test_unhex(rig_word(o, "bundle"));
        struct state_bundle *p = ws_alloc(sizeof(*p));
        struct ws_err err = {0};
        assert_int_equal(state_bundle_decode(buf_span(&bundle), p, &err), 0);
        if (light_check_state(&exec_light_crypto, buf_span(&rig->box.genesis), p, &err) != 0)
            fail_msg("%s", err.text);
        assert_int_equal(p->present, !absent);
        json_t *summary = json_object_get(o, "summary");
        assert_int_equal(json_is_true(json_object_get(summary, "present")), !absent);
        free(p);
        buf_free(&bundle);
        json_decref(o);
        (void)snprintf(target, sizeof(target), "/v1/proofs/state/map/65ffff");
    }
    rig_refused(rig, 404, "no contract \"roads\"", "/v1/proofs/state/roads/00");
    rig_refused(rig, 400, "key: character 1", "/v1/proofs/state/map/zz");
    rig_refused(rig, 400, "key: 3 hex digits", "/v1/proofs/state/map/abc");
    char longest[400] = "/v1/proofs/state/map/";
    memset(longest + strlen(longest), 'a', 258);
    rig_refused(rig, 400, "at most 128", longest);
}

static void nothing_is_provable_before_the_next_header(void **state) {
    (void)state;
    struct rig *r = ws_alloc(sizeof(*r));
    rig_open(r, &(struct rig_options){0});
    rig_refused(r, 409, "no block yet", "/v1/proofs/state/map/76");
    json_t *o = rig_json(r, 200, "/v1/status");
    assert_true(json_is_null(json_object_get(o, "block")));
    assert_int_equal(rig_number(o, "height"), 0);
    json_decref(o);
    o = rig_json(r, 200, "/v1/map/versions");
    assert_int_equal(rig_number(o, "current"), 1);
    assert_int_equal(json_array_size(json_object_get(o, "versions")), 0);
    json_decref(o);
    o = rig_json(r, 200, "/v1/map/diffs?from=1");
    assert_int_equal(json_array_size(json_object_get(o, "versions")), 0);
    json_decref(o);
    rig_close(r);
    free(r);
}

/* ---- policies ---- */

static void the_policy_is_shown_with_units(void **state) {
    (void)state;
    json_t *o = rig_json(rig, 200, "/v1/policies");
    json_t *p = json_object_get(o, "current");
    const struct policy_schema *schema = cell_policy_schema();
    assert_string_equal(rig_word(p, "name"), "urban");
    rig_assert_hex(p, "hash", policy_contract_hash(rig->face.cell.policy), 32);
    json_t *table = json_object_get(p, "table");
    assert_int_equal(json_array_size(table), schema->n);
    const int64_t *values = policy_contract_values(rig->face.cell.policy, NULL);
    for (size_t i = 0; i < schema->n; i++) {
        json_t *f = json_array_get(table, i);
        assert_string_equal(rig_word(f, "field"), schema->fields[i]->name);
        assert_string_equal(rig_word(f, "unit"), schema->fields[i]->unit);
        assert_int_equal(rig_number(f, "value"), values[i]);
    }
    struct span script = founding_policy_script();
    assert_int_equal(strlen(rig_word(p, "script")), script.n);
    assert_memory_equal(rig_word(p, "script"), script.p, script.n);
    json_decref(o);
}

/* ---- randomness: the rig's cell has no members, so it waits for a key ---- */

static void randomness_waits(void **state) {
    (void)state;
    json_t *o = rig_json(rig, 200, "/v1/beacon");
    assert_string_equal(rig_word(o, "phase"), "registering");
    assert_int_equal(rig_number(o, "members"), rig->face.genesis->validators.n);
    assert_true(json_is_null(json_object_get(o, "key")));
    const uint64_t height = (uint64_t)rig_number(o, "height");
    assert_true(height > 0);
    json_decref(o);
    o = rig_json(rig, 200, "/v1/beacon/1000000");
    assert_string_equal(rig_word(o, "state"), "pending");
    assert_true(json_is_null(json_object_get(o, "randomness")));
    json_decref(o);
    rig_refused(rig, 400, "height", "/v1/beacon/x");
    rig_refused(rig, 404, "older", "/v1/beacon/0");
}

/* ---- HEAD, where it listens ---- */

static void head_gives_headers_only(void **state) {
    (void)state;
    static const char *const paths[] = {"/v1/status", "/v1/map", "/v1/map/stream", "/metrics"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct buf rq = {0};
        struct answer a;
        buf_printf(&rq, "HEAD %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", paths[i]);
        rig_exchange(rig, buf_span(&rq), &a);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.body.n, 0);
        answer_free(&a);
        buf_free(&rq);
    }
}

static void connections_are_kept_for_the_next_question(void **state) {
    (void)state;
    struct answer a;
    static const char two[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    rig_exchange(rig, span_of(two, sizeof(two) - 1), &a);
    buf_u8(&a.body, 0);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr((char *)a.body.p, "HTTP/1.1 200 OK"));
    answer_free(&a);
}

static void sockets_are_of_the_right_kind(void **state) {
    (void)state;
    struct stat st;
    assert_int_equal(stat(rig->http->unix_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    struct http_config cfg = {
        .listen = rig->listen, .connections = 4, .waiting = 4, .octets = 1 << 20};
    struct http *second = NULL;
    struct ws_err err = {0};
    assert_int_equal(http_start(&cfg, &rig->face, &second, &err), WS_EEXIST);
    assert_non_null(strstr(err.text, "another process listens there"));
    static const char *const bad[] = {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
        "localhost:80", "[::1:80", "::1:80", "[::1]", "127.0.0.1:8x", "unix:", "tcp:127.0.0.1:80"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cfg.listen = bad[i];
        assert_int_equal(http_start(&cfg, &rig->face, &second, &err), WS_EINPUT);
    }
    struct rig *r = ws_alloc(sizeof(*r));
    rig_open(r, &(struct rig_options){.tcp = true});
    json_t *o = rig_json(r, 200, "/v1/status");
    json_decref(o);
    rig_close(r);
    free(r);
}

static void stale_sockets_are_replaced_other_files_are_not(void **state) {
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/stale", rig->dir);
    char listen_on[160];
    (void)snprintf(listen_on, sizeof(listen_on), "unix:%s", path);
    int fd = -1;
    char *name = NULL;
    unsigned port = 0;
    struct ws_err err = {0};
    assert_int_equal(http_listen(listen_on, &fd, &name, &port, &err), 0);
    (void)close(fd); /* as after a kill: the file is left */
    free(name);
    assert_int_equal(http_listen(listen_on, &fd, &name, &port, &err), 0);
    (void)close(fd);
    free(name);
    assert_int_equal(unlink(path), 0);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    (void)fclose(f);
    assert_int_equal(http_listen(listen_on, &fd, &name, &port, &err), WS_EEXIST);
    assert_int_equal(unlink(path), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_tells_the_whole_unit),
        cmocka_unit_test(healthy_cells_say_ok),
        cmocka_unit_test(silent_cells_and_deaf_owners_are_not_healthy),
        cmocka_unit_test(metrics_are_whole_and_well_formed),
        cmocka_unit_test(pages_name_what_there_is),
        cmocka_unit_test(the_description_has_each_path),
        cmocka_unit_test(blocks_name_their_signers_and_transactions),
        cmocka_unit_test(headers_come_with_all_that_checks_them),
        cmocka_unit_test(events_come_with_proofs),
        cmocka_unit_test(state_comes_with_proofs_of_presence_and_absence),
        cmocka_unit_test(nothing_is_provable_before_the_next_header),
        cmocka_unit_test(the_policy_is_shown_with_units),
        cmocka_unit_test(randomness_waits),
        cmocka_unit_test(head_gives_headers_only),
        cmocka_unit_test(connections_are_kept_for_the_next_question),
        cmocka_unit_test(sockets_are_of_the_right_kind),
        cmocka_unit_test(stale_sockets_are_replaced_other_files_are_not),
    };
    return cmocka_run_group_tests(tests, open_shared, close_shared);
}
