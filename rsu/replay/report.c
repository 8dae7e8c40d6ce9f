/* What replay leaves behind: tables, diffs, proofs, a report for programs and one for people. */
#include "rsu/replay/internal.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/node/query.h"
#include "mapsvc/formats/export.h"
#include "rsu/cell/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

static int put_file(
    const struct replay *r, const char *name, struct span data, struct ws_err *err) {
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", r->opt->out, name);
    return file_write(path, data, 0644, err);
}

/* ---- frames ---- */

uint64_t replay_verdicts(const struct replay *r, enum pkt_verdict v) {
    uint64_t n = 0;
    for (size_t i = 0; i < r->n_frames; i++)
        n += r->frames[i].verdict == v;
    return n;
}

static int put_frames(const struct replay *r, struct ws_err *err) {
    struct buf b = {0};
    buf_printf(&b, "capture,frame,stamp,verdict,reason,plausibility\n");
    for (size_t i = 0; i < r->n_frames; i++) {
        const struct replay_frame *f = &r->frames[i];
        buf_printf(&b, "%u,%" PRIu64 ",%" PRIu64 ".%09" PRIu64 ",%s,\"", f->capture + 1, f->number,
            f->stamp_ns / 1000000000, f->stamp_ns % 1000000000, pkt_verdict_name(f->verdict));
        /* Free text of ours; a quote in it would break the line. */
        for (const char *why = f->why; why != NULL && *why != '\0'; why++)
            buf_u8(&b, *why == '"' ? '\'' : (uint8_t)*why);
        buf_printf(&b, "\",%s\n", f->plausibility == NULL ? "" : f->plausibility);
    }
    int rc = put_file(r, "frames.csv", buf_span(&b), err);
    buf_free(&b);
    return rc;
}

/* ---- diffs and proofs ---- */

static int put_diffs(const struct replay *r, struct ws_err *err) {
    struct buf b = {0};
    const struct map_version **list = ws_calloc(r->n_versions, sizeof(struct map_version *));
    for (size_t i = 0; i < r->n_versions; i++) {
        list[i] = &r->versions[i].version;
        export_geojsonseq_version(list[i], &r->map.frame, &b);
    }
    int rc = put_file(r, "diffs.geojsonl", buf_span(&b), err);
    buf_clear(&b);
    export_osmchange(list, r->n_versions, map_contract_current(onebox_cell(r->box, 0)->map), &b);
    if (rc == WS_OK)
        rc = put_file(r, "diffs.osc", buf_span(&b), err);
    free((void *)list);
    buf_free(&b);
    return rc;
}

static int put_proofs(struct replay *r, struct ws_err *err) {
    char dir[4096];
    (void)snprintf(dir, sizeof(dir), "%s/proofs", r->opt->out);
    int rc = dir_make(dir, err);
    struct buf b = {0};
    for (size_t i = 0; i < r->n_versions && rc == WS_OK; i++) {
        const struct replay_version *v = &r->versions[i];
        char name[64];
        (void)snprintf(name, sizeof(name), "proofs/version-%" PRIu64 ".proof", v->version.version);
        buf_clear(&b);
        rc = query_event_bundle(onebox_store(r->box, 0), v->version.height, v->sequence, &b, err);
        if (rc == WS_OK)
            rc = put_file(r, name, buf_span(&b), err);
    }
    buf_free(&b);
    return rc;
}

/* ---- report.json ---- */

static json_t *verdicts(const struct replay *r) {
    json_t *o = json_object();
    for (int v = 0; v < PKT_VERDICT_COUNT; v++) {
        if (replay_verdicts(r, (enum pkt_verdict)v) > 0)
            (void)json_object_set_new(o, pkt_verdict_name((enum pkt_verdict)v),
                json_integer((json_int_t)replay_verdicts(r, (enum pkt_verdict)v)));
    }
    return o;
}

