/* One version of rsuctl map watch: its proof checked, its files written. */
#include "rsu/ctl/map_watch.h"

#include "base/mem.h"
#include "mapsvc/formats/export.h"
#include "rsu/ctl/map_proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the unit says a version as, and the ending of its file. */
static const struct {
    const char *name, *ending;
    bool needs_map; /* a limit is a tag of its lane, which is written whole */
} formats[WATCH_FORMATS] = {
    [WATCH_GEOJSONSEQ] = {"geojsonseq", "geojsonl", false},
    [WATCH_OSC] = {"osc", "osc", true},
    [WATCH_ADIFF] = {"adiff", "adiff", true},
    [WATCH_TNITS] = {"tnits", "tnits.xml", false},
    [WATCH_JSON] = {"json", "json", false},
};

bool watch_format_named(const char *name, enum watch_format *ret) {
    for (size_t i = 0; i < WATCH_FORMATS; i++) {
        if (strcmp(formats[i].name, name) == 0) {
            *ret = (enum watch_format)i;
            return true;
        }
    }
    return false;
}

const char *watch_format_ending(enum watch_format f) {
    return formats[f].ending;
}

/* The proof is about this version, and its record follows on the one before. */
static int check_proof(struct watch *w, struct proven *p, struct ws_err *err) {
    uint64_t n = w->have + 1;
    int code = w->judged ? ctl_map_prove(&w->genesis, &w->light, p, err) : ctl_map_look(p, err);
    if (code != CTL_DONE)
        return code == CTL_NO ? WS_EINPUT : WS_EIO;
    char previous[65];
    char cell[65];
    hex_encode(previous, p->version.previous_record, 32);
    hex_encode(cell, p->version.cell_id, 32);
    if (p->version.version != n)
        return ws_fail(err, WS_EINPUT, "%s: the proof is one of version %llu", p->file,
            (unsigned long long)p->version.version);
    if (strcmp(cell, w->cell_id) != 0)
        return ws_fail(err, WS_EINPUT, "%s: the proof is one of cell %s", p->file, cell);
    if (w->record[0] != '\0' && strcmp(previous, w->record) != 0)
        return ws_fail(err, WS_EINPUT, "%s: does not follow on version %llu, which %s holds",
            p->file, (unsigned long long)w->have, w->out);
    return WS_OK;
}

static int put_json(const struct watch *w, uint64_t n, const json_t *version, struct ws_err *err) {
    struct buf b = {0};
    char *text = json_dumps(version, JSON_INDENT(1));
    if (text == NULL)
        return ws_fail(err, WS_ENOMEM, "no memory for a version's JSON");
    buf_printf(&b, "%s\n", text);
    free(text);
    int rc = watch_put(w, n, "json", buf_span(&b), err);
    buf_free(&b);
    return rc;
}

/* As the unit would write it, from the map that is carried along. */
static int put_own(
    struct watch *w, const struct map_version *v, enum watch_format f, struct ws_err *err) {
    struct buf b = {0};
    struct mapset part;
    int rc = watch_map_reach(w, v, err);
    if (rc == WS_ENOTFOUND) {
        struct ws_err said = *err;
        return ws_fail(err, rc,
            "%.300s. The unit has the record of version %llu, but makes no %s of it any more: go "
            "on with other formats (--format), or begin a new folder behind a whole map "
            "(rsuctl map snapshot, then --snapshot)",
            said.text, (unsigned long long)v->version, formats[f].name);
    }
    if (rc != WS_OK)
        return ws_fail_in(
            err, "%s of version %llu", formats[f].name, (unsigned long long)v->version);
    map_part_of(&w->carried.map, &w->carried.names, &v, 1, &part);
    if (f == WATCH_ADIFF)
        export_osmchange_augmented(&v, 1, &part, &b);
    else
        export_osmchange(&v, 1, &part, &b);
    map_part_free(&part);
    rc = watch_put(w, v->version, formats[f].ending, buf_span(&b), err);
    buf_free(&b);
    return rc;
}

