/* rsuctl map watch: every published version into files, gapless, from where it stopped. */
#include "rsu/ctl/map_watch.h"

#include "base/mem.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MS = 1000, PAUSE_MAX_MS = 30000 };

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

bool watch_stop_asked(struct watch *w) {
    w->stopped = w->stopped || pause_ms(0);
    return w->stopped;
}

/* ---- following ---- */

static int same_cell(const struct watch *w, const json_t *answer, struct ws_err *err) {
    const char *cell = json_string_value(json_object_get(answer, "cell_id"));
    if (cell == NULL || strlen(cell) != sizeof(w->cell_id) - 1)
        return ws_fail(err, WS_EIO, "the unit does not say which cell it belongs to");
    if (w->cell_id[0] != '\0' && strcmp(w->cell_id, cell) != 0)
        return ws_fail(err, WS_EINPUT, "%s holds versions of cell %s, the unit belongs to %s",
            w->out, w->cell_id, cell);
    return WS_OK;
}

static int check_cell(struct watch *w, const json_t *answer, struct ws_err *err) {
    int rc = same_cell(w, answer, err);
    if (rc != WS_OK || !w->fresh)
        return rc;
    memcpy(w->cell_id, ctl_json_text(answer, "cell_id"), sizeof(w->cell_id));
    /* Before the first file, so that a folder with files and no state was not left by this command. */
    w->fresh = false;
    return watch_save_state(w, err);
}

/* 404: the unit has not got so far. It may be behind (restarted, joining by a snapshot), or another one behind the same
 * address; it catches up, unless it is of another cell. err: what it said. */
static int not_there_yet(struct watch *w, struct ws_err *err) {
    char path[96];
    json_t *list = NULL;
    json_t *answer = NULL;
    struct ws_err said = *err;
    (void)snprintf(path, sizeof(path), "/v1/map/versions?from=%llu", (unsigned long long)w->have);
    int rc = ctl_http_json(w->http, path, &list, err);
    long long current = rc == WS_OK ? ctl_json_number(list, "current") : 0;
    json_decref(list);
    if (rc == WS_OK && current < 1)
        rc = WS_ENOTFOUND;
    if (rc == WS_OK) {
        (void)snprintf(path, sizeof(path), "/v1/map/diffs?from=%lld&to=%lld", current, current);
        rc = ctl_http_json_most(w->http, path, CTL_DIFFS_MAX, &answer, err);
    }
    if (rc == WS_ENOTFOUND) { /* no unit of a cell at all */
        *err = said;
        return rc;
    }
    if (rc == WS_OK)
        rc = same_cell(w, answer, err);
    json_decref(answer);
    if (rc != WS_OK)
        return rc;
    return ws_fail(err, WS_EBUSY, "%.300s. %s has version %llu: the unit is behind, or another one",
        said.text, w->out, (unsigned long long)w->have);
}

static int not_answered(struct watch *w, int rc, struct ws_err *err) {
    if (rc != WS_ENOTFOUND)
        return rc;
    if (ctl_http_status(w->http) == 404)
        return not_there_yet(w, err);
    struct ws_err said = *err;
    return ws_fail(err, rc,
        "%.300s. Another unit may have them (--http); a new folder begins behind a whole map: "
        "rsuctl map snapshot, "
        "then --snapshot",
        said.text);
}

/* Everything there is. */
static int catch_up(struct watch *w, struct ws_err *err) {
    for (bool more = true; more && !watch_stop_asked(w);) {
        char path[64];
        json_t *answer = NULL;
        (void)snprintf(path, sizeof(path), "/v1/map/diffs?from=%llu", (unsigned long long)w->have);
        int rc = ctl_http_json_most(w->http, path, CTL_DIFFS_MAX, &answer, err);
        if (rc != WS_OK)
            return not_answered(w, rc, err);
        rc = check_cell(w, answer, err);
        size_t i;
        json_t *version;
        json_array_foreach(json_object_get(answer, "versions"), i, version) {
            if (rc == WS_OK && !watch_stop_asked(w))
                rc = watch_take(w, version, err);
        }
        more = json_is_true(json_object_get(answer, "more")) && i > 0;
        json_decref(answer);
        if (rc != WS_OK)
            return rc;
    }
    return WS_OK;
}

/* Says a reason to wait once, and when it is over. */
static void complain(char *said, size_t size, const char *reason) {
    if (strcmp(said, reason) == 0)
        return;
    (void)snprintf(said, size, "%s", reason);
    if (reason[0] == '\0')
        (void)fprintf(stderr, "rsuctl map watch: goes on\n");
    else
        (void)fprintf(stderr, "rsuctl map watch: %s; trying again\n", reason);
}

static int follow(struct watch *w, bool once) {
    struct ws_err err = {0};
    char said[sizeof(err.text)] = "";
    bool reached = false;
    unsigned pause = PAUSE_MS;
    for (;;) {
        int rc = catch_up(w, &err);
        watch_map_drop(w);
        if (w->stopped || (rc == WS_OK && once))
            return CTL_DONE;
        reached = reached || rc == WS_OK || rc == WS_EBUSY;
        bool later = rc == WS_EBUSY || (rc == WS_EIO && reached);
        if (rc != WS_OK && (once || !later))
            return ctl_fail(
                w->v, rc == WS_EINPUT || rc == WS_ENOTFOUND ? CTL_NO : CTL_UNREACHABLE, &err);
        complain(said, sizeof(said), rc == WS_OK ? "" : err.text);
        if (rc == WS_OK)
            pause = PAUSE_MS;
        if (pause_ms(pause))
            return CTL_DONE;
        if (rc != WS_OK && pause * 2 <= PAUSE_MAX_MS)
            pause *= 2;
    }
}