static json_t *captures(const struct replay *r) {
    json_t *list = json_array();
    for (size_t i = 0; i < r->opt->n_captures; i++) {
        const struct replay_capture *c = &r->captures[i];
        json_t *o =
            json_pack("{s:I, s:I}", "capture", (json_int_t)i + 1, "frames", (json_int_t)c->frames);
        (void)json_object_set_new(o, "cut", c->cut == NULL ? json_null() : json_string(c->cut));
        (void)json_array_append_new(list, o);
    }
    return list;
}

static json_t *admissions(const struct replay *r) {
    json_t *o = json_object();
    for (int i = 0; i < ADMIT_OUTCOME_COUNT; i++)
        (void)json_object_set_new(o, admit_outcome_name((enum admit_outcome)i),
            json_integer((json_int_t)r->admit.outcome[i]));
    return o;
}

void replay_put_heard(const struct replay *r, json_t *o) {
    (void)json_object_set_new(o, "captures", captures(r));
    (void)json_object_set_new(o, "frames_by_verdict", verdicts(r));
    (void)json_object_set_new(o, "admission", admissions(r));
}

static json_t *plausibility(const struct replay *r) {
    struct plausibility_counters n = plausibility_counters(r->tracks);
    json_t *flags = json_object();
    for (int f = 0; f < PLAUSIBILITY_FLAG_COUNT; f++)
        (void)json_object_set_new(flags, plausibility_flag_name((enum plausibility_flag)f),
            json_integer((json_int_t)n.flag[f]));
    return json_pack("{s:I, s:I, s:I, s:o}", "clean", (json_int_t)n.clean, "flagged",
        (json_int_t)(n.judged - n.clean), "unjudged", (json_int_t)n.unjudged, "flags", flags);
}

static json_t *results(const struct replay *r) {
    json_t *o = json_object();
    const struct executor *ex = node_executor(onebox_node(r->box, 0));
    for (size_t i = 0; i < executor_contracts(ex); i++) {
        json_t *of = json_object();
        for (size_t code = 0; code < ARRAY_LEN(r->results[0]); code++) {
            struct tx_result res = {(uint8_t)i, (exec_code)code};
            if (r->results[i][code] > 0)
                (void)json_object_set_new(
                    of, executor_code_name(ex, res), json_integer((json_int_t)r->results[i][code]));
        }
        (void)json_object_set_new(o, executor_contract(ex, i)->ops->name, of);
    }
    return o;
}

static json_t *change_json(const struct change_record *c) {
    char words[CHANGE_WORDS_OCTETS];
    char hex[65];
    change_describe(c, words, sizeof(words));
    hex_encode(hex, c->id, 32);
    json_t *o = json_pack("{s:s, s:s, s:f, s:f, s:I, s:I, s:I, s:I}", "what", words, "id", hex,
        "bits", (double)c->bits_q16 / 65536.0, "threshold", (double)c->threshold_q16 / 65536.0,
        "vehicles", (json_int_t)c->vehicles, "groups", (json_int_t)c->groups, "issuers",
        (json_int_t)c->issuers, "software_families", (json_int_t)c->families);
    char when[32];
    its_format(when, c->first_seen);
    (void)json_object_set_new(o, "first_seen", json_string(when));
    its_format(when, c->last_seen);
    (void)json_object_set_new(o, "last_seen", json_string(when));
    return o;
}

static json_t *versions(const struct replay *r) {
    json_t *list = json_array();
    for (size_t i = 0; i < r->n_versions; i++) {
        const struct map_version *v = &r->versions[i].version;
        char when[32];
        its_format(when, v->block_time);
        json_t *changes = json_array();
        for (size_t k = 0; k < v->n_changes; k++)
            (void)json_array_append_new(changes, change_json(&v->changes[k]));
        (void)json_array_append_new(
            list, json_pack("{s:I, s:I, s:s, s:o}", "version", (json_int_t)v->version, "height",
                      (json_int_t)v->height, "time", when, "changes", changes));
    }
    return list;
}