/* The unit had the version as JSON a moment ago. */
static int refused(
    const struct watch *w, const struct map_version *v, enum watch_format f, struct ws_err *err) {
    struct ws_err said = *err;
    if (ctl_http_status(w->http) == 404) /* asked was another unit of those behind the address */
        return ws_fail(err, WS_EBUSY, "%.400s: it is behind", said.text);
    return ws_fail(err, WS_ENOTFOUND, "%.300s: version %llu went while %s of it was asked for",
        said.text, (unsigned long long)v->version, formats[f].name);
}

static int put_fetched(
    struct watch *w, const struct map_version *v, enum watch_format f, struct ws_err *err) {
    char path[128];
    struct buf b = {0};
    (void)snprintf(path, sizeof(path), "/v1/map/diffs?from=%llu&to=%llu&format=%s",
        (unsigned long long)(v->version - 1), (unsigned long long)v->version, formats[f].name);
    int rc = ctl_http_get(w->http, path, CTL_FILE_MAX, &b, err);
    if (rc == WS_OK)
        rc = watch_put(w, v->version, formats[f].ending, buf_span(&b), err);
    else if (rc == WS_ENOTFOUND && ctl_http_status(w->http) == 410 && formats[f].needs_map)
        rc = put_own(w, v, f, err);
    else if (rc == WS_ENOTFOUND)
        rc = refused(w, v, f, err);
    buf_free(&b);
    return rc;
}

static void tell(const struct watch *w, const json_t *version) {
    size_t i;
    json_t *change;
    json_t *words = json_array();
    json_array_foreach(json_object_get(version, "changes"), i, change)(void)
        json_array_append_new(words, json_string(ctl_json_text(change, "description")));
    if (w->json) {
        json_t *line = json_pack("{s:I, s:s, s:O}", "version", (json_int_t)w->have, "time",
            ctl_json_text(version, "time"), "changes", words);
        (void)json_dumpf(line, stdout, JSON_COMPACT);
        (void)printf("\n");
        json_decref(line);
    } else {
        (void)printf(
            "version %llu, %s\n", (unsigned long long)w->have, ctl_json_text(version, "time"));
        json_array_foreach(words, i, change)(void) printf("  %s\n", json_string_value(change));
    }
    (void)fflush(stdout);
    json_decref(words);
}

static int put_formats(
    struct watch *w, const struct map_version *v, const json_t *version, struct ws_err *err) {
    int rc = WS_OK;
    for (size_t i = 0; i < WATCH_FORMATS && rc == WS_OK; i++) {
        enum watch_format f = (enum watch_format)i;
        if (!w->wanted[f])
            continue;
        if (f == WATCH_JSON)
            rc = put_json(w, v->version, version, err);
        else if (formats[f].needs_map && w->carried.there)
            rc = put_own(w, v, f, err);
        else
            rc = put_fetched(w, v, f, err);
    }
    return rc;
}

int watch_take(struct watch *w, const json_t *version, struct ws_err *err) {
    uint64_t n = w->have + 1;
    char name[32];
    (void)snprintf(name, sizeof(name), "version %llu", (unsigned long long)n);
    if (ctl_json_number(version, "version") != (long long)n)
        return ws_fail(err, WS_EIO, "the unit sent version %lld, wanted was %llu",
            ctl_json_number(version, "version"), (unsigned long long)n);
    struct proven *p = ws_alloc(sizeof(*p));
    p->file = name;
    int rc = ctl_json_octets(version, "proof", &p->octets, err);
    if (rc == WS_OK)
        rc = check_proof(w, p, err);
    if (rc == WS_OK)
        rc = watch_put(w, n, "proof", buf_span(&p->octets), err);
    if (rc == WS_OK)
        rc = put_formats(w, &p->version, version, err);
    if (rc == WS_OK) {
        w->have = n;
        hex_encode(w->record, p->record, 32);
        rc = watch_save_state(w, err);
    }
    proven_free(p);
    free(p);
    if (rc == WS_OK)
        tell(w, version);
    return rc;
}