static bool choose_formats(struct watch *w, const struct ctl_list *names) {
    for (size_t k = 0; k < names->n; k++) {
        enum watch_format f = WATCH_JSON;
        if (!watch_format_named(names->v[k], &f))
            return false;
        w->wanted[f] = true;
    }
    if (names->n == 0)
        w->wanted[WATCH_GEOJSONSEQ] = w->wanted[WATCH_OSC] = true;
    return true;
}

struct belief {
    const char *genesis, *fingerprint, *trusted; /* NULL: not given */
};

static int begin_judging(struct watch *w, const struct belief *b) {
    struct ws_err err = {0};
    if (b->genesis == NULL)
        return CTL_DONE;
    int code = ctl_genesis_load(w->v, b->genesis, b->fingerprint, &w->genesis);
    if (code != CTL_DONE)
        return code;
    code = ctl_light_begin(&w->genesis, w->http, b->trusted, &w->light, &err);
    w->judged = code == CTL_DONE;
    return w->judged ? CTL_DONE : ctl_fail(w->v, (enum ctl_code)code, &err);
}

static int watch_unit(struct watch *w, const struct ctl_face *face, uint64_t from,
    const char *snapshot, const struct belief *b, bool once) {
    struct ws_err err = {0};
    int lock = -1;
    block_signals();
    int code = watch_open_folder(w, from, snapshot, &lock);
    if (code == CTL_DONE && ctl_http_open(face, &w->http, &err) != WS_OK)
        code = ctl_fail(w->v, CTL_UNREACHABLE, &err);
    if (code == CTL_DONE)
        code = begin_judging(w, b);
    if (code == CTL_DONE)
        code = follow(w, once);
    ctl_http_close(w->http);
    ctl_genesis_free(&w->genesis);
    if (lock >= 0)
        (void)close(lock);
    return code;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct watch *w = ws_alloc(sizeof(*w));
    struct ctl_face face = {.address = CTL_FACE_HERE};
    uint64_t from = 0;
    const char *snapshot = NULL;
    bool once = false;
    struct belief belief = {0};
    struct ctl_list names = {0};
    w->v = v;
    const struct ctl_option options[] = {
        {"http", CTL_FACE, &face, 0, 0},
        {"out", CTL_TEXT, (void *)&w->out, 0, 0},
        {"format", CTL_LIST, &names, 0, 0},
        {"from", CTL_NUMBER, &from, 1, INT64_MAX},
        {"snapshot", CTL_TEXT, (void *)&snapshot, 0, 0},
        {"genesis", CTL_TEXT, (void *)&belief.genesis, 0, 0},
        {"fingerprint", CTL_TEXT, (void *)&belief.fingerprint, 0, 0},
        {"trusted", CTL_TEXT, (void *)&belief.trusted, 0, 0},
        {"once", CTL_FLAG, &once, 0, 0},
        {"json", CTL_FLAG, &w->json, 0, 0},
    };
    int code;
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code)) {
        if (w->out == NULL)
            code = ctl_misuse(v, "--out is needed");
        else if (strlen(w->out) > PATH_MAX - 64)
            code = ctl_misuse(v, "--out: too long a path");
        else if (!choose_formats(w, &names))
            code = ctl_misuse(v, "--format: geojsonseq, osc, adiff, tnits or json");
        else if (from != 0 && snapshot != NULL)
            code = ctl_misuse(v, "--from and --snapshot say the same: one of them");
        else if (belief.genesis == NULL && (belief.trusted != NULL || belief.fingerprint != NULL))
            code = ctl_misuse(v, "--trusted and --fingerprint go with --genesis");
        else
            code = watch_unit(w, &face, from, snapshot, &belief, once);
    }
    free(w);
    return code;
}

const struct ctl_verb ctl_map_watch = {"map", "watch", "keep the published changes in files",
    "--out DIR [options]\n"
    "\n"
    "For each version after the one it has: DIR/NNNNNN.proof and a file for each format, then\n"
    "DIR/state.json, from which the next call goes on, also after it was killed. A version is "
    "never\n"
    "left out, and what state.json covers is never written again. Each record must follow on the "
    "one\n"
    "before. Stops on SIGINT and SIGTERM.\n"
    "\n"
    "A unit that cannot be reached any more, or has not got so far (restarted, joining, another "
    "one\n"
    "behind the same address), is asked again after 1 to 30 s. A unit makes osc and adiff of its "
    "last\n"
    "4096 versions; of older ones they are made here, from its whole map, which is held in memory\n"
    "meanwhile. Versions that it keeps no record of (exit code 1) are not to be had from it.\n"
    "\n"
    "  --out DIR           made when missing; one writer at a time\n"
    "  --format F          geojsonseq (.geojsonl), osc (.osc), adiff (.adiff), tnits (.tnits.xml)\n"
    "                      or json (.json); may be given again; geojsonseq and osc unless given.\n"
    "                      A folder gets one that it did not have from the next version on\n"
    "  --http ADDR         of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "  --from V            the version you have, for a new folder; 1, the base map, unless given\n"
    "  --snapshot FILE     of map snapshot or map net: the version you have, for a new folder\n"
    "  --genesis FILE      check on the way that a quorum signed each version; one that it did "
    "not\n"
    "                      stops the watch, exit code 1\n"
    "  --fingerprint HEX   what the genesis's fingerprint must be\n" CTL_TRUSTED_USAGE
    "  --once              fetch what is there and leave\n"
    "  --json              print a line of JSON for each version\n",
    run};