static json_t *candidates(const struct replay *r) {
    enum { MOST = 1000 };
    struct map_candidate *c = ws_calloc(MOST, sizeof(*c));
    size_t n = map_contract_candidates(onebox_cell(r->box, 0)->map, c, MOST);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        static const char *const op[] = {"create", "modify", "delete"};
        char id[33];
        hex_encode(id, c[i].element_id, 16);
        json_t *o = json_pack("{s:s, s:s, s:s, s:f, s:f, s:I, s:I, s:I}", "element", id, "kind",
            element_kind_name(c[i].kind), "op", op[c[i].op], "bits",
            (double)c[i].bits_q16 / 65536.0, "threshold", (double)c[i].threshold_q16 / 65536.0,
            "vehicles", (json_int_t)c[i].vehicles, "groups", (json_int_t)c[i].groups, "issuers",
            (json_int_t)c[i].issuers);
        if (c[i].has_value)
            (void)json_object_set_new(o, "value", json_integer(c[i].value));
        (void)json_array_append_new(list, o);
    }
    free(c);
    return list;
}

static json_t *report(const struct replay *r) {
    char block[65];
    char root[65];
    char cell[65];
    const struct executor *ex = node_executor(onebox_node(r->box, 0));
    hex_encode(block, r->final_block, 32);
    hex_encode(root, r->state_root, 32);
    hex_encode(cell, executor_cell_id(ex), 32);
    json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
        "format", "wayside-replay-1", "cell_id", cell, "validators", (json_int_t)r->opt->validators,
        "height", (json_int_t)r->final_height, "final_block", block, "state_root", root,
        "transactions", (json_int_t)r->txs, "blocks", (json_int_t)r->blocks, "frames",
        (json_int_t)r->n_frames, "capture_seconds",
        (json_int_t)((r->last_stamp_ns - r->first_stamp_ns) / 1000000000), "backward_stamps",
        (json_int_t)r->backward_stamps, "skipped_seconds", (json_int_t)(r->skipped_us / 1000000),
        "map_elements", (json_int_t)r->map.n);
    replay_put_heard(r, o);
    (void)json_object_set_new(o, "plausibility", plausibility(r));
    (void)json_object_set_new(o, "results", results(r));
    (void)json_object_set_new(o, "versions", versions(r));
    (void)json_object_set_new(o, "candidates", candidates(r));
    return o;
}

static int put_json(const struct replay *r, struct ws_err *err) {
    json_t *o = report(r);
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
    json_decref(o);
    if (text == NULL)
        return ws_fail(err, WS_ENOMEM, "report.json: no memory");
    struct buf b = {0};
    buf_printf(&b, "%s\n", text);
    free(text);
    int rc = put_file(r, "report.json", buf_span(&b), err);
    buf_free(&b);
    return rc;
}

/* ---- report.html ---- */

static void row(struct buf *b, const char *name, uint64_t n) {
    buf_printf(b, "<tr><td>");
    text_html(b, name);
    buf_printf(b, "</td><td class=n>%" PRIu64 "</td></tr>\n", n);
}

