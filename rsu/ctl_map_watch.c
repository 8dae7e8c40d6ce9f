/* rsuctl map watch: every published version into files, gapless, from where it stopped. */
#include "rsu/ctl.h"
#include "rsu/ctl_http.h"

#include "base/fileio.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STATE_MAX = 65536, PAUSE_MS = 1000 };

struct watch {
    const struct ctl_verb *v;
    const char *out;
    bool json; /* a line for each version */
    struct ctl_http *http;
    uint64_t have; /* last version that is in the folder */
    char cell_id[65]; /* "" until known */
};

/* ---- signals: blocked but for the pauses, so that no file is left half way ---- */

static void block_signals(void) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

/* True: a signal asks to stop. */
static bool pause_ms(unsigned ms) {
    sigset_t set;
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    return sigtimedwait(&set, NULL, &t) > 0;
}

/* ---- state.json ---- */

static int load_state(struct watch *w, struct ws_err *err) {
    char path[PATH_MAX];
    struct buf b = {0};
    (void)snprintf(path, sizeof(path), "%s/state.json", w->out);
    int rc = file_read(path, STATE_MAX, &b, err);
    if (rc == WS_OK) {
        json_t *o = json_loadb((const char *)b.p, b.n, 0, NULL);
        const char *cell = json_string_value(json_object_get(o, "cell_id"));
        json_int_t version = json_integer_value(json_object_get(o, "version"));
        if (cell == NULL || strlen(cell) != sizeof(w->cell_id) - 1 || version < 1) {
            rc = ws_fail(err, WS_EINPUT, "%s: not what this command writes", path);
        } else {
            memcpy(w->cell_id, cell, sizeof(w->cell_id));
            w->have = (uint64_t)version;
        }
        json_decref(o);
    }
    buf_free(&b);
    return rc;
}

static int save_state(const struct watch *w, struct ws_err *err) {
    char path[PATH_MAX];
    struct buf b = {0};
    (void)snprintf(path, sizeof(path), "%s/state.json", w->out);
    buf_printf(
        &b, "{\"cell_id\": \"%s\", \"version\": %llu}\n", w->cell_id, (unsigned long long)w->have);
    int rc = file_write(path, buf_span(&b), 0644, err);
    buf_free(&b);
    return rc;
}

/* ---- one version ---- */

static int put(const struct watch *w, uint64_t version, const char *ending, struct span data,
    struct ws_err *err) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%06llu.%s", w->out, (unsigned long long)version, ending);
    return file_write(path, data, 0644, err);
}