static int put_html(const struct replay *r, struct ws_err *err) {
    struct buf b = {0};
    buf_printf(&b,
        "<!doctype html><html lang=en><meta charset=utf-8><title>Wayside replay</title>\n"
        "<meta name=viewport content=\"width=device-width\">\n"
        "<style>body{font:16px/1.5 Inter,system-ui,sans-serif;max-width:60rem;margin:2rem "
        "auto;padding:0 1rem;"
        "color-scheme:light dark}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem "
        ".8rem;"
        "border-bottom:1px solid "
        "#8884;text-align:left}.n{text-align:right;font-variant-numeric:tabular-nums}"
        "code{font-size:.85em;word-break:break-all}</style>\n<h1>Replay</h1>\n");
    char hex[65];
    hex_encode(hex, r->final_block, 32);
    buf_printf(&b,
        "<p>%zu frames, %" PRIu64 " blocks, %" PRIu64 " transactions, %zu map version%s.<br>"
        "Final block %" PRIu64 ": <code>%s</code></p>\n",
        r->n_frames, r->blocks, r->txs, r->n_versions, r->n_versions == 1 ? "" : "s",
        r->final_height, hex);
    for (size_t i = 0; i < r->opt->n_captures; i++) {
        if (r->captures[i].cut == NULL)
            continue;
        buf_printf(&b,
            "<p><strong>Capture %zu was read no further than its frame %" PRIu64 ":</strong> ",
            i + 1, r->captures[i].frames);
        text_html(&b, r->captures[i].cut);
        buf_printf(&b, "</p>\n");
    }
    buf_printf(&b, "<h2>Changes</h2>\n%s",
        r->n_versions == 0 ? "<p>None was agreed.</p>\n"
                           : "<table><tr><th>version<th>time<th>what</tr>\n");
    for (size_t i = 0; i < r->n_versions; i++) {
        const struct map_version *v = &r->versions[i].version;
        for (size_t k = 0; k < v->n_changes; k++) {
            char words[CHANGE_WORDS_OCTETS];
            char when[32];
            change_describe(&v->changes[k], words, sizeof(words));
            its_format(when, v->block_time);
            buf_printf(&b, "<tr><td class=n>%" PRIu64 "<td>%s<td>", v->version, when);
            text_html(&b, words);
            buf_printf(&b, "</tr>\n");
        }
    }
    buf_printf(
        &b, "%s<h2>Frames by verdict</h2>\n<table>\n", r->n_versions == 0 ? "" : "</table>\n");
    for (int v = 0; v < PKT_VERDICT_COUNT; v++) {
        uint64_t n = replay_verdicts(r, (enum pkt_verdict)v);
        if (n == 0)
            continue;
        buf_printf(&b, "<tr><td><code>%s</code></td><td>", pkt_verdict_name((enum pkt_verdict)v));
        text_html(&b, pkt_verdict_text((enum pkt_verdict)v));
        buf_printf(&b, "</td><td class=n>%" PRIu64 "</td></tr>\n", n);
    }
    buf_printf(&b, "</table>\n<h2>Admission</h2>\n<table>\n");
    for (int i = 0; i < ADMIT_OUTCOME_COUNT; i++)
        row(&b, admit_outcome_name((enum admit_outcome)i), r->admit.outcome[i]);
    struct plausibility_counters n = plausibility_counters(r->tracks);
    buf_printf(&b, "</table>\n<h2>Plausibility of verified messages</h2>\n<table>\n");
    row(&b, "clean", n.clean);
    row(&b, "flagged", n.judged - n.clean);
    row(&b, "nothing to compare with", n.unjudged);
    for (int f = 0; f < PLAUSIBILITY_FLAG_COUNT; f++) {
        if (n.flag[f] > 0)
            row(&b, plausibility_flag_text((enum plausibility_flag)f), n.flag[f]);
    }
    buf_printf(&b, "</table>\n</html>\n");
    int rc = put_file(r, "report.html", buf_span(&b), err);
    buf_free(&b);
    return rc;
}

int replay_write(struct replay *r, struct ws_err *err) {
    int rc = dir_make(r->opt->out, err);
    if (rc == WS_OK)
        rc = put_frames(r, err);
    if (rc == WS_OK)
        rc = put_file(r, "events.csv", buf_span(&r->events_csv), err);
    if (rc == WS_OK)
        rc = put_file(r, "genesis.bin", buf_span(&r->genesis), err);
    if (rc == WS_OK)
        rc = put_diffs(r, err);
    if (rc == WS_OK)
        rc = put_proofs(r, err);
    if (rc == WS_OK)
        rc = put_json(r, err);
    return rc == WS_OK ? put_html(r, err) : rc;
}