static int fetch_into(
    struct watch *w, uint64_t version, const char *format, const char *ending, struct ws_err *err) {
    char path[128];
    struct buf b = {0};
    (void)snprintf(path, sizeof(path), "/v1/map/diffs?from=%llu&to=%llu&format=%s",
        (unsigned long long)(version - 1), (unsigned long long)version, format);
    int rc = ctl_http_get(w->http, path, &b, err);
    if (rc == WS_OK)
        rc = put(w, version, ending, buf_span(&b), err);
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

/* Proof and words come with the JSON of the version; the other formats are asked for each. */
static int take_version(struct watch *w, const json_t *version, struct ws_err *err) {
    uint64_t n = w->have + 1;
    if (ctl_json_number(version, "version") != (long long)n)
        return ws_fail(err, WS_EIO, "the unit sent version %lld, wanted was %llu",
            ctl_json_number(version, "version"), (unsigned long long)n);
    struct buf proof = {0};
    int rc = ctl_json_octets(version, "proof", &proof, err);
    if (rc == WS_OK)
        rc = put(w, n, "proof", buf_span(&proof), err);
    buf_free(&proof);
    if (rc == WS_OK)
        rc = fetch_into(w, n, "geojsonseq", "geojsonl", err);
    if (rc == WS_OK)
        rc = fetch_into(w, n, "osc", "osc", err);
    if (rc == WS_OK) {
        w->have = n;
        rc = save_state(w, err);
    }
    if (rc != WS_OK)
        return rc;
    tell(w, version);
    return WS_OK;
}

static int check_cell(struct watch *w, const json_t *answer, struct ws_err *err) {
    const char *cell = json_string_value(json_object_get(answer, "cell_id"));
    if (cell == NULL || strlen(cell) != sizeof(w->cell_id) - 1)
        return ws_fail(err, WS_EIO, "the unit does not say which cell it belongs to");
    if (w->cell_id[0] != '\0' && strcmp(w->cell_id, cell) != 0)
        return ws_fail(err, WS_EINPUT, "%s holds versions of cell %s, the unit belongs to %s",
            w->out, w->cell_id, cell);
    memcpy(w->cell_id, cell, sizeof(w->cell_id));
    return WS_OK;
}

/* Everything there is. */
static int catch_up(struct watch *w, struct ws_err *err) {
    for (bool more = true; more;) {
        char path[64];
        json_t *answer = NULL;
        (void)snprintf(path, sizeof(path), "/v1/map/diffs?from=%llu", (unsigned long long)w->have);
        int rc = ctl_http_json(w->http, path, &answer, err);
        if (rc == WS_ENOTFOUND) {
            struct ws_err said = *err;
            (void)ws_fail(err, rc,
                "%.350s. Another unit may have them (--http); a new folder begins behind them by "
                "--from, one less than the oldest kept",
                said.text);
        }
        if (rc != WS_OK)
            return rc;
        rc = check_cell(w, answer, err);
        size_t i;
        json_t *version;
        json_array_foreach(json_object_get(answer, "versions"), i, version) {
            if (rc == WS_OK)
                rc = take_version(w, version, err);
        }
        more = json_is_true(json_object_get(answer, "more")) && i > 0;
        json_decref(answer);
        if (rc != WS_OK)
            return rc;
    }
    return WS_OK;
}

static int follow(struct watch *w, bool once) {
    struct ws_err err = {0};
    bool reached = false;
    bool complained = false;
    for (;;) {
        int rc = catch_up(w, &err);
        reached = reached || rc == WS_OK;
        bool later = rc == WS_EBUSY || (rc == WS_EIO && reached);
        if (rc == WS_OK && once)
            return CTL_DONE;
        if (rc != WS_OK && (once || !later))
            return ctl_fail(
                w->v, rc == WS_EINPUT || rc == WS_ENOTFOUND ? CTL_NO : CTL_UNREACHABLE, &err);
        if (rc != WS_OK && !complained)
            (void)fprintf(stderr, "rsuctl map watch: %s; trying again\n", err.text);
        complained = rc != WS_OK;
        if (pause_ms(PAUSE_MS))
            return CTL_DONE;
    }
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct watch w = {.v = v};
    const char *address = "127.0.0.1:8100";
    uint64_t from = 0;
    bool once = false;
    const struct ctl_option options[] = {
        {"http", CTL_TEXT, (void *)&address, 0, 0},
        {"out", CTL_TEXT, (void *)&w.out, 0, 0},
        {"from", CTL_NUMBER, &from, 1, INT64_MAX},
        {"once", CTL_FLAG, &once, 0, 0},
        {"json", CTL_FLAG, &w.json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code))
        return code;
    if (w.out == NULL)
        return ctl_misuse(v, "--out is needed");
    if (strlen(w.out) > PATH_MAX - 64)
        return ctl_misuse(v, "--out: too long a path");
    struct ws_err err = {0};
    int rc = dir_make(w.out, &err);
    if (rc == WS_OK)
        rc = load_state(&w, &err);
    if (rc == WS_ENOTFOUND) {
        w.have = from == 0 ? 1 : from;
        rc = WS_OK;
    } else if (rc == WS_OK && from != 0 && from != w.have) {
        return ctl_misuse(v, "--from %llu: %s has everything up to version %llu; leave --from away",
            (unsigned long long)from, w.out, (unsigned long long)w.have);
    }
    if (rc == WS_OK)
        rc = ctl_http_open(address, &w.http, &err);
    if (rc != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    block_signals();
    code = follow(&w, once);
    ctl_http_close(w.http);
    return code;
}

const struct ctl_verb ctl_map_watch = {"map", "watch", "keep the published changes in files",
    "--out DIR [options]\n"
    "\n"
    "For each version after the one it has: DIR/NNNNNN.proof, .geojsonl and .osc, then "
    "DIR/state.json, from\n"
    "which the next call goes on. A version is never left out. Stops on SIGINT and SIGTERM.\n"
    "\n"
    "  --out DIR     made when missing\n"
    "  --http ADDR   of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "  --from V      the version you have, for a new folder; 1, the base map, unless given\n"
    "  --once        fetch what is there and leave\n"
    "  --json        print a line of JSON for each version\n",
    run};
